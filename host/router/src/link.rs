//! What routing knows of a session and its links; `crosstie-amqp` knows the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use crosstie_amqp::session::DeliveryId;
use crosstie_model::settings::LinkCapacity;
use fe2o3_amqp_types::performatives::Attach;

use crate::address::{Address, Consumer, LinkRef};
use crate::credit::Credit;
use crate::mail::{Origin, Outcome, PieceHead};
use crate::runs::{self, Runs};

/// A session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) links: Vec<Option<Link>>,
    /// Unsettled deliveries that we sent.
    pub(crate) sent: Runs<Sent>,
    /// Unsettled deliveries that came in.
    pub(crate) received: Runs<Received>,
    /// Settled deliveries that the sender has not heard of, neighbours with one outcome.
    pub(crate) settling: Option<Settling>,
    /// Deliveries that hold up this session because their consumers do not take them.
    pub(crate) stalls: u32,
}

impl Session {
    pub(crate) fn link(&self, handle: u32) -> Option<&Link> {
        self.links.get(usize::try_from(handle).ok()?)?.as_ref()
    }

    pub(crate) fn link_mut(&mut self, handle: u32) -> Option<&mut Link> {
        self.links.get_mut(usize::try_from(handle).ok()?)?.as_mut()
    }

    pub(crate) fn set(&mut self, handle: u32, link: Link) {
        let Ok(at) = usize::try_from(handle) else {
            return;
        };
        if self.links.len() <= at {
            self.links.resize_with(at.saturating_add(1), || None);
        }
        if let Some(slot) = self.links.get_mut(at) {
            *slot = Some(link);
        }
    }

    pub(crate) fn remove(&mut self, handle: u32) -> Option<Link> {
        self.links.get_mut(usize::try_from(handle).ok()?)?.take()
    }

    pub(crate) fn incoming(&mut self, handle: u32) -> Option<&mut Incoming> {
        match self.link_mut(handle)? {
            Link::Incoming(incoming) => Some(incoming),
            _ => None,
        }
    }

    pub(crate) fn outgoing(&mut self, handle: u32) -> Option<&mut Outgoing> {
        match self.link_mut(handle)? {
            Link::Outgoing(outgoing) => Some(outgoing),
            _ => None,
        }
    }
}

/// Neighbours that end alike.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) first: DeliveryId,
    pub(crate) last: DeliveryId,
    pub(crate) outcome: Outcome,
}

/// Where a delivery that we sent came in, and the link that it went out by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) from: Origin,
    pub(crate) handle: u32,
}

impl runs::Origin for Sent {
    fn after(self, steps: u64) -> Self {
        let id = self.from.id.saturating_add(steps);
        Self { from: Origin { id, ..self.from }, ..self }
    }

    fn is_followed_by(self, next: Self) -> bool {
        self.handle == next.handle
            && self.from.session == next.from.session
            && self.from.id.saturating_add(1) == next.from.id
    }
}

/// The link that a delivery came in by.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) handle: u32,
}

impl runs::Origin for Received {
    fn after(self, _: u64) -> Self {
        self
    }

    fn is_followed_by(self, next: Self) -> bool {
        self.handle == next.handle
    }
}

/// One link.
#[derive(Debug)]
pub(crate) enum Link {
    /// The peer asked for it, and policy has not answered.
    Asking(Box<Attach>),
    /// An auto-link that the peer has not answered.
    Attaching(AutoLinkId),
    Incoming(Box<Incoming>),
    Outgoing(Box<Outgoing>),
}

/// The place of an auto-link in the configuration.
pub(crate) type AutoLinkId = usize;

/// Where the rest of the delivery that is arriving goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Route {
    /// None is arriving.
    Idle,
    /// To a consumer.
    To(LinkRef),
    /// To the end of `waiting`.
    Wait,
    /// Nowhere: it has ended.
    Void,
}

/// A link on which the peer sends.
#[derive(Debug)]
pub(crate) struct Incoming {
    pub(crate) address: Arc<Address>,
    pub(crate) auto_link: Option<AutoLinkId>,
    version: u32,
    pub(crate) consumers: Arc<[Consumer]>,
    /// Where the search for a consumer starts.
    turn: usize,
    /// Credit and unsettled deliveries together; grows while the link runs dry.
    pub(crate) capacity: LinkCapacity,
    /// Deliveries that came and have not ended.
    pub(crate) held: u32,
    /// The peer has credit because there is a consumer.
    pub(crate) is_open: bool,
    /// The session knows that credit may be due.
    pub(crate) touched: bool,
    pub(crate) route: Route,
    pub(crate) arriving: Option<DeliveryId>,
    pub(crate) waiting: VecDeque<Waiting>,
    pub(crate) waiting_bytes: usize,
    /// This link holds up its session.
    pub(crate) stalls: bool,
}

impl Incoming {
    pub(crate) fn new(address: Arc<Address>, capacity: LinkCapacity, auto_link: Option<AutoLinkId>) -> Self {
        let (version, consumers) = address.consumers();
        Self {
            address,
            auto_link,
            version,
            consumers,
            turn: 0,
            capacity,
            held: 0,
            is_open: false,
            touched: false,
            route: Route::Idle,
            arriving: None,
            waiting: VecDeque::new(),
            waiting_bytes: 0,
            stalls: false,
        }
    }

    /// Brings the list of consumers up to date.
    pub(crate) fn refresh(&mut self) {
        if self.address.version() != self.version {
            (self.version, self.consumers) = self.address.consumers();
        }
    }

    /// Claims credit of the consumer with the fewest outstanding deliveries.
    pub(crate) fn pick(&mut self) -> Option<LinkRef> {
        if let [only] = &*self.consumers {
            return only.credit.claim().then_some(only.at);
        }
        let count = self.consumers.len();
        // each failed claim is another worker's success, which leaves less to fail on
        for _ in 0..count {
            let order = (0..count).map(|step| self.turn.wrapping_add(step).checked_rem(count).unwrap_or(0));
            let best = order
                .filter_map(|at| self.consumers.get(at).map(|consumer| (at, consumer)))
                .filter(|(_, consumer)| consumer.credit.is_available())
                .min_by_key(|(_, consumer)| consumer.credit.outstanding());
            let (at, consumer) = best?;
            if consumer.credit.claim() {
                self.turn = at.wrapping_add(1);
                return Some(consumer.at);
            }
        }
        None
    }
}

/// A delivery that waits for a consumer with credit.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) head: PieceHead,
    pub(crate) pieces: VecDeque<Piece>,
}

/// A piece of a delivery that could not be written yet.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) head: PieceHead,
    pub(crate) payload: Bytes,
}

/// A link on which the peer receives.
#[derive(Debug)]
pub(crate) struct Outgoing {
    pub(crate) address: Arc<Address>,
    pub(crate) auto_link: Option<AutoLinkId>,
    pub(crate) credit: Arc<Credit>,
    /// The delivery whose last piece is still to be written.
    pub(crate) current: Option<Origin>,
    /// Deliveries with pieces that could not be written yet; the current one first.
    pub(crate) queue: VecDeque<Queued>,
    /// The peer wants its credit back when nothing is left to send.
    pub(crate) draining: bool,
}

impl Outgoing {
    pub(crate) const fn new(address: Arc<Address>, credit: Arc<Credit>, auto_link: Option<AutoLinkId>) -> Self {
        Self { address, auto_link, credit, current: None, queue: VecDeque::new(), draining: false }
    }
}

/// A delivery in the queue of an outgoing link.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) from: Origin,
    pub(crate) pieces: VecDeque<Piece>,
    pub(crate) bytes: usize,
    /// Its session was told to stop.
    pub(crate) stalls: bool,
}
