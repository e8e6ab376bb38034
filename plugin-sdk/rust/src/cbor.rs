//! CBOR with text keys: records are read by key, in any order, and written in the order of the schema (ABI.md, "CBOR").

use alloc::string::String;
use alloc::vec::Vec;

use minicbor::data::Type;
pub(crate) use minicbor::decode::{Decoder, Error};

/// Something that a request holds.
pub(crate) trait Read<'b>: Sized {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error>;
}

/// Something that an answer holds.
pub(crate) trait Write {
    fn write(&self, out: &mut Vec<u8>);
}

/// Whether a field's key was one that the reader knows; the value of any other is skipped.
pub(crate) type Known = Result<bool, Error>;

/// Reads a map of definite length, one call of `field` for each key. A null counts as absent.
pub(crate) fn record<'b>(
    from: &mut Decoder<'b>,
    field: &mut dyn FnMut(&'b str, &mut Decoder<'b>) -> Known,
) -> Result<(), Error> {
    for _ in 0..definite(from.map()?)? {
        let key = from.str()?;
        if from.datatype()? == Type::Null || !field(key, from)? {
            from.skip()?;
        }
    }
    Ok(())
}

/// Reads a variant: a text for a case without payload, a map of one entry for a case with one. None where the case is unknown.
pub(crate) fn variant<'b, T>(
    from: &mut Decoder<'b>,
    bare: impl FnOnce(&'b str) -> Option<T>,
    payload: impl FnOnce(&'b str, &mut Decoder<'b>) -> Result<Option<T>, Error>,
) -> Result<Option<T>, Error> {
    if from.datatype()? == Type::String {
        return from.str().map(bare);
    }
    let start = from.position();
    if from.map()? != Some(1) {
        return Err(Error::message("a variant is a map of one entry").at(start));
    }
    let case = from.str()?;
    let value = payload(case, from)?;
    if value.is_none() {
        from.skip()?;
    }
    Ok(value)
}

/// Sets a field from the value that stands next.
pub(crate) fn set<'b, T: Read<'b>>(slot: &mut T, from: &mut Decoder<'b>) -> Known {
    *slot = T::read(from)?;
    Ok(true)
}

/// Reads a whole request and nothing after it.
pub(crate) fn whole<'b, T: Read<'b>>(bytes: &'b [u8]) -> Result<T, Error> {
    let mut from = Decoder::new(bytes);
    let value = T::read(&mut from)?;
    if from.position() == bytes.len() {
        Ok(value)
    } else {
        Err(Error::message("bytes after the request").at(from.position()))
    }
}

pub(crate) fn definite(length: Option<u64>) -> Result<u64, Error> {
    length.ok_or_else(|| Error::message("indefinite length"))
}

macro_rules! scalars {
    ($($type:ty: $method:ident),+) => {$(
        impl<'b> Read<'b> for $type {
            fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
                from.$method()
            }
        }
    )+};
}
scalars!(bool: bool, u8: u8, u16: u16, u32: u32, u64: u64, i64: i64, &'b str: str, &'b [u8]: bytes);

impl<'b, T: Read<'b>> Read<'b> for Option<T> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        T::read(from).map(Some)
    }
}

impl<'b, T: Read<'b>> Read<'b> for Vec<T> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let length = definite(from.array()?)?;
        // An item takes a byte at least, so the rest of the request bounds what a wrong length can reserve.
        let rest = from.input().len().saturating_sub(from.position());
        let mut items = Vec::with_capacity(usize::try_from(length).unwrap_or(rest).min(rest));
        for _ in 0..length {
            items.push(T::read(from)?);
        }
        Ok(items)
    }
}

/// Declares an enum of the schema. Its reader is that of an `Option`: a text that this SDK does not know reads as an absent field.
macro_rules! words {
    ($(#[$meta:meta])* $name:ident { $($(#[$case_meta:meta])* $case:ident = $word:literal),+ $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum $name { $($(#[$case_meta])* $case),+ }

        impl $name {
            /// The word that stands for it in requests and answers.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $(Self::$case => $word),+ }
            }

            #[allow(dead_code, reason = "some words are only written")]
            pub(crate) fn read(from: &mut $crate::cbor::Decoder<'_>) -> Result<Option<Self>, $crate::cbor::Error> {
                Ok(match from.str()? { $($word => Some(Self::$case),)+ _ => None })
            }
        }
    };
}
pub(crate) use words;

/// A map under construction. Its length stands in the first byte, so it holds at most 23 entries: more than any record has.
pub(crate) struct Map<'a> {
    out: &'a mut Vec<u8>,
    head: usize,
}

impl<'a> Map<'a> {
    pub(crate) fn new(out: &'a mut Vec<u8>) -> Self {
        let head = out.len();
        out.push(0xa0);
        Self { out, head }
    }

    pub(crate) fn field(self, key: &str, value: &(impl Write + ?Sized)) -> Self {
        if let Some(head) = self.out.get_mut(self.head) {
            *head += 1;
        }
        key.write(self.out);
        value.write(self.out);
        self
    }

    pub(crate) fn optional(self, key: &str, value: Option<&impl Write>) -> Self {
        match value {
            Some(value) => self.field(key, value),
            None => self,
        }
    }

    /// An empty list is an absent field.
    pub(crate) fn list<T: Write>(self, key: &str, items: &[T]) -> Self {
        if items.is_empty() { self } else { self.field(key, items) }
    }
}

macro_rules! written_by_minicbor {
    ($($type:ty: $method:ident),+) => {$(
        impl Write for $type {
            fn write(&self, out: &mut Vec<u8>) {
                // Writing to a vector cannot fail.
                let _ = minicbor::Encoder::new(out).$method((*self).into());
            }
        }
    )+};
}
written_by_minicbor!(bool: bool, u8: u8, u32: u32, u64: u64, i64: i64, f64: f64);

impl Write for str {
    fn write(&self, out: &mut Vec<u8>) {
        let _ = minicbor::Encoder::new(out).str(self);
    }
}

impl Write for &str {
    fn write(&self, out: &mut Vec<u8>) {
        (**self).write(out);
    }
}

impl Write for String {
    fn write(&self, out: &mut Vec<u8>) {
        self.as_str().write(out);
    }
}

impl<T: Write> Write for [T] {
    fn write(&self, out: &mut Vec<u8>) {
        let _ = minicbor::Encoder::new(&mut *out).array(self.len() as u64);
        for item in self {
            item.write(out);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq)]
    struct Point {
        x: u32,
        y: Option<u32>,
    }

    impl<'b> Read<'b> for Point {
        fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
            let mut point = Self::default();
            record(from, &mut |key, from| match key {
                "x" => set(&mut point.x, from),
                "y" => set(&mut point.y, from),
                _ => Ok(false),
            })?;
            Ok(point)
        }
    }

    #[test]
    fn a_record_is_read_in_any_order_past_unknown_keys() {
        // {"y": 2, "later": [{"a": [1]}], "x": 1}
        let bytes = b"\xa3\x61y\x02\x65later\x81\xa1\x61a\x81\x01\x61x\x01";
        assert_eq!(whole::<Point>(bytes).unwrap(), Point { x: 1, y: Some(2) });
    }

    #[test]
    fn a_null_is_an_absent_field() {
        assert_eq!(whole::<Point>(b"\xa1\x61y\xf6").unwrap(), Point::default());
    }

    #[test]
    fn what_is_cut_short_or_goes_on_is_an_error() {
        let bytes = b"\xa2\x61x\x01\x61y\x02";
        for end in 0..bytes.len() {
            assert!(whole::<Point>(&bytes[..end]).is_err(), "{end} bytes");
        }
        assert!(whole::<Point>(b"\xa0\xa0").is_err());
    }

    #[test]
    fn a_list_that_claims_more_than_there_is_reserves_no_more() {
        assert!(whole::<Vec<u64>>(b"\x9b\x7f\xff\xff\xff\xff\xff\xff\xff\x01").is_err());
    }

    #[test]
    fn an_absent_field_leaves_no_key() {
        let mut out = Vec::new();
        Map::new(&mut out).field("x", &1u32).optional("y", None::<&u32>).list::<u32>("z", &[]);
        assert_eq!(out, b"\xa1\x61x\x01");
    }
}
