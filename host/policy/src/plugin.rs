//! One plugin: its compiled module, what it exports, and its instances.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use crosstie_model::policy::Hook;
use crosstie_model::settings::{Grant, Plugin as Settings, PluginLimits};
use wasmtime::{
    Engine, ExternType, InstancePre, Linker, Memory, Module, Store, StoreLimitsBuilder, TypedFunc, UpdateDeadline,
    ValType,
};

use crate::answer::{self, Configured};
use crate::guest::{self, HOST, Shared, State};
use crate::health::Health;
use crate::request::{self, Context, FIELDS};
use crate::tree::Tree;

/// Calls after which an instance is replaced.
const CALLS_MAX: u64 = 1_000_000;

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

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For counting: `trap`, `deadline`, `bad answer`, `refused`.
    pub(crate) cause: &'static str,
    /// The whole story, with the guest's backtrace where there is one.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn bad_answer(detail: impl Into<String>) -> Self {
        Self { cause: "bad answer", detail: detail.into() }
    }

    fn trap(error: &wasmtime::Error, output: &[u8]) -> Self {
        let mut detail = format!("{error:?}");
        if !output.is_empty() {
            detail.push_str("\nlatest output of the guest:\n");
            detail.push_str(&String::from_utf8_lossy(output));
        }
        Self { cause: "trap", detail }
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

    fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// A plugin that loaded.
pub(crate) struct Plugin {
    pub(crate) settings: Settings,
    pub(crate) shared: Arc<Shared>,
    pub(crate) health: Health,
    /// Those that are asked.
    pub(crate) hooks: Vec<Hook>,
    reads: Option<Vec<String>>,
    router_id: String,
    engine: Engine,
    pre: InstancePre<State>,
}

/// An entry of a guest: `(ptr, len) -> ptr << 32 | len`.
type Entry = TypedFunc<(i32, i32), i64>;

/// What a fresh guest has.
type Entered = (Memory, TypedFunc<i32, i32>, Vec<(Hook, Entry)>, Option<Entry>);

/// One instance.
pub(crate) struct Instance {
    store: Store<State>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    hooks: Vec<(Hook, Entry)>,
    calls: u64,
}

/// Compiles and checks a module, and configures it once.
pub(crate) async fn load(
    engine: &Engine,
    settings: Settings,
    bytes: &[u8],
    (router_id, cache): (&str, Option<&Path>),
) -> Result<Plugin, Vec<Fault>> {
    let fault = |error: wasmtime::Error| vec![Fault::new(format!("the module does not load: {error:#}"))];
    let module = crate::cache::compile(engine, bytes, cache).map_err(fault)?;
    let exported = check_exports(&module).map_err(|fault| vec![fault])?;
    check_imports(&module, &settings).map_err(|fault| vec![fault])?;
    let mut linker = Linker::new(engine);
    guest::link(&mut linker).map_err(fault)?;
    linker.define_unknown_imports_as_traps(&module).map_err(fault)?;
    let pre = linker.instantiate_pre(&module).map_err(fault)?;
    let shared = Arc::new(Shared::new(settings.name.as_str().into(), settings.limits.kv_bytes));
    let mut plugin = Plugin {
        health: Health::default(),
        hooks: exported,
        reads: None,
        router_id: router_id.to_owned(),
        engine: engine.clone(),
        pre,
        shared,
        settings,
    };
    let configured = match plugin.instance().await {
        Ok((_, configured)) => configured,
        Err(failure) => {
            let Failure { cause, detail } = failure;
            return Err(vec![Fault::new(format!("it cannot be configured ({cause}): {detail}"))]);
        }
    };
    let problems: Vec<Fault> = (configured.problems.iter())
        .map(|(message, path)| Fault { path: path.clone(), ..Fault::new(message.as_str()) })
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    plugin.choose(configured).map_err(|fault| vec![fault])?;
    Ok(plugin)
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
        return Err(
            Fault::new("it exports no hook").hint("at least one of `on_failover`, `on_connection`, `on_address`")
        );
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
    /// Which hooks are asked: exported, named by the configuration, chosen by the plugin itself.
    fn choose(&mut self, configured: Configured) -> Result<(), Fault> {
        if let Some(named) = &self.settings.hooks {
            if let Some(missing) = named.iter().find(|hook| !self.hooks.contains(hook)) {
                return Err(Fault::new(format!("it does not export `{}`", export(*missing))).hint("see its `hooks`"));
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
        if let Some(hook) = self.hooks.iter().find(|hook| matches!(hook, Hook::Session | Hook::Link)) {
            let message = format!("this build does not serve the hook `{}`", hook.as_str());
            return Err(Fault::new(message).hint("name those that it shall be asked, as in `hooks \"connection\"`"));
        }
        let first = |path: &String| path.split('.').next().unwrap_or_default().to_owned();
        if let Some(path) = configured.reads.iter().flatten().find(|path| !FIELDS.contains(&first(path).as_str())) {
            return Err(Fault::new(format!("it reads `{}`, which no request has", path.escape_debug())));
        }
        self.reads = configured.reads;
        Ok(())
    }

    /// A request as the plugin wants it.
    pub(crate) fn encode(&self, request: Tree) -> Vec<u8> {
        match &self.reads {
            Some(reads) => request.project(reads).encode(),
            None => request.encode(),
        }
    }

    /// A fresh instance, initialised and configured.
    pub(crate) async fn instance(&self) -> Result<(Instance, Configured), Failure> {
        let deadline = self.settings.limits.configure_deadline;
        tokio::time::timeout(deadline, self.start()).await.unwrap_or_else(|_| {
            Err(Failure { cause: "deadline", detail: format!("not configured within {} ms", deadline.as_millis()) })
        })
    }

    async fn start(&self) -> Result<(Instance, Configured), Failure> {
        let context = context();
        let limits = StoreLimitsBuilder::new()
            .memory_size(usize::try_from(self.settings.limits.memory_bytes).unwrap_or(usize::MAX))
            .table_elements(usize::try_from(self.settings.limits.table_elements).unwrap_or(usize::MAX))
            .build();
        let mut store = Store::new(&self.engine, State::new(self.shared.clone(), limits));
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        // at each tick the worker's other tasks and its sockets have their turn
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))));
        let state = store.data_mut();
        (state.now_ms, state.seed) = (context.now_ms, context.seed);
        let (mut instance, configure) = match self.enter(&mut store).await {
            Ok((memory, alloc, hooks, configure)) => (Instance { store, memory, alloc, hooks, calls: 0 }, configure),
            Err(error) => return Err(Failure::trap(&error, &store.data().output)),
        };
        let Some(configure) = configure else {
            return Ok((instance, Configured::default()));
        };
        let granted = self.settings.grants.iter().map(|grant| match grant {
            Grant::Log => "log",
            Grant::Counter => "counter",
            Grant::Kv => "kv",
        });
        let granted: Vec<&str> = granted.collect();
        let request = request::setup(&self.settings.name, &self.router_id, context, &granted, &self.settings.config);
        let configured = match instance.enter(&configure, &request.encode(), &self.settings.limits, context).await? {
            Some(answer) => answer::configured(answer).map_err(Failure::bad_answer)?,
            None => Configured::default(),
        };
        Ok((instance, configured))
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
        Ok((memory, alloc, hooks, configure))
    }
}

impl Instance {
    /// Asks a hook; `None` is no opinion. After a failure the instance is of no use.
    pub(crate) async fn ask(
        &mut self,
        hook: Hook,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<Tree>, Failure> {
        let entry = self.hooks.iter().find(|(known, _)| *known == hook).map(|(_, entry)| entry.clone());
        let Some(entry) = entry else { return Ok(None) };
        self.calls = self.calls.saturating_add(1);
        self.enter(&entry, request, limits, context).await
    }

    /// Whether it may be asked again.
    pub(crate) fn is_worn(&self, limits: &PluginLimits) -> bool {
        let used = u64::try_from(self.memory.data_size(&self.store)).unwrap_or(u64::MAX);
        self.calls >= CALLS_MAX || used > limits.memory_bytes / 4 * 3
    }

    async fn enter(
        &mut self,
        entry: &Entry,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<Tree>, Failure> {
        let refused = |detail: &str| Failure { cause: "refused", detail: detail.to_owned() };
        let length = u32::try_from(request.len()).ok().filter(|length| *length <= limits.request_bytes);
        let length = length.ok_or_else(|| refused("the request is longer than the plugin's limit"))?;
        let state = self.store.data_mut();
        (state.now_ms, state.seed, state.slept_ns, state.may_use_kv) = (context.now_ms, context.seed, 0, false);
        state.output.clear();
        let at = match self.alloc.call_async(&mut self.store, length.cast_signed()).await {
            Ok(0) => return Err(refused("policy_alloc answers 0")),
            Ok(at) => at,
            Err(error) => return Err(Failure::trap(&error, &self.store.data().output)),
        };
        let start = usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX);
        if self.memory.write(&mut self.store, start, request).is_err() {
            return Err(refused("policy_alloc answers a range outside memory"));
        }
        self.store.data_mut().may_use_kv = true;
        match entry.call_async(&mut self.store, (at, length.cast_signed())).await {
            Ok(0) => Ok(None),
            Ok(packed) => self.answer(packed, limits).map(Some),
            Err(error) => Err(Failure::trap(&error, &self.store.data().output)),
        }
    }

    /// Reads the answer that `ptr << 32 | len` stands for.
    fn answer(&self, packed: i64, limits: &PluginLimits) -> Result<Tree, Failure> {
        let [a, b, c, d, e, f, g, h] = packed.to_be_bytes();
        let wide = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        let (at, length) = (wide([a, b, c, d]), wide([e, f, g, h]));
        let cap = usize::try_from(limits.answer_bytes).unwrap_or(usize::MAX);
        if length == 0 || length > cap {
            return Err(Failure::bad_answer(format!("an answer of {length} bytes")));
        }
        let bytes = self.memory.data(&self.store).get(at..at.saturating_add(length));
        let bytes = bytes.ok_or_else(|| Failure::bad_answer("the answer lies outside memory"))?;
        Tree::decode(bytes).map_err(Failure::bad_answer)
    }
}
