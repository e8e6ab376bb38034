//! The reference's configuration: what it means, where its problems stand, and that no text does harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::time::Duration;

use crosstie_config::reference::{self, AttributeValue, Form};
use crosstie_config::{Loaded, Problems, load_text};
use crosstie_model::settings::{
    Authorities, ClientCertificate, ConnectionLimits, ContainerRef, Covers, Distribution, LinkCapacity, LogLevel,
    LogOutput, Management, Mechanism, Scheme, Secret, StripAnnotations, Tls, TlsVersion, User,
};
use proptest::prelude::*;

const CONF: &str = include_str!("data/qdrouterd.conf");
const JSON: &str = include_str!("data/qdrouterd.json");
const KDL: &str = include_str!("data/qdrouterd.kdl");

fn load(text: &str) -> Loaded {
    reference::load_text("qdrouterd.conf", text, Form::Text).unwrap_or_else(|problems| panic!("{problems}"))
}

fn problems(text: &str) -> Problems {
    match reference::load_text("qdrouterd.conf", text, Form::Text) {
        Ok(_) => panic!("no problem found in:\n{text}"),
        Err(problems) => problems,
    }
}

/// Line, column and message of each.
fn places(problems: &Problems) -> Vec<(usize, usize, String)> {
    let place = |problem: &crosstie_config::Problem| {
        let (line, column) = problem.position().unwrap();
        (line, column, problem.message().to_owned())
    };
    problems.iter().map(place).collect()
}

fn has(found: &Problems, line: usize, column: usize, part: &str) {
    let found = places(found);
    let is_there = found.iter().any(|(l, c, message)| (*l, *c) == (line, column) && message.contains(part));
    assert!(is_there, "{line}:{column} `{part}` is missing in {found:#?}");
}

#[test]
fn conf_and_json_mean_what_the_same_in_kdl_means() {
    let kdl = load_text("qdrouterd.kdl", KDL).unwrap_or_else(|problems| panic!("{problems}"));
    let json = reference::load_text("qdrouterd.json", JSON, Form::Json).unwrap_or_else(|problems| panic!("{problems}"));
    let wanted = format!("{:#?}", kdl.settings);
    assert_eq!(format!("{:#?}", load(CONF).settings), wanted);
    assert_eq!(format!("{:#?}", json.settings), wanted);
}

#[test]
fn what_is_shown_of_a_conf_is_kdl_that_means_the_same() {
    let text = "router {\n id: a\n metadata: ${HOME} $$5\n}\nlistener {\n}\nconnector {\n name: b\n}\n";
    for text in [text, "router {\n id: a\n}\nlog {\n module: DEFAULT\n outputFile: /var/log/x\n}\n"] {
        let conf = load(text);
        let shown = load_text("shown", &conf.show()).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(format!("{:?}", shown.settings), format!("{:?}", conf.settings));
    }
}

#[test]
fn defaults_are_those_of_the_reference() {
    let settings = load("listener {\n}\nconnector {\n}\naddress {\n prefix: a\n}\n").settings;
    assert!(settings.router.id.starts_with("Standalone_"));
    assert_eq!(settings.router.default_distribution, Distribution::Balanced);
    let listener = settings.listeners.first().unwrap();
    assert_eq!((listener.name.as_str(), listener.host.as_deref(), listener.port), ("listener/:amqp", None, 5672));
    assert_eq!(listener.management, Some(Management::Full));
    assert!(!listener.authenticate_peer && listener.failover_urls.is_empty());
    let connector = settings.connectors.first().unwrap();
    assert_eq!(connector.name, "connector/127.0.0.1:amqp");
    let endpoint = connector.endpoints.first().unwrap();
    assert_eq!((endpoint.scheme, endpoint.host.as_str(), endpoint.port), (Scheme::Amqp, "127.0.0.1", 5672));
    for connection in [&listener.connection, &connector.connection] {
        assert_eq!(connection.sasl, [Mechanism::Anonymous]);
        assert_eq!(connection.max_frame_size, 16_384);
        assert_eq!(connection.max_sessions, 32_768);
        assert_eq!(connection.max_session_frames, None);
        assert_eq!(connection.idle_timeout, Duration::from_secs(16));
        assert_eq!(connection.link_capacity, LinkCapacity { initial: 250, max: 250 });
        assert_eq!(connection.strip_annotations, StripAnnotations::Both);
        assert_eq!(connection.limits, ConnectionLimits { sessions: 32_768, ..ConnectionLimits::default() });
    }
    // The reference waits for ever.
    assert!(listener.connection.handshake_timeout >= Duration::from_secs(365 * 24 * 3600));
    assert_eq!(settings.addresses.first().unwrap().distribution, Distribution::Balanced);
}

#[test]
fn every_problem_comes_at_its_place() {
    let found = problems(
        "router {\n    mode: interior\n}\nsslProfile {\n    name: x\n    certFile: y\n}\nlistener {\n    port: 70000\n    \
         prot: 5\n    authenticatePeer: maybe\n    idleTimeoutSeconds: soon\n    http: yes\n    multiTenant: no\n}\n\
         address {\n    prefix: a\n    pattern: b\n}\naddress {\n    distribution: closets\n}\nlinkRoute {\n}\n\
         lisener {\n}\nnonsense\nautoLink {\n    connection: x\n    phase: 10\n}\n}\nconnector {\n    sslProfile: x\n",
    );
    has(&found, 2, 11, "`interior`");
    has(&found, 6, 5, "`certFile` without `privateKeyFile`");
    has(&found, 9, 11, "out of range");
    has(&found, 10, 5, "unknown attribute of listener");
    has(&found, 11, 23, "`yes` or `no`");
    has(&found, 12, 25, "a whole number");
    has(&found, 13, 5, "`http`");
    has(&found, 20, 1, "address needs `prefix`");
    has(&found, 21, 19, "`closets`");
    has(&found, 25, 1, "unknown entity `lisener`");
    has(&found, 27, 1, "not a line of this form");
    has(&found, 28, 1, "auto-link needs `address`");
    has(&found, 30, 12, "out of range");
    has(&found, 32, 1, "`}` without `{`");
    has(&found, 33, 1, "`{` without `}`");
    assert!(!found.render(false).contains("`multiTenant`"), "what is off needs no serving");
    assert!(!found.render(false).contains("`pattern`"), "what the reference ignores is no problem");
}

#[test]
fn a_problem_is_shown_with_the_text_of_the_conf() {
    let found = problems("listener {\n    port: 70000   # too many\n}\n").render(false);
    let wanted = "error: out of range
   ╭─[qdrouterd.conf:2:11]
 2 │     port: 70000   # too many
   ·           ──┬──
   ·             ╰── it is from 0 to 65535
   ╰────";
    assert_eq!(found.trim_end(), wanted);
}

#[test]
fn problems_in_json_come_at_their_places() {
    let load = |text| reference::load_text("a.json", text, Form::Json).err().unwrap();
    has(&load("[\n  [\"listener\", { \"port\": 70000 }]\n]"), 2, 26, "out of range");
    has(&load("[\n  [\"listener\"]\n]"), 2, 3, "an entity is a pair");
    has(&load("{}"), 1, 1, "a list of pairs");
    has(&load("[\n  [\"listener\" {}]\n]"), 2, 14, "no JSON");
    let found = problems("listener {\n    openProperties: {\n        \"a\": [],\n        \"qd.x\": 1\n    }\n}\n");
    let deep = format!(
        "listener {{\n    openProperties: {{\n        \"a\": {}1{}\n    }}\n}}\n",
        "[".repeat(9),
        "]".repeat(9)
    );
    has(&problems(&deep), 3, 22, "at most 8 deep");
    has(&found, 4, 9, "reserved");
    has(&problems("listener {\n    openProperties: {\n        a: 1\n    }\n}\n"), 3, 9, "no JSON");
    assert!(!load(&"[".repeat(100_000)).is_empty(), "too deep is too deep");
}

#[test]
fn json_is_known_by_how_it_begins() {
    for text in ["[[\"router\", {}]]", "\u{feff} # a comment\n\n  [\n]", "{}"] {
        assert_eq!(Form::of(text), Form::Json, "{text}");
    }
    for text in ["", "# [\nrouter {\n}\n", "listener {\n    openProperties: {\n        \"a\": []\n    }\n}\n"] {
        assert_eq!(Form::of(text), Form::Text, "{text}");
    }
    assert_eq!((Form::of(CONF), Form::of(JSON)), (Form::Text, Form::Json));
    let path = std::env::temp_dir().join(format!("crosstie-config-json-{}.conf", std::process::id()));
    std::fs::write(&path, JSON).unwrap();
    let (loaded, imported) = (reference::load(&path), reference::import(&path));
    std::fs::remove_file(&path).unwrap();
    let wanted = reference::load_text("qdrouterd.json", JSON, Form::Json).unwrap();
    assert_eq!(format!("{:?}", loaded.unwrap().settings.listeners), format!("{:?}", wanted.settings.listeners));
    assert!(imported.is_ok());
}

#[test]
fn lines_that_are_lost_are_one_problem() {
    let found = problems(
        "router \"a\"\nlistener \"b\" {\n    port 5672\n    host \"::1\"\n}\nlistener {\n    port: 0\n    what\n}\n",
    );
    let lost: Vec<_> = places(&found).into_iter().filter(|(_, _, message)| message.contains("not a line")).collect();
    assert_eq!(lost.iter().map(|(line, _, _)| *line).collect::<Vec<_>>(), [1, 8], "{lost:?}");
}

#[test]
fn what_cannot_be_read_is_not_missing_too() {
    for (text, line, what) in [
        ("address {\n    prefix:\n}\n", 2, "an attribute without a value"),
        ("address {\n    prefix: { a\n}\n", 2, "a map in one line"),
        ("autoLink {\n    addr:\n    direction: in\n    connection: c\n}\n", 2, "an attribute without a value"),
        ("autoLink {\n    address: a\n    dir: {\n    }\n    containerId: c\n}\n", 3, "a text is expected"),
        ("linkRoute {\n    prefix: a\n    direction: in\n    connection:\n}\n", 4, "an attribute without a value"),
        ("sslProfile {\n    name:\n}\n", 2, "an attribute without a value"),
        ("log {\n    module: \\x\n    enable: info+\n}\n", 2, "no JSON"),
    ] {
        let found = problems(text);
        let found = places(&found);
        assert!(matches!(&found[..], [(at, _, message)] if *at == line && message.contains(what)), "{text}: {found:?}");
    }
    assert_eq!(
        problems("sslProfile {\n    certFile: a.pem\n}\n").iter().filter(|one| one.message().contains("name")).count(),
        1
    );
    // what is empty, or null, is missing
    has(&problems("address {\n    prefix: \\u0020\n}\n"), 1, 1, "needs `prefix`");
}

#[test]
fn hashes_start_comments_but_for_patterns() {
    let text = "# a comment\naddress { # another\n  pattern: a/# # more\n  distribution: multicast# and more\n}\n\
                address {\n  prefix: b#c\n}\naddress {\n  prefix: d/*/\n}\n";
    let rules = load(text).settings.addresses;
    let covers: Vec<&Covers> = rules.iter().map(|rule| &rule.covers).collect();
    let wildcards = Covers::Pattern("d/*/#".to_owned());
    assert_eq!(covers, [&Covers::Pattern("a/#".to_owned()), &Covers::Prefix("b".to_owned()), &wildcards]);
    assert_eq!(rules.first().unwrap().distribution, Distribution::Multicast);
}

#[test]
fn escapes_are_those_of_json() {
    let settings = load("router {\n id: a\n metadata: say \\\"hi\\\" \\u0041\n}\n").settings;
    assert_eq!(settings.router.metadata.as_deref(), Some("say \"hi\" A"));
    has(&problems("router {\n    metadata: 5\" disk\n}\n"), 2, 18, "no JSON");
}

#[test]
fn what_the_reference_takes_in_silence_is_a_warning() {
    let loaded = load(CONF);
    has(&loaded.warnings, 9, 5, "`debugDumpFile` has no effect");
    has(&loaded.warnings, 53, 5, "plainly");
    has(&loaded.warnings, 70, 5, "`addr` is deprecated");
    has(&loaded.warnings, 79, 5, "`dir` is deprecated");
    assert!(loaded.warnings.render(false).starts_with("warning: "));
    assert!(!loaded.warnings.render(false).contains("geheim"), "a secret is never shown");
    let text = "listener {\n cost: 2\n port: 1\n port: 2\n maxFrameSize: 100\n}\naddress {\n prefix: a\n}\n\
                address {\n prefix: a.\n}\nautoLink {\n address: a\n direction: in\n}\n\
                autoLink {\n address: a\n direction: in\n connection: later\n}\n";
    let loaded = load(text);
    for (line, column, part) in [
        (1, 1, "may manage"),
        (2, 2, "`cost`"),
        (4, 2, "twice"),
        (5, 16, "512"),
        (10, 1, "same addresses"),
        (13, 1, "never attaches"),
        (20, 14, "`later`"),
    ] {
        has(&loaded.warnings, line, column, part);
    }
    let listener = loaded.settings.listeners.first().unwrap();
    assert_eq!((listener.port, listener.connection.max_frame_size), (2, 512), "the last holds");
    assert_eq!((loaded.settings.addresses.len(), loaded.settings.auto_links.len()), (1, 1));
}

#[test]
fn an_ssl_profile_is_a_tls_node_and_what_cannot_be_honoured_is_a_problem() {
    let text = "sslProfile {\n name: x\n ciphers: HIGH\n protocols: TLSv1.1\n uidFormat: nz\n}\nlistener {\n port: 1\n sslProfile: x\n saslMechanisms: EXTERNAL\n}\n\
                listener {\n port: 2\n requireSsl: yes\n}\nconnector {\n port: 3\n sslProfile: y\n saslMechanisms: EXTERNAL\n}\n";
    let found = problems(text);
    for (line, column, part) in [
        (1, 1, "no `caCertFile`"),
        (3, 2, "cipher strings of OpenSSL"),
        (4, 13, "none of these versions"),
        (5, 13, "`z` is no letter"),
        (14, 2, "encryption without an `sslProfile`"),
        (18, 14, "did you mean `x`?"),
    ] {
        let shown = found.render(false);
        assert!(
            shown.contains(&format!(":{line}:{column}]")) && shown.contains(part),
            "{line}:{column} {part}:\n{shown}"
        );
    }
}

#[test]
fn of_two_passwords_of_an_ssl_profile_the_one_that_is_no_file_holds() {
    let text =
        "sslProfile {\n name: x\n caCertFile: tests/data/ca.pem\n password: pass:p\n passwordFile: /nowhere\n}\n";
    has(&load(text).warnings, 5, 2, "no effect beside `password`");
}

#[test]
fn a_port_may_be_named_as_the_machine_names_it() {
    let is_ours = |name: &str| ["amqp", "amqps", "http", "https"].contains(&name);
    let services = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let mut known = services.lines().filter_map(|line| {
        let (name, rest) = line.split_once(char::is_whitespace)?;
        let port: u16 = rest.split_whitespace().next()?.strip_suffix("/tcp")?.parse().ok()?;
        (!is_ours(name)).then_some((name, port))
    });
    let text = |name: &str| format!("listener {{\n port: {name}\n}}\nconnector {{\n port: {name}\n}}\n");
    if let Some((name, port)) = known.next() {
        let settings = load(&text(name)).settings;
        assert_eq!((settings.listeners[0].port, settings.connectors[0].endpoints[0].port), (port, port), "{name}");
    }
    assert_eq!(load(&text("amqps")).settings.listeners[0].port, 5671);
    has(&problems(&text("no-such-service")), 2, 8, "not a port");
}

#[test]
fn versions_and_suites_of_an_ssl_profile_are_those_that_it_names() {
    let profile = |text: &str| format!("sslProfile {{\n name: x\n caCertFile: tests/data/ca.pem\n {text}\n}}\n");
    let read = |text: &str| {
        let loaded = load(&profile(text));
        let tls = loaded.settings.tls.first().unwrap().clone();
        let suites: Vec<_> = tls.cipher_suites.iter().map(|suite| suite.openssl_name()).collect();
        (tls.versions, suites.join(":"), loaded.warnings.render(false))
    };
    let rsa = "ECDHE-RSA-AES256-GCM-SHA384";
    let all_1_3 = "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256";
    let both = vec![TlsVersion::V1_2, TlsVersion::V1_3];
    for (text, versions, suites, warning) in [
        ("", both.clone(), String::new(), ""),
        ("protocols: TLSv1 TLSv1.2", vec![TlsVersion::V1_2], String::new(), "`TLSv1` is not spoken"),
        ("protocols: TLSv1.3", vec![TlsVersion::V1_3], String::new(), ""),
        (&format!("ciphers: {rsa}"), both.clone(), format!("{all_1_3}:{rsa}"), ""),
        (&format!("ciphers: TLS_AES_128_GCM_SHA256:{rsa}"), both, format!("TLS_AES_128_GCM_SHA256:{rsa}"), ""),
        (
            &format!("protocols: TLSv1.2\n ciphers: DHE-RSA-AES128-GCM-SHA256:{rsa}"),
            vec![TlsVersion::V1_2],
            rsa.to_owned(),
            "the cipher suite `DHE-RSA-AES128-GCM-SHA256` is not spoken",
        ),
    ] {
        let found = read(text);
        assert_eq!((found.0, found.1), (versions, suites), "{text}");
        let unspoken = found.2.matches("is not spoken").count();
        assert!(unspoken == usize::from(!warning.is_empty()) && found.2.contains(warning), "{text}: {}", found.2);
    }
    for (text, place, part) in [
        ("ciphers: HIGH:!aNULL", 2, "cipher strings of OpenSSL"),
        (&format!("ciphers: {rsa}:!aNULL"), 2, "cipher strings of OpenSSL"),
        ("ciphers: AES128-SHA", 2, "cipher strings of OpenSSL"),
        ("protocols: TLSv1.2 SSLv23", 13, "`SSLv23` is no version"),
    ] {
        has(&problems(&profile(text)), 4, place, part);
    }
    assert!(problems(&profile("ciphers: HIGH")).render(false).contains(rsa), "the hint names suites");
}

#[test]
fn an_older_name_beside_the_newer_one_is_a_problem() {
    let found = problems("autoLink {\n dir: in\n direction: in\n address: a\n containerId: c\n}\n");
    has(&found, 2, 2, "`dir` beside `direction`");
}

#[test]
fn passwords_have_the_forms_of_the_reference() {
    let password = |text: &str| {
        let text = format!("connector {{\n saslUsername: u\n saslPassword: {text}\n}}\n");
        let loaded = load(&text);
        assert!(!loaded.warnings.render(false).contains("geheim"), "a secret is never shown");
        loaded.settings.connectors.first().unwrap().password.clone().unwrap()
    };
    assert_eq!(password("geheim").text, "geheim");
    assert_eq!(password("pass:geheim").text, "geheim");
    assert_eq!(password("literal:geheim").text, "literal:geheim", "the reference knows no such form here");
    assert_eq!(password("env: PATH").text, std::env::var("PATH").unwrap());
    assert_eq!(password("env:PATH").reference, "env:PATH");
    let found = problems("connector {\n saslPassword: geheim\n saslPassword: geheim\n}\n");
    has(&found, 3, 2, "`saslPassword` without `saslUsername`");
    let found = problems("connector {\n \"saslPassword\": geheim geheim\n saslPassword : geheim }\n");
    assert!(!found.render(false).contains("geheim"), "a secret is never shown:\n{found}");
}

#[test]
fn a_user_in_a_url_is_a_problem_that_shows_no_password() {
    for text in [
        "listener {\n failoverUrls: amqp://user:hunter2@b, amqp://c\n}\n",
        "listener {\n failoverUrls: user:hunter2@b\n}\n",
        "connector {\n host: user:hunter2@b\n}\n",
        "connector {\n host: amqp://user:hunter2@b\n}\n",
    ] {
        let found = problems(text).render(false);
        assert!(found.contains("a user or a password has no place here"), "{text}:\n{found}");
        assert!(!found.contains("hunter2"), "{text}:\n{found}");
        let lines = problems(text).lines().join("\n");
        assert!(!lines.contains("hunter2"), "{lines}");
    }
    let host = ("host".to_owned(), AttributeValue::Text("user:hunter2@b".to_owned()));
    let found = reference::connector(&[host], &[]).unwrap_err();
    assert!(found.contains("a user or a password") && !found.contains("hunter2"), "{found}");
}

#[test]
fn problems_have_the_words_of_the_reference() {
    let found = problems(
        "listener {\n port: abc\n sslProfile: t\n}\nconnector {\n saslUsername: u\n}\nconnector {\n name: d\n host: u:p@h\n}\n\
         sslProfile {\n name: x\n certFile: y\n}\n",
    )
    .render(false);
    for part in [
        "it is a number from 0 to 65535, or the name of a service",
        "no `sslProfile` is named `t`",
        "`saslUsername` without `saslPassword`",
        "as in `saslPassword: env:NAME`",
        "a connector has `saslUsername` and `saslPassword` for them",
        "as in `privateKeyFile: server.key`",
    ] {
        assert!(found.contains(part), "{part} is missing:\n{found}");
    }
    assert!(!found.contains("sasl-") && !found.contains("quotes") && !found.contains("`tls"), "{found}");
    let user = ("saslUsername".to_owned(), AttributeValue::Text("u".to_owned()));
    let found = reference::connector(&[user], &[]).unwrap_err();
    assert_eq!(found, "saslUsername: `saslUsername` without `saslPassword`");
}

#[test]
fn what_is_left_out_or_leads_nowhere_has_its_problems_told() {
    let text = "autoLink {\n addr: q\n dir: both\n}\nlinkRoute {\n prefix: a\n dir: both\n}\n\
                linkRoute {\n prefix: b\n dir: in\n distribution: unavailable\n}\nautoLink {\n dir: in\n}\n";
    let found = problems(text);
    has(&found, 3, 7, "unknown value `both`");
    has(&found, 7, 7, "unknown value `both`");
    has(&found, 12, 16, "unknown distribution");
    has(&found, 14, 1, "auto-link needs `address`");
    let made = reference::link_route(&[
        ("prefix".to_owned(), AttributeValue::Text("a".to_owned())),
        ("direction".to_owned(), AttributeValue::Text("in".to_owned())),
    ]);
    let made = made.unwrap();
    assert_eq!(made.made.container, ContainerRef::Nobody);
    assert!(made.remarks.iter().any(|remark| remark.contains("leads nowhere")), "{:?}", made.remarks);
}

#[test]
fn mechanisms_are_what_the_peers_can_use() {
    let listener = |lines: &str| {
        let text = format!("listener {{\n{lines}\n}}\n");
        load(&text).settings.listeners.first().unwrap().connection.sasl.clone()
    };
    assert_eq!(listener(""), [Mechanism::Anonymous]);
    assert_eq!(listener("saslMechanisms: PLAIN EXTERNAL ANONYMOUS"), [Mechanism::Anonymous]);
    assert_eq!(listener("saslMechanisms: plain External anonymous"), [Mechanism::Anonymous]);
    has(&problems("listener {\n saslMechanisms: PLAIN\n}\n"), 2, 18, "none of these mechanisms");
    has(&problems("listener {\n authenticatePeer: yes\n}\n"), 2, 2, "nobody could authenticate");
    let found = problems("listener {\n authenticatePeer: yes\n saslMechanisms: ANONYMOUS PLAIN\n}\n");
    assert_eq!(found.len(), 1, "{found}");
    let connector = |lines: &str| {
        let text = format!("connector {{\n{lines}\n}}\n");
        load(&text).settings.connectors.first().unwrap().connection.sasl.clone()
    };
    assert_eq!(connector("saslMechanisms: ANONYMOUS PLAIN"), [Mechanism::Anonymous]);
    for names in ["ANONYMOUS PLAIN", "anonymous plain plAIN"] {
        let user = format!("saslUsername: u\nsaslPassword: p\nsaslMechanisms: {names}");
        assert_eq!(connector(&user), [Mechanism::Plain, Mechanism::Anonymous]);
    }
    let all = [Mechanism::ScramSha512, Mechanism::ScramSha256, Mechanism::Plain];
    assert_eq!(connector("saslUsername: u\nsaslPassword: p"), all);
    has(&problems("connector {\n saslMechanisms: PLAIN\n}\n"), 2, 18, "none of these mechanisms");
}

#[test]
fn the_hint_for_mechanisms_says_what_is_missing() {
    for (entity, mechanisms, needed) in [
        ("listener", "EXTERNAL", "name an `sslProfile` that has a `caCertFile`"),
        ("listener", "EXTERNAL PLAIN", "name an `sslProfile` that has a `caCertFile`"),
        ("listener", "PLAIN", "name the users in `user` nodes"),
        ("connector", "EXTERNAL", "EXTERNAL needs an `sslProfile` with a `certFile`"),
        ("connector", "PLAIN", "PLAIN and SCRAM a `saslUsername` and a `saslPassword`"),
    ] {
        let found = problems(&format!("{entity} {{\n saslMechanisms: {mechanisms}\n}}\n")).render(false);
        assert!(found.contains(needed), "{found}");
        assert_eq!(found.contains("Cyrus"), needed.contains("`user`"), "{found}");
    }
}

#[test]
fn failover_urls_follow_the_rules_of_the_reference() {
    let urls = |text: &str| {
        let settings = load(&format!("listener {{\n failoverUrls: {text}\n}}\n")).settings;
        let urls = settings.listeners.first().unwrap().failover_urls.clone();
        urls.into_iter().map(|url| (url.scheme, url.host, url.port)).collect::<Vec<_>>()
    };
    let wanted = [
        (Some(Scheme::Amqp), "third-host".to_owned(), 5671),
        (None, "127.0.0.1".to_owned(), 21_003),
        (Some(Scheme::Amqps), "tls-host".to_owned(), 5672),
    ];
    assert_eq!(urls("amqp:// third-host :5671,127.0.0.1:21003 , amqps://tls-host,"), wanted);
    assert_eq!(urls("[2001:db8::7]"), [(None, "2001:db8::7".to_owned(), 5672)]);
    has(&problems("listener {\n failoverUrls: a,, b\n}\n"), 2, 18, "no host");
    has(&problems("listener {\n failoverUrls: ,a\n}\n"), 2, 16, "no host");
    has(&problems("listener {\n failoverUrls: a, http://b\n}\n"), 2, 19, "not a failover URL");
}

#[test]
fn an_empty_list_of_failover_urls_is_no_absent_one() {
    for empty in ["", " \t"] {
        let text = format!("[[\"listener\", {{\"port\": 0, \"failoverUrls\": \"{}\"}}]]", empty.replace('\t', "\\t"));
        let found = reference::load_text("qdrouterd.json", &text, Form::Json).unwrap_err();
        assert!(found.render(false).contains("an empty list of failover URLs"), "{found}");
        for name in ["failoverUrls", "failoverList"] {
            let asked = [(name.to_owned(), AttributeValue::Text(empty.to_owned()))];
            let answer = reference::listener(&asked, (&[], &[], &[])).err();
            assert_eq!(answer, Some(format!("{name}: an empty list of failover URLs")));
        }
    }
    let absent = [("failoverUrls".to_owned(), AttributeValue::Null)];
    assert!(reference::listener(&absent, (&[], &[], &[])).unwrap().made.failover_urls.is_empty());
}

#[test]
fn roles_between_routers_are_refused_in_the_words_of_the_reference() {
    let role = |mode: &str, kind: &str, role: &str| {
        let found = problems(&format!("router {{\n mode: {mode}\n}}\n{kind} {{\n role: {role}\n}}\n"));
        let last = found.iter().last().unwrap();
        assert_eq!(last.position(), Some((5, 8)));
        last.message().to_owned()
    };
    let standalone = "role='standalone' not allowed to connect to or accept connections from other routers.";
    assert_eq!(role("standalone", "listener", "edge"), standalone);
    assert_eq!(role("standalone", "connector", "inter-router"), standalone);
    let edge = "role='inter-router' only allowed with router mode='interior'";
    assert_eq!(role("edge", "connector", "inter-router"), edge);
    assert_eq!(role("edge", "listener", "edge"), "role='edge' only allowed with router mode='interior'");
}

#[test]
fn logs_of_modules_become_levels_of_areas() {
    let log = |text: &str| load(text).settings.log;
    let read = log("log {\n module: DEFAULT\n enable: trace+\n outputFile: stdout\n}\n\
                    log {\n module: SERVER\n enable: warning, debug\n}\nlog {\n module: AGENT\n enable: none\n}\n\
                    log {\n module: PROTOCOL\n enable: trace+\n}\n");
    assert_eq!((read.level, read.output), (LogLevel::Trace, LogOutput::Stdout));
    let of = [("connection", LogLevel::Debug), ("network", LogLevel::Debug), ("management", LogLevel::Error)];
    assert_eq!(read.of, of.map(|(area, level)| (area.to_owned(), level)));
    let read = log("log {\n module: DEFAULT\n enable: WARN+\n outputFile: a.log\n}\n");
    assert_eq!((read.level, read.output), (LogLevel::Warn, LogOutput::File("a.log".into())));
    has(&problems("log {\n module: DEFAULT\n enable: lots\n}\n"), 3, 10, "unknown level `lots`");
    let loaded = load("log {\n module: SERVER\n outputFile: syslog\n}\n");
    has(&loaded.warnings, 3, 2, "there is one log");
    assert_eq!(loaded.settings.log.output, LogOutput::Stderr);
    has(&problems("log {\n module: DEFAULT\n outputFile: syslog\n}\n"), 3, 14, "`syslog`");
    has(&problems("log {\n module: DEFAULT\n}\nlog {\n module: DEFAULT\n}\n"), 5, 10, "a second log");
    has(&problems("log {\n enable: info\n}\n"), 1, 1, "log needs `module`");
}

#[test]
fn a_policy_without_vhosts_limits_the_connections() {
    let text = "policy {\n    maxConnections: 50\n    enableVhostPolicy: no\n}\n";
    assert_eq!(load(text).settings.limits.connections, 50);
    has(&problems("policy {\n    enableVhostPolicy: yes\n}\n"), 2, 5, "`enableVhostPolicy`");
}

fn attributes(given: &[(&str, AttributeValue)]) -> Vec<(String, AttributeValue)> {
    given.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::Text(text.to_owned())
}

#[test]
fn a_request_makes_what_a_file_makes() {
    let tags = AttributeValue::List(vec![text("a"), AttributeValue::Map(vec![("b".to_owned(), AttributeValue::Null)])]);
    let properties = vec![("site".to_owned(), text("berlin")), ("tags".to_owned(), tags)];
    let listener = reference::listener(
        &attributes(&[
            ("name", text("new")),
            ("host", text("127.0.0.1")),
            ("port", text("5700")),
            ("maxFrameSize", AttributeValue::Integer(4096)),
            ("authenticatePeer", AttributeValue::Bool(false)),
            ("openProperties", AttributeValue::Map(properties)),
        ]),
        (&[], &[], &[]),
    );
    let file = "listener {\n name: new\n host: 127.0.0.1\n port: 5700\n maxFrameSize: 4096\n openProperties: {\n\
                \"site\": \"berlin\", \"tags\": [\"a\", { \"b\": null }]\n }\n}\n";
    let mut wanted = load(file).settings.listeners.remove(0);
    wanted.management = None;
    assert_eq!(format!("{:?}", listener.unwrap().made), format!("{wanted:?}"));
    let rule = reference::address(&attributes(&[("prefix", text("a")), ("priority", AttributeValue::Integer(3))]));
    assert_eq!(rule.unwrap().made.priority, Some(3));
    let connector = reference::connector(&attributes(&[("port", AttributeValue::Integer(7))]), &[]).unwrap().made;
    assert_eq!(connector.name, "connector/127.0.0.1:7");
}

#[test]
fn a_request_offers_passwords_where_there_are_users() {
    let secret = Secret { text: "p".to_owned(), reference: "literal:***".to_owned() };
    let users = [User { name: "alice".to_owned(), password: secret }];
    let given = attributes(&[("authenticatePeer", text("yes")), ("saslMechanisms", text("PLAIN"))]);
    let listener = reference::listener(&given, (&users, &[], &[])).unwrap().made;
    assert!(listener.authenticate_peer);
    assert_eq!(listener.connection.sasl, [Mechanism::Plain]);
    assert!(reference::listener(&given, (&[], &[], &[])).unwrap_err().starts_with("saslMechanisms: "));
}

#[test]
fn a_request_tells_what_has_no_effect() {
    let given = [("cost", AttributeValue::Integer(7)), ("healthz", text("no")), ("port", text("0"))];
    let listener = reference::listener(&attributes(&given), (&[], &[], &[])).unwrap();
    let wanted = [
        "cost: `cost` has no effect: it counts between routers alone",
        "healthz: `healthz` has no effect: `http` is not on",
    ];
    assert_eq!(listener.remarks, wanted);
    let given = [
        ("saslUsername", text("u")),
        ("saslPassword", text("secret")),
        ("saslMechanisms", text("PLAIN GSSAPI")),
        ("allowRedirect", AttributeValue::Bool(true)),
    ];
    let connector = reference::connector(&attributes(&given), &[]).unwrap();
    assert_eq!(
        connector.remarks,
        [
            "saslMechanisms: `GSSAPI` is not used: this build does not serve it",
            "allowRedirect: `allowRedirect` has no effect: the reference does not use it either",
        ]
    );
    assert!(reference::address(&attributes(&[("prefix", text("a"))])).unwrap().remarks.is_empty());
}

#[test]
fn a_request_that_is_wrong_names_the_attribute() {
    let listener =
        |given: &[(&str, AttributeValue)]| reference::listener(&attributes(given), (&[], &[], &[])).unwrap_err();
    assert_eq!(listener(&[("port", text("77777"))]), "port: out of range: it is from 0 to 65535");
    assert_eq!(
        listener(&[("host", text("0.0.0.0")), ("port", text("77777")), ("role", text("inter-router"))]),
        "role='standalone' not allowed to connect to or accept connections from other routers."
    );
    assert!(listener(&[("prot", text("1"))]).starts_with("prot: unknown attribute of listener"));
    assert!(listener(&[("sslProfile", text("x"))]).starts_with("sslProfile: "));
    let nested =
        vec![("a".to_owned(), AttributeValue::Map(vec![("b".to_owned(), AttributeValue::Float(f64::INFINITY))]))];
    assert!(listener(&[("openProperties", AttributeValue::Map(nested))]).starts_with("openProperties: "));
    let address = |given: &[(&str, AttributeValue)]| reference::address(&attributes(given)).unwrap_err();
    assert_eq!(address(&[]), "address needs `prefix`");
    assert!(address(&[("prefix", text("a")), ("pattern", text("b"))]).starts_with("pattern: "));
    for password in ["env:PATH", "file:/etc/passwd"] {
        let given = [("saslUsername", text("u")), ("saslPassword", text(password))];
        assert!(reference::connector(&attributes(&given), &[]).unwrap_err().starts_with("saslPassword: "));
    }
}

#[test]
fn attributes_that_kdl_shares_with_the_reference_are_read_and_shown() {
    let text = "router \"a\" { metadata \"rack 7\"; }\nlistener \"l\" { max-session-frames 9; socket-address-family \"IPv6\"; }\n";
    let loaded = load_text("a.kdl", text).unwrap_or_else(|problems| panic!("{problems}"));
    let shown = load_text("shown", &loaded.show()).unwrap_or_else(|problems| panic!("{problems}"));
    assert_eq!(format!("{:?}", shown.settings), format!("{:?}", loaded.settings));
    assert_eq!(loaded.settings.listeners.first().unwrap().connection.max_session_frames, Some(9));
    for wrong in ["max-session-frames 0", "max-session-frames 2147483648", "socket-address-family \"IPv5\""] {
        assert!(load_text("a.kdl", &format!("listener \"l\" {{ {wrong}; }}\n")).is_err(), "{wrong}");
    }
}

/// Pieces of configurations, so that some of what is put together is almost right.
fn piece() -> impl Strategy<Value = String> {
    let words = [
        "router",
        "listener",
        "connector",
        "address",
        "autoLink",
        "log",
        "policy",
        "{",
        "}",
        "\n",
        "\n",
        " ",
        ":",
        ",",
        "#",
        "\"",
        "\\",
        "[",
        "]",
        "port",
        "name",
        "host",
        "pattern",
        "openProperties",
        "failoverUrls",
        "saslPassword",
        "saslMechanisms",
        "enable",
        "module",
        "DEFAULT",
        "yes",
        "5672",
        "-1",
        "null",
        "env:X",
        "a/#",
        "ü",
    ];
    prop_oneof![4 => prop::sample::select(words.to_vec()).prop_map(str::to_owned), 1 => "\\PC{0,6}"]
}

/// Whole entities with arbitrary attributes.
fn entity() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(vec!["router", "listener", "connector", "address", "autoLink", "log", "policy"]);
    let keys = vec![
        "id",
        "mode",
        "workerThreads",
        "name",
        "host",
        "port",
        "role",
        "maxFrameSize",
        "maxSessions",
        "maxSessionFrames",
        "idleTimeoutSeconds",
        "linkCapacity",
        "stripAnnotations",
        "failoverUrls",
        "saslMechanisms",
        "saslUsername",
        "saslPassword",
        "authenticatePeer",
        "prefix",
        "pattern",
        "phase",
        "priority",
        "direction",
        "dir",
        "module",
        "enable",
        "outputFile",
        "initialHandshakeTimeoutSeconds",
        "address",
        "connection",
        "maxConnections",
    ];
    let values = prop_oneof![any::<i128>().prop_map(|number| number.to_string()), "[a-z:,/.#*\\[\\]\\\\\"ü +-]{1,12}"];
    let lines = prop::collection::vec((prop::sample::select(keys), values), 0..6);
    (kinds, lines).prop_map(|(kind, lines)| {
        let lines: String = lines.iter().map(|(key, value)| format!("  {key}: {value}\n")).collect();
        format!("{kind} {{\n{lines}}}\n")
    })
}

fn harmless(text: &str, form: Form) -> Result<(), TestCaseError> {
    match reference::load_text("any", text, form) {
        Ok(loaded) => {
            prop_assert!(loaded.warnings.is_empty() || !loaded.warnings.render(false).is_empty());
            prop_assert!(!loaded.show().is_empty());
        }
        Err(problems) => {
            prop_assert!(!problems.render(false).is_empty());
            let lines = text.split('\n').count();
            for problem in problems.iter() {
                prop_assert!(problem.position().is_some_and(|(line, _)| line <= lines), "{problem}");
            }
        }
    }
    // a problem of the text has a place; that the KDL does not mean the same has none
    if let Err(problems) = reference::import_text("any", text, form) {
        prop_assert!(problems.iter().all(|problem| problem.position().is_some()), "{problems}");
    }
    Ok(())
}

proptest! {
    #[test]
    fn no_text_does_harm(pieces in prop::collection::vec(piece(), 0..60)) {
        let text = pieces.concat();
        harmless(&text, Form::Text)?;
        harmless(&text, Form::Json)?;
    }

    #[test]
    fn no_attribute_does_harm(entities in prop::collection::vec(entity(), 0..6)) {
        harmless(&entities.concat(), Form::Text)?;
    }

    #[test]
    fn no_request_does_harm(key in "[a-zA-Z-]{0,12}", value in "\\PC{0,12}", number in any::<i64>()) {
        let given = [(key.clone(), text(&value)), ("port".to_owned(), AttributeValue::Integer(number))];
        for made in [
            reference::listener(&given, (&[], &[], &[])).err(),
            reference::connector(&given, &[]).err(),
            reference::address(&given).err(),
        ] {
            prop_assert!(made.is_none_or(|message| !message.is_empty()));
        }
    }
}

#[test]
fn external_requires_a_certificate_whatever_parts_the_mechanisms() {
    let tls = Tls {
        name: "p".to_owned(),
        certificate: Some("c.pem".into()),
        private_key: Some("k.pem".into()),
        password: None,
        ca: Authorities::File("ca.pem".into()),
        client_certificate: ClientCertificate::Request,
        versions: Vec::new(),
        cipher_suites: Vec::new(),
        user_name: Vec::new(),
        user_names: None,
    };
    for (mechanisms, requires) in [
        ("EXTERNAL", true),
        ("external", true),
        ("ANONYMOUS,EXTERNAL", true),
        ("EXTERNAL\tANONYMOUS", true),
        ("ANONYMOUS", false),
    ] {
        let given =
            attributes(&[("port", text("5671")), ("sslProfile", text("p")), ("saslMechanisms", text(mechanisms))]);
        let listener = reference::listener(&given, (&[], std::slice::from_ref(&tls), &[])).unwrap().made;
        assert_eq!(listener.tls.unwrap().requires_certificate, requires, "{mechanisms:?}");
    }
}

#[test]
fn what_a_log_writes_otherwise_is_flagged() {
    let text = "router {\n    id: r\n}\nlog {\n    module: DEFAULT\n    enable: debug,critical\n    includeTimestamp: no\n    \
                includeSource: yes\n}\nlog {\n    module: SERVER\n    enable: trace+\n    includeTimestamp: yes\n}\n";
    let loaded = reference::load_text("qdrouterd.conf", text, Form::Text).expect("a good one");
    let warnings: Vec<_> = loaded.warnings.iter().map(|warning| (warning.position(), warning.message())).collect();
    let wanted =
        ["served as `debug` and all that is worse", "each line of the log has its time", "name no source file"];
    for (line, part) in (6..).zip(wanted) {
        let found = warnings.iter().any(|(at, said)| at.is_some_and(|(at, _)| at == line) && said.contains(part));
        assert!(found, "{part}: {warnings:?}");
    }
    assert!(!warnings.iter().any(|(at, _)| at.is_some_and(|(at, _)| at > 9)), "{warnings:?}");
}

#[test]
fn a_family_beside_an_address_of_the_other_one_has_no_effect() {
    for (entity, host, name, family, stays) in [
        ("listener", "127.0.0.1", "socketAddressFamily", "IPv6", false),
        ("listener", "::1", "socketAddressFamily", "IPv6", true),
        ("listener", "localhost", "socketAddressFamily", "IPv6", true),
        ("connector", "::1", "protocolFamily", "IPv4", false),
        ("connector", "127.0.0.1", "protocolFamily", "IPv4", true),
    ] {
        let text =
            format!("router {{\n    id: r\n}}\n{entity} {{\n    host: {host}\n    port: 1\n    {name}: {family}\n}}\n");
        let loaded = reference::load_text("qdrouterd.conf", &text, Form::Text).expect("a good one");
        let warned = loaded.warnings.iter().any(|warning| warning.message().contains("an address of the other family"));
        let shown = loaded.show().contains(&format!("socket-address-family {family}"));
        assert_eq!((warned, shown), (!stays, stays), "{text}");
    }
}
