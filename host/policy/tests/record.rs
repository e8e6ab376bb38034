//! Decisions are recorded as they were made, a record is asked again, and shadows are asked beside live plugins.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crosstie_model::policy::{self, Hook, RecordOrder};
use crosstie_model::settings::{Grant, Plugin, PluginLimits, PluginPart, Plugins, Record};
use crosstie_policy::native::{Deciding, Guest, Host, Natives, Policy};
use crosstie_policy::{Entry, LoadProblem, PolicyEngine, Setup, Shared, Trial, load, read_case_file};
use serde_json::Value;

use crate::common::run;

/// Lets in as many connections as `most`, by a count under `key` among its keys and values, and denies those after them.
#[derive(Clone, Copy)]
struct Door {
    most: u32,
    key: &'static str,
}

fn counting(most: u32) -> Door {
    Door { most, key: "open" }
}

/// What a plugin does.
#[derive(Clone, Copy)]
enum Does {
    Count(Door),
    /// It is asked about links alone, and has no opinion.
    Link,
    /// It fails.
    Trap,
    /// It never answers.
    Hang,
}

impl From<Door> for Does {
    fn from(door: Door) -> Self {
        Self::Count(door)
    }
}

const ALLOW: &[u8] = b"\xa1\x65allow\xa0";
const DENY: &[u8] = b"\xa1\x64deny\xa2\x69condition\x70amqp:not-allowed\x6bdescription\x62no";

impl Policy for Does {
    fn hooks(&self) -> Vec<Hook> {
        vec![if matches!(self, Self::Link) { Hook::Link } else { Hook::Connection }]
    }

    fn start(&self) -> Box<dyn Guest> {
        Box::new(*self)
    }
}

impl Guest for Does {
    fn enter<'g>(&'g mut self, entry: Entry, _: &'g [u8], host: Host) -> Deciding<'g> {
        Box::pin(async move {
            match self {
                _ if entry == Entry::Configure => Ok(None),
                Self::Count(Door { most, key }) => {
                    let count = host.kv_add(key.as_bytes(), 1, 0).unwrap();
                    Ok(Some(if count > i64::from(*most) { DENY } else { ALLOW }.to_vec()))
                }
                Self::Link => Ok(None),
                Self::Trap => Err("no reason".to_owned()),
                Self::Hang => std::future::pending().await,
            }
        })
    }
}

#[cfg(feature = "wasm")]
fn module(does: Does) -> Vec<u8> {
    let text = |bytes: &[u8]| bytes.iter().map(|byte| format!("\\{byte:02x}")).collect::<String>();
    let hook = if matches!(does, Does::Link) { "on_link" } else { "on_connection" };
    let (key, body) = match does {
        Does::Link => ("", "(i64.const 0)".to_owned()),
        Does::Trap => ("", "unreachable".to_owned()),
        Does::Hang => ("", "(loop $again (br $again)) unreachable".to_owned()),
        Does::Count(Door { most, key }) => {
            let add = "(call $add (i32.const 0) (i32.const 4) (i64.const 1) (i32.const 0))";
            let answer = |at: u64, bytes: &[u8]| (at << 32) | u64::try_from(bytes.len()).unwrap();
            let (deny, allow) = (answer(2048, DENY), answer(1024, ALLOW));
            let then = format!("(then (i64.const {deny})) (else (i64.const {allow}))");
            (key, format!("(if (result i64) (i64.gt_s {add} (i64.const {most})) {then})"))
        }
    };
    let (allow, deny) = (text(ALLOW), text(DENY));
    wat::parse_str(format!(
        "(module
           (import \"policy_host_v1\" \"kv_add\" (func $add (param i32 i32 i64 i32) (result i64)))
           (memory (export \"memory\") 4)
           (data (i32.const 0) \"{key}\") (data (i32.const 1024) \"{allow}\") (data (i32.const 2048) \"{deny}\")
           (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"{hook}\") (param i32 i32) (result i64) {body}))",
    ))
    .unwrap()
}

/// What runs plugins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Engine {
    #[cfg(feature = "wasm")]
    Wasm,
    Native,
}

/// Those of this build.
const ENGINES: &[Engine] = &[
    #[cfg(feature = "wasm")]
    Engine::Wasm,
    Engine::Native,
];

/// Runs a test with every engine.
fn each(test: impl Fn(Home)) {
    ENGINES.iter().for_each(|engine| test(Home::new(*engine)));
}

/// Plugins and a record, in a directory that is removed in the end.
struct Home {
    directory: PathBuf,
    engine: Engine,
    natives: RefCell<BTreeMap<String, Does>>,
}

impl Home {
    fn new(engine: Engine) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("crosstie-policy-record-{}-{number}", std::process::id()));
        std::fs::create_dir_all(directory.join("plugins")).unwrap();
        Self { directory, engine, natives: RefCell::default() }
    }

    /// Puts a plugin there, in the place of one of its name.
    fn plugin(&self, name: &str, does: impl Into<Does>) {
        let does = does.into();
        match self.engine {
            #[cfg(feature = "wasm")]
            Engine::Wasm => std::fs::write(self.path(name), module(does)).unwrap(),
            Engine::Native => drop(self.natives.borrow_mut().insert(name.to_owned(), does)),
        }
    }

    fn remove(&self, name: &str) {
        match self.engine {
            #[cfg(feature = "wasm")]
            Engine::Wasm => std::fs::remove_file(self.path(name)).unwrap(),
            Engine::Native => drop(self.natives.borrow_mut().remove(name)),
        }
    }

    #[cfg(feature = "wasm")]
    fn path(&self, name: &str) -> PathBuf {
        self.directory.join(format!("plugins/{name}.wasm"))
    }

    fn trial(&self, name: &str, does: impl Into<Does>) -> Trial {
        self.plugin(name, does);
        match self.engine {
            #[cfg(feature = "wasm")]
            Engine::Wasm => Trial::load(&self.path(name), named(name), self.setup()),
            Engine::Native => Trial::native(named(name), self.setup()),
        }
        .unwrap()
    }

    fn file(&self) -> PathBuf {
        self.directory.join("decisions.jsonl")
    }

    fn record(&self) -> Record {
        Record { file: self.file(), ..Record::default() }
    }

    fn setup(&self) -> Setup {
        let natives = self.natives.borrow();
        let natives = natives.iter().fold(Natives::default(), |natives, (name, does)| natives.with(name, *does));
        Setup { router_id: "r".to_owned(), state_dir: Some(self.directory.join("state")), natives, ..Setup::default() }
    }

    fn plugins(&self, named: Vec<Plugin>, record: Option<Record>) -> Plugins {
        let directory = match self.engine {
            #[cfg(feature = "wasm")]
            Engine::Wasm => self.directory.join("plugins"),
            Engine::Native => PathBuf::new(),
        };
        Plugins { directory, named, record }
    }

    fn load(&self, named: Vec<Plugin>, record: Record) -> PolicyEngine {
        load(&self.plugins(named, Some(record)), self.setup()).unwrap()
    }

    fn problems(&self, named: Vec<Plugin>, record: Option<Record>) -> Vec<LoadProblem> {
        load(&self.plugins(named, record), self.setup()).unwrap_err()
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn named(name: &str) -> Plugin {
    let limits = PluginLimits {
        deadline: Duration::from_secs(100),
        configure_deadline: Duration::from_secs(300),
        ..PluginLimits::default()
    };
    Plugin { grants: vec![Grant::Log, Grant::Kv], limits, ..Plugin::unnamed(name) }
}

async fn asks(policy: &Rc<dyn policy::Policy>, user: &str) -> bool {
    common::asks(policy, Some(user)).await
}

const ON: RecordOrder = RecordOrder::On { sample: None, max_bytes: None };

fn count(policy: &Rc<dyn policy::Policy>) -> u64 {
    let facts = policy.record().unwrap();
    facts.written + facts.dropped
}

/// Waits until so many lines are written or dropped.
fn await_lines(policy: &Rc<dyn policy::Policy>, lines: u64) {
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
    home.plugin("door", counting(2));
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
    each(|home| {
        recorded(&home);
        let lines = lines(&home.file());
        assert_eq!(lines.len(), 5);
        let digits = if home.engine == Engine::Native { "native".len() } else { 64 };
        for (number, line) in (2..).zip(&lines) {
            assert_eq!((&line["hook"], &line["plugin"]), (&"connection".into(), &"door".into()), "{line}");
            assert_eq!(
                line["kv"],
                serde_json::json!([{ "add": "open", "by": 1, "ttl-ms": 0, "value": number }]),
                "{line}"
            );
            let outcome = if number <= 2 { "allow" } else { "deny" };
            assert!(line["outcome"] == outcome && line["answer"][outcome].is_object(), "{line}");
            assert_eq!(line["request"]["ctx"]["sequence"], line["sequence"]);
            assert!(line["us"].is_u64() && line["hash"].as_str().unwrap().len() == digits, "{line}");
        }
        assert_eq!(lines[0]["request"]["peer"]["user"], "a");
    });
}

#[test]
fn a_record_is_made_of_cases() {
    each(|home| {
        recorded(&home);
        let cases = read_case_file(&home.file()).unwrap();
        let trial = |most| home.trial("door", counting(most));
        assert_eq!(trial(2).play(&cases), []);
        assert_eq!(trial(3).play(&cases).into_iter().map(|miss| miss.line).collect::<Vec<_>>(), [Some(2)]);
    });
}

#[test]
fn a_candidate_is_asked_what_was_asked_and_differs_where_it_decides_otherwise() {
    each(|home| {
        recorded(&home);
        let replay = |does: Does, of: &str| {
            let trial = home.trial("door", does);
            let mut told = 0;
            let replay = trial.replay(&home.file(), of, |_| told += 1).unwrap();
            assert_eq!(told, replay.differences.len());
            replay
        };
        // the counts are those of the record, whatever the candidate's own keys and values hold
        let same = replay(counting(2).into(), "door");
        assert_eq!((same.asked, same.differences.len(), same.others), (5, 0, 0));
        let other = replay(counting(4).into(), "door");
        let lines: Vec<_> = other.differences.iter().map(|found| (found.line, found.beyond.clone())).collect();
        assert_eq!(lines, [(2, None), (3, None)]);
        let first = &other.differences[0];
        assert!(
            first.recorded.as_ref().unwrap()["deny"].is_object()
                && first.candidate.as_ref().unwrap()["allow"].is_object()
        );
        // one that fails, and one that uses other keys
        let failed = replay(Does::Trap, "door");
        assert!(
            failed.differences.len() == 5
                && failed.differences[0].candidate.as_ref().unwrap_err().starts_with("trap: ")
        );
        let differences = replay(Door { most: 0, key: "oven" }.into(), "door").differences;
        assert_eq!(differences.len(), 1, "only the first was let in");
        assert_eq!(differences[0].beyond.as_deref(), Some("add \"oven\""));
        // lines of others are left out
        let none = replay(counting(2).into(), "window");
        assert_eq!((none.asked, none.others, none.names.first().map(String::as_str)), (0, 5, Some("door")));
        std::fs::write(home.file(), "{}\n").unwrap();
        let trial = home.trial("door", counting(2));
        assert_eq!(trial.replay(&home.file(), "door", |_| ()).unwrap_err().line, Some(1));
    });
}

#[test]
fn what_is_redacted_stands_nowhere() {
    each(|home| {
        home.plugin("door", counting(9));
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
        let problems = home.problems(vec![named("door")], Some(record));
        let found = problems.iter().find(|problem| problem.message.contains("no request has `peers.user`"));
        assert_eq!(found.map(|problem| &problem.part), Some(&PluginPart::Redacted(0)), "{problems:?}");
    });
}

#[test]
fn a_record_has_a_size_and_holds_nobody_up() {
    each(|home| {
        home.plugin("door", counting(0));
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
            let before = home.directory.join("decisions.jsonl.1");
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
    });
}

fn shadow(name: &str, of: &str) -> Plugin {
    Plugin { shadow: Some(of.to_owned()), ..named(name) }
}

/// What management shows of a shadow: comparisons, differences, and questions that it was not asked.
fn compared(policy: &Rc<dyn policy::Policy>, name: &str) -> [u64; 3] {
    let plugins = policy.plugins();
    let plugin = plugins.iter().find(|plugin| plugin.name == name).unwrap();
    [plugin.comparisons, plugin.differences, plugin.dropped]
}

#[test]
fn a_shadow_is_compared_and_never_obeyed() {
    each(|home| {
        home.plugin("door", counting(1));
        home.plugin("next", counting(2));
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
    });
}

#[test]
fn a_shadow_that_hangs_holds_nobody_up() {
    each(|home| {
        home.plugin("door", counting(100));
        home.plugin("next", Does::Hang);
        let engine = home.load(vec![named("door"), shadow("next", "door")], home.record());
        run(async {
            let policy = engine.worker();
            for _ in 0..20 {
                assert!(asks(&policy, "u").await);
            }
            assert_eq!(compared(&policy, "next"), [0, 0, 16], "four are under way");
        });
    });
}

#[test]
fn a_shadow_of_nobody_does_not_load() {
    each(|home| {
        home.plugin("next", counting(1));
        let problems = home.problems(vec![shadow("next", "door")], None);
        let found = problems.iter().find(|problem| problem.message.contains("the shadow of `door`"));
        assert_eq!(found.map(|problem| &problem.part), Some(&PluginPart::Shadow), "{problems:?}");
    });
}

#[test]
fn a_shadow_that_would_never_be_asked_does_not_load() {
    each(|home| {
        home.plugin("door", counting(1));
        home.plugin("next", Does::Link);
        let plugins = || vec![named("door"), shadow("next", "door")];
        let wanted = "it is the shadow of `door`, and has none of its hooks: it would never be asked";
        let told = |problems: &[LoadProblem]| {
            let [LoadProblem { plugin, part, message, hint }] = problems else { panic!("{problems:?}") };
            assert_eq!((plugin.as_deref(), part, &**message), (Some("next"), &PluginPart::Shadow, wanted));
            assert_eq!(hint.as_deref(), Some("`door` has connection; it has link"));
        };
        told(&home.problems(plugins(), None));
        // and by a reload, when both run already
        let shared = Shared::empty().unwrap();
        shared.prepare(Some(&home.plugins(vec![named("door"), named("next")], None)), home.setup()).unwrap();
        shared.apply();
        told(&shared.prepare(Some(&home.plugins(plugins(), None)), home.setup()).unwrap_err());
    });
}

#[test]
fn a_reload_puts_the_record_on_and_off_and_shadows_beside() {
    each(|home| {
        home.plugin("door", counting(100));
        let shared = Shared::empty().unwrap();
        let policy = shared.worker();
        assert!(policy.record().is_none() && policy.order_record(&ON).is_err());
        let plugins = |named, record| home.plugins(named, record);
        let apply = |to: Option<&Plugins>| {
            shared.prepare(to, home.setup()).unwrap();
            shared.apply();
            policy.record()
        };
        run(async {
            assert!(!apply(Some(&plugins(vec![named("door")], None))).unwrap().is_on);
            assert!(apply(Some(&plugins(vec![named("door")], Some(home.record())))).unwrap().is_on);
            assert!(asks(&policy, "u").await);
            await_lines(&policy, 1);
            assert_eq!(lines(&home.file())[0]["plugin"], "door");
            home.plugin("next", counting(0));
            let lost = plugins(vec![named("door"), shadow("next", "window")], None);
            let problems = shared.prepare(Some(&lost), home.setup()).unwrap_err();
            assert!(problems[0].message.contains("the shadow of `window`"), "{problems:?}");
            let redact = vec!["peer.shoe-size".to_owned(), "hat".to_owned()];
            let unknown = plugins(vec![named("door")], Some(Record { redact, ..home.record() }));
            assert_eq!(shared.prepare(Some(&unknown), home.setup()).unwrap_err().len(), 2);
            assert!(!apply(Some(&plugins(vec![named("door"), shadow("next", "door")], None))).unwrap().is_on);
            assert!(asks(&policy, "u").await);
            while compared(&policy, "next")[0] == 0 {
                tokio::task::yield_now().await;
            }
            assert_eq!(compared(&policy, "next"), [1, 1, 0]);
            assert!(apply(None).is_none());
            // without its node it has no grant
            home.remove("next");
            let nowhere = Record { file: home.directory.join("no/d.jsonl"), ..Record::default() };
            let facts = apply(Some(&plugins(vec![named("door")], Some(nowhere)))).unwrap();
            assert!(!facts.is_on && facts.fault.is_some(), "{facts:?}");
        });
    });
}
