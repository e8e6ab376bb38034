//! Addresses whose links are carried to the connection that asked for them.

use crosstie_model::facts::{ConnectionRouteFacts, Part};

use crate::entity::{Base, Head, Shape, Table, attribute, required, setting};
use crate::table::DIRECTIONS;
use crate::value::{direction, maybe, text};

/// `router.connection.linkRoute`.
pub(crate) static CONNECTION_ROUTE: Table<ConnectionRouteFacts> = Table {
    head: Head {
        name: "router.connection.linkRoute",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "Addresses whose links are carried to this connection, as long as it lasts; no other connection sees them",
        singleton: false,
        local_identity: true,
        part: Some(Part::ConnectionRoutes),
    },
    name: |route| maybe(&route.name),
    identity: |route| text(route.id.to_string()),
    attributes: &[
        required(setting("pattern", Shape::Text, |route| text(&route.pattern))),
        required(setting("direction", Shape::Word(DIRECTIONS), |route| direction(route.direction))),
        attribute("containerId", Shape::Text, |route| text(&route.container_id)),
    ],
    rows: |facts| &facts.connection_routes,
};
