//! Endpoints: `[(amqp|amqps|ws|wss)://](HOST|IP)[:port]`.

use std::net::{Ipv4Addr, Ipv6Addr};

use crosstie_model::host_port;
use crosstie_model::settings::Scheme;

use crate::block::Text;
use crate::loading::{Fault, Loading};

/// What a URL says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Url {
    pub(crate) scheme: Option<Scheme>,
    /// IPv6 without brackets.
    pub(crate) host: String,
    pub(crate) port: u16,
}

/// What stands before an `@` may be a password.
const USER: &str = "a user or a password has no place here";

/// That a text is no URL or no host, and why. A password in it is not shown.
pub(crate) fn fault(loading: &Loading<'_>, text: Text<'_>, (message, why, hint): (&str, String, &str)) -> Fault {
    let fault = Fault::at(text.at, message).label(why);
    if text.text.contains('@') {
        let (user, password) = (loading.word("sasl-username"), loading.word("sasl-password"));
        fault
            .secret()
            .hint(format!("a connector has `{user}` and `{password}` for them; here stand host and port alone"))
    } else {
        fault.hint(hint)
    }
}

/// Reads a URL.
///
/// # Errors
///
/// What is wrong with it, as a person reads it.
pub(crate) fn parse(text: &str) -> Result<Url, String> {
    parse_as(text, Scheme::Amqp)
}

/// The same, where a URL without a scheme stands for one.
///
/// # Errors
///
/// As [`parse`].
pub(crate) fn parse_as(text: &str, default: Scheme) -> Result<Url, String> {
    if text.contains('@') {
        return Err(USER.to_owned());
    }
    let (scheme, rest) = match text.split_once("://") {
        Some((word, rest)) => {
            let scheme = Scheme::parse(word)
                .ok_or_else(|| format!("unknown scheme `{word}`: it is `amqp`, `amqps`, `ws` or `wss`"))?;
            (Some(scheme), rest)
        }
        None => (None, text),
    };
    let (host, port) = if let Some(bracketed) = rest.strip_prefix('[') {
        let (host, tail) = bracketed.split_once(']').ok_or("`[` without `]`")?;
        host.parse::<Ipv6Addr>().map_err(|_| format!("`{host}` is not an IPv6 address"))?;
        let port = match tail.strip_prefix(':') {
            Some(port) => Some(port),
            None if tail.is_empty() => None,
            None => return Err("after `]` comes `:port` or nothing".to_owned()),
        };
        (host.to_owned(), port)
    } else {
        if rest.parse::<Ipv6Addr>().is_ok() {
            return Err("an IPv6 address stands in brackets: `[2001:db8::7]:5672`".to_owned());
        }
        match rest.split_once(':') {
            Some((host, port)) => (host.to_owned(), Some(port)),
            None => (rest.to_owned(), None),
        }
    };
    if !host.contains(':') {
        check_host(&host)?;
    }
    let port = match port {
        Some(text) => port_number(text)?,
        None => scheme.unwrap_or(default).default_port(),
    };
    Ok(Url { scheme, host, port })
}

/// A host name or an address, without a port.
pub(crate) fn check_host(host: &str) -> Result<(), String> {
    if host.contains('@') {
        return Err(USER.to_owned());
    }
    if host.is_empty() {
        return Err("the host is missing".to_owned());
    }
    if host.len() > 253 {
        return Err("a host name has at most 253 characters".to_owned());
    }
    let digits = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit());
    if host.split('.').count() == 4 && host.split('.').all(digits) && host.parse::<Ipv4Addr>().is_err() {
        return Err("an IPv4 address is four numbers from 0 to 255".to_owned());
    }
    let allowed = |c: char| c.is_alphanumeric() || matches!(c, '-' | '.' | '_');
    match host.chars().find(|c| !allowed(*c)) {
        Some('/') => Err("a path has no place here".to_owned()),
        Some(found) => Err(format!("`{}` has no place in a host name", found.escape_default())),
        None => Ok(()),
    }
}

/// A URL as the configuration writes it.
pub(crate) fn show(scheme: Option<Scheme>, host: &str, port: u16) -> String {
    let scheme = scheme.map_or(String::new(), |scheme| format!("{}://", scheme.as_str()));
    scheme + &host_port(host, port)
}

fn port_number(text: &str) -> Result<u16, String> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let port = text.parse::<u16>().ok().filter(|port| digits && *port > 0);
    port.ok_or_else(|| format!("`{text}` is not a port: it is a number from 1 to 65535"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(scheme: Option<Scheme>, host: &str, port: u16) -> Url {
        Url { scheme, host: host.to_owned(), port }
    }

    #[test]
    fn ports_default_by_scheme() {
        assert_eq!(parse("tertiary.example.com"), Ok(url(None, "tertiary.example.com", 5672)));
        assert_eq!(parse("amqp://a"), Ok(url(Some(Scheme::Amqp), "a", 5672)));
        assert_eq!(parse("amqps://a:20000"), Ok(url(Some(Scheme::Amqps), "a", 20_000)));
        assert_eq!(parse("amqps://a"), Ok(url(Some(Scheme::Amqps), "a", 5671)));
        assert_eq!(parse("AMQPs://a"), Ok(url(Some(Scheme::Amqps), "a", 5671)));
        assert_eq!(parse("ws://a"), Ok(url(Some(Scheme::Ws), "a", 80)));
        assert_eq!(parse("wss://a"), Ok(url(Some(Scheme::Wss), "a", 443)));
        assert_eq!(parse("amqp://[2001:db8::7]"), Ok(url(Some(Scheme::Amqp), "2001:db8::7", 5672)));
        assert_eq!(parse("[::1]:1"), Ok(url(None, "::1", 1)));
    }

    #[test]
    fn what_is_no_endpoint_is_refused() {
        for text in [
            "",
            ":5672",
            "a:",
            "a:0",
            "a:65536",
            "a:+1",
            "http://a",
            "2001:db8::7",
            "[::1",
            "[x]",
            "a b",
            "a/b",
            "u@a",
            "999.1.1.1",
        ] {
            assert!(parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn what_is_shown_is_read_back() {
        for text in ["a:1", "amqps://[::1]:5671", "wss://b:443"] {
            let read = parse(text).unwrap();
            assert_eq!(show(read.scheme, &read.host, read.port), text);
        }
    }
}
