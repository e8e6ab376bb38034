//! A plugin that `crosstie plugin new` begins builds and decides its cases as they say, as is.

use std::path::Path;
use std::process::{Command, Output};

use crosstie_tests::place::{TestDir, router_binary};

fn crosstie(dir: &Path, arguments: &[&str]) -> Output {
    Command::new(router_binary()).current_dir(dir).args(arguments).output().expect("crosstie runs")
}

#[test]
fn a_plugin_in_rust_builds_and_passes_its_cases() {
    let dir = TestDir::new("new");
    let made = crosstie(dir.path(), &["plugin", "new", "rust", "no-guests"]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let place = dir.path().join("no-guests");
    let mut cargo = Command::new("cargo");
    // what the workspace depends on is there: nothing is fetched
    cargo.current_dir(&place).args(["build", "--offline", "--release", "--target", "wasm32-unknown-unknown"]);
    let built =
        cargo.env("CARGO_TARGET_DIR", place.join("target")).env_remove("RUSTFLAGS").output().expect("cargo runs");
    assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
    let wasm = place.join("target/wasm32-unknown-unknown/release/no_guests.wasm");
    std::fs::copy(wasm, place.join("no-guests.wasm")).expect("copied");
    let tested = crosstie(&place, &["plugin", "test", "no-guests.wasm", "no-guests.cases.jsonl"]);
    let said = String::from_utf8_lossy(&tested.stdout);
    assert!(tested.status.success() && said.starts_with("2 of 2"), "{said}{}", String::from_utf8_lossy(&tested.stderr));
    // nothing is written over
    assert_eq!(crosstie(dir.path(), &["plugin", "new", "rust", "no-guests"]).status.code(), Some(1));
}

#[test]
fn an_unknown_language_is_refused_with_those_that_there_are() {
    let dir = TestDir::new("new");
    let refused = crosstie(dir.path(), &["plugin", "new", "cobol", "x"]);
    let said = String::from_utf8_lossy(&refused.stderr);
    assert!(refused.status.code() == Some(2) && said.contains("`cobol`") && said.contains("rust"), "{said}");
    assert_eq!(crosstie(dir.path(), &["plugin", "new", "rust", "../x"]).status.code(), Some(2));
}
