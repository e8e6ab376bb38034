// CBOR as ABI.md has it. A guest is never entered twice, so that one request is read and one answer is written at a time. What cannot be read traps.

import * as utf8 from "./utf8";

/** Where the request goes on, and where it ends. */
let at: usize = 0;
let end: usize = 0;

/** Where the text or the bytes begin that `readSpan` passed last. */
export let span: usize = 0;

/** The buffer of answers, where the answer goes on, and where the buffer ends. */
let start: usize = heap.alloc(1024);
let out: usize = start;
let outEnd: usize = start + 1024;

const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const NULL: u8 = 0xf6;
const HEAD_BYTES_MAX: usize = 9;

/** Begins to read a request. */
export function beginRequest(request: usize, len: usize): void {
  at = request;
  end = request + len;
}

/** Ends it: nothing follows. */
export function endRequest(): void {
  if (at != end) unreachable();
}

/** The rest is at least `len` bytes long. */
// @ts-ignore: decorator
@inline
function need(len: u64): void {
  if (len > u64(end - at)) unreachable();
}

/** The number of 1, 2, 4 or 8 bytes that follows the first byte of an item. */
function readRest(info: u8): u64 {
  if (info > 27) unreachable();
  const len: usize = 1 << (info - 24);
  need(len);
  let number: u64 = 0;
  for (const last = at + len; at < last; at++) number = (number << 8) | load<u8>(at);
  return number;
}

/** The kind of the item that comes (RFC 8949, 3.1). */
// @ts-ignore: decorator
@inline
function kind(): u8 {
  need(1);
  return load<u8>(at) >> 5;
}

/** Passes the head of an item, whatever its kind: the number in it. */
function readHead(): u64 {
  need(1);
  const info: u8 = load<u8>(at++) & 31;
  return info < 24 ? info : readRest(info);
}

function readKind(wanted: u8): u64 {
  if (kind() != wanted) unreachable();
  return readHead();
}

/** The number of entries of a map, each of two bytes at least. */
export function readMap(): u32 {
  const count = readKind(MAP);
  if (count > u32.MAX_VALUE) unreachable();
  need(count * 2);
  return <u32>count;
}

/** The number of items of a list, each of one byte at least, so that a wrong one reserves no more than there is. */
export function readList(): u32 {
  const count = readKind(LIST);
  need(count);
  return <u32>count;
}

function readSpanOf(wanted: u8): u32 {
  const len = readKind(wanted);
  need(len);
  span = at;
  at += <usize>len;
  return <u32>len;
}

/** Passes a text, which begins at `span`: its length in bytes. */
export function readSpan(): u32 {
  return readSpanOf(TEXT);
}

/** Whether a text comes. */
export function textComes(): bool {
  return kind() == TEXT;
}

export function readText(): string {
  const len = readSpanOf(TEXT);
  return utf8.decode(span, len);
}

export function readBytes(): ArrayBuffer {
  const len = readSpanOf(2);
  const bytes = new ArrayBuffer(len);
  memory.copy(changetype<usize>(bytes), span, len);
  return bytes;
}

/** An integer of this type, which is not negative. */
export function readNumber<T>(): T {
  const number = readKind(0);
  if (<u64><T>number != number) unreachable();
  return <T>number;
}

export function readS64(): i64 {
  const major = kind();
  const number = readHead();
  if (major > 1 || number > <u64>i64.MAX_VALUE) unreachable();
  return major == 0 ? <i64>number : -1 - <i64>number;
}

export function readBool(): bool {
  need(1);
  const first = load<u8>(at++);
  if (first != 0xf4 && first != 0xf5) unreachable();
  return first == 0xf5;
}

/** Whether a number of 64 bits with a point comes. */
export function f64Comes(): bool {
  need(1);
  return load<u8>(at) == 0xfb;
}

export function readF64(): f64 {
  if (!f64Comes()) unreachable();
  return reinterpret<f64>(readHead());
}

/** Passes a null, which is as good as absent. */
export function skipNull(): bool {
  need(1);
  if (load<u8>(at) != NULL) return false;
  at++;
  return true;
}

/** Passes one item and all that is in it. */
export function skip(): void {
  for (let left: u64 = 1; left > 0; left--) {
    const major = kind();
    const number = readHead();
    if (major == 6) unreachable(); // a tag
    if (major == 2 || major == TEXT) {
      need(number);
      at += <usize>number;
    } else if (major == LIST) {
      need(number);
      left += number;
    } else if (major == MAP) {
      if (number > u32.MAX_VALUE) unreachable();
      need(number * 2);
      left += number * 2;
    }
  }
}

/** Which kind of item comes: 0 and 1 integers, 3 a text, 7 what is neither. */
export function kindComes(): u8 {
  return kind();
}

/** Begins to write an answer, in place of the one before. */
export function beginAnswer(): void {
  out = start;
}

/** Where the answer is, as an export returns it. */
export function packed(): u64 {
  return (<u64>start << 32) | <u64>(out - start);
}

function grow(len: usize): void {
  const written = out - start;
  const room = max<usize>(written + len, (outEnd - start) << 1);
  start = heap.realloc(start, room);
  out = start + written;
  outEnd = start + room;
}

/** Where the next bytes go, of which there are at most `len`. */
// @ts-ignore: decorator
@inline
function reserve(len: usize): usize {
  if (len > outEnd - out) grow(len);
  return out;
}

/** Where the next `len` bytes go: what is written there is known. */
// @ts-ignore: decorator
@inline
export function next(len: usize): usize {
  const to = reserve(len);
  out = to + len;
  return to;
}

function writeByte(byte: u8): void {
  store<u8>(next(1), byte);
}

function headBytes(number: usize): usize {
  return number < 24 ? 1 : number <= u8.MAX_VALUE ? 2 : number <= u16.MAX_VALUE ? 3 : 5;
}

function writeHead(major: u8, number: u64): void {
  const to = reserve(HEAD_BYTES_MAX);
  const first: u8 = major << 5;
  if (number < 24) {
    store<u8>(to, first | <u8>number);
    out = to + 1;
  } else if (number <= u8.MAX_VALUE) {
    store<u8>(to, first | 24);
    store<u8>(to, <u8>number, 1);
    out = to + 2;
  } else if (number <= u16.MAX_VALUE) {
    store<u8>(to, first | 25);
    store<u16>(to, bswap<u16>(<u16>number), 1);
    out = to + 3;
  } else if (number <= u32.MAX_VALUE) {
    store<u8>(to, first | 26);
    store<u32>(to, bswap<u32>(<u32>number), 1);
    out = to + 5;
  } else {
    store<u8>(to, first | 27);
    store<u64>(to, bswap<u64>(number), 1);
    out = to + 9;
  }
}

/** Half of a surrogate pair becomes U+FFFD. */
export function writeText(text: string): void {
  // a short head is the rule: what follows a longer one is moved up
  const to = reserve(HEAD_BYTES_MAX + utf8.bytesMax(text));
  const len = utf8.encode(text, to + 1);
  if (len >= 24) memory.copy(to + headBytes(len), to + 1, len);
  writeHead(TEXT, len);
  out += len;
}

export function writeBytes(bytes: ArrayBuffer): void {
  const len = bytes.byteLength;
  writeHead(2, len);
  memory.copy(next(len), changetype<usize>(bytes), len);
}

export function writeNumber(number: u64): void {
  writeHead(0, number);
}

export function writeS64(number: i64): void {
  if (number < 0) writeHead(1, <u64>(-1 - number));
  else writeHead(0, <u64>number);
}

export function writeBool(flag: bool): void {
  writeByte(flag ? 0xf5 : 0xf4);
}

export function writeF64(number: f64): void {
  const to = next(9);
  store<u8>(to, 0xfb);
  store<u64>(to, bswap<u64>(reinterpret<u64>(number)), 1);
}

export function writeNull(): void {
  writeByte(NULL);
}

export function writeList(len: u32): void {
  writeHead(LIST, len);
}

/** A map of so many entries, each a text and what is written after it. */
export function writeEntries(len: u32): void {
  writeHead(MAP, len);
}

/** A map whose entries `endMap` counts, at most 23. */
export function writeMap(): usize {
  return next(1) - start;
}

export function endMap(map: usize, entries: u8): void {
  store<u8>(start + map, (MAP << 5) + entries);
}
