//! Frames that are well formed and come where they may not.

use crosstie_tests::frame::{self, SASL_HEADER};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, flow, open, receiver, sender, transfer};
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Released};
use fe2o3_amqp_types::performatives::{Detach, End};

use crate::scene::{Scene, assert_fault};

const FRAMING: &str = "amqp:connection:framing-error";
/// What a frame in the wrong state may be called.
const MISPLACED: [&str; 3] = ["amqp:not-allowed", "amqp:illegal-state", FRAMING];

fn opened(scene: &Scene) -> Peer {
    Peer::session(scene.router.clients(), "hostile")
}

#[test]
fn a_handle_that_is_not_attached() {
    let scene = Scene::new();
    let unattached = ["amqp:session:unattached-handle"];
    let mut peer = opened(&scene);
    peer.send_message(0, 99, 0, b"x");
    assert_fault(&mut peer, "transfer", &unattached);
    let mut peer = opened(&scene);
    peer.send(0, &flow(99, 0, 1));
    assert_fault(&mut peer, "flow", &unattached);
    let mut peer = opened(&scene);
    peer.send(0, &Detach { handle: Handle::from(99), closed: true, error: None });
    assert_fault(&mut peer, "detach", &unattached);
    let mut peer = opened(&scene);
    peer.send_message(0, u32::MAX, 0, b"x");
    assert_fault(&mut peer, "transfer on the last handle", &unattached);
    scene.finish();
}

#[test]
fn a_handle_that_is_in_use() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.attach_sender(0, 3, "one");
    let mut second = sender(3, "two");
    second.name = "another".to_owned();
    peer.send(0, &second);
    assert_fault(&mut peer, "attach", &["amqp:session:handle-in-use"]);
    scene.finish();
}

#[test]
fn a_handle_above_the_maximum() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    let mut attach = sender(0, "far");
    attach.handle = Handle::from(u32::MAX);
    peer.send(0, &attach);
    // Where the router offers every handle this is legal, and must cost nothing.
    let frames = peer.fault(std::time::Duration::from_secs(1));
    if let Ok(Some(condition)) = &frames {
        assert!(
            [FRAMING, "amqp:not-allowed", "amqp:resource-limit-exceeded"].contains(&condition.as_str()),
            "{frames:?}"
        );
    }
    scene.finish();
}

#[test]
fn a_transfer_beyond_credit() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.attach_sender(0, 0, "nobody is here");
    peer.send_message(0, 0, 0, b"x");
    assert_fault(&mut peer, "transfer without credit", &["amqp:link:transfer-limit-exceeded"]);

    let mut consumer = opened(&scene);
    consumer.attach_receiver(0, 0, "beyond", 0);
    consumer.send(0, &flow(0, 0, 1));
    let mut peer = opened(&scene);
    peer.attach_sender(0, 0, "beyond");
    let mut credit = peer.expect_credit();
    // Further grants only move the edge.
    while let Ok(more) = grant(&mut peer) {
        credit = more;
    }
    for id in 0..=credit + 2000 {
        if peer.try_send_bytes(&frame::amqp(0, &transfer(0, id), &frame::data_message(b"x"))).is_err() {
            break;
        }
    }
    assert_fault(&mut peer, "transfers beyond credit", &["amqp:link:transfer-limit-exceeded"]);
    scene.finish();
}

fn grant(peer: &mut Peer) -> Result<u32, ()> {
    match peer.next(std::time::Duration::from_millis(300)) {
        crosstie_tests::peer::Arrival::Frame(frame) => match frame.performative {
            frame::Performative::Flow(flow) => Ok(flow.link_credit.unwrap_or(0)),
            other => panic!("{other:?}"),
        },
        _ => Err(()),
    }
}

#[test]
fn a_transfer_that_a_receiver_sends() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.attach_receiver(0, 0, "wrong way", 1);
    peer.send_message(0, 0, 0, b"x");
    let conditions = [&MISPLACED[..], &["amqp:link:transfer-limit-exceeded", "amqp:session:errant-link"]].concat();
    assert_fault(&mut peer, "transfer", &conditions);
    scene.finish();
}

#[test]
fn a_channel_without_a_session() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.send_message(7, 0, 0, b"x");
    assert_fault(&mut peer, "transfer", &MISPLACED);
    let mut peer = opened(&scene);
    peer.send(7, &sender(0, "a"));
    assert_fault(&mut peer, "attach", &MISPLACED);
    let mut peer = opened(&scene);
    peer.send(7, &End { error: None });
    assert_fault(&mut peer, "end", &MISPLACED);
    scene.finish();
}

#[test]
fn a_channel_above_the_maximum() {
    let scene = Scene::new();
    // The default is 32,768 sessions.
    let mut peer = opened(&scene);
    peer.send(65535, &begin(None));
    assert_fault(&mut peer, "begin", &[FRAMING, "amqp:not-allowed"]);
    scene.finish();
}

#[test]
fn a_second_begin_on_a_channel() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.send(0, &begin(None));
    assert_fault(&mut peer, "begin", &MISPLACED);
    scene.finish();
}

#[test]
fn a_second_open() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.send(0, &open("again"));
    assert_fault(&mut peer, "open", &MISPLACED);
    scene.finish();
}

#[test]
fn anything_before_open() {
    let scene = Scene::new();
    let mut peer = Peer::dial(scene.router.clients());
    peer.send_bytes(&frame::AMQP_HEADER);
    peer.send(0, &begin(None));
    assert!(peer.drain(crate::scene::DEADLINE), "still connected after a Begin before Open");
    scene.finish();
}

#[test]
fn a_header_after_open() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.send_bytes(&SASL_HEADER);
    assert_fault(&mut peer, "header", &[FRAMING]);
    scene.finish();
}

#[test]
fn a_link_name_twice_in_a_session() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    peer.attach_sender(0, 0, "one");
    let mut again = sender(0, "one");
    again.handle = Handle::from(1);
    peer.send(0, &again);
    // The elder may be stolen from, or the younger refused; nobody else is concerned.
    let _ = peer.fault(std::time::Duration::from_millis(500));
    scene.finish();
}

#[test]
fn dispositions_of_what_never_was_are_ignored() {
    let scene = Scene::new();
    let mut consumer = opened(&scene);
    consumer.attach_receiver(0, 0, "twice", 10);
    let mut peer = opened(&scene);
    peer.attach_sender(0, 0, "twice");
    peer.expect_credit();
    peer.send_message(0, 0, 0, b"x");
    let (delivery, _) = consumer.expect_transfer();
    let id = delivery.delivery_id.expect("an id");
    let mut everything = crosstie_tests::performative::disposition(id.wrapping_add(1), Accepted {}.into());
    everything.last = Some(id.wrapping_add(0x7fff_0000));
    consumer.send(0, &everything);
    consumer.settle(0, id, Accepted {}.into());
    consumer.settle(0, id, Released {}.into());
    assert!(matches!(peer.expect_outcome(0), DeliveryState::Accepted(_)));
    // Both are served on.
    peer.send_message(0, 0, 1, b"y");
    consumer.expect_transfer();
    scene.finish();
}

#[test]
fn a_delivery_tag_above_32_bytes() {
    let scene = Scene::new();
    let mut consumer = opened(&scene);
    consumer.attach_receiver(0, 0, "tags", 10);
    let mut peer = opened(&scene);
    peer.attach_sender(0, 0, "tags");
    peer.expect_credit();
    let mut long = transfer(0, 0);
    long.delivery_tag = Some(vec![7; 33].into());
    peer.send_with(0, &long, &frame::data_message(b"x"));
    let conditions = ["amqp:invalid-field", "amqp:decode-error", "amqp:not-allowed", FRAMING];
    match peer.next(crate::scene::DEADLINE) {
        crosstie_tests::peer::Arrival::Frame(frame::Frame {
            performative: frame::Performative::Disposition(found),
            ..
        }) => assert!(matches!(found.state, Some(DeliveryState::Rejected(_))), "{found:?}"),
        crosstie_tests::peer::Arrival::Frame(found) => {
            let text = format!("{found:?}");
            assert!(
                matches!(
                    found.performative,
                    frame::Performative::Close(_) | frame::Performative::End(_) | frame::Performative::Detach(_)
                ),
                "{text}, none of {conditions:?}"
            );
        }
        other => panic!("{other:?}"),
    }
    scene.finish();
}

#[test]
fn a_session_window_that_is_ignored() {
    let scene = Scene::new();
    // A consumer that takes one delivery and never reads it.
    let mut consumer = opened(&scene);
    consumer.send(0, &receiver(0, "window"));
    consumer.send(0, &flow(0, 0, 1));
    let mut peer = opened(&scene);
    peer.attach_sender(0, 0, "window");
    peer.expect_credit();
    peer.set_send_deadline(std::time::Duration::from_secs(5));
    let (mut part, payload) = (transfer(0, 0), vec![7; 15_000]);
    part.more = true;
    let first = frame::amqp(0, &part, &frame::data_message(&payload));
    part.delivery_id = None;
    part.delivery_tag = None;
    let next = frame::amqp(0, &part, &payload);
    let _ = peer.try_send_bytes(&first);
    // 96 MiB: far beyond any window that a router could mean.
    for _ in 0..(96 << 20) / payload.len() {
        if peer.try_send_bytes(&next).is_err() {
            break;
        }
    }
    assert_fault(&mut peer, "transfers beyond the window", &["amqp:session:window-violation"]);
    drop(consumer);
    scene.finish();
}
