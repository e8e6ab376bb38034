//! Links go: what becomes of the deliveries that were on their way.

use std::collections::VecDeque;

use crosstie_amqp::session::LinkId;
use fe2o3_amqp_types::definitions::Error;

use crate::address::ConnectionRef;
use crate::link::{Incoming, Link, Outgoing, Route, Waiting};
use crate::mail::{Origin, Outcome, PieceHead, SessionRef};
use crate::shard::Shard;

impl Shard {
    pub(crate) fn handle_detach(&mut self, at: ConnectionRef, link: LinkId, error: Option<&Error>) {
        let auto_link = self.drop_link(at, link);
        if let Some(auto_link) = auto_link {
            self.retry_later(at, auto_link, error);
        }
        self.mark(at);
    }

    /// Drops what a session had.
    pub(crate) fn drop_session(&mut self, at: ConnectionRef, channel: u16) {
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(channel)) else {
            return;
        };
        let count = u32::try_from(session.links.len()).unwrap_or(u32::MAX);
        for handle in 0..count {
            if let Some(auto_link) = self.drop_link(at, LinkId { channel, handle }) {
                self.retry_later(at, auto_link, None);
            }
        }
        if let Some(peer) = self.peer_mut(at) {
            peer.clear_session(channel);
        }
        self.mark(at);
    }

    /// Drops what a connection had.
    pub(crate) fn drop_links(&mut self, at: ConnectionRef) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        peer.first_attach = None;
        let count = u16::try_from(peer.sessions.len()).unwrap_or(u16::MAX);
        for channel in 0..count {
            self.drop_session(at, channel);
        }
        if let Some(peer) = self.peer_mut(at) {
            peer.auto_links.clear();
        }
    }

    /// Ends a link; returns the auto-link that it was.
    fn drop_link(&mut self, at: ConnectionRef, link: LinkId) -> Option<usize> {
        let session = self.peer_mut(at)?.session(link.channel)?;
        match session.remove(link.handle)? {
            Link::Asking(_) => None,
            Link::Attaching(auto_link) => Some(auto_link),
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
        let session_ref = SessionRef { connection: at, channel: link.channel };
        let mut unsettled = false;
        if let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) {
            for run in session.received.extract(|received| received.handle == link.handle) {
                let arriving = |id| id >= run.first && id < run.first.saturating_add(run.count);
                unsettled |= incoming.arriving.is_some_and(arriving);
            }
        }
        if let (Some(id), Route::To(to)) = (incoming.arriving, incoming.route) {
            let head = PieceHead {
                from: Origin { session: session_ref, id },
                first: false,
                more: false,
                settled: !unsettled,
                aborted: true,
                format: None,
            };
            self.forward(to, &head, &[]);
        }
        if incoming.stalls {
            self.stall(session_ref, false);
        }
        let Incoming { address, consumers, .. } = incoming;
        drop(consumers);
        if let Some(local) = self.locals.get_mut(&address.id) {
            local.producers.retain(|producer| *producer != (at, link));
            if local.producers.is_empty() {
                self.locals.remove(&address.id);
                address.set_producer(self.id, false);
            }
        }
        self.common.addresses.release(address);
    }

    fn drop_outgoing(&mut self, at: ConnectionRef, link: LinkId, outgoing: Outgoing) {
        outgoing.address.remove(Self::reference(at, link));
        for queued in &outgoing.queue {
            let begins = queued.pieces.front().map(|piece| piece.head);
            if let Some(head) = begins.filter(|head| head.first && !head.settled) {
                self.settle(head.from, 1, &Outcome::Released);
            }
            if queued.stalls {
                self.stall(queued.from.session, false);
            }
        }
        let session = self.peer_mut(at).and_then(|peer| peer.session(link.channel));
        let runs = session.map(|session| session.sent.extract(|sent| sent.handle == link.handle)).unwrap_or_default();
        for run in runs {
            self.settle(run.origin.from, run.count, &Outcome::Failed);
        }
        self.announce(&outgoing.address);
        self.common.addresses.release(outgoing.address);
    }

    /// Gives deliveries back that wait for a consumer when none is left.
    pub(crate) fn release_waiting(&mut self, at: ConnectionRef, link: LinkId) {
        let session_ref = SessionRef { connection: at, channel: link.channel };
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let Some(incoming) = peer.session(link.channel).and_then(|session| session.incoming(link.handle)) else {
            return;
        };
        let waiting: VecDeque<Waiting> = std::mem::take(&mut incoming.waiting);
        incoming.waiting_bytes = 0;
        let stalled = std::mem::replace(&mut incoming.stalls, false);
        if incoming.route == Route::Wait {
            incoming.route = Route::Void;
        }
        for delivery in &waiting {
            if delivery.head.settled {
                if let Some(peer) = self.peer_mut(at) {
                    peer.ended(link, 1);
                }
            } else {
                self.settle(delivery.head.from, 1, &Outcome::Released);
            }
        }
        if stalled {
            self.stall(session_ref, false);
        }
    }
}
