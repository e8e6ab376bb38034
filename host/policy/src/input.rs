//! What a guest wrote, read once from front to back, as strictly as the ABI has it, without a copy.

use std::collections::BTreeSet;

/// Containers in containers that a guest may answer.
const DEPTH_MAX: usize = 16;

/// Keys of a record that are compared with each other; more are sorted.
const KEYS_COMPARED_MAX: usize = 16;

/// Items that are given room before the first of them is read: how many there are is only said.
const ITEMS_EXPECTED_MAX: usize = 16;

const SHORT: &str = "the bytes end within a value";

/// The byte that is null.
const NULL: u8 = 0xf6;

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Item<'t> {
    Uint(u64),
    Int(i64),
    Float(f64),
    Bool(bool),
    Null,
    Text(&'t str),
    Bytes(&'t [u8]),
    /// So many items follow.
    Array(u64),
    /// So many pairs follow.
    Map(u64),
}

/// What is to be read.
#[derive(Debug)]
pub(crate) struct Input<'t> {
    rest: &'t [u8],
    depth: usize,
}

/// Reads a value, and nothing after it.
///
/// # Errors
///
/// What the ABI does not allow, in words, or what `read` says.
pub(crate) fn whole<'t, T>(
    bytes: &'t [u8],
    read: impl FnOnce(&mut Input<'t>) -> Result<T, String>,
) -> Result<T, String> {
    let mut from = Input { rest: bytes, depth: 0 };
    let value = read(&mut from)?;
    if from.rest.is_empty() { Ok(value) } else { Err("bytes follow the answer".to_owned()) }
}

impl<'t> Input<'t> {
    /// The next item; of a container, what is in it follows ([`each`](Self::each), [`fields`](Self::fields)).
    /// Source: RFC 8949, section 3.
    pub(crate) fn item(&mut self) -> Result<Item<'t>, String> {
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
        Ok(match (first >> 5, info) {
            (0, _) => Item::Uint(number),
            (1, _) => Item::Int(!i64::try_from(number).map_err(|_| "an integer below -2^63")?),
            (2, _) => Item::Bytes(self.take(number)?),
            (3, _) => Item::Text(std::str::from_utf8(self.take(number)?).map_err(|_| "a text that is no UTF-8")?),
            (4, _) => Item::Array(number),
            (5, _) => Item::Map(number),
            (7, 20 | 21) => Item::Bool(info == 21),
            (7, 22) => Item::Null,
            (7, 25) => float(half(number))?,
            (7, 26) => float(f64::from(f32::from_bits(u32::try_from(number).unwrap_or_default())))?,
            (7, 27) => float(f64::from_bits(number))?,
            (6, _) => return Err("a tag is not allowed".to_owned()),
            _ => return Err("a simple value is not allowed".to_owned()),
        })
    }

    fn take(&mut self, length: u64) -> Result<&'t [u8], String> {
        let cut = usize::try_from(length).ok().and_then(|length| self.rest.split_at_checked(length));
        let (taken, rest) = cut.ok_or(SHORT)?;
        self.rest = rest;
        Ok(taken)
    }

    /// Steps into a container.
    fn inside<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth >= DEPTH_MAX {
            return Err(format!("nested deeper than {DEPTH_MAX}"));
        }
        self.depth = self.depth.saturating_add(1);
        let read = read(self);
        self.depth = self.depth.saturating_sub(1);
        read
    }

    /// The items of a list of so many: `read` takes one each time.
    pub(crate) fn each<T>(
        &mut self,
        count: u64,
        mut read: impl FnMut(&mut Self) -> Result<T, String>,
    ) -> Result<Vec<T>, String> {
        self.inside(|from| {
            let mut items = Vec::with_capacity(expected(count));
            for _ in 0..count {
                items.push(read(from)?);
            }
            Ok(items)
        })
    }

    /// The pairs of a map of so many, whose keys are texts, each once: `read` takes the value of a key.
    pub(crate) fn pairs(
        &mut self,
        count: u64,
        mut read: impl FnMut(&'t str, &mut Self) -> Result<(), String>,
    ) -> Result<(), String> {
        self.inside(|from| {
            let mut keys = Keys::default();
            for _ in 0..count {
                let Item::Text(key) = from.item()? else { return Err("a key that is no text".to_owned()) };
                keys.add(key)?;
                read(key, from)?;
            }
            Ok(())
        })
    }

    /// A record: `read` takes the values of the fields that it knows, and says whether it took this one. Nulls count as absent.
    pub(crate) fn record(
        &mut self,
        what: &str,
        mut read: impl FnMut(&'t str, &mut Self) -> Result<bool, String>,
    ) -> Result<(), String> {
        let Item::Map(count) = self.item()? else { return Err(format!("{what} is no record")) };
        self.pairs(
            count,
            |key, from| {
                if from.rest.first() == Some(&NULL) || !read(key, from)? { from.pass() } else { Ok(()) }
            },
        )
    }

    /// A variant: a map of one entry, the case; `read` takes its payload.
    pub(crate) fn variant<T>(
        &mut self,
        what: &str,
        read: impl FnOnce(&'t str, &mut Self) -> Result<T, String>,
    ) -> Result<T, String> {
        match self.item()? {
            Item::Map(1) => self.inside(|from| match from.item()? {
                Item::Text(case) => read(case, from),
                _ => Err("a key that is no text".to_owned()),
            }),
            Item::Map(_) => Err("a variant has one case".to_owned()),
            _ => Err(format!("{what} is no record")),
        }
    }

    /// Whether a text comes next.
    pub(crate) fn text_comes(&self) -> bool {
        self.rest.first().is_some_and(|first| first >> 5 == 3)
    }

    /// Passes over a value, and all that is in it.
    fn pass(&mut self) -> Result<(), String> {
        match self.item()? {
            Item::Array(count) => self.each(count, Self::pass).map(drop),
            Item::Map(count) => self.pairs(count, |_, from| from.pass()),
            _ => Ok(()),
        }
    }
}

fn float<'t>(number: f64) -> Result<Item<'t>, String> {
    // JSON has neither
    if !number.is_finite() { Err(format!("{number}, which is no number")) } else { Ok(Item::Float(number)) }
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

pub(crate) fn expected(count: u64) -> usize {
    usize::try_from(count).map_or(ITEMS_EXPECTED_MAX, |count| count.min(ITEMS_EXPECTED_MAX))
}

/// The keys of a record so far.
#[derive(Default)]
struct Keys<'t> {
    few: [&'t str; KEYS_COMPARED_MAX],
    count: usize,
    more: BTreeSet<&'t str>,
}

impl<'t> Keys<'t> {
    fn add(&mut self, key: &'t str) -> Result<(), String> {
        let few = self.few.get(..self.count).unwrap_or(&self.few);
        if few.contains(&key) || self.more.contains(key) {
            return Err(format!("key `{}` stands twice", key.escape_debug()));
        }
        match self.few.get_mut(self.count) {
            Some(free) => {
                *free = key;
                self.count = self.count.saturating_add(1);
            }
            None => drop(self.more.insert(key)),
        }
        Ok(())
    }
}
