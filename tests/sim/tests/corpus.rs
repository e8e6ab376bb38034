//! What the fuzzers found worth keeping, replayed: `fuzz/corpus`, and the scripts that they start from.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::fs;
use std::path::PathBuf;

use crosstie_sim::{answer, configuration, conversation, failover_list, script::Script, seeds};

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus").join(target);
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    assert!(!paths.is_empty() && paths.len() < 200);
    paths.into_iter().map(|path| (path.clone(), fs::read(path).unwrap())).collect()
}

/// Names the input that fails.
fn each(inputs: impl IntoIterator<Item = (String, impl FnOnce() + std::panic::UnwindSafe)>) {
    for (name, play) in inputs {
        if let Err(panic) = std::panic::catch_unwind(play) {
            eprintln!("the failing input: {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn hostile_scripts_harm_nobody_else() {
    each(seeds::scripts().into_iter().map(|(name, script)| (name, move || conversation::play(&script))));
    each(
        corpus("connection")
            .into_iter()
            .map(|(path, bytes)| (path.display().to_string(), move || conversation::play(&Script::read(&bytes)))),
    );
}

#[test]
fn configurations_are_read_or_refused() {
    each(
        corpus("kdl")
            .into_iter()
            .map(|(path, bytes)| (path.display().to_string(), move || configuration::read(&bytes))),
    );
    each(
        corpus("import")
            .into_iter()
            .map(|(path, bytes)| (path.display().to_string(), move || configuration::import(&bytes))),
    );
}

#[test]
fn answers_of_plugins_are_read_or_refused() {
    let mut good = 0;
    for (path, bytes) in corpus("answer") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read = answer::read(&bytes);
        // those of `plugin-sdk/golden.jsonl` are answers, in their shortest form
        if name.starts_with("golden-") {
            assert_eq!(read.as_deref(), bytes.get(1..), "{name}");
            good += 1;
        }
        if name.starts_with("bad-") {
            assert_eq!(read, None, "{name}");
        }
    }
    assert!(good >= 12, "{good}");
}

#[test]
fn failover_lists_are_taken_as_far_as_they_are_sound() {
    let counts = corpus("failover_list").into_iter().map(|(path, bytes)| {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let read = failover_list::read(&bytes);
        let taken = read.map(|read| (read.items.map(|items| items.len()), read.skipped));
        (name, taken)
    });
    let counts: std::collections::BTreeMap<_, _> = counts.collect();
    let has = |name: &str| *counts.get(name).unwrap();
    assert_eq!(has("absent"), Some((None, 0)));
    assert_eq!(has("empty"), Some((Some(0), 0)));
    assert_eq!(has("artemis"), Some((Some(1), 0)));
    assert_eq!(has("reference"), Some((Some(2), 0)));
    assert_eq!(has("strange"), Some((Some(0), 5)));
    assert_eq!(has("long"), Some((Some(0), 1)));
    assert_eq!(has("many"), Some((Some(32), 8)));
    assert_eq!(has("false-count"), None, "the Open is refused");
    assert_eq!(has("deep"), None, "the Open is refused");
}
