//! Attach with its fields verbatim, for links whose two ends are on different connections: what one peer says the other one reads.
//! Source: AMQP 1.0 part 2, 2.7.3; part 3, 3.5.

use super::fields::{self, put_uint};
use super::{ATTACH, RawFault, Shape, descriptor, shape, skip, split_byte};
use crate::frame::{self, Kind};

/// Fields of an attach.
const FIELDS: usize = 14;

const NAME: usize = 0;
const HANDLE: usize = 1;
const SOURCE: usize = 5;
const TARGET: usize = 6;
const UNSETTLED: usize = 7;
const INITIAL_DELIVERY_COUNT: usize = 9;

/// Descriptor code of the target coordinator. Source: AMQP 1.0 part 4, 4.5.1.
const COORDINATOR: u64 = 0x30;

const NULL: &[u8] = &[0x40];

/// An attach as it lies in the input.
#[derive(Debug, Clone, Copy)]
pub struct Attach<'b> {
    fields: [&'b [u8]; FIELDS],
}

/// A terminus of an attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Where messages come from.
    Source,
    /// Where they go.
    Target,
}

impl<'b> Attach<'b> {
    /// Reads an attach performative.
    ///
    /// # Errors
    ///
    /// A [`RawFault`] when it is malformed.
    pub fn decode(body: &'b [u8]) -> Result<Self, RawFault> {
        let (mut reader, _) = fields::open(body, ATTACH)?;
        let mut fields = [NULL; FIELDS];
        for field in &mut fields {
            *field = reader.value()?.unwrap_or(NULL);
        }
        reader.close()?;
        Ok(Self { fields })
    }

    fn field(&self, at: usize) -> &'b [u8] {
        self.fields.get(at).copied().unwrap_or(NULL)
    }

    fn terminus(&self, side: Side) -> &'b [u8] {
        self.field(if side == Side::Source { SOURCE } else { TARGET })
    }

    /// Whether its target coordinates transactions.
    #[must_use]
    pub fn is_coordinator(&self) -> bool {
        super::state_code(self.terminus(Side::Target)) == Some(COORDINATOR)
    }

    /// Whether it names no such terminus.
    #[must_use]
    pub fn lacks(&self, side: Side) -> bool {
        self.terminus(side) == NULL
    }

    /// Whether it tells what is unsettled from before.
    #[must_use]
    pub fn has_unsettled(&self) -> bool {
        self.field(UNSETTLED) != NULL
    }

    /// The address of a terminus.
    #[must_use]
    pub fn address(&self, side: Side) -> Option<&'b str> {
        let address = super::field(self.terminus(side), 0).ok()??;
        let (constructor, rest) = split_byte(address).ok()?;
        let text = match constructor {
            0xa1 => rest.get(1..)?,
            0xb1 => rest.get(4..)?,
            _ => return None,
        };
        std::str::from_utf8(text).ok()
    }

    /// Where the sender of the link begins to count its deliveries.
    #[must_use]
    pub fn initial_delivery_count(&self) -> u32 {
        match self.field(INITIAL_DELIVERY_COUNT) {
            [0x52, count] => (*count).into(),
            [0x70, a, b, c, d] => u32::from_be_bytes([*a, *b, *c, *d]),
            _ => 0,
        }
    }

    /// Appends the frame of this attach, under another name and handle, and where `address` is given with this address in that
    /// terminus.
    pub fn write(&self, out: &mut Vec<u8>, (channel, handle): (u16, u32), name: &str, address: Option<(Side, &str)>) {
        let last = self.fields.iter().rposition(|field| *field != NULL).unwrap_or(HANDLE).max(HANDLE);
        frame::write(out, Kind::Amqp, channel, |out| {
            fields::write(out, 0x12, true, |out| {
                for (at, field) in self.fields.iter().enumerate().take(last.saturating_add(1)) {
                    match (at, address) {
                        (NAME, _) => put_string(out, name),
                        (HANDLE, _) => put_uint(out, Some(handle)),
                        (SOURCE, Some((Side::Source, address))) | (TARGET, Some((Side::Target, address))) => {
                            put_terminus(out, field, address);
                        }
                        _ => out.extend_from_slice(field),
                    }
                }
                u8::try_from(last.saturating_add(1)).unwrap_or(u8::MAX)
            });
        });
    }
}

fn wide(length: usize) -> [u8; 4] {
    u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes()
}

fn put_string(out: &mut Vec<u8>, text: &str) {
    match u8::try_from(text.len()) {
        Ok(length) => out.extend_from_slice(&[0xa1, length]),
        Err(_) => {
            out.push(0xb1);
            out.extend_from_slice(&wide(text.len()));
        }
    }
    out.extend_from_slice(text.as_bytes());
}

/// Appends a terminus with another address; one that is no terminus stays as it is.
fn put_terminus(out: &mut Vec<u8>, terminus: &[u8], address: &str) {
    let Some((head, count, rest)) = behind_address(terminus) else {
        return out.extend_from_slice(terminus);
    };
    out.extend_from_slice(head);
    let mut items = Vec::new();
    put_string(&mut items, address);
    items.extend_from_slice(rest);
    out.push(0xd0);
    out.extend_from_slice(&wide(items.len().saturating_add(4)));
    out.extend_from_slice(&wide(count));
    out.extend_from_slice(&items);
}

/// The descriptor of a terminus, how many fields it has, and those behind its address.
fn behind_address(terminus: &[u8]) -> Option<(&[u8], usize, &[u8])> {
    let [0x00, described @ ..] = terminus else {
        return None;
    };
    let (_, list) = descriptor(described).ok()?;
    let head = terminus.get(..terminus.len().saturating_sub(list.len()))?;
    let (constructor, rest) = split_byte(list).ok()?;
    match shape(constructor, rest).ok()?.0 {
        Shape::List { count: 0, .. } => Some((head, 1, &[])),
        Shape::List { count, items } => Some((head, count, items.get(skip(items).ok()?..)?)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::messaging::{Source, TargetArchetype};
    use fe2o3_amqp_types::performatives::Attach as Typed;
    use serde_amqp::{from_slice, to_vec};

    use super::*;

    fn typed() -> Typed {
        let filter =
            to_vec(&Source::builder().address("lr.two").build()).and_then(|bytes| from_slice::<Source>(&bytes));
        Typed {
            name: "link".to_owned(),
            handle: 7.into(),
            role: fe2o3_amqp_types::definitions::Role::Receiver,
            snd_settle_mode: fe2o3_amqp_types::definitions::SenderSettleMode::Mixed,
            rcv_settle_mode: fe2o3_amqp_types::definitions::ReceiverSettleMode::Second,
            source: filter.ok().map(Box::new),
            target: Some(Box::new(TargetArchetype::Target(
                fe2o3_amqp_types::messaging::Target::builder()
                    .address("here")
                    .durable(fe2o3_amqp_types::messaging::TerminusDurability::UnsettledState)
                    .build(),
            ))),
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: Some(300),
            max_message_size: Some(5),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        }
    }

    fn written(attach: &Attach<'_>, address: Option<(Side, &str)>) -> Typed {
        let mut out = Vec::new();
        attach.write(&mut out, (3, 9), "link@container", address);
        from_slice(&out[8..]).unwrap()
    }

    #[test]
    fn all_but_name_handle_and_address_stays() {
        let body = to_vec(&typed()).unwrap();
        let attach = Attach::decode(&body).unwrap();
        assert_eq!((attach.address(Side::Source), attach.initial_delivery_count()), (Some("lr.two"), 300));
        let mut wanted = typed();
        (wanted.name, wanted.handle) = ("link@container".to_owned(), 9.into());
        assert_eq!(format!("{:?}", written(&attach, None)), format!("{wanted:?}"));
        if let Some(source) = &mut wanted.source {
            source.address = Some("two".into());
        }
        assert_eq!(format!("{:?}", written(&attach, Some((Side::Source, "two")))), format!("{wanted:?}"));
    }

    #[test]
    fn a_coordinator_is_known_by_its_descriptor() {
        let mut fields = typed();
        fields.target = None;
        let mut body = to_vec(&fields).unwrap();
        assert!(!Attach::decode(&body).unwrap().is_coordinator());
        // a bare coordinator in the place of the target
        let plain = Attach::decode(&body).unwrap();
        let mut with = plain;
        with.fields[TARGET] = &[0x00, 0x53, 0x30, 0x45];
        let mut out = Vec::new();
        with.write(&mut out, (0, 0), "c", None);
        body = out.split_off(8);
        assert!(Attach::decode(&body).unwrap().is_coordinator());
    }
}
