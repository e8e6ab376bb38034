//! How soon a connector notices that its peer is gone, and dials again.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::{Duration, Instant};

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::frame::{Frame, Performative};
use crosstie_tests::peer::Arrival;
use crosstie_tests::performative::open;
use crosstie_tests::place::TestDir;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;

use crate::failover::connector;

const CONNECTORS: usize = 25;
const ROUNDS: usize = 4;
const MEDIAN_MAX: Duration = Duration::from_millis(10);

/// Where a connector dials, and what it is passed on to.
struct Line {
    socket: TcpListener,
    peer: SocketAddr,
    ends: Option<(TcpStream, TcpStream)>,
}

impl Line {
    fn new(peer: SocketAddr) -> Self {
        Self { socket: TcpListener::bind(("127.0.0.1", 0)).expect("a free port"), peer, ends: None }
    }

    /// Takes the connector's next attempt and lets it through; gives the moment at which it came.
    fn accept(&mut self) -> Instant {
        let (from, _) = self.socket.accept().expect("an attempt");
        let came = Instant::now();
        let to = TcpStream::connect(self.peer).expect("the peer listens");
        for (mut from, mut to) in [(&from, &to), (&to, &from)].map(|(one, other)| (clone(one), clone(other))) {
            std::thread::spawn(move || {
                let mut block = [0; 16384];
                while let Ok(count) = from.read(&mut block) {
                    if count == 0 || to.write_all(&block[..count]).is_err() {
                        return;
                    }
                }
            });
        }
        self.ends = Some((from, to));
        came
    }

    /// Ends the sockets, and waits for the next attempt; gives the time between.
    fn lose(&mut self) -> Duration {
        let (from, to) = self.ends.take().expect("a connection");
        let lost = Instant::now();
        for end in [from, to] {
            let _ = end.shutdown(Shutdown::Both);
        }
        self.accept() - lost
    }
}

fn clone(stream: &TcpStream) -> TcpStream {
    stream.try_clone().expect("a socket")
}

/// The median of a hundred losses, each of a connection that had worked for a second.
fn median(peer: SocketAddr, scheme: &str, (tls, name): (&str, &str)) -> Duration {
    let mut lines: Vec<Line> = (0..CONNECTORS).map(|_| Line::new(peer)).collect();
    let mut kdl = tls.to_owned();
    for (number, line) in lines.iter().enumerate() {
        let port = line.socket.local_addr().expect("bound").port();
        kdl.push_str(&format!(
            "connector \"c{number}\" {{\n    endpoint \"{scheme}://127.0.0.1:{port}\"\n    {name}\n}}\n"
        ));
    }
    let router = Router::start(&plain_kdl(&kdl));
    lines.iter_mut().for_each(|line| {
        let _ = line.accept();
    });
    let mut taken = Vec::new();
    for _ in 0..ROUNDS {
        let end = Instant::now() + DEADLINE;
        while !router.stat("connectors").iter().all(|row| row["connectionStatus"] == "SUCCESS") {
            assert!(Instant::now() < end, "not all are connected: {:?}", router.stat("connectors"));
        }
        // what ends sooner does not count as a connection that worked
        std::thread::sleep(Duration::from_millis(1050));
        taken.extend(lines.iter_mut().map(Line::lose));
    }
    taken.sort();
    let median = taken[taken.len() / 2];
    eprintln!("{} losses over {scheme}: median {median:?}, longest {:?}", taken.len(), taken[taken.len() - 1]);
    median
}

#[test]
fn a_lost_peer_is_dialled_again_within_ten_milliseconds() {
    let peer = Router::plain();
    assert!(median(peer.clients(), "amqp", ("", "")) <= MEDIAN_MAX);
}

#[test]
fn a_lost_peer_is_dialled_again_within_ten_milliseconds_by_tls() {
    let dir = TestDir::new("lost-peer");
    let ca = Authority::new("tests");
    let _ = ca.write(&dir, "ca");
    let _ = ca.issue(&dir, "server", &Subject { names: &[("CN", "s")], hosts: &["127.0.0.1"], expired: false });
    let path = |name: &str| dir.path().join(name).display().to_string();
    let server = format!(
        "tls \"s\" {{\n    certificate \"{}\"\n    private-key \"{}\"\n}}\nlistener \"tls\" {{\n    host \"127.0.0.1\"\n    port 0\n    tls \"s\"\n}}\n",
        path("server.pem"),
        path("server.key")
    );
    let peer = Router::start(&plain_kdl(&server));
    let tls = format!("tls \"mine\" {{\n    ca \"{}\"\n}}\n", path("ca.pem"));
    assert!(median(peer.addr("tls"), "amqps", (&tls, "tls \"mine\"")) <= MEDIAN_MAX);
}

/// The peer closes and leaves its socket open: nothing is waited for.
#[test]
fn a_peer_that_closes_and_keeps_its_socket_delays_nothing() {
    let (first, second) = (Server::new(), Server::new());
    let router = Router::start(&connector(&[(first.port(), 0), (second.port(), 1)], ""));
    let (mut peer, _) = first.accept_open(&open("first"));
    router.wait_log(0, DEADLINE, &["connected", "my-broker"]);
    peer.close();
    let closed = Instant::now();
    let again = first.accept();
    assert!(closed.elapsed() < Duration::from_millis(500), "the next attempt came after {:?}", closed.elapsed());
    drop((peer, again));
}

/// A handshake fails, and the peer leaves its socket open: the next candidate is dialled at once.
#[test]
fn a_failed_handshake_delays_nothing() {
    let (first, second) = (Server::new(), Server::new());
    let router = Router::start(&connector(&[(first.port(), 0), (second.port(), 1)], ""));
    let mut peer = first.accept();
    assert!(matches!(peer.next(DEADLINE), Arrival::Header(_)));
    peer.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n");
    let failed = Instant::now();
    let (_second, _) = second.accept_open(&open("second"));
    assert!(failed.elapsed() < Duration::from_millis(500), "the next attempt came after {:?}", failed.elapsed());
    router.wait_log(0, DEADLINE, &["cannot connect", &first.port().to_string()]);
    // and the first still gets what is left to say
    while let Arrival::Frame(Frame { performative, .. }) = peer.next(DEADLINE) {
        assert!(!matches!(performative, Performative::Open(_)), "an Open after a header that is none");
    }
}
