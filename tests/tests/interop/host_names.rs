//! Names of several addresses: a listener takes peers on all of them, a connector finds the one that answers.

use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::Command;
use std::time::{Duration, Instant};

use crosstie_tests::frame::Performative;
use crosstie_tests::management::Management;
use crosstie_tests::names::give_names;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::open;
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::process::{Process, Stream};
use crosstie_tests::router::{DEADLINE, Router, field, plain_kdl};
use crosstie_tests::server::Server;

use crate::reload::{edit, reload};

fn start(kdl: &str) -> Router {
    Router::start_changed(TestDir::new("router"), kdl, give_names)
}

fn listener(name: &str, host: &str, port: u16) -> String {
    format!("listener \"{name}\" {{\n    host \"{host}\"\n    port {port}\n}}\n")
}

/// The addresses that a listener says it listens on.
fn addresses(router: &Router, listener: &str) -> Vec<SocketAddr> {
    let listener = format!("listener=\"{listener}\"");
    let mut found = Vec::new();
    let mut from = 0;
    // both are said at once
    for _ in 0..2 {
        let (line, next) = router.wait_log(from, DEADLINE, &["listening", &listener]);
        found.push(field(&line, "local.addr").expect("an address").parse().expect("an address"));
        from = next;
    }
    found
}

fn is_refused(addr: SocketAddr) -> bool {
    TcpStream::connect(addr).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

fn wait_refused(addr: SocketAddr) {
    let end = Instant::now() + DEADLINE;
    while !is_refused(addr) {
        assert!(Instant::now() < end, "{addr} still takes connections");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_listener_on_a_name_takes_peers_on_all_its_addresses() {
    let before = plain_kdl(&listener("both", "door.both.test", 0));
    let mut router = start(&before);
    let both = addresses(&router, "both");
    let port = both[0].port();
    assert_eq!(both, [SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, port)), ([127, 0, 0, 1], port).into()]);
    let (mut six, mut four) = (Peer::session(both[0], "six"), Peer::session(both[1], "four"));
    four.attach_receiver(0, 0, "a", 1);
    six.attach_sender(0, 0, "a");
    six.expect_credit();
    six.send_message(0, 0, 0, b"through");
    assert!(four.expect_transfer().1.ends_with(b"through"));
    // one row, however many sockets
    let rows = router.stat("listeners");
    let rows: Vec<_> = rows.iter().filter(|row| row["name"] == "both").collect();
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((rows[0]["host"].as_str(), rows[0]["boundPort"].as_u64()), (Some("door.both.test"), Some(port.into())));
    // what concerns the listener concerns the connections of all its addresses
    let stricter = "door.both.test\"\n    management \"off\"\n";
    edit(&router, &before.replace("door.both.test\"\n", stricter));
    let changed = reload(router.clients(), &[]);
    assert_eq!(changed.code, Some(0), "{changed:?}");
    for peer in [&mut six, &mut four] {
        peer.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
    }
    // the sockets are the same ones
    assert!(both.iter().all(|addr| !is_refused(*addr)));
    edit(&router, &plain_kdl(""));
    assert_eq!(reload(router.clients(), &[]).code, Some(0));
    both.iter().for_each(|addr| wait_refused(*addr));
    router.assert_healthy();
}

#[test]
fn management_makes_and_deletes_all_addresses_of_a_listener() {
    let router = start(&plain_kdl(""));
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        let made = [("name", "made"), ("host", "door.both.test"), ("port", "0")];
        let created = management.create("listener", &made).await;
        assert_eq!(created.status, 201, "{created:?}");
        let both = addresses(&router, "made");
        assert_eq!(both.iter().filter(|addr| addr.is_ipv6()).count(), 1, "{both:?}");
        let open: Vec<TcpStream> = both.iter().map(|addr| TcpStream::connect(addr).expect("it listens")).collect();
        assert_eq!(management.named("DELETE", "listener", "made").await.status, 204);
        both.iter().for_each(|addr| wait_refused(*addr));
        drop(open);
        // nothing is left of one that cannot have all
        let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = taken.local_addr().expect("bound").port();
        let made = [("name", "half"), ("host", "door.both.test"), ("port", &port.to_string())];
        let refused = management.create("listener", &made).await;
        assert_eq!(refused.status, 500, "{refused:?}");
        let addr = format!("127.0.0.1:{port} of \"door.both.test\"");
        assert!(refused.description.contains(&addr), "{refused:?}");
        assert!(is_refused((std::net::Ipv6Addr::LOCALHOST, port).into()));
        management.close().await;
    });
}

#[test]
fn a_router_does_not_start_with_half_of_a_name() {
    let dir = TestDir::new("half");
    let taken = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = taken.local_addr().expect("bound").port();
    let file = dir.write("crosstie.kdl", plain_kdl(&listener("half", "door.both.test", port)));
    let mut command = Command::new(router_binary());
    command.arg("run").arg(file);
    give_names(&mut command);
    let mut process = Process::start("crosstie", &mut command);
    assert_eq!(process.wait_exit(DEADLINE).code(), Some(1));
    let text = format!(
        "listener \"half\" cannot listen on 127.0.0.1:{port} of \"door.both.test\": another process listens there"
    );
    process.wait_line(Stream::Err, 0, DEADLINE, |line| line.contains(&text).then_some(())).expect("it says why");
}

/// A name of both kinds, behind which only the one or the other answers.
#[test]
fn a_connector_finds_the_address_that_answers() {
    for (address, silent) in [("127.0.0.1", "::1"), ("::1", "127.0.0.1")] {
        let server = Server::on(address);
        let port = server.port();
        let answers = SocketAddr::new(address.parse().expect("an address"), port);
        assert!(is_refused(SocketAddr::new(silent.parse().expect("an address"), port)));
        let router = start(&plain_kdl(&format!(
            "connector \"broker\" {{\n    endpoint \"amqp://broker.both.test:{port}\"\n}}\n"
        )));
        let since = Instant::now();
        let (peer, theirs) = server.accept_open(&open("broker"));
        assert_eq!(theirs.hostname.as_deref(), Some("broker.both.test"), "the host that is dialled");
        router.wait_log(0, DEADLINE, &["connected", "broker", &answers.to_string()]);
        // lost, and found again
        drop(peer);
        let _found = server.accept_open(&open("broker"));
        assert!(since.elapsed() < Duration::from_secs(5), "it took {:?}", since.elapsed());
    }
}

#[test]
fn a_family_leaves_the_other_addresses_of_a_name_out() {
    for (family, address, other) in [("IPv4", "127.0.0.1", "::1"), ("IPv6", "::1", "127.0.0.1")] {
        let only = format!("    socket-address-family \"{family}\"\n");
        let (listens, dials) = (Server::on(address), Server::on(other));
        let router = start(&plain_kdl(&format!(
            "listener \"one\" {{\n    host \"door.both.test\"\n    port 0\n{only}}}\n\
             connector \"good\" {{\n    host \"broker.both.test\"\n    port {}\n{only}}}\n\
             connector \"bad\" {{\n    host \"broker.both.test\"\n    port {}\n{only}}}\n",
            listens.port(),
            dials.port()
        )));
        let addr = router.addr("one");
        assert_eq!(addr.ip().to_string(), address);
        assert!(is_refused(SocketAddr::new(other.parse().expect("an address"), addr.port())));
        drop(listens.accept_open(&open("broker")));
        router.wait_log(0, DEADLINE, &["cannot connect", "bad"]);
        assert!(dials.accept_within(Duration::from_millis(100)).is_none());
    }
}

/// As in the reference; the socket serves both families, and shows it as `::ffff:127.0.0.1`.
#[test]
fn a_peer_of_ipv4_is_one_also_where_a_listener_serves_both_families() {
    let router = start(&plain_kdl("listener \"all\" {\n    port 0\n}\n"));
    let port = router.addr("all").port();
    let mark = router.log_mark();
    let peer = Peer::open((std::net::Ipv4Addr::LOCALHOST, port).into(), "four");
    let (line, _) = router.wait_log(mark, DEADLINE, &["opened", "container.id=\"four\""]);
    let addr = field(&line, "peer.addr").expect("an address");
    assert!(addr.starts_with("127.0.0.1:"), "{line}");
    let shown = router.stat("connections");
    let hosts: Vec<_> = shown.iter().filter(|row| row["container"] == "four").map(|row| row["host"].clone()).collect();
    assert_eq!(hosts, [addr], "{shown:?}");
    drop(peer);
}
