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
fn names_of_the_reference_lead_to_ours() {
    for (theirs, ours) in [("idleTimeoutSeconds", "idle-timeout"), ("saslMechanisms", "sasl"), ("sslProfile", "tls")] {
        let found = problems(&format!("listener \"a\" {{ {theirs} \"x\"; }}\n"));
        assert!(found.contains(&format!("did you mean `{ours}`?")), "{theirs}:\n{found}");
    }
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
        "address { prefix \"a\"; enable-fallback; }",
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
        address { prefix \"q\"; waypoint; }\naddress \"alerts\" { pattern \"eu/*/#\"; distribution \"multicast\"; priority 7; egress-phase 2; }\n\
        limits { connections 100; buffered \"1MiB\"; }\n\
        listener \"m\" { port 0; management \"read\"; strip-annotations \"in\"; limits { links 5; unsettled 9; buffered \"1MiB\"; max-message-size \"2MiB\"; } }\nauto-link \"in\" { address \"q\"; direction \"in\"; connection \"broker\"; }\n";
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

#[test]
fn what_stands_twice_is_shown_at_both_places() {
    for (text, message) in [
        ("listener \"a\" { port 1; port 2; }", "`port` stands twice in listener"),
        ("listener \"a\" { failover-urls \"amqp://a\" \"amqp://a\"; }", "this failover URL stands twice"),
        ("listener \"a\" { sasl \"ANONYMOUS\" \"ANONYMOUS\"; }", "`ANONYMOUS` is named twice"),
        ("listener \"a\" { properties { k 1; k 2; }; }", "property `k` is given twice"),
        ("connector \"a\" { endpoint \"amqp://a\"; endpoint \"amqp://A\"; }", "this endpoint stands twice"),
        (
            "connector \"a\" { endpoint \"amqp://a\" { label \"k\" \"1\"; label \"k\" \"2\"; }; }",
            "label `k` is given twice",
        ),
        ("plugin \"p\" { hooks \"address\" \"address\"; }", "hook `address` is named twice"),
        ("log { level \"info\"; level \"debug\"; }", "is given twice"),
    ] {
        let found = problems(text);
        for part in [message, "again here", "it stands first here", "keep one of them"] {
            assert!(found.contains(part), "{part} is missing of {text}:\n{found}");
        }
    }
}

#[test]
fn what_the_router_cannot_use_is_too_much() {
    assert!(load_text("crosstie.kdl", "router \"a\" { workers 64; }").is_ok());
    assert!(problems("router \"a\" { workers 65; }").contains("it is from 1 to 64"));
    let urls = |count: usize| {
        let urls = (0..count).fold(String::new(), |mut urls, at| {
            let _ = write!(urls, " \"amqp://host-{at}\"");
            urls
        });
        format!("listener \"a\" {{ port 5672; failover-urls{urls}; }}")
    };
    assert!(load_text("crosstie.kdl", &urls(32)).is_ok());
    assert!(problems(&urls(33)).contains("a list has at most 32"));
    let answer = problems("plugin \"p\" { answer \"2MiB\"; }");
    assert!(answer.contains("it is from 256 to 1048576 bytes"), "{answer}");
}
/// The salted form of `pencil`, made by Python's hashlib.
const SALTED: &str = "scram:4096:W22ZaJ0SNY7soEsUEjb6gQ==:WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:\
wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU=:\
6AAub3065EYRmyFpM2RNwqK+eGnrkYuEWbXn19LsEmBqzu8QaCXNc1FwpnX9NhH2hK/60dzj9DoO5DvVkOHbvg==:\
jZHbYjC1aHh0/hKbxyBuGFjDrgjgKTT1esA7awWiKcRZ0o/0b1yWEebBeSVkkCFewf91nLDfKF24mvD5nmE6rA==";

#[test]
fn users_bring_scram_to_listeners_and_a_username_brings_it_to_connectors() {
    let text = format!(
        "user \"bob\" password=\"literal:{SALTED}\"\nlistener \"a\" {{ port 1; }}\n\
         listener \"b\" {{ port 2; authenticate-peer; allow-plain-without-tls; }}\nlistener \"c\" {{ port 3; sasl \"SCRAM-SHA-256\"; }}\n\
         connector \"d\" {{ host \"x\"; sasl-username \"u\"; sasl-password \"literal:p\"; }}\n\
         connector \"e\" {{ host \"x\"; sasl-username \"u\"; sasl-password \"literal:p\"; allow-plain-without-tls; }}\n"
    );
    let loaded = load_text("crosstie.kdl", &text).unwrap();
    let settings = &loaded.settings;
    let connections = settings.listeners.iter().map(|listener| &listener.connection);
    let connections = connections.chain(settings.connectors.iter().map(|connector| &connector.connection));
    let names = connections.map(|connection| connection.sasl.iter().map(|mechanism| mechanism.as_str()).collect());
    let wanted: [Vec<&str>; 5] = [
        vec!["SCRAM-SHA-512", "SCRAM-SHA-256", "ANONYMOUS"],
        vec!["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"],
        vec!["SCRAM-SHA-256"],
        vec!["SCRAM-SHA-512", "SCRAM-SHA-256"],
        vec!["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"],
    ];
    assert_eq!(names.collect::<Vec<Vec<&str>>>(), wanted);
    let shown = loaded.show();
    assert!(shown.contains("literal:***") && !shown.contains("W22ZaJ0SNY7soEsUEjb6gQ"), "{shown}");
}

#[test]
fn scram_without_a_user_and_a_salted_password_out_of_place_are_problems() {
    for (text, wanted) in [
        ("listener \"a\" { port 1; sasl \"SCRAM-SHA-256\"; }", "SCRAM-SHA-256 without users"),
        ("connector \"a\" { host \"x\"; sasl \"SCRAM-SHA-512\"; }", "SCRAM-SHA-512 without a user"),
        ("user \"a\" password=\"literal:scram:4096:AAAA\"", "malformed salted password: it has 3 fields, not 7"),
        (
            &format!("connector \"a\" {{ host \"x\"; sasl-username \"u\"; sasl-password \"literal:{SALTED}\"; }}"),
            "a connector needs the password itself",
        ),
    ] {
        let found = problems(text);
        assert!(found.contains(wanted), "{wanted} is missing:\n{found}");
        assert!(!found.contains("AAAA") && !found.contains("W22Z"), "a secret is never shown:\n{found}");
    }
}
