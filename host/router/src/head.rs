//! The head of a message: the sections before its body, as far as a router reads them. Source: AMQP 1.0 part 3, 3.2.

use std::ops::Range;

use crosstie_amqp::raw::{self, RawFault};

/// Bytes of a head that are read for; a message whose head is longer passes as it is.
pub(crate) const HEAD_MAX_BYTES: usize = 64 << 10;

/// What begins the key of each annotation of routers.
const PREFIX: &[u8] = b"x-opt-qd.";

const HEADER: u64 = 0x70;
const DELIVERY_ANNOTATIONS: u64 = 0x71;
const MESSAGE_ANNOTATIONS: u64 = 0x72;
const PROPERTIES: u64 = 0x73;

/// Where the parts of a head stand.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Head {
    /// The message-annotations section.
    annotations: Option<Range<usize>>,
    /// Where that section is, or would stand.
    annotations_at: usize,
    /// The `to` of the properties.
    pub(crate) to: Option<String>,
}

/// The bytes do not reach as far as the head.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Incomplete;

/// Whether the message has no annotations, as far as one look at its beginning tells.
#[inline]
pub(crate) fn is_plain(mut message: &[u8]) -> bool {
    loop {
        let [0x00, 0x53, code, constructor, rest @ ..] = message else {
            return false;
        };
        if *code >= 0x73 {
            return true;
        }
        message = match (code, constructor, rest) {
            (0x70 | 0x71, 0x45, _) => rest,
            (0x70 | 0x71, 0xc0 | 0xc1, [size, rest @ ..]) => match rest.get(usize::from(*size)..) {
                Some(rest) => rest,
                None => return false,
            },
            _ => return false,
        };
    }
}

impl Head {
    /// Reads the head of a message, of which `complete` says whether all of it is there. What is no AMQP message has an empty
    /// head. `to` is read only where it is wanted, and the head ends before the properties where it is not.
    ///
    /// # Errors
    ///
    /// [`Incomplete`] when more of the message is needed.
    pub(crate) fn read(message: &[u8], complete: bool, wants_to: bool) -> Result<Self, Incomplete> {
        let mut head = Self::default();
        let mut at = 0_usize;
        loop {
            let rest = message.get(at..).unwrap_or_default();
            let code = match raw::code(rest) {
                Some((code, _)) => code,
                None if complete || rest.len() > 32 => return Ok(head),
                None => return Err(Incomplete),
            };
            let wanted = match code {
                HEADER | DELIVERY_ANNOTATIONS | MESSAGE_ANNOTATIONS => true,
                PROPERTIES => wants_to,
                _ => false,
            };
            if !wanted {
                return Ok(head);
            }
            let length = match raw::skip(rest) {
                Ok(length) => length,
                Err(RawFault::Short) if !complete && message.len() <= HEAD_MAX_BYTES => return Err(Incomplete),
                Err(_) => return Ok(head),
            };
            let end = at.saturating_add(length);
            match code {
                HEADER | DELIVERY_ANNOTATIONS => head.annotations_at = end,
                MESSAGE_ANNOTATIONS => {
                    head.annotations_at = at;
                    head.annotations = Some(at..end);
                }
                _ => {
                    head.to = to(rest.get(..length).unwrap_or_default());
                    return Ok(head);
                }
            }
            at = end;
        }
    }

    /// Whether a router has annotated the message.
    pub(crate) fn is_annotated(&self, message: &[u8]) -> bool {
        let section = self.annotations.clone().and_then(|range| message.get(range)).unwrap_or_default();
        section.windows(PREFIX.len()).any(|window| window == PREFIX)
    }

    /// The message without what routers annotated, and with `added`, encoded keys and values, in their place.
    pub(crate) fn annotate(&self, message: &[u8], added: &[(&str, Vec<u8>)]) -> Vec<u8> {
        let section = self.annotations.clone().unwrap_or(self.annotations_at..self.annotations_at);
        let (before, after) =
            (message.get(..section.start).unwrap_or_default(), message.get(section.end..).unwrap_or_default());
        let mut entries = Vec::new();
        let mut count = 0_u32;
        for (key, value) in pairs(message.get(section).unwrap_or_default()) {
            if !is_router_key(key) {
                entries.extend_from_slice(key);
                entries.extend_from_slice(value);
                count = count.saturating_add(2);
            }
        }
        for (key, value) in added {
            entries.extend_from_slice(&[0xa3, u8::try_from(key.len()).unwrap_or(u8::MAX)]);
            entries.extend_from_slice(key.as_bytes());
            entries.extend_from_slice(value);
            count = count.saturating_add(2);
        }
        let mut out = Vec::with_capacity(message.len().saturating_add(64));
        out.extend_from_slice(before);
        if count > 0 {
            let size = u32::try_from(entries.len().saturating_add(4)).unwrap_or(u32::MAX);
            out.extend_from_slice(&[0x00, 0x53, 0x72, 0xd1]);
            out.extend_from_slice(&size.to_be_bytes());
            out.extend_from_slice(&count.to_be_bytes());
            out.extend_from_slice(&entries);
        }
        out.extend_from_slice(after);
        out
    }

    /// The encoded value of an annotation.
    pub(crate) fn annotation<'m>(&self, message: &'m [u8], name: &str) -> Option<&'m [u8]> {
        let section = message.get(self.annotations.clone()?)?;
        pairs(section).into_iter().find(|(key, _)| text(key) == Some(name.as_bytes())).map(|(_, value)| value)
    }
}

/// The bytes of a symbol or a string.
fn text(value: &[u8]) -> Option<&[u8]> {
    match value {
        [0xa1 | 0xa3, _, text @ ..] | [0xb1 | 0xb3, _, _, _, _, text @ ..] => Some(text),
        _ => None,
    }
}

fn is_router_key(key: &[u8]) -> bool {
    text(key).is_some_and(|text| text.starts_with(PREFIX))
}

/// The encoded keys and values of a section that is a map.
fn pairs(section: &[u8]) -> Vec<(&[u8], &[u8])> {
    let mut found = Vec::new();
    let Some((_, offset)) = raw::code(section) else {
        return found;
    };
    let mut rest = match section.get(offset..) {
        Some([0xc1, _, _, items @ ..] | [0xd1, _, _, _, _, _, _, _, _, items @ ..]) => items,
        _ => return found,
    };
    let take = |rest: &mut &'_ [u8]| -> Option<usize> { raw::skip(rest).ok().filter(|length| *length > 0) };
    while !rest.is_empty() {
        let Some((key, behind)) = take(&mut rest).and_then(|length| rest.split_at_checked(length)) else {
            break;
        };
        let mut behind = behind;
        let Some((value, behind)) = take(&mut behind).and_then(|length| behind.split_at_checked(length)) else {
            break;
        };
        found.push((key, value));
        rest = behind;
    }
    found
}

/// The `to` of a properties section.
fn to(section: &[u8]) -> Option<String> {
    let value = raw::field(section, 2).ok()??;
    let text = std::str::from_utf8(text(value)?).ok()?;
    Some(text.to_owned())
}

/// A string, encoded.
pub(crate) fn string(value: &str) -> Vec<u8> {
    let mut out = vec![0xb1];
    out.extend_from_slice(&u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(value.as_bytes());
    out
}

/// A list of encoded values.
pub(crate) fn list(values: &[Vec<u8>]) -> Vec<u8> {
    let size: usize = values.iter().map(Vec::len).sum::<usize>().saturating_add(4);
    let mut out = vec![0xd0];
    out.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_be_bytes());
    out.extend_from_slice(&u32::try_from(values.len()).unwrap_or(u32::MAX).to_be_bytes());
    values.iter().for_each(|value| out.extend_from_slice(value));
    out
}

/// The strings of an encoded list; other items are left out.
pub(crate) fn strings(value: &[u8]) -> Vec<String> {
    let mut rest = match value {
        [0xc0, _, _, items @ ..] | [0xd0, _, _, _, _, _, _, _, _, items @ ..] => items,
        _ => return Vec::new(),
    };
    let mut found = Vec::new();
    while let Some((item, behind)) =
        raw::skip(rest).ok().filter(|length| *length > 0).and_then(|length| rest.split_at_checked(length))
    {
        found.extend(text(item).and_then(|text| std::str::from_utf8(text).ok()).map(str::to_owned));
        rest = behind;
    }
    found
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::messaging::annotations::OwnedKey;
    use fe2o3_amqp_types::messaging::message::__private::{Deserializable, Serializable};
    use fe2o3_amqp_types::messaging::{AmqpValue, Body, Header, Message, MessageAnnotations, Properties};
    use serde_amqp::Value;

    use super::*;

    fn message(annotations: &[(&str, &str)], to: Option<&str>) -> Vec<u8> {
        let mut map = MessageAnnotations::default();
        for (key, value) in annotations {
            map.0.insert(OwnedKey::from(*key), Value::from(*value));
        }
        let built = Message {
            header: Some(Header { priority: 9.into(), ..Header::default() }),
            delivery_annotations: None,
            message_annotations: (!annotations.is_empty()).then_some(map),
            properties: to.map(|to| Properties::builder().to(to).build()),
            application_properties: None,
            body: AmqpValue(Value::from("body")),
            footer: None,
        };
        serde_amqp::to_vec(&Serializable(built)).unwrap()
    }

    fn decoded(bytes: &[u8]) -> Message<Body<Value>> {
        serde_amqp::from_slice::<Deserializable<Message<Body<Value>>>>(bytes).unwrap().0
    }

    #[test]
    fn a_message_without_annotations_is_plain() {
        assert!(is_plain(&message(&[], Some("q"))) && is_plain(&message(&[], None)));
        assert!(!is_plain(&message(&[("a", "b")], None)) && !is_plain(b"") && !is_plain(b"\x00\x80"));
    }

    #[test]
    fn the_to_is_found_wherever_the_message_is_cut() {
        let whole = message(&[("x-opt-qd.trace", "t"), ("mine", "m")], Some("orders"));
        let found = Head::read(&whole, true, true).unwrap();
        assert_eq!(found.to.as_deref(), Some("orders"));
        for length in 0..whole.len() {
            if let Ok(head) = Head::read(&whole[..length], false, true) {
                assert_eq!(head.to.as_deref(), Some("orders"), "{length}");
            }
        }
    }

    #[test]
    fn annotations_of_routers_go_and_others_stay() {
        let whole = message(&[("x-opt-qd.trace", "t"), ("mine", "m")], Some("orders"));
        let head = Head::read(&whole, true, false).unwrap();
        assert!(head.is_annotated(&whole));
        let stripped = decoded(&head.annotate(&whole, &[]));
        let left = stripped.message_annotations.unwrap();
        assert_eq!(left.0.len(), 1);
        assert_eq!(left.0.get(&OwnedKey::from("mine")), Some(&Value::from("m")));
        assert_eq!(stripped.properties.unwrap().to.unwrap(), "orders");
        assert_eq!(head.annotation(&whole, "mine").map(text), Some(Some(&b"m"[..])));
    }

    #[test]
    fn annotations_are_added_to_a_message_that_had_none() {
        let whole = message(&[], None);
        let head = Head::read(&whole, true, false).unwrap();
        let trace = list(&[string("0/a")]);
        assert_eq!(strings(&trace), ["0/a"]);
        let added = decoded(&head.annotate(&whole, &[("x-opt-qd.ingress", string("0/a")), ("x-opt-qd.trace", trace)]));
        let found = added.message_annotations.unwrap();
        assert_eq!(found.0.get(&OwnedKey::from("x-opt-qd.ingress")), Some(&Value::from("0/a")));
        assert!(added.header.is_some());
    }

    #[test]
    fn a_head_that_empties_is_left_out() {
        let whole = message(&[("x-opt-qd.to", "t")], None);
        let head = Head::read(&whole, true, false).unwrap();
        assert!(decoded(&head.annotate(&whole, &[])).message_annotations.is_none());
    }
}
