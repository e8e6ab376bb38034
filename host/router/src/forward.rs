//! The way of a delivery: from the link that it comes in by to a consumer, piece by piece.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use crosstie_amqp::connection::{LinkFlow, Transfer};
use crosstie_amqp::session::LinkId;
use crosstie_amqp::transfer::Outgoing as Frame;

use crate::address::{ConnectionRef, LinkRef, shards};
use crate::link::{Incoming, Link, Piece, Queued, Received, Route, Sent, Waiting};
use crate::mail::{Mail, Origin, Outcome, PieceHead, SessionRef};
use crate::shard::{Shard, WRITE_HIGH_BYTES};

/// A delivery, or a link, with more bytes than this that cannot go on holds up its session.
const STALL_BYTES: usize = 256 << 10;

impl Shard {
    pub(crate) fn handle_transfer(&mut self, at: ConnectionRef, transfer: &Transfer<'_>) {
        let channel = transfer.link.channel;
        let from = Origin { session: SessionRef { connection: at, channel }, id: transfer.id };
        let head = PieceHead {
            from,
            first: transfer.first,
            more: transfer.more,
            settled: transfer.settled,
            aborted: transfer.aborted,
            format: transfer.format,
        };
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(channel)) else {
            return;
        };
        if transfer.first && !transfer.settled {
            session.received.push(transfer.id, Received { handle: transfer.link.handle });
        }
        let Some(incoming) = session.incoming(transfer.link.handle) else {
            return;
        };
        let route = if transfer.first { incoming.begin(transfer.id) } else { incoming.route };
        if !transfer.more {
            incoming.route = Route::Idle;
            incoming.arriving = None;
        } else {
            incoming.route = route;
        }
        match route {
            Route::To(to) => self.forward(to, &head, transfer.payload),
            Route::Wait => self.hold(at, transfer.link, &head, transfer.payload),
            Route::Idle | Route::Void => {
                if transfer.first && !transfer.settled {
                    self.settle(from, 1, &Outcome::Released);
                }
            }
        }
        // what the sender settled has ended here as soon as it is under way; so has what it gave up
        let ends =
            if transfer.first { transfer.settled && !transfer.more } else { transfer.settled || transfer.aborted };
        if ends && route != Route::Wait {
            self.end_received(at, transfer.link, transfer.id, transfer.settled && !transfer.more);
        }
    }

    /// Forgets a delivery that its sender settled or gave up.
    fn end_received(&mut self, at: ConnectionRef, link: LinkId, id: u64, presettled: bool) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(session) = peer.session(link.channel) else {
            return;
        };
        let mut ended = 0_u64;
        session.received.take((id, id), |run| ended = ended.saturating_add(run.count));
        if ended > 0 || presettled {
            peer.ended(link, 1);
        }
    }

    /// Sends a piece to a consumer, here or on another worker.
    pub(crate) fn forward(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8]) {
        if to.connection.shard == self.id {
            return self.deliver(to, head, payload);
        }
        if let Some(batch) = self.outbox.get_mut(usize::from(to.connection.shard)) {
            batch.piece(to, *head, payload);
        }
    }

    /// Keeps a piece until a consumer has credit.
    fn hold(&mut self, at: ConnectionRef, link: LinkId, head: &PieceHead, payload: &[u8]) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(incoming) = peer.session(link.channel).and_then(|session| session.incoming(link.handle)) else {
            return;
        };
        if head.first {
            incoming.waiting.push_back(Waiting { head: *head, pieces: VecDeque::new() });
        }
        let Some(last) = incoming.waiting.back_mut() else {
            return;
        };
        last.pieces.push_back(Piece { head: *head, payload: Bytes::copy_from_slice(payload) });
        incoming.waiting_bytes = incoming.waiting_bytes.saturating_add(payload.len());
        let stall = incoming.waiting_bytes > STALL_BYTES && !incoming.stalls;
        incoming.stalls |= stall;
        let (address, first) = (incoming.address.clone(), incoming.waiting.len() == 1 && head.first);
        if stall {
            self.stall(SessionRef { connection: at, channel: link.channel }, true);
        }
        if first {
            if let Some(local) = self.locals.get_mut(&address.id) {
                local.waiting.push_back((at, link));
            }
            address.wait(self.id);
            // credit that came before the waiter was published told nobody
            self.kicked.push(address.id);
        }
    }

    /// Gives what waits at an address to consumers that have credit.
    pub(crate) fn serve_waiting(&mut self, address: u32) {
        let rounds = self.locals.get(&address).map_or(0, |local| local.waiting.len());
        for _ in 0..rounds {
            let Some(local) = self.locals.get_mut(&address) else {
                return;
            };
            let Some((at, link)) = local.waiting.pop_front() else {
                return;
            };
            if !self.serve_link(at, link) {
                if let Some(local) = self.locals.get_mut(&address) {
                    local.waiting.push_back((at, link));
                    local.address.wait(self.id);
                    // published: look once more, for credit that came in between
                    let (_, consumers) = local.address.consumers();
                    if consumers.iter().any(|consumer| consumer.credit.is_available()) {
                        continue;
                    }
                }
                return;
            }
        }
    }

    /// Gives what waits at a link to consumers. Says whether nothing is left.
    fn serve_link(&mut self, at: ConnectionRef, link: LinkId) -> bool {
        loop {
            let Some(peer) = self.peer_mut(at) else {
                return true;
            };
            let Some(incoming) = peer.session(link.channel).and_then(|session| session.incoming(link.handle)) else {
                return true;
            };
            if incoming.waiting.is_empty() {
                return true;
            }
            incoming.refresh();
            let Some(to) = incoming.pick() else {
                return false;
            };
            let Some(waiting) = incoming.waiting.pop_front() else {
                return true;
            };
            let bytes: usize = waiting.pieces.iter().map(|piece| piece.payload.len()).sum();
            incoming.waiting_bytes = incoming.waiting_bytes.saturating_sub(bytes);
            let resume = incoming.stalls && incoming.waiting_bytes <= STALL_BYTES / 2;
            if resume {
                incoming.stalls = false;
            }
            if incoming.arriving == Some(waiting.head.from.id) {
                incoming.route = Route::To(to);
            }
            let ends = waiting.pieces.back().is_some_and(|piece| !piece.head.more);
            let settled = waiting.pieces.iter().any(|piece| piece.head.settled || piece.head.aborted);
            for piece in &waiting.pieces {
                self.forward(to, &piece.head, &piece.payload);
            }
            if ends && settled {
                self.end_received(at, link, waiting.head.from.id, waiting.head.settled);
            }
            self.mark(at);
            if resume {
                self.stall(SessionRef { connection: at, channel: link.channel }, false);
            }
        }
    }

    /// Writes a piece to a consumer of this worker, or queues it there.
    pub(crate) fn deliver(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8]) {
        let LinkRef { connection, link } = to;
        let Some(peer) = self.peer_mut(connection) else {
            return self.undeliverable(head);
        };
        let room = peer.amqp.out.len() <= WRITE_HIGH_BYTES;
        let Some(session) = peer.sessions.get_mut(usize::from(link.channel)).and_then(Option::as_mut) else {
            return self.undeliverable(head);
        };
        let Some(Link::Outgoing(outgoing)) = session.link_mut(link.handle) else {
            return self.undeliverable(head);
        };
        let turn = outgoing.queue.is_empty() && outgoing.current.is_none_or(|current| current == head.from);
        if !(turn && room) {
            return self.enqueue(to, head, payload);
        }
        let frame =
            Frame { settled: head.settled, more: head.more, aborted: head.aborted, format: head.format, payload };
        let Some(sent) = peer.amqp.transfer(link, &frame) else {
            return self.undeliverable(head);
        };
        if !sent.whole {
            outgoing.current = (!head.first || sent.bytes > 0).then_some(head.from);
        } else {
            outgoing.current = head.more.then_some(head.from);
        }
        let begun = head.first && (sent.whole || sent.bytes > 0);
        if head.settled && !head.more && sent.whole {
            outgoing.credit.settle(1);
        }
        if begun && !head.settled {
            session.sent.push(sent.id, Sent { from: head.from, handle: link.handle });
        }
        let aborted = sent.whole && head.aborted;
        if aborted {
            let credit = outgoing_credit(session, link);
            session.sent.take((sent.id, sent.id), |run| {
                if let Some(credit) = &credit {
                    credit.settle(run.count);
                }
            });
        }
        if !peer.dirty {
            self.mark(connection);
        }
        if !sent.whole {
            let rest = payload.get(sent.bytes..).unwrap_or_default();
            self.enqueue(to, &PieceHead { first: head.first && !begun, ..*head }, rest);
        }
    }

    fn enqueue(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8]) {
        let Some(peer) = self.peer_mut(to.connection) else {
            return;
        };
        if peer.amqp.out.len() > WRITE_HIGH_BYTES {
            peer.blocked.store(true, Ordering::Release);
        }
        let Some(outgoing) = peer.session(to.link.channel).and_then(|session| session.outgoing(to.link.handle)) else {
            return;
        };
        let queued = match outgoing.queue.iter_mut().rposition(|queued| queued.from == head.from) {
            Some(place) => outgoing.queue.get_mut(place),
            None => {
                outgoing.queue.push_back(Queued { from: head.from, pieces: VecDeque::new(), bytes: 0, stalls: false });
                outgoing.queue.back_mut()
            }
        };
        let Some(queued) = queued else { return };
        queued.pieces.push_back(Piece { head: *head, payload: Bytes::copy_from_slice(payload) });
        queued.bytes = queued.bytes.saturating_add(payload.len());
        if queued.bytes > STALL_BYTES && !std::mem::replace(&mut queued.stalls, true) {
            self.stall(head.from.session, true);
        }
        // a window or room that came since the piece was tried is not announced again
        self.mark(to.connection);
    }

    /// A consumer went before a piece reached it.
    fn undeliverable(&mut self, head: &PieceHead) {
        if head.first && !head.settled {
            self.settle(head.from, 1, &Outcome::Released);
        }
    }

    /// Writes what the queue of an outgoing link holds, as far as window and buffer allow.
    pub(crate) fn serve_queue(&mut self, at: ConnectionRef, link: LinkId) {
        loop {
            let Some(peer) = self.peer_mut(at) else {
                return;
            };
            if peer.amqp.out.len() > WRITE_HIGH_BYTES {
                // goes on when the socket has taken some of it
                peer.blocked.store(true, Ordering::Release);
                return;
            }
            if !peer.amqp.window(link.channel) {
                return;
            }
            let Some(outgoing) = peer.session(link.channel).and_then(|session| session.outgoing(link.handle)) else {
                return;
            };
            // the current delivery goes on first; while it has nothing here, nothing else may begin
            let at_front = match outgoing.current {
                Some(current) => outgoing.queue.iter().position(|queued| queued.from == current),
                None => (!outgoing.queue.is_empty()).then_some(0),
            };
            let Some(place) = at_front else { return };
            let Some(mut queued) = outgoing.queue.remove(place) else {
                return;
            };
            let Some(piece) = queued.pieces.pop_front() else {
                continue;
            };
            queued.bytes = queued.bytes.saturating_sub(piece.payload.len());
            let resume = queued.stalls && queued.bytes <= STALL_BYTES / 4;
            if resume {
                queued.stalls = false;
            }
            let (from, ends) = (queued.from, queued.pieces.is_empty());
            let rest = std::mem::take(&mut outgoing.queue);
            self.deliver(LinkRef { connection: at, link }, &piece.head, &piece.payload);
            let Some(outgoing) = self
                .peer_mut(at)
                .and_then(|peer| peer.session(link.channel))
                .and_then(|session| session.outgoing(link.handle))
            else {
                return;
            };
            // what could not be written was queued again: it goes before the pieces behind it
            let mut again = std::mem::replace(&mut outgoing.queue, rest);
            if let Some(mut left) = again.pop_front() {
                left.pieces.append(&mut queued.pieces);
                left.bytes = left.bytes.saturating_add(queued.bytes);
                left.stalls |= queued.stalls;
                outgoing.queue.push_front(left);
            } else if !ends {
                outgoing.queue.push_front(queued);
            }
            if resume {
                self.stall(from.session, false);
            }
        }
    }

    pub(crate) fn handle_flow(&mut self, at: ConnectionRef, flow: &LinkFlow) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(outgoing) = peer.session(flow.link.channel).and_then(|session| session.outgoing(flow.link.handle))
        else {
            return self.handle_window(at, flow.link.channel);
        };
        let address = outgoing.address.clone();
        let mut open = false;
        if let Some(credit) = flow.credit {
            // a receiver that has not heard of our first delivery counts from where we began
            open = outgoing.credit.handle_flow(flow.delivery_count.unwrap_or(0), credit);
            outgoing.draining = flow.drain;
        }
        if open {
            self.kick(&address);
        }
        self.handle_window(at, flow.link.channel);
        if flow.drain {
            self.serve_waiting(address.id);
            self.drain(at, flow.link);
        }
    }

    /// Gives a draining receiver its unused credit back.
    fn drain(&mut self, at: ConnectionRef, link: LinkId) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(outgoing) = peer.session(link.channel).and_then(|session| session.outgoing(link.handle)) else {
            return;
        };
        outgoing.draining = false;
        let count = outgoing.credit.drain();
        let count = count.unwrap_or_else(|| peer.amqp.delivery_count(link));
        peer.amqp.drained(link, count);
    }

    /// Wakes all who wait at an address.
    pub(crate) fn kick(&mut self, address: &crate::address::Address) {
        let waiters = address.take_waiters();
        if waiters == 0 {
            return;
        }
        for shard in shards(waiters) {
            if shard == self.id {
                self.kicked.push(address.id);
            } else {
                self.post(shard, Mail::Kick(address.id));
            }
        }
    }

    /// A session, or its connection, takes transfers again.
    pub(crate) fn handle_window(&mut self, at: ConnectionRef, channel: u16) {
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(channel)) else {
            return;
        };
        let mut ready = Vec::new();
        for (handle, link) in (0_u32..).zip(&session.links) {
            if let Some(Link::Outgoing(outgoing)) = link
                && (!outgoing.queue.is_empty() || outgoing.credit.is_available())
            {
                ready.push((LinkId { channel, handle }, outgoing.address.clone()));
            }
        }
        for (link, address) in ready {
            self.serve_queue(at, link);
            self.kick(&address);
        }
    }
}

fn outgoing_credit(session: &crate::link::Session, link: LinkId) -> Option<std::sync::Arc<crate::credit::Credit>> {
    match session.link(link.handle)? {
        Link::Outgoing(outgoing) => Some(outgoing.credit.clone()),
        _ => None,
    }
}

impl Incoming {
    /// Decides where a delivery goes that begins to arrive.
    fn begin(&mut self, id: u64) -> Route {
        self.refresh();
        self.held = self.held.saturating_add(1);
        self.arriving = Some(id);
        if self.consumers.is_empty() {
            return Route::Void;
        }
        if !self.waiting.is_empty() {
            return Route::Wait;
        }
        self.pick().map_or(Route::Wait, Route::To)
    }
}
