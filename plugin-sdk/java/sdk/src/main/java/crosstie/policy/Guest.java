package crosstie.policy;

import java.util.function.BiConsumer;
import java.util.function.Function;
import org.teavm.backend.wasm.runtime.WasmSupport;
import org.teavm.interop.Address;
import org.teavm.interop.Export;

/**
 * The entries of a plugin. Each hook that it has is a static method of its own, exported under the hook's name, that hands its two numbers on:
 *
 * <pre>{@code
 * @Export(name = "on_connection")
 * public static long onConnection(int request, int length) {
 *     return Guest.connection(request, length, NoGuests::decide);
 * }
 * }</pre>
 *
 * A decision of null is no opinion. What a decision throws fails the call: it is printed, and traps.
 */
public final class Guest {
    /** The minor version of the ABI that this is for. */
    private static final int MINOR = 0;

    /** Where the host puts requests. Nothing is collected, and so nothing moved, between its giving out and the entry. */
    private static byte[] request = new byte[4096];

    private static final Writer ANSWER = new Writer();

    private Guest() {}

    /**
     * Initialises all classes, and calls {@code main}; the host calls it first. The arguments are given, since TeaVM's own way to them makes
     * an array of a length below 0 where a program has not even a name, which breaks its heap.
     */
    @Export(name = "_initialize")
    public static void initialize() {
        WasmSupport.runWithArgs(new String[0]);
    }

    @Export(name = "policy_abi_v1")
    public static int version() {
        return MINOR;
    }

    @Export(name = "policy_alloc")
    public static int alloc(int length) {
        if (length < 0) {
            return 0;
        }
        if (length > request.length) {
            request = new byte[length];
        }
        return Address.ofData(request).toInt();
    }

    /** For {@code policy_configure}. */
    public static long configure(int request, int length, Function<Setup.Request, Setup.Answer> decide) {
        return enter(length, Setup.Request::read, decide, Setup.Answer::write);
    }

    /** For {@code on_failover}. */
    public static long failover(int request, int length, Function<Failover.Request, Failover.Answer> decide) {
        return enter(length, Failover.Request::read, decide, Failover.Answer::write);
    }

    /** For {@code on_connection}. */
    public static long connection(int request, int length, Function<Admission.Connection, Admission.Answer> decide) {
        return enter(length, Admission.Connection::read, decide, Admission.Answer::write);
    }

    /** For {@code on_session}. */
    public static long session(int request, int length, Function<Admission.Session, Admission.Answer> decide) {
        return enter(length, Admission.Session::read, decide, Admission.Answer::write);
    }

    /** For {@code on_link}. */
    public static long link(int request, int length, Function<Admission.Link, Admission.Answer> decide) {
        return enter(length, Admission.Link::read, decide, Admission.Answer::write);
    }

    /** For {@code on_address}. */
    public static long address(int request, int length, Function<Addresses.Request, Addresses.Answer> decide) {
        return enter(length, Addresses.Request::read, decide, Addresses.Answer::write);
    }

    static <Q, A> long enter(int length, Function<Reader, Q> read, Function<Q, A> decide, BiConsumer<A, Writer> write) {
        try {
            Reader in = new Reader(request, length);
            Q question = read.apply(in);
            in.finish();
            A answer = decide.apply(question);
            if (answer == null) {
                return 0;
            }
            ANSWER.clear();
            write.accept(answer, ANSWER);
            return (long) Address.ofData(ANSWER.data).toInt() << 32 | ANSWER.length;
        } catch (Throwable thrown) {
            System.err.println(thrown);
            throw thrown;
        }
    }
}
