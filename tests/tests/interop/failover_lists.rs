//! Lists that peers advertise, hostile or broken.

use std::time::Duration;

use crosstie_tests::frame::{self, AMQP_HEADER, Performative, SASL_HEADER};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::router::{DEADLINE, Router};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::primitives::{Array, Symbol, Value};
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};

use crate::failover::{advertising, attempt, connector, endpoint, entry};

/// Point 2 of the reference's defects.
#[test]
fn s03_sound_items_among_broken_ones_are_used() {
    let (first, advertised) = (Server::new(), Server::new());
    let router = Router::start(&connector(&[(first.port(), 0)], ""));
    let list = Value::List(vec![
        entry(&[("port", Value::String("5672".into()))]),
        Value::String("no map".into()),
        entry(&[("network-host", Value::Uint(7))]),
        entry(&[
            ("network-host", Value::String("127.0.0.1".into())),
            ("port", Value::Uint(advertised.port().into())),
            ("scheme", Value::String("amqp".into())),
            ("hostname", Value::String("virtual.example.com".into())),
            ("extra", Value::Bool(true)),
        ]),
    ]);
    let (peer, _) = first.accept_open(&advertising(list));
    drop(peer);
    assert_eq!(attempt(&[&first, &advertised]).0, 0);
    let mark = router.log_mark();
    let (_peer, theirs) = advertised.accept_open(&open("advertised"));
    assert_eq!((theirs.container_id.as_str(), theirs.hostname.as_deref()), ("hub", Some("virtual.example.com")));
    router.wait_log(mark.saturating_sub(20), Duration::from_secs(20), &["my-broker", &advertised.port().to_string()]);
}

#[test]
fn s03_a_list_that_is_none_breaks_nothing() {
    for list in [Value::Null, Value::String("text".into()), Value::List(vec![]), entry(&[("a", Value::Uint(1))])] {
        let server = Server::new();
        let mut router = Router::start(&connector(&[(server.port(), 0)], ""));
        let (peer, _) = server.accept_open(&advertising(list.clone()));
        // The same from an accepted connection has no effect whatever.
        Peer::open_with(router.clients(), &advertising(list)).0.close();
        drop(peer);
        let (mut peer, _) = server.accept_open(&open("again"));
        router.assert_healthy();
        router.process().signal("TERM");
        let condition = peer.fault(Duration::from_secs(10));
        assert_eq!(condition, Ok(Some("amqp:connection:forced".to_owned())));
    }
}

/// Point 1 of the reference's defects: whatever its shape, also beside a connector.
#[test]
fn s03_an_accepted_peers_list_is_not_followed() {
    let (elsewhere, broker) = (Server::new(), Server::new());
    let mut router = Router::start(&connector(&[(broker.port(), 0)], ""));
    let (broker_peer, _) = broker.accept_open(&open("broker"));
    router.wait_log(0, DEADLINE, &["connected", "my-broker"]);
    let item = endpoint(elsewhere.port());
    let shapes = [
        Value::List(vec![item.clone()]),
        item.clone(),
        Value::List(vec![Value::List(vec![item])]),
        Value::List(Vec::new()),
    ];
    for list in shapes {
        let (mut peer, _) = Peer::open_with(router.clients(), &advertising(list));
        assert_eq!(router.stat("connectors")[0]["failoverUrls"], format!("amqp://127.0.0.1:{}", broker.port()));
        peer.close();
    }
    drop(broker_peer);
    for _ in 0..3 {
        assert_eq!(attempt(&[&broker, &elsewhere]).0, 0, "the connector follows a stranger");
    }
    router.assert_healthy();
}

fn text(text: &str) -> Value {
    Value::String(text.to_owned())
}

/// Opens with this list and goes.
fn hand_over(server: &Server, list: Value) {
    drop(server.accept_open(&advertising(list)));
}

#[test]
fn s03_no_item_leads_where_it_must_not() {
    let (server, good, bad) = (Server::new(), Server::new(), Server::new());
    let host = ("network-host", text("127.0.0.1"));
    let router = Router::start(&connector(&[(server.port(), 0)], ""));
    let port = bad.port();
    let list = Value::List(vec![
        // TLS is never downgraded
        entry(&[host.clone(), ("port", Value::Uint(port.into())), ("scheme", text("amqps"))]),
        entry(&[host.clone(), ("port", Value::Int(-i32::from(port)))]),
        entry(&[host.clone(), ("port", Value::Uint(u32::from(port) + 65536))]),
        entry(&[host.clone(), ("port", text(&format!("0{port}x")))]),
        entry(&[host.clone(), ("port", Value::Uint(port.into())), ("scheme", text("gopher"))]),
        Value::List(vec![endpoint(port)]),
        entry(&[("network-host", Value::List(vec![text("127.0.0.1")])), ("port", Value::Uint(port.into()))]),
        entry(&[host, ("port", Value::Ushort(good.port()))]),
    ]);
    hand_over(&server, list);
    let all = [&server, &good, &bad];
    let order: Vec<usize> = (0..4).map(|_| attempt(&all).0).collect();
    assert_eq!(order, [0, 1, 0, 1], "the one that was lost, the sound item, and again");
    let (line, _) = router.wait_log(0, DEADLINE, &["malformed items in the peer's failover-server-list"]);
    assert!(line.contains("skipped=6"), "{line}");
}

/// Point 2 of the reference's defects.
#[test]
fn s03_ten_thousand_items_are_cut_short() {
    let (server, beyond) = (Server::new(), Server::new());
    let kdl = connector(&[(server.port(), 0)], "allow \"127.0.0.*\"");
    let mut router = Router::start(&kdl.replace("    failover {", "    max-frame-size \"1MiB\"\n    failover {"));
    // nobody may be dialled but the last, which is beyond the cap
    let mut items = vec![entry(&[("network-host", text("elsewhere.example.com"))]); 10_000];
    items.push(endpoint(beyond.port()));
    let mark = router.log_mark();
    hand_over(&server, Value::List(items));
    router.wait_log(mark, DEADLINE, &["malformed items", "skipped=9969"]);
    for _ in 0..3 {
        assert_eq!(attempt(&[&server, &beyond]).0, 0, "an item beyond the cap was dialled");
    }
    router.assert_healthy();
}

#[test]
fn s03_an_open_beyond_the_frame_size_is_refused_by_its_name() {
    let server = Server::new();
    let mut router = Router::start(&connector(&[(server.port(), 0)], ""));
    let mark = router.log_mark();
    hand_over(&server, Value::List(vec![endpoint(server.port()); 10_000]));
    router.wait_log(mark.saturating_sub(9), DEADLINE, &["cannot connect", "is over the maximum of 16384", "my-broker"]);
    drop(server.accept_open(&open("well-behaved")));
    router.assert_healthy();
}

#[test]
fn s03_a_host_in_other_letters_is_the_same_host() {
    let (server, other) = (Server::new(), Server::new());
    let kdl = connector(&[(server.port(), 0)], "").replace("amqp://127.0.0.1:", "amqp://localhost:");
    let _router = Router::start(&kdl);
    let upper = |port: u16| entry(&[("network-host", text("LOCALHOST")), ("port", Value::Ushort(port))]);
    hand_over(&server, Value::List(vec![upper(server.port()), upper(other.port()), endpoint(other.port())]));
    let order: Vec<usize> = (0..4).map(|_| attempt(&[&server, &other]).0).collect();
    assert_eq!(order, [0, 1, 1, 0], "the configured one stands once, the others are two names");
}

/// Point 7 of the reference's defects.
#[test]
fn s03_properties_after_the_list_are_seen() {
    let server = Server::new();
    let router = Router::start(&connector(&[(server.port(), 0)], ""));
    // the helper's list stands before the product
    let (_peer, _) = server.accept_open(&advertising(Value::List(vec![Value::Null, endpoint(server.port())])));
    router.wait_log(0, DEADLINE, &["connected", "my-broker"]);
    let mut command = std::process::Command::new(crosstie_tests::place::router_binary());
    let command = command.args(["stat", "connections", "--json", "--bus"]).arg(format!("amqp://{}", router.clients()));
    let said = command.output().expect("crosstie runs");
    let shown = String::from_utf8_lossy(&said.stdout);
    assert!(shown.contains("\"scripted\""), "no product in {shown}{}", String::from_utf8_lossy(&said.stderr));
}

/// The accepting side of SASL; gives what the router chose, and its response.
pub(crate) fn serve_sasl(server: &Server) -> (Peer, String, Vec<u8>) {
    let mut peer = server.accept();
    peer.expect_header(SASL_HEADER);
    peer.send_bytes(&SASL_HEADER);
    let mechanisms = Array::from(vec![Symbol::from("PLAIN"), Symbol::from("ANONYMOUS")]);
    peer.send_bytes(&frame::sasl(&SaslMechanisms { sasl_server_mechanisms: mechanisms }));
    let (mechanism, response) = peer.expect("sasl-init", |frame| match &frame.performative {
        Performative::SaslInit(init) => {
            let response = init.initial_response.as_ref().map(|bytes| bytes.to_vec()).unwrap_or_default();
            Some((init.mechanism.0.clone(), response))
        }
        _ => None,
    });
    peer.send_bytes(&frame::sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: None }));
    peer.expect_header(AMQP_HEADER);
    peer.send_bytes(&AMQP_HEADER);
    (peer, mechanism, response)
}

/// Point 4 of the reference's defects.
#[test]
fn s03_a_password_goes_to_no_host_that_the_operator_did_not_name() {
    for (allow, mechanism) in [("", "ANONYMOUS"), ("allow \"127.0.0.1\"", "PLAIN")] {
        let (server, stranger) = (Server::new(), Server::new());
        let user = "sasl-username \"u\"\n    sasl-password \"literal:secret-word\"\n    allow-plain-without-tls\n    sasl \
                    \"PLAIN\" \"ANONYMOUS\"\n    failover {";
        let kdl = connector(&[(server.port(), 0)], allow).replace("failover {", user);
        let _router = Router::start(&kdl.replace("amqp://127.0.0.1:", "amqp://localhost:"));
        let (mut peer, chosen, response) = serve_sasl(&server);
        assert_eq!((chosen.as_str(), response.ends_with(b"secret-word")), ("PLAIN", true));
        peer.send(0, &advertising(Value::List(vec![endpoint(stranger.port())])));
        peer.expect("open", |frame| matches!(frame.performative, Performative::Open(_)).then_some(()));
        drop((peer, server));
        let (_peer, chosen, response) = serve_sasl(&stranger);
        assert_eq!(chosen, mechanism, "{allow:?}");
        let told = response.windows(6).any(|part| part == b"secret");
        assert_eq!(told, mechanism == "PLAIN", "{allow:?}: the response was {response:?}");
    }
}

/// Point 4 of the reference's defects: nor is such a host used as anybody.
#[test]
fn s03_a_host_that_may_not_see_the_password_is_not_used_as_anonymous() {
    let (server, stranger) = (Server::new(), Server::new());
    let user =
        "sasl-username \"u\"\n    sasl-password \"literal:secret-word\"\n    allow-plain-without-tls\n    failover {";
    let kdl = connector(&[(server.port(), 0)], "").replace("failover {", user);
    let router = Router::start(&kdl.replace("amqp://127.0.0.1:", "amqp://localhost:"));
    let (mut peer, chosen, _) = serve_sasl(&server);
    assert_eq!(chosen, "PLAIN");
    peer.send(0, &advertising(Value::List(vec![endpoint(stranger.port())])));
    peer.expect("open", |frame| matches!(frame.performative, Performative::Open(_)).then_some(()));
    drop(peer);
    for _ in 0..3 {
        assert_eq!(attempt(&[&server, &stranger]).0, 0, "the stranger was dialled");
    }
    router.wait_log(0, DEADLINE, &["cannot connect", &stranger.port().to_string(), "for those in `allow`"]);
}
