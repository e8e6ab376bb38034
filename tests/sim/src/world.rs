//! One run: a router, its peers and the network between them, all by one seed.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::time::Duration;

use crosstie_router::watch;
use fastrand::Rng;

use crate::acting::Turn;
use crate::conversation::rule;
use crate::door;
use crate::habits::{ADDRESSES, Habits};
use crate::ledger::Ledger;
use crate::peer::{Peer, State};
use crate::router::{Router, Shape};
use crate::session::{End, Stage};

/// Turns until everything is at rest, at most: a window may be one short frame.
const REST_TURNS_MAX: u32 = 50_000;

/// Looks of the router at its links in which nothing moves, until everything is at rest: it finds sessions that stand still in the
/// second one.
const QUIET_LOOKS: u32 = 3;

/// What a run came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// Of all that was done and said.
    pub trace: u64,
    /// Messages that were sent.
    pub sent: usize,
    /// Of these, the ones that arrived somewhere.
    pub arrived: usize,
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
    let habits = Habits::draw(&mut rng);
    let shape = Shape {
        workers: habits.workers,
        rules: ADDRESSES.map(|(name, distribution)| rule(name, distribution)).to_vec(),
        distribution: crosstie_model::settings::Distribution::Balanced,
        auto_links: Vec::new(),
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
    Outcome { trace: world.trace.finish(), sent, arrived }
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

    /// One thing happens.
    fn step(&mut self) {
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
        let strips = meta.strip.outgoing();
        let room = habits.rooms[rng.usize(..habits.rooms.len())];
        let max_frame = habits.max_frames[rng.usize(..habits.max_frames.len())];
        let shard = rng.usize(..self.router.shards());
        let wire = self.router.connect(shard, setup, meta, room);
        self.peers.push(Peer::new(number, wire, max_frame, strips));
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
            peer.links().for_each(|link| crate::peer::going(&mut self.ledger, link));
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
        assert!(common.addresses.is_empty(), "addresses stay behind: {:?}", common.addresses.all());
        assert_eq!(self.router.connections(), 0, "connections stay behind");
    }
}
