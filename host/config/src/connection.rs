//! Connection attributes: what listeners and connectors share.

use std::time::Duration;

use crosstie_model::settings::{
    AddressFamily, ConnectionLimits, ConnectionSettings, LinkCapacity, MESSAGE_PARTS, Mechanism, MessageParts,
    PropertyValue, Role, StripAnnotations,
};

use crate::block::{Block, Item};
use crate::loading::Fault;
use crate::quantity::DURATION_MAX;
use crate::router::BUFFERED_MIN_BYTES;
use crate::source::Place;
use crate::tree::{Arg, Node, Value};

/// Words for a role.
const ROLES: [(&str, Role); 2] = [("normal", Role::Normal), ("route-container", Role::RouteContainer)];
const ROLES_UNSERVED: [&str; 2] = ["inter-router", "edge"];

/// Words for mechanisms that are served.
pub(crate) const MECHANISMS: [(&str, Mechanism); 5] = [
    (Mechanism::Anonymous.as_str(), Mechanism::Anonymous),
    (Mechanism::Plain.as_str(), Mechanism::Plain),
    (Mechanism::ScramSha256.as_str(), Mechanism::ScramSha256),
    (Mechanism::ScramSha512.as_str(), Mechanism::ScramSha512),
    (Mechanism::External.as_str(), Mechanism::External),
];
const MECHANISMS_UNSERVED: [&str; 6] = ["SCRAM-SHA-1", "CRAM-MD5", "DIGEST-MD5", "GSSAPI", "OAUTHBEARER", "XOAUTH2"];

/// Keys of our Open that an operator cannot set. Source: features 1.2, `openProperties`.
const RESERVED_PROPERTIES: [&str; 7] =
    ["product", "version", "failover-server-list", "network-host", "port", "scheme", "hostname"];

/// A capacity that is not written out grows to this. Source: architecture section 6, item 5.
const LINK_CAPACITY_GROWN: u32 = 1_000;

/// Links of one connection: their handles index tables.
const LINKS_MAX: u32 = 1_000_000;

/// Transfers that a session window can count. Source: AMQP 1.0 part 2, 2.5.6: serial numbers.
const SESSION_FRAMES_MAX: u32 = (1 << 31) - 1;

/// Words for families of addresses.
const FAMILIES: [(&str, AddressFamily); 2] =
    [(AddressFamily::V4.as_str(), AddressFamily::V4), (AddressFamily::V6.as_str(), AddressFamily::V6)];

/// Words for where annotations are removed.
const STRIP: [(&str, StripAnnotations); 4] = [
    ("both", StripAnnotations::Both),
    ("in", StripAnnotations::In),
    ("out", StripAnnotations::Out),
    ("no", StripAnnotations::No),
];

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
        max_session_frames: None,
        link_capacity: LinkCapacity { initial: 250, max: LINK_CAPACITY_GROWN },
        strip_annotations: StripAnnotations::default(),
        log_messages: MessageParts::default(),
        properties: Vec::new(),
        address_family: None,
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
    let words = block.texts("sasl")?;
    let mut mechanisms: Vec<(Mechanism, Place)> = Vec::new();
    for text in words {
        let Some(mechanism) = block.word_of(text, &MECHANISMS, &MECHANISMS_UNSERVED) else {
            continue;
        };
        if let Some((_, first)) = mechanisms.iter().find(|(known, _)| *known == mechanism) {
            block.loading.report_again(*first, text.at, format!("`{}` is named twice", text.text));
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
    read.max_session_frames = block.integer("max-session-frames", 1..=SESSION_FRAMES_MAX);
    read.address_family = block.word("socket-address-family", &FAMILIES, &[]);
    if let Some(capacity) = block.integer("link-capacity", 1..=1_000_000_u32) {
        read.link_capacity = LinkCapacity { initial: capacity, max: capacity };
    }
    if let Some(strip) = block.word("strip-annotations", &STRIP, &[]) {
        read.strip_annotations = strip;
    }
    read.log_messages = log_messages(block);
    read.properties = properties(block);
    read.limits = limits(block);
    // Both are written by people: of the two the smallest holds.
    read.max_sessions = sessions.unwrap_or(32_768).min(read.limits.sessions);
    read
}

fn log_messages(block: &Block<'_>) -> MessageParts {
    let words = [MessageParts::ALL_WORD].into_iter().chain(MESSAGE_PARTS);
    let words: Vec<_> = words.filter_map(|word| Some((word, MessageParts::parse(word)?))).collect();
    let mut parts = MessageParts::default();
    for text in block.texts("log-messages").unwrap_or_default() {
        if let Some(part) = block.word_of(text, &words, &[])
            && !parts.add(part)
        {
            block.loading.report(Fault::at(text.at, "what stands before this says it already").hint("remove it"));
        }
    }
    parts
}

fn limits(block: &Block<'_>) -> ConnectionLimits {
    let mut limits = ConnectionLimits::default();
    let Some(item) = block.one("limits") else {
        return limits;
    };
    let inner = Block::plain(block.loading, "limits", item);
    limits.connections = inner.integer("connections", 1..=u32::MAX);
    limits.sessions = inner.integer("sessions", 1..=65_536_u32).unwrap_or(limits.sessions);
    limits.links = inner.integer("links", 1..=LINKS_MAX).unwrap_or(limits.links);
    limits.unsettled = inner.integer("unsettled", 1..=u32::MAX).unwrap_or(limits.unsettled);
    limits.buffered_bytes = inner.size("buffered", BUFFERED_MIN_BYTES..=u64::MAX).unwrap_or(limits.buffered_bytes);
    limits.max_message_size_bytes = inner.size("max-message-size", 1..=u64::MAX);
    inner.finish(&[]);
    limits
}

/// The name of each line in the block of a list.
pub(crate) const LIST_ITEM: &str = "-";

/// Blocks in blocks of a property.
const PROPERTY_DEPTH_MAX: usize = 8;

fn properties(block: &Block<'_>) -> Vec<(String, PropertyValue)> {
    let Some(item) = block.one("properties") else {
        return Vec::new();
    };
    let mut read: Vec<(String, PropertyValue, Place)> = Vec::new();
    let children = item.children.unwrap_or(&[]);
    if let Some(extra) = item.args.first() {
        let hint = "as in `properties { site \"berlin\" }`";
        block.loading.report(Fault::at(extra.at, "`properties` takes no argument").hint(hint));
    }
    let from_children =
        children.iter().map(|child| (child.name.as_str(), child.at, node_value(block, child, PROPERTY_DEPTH_MAX)));
    let from_props = item.props.iter().map(|prop| (prop.name.as_str(), prop.at, property_value(block, &prop.value)));
    for (key, at, value) in from_children.chain(from_props) {
        if let Some(fault) = property_fault(key, at) {
            block.loading.report(fault);
        }
        insert(block, &mut read, (key, at, value));
    }
    read.into_iter().map(|(key, value, _)| (key, value)).collect()
}

fn insert(
    block: &Block<'_>,
    read: &mut Vec<(String, PropertyValue, Place)>,
    (key, at, value): (&str, Place, Option<PropertyValue>),
) {
    if let Some((_, _, first)) = read.iter().find(|(known, _, _)| known == key) {
        block.loading.report_again(*first, at, format!("property `{}` is given twice", key.escape_debug()));
    }
    read.extend(value.map(|value| (key.to_owned(), value, at)));
}

/// A value behind the name; or a block: of a list where each line is named `-`, else of a map. `{ - }` is the empty list.
fn node_value(block: &Block<'_>, node: &Node, depth_left: usize) -> Option<PropertyValue> {
    let (at, hint) = (node.at, "as in `properties { site \"berlin\" }`, or `tags { - \"a\"; - \"b\" }`");
    let children = match (node.args.as_slice(), &node.children) {
        ([arg], None) => {
            block.no_more(Item::of_node(node));
            return property_value(block, arg);
        }
        ([], Some(children)) if node.props.is_empty() => children,
        _ => {
            block.loading.report(Fault::at(at, "a property has one value, or a block").hint(hint));
            return None;
        }
    };
    let Some(depth_left) = depth_left.checked_sub(1) else {
        let message = format!("blocks of a property are at most {PROPERTY_DEPTH_MAX} deep");
        block.loading.report(Fault::at(at, message));
        return None;
    };
    if matches!(children.as_slice(), [only] if is_no_item(only)) {
        return Some(PropertyValue::List(Vec::new()));
    }
    let values = children.iter().map(|child| (child.name.as_str(), child.at, node_value(block, child, depth_left)));
    if !children.is_empty() && children.iter().all(|child| child.name == LIST_ITEM) {
        return values.map(|(_, _, value)| value).collect::<Option<_>>().map(PropertyValue::List);
    }
    let mut read = Vec::new();
    for entry in values {
        insert(block, &mut read, entry);
    }
    Some(PropertyValue::Map(read.into_iter().map(|(key, value, _)| (key, value)).collect()))
}

fn is_no_item(node: &Node) -> bool {
    node.name == LIST_ITEM && node.args.is_empty() && node.props.is_empty() && node.children.is_none()
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
