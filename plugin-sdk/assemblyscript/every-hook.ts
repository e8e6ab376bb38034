// Every hook, and every kind of answer.

import {
  AddressReads, AddressScope, AddressTreatment, AddressTreatmentKind, AdmissionRole, ConnectionReads, FailoverReads, Limits, LinkReads,
  NO_OPINION, Peer, SessionReads, Setup, addressRequest, allow, apply, connectionRequest, deny, denyAddress, failoverRequest, linkRequest,
  order, pick, sessionRequest,
} from "./assembly";
export { policy_abi_v1, policy_alloc } from "./assembly";

export function policy_configure(at: usize, len: usize): u64 {
  const setup = new Setup(at, len);
  setup.reads = [
    ConnectionReads.peerTlsSubject, SessionReads.sessionsOpen, LinkReads.role, LinkReads.linksOpen, LinkReads.targetAddress,
    AddressReads.address, AddressReads.configured, AddressReads.peerAttributes, FailoverReads.candidates,
  ];
  return setup.pack();
}

export function on_connection(at: usize, len: usize): u64 {
  const tls = connectionRequest(at, len).peer.tls;
  if (tls === null || tls.subject != "CN=old") return NO_OPINION;
  return deny("amqp:not-allowed", "an old certificate").pack();
}

export function on_session(at: usize, len: usize): u64 {
  const open = sessionRequest(at, len).sessionsOpen;
  if (open < 4) return NO_OPINION;
  const answer = deny("amqp:resource-limit-exceeded", "too many sessions");
  answer.deny.note = `${open} are open`;
  return answer.pack();
}

export function on_link(at: usize, len: usize): u64 {
  const request = linkRequest(at, len);
  if (request.role != AdmissionRole.Sender || request.target === null) return NO_OPINION;
  const answer = allow();
  const limits = new Limits();
  limits.maxMessageSize = 1 << 40;
  limits.linkCredit = request.linksOpen;
  answer.allow.limits = limits;
  return answer.pack();
}

function attribute(peer: Peer, key: string): string {
  for (let i = 0; i < peer.attributes.length; i++) {
    if (peer.attributes[i].key == key) return peer.attributes[i].val;
  }
  return "";
}

export function on_address(at: usize, len: usize): u64 {
  const request = addressRequest(at, len);
  if (request.address == "secret") {
    const answer = denyAddress("amqp:not-found", "there is no such address");
    answer.deny.ttlMs = 60_000;
    return answer.pack();
  }
  const peer = request.peer;
  if (peer === null || !request.address.startsWith("old/")) return NO_OPINION;
  const answer = apply();
  const treatment = new AddressTreatment();
  const routed = request.configured.kind == AddressTreatmentKind.LinkRoute;
  treatment.kind = routed ? AddressTreatmentKind.Multicast : request.configured.kind;
  answer.apply.address = attribute(peer, "tenant") + request.address.substring(3);
  answer.apply.treatment = treatment;
  answer.apply.phase = 2;
  answer.apply.ttlMs = 500;
  answer.apply.sharedBy = AddressScope.Attributes;
  return answer.pack();
}

export function on_failover(at: usize, len: usize): u64 {
  const candidates = failoverRequest(at, len).candidates;
  const answer = order();
  const last = candidates.length - 1;
  if (last < 0) return answer.pack();
  for (let i = last; i >= 0; i--) {
    const next = pick(answer, i);
    if (i < last) next.delayMs = 20;
  }
  answer.retryAfterMs = 1000;
  answer.note = candidates[last].host + " first";
  return answer.pack();
}
