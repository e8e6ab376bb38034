//! Plugins of released versions of the ABI: they load, are configured, and decide what they always did (`frozen`).
#![cfg(feature = "wasm")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;
#[path = "common/home.rs"]
mod home;

use crosstie_model::policy::{LinkRequest, SessionRequest, Settle, Verdict};
use crosstie_model::settings::{ConfigNode, Grant, Plugin, Plugins, PropertyValue};
use crosstie_policy::{PolicyEngine, Trial, load, read_cases};

use crate::common::{connection, peer, run};
use home::Home;

fn settings() -> Plugin {
    let grants = vec![Grant::Log, Grant::Counter, Grant::Kv];
    let args = vec![PropertyValue::Text("amqp:not-allowed".to_owned())];
    let node = ConfigNode { name: "condition".to_owned(), args, props: Vec::new(), children: Vec::new() };
    Plugin { grants, config: vec![node], ..Plugin::unnamed("frozen") }
}

const V1: &str = include_str!("frozen/v1.wat");

/// It uses WASI as language runtimes do.
const V1_WASI: &str = include_str!("frozen/v1-wasi.wat");

fn trial(wat: &str) -> Trial {
    let home = Home::new();
    Trial::load(&home.write("frozen", &wat::parse_str(wat).unwrap()), settings(), home.setup()).unwrap()
}

fn router(home: &Home, wat: &str) -> PolicyEngine {
    home.write("frozen", &wat::parse_str(wat).unwrap());
    load(&Plugins { directory: home.0.clone(), named: vec![settings()], record: None }, home.setup()).unwrap()
}

fn link() -> LinkRequest {
    LinkRequest {
        peer: peer(None),
        name: "l".to_owned(),
        sends: true,
        source: None,
        target: None,
        settle: Settle::Mixed,
        max_message_size: None,
        desired_capabilities: Vec::new(),
        properties: Vec::new(),
        links_open: 1,
    }
}

/// One after the other: what is logged where nobody listens may keep a listener from it that comes at that moment.
#[test]
fn plugins_of_version_1_decide_what_they_always_did() {
    decides_its_cases();
    serves_a_router();
    wasi_decides_its_cases();
    wasi_serves_a_router();
}

fn decides_its_cases() {
    let trial = trial(V1);
    let hooks = vec!["failover", "connection", "session", "link", "address"];
    let reads = ["peer.user", "sessions-open", "role", "address", "candidates"].map(str::to_owned);
    assert_eq!(trial.describe(), (hooks, Some(&reads[..])));
    let cases = read_cases(include_str!("frozen/v1.cases.jsonl")).unwrap();
    assert_eq!(cases.len(), 7);
    assert_eq!(trial.play(&cases), []);
}

fn serves_a_router() {
    let home = Home::new();
    let engine = router(&home, V1);
    let log = run(async {
        let worker = engine.worker();
        let (verdict, _) = worker.connection(connection(Some("alice"))).await;
        let Verdict::Deny(denial) = verdict else { panic!("{verdict:?}") };
        assert_eq!((&*denial.refusal.condition, &*denial.refusal.description), ("amqp:not-allowed", "alice"));
        let (verdict, _) = worker.session(SessionRequest { peer: peer(None), sessions_open: 1 }).await;
        let Verdict::Allow(grant) = verdict else { panic!("{verdict:?}") };
        assert_eq!((&*grant.quotas[0].key, grant.quotas[0].max), ("seen", 13));
        let (verdict, trail) = worker.link(link()).await;
        let Verdict::Allow(grant) = verdict else { panic!("{verdict:?}") };
        assert_eq!((grant.limits.link_credit, trail.steps()[0].note.as_deref()), (Some(5), Some("sender")));
        let facts = &worker.plugins()[0];
        assert_eq!((&facts.failures[..], &facts.counters[..]), (&[][..], &[("links".to_owned(), 3)][..]));
    });
    assert!(log.contains("plugin says plugin=\"frozen\" text=\"link\""), "{log}");
}

fn wasi_decides_its_cases() {
    let trial = trial(V1_WASI);
    assert_eq!(trial.describe(), (vec!["connection", "session", "link"], Some(&["peer.user".to_owned()][..])));
    let cases = read_cases(include_str!("frozen/v1-wasi.cases.jsonl")).unwrap();
    assert_eq!(cases.len(), 3);
    assert_eq!(trial.play(&cases), []);
}

fn wasi_serves_a_router() {
    let home = Home::new();
    let engine = router(&home, V1_WASI);
    let log = run(async {
        let worker = engine.worker();
        assert!(matches!(worker.connection(connection(None)).await.0, Verdict::Allow(_)));
        assert!(matches!(worker.link(link()).await.0, Verdict::Allow(_)));
        // it exits
        let session = SessionRequest { peer: peer(None), sessions_open: 1 };
        let Verdict::Deny(denial) = worker.session(session).await.0 else { panic!("it is let in") };
        assert_eq!(&*denial.refusal.condition, "amqp:internal-error");
        assert_eq!(worker.plugins()[0].failures, [("trap", 1)]);
        assert!(matches!(worker.link(link()).await.0, Verdict::Allow(_)));
    });
    for text in ["one two", "three"] {
        assert!(log.contains(&format!("plugin says plugin=\"frozen\" text=\"{text}\"")), "{text}: {log}");
    }
    let failed = log.split_once("plugin failed").unwrap_or_else(|| panic!("{log}")).1;
    assert!(failed.contains("goodbye"), "{failed}");
}
