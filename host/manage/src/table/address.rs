//! Addresses that somebody uses.

use crosstie_model::facts::{AddressFacts, Part};
use serde_amqp::Value;

use crate::entity::{Base, Head, Shape, Table, attribute, counter};
use crate::value::{list, text};

const DISTRIBUTIONS: &[&str] = &["flood", "multicast", "closest", "balanced", "linkBalanced", "unavailable"];

/// `router.address`.
pub(super) static ADDRESS: Table<AddressFacts> = Table {
    head: Head {
        name: "router.address",
        base: Base::Operational,
        operations: &["READ"],
        description: "An address that somebody uses",
        singleton: false,
        local_identity: true,
        part: Some(Part::Addresses),
    },
    name: |address| text(&address.key),
    identity: |address| text(&address.key),
    attributes: &[
        attribute("key", Shape::Text, |address| text(&address.key)),
        attribute("distribution", Shape::Word(DISTRIBUTIONS), |address| text(address.distribution)),
        attribute("inProcess", Shape::Integer, |address| address.consumers_in_process.into()),
        counter("subscriberCount", |address| address.consumers.into()),
        counter("remoteCount", |address| address.routers.into()),
        counter("containerCount", |address| address.containers.into()),
        attribute("remoteHostRouters", Shape::List, |address| list(&address.router_ids)),
        counter("deliveriesIngress", |address| address.traffic.ingress.into()),
        counter("deliveriesEgress", |address| address.traffic.egress.into()),
        counter("deliveriesTransit", |address| address.traffic.transit.into()),
        counter("deliveriesToContainer", |address| address.to_container.into()),
        counter("deliveriesFromContainer", |address| address.from_container.into()),
        counter("deliveriesEgressRouteContainer", |address| address.traffic.egress_route_container.into()),
        counter("deliveriesIngressRouteContainer", |address| address.traffic.ingress_route_container.into()),
        attribute("transitOutstanding", Shape::List, |address| {
            address.transit_outstanding.as_ref().map_or(Value::Null, |counts| list(counts))
        }),
        attribute("trackedDeliveries", Shape::Integer, |address| address.tracked_deliveries.into()),
        attribute("priority", Shape::Integer, |address| address.priority.map_or(-1, i32::from).into()),
        counter("deliveriesRedirectedToFallback", |address| address.traffic.redirected_to_fallback.into()),
    ],
    rows: |facts| &facts.addresses,
};
