//! A router, a healthy pair of peers that exchange messages all the while, and what a fault looks like.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::performative::flow;
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::Flow;

/// A fault is answered within this.
pub(crate) const DEADLINE: Duration = Duration::from_secs(10);
/// The longest that one message of the healthy pair may take on a busy machine.
const LATENCY_MAX: Duration = Duration::from_secs(5);
/// Memory that nothing a single peer does may take.
const GROWTH_MAX_BYTES: u64 = 64 << 20;

pub(crate) struct Scene {
    pub(crate) router: Router,
    memory_before: u64,
    stop: Arc<AtomicBool>,
    pair: JoinHandle<(u32, Duration)>,
}

impl Scene {
    pub(crate) fn new() -> Self {
        Self::with(&plain_kdl(""))
    }

    pub(crate) fn with(kdl: &str) -> Self {
        let router = Router::start(kdl);
        let addr = router.clients();
        let stop = Arc::new(AtomicBool::new(false));
        let mut receiver = Peer::session(addr, "healthy-receiver");
        receiver.attach_receiver(0, 0, "healthy", 1_000_000);
        let mut sender = Peer::session(addr, "healthy-sender");
        sender.attach_sender(0, 0, "healthy");
        sender.expect_credit();
        let pair = std::thread::spawn({
            let stop = Arc::clone(&stop);
            move || exchange(&mut sender, &mut receiver, &stop)
        });
        let memory_before = router.peak_memory_bytes();
        Self { router, memory_before, stop, pair }
    }

    /// The healthy pair has noticed nothing, the router lives, and whoever comes next is served.
    pub(crate) fn finish(mut self) {
        self.router.assert_healthy();
        let mut next = Peer::session(self.router.clients(), "next");
        next.attach_sender(0, 0, "next");
        next.close();
        self.stop.store(true, Ordering::Relaxed);
        let (count, slowest) = self.pair.join().expect("the healthy pair noticed something");
        assert!(count > 0, "the healthy pair exchanged nothing");
        assert!(slowest < LATENCY_MAX, "a message of the healthy pair took {slowest:?}");
        let growth = self.router.peak_memory_bytes().saturating_sub(self.memory_before);
        assert!(growth < GROWTH_MAX_BYTES, "the router grew by {growth} bytes");
        self.router.assert_healthy();
    }
}

/// A session's window, once so many frames have come.
fn window(frames: u32) -> Flow {
    Flow { next_incoming_id: Some(frames), handle: None, delivery_count: None, link_credit: None, ..flow(0, 0, 0) }
}

fn exchange(sender: &mut Peer, receiver: &mut Peer, stop: &AtomicBool) -> (u32, Duration) {
    let (mut count, mut slowest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) || count == 0 {
        let begun = Instant::now();
        sender.send_message(0, 0, count, b"healthy");
        let (transfer, _) = receiver.expect_transfer();
        receiver.settle(0, transfer.delivery_id.expect("an id"), Accepted {}.into());
        assert!(matches!(sender.expect_outcome(count), DeliveryState::Accepted(_)));
        slowest = slowest.max(begun.elapsed());
        count += 1;
        if count % 1000 == 0 {
            receiver.send(0, &window(count));
        }
        // A pace, so that it leaves the machine to the others.
        std::thread::sleep(Duration::from_millis(5));
    }
    (count, slowest)
}

/// The connection ends by a Close, or its session by an End or its link by a Detach, with one of these conditions.
pub(crate) fn assert_fault(peer: &mut Peer, what: &str, conditions: &[&str]) {
    match peer.fault(DEADLINE) {
        Ok(Some(condition)) if conditions.contains(&condition.as_str()) => {}
        other => panic!("{what}: expected {conditions:?}, got {other:?}"),
    }
}
