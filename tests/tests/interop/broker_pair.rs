//! The shared-store pair of Artemis, whose primary advertises its backup.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::broker::Broker;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use serde_json::Value;

const COUNT: usize = 3000;

fn ids(events: &[Value], field: &str) -> BTreeSet<u64> {
    events.iter().filter_map(|event| event[field].as_u64()).collect()
}

#[test]
fn s02_the_connector_follows_the_list_of_an_artemis_pair() {
    let (mut primary, backup) = Artemis::start_pair();
    let mut kdl = format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{}\"\n    failover {{\n        \
         backoff base=\"200ms\" cap=\"500ms\" jitter=0.0\n    }}\n}}\naddress {{\n    prefix \"q\"\n    waypoint\n}}\n",
        primary.addr()
    );
    for direction in ["out", "in"] {
        kdl.push_str(&format!(
            "auto-link \"{direction}\" {{\n    address \"q\"\n    direction \"{direction}\"\n    connection \"broker\"\n    \
             external-address \"{}\"\n}}\n",
            primary.queue("Q.PAIR")
        ));
    }
    let mut router = Router::start(&plain_kdl(&kdl));
    router.wait_log(0, DEADLINE, &["auto-link attached", "in"]);
    let connector = |router: &Router| router.stat("connectors").remove(0);
    let (first, second) = (format!("amqp://{}", primary.addr()), format!("amqp://{}", backup.addr()));
    assert_eq!(connector(&router)["failoverUrls"], format!("{first}, {second}"), "what the primary advertises");

    let mut consumer = Proton::start("receive", router.clients(), "--address q --count 1000000");
    consumer.event("attached");
    let args = format!("--address q --count {COUNT} --sizes 1,1000,20000 --window 50 --durable");
    let mut producer = Proton::start("send", router.clients(), &args);
    for _ in 0..COUNT / 3 {
        producer.event("outcome");
    }
    let mark = router.log_mark();
    primary.kill();
    router.wait_log(mark, Duration::from_secs(60), &["connected", "broker", &backup.addr().to_string()]);
    producer.event_within("done", Duration::from_secs(90));

    let outcomes = producer.events_so_far("outcome");
    assert_eq!((outcomes.len(), ids(&outcomes, "index").len()), (COUNT, COUNT), "each has one outcome");
    let (accepted, rest): (Vec<_>, Vec<_>) = outcomes.into_iter().partition(|outcome| outcome["state"] == "accepted");
    for outcome in &rest {
        assert!(["released", "modified"].contains(&outcome["state"].as_str().expect("a state")), "{outcome}");
    }
    assert!(rest.len() <= 50, "{} of a window of 50 were lost", rest.len());
    let accepted = ids(&accepted, "index");
    let end = Instant::now() + Duration::from_secs(60);
    while !accepted.is_subset(&ids(&consumer.events_so_far("message"), "id")) {
        assert!(Instant::now() < end, "accepted, but never delivered");
        consumer.event("message");
    }
    let shown = connector(&router);
    assert_eq!(shown["connectionStatus"], "SUCCESS");
    let urls = shown["failoverUrls"].as_str().expect("URLs");
    assert!(urls.starts_with(&second) && urls.contains(&first), "the one in use first: {urls}");
    for auto_link in router.stat("auto-links") {
        assert_eq!(auto_link["operStatus"], "active", "{auto_link}");
    }
    router.assert_healthy();
}
