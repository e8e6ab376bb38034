//! One worker's connections: events of peers and mail of other workers go in, bytes for peers, mail and
//! questions for the net layer come out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use crosstie_amqp::connection::{Connection, Event};
use crosstie_amqp::delegation::{Answer, Words};
use crosstie_amqp::fault::PeerFault;
use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::bounds::Bounds;
use crosstie_model::permissions::Permissions;
use crosstie_model::policy::{Grant, Hook, Hooks};
use crosstie_model::quota::Held;
use crosstie_model::settings::{LinkCapacity, Management, MessageParts, Role, StripAnnotations};
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::performatives::{Attach, Open};

use crate::address::{Address, Addresses, Class, ConnectionRef, LinkRef};
use crate::auto_link::Retry;
use crate::auto_links::{AutoLinkId, AutoLinks};
use crate::buffered::{Buffered, Gathered};
use crate::confirmation::Unconfirmed;
use crate::consequence::{Contradiction, Refused};
use crate::counters::Past;
use crate::dynamic::Names;
use crate::identity::Identities;
use crate::lane::LaneId;
use crate::link::{Incoming, Link, Sent, Session, Whole};
use crate::link_route::LinkRoutes;
use crate::mail::{Batch, Mail, Origin, Post};
use crate::repeats::Repeats;
use crate::routed::{self, RelaySessions};
use crate::runs::Run;
use crate::tenant::Space;

/// A connection with more bytes to write takes no deliveries that have not begun.
pub const WRITE_HIGH_BYTES: usize = 512 << 10;

/// A connection with more bytes to write than this takes nothing.
pub(crate) const WRITE_MAX_BYTES: usize = 1 << 20;

/// Attaches of one connection that policy may be asked about at once; its input waits when there are more.
const ASKING_MAX: u32 = 64;

/// What all workers share.
#[derive(Debug)]
pub struct Common {
    /// Ours: peers address this router by it.
    pub router_id: String,
    /// All addresses.
    pub addresses: Addresses,
    /// Mail between workers.
    pub post: Post,
    /// Links that this router attaches by itself.
    pub auto_links: AutoLinks,
    /// Addresses whose links are carried to containers.
    pub link_routes: LinkRoutes,
    /// What plugins decide about.
    pub asks: Arc<Hooks>,
    /// What waits in the process.
    pub buffered: Buffered,
    /// For dynamic termini.
    pub names: Names,
    /// For links, and what is configured.
    pub identities: Identities,
}

impl Common {
    /// Whether policy is asked what a name stands for that a peer of this space wrote.
    pub(crate) fn asks_about(&self, space: &Space, class: Class, name: &str) -> bool {
        class == Class::Mobile && self.asks.has(Hook::Address) && !space.is_reserved(name)
    }
}

/// What the net layer knows about a new connection.
#[derive(Debug, Clone)]
pub struct Meta {
    /// Of its listener or connector.
    pub name: Arc<str>,
    /// Of its listener or connector.
    pub role: Role,
    /// We dialled.
    pub outgoing: bool,
    /// Of the peer's socket.
    pub peer_addr: String,
    /// For its incoming links.
    pub capacity: LinkCapacity,
    /// Whether messages lose the annotations of routers.
    pub strip: StripAnnotations,
    /// What is logged of each message.
    pub log_messages: MessageParts,
    /// Deliveries that are not settled, each way.
    pub unsettled_max: u32,
    /// Of one message that it sends.
    pub message_max_bytes: Option<u64>,
    /// Links on which it may send; absent: as many as links.
    pub senders_max: Option<u32>,
    /// Links on which it may receive; absent: as many as links.
    pub receivers_max: Option<u32>,
    /// What it may do at the management node; known when its open came.
    pub management: Management,
    /// The peer's; empty before its open.
    pub container_id: String,
    /// Of the addresses that it names.
    pub space: Space,
    /// The addresses that it may use; absent: all.
    pub permissions: Option<Arc<Permissions>>,
    /// It may go to the home of its first address.
    pub may_move: bool,
    /// It is told whose answers its refusals come from.
    pub explains: bool,
}

/// What the net layer has to do.
#[derive(Debug)]
pub enum Request {
    /// A peer said this to whoever decides about its SASL exchange: ask there, then [`Shard::answer_sasl`]. Input waits until then.
    Asks(ConnectionRef, Words),
    /// The peer's open came: ask policy, then [`Shard::admit`] or [`Shard::close`]. Input waits until then.
    Opened(ConnectionRef, Box<Open>),
    /// A peer began a session at this channel: ask policy, then [`Shard::decide_session`]. Input waits until then.
    Begun(ConnectionRef, u16),
    /// A peer wants a link: ask policy, then [`Shard::decide`].
    Attach(LinkRef),
    /// A message on a link without an address names one: ask policy, then [`Shard::decide_name`]. Input waits until then.
    Name(LinkRef),
    /// Nobody holds the peer up any more: its input goes on.
    Resumed(ConnectionRef),
    /// The connection belongs on another worker.
    Move(ConnectionRef, u16),
    /// Something was refused because of what a plugin had answered: log it, and remember it.
    Refused(ConnectionRef, Box<Refused>),
    /// A treatment was not followed: count it, and log it.
    Contradicted(ConnectionRef, Box<Contradiction>),
    /// There is something to write.
    Dirty(ConnectionRef),
    /// No more input is wanted; close the socket once everything is written.
    Ended(ConnectionRef, Ended),
    /// A message to the management node: answer it with [`Shard::send`], then [`Shard::managed`].
    Manage(Box<Managed>),
}

/// A message to the management node.
#[derive(Debug)]
pub struct Managed {
    pub(crate) from: Origin,
    pub(crate) link: LinkId,
    pub(crate) presettled: bool,
    /// All its sections.
    pub message: Gathered,
}

impl Managed {
    /// The connection that it came in by.
    #[must_use]
    pub const fn connection(&self) -> ConnectionRef {
        self.from.connection
    }
}

/// Why a connection ended.
#[derive(Debug, Clone)]
pub enum Ended {
    /// The peer closed it.
    ByPeer(Option<Error>),
    /// The peer did something wrong.
    Fault(PeerFault),
    /// The peer did not answer our close.
    Unanswered,
}

/// One connection.
#[derive(Debug)]
pub struct Peer {
    /// The protocol.
    pub amqp: Connection,
    /// Where it comes from.
    pub meta: Meta,
    /// Whose answers have lowered its limits.
    pub(crate) bounds: Bounds,
    pub(crate) generation: u32,
    pub(crate) dirty: bool,
    /// Its output was found too long to be given more deliveries.
    pub(crate) is_high: bool,
    pub(crate) sessions: Vec<Option<Session>>,
    /// Links so far.
    serials: u32,
    /// Deliveries that we sent and that are not settled.
    pub(crate) sent: u32,
    /// Credit that its incoming links share out.
    pub(crate) reserved: u32,
    /// When it last sent, or was sent, a delivery.
    pub(crate) last_delivery: Option<Time>,
    /// Incoming links that may be due credit.
    pub(crate) touched: Vec<LinkId>,
    /// Sessions that have something to settle.
    pub(crate) settling: Vec<u16>,
    /// The attach that decides where this connection lives.
    pub(crate) first_attach: Option<FirstAttach>,
    /// Policy has not answered to its open.
    pub(crate) is_opening: bool,
    /// The session that policy has not answered.
    pub(crate) beginning: Option<u16>,
    /// The message whose address policy is asked about.
    pub(crate) naming: Option<LinkRef>,
    /// Attaches that policy has not answered.
    pub(crate) asking: u32,
    /// Another connection takes its place.
    pub(crate) retires: bool,
    /// Auto-links to attach, and when.
    pub(crate) auto_links: Vec<Retry>,
    /// Those that the peer has detached before.
    pub(crate) auto_failed: Vec<AutoLinkId>,
    /// The session that they share.
    pub(crate) auto_session: Option<u16>,
    /// Those that carry links of peers to this container.
    pub(crate) relay_sessions: RelaySessions,
    /// Peers that are not read before this one has taken what they had it told.
    pub(crate) holds: BTreeSet<ConnectionRef>,
    /// How many peers hold this one up so.
    pub(crate) held_up: u32,
    /// Lines of the log about it.
    pub(crate) repeats: Repeats,
}

/// A link, its attach, and as what a container is to hear of it.
type FirstAttach = (LinkId, Box<Attach>, Option<Whole>);

impl Peer {
    /// A connection that has just been made.
    #[must_use]
    pub fn new(amqp: Connection, meta: Meta) -> Self {
        Self {
            amqp,
            meta,
            bounds: Bounds::default(),
            generation: 0,
            dirty: false,
            is_high: false,
            sessions: Vec::new(),
            serials: 0,
            sent: 0,
            reserved: 0,
            last_delivery: None,
            touched: Vec::new(),
            settling: Vec::new(),
            first_attach: None,
            is_opening: false,
            beginning: None,
            naming: None,
            asking: 0,
            retires: false,
            auto_links: Vec::new(),
            auto_failed: Vec::new(),
            auto_session: None,
            relay_sessions: RelaySessions::default(),
            holds: BTreeSet::new(),
            held_up: 0,
            repeats: Repeats::default(),
        }
    }

    /// Whether it is not read before others have taken what it had them told.
    #[must_use]
    pub const fn is_held_up(&self) -> bool {
        self.held_up > 0
    }

    pub(crate) fn session(&mut self, channel: u16) -> Option<&mut Session> {
        self.sessions.get_mut(usize::from(channel))?.as_mut()
    }

    pub(crate) fn set_session(&mut self, channel: u16) {
        let at = usize::from(channel);
        if self.sessions.len() <= at {
            self.sessions.resize_with(at.saturating_add(1), || None);
        }
        if let Some(slot) = self.sessions.get_mut(at) {
            *slot = Some(Session::default());
        }
    }

    pub(crate) fn clear_session(&mut self, channel: u16) {
        if let Some(slot) = self.sessions.get_mut(usize::from(channel)) {
            *slot = None;
        }
        if self.auto_session == Some(channel) {
            self.auto_session = None;
        }
    }

    /// Numbers a link.
    pub(crate) const fn next_serial(&mut self) -> u32 {
        self.serials = self.serials.wrapping_add(1);
        self.serials
    }

    /// The capacity of one more incoming link, at most `link_credit`: less than configured where many share what the connection may hold.
    pub(crate) fn reserve(&mut self, link_credit: Option<u32>) -> LinkCapacity {
        let LinkCapacity { initial, max } = self.meta.capacity;
        let max = link_credit.map_or(max, |credit| credit.min(max));
        let initial = initial.min(max);
        let share = (self.meta.unsettled_max.saturating_sub(self.reserved) / 8).max(1);
        let initial = initial.min(share);
        self.reserved = self.reserved.saturating_add(initial);
        LinkCapacity { initial, max }
    }

    /// One thing less holds up a session.
    pub(crate) fn release_stall(&mut self, channel: u16) {
        let Some(session) = self.session(channel) else {
            return;
        };
        session.stalls = session.stalls.saturating_sub(1);
        let stalled = session.stalls > 0;
        self.amqp.stall(channel, stalled);
    }

    fn input_waits(&self) -> bool {
        self.amqp.is_consulting()
            || self.is_opening
            || self.beginning.is_some()
            || self.naming.is_some()
            || self.first_attach.is_some()
            || self.asking >= ASKING_MAX
            || (self.is_held_up() && self.amqp.is_open())
    }
}

/// A slot for a connection.
#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    peer: Option<Box<Peer>>,
}

/// A lane of an incoming link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Producer {
    pub(crate) connection: ConnectionRef,
    pub(crate) link: LinkId,
    pub(crate) serial: u32,
    pub(crate) lane: LaneId,
}

/// What a worker knows of an address that its links use.
#[derive(Debug)]
pub(crate) struct Local {
    pub(crate) address: Arc<Address>,
    pub(crate) producers: BTreeSet<Producer>,
    /// Producers with deliveries that wait, each once.
    pub(crate) waiting: VecDeque<Producer>,
    /// There is a consumer, and the producers know.
    pub(crate) is_open: bool,
}

impl Local {
    pub(crate) const fn new(address: Arc<Address>) -> Self {
        Self { address, producers: BTreeSet::new(), waiting: VecDeque::new(), is_open: false }
    }
}

/// One worker's part of the router.
#[derive(Debug)]
pub struct Shard {
    pub(crate) id: u16,
    pub(crate) common: Arc<Common>,
    slots: Vec<Slot>,
    free: Vec<u32>,
    pub(crate) locals: BTreeMap<u32, Local>,
    pub(crate) kicked: Vec<u32>,
    /// Receivers that drain, and wait for what is in the mail.
    pub(crate) drains: Vec<(ConnectionRef, LinkId)>,
    pub(crate) events: VecDeque<Request>,
    dirty: Vec<ConnectionRef>,
    pub(crate) outbox: Vec<Batch>,
    inbox: Batch,
    /// Empty between dispositions.
    pub(crate) runs: Vec<Run<Sent>>,
    /// Receivers to tell once this tick's outcomes are written.
    pub(crate) unconfirmed: Vec<Unconfirmed>,
    /// Of links that are gone.
    pub(crate) past: Past,
    /// Sends what the router itself says.
    pub(crate) voice: Option<ConnectionRef>,
    pub(crate) now: Time,
}

impl Shard {
    /// Worker `id` of those that `common.post` knows.
    #[must_use]
    pub fn new(id: u16, common: Arc<Common>) -> Self {
        let outbox = (0..common.post.workers()).map(|_| Batch::default()).collect();
        Self {
            id,
            common,
            slots: Vec::new(),
            free: Vec::new(),
            locals: BTreeMap::new(),
            kicked: Vec::new(),
            drains: Vec::new(),
            events: VecDeque::new(),
            dirty: Vec::new(),
            outbox,
            inbox: Batch::default(),
            runs: Vec::new(),
            unconfirmed: Vec::new(),
            past: Past::default(),
            voice: None,
            now: Time::default(),
        }
    }

    /// Takes a connection in.
    pub fn insert(&mut self, now: Time, mut peer: Box<Peer>) -> ConnectionRef {
        self.now = now;
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Slot::default());
            u32::try_from(self.slots.len().saturating_sub(1)).unwrap_or(u32::MAX)
        });
        let at = usize::try_from(slot).unwrap_or(usize::MAX);
        let generation = self.slots.get(at).map_or(0, |slot| slot.generation);
        peer.generation = generation;
        peer.dirty = false;
        let attach = peer.first_attach.take();
        if let Some(place) = self.slots.get_mut(at) {
            place.peer = Some(peer);
        }
        let connection = ConnectionRef { shard: self.id, slot, generation };
        self.mark(connection);
        if let Some((link, attach, whole)) = attach {
            self.ask_attach(connection, link, attach, whole);
        }
        connection
    }

    /// Takes a connection out, to be inserted elsewhere; it has no links.
    pub fn remove(&mut self, connection: ConnectionRef) -> Option<Box<Peer>> {
        self.release(connection, true);
        let slot = self.slots.get_mut(usize::try_from(connection.slot).ok()?)?;
        let mut peer = slot.peer.take_if(|_| slot.generation == connection.generation)?;
        // whoever holds it up does not know its next place
        peer.held_up = 0;
        slot.generation = slot.generation.wrapping_add(1);
        self.free.push(connection.slot);
        Some(peer)
    }

    /// A connection that is still there.
    #[must_use]
    pub fn peer(&self, connection: ConnectionRef) -> Option<&Peer> {
        let slot = self.slots.get(usize::try_from(connection.slot).ok()?)?;
        slot.peer.as_deref().filter(|_| slot.generation == connection.generation)
    }

    /// A connection that is still there.
    pub fn peer_mut(&mut self, connection: ConnectionRef) -> Option<&mut Peer> {
        let slot = self.slots.get_mut(usize::try_from(connection.slot).ok()?)?;
        slot.peer.as_deref_mut().filter(|_| slot.generation == connection.generation)
    }

    /// All connections.
    #[must_use]
    pub fn connections(&self) -> Vec<ConnectionRef> {
        let used = self.slots.iter().enumerate().filter(|(_, slot)| slot.peer.is_some());
        used.filter_map(|(at, slot)| {
            Some(ConnectionRef { shard: self.id, slot: u32::try_from(at).ok()?, generation: slot.generation })
        })
        .collect()
    }

    /// Takes bytes of a peer; what it leaves in `input` is to be shown again with more behind it. Stops early
    /// while policy is being asked.
    pub fn handle_input(&mut self, now: Time, connection: ConnectionRef, input: &mut &[u8]) {
        self.now = now;
        while let Some(peer) = self.peer_mut(connection) {
            if peer.input_waits() {
                return;
            }
            let Some(event) = peer.amqp.handle_input(now, input) else {
                break;
            };
            self.handle_event(connection, event);
        }
        self.mark(connection);
    }

    /// Whether input has to wait for an answer of policy, or for a peer that is to take what this one had it told.
    #[must_use]
    pub fn is_asking(&self, connection: ConnectionRef) -> bool {
        self.peer(connection).is_some_and(Peer::input_waits)
    }

    fn handle_event(&mut self, at: ConnectionRef, event: Event<'_>) {
        match event {
            Event::Asks(words) => self.events.push_back(Request::Asks(at, words)),
            Event::Transfer(transfer) => self.handle_transfer(at, &transfer),
            Event::Disposition(said) => self.handle_disposition(at, &said),
            Event::Flow(flow) => self.handle_flow(at, &flow),
            Event::Window(channel) => self.handle_window(at, channel),
            Event::Opened(open) => {
                if let Some(peer) = self.peer_mut(at) {
                    peer.is_opening = true;
                    peer.meta.container_id.clone_from(&open.container_id);
                    peer.meta.space.open(open.hostname.as_deref());
                }
                self.events.push_back(Request::Opened(at, open));
            }
            Event::Begun(channel) => {
                let asks = self.common.asks.has(Hook::Session);
                if let Some(peer) = self.peer_mut(at) {
                    peer.set_session(channel);
                    if asks {
                        peer.beginning = Some(channel);
                        self.events.push_back(Request::Begun(at, channel));
                    }
                }
            }
            Event::Attached { link, ours: true, attach, body } => self.handle_answer(at, link, &attach, body),
            Event::Attached { link, ours: false, attach, body } => {
                let meta = self.peer(at).map(|peer| &peer.meta);
                let name = meta.and_then(|meta| routed::name(&self.common.link_routes, meta, &attach, body));
                let may_be_carried = name.is_some() || self.common.asks.has(Hook::Address);
                let whole = may_be_carried.then(|| Whole { covered: name, bytes: body.into() });
                self.ask_attach(at, link, attach, whole);
            }
            Event::RelayDetached { link, answers, closed, error } => {
                self.handle_routed_detach(at, link, answers, (closed, error));
            }
            Event::Detached { link, closed, error } => {
                if let Some(end) = self.routed_mut(at, link) {
                    end.leave(closed);
                }
                self.handle_detach(at, link, error.as_ref());
            }
            Event::Ended(channel) => self.drop_session(at, channel, true),
            Event::Closed(error) => self.end(at, Ended::ByPeer(error)),
            Event::Unanswered => self.end(at, Ended::Unanswered),
            Event::Failed(fault) => self.end(at, Ended::Fault(fault)),
        }
    }

    /// Answers a [`Request::Asks`]. Says whether the connection goes on.
    pub fn answer_sasl(&mut self, now: Time, at: ConnectionRef, answer: Answer) -> bool {
        self.now = now;
        match self.peer_mut(at).map(|peer| peer.amqp.answer(answer)) {
            Some(Ok(())) => {
                self.mark(at);
                true
            }
            Some(Err(fault)) => {
                self.end(at, Ended::Fault(fault));
                false
            }
            None => false,
        }
    }

    fn end(&mut self, at: ConnectionRef, why: Ended) {
        self.drop_links(at);
        self.mark(at);
        self.events.push_back(Request::Ended(at, why));
    }

    /// Lets a peer in whose open came, with the limits that it was granted, where they are lower than its own.
    pub fn admit(&mut self, now: Time, connection: ConnectionRef, grant: &Grant) {
        self.now = now;
        let common = self.common.clone();
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        peer.is_opening = false;
        peer.limit(grant);
        peer.amqp.open();
        common.link_routes.open(connection, &peer.meta);
        // whoever links are carried to stays
        peer.meta.may_move &= peer.meta.role != Role::RouteContainer;
        self.start_auto_links(connection);
        self.mark(connection);
    }

    /// Answers a [`Request::Begun`]: what is counted while the session is there, or why it ends.
    pub fn decide_session(&mut self, now: Time, at: ConnectionRef, channel: u16, decision: Result<Held, Error>) {
        self.now = now;
        let Some(peer) = self.peer_mut(at).filter(|peer| peer.beginning == Some(channel)) else {
            return;
        };
        peer.beginning = None;
        match decision {
            Ok(held) => {
                if let Some(session) = peer.session(channel) {
                    session.held = held;
                }
            }
            Err(error) => {
                peer.amqp.end(channel, Some(error));
                self.drop_session(at, channel, false);
            }
        }
        self.mark(at);
    }

    /// Closes a connection from our side; the peer is given the time to answer.
    pub fn close(&mut self, now: Time, connection: ConnectionRef, error: Option<Error>) {
        self.now = now;
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        (peer.is_opening, peer.beginning, peer.naming) = (false, None, None);
        peer.amqp.close(error);
        self.drop_links(connection);
        self.mark(connection);
    }

    /// The socket is gone: everything of this connection ends now.
    pub fn lost(&mut self, now: Time, connection: ConnectionRef) {
        self.now = now;
        self.drop_links(connection);
        self.tell_left_out(connection);
        self.remove(connection);
    }

    /// Remembers that a connection has work for the end of the tick.
    pub(crate) fn mark(&mut self, connection: ConnectionRef) {
        let Some(peer) = self.peer_mut(connection).filter(|peer| !peer.dirty) else {
            return;
        };
        peer.dirty = true;
        self.dirty.push(connection);
    }

    /// Takes the mail of the other workers.
    pub fn handle_mail(&mut self, now: Time) {
        self.now = now;
        for from in 0..self.common.post.workers() {
            if from == self.id {
                continue;
            }
            let mut batch = std::mem::take(&mut self.inbox);
            self.common.post.take(from, self.id, &mut batch);
            let Batch { mail, arena } = &mut batch;
            for mail in mail.drain(..) {
                match mail {
                    Mail::Piece { to, head, payload } => {
                        self.deliver(to, &head, arena.get(payload).unwrap_or_default())
                    }
                    Mail::Relayed { to, head, body } => {
                        self.deliver_relayed(to, &head, arena.get(body).unwrap_or_default())
                    }
                    Mail::Route { container, wish } => self.continue_at(container, *wish),
                    Mail::Told { to, said } => self.tell(to, said),
                    Mail::State { to, count, settled, state } => {
                        self.settle_relayed(to, count, settled, state.as_deref())
                    }
                    Mail::SettledBySender { to, range, state } => self.settle_by_sender(to, range, state.as_deref()),
                    Mail::Settle { to, count, outcome } => self.settle(to, count, &outcome),
                    Mail::Wait { from, waiting } => self.wait_for(from, waiting),
                    Mail::Confirm(waiting) => self.write_confirmation(&waiting),
                    Mail::Stall { to, stalled } => self.stall(to, stalled),
                    Mail::Hold { by, held } => self.set_held(by, held),
                    Mail::Seek { to, from } => self.seek(to, from),
                    Mail::Sought(from) => self.break_jam(from),
                    Mail::GiveBack(from) => self.give_back(from),
                    Mail::Kick(address) => self.kicked.push(address),
                    Mail::Changed(address, change) => self.handle_changed(address, change),
                    Mail::Drain { address, consumer } => self.handle_drain(address, consumer),
                    Mail::Drained(consumer) => self.handle_drained(consumer),
                }
            }
            self.inbox = batch;
        }
        for (connection, link) in std::mem::take(&mut self.drains) {
            self.try_drain(connection, link);
        }
    }

    /// Ends a tick: waiting deliveries get what credit came, settlements and credit are written, mail leaves.
    pub fn flush(&mut self) {
        while let Some(address) = self.kicked.pop() {
            self.serve_waiting(address);
        }
        self.write_dirty();
        if !self.unconfirmed.is_empty() {
            self.write_confirmations();
            self.write_dirty();
        }
        let Self { outbox, common, id, .. } = self;
        for (to, batch) in outbox.iter_mut().enumerate() {
            if !batch.mail.is_empty() {
                common.post.send(*id, u16::try_from(to).unwrap_or(u16::MAX), batch);
            }
        }
    }

    fn write_dirty(&mut self) {
        while let Some(connection) = self.dirty.pop() {
            self.write_settlements(connection);
            let Some(peer) = self.peer_mut(connection) else {
                continue;
            };
            peer.dirty = false;
            if peer.is_full() || peer.holds_most() {
                self.regulate_all(connection);
            }
            self.events.push_back(Request::Dirty(connection));
        }
    }

    /// Whether [`Self::flush`] and [`Self::poll_event`] would do nothing.
    #[must_use]
    pub fn is_idle(&self) -> bool {
        let posted = self.outbox.iter().all(|batch| batch.mail.is_empty());
        let told = self.unconfirmed.is_empty();
        told && self.kicked.is_empty() && self.dirty.is_empty() && self.events.is_empty() && posted
    }

    /// Says that bytes of a connection went to its socket.
    pub fn handle_written(&mut self, now: Time, connection: ConnectionRef) {
        self.now = now;
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        peer.amqp.wrote(now);
        self.release(connection, false);
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        if peer.amqp.out.len() <= WRITE_HIGH_BYTES / 2 && std::mem::replace(&mut peer.is_high, false) {
            let sessions = u16::try_from(peer.sessions.len()).unwrap_or(u16::MAX);
            (0..sessions).for_each(|channel| self.handle_window(connection, channel));
            // what there is room for is to be written in its turn
            self.mark(connection);
        }
    }

    /// Takes what the net layer has to do next.
    pub fn poll_event(&mut self) -> Option<Request> {
        self.events.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called for a connection.
    #[must_use]
    pub fn poll_timeout(&self, connection: ConnectionRef) -> Option<Time> {
        let peer = self.peer(connection)?;
        peer.amqp.poll_timeout().into_iter().chain(peer.auto_links.iter().map(|retry| retry.at)).min()
    }

    /// Does what is due on a connection.
    pub fn handle_timeout(&mut self, now: Time, connection: ConnectionRef) {
        self.now = now;
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        if peer.is_held_up() && peer.amqp.out.is_empty() {
            // what it says is not listened to, and there is nothing that it could take
            peer.amqp.excuse(now);
        }
        if let Some(event) = peer.amqp.handle_timeout(now) {
            self.handle_event(connection, event);
        }
        self.retry_auto_links(connection);
        self.mark(connection);
    }

    /// Sends to whoever has the session: ourselves, or another worker.
    pub(crate) fn post(&mut self, shard: u16, mail: Mail) {
        if let Some(batch) = self.outbox.get_mut(usize::from(shard)) {
            batch.mail.push(mail);
        }
    }

    /// A link, whatever it is.
    pub(crate) fn link(&self, at: ConnectionRef, link: LinkId) -> Option<&Link> {
        self.peer(at)?.sessions.get(usize::from(link.channel))?.as_ref()?.link(link.handle)
    }

    /// An incoming link that is still there.
    pub(crate) fn incoming_mut(&mut self, at: ConnectionRef, link: LinkId) -> Option<&mut Incoming> {
        self.peer_mut(at)?.session(link.channel)?.incoming(link.handle)
    }

    /// Numbers a link.
    pub(crate) fn next_link(&self) -> u64 {
        self.common.identities.take()
    }

    /// All connections with their links.
    pub(crate) fn peers(&self) -> impl Iterator<Item = (ConnectionRef, &Peer)> {
        let shard = self.id;
        self.slots.iter().zip(0_u32..).filter_map(move |(place, slot)| {
            let peer = place.peer.as_deref()?;
            Some((ConnectionRef { shard, slot, generation: place.generation }, peer))
        })
    }

    /// All connections with their links.
    pub(crate) fn peers_mut(&mut self) -> impl Iterator<Item = (ConnectionRef, &mut Peer)> {
        let shard = self.id;
        self.slots.iter_mut().zip(0_u32..).filter_map(move |(place, slot)| {
            let peer = place.peer.as_deref_mut()?;
            Some((ConnectionRef { shard, slot, generation: place.generation }, peer))
        })
    }

    /// Of the clock.
    pub(crate) const fn second(&self) -> u32 {
        self.now.seconds()
    }
}
