//! Plugins whose files come, change and go: a router's policy that looks at its directory when a test says so.

#[path = "../tests/common/mod.rs"]
mod common;

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crosstie_model::policy::{Hook, Policy, Verdict};
use crosstie_model::settings::{Grant, Plugin, Plugins};
use tokio::task::LocalSet;
use tracing::subscriber::DefaultGuard;

use crate::chain::Chain;
use crate::instance::CALLS_MAX;
use crate::json::shown_answer;
use crate::live::common::{Log, connection};
use crate::plugin::context;
use crate::pool::Pool;
use crate::watch::Watch;
use crate::worker::Worker;
use crate::{LoadProblem, PolicyEngine, Setup, load};

/// Refuses connections with a text of three characters, after these instructions.
pub(crate) fn module(imports: &str, text: &str, first: &str) -> Vec<u8> {
    let wat = format!(
        r#"(module {imports} (memory (export "memory") 2)
             (data (i32.const 16) "\a1\64deny\a2\69condition\63a:b\6bdescription\63{text}")
             (func (export "policy_abi_v1") (result i32) (i32.const 0))
             (func (export "policy_alloc") (param i32) (result i32) (i32.const 1024))
             (func (export "on_connection") (param i32 i32) (result i64)
               {first} (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 37))))"#
    );
    wat::parse_str(&wat).unwrap_or_else(|error| panic!("{wat}: {error}"))
}

fn denying(text: &str) -> Vec<u8> {
    module("", text, "")
}

/// Cases that are decided so.
fn cases(text: &str) -> String {
    let denial = format!(r#"{{"deny":{{"condition":"a:b","description":"{text}"}}}}"#);
    format!(r#"{{"hook":"connection","request":{{}},"answer":{denial}}}"#)
}

/// A router's policy and its directory, which is removed in the end.
pub(crate) struct Router {
    home: PathBuf,
    chain: Arc<Chain>,
    watch: Watch,
    policy: Rc<dyn Policy>,
    tasks: (tokio::runtime::Runtime, LocalSet),
    log: Log,
    _heard: DefaultGuard,
}

fn home() -> PathBuf {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let home = std::env::temp_dir().join(format!("crosstie-live-{}-{number}", std::process::id()));
    fs::create_dir_all(home.join("plugins")).unwrap();
    home
}

fn loaded(home: &Path, named: Vec<Plugin>) -> Result<PolicyEngine, Vec<LoadProblem>> {
    let has_scripts = fs::read_dir(home.join("plugins")).unwrap().any(|entry| entry.unwrap().path().ends_with("s.js"));
    // the user's cache has the engine of scripts, which takes a debug build half a minute to compile
    let state_dir = (!has_scripts).then(|| home.join("state"));
    let setup = Setup { router_id: "r".to_owned(), state_dir, ..Setup::default() };
    load(&Plugins { directory: home.join("plugins"), named, record: None }, setup)
}

impl Router {
    /// With these files in its directory, and these nodes.
    pub(crate) fn start(files: &[(&str, &[u8])], named: Vec<Plugin>) -> Self {
        let home = home();
        files.iter().for_each(|(name, bytes)| fs::write(home.join("plugins").join(name), bytes).unwrap());
        let engine = loaded(&home, named).unwrap_or_else(|problems| panic!("{problems:?}"));
        Self::of(home, engine)
    }

    fn of(home: PathBuf, engine: PolicyEngine) -> Self {
        let (log, heard) = Log::new();
        let PolicyEngine { chain, loader, plugins, files } = engine;
        let watch = Watch::new(Some(loader), Some(plugins), files);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let policy = Rc::new(Worker::new(chain.clone()));
        Self { home, chain, watch, policy, tasks: (runtime, LocalSet::new()), log, _heard: heard }
    }

    pub(crate) fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.home.join("plugins").join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(name), bytes).unwrap();
    }

    pub(crate) fn look(&mut self) {
        self.watch.look(&self.chain);
    }

    /// Looks until a change has its effect, and gives what is logged.
    pub(crate) fn settle(&mut self) -> String {
        (0..4).for_each(|_| self.look());
        self.log.take()
    }

    /// Why a connection is refused; empty where it is let in.
    pub(crate) fn refused(&self) -> String {
        let asking = self.policy.connection(connection(None));
        match self.tasks.1.block_on(&self.tasks.0, asking).0 {
            Verdict::Allow(_) => String::new(),
            Verdict::Deny(denial) => denial.refusal.description,
        }
    }
}

impl Drop for Router {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.home);
    }
}

#[test]
fn a_shadow_that_loses_the_hooks_of_its_plugin_does_not_load() {
    let shadow = Plugin { shadow: Some("p".to_owned()), ..Plugin::unnamed("q") };
    let mut router = Router::start(&[("p.wasm", &denying("one")), ("q.wasm", &denying("two"))], vec![shadow]);
    let other = r#"(module (memory (export "memory") 1)
        (func (export "policy_abi_v1") (result i32) (i32.const 0))
        (func (export "policy_alloc") (param i32) (result i32) (i32.const 1024))
        (func (export "on_session") (param i32 i32) (result i64) (i64.const 0)))"#;
    router.write("q.wasm", wat::parse_str(other).unwrap());
    let log = router.settle();
    assert!(log.contains("the one before stays") && log.contains("has none of its hooks"), "{log}");
    router.write("q.wasm", denying("six"));
    assert!(router.settle().contains("plugin loaded"));
}

#[test]
fn a_link_that_leads_nowhere_is_a_file_that_is_gone() {
    let mut router = Router::start(&[("p.wasm", &denying("one"))], Vec::new());
    assert_eq!(router.refused(), "one");
    let nowhere = router.home.join("nowhere");
    let lead = |router: &Router| {
        fs::remove_file(router.path("p.wasm")).unwrap();
        symlink(&nowhere, router.path("p.wasm")).unwrap();
    };
    lead(&router);
    let log = router.settle();
    assert!(log.contains("plugin removed") && log.contains("nobody asks it") && log.contains("No such file"), "{log}");
    assert_eq!((router.refused(), router.settle()), (String::new(), String::new()));
    fs::write(&nowhere, denying("two")).unwrap();
    router.settle();
    assert_eq!(router.refused(), "two");
    // at start it is a mistake like any other that does not load
    fs::remove_file(&nowhere).unwrap();
    assert!(loaded(&router.home, Vec::new()).is_err_and(|found| found[0].message.contains("No such file")));

    let mut router = Router::start(&[("p.wasm", &denying("one"))], vec![Plugin::unnamed("p")]);
    lead(&router);
    let log = router.settle();
    assert!(log.contains("its file is gone: its `on-failure` applies"), "{log}");
    assert_eq!((router.refused().as_str(), router.settle().as_str()), ("policy failed", ""));
    fs::write(&nowhere, b"no module").unwrap();
    let log = router.settle();
    assert!(log.contains("does not load: its `on-failure` still applies"), "{log}");
    fs::write(&nowhere, denying("two")).unwrap();
    router.settle();
    assert_eq!(router.refused(), "two");
}

#[test]
fn what_cannot_be_read_changes_nothing_and_is_told_once() {
    let (one, two) = (denying("one"), denying("two"));
    let mut router = Router::start(&[("p.wasm", &one)], Vec::new());
    let file = router.path("p.wasm");
    let is_told = |router: &mut Router, why: &str| {
        let log = router.settle();
        assert!(log.contains("the one before stays") && log.contains(why) && log.lines().count() == 1, "{log}");
        assert_eq!((router.settle().as_str(), router.refused().as_str()), ("", "one"));
    };
    fs::remove_file(&file).unwrap();
    fs::create_dir(&file).unwrap();
    is_told(&mut router, "it is no regular file");
    fs::remove_dir(&file).unwrap();
    // neither is there to be looked at, nor gone
    symlink("p.wasm", &file).unwrap();
    is_told(&mut router, "symbolic link");
    fs::remove_file(&file).unwrap();
    fs::write(&file, &two).unwrap();
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o000)).unwrap();
    if File::open(&file).is_err() {
        is_told(&mut router, "Permission denied");
    }
    fs::set_permissions(&file, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    router.settle();
    assert_eq!(router.refused(), "two");
}

#[test]
fn a_directory_that_is_away_takes_nothing_with_it() {
    let mut router = Router::start(&[("p.wasm", &denying("one"))], Vec::new());
    router.settle();
    let generation = router.chain.generation();
    let (plugins, aside) = (router.home.join("plugins"), router.home.join("aside"));
    fs::rename(&plugins, &aside).unwrap();
    let log = router.settle();
    assert!(
        log.contains("plugins stay as they are") && log.contains("No such file") && log.lines().count() == 1,
        "{log}"
    );
    assert_eq!((router.settle().as_str(), router.refused().as_str()), ("", "one"));
    assert_eq!(router.chain.generation(), generation);
    // what it was mounted on is empty
    let memory = Path::new("/dev/shm");
    let is_other = |at: fs::Metadata| at.dev() != fs::metadata(&aside).unwrap().dev();
    if fs::metadata(memory).is_ok_and(is_other) {
        let empty = memory.join(router.home.file_name().unwrap());
        fs::create_dir(&empty).unwrap();
        symlink(&empty, &plugins).unwrap();
        let log = router.settle();
        assert_eq!((log.as_str(), router.refused().as_str()), ("", "one"), "it is still away");
        fs::write(empty.join("q.wasm"), denying("two")).unwrap();
        let log = router.settle();
        assert!(log.contains("is there again") && log.contains("plugin removed plugin=\"p\""), "{log}");
        assert_eq!(router.refused(), "two");
        // empty where it was not empty before
        fs::remove_file(empty.join("q.wasm")).unwrap();
        router.settle();
        assert_eq!(router.refused(), "");
        fs::remove_file(&plugins).unwrap();
        fs::remove_dir(&empty).unwrap();
    }
    fs::rename(&aside, &plugins).unwrap();
    let log = router.settle();
    assert_eq!(router.refused(), "one", "{log}");
}

#[test]
fn a_name_that_is_no_text_is_told() {
    let name = OsStr::from_bytes(b"p\xff.wasm");
    let mut router = Router::start(&[], Vec::new());
    fs::write(router.path(name), denying("one")).unwrap();
    let log = router.settle();
    assert!(log.contains("nobody asks it") && log.contains(r"the name of `p\\xff.wasm` is no text in UTF-8"), "{log}");
    assert_eq!((router.settle().as_str(), router.refused().as_str()), ("", ""));
    let found = loaded(&router.home, Vec::new()).unwrap_err();
    assert_eq!((found.len(), found[0].message.as_str()), (1, r"the name of `p\xff.wasm` is no text in UTF-8"));
    fs::rename(router.path(name), router.path("p.wasm")).unwrap();
    router.settle();
    assert_eq!(router.refused(), "one");
}

#[test]
fn a_file_counts_when_whoever_writes_it_has_closed_it() {
    let script = b"function onSession() {}\n";
    let mut router = Router::start(&[("p.wasm", &denying("one")), ("s.js", script)], Vec::new());
    for (file, first, rest) in [
        ("s.js", &script[..], &b"function onLink() {}\n"[..]),
        ("p.cases.jsonl", cases("one").as_bytes(), &b"\nwhat"[..]),
        ("p.wasm", &denying("two")[..], &b""[..]),
    ] {
        let _ = fs::remove_file(router.path("p.cases.jsonl"));
        router.settle();
        let mut open = File::create(router.path(file)).unwrap();
        open.write_all(first).unwrap();
        let log = router.settle();
        assert!(log.contains("a file is being written") && log.contains(file) && log.lines().count() == 1, "{log}");
        open.write_all(rest).unwrap();
        assert_eq!((router.settle().as_str(), router.refused().as_str()), ("", "one"), "{file}");
        drop(open);
        let log = router.settle();
        match file {
            "p.wasm" => assert_eq!(router.refused(), "two"),
            "s.js" => assert!(log.contains(r#"hooks=["session", "link"]"#), "{log}"),
            _ => assert!(log.contains("the one before stays") && log.contains("line 2: no case"), "{log}"),
        }
    }
}

/// As Kubernetes mounts a `ConfigMap`: links to files behind a link, which changes for all of them at once.
#[test]
fn files_behind_a_link_change_with_it() {
    let home = home();
    let plugins = home.join("plugins");
    let version = |name: &str, text: &str, is_decided: &str| {
        fs::create_dir(plugins.join(name)).unwrap();
        fs::write(plugins.join(name).join("p.wasm"), denying(text)).unwrap();
        fs::write(plugins.join(name).join("p.cases.jsonl"), cases(is_decided)).unwrap();
    };
    let swap = |to: &str| {
        symlink(to, plugins.join("..data_tmp")).unwrap();
        fs::rename(plugins.join("..data_tmp"), plugins.join("..data")).unwrap();
    };
    version("..2026_1", "one", "one");
    swap("..2026_1");
    for name in ["p.wasm", "p.cases.jsonl"] {
        symlink(Path::new("..data").join(name), plugins.join(name)).unwrap();
    }
    let engine = loaded(&home, Vec::new()).unwrap();
    let mut router = Router::of(home.clone(), engine);
    assert_eq!((router.settle().as_str(), router.refused().as_str()), ("", "one"));
    version("..2026_2", "two", "two");
    swap("..2026_2");
    fs::remove_dir_all(plugins.join("..2026_1")).unwrap();
    let log = router.settle();
    assert_eq!((log.matches("plugin loaded").count(), router.refused().as_str()), (1, "two"), "{log}");
    version("..2026_3", "six", "two");
    swap("..2026_3");
    let log = router.settle();
    assert!(log.contains("the one before stays") && log.contains("its cases, line 1"), "{log}");
    assert_eq!(router.refused(), "two");
    // the map is gone for a moment, and back
    fs::remove_file(plugins.join("..data")).unwrap();
    router.look();
    swap("..2026_2");
    router.settle();
    assert_eq!(router.refused(), "two");
}

#[test]
fn cases_that_come_later_are_a_gate_and_so_are_those_that_cannot_be_read() {
    let mut router = Router::start(&[("p.wasm", &denying("one"))], Vec::new());
    assert_eq!(router.settle(), "");
    router.write("p.cases.jsonl", cases("two"));
    let log = router.settle();
    assert!(log.contains("the one before stays") && log.contains("its cases, line 1"), "{log}");
    assert_eq!(router.refused(), "one");
    router.write("p.wasm", denying("two"));
    router.settle();
    assert_eq!(router.refused(), "two");
    fs::remove_file(router.path("p.cases.jsonl")).unwrap();
    symlink(router.home.join("nowhere"), router.path("p.cases.jsonl")).unwrap();
    router.write("p.wasm", denying("six"));
    let log = router.settle();
    assert!(
        log.contains("the one before stays") && log.contains("p.cases.jsonl") && log.contains("No such file"),
        "{log}"
    );
    assert_eq!(router.refused(), "two");
    fs::remove_file(router.path("p.cases.jsonl")).unwrap();
    router.settle();
    assert_eq!(router.refused(), "six");
}

#[test]
fn a_file_that_never_rests_is_not_loaded_and_then_as_it_is() {
    let mut router = Router::start(&[("p.wasm", &denying("one"))], Vec::new());
    for round in 0..200 {
        let text = format!("{round:03}");
        router.write(".next", denying(&text));
        fs::rename(router.path(".next"), router.path("p.wasm")).unwrap();
        router.look();
        assert_eq!(router.refused(), "one");
    }
    let log = router.settle();
    assert_eq!((log.matches("plugin loaded").count(), router.refused().as_str()), (1, "199"), "{log}");
    // gone for one look, and back
    for _ in 0..20 {
        fs::rename(router.path("p.wasm"), router.path(".aside")).unwrap();
        router.look();
        fs::rename(router.path(".aside"), router.path("p.wasm")).unwrap();
        router.look();
        assert_eq!(router.refused(), "199");
    }
    let log = router.settle();
    assert!(!log.contains("removed"), "{log}");
}

#[test]
fn a_file_that_changes_while_plugins_are_loaded_at_start_is_seen() {
    let home = home();
    let file = home.join("plugins/p.wasm");
    fs::write(&file, denying("one")).unwrap();
    let engine = loaded(&home, Vec::new()).unwrap();
    fs::write(&file, denying("two")).unwrap();
    let mut router = Router::of(home, engine);
    assert_eq!(router.refused(), "one");
    router.settle();
    assert_eq!(router.refused(), "two");
}

/// Counts calls under the key `deny`, of which there were N as its text says, by a counter of that name and in the instance, before these
/// instructions.
fn counting(text: &str, first: &str) -> Vec<u8> {
    let imports = r#"(import "policy_host_v1" "kv_add" (func $add (param i32 i32 i64 i32) (result i64)))
        (import "policy_host_v1" "counter_add" (func $count (param i32 i32 i64)))
        (global $calls (mut i32) (i32.const 0))"#;
    let count = format!(
        "(i32.store8 (i32.const 52) (i32.add (i32.const 48)
           (i32.wrap_i64 (call $add (i32.const 18) (i32.const 4) (i64.const 1) (i32.const 0)))))
         (call $count (i32.const 18) (i32.const 4) (i64.const 1))
         (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
         {first}"
    );
    module(imports, text, &count)
}

/// For whom no machine is too slow.
pub(crate) fn patient(name: &str) -> Plugin {
    let mut plugin = Plugin::unnamed(name);
    plugin.limits.deadline = Duration::from_secs(60);
    plugin
}

fn granted() -> Plugin {
    Plugin { grants: vec![Grant::Counter, Grant::Kv], ..patient("p") }
}

fn counters(policy: &Rc<dyn Policy>) -> Vec<(String, u64)> {
    policy.plugins().into_iter().flat_map(|plugin| plugin.counters).collect()
}

#[test]
fn keys_and_counters_outlive_instances_quarantine_and_versions() {
    let failing = "(if (i32.ge_u (global.get $calls) (i32.const 2)) (then unreachable))";
    let mut router = Router::start(&[("p.wasm", &counting("a_0", failing))], vec![granted()]);
    assert_eq!(router.refused(), "a_1");
    // each instance serves one call, and fails the next
    for number in [3, 5] {
        assert_eq!(router.refused(), "policy failed");
        assert_eq!(router.refused(), format!("a_{number}"));
    }
    let until_ten = "(if (i32.le_u (i32.load8_u (i32.const 52)) (i32.const 58)) (then unreachable))";
    router.write("p.wasm", counting("b_0", until_ten));
    router.settle();
    (0..7).for_each(|_| assert_eq!(router.refused(), "policy failed"));
    let log = router.log.take();
    assert!(log.contains("plugin in quarantine"), "{log}");
    assert_eq!(counters(&router.policy), [("deny".to_owned(), 10)]);
    let begun = Instant::now();
    while router.refused() == "policy failed" {
        assert!(begun.elapsed() < Duration::from_secs(60), "the quarantine ends");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(counters(&router.policy), [("deny".to_owned(), 11)]);
    // the file is gone, and comes back as another one
    fs::remove_file(router.path("p.wasm")).unwrap();
    router.settle();
    assert_eq!(router.refused(), "policy failed");
    router.write("p.wasm", counting("c_0", ""));
    router.settle();
    assert_eq!((router.refused().as_str(), counters(&router.policy)), ("c_<", vec![("deny".to_owned(), 12)]));
}

#[test]
fn keys_and_counters_go_with_the_plugin_and_not_with_its_configuration() {
    let home = home();
    fs::write(home.join("plugins/p.wasm"), counting("a_0", "")).unwrap();
    let shared = loaded(&home, vec![granted()]).unwrap().watch().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let (policy, tasks) = (shared.worker(), LocalSet::new());
    let asked = |plugin: Plugin| {
        let to = Plugins { directory: home.join("plugins"), named: vec![plugin], record: None };
        shared.prepare(Some(&to), Setup::default()).unwrap();
        shared.apply();
        match tasks.block_on(&runtime, policy.connection(connection(None))).0 {
            Verdict::Allow(_) => (String::new(), counters(&policy)),
            Verdict::Deny(denial) => (denial.refusal.description, counters(&policy)),
        }
    };
    let counted = |text: &str, count| (text.to_owned(), vec![("deny".to_owned(), count)]);
    assert_eq!(asked(granted()), counted("a_1", 1));
    let mut other = granted();
    other.limits.deadline = Duration::from_secs(50);
    assert_eq!(asked(other), counted("a_2", 2));
    assert_eq!(asked(Plugin { disabled: true, ..granted() }), (String::new(), Vec::new()));
    assert_eq!(asked(granted()), counted("a_1", 1));
    drop((policy, shared));
    fs::remove_dir_all(home).unwrap();
}

/// What the last character of a refusal says: calls of the instance.
const CALLS: &str = "(i32.store8 (i32.const 52) (i32.add (i32.const 48) (global.get $calls)))";

#[test]
fn an_instance_that_has_taken_much_of_its_memory_is_replaced() {
    let grows = format!("{CALLS} (if (i32.eq (memory.grow (i32.const 8)) (i32.const -1)) (then unreachable))");
    let mut settings = granted();
    settings.limits.memory_bytes = 64 << 16;
    let router = Router::start(&[("p.wasm", &counting("a_0", &grows))], vec![settings]);
    // of 2 pages and 8 with each call the sixth leaves 50, and 48 of 64 are much
    for number in [1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5, 6, 1] {
        assert_eq!(router.refused(), format!("a_{number}"));
    }
}

#[test]
fn an_instance_that_was_asked_often_is_replaced() {
    let router = Router::start(&[("p.wasm", &counting("a_0", CALLS))], vec![granted()]);
    let plugin = router.chain.plugins()[0].clone();
    let pool = Rc::new(Pool::new(plugin.clone()));
    let asked = |aged: Option<u64>| {
        let asking = async {
            let mut lease = match pool.idle() {
                Some(lease) => lease,
                None => pool.wait().await.unwrap(),
            };
            let instance = lease.instance.as_mut().unwrap();
            aged.into_iter().for_each(|calls| instance.age(calls));
            let answer = instance.ask(Hook::Connection, &[0xa0], &plugin.settings.limits, context()).await.unwrap();
            shown_answer(answer.unwrap())["deny"]["description"].as_str().unwrap().to_owned()
        };
        router.tasks.1.block_on(&router.tasks.0, asking)
    };
    assert_eq!([asked(None), asked(Some(CALLS_MAX - 2)), asked(None), asked(None)], ["a_1", "a_2", "a_3", "a_1"]);
}
