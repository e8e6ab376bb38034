//! One plugin: its compiled module, what it exports, and its instances.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use crosstie_model::facts::PluginFacts;
use crosstie_model::policy::Hook;
use crosstie_model::settings::{Grant, Plugin as Settings};
use sha2::{Digest, Sha256};
use wasmtime::{
    Engine, ExternType, InstancePre, Linker, Memory, Module, Store, StoreLimitsBuilder, TypedFunc, UpdateDeadline,
    ValType,
};

use crate::answer::{self, Configured};
use crate::clock::Clock;
use crate::directory::Code;
use crate::guest::{self, HOST, Shared, State};
use crate::health::Health;
use crate::instance::{Cause, Entry, Failure, Instance};
use crate::reads::Reads;
use crate::request::{self, Context, FIELDS};
use crate::script::{self, Script};

/// Tables of one instance.
const TABLES_MAX: usize = 4;

static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Time and chance for one request.
pub(crate) fn context() -> Context {
    use std::hash::BuildHasher;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let random = std::hash::RandomState::new().hash_one(sequence);
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Context { now_ms, seed: random >> 11, sequence }
}

/// The export of a hook.
pub(crate) const fn export(hook: Hook) -> &'static str {
    match hook {
        Hook::Failover => "on_failover",
        Hook::Connection => "on_connection",
        Hook::Session => "on_session",
        Hook::Link => "on_link",
        Hook::Address => "on_address",
    }
}

/// What does not let a plugin load.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) path: Vec<u32>,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), path: Vec::new(), hint: None }
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// On one line, for the log.
    pub(crate) fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} ({hint})", self.message),
            None => self.message.clone(),
        }
    }
}

/// A plugin that loaded.
pub(crate) struct Plugin {
    pub(crate) settings: Settings,
    /// Of its file, SHA-256 in hexadecimal digits.
    pub(crate) hash: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) health: Health,
    /// Those that are asked.
    pub(crate) hooks: Vec<Hook>,
    pub(crate) reads: Option<Vec<String>>,
    /// The same, for writing requests.
    pub(crate) wanted: Reads,
    router_id: String,
    engine: Engine,
    pub(crate) clock: Arc<Clock>,
    pre: InstancePre<State>,
    script: Option<Script>,
    /// Made at load, until a call needs it.
    first: Mutex<Option<Instance>>,
    /// Its file is gone, though the configuration names it.
    is_gone: AtomicBool,
}

/// What a fresh guest has.
struct Entered {
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    hooks: Vec<(Hook, Entry)>,
    configure: Option<Entry>,
    /// Where it takes its script.
    script: Option<Entry>,
}

/// A fresh instance, and what it said of itself.
pub(crate) struct Started {
    pub(crate) instance: Instance,
    pub(crate) configured: Configured,
    /// The hooks that a script has functions for.
    scripted: Option<Vec<String>>,
}

/// Checks a module, and configures it once.
pub(crate) async fn load(
    (engine, clock): (&Engine, &Arc<Clock>),
    settings: Settings,
    code: &Code,
    (module, router_id): (&Module, &str),
) -> Result<Plugin, Vec<Fault>> {
    let fault = |error: wasmtime::Error| vec![unloadable(&error)];
    let exported = check_exports(module).map_err(|fault| vec![fault])?;
    let script = Script::of(code, &granted(&settings));
    if script.is_none() {
        check_imports(module, &settings).map_err(|fault| vec![fault])?;
    }
    let mut linker = Linker::new(engine);
    guest::link(&mut linker, &settings.grants).map_err(fault)?;
    linker.define_unknown_imports_as_traps(module).map_err(fault)?;
    let pre = linker.instantiate_pre(module).map_err(fault)?;
    let shared = Arc::new(Shared::new(settings.name.as_str().into(), settings.limits.kv_bytes));
    let mut plugin = Plugin {
        health: Health::default(),
        hooks: exported,
        reads: None,
        wanted: Reads::All,
        router_id: router_id.to_owned(),
        engine: engine.clone(),
        clock: clock.clone(),
        pre,
        script,
        first: Mutex::default(),
        is_gone: AtomicBool::new(false),
        shared,
        settings,
        hash: Sha256::digest(code.bytes()).iter().map(|byte| format!("{byte:02x}")).collect(),
    };
    let started = plugin.instance().await.map_err(|failure| vec![plugin.unconfigurable(failure)])?;
    let Started { instance, configured, scripted } = started;
    if let Some(words) = scripted {
        plugin.hooks = script::hooks(&words).map_err(|fault| vec![fault])?;
    }
    let problems: Vec<Fault> = (configured.problems.iter())
        .map(|(message, path)| Fault { path: path.clone(), ..Fault::new(message.as_str()) })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    plugin.choose(configured).map_err(|fault| vec![fault])?;
    plugin.first = Mutex::new(Some(instance));
    Ok(plugin)
}

/// Why a module does not load.
pub(crate) fn unloadable(error: &wasmtime::Error) -> Fault {
    Fault::new(format!("the module does not load: {}", one_line(&error.root_cause().to_string())))
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of what a plugin may use.
fn granted(settings: &Settings) -> Vec<&'static str> {
    let word = |grant: &Grant| match grant {
        Grant::Log => "log",
        Grant::Counter => "counter",
        Grant::Kv => "kv",
    };
    settings.grants.iter().map(word).collect()
}

/// The hooks that a module exports; everything that the ABI names has its type.
fn check_exports(module: &Module) -> Result<Vec<Hook>, Fault> {
    let is = |name: &str, params: &[ValType], results: &[ValType]| match module.get_export(name) {
        None => Ok(false),
        Some(ExternType::Func(found)) => {
            let same = |found: Vec<ValType>, wanted: &[ValType]| {
                found.len() == wanted.len() && found.iter().zip(wanted).all(|(a, b)| ValType::eq(a, b))
            };
            if same(found.params().collect(), params) && same(found.results().collect(), results) {
                Ok(true)
            } else {
                Err(Fault::new(format!("export `{name}` has another type than the ABI gives it")))
            }
        }
        Some(_) => Err(Fault::new(format!("export `{name}` is no function"))),
    };
    match module.get_export("memory") {
        Some(ExternType::Memory(memory)) if !memory.is_64() && !memory.is_shared() => {}
        Some(_) => return Err(Fault::new("export `memory` is no plain 32-bit memory")),
        None => return Err(Fault::new("no export `memory`").hint("see the ABI, \"Exports\"")),
    }
    let entry = [ValType::I32, ValType::I32];
    for (name, params) in [("policy_abi_v1", &entry[..0]), ("policy_alloc", &entry[..1])] {
        if !is(name, params, &[ValType::I32])? {
            return Err(Fault::new(format!("no export `{name}`")).hint("see the ABI, \"Exports\""));
        }
    }
    is("_initialize", &[], &[])?;
    is("policy_configure", &entry, &[ValType::I64])?;
    let mut hooks = Vec::new();
    for hook in Hook::ALL {
        if is(export(hook), &entry, &[ValType::I64])? {
            hooks.push(hook);
        }
    }
    if hooks.is_empty() {
        return Err(Fault::new("it exports no hook")
            .hint("at least one of `on_failover`, `on_connection`, `on_session`, `on_link`, `on_address`"));
    }
    Ok(hooks)
}

fn check_imports(module: &Module, settings: &Settings) -> Result<(), Fault> {
    for import in module.imports() {
        let name = import.name();
        if !matches!(import.ty(), ExternType::Func(_)) {
            return Err(Fault::new(format!("it imports `{name}`, which is no function")));
        }
        if import.module() != HOST {
            continue;
        }
        if let Some((_, word)) = guest::grant_of(name).filter(|(grant, _)| !settings.grants.contains(grant)) {
            let message = format!("it imports `{name}`, which needs the grant `{word}`");
            return Err(Fault::new(message).hint(format!("add `grant \"{word}\"` to its node")));
        }
    }
    Ok(())
}

impl Plugin {
    /// What management shows.
    pub(crate) fn facts(&self) -> PluginFacts {
        let counts = self.shared.stats.now();
        let quarantine = self.health.quarantine(Instant::now());
        let state = match (self.is_gone.load(Ordering::Relaxed), quarantine) {
            (true, _) => "gone",
            (false, Some(_)) => "quarantine",
            (false, None) => "active",
        };
        PluginFacts {
            name: self.shared.name.to_string(),
            state,
            hash: self.hash.clone(),
            hooks: self.hooks.iter().map(|hook| hook.as_str()).collect(),
            only: self.settings.only.clone(),
            shadow_of: self.settings.shadow.clone(),
            comparisons: counts.comparisons,
            differences: counts.differences,
            dropped: counts.dropped,
            decisions: counts.decisions,
            no_opinion: counts.no_opinion,
            denials: counts.denials,
            failures: counts.failures.iter().map(|(cause, count)| (cause.as_str(), *count)).collect(),
            last_failure: counts.last_failure.clone(),
            quarantine,
            latency_us: [0.5, 0.99, 1.0].map(|share| counts.latency_us(share)),
            counters: self.shared.counters(),
        }
    }

    /// Has the keys, values and counts of the one that it replaces.
    pub(crate) fn take_over(&mut self, before: &Self) {
        self.shared = before.shared.clone();
        self.shared.limit(self.settings.limits.kv_bytes);
        // made with others
        self.first = Mutex::default();
    }

    /// From now on every call fails: says whether that is new.
    pub(crate) fn leave(&self) -> bool {
        !self.is_gone.swap(true, Ordering::Relaxed)
    }

    /// Whether it may be asked now.
    pub(crate) fn may_ask(&self) -> bool {
        !self.is_gone.load(Ordering::Relaxed) && self.health.may_ask(Instant::now())
    }

    /// Which hooks are asked: exported, named by the configuration, chosen by the plugin itself.
    fn choose(&mut self, configured: Configured) -> Result<(), Fault> {
        if let Some(named) = &self.settings.hooks {
            if let Some(missing) = named.iter().find(|hook| !self.hooks.contains(hook)) {
                let missing = match self.script {
                    Some(_) => format!("it has no function for `{}`", missing.as_str()),
                    None => format!("it does not export `{}`", export(*missing)),
                };
                return Err(Fault::new(missing).hint("see its `hooks`"));
            }
            self.hooks.retain(|hook| named.contains(hook));
        }
        if let Some(chosen) = configured.hooks {
            let known = |word: &String| self.hooks.iter().any(|hook| hook.as_str() == word);
            if let Some(word) = chosen.iter().find(|word| !Hook::ALL.iter().any(|hook| hook.as_str() == *word)) {
                return Err(Fault::new(format!("it chooses the hook `{}`, which is none", word.escape_debug())));
            }
            if let (Some(word), None) = (chosen.iter().find(|word| !known(word)), &self.settings.hooks) {
                return Err(Fault::new(format!("it chooses the hook `{word}`, which it does not export")));
            }
            self.hooks.retain(|hook| chosen.iter().any(|word| word == hook.as_str()));
        }
        let first = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
        if let Some(path) = configured.reads.iter().flatten().find(|path| !FIELDS.contains(&first(path).as_str())) {
            return Err(Fault::new(format!("it reads `{}`, which no request has", path.escape_debug())));
        }
        self.wanted = configured.reads.as_deref().map_or(Reads::All, Reads::of);
        self.reads = configured.reads;
        Ok(())
    }

    /// A fresh instance, initialised and configured.
    pub(crate) async fn instance(&self) -> Result<Started, Failure> {
        let deadline = self.settings.limits.configure_deadline;
        let _running = self.clock.run();
        tokio::time::timeout(deadline, self.start()).await.unwrap_or_else(|_| {
            Err(Failure::new(Cause::Deadline, format!("not configured within {} ms", deadline.as_millis())))
        })
    }

    /// Why it is not configured. What a script says of its fault needs no words before it.
    fn unconfigurable(&self, failure: Failure) -> Fault {
        let Failure { cause, detail } = failure;
        match (&self.script, cause) {
            (Some(_), Cause::Trap) => Fault::new(one_line(&detail)),
            _ => Fault::new(format!("it cannot be configured ({}): {detail}", cause.as_str())),
        }
    }

    /// A fresh instance for calls.
    pub(crate) async fn ready(&self) -> Result<Instance, Failure> {
        let Started { instance, configured, .. } = self.instance().await?;
        match configured.problems.first() {
            Some((message, _)) => Err(Failure::bad_answer(format!("a problem that it had not at load: {message}"))),
            None => Ok(instance),
        }
    }

    /// The instance that was made at load, for who asks first.
    pub(crate) fn take_first(&self) -> Option<Instance> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts a failure; the first of each kind stands in the log. `peer` is who caused it, where it was admission.
    pub(crate) fn failed(&self, entry: &str, failure: Failure, peer: Option<IpAddr>) {
        let Failure { cause, detail: error } = failure;
        let (plugin, word) = (&*self.shared.name, cause.as_str());
        self.shared.stats.failed(cause, &error);
        let found = self.health.failed(Instant::now(), cause, peer);
        if found.is_first {
            tracing::warn!(target: "plugin", plugin, entry, cause = word, error, "plugin failed");
        } else {
            tracing::debug!(target: "plugin", plugin, entry, cause = word, error, "plugin failed again");
        }
        if let Some(wait) = found.quarantine {
            let (seconds, failures) = (wait.as_secs(), found.failures);
            tracing::warn!(target: "plugin", plugin, seconds, failures, "plugin in quarantine");
        }
    }

    /// Counts an answer.
    pub(crate) fn succeeded(&self) {
        if let Some(failures) = self.health.succeeded(Instant::now()) {
            tracing::info!(target: "plugin", plugin = &*self.shared.name, failures, "plugin recovered");
        }
    }

    async fn start(&self) -> Result<Started, Failure> {
        let context = context();
        let limits = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(self.settings.limits.memory_bytes).unwrap_or(usize::MAX))
            .table_elements(usize::try_from(self.settings.limits.table_elements).unwrap_or(usize::MAX))
            .tables(TABLES_MAX)
            .build();
        let mut store = Store::new(&self.engine, State::new(self.shared.clone(), limits));
        store.data_mut().is_script = self.script.is_some();
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        // at each tick the worker's other tasks and its sockets have their turn
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))));
        store.data_mut().begin(context.now_ms, context.seed);
        let Entered { memory, alloc, hooks, configure, script } = match self.enter(&mut store).await {
            Ok(entered) => entered,
            Err(error) => return Err(Failure::trap(&error, store.data())),
        };
        let mut instance = Instance::new(store, memory, alloc, hooks);
        let limits = &self.settings.limits;
        let mut scripted = None;
        if let (Some(script), Some(entry)) = (&self.script, script) {
            scripted = Some(script.evaluate(&mut instance, &entry, limits, context).await?);
        }
        let mut configured = Configured::default();
        if let Some(entry) = configure {
            let granted = granted(&self.settings);
            let request =
                request::setup(&self.settings.name, &self.router_id, context, &granted, &self.settings.config);
            if let Some(answer) = instance.enter(&entry, &request, limits, context).await? {
                configured = answer::configured(answer).map_err(Failure::bad_answer)?;
            }
        }
        if let Some(scripted) = &mut scripted {
            configured.reads = configured.reads.or(scripted.reads.take());
        }
        Ok(Started { instance, configured, scripted: scripted.and_then(|scripted| scripted.hooks) })
    }

    async fn enter(&self, store: &mut Store<State>) -> wasmtime::Result<Entered> {
        let guest = self.pre.instantiate_async(&mut *store).await?;
        let memory = guest.get_memory(&mut *store, "memory").ok_or_else(|| wasmtime::Error::msg("no memory"))?;
        store.data_mut().memory = Some(memory);
        if let Ok(initialize) = guest.get_typed_func::<(), ()>(&mut *store, "_initialize") {
            initialize.call_async(&mut *store, ()).await?;
        }
        let minor = guest.get_typed_func::<(), i32>(&mut *store, "policy_abi_v1")?.call_async(&mut *store, ()).await?;
        if minor < 0 {
            return Err(wasmtime::Error::msg(format!("policy_abi_v1 answers {minor}")));
        }
        let alloc = guest.get_typed_func(&mut *store, "policy_alloc")?;
        let mut hooks = Vec::new();
        for hook in &self.hooks {
            hooks.push((*hook, guest.get_typed_func(&mut *store, export(*hook))?));
        }
        let configure = guest.get_typed_func(&mut *store, "policy_configure").ok();
        let script = match &self.script {
            Some(_) => Some(guest.get_typed_func(&mut *store, script::ENTRY)?),
            None => None,
        };
        Ok(Entered { memory, alloc, hooks, configure, script })
    }
}
