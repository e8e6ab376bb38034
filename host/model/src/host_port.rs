//! Host and port as one text.

/// As they are written, an IPv6 address in brackets.
#[must_use]
pub fn host_port(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_is_in_brackets() {
        for (host, text) in [("h", "h:5672"), ("127.0.0.1", "127.0.0.1:5672"), ("::1", "[::1]:5672")] {
            assert_eq!(host_port(host, 5672), text);
        }
    }
}
