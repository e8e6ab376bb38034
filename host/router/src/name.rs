//! Address names: what a name stands for on this router. Source: the reference, 1.7.

use crosstie_model::address::normalise;

use crate::address::Class;

/// What a name that a peer wrote stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place<'a> {
    /// An address.
    Address(Class, &'a str),
    /// The management node of this router.
    Node,
    /// Another router, or nothing at all.
    Elsewhere,
    /// No name is left.
    Nameless,
}

/// The management node's name.
pub const NODE: &str = "$management";

/// Finds what an address stands for on the router with this container-id.
#[must_use]
pub fn place<'a>(address: &'a str, router: &str) -> Place<'a> {
    let name = normalise(address);
    let Some((first, rest)) = name.split_once('/') else {
        return match name {
            "" => Place::Nameless,
            NODE => Place::Node,
            _ => Place::Address(Class::Mobile, name),
        };
    };
    let (class, name) = match first {
        "_local" => (Class::Local, Some(rest)),
        "_edge" => (Class::Local, of_router(rest, router)),
        "_topo" => match rest.split_once('/') {
            Some(("0" | "all", rest)) => match rest.strip_prefix("all/") {
                Some(name) => (Class::Everywhere, Some(name)),
                None => (Class::Local, of_router(rest, router)),
            },
            // another area
            _ => (Class::Local, None),
        },
        _ => return Place::Address(Class::Mobile, name),
    };
    match name {
        Some("") | None => Place::Elsewhere,
        Some(NODE) => Place::Node,
        Some(name) => Place::Address(class, name),
    }
}

/// What stands behind the name of this router.
fn of_router<'a>(path: &'a str, router: &str) -> Option<&'a str> {
    path.strip_prefix(router)?.strip_prefix('/')
}

/// The address by which peers reach a local name of a router.
#[must_use]
pub fn dynamic(router: &str, local: &str) -> String {
    format!("amqp:/_topo/0/{router}/{local}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_mobile_local_the_nodes_or_elsewhere() {
        let table = [
            ("a/b", Place::Address(Class::Mobile, "a/b")),
            ("amqp:/_$temp.x", Place::Address(Class::Mobile, "_$temp.x")),
            ("_local/x", Place::Address(Class::Local, "x")),
            ("amqp:/_topo/0/me/temp.x", Place::Address(Class::Local, "temp.x")),
            ("amqp:/_topo/0/meme/temp.x", Place::Elsewhere),
            ("_topo/0/all/x", Place::Address(Class::Everywhere, "x")),
            ("amqp:/_topo/all/all/x", Place::Address(Class::Everywhere, "x")),
            ("_topo/all/me/x", Place::Address(Class::Local, "x")),
            ("_topo/9/me/x", Place::Elsewhere),
            ("_topo/0/all/$management", Place::Node),
            ("_topo/0/me", Place::Elsewhere),
            ("_edge/me/x", Place::Address(Class::Local, "x")),
            ("_edge/you/x", Place::Elsewhere),
            ("$management", Place::Node),
            ("amqp:/_topo/0/me/$management", Place::Node),
            ("_local/$management", Place::Node),
            ("/", Place::Nameless),
        ];
        for (address, wanted) in table {
            assert_eq!(place(address, "me"), wanted, "{address}");
        }
        assert_eq!(place(&dynamic("me", "temp.1"), "me"), Place::Address(Class::Local, "temp.1"));
    }
}
