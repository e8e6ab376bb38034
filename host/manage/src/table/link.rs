//! Links.

use crosstie_model::facts::{LinkFacts, Part};
use serde_amqp::Value;

use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, counter, default};
use crate::table::DIRECTIONS;
use crate::value::{direction, list, maybe, or_null, text};

const KINDS: &[&str] = &["endpoint", "router-control", "inter-router", "edge-downlink"];

/// `router.link`.
pub(super) static LINK: Table<LinkFacts> = Table {
    head: Head {
        name: "router.link",
        base: Base::Operational,
        operations: &["READ"],
        description: "A link of a connection",
        singleton: false,
        local_identity: true,
        part: Some(Part::Links),
    },
    name: |link| text(&link.name),
    identity: |link| text(link.id.to_string()),
    attributes: &[
        attribute("linkName", Shape::Text, |link| text(&link.name)),
        attribute("linkType", Shape::Word(KINDS), |link| text(link.kind)),
        attribute("linkDir", Shape::Word(DIRECTIONS), |link| direction(link.direction)),
        attribute("owningAddr", Shape::Text, |link| maybe(&link.address_key)),
        attribute("capacity", Shape::Integer, |link| link.capacity.into()),
        attribute("peer", Shape::Text, |link| or_null(link.peer_id.map(|id| id.to_string()))),
        counter("undeliveredCount", |link| link.undelivered.into()),
        counter("unsettledCount", |link| link.unsettled.into()),
        counter("deliveryCount", |link| link.deliveries.into()),
        attribute("connectionId", Shape::Text, |link| text(link.connection_id.to_string())),
        default(
            Fallback::Text("enabled"),
            attribute("adminStatus", Shape::Word(&["enabled", "disabled"]), |_| text("enabled")),
        ),
        attribute("operStatus", Shape::Word(&["up", "down", "quiescing", "idle"]), |link| text(link.status)),
        counter("presettledCount", |link| link.outcomes.presettled.into()),
        counter("droppedPresettledCount", |link| link.outcomes.dropped_presettled.into()),
        counter("acceptedCount", |link| link.outcomes.accepted.into()),
        counter("rejectedCount", |link| link.outcomes.rejected.into()),
        counter("releasedCount", |link| link.outcomes.released.into()),
        counter("modifiedCount", |link| link.outcomes.modified.into()),
        counter("deliveriesDelayed1Sec", |link| link.outcomes.delayed_1s.into()),
        counter("deliveriesDelayed10Sec", |link| link.outcomes.delayed_10s.into()),
        counter("deliveriesStuck", |link| link.outcomes.stuck.into()),
        attribute("ingressHistogram", Shape::List, |link| {
            link.ingress_histogram.as_ref().map_or(Value::Null, |counts| list(counts))
        }),
        attribute("priority", Shape::Integer, |link| link.priority.into()),
        counter("settleRate", |link| link.settled_per_second.into()),
        counter("creditAvailable", |link| link.credit.into()),
        attribute("zeroCreditSeconds", Shape::Integer, |link| link.zero_credit_seconds.into()),
    ],
    rows: |facts| &facts.links,
};
