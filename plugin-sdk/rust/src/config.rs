//! The configuration block of a plugin: KDL nodes, and readers whose errors stand at their node.

use alloc::borrow::ToOwned;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::problem::{ConfigError, Problems};
use crate::reader::{Reader, is};
use crate::suggest::nearest;
#[cfg(test)]
use crate::writer::{Write, Writer};

/// A KDL node. The `config` block itself is one too: its children are the nodes in it, and its path is empty.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    name: String,
    args: Vec<Scalar>,
    props: Vec<(String, Scalar)>,
    children: Vec<Node>,
    path: Vec<u32>,
}

/// An argument, or the value of a property.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
    Flag(bool),
    Null,
}

impl Node {
    /// A node without arguments, properties and children.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), ..Self::default() }
    }

    /// A `config` block that holds these nodes: for tests of plugins.
    #[must_use]
    pub fn config(nodes: impl IntoIterator<Item = Node>) -> Self {
        nodes.into_iter().fold(Self::new("config"), Self::with_child)
    }

    /// The same with one more argument.
    #[must_use]
    pub fn with_argument(mut self, value: impl Into<Scalar>) -> Self {
        self.args.push(value.into());
        self
    }

    /// The same with one more property.
    #[must_use]
    pub fn with_property(mut self, key: impl Into<String>, value: impl Into<Scalar>) -> Self {
        self.props.push((key.into(), value.into()));
        self
    }

    /// The same with one more child.
    #[must_use]
    pub fn with_child(mut self, child: Node) -> Self {
        self.children.push(child);
        let path = core::mem::take(&mut self.path);
        self.place(path);
        self
    }

    /// What stands first on its line.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its arguments, in the order of the file.
    #[must_use]
    pub fn args(&self) -> &[Scalar] {
        &self.args
    }

    /// Its children, in the order of the file.
    #[must_use]
    pub fn children(&self) -> &[Node] {
        &self.children
    }

    /// Its children of this name, in the order of the file.
    pub fn named<'n>(&'n self, name: &str) -> impl Iterator<Item = &'n Node> {
        self.children.iter().filter(move |child| child.name == name)
    }

    /// An error that stands at this node.
    pub fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError { path: self.path.clone(), message: message.into(), hint: None }
    }

    /// Its only argument.
    ///
    /// # Errors
    ///
    /// It has none, several, or one of another kind.
    pub fn argument<'n, T: FromScalar<'n>>(&'n self) -> Result<T, ConfigError> {
        match self.args.as_slice() {
            [arg] => self.convert(&self.name, arg),
            _ => Err(self.error(format!("`{}` takes {}", self.name, T::WANTED))),
        }
    }

    /// Its arguments, one or more.
    ///
    /// # Errors
    ///
    /// It has none, or one of another kind.
    pub fn arguments<'n, T: FromScalar<'n>>(&'n self) -> Result<Vec<T>, ConfigError> {
        if self.args.is_empty() {
            return Err(self.error(format!("`{}` takes {}, or several", self.name, T::WANTED)));
        }
        (self.args.iter()).map(|arg| self.convert(&self.name, arg)).collect()
    }

    /// Whether it is set: a flag has no argument, or `#true` or `#false`.
    ///
    /// # Errors
    ///
    /// It has another argument.
    pub fn flag(&self) -> Result<bool, ConfigError> {
        if self.args.is_empty() { Ok(true) } else { self.argument() }
    }

    /// The value of a property. Of equal ones the last is taken.
    ///
    /// # Errors
    ///
    /// It is of another kind.
    pub fn property<'n, T: FromScalar<'n>>(&'n self, key: &str) -> Result<Option<T>, ConfigError> {
        (self.props.iter().rev()).find(|(name, _)| name == key).map(|(_, value)| self.convert(key, value)).transpose()
    }

    /// Its child of this name.
    ///
    /// # Errors
    ///
    /// It has several.
    pub fn child(&self, name: &str) -> Result<Option<&Node>, ConfigError> {
        let mut found = self.named(name);
        let first = found.next();
        match found.next() {
            Some(second) => Err(second.error(format!("`{name}` stands here for the second time"))),
            None => Ok(first),
        }
    }

    /// Whether its child of this name is there and set, as [`flag`](Self::flag) says.
    ///
    /// # Errors
    ///
    /// It has several children of this name, or one with another argument.
    pub fn child_flag(&self, name: &str) -> Result<bool, ConfigError> {
        self.child(name)?.map_or(Ok(false), Self::flag)
    }

    /// The only argument of its child of this name.
    ///
    /// # Errors
    ///
    /// It has several children of this name, or what [`argument`](Self::argument) says.
    pub fn child_argument<'n, T: FromScalar<'n>>(&'n self, name: &str) -> Result<Option<T>, ConfigError> {
        self.child(name)?.map(Node::argument).transpose()
    }

    /// Reports every child whose name is none of these.
    pub fn expect_children(&self, known: &[&str], problems: &mut Problems) {
        for child in &self.children {
            if !known.contains(&child.name.as_str()) {
                let error = child.error(format!("unknown node `{}`", child.name));
                problems.push(error.with_hint(hint(&child.name, known)));
            }
        }
    }

    /// Reports every property whose name is none of these.
    pub fn expect_properties(&self, known: &[&str], problems: &mut Problems) {
        for (name, _) in &self.props {
            if !known.contains(&name.as_str()) {
                let error = self.error(format!("unknown property `{name}` of `{}`", self.name));
                problems.push(error.with_hint(hint(name, known)));
            }
        }
    }

    /// Reports every property whose name is none of these, and every child.
    pub fn expect_leaf(&self, properties: &[&str], problems: &mut Problems) {
        self.expect_properties(properties, problems);
        self.expect_children(&[], problems);
    }

    /// Reports arguments of a node that takes none.
    pub fn expect_no_arguments(&self, problems: &mut Problems) {
        if !self.args.is_empty() {
            problems.push(self.error(format!("`{}` takes no argument", self.name)));
        }
    }

    /// The nodes of the `config` field of a request, as the one node that they stand in.
    pub(crate) fn read_block(from: &mut Reader<'_>) -> Self {
        let mut config = Self::new("config");
        config.children = read_nodes(from, DEPTH_MAX);
        config.place(Vec::new());
        config
    }

    fn convert<'n, T: FromScalar<'n>>(&self, what: &str, value: &'n Scalar) -> Result<T, ConfigError> {
        T::from_scalar(value).ok_or_else(|| self.error(format!("`{what}` takes {}, not {value}", T::WANTED)))
    }

    fn place(&mut self, path: Vec<u32>) {
        for (index, child) in (0u32..).zip(&mut self.children) {
            let mut below = path.clone();
            below.push(index);
            child.place(below);
        }
        self.path = path;
    }
}

fn hint(word: &str, known: &[&str]) -> String {
    match nearest(word, known) {
        Some(meant) => format!("did you mean `{meant}`?"),
        None if known.is_empty() => "none belongs here".to_owned(),
        None => format!("there are {}", known.join(", ")),
    }
}

/// How many nodes may stand in each other.
const DEPTH_MAX: usize = 16;

/// A node as it stands in a request, with no more than so many in each other.
fn read_node(from: &mut Reader<'_>, depth: usize) -> Node {
    let mut node = Node::default();
    for _ in 0..from.map() {
        let key = from.word();
        if from.null() {
            continue;
        }
        match key.len() {
            4 if is(key, b"name") => node.name = from.text().to_owned(),
            4 if is(key, b"args") => node.args = (0..from.list()).map(|_| from.scalar()).collect(),
            5 if is(key, b"props") => {
                node.props = (0..from.map()).map(|_| (from.text().to_owned(), from.scalar())).collect();
            }
            8 if is(key, b"children") => node.children = read_nodes(from, depth),
            _ => from.skip(),
        }
    }
    node
}

fn read_nodes(from: &mut Reader<'_>, depth: usize) -> Vec<Node> {
    match depth.checked_sub(1) {
        Some(below) => (0..from.list()).map(|_| read_node(from, below)).collect(),
        None => {
            from.fail("nodes too deep in each other");
            Vec::new()
        }
    }
}

#[cfg(test)]
impl Write for Node {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x64name");
        self.name.write(out);
        out.key(map, b"\x64args");
        self.args.write(out);
        out.key(map, b"\x65props");
        out.entries(&self.props);
        out.key(map, b"\x68children");
        self.children.write(out);
    }
}

#[cfg(test)]
impl Write for Scalar {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Text(text) => text.write(out),
            Self::Integer(number) => number.write(out),
            Self::Float(number) => number.write(out),
            Self::Flag(flag) => flag.write(out),
            Self::Null => out.null(),
        }
    }
}

impl fmt::Display for Scalar {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => write!(out, "{text:?}"),
            Self::Integer(number) => write!(out, "{number}"),
            // Writing one in full takes 20 KiB of code.
            Self::Float(_) => out.write_str("a number with a fraction"),
            Self::Flag(flag) => write!(out, "#{flag}"),
            Self::Null => out.write_str("#null"),
        }
    }
}

impl From<&str> for Scalar {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<i64> for Scalar {
    fn from(number: i64) -> Self {
        Self::Integer(number)
    }
}

impl From<bool> for Scalar {
    fn from(flag: bool) -> Self {
        Self::Flag(flag)
    }
}

/// A type that an argument or the value of a property can be read as.
pub trait FromScalar<'n>: Sized {
    /// What it takes, as the object of a sentence.
    const WANTED: &'static str;

    /// The value, where the scalar is one.
    fn from_scalar(scalar: &'n Scalar) -> Option<Self>;
}

impl<'n> FromScalar<'n> for &'n str {
    const WANTED: &'static str = "a text";

    fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
        match scalar {
            Scalar::Text(text) => Some(text),
            _ => None,
        }
    }
}

impl<'n> FromScalar<'n> for String {
    const WANTED: &'static str = "a text";

    fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
        <&str>::from_scalar(scalar).map(str::to_owned)
    }
}

impl<'n> FromScalar<'n> for bool {
    const WANTED: &'static str = "#true or #false";

    fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
        match scalar {
            Scalar::Flag(flag) => Some(*flag),
            _ => None,
        }
    }
}

macro_rules! integers {
    ($($type:ty: $wanted:literal),+ $(,)?) => {$(
        impl<'n> FromScalar<'n> for $type {
            const WANTED: &'static str = $wanted;

            fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
                match scalar {
                    Scalar::Integer(number) => (*number).try_into().ok(),
                    _ => None,
                }
            }
        }
    )+};
}
integers!(
    u8: "an integer from 0 to 255",
    u16: "an integer from 0 to 65535",
    u32: "an integer from 0 to 4294967295",
    u64: "an integer from 0 up",
    i64: "an integer",
);

/// A duration with its unit: `500ms`, `10s`, `1.5m`, `2h`; in whole milliseconds, what is below is dropped.
impl<'n> FromScalar<'n> for Duration {
    const WANTED: &'static str = "a duration with its unit (ms, s, m, h)";

    fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
        let text = <&str>::from_scalar(scalar)?;
        let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic())?;
        let (number, unit) = text.split_at_checked(unit_at)?;
        let unit_ms: u64 = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => return None,
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if !digits(whole) || !digits(fraction) {
            return None;
        }
        let scale = 10u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
        let fraction_ms = fraction.parse::<u64>().ok()?.checked_mul(unit_ms)? / scale;
        let whole_ms = whole.parse::<u64>().ok()?.checked_mul(unit_ms)?;
        Some(Duration::from_millis(whole_ms.checked_add(fraction_ms)?))
    }
}

/// A duration that travels as whole milliseconds, 49 days at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Millis(pub u32);

impl<'n> FromScalar<'n> for Millis {
    const WANTED: &'static str = "a duration with its unit (ms, s, m, h) of 49 days at most";

    fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
        let duration = Duration::from_scalar(scalar)?;
        u32::try_from(duration.as_millis()).ok().map(Self)
    }
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn an_error_stands_at_its_node() {
        let config = Node::config([
            Node::new("a"),
            Node::new("b").with_child(Node::new("c").with_child(Node::new("d").with_argument(1))),
        ]);
        let deep = config.children()[1].children()[0].child("d").unwrap().unwrap();
        let error = deep.argument::<&str>().unwrap_err();
        assert_eq!(error.path, [1, 0, 0]);
        assert_eq!(error.message, "`d` takes a text, not 1");
    }

    #[test]
    fn an_unknown_word_is_reported_with_the_one_that_was_meant() {
        let config = Node::config([Node::new("prefer"), Node::new("exlude")]);
        let mut problems = Problems::default();
        config.expect_children(&["prefer", "exclude"], &mut problems);
        let [error] = problems.errors() else { panic!("{problems:?}") };
        assert_eq!(error.path, [1]);
        assert_eq!(error.to_string(), "unknown node `exlude` (did you mean `exclude`?)");
    }

    #[test]
    fn a_second_node_of_a_name_is_reported_where_it_stands() {
        let config = Node::config([Node::new("x"), Node::new("y"), Node::new("x")]);
        assert_eq!(config.child("x").unwrap_err().path, [2]);
    }

    #[test]
    fn of_equal_properties_the_last_wins() {
        let node = Node::new("n").with_property("k", 1).with_property("k", 2);
        assert_eq!(node.property::<u8>("k"), Ok(Some(2)));
        assert_eq!(node.property::<u8>("other"), Ok(None));
    }

    #[test]
    fn integers_have_ranges() {
        for (number, fits) in [(0, true), (255, true), (256, false), (-1, false)] {
            let node = Node::new("n").with_argument(number);
            assert_eq!(node.argument::<u8>().is_ok(), fits, "{number}");
        }
    }

    #[test]
    fn a_duration_carries_its_unit() {
        for (text, millis) in [
            ("0s", Some(0)),
            ("250ms", Some(250)),
            ("1.5s", Some(1500)),
            ("0.0125s", Some(12)),
            ("1.s", None),
            (".5s", None),
            ("1.2.3s", None),
            ("2m", Some(120_000)),
            ("1h", Some(3_600_000)),
            ("10", None),
            ("s", None),
            ("-1s", None),
            ("1d", None),
            ("1e3s", None),
            ("1s ", None),
            ("2000h", None),
        ] {
            let read = Millis::from_scalar(&text.into()).map(|millis| millis.0);
            assert_eq!(read, millis, "{text}");
        }
    }

    #[test]
    fn a_flag_is_set_by_its_name_alone() {
        assert_eq!(Node::new("f").flag(), Ok(true));
        assert_eq!(Node::new("f").with_argument(false).flag(), Ok(false));
        assert!(Node::new("f").with_argument("no").flag().is_err());
    }
}
