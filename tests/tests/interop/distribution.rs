//! Scenario S10 on one router: distributions, settlement and outcomes, the anonymous relay, dynamic sources.

use crosstie_tests::frame::{Performative, condition, data_message};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{receiver, sender, transfer};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::{Error, ErrorCondition, Handle};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Modified, Rejected, Released, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Detach, Transfer};

const DISTRIBUTIONS: [&str; 3] = ["closest", "balanced", "multicast"];

fn router() -> Router {
    let address = |name: &str| format!("address {{\n    prefix \"{name}\"\n    distribution \"{name}\"\n}}\n");
    let all = DISTRIBUTIONS.iter().chain(&["unavailable"]).map(|name| address(name)).collect::<String>();
    Router::start(&plain_kdl(&all))
}

fn consumer(router: &Router, address: &str, credit: u32) -> Peer {
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, address, credit);
    // once this is answered the credit is known
    consumer.begin(1);
    consumer
}

fn producer(router: &Router, address: &str) -> Peer {
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, address);
    producer.expect_credit();
    producer
}

fn detach(peer: &mut Peer) {
    peer.send(0, &Detach { handle: Handle::from(0), closed: true, error: None });
    peer.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
}

fn refused() -> Error {
    Error::new(ErrorCondition::Custom("test:refused".into()), Some("not today".into()), None)
}

fn state(name: &str) -> DeliveryState {
    match name {
        "accepted" => Accepted {}.into(),
        "rejected" => Rejected { error: Some(refused()) }.into(),
        "released" => Released {}.into(),
        "modified" => {
            Modified { delivery_failed: Some(true), undeliverable_here: Some(true), message_annotations: None }.into()
        }
        other => panic!("{other}"),
    }
}

fn name(state: &DeliveryState) -> &'static str {
    match state {
        DeliveryState::Accepted(_) => "accepted",
        DeliveryState::Rejected(_) => "rejected",
        DeliveryState::Released(_) => "released",
        DeliveryState::Modified(_) => "modified",
        other => panic!("no outcome: {other:?}"),
    }
}

/// What a consumer does with its delivery; `vanish`: its connection is cut.
fn treat(mut consumer: Peer, treatment: &str) -> Option<Peer> {
    let (delivery, _) = consumer.expect_transfer();
    if treatment == "vanish" {
        return None;
    }
    consumer.settle(0, delivery.delivery_id.expect("an id"), state(treatment));
    Some(consumer)
}

#[test]
fn s10_the_outcome_of_the_one_consumer_is_what_the_sender_hears() {
    let router = router();
    for distribution in DISTRIBUTIONS {
        for treatment in ["accepted", "rejected", "released", "modified", "vanish"] {
            let address = format!("{distribution}/{treatment}");
            let consumer = consumer(&router, &address, 10);
            let mut producer = producer(&router, &address);
            producer.send_message(0, 0, 0, b"x");
            let kept = treat(consumer, treatment);
            let outcome = producer.expect_outcome(0);
            let expected = if treatment == "vanish" { "modified" } else { treatment };
            assert_eq!(name(&outcome), expected, "{address}: {outcome:?}");
            match outcome {
                DeliveryState::Rejected(rejected) => {
                    let error = rejected.error.expect("the consumer's error");
                    assert_eq!(condition(&error.condition), "test:refused", "{address}");
                    assert_eq!(error.description.as_deref(), Some("not today"), "{address}");
                }
                DeliveryState::Modified(modified) => assert_eq!(modified.delivery_failed, Some(true), "{address}"),
                _ => {}
            }
            drop(kept);
        }
    }
}

#[test]
fn s10_a_settled_delivery_stays_settled_and_has_no_outcome() {
    let router = router();
    for distribution in DISTRIBUTIONS {
        for treatment in ["accepted", "rejected", "released", "modified", "vanish"] {
            let address = format!("{distribution}/settled/{treatment}");
            let mut consumer = consumer(&router, &address, 10);
            let mut producer = producer(&router, &address);
            let settled = Transfer { settled: Some(true), ..transfer(0, 0) };
            producer.send_with(0, &settled, &data_message(b"x"));
            let (delivery, payload) = consumer.expect_transfer();
            assert_eq!((delivery.settled, payload), (Some(true), data_message(b"x")), "{address}");
            if treatment != "vanish" {
                consumer.settle(0, delivery.delivery_id.expect("an id"), state(treatment));
                consumer.begin(2);
            }
            drop(consumer);
            let frames = producer.frames_until_begin(1);
            let told = frames.iter().any(|frame| matches!(frame.performative, Performative::Disposition(_)));
            assert!(!told, "{address}: {frames:?}");
        }
    }
}

#[test]
fn s10_without_a_consumers_credit_nothing_is_sent_and_in_the_end_it_is_released() {
    let router = router();
    for distribution in DISTRIBUTIONS {
        let address = format!("{distribution}/never");
        let mut consumer = consumer(&router, &address, 0);
        let mut producer = producer(&router, &address);
        producer.send_message(0, 0, 0, b"unsettled");
        producer.send_with(0, &Transfer { settled: Some(true), ..transfer(0, 1) }, &data_message(b"settled"));
        producer.begin(1);
        let frames = consumer.frames_until_begin(2);
        assert!(!frames.iter().any(|frame| matches!(frame.performative, Performative::Transfer(_))), "{frames:?}");
        detach(&mut consumer);
        assert_eq!(name(&producer.expect_outcome(0)), "released", "{address}");
    }
}

#[test]
fn s10_a_multicast_delivery_has_the_outcome_that_weighs_most() {
    let router = router();
    for (index, (first, second, expected)) in [
        ("accepted", "accepted", "accepted"),
        ("accepted", "rejected", "rejected"),
        ("released", "rejected", "rejected"),
        ("accepted", "released", "accepted"),
        ("modified", "accepted", "accepted"),
        ("modified", "released", "modified"),
        ("released", "released", "released"),
        ("accepted", "vanish", "accepted"),
        ("released", "vanish", "modified"),
        ("rejected", "vanish", "rejected"),
    ]
    .into_iter()
    .enumerate()
    {
        let address = format!("multicast/{index}");
        let consumers = [consumer(&router, &address, 10), consumer(&router, &address, 10)];
        let mut producer = producer(&router, &address);
        producer.send_message(0, 0, 0, b"x");
        let kept: Vec<_> = consumers
            .into_iter()
            .zip([first, second])
            .map(|(consumer, treatment)| treat(consumer, treatment))
            .collect();
        let outcome = producer.expect_outcome(0);
        assert_eq!(name(&outcome), expected, "{first} and {second}: {outcome:?}");
        drop(kept);
    }
}

/// The condition of a refused attach: an answer without its terminus, then a detach.
fn refusal(peer: &mut Peer, attach: &Attach) -> String {
    peer.send(0, attach);
    let answer = peer.expect_attach(&attach.name);
    assert!(answer.source.is_none() || answer.target.is_none(), "{answer:?}");
    peer.expect("detach", |frame| match &frame.performative {
        Performative::Detach(detach) => Some(condition(&detach.error.as_ref().expect("an error").condition)),
        _ => None,
    })
}

#[test]
fn s10_an_unavailable_address_refuses_both_ends() {
    let router = router();
    let mut peer = Peer::session(router.clients(), "peer");
    assert_eq!(refusal(&mut peer, &sender(0, "unavailable/x")), "amqp:not-found");
    assert_eq!(refusal(&mut peer, &receiver(1, "unavailable/x")), "amqp:not-found");
}

/// A sender without an address.
fn anonymous(router: &Router) -> Peer {
    let mut peer = Peer::session(router.clients(), "anonymous");
    attach_anonymous(&mut peer, 0);
    peer
}

pub(crate) fn attach_anonymous(peer: &mut Peer, handle: u32) {
    let target = TargetArchetype::Target(Target { address: None, ..Target::default() });
    peer.send(0, &Attach { target: Some(Box::new(target)), ..sender(handle, "") });
    peer.expect_attach(&format!("sender-{handle}"));
    peer.expect_credit();
}

/// A properties section with `to` alone (AMQP 1.0 part 3, 3.2.4), and a body.
pub(crate) fn message_to(to: &str) -> Vec<u8> {
    let length = u8::try_from(to.len()).expect("a short address");
    let mut message = vec![0x00, 0x53, 0x73, 0xc0, length + 5, 3, 0x40, 0x40, 0xa1, length];
    message.extend_from_slice(to.as_bytes());
    message.extend(data_message(b"relayed"));
    message
}

#[test]
fn s10_an_anonymous_sender_hears_what_became_of_each_message() {
    let router = router();
    let mut consumer = consumer(&router, "balanced/there", 10);
    let mut peer = anonymous(&router);
    for (id, to) in (0..).zip(["balanced/nobody", "_topo/0/ZZ/x", "_local/x", "multicast/nobody"]) {
        peer.send_with(0, &transfer(0, id), &message_to(to));
        assert_eq!(name(&peer.expect_outcome(id)), "released", "{to}");
    }
    peer.send_message(0, 0, 4, b"to nowhere");
    let outcome = peer.expect_outcome(4);
    let DeliveryState::Rejected(Rejected { error: Some(error) }) = outcome else { panic!("{outcome:?}") };
    assert_eq!(condition(&error.condition), "amqp:precondition-failed");
    assert_eq!(error.description.as_deref(), Some("Routing failure: no address present"));
    peer.send_with(0, &transfer(0, 5), &message_to("balanced/there"));
    let (delivery, payload) = consumer.expect_transfer();
    assert_eq!(payload, message_to("balanced/there"));
    consumer.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
    assert_eq!(name(&peer.expect_outcome(5)), "accepted");
}

#[test]
fn s10_a_reply_finds_its_dynamic_source() {
    let router = router();
    let mut client = Peer::session(router.clients(), "client");
    let mut attach = receiver(0, "");
    let source = attach.source.as_mut().expect("a source");
    (source.address, source.dynamic) = (None, true);
    client.send(0, &attach);
    let answer = client.expect_attach("receiver-0").source.expect("a source").address.expect("an address").to_string();
    assert!(answer.starts_with("amqp:/_topo/0/hub/temp."), "{answer}");
    client.send(0, &crosstie_tests::performative::flow(0, 0, 10));
    client.begin(1);

    let message = message_to(&answer);
    for mut service in [anonymous(&router), producer(&router, &answer)] {
        service.send_with(0, &transfer(0, 0), &message);
        let (delivery, payload) = client.expect_transfer();
        assert_eq!(payload, message);
        client.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
        assert_eq!(name(&service.expect_outcome(0)), "accepted");
    }
}
