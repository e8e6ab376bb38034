//! Floods: much of what is cheap to send and dear to keep or to answer. The scene measures memory and the others' latency.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use crosstie_tests::frame::{self, AMQP_HEADER, Performative, data_message};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, flow, open, receiver, transfer};
use crosstie_tests::router::plain_kdl;
use fe2o3_amqp_types::performatives::{Begin, Flow, Transfer};

use crate::scene::{DEADLINE, Scene};

/// Connections that are opened and say nothing more.
const HALF_OPEN: u64 = 10_000;

/// Descriptors for everything else.
const SPARE: u64 = 1000;

#[test]
fn a_receiver_whose_window_is_shut_costs_little_memory() {
    let scene = Scene::new();
    let mut consumer = Peer::open(scene.router.clients(), "consumer");
    consumer.send(0, &Begin { incoming_window: 0, ..begin(None) });
    consumer.send(0, &receiver(0, "shut"));
    consumer.expect_attach("receiver-0");
    consumer.send(0, &Flow { incoming_window: 0, ..flow(0, 0, i32::MAX.unsigned_abs()) });
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "shut");
    let mut limit = sender.expect_credit();
    sender.set_send_deadline(Duration::from_secs(1));
    let payload = data_message(&[7; 15_000]);
    // up to 225 MB of presettled deliveries, as far as credit comes
    for id in 0..15_000 {
        while id >= limit {
            match sender.next(Duration::from_secs(1)) {
                Arrival::Frame(frame) => {
                    if let Performative::Flow(flow) = &frame.performative
                        && let (Some(count), Some(credit)) = (flow.delivery_count, flow.link_credit)
                    {
                        limit = count + credit;
                    }
                }
                Arrival::Nothing => return scene.finish(),
                other => panic!("{other:?}"),
            }
        }
        let part = Transfer { settled: Some(true), ..transfer(0, id) };
        if sender.try_send_bytes(&frame::amqp(0, &part, &payload)).is_err() {
            break;
        }
    }
    scene.finish();
}

#[test]
fn transfers_without_a_byte_cost_little_memory() {
    let scene = Scene::new();
    let mut consumer = Peer::session(scene.router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "empty", 0);
    let mut sender = Peer::session(scene.router.clients(), "sender");
    sender.attach_sender(0, 0, "empty");
    sender.expect_credit();
    sender.set_send_deadline(Duration::from_millis(500));
    sender.send_with(0, &Transfer { more: true, ..transfer(0, 0) }, b"x");
    let empty = Transfer { more: true, delivery_id: None, delivery_tag: None, ..transfer(0, 0) };
    let batch: Vec<u8> = (0..1000).flat_map(|_| frame::amqp(0, &empty, &[])).collect();
    for _ in 0..1500 {
        if sender.try_send_bytes(&batch).is_err() {
            break;
        }
    }
    scene.finish();
}

#[test]
fn a_flood_of_flows_over_many_links_starves_no_neighbour() {
    const LINKS: u32 = 1000;
    let scene = Scene::new();
    let mut peer = Peer::session(scene.router.clients(), "flood");
    for handle in 0..LINKS {
        peer.attach_receiver(0, handle, &format!("flood/{handle}"), 10);
    }
    peer.set_send_deadline(Duration::from_secs(2));
    let batch: Vec<u8> = (0..5000).flat_map(|_| frame::amqp(0, &flow(0, 0, 10), &[])).collect();
    for _ in 0..10 {
        if peer.try_send_bytes(&batch).is_err() {
            break;
        }
    }
    scene.finish();
}

#[test]
fn a_refused_peer_that_only_sends_heartbeats_is_gone_in_time() {
    let narrow = "listener \"narrow\" {\n    host \"127.0.0.1\"\n    port 0\n    handshake-timeout \"2s\"\n    \
                  limits {\n        connections 1\n    }\n}";
    let scene = Scene::with(&plain_kdl(narrow));
    let addr = scene.router.addr("narrow");
    let first = Peer::open(addr, "first");
    let mut refused = Peer::dial(addr);
    refused.send_bytes(&AMQP_HEADER);
    refused.send(0, &open("refused"));
    let begun = Instant::now();
    while begun.elapsed() < DEADLINE {
        let sent = refused.try_send_bytes(&frame::frame(0, 0, &[]));
        if sent.is_err() || refused.drain(Duration::from_millis(200)) {
            drop(first);
            return scene.finish();
        }
    }
    panic!("still connected after {:?}", begun.elapsed());
}

#[test]
fn ten_thousand_half_open_connections_hinder_nobody() {
    let (_, hard) = rlimit::Resource::NOFILE.get().expect("a limit");
    rlimit::Resource::NOFILE.set(hard, hard).expect("the hard limit");
    let count = HALF_OPEN.min(hard.saturating_sub(SPARE));
    let scene = Scene::new();
    let addr = scene.router.clients();
    let open: Vec<TcpStream> = (0..count)
        .map(|number| {
            let mut stream = TcpStream::connect(addr).unwrap_or_else(|error| panic!("connection {number}: {error}"));
            if number % 2 == 0 {
                std::io::Write::write_all(&mut stream, b"AMQP\x03").expect("half a header");
            }
            stream
        })
        .collect();
    let mut healthy = Peer::session(addr, "healthy");
    healthy.attach_receiver(0, 0, "beside", 1);
    healthy.attach_sender(0, 1, "beside");
    healthy.expect_credit();
    healthy.send_message(0, 1, 0, b"through");
    assert_eq!(healthy.expect_transfer().1, data_message(b"through"));
    drop(open);
    scene.finish();
}
