//! Messages through a link: one end that sends as fast as it has credit, one that receives and accepts.

use std::io::{Error, ErrorKind, Result};
use std::time::{Duration, Instant};

use crosstie_amqp::frame::Frame;
use crosstie_amqp::raw::{self, Disposition, Flow, Transfer, TransferHead};

use crate::peer::{Peer, WINDOW_FRAMES};
use crate::wire::Wire;

/// Bytes that wait for the socket before more is made.
const AHEAD_BYTES: usize = 256 << 10;

/// Deliveries that a receiver gives credit for.
const CREDIT: u32 = 1000;

/// How long nothing may happen.
const SILENCE: Duration = Duration::from_secs(10);

/// What goes through one link.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Task {
    pub(crate) count: u32,
    pub(crate) size_bytes: usize,
    pub(crate) settled: bool,
}

/// The end that sends.
pub(crate) struct Sender {
    task: Task,
    message: Vec<u8>,
    /// Bytes of a message in one frame.
    part_bytes: usize,
    /// Of the message that is being sent.
    offset: usize,
    sent: u32,
    credit_until: u32,
    frames: u32,
    frames_until: u32,
    accepted: u32,
}

/// The end that receives.
pub(crate) struct Receiver {
    task: Task,
    received: u32,
    bytes: usize,
    frames: u32,
    /// The deliveries that are not accepted yet.
    owed: Option<(u32, u32)>,
    /// The delivery whose last frame has not come.
    current: u32,
    credit_from: u32,
}

/// What each end does with frames, and with the room to write.
pub(crate) trait End {
    fn handle(&mut self, frame: &Frame<'_>) -> Result<()>;
    fn fill(&mut self, wire: &mut Wire);
    fn is_done(&self) -> bool;
}

/// Runs one end until it is done.
pub(crate) fn run(peer: &mut Peer, end: &mut impl End) -> Result<()> {
    run_until(peer, end, End::is_done)
}

/// Runs one end until that is so, and all of it is written.
pub(crate) fn run_until<E: End>(peer: &mut Peer, end: &mut E, is_done: impl Fn(&E) -> bool) -> Result<()> {
    let wire = &mut peer.wire;
    let mut heard = Instant::now();
    while !is_done(end) || wire.unwritten() > 0 {
        let mut any = wire.read()?;
        while let Some(frame) = wire.next()? {
            end.handle(&frame)?;
        }
        end.fill(wire);
        any |= wire.write()?;
        if any {
            heard = Instant::now();
        } else if heard.elapsed() > SILENCE {
            return Err(ErrorKind::TimedOut.into());
        } else if !is_done(end) || wire.unwritten() > 0 {
            wire.wait(Duration::from_millis(200))?;
        }
    }
    Ok(())
}

impl Sender {
    pub(crate) fn new(peer: &Peer, task: Task) -> Result<Self> {
        let size = u32::try_from(task.size_bytes).map_err(Error::other)?;
        let mut message = vec![0x00, 0x53, 0x75, 0xb0];
        message.extend_from_slice(&size.to_be_bytes());
        message.resize(message.len().saturating_add(task.size_bytes), b'x');
        let part_bytes = peer.frame_max_bytes.saturating_sub(raw::HEAD_BYTES).max(1);
        Ok(Self {
            task,
            message,
            part_bytes,
            offset: 0,
            sent: 0,
            credit_until: 0,
            frames: 0,
            frames_until: peer.window,
            accepted: 0,
        })
    }

    /// How many there are to be, from here on.
    pub(crate) const fn set_count(&mut self, count: u32) {
        self.task.count = count;
    }

    pub(crate) const fn has_sent(&self) -> bool {
        self.sent == self.task.count
    }

    fn may_send(&self) -> bool {
        let credit = self.offset > 0 || (self.sent < self.task.count && self.sent < self.credit_until);
        credit && self.frames < self.frames_until
    }
}

impl End for Sender {
    fn handle(&mut self, frame: &Frame<'_>) -> Result<()> {
        match raw::code(frame.body).map(|(code, _)| code) {
            Some(raw::FLOW) => {
                let flow = Flow::decode(frame.body).map_err(Error::other)?;
                self.frames_until = flow.next_incoming_id.unwrap_or(0).saturating_add(flow.incoming_window);
                if let Some(credit) = flow.link_credit {
                    self.credit_until = flow.delivery_count.unwrap_or(0).saturating_add(credit);
                }
            }
            Some(raw::DISPOSITION) => {
                let said = Disposition::decode(frame.body).map_err(Error::other)?;
                if said.state.and_then(raw::state_code) != Some(raw::STATE_ACCEPTED) {
                    return Err(Error::other(format!("delivery {} is not accepted", said.first)));
                }
                let count = said.last.unwrap_or(said.first).saturating_sub(said.first).saturating_add(1);
                self.accepted = self.accepted.saturating_add(count);
            }
            _ => ended(frame)?,
        }
        Ok(())
    }

    fn fill(&mut self, wire: &mut Wire) {
        while self.may_send() && wire.unwritten() < AHEAD_BYTES {
            let rest = self.message.get(self.offset..).unwrap_or_default();
            let part = rest.get(..self.part_bytes).unwrap_or(rest);
            let is_first = self.offset == 0;
            let head = TransferHead {
                handle: 0,
                delivery_id: is_first.then_some(self.sent),
                message_format: is_first.then_some(0),
                settled: self.task.settled,
                more: part.len() < rest.len(),
                aborted: false,
            };
            head.write(&mut wire.out, 0, part);
            self.frames = self.frames.saturating_add(1);
            if head.more {
                self.offset = self.offset.saturating_add(part.len());
            } else {
                (self.offset, self.sent) = (0, self.sent.saturating_add(1));
            }
        }
    }

    fn is_done(&self) -> bool {
        self.has_sent() && (self.task.settled || self.accepted == self.sent)
    }
}

impl Receiver {
    pub(crate) const fn new(task: Task) -> Self {
        Self { task, received: 0, bytes: 0, frames: 0, owed: None, current: 0, credit_from: 0 }
    }

    pub(crate) const fn received(&self) -> u32 {
        self.received
    }

    /// Gives the first credit.
    pub(crate) fn grant(&self, wire: &mut Wire) {
        let flow = Flow {
            next_incoming_id: Some(self.frames),
            incoming_window: WINDOW_FRAMES,
            next_outgoing_id: 0,
            outgoing_window: WINDOW_FRAMES,
            handle: Some(0),
            delivery_count: Some(self.received),
            link_credit: Some(CREDIT),
            ..Flow::default()
        };
        flow.write(&mut wire.out, 0);
    }
}

impl End for Receiver {
    fn handle(&mut self, frame: &Frame<'_>) -> Result<()> {
        if raw::code(frame.body).map(|(code, _)| code) != Some(raw::TRANSFER) {
            return ended(frame);
        }
        let (transfer, payload) = Transfer::decode(frame.body).map_err(Error::other)?;
        self.frames = self.frames.wrapping_add(1);
        self.bytes = self.bytes.saturating_add(payload.len());
        self.current = transfer.delivery_id.unwrap_or(self.current);
        if transfer.more {
            return Ok(());
        }
        if self.bytes != self.task.size_bytes.saturating_add(8) {
            return Err(Error::other(format!("a message of {} bytes came", self.bytes)));
        }
        self.bytes = 0;
        self.received = self.received.saturating_add(1);
        if !self.task.settled {
            self.owed = Some((self.owed.map_or(self.current, |(first, _)| first), self.current));
        }
        Ok(())
    }

    fn fill(&mut self, wire: &mut Wire) {
        if let Some((first, last)) = self.owed.take() {
            let accepted = Disposition {
                receiver: true,
                first,
                last: Some(last),
                settled: true,
                state: Some(raw::ACCEPTED),
                batchable: false,
            };
            accepted.write(&mut wire.out, 0);
        }
        if self.received.wrapping_sub(self.credit_from) >= CREDIT / 2 {
            self.credit_from = self.received;
            self.grant(wire);
        }
    }

    fn is_done(&self) -> bool {
        self.received >= self.task.count
    }
}

/// Whatever else comes is of no interest, unless it ends what we use.
fn ended(frame: &Frame<'_>) -> Result<()> {
    match raw::code(frame.body).map(|(code, _)| code) {
        Some(raw::DETACH | raw::END | raw::CLOSE) => {
            Err(Error::other(format!("the router ends it: {}", String::from_utf8_lossy(frame.body))))
        }
        _ => Ok(()),
    }
}
