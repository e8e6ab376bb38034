//! Credit that is taken back while deliveries are on their way. Proton-J (ActiveMQ, Qpid JMS) and go-amqp count what is left
//! without a sign: less than they have in flight is credit without an end to them.

use std::time::{Duration, Instant};

use crosstie_tests::frame::{Frame, Performative};
use crosstie_tests::peer::{Arrival, DEADLINE, Peer};
use crosstie_tests::performative::{flow, sender};
use crosstie_tests::router::{Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::{Attach, Close, Detach, End, Flow};

use crate::auto_links::{auto_attach, serve_session};
use crate::failover::connector;

/// More than the credit of a link's default capacity.
const MANY: u32 = 400;
/// The router looks at its links every five seconds; twice, and then some for a busy machine.
const TWO_LOOKS: Duration = Duration::from_secs(20);
/// Less than lies between two looks.
const LOOK: Duration = Duration::from_secs(4);

/// A router with a waypoint whose only auto-link has this direction, and its container, attached.
fn waypoint(direction: &str) -> (Router, Server, Peer) {
    let server = Server::new();
    let router = Router::start(&plain_kdl(&format!(
        "address {{\n    prefix \"q\"\n    waypoint\n}}\nconnector \"broker\" {{\n    role \"route-container\"\n    \
         endpoint \"amqp://127.0.0.1:{}\"\n}}\nauto-link \"link\" {{\n    address \"q.one\"\n    \
         direction \"{direction}\"\n    connection \"broker\"\n}}\n",
        server.port()
    )));
    let container = attached(&server);
    (router, server, container)
}

/// The container, whose auto-link is attached.
fn attached(server: &Server) -> Peer {
    let mut container = serve_session(server);
    let theirs = auto_attach(&mut container);
    let receives = theirs.role == Role::Sender;
    let role = if receives { Role::Receiver } else { Role::Sender };
    container.send(0, &Attach { role, initial_delivery_count: (!receives).then_some(0), unsettled: None, ..theirs });
    container
}

/// Where the credit of a link ends.
fn limit(frame: &Frame) -> Option<u32> {
    match &frame.performative {
        Performative::Flow(flow) if flow.handle.is_some() => Some(flow.delivery_count? + flow.link_credit?),
        _ => None,
    }
}

/// How a consumer goes.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    Detach,
    End,
    /// Of a session with another link to the address, which has no deliveries and goes last.
    EndOfTwo,
    Close,
    Lost,
}

#[test]
fn s04_a_broker_is_never_given_less_credit_than_it_has_in_flight() {
    for leaves in [Leaves::Detach, Leaves::End, Leaves::EndOfTwo, Leaves::Close, Leaves::Lost] {
        assert_credit_stays(leaves);
    }
}

fn assert_credit_stays(leaves: Leaves) {
    let (mut router, _server, mut container) = waypoint("in");
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "q.one", 1);
    if matches!(leaves, Leaves::EndOfTwo) {
        consumer.attach_receiver(0, 1, "q.one", 0);
    }
    let mut given = container.expect_credit();
    container.send_message(0, 0, 0, b"one");
    consumer.expect_transfer();

    // the consumer goes while the broker sends all that it may
    match leaves {
        Leaves::Detach => consumer.send(0, &Detach { handle: 0.into(), closed: true, error: None }),
        Leaves::End | Leaves::EndOfTwo => consumer.send(0, &End { error: None }),
        Leaves::Close => consumer.send(0, &Close { error: None }),
        Leaves::Lost => drop(consumer),
    }
    for id in 1..given {
        container.send_message(0, 0, id, b"more");
    }
    let (mut ended, mut left) = (0, given);
    let end = Instant::now() + TWO_LOOKS;
    while ended < given {
        match container.next(end.saturating_duration_since(Instant::now())) {
            Arrival::Frame(frame) => {
                left = limit(&frame).unwrap_or(left);
                assert!(left >= given, "{leaves:?}: credit until {left}, after it was until {given}: {frame:?}");
                given = given.max(left);
                if let Performative::Disposition(said) = &frame.performative {
                    assert!(matches!(said.state, Some(DeliveryState::Released(_) | DeliveryState::Modified(_))));
                    ended += said.last.unwrap_or(said.first) - said.first + 1;
                }
            }
            other => panic!("{leaves:?}: {ended} of {given} have an outcome, and now {other:?}"),
        }
    }
    router.assert_healthy();
}

#[test]
fn s04_a_broker_that_rests_when_its_last_consumer_goes_has_no_credit() {
    let (router, _server, mut container) = waypoint("in");
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "q.one", 1);
    assert!(container.expect_credit() > 0);
    consumer.close();
    await_limit(&mut container, 0, LOOK);
    // and has some again with the next consumer
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "q.one", 1);
    assert!(container.expect_credit() > 0);
}

#[test]
fn s04_a_broker_that_worked_for_its_last_consumer_has_no_credit_after_two_looks() {
    let (router, _server, mut container) = waypoint("in");
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "q.one", 1);
    assert!(container.expect_credit() > 0);
    container.send_message(0, 0, 0, b"one");
    consumer.expect_transfer();
    let gone = Instant::now();
    drop(consumer);
    assert!(matches!(container.expect_outcome(0), DeliveryState::Modified(_)));
    await_limit(&mut container, 1, TWO_LOOKS);
    let took = gone.elapsed();
    assert!(took > LOOK, "taken back after {took:?}");
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "q.one", 1);
    assert!(container.expect_credit() > 0);
}

/// Reads until the credit of the link ends here.
fn await_limit(container: &mut Peer, wanted: u32, deadline: Duration) {
    let end = Instant::now() + deadline;
    loop {
        match container.next(end.saturating_duration_since(Instant::now())) {
            Arrival::Frame(frame) if limit(&frame) == Some(wanted) => break,
            Arrival::Frame(_) => {}
            other => panic!("its credit is still there: {other:?}"),
        }
    }
}

#[test]
fn s04_a_sender_that_takes_too_little_credit_for_much_is_no_peer_at_fault() {
    let (mut router, server, mut container) = waypoint("out");
    container.send(0, &flow(0, 0, 10));
    let mut producer = Peer::session(router.clients(), "producer");
    producer.send(0, &sender(0, "q.one"));
    producer.expect_attach("sender-0");
    let credit = producer.expect_credit();
    assert!(credit < MANY);
    producer.send_message(0, 0, 0, b"one");
    container.expect_transfer();
    drop((container, server));
    let taken_back = |frame: &Frame| (limit(frame)? < credit).then_some(());
    producer.expect("a flow that takes credit back", taken_back);

    for id in 1..MANY {
        producer.send_message(0, 0, id, b"more");
    }
    let (mut released, mut drained) = (0, false);
    while released < MANY - 1 || !drained {
        producer.expect("released, and a count to begin from again", |frame| {
            match &frame.performative {
                Performative::Disposition(said) if said.first > 0 => {
                    assert!(matches!(said.state, Some(DeliveryState::Released(_))), "{said:?}");
                    released += said.last.unwrap_or(said.first) - said.first + 1;
                }
                Performative::Flow(flow) => drained |= flow.drain && limit(frame).is_some_and(|limit| limit > MANY),
                _ => return None,
            }
            Some(())
        });
    }
    router.assert_healthy();
}

#[test]
fn s04_a_sender_that_has_its_credit_again_is_held_to_it() {
    let (mut router, server, container) = waypoint("out");
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, "q.one");
    let credit = producer.expect_credit();
    drop(container);
    let taken_back = |frame: &Frame| (limit(frame)? < credit).then_some(());
    producer.expect("a flow that takes credit back", taken_back);
    let _container = attached(&server);
    let credit = producer.expect_credit();
    for id in 0..credit {
        producer.send_message(0, 0, id, b"within");
    }
    producer.frames_until_begin(1);
    producer.send_message(0, 0, credit, b"beyond");
    assert_eq!(producer.fault(DEADLINE), Ok(Some("amqp:link:transfer-limit-exceeded".to_owned())));
    router.assert_healthy();
}

/// The flows of the link of a container whose place a better one takes, at rest or with a delivery at its consumer, until its
/// connection ends; and what credit it had before.
fn flows_of_retired(works: bool) -> (u32, Vec<Flow>) {
    let (first, second) = (Server::new(), Server::new());
    let kdl = connector(&[(first.port(), 0), (second.port(), 1)], "fail-back after=\"1s\"");
    let mut router = Router::start(&format!(
        "{kdl}\naddress {{\n    prefix \"q\"\n    waypoint\n}}\nauto-link \"link\" {{\n    address \"q.one\"\n    direction \"in\"\n    connection \"my-broker\"\n}}\n"
    ));
    drop(first.accept());
    let mut container = attached(&second);
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "q.one", 1);
    let given = container.expect_credit();
    if works {
        container.send_message(0, 0, 0, b"one");
        consumer.expect_transfer();
    }
    let _better = attached(&first);
    router.wait_log(0, DEADLINE, &["retiring", &second.port().to_string()]);
    if works {
        consumer.settle(0, 0, Accepted {}.into());
    }
    let mut flows = Vec::new();
    loop {
        match container.next(DEADLINE) {
            Arrival::Frame(Frame { performative: Performative::Flow(flow), .. }) => flows.push(*flow),
            Arrival::Frame(Frame { performative: Performative::Close(_), .. }) => break,
            Arrival::Frame(_) => {}
            other => panic!("before the close came {other:?}"),
        }
    }
    container.send(0, &Close { error: None });
    router.assert_healthy();
    (given, flows)
}

/// RabbitMQ ends the session that is to drain.
#[test]
fn s04_a_container_that_retires_is_not_drained() {
    let (_, flows) = flows_of_retired(false);
    assert!(flows.iter().all(|flow| !flow.drain), "{flows:?}");
    assert_eq!(flows.last().and_then(|flow| flow.link_credit), Some(0), "it rests: {flows:?}");

    let (given, flows) = flows_of_retired(true);
    let keeps = |flow: &Flow| {
        flow.handle.is_none()
            || flow.delivery_count.zip(flow.link_credit).is_some_and(|(count, credit)| count + credit >= given)
    };
    assert!(flows.iter().all(|flow| !flow.drain && keeps(flow)), "{given} were given: {flows:?}");
}
