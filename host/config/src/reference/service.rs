//! Services: the names that a machine has for ports.

use std::path::Path;

use crate::include;

/// Where a machine keeps them.
const SERVICES: &str = "/etc/services";

/// The TCP port of a service that this machine knows.
pub(super) fn port(name: &str) -> Option<u16> {
    find(&include::read(Path::new(SERVICES)).ok()?, name)
}

/// The TCP port of a service in a text of lines `name port/protocol alias … # comment`.
fn find(services: &str, name: &str) -> Option<u16> {
    services.lines().find_map(|line| {
        let mut words = line.split('#').next().unwrap_or("").split_whitespace();
        let (first, port) = (words.next()?, words.next()?.strip_suffix("/tcp")?);
        let is_it = first == name || words.any(|alias| alias == name);
        is_it.then(|| port.parse().ok()).flatten()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn services_are_found_by_name_and_alias() {
        let services = "# first\nssh\t\t22/tcp\t# Secure Shell, or shell\ntftp 69/udp\n\nhttp-alt 8080/tcp webcache\n                        broken\nodd port/tcp\n";
        assert_eq!(find(services, "ssh"), Some(22));
        assert_eq!(find(services, "http-alt"), Some(8080));
        assert_eq!(find(services, "webcache"), Some(8080));
        for name in ["shell", "tftp", "broken", "odd", "", "#", "22/tcp"] {
            assert_eq!(find(services, name), None, "{name}");
        }
    }
}
