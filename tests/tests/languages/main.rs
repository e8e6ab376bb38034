//! The SDKs of `plugin-sdk`, a row for each language: it builds, its plugins decide what those of the other languages
//! decide, and it reads and writes the bytes that are fixed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod go;
mod golden;
mod new;

use std::path::{Path, PathBuf};
use std::process::Command;

use crosstie_tests::place::{TestDir, cache_dir, router_binary, workspace_dir};

use golden::Reads;

/// What is there for a language.
struct Language {
    /// Its folder in `plugin-sdk`.
    name: &'static str,
    /// Fills a directory with the modules of the plugins, and with `golden.wasm`.
    build: fn(folder: &Path, into: &Path),
    /// Those of `plugin-sdk/examples` that it has.
    plugins: &'static [&'static str],
    /// Of `golden`, where it has it.
    golden: Option<Reads>,
}

/// Those that an SDK has.
const PLUGINS: [&str; 4] = ["no-guests", "members", "every-hook", "calls"];

#[test]
fn assemblyscript() {
    Language { name: "assemblyscript", build: script, plugins: &PLUGINS, golden: Some(Reads::Pointers) }.check();
}

#[test]
fn c() {
    Language { name: "c", build: script, plugins: &PLUGINS, golden: Some(Reads::Pointers) }.check();
}

#[test]
fn go() {
    let built = Language { name: "go", build: script, plugins: &PLUGINS, golden: Some(Reads::Slices) }.check();
    go::check(&sdk().join("go"), built.path());
}

#[test]
fn java() {
    Language { name: "java", build: script, plugins: &PLUGINS, golden: Some(Reads::Slices) }.check();
}

#[test]
fn rust_without_std() {
    Language { name: "rust", build: built, plugins: &["members"], golden: None }.check();
}

#[test]
fn zig() {
    Language { name: "zig", build: script, plugins: &PLUGINS, golden: Some(Reads::Pointers) }.check();
}

#[test]
fn wat() {
    let built = Language { name: "wat", build: assemble, plugins: &["no-guests", "members"], golden: None }.check();
    golden::check_plugin(&built.path().join("members.wasm"));
}

impl Language {
    /// Gives the directory with the modules.
    fn check(&self) -> TestDir {
        let dir = TestDir::new(&format!("language-{}", self.name));
        (self.build)(&sdk().join(self.name), dir.path());
        for plugin in self.plugins {
            Plugin { dir: &dir, name: plugin }.check();
        }
        if let Some(reads) = self.golden {
            golden::check(&dir.path().join("golden.wasm"), reads);
        }
        dir
    }
}

/// A module that was built, and what `plugin-sdk/examples` says of it.
struct Plugin<'a> {
    dir: &'a TestDir,
    name: &'a str,
}

impl Plugin<'_> {
    /// It decides its cases, with `NAME.kdl` where there is one; and the nodes of `NAME.bad.kdl` are problems.
    fn check(&self) {
        let examples = sdk().join("examples");
        let cases = examples.join(format!("{}.cases.jsonl", self.name));
        let count = std::fs::read_to_string(&cases).unwrap().lines().count();
        let all = format!("{count} of {count} cases are decided as they say\n");
        let (good, bad) =
            (examples.join(format!("{}.kdl", self.name)), examples.join(format!("{}.bad.kdl", self.name)));
        assert_eq!(self.run("test", Some(&cases), &good), (Some(0), all, String::new()), "{}", self.name);
        let (code, told, warned) = self.run("check", None, &good);
        // `calls` has no field to name
        assert_eq!((code, told.contains("reads: everything")), (Some(0), self.name == "calls"), "{told}");
        // what runtimes import is there
        assert_eq!(warned, "", "{}", self.name);
        if bad.exists() {
            let (code, _, problems) = self.run("check", None, &bad);
            assert_eq!((code, places(&problems)), (Some(78), places_in_bad_kdl()), "{problems}");
        }
    }

    fn run(&self, command: &str, cases: Option<&Path>, config: &Path) -> (Option<i32>, String, String) {
        let mut crosstie = Command::new(router_binary());
        crosstie.args(["plugin", command]).arg(self.dir.path().join(format!("{}.wasm", self.name))).args(cases);
        if config.exists() {
            crosstie.arg("--config").arg(config);
        }
        crosstie.env("XDG_CACHE_HOME", self.dir.path().join("cache")).env("NO_COLOR", "1");
        let output = crosstie.output().expect("crosstie runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("UTF-8");
        (output.status.code(), text(output.stdout), text(output.stderr))
    }
}

fn sdk() -> PathBuf {
    workspace_dir().join("plugin-sdk")
}

/// Where problems stand, as `crosstie` shows them.
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
    let mut build = Command::new(folder.join("build"));
    build.arg(into).env("ZIG", cache_dir().join("zig/ziglang/zig"));
    build.env("ASC", cache_dir().join("assemblyscript/node_modules/.bin/asc"));
    let output = build.output().expect("`build` runs");
    let told = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{}: {told}\ntests/install installs what it needs", folder.display());
}

/// What `tests/run` builds.
fn built(_: &Path, into: &Path) {
    let module = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("wasm32-unknown-unknown/plugin/members.wasm");
    std::fs::copy(&module, into.join("members.wasm")).expect("tests/run builds it");
}

/// A text of each module.
fn assemble(folder: &Path, into: &Path) {
    for name in ["no-guests", "members"] {
        let module = wat::parse_file(folder.join(format!("{name}.wat"))).unwrap();
        std::fs::write(into.join(format!("{name}.wasm")), module).unwrap();
    }
}
