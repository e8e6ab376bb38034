//! Policy: what the host asks, what may be answered, and the trait between them.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};
use std::time::Duration;

use crate::bounds::Bounds;
use crate::facts::{PluginFacts, RecordFacts};
use crate::settings::{Distribution, Role, Scheme};
use crate::trail::Trail;

/// A question that plugins may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Hook {
    Failover,
    Connection,
    Session,
    Link,
    Address,
}

impl Hook {
    /// Every hook of the ABI.
    pub const ALL: [Self; 5] = [Self::Failover, Self::Connection, Self::Session, Self::Link, Self::Address];

    const fn bit(self) -> u8 {
        match self {
            Self::Failover => 1,
            Self::Connection => 2,
            Self::Session => 4,
            Self::Link => 8,
            Self::Address => 16,
        }
    }

    /// The word of the ABI and of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Failover => "failover",
            Self::Connection => "connection",
            Self::Session => "session",
            Self::Link => "link",
            Self::Address => "address",
        }
    }
}

/// The hooks that somebody is asked about, for all workers; plugins come and go while the router runs.
#[derive(Debug, Default)]
pub struct Hooks {
    asked: AtomicU8,
    edition: AtomicU32,
}

impl Hooks {
    /// These, and no others; what was decided before may be decided otherwise now.
    pub fn set(&self, hooks: impl IntoIterator<Item = Hook>) {
        self.asked.store(hooks.into_iter().fold(0, |set, hook| set | hook.bit()), Ordering::Relaxed);
        self.edition.fetch_add(1, Ordering::Relaxed);
    }

    /// Another one each time that those who are asked may have changed.
    #[must_use]
    pub fn edition(&self) -> u32 {
        self.edition.load(Ordering::Relaxed)
    }

    /// Whether somebody is asked.
    #[must_use]
    pub fn has(&self, hook: Hook) -> bool {
        self.asked.load(Ordering::Relaxed) & hook.bit() != 0
    }
}

impl FromIterator<Hook> for Hooks {
    fn from_iter<I: IntoIterator<Item = Hook>>(hooks: I) -> Self {
        let set = Self::default();
        set.set(hooks);
        set
    }
}

/// An answer on its way.
pub type Reply<T> = Pin<Box<dyn Future<Output = T>>>;

/// Who decides. One value for each worker thread, so it need not be `Send`.
pub trait Policy {
    /// What anybody but the built-in is asked about. It changes as plugins come and go.
    fn hooks(&self) -> Arc<Hooks>;

    /// Whether anybody but the built-in would be asked; where not, the caller decides at once and asks nobody.
    fn serves(&self, hook: Hook) -> bool {
        self.hooks().has(hook)
    }

    /// What management shows, in the order in which they are asked.
    fn plugins(&self) -> Vec<PluginFacts> {
        Vec::new()
    }

    /// The record of decisions; absent: nobody is asked.
    fn record(&self) -> Option<RecordFacts> {
        None
    }

    /// Counts a treatment of this plugin that says otherwise of an address than those who use it, whose own stays.
    fn contradicted(&self, _plugin: &str) {}

    /// Counts a denial that follows from an answer of this plugin: its quota has no room.
    fn denied(&self, _plugin: &str) {}

    /// Puts the record on or off, for all workers.
    ///
    /// # Errors
    ///
    /// Why that cannot be.
    fn order_record(&self, _order: &RecordOrder) -> Result<(), String> {
        Err("there are no plugins, and so no decisions to record".to_owned())
    }

    /// In which order a connector tries its candidates; `None`: the order of the candidates, all of them, without delays.
    fn failover(&self, request: FailoverRequest) -> Reply<Option<FailoverAnswer>>;

    /// Whether an accepted connection may open.
    fn connection(&self, request: ConnectionRequest) -> Reply<(Verdict, Trail)>;

    /// Whether a session that a peer begins may stay.
    fn session(&self, request: SessionRequest) -> Reply<(Verdict, Trail)>;

    /// Whether a link that a peer attaches may stay.
    fn link(&self, request: LinkRequest) -> Reply<(Verdict, Trail)>;

    /// What the address of an attach stands for.
    fn address(&self, request: AddressRequest) -> Reply<(AddressDecision, Trail)>;
}

/// The policy of a router without plugins: no opinion on anything.
#[derive(Debug, Clone, Copy, Default)]
pub struct BuiltIn;

impl Policy for BuiltIn {
    fn hooks(&self) -> Arc<Hooks> {
        Arc::default()
    }

    fn failover(&self, _request: FailoverRequest) -> Reply<Option<FailoverAnswer>> {
        Box::pin(std::future::ready(None))
    }

    fn connection(&self, _request: ConnectionRequest) -> Reply<(Verdict, Trail)> {
        Box::pin(std::future::ready((Verdict::Allow(Grant::default()), Trail::default())))
    }

    fn session(&self, _request: SessionRequest) -> Reply<(Verdict, Trail)> {
        Box::pin(std::future::ready((Verdict::Allow(Grant::default()), Trail::default())))
    }

    fn link(&self, _request: LinkRequest) -> Reply<(Verdict, Trail)> {
        Box::pin(std::future::ready((Verdict::Allow(Grant::default()), Trail::default())))
    }

    fn address(&self, _request: AddressRequest) -> Reply<(AddressDecision, Trail)> {
        let decision = AddressDecision { verdict: AddressVerdict::BuiltIn, ttl: None };
        Box::pin(std::future::ready((decision, Trail::default())))
    }
}

/// What is to become of the record of decisions.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum RecordOrder {
    /// Decisions are written; absent: as before.
    On {
        /// Which share of them, above 0 and up to 1.
        sample: Option<f64>,
        /// Of both files together.
        max_bytes: Option<u64>,
    },
    /// None is.
    Off,
}

/// Why a peer is refused, as it is told. Checked: the condition and the keys of `info` are symbols of 1 to 128 ASCII
/// characters that can be seen.
#[derive(Debug, Clone, PartialEq)]
pub struct Refusal {
    /// An AMQP error condition.
    pub condition: String,
    /// For people.
    pub description: String,
    /// For the log, and for the peer where the listener explains refusals.
    pub note: Option<String>,
    /// Goes into the info map of the error.
    pub info: Vec<(String, InfoValue)>,
}

/// A value of an error's info map.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum InfoValue {
    Flag(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

/// A refusal and the plugin that pronounced it.
#[derive(Debug, Clone, PartialEq)]
pub struct Denial {
    /// The plugin's name.
    pub plugin: Arc<str>,
    /// Of the question that it was asked.
    pub sequence: u64,
    /// What the peer is told.
    pub refusal: Refusal,
}

/// Who is talking.
#[derive(Debug, Clone)]
pub struct Peer {
    /// Unique in this process.
    pub connection_id: u64,
    /// The listener that accepted it; absent for a connector's peer.
    pub listener: Option<Arc<str>>,
    /// The connector that dialled it; absent for an accepted peer.
    pub connector: Option<Arc<str>>,
    /// The peer's end of the socket.
    pub remote: SocketAddr,
    /// Our end of the socket.
    pub local: SocketAddr,
    /// `hostname` of the peer's Open.
    pub vhost: Option<String>,
    /// The authenticated identity.
    pub user: Option<String>,
    /// The SASL mechanism; absent without a SASL layer.
    pub mechanism: Option<&'static str>,
    /// Of the peer's Open.
    pub container_id: String,
    /// What it speaks through; absent without TLS.
    pub tls: Option<Arc<PeerTls>>,
    /// What admission granted: (key, value), unique keys.
    pub attributes: Vec<(String, String)>,
}

/// The TLS session of a peer, and what its certificate says where it showed one.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PeerTls {
    /// `TLSv1.2` or `TLSv1.3`.
    pub version: String,
    /// The cipher suite.
    pub cipher: String,
    /// The server name that a client asked for, in lower case; absent for a server, and for a client that named none.
    pub sni: Option<String>,
    /// As OpenSSL prints it (RFC 2253).
    pub subject: Option<String>,
    /// The same of whoever signed the certificate.
    pub issuer: Option<String>,
    /// Subject alternative names.
    pub names: Vec<String>,
    /// Of the certificate, in hexadecimal digits.
    pub fingerprint_sha256: Option<String>,
    /// Unix time in ms.
    pub not_after_ms: Option<u64>,
}

/// How many connections are open, this one included.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub struct Counts {
    pub total: u32,
    pub listener: u32,
    pub user: u32,
    pub peer_host: u32,
}

/// Asked after the peer's Open and before ours.
#[derive(Debug, Clone)]
pub struct ConnectionRequest {
    /// Who wants in.
    pub peer: Peer,
    /// Bytes, of the peer's Open.
    pub max_frame_size: u32,
    /// Of the peer's Open.
    pub channel_max: u16,
    /// Of the peer's Open.
    pub idle_timeout: Option<Duration>,
    /// Of the peer's Open.
    pub offered_capabilities: Vec<String>,
    /// Of the peer's Open.
    pub desired_capabilities: Vec<String>,
    /// Of the peer's Open, those with values that a plugin can be told.
    pub properties: Vec<(String, InfoValue)>,
    /// Now.
    pub counts: Counts,
    /// What the listener allows a connection.
    pub limits: Limits,
    /// It is open already, and its grant ran out.
    pub recheck: bool,
}

/// Asked when a peer begins a session.
#[derive(Debug, Clone)]
pub struct SessionRequest {
    /// Who begins it.
    pub peer: Peer,
    /// Of the connection, this one included.
    pub sessions_open: u32,
}

/// Asked when a peer attaches a link.
#[derive(Debug, Clone)]
pub struct LinkRequest {
    /// Who attaches it.
    pub peer: Peer,
    /// Of the link.
    pub name: String,
    /// The peer sends.
    pub sends: bool,
    /// Absent when the peer names none.
    pub source: Option<Terminus>,
    /// Absent when the peer names none.
    pub target: Option<Terminus>,
    /// How the sender settles.
    pub settle: Settle,
    /// Bytes, as the peer takes them; absent: any number.
    pub max_message_size: Option<u64>,
    /// Of the attach.
    pub desired_capabilities: Vec<String>,
    /// Of the attach, those with values that a plugin can be told.
    pub properties: Vec<(String, InfoValue)>,
    /// Of the connection, this one included.
    pub links_open: u32,
}

/// How a sender settles.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Settle {
    Unsettled,
    Settled,
    Mixed,
}

impl Settle {
    /// The word of the ABI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsettled => "unsettled",
            Self::Settled => "settled",
            Self::Mixed => "mixed",
        }
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
    /// The word of the ABI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::LinkDetach => "link-detach",
            Self::SessionEnd => "session-end",
            Self::ConnectionClose => "connection-close",
            Self::Never => "never",
        }
    }
}

/// An end of a link, as a peer asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Terminus {
    /// Absent for an anonymous sender, a dynamic terminus and a coordinator.
    pub address: Option<String>,
    /// 0: nothing, 1: its configuration, 2: the state of deliveries too.
    pub durable: u8,
    /// When it expires.
    pub expiry: Expiry,
    /// Seconds from then on.
    pub timeout_s: u32,
    /// A node of its own is wanted.
    pub dynamic: bool,
    /// Transactions are wanted.
    pub coordinator: bool,
    /// `move` or `copy`, of a source.
    pub distribution: Option<String>,
    /// Of a source: name, and value where a plugin can be told it.
    pub filters: Vec<(String, Option<InfoValue>)>,
    /// As asked for.
    pub capabilities: Vec<String>,
}

/// What admission decided.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Verdict {
    Allow(Grant),
    Deny(Denial),
}

/// On which terms somebody is let in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Grant {
    /// Of a connection, or of a link.
    pub limits: Limits,
    /// Whose they are.
    pub bounds: Bounds,
    /// What is counted while the connection, session or link is open.
    pub quotas: Vec<Quota>,
    /// For the hooks after that of the connection; keys are unique.
    pub attributes: Vec<(String, String)>,
    /// A connection is asked about again then.
    pub recheck_after: Option<Duration>,
    /// For people; of one plugin.
    pub note: Option<String>,
}

impl Grant {
    /// Takes another plugin's grant in: the lower limits, the first of equal attributes, all quotas, the earlier time. Its note stays behind.
    pub fn merge(&mut self, other: Self) {
        let limits = self.limits.lowest(other.limits);
        self.bounds.lower((&self.limits, &limits), &other.bounds);
        self.limits = limits;
        self.quotas.extend(other.quotas);
        for (key, value) in other.attributes {
            if !self.attributes.iter().any(|(known, _)| *known == key) {
                self.attributes.push((key, value));
            }
        }
        self.recheck_after = lowest(self.recheck_after, other.recheck_after);
    }
}

/// At most so many may be open under the key of a plugin.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Quota {
    /// Whose key it is.
    pub plugin: Arc<str>,
    /// What is counted.
    pub key: String,
    /// This one included.
    pub max: u32,
}

/// Limits of one connection or link; absent: as they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of a connection.
    pub sessions: Option<u32>,
    /// Of a connection, both ways together.
    pub links: Option<u32>,
    /// Links of a connection on which the peer sends.
    pub senders: Option<u32>,
    /// Links of a connection on which the peer receives.
    pub receivers: Option<u32>,
    /// Deliveries of a connection that are not settled.
    pub unsettled: Option<u32>,
    /// Message bytes of a session that wait here.
    pub buffered_bytes: Option<u64>,
    /// Bytes, in our open.
    pub max_frame_size: Option<u32>,
    /// Bytes of one message that the peer may send.
    pub max_message_size: Option<u64>,
    /// A peer that is silent for longer is gone.
    pub idle_timeout: Option<Duration>,
    /// Credit of one link.
    pub link_credit: Option<u32>,
}

/// The lower of two limits; absent: no limit.
#[must_use]
pub fn lowest<T: Ord>(one: Option<T>, other: Option<T>) -> Option<T> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

impl Limits {
    /// The lower of each.
    #[must_use]
    pub fn lowest(self, other: Self) -> Self {
        Self {
            sessions: lowest(self.sessions, other.sessions),
            links: lowest(self.links, other.links),
            senders: lowest(self.senders, other.senders),
            receivers: lowest(self.receivers, other.receivers),
            unsettled: lowest(self.unsettled, other.unsettled),
            buffered_bytes: lowest(self.buffered_bytes, other.buffered_bytes),
            max_frame_size: lowest(self.max_frame_size, other.max_frame_size),
            max_message_size: lowest(self.max_message_size, other.max_message_size),
            idle_timeout: lowest(self.idle_timeout, other.idle_timeout),
            link_credit: lowest(self.link_credit, other.link_credit),
        }
    }
}

/// What the peer of the asking link does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkDirection {
    /// The peer sends: an incoming link.
    Inbound,
    /// The peer receives: an outgoing link.
    Outbound,
}

/// When an address is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Occasion {
    /// By the attach of a link.
    Attach,
    /// By a message on a link without an address.
    Anonymous,
}

/// Asked at attach, and when a message on a link without an address names one.
#[derive(Debug, Clone)]
pub struct AddressRequest {
    /// As the peer wrote it, normalised, with its tenant.
    pub address: String,
    /// When it is named.
    pub occasion: Occasion,
    /// Seen from this router.
    pub direction: LinkDirection,
    /// Who attaches.
    pub peer: Peer,
    /// Of the terminus.
    pub capabilities: Vec<String>,
    /// What the configuration says about the address.
    pub configured: Distribution,
    /// What the configuration says about the link, 0 to 9.
    pub phase: u8,
}

/// What address policy decided.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum AddressVerdict {
    /// As configured.
    BuiltIn,
    Apply {
        plugin: Arc<str>,
        ruling: Ruling,
    },
    Deny(Denial),
}

/// An address decision, and for how long it holds for further messages of the same link.
#[derive(Debug, Clone, PartialEq)]
pub struct AddressDecision {
    /// What was decided.
    pub verdict: AddressVerdict,
    /// Absent: as long as the same plugins are asked.
    pub ttl: Option<Duration>,
}

/// An address decision; what is absent is as configured for the (rewritten) address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Ruling {
    /// Instead of the one asked for: 1 to 2,048 bytes without control characters, whose name in its one form is not empty
    /// and does not begin with `$` or `_`.
    pub address: Option<String>,
    /// Instead of the configured one; where the address is in use, that of those who use it stays.
    pub treatment: Option<Distribution>,
    /// Instead of a treatment here: the link is carried to a connection of the listener or connector of role `route-container` with
    /// this name. Of a link, not of messages on one without an address.
    pub link_route: Option<String>,
    /// 0 to 9.
    pub phase: Option<u8>,
    /// 0 to 9; where the address is in use, it has that of who used it first.
    pub priority: Option<u8>,
    /// For the log.
    pub note: Option<String>,
}

/// Why a connector asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum FailoverCause {
    Startup,
    Lost,
    Exhausted,
    Redirected,
    Reload,
    Reconsider,
}

impl FailoverCause {
    /// The word of the ABI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Startup => "startup",
            Self::Lost => "lost",
            Self::Exhausted => "exhausted",
            Self::Redirected => "redirected",
            Self::Reload => "reload",
            Self::Reconsider => "reconsider",
        }
    }
}

/// Where a candidate comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum CandidateOrigin {
    Configured,
    Advertised,
    Redirected,
}

impl CandidateOrigin {
    /// The word of the ABI.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Configured => "configured",
            Self::Advertised => "advertised",
            Self::Redirected => "redirected",
        }
    }
}

/// An endpoint that a connector may dial next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// What is dialled, IPv6 without brackets.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
    /// How it is dialled.
    pub scheme: Scheme,
    /// What the peer's list wants in our Open.
    pub hostname: Option<String>,
    /// Where it comes from.
    pub origin: CandidateOrigin,
    /// Lower is tried first; 255 for those that a peer has named.
    pub priority: u8,
    /// As configured.
    pub labels: Vec<(String, String)>,
    /// Dials since the start.
    pub attempts: u32,
    /// Dials since the last that opened.
    pub failures_in_row: u32,
    /// Of the last that failed.
    pub last_error: Option<String>,
    /// The AMQP condition of the last failure, where the peer gave one.
    pub last_condition: Option<String>,
    /// Unix time in ms.
    pub last_attempt_at_ms: Option<u64>,
    /// Unix time in ms.
    pub last_success_at_ms: Option<u64>,
    /// µs that its TCP connection took, the look-up of its name aside, at the last success.
    pub last_rtt_us: Option<u32>,
    /// Unix time in ms: when the certificate ends that it showed at the last success by TLS.
    pub certificate_not_after_ms: Option<u64>,
}

/// Asked when a connector starts, loses its peer, is sent elsewhere by it, has exhausted its round, is changed, or may go back to
/// a better endpoint.
#[derive(Debug, Clone)]
pub struct FailoverRequest {
    /// Its name.
    pub connector: Arc<str>,
    /// Its role.
    pub role: Role,
    /// Why now.
    pub cause: FailoverCause,
    /// Rounds since the last connection, from 0.
    pub round: u32,
    /// Index of the candidate that was lost, sent the router elsewhere, or is in use.
    pub current: Option<u32>,
    /// Unix time in ms.
    pub down_since_ms: Option<u64>,
    /// In the order that the built-in takes.
    pub candidates: Vec<Candidate>,
}

/// The next round. Checked: indexes are those of the request, each at most once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverAnswer {
    /// Who decided.
    pub plugin: Arc<str>,
    /// Which, and in which order; empty: none.
    pub order: Vec<Pick>,
    /// When to ask again after the round; absent: the connector's backoff.
    pub retry_after: Option<Duration>,
    /// When to ask again while connected, 100 ms at least; absent: as the connector's fail-back has it.
    pub reconsider_after: Option<Duration>,
    /// For the log.
    pub note: Option<String>,
}

/// One candidate of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pick {
    /// Of the request's candidates.
    pub index: u32,
    /// Waited before it is dialled.
    pub delay: Duration,
}
