//! KDL text to validated settings, every problem at once and at its place.
//!
//! Text, tree (`syntax`, `tree`, `include`), single nodes (`router`, `listener`, `connector`, `address`, `plugin`), the whole
//! (`document`), and back to text (`show`). `reference` reads the reference's own files into the same tree.

mod address;
mod auth_service;
mod block;
mod connection;
mod connector;
mod document;
mod endpoint;
mod expand;
mod include;
mod listener;
mod loading;
mod plan;
mod plugin;
mod problem;
mod quantity;
pub mod reference;
mod router;
mod secret;
mod service;
mod show;
mod sockets;
mod source;
mod suggest;
mod syntax;
mod tls;
mod tree;
mod writable;

use std::path::{Path, PathBuf};

use crosstie_model::settings::{PluginPart, Settings};

pub use crate::problem::{Problem, Problems};
pub use crate::quantity::{parse_duration, parse_size};
pub use crate::router::LOG_AREAS;
pub use crate::secret::{SecretFault, read_secret};

use crate::include::Includer;
use crate::loading::{Fault, Loading};
use crate::plugin::{DirectoryDraft, PluginDraft};
use crate::source::{Source, Sources};
use crate::tree::Node;

/// What runs without a file: one listener on 127.0.0.1:5672.
pub const EMBEDDED: &str = include_str!("../../../examples/minimal.kdl");

/// A configuration without problems, and what is needed to speak of its text.
#[derive(Debug)]
pub struct Loaded {
    /// What it means.
    pub settings: Settings,
    /// What a person should know though it is good.
    pub warnings: Problems,
    sources: Sources,
    /// The top of the tree.
    nodes: Vec<Node>,
    plugins: Vec<PluginDraft>,
    directory: Option<DirectoryDraft>,
}

/// Reads a file and all that it includes.
///
/// # Errors
///
/// Every problem that was found.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    all_or_nothing(survey(path))
}

/// Reads a text; relative paths in it start at the working directory.
///
/// # Errors
///
/// Every problem that was found.
pub fn load_text(name: &str, text: &str) -> Result<Loaded, Problems> {
    all_or_nothing(read(Source::new(name.to_owned(), Path::new(""), text.to_owned()), None, false))
}

/// As [`load_text`], for another machine: secrets and files that this one lacks are no problem.
pub(crate) fn load_text_for_elsewhere(name: &str, text: &str) -> Result<Loaded, Problems> {
    all_or_nothing(read(Source::new(name.to_owned(), Path::new(""), text.to_owned()), None, true))
}

/// As [`load`], but with problems also what could be read nevertheless: its plugins can be checked, those that have no
/// problem yet; the others are disabled.
#[must_use]
pub fn survey(path: &Path) -> (Option<Loaded>, Problems) {
    let name = path.display().to_string();
    match include::read(path) {
        Ok(text) => {
            let directory = path.parent().unwrap_or(Path::new(""));
            let path = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_path_buf());
            read(Source::new(name, directory, text), Some(path), false)
        }
        Err(why) => (None, Problem::new(format!("cannot read `{name}`: {why}")).into()),
    }
}

fn all_or_nothing((loaded, problems): (Option<Loaded>, Problems)) -> Result<Loaded, Problems> {
    loaded.filter(|_| problems.is_empty()).ok_or(problems)
}

fn read(source: Source, path: Option<PathBuf>, is_for_elsewhere: bool) -> (Option<Loaded>, Problems) {
    let environment = |name: &str| std::env::var(name).ok();
    let mut loading = Loading::new(&environment);
    loading.is_for_elsewhere = is_for_elsewhere;
    let file = loading.add_source(source);
    let (nodes, whole) = Includer::new(&loading).run(file, path);
    let document::Document { mut settings, plugins, directory } = document::read(&loading, &nodes);
    if !loading.is_clean() {
        if let Some(fault) = reference::mistaken(&loading, file) {
            return (None, fault.into_problem(&loading.sources()).into());
        }
        // a node that could not be read may have been that of a plugin
        settings.plugins = settings.plugins.filter(|_| whole);
        let named = settings.plugins.iter_mut().flat_map(|plugins| &mut plugins.named);
        for (plugin, _) in named.zip(&plugins).filter(|(_, draft)| !draft.is_clean) {
            plugin.disabled = true;
        }
    }
    let loaded =
        Loaded { settings, warnings: loading.warnings(), sources: loading.sources(), nodes, plugins, directory };
    (Some(loaded), loading.into_problems())
}

impl Loaded {
    /// A problem that a plugin has, shown where the part of its configuration stands. Without such a part it is shown at the
    /// `plugin` node, without that at `plugins`.
    #[must_use]
    pub fn plugin_problem(
        &self,
        plugin: Option<&str>,
        part: &PluginPart,
        message: &str,
        hint: Option<&str>,
    ) -> Problem {
        let draft = self.plugins.iter().find(|draft| Some(draft.plugin.name.as_str()) == plugin);
        let place = plugin::place(draft, self.directory.as_ref(), part);
        let message = match plugin {
            Some(name) => format!("plugin `{name}`: {message}"),
            None => message.to_owned(),
        };
        let Some(place) = place else {
            let problem = Problem::new(message);
            return hint.into_iter().fold(problem, Problem::with_hint);
        };
        let mut fault = Fault::at(place, message);
        if let Some(hint) = hint {
            fault = fault.hint(hint);
        }
        fault.into_problem(&self.sources)
    }

    /// The whole configuration with every default filled in, secrets as their references.
    #[must_use]
    pub fn show(&self) -> String {
        show::show(&self.settings)
    }
}
