package crosstie.policy;

import java.util.function.BiConsumer;
import java.util.function.Function;
import org.teavm.interop.Export;

/** Reads a request or an answer, and writes it again: what {@code golden.jsonl} is checked by. */
public final class Golden {
    private Golden() {}

    /** 2 for each hook, in the order of the schema, and one more for its answer. */
    @Export(name = "echo")
    public static long echo(int number, int bytes, int length) {
        return switch (number) {
            case 0 -> again(length, Setup.Request::read, Setup.Request::write);
            case 1 -> again(length, Setup.Answer::read, Setup.Answer::write);
            case 2 -> again(length, Failover.Request::read, Failover.Request::write);
            case 3 -> again(length, Failover.Answer::read, Failover.Answer::write);
            case 4 -> again(length, Admission.Connection::read, Admission.Connection::write);
            case 6 -> again(length, Admission.Session::read, Admission.Session::write);
            case 8 -> again(length, Admission.Link::read, Admission.Link::write);
            case 5, 7, 9 -> again(length, Admission.Answer::read, Admission.Answer::write);
            case 10 -> again(length, Addresses.Request::read, Addresses.Request::write);
            case 11 -> again(length, Addresses.Answer::read, Addresses.Answer::write);
            default -> throw new IllegalArgumentException("no hook has the number " + number);
        };
    }

    private static <T> long again(int length, Function<Reader, T> read, BiConsumer<T, Writer> write) {
        return Guest.enter(length, read, same -> same, write);
    }

    /** Where the compiler begins; there is nothing to prepare. */
    public static void main(String[] args) {}
}
