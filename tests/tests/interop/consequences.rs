//! What the router refuses by itself because of a plugin's answer, and what of an answer it does not follow: told with that answer.

use std::time::Instant;

use crosstie_tests::frame::{Frame, Performative, condition, data_message};
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{begin, receiver, sender, transfer};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module};
use crosstie_tests::router::{Router, field, plain_kdl};
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::messaging::DeliveryState;
use serde_json::Value;

use crate::distribution::{attach_anonymous, message_to};

/// The answer of one hook, with a note.
fn answer(hook: &str, case: &str, mut fields: Vec<(&str, Cbor<'_>)>) -> Vec<u8> {
    fields.push(("note", Cbor::Text("rule 5")));
    module(&[(hook, Hook::Answer(Cbor::Map(vec![(case, Cbor::Map(fields))]).bytes()))])
}

fn limit(hook: &str, name: &str, limit: u64) -> Vec<u8> {
    answer(hook, "allow", vec![("limits", Cbor::Map(vec![(name, Cbor::Uint(limit))]))])
}

fn treatment(treatment: Cbor<'_>) -> Vec<u8> {
    answer("on_address", "apply", vec![("treatment", treatment)])
}

/// A router with `rules` alone, which is asked about the listener `guests`; `guests` is what that has besides.
fn router(rules: &[u8], guests: &str) -> Router {
    let dir = TestDir::new("consequences");
    dir.write("plugins/rules.wasm", rules);
    let guests = format!("listener \"guests\" {{\n    host \"127.0.0.1\"\n    port 0\n    {guests}\n}}");
    let only = "plugins \"plugins\"\nplugin \"rules\" {\n    only listener=\"guests\"\n}";
    Router::start_in(dir, &plain_kdl(&format!("{guests}\n{only}\n")))
}

fn guest(router: &Router) -> Peer {
    Peer::session(router.addr("guests"), "guest")
}

fn explain(router: &Router, arguments: &[&str]) -> String {
    let (status, said, error) = router.ask(&[&["explain"], arguments].concat());
    assert_eq!(status, Some(0), "{said}{error}");
    said
}

/// What a peer does that is refused.
#[derive(Debug, Clone, Copy)]
enum Deed {
    Sender,
    Receiver,
    TwoSessions,
    TwoLinks,
    LongFrame,
    LongMessage,
    Silence,
    Message,
}

/// Does it, and says what the peer is told.
fn refused(router: &Router, deed: Deed) -> Error {
    let mut peer = guest(router);
    match deed {
        Deed::Sender => peer.send(0, &sender(0, "secret")),
        Deed::Receiver => peer.send(0, &receiver(0, "secret")),
        Deed::TwoSessions => peer.send(1, &begin(None)),
        Deed::TwoLinks => {
            peer.attach_receiver(0, 0, "a", 1);
            peer.send(0, &receiver(1, "a"));
        }
        Deed::LongFrame | Deed::LongMessage => {
            let mut consumer = Peer::session(router.clients(), "consumer");
            consumer.attach_receiver(0, 0, "a", 1);
            peer.attach_sender(0, 0, "a");
            peer.expect_credit();
            peer.send_message(0, 0, 0, &[7; 2000]);
        }
        Deed::Silence => {}
        Deed::Message => {
            attach_anonymous(&mut peer, 0);
            peer.send_with(0, &transfer(0, 0), &message_to("secret"));
            let DeliveryState::Rejected(rejected) = peer.expect_outcome(0) else { panic!("it is rejected") };
            return rejected.error.expect("the reason");
        }
    }
    let error = peer.expect("the reason", |frame| match &frame.performative {
        Performative::Close(close) => Some(close.error.clone()),
        Performative::Detach(detach) => Some(detach.error.clone()),
        _ => None,
    });
    error.expect("the reason")
}

/// Plugin, note and sequence that a peer is told.
fn told(error: &Error) -> Option<(String, String, String)> {
    let info = error.info.as_ref()?;
    let text = |key: &str| {
        info.iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| format!("{value:?}")).unwrap_or_default()
    };
    Some((text("plugin"), text("note"), text("sequence")))
}

/// The refusals that are remembered of the connection in a line of the log.
fn remembered(router: &Router, line: &str) -> Vec<Value> {
    let id = field(line, "connection").expect("a connection");
    let found: Value = serde_json::from_str(&explain(router, &["connection", id, "--json"])).expect("JSON");
    found["refusals"].as_array().expect("a list").clone()
}

/// Answers, what is refused because of them, with which condition, as what it is remembered, and how its line of the log begins.
fn cases() -> Vec<(Vec<u8>, Deed, &'static str, &'static str, &'static str)> {
    const LIMIT: &str = "amqp:resource-limit-exceeded";
    const FRAMING: &str = "amqp:connection:framing-error";
    const SIZE: &str = "amqp:link:message-size-exceeded";
    let unavailable = || treatment(Cbor::Text("unavailable"));
    let nobody = treatment(Cbor::Map(vec![("link-route", Cbor::Text("nobody"))]));
    let granted = |name, max| limit("on_connection", name, max);
    vec![
        (unavailable(), Deed::Sender, "amqp:not-found", "address", "link refused"),
        (unavailable(), Deed::Message, "amqp:not-found", "address", "message rejected"),
        (nobody, Deed::Receiver, "qd:no-route-to-dest", "address", "link refused"),
        (granted("senders", 0), Deed::Sender, LIMIT, "link", "link refused"),
        (granted("receivers", 0), Deed::Receiver, LIMIT, "link", "link refused"),
        (granted("sessions", 1), Deed::TwoSessions, FRAMING, "connection", "closed"),
        (granted("links", 1), Deed::TwoLinks, FRAMING, "connection", "closed"),
        (granted("max-frame-size", 512), Deed::LongFrame, FRAMING, "connection", "closed"),
        (granted("idle-timeout-ms", 200), Deed::Silence, LIMIT, "connection", "closed"),
        (granted("max-message-size", 1000), Deed::LongMessage, SIZE, "link", "link detached"),
        (limit("on_link", "max-message-size", 1000), Deed::LongMessage, SIZE, "link", "link detached"),
    ]
}

#[test]
fn a_refusal_that_follows_from_an_answer_has_its_plugin_note_and_sequence() {
    for (rules, deed, wanted, what, phrase) in cases() {
        let mut router = router(&rules, "");
        let error = refused(&router, deed);
        assert_eq!(condition(&error.condition), wanted, "{deed:?}");
        let (line, _) = router.wait_log(0, DEADLINE, &[phrase, "plugin=\"rules\""]);
        for part in ["note=\"rule 5\"", "connection=", "peer.addr=127.0.0.1:", &format!("condition=\"{wanted}\"")] {
            assert!(line.contains(part), "{deed:?}: no {part} in {line}");
        }
        let sequence = field(&line, "sequence").expect("a sequence");
        let by = ("String(\"rules\")".to_owned(), "String(\"rule 5\")".to_owned(), format!("Ulong({sequence})"));
        assert_eq!(told(&error), Some(by), "{deed:?}");
        let refusals = remembered(&router, &line);
        assert_eq!(refusals.len(), 1, "{deed:?}: {refusals:?}");
        let (refusal, step) = (&refusals[0], &refusals[0]["decisions"][0]);
        assert_eq!((refusal["what"].as_str(), refusal["condition"].as_str()), (Some(what), Some(wanted)), "{deed:?}");
        assert_eq!((step["plugin"].as_str(), step["note"].as_str()), (Some("rules"), Some("rule 5")), "{refusal}");
        assert_eq!(step["sequence"].to_string(), sequence, "{refusal}");
        if what == "address" {
            assert_eq!(refusal["address"], "secret", "{refusal}");
        }
        router.assert_healthy();
    }
}

#[test]
fn a_listener_keeps_whose_answer_it_was_to_itself() {
    for (rules, deed, wanted, _, phrase) in cases() {
        let router = router(&rules, "explain-refusals #false");
        let error = refused(&router, deed);
        assert_eq!((condition(&error.condition).as_str(), &error.info), (wanted, &None), "{deed:?}");
        router.wait_log(0, DEADLINE, &[phrase, "plugin=\"rules\"", "note=\"rule 5\""]);
    }
}

/// Of two grants the lower limit holds, and the answer with it is told.
#[test]
fn a_merged_limit_is_the_plugins_whose_is_lowest() {
    let dir = TestDir::new("consequences");
    for (name, senders) in [("a", 5), ("rules", 0), ("z", 3)] {
        dir.write(&format!("plugins/{name}.wasm"), limit("on_connection", "senders", senders));
    }
    let guests = "listener \"guests\" {\n    host \"127.0.0.1\"\n    port 0\n}\nplugins \"plugins\"\n";
    let router = Router::start_in(dir, &plain_kdl(guests));
    let plugin = told(&refused(&router, Deed::Sender)).map(|(plugin, ..)| plugin);
    assert_eq!(plugin.as_deref(), Some("String(\"rules\")"));
}

#[test]
fn a_limit_of_the_configuration_is_no_plugins() {
    let own = "limits {\n        max-message-size \"1KiB\"\n        links 1\n    }";
    for (rules, deed) in [
        (limit("on_connection", "max-message-size", 5000), Deed::LongMessage),
        (limit("on_link", "max-message-size", 1024), Deed::LongMessage),
        (limit("on_connection", "links", 2), Deed::TwoLinks),
    ] {
        let router = router(&rules, own);
        assert_eq!(refused(&router, deed).info, None, "{deed:?}");
        let (line, _) = router.wait_log(
            0,
            DEADLINE,
            &["error=\"", if matches!(deed, Deed::TwoLinks) { "closed" } else { "too long" }],
        );
        assert!(!line.contains("plugin="), "{line}");
    }
}

#[test]
fn a_treatment_that_contradicts_an_address_in_use_is_counted_and_told_once() {
    let mut router = router(&treatment(Cbor::Text("multicast")), "");
    // those whom the plugin is not asked about were there before
    let mut before = Peer::session(router.clients(), "before");
    before.attach_receiver(0, 0, "secret", 10);
    let mut peer = guest(&router);
    peer.attach_receiver(0, 0, "secret", 1);
    peer.attach_sender(0, 1, "secret");
    // what agrees is none
    peer.attach_receiver(0, 2, "fresh", 1);
    peer.attach_receiver(0, 3, "fresh", 1);
    attach_anonymous(&mut peer, 4);
    peer.send_with(0, &transfer(4, 0), &message_to("secret"));
    let count = || router.stat("plugins")[0]["contradictions"].as_u64().expect("a number");
    let begun = Instant::now();
    while count() < 3 {
        assert!(begun.elapsed() < DEADLINE, "{} are counted", count());
    }
    assert_eq!(count(), 3, "of a receiver, a sender and a message");
    let addresses = router.stat("addresses");
    let row = addresses.iter().find(|row| row["key"] == "M0secret").expect("the address");
    assert_eq!(row["distribution"], "balanced", "{row}");
    let (line, mark) = router.wait_log(0, DEADLINE, &["a treatment is ignored", "address=\"secret\""]);
    for part in ["WARN", "treatment=\"multicast\"", "live=\"balanced\"", "plugin=\"rules\"", "note=\"rule 5\""] {
        assert!(line.contains(part), "no {part} in {line}");
    }
    let said = explain(&router, &["link", "sender-1"]);
    assert!(said.contains("treatment=multicast (ignored: the address is in use as balanced)"), "{said}");
    assert_eq!(router.terminate().code(), Some(0));
    router.wait_log(mark, DEADLINE, &["stopped"]);
    let lines = router.process().lines(crosstie_tests::process::Stream::Err);
    assert_eq!(lines.iter().filter(|line| line.contains("a treatment is ignored")).count(), 1);
}

/// As a priority in the configuration: an address that it makes has it, and nothing else follows.
#[test]
fn a_priority_is_kept_with_the_address() {
    let rules = answer("on_address", "apply", vec![("priority", Cbor::Uint(7))]);
    let router = router(&rules, "");
    let mut peer = guest(&router);
    peer.attach_receiver(0, 0, "urgent", 1);
    let rows = router.stat("addresses");
    let row = rows.iter().find(|row| row["key"] == "M0urgent").expect("the address");
    assert_eq!(row["priority"], 7, "{row}");
    let said = explain(&router, &["link", "receiver-0"]);
    assert!(said.contains("apply; note \"rule 5\"; priority=7"), "{said}");
    let failures = router.stat("plugins")[0]["failures"].to_string();
    assert_eq!(failures, "{}", "no bad answer");
    // beyond the range it is one
    let rules = answer("on_address", "apply", vec![("priority", Cbor::Uint(10))]);
    let router = self::router(&rules, "");
    guest(&router).attach_receiver(0, 0, "urgent", 1);
    router.wait_log(0, DEADLINE, &["`priority` is no number up to 9"]);
}

/// Those whom a plugin puts into a phase meet each other there, and nobody who is elsewhere.
#[test]
fn a_phase_is_an_address_of_its_own() {
    let router = router(&answer("on_address", "apply", vec![("phase", Cbor::Uint(3))]), "");
    let mut inside = guest(&router);
    inside.attach_receiver(0, 0, "a", 10);
    let keys: Vec<_> = router.stat("addresses").iter().map(|row| row["key"].clone()).collect();
    assert!(keys.contains(&"M3a".into()) && !keys.contains(&"M0a".into()), "{keys:?}");
    let mut outside = Peer::session(router.clients(), "outside");
    outside.attach_receiver(0, 0, "a", 10);
    let mut peer = guest(&router);
    peer.attach_sender(0, 0, "a");
    peer.expect_credit();
    attach_anonymous(&mut peer, 1);
    peer.send_message(0, 0, 0, b"by link");
    peer.send_with(0, &transfer(1, 1), &message_to("a"));
    for _ in 0..2 {
        inside.expect_transfer();
    }
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, "a");
    producer.expect_credit();
    producer.send_message(0, 0, 0, b"outside");
    assert_eq!(outside.expect_transfer().1, data_message(b"outside"));
    let to_others = |frame: &Frame| matches!(frame.performative, Performative::Transfer(_));
    assert!(!inside.frames_until_begin(1).iter().any(to_others));
}
