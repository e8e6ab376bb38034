//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::reader::{Read, Reader, is};
use crate::records::peer::{Attribute, Context};
use crate::writer::{Write, Writer};

/// Where an endpoint comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// The connector's configuration.
    Configured,
    /// The failover list of a peer's open.
    Advertised,
    /// A peer's redirect.
    Redirected,
}

impl Origin {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Advertised => "advertised",
            Self::Redirected => "redirected",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            10 if is(word, b"configured") => Some(Self::Configured),
            10 if is(word, b"advertised") => Some(Self::Advertised),
            10 if is(word, b"redirected") => Some(Self::Redirected),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Origin {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// What an endpoint is dialled with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Scheme {
    Amqp,
    Amqps,
    Ws,
    Wss,
}

impl Scheme {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Amqp => "amqp",
            Self::Amqps => "amqps",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            2 if is(word, b"ws") => Some(Self::Ws),
            3 if is(word, b"wss") => Some(Self::Wss),
            4 if is(word, b"amqp") => Some(Self::Amqp),
            5 if is(word, b"amqps") => Some(Self::Amqps),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Scheme {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// An endpoint that the connector may dial. Times are milliseconds since 1970.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Candidate<'a> {
    /// What is dialled.
    pub host: &'a str,
    /// The TCP port.
    pub port: u16,
    /// What it is dialled with.
    pub scheme: Option<Scheme>,
    /// What the peer's list wants in our open.
    pub hostname: Option<&'a str>,
    /// Where it comes from.
    pub origin: Option<Origin>,
    /// Lower is tried first.
    pub priority: u8,
    /// The labels of its configuration.
    pub labels: Vec<Attribute<'a>>,
    /// Attempts so far.
    pub attempts: u32,
    /// Failed attempts since the last success.
    pub failures_in_row: u32,
    /// Why the last attempt failed.
    pub last_error: Option<&'a str>,
    /// The AMQP condition that the last connection ended with.
    pub last_condition: Option<&'a str>,
    /// When it was last tried.
    pub last_attempt_at_ms: Option<u64>,
    /// When it last worked.
    pub last_success_at_ms: Option<u64>,
    /// How long its TCP connection took at the last success, without the look-up of its name, microseconds.
    pub last_rtt_us: Option<u32>,
    /// When the certificate ends that it showed at the last success.
    pub certificate_not_after_ms: Option<u64>,
}

impl<'b> Read<'b> for Candidate<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                4 if is(key, b"host") => self.host = from.text(),
                4 if is(key, b"port") => self.port = from.u16(),
                6 if is(key, b"scheme") => self.scheme = Scheme::named(from.word()),
                6 if is(key, b"origin") => self.origin = Origin::named(from.word()),
                6 if is(key, b"labels") => self.labels = from.records(),
                8 if is(key, b"hostname") => self.hostname = Some(from.text()),
                8 if is(key, b"priority") => self.priority = from.u8(),
                8 if is(key, b"attempts") => self.attempts = from.u32(),
                10 if is(key, b"last-error") => self.last_error = Some(from.text()),
                11 if is(key, b"last-rtt-us") => self.last_rtt_us = Some(from.u32()),
                14 if is(key, b"last-condition") => self.last_condition = Some(from.text()),
                15 if is(key, b"failures-in-row") => self.failures_in_row = from.u32(),
                18 if is(key, b"last-attempt-at-ms") => self.last_attempt_at_ms = Some(from.u64()),
                18 if is(key, b"last-success-at-ms") => self.last_success_at_ms = Some(from.u64()),
                24 if is(key, b"certificate-not-after-ms") => self.certificate_not_after_ms = Some(from.u64()),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Candidate<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x64host");
        self.host.write(out);
        out.key(map, b"\x64port");
        self.port.write(out);
        if let Some(value) = &self.scheme {
            out.key(map, b"\x66scheme");
            value.write(out);
        }
        if let Some(value) = &self.hostname {
            out.key(map, b"\x68hostname");
            value.write(out);
        }
        if let Some(value) = &self.origin {
            out.key(map, b"\x66origin");
            value.write(out);
        }
        out.key(map, b"\x68priority");
        self.priority.write(out);
        out.key(map, b"\x66labels");
        self.labels.write(out);
        out.key(map, b"\x68attempts");
        self.attempts.write(out);
        out.key(map, b"\x6ffailures-in-row");
        self.failures_in_row.write(out);
        if let Some(value) = &self.last_error {
            out.key(map, b"\x6alast-error");
            value.write(out);
        }
        if let Some(value) = &self.last_condition {
            out.key(map, b"\x6elast-condition");
            value.write(out);
        }
        if let Some(value) = &self.last_attempt_at_ms {
            out.key(map, b"\x72last-attempt-at-ms");
            value.write(out);
        }
        if let Some(value) = &self.last_success_at_ms {
            out.key(map, b"\x72last-success-at-ms");
            value.write(out);
        }
        if let Some(value) = &self.last_rtt_us {
            out.key(map, b"\x6blast-rtt-us");
            value.write(out);
        }
        if let Some(value) = &self.certificate_not_after_ms {
            out.key(map, b"\x78\x18certificate-not-after-ms");
            value.write(out);
        }
    }
}

/// Why the connector asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// It starts.
    Startup,
    /// It lost its peer.
    Lost,
    /// Every pick of the round failed.
    Exhausted,
    /// The peer sent it elsewhere.
    Redirected,
    /// Its configuration changed.
    Reload,
    /// It is connected, and the last answer wanted to be asked again.
    Reconsider,
}

impl Cause {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Lost => "lost",
            Self::Exhausted => "exhausted",
            Self::Redirected => "redirected",
            Self::Reload => "reload",
            Self::Reconsider => "reconsider",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            4 if is(word, b"lost") => Some(Self::Lost),
            6 if is(word, b"reload") => Some(Self::Reload),
            7 if is(word, b"startup") => Some(Self::Startup),
            9 if is(word, b"exhausted") => Some(Self::Exhausted),
            10 if is(word, b"redirected") => Some(Self::Redirected),
            10 if is(word, b"reconsider") => Some(Self::Reconsider),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Cause {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// The question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// The connector's name.
    pub connector: &'a str,
    /// The connector's role: `normal`, `inter-router`, `edge`, `route-container`.
    pub role: &'a str,
    /// Why it asks.
    pub cause: Option<Cause>,
    /// How many rounds were exhausted since it was last connected.
    pub round: u32,
    /// The index of the endpoint in use (reconsider, reload), or just lost, or that sent the router elsewhere.
    pub current: Option<u32>,
    /// When it lost its peer, milliseconds since 1970.
    pub down_since_ms: Option<u64>,
    /// The endpoints, in the order that the router itself would take.
    pub candidates: Vec<Candidate<'a>>,
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
                4 if is(key, b"role") => self.role = from.text(),
                5 if is(key, b"cause") => self.cause = Cause::named(from.word()),
                5 if is(key, b"round") => self.round = from.u32(),
                7 if is(key, b"current") => self.current = Some(from.u32()),
                9 if is(key, b"connector") => self.connector = from.text(),
                10 if is(key, b"candidates") => self.candidates = from.records(),
                13 if is(key, b"down-since-ms") => self.down_since_ms = Some(from.u64()),
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
        out.key(map, b"\x69connector");
        self.connector.write(out);
        out.key(map, b"\x64role");
        self.role.write(out);
        if let Some(value) = &self.cause {
            out.key(map, b"\x65cause");
            value.write(out);
        }
        out.key(map, b"\x65round");
        self.round.write(out);
        if let Some(value) = &self.current {
            out.key(map, b"\x67current");
            value.write(out);
        }
        if let Some(value) = &self.down_since_ms {
            out.key(map, b"\x6ddown-since-ms");
            value.write(out);
        }
        out.key(map, b"\x6acandidates");
        self.candidates.write(out);
    }
}

/// A candidate to try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pick {
    /// Its place in [`Request::candidates`]; each at most once.
    pub index: u32,
    /// Waited after the pick before it failed; of the first, after the answer.
    pub delay_ms: Option<u32>,
}

impl Write for Pick {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x65index");
        self.index.write(out);
        if let Some(value) = &self.delay_ms {
            out.key(map, b"\x68delay-ms");
            value.write(out);
        }
    }
}

/// The answer; the first plugin that has one is followed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// What to try, in this order. A candidate that is not in it is out of this round; an empty order drops all.
    pub order: Vec<Pick>,
    /// How long to wait when the round is exhausted; absent: the connector's backoff.
    pub retry_after_ms: Option<u32>,
    /// While connected, ask again after this. A first pick other than the current one is connected first, then takes over.
    pub reconsider_after_ms: Option<u32>,
    /// Goes to the router's log.
    pub note: Option<String>,
}

impl Write for Answer {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x65order");
        self.order.write(out);
        if let Some(value) = &self.retry_after_ms {
            out.key(map, b"\x6eretry-after-ms");
            value.write(out);
        }
        if let Some(value) = &self.reconsider_after_ms {
            out.key(map, b"\x73reconsider-after-ms");
            value.write(out);
        }
        if let Some(value) = &self.note {
            out.key(map, b"\x64note");
            value.write(out);
        }
    }
}
