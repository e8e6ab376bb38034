//! One run: a router, its peers and the network between them, all by one seed.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crosstie_model::settings::Role;
use crosstie_router::watch;
use fastrand::Rng;

use crate::acting::Turn;
use crate::conversation::rule;
use crate::door;
use crate::habits::{ADDRESSES, Habits};
use crate::ledger::{Ledger, LinkNumber};
use crate::pairs::Side;
use crate::peer::{Peer, State};
use crate::router::{Router, Shape};
use crate::routes::{self, Kind};
use crate::session::{End, Routed, Stage};

/// Turns until everything is at rest, at most: a window may be one short frame.
const REST_TURNS_MAX: u32 = 50_000;

/// Looks of the router at its links in which nothing moves, until everything is at rest: it finds sessions that stand still in the
/// second one.
const QUIET_LOOKS: u32 = 3;

/// Seeds from here on have link routes.
pub const ROUTED: u64 = 1 << 32;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Of all that was done and said.
    pub trace: u64,
    /// Messages that were sent.
    pub sent: usize,
    /// Of these, the ones that arrived somewhere.
    pub arrived: usize,
    /// Routed links that both ends had, and messages that arrived by them.
    pub routed: (usize, usize),
}

/// A run.
#[derive(Debug)]
pub struct World {
    router: Router,
    peers: Vec<Peer>,
    joined: usize,
    ledger: Ledger,
    rng: Rng,
    habits: Habits,
    given: Vec<String>,
    trace: DefaultHasher,
    tells: bool,
}

/// Plays a seed. `tells`: every step is printed.
///
/// # Panics
///
/// When the router does what it must not.
#[must_use]
pub fn play(seed: u64, tells: bool) -> Outcome {
    let mut rng = Rng::with_seed(seed);
    let routed = seed >= ROUTED;
    let habits = Habits::draw(&mut rng, routed);
    let shape = Shape {
        workers: habits.workers,
        rules: ADDRESSES.map(|(name, distribution)| rule(name, distribution)).to_vec(),
        distribution: crosstie_model::settings::Distribution::Balanced,
        auto_links: Vec::new(),
        link_routes: if routed { routes::configured() } else { Vec::new() },
        asks: habits.asks,
        buffered_max_bytes: habits.buffered_max_bytes,
    };
    let mut ledger = Ledger::default();
    ledger.distributions.extend(ADDRESSES.map(|(name, distribution)| (name.to_owned(), distribution)));
    let router = Router::new(shape);
    let trace = DefaultHasher::new();
    let mut world =
        World { router, peers: Vec::new(), joined: 0, ledger, rng, habits, given: Vec::new(), trace, tells };
    if tells {
        println!("{:#?}", world.habits);
    }
    world.run();
    let (sent, arrived) = world.ledger.counts();
    let routed = (world.ledger.pairs.count(), world.ledger.count_routed());
    Outcome { trace: world.trace.finish(), sent, arrived, routed }
}

impl World {
    fn run(&mut self) {
        for _ in 0..self.habits.peers {
            self.join();
        }
        self.prepare();
        for _ in 0..self.habits.steps {
            self.ledger.step += 1;
            self.step();
            self.learn();
        }
        self.rest();
        self.peers.iter().for_each(Peer::check_rest);
        self.check_pairs();
        self.ledger.check_rest(self.router.dropped_presettled());
        self.probe();
        self.leave();
    }

    /// Every peer has a session, and some links.
    fn prepare(&mut self) {
        if self.habits.prepared == 0 {
            return;
        }
        self.exchange();
        for peer in &mut self.peers {
            let mut turn =
                Turn { ledger: &mut self.ledger, rng: &mut self.rng, habits: &self.habits, given: &self.given };
            peer.prepare(&mut turn);
        }
        self.exchange();
        self.learn();
    }

    /// All that was said is heard.
    fn exchange(&mut self) -> bool {
        self.share();
        let mut goes = false;
        for peer in 0..self.peers.len() {
            goes |= self.carry(peer, true);
        }
        self.router.run();
        for peer in 0..self.peers.len() {
            goes |= self.fetch(peer, true);
        }
        goes
    }

    fn note(&mut self, what: &str, who: usize, bytes: &[u8]) {
        (what, who, bytes).hash(&mut self.trace);
        if self.tells {
            println!("{} {what} {who}: {} bytes {}", self.ledger.step, bytes.len(), bytes.escape_ascii());
        }
    }

    /// Everybody knows what all have done.
    fn share(&mut self) {
        if self.habits.containers.is_none() {
            return;
        }
        let step = self.ledger.step;
        let pairs = &mut self.ledger.pairs;
        for peer in &self.peers {
            if peer.kind.is_some() && (peer.state != State::Open || peer.sessions.values().any(|it| it.ending)) {
                pairs.leaves(step);
            }
            for link in peer.links() {
                if let (End::Receiver(receiver), Some(Routed { pair, .. })) = (&link.end, &link.routed) {
                    pairs.grant(*pair, receiver.limit.since(receiver.start));
                }
            }
        }
    }

    /// Routed links have two ends, or none.
    fn check_pairs(&self) {
        let of = |side: Side| -> BTreeSet<LinkNumber> {
            let links = self.peers.iter().flat_map(Peer::links).filter_map(|link| link.routed.as_ref());
            links.filter(|routed| routed.side == side).map(|routed| routed.pair).collect()
        };
        assert_eq!(of(Side::Client), of(Side::Container), "links with one end");
    }

    /// One thing happens.
    fn step(&mut self) {
        self.share();
        let what = self.habits.world.pick(&mut self.rng);
        let peer = self.rng.usize(..self.peers.len().max(1));
        let shard = self.rng.usize(..self.router.shards());
        match what {
            0 => self.act(peer),
            1 => _ = self.carry(peer, false),
            2 => {
                self.note("flush", shard, &[]);
                self.router.flush(shard);
            }
            3 => {
                self.note("mail", shard, &[]);
                self.router.bring_mail(shard);
            }
            4 => {
                self.note("errand", 0, &[]);
                self.router.run_errand();
            }
            5 => _ = self.fetch(peer, false),
            6 => self.router.advance(Duration::from_millis(self.rng.u64(0..1500))),
            7 => self.part(peer),
            9 => {
                self.note("run", 0, &[]);
                self.router.run();
            }
            _ if self.peers.len() < self.habits.peers => self.join(),
            _ => self.act(peer),
        }
        self.bury();
    }

    fn join(&mut self) {
        let number = self.joined;
        self.joined += 1;
        let rng = &mut self.rng;
        let habits = &self.habits;
        let mut setup = door::own(door::server());
        setup.max_frame_size = habits.router_max_frame;
        // nobody here is too slow to open
        setup.handshake_timeout = Duration::from_secs(3600);
        setup.window_frames = habits.window_frames;
        let mut meta = door::meta("sim");
        meta.capacity = habits.capacity;
        meta.unsettled_max = habits.unsettled_max;
        meta.strip = habits.strips[rng.usize(..habits.strips.len())];
        meta.may_move = rng.bool();
        let kind = container(habits, &self.peers, rng);
        if let Some(kind) = kind {
            (meta.name, meta.role) = (kind.connection.into(), Role::RouteContainer);
            setup.links_max = 1000;
        }
        let strips = meta.strip.outgoing();
        let room = habits.rooms[rng.usize(..habits.rooms.len())];
        let max_frame = habits.max_frames[rng.usize(..habits.max_frames.len())];
        let shard = rng.usize(..self.router.shards());
        let wire = self.router.connect(shard, setup, meta, room);
        let window = habits.windows[number % habits.windows.len()];
        self.peers.push(Peer::new((number, wire), (max_frame, window), strips, kind));
        self.note("join", number, &[]);
    }

    fn act(&mut self, peer: usize) {
        let Some(peer) = self.peers.get_mut(peer) else {
            return;
        };
        let before = peer.up.len();
        let mut turn = Turn { ledger: &mut self.ledger, rng: &mut self.rng, habits: &self.habits, given: &self.given };
        for _ in 0..turn.rng.u8(1..5) {
            peer.act(&mut turn);
        }
        if std::mem::take(&mut peer.wants_routes) {
            for route in routes::own() {
                self.router.add_route(peer.wire, route);
            }
        }
        let (number, said) = (peer.number, peer.up[before..].to_vec());
        self.note("act", number, &said);
    }

    /// The network brings bytes of a peer to the router.
    fn carry(&mut self, peer: usize, all: bool) -> bool {
        let Some(peer) = self.peers.get_mut(peer) else {
            return false;
        };
        let most = if all { usize::MAX } else { 1 << self.rng.u32(0..18) };
        let bytes: Vec<u8> = peer.up.drain(..most.min(peer.up.len())).collect();
        let (number, wire) = (peer.number, peer.wire);
        self.note("carry", number, &bytes);
        self.router.give(wire, &bytes);
        !bytes.is_empty()
    }

    /// A peer reads what the router sent.
    fn fetch(&mut self, peer: usize, all: bool) -> bool {
        let Some(wire) = self.peers.get(peer).map(|peer| peer.wire) else {
            return false;
        };
        let most = if all { usize::MAX } else { 1 << self.rng.u32(0..18) };
        let mut bytes = self.router.read(wire, most);
        if all {
            // a socket that holds little takes long to bring much
            let room = self.router.set_room(wire, usize::MAX);
            while self.router.readable(wire) > 0 {
                bytes.append(&mut self.router.read(wire, most));
            }
            self.router.set_room(wire, room);
        }
        let number = self.peers.get(peer).map_or(0, |peer| peer.number);
        self.note("fetch", number, &bytes);
        if let Some(peer) = self.peers.get_mut(peer) {
            peer.hear(&mut self.ledger, &bytes);
        }
        !bytes.is_empty()
    }

    /// A connection is lost, or the router closes it.
    fn part(&mut self, peer: usize) {
        let by_router = self.rng.u8(..3) == 0;
        let Some(peer) = self.peers.get_mut(peer) else {
            return;
        };
        let (number, wire) = (peer.number, peer.wire);
        if by_router {
            peer.going(&mut self.ledger);
            self.router.close(wire);
        } else {
            peer.lost(&mut self.ledger);
            self.router.lose(wire);
        }
        self.note("part", number, &[]);
    }

    /// Connections that are over go.
    fn bury(&mut self) {
        for peer in &mut self.peers {
            if self.router.is_over(peer.wire) {
                peer.lost(&mut self.ledger);
            }
            if peer.state == State::Closed {
                peer.lost(&mut self.ledger);
                self.router.lose(peer.wire);
            }
        }
        self.peers.retain(|peer| peer.state != State::Closed);
    }

    /// Addresses that dynamic sources were given.
    fn learn(&mut self) {
        let links = self.peers.iter().flat_map(Peer::links);
        let given = links.filter_map(|link| link.address.as_ref()).filter(|address| address.starts_with("amqp:"));
        for address in given {
            if !self.given.contains(address) {
                self.given.push(address.clone());
            }
        }
    }

    /// Everything that is under way comes to its end.
    fn rest(&mut self) {
        let mut quiet = 0;
        for _ in 0..REST_TURNS_MAX {
            self.ledger.step += 1;
            for peer in &mut self.peers {
                let mut turn =
                    Turn { ledger: &mut self.ledger, rng: &mut self.rng, habits: &self.habits, given: &self.given };
                peer.calm(&mut turn);
            }
            let goes = self.exchange();
            self.bury();
            quiet = if goes { 0 } else { quiet + 1 };
            if quiet > QUIET_LOOKS {
                return;
            }
            if quiet > 0 {
                self.router.advance(watch::INTERVAL);
            }
        }
        panic!("nothing comes to rest");
    }

    /// Every sender whose address has a consumer has credit, and what it sends arrives.
    fn probe(&mut self) {
        self.habits.presettled = 0;
        for peer in &mut self.peers {
            let mut turn =
                Turn { ledger: &mut self.ledger, rng: &mut self.rng, habits: &self.habits, given: &self.given };
            let channels: Vec<u16> = peer.sessions.keys().copied().collect();
            for channel in channels {
                let handles: Vec<u32> =
                    peer.sessions.get(&channel).map_or_else(Vec::new, |it| it.links.keys().copied().collect());
                for handle in handles {
                    let Some(link) = peer.sessions.get(&channel).and_then(|session| session.links.get(&handle)) else {
                        continue;
                    };
                    let served = link.address.as_ref().is_none_or(|address| turn.ledger.has_consumer(address));
                    let End::Sender(sender) = &link.end else {
                        continue;
                    };
                    assert!(
                        !served || sender.count.before(sender.limit),
                        "{} of {} has no credit",
                        link.name,
                        peer.number
                    );
                    assert_eq!(link.stage, Stage::Attached);
                    peer.start(&mut turn, channel, handle);
                }
            }
        }
        self.rest();
        self.peers.iter().for_each(Peer::check_rest);
        self.ledger.check_rest(self.router.dropped_presettled());
    }

    /// Everybody leaves, some without a word; nothing stays behind.
    fn leave(&mut self) {
        for peer in &mut self.peers {
            if self.rng.bool() {
                peer.close(&mut self.ledger);
            } else {
                peer.lost(&mut self.ledger);
                self.router.lose(peer.wire);
            }
        }
        self.rest();
        assert!(self.peers.is_empty(), "a close is not answered");
        let common = &self.router.common;
        assert_eq!(common.buffered.bytes(), 0, "bytes stay behind");
        assert!(common.link_routes.addresses().iter().all(|(_, open)| *open == 0), "containers stay behind");
        assert!(common.addresses.is_empty(), "addresses stay behind: {:?}", common.addresses.all());
        assert_eq!(self.router.connections(), 0, "connections stay behind");
    }
}

/// What a peer that joins is a container of, if it is one.
fn container(habits: &Habits, peers: &[Peer], rng: &mut Rng) -> Option<Kind> {
    let wanted = habits.containers?;
    let there = peers.iter().filter(|peer| peer.kind.is_some()).count();
    let clients = peers.len() - there;
    let joins = there < wanted && (clients >= habits.peers - wanted || rng.bool());
    joins.then(|| habits.kinds[rng.usize(..habits.kinds.len())])
}
