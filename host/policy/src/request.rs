//! Requests of the model as the schema's records, in the schema's order.

use std::time::Duration;

use crosstie_model::policy::{
    AddressRequest, Candidate, ConnectionRequest, Counts, FailoverRequest, InfoValue, Limits, LinkDirection,
    LinkRequest, Occasion, Peer, SessionRequest, Terminus,
};
use crosstie_model::settings::{ConfigNode, PropertyValue, Secret};

use crate::fields::{Null, Value, encode, list, map, record};
use crate::reads::Reads;

/// Bytes of what a peer can inflate in one request.
const INFLATED_MAX_BYTES: usize = 16 << 10;

/// Bytes of a candidate's last error, and of its condition: a peer may say anything. With many candidates it is less:
/// all of them together take at most an eighth of the longest request.
const ERROR_MAX_BYTES: usize = 256;

/// Bytes of an entry besides its key and value, at most.
const ENTRY_BYTES: usize = 32;

/// In every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    pub(crate) now_ms: u64,
    pub(crate) seed: u64,
    pub(crate) sequence: u64,
}

impl Value for Context {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let Self { now_ms, seed, sequence } = self;
        let ctx = record(|ctx| {
            ctx.with("now-ms", now_ms).with("seed", seed).with("sequence", sequence);
        });
        ctx.write(out, reads);
    }
}

/// What a peer can inflate, cut to a limit. Whether it is read makes no difference.
struct Cut {
    left: usize,
    truncated: Vec<&'static str>,
}

impl Cut {
    const fn new() -> Self {
        Self { left: INFLATED_MAX_BYTES, truncated: Vec::new() }
    }

    /// Keeps items while there is room; names the field when there is not.
    fn keep<'i, T>(&mut self, field: &'static str, items: &'i [T], bytes: impl Fn(&T) -> usize) -> &'i [T] {
        let has_room = |item: &&T| {
            let left = self.left.checked_sub(bytes(item));
            self.left = left.unwrap_or(self.left);
            left.is_some()
        };
        let count = items.iter().take_while(has_room).count();
        if count < items.len() {
            self.truncated.push(field);
        }
        items.get(..count).unwrap_or_default()
    }

    /// Keeps as much of a text as there is room for.
    fn text<'t>(&mut self, field: &'static str, text: &'t str) -> &'t str {
        let kept = clip(text, self.left);
        self.left = self.left.saturating_sub(kept.len());
        if kept.len() < text.len() {
            self.truncated.push(field);
        }
        kept
    }

    fn option<'t>(&mut self, field: &'static str, text: Option<&'t str>) -> Option<&'t str> {
        text.map(|text| self.text(field, text))
    }

    fn keep_words<'w>(&mut self, field: &'static str, words: &'w [String]) -> &'w [String] {
        self.keep(field, words, |word| word.len().saturating_add(4))
    }

    fn words<'w>(&mut self, field: &'static str, words: &'w [String]) -> impl Value + use<'w> {
        texts(self.keep_words(field, words))
    }

    fn truncated(&self) -> impl Value {
        list(self.truncated.iter().copied())
    }
}

fn texts(words: &[String]) -> impl Value {
    list(words.iter().map(String::as_str))
}

/// What of a text has at most so many bytes.
fn clip(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// Keys and values.
fn pairs(pairs: &[(String, String)]) -> impl Value {
    list(pairs.iter().map(|(key, value)| entry("key", key, Some(value.as_str()))))
}

/// One of a list of named values.
fn entry(named: &'static str, name: &str, value: Option<impl Value>) -> impl Value {
    record(move |entry| {
        entry.with(named, name).option("val", value);
    })
}

/// What is proven of a peer, or was granted. It is kept before anything that the peer says of itself, which is not to push it out.
struct Proven<'p> {
    attributes: &'p [(String, String)],
    subject: Option<&'p str>,
    issuer: Option<&'p str>,
    names: &'p [String],
}

fn proven<'p>(peer: &'p Peer, cut: &mut Cut) -> Proven<'p> {
    let tls = peer.tls.as_deref();
    Proven {
        attributes: cut.keep("peer.attributes", &peer.attributes, |(key, value)| {
            key.len().saturating_add(value.len()).saturating_add(ENTRY_BYTES)
        }),
        subject: cut.option("peer.tls.subject", tls.and_then(|tls| tls.subject.as_deref())),
        issuer: cut.option("peer.tls.issuer", tls.and_then(|tls| tls.issuer.as_deref())),
        names: cut.keep_words("peer.tls.sans", tls.map_or(&[], |tls| &tls.names)),
    }
}

fn peer<'p>(peer: &'p Peer, proven: Proven<'p>, cut: &mut Cut) -> impl Value + use<'p> {
    let Proven { attributes, subject, issuer, names } = proven;
    let container_id = cut.text("peer.container-id", &peer.container_id);
    let vhost = cut.option("peer.vhost", peer.vhost.as_deref());
    let sni = cut.option("peer.tls.sni", peer.tls.as_deref().and_then(|tls| tls.sni.as_deref()));
    let tls = peer.tls.as_deref().map(|session| {
        record(move |record| {
            record
                .with("version", session.version.as_str())
                .with("cipher", session.cipher.as_str())
                .option("sni", sni)
                .option("subject", subject)
                .option("issuer", issuer)
                .with("sans", texts(names))
                .option("fingerprint-sha256", session.fingerprint_sha256.as_deref())
                .option("not-after-ms", session.not_after_ms);
        })
    });
    record(move |record| {
        record
            .with("connection-id", peer.connection_id)
            .option("listener", peer.listener.as_deref())
            .option("connector", peer.connector.as_deref())
            .with("transport", if peer.tls.is_some() { "tls" } else { "tcp" })
            .with("ip", peer.remote.ip())
            .with("port", u32::from(peer.remote.port()))
            .with("local-ip", peer.local.ip())
            .with("local-port", u32::from(peer.local.port()))
            .option("vhost", vhost)
            .option("user", peer.user.as_deref())
            .option("mechanism", peer.mechanism)
            .with("container-id", container_id)
            .option("tls", tls)
            .with("attributes", pairs(attributes));
    })
}

impl Value for &InfoValue {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let info = record(|info| {
            match self {
                InfoValue::Flag(flag) => info.with("flag", *flag),
                InfoValue::Int(number) => info.with("int", *number),
                InfoValue::Uint(number) => info.with("uint", *number),
                InfoValue::Float(number) if number.is_nan() => info.with("float", 0.0),
                InfoValue::Float(number) => info.with("float", *number),
                InfoValue::Text(text) => info.with("text", text.as_str()),
                InfoValue::Bytes(bytes) => info.with("bytes", bytes.as_slice()),
            };
        });
        info.write(out, reads);
    }
}

fn info_bytes(value: &InfoValue) -> usize {
    match value {
        InfoValue::Text(text) => text.len(),
        InfoValue::Bytes(bytes) => bytes.len(),
        _ => 9,
    }
}

fn properties<'p>(properties: &'p [(String, InfoValue)], cut: &mut Cut) -> impl Value + use<'p> {
    let kept = cut.keep("properties", properties, |(key, value)| {
        key.len().saturating_add(info_bytes(value)).saturating_add(ENTRY_BYTES)
    });
    list(kept.iter().map(|(key, value)| entry("key", key, Some(value))))
}

fn limits(limits: &Limits) -> impl Value {
    record(|record| {
        record
            .option("sessions", limits.sessions)
            .option("links", limits.links)
            .option("senders", limits.senders)
            .option("receivers", limits.receivers)
            .option("unsettled", limits.unsettled)
            .option("buffered-bytes", limits.buffered_bytes)
            .option("max-frame-size", limits.max_frame_size)
            .option("max-message-size", limits.max_message_size)
            .option("idle-timeout-ms", limits.idle_timeout.map(millis))
            .option("link-credit", limits.link_credit);
    })
}

fn counts(counts: &Counts) -> impl Value {
    record(|record| {
        record
            .with("total", counts.total)
            .with("listener", counts.listener)
            .with("user", counts.user)
            .with("peer-host", counts.peer_host);
    })
}

/// The request of `on_connection`.
pub(crate) fn connection(context: Context, request: &ConnectionRequest, reads: &Reads) -> Vec<u8> {
    let mut cut = Cut::new();
    let proven = proven(&request.peer, &mut cut);
    let peer = peer(&request.peer, proven, &mut cut);
    let offered = cut.words("offered-capabilities", &request.offered_capabilities);
    let desired = cut.words("desired-capabilities", &request.desired_capabilities);
    let properties = properties(&request.properties, &mut cut);
    let whole = record(|record| {
        record
            .with("ctx", context)
            .with("peer", peer)
            .with("recheck", request.recheck)
            .with("max-frame-size", request.max_frame_size)
            .with("channel-max", u32::from(request.channel_max))
            .option("idle-timeout-ms", request.idle_timeout.map(millis))
            .with("offered-capabilities", offered)
            .with("desired-capabilities", desired)
            .with("properties", properties)
            .with("counts", counts(&request.counts))
            .with("limits", limits(&request.limits))
            .with("truncated", cut.truncated());
    });
    encode(reads, whole)
}

/// The request of `on_session`.
pub(crate) fn session(context: Context, request: &SessionRequest, reads: &Reads) -> Vec<u8> {
    let mut cut = Cut::new();
    let proven = proven(&request.peer, &mut cut);
    let peer = peer(&request.peer, proven, &mut cut);
    let whole = record(|record| {
        record.with("ctx", context).with("peer", peer).with("sessions-open", request.sessions_open);
    });
    encode(reads, whole)
}

/// The request of `on_link`.
pub(crate) fn link(context: Context, request: &LinkRequest, reads: &Reads) -> Vec<u8> {
    let mut cut = Cut::new();
    let proven = proven(&request.peer, &mut cut);
    // what is asked about, before what is said beside it
    let source_address =
        cut.option(SOURCE.address, request.source.as_ref().and_then(|source| source.address.as_deref()));
    let target_address =
        cut.option(TARGET.address, request.target.as_ref().and_then(|target| target.address.as_deref()));
    let peer = peer(&request.peer, proven, &mut cut);
    let name = cut.text("name", &request.name);
    let source = request.source.as_ref().map(|source| terminus(&SOURCE, (source, source_address), &mut cut));
    let target = request.target.as_ref().map(|target| terminus(&TARGET, (target, target_address), &mut cut));
    let desired = cut.words("desired-capabilities", &request.desired_capabilities);
    let properties = properties(&request.properties, &mut cut);
    let whole = record(|record| {
        record
            .with("ctx", context)
            .with("peer", peer)
            .with("name", name)
            .with("role", if request.sends { "sender" } else { "receiver" })
            .option("source", source)
            .option("target", target)
            .with("settle", request.settle.as_str())
            .option("max-message-size", request.max_message_size)
            .with("desired-capabilities", desired)
            .with("properties", properties)
            .with("links-open", request.links_open)
            .with("truncated", cut.truncated());
    });
    encode(reads, whole)
}

/// What of a terminus may be cut.
struct TerminusFields {
    address: &'static str,
    capabilities: &'static str,
    distribution: &'static str,
    filters: &'static str,
}

const SOURCE: TerminusFields = TerminusFields {
    address: "source.address",
    capabilities: "source.capabilities",
    distribution: "source.distribution",
    filters: "source.filters",
};

const TARGET: TerminusFields = TerminusFields {
    address: "target.address",
    capabilities: "target.capabilities",
    distribution: "target.distribution",
    filters: "target.filters",
};

/// `address`: what of it is kept.
fn terminus<'t>(
    fields: &TerminusFields,
    (terminus, address): (&'t Terminus, Option<&'t str>),
    cut: &mut Cut,
) -> impl Value + use<'t> {
    let capabilities = cut.words(fields.capabilities, &terminus.capabilities);
    let distribution = cut.option(fields.distribution, terminus.distribution.as_deref());
    let filters = cut.keep(fields.filters, &terminus.filters, |(name, value)| {
        name.len().saturating_add(value.as_ref().map_or(0, info_bytes)).saturating_add(ENTRY_BYTES)
    });
    record(move |record| {
        record
            .option("address", address)
            .with("durable", u32::from(terminus.durable))
            .with("expiry", terminus.expiry.as_str())
            .with("timeout-s", terminus.timeout_s)
            .with("dynamic", terminus.dynamic)
            .with("coordinator", terminus.coordinator)
            .option("distribution", distribution)
            .with("filters", list(filters.iter().map(|(name, value)| entry("name", name, value.as_ref()))))
            .with("capabilities", capabilities);
    })
}

/// The request of `on_address`.
pub(crate) fn address(context: Context, request: &AddressRequest, reads: &Reads) -> Vec<u8> {
    let mut cut = Cut::new();
    let proven = proven(&request.peer, &mut cut);
    let peer = peer(&request.peer, proven, &mut cut);
    let capabilities = cut.words("capabilities", &request.capabilities);
    let direction = match request.direction {
        LinkDirection::Inbound => "inbound",
        LinkDirection::Outbound => "outbound",
    };
    let occasion = match request.occasion {
        Occasion::Attach => "attach",
        Occasion::Anonymous => "anonymous",
    };
    let whole = record(|record| {
        record
            .with("ctx", context)
            .with("address", request.address.as_str())
            .with("direction", direction)
            .with("occasion", occasion)
            .with("peer", peer)
            .with("capabilities", capabilities)
            .with("configured", request.configured.as_str())
            .with("phase", u32::from(request.phase))
            .with("truncated", cut.truncated());
    });
    encode(reads, whole)
}

/// The request of `on_failover`, for a plugin that takes so many bytes.
pub(crate) fn failover(context: Context, request: &FailoverRequest, request_bytes: u32, reads: &Reads) -> Vec<u8> {
    let share = usize::try_from(request_bytes / 16).unwrap_or(usize::MAX);
    let error_bytes =
        share.checked_div(request.candidates.len()).map_or(ERROR_MAX_BYTES, |share| share.min(ERROR_MAX_BYTES));
    let whole = record(|record| {
        record
            .with("ctx", context)
            .with("connector", &*request.connector)
            .with("role", request.role.as_str())
            .with("cause", request.cause.as_str())
            .with("round", request.round)
            .option("current", request.current)
            .option("down-since-ms", request.down_since_ms)
            .with("candidates", list(request.candidates.iter().map(|known| candidate(known, error_bytes))));
    });
    encode(reads, whole)
}

fn candidate(candidate: &Candidate, error_bytes: usize) -> impl Value {
    let last_error = candidate.last_error.as_deref().map(|error| clip(error, error_bytes));
    let last_condition = candidate.last_condition.as_deref().map(|condition| clip(condition, error_bytes));
    record(move |record| {
        record
            .with("host", candidate.host.as_str())
            .with("port", u32::from(candidate.port))
            .with("scheme", candidate.scheme.as_str())
            .option("hostname", candidate.hostname.as_deref())
            .with("origin", candidate.origin.as_str())
            .with("priority", u32::from(candidate.priority))
            .with("labels", pairs(&candidate.labels))
            .with("attempts", candidate.attempts)
            .with("failures-in-row", candidate.failures_in_row)
            .option("last-error", last_error)
            .option("last-condition", last_condition)
            .option("last-attempt-at-ms", candidate.last_attempt_at_ms)
            .option("last-success-at-ms", candidate.last_success_at_ms)
            .option("last-rtt-us", candidate.last_rtt_us)
            .option("certificate-not-after-ms", candidate.certificate_not_after_ms);
    })
}

/// The request of `policy_configure`.
pub(crate) fn setup(
    plugin: &str,
    router_id: &str,
    context: Context,
    granted: &[&str],
    config: &[ConfigNode],
) -> Vec<u8> {
    let whole = record(|record| {
        record
            .with("plugin", plugin)
            .with("router-id", router_id)
            .with("minor", 0_u32)
            .with("now-ms", context.now_ms)
            .with("seed", context.seed)
            .with("granted", list(granted.iter().copied()))
            .with("config", list(config));
    });
    encode(&Reads::All, whole)
}

/// Its depth is that of a configuration that was loaded.
impl Value for &ConfigNode {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        let node = record(|record| {
            record
                .with("name", self.name.as_str())
                .with("args", list(&self.args))
                .with("props", map(&self.props))
                .with("children", list(&self.children));
        });
        node.write(out, reads);
    }
}

impl Value for &PropertyValue {
    fn write(self, out: &mut Vec<u8>, reads: &Reads) {
        match self {
            PropertyValue::Text(text) | PropertyValue::Secret(Secret { text, .. }) => text.as_str().write(out, reads),
            PropertyValue::Integer(number) => number.write(out, reads),
            PropertyValue::Float(number) => number.write(out, reads),
            PropertyValue::Bool(flag) => flag.write(out, reads),
            PropertyValue::Null => Null.write(out, reads),
            PropertyValue::List(items) => list(items).write(out, reads),
            PropertyValue::Map(entries) => map(entries).write(out, reads),
        }
    }
}

#[cfg(test)]
mod tests {
    use crosstie_model::settings::Distribution;

    use crosstie_model::policy::PeerTls;

    use super::*;
    use crate::tree::Tree;

    fn field<'t>(tree: &'t Tree<'t>, key: &str) -> &'t Tree<'t> {
        let Tree::Map(fields) = tree else { panic!("no record: {tree:?}") };
        fields.iter().find(|(known, _)| known == key).map(|(_, value)| value).unwrap()
    }

    #[test]
    fn no_peer_can_make_a_request_longer_than_a_plugin_takes() {
        let peer = Peer {
            connection_id: 1,
            listener: None,
            connector: None,
            remote: ([127, 0, 0, 1], 1).into(),
            local: ([127, 0, 0, 1], 2).into(),
            vhost: Some("v".repeat(1 << 20)),
            user: None,
            mechanism: None,
            container_id: "\u{e9}".repeat(1 << 20),
            tls: Some(std::sync::Arc::new(PeerTls { subject: Some("s".repeat(1 << 20)), ..PeerTls::default() })),
            attributes: Vec::new(),
        };
        let request = AddressRequest {
            occasion: Occasion::Attach,
            address: "q".to_owned(),
            direction: LinkDirection::Inbound,
            peer,
            capabilities: vec!["c".to_owned()],
            configured: Distribution::Balanced,
            phase: 0,
        };
        let bytes = address(Context { now_ms: 1, seed: 1, sequence: 1 }, &request, &Reads::All);
        assert!(bytes.len() < 2 * INFLATED_MAX_BYTES);
        let tree = Tree::decode(&bytes).unwrap();
        let truncated = ["peer.tls.subject", "peer.container-id", "peer.vhost", "capabilities"].map(Tree::from);
        assert_eq!(*field(&tree, "truncated"), Tree::Array(truncated.into()));
    }

    #[test]
    fn nothing_that_a_peer_says_pushes_out_what_is_proven_or_asked_about() {
        let terminus = |address: &str| Terminus {
            address: Some(address.to_owned()),
            durable: 0,
            expiry: crosstie_model::policy::Expiry::Never,
            timeout_s: 0,
            dynamic: false,
            coordinator: false,
            distribution: None,
            filters: Vec::new(),
            capabilities: Vec::new(),
        };
        let tls = PeerTls { subject: Some("CN=a,O=B".to_owned()), sni: Some("s".repeat(250)), ..PeerTls::default() };
        let attributes = vec![("tenant".to_owned(), "acme".to_owned())];
        let peer = Peer { tls: Some(std::sync::Arc::new(tls)), attributes, ..talkative() };
        let peer = Peer { container_id: "c".repeat(1 << 20), vhost: Some("v".repeat(1 << 20)), ..peer };
        let request = LinkRequest {
            peer,
            name: "n".repeat(1 << 20),
            sends: true,
            source: Some(terminus("secret/plans")),
            target: Some(terminus("open/plans")),
            settle: crosstie_model::policy::Settle::Mixed,
            max_message_size: None,
            desired_capabilities: Vec::new(),
            properties: Vec::new(),
            links_open: 0,
        };
        let bytes = link(CONTEXT, &request, &Reads::All);
        let tree = Tree::decode(&bytes).unwrap();
        let text = |record: &str, key: &str| field(field(&tree, record), key).clone();
        assert_eq!(text("source", "address"), Tree::from("secret/plans"));
        assert_eq!(text("target", "address"), Tree::from("open/plans"));
        assert_eq!(field(&text("peer", "tls"), "subject"), &Tree::from("CN=a,O=B"));
        assert!(matches!(text("peer", "attributes"), Tree::Array(attributes) if attributes.len() == 1));
        let Tree::Array(truncated) = field(&tree, "truncated") else { panic!() };
        assert!(truncated.contains(&Tree::from("peer.container-id")), "{truncated:?}");
    }

    fn talkative() -> Peer {
        Peer {
            connection_id: u64::MAX,
            listener: Some("l".repeat(100).into()),
            connector: None,
            remote: (std::net::Ipv6Addr::from(u128::MAX), u16::MAX).into(),
            local: (std::net::Ipv6Addr::from(u128::MAX), u16::MAX).into(),
            vhost: Some("v".repeat(200)),
            user: Some("u".repeat(100)),
            mechanism: Some("SCRAM-SHA-512"),
            container_id: "c".repeat(200),
            tls: None,
            attributes: Vec::new(),
        }
    }

    const CONTEXT: Context = Context { now_ms: u64::MAX, seed: u64::MAX, sequence: u64::MAX };

    fn all(words: usize) -> Vec<String> {
        vec!["w".to_owned(); words]
    }

    fn connection_of(properties: Vec<(String, InfoValue)>, words: usize) -> Vec<u8> {
        let request = ConnectionRequest {
            peer: talkative(),
            max_frame_size: u32::MAX,
            channel_max: u16::MAX,
            idle_timeout: Some(Duration::from_millis(u32::MAX.into())),
            offered_capabilities: all(words),
            desired_capabilities: all(words),
            properties,
            counts: crosstie_model::policy::Counts { total: 1, listener: 1, user: 1, peer_host: 1 },
            limits: Limits { sessions: Some(u32::MAX), links: Some(u32::MAX), ..Limits::default() },
            recheck: false,
        };
        connection(CONTEXT, &request, &Reads::All)
    }

    #[test]
    fn whatever_a_peer_says_fits_the_shortest_limit_of_a_request() {
        let longest = usize::try_from(crosstie_model::settings::REQUEST_MIN_BYTES).unwrap();
        let property = |key: &str, value: InfoValue| vec![(key.to_owned(), value); 20_000];
        for properties in [
            property("", InfoValue::Flag(true)),
            property("k", InfoValue::Uint(u64::MAX)),
            property("k", InfoValue::Float(0.1)),
            property(&"k".repeat(300), InfoValue::Text("t".repeat(300))),
            property("k", InfoValue::Bytes(vec![0; 70_000])),
            Vec::new(),
        ] {
            for words in [0, 20_000] {
                let length = connection_of(properties.clone(), words).len();
                assert!(length <= longest, "{length}: {:?}", properties.first());
            }
        }
        let request = AddressRequest {
            occasion: Occasion::Attach,
            address: "a".repeat(2048),
            direction: LinkDirection::Inbound,
            peer: talkative(),
            capabilities: all(20_000),
            configured: Distribution::Balanced,
            phase: 0,
        };
        assert!(address(CONTEXT, &request, &Reads::All).len() <= longest);
    }

    #[test]
    fn advertised_endpoints_and_what_they_said_last_fit_the_shortest_limit() {
        let candidate = Candidate {
            host: "h".repeat(255),
            port: u16::MAX,
            scheme: crosstie_model::settings::Scheme::Amqp,
            hostname: Some("n".repeat(255)),
            origin: crosstie_model::policy::CandidateOrigin::Advertised,
            priority: u8::MAX,
            labels: Vec::new(),
            attempts: u32::MAX,
            failures_in_row: u32::MAX,
            last_error: Some("e".repeat(9_000)),
            last_condition: Some("c".repeat(9_000)),
            last_attempt_at_ms: Some(u64::MAX),
            last_success_at_ms: Some(u64::MAX),
            last_rtt_us: Some(u32::MAX),
            certificate_not_after_ms: Some(u64::MAX),
        };
        let limit = crosstie_model::settings::REQUEST_MIN_BYTES;
        // those that a peer may advertise, and the one in use
        let mut request = FailoverRequest {
            connector: "c".repeat(100).into(),
            role: crosstie_model::settings::Role::Normal,
            cause: crosstie_model::policy::FailoverCause::Exhausted,
            round: u32::MAX,
            current: None,
            down_since_ms: Some(u64::MAX),
            candidates: vec![candidate; crosstie_model::settings::FAILOVER_URLS_MAX + 1],
        };
        let length = failover(CONTEXT, &request, limit, &Reads::All).len();
        assert!(length <= usize::try_from(limit).unwrap(), "{length}");
        request.candidates.truncate(1);
        let one = failover(CONTEXT, &request, limit, &Reads::All);
        assert_eq!(one.windows(ERROR_MAX_BYTES).filter(|bytes| bytes.iter().all(|byte| *byte == b'e')).count(), 1);
    }

    /// Fields of a record of the schema: name, and whether it may be absent.
    fn schema(interface: &str, record: &str) -> Vec<(String, bool)> {
        let text = include_str!("../../../plugin-sdk/spec/policy.wit");
        let (_, inside) = text.split_once(&format!("interface {interface} {{")).unwrap();
        let (_, fields) = inside.split_once(&format!("record {record} {{")).unwrap();
        let fields = fields.split_once('}').unwrap().0.split(", ").flat_map(|part| part.split(",\n"));
        let field =
            |part: &str| part.split_once(':').map(|(name, kind)| (name.trim().to_owned(), kind.contains("option<")));
        fields.filter_map(field).collect()
    }

    #[test]
    fn a_request_has_every_field_of_the_schema_that_may_not_be_absent() {
        let bytes = connection_of(Vec::new(), 0);
        let tree = Tree::decode(&bytes).unwrap();
        for (name, _) in schema("admission", "connection").iter().filter(|(_, may_be_absent)| !may_be_absent) {
            field(&tree, name);
        }
    }

    #[test]
    fn what_a_peer_said_last_is_clipped_between_characters() {
        assert_eq!((clip("a\u{e9}b", 2), clip("a\u{e9}b", 3), clip("ab", 9)), ("a", "a\u{e9}", "ab"));
    }
}
