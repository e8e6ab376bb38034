//! The `plugins` and `plugin` nodes.

use std::path::PathBuf;
use std::time::Duration;

use crosstie_model::policy::Hook;
use crosstie_model::settings::{
    ConfigNode, Connector, Grant, Listener, OnFailure, Only, Plugin, PluginLimits, PluginPart, PropertyValue,
    RECORD_BYTES, REQUEST_MIN_BYTES, Record,
};

use crate::block::{Block, Item, Text, name_of};
use crate::connection::property_value;
use crate::loading::{Fault, Loading};
use crate::secret;
use crate::source::Place;
use crate::suggest;
use crate::tree::{Arg, Node, Value};
use crate::writable::{self, Hindrance};

/// Nodes in nodes of a `config` block. Source: plugin-abi, `config`.
const CONFIG_DEPTH_MAX: usize = 7;

/// The largest whole number that every language of a plugin holds. Source: plugin-abi, `CBOR`.
const INTEGER_MAX: u64 = (1 << 53) - 1;

const HOOKS: [(&str, Hook); 5] = [
    ("failover", Hook::Failover),
    ("connection", Hook::Connection),
    ("session", Hook::Session),
    ("link", Hook::Link),
    ("address", Hook::Address),
];

/// A plugin and where its parts stand.
#[derive(Debug, Clone)]
pub(crate) struct PluginDraft {
    pub(crate) plugin: Plugin,
    pub(crate) name_at: Place,
    /// Nothing is wrong with it so far.
    pub(crate) is_clean: bool,
    /// The `config` node, where there is one.
    pub(crate) config: Option<Node>,
    /// Where the names of `only` stand: those of listeners, then those of connectors.
    pub(crate) only_at: [Vec<Place>; 2],
    /// Where the plugin that it is the shadow of is named.
    pub(crate) shadow_at: Option<Place>,
}

/// A `plugins` node and where its parts stand.
#[derive(Debug, Clone)]
pub(crate) struct DirectoryDraft {
    pub(crate) directory: PathBuf,
    pub(crate) at: Place,
    pub(crate) record: Option<RecordDraft>,
}

/// The record of decisions and where its parts stand.
#[derive(Debug, Clone)]
pub(crate) struct RecordDraft {
    pub(crate) record: Record,
    file_at: Place,
    /// Where each of the fields is that it redacts.
    redact_at: Vec<Place>,
}

/// Reads a `plugins` node.
pub(crate) fn read_directory<'t>(loading: &'t Loading<'t>, node: &'t Node) -> DirectoryDraft {
    let name = name_of(loading, node, "plugins \"plugins\"");
    let block = Block::with_qualifiers(loading, "plugins", Item::of_node(node), &[]);
    let record = block.one("record").and_then(|item| record(&block, item));
    block.finish(&[]);
    let Some(name) = name else {
        return DirectoryDraft { directory: PathBuf::new(), at: node.at, record };
    };
    let directory = loading.resolve(name.at, name.text);
    if !directory.is_dir() {
        let message = format!("there is no directory `{}`", directory.display());
        let hint = "a relative path starts at the directory of this file";
        loading.report(Fault::at(name.at, message).hint(hint));
    }
    DirectoryDraft { directory, at: name.at, record }
}

/// Where decisions are recorded, and what of them.
fn record(block: &Block<'_>, item: Item<'_>) -> Option<RecordDraft> {
    let inner = Block::with_qualifiers(block.loading, "record", item, &["sample", "max-size"]);
    let file = inner.single(Item { props: &[], children: None, ..item }).and_then(|arg| inner.text_of(arg));
    let (usual, redact) = (Record::default(), inner.texts("redact").unwrap_or_default());
    let record = Record {
        file: file.map(|file| block.loading.resolve(file.at, file.text)).unwrap_or_default(),
        sample: inner.share("sample").unwrap_or(usual.sample),
        max_bytes: inner.size("max-size", RECORD_BYTES.0..=1 << 40).unwrap_or(usual.max_bytes),
        redact: redact.iter().map(|path| path.text.to_owned()).collect(),
    };
    if record.sample == 0.0
        && let Some(at) = inner.has("sample")
    {
        let hint = "leave `record` out: `crosstie plugin record on` puts it on while the router runs";
        block.loading.report(Fault::at(at, "nothing would be recorded").hint(hint));
    }
    inner.finish(&[]);
    let file = file?;
    let message = |why: String| format!("decisions cannot be recorded there: {why}");
    match writable::file(&record.file) {
        None => {}
        Some(Hindrance::Always(why)) => block.loading.report(Fault::at(file.at, message(why))),
        Some(Hindrance::ForThisUser(why)) => block.loading.warn(Fault::at(file.at, message(why))),
    }
    Some(RecordDraft { record, file_at: file.at, redact_at: redact.iter().map(|path| path.at).collect() })
}

/// Where a part of the configuration of plugins stands: of this plugin, or without one of all of them.
pub(crate) fn place(
    draft: Option<&PluginDraft>,
    directory: Option<&DirectoryDraft>,
    part: &PluginPart,
) -> Option<Place> {
    let Some(draft) = draft else {
        let directory = directory?;
        let place = directory.record.as_ref().and_then(|record| match part {
            PluginPart::RecordFile => Some(record.file_at),
            PluginPart::Redacted(index) => record.redact_at.get(*index).copied(),
            PluginPart::Node | PluginPart::Config(_) | PluginPart::Shadow => None,
        });
        return Some(place.unwrap_or(directory.at));
    };
    let place = match part {
        PluginPart::Config(path) => draft.config.as_ref().filter(|_| !path.is_empty()).map(|node| inside(node, path)),
        PluginPart::Shadow => draft.shadow_at,
        PluginPart::Node | PluginPart::RecordFile | PluginPart::Redacted(_) => None,
    };
    Some(place.unwrap_or(draft.name_at))
}

/// Where the node is that a path of indexes leads to, or the last on its way.
fn inside(mut node: &Node, path: &[u32]) -> Place {
    for index in path {
        let children = node.children.as_deref().unwrap_or(&[]);
        let Some(child) = usize::try_from(*index).ok().and_then(|index| children.get(index)) else { break };
        node = child;
    }
    node.head
}

/// Reads a `plugin` node.
pub(crate) fn read<'t>(loading: &'t Loading<'t>, node: &'t Node) -> PluginDraft {
    let faults = loading.count();
    let name = name_of(loading, node, "plugin \"nearest-broker\" { … }");
    if let Some(name) = name {
        check_name(loading, name);
    }
    let block = Block::with_qualifiers(loading, "plugin", Item::of_node(node), &[]);
    let disabled = block.flag("disabled").unwrap_or(false);
    let hooks = hooks(&block);
    let on_failure = on_failure(&block);
    let limits = limits(&block);
    let grants = grants(&block);
    let (only, only_at) = only(&block);
    let config = block.one("config").and_then(|item| config_block(&block, item));
    let shadow = block.one("shadow").and_then(|item| shadow_of(&block, item));
    block.finish(&[]);
    let name_at = name.map_or(node.at, |name| name.at);
    let name = name.map_or(String::new(), |name| name.text.to_owned());
    let config = config.unwrap_or_default();
    let plugin = Plugin {
        name,
        disabled,
        hooks,
        on_failure,
        only,
        limits,
        grants,
        shadow: shadow.map(|of| of.text.to_owned()),
        config,
    };
    let written = node.children.as_deref().unwrap_or(&[]).iter().find(|child| child.name == "config");
    let (is_clean, config, shadow_at) = (loading.count() == faults, written.cloned(), shadow.map(|of| of.at));
    PluginDraft { plugin, name_at, is_clean, config, only_at, shadow_at }
}

/// Reports names of `only` that nothing has.
pub(crate) fn check_only(
    loading: &Loading<'_>,
    drafts: &[PluginDraft],
    listeners: &[Listener],
    connectors: &[Connector],
) {
    let listeners: Vec<&str> = listeners.iter().map(|listener| listener.name.as_str()).collect();
    let connectors: Vec<&str> = connectors.iter().map(|connector| connector.name.as_str()).collect();
    for PluginDraft { plugin, only_at: [listeners_at, connectors_at], .. } in drafts {
        report_unknown(loading, "listener", (&plugin.only.listeners, listeners_at), &listeners);
        report_unknown(loading, "connector", (&plugin.only.connectors, connectors_at), &connectors);
    }
}

/// The plugin that a shadow is asked beside.
fn shadow_of<'t>(block: &Block<'t>, item: Item<'t>) -> Option<Text<'t>> {
    let inner = Block::plain(block.loading, "shadow", item);
    inner.require("of", "shadow of=\"tenants\"");
    let of = inner.text("of");
    inner.finish(&[]);
    of
}

/// Reports shadows of themselves, of shadows, and of what is not asked; warns of those that are not asked themselves.
pub(crate) fn check_shadows(loading: &Loading<'_>, drafts: &[PluginDraft]) {
    for PluginDraft { plugin, shadow_at, .. } in drafts {
        let (Some(of), Some(at)) = (&plugin.shadow, shadow_at) else {
            continue;
        };
        if plugin.disabled {
            let (name, of) = (plugin.name.escape_debug(), of.escape_debug());
            let message = format!("`{name}` is disabled: it is not asked, beside `{of}` neither");
            loading.warn(Fault::at(*at, message).hint("keep one of `disabled` and `shadow`"));
            continue;
        }
        let live = drafts.iter().map(|draft| &draft.plugin).find(|live| live.name == *of);
        let message = match live {
            Some(live) if live.name == plugin.name => "a plugin is no shadow of itself".to_owned(),
            Some(live) if live.shadow.is_some() => format!("`{}` is a shadow itself", of.escape_debug()),
            Some(live) if live.disabled => format!("`{}` is disabled, and decides nothing", of.escape_debug()),
            _ => continue,
        };
        loading.report(Fault::at(*at, message).hint("it names the plugin whose decisions are in force"));
    }
}

fn report_unknown(loading: &Loading<'_>, what: &str, (names, places): (&[String], &[Place]), known: &[&str]) {
    for (name, at) in names.iter().zip(places).filter(|(name, _)| !known.contains(&name.as_str())) {
        let fault = Fault::at(*at, format!("there is no {what} `{}`", name.escape_debug()));
        loading.report(match suggest::nearest(name, known.iter().copied()) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None => fault,
        });
    }
}

/// Whom a plugin is asked about, and where that is said.
fn only(block: &Block<'_>) -> (Only, [Vec<Place>; 2]) {
    let (mut only, mut places) = (Only::default(), [Vec::new(), Vec::new()]);
    let [listeners_at, connectors_at] = &mut places;
    for item in block.all("only") {
        let inner = Block::plain(block.loading, "only", item);
        let (listener, connector) = (inner.text("listener"), inner.text("connector"));
        if listener.is_none() && connector.is_none() {
            let hint = "as in `only listener=\"clients\"` or `only connector=\"broker\"`";
            block.loading.report(Fault::at(item.at, "`only` names nobody").hint(hint));
        }
        if let Some(name) = listener {
            only.listeners.push(name.text.to_owned());
            listeners_at.push(name.at);
        }
        if let Some(name) = connector {
            only.connectors.push(name.text.to_owned());
            connectors_at.push(name.at);
        }
        inner.finish(&[]);
    }
    (only, places)
}

fn check_name(loading: &Loading<'_>, name: Text<'_>) {
    let stem = name.text.strip_suffix(".wasm").or(name.text.strip_suffix(".js"));
    if let Some(stem) = stem {
        let message = "a plugin is named by the stem of its file";
        loading.report(Fault::at(name.at, message).hint(format!("write `{}`", stem.escape_debug())));
    } else if name.text.contains(['/', '\\']) {
        let hint = "it lies in the directory that `plugins` names";
        loading.report(Fault::at(name.at, "the name of a plugin is no path").hint(hint));
    }
}

fn hooks(block: &Block<'_>) -> Option<Vec<Hook>> {
    let texts = block.texts("hooks")?;
    let mut hooks: Vec<(Hook, Place)> = Vec::new();
    for text in texts {
        let Some(hook) = block.word_of(text, &HOOKS, &[]) else {
            continue;
        };
        if let Some((_, first)) = hooks.iter().find(|(known, _)| *known == hook) {
            block.loading.report_again(*first, text.at, format!("hook `{}` is named twice", text.text));
        }
        hooks.push((hook, text.at));
    }
    Some(hooks.into_iter().map(|(hook, _)| hook).collect())
}

fn on_failure(block: &Block<'_>) -> OnFailure {
    let Some(item) = block.one("on-failure") else {
        return OnFailure::default();
    };
    let inner = Block::plain(block.loading, "on-failure", item);
    if item.props.is_empty() && item.args.is_empty() && item.children.is_none_or(<[Node]>::is_empty) {
        let hint = "as in `on-failure connection=\"allow\"`; without it each hook has the first of what it may have";
        block.loading.report(Fault::at(item.at, "`on-failure` names no hook").hint(hint));
    }
    inner.word("failover", &[("builtin", ())], &[]);
    let allows = |key| inner.word(key, &[("deny", false), ("allow", true)], &[]).unwrap_or(false);
    let on_failure = OnFailure {
        connection_allow: allows("connection"),
        session_allow: allows("session"),
        link_allow: allows("link"),
        address_deny: inner.word("address", &[("builtin", false), ("deny", true)], &[]).unwrap_or(false),
    };
    inner.finish(&[]);
    on_failure
}

fn limits(block: &Block<'_>) -> PluginLimits {
    let usual = PluginLimits::default();
    let times = Duration::from_millis(1)..=Duration::from_secs(600);
    let memory = 64 << 10..=4 << 30;
    // an answer is read at one go, which holds its worker
    let (request, answer) = (u64::from(REQUEST_MIN_BYTES)..=64 << 20, 256..=1 << 20);
    let bytes = |key, range, default: u32| {
        let read = block.size(key, range);
        read.and_then(|bytes| u32::try_from(bytes).ok()).unwrap_or(default)
    };
    PluginLimits {
        deadline: block.duration("deadline", times.clone()).unwrap_or(usual.deadline),
        configure_deadline: block.duration("configure-deadline", times).unwrap_or(usual.configure_deadline),
        memory_bytes: block.size("memory", memory).unwrap_or(usual.memory_bytes),
        table_elements: block.integer("table", 0..=10_000_000_u32).unwrap_or(usual.table_elements),
        request_bytes: bytes("request", request, usual.request_bytes),
        answer_bytes: bytes("answer", answer, usual.answer_bytes),
        module_bytes: block.size("module", 1..=1 << 30).unwrap_or(usual.module_bytes),
        kv_bytes: block.size("kv", 0..=1 << 30).unwrap_or(usual.kv_bytes),
    }
}

fn grants(block: &Block<'_>) -> Vec<Grant> {
    let words = [("none", None), ("log", Some(Grant::Log)), ("counter", Some(Grant::Counter)), ("kv", Some(Grant::Kv))];
    let mut grants = vec![Grant::Log, Grant::Counter];
    for (index, text) in block.texts("grant").unwrap_or_default().into_iter().enumerate() {
        match block.word_of(text, &words, &[]) {
            Some(Some(grant)) if !grants.contains(&grant) => grants.push(grant),
            Some(None) if index == 0 => grants.clear(),
            Some(None) => block.loading.report(
                Fault::at(text.at, "`none` stands first")
                    .hint("as in `grant \"none\" \"kv\"`: it takes all that is there"),
            ),
            _ => {}
        }
    }
    grants
}

fn config_block(block: &Block<'_>, item: Item<'_>) -> Option<Vec<ConfigNode>> {
    let extra = item.args.first().map(|arg| arg.at).or(item.props.first().map(|prop| prop.at));
    if let Some(at) = extra {
        let hint = "as in `config { prefer \"broker-1\" }`";
        block.loading.report(Fault::at(at, "`config` takes a block alone").hint(hint));
    }
    Some(item.children?.iter().filter_map(|node| config_node(block, node, 1)).collect())
}

/// The depth of the recursion is limited by `CONFIG_DEPTH_MAX`.
fn config_node(block: &Block<'_>, node: &Node, depth: usize) -> Option<ConfigNode> {
    if depth > CONFIG_DEPTH_MAX {
        let hint = "nodes of a plugin's `config` stand at most 7 deep";
        block.loading.report(Fault::at(node.at, "nested too deep").hint(hint));
        return None;
    }
    let mut props = Vec::new();
    for prop in &node.props {
        let Some(value) = config_value(block, &prop.value) else {
            continue;
        };
        props.retain(|(known, _)| *known != prop.name);
        props.push((prop.name.clone(), value));
    }
    let children = node.children.as_deref().unwrap_or(&[]);
    Some(ConfigNode {
        name: node.name.clone(),
        args: node.args.iter().filter_map(|arg| config_value(block, arg)).collect(),
        props,
        children: children.iter().filter_map(|child| config_node(block, child, depth + 1)).collect(),
    })
}

fn config_value(block: &Block<'_>, arg: &Arg) -> Option<PropertyValue> {
    if !arg.secret {
        let value = property_value(block, arg);
        if let Some(PropertyValue::Integer(number)) = value
            && number.unsigned_abs() > INTEGER_MAX
        {
            let hint =
                format!("a plugin takes whole numbers from -{INTEGER_MAX} to {INTEGER_MAX}; a text has no limit");
            block.loading.report(Fault::at(arg.at, "out of range").hint(hint));
            return None;
        }
        return value;
    }
    let Value::Text(text) = &arg.value else {
        let hint = "as in `token (secret)\"env:TOKEN\"`";
        block.loading.report(Fault::at(arg.at, "a secret is a text").hint(hint));
        return None;
    };
    let secret = secret::resolve(block.loading, text, arg.at)?;
    Some(PropertyValue::Secret(secret))
}

/// A `plugin` that asks for what the process cannot give.
pub(crate) fn report_without_directory(loading: &Loading<'_>, plugin: &PluginDraft) {
    loading.report(
        Fault::at(plugin.name_at, "plugin without a directory")
            .label("nothing says where its file lies")
            .hint("add `plugins \"plugins\"`, the directory that holds it"),
    );
}
