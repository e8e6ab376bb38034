//! The log: areas with levels of their own, in both formats.

use std::path::Path;
use std::time::Duration;

use crosstie_tests::frame::Performative;
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::sender;
use crosstie_tests::place::{TestDir, workspace_dir};
use crosstie_tests::process::Stream;
use crosstie_tests::router::{Router, field, plain_kdl};
use crosstie_tests::server::Server;
use serde_json::Value;

const DEADLINE: Duration = Duration::from_secs(20);

fn with_log(log: &str, more: &str) -> Router {
    Router::start(&plain_kdl(more).replace("    level \"debug\"\n", log))
}

#[test]
fn the_connector_area_shows_its_debug_lines_and_no_listeners() {
    let gone = Server::new().port();
    let broker = format!("connector \"broker\" {{\n    endpoint \"amqp://127.0.0.1:{gone}\"\n}}");
    let router = with_log("    level \"debug\" of=\"connector\"\n", &broker);
    let _peer = Peer::session(router.clients(), "peer");
    let (line, _) = router.wait_log(0, DEADLINE, &["DEBUG", "dialling", "connector=\"broker\""]);
    assert!(line.contains("connector: "), "{line}");
    router.wait_log(0, DEADLINE, &["WARN", "cannot connect"]);
    for line in router.process().lines(Stream::Err) {
        assert!(!line.contains("DEBUG") || line.contains("connector: "), "{line}");
    }
}

#[test]
fn the_listener_area_shows_who_was_accepted() {
    let router = with_log("    level \"debug\" of=\"listener\"\n", "");
    let _peer = Peer::session(router.clients(), "peer");
    let (line, _) = router.wait_log(0, DEADLINE, &["DEBUG", "accepted", "listener=\"clients\""]);
    assert!(line.contains(" peer.addr=127.0.0.1:"), "{line}");
}

#[test]
fn a_peer_that_is_refused_again_and_again_has_some_lines_and_a_count() {
    let closed = "address {\n    prefix \"closed\"\n    distribution \"unavailable\"\n}\n";
    let mut router = with_log("    level \"info\"\n", closed);
    let mut peer = Peer::session(router.clients(), "insistent");
    for handle in 0..100 {
        peer.send(0, &sender(handle, "closed"));
        peer.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    }
    let others = Peer::session(router.clients(), "other");
    drop(peer);
    let (line, _) =
        router.wait_log(0, DEADLINE, &["were left out", "container.id=\"insistent\"", "peer.addr=\"127.0.0.1:"]);
    let left_out: usize = field(&line, "left_out").expect("a count").parse().expect("a number");
    let lines = router.process().lines(Stream::Err);
    let refused = lines.iter().filter(|line| line.contains("link refused")).count();
    assert!((1..50).contains(&refused) && refused + left_out == 100, "{refused} and {left_out}");
    drop(others);
    router.assert_healthy();
}

#[test]
fn json_lines_have_the_area_and_the_fields() {
    let kdl = plain_kdl("").replace("    level \"debug\"\n", "    format \"json\"\n    output \"file:router.log\"\n");
    // the listening line is in the file, so nothing on standard error says when it is ready
    let mut router = Router::start(&kdl.replace("listener \"clients\"", "listener  \"clients\""));
    let path = router.dir().path().join("router.log");
    let line = wait_for_line(&path, "listening");
    assert_eq!((line["level"].as_str(), line["target"].as_str()), (Some("INFO"), Some("listener")));
    assert_eq!(line["fields"]["listener"], "clients");
    let local = line["fields"]["local.addr"].as_str().expect("an address");
    assert!(local.starts_with("127.0.0.1:") && !local.ends_with(":0"), "{local}");
    assert_eq!(router.terminate().code(), Some(0));
}

#[test]
fn a_log_that_was_put_aside_goes_on_in_a_new_file() {
    let kdl = plain_kdl("").replace("    level \"debug\"\n", "    format \"json\"\n    output \"file:router.log\"\n");
    let router = Router::start(&kdl.replace("listener \"clients\"", "listener  \"clients\""));
    let path = router.dir().path().join("router.log");
    wait_for_line(&path, "listening");
    std::fs::rename(&path, router.dir().path().join("router.log.1")).expect("renamed");
    router.process().signal("HUP");
    wait_for_line(&path, "reload: nothing has changed");
}

#[test]
fn a_log_whose_directory_is_gone_is_told_of_on_standard_error_and_nothing_stands_still() {
    let log = "    level \"debug\"\n    format \"json\"\n    output \"file:logs/router.log\"\n";
    let kdl = plain_kdl("").replace("    level \"debug\"\n", log);
    let dir = TestDir::new("log");
    dir.write("logs/old", "");
    let mut router = Router::start_in(dir, &kdl.replace("listener \"clients\"", "listener  \"clients\""));
    let logs = router.dir().path().join("logs");
    let line = wait_for_line(&logs.join("router.log"), "listening");
    let addr = line["fields"]["local.addr"].as_str().expect("an address").parse().expect("an address");
    std::fs::remove_dir_all(&logs).expect("deleted");
    // each peer is good for lines
    let said = |wanted: &str| {
        let end = std::time::Instant::now() + DEADLINE;
        loop {
            Peer::session(addr, "peer").close();
            let lines = router.process().lines(Stream::Err);
            if lines.last().is_some_and(|line| line.contains(wanted)) {
                return lines;
            }
            assert!(std::time::Instant::now() < end, "no {wanted:?} in {lines:?}");
        }
    };
    let faults = |lines: &[String]| lines.iter().filter(|line| line.starts_with("crosstie: cannot")).count();
    assert_eq!(faults(&said("logs/router.log`: No such file or directory")), 1);
    runtime().block_on(async {
        let mut management = Management::open(addr).await;
        let told = management.named("READ", "log", "log/DEFAULT").await;
        assert!(told.text("fault").contains("logs/router.log"), "{told:?}");
        management.close().await;
    });
    std::fs::create_dir(&logs).expect("back");
    assert_eq!(faults(&said("is written again, without ")), 1);
    assert!(std::fs::read_to_string(logs.join("router.log")).expect("a log").contains("\"fields\""));
    assert_eq!(router.terminate().code(), Some(0));
}

fn wait_for_line(path: &Path, phrase: &str) -> Value {
    let end = std::time::Instant::now() + DEADLINE;
    loop {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        let whole = text.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        if let Some(line) = whole.into_iter().find(|line| line["fields"]["message"] == phrase) {
            return line;
        }
        assert!(std::time::Instant::now() < end, "no {phrase:?} in {text}");
        std::thread::yield_now();
    }
}

/// `log { level of="AREA" }` goes by the target, so a line without one belongs to no area.
#[test]
fn every_log_line_of_the_host_names_its_area() {
    let areas = [
        "router",
        "listener",
        "connector",
        "connection",
        "link",
        "address",
        "message",
        "plugin",
        "management",
        "network",
        "config",
    ];
    let mut files = Vec::new();
    sources(&workspace_dir().join("host"), &mut files);
    let mut seen = 0;
    for file in files {
        let text = std::fs::read_to_string(&file).expect("a source file");
        for level in ["error", "warn", "info", "debug", "trace"] {
            for after in text.split(&format!("tracing::{level}!(")).skip(1) {
                seen += 1;
                let area = after.trim_start().strip_prefix("target: \"").and_then(|rest| rest.split('"').next());
                assert!(
                    area.is_some_and(|area| areas.contains(&area)),
                    "{}: {level}!({}",
                    file.display(),
                    after.lines().next().unwrap_or_default()
                );
            }
        }
    }
    assert!(seen > 20, "only {seen} lines found");
}

fn sources(folder: &Path, files: &mut Vec<std::path::PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok) {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, files);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
}
