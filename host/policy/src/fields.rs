//! Records as guests get them: CBOR of the fields that are read, written as they are named. Source: ABI.md, "Encoding".

use std::io::Write;
use std::net::IpAddr;

use minicbor::Encoder;

use crate::reads::Reads;
use crate::tree::NUMBER_MAX;

/// The head of a map without entries. Its low bits are their count, as long as that is below 24.
const MAP: u8 = 0xa0;

/// Characters of an IP address, at most.
const IP_MAX: usize = 45;

/// What a field may be.
pub(crate) trait Value {
    /// Writes as much of it as is read.
    fn write(self, out: &mut Vec<u8>, reads: &Reads);
}

/// The fields of a record, in the schema's order. No record of the schema has 24.
pub(crate) struct Fields<'o> {
    out: &'o mut Vec<u8>,
    reads: &'o Reads,
    head: usize,
}

struct Record<F>(F);

struct List<I>(I);

struct Map<'e, T>(&'e [(String, T)]);

/// A record: whoever writes its fields.
pub(crate) fn record(fields: impl FnOnce(&mut Fields<'_>)) -> impl Value {
    Record(fields)
}

/// A list; its items are read whole.
pub(crate) fn list(items: impl IntoIterator<IntoIter: ExactSizeIterator, Item: Value>) -> impl Value {
    List(items.into_iter())
}

/// A map with keys of whatever name and number; its values are read whole.
pub(crate) fn map<'e, T>(entries: &'e [(String, T)]) -> impl Value
where
    &'e T: Value,
{
    Map(entries)
}

/// No value, where one has to be.
pub(crate) struct Null;

/// As much of a value as is read, as bytes: definite lengths, shortest numbers.
pub(crate) fn encode(reads: &Reads, value: impl Value) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    value.write(&mut out, reads);
    out
}

impl Fields<'_> {
    /// Writes a field, if it is read.
    pub(crate) fn with(&mut self, key: &str, value: impl Value) -> &mut Self {
        if let Some(reads) = self.reads.inside(key) {
            key.write(self.out, reads);
            value.write(self.out, reads);
            if let Some(head) = self.out.get_mut(self.head) {
                *head = head.saturating_add(1);
            }
        }
        self
    }

    /// As [`with`](Self::with); absent fields leave no key.
    pub(crate) fn option(&mut self, key: &str, value: Option<impl Value>) -> &mut Self {
        match value {
            Some(value) => self.with(key, value),
            None => self,
        }
    }
}

impl<F: FnOnce(&mut Fields<'_>)> Value for Record<F> {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let head = out.len();
        out.push(MAP);
        self.0(&mut Fields { out, reads, head });
    }
}

impl<I: ExactSizeIterator<Item: Value>> Value for List<I> {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let length = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        // writing to a vector cannot fail, here and below
        let _ = Encoder::new(&mut *out).array(length);
        self.0.for_each(|item| item.write(out, &Reads::All));
    }
}

impl<'e, T> Value for Map<'e, T>
where
    &'e T: Value,
{
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let length = u64::try_from(self.0.len()).unwrap_or(u64::MAX);
        let _ = Encoder::new(&mut *out).map(length);
        for (key, value) in self.0 {
            key.as_str().write(out, reads);
            value.write(out, &Reads::All);
        }
    }
}

impl Value for Null {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).null();
    }
}

impl Value for &str {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).str(self);
    }
}

impl Value for &[u8] {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).bytes(self);
    }
}

impl Value for u64 {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).u64(self.min(NUMBER_MAX));
    }
}

impl Value for u32 {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).u32(self);
    }
}

impl Value for i64 {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let bound = NUMBER_MAX.cast_signed();
        let _ = Encoder::new(out).i64(self.clamp(-bound, bound));
    }
}

impl Value for f64 {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).f64(self);
    }
}

impl Value for bool {
    fn write(self, out: &mut Vec<u8>, _: &Reads) {
        let _ = Encoder::new(out).bool(self);
    }
}

impl Value for IpAddr {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let mut text = [0; IP_MAX];
        let mut rest = &mut text[..];
        // there is room for the longest
        let _ = write!(rest, "{self}");
        let left = rest.len();
        let written = text.get(..IP_MAX.saturating_sub(left)).unwrap_or_default();
        std::str::from_utf8(written).unwrap_or_default().write(out, reads);
    }
}
