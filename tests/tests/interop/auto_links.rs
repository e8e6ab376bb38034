//! Auto-links on a listener for route containers, and on a connector whose container refuses them.

use std::net::SocketAddr;
use std::time::Instant;

use crosstie_tests::frame::{Performative, data_message};
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::{begin, flow, open, receiver};
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::{self, AmqpError, Role};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Detach};

use crate::link_routes::{answer, routed_attach};

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
    served(Peer::open(router.addr("containers"), "brk"))
}

fn served(mut peer: Peer) -> Peer {
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

/// A broker that answers the router's session.
pub(crate) fn serve_session(server: &Server) -> Peer {
    let (mut peer, _) = server.accept_open(&open("scripted-broker"));
    let channel =
        peer.expect("begin", |frame| matches!(frame.performative, Performative::Begin(_)).then_some(frame.channel));
    peer.send(0, &begin(Some(channel)));
    peer
}

pub(crate) fn auto_attach(peer: &mut Peer) -> Attach {
    peer.expect("attach", |frame| match &frame.performative {
        Performative::Attach(attach) => Some((**attach).clone()),
        _ => None,
    })
}

pub(crate) fn refuse(peer: &mut Peer, theirs: &Attach) {
    let role = if theirs.role == Role::Sender { Role::Receiver } else { Role::Sender };
    let mut ours = Attach { role: role.clone(), initial_delivery_count: None, unsettled: None, ..theirs.clone() };
    // a terminus that is absent announces the Detach that follows. Source: AMQP 1.0 part 2, 2.6.3
    if role == Role::Receiver {
        ours.target = None;
    } else {
        (ours.source, ours.initial_delivery_count) = (None, Some(0));
    }
    peer.send(0, &ours);
    let error = definitions::Error::new(AmqpError::NotFound, Some("no such queue".to_owned()), None);
    peer.send(0, &Detach { handle: theirs.handle.clone(), closed: true, error: Some(error) });
    let handle = theirs.handle.clone();
    peer.expect("detach", |frame| {
        matches!(&frame.performative, Performative::Detach(detach) if detach.handle == handle).then_some(())
    });
}

#[test]
fn an_auto_link_whose_answer_has_no_address_says_so() {
    let server = Server::new();
    let addr = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let router = Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{addr}\"\n}}\n\
         auto-link \"one\" {{\n    address \"q\"\n    direction \"out\"\n    connection \"broker\"\n}}\n"
    )));
    let mut peer = serve_session(&server);
    let theirs = auto_attach(&mut peer);
    let handle = theirs.handle.clone();
    let target = Some(Box::new(TargetArchetype::Target(Target::default())));
    peer.send(0, &Attach { role: Role::Receiver, initial_delivery_count: None, unsettled: None, target, ..theirs });
    router.wait_log(
        0,
        DEADLINE,
        &["INFO", "auto-link without an address", "one", "the container's answer has no address"],
    );
    let shown = router.stat("auto-links").remove(0);
    let error = "the container's answer has no address";
    assert_eq!((&shown["operStatus"], &shown["lastError"]), (&"attaching".into(), &error.into()), "{shown}");
    // its detach says more, and is answered
    let error = definitions::Error::new(AmqpError::NotFound, Some("no such queue".to_owned()), None);
    peer.send(0, &Detach { handle: handle.clone(), closed: true, error: Some(error) });
    peer.expect("detach", |frame| {
        matches!(&frame.performative, Performative::Detach(detach) if detach.handle == handle).then_some(())
    });
    router.wait_log(0, DEADLINE, &["auto-link detached by the peer", "no such queue"]);
    assert_eq!(router.stat("auto-links")[0]["lastError"], "no such queue");
}

#[test]
fn s04_a_refused_auto_link_is_attached_again_after_two_seconds_and_then_each_five() {
    let server = Server::new();
    let addr = SocketAddr::from(([127, 0, 0, 1], server.port()));
    let router = Router::start(&plain_kdl(&format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{addr}\"\n}}\n\
         auto-link \"one\" {{\n    address \"q.one\"\n    direction \"out\"\n    connection \"broker\"\n    \
         external-address \"EXT.one\"\n}}\n"
    )));
    let mut peer = serve_session(&server);
    let mut times = Vec::new();
    for _ in 0..3 {
        let theirs = auto_attach(&mut peer);
        refuse(&mut peer, &theirs);
        times.push(Instant::now());
    }
    let waits: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    assert!((1.9..4.5).contains(&waits[0]) && (4.9..8.5).contains(&waits[1]), "{waits:?}");
    router.wait_log(0, DEADLINE, &["auto-link detached by the peer", "no such queue", "amqp:not-found"]);
    let shown = router.stat("auto-links").remove(0);
    assert_eq!((&shown["operStatus"], &shown["lastError"]), (&"failed".into(), &"no such queue".into()));

    // and then the container takes it
    let theirs = auto_attach(&mut peer);
    let Some(target) = theirs.target.as_deref() else { panic!("{theirs:?}") };
    let TargetArchetype::Target(target) = target;
    assert_eq!(target.address.as_deref(), Some("EXT.one"));
    let handle = theirs.handle.0;
    peer.send(0, &Attach { role: Role::Receiver, unsettled: None, ..theirs });
    peer.send(0, &flow(handle, 0, 10));
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "q.one");
    sender.expect_credit();
    sender.send_message(0, 0, 0, b"one");
    let (transfer, payload) = peer.expect_transfer();
    assert_eq!(payload, data_message(b"one"));
    peer.settle(0, transfer.delivery_id.expect("an id"), Accepted {}.into());
    sender.expect_outcome(0);
}

/// `container` finds whoever has that container-id, also where the router dialled it: its auto-links and link routes carry.
#[test]
fn what_names_a_container_finds_it_behind_a_connector() {
    let server = Server::new();
    let links = |direction: &str| {
        format!(
            "auto-link \"{direction}\" {{\n    address \"w\"\n    direction \"{direction}\"\n    container \"brk\"\n}}\n\
             link-route {{\n    prefix \"b2\"\n    direction \"{direction}\"\n    container \"brk\"\n}}\n"
        )
    };
    let port = server.port();
    let connector =
        format!("connector \"dials\" {{\n    role \"route-container\"\n    endpoint \"amqp://127.0.0.1:{port}\"\n}}\n");
    let mut router = Router::start(&plain_kdl(&[connector, links("in"), links("out")].concat()));
    let mut container = served(server.accept_open(&open("brk")).0);
    let mut client = Peer::session(router.clients(), "client");
    client.attach_sender(0, 0, "w");
    client.expect_credit();
    client.send_message(0, 0, 0, b"by an auto-link");
    let (delivery, payload) = container.expect_transfer();
    assert_eq!(payload, data_message(b"by an auto-link"));
    container.settle(0, delivery.delivery_id.expect("an id"), Accepted {}.into());
    assert!(matches!(client.expect_outcome(0), DeliveryState::Accepted(_)));
    client.send(0, &receiver(1, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("receiver-1");
    client.send(0, &flow(1, 0, 1));
    container.expect("credit", |frame| {
        matches!(&frame.performative, Performative::Flow(flow) if flow.link_credit == Some(1)).then_some(())
    });
    container.send_message(channel, attach.handle.0, 0, b"by a link route");
    assert_eq!(client.expect_transfer().1, data_message(b"by a link route"));
    router.assert_healthy();
}
