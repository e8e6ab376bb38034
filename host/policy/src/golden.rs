//! What keeps the ABI fixed: requests as guests of version 1 get them, and answers as they give them, in bytes
//! (`plugin-sdk/golden.jsonl`). A line is never changed; a later minor version adds lines.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crosstie_model::policy::{
    AddressRequest, Candidate, CandidateOrigin, ConnectionRequest, Counts, Expiry, FailoverCause, FailoverRequest,
    InfoValue, Limits, LinkDirection, LinkRequest, Occasion, Peer, PeerTls, SessionRequest, Settle, Terminus,
};
use crosstie_model::settings::{ConfigNode, Distribution, PropertyValue, Role, Scheme};
use data_encoding::HEXLOWER;
use serde_json::{Value, json};

use crate::answer;
use crate::json::shown;
use crate::reads::Reads;
use crate::request::{self, Context};
use crate::tree::Tree;

const CONTEXT: Context = Context { now_ms: 1_790_000_000_000, seed: 42, sequence: 7 };

pub(crate) fn bytes(hex: &str) -> Vec<u8> {
    HEXLOWER.decode(hex.as_bytes()).unwrap()
}

/// Bytes and JSON by name.
pub(crate) fn lines() -> BTreeMap<String, (String, Value)> {
    let read = |line: &str| {
        let Value::Object(mut line) = serde_json::from_str(line).unwrap() else { panic!("{line}") };
        let text = |value: Option<Value>| value.and_then(|value| value.as_str().map(str::to_owned)).unwrap();
        (text(line.remove("name")), (text(line.remove("hex")), line.remove("json").unwrap()))
    };
    include_str!("../../../plugin-sdk/golden.jsonl").lines().map(read).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

fn info() -> Vec<(String, InfoValue)> {
    [
        ("flag", InfoValue::Flag(true)),
        ("big", InfoValue::Uint(1 << 40)),
        ("half", InfoValue::Float(0.5)),
        ("text", InfoValue::Text("t\u{e9}xt".to_owned())),
        ("bytes", InfoValue::Bytes(vec![0, 255])),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

fn peer() -> Peer {
    let tls = PeerTls {
        version: "TLSv1.3".to_owned(),
        cipher: "TLS_AES_256_GCM_SHA384".to_owned(),
        sni: None,
        subject: Some("CN=alice,O=Bank".to_owned()),
        issuer: Some("CN=ca".to_owned()),
        names: words(&["alice.example", "10.0.0.1"]),
        fingerprint_sha256: Some("ab".repeat(32)),
        not_after_ms: Some(1_800_000_000_000),
    };
    Peer {
        connection_id: 9,
        listener: Some("clients".into()),
        connector: None,
        remote: ([10, 0, 0, 1], 40_000).into(),
        local: ([10, 0, 0, 2], 5671).into(),
        vhost: Some("v.example".to_owned()),
        user: Some("alice".to_owned()),
        mechanism: Some("EXTERNAL"),
        container_id: "billing-1".to_owned(),
        tls: Some(Arc::new(tls)),
        attributes: vec![("tenant".to_owned(), "acme".to_owned())],
    }
}

/// A peer that has asked for a server by its name.
fn named() -> Peer {
    let tls = peer().tls.map(|tls| PeerTls { sni: Some("bus.example".to_owned()), ..(*tls).clone() });
    Peer { tls: tls.map(Arc::new), ..peer() }
}

fn terminus(address: Option<&str>) -> Terminus {
    Terminus {
        address: address.map(str::to_owned),
        durable: 1,
        expiry: Expiry::SessionEnd,
        timeout_s: 30,
        dynamic: address.is_none(),
        coordinator: false,
        distribution: Some("copy".to_owned()),
        filters: vec![
            ("jms-selector".to_owned(), Some(InfoValue::Text("a = 1".to_owned()))),
            ("other".to_owned(), None),
        ],
        capabilities: words(&["queue"]),
    }
}

fn candidate(host: &str) -> Candidate {
    Candidate {
        host: host.to_owned(),
        port: 5671,
        scheme: Scheme::Amqps,
        hostname: Some("b.example".to_owned()),
        origin: CandidateOrigin::Advertised,
        priority: 3,
        labels: vec![("zone".to_owned(), "near".to_owned())],
        attempts: 4,
        failures_in_row: 2,
        last_error: Some("connection refused".to_owned()),
        last_condition: Some("amqp:connection:forced".to_owned()),
        last_attempt_at_ms: Some(5),
        last_success_at_ms: Some(6),
        last_rtt_us: None,
        certificate_not_after_ms: None,
    }
}

/// A peer that was connected by TLS has sent the router elsewhere.
fn redirected() -> FailoverRequest {
    let measured = Candidate {
        origin: CandidateOrigin::Configured,
        last_rtt_us: Some(1234),
        certificate_not_after_ms: Some(1_800_000_000_000),
        ..candidate("b1.example")
    };
    let target = Candidate { origin: CandidateOrigin::Redirected, ..candidate("b3.example") };
    FailoverRequest {
        connector: "broker".into(),
        role: Role::Normal,
        cause: FailoverCause::Redirected,
        round: 0,
        current: Some(1),
        down_since_ms: Some(77),
        candidates: vec![target, measured],
    }
}

fn config() -> ConfigNode {
    ConfigNode {
        name: "allow".to_owned(),
        args: vec![PropertyValue::Integer(-1), PropertyValue::Bool(true), PropertyValue::Null],
        props: vec![("user".to_owned(), PropertyValue::Text("alice".to_owned()))],
        children: vec![ConfigNode {
            name: "limit".to_owned(),
            args: vec![PropertyValue::Float(1.5)],
            props: Vec::new(),
            children: Vec::new(),
        }],
    }
}

fn requests() -> Vec<(&'static str, Vec<u8>)> {
    let connection = ConnectionRequest {
        peer: peer(),
        max_frame_size: 65_536,
        channel_max: 255,
        idle_timeout: Some(Duration::from_secs(16)),
        offered_capabilities: words(&["ANONYMOUS-RELAY"]),
        desired_capabilities: words(&["DELAYED_DELIVERY"]),
        properties: info(),
        counts: Counts { total: 4, listener: 3, user: 2, peer_host: 1 },
        limits: Limits {
            sessions: Some(1),
            links: Some(2),
            senders: Some(3),
            receivers: Some(4),
            unsettled: Some(5),
            buffered_bytes: Some(6),
            max_frame_size: Some(512),
            max_message_size: Some(8),
            idle_timeout: Some(Duration::from_millis(9)),
            link_credit: Some(10),
        },
        recheck: true,
    };
    let link = LinkRequest {
        peer: peer(),
        name: "link-1".to_owned(),
        sends: true,
        source: Some(terminus(None)),
        target: Some(terminus(Some("orders"))),
        settle: Settle::Mixed,
        max_message_size: Some(1 << 20),
        desired_capabilities: words(&["shared"]),
        properties: info(),
        links_open: 12,
    };
    let address = AddressRequest {
        address: "orders/eu".to_owned(),
        occasion: Occasion::Anonymous,
        direction: LinkDirection::Inbound,
        peer: peer(),
        capabilities: words(&["topic"]),
        configured: Distribution::Multicast,
        phase: 2,
    };
    let failover = FailoverRequest {
        connector: "broker".into(),
        role: Role::RouteContainer,
        cause: FailoverCause::Lost,
        round: 3,
        current: Some(1),
        down_since_ms: Some(77),
        candidates: vec![candidate("b1.example"), candidate("b2.example")],
    };
    let session = |peer| request::session(CONTEXT, &SessionRequest { peer, sessions_open: 2 }, &Reads::All);
    vec![
        ("request setup", request::setup("p", "hub", CONTEXT, &["log", "kv"], &[config()])),
        ("request connection", request::connection(CONTEXT, &connection, &Reads::All)),
        ("request session", session(peer())),
        ("request session sni", session(named())),
        ("request link", request::link(CONTEXT, &link, &Reads::All)),
        ("request address", request::address(CONTEXT, &address, &Reads::All)),
        ("request failover", request::failover(CONTEXT, &failover, 1 << 20, &Reads::All)),
        ("request failover redirected", request::failover(CONTEXT, &redirected(), 1 << 20, &Reads::All)),
    ]
}

/// What is not there yet is printed as the line to add.
#[test]
fn requests_have_the_bytes_that_they_always_had() {
    let known = lines();
    let mut missing = String::new();
    for (name, bytes) in requests() {
        let (is, json) = (HEXLOWER.encode(&bytes), shown(&Tree::decode(&bytes).unwrap()));
        match known.get(name) {
            Some((hex, told)) => assert_eq!((&is, &json), (hex, told), "{name}"),
            None => missing.push_str(&format!("{}\n", json!({ "name": name, "hex": is, "json": json }))),
        }
    }
    assert_eq!(missing, "");
}

/// They are what the Rust SDK writes, which its tests check.
#[test]
fn answers_are_understood_as_they_always_were() {
    let plugin: Arc<str> = "p".into();
    let mut count = 0;
    for (name, (hex, json)) in lines() {
        let Some(hook) = name.strip_prefix("answer ") else { continue };
        let bytes = bytes(&hex);
        let tree = Tree::decode(&bytes).unwrap();
        assert_eq!(shown(&tree), json, "{name}");
        assert_eq!(tree.encode(&Reads::All), bytes, "{name} has the shortest form");
        let accepted = match hook.split(' ').next() {
            Some("connection" | "session" | "link") => answer::admission(&plugin, &bytes).map(drop),
            Some("address") => answer::address(&plugin, Occasion::Attach, &bytes).map(drop),
            Some("failover") => answer::failover(&plugin, 2, &bytes).map(drop),
            Some("configure") => answer::configured(&bytes).map(drop),
            other => panic!("{other:?}"),
        };
        assert_eq!(accepted, Ok(()), "{name}");
        count += 1;
    }
    assert!(count >= 8, "{count}");
}
