//! Messages between the libraries, each to each: every body arrives as it was sent, every outcome travels back.

use std::net::SocketAddr;
use std::time::Duration;

use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::native::{Client, receive, runtime, within};
use crosstie_tests::place::free_port;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use fe2o3_amqp::link::receiver::CreditMode;
use fe2o3_amqp_types::messaging::Body;
use serde_json::Value;

const SIZES: [usize; 4] = [0, 1, 10 << 10, 1 << 20];
/// A sender that goes at once may lose what its session window held back.
const SETTLED: &str = "--settled --keep";
const OUTCOMES: [&str; 8] =
    ["accepted", "accepted", "accepted", "accepted", "rejected", "released", "modified", "accepted"];

fn pairs() -> impl Iterator<Item = (Library, Library)> {
    Library::ALL.into_iter().flat_map(|from| Library::ALL.map(|to| (from, to)))
}

fn digests(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["sha256"].as_str().expect("a digest")).collect()
}

/// Sends `count` messages of these sizes and checks that they are the same at the other end; gives the sender's outcomes.
fn exchange(addr: SocketAddr, (from, to): (Library, Library), count: usize, sizes: &[usize], more: &str) -> Vec<Value> {
    let address = format!("exchange/{from:?}/{to:?}");
    let outcomes = OUTCOMES.join(",");
    let settled = more.contains(SETTLED);
    let args = format!("--address {address} --count {count} --outcome {outcomes}");
    let mut receiver = Driver::start(to, "receive", addr, &args);
    receiver.event("attached");
    let sizes = sizes.iter().map(usize::to_string).collect::<Vec<_>>().join(",");
    let args = format!("--address {address} --count {count} --sizes {sizes} {more}");
    let mut sender = Driver::start(from, "send", addr, &args);
    sender.event("done");
    receiver.event("done");
    receiver.finish();
    if settled {
        sender.kill();
    } else {
        sender.finish();
    }
    let (sent, received) = (sender.events_so_far("sent"), receiver.events_so_far("message"));
    assert_eq!(sent.len(), count);
    assert_eq!(digests(&sent), digests(&received), "{from:?} to {to:?}: bodies as they were sent, in order");
    for message in received {
        // not every library says, and rhea looks at the first frame alone where go-amqp says so in the last
        let seen = message["settled"].as_bool();
        let known = seen.is_none_or(|seen| seen == settled) || (from, to) == (Library::GoAmqp, Library::Rhea);
        assert!(known, "{from:?} to {to:?}: settled or not as it was sent");
    }
    sender.events_so_far("outcome")
}

fn assert_outcome(pair: (Library, Library), outcome: &Value) {
    let index = usize::try_from(outcome["index"].as_u64().expect("an index")).expect("small");
    let expected = OUTCOMES[index % OUTCOMES.len()];
    assert_eq!(outcome["state"], expected, "{pair:?}: {outcome}");
    if expected == "rejected" {
        assert_eq!(outcome["condition"], "test:refused", "{pair:?}: {outcome}");
        assert_eq!(outcome["description"], "not today", "{pair:?}: {outcome}");
    }
    if expected == "modified" {
        assert_eq!(outcome["failed"], true, "{pair:?}: {outcome}");
        assert_eq!(outcome["undeliverable"], true, "{pair:?}: {outcome}");
    }
}

#[test]
fn every_outcome_travels_back_from_each_library_to_each() {
    let mut router = Router::plain();
    for pair in pairs() {
        let outcomes = exchange(router.clients(), pair, OUTCOMES.len(), &SIZES, "");
        assert_eq!(outcomes.len(), OUTCOMES.len(), "{pair:?}: one outcome for each message");
        outcomes.iter().for_each(|outcome| assert_outcome(pair, outcome));
    }
    router.assert_healthy();
}

#[test]
fn settled_messages_arrive_whole_from_each_library_at_each() {
    let mut router = Router::plain();
    for pair in pairs() {
        let outcomes = exchange(router.clients(), pair, SIZES.len(), &SIZES, SETTLED);
        assert_eq!(outcomes.len(), 0, "{pair:?}: {outcomes:?}");
    }
    router.assert_healthy();
}

#[test]
fn ten_megabytes_arrive_whole_from_and_at_every_library() {
    let mut router = Router::plain();
    for (index, from) in Library::ALL.into_iter().enumerate() {
        let to = Library::ALL[(index + 1) % Library::ALL.len()];
        for more in ["", SETTLED] {
            exchange(router.clients(), (from, to), 1, &[10_000_000], more);
        }
    }
    router.assert_healthy();
}

#[test]
fn a_library_drains_the_credit_that_is_left() {
    let mut router = Router::plain();
    // fe2o3-amqp does not say when it is drained
    for library in [Library::Proton, Library::Rhea, Library::GoAmqp] {
        let args = format!("--address drain/{library:?} --count 3 --credit 10 --drain");
        let mut receiver = Driver::start(library, "receive", router.clients(), &args);
        receiver.event("attached");
        let args = format!("--address drain/{library:?} --count 3");
        let mut sender = Driver::start(Library::GoAmqp, "send", router.clients(), &args);
        sender.finish();
        assert_eq!(receiver.event("drained")["credit"], 0, "{library:?}");
        receiver.finish();
    }
    router.assert_healthy();
}

#[test]
fn every_library_comes_back_after_a_close_and_a_kill() {
    let kdl = plain_kdl("").replace("port 0", &format!("port {}", free_port()));
    let mut router = Router::start(&kdl);
    let addr = router.clients();
    let mut drivers: Vec<Driver> = Vec::new();
    for library in Library::ALL.into_iter().chain([Library::Jms]) {
        let args = format!("--address back/{library:?} --count 1000000 --reconnect");
        drivers.push(Driver::start(library, "receive", addr, &args));
        drivers.push(Driver::start(library, "send", addr, &format!("{args} --window 1")));
    }
    drivers.iter_mut().for_each(assert_works);
    router.terminate();
    let mut router = restart(&kdl, &mut drivers);
    router.process().signal("KILL");
    router.wait_exit(DEADLINE);
    let mut router = restart(&kdl, &mut drivers);
    router.assert_healthy();
}

/// A message came, or one was accepted.
fn assert_works(driver: &mut Driver) {
    while driver.any_of(&["message", "outcome"], DEADLINE)["state"].as_str().is_some_and(|state| state != "accepted") {}
}

/// Another router at the same place, in which all goes on.
fn restart(kdl: &str, drivers: &mut [Driver]) -> Router {
    for driver in drivers.iter_mut() {
        driver.event("disconnected");
    }
    let router = Router::start(kdl);
    drivers.iter_mut().for_each(assert_works);
    router
}

#[test]
fn annotations_of_a_modified_outcome_reach_the_sender() {
    let router = Router::plain();
    let addr = router.clients();
    let mut receiver = Proton::start("receive", addr, "--address annotated --outcome modified");
    receiver.event("attached");
    let mut sender = Proton::start("send", addr, "--address annotated --count 1");
    assert_eq!(sender.event("outcome")["annotations"]["why"], "test");
    sender.finish();
}

#[test]
fn fe2o3_gets_nothing_after_its_drain_until_it_grants_again() {
    let router = Router::plain();
    let addr = router.clients();
    runtime().block_on(async {
        let mut consumer = Client::open(addr, "consumer").await;
        let mut receiver = consumer.receiver("in", "drained", 10).await;
        receiver.set_credit_mode(CreditMode::Manual);
        within("drain", receiver.drain()).await.expect("drained");
        // the router has read the drain when it answers what the same connection asks next
        let _later = consumer.receiver("later", "elsewhere", 1).await;
        let mut sender = Driver::start(Library::GoAmqp, "send", addr, "--address drained");
        sender.event("sent");
        let early = tokio::time::timeout(Duration::from_millis(300), receiver.recv::<Body<serde_amqp::Value>>()).await;
        assert!(early.is_err(), "a message after the drain");
        within("credit", receiver.set_credit(1)).await.expect("granted");
        let delivery = receive(&mut receiver).await;
        receiver.accept(&delivery).await.expect("accepted");
        assert_eq!(sender.event("outcome")["state"], "accepted");
        consumer.close().await;
    });
}

#[test]
fn jms_exchanges_with_each_library() {
    let mut router = Router::plain();
    for library in Library::ALL {
        for pair in [(Library::Jms, library), (library, Library::Jms)] {
            let outcomes = exchange(router.clients(), pair, OUTCOMES.len(), &SIZES, "");
            assert_eq!(outcomes.len(), OUTCOMES.len(), "{pair:?}: one outcome for each message");
            for outcome in &outcomes {
                let index = usize::try_from(outcome["index"].as_u64().expect("an index")).expect("small");
                // JMS gives no condition, and hears none
                assert_eq!(outcome["state"], OUTCOMES[index], "{pair:?}: {outcome}");
            }
        }
    }
    exchange(router.clients(), (Library::Jms, Library::Jms), SIZES.len(), &SIZES, SETTLED);
    router.assert_healthy();
}
