//! Addresses whose links are carried to a container.

use crosstie_model::facts::{LinkRouteFacts, Part};

use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, default, formerly, required, setting};
use crate::table::DIRECTIONS;
use crate::value::{direction, maybe, text};

const STATES: &[&str] = &["inactive", "active"];

/// `router.config.linkRoute`.
pub(crate) static LINK_ROUTE: Table<LinkRouteFacts> = Table {
    head: Head {
        name: "router.config.linkRoute",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "Addresses whose links are carried to a container",
        singleton: false,
        local_identity: true,
        part: Some(Part::LinkRoutes),
    },
    name: |route| maybe(&route.name),
    identity: |route| text(route.id.to_string()),
    attributes: &[
        setting("prefix", Shape::Text, |route| maybe(&route.prefix)),
        setting("pattern", Shape::Text, |route| maybe(&route.pattern)),
        setting("addExternalPrefix", Shape::Text, |route| maybe(&route.add_external_prefix)),
        setting("delExternalPrefix", Shape::Text, |route| maybe(&route.del_external_prefix)),
        setting("containerId", Shape::Text, |route| maybe(&route.container_id)),
        setting("connection", Shape::Text, |route| maybe(&route.connection)),
        default(
            Fallback::Text("linkBalanced"),
            setting("distribution", Shape::Word(&["linkBalanced"]), |_| text("linkBalanced")),
        ),
        required(formerly("dir", setting("direction", Shape::Word(DIRECTIONS), |route| direction(route.direction)))),
        attribute("dir", Shape::Word(DIRECTIONS), |route| direction(route.direction)),
        attribute("operStatus", Shape::Word(STATES), |route| text(if route.active { "active" } else { "inactive" })),
    ],
    rows: |facts| &facts.link_routes,
};
