//! Policy in JavaScript: scripts that come, change and go while the router runs, and what an operator sees of them.

use std::path::{Path, PathBuf};
use std::process::Command;

use crosstie_tests::frame::Performative;
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::begin;
use crosstie_tests::place::{TestDir, router_binary, workspace_dir};
use crosstie_tests::router::{Router, plain_kdl};

use crate::plugins_live::{assert_live, await_decision, refused};

fn denying(description: &str) -> String {
    format!(
        "function onConnection() {{\n    return {{deny: {{condition: 'amqp:not-allowed', description: '{description}'}}}};\n}}\n"
    )
}

/// What `crosstie plugin COMMAND FILE …` says: exit status, output and errors.
fn plugin(command: &str, arguments: &[&Path]) -> (Option<i32>, String, String) {
    let mut crosstie = Command::new(router_binary());
    crosstie.args(["plugin", command]).args(arguments).env("NO_COLOR", "1");
    let output = crosstie.output().expect("crosstie runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

/// A router whose directory of plugins is empty. It finds the engine compiled, which takes a debug build half a minute.
fn router() -> (Router, PathBuf) {
    let dir = TestDir::new("js");
    let file = dir.write("first.js", denying("one"));
    assert_eq!(plugin("check", &[&file]).0, Some(0));
    let cache =
        std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or_else(|| Some(std::env::home_dir()?.join(".cache")));
    std::os::unix::fs::symlink(cache.expect("a home"), dir.path().join("cache")).expect("a link");
    let plugins = dir.path().join("plugins");
    std::fs::create_dir_all(&plugins).expect("a directory");
    (Router::start_in(dir, &plain_kdl("plugins \"plugins\"\n")), plugins)
}

#[test]
fn a_script_that_is_dropped_changed_or_removed_is_so_in_the_router() {
    let (mut router, plugins) = router();
    assert_eq!(refused(&router), None);
    assert_live(&router, &plugins, "rules.js", |description| denying(description).into_bytes());
    let file = plugins.join("rules.js");
    std::fs::write(&file, denying("one")).expect("written");
    await_decision(&router, Some("one"));
    // half of it
    let mark = router.log_mark();
    std::fs::write(&file, &denying("two")[..50]).expect("written");
    let (line, _) = router.wait_log(mark, DEADLINE, &["plugin does not load: the one before stays", "rules"]);
    assert!(line.contains("rules.js:2:") && line.contains("SyntaxError"), "{line}");
    await_decision(&router, Some("one"));
    std::fs::write(&file, denying("two")).expect("written");
    await_decision(&router, Some("two"));
    // a module of the same name
    let mark = router.log_mark();
    std::fs::write(plugins.join("rules.wasm"), "").expect("written");
    router.wait_log(mark, DEADLINE, &["the one before stays", "`rules.js` and `rules.wasm` are plugins of one name"]);
    await_decision(&router, Some("two"));
    std::fs::remove_file(plugins.join("rules.wasm")).expect("removed");
    // its cases are a gate
    let cases = plugins.join("rules.cases.jsonl");
    let answer = r#"{"deny":{"condition":"amqp:not-allowed","description":"three"}}"#;
    std::fs::write(cases, format!(r#"{{"hook":"connection","request":{{}},"answer":{answer}}}"#)).expect("written");
    let mark = router.log_mark();
    std::fs::write(&file, denying("four")).expect("written");
    router.wait_log(mark, DEADLINE, &["the one before stays", "its cases, line 1: answers"]);
    await_decision(&router, Some("two"));
    std::fs::write(&file, denying("three")).expect("written");
    await_decision(&router, Some("three"));
    std::fs::remove_file(&file).expect("removed");
    await_decision(&router, None);
    router.assert_healthy();
}

#[test]
fn a_script_that_fails_is_told_of_with_its_place_and_ended() {
    let (mut router, plugins) = router();
    let script = "function onSession({peer}) {\n    if (peer['container-id'] === 'c') peer.user.length;\n}\n";
    std::fs::write(plugins.join("rules.js"), script).expect("written");
    router.wait_log(0, DEADLINE, &["plugin loaded", "rules"]);
    let ends = |router: &Router| {
        let mut peer = Peer::open(router.clients(), "c");
        peer.send(0, &begin(None));
        peer.expect("end", |frame| matches!(frame.performative, Performative::End(_)).then_some(()));
    };
    ends(&router);
    let (line, _) = router.wait_log(0, DEADLINE, &["plugin failed", "rules"]);
    assert!(
        line.contains("rules.js:2:")
            && line.contains("TypeError: cannot read property 'length' of")
            && line.contains("at onSession (rules.js:2:"),
        "{line}"
    );
    let row = router.stat("plugins").into_iter().next().expect("one plugin");
    assert_eq!(row["hash"], "e154f8f702f0f2dc1d40b615ed656ea7e6acf0f2c5daf046b242f4b8f7f24714");
    assert!(row["lastFailure"].as_str().is_some_and(|why| why.starts_with("trap: rules.js:2:")), "{row}");
    let mark = router.log_mark();
    let script = "function onSession({peer}) { while (peer['container-id'] === 'c'); }";
    std::fs::write(plugins.join("rules.js"), script).expect("written");
    router.wait_log(mark, DEADLINE, &["plugin loaded", "rules"]);
    // on a loaded machine the first may have no instance in time
    for _ in 0..3 {
        ends(&router);
    }
    router.wait_log(mark, DEADLINE, &["plugin failed", "no answer within"]);
    router.assert_healthy();
}

/// As its README says.
#[test]
fn the_examples_of_the_sdk_decide_their_cases_as_they_say() {
    let examples = workspace_dir().join("plugin-sdk/js/examples");
    let path = |name: &str| examples.join(name);
    let text = std::fs::read_to_string(workspace_dir().join("plugin-sdk/js/README.md")).expect("a README");
    let shown = text.split("```js\n").nth(1).and_then(|rest| rest.split("```").next()).expect("a script");
    let plain = |text: &str| {
        text.lines()
            .map(str::trim)
            .filter(|line| !line.starts_with("//") && !line.starts_with("/**"))
            .collect::<String>()
    };
    let kept = std::fs::read_to_string(path("no-guests.js")).expect("a script");
    assert_eq!(plain(shown), plain(&kept));
    let (script, cases) = (path("no-guests.js"), path("no-guests.cases.jsonl"));
    assert_eq!(plugin("test", &[&script, &cases]).1, "3 of 3 cases are decided as they say\n");
    let (code, told, error) = plugin("check", &[&script]);
    let good = format!("{} is good\nhooks: connection\nreads: peer.user\n", script.display());
    assert_eq!((code, told.as_str(), error.as_str()), (Some(0), good.as_str(), ""));
    let (script, cases, kdl) = (path("admission.js"), path("admission.cases.jsonl"), path("admission.kdl"));
    let config = Path::new("--config");
    let (_, told, error) = plugin("test", &[&script, &cases, config, &kdl]);
    assert_eq!((told.as_str(), error.as_str()), ("5 of 5 cases are decided as they say\n", ""));
    let (code, told, _) = plugin("bench", &[&script, &cases, config, &kdl, Path::new("--count"), Path::new("50")]);
    assert_eq!((code, told.lines().filter(|line| line.contains("median_us=")).count()), (Some(0), 5), "{told}");
}

/// A mistake in its configuration stands at its node.
#[test]
fn a_scripts_problem_stands_at_its_node() {
    let dir = TestDir::new("js");
    let script = workspace_dir().join("plugin-sdk/js/examples/admission.js");
    let kdl = "plugins \".\"\nplugin \"admission\" {\n    config {\n        rate 5\n        allow from=\"nowhere\"\n        alow\n    }\n}\n";
    let (code, _, error) = plugin("check", &[&script, Path::new("--config"), &dir.write("a.kdl", kdl)]);
    assert_eq!(code, Some(78), "{error}");
    for part in ["`nowhere` is no network", "allow from=\"nowhere\"", "there is no `alow`", "plugin `admission`"] {
        assert!(error.contains(part), "{part}: {error}");
    }
    let needs = "plugins \".\"\nplugin \"admission\" {\n    config { rate 5; }\n}\n";
    let cases = dir.write("cases.jsonl", r#"{"hook":"connection","request":{"peer":{"ip":"10.0.0.1"}}}"#);
    let kdl = dir.write("b.kdl", needs);
    let (code, _, error) = plugin("test", &[&script, &cases, Path::new("--config"), &kdl]);
    assert_eq!(code, Some(1));
    assert!(error.contains("`host.kvAdd` needs `grant \"kv\"` in the plugin's node"), "{error}");
}
