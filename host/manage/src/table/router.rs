//! The router itself.

use crosstie_model::facts::RouterFacts;
use serde_amqp::Value;

use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, counter, default};
use crate::table::DISTRIBUTIONS;
use crate::value::{maybe, or_null, text};

/// `router`.
pub(crate) static ROUTER: Table<RouterFacts> = Table {
    head: Head {
        name: "router",
        base: Base::Configuration,
        operations: &["READ"],
        description: "This router: what it is, and what went through it",
        singleton: true,
        local_identity: true,
        part: None,
    },
    name: |router| text(&router.id),
    identity: |_| text("1"),
    attributes: &[
        attribute("id", Shape::Text, |router| text(&router.id)),
        default(
            Fallback::Text("standalone"),
            attribute("mode", Shape::Word(&["standalone", "interior", "edge"]), |router| text(router.mode)),
        ),
        default(Fallback::Text("0"), attribute("area", Shape::Text, |_| text("0"))),
        attribute("version", Shape::Text, |router| text(&router.version)),
        attribute("metadata", Shape::Text, |router| maybe(&router.metadata)),
        attribute("hostName", Shape::Text, |router| maybe(&router.host_name)),
        default(
            Fallback::Text("balanced"),
            attribute("defaultDistribution", Shape::Word(DISTRIBUTIONS), |router| text(router.default_distribution)),
        ),
        // of the configuration; what this router has no use for is as the reference has it by default
        default(Fallback::Integer(1), attribute("helloIntervalSeconds", Shape::Integer, |_| 1.into())),
        default(Fallback::Integer(3), attribute("helloMaxAgeSeconds", Shape::Integer, |_| 3.into())),
        default(Fallback::Integer(30), attribute("raIntervalSeconds", Shape::Integer, |_| 30.into())),
        default(Fallback::Integer(4), attribute("raIntervalFluxSeconds", Shape::Integer, |_| 4.into())),
        default(Fallback::Integer(60), attribute("remoteLsMaxAgeSeconds", Shape::Integer, |_| 60.into())),
        attribute("debugDumpFile", Shape::Path, |_| Value::Null),
        attribute("saslConfigDir", Shape::Path, |_| Value::Null),
        attribute("saslConfigName", Shape::Text, |_| Value::Null),
        default(
            Fallback::Flag(true),
            attribute("allowResumableLinkRoute", Shape::Flag, |router| router.allow_resumable_link_route.into()),
        ),
        default(Fallback::Flag(false), attribute("timestampsInUTC", Shape::Flag, |_| false.into())),
        attribute("timestampFormat", Shape::Text, |_| Value::Null),
        default(Fallback::Flag(false), attribute("allowUnsettledMulticast", Shape::Flag, |_| true.into())),
        counter("addrCount", |router| router.addresses.into()),
        counter("linkCount", |router| router.links.into()),
        counter("nodeCount", |router| router.nodes.into()),
        counter("linkRouteCount", |router| router.link_routes.into()),
        counter("autoLinkCount", |router| router.auto_links.into()),
        counter("connectionCount", |router| router.connections.into()),
        counter("presettledDeliveries", |router| router.outcomes.presettled.into()),
        counter("droppedPresettledDeliveries", |router| router.outcomes.dropped_presettled.into()),
        counter("acceptedDeliveries", |router| router.outcomes.accepted.into()),
        counter("rejectedDeliveries", |router| router.outcomes.rejected.into()),
        counter("releasedDeliveries", |router| router.outcomes.released.into()),
        counter("modifiedDeliveries", |router| router.outcomes.modified.into()),
        counter("deliveriesDelayed1Sec", |router| router.outcomes.delayed_1s.into()),
        counter("deliveriesDelayed10Sec", |router| router.outcomes.delayed_10s.into()),
        counter("deliveriesStuck", |router| router.outcomes.stuck.into()),
        counter("deliveriesIngress", |router| router.traffic.ingress.into()),
        counter("deliveriesEgress", |router| router.traffic.egress.into()),
        counter("deliveriesTransit", |router| router.traffic.transit.into()),
        counter("deliveriesIngressRouteContainer", |router| router.traffic.ingress_route_container.into()),
        counter("deliveriesEgressRouteContainer", |router| router.traffic.egress_route_container.into()),
        counter("deliveriesRedirectedToFallback", |router| router.traffic.redirected_to_fallback.into()),
        // the reference's schema has the second name, its router answers to the first
        counter("linksBlocked", |router| router.links_blocked.into()),
        counter("blockedLinkCount", |router| router.links_blocked.into()),
        counter("uptimeSeconds", |router| router.uptime_seconds.into()),
        counter("memoryUsage", |router| or_null(router.memory_bytes)),
        attribute("workerThreads", Shape::Integer, |router| {
            i32::try_from(router.workers).map_or(Value::Null, Into::into)
        }),
    ],
    rows: |facts| std::slice::from_ref(&facts.router),
};
