import java.util.HashMap;
import java.util.Map;

/** The options of the command line, and one JSON line for each thing that happens. */
final class Options {
    private final Map<String, String> options = new HashMap<>();

    /** The words after the mode. */
    Options(String[] words) {
        for (int at = 1; at < words.length; at++) {
            boolean hasValue = at + 1 < words.length && !words[at + 1].startsWith("--");
            options.put(words[at].substring(2), hasValue ? words[at + 1] : "");
            at += hasValue ? 1 : 0;
        }
    }

    boolean has(String name) {
        return options.containsKey(name);
    }

    String get(String name) {
        return options.get(name);
    }

    String get(String name, String other) {
        return options.getOrDefault(name, other);
    }

    int number(String name, int other) {
        return has(name) ? Integer.parseInt(get(name)) : other;
    }

    String url() {
        String peer = (has("ca") ? "amqps://" : "amqp://") + get("url");
        String jms = "jms.prefetchPolicy.all=" + number("credit", 50)
                + "&jms.presettlePolicy.presettleProducers=" + has("settled");
        if (has("client-id")) {
            jms += "&jms.clientID=" + get("client-id");
        }
        if (has("reconnect")) {
            return "failover:(" + peer + ")?failover.initialReconnectDelay=0&failover.reconnectDelay=50"
                    + "&failover.maxReconnectDelay=200&" + jms;
        }
        return peer + "?" + jms;
    }

    static synchronized void emit(String event, Object... fields) {
        StringBuilder line = new StringBuilder("{\"event\":\"").append(event).append('"');
        for (int at = 0; at < fields.length; at += 2) {
            line.append(",\"").append(fields[at]).append("\":").append(json(fields[at + 1]));
        }
        System.out.println(line.append('}'));
    }

    private static String json(Object value) {
        if (value == null || value instanceof Number || value instanceof Boolean) {
            return String.valueOf(value);
        }
        StringBuilder text = new StringBuilder("\"");
        for (char one : value.toString().toCharArray()) {
            if (one < ' ' || one == '"' || one == '\\') {
                text.append(String.format("\\u%04x", (int) one));
            } else {
                text.append(one);
            }
        }
        return text.append('"').toString();
    }
}
