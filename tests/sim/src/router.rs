//! A router without sockets, threads or a clock: its shards, and the bytes between them and their peers.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::connection::{Connection, Setup};
use crosstie_amqp::sasl::Nonce;
use crosstie_amqp::time::Time;
use crosstie_model::policy::{Grant, Hook};
use crosstie_model::settings::{AddressRule, AutoLink, Distribution, LinkRoute};
use crosstie_router::address::{Addresses, ConnectionRef, LinkRef};
use crosstie_router::attach::{Decision, Granted};
use crosstie_router::auto_links::AutoLinks;
use crosstie_router::buffered::Buffered;
use crosstie_router::dynamic::Names;
use crosstie_router::identity::Identities;
use crosstie_router::link_route::LinkRoutes;
use crosstie_router::mail::{Post, Wake};
use crosstie_router::shard::{Common, Meta, Peer, Request, Shard};
use crosstie_router::survey::Survey;
use crosstie_router::watch;

/// A peer that leaves more than this unread is not read either. As `host/net` has it.
const UNREAD_MAX_BYTES: usize = 4 << 20;

/// The container-id of the router.
pub const ROUTER_ID: &str = "router";

/// What a router is made of.
#[derive(Debug, Clone)]
pub struct Shape {
    /// Shards.
    pub workers: u16,
    /// For addresses.
    pub rules: Vec<AddressRule>,
    /// For all other addresses.
    pub distribution: Distribution,
    /// For connections of role `route-container`.
    pub auto_links: Vec<AutoLink>,
    /// To containers.
    pub link_routes: Vec<LinkRoute>,
    /// Attaches wait for an answer.
    pub asks: bool,
    /// What may wait in the process.
    pub buffered_max_bytes: u64,
}

/// Tells connections apart; never used twice.
pub type WireId = usize;

/// A connection as its socket sees it.
#[derive(Debug)]
struct Wire {
    at: ConnectionRef,
    /// Came from the peer, and is not looked at.
    input: Vec<u8>,
    /// The socket took it, and the peer has not read it.
    output: Vec<u8>,
    /// The socket holds no more than this.
    room: usize,
    /// The router wants no more input.
    is_ended: bool,
}

/// What a net layer does when it gets to it.
#[derive(Debug, Clone, Copy)]
enum Errand {
    Admit(ConnectionRef),
    Decide(LinkRef),
    Name(LinkRef),
    Move(ConnectionRef, u16),
}

/// The router.
#[derive(Debug)]
pub struct Router {
    /// What its shards share.
    pub common: Arc<Common>,
    shards: Vec<Shard>,
    wires: BTreeMap<WireId, Wire>,
    by_place: BTreeMap<ConnectionRef, WireId>,
    next: WireId,
    errands: VecDeque<Errand>,
    now: Time,
    looked: Time,
}

impl Router {
    /// A router without connections.
    #[must_use]
    pub fn new(shape: Shape) -> Self {
        let wake = (0..shape.workers).map(|_| Arc::new(|| {}) as Wake).collect();
        let identities = Identities::default();
        let common = Arc::new(Common {
            router_id: ROUTER_ID.to_owned(),
            addresses: Addresses::new(shape.rules, shape.distribution, &identities),
            post: Post::new(wake),
            auto_links: AutoLinks::new(shape.auto_links, &identities),
            link_routes: LinkRoutes::new(shape.link_routes, &identities),
            asks: Arc::new(shape.asks.then_some(Hook::Address).into_iter().collect()),
            buffered: Buffered::new(shape.buffered_max_bytes),
            names: Names::new([7; 32]),
            identities,
        });
        let shards = (0..shape.workers).map(|id| Shard::new(id, common.clone())).collect();
        Self {
            common,
            shards,
            wires: BTreeMap::new(),
            by_place: BTreeMap::new(),
            next: 0,
            errands: VecDeque::new(),
            now: Time(1_000_000),
            looked: Time(1_000_000),
        }
    }

    /// The clock.
    #[must_use]
    pub const fn now(&self) -> Time {
        self.now
    }

    /// How many shards there are.
    #[must_use]
    pub const fn shards(&self) -> usize {
        self.shards.len()
    }

    /// A peer makes a link route for its connection.
    pub fn add_route(&mut self, id: WireId, route: LinkRoute) -> bool {
        let Some(at) = self.wires.get(&id).map(|wire| wire.at) else {
            return false;
        };
        self.shards.get_mut(usize::from(at.shard)).is_some_and(|shard| shard.add_connection_route(at, route))
    }

    /// Takes a connection in on a shard. Its socket holds `room` bytes.
    pub fn connect(&mut self, shard: usize, setup: Setup, meta: Meta, room: usize) -> WireId {
        let id = self.next;
        self.next += 1;
        let mut nonce = [0; 18];
        nonce.iter_mut().zip(id.to_be_bytes()).for_each(|(byte, of)| *byte = of);
        let peer = Box::new(Peer::new(Connection::new(self.now, setup, Nonce(nonce)), meta));
        let wire = Wire {
            at: ConnectionRef { shard: 0, slot: 0, generation: 0 },
            input: Vec::new(),
            output: Vec::new(),
            room,
            is_ended: false,
        };
        self.wires.insert(id, wire);
        self.adopt(id, shard, peer);
        id
    }

    fn adopt(&mut self, id: WireId, shard: usize, peer: Box<Peer>) {
        let now = self.now;
        let Some(shard) = self.shards.get_mut(shard) else {
            return;
        };
        let at = shard.insert(now, peer);
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.at = at;
        }
        self.by_place.insert(at, id);
        self.settle(usize::from(at.shard));
    }

    /// Whether the socket is still there.
    #[must_use]
    pub fn is_connected(&self, id: WireId) -> bool {
        self.wires.contains_key(&id)
    }

    /// Bytes arrive from a peer.
    pub fn give(&mut self, id: WireId, bytes: &[u8]) {
        if let Some(wire) = self.wires.get_mut(&id) {
            wire.input.extend_from_slice(bytes);
            self.take(id);
        }
    }

    /// Shows the shard what came.
    fn take(&mut self, id: WireId) {
        let Some(wire) = self.wires.get_mut(&id) else {
            return;
        };
        let at = wire.at;
        let Some(shard) = self.shards.get_mut(usize::from(at.shard)) else {
            return;
        };
        let unread = shard.peer(at).map_or(0, |peer| peer.amqp.out.len());
        if wire.is_ended || wire.input.is_empty() || unread > UNREAD_MAX_BYTES || shard.is_asking(at) {
            return;
        }
        let mut input = wire.input.as_slice();
        shard.handle_input(self.now, at, &mut input);
        let taken = wire.input.len() - input.len();
        wire.input.drain(..taken);
        self.settle(usize::from(at.shard));
    }

    /// Ends a shard's tick.
    pub fn flush(&mut self, shard: usize) {
        if let Some(one) = self.shards.get_mut(shard) {
            one.flush();
            self.settle(shard);
        }
    }

    /// Brings a shard its mail.
    pub fn bring_mail(&mut self, shard: usize) {
        if let Some(one) = self.shards.get_mut(shard) {
            one.handle_mail(self.now);
            self.settle(shard);
        }
    }

    /// Whether the net layer has something to do beside bytes.
    #[must_use]
    pub fn has_errands(&self) -> bool {
        !self.errands.is_empty()
    }

    /// Does the oldest errand: answers an open or an attach, or moves a connection.
    pub fn run_errand(&mut self) {
        let Some(errand) = self.errands.pop_front() else {
            return;
        };
        let at = match errand {
            Errand::Admit(at) | Errand::Move(at, _) => at,
            Errand::Decide(link) | Errand::Name(link) => link.connection,
        };
        let Some(shard) = self.shards.get_mut(usize::from(at.shard)) else {
            return;
        };
        match errand {
            Errand::Admit(at) => shard.admit(self.now, at, &Grant::default()),
            Errand::Decide(link) => shard.decide(self.now, link, Decision::BuiltIn, Granted::default()),
            Errand::Name(link) => {
                // of some links each message is asked about
                let ttl = (link.serial & 1 == 0).then_some(Duration::ZERO);
                shard.decide_name(self.now, link, Decision::BuiltIn, ttl);
            }
            Errand::Move(at, to) => {
                let Some(peer) = shard.remove(at) else {
                    return;
                };
                if let Some(id) = self.by_place.remove(&at) {
                    self.adopt(id, usize::from(to), peer);
                    self.take(id);
                }
                return;
            }
        }
        self.settle(usize::from(at.shard));
        if let Some(id) = self.by_place.get(&at).copied() {
            self.take(id);
        }
    }

    /// The peer reads what is there, `most` bytes of it.
    pub fn read(&mut self, id: WireId, most: usize) -> Vec<u8> {
        let Some(wire) = self.wires.get_mut(&id) else {
            return Vec::new();
        };
        let bytes = wire.output.drain(..most.min(wire.output.len())).collect();
        let at = wire.at;
        self.write(at);
        self.settle(usize::from(at.shard));
        self.take(id);
        bytes
    }

    /// Lets a socket hold more or less; returns how much it was.
    pub fn set_room(&mut self, id: WireId, room: usize) -> usize {
        self.wires.get_mut(&id).map_or(0, |wire| std::mem::replace(&mut wire.room, room))
    }

    /// Bytes that a peer could read.
    #[must_use]
    pub fn readable(&self, id: WireId) -> usize {
        self.wires.get(&id).map_or(0, |wire| wire.output.len())
    }

    /// The socket breaks.
    pub fn lose(&mut self, id: WireId) {
        let Some(wire) = self.wires.remove(&id) else {
            return;
        };
        self.by_place.remove(&wire.at);
        let shard = usize::from(wire.at.shard);
        if let Some(one) = self.shards.get_mut(shard) {
            one.lost(self.now, wire.at);
        }
        self.settle(shard);
    }

    /// The router closes a connection by itself.
    pub fn close(&mut self, id: WireId) {
        let Some(at) = self.wires.get(&id).map(|wire| wire.at) else {
            return;
        };
        if let Some(one) = self.shards.get_mut(usize::from(at.shard)) {
            one.close(self.now, at, None);
            if one.peer(at).is_none_or(|peer| peer.amqp.is_ended())
                && let Some(wire) = self.wires.get_mut(&id)
            {
                wire.is_ended = true;
            }
        }
        self.settle(usize::from(at.shard));
        self.take(id);
    }

    /// Time passes; whoever waits for it is called.
    pub fn advance(&mut self, wait: Duration) {
        self.now = self.now + wait;
        let looks = self.looked + watch::INTERVAL <= self.now;
        if looks {
            self.looked = self.now;
        }
        for shard in 0..self.shards.len() {
            let Some(one) = self.shards.get_mut(shard) else {
                continue;
            };
            for at in one.connections() {
                if one.poll_timeout(at).is_some_and(|due| due <= self.now) {
                    one.handle_timeout(self.now, at);
                }
            }
            if looks {
                one.look(self.now);
            }
            self.settle(shard);
        }
    }

    /// Does all that is to be done until nothing is left but to read.
    pub fn run(&mut self) {
        loop {
            while self.has_errands() {
                self.run_errand();
            }
            for shard in 0..self.shards.len() {
                self.bring_mail(shard);
                self.flush(shard);
            }
            let idle = self.shards.iter().all(Shard::is_idle);
            if idle && !self.has_errands() && self.common.post.is_empty() {
                return;
            }
        }
    }

    /// Presettled deliveries, and copies of them, that went nowhere.
    #[must_use]
    pub fn dropped_presettled(&self) -> u64 {
        let surveys = self.shards.iter().map(Shard::survey);
        let links = |survey: &Survey| survey.links.iter().map(|row| row.facts.outcomes.dropped_presettled).sum::<u64>();
        surveys.map(|survey| links(&survey) + survey.past.outcomes.dropped_presettled).sum()
    }

    /// Connections that a shard still knows.
    #[must_use]
    pub fn connections(&self) -> usize {
        self.shards.iter().map(|shard| shard.connections().len()).sum()
    }

    /// Does what a shard asks for.
    fn settle(&mut self, shard: usize) {
        while let Some(request) = self.shards.get_mut(shard).and_then(Shard::poll_event) {
            match request {
                Request::Asks(..) => unreachable!("nobody else decides about SASL"),
                Request::Dirty(at) => self.write(at),
                Request::Opened(at, _) => self.errands.push_back(Errand::Admit(at)),
                Request::Begun(..) => unreachable!("nobody is asked about sessions"),
                Request::Attach(link) => self.errands.push_back(Errand::Decide(link)),
                Request::Name(link) => self.errands.push_back(Errand::Name(link)),
                Request::Refused(..) | Request::Contradicted(..) => unreachable!("nobody has answered anything"),
                // whoever has sent something is looked at in every step
                Request::Resumed(_) => {}
                Request::Move(at, to) => self.errands.push_back(Errand::Move(at, to)),
                Request::Ended(at, _) => {
                    if let Some(wire) = self.by_place.get(&at).and_then(|id| self.wires.get_mut(id)) {
                        wire.is_ended = true;
                    }
                    self.write(at);
                }
                Request::Manage(asked) => {
                    if let Some(one) = self.shards.get_mut(shard) {
                        one.managed(self.now, &asked);
                    }
                }
            }
        }
    }

    /// Gives the socket what it takes. One that the router has ended goes with its last byte.
    fn write(&mut self, at: ConnectionRef) {
        let Some((wire, shard)) = self.by_place.get(&at).and_then(|id| {
            let shard = self.shards.get_mut(usize::from(at.shard))?;
            Some((self.wires.get_mut(id)?, shard))
        }) else {
            return;
        };
        if let Some(peer) = shard.peer_mut(at).filter(|peer| !peer.amqp.out.is_empty()) {
            let count = wire.room.saturating_sub(wire.output.len()).min(peer.amqp.out.len());
            if count > 0 {
                wire.output.extend(&peer.amqp.out[..count]);
                peer.amqp.out.consume(count);
                shard.handle_written(self.now, at);
            }
        }
    }

    /// Whether the router is done with a connection, and the peer has read all of it.
    #[must_use]
    pub fn is_over(&self, id: WireId) -> bool {
        let Some(wire) = self.wires.get(&id) else {
            return true;
        };
        let shard = self.shards.get(usize::from(wire.at.shard));
        let left = shard.and_then(|shard| shard.peer(wire.at)).map_or(0, |peer| peer.amqp.out.len());
        wire.is_ended && wire.output.is_empty() && left == 0
    }
}
