//! What routing knows of a session and its links; `crosstie-amqp` knows the rest.

use std::collections::VecDeque;
use std::sync::Arc;

use crosstie_amqp::connection::LinkFlow;
use crosstie_amqp::serial::Serial;
use crosstie_amqp::session::DeliveryId;
use crosstie_model::quota::Held;
use crosstie_model::trail::Step;
use fe2o3_amqp_types::performatives::Attach;
use smallvec::SmallVec;

use crate::address::{Address, Consumer, LinkRef};
use crate::auto_links::AutoLinkId;
use crate::buffered::{Gathered, Kept};
use crate::capacity::Capacity;
use crate::counters::Counters;
use crate::credit::{Credit, Gate};
use crate::lane::{Lane, LaneId, Lanes};
use crate::mail::{Origin, Outcome, PieceHead};
use crate::message_log::Heads;
use crate::naming::Naming;
use crate::routed::Routed;
use crate::runs::{self, Runs};
use crate::tally::Tallies;
use crate::watch::Watch;

/// A session.
#[derive(Debug, Default)]
pub(crate) struct Session {
    pub(crate) links: Vec<Option<Link>>,
    /// Unsettled deliveries that we sent.
    pub(crate) sent: Runs<Sent>,
    /// Unsettled deliveries that we sent on routed links.
    pub(crate) relayed: Runs<Sent>,
    /// Unsettled deliveries that came in.
    pub(crate) received: Runs<Received>,
    /// Of those that came in, the ones that went out in copies.
    pub(crate) tallies: Tallies,
    /// Settled deliveries that the sender has not heard of, neighbours with one outcome.
    pub(crate) settling: Option<Settling>,
    /// Deliveries that hold up this session because their consumers do not take them.
    pub(crate) stalls: u32,
    /// Where its window ended when it was last looked at, and found held up with its window used up.
    pub(crate) shut: Option<Serial>,
    /// Shared with the credit of its consumers.
    pub(crate) gate: Gate,
    /// Outgoing links with something in their queue, each once.
    pub(crate) queued: Vec<u32>,
    /// Of messages that are to be logged.
    pub(crate) heads: Heads,
    /// What policy counts while it is there.
    pub(crate) held: Held,
    /// It ends, or its connection does, and has taken what was on its way from its consumers before they go one by one.
    pub(crate) ends_busy: bool,
}

impl Session {
    /// Whether something is on its way to its consumers.
    pub(crate) fn is_busy(&self) -> bool {
        !self.sent.is_empty() || !self.queued.is_empty()
    }

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
        self.heads.forget(handle);
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

/// The sessions of a connection that there are, by channel.
pub(crate) fn open_sessions(sessions: &mut [Option<Session>]) -> impl Iterator<Item = (u16, &mut Session)> {
    (0..).zip(sessions).filter_map(|(channel, session)| Some((channel, session.as_mut()?)))
}

/// Neighbours that end alike.
#[derive(Debug)]
pub(crate) struct Settling {
    pub(crate) first: DeliveryId,
    pub(crate) last: DeliveryId,
    pub(crate) outcome: Outcome,
}

/// Where a delivery that we sent came in, the link that it went out by, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) from: Origin,
    pub(crate) handle: u32,
    /// Second of the clock.
    pub(crate) second: u32,
}

impl runs::Origin for Sent {
    fn after(self, steps: u64) -> Self {
        let id = self.from.id.saturating_add(steps);
        Self { from: Origin { id, ..self.from }, ..self }
    }

    fn is_followed_by(self, next: Self) -> bool {
        self.handle == next.handle
            && self.second == next.second
            && self.from.id.saturating_add(1) == next.from.id
            && Origin { id: next.from.id, ..self.from } == next.from
    }
}

/// The link that a delivery came in by, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Received {
    pub(crate) handle: u32,
    /// Second of the clock.
    pub(crate) second: u32,
}

impl runs::Origin for Received {
    fn after(self, _: u64) -> Self {
        self
    }

    fn is_followed_by(self, next: Self) -> bool {
        self.handle == next.handle && self.second == next.second
    }
}

/// One link.
#[derive(Debug)]
pub(crate) enum Link {
    /// The peer asked for it, and policy has not answered.
    Asking(Box<Asking>),
    /// An auto-link that the peer has not answered.
    Attaching(AutoLinkId),
    Incoming(Box<Incoming>),
    Outgoing(Box<Outgoing>),
    /// One end of a link that goes on at another connection.
    Routed(Box<Routed>),
}

impl Link {
    /// The auto-link that it is.
    pub(crate) const fn auto_link(&self) -> Option<AutoLinkId> {
        match self {
            Self::Attaching(auto_link) => Some(*auto_link),
            Self::Incoming(incoming) => incoming.auto_link,
            Self::Outgoing(outgoing) => outgoing.auto_link,
            Self::Asking(_) | Self::Routed(_) => None,
        }
    }
}

/// All of an attach that may be carried to a container.
#[derive(Debug)]
pub(crate) struct Whole {
    /// The name by which a link route covers it.
    pub(crate) covered: Option<String>,
    pub(crate) bytes: Box<[u8]>,
}

/// A peer's attach that waits for an answer.
#[derive(Debug)]
pub(crate) struct Asking {
    pub(crate) serial: u32,
    pub(crate) attach: Attach,
    /// Where it may be carried to a container.
    pub(crate) whole: Option<Whole>,
    /// What the peer said of its credit in the meantime.
    pub(crate) flow: Option<LinkFlow>,
}

/// Where the rest of the delivery that is arriving goes.
#[derive(Debug)]
pub(crate) enum Route {
    /// Nobody knows yet: its head is not complete. The frames so far.
    Unknown(Gathered),
    /// To a consumer.
    To(LinkRef),
    /// To each of these.
    Fan(Arc<[Consumer]>),
    /// To the end of its lane's queue.
    Wait,
    /// To the management node: the message so far.
    Node(Gathered),
    /// Nowhere: it has ended.
    Void,
}

/// A delivery whose last frame is still to come.
#[derive(Debug)]
pub(crate) struct Arriving {
    pub(crate) id: DeliveryId,
    pub(crate) lane: LaneId,
    pub(crate) route: Route,
    /// Its sender settled it before it began, and it has not been counted as ended.
    pub(crate) presettled: bool,
    /// Routers have annotated it.
    pub(crate) annotated: bool,
    pub(crate) format: Option<u32>,
    pub(crate) bytes: u64,
}

/// How a delivery ended before its last frame came. Proton-J never sends the rest of what its peer has settled, and
/// its link then stands still for ever.
#[derive(Debug)]
pub(crate) struct Early {
    pub(crate) id: DeliveryId,
    pub(crate) outcome: Outcome,
}

/// A link on which the peer sends.
#[derive(Debug)]
pub(crate) struct Incoming {
    /// Unique in this process.
    pub(crate) id: u64,
    pub(crate) serial: u32,
    pub(crate) name: Arc<str>,
    pub(crate) lanes: Lanes,
    pub(crate) auto_link: Option<AutoLinkId>,
    /// What policy counts while it is there, and why it was let in.
    pub(crate) kept: Held,
    /// Credit and unsettled deliveries together.
    pub(crate) capacity: Capacity,
    /// Deliveries that came and have not ended.
    pub(crate) held: u32,
    /// The peer has credit because there is a consumer.
    pub(crate) is_open: bool,
    /// The session knows that credit may be due.
    pub(crate) touched: bool,
    /// The sender's credit is used up, and nothing waits: any credit is worth a frame.
    pub(crate) ran_dry: bool,
    /// Router annotations go.
    pub(crate) strips: bool,
    pub(crate) message_max_bytes: Option<u64>,
    /// Whose answer set that; absent: no plugin's.
    pub(crate) message_max_by: Option<Arc<Step>>,
    pub(crate) arriving: Option<Arriving>,
    /// Policy is asked about the address of a delivery.
    pub(crate) naming: Option<Box<Naming>>,
    /// It has ended, and its sender hears of it when all of it has come.
    pub(crate) early: Option<Early>,
    /// Of all lanes.
    pub(crate) waiting_bytes: usize,
    /// This link holds up its session.
    pub(crate) stalls: bool,
    pub(crate) counters: Counters,
    pub(crate) watch: Watch,
}

impl Incoming {
    pub(crate) fn lane(&mut self, lane: LaneId) -> Option<&mut Lane> {
        self.lanes.get_mut(lane)
    }

    /// Whether its sender has nothing on its way, as far as can be told.
    pub(crate) fn rests(&self) -> bool {
        self.held == 0 && self.arriving.is_none() && self.watch.is_quiet(&self.counters)
    }
}

/// A delivery that waits for a consumer with credit.
#[derive(Debug)]
pub(crate) struct Waiting {
    pub(crate) head: PieceHead,
    pub(crate) pieces: SmallVec<[Piece; 1]>,
}

impl Waiting {
    pub(crate) fn bytes(&self) -> usize {
        self.pieces.iter().map(|piece| piece.kept.bytes()).sum()
    }
}

/// A piece of a delivery that could not be written yet.
#[derive(Debug)]
pub(crate) struct Piece {
    pub(crate) head: PieceHead,
    pub(crate) kept: Kept,
}

/// A link on which the peer receives.
#[derive(Debug)]
pub(crate) struct Outgoing {
    /// Unique in this process.
    pub(crate) id: u64,
    pub(crate) serial: u32,
    pub(crate) name: Arc<str>,
    pub(crate) address: Arc<Address>,
    pub(crate) auto_link: Option<AutoLinkId>,
    /// What policy counts while it is there, and why it was let in.
    pub(crate) kept: Held,
    pub(crate) credit: Arc<Credit>,
    /// The delivery whose last piece is still to be written.
    pub(crate) current: Option<Current>,
    /// Deliveries with pieces that could not be written yet; the current one first.
    pub(crate) queue: VecDeque<Queued>,
    /// It stands among those of its session.
    pub(crate) listed: bool,
    /// The peer wants its credit back: workers whose waiting deliveries are still to come.
    pub(crate) draining: Option<Draining>,
    /// Every delivery is sent settled, because the peer asked for that.
    pub(crate) settles: bool,
    /// Messages get router annotations, with this as our name; absent: they lose theirs.
    pub(crate) annotates: Option<Arc<str>>,
    /// Presettled copies that wait at most.
    pub(crate) capacity: u32,
    pub(crate) counters: Counters,
    pub(crate) watch: Watch,
}

/// A delivery of which some is written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Current {
    pub(crate) from: Origin,
    /// Settled before it began.
    pub(crate) presettled: bool,
}

/// A receiver's credit on its way back.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Draining {
    /// Workers that have not said that they sent what waited.
    pub(crate) workers: u32,
}

/// A delivery in the queue of an outgoing link.
#[derive(Debug)]
pub(crate) struct Queued {
    pub(crate) from: Origin,
    pub(crate) pieces: VecDeque<Piece>,
    pub(crate) bytes: usize,
    /// Its session was told to stop.
    pub(crate) stalls: bool,
    /// It has the credit that it takes.
    pub(crate) claimed: bool,
}

impl Queued {
    /// Its first piece, while nothing of it is written.
    pub(crate) fn beginning(&self) -> Option<&PieceHead> {
        self.pieces.front().map(|piece| &piece.head).filter(|head| head.first)
    }
}
