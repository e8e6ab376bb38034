//! The plugins of `plugins/`, built for wasm, as peers see their decisions; and the examples.

use std::fs;
use std::path::PathBuf;

use crosstie_tests::place::{TestDir, workspace_dir};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, check, plain_kdl};
use crosstie_tests::server::Server;

/// A directory with one of the plugins in it, as `tests/run` builds them.
fn with_plugin(name: &str) -> TestDir {
    let dir = TestDir::new("ready-made");
    let built = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).with_file_name("plugins").join(format!("{name}.wasm"));
    let bytes = fs::read(&built).unwrap_or_else(|error| panic!("{}: {error}; tests/run builds it", built.display()));
    dir.write(&format!("plugins/{name}.wasm"), bytes);
    dir
}

fn with_config(name: &str, config: &str) -> Router {
    let more = format!("plugins \"plugins\"\nplugin \"{name}\" {{\n    config {{\n{config}\n    }}\n}}\n");
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

#[test]
fn a_plugins_problem_stands_at_its_node() {
    let config = "plugins \"plugins\"\nplugin \"address-table\" {\n    config {\n        rewrite \"a\"\n    }\n}\n";
    let found = check(&with_plugin("address-table"), &plain_kdl(config));
    assert_eq!(found.code, Some(78), "{}", found.stderr);
    for part in ["`rewrite` needs `to`", "rewrite \"a\"", "plugin `address-table`"] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
}

#[test]
fn every_example_is_good() {
    for name in ["minimal.kdl", "broker-failover.kdl", "policy.kdl"] {
        let dir = TestDir::new("examples");
        for plugin in ["admission", "address-table", "failover-order"] {
            let from = with_plugin(plugin);
            let bytes = fs::read(from.path().join(format!("plugins/{plugin}.wasm"))).unwrap();
            dir.write(&format!("plugins/{plugin}.wasm"), bytes);
        }
        let text = fs::read_to_string(workspace_dir().join("examples").join(name)).unwrap();
        let found = check(&dir, &text.replace("${CROSSTIE_PLUGINS:-../target/plugins}", "plugins"));
        assert_eq!(found.code, Some(0), "{name}: {}", found.stderr);
    }
}
