//! What stands between a peer's bytes and serde_amqp: checks the body of a performative or SASL frame throughout,
//! and sets aside what serde_amqp 0.18 cannot read though a peer may send it.
//!
//! serde_amqp recurses for each level of nesting, is put out of step by an array that is empty or holds anything but
//! plain values, and refuses a whole frame for a string where a map has symbols for keys, or for a terminus or outcome
//! it does not know. The guard does not recurse, and what it lets through nests at most [`DEPTH_MAX`] deep.

mod place;

use std::borrow::Cow;

use thiserror::Error;

use crate::raw::{self, DEPTH_MAX, RawFault, Shape};
use place::{Place, Slot};

/// How a peer's performative can be wrong. All of these are `amqp:decode-error` on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum GuardFault {
    /// The encoding is malformed.
    #[error(transparent)]
    Raw(#[from] RawFault),
    /// The body is no performative or SASL frame that the guard knows.
    #[error("neither a control performative nor a SASL frame")]
    Performative,
    /// A string is not UTF-8.
    #[error("a string is not UTF-8")]
    Utf8,
    /// A symbol is not ASCII.
    #[error("a symbol is not ASCII")]
    Ascii,
}

/// Passes a body that is exactly one open, begin, attach, detach, end, close or SASL frame body. Borrowed when nothing
/// is set aside; otherwise encoded anew, with these differences:
///
/// - an array that is empty, or whose elements are not plain values of some width, is null;
/// - where AMQP has symbols for the keys of a map, string keys are symbols, and entries with other keys are missing;
/// - a source, target, outcome or error with a descriptor that does not belong there is null;
/// - the unsettled map of an attach is null.
///
/// # Errors
///
/// A [`GuardFault`] when the body is malformed anywhere, nests deeper than [`DEPTH_MAX`], has a list with more fields
/// than its type, or has bytes behind it.
pub fn pass(body: &[u8]) -> Result<Cow<'_, [u8]>, GuardFault> {
    let mut rewrite = Rewrite { out: Vec::with_capacity(body.len()), changed: false };
    let after = rewrite.value(body, Place::Frame)?;
    if !after.is_empty() {
        return Err(RawFault::Trailing.into());
    }
    Ok(if rewrite.changed { Cow::Owned(rewrite.out) } else { Cow::Borrowed(body) })
}

/// One container on the way down.
#[derive(Clone, Copy)]
struct Level<'b> {
    /// What its items mean.
    place: Place,
    /// What follows it in the input.
    after: &'b [u8],
    /// Items still to come.
    left: usize,
    /// The next of them.
    index: usize,
    /// Items in the output.
    kept: u32,
    /// Where its items begin in the output, behind a size and a count of 4 bytes each.
    start: usize,
    /// The depth of its items.
    depth: usize,
}

impl<'b> Level<'b> {
    /// The level above all, with one value.
    const fn top(place: Place) -> Self {
        Self { place, after: &[], left: 1, index: 0, kept: 0, start: 0, depth: 0 }
    }

    const fn advance(&mut self, items: usize) {
        self.left = self.left.saturating_sub(items);
        self.index = self.index.saturating_add(items);
    }
}

/// What one step came to.
enum Step<'b> {
    /// The item is done; this follows it.
    Past(&'b [u8]),
    /// The item is a container; these are its items.
    Into(Level<'b>, &'b [u8]),
}

/// The output so far. Containers are written with sizes of 4 bytes, since what is set aside changes them.
struct Rewrite {
    out: Vec<u8>,
    changed: bool,
}

impl Rewrite {
    /// Takes the value that `input` begins with; returns what follows it.
    fn value<'b>(&mut self, input: &'b [u8], place: Place) -> Result<&'b [u8], GuardFault> {
        let mut stack = [Level::top(place); DEPTH_MAX];
        let mut height = 0_usize;
        let mut level = Level::top(place);
        let mut rest = input;
        loop {
            while level.left == 0 {
                let Some(below) = height.checked_sub(1) else { return Ok(rest) };
                if !rest.is_empty() {
                    return Err(RawFault::Length.into());
                }
                self.end(&level);
                rest = level.after;
                height = below;
                level = *stack.get(below).ok_or(RawFault::Depth)?;
            }
            match self.step(&mut level, rest)? {
                Step::Past(after) => rest = after,
                Step::Into(inner, items) => {
                    *stack.get_mut(height).ok_or(RawFault::Depth)? = level;
                    height += 1;
                    level = inner;
                    rest = items;
                }
            }
        }
    }

    fn step<'b>(&mut self, level: &mut Level<'b>, rest: &'b [u8]) -> Result<Step<'b>, GuardFault> {
        let slot = level.place.slot(level.index);
        if matches!((slot, rest), (Slot::Key, [constructor, ..]) if !matches!(constructor, 0xa3 | 0xb3)) {
            return self.foreign_key(level, rest).map(Step::Past);
        }
        level.advance(1);
        level.kept = level.kept.saturating_add(1);
        let inside = match rest {
            [0x00, ..] => slot.described(raw::code(rest).map(|(code, _)| code)),
            _ => slot.bare(),
        };
        match inside {
            Some(inside) => self.item(level.depth, rest, inside),
            None if slot == Slot::Frame => Err(GuardFault::Performative),
            None => self.set_aside(level.depth, rest).map(Step::Past),
        }
    }

    /// Takes an item as it is, or steps into it.
    fn item<'b>(&mut self, depth: usize, rest: &'b [u8], inside: Place) -> Result<Step<'b>, GuardFault> {
        let (value, depth) = undescribe(rest, depth)?;
        let (constructor, tail) = raw::split_byte(value)?;
        let (shape, after) = raw::shape(constructor, tail)?;
        let (constructor, count, items) = match shape {
            Shape::List { count: 0, .. } if constructor == 0x45 => return self.keep(rest, after),
            Shape::Plain => {
                check_text(constructor, before(tail, after))?;
                return self.keep(rest, after);
            }
            Shape::Array { count, items } => {
                raw::walk(value, depth)?;
                if is_plain(count, items)? {
                    return self.keep(rest, after);
                }
                self.out.extend_from_slice(before(rest, value));
                self.null();
                return Ok(Step::Past(after));
            }
            Shape::List { count, items } => (0xd0, count, items),
            Shape::Map { count, items } => (0xd1, count, items),
        };
        if depth >= DEPTH_MAX {
            return Err(RawFault::Depth.into());
        }
        let place = inside.of(constructor);
        if count > place.items_max() {
            return Err(RawFault::Fields.into());
        }
        self.out.extend_from_slice(before(rest, value));
        self.out.extend_from_slice(&[constructor, 0, 0, 0, 0, 0, 0, 0, 0]);
        let start = self.out.len();
        Ok(Step::Into(Level { place, after, left: count, index: 0, kept: 0, start, depth: depth + 1 }, items))
    }

    fn keep<'b>(&mut self, rest: &'b [u8], after: &'b [u8]) -> Result<Step<'b>, GuardFault> {
        self.out.extend_from_slice(before(rest, after));
        Ok(Step::Past(after))
    }

    /// Writes null for an item; returns what follows it.
    fn set_aside<'b>(&mut self, depth: usize, rest: &'b [u8]) -> Result<&'b [u8], GuardFault> {
        let after = raw::walk(rest, depth)?;
        self.null();
        Ok(after)
    }

    fn null(&mut self) {
        self.out.push(0x40);
        self.changed = true;
    }

    /// Takes a key that should be a symbol and is none: a string becomes one, and anything else goes with its value.
    fn foreign_key<'b>(&mut self, level: &mut Level<'b>, rest: &'b [u8]) -> Result<&'b [u8], GuardFault> {
        self.changed = true;
        let after = raw::walk(rest, level.depth)?;
        if let Some((constructor @ (0xa1 | 0xb1), tail)) = rest.split_first() {
            let text = before(tail, after);
            check_text(*constructor, text)?;
            if check_text(constructor | 0x02, text).is_ok() {
                level.advance(1);
                level.kept = level.kept.saturating_add(1);
                self.out.push(constructor | 0x02);
                self.out.extend_from_slice(text);
                return Ok(after);
            }
        }
        level.advance(2);
        Ok(raw::walk(after, level.depth)?)
    }

    /// Writes the size and the count of a container in front of its items.
    fn end(&mut self, level: &Level<'_>) {
        let length = self.out.len().saturating_sub(level.start);
        let size = u32::try_from(length.saturating_add(4)).unwrap_or(u32::MAX);
        let head = self.out.get_mut(..level.start).and_then(<[u8]>::split_last_chunk_mut::<4>);
        let Some((head, count)) = head else { return };
        *count = level.kept.to_be_bytes();
        if let Some(field) = head.last_chunk_mut() {
            *field = size.to_be_bytes();
        }
    }
}

/// Checks the descriptors in front of a value, each of which is one level down; returns the value and its depth.
fn undescribe(input: &[u8], mut depth: usize) -> Result<(&[u8], usize), GuardFault> {
    let mut rest = input;
    while let Some((0x00, descriptor)) = rest.split_first() {
        depth += 1;
        if depth > DEPTH_MAX {
            return Err(RawFault::Depth.into());
        }
        let (_, after) = raw::descriptor(descriptor)?;
        if let Some((constructor, text)) = before(descriptor, after).split_first() {
            check_text(*constructor, text)?;
        }
        rest = after;
    }
    Ok((rest, depth))
}

/// Whether serde_amqp can read an array of such elements, which raw has checked. Their text is checked here.
fn is_plain(count: usize, items: &[u8]) -> Result<bool, GuardFault> {
    let (element, mut rest) = raw::split_byte(items)?;
    if count == 0 {
        return Ok(false);
    }
    if let Some(width) = raw::fixed_width(element) {
        return Ok(width > 0);
    }
    if !matches!(element, 0xa0 | 0xa1 | 0xa3 | 0xb0 | 0xb1 | 0xb3) {
        return Ok(false);
    }
    for _ in 0..count {
        let (_, after) = raw::shape(element, rest)?;
        check_text(element, before(rest, after))?;
        rest = after;
    }
    Ok(true)
}

/// Checks the text of a string or symbol; `content` begins with its size. Other values are fine.
fn check_text(constructor: u8, content: &[u8]) -> Result<(), GuardFault> {
    let text = match constructor {
        0xa1 | 0xa3 => content.get(1..),
        0xb1 | 0xb3 => content.get(4..),
        _ => return Ok(()),
    };
    let text = text.ok_or(RawFault::Short)?;
    match constructor & 0x02 {
        0 if std::str::from_utf8(text).is_err() => Err(GuardFault::Utf8),
        2 if !text.is_ascii() => Err(GuardFault::Ascii),
        _ => Ok(()),
    }
}

/// What of `input` stands before `after`, its tail.
fn before<'b>(input: &'b [u8], after: &[u8]) -> &'b [u8] {
    input.get(..input.len().saturating_sub(after.len())).unwrap_or_default()
}
