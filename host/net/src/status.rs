//! What a connector does right now: told by its task, read by the control task, which may also change or end it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crosstie_model::facts::ConnectorStatus;
use crosstie_model::policy::Candidate;
use crosstie_model::settings::Connector;
use crosstie_router::failover::Failover;
use tokio::sync::watch;

/// Shared by a connector's task and the control task.
#[derive(Debug, Clone)]
pub(crate) struct Watched(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    edition: u64,
    state: Mutex<State>,
    order: watch::Sender<Order>,
}

/// What the control task wants of a connector.
#[derive(Debug, Clone, Default)]
enum Order {
    /// That it goes on.
    #[default]
    Run,
    /// That it goes on as this one once it has no connection.
    Become(Box<Connector>),
    /// That it ends, and its connection.
    Stop,
}

/// How a connector fares.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) status: ConnectorStatus,
    pub(crate) message: Option<String>,
    /// What it may dial, what comes next first.
    pub(crate) urls: Vec<String>,
    /// Where it is connected.
    pub(crate) used: Option<String>,
    /// Dials since the start.
    pub(crate) attempts: u64,
    /// How often another endpoint was in use than before.
    pub(crate) failovers: u64,
    /// What is known of each endpoint.
    pub(crate) candidates: Vec<Candidate>,
}

impl Watched {
    /// `edition`: tells its connections from those of others.
    pub(crate) fn new(edition: u64) -> Self {
        Self(Arc::new(Shared { edition, state: Mutex::default(), order: watch::Sender::default() }))
    }

    pub(crate) fn edition(&self) -> u64 {
        self.0.edition
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How it fares.
    pub(crate) fn get(&self) -> State {
        self.state().clone()
    }

    /// Says what happened.
    pub(crate) fn set(&self, status: ConnectorStatus, message: Option<String>) {
        let mut state = self.state();
        state.status = status;
        state.message = message;
    }

    /// Says what it does now; what happened last stays.
    pub(crate) fn set_status(&self, status: ConnectorStatus) {
        self.state().status = status;
    }

    /// Says what it may dial, and how that went so far.
    pub(crate) fn set_progress(&self, failover: &Failover) {
        let (attempts, failovers) = failover.counts();
        let mut state = self.state();
        state.urls = failover.urls();
        state.used = failover.used().map(str::to_owned);
        state.attempts = attempts;
        state.failovers = failovers;
        state.candidates = failover.candidates().cloned().collect();
    }

    /// Ends the connector, and its connection.
    pub(crate) fn stop(&self) {
        self.0.order.send_replace(Order::Stop);
    }

    /// Has it go on as another one once it has no connection.
    pub(crate) fn become_other(&self, connector: Connector) {
        self.0.order.send_if_modified(|order| {
            let goes_on = !matches!(order, Order::Stop);
            if goes_on {
                *order = Order::Become(Box::new(connector));
            }
            goes_on
        });
    }

    /// Takes what it is to become.
    pub(crate) fn take_other(&self) -> Option<Connector> {
        let mut other = None;
        self.0.order.send_if_modified(|order| {
            if let Order::Become(connector) = order {
                other = Some((**connector).clone());
                *order = Order::Run;
            }
            false
        });
        other
    }

    /// Whether it is not to go on as it is.
    pub(crate) fn is_ordered(&self) -> bool {
        !matches!(*self.0.order.borrow(), Order::Run)
    }

    /// Ready when it is not to go on as it is.
    pub(crate) async fn ordered(&self) {
        // the sender is ours: it does not go
        let _ = self.0.order.subscribe().wait_for(|order| !matches!(order, Order::Run)).await;
    }

    /// Ready when it is to end.
    pub(crate) async fn stopped(&self) {
        let _ = self.0.order.subscribe().wait_for(|order| matches!(order, Order::Stop)).await;
    }
}
