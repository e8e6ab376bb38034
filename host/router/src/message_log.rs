//! The log of messages: what a listener or connector wants told of each one that comes in or goes out, in the words of the reference. Source:
//! features 1.2, `messageLoggingComponents`. The reference passes over messages without application properties; here they are logged.

use std::borrow::Cow;

use crosstie_amqp::raw::{self, RawFault, Text};
use crosstie_amqp::session::LinkId;
use crosstie_model::settings::{Direction, MESSAGE_PARTS, MessageParts};

use crate::lane::Lanes;
use crate::link::{Link, Session};
use crate::name::NODE;
use crate::shard::Peer;

/// Bytes of the text of a message. Source: the reference.
const TEXT_MAX_BYTES: usize = 2048;

/// Bytes of a head that are waited for; of a longer one, so much is logged.
const HEAD_MAX_BYTES: usize = 8 << 10;

/// Heads that a session waits for; of further ones the first frame is logged.
const HEADS_MAX: usize = 16;

const PROPERTIES: u64 = 0x73;
const APPLICATION_PROPERTIES: u64 = 0x74;

/// Among [`MESSAGE_PARTS`], behind the fields of the properties.
const APPLICATION_PROPERTIES_AT: usize = MESSAGE_PARTS.len() - 1;

/// A piece of a message that goes by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Passing<'m> {
    pub(crate) link: LinkId,
    /// The message begins.
    pub(crate) first: bool,
    /// It goes on in another piece.
    pub(crate) more: bool,
    pub(crate) aborted: bool,
    pub(crate) payload: &'m [u8],
}

/// Heads that have begun, by the handles of their links.
#[derive(Debug, Default)]
pub(crate) struct Heads(Vec<(u32, Vec<u8>)>);

impl Heads {
    /// A link is gone.
    pub(crate) fn forget(&mut self, handle: u32) {
        self.0.retain(|(known, _)| *known != handle);
    }

    /// Takes a piece. The text of the message, once its head is there or no more of it is waited for.
    fn take(&mut self, parts: MessageParts, piece: &Passing<'_>) -> Option<String> {
        let handle = piece.link.handle;
        let begun = self.0.iter().position(|(known, _)| *known == handle).map(|at| self.0.swap_remove(at).1);
        let head = if piece.first {
            Cow::Borrowed(piece.payload)
        } else {
            let mut begun = begun?;
            begun.extend_from_slice(piece.payload);
            Cow::Owned(begun)
        };
        if piece.aborted {
            return None;
        }
        let waits = piece.more && head.len() < HEAD_MAX_BYTES && self.0.len() < HEADS_MAX;
        let text = text(parts, &head, !waits);
        if text.is_none() {
            self.0.push((handle, head.into_owned()));
        }
        text
    }
}

impl Peer {
    /// Logs a message of which a piece goes by, once its head is there.
    #[cold]
    pub(crate) fn log_message(&mut self, direction: Direction, piece: &Passing<'_>) {
        if !tracing::enabled!(target: "message", tracing::Level::TRACE) {
            return;
        }
        let Self { meta, sessions, .. } = self;
        let Some(session) = sessions.get_mut(usize::from(piece.link.channel)).and_then(Option::as_mut) else {
            return;
        };
        let Session { links, heads, .. } = session;
        let link = usize::try_from(piece.link.handle).ok().and_then(|at| links.get(at)).and_then(Option::as_ref);
        let (name, address): (&str, _) = match link {
            Some(Link::Incoming(incoming)) => match &incoming.lanes {
                Lanes::One(lane) => (&incoming.name, Some(lane.address.key.name.as_str())),
                Lanes::Anonymous(_) => (&incoming.name, None),
                Lanes::Node => (&incoming.name, Some(NODE)),
            },
            Some(Link::Outgoing(outgoing)) => (&outgoing.name, Some(outgoing.address.key.name.as_str())),
            Some(Link::Routed(end)) => (&end.name, Some(end.address())),
            Some(Link::Asking(_) | Link::Attaching(_)) | None => return,
        };
        let Some(text) = heads.take(meta.log_messages, piece) else {
            return;
        };
        // no fixed phrase: scripts look for the line of the reference
        tracing::trace!(
            target: "message",
            address,
            link.name = name,
            container.id = meta.container_id,
            peer.addr = meta.peer_addr,
            "{} {text}",
            if direction == Direction::In { "Received" } else { "Sent" }
        );
    }
}

/// What is logged of a message whose first bytes are these; all that are waited for, where it `ends`. `None`: more of it is wanted.
fn text(parts: MessageParts, message: &[u8], ends: bool) -> Option<String> {
    let last = if parts.has(APPLICATION_PROPERTIES_AT) { APPLICATION_PROPERTIES } else { PROPERTIES };
    let mut writing = Writing { parts, text: Text::new(TEXT_MAX_BYTES), is_empty: true };
    let mut rest = message;
    writing.text.put("Message{");
    loop {
        let code = match raw::code(rest) {
            Some((code, _)) => code,
            None if ends || rest.len() > 32 => break,
            None => return None,
        };
        if code > last {
            break;
        }
        let (section, after) = match raw::skip(rest) {
            Ok(length) => (rest.get(..length)?, rest.get(length..)),
            Err(RawFault::Short) if !ends => return None,
            // as far as it is there, and can be read
            Err(_) => (rest, None),
        };
        let shown = match code {
            PROPERTIES => writing.properties(section),
            APPLICATION_PROPERTIES => writing.application_properties(section),
            _ => Some(()),
        };
        match after.filter(|_| shown.is_some()) {
            None => {
                writing.text.cut();
                break;
            }
            Some(_) if code == last => break,
            Some(after) => rest = after,
        }
    }
    Some(writing.text.end("}"))
}

/// A text in the making. What its methods return is `None` where not all of a section is there, or can be read, or has room.
struct Writing {
    parts: MessageParts,
    text: Text,
    is_empty: bool,
}

impl Writing {
    fn properties(&mut self, section: &[u8]) -> Option<()> {
        let (count, mut rest) = items(section)?;
        for at in 0..count.min(APPLICATION_PROPERTIES_AT) {
            let (field, after) = rest.split_at_checked(raw::skip(rest).ok()?)?;
            // null is as good as absent
            if self.parts.has(at) && field != [0x40] {
                self.name(at)?;
                self.text.value(field)?;
            }
            rest = after;
        }
        Some(())
    }

    fn application_properties(&mut self, section: &[u8]) -> Option<()> {
        self.name(APPLICATION_PROPERTIES_AT)?;
        let (count, items) = items(section)?;
        self.text.map(count, items)
    }

    fn name(&mut self, at: usize) -> Option<()> {
        let separator = if std::mem::take(&mut self.is_empty) { "" } else { ", " };
        self.text.put(format_args!("{separator}{}=", MESSAGE_PARTS.get(at)?))
    }
}

/// The items of a section that is a list or a map: how many there are to be, and those that are there.
fn items(section: &[u8]) -> Option<(usize, &[u8])> {
    let (_, offset) = raw::code(section)?;
    match section.get(offset..)? {
        [0x45, ..] => Some((0, &[])),
        [0xc0 | 0xc1, _, count, items @ ..] => Some((usize::from(*count), items)),
        [0xd0 | 0xd1, _, _, _, _, a, b, c, d, items @ ..] => {
            Some((usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).ok()?, items))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::messaging::message::__private::Serializable;
    use fe2o3_amqp_types::messaging::{ApplicationProperties, Data, Header, Message, MessageAnnotations, Properties};
    use fe2o3_amqp_types::primitives::SimpleValue;
    use serde_amqp::primitives::{Binary, Symbol, Timestamp};

    use super::*;

    fn parts(words: &[&str]) -> MessageParts {
        let mut parts = MessageParts::default();
        assert!(words.iter().all(|word| parts.add(MessageParts::parse(word).unwrap())));
        parts
    }

    /// One of the reference's tests, and a body.
    fn message() -> Vec<u8> {
        let mut annotations = MessageAnnotations::default();
        annotations.0.insert("x-opt-a".into(), serde_amqp::Value::from("annotation"));
        let properties = Properties::builder()
            .message_id("123455".to_owned())
            .user_id(Binary::from("testuser"))
            .to("q\n")
            .subject("test-subject")
            .reply_to("hello_world")
            .correlation_id(89_u64)
            .content_type("text/html; charset=utf-8")
            .content_encoding("gzip, deflate")
            .creation_time(Timestamp::from(1_487_772_623_883))
            .group_id("group1".to_owned())
            .group_sequence(0_u32)
            .reply_to_group_id("group0".to_owned());
        let application = ApplicationProperties::builder()
            .insert("count", 10_i32)
            .insert("other", SimpleValue::Symbol(Symbol::from("O_one")));
        let built = Message {
            header: Some(Header::default()),
            delivery_annotations: None,
            message_annotations: Some(annotations),
            properties: Some(properties.build()),
            application_properties: Some(application.build()),
            body: Data(Binary::from("the body")),
            footer: None,
        };
        serde_amqp::to_vec(&Serializable(built)).unwrap()
    }

    const ALL: &str = "Message{message-id=\"123455\", user-id=b\"testuser\", to=\"q\\n\", subject=\"test-subject\", \
                       reply-to=\"hello_world\", correlation-id=89, content-type=:\"text/html; charset=utf-8\", \
                       content-encoding=:\"gzip, deflate\", creation-time=\"2017-02-22 14:10:23.883 +0000\", group-id=\"group1\", \
                       group-sequence=0, reply-to-group-id=\"group0\", app-properties={\"count\"=10, \"other\"=:\"O_one\"}}";

    #[test]
    fn all_of_a_message_but_its_body_stands_in_the_form_of_the_reference() {
        assert_eq!(text(MessageParts::ALL, &message(), true).unwrap(), ALL);
    }

    #[test]
    fn only_what_is_asked_for_is_told() {
        let some = text(parts(&["subject", "user-id", "reply-to"]), &message(), true).unwrap();
        assert_eq!(some, "Message{user-id=b\"testuser\", subject=\"test-subject\", reply-to=\"hello_world\"}");
        let absent = text(parts(&["absolute-expiry-time"]), &message(), true).unwrap();
        assert_eq!(absent, "Message{}");
        let last = text(parts(&["app-properties"]), &message(), true).unwrap();
        assert_eq!(last, "Message{app-properties={\"count\"=10, \"other\"=:\"O_one\"}}");
    }

    fn passing(payload: &[u8], first: bool, more: bool) -> Passing<'_> {
        Passing { link: LinkId { channel: 0, handle: 3 }, first, more, aborted: false, payload }
    }

    #[test]
    fn a_head_in_several_frames_is_waited_for() {
        let whole = message();
        let body = whole.windows(8).position(|window| window == b"the body").unwrap();
        for cut in 0..=whole.len() {
            let mut heads = Heads::default();
            let (before, after) = whole.split_at(cut);
            let texts = [
                heads.take(MessageParts::ALL, &passing(before, true, true)),
                heads.take(MessageParts::ALL, &passing(after, false, true)),
                heads.take(MessageParts::ALL, &passing(b"", false, false)),
            ];
            assert_eq!(texts.iter().flatten().collect::<Vec<_>>(), [ALL], "{cut}");
            assert!(cut < body || texts[0].is_some(), "the body is not waited for");
            assert!(heads.0.is_empty());
        }
    }

    #[test]
    fn what_ends_before_its_head_is_told_as_far_as_it_came() {
        let whole = message();
        for length in 0..whole.len() {
            let found = text(MessageParts::ALL, &whole[..length], true).unwrap();
            let common = found.trim_end_matches('}').trim_end_matches("...");
            assert!(ALL.starts_with(common) && found.ends_with('}'), "{length}: {found}");
        }
        let application = whole.windows(5).position(|window| window == b"other").unwrap();
        let found = text(parts(&["app-properties"]), &whole[..application], true).unwrap();
        assert_eq!(found, "Message{app-properties={\"count\"=10, ...}");
    }

    #[test]
    fn a_message_given_up_before_its_head_came_is_not_told() {
        let mut heads = Heads::default();
        assert_eq!(heads.take(MessageParts::ALL, &passing(&message()[..20], true, true)), None);
        assert_eq!(heads.take(MessageParts::ALL, &Passing { aborted: true, ..passing(b"", false, false) }), None);
        assert!(heads.0.is_empty());
    }

    #[test]
    fn no_more_is_kept_than_the_limits_allow() {
        let whole = message();
        let mut heads = Heads::default();
        let begins = |handle| Passing { link: LinkId { channel: 0, handle }, ..passing(&whole[..20], true, true) };
        for handle in 0..100 {
            let told = heads.take(MessageParts::ALL, &begins(handle)).is_some();
            assert_eq!(told, handle >= 16, "{handle}");
        }
        heads.forget(7);
        assert_eq!(heads.take(MessageParts::ALL, &begins(50)), None, "there is room again");
        // annotations that do not end
        let mut long = b"\x00\x53\x72\xd1\x00\xff\xff\xff\x00\x00\x00\x02\xb1\x00\xff\xff\x00".to_vec();
        long.resize(9000, b'a');
        let mut heads = Heads::default();
        assert_eq!(heads.take(MessageParts::ALL, &passing(&long[..5000], true, true)), None);
        assert_eq!(heads.take(MessageParts::ALL, &passing(&long[5000..], false, true)).unwrap(), "Message{...}");
    }

    #[test]
    fn hostile_heads_end_on_one_line() {
        for (message, wanted) in [
            // no list, a list with a wrong count, a field that is cut, a map with an odd count, one without keys
            (&b"\x00\x53\x73\x40"[..], "Message{...}"),
            (b"\x00\x53\x73\xc0\x02\xff\x40", "Message{...}"),
            (b"\x00\x53\x73\xc0\x05\x02\xa1\x02id\xa1", "Message{message-id=\"id\"...}"),
            (b"\x00\x53\x74\xc1\x05\x01\xa1\x02id", "Message{app-properties={}...}"),
            (b"\x00\x53\x74\xd1\xff\xff\xff\xff\xff\xff\xff\xff", "Message{app-properties={...}"),
            (b"", "Message{}"),
            (b"\x00\x53\x75\xa0\x04body", "Message{}"),
            (b"no message of AMQP at all, but long enough", "Message{}"),
        ] {
            let found = text(MessageParts::ALL, message, true).unwrap();
            assert_eq!(found, wanted, "{message:?}");
        }
        let mut seed = 7_u32;
        let mut whole = message();
        for _ in 0..10_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = (seed >> 8) as usize % whole.len();
            let was = std::mem::replace(&mut whole[at], seed as u8);
            let found = text(MessageParts::ALL, &whole, true).unwrap();
            assert!(found.len() < 2100 && !found.contains(char::is_control), "{whole:?}: {found}");
            whole[at] = was;
        }
    }
}
