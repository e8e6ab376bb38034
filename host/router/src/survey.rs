//! What a worker can say about its links, for management.

use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::facts::{LinkFacts, OutcomeCounts};
use crosstie_model::settings::Direction;
use crosstie_model::trail::Trail;

use crate::address::ConnectionRef;
use crate::auto_links::AutoLinkId;
use crate::counters::{Counters, Past};
use crate::lane::Lanes;
use crate::link::{Incoming, Link, Outgoing};
use crate::routed::Routed;
use crate::shard::{Peer, Shard};

/// A link of this worker.
#[derive(Debug)]
pub struct LinkRow {
    /// Where it is.
    pub connection: ConnectionRef,
    /// The auto-link that it is.
    pub auto_link: Option<AutoLinkId>,
    /// What there is to say; the id of the connection is not known here.
    pub facts: LinkFacts,
}

/// What a worker says.
#[derive(Debug, Default)]
pub struct Survey {
    /// Its links.
    pub links: Vec<LinkRow>,
    /// Auto-links that have no link.
    pub auto_links: Vec<(AutoLinkId, Unattached)>,
    /// What links that are gone have carried.
    pub past: Past,
}

/// Why an auto-link that has a connection has no link there.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unattached {
    /// The peer detached it; it is attached again later.
    Failed,
    /// The peer has not answered.
    Attaching,
}

/// The counts in the words of management.
#[must_use]
pub fn outcomes(counters: &Counters) -> OutcomeCounts {
    OutcomeCounts {
        presettled: counters.presettled,
        dropped_presettled: counters.dropped_presettled,
        accepted: counters.accepted,
        rejected: counters.rejected,
        released: counters.released,
        modified: counters.modified,
        delayed_1s: counters.delayed_1_s,
        delayed_10s: counters.delayed_10_s,
        stuck: counters.stuck,
    }
}

impl Shard {
    /// Says what there is now.
    #[must_use]
    pub fn survey(&self) -> Survey {
        let second = self.second();
        let (mut links, mut auto_links) = (Vec::new(), Vec::new());
        for (connection, peer) in self.peers().filter(|(at, _)| Some(*at) != self.voice()) {
            for (link, row) in rows(peer, second) {
                links.push(LinkRow { connection, auto_link: link.auto_link(), facts: row });
            }
            auto_links.extend(unattached(peer));
        }
        Survey { links, auto_links, past: self.past }
    }
}

impl Peer {
    /// When this connection last carried a delivery.
    #[must_use]
    pub const fn last_delivery(&self) -> Option<Time> {
        self.last_delivery
    }
}

/// The auto-links of a connection that are to be attached, or are not answered.
fn unattached(peer: &Peer) -> impl Iterator<Item = (AutoLinkId, Unattached)> {
    let waiting = peer.auto_links.iter().map(|retry| retry.auto_link);
    let waiting = waiting.map(|id| {
        let failed = peer.auto_failed.contains(&id);
        (id, if failed { Unattached::Failed } else { Unattached::Attaching })
    });
    let links = peer.sessions.iter().flatten().flat_map(|session| session.links.iter().flatten());
    let asked = links.filter_map(|link| match link {
        Link::Attaching(id) => Some((*id, Unattached::Attaching)),
        _ => None,
    });
    waiting.chain(asked)
}

fn rows(peer: &Peer, second: u32) -> impl Iterator<Item = (&Link, LinkFacts)> {
    let sessions = (0_u16..).zip(&peer.sessions).filter_map(|(channel, session)| Some((channel, session.as_ref()?)));
    sessions.flat_map(move |(channel, session)| {
        (0_u32..).zip(&session.links).filter_map(move |(handle, link)| {
            let link = link.as_ref()?;
            let facts = match link {
                Link::Incoming(incoming) => {
                    incoming_row(incoming, peer.amqp.credit_left(LinkId { channel, handle }), second)
                }
                Link::Outgoing(outgoing) => outgoing_row(outgoing, second),
                Link::Routed(end) => routed_row(end, peer.amqp.credit_left(LinkId { channel, handle }), second),
                Link::Asking(_) | Link::Attaching(_) => return None,
            };
            Some((link, facts))
        })
    })
}

fn incoming_row(link: &Incoming, credit: u32, second: u32) -> LinkFacts {
    let address_key = match &link.lanes {
        Lanes::One(lane) => Some(lane.address.key.to_string()),
        Lanes::Anonymous(_) => None,
        Lanes::Node => Some(format!("L{}", crate::name::NODE)),
    };
    let waiting: usize = link.lanes.iter().map(|(_, lane)| lane.waiting.len()).sum();
    LinkFacts {
        direction: Direction::In,
        address_key,
        undelivered: u64::try_from(waiting).unwrap_or(u64::MAX),
        unsettled: link.held.into(),
        capacity: link.capacity.get(),
        credit,
        zero_credit_seconds: link.watch.zero_credit_seconds(second),
        settled_per_second: link.watch.settled_per_second,
        trail: link.kept.trail.clone(),
        ..row((link.id, &link.name, &link.counters))
    }
}

fn outgoing_row(link: &Outgoing, second: u32) -> LinkFacts {
    LinkFacts {
        direction: Direction::Out,
        address_key: Some(link.address.key.to_string()),
        undelivered: u64::try_from(link.queue.len()).unwrap_or(u64::MAX),
        unsettled: link.credit.outstanding().into(),
        capacity: link.capacity,
        credit: link.credit.left(),
        zero_credit_seconds: link.watch.zero_credit_seconds(second),
        settled_per_second: link.watch.settled_per_second,
        trail: link.kept.trail.clone(),
        ..row((link.id, &link.name, &link.counters))
    }
}

fn routed_row(end: &Routed, credit: u32, second: u32) -> LinkFacts {
    LinkFacts {
        direction: if end.receives { Direction::In } else { Direction::Out },
        address_key: Some(end.key.to_string()),
        undelivered: u64::try_from(end.queue.len()).unwrap_or(u64::MAX),
        credit,
        zero_credit_seconds: end.watch.zero_credit_seconds(second),
        settled_per_second: end.watch.settled_per_second,
        trail: end.trail(),
        ..row((end.id, &end.name, &end.counters))
    }
}

fn row((id, name, counters): (u64, &str, &Counters)) -> LinkFacts {
    LinkFacts {
        id,
        connection_id: 0,
        name: name.to_owned(),
        kind: "endpoint",
        direction: Direction::In,
        address_key: None,
        capacity: 0,
        peer_id: None,
        undelivered: 0,
        unsettled: 0,
        deliveries: counters.deliveries,
        status: "up",
        outcomes: outcomes(counters),
        ingress_histogram: None,
        priority: 0,
        settled_per_second: 0,
        credit: 0,
        zero_credit_seconds: 0,
        trail: Trail::default(),
    }
}
