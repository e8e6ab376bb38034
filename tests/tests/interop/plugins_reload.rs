//! Plugins whose configuration changes while the router runs.

use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module};
use crosstie_tests::process::Stream;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_json::Value;

use crate::plugins_live::{denying, refused};
use crate::ready_made::with_plugin;
use crate::reload::{Reloaded, edit, reload};

fn apply(router: &Router, nodes: &str) -> Reloaded {
    edit(router, &plain_kdl(nodes));
    reload(router.clients(), &[])
}

/// Applies it; the lines of the plan.
fn applied(router: &Router, nodes: &str) -> Vec<String> {
    let found = apply(router, nodes);
    assert_eq!(found.code, Some(0), "{found:?}");
    found.lines
}

fn names(router: &Router) -> Vec<String> {
    let name = |row: &Value| row["name"].as_str().unwrap_or_default().to_owned();
    router.stat("plugins").iter().map(name).collect()
}

/// A plugin that lets in, so that `crosstie reload` and `stat` come in as well.
fn without_opinion() -> Vec<u8> {
    module(&[("on_connection", Hook::Answer(Vec::new()))])
}

/// Denies links, but not to management, which is not asked about.
fn closing(description: &str) -> Vec<u8> {
    let refusal = crosstie_tests::plugin::refusal("amqp:not-allowed", description, "rule");
    let denial = Cbor::Map(vec![("deny", Cbor::Map(vec![("refusal", refusal)]))]);
    module(&[("on_address", Hook::Answer(denial.bytes()))])
}

/// Why a link is refused; absent when it is there.
fn why(router: &Router) -> Option<String> {
    let mut client = Proton::start("receive", router.clients(), "--address q --keep");
    let attached = client.event("attached");
    if attached["present"] != false {
        return None;
    }
    client.event("detached")["description"].as_str().map(str::to_owned)
}

#[test]
fn plugins_come_change_and_go_by_a_reload() {
    let dir = TestDir::new("plugins-reload");
    dir.write("plugins/a.wasm", closing("a in plugins"));
    dir.write("plugins/b.wasm", closing("b in plugins"));
    dir.write("others/a.wasm", closing("a in others"));
    let mut router = Router::start_in(dir, &plain_kdl(""));
    assert_eq!((why(&router), names(&router).len()), (None, 0));

    // a plan loads them, and nothing more
    edit(&router, &plain_kdl("plugins \"plugins\""));
    let dry = reload(router.clients(), &["--dry-run"]);
    assert!(dry.code == Some(0) && dry.lines.len() == 1 && dry.lines[0].starts_with("add plugins"), "{dry:?}");
    assert_eq!((why(&router), names(&router).len()), (None, 0));
    assert_eq!(reload(router.clients(), &[]).lines, dry.lines);
    assert_eq!((why(&router).as_deref(), names(&router)), (Some("a in plugins"), vec!["a".to_owned(), "b".to_owned()]));

    // `address` takes the first answer: the order shows
    let lines = applied(&router, "plugins \"plugins\"\nplugin \"b\"\n");
    assert_eq!(lines, ["add plugin \"b\""]);
    assert_eq!(why(&router).as_deref(), Some("b in plugins"));
    let lines = applied(&router, "plugins \"plugins\"\nplugin \"b\" {\n    disabled\n}\nplugin \"a\"\n");
    assert_eq!(lines, ["change plugin \"b\" (disabled): what it has decided stays", "add plugin \"a\""]);
    assert_eq!((why(&router).as_deref(), names(&router)), (Some("a in plugins"), vec!["a".to_owned()]));
    let lines = applied(&router, "plugins \"plugins\"\nplugin \"a\"\nplugin \"b\"\n");
    assert_eq!(lines.len(), 2, "{lines:?}");
    assert!(lines.contains(&"change plugins (order): what was decided stays".to_owned()), "{lines:?}");
    assert_eq!(names(&router), ["a", "b"]);
    // whom it is asked about
    let lines = applied(
        &router,
        "plugins \"plugins\"\nlistener \"more\" {\n    host \"127.0.0.1\"\n    port 0\n}\n\
         plugin \"a\" {\n    only listener=\"more\"\n}\nplugin \"b\"\n",
    );
    assert!(lines.contains(&"change plugin \"a\" (only): what it has decided stays".to_owned()), "{lines:?}");
    assert_eq!(why(&router).as_deref(), Some("b in plugins"));

    // another directory
    let lines = applied(&router, "plugins \"others\"");
    assert!(lines.iter().any(|line| line.starts_with("change plugins") && line.contains("(directory)")), "{lines:?}");
    assert_eq!((why(&router).as_deref(), names(&router)), (Some("a in others"), vec!["a".to_owned()]));
    // which is looked after from here on, and the other one no more
    router.dir().write("plugins/c.wasm", closing("c in plugins"));
    router.dir().write("others/a.wasm", closing("a in others, changed"));
    router.wait_log(router.log_mark(), DEADLINE, &["plugin loaded", "plugin=\"a\""]);
    assert_eq!((why(&router).as_deref(), names(&router)), (Some("a in others, changed"), vec!["a".to_owned()]));

    let lines = applied(&router, "");
    assert!(lines.len() == 1 && lines[0].starts_with("remove plugins"), "{lines:?}");
    assert_eq!((why(&router), names(&router).len()), (None, 0));
    assert_eq!(applied(&router, ""), ["nothing has changed"]);
    router.assert_healthy();
}

#[test]
fn a_plugin_that_cannot_be_loaded_or_configured_changes_nothing() {
    let nodes = |config: &str, more: &str| {
        format!("plugins \"plugins\"\nplugin \"address-table\" {{\n    config {{\n        {config}\n    }}\n}}\n{more}")
    };
    let table = |to: &str| format!("rewrite \"old\" to=\"{to}\"");
    let mut router = Router::start_in(with_plugin("address-table"), &plain_kdl(&nodes(&table("one"), "")));
    let passes = |to: &str| {
        let mut receiver = Proton::start("receive", router.clients(), &format!("--address {to}"));
        receiver.event("attached");
        let mut sender = Proton::start("send", router.clients(), "--address old");
        assert_eq!(sender.event("outcome")["state"], "accepted");
        receiver.event("message");
    };
    let mut stays = Proton::start("receive", router.clients(), "--address stays --keep");
    stays.event("attached");
    passes("one");
    let lines = applied(&router, &nodes(&table("two"), ""));
    assert_eq!(lines, ["change plugin \"address-table\" (config): what it has decided stays"]);
    passes("two");
    // all problems at once, each at its node, and what is good beside them is not applied either
    let more = "plugin \"absent\"\naddress {\n    prefix \"new\"\n}\n";
    let found = apply(&router, &nodes("rewrite \"old\" too=\"three\"", more));
    assert_eq!((found.code, found.lines.len()), (Some(78), 0), "{found:?}");
    for part in ["unknown property `too`", "plugin `address-table`", "`absent.wasm`", "crosstie.kdl:"] {
        assert!(found.stderr.contains(part), "{part}: {}", found.stderr);
    }
    passes("two");
    assert_eq!(names(&router), ["address-table"]);
    // the plugin is good; the router cannot become another one
    edit(&router, &plain_kdl(&nodes(&table("three"), "")).replace("router \"hub\"", "router \"other\""));
    assert_eq!(reload(router.clients(), &[]).code, Some(78));
    passes("two");
    let touched = |event: &Value| event["event"] == "detached" || event["event"] == "disconnected";
    assert!(!stays.events_so_far("detached").iter().any(touched), "links stay");
    router.assert_healthy();
}

#[test]
fn who_is_denied_at_the_door_is_so_from_the_reload_on() {
    let dir = TestDir::new("plugins-reload");
    dir.write("plugins/rules.wasm", without_opinion());
    let nodes = |more: &str| {
        format!("plugins \"plugins\"\n{more}listener \"own\" {{\n    host \"127.0.0.1\"\n    port 0\n}}\n")
    };
    let mut router = Router::start_in(dir, &plain_kdl(&nodes("")));
    assert_eq!(refused(&router), None);
    router.dir().write("plugins/doors.wasm", denying("no more"));
    router.wait_log(0, DEADLINE, &["plugin loaded", "doors"]);
    assert_eq!(refused(&router).as_deref(), Some("no more"));
    edit(&router, &plain_kdl(&nodes("plugin \"doors\" {\n    only listener=\"own\"\n}\n")));
    let mark = router.log_mark();
    router.process().signal("HUP");
    router.wait_log(mark, DEADLINE, &["reload: add plugin"]);
    crate::plugins_live::await_decision(&router, None);
    assert!(router.process().lines(Stream::Err).iter().any(|line| line.contains("plugin loaded")));
    router.assert_healthy();
}
