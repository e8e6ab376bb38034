//! The guard before serde_amqp: what that codec stumbles over is refused, or brought into a form that it reads.
//!
//! serde_amqp 0.18 follows nested values with its stack, gets out of step at an empty array, and fails a whole frame for a
//! string where it wants a symbol and for outcomes and termini that it does not know. So a body is first walked without
//! recursion, every size, count and depth checked; then it is copied with empty arrays as null, string keys as symbols where
//! symbols stand, and foreign keys, outcomes and termini set aside. The copy may recurse: the walk bounds how deep.

use thiserror::Error;

use crate::raw::{self, RawFault, Shape, descriptor, shape, skip, split_byte};

/// Elements of an array that take no bytes; more would cost memory that nobody sent.
const EMPTY_ELEMENTS_MAX: usize = 256;

/// Why a body does not pass.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GuardFault {
    /// A size, count, constructor or depth is wrong.
    #[error(transparent)]
    Malformed(#[from] RawFault),
    /// Bytes follow the performative.
    #[error("bytes follow the performative")]
    Trailing,
    /// An array claims more elements without bytes than any sender needs.
    #[error("an array of {0} elements without bytes")]
    EmptyElements(usize),
}

/// What is expected at a place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Want {
    Any,
    /// A map with symbols as keys.
    Symbols,
    /// A described list with one of these codes; any other becomes null.
    One(&'static [u64]),
    /// Always becomes null.
    Nothing,
}

const SOURCE: Want = Want::One(&[0x28]);
const TARGET: Want = Want::One(&[0x29]);
const ERROR: Want = Want::One(&[0x1d]);
const OUTCOME: Want = Want::One(&[raw::STATE_ACCEPTED, raw::STATE_REJECTED, raw::STATE_RELEASED, raw::STATE_MODIFIED]);

/// What is expected in a field of a described list.
const fn field(code: Option<u64>, index: usize) -> Want {
    let Some(code) = code else { return Want::Any };
    match (code, index) {
        (raw::OPEN, 9) | (raw::BEGIN, 7) | (raw::ATTACH, 13) => Want::Symbols,
        (raw::ATTACH, 5) => SOURCE,
        (raw::ATTACH, 6) => TARGET,
        // resuming links is not served, and delivery states that are not known would fail the frame
        (raw::ATTACH, 7) => Want::Nothing,
        (raw::DETACH, 2) | (raw::END | raw::CLOSE | raw::STATE_REJECTED, 0) => ERROR,
        (0x1d, 2) | (0x28, 5 | 7) | (0x29, 5) | (raw::STATE_MODIFIED, 2) => Want::Symbols,
        (0x28, 8) => OUTCOME,
        _ => Want::Any,
    }
}

/// Checks the body of one performative, and returns it as serde_amqp can read it.
///
/// # Errors
///
/// [`GuardFault`].
pub fn pass(body: &[u8]) -> Result<Vec<u8>, GuardFault> {
    if skip(body)? != body.len() {
        return Err(GuardFault::Trailing);
    }
    let mut out = Vec::with_capacity(body.len().saturating_add(16));
    copy(body, Want::Any, &mut out)?;
    Ok(out)
}

const NULL: u8 = 0x40;

/// Copies the value that `input` begins with; returns what follows it.
fn copy<'b>(input: &'b [u8], want: Want, out: &mut Vec<u8>) -> Result<&'b [u8], GuardFault> {
    let whole = skip(input)?;
    let (value, after) = input.split_at_checked(whole).ok_or(RawFault::Short)?;
    let (mut constructor, mut rest) = split_byte(value)?;
    let mut code = None;
    if constructor == 0x00 {
        let (found, inside) = descriptor(rest)?;
        let head = rest.len().saturating_sub(inside.len());
        if matches!(want, Want::One(codes) if !found.is_some_and(|code| codes.contains(&code))) {
            out.push(NULL);
            return Ok(after);
        }
        if want != Want::Nothing {
            out.push(0x00);
            out.extend_from_slice(rest.get(..head).unwrap_or_default());
        }
        code = found;
        (constructor, rest) = split_byte(inside)?;
        if constructor == 0x00 && want != Want::Nothing {
            copy(inside, Want::Any, out)?;
            return Ok(after);
        }
    }
    if want == Want::Nothing {
        out.push(NULL);
        return Ok(after);
    }
    match shape(constructor, rest)?.0 {
        Shape::List { count: 0, .. } => out.push(0x45),
        Shape::List { count, items } => copy_list(count, items, code, out)?,
        Shape::Map { count, items } => copy_map(count, items, want == Want::Symbols, out)?,
        Shape::Array { count: 0, .. } => out.push(NULL),
        // the codec reads arrays of plain values alone
        Shape::Array { items, .. } if !items.first().is_some_and(|element| is_plain(*element)) => out.push(NULL),
        Shape::Array { count, items } => {
            // the constructor alone: no element has bytes
            if items.len() <= 1 && count > EMPTY_ELEMENTS_MAX {
                return Err(GuardFault::EmptyElements(count));
            }
            out.push(constructor);
            out.extend_from_slice(rest);
        }
        Shape::Plain => {
            out.push(constructor);
            out.extend_from_slice(rest);
        }
    }
    Ok(after)
}

/// Whether a constructor is neither a descriptor nor one of a value with values inside.
const fn is_plain(constructor: u8) -> bool {
    !matches!(constructor, 0x00 | 0x45 | 0xc0..=0xff)
}

fn copy_list(count: usize, mut items: &[u8], code: Option<u64>, out: &mut Vec<u8>) -> Result<(), GuardFault> {
    let start = begin(0xd0, out);
    for index in 0..count {
        items = copy(items, field(code, index), out)?;
    }
    end(start, count, out);
    Ok(())
}

fn copy_map(count: usize, mut items: &[u8], symbols: bool, out: &mut Vec<u8>) -> Result<(), GuardFault> {
    let start = begin(0xd1, out);
    let mut kept = 0_usize;
    for _ in 0..count / 2 {
        let (key, value) = items.split_at_checked(skip(items)?).ok_or(RawFault::Short)?;
        let (constructor, text) = split_byte(key)?;
        let symbol = match constructor {
            0xa3 | 0xb3 => Some(constructor),
            // behind the size, which has 1 byte or 4
            0xa1 if text.iter().skip(1).all(u8::is_ascii) => Some(0xa3),
            0xb1 if text.iter().skip(4).all(u8::is_ascii) => Some(0xb3),
            _ => None,
        };
        match symbol {
            Some(constructor) if symbols => {
                out.push(constructor);
                out.extend_from_slice(text);
            }
            None if symbols => {
                items = value.get(skip(value)?..).ok_or(RawFault::Short)?;
                continue;
            }
            _ => {
                copy(key, Want::Any, out)?;
            }
        }
        items = copy(value, Want::Any, out)?;
        kept = kept.saturating_add(2);
    }
    end(start, kept, out);
    Ok(())
}

/// Begins a list or map with wide sizes; returns where its size goes.
fn begin(constructor: u8, out: &mut Vec<u8>) -> usize {
    out.push(constructor);
    let start = out.len();
    out.extend_from_slice(&[0; 8]);
    start
}

fn end(start: usize, count: usize, out: &mut [u8]) {
    let wide = |number: usize| u32::try_from(number).unwrap_or(u32::MAX).to_be_bytes();
    let size = out.len().saturating_sub(start.saturating_add(4));
    if let Some([a, b, c, d, e, f, g, h]) = out.get_mut(start..).and_then(|at| at.first_chunk_mut::<8>()) {
        [*a, *b, *c, *d] = wide(size);
        [*e, *f, *g, *h] = wide(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    use fe2o3_amqp_types::performatives::{Attach, Open};
    use proptest::prelude::*;

    fn list8(code: u8, items: &[&[u8]]) -> Vec<u8> {
        let size = items.iter().map(|item| item.len()).sum::<usize>() + 1;
        let mut out = vec![0x00, 0x53, code, 0xc0, u8::try_from(size).unwrap(), u8::try_from(items.len()).unwrap()];
        items.iter().for_each(|item| out.extend_from_slice(item));
        out
    }

    fn open(body: &[u8]) -> Open {
        serde_amqp::from_slice(&pass(body).unwrap()).unwrap()
    }

    #[test]
    fn an_empty_array_becomes_null() {
        let null: &[u8] = &[0x40];
        let empty: &[u8] = &[0xe0, 0x02, 0x00, 0xa3];
        let body = list8(0x10, &[b"\xa1\x01c", null, null, null, null, null, null, empty, empty, null]);
        let open = open(&body);
        assert_eq!((open.container_id.as_str(), open.offered_capabilities), ("c", None));
    }

    #[test]
    fn string_keys_become_symbols_and_other_keys_go() {
        let null: &[u8] = &[0x40];
        let map = b"\xc1\x10\x06\xa1\x01a\x54\x01\x54\x05\xa1\x01x\xa3\x01b\x54\x02";
        let body = list8(0x10, &[b"\xa1\x01c", null, null, null, null, null, null, null, null, map]);
        let properties = open(&body).properties.unwrap();
        let keys: Vec<_> = properties.keys().map(|key| key.as_str().to_owned()).collect();
        assert_eq!(keys, ["a", "b"]);
    }

    #[test]
    fn arrays_of_what_the_codec_cannot_read_become_null() {
        let null: &[u8] = &[0x40];
        let described: &[u8] = &[0xe0, 0x05, 0x01, 0x00, 0x53, 0x24, 0x45];
        let lists: &[u8] = &[0xe0, 0x08, 0x01, 0xc0, 0x05, 0x01, 0xe0, 0x02, 0x00, 0xa3];
        for value in [described, lists] {
            let mut map = vec![0xc1, u8::try_from(value.len() + 4).unwrap(), 0x02, 0xa3, 0x01, b'k'];
            map.extend_from_slice(value);
            let body = list8(0x10, &[b"\xa1\x01c", null, null, null, null, null, null, null, null, &map]);
            assert_eq!(open(&body).properties.map(|fields| fields.len()), Some(1));
        }
    }

    #[test]
    fn a_key_that_is_no_symbol_goes() {
        let null: &[u8] = &[0x40];
        let map = "\u{c1}".as_bytes();
        let mut entry = vec![0xc1, 0x06, 0x02, 0xa1, 0x02];
        entry.extend_from_slice(map);
        entry.extend_from_slice(&[0x40]);
        let body = list8(0x10, &[b"\xa1\x01c", null, null, null, null, null, null, null, null, &entry]);
        assert_eq!(open(&body).properties.map(|fields| fields.len()), Some(0));
    }

    #[test]
    fn an_unknown_terminus_is_set_aside() {
        let null: &[u8] = &[0x40];
        let body = list8(0x12, &[b"\xa1\x01l", b"\x43", b"\x41", null, null, b"\x00\x53\x99\x45", null]);
        let attach: Attach = serde_amqp::from_slice(&pass(&body).unwrap()).unwrap();
        assert!(attach.source.is_none());
    }

    #[test]
    fn nesting_has_a_limit() {
        let mut value = vec![0x45];
        for _ in 0..100 {
            let mut outer = vec![0xd0];
            outer.extend_from_slice(&u32::try_from(value.len() + 4).unwrap().to_be_bytes());
            outer.extend_from_slice(&1_u32.to_be_bytes());
            outer.extend_from_slice(&value);
            value = outer;
        }
        assert_eq!(pass(&value), Err(GuardFault::Malformed(RawFault::Depth)));
    }

    #[test]
    fn what_takes_no_bytes_is_counted() {
        let mut nulls = vec![0xf0];
        nulls.extend_from_slice(&5_u32.to_be_bytes());
        nulls.extend_from_slice(&u32::MAX.to_be_bytes());
        nulls.push(0x40);
        assert!(matches!(pass(&nulls), Err(GuardFault::EmptyElements(_))));
    }

    proptest! {
        #[test]
        fn no_bytes_harm(mut body in prop::collection::vec(any::<u8>(), 0..200), code in 0x10_u8..0x19) {
            body.splice(0..0, [0x00, 0x53, code]);
            if let Ok(passed) = pass(&body) {
                let _ = serde_amqp::from_slice::<Open>(&passed);
                let _ = serde_amqp::from_slice::<Attach>(&passed);
                prop_assert_eq!(pass(&passed).unwrap(), passed);
            }
        }
    }
}
