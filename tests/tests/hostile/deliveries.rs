//! Deliveries that are settled early, aborted, numbered wrongly, or beyond what a drain left.

use std::time::Duration;

use crosstie_tests::frame::{Frame, Performative, condition, data_message};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, flow, open, receiver, transfer};
use fe2o3_amqp_types::messaging::{DeliveryState, Rejected};
use fe2o3_amqp_types::performatives::{Begin, Flow, Open, Transfer};

use crate::reuse::is_transfer;
use crate::scene::{Scene, assert_fault};

fn pair(scene: &Scene, address: &str) -> (Peer, Peer) {
    let mut consumer = Peer::session(scene.router.clients(), "consumer");
    consumer.attach_receiver(0, 0, address, 10_000);
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, address);
    sender.expect_credit();
    (consumer, sender)
}

fn is_disposition(frame: &Frame) -> bool {
    matches!(frame.performative, Performative::Disposition(_))
}

#[test]
fn a_delivery_without_a_consumer_is_released_when_all_of_it_came() {
    let scene = Scene::new();
    let (consumer, mut sender) = pair(&scene, "nobody");
    let message = data_message(&[7; 100]);
    drop(consumer);
    for id in 0..3 {
        sender.send_with(0, &Transfer { more: true, ..transfer(0, id) }, &message[..50]);
        let early = sender.frames_until_begin(u16::try_from(id).expect("small") + 1);
        assert!(!early.iter().any(is_disposition), "settled before its last frame: {early:?}");
        sender.send_with(0, &transfer(0, id), &message[50..]);
        assert!(matches!(sender.expect_outcome(id), DeliveryState::Released(_) | DeliveryState::Modified(_)));
    }
    scene.finish();
}

#[test]
fn a_delivery_settled_before_its_end_leaves_its_link_working() {
    let scene = Scene::new();
    let (mut consumer, mut sender) = pair(&scene, "early");
    sender.send_with(0, &Transfer { more: true, ..transfer(0, 0) }, &data_message(&[7; 100])[..50]);
    let (first, _) = consumer.expect_transfer();
    consumer.settle(0, first.delivery_id.expect("an id"), Rejected { error: None }.into());
    // Proton-J never sends the rest of what its peer has settled: the sender hears of it at the end
    assert!(!sender.frames_until_begin(1).iter().any(is_disposition), "settled before its last frame");
    sender.send_with(0, &transfer(0, 0), &data_message(&[7; 100])[50..]);
    assert!(matches!(sender.expect_outcome(0), DeliveryState::Rejected(_)));
    let mut other = Peer::session(scene.router.clients(), "other");
    other.attach_sender(0, 0, "early");
    other.expect_credit();
    for id in 0..3 {
        other.send_message(0, 0, id, b"later");
        // the rest of the first, or its abort, may come before
        while consumer.expect_transfer().1 != data_message(b"later") {}
    }
    sender.send_message(0, 0, 1, b"own");
    while consumer.expect_transfer().1 != data_message(b"own") {}
    scene.finish();
}

#[test]
fn nothing_is_sent_beyond_what_a_drain_left() {
    let scene = Scene::new();
    let mut consumer = Peer::open(scene.router.clients(), "consumer");
    consumer.send(0, &Begin { incoming_window: 0, ..begin(None) });
    consumer.send(0, &receiver(0, "drained"));
    consumer.expect_attach("receiver-0");
    let shut = Flow { incoming_window: 0, ..flow(0, 0, 10) };
    consumer.send(0, &shut);
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "drained");
    sender.expect_credit();
    for id in 0..3 {
        sender.send_message(0, 0, id, b"x");
    }
    sender.begin(1);
    consumer.send(0, &Flow { drain: true, ..shut.clone() });
    let (mut transfers, mut drained) = (0, false);
    let mut take = |consumer: &mut Peer, patience: Duration| {
        while let Arrival::Frame(frame) = consumer.next(patience) {
            match &frame.performative {
                Performative::Transfer(_) if drained => panic!("a transfer after the drain was answered"),
                Performative::Transfer(_) => transfers += 1,
                Performative::Flow(flow) if flow.handle.is_some() && flow.link_credit == Some(0) => {
                    assert_eq!(flow.delivery_count, Some(10));
                    drained = true;
                }
                Performative::Flow(_) | Performative::Heartbeat => {}
                other => panic!("{other:?}"),
            }
        }
        (transfers, drained)
    };
    take(&mut consumer, Duration::from_millis(300));
    let open = Flow { handle: None, delivery_count: None, link_credit: None, ..flow(0, 0, 0) };
    consumer.send(0, &Flow { incoming_window: 100, ..open });
    let (transfers, drained) = take(&mut consumer, Duration::from_secs(1));
    assert!(drained, "the drain is not answered; {transfers} came");
    scene.finish();
}

#[test]
fn a_delivery_id_that_came_before_ends_the_connection() {
    let scene = Scene::new();
    for ids in [&[5, 5][..], &[0, 1, 0], &[7, 6], &[0, 1, 2, 2]] {
        let (consumer, mut sender) = pair(&scene, "numbers");
        for id in ids {
            sender.send_message(0, 0, *id, b"x");
        }
        assert_fault(&mut sender, &format!("delivery ids {ids:?}"), &["amqp:not-allowed"]);
        drop(consumer);
    }
    scene.finish();
}

#[test]
fn a_delivery_aborted_in_its_first_frame_gives_its_credit_back() {
    const COUNT: u32 = 1500;
    let scene = Scene::new();
    let mut consumer = Peer::session(scene.router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "aborted", 10_000);
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "aborted");
    let mut limit = sender.expect_credit();
    assert!(limit < COUNT);
    for id in 0..COUNT {
        while id >= limit {
            limit = sender.expect("flow", |frame| match &frame.performative {
                Performative::Flow(flow) => Some(flow.delivery_count? + flow.link_credit?),
                _ => None,
            });
        }
        sender.send(0, &Transfer { aborted: true, ..transfer(0, id) });
    }
    sender.send_message(0, 0, COUNT, b"whole");
    while consumer.expect_transfer().1 != data_message(b"whole") {}
    scene.finish();
}

#[test]
fn no_frame_is_larger_than_the_peer_takes() {
    const FRAME_MAX: usize = 512;
    let scene = Scene::new();
    let ours = Open { max_frame_size: 512.into(), ..open("small") };
    for (name, address) in [(1, 1900), (600, 1)] {
        let (mut peer, _) = Peer::open_with(scene.router.clients(), &ours);
        peer.begin(0);
        // its answer does not fit
        let mut long = receiver(0, &"a".repeat(address));
        long.name = "n".repeat(name);
        peer.send(0, &long);
        let mut conditions = Vec::new();
        while let Arrival::Frame(frame) = peer.next(Duration::from_millis(500)) {
            assert!(frame.bytes <= FRAME_MAX, "{} bytes: {:?}", frame.bytes, frame.performative);
            let error = match frame.performative {
                Performative::Detach(detach) => detach.error,
                Performative::Close(close) => close.error,
                _ => None,
            };
            conditions.extend(error.map(|error| condition(&error.condition)));
        }
        assert_eq!(conditions, ["amqp:frame-size-too-small"]);
    }

    let (mut small, _) = Peer::open_with(scene.router.clients(), &ours);
    small.begin(0);
    small.attach_receiver(0, 0, "small", 5);
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "small");
    sender.expect_credit();
    let message = data_message(&[7; 160_000]);
    for (index, part) in message.chunks(16_000).enumerate() {
        let more = (index + 1) * 16_000 < message.len();
        sender.send_with(0, &Transfer { more, ..transfer(0, 0) }, part);
    }
    let mut received = Vec::new();
    loop {
        let (bytes, more) = small.expect("transfer", |frame| match &frame.performative {
            Performative::Transfer(transfer) => {
                received.extend_from_slice(&frame.payload);
                Some((frame.bytes, transfer.more))
            }
            _ => None,
        });
        assert!(bytes <= FRAME_MAX, "a transfer of {bytes} bytes");
        if !more {
            break;
        }
    }
    assert!(received == message, "{} of {} bytes", received.len(), message.len());
    assert!(!small.frames_until_begin(1).iter().any(is_transfer));
    scene.finish();
}
