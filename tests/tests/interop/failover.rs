//! Where a connector goes, and in which order.

use std::time::{Duration, Instant};

use crosstie_tests::performative::open;
use crosstie_tests::router::{Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::Fields;
use fe2o3_amqp_types::performatives::Open;
use fe2o3_amqp_types::primitives::{OrderedMap, Symbol, Value};

pub(crate) fn connector(endpoints: &[(u16, u8)], failover: &str) -> String {
    let lines: String = endpoints
        .iter()
        .map(|(port, priority)| format!("    endpoint \"amqp://127.0.0.1:{port}\" priority={priority}\n"))
        .collect();
    plain_kdl(&format!(
        "connector \"my-broker\" {{\n    role \"route-container\"\n{lines}    failover {{\n        \
         {failover}\n        backoff base=\"300ms\" cap=\"1s\" jitter=0.0\n    }}\n}}"
    ))
}

pub(crate) fn entry(fields: &[(&str, Value)]) -> Value {
    let map: OrderedMap<Value, Value> =
        fields.iter().map(|(key, value)| (Value::Symbol(Symbol::from(*key)), value.clone())).collect();
    Value::Map(map)
}

pub(crate) fn endpoint(port: u16) -> Value {
    entry(&[("network-host", Value::String("127.0.0.1".into())), ("port", Value::String(port.to_string()))])
}

/// A broker's Open that advertises `list`.
pub(crate) fn advertising(list: Value) -> Open {
    let mut properties = Fields::default();
    properties.insert(Symbol::from("failover-server-list"), list);
    properties.insert(Symbol::from("product"), Value::String("scripted".into()));
    Open { properties: Some(properties), ..open("scripted-broker") }
}

/// Takes the next attempt and hangs up at once.
pub(crate) fn attempt(servers: &[&Server]) -> (usize, Instant) {
    let (index, peer) = Server::accept_any(servers);
    drop(peer);
    (index, Instant::now())
}

#[test]
fn s02_the_lost_endpoint_first_then_configured_then_advertised() {
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
fn s02_a_lost_alternative_is_itself_tried_first() {
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
fn s02_an_advertised_list_can_be_ignored() {
    let (first, advertised) = (Server::new(), Server::new());
    let _router = Router::start(&connector(&[(first.port(), 0)], "advertised \"ignore\""));
    let (peer, _) = first.accept_open(&advertising(Value::List(vec![endpoint(advertised.port())])));
    drop(peer);
    for _ in 0..3 {
        assert_eq!(attempt(&[&first, &advertised]).0, 0, "only the configured endpoint is tried");
    }
}
