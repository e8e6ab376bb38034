//! What a peer sent and nobody has taken yet, and the blocks that the connections of a worker read into.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

/// Bytes of a block.
const BLOCK_BYTES: usize = 256 << 10;

/// Bytes of one read at most: what is read is still in the cache when it is looked at.
const READ_MAX_BYTES: usize = 128 << 10;

/// What is read first lies this far behind the beginning of a block, and so of a page. The system copies from the beginning of pages,
/// and copies three times as slowly to where the distance within a page is small.
const LEAD_BYTES: usize = 2 << 10;

/// Less room than this behind a partial frame is not worth a read.
const ROOM_MIN_BYTES: usize = 64 << 10;

/// A partial frame of up to this many bytes is copied, so that an idle connection holds no block.
const COPIED_MAX_BYTES: usize = 4 << 10;

/// Blocks that partial frames may hold; when there are more, long frames are copied too.
const LENT_MAX: usize = 32;

/// Blocks that are kept though nobody reads.
const IDLE_MAX: usize = 2;

/// The blocks of one worker.
#[derive(Debug, Default)]
pub(crate) struct Blocks {
    /// Records that are just being written.
    pub(crate) sealed: RefCell<Vec<Vec<u8>>>,
    idle: RefCell<Vec<Vec<u8>>>,
    lent: Cell<usize>,
}

/// Bytes of one peer.
#[derive(Debug)]
pub(crate) struct Input {
    blocks: Rc<Blocks>,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// `bytes` is a block.
    is_lent: bool,
}

impl Blocks {
    fn lend(&self) -> Vec<u8> {
        self.lent.set(self.lent.get().saturating_add(1));
        self.idle.borrow_mut().pop().unwrap_or_else(|| vec![0; BLOCK_BYTES])
    }

    fn give_back(&self, block: Vec<u8>) {
        self.lent.set(self.lent.get().saturating_sub(1));
        let mut idle = self.idle.borrow_mut();
        if block.len() == BLOCK_BYTES && idle.len() < IDLE_MAX {
            idle.push(block);
        }
    }
}

impl Input {
    /// With bytes that came before.
    pub(crate) const fn new(blocks: Rc<Blocks>, bytes: Vec<u8>) -> Self {
        let end = bytes.len();
        Self { blocks, bytes, start: 0, end, is_lent: false }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.start == self.end
    }

    /// What is there.
    pub(crate) fn pending(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Where the next bytes go.
    pub(crate) fn room(&mut self) -> &mut [u8] {
        if !self.is_lent {
            let mut block = self.blocks.lend();
            let pending = self.pending();
            let end = LEAD_BYTES.saturating_add(pending.len());
            if block.len() < end {
                block.resize(end, 0);
            }
            if let Some(place) = block.get_mut(LEAD_BYTES..end) {
                place.copy_from_slice(pending);
            }
            (self.start, self.end, self.is_lent) = (LEAD_BYTES, end, true);
            self.bytes = block;
        }
        if self.bytes.len().saturating_sub(self.end) < ROOM_MIN_BYTES {
            self.bytes.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end.saturating_sub(self.start));
            if self.bytes.len().saturating_sub(self.end) < ROOM_MIN_BYTES {
                // a frame longer than a block
                self.bytes.resize(self.bytes.len().saturating_mul(2), 0);
            }
        }
        let until = self.end.saturating_add(READ_MAX_BYTES).min(self.bytes.len());
        self.bytes.get_mut(self.end..until).unwrap_or_default()
    }

    /// Counts bytes that were put into the room.
    pub(crate) const fn came(&mut self, count: usize) {
        self.end = self.end.saturating_add(count);
    }

    /// Forgets all but the last `left` bytes. A block goes back unless much of a frame is in it.
    pub(crate) fn leave(&mut self, left: usize) {
        self.start = self.end.saturating_sub(left);
        if self.is_lent && (left <= COPIED_MAX_BYTES || self.blocks.lent.get() > LENT_MAX) {
            let rest = self.pending().to_vec();
            (self.start, self.end, self.is_lent) = (0, rest.len(), false);
            let block = std::mem::replace(&mut self.bytes, rest);
            self.blocks.give_back(block);
        }
    }

    /// What is left, to be taken elsewhere.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let rest = self.pending().to_vec();
        self.leave(0);
        rest
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.leave(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Puts `bytes` in by as many reads as it takes.
    fn put(input: &mut Input, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let room = input.room();
            let count = room.len().min(bytes.len());
            room[..count].copy_from_slice(&bytes[..count]);
            input.came(count);
            bytes = &bytes[count..];
            let left = input.pending().len();
            input.leave(left);
        }
    }

    fn pattern(length: usize) -> Vec<u8> {
        (0..length).map(|at| (at % 251) as u8).collect()
    }

    #[test]
    fn frames_of_every_length_come_through() {
        let blocks = Rc::new(Blocks::default());
        let mut input = Input::new(blocks.clone(), pattern(10));
        for (length, step) in [(10, 10), (5000, 700), (100_000, 65_000), (400_000, 90_000), (2_000_000, 130_000)] {
            let frame = pattern(length);
            let have = input.pending().len();
            for part in frame[have..].chunks(step) {
                put(&mut input, part);
            }
            assert!(input.pending() == frame);
            input.leave(7);
            assert!(input.pending() == &frame[length - 7..] && !input.is_lent);
            input.leave(0);
        }
        assert_eq!((blocks.lent.get(), input.is_empty()), (0, true));
    }

    #[test]
    fn peers_that_stop_in_a_frame_hold_few_blocks() {
        let blocks = Rc::new(Blocks::default());
        let mut inputs: Vec<_> = (0..100).map(|_| Input::new(blocks.clone(), Vec::new())).collect();
        for input in &mut inputs {
            put(input, &pattern(9000));
        }
        assert_eq!(blocks.lent.get(), LENT_MAX);
        assert!(inputs.iter().all(|input| input.pending() == pattern(9000)));
        drop(inputs);
        assert_eq!((blocks.lent.get(), blocks.idle.borrow().len()), (0, IDLE_MAX));
    }
}
