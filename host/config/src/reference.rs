//! The reference's configuration: `qdrouterd.conf` and what management asks for, as our own settings.
//!
//! Text or JSON becomes entities (`text`, `json`, `entity`); each entity is read (`reader`) and becomes a node of our own
//! tree (`listener`, `connector`, `address`, `router`, `log`) with every default of the reference written out; from there
//! on it is read and checked as KDL is. Source: features 1.2, 1.15, 1.16.

mod address;
mod auth_service;
mod connection;
mod connector;
mod draft;
mod entity;
mod import;
mod json;
mod listener;
mod log;
mod reader;
mod request;
mod router;
mod ssl_profile;
mod text;

use std::collections::BTreeMap;
use std::path::Path;

use crosstie_model::settings::Covers;

use crate::block::not_served;
use crate::include;
use crate::loading::{Fault, Loading};
use crate::problem::{Problem, Problems};
use crate::reference::connection::Around;
use crate::reference::entity::{Entity, Given};
use crate::reference::json::Json;
use crate::source::{Place, Source};
use crate::suggest;
use crate::tree::{Node, Value};
use crate::{Loaded, document};

pub use crate::reference::import::{Import, import, import_text};
pub use crate::reference::request::{
    AttributeValue, Made, address, auth_service, auto_link, connector, link_route, listener, log, ssl_profile,
};

const KNOWN: [&str; 10] = [
    "router",
    "log",
    "policy",
    "sslProfile",
    "authServicePlugin",
    "listener",
    "connector",
    "address",
    "autoLink",
    "linkRoute",
];

/// Entities of the reference that this build does not serve.
const UNSERVED: [&str; 9] = [
    "exchange",
    "binding",
    "vhost",
    "vhostUserGroupSettings",
    "console",
    "tcpListener",
    "tcpConnector",
    "httpListener",
    "httpConnector",
];

/// How a file is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// `name { key: value }`.
    Text,
    /// A list of pairs of a name and a map.
    Json,
}

impl Form {
    /// How a text is written: what is JSON begins with a bracket or a brace, behind lines of comments.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let text = without_mark(text);
        let first = text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with('#'));
        if first.is_some_and(|line| line.starts_with(['[', '{'])) { Self::Json } else { Self::Text }
    }
}

/// Reads a file of the reference, text or JSON. Relative paths in it start at the working directory.
///
/// # Errors
///
/// Every problem that was found.
pub fn load(path: &Path) -> Result<Loaded, Problems> {
    let (name, text, form) = open(path)?;
    load_text(&name, &text, form)
}

/// A file's name, its text, and how it is written.
fn open(path: &Path) -> Result<(String, String, Form), Problems> {
    let name = path.display().to_string();
    let is_named_so = path.extension().is_some_and(|ending| ending == "json");
    match include::read(path) {
        Ok(text) => {
            let form = if is_named_so { Form::Json } else { Form::of(&text) };
            Ok((name, text, form))
        }
        Err(why) => Err(Problem::new(format!("cannot read `{name}`: {why}")).into()),
    }
}

/// Reads a text of the reference.
///
/// # Errors
///
/// Every problem that was found.
pub fn load_text(name: &str, text: &str, form: Form) -> Result<Loaded, Problems> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut loading = Loading::new(&environment);
    loading.lenient = true;
    loading.is_of_reference = true;
    let entities = entities(&loading, (name, text), form);
    let nodes = nodes(&loading, &entities);
    let settings = document::read(&loading, &nodes).settings;
    if !loading.is_clean() {
        return Err(loading.into_problems());
    }
    Ok(Loaded {
        settings,
        warnings: loading.warnings(),
        sources: loading.sources(),
        nodes,
        plugins: Vec::new(),
        directory: None,
    })
}

/// The entities of a text, and each that is not known reported.
fn entities(loading: &Loading<'_>, (name, text): (&str, &str), form: Form) -> Vec<Entity> {
    let text = &without_mark(text);
    let file = loading.add_source(Source::new(name.to_owned(), Path::new(""), text.clone()));
    let entities = match form {
        Form::Text => text::entities(loading, file, text),
        Form::Json => {
            let hint = "as in `[ [\"listener\", { \"port\": 5672 }] ]`";
            Json { loading, file, base: 0, hint }.entities(text)
        }
    };
    report_unknown(loading, &entities);
    entities
}

/// Blanks out the mark that some editors put before a text in UTF-8.
fn without_mark(text: &str) -> String {
    text.strip_prefix('\u{feff}').map_or_else(|| text.to_owned(), |text| format!("   {text}"))
}

/// Says that a file that was read as KDL is one of the reference: JSON, or a `key:` at the start of a block.
pub(crate) fn mistaken(loading: &Loading<'_>, file: usize) -> Option<Fault> {
    let source = loading.source(file)?;
    let (mut start, mut before) = (0, "");
    for line in source.text.split_inclusive('\n') {
        let text = line.trim();
        let key = text.split_once(':').map_or("", |(key, _)| key);
        let is_key = !key.is_empty() && key.chars().all(|c| c.is_ascii_alphabetic() || matches!(c, '-' | '_'));
        if (before.ends_with('{') && is_key) || (before.is_empty() && text.starts_with('[')) {
            let at = start + (line.len() - line.trim_start().len());
            let fault = Fault::at(Place { file, start: at, len: key.len().max(1) }, "this looks like a qdrouterd.conf");
            let fault = fault.label("not as KDL has it");
            return Some(fault.hint("write `--qdrouterd-conf` before the name of the file"));
        }
        start += line.len();
        if !text.is_empty() && !text.starts_with('#') {
            before = text;
        }
    }
    None
}

fn report_unknown(loading: &Loading<'_>, entities: &[Entity]) {
    for entity in entities {
        let kind = entity.kind.as_str();
        if KNOWN.contains(&kind) {
            continue;
        }
        if UNSERVED.contains(&kind) {
            loading.report(not_served(entity.at, kind));
            continue;
        }
        let fault = Fault::at(entity.at, format!("unknown entity `{}`", kind.escape_debug()));
        loading.report(match suggest::nearest(kind, KNOWN.into_iter().chain(UNSERVED)) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None => fault.label("not known here").hint(format!("known are {}", suggest::list(KNOWN))),
        });
    }
}

/// The nodes that entities stand for.
fn nodes<'t>(loading: &'t Loading<'t>, entities: &'t [Entity]) -> Vec<Node> {
    let of = |kind: &'static str| entities.iter().filter(move |entity| entity.kind == kind);
    let around = Around { mode: mode(entities), users: &[], management: Some("full") };
    let mut nodes: Vec<Node> = of("router").map(|entity| router::router(loading, entity, entities)).collect();
    nodes.extend(log::log(loading, &of("log").collect::<Vec<_>>()));
    nodes.extend(of("policy").filter_map(|entity| router::policy(loading, entity)));
    nodes.extend(of("sslProfile").map(|entity| ssl_profile::ssl_profile(loading, entity, Some(entities))));
    nodes.extend(of("authServicePlugin").map(|entity| auth_service::auth_service(loading, entity)));
    nodes.extend(of("listener").map(|entity| listener::listener(loading, entity, around)));
    nodes.extend(of("connector").map(|entity| connector::connector(loading, entity, around)));
    nodes.iter().for_each(|node| warn_of_defaults(loading, node));
    let rules = of("address").filter_map(|entity| with_addresses(loading, entity, address::address(loading, entity)));
    nodes.extend(without_repeated(loading, rules, (pattern_of, "a second rule for the same addresses")));
    let auto_links = of("autoLink").enumerate();
    nodes.extend(auto_links.filter_map(|(index, entity)| address::auto_link(loading, entity, index)));
    let link_routes =
        of("linkRoute").filter_map(|entity| with_addresses(loading, entity, address::link_route(loading, entity)));
    nodes.extend(without_repeated(loading, link_routes, (links_of, "a second linkRoute for the same links")));
    nodes
}

/// What the reference does where nothing is written, and Crosstie does as well.
const SAME_DEFAULTS: [&str; 2] = ["idle-timeout", "max-frame-size"];

/// The attributes of a node that stand in no file: defaults of the reference that are not ours.
fn defaults(node: &Node) -> impl Iterator<Item = &Node> {
    let is_default = |child: &&Node| child.at == node.at && !SAME_DEFAULTS.contains(&child.name.as_str());
    node.children.iter().flatten().filter(is_default)
}

fn warn_of_defaults(loading: &Loading<'_>, node: &Node) {
    // the endpoint has no default of ours, and the limit of sessions is said once
    let told = defaults(node).filter(|child| !matches!(child.name.as_str(), "host" | "port" | "limits"));
    let told: Vec<String> = told.map(|child| format!("`{}`", import::head(child))).collect();
    if !told.is_empty() {
        let message = format!("as in the reference, and unlike Crosstie's own defaults: {}", told.join(", "));
        loading.warn(Fault::at(node.at, message));
    }
}

/// The mode of the router, which decides about the roles of its connections.
fn mode(entities: &[Entity]) -> &str {
    let router = entities.iter().find(|entity| entity.kind == "router");
    let mode = router.and_then(|router| router.attributes.iter().rfind(|attribute| attribute.name == "mode"));
    match mode.map(|mode| &mode.value) {
        Some(Given::Text(mode)) => mode,
        _ => "standalone",
    }
}

/// Leaves out what names its addresses twice: the reference logs it, and goes on without.
fn with_addresses(loading: &Loading<'_>, entity: &Entity, node: Node) -> Option<Node> {
    let is_given = |name| entity.given(name).is_some_and(|given| *given != Given::Null);
    if !(is_given("prefix") && is_given("pattern")) {
        return Some(node);
    }
    let fault = Fault::at(entity.at, format!("{} with `prefix` and `pattern` has no effect", entity.kind));
    loading.warn(fault.label("left out: the reference ignores it"));
    None
}

/// What a node is for, with which another one may be for the same; absent where that cannot be said.
type Key = fn(&Node) -> Option<Vec<String>>;

/// Of several for the same the first holds, as in the reference.
fn without_repeated(loading: &Loading<'_>, nodes: impl Iterator<Item = Node>, (key, what): (Key, &str)) -> Vec<Node> {
    let mut seen: BTreeMap<Vec<String>, Place> = BTreeMap::new();
    let is_first = |node: &Node| {
        let Some(key) = key(node) else { return true };
        let Some(first) = seen.get(&key) else {
            seen.insert(key, node.at);
            return true;
        };
        let fault = Fault::at(node.at, format!("{what} has no effect"));
        loading.warn(fault.also(*first, "the first one stands here"));
        false
    };
    nodes.filter(is_first).collect()
}

/// The links of a link route, and where they lead.
fn links_of(route: &Node) -> Option<Vec<String>> {
    let said = |name: &str| {
        let child = route.children.iter().flatten().find(|child| child.name == name)?;
        Some(format!("{name} {:?}", child.args.first()?.value))
    };
    let (mut key, direction) = (pattern_of(route)?, said("direction")?);
    key.push(direction);
    key.extend(["connection", "container"].into_iter().filter_map(said));
    Some(key)
}

/// The pattern of the addresses that a rule or a route is for.
fn pattern_of(rule: &Node) -> Option<Vec<String>> {
    let [child] = rule
        .children
        .as_deref()?
        .iter()
        .filter(|child| matches!(child.name.as_str(), "prefix" | "pattern"))
        .collect::<Vec<_>>()[..]
    else {
        return None;
    };
    let Value::Text(text) = &child.args.first()?.value else {
        return None;
    };
    let covers = if child.name == "prefix" { Covers::Prefix(text.clone()) } else { Covers::Pattern(text.clone()) };
    Some(vec![covers.pattern().to_string()])
}
