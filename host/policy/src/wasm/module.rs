//! A module that is compiled: what it exports and imports, and the guests that are made of it.

use std::sync::Arc;

use crosstie_model::policy::Hook;
use crosstie_model::settings::{Plugin as Settings, PluginLimits};
use wasmtime::{ExternType, InstancePre, Linker, Store, StoreLimits, StoreLimitsBuilder, UpdateDeadline, ValType};

use crate::directory::Code;
use crate::engine::{self, AnyGuest, Started};
use crate::host::{Host, Shared};
use crate::instance::Failure;
use crate::plugin::{Fault, export, granted, word};
use crate::request::Context;
use crate::wasm::clock::Clock;
use crate::wasm::entrance::{Entrance, Entrances};
use crate::wasm::guest::{Exports, Guest};
use crate::wasm::imports::{self, State};
use crate::wasm::script::{self, Script};
use crate::wasm::unloadable;

/// Tables of one instance.
const TABLES_MAX: usize = 4;

/// Imports that are named, and characters of each.
const IMPORTS_TOLD: usize = 8;
const IMPORT_MAX_CHARS: usize = 100;

/// A module that fits the ABI, with what it may import.
pub(crate) struct Module {
    wasmtime: wasmtime::Engine,
    clock: Arc<Clock>,
    entrances: Entrances,
    pre: InstancePre<State>,
    exported: Vec<Hook>,
    unknown_imports: Option<String>,
    /// Absent where the module is the plugin itself.
    script: Option<Script>,
}

impl Module {
    pub(crate) fn new(
        (wasmtime, clock, entrances): (&wasmtime::Engine, &Arc<Clock>, &Entrances),
        compiled: &wasmtime::Module,
        code: &Code,
        settings: &Settings,
    ) -> Result<Self, Fault> {
        let exported = check_exports(compiled)?;
        let script = Script::of(code, &granted(settings));
        if script.is_none() {
            check_imports(compiled, settings)?;
        }
        let mut linker = Linker::new(wasmtime);
        imports::link(&mut linker, &settings.grants).map_err(|error| unloadable(&error))?;
        // the engine of scripts calls only what is granted
        let unknown_imports = match &script {
            None => unknown_imports(&linker, wasmtime, compiled, settings),
            Some(_) => None,
        };
        let linked = linker.define_unknown_imports_as_traps(compiled).and_then(|()| linker.instantiate_pre(compiled));
        let pre = linked.map_err(|error| unloadable(&error))?;
        let (wasmtime, clock, entrances) = (wasmtime.clone(), clock.clone(), entrances.clone());
        Ok(Self { wasmtime, clock, entrances, pre, exported, unknown_imports, script })
    }

    /// Instantiates it, and has it initialise itself.
    async fn enter(&self, store: &mut Store<State>) -> wasmtime::Result<(Exports, Option<Entrance>)> {
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
        let mut hooks = Vec::new();
        for hook in &self.exported {
            hooks.extend(self.entrance(&mut *store, &guest, export(*hook)).await?.map(|entrance| (*hook, entrance)));
        }
        let configure = self.entrance(&mut *store, &guest, "policy_configure").await?;
        let script = match &self.script {
            Some(_) => self.entrance(&mut *store, &guest, script::ENTRY).await?,
            None => None,
        };
        Ok((Exports { memory, configure, hooks }, script))
    }

    /// The way to one of its functions; absent where it has none of this name.
    async fn entrance(
        &self,
        store: &mut Store<State>,
        guest: &wasmtime::Instance,
        name: &str,
    ) -> wasmtime::Result<Option<Entrance>> {
        let [alloc, entry] = ["policy_alloc", name].map(|name| guest.get_func(&mut *store, name));
        match alloc.zip(entry) {
            Some((alloc, entry)) => self.entrances.to(store, alloc, entry).await.map(Some),
            None => Ok(None),
        }
    }
}

impl engine::Module for Module {
    fn hooks(&self) -> Vec<Hook> {
        self.exported.clone()
    }

    fn lacks(&self, hook: Hook) -> String {
        match self.script {
            Some(_) => format!("it has no function for `{}`", hook.as_str()),
            None => format!("it does not export `{}`", export(hook)),
        }
    }

    fn unknown_imports(&self) -> Option<&str> {
        self.unknown_imports.as_deref()
    }

    fn is_script(&self) -> bool {
        self.script.is_some()
    }

    async fn start(&self, shared: &Arc<Shared>, settings: &Settings, context: Context) -> Result<Started, Failure> {
        let _running = self.clock.run();
        let limits = &settings.limits;
        let state = State::new(Host::new(shared.clone()), store_limits(limits), self.is_script());
        let mut store = Store::new(&self.wasmtime, state);
        store.limiter(|state| &mut state.limits);
        store.set_epoch_deadline(1);
        // at each tick the worker's other tasks and its sockets have their turn
        store.epoch_deadline_callback(|_| Ok(UpdateDeadline::YieldCustom(1, Box::pin(tokio::task::yield_now()))));
        // where it is counted it does not end: deadlines end calls
        let _ = store.set_fuel(u64::MAX);
        store.data_mut().begin(context.now_ms, context.seed);
        let (exports, entry) = match self.enter(&mut store).await {
            Ok(entered) => entered,
            Err(error) => return Err(store.data().trap(&error)),
        };
        let mut guest = Guest::new(store, exports, self.clock.clone());
        let declared = match (&self.script, entry) {
            (Some(script), Some(entry)) => Some(script.evaluate(&mut guest, &entry, limits, context).await?),
            _ => None,
        };
        Ok(Started { guest: AnyGuest::Wasm(Box::new(guest)), declared })
    }
}

fn store_limits(limits: &PluginLimits) -> StoreLimits {
    StoreLimitsBuilder::new()
        .memory_size(usize::try_from(limits.memory_bytes).unwrap_or(usize::MAX))
        .table_elements(usize::try_from(limits.table_elements).unwrap_or(usize::MAX))
        .tables(TABLES_MAX)
        .build()
}

/// The hooks that a module exports; everything that the ABI names has its type.
fn check_exports(module: &wasmtime::Module) -> Result<Vec<Hook>, Fault> {
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

fn check_imports(module: &wasmtime::Module, settings: &Settings) -> Result<(), Fault> {
    for import in module.imports() {
        let name = import.name();
        if !matches!(import.ty(), ExternType::Func(_)) {
            return Err(Fault::new(format!("it imports `{name}`, which is no function")));
        }
        if import.module() != imports::HOST {
            continue;
        }
        if let Some(grant) = imports::grant_of(name).filter(|grant| !settings.grants.contains(grant)) {
            let word = word(grant);
            let message = format!("it imports `{name}`, which needs the grant `{word}`");
            return Err(Fault::new(message).hint(format!("add `grant \"{word}\"` to its node")));
        }
    }
    Ok(())
}

/// What it imports and nobody has, named for people: it traps when it is called. Absent where there is nothing.
fn unknown_imports(
    linker: &Linker<State>,
    wasmtime: &wasmtime::Engine,
    module: &wasmtime::Module,
    settings: &Settings,
) -> Option<String> {
    // nobody runs in it; the linker cannot be asked without
    let shared = Arc::new(Shared::new(settings.name.as_str().into(), 0));
    let mut store = Store::new(wasmtime, State::new(Host::new(shared), store_limits(&settings.limits), false));
    let mut unknown = Vec::new();
    for import in module.imports().filter(|import| linker.get_by_import(&mut store, import).is_none()) {
        let name = format!("{}::{}", import.module(), import.name());
        unknown.push(format!("`{}`", name.escape_debug().take(IMPORT_MAX_CHARS).collect::<String>()));
    }
    let more = match unknown.len().saturating_sub(IMPORTS_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    unknown.truncate(IMPORTS_TOLD);
    (!unknown.is_empty()).then(|| unknown.join(", ") + &more)
}
