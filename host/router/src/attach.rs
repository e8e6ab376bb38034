//! Links come: who decides about them, and what their address learns of it.

use std::sync::Arc;

use crosstie_amqp::fault::error;
use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::address::normalise;
use crosstie_model::bounds::{Bound, Bounds};
use crosstie_model::policy::{AddressRequest, Hook, Limits, Occasion, Peer as PolicyPeer, Ruling, lowest};
use crosstie_model::quota::Held;
use crosstie_model::settings::{Distribution, Management};
use crosstie_model::trail::Step;
use fe2o3_amqp_types::definitions::{Error, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::TargetArchetype;
use fe2o3_amqp_types::performatives::Attach;

use crate::address::{Address, Addresses, Class, ConnectionRef, Consumer, Key, LinkRef, home, shards};
use crate::auto_links::AutoLinkId;
use crate::capacity::Capacity;
use crate::consequence::Why;
use crate::counters::Counters;
use crate::credit::Credit;
use crate::lane::{Anonymous, Lane, LaneId, Lanes};
use crate::link::{Asking, Incoming, Link, Outgoing, Whole};
use crate::link_route::Way;
use crate::mail::{Change, Mail};
use crate::name;
use crate::shard::{Local, Producer, Request, Shard};
use crate::tenant;
use crate::terminus::{self, Wanted};
use crate::watch::Watch;

/// Source: AMQP 1.0 part 2, 2.8.15.
const RESOURCE_LIMIT_EXCEEDED: &str = "amqp:resource-limit-exceeded";

/// What policy says about an attach.
#[derive(Debug, Clone)]
pub enum Decision {
    /// As configured.
    BuiltIn,
    /// Other than configured.
    Apply(Ruled),
    /// The link is detached with this.
    Refuse(Error),
}

/// What an address stands for, and whose answer that is.
#[derive(Debug, Clone, Default)]
pub struct Ruled {
    /// The answer.
    pub ruling: Ruling,
    /// Who gave it; absent: nobody, and all is as configured.
    pub by: Option<Arc<Step>>,
}

/// On which terms a link is let in.
#[derive(Debug, Default)]
pub struct Granted {
    /// Lower than those of the connection; `link_credit` and `max_message_size` are a link's. A routed link has those of its container.
    pub limits: Limits,
    /// Whose they are.
    pub bounds: Bounds,
    /// What is counted while the link is there.
    pub held: Held,
}

/// Where a link of ours leads.
enum End {
    /// With how it is treated, and its priority, where it is not in use.
    Address(Key, Distribution, Option<u8>),
    Anonymous,
    Node,
}

/// The key of a peer's link to a name; one that says it is a waypoint chooses its phase itself.
fn key(addresses: &Addresses, class: Class, name: &str, attach: &Attach) -> Key {
    let key = addresses.key_for(class, name, attach.role == Role::Receiver);
    let phase = terminus::waypoint_phase(attach).filter(|_| class == Class::Mobile);
    Key { phase: phase.unwrap_or(key.phase), ..key }
}

impl Shard {
    /// A peer answers an attach of ours.
    pub(crate) fn handle_answer(&mut self, at: ConnectionRef, link: LinkId, attach: &Attach, body: &[u8]) {
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        let auto_link = match session.link(link.handle) {
            Some(Link::Attaching(auto_link)) => *auto_link,
            Some(Link::Routed(_)) => return self.handle_routed_answer(at, link, body),
            _ => return,
        };
        let address = match (&attach.role, attach.target.as_deref()) {
            (Role::Sender, _) => attach.source.as_ref().and_then(|source| source.address.as_ref()),
            (Role::Receiver, Some(TargetArchetype::Target(target))) => target.address.as_ref(),
            (Role::Receiver, None) => None,
        };
        let Some(configured) = self.common.auto_links.get(auto_link) else {
            return;
        };
        if address.is_none() {
            // without a terminus, the peer's detach is to follow, and says why; and the reference uses none without an address
            let error = "the container's answer has no address";
            self.common.auto_links.set_error(auto_link, Some(error.to_owned()));
            tracing::info!(target: "link", auto_link = configured.name, error, "auto-link without an address");
            return;
        }
        let key =
            Key { class: Class::Mobile, phase: configured.phase, name: normalise(&configured.address).to_owned() };
        let distribution = self.common.addresses.distribution(&key.name);
        self.common.auto_links.set_error(auto_link, None);
        tracing::info!(target: "link", auto_link = configured.name, address = key.name, "auto-link attached");
        let end = End::Address(key, distribution, None);
        self.open_link(at, link, attach, (end, Some(auto_link), Granted::default()));
    }

    /// Takes a peer's attach: it decides where its connection lives, then policy is asked, then it is answered. `whole`: where it may
    /// be carried to a container.
    pub(crate) fn ask_attach(&mut self, at: ConnectionRef, link: LinkId, attach: Box<Attach>, whole: Option<Whole>) {
        let common = self.common.clone();
        let workers = common.post.workers();
        let own = self.id;
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        if peer.retires {
            return self.refuse(at, link, &attach, terminus::retires());
        }
        if peer.meta.permissions.as_ref().is_some_and(|permissions| !terminus::is_permitted(&attach, permissions)) {
            return self.refuse(at, link, &attach, terminus::unauthorized());
        }
        let wanted = terminus::wanted(&attach, &peer.meta.space, &common.router_id);
        let may_move = std::mem::replace(&mut peer.meta.may_move, false);
        let covered = whole.as_ref().and_then(|whole| whole.covered.as_deref());
        let lives = match (covered, &wanted) {
            (Some(name), _) => common.link_routes.home(terminus::link_direction(&attach), name),
            (None, Ok(Wanted::Address(_, name))) => Some(home(name, workers)),
            _ => None,
        };
        if let Some(to) = lives.filter(|to| may_move && *to != own) {
            peer.first_attach = Some((link, attach, whole));
            self.events.push_back(Request::Move(at, to));
            return;
        }
        let wanted = match wanted {
            Ok(wanted) => wanted,
            // a coordinator; where it is not routed it is refused
            Err(_) if covered.is_some() => Wanted::Dynamic,
            Err(error) => return self.refuse(at, link, &attach, error),
        };
        if let Some(max) = peer.is_full_of(&attach.role) {
            let kind = if attach.role == Role::Sender { "senders" } else { "receivers" };
            let why = format!("this connection has the {max} {kind} that it may have");
            let bound = if attach.role == Role::Sender { Bound::Senders } else { Bound::Receivers };
            let by = peer.bounds.by(bound).cloned();
            return self.refuse(at, link, &attach, Why { error: error(RESOURCE_LIMIT_EXCEEDED, why), by });
        }
        let serial = peer.next_serial();
        let asks_address =
            matches!(&wanted, Wanted::Address(class, name) if common.asks_about(&peer.meta.space, *class, name));
        let asks = asks_address || common.asks.has(Hook::Link);
        peer.asking = peer.asking.saturating_add(1);
        let Some(session) = peer.session(link.channel) else {
            return;
        };
        session.set(link.handle, Link::Asking(Box::new(Asking { serial, attach: *attach, whole, flow: None })));
        let place = LinkRef { connection: at, link, serial };
        if asks {
            self.events.push_back(Request::Attach(place));
        } else {
            self.answer(place, Decision::BuiltIn, Granted::default());
        }
    }

    fn asking(&self, at: LinkRef) -> Option<&Asking> {
        match self.link(at.connection, at.link)? {
            Link::Asking(asking) if asking.serial == at.serial => Some(asking),
            _ => None,
        }
    }

    /// The attach that a [`Request::Attach`] stands for.
    #[must_use]
    pub fn asked(&self, at: LinkRef) -> Option<&Attach> {
        self.asking(at).map(|asking| &asking.attach)
    }

    /// What is asked about the address of a [`Request::Attach`]; nothing where there is none, or one of the router's own.
    #[must_use]
    pub fn address_request(&self, at: LinkRef, peer: PolicyPeer) -> Option<AddressRequest> {
        let attach = &self.asking(at)?.attach;
        let space = &self.peer(at.connection)?.meta.space;
        let Ok(Wanted::Address(class, address)) = terminus::wanted(attach, space, &self.common.router_id) else {
            return None;
        };
        if !self.common.asks_about(space, class, &address) {
            return None;
        }
        let addresses = &self.common.addresses;
        Some(AddressRequest {
            occasion: Occasion::Attach,
            direction: terminus::direction(attach),
            peer,
            capabilities: terminus::capabilities(attach),
            configured: addresses.distribution(&address),
            phase: key(addresses, Class::Mobile, &address, attach).phase,
            address,
        })
    }

    /// Answers a [`Request::Attach`].
    pub fn decide(&mut self, now: Time, at: LinkRef, decision: Decision, granted: Granted) {
        self.now = now;
        self.answer(at, decision, granted);
    }

    fn answer(&mut self, at: LinkRef, decision: Decision, mut granted: Granted) {
        if self.asking(at).is_none() {
            // its peer did not wait
            return;
        }
        let LinkRef { connection, link, .. } = at;
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        peer.asking = peer.asking.saturating_sub(1);
        let retires = peer.retires;
        let Some(Link::Asking(asking)) = peer.session(link.channel).and_then(|session| session.remove(link.handle))
        else {
            return;
        };
        let Asking { attach, whole, flow, .. } = *asking;
        if retires {
            return self.refuse(connection, link, &attach, terminus::retires());
        }
        let ruled = match decision {
            // whoever denied it has said so
            Decision::Refuse(error) => return self.turn_down(connection, link, &attach, error),
            Decision::Apply(ruled) => ruled,
            Decision::BuiltIn => Ruled::default(),
        };
        if let Some(whole) = whole
            && let Some((name, way)) = self.way_of(connection, &attach, (whole.covered, &ruled.ruling))
        {
            let by = ruled.by.filter(|_| ruled.ruling.link_route.is_some());
            return self.route(at, attach, (&name, way.ok_or(by), &whole.bytes), (flow, granted.held));
        }
        let (end, given) = match self.end_of(connection, &attach, &ruled) {
            Ok(end) => end,
            Err(why) => return self.refuse(connection, link, &attach, why),
        };
        if ruled.ruling.treatment.is_some()
            && let End::Address(key, ..) = &end
            && let Some(address) = self.common.addresses.find(key)
        {
            let live = self.contradict(connection, &address, (ruled.ruling.treatment, ruled.by.as_ref()));
            if let (Some(live), Some(by)) = (live, &ruled.by) {
                let what = format!("(ignored: the address is in use as {})", live.as_str());
                granted.held.trail.amend(by.sequence, &what);
            }
            self.common.addresses.release(address);
        }
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        let message_max_bytes = lowest(peer.meta.message_max_bytes, granted.limits.max_message_size);
        let answer = terminus::answer(&attach, given.as_deref(), message_max_bytes);
        peer.amqp.accept(link, answer);
        tracing::debug!(target: "link", handle = link.handle, link.name = attach.name, container.id = peer.meta.container_id, "link attached");
        self.open_link(connection, link, &attach, (end, None, granted));
        if let Some(flow) = flow {
            self.handle_flow(connection, &flow);
        }
    }

    /// The name and the way of a link that is carried to a container, by policy or by a link route; `None`: it stays here. No way: there
    /// is none now.
    fn way_of(
        &self,
        at: ConnectionRef,
        attach: &Attach,
        (covered, ruling): (Option<String>, &Ruling),
    ) -> Option<(String, Option<Way>)> {
        let (routes, direction) = (&self.common.link_routes, terminus::link_direction(attach));
        let Some(to) = ruling.link_route.as_deref() else {
            let name = covered.filter(|_| ruling.address.is_none())?;
            let way = routes.pick(direction, &name);
            return Some((name, way));
        };
        let space = &self.peer(at)?.meta.space;
        let Ok(Wanted::Address(_, name)) = terminus::wanted(attach, space, &self.common.router_id) else {
            return None;
        };
        let way = routes.carry(direction, to, (&name, ruling.address.as_deref()));
        Some((name, way))
    }

    /// Where a link leads, and the address that a dynamic terminus is given.
    fn end_of(
        &mut self,
        at: ConnectionRef,
        attach: &Attach,
        Ruled { ruling, by }: &Ruled,
    ) -> Result<(End, Option<String>), Why> {
        let common = self.common.clone();
        let sends = attach.role == Role::Sender;
        let wanted = match &ruling.address {
            Some(address) => terminus::named(address, sends, &common.router_id)?,
            None => {
                let space = self.peer(at).map(|peer| peer.meta.space.clone()).unwrap_or_default();
                terminus::wanted(attach, &space, &common.router_id)?
            }
        };
        let (class, name) = match wanted {
            Wanted::Address(class, name) => (class, name),
            Wanted::Anonymous => return Ok((End::Anonymous, None)),
            Wanted::Node => {
                let access = self.peer(at).map_or(Management::Off, |peer| peer.meta.management);
                return match access {
                    Management::Off => {
                        Err(terminus::not_found(name::NODE, "management is off for this connection").into())
                    }
                    Management::Read | Management::Full => Ok((End::Node, None)),
                };
            }
            Wanted::Dynamic if sends => {
                let name = tenant::dynamic_target(&common.names.next());
                let given = format!("amqp:/{name}");
                let key = Key { class: Class::Mobile, phase: 0, name };
                return Ok((End::Address(key, Distribution::Balanced, None), Some(given)));
            }
            Wanted::Dynamic => {
                let name = format!("temp.{}", common.names.next());
                let given = name::dynamic(&common.router_id, &name);
                let key = Key { class: Class::Local, phase: 0, name };
                return Ok((End::Address(key, Distribution::Closest, None), Some(given)));
            }
        };
        let mut key = key(&common.addresses, class, &name, attach);
        if let Some(phase) = ruling.phase {
            key.phase = phase;
        }
        let distribution = match (class, ruling.treatment) {
            (Class::Local, _) => Distribution::Closest,
            (Class::Everywhere, _) => Distribution::Multicast,
            (Class::Mobile, Some(treatment)) => treatment,
            (Class::Mobile, None) => common.addresses.distribution(&name),
        };
        if distribution == Distribution::Unavailable && common.addresses.find(&key).is_none() {
            // by the treatment, or by what it is called instead
            let by = by.clone().filter(|_| ruling.treatment.is_some() || ruling.address.is_some());
            return Err(Why { error: terminus::unavailable(), by });
        }
        Ok((End::Address(key, distribution, ruling.priority), None))
    }

    /// Connects an attached link with what it leads to.
    fn open_link(
        &mut self,
        at: ConnectionRef,
        link: LinkId,
        attach: &Attach,
        (end, auto_link, granted): (End, Option<AutoLinkId>, Granted),
    ) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(receives) = peer.amqp.is_receiver(link) else {
            return;
        };
        let place = LinkRef { connection: at, link, serial: peer.next_serial() };
        let name: Arc<str> = attach.name.as_str().into();
        match end {
            End::Address(key, distribution, priority) => {
                let address = self.common.addresses.get_as(key, distribution, priority);
                if receives {
                    let lanes = Lanes::One(Lane::new(address.clone()));
                    self.open_incoming(place, name, lanes, (auto_link, granted));
                    self.add_producer(&Producer { connection: at, link, serial: place.serial, lane: 0 }, &address);
                    if self.locals.get(&address.id).is_some_and(|local| local.is_open) {
                        self.set_open(at, link, true);
                    }
                } else {
                    let settles = attach.snd_settle_mode == SenderSettleMode::Settled && auto_link.is_none();
                    self.open_outgoing(place, name, &address, (auto_link, settles, granted.held));
                }
            }
            End::Anonymous => {
                let anonymous = Anonymous::new(terminus::capabilities(attach));
                self.open_incoming(place, name, Lanes::Anonymous(Box::new(anonymous)), (auto_link, granted));
                self.set_open(at, link, true);
            }
            End::Node => {
                self.open_incoming(place, name, Lanes::Node, (auto_link, granted));
                self.set_open(at, link, true);
            }
        }
        self.mark(at);
    }

    fn open_incoming(
        &mut self,
        place: LinkRef,
        name: Arc<str>,
        lanes: Lanes,
        (auto_link, granted): (Option<AutoLinkId>, Granted),
    ) {
        let id = self.next_link();
        let Some(peer) = self.peer_mut(place.connection) else {
            return;
        };
        let capacity = peer.reserve(granted.limits.link_credit);
        let capacity = match lanes {
            Lanes::Node => Capacity::fixed(capacity.initial),
            Lanes::One(_) | Lanes::Anonymous(_) => Capacity::new(capacity),
        };
        let own_max = peer.meta.message_max_bytes;
        let lowers = granted.limits.max_message_size.is_some_and(|max| own_max.is_none_or(|own| max < own));
        let bounds = if lowers { &granted.bounds } else { &peer.bounds };
        let message_max_by = bounds.by(Bound::MaxMessageSize).cloned();
        let incoming = Incoming {
            id,
            serial: place.serial,
            name,
            lanes,
            auto_link,
            kept: granted.held,
            capacity,
            held: 0,
            is_open: false,
            touched: false,
            ran_dry: false,
            strips: peer.meta.strip.incoming(),
            message_max_bytes: lowest(own_max, granted.limits.max_message_size),
            message_max_by,
            arriving: None,
            naming: None,
            early: None,
            waiting_bytes: 0,
            stalls: false,
            counters: Counters::default(),
            watch: Watch::default(),
        };
        if let Some(session) = peer.session(place.link.channel) {
            session.set(place.link.handle, Link::Incoming(Box::new(incoming)));
        }
    }

    fn open_outgoing(
        &mut self,
        place: LinkRef,
        name: Arc<str>,
        address: &Arc<Address>,
        (auto_link, settles, held): (Option<AutoLinkId>, bool, Held),
    ) {
        let id = self.next_link();
        let me = format!("0/{}", self.common.router_id);
        let Some(peer) = self.peer_mut(place.connection) else {
            return;
        };
        let annotates = (!peer.meta.strip.outgoing()).then(|| me.into());
        let capacity = peer.meta.capacity.initial;
        let Some(session) = peer.session(place.link.channel) else {
            return;
        };
        let credit = Arc::new(Credit::new(session.gate.clone()));
        let outgoing = Outgoing {
            id,
            serial: place.serial,
            name,
            address: address.clone(),
            auto_link,
            kept: held,
            credit: credit.clone(),
            current: None,
            queue: std::collections::VecDeque::new(),
            listed: false,
            draining: None,
            settles,
            annotates,
            capacity,
            counters: Counters::default(),
            watch: Watch::default(),
        };
        session.set(place.link.handle, Link::Outgoing(Box::new(outgoing)));
        if address.add(Consumer { at: place, credit }) {
            self.announce(address, Change::Came);
        }
    }

    /// Opens a lane of an anonymous link to an address; one that was not used for long goes.
    pub(crate) fn open_lane(
        &mut self,
        at: ConnectionRef,
        link: LinkId,
        (to, edition): (&str, u32),
        address: Arc<Address>,
    ) -> LaneId {
        let Some(incoming) = self.incoming_mut(at, link) else {
            self.common.addresses.release(address);
            return 0;
        };
        let serial = incoming.serial;
        let Lanes::Anonymous(anonymous) = &mut incoming.lanes else {
            self.common.addresses.release(address);
            return 0;
        };
        let lane = anonymous.add(to, Lane::new(address.clone()), edition);
        let retired = anonymous.retire(lane);
        self.add_producer(&Producer { connection: at, link, serial, lane }, &address);
        if let Some((lane, state)) = retired {
            self.close_lane(&Producer { connection: at, link, serial, lane }, state);
        }
        // where the last consumer went meanwhile, the lane leads nowhere until one comes or it is retired
        self.common.addresses.release(address);
        lane
    }

    fn add_producer(&mut self, producer: &Producer, address: &Arc<Address>) {
        // the worker's bit comes first: who adds a consumer after it tells us
        address.set_producer(self.id, true);
        let local = self.locals.entry(address.id).or_insert_with(|| Local::new(address.clone()));
        local.producers.insert(*producer);
        self.handle_changed(address.id, Change::Came);
    }

    /// Tells all workers with producers that an address has its first consumer, or lost its last.
    pub(crate) fn announce(&mut self, address: &Address, change: Change) {
        for shard in shards(address.producers()) {
            if shard == self.id {
                self.handle_changed(address.id, change);
            } else {
                self.post(shard, Mail::Changed(address.id, change));
            }
        }
    }

    /// Opens the credit of an address's producers when its first consumer comes; when the last goes, it is not renewed. Whether one
    /// is there is looked at: what is said of it may be late.
    pub(crate) fn handle_changed(&mut self, address: u32, change: Change) {
        let Some(local) = self.locals.get_mut(&address) else {
            return;
        };
        let open = local.address.consumer_count() > 0;
        if std::mem::replace(&mut local.is_open, open) == open {
            return;
        }
        let awaits = local.address.awaits();
        let producers: Vec<Producer> = local.producers.iter().copied().collect();
        for producer in producers {
            let Producer { connection, link, lane, .. } = producer;
            let Some(incoming) = self.incoming_mut(connection, link) else {
                continue;
            };
            if let Some(lane) = incoming.lane(lane) {
                lane.refresh();
            }
            if matches!(incoming.lanes, Lanes::One(_)) {
                // a container keeps what it has, and need not have it released one by one; one that is sending is given no
                // less than it has in flight, but looked at later: see `watch.rs`
                let streams = incoming.watch.streams(&incoming.counters);
                let rests = incoming.auto_link.map(|_| incoming.held == 0 && !streams && change != Change::LeftBusy);
                self.set_open(connection, link, open);
                if !open && rests.unwrap_or(awaits) {
                    self.withdraw(connection, link);
                }
            }
            if open {
                continue;
            }
            self.release_waiting(connection, link, lane);
            if let Some(Lanes::Anonymous(anonymous)) = self.incoming_mut(connection, link).map(|link| &mut link.lanes)
                && let Some(state) = anonymous.remove(lane)
            {
                self.close_lane(&producer, state);
            }
        }
    }

    /// Gives a sender credit, or stops to renew what it has. What it has stays: clients were seen to miscount what they have in
    /// flight when credit falls below that, and to send on as if they had much. What may go is for [`Self::withdraw`].
    fn set_open(&mut self, at: ConnectionRef, link: LinkId, open: bool) {
        let open = open && self.peer(at).is_some_and(|peer| !peer.retires);
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        if std::mem::replace(&mut incoming.is_open, open) == open {
            return;
        }
        let credit = incoming.capacity.get().saturating_sub(incoming.held);
        if let Some(peer) = self.peer_mut(at).filter(|_| open) {
            peer.amqp.grant(link, credit.max(peer.amqp.credit_left(link)));
            self.mark(at);
        }
    }

    /// Takes a sender's credit back.
    pub(crate) fn withdraw(&mut self, at: ConnectionRef, link: LinkId) {
        if let Some(peer) = self.peer_mut(at) {
            peer.amqp.grant(link, 0);
            self.mark(at);
        }
    }

    /// Has a sender end that goes on without a consumer. What a container was granted may come; RabbitMQ, for one, ends the
    /// session when it is to drain.
    pub(crate) fn end_credit(&mut self, at: ConnectionRef, link: LinkId) {
        if self.peer_mut(at).is_some_and(|peer| peer.amqp.recover(link)) {
            self.mark(at);
        } else if self.incoming_mut(at, link).is_some_and(|incoming| incoming.auto_link.is_none()) {
            self.drain_producer(at, link);
        }
    }

    /// Has a sender whose address has no consumer give its credit back.
    pub(crate) fn drain_producer(&mut self, at: ConnectionRef, link: LinkId) {
        if self.incoming_mut(at, link).is_some_and(|incoming| !incoming.is_open)
            && let Some(peer) = self.peer_mut(at)
            && peer.amqp.drain(link)
        {
            self.mark(at);
        }
    }
}
