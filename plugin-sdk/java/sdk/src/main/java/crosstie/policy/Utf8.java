package crosstie.policy;

/** UTF-8 without replacements: what is none does not pass. */
final class Utf8 {
    private Utf8() {}

    static String decode(byte[] data, int from, int length) {
        char[] chars = new char[length];
        int count = 0;
        int end = from + length;
        for (int i = from; i < end; ) {
            int first = data[i++];
            if (first >= 0) {
                chars[count++] = (char) first;
                continue;
            }
            int more = (first & 0xe0) == 0xc0 ? 1 : (first & 0xf0) == 0xe0 ? 2 : (first & 0xf8) == 0xf0 ? 3 : 0;
            int code = first & 0x3f >> more;
            if (more == 0 || more > end - i) {
                throw new IllegalArgumentException("no UTF-8");
            }
            for (int k = 0; k < more; k++) {
                int next = data[i++];
                if ((next & 0xc0) != 0x80) {
                    throw new IllegalArgumentException("no UTF-8");
                }
                code = code << 6 | next & 0x3f;
            }
            int least = more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000;
            if (code < least || code > 0x10ffff || code >= 0xd800 && code < 0xe000) {
                throw new IllegalArgumentException("no UTF-8");
            }
            if (more < 3) {
                chars[count++] = (char) code;
            } else {
                chars[count++] = (char) (0xd800 - (0x10000 >> 10) + (code >> 10));
                chars[count++] = (char) (0xdc00 | code & 0x3ff);
            }
        }
        return new String(chars, 0, count);
    }

    /** The number of bytes of a text. Throws on half of a surrogate pair. */
    static int length(String text) {
        int length = text.length();
        for (int i = 0; i < text.length(); i++) {
            char unit = text.charAt(i);
            if (unit < 0x80) {
                continue;
            }
            length += unit < 0x800 ? 1 : 2;
            if (Character.isSurrogate(unit)) {
                if (Character.isLowSurrogate(unit) || ++i == text.length()
                        || !Character.isLowSurrogate(text.charAt(i))) {
                    throw new IllegalArgumentException("half of a surrogate pair");
                }
            }
        }
        return length;
    }

    /** Writes a text for whose {@link #length} there is room. */
    static void encode(String text, byte[] data, int at) {
        for (int i = 0; i < text.length(); i++) {
            int code = text.charAt(i);
            if (code < 0x80) {
                data[at++] = (byte) code;
                continue;
            }
            if (Character.isSurrogate((char) code)) {
                code = Character.toCodePoint((char) code, text.charAt(++i));
            }
            if (code < 0x800) {
                data[at++] = (byte) (0xc0 | code >> 6);
            } else {
                if (code < 0x10000) {
                    data[at++] = (byte) (0xe0 | code >> 12);
                } else {
                    data[at++] = (byte) (0xf0 | code >> 18);
                    data[at++] = (byte) (0x80 | code >> 12 & 0x3f);
                }
                data[at++] = (byte) (0x80 | code >> 6 & 0x3f);
            }
            data[at++] = (byte) (0x80 | code & 0x3f);
        }
    }

    static byte[] encode(String text) {
        byte[] data = new byte[length(text)];
        encode(text, data, 0);
        return data;
    }
}
