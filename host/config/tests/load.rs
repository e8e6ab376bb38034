//! Whole texts: what they mean, how their problems look, and that no text does harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crosstie_config::{EMBEDDED, load, load_text, survey};
use crosstie_model::settings::{MESSAGE_PARTS, PluginPart};
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
    for (theirs, ours) in [
        ("idleTimeoutSeconds", "idle-timeout"),
        ("saslMechanisms", "sasl"),
        ("sslProfile", "tls"),
        ("messageLoggingComponents", "log-messages"),
    ] {
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
        "listener \"a\" { port 1; role \"inter-router\"; }",
        "connector \"a\" { endpoint \"wss://a\"; }",
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
        listener \"m\" { port 0; management \"read\"; strip-annotations \"in\"; log-messages \"to\" \"app-properties\"; limits { links 5; unsettled 9; buffered \"1MiB\"; max-message-size \"2MiB\"; } }\nauto-link \"in\" { address \"q\"; direction \"in\"; connection \"broker\"; }\n\
        link-route { prefix \"b2\"; direction \"in\"; connection \"broker\"; }\n\
        link-route { prefix \"c\"; direction \"in\"; distribution \"unavailable\"; }\n\
        link-route \"two\" { pattern \"a/*\"; direction \"out\"; container \"c\"; add-external-prefix \"x.\"; }\n";
    let first = load_text("first", text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = first.show();
    let second = load_text("second", &shown).unwrap_or_else(|problems| panic!("{shown}\n{problems}"));
    assert_eq!(second.show(), shown);
    assert_eq!(format!("{:?}", second.settings), format!("{:?}", first.settings));
}

#[test]
fn a_link_route_that_leads_nowhere_or_stands_twice_is_a_problem() {
    let text = "connector \"broker\" { host \"h\"; role \"route-container\"; }\n\
                link-route { prefix \"a\"; direction \"in\"; }\n\
                link-route { prefix \"b\"; direction \"both\"; connection \"broker\"; }\n\
                link-route { prefix \"c\"; direction \"in\"; connection \"brokr\"; del-external-prefix \"\"; }\n\
                link-route \"x\" { prefix \"d\"; direction \"out\"; connection \"broker\"; }\n\
                link-route { prefix \"e\"; direction \"in\"; connection \"broker\"; distribution \"unavailable\"; }\n\
                link-route \"y\" { pattern \"d/#\"; direction \"out\"; connection \"broker\"; }\n";
    let found = problems(text);
    for part in [
        "link-route needs `connection`",
        "`both`",
        "did you mean `broker`?",
        "an empty text",
        "`connection` beside `distribution \"unavailable\"`",
        "a second link-route for the same links",
    ] {
        assert!(found.contains(part), "{part} is missing:\n{found}");
    }
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
        ("listener \"a\" { properties { m { k 1; k 2; }; }; }", "property `k` is given twice"),
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

/// A directory of its own for a test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("crosstie-config-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn count(text: &str) -> usize {
    load_text("crosstie.kdl", text).unwrap_err().len()
}

fn warnings(text: &str) -> String {
    load_text("crosstie.kdl", text).unwrap_or_else(|problems| panic!("{problems}")).warnings.render(false)
}

#[test]
fn of_the_cascade_of_one_mistake_the_first_is_shown() {
    let deep = format!("{}{}", "a {\n".repeat(500), "}\n".repeat(500));
    for text in [&deep, &"a {\n".repeat(500), "listener \"a\" {\nport true\n}\n", "listener \"a\" {\nport 1\n}}\n"] {
        assert_eq!(count(text), 1, "{}", problems(text));
    }
    // what stands behind it is read all the same
    let found = problems(&format!("{deep}listener \"a\" {{ prot 1; }}\n"));
    assert!(found.contains("nested too deep") && found.contains("did you mean `port`?"), "{found}");
    assert_eq!(count("listener \"a\" {\nport true\n}\nlistener \"b\" {\n port false\n}\n"), 2);
}

#[test]
fn of_a_secret_in_a_property_the_value_is_masked_and_its_key_shown() {
    let found = problems("user \"u\" password=\"geheim\"\nlistener \"a\" { port 1; }\n");
    assert!(found.contains("user \"u\" password=\"******\"") && !found.contains("geheim"), "{found}");
}

#[test]
fn a_secret_is_masked_far_from_what_is_wrong() {
    let long = format!("user \"u\" password=\"literal:{}\" {} nonsense=1", "s3cret".repeat(9), "/**/".repeat(20));
    let found = problems(&long);
    assert!(!found.contains("s3cret") && found.contains("nonsense"), "{found}");
}

#[test]
fn a_user_in_a_url_is_a_problem_that_shows_no_password() {
    for text in [
        "connector \"a\" { endpoint \"amqp://user:hunter2@h\"; }",
        "connector \"a\" { endpoint \"amqp://user:hun/ter2@hunter2@h:5672\" priority=1; }",
        "connector \"a\" { endpoint \"user:hunter2@h\"; }",
        "connector \"a\" { host \"hunter2@h\"; }",
        "connector \"a\" { host \"user:hunter2@h\"; }",
        "listener \"a\" { port 1; failover-urls \"amqp://b\" \"amqps://user:hunter2@h:1\"; }",
    ] {
        let found = problems(text);
        assert!(found.contains("a user or a password has no place here"), "{text}:\n{found}");
        assert!(found.contains("`sasl-username` and `sasl-password`"), "{text}:\n{found}");
        assert!(!found.contains("hunter2"), "{text}:\n{found}");
    }
}

#[test]
fn a_password_is_masked_beside_what_is_wrong() {
    for text in [
        "connector \"a\" { endpoint \"user:hunter2@h\" prioriti=1; }",
        "connector \"a\" { endpoint \"amqp://user:hunter 2@h\" prioriti=1; }",
        "connector \"a\" { prot 1; host \"h\"; sasl-username \"u\"; sasl-password \"hunter2\"; }",
        "connector \"a\" { endpoint amqp://user:hunter2@h; }",
        "user \"u\" password=\"hunter2\" nonsense=1",
        "user \"u\" password=#\"hunter2\"# nonsense=1",
    ] {
        let found = problems(text);
        assert!(!found.contains("hunter") && found.contains("***"), "{text}:\n{found}");
    }
    let found = problems("user \"u\" password=\"env:HUNTER_2\" nonsense=1");
    assert!(found.contains("env:HUNTER_2"), "{found}");
}

#[test]
fn a_file_that_includes_itself_is_read_once() {
    let scratch = Scratch::new("self");
    let file = scratch.write("crosstie.kdl", "listener \"a\" { port 1; }\ninclude \"crosstie.kdl\"\n");
    let found = load(&file).unwrap_err();
    assert_eq!(found.len(), 1, "{found}");
    assert!(found.render(false).contains("includes itself"), "{found}");
}

#[test]
fn users_whom_no_listener_takes_are_warned_of() {
    let user = "user \"u\" password=\"literal:p\"\n";
    let warned = warnings(&format!("{user}listener \"a\" {{ port 1; sasl \"ANONYMOUS\"; }}\n"));
    assert!(warned.contains("crosstie.kdl:1:6") && warned.contains("no listener takes passwords"), "{warned}");
    assert!(warnings(&format!("{user}listener \"a\" {{ port 1; }}\n")).is_empty());
}

#[test]
fn a_configuration_to_which_nothing_can_connect_is_warned_of() {
    assert!(warnings("router \"r\"\n").contains("nothing can connect"));
    assert!(warnings("").contains("nothing can connect"));
    assert!(warnings("listener \"a\" { port 1; }").is_empty());
}

#[test]
fn a_log_and_a_state_directory_that_cannot_be_made_are_problems_at_their_place() {
    let scratch = Scratch::new("places");
    let file = scratch.write("file", "");
    let found = problems(&format!("log {{\n output \"file:{}/none/x.log\"\n}}\n", scratch.0.display()));
    assert!(found.contains("crosstie.kdl:2:9") && found.contains("there is no directory"), "{found}");
    let found = problems(&format!("state \"{}/x\"\n", file.display()));
    assert!(found.contains("crosstie.kdl:1:7") && found.contains("is no directory"), "{found}");
    let good = format!(
        "log {{ output \"file:{0}/x.log\"; }}\nstate \"{0}/a/b\"\nlistener \"a\" {{ port 1; }}\n",
        scratch.0.display()
    );
    assert!(warnings(&good).is_empty() && !scratch.0.join("x.log").exists() && !scratch.0.join("a").exists());
}

#[test]
fn two_listeners_on_one_socket_are_a_problem() {
    let two = |first: &str, second: &str| {
        load_text("crosstie.kdl", &format!("listener \"a\" {{ {first}; }}\nlistener \"b\" {{ {second}; }}\n"))
    };
    for (first, second) in [
        ("port 5", "port 5"),
        ("port 5", "host \"127.0.0.1\"; port 5"),
        ("host \"0.0.0.0\"; port 5", "host \"127.0.0.1\"; port 5"),
        ("host \"::1\"; port 5", "host \"::\"; port 5"),
        ("host \"A.example\"; port 5672", "host \"a.example\""),
    ] {
        let found = two(first, second).unwrap_err().render(false);
        assert!(found.contains("a second listener on port") && found.contains("crosstie.kdl:2:10"), "{found}");
    }
    for (first, second) in [
        ("port 0", "port 0"),
        ("port 5", "port 6"),
        ("host \"127.0.0.1\"; port 5", "host \"127.0.0.2\"; port 5"),
        ("host \"0.0.0.0\"; port 5", "host \"::1\"; port 5"),
        ("port 5; socket-address-family \"IPv4\"", "port 5; socket-address-family \"IPv6\""),
    ] {
        assert!(two(first, second).is_ok(), "{first}, {second}");
    }
}

#[test]
fn an_address_that_is_none_and_a_port_that_is_none_are_said_to_be_so() {
    let found = problems("listener \"a\" { host \"999.1.1.1\"; port \"abc\"; }");
    assert!(found.contains("four numbers from 0 to 255") && found.contains("number from 0 to 65535"), "{found}");
}

#[test]
fn a_qdrouterd_conf_gets_one_hint() {
    for text in [
        "# ours\nrouter {\n    mode: standalone\n}\n\nlistener {\n    host: 0.0.0.0\n    port: amqp\n}\n",
        "[\n  [\"listener\", { \"port\": 5672 }]\n]\n",
    ] {
        let found = load_text("crosstie.kdl", text).unwrap_err();
        assert_eq!(found.len(), 1, "{found}");
        assert!(found.render(false).contains("--qdrouterd-conf"), "{found}");
    }
    assert!(!problems("listener \"a\" {\n prot 1\n}\n").contains("qdrouterd"));
}

#[test]
fn with_problems_elsewhere_plugins_can_be_checked() {
    let scratch = Scratch::new("survey");
    let text = "listner \"a\"\nplugins \".\"\nplugin \"good\"\nplugin \"bad\" { hooks \"nonsense\"; }\n";
    let (loaded, found) = survey(&scratch.write("crosstie.kdl", text));
    let named = loaded.unwrap().settings.plugins.unwrap().named;
    let disabled: Vec<(&str, bool)> = named.iter().map(|plugin| (plugin.name.as_str(), plugin.disabled)).collect();
    assert_eq!((found.len(), disabled), (2, vec![("good", false), ("bad", true)]));
    let broken = scratch.write("crosstie.kdl", &format!("{text}plugin \"lost\" {{\n"));
    assert!(survey(&broken).0.unwrap().settings.plugins.is_none());
}

#[test]
fn fail_back_has_a_hold_down_and_somewhere_to_go() {
    let text = |first: u8, fail_back: &str| {
        format!(
            "connector \"b\" {{\n    endpoint \"a\" priority={first}\n    endpoint \"b\" priority=1\n    failover {{\n        {fail_back}\n    }}\n}}\n"
        )
    };
    let loaded = load_text("crosstie.kdl", &text(0, "fail-back after=\"60s\"")).unwrap();
    assert_eq!(loaded.settings.connectors[0].failover.fail_back, Some(std::time::Duration::from_secs(60)));
    assert!(loaded.warnings.is_empty());
    assert_eq!(load_text("crosstie.kdl", &text(0, "")).unwrap().settings.connectors[0].failover.fail_back, None);
    let warned = warnings(&text(1, "fail-back after=\"60s\""));
    assert!(warned.contains("no endpoint is better than another"), "{warned}");
    for (fail_back, why) in [
        ("fail-back", "`fail-back` without `after`"),
        ("fail-back after=\"10ms\"", "it is from 1s to"),
        ("fail-back \"60s\"", "`fail-back` takes no argument, but `after`"),
        ("fail-back after=\"60s\" until=\"noon\"", "until"),
    ] {
        let found = problems(&text(0, fail_back));
        assert!(found.contains(why) && found.contains("crosstie.kdl:5:"), "{fail_back}: {found}");
        assert!(found.matches("error:").count() == 1 && !found.contains("its block"), "{fail_back}: {found}");
    }
}

#[test]
fn what_is_no_word_hears_the_words() {
    for (node, wanted, unwanted) in [
        ("tls \"t\" { client-certificate #true; }", "it is one of `off`, `request`, `require`", "quotes"),
        ("tls \"t\" { versions \"TLSv1.2\"; }", "write `1.2`", "TLSv1.1"),
        ("tls \"t\" { versions \"1.2\" \"TLS1_3\"; }", "write `1.3`", "did you mean"),
        ("tls \"t\" { versions \"TLSv1.1\"; }", "does not serve `TLSv1.1`", "write `1"),
        ("listener \"a\" { port 1; management #false; }", "it is one of `off`, `read`, `full`", "quotes"),
    ] {
        let found = problems(node);
        assert!(found.contains(wanted) && !found.contains(unwanted), "{node}:\n{found}");
    }
}

#[test]
fn parts_of_messages_to_log_are_words_each_once() {
    let text = |parts: &str| {
        format!("listener \"a\" {{\n    port 0\n}}\nconnector \"c\" {{\n    host \"h\"\n    log-messages {parts}\n}}\n")
    };
    let parts = |text: &str| {
        let loaded = load_text("crosstie.kdl", text).unwrap_or_else(|problems| panic!("{problems}"));
        loaded.settings.connectors[0].connection.log_messages.words().join(" ")
    };
    assert_eq!(parts(&text("\"to\" \"message-id\"")), "message-id to");
    assert_eq!(parts(&text("\"all\"")), "all");
    let each = MESSAGE_PARTS.map(|part| format!("\"{part}\"")).join(" ");
    assert_eq!(parts(&text(&each)), "all");
    for (written, place, why) in [
        ("\"mesage-id\"", "crosstie.kdl:6:18", "did you mean `message-id`?"),
        ("\"to\" \"body\"", "crosstie.kdl:6:23", "it is one of `all`, `message-id`, `user-id`"),
        ("\"none\"", "crosstie.kdl:6:18", "unknown value `none`"),
        ("\"to\" \"to\"", "crosstie.kdl:6:23", "what stands before this says it already"),
        ("\"all\" \"to\"", "crosstie.kdl:6:24", "what stands before this says it already"),
        ("7", "crosstie.kdl:6:18", "a text"),
        ("", "crosstie.kdl:6:5", "`log-messages` needs a value"),
    ] {
        let found = problems(&text(written));
        assert!(found.contains(place) && found.contains(why), "{written}: {found}");
        assert_eq!(found.matches("error:").count(), 1, "{written}: {found}");
    }
}

#[test]
fn problems_beyond_those_that_are_kept_are_counted() {
    let found = load_text("crosstie.kdl", &format!("listener \"a\" {{ {} }}", "prot 1; ".repeat(5_000))).unwrap_err();
    assert_eq!(found.len(), 5_000);
    assert!(found.render(false).ends_with("and 4900 more problems\n"));
}

#[test]
fn what_a_plugin_cannot_be_told_or_this_build_does_not_serve_of_it_is_a_problem() {
    for (text, wanted) in [
        ("plugin \"p\" { config { limit 9007199254740992; }; }", "from -9007199254740991 to 9007199254740991"),
        ("plugin \"p\" { request \"31KiB\"; }", "it is from 32768 to"),
        ("plugins \".\"; plugin \"p\" { on-failure; }", "`on-failure` names no hook"),
        ("plugins \".\"; plugin \"p\" { shadow; }", "shadow needs `of`"),
        ("plugins \".\"; plugin \"p\" { shadow of=\"p\"; }", "a plugin is no shadow of itself"),
        (
            "plugins \".\"; plugin \"p\" { shadow of=\"q\"; }; plugin \"q\" { shadow of=\"r\"; }",
            "`q` is a shadow itself",
        ),
        ("plugins \".\"; plugin \"p\" { shadow of=\"q\"; }; plugin \"q\" { disabled; }", "`q` is disabled"),
        ("plugins \".\" { record \"x\" sample=0.0; }", "nothing would be recorded"),
        ("plugins \".\" { record \"x\" max-size=\"1KiB\"; }", "it is from 65536 to"),
        ("plugins \".\" { record \"no/such/place/x\"; }", "decisions cannot be recorded there"),
    ] {
        let found = problems(text);
        assert!(found.contains(wanted), "{wanted} is missing:\n{found}");
    }
}

#[test]
fn a_shadow_that_is_disabled_is_told() {
    let kdl = |more: &str| {
        format!("plugins \".\"; plugin \"p\" {{ shadow of=\"q\"; {more} }}; plugin \"q\"\nlistener \"a\" {{ port 0; }}")
    };
    let warned = warnings(&kdl("disabled;"));
    assert!(warned.contains("`p` is disabled: it is not asked, beside `q` neither"), "{warned}");
    assert!(warnings(&kdl("")).is_empty());
}

/// What only the plugins themselves can tell is shown at the value that it is about.
#[test]
fn problems_of_plugins_stand_at_their_values() {
    let text = "plugins \".\" {\n    record \"d.jsonl\" {\n        redact \"kv\" \"hat\"\n    }\n}\n\
                plugin \"p\" {\n    config {\n        a { b; }\n    }\n    shadow of=\"q\"\n}\nlistener \"a\" { port 0; }\n";
    let loaded = load_text("t.kdl", text).unwrap_or_else(|problems| panic!("{problems}"));
    let at = |plugin, part| loaded.plugin_problem(plugin, &part, "no", None).position();
    assert_eq!(at(None, PluginPart::Node), Some((1, 9)));
    assert_eq!(at(None, PluginPart::RecordFile), Some((2, 12)));
    assert_eq!(at(None, PluginPart::Redacted(1)), Some((3, 21)));
    assert_eq!(at(None, PluginPart::Redacted(2)), Some((1, 9)));
    assert_eq!(at(Some("p"), PluginPart::Node), Some((6, 8)));
    assert_eq!(at(Some("p"), PluginPart::Config(vec![0, 0])), Some((8, 13)));
    assert_eq!(at(Some("p"), PluginPart::Config(vec![0, 5])), Some((8, 9)));
    assert_eq!(at(Some("p"), PluginPart::Shadow), Some((10, 15)));
}

#[test]
fn a_record_of_decisions_has_a_share_a_size_and_what_is_left_out() {
    let text = "plugins \".\" { record \"d.jsonl\" sample=0.5 max-size=\"1MiB\" { redact \"peer.user\" \"kv\"; }; }\nlistener \"a\" { port 0; }";
    let loaded = load_text("t.kdl", text).unwrap_or_else(|problems| panic!("{problems}"));
    let record = loaded.settings.plugins.clone().unwrap().record.unwrap();
    assert_eq!((record.sample, record.max_bytes), (0.5, 1 << 20));
    assert_eq!(record.redact, ["peer.user", "kv"]);
    let shown = load_text("t.kdl", &loaded.show()).unwrap_or_else(|problems| panic!("{problems}: {}", loaded.show()));
    assert_eq!(shown.settings.plugins.unwrap().record, Some(record));
    let plain = load_text("t.kdl", "plugins \".\" { record \"d.jsonl\"; }\nlistener \"a\" { port 0; }").unwrap();
    assert_eq!(plain.settings.plugins.unwrap().record.unwrap().max_bytes, 100 << 20);
}

#[test]
fn cipher_suites_are_named_as_the_standards_have_them_and_each_version_has_one() {
    let node = |text: &str| {
        let ca = if text.contains("ca \"") { "" } else { "ca \"tests/data/ca.pem\"; " };
        format!("tls \"t\" {{ {ca}{text}; }}\nlistener \"a\" {{ port 0; }}\n")
    };
    let good = "cipher-suites \"TLS_CHACHA20_POLY1305_SHA256\" \"TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\"";
    let loaded = load_text("t.kdl", &node(good)).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(loaded.settings.tls.first().unwrap().cipher_suites.len(), 2);
    assert!(loaded.show().contains(&good.replace('"', "")), "{}", loaded.show());
    for (text, parts) in [
        (
            "cipher-suites \"ECDHE-RSA-AES128-GCM-SHA256\"",
            vec!["is a name of OpenSSL", "write `TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256`"],
        ),
        (
            "cipher-suites \"HIGH:!aNULL\"",
            vec!["no cipher suite that is spoken", "of TLS 1.3 `TLS_AES_256_GCM_SHA384`"],
        ),
        ("cipher-suites \"TLS_AES_256_GCM_SHA384\"", vec!["no cipher suite of TLS 1.2", "`versions`"]),
        ("client-certificate \"require\"; ca \"system\"", vec!["signed would be good", "clients-ca.pem"]),
        ("ciphers \"HIGH\"", vec!["did you mean `cipher-suites`?"]),
        ("versions \"1.0\"", vec!["does not serve `1.0`", "`1.2`, `1.3`"]),
    ] {
        let found = load_text("t.kdl", &node(text)).err().unwrap().render(false);
        for part in parts {
            assert!(found.contains(part), "{text}: `{part}` is missing in\n{found}");
        }
    }
}
