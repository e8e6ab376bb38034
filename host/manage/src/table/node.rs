//! The routers of the network.

use crosstie_model::facts::{NodeFacts, Part};

use crate::entity::{Base, Head, Shape, Table, attribute};
use crate::value::{list, maybe, or_null, text};

/// `router.node`.
pub(super) static NODE: Table<NodeFacts> = Table {
    head: Head {
        name: "router.node",
        base: Base::Operational,
        operations: &["READ"],
        description: "A router of the network",
        singleton: false,
        local_identity: false,
        part: Some(Part::Nodes),
    },
    name: |node| text(format!("router.node/{}", node.id)),
    identity: |node| text(format!("router.node/{}", node.id)),
    attributes: &[
        attribute("id", Shape::Text, |node| text(&node.id)),
        attribute("protocolVersion", Shape::Integer, |node| node.protocol_version.into()),
        attribute("instance", Shape::Integer, |node| node.instance.into()),
        attribute("linkState", Shape::List, |node| list(&node.neighbours)),
        attribute("nextHop", Shape::Text, |node| maybe(&node.next_hop)),
        attribute("validOrigins", Shape::List, |node| list(&node.valid_origins)),
        attribute("address", Shape::Text, |node| text(format!("amqp:/_topo/0/{}", node.id))),
        attribute("routerLink", Shape::EntityId, |node| or_null(node.link)),
        attribute("cost", Shape::Integer, |node| or_null(node.cost)),
        attribute("lastTopoChange", Shape::Integer, |node| or_null(node.last_change_seconds)),
        attribute("index", Shape::Integer, |node| node.index.into()),
    ],
    rows: |facts| &facts.nodes,
};
