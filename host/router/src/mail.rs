//! What workers tell each other: one batch for each pair, one wake-up for each batch.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use crosstie_amqp::session::DeliveryId;
use crosstie_amqp::{guard, raw};
use fe2o3_amqp_types::definitions::{AmqpError, Error};
use fe2o3_amqp_types::messaging::Rejected;

use crate::address::{ConnectionRef, LinkRef, lock};
use crate::confirmation::Unconfirmed;
use crate::routed::{Relayed, Wish};

/// A delivery at the session that it came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The connection.
    pub connection: ConnectionRef,
    /// Our channel on it.
    pub channel: u16,
    /// One of the copies of a multicast delivery.
    pub copy: bool,
    /// As the sender numbers it.
    pub id: DeliveryId,
}

/// How a delivery ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Settled without a state.
    None,
    /// accepted
    Accepted,
    /// released
    Released,
    /// modified, with delivery-failed; also for what is no outcome of AMQP 1.0
    Failed,
    /// rejected or modified with its details, encoded.
    Other(Bytes),
}

/// The four ways in which a delivery ends, from the best to the worst that a copy of it can make of the whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// released: nobody had it
    Released,
    /// modified: somebody may have had it
    Modified,
    /// accepted: somebody has it
    Accepted,
    /// rejected: somebody found it wrong
    Rejected,
}

impl Outcome {
    /// Reads a receiver's state.
    #[must_use]
    pub fn read(state: Option<&[u8]>) -> Self {
        match state {
            None => Self::None,
            Some(raw::ACCEPTED) => Self::Accepted,
            Some(raw::RELEASED) => Self::Released,
            Some(state) => match raw::state_code(state) {
                Some(raw::STATE_ACCEPTED) => Self::Accepted,
                Some(raw::STATE_RELEASED) => Self::Released,
                // a sender must be able to read what it is told: its codec is not the receiver's
                Some(raw::STATE_REJECTED | raw::STATE_MODIFIED) => {
                    guard::pass(state).map_or(Self::Failed, |state| Self::Other(state.into()))
                }
                _ => Self::Failed,
            },
        }
    }

    /// rejected, and why.
    #[must_use]
    pub fn rejected(condition: AmqpError, description: &str) -> Self {
        Self::refused(Error { condition: condition.into(), description: Some(description.to_owned()), info: None })
    }

    /// rejected, with this error.
    #[must_use]
    pub fn refused(error: Error) -> Self {
        let rejected = Rejected { error: Some(error) };
        serde_amqp::to_vec(&rejected).map_or(Self::Failed, |state| Self::Other(state.into()))
    }

    /// What it comes to. Settled without a state counts as accepted: the receiver has it.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self {
            Self::None | Self::Accepted => Verdict::Accepted,
            Self::Released => Verdict::Released,
            Self::Failed => Verdict::Modified,
            Self::Other(state) if raw::state_code(state) == Some(raw::STATE_REJECTED) => Verdict::Rejected,
            Self::Other(_) => Verdict::Modified,
        }
    }

    /// As it goes into a disposition.
    #[must_use]
    pub fn state(&self) -> Option<&[u8]> {
        match self {
            Self::None => None,
            Self::Accepted => Some(raw::ACCEPTED),
            Self::Released => Some(raw::RELEASED),
            Self::Failed => Some(raw::MODIFIED_FAILED),
            Self::Other(state) => Some(state),
        }
    }
}

/// What stands beside the bytes of a piece of a delivery.
#[derive(Debug, Clone, Copy)]
pub struct PieceHead {
    /// Where it came in.
    pub from: Origin,
    /// The delivery begins.
    pub first: bool,
    /// It goes on.
    pub more: bool,
    /// Settled by the sender.
    pub settled: bool,
    /// Given up by the sender.
    pub aborted: bool,
    /// Routers have annotated the message.
    pub annotated: bool,
    /// Of the message, on the first piece.
    pub format: Option<u32>,
}

/// One message between workers.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A piece of a delivery for an outgoing link; its bytes are in the batch's arena.
    Piece { to: LinkRef, head: PieceHead, payload: Range<usize> },
    /// A piece of a delivery for an end of a routed link; the whole transfer is in the batch's arena.
    Relayed { to: LinkRef, head: PieceHead, body: Range<usize> },
    /// An attach for a container.
    Route { container: ConnectionRef, wish: Box<Wish> },
    /// What one end of a routed link tells the other.
    Told { to: LinkRef, said: Relayed },
    /// What a receiver said of deliveries on a routed link.
    State { to: Origin, count: u64, settled: bool, state: Option<Bytes> },
    /// Deliveries on a routed link that their sender settled, by the ids of the sender's end.
    SettledBySender { to: LinkRef, range: (DeliveryId, DeliveryId), state: Option<Bytes> },
    /// Deliveries of an incoming session ended.
    Settle { to: Origin, count: u64, outcome: Outcome },
    /// Their receiver waits for us to settle them. Comes after the above.
    Wait { from: Origin, waiting: Unconfirmed },
    /// Their sender has been told.
    Confirm(Unconfirmed),
    /// Stop the peer of a delivery's session from sending, or let it go on.
    Stall { to: Origin, stalled: bool },
    /// Do not read this peer, or read it again.
    Hold { by: ConnectionRef, held: bool },
    /// Has this delivery, whose rest cannot come, begun at an outgoing link?
    Seek { to: LinkRef, from: Origin },
    /// It has.
    Sought(Origin),
    /// Give back what has not begun and holds up the session of this delivery.
    GiveBack(Origin),
    /// An address has credit again.
    Kick(u32),
    /// An address has its first consumer, or lost its last.
    Changed(u32, Change),
    /// A consumer drains: send it what waits at its address, and say so.
    Drain { address: u32, consumer: LinkRef },
    /// What waited on one worker is on its way to a consumer that drains.
    Drained(LinkRef),
}

/// What happened to the consumers of an address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// The first came.
    Came,
    /// The last went, and nothing was on its way to it.
    LeftIdle,
    /// The last went, and something was on its way to it.
    LeftBusy,
}

/// Messages from one worker to another.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    pub(crate) mail: Vec<Mail>,
    pub(crate) arena: Vec<u8>,
}

impl Batch {
    pub(crate) fn piece(&mut self, to: LinkRef, head: PieceHead, payload: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(payload);
        self.mail.push(Mail::Piece { to, head, payload: start..self.arena.len() });
    }

    pub(crate) fn relayed(&mut self, to: LinkRef, head: PieceHead, body: &[u8]) {
        let start = self.arena.len();
        self.arena.extend_from_slice(body);
        self.mail.push(Mail::Relayed { to, head, body: start..self.arena.len() });
    }
}

fn shifted(range: Range<usize>, by: usize) -> Range<usize> {
    range.start.saturating_add(by)..range.end.saturating_add(by)
}

/// Wakes a worker.
pub type Wake = Arc<dyn Fn() + Send + Sync>;

/// Where batches lie until their worker takes them.
pub struct Post {
    /// `boxes[to][from]`.
    boxes: Vec<Vec<Mutex<Batch>>>,
    wake: Vec<Wake>,
}

impl Post {
    /// One way of waking for each worker.
    #[must_use]
    pub fn new(wake: Vec<Wake>) -> Self {
        let workers = wake.len();
        let boxes = (0..workers).map(|_| (0..workers).map(|_| Mutex::default()).collect()).collect();
        Self { boxes, wake }
    }

    /// How many workers there are.
    #[must_use]
    pub fn workers(&self) -> u16 {
        u16::try_from(self.wake.len()).unwrap_or(u16::MAX)
    }

    /// Whether no mail waits to be taken.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.boxes.iter().flatten().all(|waiting| lock(waiting).mail.is_empty())
    }

    /// Hands a batch over and leaves an empty one. A batch that was not taken yet grows.
    pub(crate) fn send(&self, from: u16, to: u16, batch: &mut Batch) {
        let Some(slot) = self.boxes.get(usize::from(to)).and_then(|from_all| from_all.get(usize::from(from))) else {
            return;
        };
        let mut waiting = lock(slot);
        let fresh = waiting.mail.is_empty();
        if fresh {
            std::mem::swap(&mut *waiting, batch);
        } else {
            let shift = waiting.arena.len();
            waiting.arena.append(&mut batch.arena);
            waiting.mail.extend(batch.mail.drain(..).map(|mail| match mail {
                Mail::Piece { to, head, payload } => Mail::Piece { to, head, payload: shifted(payload, shift) },
                Mail::Relayed { to, head, body } => Mail::Relayed { to, head, body: shifted(body, shift) },
                other => other,
            }));
        }
        drop(waiting);
        if let Some(wake) = self.wake.get(usize::from(to)).filter(|_| fresh) {
            wake();
        }
    }

    /// Takes what lies there from one worker for another.
    pub(crate) fn take(&self, from: u16, to: u16, into: &mut Batch) {
        into.mail.clear();
        into.arena.clear();
        if let Some(slot) = self.boxes.get(usize::from(to)).and_then(|from_all| from_all.get(usize::from(from))) {
            std::mem::swap(&mut *lock(slot), into);
        }
    }
}

impl std::fmt::Debug for Post {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Post").field("workers", &self.wake.len()).finish_non_exhaustive()
    }
}
