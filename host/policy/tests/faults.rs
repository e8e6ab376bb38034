//! Plugins at fault, one way each: what does not load, what fails a call, and what a guest cannot have. The next call is answered all the same.
#![cfg(feature = "wasm")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;
#[path = "common/home.rs"]
mod home;

use crosstie_model::settings::{Grant, Plugin, Plugins};
use crosstie_policy::{Trial, load, read_cases};

use common::{asks, run};
use home::Home;

/// What every plugin has.
const ABI: &str = r#"(func (export "policy_abi_v1") (result i32) (i32.const 0))
    (func (export "policy_alloc") (param i32) (result i32) (i32.const 1024))"#;

/// An import, and a use of it.
const KV: (&str, &str) = (
    r#"(import "policy_host_v1" "kv_delete" (func $delete (param i32 i32)))"#,
    "(call $delete (i32.const 0) (i32.const 1))",
);

fn trial(home: &Home, module: &[u8]) -> Result<Trial, String> {
    let loaded = Trial::load(&home.write("p", module), granted("p"), home.setup());
    loaded.map_err(|problems| problems.into_iter().map(|problem| problem.message).collect())
}

fn granted(name: &str) -> Plugin {
    Plugin { grants: vec![Grant::Log, Grant::Counter, Grant::Kv], ..Plugin::unnamed(name) }
}

fn wasm(parts: &str) -> Vec<u8> {
    wat::parse_str(format!("(module {parts})")).unwrap_or_else(|error| panic!("{parts}: {error}"))
}

/// Memory, the ABI, and a hook with this body.
fn hook(imports: &str, body: &str) -> String {
    format!(
        r#"{imports} (memory (export "memory") 2) {ABI}
           (func (export "on_connection") (param i32 i32) (result i64) {body})"#
    )
}

/// What a call of it comes to; absent: no opinion, twice.
fn called(parts: &str) -> Option<String> {
    let home = Home::new();
    let trial = trial(&home, &wasm(parts)).unwrap_or_else(|why| panic!("{parts}: {why}"));
    let case = read_cases(r#"{"hook":"connection","request":{}}"#).unwrap();
    trial.play(&case).into_iter().next().map(|miss| miss.message)
}

#[test]
fn what_is_no_plugin_does_not_load_and_says_why() {
    let memory = r#"(memory (export "memory") 2)"#;
    let hook = r#"(func (export "on_connection") (param i32 i32) (result i64) (i64.const 0))"#;
    let good = format!("{memory} {ABI} {hook}");
    let (uses_kv, kv) = KV;
    assert_eq!(called(&good), None);
    for (parts, why) in [
        (format!("{ABI} {hook}"), "no export `memory`"),
        (format!("{memory} {hook}"), "no export `policy_abi_v1`"),
        (format!("{memory} {ABI}"), "it exports no hook"),
        (good.replace("(param i32 i32)", "(param i32)"), "`on_connection` has another type"),
        (good.replace("(param i32) (result i32)", "(param i64) (result i32)"), "`policy_alloc` has another type"),
        (
            good.replace(hook, r#"(global (export "on_connection") i32 (i32.const 0))"#),
            "`on_connection` is no function",
        ),
        (good.replace(r#"(memory (export "memory") 2)"#, r#"(memory (export "memory") i64 2)"#), "memory"),
        (format!(r#"(import "policy_host_v1" "log" (func (param i32))) {good}"#), "types incompatible"),
        (format!(r#"(import "policy_host_v1" "log" (global i32)) {good}"#), "which is no function"),
        (format!(r#"(import "nobody" "t" (table 1 funcref)) {good}"#), "it imports `t`, which is no function"),
        (
            good.replace(memory, r#"(import "nobody" "m" (memory 2)) (export "memory" (memory 0))"#),
            "it imports `m`, which is no function",
        ),
        (format!(r#"(import "wasi_snapshot_preview1" "sched_yield" (func (param i64))) {good}"#), "types incompatible"),
        (format!(r#"{good} (func (export "_initialize") unreachable)"#), "it cannot be configured (trap)"),
        (format!(r#"{good} (func (export "_initialize") (loop (br 0)))"#), "it cannot be configured (deadline)"),
        (format!("{good} (func $start unreachable) (start $start)"), "it cannot be configured (trap)"),
        (
            format!(r#"{uses_kv} {good} (func (export "_initialize") {kv})"#),
            "not allowed in policy_alloc and _initialize",
        ),
        (format!("{uses_kv} {good} (func $start {kv}) (start $start)"), "not allowed in policy_alloc and _initialize"),
        (good.replace("(result i32) (i32.const 0)", "(result i32) (i32.const -1)"), "policy_abi_v1 answers -1"),
    ] {
        let found = trial(&Home::new(), &wasm(&parts)).err().unwrap_or_else(|| panic!("{parts} loads"));
        assert!(found.contains(why), "{parts}\n{found}");
    }
    for bytes in [b"".as_slice(), b"\0asm", b"#!/bin/sh\n", &wasm(&good)[..40]] {
        assert!(trial(&Home::new(), bytes).is_err_and(|why| why.contains("the module does not load")), "{bytes:?}");
    }
}

#[test]
fn a_module_beyond_its_limit_does_not_load() {
    let (home, module) = (Home::new(), wasm(&hook("", "(i64.const 0)")));
    let path = home.write("p", &module);
    let load = |bytes: usize| {
        let mut settings = granted("p");
        settings.limits.module_bytes = bytes.try_into().unwrap();
        Trial::load(&path, settings, home.setup()).map(drop)
    };
    assert!(load(module.len()).is_ok());
    let problems = load(module.len() - 1).unwrap_err();
    assert_eq!(problems[0].message, format!("its file is longer than {} bytes", module.len() - 1));
}

/// As the configuration has them: what is granted, and the hooks to ask.
#[test]
fn a_node_takes_grants_away_and_names_hooks_that_there_are() {
    let log = r#"(import "policy_host_v1" "log" (func (param i32 i32 i32)))"#;
    let count = r#"(import "policy_host_v1" "counter_add" (func (param i32 i32 i64)))"#;
    let kv = KV.0;
    for (node, imports, why) in [
        ("", format!("{log} {count}"), None),
        ("", kv.to_owned(), Some("it imports `kv_delete`, which needs the grant `kv`")),
        (r#"grant "kv""#, format!("{log} {count} {kv}"), None),
        (r#"grant "none""#, String::new(), None),
        (r#"grant "none""#, log.to_owned(), Some("it imports `log`, which needs the grant `log`")),
        (r#"grant "none""#, count.to_owned(), Some("it imports `counter_add`, which needs the grant `counter`")),
        (r#"grant "none" "kv""#, kv.to_owned(), None),
        (r#"grant "none" "kv""#, log.to_owned(), Some("it imports `log`, which needs the grant `log`")),
        (r#"hooks "connection""#, String::new(), None),
        (r#"hooks "connection" "link""#, String::new(), Some("it does not export `on_link`")),
    ] {
        let home = Home::new();
        home.write("p", &wasm(&hook(&imports, "(i64.const 0)")));
        let file = home.0.join("crosstie.kdl");
        std::fs::write(&file, format!("plugins \".\"\nplugin \"p\" {{\n{node}\n}}\n")).unwrap();
        let settings = crosstie_config::load(&file).unwrap_or_else(|problems| panic!("{node}: {problems}")).settings;
        let loaded = load(&settings.plugins.unwrap(), home.setup());
        let found = loaded.err().map(|problems| problems[0].message.clone());
        assert_eq!(found.as_deref(), why, "{node} {imports}");
    }
}

#[test]
fn what_no_host_has_is_told_and_traps_when_it_is_called() {
    let import = |module: &str, name: &str| format!(r#"(import "{module}" "{name}" (func))"#);
    let known = r#"(import "policy_host_v1" "log" (func (param i32 i32 i32)))
        (import "wasi_snapshot_preview1" "fd_write" (func (param i32 i32 i32 i32) (result i32)))"#;
    let body = "(i64.const 0)";
    let told =
        |imports: &str| trial(&Home::new(), &wasm(&hook(imports, body))).unwrap().unknown_imports().map(str::to_owned);
    assert_eq!(told(known), None);
    let unknown = [import("nobody", "kn\\0aows"), import("policy_host_v1", "clock")].concat();
    assert_eq!(told(&unknown).as_deref(), Some(r"`nobody::kn\nows`, `policy_host_v1::clock`"));
    let many: String = (0..1000).map(|number| import("nobody", &format!("f{number}{}", "f".repeat(900)))).collect();
    let many = told(&many).unwrap();
    assert!(many.ends_with(" and 992 more") && many.len() < 1000, "{many}");

    let home = Home::new();
    let traps = hook(r#"(import "nobody" "knows" (func $f))"#, "(call $f) (i64.const 0)");
    home.write("p", &wasm(&traps));
    let plugins = Plugins { directory: home.0.clone(), named: Vec::new(), record: None };
    let engine = load(&plugins, home.setup()).unwrap();
    // ends where it may block
    let mut shared = None;
    let log = run(async {
        let policy = shared.insert(engine.watch().unwrap()).worker();
        assert!(!asks(&policy, None).await);
    });
    let warned = " WARN plugin: what it imports and no host has traps when it is called plugin=\"p\" imports=\"`nobody::knows`\"";
    assert_eq!(log.matches(warned).count(), 1, "{log}");
}

#[test]
fn what_a_guest_does_wrong_in_a_call_fails_that_call() {
    let packed =
        |at: u32, length: u32| format!("(i64.const {})", (u64::from(at) << 32 | u64::from(length)).cast_signed());
    let answers = |at, length| hook("", &packed(at, length));
    let loops = "(loop (br 0)) unreachable";
    let allocates = |body: &str, imports: &str| hook(imports, "(i64.const 0)").replace("(i32.const 1024)", body);
    for (parts, why) in [
        (hook("", "unreachable"), "trap: "),
        (hook("", loops), "no answer within"),
        (hook("(func $deep (call $deep))", "(call $deep) (i64.const 0)"), "call stack exhausted"),
        (answers(0xffff_ff00, 100), "the answer lies outside memory"),
        (answers(1024, 0), "an answer of 0 bytes"),
        (answers(1024, u32::MAX), "the answer lies outside memory"),
        (answers(0, 100_000), "an answer of 100000 bytes"),
        // memory is zeros: the number 0, and what follows
        (answers(2048, 1), "bad answer"),
        (answers(2048, 2), "bytes follow the answer"),
        (hook("", "(i64.const 0)").replace("(i32.const 1024)", "(i32.const 0)"), "policy_alloc answers 0"),
        (hook("", "(i64.const 0)").replace("(i32.const 1024)", "(i32.const -8)"), "a range outside memory"),
        (allocates(loops, ""), "no answer within"),
        (allocates(&format!("{} (i32.const 1024)", KV.1), KV.0), "not allowed in policy_alloc and _initialize"),
        (hook(r#"(import "nobody" "knows" (func $f))"#, "(call $f) (i64.const 0)"), "nobody::knows"),
        (
            hook(
                r#"(import "policy_host_v1" "log" (func $log (param i32 i32 i32)))"#,
                "(loop (call $log (i32.const 0) (i32.const 0) (i32.const 9)) (br 0)) unreachable",
            ),
            "no answer within",
        ),
    ] {
        let found = called(&parts).unwrap_or_else(|| panic!("{parts} has no opinion"));
        // where it was in the guest, and nothing of how it was entered
        assert!(found.contains(why) && !found.contains("crosstie!"), "{parts}\n{found}");
    }
}

/// With the names that the module has, innermost first.
#[test]
fn the_log_has_the_backtrace_of_the_guest_that_traps() {
    let home = Home::new();
    let inner = "(func $looks_up unreachable) (func $decides (call $looks_up))";
    home.write("p", &wasm(&hook(inner, "(call $decides) (i64.const 0)")));
    let plugins = Plugins { directory: home.0.clone(), named: Vec::new(), record: None };
    let engine = load(&plugins, home.setup()).unwrap();
    let log = run(async {
        for _ in 0..2 {
            assert!(!asks(&engine.worker(), None).await);
        }
    });
    let told: Vec<&str> = log.lines().filter(|line| line.contains("plugin failed")).collect();
    let [line] = told[..] else { panic!("the first of its kind alone:\n{log}") };
    assert!(line.contains("plugin=\"p\" entry=\"on_connection\" cause=\"trap\""), "{line}");
    let places = ["unreachable", "wasm backtrace", "looks_up", "decides"].map(|part| line.find(part));
    assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{places:?} in {line}");
}

/// Each takes as much as it gets, and traps where that is more than its limit.
#[test]
fn memory_and_tables_end_where_the_limits_say() {
    let grows_until_no = |grow: &str, size: &str, limit: u32| {
        format!(
            "(block $full (loop $more (br_if $full (i32.eq ({grow}) (i32.const -1))) (br $more)))
             (if (i32.gt_u ({size}) (i32.const {limit})) (then unreachable)) (i64.const 0)"
        )
    };
    let limits = Plugin::unnamed("p").limits;
    let pages = u32::try_from(limits.memory_bytes / 65_536).unwrap();
    assert_eq!(called(&hook("", &grows_until_no("memory.grow (i32.const 16)", "memory.size", pages))), None);
    let grow = "table.grow $t (ref.null func) (i32.const 100)";
    let body = grows_until_no(grow, "table.size $t", limits.table_elements);
    assert_eq!(called(&hook("(table $t 1 funcref)", &body)), None);
}

/// Numbers of WASI: success is 0, "bad file descriptor" 8.
#[test]
fn a_guest_has_no_environment_no_files_and_no_network() {
    let wasi = |name: &str, params: &str, body: &str| {
        let import = format!(r#"(import "wasi_snapshot_preview1" "{name}" (func $f (param {params}) (result i32)))"#);
        called(&hook(&import, &format!("(if (i32.eqz {body}) (then unreachable)) (i64.const 0)")))
    };
    // no variables and no arguments, whatever stood there before
    for name in ["environ_sizes_get", "args_sizes_get"] {
        let none = "(i32.and
            (i32.eqz (block (result i32) (i64.store (i32.const 0) (i64.const -1)) (call $f (i32.const 0) (i32.const 4))))
            (i64.eqz (i64.load (i32.const 0))))";
        assert_eq!(wasi(name, "i32 i32", none), None, "{name}");
    }
    // not one descriptor is a directory that was opened for it
    for descriptor in 0..8 {
        let none = format!("(i32.eq (call $f (i32.const {descriptor}) (i32.const 0)) (i32.const 8))");
        assert_eq!(wasi("fd_prestat_get", "i32 i32", &none), None, "{descriptor}");
        let none = format!(
            "(i32.eq (call $f (i32.const {descriptor}) (i32.const 0) (i32.const 0) (i32.const 0)) (i32.const 8))"
        );
        assert_eq!(wasi("fd_read", "i32 i32 i32 i32", &none), None, "{descriptor}");
    }
    let open = "(call $f (i32.const 3) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i64.const 0) (i64.const 0) (i32.const 0) (i32.const 0))";
    let found = wasi("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32", open).unwrap();
    assert!(found.contains("path_open"), "{found}");
    for name in ["sock_accept", "sock_recv", "sock_send"] {
        let found = wasi(name, "i32 i32 i32", "(call $f (i32.const 3) (i32.const 0) (i32.const 0))").unwrap();
        assert!(found.contains(name), "{found}");
    }
}

/// The one stores under a key, the other looks there.
#[test]
fn a_plugin_reads_nothing_of_another_plugins() {
    let home = Home::new();
    let store =
        r#"(drop (call $put (i32.const 0) (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 0))) (i64.const 0)"#;
    let put = r#"(import "policy_host_v1" "kv_put" (func $put (param i32 i32 i32 i32 i32) (result i32)))"#;
    let get = r#"(import "policy_host_v1" "kv_get" (func $get (param i32 i32 i32 i32) (result i32)))"#;
    let look = |wanted: &str| {
        format!(
            "(if (i32.{wanted} (call $get (i32.const 0) (i32.const 1) (i32.const 8) (i32.const 8)) (i32.const -1))
               (then unreachable)) (i64.const 0)"
        )
    };
    // its own is there: the one that looks as well
    let own = hook(&format!("{put} {get}"), &store.replace("(i64.const 0)", &look("eq")));
    home.write("one", &wasm(&own));
    home.write("two", &wasm(&hook(get, &look("ne"))));
    let plugins = Plugins { directory: home.0.clone(), named: vec![granted("one"), granted("two")], record: None };
    let engine = load(&plugins, home.setup()).unwrap();
    let log = run(async {
        let policy = engine.worker();
        for _ in 0..3 {
            assert!(asks(&policy, None).await);
        }
    });
    assert!(!log.contains("plugin failed"), "{log}");
}
