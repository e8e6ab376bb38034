package crosstie.policy;

import org.teavm.interop.Address;
import org.teavm.interop.Import;

/**
 * What the router has for a plugin. A module imports only what it uses, and is not loaded where that is not granted: {@code log} and
 * {@code counter} are, {@code kv} needs {@code grant "kv"}. Keys have 1 to 256 bytes.
 */
public final class Host {
    private Host() {}

    public enum Level { ERROR, WARN, INFO, DEBUG, TRACE }

    /** A line of the router's log, of at most 8 KiB. */
    public static void log(Level level, String text) {
        byte[] bytes = Utf8.encode(text);
        log(level.ordinal(), Address.ofData(bytes), bytes.length);
    }

    /** Adds to the counter of that name, 1 to 64 of a to z, 0 to 9 and {@code _}; of at most 64 names. */
    public static void counterAdd(String name, long by) {
        byte[] bytes = Utf8.encode(name);
        counterAdd(Address.ofData(bytes), bytes.length, by);
    }

    /** Null where there is no value. */
    public static byte[] kvGet(byte[] key) {
        byte[] value = new byte[64];
        while (true) {
            int length = kvGet(Address.ofData(key), key.length, Address.ofData(value), value.length);
            if (length < 0) {
                return null;
            }
            if (length <= value.length) {
                byte[] exact = new byte[length];
                System.arraycopy(value, 0, exact, 0, length);
                return exact;
            }
            value = new byte[length];
        }
    }

    /** Whether there was room. A {@code ttlMs} of 0 never expires. */
    public static boolean kvPut(byte[] key, byte[] value, long ttlMs) {
        return kvPut(Address.ofData(key), key.length, Address.ofData(value), value.length, (int) ttl(ttlMs)) == 1;
    }

    /** The new value of a counter, or null where there was no room, or the value is no counter. */
    public static Long kvAdd(byte[] key, long by, long ttlMs) {
        long value = kvAdd(Address.ofData(key), key.length, by, (int) ttl(ttlMs));
        return value == Long.MIN_VALUE ? null : value;
    }

    public static void kvDelete(byte[] key) {
        kvDelete(Address.ofData(key), key.length);
    }

    /** The bytes of a text, for keys and values. */
    public static byte[] bytes(String text) {
        return Utf8.encode(text);
    }

    /** The text of such bytes. */
    public static String text(byte[] bytes) {
        return Utf8.decode(bytes, 0, bytes.length);
    }

    private static long ttl(long ms) {
        if (ms < 0 || ms > 0xffff_ffffL) {
            throw new IllegalArgumentException("a ttl of " + ms + " ms");
        }
        return ms;
    }

    @Import(module = "policy_host_v1", name = "log")
    private static native void log(int level, Address text, int length);

    @Import(module = "policy_host_v1", name = "counter_add")
    private static native void counterAdd(Address name, int length, long by);

    @Import(module = "policy_host_v1", name = "kv_get")
    private static native int kvGet(Address key, int keyLength, Address value, int capacity);

    @Import(module = "policy_host_v1", name = "kv_put")
    private static native int kvPut(Address key, int keyLength, Address value, int valueLength, int ttlMs);

    @Import(module = "policy_host_v1", name = "kv_add")
    private static native long kvAdd(Address key, int keyLength, long by, int ttlMs);

    @Import(module = "policy_host_v1", name = "kv_delete")
    private static native void kvDelete(Address key, int keyLength);
}
