//! Defects of link routes that the simulation found, each as short as it can be told.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_amqp::frame::{self, Kind};
use crosstie_amqp::raw::{self, Disposition, Flow, TransferHead};
use crosstie_model::settings::{ContainerRef, Covers, Direction, Distribution, LinkRoute, Role};
use crosstie_router::shard::Meta;
use crosstie_sim::router::{Router, Shape, WireId};
use crosstie_sim::{door, speech};
use fe2o3_amqp_types::definitions::{Handle, Role as End};
use fe2o3_amqp_types::messaging::TerminusExpiryPolicy;
use fe2o3_amqp_types::performatives::{Attach, Detach, End as EndSession};
use serde::Serialize;
use serde_amqp::Value;
use serde_amqp::primitives::{OrderedMap, Symbol};

/// A router with routes to a container, that container, and a peer.
struct Scene {
    router: Router,
    container: WireId,
    peer: WireId,
}

fn route(direction: Direction) -> LinkRoute {
    LinkRoute {
        name: None,
        covers: Covers::Prefix("queue".to_owned()),
        direction,
        container: ContainerRef::Connection("container".to_owned()),
        add_external_prefix: None,
        del_external_prefix: None,
    }
}

impl Scene {
    fn new() -> Self {
        Self::with_workers(1)
    }

    /// Each has a worker of its own, where there are two.
    fn with_workers(workers: u16) -> Self {
        let mut router = Router::new(Shape {
            workers,
            rules: Vec::new(),
            distribution: Distribution::Balanced,
            auto_links: Vec::new(),
            link_routes: [Direction::In, Direction::Out].map(route).to_vec(),
            asks: false,
            buffered_max_bytes: 1 << 20,
        });
        let meta = Meta { role: Role::RouteContainer, may_move: false, ..door::meta("container") };
        let container = router.connect(0, door::own(door::server()), meta, usize::MAX);
        let meta = Meta { may_move: workers == 1, ..door::meta("peers") };
        let peer = router.connect(usize::from(workers) - 1, door::own(door::server()), meta, usize::MAX);
        let mut scene = Self { router, container, peer };
        for (wire, id) in [(container, "broker"), (peer, "peer")] {
            scene.router.give(wire, &frame::AMQP_HEADER);
            scene.say(wire, 0, &speech::open(id, 4096));
            let header = scene.router.read(wire, 8);
            assert_eq!(header, frame::AMQP_HEADER);
            scene.heard(wire);
        }
        scene.say(peer, 0, &speech::begin(None, 0, 100));
        scene
    }

    fn say(&mut self, wire: WireId, channel: u16, performative: &impl Serialize) {
        let mut bytes = Vec::new();
        let body = speech::body(performative);
        frame::write(&mut bytes, Kind::Amqp, channel, |out| out.extend_from_slice(&body));
        self.write(wire, &bytes);
    }

    fn write(&mut self, wire: WireId, bytes: &[u8]) {
        self.router.give(wire, bytes);
        self.router.run();
    }

    /// What came since it was asked last: channels and bodies.
    fn heard(&mut self, wire: WireId) -> Vec<(u16, Vec<u8>)> {
        let bytes = self.router.read(wire, usize::MAX);
        let (mut rest, mut frames) = (bytes.as_slice(), Vec::new());
        while !rest.is_empty() {
            let size = u32::from_be_bytes(rest[..4].try_into().unwrap());
            let (one, after) = rest.split_at(size.try_into().unwrap());
            frames.push((u16::from_be_bytes([one[6], one[7]]), one[8..].to_vec()));
            rest = after;
        }
        frames
    }

    /// The container answers what it was asked for, which nobody waits for: whether each detach that it hears closes.
    fn unwanted(&mut self, (channel, _): &(u16, Attach), answer: Attach) -> Vec<bool> {
        let container = self.container;
        self.say(container, 0, &speech::begin(Some(*channel), 0, 100));
        self.say(container, 0, &answer);
        let detached: Vec<(u16, Detach)> = self.heard_of(container, raw::DETACH);
        detached.iter().map(|(_, it)| it.closed).collect()
    }

    /// Of these, the performatives with a code.
    fn heard_of<T: serde::de::DeserializeOwned>(&mut self, wire: WireId, wanted: u64) -> Vec<(u16, T)> {
        let frames = self.heard(wire).into_iter().filter(|(_, body)| raw::code(body).unwrap().0 == wanted);
        frames.map(|(channel, body)| (channel, serde_amqp::from_slice(&body).unwrap())).collect()
    }
}

/// A receiver, whose terminus outlives its connection or not.
fn subscription(survives: bool) -> Attach {
    let mut attach = speech::receiver("subscription", 0, Some("queue"));
    if let Some(source) = attach.source.as_deref_mut().filter(|_| survives) {
        source.expiry_policy = TerminusExpiryPolicy::Never;
    }
    attach
}

/// What a container answers.
fn answer(asked: &Attach, handle: u32) -> Attach {
    let role = if asked.role == End::Sender { End::Receiver } else { End::Sender };
    let initial_delivery_count = (role == End::Sender).then_some(0);
    Attach { handle: Handle(handle), role, initial_delivery_count, ..asked.clone() }
}

#[test]
fn a_peer_that_takes_its_link_name_up_again_does_not_cost_the_container_its_connection() {
    for answers_first in [true, false] {
        let mut scene = Scene::new();
        let (peer, container) = (scene.peer, scene.container);
        scene.say(peer, 0, &speech::sender("one", 0, Some("queue")));
        let first: Vec<(u16, Attach)> = scene.heard_of(container, raw::ATTACH);
        scene.say(container, 0, &speech::begin(Some(first[0].0), 0, 100));
        if answers_first {
            scene.say(container, 0, &answer(&first[0].1, 0));
        }
        // the peer comes back before the container has answered the detach
        scene.say(peer, 0, &EndSession { error: None });
        scene.say(peer, 0, &speech::begin(None, 0, 100));
        scene.say(peer, 0, &speech::sender("one", 0, Some("queue")));
        let again: Vec<(u16, Attach)> = scene.heard_of(container, raw::ATTACH);
        if !answers_first {
            scene.say(container, 0, &answer(&first[0].1, 0));
        }
        scene.say(container, 0, &speech::detach(0, true));
        let channel = u16::from(again[0].0 != first[0].0);
        if channel != 0 {
            scene.say(container, channel, &speech::begin(Some(again[0].0), 0, 100));
        }
        scene.heard(peer);
        scene.say(container, channel, &answer(&again[0].1, 1));
        let answered: Vec<(u16, Attach)> = scene.heard_of(peer, raw::ATTACH);
        assert!(answered.len() == 1 && answered[0].1.target.is_some(), "{answered:?}");
        assert_eq!(scene.router.connections(), 2, "a connection is closed");
    }
}

#[test]
fn a_subscription_outlives_a_peer_that_is_lost_while_it_attaches() {
    for survives in [true, false] {
        let mut scene = Scene::new();
        let (peer, container) = (scene.peer, scene.container);
        scene.say(peer, 0, &subscription(survives));
        let asked: Vec<(u16, Attach)> = scene.heard_of(container, raw::ATTACH);
        scene.router.lose(peer);
        scene.router.run();
        // to close it would end the subscription
        assert_eq!(scene.unwanted(&asked[0], answer(&asked[0].1, 0)), [!survives]);
    }
}

/// What a peer says of its link goes before what is taken for granted of one that is lost.
#[test]
fn a_subscription_ends_when_its_peer_closes_it_while_it_attaches() {
    for (survives, closed, is_lost) in
        [(true, true, false), (true, true, true), (true, false, true), (false, false, false)]
    {
        let mut scene = Scene::new();
        let (peer, container) = (scene.peer, scene.container);
        scene.say(peer, 0, &subscription(survives));
        let asked: Vec<(u16, Attach)> = scene.heard_of(container, raw::ATTACH);
        scene.say(peer, 0, &speech::detach(0, closed));
        if is_lost {
            scene.router.lose(peer);
            scene.router.run();
        }
        assert_eq!(scene.unwanted(&asked[0], answer(&asked[0].1, 0)), [closed], "{survives}, {closed}, {is_lost}");
    }
}

/// The peer hears that its link is closed. What is unsettled is of a subscription that it had before.
#[test]
fn a_subscription_whose_answer_no_peer_can_read_is_closed_unless_it_was_there_before() {
    for had_before in [false, true] {
        let mut scene = Scene::new();
        let (peer, container) = (scene.peer, scene.container);
        scene.say(peer, 0, &subscription(true));
        let asked: Vec<(u16, Attach)> = scene.heard_of(container, raw::ATTACH);
        let mut long = answer(&asked[0].1, 0);
        let text = Value::String("x".repeat(5000));
        long.properties = Some(OrderedMap::from_iter([(Symbol::from("long"), text)]));
        long.unsettled = had_before.then(|| OrderedMap::from_iter([(vec![1].into(), None)]));
        assert_eq!(scene.unwanted(&asked[0], long), [!had_before]);
        let refused: Vec<(u16, Detach)> = scene.heard_of(peer, raw::DETACH);
        assert!(refused.len() == 1 && refused[0].1.closed, "{refused:?}");
    }
}

fn window(frames: u32) -> Flow {
    Flow { next_incoming_id: Some(0), incoming_window: frames, outgoing_window: 1000, ..Flow::default() }
}

/// Frames of one unsettled delivery of so many, from one of them on.
fn frames(from: u32, until: u32, all: u32) -> Vec<u8> {
    let mut bytes = Vec::new();
    for at in from..until {
        let (delivery_id, more) = ((at == 0).then_some(0), at + 1 < all);
        let message_format = delivery_id;
        let head = TransferHead { handle: 0, delivery_id, message_format, settled: false, more, aborted: false };
        head.write(&mut bytes, 0, b"\x00\x53\x75\xa0\x02hi");
    }
    bytes
}

/// `gone`: frames that went out before; `come`: those that the router has by then.
#[test]
fn a_delivery_that_its_sender_settles_while_it_waits_goes_out_settled() {
    for workers in [1, 2] {
        for (all, gone, come) in [(1, 0, 1), (3, 0, 3), (3, 1, 3), (3, 0, 1), (3, 0, 2)] {
            let mut scene = Scene::with_workers(workers);
            let (peer, container) = (scene.peer, scene.container);
            scene.say(peer, 0, &speech::sender("one", 0, Some("queue")));
            let asked: Vec<(u16, Attach)> = scene.heard_of(container, raw::ATTACH);
            scene.say(container, 0, &speech::begin(Some(asked[0].0), 0, gone));
            scene.say(container, 0, &answer(&asked[0].1, 0));
            let mut bytes = Vec::new();
            let credit = Flow { handle: Some(0), delivery_count: Some(0), link_credit: Some(10), ..window(gone) };
            credit.write(&mut bytes, 0);
            scene.write(container, &bytes);
            scene.write(peer, &frames(0, come, all));
            bytes.clear();
            Disposition { first: 0, settled: true, ..Disposition::default() }.write(&mut bytes, 0);
            scene.write(peer, &bytes);
            scene.write(peer, &frames(come, all, all));
            bytes.clear();
            window(100).write(&mut bytes, 0);
            scene.write(container, &bytes);
            // of a transfer whether it is settled, of a disposition none
            let heard: Vec<Option<bool>> = scene
                .heard(container)
                .iter()
                .filter_map(|(_, body)| match raw::code(body).unwrap().0 {
                    raw::TRANSFER => Some(raw::Transfer::decode(body).unwrap().0.settled),
                    raw::DISPOSITION => raw::Disposition::decode(body).unwrap().settled.then_some(None),
                    _ => None,
                })
                .collect();
            let mut wanted = vec![Some(false); gone.try_into().unwrap()];
            wanted.extend((gone > 0).then_some(None));
            wanted.resize(wanted.len() + usize::try_from(all - gone).unwrap(), Some(true));
            assert_eq!(heard, wanted, "{workers} workers, {come} of {all} frames have come, {gone} have gone");
        }
    }
}
