//! What only Go has: tests that run natively, and a linker that leaves out what nothing calls.

use std::path::Path;
use std::process::Command;

use crosstie_tests::place::router_binary;

/// The module of an import in the section of imports: a text after its length.
const MODULE: &[u8] = b"\x0epolicy_host_v1";

pub(crate) fn check(folder: &Path, built: &Path) {
    assert_eq!(run(folder, &["gofmt", "-l", "."]), "", "not formatted");
    run(folder, &["go", "vet", "./..."]);
    run(folder, &["go", "test", "./..."]);
    collects_garbage(&folder.with_file_name("examples"), built);
    let all = ["counter_add", "kv_add", "kv_delete", "kv_get", "kv_put", "log"];
    for (plugin, calls) in [("no-guests", &[] as &[&str]), ("members", &["counter_add", "kv_add"]), ("calls", &all)] {
        assert_eq!(
            imports(&built.join(plugin).with_extension("wasm")),
            calls,
            "{plugin} imports what it does not call"
        );
    }
}

/// Garbage is collected though the cases say nothing of the time, for which the runtime asks then: enough calls for some of it.
fn collects_garbage(examples: &Path, built: &Path) {
    let mut bench = Command::new(router_binary());
    bench.args(["plugin", "bench"]).arg(built.join("members.wasm")).args(["members.cases.jsonl", "--config"]);
    bench.args(["members.kdl", "--count", "30000"]).current_dir(examples);
    bench.env("XDG_CACHE_HOME", built.join("cache"));
    let output = bench.output().expect("crosstie runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// What it tells. Panics where it fails.
fn run(folder: &Path, command: &[&str]) -> String {
    let output = Command::new(command[0]).args(&command[1..]).current_dir(folder).output().expect("Go is there");
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{command:?}: {told}{}", String::from_utf8_lossy(&output.stderr));
    told
}

/// Of the router, in the order of their names.
fn imports(module: &Path) -> Vec<String> {
    let bytes = std::fs::read(module).unwrap();
    let places = (0..bytes.len()).filter(|at| bytes[*at..].starts_with(MODULE));
    let name = |at: usize| {
        let (len, rest) = bytes[at + MODULE.len()..].split_first().unwrap();
        String::from_utf8(rest[..usize::from(*len)].to_vec()).unwrap()
    };
    let mut names: Vec<_> = places.map(name).collect();
    names.sort();
    names
}
