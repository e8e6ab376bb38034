//! Which way messages of an address may go.

use crosstie_plugin::address::Direction;
use crosstie_plugin::{Node, Problems, Refusal};

use crate::names::Name;

/// Its nodes.
pub(crate) const NODES: [&str; 3] = ["read-only", "write-only", "read-write"];

/// The one way that is open, and what is said where it is another; without it both are.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Access(Option<(Direction, Refusal)>);

impl Access {
    /// Reads a node of [`NODES`]. What a refusal says is that of the node, else which way is closed; its condition may be that of `denial`.
    pub(crate) fn read(node: &Node, denial: &Refusal) -> Result<(Name, Self), Problems> {
        let mut problems = Problems::default();
        let one_way = match node.name() {
            "read-only" => Some((Direction::Outbound, "nothing may be sent to this address")),
            "write-only" => Some((Direction::Inbound, "nothing may be received from this address")),
            _ => None,
        };
        let texts: &[&str] = if one_way.is_some() { &["prefix", "condition", "description"] } else { &["prefix"] };
        node.expect_leaf(texts, &mut problems);
        let name = problems.keep(Name::read(node)).unwrap_or_default();
        let access = one_way.and_then(|(open, description)| {
            let default = Refusal::new(&*denial.condition, description);
            let refusal = problems.keep(Refusal::from_node(node, &default))?;
            Some((open, refusal.with_note(format!("{} {}", node.name(), name.told()))))
        });
        problems.or((name, Self(access)))
    }

    /// Why messages may not go that way.
    pub(crate) fn refuses(&self, way: Option<Direction>) -> Option<&Refusal> {
        self.0.as_ref().filter(|(open, _)| way != Some(*open)).map(|(_, refusal)| refusal)
    }
}
