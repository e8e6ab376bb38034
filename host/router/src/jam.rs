//! Deliveries that wait for each other: a session is held up by one that has not begun at its consumer, while the consumer of
//! another one waits for the rest that this session is to bring.
//!
//! A consumer waits for the rest of the delivery that has begun there, thus for the session that brings it. A session waits for
//! what holds it up. Where that has begun, it ends when its receiver reads; where it has not, it waits for another delivery at
//! its consumer, or for credit. So on every circle each session brings a delivery that has begun, and is held up by one that has
//! not; it is opened by giving the latter back, wherever that is seen. What holds up a session that nobody waits for is mere
//! back-pressure, and stays.

use crosstie_amqp::session::{LinkId, epoch};

use crate::address::LinkRef;
use crate::lane::LaneId;
use crate::link::{Arriving, Link, Route, open_sessions};
use crate::mail::{Mail, Origin, Outcome};
use crate::shard::{Peer, Shard};

impl Shard {
    /// Asks the consumers of deliveries that are arriving by sessions that stood still since the last look.
    pub(crate) fn look_for_jams(&mut self) {
        let mut sought: Vec<(LinkRef, Origin)> = Vec::new();
        for (connection, peer) in self.peers_mut() {
            let Peer { amqp, sessions, .. } = peer;
            for (channel, session) in open_sessions(sessions) {
                let shut = amqp.used_up(channel).filter(|_| session.stalls > 0);
                if std::mem::replace(&mut session.shut, shut) != shut || shut.is_none() {
                    continue;
                }
                let from = |copy, id| Origin { connection, channel, copy, id };
                for link in session.links.iter().flatten() {
                    let Link::Incoming(incoming) = link else {
                        continue;
                    };
                    match &incoming.arriving {
                        Some(Arriving { route: Route::To(to), id, .. }) => sought.push((*to, from(false, *id))),
                        Some(Arriving { route: Route::Fan(consumers), id, .. }) => {
                            sought.extend(consumers.iter().map(|consumer| (consumer.at, from(true, *id))));
                        }
                        _ => {}
                    }
                }
            }
        }
        for (to, from) in sought {
            self.seek(to, from);
        }
    }

    /// Answers where a delivery came in, if it has begun at an outgoing link.
    pub(crate) fn seek(&mut self, to: LinkRef, from: Origin) {
        if to.connection.shard != self.id {
            return self.post(to.connection.shard, Mail::Seek { to, from });
        }
        let outgoing = self.peer_mut(to.connection).and_then(|peer| peer.outgoing(to));
        if outgoing.and_then(|outgoing| outgoing.current).is_some_and(|current| current.from == from) {
            self.break_jam(from);
        }
    }

    /// A consumer waits for the rest of a delivery: gives back what has not begun and holds up its session.
    pub(crate) fn break_jam(&mut self, from: Origin) {
        let Origin { connection, channel, .. } = from;
        if connection.shard != self.id {
            return self.post(connection.shard, Mail::Sought(from));
        }
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        let is_same = peer.amqp.epoch(channel) == Some(epoch(from.id));
        let shut = peer.amqp.used_up(channel);
        let Some(session) = peer.session(channel).filter(|session| is_same && session.stalls > 0) else {
            return;
        };
        // once for each time that it is found shut
        if session.shut.take().is_none_or(|found| shut != Some(found)) {
            return;
        }
        let mut lanes: Vec<(LinkId, LaneId)> = Vec::new();
        for (handle, link) in (0..).zip(&session.links) {
            if let Some(Link::Incoming(incoming)) = link
                && incoming.stalls
            {
                lanes.extend(incoming.lanes.iter().map(|(lane, _)| (LinkId { channel, handle }, lane)));
            }
        }
        for (link, lane) in lanes {
            self.release_waiting(connection, link, lane);
        }
        for shard in 0..self.common.post.workers() {
            if shard == self.id {
                self.give_back(from);
            } else {
                self.post(shard, Mail::GiveBack(from));
            }
        }
    }

    /// Gives back what waits at consumers, has not begun there, and holds up the session of a delivery.
    pub(crate) fn give_back(&mut self, from: Origin) {
        let holds_up =
            |by: Origin| (by.connection, by.channel, epoch(by.id)) == (from.connection, from.channel, epoch(from.id));
        let mut given = Vec::new();
        let mut links = Vec::new();
        for (connection, peer) in self.peers_mut() {
            for (channel, session) in open_sessions(&mut peer.sessions) {
                for handle in session.queued.clone() {
                    let Some(outgoing) = session.outgoing(handle) else {
                        continue;
                    };
                    let before = outgoing.queue.len();
                    outgoing.queue.retain(|queued| {
                        let Some(head) = queued.beginning().filter(|_| queued.stalls && holds_up(queued.from)) else {
                            return true;
                        };
                        if queued.claimed {
                            outgoing.credit.unclaim();
                        }
                        if head.settled {
                            let dropped = &mut outgoing.counters.dropped_presettled;
                            *dropped = dropped.saturating_add(1);
                        }
                        given.push((queued.from, head.settled));
                        false
                    });
                    if outgoing.queue.len() < before {
                        links.push((connection, LinkId { channel, handle }, outgoing.address.clone()));
                    }
                }
            }
        }
        for (from, settled) in given {
            if !settled {
                self.settle(from, 1, &Outcome::Released);
            }
            self.stall(from, false);
        }
        for (connection, link, address) in links {
            self.serve_queue(connection, link);
            self.try_drain(connection, link);
            self.kick(&address);
        }
    }
}
