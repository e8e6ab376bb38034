//! Policy plugins: wasmtime behind the trait of `crosstie-model`. The ABI is told in `plugin-sdk/ABI.md`.

mod answer;
mod cache;
mod clock;
mod guest;
mod health;
mod instance;
mod kv;
mod plugin;
mod pool;
mod request;
mod tree;
mod worker;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crosstie_model::policy::Policy;
use crosstie_model::settings::{self, Grant, OnFailure, Only, PluginLimits};
use wasmtime::{Config, Engine};

use crate::clock::Clock;
use crate::plugin::{Fault, Plugin};

/// Stack of a guest, bytes.
const STACK_BYTES: usize = 256 << 10;

/// What loading needs to know of the process.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Told to plugins.
    pub router_id: String,
    /// Where compiled modules are kept; absent: the user's cache directory.
    pub state_dir: Option<PathBuf>,
}

/// Why a plugin does not load.
#[derive(Debug, Clone)]
pub struct LoadProblem {
    /// Its name; absent when the directory is at fault.
    pub plugin: Option<String>,
    /// The node of its configuration that is at fault: indexes of children from the top.
    pub path: Vec<u32>,
    /// What is wrong.
    pub message: String,
    /// What may help.
    pub hint: Option<String>,
}

/// All plugins, loaded and configured.
pub struct PolicyEngine {
    plugins: Vec<Arc<Plugin>>,
}

impl std::fmt::Debug for PolicyEngine {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PolicyEngine").field("plugins", &self.names()).finish_non_exhaustive()
    }
}

impl PolicyEngine {
    /// The policy of one worker; to be called and used on its thread.
    #[must_use]
    pub fn worker(&self) -> Rc<dyn Policy> {
        Rc::new(worker::Worker::new(&self.plugins))
    }

    /// Plugins in the order in which they are asked, with the hooks that each is asked.
    #[must_use]
    pub fn names(&self) -> Vec<(&str, Vec<&'static str>)> {
        let hooks = |plugin: &Plugin| plugin.hooks.iter().map(|hook| hook.as_str()).collect();
        self.plugins.iter().map(|plugin| (&*plugin.shared.name, hooks(plugin))).collect()
    }
}

/// Loads every plugin of the directory: those that are named first, in their order, then the others by name.
///
/// # Errors
///
/// Every problem of every plugin.
pub fn load(plugins: &settings::Plugins, setup: Setup) -> Result<PolicyEngine, Vec<LoadProblem>> {
    let general = |message: String| vec![problem(None, Fault::new(message))];
    let mut problems = Vec::new();
    let files = list(&plugins.directory, &mut problems);
    let mut chain: Vec<settings::Plugin> = plugins.named.clone();
    for name in files.keys().filter(|name| !plugins.named.iter().any(|named| named.name == **name)) {
        chain.push(unnamed(name));
    }
    let mut config = Config::new();
    config.epoch_interruption(true).max_wasm_stack(STACK_BYTES);
    // the limit of memory is that of one memory
    config.wasm_multi_memory(false);
    let engine = Engine::new(&config).map_err(|error| general(format!("wasmtime does not start: {error:#}")))?;
    let clock = Clock::new(&engine).map_err(|error| general(format!("no thread for policy: {error}")))?;
    let clock = Arc::new(clock);
    let mut loaded = PolicyEngine { plugins: Vec::new() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    let runtime = runtime.map_err(|error| general(format!("no runtime for policy: {error}")))?;
    let cache = cache::directory(setup.state_dir.as_deref());
    for settings in chain.into_iter().filter(|settings| !settings.disabled) {
        let name = settings.name.clone();
        let bytes = match files.get(&name) {
            Some(path) => read(path, settings.limits.module_bytes),
            // why it is not known is a problem already
            None if !problems.is_empty() => {
                read(&plugins.directory.join(format!("{name}.wasm")), settings.limits.module_bytes)
            }
            None => Err(Fault::new(format!("there is no `{name}.wasm` in `{}`", plugins.directory.display()))),
        };
        let plugin = match bytes {
            Ok(bytes) => {
                let environment = (setup.router_id.as_str(), cache.as_deref());
                runtime.block_on(plugin::load((&engine, &clock), settings, &bytes, environment))
            }
            Err(fault) => Err(vec![fault]),
        };
        match plugin {
            Ok(plugin) => loaded.plugins.push(Arc::new(plugin)),
            Err(faults) => problems.extend(faults.into_iter().map(|fault| problem(Some(&name), fault))),
        }
    }
    if problems.is_empty() { Ok(loaded) } else { Err(problems) }
}

fn problem(plugin: Option<&str>, fault: Fault) -> LoadProblem {
    let Fault { message, path, hint } = fault;
    LoadProblem { plugin: plugin.map(str::to_owned), path, message, hint }
}

/// A plugin that no node names.
fn unnamed(name: &str) -> settings::Plugin {
    settings::Plugin {
        name: name.to_owned(),
        disabled: false,
        hooks: None,
        on_failure: OnFailure::default(),
        only: Only::default(),
        limits: PluginLimits::default(),
        grants: vec![Grant::Log, Grant::Counter],
        config: Vec::new(),
    }
}

/// The plugin files of a directory by their stems, as far as it can be read.
fn list(directory: &Path, problems: &mut Vec<LoadProblem>) -> BTreeMap<String, PathBuf> {
    let mut files = BTreeMap::new();
    let entries = match fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>) {
        Ok(entries) => entries,
        Err(error) => {
            let message = format!("cannot read `{}`: {error}", directory.display());
            problems.push(problem(None, Fault::new(message)));
            return files;
        }
    };
    for entry in entries {
        let path = entry.path();
        let word = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
        match (word(path.file_stem()), word(path.extension()).as_deref()) {
            (Some(stem), Some("wasm")) => drop(files.insert(stem, path)),
            (Some(stem), Some("js")) => {
                let message = format!("this build does not serve `{stem}.js`");
                let hint = Some("remove it, or compile it to a .wasm file".to_owned());
                problems.push(problem(None, Fault { hint, ..Fault::new(message) }));
            }
            _ => {}
        }
    }
    files
}

fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: std::io::Error| Fault::new(format!("cannot read `{}`: {error}", path.display()));
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(unreadable)?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Fault::new(format!("its file is longer than {limit} bytes")));
    }
    Ok(bytes)
}
