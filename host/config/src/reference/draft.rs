//! Drafts: nodes of the tree in the making, each at the place of what it is made from.

use crate::reference::reader::Placed;
use crate::source::Place;
use crate::tree::{Arg, Node, Prop, Value};

/// A node whose attributes are added one by one.
pub(super) struct Draft(Node);

impl Draft {
    /// A node without arguments.
    pub(super) fn new(name: &str, at: Place) -> Self {
        Self(Node { name: name.to_owned(), at, head: at, args: Vec::new(), props: Vec::new(), children: None })
    }

    /// A node with a block, in which there is nothing yet.
    pub(super) fn block(name: &str, at: Place) -> Self {
        let mut draft = Self::new(name, at);
        draft.0.children = Some(Vec::new());
        draft
    }

    /// A node with one argument.
    pub(super) fn with(name: &str, at: Place, value: Value, value_at: Place) -> Self {
        let mut draft = Self::new(name, at);
        draft.argument(value, value_at);
        draft
    }

    pub(super) fn argument(&mut self, value: Value, at: Place) {
        self.0.head = self.0.head.to(at);
        self.0.args.push(Arg { value, at, secret: false });
    }

    pub(super) fn property(&mut self, name: &str, value: Value, at: Place) {
        let value = Arg { value, at, secret: false };
        self.0.props.push(Prop { name: name.to_owned(), at, value });
    }

    /// Adds a child.
    pub(super) fn push(&mut self, child: Self) {
        self.0.children.get_or_insert_default().push(child.0);
    }

    /// Adds an attribute.
    pub(super) fn set(&mut self, name: &str, value: Placed<Value>) {
        self.push(Self::with(name, value.key_at, value.value, value.at));
    }

    /// Adds an attribute whose value is a text.
    pub(super) fn text(&mut self, name: &str, value: Placed<String>) {
        self.set(name, value.map(Value::Text));
    }

    /// Adds an attribute whose value is a number.
    pub(super) fn integer(&mut self, name: &str, value: Placed<i128>) {
        self.set(name, value.map(Value::Integer));
    }

    /// Adds an attribute whose value is a whole number of seconds.
    pub(super) fn seconds(&mut self, name: &str, value: Placed<i128>) {
        self.set(name, value.map(|seconds| Value::Text(format!("{seconds}s"))));
    }

    /// Adds a flag.
    pub(super) fn flag(&mut self, name: &str, value: Placed<bool>) {
        self.set(name, value.map(Value::Bool));
    }

    /// The node.
    pub(super) fn into_node(self) -> Node {
        self.0
    }
}
