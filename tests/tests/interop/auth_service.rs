//! Listeners that leave SASL to a service: peers that it lets in, addresses that it names, and services that fail.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crosstie_tests::frame::{self, AMQP_HEADER, Performative, SASL_HEADER};
use crosstie_tests::management::Management;
use crosstie_tests::native::{Client, runtime};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{open, receiver, sender, transfer};
use crosstie_tests::process::Stream;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp_types::definitions::{AmqpError, Error as AmqpFault};
use fe2o3_amqp_types::messaging::{DeliveryState, Source};
use fe2o3_amqp_types::performatives::{Attach, Close, Open};
use fe2o3_amqp_types::primitives::{Array, Binary, OrderedMap, Symbol};
use fe2o3_amqp_types::sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
use serde_amqp::Value;

use crate::distribution::{attach_anonymous, message_to};
use crate::reload::{edit, reload};
use crate::scram::cyrus_with;
use crate::tls::{Place, listener};

/// A router with a listener `guarded` whose peers the service at this port knows.
fn guarded(port: u16, service: &str, more: &str) -> Router {
    Router::start(&plain_kdl(&kdl(port, service, more)))
}

fn kdl(port: u16, service: &str, more: &str) -> String {
    format!(
        "auth-service \"sso\" {{\n    host \"localhost\"\n    port {port}\n    {service}\n}}\n{}",
        listener("guarded", &format!("auth-service \"sso\"\n    allow-plain-without-tls\n    {more}"))
    )
}

const PLAIN: &str = "allow-plain-without-tls";

fn log(router: &mut Router) -> String {
    router.process().lines(Stream::Err).join("\n")
}

/// What a client's Open or the end of its transport said.
fn dial(addr: SocketAddr, user: &str, password: &str, more: &str) -> serde_json::Value {
    let args = format!("--address a --keep --user {user} --password {password} {more}");
    let mut client = Proton::start("receive", addr, &args);
    client.any_of(&["attached", "transport-error", "connection-error"], DEADLINE)
}

#[test]
fn cyrus_sasl_of_a_service_lets_peers_in_by_mechanisms_that_the_router_does_not_know() {
    let (_dir, mut service, addr) = cyrus_with("--mechanisms SCRAM-SHA-1,SCRAM-SHA-256,PLAIN --identity the.alice");
    let mut router = guarded(addr.port(), PLAIN, "");
    let addr = router.addr("guarded");
    for mechanism in ["SCRAM-SHA-1", "SCRAM-SHA-256", "PLAIN"] {
        let mark = router.log_mark();
        let mut client = Proton::start(
            "receive",
            addr,
            &format!("--address a --keep --user alice --password wonder-land --mechanisms {mechanism}"),
        );
        client.event("attached");
        assert_eq!(service.event("open")["mechanism"].as_str(), Some(mechanism));
        router.wait_log(mark, DEADLINE, &["opened", "guarded", "user=\"the.alice\""]);
        let connections = router.stat("connections");
        let row = connections.iter().find(|row| row["user"] == "the.alice").expect("it is shown");
        assert_eq!((&row["sasl"], &row["isAuthenticated"]), (&mechanism.into(), &true.into()), "{row}");
        drop(client);
        let event = dial(addr, "alice", "hat-ter", &format!("--mechanisms {mechanism}"));
        assert_eq!(event["condition"], "amqp:unauthorized-access", "{event}");
        router.wait_log(mark, DEADLINE, &["the auth service does not accept these credentials"]);
    }
    // nobody goes round it
    let event = dial(addr, "alice", "wonder-land", "--mechanisms ANONYMOUS");
    assert_eq!(event["event"], "transport-error", "{event}");
    let mut peer = Peer::dial(addr);
    peer.send_bytes(&AMQP_HEADER);
    let _ = peer.try_send_bytes(&frame::amqp(0, &open("no-sasl"), &[]));
    assert_eq!(peer.fault(DEADLINE), Ok(Some("amqp:unauthorized-access".to_owned())));
    let log = log(&mut router);
    assert!(!log.contains("wonder-land") && !log.contains("hat-ter"), "a password stands in the log");
    router.assert_healthy();
}

#[test]
fn mechanisms_are_those_that_both_name_and_plain_wants_tls_on_both_ways() {
    let offered = |addr| {
        let mut peer = Peer::dial(addr);
        mechanisms(&mut peer)
    };
    let (_dir, _service, addr) = cyrus_with("--mechanisms SCRAM-SHA-1,SCRAM-SHA-256,PLAIN");
    let sorted = |addr| {
        let mut names = offered(addr);
        names.sort();
        names.join(" ")
    };
    for (service, own, wanted) in [
        (PLAIN, "", "PLAIN SCRAM-SHA-1 SCRAM-SHA-256"),
        ("", "", "SCRAM-SHA-1 SCRAM-SHA-256"),
        (PLAIN, "sasl \"PLAIN\" \"SCRAM-SHA-1\" \"GSSAPI\"", "PLAIN SCRAM-SHA-1"),
    ] {
        let router = guarded(addr.port(), service, own);
        assert_eq!(sorted(router.addr("guarded")), wanted, "{service} {own}");
    }
    let router = guarded(addr.port(), PLAIN, "sasl \"GSSAPI\"");
    assert_eq!(log_in(&mut Peer::dial(router.addr("guarded"))), SaslCode::SysPerm);
    router.wait_log(0, DEADLINE, &["WARN", "auth_service=\"sso\"", "it offers no mechanism that peers may use here"]);
    let secret = kdl(addr.port(), PLAIN, "").replace("\"sso\"\n    allow-plain-without-tls", "\"sso\"");
    let router = Router::start(&plain_kdl(&secret));
    assert_eq!(sorted(router.addr("guarded")), "SCRAM-SHA-1 SCRAM-SHA-256");
}

#[test]
fn a_service_by_tls_is_reached_where_its_certificate_is_believed() {
    let place = Place::new();
    let service = Router::start(&plain_kdl(
        &[
            "user \"bob\" password=\"literal:wonder-land\"\n".to_owned(),
            place.tls("off", ""),
            listener("sso", "tls \"off\"\n    sasl \"PLAIN\" \"SCRAM-SHA-256\"\n    authenticate-peer"),
        ]
        .concat(),
    ));
    let port = service.addr("sso").port();
    let ca = place.path("ca.pem");
    let mut router = Router::start(&plain_kdl(&format!(
        "tls \"trusting\" {{\n    ca \"{ca}\"\n}}\ntls \"doubting\" {{\n    ca \"system\"\n}}\n{}{}{}",
        kdl(port, "tls \"trusting\"", ""),
        kdl(port, "tls \"doubting\"", "")
            .replace("\"sso\"", "\"unbelieved\"")
            .replace("\"guarded\"", "\"unbelieving\""),
        kdl(port, PLAIN, "").replace("\"sso\"", "\"plain\"").replace("\"guarded\"", "\"wrong\""),
    )));
    for mechanism in ["PLAIN", "SCRAM-SHA-256"] {
        let event = dial(router.addr("guarded"), "bob", "wonder-land", &format!("--mechanisms {mechanism}"));
        assert_eq!(event["event"], "attached", "{event}");
        let event = dial(router.addr("guarded"), "bob", "wrong", &format!("--mechanisms {mechanism}"));
        assert_eq!(event["condition"], "amqp:unauthorized-access", "{event}");
    }
    for (name, service, why) in [("unbelieving", "unbelieved", "certificate"), ("wrong", "plain", "error=")] {
        let mark = router.log_mark();
        let event = dial(router.addr(name), "bob", "wonder-land", "--mechanisms PLAIN");
        assert_eq!(event["event"], "transport-error", "{event}");
        router.wait_log(
            mark,
            DEADLINE,
            &["WARN", "no answer of the auth service", &format!("auth_service=\"{service}\""), why],
        );
    }
    router.assert_healthy();
}

/// The Open of a service that knows a peer, and what it may use.
fn claims(addresses: &[(&str, &[&str])]) -> Open {
    let text = |text: &str| Value::String(text.to_owned());
    let words = |words: &[&str]| Value::Array(Array::from(words.iter().map(|word| text(word)).collect::<Vec<_>>()));
    let addresses: OrderedMap<Value, Value> =
        addresses.iter().map(|(address, allowed)| (text(address), words(allowed))).collect();
    let identity: OrderedMap<Value, Value> = std::iter::once((text("preferred_username"), text("eve"))).collect();
    let properties = [("authenticated-identity", Value::Map(identity)), ("address-authz", Value::Map(addresses))];
    Open {
        properties: Some(properties.into_iter().map(|(key, value)| (Symbol::from(key), value)).collect()),
        offered_capabilities: Some(Array::from(vec![Symbol::from("ADDRESS-AUTHZ")])),
        ..open("sso")
    }
}

/// The mechanisms that a peer is offered.
fn mechanisms(peer: &mut Peer) -> Vec<String> {
    peer.send_bytes(&SASL_HEADER);
    peer.expect_header(SASL_HEADER);
    peer.expect("mechanisms", |frame| match &frame.performative {
        Performative::SaslMechanisms(offered) => {
            Some(offered.sasl_server_mechanisms.0.iter().map(|name| name.0.clone()).collect())
        }
        _ => None,
    })
}

/// Says an init, and answers challenges, until there is an outcome.
fn log_in(peer: &mut Peer) -> SaslCode {
    let _ = mechanisms(peer);
    let initial_response = Some(Binary::from(b"\0eve\0hunter2".to_vec()));
    // the outcome may have come already
    let _ =
        peer.try_send_bytes(&frame::sasl(&SaslInit { mechanism: "PLAIN".into(), initial_response, hostname: None }));
    loop {
        let outcome = peer.expect("an outcome", |frame| match &frame.performative {
            Performative::SaslOutcome(outcome) => Some(Some(outcome.code.clone())),
            Performative::SaslChallenge(_) => Some(None),
            _ => None,
        });
        match outcome {
            Some(code) => return code,
            None => peer.send_bytes(&frame::sasl(&SaslResponse { response: Binary::from(b"more".to_vec()) })),
        }
    }
}

/// A peer with a session, let in by a scripted service that says this of it.
fn let_in(router: &Router, service: &Server, claims: &Open) -> (Peer, Open) {
    let addr = router.addr("guarded");
    std::thread::scope(|scope| {
        let serving = scope.spawn(|| {
            let (mut peer, theirs) = service.accept_open(claims);
            peer.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
            theirs
        });
        let mut peer = Peer::dial(addr);
        assert_eq!(log_in(&mut peer), SaslCode::Ok);
        peer.send_bytes(&AMQP_HEADER);
        peer.send(0, &open("eve"));
        peer.expect_header(AMQP_HEADER);
        peer.expect("open", |frame| matches!(frame.performative, Performative::Open(_)).then_some(()));
        peer.begin(0);
        (peer, serving.join().expect("the service"))
    })
}

/// The condition of the detach of a link that is refused.
fn refusal(peer: &mut Peer, attach: &Attach) -> Option<String> {
    peer.send(0, attach);
    let end = Instant::now() + DEADLINE;
    loop {
        match peer.next(end.saturating_duration_since(Instant::now())) {
            Arrival::Frame(found) => match found.performative {
                Performative::Detach(detach) => return detach.error.map(|error| frame::condition(&error.condition)),
                Performative::Attach(answer) if answer.name == attach.name => {
                    let is_there = answer.source.is_some() && answer.target.is_some();
                    if is_there {
                        // a detach would come with it
                        if let Arrival::Frame(frame::Frame { performative: Performative::Detach(detach), .. }) =
                            peer.next(Duration::from_millis(200))
                        {
                            return detach.error.map(|error| frame::condition(&error.condition));
                        }
                        return None;
                    }
                }
                _ => {}
            },
            other => panic!("waiting for an answer, but got {other:?}"),
        }
    }
}

#[test]
fn peers_use_the_addresses_that_the_service_names_and_no_others() {
    let service = Server::new();
    let mut router = guarded(service.port(), PLAIN, "");
    let claims = claims(&[
        ("both", &["send", "recv"]),
        ("/to", &["send"]),
        ("from", &["recv"]),
        ("tree/*", &["send"]),
        ("of.${user}", &["send"]),
    ]);
    let (mut peer, theirs) = let_in(&router, &service, &claims);
    assert_eq!(theirs.desired_capabilities.map(|words| words.0), Some(vec![Symbol::from("ADDRESS-AUTHZ")]));
    let named = router.stat("connections").iter().any(|row| row["user"] == "eve");
    assert!(named, "its second name is its user's");
    let denied = Some("amqp:unauthorized-access".to_owned());
    for (handle, (address, sends, receives)) in (10..).step_by(2).zip([
        ("both", true, true),
        ("/both", true, true),
        ("to", true, false),
        ("from", false, true),
        ("tree/a", true, false),
        ("of.eve", true, false),
        ("of.bob", false, false),
        ("other", false, false),
        ("nothing", false, false),
        ("$management", false, false),
        ("amqp:/tree", false, false),
    ]) {
        let wanted = |allowed: bool| if allowed { None } else { denied.clone() };
        assert_eq!(refusal(&mut peer, &sender(handle, address)), wanted(sends), "to {address}");
        assert_eq!(refusal(&mut peer, &receiver(handle + 1, address)), wanted(receives), "from {address}");
    }
    // a new address is its own, and an anonymous sender's messages are looked at
    let dynamic = Attach { source: Some(Box::new(Source { dynamic: true, ..Source::default() })), ..receiver(1, "") };
    assert_eq!(refusal(&mut peer, &dynamic), None);
    let mut waypoint = receiver(2, "both");
    if let Some(source) = &mut waypoint.source {
        source.capabilities = Some(Array::from(vec![Symbol::from("qd.waypoint")]));
    }
    assert_eq!(refusal(&mut peer, &waypoint), denied, "the part of a waypoint");
    attach_anonymous(&mut peer, 3);
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "tree/b", 10);
    consumer.attach_receiver(0, 1, "secret", 10);
    for (id, (to, allowed)) in
        [("tree/b", true), ("secret", false), ("$management", false), ("/tree/b", true)].into_iter().enumerate()
    {
        let id = u32::try_from(id).expect("few");
        peer.send_with(0, &transfer(3, id), &message_to(to));
        if allowed {
            let (delivery, _) = consumer.expect_transfer();
            consumer.settle(
                0,
                delivery.delivery_id.expect("an id"),
                DeliveryState::Accepted(fe2o3_amqp_types::messaging::Accepted {}),
            );
        }
        let outcome = peer.expect_outcome(id);
        match outcome {
            DeliveryState::Accepted(_) => assert!(allowed, "{to}"),
            DeliveryState::Rejected(rejected) => {
                assert!(!allowed, "{to}");
                let condition = rejected.error.map(|error| frame::condition(&error.condition));
                assert_eq!(condition, denied, "{to}");
            }
            other => panic!("{to}: {other:?}"),
        }
    }
    router.assert_healthy();
}

/// Source: the reference, `agent_connection.c` and `agent_conn_link_route.c`.
#[test]
fn who_may_use_some_addresses_alone_drops_no_others_and_takes_no_links_over() {
    let service = Server::new();
    let mut router = guarded(service.port(), PLAIN, "");
    let other = Peer::session(router.clients(), "other");
    let rows = router.stat("connections");
    let id = rows.iter().find(|row| row["container"] == "other").expect("it is shown")["identity"].clone();
    std::thread::scope(|scope| {
        scope.spawn(|| drop(service.accept_open(&claims(&[("*", &["send", "recv"])]))));
        runtime().block_on(async {
            let plain = SaslProfile::Plain { username: "eve".to_owned(), password: "hunter2".to_owned() };
            let client = Client::open_with(router.addr("guarded"), "eve", Some(plain)).await.expect("let in");
            let mut management = Management::over(client).await;
            let drop = [("operation", "UPDATE"), ("type", "connection"), ("identity", id.as_str().expect("a text"))];
            let answer = management.ask(&drop, &[("adminStatus", Value::from("deleted"))]).await;
            assert_eq!(answer.status, 403, "{answer:?}");
            let route = [("pattern", "a.#"), ("direction", "in")];
            let answer = management.create("router.connection.linkRoute", &route).await;
            assert_eq!(answer.status, 403, "{answer:?}");
            management.close().await;
        });
    });
    drop(other);
    router.assert_healthy();
}

/// What a scripted service does with a connection.
type Script = fn(&mut Peer);

fn offer(peer: &mut Peer) {
    peer.expect_header(SASL_HEADER);
    peer.send_bytes(&SASL_HEADER);
    let names = Array::from(vec![Symbol::from("PLAIN")]);
    peer.send_bytes(&frame::sasl(&SaslMechanisms { sasl_server_mechanisms: names }));
}

fn offered(peer: &mut Peer) {
    offer(peer);
    peer.expect("init", |frame| matches!(frame.performative, Performative::SaslInit(_)).then_some(()));
}

fn say_outcome(peer: &mut Peer, code: SaslCode) {
    offered(peer);
    peer.send_bytes(&frame::sasl(&SaslOutcome { code, additional_data: None }));
}

/// Says nothing until the router goes.
fn stay(peer: &mut Peer) {
    peer.drain(DEADLINE);
}

/// Says this after the outcome.
fn opens(peer: &mut Peer, bytes: &[u8]) {
    say_outcome(peer, SaslCode::Ok);
    peer.expect_header(AMQP_HEADER);
    peer.send_bytes(&[AMQP_HEADER.as_slice(), bytes].concat());
    stay(peer);
}

/// The Open of a service that names nobody.
fn nobody() -> Vec<u8> {
    frame::amqp(0, &open("sso"), &[])
}

/// Its close of a connection that it does not want.
fn refusing_close() -> Vec<u8> {
    let error = AmqpFault { condition: AmqpError::UnauthorizedAccess.into(), description: None, info: None };
    frame::amqp(0, &Close { error: Some(error) }, &[])
}

/// Says this after the outcome, and hears the router part.
fn opens_until_close(peer: &mut Peer, bytes: &[u8]) {
    say_outcome(peer, SaslCode::Ok);
    peer.expect_header(AMQP_HEADER);
    peer.send_bytes(&[AMQP_HEADER.as_slice(), bytes].concat());
    peer.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
}

fn opens_with(peer: &mut Peer, key: &str, value: Value) {
    let properties = Some(std::iter::once((Symbol::from(key), value)).collect());
    opens(peer, &frame::amqp(0, &Open { properties, ..open("sso") }, &[]));
}

fn challenge(peer: &mut Peer) -> bool {
    let said = SaslChallenge { challenge: Binary::from(b"more".to_vec()) };
    peer.try_send_bytes(&frame::sasl(&said)).is_ok()
}

const HOSTILE: [(&str, Script, SaslCode); 18] = [
    ("closes at once", |_| {}, SaslCode::SysTemp),
    ("is silent", stay, SaslCode::SysTemp),
    ("speaks HTTP", |peer| peer.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"), SaslCode::SysTemp),
    ("knows no SASL", |peer| peer.send_bytes(&AMQP_HEADER), SaslCode::SysTemp),
    (
        "is silent after its mechanisms",
        |peer| {
            offered(peer);
            stay(peer);
        },
        SaslCode::SysTemp,
    ),
    ("closes after its mechanisms", |peer| offer(peer), SaslCode::SysTemp),
    ("closes after the init", |peer| offered(peer), SaslCode::SysTemp),
    ("closes after the outcome", |peer| say_outcome(peer, SaslCode::Ok), SaslCode::SysTemp),
    ("has a fault", |peer| say_outcome(peer, SaslCode::Sys), SaslCode::SysTemp),
    ("refuses", |peer| say_outcome(peer, SaslCode::Auth), SaslCode::Auth),
    (
        "is silent after the outcome",
        |peer| {
            say_outcome(peer, SaslCode::Ok);
            stay(peer);
        },
        SaslCode::SysTemp,
    ),
    (
        "challenges without an end",
        |peer| {
            offered(peer);
            while challenge(peer) {
                if !matches!(peer.next(DEADLINE), Arrival::Frame(_)) {
                    return;
                }
            }
        },
        SaslCode::SysTemp,
    ),
    ("opens with garbage", |peer| opens(peer, &frame::frame(0, 0, b"\x00\x53\x10\xff\xff")), SaslCode::SysTemp),
    (
        "names addresses in a list",
        |peer| opens_with(peer, "address-authz", Value::List(vec![Value::String("*".to_owned())])),
        SaslCode::SysTemp,
    ),
    ("names nobody and closes at once", |peer| opens(peer, &[nobody(), refusing_close()].concat()), SaslCode::SysTemp),
    (
        "names nobody and closes when it hears our close",
        |peer| {
            opens_until_close(peer, &nobody());
            peer.send_bytes(&refusing_close());
            stay(peer);
        },
        SaslCode::SysTemp,
    ),
    ("names nobody and goes", |peer| opens_until_close(peer, &nobody()), SaslCode::SysTemp),
    (
        "names a peer and closes at once",
        |peer| opens(peer, &[frame::amqp(0, &claims(&[]), &[]), refusing_close()].concat()),
        SaslCode::SysTemp,
    ),
];

#[test]
fn a_service_that_fails_lets_nobody_in_and_holds_nobody_up() {
    for (what, script, wanted) in HOSTILE {
        let service = Server::new();
        let mut router = guarded(service.port(), PLAIN, "handshake-timeout \"2s\"");
        std::thread::scope(|scope| {
            let serving = scope.spawn(|| {
                let mut peer = service.accept();
                script(&mut peer);
            });
            let mut peer = Peer::dial(router.addr("guarded"));
            let since = Instant::now();
            let other = scope.spawn(|| {
                let since = Instant::now();
                Peer::session(router.clients(), "other").close();
                since.elapsed()
            });
            assert_eq!(log_in(&mut peer), wanted, "{what}");
            assert!(since.elapsed() < Duration::from_secs(2), "{what}: after {:?}", since.elapsed());
            let other = other.join().expect("another peer");
            assert!(other < Duration::from_secs(1), "{what}: another peer waited {other:?}");
            assert!(peer.drain(DEADLINE), "{what}: still connected");
            drop(peer);
            serving.join().expect("the service");
        });
        if wanted == SaslCode::SysTemp {
            router.wait_log(0, DEADLINE, &["WARN", "no answer of the auth service", "auth_service=\"sso\"", "error="]);
        }
        let log = log(&mut router);
        let said = log.matches("no answer of the auth service").count();
        assert_eq!(said, usize::from(wanted == SaslCode::SysTemp), "{what}:\n{log}");
        assert!(!log.contains("hunter2"), "{what}: a password stands in the log");
        assert!(router.stat("connections").iter().all(|row| row["user"] != "eve"), "{what}");
        router.assert_healthy();
    }
}

#[test]
fn a_service_that_names_nobody_and_parts_in_peace_lets_in() {
    let service = Server::new();
    let mut router = guarded(service.port(), PLAIN, "");
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = service.accept();
            opens_until_close(&mut peer, &nobody());
            peer.send(0, &Close { error: None });
        });
        let mut peer = Peer::dial(router.addr("guarded"));
        assert_eq!(log_in(&mut peer), SaslCode::Ok);
    });
    router.assert_healthy();
}

#[test]
fn peers_that_wait_for_the_service_hold_up_no_other() {
    let service = Server::new();
    let mut router = guarded(service.port(), PLAIN, "");
    // on every worker, and more than may shake hands at once
    let waiting: Vec<(Peer, Peer)> = std::iter::repeat_with(|| {
        let mut peer = Peer::dial(router.addr("guarded"));
        peer.send_bytes(&SASL_HEADER);
        (peer, service.accept())
    })
    .take(20)
    .collect();
    let since = Instant::now();
    let (mut peer, _) = let_in(&router, &service, &claims(&[("*", &["send", "recv"])]));
    assert_eq!(refusal(&mut peer, &receiver(0, "anything")), None);
    assert!(since.elapsed() < Duration::from_secs(5), "after {:?}", since.elapsed());
    drop(waiting);
    peer.close();
    router.assert_healthy();
}

#[test]
fn a_service_that_is_down_is_named_with_its_place() {
    let service = Server::new();
    let port = service.port();
    drop(service);
    let router = guarded(port, PLAIN, "");
    let mut peer = Peer::dial(router.addr("guarded"));
    assert_eq!(log_in(&mut peer), SaslCode::SysTemp);
    let (line, _) = router.wait_log(0, DEADLINE, &["WARN", "no answer of the auth service", "auth_service=\"sso\""]);
    assert!(line.contains(&format!("endpoint=\"localhost:{port}\"")) && line.contains("refused"), "{line}");
}

#[test]
fn a_reload_closes_whom_another_service_let_in() {
    let (_dir, _service, addr) = cyrus_with("--mechanisms PLAIN --identity alice");
    let mut router = guarded(addr.port(), PLAIN, "");
    let args = "--address a --keep --user alice --password wonder-land --mechanisms PLAIN";
    let mut client = Proton::start("receive", router.addr("guarded"), args);
    client.event("attached");
    edit(&router, &plain_kdl(&kdl(1, PLAIN, "")));
    let applied = reload(router.clients(), &[]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    let event = client.event("closed");
    assert_eq!(event["condition"], "amqp:connection:forced", "{event}");
    let event = dial(router.addr("guarded"), "alice", "wonder-land", "--mechanisms PLAIN");
    assert_eq!(event["event"], "transport-error", "{event}");
    router.assert_healthy();
}

#[test]
fn management_creates_a_service_and_a_listener_that_names_it() {
    let (_dir, _service, addr) = cyrus_with("--mechanisms PLAIN --identity alice");
    let mut router = Router::start(&plain_kdl(""));
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        let port = addr.port().to_string();
        let plugin = [("name", "sso"), ("host", "127.0.0.1"), ("port", port.as_str()), ("realm", "r")];
        let made = management.create("authServicePlugin", &plugin).await;
        assert_eq!(
            (made.status, made.text("host"), made.text("realm")),
            (201, "127.0.0.1".into(), "r".into()),
            "{made:?}"
        );
        let again = management.create("authServicePlugin", &plugin).await;
        assert_eq!(again.status, 400, "{again:?}");
        let listener = [
            ("name", "made"),
            ("host", "127.0.0.1"),
            ("port", "0"),
            ("saslPlugin", "sso"),
            ("saslMechanisms", "PLAIN"),
        ];
        let wrong = [("name", "wrong"), ("port", "0"), ("saslPlugin", "nobody")];
        let refused = management.create("listener", &wrong).await;
        assert!(refused.status == 400 && refused.description.contains("`nobody`"), "{refused:?}");
        let made = management.create("listener", &listener).await;
        assert_eq!(
            (made.status, made.text("saslPlugin"), made.text("saslMechanisms")),
            (201, "sso".into(), "PLAIN".into()),
            "{made:?}"
        );
        assert_eq!(management.named("DELETE", "authServicePlugin", "sso").await.status, 204);
        assert_eq!(management.named("DELETE", "authServicePlugin", "sso").await.status, 404);
        management.close().await;
    });
    // who has it keeps it
    let event = dial(router.addr("made"), "alice", "wonder-land", "--mechanisms PLAIN");
    assert_eq!(event["event"], "attached", "{event}");
    let event = dial(router.addr("made"), "alice", "wrong", "--mechanisms PLAIN");
    assert_eq!(event["condition"], "amqp:unauthorized-access", "{event}");
    router.assert_healthy();
}
