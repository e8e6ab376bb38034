//! What a router explains, in words.

use serde_json::Value;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// What EXPLAIN answered, for people.
pub(super) fn told(found: &Value) -> String {
    let mut lines = Lines::default();
    match text(found, "what") {
        "connection" => connection(found, &mut lines),
        "link" => links(found, &mut lines),
        _ => address(found, &mut lines),
    }
    lines.0
}

#[derive(Default)]
struct Lines(String);

impl Lines {
    /// What a router says is not to move the cursor.
    fn add(&mut self, line: &str) {
        self.0.push_str(&line.replace(char::is_control, "\u{fffd}"));
        self.0.push('\n');
    }
}

fn text<'v>(of: &'v Value, key: &str) -> &'v str {
    of[key].as_str().unwrap_or_default()
}

fn items<'v>(of: &'v Value, key: &str) -> &'v [Value] {
    of[key].as_array().map_or(&[], Vec::as_slice)
}

/// `host, container-id "c", user "u"`, as far as it is known.
fn who(of: &Value) -> String {
    let mut who = text(of, "host").to_owned();
    for (word, key) in [("container-id", "container"), ("user", "user")] {
        if let Some(known) = of[key].as_str().filter(|known| !known.is_empty()) {
            who.push_str(&format!(", {word} {known:?}"));
        }
    }
    who
}

fn connection(found: &Value, lines: &mut Lines) {
    let id = text(found, "identity");
    let open = &found["open"];
    let is_refused = items(found, "refusals").iter().any(|refused| text(refused, "what") == "connection");
    if open.is_null() {
        lines.add(&format!("connection {id} is not open"));
    } else if is_refused {
        lines.add(&format!("connection {id} is refused, and not gone yet: {}", who(open)));
    } else {
        let (way, owner) =
            if text(open, "dir") == "in" { ("listener", "came in by") } else { ("connector", "was dialled by") };
        lines.add(&format!("connection {id} is open: {}", who(open)));
        let tenant =
            open["tenant"].as_str().map_or(String::new(), |tenant| format!("; its addresses begin with {tenant:?}"));
        lines.add(&format!("  it {owner} {way} {:?}{tenant}", text(open, "owner")));
        let asked = "plugins let it in:";
        let nobody = if way == "listener" {
            "no plugin was asked about it: the router let it in"
        } else {
            "no plugin is asked about connections that the router dials"
        };
        decisions(open, (asked, nobody), lines);
        not_asked(found, lines);
    }
    if !items(found, "links").is_empty() {
        lines.add("links of it that plugins were asked about:");
        items(found, "links").iter().for_each(|found| link(found, "  ", lines));
    }
    refusals(found, "refused of it:", lines);
}

/// Each decision on a line.
fn decisions(of: &Value, (heading, nobody): (&str, &str), lines: &mut Lines) {
    let steps = items(of, "decisions");
    lines.add(&format!("  {}", if steps.is_empty() { nobody } else { heading }));
    steps.iter().for_each(|found| lines.add(&format!("    {}", step(found))));
}

/// `plugin "p" (hook link): allow; note "rule 2"; sessions=2 [sequence 7, 2026-11-26T15:00:00Z]`
fn step(of: &Value) -> String {
    let said = text(of, "said");
    let note = of["note"].as_str().map_or(String::new(), |note| format!("; note {note:?}"));
    let effect = of["effect"].as_str().map_or(String::new(), |effect| format!("; {effect}"));
    let (plugin, hook) = (text(of, "plugin"), text(of, "hook"));
    let (sequence, at) = (&of["sequence"], time(&of["atMs"]));
    format!("plugin {plugin:?} (hook {hook}): {said}{note}{effect} [sequence {sequence}, {at}]")
}

/// Plugins whose `only` leaves this one out.
fn not_asked(found: &Value, lines: &mut Lines) {
    let left: Vec<_> =
        items(found, "plugins").iter().filter(|plugin| plugin["isAsked"] == Value::Bool(false)).collect();
    for plugin in left {
        lines.add(&format!("    plugin {:?} is not asked about it{}", text(plugin, "name"), only(plugin)));
    }
}

fn only(plugin: &Value) -> String {
    let names = |key: &str, word: &str| {
        let names = items(plugin, key).iter().filter_map(Value::as_str);
        names.map(|name| format!("only {word}={name:?}")).collect::<Vec<_>>()
    };
    let mut all = names("onlyListeners", "listener");
    all.extend(names("onlyConnectors", "connector"));
    if all.is_empty() { String::new() } else { format!(": {}", all.join(", ")) }
}

fn refusals(found: &Value, heading: &str, lines: &mut Lines) {
    let refusals = items(found, "refusals");
    if !refusals.is_empty() {
        lines.add(heading);
    }
    for refused in refusals {
        let link = refused["link"].as_str().map_or(String::new(), |name| format!(" {name:?}"));
        let address = refused["address"].as_str().map_or(String::new(), |name| format!(", address {name:?}"));
        let what = match text(refused, "what") {
            "address" if link.is_empty() => "an address".to_owned(),
            "address" => format!("link{link}"),
            what => format!("{what}{link}"),
        };
        let (id, at) = (text(refused, "connection"), time(&refused["atMs"]));
        lines.add(&format!("  {at} {what}{address}, of connection {id} ({})", who(refused)));
        lines.add(&format!("    told {}: {}", text(refused, "condition"), text(refused, "description")));
        if items(refused, "decisions").is_empty() {
            lines.add("    the router itself refused it: no plugin was asked");
        }
        items(refused, "decisions").iter().for_each(|found| lines.add(&format!("    {}", step(found))));
    }
}

/// The address of a key: behind the class, and of `M` the phase.
fn address_of(key: &str) -> String {
    let rest = |from| key.get(from..).unwrap_or_default();
    match key.as_bytes() {
        [b'M', phase, ..] => format!("{:?} in phase {}", rest(2), char::from(*phase)),
        _ => format!("{:?}", rest(1)),
    }
}

fn link(found: &Value, indent: &str, lines: &mut Lines) {
    let (verb, way) = if text(found, "dir") == "in" { ("sends", "to") } else { ("receives", "from") };
    let leads = found["owningAddr"].as_str();
    let leads =
        leads.map_or("each message says where to".to_owned(), |key| format!("it leads {way} {}", address_of(key)));
    let (id, name) = (text(found, "identity"), text(found, "name"));
    lines.add(&format!("{indent}link {id} {name:?}, on which the peer {verb}: {leads}"));
    items(found, "decisions").iter().for_each(|found| lines.add(&format!("{indent}  {}", step(found))));
}

fn links(found: &Value, lines: &mut Lines) {
    for one in items(found, "links") {
        link(one, "", lines);
        let connection = &one["connection"];
        lines.add(&format!("  it is of connection {} ({})", text(connection, "identity"), who(connection)));
        if items(one, "decisions").is_empty() {
            lines.add("  no plugin was asked about it: the router let it in");
        }
        not_asked(one, lines);
    }
    if items(found, "links").is_empty() {
        lines.add(&format!("no link {:?} is attached", text(found, "given")));
    }
    refusals(found, "refused lately:", lines);
}

fn address(found: &Value, lines: &mut Lines) {
    let name = text(found, "address");
    lines.add(&format!("address {name:?}"));
    if let Some(tenant) = found["tenant"].as_str() {
        lines.add(&format!("  tenant: its peer's names have {tenant:?} in front"));
    } else {
        for listener in items(found, "multiTenant").iter().filter_map(Value::as_str) {
            lines.add(&format!("  tenant: none; to peers of the multi-tenant listener {listener:?} it is another address, HOSTNAME/{name}"));
        }
    }
    if found["reserved"] == Value::Bool(true) {
        lines.add("  it is the router's own: neither rules nor plugins decide about it");
        return;
    }
    let rule = &found["rule"];
    if rule.is_null() {
        lines.add(&format!("  rule: none covers it; by default it is {}", text(found, "distribution")));
    } else {
        lines.add(&format!("  rule: `address` {}: {}", covers(rule), text(rule, "distribution")));
    }
    for way in items(found, "ways") {
        let word = if text(way, "direction") == "in" { "peers that send" } else { "peers that receive" };
        let routes = items(way, "linkRoutes");
        if routes.is_empty() {
            lines.add(&format!("  {word}: phase {}, no link route", way["phase"]));
        }
        for route in routes {
            let to = match (route["connection"].as_str(), route["container"].as_str()) {
                (Some(name), _) => format!("connection {name:?}"),
                (None, Some(id)) => format!("container {id:?}"),
                (None, None) => "nobody".to_owned(),
            };
            let now = if route["active"] == Value::Bool(true) {
                "which is there"
            } else {
                "which is NOT there now: links are refused"
            };
            lines.add(&format!("  {word}: by `link-route` {} to {to}, {now}", covers(route)));
        }
    }
    in_use(found, lines);
    plugins(found, lines);
    refusals(found, "refused lately:", lines);
}

fn covers(of: &Value) -> String {
    let name = of["name"].as_str().map_or(String::new(), |name| format!(" ({name})"));
    match (of["prefix"].as_str(), of["pattern"].as_str()) {
        (Some(prefix), _) => format!("prefix {prefix:?}{name}"),
        (None, pattern) => format!("pattern {:?}{name}", pattern.unwrap_or_default()),
    }
}

fn in_use(found: &Value, lines: &mut Lines) {
    if items(found, "inUse").is_empty() {
        lines.add("  now: nobody uses it");
    }
    for used in items(found, "inUse") {
        let consumers = used["consumers"].as_u64().unwrap_or(0);
        let noun = if consumers == 1 { "consumer" } else { "consumers" };
        lines.add(&format!("  now: {} in phase {}, {consumers} {noun}", text(used, "distribution"), used["phase"]));
    }
}

fn plugins(found: &Value, lines: &mut Lines) {
    let asked: Vec<_> =
        items(found, "plugins").iter().filter(|plugin| plugin["isAsked"] != Value::Bool(false)).collect();
    if asked.is_empty() {
        lines.add("  plugins: none is asked about it");
    } else {
        lines.add("  plugins, the first that has an opinion decides:");
    }
    for plugin in asked {
        let state = text(plugin, "state");
        let state = if state == "active" { String::new() } else { format!(" ({state})") };
        lines.add(&format!("    plugin {:?}{state}{}", text(plugin, "name"), only(plugin)));
    }
    not_asked(found, lines);
    if !items(found, "links").is_empty() {
        lines.add("links that lead there, and what plugins said when they were attached:");
        items(found, "links").iter().for_each(|found| link(found, "  ", lines));
    }
}

/// RFC 3339, in seconds.
fn time(ms: &Value) -> String {
    let seconds = i64::try_from(ms.as_u64().unwrap_or(0) / 1000).unwrap_or(i64::MAX);
    let at = OffsetDateTime::from_unix_timestamp(seconds).ok();
    at.and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_else(|| format!("second {seconds}"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_refusal_is_told_with_plugin_note_and_sequence() {
        let decision = json!({ "hook": "link", "plugin": "p", "said": "deny", "note": "rule 9", "effect": "amqp:not-allowed: no\n",
            "sequence": 7, "atMs": 1_000 });
        let refused = json!({ "what": "link", "connection": "3", "host": "h:1", "container": "c", "link": "l", "address": "q",
            "atMs": 1_000, "condition": "amqp:not-allowed", "description": "no\n", "decisions": [decision] });
        let found = json!({ "what": "link", "given": "l", "links": [], "refusals": [refused] });
        let text = told(&found);
        for part in [
            "no link \"l\" is attached\n",
            "1970-01-01T00:00:01Z link \"l\", address \"q\", of connection 3 (h:1, container-id \"c\")\n",
            "told amqp:not-allowed: no\u{fffd}\n",
            "plugin \"p\" (hook link): deny; note \"rule 9\"; amqp:not-allowed: no\u{fffd} [sequence 7, 1970-01-01T00:00:01Z]\n",
        ] {
            assert!(text.contains(part), "{part:?} in {text}");
        }
    }
}
