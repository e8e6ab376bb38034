//! The `address` and `auto-link` nodes.

use crosstie_model::settings::{AddressRule, AutoLink, ContainerRef, Direction};

use crate::block::{Block, Item, Text, name_of};
use crate::loading::{Fault, Loading};
use crate::router::{DISTRIBUTIONS, DISTRIBUTIONS_UNSERVED};
use crate::source::Place;
use crate::tree::Node;

/// Bytes of an address.
const ADDRESS_BYTES_MAX: usize = 1024;

/// An auto-link and what the check of the whole needs of its text.
pub(crate) struct AutoLinkDraft {
    pub(crate) auto_link: AutoLink,
    pub(crate) name_at: Place,
    /// Where its connection is named.
    pub(crate) connection_at: Option<Place>,
}

/// Reads an `address` node.
pub(crate) fn read_address<'t>(loading: &'t Loading<'t>, node: &'t Node) -> (AddressRule, Place) {
    let block = Block::plain(loading, "address", Item::of_node(node));
    if let (Some(at), Some(other)) = (block.has("pattern"), block.has("prefix")) {
        loading.report(
            Fault::at(at, "`pattern` beside `prefix`").also(other, "`prefix` stands here").hint("keep one of them"),
        );
    } else if block.has("pattern").is_none() {
        block.require("prefix", "address { prefix \"orders\" }");
    }
    let prefix = block.text("prefix");
    if let Some(prefix) = prefix {
        check_prefix(loading, prefix);
    }
    let distribution = block.word("distribution", &DISTRIBUTIONS, &DISTRIBUTIONS_UNSERVED).unwrap_or_default();
    let waypoint = block.flag("waypoint").unwrap_or(false);
    block.finish(&["pattern", "priority", "ingress-phase", "egress-phase", "enable-fallback", "fallback"]);
    let rule =
        AddressRule { prefix: prefix.map_or(String::new(), |prefix| prefix.text.to_owned()), distribution, waypoint };
    (rule, prefix.map_or(node.at, |prefix| prefix.at))
}

fn check_prefix(loading: &Loading<'_>, prefix: Text<'_>) {
    let tokens = || prefix.text.split(['.', '/']);
    let fault = if tokens().any(|token| matches!(token, "*" | "#")) {
        Fault::at(prefix.at, "a prefix has no wildcards")
            .hint("a prefix matches itself and all that stands behind it: leave the wildcard out")
    } else if tokens().any(str::is_empty) {
        Fault::at(prefix.at, "a prefix with an empty part").hint("parts stand between `.` or `/`, as in `eu/orders`")
    } else {
        return check_address(loading, prefix);
    };
    loading.report(fault);
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
    let connection_at = block.has("connection");
    let container_at = block.has("container");
    match (connection_at, container_at) {
        (Some(at), Some(other)) => loading.report(
            Fault::at(other, "`container` beside `connection`")
                .also(at, "`connection` stands here")
                .hint("keep one of them"),
        ),
        (None, None) => block.require("connection", "connection \"my-broker\""),
        _ => {}
    }
    let connection = block.text("connection");
    let container = block.text("container");
    let external = block.text("external-address");
    for text in [address, external].into_iter().flatten() {
        check_address(loading, text);
    }
    let phase = block.integer("phase", 0..=9_u8);
    block.finish(&["fallback"]);
    let direction = direction.unwrap_or(Direction::In);
    let owned = |text: Option<Text<'_>>| text.map(|text| text.text.to_owned());
    let container = match (owned(connection), owned(container)) {
        (None, Some(id)) => ContainerRef::ContainerId(id),
        (connection, _) => ContainerRef::Connection(connection.unwrap_or_default()),
    };
    let auto_link = AutoLink {
        name: owned(name).unwrap_or_default(),
        address: owned(address).unwrap_or_default(),
        direction,
        container,
        external_address: owned(external),
        phase: phase.unwrap_or(u8::from(direction == Direction::In)),
    };
    let connection_at = connection.map(|text| text.at);
    AutoLinkDraft { auto_link, name_at: name.map_or(node.at, |name| name.at), connection_at }
}
