//! What becomes of unsettled deliveries when a peer is gone: each ends in exactly one outcome.

use std::collections::BTreeMap;

use crosstie_tests::frame::Performative;
use crosstie_tests::peer::Peer;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::Router;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};

/// The states of deliveries `0..count`, each reported once.
fn outcomes(sender: &mut Peer, count: u32) -> BTreeMap<u32, DeliveryState> {
    let mut states = BTreeMap::new();
    while states.len() < usize::try_from(count).expect("small") {
        sender.expect("disposition", |frame| {
            let Performative::Disposition(found) = &frame.performative else {
                return None;
            };
            let state = found.state.clone().expect("a state");
            for id in found.first..=found.last.unwrap_or(found.first) {
                let before = states.insert(id, state.clone());
                assert!(before.is_none(), "two outcomes of delivery {id}: {before:?} and {state:?}");
            }
            Some(())
        });
    }
    states
}

#[test]
fn a_lost_receiver_fails_what_it_had_and_releases_the_rest() {
    let mut router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "lost", 5);
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "lost");
    assert!(sender.expect_credit() >= 8);
    for id in 0..8 {
        sender.send_message(0, 0, id, b"unsettled");
    }
    for _ in 0..5 {
        receiver.expect_transfer();
    }
    drop(receiver);
    for (id, state) in outcomes(&mut sender, 8) {
        match state {
            DeliveryState::Modified(modified) if id < 5 => {
                assert_eq!(modified.delivery_failed, Some(true), "delivery {id}");
            }
            DeliveryState::Released(_) if id >= 5 => {}
            other => panic!("delivery {id} ended as {other:?}"),
        }
    }
    router.assert_healthy();
}

#[test]
fn a_killed_proton_receiver_fails_what_it_held() {
    let router = Router::plain();
    let args = "--address held --outcome hold --credit 3 --once --count 99";
    let mut receiver = Proton::start("receive", router.clients(), args);
    receiver.event("attached");
    let mut sender = Proton::start("send", router.clients(), "--address held --count 6");
    for _ in 0..3 {
        receiver.event("message");
    }
    receiver.kill();
    sender.finish();
    for outcome in sender.events_so_far("outcome") {
        if outcome["index"].as_u64().expect("an index") < 3 {
            assert_eq!((&outcome["state"], &outcome["failed"]), (&"modified".into(), &true.into()), "{outcome}");
        } else {
            assert_eq!(outcome["state"], "released", "{outcome}");
        }
    }
}

#[test]
fn messages_for_a_lost_receiver_go_to_the_other() {
    let router = Router::plain();
    let mut first = Peer::session(router.clients(), "first");
    first.attach_receiver(0, 0, "either", 1);
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "either");
    sender.expect_credit();
    sender.send_message(0, 0, 0, b"0");
    first.expect_transfer();
    let mut second = Peer::session(router.clients(), "second");
    second.attach_receiver(0, 0, "either", 10);
    drop(first);
    assert!(matches!(sender.expect_outcome(0), DeliveryState::Modified(_)));
    sender.send_message(0, 0, 1, b"1");
    let (transfer, _) = second.expect_transfer();
    second.settle(0, transfer.delivery_id.expect("an id"), Accepted {}.into());
    assert!(matches!(sender.expect_outcome(1), DeliveryState::Accepted(_)));
}

#[test]
fn a_delivery_cut_off_by_its_sender_is_aborted() {
    let mut router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "cut", 5);
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "cut");
    sender.expect_credit();
    let mut part = crosstie_tests::performative::transfer(0, 0);
    part.more = true;
    sender.send_with(0, &part, &crosstie_tests::frame::data_message(&[7; 1000])[..500]);
    let (first, _) = receiver.expect_transfer();
    assert!(first.more, "the first part is passed on before the last came");
    drop(sender);
    let (last, _) = receiver.expect_transfer();
    assert!(last.aborted, "{last:?}");

    let mut another = Peer::session(router.clients(), "another");
    another.attach_sender(0, 0, "cut");
    another.expect_credit();
    another.send_message(0, 0, 0, b"whole");
    let (whole, _) = receiver.expect_transfer();
    assert!(!whole.aborted && !whole.more, "{whole:?}");
    router.assert_healthy();
}
