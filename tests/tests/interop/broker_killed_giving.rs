//! A broker is killed while it gives a hundred thousand messages to a receiver, by an auto-link or by a link route: each is
//! accepted or still in the broker, and no receiver waits for ever.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc;
use std::time::Instant;

use crosstie_tests::artemis::Artemis;
use crosstie_tests::body::Random;
use crosstie_tests::broker::Broker;
use crosstie_tests::classic::Classic;
use crosstie_tests::frame::Performative;
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{flow, receiver};
use crosstie_tests::proxy::{Proxy, Witness};
use crosstie_tests::rabbit::Rabbit;
use crosstie_tests::router::Router;
use fe2o3_amqp_types::messaging::DeliveryState;
use fe2o3_amqp_types::performatives::{Detach, Flow};

use crate::broker_killed::{COUNT, EMPTY_FRAME, HEARTBEAT, PATIENCE, PAUSE, QUEUE, Sent, Way};
use crate::broker_killed::{accept, accepted_of, is_lost, kdl, seeds, send_all, sent, stored};

/// Of the run with one seed, so that it is short.
const COUNT_SHORT: u32 = 5_000;
const CREDIT: u32 = 1000;
/// So many deliveries are accepted at once, when twice as many are unsettled.
const ACCEPTED_AT_ONCE: usize = 100;

/// What a receiver took.
#[derive(Debug, Default)]
struct Taken {
    accepted: BTreeSet<u32>,
    /// How often each message came.
    came: BTreeMap<u32, u32>,
    /// How often the link was lost.
    lost: u32,
}

/// The link that takes messages, always on handle 0, and what it has not settled.
struct Receiving {
    peer: Peer,
    /// Transfers in the session.
    transfers: u32,
    /// The delivery-count of the link, and how much of its credit is left.
    count: u32,
    credit: u32,
    /// Deliveries and their messages.
    unsettled: Vec<(u32, u32)>,
}

impl Receiving {
    fn start(router: &Router) -> Self {
        let peer = Peer::session(router.clients(), "receiver");
        let mut receiving = Self { peer, transfers: 0, count: 0, credit: 0, unsettled: Vec::new() };
        receiving.peer.send(0, &receiver(0, QUEUE));
        receiving
    }

    fn grant(&mut self) {
        if self.credit <= CREDIT / 2 {
            self.credit = CREDIT;
            let flow = Flow { next_incoming_id: Some(self.transfers), ..flow(0, self.count, CREDIT) };
            self.peer.send(0, &flow);
        }
    }

    fn take(&mut self, delivery: (u32, u32)) {
        self.transfers += 1;
        self.count += 1;
        self.credit -= 1;
        self.unsettled.push(delivery);
        self.grant();
    }

    /// Gives the messages that it has accepted.
    fn settle(&mut self) -> Vec<u32> {
        if self.unsettled.len() < 2 * ACCEPTED_AT_ONCE {
            return Vec::new();
        }
        let settled: Vec<_> = self.unsettled.drain(..ACCEPTED_AT_ONCE).collect();
        if let [(first, _), .., (last, _)] = settled[..] {
            self.peer.send(0, &accept(first, last));
        }
        settled.into_iter().map(|(_, number)| number).collect()
    }

    /// Answers a detach, after which its deliveries are the broker's again, and attaches anew.
    fn attach_again(&mut self) {
        self.unsettled.clear();
        self.peer.send(0, &Detach { handle: 0.into(), closed: true, error: None });
        std::thread::sleep(PAUSE);
        self.peer.send(0, &receiver(0, QUEUE));
    }
}

/// Takes messages until `enough` are accepted; says how many are.
fn receive(router: &Router, way: Way, enough: usize, mut accepted: impl FnMut(usize)) -> Taken {
    let mut taken = Taken::default();
    let mut link = Receiving::start(router);
    let mut end = Instant::now() + PATIENCE;
    while taken.accepted.len() < enough {
        let frame = match link.peer.next(HEARTBEAT) {
            Arrival::Frame(frame) => frame,
            Arrival::Nothing if Instant::now() < end => {
                link.peer.send_bytes(&EMPTY_FRAME);
                continue;
            }
            other => panic!("{} are accepted, {} links were lost, and now {other:?}", taken.accepted.len(), taken.lost),
        };
        if let Some((id, number)) = sent(&frame) {
            end = Instant::now() + PATIENCE;
            *taken.came.entry(number).or_default() += 1;
            link.take((id, number));
            for number in link.settle() {
                taken.accepted.insert(number);
                accepted(taken.accepted.len());
            }
            continue;
        }
        match frame.performative {
            Performative::Attach(attach) => {
                link.count = attach.initial_delivery_count.unwrap_or(0);
                link.credit = 0;
                link.grant();
            }
            Performative::Detach(detach) if way == Way::LinkRoute => {
                taken.lost += u32::from(is_lost(&detach));
                link.attach_again();
            }
            Performative::Flow(_) | Performative::Heartbeat => {}
            other => panic!("{other:?}"),
        }
    }
    link.peer.close();
    taken
}

/// Puts all messages into the queue, past the router.
fn fill(broker: &dyn Broker, count: u32) {
    let mut peer = Peer::anonymous_session(broker.addr(), "filler");
    let Sent { outcomes, .. } = send_all(&mut peer, (&broker.queue(QUEUE), count), Way::AutoLink, |_| {});
    let accepted = outcomes.iter().filter(|state| matches!(state, DeliveryState::Accepted(_))).count();
    assert_eq!(accepted, outcomes.len(), "the broker has all");
}

/// Nothing came to the receiver that the broker did not give, and the broker heard of no acceptance that the receiver did not
/// say.
fn assert_said_as_it_was(taken: &Taken, connections: &[Witness]) {
    let mut given = BTreeMap::<u32, u32>::new();
    for (_, number) in connections.iter().flat_map(|connection| connection.from.iter().filter_map(sent)) {
        *given.entry(number).or_default() += 1;
    }
    let more: Vec<_> = taken.came.iter().filter(|(number, came)| given.get(number) < Some(came)).collect();
    assert!(more.is_empty(), "the router gave these more often than the broker: {more:?}");
    let told = connections.iter().flat_map(|connection| accepted_of(&connection.from, &connection.to));
    let invented: Vec<_> = told.filter(|number| !taken.accepted.contains(number)).collect();
    assert!(invented.is_empty(), "the router accepted what the receiver did not: {invented:?}");
}

/// What the router closed a connection for.
fn router_closed(connections: &[Witness]) -> Option<String> {
    connections.iter().flat_map(|connection| &connection.to).find_map(|frame| match &frame.performative {
        Performative::Close(close) => Some(format!("{:?}", close.error.as_ref()?)),
        _ => None,
    })
}

fn kill_while_it_gives(broker: &mut dyn Broker, way: Way, seed: u64, count: u32) {
    fill(broker, count);
    let proxy = Proxy::witness(broker.addr());
    let direction = if way == Way::AutoLink { "in" } else { "out" };
    let mut router = Router::start(&kdl(proxy.addr(), &broker.queue(QUEUE), way, direction));
    router.wait_log(0, PATIENCE, &["connected", "broker"]);
    let half = usize::try_from(count).expect("small") / 2;
    let at = 1 + Random::new(seed).below(half);
    let (reached, wait) = mpsc::channel();
    let taken = std::thread::scope(|scope| {
        let router = &router;
        let tell = move |accepted| {
            if accepted == at {
                reached.send(()).expect("the test waits");
            }
        };
        let receiving = scope.spawn(move || receive(router, way, half + half / 2, tell));
        if wait.recv().is_err() {
            std::panic::resume_unwind(receiving.join().expect_err("it ends before the broker is killed"));
        }
        broker.kill();
        broker.start_again();
        receiving.join().expect("enough messages come")
    });
    assert_eq!(taken.lost, u32::from(way == Way::LinkRoute));
    let connections = proxy.witnessed();
    assert_said_as_it_was(&taken, &connections);
    assert_eq!(router_closed(&connections), None, "the router found no fault with the broker");
    router.assert_healthy();
    // Classic keeps what it gets back for the link that it gave it by, without credit too, until that link ends
    router.terminate();
    let wanted: BTreeSet<_> = (0..count).filter(|number| !taken.accepted.contains(number)).collect();
    let stored = stored(broker, &wanted);
    let lost: Vec<_> = wanted.difference(&stored).collect();
    assert!(lost.is_empty(), "seed {seed}: {} are neither accepted nor in the broker: {lost:?}", lost.len());
    let twice = taken.came.values().filter(|came| **came > 1).count();
    let last = connections.last().expect("it came back");
    let kept: Vec<_> = accepted_of(&last.from, &last.to).into_iter().filter(|number| stored.contains(number)).collect();
    assert!(kept.is_empty(), "seed {seed}: accepted of the broker that runs, and still in it: {kept:?}");
    eprintln!("{way:?}, seed {seed}: killed at {at} accepted, {twice} came twice, {} in the broker", wanted.len());
    assert!(twice > 0, "seed {seed}: nothing was on its way when the broker was killed");
}

/// Each seed has a broker of its own.
fn kill_with_each_seed<B: Broker>(start: impl Fn() -> B, way: Way) {
    let count = if std::env::var_os("CROSSTIE_LONG").is_some() { COUNT } else { COUNT_SHORT };
    for seed in seeds() {
        kill_while_it_gives(&mut start(), way, seed, count);
    }
}

#[test]
fn s02_what_was_not_accepted_is_in_the_artemis_that_was_killed() {
    kill_with_each_seed(Artemis::start, Way::AutoLink);
}

#[test]
fn s02_what_was_not_accepted_is_in_the_classic_that_was_killed() {
    kill_with_each_seed(Classic::start, Way::AutoLink);
}

#[test]
fn s02_what_was_not_accepted_is_in_the_rabbitmq_that_was_killed() {
    kill_with_each_seed(|| Rabbit::start(&[QUEUE]), Way::AutoLink);
}

#[test]
fn s05_what_was_not_accepted_by_a_routed_link_is_in_the_rabbitmq_that_was_killed() {
    kill_with_each_seed(|| Rabbit::start(&[QUEUE]), Way::LinkRoute);
}

#[test]
fn s05_what_was_not_accepted_by_a_routed_link_is_in_the_artemis_that_was_killed() {
    kill_with_each_seed(Artemis::start, Way::LinkRoute);
}

#[test]
fn s05_what_was_not_accepted_by_a_routed_link_is_in_the_classic_that_was_killed() {
    kill_with_each_seed(Classic::start, Way::LinkRoute);
}
