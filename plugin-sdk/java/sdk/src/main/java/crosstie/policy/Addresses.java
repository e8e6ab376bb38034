package crosstie.policy;

import crosstie.policy.Types.Context;
import crosstie.policy.Types.Peer;
import crosstie.policy.Types.Refusal;
import java.util.List;

/** What {@code on_address} is asked, and what it answers. */
public final class Addresses {
    private Addresses() {}

    public enum Direction {
        INBOUND, OUTBOUND;

        static Direction read(Reader in) {
            return switch (in.key()) {
                case "inbound" -> INBOUND;
                case "outbound" -> OUTBOUND;
                default -> null;
            };
        }
    }

    public enum Occasion {
        ATTACH, ANONYMOUS;

        static Occasion read(Reader in) {
            return switch (in.key()) {
                case "attach" -> ATTACH;
                case "anonymous" -> ANONYMOUS;
                default -> null;
            };
        }
    }

    /** {@code linkRoute} is the connection's name where {@code kind} is {@code LINK_ROUTE}, otherwise null. */
    public record Treatment(Kind kind, String linkRoute) {
        public enum Kind { BALANCED, CLOSEST, MULTICAST, LINK_ROUTE, UNAVAILABLE }

        public static final Treatment BALANCED = new Treatment(Kind.BALANCED, null);
        public static final Treatment CLOSEST = new Treatment(Kind.CLOSEST, null);
        public static final Treatment MULTICAST = new Treatment(Kind.MULTICAST, null);
        public static final Treatment UNAVAILABLE = new Treatment(Kind.UNAVAILABLE, null);

        /** To the connection of that name. */
        public static Treatment linkRoute(String connection) {
            return new Treatment(Kind.LINK_ROUTE, connection);
        }

        /** Null where it is one of a later version. */
        static Treatment read(Reader in) {
            if (!in.atMap()) {
                return switch (in.key()) {
                    case "balanced" -> BALANCED;
                    case "closest" -> CLOSEST;
                    case "multicast" -> MULTICAST;
                    case "unavailable" -> UNAVAILABLE;
                    default -> null;
                };
            }
            Treatment treatment = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "link-route" -> treatment = linkRoute(in.text());
                    default -> in.skip();
                }
            }
            in.leave();
            return treatment;
        }

        void write(Writer out) {
            switch (kind) {
                case BALANCED -> out.text("balanced");
                case CLOSEST -> out.text("closest");
                case MULTICAST -> out.text("multicast");
                case UNAVAILABLE -> out.text("unavailable");
                case LINK_ROUTE -> {
                    out.open();
                    out.field("link-route", linkRoute);
                    out.close();
                }
            }
        }
    }

    public record Request(Context ctx, String address, Direction direction, Occasion occasion, Peer peer, List<String> capabilities,
            Treatment configured, int phase, List<String> truncated) {
        static Request read(Reader in) {
            Context ctx = Context.NONE;
            String address = "";
            Direction direction = null;
            Occasion occasion = null;
            Peer peer = null;
            List<String> capabilities = List.of();
            Treatment configured = null;
            int phase = 0;
            List<String> truncated = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "ctx" -> ctx = Context.read(in);
                    case "address" -> address = in.text();
                    case "direction" -> direction = Direction.read(in);
                    case "occasion" -> occasion = Occasion.read(in);
                    case "peer" -> peer = Peer.read(in);
                    case "capabilities" -> capabilities = in.list(Reader::text);
                    case "configured" -> configured = Treatment.read(in);
                    case "phase" -> phase = in.u8();
                    case "truncated" -> truncated = in.list(Reader::text);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Request(ctx, address, direction, occasion, peer, capabilities, configured, phase, truncated);
        }

        void write(Writer out) {
            out.open();
            out.key("ctx");
            ctx.write(out);
            out.field("address", address);
            out.field("direction", direction);
            out.field("occasion", occasion);
            if (peer != null) {
                out.key("peer");
                peer.write(out);
            }
            out.key("capabilities");
            out.list(capabilities, Writer::item);
            if (configured != null) {
                out.key("configured");
                configured.write(out);
            }
            out.field("phase", phase);
            out.key("truncated");
            out.list(truncated, Writer::item);
            out.close();
        }
    }

    /** Whom else an answer holds for while its {@code ttl-ms} lasts. */
    public enum Scope {
        CONNECTION, ATTRIBUTES, EVERYONE;

        static Scope read(Reader in) {
            return switch (in.key()) {
                case "connection" -> CONNECTION;
                case "attributes" -> ATTRIBUTES;
                case "everyone" -> EVERYONE;
                default -> null;
            };
        }
    }

    /** A {@link Ruling}, or a {@link Denial}. */
    public abstract static sealed class Answer {
        abstract void write(Writer out);

        static Answer read(Reader in) {
            Answer answer = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "apply" -> answer = Ruling.of(in);
                    case "deny" -> answer = Denial.of(in);
                    default -> in.skip();
                }
            }
            in.leave();
            return answer;
        }
    }

    /** Applies what it has; the rest is as configured for the address, or for the one that it has. */
    public static final class Ruling extends Answer {
        private String address;
        private Treatment treatment;
        private Integer phase;
        private Integer priority;
        private Long ttlMs;
        private Scope sharedBy;
        private String note;

        static Ruling of(Reader in) {
            Ruling ruling = new Ruling();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "address" -> ruling.address = in.text();
                    case "treatment" -> ruling.treatment = Treatment.read(in);
                    case "phase" -> ruling.phase = in.u8();
                    case "priority" -> ruling.priority = in.u8();
                    case "ttl-ms" -> ruling.ttlMs = in.u32();
                    case "shared-by" -> ruling.sharedBy = Scope.read(in);
                    case "note" -> ruling.note = in.text();
                    default -> in.skip();
                }
            }
            in.leave();
            return ruling;
        }

        public Ruling address(String address) {
            this.address = address;
            return this;
        }

        public Ruling treatment(Treatment treatment) {
            this.treatment = treatment;
            return this;
        }

        public Ruling phase(int phase) {
            this.phase = phase;
            return this;
        }

        /** 0 to 9, as the setting of an address: it is shown, and decides about nothing. */
        public Ruling priority(int priority) {
            this.priority = priority;
            return this;
        }

        /** 0: asked again each time. */
        public Ruling ttlMs(long ms) {
            ttlMs = ms;
            return this;
        }

        public Ruling sharedBy(Scope scope) {
            sharedBy = scope;
            return this;
        }

        public Ruling note(String note) {
            this.note = note;
            return this;
        }

        @Override
        void write(Writer out) {
            out.open();
            out.key("apply");
            out.open();
            out.field("address", address);
            if (treatment != null) {
                out.key("treatment");
                treatment.write(out);
            }
            out.field("phase", phase);
            out.field("priority", priority);
            out.field("ttl-ms", ttlMs);
            out.field("shared-by", sharedBy);
            out.field("note", note);
            out.close();
            out.close();
        }
    }

    public static final class Denial extends Answer {
        private final Refusal refusal;
        private Long ttlMs;
        private Scope sharedBy;

        public Denial(Refusal refusal) {
            this.refusal = refusal;
        }

        static Denial of(Reader in) {
            Refusal refusal = null;
            Long ttlMs = null;
            Scope sharedBy = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "refusal" -> refusal = Refusal.read(in);
                    case "ttl-ms" -> ttlMs = in.u32();
                    case "shared-by" -> sharedBy = Scope.read(in);
                    default -> in.skip();
                }
            }
            in.leave();
            Denial denial = new Denial(refusal);
            denial.ttlMs = ttlMs;
            denial.sharedBy = sharedBy;
            return denial;
        }

        /** 0: asked again each time. */
        public Denial ttlMs(long ms) {
            ttlMs = ms;
            return this;
        }

        public Denial sharedBy(Scope scope) {
            sharedBy = scope;
            return this;
        }

        @Override
        void write(Writer out) {
            out.open();
            out.key("deny");
            out.open();
            out.key("refusal");
            refusal.write(out);
            out.field("ttl-ms", ttlMs);
            out.field("shared-by", sharedBy);
            out.close();
            out.close();
        }
    }
}
