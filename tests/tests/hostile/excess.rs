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
