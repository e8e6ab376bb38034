//! One worker's part: instances that are reused, and chains of plugins that are asked.

use std::cell::{Cell, RefCell};
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Instant;

use crosstie_model::policy::{
    AddressRequest, AddressVerdict, ConnectionRequest, ConnectionVerdict, Denial, FailoverAnswer, FailoverRequest,
    Hook, Policy, Refusal, Reply,
};
use tokio::sync::Semaphore;

use crate::plugin::{Failure, Instance, Plugin, context};
use crate::request::Context;
use crate::tree::Tree;
use crate::{answer, request};

/// Instances of one plugin on one worker while calls overlap.
const INSTANCES_MAX: usize = 4;

/// Calls that wait for an instance.
const WAITING_MAX: u32 = 1000;

/// A plugin on this worker.
struct Seat {
    plugin: Arc<Plugin>,
    idle: RefCell<Vec<Instance>>,
    places: Semaphore,
    waiting: Cell<u32>,
}

/// What a chain's member said.
enum Said<T> {
    Nothing,
    Decision(T),
    Failed,
}

impl Seat {
    fn new(plugin: Arc<Plugin>) -> Self {
        Self { plugin, idle: RefCell::default(), places: Semaphore::new(INSTANCES_MAX), waiting: Cell::new(0) }
    }

    /// Asks one hook. `read` makes the model's decision of the answer.
    async fn ask<T>(
        &self,
        hook: Hook,
        request: Tree,
        peer: Option<IpAddr>,
        read: impl FnOnce(&Arc<str>, Tree) -> Result<T, String>,
    ) -> Said<T> {
        let Plugin { health, settings, shared, .. } = &*self.plugin;
        if !health.may_ask(Instant::now()) {
            return Said::Failed;
        }
        let request = self.plugin.encode(request);
        let deadline = settings.limits.deadline;
        let called = tokio::time::timeout(deadline, self.call(hook, &request, context())).await;
        let outcome = match called {
            Ok(Ok(None)) => Ok(Said::Nothing),
            Ok(Ok(Some(tree))) => read(&shared.name, tree).map(Said::Decision).map_err(Failure::bad_answer),
            Ok(Err(failure)) => Err(failure),
            Err(_) => {
                Err(Failure { cause: "deadline", detail: format!("no answer within {} ms", deadline.as_millis()) })
            }
        };
        match outcome {
            Ok(said) => {
                health.succeeded();
                said
            }
            Err(Failure { cause, detail }) => {
                tracing::warn!(plugin = &*shared.name, hook = hook.as_str(), cause, "plugin failed: {detail}");
                if let Some(wait) = health.failed(Instant::now(), peer) {
                    let seconds = wait.as_secs();
                    tracing::error!(plugin = &*shared.name, seconds, "plugin in quarantine: its on-failure applies");
                }
                Said::Failed
            }
        }
    }

    /// A call that is dropped, and one that fails, takes its instance with it.
    async fn call(&self, hook: Hook, request: &[u8], context: Context) -> Result<Option<Tree>, Failure> {
        if self.waiting.get() >= WAITING_MAX {
            return Err(Failure { cause: "refused", detail: "1,000 calls wait already".to_owned() });
        }
        let waits = Waits::new(&self.waiting);
        let place = self.places.acquire().await;
        drop(waits);
        let _place = place.map_err(|error| Failure { cause: "refused", detail: error.to_string() })?;
        let reused = self.idle.borrow_mut().pop();
        let mut instance = match reused {
            Some(instance) => instance,
            None => self.plugin.instance().await?.0,
        };
        let limits = &self.plugin.settings.limits;
        let answer = instance.ask(hook, request, limits, context).await?;
        if !instance.is_worn(limits) {
            self.idle.borrow_mut().push(instance);
        }
        Ok(answer)
    }
}

/// Counts a waiting call for as long as it lives.
struct Waits<'a>(&'a Cell<u32>);

impl<'a> Waits<'a> {
    fn new(waiting: &'a Cell<u32>) -> Self {
        waiting.set(waiting.get().saturating_add(1));
        Self(waiting)
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}

/// The policy of one worker.
pub(crate) struct Worker {
    seats: Rc<[Seat]>,
}

impl Worker {
    pub(crate) fn new(plugins: &[Arc<Plugin>]) -> Self {
        Self { seats: plugins.iter().cloned().map(Seat::new).collect() }
    }
}

fn asked(seats: &[Seat], hook: Hook) -> impl Iterator<Item = &Seat> {
    seats.iter().filter(move |seat| seat.plugin.hooks.contains(&hook))
}

/// What a peer is told when a plugin failed; why stands in the log.
fn failed(seat: &Seat) -> Denial {
    Denial {
        plugin: seat.plugin.shared.name.clone(),
        refusal: Refusal {
            condition: "amqp:internal-error".to_owned(),
            description: "policy failed".to_owned(),
            note: None,
            info: Vec::new(),
        },
    }
}

impl Policy for Worker {
    fn serves(&self, hook: Hook) -> bool {
        asked(&self.seats, hook).next().is_some()
    }

    fn failover(&self, request: FailoverRequest) -> Reply<Option<FailoverAnswer>> {
        let seats = self.seats.clone();
        Box::pin(async move {
            let candidates = request.candidates.len();
            for seat in asked(&seats, Hook::Failover) {
                let tree = request::failover(context(), &request);
                match seat.ask(Hook::Failover, tree, None, |name, tree| answer::failover(name, candidates, tree)).await
                {
                    Said::Nothing => {}
                    Said::Decision(answer) => return Some(answer),
                    // `builtin` ends the chain
                    Said::Failed => return None,
                }
            }
            None
        })
    }

    fn connection(&self, request: ConnectionRequest) -> Reply<ConnectionVerdict> {
        let seats = self.seats.clone();
        Box::pin(async move {
            let mut granted: Vec<(String, String)> = Vec::new();
            let peer = Some(request.peer.remote.ip());
            for seat in asked(&seats, Hook::Connection) {
                let tree = request::connection(context(), request.clone());
                match seat.ask(Hook::Connection, tree, peer, answer::connection).await {
                    Said::Nothing => {}
                    Said::Decision(ConnectionVerdict::Allow { attributes }) => {
                        for (key, value) in attributes {
                            if !granted.iter().any(|(known, _)| *known == key) {
                                granted.push((key, value));
                            }
                        }
                    }
                    Said::Decision(deny) => return deny,
                    Said::Failed if seat.plugin.settings.on_failure.connection_allow => {}
                    Said::Failed => return ConnectionVerdict::Deny(failed(seat)),
                }
            }
            ConnectionVerdict::Allow { attributes: granted }
        })
    }

    fn address(&self, request: AddressRequest) -> Reply<AddressVerdict> {
        let seats = self.seats.clone();
        Box::pin(async move {
            for seat in asked(&seats, Hook::Address) {
                let tree = request::address(context(), request.clone());
                match seat.ask(Hook::Address, tree, None, answer::address).await {
                    Said::Nothing => {}
                    Said::Decision(verdict) => return verdict,
                    Said::Failed if seat.plugin.settings.on_failure.address_deny => {
                        return AddressVerdict::Deny(failed(seat));
                    }
                    Said::Failed => return AddressVerdict::BuiltIn,
                }
            }
            AddressVerdict::BuiltIn
        })
    }
}
