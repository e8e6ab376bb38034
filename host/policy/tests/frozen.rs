//! Plugins of released versions of the ABI: they load, are configured, and decide what they always did (`frozen`).
#![cfg(feature = "wasm")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;

use std::path::PathBuf;

use crosstie_model::policy::{LinkRequest, SessionRequest, Settle, Verdict};
use crosstie_model::settings::{ConfigNode, Grant, Plugin, Plugins, PropertyValue};
use crosstie_policy::{Setup, Trial, load, read_cases};

use crate::common::{connection, peer, run};

/// The directory of one plugin, removed in the end.
struct Home(PathBuf);

impl Home {
    fn new(name: &str, wat: &str) -> Self {
        let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("frozen-{name}"));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("frozen.wasm"), wat::parse_str(wat).unwrap()).unwrap();
        Self(path)
    }

    fn setup(&self) -> Setup {
        Setup { router_id: "r".to_owned(), state_dir: Some(self.0.join("state")), ..Setup::default() }
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn settings() -> Plugin {
    let grants = vec![Grant::Log, Grant::Counter, Grant::Kv];
    let args = vec![PropertyValue::Text("amqp:not-allowed".to_owned())];
    let node = ConfigNode { name: "condition".to_owned(), args, props: Vec::new(), children: Vec::new() };
    Plugin { grants, config: vec![node], ..Plugin::unnamed("frozen") }
}

const V1: &str = include_str!("frozen/v1.wat");

/// One after the other: what is logged where nobody listens may keep a listener from it that comes at that moment.
#[test]
fn a_plugin_of_version_1_decides_what_it_always_did() {
    decides_its_cases();
    serves_a_router();
}

fn decides_its_cases() {
    let home = Home::new("cases", V1);
    let trial = Trial::load(&home.0.join("frozen.wasm"), settings(), home.setup()).unwrap();
    let hooks = vec!["failover", "connection", "session", "link", "address"];
    let reads = ["peer.user", "sessions-open", "role", "address", "candidates"].map(str::to_owned);
    assert_eq!(trial.describe(), (hooks, Some(&reads[..])));
    let cases = read_cases(include_str!("frozen/v1.cases.jsonl")).unwrap();
    assert_eq!(cases.len(), 7);
    assert_eq!(trial.play(&cases), []);
}

fn serves_a_router() {
    let home = Home::new("router", V1);
    let plugins = Plugins { directory: home.0.clone(), named: vec![settings()], record: None };
    let engine = load(&plugins, home.setup()).unwrap();
    let log = run(async {
        let worker = engine.worker();
        let (verdict, _) = worker.connection(connection(Some("alice"))).await;
        let Verdict::Deny(denial) = verdict else { panic!("{verdict:?}") };
        assert_eq!((&*denial.refusal.condition, &*denial.refusal.description), ("amqp:not-allowed", "alice"));
        let (verdict, _) = worker.session(SessionRequest { peer: peer(None), sessions_open: 1 }).await;
        let Verdict::Allow(grant) = verdict else { panic!("{verdict:?}") };
        assert_eq!((&*grant.quotas[0].key, grant.quotas[0].max), ("seen", 13));
        let link = LinkRequest {
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
        };
        let (verdict, trail) = worker.link(link).await;
        let Verdict::Allow(grant) = verdict else { panic!("{verdict:?}") };
        assert_eq!((grant.limits.link_credit, trail.steps()[0].note.as_deref()), (Some(5), Some("sender")));
        let facts = &worker.plugins()[0];
        assert_eq!((&facts.failures[..], &facts.counters[..]), (&[][..], &[("links".to_owned(), 3)][..]));
    });
    assert!(log.contains("plugin says plugin=\"frozen\" text=\"link\""), "{log}");
}
