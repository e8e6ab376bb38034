//! Descriptors: the number or name in front of a described value. Source: AMQP 1.0 part 1, 1.5.

use super::{RawFault, split, split_array, split_byte, split_size};

/// The described types this router meets, by name.
const NAMES: [(&[u8], u64); 30] = [
    (b"amqp:open:list", 0x10),
    (b"amqp:begin:list", 0x11),
    (b"amqp:attach:list", 0x12),
    (b"amqp:flow:list", 0x13),
    (b"amqp:transfer:list", 0x14),
    (b"amqp:disposition:list", 0x15),
    (b"amqp:detach:list", 0x16),
    (b"amqp:end:list", 0x17),
    (b"amqp:close:list", 0x18),
    (b"amqp:error:list", 0x1d),
    (b"amqp:received:list", 0x23),
    (b"amqp:accepted:list", 0x24),
    (b"amqp:rejected:list", 0x25),
    (b"amqp:released:list", 0x26),
    (b"amqp:modified:list", 0x27),
    (b"amqp:source:list", 0x28),
    (b"amqp:target:list", 0x29),
    (b"amqp:delete-on-close:list", 0x2b),
    (b"amqp:delete-on-no-links:list", 0x2c),
    (b"amqp:delete-on-no-messages:list", 0x2d),
    (b"amqp:delete-on-no-links-or-messages:list", 0x2e),
    (b"amqp:coordinator:list", 0x30),
    (b"amqp:declare:list", 0x31),
    (b"amqp:discharge:list", 0x32),
    (b"amqp:declared:list", 0x33),
    (b"amqp:transactional-state:list", 0x34),
    (b"amqp:sasl-mechanisms:list", 0x40),
    (b"amqp:sasl-init:list", 0x41),
    (b"amqp:sasl-challenge:list", 0x42),
    (b"amqp:sasl-outcome:list", 0x44),
];

/// The descriptor code in front of a described value and the offset of the value after it.
/// Reads a smallulong, a ulong, and the names AMQP 1.0 defines; `None` for anything else.
#[inline]
#[must_use]
pub fn code(body: &[u8]) -> Option<(u64, usize)> {
    if let [0x00, 0x53, code, ..] = body {
        return Some((u64::from(*code), 3));
    }
    long_code(body)
}

#[cold]
fn long_code(body: &[u8]) -> Option<(u64, usize)> {
    let rest = body.strip_prefix(&[0x00])?;
    let (code, after) = descriptor(rest).ok()?;
    Some((code?, body.len().checked_sub(after.len())?))
}

/// Reads a descriptor without the 0x00 in front. The code is `None` for a name that is not known.
///
/// # Errors
///
/// [`RawFault::Descriptor`] for other types than symbol and ulong, whose use AMQP 1.0 reserves.
pub(crate) fn descriptor(input: &[u8]) -> Result<(Option<u64>, &[u8]), RawFault> {
    let (constructor, rest) = split_byte(input)?;
    let (length, rest) = match constructor {
        0x44 => return Ok((Some(0), rest)),
        0x53 => {
            let (code, rest) = split_byte(rest)?;
            return Ok((Some(u64::from(code)), rest));
        }
        0x80 => {
            let (code, rest) = split_array(rest)?;
            return Ok((Some(u64::from_be_bytes(code)), rest));
        }
        0xa3 => split_byte(rest).map(|(length, rest)| (usize::from(length), rest))?,
        0xb3 => split_size(rest)?,
        _ => return Err(RawFault::Descriptor),
    };
    let (name, rest) = split(rest, length)?;
    let code = NAMES.iter().find(|(known, _)| *known == name).map(|(_, code)| *code);
    Ok((code, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_read_in_every_form() {
        assert_eq!(code(&[0x00, 0x53, 0x14, 0xc0]), Some((0x14, 3)));
        assert_eq!(code(&[0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x14]), Some((0x14, 10)));
        assert_eq!(code(&[0x00, 0x44]), Some((0, 2)));
        assert_eq!(code(b"\x00\xa3\x12amqp:transfer:list"), Some((0x14, 21)));
        assert_eq!(code(b"\x00\xb3\x00\x00\x00\x12amqp:transfer:list"), Some((0x14, 24)));
    }

    #[test]
    fn what_is_no_known_descriptor_has_no_code() {
        for body in
            [&b""[..], b"\x00", b"\x00\x53", b"\x53\x14", b"\x00\x80\x00", b"\x00\xa3\x03abc", b"\x00\xa3\x12amqp"]
        {
            assert_eq!(code(body), None);
        }
    }
}
