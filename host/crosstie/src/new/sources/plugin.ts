// Says who may connect. Change the rule in `on_connection`, and the cases with it.

import { ConnectionReads, NO_OPINION, Setup, connectionRequest, deny } from "crosstie-plugin/assembly";
export { policy_abi_v1, policy_alloc } from "crosstie-plugin/assembly";

/** What the peer is told. */
let description = "no guests";

/** Reads the `config` block of the plugin's node: `config { description "no guests" }`. */
export function policy_configure(at: usize, len: usize): u64 {
  const setup = new Setup(at, len);
  // only this is sent: the fewer fields, the cheaper the call
  setup.reads = [ConnectionReads.peerUser];
  setup.expect(setup.config, ["description"]);
  for (let i = 0; i < setup.config.length; i++) {
    if (setup.config[i].name != "description") continue;
    const text = setup.textArgument(setup.config[i]);
    if (text !== null) description = text;
  }
  return setup.pack();
}

/** `NO_OPINION`: others decide. */
export function on_connection(at: usize, len: usize): u64 {
  const request = connectionRequest(at, len);
  if (request.peer.user != "guest") return NO_OPINION;
  const answer = deny("amqp:unauthorized-access", description);
  answer.deny.note = "guests";
  return answer.pack();
}
