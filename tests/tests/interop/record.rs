//! The record of what plugins decide: by the configuration, and put on and off while the router runs.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::plugin::{Cbor, Hook, module};
use crosstie_tests::router::{Router, plain_kdl};

pub(crate) fn granting(note: &str) -> Vec<u8> {
    module(&[(
        "on_link",
        Hook::Answer(Cbor::Map(vec![("allow", Cbor::Map(vec![("note", Cbor::Text(note))]))]).bytes()),
    )])
}

/// A router with the plugin `rules`, and the place of its record.
pub(crate) fn router(record: &str, more: &str) -> (Router, PathBuf) {
    let dir = TestDir::new("record");
    dir.write("plugins/rules.wasm", granting("rule 5"));
    dir.write("state/.keep", "");
    let path = dir.path().to_path_buf();
    (Router::start_in(dir, &plain_kdl(&format!("state \"state\"\nplugins \"plugins\" {{ {record} }}\n{more}"))), path)
}

/// The lines of a record that are about the links of a container.
pub(crate) fn lines(path: &Path, container: &str) -> Vec<serde_json::Value> {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    // the last one may be half written
    let whole = text.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let lines = whole.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).expect("a line of JSON"));
    lines.filter(|line| line["request"]["peer"]["container-id"] == container).collect()
}

/// Waits until there is a line about a container.
pub(crate) fn await_line(path: &Path, container: &str) -> serde_json::Value {
    let begun = Instant::now();
    loop {
        if let Some(line) = lines(path, container).into_iter().next() {
            return line;
        }
        assert!(begun.elapsed() < DEADLINE, "no line about {container}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

fn attach(router: &Router, container: &str) {
    Peer::session(router.clients(), container).attach_receiver(0, 0, "q", 1);
}

#[test]
fn the_configuration_records_decisions_and_a_command_stops_it() {
    let (mut router, path) = router("record \"d.jsonl\" { redact \"peer.user\"; }", "");
    let file = path.join("d.jsonl");
    attach(&router, "one");
    let line = await_line(&file, "one");
    assert_eq!(
        (&line["hook"], &line["plugin"], &line["outcome"]),
        (&"link".into(), &"rules".into(), &"allow".into()),
        "{line}"
    );
    assert_eq!(line["answer"]["allow"]["note"], "rule 5");
    assert!(line["request"]["peer"]["user"].is_null() && line["request"]["source"]["address"] == "q", "{line}");
    let (status, said, error) = router.ask(&["plugin", "record", "off"]);
    assert_eq!(status, Some(0), "{error}");
    assert!(said.starts_with("off: ") && said.contains("d.jsonl, 0 dropped; sample 1"), "{said}");
    attach(&router, "two");
    let (status, said, _) = router.ask(&["plugin", "record", "on", "--sample", "1", "--max-size", "64KiB"]);
    assert!(status == Some(0) && said.starts_with("on: ") && said.contains("65536 bytes at most"), "{said}");
    attach(&router, "three");
    await_line(&file, "three");
    assert_eq!(lines(&file, "two").len(), 0);
    // lines are cases
    let mut command = Command::new(router_binary());
    let command = command.args(["plugin", "test"]).arg(path.join("plugins/rules.wasm")).arg(&file);
    let tested = command.output().expect("crosstie runs");
    assert!(tested.status.success(), "{}", String::from_utf8_lossy(&tested.stderr));
    router.assert_healthy();
}

#[test]
fn without_a_node_it_is_off_until_it_is_put_on() {
    let (router, path) = router("", "");
    let (status, said, error) = router.ask(&["plugin", "record", "status"]);
    assert!(status == Some(0) && said.starts_with("off: 0 written to "), "{said}{error}");
    attach(&router, "one");
    assert!(router.ask(&["plugin", "record", "on"]).1.starts_with("on: "));
    attach(&router, "two");
    let file = path.join("state/decisions.jsonl");
    await_line(&file, "two");
    assert_eq!(lines(&file, "one").len(), 0);
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata().expect("the file").permissions());
    assert_eq!(mode & 0o777, 0o600);
    for (arguments, wanted) in [(["--sample", "2"], "above 0 and up to 1"), (["--max-size", "1KiB"], "65536 at least")]
    {
        let (status, _, error) = router.ask(&[&["plugin", "record", "on"], &arguments[..]].concat());
        assert!(status == Some(1) && error.contains(wanted), "{error}");
    }
    let (status, _, error) = router.ask(&["plugin", "record", "off", "--sample", "0.5"]);
    assert!(status == Some(2) && error.contains("`--sample` goes with `on`"), "{error}");
    // a router without plugins has nothing to record
    let (status, _, error) = Router::plain().ask(&["plugin", "record", "on"]);
    assert!(status == Some(1) && error.contains("no plugins"), "{error}");
}

#[test]
fn a_replay_says_by_its_status_whether_a_candidate_differs() {
    let (router, path) = router("record \"d.jsonl\"", "");
    let file = path.join("d.jsonl");
    attach(&router, "one");
    await_line(&file, "one");
    let (status, _, error) = router.ask(&["plugin", "record", "off"]);
    assert_eq!(status, Some(0), "{error}");
    let replay = |plugin: &str, more: &[&str]| {
        let mut command = Command::new(router_binary());
        command.args(["plugin", "replay"]).arg(&file).arg("--plugin").arg(path.join(plugin)).args(more);
        let output = command.output().expect("crosstie runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    let (status, said, error) = replay("plugins/rules.wasm", &[]);
    assert!(status == Some(0) && said.contains(" decisions are the same"), "{said}{error}");
    std::fs::write(path.join("next.wasm"), granting("rule 6")).expect("written");
    let (status, said, error) = replay("next.wasm", &["--of", "rules"]);
    assert!(status == Some(1) && said.contains("rule 5") && said.contains("rule 6"), "{said}{error}");
    assert!(said.contains("line 1, link, sequence ") && said.contains("\n0 of "), "{said}");
    let (status, _, error) = replay("next.wasm", &[]);
    assert!(status == Some(2) && error.contains("no decisions of `next`") && error.contains("rules"), "{error}");
}
