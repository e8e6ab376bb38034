//! Policy plugins: wasmtime behind the trait of `crosstie-model`. The ABI is told in `plugin-sdk/spec/ABI.md`.

mod answer;
mod cache;
mod cases;
mod chain;
mod clock;
mod directory;
mod effect;
mod fields;
#[cfg(test)]
mod golden;
mod guest;
mod health;
mod instance;
mod kv;
mod plugin;
mod pool;
mod reads;
mod record;
mod reload;
mod replay;
mod request;
mod script;
mod shadow;
#[cfg(test)]
mod smith;
mod stats;
mod tape;
mod tree;
mod uses;
mod watch;
mod worker;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crosstie_model::policy::{Policy, RecordOrder};
use crosstie_model::settings;
use wasmtime::{Config, Engine};

pub use crate::cases::{Case, Miss, Trial, read_case_file, read_cases};
use crate::chain::Chain;
use crate::clock::Clock;
use crate::directory::Code;
use crate::plugin::{Fault, Plugin};
use crate::record::Recorder;
pub use crate::reload::Shared;
pub use crate::replay::{Difference, Replay};

/// Stack of a guest, bytes.
const STACK_BYTES: usize = 1 << 20;

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
    chain: Arc<Chain>,
    loader: Loader,
    plugins: settings::Plugins,
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
        Rc::new(worker::Worker::new(self.chain.clone()))
    }

    /// Plugins in the order in which they are asked, with the hooks that each is asked.
    #[must_use]
    pub fn names(&self) -> Vec<(String, Vec<&'static str>)> {
        let hooks = |plugin: &Plugin| plugin.hooks.iter().map(|hook| hook.as_str()).collect();
        self.chain.plugins().iter().map(|plugin| (plugin.shared.name.to_string(), hooks(plugin))).collect()
    }

    /// Looks after the directory from now on: plugins that come, change and go there do so in the router, as long as the policy is shared.
    ///
    /// Decisions are recorded where the configuration says so.
    ///
    /// # Errors
    ///
    /// When there is no thread for it, or the file of the record cannot be written.
    pub fn watch(self) -> std::io::Result<Shared> {
        let PolicyEngine { chain, loader, plugins } = self;
        if plugins.record.is_some() {
            let on = RecordOrder::On { sample: None, max_bytes: None };
            chain.recorder.order(&on).map_err(std::io::Error::other)?;
        }
        Shared::new(chain, watch::Watch::new(Some(loader), Some(plugins)))
    }
}

/// Loads every plugin of the directory: those that are named first, in their order, then the others by name.
///
/// # Errors
///
/// Every problem of every plugin.
pub fn load(plugins: &settings::Plugins, setup: Setup) -> Result<PolicyEngine, Vec<LoadProblem>> {
    let general = |fault: Fault| vec![problem(None, fault)];
    let record = record_of(plugins, &setup);
    let loader = Loader::new(setup).map_err(general)?;
    let mut problems: Vec<LoadProblem> = record::check(&record).collect();
    let files = directory::list(&plugins.directory).map_err(|fault| problems.push(problem(None, fault)));
    let mut loaded = Vec::new();
    for settings in chain_of(plugins, files.iter().flat_map(BTreeMap::keys)) {
        let name = settings.name.clone();
        let path = match &files {
            Ok(files) => file_of(files, plugins, &name),
            // why it is not known is a problem already
            Err(()) => Ok(plugins.directory.join(format!("{name}.wasm"))),
        };
        let plugin = path.map_err(|fault| vec![fault]).and_then(|path| loader.load_file(settings, &path, None));
        match plugin {
            Ok(plugin) => loaded.push(Arc::new(plugin)),
            Err(faults) => problems.extend(faults.into_iter().map(|fault| problem(Some(&name), fault))),
        }
    }
    problems.extend(without_live(loaded.iter().map(|plugin| &plugin.settings)));
    if problems.is_empty() {
        let recorder = Recorder::new(record);
        Ok(PolicyEngine { chain: Arc::new(Chain::new(loaded, recorder)), loader, plugins: plugins.clone() })
    } else {
        Err(problems)
    }
}

/// How decisions are recorded, once they are: without a node for it beside what else the router keeps.
fn record_of(plugins: &settings::Plugins, setup: &Setup) -> settings::Record {
    let beside = || Some(cache::base(setup.state_dir.as_deref())?.join("decisions.jsonl"));
    let unnamed = || settings::Record { file: beside().unwrap_or_default(), ..settings::Record::default() };
    plugins.record.clone().unwrap_or_else(unnamed)
}

/// The file of a plugin.
fn file_of(files: &BTreeMap<String, Vec<PathBuf>>, plugins: &settings::Plugins, name: &str) -> Result<PathBuf, Fault> {
    let missing = || {
        let directory = plugins.directory.display();
        Fault::new(format!("there is no `{name}.wasm` and no `{name}.js` in `{directory}`"))
    };
    directory::only(files.get(name).ok_or_else(missing)?).map(Path::to_owned)
}

/// Shadows of plugins that are not there.
fn without_live<'s>(chain: impl Iterator<Item = &'s settings::Plugin> + Clone) -> Vec<LoadProblem> {
    let live = |name: &str| chain.clone().any(|plugin| plugin.name == name && plugin.shadow.is_none());
    let lost = chain.clone().filter_map(|plugin| Some((plugin, plugin.shadow.as_ref().filter(|of| !live(of))?)));
    let told = |(plugin, of): (&settings::Plugin, &String)| {
        problem(Some(&plugin.name), Fault::new(format!("it is the shadow of `{of}`, and no such plugin is asked")))
    };
    lost.map(told).collect()
}

/// What is to be loaded, in the order in which it is asked: named plugins, and the others of these names.
fn chain_of<'n>(plugins: &settings::Plugins, names: impl Iterator<Item = &'n String>) -> Vec<settings::Plugin> {
    let mut chain: Vec<settings::Plugin> = plugins.named.clone();
    chain.extend(
        names
            .filter(|name| !plugins.named.iter().any(|named| named.name == **name))
            .map(|name| settings::Plugin::unnamed(name)),
    );
    chain.retain(|settings| !settings.disabled);
    chain
}

/// Compiles and configures.
pub(crate) struct Loader {
    engine: Engine,
    clock: Arc<Clock>,
    runtime: tokio::runtime::Runtime,
    router_id: String,
    cache: Option<PathBuf>,
    scripts: script::Engine,
}

impl Loader {
    pub(crate) fn new(setup: Setup) -> Result<Self, Fault> {
        let mut config = Config::new();
        config.epoch_interruption(true).max_wasm_stack(STACK_BYTES);
        // the limit of memory is that of one memory
        config.wasm_multi_memory(false);
        let engine = Engine::new(&config).map_err(|error| Fault::new(format!("wasmtime does not start: {error:#}")))?;
        let clock = Clock::new(&engine).map_err(|error| Fault::new(format!("no thread for policy: {error}")))?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Fault::new(format!("no runtime for policy: {error}")))?;
        let cache = cache::directory(setup.state_dir.as_deref());
        Ok(Self {
            engine,
            clock: Arc::new(clock),
            runtime,
            router_id: setup.router_id,
            cache,
            scripts: script::Engine::default(),
        })
    }

    /// Loads the plugin of a file, which is to decide the cases beside it as they say. `before`: the one that it replaces, whose keys
    /// and values it takes over.
    fn load_file(
        &self,
        settings: settings::Plugin,
        path: &Path,
        before: Option<&Plugin>,
    ) -> Result<Plugin, Vec<Fault>> {
        let code = directory::read(path, settings.limits.module_bytes).map_err(|fault| vec![fault])?;
        let cases = cases::beside(path).map_err(|fault| vec![fault])?;
        let mut plugin = self.load(settings, &code)?;
        if let Some(cases) = cases {
            self.runtime.block_on(cases::pass(&plugin, &cases)).map_err(|fault| vec![fault])?;
        }
        if let Some(before) = before {
            plugin.take_over(before);
        }
        Ok(plugin)
    }

    fn load(&self, settings: settings::Plugin, code: &Code) -> Result<Plugin, Vec<Fault>> {
        let module = match code {
            Code::Module(bytes) => cache::compile(&self.engine, bytes, self.cache.as_deref()),
            Code::Script { .. } => self.scripts.module(&self.engine, self.cache.as_deref()),
        };
        let module = module.map_err(|error| vec![plugin::unloadable(&error)])?;
        self.runtime.block_on(plugin::load((&self.engine, &self.clock), settings, code, (&module, &self.router_id)))
    }
}

fn problem(plugin: Option<&str>, fault: Fault) -> LoadProblem {
    let Fault { message, path, hint } = fault;
    LoadProblem { plugin: plugin.map(str::to_owned), path, message, hint }
}
