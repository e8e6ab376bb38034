//! More than anybody needs: sessions, links, connections, tiny frames.

use crosstie_tests::frame::{self, Performative};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, sender, transfer};
use crosstie_tests::router::plain_kdl;
use fe2o3_amqp_types::definitions::Handle;
use std::time::Duration;

use crate::scene::{DEADLINE, Scene, assert_fault};

#[test]
fn sessions_beyond_the_maximum_are_refused() {
    let kdl = plain_kdl("").replace("port 0\n", "port 0\n    max-sessions 4\n");
    let scene = Scene::with(&kdl);
    let mut peer = Peer::session(scene.router.clients(), "greedy");
    for channel in 1..4 {
        peer.begin(channel);
    }
    peer.send(4, &begin(None));
    assert_fault(&mut peer, "the fifth session", &["amqp:connection:framing-error", "amqp:resource-limit-exceeded"]);
    scene.finish();
}

/// A scene whose listener `narrow` has these limits.
fn narrow(limits: &str) -> Scene {
    let listener = format!(
        "listener \"narrow\" {{\n    host \"127.0.0.1\"\n    port 0\n    limits {{\n        {limits}\n    }}\n}}"
    );
    Scene::with(&plain_kdl(&listener))
}

#[test]
fn links_beyond_the_limit_are_refused_on_all_sessions_together() {
    let scene = narrow("links 3");
    let mut peer = Peer::session(scene.router.addr("narrow"), "greedy");
    peer.begin(1);
    peer.attach_sender(0, 0, "a");
    peer.attach_sender(0, 1, "a");
    peer.attach_sender(1, 0, "a");
    peer.send(1, &sender(1, "a"));
    assert_fault(&mut peer, "the fourth link", &["amqp:connection:framing-error"]);
    scene.finish();
}

#[test]
fn a_receiver_has_no_more_unsettled_than_its_limit() {
    let scene = narrow("unsettled 5");
    let mut receiver = Peer::session(scene.router.addr("narrow"), "receiver");
    receiver.attach_receiver(0, 0, "few", 100);
    let mut producer = Peer::session(scene.router.clients(), "producer");
    producer.attach_sender(0, 0, "few");
    producer.expect_credit();
    // at once
    for id in 0..20 {
        producer.send_message(0, 0, id, b"x");
    }
    let came: Vec<_> = (0..5).map(|_| receiver.expect_transfer().0.delivery_id.expect("an id")).collect();
    let more = receiver.frames_until_begin(1);
    assert!(!more.iter().any(|frame| matches!(frame.performative, Performative::Transfer(_))), "{more:?}");
    receiver.settle(0, came[0], fe2o3_amqp_types::messaging::Accepted {}.into());
    receiver.expect_transfer();
    scene.finish();
}

#[test]
fn a_sender_has_no_more_credit_than_its_limit() {
    let scene = narrow("unsettled 5");
    let mut receiver = Peer::session(scene.router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "few", 100);
    let mut producer = Peer::session(scene.router.addr("narrow"), "producer");
    producer.attach_sender(0, 0, "few");
    assert!((1..=5).contains(&producer.expect_credit()));
    scene.finish();
}

#[test]
fn a_message_beyond_the_limit_detaches_its_link_alone() {
    let scene = narrow("max-message-size \"1KiB\"");
    let mut receiver = Peer::session(scene.router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "short", 10);
    let mut producer = Peer::session(scene.router.addr("narrow"), "producer");
    assert_eq!(producer.attach_sender(0, 0, "short").max_message_size, Some(1024));
    producer.attach_sender(0, 1, "short");
    producer.expect_credit();
    producer.send_message(0, 0, 0, &[7; 2000]);
    let condition = loop {
        match producer.next(DEADLINE) {
            Arrival::Frame(frame) => {
                if let Performative::Detach(detach) = frame.performative {
                    break detach.error.map(|error| frame::condition(&error.condition));
                }
            }
            other => panic!("waiting for a detach, but got {other:?}"),
        }
    };
    assert_eq!(condition.as_deref(), Some("amqp:link:message-size-exceeded"));
    producer.send_message(0, 1, 1, b"short");
    while receiver.expect_transfer().1 != frame::data_message(b"short") {}
    scene.finish();
}

#[test]
fn many_links_come_and_go() {
    let scene = Scene::new();
    let mut peer = Peer::session(scene.router.clients(), "many");
    for round in 0..5 {
        for handle in 0..100 {
            let mut attach = sender(handle, &format!("many/{handle}"));
            attach.name = format!("{round}-{handle}");
            peer.send(0, &attach);
        }
        for handle in 0..100 {
            peer.expect_attach(&format!("{round}-{handle}"));
        }
        for handle in 0..100 {
            let detach =
                fe2o3_amqp_types::performatives::Detach { handle: Handle::from(handle), closed: true, error: None };
            peer.send(0, &detach);
        }
        for _ in 0..100 {
            peer.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
        }
    }
    peer.close();
    scene.finish();
}

#[test]
fn connections_that_are_dropped_leave_nothing() {
    let scene = Scene::new();
    for number in 0..200 {
        let mut peer = Peer::dial(scene.router.clients());
        if number % 3 > 0 {
            peer.send_bytes(&frame::AMQP_HEADER);
        }
        if number % 3 > 1 {
            peer.send(0, &crosstie_tests::performative::open("passing"));
            peer.send(0, &begin(None));
            peer.send(0, &sender(0, "passing"));
        }
    }
    scene.finish();
}

#[test]
fn a_delivery_of_empty_frames_passes() {
    let scene = Scene::new();
    let mut consumer = Peer::session(scene.router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "tiny", 10);
    let mut peer = Peer::session(scene.router.clients(), "tiny");
    peer.attach_sender(0, 0, "tiny");
    peer.expect_credit();
    let message = frame::data_message(&[9; 200]);
    let mut part = transfer(0, 0);
    for (index, byte) in message.iter().enumerate() {
        part.more = index + 1 < message.len();
        peer.send_with(0, &part, &[*byte]);
        if part.more {
            part.delivery_id = None;
            part.delivery_tag = None;
            peer.send_with(0, &part, &[]);
        }
    }
    let mut received = Vec::new();
    loop {
        match consumer.next(DEADLINE) {
            Arrival::Frame(frame) => {
                if let Performative::Transfer(transfer) = frame.performative {
                    received.extend_from_slice(&frame.payload);
                    if !transfer.more {
                        break;
                    }
                }
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(received, message);
    scene.finish();
}

#[test]
fn a_peer_with_the_smallest_frames_gets_no_longer_ones() {
    let scene = Scene::new();
    let mut small = crosstie_tests::performative::open("small");
    small.max_frame_size = 512.into();
    let (mut consumer, _) = Peer::open_with(scene.router.clients(), &small);
    consumer.begin(0);
    consumer.attach_receiver(0, 0, "small", 10);
    let mut peer = Peer::session(scene.router.clients(), "sender");
    peer.attach_sender(0, 0, "small");
    peer.expect_credit();
    let body = crosstie_tests::body::body(5, 10_000);
    peer.send_message(0, 0, 0, &body);
    let mut received = Vec::new();
    loop {
        let (transfer, payload) = consumer.expect_transfer();
        assert!(payload.len() <= 512 - 8, "a payload of {} bytes in a frame of at most 512", payload.len());
        received.extend_from_slice(&payload);
        if !transfer.more {
            break;
        }
    }
    assert_eq!(received, frame::data_message(&body));
    assert!(matches!(consumer.next(Duration::from_millis(50)), Arrival::Nothing));
    scene.finish();
}
