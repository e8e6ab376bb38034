//! Large messages pass through frame by frame: early, and without filling the router's memory.

use std::time::Duration;

use crosstie_tests::body::{body, digest};
use crosstie_tests::frame::{Frame, Performative, data_message};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, open, transfer};
use crosstie_tests::router::Router;
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::Transfer;

/// What one transfer carries here: fits the default frame of 16 KiB.
const PART_BYTES: usize = 15_000;
/// More than the router may need for what this test does to it.
const GROWTH_MAX_BYTES: u64 = 48 << 20;

/// A sender that keeps to the router's session window.
struct Stream {
    peer: Peer,
    next_outgoing_id: u32,
    window: u32,
}

impl Stream {
    fn attach(router: &Router, address: &str) -> Self {
        let (mut peer, _) = Peer::open_with(router.clients(), &open("streamer"));
        peer.send(0, &begin(None));
        let window = peer.expect("begin", |frame| match &frame.performative {
            Performative::Begin(begin) => Some(begin.incoming_window),
            _ => None,
        });
        peer.attach_sender(0, 0, address);
        let mut stream = Self { peer, next_outgoing_id: 0, window };
        while !stream.take_frame(Duration::from_secs(20)).expect("a flow").1 {}
        stream
    }

    /// Reads one frame; says whether it was a flow of the link.
    fn take_frame(&mut self, deadline: Duration) -> Option<(Frame, bool)> {
        match self.peer.next(deadline) {
            Arrival::Frame(frame) => {
                let mut of_link = false;
                if let Performative::Flow(flow) = &frame.performative {
                    of_link = flow.handle.is_some();
                    let next = flow.next_incoming_id.unwrap_or(0);
                    self.window = next.wrapping_add(flow.incoming_window).wrapping_sub(self.next_outgoing_id);
                }
                Some((frame, of_link))
            }
            Arrival::Nothing => None,
            other => panic!("{other:?}"),
        }
    }

    /// Sends one frame; false when the window stays closed, or the socket full, for `patience`.
    fn send(&mut self, part: &Transfer, payload: &[u8], patience: Duration) -> bool {
        while self.window == 0 {
            if self.take_frame(patience).is_none() {
                return false;
            }
        }
        self.peer.set_send_deadline(patience);
        let bytes = crosstie_tests::frame::amqp(0, part, payload);
        if self.peer.try_send_bytes(&bytes).is_err() {
            return false;
        }
        self.window -= 1;
        self.next_outgoing_id = self.next_outgoing_id.wrapping_add(1);
        true
    }
}

fn part(delivery_id: u32, index: usize, more: bool) -> Transfer {
    let first = transfer(0, delivery_id);
    if index == 0 {
        return Transfer { more, ..first };
    }
    Transfer {
        delivery_id: None,
        delivery_tag: None,
        message_format: None,
        settled: None,
        more,
        handle: Handle::from(0),
        ..first
    }
}

#[test]
fn the_first_bytes_arrive_before_the_last_are_sent() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let mut router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "stream", 10);
    let mut stream = Stream::attach(&router, "stream");
    let before = router.peak_memory_bytes();

    let message = data_message(&body(3, 100_000_000));
    let parts: Vec<&[u8]> = message.chunks(PART_BYTES).collect();
    assert!(stream.send(&part(0, 0, true), parts[0], PATIENCE));
    let (first, mut received) = receiver.expect_transfer();
    assert!(first.more && !received.is_empty(), "the first bytes are there and more is said to come");

    let sending = std::thread::spawn({
        let message = message.clone();
        move || {
            let parts: Vec<&[u8]> = message.chunks(PART_BYTES).collect();
            for (index, bytes) in parts.iter().enumerate().skip(1) {
                let sent = stream.send(&part(0, index, index + 1 < parts.len()), bytes, PATIENCE);
                assert!(sent, "part {index} of {} is not taken", parts.len());
            }
            stream.peer.expect_outcome(0)
        }
    });
    loop {
        let (transfer, payload) = receiver.expect_transfer();
        received.extend_from_slice(&payload);
        if !transfer.more {
            break;
        }
    }
    receiver.settle(0, first.delivery_id.expect("an id"), Accepted {}.into());
    assert!(matches!(sending.join().expect("the sender"), DeliveryState::Accepted(_)));
    // On a busy machine this takes longer than the idle timeout, in which a scripted peer is silent.
    assert_eq!(digest(&received), digest(&message), "the message is whole");
    let growth = router.peak_memory_bytes() - before;
    assert!(growth < 48 << 20, "100 MB passed through in {growth} bytes of memory");
    router.assert_healthy();
}

#[test]
fn what_a_busy_receiver_leaves_unread_arrives_when_it_reads_and_says_nothing() {
    const PATIENCE: Duration = Duration::from_secs(20);
    let mut router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "busy", 10);
    let mut stream = Stream::attach(&router, "busy");
    let message = data_message(&body(4, 10_000_000));
    let sending = std::thread::spawn(move || {
        let parts: Vec<&[u8]> = message.chunks(PART_BYTES).collect();
        for delivery in 0..5 {
            for (index, bytes) in parts.iter().enumerate() {
                assert!(stream.send(&part(delivery, index, index + 1 < parts.len()), bytes, PATIENCE));
            }
        }
        stream
    });
    for _ in 0..5 {
        // the socket and all behind it fill up meanwhile
        std::thread::sleep(Duration::from_millis(200));
        while receiver.expect_transfer().0.more {}
    }
    drop(sending.join().expect("the sender"));
    router.assert_healthy();
}

#[test]
fn a_receiver_that_stops_reading_costs_little_memory() {
    let mut router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "stalled", 1000);
    let mut stream = Stream::attach(&router, "stalled");
    let before = router.peak_memory_bytes();
    let message = data_message(&vec![7; 1 << 20]);
    let parts: Vec<&[u8]> = message.chunks(PART_BYTES).collect();
    let mut taken = 0;
    'all: for delivery in 0..200 {
        for (index, bytes) in parts.iter().enumerate() {
            if !stream.send(&part(delivery, index, index + 1 < parts.len()), bytes, Duration::from_millis(500)) {
                break 'all;
            }
            taken += bytes.len();
        }
    }
    let growth = router.peak_memory_bytes() - before;
    assert!(growth < GROWTH_MAX_BYTES, "{taken} bytes for a peer that does not read took {growth} bytes of memory");
    router.assert_healthy();
    // Others are served all the while.
    let mut other = Peer::session(router.clients(), "other");
    other.attach_receiver(0, 0, "elsewhere", 10);
    other.attach_sender(0, 1, "elsewhere");
    other.expect_credit();
    other.send_message(0, 1, 0, b"through");
    other.expect_transfer();
}
