//! A broker is killed while a hundred thousand unsettled messages are on their way to it, by an auto-link or by a link
//! route: each ends once, the rest go to the broker that runs again, and that has every one that it accepted.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use crosstie_tests::artemis::Artemis;
use crosstie_tests::body::Random;
use crosstie_tests::broker::Broker;
use crosstie_tests::classic::Classic;
use crosstie_tests::frame::{Frame, Performative, condition, data_message};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, disposition, flow, receiver, sender, transfer};
use crosstie_tests::proxy::Proxy;
use crosstie_tests::rabbit::Rabbit;
use crosstie_tests::router::{Router, plain_kdl};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState};
use fe2o3_amqp_types::performatives::{Begin, Detach, Disposition, Flow};

pub(crate) const COUNT: u32 = 100_000;
/// Every seed kills the broker when another number of messages is settled.
pub(crate) const SEEDS_LONG: u64 = 10;
/// Without an outcome.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The router gives up a peer that says nothing for 16 s.
pub(crate) const HEARTBEAT: Duration = Duration::from_secs(4);
/// Of who reads what the broker has.
const AUDIT_CREDIT: u32 = 1000;
/// Until a link is attached again that found no broker.
pub(crate) const PAUSE: Duration = Duration::from_millis(100);
pub(crate) const EMPTY_FRAME: [u8; 8] = [0, 0, 0, 8, 2, 0, 0, 0];
/// The header of a message that is durable. Source: AMQP 1.0 part 3, 3.2.1.
const DURABLE: [u8; 7] = [0x00, 0x53, 0x70, 0xc0, 0x02, 0x01, 0x41];

pub(crate) const QUEUE: &str = "q.killed";

/// How messages come to the queue, or from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    AutoLink,
    LinkRoute,
}

/// A router whose way to a broker at `addr`, or from it, is as the reference names directions: `out` leaves by an auto-link,
/// but comes to the client by a link route.
pub(crate) fn kdl(addr: SocketAddr, queue: &str, way: Way, direction: &str) -> String {
    let way = match way {
        Way::AutoLink => format!(
            "address {{\n    prefix \"q\"\n    waypoint\n}}\nauto-link \"link\" {{\n    address \"{QUEUE}\"\n    \
             direction \"{direction}\"\n    connection \"broker\"\n    external-address \"{queue}\"\n}}\n",
        ),
        Way::LinkRoute => {
            let before = queue.trim_end_matches(QUEUE);
            let prefix = if before.is_empty() { "" } else { &format!("    add-external-prefix \"{before}\"\n") };
            format!(
                "link-route {{\n    prefix \"q\"\n    direction \"{direction}\"\n    connection \"broker\"\n{prefix}}}\n"
            )
        }
    };
    plain_kdl(&format!(
        "connector \"broker\" {{\n    role \"route-container\"\n    endpoint \"amqp://{addr}\"\n    failover {{\n        \
         backoff base=\"200ms\" cap=\"1s\" jitter=0.0\n    }}\n}}\n{way}",
    ))
    .replace("level \"debug\"", "level \"info\"")
}

/// The link that sends messages, always on handle 0. Each has the number of its delivery.
struct Sending<'p> {
    peer: &'p mut Peer,
    queue: &'p str,
    sent: u32,
    /// How many were sent by links before.
    before: u32,
    /// How many may be sent, by all links.
    limit: u32,
    /// When it said something last.
    spoke: Instant,
}

impl Sending<'_> {
    fn send(&mut self, count: u32) {
        while self.sent < self.limit.min(count) {
            let payload = [&DURABLE[..], &data_message(&self.sent.to_be_bytes())].concat();
            self.peer.send_with(0, &transfer(0, self.sent), &payload);
            self.sent += 1;
            self.spoke = Instant::now();
        }
    }

    /// Says that it is there: a busy broker may keep it listening for long.
    fn breathe(&mut self) {
        if self.spoke.elapsed() >= HEARTBEAT {
            self.peer.send_bytes(&EMPTY_FRAME);
            self.spoke = Instant::now();
        }
    }

    fn take_credit(&mut self, flow: &Flow) {
        self.limit = self.before + flow.delivery_count.unwrap_or(0) + flow.link_credit.expect("credit");
    }

    /// Answers a detach, and attaches anew.
    fn attach_again(&mut self) {
        (self.before, self.limit) = (self.sent, self.sent);
        self.peer.send(0, &Detach { handle: 0.into(), closed: true, error: None });
        std::thread::sleep(PAUSE);
        self.peer.send(0, &sender(0, self.queue));
    }
}

/// What became of messages.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The outcome of each.
    pub(crate) outcomes: Vec<DeliveryState>,
    /// How often the link was lost.
    pub(crate) lost: u32,
}

/// Sends `count`, as credit allows, by one link after another where routed ones are lost; says how many are settled.
pub(crate) fn send_all(peer: &mut Peer, (queue, count): (&str, u32), way: Way, mut settled: impl FnMut(usize)) -> Sent {
    let mut link = Sending { peer, queue, sent: 0, before: 0, limit: 0, spoke: Instant::now() };
    link.peer.send(0, &sender(0, queue));
    let mut outcomes: Vec<Option<DeliveryState>> = vec![None; usize::try_from(count).expect("small")];
    let (mut ended, mut lost) = (0, 0);
    let mut end = Instant::now() + PATIENCE;
    while ended < outcomes.len() {
        link.send(count);
        link.breathe();
        let frame = match link.peer.next(HEARTBEAT) {
            Arrival::Frame(frame) => frame,
            Arrival::Nothing if Instant::now() < end => continue,
            other => panic!("{ended} of {} sent have an outcome, {lost} links were lost, and now {other:?}", link.sent),
        };
        match frame.performative {
            Performative::Flow(flow) if flow.handle.is_some() => link.take_credit(&flow),
            Performative::Disposition(said) => {
                let state = said.state.clone().expect("a state");
                end = Instant::now() + PATIENCE;
                for id in said.first..=said.last.unwrap_or(said.first) {
                    let outcome = &mut outcomes[usize::try_from(id).expect("small")];
                    assert!(outcome.is_none(), "two outcomes of {id}: {outcome:?} and {state:?}");
                    *outcome = Some(state.clone());
                    ended += 1;
                    settled(ended);
                }
            }
            Performative::Flow(_) | Performative::Begin(_) | Performative::Attach(_) | Performative::Heartbeat => {}
            Performative::Detach(detach) if way == Way::LinkRoute => {
                lost += u32::from(is_lost(&detach));
                assert_eq!(ended, usize::try_from(link.sent).expect("small"), "outcomes come before the detach");
                link.attach_again();
            }
            other => panic!("{other:?}"),
        }
    }
    Sent { outcomes: outcomes.into_iter().flatten().collect(), lost }
}

/// Whether a routed link was lost with its broker; otherwise the broker is not back.
pub(crate) fn is_lost(detach: &Detach) -> bool {
    let why = detach.error.as_ref().map(|error| condition(&error.condition));
    match why.as_deref() {
        Some("qd:routed-link-lost") => true,
        Some("qd:no-route-to-dest") => false,
        other => panic!("{other:?}"),
    }
}

/// What the broker accepted, by the frames that passed between the router and it.
fn accepted_on_the_wire(proxy: &Proxy) -> BTreeSet<u32> {
    proxy.witnessed().iter().flat_map(|connection| accepted_of(&connection.to, &connection.from)).collect()
}

/// The number of a delivery and that of its message.
pub(crate) fn sent(frame: &Frame) -> Option<(u32, u32)> {
    match &frame.performative {
        Performative::Transfer(one) => Some((one.delivery_id?, u32::from_be_bytes(*frame.payload.last_chunk()?))),
        _ => None,
    }
}

/// Which messages of one side of a connection, all in one session, the other accepted.
pub(crate) fn accepted_of(from: &[Frame], by: &[Frame]) -> Vec<u32> {
    let sent: BTreeMap<_, _> = from.iter().filter_map(sent).collect();
    let said = by.iter().filter_map(|frame| match &frame.performative {
        Performative::Disposition(said) if matches!(said.state, Some(DeliveryState::Accepted(_))) => Some(said),
        _ => None,
    });
    said.flat_map(|said| said.first..=said.last.unwrap_or(said.first)).filter_map(|id| sent.get(&id).copied()).collect()
}

/// Everything that the broker has in its queue, until it has all of `wanted` or nothing more comes.
pub(crate) fn stored(broker: &dyn Broker, wanted: &BTreeSet<u32>) -> BTreeSet<u32> {
    let mut peer = Peer::anonymous_session(broker.addr(), "auditor");
    peer.send(0, &receiver(0, &broker.queue(QUEUE)));
    peer.expect_attach("receiver-0");
    peer.send(0, &flow(0, 0, AUDIT_CREDIT));
    let mut found = BTreeSet::new();
    let mut taken = 0_u32;
    while !wanted.is_subset(&found) {
        match peer.next(Duration::from_secs(20)) {
            Arrival::Frame(frame) => {
                let Performative::Transfer(one) = &frame.performative else { continue };
                found.insert(sent(&frame).expect("a whole message").1);
                taken += 1;
                if taken.is_multiple_of(100) {
                    let id = one.delivery_id.expect("an id");
                    peer.send(0, &accept(id - 99, id));
                    peer.send(0, &Flow { next_incoming_id: Some(taken), ..flow(0, taken, AUDIT_CREDIT) });
                }
            }
            Arrival::Nothing => break,
            other => panic!("{} of {} came, and now {other:?}", found.len(), wanted.len()),
        }
    }
    found
}

pub(crate) fn accept(first: u32, last: u32) -> Disposition {
    Disposition { first, last: Some(last), ..disposition(first, DeliveryState::Accepted(Accepted {})) }
}

fn kill_during_transfers(broker: &mut dyn Broker, way: Way, seed: u64) {
    let proxy = Proxy::witness(broker.addr());
    let direction = if way == Way::AutoLink { "out" } else { "in" };
    let mut router = Router::start(&kdl(proxy.addr(), &broker.queue(QUEUE), way, direction));
    router.wait_log(0, PATIENCE, &["connected", "broker"]);
    let at = 1 + Random::new(seed).below(usize::try_from(COUNT).expect("small") / 2);
    let (reached, wait) = mpsc::channel();
    let Sent { outcomes, lost } = std::thread::scope(|scope| {
        let router = &router;
        let tell = move |ended| {
            if ended == at {
                reached.send(()).expect("the test waits");
            }
        };
        let sending = scope.spawn(move || {
            let mut peer = Peer::open(router.clients(), "sender");
            peer.send(0, &Begin { incoming_window: u32::MAX >> 1, outgoing_window: u32::MAX >> 1, ..begin(None) });
            send_all(&mut peer, (QUEUE, COUNT), way, tell)
        });
        if wait.recv().is_err() {
            std::panic::resume_unwind(sending.join().expect_err("it ends before the broker is killed"));
        }
        broker.kill();
        broker.start_again();
        sending.join().expect("every message has an outcome")
    });
    assert!(lost <= u32::from(way == Way::LinkRoute), "seed {seed}: {lost} links were lost");
    // RabbitMQ gives so much credit that all may be on their way by then: the sender is done before it hears that its link is lost
    let is_done = way == Way::LinkRoute && lost == 0;
    let mut accepted = BTreeSet::new();
    let (mut failed, mut after) = (0, 0);
    for (id, state) in (0..).zip(&outcomes) {
        match state {
            DeliveryState::Accepted(_) => {
                accepted.insert(id);
                after += 1;
            }
            DeliveryState::Released(_) | DeliveryState::Modified(_) => (failed, after) = (failed + 1, 0),
            other => panic!("seed {seed}: delivery {id} ended as {other:?}"),
        }
    }
    eprintln!(
        "{way:?}, seed {seed}: killed at {at} outcomes, {} accepted, {after} of them behind the last of {failed} that failed",
        accepted.len()
    );
    assert!(failed > 0, "seed {seed}: nothing was on its way when the broker was killed");
    assert!(after > 0 || is_done, "seed {seed}: nothing was accepted by the broker that runs again");
    let said = accepted_on_the_wire(&proxy);
    let invented: Vec<_> = accepted.difference(&said).take(5).collect();
    assert!(invented.is_empty(), "seed {seed}: the router accepted what the broker did not: {invented:?}…");
    let stored = stored(broker, &accepted);
    let lost: Vec<_> = accepted.difference(&stored).collect();
    assert!(lost.is_empty(), "seed {seed}: the broker has lost {} that it had accepted: {lost:?}", lost.len());
    router.assert_healthy();
}

/// Those of a long run, or the one that is asked for.
pub(crate) fn seeds() -> RangeInclusive<u64> {
    let only = std::env::var("CROSSTIE_SEED").ok().and_then(|seed| seed.parse().ok());
    let last = if std::env::var_os("CROSSTIE_LONG").is_some() { SEEDS_LONG } else { 1 };
    only.map_or(1..=last, |seed| seed..=seed)
}

/// Each seed has a broker of its own, whose queue is empty.
fn kill_with_each_seed<B: Broker>(start: impl Fn() -> B, way: Way) {
    for seed in seeds() {
        kill_during_transfers(&mut start(), way, seed);
    }
}

#[test]
fn s02_what_was_accepted_is_in_the_artemis_that_was_killed() {
    kill_with_each_seed(Artemis::start, Way::AutoLink);
}

#[test]
fn s02_what_was_accepted_is_in_the_classic_that_was_killed() {
    kill_with_each_seed(Classic::start, Way::AutoLink);
}

#[test]
fn s02_what_was_accepted_is_in_the_rabbitmq_that_was_killed() {
    kill_with_each_seed(|| Rabbit::start(&[QUEUE]), Way::AutoLink);
}

#[test]
fn s05_what_was_accepted_by_a_routed_link_is_in_the_rabbitmq_that_was_killed() {
    kill_with_each_seed(|| Rabbit::start(&[QUEUE]), Way::LinkRoute);
}

#[test]
fn s05_what_was_accepted_by_a_routed_link_is_in_the_artemis_that_was_killed() {
    kill_with_each_seed(Artemis::start, Way::LinkRoute);
}

#[test]
fn s05_what_was_accepted_by_a_routed_link_is_in_the_classic_that_was_killed() {
    kill_with_each_seed(Classic::start, Way::LinkRoute);
}
