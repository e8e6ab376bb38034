//! WebAssembly by wasmtime: modules are checked and compiled once, and guests are made of them. Nothing outside of this module names
//! wasmtime.

mod cache;
mod clock;
mod compiler;
mod entrance;
mod guest;
mod imports;
mod module;
mod script;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crosstie_model::settings::Plugin as Settings;

use crate::directory::Code;
use crate::plugin::Fault;
use crate::wasm::clock::Clock;
use crate::wasm::entrance::Entrances;

pub(crate) use crate::wasm::guest::Guest;
pub(crate) use crate::wasm::module::Module;

/// Stack of a guest, bytes.
const STACK_BYTES: usize = 1 << 20;

/// Compiles, and lets guests run.
pub(crate) struct Engine {
    wasmtime: wasmtime::Engine,
    clock: Arc<Clock>,
    cache: Option<PathBuf>,
    entrances: Entrances,
    scripts: script::Engine,
}

impl Engine {
    /// `directory`: where what the router keeps lies; absent: nothing is kept.
    pub(crate) fn new(directory: Option<&Path>, counts_fuel: bool) -> Result<Self, Fault> {
        let mut config = wasmtime::Config::new();
        config.epoch_interruption(true).consume_fuel(counts_fuel).max_wasm_stack(STACK_BYTES);
        // the limit of memory is that of one memory
        config.wasm_multi_memory(false);
        let wasmtime = wasmtime::Engine::new(&config);
        let wasmtime = wasmtime.map_err(|error| Fault::new(format!("wasmtime does not start: {error:#}")))?;
        let clock = Clock::new(&wasmtime).map_err(|error| Fault::new(format!("no thread for policy: {error}")))?;
        let cache = directory.and_then(cache::directory);
        let entrances = Entrances::new(&wasmtime, cache.as_deref()).map_err(|error| unloadable(&error))?;
        Ok(Self { wasmtime, clock: Arc::new(clock), cache, entrances, scripts: script::Engine::default() })
    }

    /// Compiles and checks the code of a plugin.
    pub(crate) fn module(&self, code: &Code, settings: &Settings) -> Result<Module, Fault> {
        let cache = self.cache.as_deref();
        let compiled = match code {
            Code::Module(bytes) => cache::compile(&self.wasmtime, bytes, cache),
            Code::Script { .. } => self.scripts.module(&self.wasmtime, cache),
        };
        let compiled = compiled.map_err(|error| unloadable(&error))?;
        Module::new((&self.wasmtime, &self.clock, &self.entrances), &compiled, code, settings)
    }

    /// Runs scripts by another build of their engine.
    #[cfg(test)]
    pub(crate) fn set_scripts(&mut self, scripts: script::Engine) {
        self.scripts = scripts;
    }
}

/// Why a module does not load.
fn unloadable(error: &wasmtime::Error) -> Fault {
    Fault::new(format!("the module does not load: {}", crate::plugin::one_line(&error.root_cause().to_string())))
}
