//! Sockets and timers around the router: one tokio runtime and one shard for each worker thread.

mod connector;
mod counts;
mod listener;
mod opening;
mod policy;
mod socket;
mod worker;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use crosstie_model::policy::{Hook, Policy};
use crosstie_model::settings::{Connector, Settings};
use crosstie_router::address::Addresses;
use crosstie_router::mail::{Post, Wake};
use crosstie_router::shard::Common;
use tokio::sync::{Notify, mpsc};
use tokio::task::LocalSet;

use crate::counts::Open;
use crate::worker::{Command, Shared, Worker};

/// Makes the policy of a worker, on its thread.
pub type MakePolicy = Arc<dyn Fn() -> Rc<dyn Policy> + Send + Sync>;

/// Why the router could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A listener has no socket.
    #[error("listener {listener:?} cannot listen on {address}: {source}")]
    Bind {
        /// Its name.
        listener: String,
        /// Host and port.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The system gave no thread, or no means to wait for sockets.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] std::io::Error),
}

/// Host and port as they are written, an IPv6 address in brackets.
pub(crate) fn dial_text(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

/// Runs a router until `shutdown` is ready and all connections are closed, or the shutdown deadline is over.
///
/// # Errors
///
/// [`NetError`] before anything is served.
pub async fn run(settings: Settings, policy: MakePolicy, shutdown: impl Future<Output = ()>) -> Result<(), NetError> {
    let mut bound = Vec::new();
    for listener in &settings.listeners {
        bound.push(listener::bind(&settings, listener).await?);
    }
    let count = settings.router.workers.get().min(64);
    let mail: Vec<Arc<Notify>> = (0..count).map(|_| Arc::default()).collect();
    let wake = mail.iter().cloned().map(|notify| Arc::new(move || notify.notify_one()) as Wake).collect();
    let asks = policy().serves(Hook::Address);
    let common = Arc::new(Common {
        addresses: Addresses::new(settings.addresses.clone(), settings.router.default_distribution),
        post: Post::new(wake),
        auto_links: settings.auto_links.clone(),
        ask_address: asks,
    });
    let shared =
        Arc::new(Shared { common, open: Open::default(), connections: AtomicU64::new(0), started: Instant::now() });
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
    let mut threads = Vec::new();
    for (at, (commands, mail)) in receivers.into_iter().zip(mail).enumerate() {
        let mine = settings.connectors.iter().enumerate().filter(|(index, _)| index % count == at);
        let start = Start {
            id: u16::try_from(at).unwrap_or(u16::MAX),
            container_id: settings.router.id.clone(),
            connectors: mine.map(|(_, connector)| connector.clone()).collect(),
            policy: policy.clone(),
            shared: shared.clone(),
            others: senders.clone(),
        };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (done, ended) = tokio::sync::oneshot::channel::<()>();
        let body = move || {
            let _done = done;
            LocalSet::new().block_on(&runtime, start.run(commands, mail));
        };
        std::thread::Builder::new().name(format!("worker-{at}")).spawn(body)?;
        threads.push(ended);
    }
    let accepting: Vec<_> =
        bound.into_iter().map(|bound| tokio::spawn(listener::accept(bound, senders.clone()))).collect();
    shutdown.await;
    for task in accepting {
        task.abort();
    }
    for worker in &senders {
        // a worker that is gone needs no word
        let _ = worker.send(Command::Shutdown);
    }
    let all = async {
        for ended in threads {
            let _ = ended.await;
        }
    };
    let deadline = settings.router.shutdown_deadline.max(Duration::from_millis(1));
    if tokio::time::timeout(deadline, all).await.is_err() {
        tracing::warn!("peers did not answer our close in time");
    }
    Ok(())
}

/// What a worker's thread begins with.
struct Start {
    id: u16,
    container_id: String,
    connectors: Vec<Connector>,
    policy: MakePolicy,
    shared: Arc<Shared>,
    others: Vec<mpsc::UnboundedSender<Command>>,
}

impl Start {
    async fn run(self, commands: mpsc::UnboundedReceiver<Command>, mail: Arc<Notify>) {
        let worker = Worker::new(self.id, self.shared, (self.policy)(), self.others);
        for connector in self.connectors {
            tokio::task::spawn_local(connector::run(worker.clone(), self.container_id.clone(), connector));
        }
        worker.run(commands, mail).await;
    }
}
