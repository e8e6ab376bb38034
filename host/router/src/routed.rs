//! Routed links: a link of a peer and its continuation on the connection of a container are the two ends of one link. Neither
//! ends here: attach, credit, deliveries, their states and detach are handed from one end to the other. Source: the reference, 1.9.
//!
//! ```text
//! peer's end:       Attaching -> Attached -> Detaching | PeerDetached -> gone
//! container's end:  Attaching -> Attached -> Detaching | PeerDetached -> gone
//! ```
//! An end that is detached by its peer waits for the answer of the other end. What goes from a sender to its receiver keeps its
//! order: a drained sender's flow and its detach stand in the queue behind its deliveries.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use crosstie_amqp::connection::{Connection, LinkFlow};
use crosstie_amqp::fault::condition;
use crosstie_amqp::raw::{self, Side};
use crosstie_amqp::relay::Relay;
use crosstie_amqp::serial::Serial;
use crosstie_amqp::session::LinkId;
use crosstie_model::address::{is_reserved, normalise};
use crosstie_model::quota::Held;
use crosstie_model::settings::Direction;
use crosstie_model::trail::Trail;
use fe2o3_amqp_types::definitions::{Error, ErrorCondition, Role};
use fe2o3_amqp_types::messaging::{TargetArchetype, TerminusExpiryPolicy};
use fe2o3_amqp_types::performatives::Attach;
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

use crate::address::{ConnectionRef, LinkRef};
use crate::buffered::Kept;
use crate::consequence::{By, Why};
use crate::counters::Counters;
use crate::improper::Arriving;
use crate::link::Link;
use crate::link_route::{self, COORDINATOR, LinkRoutes, Way};
use crate::mail::{Mail, Origin, Outcome, PieceHead};
use crate::name::NODE;
use crate::relayed::Places;
use crate::repeats::Line;
use crate::shard::{Meta, Peer, Shard};
use crate::terminus;
use crate::watch::Watch;

/// The window of a session that is begun for routed links.
const WINDOW_BYTES: u64 = 4 << 20;

/// The property of a dynamic node by which it finds its link route.
const DYNAMIC_ADDRESS: &str = "x-opt-qd.address";

/// One end.
#[derive(Debug)]
pub(crate) struct Routed {
    /// Unique in this process.
    pub(crate) id: u64,
    pub(crate) serial: u32,
    pub(crate) name: Arc<str>,
    /// Its address as management shows it. Source: the reference, `terminus_addr` of a link.
    pub(crate) key: Arc<str>,
    /// The other end; absent before the container answered, and when it is gone.
    pub(crate) partner: Option<LinkRef>,
    pub(crate) phase: Phase,
    /// The peer sends.
    pub(crate) receives: bool,
    /// Where the sender began to count.
    start: Serial,
    /// The terminus outlives the connection: a link that is lost is detached, not closed.
    survives: bool,
    /// How the container's end is detached when nobody waits for its answer: as the peer said, or as of one that is lost. Both ends
    /// share it, since neither knows of the other when the peer goes.
    unwanted_closed: Arc<AtomicBool>,
    /// What waits for the window, or for room in the output.
    pub(crate) queue: VecDeque<Item>,
    bytes: usize,
    /// What the peer sends just now.
    pub(crate) arriving: Arriving,
    /// Deliveries that the peer counts and the container does not: they were rejected here.
    pub(crate) skipped: u32,
    /// A delivery whose session was told to stop.
    stalls: Option<Origin>,
    /// It stands among those of its session.
    pub(crate) listed: bool,
    /// Where deliveries went that its peer is given.
    pub(crate) places: Places,
    /// What policy counts while it is there; absent at the container's end.
    held: Option<Held>,
    pub(crate) counters: Counters,
    pub(crate) watch: Watch,
}

/// How far an end is.
#[derive(Debug)]
pub(crate) enum Phase {
    /// The peer's attach waits for the container's answer.
    Asking(Box<Asked>),
    /// The container was asked.
    Attaching,
    Attached,
    /// We detached it, and the peer is to answer.
    Detaching,
    /// The peer detached it, and the other end is to answer.
    PeerDetached,
}

/// What a peer asked for.
#[derive(Debug)]
pub(crate) struct Asked {
    attach: Attach,
    /// Its address here and in the container, where they differ.
    renamed: Option<(String, String)>,
    way: Way,
    /// What it said of its credit meanwhile.
    flow: Option<LinkFlow>,
}

/// Something that keeps its place behind deliveries.
#[derive(Debug)]
pub(crate) enum Item {
    /// A piece of a delivery; `written` bytes of its payload are.
    Piece {
        head: PieceHead,
        body: Kept,
        written: usize,
    },
    Said(Relayed),
}

/// What one end tells the other.
#[derive(Debug)]
pub(crate) enum Relayed {
    /// The container answered the attach.
    Answer {
        from: LinkRef,
        body: Box<[u8]>,
    },
    /// The sender counted to here.
    Advance {
        count: Serial,
        drain: bool,
        available: Option<u32>,
    },
    /// The receiver grants up to here.
    Credit {
        limit: Serial,
        drain: bool,
    },
    Detach(Detached),
    /// The peer that asked for the link did not wait for the answer, or cannot be told of it.
    Unwanted,
}

/// How an end was detached.
#[derive(Debug)]
pub(crate) struct Detached {
    closed: bool,
    error: Option<Box<Error>>,
    /// It is gone, and hears nothing more.
    gone: bool,
}

/// A peer's attach on its way to a container.
#[derive(Debug)]
pub(crate) struct Wish {
    from: LinkRef,
    receives: bool,
    name: String,
    body: Box<[u8]>,
    address: Option<String>,
    survives: bool,
    unwanted_closed: Arc<AtomicBool>,
    key: Arc<str>,
}

/// The sessions of a container's connection that carry routed links: one for each session of a peer, as far as there are enough.
#[derive(Debug, Default)]
pub(crate) struct RelaySessions(Vec<RelaySession>);

#[derive(Debug)]
struct RelaySession {
    channel: u16,
    /// Whose links it carries.
    client: (ConnectionRef, u16),
    links: u32,
}

impl RelaySessions {
    /// The session for the links of a peer's session: the one that it has, one that has no links, a new one, or the one with the
    /// fewest links. None that has a link of that name: the peer may come back before the container has answered the detach of its
    /// last one. Says whether it is a new one.
    fn take(
        &mut self,
        client: (ConnectionRef, u16),
        amqp: &mut Connection,
        (role, name): (&Role, &str),
    ) -> Option<(u16, bool)> {
        let free = |session: &RelaySession| !amqp.has_link(session.channel, role, name);
        let of = |session: &RelaySession| session.client == client && session.links > 0 && free(session);
        let at = self.0.iter().position(of).or_else(|| self.0.iter().position(|session| session.links == 0));
        let fewest = self.0.iter().enumerate().filter(|(_, session)| free(session));
        let fewest = fewest.min_by_key(|(_, session)| session.links).map(|(at, _)| at);
        let mut is_new = false;
        let at = match at {
            Some(at) => at,
            None => match amqp.begin_relay(WINDOW_BYTES) {
                Some(channel) => {
                    is_new = true;
                    self.0.push(RelaySession { channel, client, links: 0 });
                    self.0.len().saturating_sub(1)
                }
                None => fewest?,
            },
        };
        let session = self.0.get_mut(at)?;
        if session.links == 0 {
            session.client = client;
        }
        session.links = session.links.saturating_add(1);
        Some((session.channel, is_new))
    }

    fn give_back(&mut self, channel: u16) {
        if let Some(session) = self.0.iter_mut().find(|session| session.channel == channel) {
            session.links = session.links.saturating_sub(1);
        }
    }

    /// A session is gone.
    pub(crate) fn forget(&mut self, channel: u16) {
        self.0.retain(|session| session.channel != channel);
    }
}

/// Why a link is not carried to a container that does not take what it is told.
const CROWDED: &str = "the container has not taken what it was told of other links";

/// Of a container.
const LONG_ANSWER: &str = "the container's answer to the attach is longer than max-frame-size";

/// Of a container.
const UNREAD_ANSWER: &str = "the container's answer to the attach cannot be handed on";

fn custom(condition: &str, description: &str) -> Error {
    let condition = ErrorCondition::Custom(Symbol::from(condition));
    Error { condition, description: Some(description.to_owned()), info: None }
}

/// In the words of the reference.
fn no_route() -> Error {
    custom("qd:no-route-to-dest", "No route to the destination node")
}

/// In the words of the reference.
fn lost() -> Error {
    custom("qd:routed-link-lost", "Connectivity to the peer container was lost")
}

/// In the words of the reference.
fn expiration() -> Error {
    custom("qd:link-expiration", "Requested link expiration not allowed")
}

/// The address of a dynamic node that is to be routed.
pub(crate) fn dynamic_address(attach: &Attach) -> Option<&str> {
    let properties = if attach.role == Role::Sender {
        let TargetArchetype::Target(target) = attach.target.as_deref()?;
        target.dynamic_node_properties.as_ref()?
    } else {
        attach.source.as_deref()?.dynamic_node_properties.as_ref()?
    };
    match properties.get(&Symbol::from(DYNAMIC_ADDRESS))? {
        Value::String(text) => Some(text.as_str()),
        Value::Symbol(text) => Some(text.as_str()),
        _ => None,
    }
}

/// How a container knows the link of a peer. Source: the reference, 1.9.
fn name_outside(link: &str, container_id: &str) -> String {
    format!("{link}@{container_id}")
}

/// Whether a receiver names no source: it takes up what its link's name stands for, as Qpid JMS does to end a subscription.
/// Source: AMQP 1.0 part 2, 2.6.3.
fn resumes(attach: &Attach) -> bool {
    attach.role == Role::Receiver && attach.source.is_none()
}

/// The name by which a peer's attach is routed, if there is a route for it.
pub(crate) fn name(routes: &LinkRoutes, meta: &Meta, attach: &Attach, body: &[u8]) -> Option<String> {
    let sends = attach.role == Role::Sender;
    if resumes(attach) {
        let name = routes.recall(&name_outside(&attach.name, &meta.container_id));
        return routes.covers(Direction::Out, &name).then_some(name);
    }
    let address = match attach.target.as_deref() {
        Some(TargetArchetype::Target(target)) if sends => {
            if target.dynamic {
                dynamic_address(attach)
            } else {
                target.address.as_deref()
            }
        }
        None if sends => {
            let is_coordinator = raw::Attach::decode(body).is_ok_and(|raw| raw.is_coordinator());
            let name = COORDINATOR.to_owned();
            return (is_coordinator && routes.covers(Direction::In, &name)).then_some(name);
        }
        _ => {
            let source = attach.source.as_deref()?;
            if source.dynamic { dynamic_address(attach) } else { source.address.as_deref() }
        }
    };
    // management stays here, whatever a route covers: it is the way to take that route back
    let name = Some(normalise(address?)).filter(|name| !name.is_empty() && !is_management(name))?;
    let name = meta.space.name(name);
    routes.covers(terminus::link_direction(attach), &name).then_some(name)
}

/// Whether a name is that of a router's management node, in any of its forms.
fn is_management(name: &str) -> bool {
    name == NODE || (is_reserved(name) && name.rsplit('/').next() == Some(NODE))
}

/// Whether the terminus that peers and container share outlives a connection. Source: AMQP 1.0 part 3, 3.5.3.
fn survives(attach: &Attach) -> bool {
    let (policy, timeout) = if attach.role == Role::Sender {
        match attach.target.as_deref() {
            Some(TargetArchetype::Target(target)) => (target.expiry_policy.clone(), target.timeout),
            None => return false,
        }
    } else {
        match attach.source.as_deref() {
            Some(source) => (source.expiry_policy.clone(), source.timeout),
            None => return false,
        }
    };
    timeout > 0 || policy == TerminusExpiryPolicy::Never
}

impl Shard {
    /// Sends a peer's attach on to a container. No way: whose answer wants one, if it is a plugin's.
    pub(crate) fn route(
        &mut self,
        at: LinkRef,
        attach: Attach,
        (name, way, body): (&str, Result<Way, By>, &[u8]),
        (flow, held): (Option<LinkFlow>, Held),
    ) {
        let LinkRef { connection, link, serial } = at;
        let sends = attach.role == Role::Sender;
        let routes = &self.common.clone().link_routes;
        let survives = survives(&attach);
        if survives && routes.refuses_resumable() {
            return self.refuse(connection, link, &attach, expiration());
        }
        let way = match way {
            Ok(way) => way,
            Err(by) => return self.refuse(connection, link, &attach, Why { error: no_route(), by }),
        };
        let key: Arc<str> = format!("M0{name}").into();
        let id = self.next_link();
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        let name_there = name_outside(&attach.name, &peer.meta.container_id);
        let is_longer = peer.meta.space.inside(name).is_some() && !terminus::is_dynamic(&attach);
        let outside = link_route::outside(&way.route, name).or_else(|| is_longer.then(|| name.to_owned()));
        if survives && !sends {
            routes.remember(&name_there, name);
        }
        let unwanted_closed = Arc::new(AtomicBool::new(!survives));
        let wish = Wish {
            from: at,
            receives: !sends,
            name: name_there,
            body: body.into(),
            address: outside.clone().filter(|_| !resumes(&attach)),
            survives,
            unwanted_closed: unwanted_closed.clone(),
            key: key.clone(),
        };
        let container = way.container;
        let link_name: Arc<str> = attach.name.as_str().into();
        let own =
            |raw: raw::Attach<'_>| raw.address(if sends { Side::Target } else { Side::Source }).map(str::to_owned);
        let inside = raw::Attach::decode(body).ok().and_then(own).unwrap_or_else(|| name.to_owned());
        let renamed = outside.map(|outside| (inside, outside));
        let asked = Asked { attach, renamed, way, flow };
        let phase = Phase::Asking(Box::new(asked));
        let end = Routed {
            unwanted_closed,
            held: Some(held),
            ..Routed::new((id, serial), link_name, key, (sends, survives), phase)
        };
        if let Some(session) = peer.session(link.channel) {
            session.set(link.handle, Link::Routed(Box::new(end)));
        }
        self.continue_at(container, wish);
    }

    /// Attaches the continuation of a peer's link on a container's connection.
    pub(crate) fn continue_at(&mut self, container: ConnectionRef, wish: Wish) {
        if container.shard != self.id {
            return self.post(container.shard, Mail::Route { container, wish: Box::new(wish) });
        }
        let (from, id) = (wish.from, self.next_link());
        let crowded = self.is_crowded(container);
        let refusal = match self.peer_mut(container).filter(|peer| peer.amqp.is_open()) {
            None => lost(),
            Some(_) if crowded => custom("amqp:resource-limit-exceeded", CROWDED),
            Some(peer) => match peer.attach_routed(id, wish) {
                None => {
                    self.hold_up(from.connection, container);
                    return self.mark(container);
                }
                Some(refusal) => refusal,
            },
        };
        let detached = Detached { closed: true, error: Some(Box::new(refusal)), gone: true };
        self.tell(from, Relayed::Detach(detached));
    }

    /// The end of a routed link.
    pub(crate) fn routed_mut(&mut self, at: ConnectionRef, link: LinkId) -> Option<&mut Routed> {
        match self.peer_mut(at)?.session(link.channel)?.link_mut(link.handle)? {
            Link::Routed(end) => Some(end),
            _ => None,
        }
    }

    /// The container answered the attach of a routed link.
    pub(crate) fn handle_routed_answer(&mut self, at: ConnectionRef, link: LinkId, body: &[u8]) {
        let Some(end) = self.routed_mut(at, link) else {
            return;
        };
        end.phase = Phase::Attached;
        if end.receives
            && let Ok(attach) = raw::Attach::decode(body)
        {
            end.start = Serial(attach.initial_delivery_count());
        }
        let from = LinkRef { connection: at, link, serial: end.serial };
        if let Some(partner) = end.partner {
            self.tell(partner, Relayed::Answer { from, body: body.into() });
        }
    }

    /// Tells one end what the other did.
    pub(crate) fn tell(&mut self, to: LinkRef, said: Relayed) {
        if to.connection.shard != self.id {
            return self.post(to.connection.shard, Mail::Told { to, said });
        }
        let Some(end) = self.peer_mut(to.connection).and_then(|peer| peer.routed(to)) else {
            if let Relayed::Answer { from, .. } = said {
                // whoever asked did not wait
                self.tell(from, Relayed::Unwanted);
            }
            return;
        };
        let waits = matches!(said, Relayed::Advance { .. } | Relayed::Detach(_)) && !end.queue.is_empty();
        if waits && matches!(end.phase, Phase::Attached) {
            return end.say_later(said);
        }
        let by = end.partner;
        match said {
            Relayed::Answer { from, body } => self.answer_routed(to, from, &body),
            Relayed::Credit { limit, drain } => {
                let limit = limit.add(end.skipped);
                if let Some(peer) = self.peer_mut(to.connection) {
                    peer.amqp.grant_until(to.link, limit, drain);
                }
            }
            Relayed::Advance { count, drain, available } => {
                if let Some(peer) = self.peer_mut(to.connection) {
                    peer.amqp.advance(to.link, count, drain, available);
                }
            }
            Relayed::Detach(detached) => self.detach_routed(to, detached),
            Relayed::Unwanted => {
                let closed = end.unwanted_closed.load(Ordering::Relaxed);
                self.detach_routed(to, Detached { closed, error: None, gone: true });
            }
        }
        if let Some(by) = by {
            self.hold_up(by.connection, to.connection);
        }
        self.mark(to.connection);
    }

    /// Answers a peer's attach as the container did.
    fn answer_routed(&mut self, to: LinkRef, from: LinkRef, body: &[u8]) {
        let Some(peer) = self.peer_mut(to.connection) else {
            return;
        };
        let Some(end) = peer.routed(to) else {
            return;
        };
        let Phase::Asking(asked) = std::mem::replace(&mut end.phase, Phase::Attached) else {
            return;
        };
        end.partner = Some(from);
        let unwanted_closed = end.unwanted_closed.clone();
        let Asked { attach, renamed, way, flow } = *asked;
        let answer = raw::Attach::decode(body);
        if let Ok(answer) = &answer
            && !end.receives
        {
            end.start = Serial(answer.initial_delivery_count());
        }
        let side = if attach.role == Role::Sender { Side::Target } else { Side::Source };
        let taken = answer.map_err(|_| (terminus::invalid(UNREAD_ANSWER), true)).and_then(|answer| {
            let address = match (&renamed, answer.address(side)) {
                (Some((inside, outside)), Some(said)) if said == outside => Some(inside.clone()),
                (Some(_), Some(said)) => Some(link_route::inside(&way.route, said)),
                (None, Some(said)) => peer.meta.space.inside(said).map(str::to_owned),
                (_, None) => None,
            };
            let relay = Relay { attach: &answer, address: address.as_deref().map(|address| (side, address)) };
            let fits = peer.amqp.accept_relayed(to.link, &relay);
            // what it had before keeps its deliveries
            let refusal = || (custom("amqp:frame-size-too-small", LONG_ANSWER), !answer.has_unsettled());
            if fits { Ok(()) } else { Err(refusal()) }
        });
        if let Err((error, closed)) = taken {
            peer.amqp.refuse(to.link, terminus::answer(&attach, None, None), error);
            // the peer hears that it is closed
            unwanted_closed.store(closed, Ordering::Relaxed);
            self.take_routed(to);
            return self.tell(from, Relayed::Unwanted);
        }
        tracing::debug!(
            target: "link",
            handle = to.link.handle,
            link.name = attach.name,
            container.id = peer.meta.container_id,
            route = %link_route::key(&way.route),
            "link routed"
        );
        if let Some(flow) = flow {
            // what it counted from before it had this answer is no count
            self.relay_flow(to.connection, &LinkFlow { delivery_count: None, ..flow });
        }
    }

    /// Hands on what a peer said of the credit of its routed link.
    pub(crate) fn relay_flow(&mut self, at: ConnectionRef, flow: &LinkFlow) {
        let Some(end) = self.routed_mut(at, flow.link) else {
            return;
        };
        if let Phase::Asking(asked) = &mut end.phase {
            asked.flow = Some(*flow);
            return;
        }
        let count = flow.delivery_count.map_or(end.start, Serial);
        let said = match flow.credit {
            _ if end.receives => {
                let count = Serial(count.0.wrapping_sub(end.skipped));
                Relayed::Advance { count, drain: flow.drain, available: flow.available }
            }
            Some(credit) => Relayed::Credit { limit: count.add(credit), drain: flow.drain },
            None => return,
        };
        if let Some(partner) = end.partner {
            self.tell(partner, said);
        }
    }

    /// A peer detached a routed link, or answered our detach of it.
    pub(crate) fn handle_routed_detach(
        &mut self,
        at: ConnectionRef,
        link: LinkId,
        answers: bool,
        detached: (bool, Option<Error>),
    ) {
        let (closed, error) = detached;
        let Some(end) = self.routed_mut(at, link) else {
            return;
        };
        let (partner, place) = (end.partner, LinkRef { connection: at, link, serial: end.serial });
        let detached = Detached { closed, error: error.map(Box::new), gone: answers };
        if answers {
            self.take_routed(place);
        } else {
            end.phase = Phase::PeerDetached;
        }
        match partner {
            Some(partner) => self.tell(partner, Relayed::Detach(detached)),
            None if !answers => {
                if let Some(peer) = self.peer_mut(at) {
                    peer.amqp.answer_detach(link, closed, None);
                }
                self.take_routed(place);
            }
            None => {}
        }
        self.mark(at);
    }

    /// Detaches an end as the other one was.
    fn detach_routed(&mut self, to: LinkRef, Detached { closed, error, gone }: Detached) {
        let Some(end) = self.peer_mut(to.connection).and_then(|peer| peer.routed(to)) else {
            return;
        };
        if gone {
            end.partner = None;
            self.end_unanswered(to);
        }
        // outcomes come before the detach
        self.write_settlements(to.connection);
        let now = self.now;
        let Some(peer) = self.peer_mut(to.connection) else {
            return;
        };
        let Some(end) = peer.routed(to) else {
            return;
        };
        let error = error.map(|error| *error);
        match &mut end.phase {
            Phase::Asking(asked) => {
                let attach = terminus::answer(&asked.attach, None, None);
                let error = error.unwrap_or_else(no_route);
                if let Some(Line { left_out }) = peer.repeats.take(now) {
                    tracing::info!(
                        target: "link",
                        condition = condition(&error.condition),
                        link.name = attach.name,
                        error = error.description.as_deref().unwrap_or_default(),
                        left_out,
                        "routed link refused"
                    );
                }
                peer.amqp.refuse(to.link, attach, error);
                self.take_routed(to);
            }
            Phase::Attaching | Phase::Attached => {
                end.phase = Phase::Detaching;
                peer.amqp.detach_relayed(to.link, closed, error);
            }
            Phase::PeerDetached => {
                peer.amqp.answer_detach(to.link, closed, error);
                self.take_routed(to);
            }
            Phase::Detaching => {}
        }
    }

    /// The other end is gone: deliveries that never reached it are given back to their sender.
    fn end_unanswered(&mut self, at: LinkRef) {
        let LinkRef { connection, link, .. } = at;
        let Some(session) = self.peer_mut(connection).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        let mine: Vec<_> = session
            .received
            .iter()
            .filter(|run| run.origin.handle == link.handle)
            .map(|run| (run.first, run.count))
            .collect();
        for (id, count) in mine {
            let from = Origin { connection, channel: link.channel, copy: false, id };
            self.settle(from, count, &Outcome::Released);
        }
    }

    /// Takes an end out of its session.
    fn take_routed(&mut self, at: LinkRef) {
        let Some(peer) = self.peer_mut(at.connection) else {
            return;
        };
        if peer.routed(at).is_none() {
            return;
        }
        let end = peer.session(at.link.channel).and_then(|session| session.remove(at.link.handle));
        if let Some(Link::Routed(end)) = end {
            self.end_routed(at.connection, at.link, *end);
        }
    }

    /// Ends what an end had that is no more: who sent hears of it.
    fn end_routed(&mut self, at: ConnectionRef, link: LinkId, end: Routed) {
        self.remember(at, !end.receives, &end.counters);
        if let Some(peer) = self.peer_mut(at)
            && !matches!(end.phase, Phase::Asking(_))
        {
            peer.relay_sessions.give_back(link.channel);
        }
        for item in end.queue {
            if let Item::Piece { head, .. } = item
                && head.first
                && !head.settled
            {
                self.settle(head.from, 1, &Outcome::Released);
            }
        }
        if let Some(from) = end.stalls {
            self.stall(from, false);
        }
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        session.received.extract(|received| received.handle == link.handle);
        let runs = session.relayed.extract(|sent| sent.handle == link.handle);
        for run in runs {
            self.settle(run.origin.from, run.count, &Outcome::Failed);
        }
    }

    /// The session or the connection of an end is gone.
    pub(crate) fn drop_routed(&mut self, at: ConnectionRef, link: LinkId, end: Routed) {
        let (partner, survives) = (end.partner, end.survives);
        self.end_routed(at, link, end);
        if let Some(partner) = partner {
            let detached = Detached { closed: !survives, error: Some(Box::new(lost())), gone: true };
            self.tell(partner, Relayed::Detach(detached));
        }
    }
}

impl Routed {
    /// Whether a peer asked for it, and it is not its continuation at a container.
    pub(crate) const fn is_of_peer(&self) -> bool {
        self.held.is_some()
    }

    /// Why it was let in; empty at the container's end.
    pub(crate) fn trail(&self) -> Trail {
        self.held.as_ref().map(|held| held.trail.clone()).unwrap_or_default()
    }

    /// What it is to.
    pub(crate) fn address(&self) -> &str {
        self.key.get(2..).unwrap_or_default()
    }

    fn new(
        (id, serial): (u64, u32),
        name: Arc<str>,
        key: Arc<str>,
        (receives, survives): (bool, bool),
        phase: Phase,
    ) -> Self {
        Self {
            id,
            serial,
            name,
            key,
            partner: None,
            phase,
            receives,
            start: Serial(0),
            survives,
            unwanted_closed: Arc::default(),
            queue: VecDeque::new(),
            bytes: 0,
            arriving: Arriving::Proper,
            skipped: 0,
            stalls: None,
            listed: false,
            places: Places::default(),
            held: None,
            counters: Counters::default(),
            watch: Watch::default(),
        }
    }

    /// The peer detached it, and did not wait for the container's answer.
    pub(crate) fn leave(&self, closed: bool) {
        self.unwanted_closed.store(closed, Ordering::Relaxed);
    }

    /// What is to be told behind what waits. A sender counts on: what it says last is all that matters.
    fn say_later(&mut self, said: Relayed) {
        match (self.queue.back_mut(), said) {
            (Some(Item::Said(last @ Relayed::Advance { .. })), said @ Relayed::Advance { .. }) => *last = said,
            (_, said) => self.queue.push_back(Item::Said(said)),
        }
    }

    /// Takes more, or fewer, bytes into account that wait.
    pub(crate) const fn count_bytes(&mut self, more: usize, fewer: usize) -> usize {
        self.bytes = self.bytes.saturating_add(more).saturating_sub(fewer);
        self.bytes
    }

    /// The delivery whose session this end has stopped.
    pub(crate) const fn stalls(&mut self) -> &mut Option<Origin> {
        &mut self.stalls
    }
}

impl Peer {
    /// One end that is still there.
    pub(crate) fn routed(&mut self, at: LinkRef) -> Option<&mut Routed> {
        match self.session(at.link.channel)?.link_mut(at.link.handle)? {
            Link::Routed(end) if end.serial == at.serial => Some(end),
            _ => None,
        }
    }

    /// Attaches the continuation of a link; why not, where it cannot be.
    fn attach_routed(&mut self, id: u64, wish: Wish) -> Option<Error> {
        let Ok(attach) = raw::Attach::decode(&wish.body) else {
            return Some(terminus::invalid("the attach cannot be handed on"));
        };
        let side = if wish.receives { Side::Source } else { Side::Target };
        let relay = Relay { attach: &attach, address: wish.address.as_deref().map(|address| (side, address)) };
        let role = if wish.receives { Role::Receiver } else { Role::Sender };
        let client = (wish.from.connection, wish.from.link.channel);
        let taken = self.relay_sessions.take(client, &mut self.amqp, (&role, &wish.name));
        if let Some((begun, true)) = taken {
            self.set_session(begun);
        }
        let channel = taken.map(|(channel, _)| channel);
        let link = channel.and_then(|channel| self.amqp.attach_relayed(channel, role, &wish.name, &relay));
        let Some(link) = link else {
            if let Some(channel) = channel {
                self.relay_sessions.give_back(channel);
            }
            return Some(custom(
                "amqp:resource-limit-exceeded",
                "the container takes no more links on this connection",
            ));
        };
        let serial = self.next_serial();
        let end = Routed {
            partner: Some(wish.from),
            start: Serial(attach.initial_delivery_count()),
            unwanted_closed: wish.unwanted_closed,
            ..Routed::new((id, serial), wish.name.into(), wish.key, (wish.receives, wish.survives), Phase::Attaching)
        };
        if let Some(session) = self.session(link.channel) {
            session.set(link.handle, Link::Routed(Box::new(end)));
        }
        None
    }
}
