//! A refusal: what the peer that is turned away is told.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cbor::{Map, Write};
use crate::config::Node;
use crate::problem::Problems;

/// What the peer that is turned away is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// An AMQP error condition, or any ASCII symbol of 1 to 128 bytes.
    pub condition: String,
    /// The error's description, for the people at the other end.
    pub description: String,
    /// Goes to the router's log, and to the peer where the listener explains refusals.
    pub note: Option<String>,
    /// Goes into the error's info map; a redirect needs it.
    pub info: Vec<(String, InfoValue)>,
}

/// A value of the error's info map.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum InfoValue {
    Flag(bool),
    Int(i64),
    Uint(u64),
    Text(String),
}

impl Refusal {
    /// The longest condition, in bytes.
    pub const CONDITION_BYTES_MAX: usize = 128;

    /// A refusal without a note.
    #[must_use]
    pub fn new(condition: impl Into<String>, description: impl Into<String>) -> Self {
        Self { condition: condition.into(), description: description.into(), note: None, info: Vec::new() }
    }

    /// The same with a note.
    #[must_use]
    pub fn with_note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }

    /// Reads the properties `condition` and `description` of a node; those that it does not have are taken from `default`.
    ///
    /// # Errors
    ///
    /// A property that is not a text, or a condition that is no symbol.
    pub fn from_node(node: &Node, default: &Self) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        let condition = problems.optional(node.property::<String>("condition"));
        let description = problems.optional(node.property::<String>("description"));
        if let Some(condition) = &condition
            && !Self::is_condition(condition)
        {
            let error = node.error(format!("`{condition}` is not an AMQP condition"));
            problems
                .push(error.with_hint("1 to 128 printable ASCII characters without spaces, as in `amqp:not-allowed`"));
        }
        problems.or(Self {
            condition: condition.unwrap_or_else(|| default.condition.clone()),
            description: description.unwrap_or_else(|| default.description.clone()),
            note: default.note.clone(),
            info: default.info.clone(),
        })
    }

    /// Reads the child of this name, which takes `condition` and `description` and nothing else; `default` where it is absent.
    ///
    /// # Errors
    ///
    /// It stands there twice, has anything else, or what [`from_node`](Self::from_node) says.
    pub fn from_child(config: &Node, name: &str, default: &Self) -> Result<Self, Problems> {
        let Some(node) = config.child(name)? else {
            return Ok(default.clone());
        };
        let mut problems = Problems::default();
        node.expect_no_arguments(&mut problems);
        node.expect_leaf(&["condition", "description"], &mut problems);
        let refusal = problems.keep(Self::from_node(node, default));
        problems.or(refusal.unwrap_or_else(|| default.clone()))
    }

    fn is_condition(text: &str) -> bool {
        (1..=Self::CONDITION_BYTES_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
    }
}

impl Write for Refusal {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out)
            .field("condition", &self.condition)
            .field("description", &self.description)
            .optional("note", self.note.as_ref())
            .list("info", &self.info);
    }
}

impl Write for (String, InfoValue) {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out).field("key", &self.0).field("val", &self.1);
    }
}

impl Write for InfoValue {
    fn write(&self, out: &mut Vec<u8>) {
        let map = Map::new(out);
        match self {
            Self::Flag(flag) => map.field("flag", flag),
            Self::Int(number) => map.field("int", number),
            Self::Uint(number) => map.field("uint", number),
            Self::Text(text) => map.field("text", text),
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_overrides_the_default_word_by_word() {
        let default = Refusal::new("amqp:not-allowed", "no");
        let node = Node::new("deny").with_property("description", "go away");
        let read = Refusal::from_node(&node, &default).unwrap();
        assert_eq!(read, Refusal::new("amqp:not-allowed", "go away"));
    }

    #[test]
    fn a_condition_is_a_symbol() {
        let default = Refusal::new("amqp:not-allowed", "no");
        for (condition, accepted) in [
            ("acme:closed", true),
            ("", false),
            ("a b", false),
            ("fermé", false),
            (&"x".repeat(128), true),
            (&"x".repeat(129), false),
        ] {
            let node = Node::new("deny").with_property("condition", condition);
            assert_eq!(Refusal::from_node(&node, &default).is_ok(), accepted, "{condition:?}");
        }
    }
}
