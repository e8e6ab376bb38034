//! Transfer: one frame of a delivery. Source: AMQP 1.0 part 2, 2.7.5.

use super::fields::{self, put_binary, put_boolean, put_uint};
use super::{RawFault, TRANSFER};
use crate::frame::{self, Kind};

/// Bytes that [`TransferHead::write`] puts before the payload at most.
pub const HEAD_BYTES: usize = 37;

/// Bytes that a delivery-tag may have. Longer ones matter only to those who hand them on. Source: AMQP 1.0 part 2, 2.8.7.
pub const TAG_MAX_BYTES: usize = 32;

/// A transfer as it lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Transfer<'b> {
    /// The link, by the sender's handle.
    pub handle: u32,
    /// Present on the first frame of a delivery at least.
    pub delivery_id: Option<u32>,
    /// Present on the first frame of a delivery at least; it may be longer than [`TAG_MAX_BYTES`].
    pub delivery_tag: Option<&'b [u8]>,
    /// Present on the first frame of a delivery, as a rule.
    pub message_format: Option<u32>,
    /// Whether the sender has forgotten the delivery.
    pub settled: Option<bool>,
    /// Whether the delivery goes on in another frame.
    pub more: bool,
    /// 0 (first) or 1 (second).
    pub rcv_settle_mode: Option<u8>,
    /// The encoded delivery state at the sender, its insides checked but not understood.
    pub state: Option<&'b [u8]>,
    /// Whether this resumes a delivery of an earlier attachment.
    pub resume: bool,
    /// Whether the sender gives the delivery up.
    pub aborted: bool,
    /// Whether a disposition may wait for others.
    pub batchable: bool,
}

impl<'b> Transfer<'b> {
    /// Reads a transfer performative; returns it and the payload behind it.
    ///
    /// # Errors
    ///
    /// A [`RawFault`] when the performative is malformed, or its handle missing.
    #[inline]
    pub fn decode(body: &'b [u8]) -> Result<(Self, &'b [u8]), RawFault> {
        match Self::decode_common(body) {
            Some(common) => Ok(common),
            None => Self::decode_any(body),
        }
    }

    /// Reads the form that nearly all transfers have: that of the first frame of a delivery, without what has a default.
    #[inline]
    fn decode_common(body: &'b [u8]) -> Option<(Self, &'b [u8])> {
        let [0x00, 0x53, 0x14, 0xc0, size, count, rest @ ..] = body else {
            return None;
        };
        let (mut fields, payload) = rest.split_at_checked(usize::from(*size).checked_sub(1)?)?;
        let handle = split_uint(&mut fields)?;
        let delivery_id = split_uint(&mut fields)?;
        let [0xa0, length, rest @ ..] = fields else {
            return None;
        };
        let (tag, mut fields) =
            rest.split_at_checked(usize::from(*length)).filter(|(tag, _)| tag.len() <= TAG_MAX_BYTES)?;
        let message_format = split_uint(&mut fields)?;
        let (settled, more) = match (count, fields) {
            (5, [settled @ (0x41 | 0x42)]) => (settled, &0x42),
            (6, [settled @ (0x41 | 0x42), more @ (0x41 | 0x42)]) => (settled, more),
            _ => return None,
        };
        let transfer = Self {
            handle,
            delivery_id: Some(delivery_id),
            delivery_tag: Some(tag),
            message_format: Some(message_format),
            settled: Some(*settled == 0x41),
            more: *more == 0x41,
            ..Self::default()
        };
        Some((transfer, payload))
    }

    fn decode_any(body: &'b [u8]) -> Result<(Self, &'b [u8]), RawFault> {
        let (mut fields, payload) = fields::open(body, TRANSFER)?;
        let handle = fields.uint()?.ok_or(RawFault::Missing("handle"))?;
        let delivery_id = fields.uint()?;
        let delivery_tag = fields.binary()?;
        let message_format = fields.uint()?;
        let settled = fields.boolean("settled")?;
        let more = fields.boolean("more")?.unwrap_or(false);
        let mut transfer = Self { handle, delivery_id, delivery_tag, message_format, settled, more, ..Self::default() };
        if !fields.is_ended() {
            transfer.rcv_settle_mode = fields.ubyte()?;
            if transfer.rcv_settle_mode.is_some_and(|mode| mode > 1) {
                return Err(RawFault::Range("rcv-settle-mode"));
            }
            transfer.state = fields.described()?;
            transfer.resume = fields.boolean("resume")?.unwrap_or(false);
            transfer.aborted = fields.boolean("aborted")?.unwrap_or(false);
            transfer.batchable = fields.boolean("batchable")?.unwrap_or(false);
        }
        fields.close()?;
        Ok((transfer, payload))
    }

    /// Whether the fields from rcv-settle-mode on have their defaults, but for aborted.
    #[inline]
    #[must_use]
    pub const fn is_plain(&self) -> bool {
        !(self.rcv_settle_mode.is_some() | self.state.is_some() | self.resume | self.batchable)
    }

    /// Appends the frame of this transfer with `payload`, each field in its shortest form. `state` must be a described value.
    pub fn write(&self, out: &mut Vec<u8>, channel: u16, payload: &[u8]) {
        frame::write(out, Kind::Amqp, channel, |out| {
            let variable = self.state.map_or(0, <[u8]>::len) + self.delivery_tag.map_or(0, <[u8]>::len);
            fields::write(out, 0x14, variable > 200, |out| self.write_fields(out));
            out.extend_from_slice(payload);
        });
    }

    /// The same for the form that nearly all transfers have, which takes fewer branches: the first frame of a delivery with a
    /// message-format, without what has a default. Says whether this is one.
    #[inline]
    pub fn write_common(&self, out: &mut Vec<u8>, channel: u16, payload: &[u8]) -> bool {
        let rare = !self.is_plain() | self.aborted;
        let (Some(id), Some(tag), Some(format), false) =
            (self.delivery_id, self.delivery_tag, self.message_format, rare)
        else {
            return false;
        };
        let Ok(length) = u8::try_from(tag.len()) else {
            return false;
        };
        let fields = length.saturating_add(20);
        let size = payload.len().saturating_add(usize::from(fields)).saturating_add(13);
        let [s0, s1, s2, s3] = u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes();
        let [c0, c1] = channel.to_be_bytes();
        let [h0, h1, h2, h3] = self.handle.to_be_bytes();
        let [i0, i1, i2, i3] = id.to_be_bytes();
        let [f0, f1, f2, f3] = format.to_be_bytes();
        let settled = if self.settled == Some(true) { 0x41 } else { 0x42 };
        let more = if self.more { 0x41 } else { 0x42 };
        out.reserve(size);
        out.extend_from_slice(&[
            s0, s1, s2, s3, 2, 0, c0, c1, // frame header
            0x00, 0x53, 0x14, 0xc0, fields, 6, // performative
            0x70, h0, h1, h2, h3, // handle
            0x70, i0, i1, i2, i3, // delivery-id
            0xa0, length, // delivery-tag
        ]);
        out.extend_from_slice(tag);
        out.extend_from_slice(&[0x70, f0, f1, f2, f3, settled, more]);
        out.extend_from_slice(payload);
        true
    }

    /// Appends the fields up to the last that is not its default; returns how many.
    fn write_fields(&self, out: &mut Vec<u8>) -> u8 {
        put_uint(out, Some(self.handle));
        put_uint(out, self.delivery_id);
        put_binary(out, self.delivery_tag);
        put_uint(out, self.message_format);
        put_boolean(out, self.settled);
        put_boolean(out, Some(self.more));
        let flags = self.resume || self.aborted || self.batchable;
        if !flags && self.rcv_settle_mode.is_none() && self.state.is_none() {
            return 6;
        }
        match self.rcv_settle_mode {
            None => out.push(0x40),
            Some(mode) => out.extend_from_slice(&[0x50, mode]),
        }
        out.extend_from_slice(self.state.unwrap_or(&[0x40]));
        if !flags {
            return 8;
        }
        put_boolean(out, Some(self.resume));
        put_boolean(out, Some(self.aborted));
        put_boolean(out, Some(self.batchable));
        11
    }
}

/// Takes a uint that is not null from the beginning of `fields`.
#[inline]
const fn split_uint(fields: &mut &[u8]) -> Option<u32> {
    let (value, rest) = match fields {
        [0x43, rest @ ..] => (0, rest),
        [0x52, value, rest @ ..] => (*value as u32, rest),
        [0x70, a, b, c, d, rest @ ..] => (u32::from_be_bytes([*a, *b, *c, *d]), rest),
        _ => return None,
    };
    *fields = rest;
    Some(value)
}

/// What the frame of an outgoing transfer says before its payload. The delivery-tag is the delivery-id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TransferHead {
    /// The link, by our handle.
    pub handle: u32,
    /// On the first frame of a delivery; `None` continues (or aborts) the one in flight.
    pub delivery_id: Option<u32>,
    /// On the first frame of a delivery.
    pub message_format: Option<u32>,
    /// Whether the delivery is settled by us.
    pub settled: bool,
    /// Whether the delivery goes on in another frame.
    pub more: bool,
    /// Whether we give the delivery up.
    pub aborted: bool,
}

impl TransferHead {
    /// Appends the whole frame: its header, the performative and `payload`. The first frame of a delivery with a message-format,
    /// by far the most common, has a head of constant size, which costs no branches.
    #[inline]
    pub fn write(&self, out: &mut Vec<u8>, channel: u16, payload: &[u8]) {
        let (Some(id), Some(format), false) = (self.delivery_id, self.message_format, self.aborted) else {
            return self.write_rare(out, channel, payload);
        };
        let size = u32::try_from(payload.len().saturating_add(HEAD_BYTES)).unwrap_or(u32::MAX);
        let ([s0, s1, s2, s3], [c0, c1]) = (size.to_be_bytes(), channel.to_be_bytes());
        let [h0, h1, h2, h3] = self.handle.to_be_bytes();
        let [i0, i1, i2, i3] = id.to_be_bytes();
        let [f0, f1, f2, f3] = format.to_be_bytes();
        let settled = if self.settled { 0x41 } else { 0x42 };
        let more = if self.more { 0x41 } else { 0x42 };
        let head: [u8; HEAD_BYTES] = [
            s0, s1, s2, s3, 2, 0, c0, c1, // frame header
            0x00, 0x53, 0x14, 0xc0, 24, 6, // performative
            0x70, h0, h1, h2, h3, // handle
            0x70, i0, i1, i2, i3, // delivery-id
            0xa0, 4, i0, i1, i2, i3, // delivery-tag
            0x70, f0, f1, f2, f3, // message-format
            settled, more,
        ];
        out.reserve(payload.len().saturating_add(HEAD_BYTES));
        out.extend_from_slice(&head);
        out.extend_from_slice(payload);
    }

    fn write_rare(&self, out: &mut Vec<u8>, channel: u16, payload: &[u8]) {
        let tag = self.delivery_id.map(u32::to_be_bytes);
        let transfer = Transfer {
            handle: self.handle,
            delivery_id: self.delivery_id,
            delivery_tag: tag.as_ref().map(<[u8; 4]>::as_slice),
            message_format: self.message_format,
            settled: Some(self.settled),
            more: self.more && !self.aborted,
            aborted: self.aborted,
            ..Transfer::default()
        };
        transfer.write(out, channel, payload);
    }
}
