//! Where a connector goes, in which order, and what a listener tells its peers about elsewhere.

use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::Fields;
use fe2o3_amqp_types::performatives::Open;
use fe2o3_amqp_types::primitives::{OrderedMap, Symbol, Value};
use serde_json::json;

fn connector(endpoints: &[(u16, u8)], failover: &str) -> String {
    let lines: String = endpoints
        .iter()
        .map(|(port, priority)| format!("    endpoint \"amqp://127.0.0.1:{port}\" priority={priority}\n"))
        .collect();
    plain_kdl(&format!(
        "connector \"my-broker\" {{\n    role \"route-container\"\n{lines}    failover {{\n        \
         {failover}\n        backoff base=\"300ms\" cap=\"1s\" jitter=0.0\n    }}\n}}"
    ))
}

fn entry(fields: &[(&str, Value)]) -> Value {
    let map: OrderedMap<Value, Value> =
        fields.iter().map(|(key, value)| (Value::Symbol(Symbol::from(*key)), value.clone())).collect();
    Value::Map(map)
}

fn endpoint(port: u16) -> Value {
    entry(&[("network-host", Value::String("127.0.0.1".into())), ("port", Value::String(port.to_string()))])
}

/// A broker's Open that advertises `list`.
fn advertising(list: Value) -> Open {
    let mut properties = Fields::default();
    properties.insert(Symbol::from("failover-server-list"), list);
    properties.insert(Symbol::from("product"), Value::String("scripted".into()));
    Open { properties: Some(properties), ..open("scripted-broker") }
}

/// Takes the next attempt and hangs up at once.
fn attempt(servers: &[&Server]) -> (usize, Instant) {
    let (index, peer) = Server::accept_any(servers);
    drop(peer);
    (index, Instant::now())
}

#[test]
fn the_lost_endpoint_first_then_configured_then_advertised() {
    let (first, second, advertised) = (Server::new(), Server::new(), Server::new());
    let router = Router::start(&connector(&[(second.port(), 1), (first.port(), 0)], ""));
    let ours = advertising(Value::List(vec![endpoint(advertised.port())]));
    let (peer, theirs) = first.accept_open(&ours);
    assert_eq!(theirs.container_id, "hub");
    router.wait_log(0, Duration::from_secs(20), &["my-broker", &first.port().to_string()]);

    let lost = Instant::now();
    drop(peer);
    let all = [&first, &second, &advertised];
    let (order, times): (Vec<_>, Vec<_>) = (0..3).map(|_| attempt(&all)).unzip();
    assert_eq!(order, [0, 1, 2], "0 is the lost one, 1 configured, 2 advertised");
    assert!(times[0] - lost < Duration::from_millis(250), "the first attempt came after {:?}", times[0] - lost);
    let round_end = times[2];
    let (_, next) = attempt(&all);
    assert!(next - round_end >= Duration::from_millis(250), "backoff between rounds was {:?}", next - round_end);
}

#[test]
fn a_lost_alternative_is_itself_tried_first() {
    let (first, second) = (Server::new(), Server::new());
    let router = Router::start(&connector(&[(first.port(), 0), (second.port(), 1)], ""));
    assert_eq!(attempt(&[&first, &second]).0, 0, "lower priority is tried first");
    let (peer, _) = second.accept_open(&open("second"));
    router.wait_log(0, Duration::from_secs(20), &["my-broker", &second.port().to_string()]);
    drop(peer);
    let order = [attempt(&[&first, &second]).0, attempt(&[&first, &second]).0];
    assert_eq!(order, [1, 0], "the lost one, then the other");
}

#[test]
fn an_advertised_endpoint_takes_over() {
    let (first, advertised) = (Server::new(), Server::new());
    let router = Router::start(&connector(&[(first.port(), 0)], ""));
    let list = Value::List(vec![
        entry(&[("port", Value::String("5672".into()))]),
        Value::String("no map".into()),
        entry(&[("network-host", Value::Uint(7))]),
        entry(&[
            ("network-host", Value::String("127.0.0.1".into())),
            ("port", Value::Uint(advertised.port().into())),
            ("scheme", Value::String("amqp".into())),
            ("extra", Value::Bool(true)),
        ]),
    ]);
    let (peer, _) = first.accept_open(&advertising(list));
    drop(peer);
    assert_eq!(attempt(&[&first, &advertised]).0, 0);
    let mark = router.log_mark();
    let (_peer, theirs) = advertised.accept_open(&open("advertised"));
    assert_eq!(theirs.container_id, "hub");
    router.wait_log(mark.saturating_sub(20), Duration::from_secs(20), &["my-broker", &advertised.port().to_string()]);
}

#[test]
fn an_advertised_list_can_be_ignored() {
    let (first, advertised) = (Server::new(), Server::new());
    let _router = Router::start(&connector(&[(first.port(), 0)], "advertised \"ignore\""));
    let (peer, _) = first.accept_open(&advertising(Value::List(vec![endpoint(advertised.port())])));
    drop(peer);
    for _ in 0..3 {
        assert_eq!(attempt(&[&first, &advertised]).0, 0, "only the configured endpoint is tried");
    }
}

#[test]
fn a_list_that_is_none_breaks_nothing() {
    for list in [Value::Null, Value::String("text".into()), Value::List(vec![]), entry(&[("a", Value::Uint(1))])] {
        let server = Server::new();
        let mut router = Router::start(&connector(&[(server.port(), 0)], ""));
        let (peer, _) = server.accept_open(&advertising(list.clone()));
        // The same from an accepted connection has no effect whatever.
        Peer::open_with(router.clients(), &advertising(list)).0.close();
        drop(peer);
        let (mut peer, _) = server.accept_open(&open("again"));
        router.assert_healthy();
        router.process().signal("TERM");
        let condition = peer.fault(Duration::from_secs(10));
        assert_eq!(condition, Ok(Some("amqp:connection:forced".to_owned())));
    }
}

#[test]
fn an_accepted_peers_list_is_not_followed() {
    let elsewhere = Server::new();
    let router = Router::plain();
    let (peer, _) = Peer::open_with(router.clients(), &advertising(Value::List(vec![endpoint(elsewhere.port())])));
    drop(peer);
    assert!(elsewhere.accept_within(Duration::from_millis(500)).is_none(), "the router dialled a stranger's host");
}

#[test]
fn a_listener_hands_out_its_failover_list() {
    let kdl = plain_kdl("").replace(
        "port 0\n",
        "port 0\n    failover-urls \"amqps://secondary.example.com:20000\" \"tertiary.example.com\" \"amqp://[2001:db8::7]\"\n",
    );
    let router = Router::start(&kdl);
    let mut client = Proton::start("receive", router.clients(), "--address a");
    let opened = client.event("open");
    assert_eq!(
        opened["properties"]["failover-server-list"],
        json!([
            { "network-host": "secondary.example.com", "port": "20000", "scheme": "amqps" },
            { "network-host": "tertiary.example.com", "port": "5672" },
            { "network-host": "2001:db8::7", "port": "5672", "scheme": "amqp" },
        ])
    );
    let text = json!(["symbol", "str"]);
    assert_eq!(
        opened["kinds"]["failover-server-list"],
        json!([
            "list",
            { "network-host": text, "port": text, "scheme": text },
            { "network-host": text, "port": text },
            { "network-host": text, "port": text, "scheme": text },
        ])
    );
}

#[test]
fn no_list_is_handed_out_where_none_is_configured() {
    let router = Router::plain();
    let opened = Proton::start("receive", router.clients(), "--address a").event("open");
    assert_eq!(opened["properties"].get("failover-server-list"), None);
}
