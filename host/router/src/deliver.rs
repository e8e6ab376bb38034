//! The way of a delivery, second half: into the output of a consumer's connection, or the queue of its link.

use std::borrow::Cow;
use std::collections::VecDeque;

use bytes::Bytes;
use crosstie_amqp::connection::LinkFlow;
use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_amqp::transfer::Outgoing as Frame;
use crosstie_model::settings::Direction;

use crate::address::{Address, ConnectionRef, LinkRef, shards};
use crate::forward::STALL_BYTES;
use crate::head::{self, Head};
use crate::link::{Current, Draining, Link, Outgoing, Piece, Queued, Sent};
use crate::mail::{Mail, Origin, Outcome, PieceHead};
use crate::message_log::Passing;
use crate::shard::{Peer, Shard, WRITE_HIGH_BYTES, WRITE_MAX_BYTES};

/// What happened to a piece.
struct Written {
    /// Bytes of its payload that are written.
    bytes: usize,
    /// All of it is.
    whole: bool,
    /// The delivery has begun.
    begun: bool,
    /// Its sender is to be told that it was accepted: the peer wants it settled.
    accepted: Option<Origin>,
    /// It was unsettled, and its sender settled it or gave it up.
    freed: bool,
}

impl Shard {
    /// Writes a piece to a consumer of this worker, or queues it there.
    pub(crate) fn deliver(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8]) {
        let now = self.now;
        let Some(peer) = self.peer_mut(to.connection) else {
            return self.undeliverable(head);
        };
        if peer.pass(to, head, payload, now).is_some() {
            let fills = peer.holds_most();
            if !peer.dirty {
                self.mark(to.connection);
            }
            if fills {
                self.regulate_all(to.connection);
            }
            return;
        }
        let room = peer.amqp.out.len() <= WRITE_MAX_BYTES && !(head.first && peer.holds_most());
        let Some(outgoing) = peer.outgoing(to) else {
            return self.undeliverable(head);
        };
        let payload = match head.first && (head.annotated || outgoing.annotates.is_some()) {
            true => outgoing.dress(head, payload),
            false => Cow::Borrowed(payload),
        };
        let claims = head.from.copy && head.first;
        let direct = if head.first {
            outgoing.queue.is_empty() && outgoing.current.is_none()
        } else {
            let mine = outgoing.current.is_some_and(|current| current.from == head.from);
            let queued = outgoing.queue.iter().any(|queued| queued.from == head.from);
            if !mine && !queued {
                // its beginning never came here
                return;
            }
            !queued
        };
        if !(direct && room && (!claims || outgoing.credit.claim())) {
            let holds_most = peer.holds_most();
            self.enqueue(to, head, &payload, !claims);
            if holds_most {
                // what waits goes on when a gate opens, so that it has to be shut
                self.regulate_all(to.connection);
            }
            return;
        }
        let Some(written) = peer.write(to, head, &payload, now) else {
            return self.undeliverable(head);
        };
        let is_dirty = peer.dirty;
        let gets_full = (!peer.is_high && peer.is_full()) || peer.holds_most();
        let left = (!written.whole).then(|| payload.get(written.bytes..).unwrap_or_default());
        if let Some(from) = written.accepted {
            self.settle(from, 1, &Outcome::Accepted);
        }
        if let Some(left) = left {
            self.enqueue(to, &PieceHead { first: head.first && !written.begun, ..*head }, left, true);
            self.regulate(to.connection, to.link.channel);
        } else if !head.first && !head.more {
            if written.freed {
                self.regulate_all(to.connection);
            }
            // others may have come while this one was arriving
            self.serve_queue(to.connection, to.link);
            self.try_drain(to.connection, to.link);
        }
        if gets_full {
            self.regulate_all(to.connection);
        }
        if !is_dirty {
            self.mark(to.connection);
        }
    }

    /// A consumer went before a piece reached it.
    fn undeliverable(&mut self, head: &PieceHead) {
        if !head.first {
            return;
        }
        if head.settled {
            self.past.count_dropped();
        } else {
            self.settle(head.from, 1, &Outcome::Released);
        }
    }

    fn enqueue(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8], claimed: bool) {
        let buffered = self.common.buffered.clone();
        let Some(peer) = self.peer_mut(to.connection) else {
            return;
        };
        let Some(session) = peer.session(to.link.channel) else {
            return;
        };
        let Some(Link::Outgoing(outgoing)) = session.links.get_mut(to.link.handle as usize).and_then(Option::as_mut)
        else {
            return;
        };
        if !std::mem::replace(&mut outgoing.listed, true) {
            session.queued.push(to.link.handle);
        }
        let dropped =
            if head.from.copy && head.first && head.settled { outgoing.drop_presettled() } else { Vec::new() };
        let place = if head.first { None } else { outgoing.queue.iter().rposition(|queued| queued.from == head.from) };
        let queued = match place {
            Some(place) => outgoing.queue.get_mut(place),
            None => {
                let queued = Queued { from: head.from, pieces: VecDeque::new(), bytes: 0, stalls: false, claimed };
                // what continues is the current delivery: all that waits has to wait for it
                if head.first {
                    outgoing.queue.push_back(queued);
                    outgoing.queue.back_mut()
                } else {
                    outgoing.queue.push_front(queued);
                    outgoing.queue.front_mut()
                }
            }
        };
        let Some(queued) = queued else { return };
        let kept = buffered.keep(Bytes::copy_from_slice(payload));
        queued.bytes = queued.bytes.saturating_add(kept.bytes());
        queued.pieces.push_back(Piece { head: *head, kept });
        let full = queued.bytes > STALL_BYTES || buffered.is_full();
        if full && !std::mem::replace(&mut queued.stalls, true) {
            self.stall(head.from, true);
        }
        for from in dropped {
            self.stall(from, false);
        }
        // a window or room that came since the piece was tried is not announced again
        self.mark(to.connection);
    }

    /// Writes what the queue of an outgoing link holds, as far as credit, window and buffer allow.
    pub(crate) fn serve_queue(&mut self, at: ConnectionRef, link: LinkId) {
        let now = self.now;
        loop {
            let Some(peer) = self.peer_mut(at) else {
                return;
            };
            let (open, holds_most) = (!peer.is_full() && peer.amqp.window(link.channel), peer.holds_most());
            let Some(Link::Outgoing(outgoing)) =
                peer.session(link.channel).and_then(|session| session.link_mut(link.handle))
            else {
                return;
            };
            let to = LinkRef { connection: at, link, serial: outgoing.serial };
            let Some(queued) = outgoing.queue.front_mut() else {
                return;
            };
            // while the current delivery has nothing here, nothing else may begin
            let mine = outgoing.current.is_none_or(|current| current.from == queued.from);
            if !open || !mine || (outgoing.current.is_none() && holds_most) {
                return self.regulate(at, link.channel);
            }
            queued.claimed = queued.claimed || outgoing.credit.claim();
            if !queued.claimed {
                return;
            }
            let from = queued.from;
            let Some(piece) = queued.pieces.pop_front() else {
                outgoing.queue.pop_front();
                continue;
            };
            queued.bytes = queued.bytes.saturating_sub(piece.kept.bytes());
            let resume = queued.stalls && queued.bytes <= STALL_BYTES / 4;
            queued.stalls &= !resume;
            if queued.pieces.is_empty() {
                outgoing.queue.pop_front();
            }
            let Piece { head, kept } = piece;
            let written = peer.write(to, &head, &kept.payload, now);
            if resume {
                self.stall(from, false);
            }
            let Some(written) = written else {
                return;
            };
            if let Some(from) = written.accepted {
                self.settle(from, 1, &Outcome::Accepted);
            }
            if written.freed {
                self.regulate_all(at);
            }
            if !written.whole {
                let head = PieceHead { first: head.first && !written.begun, ..head };
                self.put_back(to, head, kept.payload.slice(written.bytes.min(kept.payload.len())..));
                return self.regulate(at, link.channel);
            }
        }
    }

    /// Puts what is left of a piece before the pieces behind it.
    fn put_back(&mut self, to: LinkRef, head: PieceHead, left: Bytes) {
        let buffered = self.common.buffered.clone();
        let Some(outgoing) = self.peer_mut(to.connection).and_then(|peer| peer.outgoing(to)) else {
            return;
        };
        if outgoing.queue.front().is_none_or(|queued| queued.from != head.from) {
            let queued = Queued { from: head.from, pieces: VecDeque::new(), bytes: 0, stalls: false, claimed: true };
            outgoing.queue.push_front(queued);
        }
        if let Some(queued) = outgoing.queue.front_mut() {
            let kept = buffered.keep(left);
            queued.bytes = queued.bytes.saturating_add(kept.bytes());
            queued.pieces.push_front(Piece { head, kept });
        }
    }

    /// Shuts or opens the gate of a session; who waited at a gate that opens goes on.
    pub(crate) fn regulate(&mut self, at: ConnectionRef, channel: u16) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let full = peer.is_full() || peer.holds_most();
        let shut = full || !peer.amqp.window(channel);
        let Some(session) = peer.session(channel) else {
            return;
        };
        if !session.gate.shut(shut) || shut {
            return;
        }
        let addresses: Vec<_> = session
            .links
            .iter()
            .filter_map(|link| match link {
                Some(Link::Outgoing(outgoing)) if outgoing.credit.is_available() => Some(outgoing.address.clone()),
                _ => None,
            })
            .collect();
        for address in addresses {
            self.kick(&address);
        }
        // copies of multicast deliveries wait here for credit, not at their sender
        self.serve_queues(at, channel);
    }

    /// Shuts or opens the gates of all sessions of a connection.
    pub(crate) fn regulate_all(&mut self, at: ConnectionRef) {
        let sessions = self.peer_mut(at).map_or(0, |peer| u16::try_from(peer.sessions.len()).unwrap_or(u16::MAX));
        (0..sessions).for_each(|channel| self.regulate(at, channel));
    }

    /// A session, or its connection, may take transfers again.
    pub(crate) fn handle_window(&mut self, at: ConnectionRef, channel: u16) {
        self.serve_queues(at, channel);
        self.regulate(at, channel);
    }

    /// Writes what waits on the links of a session.
    fn serve_queues(&mut self, at: ConnectionRef, channel: u16) {
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(channel)) else {
            return;
        };
        for handle in std::mem::take(&mut session.queued) {
            self.serve_queue(at, LinkId { channel, handle });
            self.serve_relayed(at, LinkId { channel, handle });
            let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(channel)) else {
                return;
            };
            let outgoing = match session.links.get_mut(handle as usize).and_then(Option::as_mut) {
                Some(Link::Outgoing(outgoing)) => outgoing,
                Some(Link::Routed(end)) => {
                    end.listed = !end.queue.is_empty();
                    if end.listed {
                        session.queued.push(handle);
                    }
                    continue;
                }
                _ => continue,
            };
            outgoing.listed = !outgoing.queue.is_empty();
            if outgoing.listed {
                session.queued.push(handle);
            } else {
                self.try_drain(at, LinkId { channel, handle });
            }
        }
    }

    pub(crate) fn handle_flow(&mut self, at: ConnectionRef, flow: &LinkFlow) {
        let link = flow.link;
        if flow.opened {
            self.handle_window(at, link.channel);
        }
        let own = self.id;
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        let outgoing = match session.link_mut(link.handle) {
            Some(Link::Outgoing(outgoing)) => outgoing,
            Some(Link::Asking(asking)) => {
                asking.flow = Some(*flow);
                return;
            }
            Some(Link::Routed(_)) => return self.relay_flow(at, flow),
            // a sender that gave credit back may be due more
            Some(Link::Incoming(_)) => {
                if let Some(peer) = self.peer_mut(at) {
                    peer.ended(link, 0);
                }
                return self.mark(at);
            }
            _ => return,
        };
        let Some(credit) = flow.credit else {
            return;
        };
        let address = outgoing.address.clone();
        let to = LinkRef { connection: at, link, serial: outgoing.serial };
        // a receiver that has not heard of our first delivery counts from where we began
        let open = outgoing.credit.handle_flow(flow.delivery_count.unwrap_or(0), credit);
        outgoing.draining = None;
        let waits = !outgoing.queue.is_empty();
        if waits {
            self.serve_queue(at, link);
        }
        if !flow.drain {
            if open {
                self.kick(&address);
            }
            return;
        }
        self.serve_waiting(address.id);
        let others = shards(address.producers()).filter(|shard| *shard != own).collect::<Vec<_>>();
        for shard in &others {
            self.post(*shard, Mail::Drain { address: address.id, consumer: to });
        }
        if let Some(outgoing) = self.peer_mut(at).and_then(|peer| peer.outgoing(to)) {
            outgoing.draining = Some(Draining { workers: u32::try_from(others.len()).unwrap_or(u32::MAX) });
        }
        self.try_drain(at, link);
    }

    /// Sends what waits here to a consumer on another worker that drains.
    pub(crate) fn handle_drain(&mut self, address: u32, consumer: LinkRef) {
        self.serve_waiting(address);
        self.post(consumer.connection.shard, Mail::Drained(consumer));
    }

    /// A worker has sent what waited there.
    pub(crate) fn handle_drained(&mut self, consumer: LinkRef) {
        if let Some(outgoing) = self.peer_mut(consumer.connection).and_then(|peer| peer.outgoing(consumer))
            && let Some(draining) = &mut outgoing.draining
        {
            draining.workers = draining.workers.saturating_sub(1);
            self.try_drain(consumer.connection, consumer.link);
        }
    }

    /// Gives a draining receiver its unused credit back, once all that it is to get is written.
    pub(crate) fn try_drain(&mut self, at: ConnectionRef, link: LinkId) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let written = peer.amqp.delivery_count(link);
        let Some(Link::Outgoing(outgoing)) =
            peer.session(link.channel).and_then(|session| session.link_mut(link.handle))
        else {
            return;
        };
        if outgoing.draining.is_none_or(|draining| draining.workers > 0) {
            return;
        }
        if !outgoing.queue.iter().all(|queued| !queued.claimed) {
            return;
        }
        let (limit, claimed) = outgoing.credit.stop();
        if claimed != written {
            // what is claimed is on its way, in the mail: this is asked again when it came
            outgoing.credit.handle_flow(claimed.0, limit.since(claimed));
            let drain = (at, link);
            if !self.drains.contains(&drain) {
                self.drains.push(drain);
            }
            return;
        }
        outgoing.draining = None;
        outgoing.credit.skip_to(limit);
        peer.amqp.drained(link, limit);
        self.mark(at);
    }

    /// Wakes all who wait at an address.
    pub(crate) fn kick(&mut self, address: &Address) {
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
}

impl Peer {
    /// Whether more output has to wait. Whoever was told so hears by `handle_window` when enough of it is written.
    pub(crate) fn is_full(&mut self) -> bool {
        let full = self.amqp.out.len() > WRITE_HIGH_BYTES;
        self.is_high |= full;
        full
    }

    /// Whether no delivery may begin: it has as many unsettled as it may. Whoever settles one has others go on.
    pub(crate) const fn holds_most(&self) -> bool {
        self.sent >= self.meta.unsettled_max
    }

    /// An outgoing link that is still there.
    pub(crate) fn outgoing(&mut self, at: LinkRef) -> Option<&mut Outgoing> {
        let session = self.sessions.get_mut(usize::from(at.link.channel))?.as_mut()?;
        session.outgoing(at.link.handle).filter(|outgoing| outgoing.serial == at.serial)
    }

    /// Writes a delivery of one frame, which is what most are, where nothing stands in its way; `None`, and nothing is written,
    /// where something does.
    #[inline]
    fn pass(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8], now: Time) -> Option<()> {
        let format = head.format.filter(|_| head.first && !head.more && !head.aborted && !head.annotated)?;
        if self.holds_most() {
            return None;
        }
        let Self { amqp, sessions, sent: unsettled, is_high, last_delivery, .. } = self;
        if *is_high || amqp.out.len() > WRITE_HIGH_BYTES {
            return None;
        }
        let session = sessions.get_mut(usize::from(to.link.channel))?.as_mut()?;
        let Some(Link::Outgoing(outgoing)) = session.links.get_mut(to.link.handle as usize)?.as_mut() else {
            return None;
        };
        let is_free = outgoing.serial == to.serial && outgoing.current.is_none() && outgoing.queue.is_empty();
        if !is_free || (outgoing.settles && !head.settled) || outgoing.annotates.is_some() {
            return None;
        }
        let claims = head.from.copy;
        if claims && !outgoing.credit.claim() {
            return None;
        }
        let Some(id) = amqp.transfer_whole(to.link, head.settled, format, payload) else {
            // the long way claims for itself; credit of copies is claimed on this worker alone
            if claims {
                outgoing.credit.unclaim();
            }
            return None;
        };
        *last_delivery = Some(now);
        outgoing.counters.begin(head.settled);
        if head.settled {
            outgoing.credit.settle(1);
        } else {
            *unsettled = unsettled.saturating_add(1);
            session.sent.push(id, Sent { from: head.from, handle: to.link.handle, second: now.seconds() });
        }
        if !self.meta.log_messages.is_empty() {
            let whole = Passing { link: to.link, first: true, more: false, aborted: false, payload };
            self.log_message(Direction::Out, &whole);
        }
        Some(())
    }

    /// Writes a piece as far as the session's window allows. `None` when the link is gone.
    fn write(&mut self, to: LinkRef, head: &PieceHead, payload: &[u8], now: Time) -> Option<Written> {
        let link = to.link;
        self.last_delivery = Some(now);
        let second = now.seconds();
        let Self { amqp, sessions, sent: unsettled, .. } = self;
        let session = sessions.get_mut(usize::from(link.channel))?.as_mut()?;
        let Some(Link::Outgoing(outgoing)) = session.links.get_mut(link.handle as usize).and_then(Option::as_mut)
        else {
            return None;
        };
        let settled = head.settled || outgoing.settles;
        let frame = Frame { settled, more: head.more, aborted: head.aborted, format: head.format, payload };
        let sent = amqp.transfer(link, &frame)?;
        let begun = head.first && (sent.whole || sent.bytes > 0);
        if begun {
            outgoing.counters.begin(settled);
            if !settled {
                *unsettled = unsettled.saturating_add(1);
                session.sent.push(sent.id, Sent { from: head.from, handle: link.handle, second });
            }
        }
        let presettled = if head.first { settled } else { outgoing.current.is_some_and(|current| current.presettled) };
        let ends = sent.whole && !head.more;
        let freed = ends && !presettled && (head.aborted || (head.settled && !head.first));
        if begun || !head.first {
            outgoing.current = (!ends).then_some(Current { from: head.from, presettled });
        }
        if ends && presettled {
            outgoing.credit.settle(1);
        } else if freed {
            session.sent.take((sent.id, sent.id), |run| {
                *unsettled = unsettled.saturating_sub(u32::try_from(run.count).unwrap_or(u32::MAX));
                outgoing.credit.settle(run.count);
            });
        }
        let accepted = (ends && outgoing.settles && !head.settled && !head.aborted).then_some(head.from);
        if !self.meta.log_messages.is_empty() && (begun || !head.first) {
            let payload = payload.get(..sent.bytes).unwrap_or_default();
            let piece = Passing { link, first: head.first, more: !ends, aborted: head.aborted, payload };
            self.log_message(Direction::Out, &piece);
        }
        Some(Written { bytes: sent.bytes, whole: sent.whole, begun, accepted, freed })
    }
}

impl Outgoing {
    /// A message as this peer is to see it: without what routers annotated, or with our own annotations.
    fn dress<'m>(&self, head: &PieceHead, message: &'m [u8]) -> Cow<'m, [u8]> {
        let Ok(found) = Head::read(message, true, true) else {
            return Cow::Borrowed(message);
        };
        let Some(me) = self.annotates.as_deref() else {
            return Cow::Owned(found.annotate(message, &[]));
        };
        let ingress = found.annotation(message, "x-opt-qd.ingress").filter(|_| head.annotated);
        let ingress = ingress.map_or_else(|| head::string(me), <[u8]>::to_vec);
        let passed = found.annotation(message, "x-opt-qd.trace").filter(|_| head.annotated);
        let passed = passed.map(head::strings).unwrap_or_default();
        let trace: Vec<_> = passed.iter().map(String::as_str).chain([me]).map(head::string).collect();
        let mut added = vec![("x-opt-qd.ingress", ingress), ("x-opt-qd.trace", head::list(&trace))];
        match found.annotation(message, "x-opt-qd.to").filter(|_| head.annotated) {
            Some(to) => added.push(("x-opt-qd.to", to.to_vec())),
            // what was addressed by its link alone says where it went
            None if found.to.is_none() => added.push(("x-opt-qd.to", head::string(&self.address.key.name))),
            None => {}
        }
        Cow::Owned(found.annotate(message, &added))
    }

    /// Drops the presettled copies that have not begun when too many wait; returns those that held up their sessions.
    fn drop_presettled(&mut self) -> Vec<Origin> {
        if self.queue.len() < usize::try_from(self.capacity).unwrap_or(usize::MAX) {
            return Vec::new();
        }
        let mut stalled = Vec::new();
        let mut dropped = 0_u64;
        let current = self.current.map(|current| current.from);
        self.queue.retain(|queued| {
            let begins = queued.beginning().is_some_and(|head| head.settled);
            let drops = begins && !queued.claimed && Some(queued.from) != current;
            if drops {
                dropped = dropped.saturating_add(1);
                stalled.extend(queued.stalls.then_some(queued.from));
            }
            !drops
        });
        self.counters.dropped_presettled = self.counters.dropped_presettled.saturating_add(dropped);
        stalled
    }
}
