//! A hostile peer's script against a router with well-behaved peers beside it.

use std::time::Duration;

use crosstie_amqp::frame::{self, Kind as FrameKind};
use crosstie_model::settings::{
    AddressRule, AutoLink, ContainerRef, Covers, Direction, Distribution, LinkCapacity, LinkRoute, Management, Role,
    StripAnnotations,
};

use crate::door;
use crate::partner::Partner;
use crate::router::{Router, Shape, WireId};
use crate::script::{Item, Kind, Script};

/// Bytes in a message of the peers beside it.
const MESSAGE: &[u8] = b"\x00\x53\x75\xa0\x05hello";

/// A rule for a prefix.
#[must_use]
pub fn rule(prefix: &str, distribution: Distribution) -> AddressRule {
    AddressRule {
        name: None,
        covers: Covers::Prefix(prefix.to_owned()),
        distribution,
        waypoint: false,
        ingress_phase: None,
        egress_phase: None,
        priority: None,
    }
}

fn link_routes(connection: &str) -> [LinkRoute; 2] {
    [Direction::In, Direction::Out].map(|direction| LinkRoute {
        name: None,
        covers: Covers::Prefix(connection.to_owned()),
        direction,
        container: ContainerRef::Connection(connection.to_owned()),
        add_external_prefix: None,
        del_external_prefix: None,
    })
}

fn auto_link(name: &str, direction: Direction) -> AutoLink {
    AutoLink {
        name: name.to_owned(),
        address: "a".to_owned(),
        direction,
        container: ContainerRef::Connection("hostile".to_owned()),
        external_address: None,
        phase: 0,
    }
}

/// Plays a script to its end, and then asks whether everybody else is still served.
///
/// # Panics
///
/// When anybody but the hostile peer suffers.
pub fn play(script: &Script) {
    let shape = Shape {
        workers: 2,
        rules: vec![rule("m", Distribution::Multicast), rule("u", Distribution::Unavailable)],
        distribution: Distribution::Balanced,
        auto_links: vec![auto_link("in", Direction::In), auto_link("out", Direction::Out)],
        link_routes: ["container", "hostile"].into_iter().flat_map(link_routes).collect(),
        asks: script.side & 8 != 0,
        buffered_max_bytes: 1 << 20,
    };
    let mut router = Router::new(shape);
    let mut partners = [
        Partner::join(&mut router, 0, &["a", "m", "h"], &["a", "m"]),
        Partner::join(&mut router, 1, &["a", "m"], &["m", "h"]),
    ];
    let mut container = Partner::container(&mut router, 1, "container");
    let mut courier = Partner::join(&mut router, 0, &["container/one"], &["container/two"]);
    container.talk(&mut router);
    courier.talk(&mut router);
    let hostile = hostile(&mut router, script.side);
    for item in &script.items {
        play_item(&mut router, &mut partners, hostile, item);
        // its links are carried to the container, and those of others to it
        container.send(&mut router, MESSAGE);
        if matches!(item.kind, Kind::Send) {
            courier.call(&mut router, "hostile");
        }
        courier.talk(&mut router);
    }
    router.lose(hostile);
    router.run();
    carried(&mut router, (&mut container, &mut courier));
    // what one of them settles is an outcome for the other
    for _ in 0..2 {
        partners.iter_mut().for_each(|partner| partner.talk(&mut router));
    }
    served(&mut router, &mut partners);
    for partner in partners.into_iter().chain([courier, container]) {
        partner.leave(&mut router);
    }
    router.run();
    assert_eq!(router.common.buffered.bytes(), 0, "bytes stay behind");
    assert!(router.common.addresses.is_empty(), "addresses stay behind");
    assert_eq!(router.connections(), 0, "connections stay behind");
}

/// The hostile peer's socket: it dialled the router, or was dialled.
fn hostile(router: &mut Router, side: u8) -> WireId {
    let mut meta = door::meta("hostile");
    meta.management = Management::Full;
    meta.may_move = side & 1 == 0;
    meta.outgoing = side & 1 != 0;
    if side & 2 != 0 {
        meta.role = Role::RouteContainer;
        meta.capacity = LinkCapacity { initial: 2, max: 2 };
        meta.unsettled_max = 4;
        meta.message_max_bytes = Some(3000);
        meta.strip = StripAnnotations::No;
    }
    let own = if side & 1 == 0 { door::server() } else { door::client() };
    let mut setup = door::own(own);
    if side & 4 != 0 {
        setup.idle_timeout = Duration::from_secs(16);
        setup.buffered_bytes = 4096;
        setup.max_frame_size = 512;
    }
    let room = if side & 16 != 0 { 700 } else { usize::MAX };
    router.connect(0, setup, meta, room)
}

fn play_item(router: &mut Router, partners: &mut [Partner], hostile: WireId, item: &Item) {
    let first = item.content.first().copied().unwrap_or(0);
    match item.kind {
        Kind::Raw => router.give(hostile, &item.content),
        Kind::Frame => {
            let mut bytes = Vec::new();
            let body = item.content.get(1..).unwrap_or_default();
            frame::write(&mut bytes, FrameKind::Amqp, first.into(), |out| out.extend_from_slice(body));
            router.give(hostile, &bytes);
        }
        Kind::Sasl => {
            let mut bytes = Vec::new();
            frame::write(&mut bytes, FrameKind::Sasl, 0, |out| out.extend_from_slice(&item.content));
            router.give(hostile, &bytes);
        }
        Kind::Run => {
            router.run();
            partners.iter_mut().for_each(|partner| partner.talk(router));
        }
        Kind::Wait => router.advance(Duration::from_secs(first.into())),
        Kind::Read => {
            router.read(hostile, usize::from(first) * 64);
        }
        Kind::Send => partners.iter_mut().for_each(|partner| {
            partner.send(router, MESSAGE);
        }),
        Kind::Flush => router.flush(usize::from(first & 1)),
    }
}

/// Links that are carried to a container, and nothing else of it, go on.
fn carried(router: &mut Router, (container, courier): (&mut Partner, &mut Partner)) {
    for _ in 0..2 {
        container.talk(router);
        courier.talk(router);
    }
    let before = (container.arrived, courier.accepted);
    let sent = courier.send(router, MESSAGE);
    for _ in 0..2 {
        container.talk(router);
        courier.talk(router);
    }
    assert_eq!(sent, 1, "a well-behaved sender on a routed link has no credit");
    assert_eq!(container.arrived - before.0, 1, "a message did not arrive at the container");
    assert_eq!(courier.accepted - before.1, 1, "a message to the container has no outcome");
}

fn served(router: &mut Router, partners: &mut [Partner; 2]) {
    let arrived = |partners: &[Partner; 2]| partners.iter().map(|partner| partner.arrived).sum::<u32>();
    let accepted = |partners: &[Partner; 2]| partners.iter().map(|partner| partner.accepted).sum::<u32>();
    let before = (arrived(partners), accepted(partners));
    let mut sent = 0;
    for at in 0..partners.len() {
        sent += partners[at].send(router, MESSAGE);
        for partner in partners.iter_mut() {
            partner.talk(router);
        }
    }
    for partner in partners.iter_mut() {
        partner.talk(router);
    }
    // two links to `a`, one to `h`, and two to `m`, each with two receivers
    assert_eq!(sent, 5, "a well-behaved sender has no credit");
    assert_eq!(arrived(partners) - before.0, 7, "a message did not arrive");
    assert_eq!(accepted(partners) - before.1, 5, "a message has no outcome");
}
