// UTF-8, of which texts are mostly ASCII.

/** The text of so many bytes. */
export function decode(at: usize, len: usize): string {
  const text = changetype<string>(__new(len << 1, idof<string>()));
  for (let i: usize = 0; i < len; i++) {
    const unit = load<u8>(at + i);
    if (unit >= 0x80) return String.UTF8.decodeUnsafe(at, len);
    store<u16>(changetype<usize>(text) + (i << 1), unit);
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
  const units = <usize>text.length;
  for (let i: usize = 0; i < units; i++) {
    const unit = load<u16>(changetype<usize>(text) + (i << 1));
    if (unit >= 0x80) {
      return String.UTF8.encodeUnsafe(changetype<usize>(text), <i32>units, to, false, String.UTF8.ErrorMode.REPLACE);
    }
    store<u8>(to + i, unit);
  }
  return units;
}
