package crosstie.policy;

import java.util.ArrayList;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;

/** The nodes of a plugin's {@code config}, and the problems that looking at them found. */
public final class Config {
    final List<Setup.Problem> problems = new ArrayList<>();
    private List<Node> nodes = List.of();

    Config() {}

    public List<Node> nodes() {
        return nodes;
    }

    /** Says what is wrong with the configuration as a whole. */
    public void problem(String message) {
        problems.add(new Setup.Problem(message, List.of()));
    }

    void read(Reader in) {
        nodes = readNodes(in, List.of());
    }

    void write(Writer out) {
        out.list(nodes, Node::write);
    }

    private List<Node> readNodes(Reader in, List<Integer> parent) {
        int count = in.array();
        List<Node> list = new ArrayList<>(count);
        for (int index = 0; index < count; index++) {
            List<Integer> path = new ArrayList<>(parent);
            path.add(index);
            list.add(readNode(in, path));
        }
        in.leave();
        return list;
    }

    private Node readNode(Reader in, List<Integer> path) {
        String name = "";
        List<Object> args = List.of();
        Map<String, Object> props = new LinkedHashMap<>();
        List<Node> children = List.of();
        for (int left = in.map(); left > 0; left--) {
            switch (in.key()) {
                case "name" -> name = in.text();
                case "args" -> args = in.list(Reader::scalar);
                case "props" -> {
                    for (int count = in.map(); count > 0; count--) {
                        String key = in.text();
                        props.put(key, in.scalar());
                    }
                    in.leave();
                }
                case "children" -> children = readNodes(in, path);
                default -> in.skip();
            }
        }
        in.leave();
        return new Node(name, args, props, children, path);
    }

    /**
     * A node. Values are {@link String}, {@link Long}, {@link Double}, {@link Boolean} or null. What is looked up and is not as it should be is
     * a problem at this node, and reads as absent; {@link #finish} tells what nobody looked up.
     */
    public final class Node {
        private final String name;
        private final List<Object> args;
        private final Map<String, Object> props;
        private final List<Node> children;
        private final List<Integer> path;
        private final Set<String> takenProps = new HashSet<>();
        private int takenArgs;
        private boolean takenChildren;

        Node(String name, List<Object> args, Map<String, Object> props, List<Node> children, List<Integer> path) {
            this.name = name;
            this.args = args;
            this.props = props;
            this.children = children;
            this.path = path;
        }

        public String name() {
            return name;
        }

        public List<Object> args() {
            takenArgs = args.size();
            return args;
        }

        public Map<String, Object> props() {
            takenProps.addAll(props.keySet());
            return props;
        }

        public List<Node> children() {
            takenChildren = true;
            return children;
        }

        /** The argument at that index, which must be there and a text; null where it is not. {@code what} it is, for the message. */
        public String text(int index, String what) {
            takenArgs = Math.max(takenArgs, index + 1);
            if (index < args.size() && args.get(index) instanceof String text) {
                return text;
            }
            problem("`" + name + "` needs " + what + ", a text");
            return null;
        }

        /** The argument at that index, which must be there and an integer of that range; null where it is not. */
        public Long integer(int index, String what, long min, long max) {
            takenArgs = Math.max(takenArgs, index + 1);
            if (index < args.size() && args.get(index) instanceof Long number && min <= number && number <= max) {
                return number;
            }
            problem("`" + name + "` needs " + what + ", an integer from " + min + " to " + max);
            return null;
        }

        /** The property, or null where there is none. */
        public String text(String key) {
            Object value = take(key);
            if (value instanceof String text) {
                return text;
            }
            if (value != null) {
                problem("`" + key + "` is no text");
            }
            return null;
        }

        /** The property, or null where there is none. */
        public Long integer(String key, long min, long max) {
            Object value = take(key);
            if (value instanceof Long number && min <= number && number <= max) {
                return number;
            }
            if (value != null) {
                problem("`" + key + "` is no integer from " + min + " to " + max);
            }
            return null;
        }

        /** The property, or null where there is none. */
        public Double number(String key) {
            Object value = take(key);
            if (value instanceof Double number) {
                return number;
            }
            if (value instanceof Long number) {
                return (double) number;
            }
            if (value != null) {
                problem("`" + key + "` is no number");
            }
            return null;
        }

        /** The property, or null where there is none. */
        public Boolean flag(String key) {
            Object value = take(key);
            if (value instanceof Boolean flag) {
                return flag;
            }
            if (value != null) {
                problem("`" + key + "` is neither #true nor #false");
            }
            return null;
        }

        /** Says that there is no such node here. */
        public void unknown() {
            problem("there is no `" + name + "` here");
        }

        public void problem(String message) {
            problems.add(new Setup.Problem(message, path));
        }

        /** That nothing is in this node but what was looked up. */
        public void finish() {
            if (args.size() > takenArgs) {
                problem("`" + name + "` takes " + (takenArgs == 0 ? "no argument" : takenArgs == 1 ? "one argument" : takenArgs + " arguments"));
            }
            for (String key : props.keySet()) {
                if (!takenProps.contains(key)) {
                    problem("`" + name + "` has no property `" + key + "`");
                }
            }
            if (!takenChildren) {
                for (Node child : children) {
                    child.unknown();
                }
            }
        }

        void write(Writer out) {
            out.open();
            out.field("name", name);
            out.key("args");
            out.list(args, (value, to) -> to.scalar(value));
            out.key("props");
            out.entries(props);
            out.key("children");
            out.list(children, Node::write);
            out.close();
        }

        private Object take(String key) {
            takenProps.add(key);
            return props.get(key);
        }
    }
}
