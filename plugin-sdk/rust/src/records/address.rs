//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::reader::{Read, Reader, is};
use crate::records::peer::{Context, Peer};
use crate::records::refusal::Refusal;
use crate::writer::{Write, Writer};

/// Which way messages go, seen from this router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// The peer sends.
    Inbound,
    /// The peer receives.
    Outbound,
}

impl Direction {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Inbound => "inbound",
            Self::Outbound => "outbound",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            7 if is(word, b"inbound") => Some(Self::Inbound),
            8 if is(word, b"outbound") => Some(Self::Outbound),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Direction {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// When the address was named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// A link attached to it.
    Attach,
    /// A message on an anonymous link was the first to go there.
    Anonymous,
}

impl Occasion {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Attach => "attach",
            Self::Anonymous => "anonymous",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            6 if is(word, b"attach") => Some(Self::Attach),
            9 if is(word, b"anonymous") => Some(Self::Anonymous),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Occasion {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
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
    /// The link itself is carried to a connection of this listener or connector, of role `route-container`. A bad answer on the occasion [`Occasion::Anonymous`].
    LinkRoute(String),
    /// Links to it are refused.
    Unavailable,
}

impl Treatment {
    /// None where the case is unknown.
    pub(crate) fn read(from: &mut Reader<'_>) -> Option<Self> {
        let (bare, word) = from.case();
        match (bare, word.len()) {
            (true, 7) if is(word, b"closest") => Some(Self::Closest),
            (true, 8) if is(word, b"balanced") => Some(Self::Balanced),
            (true, 9) if is(word, b"multicast") => Some(Self::Multicast),
            (false, 10) if is(word, b"link-route") => Some(Self::LinkRoute(String::from(from.text()))),
            (true, 11) if is(word, b"unavailable") => Some(Self::Unavailable),
            (true, _) => None,
            (false, _) => {
                from.skip();
                None
            }
        }
    }
}

impl Write for Treatment {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Balanced => "balanced".write(out),
            Self::Closest => "closest".write(out),
            Self::Multicast => "multicast".write(out),
            Self::LinkRoute(value) => {
                let map = out.map();
                out.key(map, b"\x6alink-route");
                value.write(out);
            }
            Self::Unavailable => "unavailable".write(out),
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
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"ctx") => self.ctx.read(from),
                4 if is(key, b"peer") => self.peer.get_or_insert_default().read(from),
                5 if is(key, b"phase") => self.phase = from.u8(),
                7 if is(key, b"address") => self.address = from.text(),
                8 if is(key, b"occasion") => self.occasion = Occasion::named(from.word()),
                9 if is(key, b"direction") => self.direction = Direction::named(from.word()),
                9 if is(key, b"truncated") => self.truncated = from.texts(),
                10 if is(key, b"configured") => self.configured = Treatment::read(from),
                12 if is(key, b"capabilities") => self.capabilities = from.texts(),
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
        out.key(map, b"\x67address");
        self.address.write(out);
        if let Some(value) = &self.direction {
            out.key(map, b"\x69direction");
            value.write(out);
        }
        if let Some(value) = &self.occasion {
            out.key(map, b"\x68occasion");
            value.write(out);
        }
        if let Some(value) = &self.peer {
            out.key(map, b"\x64peer");
            value.write(out);
        }
        out.key(map, b"\x6ccapabilities");
        self.capabilities.write(out);
        if let Some(value) = &self.configured {
            out.key(map, b"\x6aconfigured");
            value.write(out);
        }
        out.key(map, b"\x65phase");
        self.phase.write(out);
        out.key(map, b"\x69truncated");
        self.truncated.write(out);
    }
}

/// For whom an answer may be remembered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// The connection that asked.
    Connection,
    /// Every peer with the same attributes.
    Attributes,
    /// Every peer.
    Everyone,
}

impl Scope {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Connection => "connection",
            Self::Attributes => "attributes",
            Self::Everyone => "everyone",
        }
    }
}

impl Write for Scope {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
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
    /// 0 to 9, as the setting of an address: it is shown, and decides about nothing.
    pub priority: Option<u8>,
    /// How long the answer may be remembered for anonymous links; 0 or absent: not at all.
    pub ttl_ms: Option<u32>,
    /// For whom; absent: the connection.
    pub shared_by: Option<Scope>,
    /// Goes to the router's log.
    pub note: Option<String>,
}

impl Write for Ruling {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        if let Some(value) = &self.address {
            out.key(map, b"\x67address");
            value.write(out);
        }
        if let Some(value) = &self.treatment {
            out.key(map, b"\x69treatment");
            value.write(out);
        }
        if let Some(value) = &self.phase {
            out.key(map, b"\x65phase");
            value.write(out);
        }
        if let Some(value) = &self.priority {
            out.key(map, b"\x68priority");
            value.write(out);
        }
        if let Some(value) = &self.ttl_ms {
            out.key(map, b"\x66ttl-ms");
            value.write(out);
        }
        if let Some(value) = &self.shared_by {
            out.key(map, b"\x69shared-by");
            value.write(out);
        }
        if let Some(value) = &self.note {
            out.key(map, b"\x64note");
            value.write(out);
        }
    }
}

/// Why an address is refused.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Denial {
    /// What the peer is told.
    pub refusal: Refusal,
    /// How long the answer may be remembered for anonymous links; 0 or absent: not at all.
    pub ttl_ms: Option<u32>,
    /// For whom; absent: the connection.
    pub shared_by: Option<Scope>,
}

impl Write for Denial {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x67refusal");
        self.refusal.write(out);
        if let Some(value) = &self.ttl_ms {
            out.key(map, b"\x66ttl-ms");
            value.write(out);
        }
        if let Some(value) = &self.shared_by {
            out.key(map, b"\x69shared-by");
            value.write(out);
        }
    }
}

/// The answer; the first plugin that has one is followed.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// The address is used, as the ruling says.
    Apply(Ruling),
    /// The link, or the message on an anonymous link, is refused.
    Deny(Denial),
}

impl Write for Answer {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Apply(value) => {
                let map = out.map();
                out.key(map, b"\x65apply");
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
