//! The policy that all workers share, while its directory and its configuration change.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::io;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use crosstie_model::policy::Policy;
use crosstie_model::settings;

use crate::chain::Chain;
use crate::plugin::{Fault, Plugin};
use crate::record::{self, Recorder};
use crate::watch::{Stamps, Watch, stamps};
use crate::{
    LoadProblem, Loader, Setup, Source, chain_of, directory, problem, record_of, without_hook, without_live, worker,
};

/// How often the directory is looked at.
const LOOK: Duration = Duration::from_millis(500);

/// How much less than the workers a thread that compiles has to say.
const NICE: i32 = 10;

/// The policy that all workers share. Its last copy ends the looks at the directory.
#[derive(Clone)]
pub struct Shared {
    chain: Arc<Chain>,
    watch: Arc<Mutex<Watch>>,
    prepared: Arc<Mutex<Option<Prepared>>>,
}

/// Another configuration, with all that it needs.
struct Prepared {
    plugins: Option<settings::Plugins>,
    /// Those that come, or are configured otherwise, and their files as they were before they were read.
    loaded: Vec<(Plugin, Option<Stamps>)>,
    /// None of those before stays by itself.
    anew: bool,
    /// Where decisions are recorded, unless that stays as it is.
    record: Option<settings::Record>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").field("generation", &self.chain.generation()).finish_non_exhaustive()
    }
}

impl Shared {
    /// Of a router without plugins, which may come to have some.
    ///
    /// # Errors
    ///
    /// When there is no thread for looking after them.
    pub fn empty() -> io::Result<Self> {
        Self::new(Arc::new(Chain::new(Vec::new(), Recorder::default())), Watch::new(None, None, BTreeMap::new()))
    }

    /// Looks after plugins that are loaded.
    pub(crate) fn new(chain: Arc<Chain>, watch: Watch) -> io::Result<Self> {
        let shared = Self { chain, watch: Arc::new(Mutex::new(watch)), prepared: Arc::default() };
        let (chain, watch) = (Arc::downgrade(&shared.chain), Arc::downgrade(&shared.watch));
        let run = move || {
            step_back();
            while let (Some(chain), Some(watch)) = (chain.upgrade(), watch.upgrade()) {
                lock(&watch).look(&chain);
                drop((chain, watch));
                thread::sleep(LOOK);
            }
        };
        thread::Builder::new().name("policy-files".to_owned()).spawn(run)?;
        Ok(shared)
    }

    /// The policy of one worker; to be called and used on its thread.
    #[must_use]
    pub fn worker(&self) -> Rc<dyn Policy> {
        Rc::new(worker::Worker::new(self.chain.clone()))
    }

    /// Loads what another configuration needs that does not run yet; nothing changes before [`Self::apply`]. Files that the
    /// directory has beside are looked after by themselves. It takes as long as compiling and configuring do.
    ///
    /// # Errors
    ///
    /// Every problem of every plugin that would come or change.
    pub fn prepare(&self, to: Option<&settings::Plugins>, setup: Setup) -> Result<(), Vec<LoadProblem>> {
        let prepare = || {
            step_back();
            Prepared::of((&mut lock(&self.watch), &self.chain.plugins()), to, setup)
        };
        let prepared = thread::scope(|scope| scope.spawn(prepare).join());
        let panicked = || vec![problem(None, Fault::new("loading the plugins has panicked"))];
        *lock(&self.prepared) = None;
        *lock(&self.prepared) = prepared.unwrap_or_else(|_| Err(panicked()))?;
        Ok(())
    }

    /// Goes by the configuration that was prepared last. Calls that are under way end on the plugins that they began with, and those
    /// that stay keep their keys and values.
    pub fn apply(&self) {
        let Some(Prepared { plugins, loaded, anew, record }) = lock(&self.prepared).take() else { return };
        if let Some(record) = record {
            let is_on = plugins.as_ref().is_some_and(|plugins| plugins.record.is_some());
            self.chain.recorder.configure(record, is_on);
        }
        let mut watch = lock(&self.watch);
        let known =
            |(plugin, stamps): &(Plugin, Option<Stamps>)| Some((plugin.shared.name.to_string(), stamps.clone()?));
        let known = loaded.iter().filter_map(known).collect();
        watch.change(plugins, known, anew);
        let before = self.chain.plugins();
        let at = |name: &str| before.iter().find(|plugin| *plugin.shared.name == *name);
        let mut next: Vec<Arc<Plugin>> = Vec::new();
        for (mut plugin, _) in loaded {
            if let Some(before) = at(&plugin.shared.name) {
                plugin.take_over(before);
            }
            next.push(Arc::new(plugin));
        }
        let loaded = next.clone();
        for plugin in before.iter() {
            let name = &*plugin.shared.name;
            if next.iter().any(|other| *other.shared.name == *name) {
                continue;
            }
            if !anew && !watch.settings(name).disabled {
                next.push(plugin.clone());
            } else {
                tracing::info!(target: "plugin", plugin = name, "plugin removed");
            }
        }
        next.sort_by_key(|plugin| watch.place(&plugin.shared.name));
        self.chain.set(next);
        loaded.iter().for_each(|plugin| plugin.announce());
    }
}

/// Compiling is not to keep workers from their work; who cannot step back works all the same.
fn step_back() {
    let _ = rustix::process::nice(NICE);
}

impl Prepared {
    /// `None`: the same is configured as before. `asked`: those of now.
    fn of(
        (watch, asked): (&mut Watch, &[Arc<Plugin>]),
        to: Option<&settings::Plugins>,
        setup: Setup,
    ) -> Result<Option<Self>, Vec<LoadProblem>> {
        if watch.plugins.as_ref() == to {
            return Ok(None);
        }
        let Some(to) = to else {
            let record = Some(settings::Record::default());
            return Ok(Some(Self { plugins: None, loaded: Vec::new(), anew: true, record }));
        };
        let changed = watch.plugins.as_ref().map(|was| &was.record) != Some(&to.record);
        let record = changed.then(|| record_of(to, &setup));
        let general = |fault: Fault| vec![problem(None, fault)];
        match &mut watch.loader {
            Some(loader) => loader.natives = setup.natives,
            None => watch.loader = Some(Loader::new(setup).map_err(general)?),
        }
        let Some(loader) = &watch.loader else { return Ok(None) };
        let files = directory::list(&to.directory).map_err(general)?;
        let anew = watch.plugins.as_ref().is_none_or(|was| was.directory != to.directory);
        let (mut loaded, mut problems) = (BTreeMap::new(), record.iter().flat_map(record::check).collect::<Vec<_>>());
        let chain = chain_of(to, &loader.names(&files));
        problems.extend(without_live(chain.iter()));
        let wanted: BTreeSet<String> = chain.iter().map(|settings| settings.name.clone()).collect();
        for settings in chain {
            let name = settings.name.clone();
            // one that a node names from now on has to be there
            let comes = !watch.is_named(&name) && to.named.iter().any(|named| named.name == name);
            let is_asked = || asked.iter().any(|plugin| *plugin.shared.name == *name);
            if !anew && watch.settings(&name) == settings && (!comes || is_asked()) {
                continue;
            }
            let source = loader.source(&files, &to.directory, &name).map_err(|fault| vec![fault]);
            let found = source.and_then(|source| {
                let stamp = match &source {
                    Source::File(path) => Some(stamps(std::slice::from_ref(path))),
                    Source::Native => None,
                };
                Ok((loader.load_from(settings, source)?, stamp))
            });
            match found {
                Ok(plugin) => drop(loaded.insert(name, plugin)),
                Err(faults) => problems.extend(faults.into_iter().map(|fault| problem(Some(&name), fault))),
            }
        }
        let stay = asked.iter().map(|plugin| &**plugin).filter(|plugin| {
            let name = &plugin.settings.name;
            wanted.contains(name) && !loaded.contains_key(name)
        });
        problems.extend(without_hook(loaded.values().map(|(plugin, _)| plugin).chain(stay)));
        let loaded = loaded.into_values().collect();
        match problems.is_empty() {
            true => Ok(Some(Self { plugins: Some(to.clone()), loaded, anew, record })),
            false => Err(problems),
        }
    }
}
