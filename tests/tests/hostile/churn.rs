//! Connections that come and go: neither memory nor descriptors stay behind.

use std::time::Instant;

use crosstie_tests::peer::Peer;
use crosstie_tests::router::{DEADLINE, Router};

/// Of each of the threads.
const THREADS: u32 = 4;
/// What allocators keep, and what a busy moment needs.
const GROWTH_MAX_BYTES: u64 = 4 << 20;

/// Each second connection attaches and closes in order, the others just go, some before they have opened.
fn cycles(router: &Router, count: u32) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..count / THREADS {
                    match number % 4 {
                        0 => drop(Peer::dial(router.clients())),
                        1 => drop(Peer::session(router.clients(), "goes")),
                        _ => {
                            let mut peer = Peer::session(router.clients(), "closes");
                            peer.attach_sender(0, 0, "churn");
                            peer.attach_receiver(0, 1, &format!("churn-{}", number % 100), 1);
                            peer.close();
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let long = std::env::var_os("CROSSTIE_LONG").is_some();
    let count = if long { 10_000 } else { 2_000 };
    let mut router = Router::plain();
    // what is made once, and what lies in the allocators
    cycles(&router, count / 2);
    await_alone(&router);
    let files = router.open_files().len();
    let memory = router.resident_memory_bytes();
    cycles(&router, count);
    await_alone(&router);
    let now = router.open_files();
    // the connection of whoever asked may be there still
    assert!(now.len() <= files + 1, "{files} files were open before, and now {now:?}");
    let grown = router.resident_memory_bytes().saturating_sub(memory);
    assert!(grown < GROWTH_MAX_BYTES, "{count} connections left {grown} bytes");
    router.assert_healthy();
}

/// Waits until the router has heard of the end of every connection but that which asks.
fn await_alone(router: &Router) {
    let end = Instant::now() + DEADLINE;
    loop {
        let connections = router.stat("connections");
        if connections.len() == 1 {
            return;
        }
        assert!(Instant::now() < end, "connections are left: {connections:?}");
    }
}
