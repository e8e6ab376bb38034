//! Whole texts: what they mean, how their problems look, and that no text does harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::fmt::Write as _;
use std::path::Path;

use crosstie_config::{EMBEDDED, load, load_text};
use proptest::prelude::*;

fn problems(text: &str) -> String {
    match load_text("crosstie.kdl", text) {
        Ok(_) => panic!("no problem found in:\n{text}"),
        Err(problems) => problems.render(false),
    }
}

#[test]
fn the_embedded_configuration_listens_on_this_machine() {
    let loaded = load_text("embedded", EMBEDDED).unwrap();
    let listener = loaded.settings.listeners.first().unwrap();
    assert_eq!((listener.host.as_deref(), listener.port), (Some("127.0.0.1"), 5672));
}

#[test]
fn a_slip_is_shown_at_its_place_with_what_was_meant() {
    let found = problems("listener \"clients\" {\n    port 5672\n    failover-url \"secondary.example.com\"\n}\n");
    let wanted = "error: unknown attribute of listener
   ╭─[crosstie.kdl:3:5]
 3 │     failover-url \"secondary.example.com\"
   ·     ──────┬─────
   ·           ╰── did you mean `failover-urls`?
   ╰────";
    assert_eq!(found.trim_end(), wanted);
}

#[test]
fn all_problems_come_at_once() {
    let text = "listener \"a\" { port 5672; idle-timeout \"16\"; }\nlistener \"a\" { port 70000; }\n\
                connector \"c\" { endpoint \"amqp://[::1\"; sasl-username \"u\"\nsasl-password \"geheim\"\n}\n\
                auto-link \"x\" { address \"q\"; direction \"in\"; connection \"d\"; }\nlistner \"b\"\n";
    let found = problems(text);
    for part in
        ["crosstie.kdl:1:", "crosstie.kdl:2:", "crosstie.kdl:3:", "crosstie.kdl:6:", "crosstie.kdl:7:", "`listener`?"]
    {
        assert!(found.contains(part), "{part} is missing:\n{found}");
    }
    assert!(!found.contains("geheim"), "a secret is never shown:\n{found}");
}

#[test]
fn what_is_not_served_is_refused() {
    for node in [
        "tls \"t\" { ca \"x\"; }",
        "link-route { prefix \"a\"; connection \"b\"; }",
        "listener \"a\" { port 1; role \"inter-router\"; }",
        "connector \"a\" { endpoint \"amqps://a\"; }",
        "address { prefix \"a\"; distribution \"multicast\"; }",
        "router \"a\" { mode \"interior\"; }",
    ] {
        let found = problems(node);
        assert!(found.contains("not serve") || found.contains("not served"), "{node}:\n{found}");
    }
}

#[test]
fn too_deep_is_too_deep_and_quickly_so() {
    let deep = "a {".repeat(100_000);
    assert!(problems(&deep).contains("deep"));
    let comments = "/- ".repeat(5000) + "a";
    assert!(!problems(&comments).is_empty());
}

#[test]
fn a_file_that_is_not_there_is_a_problem() {
    assert!(load(Path::new("/nowhere/at/all.kdl")).unwrap_err().render(false).contains("/nowhere/at/all.kdl"));
}

#[test]
fn what_is_shown_loads_to_the_same() {
    let text = "router \"hub\" { workers 2; }\nuser \"alice\" password=\"env:PATH\"\n\
        listener \"clients\" { port 0; allow-plain-without-tls; failover-urls \"amqp://a:1\" \"b\"; properties { k \"v\"; } }\n\
        connector \"broker\" { role \"route-container\"; endpoint \"amqp://[::1]:7\" priority=3 { label \"zone\" \"b\"; }\n\
        failover { allow \"*.example.com\"; backoff base=\"2s\" cap=\"1m\" jitter=0.1; } }\n\
        address { prefix \"q\"; waypoint; }\nauto-link \"in\" { address \"q\"; direction \"in\"; connection \"broker\"; }\n";
    let first = load_text("first", text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = first.show();
    let second = load_text("second", &shown).unwrap_or_else(|problems| panic!("{shown}\n{problems}"));
    assert_eq!(second.show(), shown);
    assert_eq!(format!("{:?}", second.settings), format!("{:?}", first.settings));
}

fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("{".to_owned()),
        Just("}".to_owned()),
        Just("\n".to_owned()),
        Just("/-".to_owned()),
        Just("\"".to_owned()),
        Just("${A:-b}".to_owned()),
        Just("=".to_owned()),
        Just("#true".to_owned()),
        Just("\"16s\"".to_owned()),
        "[a-z-]{1,12}",
        "\\PC{0,6}",
        prop::sample::select(vec![
            "listener",
            "connector",
            "router",
            "address",
            "port",
            "endpoint",
            "plugin",
            "config"
        ])
        .prop_map(str::to_owned),
    ]
}

proptest! {
    #[test]
    fn no_text_does_harm(tokens in prop::collection::vec(token(), 0..60)) {
        let text = tokens.iter().fold(String::new(), |mut text, token| {
            let _ = write!(text, "{token} ");
            text
        });
        if let Err(problems) = load_text("any.kdl", &text) {
            prop_assert!(!problems.render(false).is_empty());
        }
    }
}
