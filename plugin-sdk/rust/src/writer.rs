//! Writing CBOR (ABI.md, "CBOR"): definite lengths, the shortest numbers, what is absent left out.

use alloc::string::String;
use alloc::vec::Vec;

const NUMBER: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const FLOAT: u8 = 0xfb;

/// Something that an answer holds.
pub(crate) trait Write {
    fn write(&self, out: &mut Writer);
}

/// The bytes of an answer.
#[derive(Debug, Default)]
pub(crate) struct Writer(Vec<u8>);

/// Where a map stands whose entries are being written. Its length stands in its first byte, so it holds at most 23: more than any record has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Map(usize);

impl Writer {
    pub(crate) const fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn clear(&mut self) {
        self.0.clear();
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }

    pub(crate) fn map(&mut self) -> Map {
        let head = self.0.len();
        self.0.push(MAP << 5);
        Map(head)
    }

    /// One entry more: its key, a text with its head.
    #[inline]
    pub(crate) fn key<const N: usize>(&mut self, map: Map, key: &[u8; N]) {
        if let Some(head) = self.0.get_mut(map.0) {
            *head += 1;
        }
        self.0.extend_from_slice(key);
    }

    #[cfg(test)]
    pub(crate) fn null(&mut self) {
        self.0.push(0xf6);
    }

    /// A map whose keys are no fields.
    #[cfg(test)]
    pub(crate) fn entries(&mut self, entries: &[(String, impl Write)]) {
        self.head(MAP, entries.len() as u64);
        for (key, value) in entries {
            key.write(self);
            value.write(self);
        }
    }

    /// The first byte of a value, with a number that is below 24 in it; a larger one stands in the 1, 2, 4 or 8 bytes that follow.
    fn head(&mut self, kind: u8, number: u64) {
        let kind = kind << 5;
        match number {
            0..24 => self.0.push(kind | number.to_le_bytes()[0]),
            _ => self.long_head(kind, number),
        }
    }

    #[inline(never)]
    fn long_head(&mut self, kind: u8, number: u64) {
        if let Ok(number) = u8::try_from(number) {
            self.0.extend_from_slice(&[kind | 24, number]);
        } else if let Ok(number) = u16::try_from(number) {
            self.0.push(kind | 25);
            self.0.extend_from_slice(&number.to_be_bytes());
        } else if let Ok(number) = u32::try_from(number) {
            self.0.push(kind | 26);
            self.0.extend_from_slice(&number.to_be_bytes());
        } else {
            self.0.push(kind | 27);
            self.0.extend_from_slice(&number.to_be_bytes());
        }
    }

    fn run(&mut self, kind: u8, bytes: &[u8]) {
        self.head(kind, bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }
}

impl Write for bool {
    fn write(&self, out: &mut Writer) {
        out.0.push(if *self { TRUE } else { FALSE });
    }
}

macro_rules! numbers {
    ($($type:ty),+) => {$(
        impl Write for $type {
            fn write(&self, out: &mut Writer) {
                out.head(NUMBER, (*self).into());
            }
        }
    )+};
}
numbers!(u8, u16, u32, u64);

impl Write for i64 {
    fn write(&self, out: &mut Writer) {
        match u64::try_from(*self) {
            Ok(number) => out.head(NUMBER, number),
            // -1 - n is n with all its bits turned
            Err(_) => out.head(NEGATIVE, (!*self).cast_unsigned()),
        }
    }
}

impl Write for f64 {
    fn write(&self, out: &mut Writer) {
        out.0.push(FLOAT);
        out.0.extend_from_slice(&self.to_be_bytes());
    }
}

impl Write for str {
    fn write(&self, out: &mut Writer) {
        out.run(TEXT, self.as_bytes());
    }
}

impl Write for &str {
    fn write(&self, out: &mut Writer) {
        (**self).write(out);
    }
}

impl Write for String {
    fn write(&self, out: &mut Writer) {
        self.as_str().write(out);
    }
}

impl<T: Write> Write for [T] {
    fn write(&self, out: &mut Writer) {
        out.head(LIST, self.len() as u64);
        for item in self {
            item.write(out);
        }
    }
}

/// A byte string, where a list of numbers is not meant.
pub(crate) struct Bytes<'a>(pub(crate) &'a [u8]);

impl Write for Bytes<'_> {
    fn write(&self, out: &mut Writer) {
        out.run(BYTES, self.0);
    }
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    fn written(value: &(impl Write + ?Sized)) -> Vec<u8> {
        let mut out = Writer::new();
        value.write(&mut out);
        out.0
    }

    #[test]
    fn numbers_are_as_short_as_they_can_be() {
        for (number, bytes) in [
            (0, &b"\x00"[..]),
            (23, b"\x17"),
            (24, b"\x18\x18"),
            (255, b"\x18\xff"),
            (256, b"\x19\x01\x00"),
            (65_536, b"\x1a\x00\x01\x00\x00"),
            (1 << 32, b"\x1b\x00\x00\x00\x01\x00\x00\x00\x00"),
            (-1, b"\x20"),
            (-24, b"\x37"),
            (-25, b"\x38\x18"),
            (i64::MIN, b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff"),
        ] {
            assert_eq!(written(&number), bytes, "{number}");
        }
        assert_eq!(written(&1.5), b"\xfb\x3f\xf8\0\0\0\0\0\0");
    }

    #[test]
    fn texts_and_lists_have_their_length_before_them() {
        assert_eq!(written("\u{e9}"), b"\x62\xc3\xa9");
        assert_eq!(written(&*"x".repeat(300))[..4], *b"\x79\x01\x2cx");
        assert_eq!(written(&Bytes(b"\x01\x02")), b"\x42\x01\x02");
        assert_eq!(written(&vec![true; 30][..])[..3], *b"\x98\x1e\xf5");
        assert_eq!(written(&Vec::<u8>::new()[..]), b"\x80");
    }

    #[test]
    fn a_map_counts_its_entries() {
        let mut out = Writer::new();
        let map = out.map();
        out.key(map, b"\x61a");
        let inner = out.map();
        out.key(inner, b"\x61b");
        1_u32.write(&mut out);
        out.key(map, b"\x61c");
        2_u32.write(&mut out);
        assert_eq!(out.0, b"\xa2\x61a\xa1\x61b\x01\x61c\x02");
    }
}
