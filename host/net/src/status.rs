//! What a connector does right now: told by its task, read by management, which may also end it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crosstie_model::facts::ConnectorStatus;
use tokio::sync::Notify;

/// Shared by a connector's task and the control task.
#[derive(Debug, Clone, Default)]
pub(crate) struct Watched(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    stop: Notify,
}

/// How a connector fares.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) status: ConnectorStatus,
    pub(crate) message: Option<String>,
    /// What it may dial, what comes next first.
    pub(crate) urls: Vec<String>,
    is_stopped: bool,
}

impl Watched {
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

    /// Says what it may dial.
    pub(crate) fn set_urls(&self, urls: Vec<String>) {
        self.state().urls = urls;
    }

    /// Ends the connector.
    pub(crate) fn stop(&self) {
        self.state().is_stopped = true;
        self.0.stop.notify_one();
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.state().is_stopped
    }

    /// Ready when the connector is to end.
    pub(crate) async fn stopped(&self) {
        while !self.is_stopped() {
            self.0.stop.notified().await;
        }
    }
}
