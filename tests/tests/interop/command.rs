//! The command line: `check`, a start that fails, signals, limits, completions.

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::process::{Process, Stream};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, check, plain_kdl};

/// EX_CONFIG of sysexits.h.
const BAD_CONFIGURATION: i32 = 78;

#[test]
fn check_takes_a_good_file_and_opens_no_socket() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let dir = TestDir::new("check");
    let kdl = plain_kdl("").replace("port 0", &format!("port {port}"));
    let found = check(&dir, &kdl);
    assert_eq!(found.code, Some(0), "{}", found.stderr);
}

#[test]
fn check_names_every_problem_with_its_place() {
    let dir = TestDir::new("check");
    let kdl = "router \"hub\"\nlistener \"a\" {\n    host \"127.0.0.1\"\n    port 0\n    failover-url \"b.example.com\"\n}\n\
               listener \"b\" {\n    port 0\n    idle-timeout \"16\"\n}\n";
    let found = check(&dir, kdl);
    assert_eq!(found.code, Some(BAD_CONFIGURATION), "{}", found.stderr);
    for place in ["check.kdl:5:", "check.kdl:9:"] {
        let column = found.stderr.split(place).nth(1).and_then(|rest| rest.chars().next());
        assert!(column.is_some_and(|char| char.is_ascii_digit()), "no {place}COLUMN in\n{}", found.stderr);
    }
    assert!(found.stderr.contains("failover-urls"), "no hint in\n{}", found.stderr);
}

#[test]
fn check_refuses_what_is_no_kdl() {
    let dir = TestDir::new("check");
    let found = check(&dir, "listener \"a\" {\n    port 0\n");
    assert_eq!(found.code, Some(BAD_CONFIGURATION), "{}", found.stderr);
    assert!(found.stderr.contains("check.kdl:"), "{}", found.stderr);
}

#[test]
fn check_says_why_the_systems_certificates_cannot_be_read() {
    let dir = TestDir::new("check");
    let file = dir.write("check.kdl", "tls \"t\"\nconnector \"a\" {\n    endpoint \"amqps://h\"\n    tls \"t\"\n}\n");
    let missing = dir.path().join("bundle.pem");
    let mut command = Command::new(router_binary());
    command.arg("check").arg(file).env("SSL_CERT_FILE", &missing).env_remove("SSL_CERT_DIR").env("NO_COLOR", "1");
    let output = command.output().expect("crosstie runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(BAD_CONFIGURATION), "{said}");
    assert!(said.contains("this system's certificates of authorities cannot be read: "), "{said}");
    assert!(said.contains("bundle.pem"), "{said}");
}

#[test]
fn run_refuses_a_bad_file() {
    let dir = TestDir::new("run");
    let file = dir.write("bad.kdl", "listener \"a\" {\n    port \"no such service\"\n}\n");
    let mut command = std::process::Command::new(router_binary());
    let mut process = Process::start("crosstie", command.arg("run").arg(file));
    assert_eq!(process.wait_exit(Duration::from_secs(20)).code(), Some(BAD_CONFIGURATION), "{}", process.tail(20));
}

#[test]
fn sigterm_closes_connections_and_ends_with_status_0() {
    let mut router = Router::plain();
    let mut client = Proton::start("receive", router.clients(), "--address a --keep");
    client.event("attached");
    let begun = Instant::now();
    let status = router.terminate();
    assert_eq!(status.code(), Some(0), "{status}\n{}", router.process().tail(20));
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
    assert_eq!(client.event("closed")["condition"], "amqp:connection:forced");
}

#[test]
fn sigterm_does_not_wait_longer_than_its_deadline() {
    let kdl = plain_kdl("").replace("workers 2", "workers 2\n    shutdown-deadline \"500ms\"");
    let mut router = Router::start(&kdl);
    // It never answers the Close.
    let peer = Peer::session(router.clients(), "deaf");
    let begun = Instant::now();
    let status = router.terminate();
    assert_eq!(status.code(), Some(0), "{status}");
    assert!(begun.elapsed() < Duration::from_secs(4), "it took {:?}", begun.elapsed());
    drop(peer);
}

#[test]
fn a_second_signal_ends_at_once() {
    for (signal, status) in [("TERM", 143), ("INT", 130)] {
        let kdl = plain_kdl("").replace("workers 2", "workers 2\n    shutdown-deadline \"60s\"");
        let mut router = Router::start(&kdl);
        // It never answers the Close.
        let peer = Peer::session(router.clients(), "deaf");
        router.process().signal("TERM");
        router.wait_log(0, Duration::from_secs(20), &["shutting down"]);
        router.process().signal(signal);
        assert_eq!(router.wait_exit(Duration::from_secs(20)).code(), Some(status));
        drop(peer);
    }
}

#[test]
fn a_taken_port_is_named_before_anything_is_served() {
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let dir = TestDir::new("run");
    let kdl = plain_kdl(&format!("listener \"second\" {{\n    host \"127.0.0.1\"\n    port {port}\n}}"));
    let file = dir.write("taken.kdl", &kdl);
    let mut command = std::process::Command::new(router_binary());
    let mut process = Process::start("crosstie", command.arg("run").arg(file));
    assert_eq!(process.wait_exit(Duration::from_secs(20)).code(), Some(1), "{}", process.tail(20));
    let text = format!("error: listener \"second\" cannot listen on 127.0.0.1:{port}: another process listens there");
    let found = process.wait_line(Stream::Err, 0, Duration::from_secs(20), |line| (line == text).then_some(()));
    found.unwrap_or_else(|reason| panic!("{reason}\n{}", process.tail(20)));
}

#[test]
fn the_soft_limit_of_open_files_is_raised_and_a_low_hard_limit_named() {
    let dir = TestDir::new("run");
    let file = dir.write("limits.kdl", plain_kdl(""));
    let script =
        format!("ulimit -S -n 100; ulimit -H -n 3000; exec {} run {}", router_binary().display(), file.display());
    let process =
        Process::start("crosstie", std::process::Command::new("sh").arg("-c").arg(script).env("NO_COLOR", "1"));
    let warned = process.wait_line(Stream::Err, 0, Duration::from_secs(20), |line| {
        (line.contains("WARN") && line.contains("needed=66047") && line.contains("limit=3000")).then_some(())
    });
    warned.unwrap_or_else(|reason| panic!("{reason}\n{}", process.tail(20)));
    let limits = std::fs::read_to_string(format!("/proc/{}/limits", process.id())).expect("limits");
    let line = limits.lines().find(|line| line.starts_with("Max open files")).expect("a line");
    assert_eq!(line.split_whitespace().nth(3), Some("3000"), "{line}");
}

#[test]
fn version_and_completions_are_printed() {
    let output = |line: &[&str]| {
        let output = std::process::Command::new(router_binary()).args(line).output().expect("crosstie runs");
        assert!(output.status.success(), "{line:?}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    assert!(output(&["version"]).starts_with(concat!("crosstie ", env!("CARGO_PKG_VERSION"))));
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = output(&["completions", shell]);
        for word in ["receive", "presettled"] {
            assert!(script.contains(word), "{shell}: no {word}");
        }
    }
    let dir = TestDir::new("completions");
    let file = dir.write("crosstie.bash", output(&["completions", "bash"]));
    let status = std::process::Command::new("bash").arg("-n").arg(file).status().expect("bash runs");
    assert!(status.success(), "bash does not take its script");
}

#[test]
fn check_whose_reader_goes_away_keeps_its_status() {
    let dir = TestDir::new("check");
    let file = dir.write("bad.kdl", "listener \"a\" { prot 1; }\n".repeat(90));
    let script = format!(
        "{} check {} 2>&1 | head -n 1 >/dev/null; echo ${{PIPESTATUS[0]}}",
        router_binary().display(),
        file.display()
    );
    let output = std::process::Command::new("bash").arg("-c").arg(script).output().expect("bash runs");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), BAD_CONFIGURATION.to_string());
}

#[test]
fn problems_of_the_text_and_of_plugins_come_at_once() {
    let dir = TestDir::new("check");
    dir.write("plugins/broken.wasm", "no module");
    dir.write("plugins/script.js", b"\n\xff");
    dir.write("plugins/broken.two.js", "");
    dir.write("plugins/broken.two.wasm", "");
    let found = check(&dir, "listner \"a\"\nplugins \"plugins\"\n");
    assert_eq!(found.code, Some(BAD_CONFIGURATION));
    for part in [
        "unknown node `listner`",
        "plugin `script`: script.js:2: it is no text in UTF-8",
        "`broken.two.js` and `broken.two.wasm` are plugins of one name",
        "plugin `broken`: the module does not load: ",
    ] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
}

#[test]
fn management_is_for_those_whom_the_listener_lets() {
    let listener = |name: &str, access: &str| {
        format!("listener \"{name}\" {{\n    host \"127.0.0.1\"\n    port 0\n    management \"{access}\"\n}}\n")
    };
    let router = Router::start(&plain_kdl(&[listener("off", "off"), listener("read", "read")].concat()));
    let stat = |name: &str| {
        let bus = format!("amqp://{}", router.addr(name));
        let output = Command::new(router_binary()).args(["stat", "general", "--bus", &bus]).output().expect("it runs");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    // absent: this machine may
    assert!(stat("clients").0 && stat("read").0);
    let (allowed, text) = stat("off");
    assert!(!allowed && text.contains("management is off"), "{text}");
}
