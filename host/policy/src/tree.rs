//! CBOR as a tree: of what a guest wrote, of what was sent, and of JSON.

use std::borrow::Cow;

use minicbor::Encoder;

use crate::fields::Value;
use crate::input::{Input, Item, expected, whole};
use crate::reads::Reads;

/// The largest number that a JavaScript number holds; larger ones are sent as this.
pub(crate) const NUMBER_MAX: u64 = (1 << 53) - 1;

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
        whole(bytes, Self::read)
    }

    fn read(from: &mut Input<'t>) -> Result<Self, String> {
        Ok(match from.item()? {
            Item::Uint(number) => Self::Uint(number),
            Item::Int(number) => Self::Int(number),
            Item::Float(number) => Self::Float(number),
            Item::Bool(flag) => Self::Bool(flag),
            Item::Null => Self::Null,
            Item::Text(text) => Self::Text(text.into()),
            Item::Bytes(bytes) => Self::Bytes(bytes.into()),
            Item::Array(count) => Self::Array(from.each(count, Self::read)?),
            Item::Map(count) => {
                let mut fields = Vec::with_capacity(expected(count));
                from.pairs(count, |key, from| {
                    fields.push((key.into(), Self::read(from)?));
                    Ok(())
                })?;
                Self::Map(fields)
            }
        })
    }
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

    /// Against a decoder that somebody else wrote.
    #[test]
    fn what_is_read_is_what_minicbor_reads() {
        let read = |bytes: &[u8]| match Tree::decode(bytes) {
            Ok(Tree::Float(number)) => Some(number.to_bits()),
            _ => None,
        };
        for bits in 0..=u16::MAX {
            let bytes = [&[0xf9][..], &bits.to_be_bytes()].concat();
            let theirs = f64::from(minicbor::Decoder::new(&bytes).f16().unwrap());
            assert_eq!(read(&bytes), theirs.is_finite().then_some(theirs.to_bits()), "{bits:#06x}");
        }
        let mut random = crosstie_model::random::Random::new(7);
        for _ in 0..200_000 {
            let bytes: Vec<u8> = random.draw().to_be_bytes()[..(random.draw() % 9) as usize].to_vec();
            let mut theirs = minicbor::Decoder::new(&bytes);
            match Tree::decode(&bytes) {
                Ok(Tree::Uint(number)) => assert_eq!(theirs.u64().unwrap(), number),
                Ok(Tree::Int(number)) => assert_eq!(theirs.i64().unwrap(), number),
                Ok(Tree::Text(text)) => assert_eq!(theirs.str().unwrap(), text),
                Ok(Tree::Bytes(found)) => assert_eq!(theirs.bytes().unwrap(), &*found),
                Ok(Tree::Float(number)) => assert_eq!(theirs.f64().unwrap(), number),
                Ok(_) => theirs.skip().unwrap(),
                // what they take all the same has a tag, a simple value, an indefinite length, a key that is no text or stands twice,
                // is no number that is one, or goes on
                Err(_) => continue,
            }
            assert_eq!(theirs.position(), bytes.len(), "{bytes:02x?}");
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
