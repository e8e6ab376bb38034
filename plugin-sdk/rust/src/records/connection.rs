//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::reader::{Read, Reader, is};
use crate::reads::Inside;
use crate::records::peer::{Context, Entry, Peer};
use crate::records::refusal::Refusal;
use crate::writer::{Write, Writer};

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
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                4 if is(key, b"user") => self.user = from.u32(),
                5 if is(key, b"total") => self.total = from.u32(),
                8 if is(key, b"listener") => self.listener = from.u32(),
                9 if is(key, b"peer-host") => self.peer_host = from.u32(),
                _ => from.skip(),
            }
        }
    }
}

impl Inside for Counts {
    type Record = Self;

    fn inside(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl Write for Counts {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x65total");
        self.total.write(out);
        out.key(map, b"\x68listener");
        self.listener.write(out);
        out.key(map, b"\x64user");
        self.user.write(out);
        out.key(map, b"\x69peer-host");
        self.peer_host.write(out);
    }
}

/// Limits of a connection or a link. Absent: none of that kind. The settings of the same names explain them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
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
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                5 if is(key, b"links") => self.links = Some(from.u32()),
                7 if is(key, b"senders") => self.senders = Some(from.u32()),
                8 if is(key, b"sessions") => self.sessions = Some(from.u32()),
                9 if is(key, b"receivers") => self.receivers = Some(from.u32()),
                9 if is(key, b"unsettled") => self.unsettled = Some(from.u32()),
                11 if is(key, b"link-credit") => self.link_credit = Some(from.u32()),
                14 if is(key, b"buffered-bytes") => self.buffered_bytes = Some(from.u64()),
                14 if is(key, b"max-frame-size") => self.max_frame_size = Some(from.u32()),
                15 if is(key, b"idle-timeout-ms") => self.idle_timeout_ms = Some(from.u32()),
                16 if is(key, b"max-message-size") => self.max_message_size = Some(from.u64()),
                _ => from.skip(),
            }
        }
    }
}

impl Inside for Limits {
    type Record = Self;

    fn inside(&self) -> &Self {
        self
    }
}

impl Write for Limits {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        if let Some(value) = &self.sessions {
            out.key(map, b"\x68sessions");
            value.write(out);
        }
        if let Some(value) = &self.links {
            out.key(map, b"\x65links");
            value.write(out);
        }
        if let Some(value) = &self.senders {
            out.key(map, b"\x67senders");
            value.write(out);
        }
        if let Some(value) = &self.receivers {
            out.key(map, b"\x69receivers");
            value.write(out);
        }
        if let Some(value) = &self.unsettled {
            out.key(map, b"\x69unsettled");
            value.write(out);
        }
        if let Some(value) = &self.buffered_bytes {
            out.key(map, b"\x6ebuffered-bytes");
            value.write(out);
        }
        if let Some(value) = &self.max_frame_size {
            out.key(map, b"\x6emax-frame-size");
            value.write(out);
        }
        if let Some(value) = &self.max_message_size {
            out.key(map, b"\x70max-message-size");
            value.write(out);
        }
        if let Some(value) = &self.idle_timeout_ms {
            out.key(map, b"\x6fidle-timeout-ms");
            value.write(out);
        }
        if let Some(value) = &self.link_credit {
            out.key(map, b"\x6blink-credit");
            value.write(out);
        }
    }
}

/// The router counts what is open under a key of this plugin, over all workers, and refuses what would be more.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Quota {
    /// 1 to 256 bytes.
    pub key: String,
    /// This one included.
    pub max: u32,
}

impl Write for Quota {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63key");
        self.key.write(out);
        out.key(map, b"\x63max");
        self.max.write(out);
    }
}

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
    /// What holds for this connection, before any plugin is asked.
    pub limits: Limits,
    /// Names of the fields that were cut because they were too large.
    pub truncated: Vec<&'a str>,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"ctx") => self.ctx.read(from),
                4 if is(key, b"peer") => self.peer.read(from),
                6 if is(key, b"counts") => self.counts.read(from),
                6 if is(key, b"limits") => self.limits.read(from),
                7 if is(key, b"recheck") => self.recheck = from.bool(),
                9 if is(key, b"truncated") => self.truncated = from.texts(),
                10 if is(key, b"properties") => self.properties = from.records(),
                11 if is(key, b"channel-max") => self.channel_max = from.u16(),
                14 if is(key, b"max-frame-size") => self.max_frame_size = from.u32(),
                15 if is(key, b"idle-timeout-ms") => self.idle_timeout_ms = Some(from.u32()),
                20 if is(key, b"offered-capabilities") => self.offered_capabilities = from.texts(),
                20 if is(key, b"desired-capabilities") => self.desired_capabilities = from.texts(),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Request<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63ctx");
        self.ctx.write(out);
        out.key(map, b"\x64peer");
        self.peer.write(out);
        out.key(map, b"\x67recheck");
        self.recheck.write(out);
        out.key(map, b"\x6emax-frame-size");
        self.max_frame_size.write(out);
        out.key(map, b"\x6bchannel-max");
        self.channel_max.write(out);
        if let Some(value) = &self.idle_timeout_ms {
            out.key(map, b"\x6fidle-timeout-ms");
            value.write(out);
        }
        out.key(map, b"\x74offered-capabilities");
        self.offered_capabilities.write(out);
        out.key(map, b"\x74desired-capabilities");
        self.desired_capabilities.write(out);
        out.key(map, b"\x6aproperties");
        self.properties.write(out);
        out.key(map, b"\x66counts");
        self.counts.write(out);
        out.key(map, b"\x66limits");
        self.limits.write(out);
        out.key(map, b"\x69truncated");
        self.truncated.write(out);
    }
}

/// What comes with an allowance. What does not belong to the hook is ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Grant {
    /// They only lower: of a connection all, of a link `max_message_size` and `link_credit`.
    pub limits: Option<Limits>,
    /// Let go when the connection, session or link ends; at most 16.
    pub quotas: Vec<Quota>,
    /// Keys and texts that the hooks after admission find in [`Peer::attributes`](crate::peer::Peer::attributes).
    pub attributes: Vec<(String, String)>,
    /// A connection is asked about again then, with [`Request::recheck`]; at least 100.
    pub recheck_after_ms: Option<u32>,
    /// Goes to the router's log.
    pub note: Option<String>,
}

impl Write for Grant {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        if let Some(value) = &self.limits {
            out.key(map, b"\x66limits");
            value.write(out);
        }
        if !self.quotas.is_empty() {
            out.key(map, b"\x66quotas");
            self.quotas.write(out);
        }
        if !self.attributes.is_empty() {
            out.key(map, b"\x6aattributes");
            self.attributes.write(out);
        }
        if let Some(value) = &self.recheck_after_ms {
            out.key(map, b"\x70recheck-after-ms");
            value.write(out);
        }
        if let Some(value) = &self.note {
            out.key(map, b"\x64note");
            value.write(out);
        }
    }
}

/// The answer. Every plugin is asked: one that denies ends it, and what the others grant is merged.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// As far as this plugin is concerned, the peer may stay.
    Allow(Grant),
    /// The connection is closed with this error.
    Deny(Refusal),
}

impl Write for Answer {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Allow(value) => {
                let map = out.map();
                out.key(map, b"\x65allow");
                value.write(out);
            }
            Self::Deny(value) => {
                let map = out.map();
                out.key(map, b"\x64deny");
                value.write(out);
            }
        }
    }
}
