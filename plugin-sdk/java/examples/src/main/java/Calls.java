import crosstie.policy.Admission;
import crosstie.policy.Guest;
import crosstie.policy.Host;
import java.util.Arrays;
import org.teavm.interop.Export;

/** Calls everything that the host has, and fails where it is not as the ABI says. */
public final class Calls {
    private static final byte[] KEY = Host.bytes("k");
    private static final byte[] COUNTER = Host.bytes("n");

    private Calls() {}

    @Export(name = "on_connection")
    public static long onConnection(int request, int length) {
        return Guest.connection(request, length, Calls::decide);
    }

    private static Admission.Answer decide(Admission.Connection asked) {
        Host.log(Host.Level.DEBUG, "dé");
        Host.counterAdd("calls", 2);
        expect(Host.kvGet(KEY) == null, "absent");
        byte[] large = new byte[100_000];
        Arrays.fill(large, (byte) 7);
        for (byte[] value : new byte[][] {large, {}, {1, 2, 3}}) {
            expect(Host.kvPut(KEY, value, 60_000), "stored");
            expect(Arrays.equals(Host.kvGet(KEY), value), "as it was stored");
        }
        expect(Host.kvAdd(KEY, 1, 0) == null, "no counter");
        expect(Host.kvAdd(COUNTER, 1L << 40, 0) == 1L << 40, "a new counter");
        expect(Host.kvAdd(COUNTER, -1, 0) == (1L << 40) - 1, "the counter");
        expect(Arrays.equals(Host.kvGet(COUNTER), new byte[] {-1, -1, -1, -1, -1, 0, 0, 0}), "8 bytes, little endian");
        for (byte[] key : new byte[][] {KEY, COUNTER}) {
            Host.kvDelete(key);
            expect(Host.kvGet(key) == null, "deleted");
        }
        expect(!Host.kvPut(new byte[0], KEY, 0), "no room under an empty key");
        expect(Host.kvGet(new byte[257]) == null, "absent under a long key");
        return null;
    }

    private static void expect(boolean holds, String what) {
        if (!holds) {
            throw new IllegalStateException("not so: " + what);
        }
    }

    /** Where the compiler begins; there is nothing to prepare. */
    public static void main(String[] args) {}
}
