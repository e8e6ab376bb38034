//! Messages that carry their identity, and how a copy compares with what was sent.

use crosstie_amqp::raw;
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

/// Tells messages of one run apart.
pub type MessageId = u32;

/// How a message is put together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// One data section.
    Plain,
    /// With a header.
    Header,
    /// With a header, and annotations of routers and others.
    Annotated,
    /// With properties, `to` among them where the link has no address.
    Properties,
}

/// Forms to choose from.
pub const FORMS: [Form; 4] = [Form::Plain, Form::Header, Form::Annotated, Form::Properties];

const ANNOTATIONS: u64 = 0x72;
const ROUTER_KEYS: &str = "x-opt-qd.";

/// A message with `size` bytes of data behind its identity.
#[must_use]
pub fn write(id: MessageId, form: Form, to: Option<&str>, size: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(size + 64);
    let form = if to.is_some() && form == Form::Plain { Form::Properties } else { form };
    if matches!(form, Form::Header | Form::Annotated) {
        out.extend_from_slice(&[0x00, 0x53, 0x70, 0xc0, 8, 3, 0x40, 0x40, 0x70]);
        out.extend_from_slice(&id.to_be_bytes());
    }
    if form == Form::Annotated {
        let entries = b"\xa3\x05x-own\x54\x07\xa3\x10x-opt-qd.ingress\xa1\x03far\xa3\x07x-other\x41";
        out.extend_from_slice(&[0x00, 0x53, 0x72, 0xc1, small(entries.len() + 1), 6]);
        out.extend_from_slice(entries);
    }
    if form == Form::Properties || to.is_some() {
        let to = to.unwrap_or("nobody reads this");
        out.extend_from_slice(&[0x00, 0x53, 0x73, 0xc0, small(to.len() + 13), 3, 0x80, 0, 0, 0, 0]);
        out.extend_from_slice(&id.to_be_bytes());
        out.extend_from_slice(&[0x40, 0xa1, small(to.len())]);
        out.extend_from_slice(to.as_bytes());
    }
    out.extend_from_slice(&[0x00, 0x53, 0x75, 0xb0]);
    out.extend_from_slice(&u32::try_from(size + 4).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&id.to_be_bytes());
    let mut filler = fastrand::Rng::with_seed(id.into());
    let start = out.len();
    out.resize(start + size, 0);
    filler.fill(&mut out[start..]);
    out
}

fn small(length: usize) -> u8 {
    u8::try_from(length).expect("short texts only")
}

/// The identity, once enough of the message is there.
#[must_use]
pub fn identity(bytes: &[u8]) -> Option<MessageId> {
    let at = match bytes {
        [_, _, 0x70, ..] => 9,
        [_, _, 0x73, ..] => 11,
        [_, _, 0x75, ..] => 8,
        // annotations that a router put before everything else
        [_, _, 0x72, ..] => return identity(bytes.get(raw::skip(bytes).ok()?..)?),
        _ => return None,
    };
    bytes.get(at..at + 4).map(|bytes| u32::from_be_bytes(bytes.try_into().expect("four bytes")))
}

/// Says how a whole copy differs from what was sent, but for what routers annotate. `strips`: the receiver must see none of that.
///
/// # Errors
///
/// The difference.
pub fn compare(sent: &[u8], got: &[u8], strips: bool) -> Result<(), String> {
    let (sent, got) = (sections(sent)?, sections(got)?);
    if strips && got.routers > 0 {
        return Err("annotations of routers at a receiver that wants none".to_owned());
    }
    if sent.own != got.own {
        return Err(format!("annotations: {:?} became {:?}", sent.own, got.own));
    }
    if sent.rest != got.rest { Err("a section changed".to_owned()) } else { Ok(()) }
}

struct Sections {
    /// Annotations of others than routers.
    own: Vec<(Value, Value)>,
    /// How many routers made.
    routers: usize,
    /// All other sections.
    rest: Vec<u8>,
}

fn sections(mut message: &[u8]) -> Result<Sections, String> {
    let mut found = Sections { own: Vec::new(), routers: 0, rest: Vec::new() };
    while !message.is_empty() {
        let (code, at) = raw::code(message).ok_or("no section begins here")?;
        let length = raw::skip(message).map_err(|fault| fault.to_string())?;
        let (section, after) = message.split_at(length);
        if code == ANNOTATIONS {
            let map: serde_amqp::primitives::OrderedMap<Value, Value> =
                serde_amqp::from_slice(&section[at..]).map_err(|error| error.to_string())?;
            for (key, value) in map {
                if matches!(&key, Value::Symbol(Symbol(name)) if name.starts_with(ROUTER_KEYS)) {
                    found.routers += 1;
                } else {
                    found.own.push((key, value));
                }
            }
        } else {
            found.rest.extend_from_slice(section);
        }
        message = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_carries_its_identity_in_every_form() {
        for form in FORMS {
            for to in [None, Some("a")] {
                let message = write(0x0102_0304, form, to, 100);
                assert_eq!(identity(&message), Some(0x0102_0304), "{form:?}");
                assert_eq!(compare(&message, &message, form != Form::Annotated), Ok(()));
            }
        }
    }

    #[test]
    fn a_changed_copy_is_told() {
        let sent = write(1, Form::Annotated, None, 10);
        let mut got = sent.clone();
        *got.last_mut().unwrap() ^= 1;
        assert!(compare(&sent, &got, false).is_err());
        assert!(compare(&sent, &sent, true).is_err());
        assert!(compare(&sent, &write(1, Form::Header, None, 10), false).is_err());
    }
}
