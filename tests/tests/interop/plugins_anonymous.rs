//! Plugins that decide about the addresses that messages name, on links without one.

use std::time::{Duration, Instant};

use crosstie_tests::frame::condition;
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::transfer;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::router::Router;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Released};
use fe2o3_amqp_types::performatives::Transfer;

use crate::distribution::{attach_anonymous, message_to};
use crate::plugins::router_with;

/// All addresses are `common/ground`; `ttl_ms`: for how long that may be remembered.
fn common_ground(ttl_ms: u64) -> Vec<u8> {
    let ruling = vec![("address", Cbor::Text("common/ground")), ("ttl-ms", Cbor::Uint(ttl_ms))];
    Cbor::Map(vec![("apply", Cbor::Map(ruling))]).bytes()
}

fn denial(ttl_ms: u64) -> Vec<u8> {
    let denial = vec![("refusal", refusal("test:custom", "not there", "rule 12")), ("ttl-ms", Cbor::Uint(ttl_ms))];
    Cbor::Map(vec![("deny", Cbor::Map(denial))]).bytes()
}

fn on_address(answer: Vec<u8>) -> [(&'static str, Hook); 1] {
    [("on_address", Hook::Answer(answer))]
}

/// A sender without an address.
fn sender(router: &Router) -> Peer {
    let mut peer = Peer::session(router.clients(), "sender");
    attach_anonymous(&mut peer, 0);
    peer
}

fn consumer(router: &Router, address: &str) -> Peer {
    let mut peer = Peer::session(router.clients(), "consumer");
    peer.attach_receiver(0, 0, address, 1000);
    peer.begin(1);
    peer
}

/// Calls of the plugin so far.
fn calls(router: &Router) -> u64 {
    router.stat("plugins")[0]["decisions"].as_u64().expect("a number")
}

fn take(consumer: &mut Peer) -> Vec<u8> {
    let (delivery, message) = consumer.expect_transfer();
    consumer.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
    message
}

#[test]
fn messages_go_where_the_plugin_says_and_it_is_asked_once_while_that_holds() {
    for (ttl_ms, asked) in [(3_600_000, 2), (0, 20)] {
        let mut router = router_with(&on_address(common_ground(ttl_ms)), "", "");
        let mut consumer = consumer(&router, "anywhere");
        let mut sender = sender(&router);
        let before = calls(&router);
        for id in 0..20 {
            let message = message_to(["q/even", "q/odd"][usize::from(id % 2 == 1)]);
            sender.send_with(0, &transfer(0, id), &message);
            assert_eq!(take(&mut consumer), message);
            assert!(matches!(sender.expect_outcome(id), DeliveryState::Accepted(_)));
        }
        assert_eq!(calls(&router) - before, asked, "{ttl_ms} ms");
        router.assert_healthy();
    }
}

/// All at once, some in several frames: nothing overtakes what waits for an answer.
#[test]
fn what_comes_behind_a_message_that_is_asked_about_keeps_its_order() {
    let mut router = router_with(&on_address(common_ground(0)), "", "");
    let mut consumer = consumer(&router, "anywhere");
    let mut sender = sender(&router);
    let messages: Vec<_> = (0..50_u8).map(|id| [message_to(&format!("q/{}", id % 7)), vec![id; 3]].concat()).collect();
    for (id, message) in (0..).zip(&messages) {
        let (head, rest) = message.split_at(if id % 3 == 0 { 12 } else { message.len() });
        let more = !rest.is_empty();
        sender.send_with(0, &Transfer { more, ..transfer(0, id) }, head);
        if more {
            sender.send_with(0, &Transfer { delivery_tag: None, ..transfer(0, id) }, rest);
        }
    }
    for message in &messages {
        let (delivery, mut came) = consumer.expect_transfer();
        let mut more = delivery.more;
        while more {
            let (next, rest) = consumer.expect_transfer();
            came.extend(rest);
            more = next.more;
        }
        assert_eq!(came, *message);
    }
    router.assert_healthy();
}

#[test]
fn a_refused_message_is_rejected_with_the_reason_and_the_link_goes_on() {
    for (ttl_ms, asked) in [(3_600_000, 1), (0, 3)] {
        let mut router = router_with(&on_address(denial(ttl_ms)), "", "");
        let mut sender = sender(&router);
        for id in 0..3 {
            sender.send_with(0, &transfer(0, id), &message_to("theirs"));
            let DeliveryState::Rejected(rejected) = sender.expect_outcome(id) else { panic!("not rejected") };
            let error = rejected.error.expect("an error");
            assert_eq!(condition(&error.condition), "test:custom");
            assert_eq!(error.description.as_deref(), Some("not there"));
            let info = format!("{:?}", error.info);
            assert!(info.contains("rules") && info.contains("rule 12"), "{info}");
        }
        let settled = Transfer { settled: Some(true), ..transfer(0, 3) };
        sender.send_with(0, &settled, &message_to("theirs"));
        // what is the router's own is nobody's affair
        sender.send_with(0, &transfer(0, 4), &message_to("_local/nobody"));
        assert!(matches!(sender.expect_outcome(4), DeliveryState::Released(Released {})));
        assert_eq!(calls(&router), asked + u64::from(ttl_ms == 0));
        let links = router.stat("links");
        let dropped = links.iter().filter_map(|link| link["droppedPresettledCount"].as_u64()).sum::<u64>();
        assert_eq!(dropped, 1, "{links:?}");
        router.assert_healthy();
    }
}

/// Puts another plugin in its place, and waits until that is asked.
fn replace(router: &Router, module: &[u8]) {
    let hash = || router.stat("plugins")[0]["hash"].clone();
    let (before, begun) = (hash(), Instant::now());
    router.dir().write("plugins/rules.wasm", module);
    while hash() == before {
        assert!(begun.elapsed() < DEADLINE, "it is not replaced");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// A failure is not remembered, as little as what was decided by plugins that are there no more.
#[test]
fn a_plugin_that_changes_or_fails_is_asked_again() {
    let mut router = router_with(&[("on_address", Hook::Trap)], "", "");
    let mut consumer = consumer(&router, "q");
    let mut sender = sender(&router);
    for id in 0..2 {
        sender.send_with(0, &transfer(0, id), &message_to("q"));
        take(&mut consumer);
        assert!(matches!(sender.expect_outcome(id), DeliveryState::Accepted(_)));
    }
    let failures = &router.stat("plugins")[0]["failures"]["trap"];
    assert_eq!(failures.as_u64(), Some(3), "{failures}: at the attach, and for each message");
    let answers = [(denial(3_600_000), false), (Vec::new(), true), (denial(3_600_000), false)];
    for (round, (answer, passes)) in (1..).zip(answers) {
        replace(&router, &module(&on_address(answer)));
        for id in [2 * round, 2 * round + 1] {
            sender.send_with(0, &transfer(0, id), &message_to("q"));
            if passes {
                take(&mut consumer);
            }
            assert_eq!(matches!(sender.expect_outcome(id), DeliveryState::Accepted(_)), passes, "round {round}");
        }
    }
    // and without a plugin nothing holds that one said
    std::fs::remove_file(router.dir().path().join("plugins/rules.wasm")).expect("removed");
    router.dir().write("plugins/other.wasm", module(&[("on_session", Hook::Answer(Vec::new()))]));
    std::thread::scope(|scope| {
        scope.spawn(|| [(); 2].map(|()| take(&mut consumer)));
        let begun = Instant::now();
        let mut next = 0;
        for id in 8.. {
            next = id + 1;
            sender.send_with(0, &transfer(0, id), &message_to("q"));
            if matches!(sender.expect_outcome(id), DeliveryState::Accepted(_)) {
                break;
            }
            assert!(begun.elapsed() < DEADLINE, "the refusal of a plugin that is gone still holds");
            std::thread::sleep(Duration::from_millis(100));
        }
        sender.send_with(0, &transfer(0, next), &message_to("q"));
        assert!(matches!(sender.expect_outcome(next), DeliveryState::Accepted(_)));
    });
    router.assert_healthy();
}
