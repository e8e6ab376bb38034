//! CBOR as the ABI allows it: a tree, the strict reading of what a guest wrote, and the encoding of what was read or is made of JSON.

use std::borrow::Cow;
use std::collections::BTreeSet;

use minicbor::Encoder;

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
        let mut input = Input { rest: bytes };
        let tree = Self::read(&mut input, 0)?;
        if input.rest.is_empty() { Ok(tree) } else { Err("bytes follow the answer".to_owned()) }
    }

    /// Source: RFC 8949, section 3.
    fn read(from: &mut Input<'t>, depth: usize) -> Result<Self, String> {
        let (kind, number) = from.head()?;
        Ok(match kind {
            Kind::Uint => Self::Uint(number),
            Kind::Negative => Self::Int(!i64::try_from(number).map_err(|_| "an integer below -2^63")?),
            Kind::Bytes => Self::Bytes(from.take(number)?.into()),
            Kind::Text => Self::Text(from.text(number)?.into()),
            Kind::Array | Kind::Map if depth >= DEPTH_MAX => return Err(format!("nested deeper than {DEPTH_MAX}")),
            Kind::Array => {
                let mut items = Vec::with_capacity(expected(number));
                for _ in 0..number {
                    items.push(Self::read(from, depth.saturating_add(1))?);
                }
                Self::Array(items)
            }
            Kind::Map => {
                let mut fields = Vec::with_capacity(expected(number));
                for _ in 0..number {
                    let (Kind::Text, length) = from.head()? else { return Err("a key that is no text".to_owned()) };
                    let key = Cow::Borrowed(from.text(length)?);
                    fields.push((key, Self::read(from, depth.saturating_add(1))?));
                }
                match twice(&fields) {
                    Some(key) => return Err(format!("key `{}` stands twice", key.escape_debug())),
                    None => Self::Map(fields),
                }
            }
            Kind::Bool => Self::Bool(number == 1),
            Kind::Null => Self::Null,
            Kind::Float => match f64::from_bits(number) {
                number if number.is_nan() => return Err("NaN".to_owned()),
                number => Self::Float(number),
            },
        })
    }
}

/// What a head announces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Uint,
    /// Of -1 minus the number.
    Negative,
    /// So many follow.
    Bytes,
    Text,
    /// So many items, or pairs, follow.
    Array,
    Map,
    /// 1: true.
    Bool,
    Null,
    /// Its bits, in 64.
    Float,
}

/// What is to be read.
struct Input<'t> {
    rest: &'t [u8],
}

impl<'t> Input<'t> {
    /// What comes next, with its number.
    fn head(&mut self) -> Result<(Kind, u64), String> {
        const SHORT: &str = "the bytes end within a value";
        let (&first, rest) = self.rest.split_first().ok_or(SHORT)?;
        let info = first & 0x1f;
        // the number stands in the first byte, or in so many that follow
        let (number, length) = match (info, rest) {
            (0..=23, _) => (u64::from(info), 0),
            (24, [a, ..]) => (u64::from(*a), 1),
            (25, [a, b, ..]) => (u64::from(u16::from_be_bytes([*a, *b])), 2),
            (26, [a, b, c, d, ..]) => (u64::from(u32::from_be_bytes([*a, *b, *c, *d])), 4),
            (27, [a, b, c, d, e, f, g, h, ..]) => (u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]), 8),
            (24..=27, _) => return Err(SHORT.to_owned()),
            (31, _) => return Err("indefinite length".to_owned()),
            _ => return Err(format!("byte {first:#04x}, which CBOR does not define")),
        };
        self.rest = rest.get(length..).unwrap_or_default();
        let kind = match (first >> 5, info) {
            (0, _) => Kind::Uint,
            (1, _) => Kind::Negative,
            (2, _) => Kind::Bytes,
            (3, _) => Kind::Text,
            (4, _) => Kind::Array,
            (5, _) => Kind::Map,
            (7, 20 | 21) => return Ok((Kind::Bool, u64::from(info == 21))),
            (7, 22) => Kind::Null,
            (7, 25) => return Ok((Kind::Float, half(number).to_bits())),
            (7, 26) => {
                let bits = u32::try_from(number).unwrap_or_default();
                return Ok((Kind::Float, f64::from(f32::from_bits(bits)).to_bits()));
            }
            (7, 27) => Kind::Float,
            (6, _) => return Err("a tag is not allowed".to_owned()),
            _ => return Err("a simple value is not allowed".to_owned()),
        };
        Ok((kind, number))
    }

    fn take(&mut self, length: u64) -> Result<&'t [u8], String> {
        let cut = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = cut.ok_or("the bytes end within a value")?;
        self.rest = rest;
        Ok(taken)
    }

    fn text(&mut self, length: u64) -> Result<&'t str, String> {
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text that is no UTF-8".to_owned())
    }
}

/// A float of 16 bits. Source: RFC 8949, appendix D.
fn half(bits: u64) -> f64 {
    let mantissa = f64::from(u16::try_from(bits & 0x3ff).unwrap_or_default());
    let size = match bits >> 10 & 0x1f {
        0 => mantissa * 2_f64.powi(-24),
        31 if mantissa == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        exponent => (mantissa + 1024.0) * 2_f64.powi(i32::try_from(exponent).unwrap_or_default() - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
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
            assert_eq!(read(&bytes), (!theirs.is_nan()).then_some(theirs.to_bits()), "{bits:#06x}");
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
