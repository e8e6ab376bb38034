//! The generator, for a second, so that it stays as it should be.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::path::Path;
use std::process::Command;

use crosstie_tests::place::router_binary;

/// Runs the generator; gives the value of `key` in each line that begins with `line`.
fn values(arguments: &[&str], line: &str, key: &str) -> Vec<f64> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_crosstie-load"));
    let output = command.args(arguments).env("CROSSTIE_BIN", router_binary()).output().expect("it runs");
    let (said, error) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}{error}");
    let value = |said: &str| said.split(' ').find_map(|word| word.strip_prefix(key)?.strip_prefix('=')?.parse().ok());
    said.lines().filter(|said| said.starts_with(line)).filter_map(value).collect()
}

#[test]
fn messages_go_by_every_way() {
    for more in [&["--size", "1024"][..], &["--size", "100000"], &["--settled"]] {
        let arguments = [&["messages", "--count", "500", "--runs", "1"], more].concat();
        let rates = values(&arguments, "run=1", "per_second");
        assert!(rates.len() == 4 && rates.iter().all(|rate| *rate > 0.0), "{rates:?}");
    }
    assert_eq!(values(&["messages", "--count", "500", "--pairs", "3", "--ways", "tls"], "run=", "per_second").len(), 5);
}

#[test]
fn handshakes_and_idle_connections_are_weighed() {
    let costs = values(&["handshakes", "--count", "50", "--runs", "1"], "median", "rustls_alone_us");
    assert!(costs.len() == 1 && costs[0] > 0.0, "{costs:?}");
    assert_eq!(
        values(&["idle", "--connections", "20", "--settling", "0"], "connections=20", "router_kib_each").len(),
        1
    );
}

#[test]
fn plugins_are_asked_and_one_fails_beside_messages() {
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugins");
    let built = built.to_str().expect("a name");
    let few = ["--count", "20", "--messages", "500", "--failures", "50", "--runs", "1"];
    let arguments = [&["plugins", "--built", built], &few[..]].concat();
    assert_eq!(values(&arguments, "run=1", "connections_per_second").len(), 2);
    let latencies = values(&arguments, "failures=", "latency_us");
    assert!(latencies.len() == 2 && latencies.iter().all(|us| *us > 0.0), "{latencies:?}");
}
