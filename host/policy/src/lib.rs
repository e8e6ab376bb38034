//! Policy plugins behind the trait of `crosstie-model`. The ABI is told in `plugin-sdk/spec/ABI.md`.
//!
//! The feature `wasm`, which is on by default, has wasmtime run modules and scripts. Policies that are [`native`] need none.

mod answer;
mod cases;
mod chain;
mod directory;
mod effect;
mod engine;
mod fields;
mod form;
mod forms;
#[cfg(test)]
mod golden;
mod health;
mod host;
mod input;
mod instance;
mod json;
mod kv;
#[cfg(test)]
#[cfg(feature = "wasm")]
mod live;
pub mod native;
mod plugin;
mod pool;
mod reads;
mod record;
mod reload;
mod replay;
mod request;
mod shadow;
#[cfg(test)]
#[cfg(feature = "wasm")]
mod smith;
#[cfg(test)]
#[cfg(feature = "wasm")]
mod soak;
mod stats;
mod tape;
mod tree;
mod trial;
mod uses;
#[cfg(feature = "wasm")]
mod wasm;
mod watch;
mod worker;
mod writers;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use crosstie_model::policy::{Policy, RecordOrder};
use crosstie_model::settings::{self, PluginPart};
use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

pub use crate::answer::read as read_answer;
pub use crate::cases::{Case, Miss, read_case_file, read_cases};
use crate::chain::Chain;
use crate::directory::Code;
use crate::engine::AnyModule;
pub use crate::engine::Entry;
use crate::native::Natives;
use crate::plugin::{Fault, Plugin};
use crate::record::Recorder;
pub use crate::reload::Shared;
pub use crate::replay::{Difference, Replay};
pub use crate::trial::Trial;
use crate::watch::Stamps;

/// What loading needs to know of the process.
#[derive(Debug, Clone, Default)]
pub struct Setup {
    /// Told to plugins.
    pub router_id: String,
    /// Where compiled modules are kept; absent: the user's cache directory.
    pub state_dir: Option<PathBuf>,
    /// Policies that are no files. A reload, and a look at what it would do, goes by those of its own setup.
    pub natives: Natives,
    /// Guests in WebAssembly count the fuel that they take, which makes them slower.
    pub counts_fuel: bool,
}

impl Setup {
    /// The directory for what the router keeps.
    fn kept(&self) -> Option<PathBuf> {
        let user = |name| std::env::var_os(name).filter(|home| !home.is_empty()).map(PathBuf::from);
        let cache = || Some(user("XDG_CACHE_HOME")?.join("crosstie"));
        self.state_dir.clone().or_else(cache).or_else(|| Some(user("HOME")?.join(".cache/crosstie")))
    }
}

/// Why a plugin does not load.
#[derive(Debug, Clone)]
pub struct LoadProblem {
    /// Its name; absent when the directory is at fault.
    pub plugin: Option<String>,
    /// What of its configuration is at fault.
    pub part: PluginPart,
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
    /// The files as they were before they were read.
    files: BTreeMap<String, Stamps>,
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
        let PolicyEngine { chain, loader, plugins, files } = self;
        chain.plugins().iter().for_each(|plugin| plugin.announce());
        if plugins.record.is_some() {
            let on = RecordOrder::On { sample: None, max_bytes: None };
            chain.recorder.order(&on).map_err(std::io::Error::other)?;
        }
        Shared::new(chain, watch::Watch::new(Some(loader), Some(plugins), files))
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
    let files = match directory::list(&plugins.directory) {
        Ok(files) => files,
        Err(fault) => {
            problems.push(problem(None, fault));
            return Err(problems);
        }
    };
    let (mut loaded, mut found) = (Vec::new(), BTreeMap::new());
    for settings in chain_of(plugins, &loader.names(&files)) {
        let name = settings.name.clone();
        found.extend(files.get(&name).map(|paths| (name.clone(), watch::stamps(paths))));
        let source = loader.source(&files, &plugins.directory, &name).map_err(|fault| vec![fault]);
        let plugin = source.and_then(|source| loader.load_from(settings, source));
        match plugin {
            Ok(plugin) => loaded.push(Arc::new(plugin)),
            Err(faults) => problems.extend(faults.into_iter().map(|fault| problem(Some(&name), fault))),
        }
    }
    problems.extend(without_live(loaded.iter().map(|plugin| &plugin.settings)));
    problems.extend(without_hook(loaded.iter().map(|plugin| &**plugin)));
    if problems.is_empty() {
        let chain = Arc::new(Chain::new(loaded, Recorder::new(record)));
        Ok(PolicyEngine { chain, loader, plugins: plugins.clone(), files: found })
    } else {
        Err(problems)
    }
}

/// How decisions are recorded, once they are: without a node for it beside what else the router keeps.
fn record_of(plugins: &settings::Plugins, setup: &Setup) -> settings::Record {
    let beside = || Some(setup.kept()?.join("decisions.jsonl"));
    let unnamed = || settings::Record { file: beside().unwrap_or_default(), ..settings::Record::default() };
    plugins.record.clone().unwrap_or_else(unnamed)
}

/// Shadows of plugins that are not there.
fn without_live<'s>(chain: impl Iterator<Item = &'s settings::Plugin> + Clone) -> Vec<LoadProblem> {
    let live = |name: &str| chain.clone().any(|plugin| plugin.name == name && plugin.shadow.is_none());
    let lost = chain.clone().filter_map(|plugin| Some((plugin, plugin.shadow.as_ref().filter(|of| !live(of))?)));
    let told = |(plugin, of): (&settings::Plugin, &String)| {
        let fault = Fault::new(format!("it is the shadow of `{of}`, and no such plugin is asked"));
        problem(Some(&plugin.name), fault.at(PluginPart::Shadow))
    };
    lost.map(told).collect()
}

/// Shadows that would never be asked.
fn without_hook<'p>(plugins: impl Iterator<Item = &'p Plugin> + Clone) -> Vec<LoadProblem> {
    let idle = |plugin: &Plugin| {
        let fault = plugins.clone().find_map(|live| idle(plugin, live))?;
        Some(problem(Some(&plugin.settings.name), fault))
    };
    plugins.clone().filter_map(idle).collect()
}

/// Why a shadow of this plugin would never be asked: it has none of its hooks. One without any is never asked anyway, as its configuration may
/// have it.
fn idle(plugin: &Plugin, live: &Plugin) -> Option<Fault> {
    let of = plugin.settings.shadow.as_ref().filter(|of| **of == live.settings.name)?;
    let are_asked = !plugin.hooks.is_empty() && !live.hooks.is_empty();
    if !are_asked || plugin.hooks.iter().any(|hook| live.hooks.contains(hook)) {
        return None;
    }
    let words = |plugin: &Plugin| plugin.hooks.iter().map(|hook| hook.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("it is the shadow of `{of}`, and has none of its hooks: it would never be asked");
    let hint = format!("`{of}` has {}; it has {}", words(live), words(plugin));
    Some(Fault::new(message).hint(hint).at(PluginPart::Shadow))
}

/// What is to be loaded, in the order in which it is asked: named plugins, and the others of these names.
fn chain_of(plugins: &settings::Plugins, names: &BTreeSet<&String>) -> Vec<settings::Plugin> {
    let mut chain: Vec<settings::Plugin> = plugins.named.clone();
    chain.extend(
        names
            .iter()
            .filter(|name| !plugins.named.iter().any(|named| named.name == ***name))
            .map(|name| settings::Plugin::unnamed(name)),
    );
    chain.retain(|settings| !settings.disabled);
    chain
}

/// What a plugin is loaded from.
pub(crate) enum Source {
    File(PathBuf),
    /// The native policy of its name.
    Native,
}

/// Compiles and configures.
pub(crate) struct Loader {
    #[cfg(feature = "wasm")]
    pub(crate) wasm: wasm::Engine,
    pub(crate) natives: Natives,
    runtime: tokio::runtime::Runtime,
    router_id: String,
}

impl Loader {
    pub(crate) fn new(setup: Setup) -> Result<Self, Fault> {
        #[cfg(feature = "wasm")]
        let wasm = wasm::Engine::new(setup.kept().as_deref(), setup.counts_fuel)?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.map_err(|error| Fault::new(format!("no runtime for policy: {error}")))?;
        let Setup { router_id, natives, .. } = setup;
        Ok(Self {
            #[cfg(feature = "wasm")]
            wasm,
            natives,
            runtime,
            router_id,
        })
    }

    /// Plugins that there are: of these files, and native.
    fn names<'n>(&'n self, files: &'n BTreeMap<String, Vec<PathBuf>>) -> BTreeSet<&'n String> {
        files.keys().chain(self.natives.names()).collect()
    }

    /// What a plugin is loaded from, of these files of a directory.
    fn source(&self, files: &BTreeMap<String, Vec<PathBuf>>, directory: &Path, name: &str) -> Result<Source, Fault> {
        match files.get(name) {
            Some(paths) => self.file(name, paths).map(|path| Source::File(path.to_owned())),
            None if self.natives.has(name) => Ok(Source::Native),
            None => {
                let directory = directory.display();
                Err(Fault::new(format!("there is no `{name}.wasm` and no `{name}.js` in `{directory}`")))
            }
        }
    }

    /// The one file of a plugin.
    pub(crate) fn file<'p>(&self, name: &str, paths: &'p [PathBuf]) -> Result<&'p Path, Fault> {
        let path = directory::only(paths)?;
        if self.natives.has(name) {
            let fault = Fault::new(format!("`{}` has the name of a native policy", path.display()));
            return Err(fault.hint("rename the file, or remove it"));
        }
        Ok(path)
    }

    fn load_from(&self, settings: settings::Plugin, source: Source) -> Result<Plugin, Vec<Fault>> {
        match source {
            Source::File(path) => self.load_file(settings, &path, None),
            Source::Native => self.load_native(settings),
        }
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
            self.runtime.block_on(trial::pass(&plugin, &cases)).map_err(|fault| vec![fault])?;
        }
        if let Some(before) = before {
            plugin.take_over(before);
        }
        Ok(plugin)
    }

    /// Loads the native policy of a plugin's name.
    fn load_native(&self, settings: settings::Plugin) -> Result<Plugin, Vec<Fault>> {
        let module = self.natives.module(&settings.name).map_err(|fault| vec![fault])?;
        self.configure(settings, AnyModule::Native(module), "native".to_owned())
    }

    fn load(&self, settings: settings::Plugin, code: &Code) -> Result<Plugin, Vec<Fault>> {
        let module = self.module(code, &settings).map_err(|fault| vec![fault])?;
        let hash = HEXLOWER.encode(&Sha256::digest(code.bytes()));
        self.configure(settings, module, hash)
    }

    #[cfg(feature = "wasm")]
    fn module(&self, code: &Code, settings: &settings::Plugin) -> Result<AnyModule, Fault> {
        self.wasm.module(code, settings).map(AnyModule::Wasm)
    }

    #[cfg(not(feature = "wasm"))]
    fn module(&self, _: &Code, _: &settings::Plugin) -> Result<AnyModule, Fault> {
        Err(directory::without_wasm())
    }

    fn configure(&self, settings: settings::Plugin, module: AnyModule, hash: String) -> Result<Plugin, Vec<Fault>> {
        self.runtime.block_on(plugin::load(settings, (module, hash), &self.router_id))
    }
}

fn problem(plugin: Option<&str>, fault: Fault) -> LoadProblem {
    let Fault { message, part, hint } = fault;
    LoadProblem { plugin: plugin.map(str::to_owned), part, message, hint }
}
