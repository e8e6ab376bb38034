//! Queues on brokers as waypoints: on one broker of each kind, sharded over two, and with the broker away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::classic::Classic;
use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::frame::{Frame, Performative, data_message};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, flow, open};
use crosstie_tests::proton::Proton;
use crosstie_tests::rabbit::Rabbit;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::{self, AmqpError, Role};
use fe2o3_amqp_types::messaging::{Accepted, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Detach};
use serde_json::Value;

/// A connector and a pair of auto-links for each broker, of one waypoint address.
fn kdl(address: &str, brokers: &[(SocketAddr, String)]) -> String {
    let mut more = format!("address {{\n    prefix \"{address}\"\n    waypoint\n}}\n");
    for (index, (addr, queue)) in brokers.iter().enumerate() {
        more.push_str(&format!(
            "connector \"broker-{index}\" {{\n    role \"route-container\"\n    endpoint \"amqp://{addr}\"\n    \
             failover {{\n        backoff base=\"200ms\" cap=\"1s\" jitter=0.0\n    }}\n}}\n"
        ));
        for direction in ["out", "in"] {
            more.push_str(&format!(
                "auto-link \"{direction}-{index}\" {{\n    address \"{address}\"\n    direction \"{direction}\"\n    \
                 connection \"broker-{index}\"\n    external-address \"{queue}\"\n}}\n"
            ));
        }
    }
    plain_kdl(&more)
}

fn ids(events: &[Value], field: &str) -> BTreeSet<u64> {
    events.iter().filter_map(|event| event[field].as_u64()).collect()
}

fn states(sender: &Driver) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for outcome in sender.events_so_far("outcome") {
        *states.entry(outcome["state"].as_str().expect("a state").to_owned()).or_default() += 1;
    }
    states
}

/// Messages wait in the queue while nobody receives, and come out whole.
fn assert_queue_works(broker: &dyn Broker, library: Library) {
    let mut router = Router::start(&kdl("q.one", &[(broker.addr(), broker.queue("EXT.one"))]));
    let addr = router.clients();
    let stored = send(library, addr, 50);
    let mut receiver = Driver::start(library, "receive", addr, "--address q.one --count 70");
    for _ in 0..50 {
        receiver.event("message");
    }
    let passed = send(library, addr, 20);
    receiver.finish();
    let mut sent = digests(&stored, "sent");
    sent.extend(digests(&passed, "sent"));
    sent.sort();
    let mut received = digests(&receiver, "message");
    received.sort();
    assert_eq!(sent, received, "{broker:?}: bodies as they were sent");
    router.assert_healthy();
}

/// The receiver goes, the queue keeps what comes, and the next receiver has it.
fn assert_receivers_come_and_go(broker: &dyn Broker) {
    let router = Router::start(&kdl("q.one", &[(broker.addr(), broker.queue("EXT.two"))]));
    let addr = router.clients();
    for _ in 0..3 {
        let mut receiver = Proton::start("receive", addr, "--address q.one --count 5");
        receiver.event("attached");
        send(Library::Proton, addr, 5);
        receiver.finish();
        send(Library::Proton, addr, 50);
        let mut late = Proton::start("receive", addr, "--address q.one --count 50");
        late.finish();
        assert_eq!(ids(&late.events_so_far("message"), "id"), (0..50).collect());
    }
}

/// Sends messages that are all accepted.
fn send(library: Library, addr: SocketAddr, count: usize) -> Driver {
    let args = format!("--address q.one --count {count} --sizes 1,1000,20000 --durable");
    let mut sender = Driver::start(library, "send", addr, &args);
    sender.finish();
    assert_eq!(states(&sender), BTreeMap::from([("accepted".to_owned(), count)]));
    sender
}

fn digests(driver: &Driver, name: &str) -> Vec<String> {
    driver.events_so_far(name).iter().map(|event| event["sha256"].to_string()).collect()
}

#[test]
fn s04_a_queue_on_artemis_is_used_through_the_router() {
    let broker = Artemis::start();
    assert_queue_works(&broker, Library::Proton);
    assert_queue_works(&broker, Library::Jms);
    assert_receivers_come_and_go(&broker);
}

#[test]
fn s04_a_queue_on_activemq_classic_is_used_through_the_router() {
    let broker = Classic::start();
    assert_queue_works(&broker, Library::Proton);
    assert_queue_works(&broker, Library::Jms);
    assert_receivers_come_and_go(&broker);
}

#[test]
fn s04_a_queue_on_rabbitmq_is_used_through_the_router() {
    let broker = Rabbit::start(&["EXT.one"]);
    assert_queue_works(&broker, Library::Proton);
    // RabbitMQ 3.10 ends the session when the router drains it, after the last receiver went: the auto-links come back
    assert_queue_works(&broker, Library::Jms);
}
