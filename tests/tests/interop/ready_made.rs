//! The plugins of `plugins/`, built for wasm, as peers see their decisions; and the examples.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use crosstie_tests::place::{TestDir, router_binary, workspace_dir};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, check, plain_kdl};
use crosstie_tests::server::Server;

use crate::failover_policy::connected_to;
use crate::tls::{HOSTS, Place, listener};

/// A directory with one of the plugins in it, as `tests/run` builds them.
pub(crate) fn with_plugin(name: &str) -> TestDir {
    let dir = TestDir::new("ready-made");
    let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugins").join(format!("{name}.wasm"));
    let bytes = fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}; tests/run builds it", built.display()));
    dir.write(&format!("plugins/{name}.wasm"), bytes);
    dir
}

fn with_config(name: &str, config: &str) -> Router {
    with_node(name, &format!("config {{\n{config}\n    }}"))
}

fn with_node(name: &str, node: &str) -> Router {
    let more = format!("plugins \"plugins\"\nplugin \"{name}\" {{\n    {node}\n}}\n");
    Router::start_in(with_plugin(name), &plain_kdl(&more))
}

fn receive(router: &Router, address: &str) -> Proton {
    Proton::start("receive", router.clients(), &format!("--address {address} --keep"))
}

#[test]
fn admission_lets_in_whom_a_rule_allows() {
    let rules = "deny container-id=\"x*\"\ndefault \"allow\"";
    let router = with_config("admission", rules);
    receive(&router, "a").event("attached");
    let rules = "denial condition=\"amqp:not-allowed\" description=\"by invitation only\"\ndefault \"deny\"";
    let router = with_config("admission", rules);
    let closed = receive(&router, "a").event("closed");
    assert_eq!(closed["condition"], "amqp:not-allowed");
    assert_eq!(closed["description"], "by invitation only");
    let rules = "allow network=\"127.0.0.0/8\" connections-per-host=1\ndefault \"deny\"";
    let router = with_config("admission", rules);
    let mut first = receive(&router, "a");
    first.event("attached");
    assert_eq!(receive(&router, "a").event("closed")["condition"], "amqp:resource-limit-exceeded");
    drop(first);
}

#[test]
fn connection_rate_keeps_out_who_comes_too_often() {
    let limit = "grant \"kv\"\n    config {\n        limit per=\"host\" max=2 within=\"1h\"\n    }";
    let router = with_node("connection-rate", limit);
    for _ in 0..2 {
        receive(&router, "a").event("attached");
    }
    let mark = router.log_mark();
    let closed = receive(&router, "a").event("closed");
    assert_eq!(closed["condition"], "amqp:resource-limit-exceeded");
    router.wait_log(mark, DEADLINE, &["limit 1: more than 2 within 3600000 ms by host 127.0.0.1"]);
    // without the grant it cannot count, and does not load
    let limit = limit.replace("grant \"kv\"", "");
    let kdl = format!("plugins \"plugins\"\nplugin \"connection-rate\" {{\n    {limit}\n}}\n");
    let found = check(&with_plugin("connection-rate"), &plain_kdl(&kdl));
    assert!(found.code == Some(78) && found.stderr.contains("grant \"kv\""), "{}", found.stderr);
}

#[test]
fn the_address_table_rewrites_and_denies() {
    let table = "rewrite \"old\" to=\"new\"\ndeny prefix=\"secret/\" description=\"not yours\"";
    let router = with_config("address-table", table);
    let mut receiver = receive(&router, "new");
    receiver.event("attached");
    let mut sender = Proton::start("send", router.clients(), "--address old");
    assert_eq!(sender.event("outcome")["state"], "accepted");
    receiver.event("message");
    let detached = receive(&router, "secret/plans").event("detached");
    assert_eq!(detached["description"], "not yours");
}

#[test]
fn failover_order_prefers_what_it_is_told() {
    let (first, second) = (Server::new(), Server::new());
    let more = format!(
        "plugins \"plugins\"\nplugin \"failover-order\" {{\n    config {{\n        prefer \"near\" label=\"zone\"\n    }}\n}}\n\
         connector \"broker\" {{\n    endpoint \"amqp://127.0.0.1:{}\" priority=0 {{ label \"zone\" \"far\"; }}\n    \
         endpoint \"amqp://127.0.0.1:{}\" priority=1 {{ label \"zone\" \"near\"; }}\n}}",
        first.port(),
        second.port()
    );
    let _router = Router::start_in(with_plugin("failover-order"), &plain_kdl(&more));
    let (index, _peer) = Server::accept_any(&[&first, &second]);
    assert_eq!(index, 1);
}

/// It is seen when it is used, and left for another one.
#[test]
fn failover_order_leaves_a_certificate_that_ends_soon() {
    let place = Place::new();
    let _ = place.ca.issue_for_days(&place.dir, "soon", HOSTS, 10);
    let kdl = [
        place.tls("fresh", ""),
        place.tls("soon", "").replace("server.", "soon."),
        listener("fresh", "tls \"fresh\""),
        listener("soon", "tls \"soon\""),
    ];
    let brokers = Router::start(&plain_kdl(&kdl.concat()));
    let url = |name: &str| format!("amqps://127.0.0.1:{}", brokers.addr(name).port());
    let more = format!(
        "plugins \"plugins\"\nplugin \"failover-order\" {{\n    config {{\n        demote-certificate-within \"720h\"\n        \
         reconsider-after \"500ms\"\n    }}\n}}\n{}connector \"broker\" {{\n    tls \"fresh\"\n    endpoint \"{}\" priority=0\n    \
         endpoint \"{}\" priority=1\n}}",
        place.tls("fresh", ""),
        url("soon"),
        url("fresh")
    );
    let mut router = Router::start_in(with_plugin("failover-order"), &plain_kdl(&more));
    let shown = connected_to(&router, &url("fresh"));
    assert_eq!(shown["failovers"], 1, "it was connected to the other one first: {shown}");
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970").as_millis();
    let days =
        |row: &serde_json::Value| row["certificateNotAfterMs"].as_u64().map(|ms| (u128::from(ms) - now) / 86_400_000);
    assert_eq!(days(&shown["endpoints"][0]), Some(9), "{shown}");
    assert!(days(&shown["endpoints"][1]) > Some(3650), "{shown}");
    router.assert_healthy();
}

#[test]
fn a_plugins_problem_stands_at_its_node() {
    let config = "plugins \"plugins\"\nplugin \"address-table\" {\n    config {\n        rewrite \"a\"\n    }\n}\n";
    let found = check(&with_plugin("address-table"), &plain_kdl(config));
    assert_eq!(found.code, Some(78), "{}", found.stderr);
    for part in ["`rewrite` needs `to`", "rewrite \"a\"", "plugin `address-table`"] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
}

/// All that there are.
const PLUGINS: [&str; 4] = ["admission", "address-table", "connection-rate", "failover-order"];

/// What `check` says of a configuration that has its plugins in this directory.
fn check_with_plugins(text: &str, directory: &str) -> (Option<i32>, String) {
    let dir = TestDir::new("examples");
    for plugin in PLUGINS.into_iter().filter(|plugin| text.contains(&format!("plugin \"{plugin}\""))) {
        let from = with_plugin(plugin);
        dir.write(
            &format!("{directory}/{plugin}.wasm"),
            fs::read(from.path().join(format!("plugins/{plugin}.wasm"))).unwrap(),
        );
    }
    let found = check(&dir, text);
    (found.code, found.stderr)
}

#[test]
fn every_example_is_good() {
    for name in ["minimal.kdl", "broker-failover.kdl", "policy.kdl"] {
        let text = fs::read_to_string(workspace_dir().join("examples").join(name)).unwrap();
        let text = text.replace("${CROSSTIE_PLUGINS:-../target/plugins}", "plugins");
        let (code, told) = check_with_plugins(&text, "plugins");
        assert_eq!(code, Some(0), "{name}: {told}");
    }
}

/// Each has one, with the example that is beside it.
#[test]
fn the_kdl_of_every_plugins_readme_is_a_good_configuration() {
    for plugin in PLUGINS {
        let read = |name| fs::read_to_string(workspace_dir().join("plugins").join(plugin).join(name)).unwrap();
        let (readme, example) = (read("README.md"), read("example.kdl"));
        let blocks: Vec<_> = readme.split("```kdl\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
        assert_eq!(blocks, [example.as_str()], "{plugin}");
        let (code, told) = check_with_plugins(&example, ".");
        assert_eq!(code, Some(0), "{plugin}: {told}");
    }
}

/// As someone tries a policy before it is dropped into the directory.
#[test]
fn ready_made_plugins_decide_their_cases_as_they_say() {
    let root = workspace_dir();
    let run = |command: &str, plugin: &str, cases: &Path| {
        let from = with_plugin(plugin);
        let file = from.path().join(format!("plugins/{plugin}.wasm"));
        let mut crosstie = Command::new(router_binary());
        let example = root.join("plugins").join(plugin).join("example.kdl");
        crosstie.args(["plugin", command]).arg(file).arg(cases).arg("--config").arg(example);
        crosstie.current_dir(&root).env("XDG_CACHE_HOME", from.path().join("cache")).env("NO_COLOR", "1");
        let output = crosstie.output().expect("crosstie runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    };
    for plugin in PLUGINS {
        let cases = root.join("plugins").join(plugin).join("cases.jsonl");
        let count = fs::read_to_string(&cases).unwrap().lines().count();
        let (code, told, error) = run("test", plugin, &cases);
        assert_eq!((code, error.as_str()), (Some(0), ""), "{plugin}: {told}");
        assert_eq!(told, format!("{count} of {count} cases are decided as they say\n"));
        // no cases at all
        let (code, told, error) = run("test", plugin, &root.join("README.md"));
        assert_eq!((code, told.as_str()), (Some(1), ""), "{error}");
        assert!(error.starts_with("error: line 1: no case"), "{error}");
    }
    let cases = root.join("plugins/address-table/cases.jsonl");
    let (code, told, error) = run("test", "admission", &cases);
    assert_eq!((code, told.as_str()), (Some(1), "0 of 18 cases are decided as they say\n"));
    assert!(error.contains("error: line 4: it is not asked by `on_address`"), "{error}");
    let (code, told, _) = run("bench", "address-table", &cases);
    let weighed = |line: &&str| line.contains("median_us=") && line.contains(" fuel=");
    assert_eq!((code, told.lines().filter(weighed).count()), (Some(0), 18), "{told}");
}
