//! What the reference's own tools send, byte by byte, and what they look for in the replies.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, reason = "a test ends by panicking")]

mod sample;

use crosstie_manage::Access;
use sample::{Answer, items, run};
use serde_amqp::Value;

/// The requests that a command sends, answered.
fn answers(command: &str) -> Vec<Answer> {
    let lines = include_str!("captured.txt").lines().skip_while(|line| line.strip_prefix("# ") != Some(command));
    let requests: Vec<&str> = lines.skip(1).take_while(|line| !line.starts_with('#')).collect();
    assert!(!requests.is_empty(), "nothing captured of {command}");
    let change = |change, facts: &mut _| created(&change, facts);
    requests.iter().map(|hex| run(&bytes(hex), Access::Full, change).unwrap()).collect()
}

fn created(change: &crosstie_manage::Change, facts: &mut crosstie_model::facts::Facts) {
    if let crosstie_manage::Change::CreateListener(attributes) = change {
        let (name, port) = (attributes.text("name").unwrap(), attributes.text("port").unwrap());
        facts.listeners.push(sample::listener(name, port));
    }
}

fn bytes(hex: &str) -> Vec<u8> {
    hex.as_bytes().chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
}

fn only(command: &str) -> Answer {
    let mut answers = answers(command);
    assert_eq!(answers.len(), 1);
    answers.pop().unwrap()
}

fn is_number(value: &Value) -> bool {
    matches!(value, Value::Int(_) | Value::Uint(_) | Value::Long(_) | Value::Ulong(_))
}

#[test]
fn qdstat_g_finds_every_figure() {
    let answers = answers("qdstat -g");
    let [nodes, router] = answers.as_slice() else { panic!("{answers:?}") };
    assert_eq!((nodes.status, items(&nodes.body).len()), (200, 0));
    assert_eq!(router.column("id"), [Value::from("hub")]);
    assert_eq!(router.column("mode"), [Value::from("standalone")]);
    assert_eq!(router.column("uptimeSeconds"), [Value::Uint(90_061)]);
    for name in [
        "workerThreads",
        "memoryUsage",
        "linkRouteCount",
        "autoLinkCount",
        "linkCount",
        "nodeCount",
        "addrCount",
        "connectionCount",
        "presettledDeliveries",
        "droppedPresettledDeliveries",
        "acceptedDeliveries",
        "rejectedDeliveries",
        "releasedDeliveries",
        "modifiedDeliveries",
        "deliveriesDelayed1Sec",
        "deliveriesDelayed10Sec",
        "deliveriesStuck",
        "deliveriesRedirectedToFallback",
        "linksBlocked",
        "deliveriesIngress",
        "deliveriesEgress",
        "deliveriesTransit",
        "deliveriesIngressRouteContainer",
        "deliveriesEgressRouteContainer",
    ] {
        assert!(is_number(&router.column(name)[0]), "{name}");
    }
}

#[test]
fn qdstat_c_finds_every_column() {
    let answer = only("qdstat -c");
    let column = |name: &str| answer.column(name);
    assert_eq!(column("identity"), [Value::from("1"), Value::from("2")]);
    assert_eq!(column("container"), [Value::from("UPTIME-TEST"), Value::Null]);
    assert_eq!(column("lastDlvSeconds"), [Value::Uint(3), Value::Null]);
    assert_eq!(column("uptimeSeconds"), [Value::Uint(61), Value::Uint(61)]);
    assert_eq!(column("isAuthenticated")[0], Value::Bool(true));
    assert_eq!(column("isEncrypted")[0], Value::Bool(false));
    assert_eq!(column("protocol")[0], Value::from("amqp"));
    for name in ["host", "role", "dir", "sasl", "user", "tenant", "sslProto", "sslCipher"] {
        assert_eq!(column(name).len(), 2);
    }
    let Value::Map(properties) = &column("properties")[0] else { panic!("no map") };
    assert_eq!(properties.get(&Value::from("int_property")), Some(&Value::Long(6451)));
}

#[test]
fn qdstat_l_gets_numbers_where_it_reckons() {
    let answer = only("qdstat -l");
    let (names, rows) = answer.table();
    assert_eq!((names.len(), rows.len()), (26, 2));
    for name in ["deliveriesDelayed1Sec", "deliveriesDelayed10Sec", "zeroCreditSeconds", "capacity", "priority"] {
        assert!(answer.column(name).iter().all(is_number), "{name}");
    }
    assert_eq!(answer.column("owningAddr")[0], Value::from("M0orders"));
    assert_eq!(answer.column("connectionId")[0], Value::from("1"));
}

#[test]
fn qdstat_a_gets_numbers_where_it_reckons() {
    let answer = only("qdstat -a");
    assert_eq!(answer.column("name"), [Value::from("L$management"), Value::from("M0orders")]);
    assert!(answer.column("priority").iter().all(|value| *value == Value::Int(-1)));
    assert!(answer.column("subscriberCount").iter().all(is_number));
}

#[test]
fn qdstat_n_sees_a_standalone_router() {
    assert_eq!(only("qdstat -n").table().1.len(), 0);
    assert_eq!(only("qdstat --autolinks").column("operStatus"), [Value::from("failed")]);
}

#[test]
fn qdmanage_queries_every_type() {
    assert_eq!(only("qdmanage query --type=listener").column("name").len(), 2);
    assert_eq!(only("qdmanage query --type=connector").column("connectionStatus"), [Value::from("SUCCESS")]);
    assert_eq!(only("qdmanage query --type=router.config.address").table().1.len(), 2);
    assert!(only("qdmanage query").table().1.len() > 10);
    assert_eq!(only("qdmanage query --type=router.link linkName linkDir").table().0, ["linkName", "linkDir"]);
    assert_eq!(only("qdmanage get-types --type=listener").status, 200);
    assert_eq!(only("qdmanage get-mgmt-nodes").body, Value::List(Vec::new()));
}

#[test]
fn qdmanage_reads_creates_and_deletes() {
    assert_eq!(only("qdmanage read --type=listener --name=clients").get("name"), &Value::from("clients"));
    let created = only("qdmanage create --type=listener port=5999 name=foo authenticatePeer=no");
    assert_eq!((created.status, created.get("name")), (201, &Value::from("foo")));
    assert_eq!(only("qdmanage delete --type=listener --name=clients").status, 204);
}
