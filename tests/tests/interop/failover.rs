//! Where a connector goes, and in which order.

use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::place::free_port;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
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

/// The connector as management shows it.
fn shown(router: &Router) -> (String, String) {
    let connectors = router.stat("connectors");
    let text = |name: &str| connectors[0][name].as_str().unwrap_or_default().to_owned();
    (text("connectionStatus"), text("failoverUrls"))
}

/// A connection counts as one that worked after a second; what the router says in the meantime is read and forgotten.
fn settle_down(peer: &mut Peer) {
    assert!(!peer.drain(Duration::from_millis(1300)), "the router went");
}

/// Opens as a broker, and waits until the router has it.
fn serve(router: &Router, server: &Server, ours: &Open) -> Peer {
    let mark = router.log_mark();
    let (peer, _) = server.accept_open(ours);
    // the line may stand there already, when it comes before the mark
    router.wait_log(mark.saturating_sub(3), DEADLINE, &["connected", "my-broker", &server.port().to_string()]);
    peer
}

/// Point 6 of the reference's defects: status, log and connections name the endpoint in use, and each failover is told.
#[test]
fn s02_the_connector_moves_along_the_lists_of_a_pair() {
    let (b1, b2, third) = (Server::new(), Server::new(), free_port());
    let router = Router::start(&connector(&[(b1.port(), 0)], ""));
    let (url1, url2, url3) = (url(b1.port()), url(b2.port()), url(third));
    let ours = advertising(Value::List(vec![endpoint(third), endpoint(b2.port())]));
    let mut peer = serve(&router, &b1, &ours);
    assert_eq!(shown(&router), ("SUCCESS".to_owned(), format!("{url1}, {url3}, {url2}")));
    settle_down(&mut peer);
    let lost = Instant::now();
    drop(peer);
    assert_eq!(attempt(&[&b1, &b2]).0, 0, "the lost one first");
    let mark = router.log_mark();
    let mut peer = serve(&router, &b2, &advertising(Value::List(vec![endpoint(b1.port())])));
    assert!(lost.elapsed() < Duration::from_secs(4), "the reference needs 4 s, this took {:?}", lost.elapsed());
    router.wait_log(mark.saturating_sub(9), DEADLINE, &["cannot connect", &format!(":{third}")]);
    router.wait_log(
        mark.saturating_sub(9),
        DEADLINE,
        &["failed over", &format!("from=\"{url1}\""), &format!("to=\"{url2}\"")],
    );
    let hosts: Vec<_> = router.stat("connections").into_iter().filter(|row| row["dir"] == "out").collect();
    assert_eq!(hosts.len(), 1, "{hosts:?}");
    assert_eq!(hosts[0]["host"], format!("127.0.0.1:{}", b2.port()));
    assert_eq!(shown(&router), ("SUCCESS".to_owned(), format!("{url2}, {url1}")), "the endpoint in use first");
    settle_down(&mut peer);

    // the other is back, and this one goes
    drop(peer);
    assert_eq!(attempt(&[&b1, &b2]).0, 1);
    let mut peer = serve(&router, &b1, &ours);
    settle_down(&mut peer);

    // a clean Close comes back to the same endpoint
    peer.close();
    drop(peer);
    assert_eq!(attempt(&[&b1, &b2]).0, 0);
}

#[test]
fn s02_an_empty_list_forgets_and_an_absent_one_does_not() {
    let (b1, b2, third) = (Server::new(), Server::new(), free_port());
    let router = Router::start(&connector(&[(b1.port(), 0)], ""));
    let (url1, url2, url3) = (url(b1.port()), url(b2.port()), url(third));
    let list = Value::List(vec![endpoint(b2.port()), endpoint(third)]);
    let mut peer = serve(&router, &b1, &advertising(list));
    settle_down(&mut peer);
    drop(peer);
    assert_eq!(attempt(&[&b1, &b2]).0, 0);
    let mut peer = serve(&router, &b2, &open("says-nothing"));
    assert_eq!(shown(&router).1, format!("{url2}, {url3}, {url1}"), "unchanged, the one in use first");
    settle_down(&mut peer);
    drop(peer);
    let _peer = serve(&router, &b2, &advertising(Value::List(Vec::new())));
    assert_eq!(shown(&router).1, format!("{url2}, {url1}"), "the one in use and the configured one");
}

fn url(port: u16) -> String {
    format!("amqp://127.0.0.1:{port}")
}

/// Management tells of the last attempt, not of the one before; there is time to ask until the next round.
#[test]
fn s02_the_last_failure_is_shown_while_nobody_answers() {
    for hangs_up_last in [false, true] {
        let (server, closed) = (Server::new(), free_port());
        let mut ports = [server.port(), closed];
        if hangs_up_last {
            ports.reverse();
        }
        let kdl = connector(&[(ports[0], 0), (ports[1], 1)], "");
        let router = Router::start(&kdl.replace("base=\"300ms\" cap=\"1s\"", "base=\"3s\" cap=\"3s\""));
        drop(server.accept());
        router.wait_log(0, DEADLINE, &["cannot connect", &format!(":{}", ports[1])]);
        let row = router.stat("connectors").remove(0);
        assert_eq!((&row["connectionStatus"], &row["attempts"]), (&"FAILED".into(), &2.into()), "{row}");
        assert_eq!(row["failoverUrls"], ports.map(url).join(", "), "what is tried next comes first");
        for (of, port) in row["endpoints"].as_array().expect("a list").iter().zip(ports) {
            assert_eq!((&of["url"], &of["failuresInRow"]), (&url(port).into(), &1.into()), "{row}");
            assert!(of["lastError"].is_string(), "{row}");
        }
        let _peer = serve(&router, &server, &open("back"));
        let row = router.stat("connectors").remove(0);
        assert_eq!(row["connectionStatus"], "SUCCESS");
        let urls = row["failoverUrls"].as_str().expect("a text");
        assert!(urls.starts_with(&url(server.port())), "{urls}");
        let failures = |of: &serde_json::Value| (of["url"].clone(), of["failuresInRow"].clone());
        let found: Vec<_> = row["endpoints"].as_array().expect("a list").iter().map(failures).collect();
        // who comes first has failed once more by then
        let again = if hangs_up_last { 2 } else { 1 };
        let expected = ports.map(|port| (url(port).into(), if port == closed { again } else { 0 }.into()));
        assert_eq!(found, expected);
    }
}
