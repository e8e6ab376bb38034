//! Link routes of a run, and the containers that they lead to.

use crosstie_model::settings::{ContainerRef, Covers, Direction, LinkRoute};

/// A container as the router knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// It says so itself.
    pub container_id: &'static str,
    /// The name of the listener that it comes by.
    pub connection: &'static str,
}

/// Containers to choose from.
pub const KINDS: [Kind; 3] = [
    Kind { container_id: "broker", connection: "hall" },
    Kind { container_id: "box", connection: "rack" },
    Kind { container_id: "broker", connection: "rack" },
];

/// Addresses whose links are routed, and what they are called in the container.
pub const ADDRESSES: [(&str, &str); 6] = [
    ("lp", "lp"),
    ("lp/one", "lp/one"),
    ("lp/near/one", "lp/near/one"),
    ("any/lq", "any/lq"),
    ("lx/one", "ext/one"),
    (OWN, OWN),
];

/// The address of routes that containers make for their own connection.
pub const OWN: &str = "own/one";

/// Covers it.
const OWN_PATTERN: &str = "own/#";

fn route(covers: Covers, direction: Direction, container: ContainerRef) -> LinkRoute {
    let (add_external_prefix, del_external_prefix) = (None, None);
    LinkRoute { name: None, covers, direction, container, add_external_prefix, del_external_prefix }
}

/// The routes of the configuration.
#[must_use]
pub fn configured() -> Vec<LinkRoute> {
    let id = |id: &str| ContainerRef::ContainerId(id.to_owned());
    let rack = || ContainerRef::Connection("rack".to_owned());
    let both = [Direction::In, Direction::Out];
    let routes = both.into_iter().flat_map(|direction| {
        let renamed = LinkRoute {
            add_external_prefix: Some("ext/".to_owned()),
            del_external_prefix: Some("lx/".to_owned()),
            ..route(Covers::Prefix("lx".to_owned()), direction, id("box"))
        };
        [
            route(Covers::Prefix("lp".to_owned()), direction, id("broker")),
            route(Covers::Prefix("lp/near".to_owned()), direction, id("box")),
            route(Covers::Pattern("*/lq".to_owned()), direction, rack()),
            renamed,
            // without a route of a container, nobody is there
            route(Covers::Pattern(OWN_PATTERN.to_owned()), direction, id("nobody")),
        ]
    });
    routes.collect()
}

/// The routes that a container makes for its own connection.
#[must_use]
pub fn own() -> [LinkRoute; 2] {
    let made = |direction| {
        route(Covers::Pattern(OWN_PATTERN.to_owned()), direction, ContainerRef::ContainerId("of no meaning".to_owned()))
    };
    [made(Direction::In), made(Direction::Out)]
}

/// Whether a link to an address may be carried to a container by the configuration.
#[must_use]
pub fn serves(kind: Kind, address: &str) -> bool {
    match address {
        "lp" | "lp/one" => kind.container_id == "broker",
        "lp/near/one" | "lx/one" => kind.container_id == "box",
        "any/lq" => kind.connection == "rack",
        _ => false,
    }
}

/// What an address is called in the container.
///
/// # Panics
///
/// When it is none of [`ADDRESSES`].
#[must_use]
pub fn outside(address: &str) -> &'static str {
    ADDRESSES.iter().find(|(inside, _)| *inside == address).map(|(_, outside)| *outside).expect("a routed address")
}
