//! ActiveMQ Artemis behind the router: a queue as a waypoint, and a second broker when the first is killed.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, plain_kdl};

const COUNT: usize = 1000;

fn kdl(first: SocketAddr, second: SocketAddr) -> String {
    plain_kdl(&format!(
        r#"
connector "my-broker" {{
    role "route-container"
    endpoint "amqp://{first}" priority=0
    endpoint "amqp://{second}" priority=1
    sasl-username "artemis"
    sasl-password "literal:artemis"
    allow-plain-without-tls
    failover {{
        backoff base="200ms" cap="1s" jitter=0.1
    }}
}}
address {{
    prefix "orders"
    waypoint
}}
auto-link "orders-out" {{
    address "orders"
    direction "out"
    connection "my-broker"
    external-address "Q.ORDERS"
}}
auto-link "orders-in" {{
    address "orders"
    direction "in"
    connection "my-broker"
    external-address "Q.ORDERS"
}}"#
    ))
}

/// The ids of messages that reached the consumer so far.
fn received(consumer: &Proton) -> BTreeSet<u64> {
    consumer.events_so_far("message").iter().filter_map(|message| message["id"].as_u64()).collect()
}

/// The indexes (which are the ids) of messages that were acknowledged to the producer.
fn accepted(producer: &Proton) -> BTreeSet<u64> {
    let outcomes = producer.events_so_far("outcome");
    let accepted = outcomes.iter().filter(|outcome| outcome["state"] == "accepted");
    accepted.filter_map(|outcome| outcome["index"].as_u64()).collect()
}

/// Waits until no acknowledged message is missing; gives those that still are.
fn missing(producer: &Proton, consumer: &Proton, patience: Duration) -> BTreeSet<u64> {
    let end = Instant::now() + patience;
    loop {
        let missing: BTreeSet<u64> = accepted(producer).difference(&received(consumer)).copied().collect();
        if missing.is_empty() || Instant::now() > end {
            return missing;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Starts one broker again and kills the other, until nothing is missing; gives what still is.
fn bring_back(first: &mut Artemis, second: &mut Artemis, producer: &Proton, consumer: &Proton) -> BTreeSet<u64> {
    let mut still_missing = missing(producer, consumer, Duration::from_secs(2));
    if !still_missing.is_empty() {
        first.start_again();
        second.kill();
        still_missing = missing(producer, consumer, Duration::from_secs(20));
    }
    if !still_missing.is_empty() {
        second.start_again();
        first.kill();
        still_missing = missing(producer, consumer, Duration::from_secs(20));
    }
    still_missing
}

#[test]
fn a_waypoint_queue_survives_the_loss_of_its_broker() {
    let starting = std::thread::spawn(Artemis::start);
    let mut first = Artemis::start();
    let mut second = starting.join().expect("the second broker");
    let mut router = Router::start(&kdl(first.addr(), second.addr()));

    let mut consumer = Proton::start("receive", router.clients(), "--address orders --count 1000000 --credit 20");
    consumer.event("attached");
    let args = format!("--address orders --count {COUNT} --sizes 1,1000 --window 20 --durable");
    let mut producer = Proton::start("send", router.clients(), &args);
    for _ in 0..COUNT * 2 / 5 {
        consumer.event("message");
    }

    let mark = router.log_mark();
    first.kill();
    router.wait_log(mark, Duration::from_secs(30), &["my-broker", &second.addr().port().to_string()]);
    producer.event_within("done", Duration::from_secs(90));
    producer.finish();
    assert_eq!(producer.events_so_far("outcome").len(), COUNT, "each message has one outcome");
    let acknowledged = accepted(&producer).len();
    assert!(acknowledged > COUNT * 9 / 10, "only {acknowledged} of {COUNT} were accepted");

    // What the first broker had stored is there when it is back and the router returns to it.
    let still_missing = bring_back(&mut first, &mut second, &producer, &consumer);
    assert!(still_missing.is_empty(), "acknowledged, but never delivered: {still_missing:?}");
    router.assert_healthy();
}

#[test]
fn the_broker_alone_keeps_what_it_stored_when_it_is_killed() {
    let mut broker = Artemis::start();
    let args = "--address Q.KEPT --count 50 --durable";
    let mut producer = Proton::start("send", broker.addr(), args);
    producer.finish();
    assert_eq!(accepted(&producer).len(), 50);
    broker.kill();
    broker.start_again();
    let mut consumer = Proton::start("receive", broker.addr(), "--address Q.KEPT --count 50");
    consumer.finish();
    assert_eq!(received(&consumer), accepted(&producer));
}
