//! Encoded values as text, for the log. Source: the reference's `message.c`, whose forms these are. It leaves out floats, decimals, characters,
//! UUIDs and arrays, and lets line breaks and quotation marks stand as they are.

use std::fmt::{self, Write};

use super::shape::{Shape, shape, undescribe};

/// Values in values that are written out.
const DEPTH_MAX: usize = 8;

/// What takes the place of the rest.
const REST: &str = "...";

/// A text of limited length, of which no peer can make two lines.
#[derive(Debug)]
pub struct Text {
    text: String,
    max_bytes: usize,
    is_cut: bool,
}

impl Write for Text {
    /// All of it, or nothing of it and of whatever comes after.
    fn write_str(&mut self, part: &str) -> fmt::Result {
        self.is_cut |= self.text.len().saturating_add(part.len()) > self.max_bytes;
        if self.is_cut {
            return Err(fmt::Error);
        }
        self.text.push_str(part);
        Ok(())
    }
}

impl Text {
    /// An empty one, to be `max_bytes` long at most.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { text: String::new(), max_bytes, is_cut: false }
    }

    /// The text, with `ending` behind it.
    #[must_use]
    pub fn end(mut self, ending: &str) -> String {
        self.text.push_str(ending);
        self.text
    }

    /// Marks that something is missing here, beyond the limit if need be.
    pub fn cut(&mut self) {
        self.text.push_str(REST);
        self.is_cut = true;
    }

    /// Appends something that is no peer's. `None`: there is no room.
    pub fn put(&mut self, part: impl fmt::Display) -> Option<()> {
        write!(self, "{part}").ok()
    }

    /// Appends the value that `input` begins with; returns what follows it. `None`: it is malformed, or there is no room.
    pub fn value<'b>(&mut self, input: &'b [u8]) -> Option<&'b [u8]> {
        self.nested(input, 0)
    }

    /// Appends a map of `count` keys and values, which follow each other in `items`. `None`: one is malformed, or there is no room.
    pub fn map(&mut self, count: usize, items: &[u8]) -> Option<()> {
        self.pairs(count, items, 0)
    }

    fn nested<'b>(&mut self, input: &'b [u8], depth: usize) -> Option<&'b [u8]> {
        let (constructor, rest, depth) = undescribe(input, depth).ok()?;
        self.constructed(constructor, rest, depth)
    }

    /// Appends a value whose constructor has been read.
    fn constructed<'b>(&mut self, constructor: u8, rest: &'b [u8], depth: usize) -> Option<&'b [u8]> {
        let (shape, after) = shape(constructor, rest).ok()?;
        let below = depth.saturating_add(1);
        match shape {
            Shape::Plain => {
                let length = rest.len().saturating_sub(after.len());
                self.plain(constructor, rest.get(..length)?)?;
            }
            _ if depth >= DEPTH_MAX => self.put(REST)?,
            Shape::Map { count, items } => self.pairs(count, items, below)?,
            Shape::List { count, items } => {
                self.several(["[", "]"], count, items, |text, at| text.nested(at, below))?
            }
            Shape::Array { count: 0, .. } => self.put("[]")?,
            Shape::Array { count, items } => {
                let (element, items, below) = undescribe(items, below).ok()?;
                self.several(["[", "]"], count, items, |text, at| text.constructed(element, at, below))?;
            }
        }
        Some(after)
    }

    fn pairs(&mut self, count: usize, items: &[u8], depth: usize) -> Option<()> {
        self.several(["{", "}"], count / 2, items, |text, at| {
            let at = text.nested(at, depth)?;
            text.put("=")?;
            text.nested(at, depth)
        })
    }

    fn several<'b>(
        &mut self,
        [opening, closing]: [&str; 2],
        count: usize,
        items: &'b [u8],
        each: impl Fn(&mut Self, &'b [u8]) -> Option<&'b [u8]>,
    ) -> Option<()> {
        self.put(opening)?;
        let mut rest = items;
        for at in 0..count {
            if at > 0 {
                self.put(", ")?;
            }
            rest = each(self, rest)?;
        }
        self.put(closing)
    }

    fn plain(&mut self, constructor: u8, bytes: &[u8]) -> Option<()> {
        match constructor {
            0x40 => self.put("null"),
            0x41 | 0x42 | 0x56 => self.put(if constructor == 0x41 || bytes == [1] { "T" } else { "F" }),
            0x43 | 0x44 | 0x50 | 0x52 | 0x53 | 0x60 | 0x70 | 0x80 => self.put(unsigned(bytes)),
            0x51 | 0x54 | 0x55 | 0x61 | 0x71 | 0x81 => self.put(signed(bytes)),
            0x72 => self.put(f32::from_be_bytes(*bytes.first_chunk()?)),
            0x82 => self.put(f64::from_be_bytes(*bytes.first_chunk()?)),
            0x73 => match char::from_u32(u32::from_be_bytes(*bytes.first_chunk()?)) {
                Some(character) => self.quoted("'", character.encode_utf8(&mut [0; 4]).as_bytes(), '\''),
                None => self.hex(bytes),
            },
            0x83 => self.time(signed(bytes)),
            0x98 => {
                let mut rest = bytes;
                for (at, length) in [4, 2, 2, 2, 6].into_iter().enumerate() {
                    self.put(if at == 0 { "" } else { "-" })?;
                    let part;
                    (part, rest) = rest.split_at_checked(length)?;
                    self.hex(part)?;
                }
                Some(())
            }
            0xa0 => self.quoted("b\"", bytes.get(1..)?, '"'),
            0xb0 => self.quoted("b\"", bytes.get(4..)?, '"'),
            0xa1 => self.quoted("\"", bytes.get(1..)?, '"'),
            0xb1 => self.quoted("\"", bytes.get(4..)?, '"'),
            0xa3 => self.quoted(":\"", bytes.get(1..)?, '"'),
            0xb3 => self.quoted(":\"", bytes.get(4..)?, '"'),
            // the decimals, which nobody reads as they are
            _ => self.hex(bytes),
        }
    }

    /// Appends what a peer chose, with `quote` at its end; so much is escaped that it ends nowhere before.
    fn quoted(&mut self, opening: &str, bytes: &[u8], quote: char) -> Option<()> {
        self.put(opening)?;
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\'' if character != quote => self.put(character)?,
                    _ => self.put(character.escape_debug())?,
                }
            }
            for byte in chunk.invalid() {
                self.put(format_args!("\\x{byte:02x}"))?;
            }
        }
        self.put(quote)
    }

    fn hex(&mut self, bytes: &[u8]) -> Option<()> {
        bytes.iter().try_for_each(|byte| self.put(format_args!("{byte:02x}")))
    }

    /// Appends a time in milliseconds since 1970, as of Greenwich; the reference takes the local one.
    fn time(&mut self, ms: i64) -> Option<()> {
        const DAY_MS: i64 = 86_400_000;
        let (days, in_day) = (ms.div_euclid(DAY_MS), ms.rem_euclid(DAY_MS));
        let (year, month, day) = date(days);
        let (seconds, ms) = (in_day / 1000, in_day % 1000);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        self.put(format_args!("\"{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03} +0000\""))
    }
}

/// Year, month and day so many days after 1 January 1970, which are at most the milliseconds of an `i64`. Source: H. Hinnant,
/// "chrono-Compatible Low-Level Date Algorithms", `civil_from_days`.
const fn date(days: i64) -> (i64, i64, i64) {
    let since = days + 719_468;
    let (era, day_of_era) = (since.div_euclid(146_097), since.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // of a year that begins in March
    let month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month + 2) / 5 + 1;
    let (month, more) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (year_of_era + era * 400 + more, month, day)
}

/// A number of up to 8 bytes.
fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0, |number, byte| (number << 8) | u64::from(*byte))
}

/// A number of up to 8 bytes, in two's complement.
fn signed(bytes: &[u8]) -> i64 {
    let sign = if bytes.first().is_some_and(|byte| *byte >= 0x80) { -1 } else { 0 };
    bytes.iter().fold(sign, |number, byte| (number << 8) | i64::from(*byte))
}

#[cfg(test)]
mod tests {
    use serde_amqp::primitives::{Array, Binary, OrderedMap, Symbol, Timestamp, Uuid};
    use serde_amqp::{Value, to_vec};

    use super::*;

    fn shown(value: &Value) -> String {
        of(&to_vec(value).unwrap())
    }

    fn of(bytes: &[u8]) -> String {
        let mut text = Text::new(2048);
        if text.value(bytes).is_none() {
            text.cut();
        }
        text.end("")
    }

    #[test]
    fn each_type_has_its_form() {
        for (value, wanted) in [
            (Value::Null, "null"),
            (Value::Bool(true), "T"),
            (Value::Bool(false), "F"),
            (Value::Ubyte(200), "200"),
            (Value::Ushort(65_535), "65535"),
            (Value::Uint(0), "0"),
            (Value::Uint(7), "7"),
            (Value::Uint(u32::MAX), "4294967295"),
            (Value::Ulong(0), "0"),
            (Value::Ulong(89), "89"),
            (Value::Ulong(u64::MAX), "18446744073709551615"),
            (Value::Byte(-1), "-1"),
            (Value::Short(-300), "-300"),
            (Value::Int(-5), "-5"),
            (Value::Int(i32::MIN), "-2147483648"),
            (Value::Long(3), "3"),
            (Value::Long(i64::MIN), "-9223372036854775808"),
            (Value::Float(0.5.into()), "0.5"),
            (Value::Double((-2.25).into()), "-2.25"),
            (Value::Char('ß'), "'ß'"),
            (Value::Char('\''), r"'\''"),
            (Value::Uuid(Uuid::from([0xab; 16])), "abababab-abab-abab-abab-abababababab"),
            (Value::Binary(Binary::from(b"a\0\xff\"".to_vec())), r#"b"a\0\xff\"""#),
            (Value::String("it's".into()), r#""it's""#),
            (Value::Symbol(Symbol::from("s")), r#":"s""#),
            (Value::List(vec![Value::Int(10), Value::List(Vec::new())]), "[10, []]"),
            (Value::Array(Array::from(vec![Value::Int(1), Value::Int(2)])), "[1, 2]"),
        ] {
            assert_eq!(shown(&value), wanted, "{value:?}");
        }
        let map: OrderedMap<Value, Value> =
            [(Value::from("a"), Value::Null), (Value::from("b"), Value::Bool(true))].into_iter().collect();
        assert_eq!(shown(&Value::Map(map)), r#"{"a"=null, "b"=T}"#);
        assert_eq!(of(b"\x74\x12\x34\x56\x78"), "12345678", "a decimal");
        assert_eq!(of(b"\x73\x00\xd8\x00\x00"), "00d80000", "no character");
        assert_eq!(of(b"\x00\x53\x10\xa1\x01d"), "\"d\"", "a described value");
    }

    /// The dates: `date -u -d @…`.
    #[test]
    fn times_are_those_of_greenwich() {
        for (ms, wanted) in [
            (1_487_772_623_883, "2017-02-22 14:10:23.883"),
            (0, "1970-01-01 00:00:00.000"),
            (-1, "1969-12-31 23:59:59.999"),
            (951_782_400_000, "2000-02-29 00:00:00.000"),
            (4_107_542_399_999, "2100-02-28 23:59:59.999"),
            (4_107_542_400_000, "2100-03-01 00:00:00.000"),
        ] {
            assert_eq!(shown(&Value::Timestamp(Timestamp::from(ms))), format!("\"{wanted} +0000\""));
        }
        for ms in [i64::MIN, i64::MAX] {
            assert!(shown(&Value::Timestamp(Timestamp::from(ms))).ends_with(" +0000\""));
        }
    }

    #[test]
    fn nothing_that_a_peer_writes_ends_its_quotes_or_its_line() {
        let forged = "x\", to=\"y\r\n2026-11-23 ERROR\u{1b}[31m\u{2028}\u{202e}\u{85}\\";
        for value in [Value::from(forged), Value::Symbol(Symbol::from(forged)), Value::Binary(Binary::from(forged))] {
            let text = shown(&value);
            assert!(text.contains(r#"x\", to=\"y\r\n2026-11-23 ERROR\u{1b}[31m\u{2028}\u{202e}\u{85}\\"#), "{text}");
        }
    }

    #[test]
    fn a_text_keeps_its_limit() {
        for value in [
            Value::from("ä".repeat(5000)),
            Value::from("\n".repeat(5000)),
            Value::List(vec![Value::from("long"); 5000]),
            Value::Binary(Binary::from(vec![0xff; 5000])),
        ] {
            let text = shown(&value);
            assert!(text.len() <= 2048 + REST.len() && text.len() > 2000 && text.ends_with(REST), "{text}");
        }
        // an array of 4 billion elements without bytes
        assert!(of(b"\xf0\x00\x00\x00\x05\xff\xff\xff\xff\x40").len() <= 2048 + REST.len());
    }

    #[test]
    fn depth_ends_somewhere() {
        let mut value = Value::Int(1);
        for _ in 0..40 {
            value = Value::List(vec![value]);
        }
        assert_eq!(shown(&value), "[[[[[[[[...]]]]]]]]");
        let descriptors = b"\x00\x53\x10".repeat(100);
        assert_eq!(of(&descriptors), REST);
    }

    /// Whatever is read, it ends, and stands on one line.
    #[test]
    fn what_is_malformed_is_cut() {
        let whole = to_vec(&Value::List(vec![Value::from("text"), Value::Int(7), Value::Uuid(Uuid::from([1; 16]))]));
        let whole = whole.unwrap();
        for length in 0..whole.len() {
            assert!(of(&whole[..length]).ends_with(REST), "{length}");
        }
        let mut seed = 1_u32;
        for _ in 0..20_000 {
            let bytes: Vec<u8> = (0..24)
                .map(|_| {
                    seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    (seed >> 24) as u8
                })
                .collect();
            let text = of(&bytes);
            assert!(!text.contains(char::is_control), "{bytes:?}: {text}");
        }
    }
}
