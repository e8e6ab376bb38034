//! Queues on brokers as waypoints: on one broker of each kind, sharded over two, and with the broker away.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::classic::Classic;
use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::frame::{Frame, Performative};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{flow, receiver, sender};
use crosstie_tests::proton::Proton;
use crosstie_tests::rabbit::Rabbit;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::{Accepted, TargetArchetype};
use fe2o3_amqp_types::performatives::Attach;
use fe2o3_amqp_types::primitives::{Array, Symbol};
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

/// The phases that a waypoint has anyhow, written out at the auto-links, and others, where the rule says so.
#[test]
fn s04_auto_links_with_phases_of_their_own_use_a_queue_on_artemis() {
    let broker = Artemis::start();
    let plain = kdl("q.one", &[(broker.addr(), broker.queue("EXT.phases"))]);
    for (out, back, rule) in [(0, 1, "waypoint"), (3, 5, "ingress-phase 3\n    egress-phase 5")] {
        let phase = |direction: &str, phase: u8| {
            (format!("direction \"{direction}\"\n"), format!("direction \"{direction}\"\n    phase {phase}\n"))
        };
        let ((out_was, out), (in_was, back)) = (phase("out", out), phase("in", back));
        let kdl =
            plain.replace(&out_was, &out).replace(&in_was, &back).replace("    waypoint\n", &format!("    {rule}\n"));
        let mut router = Router::start(&kdl);
        send(Library::Proton, router.clients(), 20);
        let mut receiver = Proton::start("receive", router.clients(), "--address q.one --count 20");
        receiver.finish();
        assert_eq!(ids(&receiver.events_so_far("message"), "id"), (0..20).collect());
        router.assert_healthy();
    }
}

fn capable(mut attach: Attach, capabilities: &[&str]) -> Attach {
    let list = Array::from(capabilities.iter().map(|name| Symbol::from(*name)).collect::<Vec<_>>());
    match (&attach.role, attach.target.as_deref_mut()) {
        (Role::Sender, Some(TargetArchetype::Target(target))) => target.capabilities = Some(list),
        _ => attach.source.as_mut().expect("a source").capabilities = Some(list),
    }
    attach
}

/// A peer that takes what its phase has, and gives it back in the next one.
fn waypoint(addr: SocketAddr, address: &str, capabilities: &[&str]) -> Peer {
    let mut peer = Peer::session(addr, "waypoint");
    for (attach, handle) in [(receiver(0, address), 0), (sender(1, address), 1)] {
        let attach = capable(attach, capabilities);
        peer.send(0, &attach);
        peer.expect_attach(&attach.name);
        if handle == 0 {
            peer.send(0, &flow(0, 0, 10));
        }
    }
    peer
}

/// As Qpid Dispatch 1.20 was seen to do it.
#[test]
fn s04_peers_that_say_they_are_waypoints_choose_their_phases() {
    let rule = |prefix: &str, more: &str| format!("address {{\n    prefix \"{prefix}\"\n    {more}\n}}\n");
    let kdl = plain_kdl(&(rule("q", "waypoint") + &rule("two", "egress-phase 2")));
    let router = Router::start(&kdl);
    let addr = router.clients();
    let cases: [(&str, &[&[&str]]); 4] = [
        ("q.a", &[&["qd.waypoint"]]),
        ("q.b", &[&["queue", "qd.waypoint.1"]]),
        ("two.c", &[&["qd.waypoint.1"], &["qd.waypoint.2"]]),
        ("q.d", &[&["qd.waypoint.1", "qd.waypoint.7"]]),
    ];
    for (address, chain) in cases {
        let mut client = Peer::session(addr, "client");
        client.attach_receiver(0, 0, address, 10);
        let mut points: Vec<Peer> = chain.iter().map(|capabilities| waypoint(addr, address, capabilities)).collect();
        client.attach_sender(0, 1, address);
        client.expect_credit();
        client.send_message(0, 1, 0, b"m");
        for point in &mut points {
            let (_, message) = point.expect_transfer();
            assert!(message.ends_with(b"m"), "{address}: {message:?}");
            point.settle(0, 0, Accepted {}.into());
            point.send_message(0, 1, 0, b"m");
        }
        let (_, message) = client.expect_transfer();
        assert!(message.ends_with(b"m"), "{address}: {message:?}");
    }
    // what an address has of its own is another phase, and a capability of another name none
    let mut point = waypoint(addr, "plain", &["qd.waypoint.3"]);
    let mut client = Peer::session(addr, "client");
    client.attach_sender(0, 1, "plain");
    client.send(0, &capable(sender(2, "plain"), &["qd.waypoint.0", "qd.waypoint.10"]));
    client.expect_attach("sender-2");
    let frames = client.frames_until_begin(1);
    assert!(!frames.iter().any(grants), "credit without a consumer: {frames:?}");
    client.send(0, &capable(sender(3, "plain"), &["qd.waypoint.2"]));
    client.expect_attach("sender-3");
    client.expect_credit();
    client.send_message(0, 3, 0, b"in phase 2");
    assert!(point.expect_transfer().1.ends_with(b"in phase 2"));
    let keys: Vec<_> =
        router.stat("addresses").iter().filter_map(|row| row["key"].as_str().map(str::to_owned)).collect();
    assert!(["M0plain", "M2plain", "M3plain"].iter().all(|key| keys.iter().any(|found| found == key)), "{keys:?}");
}

#[test]
fn s04_a_queue_on_activemq_classic_is_used_through_the_router() {
    let broker = Classic::start();
    assert_queue_works(&broker, Library::Proton);
    assert_queue_works(&broker, Library::Jms);
    assert_receivers_come_and_go(&broker);
}

/// RabbitMQ 3.10 ends the session when it is to drain: with its last receiver gone, its credit is taken back or used up instead.
#[test]
fn s04_a_queue_on_rabbitmq_is_used_through_the_router() {
    let broker = Rabbit::start(&["EXT.one"]);
    assert_queue_works(&broker, Library::Proton);
    assert_queue_works(&broker, Library::Jms);
}

#[test]
fn s04_a_queue_sharded_over_two_brokers_goes_on_with_one() {
    let starting = std::thread::spawn(Classic::start);
    let first = Artemis::start();
    let mut second = starting.join().expect("the second broker");
    let brokers = [(first.addr(), first.queue("EXT.one")), (second.addr(), second.queue("EXT.one"))];
    let mut router = Router::start(&kdl("q.one", &brokers));
    for link in ["out-0", "in-0", "out-1", "in-1"] {
        router.wait_log(0, DEADLINE, &["auto-link attached", link]);
    }
    let addr = router.clients();

    // nobody receives through the router, so that each broker keeps its share
    let sender = send(Library::Proton, addr, 100);
    let mut shares = Vec::new();
    for broker in [&first as &dyn Broker, &second] {
        let args = format!("--address {} --count 101 --credit 200 --outcome released", broker.queue("EXT.one"));
        let mut look = Proton::start("receive", broker.addr(), &args);
        for _ in 0..10 {
            look.event("message");
        }
        look.kill();
        shares.push(look.events_so_far("message").len());
    }
    assert!(shares.iter().all(|share| *share >= 10), "each broker has a share: {shares:?}");
    let mut receiver = Proton::start("receive", addr, "--address q.one --count 1000000");
    for _ in 0..100 {
        receiver.event("message");
    }
    assert_eq!(ids(&receiver.events_so_far("message"), "id"), ids(&sender.events_so_far("sent"), "index"));

    let mut sender = Proton::start("send", addr, "--address q.one --count 1000 --sizes 1,1000 --durable --window 50");
    for _ in 0..300 {
        sender.event("outcome");
    }
    second.kill();
    sender.finish();
    let outcomes = states(&sender);
    assert_eq!(outcomes.values().sum::<usize>(), 1000, "each has one outcome: {outcomes:?}");
    let (accepted, lost) = (outcomes["accepted"], 1000 - outcomes["accepted"]);
    assert!(lost <= 50 && !outcomes.contains_key("rejected"), "the rest flows on: {outcomes:?}");
    second.start_again();
    receiver.skip();
    let wanted: BTreeSet<u64> = {
        let all = sender.events_so_far("outcome");
        all.iter().filter(|outcome| outcome["state"] == "accepted").filter_map(|o| o["index"].as_u64()).collect()
    };
    assert_eq!(wanted.len(), accepted);
    await_ids(&mut receiver, 100, &wanted);
    router.assert_healthy();
}

/// Waits until the messages after the first `skipped` have brought all of these ids.
fn await_ids(receiver: &mut Driver, skipped: usize, wanted: &BTreeSet<u64>) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        let events = receiver.events_so_far("message");
        let seen = ids(&events[skipped..], "id");
        let missing: Vec<_> = wanted.difference(&seen).collect();
        if missing.is_empty() {
            return;
        }
        assert!(Instant::now() < end, "accepted, but never delivered: {missing:?}");
        receiver.event("message");
    }
}

#[test]
fn s04_without_its_broker_a_sender_has_no_credit_and_no_refusal() {
    let mut broker = Artemis::start();
    let queue = broker.queue("EXT.one");
    let mut router = Router::start(&kdl("q.one", &[(broker.addr(), queue)]));
    let addr = router.clients();
    send(Library::Proton, addr, 10);
    let mut sender =
        Proton::start("send", addr, "--address q.one --count 1000000 --window 1 --durable --report-credit");
    sender.event("outcome");
    broker.kill();
    let mark = router.log_mark();
    router.wait_log(mark.saturating_sub(30), DEADLINE, &["connection lost", "broker-0"]);

    // who comes now attaches, and has no credit
    let mut late = Peer::session(addr, "late");
    late.attach_sender(0, 0, "q.one");
    let frames = late.frames_until_begin(1);
    assert!(!frames.iter().any(grants), "credit without a broker: {frames:?}");
    sender.skip();
    broker.start_again();
    late.expect_credit();
    late.send_message(0, 0, 0, b"late");
    late.expect_outcome(0);
    let outcome = sender.event("outcome");
    assert!(outcome["state"] != "rejected", "{outcome}");
    for outcome in sender.events_so_far("outcome") {
        assert!(["accepted", "modified", "released"].contains(&outcome["state"].as_str().unwrap()), "{outcome}");
    }
    assert!(sender.events_so_far("detached").is_empty() && sender.events_so_far("closed").is_empty());
    router.assert_healthy();
}

fn grants(frame: &Frame) -> bool {
    matches!(&frame.performative, Performative::Flow(flow) if flow.link_credit.is_some_and(|credit| credit > 0))
}
