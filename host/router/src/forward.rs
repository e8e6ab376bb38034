//! The way of a delivery, first half: from the frame that a peer sends to the consumers that take it.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use crosstie_amqp::connection::Transfer;
use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::address::normalise;
use crosstie_model::settings::{Direction, Distribution};
use fe2o3_amqp_types::definitions::{AmqpError, Error};
use smallvec::SmallVec;

use crate::address::{Class, ConnectionRef, Consumer, LinkRef};
use crate::attach::Ruled;
use crate::consequence::Why;
use crate::head::{self, Head};
use crate::lane::{Known, Lane, LaneId, Lanes, Takers};
use crate::link::{Arriving, Piece, Received, Route, Waiting};
use crate::mail::{Origin, Outcome, PieceHead};
use crate::message_log::Passing;
use crate::name::{Place, place};
use crate::repeats::Line;
use crate::shard::{Managed, Peer, Producer, Request, Shard};

/// A delivery, or a link, with more bytes than this that cannot go on holds up its session.
pub(crate) const STALL_BYTES: usize = 256 << 10;

/// Bytes of the longest request to the management node.
pub const REQUEST_MAX_BYTES: usize = 256 << 10;

impl Shard {
    pub(crate) fn handle_transfer(&mut self, at: ConnectionRef, transfer: &Transfer<'_>) {
        self.take(at, transfer);
        if transfer.spent {
            self.run_dry(at, transfer.link);
        }
    }

    fn take(&mut self, at: ConnectionRef, transfer: &Transfer<'_>) {
        let second = self.second();
        let now = self.now;
        let link = transfer.link;
        let from = Origin { connection: at, channel: link.channel, copy: false, id: transfer.id };
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        peer.last_delivery = Some(now);
        if !peer.meta.log_messages.is_empty() {
            let Transfer { first, more, aborted, payload, .. } = *transfer;
            peer.log_message(Direction::In, &Passing { link, first, more, aborted, payload });
        }
        let Some(session) = peer.session(link.channel) else {
            return;
        };
        if transfer.first && !transfer.settled {
            session.received.push(transfer.id, Received { handle: link.handle, second });
        }
        let Some(incoming) = session.incoming(link.handle) else {
            return self.relay_transfer(at, transfer);
        };
        let mut head = PieceHead {
            from,
            first: transfer.first,
            more: transfer.more,
            settled: transfer.settled,
            aborted: transfer.aborted,
            annotated: false,
            format: transfer.format,
        };
        if transfer.first {
            incoming.held = incoming.held.saturating_add(1);
            incoming.counters.begin(transfer.settled);
            let length = u64::try_from(transfer.payload.len()).unwrap_or(u64::MAX);
            if incoming.message_max_bytes.is_none_or(|max| length <= max)
                && incoming.strips
                && let Lanes::One(lane) = &mut incoming.lanes
                && head::is_plain(transfer.payload)
            {
                let route = lane.route();
                return self.begin((at, link), (0, route), &mut head, transfer.payload);
            }
            self.examine(at, transfer);
        }
        self.continue_delivery(at, link, &mut head, transfer.payload);
        if !transfer.first && !transfer.more {
            self.end_early(at, link, !transfer.aborted && !transfer.settled);
        }
    }

    /// Takes a delivery that begins, whose head has to be read before it goes on.
    fn examine(&mut self, at: ConnectionRef, transfer: &Transfer<'_>) {
        let gathered = self.common.buffered.gather(&[]);
        if let Some(incoming) = self.incoming_mut(at, transfer.link) {
            incoming.arriving = Some(Arriving {
                id: transfer.id,
                lane: 0,
                route: Route::Unknown(gathered),
                presettled: transfer.settled,
                annotated: false,
                format: transfer.format,
                bytes: 0,
            });
        }
    }

    /// Takes the first piece of a delivery whose way is known.
    pub(crate) fn begin(
        &mut self,
        (at, link): (ConnectionRef, LinkId),
        (lane, route): (LaneId, Route),
        head: &mut PieceHead,
        payload: &[u8],
    ) {
        if let Route::Fan(consumers) = &route
            && !head.settled
            && let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel))
        {
            session.tallies.push(head.from.id, consumers.len());
        }
        let presettled = head.settled;
        match &route {
            Route::To(to) => self.forward(*to, head, payload),
            Route::Fan(consumers) => self.fan_out(consumers, head, payload),
            Route::Wait => self.hold(at, (link, lane), head, payload),
            Route::Unknown(_) | Route::Node(_) | Route::Void => {
                if presettled {
                    self.drop_presettled(at, link, 1);
                } else {
                    self.settle(head.from, 1, &Outcome::Released);
                }
                self.end_credit(at, link);
            }
        }
        let waits = matches!(route, Route::Wait);
        if head.more {
            let arriving = Arriving {
                id: head.from.id,
                lane,
                route,
                presettled: presettled && !waits,
                annotated: head.annotated,
                format: head.format,
                bytes: u64::try_from(payload.len()).unwrap_or(u64::MAX),
            };
            if let Some(incoming) = self.incoming_mut(at, link) {
                incoming.arriving = Some(arriving);
            }
        } else if !waits && presettled {
            // nobody waits for an outcome
            if let Some(peer) = self.peer_mut(at) {
                peer.ended(link, 1);
            }
        } else if !waits && head.aborted {
            self.end_received(at, link, head.from.id, false);
        }
    }

    /// Takes a piece of a delivery that is arriving.
    fn continue_delivery(&mut self, at: ConnectionRef, link: LinkId, head: &mut PieceHead, payload: &[u8]) {
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        let max = incoming.message_max_bytes;
        let Some(arriving) = &mut incoming.arriving else {
            return;
        };
        arriving.bytes = arriving.bytes.saturating_add(u64::try_from(payload.len()).unwrap_or(u64::MAX));
        if max.is_some_and(|max| arriving.bytes > max) {
            return self.refuse_size(at, link);
        }
        head.annotated = arriving.annotated;
        let (id, lane, presettled) = (arriving.id, arriving.lane, arriving.presettled);
        let to = match &mut arriving.route {
            Route::Unknown(_) => return self.address(at, link, head, payload),
            Route::Node(message) => {
                message.extend(payload);
                return self.handle_request(at, link, head);
            }
            Route::To(to) => Some(*to),
            Route::Fan(consumers) => {
                let consumers = consumers.clone();
                self.fan_out(&consumers, head, payload);
                None
            }
            Route::Wait => {
                self.hold(at, (link, lane), head, payload);
                return self.forget_arriving(at, link, head);
            }
            Route::Void => None,
        };
        if let Some(to) = to {
            self.forward(to, head, payload);
        }
        if head.settled || head.aborted || !head.more {
            let counts = presettled && !head.more;
            if head.settled || head.aborted || counts {
                self.end_received(at, link, id, counts);
            }
        }
        self.forget_arriving(at, link, head);
    }

    fn forget_arriving(&mut self, at: ConnectionRef, link: LinkId, head: &PieceHead) {
        if !head.more
            && let Some(incoming) = self.incoming_mut(at, link)
        {
            incoming.arriving = None;
        }
    }

    /// Reads the head of a delivery, as far as it is there, and sends it on its way.
    fn address(&mut self, at: ConnectionRef, link: LinkId, head: &mut PieceHead, payload: &[u8]) {
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        let Some(Arriving { route: Route::Unknown(before), format, .. }) = &mut incoming.arriving else {
            return;
        };
        let format = *format;
        // on the first frame nothing is copied
        let fresh = before.bytes().is_empty();
        if !fresh {
            before.extend(payload);
        }
        if head.aborted {
            incoming.arriving = None;
            return self.end_received(at, link, head.from.id, head.settled);
        }
        let wants_to = matches!(incoming.lanes, Lanes::Anonymous(_));
        let message = if fresh { payload } else { before.bytes() };
        let Ok(found) = Head::read(message, !head.more, wants_to) else {
            if fresh {
                before.extend(payload);
            }
            return;
        };
        let Some(Arriving { route: Route::Unknown(gathered), presettled, .. }) = incoming.arriving.take() else {
            return;
        };
        let message = Cow::Borrowed(if fresh { payload } else { gathered.bytes() });
        let is_annotated = found.is_annotated(&message);
        let message = match is_annotated && incoming.strips {
            true => Cow::Owned(found.annotate(&message, &[])),
            false => message,
        };
        head.first = true;
        head.format = format;
        head.annotated = is_annotated && !incoming.strips;
        let is_node = matches!(incoming.lanes, Lanes::Node);
        if head.settled && !presettled {
            // settled after it had begun: from here on it is as if it had come so
            if let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) {
                session.received.take((head.from.id, head.from.id), |_| {});
            }
        }
        head.settled |= presettled;
        if is_node {
            return self.ask_node(at, link, head, &message);
        }
        match self.lane_for(at, link, found.to.as_deref()) {
            Way::Lane(lane, route) => self.begin((at, link), (lane, route), head, &message),
            Way::Node => self.ask_node(at, link, head, &message),
            Way::Refuse(outcome) => self.turn_back(at, link, head, &outcome),
            Way::Unavailable(why) => {
                let outcome = Outcome::refused(self.told(at, &why));
                self.turn_back(at, link, head, &outcome);
            }
            Way::Ask(name) => self.ask_name((at, link), head, (found.to.unwrap_or_default(), name), &message),
        }
    }

    /// The lane that a delivery takes: the link's only one, or that of the address that the message names.
    fn lane_for(&mut self, at: ConnectionRef, link: LinkId, to: Option<&str>) -> Way {
        let (common, now) = (self.common.clone(), self.now);
        let Some(Peer { meta, sessions, .. }) = self.peer_mut(at) else {
            return Way::Refuse(Outcome::Released);
        };
        let session = sessions.get_mut(usize::from(link.channel)).and_then(Option::as_mut);
        let Some(incoming) = session.and_then(|session| session.incoming(link.handle)) else {
            return Way::Refuse(Outcome::Released);
        };
        let anonymous = match &mut incoming.lanes {
            Lanes::One(lane) => return Way::Lane(0, lane.route()),
            Lanes::Node => return Way::Node,
            Lanes::Anonymous(anonymous) => anonymous,
        };
        let Some(to) = to else {
            return Way::Refuse(Outcome::rejected(
                AmqpError::PreconditionFailed,
                "Routing failure: no address present",
            ));
        };
        let known = anonymous.look_up(to, (now, common.asks.edition()));
        if let Known::Lane(lane) = known {
            let route = incoming.lane(lane).map_or(Route::Void, Lane::route);
            return Way::Lane(lane, route);
        }
        if meta.permissions.as_ref().is_some_and(|permissions| !permissions.allow(true, to)) {
            let why = "the auth service does not allow this address";
            return Way::Refuse(Outcome::rejected(AmqpError::UnauthorizedAccess, why));
        }
        let (class, name) = match place(to, &common.router_id) {
            Place::Address(Class::Mobile, name) => (Class::Mobile, meta.space.name(name)),
            Place::Address(class, name) => (class, name.to_owned()),
            Place::Node => return Way::Node,
            Place::Elsewhere | Place::Nameless => return Way::Refuse(Outcome::Released),
        };
        let edition = common.asks.edition();
        let asks = common.asks_about(&meta.space, class, &name);
        match known {
            Known::Refused(outcome) => Way::Refuse(outcome),
            Known::As(ruled) => self.lane_by((at, link), to, (class, name), (&ruled, edition)),
            _ if asks => Way::Ask(name),
            _ => {
                anonymous.forget_ruling(to);
                self.lane_by((at, link), to, (class, name), (&Ruled::default(), edition))
            }
        }
    }

    /// The lane to what the address of a message stands for, as plugins of this edition say.
    pub(crate) fn lane_by(
        &mut self,
        (at, link): (ConnectionRef, LinkId),
        to: &str,
        (class, name): (Class, String),
        (Ruled { ruling, by }, edition): (&Ruled, u32),
    ) -> Way {
        let addresses = &self.common.clone().addresses;
        let name = ruling.address.as_deref().map_or(name, |address| normalise(address).to_owned());
        let mut key = addresses.key_for(class, &name, false);
        key.phase = ruling.phase.unwrap_or(key.phase);
        // one that is there is as it was made, as for a link to it
        let Some(address) = addresses.find(&key) else {
            let shut = Some(Distribution::Unavailable);
            if ruling.treatment == shut || (ruling.treatment.is_none() && addresses.is_unavailable(class, &name)) {
                let by = by.clone().filter(|_| ruling.treatment.is_some() || ruling.address.is_some());
                let description = Some("Deliveries cannot be sent to an unavailable address".to_owned());
                let error = Error { condition: AmqpError::NotFound.into(), description, info: None };
                return Way::Unavailable(Why { error, by });
            }
            return Way::Refuse(Outcome::Released);
        };
        self.contradict(at, &address, (ruling.treatment, by.as_ref()));
        let kept = match self.incoming_mut(at, link).map(|incoming| &mut incoming.lanes) {
            Some(Lanes::Anonymous(anonymous)) => anonymous.leads_to(to, address.id, edition),
            _ => None,
        };
        let lane = match kept {
            Some(lane) => {
                addresses.release(address);
                lane
            }
            None => self.open_lane(at, link, (to, edition), address),
        };
        let route = self.incoming_mut(at, link).and_then(|incoming| incoming.lane(lane)).map(Lane::route);
        Way::Lane(lane, route.unwrap_or(Route::Void))
    }

    /// Ends a delivery that goes nowhere.
    pub(crate) fn turn_back(&mut self, at: ConnectionRef, link: LinkId, head: &PieceHead, outcome: &Outcome) {
        let presettled = head.settled;
        if presettled {
            self.drop_presettled(at, link, 1);
            self.end_received(at, link, head.from.id, true);
        } else {
            self.settle(head.from, 1, outcome);
        }
        if head.more
            && let Some(incoming) = self.incoming_mut(at, link)
        {
            incoming.arriving = Some(Arriving {
                id: head.from.id,
                lane: 0,
                route: Route::Void,
                presettled: false,
                annotated: false,
                format: None,
                bytes: 0,
            });
        }
    }

    /// Begins to collect a request to the management node.
    fn ask_node(&mut self, at: ConnectionRef, link: LinkId, head: &PieceHead, message: &[u8]) {
        let message = self.common.buffered.gather(message);
        if let Some(incoming) = self.incoming_mut(at, link) {
            incoming.arriving = Some(Arriving {
                id: head.from.id,
                lane: 0,
                route: Route::Node(message),
                presettled: head.settled,
                annotated: false,
                format: None,
                bytes: 0,
            });
        }
        self.handle_request(at, link, head);
    }

    /// Hands a request to the management node when all of it is there.
    fn handle_request(&mut self, at: ConnectionRef, link: LinkId, head: &PieceHead) {
        let full = self.common.buffered.is_full();
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        let Some(Arriving { route: Route::Node(message), .. }) = &incoming.arriving else {
            return;
        };
        if message.bytes().len() > REQUEST_MAX_BYTES || full {
            let why = if full { "the router has too much to do" } else { "the request is longer than 256 KiB" };
            incoming.arriving = None;
            if let Some(Line { left_out }) = self.line(self.now, at) {
                tracing::info!(target: "management", handle = link.handle, error = why, left_out, "request rejected");
            }
            let outcome = Outcome::rejected(AmqpError::ResourceLimitExceeded, why);
            return self.turn_back(at, link, head, &outcome);
        }
        if head.more {
            return;
        }
        let Some(Arriving { route: Route::Node(message), presettled, .. }) = incoming.arriving.take() else {
            return;
        };
        if head.aborted {
            return self.end_received(at, link, head.from.id, presettled);
        }
        self.events.push_back(Request::Manage(Box::new(Managed { from: head.from, link, presettled, message })));
    }

    /// Ends a [`Request::Manage`]: its sender may send another one.
    pub fn managed(&mut self, now: Time, request: &Managed) {
        self.now = now;
        if request.presettled {
            self.end_received(request.from.connection, request.link, request.from.id, true);
        } else {
            self.settle(request.from, 1, &Outcome::Accepted);
        }
        self.mark(request.from.connection);
    }

    /// Forgets a delivery that its sender settled or gave up.
    pub(crate) fn end_received(&mut self, at: ConnectionRef, link: LinkId, id: u64, presettled: bool) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(session) = peer.session(link.channel) else {
            return;
        };
        let mut ended = 0_u64;
        session.received.take((id, id), |run| ended = ended.saturating_add(run.count));
        let waiting = if ended > 0 { session.tallies.forget((id, id)) } else { Vec::new() };
        if ended > 0 || presettled {
            peer.ended(link, 1);
        }
        waiting.iter().for_each(|waiting| self.confirm(waiting));
    }

    /// Sends a copy of a piece to each consumer.
    fn fan_out(&mut self, consumers: &Arc<[Consumer]>, head: &PieceHead, payload: &[u8]) {
        let head = PieceHead { from: Origin { copy: true, ..head.from }, ..*head };
        for consumer in consumers.iter() {
            self.forward(consumer.at, &head, payload);
        }
    }

    /// Sends a piece to a consumer, here or on another worker.
    #[inline]
    pub(crate) fn forward(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8]) {
        if to.connection.shard == self.id {
            return self.deliver(to, head, payload);
        }
        if let Some(batch) = self.outbox.get_mut(usize::from(to.connection.shard)) {
            batch.piece(to, *head, payload);
        }
    }

    /// Keeps a piece until a consumer has credit.
    fn hold(&mut self, at: ConnectionRef, (link, lane): (LinkId, LaneId), head: &PieceHead, payload: &[u8]) {
        let buffered = self.common.buffered.clone();
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        let serial = incoming.serial;
        let (is_stalled, mut waiting_bytes) = (incoming.stalls, incoming.waiting_bytes);
        let Some(lane_state) = incoming.lane(lane) else {
            return;
        };
        if head.aborted {
            // nobody has seen any of it
            let gone = lane_state.waiting.pop_back_if(|waiting| waiting.head.from == head.from);
            let bytes = gone.as_ref().map_or(0, Waiting::bytes);
            incoming.waiting_bytes = waiting_bytes.saturating_sub(bytes);
            let resume = incoming.stalls && incoming.waiting_bytes <= STALL_BYTES / 2;
            incoming.stalls &= !resume;
            let presettled = gone.is_some_and(|waiting| waiting.head.settled);
            let emptied = incoming.lane(lane).filter(|lane| lane.waiting.is_empty()).map(|lane| lane.address.id);
            if let Some(local) = emptied.and_then(|address| self.locals.get_mut(&address)) {
                local
                    .waiting
                    .retain(|producer| (producer.connection, producer.link, producer.lane) != (at, link, lane));
            }
            self.end_received(at, link, head.from.id, presettled);
            if resume {
                self.stall(head.from, false);
            }
            return;
        }
        if head.first {
            lane_state.waiting.push_back(Waiting { head: *head, pieces: SmallVec::new() });
        }
        let Some(last) = lane_state.waiting.back_mut() else {
            return;
        };
        let kept = buffered.keep(Bytes::copy_from_slice(payload));
        waiting_bytes = waiting_bytes.saturating_add(kept.bytes());
        last.pieces.push(Piece { head: *head, kept });
        let begins = lane_state.waiting.len() == 1 && head.first;
        let is_multicast = lane_state.is_multicast();
        let address = lane_state.address.clone();
        let stall = !is_stalled && (waiting_bytes > STALL_BYTES || buffered.is_full());
        incoming.waiting_bytes = waiting_bytes;
        incoming.stalls |= stall;
        if stall {
            self.stall(head.from, true);
        }
        if begins {
            let producer = Producer { connection: at, link, serial, lane };
            if let Some(local) = self.locals.get_mut(&address.id) {
                local.waiting.push_back(producer);
            }
            address.wait(self.id);
            // credit that came before the waiter was published told nobody
            self.kicked.push(address.id);
        } else if is_multicast {
            // no credit is waited for any more
            self.kicked.push(address.id);
        }
    }

    /// Gives what waits at an address to consumers that have credit.
    pub(crate) fn serve_waiting(&mut self, address: u32) {
        let rounds = self.locals.get(&address).map_or(0, |local| local.waiting.len());
        for _ in 0..rounds {
            let Some(producer) = self.locals.get_mut(&address).and_then(|local| local.waiting.pop_front()) else {
                return;
            };
            if self.serve_lane(&producer) {
                continue;
            }
            let Some(local) = self.locals.get_mut(&address) else {
                return;
            };
            local.waiting.push_back(producer);
            local.address.wait(self.id);
            // published: look once more, for credit that came in between
            let consumers = local.address.choice().consumers;
            if consumers.iter().any(|consumer| consumer.credit.is_available()) {
                self.kicked.push(address);
            }
            return;
        }
    }

    /// Gives what waits on a lane to consumers. Says whether nothing is left.
    fn serve_lane(&mut self, producer: &Producer) -> bool {
        let (at, link) = (producer.connection, producer.link);
        loop {
            let Some(incoming) = self.incoming_mut(at, link).filter(|incoming| incoming.serial == producer.serial)
            else {
                return true;
            };
            let Some(lane) = incoming.lane(producer.lane) else {
                return true;
            };
            if lane.waiting.is_empty() {
                self.run_dry(at, link);
                return true;
            }
            lane.refresh();
            let Some(takers) = lane.takers() else {
                return false;
            };
            let Some(waiting) = lane.waiting.pop_front() else {
                return true;
            };
            incoming.waiting_bytes = incoming.waiting_bytes.saturating_sub(waiting.bytes());
            let resume = incoming.stalls && incoming.waiting_bytes <= STALL_BYTES / 2;
            incoming.stalls &= !resume;
            let from = waiting.head.from;
            if let Some(arriving) = incoming.arriving.as_mut().filter(|arriving| arriving.id == from.id) {
                arriving.route = takers.clone().route();
                arriving.presettled = waiting.head.settled;
            }
            let ends = waiting.pieces.last().is_some_and(|piece| !piece.head.more);
            let settled = waiting.pieces.iter().any(|piece| piece.head.settled);
            self.send_on(at, (link, &takers), &waiting);
            if settled && (ends || !waiting.head.settled) {
                self.end_received(at, link, from.id, waiting.head.settled);
            }
            self.mark(at);
            if resume {
                self.stall(from, false);
            }
        }
    }

    /// Sends what has waited to where it goes.
    fn send_on(&mut self, at: ConnectionRef, (link, takers): (LinkId, &Takers), waiting: &Waiting) {
        if let Takers::All(consumers) = takers
            && !waiting.head.settled
            && let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel))
        {
            session.tallies.push(waiting.head.from.id, consumers.len());
        }
        for piece in &waiting.pieces {
            match takers {
                Takers::One(to) => self.forward(*to, &piece.head, &piece.kept.payload),
                Takers::All(consumers) => self.fan_out(consumers, &piece.head, &piece.kept.payload),
            }
        }
    }

    /// Counts presettled deliveries that went nowhere.
    pub(crate) fn drop_presettled(&mut self, at: ConnectionRef, link: LinkId, count: u64) {
        if let Some(incoming) = self.incoming_mut(at, link) {
            let dropped = &mut incoming.counters.dropped_presettled;
            *dropped = dropped.saturating_add(count);
        }
    }
}

/// Where a delivery goes.
pub(crate) enum Way {
    Lane(LaneId, Route),
    Node,
    Refuse(Outcome),
    /// The address is unavailable.
    Unavailable(Why),
    /// Policy is asked what this name stands for.
    Ask(String),
}
