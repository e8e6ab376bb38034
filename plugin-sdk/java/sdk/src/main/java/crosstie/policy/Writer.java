package crosstie.policy;

import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiConsumer;

/** Writes an answer: CBOR of definite lengths. A map is {@link #open}, {@link #key}s with their values, {@link #close}. */
final class Writer {
    byte[] data = new byte[512];
    int length;

    private final int[] starts = new int[16];
    private final int[] counts = new int[16];
    private int depth;

    void clear() {
        length = 0;
        depth = 0;
    }

    void open() {
        starts[depth] = length;
        counts[depth++] = 0;
        room(1);
        length++;
    }

    /** No record of the schema has more fields than the first byte of a map counts. */
    void close() {
        depth--;
        data[starts[depth]] = (byte) (0xa0 | counts[depth]);
    }

    void key(String key) {
        counts[depth - 1]++;
        text(key);
    }

    void text(String text) {
        int size = Utf8.length(text);
        head(3, size);
        room(size);
        Utf8.encode(text, data, length);
        length += size;
    }

    void bytes(byte[] bytes) {
        head(2, bytes.length);
        room(bytes.length);
        System.arraycopy(bytes, 0, data, length, bytes.length);
        length += bytes.length;
    }

    void flag(boolean flag) {
        room(1);
        data[length++] = (byte) (flag ? 0xf5 : 0xf4);
    }

    void integer(long number) {
        if (number < 0) {
            head(1, -1 - number);
        } else {
            head(0, number);
        }
    }

    void uint(long number) {
        if (number < 0) {
            throw new IllegalArgumentException(number + " where no number is below 0");
        }
        head(0, number);
    }

    void real(double number) {
        room(9);
        data[length++] = (byte) 0xfb;
        fixed(Double.doubleToLongBits(number), 8);
    }

    /** Nothing where the text is null. */
    void field(String key, String text) {
        if (text != null) {
            key(key);
            text(text);
        }
    }

    /** Nothing where the number is null. */
    void field(String key, Number number) {
        if (number != null) {
            key(key);
            uint(number.longValue());
        }
    }

    /** The word of an enum: its name with hyphens. Nothing where it is null. */
    void field(String key, Enum<?> word) {
        if (word != null) {
            key(key);
            char[] chars = word.name().toCharArray();
            for (int i = 0; i < chars.length; i++) {
                chars[i] = chars[i] == '_' ? '-' : (char) (chars[i] | 0x20);
            }
            text(new String(chars));
        }
    }

    /** Nothing where the list is empty or null. */
    <T> void field(String key, List<T> list, BiConsumer<T, Writer> item) {
        if (list != null && !list.isEmpty()) {
            key(key);
            list(list, item);
        }
    }

    <T> void list(List<T> list, BiConsumer<T, Writer> item) {
        head(4, list.size());
        for (T each : list) {
            item.accept(each, this);
        }
    }

    static void item(String text, Writer out) {
        out.text(text);
    }

    void entries(Map<String, Object> entries) {
        head(5, entries.size());
        for (Map.Entry<String, Object> entry : entries.entrySet()) {
            text(entry.getKey());
            scalar(entry.getValue());
        }
    }

    /** A value of {@code config}. */
    void scalar(Object value) {
        if (value instanceof String text) {
            text(text);
        } else if (value instanceof Long number) {
            integer(number);
        } else if (value instanceof Double number) {
            real(number);
        } else if (value instanceof Boolean flag) {
            flag(flag);
        } else {
            room(1);
            data[length++] = (byte) 0xf6;
        }
    }

    private void head(int major, long count) {
        room(9);
        if (count < 24) {
            data[length++] = (byte) (major << 5 | (int) count);
            return;
        }
        int log = count < 0x100 ? 0 : count < 0x1_0000 ? 1 : count < 0x1_0000_0000L ? 2 : 3;
        data[length++] = (byte) (major << 5 | 24 + log);
        fixed(count, 1 << log);
    }

    private void fixed(long value, int width) {
        for (int shift = 8 * (width - 1); shift >= 0; shift -= 8) {
            data[length++] = (byte) (value >> shift);
        }
    }

    private void room(int more) {
        if (length + more > data.length) {
            data = Arrays.copyOf(data, Math.max(2 * data.length, length + more));
        }
    }
}
