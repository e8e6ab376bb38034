//! Names of addresses: the one form of the many in which peers write them. Source: the reference, 1.7.

/// Bytes of the longest address that a peer or a plugin may name.
pub const ADDRESS_MAX_BYTES: usize = 2048;

/// Brings the forms of an address together: without scheme and host, without a leading `/` and one trailing
/// `.` or `/`.
#[must_use]
pub fn normalise(address: &str) -> &str {
    let path = ["amqp:", "amqps:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address);
    let path = match path.strip_prefix("//") {
        Some(rest) => rest.split_once('/').map_or("", |(_, path)| path),
        None => path.strip_prefix('/').unwrap_or(path),
    };
    path.strip_suffix(['.', '/']).unwrap_or(path)
}

/// Whether a name in its one form is the router's own: it begins with `$` or `_`.
#[must_use]
pub fn is_reserved(name: &str) -> bool {
    name.starts_with(['$', '_'])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_of_an_address_come_together() {
        for form in ["a/b", "/a/b", "a/b/", "a/b.", "amqp://host:5672/a/b", "amqps://host/a/b", "amqp:/a/b", "amqp:a/b"]
        {
            assert_eq!(normalise(form), "a/b", "{form}");
        }
    }
}
