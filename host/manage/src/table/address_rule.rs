//! How addresses are treated.

use crosstie_model::facts::{AddressRuleFacts, Part};

use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, default, setting};
use crate::table::DISTRIBUTIONS;
use crate::value::{maybe, text};

/// `router.config.address`.
pub(crate) static ADDRESS_RULE: Table<AddressRuleFacts> = Table {
    head: Head {
        name: "router.config.address",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "How the addresses of a prefix or pattern are treated",
        singleton: false,
        local_identity: true,
        part: Some(Part::AddressRules),
    },
    name: |rule| maybe(&rule.name),
    identity: |rule| text(rule.id.to_string()),
    attributes: &[
        setting("prefix", Shape::Text, |rule| maybe(&rule.prefix)),
        default(
            Fallback::Text("balanced"),
            setting("distribution", Shape::Word(DISTRIBUTIONS), |rule| text(rule.distribution)),
        ),
        default(
            Fallback::Flag(false),
            setting("waypoint", Shape::Flag, |rule| (rule.ingress_phase == 0 && rule.egress_phase == 1).into()),
        ),
        setting("ingressPhase", Shape::Integer, |rule| i32::from(rule.ingress_phase).into()),
        setting("egressPhase", Shape::Integer, |rule| i32::from(rule.egress_phase).into()),
        setting("pattern", Shape::Text, |rule| maybe(&rule.pattern)),
        setting("priority", Shape::Integer, |rule| rule.priority.map_or(-1, i32::from).into()),
        // the reference's schema has the first name, its router answers to the second
        default(Fallback::Flag(false), setting("enableFallback", Shape::Flag, |rule| rule.fallback.into())),
        attribute("fallback", Shape::Flag, |rule| rule.fallback.into()),
    ],
    rows: |facts| &facts.address_rules,
};
