//! A cursor over the fields of a performative: each read takes one field, and a list that has ended reads as null.

use super::{RawFault, shape, split, split_array, split_byte, split_size};

/// The fields not yet read.
pub(super) struct Fields<'b> {
    rest: &'b [u8],
    left: usize,
}

impl<'b> Fields<'b> {
    /// Opens the list that `input` begins with; returns its fields and what follows the list.
    #[inline]
    pub(super) fn open(input: &'b [u8]) -> Result<(Self, &'b [u8]), RawFault> {
        if let [0xc0, size, rest @ ..] = input {
            let (inside, after) = split(rest, usize::from(*size))?;
            let (left, rest) = inside.split_first().ok_or(RawFault::Length)?;
            return Ok((Self { rest, left: usize::from(*left) }, after));
        }
        Self::open_other(input)
    }

    #[cold]
    fn open_other(input: &'b [u8]) -> Result<(Self, &'b [u8]), RawFault> {
        let (constructor, rest) = split_byte(input)?;
        match constructor {
            0x45 => Ok((Self { rest: &[], left: 0 }, rest)),
            0xd0 => {
                let (size, rest) = split_size(rest)?;
                let (inside, after) = split(rest, size)?;
                let (left, rest) = split_size(inside).map_err(|_| RawFault::Length)?;
                Ok((Self { rest, left }, after))
            }
            other => Err(RawFault::Constructor(other)),
        }
    }

    /// Whether no field is left.
    #[inline]
    pub(super) const fn is_ended(&self) -> bool {
        self.left == 0
    }

    /// Ends the reading.
    ///
    /// # Errors
    ///
    /// When the list has more fields than were read, or more bytes than its fields.
    #[inline]
    pub(super) fn close(self) -> Result<(), RawFault> {
        if self.left != 0 {
            Err(RawFault::Fields)
        } else if !self.rest.is_empty() {
            Err(RawFault::Length)
        } else {
            Ok(())
        }
    }

    /// The constructor of the next field, `None` when the list has ended or the field is null.
    #[inline]
    fn constructor(&mut self) -> Result<Option<u8>, RawFault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        let (constructor, rest) = split_byte(self.rest).map_err(|_| RawFault::Length)?;
        self.rest = rest;
        Ok((constructor != 0x40).then_some(constructor))
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, RawFault> {
        let (byte, rest) = split_byte(self.rest)?;
        self.rest = rest;
        Ok(byte)
    }

    /// A uint. Source: AMQP 1.0 part 1, 1.6.5.
    #[inline]
    pub(super) fn uint(&mut self) -> Result<Option<u32>, RawFault> {
        match self.constructor()? {
            None => Ok(None),
            Some(0x43) => Ok(Some(0)),
            Some(0x52) => Ok(Some(u32::from(self.byte()?))),
            Some(0x70) => {
                let (bytes, rest) = split_array(self.rest)?;
                self.rest = rest;
                Ok(Some(u32::from_be_bytes(bytes)))
            }
            Some(other) => Err(RawFault::Constructor(other)),
        }
    }

    /// A boolean. Source: AMQP 1.0 part 1, 1.6.2.
    #[inline]
    pub(super) fn boolean(&mut self, name: &'static str) -> Result<Option<bool>, RawFault> {
        match self.constructor()? {
            None => Ok(None),
            Some(0x41) => Ok(Some(true)),
            Some(0x42) => Ok(Some(false)),
            Some(0x56) => match self.byte()? {
                0 => Ok(Some(false)),
                1 => Ok(Some(true)),
                _ => Err(RawFault::Range(name)),
            },
            Some(other) => Err(RawFault::Constructor(other)),
        }
    }

    /// A ubyte. Source: AMQP 1.0 part 1, 1.6.3.
    #[inline]
    pub(super) fn ubyte(&mut self) -> Result<Option<u8>, RawFault> {
        match self.constructor()? {
            None => Ok(None),
            Some(0x50) => Ok(Some(self.byte()?)),
            Some(other) => Err(RawFault::Constructor(other)),
        }
    }

    /// A binary. Source: AMQP 1.0 part 1, 1.6.19.
    #[inline]
    pub(super) fn binary(&mut self) -> Result<Option<&'b [u8]>, RawFault> {
        let (length, rest) = match self.constructor()? {
            None => return Ok(None),
            Some(0xa0) => split_byte(self.rest).map(|(length, rest)| (usize::from(length), rest))?,
            Some(0xb0) => split_size(self.rest)?,
            Some(other) => return Err(RawFault::Constructor(other)),
        };
        let (bytes, rest) = split(rest, length)?;
        self.rest = rest;
        Ok(Some(bytes))
    }

    /// A described value, its encoding verbatim and checked throughout.
    #[inline]
    pub(super) fn described(&mut self) -> Result<Option<&'b [u8]>, RawFault> {
        if self.left == 0 {
            return Ok(None);
        }
        match self.rest {
            [0x40, ..] => self.value(),
            // An outcome without fields, the most common state by far.
            [0x00, 0x53, 0x24 | 0x26, 0x45, rest @ ..] => {
                let (state, _) = split(self.rest, 4)?;
                self.left -= 1;
                self.rest = rest;
                Ok(Some(state))
            }
            [0x00, ..] => self.value(),
            [other, ..] => Err(RawFault::Constructor(*other)),
            [] => Err(RawFault::Length),
        }
    }

    /// Any value, its encoding verbatim and checked throughout.
    pub(super) fn value(&mut self) -> Result<Option<&'b [u8]>, RawFault> {
        let start = self.rest;
        if self.constructor()?.is_none() {
            return Ok(None);
        }
        // The field stands inside the described list of the performative, two levels down.
        let after = shape::walk(start, 2)?;
        let (value, _) = split(start, start.len().saturating_sub(after.len()))?;
        self.rest = after;
        Ok(Some(value))
    }

    /// A map, checked and thrown away.
    pub(super) fn ignore_map(&mut self) -> Result<(), RawFault> {
        match self.value()?.and_then(<[u8]>::first) {
            None | Some(0xc1 | 0xd1) => Ok(()),
            Some(other) => Err(RawFault::Constructor(*other)),
        }
    }

    /// Any value, checked and thrown away.
    pub(super) fn ignore(&mut self) -> Result<(), RawFault> {
        self.value().map(|_| ())
    }
}

/// Opens the performative with this descriptor code; returns its fields and what follows it.
#[inline]
pub(super) fn open(body: &[u8], wanted: u64) -> Result<(Fields<'_>, &[u8]), RawFault> {
    let (code, offset) = super::code(body).ok_or(RawFault::Descriptor)?;
    if code != wanted {
        return Err(RawFault::Descriptor);
    }
    Fields::open(body.get(offset..).ok_or(RawFault::Short)?)
}

/// Appends a performative with a list32 or list8 that `fields` fills; it returns how many fields it wrote.
/// The size is filled in afterwards.
pub(super) fn write(out: &mut Vec<u8>, code: u8, wide: bool, fields: impl FnOnce(&mut Vec<u8>) -> u8) {
    out.extend_from_slice(&[0x00, 0x53, code]);
    if wide {
        out.extend_from_slice(&[0xd0, 0, 0, 0, 0, 0, 0, 0, 0]);
    } else {
        out.extend_from_slice(&[0xc0, 0, 0]);
    }
    let start = out.len();
    let count = fields(out);
    let length = out.len().saturating_sub(start);
    let Some(head) = out.get_mut(..start) else {
        return;
    };
    if wide {
        let size = u32::try_from(length.saturating_add(4)).unwrap_or(u32::MAX);
        if let Some((before, last)) = head.split_last_chunk_mut::<4>() {
            *last = u32::from(count).to_be_bytes();
            if let Some((_, sizes)) = before.split_last_chunk_mut::<4>() {
                *sizes = size.to_be_bytes();
            }
        }
    } else if let Some(last) = head.last_chunk_mut::<2>() {
        *last = [u8::try_from(length.saturating_add(1)).unwrap_or(u8::MAX), count];
    }
}

/// Appends a uint in its shortest form, or null.
pub(super) fn put_uint(out: &mut Vec<u8>, value: Option<u32>) {
    match value {
        None => out.push(0x40),
        Some(0) => out.push(0x43),
        Some(value) => match u8::try_from(value) {
            Ok(small) => out.extend_from_slice(&[0x52, small]),
            Err(_) => {
                out.push(0x70);
                out.extend_from_slice(&value.to_be_bytes());
            }
        },
    }
}

/// Appends a boolean, or null.
pub(super) fn put_boolean(out: &mut Vec<u8>, value: Option<bool>) {
    out.push(match value {
        None => 0x40,
        Some(true) => 0x41,
        Some(false) => 0x42,
    });
}

/// Appends a binary, or null.
pub(super) fn put_binary(out: &mut Vec<u8>, value: Option<&[u8]>) {
    let Some(bytes) = value else {
        return out.push(0x40);
    };
    match u8::try_from(bytes.len()) {
        Ok(length) => out.extend_from_slice(&[0xa0, length]),
        Err(_) => {
            out.push(0xb0);
            out.extend_from_slice(&u32::try_from(bytes.len()).unwrap_or(u32::MAX).to_be_bytes());
        }
    }
    out.extend_from_slice(bytes);
}
