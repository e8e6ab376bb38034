//! The `connector` node.

use std::time::Duration;

use crosstie_model::settings::{Backoff, Connector, Endpoint, Failover, Mechanism, Role, Scheme};

use crate::block::{Block, Item, name_of, not_served};
use crate::connection::{self, Sasl};
use crate::endpoint;
use crate::listener::{host_of, port};
use crate::loading::{Fault, Loading};
use crate::quantity::DURATION_MAX;
use crate::secret;
use crate::source::Place;
use crate::tree::{Node, Value};

/// Endpoints of one connector.
const ENDPOINTS_MAX: usize = 256;

const UNSERVED: [&str; 7] =
    ["cost", "policy-vhost", "allow-redirect", "protocol-family", "ssl-profile", "connection-msg", "connection-status"];

/// A connector and what the check of the whole needs of its text.
pub(crate) struct ConnectorDraft {
    pub(crate) connector: Connector,
    pub(crate) name_at: Place,
    /// Absent when it is written but cannot be read.
    pub(crate) role: Option<Role>,
    pub(crate) tls_at: Option<Place>,
    /// `sasl` is written.
    pub(crate) sasl: Option<Sasl>,
}

/// Reads a `connector` node.
pub(crate) fn read<'t>(loading: &'t Loading<'t>, node: &'t Node) -> ConnectorDraft {
    let name = name_of(loading, node, "connector \"my-broker\" { endpoint \"amqp://broker.example.com\" }");
    let block = Block::with_qualifiers(loading, "connector", Item::of_node(node), &[]);
    let role = connection::role(&block);
    let tls = block.text("tls");
    let endpoints = endpoints(&block, tls.map(|tls| tls.at));
    let verify_hostname = block.flag("verify-hostname").unwrap_or(true);
    if let (Some(at), None) = (block.has("verify-hostname"), tls) {
        loading.report(
            Fault::at(at, "`verify-hostname` without `tls`").hint("without TLS there is no certificate: remove it"),
        );
    }
    let username = block.text("sasl-username").map(|text| text.text.to_owned());
    let password = block.text("sasl-password").and_then(|text| secret::resolve_plain(loading, text.text, text.at));
    check_credentials(&block);
    let sasl = connection::sasl(&block);
    let mut connection = connection::read(&block);
    connection.sasl = match &sasl {
        Some(sasl) => sasl.mechanisms.iter().map(|(mechanism, _)| *mechanism).collect(),
        None if username.is_some() => default_mechanisms(connection.allow_plain_without_tls || tls.is_some()),
        None => vec![Mechanism::Anonymous],
    };
    for (mechanism, at) in sasl.iter().flat_map(|sasl| &sasl.mechanisms) {
        check_mechanism(&block, *mechanism, *at, connection.allow_plain_without_tls || tls.is_some());
    }
    let failover = failover(&block);
    check_fail_back(&block, &failover, &endpoints);
    block.finish(&UNSERVED);
    let name_at = name.map_or(node.at, |name| name.at);
    let name = name.map_or(String::new(), |name| name.text.to_owned());
    let role_or_default = role.unwrap_or_default();
    let tls_at = tls.map(|tls| tls.at);
    let connector = Connector {
        name,
        role: role_or_default,
        endpoints,
        username,
        password,
        tls: tls.map(|tls| tls.text.to_owned()),
        verify_hostname,
        failover,
        connection,
    };
    ConnectorDraft { connector, name_at, role, tls_at, sasl }
}

fn check_credentials(block: &Block<'_>) {
    let missing = |at: Place, there: &'static str, other: &'static str, example: &str| {
        let loading = block.loading;
        let fault = Fault::at(at, format!("`{}` without `{}`", loading.word(there), loading.word(other)));
        loading.report(fault.hint(format!("as in {}", loading.example(other, example))));
    };
    match (block.has("sasl-username"), block.has("sasl-password")) {
        (Some(at), None) => missing(at, "sasl-username", "sasl-password", "env:NAME"),
        (None, Some(at)) => missing(at, "sasl-password", "sasl-username", "crosstie"),
        _ => {}
    }
}

/// What an absent `sasl` stands for where there is a user.
fn default_mechanisms(plain: bool) -> Vec<Mechanism> {
    let plain = plain.then_some(Mechanism::Plain);
    [Mechanism::ScramSha512, Mechanism::ScramSha256].into_iter().chain(plain).collect()
}

fn check_mechanism(block: &Block<'_>, mechanism: Mechanism, at: Place, plain: bool) {
    if matches!(mechanism, Mechanism::Anonymous | Mechanism::External) {
        return;
    }
    if block.has("sasl-username").is_none() {
        let loading = block.loading;
        let hint = format!("add `{}` and `{}`", loading.word("sasl-username"), loading.word("sasl-password"));
        block.loading.report(Fault::at(at, format!("{} without a user", mechanism.as_str())).hint(hint));
    } else if mechanism == Mechanism::Plain && !plain {
        block.loading.report(
            Fault::at(at, "PLAIN would send the password over plain TCP")
                .label("uses PLAIN")
                .hint("write `allow-plain-without-tls` if the way to the peer is trusted"),
        );
    }
}

fn endpoints(block: &Block<'_>, tls: Option<Place>) -> Vec<Endpoint> {
    let default = if tls.is_some() { Scheme::Amqps } else { Scheme::Amqp };
    let written = block.all("endpoint");
    let single = block.has("host").or(block.has("port"));
    let host = block.text("host").and_then(|text| host_of(block.loading, text));
    let port = port(block, 1);
    if let (Some(at), Some(first)) = (single, written.first()) {
        block.loading.report(
            Fault::at(at, "`host` and `port` stand beside `endpoint`")
                .also(first.at, "an endpoint stands here")
                .hint("write each host as an `endpoint`, or `host` and `port` alone"),
        );
    }
    if written.is_empty() && single.is_none() {
        block.loading.report(
            Fault::at(block.at, "connector has nowhere to go")
                .label("`endpoint` is missing here")
                .hint("as in `endpoint \"amqp://broker.example.com:5672\"`"),
        );
    }
    if written.is_empty() {
        let host = host.unwrap_or_else(|| "127.0.0.1".to_owned());
        let port = port.unwrap_or(default.default_port());
        return vec![Endpoint { scheme: default, host, port, priority: 0, labels: Vec::new() }];
    }
    if let Some(item) = written.get(ENDPOINTS_MAX) {
        block.loading.report(Fault::at(item.at, "too many endpoints").hint("a connector has at most 256"));
    }
    let mut read: Vec<(Endpoint, Place)> = Vec::new();
    for item in written.into_iter().take(ENDPOINTS_MAX) {
        let Some(endpoint) = endpoint_of(block, item, tls) else {
            continue;
        };
        let same = |known: &Endpoint| known.host.eq_ignore_ascii_case(&endpoint.host) && known.port == endpoint.port;
        if let Some((_, first)) = read.iter().find(|(known, _)| same(known)) {
            block.loading.report_again(*first, item.head, "this endpoint stands twice");
        }
        read.push((endpoint, item.head));
    }
    read.into_iter().map(|(endpoint, _)| endpoint).collect()
}

fn endpoint_of(block: &Block<'_>, item: Item<'_>, tls: Option<Place>) -> Option<Endpoint> {
    let inner = Block::with_qualifiers(block.loading, "endpoint", item, &["priority"]);
    let url = inner.single(Item { props: &[], children: None, ..item }).and_then(|arg| inner.text_of(arg));
    let priority = inner.integer("priority", 0..=u8::MAX).unwrap_or(0);
    let labels = labels(&inner);
    inner.finish(&[]);
    let text = url?;
    let hint = "as in `amqp://broker.example.com:5672`";
    let default = if tls.is_some() { Scheme::Amqps } else { Scheme::Amqp };
    match endpoint::parse_as(text.text, default) {
        Ok(url) => {
            let scheme = url.scheme.unwrap_or(default);
            check_scheme(block, (scheme, text.at), tls);
            Some(Endpoint { scheme, host: url.host, port: url.port, priority, labels })
        }
        Err(why) => {
            block.loading.report(endpoint::fault(block.loading, text, ("not an endpoint", why, hint)));
            None
        }
    }
}

/// An endpoint has TLS exactly where its connector has.
fn check_scheme(block: &Block<'_>, (scheme, at): (Scheme, Place), tls: Option<Place>) {
    match (scheme, tls) {
        (Scheme::Ws | Scheme::Wss, _) => {
            block.loading.report(not_served(at, scheme.as_str()).hint("it dials `amqp://` and `amqps://`"));
        }
        (Scheme::Amqps, None) => block.loading.report(
            Fault::at(at, "`amqps://` without `tls`")
                .hint("name a `tls` node in the connector, as in `tls \"brokers\"`"),
        ),
        (Scheme::Amqp, Some(tls)) => block.loading.report(
            Fault::at(at, "`amqp://` beside `tls`")
                .also(tls, "`tls` stands here")
                .hint("write `amqps://`: a connector with `tls` dials nobody without"),
        ),
        _ => {}
    }
}

fn labels(inner: &Block<'_>) -> Vec<(String, String)> {
    let mut labels: Vec<(String, String, Place)> = Vec::new();
    for item in inner.all("label") {
        inner.no_more(item);
        let [key, value] = item.args else {
            let hint = "as in `label \"zone\" \"b\"`";
            inner.loading.report(Fault::at(item.at, "a label is a name and a text").hint(hint));
            continue;
        };
        let (Value::Text(name), Some(key), Some(value)) = (&key.value, inner.text_of(key), inner.text_of(value)) else {
            continue;
        };
        if let Some((_, _, first)) = labels.iter().find(|(known, _, _)| known == name) {
            inner.loading.report_again(*first, key.at, format!("label `{}` is given twice", name.escape_debug()));
        }
        labels.push((key.text.to_owned(), value.text.to_owned(), key.at));
    }
    labels.into_iter().map(|(name, value, _)| (name, value)).collect()
}

/// The `failover` block when it is not written.
fn default_failover() -> Failover {
    let backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(30), jitter: 0.2 };
    Failover { follow_advertised: true, allow: Vec::new(), backoff, fail_back: None }
}

fn failover(block: &Block<'_>) -> Failover {
    let mut failover = default_failover();
    let Some(item) = block.one("failover") else {
        return failover;
    };
    let inner = Block::plain(block.loading, "failover", item);
    if let Some(follow) = inner.word("advertised", &[("follow", true), ("ignore", false)], &[]) {
        failover.follow_advertised = follow;
    }
    for pattern in inner.texts("allow").unwrap_or_default() {
        let allowed = |c: char| c.is_alphanumeric() || matches!(c, '*' | '-' | '.' | '_' | ':');
        if !pattern.text.chars().all(allowed) {
            let hint = "as in `*.example.com`: hosts alone, without scheme and port";
            inner.loading.report(Fault::at(pattern.at, "not a pattern of hosts").hint(hint));
        }
        failover.allow.push(pattern.text.to_owned());
    }
    if let (Some(at), false) = (inner.has("allow"), failover.follow_advertised) {
        inner.loading.report(
            Fault::at(at, "`allow` beside `advertised \"ignore\"`").hint("what is ignored needs no `allow`: keep one"),
        );
    }
    if let Some(item) = inner.one("backoff") {
        failover.backoff = backoff(&inner, item);
    }
    if let Some(item) = inner.one("fail-back") {
        let block = Block::plain(inner.loading, "fail-back", Item { args: &[], ..item });
        failover.fail_back = block.duration("after", Duration::from_secs(1)..=DURATION_MAX);
        let hint = "as in `fail-back after=\"60s\"`";
        if let Some(extra) = item.args.first() {
            inner.loading.report(Fault::at(extra.at, "`fail-back` takes no argument, but `after`").hint(hint));
        } else if block.has("after").is_none() {
            inner.loading.report(Fault::at(item.head, "`fail-back` without `after`").hint(hint));
        }
        block.finish(&[]);
    }
    inner.finish(&[]);
    failover
}

/// Nobody is better where all are as good.
fn check_fail_back(block: &Block<'_>, failover: &Failover, endpoints: &[Endpoint]) {
    let mut priorities = endpoints.iter().map(|endpoint| endpoint.priority);
    let first = priorities.next();
    if failover.fail_back.is_some() && endpoints.len() > 1 && priorities.all(|priority| Some(priority) == first) {
        block.loading.warn(
            Fault::at(block.at, "`fail-back`, and no endpoint is better than another")
                .hint("give those that are to be gone back to a lower `priority`"),
        );
    }
}

fn backoff(block: &Block<'_>, item: Item<'_>) -> Backoff {
    let mut backoff = default_failover().backoff;
    let inner = Block::plain(block.loading, "backoff", item);
    let range = Duration::from_millis(1)..=DURATION_MAX;
    let base = inner.duration("base", range.clone());
    let cap = inner.duration("cap", range);
    backoff.jitter = inner.share("jitter").unwrap_or(backoff.jitter);
    backoff.base = base.unwrap_or(backoff.base);
    backoff.cap = cap.unwrap_or_else(|| backoff.cap.max(backoff.base));
    if backoff.cap < backoff.base {
        let at = inner.has("cap").unwrap_or(inner.at);
        inner
            .loading
            .report(Fault::at(at, "the cap of the backoff is below its base").hint("base · 2ⁿ, at most the cap"));
    }
    inner.finish(&[]);
    backoff
}
