//! Refusals explain themselves: for every hook the peer, the log and `crosstie explain` have plugin, note and sequence, and a listener may
//! keep them from the peer.

use crosstie_tests::frame::{AMQP_HEADER, Performative, condition};
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{begin, open, sender, transfer};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::process::Stream;
use crosstie_tests::router::{Router, field, plain_kdl};
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::messaging::DeliveryState;
use fe2o3_amqp_types::performatives::Open;
use serde_amqp::Value;

use crate::distribution::{attach_anonymous, message_to};

fn denying(hook: &str, refusal: Cbor<'_>) -> Vec<u8> {
    let denial = if hook == "address" { Cbor::Map(vec![("refusal", refusal)]) } else { refusal };
    module(&[(&format!("on_{hook}"), Hook::Answer(Cbor::Map(vec![("deny", denial)]).bytes()))])
}

fn custom() -> Cbor<'static> {
    refusal("test:custom", "not here", "rule 9")
}

fn router(plugin: Vec<u8>, explains: bool) -> Router {
    let dir = TestDir::new("refusals");
    dir.write("plugins/rules.wasm", plugin);
    let explain = format!("port 0\n    explain-refusals #{explains}\n");
    Router::start_in(dir, &plain_kdl("plugins \"plugins\"").replace("port 0\n", &explain))
}

/// What a peer is told that gets as far as `hook`; `anonymous`: by a message.
fn refused(router: &Router, hook: &str, anonymous: bool) -> Error {
    let mut peer = Peer::dial(router.clients());
    peer.send_bytes(&AMQP_HEADER);
    peer.send(0, &open("refused"));
    peer.expect_header(AMQP_HEADER);
    if hook != "connection" {
        peer.send(0, &begin(None));
    }
    if hook == "address" && anonymous {
        peer.expect("begin", |frame| matches!(frame.performative, Performative::Begin(_)).then_some(()));
        attach_anonymous(&mut peer, 0);
        peer.send_with(0, &transfer(0, 0), &message_to("secret"));
        let DeliveryState::Rejected(rejected) = peer.expect_outcome(0) else { panic!("it is rejected") };
        return rejected.error.expect("the reason");
    }
    if matches!(hook, "link" | "address") {
        peer.send(0, &sender(0, "secret"));
    }
    let error = peer.expect("the reason", |frame| match &frame.performative {
        Performative::Close(close) => Some(close.error.clone()),
        Performative::End(end) => Some(end.error.clone()),
        Performative::Detach(detach) => Some(detach.error.clone()),
        _ => None,
    });
    error.expect("the reason")
}

fn info(error: &Error, key: &str) -> Option<Value> {
    let info = error.info.as_ref()?;
    info.iter().find(|(known, _)| known.as_str() == key).map(|(_, value)| value.clone())
}

/// The line of the log about a refusal has what the peer was told, and more.
fn assert_logged(router: &mut Router, hook: &str, parts: &[&str]) -> String {
    let verb = if hook == "connection" { "connection refused".to_owned() } else { format!("{hook} denied") };
    let (line, _) = router.wait_log(0, DEADLINE, &[&verb, "plugin=\"rules\""]);
    for part in ["connection=", "peer.addr=127.0.0.1:", "INFO"].iter().chain(parts) {
        assert!(line.contains(part), "no {part} in {line}");
    }
    field(&line, "sequence").expect("a sequence").to_owned()
}

const WAYS: [(&str, bool); 5] =
    [("connection", false), ("session", false), ("link", false), ("address", false), ("address", true)];

#[test]
fn every_refusal_tells_plugin_note_and_the_sequence_of_its_line_in_the_log() {
    for (hook, anonymous) in WAYS {
        let mut router = router(denying(hook, custom()), true);
        let error = refused(&router, hook, anonymous);
        assert_eq!(
            (condition(&error.condition).as_str(), error.description.as_deref()),
            ("test:custom", Some("not here"))
        );
        assert_eq!(info(&error, "plugin"), Some(Value::from("rules")), "{hook}");
        assert_eq!(info(&error, "note"), Some(Value::from("rule 9")), "{hook}");
        let parts = ["note=\"rule 9\"", "condition=\"test:custom\"", "error=\"not here\""];
        let sequence = assert_logged(&mut router, hook, &parts);
        assert_eq!(
            info(&error, "sequence").map(|value| format!("{value:?}")),
            Some(format!("Ulong({sequence})")),
            "{hook}"
        );
        // and no other line says the same
        assert_eq!(router.terminate().code(), Some(0));
        router.wait_log(0, DEADLINE, &["stopped"]);
        let lines = router.process().lines(Stream::Err);
        let told = lines.iter().filter(|line| line.contains("not here")).count();
        assert_eq!(told, 1, "{hook} {anonymous}:\n{}", lines.join("\n"));
    }
}

#[test]
fn a_peer_of_small_frames_is_told_at_least_who_refused_and_by_which_sequence() {
    let note = "n".repeat(1000);
    let denial = Cbor::Map(vec![("deny", refusal("test:custom", "not here", &note))]).bytes();
    let mut router = router(module(&[("on_link", Hook::Answer(denial))]), true);
    let mut peer = Peer::dial(router.clients());
    peer.send_bytes(&AMQP_HEADER);
    peer.send(0, &Open { max_frame_size: 512.into(), ..open("small") });
    peer.expect_header(AMQP_HEADER);
    peer.send(0, &begin(None));
    peer.send(0, &sender(0, "a"));
    let error = peer.expect("detach", |frame| match &frame.performative {
        Performative::Detach(detach) => Some(detach.error.clone()),
        _ => None,
    });
    let error = error.expect("the reason");
    assert_eq!((condition(&error.condition).as_str(), error.description.as_deref()), ("test:custom", Some("not here")));
    let sequence = assert_logged(&mut router, "link", &[]);
    assert_eq!((info(&error, "plugin"), info(&error, "note")), (Some(Value::from("rules")), None));
    assert_eq!(info(&error, "sequence").map(|value| format!("{value:?}")), Some(format!("Ulong({sequence})")));
}

#[test]
fn a_listener_keeps_all_of_it_to_itself() {
    for (hook, anonymous) in WAYS {
        let mut router = router(denying(hook, custom()), false);
        let error = refused(&router, hook, anonymous);
        assert_eq!(
            (condition(&error.condition).as_str(), error.description.as_deref()),
            ("test:custom", Some("not here"))
        );
        assert_eq!(error.info, None, "{hook}");
        // whoever runs the router knows it all the same
        assert_logged(&mut router, hook, &["note=\"rule 9\""]);
    }
}

/// A redirect says where to go in its own info; what a listener explains stands beside it, in place of equal keys.
#[test]
fn a_refusals_own_info_reaches_the_peer() {
    let entry = |key, case, value| Cbor::Map(vec![("key", Cbor::Text(key)), ("val", Cbor::Map(vec![(case, value)]))]);
    for (hook, anonymous) in WAYS {
        let own = Cbor::Array(vec![
            entry("network-host", "text", Cbor::Text("b.test")),
            entry("port", "uint", Cbor::Uint(5671)),
            entry("note", "text", Cbor::Text("its own")),
        ]);
        let Cbor::Map(mut refusal) = refusal("amqp:connection:redirect", "not here", "rule 9") else { unreachable!() };
        refusal.retain(|(key, _)| *key != "info");
        refusal.push(("info", own));
        let plugin = denying(hook, Cbor::Map(refusal));
        for (explains, note) in [(true, "rule 9"), (false, "its own")] {
            let router = router(plugin.clone(), explains);
            let error = refused(&router, hook, anonymous);
            assert_eq!(condition(&error.condition), "amqp:connection:redirect");
            assert_eq!(info(&error, "network-host"), Some(Value::from("b.test")), "{hook}");
            assert_eq!(info(&error, "port"), Some(Value::from(5671_u64)), "{hook}");
            assert_eq!(info(&error, "note"), Some(Value::from(note)), "{hook}");
            for explained in ["plugin", "sequence"] {
                assert_eq!(info(&error, explained).is_some(), explains, "{hook} {explained}");
            }
            assert_eq!(error.info.map(|info| info.len()), Some(if explains { 5 } else { 3 }), "{hook}");
        }
    }
}

#[test]
fn a_failure_and_a_quota_explain_themselves_too() {
    for hook in ["connection", "session", "link"] {
        let mut router = router(module(&[(&format!("on_{hook}"), Hook::Trap)]), true);
        let error = refused(&router, hook, false);
        assert_eq!(condition(&error.condition), "amqp:internal-error");
        let sequence = assert_logged(&mut router, hook, &["error=\"policy failed\""]);
        assert_eq!(info(&error, "sequence").map(|value| format!("{value:?}")), Some(format!("Ulong({sequence})")));
        let quota = Cbor::Map(vec![("key", Cbor::Text("all")), ("max", Cbor::Uint(0))]);
        let grant = Cbor::Map(vec![("quotas", Cbor::Array(vec![quota])), ("note", Cbor::Text("rule 3"))]);
        let answer = Cbor::Map(vec![("allow", grant)]).bytes();
        let mut router = self::router(module(&[(&format!("on_{hook}"), Hook::Answer(answer))]), true);
        let error = refused(&router, hook, false);
        assert_eq!(condition(&error.condition), "amqp:resource-limit-exceeded");
        assert_eq!(info(&error, "plugin"), Some(Value::from("rules")), "{hook}");
        let sequence = assert_logged(&mut router, hook, &["note=\"quota \\\"all\\\"\""]);
        assert_eq!(info(&error, "sequence").map(|value| format!("{value:?}")), Some(format!("Ulong({sequence})")));
    }
}
