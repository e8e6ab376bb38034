//! Guests written by hand against the whole engine: what a call meets, and what a guest cannot do to its worker.
#![cfg(feature = "wasm")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;
#[path = "common/home.rs"]
mod home;

use std::rc::Rc;
use std::time::Duration;

use crosstie_model::policy::{Hook, Policy, Verdict};
use crosstie_model::settings::{Grant, OnFailure, Only, Plugin, PluginLimits, Plugins};
use crosstie_policy::{PolicyEngine, Trial, load, read_cases};

use crate::common::{connection, run};
use home::Home;

/// A module with `policy_abi_v1` and `policy_alloc`, imports, and other parts.
fn module(imports: &str, parts: &str) -> String {
    format!(
        "(module {imports} (memory (export \"memory\") 512)
           (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           {parts})"
    )
}

/// A hook that has no opinion where its body leaves 1, and traps otherwise.
fn holds(body: &str) -> String {
    format!(
        "(func (export \"on_connection\") (param i32 i32) (result i64)
           (if (i32.eqz {body}) (then unreachable)) (i64.const 0))"
    )
}

fn loaded(home: &Home, limits: PluginLimits) -> PolicyEngine {
    engine(home, limits).unwrap_or_else(|problems| panic!("{problems}"))
}

fn engine(home: &Home, limits: PluginLimits) -> Result<PolicyEngine, String> {
    let plugin = Plugin {
        name: "p".to_owned(),
        disabled: false,
        hooks: None,
        on_failure: OnFailure::default(),
        only: Only::default(),
        limits,
        grants: vec![Grant::Log, Grant::Counter, Grant::Kv],
        shadow: None,
        config: Vec::new(),
    };
    let plugins = Plugins { directory: home.0.clone(), named: vec![plugin], record: None };
    load(&plugins, home.setup()).map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
}

/// From a peer of its own each, so that failures count.
async fn asks(policy: &Rc<dyn Policy>) -> bool {
    match policy.connection(connection(None)).await.0 {
        Verdict::Allow(_) => true,
        Verdict::Deny(denial) => {
            assert_eq!(denial.refusal.description, "policy failed");
            false
        }
    }
}

/// Limits under which no machine is too slow, but for the deadline of a call.
fn patient(deadline: Duration) -> PluginLimits {
    let configure_deadline = Duration::from_secs(300);
    PluginLimits { deadline, configure_deadline, memory_bytes: 64 << 20, ..PluginLimits::default() }
}

/// A guest that works on its configuration for longer than a call may take.
fn slow() -> String {
    let parts = format!(
        "(func (export \"policy_configure\") (param i32 i32) (result i64) (local i32)
           (loop $again
             (local.set 2 (i32.add (local.get 2) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get 2) (i32.const 800000000))))
           (i64.const 0)) {}",
        holds("(i32.const 1)")
    );
    module("", &parts)
}

#[test]
fn the_instance_that_was_configured_at_load_serves_the_first_call() {
    let home = Home::of(&slow());
    let engine = loaded(&home, patient(Duration::from_millis(50)));
    run(async {
        assert!(asks(&engine.worker()).await);
    });
}

#[test]
fn an_instance_that_takes_longer_than_a_call_is_made_all_the_same() {
    let home = Home::of(&slow());
    let engine = loaded(&home, patient(Duration::from_millis(50)));
    let log = run(async {
        let first = engine.worker();
        assert!(asks(&first).await);
        let second = engine.worker();
        let mut refused = 0;
        // each call waits for its deadline; an instance that is never made ends the test by the count
        while !asks(&second).await {
            refused += 1;
            assert!(refused < 20_000, "no instance is ever made");
        }
        assert!(refused > 0, "it was made within a call");
        assert!(asks(&second).await);
    });
    assert_eq!(log.matches("plugin failed").count(), 1, "{log}");
    assert!(log.contains("cause=\"busy\"") && !log.contains("quarantine"), "{log}");
}

#[test]
fn a_call_that_overlaps_takes_the_instance_that_is_free_first() {
    let home = Home::of(&slow());
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    run(async {
        let policy = engine.worker();
        let (one, two) = tokio::join!(asks(&policy), asks(&policy));
        assert!(one && two);
    });
}

#[test]
fn an_instance_that_cannot_be_made_fails_its_call_and_counts() {
    // the second to be configured traps: KV is shared by all instances
    let imports = "(import \"policy_host_v1\" \"kv_add\" (func $add (param i32 i32 i64 i32) (result i64)))";
    let parts = format!(
        "(func (export \"policy_configure\") (param i32 i32) (result i64)
           (if (i64.gt_s (call $add (i32.const 0) (i32.const 1) (i64.const 1) (i32.const 0)) (i64.const 1))
             (then unreachable))
           (i64.const 0)) {}",
        holds("(i32.const 0)")
    );
    let home = Home::of(&module(imports, &parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    let log = run(async {
        let policy = engine.worker();
        for _ in 0..8 {
            assert!(!asks(&policy).await);
        }
    });
    assert!(log.contains("plugin=\"p\" entry=\"on_connection\" cause=\"trap\""), "{log}");
    assert_eq!(log.matches(" WARN ").count(), 2, "the first failure, and the quarantine:\n{log}");
    assert!(log.contains("plugin in quarantine plugin=\"p\" seconds=1 failures=5"), "{log}");
}

/// It is well at load, and finds fault with the same configuration later.
#[test]
fn an_instance_that_has_problems_of_its_own_fails_its_call() {
    let imports = "(import \"policy_host_v1\" \"kv_add\" (func $add (param i32 i32 i64 i32) (result i64)))";
    let parts = format!(
        "(data (i32.const 8) \"\\a1\\68problems\\81\\a2\\67message\\65later\\64path\\80\")
         (func (export \"policy_configure\") (param i32 i32) (result i64)
           (if (result i64)
             (i64.gt_s (call $add (i32.const 0) (i32.const 1) (i64.const 1) (i32.const 0)) (i64.const 1))
             (then (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 32)))
             (else (i64.const 0)))) {}",
        holds("(i32.const 1)")
    );
    let home = Home::of(&module(imports, &parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    let log = run(async {
        assert!(asks(&engine.worker()).await, "the first is that of the load");
        assert!(!asks(&engine.worker()).await);
    });
    let told = "entry=\"policy_configure\" cause=\"bad answer\" error=\"a problem that it had not at load: later\"";
    assert!(log.contains(told), "{log}");
}

#[test]
fn a_bad_answer_costs_the_instance() {
    // the first answer of an instance is `{}`, no variant; those after it are no opinion
    let parts = "(global $calls (mut i64) (i64.const 0)) (data (i32.const 0) \"\\a0\")
        (func (export \"on_connection\") (param i32 i32) (result i64)
          (global.set $calls (i64.add (global.get $calls) (i64.const 1)))
          (i64.extend_i32_u (i64.eq (global.get $calls) (i64.const 1))))";
    let home = Home::of(&module("", parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    run(async {
        let policy = engine.worker();
        assert!(!asks(&policy).await && !asks(&policy).await);
    });
}

#[test]
fn one_host_call_copies_a_limited_number_of_bytes() {
    let imports = "(import \"wasi_snapshot_preview1\" \"fd_write\" (func $write (param i32 i32 i32 i32) (result i32)))
        (import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))
        (import \"policy_host_v1\" \"counter_add\" (func $count (param i32 i32 i64)))
        (import \"policy_host_v1\" \"kv_get\" (func $get (param i32 i32 i32 i32) (result i32)))
        (import \"policy_host_v1\" \"kv_put\" (func $put (param i32 i32 i32 i32 i32) (result i32)))";
    // 1,024 pieces of 32 MiB each, asked for a thousand times
    let parts = format!(
        "(func $pieces (local i32)
           (loop $again
             (i32.store offset=131076 (i32.mul (local.get 0) (i32.const 8)) (i32.const 33554432))
             (local.set 0 (i32.add (local.get 0) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get 0) (i32.const 1024)))))
         (func $all (local i32)
           (loop $again
             (drop (call $write (i32.const 1) (i32.const 131072) (i32.const 1024) (i32.const 8)))
             (call $count (i32.const 0) (i32.const 33554432) (i64.const 1))
             (drop (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 33554432) (i32.const 0)))
             (drop (call $random (i32.const 0) (i32.const 33554432)))
             (local.set 0 (i32.add (local.get 0) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get 0) (i32.const 20)))))
         {}",
        holds(
            "(block (result i32) (call $pieces) (call $all)
               (i32.and
                 (i32.and
                   (i32.eq (i32.load (i32.const 8)) (i32.const 8192))
                   (i32.eq (call $random (i32.const 0) (i32.const 33554432)) (i32.const 28)))
                 (i32.and
                   (i32.eqz (call $put (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 1) (i32.const 0)))
                   (i32.and
                     (i32.eq (call $get (i32.const 0) (i32.const 257) (i32.const 0) (i32.const 1)) (i32.const -1))
                     (i32.eqz (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 33554432)
                       (i32.const 0)))))))"
        )
    );
    let home = Home::of(&module(imports, &parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    run(async {
        let policy = engine.worker();
        let started = std::time::Instant::now();
        assert!(asks(&policy).await);
        // 20 times 32 GiB, byte by byte, take hours
        assert!(started.elapsed() < Duration::from_secs(60));
    });
}

#[test]
fn a_range_outside_memory_traps_however_long_it_is() {
    for (imports, call) in [
        (
            "\"counter_add\" (func $call (param i32 i32 i64))",
            "(call $call (i32.const 33554431) (i32.const -1) (i64.const 1))",
        ),
        (
            "\"log\" (func $call (param i32 i32 i32))",
            "(call $call (i32.const 2) (i32.const 33554400) (i32.const 9000))",
        ),
    ] {
        let parts = holds(&format!("(block (result i32) {call} (i32.const 1))"));
        let home = Home::of(&module(&format!("(import \"policy_host_v1\" {imports})"), &parts));
        let engine = loaded(&home, patient(Duration::from_secs(100)));
        run(async {
            assert!(!asks(&engine.worker()).await, "{call}");
        });
    }
}

#[test]
fn random_numbers_are_those_of_the_requests_seed() {
    // configured to read `ctx.seed` alone, the request is {"ctx": {"seed": u64}}, its number at offset 12
    let imports = "(import \"wasi_snapshot_preview1\" \"random_get\" (func $random (param i32 i32) (result i32)))";
    let parts = format!(
        "(data (i32.const 0) \"\\a1\\65reads\\81\\68ctx.seed\")
         (func (export \"policy_configure\") (param i32 i32) (result i64) (i64.const 17))
         (func $seed (param i32) (result i64) (local i32 i64)
           (loop $again
             (local.set 2 (i64.or (i64.shl (local.get 2) (i64.const 8))
               (i64.load8_u (i32.add (local.get 0) (local.get 1)))))
             (local.set 1 (i32.add (local.get 1) (i32.const 1)))
             (br_if $again (i32.lt_u (local.get 1) (i32.const 8))))
           (local.get 2))
         (func $mix (param i64 i64 i64) (result i64)
           (i64.mul (i64.xor (local.get 0) (i64.shr_u (local.get 0) (local.get 1))) (local.get 2)))
         (func $first (param i64) (result i64)
           (local.set 0 (i64.add (local.get 0) (i64.const 0x9e3779b97f4a7c15)))
           (local.set 0 (call $mix (local.get 0) (i64.const 30) (i64.const 0xbf58476d1ce4e5b9)))
           (local.set 0 (call $mix (local.get 0) (i64.const 27) (i64.const 0x94d049bb133111eb)))
           (call $mix (local.get 0) (i64.const 31) (i64.const 1)))
         {}",
        holds(
            "(block (result i32)
               (if (i32.ne (i32.load8_u offset=11 (local.get 0)) (i32.const 0x1b)) (then unreachable))
               (drop (call $random (i32.const 64) (i32.const 8)))
               (i64.eq (i64.load (i32.const 64)) (call $first (call $seed (i32.add (local.get 0) (i32.const 12))))))"
        )
    );
    let home = Home::of(&module(imports, &parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    run(async {
        assert!(asks(&engine.worker()).await);
    });
}

#[test]
fn what_a_guest_says_is_a_field() {
    let imports = "(import \"policy_host_v1\" \"log\" (func $log (param i32 i32 i32)))";
    let parts = format!(
        "(data (i32.const 0) \"seen\") {}",
        holds("(block (result i32) (call $log (i32.const 1) (i32.const 0) (i32.const 4)) (i32.const 1))")
    );
    let home = Home::of(&module(imports, &parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    let log = run(async {
        assert!(asks(&engine.worker()).await);
    });
    assert!(log.contains("plugin says plugin=\"p\" text=\"seen\""), "{log}");
}

#[test]
fn a_log_without_end_is_cut_in_each_second() {
    let imports = "(import \"policy_host_v1\" \"log\" (func $log (param i32 i32 i32)))";
    let parts = format!(
        "(data (i32.const 0) \"again\") {}",
        holds(
            "(block (result i32)
               (local.set 0 (i32.const 1000))
               (loop $again
                 (call $log (i32.const 2) (i32.const 0) (i32.const 5))
                 (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 1)))))
               (i32.const 1))"
        )
    );
    let home = Home::of(&module(imports, &parts));
    let engine = loaded(&home, patient(Duration::from_secs(100)));
    let said = || {
        let log = run(async { assert!(asks(&engine.worker()).await) });
        log.matches("plugin says plugin=\"p\" text=\"again\"").count()
    };
    let begun = std::time::Instant::now();
    let (first, second) = (said(), said());
    // of each second, on a machine that is held up
    let most = 100 * (1 + usize::try_from(begun.elapsed().as_secs()).unwrap());
    assert!(first >= 100 && first + second <= most, "{first} and {second} of {most}");
    std::thread::sleep(Duration::from_secs(1));
    assert!(said() >= 100, "it is heard again");
}

#[test]
fn a_second_memory_or_many_tables_do_not_load() {
    let hook = holds("(i32.const 1)");
    for parts in ["(memory 1)".to_owned(), "(table 1 funcref)".repeat(5)] {
        let home = Home::of(&module("", &format!("{parts} {hook}")));
        let problem = engine(&home, patient(Duration::from_secs(1))).err();
        assert!(problem.is_some(), "{parts}");
    }
}

#[test]
fn a_bad_script_hides_no_other_problem_and_a_bad_module_says_why_on_one_line() {
    let home = Home::of(&module("", &holds("(i32.const 1)")));
    std::fs::write(home.0.join("p.wasm"), "no module").unwrap();
    std::fs::write(home.0.join("s.js"), [b'\n', 0xff]).unwrap();
    let found = engine(&home, patient(Duration::from_secs(1))).unwrap_err();
    assert!(found.contains("s.js:2: it is no text in UTF-8") && found.contains("does not load: "), "{found}");
    assert!(!found.contains('\n'), "{found}");
}

#[test]
fn sessions_and_links_are_asked_about() {
    for hook in [Hook::Session, Hook::Link] {
        let parts = format!("(func (export \"on_{}\") (param i32 i32) (result i64) unreachable)", hook.as_str());
        let home = Home::of(&module("", &parts));
        let engine = loaded(&home, patient(Duration::from_secs(100)));
        run(async {
            let policy = engine.worker();
            let served: Vec<Hook> = Hook::ALL.into_iter().filter(|known| policy.serves(*known)).collect();
            assert_eq!(served, [hook]);
            assert!(asks(&policy).await, "connections are not asked about");
        });
    }
}

/// Tells in the condition of its refusal how often it was asked.
const COUNTS: &str = r#"(data (i32.const 16) "\a1\64deny\a2\69condition\63a:0\6bdescription\61x")
    (global $asked (mut i32) (i32.const 0))
    (func (export "on_session") (param i32 i32) (result i64)
      (global.set $asked (i32.add (global.get $asked) (i32.const 1)))
      (i32.store8 (i32.const 36) (i32.add (i32.const 48) (global.get $asked)))
      (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 35)))"#;

fn trial(home: &Home) -> Trial {
    let loaded = Trial::load(&home.0.join("p.wasm"), Plugin::unnamed("p"), home.setup());
    loaded.unwrap_or_else(|problems| panic!("{problems:?}"))
}

#[test]
fn an_answer_is_one_of_a_case_that_means_the_same() {
    // {"allow": {"note": null, "limits": {"links": 3.0}}}
    let parts = "(data (i32.const 16) \"\\a1\\65allow\\a2\\64note\\f6\\66limits\\a1\\65links\\f9\\42\\00\")
        (func (export \"on_session\") (param i32 i32) (result i64) (i64.const 0x10_0000_001f))";
    let trial = trial(&Home::of(&module("", parts)));
    let misses = |answer: &str| {
        let case = format!("{{\"hook\":\"session\",\"request\":{{}},\"answer\":{answer}}}");
        trial.play(&read_cases(&case).unwrap())
    };
    for same in
        [r#"{"allow":{"limits":{"links":3}}}"#, r#"{"allow":{"note":null,"limits":{"links":3.0,"senders":null}}}"#]
    {
        assert!(misses(same).is_empty(), "{:?}", misses(same));
    }
    assert_eq!(misses(r#"{"allow":{"limits":{"links":4}}}"#).len(), 1);
}

#[test]
fn cases_show_what_is_decided_otherwise_and_what_an_instance_keeps() {
    let trial = trial(&Home::of(&module("", COUNTS)));
    assert_eq!(trial.describe(), (vec!["session"], None));
    let case = |answer: &str| format!("{{\"hook\":\"session\",\"request\":{{}},\"answer\":{answer}}}\n");
    let first = r#"{"deny":{"condition":"a:1","description":"x"}}"#;
    let cases = [case(first), case("null"), "{\"hook\":\"link\",\"request\":{}}".to_owned()].concat();
    let misses = trial.play(&read_cases(&cases).unwrap());
    let told: Vec<(usize, &str)> = misses.iter().filter_map(|miss| Some((miss.line?, miss.message.as_str()))).collect();
    let [(1, keeps), (2, other), (3, unasked)] = told[..] else { panic!("{told:?}") };
    assert!(keeps.contains("keeps something") && keeps.contains("a:2"), "{keeps}");
    assert!(other.contains(first) && other.ends_with("and should have no opinion"), "{other}");
    assert!(unasked.contains("on_link"), "{unasked}");
    let timed = trial.time(&read_cases(&case(first)).unwrap()[0], 9).unwrap();
    assert!(timed.0 <= timed.1 && timed.1 > Duration::ZERO, "{timed:?}");
}

/// Reads `peer.user` alone, as it says; denies where it is told more.
const READS_MORE: &str = r#"(data (i32.const 16) "\a1\64deny\a2\69condition\63a:1\6bdescription\61x\a1\65reads\81\69peer.user")
    (func (export "policy_configure") (param i32 i32) (result i64)
      (i64.or (i64.shl (i64.const 51) (i64.const 32)) (i64.const 18)))
    (func (export "on_session") (param $at i32) (param $len i32) (result i64)
      (if (i32.lt_u (local.get $len) (i32.const 20)) (then (return (i64.const 0))))
      (i64.or (i64.shl (i64.const 16) (i64.const 32)) (i64.const 35)))"#;

#[test]
fn a_field_that_is_used_and_not_named_shows() {
    let trial = trial(&Home::of(&module("", READS_MORE)));
    assert_eq!(trial.describe().1, Some(&["peer.user".to_owned()][..]));
    let told = |answer: &str| {
        let case = r#"{"hook":"session","request":{"peer":{"user":"u"}},"answer":"#;
        let misses = trial.play(&read_cases(&format!("{case}{answer}}}")).unwrap());
        misses.into_iter().map(|miss| miss.message).collect::<Vec<_>>()
    };
    let denied = r#"{"deny":{"condition":"a:1","description":"x"}}"#;
    assert_eq!(told(denied), [format!("has no opinion, and not {denied}; it does where all is sent")]);
    // where a case is not decided so either way, and where it is as it says
    assert_eq!(told("{}"), ["has no opinion, and not {}"]);
    assert_eq!(told("null"), Vec::<String>::new());
}

#[test]
fn a_plugin_that_does_not_pass_its_cases_does_not_load() {
    let home = Home::of(&module("", &holds("(i32.const 1)")));
    let write = |text: &str| std::fs::write(home.0.join("p.cases.jsonl"), text).unwrap();
    write("{\"hook\":\"connection\",\"request\":{}}\n");
    loaded(&home, PluginLimits::default());
    write("{\"hook\":\"connection\",\"request\":{},\"answer\":{\"allow\":{}}}\n");
    let why = engine(&home, PluginLimits::default()).unwrap_err();
    assert!(why.contains("its cases, line 1: has no opinion"), "{why}");
    write("what\n");
    let why = engine(&home, PluginLimits::default()).unwrap_err();
    assert!(why.contains("p.cases.jsonl, line 1: no case"), "{why}");
}

/// Whoever reads a pipe waits for ever.
#[test]
fn what_is_no_file_is_not_waited_for() {
    for name in ["p.cases.jsonl", "p.wasm"] {
        let home = Home::of(&module("", &holds("(i32.const 1)")));
        let path = home.0.join(name);
        let _ = std::fs::remove_file(&path);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        let why = engine(&home, PluginLimits::default()).unwrap_err();
        assert!(why.contains(name) && why.contains("no regular file"), "{why}");
    }
    let home = Home::of(&module("", &holds("(i32.const 1)")));
    std::fs::write(home.0.join("p.cases.jsonl"), "\n").unwrap();
    let why = engine(&home, PluginLimits::default()).unwrap_err();
    assert!(why.contains("there are no cases in it"), "{why}");
}

/// A plugin that takes all its time for each case holds up the loading of others no longer than it takes to see that.
#[test]
fn cases_end_with_the_first_that_fails() {
    let home =
        Home::of(&module("", "(func (export \"on_session\") (param i32 i32) (result i64) (loop (br 0)) unreachable)"));
    std::fs::write(home.0.join("p.cases.jsonl"), "{\"hook\":\"session\",\"request\":{}}\n".repeat(2000)).unwrap();
    let begun = std::time::Instant::now();
    let why = engine(&home, PluginLimits::default()).unwrap_err();
    assert!(why.contains("no answer within") && begun.elapsed() < Duration::from_secs(10), "{why}");
}

/// However long ago its instance was asked before: to yield costs a wake of the worker.
#[test]
fn a_short_call_is_answered_at_once() {
    // one that is not worn out by its memory
    let home = Home::of(&module("", &holds("(i32.const 1)")).replace("512", "2"));
    let engine = loaded(&home, PluginLimits::default());
    run(async {
        let policy = engine.worker();
        assert!(asks(&policy).await);
        // one in many meets a tick of the clock
        let mut at_once = 0;
        for _ in 0..10 {
            std::thread::sleep(Duration::from_millis(10));
            let mut asked = std::pin::pin!(asks(&policy));
            let first = std::future::poll_fn(|context| std::task::Poll::Ready(asked.as_mut().poll(context))).await;
            at_once += u32::from(first == std::task::Poll::Ready(true));
            if first.is_pending() {
                asked.await;
            }
        }
        assert!(at_once >= 5, "{at_once} of 10");
    });
}
