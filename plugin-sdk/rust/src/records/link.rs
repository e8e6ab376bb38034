//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::vec::Vec;

use crate::reader::{Read, Reader, is};
use crate::reads::Inside;
use crate::records::peer::{Context, Entry, Peer, Value};
#[cfg(test)]
use crate::writer::{Write, Writer};

/// What the peer does on the link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It sends.
    Sender,
    /// It receives.
    Receiver,
}

impl Role {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Sender => "sender",
            Self::Receiver => "receiver",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            6 if is(word, b"sender") => Some(Self::Sender),
            8 if is(word, b"receiver") => Some(Self::Receiver),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Role {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// When a terminus expires.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Expiry {
    LinkDetach,
    SessionEnd,
    ConnectionClose,
    Never,
}

impl Expiry {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::LinkDetach => "link-detach",
            Self::SessionEnd => "session-end",
            Self::ConnectionClose => "connection-close",
            Self::Never => "never",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            5 if is(word, b"never") => Some(Self::Never),
            11 if is(word, b"link-detach") => Some(Self::LinkDetach),
            11 if is(word, b"session-end") => Some(Self::SessionEnd),
            16 if is(word, b"connection-close") => Some(Self::ConnectionClose),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Expiry {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// A filter of a source.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Filter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; none where it is of a kind that plugins are not told, or that this SDK does not know.
    pub val: Option<Value<'a>>,
}

impl<'b> Read<'b> for Filter<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"val") => self.val = Value::read(from),
                4 if is(key, b"name") => self.name = from.text(),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Filter<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x64name");
        self.name.write(out);
        if let Some(value) = &self.val {
            out.key(map, b"\x63val");
            value.write(out);
        }
    }
}

/// An end of a link, as the peer asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terminus<'a> {
    /// Absent for an anonymous sender, a dynamic terminus and a coordinator.
    pub address: Option<&'a str>,
    /// 0: nothing, 1: its configuration, 2: the state of deliveries too.
    pub durable: u8,
    /// When it expires.
    pub expiry: Option<Expiry>,
    /// Seconds from then on.
    pub timeout_s: u32,
    /// A node of its own is wanted.
    pub dynamic: bool,
    /// Transactions are wanted.
    pub coordinator: bool,
    /// `move` or `copy`, of a source.
    pub distribution: Option<&'a str>,
    /// Of a source.
    pub filters: Vec<Filter<'a>>,
    /// As asked for.
    pub capabilities: Vec<&'a str>,
}

impl<'b> Read<'b> for Terminus<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                6 if is(key, b"expiry") => self.expiry = Expiry::named(from.word()),
                7 if is(key, b"address") => self.address = Some(from.text()),
                7 if is(key, b"durable") => self.durable = from.u8(),
                7 if is(key, b"dynamic") => self.dynamic = from.bool(),
                7 if is(key, b"filters") => self.filters = from.records(),
                9 if is(key, b"timeout-s") => self.timeout_s = from.u32(),
                11 if is(key, b"coordinator") => self.coordinator = from.bool(),
                12 if is(key, b"distribution") => self.distribution = Some(from.text()),
                12 if is(key, b"capabilities") => self.capabilities = from.texts(),
                _ => from.skip(),
            }
        }
    }
}

impl Inside for Terminus<'_> {
    type Record = Self;

    fn inside(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl Write for Terminus<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        if let Some(value) = &self.address {
            out.key(map, b"\x67address");
            value.write(out);
        }
        out.key(map, b"\x67durable");
        self.durable.write(out);
        if let Some(value) = &self.expiry {
            out.key(map, b"\x66expiry");
            value.write(out);
        }
        out.key(map, b"\x69timeout-s");
        self.timeout_s.write(out);
        out.key(map, b"\x67dynamic");
        self.dynamic.write(out);
        out.key(map, b"\x6bcoordinator");
        self.coordinator.write(out);
        if let Some(value) = &self.distribution {
            out.key(map, b"\x6cdistribution");
            value.write(out);
        }
        out.key(map, b"\x67filters");
        self.filters.write(out);
        out.key(map, b"\x6ccapabilities");
        self.capabilities.write(out);
    }
}

/// How the sender settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Settle {
    Unsettled,
    Settled,
    Mixed,
}

impl Settle {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unsettled => "unsettled",
            Self::Settled => "settled",
            Self::Mixed => "mixed",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            5 if is(word, b"mixed") => Some(Self::Mixed),
            7 if is(word, b"settled") => Some(Self::Settled),
            9 if is(word, b"unsettled") => Some(Self::Unsettled),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Settle {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// The question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// Who asks.
    pub peer: Peer<'a>,
    /// Of the link.
    pub name: &'a str,
    /// What the peer does on it.
    pub role: Option<Role>,
    /// Where messages come from; absent when the peer names none.
    pub source: Option<Terminus<'a>>,
    /// Where they go; absent when the peer names none.
    pub target: Option<Terminus<'a>>,
    /// How the sender settles.
    pub settle: Option<Settle>,
    /// Bytes, as the peer takes them.
    pub max_message_size: Option<u64>,
    /// As the peer's attach says.
    pub desired_capabilities: Vec<&'a str>,
    /// As the peer's attach says.
    pub properties: Vec<Entry<'a>>,
    /// Links of the connection, this one included.
    pub links_open: u32,
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
                4 if is(key, b"name") => self.name = from.text(),
                4 if is(key, b"role") => self.role = Role::named(from.word()),
                6 if is(key, b"source") => self.source.get_or_insert_default().read(from),
                6 if is(key, b"target") => self.target.get_or_insert_default().read(from),
                6 if is(key, b"settle") => self.settle = Settle::named(from.word()),
                9 if is(key, b"truncated") => self.truncated = from.texts(),
                10 if is(key, b"properties") => self.properties = from.records(),
                10 if is(key, b"links-open") => self.links_open = from.u32(),
                16 if is(key, b"max-message-size") => self.max_message_size = Some(from.u64()),
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
        out.key(map, b"\x64name");
        self.name.write(out);
        if let Some(value) = &self.role {
            out.key(map, b"\x64role");
            value.write(out);
        }
        if let Some(value) = &self.source {
            out.key(map, b"\x66source");
            value.write(out);
        }
        if let Some(value) = &self.target {
            out.key(map, b"\x66target");
            value.write(out);
        }
        if let Some(value) = &self.settle {
            out.key(map, b"\x66settle");
            value.write(out);
        }
        if let Some(value) = &self.max_message_size {
            out.key(map, b"\x70max-message-size");
            value.write(out);
        }
        out.key(map, b"\x74desired-capabilities");
        self.desired_capabilities.write(out);
        out.key(map, b"\x6aproperties");
        self.properties.write(out);
        out.key(map, b"\x6alinks-open");
        self.links_open.write(out);
        out.key(map, b"\x69truncated");
        self.truncated.write(out);
    }
}
