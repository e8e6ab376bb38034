//! Plugins in JavaScript: what they see, what they may answer, and what they cannot do to their worker.
#![cfg(feature = "wasm")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::path::PathBuf;
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use crosstie_model::settings::{ConfigNode, Grant, Plugin, PluginLimits, Plugins, PropertyValue};
use crosstie_policy::{Setup, Trial, read_cases};
use serde_json::{Value, json};

/// What is answered; absent: no opinion.
type Said = Result<Value, String>;

/// Loads a script, compiled code in the user's cache as a router has it.
fn load_in(file: &str, script: &[u8], settings: &Plugin) -> Result<Trial, String> {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed).to_string();
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scripts").join(number);
    std::fs::create_dir_all(&directory).unwrap();
    let path = directory.join(file);
    std::fs::write(&path, script).unwrap();
    let setup = || Setup { router_id: "r".to_owned(), ..Setup::default() };
    // compiles for all that wait
    static COMPILED: Once = Once::new();
    COMPILED.call_once(|| drop(Trial::load(&path, settings.clone(), setup())));
    let loaded = Trial::load(&path, settings.clone(), setup());
    std::fs::remove_dir_all(directory).unwrap();
    loaded.map_err(|problems| {
        let told = problems.into_iter().map(|problem| problem.message + &problem.hint.unwrap_or_default());
        told.collect::<Vec<_>>().join("; ")
    })
}

fn settings(name: &str) -> Plugin {
    let limits = PluginLimits { deadline: Duration::from_secs(20), ..PluginLimits::default() };
    Plugin { limits, ..Plugin::unnamed(name) }
}

fn load_as(settings: &Plugin, script: &str) -> Result<Trial, String> {
    load_in("rules.js", script.as_bytes(), settings)
}

fn load(script: &str) -> Result<Trial, String> {
    load_as(&settings("rules"), script)
}

fn loaded(script: &str) -> Trial {
    load(script).unwrap_or_else(|why| panic!("{why}"))
}

/// What a script answers to a request.
fn asked(trial: &Trial, hook: &str, request: &Value) -> Said {
    let wanted = "is not said by anybody";
    let line = json!({ "hook": hook, "request": request, "answer": wanted }).to_string();
    let misses = trial.play(&read_cases(&line).unwrap());
    let message = &misses.first().expect("answers otherwise").message;
    match message.strip_suffix(&format!(", and not \"{wanted}\"")) {
        Some("has no opinion") => Ok(Value::Null),
        Some(said) if said.starts_with("answers ") => Ok(serde_json::from_str(&said["answers ".len()..]).unwrap()),
        _ => Err(message.clone()),
    }
}

/// What the body of `onSession` answers.
fn says(body: &str) -> Said {
    asked(&loaded(&format!("function onSession(request) {{ {body} }}")), "session", &json!({}))
}

fn why(body: &str) -> String {
    says(body).expect_err(body)
}

#[test]
fn a_script_answers_as_the_schema_says() {
    let denial = json!({ "deny": { "condition": "a:b", "description": "no" } });
    assert_eq!(says("return {deny: {condition: 'a:b', description: 'no', note: undefined}}"), Ok(denial));
    assert_eq!(says("return {allow: {limits: {links: 3.0}}}"), Ok(json!({ "allow": { "limits": { "links": 3 } } })));
    let info =
        "[{key: 'f', val: {float: 1}}, {key: 'g', val: {float: 0.5}}, {key: 'b', val: {bytes: new Uint8Array([1])}}]";
    let denied = says(&format!("return {{deny: {{condition: 'a:b', description: 'no', info: {info}}}}}")).unwrap();
    assert_eq!(denied["deny"]["info"][1]["val"], json!({ "float": 0.5 }));
    assert_eq!(denied["deny"]["info"][2]["val"], json!({ "bytes": { "$bytes": "AQ==" } }));
    for none in ["", "return", "return undefined", "return null"] {
        assert_eq!(says(none), Ok(Value::Null), "{none}");
    }
}

#[test]
fn what_is_thrown_says_where_and_what() {
    assert_eq!(
        why("\n  throw new Error('out of\\nroses')"),
        "trap: rules.js:2:13: Error: out of\nroses\n    at onSession (rules.js:2:13)"
    );
    let stack = why("const inner = () => request.peer.user;\nreturn inner()");
    assert!(stack.starts_with("trap: rules.js:1:"), "{stack}");
    assert!(
        stack.contains("TypeError: cannot read property 'user' of undefined\n    at inner (rules.js:1:"),
        "{stack}"
    );
    assert!(stack.contains("at onSession (rules.js:2:"), "{stack}");
    assert_eq!(why("throw 'a text'"), "trap: threw `a text`, which is no Error");
    assert_eq!(why("throw {toString() { throw 1 }}"), "trap: threw a value of type object, which is no Error");
    // it cannot be told by its own words
    let sly = why("throw Object.defineProperty(new Error('x'), 'message', {get() { throw 1 }})");
    assert!(sly.starts_with("trap: rules.js:1:"), "{sly}");
    let long = why("throw new Error('é'.repeat(10000))");
    assert!(long.starts_with("trap: rules.js:1:") && long.len() < 4096, "{}", long.len());
}

#[test]
fn what_is_no_answer_is_none() {
    for (body, message) in [
        ("return 7", "bad answer"),
        ("return 'allow'", "bad answer"),
        ("return {}", "bad answer"),
        ("return []", "bad answer"),
        ("return {allow: {}, deny: {}}", "a variant has one case"),
        ("return {alow: {}}", "unknown answer `alow`"),
        ("return {deny: {condition: 'a:b'}}", "no `description`"),
        ("return {allow: {limits: {links: -1}}}", "`links` is no number"),
        ("return {allow: {limits: {links: 1.5}}}", "`links` is no number"),
        ("return {allow: {limits: {links: NaN}}}", "the answer's `allow.limits.links` is NaN"),
        ("return {allow: {quotas: [{key: 'k', max: 1 / 0}]}}", "the answer's `allow.quotas.0.max` is inf"),
        ("return {allow: {note: 7n}}", "`allow.note` is a "),
        ("return {allow: {note: Symbol()}}", "`allow.note` is a symbol"),
        ("return {allow: () => 1}", "the answer's `allow` is a function"),
        ("return () => 1", "the answer is a function"),
        ("return {allow: {note: '\\ud800'}}", "half of a surrogate pair"),
        ("return {allow: {limits: new Map([['links', 1]])}}", "`allow.limits` is no plain object"),
        ("return {allow: {limits: new Date()}}", "`allow.limits` is no plain object"),
        ("return {allow: new (class Grant {})}", "`allow` is no plain object"),
        ("return {allow: {note: new Float64Array(1)}}", "`allow.note` is no plain object"),
        ("return Promise.resolve({allow: {}})", "the answer is a promise"),
        ("const a = {}; a.allow = a; return a", "is nested deeper than 16"),
        ("const a = []; a.push(a); return a", "is nested deeper than 16"),
        ("return {allow: {attributes: new Array(4294967295)}}", " has no end"),
        ("return {get allow() { throw new Error('caught me') }}", "Error: caught me"),
        ("return new Proxy({}, {ownKeys() { throw new Error('caught me') }})", "is a proxy"),
        ("return {allow: new Proxy([], {})}", "`allow` is a proxy"),
    ] {
        let why = why(body);
        assert!(why.contains(message), "{body}: {why}");
    }
}

#[test]
fn what_a_script_does_to_the_language_is_its_own_affair() {
    let allow = Ok(json!({ "allow": {} }));
    for games in [
        "Object.prototype.toJSON = () => ({deny: {}})",
        "Object.prototype.note = 7",
        "Object.defineProperty(Object.prototype, 'peer', {set() { throw 1 }, get() { throw 2 }})",
        "Array.prototype[Symbol.iterator] = null; Array.prototype.push = null",
        "globalThis.Object = null; globalThis.Error = null",
        "Object.freeze(Object.prototype); Object.freeze(Array.prototype)",
        "delete globalThis.Math; delete globalThis.Date",
    ] {
        let script =
            format!("{games};\nfunction onSession() {{ return {{allow: {{toJSON() {{ throw 3 }}}}.x ?? {{}}}} }}");
        let trial = loaded(&script);
        assert_eq!(asked(&trial, "session", &json!({ "peer": { "user": "u" } })), allow, "{games}");
    }
    // functions are taken when the script ends
    let late = loaded("function onSession() { onSession = 7; return {allow: {}} }");
    assert_eq!(asked(&late, "session", &json!({})), allow);
}

#[test]
fn a_script_that_has_no_end_is_ended() {
    let mut hasty = settings("rules");
    hasty.limits.deadline = Duration::from_millis(50);
    for body in ["for (;;);", "while (true) try { throw 1 } catch {}", "/^(a+)+$/.test('a'.repeat(40) + 'b')"] {
        let trial = load_as(&hasty, &format!("function onSession() {{ {body} }}")).unwrap();
        assert_eq!(asked(&trial, "session", &json!({})).unwrap_err(), "no answer within 50 ms", "{body}");
    }
    hasty.limits.configure_deadline = Duration::from_secs(2);
    let script = "function onSession() {}\nfor (;;);";
    assert_eq!(
        load_as(&hasty, script).unwrap_err(),
        "it cannot be configured (deadline): not configured within 2000 ms"
    );
    let promises = load_as(&hasty, "function onSession() { const f = () => Promise.resolve().then(f); f() }");
    let why = promises.map(|trial| asked(&trial, "session", &json!({}))).unwrap();
    assert_eq!(why.unwrap_err(), "no answer within 50 ms");
}

#[test]
fn recursion_without_end_is_an_error_that_can_be_caught() {
    let endless = "const down = () => down() + 1;";
    let why = why(&format!("{endless} return down()"));
    assert!(why.contains("RangeError: Maximum call stack size exceeded"), "{why}");
    assert_eq!(
        says(&format!("{endless} try {{ down() }} catch {{ return {{allow: {{}}}} }}")),
        Ok(json!({ "allow": {} }))
    );
    for deep in [
        "JSON.parse('['.repeat(1e5))",
        "eval('('.repeat(1e5))",
        "new RegExp('('.repeat(1e5))",
        "let a = []; for (let i = 0; i < 1e5; i++) a = [a]; JSON.stringify(a)",
        "let a = {}; a.toString = () => '' + a; '' + a",
    ] {
        let why = says(&format!("{deep}; return 7")).unwrap_err();
        assert!(
            ["Error: ", "bad answer 7", "call stack exhausted"].iter().any(|known| why.contains(known)),
            "{deep}: {why}"
        );
    }
}

#[test]
fn memory_without_end_is_refused() {
    for body in [
        "const a = []; for (;;) a.push({})",
        "let a = 'x'; for (;;) a += a + Math.random()",
        "const a = []; for (;;) a.push(new Uint8Array(1 << 20))",
        "const a = []; try { for (;;) a.push([1, 2, 3]) } catch { for (;;) a.push([1, 2, 3]) }",
    ] {
        let why = why(body);
        assert!(why.contains("out of memory") || why.contains("string too long"), "{body}: {why}");
    }
    assert_eq!(says("try { new ArrayBuffer(1e9) } catch { return {allow: {}} }"), Ok(json!({ "allow": {} })));
}

#[test]
fn what_does_not_load_says_why_on_one_line() {
    for (script, wanted) in [
        ("", "it has no function of a hook"),
        ("// nothing\n", "it has no function of a hook"),
        ("let onSession = 7;", "TypeError: `onSession` is no function"),
        ("function onSession() {\n    return {{;\n}\n", "rules.js:2:"),
        ("function onSession() {", "rules.js:1:"),
        ("throw new Error('too early')", "rules.js:1:11: Error: too early at <eval> (rules.js:1:11)"),
        ("throw 7", "threw `7`, which is no Error"),
        ("export function onSession() {}", "SyntaxError"),
        ("import 'other.js'", "SyntaxError"),
        ("require('fs')", "ReferenceError: require is not defined"),
        ("// \0", "the script has a NUL character"),
        ("const reads = 'peer'; function onSession() {}", "`reads`"),
        ("const reads = ['pear']; function onSession() {}", "it reads `pear`, which no request has"),
        ("function configure() { return {hooks: ['link']} } function onSession() {}", "it chooses the hook `link`"),
        (
            "function configure() { throw new Error('no') } function onSession() {}",
            "Error: no at configure (rules.js:1:",
        ),
        ("function configure() { return 7 } function onSession() {}", "it cannot be configured (bad answer)"),
    ] {
        let why = load(script).map(|_| ()).unwrap_err();
        assert!(why.contains(wanted) && !why.contains('\n'), "{script}: {why}");
    }
    let latin = load_in("rules.js", b"// a\n// \xe9\nfunction onSession() {}", &settings("rules"));
    assert_eq!(latin.map(|_| ()).unwrap_err(), "rules.js:2: it is no text in UTF-8");
    let named = Plugin { hooks: Some(vec![crosstie_model::policy::Hook::Link]), ..settings("rules") };
    let why = load_as(&named, "function onSession() {}").map(|_| ()).unwrap_err();
    assert!(why.starts_with("it has no function for `link`"), "{why}");
}

#[test]
fn functions_are_found_however_they_are_written() {
    for script in [
        "function onSession() {} function onAddress() {}",
        "const onSession = () => {}; let onAddress = function () {};",
        "globalThis.onSession = () => {}; var onAddress = () => {}; function onMessage() {}",
        "#!/usr/bin/env node\nclass onLinks {}; onSession = onAddress = () => {}; var onSession, onAddress;",
    ] {
        assert_eq!(loaded(script).describe().0, ["session", "address"], "{script}");
    }
}

#[test]
fn what_a_script_reads_is_declared_or_configured() {
    let reads = |script: &str| loaded(script).describe().1.map(<[_]>::to_vec);
    assert_eq!(reads("function onSession() {}"), None);
    assert_eq!(reads("const reads = ['peer.user', 'ctx']; function onSession() {}").unwrap(), ["peer.user", "ctx"]);
    let both = "const reads = ['peer']; function configure() { return {reads: ['ctx']} } function onSession() {}";
    assert_eq!(reads(both).unwrap(), ["ctx"]);
    let script =
        "const reads = ['peer.user']; function onSession(request) { throw new Error(JSON.stringify(request)) }";
    let request = json!({ "ctx": { "now-ms": 5 }, "peer": { "user": "u", "ip": "10.0.0.1" }, "sessions-open": 1 });
    let why = asked(&loaded(script), "session", &request).unwrap_err();
    assert!(why.contains(r#"Error: {"peer":{"user":"u"}}"#), "{why}");
}

/// A note says what a script saw.
fn seen(request: &Value, expression: &str) -> String {
    let body = format!("return {{allow: {{note: String({expression})}}}}");
    let trial = loaded(&format!("function onLink(request) {{ {body} }}"));
    let said = asked(&trial, "link", request).unwrap_or_else(|why| panic!("{expression}: {why}"));
    said["allow"]["note"].as_str().unwrap().to_owned()
}

#[test]
fn a_list_that_a_request_lacks_is_empty_and_all_else_undefined() {
    let request = json!({ "peer": { "user": "u" }, "source": {}, "properties": [{ "key": "k", "val": { "bytes": { "$bytes": "AQI=" } } }] });
    for (expression, wanted) in [
        ("request.peer.attributes.length", "0"),
        ("request.source.filters.length + request.source.capabilities.length + request.truncated.length", "0"),
        ("request.peer.vhost", "undefined"),
        ("request.target", "undefined"),
        ("request.properties[0].val.bytes instanceof Uint8Array && request.properties[0].val.bytes", "1,2"),
        ("Object.keys(request.peer)", "user"),
        ("JSON.stringify(request.peer)", r#"{"user":"u"}"#),
        ("'toString' in request", "true"),
        ("(request.peer.attributes = [1]).length + request.peer.attributes.length", "2"),
    ] {
        let wanted = if expression.contains("= [1]") { None } else { Some(wanted) };
        match wanted {
            Some(wanted) => assert_eq!(seen(&request, expression), wanted, "{expression}"),
            None => {
                let script = format!("function onLink(request) {{ {expression} }}");
                let why = asked(&loaded(&script), "link", &request).unwrap_err();
                assert!(why.contains("'attributes' is read-only"), "{why}");
            }
        }
    }
}

#[test]
fn time_and_chance_are_those_of_the_request() {
    let at = |now_ms: u64, seed: u64| json!({ "ctx": { "now-ms": now_ms, "seed": seed } });
    let expression = "[Date.now(), new Date().toISOString(), Math.random(), Math.random()]";
    let first = seen(&at(86_400_000, 7), expression);
    assert!(first.starts_with("86400000,1970-01-02T00:00:00.000Z,0."), "{first}");
    assert_eq!(seen(&at(86_400_000, 7), expression), first);
    assert_ne!(seen(&at(86_400_000, 8), expression), first);
    let [.., one, other] = first.split(',').collect::<Vec<_>>()[..] else { panic!("{first}") };
    assert_ne!(one, other);
    assert_eq!(
        seen(&at(0, 7), "typeof reads + typeof setTimeout + typeof require + typeof process"),
        "undefined".repeat(4)
    );
    assert_eq!(seen(&at(0, 7), "new Date(0).getTimezoneOffset() + new Date(2026, 6, 1).getTimezoneOffset()"), "0");
}

#[test]
fn what_the_host_does_is_granted() {
    let ask = |grants: &[Grant], body: &str| {
        let settings = Plugin { grants: grants.to_vec(), ..settings("rules") };
        let trial = load_as(&settings, &format!("function onSession() {{ {body} }}")).unwrap();
        asked(&trial, "session", &json!({}))
    };
    let all = [Grant::Log, Grant::Counter, Grant::Kv];
    let body = "const seen = [];
        seen.push(host.kvGet('k') ?? 'none', host.kvPut('k', 'ä'), host.kvGet('k'), host.kvGetText(new Uint8Array([107])));
        host.kvDelete('k'); seen.push(host.kvGetText('k') ?? 'gone', host.kvAdd('n'), host.kvAdd('n', -3, 1000), host.kvGet('n').length);
        seen.push(host.kvPut('', 'x'), host.kvPut('t', 'text') && host.kvAdd('t') === undefined);
        seen.push(host.log('info', 'said'), host.counterAdd('c'), host.counterAdd('c', 2));
        return {allow: {note: seen.join(' ')}}";
    let note = ask(&all, body).unwrap()["allow"]["note"].as_str().unwrap().to_owned();
    assert_eq!(note, "none true 195,164 ä gone 1 -2 8 false true   ");
    for (grants, call, grant) in [
        (&[Grant::Log, Grant::Counter][..], "kvAdd", "kv"),
        (&[Grant::Log], "counterAdd", "counter"),
        (&[], "log", "log"),
        (&[], "kvGet", "kv"),
    ] {
        let why = ask(grants, &format!("host.{call}('x', 'y')")).unwrap_err();
        let wanted = format!("TypeError: `host.{call}` needs `grant \"{grant}\"` in the plugin's node");
        assert!(why.contains(&wanted), "{why}");
        assert_eq!(ask(grants, &format!("try {{ host.{call}('x') }} catch {{}}")), Ok(Value::Null));
    }
    for (call, wanted) in [
        ("host.log('loud', 'x')", "a level is error, warn, info, debug or trace"),
        ("host.counterAdd('c', -1)", "`by` is below 0"),
        ("host.kvAdd('k', 0.5)", "`by` is no whole number"),
        ("host.kvPut('k', 'v', -1)", "`ttlMs` is not from 0"),
        ("host.kvPut('k', 7)", "`value` is no text and no Uint8Array"),
        ("host.kvGet()", "Error: "),
    ] {
        let why = ask(&all, call).unwrap_err();
        assert!(why.contains(wanted) && why.contains("at onSession (rules.js:1:"), "{call}: {why}");
    }
}

#[test]
fn configuration_is_seen_and_its_problems_are_told_with_their_place() {
    let node = |name: &str, children| ConfigNode {
        name: name.to_owned(),
        args: vec![PropertyValue::Integer(7), PropertyValue::Text("t".to_owned()), PropertyValue::Null],
        props: vec![("__proto__".to_owned(), PropertyValue::Bool(true))],
        children,
    };
    let config = vec![node("first", Vec::new()), node("second", vec![node("third", Vec::new())])];
    let settings = Plugin { config, ..settings("rules") };
    let script = "const told = {};
        function configure({config, plugin, granted}) { told.it = JSON.stringify([config, plugin, granted]) }
        function onSession() { return {allow: {note: told.it}} }";
    let said = asked(&load_as(&settings, script).unwrap(), "session", &json!({})).unwrap();
    let told: Value = serde_json::from_str(said["allow"]["note"].as_str().unwrap()).unwrap();
    let third = json!({ "name": "third", "args": [7, "t", null], "props": { "__proto__": true }, "children": [] });
    assert_eq!((&told[0][1]["children"][0], &told[1]), (&third, &json!("rules")));
    let script =
        "function configure() { return {problems: [{message: 'not so', path: [1, 0]}]} } function onSession() {}";
    assert_eq!(load_as(&settings, script).map(|_| ()).unwrap_err(), "not so");
}

#[test]
fn two_files_of_one_stem_are_an_error() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scripts-of-one-stem");
    let _ = std::fs::remove_dir_all(&directory);
    std::fs::create_dir_all(&directory).unwrap();
    let plugins = Plugins { directory: directory.clone(), named: Vec::new(), record: None };
    let load = || crosstie_policy::load(&plugins, Setup { router_id: "r".to_owned(), ..Setup::default() });
    std::fs::write(directory.join("a.js"), "function onLink() {}").unwrap();
    std::fs::write(directory.join("b.js"), "const onSession = () => {}").unwrap();
    let engine = load().unwrap();
    assert_eq!(engine.names(), [("a".to_owned(), vec!["link"]), ("b".to_owned(), vec!["session"])]);
    std::fs::write(directory.join("a.wasm"), "").unwrap();
    let problems = load().unwrap_err();
    let [problem] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!(
        (problem.plugin.as_deref(), problem.message.as_str()),
        (Some("a"), "`a.js` and `a.wasm` are plugins of one name")
    );
    std::fs::remove_dir_all(directory).unwrap();
}
