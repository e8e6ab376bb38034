//! Validated settings: what a configuration means once nothing in it can be wrong.

mod connection;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Duration;

pub use self::connection::{
    AddressFamily, AuthService, Backoff, ConnectionLimits, ConnectionSettings, Connector, Delegation, Endpoint,
    Failover, FailoverUrl, LinkCapacity, Listener, ListenerTls, MESSAGE_PARTS, Management, Mechanism, MessageParts,
    PropertyValue, Role, Scheme, StripAnnotations,
};
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
    /// By the names that listeners use.
    pub auth_services: Vec<AuthService>,
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
    /// Those of a file in PEM, or of the files of a directory that `openssl rehash` has named.
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

/// A `user` node.
#[derive(Debug, Clone)]
pub struct User {
    /// The SASL authentication identity.
    pub name: String,
    /// The password, or its salted form.
    pub password: Secret,
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
#[derive(Debug, Clone, PartialEq)]
pub struct Plugins {
    /// Every `*.wasm` and `*.js` in it is a plugin; empty: there is none, for native policies alone.
    pub directory: PathBuf,
    /// Those that the configuration names, in its order.
    pub named: Vec<Plugin>,
    /// Decisions are recorded from the start; absent: once somebody asks for it.
    pub record: Option<Record>,
}

/// A part of the configuration of plugins, where a problem stands.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum PluginPart {
    /// The `plugin` node, or `plugins` for all of them.
    #[default]
    Node,
    /// A node of a plugin's `config`: indexes of children from the top.
    Config(Vec<u32>),
    /// The plugin that a `shadow` names.
    Shadow,
    /// The file that `record` names.
    RecordFile,
    /// One of the fields that `record` redacts, counted from 0.
    Redacted(usize),
}

/// Bytes of the files of a record, at least and unless it is written.
pub const RECORD_BYTES: (u64, u64) = (64 << 10, 100 << 20);

/// Where decisions are recorded, and what of them.
#[derive(Debug, Clone, PartialEq)]
pub struct Record {
    /// JSON lines; with `.1` behind its name, those before.
    pub file: PathBuf,
    /// The share of the decisions that is written, above 0 and up to 1.
    pub sample: f64,
    /// Of both files together.
    pub max_bytes: u64,
    /// Fields of requests that are left out, as paths (`peer.user`), and `kv`.
    pub redact: Vec<String>,
}

impl Default for Record {
    fn default() -> Self {
        Self { file: PathBuf::new(), sample: 1.0, max_bytes: RECORD_BYTES.1, redact: Vec::new() }
    }
}

/// A `plugin` node.
#[derive(Debug, Clone, PartialEq)]
pub struct Plugin {
    /// The stem of its file.
    pub name: String,
    /// Not loaded.
    pub disabled: bool,
    /// Hooks to ask, by their words; absent: all that it exports.
    pub hooks: Option<Vec<crate::policy::Hook>>,
    /// What a failure means.
    pub on_failure: OnFailure,
    /// Whom it is asked about.
    pub only: Only,
    /// What it may use.
    pub limits: PluginLimits,
    /// Capability names granted, `log` and `counter` included unless `none` was written.
    pub grants: Vec<Grant>,
    /// Asked beside the plugin of this name, and never obeyed.
    pub shadow: Option<String>,
    /// Handed to `policy_configure`.
    pub config: Vec<ConfigNode>,
}

impl Plugin {
    /// One that no node names.
    #[must_use]
    pub fn unnamed(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            disabled: false,
            hooks: None,
            on_failure: OnFailure::default(),
            only: Only::default(),
            limits: PluginLimits::default(),
            grants: vec![Grant::Log, Grant::Counter],
            shadow: None,
            config: Vec::new(),
        }
    }
}

/// Whom a plugin is asked about; empty: everybody.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Only {
    /// By names.
    pub listeners: Vec<String>,
    /// By names.
    pub connectors: Vec<String>,
}

impl Only {
    /// Whether it is asked about this peer.
    #[must_use]
    pub fn covers(&self, peer: &crate::policy::Peer) -> bool {
        match (&peer.listener, &peer.connector) {
            (Some(listener), _) => self.covers_listener(listener),
            (None, Some(connector)) => self.covers_connector(connector),
            (None, None) => self.is_everybody(),
        }
    }

    /// Whether it is asked about peers of this listener.
    #[must_use]
    pub fn covers_listener(&self, name: &str) -> bool {
        self.is_everybody() || self.listeners.iter().any(|known| known == name)
    }

    /// Whether it is asked about this connector, and its peers.
    #[must_use]
    pub fn covers_connector(&self, name: &str) -> bool {
        self.is_everybody() || self.connectors.iter().any(|known| known == name)
    }

    const fn is_everybody(&self) -> bool {
        self.listeners.is_empty() && self.connectors.is_empty()
    }
}

/// What a plugin's failure means. For `failover` there is `builtin` alone, so nothing stands here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OnFailure {
    /// For `connection`: allow instead of deny.
    pub connection_allow: bool,
    /// For `session`: allow instead of deny.
    pub session_allow: bool,
    /// For `link`: allow instead of deny.
    pub link_allow: bool,
    /// For `address`: deny instead of the built-in.
    pub address_deny: bool,
}

impl OnFailure {
    /// Whether a failure of a hook of admission counts as no opinion.
    #[must_use]
    pub const fn allows(&self, hook: crate::policy::Hook) -> bool {
        use crate::policy::Hook;
        match hook {
            Hook::Connection => self.connection_allow,
            Hook::Session => self.session_allow,
            Hook::Link => self.link_allow,
            Hook::Failover | Hook::Address => false,
        }
    }
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
