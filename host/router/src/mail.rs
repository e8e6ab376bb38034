//! What workers tell each other: one batch for each pair, one wake-up for each batch.

use std::ops::Range;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use crosstie_amqp::session::DeliveryId;
use crosstie_amqp::{guard, raw};

use crate::address::{ConnectionRef, LinkRef, lock};

/// A session of one worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRef {
    /// The connection.
    pub connection: ConnectionRef,
    /// Our channel on it.
    pub channel: u16,
}

/// A delivery at the session that it came in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The session.
    pub session: SessionRef,
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
    /// Of the message, on the first piece.
    pub format: Option<u32>,
}

/// One message between workers.
#[derive(Debug)]
pub(crate) enum Mail {
    /// A piece of a delivery for an outgoing link; its bytes are in the batch's arena.
    Piece { to: LinkRef, head: PieceHead, payload: Range<usize> },
    /// Deliveries of an incoming session ended.
    Settle { to: Origin, count: u64, outcome: Outcome },
    /// Stop a session's peer from sending, or let it go on.
    Stall { to: SessionRef, stalled: bool },
    /// An address has credit again.
    Kick(u32),
    /// An address has other consumers.
    Changed(u32),
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
                Mail::Piece { to, head, payload } => {
                    let payload = payload.start.saturating_add(shift)..payload.end.saturating_add(shift);
                    Mail::Piece { to, head, payload }
                }
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
