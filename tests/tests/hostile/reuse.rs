//! Channels and handles that are used again while deliveries of their former life are under way.

use crosstie_tests::frame::{Frame, Performative, data_message};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::transfer;
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Released};
use fe2o3_amqp_types::performatives::{Detach, End, Transfer};

use crate::scene::Scene;

pub(crate) fn is_transfer(frame: &Frame) -> bool {
    matches!(frame.performative, Performative::Transfer(_))
}

#[test]
fn a_late_acceptance_settles_nothing_of_the_next_session() {
    let scene = Scene::new();
    let addr = scene.router.clients();
    let mut consumer = Peer::session(addr, "consumer");
    consumer.attach_receiver(0, 0, "again", 10);
    let mut sender = Peer::session(addr, "sender");
    let mut ids = Vec::new();
    for body in [b"old", b"new"] {
        sender.attach_sender(0, 0, "again");
        sender.expect_credit();
        sender.send_message(0, 0, 0, body);
        let (delivery, payload) = consumer.expect_transfer();
        assert_eq!(payload, data_message(body));
        ids.push(delivery.delivery_id.expect("an id"));
        if body == b"old" {
            sender.send(0, &End { error: None });
            sender.expect("end", |frame| matches!(frame.performative, Performative::End(_)).then_some(()));
            sender.begin(0);
        }
    }
    consumer.settle(0, ids[0], Accepted {}.into());
    consumer.settle(0, ids[1], Released {}.into());
    let outcome = sender.expect_outcome(0);
    assert!(
        matches!(outcome, DeliveryState::Released(_)),
        "the old delivery's outcome became the new one's: {outcome:?}"
    );
    scene.finish();
}

#[test]
fn the_rest_of_a_delivery_goes_to_no_later_link_of_its_handle() {
    let scene = Scene::new();
    let addr = scene.router.clients();
    let mut consumer = Peer::session(addr, "consumer");
    consumer.attach_receiver(0, 0, "secret", 10);
    let mut sender = Peer::session(addr, "sender");
    sender.attach_sender(0, 0, "secret");
    sender.expect_credit();
    let head = Transfer { settled: Some(true), more: true, ..transfer(0, 0) };
    let secret = data_message(b"the head and the rest of the secret");
    sender.send_with(0, &head, &secret[..20]);
    assert!(consumer.expect_transfer().0.more);
    consumer.send(0, &Detach { handle: Handle::from(0), closed: true, error: None });
    consumer.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    consumer.attach_receiver(0, 0, "public", 10);
    sender.send_with(0, &Transfer { more: false, ..head }, &secret[20..]);
    sender.begin(1);
    let frames = consumer.frames_until_begin(1);
    assert!(!frames.iter().any(is_transfer), "{frames:?}");
    // the link is served as any other
    let mut public = Peer::session(addr, "public");
    public.attach_sender(0, 0, "public");
    public.expect_credit();
    public.send_message(0, 0, 0, b"whole");
    assert_eq!(consumer.expect_transfer().1, data_message(b"whole"));
    scene.finish();
}
