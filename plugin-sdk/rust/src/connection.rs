//! The hook `connection`: may this peer stay? Asked after SASL and the peer's open, before ours.

use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{Decoder, Error, Map, Read, Write, record, set};
use crate::peer::{Attribute, Context, Entry, Peer};
use crate::refusal::Refusal;

/// The question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// Who asks.
    pub peer: Peer<'a>,
    /// The connection is open already and its grant ran out.
    pub recheck: bool,
    /// As the peer's open says, bytes.
    pub max_frame_size: u32,
    /// As the peer's open says: the number of its last channel.
    pub channel_max: u16,
    /// As the peer's open says.
    pub idle_timeout_ms: Option<u32>,
    /// As the peer's open says.
    pub offered_capabilities: Vec<&'a str>,
    /// As the peer's open says.
    pub desired_capabilities: Vec<&'a str>,
    /// As the peer's open says.
    pub properties: Vec<Entry<'a>>,
    /// What is open.
    pub counts: Counts,
    /// What holds for this connection.
    pub limits: Limits,
    /// Names of the fields that were cut because they were too large.
    pub truncated: Vec<&'a str>,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut request = Self::default();
        record(from, &mut |key, from| match key {
            "ctx" => set(&mut request.ctx, from),
            "peer" => set(&mut request.peer, from),
            "recheck" => set(&mut request.recheck, from),
            "max-frame-size" => set(&mut request.max_frame_size, from),
            "channel-max" => set(&mut request.channel_max, from),
            "idle-timeout-ms" => set(&mut request.idle_timeout_ms, from),
            "offered-capabilities" => set(&mut request.offered_capabilities, from),
            "desired-capabilities" => set(&mut request.desired_capabilities, from),
            "properties" => set(&mut request.properties, from),
            "counts" => set(&mut request.counts, from),
            "limits" => set(&mut request.limits, from),
            "truncated" => set(&mut request.truncated, from),
            _ => Ok(false),
        })?;
        Ok(request)
    }
}

/// Connections that are open, this one included.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Of the process.
    pub total: u32,
    /// Of this listener.
    pub listener: u32,
    /// Of this user.
    pub user: u32,
    /// Of this peer's IP address.
    pub peer_host: u32,
}

impl<'b> Read<'b> for Counts {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut counts = Self::default();
        record(from, &mut |key, from| match key {
            "total" => set(&mut counts.total, from),
            "listener" => set(&mut counts.listener, from),
            "user" => set(&mut counts.user, from),
            "peer-host" => set(&mut counts.peer_host, from),
            _ => Ok(false),
        })?;
        Ok(counts)
    }
}

/// What the router allows the connection, before any plugin is asked. Absent: no limit of that kind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it; the settings of the same names explain them")]
pub struct Limits {
    pub sessions: Option<u32>,
    pub links: Option<u32>,
    pub senders: Option<u32>,
    pub receivers: Option<u32>,
    pub unsettled: Option<u32>,
    pub buffered_bytes: Option<u64>,
    pub max_frame_size: Option<u32>,
    pub max_message_size: Option<u64>,
    pub idle_timeout_ms: Option<u32>,
    pub link_credit: Option<u32>,
}

impl<'b> Read<'b> for Limits {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut limits = Self::default();
        record(from, &mut |key, from| match key {
            "sessions" => set(&mut limits.sessions, from),
            "links" => set(&mut limits.links, from),
            "senders" => set(&mut limits.senders, from),
            "receivers" => set(&mut limits.receivers, from),
            "unsettled" => set(&mut limits.unsettled, from),
            "buffered-bytes" => set(&mut limits.buffered_bytes, from),
            "max-frame-size" => set(&mut limits.max_frame_size, from),
            "max-message-size" => set(&mut limits.max_message_size, from),
            "idle-timeout-ms" => set(&mut limits.idle_timeout_ms, from),
            "link-credit" => set(&mut limits.link_credit, from),
            _ => Ok(false),
        })?;
        Ok(limits)
    }
}

/// The answer. Every plugin is asked: one that denies ends it, and what the others grant is merged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// As far as this plugin is concerned, the peer may stay.
    Allow(Grant),
    /// The connection is closed with this error.
    Deny(Refusal),
}

impl Write for Limits {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out)
            .optional("sessions", self.sessions.as_ref())
            .optional("links", self.links.as_ref())
            .optional("senders", self.senders.as_ref())
            .optional("receivers", self.receivers.as_ref())
            .optional("unsettled", self.unsettled.as_ref())
            .optional("buffered-bytes", self.buffered_bytes.as_ref())
            .optional("max-frame-size", self.max_frame_size.as_ref())
            .optional("max-message-size", self.max_message_size.as_ref())
            .optional("idle-timeout-ms", self.idle_timeout_ms.as_ref())
            .optional("link-credit", self.link_credit.as_ref());
    }
}

/// The router counts what is open under a key of this plugin, over all workers, and refuses what would be more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// 1 to 256 bytes.
    pub key: String,
    /// This one included.
    pub max: u32,
}

impl Write for Quota {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out).field("key", &self.key).field("max", &self.max);
    }
}

/// What comes with an allowance. What does not belong to the hook is ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// They only lower: of a connection all, of a link `max_message_size` and `link_credit`.
    pub limits: Option<Limits>,
    /// Let go when the connection, session or link ends; at most 16.
    pub quotas: Vec<Quota>,
    /// A connection is asked about again then, with [`Request::recheck`]; at least 100.
    pub recheck_after_ms: Option<u32>,
    /// Keys and texts that the hooks after admission find in [`Peer::attributes`].
    pub attributes: Vec<(String, String)>,
    /// Goes to the router's log.
    pub note: Option<String>,
}

impl Write for Answer {
    fn write(&self, out: &mut Vec<u8>) {
        match self {
            Self::Allow(grant) => Map::new(out).field("allow", grant),
            Self::Deny(refusal) => Map::new(out).field("deny", refusal),
        };
    }
}

impl Write for Grant {
    fn write(&self, out: &mut Vec<u8>) {
        let attributes: Vec<_> = (self.attributes.iter()).map(|(key, val)| Attribute { key, val }).collect();
        Map::new(out)
            .optional("limits", self.limits.as_ref())
            .list("quotas", &self.quotas)
            .list("attributes", &attributes)
            .optional("recheck-after-ms", self.recheck_after_ms.as_ref())
            .optional("note", self.note.as_ref());
    }
}
