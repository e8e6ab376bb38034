//! Flow: windows and credit. Source: AMQP 1.0 part 2, 2.7.4.

use super::fields::{self, put_boolean, put_uint};
use super::{FLOW, RawFault};
use crate::frame::{self, Kind};

/// A flow without its properties, which are checked and dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Flow {
    /// The next transfer-id the sender of the flow expects; absent before it has seen a begin.
    pub next_incoming_id: Option<u32>,
    /// Transfer frames the sender of the flow takes from there.
    pub incoming_window: u32,
    /// The transfer-id of the next transfer of the sender of the flow.
    pub next_outgoing_id: u32,
    /// Transfer frames the sender of the flow could send.
    pub outgoing_window: u32,
    /// The link, by the sender's handle; the fields after it are of no meaning without.
    pub handle: Option<u32>,
    /// Of the link.
    pub delivery_count: Option<u32>,
    /// Deliveries, from the delivery-count on.
    pub link_credit: Option<u32>,
    /// Deliveries that wait at the sender.
    pub available: Option<u32>,
    /// Whether the credit is to be used or given back.
    pub drain: bool,
    /// Whether a flow is wanted in answer.
    pub echo: bool,
}

impl Flow {
    /// Reads a flow performative.
    ///
    /// # Errors
    ///
    /// A [`RawFault`] when it is malformed, a mandatory field is missing, or bytes follow it.
    #[inline]
    pub fn decode(body: &[u8]) -> Result<Self, RawFault> {
        let (mut fields, after) = fields::open(body, FLOW)?;
        let flow = Self {
            next_incoming_id: fields.uint()?,
            incoming_window: fields.uint()?.ok_or(RawFault::Missing("incoming-window"))?,
            next_outgoing_id: fields.uint()?.ok_or(RawFault::Missing("next-outgoing-id"))?,
            outgoing_window: fields.uint()?.ok_or(RawFault::Missing("outgoing-window"))?,
            handle: fields.uint()?,
            delivery_count: fields.uint()?,
            link_credit: fields.uint()?,
            available: fields.uint()?,
            drain: fields.boolean("drain")?.unwrap_or(false),
            echo: fields.boolean("echo")?.unwrap_or(false),
        };
        fields.ignore_map()?;
        fields.close()?;
        if after.is_empty() { Ok(flow) } else { Err(RawFault::Trailing) }
    }

    /// Appends the frame of this flow.
    pub fn write(&self, out: &mut Vec<u8>, channel: u16) {
        frame::write(out, Kind::Amqp, channel, |out| {
            fields::write(out, 0x13, false, |out| self.write_fields(out));
        });
    }

    fn write_fields(&self, out: &mut Vec<u8>) -> u8 {
        put_uint(out, self.next_incoming_id);
        put_uint(out, Some(self.incoming_window));
        put_uint(out, Some(self.next_outgoing_id));
        put_uint(out, Some(self.outgoing_window));
        let link = [self.handle, self.delivery_count, self.link_credit, self.available];
        let flags = self.drain || self.echo;
        if !flags && link.iter().all(Option::is_none) {
            return 4;
        }
        for field in link {
            put_uint(out, field);
        }
        if !flags {
            return 8;
        }
        put_boolean(out, Some(self.drain));
        put_boolean(out, Some(self.echo));
        10
    }
}
