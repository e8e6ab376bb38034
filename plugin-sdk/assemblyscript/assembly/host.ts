// What the host does for a plugin. Only what is called is imported.

import * as utf8 from "./utf8";

export enum Level { Error, Warn, Info, Debug, Trace }

/** `kvAdd` found no room, or something else than a counter. */
export const NO_ROOM: i64 = i64.MIN_VALUE;

/** What is read of a value at first: a longer one is asked for again. */
const READ_BYTES: i32 = 256;

// @ts-ignore: decorator
@external("policy_host_v1", "log")
declare function hostLog(level: i32, at: usize, len: i32): void;
// @ts-ignore: decorator
@external("policy_host_v1", "counter_add")
declare function hostCounterAdd(name: usize, len: i32, by: u64): void;
// @ts-ignore: decorator
@external("policy_host_v1", "kv_get")
declare function hostKvGet(key: usize, len: i32, out: usize, cap: i32): i32;
// @ts-ignore: decorator
@external("policy_host_v1", "kv_put")
declare function hostKvPut(key: usize, len: i32, value: usize, valueLen: i32, ttlMs: u32): i32;
// @ts-ignore: decorator
@external("policy_host_v1", "kv_add")
declare function hostKvAdd(key: usize, len: i32, by: i64, ttlMs: u32): i64;
// @ts-ignore: decorator
@external("policy_host_v1", "kv_delete")
declare function hostKvDelete(key: usize, len: i32): void;

/** Where a text is that the host is given, and what room there is. */
let room: usize = 1024;
let buffer: usize = heap.alloc(room);

/** Puts a text there: its length in bytes. */
function put(text: string): i32 {
  const most = utf8.bytesMax(text);
  if (most > room) {
    heap.free(buffer);
    room = most;
    buffer = heap.alloc(room);
  }
  return <i32>utf8.encode(text, buffer);
}

/** Goes to the router's log: 8 KiB a call, 100 lines a second. */
export function log(level: Level, text: string): void {
  const len = put(text);
  hostLog(level, buffer, len);
}

/** Adds to a counter of this plugin; names are of `[a-z0-9_]`. */
export function count(name: string, by: u64 = 1): void {
  const len = put(name);
  hostCounterAdd(buffer, len, by);
}

/** The value of a key, of 1 to 256 bytes; null: there is none. Wants `grant "kv"`, as all that follow. */
export function kvGet(key: string): ArrayBuffer | null {
  const keyLen = put(key);
  let value = new ArrayBuffer(READ_BYTES);
  let len = hostKvGet(buffer, keyLen, changetype<usize>(value), value.byteLength);
  // another instance may put a longer one meanwhile
  while (len > value.byteLength) {
    value = new ArrayBuffer(len);
    len = hostKvGet(buffer, keyLen, changetype<usize>(value), value.byteLength);
  }
  return len < 0 ? null : value.slice(0, len);
}

/** False: there is no room. A time of 0 never ends. */
export function kvPut(key: string, value: ArrayBuffer, ttlMs: u32 = 0): bool {
  const len = put(key);
  return hostKvPut(buffer, len, changetype<usize>(value), value.byteLength, ttlMs) == 1;
}

/** The sum, or `NO_ROOM`. A counter begins at 0. */
export function kvAdd(key: string, by: i64, ttlMs: u32 = 0): i64 {
  const len = put(key);
  return hostKvAdd(buffer, len, by, ttlMs);
}

export function kvDelete(key: string): void {
  const len = put(key);
  hostKvDelete(buffer, len);
}

/** What `abort` may be, as a compiler's option: says why in the log, and traps. */
export function aborted(message: string | null, file: string | null, line: u32, column: u32): void {
  const why = message === null ? "abort" : message;
  const where = file === null ? "" : file;
  log(Level.Error, `${why} at ${where}:${line}:${column}`);
  unreachable();
}
