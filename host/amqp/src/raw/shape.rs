//! The outline of one encoded value, and the walk over everything inside it. Source: AMQP 1.0 part 1, 1.6.

use super::{DEPTH_MAX, RawFault, descriptor, split, split_byte, split_size};

/// What stands behind a constructor other than 0x00, and the bytes it covers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape<'b> {
    /// A value of fixed or declared width without values inside.
    Plain,
    /// A list.
    List { count: usize, items: &'b [u8] },
    /// A map; `count` is even and counts keys and values.
    Map { count: usize, items: &'b [u8] },
    /// An array; `items` begins with the constructor of its elements.
    Array { count: usize, items: &'b [u8] },
}

/// Reads the outline of a value with the given constructor from the bytes after it. Returns it and what follows the value.
pub(crate) fn shape(constructor: u8, rest: &[u8]) -> Result<(Shape<'_>, &[u8]), RawFault> {
    match constructor {
        0x45 => Ok((Shape::List { count: 0, items: &[] }, rest)),
        0xa0 | 0xa1 | 0xa3 | 0xb0 | 0xb1 | 0xb3 => {
            let (length, rest) = size(constructor, rest)?;
            Ok((Shape::Plain, split(rest, length)?.1))
        }
        0xc0 | 0xc1 | 0xd0 | 0xd1 | 0xe0 | 0xf0 => compound(constructor, rest),
        0x56 => match split_byte(rest)? {
            (0 | 1, after) => Ok((Shape::Plain, after)),
            _ => Err(RawFault::Range("boolean")),
        },
        _ => {
            let width = fixed_width(constructor).ok_or(RawFault::Constructor(constructor))?;
            Ok((Shape::Plain, split(rest, width)?.1))
        }
    }
}

/// Bytes after a constructor of fixed width.
pub(crate) fn fixed_width(constructor: u8) -> Option<usize> {
    Some(match constructor {
        0x40..=0x44 => 0,
        0x50..=0x56 => 1,
        0x60 | 0x61 => 2,
        0x70..=0x74 => 4,
        0x80..=0x84 => 8,
        0x94 | 0x98 => 16,
        _ => return None,
    })
}

/// Reads a size of 1 byte, or of 4 where the constructor's high nibble is b, d or f.
fn size(constructor: u8, rest: &[u8]) -> Result<(usize, &[u8]), RawFault> {
    if constructor & 0x10 == 0 {
        let (size, rest) = split_byte(rest)?;
        Ok((usize::from(size), rest))
    } else {
        split_size(rest)
    }
}

fn compound(constructor: u8, rest: &[u8]) -> Result<(Shape<'_>, &[u8]), RawFault> {
    let (length, rest) = size(constructor, rest)?;
    let (inside, after) = split(rest, length)?;
    let (count, items) = size(constructor, inside).map_err(|_| RawFault::Length)?;
    let shape = match constructor & 0xef {
        0xe0 => return Ok((Shape::Array { count, items }, after)),
        0xc1 if count % 2 != 0 => return Err(RawFault::Length),
        0xc1 => Shape::Map { count, items },
        _ => Shape::List { count, items },
    };
    // Every item takes a byte at least, so a count over the bytes is wrong before the first is read.
    if count > items.len() { Err(RawFault::Length) } else { Ok((shape, after)) }
}

/// One container on the way down.
#[derive(Clone, Copy)]
struct Level<'b> {
    /// What follows the container.
    after: &'b [u8],
    /// Items still to come.
    left: usize,
    /// The constructor all items share, in an array.
    element: Option<u8>,
    /// The depth of the items.
    depth: usize,
}

/// Checks the value that `input` begins with and everything inside; returns what follows it. `depth` is how deep the value stands already.
pub(crate) fn walk(input: &[u8], depth: usize) -> Result<&[u8], RawFault> {
    let mut stack = [Level { after: &[], left: 0, element: None, depth: 0 }; DEPTH_MAX];
    let mut height = 0_usize;
    let mut level = Level { after: &[], left: 1, element: None, depth };
    let mut rest = input;
    loop {
        while level.left == 0 {
            // The outermost level has no end of its own: what is left there follows the value.
            let Some(below) = height.checked_sub(1) else {
                return Ok(rest);
            };
            if !rest.is_empty() {
                return Err(RawFault::Length);
            }
            rest = level.after;
            height = below;
            level = *stack.get(below).ok_or(RawFault::Depth)?;
        }
        level.left -= 1;
        let (inner, after) = step(level, rest)?;
        let Some((inner, items)) = inner else {
            rest = after;
            continue;
        };
        *stack.get_mut(height).ok_or(RawFault::Depth)? = level;
        height += 1;
        level = inner;
        rest = items;
    }
}

/// Reads one item; returns the level it opens, if it holds values to look at, with its bytes, and what follows the item.
#[allow(clippy::type_complexity)]
fn step<'b>(level: Level<'b>, rest: &'b [u8]) -> Result<(Option<(Level<'b>, &'b [u8])>, &'b [u8]), RawFault> {
    let (constructor, rest, mut depth) = match level.element {
        Some(element) => (element, rest, level.depth),
        None => undescribe(rest, level.depth)?,
    };
    let (shape, after) = shape(constructor, rest)?;
    let (count, items, element) = match shape {
        Shape::Plain => return Ok((None, after)),
        Shape::List { count, items } | Shape::Map { count, items } => (count, items, None),
        Shape::Array { count, items } => {
            let (element, items, below) = undescribe(items, depth)?;
            depth = below;
            if plain_array(element, count, items)? {
                return Ok((None, after));
            }
            (count, items, Some(element))
        }
    };
    if depth >= DEPTH_MAX {
        return Err(RawFault::Depth);
    }
    Ok((Some((Level { after, left: count, element, depth: depth + 1 }, items)), after))
}

/// Reads a constructor and the descriptors in front of it, each of which is one level down.
pub(crate) fn undescribe(input: &[u8], mut depth: usize) -> Result<(u8, &[u8], usize), RawFault> {
    let (mut constructor, mut rest) = split_byte(input)?;
    while constructor == 0x00 {
        depth += 1;
        if depth > DEPTH_MAX {
            return Err(RawFault::Depth);
        }
        let (_, after) = descriptor(rest)?;
        (constructor, rest) = split_byte(after)?;
    }
    Ok((constructor, rest, depth))
}

/// Checks an array whose elements all have one known width, for which no walk is needed (and, at width 0, no count bounds one).
/// `false` when its elements must be walked.
fn plain_array(element: u8, count: usize, items: &[u8]) -> Result<bool, RawFault> {
    let width = match element {
        0x45 => 0,
        0x56 if items.iter().any(|byte| *byte > 1) => return Err(RawFault::Range("boolean")),
        _ => match fixed_width(element) {
            Some(width) => width,
            None => return Ok(false),
        },
    };
    if count.checked_mul(width) == Some(items.len()) { Ok(true) } else { Err(RawFault::Length) }
}
