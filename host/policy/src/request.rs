//! Requests of the model as the schema's records, in the schema's order.

use std::time::Duration;

use crosstie_model::policy::{
    AddressRequest, Candidate, ConnectionRequest, FailoverRequest, InfoValue, Limits, LinkDirection, LinkRequest,
    Occasion, Peer, PeerTls, SessionRequest, Terminus,
};
use crosstie_model::settings::{ConfigNode, PropertyValue, Secret};

use crate::tree::{Record, Tree};

/// Bytes of what a peer can inflate in one request.
const INFLATED_MAX_BYTES: usize = 16 << 10;

/// Bytes of a candidate's last error, and of its condition: a peer may say anything. With many candidates it is less:
/// all of them together take at most an eighth of the longest request.
const ERROR_MAX_BYTES: usize = 256;

/// Bytes of an entry besides its key and value, at most.
const ENTRY_BYTES: usize = 32;

/// The paths that `reads` may name, their inner fields aside.
pub(crate) const FIELDS: [&str; 32] = [
    "ctx",
    "connector",
    "role",
    "cause",
    "round",
    "current",
    "down-since-ms",
    "candidates",
    "peer",
    "recheck",
    "max-frame-size",
    "channel-max",
    "idle-timeout-ms",
    "offered-capabilities",
    "desired-capabilities",
    "properties",
    "counts",
    "limits",
    "truncated",
    "address",
    "direction",
    "occasion",
    "capabilities",
    "configured",
    "phase",
    "sessions-open",
    "name",
    "source",
    "target",
    "settle",
    "max-message-size",
    "links-open",
];

/// In every request.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Context {
    pub(crate) now_ms: u64,
    pub(crate) seed: u64,
    pub(crate) sequence: u64,
}

impl From<Context> for Tree {
    fn from(context: Context) -> Self {
        let record = Record::default().with("now-ms", context.now_ms).with("seed", context.seed);
        record.with("sequence", context.sequence).into()
    }
}

/// What a peer can inflate, cut to a limit.
struct Cut {
    left: usize,
    truncated: Vec<Tree>,
}

impl Cut {
    const fn new() -> Self {
        Self { left: INFLATED_MAX_BYTES, truncated: Vec::new() }
    }

    /// Keeps items while there is room; names the field when there is not.
    fn keep<T>(&mut self, field: &str, items: Vec<T>, bytes: impl Fn(&T) -> usize) -> Vec<T> {
        let all = items.len();
        let kept: Vec<T> = items
            .into_iter()
            .map_while(|item| {
                self.left = self.left.checked_sub(bytes(&item))?;
                Some(item)
            })
            .collect();
        if kept.len() < all {
            self.truncated.push(field.into());
        }
        kept
    }

    /// Keeps as much of a text as there is room for.
    fn text(&mut self, field: &str, text: String) -> String {
        let kept = clip(&text, self.left).to_owned();
        self.left = self.left.saturating_sub(kept.len());
        if kept.len() < text.len() {
            self.truncated.push(field.into());
        }
        kept
    }

    fn words(&mut self, field: &str, words: Vec<String>) -> Vec<Tree> {
        self.keep(field, words, |word| word.len().saturating_add(4)).into_iter().map(Tree::Text).collect()
    }
}

/// What of a text has at most so many bytes.
fn clip(text: &str, max: usize) -> &str {
    let end = (0..=max.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn peer(peer: Peer, cut: &mut Cut) -> Record {
    let container_id = cut.text("peer.container-id", peer.container_id);
    let vhost = peer.vhost.map(|vhost| cut.text("peer.vhost", vhost));
    let attributes = peer
        .attributes
        .iter()
        .map(|(key, value)| Record::default().with("key", key.as_str()).with("val", value.as_str()).into());
    Record::default()
        .with("connection-id", peer.connection_id)
        .option("listener", peer.listener.as_deref())
        .option("connector", peer.connector.as_deref())
        .with("transport", if peer.tls.is_some() { "tls" } else { "tcp" })
        .with("ip", &*peer.remote.ip().to_string())
        .with("port", u32::from(peer.remote.port()))
        .with("local-ip", &*peer.local.ip().to_string())
        .with("local-port", u32::from(peer.local.port()))
        .option("vhost", vhost.as_deref())
        .option("user", peer.user.as_deref())
        .option("mechanism", peer.mechanism)
        .with("container-id", container_id.as_str())
        .option("tls", peer.tls.as_deref().map(|session| tls(session, cut)))
        .list("attributes", attributes)
}

fn tls(session: &PeerTls, cut: &mut Cut) -> Record {
    let mut text = |field: &str, text: &Option<String>| text.as_ref().map(|text| cut.text(field, text.clone()));
    let sni = text("peer.tls.sni", &session.sni);
    let subject = text("peer.tls.subject", &session.subject);
    let issuer = text("peer.tls.issuer", &session.issuer);
    let names = cut.words("peer.tls.sans", session.names.clone());
    Record::default()
        .with("version", session.version.as_str())
        .with("cipher", session.cipher.as_str())
        .option("sni", sni.as_deref())
        .option("subject", subject.as_deref())
        .option("issuer", issuer.as_deref())
        .list("sans", names)
        .option("fingerprint-sha256", session.fingerprint_sha256.as_deref())
        .option("not-after-ms", session.not_after_ms)
}

fn info(value: InfoValue) -> Tree {
    let (case, payload) = match value {
        InfoValue::Flag(flag) => ("flag", Tree::Bool(flag)),
        InfoValue::Int(number) => ("int", Tree::Int(number)),
        InfoValue::Uint(number) => ("uint", Tree::Uint(number)),
        InfoValue::Float(number) if number.is_nan() => ("float", Tree::Float(0.0)),
        InfoValue::Float(number) => ("float", Tree::Float(number)),
        InfoValue::Text(text) => ("text", Tree::Text(text)),
        InfoValue::Bytes(bytes) => ("bytes", Tree::Bytes(bytes)),
    };
    Record::default().with(case, payload).into()
}

fn info_bytes(value: &InfoValue) -> usize {
    match value {
        InfoValue::Text(text) => text.len(),
        InfoValue::Bytes(bytes) => bytes.len(),
        _ => 9,
    }
}

fn properties(properties: Vec<(String, InfoValue)>, cut: &mut Cut) -> Vec<Tree> {
    let kept = cut.keep("properties", properties, |(key, value)| {
        key.len().saturating_add(info_bytes(value)).saturating_add(ENTRY_BYTES)
    });
    let entry =
        |(key, value): (String, InfoValue)| Record::default().with("key", key.as_str()).with("val", info(value));
    kept.into_iter().map(|property| entry(property).into()).collect()
}

fn limits(limits: &Limits) -> Record {
    Record::default()
        .option("sessions", limits.sessions)
        .option("links", limits.links)
        .option("senders", limits.senders)
        .option("receivers", limits.receivers)
        .option("unsettled", limits.unsettled)
        .option("buffered-bytes", limits.buffered_bytes)
        .option("max-frame-size", limits.max_frame_size)
        .option("max-message-size", limits.max_message_size)
        .option("idle-timeout-ms", limits.idle_timeout.map(millis))
        .option("link-credit", limits.link_credit)
}

/// The request of `on_connection`.
pub(crate) fn connection(context: Context, request: ConnectionRequest) -> Tree {
    let mut cut = Cut::new();
    let peer = peer(request.peer, &mut cut);
    let offered = cut.words("offered-capabilities", request.offered_capabilities);
    let desired = cut.words("desired-capabilities", request.desired_capabilities);
    let properties = properties(request.properties, &mut cut);
    let counts = Record::default()
        .with("total", request.counts.total)
        .with("listener", request.counts.listener)
        .with("user", request.counts.user)
        .with("peer-host", request.counts.peer_host);
    let limits = limits(&request.limits);
    Record::default()
        .with("ctx", context)
        .with("peer", peer)
        .with("recheck", request.recheck)
        .with("max-frame-size", request.max_frame_size)
        .with("channel-max", u32::from(request.channel_max))
        .option("idle-timeout-ms", request.idle_timeout.map(millis))
        .list("offered-capabilities", offered)
        .list("desired-capabilities", desired)
        .list("properties", properties)
        .with("counts", counts)
        .with("limits", limits)
        .list("truncated", cut.truncated)
        .into()
}

/// The request of `on_session`.
pub(crate) fn session(context: Context, request: SessionRequest) -> Tree {
    let mut cut = Cut::new();
    let peer = peer(request.peer, &mut cut);
    Record::default().with("ctx", context).with("peer", peer).with("sessions-open", request.sessions_open).into()
}

/// The request of `on_link`.
pub(crate) fn link(context: Context, request: LinkRequest) -> Tree {
    let mut cut = Cut::new();
    let peer = peer(request.peer, &mut cut);
    let name = cut.text("name", request.name);
    let source = request.source.map(|source| terminus("source", source, &mut cut));
    let target = request.target.map(|target| terminus("target", target, &mut cut));
    let desired = cut.words("desired-capabilities", request.desired_capabilities);
    let properties = properties(request.properties, &mut cut);
    Record::default()
        .with("ctx", context)
        .with("peer", peer)
        .with("name", name.as_str())
        .with("role", if request.sends { "sender" } else { "receiver" })
        .option("source", source)
        .option("target", target)
        .with("settle", request.settle.as_str())
        .option("max-message-size", request.max_message_size)
        .list("desired-capabilities", desired)
        .list("properties", properties)
        .with("links-open", request.links_open)
        .list("truncated", cut.truncated)
        .into()
}

fn terminus(side: &str, terminus: Terminus, cut: &mut Cut) -> Record {
    let address = terminus.address.map(|address| cut.text(&format!("{side}.address"), address));
    let capabilities = cut.words(&format!("{side}.capabilities"), terminus.capabilities);
    let distribution = terminus.distribution.map(|word| cut.text(&format!("{side}.distribution"), word));
    let filters = cut.keep(&format!("{side}.filters"), terminus.filters, |(name, value)| {
        name.len().saturating_add(value.as_ref().map_or(0, info_bytes)).saturating_add(ENTRY_BYTES)
    });
    let filter = |(name, value): (String, Option<InfoValue>)| {
        Record::default().with("name", name.as_str()).option("val", value.map(info))
    };
    Record::default()
        .option("address", address.as_deref())
        .with("durable", u32::from(terminus.durable))
        .with("expiry", terminus.expiry.as_str())
        .with("timeout-s", terminus.timeout_s)
        .with("dynamic", terminus.dynamic)
        .with("coordinator", terminus.coordinator)
        .option("distribution", distribution.as_deref())
        .list("filters", filters.into_iter().map(|known| filter(known).into()))
        .list("capabilities", capabilities)
}

/// The request of `on_address`.
pub(crate) fn address(context: Context, request: AddressRequest) -> Tree {
    let mut cut = Cut::new();
    let peer = peer(request.peer, &mut cut);
    let capabilities = cut.words("capabilities", request.capabilities);
    let direction = match request.direction {
        LinkDirection::Inbound => "inbound",
        LinkDirection::Outbound => "outbound",
    };
    let configured = request.configured.as_str();
    let occasion = match request.occasion {
        Occasion::Attach => "attach",
        Occasion::Anonymous => "anonymous",
    };
    Record::default()
        .with("ctx", context)
        .with("address", request.address.as_str())
        .with("direction", direction)
        .with("occasion", occasion)
        .with("peer", peer)
        .list("capabilities", capabilities)
        .with("configured", configured)
        .with("phase", u32::from(request.phase))
        .list("truncated", cut.truncated)
        .into()
}

/// The request of `on_failover`.
pub(crate) fn failover(context: Context, request: &FailoverRequest, request_bytes: u32) -> Tree {
    let share = usize::try_from(request_bytes / 16).unwrap_or(usize::MAX);
    let error_bytes =
        share.checked_div(request.candidates.len()).map_or(ERROR_MAX_BYTES, |share| share.min(ERROR_MAX_BYTES));
    let role = request.role.as_str();
    Record::default()
        .with("ctx", context)
        .with("connector", &*request.connector)
        .with("role", role)
        .with("cause", request.cause.as_str())
        .with("round", request.round)
        .option("current", request.current)
        .option("down-since-ms", request.down_since_ms)
        .list("candidates", request.candidates.iter().map(|known| candidate(known, error_bytes)))
        .into()
}

fn candidate(candidate: &Candidate, error_bytes: usize) -> Tree {
    let origin = candidate.origin.as_str();
    let labels = candidate
        .labels
        .iter()
        .map(|(key, value)| Record::default().with("key", key.as_str()).with("val", value.as_str()).into());
    Record::default()
        .with("host", candidate.host.as_str())
        .with("port", u32::from(candidate.port))
        .with("scheme", candidate.scheme.as_str())
        .option("hostname", candidate.hostname.as_deref())
        .with("origin", origin)
        .with("priority", u32::from(candidate.priority))
        .list("labels", labels)
        .with("attempts", candidate.attempts)
        .with("failures-in-row", candidate.failures_in_row)
        .option("last-error", candidate.last_error.as_deref().map(|error| clip(error, error_bytes)))
        .option("last-condition", candidate.last_condition.as_deref().map(|condition| clip(condition, error_bytes)))
        .option("last-attempt-at-ms", candidate.last_attempt_at_ms)
        .option("last-success-at-ms", candidate.last_success_at_ms)
        .option("last-rtt-us", candidate.last_rtt_us)
        .option("certificate-not-after-ms", candidate.certificate_not_after_ms)
        .into()
}

/// The request of `policy_configure`.
pub(crate) fn setup(plugin: &str, router_id: &str, context: Context, granted: &[&str], config: &[ConfigNode]) -> Tree {
    Record::default()
        .with("plugin", plugin)
        .with("router-id", router_id)
        .with("minor", 0_u32)
        .with("now-ms", context.now_ms)
        .with("seed", context.seed)
        .list("granted", granted.iter().map(|word| Tree::from(*word)))
        .list("config", config.iter().map(node))
        .into()
}

/// Its depth is that of a configuration that was loaded.
fn node(node: &ConfigNode) -> Tree {
    let props = node.props.iter().map(|(key, value)| (key.clone(), scalar(value))).collect();
    let record = Record::default().with("name", node.name.as_str()).list("args", node.args.iter().map(scalar));
    record.with("props", Tree::Map(props)).list("children", node.children.iter().map(self::node)).into()
}

fn scalar(value: &PropertyValue) -> Tree {
    match value {
        PropertyValue::Text(text) | PropertyValue::Secret(Secret { text, .. }) => Tree::Text(text.clone()),
        PropertyValue::Integer(number) => Tree::Int(*number),
        PropertyValue::Float(number) => Tree::Float(*number),
        PropertyValue::Bool(flag) => Tree::Bool(*flag),
        PropertyValue::Null => Tree::Null,
        PropertyValue::List(items) => Tree::Array(items.iter().map(scalar).collect()),
        PropertyValue::Map(entries) => {
            Tree::Map(entries.iter().map(|(key, value)| (key.clone(), scalar(value))).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use crosstie_model::settings::Distribution;

    use super::*;

    fn field<'t>(tree: &'t Tree, key: &str) -> &'t Tree {
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
        let tree = address(Context { now_ms: 1, seed: 1, sequence: 1 }, request);
        assert!(tree.encode().len() < 2 * INFLATED_MAX_BYTES);
        let truncated = ["peer.container-id", "peer.vhost", "peer.tls.subject", "capabilities"].map(Tree::from);
        assert_eq!(*field(&tree, "truncated"), Tree::Array(truncated.into()));
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

    fn connection_of(properties: Vec<(String, InfoValue)>, words: usize) -> Tree {
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
        connection(CONTEXT, request)
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
                let length = connection_of(properties.clone(), words).encode().len();
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
        assert!(address(CONTEXT, request).encode().len() <= longest);
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
        let length = failover(CONTEXT, &request, limit).encode().len();
        assert!(length <= usize::try_from(limit).unwrap(), "{length}");
        request.candidates.truncate(1);
        let one = failover(CONTEXT, &request, limit).encode();
        assert_eq!(one.windows(ERROR_MAX_BYTES).filter(|bytes| bytes.iter().all(|byte| *byte == b'e')).count(), 1);
    }

    /// Fields of a record of the schema: name, and whether it may be absent.
    fn schema(interface: &str, record: &str) -> Vec<(String, bool)> {
        let text = include_str!("../../../plugin-sdk/policy.wit");
        let (_, inside) = text.split_once(&format!("interface {interface} {{")).unwrap();
        let (_, fields) = inside.split_once(&format!("record {record} {{")).unwrap();
        let fields = fields.split_once('}').unwrap().0.split(", ").flat_map(|part| part.split(",\n"));
        let field =
            |part: &str| part.split_once(':').map(|(name, kind)| (name.trim().to_owned(), kind.contains("option<")));
        fields.filter_map(field).collect()
    }

    #[test]
    fn every_field_of_the_schema_may_be_read_and_those_of_served_hooks_are_there() {
        for (interface, record) in [
            ("failover", "request"),
            ("admission", "connection"),
            ("admission", "session"),
            ("admission", "link"),
            ("address", "request"),
        ] {
            for (name, _) in schema(interface, record) {
                assert!(FIELDS.contains(&name.as_str()), "{interface} {record}: {name}");
            }
        }
        let tree = connection_of(Vec::new(), 0);
        for (name, _) in schema("admission", "connection").iter().filter(|(_, may_be_absent)| !may_be_absent) {
            field(&tree, name);
        }
    }

    #[test]
    fn what_a_peer_said_last_is_clipped_between_characters() {
        assert_eq!((clip("a\u{e9}b", 2), clip("a\u{e9}b", 3), clip("ab", 9)), ("a", "a\u{e9}", "ab"));
    }
}
