//! Peers of a connector that say nothing, too little or the wrong thing: the router gives them up and goes on to the next.

use std::net::TcpStream;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::frame::{self, AMQP_HEADER, SASL_HEADER};
use crosstie_tests::management::Management;
use crosstie_tests::names::give_names;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::open;
use crosstie_tests::place::{TestDir, free_port};
use crosstie_tests::proton::Proton;
use crosstie_tests::proxy::Proxy;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::primitives::{Array, Symbol};
use fe2o3_amqp_types::sasl::{SaslCode, SaslMechanisms, SaslOutcome};

use crate::tls::{Place, listener};

/// A connector to two endpoints that gives each a second.
fn hasty(first: &Server, second: &Server) -> Router {
    Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    endpoint \"amqp://127.0.0.1:{}\" priority=0\n    \
         endpoint \"amqp://127.0.0.1:{}\" priority=1\n    handshake-timeout \"1s\"\n}}\n",
        first.port(),
        second.port()
    )))
}

/// The second takes over within the time of one attempt.
fn assert_goes_on(router: &Router, second: &Server, why: &str) {
    let since = Instant::now();
    let (_peer, theirs) = second.accept_open(&open("second"));
    assert_eq!(theirs.container_id, "hub");
    assert!(since.elapsed() < Duration::from_secs(5), "the next was tried after {:?}", since.elapsed());
    router.wait_log(0, DEADLINE, &["cannot connect", "broker", why]);
    router.wait_log(0, DEADLINE, &["connected", "broker", &second.port().to_string()]);
}

#[test]
fn a_peer_that_accepts_and_never_speaks() {
    let (first, second) = (Server::new(), Server::new());
    let router = hasty(&first, &second);
    let _silent = first.accept();
    assert_goes_on(&router, &second, "handshake timeout");
}

#[test]
fn a_peer_that_the_system_accepts_and_nobody_takes() {
    let (first, second) = (Server::new(), Server::new());
    let router = hasty(&first, &second);
    assert_goes_on(&router, &second, "handshake timeout");
}

/// Answers the header of the SASL layer with these mechanisms.
fn offer(server: &Server, mechanisms: &[&str]) -> Peer {
    let mut peer = server.accept();
    peer.expect_header(SASL_HEADER);
    peer.send_bytes(&SASL_HEADER);
    let mechanisms: Vec<Symbol> = mechanisms.iter().map(|mechanism| Symbol::from(*mechanism)).collect();
    peer.send_bytes(&frame::sasl(&SaslMechanisms { sasl_server_mechanisms: Array::from(mechanisms) }));
    peer
}

#[test]
fn a_peer_that_never_opens() {
    let (first, second) = (Server::new(), Server::new());
    let router = hasty(&first, &second);
    let mut peer = offer(&first, &["ANONYMOUS"]);
    assert!(matches!(peer.next(DEADLINE), Arrival::Frame(_)), "a sasl-init");
    peer.send_bytes(&frame::sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: None }));
    peer.expect_header(AMQP_HEADER);
    peer.send_bytes(&AMQP_HEADER);
    assert_goes_on(&router, &second, "no open within the handshake timeout");
}

#[test]
fn a_peer_whose_mechanisms_are_others() {
    let (first, second) = (Server::new(), Server::new());
    let router = hasty(&first, &second);
    let mut peer = offer(&first, &["GSSAPI", "OAUTHBEARER"]);
    let since = Instant::now();
    assert_goes_on(&router, &second, "the peer does not offer ANONYMOUS");
    assert!(since.elapsed() < Duration::from_secs(1), "the next was served after {:?}", since.elapsed());
    assert!(peer.drain(DEADLINE), "the router stays");
}

#[test]
fn a_broker_behind_a_dead_line_is_given_up_and_found_again() {
    let broker = Artemis::start();
    let proxy = Proxy::start(broker.addr());
    let mut router = Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{}\"\n    idle-timeout \"2s\"\n}}\n\
         address {{\n    prefix \"q\"\n    waypoint\n}}\nauto-link \"out\" {{\n    address \"q\"\n    direction \"out\"\n    \
         connection \"broker\"\n    external-address \"{}\"\n}}\n",
        proxy.addr(),
        broker.queue("Q.LINE")
    )));
    let mut sender = Proton::start("send", router.clients(), "--address q --count 1000000 --window 5 --durable");
    for _ in 0..100 {
        assert_eq!(sender.event("outcome")["state"], "accepted");
    }
    let mark = router.log_mark();
    proxy.silence();
    let (line, _) = router.wait_log(mark, DEADLINE, &["connection lost", "broker"]);
    assert!(line.contains("idle timeout"), "{line}");
    sender.skip();
    // what was on its way has an outcome, and the rest flows over a new connection
    let mut lost = 0;
    loop {
        let outcome = sender.event("outcome");
        match outcome["state"].as_str().expect("a state") {
            "accepted" if router.log_mark() > mark => break,
            "accepted" => {}
            "modified" | "released" => lost += 1,
            other => panic!("{other}: {outcome}"),
        }
        assert!(lost <= 5, "{lost} of a window of 5 were lost");
    }
    router.wait_log(mark, DEADLINE, &["connected", "broker"]);
    router.assert_healthy();
}

#[test]
fn names_that_never_resolve_delay_nothing_else() {
    let server = Server::new();
    let mut more = String::new();
    for number in 0..20 {
        more.push_str(&format!(
            "connector \"silent-{number}\" {{\n    endpoint \"amqp://broker-{number}.silent.test\"\n    \
             handshake-timeout \"1s\"\n    failover {{\n        backoff base=\"100ms\" cap=\"200ms\" jitter=0.0\n    }}\n}}\n"
        ));
    }
    more.push_str(&format!("connector \"sound\" {{\n    endpoint \"amqp://localhost:{}\"\n}}\n", server.port()));
    let dir = TestDir::new("router");
    let mut router = Router::start_changed(dir, &plain_kdl(&more), give_names);
    let since = Instant::now();
    let (peer, _) = server.accept_open(&open("sound"));
    assert!(since.elapsed() < Duration::from_secs(5), "the sound one was dialled after {:?}", since.elapsed());
    let mut mark = 0;
    for _ in 0..3 {
        mark = router.wait_log(mark, DEADLINE, &["cannot connect", "silent-19", "no answer within 1 s"]).1;
        // lost, and dialled by its name again
        let mut receiver = Peer::session(router.clients(), "receiver");
        receiver.attach_receiver(0, 0, "a", 1);
        let mut sender = Peer::session(router.clients(), "sender");
        sender.attach_sender(0, 0, "a");
        sender.expect_credit();
        sender.send_message(0, 0, 0, b"one");
        receiver.expect_transfer();
    }
    drop(peer);
    let since = Instant::now();
    drop(server.accept_open(&open("sound")));
    assert!(since.elapsed() < Duration::from_secs(5), "the lost one was dialled after {:?}", since.elapsed());
    router.assert_healthy();
    // one look-up for each name, however often it is asked for
    let threads = router.thread_names();
    let looking = threads.iter().filter(|name| *name == "resolver").count();
    // and one for that of the one that was just dialled
    assert!(looking <= 21 && threads.len() < 40, "{looking} look-ups: {threads:?}");
    let since = Instant::now();
    assert!(router.terminate().success());
    assert!(since.elapsed() < Duration::from_secs(10), "it took {:?} to end", since.elapsed());
}

/// A server that ends with its test.
struct Shakes(Child);

impl Drop for Shakes {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Before the handshake of TLS, and after it.
#[test]
fn a_tls_peer_that_never_speaks_is_given_up_before_its_handshake_and_after_it() {
    let place = Place::new();
    let secure = Router::start(&plain_kdl(&[place.tls("t", ""), listener("secure", "tls \"t\"")].concat()));
    let (mute, port) = (Server::new(), free_port());
    let mut command = std::process::Command::new("openssl");
    command.args(["s_server", "-quiet", "-accept", &format!("127.0.0.1:{port}"), "-cert", &place.path("server.pem")]);
    command.args(["-key", &place.path("server.key")]).stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null());
    // it speaks when it is spoken to by its input, which stays open
    let shakes = Shakes(command.spawn().expect("openssl runs"));
    let end = Instant::now() + DEADLINE;
    while TcpStream::connect(("127.0.0.1", port)).is_err() {
        assert!(Instant::now() < end, "openssl does not listen");
    }
    let connector = |name: &str, first: u16| {
        let second = secure.addr("secure");
        format!(
            "connector \"{name}\" {{\n    tls \"t\"\n    handshake-timeout \"1s\"\n    endpoint \"amqps://127.0.0.1:{first}\" priority=0\n    \
             endpoint \"amqps://{second}\" priority=1\n    failover {{\n        backoff base=\"100ms\" cap=\"200ms\"\n    }}\n}}\n"
        )
    };
    let kdl = [place.tls("t", ""), connector("before", mute.port()), connector("after", port)].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    for name in ["before", "after"] {
        router.wait_log(0, DEADLINE, &["cannot connect", name, "handshake timeout"]);
        router.wait_log(0, DEADLINE, &["connected", name, &secure.addr("secure").port().to_string()]);
    }
    drop(shakes);
    router.assert_healthy();
}

#[test]
fn a_connector_that_waits_for_its_peer_is_connecting() {
    let server = Server::new();
    let connector = format!("connector \"up\" {{\n    endpoint \"amqp://127.0.0.1:{}\"\n}}\n", server.port());
    let mut router = Router::start(&plain_kdl(&connector));
    let mut peer = server.accept();
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let mut status = |wanted: &str| {
        runtime.block_on(management.wait("connector", "up", |answer| answer.text("connectionStatus") == wanted));
    };
    status("CONNECTING");
    peer.serve_open(&open("up"));
    status("SUCCESS");
    router.assert_healthy();
}
