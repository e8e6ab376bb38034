//! What a seed makes of a run: how many take part, how they behave, and what they have to live with.

use crosstie_model::settings::{Distribution, LinkCapacity, StripAnnotations};
use fastrand::Rng;

use crate::routes::{self, KINDS, Kind};

/// The addresses of a run, and how each distributes.
pub const ADDRESSES: [(&str, Distribution); 6] = [
    ("b/one", Distribution::Balanced),
    ("b/two", Distribution::Balanced),
    ("c/one", Distribution::Closest),
    ("m/one", Distribution::Multicast),
    ("m/two", Distribution::Multicast),
    ("u/one", Distribution::Unavailable),
];

/// How often something is done, of all that is done.
#[derive(Debug, Clone, Copy)]
pub struct Weights<const N: usize>(pub [u32; N]);

impl<const N: usize> Weights<N> {
    /// Each from 0 to its most, so that some seeds do without; those of 40 and more are needed by all.
    fn draw(rng: &mut Rng, most: [u32; N]) -> Self {
        Self(most.map(|most| rng.u32(if most < 40 { 0 } else { most / 2 }..=most)))
    }

    /// Picks one; the first where all are 0.
    #[must_use]
    pub fn pick(&self, rng: &mut Rng) -> usize {
        let sum: u32 = self.0.iter().sum();
        let mut left = rng.u32(0..sum.max(1));
        for (at, weight) in self.0.iter().enumerate() {
            match left.checked_sub(*weight) {
                Some(rest) => left = rest,
                None => return at,
            }
        }
        0
    }
}

/// What a run is like.
#[derive(Debug, Clone)]
pub struct Habits {
    /// Shards.
    pub workers: u16,
    /// Steps before everything comes to rest.
    pub steps: u32,
    /// Links that each peer attaches before anything goes wrong.
    pub prepared: usize,
    /// Connections at a time.
    pub peers: usize,
    /// Containers among them, where links are routed, and of what kind.
    pub containers: Option<usize>,
    /// Of the containers, one of these.
    pub kinds: Vec<Kind>,
    /// Of the routed addresses, these.
    pub routed: Vec<&'static str>,
    /// Of [`ADDRESSES`], the first so many after the offset.
    pub addresses: Vec<&'static str>,
    /// Attaches wait for an answer.
    pub asks: bool,
    /// Of the router's connections.
    pub router_max_frame: u32,
    /// Of the peers.
    pub max_frames: Vec<u32>,
    /// Session windows of peers, frames.
    pub windows: Vec<u32>,
    /// Credit that receivers give at once, at most.
    pub credit_max: u32,
    /// Of incoming links.
    pub capacity: LinkCapacity,
    /// Of the router's sessions.
    pub window_frames: Option<u32>,
    /// Of a connection.
    pub unsettled_max: u32,
    /// Annotations, for each connection one of these.
    pub strips: Vec<StripAnnotations>,
    /// Bytes of a message's data at most.
    pub size_max: usize,
    /// What may wait in the router.
    pub buffered_max_bytes: u64,
    /// Credit that receivers give at a time while everything comes to rest.
    pub calm_credit: u32,
    /// Bytes that sockets hold.
    pub rooms: Vec<usize>,
    /// In percent: a delivery is presettled.
    pub presettled: u32,
    /// What the world does: see `World::step`.
    pub world: Weights<10>,
    /// What a peer does: see `Peer::act`.
    pub peer: Weights<13>,
}

fn some<T: Copy>(rng: &mut Rng, all: &[T]) -> Vec<T> {
    let count = rng.usize(1..=all.len());
    (0..count).map(|_| all[rng.usize(..all.len())]).collect()
}

fn one<T: Copy>(rng: &mut Rng, all: &[T]) -> T {
    all[rng.usize(..all.len())]
}

impl Habits {
    /// Draws them; `routed`: with link routes.
    #[must_use]
    pub fn draw(rng: &mut Rng, routed: bool) -> Self {
        let habits = Self::draw_plain(rng);
        if !routed {
            return habits;
        }
        let containers = rng.usize(1..=3);
        let routed = some(rng, &routes::ADDRESSES.map(|(address, _)| address));
        let serves =
            |kind: &Kind| routed.iter().any(|address| *address == routes::OWN || routes::serves(*kind, address));
        let kinds = if rng.u8(..4) > 0 { KINDS.into_iter().filter(serves).collect() } else { KINDS.to_vec() };
        Self { peers: habits.peers.min(4) + containers, containers: Some(containers), kinds, routed, ..habits }
    }

    fn draw_plain(rng: &mut Rng) -> Self {
        let (first, count) = (rng.usize(..ADDRESSES.len()), rng.usize(1..=3));
        let addresses = (first..first + count).map(|at| ADDRESSES[at % ADDRESSES.len()].0).collect();
        let initial = one(rng, &[4, 10, 250]);
        Self {
            workers: rng.u16(1..=3),
            steps: one(rng, &[60, 300, 800, 2000]),
            prepared: rng.usize(0..=5),
            peers: rng.usize(2..=6),
            containers: None,
            kinds: Vec::new(),
            routed: Vec::new(),
            addresses,
            asks: rng.u8(..4) == 0,
            router_max_frame: one(rng, &[512, 4096, 16384]),
            max_frames: some(rng, &[512, 512, 1000, 65536]),
            windows: some(rng, &[1, 2, 5, 1000]),
            credit_max: one(rng, &[1, 3, 20, 200]),
            capacity: LinkCapacity { initial, max: initial * rng.u32(1..=4) },
            window_frames: one(rng, &[None, Some(1), Some(4), Some(20)]),
            unsettled_max: one(rng, &[3, 20, 100_000]),
            strips: some(
                rng,
                &[StripAnnotations::Both, StripAnnotations::In, StripAnnotations::Out, StripAnnotations::No],
            ),
            size_max: one(rng, &[0, 60, 600, 3000, 60_000, 400_000]),
            buffered_max_bytes: one(rng, &[30_000, 1 << 20, 64 << 20]),
            calm_credit: one(rng, &[1, 1000]),
            rooms: some(rng, &[40, 700, 5000, 2 << 20]),
            presettled: one(rng, &[0, 10, 50, 100]),
            // act, carry, flush, mail, errand, fetch, time, loss or close, join, all shards
            world: Weights::draw(rng, [60, 40, 15, 15, 15, 40, 3, 1, 6, 10]),
            // begin, attach a sender or a receiver, send, send a whole delivery, give credit, drain, settle, window, detach, end,
            // close, give up or forget, echo
            peer: Weights::draw(rng, [4, 10, 60, 30, 25, 5, 40, 8, 2, 1, 1, 3, 4]),
        }
    }
}
