//! The tree: nodes with their places, variables expanded, includes put in.

use kdl::{KdlDocument, KdlEntry, KdlNode, KdlValue};

use crate::expand::{ExpandFault, expand};
use crate::loading::{Fault, Loading};
use crate::source::Place;
use crate::syntax;

/// A node and where it stands.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) name: String,
    /// Its name.
    pub(crate) at: Place,
    /// From its name to its last entry, without its block.
    pub(crate) head: Place,
    pub(crate) args: Vec<Arg>,
    pub(crate) props: Vec<Prop>,
    pub(crate) children: Option<Vec<Node>>,
}

/// An argument, or the value of a property.
#[derive(Debug, Clone)]
pub(crate) struct Arg {
    pub(crate) value: Value,
    pub(crate) at: Place,
    /// Annotated `(secret)`.
    pub(crate) secret: bool,
}

/// A property.
#[derive(Debug, Clone)]
pub(crate) struct Prop {
    pub(crate) name: String,
    /// Key and value.
    pub(crate) at: Place,
    pub(crate) value: Arg,
}

/// A scalar.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Null,
    /// Reported; says nothing.
    Broken,
}

impl Value {
    /// What it is, for messages.
    pub(crate) fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a text",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a fraction",
            Self::Bool(_) => "`#true` or `#false`",
            Self::Null => "`#null`",
            Self::Broken => "unreadable",
        }
    }
}

/// Parses one file. The second value tells whether all of its nodes could be read.
pub(crate) fn parse(loading: &Loading<'_>, file: usize) -> (Vec<Node>, bool) {
    let Some(source) = loading.source(file) else {
        return (Vec::new(), false);
    };
    let scan = syntax::scan(&source.text);
    let mut whole = scan.faults.is_empty();
    for fault in scan.faults {
        let place = Place { file, start: fault.start, len: fault.len };
        loading.report(Fault::at(place, fault.message).hint(fault.hint));
    }
    let mut nodes = Vec::new();
    for (start, stop) in scan.nodes {
        let text = source.text.get(start..stop).unwrap_or("");
        match KdlDocument::parse_v2(text) {
            Ok(document) => {
                let reader = Reader { loading, file, text, base: start };
                nodes.extend(document.nodes().iter().map(|node| reader.node(node, Within::Top)));
            }
            Err(error) => {
                whole = false;
                loading.report(parser_fault(&error, file, start, text.len()));
            }
        }
    }
    (nodes, whole)
}

/// Of the cascade that one mistake brings, the first.
fn parser_fault(error: &kdl::KdlError, file: usize, base: usize, len: usize) -> Fault {
    let first = error.diagnostics.iter().min_by_key(|found| found.span.offset());
    let start = first.map_or(0, |found| found.span.offset()).min(len);
    let width = first.map_or(0, |found| found.span.len()).min(len - start);
    let place = Place { file, start: base + start, len: width };
    let message = first.and_then(|found| found.message.clone()).unwrap_or_else(|| "not valid KDL".to_owned());
    let mut letters = message.trim_end_matches('.').chars();
    let message: String = letters.next().into_iter().flat_map(char::to_lowercase).chain(letters).collect();
    let hint = first.and_then(|found| found.help.clone());
    Fault::at(place, message).hint(hint.unwrap_or_else(|| "the file is KDL 2.0".to_owned()))
}

/// Where a node stands, as far as annotations need to know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Within {
    Top,
    Plugin,
    Config,
    Other,
}

struct Reader<'r, 'e> {
    loading: &'r Loading<'e>,
    file: usize,
    text: &'r str,
    /// Where the parsed text starts in its file.
    base: usize,
}

impl Reader<'_, '_> {
    fn place(&self, span: miette::SourceSpan) -> Place {
        Place { file: self.file, start: self.base + span.offset(), len: span.len() }
    }

    fn node(&self, node: &KdlNode, within: Within) -> Node {
        let at = self.place(node.name().span());
        if let Some(annotation) = node.ty() {
            self.report_annotation(self.place(annotation.span()));
        }
        let name = node.name().value().to_owned();
        let inner = match within {
            Within::Top if name == "plugin" => Within::Plugin,
            Within::Plugin if name == "config" => Within::Config,
            Within::Config => Within::Config,
            _ => Within::Other,
        };
        let mut read = Node { name, at, head: at, args: Vec::new(), props: Vec::new(), children: None };
        for entry in node.entries() {
            let at = self.place(entry.span());
            read.head = read.head.to(at);
            let value = self.value(entry, self.value_place(entry), within == Within::Config);
            match entry.name() {
                None => read.args.push(value),
                Some(key) => read.props.push(Prop { name: key.value().to_owned(), at, value }),
            }
        }
        let children = node.children();
        read.children = children.map(|block| block.nodes().iter().map(|child| self.node(child, inner)).collect());
        read
    }

    /// An entry without its key.
    fn value_place(&self, entry: &KdlEntry) -> Place {
        let whole = entry.span();
        let end = whole.offset() + whole.len();
        let start = entry.name().map_or(whole.offset(), |key| {
            let key_end = key.span().offset() + key.span().len();
            let rest = self.text.get(key_end..end).unwrap_or("");
            let value = rest.split_once('=').map_or(rest, |(_, value)| value).trim_start();
            end - value.len()
        });
        self.place((start, end - start).into())
    }

    fn value(&self, entry: &KdlEntry, at: Place, in_config: bool) -> Arg {
        let secret = entry.ty().is_some_and(|annotation| annotation.value() == "secret");
        if let Some(annotation) = entry.ty()
            && !(secret && in_config)
        {
            self.report_annotation(self.place(annotation.span()));
        }
        let value = match entry.value() {
            KdlValue::String(text) => self.text(text, at),
            KdlValue::Integer(number) => Value::Integer(*number),
            KdlValue::Float(number) => Value::Float(*number),
            KdlValue::Bool(truth) => Value::Bool(*truth),
            KdlValue::Null => Value::Null,
        };
        Arg { value, at, secret }
    }

    fn text(&self, text: &str, at: Place) -> Value {
        let fault = match expand(text, self.loading.environment) {
            Ok(text) => return Value::Text(text),
            Err(ExpandFault::Unset(name)) => Fault::at(at, format!("environment variable `{name}` is not set"))
                .hint(format!("set it, or give a default: `${{{name}:-default}}`; a dollar is `$$`")),
            Err(ExpandFault::Unclosed) => Fault::at(at, "`${` without `}`").hint("write `${NAME}`; a dollar is `$$`"),
            Err(ExpandFault::BadName(_)) => Fault::at(at, "not the name of an environment variable")
                .hint("a name has letters, digits and `_`: `${NAME}` or `${NAME:-default}`; a dollar is `$$`"),
        };
        self.loading.report(fault);
        Value::Broken
    }

    fn report_annotation(&self, at: Place) {
        self.loading.report(
            Fault::at(at, "an annotation has no place here")
                .hint("the only one is `(secret)`, before a value in the `config` of a plugin"),
        );
    }
}
