package crosstie.policy;

import java.util.ArrayList;
import java.util.List;

/**
 * The records that several hooks share, as {@code policy.wit} has them. In what comes from the router an absent option is null, an
 * absent list empty. What {@code reads} leaves out is null, 0, false or empty.
 */
public final class Types {
    private Types() {}

    /** A value of AMQP, by its kind. */
    public sealed interface Value {
        record Flag(boolean flag) implements Value {}

        record Int(long number) implements Value {}

        /** 0 and more. */
        record Uint(long number) implements Value {}

        record Float(double number) implements Value {}

        record Text(String text) implements Value {}

        record Bytes(byte[] bytes) implements Value {}

        /** Null where the kind is one of a later version. */
        static Value read(Reader in) {
            Value value = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "flag" -> value = new Flag(in.flag());
                    case "int" -> value = new Int(in.integer());
                    case "uint" -> value = new Uint(in.u64());
                    case "float" -> value = new Float(in.real());
                    case "text" -> value = new Text(in.text());
                    case "bytes" -> value = new Bytes(in.bytes());
                    default -> in.skip();
                }
            }
            in.leave();
            return value;
        }

        static void write(Value value, Writer out) {
            out.open();
            if (value instanceof Flag it) {
                out.key("flag");
                out.flag(it.flag);
            } else if (value instanceof Int it) {
                out.key("int");
                out.integer(it.number);
            } else if (value instanceof Uint it) {
                out.key("uint");
                out.uint(it.number);
            } else if (value instanceof Float it) {
                out.key("float");
                out.real(it.number);
            } else if (value instanceof Text it) {
                out.key("text");
                out.text(it.text);
            } else {
                out.key("bytes");
                out.bytes(((Bytes) value).bytes);
            }
            out.close();
        }
    }

    /** {@code val} is null where its kind is one of a later version. */
    public record Entry(String key, Value val) {
        static Entry read(Reader in) {
            String key = "";
            Value val = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "key" -> key = in.text();
                    case "val" -> val = Value.read(in);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Entry(key, val);
        }

        void write(Writer out) {
            out.open();
            out.field("key", key);
            out.key("val");
            Value.write(val, out);
            out.close();
        }
    }

    public record Attr(String key, String val) {
        static Attr read(Reader in) {
            String key = "";
            String val = "";
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "key" -> key = in.text();
                    case "val" -> val = in.text();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Attr(key, val);
        }

        void write(Writer out) {
            out.open();
            out.field("key", key);
            out.field("val", val);
            out.close();
        }
    }

    /** In every request. {@code seed} is below 2^53. */
    public record Context(long nowMs, long seed, long sequence) {
        static final Context NONE = new Context(0, 0, 0);

        static Context read(Reader in) {
            long nowMs = 0;
            long seed = 0;
            long sequence = 0;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "now-ms" -> nowMs = in.u64();
                    case "seed" -> seed = in.u64();
                    case "sequence" -> sequence = in.u64();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Context(nowMs, seed, sequence);
        }

        void write(Writer out) {
            out.open();
            out.field("now-ms", nowMs);
            out.field("seed", seed);
            out.field("sequence", sequence);
            out.close();
        }
    }

    /** An answer that refuses. {@code note} goes to the log, the record and, where the listener explains refusals, to the peer; {@code info} to the peer. */
    public static final class Refusal {
        private final String condition;
        private final String description;
        private final List<Entry> info = new ArrayList<>();
        private String note;

        public Refusal(String condition, String description) {
            this.condition = condition;
            this.description = description;
        }

        static Refusal read(Reader in) {
            String condition = "";
            String description = "";
            String note = null;
            List<Entry> info = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "condition" -> condition = in.text();
                    case "description" -> description = in.text();
                    case "note" -> note = in.text();
                    case "info" -> info = in.list(Entry::read);
                    default -> in.skip();
                }
            }
            in.leave();
            Refusal refusal = new Refusal(condition, description).note(note);
            refusal.info.addAll(info);
            return refusal;
        }

        public Refusal note(String note) {
            this.note = note;
            return this;
        }

        public Refusal info(String key, Value val) {
            info.add(new Entry(key, val));
            return this;
        }

        void write(Writer out) {
            out.open();
            out.field("condition", condition);
            out.field("description", description);
            out.field("note", note);
            out.field("info", info, Entry::write);
            out.close();
        }
    }

    public record Tls(String version, String cipher, String sni, String subject, String issuer, List<String> sans,
            String fingerprintSha256, Long notAfterMs) {
        static Tls read(Reader in) {
            String version = "";
            String cipher = "";
            String sni = null;
            String subject = null;
            String issuer = null;
            List<String> sans = List.of();
            String fingerprintSha256 = null;
            Long notAfterMs = null;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "version" -> version = in.key();
                    case "cipher" -> cipher = in.key();
                    case "sni" -> sni = in.text();
                    case "subject" -> subject = in.text();
                    case "issuer" -> issuer = in.text();
                    case "sans" -> sans = in.list(Reader::text);
                    case "fingerprint-sha256" -> fingerprintSha256 = in.text();
                    case "not-after-ms" -> notAfterMs = in.u64();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Tls(version, cipher, sni, subject, issuer, sans, fingerprintSha256, notAfterMs);
        }

        void write(Writer out) {
            out.open();
            out.field("version", version);
            out.field("cipher", cipher);
            out.field("sni", sni);
            out.field("subject", subject);
            out.field("issuer", issuer);
            out.key("sans");
            out.list(sans, Writer::item);
            out.field("fingerprint-sha256", fingerprintSha256);
            out.field("not-after-ms", notAfterMs);
            out.close();
        }
    }

    /** Open now, this one included. */
    public record Counts(long total, long listener, long user, long peerHost) {
        static final Counts NONE = new Counts(0, 0, 0, 0);

        static Counts read(Reader in) {
            long total = 0;
            long listener = 0;
            long user = 0;
            long peerHost = 0;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "total" -> total = in.u32();
                    case "listener" -> listener = in.u32();
                    case "user" -> user = in.u32();
                    case "peer-host" -> peerHost = in.u32();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Counts(total, listener, user, peerHost);
        }

        void write(Writer out) {
            out.open();
            out.field("total", total);
            out.field("listener", listener);
            out.field("user", user);
            out.field("peer-host", peerHost);
            out.close();
        }
    }

    /** The host counts what is open under {@code key}, and refuses what would be more than {@code max}. */
    public record Quota(String key, long max) {
        static Quota read(Reader in) {
            String key = "";
            long max = 0;
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "key" -> key = in.text();
                    case "max" -> max = in.u32();
                    default -> in.skip();
                }
            }
            in.leave();
            return new Quota(key, max);
        }

        void write(Writer out) {
            out.open();
            out.field("key", key);
            out.field("max", max);
            out.close();
        }
    }

    public enum Transport {
        TCP, TLS, WS, WSS;

        static Transport read(Reader in) {
            return switch (in.key()) {
                case "tcp" -> TCP;
                case "tls" -> TLS;
                case "ws" -> WS;
                case "wss" -> WSS;
                default -> null;
            };
        }
    }

    /** Who is talking. {@code attributes} is what admission granted, for the hooks after it. */
    public record Peer(long connectionId, String listener, String connector, Transport transport, String ip, int port, String localIp,
            int localPort, String vhost, String user, String mechanism, String containerId, Tls tls, List<Attr> attributes) {
        static final Peer NONE = new Peer(0, null, null, null, "", 0, "", 0, null, null, null, "", null, List.of());

        /** What admission granted under that key, or null. */
        public String attribute(String key) {
            for (Attr attr : attributes) {
                if (attr.key.equals(key)) {
                    return attr.val;
                }
            }
            return null;
        }

        static Peer read(Reader in) {
            long connectionId = 0;
            String listener = null;
            String connector = null;
            Transport transport = null;
            String ip = "";
            int port = 0;
            String localIp = "";
            int localPort = 0;
            String vhost = null;
            String user = null;
            String mechanism = null;
            String containerId = "";
            Tls tls = null;
            List<Attr> attributes = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "connection-id" -> connectionId = in.u64();
                    case "listener" -> listener = in.text();
                    case "connector" -> connector = in.text();
                    case "transport" -> transport = Transport.read(in);
                    case "ip" -> ip = in.text();
                    case "port" -> port = in.u16();
                    case "local-ip" -> localIp = in.text();
                    case "local-port" -> localPort = in.u16();
                    case "vhost" -> vhost = in.text();
                    case "user" -> user = in.text();
                    case "mechanism" -> mechanism = in.text();
                    case "container-id" -> containerId = in.text();
                    case "tls" -> tls = Tls.read(in);
                    case "attributes" -> attributes = in.list(Attr::read);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Peer(connectionId, listener, connector, transport, ip, port, localIp, localPort, vhost, user, mechanism,
                    containerId, tls, attributes);
        }

        void write(Writer out) {
            out.open();
            out.field("connection-id", connectionId);
            out.field("listener", listener);
            out.field("connector", connector);
            out.field("transport", transport);
            out.field("ip", ip);
            out.field("port", port);
            out.field("local-ip", localIp);
            out.field("local-port", localPort);
            out.field("vhost", vhost);
            out.field("user", user);
            out.field("mechanism", mechanism);
            out.field("container-id", containerId);
            if (tls != null) {
                out.key("tls");
                tls.write(out);
            }
            out.key("attributes");
            out.list(attributes, Attr::write);
            out.close();
        }
    }
}
