//! Sockets and timers around the router: one tokio runtime and one shard for each worker thread.

mod auth_service;
mod change;
mod connector;
mod control;
mod counts;
mod dialled;
mod input;
mod layer;
mod listener;
mod opening;
mod policy;
mod profiles;
mod question;
mod refused;
mod reload;
mod resolver;
mod rows;
mod signal;
mod socket;
mod status;
mod tcp;
mod tls;
mod worker;

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64};
use std::time::{Duration, Instant};

use crosstie_model::policy::{Hooks, Policy};
use crosstie_model::quota::Quotas;
use crosstie_model::settings::{Settings, WORKERS_MAX};
use crosstie_model::trail::Refusals;
use crosstie_router::address::Addresses;
use crosstie_router::auto_links::AutoLinks;
use crosstie_router::buffered::Buffered;
use crosstie_router::dynamic::Names;
use crosstie_router::identity::Identities;
use crosstie_router::link_route::LinkRoutes;
use crosstie_router::mail::{Post, Wake};
use crosstie_router::shard::Common;
use tokio::runtime::LocalOptions;
use tokio::sync::{Notify, mpsc};

pub use crate::control::Entities;
pub use crate::reload::Refusal;

use crate::control::{Asked, Control};
use crate::counts::Open;
use crate::listener::Doors;
use crate::profiles::Profiles;
use crate::resolver::Resolver;
use crate::worker::{Command, Shared, Worker};

/// Makes the policy of a worker, on its thread.
pub type MakePolicy = Arc<dyn Fn() -> Rc<dyn Policy> + Send + Sync>;

/// Why the router could not start.
#[derive(Debug, thiserror::Error)]
pub enum NetError {
    /// A listener cannot have one of its sockets.
    #[error("listener {listener:?} cannot listen on {address}: {}", tcp::explain(source))]
    Bind {
        /// Its name.
        listener: String,
        /// Host and port.
        address: String,
        /// Why not.
        source: std::io::Error,
    },
    /// A listener names a `tls` node that is not there.
    #[error("listener {listener:?} names tls {tls:?}, which is not there")]
    NoTls {
        /// The listener.
        listener: String,
        /// The `tls` node.
        tls: String,
    },
    /// The files of a `tls` node cannot be used.
    #[error("tls {name:?}: {fault}")]
    Tls {
        /// Its name.
        name: String,
        /// What is wrong.
        fault: crosstie_tls::Faults,
    },
    /// The system gave no thread, no random bytes, or no means to wait for sockets.
    #[error("cannot start a worker: {0}")]
    Worker(#[from] std::io::Error),
    /// A worker's thread ended while the router ran: a defect.
    #[error("worker {0} has ended")]
    Gone(u16),
}

/// What the process is told.
pub struct Signals<S> {
    /// To shut down, when it is ready.
    pub shutdown: S,
    /// To read the configuration anew, each time.
    pub reload: mpsc::Receiver<()>,
}

/// Runs a router until it is told to shut down and all connections are closed, or the shutdown deadline is over.
///
/// # Errors
///
/// [`NetError`] before anything is served.
pub async fn run(
    settings: Settings,
    (policy, entities): (MakePolicy, Arc<dyn Entities>),
    signals: Signals<impl Future<Output = ()>>,
) -> Result<(), NetError> {
    let users = opening::users(&settings.users)?;
    let profiles = Profiles::load(&settings.tls)?;
    let doors = Doors { router_id: settings.router.id.clone(), users, profiles: profiles.clone() };
    let count = settings.router.workers.get().min(WORKERS_MAX.into());
    let mail: Vec<Arc<Notify>> = (0..count).map(|_| Arc::default()).collect();
    let shared = share(&settings, &mail, (policy().hooks(), profiles.clone()))?;
    let mut bound = Vec::new();
    for listener in &settings.listeners {
        bound.push((listener.clone(), listener::bind(listener, &shared.resolver).await?));
    }
    // commands are few: each is a socket, a request, or a change
    let (senders, receivers): (Vec<_>, Vec<_>) = (0..count).map(|_| mpsc::unbounded_channel()).unzip();
    let (control, mut asked) = mpsc::unbounded_channel();
    let (over, mut ended) = mpsc::unbounded_channel();
    for (id, (commands, mail)) in (0_u16..).zip(receivers.into_iter().zip(mail)) {
        let over = Over { id, ended: over.clone() };
        let others = senders.clone();
        Start { id, policy: policy.clone(), shared: shared.clone(), others, control: control.clone() }
            .spawn(commands, mail, over)?;
    }
    let connectors = settings.connectors.clone();
    let mut control = Control::new(settings, doors, entities, (shared, senders.clone()), policy());
    for connector in connectors {
        control.connect(connector);
    }
    for (listener, sockets) in bound {
        control.accept_opened(listener, sockets)?;
    }
    let Signals { shutdown, mut reload } = signals;
    let mut shutdown = std::pin::pin!(shutdown);
    let mut watch = std::pin::pin!(profiles.watch());
    loop {
        tokio::select! {
            Some(request) = asked.recv() => control.handle(request).await,
            Some(()) = reload.recv() => control.handle_hangup().await,
            Some(worker) = ended.recv() => return Err(NetError::Gone(worker)),
            () = &mut watch => {}
            () = &mut shutdown => break,
        }
    }
    control.stop_listening();
    for worker in &senders {
        // a worker that is gone needs no word
        let _ = worker.send(Command::Shutdown);
    }
    let all = async {
        for _ in 0..count {
            let _ = ended.recv().await;
        }
    };
    let deadline = control.settings.router.shutdown_deadline.max(Duration::from_millis(1));
    if tokio::time::timeout(deadline, all).await.is_err() {
        tracing::warn!(target: "router", "peers did not answer our close in time");
    }
    Ok(())
}

/// What all workers share.
fn share(
    settings: &Settings,
    mail: &[Arc<Notify>],
    (asks, profiles): (Arc<Hooks>, Profiles),
) -> Result<Arc<Shared>, NetError> {
    let wake = mail.iter().cloned().map(|notify| Arc::new(move || notify.notify_one()) as Wake).collect();
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).map_err(std::io::Error::from)?;
    let identities = Identities::default();
    let default = settings.router.default_distribution;
    let addresses = Addresses::new(settings.addresses.clone(), default, &identities);
    let link_routes = LinkRoutes::new(settings.link_routes.clone(), &identities);
    link_routes.allow_resumable(settings.router.allow_resumable_link_route);
    let common = Arc::new(Common {
        router_id: settings.router.id.clone(),
        buffered: Buffered::new(settings.limits.buffered_bytes),
        names: Names::new(secret),
        addresses,
        post: Post::new(wake),
        auto_links: AutoLinks::new(settings.auto_links.clone(), &identities),
        link_routes,
        asks,
        identities,
    });
    Ok(Arc::new(Shared {
        common,
        open: Open::default(),
        quotas: Quotas::default(),
        refusals: Refusals::default(),
        connections: AtomicU64::new(0),
        editions: AtomicU64::new(0),
        connections_max: AtomicU32::new(settings.limits.connections),
        started: Instant::now(),
        profiles,
        resolver: Resolver::default(),
    }))
}

/// Says that a worker's thread has ended, however it did.
struct Over {
    id: u16,
    ended: mpsc::UnboundedSender<u16>,
}

impl Drop for Over {
    fn drop(&mut self) {
        // nobody listens when the router is done
        let _ = self.ended.send(self.id);
    }
}

/// What a worker's thread begins with.
struct Start {
    id: u16,
    policy: MakePolicy,
    shared: Arc<Shared>,
    others: Vec<mpsc::UnboundedSender<Command>>,
    control: mpsc::UnboundedSender<Asked>,
}

impl Start {
    /// Starts its thread.
    fn spawn(
        self,
        commands: mpsc::UnboundedReceiver<Command>,
        mail: Arc<Notify>,
        over: Over,
    ) -> Result<(), std::io::Error> {
        let name = format!("worker-{}", self.id);
        let (say, said) = std::sync::mpsc::channel();
        let body = move || {
            let _over = over;
            let built = tokio::runtime::Builder::new_current_thread().enable_all().build_local(LocalOptions::default());
            let (runtime, result) = match built {
                Ok(runtime) => (Some(runtime), Ok(())),
                Err(error) => (None, Err(error)),
            };
            // whoever started this waits
            let _ = say.send(result);
            if let Some(runtime) = runtime {
                runtime.block_on(self.run(commands, mail));
            }
        };
        std::thread::Builder::new().name(name).spawn(body)?;
        said.recv().unwrap_or_else(|gone| Err(std::io::Error::other(gone)))
    }

    async fn run(self, commands: mpsc::UnboundedReceiver<Command>, mail: Arc<Notify>) {
        let worker = Worker::new(self.id, self.shared, (self.policy)(), (self.others, self.control));
        worker.run(commands, mail).await;
    }
}
