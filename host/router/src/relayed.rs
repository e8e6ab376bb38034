//! Deliveries on routed links: from the end where a peer sends to the end where the other one receives, and their states back.

use std::collections::VecDeque;

use bytes::Bytes;
use crosstie_amqp::connection::{Settled, Transfer};
use crosstie_amqp::raw::{self, Disposition};
use crosstie_amqp::session::{DeliveryId, LinkId, epoch, wire_id};
use crosstie_amqp::time::Time;
use crosstie_model::settings::Direction;

use crate::address::{ConnectionRef, LinkRef};
use crate::forward::STALL_BYTES;
use crate::link::{Link, Received, Sent};
use crate::mail::{Mail, Origin, Outcome, PieceHead};
use crate::message_log::Passing;
use crate::routed::{Item, Phase};
use crate::runs::Run;
use crate::shard::{Peer, Shard};

/// What happened to a piece.
struct Written {
    /// Bytes of its payload that are written.
    bytes: usize,
    whole: bool,
    /// The delivery has begun, by this piece or before.
    begun: bool,
}

impl Shard {
    /// Takes a frame on a routed link.
    pub(crate) fn relay_transfer(&mut self, at: ConnectionRef, transfer: &Transfer<'_>) {
        let Transfer { link, id, first, more, settled, aborted, .. } = *transfer;
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        if (settled && !first) || aborted {
            session.received.take((id, id), |_| {});
        }
        let Some(Link::Routed(end)) = session.link_mut(link.handle) else {
            return;
        };
        if first {
            end.counters.begin(settled);
        }
        if end.arriving.suspects(transfer) {
            return self.relay_suspect(at, transfer);
        }
        let Some(to) = end.partner else {
            return;
        };
        let from = Origin { connection: at, channel: link.channel, copy: false, id };
        let head = PieceHead { from, first, more, settled, aborted, annotated: false, format: None };
        if to.connection.shard == self.id {
            let Transfer { plain, tag, format, payload, body, .. } = *transfer;
            if plain {
                let frame = raw::Transfer { delivery_tag: tag, message_format: format, ..raw::Transfer::default() };
                return self.write_or_queue(to, &head, (&frame, payload), body);
            }
        }
        self.pass_on(to, &head, transfer.body);
    }

    /// Hands a whole frame on to the end where its receiver is.
    pub(crate) fn pass_on(&mut self, to: LinkRef, head: &PieceHead, body: &[u8]) {
        if to.connection.shard == self.id {
            return self.deliver_relayed(to, head, body);
        }
        if let Some(batch) = self.outbox.get_mut(usize::from(to.connection.shard)) {
            batch.relayed(to, *head, body);
        }
    }

    /// Takes a piece, a whole transfer, at the end where its receiver is.
    pub(crate) fn deliver_relayed(&mut self, to: LinkRef, head: &PieceHead, body: &[u8]) {
        if let Ok((frame, payload)) = raw::Transfer::decode(body) {
            self.write_or_queue(to, head, (&frame, payload), body);
        }
    }

    fn write_or_queue(
        &mut self,
        to: LinkRef,
        head: &PieceHead,
        (frame, payload): (&raw::Transfer<'_>, &[u8]),
        body: &[u8],
    ) {
        let now = self.now;
        let Some(peer) = self.peer_mut(to.connection) else {
            return;
        };
        let full = peer.is_full();
        let Some(end) = peer.routed(to).filter(|end| matches!(end.phase, Phase::Attached)) else {
            return;
        };
        if full || !end.queue.is_empty() {
            return self.enqueue_relayed(to, *head, body, 0);
        }
        let Some(written) = peer.write_relayed(to, head, (frame, payload), now) else {
            return;
        };
        if !written.whole {
            let head = PieceHead { first: head.first && !written.begun, ..*head };
            return self.enqueue_relayed(to, head, body, written.bytes);
        }
        if !peer.dirty {
            self.mark(to.connection);
        }
    }

    fn enqueue_relayed(&mut self, to: LinkRef, head: PieceHead, body: &[u8], written: usize) {
        let buffered = self.common.buffered.clone();
        let Some(session) = self.peer_mut(to.connection).and_then(|peer| peer.session(to.link.channel)) else {
            return;
        };
        let Some(Link::Routed(end)) = session.links.get_mut(to.link.handle as usize).and_then(Option::as_mut) else {
            return;
        };
        if !std::mem::replace(&mut end.listed, true) {
            session.queued.push(to.link.handle);
        }
        let body = buffered.keep(Bytes::copy_from_slice(body));
        let waiting = end.count_bytes(body.bytes(), 0);
        end.queue.push_back(Item::Piece { head, body, written });
        if (waiting > STALL_BYTES || buffered.is_full()) && end.stalls().is_none() {
            *end.stalls() = Some(head.from);
            self.stall(head.from, true);
        }
        // a window or room that came since the piece was tried is not announced again
        self.mark(to.connection);
    }

    /// Writes what the queue of an end holds, as far as window and buffer allow.
    pub(crate) fn serve_relayed(&mut self, at: ConnectionRef, link: LinkId) {
        let now = self.now;
        loop {
            let Some(peer) = self.peer_mut(at) else {
                return;
            };
            let open = !peer.is_full() && peer.amqp.window(link.channel);
            let Some(Link::Routed(end)) = peer.session(link.channel).and_then(|session| session.link_mut(link.handle))
            else {
                return;
            };
            let to = LinkRef { connection: at, link, serial: end.serial };
            if !open && matches!(end.queue.front(), Some(Item::Piece { .. })) {
                return;
            }
            let (head, body, written) = match end.queue.pop_front() {
                None => return,
                Some(Item::Said(said)) => {
                    // what stands behind it keeps its place
                    let rest = std::mem::take(&mut end.queue);
                    self.tell(to, said);
                    if let Some(end) = self.peer_mut(at).and_then(|peer| peer.routed(to)) {
                        end.queue = rest;
                    }
                    continue;
                }
                Some(Item::Piece { head, body, written }) => (head, body, written),
            };
            let waiting = end.count_bytes(0, body.bytes());
            let resume = if waiting <= STALL_BYTES / 4 { end.stalls().take() } else { None };
            let frame = raw::Transfer::decode(&body.payload).ok();
            let done = frame.and_then(|(frame, payload)| {
                peer.write_relayed(to, &head, (&frame, payload.get(written..).unwrap_or_default()), now)
            });
            if let Some(done) = done.filter(|done| !done.whole)
                && let Some(end) = peer.routed(to)
            {
                end.count_bytes(body.bytes(), 0);
                let head = PieceHead { first: head.first && !done.begun, ..head };
                end.queue.push_front(Item::Piece { head, body, written: written.saturating_add(done.bytes) });
            }
            if let Some(from) = resume {
                self.stall(from, false);
            }
        }
    }

    /// A receiver said something of deliveries on routed links.
    pub(crate) fn relay_disposition(&mut self, at: ConnectionRef, said: &Settled<'_>) {
        let second = self.second();
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(said.channel)) else {
            return;
        };
        if session.relayed.is_empty() {
            return;
        }
        let mut runs: Vec<Run<Sent>> = Vec::new();
        if said.settled {
            session.relayed.take(said.range, |run| runs.push(run));
        } else {
            session.relayed.within(said.range, |run| runs.push(run));
        }
        let outcome = Outcome::read(said.state);
        // neighbours at their sender, by whatever links they came, are told of at once
        let mut told: Option<(Origin, u64)> = None;
        for run in runs {
            let session = self.peer_mut(at).and_then(|peer| peer.session(said.channel));
            if said.settled
                && let Some(Link::Routed(end)) = session.and_then(|session| session.link_mut(run.origin.handle))
            {
                end.counters.end(&outcome, run.count, second.saturating_sub(run.origin.second));
            }
            match &mut told {
                Some((first, count)) if Origin { id: first.id.saturating_add(*count), ..*first } == run.origin.from => {
                    *count = count.saturating_add(run.count);
                }
                _ => {
                    if let Some((first, count)) = told.replace((run.origin.from, run.count)) {
                        self.settle_relayed(first, count, said.settled, said.state);
                    }
                }
            }
        }
        if let Some((first, count)) = told {
            self.settle_relayed(first, count, said.settled, said.state);
        }
    }

    /// Tells a sender what the receiver of its deliveries said.
    pub(crate) fn settle_relayed(&mut self, from: Origin, count: u64, settled: bool, state: Option<&[u8]>) {
        let plain = match state {
            None => Some(Outcome::None),
            Some(raw::ACCEPTED) => Some(Outcome::Accepted),
            Some(raw::RELEASED) => Some(Outcome::Released),
            Some(_) => None,
        };
        if let Some(outcome) = plain.filter(|_| settled) {
            return self.settle(from, count, &outcome);
        }
        let Origin { connection, channel, id, .. } = from;
        if connection.shard != self.id {
            let state = state.map(Bytes::copy_from_slice);
            return self.post(connection.shard, Mail::State { to: from, count, settled, state });
        }
        let Some(peer) = self.peer_mut(connection).filter(|peer| peer.amqp.epoch(channel) == Some(epoch(id))) else {
            return;
        };
        let last = id.saturating_add(count.saturating_sub(1));
        let mut ranges: Vec<(DeliveryId, u64, Received)> = Vec::new();
        match peer.session(channel) {
            Some(session) if settled => {
                let outcome = Outcome::read(state);
                session.received.take((id, last), |run| ranges.push((run.first, run.count, run.origin)));
                for (_, count, origin) in &ranges {
                    if let Some(Link::Routed(end)) = session.link_mut(origin.handle) {
                        end.counters.end(&outcome, *count, 0);
                    }
                }
            }
            Some(session) => {
                session.received.within((id, last), |run| ranges.push((run.first, run.count, run.origin)));
            }
            None => {}
        }
        let by = ranges.first().and_then(|(.., origin)| match peer.session(channel)?.link_mut(origin.handle)? {
            Link::Routed(end) => end.partner,
            _ => None,
        });
        let said = ranges.into_iter().map(|(first, count, _)| (first, first.saturating_add(count)));
        for (first, end) in joined(said) {
            say(peer, channel, true, (first, end.saturating_sub(1)), (settled, state));
        }
        if let Some(by) = by {
            self.hold_up(by.connection, connection);
        }
        self.mark(connection);
    }

    /// A sender settled deliveries of a routed link; the ids are those of the sender's end.
    pub(crate) fn settle_by_sender(
        &mut self,
        to: LinkRef,
        (first, last): (DeliveryId, DeliveryId),
        state: Option<&[u8]>,
    ) {
        if to.connection.shard != self.id {
            let state = state.map(Bytes::copy_from_slice);
            return self.post(to.connection.shard, Mail::SettledBySender { to, range: (first, last), state });
        }
        let Some(peer) = self.peer_mut(to.connection) else {
            return;
        };
        let Some(end) = peer.routed(to) else {
            return;
        };
        for item in &mut end.queue {
            if let Item::Piece { head, .. } = item
                && (first..=last).contains(&head.from.id)
            {
                head.settled = true;
            }
        }
        let Some(session) = peer.session(to.link.channel) else {
            return;
        };
        let Some(Link::Routed(end)) = session.link_mut(to.link.handle) else {
            return;
        };
        let (by, places) = (end.partner, end.places.of(first, last).collect::<Vec<_>>());
        let mut runs = Vec::new();
        for (from, until) in places {
            session.relayed.within((from, until), |run| runs.push((run.origin.handle, run.first, run.count)));
        }
        runs.retain(|(handle, ..)| *handle == to.link.handle);
        let ours = runs.into_iter().map(|(_, first, count)| (first, first.saturating_add(count)));
        for (first, end) in joined(ours) {
            let range = (first, end.saturating_sub(1));
            if let Some(session) = peer.session(to.link.channel) {
                session.relayed.take(range, |_| {});
            }
            say(peer, to.link.channel, false, range, (true, state));
        }
        if let Some(by) = by {
            self.hold_up(by.connection, to.connection);
        }
        self.mark(to.connection);
    }
}

/// Ranges in their order, those that touch as one; each up to and without its end.
fn joined(ranges: impl Iterator<Item = (DeliveryId, DeliveryId)>) -> Vec<(DeliveryId, DeliveryId)> {
    let mut joined: Vec<(DeliveryId, DeliveryId)> = Vec::new();
    for (first, end) in ranges {
        match joined.last_mut() {
            Some((_, last)) if *last == first => *last = end,
            _ => joined.push((first, end)),
        }
    }
    joined
}

/// Under which ids deliveries of one link have gone on: they come in the order of their ids at either end.
#[derive(Debug, Default)]
pub(crate) struct Places(VecDeque<(DeliveryId, DeliveryId)>);

impl Places {
    /// A delivery that came under one id has gone on under another. None that went on before `oldest` matters any more.
    fn push(&mut self, came: DeliveryId, went: DeliveryId, oldest: Option<DeliveryId>) {
        let is_next = |(before, at): &(DeliveryId, DeliveryId)| came.wrapping_sub(*before) == went.wrapping_sub(*at);
        if !self.0.back().is_some_and(is_next) {
            self.0.push_back((came, went));
        }
        while self.0.get(1).is_some_and(|(_, next)| oldest.is_none_or(|oldest| *next <= oldest)) {
            self.0.pop_front();
        }
    }

    /// Ids under which those have gone on that came from `first` to `last`, and perhaps others of other links between them.
    fn of(&self, first: DeliveryId, last: DeliveryId) -> impl Iterator<Item = (DeliveryId, DeliveryId)> {
        let begin = self.0.partition_point(|(came, _)| *came <= first).saturating_sub(1);
        let ends = self.0.iter().skip(begin.saturating_add(1)).map(|(came, _)| *came).chain([DeliveryId::MAX]);
        let parts = self.0.iter().skip(begin).zip(ends).take_while(move |((came, _), _)| *came <= last);
        parts.filter_map(move |((came, went), end)| {
            let (from, until) = (first.max(*came), last.min(end.saturating_sub(1)));
            let place = |id: DeliveryId| went.saturating_add(id.saturating_sub(*came));
            (from <= until).then(|| (place(from), place(until)))
        })
    }
}

fn say(
    peer: &mut Peer,
    channel: u16,
    receiver: bool,
    (first, last): (DeliveryId, DeliveryId),
    (settled, state): (bool, Option<&[u8]>),
) {
    let said = Disposition {
        receiver,
        first: wire_id(first),
        last: (last != first).then_some(wire_id(last)),
        settled,
        state,
        batchable: false,
    };
    peer.amqp.disposition(channel, &said);
}

impl Peer {
    /// Writes a piece as far as the session's window allows. `None` when the link is gone.
    #[inline]
    fn write_relayed(
        &mut self,
        to: LinkRef,
        head: &PieceHead,
        (frame, payload): (&raw::Transfer<'_>, &[u8]),
        now: Time,
    ) -> Option<Written> {
        self.last_delivery = Some(now);
        let frame = raw::Transfer { settled: Some(head.settled), more: head.more, aborted: head.aborted, ..*frame };
        let sent = self.amqp.relay(to.link, &frame, payload)?;
        let begun = head.first && (sent.whole || sent.bytes > 0);
        let session = self.session(to.link.channel)?;
        if begun {
            if !head.settled {
                let origin = Sent { from: head.from, handle: to.link.handle, second: now.seconds() };
                session.relayed.push(sent.id, origin);
                let oldest = session.relayed.first();
                if let Some(Link::Routed(end)) = session.link_mut(to.link.handle) {
                    end.places.push(head.from.id, sent.id, oldest);
                }
            }
            if let Some(Link::Routed(end)) = session.link_mut(to.link.handle) {
                end.counters.begin(head.settled);
            }
        }
        if sent.whole && (head.aborted || (head.settled && !head.first)) {
            session.relayed.take((sent.id, sent.id), |_| {});
        }
        if !self.meta.log_messages.is_empty() && (begun || !head.first) {
            let payload = payload.get(..sent.bytes).unwrap_or_default();
            let more = head.more || !sent.whole;
            let piece = Passing { link: to.link, first: head.first, more, aborted: head.aborted, payload };
            self.log_message(Direction::Out, &piece);
        }
        Some(Written { bytes: sent.bytes, whole: sent.whole, begun: begun || !head.first })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_tell_where_deliveries_went_on() {
        let mut places = Places::default();
        // 1 and 2 in a row, 3 behind one of another link, 9 after a gap at its sender
        for (came, went) in [(1, 11), (2, 12), (3, 14), (9, 15)] {
            places.push(came, went, Some(11));
        }
        let of = |places: &Places, first, last| places.of(first, last).collect::<Vec<_>>();
        assert_eq!(places.0.len(), 3);
        assert_eq!(of(&places, 1, 3), [(11, 12), (14, 14)]);
        assert_eq!(of(&places, 2, 2), [(12, 12)]);
        assert_eq!(of(&places, 0, 100), [(11, 12), (14, 19), (15, 106)]);
        assert_eq!(of(&places, 9, 9), [(15, 15)]);
        // what went on before is forgotten
        places.push(10, 17, Some(15));
        assert_eq!(of(&places, 9, 10), [(15, 15), (17, 17)]);
        places.push(11, 18, None);
        assert_eq!(places.0.len(), 1);
    }

    #[test]
    fn ranges_that_touch_are_one() {
        assert_eq!(joined([(1, 3), (3, 4), (5, 6), (6, 9)].into_iter()), [(1, 4), (5, 9)]);
    }
}
