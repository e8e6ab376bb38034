//! The hook `failover`: which endpoints does a connector try, and in which order?

use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{Decoder, Error, Map, Read, Write, record, set, words};
use crate::peer::{Attribute, Context};

words! {
    /// Why the connector asks.
    Cause {
        /// It starts.
        Startup = "startup",
        /// It lost its peer.
        Lost = "lost",
        /// Every pick of the round failed.
        Exhausted = "exhausted",
        /// The peer sent it elsewhere.
        Redirected = "redirected",
        /// Its configuration changed.
        Reload = "reload",
        /// It is connected, and the last answer wanted to be asked again.
        Reconsider = "reconsider",
    }
}

words! {
    /// Where an endpoint comes from.
    Origin {
        /// The connector's configuration.
        Configured = "configured",
        /// The failover list of a peer's open.
        Advertised = "advertised",
        /// A peer's redirect.
        Redirected = "redirected",
    }
}

words! {
    /// What an endpoint is dialled with.
    #[expect(missing_docs, reason = "the words say it")]
    Scheme { Amqp = "amqp", Amqps = "amqps", Ws = "ws", Wss = "wss" }
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
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut request = Self::default();
        record(from, &mut |key, from| match key {
            "ctx" => set(&mut request.ctx, from),
            "connector" => set(&mut request.connector, from),
            "role" => set(&mut request.role, from),
            "cause" => {
                request.cause = Cause::read(from)?;
                Ok(true)
            }
            "round" => set(&mut request.round, from),
            "current" => set(&mut request.current, from),
            "down-since-ms" => set(&mut request.down_since_ms, from),
            "candidates" => set(&mut request.candidates, from),
            _ => Ok(false),
        })?;
        Ok(request)
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

impl Candidate<'_> {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        (self.labels.iter().find(|label| label.key == key)).map(|found| found.val)
    }
}

impl<'b> Read<'b> for Candidate<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut candidate = Self::default();
        record(from, &mut |key, from| {
            match key {
                "host" => candidate.host = from.str()?,
                "port" => candidate.port = from.u16()?,
                "scheme" => candidate.scheme = Scheme::read(from)?,
                "hostname" => candidate.hostname = Some(from.str()?),
                "origin" => candidate.origin = Origin::read(from)?,
                "priority" => candidate.priority = from.u8()?,
                "labels" => candidate.labels = Vec::read(from)?,
                "attempts" => candidate.attempts = from.u32()?,
                "failures-in-row" => candidate.failures_in_row = from.u32()?,
                "last-error" => candidate.last_error = Some(from.str()?),
                "last-condition" => candidate.last_condition = Some(from.str()?),
                "last-attempt-at-ms" => candidate.last_attempt_at_ms = Some(from.u64()?),
                "last-success-at-ms" => candidate.last_success_at_ms = Some(from.u64()?),
                "last-rtt-us" => candidate.last_rtt_us = Some(from.u32()?),
                "certificate-not-after-ms" => {
                    candidate.certificate_not_after_ms = Some(from.u64()?);
                }
                _ => return Ok(false),
            }
            Ok(true)
        })?;
        Ok(candidate)
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

/// A candidate to try.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Pick {
    /// Its place in [`Request::candidates`]; each at most once.
    pub index: u32,
    /// Waited after the pick before it failed; of the first, after the answer.
    pub delay_ms: Option<u32>,
}

impl Write for Answer {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out)
            .field("order", self.order.as_slice())
            .optional("retry-after-ms", self.retry_after_ms.as_ref())
            .optional("reconsider-after-ms", self.reconsider_after_ms.as_ref())
            .optional("note", self.note.as_ref());
    }
}

impl Write for Pick {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out).field("index", &self.index).optional("delay-ms", self.delay_ms.as_ref());
    }
}
