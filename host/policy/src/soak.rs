//! Plugins that are replaced for as long as a router runs.

use std::fs;
use std::process::Command;

use crate::live::{Router, module, patient};

/// Reloads of a run, and of a long one.
const RELOADS: usize = 200;
const RELOADS_LONG: usize = 10_000;

/// Bytes that memory may grow by, for what the allocator leaves between.
const GROWN_MAX_BYTES: u64 = 8 << 20;

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let statm = fs::read_to_string("/proc/self/statm").unwrap();
    statm.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() * 4096
}

#[test]
fn thousands_of_reloads_leave_memory_as_it_was() {
    // in a process of its own, where no other test takes memory meanwhile
    const ALONE: &str = "CROSSTIE_TEST_ALONE";
    if std::env::var_os(ALONE).is_none() {
        let mut alone = Command::new(std::env::current_exe().unwrap());
        alone.args(["--exact", "soak::thousands_of_reloads_leave_memory_as_it_was"]).env(ALONE, "1");
        let output = alone.output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        return;
    }
    let count = if std::env::var_os("CROSSTIE_LONG").is_some() { RELOADS_LONG } else { RELOADS };
    // both are asked: the module has no opinion
    let modules = ["one", "two"].map(|text| module("", text, "(return (i64.const 0))"));
    let scripts = ["one", "two"].map(|text| {
        format!("function onConnection() {{ return {{deny: {{condition: 'a:b', description: '{text}'}}}}; }}")
    });
    let files = [("p.wasm", &modules[1][..]), ("s.js", scripts[1].as_bytes())];
    let mut router = Router::start(&files, vec![patient("p"), patient("s")]);
    let mut before = 0;
    for round in 0..count {
        for (name, bytes) in [("p.wasm", &modules[round % 2][..]), ("s.js", scripts[round % 2].as_bytes())] {
            fs::write(router.path(".next"), bytes).unwrap();
            fs::rename(router.path(".next"), router.path(name)).unwrap();
        }
        router.look();
        assert_eq!(router.refused(), ["two", "one"][round % 2]);
        assert_eq!(router.settle().matches("plugin loaded").count(), 2);
        assert_eq!(router.refused(), ["one", "two"][round % 2]);
        if round == count / 4 {
            before = resident();
        }
    }
    let grown = resident().saturating_sub(before);
    assert!(grown < GROWN_MAX_BYTES, "{grown} bytes more after {count} reloads");
}
