//! The way back to a better endpoint loses nothing. Point 5 of the reference's defects.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::frame::Performative;
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{flow, open, receiver, sender};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use serde_json::Value;

use crate::auto_links::{auto_attach, refuse, serve_session};
use crate::failover::connector;
use crate::failover_lists::serve_sasl;
use crate::reload::{edit, reload};

fn ids(events: &[Value], field: &str) -> BTreeSet<u64> {
    events.iter().filter_map(|event| event[field].as_u64()).collect()
}

/// Two brokers, of which the first is better, and a queue on each as a waypoint.
fn kdl(first: &Artemis, second: &Artemis) -> String {
    let mut kdl = format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{}\" priority=0\n    endpoint \"amqp://{}\" priority=1\n    \
         failover {{\n        backoff base=\"200ms\" cap=\"500ms\" jitter=0.0\n        fail-back after=\"2s\"\n    }}\n}}\n\
         address {{\n    prefix \"q\"\n    waypoint\n}}\n",
        first.addr(),
        second.addr()
    );
    for direction in ["out", "in"] {
        kdl.push_str(&format!(
            "auto-link \"{direction}\" {{\n    address \"q\"\n    direction \"{direction}\"\n    connection \"broker\"\n    \
             external-address \"{}\"\n}}\n",
            first.queue("Q.BACK")
        ));
    }
    plain_kdl(&kdl)
}

#[test]
fn s02_the_connector_goes_back_to_the_better_broker_and_loses_nothing() {
    let (mut first, second) = (Artemis::start(), Artemis::start());
    let mut router = Router::start(&kdl(&first, &second));
    let url = |broker: &Artemis| format!("amqp://{}", broker.addr());
    let (better, worse) = (url(&first), url(&second));
    router.wait_log(0, DEADLINE, &["connected", "broker", &first.addr().to_string()]);
    let mark = router.log_mark();
    first.kill();
    router.wait_log(mark, DEADLINE, &["failed over", &better, &worse]);
    // nobody is there to go back to
    router.wait_log(mark, DEADLINE, &["the better one is not there yet", &first.addr().to_string()]);
    let shown = router.stat("connectors").remove(0);
    assert_eq!(
        (&shown["connectedTo"], &shown["connectionStatus"]),
        (&Value::from(worse.as_str()), &Value::from("SUCCESS"))
    );
    assert_eq!(shown["endpoints"][0]["url"], better);
    assert!(shown["endpoints"][0]["failuresInRow"].as_u64() >= Some(1), "{shown}");
    assert!(shown["endpoints"][0]["lastError"].as_str().is_some_and(|error| error.contains("refused")), "{shown}");

    let mut consumer = Proton::start("receive", router.clients(), "--address q --count 1000000");
    consumer.event("attached");
    let mut producer = Proton::start(
        "send",
        router.clients(),
        "--address q --count 1000000 --sizes 1,1000,20000 --window 50 --durable",
    );
    producer.event("outcome");
    let mark = router.log_mark();
    first.start_again();
    let (line, _) = router.wait_log(mark, Duration::from_secs(60), &["failed over", &format!("to=\"{better}\"")]);
    assert!(line.contains(&worse), "{line}");
    let (line, _) = router.wait_log(mark, Duration::from_secs(60), &["retired", &second.addr().to_string()]);
    assert!(line.contains("complete=true"), "{line}");
    producer.skip();
    for _ in 0..500 {
        producer.event("outcome");
    }
    let outcomes = producer.events_so_far("outcome");
    drop(producer);
    let odd: Vec<_> = outcomes.iter().filter(|outcome| outcome["state"] != "accepted").collect();
    assert!(odd.is_empty(), "the change was seen: {} of {}, {:?}", odd.len(), outcomes.len(), odd[0]);
    let accepted = ids(&outcomes, "index");
    let end = Instant::now() + Duration::from_secs(60);
    // what the second had when it was left is still there
    let args = format!("--address {} --count 1000000", second.queue("Q.BACK"));
    let stays = Proton::start("receive", second.addr(), &args);
    let found = || {
        let mut found = ids(&consumer.events_so_far("message"), "id");
        found.extend(ids(&stays.events_so_far("message"), "id"));
        found
    };
    while !accepted.is_subset(&found()) {
        assert!(Instant::now() < end, "accepted, but never delivered");
        std::thread::sleep(Duration::from_millis(50));
    }
    let received = consumer.events_so_far("message");
    assert_eq!(received.len(), ids(&received, "id").len(), "some came twice");
    let shown = router.stat("connectors").remove(0);
    assert_eq!((&shown["connectedTo"], &shown["failovers"]), (&Value::from(better), &Value::from(2)));
    let out: Vec<_> = router.stat("connections").into_iter().filter(|row| row["dir"] == "out").collect();
    assert_eq!(out.len(), 1, "{out:?}");
    assert_eq!(out[0]["host"], first.addr().to_string());
    for auto_link in router.stat("auto-links") {
        assert_eq!(auto_link["operStatus"], "active", "{auto_link}");
    }
    router.assert_healthy();
}

/// A better one that opens and takes no auto-link is none: what works stays. Then the router ends with both under way.
#[test]
fn s02_a_better_one_that_refuses_an_auto_link_is_left() {
    let (first, second) = (Server::new(), Server::new());
    let kdl = connector(&[(first.port(), 0), (second.port(), 1)], "fail-back after=\"1s\"");
    let auto_link = "auto-link \"in\" {\n    address \"a\"\n    direction \"in\"\n    connection \"my-broker\"\n}\n";
    let mut router = Router::start(&format!("{kdl}{auto_link}"));
    drop(first.accept());
    let (mut works, _) = second.accept_open(&open("second"));
    for _ in 0..2 {
        let mut refuses = serve_session(&first);
        let theirs = auto_attach(&mut refuses);
        refuse(&mut refuses, &theirs);
        router.wait_log(0, DEADLINE, &["the better one is not there yet", "refuses an auto-link"]);
        assert_eq!(refuses.fault(DEADLINE), Ok(None), "it is left politely");
    }
    let shown = router.stat("connectors").remove(0);
    assert_eq!(shown["connectedTo"], format!("amqp://127.0.0.1:{}", second.port()), "{shown}");
    assert_eq!(router.stat("connections").iter().filter(|row| row["dir"] == "out").count(), 1);
    assert!(router.terminate().success());
    assert!(works.drain(DEADLINE));
}

/// Neither a new password nor whether there is a way back at all waits for the connection to end.
#[test]
fn the_way_back_is_that_of_the_connector_as_it_is_now() {
    let (first, second) = (Server::new(), Server::new());
    let kdl = |password: &str, more: &str| {
        let user = format!(
            "sasl-username \"u\"\n    sasl-password \"literal:{password}\"\n    allow-plain-without-tls\n    sasl \"PLAIN\"\n    failover {{"
        );
        connector(&[(first.port(), 0), (second.port(), 1)], more).replace("failover {", &user)
    };
    let back = "fail-back after=\"2s\"";
    let router = Router::start(&kdl("old", back));
    drop(first.accept());
    let (mut works, _) = second.accept_open(&open("second"));
    let change = |kdl: &str| {
        edit(&router, kdl);
        let applied = reload(router.clients(), &[]);
        assert_eq!(applied.code, Some(0), "{applied:?}");
    };
    drop(first.accept());
    change(&kdl("new", back));
    let (peer, _, response) = serve_sasl(&first);
    assert!(response.ends_with(b"new"), "{response:?}");
    drop(peer);
    change(&kdl("new", ""));
    assert!(first.accept_within(Duration::from_secs(4)).is_none(), "nobody goes back");
    change(&kdl("new", back));
    drop(first.accept());
    works.begin(7);
    let shown = router.stat("connectors").remove(0);
    assert_eq!(shown["connectedTo"], format!("amqp://127.0.0.1:{}", second.port()), "{shown}");
}

/// A connection that retires with a delivery on its way takes no more links, and ends with its connector.
#[test]
fn a_connection_that_retires_takes_no_links_and_goes_with_its_connector() {
    let (first, second) = (Server::new(), Server::new());
    let kdl = connector(&[(first.port(), 0), (second.port(), 1)], "fail-back after=\"1s\"");
    let router = Router::start(&kdl);
    drop(first.accept());
    let (mut retires, _) = second.accept_open(&open("second"));
    retires.begin(0);
    retires.attach_receiver(0, 0, "a", 10);
    let mut client = Peer::session(router.clients(), "client");
    client.attach_sender(0, 0, "a");
    client.expect_credit();
    client.send_message(0, 0, 0, b"on its way");
    retires.expect_transfer();
    let (_better, _) = first.accept_open(&open("first"));
    router.wait_log(0, DEADLINE, &["retiring", &second.port().to_string()]);
    for attach in [receiver(1, "a"), sender(2, "a")] {
        retires.send(0, &attach);
        retires.expect_attach(&attach.name);
        let condition = retires.expect("detach", |frame| match &frame.performative {
            Performative::Detach(detach) => detach.error.as_ref().map(|error| format!("{:?}", error.condition)),
            _ => None,
        });
        assert!(condition.contains("DetachForced"), "{condition}");
    }
    retires.send(0, &flow(0, 1, 10));
    let began = Instant::now();
    runtime().block_on(async {
        let mut management = Management::open(router.clients()).await;
        assert_eq!(management.named("DELETE", "connector", "my-broker").await.status, 204);
        management.close().await;
    });
    assert_eq!(retires.fault(DEADLINE), Ok(Some("amqp:connection:forced".to_owned())));
    assert!(began.elapsed() < Duration::from_secs(10), "it stayed for {:?}", began.elapsed());
}
