// Calls everything that the host offers, and denies with what did not come out as ABI.md says.

import { Level, NO_OPINION, NO_ROOM, connectionRequest, count, deny, kvAdd, kvDelete, kvGet, kvPut, log } from "./assembly";
export { policy_abi_v1, policy_alloc } from "./assembly";

function some(len: i32): ArrayBuffer {
  const bytes = new Uint8Array(len);
  for (let i = 0; i < len; i++) bytes[i] = <u8>i;
  return bytes.buffer;
}

function is(key: string, wanted: ArrayBuffer): bool {
  const value = kvGet(key);
  if (value === null || value.byteLength != wanted.byteLength) return false;
  return memory.compare(changetype<usize>(value), changetype<usize>(wanted), wanted.byteLength) == 0;
}

function fault(): string | null {
  const three = some(3);
  const many = some(1000);
  if (kvGet("key") !== null) return "a key that was never put is there";
  if (!kvPut("key", three) || !is("key", three)) return "a value is not as it was put";
  if (!kvPut("key", many, 60_000) || !is("key", many)) return "a long value is not as it was put";
  if (kvPut("", three)) return "a key without bytes has room";
  kvDelete("key");
  if (kvGet("key") !== null) return "a key that was deleted is there";
  if (kvAdd("counter", 40) != 40) return "a counter does not begin at 0";
  if (kvAdd("counter", -42) != -2) return "a counter does not add";
  if (!kvPut("key", three) || kvAdd("key", 1) != NO_ROOM) return "three bytes are a counter";
  return null;
}

export function on_connection(at: usize, len: usize): u64 {
  connectionRequest(at, len);
  log(Level.Info, "asked");
  count("asked");
  const why = fault();
  return why === null ? NO_OPINION : deny("amqp:internal-error", why).pack();
}
