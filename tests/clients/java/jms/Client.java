import jakarta.jms.BytesMessage;
import jakarta.jms.CompletionListener;
import jakarta.jms.Connection;
import jakarta.jms.DeliveryMode;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.Session;
import java.net.URI;
import java.security.MessageDigest;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import org.apache.qpid.jms.JmsConnection;
import org.apache.qpid.jms.JmsConnectionFactory;
import org.apache.qpid.jms.JmsConnectionListener;
import org.apache.qpid.jms.message.JmsInboundMessageDispatch;
import org.apache.qpid.jms.message.JmsMessageSupport;
import org.apache.qpid.jms.provider.exceptions.ProviderDeliveryModifiedException;
import org.apache.qpid.jms.provider.exceptions.ProviderDeliveryReleasedException;

/**
 * A Qpid JMS client: {@code Client send|receive} with the options of the Python scripts; one JSON line for each thing
 * that happens. With {@code --reconnect} its connection is {@code failover:(amqp://HOST:PORT)}, which follows the list
 * that a peer advertises.
 */
public final class Client {
    /** A session whose messages are acknowledged one by one. Source: Qpid JMS, client configuration. */
    private static final int INDIVIDUAL_ACKNOWLEDGE = 101;

    private static final Map<String, Integer> OUTCOMES = Map.of(
            "accepted", JmsMessageSupport.ACCEPTED,
            "rejected", JmsMessageSupport.REJECTED,
            "released", JmsMessageSupport.RELEASED,
            "modified", JmsMessageSupport.MODIFIED_FAILED_UNDELIVERABLE);

    private final Map<String, String> options = new HashMap<>();
    private final AtomicBoolean finished = new AtomicBoolean();

    private Client(String[] words) {
        for (int at = 1; at < words.length; at++) {
            boolean hasValue = at + 1 < words.length && !words[at + 1].startsWith("--");
            options.put(words[at].substring(2), hasValue ? words[at + 1] : "");
            at += hasValue ? 1 : 0;
        }
    }

    public static void main(String[] words) throws Exception {
        new Client(words).run(words[0]);
    }

    private int number(String name, int other) {
        return options.containsKey(name) ? Integer.parseInt(options.get(name)) : other;
    }

    private static synchronized void emit(String event, Object... fields) {
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

    private static String digest(byte[] body) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
    }

    private String url() {
        String peer = "amqp://" + options.get("url");
        String jms = "jms.prefetchPolicy.all=" + number("credit", 50)
                + "&jms.presettlePolicy.presettleProducers=" + options.containsKey("settled");
        if (options.containsKey("reconnect")) {
            return "failover:(" + peer + ")?failover.initialReconnectDelay=0&failover.reconnectDelay=50"
                    + "&failover.maxReconnectDelay=200&" + jms;
        }
        return peer + "?" + jms;
    }

    private void run(String mode) throws Exception {
        JmsConnectionFactory factory =
                new JmsConnectionFactory(options.get("user"), options.get("password"), url());
        JmsConnection connection = (JmsConnection) factory.createConnection();
        connection.addConnectionListener(new Reporter());
        connection.start();
        Session session = connection.createSession(false, INDIVIDUAL_ACKNOWLEDGE);
        Queue queue = session.createQueue(options.get("address"));
        if (mode.equals("send")) {
            send(session, queue);
        } else {
            receive(session, queue);
        }
        emit("done");
        if (options.containsKey("keep")) {
            new CountDownLatch(1).await();
        }
        finished.set(true);
        connection.close();
    }

    /** Says what becomes of the connection and its links. */
    private final class Reporter implements JmsConnectionListener {
        @Override
        public void onConnectionEstablished(URI peer) {
            emit("open", "peer", peer.getHost() + ":" + peer.getPort());
        }

        @Override
        public void onConnectionInterrupted(URI peer) {
            emit("disconnected");
        }

        @Override
        public void onConnectionRestored(URI peer) {
            emit("restored", "peer", peer.getHost() + ":" + peer.getPort());
        }

        @Override
        public void onConnectionFailure(Throwable error) {
            if (!finished.get()) {
                emit("disconnected", "error", error.toString());
                System.exit(1);
            }
        }

        @Override
        public void onInboundMessage(JmsInboundMessageDispatch message) {}

        @Override
        public void onSessionClosed(Session session, Throwable cause) {
            emit("ended", "error", cause);
        }

        @Override
        public void onConsumerClosed(MessageConsumer consumer, Throwable cause) {
            emit("detached", "error", cause);
        }

        @Override
        public void onProducerClosed(MessageProducer producer, Throwable cause) {
            emit("detached", "error", cause);
        }
    }

    private void send(Session session, Queue queue) throws Exception {
        MessageProducer producer = session.createProducer(queue);
        boolean durable = options.containsKey("durable");
        producer.setDeliveryMode(durable ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        emit("attached", "address", options.get("address"));
        String[] sizes = options.getOrDefault("sizes", "10").split(",");
        int count = number("count", 1);
        int window = number("window", 0) > 0 ? number("window", 0) : Math.max(count, 1);
        Semaphore free = new Semaphore(window);
        Random random = new Random(1);
        for (int index = 0; index < count; index++) {
            byte[] body = new byte[Integer.parseInt(sizes[index % sizes.length])];
            random.nextBytes(body);
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(body);
            message.setIntProperty("index", index);
            free.acquire();
            emit("sent", "index", index, "size", body.length, "sha256", digest(body));
            producer.send(message, new Outcome(index, free));
        }
        free.acquire(window);
    }

    /** Reports what became of one message. */
    private final class Outcome implements CompletionListener {
        private final int index;
        private final Semaphore free;

        Outcome(int index, Semaphore free) {
            this.index = index;
            this.free = free;
        }

        @Override
        public void onCompletion(Message message) {
            report("accepted", null, false, false);
        }

        @Override
        public void onException(Message message, Exception error) {
            Throwable cause = error.getCause() == null ? error : error.getCause();
            if (cause instanceof ProviderDeliveryModifiedException modified) {
                report("modified", null, modified.isDeliveryFailed(), modified.isUndeliverableHere());
            } else if (cause instanceof ProviderDeliveryReleasedException) {
                report("released", null, false, false);
            } else {
                report("rejected", error.getMessage(), false, false);
            }
        }

        private void report(String state, String description, boolean failed, boolean undeliverable) {
            if (!options.containsKey("settled")) {
                emit("outcome", "index", index, "state", state, "condition", null, "description", description,
                        "failed", failed, "undeliverable", undeliverable);
            }
            free.release();
        }
    }

    private void receive(Session session, Queue queue) throws Exception {
        MessageConsumer consumer = session.createConsumer(queue);
        emit("attached", "address", options.get("address"));
        String[] outcomes = options.getOrDefault("outcome", "accepted").split(",");
        int count = number("count", 1);
        for (int index = 0; index < count; index++) {
            Message message = consumer.receive();
            if (message == null) {
                throw new IllegalStateException("the consumer is closed");
            }
            byte[] body = message.getBody(byte[].class);
            if (body == null) {
                body = new byte[0];
            }
            emit("message", "index", index, "id", id(message), "size", body.length, "sha256", digest(body), "settled", null,
                    "delivery_count", message.getIntProperty("JMSXDeliveryCount") - 1);
            String outcome = outcomes[index % outcomes.length];
            if (!outcome.equals("hold")) {
                acknowledge(message, outcome);
            }
        }
        if (options.containsKey("drain")) {
            consumer.receiveNoWait();
            emit("drained", "credit", 0);
        }
    }

    /** The number that the sender gave it: a property of this client's, the message-id of the others'. */
    private static Object id(Message message) throws JMSException {
        String prefix = "ID:AMQP_ULONG:";
        String id = message.getJMSMessageID();
        if (id != null && id.startsWith(prefix)) {
            return Long.parseLong(id.substring(prefix.length()));
        }
        return message.propertyExists("index") ? message.getObjectProperty("index") : null;
    }

    /** A connection that was lost in between settles nothing: the message comes again. */
    private static void acknowledge(Message message, String outcome) {
        try {
            message.setIntProperty(JmsMessageSupport.JMS_AMQP_ACK_TYPE, OUTCOMES.get(outcome));
            message.acknowledge();
        } catch (JMSException error) {
            emit("not-acknowledged", "error", error.toString());
        }
    }
}
