//! Names of hosts that a router under test knows, whatever the machine's own resolver says.

use std::process::Command;

use crate::place::{cache_dir, tests_dir};

/// Has a router know the names of `clients/silent-dns.c`: `*.silent.test` never has an answer, `*.both.test` has `::1` and
/// `127.0.0.1`, `*.six.test` and `*.four.test` one of them, `*.two.test` `127.0.0.1` and `127.0.0.2`.
///
/// # Panics
///
/// When the library is not there, or not made from that file.
pub fn give_names(command: &mut Command) {
    let (cache, source) = (cache_dir().join("silent-dns"), tests_dir().join("clients/silent-dns.c"));
    let read = |path| std::fs::read_to_string(path).unwrap_or_default();
    assert_eq!(read(cache.join("made-from")), read(source), "the library of names is old: run tests/install");
    command.env("LD_PRELOAD", cache.join("silent-dns.so"));
}
