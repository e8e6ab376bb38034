//! Reading CBOR (ABI.md, "CBOR"): a request from front to back, without a copy of its texts.

use alloc::borrow::ToOwned;
use alloc::vec::Vec;
use core::fmt;

use crate::config::Scalar;

const NUMBER: u8 = 0;
const NEGATIVE: u8 = 1;
const BYTES: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const MAP: u8 = 5;
const TAG: u8 = 6;
const FALSE: u8 = 0xf4;
const TRUE: u8 = 0xf5;
const NULL: u8 = 0xf6;
const FLOAT: u8 = 0xfb;

/// A record of a request.
pub(crate) trait Read<'b>: Default {
    /// Takes what the record that stands next has, into one that is empty. A field that is not known is passed over, and one that is null.
    fn read(&mut self, from: &mut Reader<'b>);
}

/// Why a request cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    what: &'static str,
    /// Bytes before it, its head perhaps among them.
    at: usize,
}

impl fmt::Display for Fault {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{} at byte {}", self.what, self.at)
    }
}

/// The bytes that are still to be read.
///
/// What cannot be read reads as empty, 0 or false, and so does all that follows: the fault is told at the end, by [`whole`].
#[derive(Debug)]
pub(crate) struct Reader<'b> {
    rest: &'b [u8],
    /// The first, and how many bytes were left then.
    fault: Option<(&'static str, usize)>,
}

/// Reads a whole request, and nothing after it, into one that is empty.
pub(crate) fn whole<'b>(bytes: &'b [u8], into: &mut impl Read<'b>) -> Result<(), Fault> {
    let mut from = Reader { rest: bytes, fault: None };
    into.read(&mut from);
    if !from.rest.is_empty() {
        from.fail("more than a request");
    }
    match from.fault {
        None => Ok(()),
        Some((what, left)) => Err(Fault { what, at: bytes.len().saturating_sub(left) }),
    }
}

impl<'b> Reader<'b> {
    /// Nothing can be read from here on.
    #[cold]
    pub(crate) fn fail(&mut self, what: &'static str) {
        self.fault.get_or_insert((what, self.rest.len()));
        self.rest = &[];
    }

    /// The entries of a map, each of two bytes at least.
    pub(crate) fn map(&mut self) -> usize {
        let count = self.length(MAP);
        self.within(count, self.rest.len() / 2)
    }

    /// The items of a list, each of a byte at least, so that a wrong length reserves no more than there is.
    pub(crate) fn list(&mut self) -> usize {
        let count = self.length(LIST);
        self.within(count, self.rest.len())
    }

    /// The key of an entry, or a word of an enum.
    pub(crate) fn word(&mut self) -> &'b [u8] {
        let len = self.length(TEXT);
        self.take(len)
    }

    /// Passes a null, which is as good as absent.
    pub(crate) fn null(&mut self) -> bool {
        match self.rest {
            [NULL, rest @ ..] => {
                self.rest = rest;
                true
            }
            _ => false,
        }
    }

    /// The case of a variant, and whether it stands alone: then it has no payload, and else that comes next.
    pub(crate) fn case(&mut self) -> (bool, &'b [u8]) {
        let bare = self.rest.first().is_some_and(|first| first >> 5 == TEXT);
        if !bare && self.map() != 1 {
            self.fail("a variant that is no map of one entry");
        }
        (bare, self.word())
    }

    pub(crate) fn text(&mut self) -> &'b str {
        match core::str::from_utf8(self.word()) {
            Ok(text) => text,
            Err(_) => {
                self.fail("a text that is not UTF-8");
                ""
            }
        }
    }

    pub(crate) fn bytes(&mut self) -> &'b [u8] {
        let len = self.length(BYTES);
        self.take(len)
    }

    pub(crate) fn bool(&mut self) -> bool {
        match self.take(1) {
            [TRUE] => return true,
            [FALSE] => {}
            _ => self.fail("what is neither true nor false"),
        }
        false
    }

    pub(crate) fn u64(&mut self) -> u64 {
        self.number(NUMBER)
    }

    pub(crate) fn u32(&mut self) -> u32 {
        let number = self.u64();
        self.fit(number)
    }

    pub(crate) fn u16(&mut self) -> u16 {
        let number = self.u64();
        self.fit(number)
    }

    pub(crate) fn u8(&mut self) -> u8 {
        let number = self.u64();
        self.fit(number)
    }

    pub(crate) fn i64(&mut self) -> i64 {
        let negative = self.rest.first().is_some_and(|first| first >> 5 == NEGATIVE);
        let number = self.number(if negative { NEGATIVE } else { NUMBER });
        let number: i64 = self.fit(number);
        if negative { -1 - number } else { number }
    }

    pub(crate) fn f64(&mut self) -> f64 {
        if self.take(1) != [FLOAT] {
            self.fail("no number of 64 bits with a fraction");
        }
        f64::from_be_bytes(self.array())
    }

    /// A value of the configuration.
    pub(crate) fn scalar(&mut self) -> Scalar {
        match self.rest.first() {
            Some(&first) if first >> 5 == TEXT => Scalar::Text(self.text().to_owned()),
            Some(&(TRUE | FALSE)) => Scalar::Flag(self.bool()),
            Some(&FLOAT) => Scalar::Float(self.f64()),
            Some(&NULL) => {
                self.null();
                Scalar::Null
            }
            _ => Scalar::Integer(self.i64()),
        }
    }

    pub(crate) fn texts(&mut self) -> Vec<&'b str> {
        let count = self.list();
        let mut items = Vec::with_capacity(count);
        while items.len() < count && self.fault.is_none() {
            items.push(self.text());
        }
        items
    }

    pub(crate) fn records<T: Read<'b>>(&mut self) -> Vec<T> {
        let count = self.list();
        let mut items = Vec::with_capacity(count);
        while items.len() < count && self.fault.is_none() {
            items.push(T::default());
            if let Some(item) = items.last_mut() {
                item.read(self);
            }
        }
        items
    }

    /// Passes one value and all that is in it, however deep.
    #[inline(never)]
    pub(crate) fn skip(&mut self) {
        let mut left: usize = 1;
        while left > 0 && self.fault.is_none() {
            left -= 1;
            let Some(&first) = self.rest.first() else { return self.fail("too short") };
            let kind = first >> 5;
            // the rest of a number with a fraction, or a simple value, is like that of a number
            let len = self.length(kind);
            match kind {
                BYTES | TEXT => drop(self.take(len)),
                LIST => left += self.within(len, self.rest.len()),
                MAP => left += 2 * self.within(len, self.rest.len() / 2),
                TAG => self.fail("a tag"),
                _ => {}
            }
            // each takes a byte at least
            left = self.within(left, self.rest.len());
        }
    }

    fn within(&mut self, count: usize, max: usize) -> usize {
        if count > max {
            self.fail("too short");
            return 0;
        }
        count
    }

    fn take(&mut self, len: usize) -> &'b [u8] {
        let Some((taken, rest)) = self.rest.split_at_checked(len) else {
            self.fail("too short");
            return &[];
        };
        self.rest = rest;
        taken
    }

    fn array<const N: usize>(&mut self) -> [u8; N] {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            self.fail("too short");
            return [0; N];
        };
        self.rest = rest;
        *taken
    }

    fn fit<T: TryFrom<u64> + Default>(&mut self, number: u64) -> T {
        T::try_from(number).unwrap_or_else(|_| {
            self.fail("a number out of range");
            T::default()
        })
    }

    /// The number in the head of a value of this kind (RFC 8949, 3.1): a number itself, or how long it is.
    #[inline]
    fn number(&mut self, kind: u8) -> u64 {
        match self.short(kind) {
            Some(number) => u64::from(number),
            None => self.long(kind),
        }
    }

    #[inline]
    fn length(&mut self, kind: u8) -> usize {
        match self.short(kind) {
            Some(number) => usize::from(number),
            // one that does not fit is longer than what is there
            None => usize::try_from(self.long(kind)).unwrap_or(usize::MAX),
        }
    }

    /// A number below 24 stands in the first byte.
    #[inline]
    fn short(&mut self, kind: u8) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        let number = first ^ (kind << 5);
        (number < 24).then(|| {
            self.rest = rest;
            number
        })
    }

    /// A larger one stands in the 1, 2, 4 or 8 bytes after it.
    #[inline(never)]
    fn long(&mut self, kind: u8) -> u64 {
        let first = self.take(1).first().map_or(0xff, |first| first ^ (kind << 5));
        match first {
            24 => u64::from(u8::from_be_bytes(self.array())),
            25 => u64::from(u16::from_be_bytes(self.array())),
            26 => u64::from(u32::from_be_bytes(self.array())),
            27 => u64::from_be_bytes(self.array()),
            _ => {
                self.fail("a value of another kind");
                0
            }
        }
    }
}

/// Whether a key is this word. Only keys of its length are compared.
#[inline(always)]
pub(crate) fn is<const N: usize>(key: &[u8], word: &[u8; N]) -> bool {
    <&[u8; N]>::try_from(key).is_ok_and(|key| key == word)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec;

    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Point<'b> {
        x: u32,
        y: Option<i64>,
        name: &'b str,
        more: Vec<Point<'b>>,
    }

    impl<'b> Read<'b> for Point<'b> {
        fn read(&mut self, from: &mut Reader<'b>) {
            for _ in 0..from.map() {
                let key = from.word();
                if from.null() {
                    continue;
                }
                match key.len() {
                    1 if is(key, b"x") => self.x = from.u32(),
                    1 if is(key, b"y") => self.y = Some(from.i64()),
                    4 if is(key, b"name") => self.name = from.text(),
                    4 if is(key, b"more") => self.more = from.records(),
                    _ => from.skip(),
                }
            }
        }
    }

    fn point(bytes: &[u8]) -> Result<Point<'_>, Fault> {
        let mut point = Point::default();
        whole(bytes, &mut point).map(|()| point)
    }

    #[test]
    fn a_record_is_read_in_any_order_past_unknown_keys() {
        // {"y": -2, "later": [{"a": [1.0, true, h'00']}], "x": 1}
        let bytes = b"\xa3\x61y\x21\x65later\x81\xa1\x61a\x83\xfb\x3f\xf0\0\0\0\0\0\0\xf5\x41\0\x61x\x01";
        assert_eq!(point(bytes), Ok(Point { x: 1, y: Some(-2), ..Point::default() }));
    }

    #[test]
    fn a_null_is_an_absent_field() {
        assert_eq!(point(b"\xa2\x61y\xf6\x64more\xf6"), Ok(Point::default()));
    }

    #[test]
    fn numbers_have_any_width_and_a_range() {
        for (bytes, y) in [
            (&b"\x17"[..], Some(23)),
            (b"\x18\x17", Some(23)),
            (b"\x19\x01\x00", Some(256)),
            (b"\x3a\xff\xff\xff\xff", Some(-(1 << 32))),
            (b"\x1b\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MAX)),
            (b"\x3b\x7f\xff\xff\xff\xff\xff\xff\xff", Some(i64::MIN)),
            (b"\x1b\x80\0\0\0\0\0\0\0", None),
            (b"\x3b\x80\0\0\0\0\0\0\0", None),
            (b"\xfb\x3f\xf0\0\0\0\0\0\0", None),
        ] {
            let bytes = [b"\xa1\x61y", bytes].concat();
            assert_eq!(point(&bytes).ok().map(|point| point.y), y.map(Some), "{bytes:02x?}");
        }
        assert!(point(b"\xa1\x61x\x1a\xff\xff\xff\xff").is_ok());
        assert!(point(b"\xa1\x61x\x1b\0\0\0\x01\0\0\0\0").is_err());
        assert!(point(b"\xa1\x61x\x20").is_err());
    }

    #[test]
    fn a_text_is_utf8() {
        assert_eq!(point(b"\xa1\x64name\x62\xc3\xa9").map(|point| point.name), Ok("\u{e9}"));
        assert!(point(b"\xa1\x64name\x62\xc3\x28").is_err());
    }

    #[test]
    fn a_list_that_claims_more_than_there_is_reserves_no_more() {
        for count in [&b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff"[..], b"\x9a\xff\xff\xff\xff", b"\x99\xff\xff"] {
            assert!(point(&[b"\xa1\x64more", count, b"\xa0"].concat()).is_err());
        }
        assert_eq!(point(b"\xa1\x64more\x82\xa0\xa0").map(|point| point.more.len()), Ok(2));
    }

    /// Each list claims as many values as there are bytes.
    #[test]
    fn lists_that_claim_much_end_soon() {
        let claims = b"\x99\xf0\x00".repeat(20_000);
        let fault = point(&[b"\xa1\x65later", claims.as_slice()].concat()).unwrap_err();
        assert_eq!(fault.what, "too short");
    }

    #[test]
    fn a_fault_is_told_with_its_place() {
        let told = |bytes| point(bytes).unwrap_err().to_string();
        assert_eq!(told(b"\xa1\x61x\x61a"), "a value of another kind at byte 4");
        assert_eq!(told(b"\xa1\x61z\xc0\x01"), "a tag at byte 4");
        assert_eq!(told(b"\xa0\xa0"), "more than a request at byte 1");
        assert_eq!(told(b"\xbf\xff"), "a value of another kind at byte 1");
    }

    #[test]
    fn a_variant_is_a_text_or_a_map_of_one_entry() {
        let case = |bytes| {
            let mut from = Reader { rest: bytes, fault: None };
            let case = from.case();
            from.fault.is_none().then_some(case)
        };
        assert_eq!(case(b"\x61a"), Some((true, &b"a"[..])));
        assert_eq!(case(b"\xa1\x61a\x01"), Some((false, &b"a"[..])));
        assert_eq!((case(b"\xa0"), case(b"\xa2\x61a\x01\x61b\x01"), case(b"\x01")), (None, None, None));
    }

    #[test]
    fn nodes_in_nodes_have_an_end() {
        let nested = |depth| [b"\x81\xa1\x68children".repeat(depth), vec![0x80]].concat();
        let read = |bytes: Vec<u8>| {
            let mut from = Reader { rest: &bytes, fault: None };
            crate::config::Node::read_block(&mut from);
            from.fault.map(|(what, _)| what)
        };
        assert_eq!(read(nested(7)), None);
        assert_eq!(read(nested(1000)), Some("nodes too deep in each other"));
    }
}
