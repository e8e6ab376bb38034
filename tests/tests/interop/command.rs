//! The command line: `check`, a start that fails, and SIGTERM.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::place::TestDir;
use crosstie_tests::process::Process;
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
fn run_refuses_a_bad_file() {
    let dir = TestDir::new("run");
    let file = dir.write("bad.kdl", "listener \"a\" {\n    port \"no such service\"\n}\n");
    let mut command = std::process::Command::new(crosstie_tests::place::router_binary());
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
