//! Links that the router attaches by itself.

use crosstie_model::facts::{AutoLinkFacts, Part};

use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, default, formerly, required, setting};
use crate::table::DIRECTIONS;
use crate::value::{direction, maybe, or_null, text};

const STATES: &[&str] = &["inactive", "attaching", "failed", "active", "quiescing", "idle"];

/// `router.config.autoLink`.
pub(crate) static AUTO_LINK: Table<AutoLinkFacts> = Table {
    head: Head {
        name: "router.config.autoLink",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "A link that the router attaches by itself to a container",
        singleton: false,
        local_identity: true,
        part: Some(Part::AutoLinks),
    },
    name: |auto_link| maybe(&auto_link.name),
    identity: |auto_link| text(auto_link.id.to_string()),
    attributes: &[
        required(formerly("addr", setting("address", Shape::Text, |auto_link| text(&auto_link.address)))),
        attribute("addr", Shape::Text, |auto_link| text(&auto_link.address)),
        required(formerly(
            "dir",
            setting("direction", Shape::Word(DIRECTIONS), |auto_link| direction(auto_link.direction)),
        )),
        attribute("dir", Shape::Word(DIRECTIONS), |auto_link| direction(auto_link.direction)),
        setting("phase", Shape::Integer, |auto_link| i32::from(auto_link.phase).into()),
        setting("connection", Shape::Text, |auto_link| maybe(&auto_link.connection)),
        setting("containerId", Shape::Text, |auto_link| maybe(&auto_link.container_id)),
        formerly(
            "externalAddr",
            setting("externalAddress", Shape::Text, |auto_link| maybe(&auto_link.external_address)),
        ),
        attribute("externalAddr", Shape::Text, |auto_link| maybe(&auto_link.external_address)),
        attribute("linkRef", Shape::Text, |auto_link| or_null(auto_link.link_id.map(|id| id.to_string()))),
        attribute("operStatus", Shape::Word(STATES), |auto_link| text(auto_link.status)),
        attribute("lastError", Shape::Text, |auto_link| maybe(&auto_link.last_error)),
        default(Fallback::Flag(false), setting("fallback", Shape::Flag, |auto_link| auto_link.fallback.into())),
    ],
    rows: |facts| &facts.auto_links,
};
