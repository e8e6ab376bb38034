//! Auto-links on a listener for route containers.

use crosstie_tests::frame::{Performative, data_message};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, flow, receiver};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::Attach;

fn router() -> Router {
    let door = "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n";
    let link = |name: &str, direction: &str| {
        format!(
            "auto-link \"{name}\" {{\n    address \"w\"\n    direction \"{direction}\"\n    container \"brk\"\n}}\n"
        )
    };
    Router::start(&plain_kdl(&[door, &link("o", "out"), &link("i", "in")].concat()))
}

/// A container that answers the router's session and both of its links, and grants credit on the one that it receives.
fn container(router: &Router) -> Peer {
    let mut peer = Peer::open(router.addr("containers"), "brk");
    let channel = peer.expect("begin", |frame| {
        matches!(&frame.performative, Performative::Begin(begin) if begin.remote_channel.is_none())
            .then_some(frame.channel)
    });
    peer.send(0, &begin(Some(channel)));
    for _ in 0..2 {
        let theirs = peer.expect("attach", |frame| match &frame.performative {
            Performative::Attach(attach) => Some((**attach).clone()),
            _ => None,
        });
        let receives = matches!(theirs.role, Role::Sender);
        let role = if receives { Role::Receiver } else { Role::Sender };
        let handle = theirs.handle.0;
        let initial_delivery_count = (!receives).then_some(0);
        peer.send(0, &Attach { role, initial_delivery_count, unsettled: None, ..theirs });
        if receives {
            peer.send(0, &flow(handle, 0, 10));
        }
    }
    peer
}

#[test]
fn auto_links_survive_the_containers_own_attach() {
    let mut router = router();
    // of some names the home is the other worker
    for number in 0..6 {
        let mut container = container(&router);
        let mut own = receiver(100, &format!("own/{number}"));
        own.name = "own".to_owned();
        container.send(0, &own);
        container.expect_attach("own");
        let mut producer = Peer::session(router.clients(), "producer");
        producer.attach_sender(0, 0, "w");
        producer.expect_credit();
        producer.send_message(0, 0, 0, b"one");
        let (delivery, payload) = container.expect_transfer();
        assert_eq!(payload, data_message(b"one"));
        container.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
        assert!(matches!(producer.expect_outcome(0), DeliveryState::Accepted(_)));
        producer.send_message(0, 0, 1, b"two");
        container.expect_transfer();
        drop(container);
        assert!(matches!(producer.expect_outcome(1), DeliveryState::Modified(_)));
        // no consumer is left behind
        let mut late = Peer::session(router.clients(), "late");
        late.attach_sender(0, 0, "w");
        let frames = late.frames_until_begin(1);
        let grants = |flow: &fe2o3_amqp_types::performatives::Flow| flow.link_credit.is_some_and(|credit| credit > 0);
        let granted =
            frames.iter().any(|frame| matches!(&frame.performative, Performative::Flow(flow) if grants(flow)));
        assert!(!granted, "credit without a consumer: {frames:?}");
    }
    router.assert_healthy();
}
