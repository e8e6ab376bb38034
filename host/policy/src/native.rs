//! Native policies: Rust in this process that decides in place of a module. They speak the bytes of the ABI, and all that ABI.md says holds
//! for them, chains, limits and failures included, but that nobody can stop what does not let go: a policy that computes holds its worker
//! until it is done, and fails then where that was after its deadline. Their memory has no limit but the process's.

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Instant;

use crosstie_model::policy::Hook;
use crosstie_model::settings::{Grant, Plugin as Settings, PluginLimits};

use crate::engine::{self, AnyGuest, Entry, Started};
use crate::host::{self, Shared};
use crate::instance::{Cause, Failure};
use crate::plugin::{Fault, word};
use crate::request::Context;
use crate::tape::Tape;
use crate::{LoadProblem, Loader, Setup, Trial, problem};

/// A policy in this process.
pub trait Policy: Send + Sync {
    /// What it can be asked, in any order: one hook at least.
    fn hooks(&self) -> Vec<Hook>;

    /// A fresh guest. It is configured before it is asked; there are at most 4 on a worker, and one that failed is dropped.
    fn start(&self) -> Box<dyn Guest>;
}

/// One instance of a policy, which serves one call at a time.
pub trait Guest: Send {
    /// Decides: takes the bytes of a request, and gives those of an answer; `None` is no opinion. It is dropped where it waits beyond its
    /// deadline.
    ///
    /// # Errors
    ///
    /// Why it cannot decide, for the log. That is a failure as a trap is, and so is a panic.
    fn enter<'g>(&'g mut self, entry: Entry, request: &'g [u8], host: Host) -> Deciding<'g>;
}

/// A decision that is being made, on the thread of its worker.
pub type Deciding<'g> = Pin<Box<dyn Future<Output = Result<Option<Vec<u8>>, String>> + 'g>>;

/// Native policies by the names of their plugins. They are asked where there is a `plugins` node, named there or not, as if each were a file
/// of its directory.
#[derive(Clone, Default)]
pub struct Natives(BTreeMap<String, Arc<dyn Policy>>);

impl Natives {
    /// With one more, in the place of one that had its name.
    #[must_use]
    pub fn with(mut self, name: &str, policy: impl Policy + 'static) -> Self {
        self.0.insert(name.to_owned(), Arc::new(policy));
        self
    }

    pub(crate) fn names(&self) -> impl Iterator<Item = &String> {
        self.0.keys()
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The code of the policy of this name.
    pub(crate) fn module(&self, name: &str) -> Result<Module, Fault> {
        let policy = self.0.get(name).ok_or_else(|| Fault::new("there is no native policy of this name"))?;
        let hooks = policy.hooks();
        if hooks.is_empty() {
            return Err(Fault::new("it has no hook"));
        }
        Ok(Module { policy: policy.clone(), hooks })
    }
}

impl fmt::Debug for Natives {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.names()).finish()
    }
}

/// What the host does for a policy while it decides. What its node does not grant does nothing, and fails the call.
#[derive(Debug, Clone)]
pub struct Host(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    host: host::Host,
    grants: Vec<Grant>,
    /// What was called without a grant.
    refused: Option<(&'static str, Grant)>,
}

impl Host {
    /// Writes to the log: `level` from 0, an error, to 4; 8 KiB a call, 100 lines a second.
    pub fn log(&self, level: u8, text: &str) {
        self.granted(Grant::Log, "log", |host| host.log(level.into(), text.as_bytes()));
    }

    /// Adds to a counter: `[a-z0-9_]{1,64}`, 64 names.
    pub fn counter_add(&self, name: &str, by: u64) {
        self.granted(Grant::Counter, "counter_add", |host| host.count(name.as_bytes(), by));
    }

    /// The value under a key of 1 to 256 bytes. A counter reads as 8 bytes, little endian.
    #[must_use]
    pub fn kv_get(&self, key: &[u8]) -> Option<Vec<u8>> {
        self.granted(Grant::Kv, "kv_get", |host| host.get(key.to_vec()))
    }

    /// Stores a value for so many milliseconds, 0 for ever; false where there is no room.
    #[must_use]
    pub fn kv_put(&self, key: &[u8], value: &[u8], ttl_ms: u32) -> bool {
        self.granted(Grant::Kv, "kv_put", |host| host.put(key.to_vec(), value.to_vec(), ttl_ms))
    }

    /// Adds to a counter, and gives its value; `None` where there is no room, or where no counter stands.
    #[must_use]
    pub fn kv_add(&self, key: &[u8], by: i64, ttl_ms: u32) -> Option<i64> {
        self.granted(Grant::Kv, "kv_add", |host| host.add(key.to_vec(), by, ttl_ms))
    }

    /// Removes a value.
    pub fn kv_delete(&self, key: &[u8]) {
        self.granted(Grant::Kv, "kv_delete", |host| host.delete(key.to_vec()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn granted<T: Default>(&self, grant: Grant, function: &'static str, then: impl FnOnce(&mut host::Host) -> T) -> T {
        let mut state = self.state();
        if state.grants.contains(&grant) {
            return then(&mut state.host);
        }
        state.refused.get_or_insert((function, grant));
        T::default()
    }
}

/// A policy that can be asked.
pub(crate) struct Module {
    policy: Arc<dyn Policy>,
    hooks: Vec<Hook>,
}

impl engine::Module for Module {
    fn hooks(&self) -> Vec<Hook> {
        self.hooks.clone()
    }

    fn lacks(&self, hook: Hook) -> String {
        format!("it does not have the hook `{}`", hook.as_str())
    }

    fn is_script(&self) -> bool {
        false
    }

    async fn start(&self, shared: &Arc<Shared>, settings: &Settings, _: Context) -> Result<Started, Failure> {
        let started = catch_unwind(AssertUnwindSafe(|| self.policy.start()));
        let guest = started.map_err(|panic| Failure::new(Cause::Trap, said(&*panic)))?;
        let state = State { host: host::Host::new(shared.clone()), grants: settings.grants.clone(), refused: None };
        let host = Host(Arc::new(Mutex::new(state)));
        let instance = Instance { guest, host, limits: settings.limits, answer: Vec::new() };
        Ok(Started { guest: AnyGuest::Native(instance), declared: None })
    }
}

/// A guest, and what it has of the host.
pub(crate) struct Instance {
    guest: Box<dyn Guest>,
    host: Host,
    limits: PluginLimits,
    answer: Vec<u8>,
}

impl engine::Guest for Instance {
    async fn enter(&mut self, entry: Entry, request: &[u8], context: Context) -> Result<Option<&[u8]>, Failure> {
        let begun = Instant::now();
        self.host.state().host.begin(context.now_ms);
        let (guest, host) = (&mut self.guest, self.host.clone());
        let mut deciding = pin!(async move { guest.enter(entry, request, host).await });
        let decided = poll_fn(|cx| {
            let polled = catch_unwind(AssertUnwindSafe(|| deciding.as_mut().poll(cx)));
            polled.unwrap_or_else(|panic| Poll::Ready(Err(said(&*panic))))
        });
        let answer = decided.await.map_err(|why| Failure::new(Cause::Trap, why))?;
        if let Some((function, grant)) = self.host.state().refused.take() {
            let why = format!("it calls `{function}`, which needs the grant `{}`", word(grant));
            return Err(Failure::new(Cause::Trap, why));
        }
        let deadline = match entry {
            Entry::Configure => self.limits.configure_deadline,
            Entry::Hook(_) => self.limits.deadline,
        };
        if begun.elapsed() > deadline {
            return Err(Failure::new(Cause::Deadline, format!("no answer within {} ms", deadline.as_millis())));
        }
        match answer {
            Some(answer) => {
                self.answer = answer;
                Ok(Some(&self.answer))
            }
            None => Ok(None),
        }
    }

    fn set_tape(&mut self, tape: Tape) -> Tape {
        self.host.state().host.set_tape(tape)
    }

    fn fuel(&self) -> Option<u64> {
        None
    }

    fn memory_bytes(&self) -> u64 {
        0
    }
}

/// What a panic says.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or(panic.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("of something that is no text"))
}

impl Trial {
    /// Configures the native policy of a plugin's name.
    ///
    /// # Errors
    ///
    /// Why it does not load.
    pub fn native(settings: Settings, setup: Setup) -> Result<Self, Vec<LoadProblem>> {
        let name = settings.name.clone();
        let loader = Loader::new(setup).map_err(|fault| vec![problem(Some(&name), fault)])?;
        match loader.load_native(settings) {
            Ok(plugin) => Ok(Self { loader, plugin }),
            Err(faults) => Err(faults.into_iter().map(|fault| problem(Some(&name), fault)).collect()),
        }
    }
}
