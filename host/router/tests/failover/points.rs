//! The points of the reference's features, 1.3.3, that need no socket. Of the others: point 1 and 7 stand in
//! `interop/failover_lists.rs`, what is handed out of point 3 in `interop/advertised.rs`, point 6 in `interop/failover.rs` too.

use std::time::Duration;

use crosstie_model::policy::Candidate;
use crosstie_model::settings::{Backoff, Scheme};
use crosstie_router::failover::{Failover, Failure, Opened, Step};
use crosstie_router::failover_list::{self, Advertised, Advertisement};
use fe2o3_amqp_types::definitions::Fields;
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

use crate::{advertise, clock, connector, dialled, round, said, with_endpoints};

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

fn item(pairs: &[(&str, Value)]) -> Value {
    Value::Map(pairs.iter().map(|(key, value)| (Value::Symbol(Symbol::from(*key)), value.clone())).collect())
}

fn read(list: Value) -> Advertisement {
    let mut fields = Fields::new();
    fields.insert(Symbol::from(failover_list::NAME), list);
    failover_list::read(Some(&fields))
}

/// Point 2: whatever is malformed is skipped and counted, beside what is sound; a list is cut short.
#[test]
fn malformed_items_are_skipped_and_counted() {
    let sound = item(&[("network-host", text("good"))]);
    let bad = [
        Value::Null,
        Value::Bool(true),
        Value::List(vec![sound.clone()]),
        item(&[]),
        item(&[("port", text("5672"))]),
        item(&[("network-host", Value::Null)]),
        item(&[("network-host", text(""))]),
        item(&[("network-host", text("two words"))]),
        item(&[("network-host", Value::Uint(1))]),
        item(&[("network-host", text(&"h".repeat(256)))]),
        item(&[("network-host", text("h")), ("port", Value::Int(-1))]),
        item(&[("network-host", text("h")), ("port", Value::Uint(65_536))]),
        item(&[("network-host", text("h")), ("port", text("amqp"))]),
        item(&[("network-host", text("h")), ("scheme", text("http"))]),
        item(&[("network-host", text("h")), ("hostname", Value::Bool(true))]),
    ];
    for broken in bad {
        let found = read(Value::List(vec![broken.clone(), sound.clone()]));
        assert_eq!(found.skipped, 1, "{broken:?}");
        assert_eq!(found.items.unwrap().len(), 1, "{broken:?}");
    }
    // keys that nobody knows are no fault
    assert_eq!(read(Value::List(vec![item(&[("network-host", text("h")), ("path", text("/"))])])).skipped, 0);
    for none in [Value::Bool(true), item(&[("network-host", text("h"))]), Value::Binary(vec![1].into())] {
        assert_eq!(read(none), Advertisement { items: None, skipped: 1 });
    }
    let many = read(Value::List((0..10_000).map(|n| item(&[("network-host", text(&format!("h{n}")))])).collect()));
    assert_eq!((many.items.unwrap().len(), many.skipped), (32, 9_968));
}

/// Point 3: IPv6 with and without brackets, and the port of each scheme where none is said.
#[test]
fn an_item_without_a_port_has_that_of_its_scheme() {
    for (host, scheme, expected) in [
        ("[2001:db8::1]", None, ("2001:db8::1", 5672)),
        ("2001:db8::1", Some("amqp"), ("2001:db8::1", 5672)),
        ("h", Some("amqps"), ("h", 5671)),
        ("h", Some("ws"), ("h", 80)),
        ("h", Some("wss"), ("h", 443)),
    ] {
        let mut pairs = vec![("network-host", text(host))];
        pairs.extend(scheme.map(|scheme| ("scheme", text(scheme))));
        let items = read(Value::List(vec![item(&pairs)])).items.unwrap();
        assert_eq!((items[0].host.as_str(), items[0].port), expected, "{host} {scheme:?}");
    }
    let mut six = with_endpoints(&[("2001:db8::9", 0)]);
    six.endpoints[0].port = 20000;
    assert_eq!(Failover::new(&six, 1).urls(), ["amqp://[2001:db8::9]:20000"]);
}

/// What a connector to `p` would dial after `p`, which advertised these.
fn next(tls: bool, allow: &[&str], items: &[Advertised]) -> Vec<(String, String, bool)> {
    let mut connector = with_endpoints(&[("p", 0)]);
    connector.tls = tls.then(|| "brokers".to_owned());
    connector.failover.allow = allow.iter().map(|host| (*host).to_owned()).collect();
    let mut failover = Failover::new(&connector, 1);
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), said(Advertisement { items: Some(items.to_vec()), skipped: 0 }));
    failover.handle_lost(clock(5), Failure::default());
    let mut found = Vec::new();
    loop {
        match failover.poll(clock(5)) {
            Step::Ask(_) => failover.handle_answer(clock(5), None),
            Step::Dial(dial) => {
                failover.handle_failed(clock(5), Failure::default());
                found.push((dial.host, dial.hostname, dial.with_credentials));
            }
            Step::Wait(_) => break,
            Step::Idle => panic!("idle"),
        }
    }
    assert_eq!(found.remove(0).0, "p");
    found
}

fn advertised(host: &str, scheme: Option<Scheme>, hostname: Option<&str>) -> Advertised {
    Advertised { host: host.to_owned(), port: 5671, scheme, hostname: hostname.map(str::to_owned) }
}

/// Point 4: an alternate's host name stands in our Open.
#[test]
fn the_host_name_of_an_alternate_is_honoured() {
    let items = [advertised("10.0.0.1", None, Some("broker.example.com")), advertised("b", None, None)];
    let found = next(false, &[], &items);
    let names: Vec<_> = found.iter().map(|(host, hostname, _)| (host.as_str(), hostname.as_str())).collect();
    assert_eq!(names, [("10.0.0.1", "broker.example.com"), ("b", "b")]);
}

/// Point 4: TLS is never given up for an alternate, nor is one that wants it dialled without.
#[test]
fn an_alternate_of_another_scheme_is_left_out() {
    let schemes = [None, Some(Scheme::Amqp), Some(Scheme::Amqps), Some(Scheme::Ws), Some(Scheme::Wss)];
    let items: Vec<_> =
        ["n", "a", "s", "w", "x"].iter().zip(schemes).map(|(host, of)| advertised(host, of, None)).collect();
    for (tls, expected) in [(true, ["n", "s"]), (false, ["n", "a"])] {
        let hosts: Vec<_> = next(tls, &[], &items).into_iter().map(|(host, ..)| host).collect();
        assert_eq!(hosts, expected, "tls: {tls}");
    }
}

/// Point 4: the connector's credentials are shown to no host that only a peer has named.
#[test]
fn credentials_go_to_hosts_of_the_allow_list_alone() {
    let items = [advertised("evil.example.org", None, None), advertised("b2.example.com", None, None)];
    let credentials = |allow: &[&str]| {
        next(false, allow, &items).into_iter().map(|(host, _, shown)| (host, shown)).collect::<Vec<_>>()
    };
    let pair = |host: &str, shown| (host.to_owned(), shown);
    assert_eq!(credentials(&[]), [pair("evil.example.org", false), pair("b2.example.com", false)]);
    assert_eq!(credentials(&["*.example.com"]), [pair("b2.example.com", true)]);
}

/// Point 5: the first retry comes at once; then backoff between rounds grows to its cap, and differs by chance.
#[test]
fn the_first_retry_is_immediate_and_backoff_has_jitter_and_a_cap() {
    let mut connector = connector(&[]);
    connector.failover.backoff = Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8), jitter: 0.25 };
    let mut seen = Vec::new();
    for seed in 0..50 {
        let mut failover = Failover::new(&connector, seed);
        dialled(&mut failover, clock(0));
        failover.handle_opened(clock(0), Opened::default());
        failover.handle_lost(clock(100), Failure::default());
        assert_eq!(dialled(&mut failover, clock(100)).host, "a", "the lost one, in the same moment");
        failover.handle_failed(clock(100), Failure::default());
        let mut at = clock(100);
        for wait_seconds in [1.0, 2.0, 4.0, 8.0, 8.0, 8.0] {
            let (_, until) = round(&mut failover, at);
            let waited = until.since(at.now).as_secs_f64();
            assert!((wait_seconds * 0.75..=wait_seconds * 1.25).contains(&waited), "{waited} for {wait_seconds}");
            seen.push(until.since(at.now));
            at = crosstie_router::failover::Clock { now: until, ..at };
        }
    }
    seen.sort();
    seen.dedup();
    assert!(seen.len() > 100, "the waits of many routers are the same: {} differ", seen.len());
}

fn request(failover: &mut Failover, seconds: u64) -> Vec<Candidate> {
    match failover.poll(clock(seconds)) {
        Step::Ask(request) => request.candidates,
        other => panic!("{other:?}"),
    }
}

/// Point 5: each endpoint has a state of its own.
#[test]
fn each_endpoint_has_its_own_attempts_and_errors() {
    let failure = |error: &str| Failure::from(error.to_owned());
    let mut failover = Failover::new(&connector(&[]), 1);
    for error in ["refused", "no route"] {
        dialled(&mut failover, clock(3));
        failover.handle_failed(clock(3), failure(error));
    }
    dialled(&mut failover, clock(4));
    failover.handle_opened(clock(4), Opened::default());
    failover.handle_lost(clock(9), failure("reset"));
    let found: Vec<_> = request(&mut failover, 9)
        .into_iter()
        .map(|of| {
            (of.host, of.attempts, of.failures_in_row, of.last_error, of.last_attempt_at_ms, of.last_success_at_ms)
        })
        .collect();
    let expected =
        |host: &str, error: &str, at, success| (host.to_owned(), 1, 1, Some(error.to_owned()), Some(at), success);
    assert_eq!(
        found,
        [
            expected("c", "reset", 4000, Some(4000)),
            expected("a", "refused", 3000, None),
            expected("b", "no route", 3000, None)
        ]
    );
}

/// Point 6: what is in use is named first, whichever it is.
#[test]
fn the_endpoint_in_use_is_named_first() {
    let mut failover = Failover::new(&connector(&[]), 1);
    let url = |host: &str| format!("amqp://{host}:5672");
    dialled(&mut failover, clock(0));
    assert_eq!(failover.urls(), ["a", "b", "c"].map(url));
    failover.handle_failed(clock(0), Failure::default());
    dialled(&mut failover, clock(0));
    failover.handle_opened(clock(0), advertise(&["x"]));
    assert_eq!(failover.urls(), ["b", "c", "x", "a"].map(url));
}

#[test]
fn between_rounds_the_endpoint_that_is_tried_next_is_named_first() {
    let mut failover = Failover::new(&connector(&[]), 1);
    for next in ["b", "c", "a"] {
        let tried = dialled(&mut failover, clock(0)).host;
        failover.handle_failed(clock(0), Failure::default());
        assert_eq!(failover.urls()[0], format!("amqp://{next}:5672"), "after {tried}");
    }
    assert_eq!(dialled(&mut failover, clock(1)).host, "a");
    failover.handle_failed(clock(1), Failure::default());
    assert_eq!(dialled(&mut failover, clock(1)).host, "b");
    failover.handle_opened(clock(1), Opened::default());
    failover.handle_lost(clock(9), Failure::default());
    assert_eq!(failover.urls()[0], "amqp://b:5672", "the lost one first");
    request(&mut failover, 9);
    assert_eq!(failover.urls()[0], "amqp://b:5672");
}

/// Point 9: alternates that the operator writes, by priority and then as they are written, without any peer advertising them.
#[test]
fn configured_alternates_need_no_peer_to_name_them() {
    let mut failover = Failover::new(&with_endpoints(&[("d", 9), ("b", 1), ("a", 0), ("c", 1)]), 1);
    assert_eq!(round(&mut failover, clock(0)).0, "abcd");
}
