//! Links go: what becomes of the deliveries that were on their way.

use crosstie_amqp::session::LinkId;
use fe2o3_amqp_types::definitions::{Error, LinkError};

use crosstie_model::settings::Role;

use crate::address::{ConnectionRef, LinkRef};
use crate::auto_links::AutoLinkId;
use crate::consequence::Why;
use crate::counters::Counters;
use crate::lane::{Lane, LaneId, Lanes};
use crate::link::{Arriving, Incoming, Link, Outgoing, Queued, Route, Session};
use crate::mail::{Change, Origin, Outcome, PieceHead};
use crate::repeats::Line;
use crate::shard::{Producer, Shard};

impl Shard {
    pub(crate) fn handle_detach(&mut self, at: ConnectionRef, link: LinkId, error: Option<&Error>) {
        let auto_link = self.drop_link(at, link);
        if let Some(auto_link) = auto_link {
            self.retry_later(at, auto_link, error);
        }
        self.mark(at);
    }

    /// Drops what a session had. `returns`: its auto-links are attached again.
    pub(crate) fn drop_session(&mut self, at: ConnectionRef, channel: u16, returns: bool) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(session) = peer.session(channel) else {
            return;
        };
        let count = u32::try_from(session.links.len()).unwrap_or(u32::MAX);
        session.ends_busy |= session.is_busy();
        // all at once: each link would look through them again
        let runs = session.sent.extract(|_| true);
        for run in runs {
            self.settle_sent(at, channel, &run, &Outcome::Failed);
        }
        for handle in 0..count {
            if let Some(auto_link) = self.drop_link(at, LinkId { channel, handle })
                && returns
            {
                self.retry_later(at, auto_link, None);
            }
        }
        if let Some(peer) = self.peer_mut(at) {
            peer.clear_session(channel);
            peer.relay_sessions.forget(channel);
        }
        self.mark(at);
    }

    /// Drops what a connection had.
    pub(crate) fn drop_links(&mut self, at: ConnectionRef) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        peer.first_attach = None;
        if peer.meta.role == Role::RouteContainer || self.common.link_routes.has_owned() {
            self.common.link_routes.close(at);
        }
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let count = u16::try_from(peer.sessions.len()).unwrap_or(u16::MAX);
        if peer.sessions.iter().flatten().any(Session::is_busy) {
            peer.sessions.iter_mut().flatten().for_each(|session| session.ends_busy = true);
        }
        for channel in 0..count {
            self.drop_session(at, channel, false);
        }
        if let Some(peer) = self.peer_mut(at) {
            peer.auto_links.clear();
        }
    }

    /// Ends a link; returns the auto-link that it was.
    pub(crate) fn drop_link(&mut self, at: ConnectionRef, link: LinkId) -> Option<AutoLinkId> {
        let session = self.peer_mut(at)?.session(link.channel)?;
        match session.remove(link.handle)? {
            Link::Asking(_) => {
                let peer = self.peer_mut(at)?;
                peer.asking = peer.asking.saturating_sub(1);
                None
            }
            Link::Attaching(auto_link) => Some(auto_link),
            Link::Routed(end) => {
                self.drop_routed(at, link, *end);
                None
            }
            Link::Incoming(incoming) => {
                let auto_link = incoming.auto_link;
                self.drop_incoming(at, link, *incoming);
                auto_link
            }
            Link::Outgoing(outgoing) => {
                let auto_link = outgoing.auto_link;
                self.drop_outgoing(at, link, *outgoing);
                auto_link
            }
        }
    }

    fn drop_incoming(&mut self, at: ConnectionRef, link: LinkId, incoming: Incoming) {
        let Incoming { lanes, arriving, early, stalls, serial, counters, capacity, .. } = incoming;
        if let Some(early) = early {
            self.say_early(at, link.channel, &early);
        }
        let (mut unsettled, mut waiting) = (false, Vec::new());
        if let Some(peer) = self.peer_mut(at) {
            peer.reserved = peer.reserved.saturating_sub(capacity.get());
            if let Some(session) = peer.session(link.channel) {
                for run in session.received.extract(|received| received.handle == link.handle) {
                    let end = run.first.saturating_add(run.count);
                    waiting.extend(session.tallies.forget((run.first, end.saturating_sub(1))));
                    let inside = |arriving: &Arriving| arriving.id >= run.first && arriving.id < end;
                    unsettled |= arriving.as_ref().is_some_and(inside);
                }
            }
        }
        waiting.iter().for_each(|waiting| self.confirm(waiting));
        if let Some(Arriving { id, route, .. }) = arriving {
            let head = PieceHead {
                from: Origin { connection: at, channel: link.channel, copy: matches!(route, Route::Fan(_)), id },
                first: false,
                more: false,
                settled: !unsettled,
                aborted: true,
                annotated: false,
                format: None,
            };
            match route {
                Route::To(to) => self.forward(to, &head, &[]),
                Route::Fan(consumers) => consumers.iter().for_each(|consumer| self.forward(consumer.at, &head, &[])),
                Route::Unknown(_) | Route::Wait | Route::Node(_) | Route::Void => {}
            }
        }
        if stalls && let Some(peer) = self.peer_mut(at) {
            peer.release_stall(link.channel);
        }
        match lanes {
            Lanes::One(lane) => {
                lane.address.count_past(false, counters.deliveries);
                self.close_lane(&Producer { connection: at, link, serial, lane: 0 }, lane);
            }
            Lanes::Anonymous(mut anonymous) => {
                for (lane, state) in anonymous.take_all() {
                    self.close_lane(&Producer { connection: at, link, serial, lane }, state);
                }
            }
            Lanes::Node => {}
        }
        self.remember(at, false, &counters);
    }

    /// Keeps what a link has carried that goes.
    pub(crate) fn remember(&mut self, at: ConnectionRef, outgoing: bool, counters: &Counters) {
        let role = self.peer(at).map(|peer| peer.meta.role);
        self.past.add_link(outgoing, role == Some(Role::RouteContainer), counters);
    }

    /// An incoming link needs an address no more.
    pub(crate) fn close_lane(&mut self, producer: &Producer, lane: Lane) {
        let Lane { address, consumers, waiting, .. } = lane;
        drop(consumers);
        if !waiting.is_empty() && Some(producer.connection) != self.voice {
            self.inherit(&address, waiting);
        }
        if let Some(local) = self.locals.get_mut(&address.id) {
            local.producers.remove(producer);
            if local.producers.is_empty() {
                self.locals.remove(&address.id);
                address.set_producer(self.id, false);
            }
        }
        self.common.addresses.release(address);
    }

    fn drop_outgoing(&mut self, at: ConnectionRef, link: LinkId, outgoing: Outgoing) {
        let Outgoing { address, auto_link, serial, queue, mut counters, current, settles, .. } = outgoing;
        let presettled = |queued: &&Queued| queued.beginning().is_some_and(|head| head.settled);
        let dropped = u64::try_from(queue.iter().filter(presettled).count()).unwrap_or(u64::MAX);
        counters.dropped_presettled = counters.dropped_presettled.saturating_add(dropped);
        let was_last = address.remove(LinkRef { connection: at, link, serial }, auto_link.is_some());
        address.count_past(true, counters.deliveries);
        self.remember(at, true, &counters);
        let mut busy = !queue.is_empty() || current.is_some();
        if let Some(current) = current.filter(|_| settles) {
            // it went out settled, so that nothing else stands for it
            self.settle(current.from, 1, &Outcome::Failed);
        }
        for queued in queue {
            if let Some(head) = queued.beginning().filter(|head| !head.settled) {
                self.settle(head.from, 1, &Outcome::Released);
            }
            if queued.stalls {
                self.stall(queued.from, false);
            }
        }
        let session = self.peer_mut(at).and_then(|peer| peer.session(link.channel));
        let (runs, ends_busy) = session
            .map(|session| (session.sent.extract(|sent| sent.handle == link.handle), session.ends_busy))
            .unwrap_or_default();
        busy |= ends_busy || !runs.is_empty();
        for run in runs {
            self.settle_sent(at, link.channel, &run, &Outcome::Failed);
        }
        if was_last {
            self.announce(&address, if busy { Change::LeftBusy } else { Change::LeftIdle });
        }
        self.common.addresses.release(address);
    }

    /// Gives deliveries back that wait on a lane.
    pub(crate) fn release_waiting(&mut self, at: ConnectionRef, link: LinkId, lane: LaneId) {
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        let Some((address, waiting)) =
            incoming.lane(lane).map(|lane| (lane.address.id, std::mem::take(&mut lane.waiting)))
        else {
            return;
        };
        let bytes: usize = waiting.iter().map(crate::link::Waiting::bytes).sum();
        incoming.waiting_bytes = incoming.waiting_bytes.saturating_sub(bytes);
        let resume = incoming.stalls && incoming.waiting_bytes == 0;
        incoming.stalls &= !resume;
        if let Some(arriving) = incoming.arriving.as_mut().filter(|arriving| arriving.lane == lane)
            && matches!(arriving.route, Route::Wait)
        {
            arriving.route = Route::Void;
        }
        if let Some(local) = self.locals.get_mut(&address) {
            local.waiting.retain(|producer| (producer.connection, producer.link, producer.lane) != (at, link, lane));
        }
        for delivery in &waiting {
            if delivery.head.settled {
                self.drop_presettled(at, link, 1);
                if let Some(peer) = self.peer_mut(at) {
                    peer.ended(link, 1);
                }
            } else {
                self.settle(delivery.head.from, 1, &Outcome::Released);
            }
        }
        if resume && let Some(peer) = self.peer_mut(at) {
            peer.release_stall(link.channel);
        }
        self.mark(at);
    }

    /// Detaches a link whose peer sends a message that is too long.
    pub(crate) fn refuse_size(&mut self, at: ConnectionRef, link: LinkId) {
        const PHRASE: &str = "link detached: a message is too long";
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        let max = incoming.message_max_bytes.unwrap_or_default();
        let (by, name) = (incoming.message_max_by.clone(), incoming.name.to_string());
        let description = Some(format!("a message is longer than {max} bytes"));
        let error = Error { condition: LinkError::MessageSizeExceeded.into(), description, info: None };
        let why = Why { error, by };
        let is_told = self.follows(at, &why, (PHRASE, Some(name), None));
        let error = self.told(at, &why);
        let line = if is_told { None } else { self.line(self.now, at) };
        if let Some(peer) = self.peer_mut(at) {
            if let Some(Line { left_out }) = line {
                tracing::info!(
                    target: "link",
                    handle = link.handle,
                    container.id = peer.meta.container_id,
                    peer.addr = peer.meta.peer_addr,
                    error = error.description.as_deref().unwrap_or_default(),
                    left_out,
                    "{PHRASE}"
                );
            }
            peer.amqp.detach(link, Some(error));
        }
        self.handle_detach(at, link, None);
    }
}
