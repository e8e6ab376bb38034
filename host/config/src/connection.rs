//! Connection attributes: what listeners and connectors share.

use std::time::Duration;

use crosstie_model::settings::{ConnectionLimits, ConnectionSettings, LinkCapacity, Mechanism, PropertyValue, Role};

use crate::block::{Block, Item};
use crate::loading::Fault;
use crate::quantity::DURATION_MAX;
use crate::source::Place;
use crate::tree::{Arg, Value};

/// Words for a role.
const ROLES: [(&str, Role); 2] = [("normal", Role::Normal), ("route-container", Role::RouteContainer)];
const ROLES_UNSERVED: [&str; 2] = ["inter-router", "edge"];

const MECHANISMS: [(&str, Mechanism); 2] = [("ANONYMOUS", Mechanism::Anonymous), ("PLAIN", Mechanism::Plain)];
const MECHANISMS_UNSERVED: [&str; 9] = [
    "EXTERNAL",
    "SCRAM-SHA-256",
    "SCRAM-SHA-512",
    "SCRAM-SHA-1",
    "CRAM-MD5",
    "DIGEST-MD5",
    "GSSAPI",
    "OAUTHBEARER",
    "XOAUTH2",
];

/// Keys of our Open that an operator cannot set. Source: features 1.2, `openProperties`.
const RESERVED_PROPERTIES: [&str; 7] =
    ["product", "version", "failover-server-list", "network-host", "port", "scheme", "hostname"];

/// A capacity that is not written out grows to this. Source: architecture section 6, item 5.
const LINK_CAPACITY_GROWN: u32 = 1_000;

/// The frame and time limits of the reference, safer where it has none.
pub(crate) fn defaults() -> ConnectionSettings {
    let limits = ConnectionLimits::default();
    ConnectionSettings {
        sasl: vec![Mechanism::Anonymous],
        allow_plain_without_tls: false,
        handshake_timeout: Duration::from_secs(10),
        idle_timeout: Duration::from_secs(16),
        max_frame_size: 16 << 10,
        max_sessions: limits.sessions,
        link_capacity: LinkCapacity { initial: 250, max: LINK_CAPACITY_GROWN },
        properties: Vec::new(),
        limits,
    }
}

/// Mechanisms that are written, with their places; absent where `sasl` is.
pub(crate) struct Sasl {
    pub(crate) mechanisms: Vec<(Mechanism, Place)>,
}

/// The role; absent when it is written but cannot be read.
pub(crate) fn role(block: &Block<'_>) -> Option<Role> {
    let written = block.has("role").is_some();
    block.word("role", &ROLES, &ROLES_UNSERVED).or(if written { None } else { Some(Role::default()) })
}

/// Reads `sasl`.
pub(crate) fn sasl(block: &Block<'_>) -> Option<Sasl> {
    block.has("sasl")?;
    let mut mechanisms: Vec<(Mechanism, Place)> = Vec::new();
    for text in block.texts("sasl").unwrap_or_default() {
        let Some(mechanism) = block.word_of(text, &MECHANISMS, &MECHANISMS_UNSERVED) else {
            continue;
        };
        if let Some((_, first)) = mechanisms.iter().find(|(known, _)| *known == mechanism) {
            block.loading.report(
                Fault::at(text.at, format!("`{}` is named twice", text.text))
                    .label("again here")
                    .also(*first, "it stands first here")
                    .hint("keep one of them"),
            );
        }
        mechanisms.push((mechanism, text.at));
    }
    Some(Sasl { mechanisms })
}

/// Reads what stands in both kinds of node, `sasl` and `role` aside.
pub(crate) fn read(block: &Block<'_>) -> ConnectionSettings {
    let mut read = defaults();
    read.allow_plain_without_tls = block.flag("allow-plain-without-tls").unwrap_or(false);
    let shortest = Duration::from_millis(1);
    if let Some(timeout) = block.duration("handshake-timeout", shortest..=DURATION_MAX) {
        read.handshake_timeout = timeout;
    }
    if let Some(timeout) = block.duration("idle-timeout", Duration::ZERO..=Duration::from_millis(u32::MAX.into())) {
        read.idle_timeout = timeout;
    }
    if let Some(size) = block.size("max-frame-size", 512..=u32::MAX.into()) {
        read.max_frame_size = u32::try_from(size).unwrap_or(u32::MAX);
    }
    let sessions = block.integer("max-sessions", 1..=65_536_u32);
    if let Some(capacity) = block.integer("link-capacity", 1..=1_000_000_u32) {
        read.link_capacity = LinkCapacity { initial: capacity, max: capacity };
    }
    read.properties = properties(block);
    read.limits = limits(block);
    // Both are written by people: of the two the smallest holds.
    read.max_sessions = sessions.unwrap_or(32_768).min(read.limits.sessions);
    read
}

fn limits(block: &Block<'_>) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    let Some(item) = block.one("limits") else {
        return limits;
    };
    let inner = Block::plain(block.loading, "limits", item);
    limits.connections = inner.integer("connections", 1..=u32::MAX);
    limits.sessions = inner.integer("sessions", 1..=65_536_u32).unwrap_or(limits.sessions);
    inner.finish(&["links", "unsettled", "buffered", "max-message-size"]);
    limits
}

fn properties(block: &Block<'_>) -> Vec<(String, PropertyValue)> {
    let Some(item) = block.one("properties") else {
        return Vec::new();
    };
    let mut read: Vec<(String, PropertyValue, Place)> = Vec::new();
    let from_props = item.props.iter().map(|prop| (prop.name.as_str(), prop.at, std::slice::from_ref(&prop.value)));
    let children = item.children.unwrap_or(&[]);
    for child in children {
        block.no_more(Item::of_node(child));
    }
    if let Some(extra) = item.args.first() {
        let hint = "as in `properties { site \"berlin\" }`";
        block.loading.report(Fault::at(extra.at, "`properties` takes no argument").hint(hint));
    }
    let from_children = children.iter().map(|child| (child.name.as_str(), child.at, child.args.as_slice()));
    for (key, at, args) in from_children.chain(from_props) {
        if let Some(fault) = property_fault(key, at) {
            block.loading.report(fault);
        }
        if let Some((_, _, first)) = read.iter().find(|(known, _, _)| known == key) {
            block.loading.report(
                Fault::at(at, format!("property `{}` is given twice", key.escape_debug()))
                    .label("again here")
                    .also(*first, "it stands first here")
                    .hint("keep one of them"),
            );
        }
        match args {
            [arg] => {
                if let Some(value) = property_value(block, arg) {
                    read.push((key.to_owned(), value, at));
                }
            }
            _ => block
                .loading
                .report(Fault::at(at, "a property has one value").hint("as in `properties { site \"berlin\" }`")),
        }
    }
    read.into_iter().map(|(key, value, _)| (key, value)).collect()
}

fn property_fault(key: &str, at: Place) -> Option<Fault> {
    let hint = "choose another name: this one is the router's";
    if RESERVED_PROPERTIES.contains(&key) || key.starts_with("qd.") || key.starts_with("x-opt-qd.") {
        return Some(Fault::at(at, format!("property `{}` is reserved", key.escape_debug())).hint(hint));
    }
    let bad = key.is_empty() || key.len() > 128 || !key.bytes().all(|byte| byte.is_ascii_graphic());
    bad.then(|| Fault::at(at, "not the name of a property").hint("it has 1 to 128 ASCII characters, no white space"))
}

/// A value of an Open property or of a plugin's configuration; absent when it cannot be one.
pub(crate) fn property_value(block: &Block<'_>, arg: &Arg) -> Option<PropertyValue> {
    match &arg.value {
        Value::Text(text) => Some(PropertyValue::Text(text.clone())),
        Value::Bool(on) => Some(PropertyValue::Bool(*on)),
        Value::Null => Some(PropertyValue::Null),
        Value::Broken => None,
        Value::Integer(number) => {
            let value = i64::try_from(*number).ok().map(PropertyValue::Integer);
            if value.is_none() {
                let hint = "a whole number is from -9223372036854775808 to 9223372036854775807";
                block.loading.report(Fault::at(arg.at, "out of range").hint(hint));
            }
            value
        }
        Value::Float(number) if number.is_finite() => Some(PropertyValue::Float(*number)),
        Value::Float(_) => {
            block.loading.report(Fault::at(arg.at, "out of range").hint("infinities and `#nan` cannot be sent"));
            None
        }
    }
}
