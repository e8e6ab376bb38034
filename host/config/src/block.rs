//! Blocks: reading the attributes of a node, with a problem for each that is wrong.

use std::cell::RefCell;
use std::ops::RangeInclusive;
use std::time::Duration;

use crate::loading::{Fault, Loading};
use crate::quantity::{self, DURATION_UNITS, QuantityFault, SIZE_UNITS};
use crate::source::Place;
use crate::suggest;
use crate::tree::{Arg, Node, Prop, Value};

/// One attribute: a child node, or a property of a node without arguments.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Item<'t> {
    pub(crate) name: &'t str,
    pub(crate) at: Place,
    pub(crate) head: Place,
    pub(crate) args: &'t [Arg],
    pub(crate) props: &'t [Prop],
    pub(crate) children: Option<&'t [Node]>,
}

/// A text and where it stands.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Text<'t> {
    pub(crate) text: &'t str,
    pub(crate) at: Place,
}

/// The attributes of one node. Reading one makes its key known; [`Block::finish`] reports all others.
pub(crate) struct Block<'t> {
    pub(crate) loading: &'t Loading<'t>,
    what: &'static str,
    pub(crate) at: Place,
    items: Vec<Item<'t>>,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Item<'t> {
    /// A child node as an attribute.
    pub(crate) fn of_node(node: &'t Node) -> Self {
        let children = node.children.as_deref();
        Self { name: &node.name, at: node.at, head: node.head, args: &node.args, props: &node.props, children }
    }

    fn of_prop(prop: &'t Prop) -> Self {
        let args = std::slice::from_ref(&prop.value);
        Self { name: &prop.name, at: prop.at, head: prop.at, args, props: &[], children: None }
    }
}

impl<'t> Block<'t> {
    /// A node with arguments, whose properties qualify them: only those named are read as attributes.
    pub(crate) fn with_qualifiers(
        loading: &'t Loading<'t>,
        what: &'static str,
        node: Item<'t>,
        qualifiers: &[&str],
    ) -> Self {
        let mut block = Self::new(loading, what, node);
        for prop in node.props {
            if qualifiers.contains(&prop.name.as_str()) {
                block.items.push(Item::of_prop(prop));
                continue;
            }
            let message = format!("`{}` does not qualify the argument of {what}", prop.name);
            let fault = Fault::at(prop.at, message);
            loading.report(match suggest::nearest(&prop.name, qualifiers.iter().copied()) {
                Some(near) => fault.label(format!("did you mean `{near}`?")),
                None => fault
                    .label("not known here")
                    .hint(format!("attributes stand in the block: `{what} … {{ {} … }}`", prop.name)),
            });
        }
        block
    }

    /// A node without arguments: properties are attributes too.
    pub(crate) fn plain(loading: &'t Loading<'t>, what: &'static str, node: Item<'t>) -> Self {
        let mut block = Self::new(loading, what, node);
        block.items.extend(node.props.iter().map(Item::of_prop));
        if let Some(extra) = node.args.first() {
            let hint = format!("its attributes stand in its block: `{what} {{ … }}`");
            loading.report(Fault::at(extra.at, format!("{what} takes no argument")).hint(hint));
        }
        block
    }

    fn new(loading: &'t Loading<'t>, what: &'static str, node: Item<'t>) -> Self {
        let items = node.children.unwrap_or(&[]).iter().map(Item::of_node).collect();
        Self { loading, what, at: node.head, items, known: RefCell::default() }
    }

    /// All attributes of a key, in order.
    pub(crate) fn all(&self, key: &'static str) -> Vec<Item<'t>> {
        self.known.borrow_mut().push(key);
        self.items.iter().filter(|item| item.name == key).copied().collect()
    }

    /// The attribute of a key; a second one is a problem.
    pub(crate) fn one(&self, key: &'static str) -> Option<Item<'t>> {
        let all = self.all(key);
        let first = all.first().copied()?;
        for again in all.iter().skip(1) {
            self.loading.report_again(first.at, again.at, format!("`{key}` stands twice in {}", self.what));
        }
        Some(first)
    }

    /// Whether a key is written, without reading it.
    pub(crate) fn has(&self, key: &str) -> Option<Place> {
        self.items.iter().find(|item| item.name == key).map(|item| item.at)
    }

    /// Reports a key that must be there and is not.
    pub(crate) fn require(&self, key: &str, example: &str) {
        if self.has(key).is_none() {
            self.loading.report(
                Fault::at(self.at, format!("{} needs `{key}`", self.what))
                    .label("it is missing here")
                    .hint(format!("as in `{example}`")),
            );
        }
    }

    /// Reports every attribute whose key was not read; those of this build's betters are told apart.
    pub(crate) fn finish(self, unserved: &[&'static str]) {
        let known = self.known.borrow();
        for item in &self.items {
            if known.contains(&item.name) || self.loading.omits() {
                continue;
            }
            if unserved.contains(&item.name) {
                self.loading.report(not_served(item.at, item.name));
                continue;
            }
            let words = || known.iter().chain(unserved).copied();
            let ours = suggest::of_reference(item.name);
            let near = words().find(|word| *word == ours).or_else(|| suggest::nearest(item.name, words()));
            let fault = Fault::at(item.at, format!("unknown attribute of {}", self.what));
            self.loading.report(match near {
                Some(near) => fault.label(format!("did you mean `{near}`?")),
                None if known.is_empty() => fault.label("not known here").hint("it takes no attributes"),
                None => {
                    let mut words = known.clone();
                    words.dedup();
                    fault.label("not known here").hint(format!("it takes {}", suggest::list(words)))
                }
            });
        }
    }

    /// A text that is not empty.
    pub(crate) fn text(&self, key: &'static str) -> Option<Text<'t>> {
        let arg = self.single(self.one(key)?)?;
        self.text_of(arg)
    }

    /// One or more texts.
    pub(crate) fn texts(&self, key: &'static str) -> Option<Vec<Text<'t>>> {
        let item = self.one(key)?;
        self.no_more(item);
        if item.args.is_empty() {
            self.loading.report(
                Fault::at(item.at, format!("`{key}` needs a value"))
                    .hint(format!("as in `{key} \"…\"`; it takes one or more")),
            );
        }
        Some(item.args.iter().filter_map(|arg| self.text_of(arg)).collect())
    }

    /// A text that is not empty, of an argument.
    pub(crate) fn text_of(&self, arg: &'t Arg) -> Option<Text<'t>> {
        match &arg.value {
            Value::Text(text) if text.is_empty() => {
                self.loading.report(Fault::at(arg.at, "an empty text").hint("leave the attribute out instead"));
                None
            }
            Value::Text(text) => Some(Text { text, at: arg.at }),
            _ => self.wrong_type(arg, "a text", "put it in quotes"),
        }
    }

    /// A flag: written alone it is on, `#false` switches it off.
    pub(crate) fn flag(&self, key: &'static str) -> Option<bool> {
        let item = self.one(key)?;
        if item.args.is_empty() {
            self.no_more(item);
            return Some(true);
        }
        let arg = self.single(item)?;
        match &arg.value {
            Value::Bool(on) => Some(*on),
            _ => self.wrong_type(arg, "`#true` or `#false`", &format!("`{key}` alone switches it on")),
        }
    }

    /// A whole number within a range.
    pub(crate) fn integer<N>(&self, key: &'static str, range: RangeInclusive<N>) -> Option<N>
    where
        N: Copy + TryFrom<i128> + Into<i128>,
    {
        let arg = self.single(self.one(key)?)?;
        self.integer_of(arg, range)
    }

    /// A whole number within a range, of an argument.
    pub(crate) fn integer_of<N>(&self, arg: &Arg, range: RangeInclusive<N>) -> Option<N>
    where
        N: Copy + TryFrom<i128> + Into<i128>,
    {
        let (low, high) = ((*range.start()).into(), (*range.end()).into());
        let Value::Integer(number) = arg.value else {
            return self.wrong_type(arg, "a whole number", &format!("from {low} to {high}, without quotes"));
        };
        let value = N::try_from(number).ok().filter(|_| number >= low && number <= high);
        if value.is_none() {
            self.out_of_range(arg.at, &format!("it is from {low} to {high}"));
        }
        value
    }

    /// A number from 0.0 to 1.0.
    pub(crate) fn share(&self, key: &'static str) -> Option<f64> {
        let arg = self.single(self.one(key)?)?;
        let number = match arg.value {
            Value::Float(number) => number,
            Value::Integer(0) => 0.0,
            Value::Integer(1) => 1.0,
            Value::Integer(_) => f64::NAN,
            _ => return self.wrong_type(arg, "a number", "from 0.0 to 1.0, without quotes"),
        };
        if (0.0..=1.0).contains(&number) {
            return Some(number);
        }
        self.out_of_range(arg.at, "it is from 0.0 to 1.0");
        None
    }

    /// A duration within a range.
    pub(crate) fn duration(&self, key: &'static str, range: RangeInclusive<Duration>) -> Option<Duration> {
        let arg = self.single(self.one(key)?)?;
        let value = match &arg.value {
            Value::Text(text) => quantity::duration(text),
            Value::Integer(_) => Err(QuantityFault::NoUnit),
            Value::Float(_) => Err(QuantityFault::UnknownUnit),
            _ => return self.wrong_type(arg, "a duration", DURATION_UNITS),
        };
        let value = self.quantity(arg, value, "duration", DURATION_UNITS)?;
        if range.contains(&value) {
            return Some(value);
        }
        let (low, high) = (quantity::show_duration(*range.start()), quantity::show_duration(*range.end()));
        self.out_of_range(arg.at, &format!("it is from {low} to {high}"));
        None
    }

    /// A size in bytes within a range.
    pub(crate) fn size(&self, key: &'static str, range: RangeInclusive<u64>) -> Option<u64> {
        let arg = self.single(self.one(key)?)?;
        let value = match &arg.value {
            Value::Text(text) => quantity::size(text),
            Value::Integer(number) => u64::try_from(*number).map_err(|_| QuantityFault::TooLarge),
            _ => return self.wrong_type(arg, "a size", SIZE_UNITS),
        };
        let value = self.quantity(arg, value, "size", SIZE_UNITS)?;
        if range.contains(&value) {
            return Some(value);
        }
        self.out_of_range(arg.at, &format!("it is from {} to {} bytes", range.start(), range.end()));
        None
    }

    /// One of some words; those that this build does not serve are told apart.
    pub(crate) fn word<T: Copy>(&self, key: &'static str, words: &[(&str, T)], unserved: &[&str]) -> Option<T> {
        let arg = self.single(self.one(key)?)?;
        if !matches!(arg.value, Value::Text(_)) {
            let all = words.iter().map(|(word, _)| *word).chain(unserved.iter().copied());
            return self.wrong_type(arg, "a word", &format!("it is one of {}", suggest::list(all)));
        }
        self.word_of(self.text_of(arg)?, words, unserved)
    }

    /// One of some words, of a text.
    pub(crate) fn word_of<T: Copy>(&self, text: Text<'_>, words: &[(&str, T)], unserved: &[&str]) -> Option<T> {
        let found = words.iter().find(|(word, _)| *word == text.text).map(|(_, value)| *value);
        if found.is_some() {
            return found;
        }
        if unserved.contains(&text.text) {
            self.loading.report(
                not_served(text.at, text.text)
                    .hint(format!("it serves {}", suggest::list(words.iter().map(|(word, _)| *word)))),
            );
            return None;
        }
        let all = || words.iter().map(|(word, _)| *word).chain(unserved.iter().copied());
        let fault = Fault::at(text.at, format!("unknown value `{}`", text.text.escape_debug()));
        self.loading.report(match suggest::nearest(text.text, all()) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None => fault.label("not known here").hint(format!("it is one of {}", suggest::list(all()))),
        });
        None
    }

    /// The only argument of an attribute.
    pub(crate) fn single(&self, item: Item<'t>) -> Option<&'t Arg> {
        self.no_more(item);
        if let Some(extra) = item.args.get(1) {
            self.loading
                .report(Fault::at(extra.at, format!("`{}` takes one value", item.name)).hint("remove the others"));
        }
        if item.args.is_empty() {
            self.loading.report(
                Fault::at(item.at, format!("`{}` needs a value", item.name))
                    .hint(format!("as in `{} \"…\"`", item.name)),
            );
        }
        item.args.first().filter(|arg| arg.value != Value::Broken)
    }

    /// Reports properties and a block where an attribute takes none.
    pub(crate) fn no_more(&self, item: Item<'_>) {
        for prop in item.props {
            self.loading.report(Fault::at(prop.at, format!("`{}` takes no property", item.name)).hint("remove it"));
        }
        if item.children.is_some() {
            self.loading
                .report(Fault::at(item.head, format!("`{}` takes no block", item.name)).hint("remove the block"));
        }
    }

    fn wrong_type<T>(&self, arg: &Arg, wanted: &str, hint: &str) -> Option<T> {
        if arg.value != Value::Broken {
            let message = format!("{wanted} is expected, this is {}", arg.value.kind());
            self.loading.report(Fault::at(arg.at, message).hint(hint));
        }
        None
    }

    fn out_of_range(&self, at: Place, range: &str) {
        self.loading.report(Fault::at(at, "out of range").label(range));
    }

    fn quantity<T>(&self, arg: &Arg, value: Result<T, QuantityFault>, what: &str, units: &str) -> Option<T> {
        let message = match value {
            Ok(value) => return Some(value),
            Err(QuantityFault::NoUnit) => format!("a {what} needs a unit"),
            Err(QuantityFault::UnknownUnit) => format!("unknown unit of a {what}"),
            Err(QuantityFault::NoNumber) => format!("a {what} starts with a whole number"),
            Err(QuantityFault::TooLarge) => format!("this {what} is out of range"),
        };
        self.loading.report(Fault::at(arg.at, message).hint(units));
        None
    }
}

/// A known word that this build cannot serve.
pub(crate) fn not_served(at: Place, word: &str) -> Fault {
    Fault::at(at, format!("this build does not serve `{}`", word.escape_debug()))
        .label("known, but not served")
        .hint("remove it: nothing is silently ignored")
}

/// The name that a node's only argument gives it.
pub(crate) fn name_of<'t>(loading: &Loading<'_>, node: &'t Node, example: &str) -> Option<Text<'t>> {
    let hint = format!("as in `{example}`");
    if let Some(extra) = node.args.get(1) {
        loading.report(Fault::at(extra.at, format!("{} takes one argument, its name", node.name)).hint(&*hint));
    }
    let Some(arg) = node.args.first() else {
        loading.report(Fault::at(node.at, format!("{} needs a name", node.name)).hint(hint));
        return None;
    };
    match &arg.value {
        Value::Text(text) if !text.is_empty() && !text.chars().any(char::is_control) => Some(Text { text, at: arg.at }),
        Value::Broken => None,
        _ => {
            let message = format!("the name of {} is a text, not empty, without control characters", node.name);
            loading.report(Fault::at(arg.at, message).hint(hint));
            None
        }
    }
}
