//! Two configurations compared.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_config::{EMBEDDED, load_text};
use crosstie_model::plan::{Created, Plan};
use crosstie_model::settings::{Covers, Settings};

const BASE: &str = r#"
router "hub" { workers 2 }
log { level "info" }
user "alice" password="literal:one"
listener "clients" { host "127.0.0.1"; port 5672 }
connector "broker" {
    role "route-container"
    endpoint "amqp://b1"
    sasl-username "crosstie"
    sasl-password "literal:two"
}
address { prefix "orders" }
address "eu" { pattern "eu/#" }
auto-link "in" { address "orders"; direction "in"; connection "broker" }
link-route { prefix "b2"; direction "in"; connection "broker" }
"#;

fn settings(text: &str) -> Settings {
    load_text("running.kdl", text).unwrap_or_else(|problems| panic!("{problems}")).settings
}

fn plan_with(text: &str, created: &Created) -> Result<Plan, String> {
    let loaded = load_text("crosstie.kdl", text).unwrap_or_else(|problems| panic!("{problems}"));
    loaded.plan(&settings(BASE), created).map_err(|problems| problems.to_string())
}

/// The lines of a plan from BASE to BASE with this replaced.
fn lines(from: &str, to: &str) -> Vec<String> {
    assert!(BASE.contains(from), "{from}");
    plan_with(&BASE.replace(from, to), &Created::default()).unwrap_or_else(|problems| panic!("{problems}")).lines
}

fn refused(from: &str, to: &str) -> String {
    plan_with(&BASE.replace(from, to), &Created::default()).expect_err("refused")
}

#[test]
fn a_changed_tls_closes_connections_whose_peers_it_believes_no_more() {
    const TLS: &str = "tls \"t\" { ca \"tests/data/ca.pem\"; versions \"1.2\"; }\n\
                       connector \"c\" { endpoint \"amqps://h\"; tls \"t\"; }\n";
    let plan = |running: &str, text: &str, created: &Created| {
        let loaded = load_text("crosstie.kdl", text).unwrap_or_else(|problems| panic!("{problems}"));
        loaded
            .plan(&settings(running), created)
            .map(|plan| plan.lines.join("\n"))
            .map_err(|problems| problems.to_string())
    };
    for (from, to, line) in [
        ("\"1.2\"", "\"1.2\" \"1.3\"", "change connector \"c\" (tls): an open connection stays"),
        ("tests/data", "../config/tests/data", "change connector \"c\" (tls): its connection closes"),
    ] {
        let found = plan(TLS, &TLS.replace(from, to), &Created::default()).unwrap();
        assert!(found.contains("change tls \"t\"") && found.contains(line), "{found}");
    }
    let created = Created { tls: vec!["t".to_owned()], ..Created::default() };
    let clash = plan(EMBEDDED, TLS, &created).expect_err("a clash");
    assert!(clash.contains("tls \"t\" was created through management"), "{clash}");
}

#[test]
fn what_is_the_same_needs_nothing() {
    let plan = plan_with(&format!("// a comment\n{BASE}"), &Created::default()).unwrap();
    assert!(plan.lines.is_empty() && plan.users.is_none() && !plan.log, "{plan:?}");
    assert!(plan.listeners.coming().next().is_none() && plan.connectors.coming().next().is_none());
    // defaults may be written out
    assert!(lines("port 5672", "port \"amqp\"; role \"normal\"; idle-timeout \"16s\"").is_empty());
}

#[test]
fn each_change_has_its_line() {
    for (from, to, line) in [
        ("workers 2", "workers 2; metadata \"x\"", "change router (metadata)"),
        ("workers 2", "workers 2; default-distribution \"closest\"", "change router (default-distribution)"),
        ("workers 2", "workers 2; allow-resumable-link-route #false", "change router (allow-resumable-link-route)"),
        ("level \"info\"", "level \"info\"; level \"debug\" of=\"link\"", "change log (level)"),
        ("log {", "limits { connections 7; }\nlog {", "change limits (connections)"),
        ("literal:one", "literal:three", "change user \"alice\" (password): its connections stay"),
        ("alice", "bob", "remove user \"alice\": its connections close"),
        ("port 5672", "port 5673", "change listener \"clients\" (port): open connections stay as they are"),
        (
            "port 5672",
            "port 5672; log-messages \"all\"",
            "change listener \"clients\" (log-messages): open connections stay as they are",
        ),
        (
            "\"amqp://b1\"",
            "\"amqp://b1\"; log-messages \"all\"",
            "change connector \"broker\" (log-messages): an open connection stays; the next attempt goes by it",
        ),
        (
            "port 5672",
            "port 5672; management \"off\"",
            "change listener \"clients\" (management): its connections close",
        ),
        (
            "port 5672",
            "port 5672; authenticate-peer",
            "change listener \"clients\" (authenticate-peer, sasl): its connections close",
        ),
        (
            "literal:two",
            "literal:three",
            "change connector \"broker\" (sasl-password): an open connection stays; the next attempt goes by it",
        ),
        (
            "\"amqp://b1\"",
            "\"amqp://b2\"",
            "change connector \"broker\" (endpoint): its connection closes, and it connects anew",
        ),
        (
            "\"amqp://b1\"",
            "\"amqp://b1\" priority=3",
            "change connector \"broker\" (endpoint): an open connection stays; the next attempt goes by it",
        ),
        (
            "\"crosstie\"",
            "\"other\"",
            "change connector \"broker\" (sasl-username): its connection closes, and it connects anew",
        ),
        (
            "prefix \"orders\"",
            "prefix \"orders\"; waypoint",
            "change address prefix \"orders\" (waypoint): its links stay; phases hold for links from here on",
        ),
        ("pattern \"eu/#\"", "pattern \"us/#\"", "remove address pattern \"eu/#\": its links stay"),
        ("pattern \"eu/#\"", "pattern \"us/#\"", "add address pattern \"us/#\""),
        (
            "address \"orders\"",
            "address \"other\"",
            "change auto-link \"in\" (address): its link is detached and attached anew",
        ),
        (
            "prefix \"b2\"",
            "prefix \"b2\"; add-external-prefix \"x.\"",
            "change link-route prefix \"b2\" in (add-external-prefix): its links stay; links from here on go by it",
        ),
    ] {
        let found = lines(from, to);
        assert!(found.iter().any(|found| found == line), "{line} is not in {found:?}");
    }
}

#[test]
fn what_lets_more_peers_in_closes_nothing() {
    for (from, to) in
        [("port 5672", "port 5672; management \"full\""), ("port 5672", "port 5672; allow-plain-without-tls")]
    {
        let found = lines(from, to);
        assert!(found.len() == 1 && found[0].ends_with("open connections stay as they are"), "{found:?}");
    }
}

#[test]
fn what_needs_a_restart_is_refused_at_its_place() {
    for (from, to, message, place) in [
        ("\"hub\"", "\"other\"", "`id` of `router` cannot change while the router runs", "crosstie.kdl:2:1"),
        ("workers 2", "workers 3", "`workers` of `router` cannot change while the router runs", "crosstie.kdl:2:"),
        (
            "level \"info\"",
            "format \"json\"",
            "`format` of `log` cannot change while the router runs",
            "crosstie.kdl:3:",
        ),
        (
            "level \"info\"",
            "output \"stdout\"",
            "`output` of `log` cannot change while the router runs",
            "crosstie.kdl:3:",
        ),
        ("log {", "state \"/tmp\"\nlog {", "`state` cannot change while the router runs", "crosstie.kdl:3:1"),
    ] {
        let text = refused(from, to);
        assert!(
            text.contains(message) && text.contains(place) && text.contains("restart the router"),
            "{message}: {text}"
        );
    }
    // all at once
    let text = refused(
        "router \"hub\" { workers 2 }\nlog { level \"info\" }",
        "router \"x\" { workers 3 }\nlog { format \"json\" }",
    );
    assert_eq!(text.matches("cannot change").count(), 3, "{text}");
}

#[test]
fn a_router_without_a_name_keeps_the_one_that_it_has() {
    assert!(lines("router \"hub\" { workers 2 }", "router { workers 2 }").is_empty());
}

#[test]
fn the_name_of_what_management_created_is_refused() {
    let created = Created {
        names: vec!["made".to_owned()],
        addresses: vec![(Covers::Prefix("made".to_owned()).pattern(), Some("rule".to_owned()))],
        auto_links: vec!["link".to_owned()],
        link_routes: settings(&BASE.replace("\"b2\"", "\"b3\"")).link_routes,
        tls: Vec::new(),
        auth_services: vec!["sso".to_owned()],
    };
    let more = "listener \"made\" { port 5674 }\naddress { prefix \"made\" }\naddress \"rule\" { prefix \"x\" }\n\
                auto-link \"link\" { address \"q\"; direction \"out\"; connection \"broker\" }\n\
                link-route { prefix \"b3\"; direction \"in\"; connection \"broker\" }\nauth-service \"sso\" { host \"h\"; }\n";
    let text = plan_with(&format!("{BASE}{more}"), &created).expect_err("refused");
    assert_eq!(text.matches("was created through management").count(), 6, "{text}");
    for line in 16..=21 {
        assert!(text.contains(&format!("crosstie.kdl:{line}:")), "nothing at line {line}: {text}");
    }
    // what is not new is not in the way
    assert!(plan_with(BASE, &created).unwrap().lines.is_empty());
}

#[test]
fn a_changed_auth_service_closes_whom_it_let_in() {
    let text = |service: &str| {
        format!(
            "auth-service \"sso\" {{ {service}; }}\nlistener \"l\" {{ auth-service \"sso\"; }}\nlistener \"other\" {{ port 1; }}\n"
        )
    };
    let running = settings(&text("host \"a\""));
    let plan = |to: &str| {
        let loaded = load_text("crosstie.kdl", to).unwrap_or_else(|problems| panic!("{problems}"));
        loaded.plan(&running, &Created::default()).unwrap_or_else(|problems| panic!("{problems}")).lines
    };
    assert!(plan(&text("host \"a\"")).is_empty());
    assert_eq!(
        plan(&text("host \"b\"")),
        ["change auth-service \"sso\" (host)", "change listener \"l\" (auth-service): its connections close"]
    );
    let without = "listener \"l\" { port 5672; }\nlistener \"other\" { port 1; }\n";
    let lines = plan(without);
    assert!(lines[0] == "remove auth-service \"sso\"" && lines[1].contains("its connections close"), "{lines:?}");
}

#[test]
fn no_plan_shows_a_secret() {
    let text = BASE.replace("literal:one", "literal:hunter2").replace("literal:two", "literal:hunter3");
    let plan = plan_with(&text, &Created::default()).unwrap();
    assert_eq!(plan.lines.len(), 2);
    assert!(!format!("{:?}", plan.lines).contains("hunter"), "{:?}", plan.lines);
}

#[test]
fn plugins_come_change_and_go() {
    let text = |plugins: &str| format!("listener \"l\" {{ port 5672; }}\n{plugins}");
    let plan = |from: &str, to: &str| {
        let loaded = load_text("crosstie.kdl", &text(to)).unwrap_or_else(|problems| panic!("{problems}"));
        loaded.plan(&settings(&text(from)), &Created::default()).unwrap_or_else(|problems| panic!("{problems}")).lines
    };
    let two = "plugins \"src\"\nplugin \"a\" { config { allow; }; }\nplugin \"b\"\n";
    assert!(plan(two, two).is_empty());
    assert!(plan("", two)[0].starts_with("add plugins"), "{:?}", plan("", two));
    assert_eq!(plan("", two)[1..], ["add plugin \"a\"", "add plugin \"b\""]);
    assert!(plan(two, "")[0].starts_with("remove plugins"), "{:?}", plan(two, ""));
    let other = plan(two, &two.replace("\"src\"", "\"tests\""));
    assert!(
        other.len() == 1 && other[0].starts_with("change plugins") && other[0].contains("(directory)"),
        "{other:?}"
    );
    let recorded = plan(two, &two.replace("\"src\"", "\"src\" { record \"d.jsonl\"; }"));
    assert!(recorded.len() == 1 && recorded[0].contains("(record)"), "{recorded:?}");
    let config = plan(two, &two.replace("allow", "deny"));
    assert_eq!(config, ["change plugin \"a\" (config): what it has decided stays"]);
    let turned =
        "plugins \"src\"\nplugin \"b\" { deadline \"9ms\"; grant \"kv\"; }\nplugin \"a\" { config { allow; }; }\n";
    assert_eq!(
        plan(two, turned),
        [
            "change plugins (order): what was decided stays",
            "change plugin \"b\" (deadline, grant): what it has decided stays"
        ]
    );
    let secret =
        |word: &str| format!("plugins \"src\"\nplugin \"a\" {{ config {{ token (secret)\"literal:{word}\"; }}; }}\n");
    let changed = plan(&secret("hunter2"), &secret("hunter3"));
    assert_eq!(changed, config, "no plan shows a secret");
}
