package crosstie.policy;

import java.util.ArrayList;
import java.util.List;

/** What {@code policy_configure} is asked, once for each instance before any hook, and what it answers. */
public final class Setup {
    private Setup() {}

    /** {@code granted}: names of what may be imported. {@code config}: the nodes of the plugin's {@code config}. */
    public record Request(String plugin, String routerId, long minor, long nowMs, long seed, List<String> granted, Config config) {
        static Request read(Reader in) {
            String plugin = "";
            String routerId = "";
            long minor = 0;
            long nowMs = 0;
            long seed = 0;
            List<String> granted = List.of();
            Config config = new Config();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "plugin" -> plugin = in.text();
                    case "router-id" -> routerId = in.text();
                    case "minor" -> minor = in.u32();
                    case "now-ms" -> nowMs = in.u64();
                    case "seed" -> seed = in.u64();
                    case "granted" -> granted = in.list(Reader::text);
                    case "config" -> config.read(in);
                    default -> in.skip();
                }
            }
            in.leave();
            return new Request(plugin, routerId, minor, nowMs, seed, granted, config);
        }

        void write(Writer out) {
            out.open();
            out.field("plugin", plugin);
            out.field("router-id", routerId);
            out.field("minor", minor);
            out.field("now-ms", nowMs);
            out.field("seed", seed);
            out.key("granted");
            out.list(granted, Writer::item);
            out.key("config");
            config.write(out);
            out.close();
        }
    }

    record Problem(String message, List<Integer> path) {
        static Problem read(Reader in) {
            String message = "";
            List<Integer> path = List.of();
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "message" -> message = in.text();
                    case "path" -> path = in.list(index -> (int) index.u32());
                    default -> in.skip();
                }
            }
            in.leave();
            return new Problem(message, path);
        }

        void write(Writer out) {
            out.open();
            out.field("message", message);
            out.field("path", path, (index, to) -> to.uint(index));
            out.close();
        }
    }

    /** Ready, unless there are problems in the configuration. */
    public static final class Answer {
        private final List<Problem> problems;
        private List<String> hooks;
        private List<String> reads;

        /** With the problems found in {@code config} so far. */
        public Answer(Config config) {
            problems = new ArrayList<>(config.problems);
        }

        static Answer read(Reader in) {
            Answer answer = new Answer(new Config());
            for (int left = in.map(); left > 0; left--) {
                switch (in.key()) {
                    case "problems" -> answer.problems.addAll(in.list(Problem::read));
                    case "hooks" -> answer.hooks = in.list(Reader::text);
                    case "reads" -> answer.reads = in.list(Reader::text);
                    default -> in.skip();
                }
            }
            in.leave();
            return answer;
        }

        /** The only hooks to ask, of those exported: {@code connection} and so on. Without it: all. */
        public Answer hooks(String... names) {
            hooks = List.of(names);
            return this;
        }

        /** The only fields of requests to send, as paths of names of the schema: {@code peer.user}. Without it: all. */
        public Answer reads(String... paths) {
            reads = List.of(paths);
            return this;
        }

        void write(Writer out) {
            out.open();
            out.field("problems", problems, Problem::write);
            if (hooks != null) {
                out.key("hooks");
                out.list(hooks, Writer::item);
            }
            if (reads != null) {
                out.key("reads");
                out.list(reads, Writer::item);
            }
            out.close();
        }
    }
}
