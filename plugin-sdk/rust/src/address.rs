//! The hook `address`: what becomes of an address that a peer names?

use alloc::borrow::ToOwned;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{Decoder, Error, Map, Read, Write, record, set, variant, words};
use crate::peer::{Context, Peer};
use crate::refusal::Refusal;

words! {
    /// Which way messages go, seen from this router.
    Direction {
        /// The peer sends.
        Inbound = "inbound",
        /// The peer receives.
        Outbound = "outbound",
    }
}

words! {
    /// When the address was named.
    Occasion {
        /// A link attached to it.
        Attach = "attach",
        /// A message on an anonymous link was the first to go there.
        Anonymous = "anonymous",
    }
}

/// How messages of an address are spread over those who want them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Treatment {
    /// One receiver, the least busy.
    Balanced,
    /// One receiver, the nearest.
    Closest,
    /// Every receiver.
    Multicast,
    /// The link itself is carried to a connection of this listener or connector, of role `route-container`. A bad answer on the
    /// occasion [`Occasion::Anonymous`].
    LinkRoute(String),
    /// Links to it are refused.
    Unavailable,
}

impl Treatment {
    fn read(from: &mut Decoder<'_>) -> Result<Option<Self>, Error> {
        variant(
            from,
            |word| match word {
                "balanced" => Some(Self::Balanced),
                "closest" => Some(Self::Closest),
                "multicast" => Some(Self::Multicast),
                "unavailable" => Some(Self::Unavailable),
                _ => None,
            },
            |case, from| match case {
                "link-route" => from.str().map(|name| Some(Self::LinkRoute(name.to_owned()))),
                _ => Ok(None),
            },
        )
    }
}

impl Write for Treatment {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Balanced => "balanced".write(out),
            Self::Closest => "closest".write(out),
            Self::Multicast => "multicast".write(out),
            Self::Unavailable => "unavailable".write(out),
            Self::LinkRoute(connection) => drop(Map::new(out).field("link-route", connection)),
        }
    }
}

/// The question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// The address as the peer wrote it.
    pub address: &'a str,
    /// Which way messages go.
    pub direction: Option<Direction>,
    /// When it was named.
    pub occasion: Option<Occasion>,
    /// Who named it.
    pub peer: Option<Peer<'a>>,
    /// The capabilities of the terminus.
    pub capabilities: Vec<&'a str>,
    /// What the configuration says about the address.
    pub configured: Option<Treatment>,
    /// The phase that the configuration gives it, 0 to 9.
    pub phase: u8,
    /// Names of the fields that were cut because they were too large.
    pub truncated: Vec<&'a str>,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut request = Self::default();
        record(from, &mut |key, from| {
            match key {
                "ctx" => request.ctx = Context::read(from)?,
                "address" => request.address = from.str()?,
                "direction" => request.direction = Direction::read(from)?,
                "occasion" => request.occasion = Occasion::read(from)?,
                "peer" => return set(&mut request.peer, from),
                "capabilities" => return set(&mut request.capabilities, from),
                "configured" => request.configured = Treatment::read(from)?,
                "phase" => request.phase = from.u8()?,
                "truncated" => return set(&mut request.truncated, from),
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(request)
    }
}

words! {
    /// For whom an answer may be remembered.
    Scope {
        /// The connection that asked.
        Connection = "connection",
        /// Every peer with the same attributes.
        Attributes = "attributes",
        /// Every peer.
        Everyone = "everyone",
    }
}

impl Write for Scope {
    fn write(&self, out: &mut Vec<u8>) {
        self.word().write(out);
    }
}

/// The answer; the first plugin that has one is followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The address is used, as the ruling says.
    Apply(Ruling),
    /// The link, or the message on an anonymous link, is refused.
    Deny(Denial),
}

/// Bytes of the longest address.
pub const ADDRESS_MAX_BYTES: usize = 2048;

/// The form of an address that requests have: without scheme and host, a leading `/` and one trailing `.` or `/`. None: no answer may
/// have this address, since it is none, too long, or one of the router's own (`$…`, `_…`).
#[must_use]
pub fn usable(address: &str) -> Option<&str> {
    if address.len() > ADDRESS_MAX_BYTES || address.chars().any(char::is_control) {
        return None;
    }
    let path = ["amqp:", "amqps:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path.strip_prefix('/').unwrap_or(path),
    };
    let name = path.strip_suffix(['.', '/']).unwrap_or(path);
    (!name.is_empty() && !name.starts_with(['$', '_'])).then_some(name)
}

/// How an address is used. What is absent: as configured for the (rewritten) address.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ruling {
    /// Used in place of what the peer wrote.
    pub address: Option<String>,
    /// How its messages are spread; one that contradicts a live address is ignored.
    pub treatment: Option<Treatment>,
    /// 0 to 9.
    pub phase: Option<u8>,
    /// 0 to 9; higher goes first. Not served: a bad answer.
    pub priority: Option<u8>,
    /// How long the answer may be remembered for anonymous links; 0 or absent: not at all.
    pub ttl_ms: Option<u32>,
    /// For whom; absent: the connection.
    pub shared_by: Option<Scope>,
    /// Goes to the router's log.
    pub note: Option<String>,
}

/// Why an address is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Denial {
    /// What the peer is told.
    pub refusal: Refusal,
    /// How long the answer may be remembered for anonymous links; 0 or absent: not at all.
    pub ttl_ms: Option<u32>,
    /// For whom; absent: the connection.
    pub shared_by: Option<Scope>,
}

impl Write for Answer {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Apply(ruling) => Map::new(out).field("apply", ruling),
            Self::Deny(denial) => Map::new(out).field("deny", denial),
        };
    }
}

impl Write for Ruling {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out)
            .optional("address", self.address.as_ref())
            .optional("treatment", self.treatment.as_ref())
            .optional("phase", self.phase.as_ref())
            .optional("priority", self.priority.as_ref())
            .optional("ttl-ms", self.ttl_ms.as_ref())
            .optional("shared-by", self.shared_by.as_ref())
            .optional("note", self.note.as_ref());
    }
}

impl Write for Denial {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out)
            .field("refusal", &self.refusal)
            .optional("ttl-ms", self.ttl_ms.as_ref())
            .optional("shared-by", self.shared_by.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_addresses_that_are_not_the_routers_own() {
        for (address, name) in [
            ("a/b", Some("a/b")),
            ("amqp://host:5672/a/b/", Some("a/b")),
            ("amqps:/a.", Some("a")),
            ("a//", Some("a/")),
            ("", None),
            ("/", None),
            ("amqp://host", None),
            ("$management", None),
            ("amqp:/_topo/0/r/x", None),
            ("a\u{7f}b", None),
        ] {
            assert_eq!(usable(address), name, "{address:?}");
        }
        let long = "x".repeat(ADDRESS_MAX_BYTES);
        assert_eq!((usable(&long), usable(&(long.clone() + "x"))), (Some(long.as_str()), None));
    }
}
