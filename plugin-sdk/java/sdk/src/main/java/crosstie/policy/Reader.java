package crosstie.policy;

import java.util.ArrayList;
import java.util.List;
import java.util.function.Function;

/**
 * Reads a request: CBOR of the form that the host sends, and no other. Whatever else comes, or comes short, is an
 * {@link IllegalArgumentException} that says where.
 */
final class Reader {
    private static final int DEPTH = 64;
    private static final long MAX_NUMBER = (1L << 53) - 1;

    /** Keys seen before, by their bytes, so that they need not be made anew with each request. */
    private static final String[] KEYS = new String[256];
    private static final byte[][] KEY_BYTES = new byte[256][];

    private final byte[] data;
    private final int end;
    private int at;
    private int depth;

    Reader(byte[] data, int end) {
        this.data = data;
        this.end = end;
    }

    /** That nothing follows. */
    void finish() {
        if (at != end) {
            throw bad("something follows");
        }
    }

    /** The number of entries of a map, each of which is a {@link #key} and a value; {@link #leave} follows them. */
    int map() {
        return enter(5, 2);
    }

    /** The number of items of an array; {@link #leave} follows them. */
    int array() {
        return enter(4, 1);
    }

    void leave() {
        depth--;
    }

    <T> List<T> list(Function<Reader, T> item) {
        int count = array();
        List<T> items = new ArrayList<>(count);
        while (count-- > 0) {
            items.add(item.apply(this));
        }
        leave();
        return items;
    }

    /** A text that comes often. */
    String key() {
        int length = length(3);
        int hash = length;
        for (int i = at; i < at + length; i++) {
            hash = hash * 31 + data[i];
        }
        int slot = (hash ^ hash >>> 8) & 255;
        byte[] known = KEY_BYTES[slot];
        if (known == null || !same(known, length)) {
            KEYS[slot] = Utf8.decode(data, at, length);
            known = new byte[length];
            System.arraycopy(data, at, known, 0, length);
            KEY_BYTES[slot] = known;
        }
        at += length;
        return KEYS[slot];
    }

    String text() {
        int length = length(3);
        at += length;
        return Utf8.decode(data, at - length, length);
    }

    byte[] bytes() {
        int length = length(2);
        byte[] bytes = new byte[length];
        System.arraycopy(data, at, bytes, 0, length);
        at += length;
        return bytes;
    }

    boolean flag() {
        int head = next();
        if (head != 0xf4 && head != 0xf5) {
            throw bad("no bool");
        }
        return head == 0xf5;
    }

    /** An unsigned number up to {@code max}. */
    long uint(long max) {
        long number = number();
        if (number > max) {
            throw bad("out of range");
        }
        return number;
    }

    int u8() {
        return (int) uint(0xff);
    }

    int u16() {
        return (int) uint(0xffff);
    }

    long u32() {
        return uint(0xffff_ffffL);
    }

    long u64() {
        return uint(MAX_NUMBER);
    }

    long integer() {
        return peek() >> 5 == 1 ? -1 - head(1) : number();
    }

    double real() {
        if (next() != 0xfb) {
            throw bad("no float of 64 bits");
        }
        return Double.longBitsToDouble(fixed(8));
    }

    /** A value of {@code config}: a {@link String}, {@link Long}, {@link Double} or {@link Boolean}, or null. */
    Object scalar() {
        switch (peek() >> 5) {
            case 0:
            case 1:
                return integer();
            case 3:
                return text();
            default:
                if (peek() == 0xf6) {
                    at++;
                    return null;
                }
                return peek() == 0xfb ? (Object) real() : (Object) flag();
        }
    }

    /** Passes over whatever comes, however deep it is. */
    void skip() {
        for (long left = 1; left > 0; left--) {
            switch (peek() >> 5) {
                case 0, 1 -> integer();
                case 2 -> at += length(2);
                case 3 -> at += length(3);
                case 4 -> left += items(4, 1);
                case 5 -> left += 2L * items(5, 2);
                default -> scalar();
            }
        }
    }

    /** Whether a map comes, as it does for a case with a payload. */
    boolean atMap() {
        return peek() >> 5 == 5;
    }

    private boolean same(byte[] known, int length) {
        if (known.length != length) {
            return false;
        }
        for (int i = 0; i < length; i++) {
            if (known[i] != data[at + i]) {
                return false;
            }
        }
        return true;
    }

    private int enter(int major, int each) {
        if (++depth > DEPTH) {
            throw bad("too deep");
        }
        return items(major, each);
    }

    /** A count of items, each of so many values. */
    private int items(int major, int each) {
        long count = head(major);
        if (count > (end - at) / each) {
            throw bad("cut short");
        }
        return (int) count;
    }

    private int length(int major) {
        long length = head(major);
        if (length > end - at) {
            throw bad("cut short");
        }
        return (int) length;
    }

    private long number() {
        long number = head(0);
        if (number > MAX_NUMBER) {
            throw bad("beyond 2^53 - 1");
        }
        return number;
    }

    /** What a head of that major type counts: 0 and more, in the shortest form. */
    private long head(int major) {
        int head = next();
        if (head >> 5 != major) {
            throw bad("of another type");
        }
        int low = head & 31;
        if (low < 24) {
            return low;
        }
        if (low > 27) {
            throw bad("of no definite length");
        }
        int width = 1 << low - 24;
        long value = fixed(width);
        long least = width == 1 ? 24 : 1L << 4 * width;
        if (value < least) {
            throw bad(value < 0 ? "beyond 2^53 - 1" : "not the shortest form");
        }
        return value;
    }

    private long fixed(int width) {
        if (end - at < width) {
            throw bad("cut short");
        }
        long value = 0;
        for (int i = 0; i < width; i++) {
            value = value << 8 | data[at++] & 0xff;
        }
        return value;
    }

    private int peek() {
        if (at == end) {
            throw bad("cut short");
        }
        return data[at] & 0xff;
    }

    private int next() {
        int head = peek();
        at++;
        return head;
    }

    private IllegalArgumentException bad(String what) {
        return new IllegalArgumentException("the request at byte " + at + ": " + what);
    }
}
