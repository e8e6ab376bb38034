//! Validated settings: what a configuration means once nothing in it can be wrong.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

use crate::cipher_suite::CipherSuite;
use crate::pattern::Pattern;

/// Worker threads: the router keeps a bit for each in a word.
pub const WORKERS_MAX: u16 = 64;

/// Items of a `failover-server-list`, written or read.
pub const FAILOVER_URLS_MAX: usize = 32;

/// A whole configuration. Built by `crosstie-config`, which checks every rule first.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The process itself.
    pub router: Router,
    /// What is logged, and where.
    pub log: Log,
    /// What the whole process may hold.
    pub limits: ProcessLimits,
    /// Certificates and keys, by the names that listeners and connectors use.
    pub tls: Vec<Tls>,
    /// Who may authenticate with PLAIN or SCRAM.
    pub users: Vec<User>,
    /// Where peers may connect.
    pub listeners: Vec<Listener>,
    /// Whom this router connects to.
    pub connectors: Vec<Connector>,
    /// How addresses are treated; absent addresses take `router.default_distribution`.
    pub addresses: Vec<AddressRule>,
    /// Links that this router attaches by itself.
    pub auto_links: Vec<AutoLink>,
    /// Addresses whose links are carried to a container.
    pub link_routes: Vec<LinkRoute>,
    /// Where policy plugins lie, if any are used.
    pub plugins: Option<Plugins>,
    /// Where compiled plugins are kept; absent: the user's cache directory.
    pub state: Option<PathBuf>,
}

/// The `router` node.
#[derive(Debug, Clone)]
pub struct Router {
    /// The container-id in our Open: 1 to 127 characters, no white space or control characters.
    pub id: String,
    /// Worker threads, at most [`WORKERS_MAX`].
    pub workers: NonZeroUsize,
    /// For addresses that no rule matches.
    pub default_distribution: Distribution,
    /// Links whose terminus outlives a connection are routed to containers like all others.
    pub allow_resumable_link_route: bool,
    /// How long SIGTERM waits for peers to answer our Close.
    pub shutdown_deadline: Duration,
    /// Free text that tools show.
    pub metadata: Option<String>,
}

/// How an address picks among its consumers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Distribution {
    /// The consumer with the fewest unsettled deliveries.
    #[default]
    Balanced,
    /// Consumers of this router in turn, before any other router's.
    Closest,
    /// Every consumer.
    Multicast,
    /// No link may attach to it.
    Unavailable,
}

impl Distribution {
    /// The word of the configuration and of management.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Balanced => "balanced",
            Self::Closest => "closest",
            Self::Multicast => "multicast",
            Self::Unavailable => "unavailable",
        }
    }
}

/// The `limits` node: what all connections together may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ProcessLimits {
    /// Connections, accepted and dialled.
    pub connections: u32,
    /// Message bytes that wait in this process, for a consumer or for a socket.
    pub buffered_bytes: u64,
}

impl Default for ProcessLimits {
    fn default() -> Self {
        Self { connections: 65_535, buffered_bytes: 512 << 20 }
    }
}

/// The `log` node.
#[derive(Debug, Clone)]
pub struct Log {
    /// For everything that `of` does not name.
    pub level: LogLevel,
    /// Levels of single areas: (area, level), areas as the configuration names them.
    pub of: Vec<(String, LogLevel)>,
    /// Text or JSON lines.
    pub format: LogFormat,
    /// Where lines go.
    pub output: LogOutput,
}

/// From the least to the most that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
    Trace,
}

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum LogFormat {
    Text,
    Json,
}

/// Where log lines go.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum LogOutput {
    Stderr,
    Stdout,
    File(PathBuf),
}

/// A text that is never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret {
    /// The text itself.
    pub text: String,
    /// The reference that the configuration holds (`env:NAME`), for printing.
    pub reference: String,
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Secret({})", self.reference)
    }
}

/// A `tls` node: the files and rules of TLS for the listeners and connectors that name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tls {
    /// Unique among them.
    pub name: String,
    /// A chain in PEM, our own certificate first; a listener needs one.
    pub certificate: Option<PathBuf>,
    /// Its key in PEM; given where `certificate` is.
    pub private_key: Option<PathBuf>,
    /// Of an encrypted key.
    pub password: Option<Secret>,
    /// Whose certificates are believed.
    pub ca: Authorities,
    /// What a listener asks of its peers.
    pub client_certificate: ClientCertificate,
    /// Spoken; never empty.
    pub versions: Vec<TlsVersion>,
    /// Spoken, the preferred first; empty: all of these versions.
    pub cipher_suites: Vec<CipherSuite>,
    /// Makes the user name of a peer's certificate; empty: its whole subject.
    pub user_name: Vec<NamePart>,
    /// A JSON map from such names to those that are shown.
    pub user_names: Option<PathBuf>,
}

impl Tls {
    /// Whether peers that a listener let in by this cannot stay by another one: their certificates are asked for, believed or named
    /// otherwise.
    #[must_use]
    pub fn concerns_peers(&self, other: &Self) -> bool {
        let rank = |tls: &Self| match tls.client_certificate {
            ClientCertificate::Off => 0,
            ClientCertificate::Request => 1,
            ClientCertificate::Require => 2,
        };
        let who = |tls: &Self| (tls.ca.clone(), tls.user_name.clone(), tls.user_names.clone());
        rank(other) > rank(self) || (rank(self) > 0 && who(self) != who(other))
    }
}

/// Whose certificates are believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Authorities {
    /// Those that the system believes.
    System,
    /// Those of a file in PEM.
    File(PathBuf),
}

/// Whether peers show certificates.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[expect(missing_docs, reason = "the words say it")]
pub enum ClientCertificate {
    #[default]
    Off,
    Request,
    Require,
}

/// A version of TLS that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum TlsVersion {
    V1_2,
    V1_3,
}

/// A part of the user name that a certificate makes. Source: the reference, `uidFormat`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum NamePart {
    Country,
    State,
    Locality,
    Organization,
    Unit,
    CommonName,
    Sha1,
    Sha256,
    Sha512,
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

/// A `user` node.
#[derive(Debug, Clone)]
pub struct User {
    /// The SASL authentication identity.
    pub name: String,
    /// The password, or its salted form.
    pub password: Secret,
}

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
    /// Stand in our Open as `failover-server-list`, at most [`FAILOVER_URLS_MAX`].
    pub failover_urls: Vec<FailoverUrl>,
    /// Absent: plain TCP.
    pub tls: Option<ListenerTls>,
    /// ANONYMOUS and connections without a SASL layer are refused.
    pub authenticate_peer: bool,
    /// What its peers may do at `$management`; absent: all where they are authenticated or come from this machine, else nothing.
    pub management: Option<Management>,
    /// Plugin and note in the info map of a refusal.
    pub explain_refusals: bool,
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

    /// Reads the word before `://`.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Amqp, Self::Amqps, Self::Ws, Self::Wss].into_iter().find(|scheme| scheme.as_str() == word)
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

/// An `address` node.
#[derive(Debug, Clone)]
pub struct AddressRule {
    /// For management; unique where it is given.
    pub name: Option<String>,
    /// The addresses that it is for.
    pub covers: Covers,
    /// How it picks among consumers.
    pub distribution: Distribution,
    /// Producers use phase 0, consumers phase 1.
    pub waypoint: bool,
    /// The phase of producers, 0 to 9; absent: 0.
    pub ingress_phase: Option<u8>,
    /// The phase of consumers, 0 to 9; absent: 1 with `waypoint`, else 0.
    pub egress_phase: Option<u8>,
    /// Of its messages, 0 to 9; absent: that of their header.
    pub priority: Option<u8>,
}

/// Which addresses a rule is for. Parts of an address stand between `.` or `/`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Covers {
    /// These parts and all that stands behind them.
    Prefix(String),
    /// `*` is any one part, `#` any number of them.
    Pattern(String),
}

impl Covers {
    /// As what addresses are matched with.
    #[must_use]
    pub fn pattern(&self) -> Pattern {
        match self {
            Self::Prefix(text) => Pattern::prefix(text),
            Self::Pattern(text) => Pattern::new(text),
        }
    }
}

/// Seen from this router.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the container to this router.
    In,
    /// From this router to the container.
    Out,
}

/// An `auto-link` node.
#[derive(Debug, Clone)]
pub struct AutoLink {
    /// Unique among auto-links.
    pub name: String,
    /// In this router.
    pub address: String,
    /// Seen from this router.
    pub direction: Direction,
    /// Which connections it attaches on.
    pub container: ContainerRef,
    /// In the container, where it differs.
    pub external_address: Option<String>,
    /// 0 to 9; default 1 in, 0 out.
    pub phase: u8,
}

/// A `link-route` node: peers' links to its addresses are carried to a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkRoute {
    /// For management; unique where it is given.
    pub name: Option<String>,
    /// The addresses that it is for.
    pub covers: Covers,
    /// In: links on which peers send. Out: links on which they receive.
    pub direction: Direction,
    /// Which connections its links are carried to.
    pub container: ContainerRef,
    /// Stands before the address in the container.
    pub add_external_prefix: Option<String>,
    /// Is taken from the beginning of the address for the container.
    pub del_external_prefix: Option<String>,
}

impl LinkRoute {
    /// Whether another one is for the same links to the same container.
    #[must_use]
    pub fn routes_as(&self, other: &Self) -> bool {
        (self.direction, &self.container) == (other.direction, &other.container)
            && self.covers.pattern() == other.covers.pattern()
    }
}

/// Which connections a route applies to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContainerRef {
    /// The name of a listener or connector of role `route-container`.
    Connection(String),
    /// The container-id in the peer's Open.
    ContainerId(String),
    /// None: attaches to a link route are refused.
    Nobody,
}

impl ContainerRef {
    /// Whether it means a connection of role `route-container`, by the name of its listener or connector and its container-id.
    #[must_use]
    pub fn means(&self, connection: &str, container_id: &str) -> bool {
        match self {
            Self::Connection(name) => name == connection,
            Self::ContainerId(id) => id == container_id,
            Self::Nobody => false,
        }
    }
}

/// The `plugins` node and the `plugin` nodes.
#[derive(Debug, Clone)]
pub struct Plugins {
    /// Every `*.wasm` in it is a plugin.
    pub directory: PathBuf,
    /// Those that the configuration names, in its order.
    pub named: Vec<Plugin>,
}

/// A `plugin` node.
#[derive(Debug, Clone)]
pub struct Plugin {
    /// The stem of its file.
    pub name: String,
    /// Not loaded.
    pub disabled: bool,
    /// Hooks to ask, by their words; absent: all that it exports.
    pub hooks: Option<Vec<crate::policy::Hook>>,
    /// What a failure means.
    pub on_failure: OnFailure,
    /// What it may use.
    pub limits: PluginLimits,
    /// Capability names granted, `log` and `counter` included unless `none` was written.
    pub grants: Vec<Grant>,
    /// Handed to `policy_configure`.
    pub config: Vec<ConfigNode>,
}

/// What a plugin's failure means for each hook that is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnFailure {
    /// For `failover` there is `builtin` alone, so nothing stands here; for `connection`: allow instead of deny.
    pub connection_allow: bool,
    /// For `address`: deny instead of the built-in.
    pub address_deny: bool,
}

/// An import group of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Grant {
    Log,
    Counter,
    Kv,
}

/// The shortest [`PluginLimits::request_bytes`]: peers cannot make a request longer than that.
pub const REQUEST_MIN_BYTES: u32 = 32 << 10;

/// What a plugin may use. Defaults: those of the ABI.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PluginLimits {
    /// For one call of a hook.
    pub deadline: Duration,
    /// For initialisation and `policy_configure` together.
    pub configure_deadline: Duration,
    /// Linear memory of one instance.
    pub memory_bytes: u64,
    /// Elements of one table; an instance has at most 4.
    pub table_elements: u32,
    /// The longest request.
    pub request_bytes: u32,
    /// The longest answer.
    pub answer_bytes: u32,
    /// The longest module file.
    pub module_bytes: u64,
    /// All keys and values together.
    pub kv_bytes: u64,
}

impl Default for PluginLimits {
    fn default() -> Self {
        Self {
            deadline: Duration::from_millis(50),
            configure_deadline: Duration::from_secs(2),
            memory_bytes: 32 << 20,
            table_elements: 20_000,
            request_bytes: 64 << 10,
            answer_bytes: 64 << 10,
            module_bytes: 16 << 20,
            kv_bytes: 1 << 20,
        }
    }
}

/// A node of a plugin's `config` block.
#[derive(Debug, Clone, PartialEq)]
pub struct ConfigNode {
    /// The node's name.
    pub name: String,
    /// In order.
    pub args: Vec<PropertyValue>,
    /// Of equal names the last.
    pub props: Vec<(String, PropertyValue)>,
    /// In order.
    pub children: Vec<ConfigNode>,
}
