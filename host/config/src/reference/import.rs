//! Import: a file of the reference as KDL that means the same, with its comments, and a flag wherever something differs.

use std::collections::BTreeMap;
use std::path::Path;

use kdl::{KdlIdentifier, KdlValue};

use crate::address::UNAVAILABLE;
use crate::document;
use crate::expand::escape;
use crate::loading::{Fault, Loading};
use crate::problem::{Problem, Problems};
use crate::reference::entity::Entity;
use crate::reference::{Form, defaults, entities, nodes, open};
use crate::source::Source;
use crate::tree::{Node, Value};

/// What stands before a flag, to find it by.
const FLAG: &str = "import";
const INDENT: &str = "    ";

/// A file of the reference as one of ours.
#[derive(Debug)]
pub struct Import {
    /// KDL that means the same.
    pub kdl: String,
    /// What differs, and what a person should look at; each also stands as a comment in the text.
    pub flags: Problems,
}

/// Writes a file of the reference as KDL. Relative paths are not changed, but flagged: in the file they start at the working
/// directory, in KDL at the directory of the KDL.
///
/// # Errors
///
/// Every problem of the file, and of it as KDL.
pub fn import(path: &Path) -> Result<Import, Problems> {
    let (name, text, form) = open(path)?;
    import_text(&name, &text, form)
}

/// Writes a text of the reference as KDL.
///
/// # Errors
///
/// As [`import`].
pub fn import_text(name: &str, text: &str, form: Form) -> Result<Import, Problems> {
    let environment = |name: &str| std::env::var(name).ok();
    let mut loading = Loading::new(&environment);
    loading.is_of_reference = true;
    loading.is_for_elsewhere = true;
    let entities = entities(&loading, (name, text), form);
    let mut nodes = leading_somewhere(&loading, nodes(&loading, &entities));
    let settings = document::read(&loading, &nodes).settings;
    nodes.iter().for_each(|node| flag_paths(&loading, node));
    if !loading.is_clean() {
        return Err(loading.into_problems());
    }
    nodes.sort_by_key(|node| node.at.start);
    let mut writer = Writer { kdl: String::new(), remarks: Remarks::new(&nodes, &entities) };
    writer.comment(0, &format!(" Written by `crosstie import` from {name}."));
    if let Some(source) = loading.sources().get(0) {
        let flags = loading.placed_warnings().into_iter().map(|(at, problem)| {
            let (line, _) = source.position(at.start);
            (at.start, format!(" {FLAG}, line {}: {}", line + 1, problem.sentence()))
        });
        let mut remarks: Vec<_> = comments(source, &entities).into_iter().chain(flags).collect();
        remarks.sort_by_key(|(at, _)| *at);
        remarks.into_iter().for_each(|(at, text)| writer.remarks.add(source, at, text));
    }
    nodes.iter().for_each(|node| writer.top(node));
    writer.remarks(None, 0);
    let same = crate::load_text_for_elsewhere("the KDL of it", &writer.kdl)?;
    let mut wanted = settings;
    // without one it is another name each time
    wanted.router.id.clone_from(&same.settings.router.id);
    if format!("{:?}", same.settings) != format!("{wanted:?}") {
        return Err(Problem::new(format!("`{name}` cannot be written as KDL that means the same")).into());
    }
    Ok(Import { kdl: writer.kdl, flags: loading.warnings() })
}

/// Leaves out the auto-links of a connection that the file does not have, and has its link routes lead to nobody: in the reference
/// they wait for one that management makes.
fn leading_somewhere(loading: &Loading<'_>, mut nodes: Vec<Node>) -> Vec<Node> {
    let is_container =
        |node: &&Node| matches!(node.name.as_str(), "listener" | "connector") && says(node, "role", "route-container");
    let names: Vec<Value> =
        nodes.iter().filter(is_container).filter_map(|node| Some(node.args.first()?.value.clone())).collect();
    let leads_somewhere = |node: &mut Node| {
        if !matches!(node.name.as_str(), "auto-link" | "link-route") {
            return true;
        }
        let mut children = node.children.iter_mut().flatten();
        let Some(connection) = children.find(|child| child.name == "connection") else { return true };
        let Some(named) = connection.args.first_mut().filter(|named| !names.contains(&named.value)) else {
            return true;
        };
        let fault = Fault::at(named.at, "no connector or listener of this name has `role: route-container`");
        if node.name == "auto-link" {
            loading.warn(fault.label("this auto-link is left out"));
            return false;
        }
        loading.warn(fault.label("whoever attaches to its addresses is refused"));
        named.value = Value::Text(UNAVAILABLE.to_owned());
        connection.name = "distribution".to_owned();
        true
    };
    nodes.retain_mut(leads_somewhere);
    nodes
}

fn says(node: &Node, name: &str, text: &str) -> bool {
    let mut children = node.children.iter().flatten().filter(|child| child.name == name);
    children.any(|child| child.args.first().is_some_and(|arg| arg.value == Value::Text(text.to_owned())))
}

/// Flags paths that start at another directory in KDL.
fn flag_paths(loading: &Loading<'_>, node: &Node) {
    for child in node.children.iter().flatten() {
        let written = child.args.iter().chain(child.props.iter().map(|prop| &prop.value));
        for (arg, text) in
            written.filter_map(|arg| if let Value::Text(text) = &arg.value { Some((arg, text)) } else { None })
        {
            let path = match child.name.as_str() {
                "certificate" | "private-key" | "user-names" | "sasl-password" | "output" => text.as_str(),
                "ca" if text != "system" => text.as_str(),
                _ => continue,
            };
            let path = match path.split_once(':') {
                Some(("file", path)) => path,
                Some(_) => continue,
                None if matches!(child.name.as_str(), "output" | "sasl-password") => continue,
                None => path,
            };
            if Path::new(path).is_relative() {
                let fault = Fault::at(arg.at, "a relative path starts at the directory of the KDL");
                loading.warn(fault.label("here it starts at the working directory"));
            }
        }
    }
}

/// The comments of a text, without their `#`, each where it starts.
fn comments(source: &Source, entities: &[Entity]) -> Vec<(usize, String)> {
    let ends: BTreeMap<usize, usize> = entities
        .iter()
        .flat_map(|entity| &entity.attributes)
        .map(|attribute| {
            (source.line_at(attribute.value_at.start).0, attribute.value_at.start + attribute.value_at.len)
        })
        .collect();
    let mut found = Vec::new();
    let mut start = 0;
    for line in source.text.split_inclusive('\n') {
        let known = ends.get(&start).map_or(0, |end| end.saturating_sub(start)).min(line.len());
        let rest = line.get(known..).unwrap_or("");
        // on a line with an attribute its value ends what is read; a map ends on another line
        let comment = if known > 0 || line.trim_start().starts_with('#') {
            rest.trim_start().strip_prefix('#').map(|comment| comment.trim_start_matches('#'))
        } else if line.trim_end().contains(['{', '}']) && !line.contains('"') {
            rest.split_once('#').map(|(_, comment)| comment)
        } else {
            None
        };
        if let Some(comment) = comment {
            found.push((start, comment.trim_end().to_owned()));
        }
        start += line.len();
    }
    found
}

/// Comments and flags, by the node that each stands before or in.
struct Remarks {
    /// Starts of all nodes, and of those at the top.
    anchors: Vec<usize>,
    tops: Vec<usize>,
    /// Where entities start and end.
    entities: Vec<(usize, usize)>,
    /// By the start of a node; `None`: at the end of the file.
    before: BTreeMap<Option<usize>, Vec<String>>,
    /// By the start of a node at the top: behind all that is in it.
    within: BTreeMap<usize, Vec<String>>,
}

impl Remarks {
    fn new(nodes: &[Node], entities: &[Entity]) -> Self {
        let mut anchors = Vec::new();
        nodes.iter().for_each(|node| collect(node, &mut anchors));
        anchors.sort_unstable();
        Self {
            anchors,
            tops: nodes.iter().map(|node| node.at.start).collect(),
            entities: entities.iter().map(|entity| (entity.at.start, entity.end)).collect(),
            before: BTreeMap::new(),
            within: BTreeMap::new(),
        }
    }

    /// Adds what stands at a place: before the node of its line or the next one, but in the entity where it stands in one.
    fn add(&mut self, source: &Source, at: usize, text: String) {
        let (line, _) = source.line_at(at);
        let entity = first_from(&self.entities, |(start, _)| *start > at).1;
        let Some((start, end)) = entity.filter(|(_, end)| at < *end) else {
            let next = first_from(&self.tops, |top| *top >= line).0;
            return self.before.entry(next).or_default().push(text);
        };
        let (next, last) = first_from(&self.anchors, |anchor| *anchor >= end.min(line.max(start)));
        if let Some(next) = next.filter(|next| *next < end) {
            return self.before.entry(Some(next)).or_default().push(text);
        }
        let top = last.filter(|last| *last >= start).and_then(|last| first_from(&self.tops, |top| *top > last).1);
        match top {
            Some(top) => self.within.entry(top).or_default().push(text),
            None => {
                let next = first_from(&self.tops, |top| *top >= start).0;
                self.before.entry(next).or_default().push(text);
            }
        }
    }
}

/// In a sorted list the first that fits, and the one before it.
fn first_from<T: Copy>(sorted: &[T], fits: impl Fn(&T) -> bool) -> (Option<T>, Option<T>) {
    let at = sorted.partition_point(|one| !fits(one));
    (sorted.get(at).copied(), at.checked_sub(1).and_then(|at| sorted.get(at).copied()))
}

fn collect(node: &Node, anchors: &mut Vec<usize>) {
    anchors.push(node.at.start);
    node.children.iter().flatten().for_each(|child| collect(child, anchors));
}

struct Writer {
    kdl: String,
    remarks: Remarks,
}

impl Writer {
    /// A node of the file: first what it says, then the defaults of the reference.
    fn top(&mut self, node: &Node) {
        self.kdl.push('\n');
        self.remarks(Some(node.at.start), 0);
        let said: Vec<&Node> = node.children.iter().flatten().filter(|child| child.at != node.at).collect();
        let defaults: Vec<&Node> = defaults(node).collect();
        let within = self.remarks.within.remove(&node.at.start).unwrap_or_default();
        if said.is_empty() && defaults.is_empty() && within.is_empty() {
            return self.line(0, &head(node));
        }
        self.line(0, &format!("{} {{", head(node)));
        said.iter().for_each(|child| self.node(child, 1));
        within.iter().for_each(|text| self.comment(1, text));
        defaults.iter().for_each(|child| self.node(child, 1));
        self.line(0, "}");
    }

    fn node(&mut self, node: &Node, depth: usize) {
        self.remarks(Some(node.at.start), depth);
        let children: Vec<&Node> = node.children.iter().flatten().collect();
        if children.is_empty() {
            // an empty block is not the same as none: a property that is an empty map
            let block = if node.children.is_some() { " {}" } else { "" };
            return self.line(depth, &format!("{}{block}", head(node)));
        }
        self.line(depth, &format!("{} {{", head(node)));
        children.iter().for_each(|child| self.node(child, depth + 1));
        self.line(depth, "}");
    }

    fn remarks(&mut self, before: Option<usize>, depth: usize) {
        for text in self.remarks.before.remove(&before).unwrap_or_default() {
            self.comment(depth, &text);
        }
    }

    /// What could end a comment, or may not stand in KDL at all, is left out.
    fn comment(&mut self, depth: usize, text: &str) {
        let text: String = text.chars().map(|c| if is_plain(c) { c } else { ' ' }).collect();
        self.line(depth, format!("//{}", text.trim_end()).as_str());
    }

    fn line(&mut self, depth: usize, text: &str) {
        self.kdl.push_str(&INDENT.repeat(depth));
        self.kdl.push_str(text);
        self.kdl.push('\n');
    }
}

/// Whether KDL takes a character in a comment, and goes on behind it. Source: KDL 2.0, "Disallowed Literal Code Points", "Newline".
fn is_plain(c: char) -> bool {
    let is_direction = matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    !(c.is_control() && c != '\t' || is_direction || matches!(c, '\u{feff}' | '\u{2028}' | '\u{2029}'))
}

/// A node without its block.
pub(super) fn head(node: &Node) -> String {
    let mut written = name(&node.name);
    for arg in &node.args {
        written.push_str(&format!(" {}", value(&arg.value)));
    }
    for prop in &node.props {
        written.push_str(&format!(" {}={}", name(&prop.name), value(&prop.value.value)));
    }
    written
}

/// The name of a node or property, in quotes where it needs them.
fn name(text: &str) -> String {
    let written = KdlIdentifier::from(text).to_string();
    if written == text && text.chars().all(is_plain) { written } else { quoted(text) }
}

/// A text as KDL has it in quotes.
fn quoted(text: &str) -> String {
    let mut written = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' => written.extend(['\\', c]),
            _ if is_plain(c) => written.push(c),
            _ => written.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
        }
    }
    written.push('"');
    written
}

/// A value, texts in quotes.
fn value(value: &Value) -> String {
    match value {
        Value::Text(text) => quoted(&escape(text)),
        Value::Integer(number) => KdlValue::Integer(*number).to_string(),
        Value::Float(number) => KdlValue::Float(*number).to_string(),
        Value::Bool(on) => KdlValue::Bool(*on).to_string(),
        Value::Null | Value::Broken => KdlValue::Null.to_string(),
    }
}
