//! A refusal: what the peer that is turned away is told.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::config::Node;
use crate::problem::Problems;

pub use crate::records::refusal::*;

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
