//! The SDKs of `plugin-sdk`, a row for each language: it builds, its plugins decide what those of the other languages
//! decide, and it reads and writes the bytes that are fixed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod golden;

use std::path::{Path, PathBuf};
use std::process::Command;

use crosstie_tests::place::{TestDir, router_binary, workspace_dir};

use golden::Reads;

/// What a language has beside the plugin `no-guests`, which each has.
struct Language {
    /// Its folder in `plugin-sdk`.
    name: &'static str,
    /// Fills a directory with `no-guests.wasm`, and with `members.wasm` and `golden.wasm` where it has them.
    build: fn(folder: &Path, into: &Path),
    /// `members`, with its configuration.
    members: bool,
    /// `golden`, with what it does about a request that cannot be read.
    golden: Option<Reads>,
}

#[test]
fn c() {
    Language { name: "c", build: script, members: true, golden: Some(Reads::Pointers) }.check();
}

#[test]
fn wat() {
    Language { name: "wat", build: assemble, members: false, golden: None }.check();
}

impl Language {
    fn check(&self) {
        let dir = TestDir::new(&format!("language-{}", self.name));
        (self.build)(&sdk().join(self.name), dir.path());
        let run = |command: &str, plugin: &str, arguments: &[&str]| {
            let mut crosstie = Command::new(router_binary());
            crosstie.args(["plugin", command]).arg(dir.path().join(format!("{plugin}.wasm"))).args(arguments);
            crosstie.current_dir(sdk().join("examples"));
            crosstie.env("XDG_CACHE_HOME", dir.path().join("cache")).env("NO_COLOR", "1");
            let output = crosstie.output().expect("crosstie runs");
            let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
            (output.status.code(), text(output.stdout), text(output.stderr))
        };
        let is_decided = |plugin: &str, more: &[&str]| {
            let cases = format!("{plugin}.cases.jsonl");
            let count = std::fs::read_to_string(sdk().join("examples").join(&cases)).unwrap().lines().count();
            let told = run("test", plugin, &[&[cases.as_str()], more].concat());
            let all = format!("{count} of {count} cases are decided as they say\n");
            assert_eq!(told, (Some(0), all, String::new()), "{plugin}");
        };
        let good = run("check", "no-guests", &[]);
        let file = dir.path().join("no-guests.wasm");
        let told = format!("{} is good\nhooks: connection\nreads: peer.user\n", file.display());
        assert_eq!(good, (Some(0), told, String::new()));
        is_decided("no-guests", &[]);
        if self.members {
            is_decided("members", &["--config", "members.kdl"]);
            let (code, _, problems) = run("check", "members", &["--config", "members.bad.kdl"]);
            assert_eq!((code, places(&problems)), (Some(78), places_in_bad_kdl()), "{problems}");
        }
        if let Some(reads) = self.golden {
            golden::check(&dir.path().join("golden.wasm"), reads);
        }
    }
}

fn sdk() -> PathBuf {
    workspace_dir().join("plugin-sdk")
}

/// Where problems stand, as `crosstie` shows it.
fn places(problems: &str) -> Vec<String> {
    let place = |line: &str| Some(line.split_once("bad.kdl:")?.1.trim_end_matches(']').to_owned());
    let mut places: Vec<_> = problems.lines().filter_map(place).collect();
    places.sort();
    places
}

fn places_in_bad_kdl() -> Vec<String> {
    ["10:45", "10:9", "10:9", "6:9", "7:9", "8:9", "9:9"].map(str::to_owned).into()
}

/// The file `build` of its folder.
fn script(folder: &Path, into: &Path) {
    let output = Command::new(folder.join("build")).arg(into).output().expect("`build` runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}\ntests/install installs what it needs", folder.display());
}

/// A text of each module.
fn assemble(folder: &Path, into: &Path) {
    let module = wat::parse_file(folder.join("no-guests.wat")).unwrap();
    std::fs::write(into.join("no-guests.wasm"), module).unwrap();
}
