// Lets nobody in who calls himself guest.

import { ConnectionReads, NO_OPINION, Setup, connectionRequest, deny } from "./assembly";
export { policy_abi_v1, policy_alloc } from "./assembly";

export function policy_configure(at: usize, len: usize): u64 {
  const setup = new Setup(at, len);
  // only this is sent: the fewer fields, the cheaper the call
  setup.reads = [ConnectionReads.peerUser];
  return setup.pack();
}

export function on_connection(at: usize, len: usize): u64 {
  const request = connectionRequest(at, len);
  if (request.peer.user != "guest") return NO_OPINION;
  return deny("amqp:unauthorized-access", "no guests").pack();
}
