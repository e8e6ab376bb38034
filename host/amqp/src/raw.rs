//! The hand-written codec of the hot path: transfer, flow and disposition, and what it takes to walk encoded
//! values without trusting them. Source: AMQP 1.0 part 1, 1.6; part 2, 2.7.

mod attach;
mod descriptor;
mod disposition;
mod fields;
mod flow;
mod shape;
mod text;
mod transfer;

use thiserror::Error;

pub use attach::{Attach, Side};
pub use descriptor::code;
pub(crate) use descriptor::descriptor;
pub use disposition::Disposition;
pub use flow::Flow;
pub(crate) use shape::{Shape, shape};
pub use text::Text;
pub use transfer::{HEAD_BYTES, TAG_MAX_BYTES, Transfer, TransferHead};

use fields::Fields;

/// How deep values may nest, the performative's own list and descriptor included.
pub const DEPTH_MAX: usize = 64;

/// Descriptor code of open.
pub const OPEN: u64 = 0x10;
/// Descriptor code of begin.
pub const BEGIN: u64 = 0x11;
/// Descriptor code of attach.
pub const ATTACH: u64 = 0x12;
/// Descriptor code of flow.
pub const FLOW: u64 = 0x13;
/// Descriptor code of transfer.
pub const TRANSFER: u64 = 0x14;
/// Descriptor code of disposition.
pub const DISPOSITION: u64 = 0x15;
/// Descriptor code of detach.
pub const DETACH: u64 = 0x16;
/// Descriptor code of end.
pub const END: u64 = 0x17;
/// Descriptor code of close.
pub const CLOSE: u64 = 0x18;

/// Descriptor code of the state received. Source: AMQP 1.0 part 3, 3.4.
pub const STATE_RECEIVED: u64 = 0x23;
/// Descriptor code of the outcome accepted.
pub const STATE_ACCEPTED: u64 = 0x24;
/// Descriptor code of the outcome rejected.
pub const STATE_REJECTED: u64 = 0x25;
/// Descriptor code of the outcome released.
pub const STATE_RELEASED: u64 = 0x26;
/// Descriptor code of the outcome modified.
pub const STATE_MODIFIED: u64 = 0x27;

/// The outcome accepted, encoded.
pub const ACCEPTED: &[u8] = &[0x00, 0x53, 0x24, 0x45];
/// The outcome rejected without an error, encoded.
pub const REJECTED: &[u8] = &[0x00, 0x53, 0x25, 0x45];
/// The outcome released, encoded.
pub const RELEASED: &[u8] = &[0x00, 0x53, 0x26, 0x45];
/// The outcome modified with delivery-failed, encoded.
pub const MODIFIED_FAILED: &[u8] = &[0x00, 0x53, 0x27, 0xc0, 0x02, 0x01, 0x41];

/// How a peer's encoded bytes can be wrong. All of these are `amqp:decode-error` on the wire, but a missing
/// field, which is `amqp:invalid-field`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum RawFault {
    /// The bytes end inside a value.
    #[error("the bytes end inside a value")]
    Short,
    /// A constructor that AMQP 1.0 does not define, or not the one this field needs.
    #[error("constructor {0:#04x} does not belong here")]
    Constructor(u8),
    /// A descriptor that is neither a symbol nor a ulong, or not the one looked for.
    #[error("a descriptor does not belong here")]
    Descriptor,
    /// A declared size or count that differs from the bytes there.
    #[error("a declared size or count differs from the bytes there")]
    Length,
    /// A list with more fields than its type has.
    #[error("more fields than the type has")]
    Fields,
    /// A mandatory field is missing.
    #[error("mandatory field {0} is missing")]
    Missing(&'static str),
    /// A field outside the range of its type.
    #[error("field {0} is out of its range")]
    Range(&'static str),
    /// Values nest deeper than [`DEPTH_MAX`].
    #[error("values nest deeper than 64")]
    Depth,
    /// Bytes follow the performative.
    #[error("bytes follow the performative")]
    Trailing,
}

/// Takes the first byte.
#[inline]
pub(crate) fn split_byte(input: &[u8]) -> Result<(u8, &[u8]), RawFault> {
    input.split_first().map(|(byte, rest)| (*byte, rest)).ok_or(RawFault::Short)
}

/// Takes the first `N` bytes.
#[inline]
pub(crate) fn split_array<const N: usize>(input: &[u8]) -> Result<([u8; N], &[u8]), RawFault> {
    input.split_first_chunk().map(|(bytes, rest)| (*bytes, rest)).ok_or(RawFault::Short)
}

/// Takes the first `length` bytes.
#[inline]
pub(crate) fn split(input: &[u8], length: usize) -> Result<(&[u8], &[u8]), RawFault> {
    input.split_at_checked(length).ok_or(RawFault::Short)
}

/// Takes a size or a count of 4 bytes.
#[inline]
pub(crate) fn split_size(input: &[u8]) -> Result<(usize, &[u8]), RawFault> {
    let (bytes, rest) = split_array(input)?;
    let size = usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| RawFault::Length)?;
    Ok((size, rest))
}

/// The length in bytes of the value that `input` begins with, everything inside it checked: constructors,
/// sizes, counts, depth. Needs no stack of its own and time linear in that length.
///
/// # Errors
///
/// The first [`RawFault`] met.
pub fn skip(input: &[u8]) -> Result<usize, RawFault> {
    let after = shape::walk(input, 0)?;
    Ok(input.len().saturating_sub(after.len()))
}

/// The encoded bytes of one field of a performative or other described list, or `None` when the list ends before it or the field is null.
///
/// # Errors
///
/// A [`RawFault`] when `body` is no described list or a field before the wanted one is malformed.
pub fn field(body: &[u8], index: usize) -> Result<Option<&[u8]>, RawFault> {
    let (_, offset) = code(body).ok_or(RawFault::Descriptor)?;
    let (mut fields, _) = Fields::open(body.get(offset..).ok_or(RawFault::Short)?)?;
    for _ in 0..index {
        fields.ignore()?;
    }
    fields.value()
}

/// The descriptor code of an encoded delivery state, by number or by name; `None` for anything unknown by name, or no described value.
#[inline]
#[must_use]
pub fn state_code(state: &[u8]) -> Option<u64> {
    code(state).map(|(code, _)| code)
}
