//! Decisions are recorded as they were made, a record is asked again, and shadows are asked beside live plugins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crosstie_model::policy::{ConnectionRequest, Counts, Limits, Peer, Policy, RecordOrder, Verdict};
use crosstie_model::settings::{Grant, Plugin, PluginLimits, Plugins, Record};
use crosstie_policy::{PolicyEngine, Setup, Shared, load, read_case_file};
use serde_json::Value;
use tokio::task::LocalSet;

/// Lets in as many connections as `most`, by a count among its keys and values, and denies those after them.
fn counting(most: u32) -> Vec<u8> {
    let allow = "\\a1\\65allow\\a0";
    let deny = "\\a1\\64deny\\a2\\69condition\\70amqp:not-allowed\\6bdescription\\62no";
    wat::parse_str(format!(
        "(module
           (import \"policy_host_v1\" \"kv_add\" (func $add (param i32 i32 i64 i32) (result i64)))
           (memory (export \"memory\") 4)
           (data (i32.const 0) \"open\") (data (i32.const 1024) \"{allow}\") (data (i32.const 2048) \"{deny}\")
           (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"on_connection\") (param i32 i32) (result i64)
             (if (result i64) (i64.gt_s (call $add (i32.const 0) (i32.const 4) (i64.const 1) (i32.const 0)) (i64.const {most}))
               (then (i64.const {}))
               (else (i64.const {})))))",
        (2048_u64 << 32) | 49,
        (1024_u64 << 32) | 8,
    ))
    .unwrap()
}

/// A directory that is removed in the end.
struct Home(PathBuf);

impl Home {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("crosstie-policy-record-{}-{number}", std::process::id()));
        std::fs::create_dir_all(path.join("plugins")).unwrap();
        Self(path)
    }

    fn plugin(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.0.join(format!("plugins/{name}.wasm"));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn file(&self) -> PathBuf {
        self.0.join("decisions.jsonl")
    }

    fn record(&self) -> Record {
        Record { file: self.file(), ..Record::default() }
    }

    fn load(&self, named: Vec<Plugin>, record: Record) -> PolicyEngine {
        let plugins = Plugins { directory: self.0.join("plugins"), named, record: Some(record) };
        load(&plugins, setup(&self.0)).unwrap()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn setup(directory: &Path) -> Setup {
    Setup { router_id: "r".to_owned(), state_dir: Some(directory.join("state")) }
}

fn named(name: &str) -> Plugin {
    let limits = PluginLimits {
        deadline: Duration::from_secs(100),
        configure_deadline: Duration::from_secs(300),
        ..PluginLimits::default()
    };
    Plugin { grants: vec![Grant::Log, Grant::Kv], limits, ..Plugin::unnamed(name) }
}

/// Whether a connection of this user is let in.
async fn asks(policy: &Rc<dyn Policy>, user: &str) -> bool {
    let request = ConnectionRequest {
        peer: Peer {
            connection_id: 1,
            listener: Some("l".into()),
            connector: None,
            remote: ([127, 0, 0, 1], 40000).into(),
            local: ([127, 0, 0, 1], 5672).into(),
            vhost: None,
            user: Some(user.to_owned()),
            mechanism: None,
            container_id: "c".to_owned(),
            tls: None,
            attributes: Vec::new(),
        },
        max_frame_size: 512,
        channel_max: 1,
        idle_timeout: None,
        offered_capabilities: Vec::new(),
        desired_capabilities: Vec::new(),
        properties: Vec::new(),
        counts: Counts { total: 1, listener: 1, user: 1, peer_host: 1 },
        limits: Limits::default(),
        recheck: false,
    };
    matches!(policy.connection(request).await.0, Verdict::Allow(_))
}

fn run<F: Future<Output = ()>>(body: F) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    LocalSet::new().block_on(&runtime, body);
}

const ON: RecordOrder = RecordOrder::On { sample: None, max_bytes: None };

fn count(policy: &Rc<dyn Policy>) -> u64 {
    let facts = policy.record().unwrap();
    facts.written + facts.dropped
}

/// Waits until so many lines are written or dropped.
fn await_lines(policy: &Rc<dyn Policy>, lines: u64) {
    let begun = Instant::now();
    while count(policy) < lines {
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", policy.record());
        std::thread::sleep(Duration::from_millis(2));
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The record of five connections, of which two were let in.
fn recorded(home: &Home) {
    home.plugin("door", &counting(2));
    let engine = home.load(vec![named("door")], home.record());
    run(async {
        let policy = engine.worker();
        assert!(asks(&policy, "before").await);
        policy.order_record(&ON).unwrap();
        for (number, user) in ["a", "b", "c", "d", "e"].into_iter().enumerate() {
            assert_eq!(asks(&policy, user).await, number < 1, "{user}");
        }
        policy.order_record(&RecordOrder::Off).unwrap();
        await_lines(&policy, 5);
        assert!(!asks(&policy, "after").await && !policy.record().unwrap().is_on);
    });
}

#[test]
fn a_line_has_all_that_a_decision_depends_on() {
    let home = Home::new();
    recorded(&home);
    let lines = lines(&home.file());
    assert_eq!(lines.len(), 5);
    for (number, line) in (2..).zip(&lines) {
        assert_eq!((&line["hook"], &line["plugin"]), (&"connection".into(), &"door".into()), "{line}");
        assert_eq!(line["kv"], serde_json::json!([{ "add": "open", "by": 1, "ttl-ms": 0, "value": number }]), "{line}");
        let outcome = if number <= 2 { "allow" } else { "deny" };
        assert!(line["outcome"] == outcome && line["answer"][outcome].is_object(), "{line}");
        assert_eq!(line["request"]["ctx"]["sequence"], line["sequence"]);
        assert!(line["us"].is_u64() && line["hash"].as_str().unwrap().len() == 64, "{line}");
    }
    assert_eq!(lines[0]["request"]["peer"]["user"], "a");
}

#[test]
fn a_record_is_made_of_cases() {
    let home = Home::new();
    recorded(&home);
    let cases = read_case_file(&home.file()).unwrap();
    let trial = |most| {
        let path = home.plugin("door", &counting(most));
        crosstie_policy::Trial::load(&path, named("door"), setup(&home.0)).unwrap()
    };
    assert_eq!(trial(2).play(&cases), []);
    assert_eq!(trial(3).play(&cases).into_iter().map(|miss| miss.line).collect::<Vec<_>>(), [Some(2)]);
}

#[test]
fn a_candidate_is_asked_what_was_asked_and_differs_where_it_decides_otherwise() {
    let home = Home::new();
    recorded(&home);
    let replay = |bytes: &[u8], of: &str| {
        let path = home.plugin("door", bytes);
        let trial = crosstie_policy::Trial::load(&path, named("door"), setup(&home.0)).unwrap();
        let mut told = 0;
        let replay = trial.replay(&home.file(), of, |_| told += 1).unwrap();
        assert_eq!(told, replay.differences.len());
        replay
    };
    // the counts are those of the record, whatever the candidate's own keys and values hold
    let same = replay(&counting(2), "door");
    assert_eq!((same.asked, same.differences.len(), same.others), (5, 0, 0));
    let other = replay(&counting(4), "door");
    let lines: Vec<_> = other.differences.iter().map(|found| (found.line, found.beyond.clone())).collect();
    assert_eq!(lines, [(2, None), (3, None)]);
    let first = &other.differences[0];
    assert!(
        first.recorded.as_ref().unwrap()["deny"].is_object() && first.candidate.as_ref().unwrap()["allow"].is_object()
    );
    // one that fails, and one that uses other keys
    let trap = wat::parse_str(
        "(module (memory (export \"memory\") 4) (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"on_connection\") (param i32 i32) (result i64) unreachable))",
    );
    let failed = replay(&trap.unwrap(), "door");
    assert!(
        failed.differences.len() == 5 && failed.differences[0].candidate.as_ref().unwrap_err().starts_with("trap: ")
    );
    let mut bytes = counting(0);
    let at = bytes.windows(4).position(|bytes| bytes == b"open").unwrap();
    bytes[at..at + 4].copy_from_slice(b"oven");
    let differences = replay(&bytes, "door").differences;
    assert_eq!(differences.len(), 1, "only the first was let in");
    assert_eq!(differences[0].beyond.as_deref(), Some("add \"oven\""));
    // lines of others are left out
    let none = replay(&counting(2), "window");
    assert_eq!((none.asked, none.others, none.names.first().map(String::as_str)), (0, 5, Some("door")));
    std::fs::write(home.file(), "{}\n").unwrap();
    let trial =
        crosstie_policy::Trial::load(&home.plugin("door", &counting(2)), named("door"), setup(&home.0)).unwrap();
    assert_eq!(trial.replay(&home.file(), "door", |_| ()).unwrap_err().line, Some(1));
}

#[test]
fn what_is_redacted_stands_nowhere() {
    let home = Home::new();
    home.plugin("door", &counting(9));
    let redact = vec!["peer.user".to_owned(), "kv".to_owned()];
    let engine = home.load(vec![named("door")], Record { redact, ..home.record() });
    run(async {
        let policy = engine.worker();
        policy.order_record(&ON).unwrap();
        assert!(asks(&policy, "bob").await);
        await_lines(&policy, 1);
    });
    let text = std::fs::read_to_string(home.file()).unwrap();
    assert!(!text.contains("bob") && !text.contains("open\""), "{text}");
    assert!(text.contains("\"redacted\":[\"peer.user\",\"kv\"]"), "{text}");
    // a field that no request has would leave in what it is to take out
    let record = Record { redact: vec!["peers.user".to_owned()], ..home.record() };
    let plugins = Plugins { directory: home.0.join("plugins"), named: vec![named("door")], record: Some(record) };
    let problems = load(&plugins, setup(&home.0)).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains("no request has `peers.user`")), "{problems:?}");
}

#[test]
fn a_record_has_a_size_and_holds_nobody_up() {
    let home = Home::new();
    home.plugin("door", &counting(0));
    let engine = home.load(vec![named("door")], home.record());
    run(async {
        let policy = engine.worker();
        policy.order_record(&RecordOrder::On { sample: None, max_bytes: Some(64 << 10) }).unwrap();
        for _ in 0..2000 {
            assert!(!asks(&policy, "u").await);
        }
        policy.order_record(&RecordOrder::Off).unwrap();
        await_lines(&policy, 2000);
        assert!(policy.record().unwrap().written >= 256);
        let before = home.0.join("decisions.jsonl.1");
        let bytes = [home.file(), before].map(|path| path.metadata().unwrap().len());
        assert!(bytes.iter().sum::<u64>() <= 64 << 10, "{bytes:?}");
        for line in lines(&home.file()) {
            assert_eq!(line["outcome"], "deny");
        }
        // one that cannot be written
        std::fs::remove_file(home.file()).unwrap();
        std::fs::create_dir(home.file()).unwrap();
        let error = policy.order_record(&ON).unwrap_err();
        assert!(error.contains("cannot be written") && !policy.record().unwrap().is_on, "{error}");
        assert!(!asks(&policy, "u").await);
    });
}

fn shadow(name: &str, of: &str) -> Plugin {
    Plugin { shadow: Some(of.to_owned()), ..named(name) }
}

/// What management shows of a shadow: comparisons, differences, and questions that it was not asked.
fn compared(policy: &Rc<dyn Policy>, name: &str) -> [u64; 3] {
    let plugins = policy.plugins();
    let plugin = plugins.iter().find(|plugin| plugin.name == name).unwrap();
    [plugin.comparisons, plugin.differences, plugin.dropped]
}

#[test]
fn a_shadow_is_compared_and_never_obeyed() {
    let home = Home::new();
    home.plugin("door", &counting(1));
    home.plugin("next", &counting(2));
    let engine = home.load(vec![shadow("next", "door"), named("door")], home.record());
    run(async {
        let policy = engine.worker();
        policy.order_record(&ON).unwrap();
        for (number, wanted) in (1..).zip([true, false, false]) {
            assert_eq!(asks(&policy, "u").await, wanted);
            // one after the other: it counts them in the order in which its instances get to them
            while compared(&policy, "next")[0] < number {
                tokio::task::yield_now().await;
            }
        }
        // it has counted for itself
        assert_eq!((compared(&policy, "next"), compared(&policy, "door")), ([3, 1, 0], [0, 0, 0]));
        await_lines(&policy, 6);
    });
    let lines = lines(&home.file());
    let of_shadow: Vec<_> = lines.iter().filter(|line| line["shadow-of"] == "door").collect();
    assert_eq!(
        of_shadow.iter().map(|line| line["outcome"].as_str().unwrap()).collect::<Vec<_>>(),
        ["allow", "allow", "deny"]
    );
}

#[test]
fn a_shadow_that_hangs_holds_nobody_up() {
    let home = Home::new();
    home.plugin("door", &counting(100));
    let hang = wat::parse_str(
        "(module (memory (export \"memory\") 4) (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"on_connection\") (param i32 i32) (result i64) (loop $again (br $again)) unreachable))",
    );
    home.plugin("next", &hang.unwrap());
    let engine = home.load(vec![named("door"), shadow("next", "door")], home.record());
    run(async {
        let policy = engine.worker();
        for _ in 0..20 {
            assert!(asks(&policy, "u").await);
        }
        assert_eq!(compared(&policy, "next"), [0, 0, 16], "four are under way");
    });
}

#[test]
fn a_shadow_of_nobody_does_not_load() {
    let home = Home::new();
    home.plugin("next", &counting(1));
    let named = vec![shadow("next", "door")];
    let plugins = Plugins { directory: home.0.join("plugins"), named, record: None };
    let problems = load(&plugins, setup(&home.0)).unwrap_err();
    assert!(problems.iter().any(|problem| problem.message.contains("the shadow of `door`")), "{problems:?}");
}

#[test]
fn a_reload_puts_the_record_on_and_off_and_shadows_beside() {
    let home = Home::new();
    home.plugin("door", &counting(100));
    let shared = Shared::empty().unwrap();
    let policy = shared.worker();
    assert!(policy.record().is_none() && policy.order_record(&ON).is_err());
    let plugins = |named, record| Plugins { directory: home.0.join("plugins"), named, record };
    let apply = |to: Option<&Plugins>| {
        shared.prepare(to, setup(&home.0)).unwrap();
        shared.apply();
        policy.record()
    };
    run(async {
        assert!(!apply(Some(&plugins(vec![named("door")], None))).unwrap().is_on);
        assert!(apply(Some(&plugins(vec![named("door")], Some(home.record())))).unwrap().is_on);
        assert!(asks(&policy, "u").await);
        await_lines(&policy, 1);
        assert_eq!(lines(&home.file())[0]["plugin"], "door");
        home.plugin("next", &counting(0));
        let lost = plugins(vec![named("door"), shadow("next", "window")], None);
        let problems = shared.prepare(Some(&lost), setup(&home.0)).unwrap_err();
        assert!(problems[0].message.contains("the shadow of `window`"), "{problems:?}");
        let redact = vec!["peer.shoe-size".to_owned(), "hat".to_owned()];
        let unknown = plugins(vec![named("door")], Some(Record { redact, ..home.record() }));
        assert_eq!(shared.prepare(Some(&unknown), setup(&home.0)).unwrap_err().len(), 1);
        assert!(!apply(Some(&plugins(vec![named("door"), shadow("next", "door")], None))).unwrap().is_on);
        assert!(asks(&policy, "u").await);
        while compared(&policy, "next")[0] == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(compared(&policy, "next"), [1, 1, 0]);
        assert!(apply(None).is_none());
        // without its node it has no grant
        std::fs::remove_file(home.0.join("plugins/next.wasm")).unwrap();
        let nowhere = Record { file: home.0.join("no/d.jsonl"), ..Record::default() };
        let facts = apply(Some(&plugins(vec![named("door")], Some(nowhere)))).unwrap();
        assert!(!facts.is_on && facts.fault.is_some(), "{facts:?}");
    });
}
