//! The hook `address`: what becomes of an address that a peer names?

pub use crate::records::address::*;

/// Bytes of the longest address.
pub const ADDRESS_MAX_BYTES: usize = 2048;

/// The form of an address that requests have: without scheme and host, a leading `/` and one trailing `.` or `/`. None: no answer may
/// have this address, since it is none, too long, or one of the router's own (`$…`, `_…`).
#[must_use]
pub fn usable(address: &str) -> Option<&str> {
    if address.len() > ADDRESS_MAX_BYTES || address.chars().any(char::is_control) {
        return None;
    }
    let path = ["amqp:", "amqps:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path.strip_prefix('/').unwrap_or(path),
    };
    let name = path.strip_suffix(['.', '/']).unwrap_or(path);
    (!name.is_empty() && !name.starts_with(['$', '_'])).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_addresses_that_are_not_the_routers_own() {
        for (address, name) in [
            ("a/b", Some("a/b")),
            ("amqp://host:5672/a/b/", Some("a/b")),
            ("amqps:/a.", Some("a")),
            ("a//", Some("a/")),
            ("", None),
            ("/", None),
            ("amqp://host", None),
            ("$management", None),
            ("amqp:/_topo/0/r/x", None),
            ("a\u{7f}b", None),
        ] {
            assert_eq!(usable(address), name, "{address:?}");
        }
        let long = "x".repeat(ADDRESS_MAX_BYTES);
        assert_eq!((usable(&long), usable(&(long.clone() + "x"))), (Some(long.as_str()), None));
    }
}
