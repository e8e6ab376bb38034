//! What tests of the whole policy share: a peer that asks, and a worker that runs and is heard.
#![allow(dead_code, reason = "no test needs all")]

use std::io::Write;
use std::net::Ipv4Addr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use crosstie_model::policy::{ConnectionRequest, Counts, Limits, Peer, Policy, Verdict};
use tokio::task::LocalSet;
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::fmt::MakeWriter;

/// A peer of an address of its own, so that failures count.
pub(crate) fn peer(user: Option<&str>) -> Peer {
    static PEER: AtomicU32 = AtomicU32::new(1);
    let number = PEER.fetch_add(1, Ordering::Relaxed);
    Peer {
        connection_id: 1,
        listener: Some("l".into()),
        connector: None,
        remote: (Ipv4Addr::from(0x7f00_0000 | number), 40000).into(),
        local: ([127, 0, 0, 1], 5672).into(),
        vhost: None,
        user: user.map(str::to_owned),
        mechanism: None,
        container_id: "c".to_owned(),
        tls: None,
        attributes: Vec::new(),
    }
}

/// What such a peer opens with.
pub(crate) fn connection(user: Option<&str>) -> ConnectionRequest {
    ConnectionRequest {
        peer: peer(user),
        max_frame_size: 512,
        channel_max: 1,
        idle_timeout: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Vec::new(),
        counts: Counts { total: 1, listener: 1, user: 1, peer_host: 1 },
        limits: Limits::default(),
        recheck: false,
    }
}

/// Whether its connection is let in.
pub(crate) async fn asks(policy: &Rc<dyn Policy>, user: Option<&str>) -> bool {
    matches!(policy.connection(connection(user)).await.0, Verdict::Allow(_))
}

/// Runs on one worker thread, and gives what was logged.
pub(crate) fn run<F: Future<Output = ()>>(body: F) -> String {
    let (log, _heard) = Log::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, body);
    log.take()
}

/// What is logged on this thread.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<u8>>>);

impl Log {
    /// As long as the guard lives.
    pub(crate) fn new() -> (Self, DefaultGuard) {
        let log = Self::default();
        let subscriber = tracing_subscriber::fmt().with_ansi(false).without_time().with_writer(log.clone()).finish();
        (log, tracing::subscriber::set_default(subscriber))
    }

    /// What was logged since this was called last.
    pub(crate) fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}
