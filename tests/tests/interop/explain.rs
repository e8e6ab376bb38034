//! `crosstie explain`: what plugins and rules decided, told by a running router.

use crosstie_tests::frame::{AMQP_HEADER, Performative};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{open, receiver};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::performatives::Open;

fn grant<'a>(note: &'a str, sessions: u64) -> Cbor<'a> {
    let limits = Cbor::Map(vec![("sessions", Cbor::Uint(sessions))]);
    Cbor::Map(vec![("allow", Cbor::Map(vec![("note", Cbor::Text(note)), ("limits", limits)]))])
}

fn denial<'a>(note: &'a str) -> Cbor<'a> {
    Cbor::Map(vec![("deny", refusal("amqp:not-allowed", "not here", note))])
}

fn ruling<'a>(address: &'a str, note: &'a str) -> Cbor<'a> {
    Cbor::Map(vec![("apply", Cbor::Map(vec![("address", Cbor::Text(address)), ("note", Cbor::Text(note))]))])
}

fn router(hooks: &[(&str, Cbor<'_>)], more: &str) -> Router {
    let hooks: Vec<_> = hooks.iter().map(|(name, answer)| (*name, Hook::Answer(answer.bytes()))).collect();
    let dir = TestDir::new("explain");
    dir.write("plugins/rules.wasm", module(&hooks));
    // whoever asks comes in by another door
    let inside = "listener \"inside\" {\n    host \"127.0.0.1\"\n    port 0\n}";
    let only = "plugins \"plugins\"\nplugin \"rules\" {\n    only listener=\"inside\"\n}";
    Router::start_in(dir, &plain_kdl(&format!("{inside}\n{only}\n{more}")))
}

fn explain(router: &Router, arguments: &[&str]) -> String {
    let (status, said, error) = router.ask(&[&["explain"], arguments].concat());
    assert_eq!(status, Some(0), "{said}{error}");
    said
}

fn assert_has(text: &str, parts: &[&str]) {
    for part in parts {
        assert!(text.contains(part), "no {part:?} in\n{text}");
    }
}

/// The identity of the connection of a container.
fn identity(router: &Router, container: &str) -> String {
    let rows = router.stat("connections");
    let row = rows.iter().find(|row| row["container"] == container).expect("the connection");
    row["identity"].as_str().expect("an identity").to_owned()
}

#[test]
fn what_was_let_in_is_explained_by_plugin_note_and_effect() {
    let hooks = [("on_connection", grant("rule 2", 9)), ("on_address", ruling("new", "table row 4"))];
    let router = router(&hooks, "");
    let mut peer = Peer::session(router.addr("inside"), "guest");
    peer.attach_receiver(0, 0, "old", 1);
    let id = identity(&router, "guest");
    let text = explain(&router, &["connection", &id]);
    assert_has(&text, &[&format!("connection {id} is open"), "container-id \"guest\"", "listener \"inside\""]);
    assert_has(&text, &["plugin \"rules\" (hook connection): allow; note \"rule 2\"; sessions=9 [sequence "]);
    assert_has(&text, &["(hook address): apply; note \"table row 4\"; address=\"new\""]);
    let text = explain(&router, &["link", "receiver-0"]);
    assert_has(&text, &["on which the peer receives: it leads from \"new\" in phase 0", "table row 4"]);
    assert_has(&text, &[&format!("it is of connection {id}")]);
    // the connection of whoever asks is one that it is not asked about
    let (_, json, _) = router.ask(&["explain", "connection", &id, "--json"]);
    let found: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(found["open"]["decisions"][0]["note"], "rule 2", "{json}");
}

#[test]
fn what_was_refused_is_explained_after_it_is_gone() {
    let mut router = router(&[("on_link", denial("rule 9"))], "");
    let mut peer = Peer::session(router.addr("inside"), "guest");
    peer.send(0, &receiver(0, "secret"));
    peer.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    let id = identity(&router, "guest");
    peer.close();
    for arguments in [["link", "receiver-0"], ["connection", id.as_str()], ["address", "/secret"]] {
        let text = explain(&router, &arguments);
        assert_has(&text, &["link \"receiver-0\", address \"secret\"", &format!("of connection {id} (127.0.0.1:")]);
        assert_has(&text, &["told amqp:not-allowed: not here", "plugin \"rules\" (hook link): deny; note \"rule 9\""]);
    }
    for arguments in [["link", "nobody"], ["connection", "4711"]] {
        let (status, said, error) = router.ask(&["explain", arguments[0], arguments[1]]);
        assert_eq!((status, said.as_str()), (Some(1), ""), "{error}");
        assert_has(&error, &["404", arguments[1], "hint: `crosstie stat "]);
    }
    router.assert_healthy();
}

#[test]
fn a_refused_connection_is_found_by_the_number_in_the_log() {
    let router = router(&[("on_connection", denial("rule 1"))], "");
    let mut peer = Peer::dial(router.addr("inside"));
    peer.send_bytes(&AMQP_HEADER);
    peer.send(0, &open("stranger"));
    peer.expect_header(AMQP_HEADER);
    peer.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
    let (line, _) = router.wait_log(0, crosstie_tests::router::DEADLINE, &["connection refused", "rule 1"]);
    let field = |name| crosstie_tests::router::field(&line, name).expect("a field").to_owned();
    let text = explain(&router, &["connection", &field("connection")]);
    assert_has(&text, &["refused of it:", "container-id \"stranger\"", "note \"rule 1\""]);
    assert!(!text.contains("let it in"), "{text}");
    assert_has(&text, &[&format!("[sequence {}, ", field("sequence"))]);
}

#[test]
fn an_address_is_explained_by_rule_route_tenant_and_plugins() {
    let more = "address {\n    prefix \"orders\"\n    distribution \"multicast\"\n    waypoint\n}\n\
        link-route {\n    prefix \"b2\"\n    direction \"in\"\n    connection \"broker\"\n}\n\
        listener \"broker\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n\
        listener \"tenants\" {\n    host \"127.0.0.1\"\n    port 0\n    multi-tenant #true\n}\n";
    let router = router(&[("on_address", ruling("new", "row"))], more);
    let text = explain(&router, &["address", "orders/eu", "--direction", "out"]);
    assert_has(&text, &["rule: `address` prefix \"orders\": multicast", "peers that receive: phase 1, no link route"]);
    assert_has(&text, &["plugin \"rules\": only listener=\"inside\"", "now: nobody uses it"]);
    assert_has(&text, &["multi-tenant listener \"tenants\" it is another address, HOSTNAME/orders/eu"]);
    assert!(!text.contains("peers that send"), "{text}");
    let text = explain(&router, &["address", "b2.q"]);
    assert_has(
        &text,
        &["rule: none covers it; by default it is balanced", "peers that receive: phase 0, no link route"],
    );
    assert_has(
        &text,
        &["peers that send: by `link-route` prefix \"b2\" to connection \"broker\", which is NOT there now"],
    );
    // as a tenant writes it, whom the plugin is not asked about
    let (_peer, _) =
        Peer::open_with(router.addr("tenants"), &Open { hostname: Some("a.example".into()), ..open("tenant") });
    let id = identity(&router, "tenant");
    let text = explain(&router, &["address", "orders", "--connection", &id]);
    assert_has(&text, &["address \"a.example/orders\"", "tenant: its peer's names have \"a.example/\" in front"]);
    assert_has(
        &text,
        &["rule: none covers it", "plugins: none is asked about it", "plugin \"rules\" is not asked about it"],
    );
    let text = explain(&router, &["address", "$management"]);
    assert_has(&text, &["it is the router's own"]);
}
