//! The `address`, `auto-link` and `link-route` nodes.

use crosstie_model::settings::{AddressRule, AutoLink, ContainerRef, Covers, Direction, LinkRoute};

use crate::block::{Block, Item, Text, name_of};
use crate::loading::{Fault, Loading};
use crate::router::DISTRIBUTIONS;
use crate::source::Place;
use crate::tree::Node;

/// The distribution of a link route to nobody.
pub(crate) const UNAVAILABLE: &str = "unavailable";

/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 1024;

/// An auto-link and what the check of the whole needs of its text.
pub(crate) struct AutoLinkDraft {
    pub(crate) auto_link: AutoLink,
    pub(crate) name_at: Place,
    /// Where its connection is named.
    pub(crate) connection_at: Option<Place>,
}

/// A link route and what the check of the whole needs of its text.
pub(crate) struct LinkRouteDraft {
    pub(crate) link_route: LinkRoute,
    pub(crate) name_at: Place,
    /// Where its connection is named.
    pub(crate) connection_at: Option<Place>,
}

/// Reads an `address` node.
pub(crate) fn read_address<'t>(loading: &'t Loading<'t>, node: &'t Node) -> (AddressRule, Place) {
    let (block, name) = if node.args.is_empty() {
        (Block::plain(loading, "address", Item::of_node(node)), None)
    } else {
        let name = name_of(loading, node, "address \"orders\" { prefix \"orders\" }");
        (Block::with_qualifiers(loading, "address", Item::of_node(node), &[]), name)
    };
    let covers = read_covers(&block);
    let distribution = block.word("distribution", &DISTRIBUTIONS, &["link-balanced"]).unwrap_or_default();
    let waypoint = block.flag("waypoint").unwrap_or(false);
    let ingress_phase = block.integer("ingress-phase", 0..=9_u8);
    let egress_phase = block.integer("egress-phase", 0..=9_u8);
    let priority = block.integer("priority", 0..=9_u8);
    block.finish(&["enable-fallback", "fallback"]);
    let (covers, at) = covers.unwrap_or_else(|| (Covers::Prefix(String::new()), node.at));
    let name = name.map(|name| name.text.to_owned());
    (AddressRule { name, covers, distribution, waypoint, ingress_phase, egress_phase, priority }, at)
}

fn read_covers(block: &Block<'_>) -> Option<(Covers, Place)> {
    if let (Some(at), Some(other)) = (block.has("pattern"), block.has("prefix")) {
        block.loading.report(
            Fault::at(at, "`pattern` beside `prefix`").also(other, "`prefix` stands here").hint("keep one of them"),
        );
    } else if block.has("pattern").is_none() {
        block.require("prefix", "address { prefix \"orders\" }");
    }
    let prefix = block.text("prefix").inspect(|prefix| check_prefix(block.loading, *prefix));
    let pattern = block.text("pattern").inspect(|pattern| check_parts(block.loading, *pattern, "a pattern"));
    prefix
        .map(|prefix| (Covers::Prefix(prefix.text.to_owned()), prefix.at))
        .or_else(|| pattern.map(|pattern| (Covers::Pattern(pattern.text.to_owned()), pattern.at)))
}

fn check_prefix(loading: &Loading<'_>, prefix: Text<'_>) {
    if prefix.text.split(['.', '/']).any(|part| matches!(part, "*" | "#")) {
        let hint = "a prefix matches itself and all that stands behind it: leave the wildcard out, or write `pattern`";
        return loading.report(Fault::at(prefix.at, "a prefix has no wildcards").hint(hint));
    }
    check_parts(loading, prefix, "a prefix");
}

fn check_parts(loading: &Loading<'_>, text: Text<'_>, what: &str) {
    if text.text.split(['.', '/']).any(str::is_empty) {
        let hint = "parts stand between `.` or `/`, as in `eu/orders`";
        return loading.report(Fault::at(text.at, format!("{what} with an empty part")).hint(hint));
    }
    check_address(loading, text);
}

fn check_address(loading: &Loading<'_>, address: Text<'_>) {
    if address.text.len() > ADDRESS_BYTES_MAX || address.text.chars().any(char::is_control) {
        let hint = "it has at most 1024 bytes and no control characters";
        loading.report(Fault::at(address.at, "not an address").hint(hint));
    }
}

/// Reads an `auto-link` node.
pub(crate) fn read_auto_link<'t>(loading: &'t Loading<'t>, node: &'t Node) -> AutoLinkDraft {
    let example = "auto-link \"orders-in\" { address \"orders\"; direction \"in\"; connection \"my-broker\" }";
    let name = name_of(loading, node, example);
    let block = Block::with_qualifiers(loading, "auto-link", Item::of_node(node), &[]);
    block.require("address", "address \"orders\"");
    let address = block.text("address");
    block.require("direction", "direction \"in\"");
    let direction = block.word("direction", &[("in", Direction::In), ("out", Direction::Out)], &[]);
    let (container, connection_at) = read_container(&block);
    let external = block.text("external-address");
    for text in [address, external].into_iter().flatten() {
        check_address(loading, text);
    }
    let phase = block.integer("phase", 0..=9_u8);
    block.finish(&["fallback"]);
    let direction = direction.unwrap_or(Direction::In);
    let owned = |text: Option<Text<'_>>| text.map(|text| text.text.to_owned());
    let auto_link = AutoLink {
        name: owned(name).unwrap_or_default(),
        address: owned(address).unwrap_or_default(),
        direction,
        container,
        external_address: owned(external),
        phase: phase.unwrap_or(u8::from(direction == Direction::In)),
    };
    AutoLinkDraft { auto_link, name_at: name.map_or(node.at, |name| name.at), connection_at }
}

/// Reads a `link-route` node.
pub(crate) fn read_link_route<'t>(loading: &'t Loading<'t>, node: &'t Node) -> LinkRouteDraft {
    let (block, name) = if node.args.is_empty() {
        (Block::plain(loading, "link-route", Item::of_node(node)), None)
    } else {
        let name = name_of(loading, node, "link-route \"orders\" { prefix \"orders\" }");
        (Block::with_qualifiers(loading, "link-route", Item::of_node(node), &[]), name)
    };
    let covers = read_covers(&block);
    block.require("direction", "direction \"in\"");
    let direction = block.word("direction", &[("in", Direction::In), ("out", Direction::Out)], &[]);
    let is_unavailable = block.word("distribution", &[("link-balanced", false), (UNAVAILABLE, true)], &[]);
    let (container, connection_at) =
        if is_unavailable == Some(true) { (read_nobody(&block), None) } else { read_container(&block) };
    let prefix = |name| {
        let prefix = block.text(name)?;
        check_address(loading, prefix);
        Some(prefix.text.to_owned())
    };
    let (add_external_prefix, del_external_prefix) = (prefix("add-external-prefix"), prefix("del-external-prefix"));
    block.finish(&[]);
    let link_route = LinkRoute {
        name: name.map(|name| name.text.to_owned()),
        covers: covers.map_or_else(|| Covers::Prefix(String::new()), |(covers, _)| covers),
        direction: direction.unwrap_or(Direction::In),
        container,
        add_external_prefix,
        del_external_prefix,
    };
    LinkRouteDraft { link_route, name_at: name.map_or(node.at, |name| name.at), connection_at }
}

/// Says that a route leads to nobody, where nobody is named.
fn read_nobody(block: &Block<'_>) -> ContainerRef {
    for key in ["connection", "container"] {
        if let Some(at) = block.one(key).map(|item| item.at) {
            let fault = Fault::at(at, format!("`{key}` beside `distribution \"unavailable\"`"));
            block.loading.report(fault.hint("links to what is unavailable are refused: keep one of them"));
        }
    }
    ContainerRef::Nobody
}

/// Reads which connections a route applies to, and where its connection is named.
fn read_container(block: &Block<'_>) -> (ContainerRef, Option<Place>) {
    match (block.has("connection"), block.has("container")) {
        (Some(at), Some(other)) => block.loading.report(
            Fault::at(other, "`container` beside `connection`")
                .also(at, "`connection` stands here")
                .hint("keep one of them"),
        ),
        (None, None) => block.require("connection", "connection \"my-broker\""),
        _ => {}
    }
    let (connection, container) = (block.text("connection"), block.text("container"));
    match (connection, container) {
        (None, Some(id)) => (ContainerRef::ContainerId(id.text.to_owned()), None),
        (connection, _) => {
            let name = connection.map(|text| text.text.to_owned()).unwrap_or_default();
            (ContainerRef::Connection(name), connection.map(|text| text.at))
        }
    }
}
