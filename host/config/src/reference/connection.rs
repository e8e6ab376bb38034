//! Connection attributes: what the `listener` and `connector` entities share. Source: features 1.2.

use std::net::IpAddr;

use crosstie_model::settings::{MessageParts, User};

use crate::connection::{LIST_ITEM, MECHANISMS};
use crate::loading::Fault;
use crate::reference::draft::Draft;
use crate::reference::entity::{Attribute, Given};
use crate::reference::reader::{Placed, Reader};
use crate::suggest;
use crate::tree::Value;

/// The smallest frame size of AMQP, to which the reference raises smaller ones.
const FRAME_SIZE_MIN: i128 = 512;
/// Sessions of one connection that the reference can hold.
const SESSIONS_MAX: i128 = 32_768;

/// What is known around an entity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Around<'t> {
    /// The mode of the router.
    pub(super) mode: &'t str,
    /// Who may authenticate here.
    pub(super) users: &'t [User],
    /// What peers of a listener may do at `$management`; absent: what a listener of ours allows.
    pub(super) management: Option<&'static str>,
}

/// Reads what both kinds of entity have, `saslMechanisms` aside.
pub(super) fn shared(reader: &Reader<'_>, around: Around<'_>, draft: &mut Draft) {
    role(reader, around, draft);
    // The reference never asks whether a password may go over plain TCP.
    draft.flag("allow-plain-without-tls", reader.default(true));
    sizes(reader, draft);
    let idle = reader.integer("idleTimeoutSeconds").unwrap_or_else(|| reader.default(16));
    draft.seconds("idle-timeout", idle);
    if let Some(strip) = reader.text("stripAnnotations") {
        draft.text("strip-annotations", strip);
    }
    if let Some((map, attribute)) = reader.map("openProperties") {
        draft.push(open_properties(map, attribute));
    }
    // where it is on, the `policy` entity is refused
    reader.without_effect(&["policyVhost"], "`enableVhostPolicy` is not on");
    if let Some(parts) = reader.text("messageLoggingComponents").and_then(|written| log_messages(reader, &written)) {
        draft.push(parts);
    }
    reader.without_effect(&["cost"], "it counts between routers alone");
}

/// The family of addresses; beside an address of the other one it has no effect. Source: features 1.2.
pub(super) fn family(reader: &Reader<'_>, name: &'static str, host: &str, draft: &mut Draft) {
    let Some(family) = reader.text(name) else { return };
    let other = match host.trim_matches(['[', ']']).parse() {
        Ok(IpAddr::V4(_)) => "IPv6",
        Ok(IpAddr::V6(_)) => "IPv4",
        Err(_) => "",
    };
    if family.value == other {
        return reader.warn(family.at, format!("`{name}` has no effect: the host is an address of the other family"));
    }
    draft.text("socket-address-family", family);
}

/// Whether a peer in this role may connect to a router of this mode, in the reference's words.
fn role(reader: &Reader<'_>, around: Around<'_>, draft: &mut Draft) {
    let Some(role) = reader.text("role") else { return };
    let is_listener = reader.entity.kind == "listener";
    let fault = match (around.mode, role.value.as_str()) {
        ("standalone", "inter-router" | "edge") => {
            "role='standalone' not allowed to connect to or accept connections from other routers."
        }
        ("edge", "inter-router") => "role='inter-router' only allowed with router mode='interior'",
        ("edge", "edge") if is_listener => "role='edge' only allowed with router mode='interior'",
        _ => return draft.text("role", role),
    };
    reader.loading.report(Fault::at(role.at, fault));
}

fn sizes(reader: &Reader<'_>, draft: &mut Draft) {
    let mut frame = reader.integer("maxFrameSize").unwrap_or_else(|| reader.default(16 << 10));
    if frame.value < FRAME_SIZE_MIN {
        reader.warn(frame.at, "a frame has at least 512 bytes, and that is taken");
        frame.value = FRAME_SIZE_MIN;
    }
    draft.integer("max-frame-size", frame);
    let mut sessions = reader.integer("maxSessions").unwrap_or_else(|| reader.default(SESSIONS_MAX));
    if sessions.value == 0 || sessions.value > SESSIONS_MAX {
        sessions.value = SESSIONS_MAX;
    }
    let mut limits = Draft::new("limits", sessions.key_at);
    // Of both the smallest holds; a fault of one is a fault of the other, and is shown once.
    limits.integer("sessions", sessions.map(|sessions| sessions.clamp(1, SESSIONS_MAX)));
    draft.integer("max-sessions", sessions);
    draft.push(limits);
    if let Some(frames) = reader.integer("maxSessionFrames").filter(|frames| frames.value != 0) {
        draft.integer("max-session-frames", frames);
    }
    let capacity = reader.integer("linkCapacity").filter(|capacity| capacity.value != 0);
    draft.integer("link-capacity", capacity.unwrap_or_else(|| reader.default(250)));
}

/// The parts of messages that are logged. The reference knows `all` and `none` alone, no blanks, and passes over what it does not know.
fn log_messages(reader: &Reader<'_>, written: &Placed<String>) -> Option<Draft> {
    if written.value == "none" {
        return None;
    }
    let mut node = Draft::new("log-messages", written.key_at);
    let mut parts = MessageParts::default();
    for word in written.value.split(',').filter(|word| !word.is_empty()) {
        let part = MessageParts::parse(word).filter(|part| *part != MessageParts::ALL || word == written.value);
        let Some(part) = part else {
            let message = format!("`{}` is no part of a message that can stand here: left out", word.escape_debug());
            reader.warn(written.at, message);
            continue;
        };
        if parts.add(part) {
            node.argument(Value::Text(word.to_owned()), written.at);
        }
    }
    (!parts.is_empty()).then_some(node)
}

fn open_properties(map: &[Attribute], attribute: &Attribute) -> Draft {
    let mut properties = Draft::new("properties", attribute.at);
    for entry in map {
        properties.push(property(entry));
    }
    properties
}

fn property(entry: &Attribute) -> Draft {
    let value = match &entry.value {
        Given::Text(text) => Value::Text(text.clone()),
        Given::Integer(number) => Value::Integer(*number),
        Given::Float(number) => Value::Float(*number),
        Given::Bool(on) => Value::Bool(*on),
        Given::Null => Value::Null,
        Given::Broken => Value::Broken,
        Given::Map(inside) | Given::List(inside) => {
            let mut block = Draft::block(&entry.name, entry.at);
            inside.iter().for_each(|entry| block.push(property(entry)));
            if inside.is_empty() && matches!(entry.value, Given::List(_)) {
                block.push(Draft::new(LIST_ITEM, entry.at));
            }
            return block;
        }
    };
    Draft::with(&entry.name, entry.at, value, entry.value_at)
}

/// A port by its number or its name.
pub(super) fn port(port: &Placed<String>) -> Placed<Value> {
    let value = port.value.parse().map_or_else(|_| Value::Text(port.value.clone()), Value::Integer);
    Placed { value, key_at: port.key_at, at: port.at }
}

/// The names in `saslMechanisms`, in capitals: the reference minds no case there. Source: Proton, `pni_included_mech`.
pub(super) fn mechanism_names(written: &str) -> impl Iterator<Item = String> {
    written.split([' ', ',', '\t']).filter(|word| !word.is_empty()).map(str::to_ascii_uppercase)
}

/// The node of mechanisms that can be used, and a warning for each other. Without any it is a problem, and `help` says what helps.
///
/// `usable` tells for a mechanism why it cannot be.
pub(super) fn mechanisms(
    reader: &Reader<'_>,
    written: &Placed<String>,
    usable: &dyn Fn(&str) -> Result<(), &'static str>,
    help: &str,
) -> Option<Draft> {
    let mut sasl = Draft::new("sasl", written.key_at);
    let mut used: Vec<String> = Vec::new();
    for word in mechanism_names(&written.value) {
        let known = if MECHANISMS.iter().any(|(known, _)| *known == word) {
            usable(&word)
        } else {
            Err("this build does not serve it")
        };
        match known {
            Ok(()) if used.contains(&word) => {}
            Ok(()) => used.push(word),
            Err(why) => reader.warn(written.at, format!("`{}` is not used: {why}", word.escape_debug())),
        }
    }
    if used.is_empty() {
        let fault = Fault::at(written.at, "none of these mechanisms can be used");
        reader.loading.report(if reader.entity.kind == "listener" {
            fault.label("nobody could authenticate").hint(help)
        } else {
            let known = suggest::list(MECHANISMS.iter().map(|(known, _)| *known));
            fault.label("it could not authenticate").hint(format!("a connector has {known}: {help}"))
        });
        return None;
    }
    // Whoever can show who they are does so.
    used.sort_by_key(|word| *word == "ANONYMOUS");
    for word in used {
        sasl.argument(Value::Text(word), written.at);
    }
    Some(sasl)
}

/// Why EXTERNAL cannot be used by a listener, and what helps.
pub(super) const NO_PROFILE: &str =
    "EXTERNAL takes users from their certificates: name an `sslProfile` that has a `caCertFile`";

/// What lets a connector authenticate.
pub(super) const NO_CREDENTIALS: &str = "EXTERNAL needs an `sslProfile` with a `certFile`, PLAIN and SCRAM a `saslUsername` and a `saslPassword`; \
     leave `saslMechanisms` out where the peer asks for none of them";

/// Why nobody can authenticate, and what helps.
pub(super) const NO_USERS: &str = "users of the reference stand in the database of Cyrus SASL, which is not read: \
     `crosstie import` a copy without `saslConfigDir`, `saslMechanisms` and `authenticatePeer`, and name the users in `user` nodes";
