//! Credit exists where a consumer exists, and messages are spread over consumers.

use std::time::{Duration, Instant};

use crosstie_tests::frame::{Frame, Performative};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::flow;
use crosstie_tests::proton::Proton;
use crosstie_tests::router::Router;
use fe2o3_amqp_types::definitions::Handle;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::Detach;

fn grants(frame: &Frame) -> bool {
    match &frame.performative {
        Performative::Flow(flow) => flow.handle.is_some() && flow.link_credit.unwrap_or(0) > 0,
        _ => false,
    }
}

#[test]
fn a_sender_has_credit_only_while_there_is_a_consumer() {
    let router = Router::plain();
    let mut sender = Peer::session(router.clients(), "sender");
    let mut receiver = Peer::session(router.clients(), "receiver");
    sender.attach_sender(0, 0, "credit");
    let before = sender.frames_until_begin(1);
    assert!(!before.iter().any(grants), "credit without a consumer: {before:?}");

    receiver.attach_receiver(0, 0, "credit", 10);
    assert!(sender.expect_credit() > 0);
    sender.send_message(0, 0, 0, b"one");
    let (transfer, _) = receiver.expect_transfer();
    receiver.settle(0, transfer.delivery_id.expect("an id"), Accepted {}.into());
    assert!(matches!(sender.expect_outcome(0), DeliveryState::Accepted(_)));

    receiver.send(0, &Detach { handle: Handle::from(0), closed: true, error: None });
    receiver.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    assert_credit_ends(&mut sender);
}

/// Either the sender's credit is taken back (a drain, or a credit of zero), or what it sends is released.
fn assert_credit_ends(sender: &mut Peer) {
    let end = Instant::now() + Duration::from_secs(3);
    while let Arrival::Frame(frame) = sender.next(end.saturating_duration_since(Instant::now())) {
        if let Performative::Flow(flow) = &frame.performative
            && flow.handle.is_some()
            && (flow.drain || flow.link_credit == Some(0))
        {
            return;
        }
    }
    sender.send_message(0, 0, 1, b"nobody");
    assert!(matches!(sender.expect_outcome(1), DeliveryState::Released(_)), "a message for nobody is released");
}

#[test]
fn credit_comes_back_with_the_consumer() {
    let router = Router::plain();
    let mut sender = Proton::start("send", router.clients(), "--address back --count 1000 --window 1");
    sender.event("attached");
    for _ in 0..2 {
        let mut receiver = Proton::start("receive", router.clients(), "--address back --count 10");
        receiver.event("done");
        receiver.finish();
    }
    let accepted = sender.events_so_far("outcome").iter().filter(|outcome| outcome["state"] == "accepted").count();
    assert!(accepted >= 19, "{accepted} of 20 received messages are accepted");
}

#[test]
fn balanced_spreads_over_the_receivers() {
    const COUNT: u32 = 90;
    let router = Router::plain();
    let mut receivers: Vec<Peer> = (0..3)
        .map(|number| {
            let mut receiver = Peer::session(router.clients(), &format!("receiver-{number}"));
            receiver.attach_receiver(0, 0, "spread", 1000);
            receiver
        })
        .collect();
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "spread");
    assert!(sender.expect_credit() >= COUNT, "the default capacity is above {COUNT}");
    for number in 0..COUNT {
        sender.send_message(0, 0, number, &number.to_be_bytes());
    }
    // Nobody settles, so each next message goes to whoever has the fewest.
    let each = usize::try_from(COUNT).expect("small") / receivers.len();
    for receiver in &mut receivers {
        for _ in 0..each {
            let (transfer, _) = receiver.expect_transfer();
            assert!(!transfer.settled.unwrap_or(false));
        }
        for id in 0..u32::try_from(each).expect("small") {
            receiver.settle(0, id, Accepted {}.into());
        }
    }
    let mut accepted = 0;
    while accepted < COUNT {
        accepted += sender.expect("disposition", |frame| match &frame.performative {
            Performative::Disposition(found) => {
                assert!(matches!(found.state, Some(DeliveryState::Accepted(_))), "{found:?}");
                Some(found.last.unwrap_or(found.first) - found.first + 1)
            }
            _ => None,
        });
    }
    assert_eq!(accepted, COUNT);
}

#[test]
fn a_receiver_gets_no_more_than_its_credit() {
    let router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "sip", 3);
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "sip");
    sender.expect_credit();
    for number in 0..10 {
        sender.send_message(0, 0, number, b"x");
    }
    for _ in 0..3 {
        receiver.expect_transfer();
    }
    let more = receiver.frames_until_begin(1);
    assert!(!more.iter().any(|frame| matches!(frame.performative, Performative::Transfer(_))), "{more:?}");
    receiver.send(0, &flow(0, 3, 7));
    for _ in 0..7 {
        receiver.expect_transfer();
    }
}
