//! Scenario S18: which pattern an address has, told by what peers see of its distribution.

use crosstie_tests::frame::Performative;
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::receiver;
use crosstie_tests::router::{Router, plain_kdl};

const PATTERNS: [(&str, &str); 7] = [
    ("a/b/c", "unavailable"),
    ("a/*/c", "multicast"),
    ("a/#", "closest"),
    ("#/c", "multicast"),
    ("x.*", "multicast"),
    ("x.y", "closest"),
    ("p/*/r/#", "closest"),
];

/// Address and the pattern's distribution; `unavailable` is also what has no pattern.
const EXPECTED: [(&str, &str); 20] = [
    ("a/b/c", "unavailable"),
    ("a.b.c", "unavailable"),
    ("a/x/c", "multicast"),
    ("a.x.c", "multicast"),
    ("a/x.c", "multicast"),
    ("/a/x/c", "multicast"),
    ("amqp://elsewhere/a/x/c", "multicast"),
    ("a/x/c/", "multicast"),
    ("a", "closest"),
    ("a/x", "closest"),
    ("a/x/y/c", "closest"),
    ("ab/x", "unavailable"),
    ("c", "multicast"),
    ("z/z/c", "multicast"),
    ("x.q", "multicast"),
    ("x/q", "multicast"),
    ("x.y", "closest"),
    ("x.q.r", "unavailable"),
    ("p/q/r", "closest"),
    ("p/r", "unavailable"),
];

/// What the peers of an address see: nobody may attach, or both of two consumers have a message, or one of them.
fn seen(router: &Router, address: &str) -> &'static str {
    let mut consumers = Vec::new();
    for _ in 0..2 {
        let mut consumer = Peer::session(router.clients(), "consumer");
        consumer.send(0, &receiver(0, address));
        if consumer.expect_attach("receiver-0").source.is_none() {
            return "unavailable";
        }
        consumer.send(0, &crosstie_tests::performative::flow(0, 0, 10));
        consumer.begin(1);
        consumers.push(consumer);
    }
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, address);
    producer.expect_credit();
    producer.send_message(0, 0, 0, b"x");
    producer.begin(1);
    let frames = consumers.iter_mut().flat_map(|consumer| consumer.frames_until_begin(2));
    match frames.filter(|frame| matches!(frame.performative, Performative::Transfer(_))).count() {
        2 => "multicast",
        1 => "closest",
        count => panic!("{address}: {count} transfers"),
    }
}

#[test]
fn s18_an_exact_pattern_precedes_a_star_and_a_star_precedes_a_hash() {
    let addresses = PATTERNS.map(|(pattern, distribution)| {
        format!("address {{\n    pattern \"{pattern}\"\n    distribution \"{distribution}\"\n}}\n")
    });
    // one worker: what is sent has arrived everywhere when the next thing is answered
    let kdl =
        plain_kdl(&addresses.concat()).replace("workers 2", "workers 1\n    default-distribution \"unavailable\"");
    let router = Router::start(&kdl);
    for (address, expected) in EXPECTED {
        assert_eq!(seen(&router, address), expected, "{address}");
    }
}
