//! The pool: a plugin's instances on one worker. They are made when calls need them, within the time that a plugin has
//! to be configured, and beside the calls: one that gives up waiting does not end the making.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;

use tokio::sync::oneshot;

use crate::instance::Instance;
use crate::plugin::Plugin;

/// Instances of one plugin on one worker while calls overlap.
const INSTANCES_MAX: usize = 4;

/// Calls that wait for an instance; the next one fails.
const WAITING_MAX: usize = 1000;

/// Why a call gets no instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Without {
    /// Too many calls wait.
    Full,
    /// The one that it waited for could not be made, which stands in the log.
    Failed,
}

/// Instances that are idle, and calls that wait for one. Belongs to one thread.
pub(crate) struct Pool {
    plugin: Arc<Plugin>,
    idle: RefCell<Vec<Instance>>,
    /// In use, idle or in the making.
    count: Cell<usize>,
    making: Cell<usize>,
    waiting: RefCell<VecDeque<oneshot::Sender<Lease>>>,
}

impl Pool {
    pub(crate) fn new(plugin: Arc<Plugin>) -> Self {
        Self {
            plugin,
            idle: RefCell::default(),
            count: Cell::new(0),
            making: Cell::new(0),
            waiting: RefCell::default(),
        }
    }

    /// An instance of one's own, if one is idle.
    pub(crate) fn idle(self: &Rc<Self>) -> Option<Lease> {
        let instance = self.idle.borrow_mut().pop()?;
        Some(self.lend(instance))
    }

    /// The next instance of one's own, where none is idle; who waits longest is served first. To be called where tasks of one thread
    /// can be spawned.
    pub(crate) async fn wait(self: &Rc<Self>) -> Result<Lease, Without> {
        let leased = {
            let mut waiting = self.waiting.borrow_mut();
            if waiting.len() >= WAITING_MAX {
                waiting.retain(|caller| !caller.is_closed());
            }
            if waiting.len() >= WAITING_MAX {
                return Err(Without::Full);
            }
            let (caller, leased) = oneshot::channel();
            waiting.push_back(caller);
            leased
        };
        self.refill();
        leased.await.map_err(|_| Without::Failed)
    }

    fn lend(self: &Rc<Self>, instance: Instance) -> Lease {
        Lease { pool: self.clone(), instance: Some(instance) }
    }

    /// Makes as many instances as calls wait for, as long as there may be more.
    fn refill(self: &Rc<Self>) {
        self.waiting.borrow_mut().retain(|caller| !caller.is_closed());
        while self.count.get() < INSTANCES_MAX && self.making.get() < self.waiting.borrow().len() {
            self.count.set(self.count.get().saturating_add(1));
            if let Some(instance) = self.plugin.take_first() {
                self.hand_out(instance);
                continue;
            }
            self.making.set(self.making.get().saturating_add(1));
            tokio::task::spawn_local(self.clone().make());
        }
    }

    async fn make(self: Rc<Self>) {
        let made = self.plugin.ready().await;
        self.making.set(self.making.get().saturating_sub(1));
        match made {
            Ok(instance) => self.hand_out(instance),
            Err(failure) => {
                self.plugin.failed("policy_configure", failure, None);
                // one attempt, one call: the others have the next attempt
                self.waiting.borrow_mut().pop_front();
                self.lose();
            }
        }
    }

    /// To the call that waits longest.
    fn hand_out(self: &Rc<Self>, instance: Instance) {
        let mut waiting = self.waiting.borrow_mut();
        while let Some(caller) = waiting.pop_front() {
            if !caller.is_closed() {
                drop(waiting);
                // one that gives up before it looks gives the lease back
                drop(caller.send(self.lend(instance)));
                return;
            }
        }
        self.idle.borrow_mut().push(instance);
    }

    fn lose(self: &Rc<Self>) {
        self.count.set(self.count.get().saturating_sub(1));
        self.refill();
    }
}

/// An instance that serves one call. It goes back to the pool unless it was taken out, or is worn.
pub(crate) struct Lease {
    pool: Rc<Pool>,
    /// Taken out while it is entered: a call that is dropped, or fails, takes its instance with it.
    pub(crate) instance: Option<Instance>,
}

impl Drop for Lease {
    fn drop(&mut self) {
        let limits = &self.pool.plugin.settings.limits;
        match self.instance.take().filter(|instance| !instance.is_worn(limits)) {
            Some(instance) => self.pool.hand_out(instance),
            None => self.pool.lose(),
        }
    }
}
