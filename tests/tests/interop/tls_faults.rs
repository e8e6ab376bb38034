//! What goes wrong in TLS: each ends with a line in the log that says why, and harms no other connection.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::frame::AMQP_HEADER;
use crosstie_tests::peer::Peer;
use crosstie_tests::place::free_port;
use crosstie_tests::process::Process;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, check, plain_kdl};
use fe2o3_amqp_types::messaging::Accepted;

use crate::tls::{HOSTS, Place, comes_in, listener};

/// A connection that has to be whole at the end: a receiver by TLS.
struct Bystander(Proton);

impl Bystander {
    fn new(place: &Place, addr: SocketAddr) -> Self {
        let mut receiver =
            Proton::start("receive", addr, &format!("--address by --count 1 {}", place.trusting("ca.pem")));
        receiver.event("attached");
        Self(receiver)
    }

    fn assert_well(mut self, place: &Place, addr: SocketAddr) {
        let mut sender = Proton::start("send", addr, &format!("--address by {}", place.trusting("ca.pem")));
        assert_eq!(sender.event("outcome")["state"], "accepted");
        self.0.finish();
    }
}

/// What `openssl s_client` says to a listener, with this typed into it.
fn s_client(addr: SocketAddr, options: &str, typed: &str) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &addr.to_string()]).args(options.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut client = command.spawn().expect("openssl runs");
    let mut input = client.stdin.take().expect("a pipe");
    std::thread::sleep(Duration::from_secs(1));
    // it may have ended by then
    let _ = input.write_all(typed.as_bytes());
    std::thread::sleep(Duration::from_secs(1));
    drop(input);
    let output = client.wait_with_output().expect("openssl ends");
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn s14_peers_that_speak_otherwise_are_told_apart_in_the_log() {
    let place = Place::new();
    let kdl = [place.tls("t", ""), listener("secure", "tls \"t\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    let (secure, plain) = (router.addr("secure"), router.clients());
    let bystander = Bystander::new(&place, secure);
    // an old version
    let mark = router.log_mark();
    let said = s_client(secure, "-tls1_1 -cipher ALL:@SECLEVEL=0", "");
    assert!(said.contains("alert"), "{said}");
    router.wait_log(mark, DEADLINE, &["TLS failed", "secure", "it needs TLS 1.2 or 1.3"]);
    // one that wants another handshake, where TLS 1.2 has that
    let mark = router.log_mark();
    let said = s_client(secure, "-tls1_2", "R\n");
    assert!(said.contains("RENEGOTIATING") && said.contains("no renegotiation"), "{said}");
    router.wait_log(mark, DEADLINE, &["TLS failed", "secure", "the peer ended TLS: after the handshake"]);
    // plain bytes
    let mark = router.log_mark();
    let mut socket = TcpStream::connect(secure).expect("connected");
    socket.write_all(&AMQP_HEADER).expect("written");
    assert!(socket.set_read_timeout(Some(DEADLINE)).is_ok());
    let mut alert = Vec::new();
    socket.read_to_end(&mut alert).expect("an end");
    assert_eq!(alert.first(), Some(&0x15), "{alert:x?}");
    router.wait_log(mark, DEADLINE, &["TLS failed", "secure", "the peer does not speak TLS"]);
    // TLS where there is none
    let mark = router.log_mark();
    assert!(!comes_in(plain, &place.trusting("ca.pem")));
    router.wait_log(mark, DEADLINE, &["closed", "clients", "the peer speaks TLS"]);
    bystander.assert_well(&place, secure);
    router.assert_healthy();
}

/// A router whose connector `up` dials `addr` by TLS, or plainly; and what it says of that in the end.
fn dial_fails(place: &Place, url: &str, ca: &str, why: &str) {
    let tls = format!("tls \"mine\" {{\n    ca \"{}\"\n}}\n", place.path(ca));
    let named = if url.starts_with("amqps") { "tls \"mine\"\n    " } else { "" };
    let connector = format!(
        "connector \"up\" {{\n    endpoint \"{url}\"\n    {named}failover {{\n        backoff base=\"100ms\" cap=\"200ms\"\n    }}\n}}\n"
    );
    let secure = [place.tls("t", ""), listener("secure", "tls \"t\"")].concat();
    let mut router = Router::start(&plain_kdl(&[tls, connector, secure].concat()));
    let addr = router.addr("secure");
    let bystander = Bystander::new(place, addr);
    router.wait_log(0, DEADLINE, &["cannot connect", "up", why]);
    bystander.assert_well(place, addr);
    router.assert_healthy();
}

#[test]
fn s14_a_connector_says_what_is_wrong_with_the_certificate_that_it_is_shown() {
    let place = Place::new();
    let other = Authority::new("somebody else");
    let _ = other.write(&place.dir, "other");
    let names = &[("CN", "localhost")];
    let issue = |name: &str, hosts: &[&str], expired: bool| {
        let _ = place.ca.issue(&place.dir, name, &Subject { names, hosts, expired });
    };
    issue("expired", HOSTS, true);
    issue("elsewhere", &["elsewhere.example.com"], false);
    issue("nameless", &[], false);
    for (certificate, ca, why) in [
        ("expired", "ca.pem", "the certificate has expired"),
        ("elsewhere", "ca.pem", "the certificate is for"),
        ("nameless", "ca.pem", "it needs a subject alternative name"),
        ("server", "other.pem", "signed by nobody that `ca` names"),
    ] {
        let server = place.tls("t", "").replace("server.", &format!("{certificate}."));
        let server = Router::start(&plain_kdl(&[server, listener("secure", "tls \"t\"")].concat()));
        dial_fails(&place, &format!("amqps://{}", server.addr("secure")), ca, why);
        server.wait_log(0, DEADLINE, &["TLS failed", "secure", "the peer ended TLS: it"]);
    }
}

#[test]
fn s14_a_connector_says_that_a_peer_is_silent_or_has_no_name() {
    let place = Place::new();
    let silent = TcpListener::bind("127.0.0.1:0").and_then(|socket| Ok((socket.local_addr()?.port(), socket)));
    let (port, _silent) = silent.expect("a socket");
    let endpoint = |url: &str| {
        format!(
            "tls \"mine\" {{\n    ca \"{}\"\n}}\nconnector \"up\" {{\n    endpoint \"{url}\"\n    tls \"mine\"\n    handshake-timeout \"1s\"\n}}\n",
            place.path("ca.pem")
        )
    };
    for (url, why) in [
        (format!("amqps://127.0.0.1:{port}"), "no end of the TLS handshake within the handshake timeout"),
        (format!("amqps://127.1:{port}"), "no certificate can be for"),
    ] {
        let mut router = Router::start(&plain_kdl(&endpoint(&url)));
        router.wait_log(0, DEADLINE, &["cannot connect", "up", why]);
        router.assert_healthy();
    }
}

#[test]
fn s14_a_connector_says_what_a_peer_speaks_that_does_not_speak_as_it_does() {
    let place = Place::new();
    let secure = Router::start(&plain_kdl(&[place.tls("t", ""), listener("secure", "tls \"t\"")].concat()));
    dial_fails(&place, &format!("amqp://{}", secure.addr("secure")), "ca.pem", "the peer speaks TLS");
    dial_fails(&place, &format!("amqps://{}", secure.clients()), "ca.pem", "the peer does not speak TLS");
    // a server of old
    let port = free_port();
    let mut command = Command::new("openssl");
    command.args(["s_server", "-accept", &format!("127.0.0.1:{port}"), "-tls1_1", "-cipher", "ALL:@SECLEVEL=0"]);
    command.args(["-cert", &place.path("server.pem"), "-key", &place.path("server.key")]);
    let _server = Process::start("openssl s_server", command.arg("-quiet"));
    dial_fails(&place, &format!("amqps://127.0.0.1:{port}"), "ca.pem", "it wants another version of TLS");
}

#[test]
fn s14_a_peer_that_trickles_its_handshake_holds_up_nobody() {
    let place = Place::new();
    let kdl = [place.tls("t", ""), listener("secure", "tls \"t\"\n    handshake-timeout \"5s\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    let addr = router.addr("secure");
    let bystander = Bystander::new(&place, addr);
    // the records of a real client, one byte at a time
    let records = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let at = records.local_addr().expect("an address");
    let hello = std::thread::scope(|scope| {
        scope.spawn(|| s_client(at, "-tls1_3", ""));
        let (mut socket, _) = records.accept().expect("a client");
        let mut hello = vec![0; 8192];
        let count = socket.read(&mut hello).expect("a hello");
        hello.truncate(count);
        hello
    });
    let trickle = |pause: Duration, bytes: &[u8]| {
        let mut socket = TcpStream::connect(addr).expect("connected");
        assert!(socket.set_nodelay(true).is_ok());
        for byte in bytes {
            if socket.write_all(&[*byte]).is_err() {
                break;
            }
            std::thread::sleep(pause);
        }
        assert!(socket.set_read_timeout(Some(DEADLINE)).is_ok());
        let mut first = [0];
        // what is left behind of a socket that was ended may be a reset
        socket.read(&mut first).map_or(0, |count| if count == 0 { 0 } else { first[0] })
    };
    // in time it is a handshake like any other
    assert_eq!(trickle(Duration::ZERO, &hello), 0x16);
    // and others come in meanwhile
    let mark = router.log_mark();
    std::thread::scope(|scope| {
        let slow = scope.spawn(|| trickle(Duration::from_millis(50), &hello));
        assert!(comes_in(addr, &place.trusting("ca.pem")));
        assert_ne!(slow.join().expect("it ends"), 0x16);
    });
    router.wait_log(mark, DEADLINE, &["secure", "handshake timeout"]);
    bystander.assert_well(&place, addr);
    router.assert_healthy();
}

#[test]
fn s14_certificates_that_end_or_are_for_no_host_are_warned_of() {
    let place = Place::new();
    let _ = place.ca.issue(&place.dir, "server", &Subject { names: &[("CN", "hub")], hosts: &[], expired: true });
    let kdl = [place.tls("t", ""), listener("secure", "tls \"t\"")].concat();
    let checked = check(&place.dir, &kdl);
    let mut router = Router::start(&plain_kdl(&kdl));
    for part in ["the certificate of `CN=hub` has expired", "it has no subject alternative name"] {
        assert!(checked.stderr.contains(part), "{part}: {}", checked.stderr);
        router.wait_log(0, DEADLINE, &["WARN", part]);
    }
    router.wait_log(0, DEADLINE, &["WARN", "the certificate of this router has expired", "server.pem"]);
    router.assert_healthy();
}

/// What a TLS client says first.
fn client_hello() -> Vec<u8> {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let addr = listener.local_addr().expect("an address").to_string();
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &addr]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut client = command.spawn().expect("openssl runs");
    let (mut socket, _) = listener.accept().expect("a client");
    let mut record = vec![0; 5];
    socket.read_exact(&mut record).expect("a head");
    let length = usize::from(record[3]) << 8 | usize::from(record[4]);
    record.resize(5 + length, 0);
    socket.read_exact(&mut record[5..]).expect("a body");
    drop(socket);
    client.wait().expect("openssl ends");
    record
}

/// A burst of clients, each of whom costs a signature: those that are there have their turn between them.
#[test]
fn s14_many_handshakes_at_once_hold_nobody_up() {
    const CLIENTS: usize = 500;
    const HELD_UP_MAX: Duration = Duration::from_millis(250);
    let place = Place::new();
    let kdl = [place.tls("t", ""), listener("secure", "tls \"t\"")].concat();
    // all of them on one
    let mut router = Router::start(&plain_kdl(&kdl).replace("workers 2", "workers 1"));
    let hello = client_hello();
    let mut peer = Peer::session(router.clients(), "measures");
    peer.attach_receiver(0, 0, "here", 1000);
    peer.attach_sender(0, 1, "here");
    peer.expect_credit();
    let mut clients: Vec<_> =
        (0..CLIENTS).map(|_| TcpStream::connect(router.addr("secure")).expect("connected")).collect();
    for client in &mut clients {
        client.write_all(&hello).expect("said");
    }
    let (burst, mut longest, mut id) = (Instant::now(), Duration::ZERO, 0);
    let last = clients.last_mut().expect("a client");
    last.set_nonblocking(true).expect("set");
    // until the last of them has its answer
    while last.peek(&mut [0]).is_err() {
        assert!(burst.elapsed() < DEADLINE, "the last client has no answer");
        let sent = Instant::now();
        peer.send_message(0, 1, id, b"now");
        let (transfer, _) = peer.expect_transfer();
        peer.settle(0, transfer.delivery_id.expect("an id"), Accepted {}.into());
        peer.expect_outcome(id);
        longest = longest.max(sent.elapsed());
        id += 1;
    }
    let all = burst.elapsed();
    assert!(id > 1 && longest < HELD_UP_MAX, "{CLIENTS} handshakes in {all:?}: {id} messages, {longest:?} at most");
    router.assert_healthy();
}

#[test]
fn s14_peers_that_are_refused_and_stay_hold_nobody_up() {
    let place = Place::new();
    let kdl = [place.tls("t", ""), listener("secure", "tls \"t\"")].concat();
    let mut router = Router::start(&plain_kdl(&kdl).replace("workers 2", "workers 1"));
    let refused: Vec<_> = (0..40)
        .map(|_| {
            let mut socket = TcpStream::connect(router.addr("secure")).expect("connected");
            socket.write_all(&AMQP_HEADER).expect("written");
            socket
        })
        .collect();
    let begun = Instant::now();
    let mut client = TcpStream::connect(router.addr("secure")).expect("connected");
    client.write_all(&client_hello()).expect("said");
    assert!(client.set_read_timeout(Some(DEADLINE)).is_ok());
    assert!(client.read(&mut [0; 64]).expect("an answer") > 0);
    // each of them is given two seconds to hear why, four at a time
    assert!(begun.elapsed() < Duration::from_millis(1500), "a handshake waited {:?}", begun.elapsed());
    drop(refused);
    router.assert_healthy();
}
