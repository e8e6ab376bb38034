//! Import: a file of the reference as KDL, with its comments and a flag at each difference.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_config::reference::{self, AttributeValue, Form, Import, import_text};
use crosstie_config::{Loaded, load_text};
use crosstie_model::settings::{ContainerRef, Covers, PropertyValue};

const CONF: &str = include_str!("data/qdrouterd.conf");
const COMMENTED: &str = include_str!("data/commented.conf");
const COMMENTED_KDL: &str = include_str!("data/commented.kdl");
const JSON: &str = include_str!("data/qdrouterd.json");

fn import(text: &str, form: Form) -> Import {
    import_text("qdrouterd.conf", text, form).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn the_kdl_means_what_the_file_means() {
    for (text, form) in [(CONF, Form::Text), (JSON, Form::Json)] {
        let wanted = reference::load_text("qdrouterd.conf", text, form).unwrap_or_else(|problems| panic!("{problems}"));
        let kdl = import(text, form).kdl;
        let written = load_text("crosstie.kdl", &kdl).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(format!("{:#?}", written.settings), format!("{:#?}", wanted.settings));
    }
}

#[test]
fn no_comment_is_lost() {
    for (text, form) in [(CONF, Form::Text), (JSON, Form::Json)] {
        let kdl = import(text, form).kdl;
        let comments = text.lines().filter_map(|line| line.rsplit_once("# ")).map(|(_, comment)| comment);
        for comment in comments.filter(|comment| !comment.contains('"')) {
            assert!(kdl.contains(&format!("// {comment}\n")), "`{comment}` is missing in\n{kdl}");
        }
    }
}

#[test]
fn comments_and_flags_stand_where_they_belong() {
    let imported = import(COMMENTED, Form::Text);
    assert_eq!(imported.kdl, COMMENTED_KDL);
    assert_eq!(imported.flags.iter().filter_map(|flag| flag.position()).map(|(line, _)| line).min(), Some(4));
    assert!(!imported.flags.render(false).contains("geheim"), "a secret is never shown");
}

#[test]
fn resumable_link_routes_are_imported() {
    for (written, allowed) in [("no", false), ("yes", true)] {
        let imported = import(&format!("router {{\n id: a\n allowResumableLinkRoute: {written}\n}}\n"), Form::Text);
        let flags = imported.flags.render(false);
        assert!(!flags.contains("allowResumable"), "{flags}");
        assert!(imported.kdl.contains(&format!("allow-resumable-link-route #{allowed}\n")), "{}", imported.kdl);
        let loaded = load_text("crosstie.kdl", &imported.kdl).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(loaded.settings.router.allow_resumable_link_route, allowed);
    }
}

#[test]
fn link_routes_that_lead_nowhere_refuse() {
    let route = |more: &str| format!("linkRoute {{\n direction: in\n{more}\n}}\n");
    let routes =
        [route(" prefix: one"), route(" pattern: two.#\n connection: gone"), route(" prefix: two\n connection: too")];
    let text = format!("listener {{\n port: 1\n}}\n{}", routes.concat());
    let loaded = reference::load_text("qdrouterd.conf", &text, Form::Text).unwrap_or_else(|found| panic!("{found}"));
    assert_eq!(loaded.settings.link_routes.first().unwrap().container, ContainerRef::Nobody);
    let warned = loaded.warnings.render(false);
    assert!(warned.contains("leads nowhere") && warned.contains("is refused, as in the reference"), "{warned}");
    let Import { kdl, flags } = import(&text, Form::Text);
    let loaded = load_text("crosstie.kdl", &kdl).unwrap_or_else(|problems| panic!("{problems}"));
    let containers: Vec<_> = loaded.settings.link_routes.iter().map(|route| &route.container).collect();
    assert_eq!(containers, [&ContainerRef::Nobody; 3], "{kdl}");
    assert_eq!(kdl.matches("distribution \"unavailable\"").count(), 3, "{kdl}");
    assert_eq!(flags.render(false).matches("whoever attaches to its addresses is refused").count(), 3);
}

#[test]
fn what_would_open_a_door_is_no_flag() {
    for (text, line, hint) in [
        ("policy {\n enableVhostPolicy: yes\n}\n", 2, "does not serve"),
        ("policy {\n}\nvhost {\n id: x\n}\n", 3, "does not serve"),
        ("router {\n saslConfigDir: /etc/sasl2\n}\nlistener {\n saslMechanisms: ANONYMOUS PLAIN\n}\n", 2, "`user`"),
        ("listener {\n authenticatePeer: yes\n saslMechanisms: PLAIN\n}\n", 3, "`user`"),
        ("listener {\n authenticatePeer: yes\n}\n", 2, "`user`"),
        ("router {\n saslConfigDir: /etc/sasl2\n}\nlistener {\n}\n", 2, "`user`"),
        ("policy {\n enableVhostPolicy: yes\n}\nlistener {\n policyVhost: x\n}\n", 2, "does not serve"),
    ] {
        let problems = import_text("qdrouterd.conf", text, Form::Text).err().unwrap_or_else(|| panic!("{text}"));
        let found = problems.iter().find(|problem| problem.position().is_some_and(|(at, _)| at == line));
        let found = found.unwrap_or_else(|| panic!("{problems}")).to_string();
        assert!(found.contains(hint), "{found}");
    }
    // nobody comes in by a password here
    let text = "router {\n id: a\n saslConfigDir: /etc/sasl2\n}\nlistener {\n port: 0\n saslMechanisms: ANONYMOUS\n}\n";
    assert!(import(text, Form::Text).kdl.contains("    // import, line 3: `saslConfigDir` has no effect"));
}

/// The reference logs what names its addresses twice, and goes on; it carries links once, whoever says so again.
#[test]
fn what_the_reference_ignores_is_left_out() {
    let route = |more: &str| format!("linkRoute {{\n direction: in\n connection: b\n{more}\n}}\n");
    let text = [
        "router {\n id: a\n}\nconnector {\n name: b\n port: 1\n role: route-container\n}\n",
        "address {\n prefix: one\n pattern: two\n}\n",
        "address {\n prefix: three\n}\n",
        &route(" prefix: four\n pattern: five"),
        &route(" prefix: six"),
        &route(" pattern: six.#\n name: again\n addExternalPrefix: x."),
        "linkRoute {\n direction: out\n connection: b\n prefix: six\n}\n",
        "linkRoute {\n direction: in\n containerId: b\n prefix: six\n}\n",
    ];
    let Import { kdl, flags } = import(&text.concat(), Form::Text);
    let loaded = load_text("crosstie.kdl", &kdl).unwrap_or_else(|problems| panic!("{problems}"));
    let prefix =
        |covers: &Covers| matches!(covers, Covers::Prefix(prefix) if ["three", "six"].contains(&prefix.as_str()));
    let (addresses, routes) = (&loaded.settings.addresses, &loaded.settings.link_routes);
    assert!(addresses.len() == 1 && addresses.iter().all(|rule| prefix(&rule.covers)), "{addresses:?}");
    assert!(routes.len() == 3 && routes.iter().all(|route| prefix(&route.covers)), "{routes:?}");
    assert!(routes.iter().all(|route| route.add_external_prefix.is_none()), "{routes:?}");
    for (line, flag) in [
        (9, "address with `prefix` and `pattern` has no effect: left out"),
        (16, "linkRoute with `prefix` and `pattern` has no effect: left out"),
        (27, "a second linkRoute for the same links has no effect"),
    ] {
        let found = flags.iter().any(|at| at.position().is_some_and(|(at, _)| at == line));
        assert!(found && kdl.contains(&format!("// import, line {line}: {flag}")), "{kdl}");
    }
}

/// What is asked for must be clear: nobody reads a log then.
#[test]
fn management_refuses_addresses_that_are_named_twice() {
    let text = |name: &str, text: &str| (name.to_owned(), AttributeValue::Text(text.to_owned()));
    let both = [text("prefix", "one"), text("pattern", "two")];
    assert_eq!(reference::address(&both).unwrap_err(), "pattern: `pattern` beside `prefix`");
    let route = [&both[..], &[text("direction", "in"), text("connection", "b")]].concat();
    assert_eq!(reference::link_route(&route).unwrap_err(), "pattern: `pattern` beside `prefix`");
}

/// The reference copies seven letters of a `uidFormat`, and so names its users.
#[test]
fn a_user_has_the_name_that_the_reference_gives() {
    let profile = |format: &str| {
        let text = format!("router {{\n id: a\n}}\nsslProfile {{\n name: t\n uidFormat: {format}\n}}\n");
        let Import { kdl, flags } = import(&text, Form::Text);
        (
            kdl.lines().find(|line| line.contains("user-name")).unwrap_or_default().replace('"', "").trim().to_owned(),
            flags.render(false),
        )
    };
    let (name, flags) = profile("cslounn15");
    assert_eq!(name, "user-name country state locality organization unit common-name common-name");
    assert!(flags.contains("the reference reads 7 letters, and here `15` is left out"), "{flags}");
    assert!(flags.contains("`common-name` stands twice in the name of a user"), "{flags}");
    let (name, flags) = profile("cslou5n");
    assert_eq!(name, "user-name country state locality organization unit sha512 common-name");
    assert!(!flags.contains("letters") && !flags.contains("twice"), "{flags}");
}

/// All nine parts make a name; a part that stands twice is a slip, and makes one nevertheless.
#[test]
fn a_user_name_of_kdl_has_as_many_parts_as_there_are() {
    let parts = "country state locality organization unit common-name sha1 sha256 sha512";
    let load = |parts: &str| {
        let text = format!("listener \"a\" {{ port 0; }}\ntls \"t\" {{ ca \"system\"; user-name {parts}; }}\n");
        let loaded = load_text("crosstie.kdl", &text).unwrap_or_else(|problems| panic!("{problems}"));
        (loaded.settings.tls[0].user_name.len(), loaded.warnings.render(false))
    };
    let (count, warnings) = load(parts);
    assert_eq!(count, 9);
    assert!(!warnings.contains("twice"), "{warnings}");
    let (count, warnings) = load("unit unit");
    assert_eq!(count, 2);
    assert!(warnings.contains("`unit` stands twice in the name of a user"), "{warnings}");
}

#[test]
fn a_mark_before_the_text_is_none_of_it() {
    let marked = import("\u{feff}# first\nrouter {\n id: a\n}\nlistener {\n port: 0\n}\n", Form::Text);
    assert!(marked.kdl.contains("\n// first\nrouter \"a\"\n"), "{}", marked.kdl);
    assert!(
        !import("\u{feff}[[\"router\", {\"id\": \"a\"}], [\"listener\", {\"port\": 0}]]", Form::Json).kdl.is_empty()
    );
}

#[test]
fn what_waits_for_a_connection_is_left_out_or_refuses() {
    let text = "router {\n id: a\n}\nautoLink {\n address: q\n direction: in\n connection: later\n}\n\
                linkRoute {\n prefix: q\n direction: in\n connection: clients\n}\nlistener {\n name: clients\n port: 0\n}\n";
    let imported = import(text, Form::Text);
    assert!(!imported.kdl.contains("auto-link \""), "{}", imported.kdl);
    assert!(imported.kdl.contains("    distribution \"unavailable\"\n}\n"), "{}", imported.kdl);
    for (line, what) in [(7, "this auto-link is left out"), (12, "whoever attaches to its addresses is refused")] {
        let flag = format!(
            "// import, line {line}: no connector or listener of this name has `role: route-container`: {what}\n"
        );
        assert!(imported.kdl.contains(&flag), "{}", imported.kdl);
    }
}

#[test]
fn what_kdl_takes_in_no_comment_and_no_name_is_written_nevertheless() {
    let text =
        "router {\n id: a\n}\n# one\u{2028}two\u{202e} three\u{7}\nlistener {\n port: 0\n name: \\\"\\u202ex\n}\n";
    let imported = import(text, Form::Text).kdl;
    assert!(imported.contains("// one two  three\n"), "{imported}");
    let text = "[[\"router\", {\"id\": \"#true\"}], [\"listener\", {\"name\": \"\", \"port\": 1, \"openProperties\": {\"a-b\": \"\"}}]]";
    assert!(import(text, Form::Json).kdl.contains("        a-b \"\"\n"));
}

/// As the reference's guide and its tests write them, in other words: names of before, words with blanks, maps in JSON, patterns
/// with `#`, and a log of messages.
#[test]
fn forms_of_the_guide_go_in() {
    let text = "router {\n    mode: standalone\n    id: Hub.One\n    allowUnsettledMulticast: yes\n    timestampsInUTC: true\n}\n\
                listener {\n    host: 0.0.0.0\n    port: amqp\n    role: normal\n    stripAnnotations: both\n    linkCapacity: 300\n    \
                logMessage: all\n}\nconnector {\n    name: east\n    host: 127.0.0.1\n    port: 6000\n    role: route-container\n    \
                idleTimeoutSeconds: 0\n    openProperties: {\n        \"site\": \"east\",\n        \"rank\": 2,\n        \"place\": { \"hall\": 7, \"racks\": [1, [true, { \"b\": null }]] }\n    }\n}\n\
                address {\n    pattern: orders.#\n    distribution: closest\n}\naddress {\n    prefix: stock\n    waypoint: yes\n}\n\
                autoLink {\n    addr: stock.a\n    dir: in\n    connection: east\n    phase: 1\n    externalAddr: A\n}\n\
                linkRoute {\n    pattern: *.carried.#\n    dir: out\n    connection: east\n}\n\
                log {\n    module: ROUTER\n    enable: trace+\n    includeTimestamp: yes\n}\n";
    let imported = import(text, Form::Text);
    for part in [
        "router \"Hub.One\"",
        "port \"amqp\"",
        "link-capacity 300",
        "site \"east\"",
        "pattern \"orders.#\"",
        "external-address \"A\"",
        "pattern \"*.carried.#\"",
        "log-messages \"all\"",
        "hall 7",
    ] {
        assert!(imported.kdl.contains(part), "{part} is missing in\n{}", imported.kdl);
    }
    // lists and maps of a property come back as they were
    let written = load_text("crosstie.kdl", &imported.kdl).unwrap_or_else(|problems| panic!("{problems}"));
    let wanted =
        reference::load_text("qdrouterd.conf", text, Form::Text).unwrap_or_else(|problems| panic!("{problems}"));
    let properties = |loaded: &Loaded| loaded.settings.connectors[0].connection.properties.clone();
    assert!(properties(&written) == properties(&wanted) && properties(&written).len() == 3, "{}", imported.kdl);
}

#[test]
fn empty_lists_and_maps_of_a_property_stay_what_they_are() {
    let text = "router {\n    id: a\n}\nlistener {\n    port: 0\n    openProperties: {\n        \"list\": [],\n        \"map\": {},\n        \
                \"both\": [[], {}, { \"in\": [] }, null]\n    }\n}\n";
    let kdl = import(text, Form::Text).kdl;
    let loaded = load_text("crosstie.kdl", &kdl).unwrap_or_else(|problems| panic!("{problems}\n{kdl}"));
    let (list, map) = (PropertyValue::List(Vec::new()), PropertyValue::Map(Vec::new()));
    let inside = PropertyValue::Map(vec![("in".to_owned(), list.clone())]);
    let both = PropertyValue::List(vec![list.clone(), map.clone(), inside, PropertyValue::Null]);
    let wanted = [("list", list), ("map", map), ("both", both)].map(|(name, value)| (name.to_owned(), value));
    assert_eq!(loaded.settings.listeners[0].connection.properties, wanted, "{kdl}");
    let shown = load_text("shown.kdl", &loaded.show()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(shown.settings.listeners[0].connection.properties, wanted, "{}", loaded.show());
}

/// It is written for the machine that has them; there they are looked at when it is loaded.
#[test]
fn secrets_and_files_that_are_not_here_are_flagged_and_named() {
    let text = "router {\n id: a\n}\nsslProfile {\n name: t\n certFile: /nowhere/c.pem\n privateKeyFile: /nowhere/k.pem\n \
                password: env:CROSSTIE_NOT_SET\n caCertFile: /nowhere/ca.pem\n}\n\
                connector {\n host: h\n port: 5671\n sslProfile: t\n saslUsername: u\n saslPassword: file:/nowhere/secret\n}\n";
    let imported =
        reference::import_text("qdrouterd.conf", text, Form::Text).unwrap_or_else(|problems| panic!("{problems}"));
    let flags = imported.flags.to_string();
    for name in ["/nowhere/c.pem", "/nowhere/k.pem", "CROSSTIE_NOT_SET", "/nowhere/ca.pem", "/nowhere/secret"] {
        assert!(flags.contains(name) && imported.kdl.contains(name), "{name} is missing in {flags}{}", imported.kdl);
    }
    // to run it is another matter
    assert!(reference::load_text("qdrouterd.conf", text, Form::Text).is_err());
}
