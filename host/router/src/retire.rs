//! A connection whose place another one takes: it ends what has begun, and begins nothing.

use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::settings::Role;

use crate::address::{ConnectionRef, LinkRef};
use crate::link::Link;
use crate::mail::Change;
use crate::shard::{Peer, Shard};

/// How far the auto-links of a connection are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Some are not answered.
    Attaching,
    /// The peer has refused some.
    Refused,
    /// All are attached.
    Ready,
}

impl Shard {
    /// How far a connection is that is to take another one's place.
    #[must_use]
    pub fn readiness(&self, at: ConnectionRef) -> Readiness {
        let Some(peer) = self.peer(at) else {
            return Readiness::Refused;
        };
        let links = peer.sessions.iter().flatten().flat_map(|session| session.links.iter().flatten());
        let asked = links.filter(|link| matches!(link, Link::Attaching(_))).count();
        match (peer.is_opening, peer.auto_failed.is_empty(), asked, peer.auto_links.is_empty()) {
            (_, false, ..) => Readiness::Refused,
            (false, true, 0, true) => Readiness::Ready,
            _ => Readiness::Attaching,
        }
    }

    /// Has a connection give up its part: its senders get no more credit, its receivers stand at no address, no more links are
    /// carried to it. What is on its way goes on, and so do routed links.
    pub fn retire(&mut self, now: Time, at: ConnectionRef) {
        self.now = now;
        let common = self.common.clone();
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        peer.retires = true;
        peer.auto_links.clear();
        if peer.meta.role == Role::RouteContainer || common.link_routes.has_owned() {
            common.link_routes.close(at);
        }
        let links: Vec<LinkId> = peer.links().map(|(link, _)| link).collect();
        let mut emptied = Vec::new();
        for link in links {
            let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
                continue;
            };
            match session.link_mut(link.handle) {
                Some(Link::Incoming(incoming)) => {
                    incoming.is_open = false;
                    match incoming.auto_link.map(|_| incoming.rests()) {
                        None => self.drain_producer(at, link),
                        Some(true) => self.withdraw(at, link),
                        // less than it has in flight is never granted, and a container is not drained: see `end_credit`
                        Some(false) => {}
                    }
                }
                Some(Link::Outgoing(outgoing)) => {
                    let place = LinkRef { connection: at, link, serial: outgoing.serial };
                    let address = outgoing.address.clone();
                    if address.remove(place, outgoing.auto_link.is_some()) {
                        emptied.push(address);
                    }
                }
                Some(Link::Attaching(_)) => {
                    if let Some(peer) = self.peer_mut(at) {
                        peer.amqp.detach(link, None);
                    }
                    self.drop_link(at, link);
                }
                Some(Link::Asking(_) | Link::Routed(_)) | None => {}
            }
        }
        emptied.iter().for_each(|address| self.announce(address, Change::LeftBusy));
        self.mark(at);
    }

    /// Whether nothing is on its way over a connection that retires.
    #[must_use]
    pub fn is_quiet(&self, at: ConnectionRef) -> bool {
        let Some(peer) = self.peer(at) else {
            return true;
        };
        let settled = |peer: &Peer| {
            peer.sessions
                .iter()
                .flatten()
                .all(|session| session.sent.is_empty() && session.received.is_empty() && session.settling.is_none())
        };
        let calm = |link: &Link| match link {
            Link::Incoming(incoming) => incoming.arriving.is_none() && incoming.held == 0,
            Link::Outgoing(outgoing) => outgoing.current.is_none() && outgoing.queue.is_empty(),
            Link::Attaching(_) => true,
            Link::Asking(_) | Link::Routed(_) => false,
        };
        settled(peer) && peer.amqp.out.is_empty() && peer.links().all(|(_, link)| calm(link))
    }
}

impl Peer {
    /// Its links.
    pub(crate) fn links(&self) -> impl Iterator<Item = (LinkId, &Link)> {
        let sessions =
            (0_u16..).zip(&self.sessions).filter_map(|(channel, session)| Some((channel, session.as_ref()?)));
        sessions.flat_map(|(channel, session)| {
            let links = (0_u32..).zip(&session.links);
            links.filter_map(move |(handle, link)| Some((LinkId { channel, handle }, link.as_ref()?)))
        })
    }
}
