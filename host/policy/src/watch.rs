//! Plugins that come, change and go while the router runs: their directory is looked at twice a second.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crosstie_model::settings;
use crosstie_model::stamp::{self, Stamp};

use crate::Loader;
use crate::chain::Chain;
use crate::plugin::{Fault, Plugin};
use crate::{cases, directory};

/// Of a plugin's files, of which there is to be one, and of its cases where there are some.
pub(crate) type Stamps = (Vec<Stamp>, Option<Stamp>);

pub(crate) fn stamps(paths: &[PathBuf]) -> Option<Stamps> {
    let cases = paths.first().and_then(|path| stamp::stamp(&cases::path(path)));
    Some((paths.iter().map(|path| stamp::stamp(path)).collect::<Option<_>>()?, cases))
}

/// What was seen of a file.
#[derive(Debug, Default)]
struct Seen {
    /// When it was looked at last.
    last: Option<Stamps>,
    /// When it was loaded, or did not load.
    tried: Option<Stamps>,
}

impl Seen {
    /// Looked at, and loaded as it is.
    fn now(stamps: Option<Stamps>) -> Self {
        Self { last: stamps.clone(), tried: stamps }
    }
}

/// What is known of the directory. Each look is to come some time after the one before: a file that two looks find the same is
/// complete.
pub(crate) struct Watch {
    /// Absent until the first plugin is to be loaded.
    pub(crate) loader: Option<Loader>,
    /// As configured; absent: there are none.
    pub(crate) plugins: Option<settings::Plugins>,
    seen: BTreeMap<String, Seen>,
    /// Files that were there and were not at the last look.
    missing: BTreeSet<String>,
    /// That the directory cannot be read has been said.
    is_unreadable: bool,
}

impl Watch {
    /// Of plugins that are loaded.
    pub(crate) fn new(loader: Option<Loader>, plugins: Option<settings::Plugins>) -> Self {
        let files = plugins.as_ref().and_then(|plugins| directory::list(&plugins.directory).ok()).unwrap_or_default();
        let seen = files.iter().map(|(name, paths)| (name.clone(), Seen::now(stamps(paths)))).collect();
        Self { loader, plugins, seen, missing: BTreeSet::new(), is_unreadable: false }
    }

    /// Goes by another configuration from here on. `loaded`: the plugins that were loaded for it, and their files as they were then;
    /// `anew`: what is known of all other files is void.
    pub(crate) fn change(
        &mut self,
        to: Option<settings::Plugins>,
        loaded: BTreeMap<String, Option<Stamps>>,
        anew: bool,
    ) {
        self.plugins = to;
        if anew {
            self.seen.clear();
            self.missing.clear();
            self.is_unreadable = false;
        }
        self.seen.extend(loaded.into_iter().map(|(name, stamp)| (name, Seen::now(stamp))));
    }

    pub(crate) fn look(&mut self, chain: &Chain) {
        let Some(directory) = self.plugins.as_ref().map(|plugins| plugins.directory.clone()) else { return };
        let files = match directory::list(&directory) {
            Ok(files) => files,
            Err(fault) => {
                if !std::mem::replace(&mut self.is_unreadable, true) {
                    tracing::warn!(target: "plugin", error = fault.message, "plugins stay as they are");
                }
                return;
            }
        };
        self.is_unreadable = false;
        let mut plugins = chain.plugins().to_vec();
        let mut changed = self.part(&mut plugins, &files.keys().cloned().collect());
        for (name, paths) in &files {
            let settings = self.settings(name);
            if !settings.disabled && self.is_new(name, paths) {
                changed |= self.load(&mut plugins, settings, paths);
            }
        }
        if changed {
            plugins.sort_by_key(|plugin| self.place(&plugin.shared.name));
            chain.set(plugins);
        }
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
        let stamp = stamps(paths);
        let seen = self.seen.entry(name.to_owned()).or_default();
        let rests = seen.last == stamp;
        seen.last.clone_from(&stamp);
        rests && stamp.is_some() && seen.tried != stamp
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

    /// Loads a file in the place of the plugin of its name; one that does not load leaves that as it is.
    fn load(&mut self, plugins: &mut Vec<Arc<Plugin>>, settings: settings::Plugin, paths: &[PathBuf]) -> bool {
        let Some(loader) = &self.loader else { return false };
        let name = settings.name.clone();
        let stamp = stamps(paths);
        let at = plugins.iter().position(|plugin| *plugin.shared.name == *name);
        let before = at.and_then(|at| plugins.get(at)).cloned();
        let loaded = loader
            .file(&name, paths)
            .map_err(|fault| vec![fault])
            .and_then(|path| loader.load_file(settings, path, before.as_deref()));
        if stamps(paths) != stamp {
            // it is being written
            return false;
        }
        if let Some(seen) = self.seen.get_mut(&name) {
            seen.tried = stamp;
        }
        match loaded {
            Ok(plugin) => {
                let hooks: Vec<_> = plugin.hooks.iter().map(|hook| hook.as_str()).collect();
                tracing::info!(target: "plugin", plugin = name, ?hooks, "plugin loaded");
                match at.and_then(|at| plugins.get_mut(at)) {
                    Some(place) => *place = Arc::new(plugin),
                    None => plugins.push(Arc::new(plugin)),
                }
                true
            }
            Err(faults) => {
                let error = faults.iter().map(Fault::text).collect::<Vec<_>>().join("; ");
                let stays = if before.is_some() { "the one before stays" } else { "nobody asks it" };
                tracing::warn!(target: "plugin", plugin = name, error, "plugin does not load: {stays}");
                false
            }
        }
    }
}
