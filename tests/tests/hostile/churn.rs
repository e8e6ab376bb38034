//! Connections that come and go: neither memory nor descriptors stay behind.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crosstie_tests::certificates::{Authority, Subject};
use crosstie_tests::frame::{self, AMQP_HEADER};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::place::TestDir;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::performatives::Close;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Of each of the threads.
const THREADS: u32 = 4;
/// What allocators keep, and what a busy moment needs.
const GROWTH_MAX_BYTES: u64 = 4 << 20;

/// Each second connection attaches and closes in order, the others just go, some before they have opened.
fn cycles(router: &Router, count: u32) {
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                for number in 0..count / THREADS {
                    match number % 4 {
                        0 => drop(Peer::dial(router.clients())),
                        1 => drop(Peer::session(router.clients(), "goes")),
                        _ => {
                            let mut peer = Peer::session(router.clients(), "closes");
                            peer.attach_sender(0, 0, "churn");
                            peer.attach_receiver(0, 1, &format!("churn-{}", number % 100), 1);
                            peer.close();
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn connections_that_come_and_go_leave_nothing_behind() {
    let long = std::env::var_os("CROSSTIE_LONG").is_some();
    let count = if long { 10_000 } else { 2_000 };
    leave_nothing(Router::plain(), count, cycles);
}

/// Half of the count first, for what is made once and what lies in the allocators, and then the count.
fn leave_nothing(mut router: Router, count: u32, cycles: impl Fn(&Router, u32)) {
    cycles(&router, count / 2);
    await_alone(&router);
    let files = router.open_files().len();
    let memory = router.resident_memory_bytes();
    cycles(&router, count);
    await_alone(&router);
    let now = router.open_files();
    // the connection of whoever asked may be there still
    assert!(now.len() <= files + 1, "{files} files were open before, and now {now:?}");
    let grown = router.resident_memory_bytes().saturating_sub(memory);
    assert!(grown < GROWTH_MAX_BYTES, "{count} connections left {grown} bytes");
    router.assert_healthy();
}

/// By TLS: some go in the middle of the handshake, some after it, the others close in order; sessions are resumed where the router lets them.
fn secure_cycle(addr: SocketAddr, config: &Arc<ClientConfig>, number: u32) {
    let mut socket = TcpStream::connect(addr).expect("connected");
    let name = ServerName::try_from("localhost").expect("a name");
    let mut connection = ClientConnection::new(config.clone(), name).expect("a client");
    match number % 4 {
        0 => {
            connection.write_tls(&mut socket).expect("a hello is written");
        }
        1 => {
            connection.complete_io(&mut socket).expect("a handshake");
        }
        _ => {
            let mut stream = rustls::Stream::new(&mut connection, &mut socket);
            let opened = frame::amqp(0, &open("closes"), &[]);
            let closed = frame::amqp(0, &Close { error: None }, &[]);
            stream.write_all(&[&AMQP_HEADER[..], &opened, &closed].concat()).expect("written");
            let mut said = Vec::new();
            stream.read_to_end(&mut said).expect("an end that is said");
            assert!(said.starts_with(&AMQP_HEADER), "{said:x?}");
        }
    }
}

#[test]
fn tls_connections_that_come_and_go_leave_nothing_behind() {
    let count = if std::env::var_os("CROSSTIE_LONG").is_some() { 10_000 } else { 400 };
    let (dir, authority) = (TestDir::new("churn"), Authority::new("churn"));
    let server = authority.issue(&dir, "server", &Subject { hosts: &["localhost"], ..Subject::default() });
    let mut roots = RootCertStore::empty();
    let believed = CertificateDer::from_pem_file(authority.write(&dir, "ca")).expect("a certificate");
    roots.add(believed).expect("an authority");
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = Arc::new(builder.expect("versions").with_root_certificates(roots).with_no_client_auth());
    let router = Router::start(&plain_kdl(&format!(
        "tls \"t\" {{\n    certificate \"{}\"\n    private-key \"{}\"\n}}\nlistener \"secure\" {{\n    host \"127.0.0.1\"\n    port 0\n    tls \"t\"\n}}\n",
        server.certificate.display(),
        server.key.display()
    )));
    let addr = router.addr("secure");
    leave_nothing(router, count, |_, count| {
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| (0..count / THREADS).for_each(|number| secure_cycle(addr, &config, number)));
            }
        });
    });
}

/// Waits until the router has heard of the end of every connection but that which asks.
fn await_alone(router: &Router) {
    let end = Instant::now() + DEADLINE;
    loop {
        let connections = router.stat("connections");
        if connections.len() == 1 {
            return;
        }
        assert!(Instant::now() < end, "connections are left: {connections:?}");
    }
}

/// Connectors whose peers go again: at once, in the middle of the handshake, after their Open, and in order.
const CONNECTORS: u32 = 50;

fn churning(ports: &[u16]) -> String {
    let mut kdl = String::new();
    for number in 0..CONNECTORS {
        let port = ports[number as usize % ports.len()];
        kdl.push_str(&format!(
            "connector \"c{number}\" {{\n    role \"route-container\"\n    endpoint \"amqp://127.0.0.1:{port}\"\n    failover {{\n        \
             backoff base=\"1ms\" cap=\"1ms\"\n    }}\n}}\n\
             auto-link \"l{number}\" {{\n    address \"a{number}\"\n    direction \"in\"\n    connection \"c{number}\"\n}}\n"
        ));
    }
    plain_kdl(&kdl).replace("level \"debug\"", "level \"info\"")
}

#[test]
fn connectors_whose_peers_come_and_go_leave_nothing_behind() {
    let long = std::env::var_os("CROSSTIE_LONG").is_some();
    let count = if long { 10_000 } else { 2_000 };
    let servers: Vec<Server> = (0..THREADS).map(|_| Server::new()).collect();
    let ports: Vec<u16> = servers.iter().map(Server::port).collect();
    let (taken, done) = (AtomicU32::new(0), AtomicBool::new(false));
    let router = Router::start(&churning(&ports));
    std::thread::scope(|scope| {
        for server in &servers {
            scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    let Some(mut peer) = server.accept_within(Duration::from_millis(100)) else {
                        continue;
                    };
                    match taken.fetch_add(1, Ordering::Relaxed) % 4 {
                        0 => {}
                        1 => drop(peer.next(DEADLINE)),
                        2 => drop(peer.serve_open(&open("goes"))),
                        _ => {
                            peer.serve_open(&open("closes"));
                            peer.send(0, &fe2o3_amqp_types::performatives::Close { error: None });
                            peer.drain(DEADLINE);
                        }
                    }
                }
            });
        }
        let reach = |wanted: u32| {
            let end = Instant::now() + 20 * DEADLINE;
            while taken.load(Ordering::Relaxed) < wanted {
                assert!(Instant::now() < end, "{} of {wanted} connections", taken.load(Ordering::Relaxed));
                std::thread::sleep(Duration::from_millis(5));
            }
        };
        // what is made once, and what lies in the allocators
        reach(count / 2);
        let memory = router.resident_memory_bytes();
        reach(count / 2 + count);
        let grown = router.resident_memory_bytes().saturating_sub(memory);
        let files = router.open_files();
        done.store(true, Ordering::Relaxed);
        let sockets = files.iter().filter(|file| file.starts_with("socket:")).count();
        // each has one connection at most, and one whose last words are read
        assert!(sockets <= 2 * CONNECTORS as usize + 8, "{sockets} sockets: {files:?}");
        assert!(grown < GROWTH_MAX_BYTES, "{count} connections left {grown} bytes");
    });
    let mut router = router;
    router.assert_healthy();
}
