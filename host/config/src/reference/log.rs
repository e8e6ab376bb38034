//! The `log` entities: modules of the reference as areas of ours. Source: features 1.15.

use std::collections::BTreeMap;

use crate::block::not_served;
use crate::loading::{Fault, Loading};
use crate::reference::draft::Draft;
use crate::reference::entity::Entity;
use crate::reference::reader::{Placed, Reader};
use crate::source::Place;
use crate::tree::{Node, Value};

/// Modules, and the areas that log what they do.
const MODULES: [(&str, &[&str]); 17] = [
    ("DEFAULT", &[]),
    ("ROUTER", &["router"]),
    ("ROUTER_CORE", &["address", "link"]),
    ("SERVER", &["connection", "network"]),
    ("CONN_MGR", &["listener", "connector"]),
    ("AGENT", &["management"]),
    ("POLICY", &["plugin"]),
    ("ROUTER_HELLO", &[]),
    ("ROUTER_LS", &[]),
    ("ROUTER_MA", &[]),
    ("MESSAGE", &["message"]),
    ("AUTHSERVICE", &[]),
    ("CONTAINER", &[]),
    ("ERROR", &[]),
    ("HTTP", &[]),
    ("PYTHON", &[]),
    ("PROTOCOL", &[]),
];

/// Levels of the reference from the most to the least that is written, after the two that are none, and ours.
const LEVELS: [(&str, Option<&str>); 9] = [
    ("default", None),
    ("none", Some("error")),
    ("trace", Some("trace")),
    ("debug", Some("debug")),
    ("info", Some("info")),
    ("notice", Some("info")),
    ("warning", Some("warn")),
    ("error", Some("error")),
    ("critical", Some("error")),
];

/// Our levels, from the most to the least that is written.
const OURS: [&str; 5] = ["trace", "debug", "info", "warn", "error"];

/// The areas that log what a module does.
pub(super) fn areas(module: &str) -> &'static [&'static str] {
    MODULES.iter().find(|(known, _)| *known == module).map_or(&[], |(_, areas)| areas)
}

/// The one node of all `log` entities; absent where there are none.
pub(super) fn log<'t>(loading: &'t Loading<'t>, entities: &[&'t Entity]) -> Option<Node> {
    let mut draft = Draft::new("log", entities.first()?.at);
    let mut seen: BTreeMap<&str, Place> = BTreeMap::new();
    for entity in entities {
        let reader = Reader::new(loading, entity);
        let fresh = module(&reader).filter(|(module, _, at)| {
            let first = seen.insert(*module, *at);
            if let Some(first) = first {
                let fault = Fault::at(*at, format!("a second log of `{module}`")).label("again here");
                loading.report(fault.also(first, "it stands first here").hint("keep one of them"));
            }
            first.is_none()
        });
        if let Some((module, areas, _)) = fresh {
            levels(&reader, module, areas, &mut draft);
            output(&reader, module, &mut draft);
        } else {
            // of nothing, but known
            reader.text("enable");
            reader.text("outputFile");
        }
        if let Some(flag) = reader.flag("includeTimestamp").filter(|flag| !flag.value) {
            reader.warn(flag.at, "each line of the log has its time: left out");
        }
        if let Some(flag) = reader.flag("includeSource").filter(|flag| flag.value) {
            reader.warn(flag.at, "lines of the log name no source file: left out");
        }
        reader.text("name");
        reader.finish();
    }
    Some(draft.into_node())
}

fn module(reader: &Reader<'_>) -> Option<(&'static str, &'static [&'static str], Place)> {
    let Some(written) = reader.text("module") else {
        reader.missing("module");
        return None;
    };
    let found = MODULES.iter().find(|(module, _)| *module == written.value);
    if found.is_none() {
        let known: Vec<&str> = MODULES.iter().map(|(module, _)| *module).collect();
        let fault = Fault::at(written.at, format!("unknown module `{}`", written.value.escape_debug()));
        reader.loading.report(fault.hint(format!("it is one of {}", known.join(", "))));
    }
    found.map(|(module, areas)| (*module, *areas, written.at))
}

fn levels(reader: &Reader<'_>, module: &str, areas: &[&str], draft: &mut Draft) {
    let Some(enable) = reader.text("enable") else { return };
    let Some(level) = lowest(reader, &enable) else { return };
    if module == "DEFAULT" {
        return draft.text("level", enable.map(|_| level.to_owned()));
    }
    if areas.is_empty() {
        return reader.warn(enable.key_at, format!("`enable` of {module} has no effect: nothing is logged by it"));
    }
    for area in areas {
        let mut node = Draft::with("level", enable.key_at, Value::Text(level.to_owned()), enable.at);
        node.property("of", Value::Text((*area).to_owned()), enable.at);
        draft.push(node);
    }
}

/// Our level for a list of theirs: all from the lowest on are written.
fn lowest(reader: &Reader<'_>, enable: &Placed<String>) -> Option<&'static str> {
    let mut lowest: Option<&'static str> = None;
    // as when each of theirs is named alone
    let mut is_all = false;
    for token in enable.value.split([',', ' ', ';', ':']).filter(|token| !token.is_empty()) {
        let word = token.strip_suffix('+').unwrap_or(token);
        is_all |= word.len() < token.len();
        let known = |level: &str| level.get(..word.len()).is_some_and(|head| head.eq_ignore_ascii_case(word));
        let Some((name, ours)) = LEVELS.iter().find(|(level, _)| known(level)) else {
            let fault = Fault::at(enable.at, format!("unknown level `{}`", token.escape_debug()));
            let names: Vec<&str> = LEVELS.iter().map(|(level, _)| *level).collect();
            reader.loading.report(fault.hint(format!("it is one of {}, or one of them and `+`", names.join(", "))));
            continue;
        };
        if *name == "none" {
            reader.warn(enable.at, "`none` is served as `error+`: what breaks the router is always logged");
        }
        let Some(ours) = ours else { continue };
        let rank = |level: &str| OURS.iter().position(|known| *known == level);
        if lowest.is_none_or(|lowest| rank(ours) < rank(lowest)) {
            lowest = Some(ours);
        }
    }
    if let Some(lowest) = lowest.filter(|lowest| !is_all && *lowest != "error") {
        reader.warn(enable.at, format!("served as `{lowest}` and all that is worse: a level is never logged alone"));
    }
    lowest
}

fn output(reader: &Reader<'_>, module: &str, draft: &mut Draft) {
    let Some(output) = reader.text("outputFile") else { return };
    match output.value.as_str() {
        _ if module != "DEFAULT" => {
            let message = "there is one log, and its output stands in the log of module DEFAULT: left out";
            reader.warn(output.key_at, message);
        }
        "syslog" => reader.loading.report(not_served(output.at, "syslog").hint("it serves stderr, stdout and files")),
        "stderr" | "stdout" => draft.text("output", output),
        _ => draft.text("output", output.map(|path| format!("file:{path}"))),
    }
}
