//! CBOR as the ABI allows it: a tree, the strict reading of what a guest wrote, and the encoding of what was read or is made of JSON.

use std::borrow::Cow;
use std::collections::BTreeSet;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

use crate::fields::Value;
use crate::reads::Reads;

/// The largest number that a JavaScript number holds; larger ones are sent as this.
pub(crate) const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Containers in containers that a guest may answer.
const DEPTH_MAX: usize = 16;

/// Keys of a map that are compared with each other; more are sorted.
const KEYS_COMPARED_MAX: usize = 16;

/// Items that are given room before the first of them is read: how many there are is only said.
const ITEMS_EXPECTED_MAX: usize = 16;

/// A value, of bytes that may be somebody else's.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree<'t> {
    Map(Vec<(Cow<'t, str>, Self)>),
    Array(Vec<Self>),
    Text(Cow<'t, str>),
    Bytes(Cow<'t, [u8]>),
    Uint(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

impl Value for &Tree<'_> {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        // writing to a vector cannot fail
        let mut encoder = Encoder::new(&mut *out);
        match self {
            Tree::Map(fields) => {
                let read = || fields.iter().filter_map(|(key, value)| Some((key, value, reads.inside(key)?)));
                let _ = encoder.map(length(read().count()));
                for (key, value, inside) in read() {
                    (&**key).write(out, inside);
                    value.write(out, inside);
                }
            }
            Tree::Array(items) => {
                let _ = encoder.array(length(items.len()));
                items.iter().for_each(|item| item.write(out, &Reads::All));
            }
            Tree::Text(text) => (&**text).write(out, reads),
            Tree::Bytes(bytes) => (&**bytes).write(out, reads),
            Tree::Uint(number) => number.write(out, reads),
            Tree::Int(number) => number.write(out, reads),
            Tree::Float(number) => number.write(out, reads),
            Tree::Bool(flag) => flag.write(out, reads),
            Tree::Null => drop(encoder.null()),
        }
    }
}

impl<'t> Tree<'t> {
    /// One that is nobody else's.
    pub(crate) fn into_owned(self) -> Tree<'static> {
        let owned = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        match self {
            Self::Map(fields) => {
                Tree::Map(fields.into_iter().map(|(key, value)| (owned(key), value.into_owned())).collect())
            }
            Self::Array(items) => Tree::Array(items.into_iter().map(Self::into_owned).collect()),
            Self::Text(text) => Tree::Text(owned(text)),
            Self::Bytes(bytes) => Tree::Bytes(Cow::Owned(bytes.into_owned())),
            Self::Uint(number) => Tree::Uint(number),
            Self::Int(number) => Tree::Int(number),
            Self::Float(number) => Tree::Float(number),
            Self::Bool(flag) => Tree::Bool(flag),
            Self::Null => Tree::Null,
        }
    }

    /// As bytes, as much of it as is read: definite lengths, shortest numbers.
    pub(crate) fn encode(&self, reads: &Reads) -> Vec<u8> {
        let mut out = Vec::with_capacity(128);
        self.write(&mut out, reads);
        out
    }

    /// Reads what a guest wrote.
    ///
    /// # Errors
    ///
    /// What the ABI does not allow, in words.
    pub(crate) fn decode(bytes: &'t [u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(bytes);
        let tree = Self::read(&mut decoder, 0)?;
        if decoder.position() == bytes.len() { Ok(tree) } else { Err("bytes follow the answer".to_owned()) }
    }

    fn read(from: &mut Decoder<'t>, depth: usize) -> Result<Self, String> {
        let malformed = |error: minicbor::decode::Error| format!("malformed CBOR: {error}");
        Ok(match from.datatype().map_err(malformed)? {
            Type::Map if depth < DEPTH_MAX => {
                let count = from.map().map_err(malformed)?.ok_or("indefinite length")?;
                let mut fields = Vec::with_capacity(expected(count));
                for _ in 0..count {
                    let key = Cow::Borrowed(from.str().map_err(malformed)?);
                    fields.push((key, Self::read(from, depth.saturating_add(1))?));
                }
                match twice(&fields) {
                    Some(key) => return Err(format!("key `{}` stands twice", key.escape_debug())),
                    None => Self::Map(fields),
                }
            }
            Type::Array if depth < DEPTH_MAX => {
                let count = from.array().map_err(malformed)?.ok_or("indefinite length")?;
                let mut items = Vec::with_capacity(expected(count));
                for _ in 0..count {
                    items.push(Self::read(from, depth.saturating_add(1))?);
                }
                Self::Array(items)
            }
            Type::Map | Type::Array => return Err("nested deeper than 16".to_owned()),
            Type::String => Self::Text(from.str().map_err(malformed)?.into()),
            Type::Bytes => Self::Bytes(from.bytes().map_err(malformed)?.into()),
            Type::Bool => Self::Bool(from.bool().map_err(malformed)?),
            Type::Null => {
                from.null().map_err(malformed)?;
                Self::Null
            }
            Type::F16 | Type::F32 | Type::F64 => {
                let number = from.f64().map_err(malformed)?;
                if number.is_nan() {
                    return Err("NaN".to_owned());
                }
                Self::Float(number)
            }
            Type::U8 | Type::U16 | Type::U32 | Type::U64 => Self::Uint(from.u64().map_err(malformed)?),
            Type::I8 | Type::I16 | Type::I32 | Type::I64 => Self::Int(from.i64().map_err(malformed)?),
            other => return Err(format!("{other} is not allowed")),
        })
    }
}

fn expected(count: u64) -> usize {
    usize::try_from(count).map_or(ITEMS_EXPECTED_MAX, |count| count.min(ITEMS_EXPECTED_MAX))
}

/// A key that is not the only one of its name.
fn twice<'k>(fields: &'k [(Cow<'_, str>, Tree<'_>)]) -> Option<&'k str> {
    let mut keys = fields.iter().map(|(key, _)| &**key);
    if fields.len() <= KEYS_COMPARED_MAX {
        let is_known = |(at, key): &(usize, &str)| fields.iter().take(*at).any(|(known, _)| known == key);
        return keys.enumerate().find(is_known).map(|(_, key)| key);
    }
    let mut known = BTreeSet::new();
    keys.find(|key| !known.insert(*key))
}

/// Trees for tests.
#[cfg(test)]
pub(crate) mod made {
    use super::Tree;

    impl From<&str> for Tree<'_> {
        fn from(text: &str) -> Self {
            Self::Text(text.to_owned().into())
        }
    }

    impl From<u64> for Tree<'_> {
        fn from(number: u64) -> Self {
            Self::Uint(number)
        }
    }

    impl From<u32> for Tree<'_> {
        fn from(number: u32) -> Self {
            Self::Uint(number.into())
        }
    }

    impl From<bool> for Tree<'_> {
        fn from(flag: bool) -> Self {
            Self::Bool(flag)
        }
    }

    /// A record in the making: absent fields leave no key.
    #[derive(Debug, Default)]
    pub(crate) struct Record(Vec<(String, Tree<'static>)>);

    impl Record {
        pub(crate) fn with(mut self, key: &str, value: impl Into<Tree<'static>>) -> Self {
            self.0.push((key.to_owned(), value.into()));
            self
        }

        pub(crate) fn list(self, key: &str, items: impl IntoIterator<Item = Tree<'static>>) -> Self {
            self.with(key, Tree::Array(items.into_iter().collect()))
        }
    }

    impl From<Record> for Tree<'_> {
        fn from(record: Record) -> Self {
            Self::Map(record.0.into_iter().map(|(key, value)| (key.into(), value)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::made::Record;
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tree: Tree = Record::default()
            .with("a", "x")
            .with("b", 1_u64 << 40)
            .list("c", [Tree::Int(-3), Tree::Float(0.5), Tree::Bool(true), Tree::Bytes(vec![1].into())])
            .into();
        assert_eq!(Tree::decode(&tree.encode(&Reads::All)), Ok(tree));
    }

    #[test]
    fn what_the_abi_does_not_allow_is_refused() {
        let deep = [vec![0x81; 17], vec![0x00]].concat();
        let bad: [&[u8]; 9] = [
            b"",
            b"\x00\x00",
            b"\xa2\x61a\x00\x61a\x01",
            b"\xbf\xff",
            b"\x9f\xff",
            b"\xc0\x00",
            b"\xf9\x7e\x00",
            b"\x61\xff",
            &deep,
        ];
        for bytes in bad {
            assert!(Tree::decode(bytes).is_err(), "{bytes:x?}");
        }
    }

    #[test]
    fn a_key_that_stands_twice_is_found_among_many_in_no_time() {
        const KEYS: u32 = 200_000;
        let keys = |last: u32| {
            let mut bytes = vec![0xba];
            bytes.extend_from_slice(&(KEYS + 1).to_be_bytes());
            for key in (0..KEYS).chain([last]) {
                bytes.push(0x68);
                bytes.extend_from_slice(format!("{key:08x}").as_bytes());
                bytes.push(0x00);
            }
            bytes
        };
        let started = std::time::Instant::now();
        assert!(Tree::decode(&keys(KEYS)).is_ok());
        assert_eq!(Tree::decode(&keys(7)), Err("key `00000007` stands twice".to_owned()));
        // comparing each with each takes minutes
        assert!(started.elapsed() < std::time::Duration::from_secs(20));
    }

    #[test]
    fn a_projection_keeps_what_is_read() {
        let peer = Record::default().with("user", "u").with("ip", "1");
        let tree: Tree = Record::default().with("peer", peer).with("recheck", false).with("counts", 1_u64).into();
        let kept: Tree =
            Record::default().with("peer", Record::default().with("user", "u")).with("counts", 1_u64).into();
        let reads = Reads::of(&["peer.user".to_owned(), "counts".to_owned()]);
        assert_eq!(Tree::decode(&tree.encode(&reads)), Ok(kept));
    }

    #[test]
    fn numbers_stay_what_javascript_holds() {
        assert_eq!(Tree::decode(&Tree::Uint(u64::MAX).encode(&Reads::All)), Ok(Tree::Uint(NUMBER_MAX)));
    }
}
