// Lets in members, by name, and whoever comes from some networks; counts and limits the others.

import {
  AdmissionAnswer, ConnectionReads, Limits, NO_ROOM, Node, Setup, addAttribute, addInfo, addQuota, allow, connectionRequest, count, deny,
  kvAdd,
} from "./assembly";
export { policy_abi_v1, policy_alloc } from "./assembly";

/** A rule: whom it lets in, and what with. */
class Rule {
  /** The name of a member, or how an address begins. */
  what: string = "";
  connections: u32 = 0;
  tenant: string | null = null;

  constructor(public from: bool) {}

  static read(setup: Setup, node: Node): Rule {
    const rule = new Rule(node.name == "from");
    const what = setup.textArgument(node);
    if (what !== null) rule.what = what;
    setup.expect(node.children, []);
    if (rule.from) {
      if (node.props.length > 0) setup.problem(node, "`from` takes no property");
      return rule;
    }
    setup.expectProperties(node, ["connections", "tenant"]);
    rule.connections = <u32>setup.integerProperty(node, "connections", 1, u32.MAX_VALUE, 0);
    rule.tenant = setup.textProperty(node, "tenant");
    return rule;
  }

  /** What it says of a peer; null: nothing. */
  admit(user: string | null, ip: string): AdmissionAnswer | null {
    if (this.from) return ip.startsWith(this.what) ? this.admitFrom() : null;
    return user !== null && user == this.what ? this.admitMember() : null;
  }

  private admitFrom(): AdmissionAnswer {
    const answer = allow();
    const limits = new Limits();
    limits.links = 10;
    answer.allow.limits = limits;
    answer.allow.note = "from " + this.what;
    return answer;
  }

  private admitMember(): AdmissionAnswer {
    const answer = allow();
    const tenant = this.tenant;
    if (this.connections > 0) addQuota(answer.allow, "user/" + this.what, this.connections);
    if (tenant !== null) addAttribute(answer.allow, "tenant", tenant);
    answer.allow.note = "member " + this.what;
    return answer;
  }
}

const rules: Rule[] = [];

export function policy_configure(at: usize, len: usize): u64 {
  const setup = new Setup(at, len);
  setup.reads = [ConnectionReads.peerUser, ConnectionReads.peerIp];
  setup.expect(setup.config, ["member", "from"]);
  for (let i = 0; i < setup.config.length; i++) {
    const node = setup.config[i];
    if (node.name == "member" || node.name == "from") rules.push(Rule.read(setup, node));
  }
  return setup.pack();
}

export function on_connection(at: usize, len: usize): u64 {
  const peer = connectionRequest(at, len).peer;
  for (let i = 0; i < rules.length; i++) {
    const answer = rules[i].admit(peer.user, peer.ip);
    if (answer !== null) return answer.pack();
  }
  return refuse(peer.ip).pack();
}

function refuse(ip: string): AdmissionAnswer {
  const answer = deny("amqp:unauthorized-access", "members only");
  count("refused");
  const times = kvAdd("refused/" + ip, 1, 60_000);
  if (times != NO_ROOM) answer.deny.note = `no member, ${times} in a minute`;
  addInfo(answer.deny, "address", ip);
  return answer;
}
