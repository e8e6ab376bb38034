//! The way back: outcomes from receivers to senders, in runs, and the credit that settlement makes due.

use crosstie_amqp::connection::{Connection, Settled};
use crosstie_amqp::raw::{self, Disposition};
use crosstie_amqp::session::{DeliveryId, LinkId, epoch, wire_id};

use crate::address::ConnectionRef;
use crate::confirmation::Unconfirmed;
use crate::lane::Lanes;
use crate::link::{Early, Incoming, Link, Sent, Session, Settling};
use crate::mail::{Mail, Origin, Outcome};
use crate::runs::Run;
use crate::shard::{Peer, Shard};

impl Shard {
    pub(crate) fn handle_disposition(&mut self, at: ConnectionRef, said: &Settled<'_>) {
        if said.by_receiver {
            self.relay_disposition(at, said);
        }
        let received = said.state.is_some_and(|state| raw::state_code(state) == Some(raw::STATE_RECEIVED));
        if !said.settled && (said.state.is_none() || received) {
            return;
        }
        if !said.by_receiver {
            return self.handle_sender_settled(at, said);
        }
        let mut runs = std::mem::take(&mut self.runs);
        if let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(said.channel)) {
            session.sent.take(said.range, |run| runs.push(run));
        }
        let outcome = Outcome::read(said.state);
        for run in runs.drain(..) {
            self.settle_sent(at, said.channel, &run, &outcome);
            if !said.settled {
                let Run { first, count, origin } = run;
                self.wait_for(origin.from, Unconfirmed { connection: at, channel: said.channel, first, count });
            }
        }
        self.runs = runs;
    }

    /// Ends deliveries that went out by one link.
    pub(crate) fn settle_sent(&mut self, at: ConnectionRef, channel: u16, run: &Run<Sent>, outcome: &Outcome) {
        let second = self.second();
        let mut reopens = false;
        if let Some(peer) = self.peer_mut(at) {
            let count = u32::try_from(run.count).unwrap_or(u32::MAX);
            reopens = peer.holds_most();
            peer.sent = peer.sent.saturating_sub(count);
            if let Some(outgoing) = peer.session(channel).and_then(|session| session.outgoing(run.origin.handle)) {
                outgoing.credit.settle(run.count);
                outgoing.counters.end(outcome, run.count, second.saturating_sub(run.origin.second));
            }
        }
        self.settle(run.origin.from, run.count, outcome);
        if reopens {
            self.regulate_all(at);
        }
    }

    /// The sender wants no outcome any more.
    fn handle_sender_settled(&mut self, at: ConnectionRef, said: &Settled<'_>) {
        if !said.settled {
            return;
        }
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let (mut runs, mut waiting) = (Vec::new(), Vec::new());
        if let Some(session) = peer.session(said.channel) {
            session.received.take(said.range, |run| runs.push(run));
            waiting = session.tallies.forget(said.range);
        }
        let mut relayed = Vec::new();
        for run in runs {
            peer.ended(LinkId { channel: said.channel, handle: run.origin.handle }, run.count);
            if let Some(Link::Routed(end)) =
                peer.session(said.channel).and_then(|session| session.link(run.origin.handle))
                && let Some(partner) = end.partner
            {
                relayed.push((partner, (run.first, run.first.saturating_add(run.count.saturating_sub(1)))));
            }
        }
        for (partner, range) in relayed {
            self.settle_by_sender(partner, range, said.state);
        }
        waiting.iter().for_each(|waiting| self.confirm(waiting));
        self.mark(at);
    }

    /// Ends deliveries where they came in; their sender hears of it at the end of the tick.
    pub(crate) fn settle(&mut self, from: Origin, count: u64, outcome: &Outcome) {
        let Origin { connection, channel, copy, id } = from;
        if connection.shard != self.id {
            return self.post(connection.shard, Mail::Settle { to: from, count, outcome: outcome.clone() });
        }
        if copy {
            return self.settle_copies(from, count, outcome);
        }
        let second = self.second();
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        let last = id.saturating_add(count.saturating_sub(1));
        let Peer { amqp, touched, settling, sessions, .. } = &mut *peer;
        let Some(session) = sessions.get_mut(usize::from(channel)).and_then(Option::as_mut) else {
            return;
        };
        let Session { received, settling: pending, links, .. } = session;
        received.take((id, last), |run| {
            let place =
                usize::try_from(run.origin.handle).ok().and_then(|at| links.get_mut(at)).and_then(Option::as_mut);
            let seconds = second.saturating_sub(run.origin.second);
            let (link, mut end) = (LinkId { channel, handle: run.origin.handle }, run.first.saturating_add(run.count));
            match place {
                Some(Link::Incoming(incoming)) => {
                    incoming.counters.end(outcome, run.count, seconds);
                    incoming.end(run.count, link, touched);
                    // only the newest of a link can be on its way
                    let id = end.saturating_sub(1);
                    if amqp.is_arriving(link, id) {
                        incoming.early = Some(Early { id, outcome: outcome.clone() });
                        end = id;
                    }
                }
                Some(Link::Routed(routed)) => routed.counters.end(outcome, run.count, seconds),
                _ => {}
            }
            if run.first < end {
                say((amqp, channel), (pending, settling), (run.first, end.saturating_sub(1)), outcome);
            }
        });
        if !peer.dirty {
            self.mark(connection);
        }
    }

    /// All of a delivery is there: if it has ended, its sender hears of it, unless it gave it up or settled it itself.
    pub(crate) fn end_early(&mut self, at: ConnectionRef, link: LinkId, wanted: bool) {
        let incoming = self.incoming_mut(at, link);
        if let Some(early) = incoming.and_then(|incoming| incoming.early.take()).filter(|_| wanted) {
            self.say_early(at, link.channel, &early);
        }
    }

    pub(crate) fn say_early(&mut self, at: ConnectionRef, channel: u16, early: &Early) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Peer { amqp, settling, sessions, .. } = &mut *peer;
        if let Some(session) = sessions.get_mut(usize::from(channel)).and_then(Option::as_mut) {
            say((amqp, channel), (&mut session.settling, settling), (early.id, early.id), &early.outcome);
        }
        self.mark(at);
    }

    /// Ends copies of multicast deliveries; a delivery ends with the last of its copies.
    fn settle_copies(&mut self, from: Origin, count: u64, outcome: &Outcome) {
        for id in from.id..from.id.saturating_add(count) {
            let session = self.peer_mut(from.connection).and_then(|peer| peer.session(from.channel));
            let Some(session) = session else {
                return;
            };
            if let Some((outcome, waiting)) = session.tallies.settle(id, outcome) {
                self.settle(Origin { copy: false, id, ..from }, 1, &outcome);
                waiting.iter().for_each(|waiting| self.confirm(waiting));
            }
        }
    }

    /// Stops the session that a delivery came in by, or lets it go on.
    pub(crate) fn stall(&mut self, from: Origin, stalled: bool) {
        if from.connection.shard != self.id {
            return self.post(from.connection.shard, Mail::Stall { to: from, stalled });
        }
        let Some(peer) = self.peer_mut(from.connection) else {
            return;
        };
        if peer.amqp.epoch(from.channel) != Some(epoch(from.id)) {
            return;
        }
        let Some(session) = peer.session(from.channel) else {
            return;
        };
        session.stalls = if stalled { session.stalls.saturating_add(1) } else { session.stalls.saturating_sub(1) };
        let stalled = session.stalls > 0;
        peer.amqp.stall(from.channel, stalled);
        self.mark(from.connection);
    }

    /// Writes what is settled on a connection, and the credit that is due.
    pub(crate) fn write_settlements(&mut self, at: ConnectionRef) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Peer { amqp, sessions, touched, settling, reserved, meta, .. } = peer;
        for channel in settling.drain(..) {
            let session = sessions.get_mut(usize::from(channel)).and_then(Option::as_mut);
            if let Some(done) = session.and_then(|session| session.settling.take()) {
                write(amqp, channel, &done);
            }
        }
        for link in touched.drain(..) {
            let session = sessions.get_mut(usize::from(link.channel)).and_then(Option::as_mut);
            let Some(incoming) = session.and_then(|session| session.incoming(link.handle)) else {
                continue;
            };
            incoming.touched = false;
            let room = meta.unsettled_max.saturating_sub(*reserved);
            let before = incoming.capacity.get();
            let due = incoming.due(amqp.credit_left(link), room);
            *reserved = reserved.saturating_sub(before).saturating_add(incoming.capacity.get());
            if let Some(credit) = due {
                amqp.grant(link, credit);
            }
        }
    }
}

impl Shard {
    /// Gives a sender more that has no credit left, once all of it has gone on.
    pub(crate) fn run_dry(&mut self, at: ConnectionRef, link: LinkId) {
        let Some(Peer { amqp, sessions, touched, .. }) = self.peer_mut(at) else {
            return;
        };
        let session = sessions.get_mut(usize::from(link.channel)).and_then(Option::as_mut);
        let Some(incoming) = session.and_then(|session| session.incoming(link.handle)) else {
            return;
        };
        // where something waits, a consumer's credit comes first
        if incoming.is_open && incoming.waiting_bytes == 0 && amqp.credit_left(link) == 0 {
            incoming.ran_dry = true;
            incoming.touch(link, touched);
            self.mark(at);
        }
    }
}

impl Peer {
    /// Counts deliveries of an incoming link that ended.
    pub(crate) fn ended(&mut self, link: LinkId, count: u64) {
        let Self { sessions, touched, .. } = self;
        let session = sessions.get_mut(usize::from(link.channel)).and_then(Option::as_mut);
        if let Some(incoming) = session.and_then(|session| session.incoming(link.handle)) {
            incoming.end(count, link, touched);
        }
    }
}

impl Incoming {
    fn end(&mut self, count: u64, link: LinkId, touched: &mut Vec<LinkId>) {
        self.held = self.held.saturating_sub(u32::try_from(count).unwrap_or(u32::MAX));
        self.touch(link, touched);
    }

    fn touch(&mut self, link: LinkId, touched: &mut Vec<LinkId>) {
        if !std::mem::replace(&mut self.touched, true) {
            touched.push(link);
        }
    }

    /// The credit to grant, where `left` is what the peer still has; `None` while it is not worth a frame. `room`: what
    /// the connection may hold beside.
    fn due(&mut self, left: u32, room: u32) -> Option<u32> {
        if !self.is_open {
            return None;
        }
        let ran_dry = std::mem::take(&mut self.ran_dry);
        let is_multicast = matches!(&self.lanes, Lanes::One(lane) if lane.is_multicast());
        match &self.lanes {
            Lanes::One(lane) if self.waiting_bytes > 0 => self.capacity.shrink(lane.waiting.len(), self.waiting_bytes),
            // copies for it wait there
            Lanes::One(lane) if is_multicast && lane.lacks_credit() && left > 0 => self.capacity.ease(),
            Lanes::One(lane) if is_multicast && lane.lacks_credit() => self.capacity.restore(room),
            _ if left == 0 && self.waiting_bytes == 0 => self.capacity.grow(self.held, room),
            _ => {}
        }
        let capacity = self.capacity.get();
        let room = capacity.saturating_sub(self.held);
        // what is settled later is worth a frame soon: who settles in batches either has enough for the next, or settles much; but what
        // the last consumer of copies settles is no batch of the others'
        let worth = if ran_dry || (is_multicast && left == 0) { 1 } else { (capacity / 4).max(1) };
        (room >= left.saturating_add(worth)).then_some(room)
    }
}

/// Puts what is settled with its neighbours that are, or begins anew.
#[inline]
fn say(
    (amqp, channel): (&mut Connection, u16),
    (pending, settling): (&mut Option<Settling>, &mut Vec<u16>),
    (first, last): (DeliveryId, DeliveryId),
    outcome: &Outcome,
) {
    match pending {
        Some(open) if open.last.saturating_add(1) == first && open.outcome == *outcome => open.last = last,
        _ => match pending.replace(Settling { first, last, outcome: outcome.clone() }) {
            Some(done) => write(amqp, channel, &done),
            None => settling.push(channel),
        },
    }
}

fn write(amqp: &mut Connection, channel: u16, done: &Settling) {
    let said = Disposition {
        receiver: true,
        first: wire_id(done.first),
        last: (done.last != done.first).then_some(wire_id(done.last)),
        settled: true,
        state: done.outcome.state(),
        batchable: false,
    };
    amqp.disposition(channel, &said);
}
