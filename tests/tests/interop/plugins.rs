//! Policy plugins, hand-written to the ABI, as peers see their decisions.

use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::process::{Process, Stream};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, check, plain_kdl};
use crosstie_tests::server::Server;

/// A router with one plugin named `rules`; `node` is what its `plugin` node holds.
pub(crate) fn router_with(hooks: &[(&str, Hook)], node: &str, more: &str) -> Router {
    let dir = TestDir::new("plugins");
    dir.write("plugins/rules.wasm", module(hooks));
    Router::start_in(dir, &plain_kdl(&format!("plugins \"plugins\"\nplugin \"rules\" {{\n    {node}\n}}\n{more}")))
}

fn answer(case: &str, payload: Cbor<'_>) -> Hook {
    Hook::Answer(Cbor::Map(vec![(case, payload)]).bytes())
}

fn receive(router: &Router, address: &str) -> Proton {
    Proton::start("receive", router.clients(), &format!("--address {address} --keep"))
}

/// One message from `from` to `to`, accepted.
fn assert_passes(router: &Router, from: &str, to: &str) {
    let mut receiver = receive(router, to);
    assert_eq!(receiver.event("attached")["address"], to, "the peer sees the address that it asked for");
    let mut sender = Proton::start("send", router.clients(), &format!("--address {from}"));
    assert_eq!(sender.event("attached")["address"], from);
    assert_eq!(sender.event("outcome")["state"], "accepted");
    receiver.event("message");
}

#[test]
fn a_refused_connection_is_told_why() {
    let refusal = refusal("amqp:not-allowed", "closed on Mondays", "rule 7");
    let mut router = router_with(&[("on_connection", answer("deny", refusal))], "", "");
    let mut client = receive(&router, "a");
    let closed = client.event("closed");
    assert_eq!(closed["condition"], "amqp:not-allowed");
    assert_eq!(closed["description"], "closed on Mondays");
    let info = closed["info"].to_string();
    assert!(info.contains("rules") && info.contains("rule 7"), "plugin and note stand in the info map: {info}");
    // one line of the log says who refused it, and why
    let (line, _) = router.wait_log(0, DEADLINE, &["plugin=\"rules\"", "note=\"rule 7\""]);
    assert!(line.contains("connection refused") && line.contains("amqp:not-allowed"), "{line}");
    let told = router
        .process()
        .lines(Stream::Err)
        .into_iter()
        .filter(|line| line.contains("closed on Mondays") && line.contains("INFO"));
    assert_eq!(told.collect::<Vec<_>>().len(), 1);
    router.assert_healthy();
}

#[test]
fn a_listener_can_keep_the_reasons_to_itself() {
    let dir = TestDir::new("plugins");
    let refusal = refusal("test:custom", "no", "secret rule");
    dir.write("plugins/rules.wasm", module(&[("on_connection", answer("deny", refusal))]));
    let kdl = plain_kdl("plugins \"plugins\"").replace("port 0\n", "port 0\n    explain-refusals #false\n");
    let router = Router::start_in(dir, &kdl);
    let closed = receive(&router, "a").event("closed");
    assert_eq!(closed["condition"], "test:custom");
    assert!(!closed.to_string().contains("secret rule"), "{closed}");
}

#[test]
fn a_rewritten_address_joins_what_it_rewrites() {
    let ruling = Cbor::Map(vec![("address", Cbor::Text("common/ground"))]);
    let router = router_with(&[("on_address", answer("apply", ruling))], "", "");
    assert_passes(&router, "from/here", "to/there");
}

#[test]
fn a_refused_address_is_a_refused_link() {
    let refusal = refusal("amqp:unauthorized-access", "not yours", "rule 8");
    let denial = Cbor::Map(vec![("refusal", refusal)]);
    let mut router = router_with(&[("on_address", answer("deny", denial))], "", "");
    let mut client = receive(&router, "theirs");
    assert_eq!(client.event("attached")["present"], false, "the attach that answers has no source");
    let detached = client.event("detached");
    assert_eq!(detached["condition"], "amqp:unauthorized-access");
    assert_eq!(detached["description"], "not yours");
    router.assert_healthy();
}

#[test]
fn a_plugin_without_an_opinion_changes_nothing() {
    let none = || Hook::Answer(Vec::new());
    let router = router_with(&[("on_connection", none()), ("on_address", none())], "", "");
    assert_passes(&router, "a", "a");
}

#[test]
fn a_router_with_a_plugin_stops_as_one_without() {
    let mut router = router_with(&[("on_link", Hook::Answer(Vec::new()))], "", "");
    let _peer = Peer::session(router.clients(), "peer");
    assert_eq!(router.terminate().code(), Some(0));
    router.wait_log(0, DEADLINE, &["INFO", "stopped"]);
}

#[test]
fn a_trap_at_the_door_keeps_it_shut() {
    let mut router = router_with(&[("on_connection", Hook::Trap)], "", "");
    for _ in 0..7 {
        let closed = receive(&router, "a").event("closed");
        assert_eq!(closed["condition"], "amqp:internal-error");
    }
    router.wait_log(0, DEADLINE, &["plugin failed", "entry=\"on_connection\"", "wasm backtrace", "wasm function 2"]);
    router.assert_healthy();
}

#[test]
fn a_trap_at_the_door_may_be_written_to_let_in() {
    let mut router = router_with(&[("on_connection", Hook::Trap)], "on-failure connection=\"allow\"", "");
    assert_passes(&router, "a", "a");
    router.assert_healthy();
}

#[test]
fn a_trap_over_addresses_leaves_the_builtin() {
    let mut router = router_with(&[("on_address", Hook::Trap)], "", "");
    for _ in 0..7 {
        assert_passes(&router, "a", "a");
    }
    router.assert_healthy();
}

#[test]
fn a_plugin_that_hangs_holds_up_nobody_else() {
    let node = "on-failure address=\"deny\"\n    deadline \"2s\"";
    let mut router = router_with(&[("on_address", Hook::Hang)], node, "");
    // Two workers, four links that wait for a plugin: connections are answered all the while.
    let mut waiting: Vec<Peer> =
        (0..4).map(|number| Peer::session(router.clients(), &format!("waits-{number}"))).collect();
    for peer in &mut waiting {
        peer.send(0, &crosstie_tests::performative::receiver(0, "asked"));
    }
    let begun = Instant::now();
    for number in 0..20 {
        Peer::session(router.clients(), &format!("passes-{number}")).close();
    }
    assert!(begun.elapsed() < Duration::from_millis(1500), "20 connections took {:?}", begun.elapsed());
    let mut refused = receive(&router, "asked");
    assert_eq!(refused.event("detached")["condition"], "amqp:internal-error");
    router.assert_healthy();
}

#[test]
fn a_plugin_that_hangs_holds_up_no_link_that_is_there() {
    // of three requests in a row that hang the plugin is shut off; each takes its deadline
    let node = "on-failure address=\"builtin\"\n    deadline \"1s\"";
    let mut router = router_with(&[("on_address", Hook::Hang)], node, "");
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "there", 100);
    let mut peer = Peer::session(router.clients(), "peer");
    peer.attach_sender(0, 0, "there");
    peer.expect_credit();
    peer.send(0, &crosstie_tests::performative::receiver(1, "asked"));
    let begun = Instant::now();
    for id in 0..50 {
        peer.send_message(0, 0, id, b"x");
        receiver.expect_transfer();
    }
    assert!(begun.elapsed() < Duration::from_millis(800), "50 messages took {:?}", begun.elapsed());
    peer.expect_attach("receiver-1");
    assert!(begun.elapsed() > Duration::from_millis(800), "the plugin was not asked");
    router.assert_healthy();
}

#[test]
fn a_plugin_orders_a_connectors_endpoints() {
    let (first, second) = (Server::new(), Server::new());
    let order = Cbor::Array(vec![
        Cbor::Map(vec![("index", Cbor::Uint(1))]),
        Cbor::Map(vec![("index", Cbor::Uint(0)), ("delay-ms", Cbor::Uint(400))]),
    ]);
    let connector = format!(
        "connector \"my-broker\" {{\n    endpoint \"amqp://127.0.0.1:{}\" priority=0\n    \
         endpoint \"amqp://127.0.0.1:{}\" priority=1\n}}",
        first.port(),
        second.port()
    );
    let hook = Hook::Answer(Cbor::Map(vec![("order", order)]).bytes());
    let _router = router_with(&[("on_failover", hook)], "", &connector);
    let (index, peer) = Server::accept_any(&[&first, &second]);
    assert_eq!(index, 1, "the plugin's first pick is dialled first");
    drop(peer);
    let failed = Instant::now();
    let (index, _) = Server::accept_any(&[&first, &second]);
    assert_eq!(index, 0);
    assert!(failed.elapsed() >= Duration::from_millis(300), "the pick's delay was {:?}", failed.elapsed());
}

#[test]
fn a_failover_plugin_that_traps_leaves_the_builtin_order() {
    let (first, second) = (Server::new(), Server::new());
    let connector = format!(
        "connector \"my-broker\" {{\n    endpoint \"amqp://127.0.0.1:{}\" priority=0\n    \
         endpoint \"amqp://127.0.0.1:{}\" priority=1\n}}",
        first.port(),
        second.port()
    );
    let _router = router_with(&[("on_failover", Hook::Trap)], "", &connector);
    assert_eq!(Server::accept_any(&[&first, &second]).0, 0);
    assert_eq!(Server::accept_any(&[&first, &second]).0, 1);
}

#[test]
fn a_file_that_is_no_plugin_is_a_bad_configuration() {
    let kdl = plain_kdl("plugins \"plugins\"");
    for bytes in [b"\0asm\x01\0\0\0".as_slice(), b"no module"] {
        let dir = TestDir::new("plugins");
        dir.write("plugins/rules.wasm", bytes);
        let found = check(&dir, &kdl);
        assert_eq!(found.code, Some(78), "{}", found.stderr);
        assert!(found.stderr.contains("rules"), "{}", found.stderr);
        let file = dir.write("crosstie.kdl", &kdl);
        let mut command = std::process::Command::new(crosstie_tests::place::router_binary());
        let mut process = Process::start("crosstie", command.arg("run").arg(file));
        assert_eq!(process.wait_exit(Duration::from_secs(20)).code(), Some(78), "{}", process.tail(20));
    }
}
