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
import java.io.InputStream;
import java.net.URI;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.HexFormat;
import java.util.Map;
import java.util.Random;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Semaphore;
import java.util.concurrent.atomic.AtomicBoolean;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
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

    private final Options options;
    private final AtomicBoolean finished = new AtomicBoolean();

    private Client(String[] words) {
        options = new Options(words);
    }

    public static void main(String[] words) throws Exception {
        if (Features.MODES.contains(words[0])) {
            new Features(new Options(words)).run(words[0]);
        } else {
            new Client(words).run(words[0]);
        }
    }

    private static String digest(byte[] body) throws Exception {
        return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(body));
    }

    private static SSLContext believing(String authority) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream pem = Files.newInputStream(Path.of(authority))) {
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(pem));
        }
        TrustManagerFactory trust = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        trust.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trust.getTrustManagers(), null);
        return context;
    }

    private void run(String mode) throws Exception {
        JmsConnectionFactory factory =
                new JmsConnectionFactory(options.get("user"), options.get("password"), options.url());
        if (options.has("ca")) {
            factory.setSslContext(believing(options.get("ca")));
        }
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
        Options.emit("done");
        if (options.has("keep")) {
            new CountDownLatch(1).await();
        }
        finished.set(true);
        connection.close();
    }

    /** Says what becomes of the connection and its links. */
    private final class Reporter implements JmsConnectionListener {
        @Override
        public void onConnectionEstablished(URI peer) {
            Options.emit("open", "peer", peer.getHost() + ":" + peer.getPort());
        }

        @Override
        public void onConnectionInterrupted(URI peer) {
            Options.emit("disconnected");
        }

        @Override
        public void onConnectionRestored(URI peer) {
            Options.emit("restored", "peer", peer.getHost() + ":" + peer.getPort());
        }

        @Override
        public void onConnectionFailure(Throwable error) {
            if (!finished.get()) {
                Options.emit("disconnected", "error", error.toString());
                System.exit(1);
            }
        }

        @Override
        public void onInboundMessage(JmsInboundMessageDispatch message) {}

        @Override
        public void onSessionClosed(Session session, Throwable cause) {
            Options.emit("ended", "error", cause);
        }

        @Override
        public void onConsumerClosed(MessageConsumer consumer, Throwable cause) {
            Options.emit("detached", "error", cause);
        }

        @Override
        public void onProducerClosed(MessageProducer producer, Throwable cause) {
            Options.emit("detached", "error", cause);
        }
    }

    private void send(Session session, Queue queue) throws Exception {
        MessageProducer producer = session.createProducer(queue);
        boolean durable = options.has("durable");
        producer.setDeliveryMode(durable ? DeliveryMode.PERSISTENT : DeliveryMode.NON_PERSISTENT);
        Options.emit("attached", "address", options.get("address"));
        String[] sizes = options.get("sizes", "10").split(",");
        int count = options.number("count", 1);
        int window = options.number("window", 0) > 0 ? options.number("window", 0) : Math.max(count, 1);
        Semaphore free = new Semaphore(window);
        Random random = new Random(1);
        for (int index = 0; index < count; index++) {
            byte[] body = new byte[Integer.parseInt(sizes[index % sizes.length])];
            random.nextBytes(body);
            BytesMessage message = session.createBytesMessage();
            message.writeBytes(body);
            message.setIntProperty("index", index);
            free.acquire();
            Options.emit("sent", "index", index, "size", body.length, "sha256", digest(body));
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
            if (!options.has("settled")) {
                Options.emit("outcome", "index", index, "state", state, "condition", null, "description", description,
                        "failed", failed, "undeliverable", undeliverable);
            }
            free.release();
        }
    }

    private void receive(Session session, Queue queue) throws Exception {
        MessageConsumer consumer = session.createConsumer(queue);
        Options.emit("attached", "address", options.get("address"));
        String[] outcomes = options.get("outcome", "accepted").split(",");
        int count = options.number("count", 1);
        for (int index = 0; index < count; index++) {
            Message message = consumer.receive();
            if (message == null) {
                throw new IllegalStateException("the consumer is closed");
            }
            byte[] body = message.getBody(byte[].class);
            if (body == null) {
                body = new byte[0];
            }
            Options.emit("message", "index", index, "id", id(message), "size", body.length, "sha256", digest(body), "settled", null,
                    "delivery_count", message.getIntProperty("JMSXDeliveryCount") - 1);
            String outcome = outcomes[index % outcomes.length];
            if (!outcome.equals("hold")) {
                acknowledge(message, outcome);
            }
        }
        if (options.has("drain")) {
            consumer.receiveNoWait();
            Options.emit("drained", "credit", 0);
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
            Options.emit("not-acknowledged", "error", error.toString());
        }
    }
}
