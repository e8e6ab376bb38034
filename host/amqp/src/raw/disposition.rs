//! Disposition: the state of deliveries, and that they are settled. Source: AMQP 1.0 part 2, 2.7.6.

use super::fields::{self, put_boolean, put_uint};
use super::{DISPOSITION, RawFault};
use crate::frame::{self, Kind};

/// A disposition as it lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Disposition<'b> {
    /// The role of who sends this: `true` speaks about deliveries it received.
    pub receiver: bool,
    /// The first delivery-id.
    pub first: u32,
    /// The last delivery-id; absent for `first` alone.
    pub last: Option<u32>,
    /// Whether the sender of this has forgotten the deliveries.
    pub settled: bool,
    /// The encoded delivery state, its insides checked but not understood.
    pub state: Option<&'b [u8]>,
    /// Whether an answer may wait for others.
    pub batchable: bool,
}

impl<'b> Disposition<'b> {
    /// Reads a disposition performative.
    ///
    /// # Errors
    ///
    /// A [`RawFault`] when it is malformed, role or first is missing, or bytes follow it.
    #[inline]
    pub fn decode(body: &'b [u8]) -> Result<Self, RawFault> {
        let (mut fields, after) = fields::open(body, DISPOSITION)?;
        let disposition = Self {
            receiver: fields.boolean("role")?.ok_or(RawFault::Missing("role"))?,
            first: fields.uint()?.ok_or(RawFault::Missing("first"))?,
            last: fields.uint()?,
            settled: fields.boolean("settled")?.unwrap_or(false),
            state: fields.described()?,
            batchable: fields.boolean("batchable")?.unwrap_or(false),
        };
        fields.close()?;
        if after.is_empty() { Ok(disposition) } else { Err(RawFault::Trailing) }
    }

    /// Appends the frame of this disposition. `state` must be a described value.
    pub fn write(&self, out: &mut Vec<u8>, channel: u16) {
        frame::write(out, Kind::Amqp, channel, |out| {
            let wide = self.state.is_some_and(|state| state.len() > 200);
            fields::write(out, 0x15, wide, |out| self.write_fields(out));
        });
    }

    fn write_fields(&self, out: &mut Vec<u8>) -> u8 {
        put_boolean(out, Some(self.receiver));
        put_uint(out, Some(self.first));
        put_uint(out, self.last);
        put_boolean(out, Some(self.settled));
        if self.state.is_none() && !self.batchable {
            return 4;
        }
        out.extend_from_slice(self.state.unwrap_or(&[0x40]));
        if !self.batchable {
            return 5;
        }
        out.push(0x41);
        6
    }
}
