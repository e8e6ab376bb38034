// Answers of hooks. `pack()` of each is what an export returns.

import { AddressAnswer, AddressAnswerKind, AdmissionAnswer, AdmissionAnswerKind, AdmissionGrant, Attr, Entry, FailoverAnswer, FailoverPick, Quota, Refusal, ValueKind } from "./records";

/** What an export returns that has no opinion. */
export const NO_OPINION: u64 = 0;

/** Allowed: what is in `.allow` is granted with it. */
export function allow(): AdmissionAnswer {
  const answer = new AdmissionAnswer();
  answer.kind = AdmissionAnswerKind.Allow;
  return answer;
}

/** Denied, with `.deny` as the reason. */
export function deny(condition: string, description: string): AdmissionAnswer {
  const answer = new AdmissionAnswer();
  answer.kind = AdmissionAnswerKind.Deny;
  answer.deny = refusal(condition, description);
  return answer;
}

/** The address is used, as `.apply` says. */
export function apply(): AddressAnswer {
  const answer = new AddressAnswer();
  answer.kind = AddressAnswerKind.Apply;
  return answer;
}

/** The address is refused, with `.deny.refusal` as the reason. */
export function denyAddress(condition: string, description: string): AddressAnswer {
  const answer = new AddressAnswer();
  answer.kind = AddressAnswerKind.Deny;
  answer.deny.refusal = refusal(condition, description);
  return answer;
}

/** Candidates to try, none until `pick` names them. */
export function order(): FailoverAnswer {
  const answer = new FailoverAnswer();
  answer.order = [];
  return answer;
}

/** One more candidate, by its place in the request, each at most once. */
export function pick(answer: FailoverAnswer, index: u32): FailoverPick {
  const pick = new FailoverPick();
  pick.index = index;
  answer.order.push(pick);
  return pick;
}

/** What the host counts of this plugin under a key of 1 to 256 bytes: at most `max` may be open. */
export function addQuota(grant: AdmissionGrant, key: string, max: u32): void {
  const quota = new Quota();
  quota.key = key;
  quota.max = max;
  grant.quotas.push(quota);
}

/** What later hooks find in `peer.attributes`. */
export function addAttribute(grant: AdmissionGrant, key: string, val: string): void {
  const attr = new Attr();
  attr.key = key;
  attr.val = val;
  grant.attributes.push(attr);
}

/** What the peer is told beside the description. */
export function addInfo(refusal: Refusal, key: string, text: string): void {
  const entry = new Entry();
  entry.key = key;
  entry.val.kind = ValueKind.Text;
  entry.val.text = text;
  refusal.info.push(entry);
}

function refusal(condition: string, description: string): Refusal {
  const refusal = new Refusal();
  refusal.condition = condition;
  refusal.description = description;
  return refusal;
}
