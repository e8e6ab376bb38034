//! What is looked at now and then rather than for each delivery: rates, links without credit, deliveries that are stuck.
//! Source: the reference, 1.11 and 1.12.

use std::time::Duration;

use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;

use crate::counters::Counters;
use crate::lane::Lanes;
use crate::link::{Link, open_sessions};
use crate::runs::Runs;
use crate::shard::{Peer, Shard};

/// Between two looks.
pub const INTERVAL: Duration = Duration::from_secs(5);

/// A delivery that was not settled for longer is stuck.
const STUCK_SECONDS: u32 = 10;

/// What the looks at a link found.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Watch {
    /// Deliveries settled, when it was looked at last.
    settled: u64,
    /// Deliveries that came settled, when it was looked at last.
    presettled: u64,
    /// Deliveries settled in a second, between the last two looks.
    pub(crate) settled_per_second: u32,
    /// Its sender was without credit at every look from then on.
    without_credit: Option<u32>,
    /// It was an auto-link without a consumer and with credit at the last look.
    is_idle: bool,
    /// Deliveries that came before this second were counted as stuck where they were.
    looked_until: u32,
}

impl Watch {
    /// Says whether nothing was settled since the last look.
    fn look(&mut self, counters: &Counters, has_credit: bool, second: u32) -> bool {
        let is_quiet = self.is_quiet(counters);
        let settled = settled(counters);
        let rate = settled.saturating_sub(self.settled) / INTERVAL.as_secs();
        self.settled_per_second = u32::try_from(rate).unwrap_or(u32::MAX);
        (self.settled, self.presettled) = (settled, counters.presettled);
        self.without_credit = if has_credit { None } else { self.without_credit.or(Some(second)) };
        is_quiet
    }

    /// Whether nothing was settled since the last look.
    pub(crate) fn is_quiet(&self, counters: &Counters) -> bool {
        settled(counters) == self.settled
    }

    /// Whether something came settled since the last look: nothing else tells that more is in flight.
    pub(crate) const fn streams(&self, counters: &Counters) -> bool {
        counters.presettled != self.presettled
    }

    /// For how long the sender has been without credit, as far as looks tell.
    pub(crate) fn zero_credit_seconds(&self, second: u32) -> u32 {
        self.without_credit.map_or(0, |since| second.saturating_sub(since))
    }
}

/// Deliveries that ended.
fn settled(counters: &Counters) -> u64 {
    let ended = [counters.accepted, counters.rejected, counters.released, counters.modified, counters.presettled];
    ended.into_iter().fold(0_u64, u64::saturating_add)
}

impl Shard {
    /// Looks at all links. To be called each [`INTERVAL`].
    pub fn look(&mut self, now: Time) {
        self.now = now;
        let second = self.second();
        let (mut idle, mut relieved) = (Vec::new(), Vec::new());
        for (at, peer) in self.peers_mut() {
            let Looked { idle: of_peer, starved } = look_at(peer, second);
            idle.extend(of_peer.into_iter().map(|link| (at, link)));
            if !starved.is_empty() {
                starved.into_iter().for_each(|link| peer.relieve(link));
                relieved.push(at);
            }
        }
        for (at, link) in idle {
            self.withdraw(at, link);
        }
        relieved.into_iter().for_each(|at| self.mark(at));
        self.look_for_jams();
    }
}

/// What a look at a peer found.
#[derive(Debug, Default)]
struct Looked {
    /// Auto-links whose credit may go.
    idle: Vec<LinkId>,
    /// Incoming links whose capacity is used up by what a consumer has and does not settle, though it has credit for more.
    starved: Vec<LinkId>,
}

impl Peer {
    /// Lets a sender go on whose consumer may wait for more before it settles.
    fn relieve(&mut self, link: LinkId) {
        let room = self.meta.unsettled_max.saturating_sub(self.reserved);
        let Some(incoming) = self.session(link.channel).and_then(|session| session.incoming(link.handle)) else {
            return;
        };
        let before = incoming.capacity.get();
        incoming.capacity.relieve(incoming.held, room);
        let (now, held) = (incoming.capacity.get(), incoming.held);
        self.reserved = self.reserved.saturating_sub(before).saturating_add(now);
        let credit = now.saturating_sub(held);
        if credit > 0 {
            self.amqp.grant(link, credit);
        }
    }
}

/// Auto-links are idle whose credit may go: they had some, and no consumer, at two looks, and nothing was settled between them.
/// What is taken back from one that works may be less than what is in flight, and brokers that are made of Proton-J then send
/// without an end; one that rests when its last consumer goes does not wait for a look.
fn look_at(peer: &mut Peer, second: u32) -> Looked {
    let Looked { mut idle, mut starved } = Looked::default();
    let Peer { amqp, sessions, .. } = peer;
    amqp.out.rest();
    for (channel, session) in open_sessions(sessions) {
        let horizon = second.saturating_sub(STUCK_SECONDS);
        let came = stuck(&session.received, horizon, |received| (received.handle, received.second));
        let went = stuck(&session.sent, horizon, |sent| (sent.handle, sent.second));
        let relayed = stuck(&session.relayed, horizon, |sent| (sent.handle, sent.second));
        for (handle, link) in (0_u32..).zip(&mut session.links) {
            let (mut awaits_consumer, mut may_starve) = (false, false);
            let (watch, counters, credit, old) = match link {
                Some(Link::Incoming(link)) => {
                    awaits_consumer = link.auto_link.is_some() && !link.is_open;
                    may_starve = link.is_open && link.held > 0 && link.waiting_bytes == 0;
                    may_starve &= matches!(&link.lanes, Lanes::One(lane) if !lane.lacks_credit());
                    (&mut link.watch, &mut link.counters, amqp.credit_left(LinkId { channel, handle }), &came)
                }
                Some(Link::Outgoing(link)) => (&mut link.watch, &mut link.counters, link.credit.left(), &went),
                Some(Link::Routed(end)) => {
                    let old = if end.receives { &came } else { &relayed };
                    (&mut end.watch, &mut end.counters, amqp.credit_left(LinkId { channel, handle }), old)
                }
                _ => continue,
            };
            let is_quiet = watch.look(counters, credit > 0, second);
            let was_idle = std::mem::replace(&mut watch.is_idle, awaits_consumer && credit > 0);
            if was_idle && watch.is_idle && is_quiet {
                idle.push(LinkId { channel, handle });
            }
            if may_starve && credit == 0 && is_quiet {
                starved.push(LinkId { channel, handle });
            }
            let fresh = old.iter().filter(|(of, since, _)| *of == handle && *since >= watch.looked_until);
            counters.stuck = fresh.fold(counters.stuck, |sum, (_, _, count)| sum.saturating_add(*count));
            watch.looked_until = horizon;
        }
    }
    Looked { idle, starved }
}

/// Runs that began before the horizon: handle, second, count.
fn stuck<T: crate::runs::Origin>(runs: &Runs<T>, horizon: u32, of: impl Fn(&T) -> (u32, u32)) -> Vec<(u32, u32, u64)> {
    let old = runs.iter().map(|run| (of(&run.origin), run.count)).filter(|((_, second), _)| *second < horizon);
    old.map(|((handle, second), count)| (handle, second, count)).collect()
}
