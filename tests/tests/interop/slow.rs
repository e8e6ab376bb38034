//! Scenario S13: slow and stuck consumers. Credit never granted, deliveries never settled, a presettled flood.

use std::process::Command;
use std::time::Duration;

use crosstie_tests::frame::{self, Performative, data_message};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::transfer;
use crosstie_tests::place::router_binary;
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::Transfer;
use serde_json::Value;

/// More than what waits for one consumer may take.
const GROWTH_MAX_BYTES: u64 = 16 << 20;

/// Sends what credit allows until none comes for a moment, `max` at most; says how many.
fn fill(producer: &mut Peer, settled: bool, max: u32) -> u32 {
    let mut limit = producer.expect_credit();
    for id in 0..max {
        while id >= limit {
            match producer.next(Duration::from_millis(500)) {
                Arrival::Frame(frame) => {
                    if let Performative::Flow(flow) = &frame.performative
                        && let (Some(count), Some(credit)) = (flow.delivery_count, flow.link_credit)
                    {
                        limit = count + credit;
                    }
                }
                Arrival::Nothing => return id,
                other => panic!("{other:?}"),
            }
        }
        let part = Transfer { settled: Some(settled), ..transfer(0, id) };
        producer.send_bytes(&frame::amqp(0, &part, &message(id)));
    }
    max
}

/// What the router says about the links of an address.
fn links(router: &Router, address: &str) -> Vec<Value> {
    let mut command = Command::new(router_binary());
    command.args(["stat", "links", "--json", "--bus"]).arg(format!("amqp://{}", router.clients()));
    let output = command.output().expect("crosstie runs");
    let links: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
    let of_address = |link: &Value| link["owningAddr"].as_str().is_some_and(|found| found.ends_with(address));
    links.into_iter().filter(of_address).collect()
}

fn count(link: &Value, name: &str) -> u64 {
    link[name].as_u64().unwrap_or_else(|| panic!("no {name}: {link}"))
}

/// A kilobyte that tells the messages apart.
fn message(id: u32) -> Vec<u8> {
    data_message(&id.to_be_bytes().repeat(250))
}

fn consumer(router: &Router, address: &str, credit: u32) -> Peer {
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, address, credit);
    consumer.begin(1);
    consumer
}

fn producer(router: &Router, address: &str) -> Peer {
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, address);
    producer
}

#[test]
fn s13_without_credit_the_sender_runs_out_of_it_and_memory_stays() {
    let mut router = Router::plain();
    for settled in [false, true] {
        let address = format!("never/{settled}");
        let mut consumer = consumer(&router, &address, 0);
        let mut producer = producer(&router, &address);
        let before = router.peak_memory_bytes();
        let sent = fill(&mut producer, settled, 20_000);
        assert!(sent < 20_000, "the sender never runs out of credit");
        assert!(router.peak_memory_bytes() - before < GROWTH_MAX_BYTES, "{sent} messages");
        let frames = consumer.frames_until_begin(2);
        assert!(!frames.iter().any(|frame| matches!(frame.performative, Performative::Transfer(_))), "{frames:?}");
    }
    router.assert_healthy();
}

#[test]
fn s13_what_is_never_settled_stops_the_sender_and_is_settled_in_the_end() {
    let mut router = Router::plain();
    let mut consumer = consumer(&router, "held", 9000);
    let mut producer = producer(&router, "held");
    let before = router.peak_memory_bytes();
    let sent = fill(&mut producer, false, 9000);
    assert!(sent < 9000, "the sender never runs out of credit");
    assert!(router.peak_memory_bytes() - before < GROWTH_MAX_BYTES, "{sent} messages");
    let links = links(&router, "held");
    assert_eq!(links.iter().map(|link| count(link, "unsettledCount")).collect::<Vec<_>>(), [u64::from(sent); 2]);
    for id in 0..sent {
        let (delivery, _) = consumer.expect_transfer();
        assert_eq!(delivery.delivery_id, Some(id));
        consumer.settle(0, id, Accepted {}.into());
    }
    assert!(matches!(producer.expect_outcome(sent - 1), DeliveryState::Accepted(_)));
    router.assert_healthy();
}

#[test]
fn s13_a_presettled_flood_over_a_slow_consumer_loses_nothing_and_memory_stays() {
    const COUNT: u32 = 20_000;
    let mut router = Router::plain();
    let mut consumer = consumer(&router, "flood", 10_000);
    let mut producer = producer(&router, "flood");
    let before = router.peak_memory_bytes();
    let flooding = std::thread::spawn(move || {
        let sent = fill(&mut producer, true, COUNT);
        (producer, sent)
    });
    // it takes them when its peer has no more to send
    let (producer, sent) = flooding.join().expect("the producer");
    assert!(router.peak_memory_bytes() - before < GROWTH_MAX_BYTES, "{sent} messages");
    for id in 0..sent.min(10_000) {
        let (delivery, payload) = consumer.expect_transfer();
        assert_eq!((delivery.settled, payload == message(id)), (Some(true), true), "message {id}");
    }
    drop(producer);
    router.assert_healthy();
}

#[test]
fn s13_what_a_slow_multicast_consumer_cannot_take_is_dropped_and_counted() {
    const COUNT: u32 = 5000;
    let multicast = "address {\n    prefix \"all\"\n    distribution \"multicast\"\n}";
    let mut router = Router::start(&plain_kdl(multicast));
    let slow = consumer(&router, "all/slow", 0);
    let mut fast = consumer(&router, "all/slow", COUNT);
    let mut producer = producer(&router, "all/slow");
    let before = router.peak_memory_bytes();
    let taking = std::thread::spawn(move || {
        for id in 0..COUNT {
            assert!(fast.expect_transfer().1 == message(id), "message {id}");
        }
        fast
    });
    assert_eq!(fill(&mut producer, true, COUNT), COUNT, "a slow consumer holds up nobody");
    let fast = taking.join().expect("the fast consumer has all");
    assert!(router.peak_memory_bytes() - before < GROWTH_MAX_BYTES);
    let links = links(&router, "all/slow");
    let dropped: Vec<u64> =
        links.iter().map(|link| count(link, "droppedPresettledCount")).filter(|count| *count > 0).collect();
    let waiting: u64 = links.iter().map(|link| count(link, "undeliveredCount")).sum();
    assert_eq!((dropped.len(), dropped.iter().sum::<u64>() + waiting), (1, u64::from(COUNT)), "{links:?}");
    drop((slow, fast));
    router.assert_healthy();
}

#[test]
fn s13_what_is_stuck_and_who_is_blocked_is_counted() {
    // these peers send no heartbeats
    let router = Router::start(&plain_kdl("").replace("port 0\n", "port 0\n    idle-timeout \"0s\"\n"));
    let mut consumer = consumer(&router, "stuck", 1);
    let mut producer = producer(&router, "stuck");
    producer.expect_credit();
    producer.send_message(0, 0, 0, b"never settled");
    consumer.expect_transfer();
    let general = || {
        let mut command = Command::new(router_binary());
        command.args(["stat", "general", "--json", "--bus"]).arg(format!("amqp://{}", router.clients()));
        let output = command.output().expect("crosstie runs");
        let rows: Vec<Value> = serde_json::from_slice(&output.stdout).expect("JSON");
        rows.into_iter().next().expect("the router")
    };
    let end = std::time::Instant::now() + Duration::from_secs(60);
    loop {
        let now = general();
        let links = links(&router, "stuck");
        let stuck = links.iter().all(|link| count(link, "deliveriesStuck") == 1);
        if stuck && count(&now, "deliveriesStuck") == 1 && count(&now, "linksBlocked") == 1 {
            return;
        }
        assert!(std::time::Instant::now() < end, "{now}\n{links:?}");
        std::thread::sleep(Duration::from_millis(500));
    }
}
