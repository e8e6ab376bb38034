//! Java programs that `tests/install` has built.

use std::process::Command;

use crate::place::cache_dir;

/// A program of `tests/clients/java/FOLDER`, for a Java machine that is to start quickly.
///
/// # Panics
///
/// When it is not installed.
#[must_use]
pub fn program(folder: &str, class: &str) -> Command {
    let root = cache_dir().join(folder);
    assert!(root.join("made-from").exists(), "no {}: run tests/install", root.display());
    let mut command = Command::new("java");
    command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto", "-Xmx512m"]);
    command.arg("-cp").arg(format!("{0}/classes:{0}/lib/*", root.display())).arg(class);
    command
}
