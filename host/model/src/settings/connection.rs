//! What listens and what dials, and the connections of both.

use std::time::Duration;

use super::Secret;

/// What a listener or a connector is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Role {
    /// Peers attach; the router attaches nothing by itself.
    #[default]
    Normal,
    /// A broker or other container: auto-links may attach to it.
    RouteContainer,
}

impl Role {
    /// The word of the configuration and of management.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Normal => "normal",
            Self::RouteContainer => "route-container",
        }
    }
}

/// A SASL mechanism that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Mechanism {
    Anonymous,
    Plain,
    ScramSha256,
    ScramSha512,
    /// By the certificate that the TLS layer has seen.
    External,
}

impl Mechanism {
    /// Its registered name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Anonymous => "ANONYMOUS",
            Self::Plain => "PLAIN",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::External => "EXTERNAL",
        }
    }

    /// Reads its registered name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        let all = [Self::Anonymous, Self::Plain, Self::ScramSha256, Self::ScramSha512, Self::External];
        all.into_iter().find(|mechanism| mechanism.as_str() == name)
    }
}

/// The credit that a sender is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LinkCapacity {
    /// Deliveries granted at first.
    pub initial: u32,
    /// Where growth ends; equal to `initial` when the capacity was written out.
    pub max: u32,
}

/// The frame, session and time limits that listeners and connectors share.
#[derive(Debug, Clone)]
pub struct ConnectionSettings {
    /// Offered (listener, in this order) or taken (connector, the strongest that the peer offers); never empty.
    pub sasl: Vec<Mechanism>,
    /// PLAIN over plain TCP is used.
    pub allow_plain_without_tls: bool,
    /// From the socket to the peer's Open.
    pub handshake_timeout: Duration,
    /// Without a frame from the peer for this long the connection ends; zero: never.
    pub idle_timeout: Duration,
    /// Bytes, 512 to 2^32 - 1.
    pub max_frame_size: u32,
    /// Sessions, 1 to 65,536; channel-max is one less.
    pub max_sessions: u32,
    /// Transfers of a session that may be on their way to us, 1 to 2^31 - 1; absent: as many as can be counted.
    pub max_session_frames: Option<u32>,
    /// Credit for each incoming link.
    pub link_capacity: LinkCapacity,
    /// Whether the router annotations of messages go.
    pub strip_annotations: StripAnnotations,
    /// The only addresses of a host name that are bound or dialled; absent: all.
    pub address_family: Option<AddressFamily>,
    /// What is logged of each message that comes in or goes out.
    pub log_messages: MessageParts,
    /// Added to our Open.
    pub properties: Vec<(String, PropertyValue)>,
    /// What one connection may hold.
    pub limits: ConnectionLimits,
}

/// A family of internet addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum AddressFamily {
    V4,
    V6,
}

impl AddressFamily {
    /// The word of the configuration and of management.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V4 => "IPv4",
            Self::V6 => "IPv6",
        }
    }
}

/// Parts of a message that can be logged: the fields of its properties in their order there, then its application properties. Source:
/// features 1.2, `messageLoggingComponents`.
pub const MESSAGE_PARTS: [&str; 14] = [
    "message-id",
    "user-id",
    "to",
    "subject",
    "reply-to",
    "correlation-id",
    "content-type",
    "content-encoding",
    "absolute-expiry-time",
    "creation-time",
    "group-id",
    "group-sequence",
    "reply-to-group-id",
    "app-properties",
];

/// Some of [`MESSAGE_PARTS`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MessageParts(u16);

impl MessageParts {
    /// All of them.
    pub const ALL: Self = Self((1 << MESSAGE_PARTS.len()) - 1);

    /// The word for all of them.
    pub const ALL_WORD: &str = "all";

    /// Reads a word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let one = || MESSAGE_PARTS.iter().position(|part| *part == word).map(|at| Self(1 << at));
        if word == Self::ALL_WORD { Some(Self::ALL) } else { one() }
    }

    /// The words for them; none where there are none.
    #[must_use]
    pub fn words(self) -> Vec<&'static str> {
        if self == Self::ALL {
            return vec![Self::ALL_WORD];
        }
        (0..).zip(MESSAGE_PARTS).filter(|(at, _)| self.has(*at)).map(|(_, word)| word).collect()
    }

    /// Whether there are none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Whether the one at this place is among them.
    #[must_use]
    pub const fn has(self, at: usize) -> bool {
        at < MESSAGE_PARTS.len() && self.0 & (1 << at) != 0
    }

    /// Adds others. Says whether any of them is new.
    pub const fn add(&mut self, others: Self) -> bool {
        let before = self.0;
        self.0 |= others.0;
        self.0 != before
    }
}

/// Where `x-opt-qd.*` message annotations are removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum StripAnnotations {
    /// From messages that come in.
    In,
    /// From messages that go out.
    Out,
    /// From both.
    #[default]
    Both,
    /// Nowhere.
    No,
}

impl StripAnnotations {
    /// The word of the configuration and of management.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::In => "in",
            Self::Out => "out",
            Self::Both => "both",
            Self::No => "no",
        }
    }

    /// Whether messages that come in lose theirs.
    #[must_use]
    pub const fn incoming(self) -> bool {
        matches!(self, Self::In | Self::Both)
    }

    /// Whether messages that go out lose theirs.
    #[must_use]
    pub const fn outgoing(self) -> bool {
        matches!(self, Self::Out | Self::Both)
    }
}

/// The `limits` block of a listener or a connector: what each of its connections may hold. A policy may lower them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionLimits {
    /// Connections of this listener together; absent: as many as the process can hold.
    pub connections: Option<u32>,
    /// Sessions of one connection; `ConnectionSettings::max_sessions` is never above it.
    pub sessions: u32,
    /// Links of one connection.
    pub links: u32,
    /// Deliveries of one connection that are not settled, both ways together.
    pub unsettled: u32,
    /// Message bytes of one session that wait here, for a consumer or for its socket; of all sessions of a connection, twice as many.
    pub buffered_bytes: u64,
    /// Bytes of one message that a peer may send; absent: any number.
    pub max_message_size_bytes: Option<u64>,
}

impl Default for ConnectionLimits {
    fn default() -> Self {
        Self {
            connections: None,
            sessions: 256,
            links: 10_000,
            unsettled: 100_000,
            // some clients break when they run out of window in the middle of a message
            buffered_bytes: 32 << 20,
            max_message_size_bytes: None,
        }
    }
}

/// A value of an Open property.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum PropertyValue {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Null,
    Secret(Secret),
    /// Of an Open alone.
    List(Vec<PropertyValue>),
    /// Of an Open alone; keys are unique.
    Map(Vec<(String, PropertyValue)>),
}

/// The use of TLS by a listener.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListenerTls {
    /// The `tls` node.
    pub name: String,
    /// Plain AMQP is taken on the same port.
    pub optional: bool,
    /// A peer without a certificate does not come in by TLS, also where the node only asks for one.
    pub requires_certificate: bool,
}

/// An `auth-service` node: an AMQP service that knows who peers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuthService {
    /// Unique among them.
    pub name: String,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
    /// The hostname of the SASL init that it is sent.
    pub realm: Option<String>,
    /// The `tls` node; absent: plain TCP.
    pub tls: Option<String>,
    /// Its certificate must be for `host`.
    pub verify_hostname: bool,
    /// It is sent passwords by plain TCP.
    pub allow_plain_without_tls: bool,
}

/// How a listener leaves it to an auth service who its peers are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delegation {
    /// The service.
    pub service: AuthService,
    /// Of its mechanisms, those that peers may use; empty: all.
    pub mechanisms: Vec<String>,
}

/// A `listener` node.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Unique among listeners and connectors.
    pub name: String,
    /// What its peers are for.
    pub role: Role,
    /// Absent: every address of this machine.
    pub host: Option<String>,
    /// 0: any free port.
    pub port: u16,
    /// Stand in our Open as `failover-server-list`, at most [`super::FAILOVER_URLS_MAX`].
    pub failover_urls: Vec<FailoverUrl>,
    /// Absent: plain TCP.
    pub tls: Option<ListenerTls>,
    /// Absent: by `sasl` and the users of the configuration.
    pub delegation: Option<Delegation>,
    /// ANONYMOUS and connections without a SASL layer are refused.
    pub authenticate_peer: bool,
    /// What its peers may do at `$management`; absent: all where they are authenticated or come from this machine, else nothing.
    pub management: Option<Management>,
    /// Plugin and note in the info map of a refusal.
    pub explain_refusals: bool,
    /// Each hostname that peers open with has a space of addresses of its own.
    pub multi_tenant: bool,
    /// Frames, sessions, times.
    pub connection: ConnectionSettings,
}

/// What a peer may do at `$management`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Management {
    /// Nothing: the node is not there.
    Off,
    /// Ask.
    Read,
    /// Ask and change.
    Full,
}

/// An item of `failover-urls`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailoverUrl {
    /// Absent where the URL has none.
    pub scheme: Option<Scheme>,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// As written, or the default of the scheme.
    pub port: u16,
}

/// The scheme of an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Scheme {
    Amqp,
    Amqps,
    Ws,
    Wss,
}

impl Scheme {
    /// The port of a URL that names none.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Amqp => 5672,
            Self::Amqps => 5671,
            Self::Ws => 80,
            Self::Wss => 443,
        }
    }

    /// The word before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Amqp => "amqp",
            Self::Amqps => "amqps",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    /// Reads the word before `://`, in letters of any case. Source: RFC 3986, 3.1.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        let is = |scheme: &Self| scheme.as_str().eq_ignore_ascii_case(word);
        [Self::Amqp, Self::Amqps, Self::Ws, Self::Wss].into_iter().find(is)
    }
}

/// A `connector` node.
#[derive(Debug, Clone)]
pub struct Connector {
    /// Unique among listeners and connectors.
    pub name: String,
    /// What its peer is for.
    pub role: Role,
    /// At least one, in the order of the file.
    pub endpoints: Vec<Endpoint>,
    /// PLAIN or SCRAM is used where it is given.
    pub username: Option<String>,
    /// Given where `username` is.
    pub password: Option<Secret>,
    /// The `tls` node; absent: plain TCP.
    pub tls: Option<String>,
    /// The certificate of the peer must be for the host that was dialled.
    pub verify_hostname: bool,
    /// Where else to go, and when.
    pub failover: Failover,
    /// Frames, sessions, times.
    pub connection: ConnectionSettings,
}

/// One host and port that a connector may dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// `amqp`, or `amqps` where the connector has a `tls`.
    pub scheme: Scheme,
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
    /// Lower is tried first.
    pub priority: u8,
    /// For plugins.
    pub labels: Vec<(String, String)>,
}

/// The `failover` block of a connector.
#[derive(Debug, Clone)]
pub struct Failover {
    /// Whether the list in the peer's Open is used.
    pub follow_advertised: bool,
    /// Host patterns (`*` for any text) that an advertised list may name; empty: any, but then without credentials.
    pub allow: Vec<String>,
    /// After each whole round.
    pub backoff: Backoff,
    /// While an endpoint is in use, those of a lower `priority` are tried again after this; absent: it stays where it works.
    pub fail_back: Option<Duration>,
}

/// base * 2^n, at most the cap, plus or minus jitter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Backoff {
    /// After the first round.
    pub base: Duration,
    /// The most that is waited, before jitter.
    pub cap: Duration,
    /// A share of the wait, 0.0 to 1.0.
    pub jitter: f64,
}
