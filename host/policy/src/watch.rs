//! Plugins that come, change and go while the router runs: their directory is looked at twice a second.

use std::collections::{BTreeMap, BTreeSet};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crosstie_model::settings;
use crosstie_model::stamp::{self, Stamp};

use crate::Loader;
use crate::chain::Chain;
use crate::plugin::{Fault, Plugin};
use crate::writers::Writers;
use crate::{cases, directory, idle};

/// What is found of a file: its stamp, or why there is none; without a reason nothing has its name.
type Found = Result<Stamp, Option<ErrorKind>>;

/// Of a plugin's files, of which there is to be one, and of its cases.
pub(crate) type Stamps = (Vec<Found>, Option<Found>);

pub(crate) fn stamps(paths: &[PathBuf]) -> Stamps {
    let cases = paths.first().map(|path| found(&cases::path(path)));
    (paths.iter().map(|path| found(path)).collect(), cases)
}

fn found(path: &Path) -> Found {
    stamp::stamp(path).map_err(|error| {
        let is_nothing = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
        (!is_nothing).then(|| error.kind())
    })
}

/// Whether none of a plugin's files is there: a link that leads nowhere is no file.
fn are_gone(paths: &[PathBuf]) -> bool {
    paths.iter().all(|path| matches!(found(path), Err(None | Some(ErrorKind::NotFound))))
}

/// What was seen of a file.
#[derive(Debug, Default)]
struct Seen {
    /// When it was looked at last.
    last: Option<Stamps>,
    /// When it was loaded, or did not load.
    tried: Option<Stamps>,
    /// That somebody still writes it has been said.
    waits: bool,
}

impl Seen {
    /// Looked at, and loaded as it is.
    fn now(stamps: Stamps) -> Self {
        Self { last: Some(stamps.clone()), tried: Some(stamps), waits: false }
    }
}

/// What is known of the directory. Each look is to come some time after the one before: a file that two looks find the same, and that nobody
/// is known to write, is complete.
pub(crate) struct Watch {
    /// Absent until the first plugin is to be loaded.
    pub(crate) loader: Option<Loader>,
    /// As configured; absent: there are none.
    pub(crate) plugins: Option<settings::Plugins>,
    seen: BTreeMap<String, Seen>,
    /// Files that were there and were not at the last look.
    missing: BTreeSet<String>,
    /// That nothing can be learned from the directory has been said.
    is_lost: bool,
    /// The directory as it was at the last look, device and inode, and who writes there.
    writers: Option<((u64, u64), Writers)>,
    /// Nobody tells who writes there, which was said.
    is_deaf: bool,
    /// The device of the latest look that found plugins.
    device: Option<u64>,
}

impl Watch {
    /// Of plugins that are loaded, and their files as they were before.
    pub(crate) fn new(
        loader: Option<Loader>,
        plugins: Option<settings::Plugins>,
        loaded: BTreeMap<String, Stamps>,
    ) -> Self {
        let (seen, missing) = (BTreeMap::new(), BTreeSet::new());
        let mut watch =
            Self { loader, plugins: None, seen, missing, is_lost: false, writers: None, is_deaf: false, device: None };
        watch.change(plugins, loaded, true);
        watch
    }

    /// Goes by another configuration from here on. `loaded`: the plugins that were loaded for it, and their files as they were then;
    /// `anew`: what is known of all other files is void.
    pub(crate) fn change(&mut self, to: Option<settings::Plugins>, loaded: BTreeMap<String, Stamps>, anew: bool) {
        self.plugins = to;
        if anew {
            self.seen.clear();
            self.missing.clear();
            (self.is_lost, self.writers, self.device) = (false, None, None);
        }
        self.seen.extend(loaded.into_iter().map(|(name, stamps)| (name, Seen::now(stamps))));
    }

    pub(crate) fn look(&mut self, chain: &Chain) {
        let Some(directory) = self.plugins.as_ref().map(|plugins| plugins.directory.clone()) else { return };
        let mut plugins = chain.plugins().to_vec();
        let mut files = match self.list(&directory, &plugins) {
            Ok(files) => files,
            Err(fault) => {
                if !std::mem::replace(&mut self.is_lost, true) {
                    tracing::warn!(target: "plugin", error = fault.message, "plugins stay as they are");
                }
                return;
            }
        };
        if std::mem::replace(&mut self.is_lost, false) {
            tracing::info!(target: "plugin", "the directory of plugins is there again");
        }
        let is_asked = |name: &String| plugins.iter().any(|plugin| *plugin.shared.name == **name);
        files.retain(|name, paths| !is_asked(name) || !are_gone(paths));
        self.seen.retain(|name, _| files.contains_key(name) || is_asked(name));
        let parted = self.part(&mut plugins, &files.keys().cloned().collect());
        let mut loaded = Vec::new();
        for (name, paths) in &files {
            let settings = self.settings(name);
            if !settings.disabled && self.is_new(name, paths) {
                loaded.extend(self.load(&mut plugins, settings, paths));
            }
        }
        if parted || !loaded.is_empty() {
            plugins.sort_by_key(|plugin| self.place(&plugin.shared.name));
            chain.set(plugins);
        }
        // whoever reads that may count on it
        loaded.iter().for_each(|plugin| plugin.announce());
    }

    /// The files that are there, and who writes there.
    ///
    /// # Errors
    ///
    /// When they cannot be told, or seem to be gone with the file system that they are on.
    fn list(&mut self, directory: &Path, plugins: &[Arc<Plugin>]) -> Result<BTreeMap<String, Vec<PathBuf>>, Fault> {
        let files = directory::list(directory)?;
        let (_, [device, inode, _]) =
            stamp::stamp(directory).map_err(|error| directory::unreadable(directory, &error))?;
        let is_other = self.device.is_some_and(|before| before != device);
        if files.is_empty() && is_other && plugins.iter().any(|plugin| !plugin.is_native()) {
            let message = format!("`{}` is empty, and on another file system than before", directory.display());
            return Err(Fault::new(message));
        }
        if !files.is_empty() {
            self.device = Some(device);
        }
        let is_heard = match &mut self.writers {
            Some((at, writers)) => *at == (device, inode) && writers.hear(),
            None => false,
        };
        if !is_heard {
            let writers = Writers::of(directory).map(|writers| ((device, inode), writers));
            if let (Err(error), false) = (&writers, self.is_deaf) {
                tracing::warn!(target: "plugin", directory = %directory.display(), %error,
                    "nobody tells who writes in the directory of plugins: a file counts when it rests");
            }
            self.is_deaf = writers.is_err();
            self.writers = writers.ok();
        }
        Ok(files)
    }

    /// What the configuration says of a plugin.
    pub(crate) fn settings(&self, name: &str) -> settings::Plugin {
        let named = self.named().find(|named| named.name == name).cloned();
        named.unwrap_or_else(|| settings::Plugin::unnamed(name))
    }

    pub(crate) fn is_named(&self, name: &str) -> bool {
        self.named().any(|named| named.name == name)
    }

    fn named(&self) -> impl Iterator<Item = &settings::Plugin> {
        self.plugins.iter().flat_map(|plugins| &plugins.named)
    }

    /// Where in the chain a plugin stands.
    pub(crate) fn place(&self, name: &str) -> (usize, String) {
        let named = self.named().position(|named| named.name == name);
        (named.unwrap_or(usize::MAX), name.to_owned())
    }

    /// Whether a file is another one than before, and complete.
    fn is_new(&mut self, name: &str, paths: &[PathBuf]) -> bool {
        let stamps = Some(stamps(paths));
        let seen = self.seen.entry(name.to_owned()).or_default();
        let rests = seen.last == stamps;
        seen.last.clone_from(&stamps);
        if !rests || seen.tried == stamps {
            return false;
        }
        let cases = paths.first().map(|path| cases::path(path));
        let is_written = |path: &&PathBuf| self.writers.as_ref().is_some_and(|(_, writers)| writers.write(path));
        let Some(written) = paths.iter().chain(&cases).find(is_written) else { return true };
        if !std::mem::replace(&mut seen.waits, true) {
            let file = directory::name(written);
            tracing::info!(target: "plugin", plugin = name, file, "a file is being written: it counts when it is closed");
        }
        false
    }

    /// Takes plugins out whose files are gone: of those that the configuration names, the failure is in force.
    fn part(&mut self, plugins: &mut Vec<Arc<Plugin>>, files: &BTreeSet<String>) -> bool {
        let before = plugins.len();
        let mut missing = BTreeSet::new();
        let named: BTreeSet<String> = self.named().map(|named| named.name.clone()).collect();
        let is_named = |name: &str| named.contains(name);
        plugins.retain(|plugin| {
            let name = &*plugin.shared.name;
            if files.contains(name) || plugin.is_native() {
                return true;
            }
            missing.insert(name.to_owned());
            if !self.missing.contains(name) {
                // whoever replaces it may be about to
                return true;
            }
            self.seen.remove(name);
            let is_named = is_named(name);
            if !is_named {
                tracing::info!(target: "plugin", plugin = name, "plugin removed");
            } else if plugin.leave() {
                tracing::warn!(target: "plugin", plugin = name, "its file is gone: its `on-failure` applies");
            }
            is_named
        });
        self.missing = missing;
        plugins.len() < before
    }

    /// Loads a file in the place of the plugin of its name, and gives that; one that does not load leaves it as it is.
    fn load(
        &mut self,
        plugins: &mut Vec<Arc<Plugin>>,
        settings: settings::Plugin,
        paths: &[PathBuf],
    ) -> Option<Arc<Plugin>> {
        let loader = self.loader.as_ref()?;
        let name = settings.name.clone();
        let found = stamps(paths);
        let at = plugins.iter().position(|plugin| *plugin.shared.name == *name);
        let before = at.and_then(|at| plugins.get(at)).cloned();
        let loaded = loader
            .file(&name, paths)
            .map_err(|fault| vec![fault])
            .and_then(|path| loader.load_file(settings, path, before.as_deref()))
            .and_then(|plugin| match plugins.iter().find_map(|live| idle(&plugin, live)) {
                Some(fault) => Err(vec![fault]),
                None => Ok(plugin),
            });
        if stamps(paths) != found {
            // it is being written
            return None;
        }
        self.seen.insert(name.clone(), Seen::now(found));
        match loaded {
            Ok(plugin) => {
                let plugin = Arc::new(plugin);
                match at.and_then(|at| plugins.get_mut(at)) {
                    Some(place) => *place = plugin.clone(),
                    None => plugins.push(plugin.clone()),
                }
                Some(plugin)
            }
            Err(faults) => {
                let error = faults.iter().map(Fault::text).collect::<Vec<_>>().join("; ");
                let stays = match before {
                    Some(before) if before.is_gone() => "its `on-failure` still applies",
                    Some(_) => "the one before stays",
                    None => "nobody asks it",
                };
                tracing::warn!(target: "plugin", plugin = name, error, "plugin does not load: {stays}");
                None
            }
        }
    }
}
