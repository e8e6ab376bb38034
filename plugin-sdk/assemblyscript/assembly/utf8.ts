// UTF-8, of which texts are mostly ASCII.

/** Of 4 bytes, and of 4 units: those that make them other than ASCII. */
const BYTES_BEYOND: u32 = 0x80808080;
const UNITS_BEYOND: u64 = 0xff80ff80ff80ff80;

/** The text of so many bytes. */
export function decode(at: usize, len: usize): string {
  const text = changetype<string>(__new(len << 1, idof<string>()));
  const to = changetype<usize>(text);
  let done: usize = 0;
  for (; done + 4 <= len; done += 4) {
    const bytes = load<u32>(at + done);
    if (bytes & BYTES_BEYOND) return String.UTF8.decodeUnsafe(at, len);
    const pairs = (<u64>bytes | (<u64>bytes << 16)) & 0x0000ffff0000ffff;
    store<u64>(to + (done << 1), (pairs | (pairs << 8)) & 0x00ff00ff00ff00ff);
  }
  for (; done < len; done++) {
    const byte = load<u8>(at + done);
    if (byte >= 0x80) return String.UTF8.decodeUnsafe(at, len);
    store<u16>(to + (done << 1), byte);
  }
  return text;
}

/** The most bytes that a text may have. */
// @ts-ignore: decorator
@inline
export function bytesMax(text: string): usize {
  return <usize>text.length * 3;
}

/** Writes a text where there is room for `bytesMax`: its length in bytes. Half of a surrogate pair becomes U+FFFD. */
export function encode(text: string, to: usize): usize {
  const from = changetype<usize>(text);
  const units = <usize>text.length;
  let done: usize = 0;
  for (; done + 4 <= units; done += 4) {
    const four = load<u64>(from + (done << 1));
    if (four & UNITS_BEYOND) return encodeAny(text, to);
    const pairs = (four | (four >> 8)) & 0x0000ffff0000ffff;
    store<u32>(to + done, <u32>(pairs | (pairs >> 16)));
  }
  for (; done < units; done++) {
    const unit = load<u16>(from + (done << 1));
    if (unit >= 0x80) return encodeAny(text, to);
    store<u8>(to + done, unit);
  }
  return units;
}

function encodeAny(text: string, to: usize): usize {
  return String.UTF8.encodeUnsafe(changetype<usize>(text), text.length, to, false, String.UTF8.ErrorMode.REPLACE);
}
