//! Management by real clients: what is made, changed and ended while the router runs.

use std::time::Duration;

use crosstie_tests::frame::Performative;
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, open};
use crosstie_tests::process::Stream;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::{AmqpError, Error, Role};
use fe2o3_amqp_types::performatives::{Attach, Detach};
use serde_amqp::Value;

const DEADLINE: Duration = Duration::from_secs(60);

const CONTAINERS: &str =
    "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n";

/// The next attach of the router.
fn expect_attach(peer: &mut Peer) -> Attach {
    peer.expect("attach", |frame| match &frame.performative {
        Performative::Attach(attach) => Some((**attach).clone()),
        _ => None,
    })
}

#[test]
fn auto_links_come_and_go_while_their_container_is_connected() {
    let of = "router.config.autoLink";
    let router = Router::start(&plain_kdl(CONTAINERS));
    let mut container = Peer::open(router.addr("containers"), "brk");
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let mut create = |name: &str, address: &str| {
        let body = [("name", name), ("address", address), ("direction", "in"), ("containerId", "brk")];
        let answer = runtime.block_on(management.create(of, &body));
        assert_eq!((answer.status, answer.text("address")), (201, address.to_owned()), "{answer:?}");
    };
    create("good", "q");
    container.expect("begin", |frame| matches!(frame.performative, Performative::Begin(_)).then_some(()));
    container.send(0, &begin(Some(0)));
    let theirs = expect_attach(&mut container);
    let answer = |theirs: Attach| Attach { role: Role::Sender, initial_delivery_count: Some(0), ..theirs };
    container.send(0, &answer(theirs));
    create("bad", "nowhere");
    let theirs = expect_attach(&mut container);
    let handle = theirs.handle.clone();
    container.send(0, &Attach { source: None, ..answer(theirs) });
    let why = "there is no such queue".to_owned();
    let error = Error { condition: AmqpError::NotFound.into(), description: Some(why), info: None };
    container.send(0, &Detach { handle, closed: true, error: Some(error) });
    runtime.block_on(async {
        let good = management.wait(of, "good", |answer| answer.text("operStatus") == "active").await;
        assert!(matches!(good.get("linkRef"), Value::String(_)), "{good:?}");
        let bad = management.wait(of, "bad", |answer| answer.text("operStatus") == "failed").await;
        assert_eq!((bad.get("linkRef"), bad.text("lastError")), (Value::Null, "there is no such queue".to_owned()));
        assert_eq!(management.named("DELETE", of, "good").await.status, 204);
        assert_eq!(management.named("READ", of, "good").await.status, 404);
        assert_eq!(management.named("DELETE", of, "good").await.status, 404);
    });
    // the answer to the router's detach of the bad one may come first
    let detached = || {
        |frame: &crosstie_tests::frame::Frame| match &frame.performative {
            Performative::Detach(detach) => Some(detach.handle.0),
            _ => None,
        }
    };
    while container.expect("detach", detached()) != 0 {}
    container.send(0, &Detach { handle: 0.into(), closed: true, error: None });
    // it is attached again once it is there again
    let body = [("address", "q"), ("direction", "in"), ("containerId", "brk")];
    let again = runtime.block_on(management.create(of, &body));
    assert_eq!((again.status, again.text("name")), (201, "autoLink/0".to_owned()));
    let theirs = container.expect("attach", |frame| match &frame.performative {
        Performative::Attach(attach) if attach.name.ends_with("autoLink/0") => Some((**attach).clone()),
        _ => None,
    });
    container.send(0, &answer(theirs));
    runtime.block_on(async {
        management.wait(of, "autoLink/0", |answer| answer.text("operStatus") == "active").await;
        drop(container);
        management.wait(of, "autoLink/0", |answer| answer.text("operStatus") == "inactive").await;
        management.close().await;
    });
}

#[test]
fn what_a_new_listener_or_connector_was_given_is_shown() {
    let router = Router::start(&plain_kdl(""));
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let port = crosstie_tests::place::free_port().to_string();
    for (of, family) in [("listener", "socketAddressFamily"), ("connector", "protocolFamily")] {
        let body = [("name", of), ("host", "127.0.0.1"), ("port", &port), (family, "IPv4")];
        let with = |name: &'static str, parts: &'static str| {
            let more = [("name", name), ("messageLoggingComponents", parts)];
            [&body[1..], &more].concat()
        };
        runtime.block_on(async {
            for (given, shown) in [("all", "all"), ("none", "none"), ("subject,nonsense,to", "to,subject")] {
                let answer = management.create(of, &with(of, given)).await;
                assert_eq!(
                    (answer.status, answer.text("messageLoggingComponents")),
                    (201, shown.to_owned()),
                    "{answer:?}"
                );
                let answer = management.named("READ", of, of).await;
                assert_eq!(answer.text("messageLoggingComponents"), shown, "{answer:?}");
                assert_eq!(management.named("DELETE", of, of).await.status, 204);
            }
            let answer = management.create(of, &with(of, "none")).await;
            assert_eq!((answer.status, answer.text(family)), (201, "IPv4".to_owned()), "{answer:?}");
            assert_eq!(management.named("READ", of, of).await.text(family), "IPv4");
            assert_eq!(management.named("DELETE", of, of).await.status, 204);
        });
    }
    runtime.block_on(management.close());
}

/// The identity of the connection of a container.
async fn identity(management: &mut Management, container: &str) -> String {
    let answer = management.ask(&[("operation", "QUERY"), ("entityType", "connection")], &[]).await;
    let (Value::List(names), Value::List(rows)) = (answer.get("attributeNames"), answer.get("results")) else {
        panic!("{answer:?}")
    };
    let at = |name: &str| names.iter().position(|known| *known == Value::from(name)).expect("an attribute");
    let (identity, of) = (at("identity"), at("container"));
    let row = rows.iter().find_map(|row| match row {
        Value::List(row) if row[of] == Value::from(container) => Some(row[identity].clone()),
        _ => None,
    });
    match row {
        Some(Value::String(identity)) => identity,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_deleted_connection_loses_its_socket_without_a_close() {
    let server = Server::new();
    let connector = format!(
        "connector \"broker\" {{\n    endpoint \"amqp://127.0.0.1:{}\"\n}}\nlistener \"guests\" {{\n    host \"127.0.0.1\"\n    \
         port 0\n    management \"read\"\n}}\n",
        server.port()
    );
    let mut router = Router::start(&plain_kdl(&connector));
    let (mut peer, _) = server.accept_open(&open("scripted-broker"));
    let mut client = Proton::start("receive", router.clients(), "--address a --keep --container victim");
    client.event("attached");
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        let victim = identity(&mut management, "victim").await;
        let update = |identity: String, status: &'static str| (identity, [("adminStatus", Value::from(status))]);
        let (id, body) = update(victim.clone(), "down");
        let keys = |id: &str| {
            [("operation", "UPDATE"), ("type", "connection"), ("identity", id)]
                .map(|(key, value)| (key, value.to_owned()))
        };
        async fn ask(management: &mut Management, keys: [(&str, String); 3], body: &[(&str, Value)]) -> (i32, String) {
            let keys = keys.each_ref().map(|(key, value)| (*key, value.as_str()));
            let answer = management.ask(&keys, body).await;
            (answer.status, answer.text("adminStatus"))
        }
        assert_eq!(ask(&mut management, keys(&id), &body).await.0, 400);
        let (_, deleted) = update(victim.clone(), "deleted");
        assert_eq!(ask(&mut management, keys("4711"), &deleted).await.0, 400);
        let mut guest = Management::open(router.addr("guests")).await;
        assert_eq!(ask(&mut guest, keys(&victim), &deleted).await.0, 403);
        assert_eq!(guest.ask(&[("operation", "RELOAD")], &[]).await.status, 403);
        guest.close().await;
        assert_eq!(ask(&mut management, keys(&victim), &deleted).await, (200, "deleted".to_owned()));
        let broker = identity(&mut management, "scripted-broker").await;
        assert_eq!(ask(&mut management, keys(&broker), &deleted).await, (200, "deleted".to_owned()));
        management.close().await;
    });
    client.event("disconnected");
    assert_eq!(client.events_so_far("closed").len(), 0, "a Close came");
    assert_eq!(peer.fault(DEADLINE), Err("the connection ended without a Close".to_owned()));
    // a connector connects again
    let _ = server.accept_open(&open("scripted-broker"));
    router.assert_healthy();
}

#[test]
fn a_deleted_connector_takes_leave_of_its_peer_and_is_gone() {
    let server = Server::new();
    let router = Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    endpoint \"amqp://127.0.0.1:{}\"\n}}",
        server.port()
    )));
    let (mut peer, _) = server.accept_open(&open("scripted-broker"));
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        management.wait("connector", "broker", |answer| answer.text("connectionStatus") == "SUCCESS").await;
        assert_eq!(management.named("DELETE", "connector", "broker").await.status, 204);
        assert_eq!(peer.fault(DEADLINE), Ok(Some("amqp:connection:forced".to_owned())));
        management.wait("router", "hub", |answer| answer.get("connectionCount") == Value::Ulong(1)).await;
        management.close().await;
    });
    assert!(server.accept_within(Duration::from_millis(300)).is_none());
}

/// Nobody is warned of a dial that is to lead nowhere.
#[test]
fn a_connector_that_ends_while_it_dials_warns_of_nothing() {
    let (silent, full, good) = (Server::new(), Server::new(), Server::new());
    let addr = std::net::SocketAddr::from(([127, 0, 0, 1], full.port()));
    let fill = || std::net::TcpStream::connect_timeout(&addr, Duration::from_millis(500)).ok();
    let _filling: Vec<_> = std::iter::from_fn(fill).take(10_000).collect();
    let dials = |name: &str, server: &Server| {
        format!("connector \"{name}\" {{\n    endpoint \"amqp://127.0.0.1:{}\"\n}}\n", server.port())
    };
    let kdl = [dials("gone", &full), dials("hangs", &full), dials("shakes", &silent), dials("works", &good)].concat();
    let mut router = Router::start(&plain_kdl(&kdl));
    for name in ["gone", "hangs", "shakes"] {
        router.wait_log(0, DEADLINE, &["dialling", name]);
    }
    let (_shakes, (mut works, _)) = (silent.accept(), good.accept_open(&open("good")));
    router.wait_log(0, DEADLINE, &["connected", "works"]);
    let ends = std::thread::spawn(move || works.fault(DEADLINE));
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        assert_eq!(management.named("DELETE", "connector", "gone").await.status, 204);
        management.close().await;
    });
    router.wait_log(0, DEADLINE, &["the dial is left", "gone"]);
    assert_eq!(router.terminate().code(), Some(0));
    let lines = router.process().lines(Stream::Err);
    let warnings: Vec<_> = lines.iter().filter(|line| line.contains("WARN connector")).collect();
    assert_eq!(ends.join().unwrap(), Ok(Some("amqp:connection:forced".to_owned())));
    assert!(warnings.is_empty(), "{warnings:#?}");
}

#[test]
fn log_levels_change_while_the_router_runs() {
    let router = Router::start(&plain_kdl("").replace("level \"debug\"", "level \"info\""));
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let mut enable = |module: &str, levels: &str| {
        let name = format!("log/{module}");
        let keys = [("operation", "UPDATE"), ("type", "log"), ("name", name.as_str())];
        let answer = runtime.block_on(management.ask(&keys, &[("enable", Value::from(levels))]));
        (answer.status, answer.text("enable"))
    };
    let attach = |address: &str| {
        let mark = router.log_mark();
        let mut peer = Peer::session(router.clients(), address);
        peer.attach_receiver(0, 0, address, 1);
        (mark, peer)
    };
    let (quiet, _peer) = attach("quiet");
    assert_eq!(enable("ROUTER_CORE", "debug+"), (200, "debug+".to_owned()));
    let (mark, _peer) = attach("loud");
    router.wait_log(mark, DEADLINE, &["DEBUG", "link: link attached", "loud"]);
    assert_eq!(enable("ROUTER_CORE", "default").0, 200);
    assert_eq!(enable("ROUTER_CORE", "nonsense").0, 400);
    let (_, _peer) = attach("silent");
    assert_eq!(enable("SERVER", "trace+").0, 200);
    let (mark, _peer) = attach("connections");
    router.wait_log(mark, DEADLINE, &["DEBUG", "connection: opened", "connections"]);
    let lines = router.process().lines(Stream::Err).split_off(quiet);
    for silent in ["quiet", "silent"] {
        assert!(!lines.iter().any(|line| line.contains("DEBUG") && line.contains(silent)), "{silent}: {lines:?}");
    }
}
