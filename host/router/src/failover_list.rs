//! Where peers say that others are: `failover-server-list` in an Open, written for a listener's peers, read from a connector's
//! (source: the reference, 1.3.1), and the redirect in a Close (source: AMQP 1.0 part 2, 2.8.16).

use crosstie_model::settings::{FAILOVER_URLS_MAX, FailoverUrl, Scheme};
use fe2o3_amqp_types::definitions::{ConnectionError, Error, ErrorCondition, Fields};
use serde_amqp::Value;
use serde_amqp::primitives::{OrderedMap, Symbol};

/// The property's name.
pub const NAME: &str = "failover-server-list";

/// Bytes of the longest host that is taken from a peer: that of a DNS name.
const HOST_MAX_BYTES: usize = 255;

/// An item of a peer's list, or where it sends the router.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Advertised {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// As said, or the scheme's default.
    pub port: u16,
    /// Absent: as the connector dials.
    pub scheme: Option<Scheme>,
    /// For our Open's hostname.
    pub hostname: Option<String>,
}

/// What a peer's Open says about other routers or brokers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Advertisement {
    /// Absent: nothing was said, which is not the same as an empty list.
    pub items: Option<Vec<Advertised>>,
    /// Items that were malformed, or too many.
    pub skipped: usize,
}

/// The property's value. Every item says its port; only those that were written with a scheme say it.
#[must_use]
pub fn write(urls: &[FailoverUrl]) -> Value {
    let item = |url: &FailoverUrl| {
        let mut map = OrderedMap::new();
        let mut put = |key: &str, value: String| map.insert(Value::Symbol(Symbol::from(key)), Value::String(value));
        put("network-host", url.host.clone());
        put("port", url.port.to_string());
        if let Some(scheme) = url.scheme {
            put("scheme", scheme.as_str().to_owned());
        }
        Value::Map(map)
    };
    Value::List(urls.iter().map(item).collect())
}

/// Reads the property. What is malformed is skipped, and counted.
#[must_use]
pub fn read(properties: Option<&Fields>) -> Advertisement {
    let Some(value) = properties.and_then(|fields| fields.get(&Symbol::from(NAME))) else {
        return Advertisement::default();
    };
    let list = match value {
        Value::List(list) => list.as_slice(),
        Value::Null => return Advertisement::default(),
        _ => {
            return Advertisement { items: None, skipped: 1 };
        }
    };
    let items = list.iter().take(FAILOVER_URLS_MAX).filter_map(read_item).collect::<Vec<_>>();
    Advertisement { skipped: list.len().saturating_sub(items.len()), items: Some(items) }
}

/// Where a peer's error sends the router; `None`: nowhere, or it does not say where.
#[must_use]
pub fn read_redirect(error: &Error) -> Option<Advertised> {
    let redirects = matches!(error.condition, ErrorCondition::ConnectionError(ConnectionError::Redirect));
    let info = error.info.as_deref().filter(|_| redirects)?;
    read_fields(|name| info.get(&Symbol::from(name)))
}

fn read_item(item: &Value) -> Option<Advertised> {
    let Value::Map(map) = item else { return None };
    read_fields(|name| map.get(&Value::Symbol(Symbol::from(name))).or_else(|| map.get(&Value::String(name.to_owned()))))
}

fn read_fields<'a>(field: impl Fn(&str) -> Option<&'a Value>) -> Option<Advertised> {
    let field = |name: &str| field(name).filter(|value| **value != Value::Null);
    let text = |name| match field(name) {
        Some(value) => read_text(value).map(Some).ok_or(()),
        None => Ok(None),
    };
    let host = text("network-host").ok()??;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    let scheme = match text("scheme").ok()? {
        Some(word) => Some(Scheme::parse(word)?),
        None => None,
    };
    let port = match field("port") {
        Some(value) => read_port(value)?,
        None => scheme.unwrap_or(Scheme::Amqp).default_port(),
    };
    Some(Advertised { host: host.to_owned(), port, scheme, hostname: text("hostname").ok()?.map(str::to_owned) })
}

fn read_text(value: &Value) -> Option<&str> {
    let text = match value {
        Value::String(text) => text.as_str(),
        Value::Symbol(text) => text.as_str(),
        _ => return None,
    };
    let sound = !text.is_empty() && text.len() <= HOST_MAX_BYTES && text.chars().all(|c| c.is_ascii_graphic());
    sound.then_some(text)
}

fn read_port(value: &Value) -> Option<u16> {
    let port = match value {
        Value::String(_) | Value::Symbol(_) => read_text(value)?.parse().ok(),
        Value::Ubyte(port) => Some(u16::from(*port)),
        Value::Ushort(port) => Some(*port),
        Value::Uint(port) => u16::try_from(*port).ok(),
        Value::Ulong(port) => u16::try_from(*port).ok(),
        Value::Byte(port) => u16::try_from(*port).ok(),
        Value::Short(port) => u16::try_from(*port).ok(),
        Value::Int(port) => u16::try_from(*port).ok(),
        Value::Long(port) => u16::try_from(*port).ok(),
        _ => None,
    };
    port.filter(|port| *port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn properties(value: Value) -> Fields {
        let mut fields = Fields::new();
        fields.insert(Symbol::from(NAME), value);
        fields
    }

    #[test]
    fn what_is_written_is_read() {
        let urls = [
            FailoverUrl { scheme: None, host: "one".to_owned(), port: 21003 },
            FailoverUrl { scheme: Some(Scheme::Amqps), host: "2001:db8::1".to_owned(), port: 5671 },
        ];
        let read = read(Some(&properties(write(&urls))));
        let items = read.items.unwrap();
        assert_eq!((items[0].host.as_str(), items[0].port, items[0].scheme), ("one", 21003, None));
        assert_eq!(
            (items[1].host.as_str(), items[1].port, items[1].scheme),
            ("2001:db8::1", 5671, Some(Scheme::Amqps))
        );
        assert_eq!(read.skipped, 0);
    }

    #[test]
    fn what_is_malformed_is_skipped() {
        let item = |pairs: &[(&str, Value)]| {
            Value::Map(pairs.iter().map(|(key, value)| (Value::Symbol(Symbol::from(*key)), value.clone())).collect())
        };
        let text = |text: &str| Value::String(text.to_owned());
        let list = Value::List(vec![
            Value::Uint(1),
            item(&[("port", text("5672"))]),
            item(&[("network-host", Value::Null)]),
            item(&[("network-host", text("a b"))]),
            item(&[("network-host", text("a")), ("port", text("many"))]),
            item(&[("network-host", text("a")), ("scheme", text("http"))]),
            item(&[("network-host", text("good")), ("port", Value::Int(7)), ("more", Value::Bool(true))]),
            item(&[("network-host", text("[::1]")), ("scheme", text("ws"))]),
        ]);
        let read = read(Some(&properties(list)));
        let found = read.items.unwrap().into_iter().map(|item| (item.host, item.port)).collect::<Vec<_>>();
        assert_eq!(found, [("good".to_owned(), 7), ("::1".to_owned(), 80)]);
        assert_eq!(read.skipped, 6);
    }

    #[test]
    fn a_redirect_says_where_to() {
        let text = |text: &str| Value::String(text.to_owned());
        let error = |condition: ConnectionError, pairs: &[(&str, Value)]| {
            let info: Fields = pairs.iter().map(|(key, value)| (Symbol::from(*key), value.clone())).collect();
            Error { condition: condition.into(), description: None, info: Some(Box::new(info)) }
        };
        let place = [("network-host", text("10.0.0.1")), ("port", Value::Ushort(20)), ("hostname", text("b.example"))];
        let found = read_redirect(&error(ConnectionError::Redirect, &place)).unwrap();
        let wanted =
            Advertised { host: "10.0.0.1".to_owned(), port: 20, scheme: None, hostname: Some("b.example".to_owned()) };
        assert_eq!(found, wanted);
        assert_eq!(read_redirect(&error(ConnectionError::ConnectionForced, &place)), None);
        for broken in
            [&place[1..], &[("network-host", text("a b"))], &[("network-host", text("a")), ("port", Value::Uint(0))]]
        {
            assert_eq!(read_redirect(&error(ConnectionError::Redirect, broken)), None, "{broken:?}");
        }
        assert_eq!(read_redirect(&Error::new(ConnectionError::Redirect, None, None)), None);
    }

    #[test]
    fn an_absent_list_is_not_an_empty_one() {
        assert_eq!(read(None).items, None);
        assert_eq!(read(Some(&properties(Value::List(Vec::new())))).items, Some(Vec::new()));
        assert_eq!(read(Some(&properties(Value::Bool(true)))), Advertisement { items: None, skipped: 1 });
    }
}
