import jakarta.jms.Connection;
import jakarta.jms.Destination;
import jakarta.jms.JMSException;
import jakarta.jms.Message;
import jakarta.jms.MessageConsumer;
import jakarta.jms.MessageProducer;
import jakarta.jms.Queue;
import jakarta.jms.QueueBrowser;
import jakarta.jms.Session;
import jakarta.jms.TemporaryQueue;
import jakarta.jms.TextMessage;
import java.util.Enumeration;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import org.apache.qpid.jms.JmsConnectionFactory;

/** What JMS has beyond sending and receiving: transactions, subscriptions, selectors, browsers, temporary queues. */
final class Features {
    static final Set<String> MODES =
            Set.of("transact-send", "transact-receive", "publish", "subscribe", "unsubscribe", "browse", "request", "reply");

    /** For a message that is expected. */
    private static final long PATIENCE_MS = 30_000;

    private final Options options;
    private final String address;
    private final int count;

    Features(Options options) {
        this.options = options;
        address = options.get("address");
        count = options.number("count", 1);
    }

    void run(String mode) throws JMSException, InterruptedException {
        JmsConnectionFactory factory =
                new JmsConnectionFactory(options.get("user"), options.get("password"), options.url());
        try (Connection connection = factory.createConnection()) {
            connection.setExceptionListener(error -> Options.emit("disconnected", "error", error.toString()));
            connection.start();
            boolean transacted = mode.startsWith("transact");
            Session session = connection.createSession(transacted, Session.AUTO_ACKNOWLEDGE);
            switch (mode) {
                case "transact-send" -> transactSend(session);
                case "transact-receive" -> transactReceive(session);
                case "publish" -> publish(session);
                case "subscribe" -> subscribe(session);
                case "unsubscribe" -> session.unsubscribe(options.get("subscription"));
                case "browse" -> browse(session);
                case "request" -> request(session);
                default -> reply(session);
            }
            Options.emit("done");
            if (options.has("keep")) {
                new CountDownLatch(1).await();
            }
        }
    }

    private Queue queue(Session session) throws JMSException {
        return session.createQueue(address);
    }

    /** Sends as many as wanted, numbered, of two colours in turn. */
    private void sendAll(Session session, Destination to) throws JMSException {
        try (MessageProducer producer = session.createProducer(to)) {
            for (int index = 0; index < count; index++) {
                TextMessage message = session.createTextMessage(options.get("text", "message") + " " + index);
                message.setIntProperty("index", index);
                message.setStringProperty("colour", index % 2 == 0 ? "red" : "blue");
                producer.send(message);
                Options.emit("sent", "index", index);
            }
        }
    }

    /** Ends a transaction, or leaves it open. */
    private void end(Session session, String how) throws JMSException {
        if (how.equals("commit")) {
            session.commit();
        } else if (how.equals("rollback")) {
            session.rollback();
        } else {
            return;
        }
        Options.emit("ended", "how", how);
    }

    private void transactSend(Session session) throws JMSException {
        for (String how : options.get("ends", "commit").split(",")) {
            sendAll(session, queue(session));
            end(session, how);
        }
    }

    private void transactReceive(Session session) throws JMSException {
        MessageConsumer consumer = session.createConsumer(queue(session));
        for (String how : options.get("ends", "commit").split(",")) {
            receiveAll(consumer);
            end(session, how);
        }
    }

    /** Receives as many as wanted, and makes sure that no more is there. */
    private void receiveAll(MessageConsumer consumer) throws JMSException {
        for (int got = 0; got < count; got++) {
            Message message = consumer.receive(PATIENCE_MS);
            if (message == null) {
                throw new IllegalStateException(got + " of " + count + " messages came");
            }
            Options.emit("message", "index", message.getIntProperty("index"), "colour", message.getStringProperty("colour"),
                    "text", ((TextMessage) message).getText(), "delivery_count", message.getIntProperty("JMSXDeliveryCount") - 1);
        }
        if (options.has("no-more")) {
            Message message = consumer.receiveNoWait();
            Options.emit("no-more", "was", message == null ? null : ((TextMessage) message).getText());
        }
    }

    private void publish(Session session) throws JMSException {
        sendAll(session, options.has("queue") ? queue(session) : session.createTopic(address));
    }

    /** A consumer of a queue, or of a topic where a subscription is named. */
    private MessageConsumer consumer(Session session) throws JMSException {
        String selector = options.has("colour") ? "colour = '" + options.get("colour") + "'" : null;
        if (!options.has("subscription")) {
            return session.createConsumer(queue(session), selector);
        }
        return session.createDurableSubscriber(session.createTopic(address), options.get("subscription"), selector, false);
    }

    private void subscribe(Session session) throws JMSException {
        try (MessageConsumer consumer = consumer(session)) {
            Options.emit("attached", "address", address);
            receiveAll(consumer);
        }
    }

    private void browse(Session session) throws JMSException {
        try (QueueBrowser browser = session.createBrowser(queue(session))) {
            Enumeration<?> found = browser.getEnumeration();
            while (found.hasMoreElements()) {
                Options.emit("message", "index", ((Message) found.nextElement()).getIntProperty("index"));
            }
        }
    }

    /** Asks, and waits for answers in a queue of its own that ends with its connection. */
    private void request(Session session) throws JMSException {
        TemporaryQueue answers = session.createTemporaryQueue();
        Options.emit("temporary", "address", answers.getQueueName());
        MessageConsumer consumer = session.createConsumer(answers);
        MessageProducer producer = session.createProducer(queue(session));
        for (int index = 0; index < count; index++) {
            TextMessage question = session.createTextMessage("question " + index);
            question.setIntProperty("index", index);
            question.setJMSReplyTo(answers);
            producer.send(question);
            Message answer = consumer.receive(PATIENCE_MS);
            if (answer == null) {
                throw new IllegalStateException("no answer");
            }
            boolean matches = question.getJMSMessageID().equals(answer.getJMSCorrelationID());
            Options.emit("answer", "text", ((TextMessage) answer).getText(), "matches", matches);
        }
        consumer.close();
        answers.delete();
    }

    private void reply(Session session) throws JMSException {
        MessageConsumer consumer = session.createConsumer(queue(session));
        MessageProducer producer = session.createProducer(null);
        Options.emit("attached", "address", address);
        for (int index = 0; index < count; index++) {
            Message question = consumer.receive(PATIENCE_MS);
            TextMessage answer = session.createTextMessage("answer to " + ((TextMessage) question).getText());
            answer.setJMSCorrelationID(question.getJMSMessageID());
            producer.send(question.getJMSReplyTo(), answer);
        }
    }
}
