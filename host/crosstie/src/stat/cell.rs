//! How values look in a table. Source: the reference's `qdstat`.

use std::time::SystemTime;

use serde_amqp::Value;

use super::row::Row;

/// A value as it is. What a peer chose may not reach the terminal as control characters.
pub(super) fn plain(row: &Row, name: &str) -> String {
    match row.get(name) {
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        _ => match (row.text(name), row.number(name)) {
            (Some(text), _) => harmless(text),
            (None, Some(number)) => number.to_string(),
            (None, None) => String::new(),
        },
    }
}

fn harmless(text: &str) -> String {
    text.chars().flat_map(|char| if char.is_control() { char.escape_default().collect() } else { vec![char] }).collect()
}

/// A list of words.
pub(super) fn words(row: &Row, name: &str) -> String {
    let Value::List(items) = row.get(name) else { return String::new() };
    let words = items.iter().filter_map(|item| match item {
        Value::String(word) => Some(harmless(word)),
        _ => None,
    });
    words.collect::<Vec<_>>().join(" ")
}

/// The sum of a map of counts.
pub(super) fn total(row: &Row, name: &str) -> String {
    let Value::Map(counts) = row.get(name) else { return String::new() };
    counts.iter().filter_map(|(_, count)| super::row::whole(count)).sum::<i128>().to_string()
}

/// Seconds as days, hours, minutes and seconds; a dash where there are none.
pub(super) fn days(row: &Row, name: &str) -> String {
    let Some(seconds) = row.number(name) else { return "-".to_owned() };
    let (minutes, hours) = (seconds / 60, seconds / 3_600);
    format!("{:03}:{:02}:{:02}:{:02}", hours / 24, hours % 24, minutes % 60, seconds % 60)
}

/// Days until a moment in seconds since 1970, below nothing once it is over; a dash for none.
pub(super) fn days_left(row: &Row, name: &str) -> String {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| i128::from(since.as_secs()));
    row.number(name).map_or_else(|| "-".to_owned(), |at| (at - now).div_euclid(86_400).to_string())
}

/// Seconds as hours, minutes and seconds; a dash for none.
pub(super) fn hours(row: &Row, name: &str) -> String {
    match row.number(name) {
        Some(seconds) if seconds > 0 => {
            format!("{:02}:{:02}:{:02}", seconds / 3_600, seconds / 60 % 60, seconds % 60)
        }
        _ => "-".to_owned(),
    }
}

/// Bytes in the unit that keeps them below 1,024, with three digits.
pub(super) fn bytes(row: &Row, name: &str) -> String {
    let Some(bytes) = row.number(name) else { return "-".to_owned() };
    let (mut unit, mut scale) = ("B", 1_i128);
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if bytes / scale < 1_024 {
            break;
        }
        (unit, scale) = (larger, scale * 1_024);
    }
    let hundredths = bytes.saturating_mul(100) / scale;
    match hundredths {
        _ if scale == 1 => format!("{bytes} B"),
        0..1_000 => format!("{}.{:02} {unit}", hundredths / 100, hundredths % 100),
        1_000..10_000 => format!("{}.{} {unit}", hundredths / 100, hundredths % 100 / 10),
        _ => format!("{} {unit}", hundredths / 100),
    }
}

/// The sum of two numbers.
pub(super) fn sum(row: &Row, one: &str, other: &str) -> String {
    match (row.number(one), row.number(other)) {
        (Some(one), Some(other)) => one.saturating_add(other).to_string(),
        _ => String::new(),
    }
}

/// What the first character of an address key stands for.
pub(super) fn class(row: &Row, name: &str) -> String {
    let class = match row.text(name).and_then(|key| key.chars().next()) {
        None => "",
        Some('M') => "mobile",
        Some('R') => "router",
        Some('A') => "area",
        Some('L') => "local",
        Some('T') => "topo",
        Some('C' | 'E') => "link-in",
        Some('D' | 'F') => "link-out",
        Some('H') => "edge",
        Some(_) => "unknown",
    };
    class.to_owned()
}

/// The one of two that is there.
pub(super) fn either(row: &Row, one: &str, other: &str) -> String {
    let text = plain(row, one);
    if text.is_empty() { plain(row, other) } else { text }
}

/// The address of a key.
pub(super) fn address(row: &Row, name: &str) -> String {
    let key = row.text(name).unwrap_or_default();
    let mut rest = key.chars();
    if rest.next() == Some('M') {
        rest.next();
    }
    harmless(rest.as_str())
}

/// The phase of a key, where its class has any.
pub(super) fn phase(row: &Row, name: &str) -> String {
    let mut key = row.text(name).unwrap_or_default().chars();
    if key.next() == Some('M') {
        key.next().map(|phase| harmless(&phase.to_string())).unwrap_or_default()
    } else {
        String::new()
    }
}

/// A number from nought on, or a dash.
pub(super) fn priority(row: &Row, name: &str) -> String {
    row.number(name).filter(|number| *number >= 0).map_or_else(|| "-".to_owned(), |number| number.to_string())
}

/// Consumers of an address: connections for link routes, links for all others.
pub(super) fn consumers(row: &Row) -> String {
    let linked = row.text("name").is_some_and(|key| key.starts_with(['C', 'D', 'E', 'F']));
    plain(row, if linked { "containerCount" } else { "subscriberCount" })
}

/// How a connection is protected.
pub(super) fn security(row: &Row) -> String {
    match (row.flag("isEncrypted"), row.text("sasl")) {
        (false, _) => "no-security".to_owned(),
        (true, Some("GSSAPI")) => "Kerberos".to_owned(),
        (true, _) => format!("{}({})", plain(row, "sslProto"), plain(row, "sslCipher")),
    }
}

/// Who is at the other end of a connection, and how that is known.
pub(super) fn authentication(row: &Row) -> String {
    let how = match row.text("sasl") {
        _ if !row.flag("isAuthenticated") => return "no-auth".to_owned(),
        Some("ANONYMOUS") => return "anonymous-user".to_owned(),
        Some("GSSAPI") => "Kerberos".to_owned(),
        Some("EXTERNAL") => "x.509".to_owned(),
        _ => plain(row, "sasl"),
    };
    match row.text("user") {
        Some(user) if !user.is_empty() => format!("{}({how})", harmless(user)),
        _ => how,
    }
}

/// The space of a connection's addresses, without the slash at its end.
pub(super) fn tenant(row: &Row) -> String {
    plain(row, "tenant").trim_end_matches('/').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(pairs: &[(&str, Value)]) -> Row {
        Row::new(pairs.iter().map(|(name, value)| ((*name).to_owned(), value.clone())))
    }

    /// What `qdstat` 1.20 shows for the same values.
    #[test]
    fn cells_look_as_in_the_reference() {
        let row = row(&[
            ("uptime", Value::Uint(90_061)),
            ("blocked", Value::Uint(3_725)),
            ("memory", Value::Ulong(64 << 20)),
            ("small", Value::Ulong(1_536)),
            ("key", Value::from("M1orders.eu")),
            ("local", Value::from("L$management")),
            ("none", Value::Int(-1)),
        ]);
        assert_eq!(days(&row, "uptime"), "001:01:01:01");
        assert_eq!((hours(&row, "blocked"), hours(&row, "absent")), ("01:02:05".into(), "-".into()));
        assert_eq!((bytes(&row, "memory"), bytes(&row, "small")), ("64.0 MiB".into(), "1.50 KiB".into()));
        assert_eq!(
            (class(&row, "key"), address(&row, "key"), phase(&row, "key")),
            ("mobile".into(), "orders.eu".into(), "1".into())
        );
        assert_eq!(
            (class(&row, "local"), address(&row, "local"), phase(&row, "local")),
            ("local".into(), "$management".into(), String::new())
        );
        assert_eq!(priority(&row, "none"), "-");
    }

    #[test]
    fn authentication_says_who_and_how() {
        let of = |authenticated: bool, sasl: &str, user: &str| {
            authentication(&row(&[
                ("isAuthenticated", authenticated.into()),
                ("sasl", Value::from(sasl)),
                ("user", Value::from(user)),
            ]))
        };
        assert_eq!(of(false, "", ""), "no-auth");
        assert_eq!(of(true, "ANONYMOUS", "anonymous"), "anonymous-user");
        assert_eq!(of(true, "PLAIN", "alice"), "alice(PLAIN)");
        assert_eq!(of(true, "EXTERNAL", ""), "x.509");
    }

    #[test]
    fn control_characters_stay_off_the_terminal() {
        let row = row(&[("name", Value::from("a\u{1b}[2Jb"))]);
        assert_eq!(plain(&row, "name"), "a\\u{1b}[2Jb");
    }
}
