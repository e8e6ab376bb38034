import crosstie.policy.Admission;
import crosstie.policy.Guest;
import crosstie.policy.Setup;
import crosstie.policy.Types.Refusal;
import org.teavm.interop.Export;

/** Lets nobody in who is called {@code guest}. */
public final class NoGuests {
    private NoGuests() {}

    @Export(name = "policy_configure")
    public static long configure(int request, int length) {
        return Guest.configure(request, length, setup -> new Setup.Answer(setup.config()).reads("peer.user"));
    }

    @Export(name = "on_connection")
    public static long onConnection(int request, int length) {
        return Guest.connection(request, length, NoGuests::decide);
    }

    private static Admission.Answer decide(Admission.Connection asked) {
        if ("guest".equals(asked.peer().user())) {
            return Admission.deny(new Refusal("amqp:unauthorized-access", "no guests"));
        }
        return null;
    }

    /** Where the compiler begins; there is nothing to prepare. */
    public static void main(String[] args) {}
}
