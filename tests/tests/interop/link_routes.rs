//! Link routes to a scripted container: what one peer says is what the other one hears.

use std::time::Duration;

use crosstie_tests::frame::{self, Performative, condition, data_message};
use crosstie_tests::management::Management;
use crosstie_tests::native::runtime;
use crosstie_tests::peer::{Arrival, DEADLINE, Peer};
use crosstie_tests::performative::{begin, disposition, flow, receiver, sender, transfer};
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::definitions::{AmqpError, Error, Handle, ReceiverSettleMode, Role};
use fe2o3_amqp_types::messaging::{
    Accepted, DeliveryState, Modified, Released, Source, Target, TargetArchetype, TerminusExpiryPolicy,
};
use fe2o3_amqp_types::performatives::{Attach, Detach, Disposition, Flow, Transfer};
use serde_amqp::Value;
use serde_amqp::described::Described;
use serde_amqp::descriptor::Descriptor;
use serde_amqp::primitives::{OrderedMap, Symbol};
use serde_bytes::ByteBuf;

use crate::reload::{edit, reload};

fn router() -> Router {
    Router::start(&kdl())
}

/// One container, links to `b2`, and to `lr` under other names.
fn kdl() -> String {
    let door = "listener \"containers\" {\n    host \"127.0.0.1\"\n    port 0\n    role \"route-container\"\n}\n";
    let route = |prefix: &str, direction: &str, more: &str| {
        format!(
            "link-route {{\n    prefix \"{prefix}\"\n    direction \"{direction}\"\n    container \"brk\"\n    {more}\n}}\n"
        )
    };
    let routes = [
        route("b2", "in", ""),
        route("b2", "out", ""),
        route("lr", "in", "add-external-prefix \"ext.\""),
        route("lr", "out", "del-external-prefix \"lr.\""),
    ];
    plain_kdl(&format!("{door}{}", routes.concat()))
}

pub(crate) fn container(router: &Router) -> Peer {
    let mark = router.log_mark();
    let peer = Peer::open(router.addr("containers"), "brk");
    router.wait_log(mark, DEADLINE, &["opened", "brk"]);
    peer
}

/// The attach that the router hands on, on a session that it begins first or has begun; and the channel.
pub(crate) fn routed_attach(container: &mut Peer) -> (u16, Attach) {
    loop {
        let (channel, attach) = container.expect("begin or attach", |frame| match &frame.performative {
            Performative::Begin(found) if found.remote_channel.is_none() => Some((frame.channel, None)),
            Performative::Attach(attach) => Some((frame.channel, Some((**attach).clone()))),
            _ => None,
        });
        match attach {
            Some(attach) => return (channel, attach),
            None => container.send(channel, &begin(Some(channel))),
        }
    }
}

/// Answers an attach in the same handle; a sender begins to count at `count`.
pub(crate) fn answer(container: &mut Peer, channel: u16, attach: &Attach, count: u32) {
    let receives = attach.role == Role::Sender;
    let role = if receives { Role::Receiver } else { Role::Sender };
    let initial_delivery_count = (!receives).then_some(count);
    container.send(channel, &Attach { role, initial_delivery_count, unsettled: None, ..attach.clone() });
}

/// The next flow on a link.
pub(crate) fn link_flow(peer: &mut Peer) -> Flow {
    peer.expect("flow", |frame| match &frame.performative {
        Performative::Flow(flow) if flow.handle.is_some() => Some((**flow).clone()),
        _ => None,
    })
}

fn next_disposition(peer: &mut Peer) -> Disposition {
    peer.expect("disposition", |frame| match &frame.performative {
        Performative::Disposition(found) => Some((**found).clone()),
        _ => None,
    })
}

pub(crate) fn next_detach(peer: &mut Peer) -> Detach {
    loop {
        match peer.next(DEADLINE) {
            Arrival::Frame(frame) => {
                if let Performative::Detach(detach) = frame.performative {
                    return *detach;
                }
            }
            other => panic!("waiting for a detach, but got {other:?}"),
        }
    }
}

pub(crate) fn detach(handle: u32, closed: bool, error: Option<Error>) -> Detach {
    Detach { handle: Handle(handle), closed, error }
}

fn accepted() -> DeliveryState {
    Accepted {}.into()
}

pub(crate) fn named(detach: &Detach) -> Option<String> {
    detach.error.as_ref().map(|error| condition(&error.condition))
}

/// A client with one receiving link to `b2.q`, attached at the container, which counts from 7 on.
fn receiving(router: &Router, container: &mut Peer) -> (Peer, u16, Attach) {
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &receiver(5, "b2.q"));
    let (channel, attach) = routed_attach(container);
    answer(container, channel, &attach, 7);
    client.expect_attach("receiver-5");
    (client, channel, attach)
}

/// What was on its way when its receiver lowered its credit, and what Proton-J sends because it miscounts then.
#[test]
fn s05_a_container_that_sends_beyond_credit_that_was_lowered_is_no_peer_at_fault() {
    let mut router = router();
    let mut container = container(&router);
    let (mut client, channel, attach) = receiving(&router, &mut container);
    for credit in [10, 2] {
        client.send(0, &flow(5, 7, credit));
        assert_eq!(link_flow(&mut container).link_credit, Some(credit));
    }
    for id in 0..20 {
        container.send_message(channel, attach.handle.0, id, b"more");
    }
    for _ in 0..20 {
        client.expect_transfer();
    }
    container.begin(7);
    router.assert_healthy();
}

#[test]
fn s05_the_container_has_the_peers_attach_and_the_peer_its_answer() {
    let router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    let mut wish = receiver(5, "b2.event-queue");
    wish.rcv_settle_mode = ReceiverSettleMode::Second;
    let mut filter = OrderedMap::new();
    let selector =
        Described { descriptor: Descriptor::Code(0x0000_468C_0000_0004), value: Value::String("a = 'b'".into()) };
    filter.insert("jms-selector".into(), Value::Described(Box::new(selector)));
    if let Some(source) = &mut wish.source {
        source.filter = Some(filter);
        source.timeout = 30;
    }
    client.send(0, &wish);
    client.send(0, &flow(5, 0, 1));
    let (channel, found) = routed_attach(&mut container);
    assert_eq!(found.name, "receiver-5@client");
    let mut as_sent = wish.clone();
    (as_sent.name, as_sent.handle) = (found.name.clone(), found.handle.clone());
    assert_eq!(format!("{found:?}"), format!("{as_sent:?}"));
    answer(&mut container, channel, &found, 7);
    let theirs = client.expect_attach("receiver-5");
    assert_eq!((theirs.initial_delivery_count, theirs.rcv_settle_mode), (Some(7), ReceiverSettleMode::Second));
    assert_eq!(format!("{:?}", theirs.source), format!("{:?}", wish.source));
    // credit that came before the answer counts from where the sender began
    let granted = link_flow(&mut container);
    assert_eq!((granted.delivery_count, granted.link_credit, granted.drain), (Some(7), Some(1), false));
}

#[test]
fn s05_tags_states_and_settlement_go_from_end_to_end() {
    let router = router();
    let mut container = container(&router);
    let (mut client, channel, attach) = receiving(&router, &mut container);
    let handle = attach.handle.0;
    client.send(0, &flow(5, 7, 10));
    link_flow(&mut container);
    for (id, tag) in [(0, vec![1]), (1, vec![9; 32])] {
        let head = Transfer { delivery_tag: Some(ByteBuf::from(tag.clone())), ..transfer(handle, id) };
        container.send_with(channel, &head, &data_message(b"event"));
        let (found, payload) = client.expect_transfer();
        assert_eq!((found.delivery_tag, payload), (Some(ByteBuf::from(tag)), data_message(b"event")));
        // accepted and not settled: the container settles
        let id_here = found.delivery_id.expect("an id");
        client.send(0, &Disposition { settled: false, ..disposition(id_here, accepted()) });
        let said = next_disposition(&mut container);
        assert_eq!((said.role, said.first, said.settled, said.state), (Role::Receiver, id, false, Some(accepted())));
        container.send(channel, &Disposition { role: Role::Sender, ..disposition(id, accepted()) });
        let said = next_disposition(&mut client);
        assert_eq!((said.role, said.first, said.settled), (Role::Sender, id_here, true));
    }
    // a range keeps together, with a state that is not plain
    for id in 2..5 {
        container.send_with(channel, &transfer(handle, id), &data_message(b"x"));
        client.expect_transfer();
    }
    let state = DeliveryState::Modified(Modified {
        delivery_failed: Some(true),
        undeliverable_here: Some(true),
        message_annotations: None,
    });
    client.send(0, &Disposition { last: Some(4), ..disposition(2, state.clone()) });
    let said = next_disposition(&mut container);
    assert_eq!((said.first, said.last, said.settled, said.state), (2, Some(4), true, Some(state)));
}

#[test]
fn s05_credit_and_drain_are_the_receivers() {
    let router = router();
    let mut container = container(&router);
    let (mut client, channel, attach) = receiving(&router, &mut container);
    let handle = attach.handle.0;
    client.send(0, &flow(5, 7, 3));
    assert_eq!(link_flow(&mut container).link_credit, Some(3));
    container.send_with(channel, &transfer(handle, 0), &data_message(b"one"));
    client.expect_transfer();
    client.send(0, &Flow { drain: true, ..flow(5, 8, 2) });
    let found = link_flow(&mut container);
    assert_eq!((found.link_credit, found.drain), (Some(2), true));
    // one more is there, and the rest of the credit is given back behind it
    container.send_with(channel, &transfer(handle, 1), &data_message(b"two"));
    container.send(channel, &Flow { drain: true, available: Some(0), ..flow(handle, 10, 0) });
    client.expect_transfer();
    let found = link_flow(&mut client);
    assert_eq!((found.delivery_count, found.link_credit, found.drain), (Some(10), Some(0), true));
}

#[test]
fn s05_a_sender_has_the_credit_and_the_outcomes_of_the_container() {
    let router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    assert_eq!(attach.name, "sender-3@client");
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("sender-3");
    container.send(channel, &flow(attach.handle.0, 0, 2));
    assert_eq!(link_flow(&mut client).link_credit, Some(2));
    // in pieces, then at once and settled
    let message = data_message(&[7; 3000]);
    let (first, rest) = message.split_at(100);
    client.send_with(0, &Transfer { more: true, ..transfer(3, 0) }, first);
    let (found, payload) = container.expect_transfer();
    assert!(found.more && payload == first && found.settled == Some(false));
    client.send_with(0, &Transfer { delivery_id: None, delivery_tag: None, ..transfer(3, 0) }, rest);
    assert_eq!(container.expect_transfer().1, rest);
    container.settle(channel, found.delivery_id.expect("an id"), Released {}.into());
    assert!(matches!(client.expect_outcome(0), DeliveryState::Released(_)));
    client.send_with(0, &Transfer { settled: Some(true), ..transfer(3, 1) }, &data_message(b"x"));
    assert_eq!(container.expect_transfer().0.settled, Some(true));
}

#[test]
fn s05_what_no_container_can_take_is_rejected_and_its_credit_given_back() {
    let mut router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("sender-3");
    container.send(channel, &flow(attach.handle.0, 0, 1));
    assert_eq!(link_flow(&mut client).link_credit, Some(1));
    let rest = || Transfer { delivery_id: None, delivery_tag: None, ..transfer(3, 0) };
    let more = |id| Transfer { more: true, ..transfer(3, id) };
    let long = |id| Transfer { delivery_tag: Some(ByteBuf::from(vec![9; 33])), ..more(id) };
    let message = data_message(b"whole");
    let empty = &b""[..];
    let refused = [
        (vec![(long(0), &message[..]), (rest(), empty)], AmqpError::InvalidField),
        (vec![(transfer(3, 1), empty)], AmqpError::DecodeError),
        (vec![(more(2), empty), (rest(), empty)], AmqpError::DecodeError),
    ];
    for (id, (frames, condition)) in (0..).zip(refused) {
        for (head, payload) in &frames {
            client.send_with(0, head, payload);
        }
        assert_eq!(link_flow(&mut client).link_credit, Some(1));
        let DeliveryState::Rejected(rejected) = client.expect_outcome(id) else { panic!("not rejected") };
        assert_eq!(rejected.error.map(|error| error.condition), Some(condition.into()));
    }
    // what begins with an empty frame and goes on is whole
    client.send_with(0, &more(3), b"");
    client.send_with(0, &rest(), &message);
    let (head, payload) = container.expect_transfer();
    assert!(head.more && payload.is_empty());
    assert_eq!(container.expect_transfer().1, message);
    container.settle(channel, head.delivery_id.expect("an id"), accepted());
    assert!(matches!(client.expect_outcome(3), DeliveryState::Accepted(_)));
    // the container counts one delivery, the client four
    container.send(channel, &flow(attach.handle.0, 1, 5));
    let granted = link_flow(&mut client);
    assert_eq!((granted.delivery_count, granted.link_credit), (Some(4), Some(5)));
    // drained from here, in the container's count
    container.send(channel, &Flow { drain: true, ..flow(attach.handle.0, 1, 5) });
    assert!(link_flow(&mut client).drain);
    client.send(0, &Flow { drain: true, ..flow(3, 9, 0) });
    assert_eq!(link_flow(&mut container).delivery_count, Some(6));
    router.assert_healthy();
}

/// Each direction has a turn of its own: what goes one way does not decide who has the other.
#[test]
fn s05_containers_take_the_links_of_each_direction_in_turn() {
    let router = router();
    let mut containers = [container(&router), container(&router)];
    let mut client = Peer::session(router.clients(), "client");
    for number in 0..4 {
        let taker = &mut containers[number as usize % 2];
        for (wish, name) in [(receiver(number, "b2.q"), "receiver"), (sender(10 + number, "b2.q"), "sender")] {
            client.send(0, &wish);
            let (channel, attach) = routed_attach(taker);
            assert!(attach.name.starts_with(name), "{}", attach.name);
            answer(taker, channel, &attach, 0);
            client.expect_attach(&wish.name);
        }
    }
}

#[test]
fn s05_a_detach_waits_for_the_answer_of_the_other_end() {
    let router = router();
    let mut container = container(&router);
    let (mut client, channel, attach) = receiving(&router, &mut container);
    client.send(0, &detach(5, false, None));
    let found = next_detach(&mut container);
    assert_eq!((found.closed, found.error), (false, None));
    // nothing comes before the container answers
    assert!(client.frames_until_begin(1).iter().all(|frame| !matches!(frame.performative, Performative::Detach(_))));
    let error = Error::new(AmqpError::NotAllowed, Some("not now".to_owned()), None);
    container.send(channel, &detach(attach.handle.0, false, Some(error)));
    let found = next_detach(&mut client);
    assert_eq!((found.closed, named(&found).as_deref()), (false, Some("amqp:not-allowed")));
    // the same name again, and now the container ends it
    client.send(0, &receiver(5, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("receiver-5");
    let error = Error::new(AmqpError::ResourceDeleted, Some("the queue is gone".to_owned()), None);
    container.send(channel, &detach(attach.handle.0, true, Some(error)));
    let found = next_detach(&mut client);
    assert_eq!((found.closed, named(&found).as_deref()), (true, Some("amqp:resource-deleted")));
    client.send(0, &detach(5, true, None));
    assert!(next_detach(&mut container).closed);
}

#[test]
fn s05_a_link_route_of_a_conf_that_leads_nowhere_refuses_attaches() {
    let conf = "listener {\n    name: clients\n    host: 127.0.0.1\n    port: 0\n    saslMechanisms: ANONYMOUS\n}\n\
                linkRoute {\n    prefix: b2\n    direction: in\n}\n";
    let router = Router::start_qdrouterd_conf(conf, &["clients"]);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "b2.q"));
    client.expect_attach("sender-3");
    assert_eq!(named(&next_detach(&mut client)).as_deref(), Some("qd:no-route-to-dest"));
    // the other direction is none of it
    client.send(0, &receiver(4, "b2.q"));
    let attach = client.expect_attach("receiver-4");
    assert!(attach.source.is_some(), "{attach:?}");
}

#[test]
fn s05_a_lost_container_detaches_and_later_attaches_find_no_route() {
    let router = router();
    let mut lost = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "b2.q"));
    let (channel, attach) = routed_attach(&mut lost);
    answer(&mut lost, channel, &attach, 0);
    client.expect_attach("sender-3");
    lost.send(channel, &flow(attach.handle.0, 0, 10));
    client.expect_credit();
    for id in 0..3 {
        client.send_message(0, 3, id, b"x");
        lost.expect_transfer();
    }
    lost.settle(channel, 0, accepted());
    assert!(matches!(client.expect_outcome(0), DeliveryState::Accepted(_)));
    drop(lost);
    assert!(matches!(client.expect_outcome(1), DeliveryState::Modified(_)));
    assert_eq!(named(&next_detach(&mut client)).as_deref(), Some("qd:routed-link-lost"));
    client.send(0, &detach(3, true, None));
    client.send(0, &sender(4, "b2.q"));
    client.expect_attach("sender-4");
    assert_eq!(named(&next_detach(&mut client)).as_deref(), Some("qd:no-route-to-dest"));
    // another container is as good
    let mut container = container(&router);
    client.send(0, &receiver(5, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("receiver-5");
}

#[test]
fn s05_a_lost_peer_detaches_at_the_container_and_a_durable_one_stays() {
    let router = router();
    let mut container = container(&router);
    let (client, channel, attach) = receiving(&router, &mut container);
    drop(client);
    let found = next_detach(&mut container);
    assert_eq!((found.closed, named(&found).as_deref()), (true, Some("qd:routed-link-lost")));
    container.send(channel, &detach(attach.handle.0, true, None));
    let mut client = Peer::session(router.clients(), "client");
    let mut wish = receiver(5, "b2.q");
    if let Some(source) = &mut wish.source {
        source.expiry_policy = TerminusExpiryPolicy::Never;
    }
    client.send(0, &wish);
    let (channel, attach) = routed_attach(&mut container);
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("receiver-5");
    drop(client);
    assert!(!next_detach(&mut container).closed);
}

/// S5, step 7, with the words that Qpid Dispatch 1.20 was seen to send.
#[test]
fn s05_what_outlives_a_connection_is_refused_where_it_may_not() {
    let kdl = kdl();
    let firm = kdl.replace("workers 2\n", "workers 2\n    allow-resumable-link-route #false\n");
    let router = Router::start(&firm);
    let mut client = Peer::session(router.clients(), "client");
    let outliving = |change: &dyn Fn(&mut Source, &mut Target)| {
        let (mut receives, mut sends) = (receiver(5, "b2.q"), sender(3, "b2.q"));
        let (mut source, mut target) = (Source::default(), Target::default());
        change(&mut source, &mut target);
        (source.address, target.address) = (Some("b2.q".into()), Some("b2.q".into()));
        receives.source = Some(Box::new(source));
        sends.target = Some(Box::new(TargetArchetype::Target(target)));
        [receives, sends]
    };
    let never = outliving(&|source, target| {
        (source.expiry_policy, target.expiry_policy) = (TerminusExpiryPolicy::Never, TerminusExpiryPolicy::Never);
    });
    let later = outliving(&|source, target| (source.timeout, target.timeout) = (10, 10));
    let refuse = |client: &mut Peer, wish: &Attach| {
        client.send(0, wish);
        let answer = client.expect_attach(&wish.name);
        let is_there = if wish.role == Role::Sender { answer.target.is_some() } else { answer.source.is_some() };
        assert!(!is_there, "{answer:?}");
        let found = next_detach(client);
        assert_eq!((found.closed, named(&found).as_deref()), (true, Some("qd:link-expiration")));
        let said = found.error.and_then(|error| error.description);
        assert_eq!(said.as_deref(), Some("Requested link expiration not allowed"));
        client.send(0, &detach(wish.handle.0, true, None));
    };
    // it is said whether the container is there or not, and the container hears nothing of it
    refuse(&mut client, &never[0]);
    let mut container = container(&router);
    for wish in never.iter().chain(&later) {
        refuse(&mut client, wish);
    }
    // a link that is not routed may ask for what it likes, and a routed one that ends with the session goes on
    let mut plain = never[0].clone();
    plain.source = Some(Box::new(Source { address: Some("plain".into()), ..Source::default() }));
    plain.source.as_mut().expect("a source").expiry_policy = TerminusExpiryPolicy::Never;
    client.send(0, &plain);
    assert!(client.expect_attach("receiver-5").source.is_some());
    client.send(0, &sender(6, "b2.q"));
    let (_, attach) = routed_attach(&mut container);
    assert_eq!(attach.name, "sender-6@client");
    // a reload allows it
    edit(&router, &kdl);
    let applied = reload(router.clients(), &[]);
    assert_eq!(applied.code, Some(0), "{applied:?}");
    client.send(0, &later[1]);
    assert_eq!(routed_attach(&mut container).1.name, "sender-3@client");
}

#[test]
fn s05_a_refusal_is_the_containers() {
    let router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    let handle = attach.handle.0;
    container.send(channel, &Attach { role: Role::Receiver, initial_delivery_count: None, target: None, ..attach });
    let error = Error::new(AmqpError::UnauthorizedAccess, Some("not for you".to_owned()), None);
    container.send(channel, &detach(handle, true, Some(error)));
    assert!(client.expect_attach("sender-3").target.is_none());
    let found = next_detach(&mut client);
    assert_eq!(named(&found).as_deref(), Some("amqp:unauthorized-access"));
    assert_eq!(found.error.and_then(|error| error.description).as_deref(), Some("not for you"));
    client.send(0, &detach(3, true, None));
    assert!(next_detach(&mut container).closed);
}

#[test]
fn s05_an_answer_that_cannot_be_handed_on_refuses_the_peer() {
    let router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "b2.q"));
    let (channel, attach) = routed_attach(&mut container);
    let handle = attach.handle.0;
    let answer =
        Attach { role: Role::Receiver, initial_delivery_count: None, properties: Some(OrderedMap::new()), ..attach };
    // an attach has 14 fields; null follows as a fifteenth
    let mut bytes = frame::amqp(channel, &answer, &[]);
    assert_eq!(bytes[8..12], [0x00, 0x53, 0x12, 0xc0], "{bytes:?}");
    assert_eq!(bytes[13], 14);
    bytes.push(0x40);
    for at in [3, 12, 13] {
        bytes[at] += 1;
    }
    container.send_bytes(&bytes);
    assert!(client.expect_attach("sender-3").target.is_none());
    let found = next_detach(&mut client);
    assert_eq!((named(&found).as_deref(), found.closed), (Some("amqp:invalid-field"), true), "{found:?}");
    let gone = next_detach(&mut container);
    assert_eq!((gone.handle.0, gone.closed), (handle, true), "{gone:?}");
}

#[test]
fn s06_the_container_has_other_names() {
    let router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &sender(3, "lr.two"));
    let (channel, attach) = routed_attach(&mut container);
    let address = |target: &Option<Box<TargetArchetype>>| match target.as_deref() {
        Some(TargetArchetype::Target(target)) => target.address.clone(),
        None => None,
    };
    assert_eq!(address(&attach.target).as_deref(), Some("ext.lr.two"));
    answer(&mut container, channel, &attach, 0);
    assert_eq!(address(&client.expect_attach("sender-3").target).as_deref(), Some("lr.two"));
    client.send(0, &receiver(4, "amqp:/lr.two"));
    let (channel, attach) = routed_attach(&mut container);
    let source = |attach: &Attach| attach.source.as_ref().and_then(|source| source.address.clone());
    assert_eq!(source(&attach).as_deref(), Some("two"));
    answer(&mut container, channel, &attach, 0);
    assert_eq!(source(&client.expect_attach("receiver-4")).as_deref(), Some("amqp:/lr.two"));
}

#[test]
fn a_receiver_that_stops_reading_holds_up_its_own_links_alone() {
    let mut router = router();
    let mut container = container(&router);
    let (mut stuck, channel, attach) = receiving(&router, &mut container);
    stuck.send(0, &flow(5, 7, 1_000_000));
    link_flow(&mut container);
    let payload = data_message(&[1; 60_000]);
    container.set_send_deadline(Duration::from_secs(10));
    // as much as the session's window takes
    let mut sent = 0_u32;
    for id in 0..64 {
        container.send_with(channel, &transfer(attach.handle.0, id), &payload[..10_000]);
        sent += 1;
    }
    assert!(sent == 64);
    let (mut client, channel, attach) = {
        let mut client = Peer::session(router.clients(), "other");
        client.send(0, &receiver(5, "b2.other"));
        let (channel, attach) = routed_attach(&mut container);
        answer(&mut container, channel, &attach, 0);
        client.expect_attach("receiver-5");
        (client, channel, attach)
    };
    client.send(0, &flow(5, 0, 10));
    link_flow(&mut container);
    container.send_with(channel, &transfer(attach.handle.0, 0), &data_message(b"through"));
    assert_eq!(client.expect_transfer().1, data_message(b"through"));
    router.assert_healthy();
}

#[test]
fn management_shows_link_routes() {
    let router = router();
    let stat = || {
        let bus = format!("amqp://{}", router.clients());
        let mut command = std::process::Command::new(crosstie_tests::place::router_binary());
        let output = command.args(["stat", "link-routes", "--bus", &bus]).output().expect("crosstie runs");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let words = |line: &str| line.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
        String::from_utf8_lossy(&output.stdout).lines().skip(1).map(words).collect::<Vec<_>>()
    };
    let status = |rows: &[Vec<String>]| rows.iter().filter_map(|row| row.last().cloned()).collect::<Vec<_>>();
    let rows = stat();
    assert_eq!(rows.len(), 4, "{rows:?}");
    assert_eq!(rows[0], ["b2", "in", "brk", "inactive"]);
    let container = container(&router);
    assert_eq!(status(&stat()), ["active"; 4]);
    drop(container);
}

/// What is made while everybody is connected is followed by the next attach, and by none once it is deleted. Links that are there
/// stay.
#[test]
fn management_makes_and_ends_link_routes() {
    let of = "router.config.linkRoute";
    let router = router();
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    client.send(0, &receiver(1, "made.q"));
    client.expect_attach("receiver-1");
    let runtime = runtime();
    let mut management = runtime.block_on(Management::open(router.clients()));
    let body = [("name", "made"), ("prefix", "made"), ("direction", "out"), ("containerId", "brk")];
    let created = runtime.block_on(management.create(of, &body));
    assert_eq!((created.status, created.text("operStatus")), (201, "active".to_owned()), "{created:?}");
    client.send(0, &receiver(2, "made.q"));
    let (channel, attach) = routed_attach(&mut container);
    assert_eq!(attach.name, "receiver-2@client");
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("receiver-2");

    let deleted = runtime.block_on(management.named("DELETE", of, "made"));
    assert_eq!(deleted.status, 204, "{deleted:?}");
    assert_eq!(runtime.block_on(management.named("READ", of, "made")).status, 404);
    client.send(0, &receiver(3, "made.q"));
    client.expect_attach("receiver-3");
    // of this the container hears, and of what was asked for before it nothing
    client.send(0, &receiver(4, "b2.q"));
    assert_eq!(routed_attach(&mut container).1.name, "receiver-4@client");
    client.send(0, &flow(2, 0, 1));
    assert_eq!(link_flow(&mut container).handle, Some(attach.handle));
    runtime.block_on(management.close());
}

/// Whoever covers everything can still take that back.
#[test]
fn a_route_for_all_addresses_leaves_management_here() {
    let routes = ["in", "out"].map(|direction| {
        format!("link-route {{\n    pattern \"#\"\n    direction \"{direction}\"\n    container \"nobody\"\n}}\n")
    });
    let router = Router::start(&plain_kdl(&routes.concat()));
    assert_eq!(router.stat("link-routes").len(), 2);
}

/// By a pattern, and by the address that a dynamic node is asked for with. Source: features 1.9.
#[test]
fn s05_patterns_and_dynamic_nodes_find_their_container_in_both_directions() {
    let route = |direction: &str| {
        format!("link-route {{\n    pattern \"p.*.#\"\n    direction \"{direction}\"\n    container \"brk\"\n}}\n")
    };
    let mut router = Router::start(&[kdl(), route("in"), route("out")].concat());
    let mut container = container(&router);
    let mut client = Peer::session(router.clients(), "client");
    let wanted = |name: &str| [(Symbol::from("x-opt-qd.address"), Value::from(name))].into_iter().collect();
    for (handle, address) in [(0, "p.one"), (1, "p.one.two.three")] {
        client.send(0, &receiver(handle, address));
        let (channel, attach) = routed_attach(&mut container);
        assert_eq!(attach.source.as_ref().and_then(|source| source.address.as_deref()), Some(address));
        answer(&mut container, channel, &attach, 0);
        client.expect_attach(&format!("receiver-{handle}"));
        client.send(0, &flow(handle, 0, 1));
        assert_eq!(link_flow(&mut container).link_credit, Some(1));
        container.send_message(channel, attach.handle.0, handle, b"by a pattern");
        client.expect_transfer();
    }
    client.send(0, &sender(2, "p.one"));
    let (channel, attach) = routed_attach(&mut container);
    answer(&mut container, channel, &attach, 0);
    client.expect_attach("sender-2");
    container.send(channel, &flow(attach.handle.0, 0, 1));
    assert_eq!(link_flow(&mut client).link_credit, Some(1));
    // a word short of the pattern: an address of this router
    client.attach_receiver(0, 3, "p", 1);
    // dynamic nodes: the container makes them, and their names go back
    let source = Source { dynamic: true, dynamic_node_properties: Some(wanted("p.made")), ..Source::default() };
    client.send(0, &Attach { source: Some(Box::new(source)), ..receiver(4, "") });
    let (channel, mut attach) = routed_attach(&mut container);
    let asked = attach.source.as_mut().expect("a source");
    assert!(asked.dynamic && asked.address.is_none(), "{asked:?}");
    assert_eq!(asked.dynamic_node_properties, Some(wanted("p.made")));
    asked.address = Some("made-source".into());
    answer(&mut container, channel, &attach, 0);
    let given = client.expect_attach("receiver-4").source.expect("a source");
    assert_eq!(given.address.as_deref(), Some("made-source"));
    let target = Target { dynamic: true, dynamic_node_properties: Some(wanted("b2.made")), ..Target::default() };
    client.send(0, &Attach { target: Some(Box::new(TargetArchetype::Target(target))), ..sender(5, "") });
    let (channel, mut attach) = routed_attach(&mut container);
    let Some(TargetArchetype::Target(asked)) = attach.target.as_deref_mut() else { panic!("{attach:?}") };
    assert!(asked.dynamic && asked.address.is_none(), "{asked:?}");
    asked.address = Some("made-target".into());
    answer(&mut container, channel, &attach, 0);
    let given = client.expect_attach("sender-5").target;
    let Some(TargetArchetype::Target(given)) = given.as_deref() else { panic!("{given:?}") };
    assert_eq!(given.address.as_deref(), Some("made-target"));
    // one whose address no link route covers is made here
    let source = Source { dynamic: true, dynamic_node_properties: Some(wanted("elsewhere")), ..Source::default() };
    client.send(0, &Attach { source: Some(Box::new(source)), ..receiver(6, "") });
    let given = client.expect_attach("receiver-6").source.expect("a source");
    let address = given.address.expect("an address");
    assert!(address.contains("_topo/0/hub/"), "{address}");
    router.assert_healthy();
}
