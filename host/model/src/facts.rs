//! Facts: what can be asked about a running router. Words are those of the reference's management model.
//!
//! What is not known is absent, and is null to whoever asks.

use std::time::Duration;

use crate::policy::InfoValue;
use crate::settings::{Direction, Only, PropertyValue};
use crate::trail::{Refused, Trail};

/// A part of [`Facts`] that is collected only where it is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Part {
    Listeners,
    Connectors,
    TlsProfiles,
    AuthServices,
    Connections,
    Links,
    Addresses,
    AddressRules,
    AutoLinks,
    LinkRoutes,
    ConnectionRoutes,
    Log,
    Nodes,
    Plugins,
    Refusals,
}

/// A running router, at one moment. A part that nobody asked for may be empty.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// The router itself.
    pub router: RouterFacts,
    /// Where peers may connect.
    pub listeners: Vec<ListenerFacts>,
    /// Whom the router connects to.
    pub connectors: Vec<ConnectorFacts>,
    /// What they name for TLS.
    pub tls_profiles: Vec<TlsProfileFacts>,
    /// What listeners name for SASL.
    pub auth_services: Vec<AuthServiceFacts>,
    /// In the order of their ids.
    pub connections: Vec<ConnectionFacts>,
    /// In the order of their ids.
    pub links: Vec<LinkFacts>,
    /// In an order that does not change from one question to the next: they are read in pages.
    pub addresses: Vec<AddressFacts>,
    /// In the order in which they were made.
    pub address_rules: Vec<AddressRuleFacts>,
    /// In the order in which they were made.
    pub auto_links: Vec<AutoLinkFacts>,
    /// In the order in which they were made.
    pub link_routes: Vec<LinkRouteFacts>,
    /// Those of the connection that asks, in the order in which they were made.
    pub connection_routes: Vec<ConnectionRouteFacts>,
    /// One for each module.
    pub log: Vec<LogFacts>,
    /// The routers of the network, this one included; none for a standalone router.
    pub nodes: Vec<NodeFacts>,
    /// In the order in which they are asked.
    pub plugins: Vec<PluginFacts>,
    /// The latest ones, the oldest first.
    pub refusals: Vec<Refused>,
    /// Of the record of decisions; absent: there are no plugins.
    pub record: Option<RecordFacts>,
    /// What holds for the address that was asked about.
    pub findings: Option<AddressFindings>,
}

/// What the configuration says about a name.
#[derive(Debug, Clone, Default)]
pub struct AddressFindings {
    /// In its one form.
    pub name: String,
    /// The router's own: plugins are not asked about it, and rules do not hold for it.
    pub reserved: bool,
    /// The id of the closest rule; absent: the router's defaults hold.
    pub rule: Option<u64>,
    /// By the rule or the default.
    pub distribution: &'static str,
    /// Of links on which peers send, and on which they receive.
    pub phases: [u8; 2],
    /// The ids of the closest link routes for links on which peers send, and on which they receive.
    pub link_routes: [Vec<u64>; 2],
    /// Consumers now, by phase, with how it picks among them.
    pub in_use: Vec<(u8, &'static str, u32)>,
    /// Listeners whose peers' names have their hostname in front.
    pub multi_tenant: Vec<String>,
}

/// A policy plugin, and what it has done since the start of the router.
#[derive(Debug, Clone, Default)]
pub struct PluginFacts {
    /// Unique among them.
    pub name: String,
    /// `active`, `quarantine`, or `gone`: its file is, though the configuration names it.
    pub state: &'static str,
    /// Of its file, SHA-256 in hexadecimal digits.
    pub hash: String,
    /// What it is asked about.
    pub hooks: Vec<&'static str>,
    /// Whom it is asked about.
    pub only: Only,
    /// Asked beside this plugin, and never obeyed.
    pub shadow_of: Option<String>,
    /// Of a shadow: answers that were compared with the live plugin's.
    pub comparisons: u64,
    /// Of these, the ones that differ.
    pub differences: u64,
    /// Of a shadow: questions that it was not asked, since it was busy.
    pub dropped: u64,
    /// Calls that were answered, with an opinion or without.
    pub decisions: u64,
    /// Of these, the ones without.
    pub no_opinion: u64,
    /// Of these, the ones that refused.
    pub denials: u64,
    /// Treatments that were not followed: the address was in use, and treated otherwise.
    pub contradictions: u64,
    /// By their cause.
    pub failures: Vec<(&'static str, u64)>,
    /// Cause and first line of the last one.
    pub last_failure: Option<String>,
    /// How long it is not asked yet.
    pub quarantine: Option<Duration>,
    /// Median, 99 of 100, and longest, of calls that were answered.
    pub latency_us: [Option<u64>; 3],
    /// What it counts itself, by name.
    pub counters: Vec<(String, u64)>,
}

/// The record of what plugins decide.
#[derive(Debug, Clone, Default)]
pub struct RecordFacts {
    /// Decisions are written.
    pub is_on: bool,
    /// Where to; with `.1` behind it, the lines before.
    pub file: String,
    /// The share of the decisions that is written, above 0 and up to 1.
    pub sample: f64,
    /// Of both files together.
    pub max_bytes: u64,
    /// Lines since the start.
    pub written: u64,
    /// Lines that found no room, since the start.
    pub dropped: u64,
    /// Why it stopped by itself.
    pub fault: Option<String>,
}

/// What became of deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OutcomeCounts {
    /// Sent settled.
    pub presettled: u64,
    /// Sent settled, and dropped here.
    pub dropped_presettled: u64,
    /// Accepted by the receiver.
    pub accepted: u64,
    /// Rejected by the receiver, or here.
    pub rejected: u64,
    /// Released by the receiver, or here.
    pub released: u64,
    /// Modified by the receiver, or here.
    pub modified: u64,
    /// Settled after more than one second.
    pub delayed_1s: u64,
    /// Settled after more than ten seconds.
    pub delayed_10s: u64,
    /// Not settled for more than ten seconds.
    pub stuck: u64,
}

/// Where deliveries came from and went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TrafficCounts {
    /// From senders of this router.
    pub ingress: u64,
    /// To receivers of this router.
    pub egress: u64,
    /// From one router of the network to another.
    pub transit: u64,
    /// From route containers.
    pub ingress_route_container: u64,
    /// To route containers.
    pub egress_route_container: u64,
    /// To the fallback of an address.
    pub redirected_to_fallback: u64,
}

/// The router itself.
#[derive(Debug, Clone, Default)]
pub struct RouterFacts {
    /// The container-id in our Open.
    pub id: String,
    /// `standalone`, `interior` or `edge`.
    pub mode: &'static str,
    /// Of the program.
    pub version: String,
    /// Of the machine.
    pub host_name: Option<String>,
    /// A free text of the configuration.
    pub metadata: Option<String>,
    /// Worker threads.
    pub workers: u32,
    /// `balanced`, `closest`, `multicast` or `unavailable`.
    pub default_distribution: &'static str,
    /// Links whose terminus outlives a connection are routed to containers.
    pub allow_resumable_link_route: bool,
    /// Since the start.
    pub uptime_seconds: u32,
    /// Virtual memory of the process.
    pub memory_bytes: Option<u64>,
    /// Rows of [`Facts::addresses`].
    pub addresses: u64,
    /// Rows of [`Facts::links`].
    pub links: u64,
    /// Links that wait for credit for more than ten seconds.
    pub links_blocked: u32,
    /// Rows of [`Facts::nodes`].
    pub nodes: u64,
    /// Rows of [`Facts::link_routes`].
    pub link_routes: u64,
    /// Rows of [`Facts::auto_links`].
    pub auto_links: u64,
    /// Rows of [`Facts::connections`].
    pub connections: u64,
    /// What became of all deliveries since the start.
    pub outcomes: OutcomeCounts,
    /// Where all deliveries since the start came from and went.
    pub traffic: TrafficCounts,
}

/// What listeners and connectors have in common.
#[derive(Debug, Clone, Default)]
pub struct EndpointFacts {
    /// Unique among listeners and connectors.
    pub name: String,
    /// A name or an address; empty for every address of this machine.
    pub host: String,
    /// A number or the name of a service, as it was written.
    pub port: String,
    /// `IPv4` or `IPv6`; absent: both.
    pub address_family: Option<&'static str>,
    /// `normal`, `route-container`, `inter-router` or `edge`.
    pub role: &'static str,
    /// Between routers.
    pub cost: u32,
    /// The name of a TLS profile.
    pub tls: Option<String>,
    /// Separated by spaces; absent: all that are served.
    pub sasl_mechanisms: Option<String>,
    /// Of our Open.
    pub max_frame_size_bytes: u32,
    /// One more than the channel-max of our Open.
    pub max_sessions: u32,
    /// The incoming window of a session; absent: without a limit.
    pub max_session_frames: Option<u32>,
    /// 0: never.
    pub idle_timeout_seconds: u32,
    /// `in`, `out`, `both` or `no`.
    pub strip_annotations: &'static str,
    /// Credit of an incoming link.
    pub link_capacity: u32,
    /// Parts of messages, separated by commas, or `all`; absent: none.
    pub message_parts_logged: Option<String>,
    /// Added to our Open.
    pub open_properties: Vec<(String, PropertyValue)>,
}

/// A listener.
#[derive(Debug, Clone, Default)]
pub struct ListenerFacts {
    /// What it has in common with a connector.
    pub endpoint: EndpointFacts,
    /// The port that the socket got; absent while it has none.
    pub bound_port: Option<u16>,
    /// Peers must authenticate.
    pub authenticate_peer: bool,
    /// Peers must use TLS or a SASL layer that encrypts.
    pub require_encryption: bool,
    /// Peers must use TLS.
    pub require_tls: bool,
    /// From the socket to the peer's Open; 0: for ever.
    pub handshake_timeout_seconds: u32,
    /// In our Open as `failover-server-list`: URLs, separated by a comma and a space.
    pub failover_urls: Option<String>,
    /// Says who its peers are.
    pub auth_service: Option<String>,
    /// The hostname of a peer's Open is a space of addresses.
    pub multi_tenant: bool,
}

/// How a connector fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ConnectorStatus {
    /// It has not tried yet.
    #[default]
    Initializing,
    /// It dials, or waits for the peer's Open.
    Connecting,
    /// It is connected.
    Success,
    /// The last try failed.
    Failed,
}

/// A connector.
#[derive(Debug, Clone, Default)]
pub struct ConnectorFacts {
    /// What it has in common with a listener.
    pub endpoint: EndpointFacts,
    /// The SASL authentication identity.
    pub sasl_username: Option<String>,
    /// The name in the peer's certificate is checked.
    pub verify_hostname: bool,
    /// What it may dial, what comes next first: URLs, separated by a comma and a space.
    pub failover_urls: Option<String>,
    /// How it fares.
    pub status: ConnectorStatus,
    /// What happened last.
    pub message: Option<String>,
    /// The endpoint in use, a URL.
    pub endpoint_in_use: Option<String>,
    /// Dials since the start.
    pub attempts: u64,
    /// How often another endpoint was in use than before.
    pub failovers: u64,
    /// What is known of each endpoint that may be dialled, in the order in which they are tried.
    pub candidates: Vec<CandidateFacts>,
}

/// An endpoint that a connector may dial.
#[derive(Debug, Clone)]
pub struct CandidateFacts {
    /// Scheme, host and port.
    pub url: String,
    /// `configured`, or named by a peer: `advertised` or `redirected`.
    pub origin: &'static str,
    /// Lower is tried first.
    pub priority: u8,
    /// Dials since the start.
    pub attempts: u32,
    /// Dials and connections that failed since one opened.
    pub failures_in_row: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
    /// µs that the TCP connection took at the last success.
    pub last_rtt_us: Option<u32>,
    /// Unix time in ms: the end of its certificate.
    pub certificate_not_after_ms: Option<u64>,
}

/// A connection.
#[derive(Debug, Clone)]
pub struct ConnectionFacts {
    /// Unique in this process.
    pub id: u64,
    /// The peer's end, `host:port`.
    pub host: String,
    /// Of its listener or connector.
    pub role: &'static str,
    /// The name of the listener or connector.
    pub owner: String,
    /// In: the peer dialled.
    pub direction: Direction,
    /// Of the peer's Open.
    pub container: Option<String>,
    /// The SASL mechanism.
    pub sasl_mechanism: Option<String>,
    /// By SASL or by a certificate; ANONYMOUS counts.
    pub is_authenticated: bool,
    /// The authenticated identity.
    pub user: Option<String>,
    /// Absent without TLS.
    pub tls: Option<TlsFacts>,
    /// Of the peer's Open.
    pub properties: Vec<(String, InfoValue)>,
    /// The space of its addresses.
    pub tenant: Option<String>,
    /// Both Opens were seen.
    pub opened: bool,
    /// Deleted by management, and not gone yet.
    pub closing: bool,
    /// Its frames are logged.
    pub frames_logged: bool,
    /// Since it was accepted, or dialled.
    pub uptime_seconds: u32,
    /// Since its last delivery; absent: there was none.
    pub last_delivery_seconds: Option<u32>,
    /// What plugins said when it was let in, or were asked about it again.
    pub trail: Trail,
}

/// A service that says who peers are.
#[derive(Debug, Clone, Default)]
pub struct AuthServiceFacts {
    /// Unique among them.
    pub name: String,
    /// A name or an address.
    pub host: String,
    /// A number.
    pub port: String,
    /// The hostname of SASL that it is sent.
    pub realm: Option<String>,
    /// A TLS profile.
    pub tls: Option<String>,
}

/// A TLS profile: files, and what they held when they were read last.
#[derive(Debug, Clone, Default)]
pub struct TlsProfileFacts {
    /// Unique among them.
    pub name: String,
    /// Separated by spaces.
    pub protocols: String,
    /// As OpenSSL names them, separated by colons; absent: all.
    pub ciphers: Option<String>,
    /// Of anchors; absent: those of the system.
    pub ca_file: Option<String>,
    /// Of our certificate.
    pub certificate_file: Option<String>,
    /// Of its key.
    pub private_key_file: Option<String>,
    /// Letters of the reference; absent: the whole subject.
    pub user_name_format: Option<String>,
    /// Of other names for users.
    pub user_names_file: Option<String>,
    /// Of our certificate, or of one in its chain that expires sooner.
    pub certificate_subject: Option<String>,
    /// When that expires, since 1970.
    pub expires_at_seconds: Option<u64>,
    /// Why the files as they are now cannot be used; what they held before is in use.
    pub fault: Option<String>,
}

/// The TLS layer of a connection.
#[derive(Debug, Clone, Default)]
pub struct TlsFacts {
    /// Its version.
    pub protocol: String,
    /// The cipher suite.
    pub cipher: String,
    /// Bits of its key.
    pub strength_bits: u32,
}

/// A link.
#[derive(Debug, Clone)]
pub struct LinkFacts {
    /// Unique in this process.
    pub id: u64,
    /// The connection that it is on.
    pub connection_id: u64,
    /// As its attach says.
    pub name: String,
    /// `endpoint`, `router-control`, `inter-router` or `edge-downlink`.
    pub kind: &'static str,
    /// In: the peer sends.
    pub direction: Direction,
    /// The key of its address, see [`AddressFacts::key`]; absent for the anonymous relay.
    pub address_key: Option<String>,
    /// Deliveries that it may have in flight.
    pub capacity: u32,
    /// The link that it is routed to.
    pub peer_id: Option<u64>,
    /// Deliveries that wait for credit.
    pub undelivered: u64,
    /// Deliveries on the way, or not settled.
    pub unsettled: u64,
    /// All deliveries.
    pub deliveries: u64,
    /// `up`, `down`, `quiescing` or `idle`.
    pub status: &'static str,
    /// What became of its deliveries.
    pub outcomes: OutcomeCounts,
    /// Deliveries by the index of the router where they entered the network.
    pub ingress_histogram: Option<Vec<u64>>,
    /// Of its messages.
    pub priority: u32,
    /// Deliveries settled in a second, over the last five.
    pub settled_per_second: u32,
    /// Deliveries that its sender may send.
    pub credit: u32,
    /// For how long its sender has had no credit; 0: it has some.
    pub zero_credit_seconds: u32,
    /// What plugins said when it was let in.
    pub trail: Trail,
}

/// An address that somebody uses.
#[derive(Debug, Clone, Default)]
pub struct AddressFacts {
    /// The class (`M` mobile, `L` local, `T` of every router, `R` a router, …), for `M` the phase, and the address.
    pub key: String,
    /// `balanced`, `closest`, `multicast`, `flood`, `linkBalanced` or `unavailable`.
    pub distribution: &'static str,
    /// Consumers inside the router.
    pub consumers_in_process: u32,
    /// Consumers of this router.
    pub consumers: u32,
    /// Other routers with consumers.
    pub routers: u32,
    /// Connections of its link route.
    pub containers: u32,
    /// The ids of those routers.
    pub router_ids: Vec<String>,
    /// Where its deliveries came from and went.
    pub traffic: TrafficCounts,
    /// Deliveries to consumers inside the router.
    pub to_container: u64,
    /// Deliveries from inside the router.
    pub from_container: u64,
    /// Deliveries in flight, by the index of the router they go to.
    pub transit_outstanding: Option<Vec<i64>>,
    /// Deliveries whose way is watched.
    pub tracked_deliveries: i64,
    /// Of its messages; absent: that of their header.
    pub priority: Option<u8>,
}

/// A rule for addresses.
#[derive(Debug, Clone, Default)]
pub struct AddressRuleFacts {
    /// Unique in this process.
    pub id: u64,
    /// Unique among rules where it is given.
    pub name: Option<String>,
    /// Given where `pattern` is not.
    pub prefix: Option<String>,
    /// Given where `prefix` is not.
    pub pattern: Option<String>,
    /// `balanced`, `closest`, `multicast` or `unavailable`.
    pub distribution: &'static str,
    /// Of producers.
    pub ingress_phase: u8,
    /// Of consumers.
    pub egress_phase: u8,
    /// Of its messages; absent: that of their header.
    pub priority: Option<u8>,
    /// Undeliverable messages go to fallback consumers.
    pub fallback: bool,
}

/// An auto-link.
#[derive(Debug, Clone)]
pub struct AutoLinkFacts {
    /// Unique in this process.
    pub id: u64,
    /// Unique among auto-links.
    pub name: Option<String>,
    /// In this router.
    pub address: String,
    /// Seen from this router.
    pub direction: Direction,
    /// 0 to 9.
    pub phase: u8,
    /// The listener or connector whose connections it attaches on.
    pub connection: Option<String>,
    /// The container-id of peers that it attaches to.
    pub container_id: Option<String>,
    /// In the container, where it differs.
    pub external_address: Option<String>,
    /// It serves the fallback of its address.
    pub fallback: bool,
    /// Its link, while there is one.
    pub link_id: Option<u64>,
    /// `inactive`, `attaching`, `failed`, `active`, `quiescing` or `idle`.
    pub status: &'static str,
    /// Why it was last detached.
    pub last_error: Option<String>,
}

/// A link route.
#[derive(Debug, Clone)]
pub struct LinkRouteFacts {
    /// Unique in this process.
    pub id: u64,
    /// Unique among link routes.
    pub name: Option<String>,
    /// Given unless `pattern` is.
    pub prefix: Option<String>,
    /// Given unless `prefix` is.
    pub pattern: Option<String>,
    /// In: links of senders. Out: links of receivers.
    pub direction: Direction,
    /// The listener or connector that its links are carried to.
    pub connection: Option<String>,
    /// The container-id of peers that its links are carried to.
    pub container_id: Option<String>,
    /// Stands before the address in the container.
    pub add_external_prefix: Option<String>,
    /// Is taken from the address for the container.
    pub del_external_prefix: Option<String>,
    /// There is a connection that its links may be carried to.
    pub active: bool,
}

/// A link route that a peer made for its own connection.
#[derive(Debug, Clone)]
pub struct ConnectionRouteFacts {
    /// Unique among link routes of this process.
    pub id: u64,
    /// Unique among those of its connection.
    pub name: Option<String>,
    /// The addresses that it is for.
    pub pattern: String,
    /// In: links of senders. Out: links of receivers.
    pub direction: Direction,
    /// The container-id of the peer.
    pub container_id: String,
}

/// What is logged of one module.
#[derive(Debug, Clone, Default)]
pub struct LogFacts {
    /// The reference's name for it; `DEFAULT` stands for those that say nothing of their own.
    pub module: &'static str,
    /// The least level with a plus sign; absent: as `DEFAULT`.
    pub enable: Option<String>,
    /// Lines carry the time; absent: as `DEFAULT`.
    pub include_timestamp: Option<bool>,
    /// Lines carry the place in the source; absent: as `DEFAULT`.
    pub include_source: Option<bool>,
    /// `stderr`, `stdout` or a path; absent: as `DEFAULT`.
    pub output: Option<String>,
    /// Why lines are lost; absent: they are not.
    pub fault: Option<String>,
}

/// A router of the network.
#[derive(Debug, Clone, Default)]
pub struct NodeFacts {
    /// Its container-id.
    pub id: String,
    /// Of the routing protocol.
    pub protocol_version: u32,
    /// Differs from start to start.
    pub instance: u64,
    /// Its neighbours.
    pub neighbours: Vec<String>,
    /// The neighbour on the way to it; absent: it is one, or this router.
    pub next_hop: Option<String>,
    /// Routers whose messages may reach it through this one.
    pub valid_origins: Vec<String>,
    /// The index of the link to it.
    pub link: Option<u32>,
    /// Of the way to it.
    pub cost: Option<u32>,
    /// Seconds since 1970.
    pub last_change_seconds: Option<u64>,
    /// Unique in this router.
    pub index: u32,
}
