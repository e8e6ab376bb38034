//! What policy is asked about a connector, and what becomes of its answers: redirects, reloads, and connections that it has move.

use std::time::{Duration, Instant};

use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module};
use crosstie_tests::router::{DEADLINE, Router};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::{ConnectionError, Error, Fields};
use fe2o3_amqp_types::performatives::Close;
use fe2o3_amqp_types::primitives::{Symbol, Value};
use serde_json::Value as Json;

use crate::failover::connector;
use crate::reload::{edit, reload};

/// Closes, and names another place.
fn redirect(peer: &mut Peer, port: u16) {
    let mut info = Fields::default();
    info.insert(Symbol::from("network-host"), Value::String("127.0.0.1".into()));
    info.insert(Symbol::from("port"), Value::Ushort(port));
    let mut error = Error::new(ConnectionError::Redirect, Some("over there".to_owned()), None);
    error.info = Some(Box::new(info));
    peer.send(0, &Close { error: Some(error) });
}

fn url(server: &Server) -> String {
    format!("amqp://127.0.0.1:{}", server.port())
}

/// Until the connector is connected there; as management shows it.
pub(crate) fn connected_to(router: &Router, url: &str) -> Json {
    let end = Instant::now() + DEADLINE;
    loop {
        let shown = router.stat("connectors").remove(0);
        if shown["connectedTo"] == url {
            return shown;
        }
        assert!(Instant::now() < end, "not connected to {url}: {shown}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_peer_that_redirects_is_followed_and_then_those_that_are_configured() {
    let (first, second, elsewhere) = (Server::new(), Server::new(), Server::new());
    let router = Router::start(&connector(&[(first.port(), 0), (second.port(), 1)], ""));
    let (mut sends_away, _) = first.accept_open(&open("first"));
    redirect(&mut sends_away, elsewhere.port());
    let (peer, _) = elsewhere.accept_open(&open("elsewhere"));
    let shown = connected_to(&router, &url(&elsewhere));
    let known = &shown["endpoints"];
    assert_eq!((&known[2]["url"], &known[2]["origin"]), (&url(&elsewhere).into(), &"redirected".into()), "{shown}");
    assert!(known[2]["lastRttUs"].as_u64().is_some_and(|us| us < 5_000_000), "{shown}");
    assert_eq!(known[1]["lastRttUs"], Json::Null, "nobody was there: {shown}");
    // it is no better than another one that is lost
    drop(peer);
    drop(elsewhere.accept());
    drop(first.accept());
    let _ = second.accept_open(&open("second"));
}

#[test]
fn peers_that_send_the_router_to_and_fro_are_left_alone_for_a_while() {
    let (first, second) = (Server::new(), Server::new());
    let kdl = connector(&[(first.port(), 0)], "").replace("base=\"300ms\" cap=\"1s\"", "base=\"3s\" cap=\"3s\"");
    let mut router = Router::start(&kdl);
    let servers = [&first, &second];
    let mut dials: Vec<Instant> = Vec::new();
    // one that a redirect leads to, and another one
    while dials.len() < 2 || dials[dials.len() - 1] - dials[dials.len() - 2] < Duration::from_secs(2) {
        let (at, mut peer) = Server::accept_any(&servers);
        dials.push(Instant::now());
        assert!(dials.len() < 12, "they are dialled again and again");
        peer.serve_open(&open("to and fro"));
        redirect(&mut peer, servers[1 - at].port());
    }
    assert!(dials.len() > 5, "the redirects were followed at first: {dials:?}");
    router.wait_log(0, DEADLINE, &["a redirect is not followed"]);
    router.assert_healthy();
}

/// A plugin that always wants the second of two endpoints, or the first.
fn wants(order: [u64; 2], more: &[(&'static str, Cbor<'static>)]) -> TestDir {
    let order = order.into_iter().map(|index| Cbor::Map(vec![("index", Cbor::Uint(index))])).collect();
    let answer = [("order", Cbor::Array(order))].into_iter().chain(more.iter().cloned()).collect();
    let dir = TestDir::new("failover-policy");
    dir.write("plugins/rules.wasm", module(&[("on_failover", Hook::Answer(Cbor::Map(answer).bytes()))]));
    dir
}

#[test]
fn a_plugin_that_reconsiders_has_the_connection_move_without_a_gap() {
    let (first, second) = (Server::new(), Server::new());
    let dir = wants([1, 0], &[("reconsider-after-ms", Cbor::Uint(300))]);
    let kdl = connector(&[(first.port(), 0), (second.port(), 1)], "");
    let router = Router::start_in(dir, &format!("{kdl}\nplugins \"plugins\"\n"));
    drop(second.accept());
    let (mut works, _) = first.accept_open(&open("first"));
    works.begin(0);
    // what cannot be reached leaves the one that works
    for _ in 0..2 {
        drop(second.accept());
        router.wait_log(0, DEADLINE, &["the better one is not there yet"]);
    }
    connected_to(&router, &url(&first));
    let (_better, _) = second.accept_open(&open("second"));
    let shown = connected_to(&router, &url(&second));
    assert_eq!(shown["failovers"], 1, "{shown}");
    assert_eq!(works.fault(DEADLINE), Ok(None), "it is left politely");
    // the one in use comes first: nobody else is dialled
    assert!(first.accept_within(Duration::from_secs(1)).is_none());
    assert!(second.accept_within(Duration::from_millis(1)).is_none());
}

#[test]
fn a_plugin_is_asked_when_a_reload_changes_the_candidates_of_a_connected_one() {
    let (first, second) = (Server::new(), Server::new());
    let kdl = |endpoints: &[(u16, u8)]| format!("{}\nplugins \"plugins\"\n", connector(endpoints, ""));
    let router = Router::start_in(wants([1, 0], &[]), &kdl(&[(second.port(), 1), (first.port(), 0)]));
    drop(second.accept());
    let (works, _) = first.accept_open(&open("first"));
    connected_to(&router, &url(&first));
    // another priority: the first of the plugin is another one, and the connection moves to it
    edit(&router, &kdl(&[(second.port(), 2), (first.port(), 0)]));
    let applied = reload(router.clients(), &[]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let (_better, _) = second.accept_open(&open("second"));
    connected_to(&router, &url(&second));
    drop(works);
    assert!(first.accept_within(Duration::from_secs(1)).is_none());
}
