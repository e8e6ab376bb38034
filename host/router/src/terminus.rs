//! Termini: what a peer's attach asks for, and what we answer it. Source: AMQP 1.0 part 3, 3.5; the reference, 1.7.

use crosstie_model::address::ADDRESS_MAX_BYTES;
use crosstie_model::permissions::Permissions;
use crosstie_model::policy::LinkDirection;
use crosstie_model::settings::Direction;
use fe2o3_amqp_types::definitions::{AmqpError, Error, LinkError, ReceiverSettleMode, Role};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype, TerminusDurability, TerminusExpiryPolicy};
use fe2o3_amqp_types::performatives::Attach;

use crate::address::Class;
use crate::name::{Place, place};
use crate::routed;
use crate::tenant::Space;

/// What an attach asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// A link to or from an address.
    Address(Class, String),
    /// Sends to the address that each message names.
    Anonymous,
    /// Sends to the management node.
    Node,
    /// A new address of its own.
    Dynamic,
}

/// Seen from this router.
pub(crate) fn direction(attach: &Attach) -> LinkDirection {
    if attach.role == Role::Sender { LinkDirection::Inbound } else { LinkDirection::Outbound }
}

/// As link routes name it.
pub(crate) fn link_direction(attach: &Attach) -> Direction {
    if attach.role == Role::Sender { Direction::In } else { Direction::Out }
}

/// Reads the terminus on our side of a peer's attach. `space`: of its connection.
///
/// # Errors
///
/// What the link is refused with.
pub(crate) fn wanted(attach: &Attach, space: &Space, router: &str) -> Result<Wanted, Error> {
    let sends = attach.role == Role::Sender;
    let (address, dynamic) = if sends {
        match attach.target.as_deref() {
            Some(TargetArchetype::Target(target)) => (target.address.as_deref(), target.dynamic),
            None => {
                // in the words of the reference, which its users' scripts look for
                let why = "The router can't coordinate transactions by itself, a linkRoute to a coordinator must be configured to use transactions.";
                return Err(refusal(AmqpError::PreconditionFailed, why.to_owned()));
            }
        }
    } else {
        match attach.source.as_deref() {
            Some(source) => (source.address.as_deref(), source.dynamic),
            None => return Err(invalid("the attach names no source")),
        }
    };
    match (address, dynamic) {
        (_, true) => Ok(Wanted::Dynamic),
        (None, false) if sends => Ok(Wanted::Anonymous),
        (None, false) => Err(invalid("the source has no address")),
        (Some(address), false) => Ok(match named(address, sends, router)? {
            Wanted::Address(Class::Mobile, name) => Wanted::Address(Class::Mobile, space.name(&name)),
            other => other,
        }),
    }
}

/// Whether the terminus on our side is to be made for the link.
pub(crate) fn is_dynamic(attach: &Attach) -> bool {
    match attach.target.as_deref() {
        Some(TargetArchetype::Target(target)) if attach.role == Role::Sender => target.dynamic,
        _ => attach.role == Role::Receiver && attach.source.as_deref().is_some_and(|source| source.dynamic),
    }
}

/// Whether a peer that may use these addresses may have a link. Who sends without an address names one in each message, and a new
/// address is nobody's yet, unless a link route is to find it; the part of a waypoint it may not have. Source: the reference, `policy.c`.
pub(crate) fn is_permitted(attach: &Attach, permissions: &Permissions) -> bool {
    let sends = attach.role == Role::Sender;
    let address = match attach.target.as_deref() {
        Some(TargetArchetype::Target(target)) if sends => target.address.as_deref(),
        None if sends => None,
        _ => attach.source.as_deref().and_then(|source| source.address.as_deref()),
    };
    let is_dynamic = is_dynamic(attach);
    let address = if is_dynamic { routed::dynamic_address(attach) } else { address };
    match address {
        None | Some("") => sends || is_dynamic,
        Some(address) => waypoint_phase(attach).is_none() && permissions.allow(sends, address),
    }
}

/// What an address stands for, on a link on which the peer sends, or receives.
///
/// # Errors
///
/// What the link is refused with.
pub(crate) fn named(address: &str, sends: bool, router: &str) -> Result<Wanted, Error> {
    if address.len() > ADDRESS_MAX_BYTES {
        return Err(invalid("the address is longer than 2048 bytes"));
    }
    match place(address, router) {
        Place::Address(class, name) => Ok(Wanted::Address(class, name.to_owned())),
        Place::Node if sends => Ok(Wanted::Node),
        Place::Node => Err(not_found(address, "nothing can be received from the management node")),
        Place::Elsewhere => Err(not_found(address, "no such node on this router")),
        Place::Nameless => Err(invalid("the address has no name")),
    }
}

/// Capabilities of the terminus on our side.
pub(crate) fn capabilities(attach: &Attach) -> Vec<String> {
    let list = if attach.role == Role::Sender {
        match attach.target.as_deref() {
            Some(TargetArchetype::Target(target)) => target.capabilities.as_ref(),
            None => None,
        }
    } else {
        attach.source.as_deref().and_then(|source| source.capabilities.as_ref())
    };
    list.map(|list| list.0.iter().map(|symbol| symbol.0.clone()).collect()).unwrap_or_default()
}

/// The phase of a link whose peer says that it is a waypoint: `qd.waypoint`, or `qd.waypoint.N`, takes the messages of phase N - 1 and
/// sends them on in phase N. The first one holds. Source: the reference, 1.8.
pub(crate) fn waypoint_phase(attach: &Attach) -> Option<u8> {
    let ordinal = capabilities(attach).iter().find_map(|capability| waypoint_ordinal(capability))?;
    if attach.role == Role::Sender { Some(ordinal) } else { ordinal.checked_sub(1) }
}

/// 1 to 9.
fn waypoint_ordinal(capability: &str) -> Option<u8> {
    match capability.strip_prefix("qd.waypoint")?.as_bytes() {
        [] => Some(1),
        [b'.', digit @ b'1'..=b'9'] => digit.checked_sub(b'0'),
        _ => None,
    }
}

/// Our answer to a peer's attach: what it asked for, without what we do not do. `address`: of a dynamic terminus.
pub(crate) fn answer(attach: &Attach, address: Option<&str>, message_max_bytes: Option<u64>) -> Attach {
    let sends = attach.role == Role::Sender;
    let source = attach.source.as_deref().map(|source| {
        let given = address.filter(|_| !sends).map(Into::into);
        Source {
            address: given.or_else(|| source.address.clone()),
            durable: TerminusDurability::None,
            expiry_policy: TerminusExpiryPolicy::SessionEnd,
            timeout: 0,
            dynamic: source.dynamic && !sends,
            dynamic_node_properties: None,
            distribution_mode: source.distribution_mode.clone(),
            filter: None,
            default_outcome: None,
            outcomes: source.outcomes.clone(),
            capabilities: source.capabilities.clone(),
        }
    });
    let target = attach.target.as_deref().map(|TargetArchetype::Target(target)| {
        let given = address.filter(|_| sends).map(Into::into);
        Target {
            address: given.or_else(|| target.address.clone()),
            durable: TerminusDurability::None,
            expiry_policy: TerminusExpiryPolicy::SessionEnd,
            timeout: 0,
            dynamic: target.dynamic && sends,
            dynamic_node_properties: None,
            capabilities: target.capabilities.clone(),
        }
    });
    Attach {
        name: attach.name.clone(),
        handle: attach.handle.clone(),
        role: attach.role.clone(),
        snd_settle_mode: attach.snd_settle_mode.clone(),
        // as receiver we settle at once
        rcv_settle_mode: if sends { ReceiverSettleMode::First } else { attach.rcv_settle_mode.clone() },
        source: source.map(Box::new),
        target: target.map(|target| Box::new(TargetArchetype::Target(target))),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: None,
        max_message_size: message_max_bytes.filter(|_| sends),
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

fn refusal(condition: AmqpError, description: String) -> Error {
    Error { condition: condition.into(), description: Some(description), info: None }
}

/// `amqp:invalid-field`.
pub(crate) fn invalid(description: &str) -> Error {
    refusal(AmqpError::InvalidField, description.to_owned())
}

/// `amqp:link:detach-forced`: the peer may come again, by another connection.
pub(crate) fn retires() -> Error {
    let why = "another connection takes the place of this one, which closes soon";
    Error { condition: LinkError::DetachForced.into(), description: Some(why.to_owned()), info: None }
}

/// `amqp:unauthorized-access`.
pub(crate) fn unauthorized() -> Error {
    refusal(AmqpError::UnauthorizedAccess, "the auth service does not allow this address".to_owned())
}

/// `amqp:not-found`, in the words of the reference for an unavailable address.
pub(crate) fn unavailable() -> Error {
    refusal(AmqpError::NotFound, "Node not found".to_owned())
}

/// `amqp:not-found`.
pub(crate) fn not_found(address: &str, why: &str) -> Error {
    refusal(AmqpError::NotFound, format!("{address:?}: {why}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waypoint_has_one_of_nine_ordinals() {
        let found = ["qd.waypoint", "qd.waypoint.1", "qd.waypoint.9"].map(waypoint_ordinal);
        assert_eq!(found, [Some(1), Some(1), Some(9)]);
        let none = ["qd.waypoint.0", "qd.waypoint.10", "qd.waypoint.", "qd.waypoints", "waypoint", "qd.waypoint.é"];
        assert!(none.iter().all(|capability| waypoint_ordinal(capability).is_none()));
    }
}
