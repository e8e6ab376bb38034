package crosstie.policy;

import crosstie.policy.Types.Attr;
import crosstie.policy.Types.Context;
import java.util.ArrayList;
import java.util.List;

/** What {@code on_failover} is asked, and what it answers. */
public final class Failover {
    private Failover() {}

    public enum Origin {
        CONFIGURED, ADVERTISED, REDIRECTED;

        static Origin read(Reader in) {
            return switch (in.key()) {
                case "configured" -> CONFIGURED;
                case "advertised" -> ADVERTISED;
                case "redirected" -> REDIRECTED;
                default -> null;
            };
        }
    }

    public enum Scheme {
        AMQP, AMQPS, WS, WSS;

        static Scheme read(Reader in) {
            return switch (in.key()) {
                case "amqp" -> AMQP;
                case "amqps" -> AMQPS;
                case "ws" -> WS;
                case "wss" -> WSS;
                default -> null;
            };
        }
    }

    /**
     * {@code host} is what is dialled, {@code hostname} what the peer's list wants in the router's open. {@code lastRttUs} and
     * {@code certificateNotAfterMs} are of the last success.
     */
    public record Candidate(String host, int port, Scheme scheme, String hostname, Origin origin, int priority, List<Attr> labels,
            long attempts, long failuresInRow, String lastError, String lastCondition, Long lastAttemptAtMs, Long lastSuccessAtMs,
            Long lastRttUs, Long certificateNotAfterMs) {
        /** What stands under that key in the configuration, or null. */
        public String label(String key) {
            for (Attr label : labels) {
                if (label.key().equals(key)) {
                    return label.val();
                }
            }
            return null;
        }

        static Candidate read(Reader in) {
            String host = "";
            int port = 0;
            Scheme scheme = null;
            String hostname = null;
            Origin origin = null;
            int priority = 0;
            List<Attr> labels = List.of();
            long attempts = 0;
            long failuresInRow = 0;
            String lastError = null;
            String lastCondition = null;
            Long lastAttemptAtMs = null;
            Long lastSuccessAtMs = null;
            Long lastRttUs = null;
            Long certificateNotAfterMs = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "host" -> host = in.text();
                    case "port" -> port = in.u16();
                    case "scheme" -> scheme = Scheme.read(in);
                    case "hostname" -> hostname = in.text();
                    case "origin" -> origin = Origin.read(in);
                    case "priority" -> priority = in.u8();
                    case "labels" -> labels = in.list(Attr::read);
                    case "attempts" -> attempts = in.u32();
                    case "failures-in-row" -> failuresInRow = in.u32();
                    case "last-error" -> lastError = in.text();
                    case "last-condition" -> lastCondition = in.text();
                    case "last-attempt-at-ms" -> lastAttemptAtMs = in.u64();
                    case "last-success-at-ms" -> lastSuccessAtMs = in.u64();
                    case "last-rtt-us" -> lastRttUs = in.u32();
                    case "certificate-not-after-ms" -> certificateNotAfterMs = in.u64();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Candidate(host, port, scheme, hostname, origin, priority, labels, attempts, failuresInRow, lastError,
                    lastCondition, lastAttemptAtMs, lastSuccessAtMs, lastRttUs, certificateNotAfterMs);
        }

        void write(Writer out) {
            out.open();
            out.field("host", host);
            out.field("port", port);
            out.field("scheme", scheme);
            out.field("hostname", hostname);
            out.field("origin", origin);
            out.field("priority", priority);
            out.key("labels");
            out.list(labels, Attr::write);
            out.field("attempts", attempts);
            out.field("failures-in-row", failuresInRow);
            out.field("last-error", lastError);
            out.field("last-condition", lastCondition);
            out.field("last-attempt-at-ms", lastAttemptAtMs);
            out.field("last-success-at-ms", lastSuccessAtMs);
            out.field("last-rtt-us", lastRttUs);
            out.field("certificate-not-after-ms", certificateNotAfterMs);
            out.close();
        }
    }

    public enum Cause {
        STARTUP, LOST, EXHAUSTED, REDIRECTED, RELOAD, RECONSIDER;

        static Cause read(Reader in) {
            return switch (in.key()) {
                case "startup" -> STARTUP;
                case "lost" -> LOST;
                case "exhausted" -> EXHAUSTED;
                case "redirected" -> REDIRECTED;
                case "reload" -> RELOAD;
                case "reconsider" -> RECONSIDER;
                default -> null;
            };
        }
    }

    /** Candidates stand in the order that the router would take; {@code current} is an index of them. */
    public record Request(Context ctx, String connector, String role, Cause cause, long round, Long current, Long downSinceMs,
            List<Candidate> candidates) {
        static Request read(Reader in) {
            Context ctx = Context.NONE;
            String connector = "";
            String role = "";
            Cause cause = null;
            long round = 0;
            Long current = null;
            Long downSinceMs = null;
            List<Candidate> candidates = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "ctx" -> ctx = Context.read(in);
                    case "connector" -> connector = in.text();
                    case "role" -> role = in.text();
                    case "cause" -> cause = Cause.read(in);
                    case "round" -> round = in.u32();
                    case "current" -> current = in.u32();
                    case "down-since-ms" -> downSinceMs = in.u64();
                    case "candidates" -> candidates = in.list(Candidate::read);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Request(ctx, connector, role, cause, round, current, downSinceMs, candidates);
        }

        void write(Writer out) {
            out.open();
            out.key("ctx");
            ctx.write(out);
            out.field("connector", connector);
            out.field("role", role);
            out.field("cause", cause);
            out.field("round", round);
            out.field("current", current);
            out.field("down-since-ms", downSinceMs);
            out.key("candidates");
            out.list(candidates, Candidate::write);
            out.close();
        }
    }

    private record Pick(long index, Long delayMs) {
        static Pick read(Reader in) {
            long index = 0;
            Long delayMs = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "index" -> index = in.u32();
                    case "delay-ms" -> delayMs = in.u32();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Pick(index, delayMs);
        }

        void write(Writer out) {
            out.open();
            out.field("index", index);
            out.field("delay-ms", delayMs);
            out.close();
        }
    }

    /** The order to dial in. A candidate without a pick is out of this round; no pick drops all. */
    public static final class Answer {
        private final List<Pick> order = new ArrayList<>();
        private Long retryAfterMs;
        private Long reconsiderAfterMs;
        private String note;

        static Answer read(Reader in) {
            Answer answer = new Answer();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "order" -> answer.order.addAll(in.list(Pick::read));
                    case "retry-after-ms" -> answer.retryAfterMs = in.u32();
                    case "reconsider-after-ms" -> answer.reconsiderAfterMs = in.u32();
                    case "note" -> answer.note = in.text();
                    default -> in.skip();
                }
            }
            in.leave();
            return answer;
        }

        /** The candidate at that index is next. */
        public Answer pick(int index) {
            order.add(new Pick(index, null));
            return this;
        }

        /** As {@link #pick(int)}, that long after the pick before it failed; the first, after the answer. */
        public Answer pick(int index, long delayMs) {
            order.add(new Pick(index, delayMs));
            return this;
        }

        /** When to begin a new round after this one. */
        public Answer retryAfterMs(long ms) {
            retryAfterMs = ms;
            return this;
        }

        /** When to ask again while connected, 100 ms and more. */
        public Answer reconsiderAfterMs(long ms) {
            reconsiderAfterMs = ms;
            return this;
        }

        public Answer note(String note) {
            this.note = note;
            return this;
        }

        void write(Writer out) {
            out.open();
            out.key("order");
            out.list(order, Pick::write);
            out.field("retry-after-ms", retryAfterMs);
            out.field("reconsider-after-ms", reconsiderAfterMs);
            out.field("note", note);
            out.close();
        }
    }
}
