// Reads what it is given and writes it again: how the bytes of golden.jsonl are checked. No plugin.

import * as cbor from "./assembly/cbor";
import {
  AddressAnswer, AddressRequest, AdmissionAnswer, AdmissionConnection, AdmissionLink, AdmissionSession, FailoverAnswer, FailoverRequest,
  SetupAnswer, SetupRequest,
} from "./assembly/records";
export { policy_alloc } from "./assembly/abi";

function written<T>(value: T): u64 {
  cbor.endRequest();
  cbor.beginAnswer();
  value.write();
  return cbor.packed();
}

/** What the requests and answers of the hooks are read as and written by, in the order of `plugin-hooks` in policy.wit. */
export function echo(number: u32, at: usize, len: usize): u64 {
  cbor.beginRequest(at, len);
  switch (number) {
    case 0: return written(SetupRequest.read());
    case 1: return written(SetupAnswer.read());
    case 2: return written(FailoverRequest.read());
    case 3: return written(FailoverAnswer.read());
    case 4: return written(AdmissionConnection.read());
    case 5: return written(AdmissionAnswer.read());
    case 6: return written(AdmissionSession.read());
    case 7: return written(AdmissionAnswer.read());
    case 8: return written(AdmissionLink.read());
    case 9: return written(AdmissionAnswer.read());
    case 10: return written(AddressRequest.read());
    case 11: return written(AddressAnswer.read());
    default: return unreachable();
  }
}
