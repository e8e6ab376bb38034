//! Each library through auto-links and link routes to a broker, and Cyrus SASL on the way.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::path::Path;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::classic::Classic;
use crosstie_tests::driver::{Driver, Library};
use crosstie_tests::rabbit::Rabbit;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_json::Value;

use crate::tls::{Place, listener};

const COUNT: usize = 30;

/// A queue as a waypoint `w`, and links to `a.…` carried to the broker; a listener more that takes users alone.
fn kdl(broker: &dyn Broker, credentials: &str) -> String {
    let mut more = format!(
        "user \"alice\" password=\"literal:wonder-land\"\nlistener \"locked\" {{\n    host \"127.0.0.1\"\n    port 0\n    \
         authenticate-peer\n    allow-plain-without-tls\n}}\nconnector \"broker\" {{\n    role \"route-container\"\n    \
         endpoint \"amqp://{}\"\n    {credentials}\n}}\naddress {{\n    prefix \"w\"\n    waypoint\n}}\n",
        broker.addr()
    );
    for direction in ["in", "out"] {
        more.push_str(&format!(
            "auto-link \"{direction}\" {{\n    address \"w\"\n    direction \"{direction}\"\n    connection \"broker\"\n    \
             external-address \"{}\"\n}}\nlink-route {{\n    prefix \"a\"\n    direction \"{direction}\"\n    \
             connection \"broker\"\n{}}}\n",
            broker.queue("Q.LIBRARIES"),
            prefix(broker)
        ));
    }
    plain_kdl(&more)
}

/// What the broker has before the names of its queues.
fn prefix(broker: &dyn Broker) -> String {
    let prefix = broker.queue("");
    if prefix.is_empty() { prefix } else { format!("    add-external-prefix \"{prefix}\"\n") }
}

fn start(broker: &dyn Broker, credentials: &str) -> Router {
    let router = Router::start(&kdl(broker, credentials));
    for direction in ["in", "out"] {
        router.wait_log(0, DEADLINE, &["auto-link attached", &format!("auto_link=\"{direction}\"")]);
    }
    router
}

fn digests(events: &[Value]) -> Vec<&str> {
    events.iter().map(|event| event["sha256"].as_str().expect("a digest")).collect()
}

/// Messages wait at the broker, and come out whole and in order.
fn assert_kept(place: (SocketAddr, &str), libraries: (Library, Library), more: &str) {
    assert_kept_with_credit(place, libraries, more, ("", true));
}

fn assert_kept_with_credit(
    (addr, address): (SocketAddr, &str),
    (from, to): (Library, Library),
    more: &str,
    (credit, closes): (&str, bool),
) {
    let args = format!("--address {address} --count {COUNT} --sizes 1,1000,20000 {more}");
    let mut sender = Driver::start(from, "send", addr, &args);
    sender.finish();
    let outcomes = sender.events_so_far("outcome");
    assert_eq!(outcomes.len(), COUNT);
    assert!(outcomes.iter().all(|outcome| outcome["state"] == "accepted"), "{from:?} to {address}: {outcomes:?}");
    let args = format!("--address {address} --count {COUNT} {more} {credit}");
    let mut receiver = Driver::start(to, "receive", addr, &args);
    if closes {
        receiver.finish();
    } else {
        (0..COUNT).for_each(|_| drop(receiver.event("message")));
        receiver.kill();
    }
    let (sent, received) = (sender.events_so_far("sent"), receiver.events_so_far("message"));
    assert_eq!(digests(&sent), digests(&received), "{from:?} to {to:?} by {address}");
}

fn assert_all_libraries(broker: &dyn Broker, credit: &str) {
    const LIBRARIES: [Library; 5] = [Library::Proton, Library::Rhea, Library::GoAmqp, Library::Fe2o3, Library::Jms];
    let mut router = start(broker, "");
    for (index, from) in LIBRARIES.into_iter().enumerate() {
        let to = LIBRARIES[(index + 1) % LIBRARIES.len()];
        for address in ["w", "a.kept"] {
            // RabbitMQ 3.10 does not answer when go-amqp detaches a receiver, without a router either
            let closes = credit.is_empty() || address == "w" || to != Library::GoAmqp;
            assert_kept_with_credit((router.clients(), address), (from, to), "", (credit, closes));
        }
    }
    router.assert_healthy();
}

#[test]
fn s04_s05_each_library_uses_queues_of_artemis() {
    assert_all_libraries(&Artemis::start(), "");
}

#[test]
fn s04_s05_each_library_uses_queues_of_classic() {
    assert_all_libraries(&Classic::start(), "");
}

/// Its queues have another prefix, which the link route adds, and are there before: those that it makes for a link do not
/// outlive it. By its documentation RabbitMQ 3.10 has neither transactions nor filters by AMQP 1.0.
#[test]
fn s04_s05_each_library_uses_queues_of_rabbitmq() {
    let broker = Rabbit::start(&["Q.LIBRARIES", "a.kept"]);
    assert_all_libraries(&broker, "--credit 200");
}

/// The broker wants the certificate of the router, and the router believes it by the authority of both.
#[test]
fn s14_each_library_uses_queues_of_artemis_with_tls_on_both_sides() {
    const LIBRARIES: [Library; 4] = [Library::Proton, Library::Rhea, Library::GoAmqp, Library::Jms];
    let place = Place::new();
    let read = |name: &str| std::fs::read_to_string(place.path(name)).expect(name);
    let pem = place.dir.write("broker.pem", read("server.key") + &read("server.pem"));
    let broker = Artemis::start_with_tls(&pem, Path::new(&place.path("ca.pem")));
    let more = [place.tls("t", ""), listener("encrypted", "tls \"t\"")].concat();
    let kdl = kdl(&broker, "tls \"t\"").replace("endpoint \"amqp://", "endpoint \"amqps://") + &more;
    let mut router = Router::start(&kdl);
    router.wait_log(0, DEADLINE, &["auto-link attached", "auto_link=\"in\""]);
    router.wait_log(0, DEADLINE, &["auto-link attached", "auto_link=\"out\""]);
    for (index, from) in LIBRARIES.into_iter().enumerate() {
        let to = LIBRARIES[(index + 1) % LIBRARIES.len()];
        for address in ["w", "a.kept"] {
            assert_kept((router.addr("encrypted"), address), (from, to), &place.trusting("ca.pem"));
        }
    }
    router.assert_healthy();
}

#[test]
fn s04_s05_users_come_in_by_cyrus_sasl_and_the_router_to_its_broker() {
    let user = "sasl-username \"artemis\"\n    sasl-password \"literal:artemis\"";
    for (ours, theirs) in [("SCRAM-SHA-256", "SCRAM-SHA-512"), ("SCRAM-SHA-512", "SCRAM-SHA-256"), ("PLAIN", "")] {
        let (broker, credentials) = match theirs {
            "" => (Artemis::start(), format!("{user}\n    allow-plain-without-tls\n    sasl \"PLAIN\"")),
            mechanism => (Artemis::start_with_scram(mechanism), user.to_owned()),
        };
        let router = start(&broker, &credentials);
        let login = format!("--user alice --password wonder-land --mechanisms {ours}");
        for address in ["w", "a.kept"] {
            assert_kept((router.addr("locked"), address), (Library::Proton, Library::Proton), &login);
        }
        let shown = router.stat("connectors").remove(0);
        assert_eq!(shown["connectionStatus"], "SUCCESS", "{theirs}: {shown}");
    }
}

fn ids(events: &[Value], field: &str) -> BTreeSet<u64> {
    events.iter().filter_map(|event| event[field].as_u64()).collect()
}

#[test]
fn s01_a_jms_producer_on_its_second_router_has_lost_nothing_that_the_broker_accepted() {
    const COUNT: usize = 2000;
    let broker = Artemis::start();
    for (address, queue) in [("w", "Q.LIBRARIES"), ("a.failover", "a.failover")] {
        let second = start(&broker, "");
        let listed = format!("port 0\n    failover-urls \"amqp://{}\"\n", second.clients());
        let mut first = Router::start(&kdl(&broker, "").replacen("port 0\n", &listed, 1));
        first.wait_log(0, DEADLINE, &["auto-link attached", "auto_link=\"out\""]);
        let args = format!("--address {address} --count {COUNT} --window 20 --durable --reconnect");
        let mut producer = Driver::start(Library::Jms, "send", first.clients(), &args);
        for _ in 0..COUNT / 4 {
            producer.event("outcome");
        }
        first.process().signal("KILL");
        first.wait_exit(DEADLINE);
        assert_eq!(producer.event("restored")["peer"], second.clients().to_string());
        producer.event_within("done", Duration::from_secs(90));
        let outcomes = producer.events_so_far("outcome");
        assert_eq!((outcomes.len(), ids(&outcomes, "index").len()), (COUNT, COUNT), "each message has one outcome");
        let accepted: Vec<_> = outcomes.into_iter().filter(|outcome| outcome["state"] == "accepted").collect();
        assert!(accepted.len() > COUNT * 9 / 10, "{} of {COUNT} were accepted", accepted.len());
        let accepted = ids(&accepted, "index");
        drop(second);
        let args = format!("--address {queue} --count 1000000");
        let mut auditor = Driver::start(Library::Jms, "receive", broker.addr(), &args);
        let end = Instant::now() + Duration::from_secs(60);
        while !accepted.is_subset(&ids(&auditor.events_so_far("message"), "id")) {
            assert!(Instant::now() < end, "{address}: accepted, but not in the broker");
            auditor.event("message");
        }
    }
}
