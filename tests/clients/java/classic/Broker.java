import java.net.URI;
import java.nio.file.Path;
import org.apache.activemq.broker.BrokerService;
import org.apache.activemq.broker.TransportConnector;
import org.apache.activemq.store.kahadb.KahaDBPersistenceAdapter;

/**
 * ActiveMQ Classic for AMQP clients: {@code Broker PORT DIRECTORY}, port 0 for any that is free. Says
 * {@code listening PORT}. Whoever names a user is let in.
 */
public final class Broker {
    private Broker() {}

    public static void main(String[] words) throws Exception {
        BrokerService broker = new BrokerService();
        broker.setBrokerName("classic");
        broker.setUseJmx(false);
        broker.setAdvisorySupport(false);
        broker.setDataDirectory(words[1]);
        broker.setUseShutdownHook(true);
        KahaDBPersistenceAdapter store = new KahaDBPersistenceAdapter();
        store.setDirectory(Path.of(words[1]).toFile());
        store.setJournalMaxFileLength(4 << 20);
        // as it is by default: without it, messages are accepted that are not written yet, and a kill loses them
        store.setJournalDiskSyncStrategy("always");
        broker.setPersistenceAdapter(store);
        broker.getSystemUsage().getStoreUsage().setLimit(1L << 30);
        broker.getSystemUsage().getTempUsage().setLimit(64L << 20);
        TransportConnector amqp = broker.addConnector("amqp://127.0.0.1:" + words[0]);
        broker.start();
        broker.waitUntilStarted();
        URI uri = amqp.getConnectUri();
        System.out.println("listening " + uri.getPort());
        broker.waitUntilStopped();
    }
}
