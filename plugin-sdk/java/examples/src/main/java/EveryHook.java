import crosstie.policy.Addresses;
import crosstie.policy.Addresses.Denial;
import crosstie.policy.Addresses.Ruling;
import crosstie.policy.Addresses.Scope;
import crosstie.policy.Addresses.Treatment;
import crosstie.policy.Admission;
import crosstie.policy.Admission.Grant;
import crosstie.policy.Admission.Role;
import crosstie.policy.Failover;
import crosstie.policy.Guest;
import crosstie.policy.Limits;
import crosstie.policy.Setup;
import crosstie.policy.Types.Refusal;
import crosstie.policy.Types.Tls;
import org.teavm.interop.Export;

/** Decides something in each hook. */
public final class EveryHook {
    private static final int SESSIONS = 3;
    private static final String OLD = "old/";

    private EveryHook() {}

    @Export(name = "policy_configure")
    public static long configure(int request, int length) {
        return Guest.configure(request, length, setup -> new Setup.Answer(setup.config()).reads(
                "peer.tls.subject", "peer.attributes", "sessions-open", "role", "target", "links-open", "address", "configured", "candidates"));
    }

    @Export(name = "on_connection")
    public static long onConnection(int request, int length) {
        return Guest.connection(request, length, EveryHook::connection);
    }

    @Export(name = "on_session")
    public static long onSession(int request, int length) {
        return Guest.session(request, length, EveryHook::session);
    }

    @Export(name = "on_link")
    public static long onLink(int request, int length) {
        return Guest.link(request, length, EveryHook::link);
    }

    @Export(name = "on_address")
    public static long onAddress(int request, int length) {
        return Guest.address(request, length, EveryHook::address);
    }

    @Export(name = "on_failover")
    public static long onFailover(int request, int length) {
        return Guest.failover(request, length, EveryHook::failover);
    }

    private static Admission.Answer connection(Admission.Connection asked) {
        Tls tls = asked.peer().tls();
        if (tls != null && "CN=old".equals(tls.subject())) {
            return Admission.deny(new Refusal("amqp:not-allowed", "an old certificate"));
        }
        return null;
    }

    private static Admission.Answer session(Admission.Session asked) {
        if (asked.sessionsOpen() > SESSIONS) {
            return Admission.deny(new Refusal("amqp:resource-limit-exceeded", "too many sessions")
                    .note(asked.sessionsOpen() + " are open"));
        }
        return null;
    }

    private static Admission.Answer link(Admission.Link asked) {
        if (asked.role() == Role.SENDER && asked.target() != null) {
            return new Grant().limits(new Limits().maxMessageSize(1L << 40).linkCredit(asked.linksOpen()));
        }
        return null;
    }

    private static Addresses.Answer address(Addresses.Request asked) {
        if (asked.address().equals("secret")) {
            return new Denial(new Refusal("amqp:not-found", "there is no such address")).ttlMs(60_000);
        }
        if (!asked.address().startsWith(OLD)) {
            return null;
        }
        String tenant = asked.peer() == null ? null : asked.peer().attribute("tenant");
        boolean closest = Treatment.CLOSEST.equals(asked.configured());
        return new Ruling().address((tenant == null ? "" : tenant) + "/" + asked.address().substring(OLD.length()))
                .treatment(closest ? Treatment.CLOSEST : Treatment.MULTICAST).phase(2).ttlMs(500).sharedBy(Scope.ATTRIBUTES);
    }

    /** The last first. */
    private static Failover.Answer failover(Failover.Request asked) {
        Failover.Answer answer = new Failover.Answer();
        int last = asked.candidates().size() - 1;
        if (last < 0) {
            return answer;
        }
        answer.pick(last).retryAfterMs(1000).note(asked.candidates().get(last).host() + " first");
        for (int index = last - 1; index >= 0; index--) {
            answer.pick(index, 20);
        }
        return answer;
    }

    /** Where the compiler begins; there is nothing to prepare. */
    public static void main(String[] args) {}
}
