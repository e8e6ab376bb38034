//! KDL text as the nodes that the router makes of it: for tests of plugins.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use kdl::{KdlDocument, KdlNode, KdlValue};

use crate::config::{Node, Scalar};

impl Node {
    /// The `config` block that holds these nodes, written as in the router's file. Needs the feature `kdl`, which belongs into
    /// `[dev-dependencies]`. Neither `${}` nor `(secret)` is expanded.
    ///
    /// # Errors
    ///
    /// The text is not KDL, or an integer is larger than 64 bits; for people.
    pub fn from_kdl(text: &str) -> Result<Self, String> {
        let document: KdlDocument = text.parse().map_err(|error| format!("{error:?}"))?;
        let nodes: Result<Vec<_>, _> = document.nodes().iter().map(node).collect();
        Ok(Self::config(nodes?))
    }
}

fn node(from: &KdlNode) -> Result<Node, String> {
    let mut node = Node::new(from.name().value());
    for entry in from.entries() {
        let value = scalar(entry.value())?;
        node = match entry.name() {
            Some(key) => node.with_property(key.value(), value),
            None => node.with_argument(value),
        };
    }
    for child in from.iter_children() {
        node = node.with_child(self::node(child)?);
    }
    Ok(node)
}

fn scalar(from: &KdlValue) -> Result<Scalar, String> {
    Ok(match from {
        KdlValue::String(text) => Scalar::Text(text.clone()),
        KdlValue::Integer(number) => {
            Scalar::Integer(i64::try_from(*number).map_err(|_| format!("{number} is too large"))?)
        }
        KdlValue::Float(number) => Scalar::Float(*number),
        KdlValue::Bool(flag) => Scalar::Flag(*flag),
        KdlValue::Null => Scalar::Null,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_nodes_that_it_says() {
        let read = Node::from_kdl("a 1 #true k=\"v\" {\n b #null\n}\na 1.5\n").unwrap();
        let first = Node::new("a")
            .with_argument(1)
            .with_argument(true)
            .with_property("k", "v")
            .with_child(Node::new("b").with_argument(Scalar::Null));
        let second = Node::new("a").with_argument(Scalar::Float(1.5));
        assert_eq!(read, Node::config([first, second]));
        assert!(Node::from_kdl("a {").is_err());
        assert!(Node::from_kdl("a 9223372036854775808").is_err());
    }
}
