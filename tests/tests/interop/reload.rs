//! Reload: what changed in the file is applied, and nothing else is touched.

use std::net::SocketAddr;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crosstie_tests::certificates::Subject;
use crosstie_tests::frame::{Performative, SASL_HEADER};
use crosstie_tests::management::Management;
use crosstie_tests::names::give_names;
use crosstie_tests::native::{Client, bytes, message, receive, runtime, within};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, flow, open};
use crosstie_tests::place::{TestDir, router_binary};
use crosstie_tests::process::{Process, Stream};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};

use crate::tls::{HOSTS, Place, listener};

const DEADLINE: Duration = Duration::from_secs(60);

const CONTAINERS: &str =
    "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n";

/// What a peer may see of a connection that did not stay as it was.
const TOUCHED: [&str; 5] = ["detached", "ended", "closed", "transport-error", "disconnected"];

/// What `crosstie reload` said.
#[derive(Debug)]
pub(crate) struct Reloaded {
    pub(crate) code: Option<i32>,
    pub(crate) lines: Vec<String>,
    pub(crate) stderr: String,
}

pub(crate) fn reload(addr: SocketAddr, options: &[&str]) -> Reloaded {
    let mut command = Command::new(router_binary());
    command.arg("reload").args(options).arg("--bus").arg(format!("amqp://{addr}")).env("NO_COLOR", "1");
    let mut process = Process::start("crosstie reload", &mut command);
    let code = process.wait_exit(DEADLINE).code();
    for stream in [Stream::Out, Stream::Err] {
        // the streams end with the process
        let _ = process.wait_line(stream, process.mark(stream), DEADLINE, |_| None::<()>);
    }
    Reloaded { code, lines: process.lines(Stream::Out), stderr: process.lines(Stream::Err).join("\n") }
}

pub(crate) fn edit(router: &Router, kdl: &str) {
    router.dir().write("crosstie.kdl", kdl);
}

/// S20.
#[test]
fn s20_a_reload_touches_nothing_but_what_changed() {
    let place = Place::new();
    let _ = place.ca.issue(&place.dir, "other", &Subject { names: &[("CN", "other")], hosts: HOSTS, expired: false });
    let old = "address {\n    prefix \"old\"\n    distribution \"closest\"\n}\n";
    let more = [CONTAINERS, old, &place.tls("t", ""), &listener("secure", "tls \"t\"")].concat();
    let before = plain_kdl(&more).replace("level \"debug\"", "level \"info\"");
    let mut router = Router::start(&before);
    let secure = format!("--address secure --count 2 {}", place.trusting("ca.pem"));
    let mut secure = Proton::start("receive", router.addr("secure"), &secure);
    secure.event("attached");
    let mut links = Proton::start("links", router.clients(), "--address s20 --count 500");
    let ready = links.event("ready");
    let mut container = Peer::open(router.addr("containers"), "brk");
    let after = before.replace("level \"info\"", "level \"info\"\n    level \"debug\" of=\"link\"");
    let after = after
        .replace("closest", "multicast")
        .replace("server.pem", "other.pem")
        .replace("server.key", "other.key")
        + "listener \"extra\" {\n    host \"127.0.0.1\"\n    port 0\n}\naddress {\n    prefix \"new\"\n    \
           distribution \"multicast\"\n}\nauto-link \"in\" {\n    address \"q\"\n    direction \"in\"\n    container \"brk\"\n}\n";
    edit(&router, &after);
    let plan = [
        "change log (level)",
        "change tls \"t\" (certificate, private-key)",
        "change listener \"secure\" (tls): open connections stay as they are",
        "add listener \"extra\"",
        "change address prefix \"old\" (distribution): its links stay; phases hold for links from here on",
        "add address prefix \"new\"",
        "add auto-link \"in\"",
    ];
    let mark = router.log_mark();
    let dry = reload(router.clients(), &["--dry-run"]);
    assert_eq!((dry.code, dry.lines.as_slice()), (Some(0), plan.map(str::to_owned).as_slice()), "{dry:?}");
    assert!(!router.process().lines(Stream::Err)[mark..].iter().any(|line| line.contains("reload")), "it was applied");
    let applied = reload(router.clients(), &[]);
    assert_eq!((applied.code, applied.lines), (Some(0), dry.lines), "{}", applied.stderr);
    for line in plan {
        router.wait_log(mark, DEADLINE, &["reload: ", line]);
    }
    // each change is there
    for address in ["new", "old"] {
        assert_eq!(multicast(router.addr("extra"), address), [b"new".to_vec(), b"new".to_vec()]);
    }
    assert!(shown(router.addr("secure")).contains("CN = other"));
    router.wait_log(mark, DEADLINE, &["DEBUG", "link attached"]);
    container.expect("begin", |frame| matches!(frame.performative, Performative::Begin(_)).then_some(()));
    container.send(0, &begin(Some(0)));
    container.expect_attach("auto-link.in");
    assert_refused_whole(&router, &after);
    assert_eq!(multicast(router.addr("extra"), "new").len(), 2);
    // the way back, by SIGHUP
    edit(&router, &before);
    let mark = router.log_mark();
    router.process().signal("HUP");
    router.wait_log(mark, DEADLINE, &["reload: remove auto-link \"in\""]);
    container.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    // a thousand links have not noticed
    links.signal("USR1");
    let sending = links.event("sending");
    assert_eq!((&sending["credit"], &sending["flows"]), (&ready["credit"], &ready["flows"]));
    let sent = links.event("sent");
    assert_eq!((sent["accepted"].as_u64(), sent["received"].as_u64()), (Some(500), Some(500)));
    for event in TOUCHED {
        assert_eq!(links.events_so_far(event).len(), 0, "{event}");
    }
    for _ in 0..2 {
        let mut sender = Proton::start("send", router.clients(), "--address secure");
        assert_eq!(sender.event("outcome")["state"], "accepted");
    }
    secure.finish();
    router.assert_healthy();
    assert_eq!(router.terminate().code(), Some(0));
}

/// A bad edit is refused, with every problem.
fn assert_refused_whole(router: &Router, after: &str) {
    let bad = after.replace("listener \"extra\"", "listener \"other\"").replace("prefix \"new\"", "prefx \"new\"")
        + "connector \"x\" {\n    endpont \"amqp://127.0.0.1\"\n}\n";
    edit(router, &bad);
    let refused = reload(router.clients(), &[]);
    assert_eq!((refused.code, refused.lines.len()), (Some(78), 0), "{refused:?}");
    for word in ["prefx", "endpont", "did you mean `prefix`", "nothing was changed"] {
        assert!(refused.stderr.contains(word), "no {word} in\n{}", refused.stderr);
    }
    let mark = router.log_mark();
    router.process().signal("HUP");
    for words in ["unknown attribute of address: did you mean `prefix`?", "unknown attribute of connector"] {
        router.wait_log(mark, DEADLINE, &["WARN", "reload refused: ", "crosstie.kdl:", words]);
    }
}

/// The certificate that a listener shows.
fn shown(addr: SocketAddr) -> String {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-connect", &addr.to_string()]).stdin(Stdio::null());
    let output = command.output().expect("openssl runs");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// What two receivers of a multicast address get of one message.
fn multicast(addr: SocketAddr, address: &str) -> [Vec<u8>; 2] {
    runtime().block_on(async {
        let mut client = Client::open(addr, "multicast").await;
        let mut receivers = [client.receiver("one", address, 1).await, client.receiver("two", address, 1).await];
        let mut sender = client.sender("sender", address, true).await;
        within("send", sender.send(message(b"new".to_vec()))).await.expect("sent");
        let [one, two] = &mut receivers;
        let bodies = [bytes(&receive(one).await), bytes(&receive(two).await)];
        client.close().await;
        bodies
    })
}

#[test]
fn connections_close_where_they_were_let_in_by_what_is_so_no_more() {
    let users = |names: &str| {
        names
            .split_whitespace()
            .map(|name| format!("user \"{name}\" password=\"literal:pw-{name}\"\n"))
            .collect::<String>()
    };
    let door = |name: &str, mechanism: &str, more: &str| {
        format!(
            "listener \"{name}\" {{\n    host \"127.0.0.1\"\n    port 0\n    allow-plain-without-tls\n    sasl \"{mechanism}\"\n{more}}}\n"
        )
    };
    let free = door("free", "ANONYMOUS", "");
    let router = Router::start(&plain_kdl(&[users("alice bob"), door("locked", "PLAIN", ""), free].concat()));
    let receive = |listener: &str, more: &str| {
        let mut client = Proton::start("receive", router.addr(listener), &format!("--address a --keep {more}"));
        client.event("attached");
        client
    };
    let login = |name: &str| format!("--user {name} --password pw-{name} --mechanisms PLAIN");
    let mut alice = receive("locked", &login("alice"));
    let (bob, other) = (receive("locked", &login("bob")), receive("clients", ""));
    let mut anonymous = receive("free", "--mechanisms ANONYMOUS");
    // whoever has not said a name yet may still come in as alice
    let mut nameless = Peer::dial(router.addr("locked"));
    nameless.send_bytes(&SASL_HEADER);
    nameless.expect_header(SASL_HEADER);
    // alice goes, what a connection may hold changes, and nobody comes in as ANONYMOUS any more
    let more = "    limits {\n        links 7\n    }\n";
    let free = door("free", "PLAIN", more);
    edit(&router, &plain_kdl(&[users("bob carol"), door("locked", "PLAIN", more), free].concat()));
    let applied = reload(router.clients(), &[]);
    let plan = [
        "remove user \"alice\": its connections close",
        "add user \"carol\"",
        "change listener \"locked\" (limits): open connections stay as they are",
        "change listener \"free\" (limits, sasl): its connections close",
    ];
    assert_eq!((applied.code, applied.lines.as_slice()), (Some(0), plan.map(str::to_owned).as_slice()), "{applied:?}");
    for client in [&mut alice, &mut anonymous] {
        assert_eq!(client.event("closed")["condition"], "amqp:connection:forced");
    }
    assert!(nameless.drain(DEADLINE), "it may still come in as alice");
    let mut carol = receive("locked", &login("carol"));
    let mut refused = Proton::start("receive", router.addr("locked"), &format!("--address a {}", login("alice")));
    assert_eq!(refused.any_of(&["transport-error", "open"], DEADLINE)["event"], "transport-error");
    carol.kill();
    for client in [bob, other] {
        for event in TOUCHED {
            assert_eq!(client.events_so_far(event).len(), 0, "{event}");
        }
    }
}

#[test]
fn attached_links_follow_a_changed_distribution() {
    let rule = |distribution: &str| format!("address {{\n    prefix \"d\"\n    distribution \"{distribution}\"\n}}\n");
    let router = Router::start(&plain_kdl(&rule("balanced")));
    runtime().block_on(async {
        let mut client = Client::open(router.clients(), "distribution").await;
        let mut one = client.receiver("one", "d", 10).await;
        let mut two = client.receiver("two", "d", 10).await;
        let mut sender = client.sender("sender", "d", true).await;
        for (distribution, copies) in [("balanced", 1), ("multicast", 2), ("closest", 1)] {
            edit(&router, &plain_kdl(&rule(distribution)));
            let applied = reload(router.clients(), &[]);
            assert_eq!(applied.code, Some(0), "{applied:?}");
            for round in 0..4 {
                within("send", sender.send(message(vec![round]))).await.expect("sent");
            }
            let mut came = 0;
            while came < 4 * copies {
                tokio::select! {
                    delivery = receive(&mut one) => within("accept", one.accept(&delivery)).await.expect("accepted"),
                    delivery = receive(&mut two) => within("accept", two.accept(&delivery)).await.expect("accepted"),
                }
                came += 1;
            }
        }
        // nothing more comes than the copies counted
        let extra = tokio::time::timeout(Duration::from_millis(200), async {
            tokio::select! { _ = receive(&mut one) => (), _ = receive(&mut two) => () }
        });
        assert!(extra.await.is_err(), "a copy too many");
        client.close().await;
    });
}

/// Multicast waits for no credit, and yet nothing goes before what was there first.
#[test]
fn what_waits_goes_to_all_when_its_address_becomes_multicast() {
    let rule = |distribution: &str| format!("address {{\n    prefix \"d\"\n    distribution \"{distribution}\"\n}}\n");
    let router = Router::start(&plain_kdl(&rule("balanced")));
    let mut receivers = ["one", "two"].map(|name| Peer::session(router.clients(), name));
    for receiver in &mut receivers {
        receiver.attach_receiver(0, 0, "d", 0);
    }
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "d");
    sender.expect_credit();
    for (id, body) in (0..).zip([b"0", b"1"]) {
        sender.send_message(0, 0, id, body);
    }
    // they have come when this is answered
    sender.begin(1);
    edit(&router, &plain_kdl(&rule("multicast")));
    let applied = reload(router.clients(), &[]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    sender.send_message(0, 0, 2, b"2");
    sender.begin(2);
    for receiver in &mut receivers {
        receiver.send(0, &flow(0, 0, 10));
        for id in 0..3 {
            let (transfer, payload) = receiver.expect_transfer();
            assert!(payload.ends_with(&[b'0' + id]), "{id}: {payload:?}");
            receiver.settle(0, transfer.delivery_id.unwrap_or_default(), DeliveryState::Accepted(Accepted {}));
        }
    }
    let mut left = 3;
    sender.expect("all outcomes", |frame| {
        if let Performative::Disposition(found) = &frame.performative {
            assert!(matches!(found.state, Some(DeliveryState::Accepted(_))), "{found:?}");
            left -= found.last.unwrap_or(found.first) - found.first + 1;
        }
        (left == 0).then_some(())
    });
}

#[test]
fn a_connector_keeps_its_connection_unless_the_change_concerns_it() {
    let (first, second) = (Server::new(), Server::new());
    let connector = |ports: &[u16], base: &str| {
        let endpoint = |port: &u16| format!("    endpoint \"amqp://127.0.0.1:{port}\"\n");
        let endpoints: String = ports.iter().map(endpoint).collect();
        let backoff = format!("backoff base=\"{base}\" cap=\"1s\" jitter=0.0");
        plain_kdl(&format!("connector \"broker\" {{\n{endpoints}    failover {{\n        {backoff}\n    }}\n}}\n"))
    };
    let router = Router::start(&connector(&[first.port()], "300ms"));
    let (peer, _) = first.accept_open(&open("one"));
    router.wait_log(0, DEADLINE, &["connected", "broker"]);
    let change = |kdl: &str| {
        edit(&router, kdl);
        let applied = reload(router.clients(), &[]);
        assert_eq!((applied.code, applied.lines.len()), (Some(0), 1), "{applied:?}");
        applied.lines[0].clone()
    };
    let stays = change(&connector(&[first.port(), second.port()], "100ms"));
    assert!(stays.contains("(endpoint, failover): an open connection stays"), "{stays}");
    assert!(second.accept_within(Duration::from_millis(300)).is_none());
    // once the connection is lost, the connector is the other one
    let first_port = first.port();
    drop(first);
    drop(peer);
    let (mut peer, _) = second.accept_open(&open("two"));
    let third = Server::new();
    let closes = change(&connector(&[third.port()], "100ms"));
    assert!(closes.contains("(endpoint): its connection closes"), "{closes}");
    peer.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
    let (mut peer, _) = third.accept_open(&open("three"));
    let gone = change(&plain_kdl(""));
    assert!(gone.contains("remove connector \"broker\": its connection closes"), "{gone} {first_port}");
    peer.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
    assert!(third.accept_within(Duration::from_millis(300)).is_none());
}

#[test]
fn a_connector_that_reaches_nobody_counts_on_when_it_changes() {
    let port = crosstie_tests::place::free_port();
    let connector = |base: &str| {
        let backoff = format!("backoff base=\"{base}\" cap=\"60s\" jitter=0.0");
        plain_kdl(&format!(
            "connector \"broker\" {{\n    endpoint \"amqp://127.0.0.1:{port}\"\n    failover {{\n        {backoff}\n    }}\n}}\n"
        ))
    };
    let router = Router::start(&connector("100ms"));
    for _ in 0..2 {
        router.wait_log(router.log_mark(), DEADLINE, &["cannot connect", "broker"]);
    }
    let attempts = || router.stat("connectors")[0]["attempts"].as_u64().expect("a count");
    let before = attempts();
    assert!(before >= 2, "{before}");
    edit(&router, &connector("50s"));
    let mark = router.log_mark();
    assert_eq!(reload(router.clients(), &[]).code, Some(0));
    // it starts again at once, and then waits
    router.wait_log(mark, DEADLINE, &["cannot connect", "broker"]);
    let after = attempts();
    assert!(after > before, "{before} dials, then {after}");
}

#[test]
fn what_management_created_survives_and_its_name_is_refused() {
    let router = Router::start(&plain_kdl(""));
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        let of = "router.config.address";
        assert_eq!(
            management.create("listener", &[("name", "made"), ("host", "127.0.0.1"), ("port", "0")]).await.status,
            201
        );
        assert_eq!(management.create(of, &[("name", "rule"), ("prefix", "made")]).await.status, 201);
        let auto_link = [("name", "link"), ("address", "q"), ("direction", "in"), ("containerId", "brk")];
        assert_eq!(management.create("router.config.autoLink", &auto_link).await.status, 201);
        let others =
            "listener \"other\" {\n    host \"127.0.0.1\"\n    port 0\n}\naddress {\n    prefix \"other\"\n}\n";
        edit(&router, &plain_kdl(others));
        let applied = reload(router.clients(), &[]);
        assert_eq!(applied.lines, ["add listener \"other\"", "add address prefix \"other\""], "{applied:?}");
        for (of, name) in
            [("listener", "made"), (of, "rule"), ("router.config.autoLink", "link"), ("listener", "other")]
        {
            assert_eq!(management.named("READ", of, name).await.status, 200, "{name}");
        }
        let clash = "connector \"made\" {\n    endpoint \"amqp://127.0.0.1\"\n}\naddress {\n    prefix \"made\"\n}\n\
                     auto-link \"link\" {\n    address \"q\"\n    direction \"out\"\n    container \"brk\"\n}\n";
        edit(&router, &plain_kdl(clash));
        let refused = reload(router.clients(), &[]);
        assert_eq!(refused.code, Some(78), "{refused:?}");
        for words in ["connector \"made\" was", "address prefix \"made\" was", "auto-link \"link\" was"] {
            assert!(refused.stderr.contains(words), "no {words} in\n{}", refused.stderr);
        }
        assert!(refused.stderr.contains("delete it there, or name this one otherwise"), "{}", refused.stderr);
        assert_eq!(management.named("READ", "listener", "other").await.status, 200);
        management.close().await;
    });
}

/// What management created stays, too, where the file had the same.
#[test]
fn what_management_created_in_place_of_the_files_survives() {
    let rule = "address \"theirs\" {\n    prefix \"a\"\n}\n";
    let route = "link-route {\n    prefix \"r\"\n    direction \"in\"\n    container \"brk\"\n}\n";
    let router = Router::start(&plain_kdl(&[rule, route].concat()));
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        let (address, link_route) = ("router.config.address", "router.config.linkRoute");
        assert_eq!(management.named("DELETE", address, "theirs").await.status, 204);
        assert_eq!(management.create(address, &[("name", "mine"), ("prefix", "a")]).await.status, 201);
        let alike = [("name", "mine"), ("prefix", "r"), ("direction", "in"), ("containerId", "brk")];
        assert_eq!(management.create(link_route, &alike).await.status, 201);
        edit(&router, &plain_kdl(""));
        let applied = reload(router.clients(), &[]);
        assert_eq!((applied.code, applied.lines.len()), (Some(0), 2), "{applied:?}");
        for of in [address, link_route] {
            assert_eq!(management.named("READ", of, "mine").await.status, 200, "{of}");
        }
        management.close().await;
    });
    assert_eq!(router.stat("link-routes").len(), 1);
}

#[test]
fn sockets_are_taken_over_and_a_taken_port_changes_nothing() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    let port = |socket: &std::net::TcpListener| socket.local_addr().expect("an address").port();
    let free = || crosstie_tests::place::free_port();
    let (one, two) = (free(), free());
    let door = |name: &str, port: u16| {
        format!(
            "listener \"{name}\" {{\n    host \"127.0.0.1\"\n    port {port}\n    properties {{\n        door \"{name}\"\n    }}\n}}\n"
        )
    };
    let router = Router::start(&plain_kdl(&[door("a", one), door("b", two)].concat()));
    let name_at = |port: u16| {
        let (_, theirs) = Peer::open_with(([127, 0, 0, 1], port).into(), &open("who"));
        format!("{:?}", theirs.properties)
    };
    assert!(name_at(one).contains("\"a\""), "{}", name_at(one));
    let mark = router.log_mark();
    edit(&router, &plain_kdl(&[door("a", port(&taken)), door("c", free())].concat()));
    let refused = reload(router.clients(), &[]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.stderr.contains("another process listens there"), "{}", refused.stderr);
    // the socket of c was opened, and is given up
    router.wait_log(mark, DEADLINE, &["reload refused"]);
    let said = router.process().lines(Stream::Err).split_off(mark);
    assert!(!said.iter().any(|line| line.contains("listening")), "{said:?}");
    assert!(name_at(one).contains("\"a\"") && name_at(two).contains("\"b\""));
    // its own socket is in its way: it is not given up for one that may not be there
    edit(&router, &plain_kdl(&[door("a", one).replace("    host \"127.0.0.1\"\n", ""), door("b", two)].concat()));
    let refused = reload(router.clients(), &[]);
    assert!(refused.stderr.contains("while listener \"a\" has it: choose another port"), "{}", refused.stderr);
    assert!(name_at(one).contains("\"a\""));
    // a goes to the port of b, which goes; the port of a is that of a third one
    edit(&router, &plain_kdl(&[door("a", two), door("third", one)].concat()));
    let applied = reload(router.clients(), &[]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(name_at(one).contains("\"third\"") && name_at(two).contains("\"a\""), "{} {}", name_at(one), name_at(two));
}

#[test]
fn a_file_that_is_empty_for_a_moment_changes_nothing() {
    let mut router = Router::start(&plain_kdl(""));
    edit(&router, "");
    for options in [&[][..], &["--dry-run"]] {
        let refused = reload(router.clients(), options);
        assert_eq!(refused.code, Some(78), "{refused:?}");
        assert!(refused.stderr.contains("neither listener nor connector would be left"), "{}", refused.stderr);
    }
    router.assert_healthy();
}

#[test]
fn the_plan_is_printed_where_it_ends_the_connection_that_asked() {
    let kdl = plain_kdl("");
    let router = Router::start(&kdl);
    edit(&router, &kdl.replace("listener \"clients\"", "listener \"others\""));
    let since = Instant::now();
    let applied = reload(router.clients(), &[]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    assert!(applied.lines.iter().any(|line| line.contains("remove listener \"clients\"")), "{applied:?}");
    assert!(since.elapsed() < Duration::from_secs(10), "it took {:?}", since.elapsed());
}

#[test]
fn a_listener_whose_host_never_resolves_stops_neither_management_nor_signals() {
    let mut router = Router::start_changed(TestDir::new("router"), &plain_kdl(""), give_names);
    let silent = "listener \"silent\" {\n    host \"door.silent.test\"\n    port 0\n}\n";
    edit(&router, &plain_kdl(silent));
    let refused = reload(router.clients(), &[]);
    assert_eq!(refused.code, Some(78), "{refused:?}");
    assert!(refused.stderr.contains("the look-up of \"door.silent.test\" has no answer within 3 s"), "{refused:?}");
    router.assert_healthy();
    let since = Instant::now();
    assert!(router.terminate().success());
    assert!(since.elapsed() < Duration::from_secs(10), "it took {:?} to end", since.elapsed());
}
