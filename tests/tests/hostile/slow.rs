//! Slowness: where it is no fault, and where it ends.

use std::time::{Duration, Instant};

use crosstie_tests::frame::{self, AMQP_HEADER, Performative};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, flow, open, receiver, transfer};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::performatives::Transfer;

use crate::scene::Scene;

#[test]
fn a_byte_at_a_time_is_no_fault() {
    let scene = Scene::new();
    let mut peer = Peer::dial(scene.router.clients());
    let mut bytes = AMQP_HEADER.to_vec();
    bytes.extend(frame::amqp(0, &open("slow"), &[]));
    bytes.extend(frame::amqp(0, &begin(None), &[]));
    bytes.extend(frame::amqp(0, &receiver(0, "slow"), &[]));
    bytes.extend(frame::amqp(0, &flow(0, 0, 10), &[]));
    for byte in bytes {
        peer.send_bytes(&[byte]);
        std::thread::sleep(Duration::from_micros(500));
    }
    peer.expect_header(AMQP_HEADER);
    peer.expect_attach("receiver-0");
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "slow");
    sender.expect_credit();
    let message = frame::amqp(0, &transfer(0, 0), &frame::data_message(&[3; 300]));
    for byte in message {
        sender.send_bytes(&[byte]);
    }
    assert_eq!(peer.expect_transfer().1, frame::data_message(&[3; 300]));
    scene.finish();
}

#[test]
fn a_handshake_has_a_deadline() {
    let kdl = plain_kdl("listener \"hasty\" {\n    host \"127.0.0.1\"\n    port 0\n    handshake-timeout \"500ms\"\n}");
    let scene = Scene::with(&kdl);
    let addr = scene.router.addr("hasty");
    let begun = Instant::now();
    let mut silent = Peer::dial(addr);
    let mut header_only = Peer::dial(addr);
    header_only.send_bytes(&AMQP_HEADER);
    let mut drip = Peer::dial(addr);
    let bytes = [AMQP_HEADER.to_vec(), frame::amqp(0, &open("slow loris"), &[])].concat();
    let dripping = std::thread::spawn(move || {
        for byte in bytes {
            if drip.try_send_bytes(&[byte]).is_err() || drip.drain(Duration::from_millis(150)) {
                return true;
            }
        }
        false
    });
    assert!(silent.drain(Duration::from_secs(5)), "a silent peer stays connected");
    assert!(header_only.drain(Duration::from_secs(5)), "a peer without an Open stays connected");
    assert!(begun.elapsed() >= Duration::from_millis(400), "the deadline came after {:?}", begun.elapsed());
    assert!(dripping.join().expect("the slow loris"), "a peer that sends a byte now and then stays connected");
    Peer::session(addr, "hasty").close();
    scene.finish();
}

#[test]
fn a_silent_peer_is_dropped_after_the_idle_timeout() {
    let kdl = plain_kdl("listener \"lively\" {\n    host \"127.0.0.1\"\n    port 0\n    idle-timeout \"1s\"\n}");
    let scene = Scene::with(&kdl);
    let addr = scene.router.addr("lively");
    let (mut silent, theirs) = Peer::open_with(addr, &open("silent"));
    let announced = theirs.idle_time_out.expect("an idle time-out");
    assert!((1..=1000).contains(&announced), "{announced} ms are announced");
    let mut alive = Peer::open(addr, "alive");
    let end = Instant::now() + Duration::from_millis(2500);
    while Instant::now() < end {
        alive.send_bytes(&frame::frame(0, 0, &[]));
        assert!(!alive.drain(Duration::from_millis(200)), "a peer that sends empty frames is dropped");
    }
    assert!(silent.drain(Duration::from_secs(5)), "a silent peer stays connected");
    alive.begin(0);
    scene.finish();
}

#[test]
fn our_side_keeps_a_connection_alive() {
    // nobody else is there, whose messages would have it written too
    let mut router = Router::start(&plain_kdl(""));
    let mut ours = open("impatient");
    ours.idle_time_out = Some(600);
    let (mut peer, _) = Peer::open_with(router.clients(), &ours);
    for _ in 0..4 {
        match peer.next(Duration::from_millis(600)) {
            Arrival::Frame(frame) => assert!(matches!(frame.performative, Performative::Heartbeat), "{frame:?}"),
            other => panic!("nothing within the idle time-out: {other:?}"),
        }
    }
    router.assert_healthy();
}

#[test]
fn a_peer_that_never_reads_holds_up_nobody() {
    let scene = Scene::new();
    let mut peer = Peer::session(scene.router.clients(), "deaf");
    peer.send(0, &receiver(0, "deaf"));
    peer.send(0, &flow(0, 0, 1_000_000));
    peer.set_send_deadline(Duration::from_millis(500));
    // Each asks for an answer that is never read.
    let mut asking = flow(0, 0, 1_000_000);
    asking.echo = true;
    let batch: Vec<u8> = (0..1000).flat_map(|_| frame::amqp(0, &asking, &[])).collect();
    let end = Instant::now() + Duration::from_secs(4);
    while Instant::now() < end && peer.try_send_bytes(&batch).is_ok() {}
    // It is a consumer still, so that messages are routed to it.
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "deaf");
    sender.set_send_deadline(Duration::from_millis(500));
    scene.finish();
}

/// Its last words cannot be written: ten seconds later its socket goes, and what waited for it.
#[test]
fn a_peer_that_is_at_fault_and_reads_nothing_is_let_go() {
    let kdl = plain_kdl("listener \"deep\" {\n    host \"127.0.0.1\"\n    port 0\n    link-capacity 1000\n}");
    let scene = Scene::with(&kdl);
    let addr = scene.router.addr("deep");
    let mut sender = Peer::session(addr, "sender");
    sender.attach_sender(0, 0, "deep");
    let mut stuck = Peer::session(addr, "stuck");
    stuck.attach_receiver(0, 0, "deep", 10_000);
    assert!(sender.expect_credit() >= 700);
    // more than the two ends of the socket hold
    let body = frame::data_message(&[7; 15_000]);
    for id in 0..700 {
        let transfer = Transfer { settled: Some(true), ..transfer(0, id) };
        sender.send_bytes(&frame::amqp(0, &transfer, &body));
    }
    std::thread::sleep(Duration::from_millis(500));
    let files = scene.router.open_files().len();
    stuck.send_bytes(&[0xff; 64]);
    let begun = Instant::now();
    while scene.router.open_files().len() >= files {
        assert!(begun.elapsed() < Duration::from_secs(20), "the socket is still there");
        std::thread::sleep(Duration::from_millis(100));
    }
    assert!(begun.elapsed() > Duration::from_secs(8), "it took its last words");
    scene.finish();
}
