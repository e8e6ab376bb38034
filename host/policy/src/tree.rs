//! CBOR as the ABI allows it: a tree, its encoding for a guest, and the strict reading of what a guest wrote.

use std::collections::BTreeSet;

use minicbor::data::Type;
use minicbor::{Decoder, Encoder};

/// The largest number that a JavaScript number holds; larger ones are sent as this.
const NUMBER_MAX: u64 = (1 << 53) - 1;

/// Containers in containers that a guest may answer.
const DEPTH_MAX: usize = 16;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Tree {
    Map(Vec<(String, Tree)>),
    Array(Vec<Tree>),
    Text(String),
    Bytes(Vec<u8>),
    Uint(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
}

impl From<&str> for Tree {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<u64> for Tree {
    fn from(number: u64) -> Self {
        Self::Uint(number)
    }
}

impl From<u32> for Tree {
    fn from(number: u32) -> Self {
        Self::Uint(number.into())
    }
}

impl From<bool> for Tree {
    fn from(flag: bool) -> Self {
        Self::Bool(flag)
    }
}

/// A record in the making: absent fields leave no key.
#[derive(Debug, Default)]
pub(crate) struct Record(Vec<(String, Tree)>);

impl Record {
    pub(crate) fn with(mut self, key: &str, value: impl Into<Tree>) -> Self {
        self.0.push((key.to_owned(), value.into()));
        self
    }

    pub(crate) fn option(self, key: &str, value: Option<impl Into<Tree>>) -> Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }

    pub(crate) fn list(self, key: &str, items: impl IntoIterator<Item = Tree>) -> Self {
        self.with(key, Tree::Array(items.into_iter().collect()))
    }
}

impl From<Record> for Tree {
    fn from(record: Record) -> Self {
        Self::Map(record.0)
    }
}

impl Tree {
    /// Keeps the fields that paths name, such as `peer.user`.
    pub(crate) fn project(self, reads: &[String]) -> Self {
        let Self::Map(fields) = self else { return self };
        let kept = fields.into_iter().filter_map(|(key, value)| {
            if reads.contains(&key) {
                return Some((key, value));
            }
            let inside: Vec<String> = (reads.iter())
                .filter_map(|path| path.strip_prefix(key.as_str())?.strip_prefix('.').map(str::to_owned))
                .collect();
            (!inside.is_empty()).then(|| (key, value.project(&inside)))
        });
        Self::Map(kept.collect())
    }

    /// As bytes: definite lengths, shortest numbers.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::new());
        // writing to a vector cannot fail
        let _ = self.write(&mut encoder);
        encoder.into_writer()
    }

    fn write(&self, out: &mut Encoder<Vec<u8>>) -> Result<(), minicbor::encode::Error<std::convert::Infallible>> {
        let length = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
        match self {
            Self::Map(fields) => {
                out.map(length(fields.len()))?;
                for (key, value) in fields {
                    out.str(key)?;
                    value.write(out)?;
                }
            }
            Self::Array(items) => {
                out.array(length(items.len()))?;
                for item in items {
                    item.write(out)?;
                }
            }
            Self::Text(text) => drop(out.str(text)?),
            Self::Bytes(bytes) => drop(out.bytes(bytes)?),
            Self::Uint(number) => drop(out.u64((*number).min(NUMBER_MAX))?),
            Self::Int(number) => {
                let bound = NUMBER_MAX.cast_signed();
                out.i64((*number).clamp(-bound, bound))?;
            }
            Self::Float(number) => drop(out.f64(*number)?),
            Self::Bool(flag) => drop(out.bool(*flag)?),
            Self::Null => drop(out.null()?),
        }
        Ok(())
    }

    /// Reads what a guest wrote.
    ///
    /// # Errors
    ///
    /// What the ABI does not allow, in words.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self, String> {
        let mut decoder = Decoder::new(bytes);
        let tree = Self::read(&mut decoder, 0)?;
        if decoder.position() == bytes.len() { Ok(tree) } else { Err("bytes follow the answer".to_owned()) }
    }

    fn read(from: &mut Decoder<'_>, depth: usize) -> Result<Self, String> {
        let malformed = |error: minicbor::decode::Error| format!("malformed CBOR: {error}");
        Ok(match from.datatype().map_err(malformed)? {
            Type::Map if depth < DEPTH_MAX => {
                let count = from.map().map_err(malformed)?.ok_or("indefinite length")?;
                let mut fields: Vec<(String, Self)> = Vec::new();
                let mut known = BTreeSet::new();
                for _ in 0..count {
                    let key = from.str().map_err(malformed)?;
                    if !known.insert(key) {
                        return Err(format!("key `{}` stands twice", key.escape_debug()));
                    }
                    fields.push((key.to_owned(), Self::read(from, depth.saturating_add(1))?));
                }
                Self::Map(fields)
            }
            Type::Array if depth < DEPTH_MAX => {
                let count = from.array().map_err(malformed)?.ok_or("indefinite length")?;
                let mut items = Vec::new();
                for _ in 0..count {
                    items.push(Self::read(from, depth.saturating_add(1))?);
                }
                Self::Array(items)
            }
            Type::Map | Type::Array => return Err("nested deeper than 16".to_owned()),
            Type::String => Self::Text(from.str().map_err(malformed)?.to_owned()),
            Type::Bytes => Self::Bytes(from.bytes().map_err(malformed)?.to_vec()),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let tree: Tree = Record::default()
            .with("a", "x")
            .with("b", 1_u64 << 40)
            .list("c", [Tree::Int(-3), Tree::Float(0.5), Tree::Bool(true), Tree::Bytes(vec![1])])
            .option("d", None::<u64>)
            .into();
        assert_eq!(Tree::decode(&tree.encode()), Ok(tree));
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
        assert_eq!(tree.project(&["peer.user".to_owned(), "counts".to_owned()]), kept);
    }

    #[test]
    fn numbers_stay_what_javascript_holds() {
        assert_eq!(Tree::decode(&Tree::Uint(u64::MAX).encode()), Ok(Tree::Uint(NUMBER_MAX)));
    }
}
