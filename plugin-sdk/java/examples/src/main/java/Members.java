import crosstie.policy.Admission;
import crosstie.policy.Admission.Grant;
import crosstie.policy.Config;
import crosstie.policy.Guest;
import crosstie.policy.Host;
import crosstie.policy.Limits;
import crosstie.policy.Setup;
import crosstie.policy.Types.Refusal;
import crosstie.policy.Types.Value;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.teavm.interop.Export;

/** Lets in the members that its configuration names, from anywhere, and everybody from some addresses, and counts the others. */
public final class Members {
    private static final int LINKS_OF_OTHERS = 10;
    private static final int MINUTE_MS = 60_000;

    /** {@code connections} and {@code tenant} are null where the configuration has none. */
    private record Member(Long connections, String tenant) {}

    private static final Map<String, Member> MEMBERS = new HashMap<>();
    private static final List<String> PREFIXES = new ArrayList<>();

    private Members() {}

    @Export(name = "policy_configure")
    public static long configure(int request, int length) {
        return Guest.configure(request, length, Members::configure);
    }

    @Export(name = "on_connection")
    public static long onConnection(int request, int length) {
        return Guest.connection(request, length, Members::decide);
    }

    private static Setup.Answer configure(Setup.Request setup) {
        for (Config.Node node : setup.config().nodes()) {
            switch (node.name()) {
                case "member" -> {
                    String user = node.text(0, "a user's name");
                    Long connections = node.integer("connections", 1, 0xffff_ffffL);
                    MEMBERS.put(user, new Member(connections, node.text("tenant")));
                    node.finish();
                }
                case "from" -> {
                    PREFIXES.add(node.text(0, "the beginning of addresses"));
                    node.finish();
                }
                default -> node.unknown();
            }
        }
        return new Setup.Answer(setup.config()).reads("peer.user", "peer.ip");
    }

    private static Admission.Answer decide(Admission.Connection asked) {
        String user = asked.peer().user();
        Member member = MEMBERS.get(user);
        if (user != null && member != null) {
            Grant grant = new Grant().note("member " + user);
            if (member.connections != null) {
                grant.quota("user/" + user, member.connections);
            }
            if (member.tenant != null) {
                grant.attribute("tenant", member.tenant);
            }
            return grant;
        }
        String ip = asked.peer().ip();
        for (String prefix : PREFIXES) {
            if (ip.startsWith(prefix)) {
                return new Grant().limits(new Limits().links(LINKS_OF_OTHERS)).note("from " + prefix);
            }
        }
        Host.counterAdd("strangers", 1);
        Long count = Host.kvAdd(Host.bytes("from/" + ip), 1, MINUTE_MS);
        Host.log(Host.Level.INFO, "no member comes from " + ip);
        return Admission.deny(new Refusal("amqp:unauthorized-access", "members only")
                .note(count == null ? "no member" : "no member, " + count + " in a minute")
                .info("address", new Value.Text(ip)));
    }

    /** Where the compiler begins; there is nothing to prepare. */
    public static void main(String[] args) {}
}
