package crosstie.policy;

import crosstie.policy.Types.Attr;
import crosstie.policy.Types.Context;
import crosstie.policy.Types.Counts;
import crosstie.policy.Types.Entry;
import crosstie.policy.Types.Peer;
import crosstie.policy.Types.Quota;
import crosstie.policy.Types.Refusal;
import crosstie.policy.Types.Value;
import java.util.ArrayList;
import java.util.List;

/** What {@code on_connection}, {@code on_session} and {@code on_link} are asked, and what they answer. */
public final class Admission {
    private Admission() {}

    /** {@code recheck}: this connection is open already, its grant ran out. */
    public record Connection(Context ctx, Peer peer, boolean recheck, long maxFrameSize, int channelMax, Long idleTimeoutMs,
            List<String> offeredCapabilities, List<String> desiredCapabilities, List<Entry> properties, Counts counts, Limits limits,
            List<String> truncated) {
        static Connection read(Reader in) {
            Context ctx = Context.NONE;
            Peer peer = Peer.NONE;
            boolean recheck = false;
            long maxFrameSize = 0;
            int channelMax = 0;
            Long idleTimeoutMs = null;
            List<String> offeredCapabilities = List.of();
            List<String> desiredCapabilities = List.of();
            List<Entry> properties = List.of();
            Counts counts = Counts.NONE;
            Limits limits = null;
            List<String> truncated = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "ctx" -> ctx = Context.read(in);
                    case "peer" -> peer = Peer.read(in);
                    case "recheck" -> recheck = in.flag();
                    case "max-frame-size" -> maxFrameSize = in.u32();
                    case "channel-max" -> channelMax = in.u16();
                    case "idle-timeout-ms" -> idleTimeoutMs = in.u32();
                    case "offered-capabilities" -> offeredCapabilities = in.list(Reader::text);
                    case "desired-capabilities" -> desiredCapabilities = in.list(Reader::text);
                    case "properties" -> properties = in.list(Entry::read);
                    case "counts" -> counts = Counts.read(in);
                    case "limits" -> limits = Limits.read(in);
                    case "truncated" -> truncated = in.list(Reader::text);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Connection(ctx, peer, recheck, maxFrameSize, channelMax, idleTimeoutMs, offeredCapabilities, desiredCapabilities,
                    properties, counts, limits == null ? new Limits() : limits, truncated);
        }

        void write(Writer out) {
            out.open();
            out.key("ctx");
            ctx.write(out);
            out.key("peer");
            peer.write(out);
            out.key("recheck");
            out.flag(recheck);
            out.field("max-frame-size", maxFrameSize);
            out.field("channel-max", channelMax);
            out.field("idle-timeout-ms", idleTimeoutMs);
            out.key("offered-capabilities");
            out.list(offeredCapabilities, Writer::item);
            out.key("desired-capabilities");
            out.list(desiredCapabilities, Writer::item);
            out.key("properties");
            out.list(properties, Entry::write);
            out.key("counts");
            counts.write(out);
            out.key("limits");
            limits.write(out);
            out.key("truncated");
            out.list(truncated, Writer::item);
            out.close();
        }
    }

    public record Session(Context ctx, Peer peer, long sessionsOpen) {
        static Session read(Reader in) {
            Context ctx = Context.NONE;
            Peer peer = Peer.NONE;
            long sessionsOpen = 0;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "ctx" -> ctx = Context.read(in);
                    case "peer" -> peer = Peer.read(in);
                    case "sessions-open" -> sessionsOpen = in.u32();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Session(ctx, peer, sessionsOpen);
        }

        void write(Writer out) {
            out.open();
            out.key("ctx");
            ctx.write(out);
            out.key("peer");
            peer.write(out);
            out.field("sessions-open", sessionsOpen);
            out.close();
        }
    }

    /** The peer's own: it wants to send, or to receive. */
    public enum Role {
        SENDER, RECEIVER;

        static Role read(Reader in) {
            return switch (in.key()) {
                case "sender" -> SENDER;
                case "receiver" -> RECEIVER;
                default -> null;
            };
        }
    }

    public enum Expiry {
        LINK_DETACH, SESSION_END, CONNECTION_CLOSE, NEVER;

        static Expiry read(Reader in) {
            return switch (in.key()) {
                case "link-detach" -> LINK_DETACH;
                case "session-end" -> SESSION_END;
                case "connection-close" -> CONNECTION_CLOSE;
                case "never" -> NEVER;
                default -> null;
            };
        }
    }

    public record Filter(String name, Value val) {
        static Filter read(Reader in) {
            String name = "";
            Value val = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "name" -> name = in.text();
                    case "val" -> val = Value.read(in);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Filter(name, val);
        }

        void write(Writer out) {
            out.open();
            out.field("name", name);
            if (val != null) {
                out.key("val");
                Value.write(val, out);
            }
            out.close();
        }
    }

    public record Terminus(String address, int durable, Expiry expiry, long timeoutS, boolean dynamic, boolean coordinator,
            String distribution, List<Filter> filters, List<String> capabilities) {
        static Terminus read(Reader in) {
            String address = null;
            int durable = 0;
            Expiry expiry = null;
            long timeoutS = 0;
            boolean dynamic = false;
            boolean coordinator = false;
            String distribution = null;
            List<Filter> filters = List.of();
            List<String> capabilities = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "address" -> address = in.text();
                    case "durable" -> durable = in.u8();
                    case "expiry" -> expiry = Expiry.read(in);
                    case "timeout-s" -> timeoutS = in.u32();
                    case "dynamic" -> dynamic = in.flag();
                    case "coordinator" -> coordinator = in.flag();
                    case "distribution" -> distribution = in.text();
                    case "filters" -> filters = in.list(Filter::read);
                    case "capabilities" -> capabilities = in.list(Reader::text);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Terminus(address, durable, expiry, timeoutS, dynamic, coordinator, distribution, filters, capabilities);
        }

        void write(Writer out) {
            out.open();
            out.field("address", address);
            out.field("durable", durable);
            out.field("expiry", expiry);
            out.field("timeout-s", timeoutS);
            out.key("dynamic");
            out.flag(dynamic);
            out.key("coordinator");
            out.flag(coordinator);
            out.field("distribution", distribution);
            out.key("filters");
            out.list(filters, Filter::write);
            out.key("capabilities");
            out.list(capabilities, Writer::item);
            out.close();
        }
    }

    public enum SettleMode {
        UNSETTLED, SETTLED, MIXED;

        static SettleMode read(Reader in) {
            return switch (in.key()) {
                case "unsettled" -> UNSETTLED;
                case "settled" -> SETTLED;
                case "mixed" -> MIXED;
                default -> null;
            };
        }
    }

    public record Link(Context ctx, Peer peer, String name, Role role, Terminus source, Terminus target, SettleMode settle,
            Long maxMessageSize, List<String> desiredCapabilities, List<Entry> properties, long linksOpen, List<String> truncated) {
        static Link read(Reader in) {
            Context ctx = Context.NONE;
            Peer peer = Peer.NONE;
            String name = "";
            Role role = null;
            Terminus source = null;
            Terminus target = null;
            SettleMode settle = null;
            Long maxMessageSize = null;
            List<String> desiredCapabilities = List.of();
            List<Entry> properties = List.of();
            long linksOpen = 0;
            List<String> truncated = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "ctx" -> ctx = Context.read(in);
                    case "peer" -> peer = Peer.read(in);
                    case "name" -> name = in.text();
                    case "role" -> role = Role.read(in);
                    case "source" -> source = Terminus.read(in);
                    case "target" -> target = Terminus.read(in);
                    case "settle" -> settle = SettleMode.read(in);
                    case "max-message-size" -> maxMessageSize = in.u64();
                    case "desired-capabilities" -> desiredCapabilities = in.list(Reader::text);
                    case "properties" -> properties = in.list(Entry::read);
                    case "links-open" -> linksOpen = in.u32();
                    case "truncated" -> truncated = in.list(Reader::text);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Link(ctx, peer, name, role, source, target, settle, maxMessageSize, desiredCapabilities, properties, linksOpen,
                    truncated);
        }

        void write(Writer out) {
            out.open();
            out.key("ctx");
            ctx.write(out);
            out.key("peer");
            peer.write(out);
            out.field("name", name);
            out.field("role", role);
            if (source != null) {
                out.key("source");
                source.write(out);
            }
            if (target != null) {
                out.key("target");
                target.write(out);
            }
            out.field("settle", settle);
            out.field("max-message-size", maxMessageSize);
            out.key("desired-capabilities");
            out.list(desiredCapabilities, Writer::item);
            out.key("properties");
            out.list(properties, Entry::write);
            out.field("links-open", linksOpen);
            out.key("truncated");
            out.list(truncated, Writer::item);
            out.close();
        }
    }

    /** A {@link Grant}, or {@link #deny}. */
    public abstract static sealed class Answer {
        abstract void write(Writer out);

        static Answer read(Reader in) {
            Answer answer = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "allow" -> answer = Grant.of(in);
                    case "deny" -> answer = deny(Refusal.read(in));
                    default -> in.skip();
                }
            }
            in.leave();
            return answer;
        }
    }

    public static Answer deny(Refusal refusal) {
        return new Deny(refusal);
    }

    private static final class Deny extends Answer {
        private final Refusal refusal;

        Deny(Refusal refusal) {
            this.refusal = refusal;
        }

        @Override
        void write(Writer out) {
            out.open();
            out.key("deny");
            refusal.write(out);
            out.close();
        }
    }

    /** Allows, with what it lowers, counts and grants. */
    public static final class Grant extends Answer {
        private final List<Quota> quotas = new ArrayList<>();
        private final List<Attr> attributes = new ArrayList<>();
        private Limits limits;
        private Long recheckAfterMs;
        private String note;

        static Grant of(Reader in) {
            Grant grant = new Grant();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "limits" -> grant.limits = Limits.read(in);
                    case "quotas" -> grant.quotas.addAll(in.list(Quota::read));
                    case "attributes" -> grant.attributes.addAll(in.list(Attr::read));
                    case "recheck-after-ms" -> grant.recheckAfterMs = in.u32();
                    case "note" -> grant.note = in.text();
                    default -> in.skip();
                }
            }
            in.leave();
            return grant;
        }

        public Grant limits(Limits limits) {
            this.limits = limits;
            return this;
        }

        public Grant quota(String key, long max) {
            quotas.add(new Quota(key, max));
            return this;
        }

        public Grant attribute(String key, String val) {
            attributes.add(new Attr(key, val));
            return this;
        }

        /** Asks again after that time, 100 ms and more. */
        public Grant recheckAfterMs(long ms) {
            recheckAfterMs = ms;
            return this;
        }

        public Grant note(String note) {
            this.note = note;
            return this;
        }

        @Override
        void write(Writer out) {
            out.open();
            out.key("allow");
            out.open();
            if (limits != null) {
                out.key("limits");
                limits.write(out);
            }
            out.field("quotas", quotas, Quota::write);
            out.field("attributes", attributes, Attr::write);
            out.field("recheck-after-ms", recheckAfterMs);
            out.field("note", note);
            out.close();
            out.close();
        }
    }
}
