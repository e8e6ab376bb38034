//! Message bytes that wait in this process, counted as they come and go.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;

/// What a piece takes beside its payload, bytes.
const OVERHEAD_BYTES: usize = 128;

/// Counts what waits. Shared by all workers.
#[derive(Debug, Clone)]
pub struct Buffered(Arc<Waits>);

/// What waits, and may.
#[derive(Debug)]
struct Waits {
    bytes: AtomicU64,
    max_bytes: AtomicU64,
}

impl Buffered {
    /// Nothing waits yet; `max_bytes` may.
    #[must_use]
    pub fn new(max_bytes: u64) -> Self {
        Self(Arc::new(Waits { bytes: AtomicU64::new(0), max_bytes: AtomicU64::new(max_bytes) }))
    }

    /// Bytes that wait now, with what it takes to keep them.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.0.bytes.load(Ordering::Relaxed)
    }

    /// Whether as much waits as may.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.bytes() > self.0.max_bytes.load(Ordering::Relaxed)
    }

    /// Sets what may wait; what waits already stays.
    pub fn set_max(&self, max_bytes: u64) {
        self.0.max_bytes.store(max_bytes, Ordering::Relaxed);
    }

    /// Begins to gather pieces.
    pub(crate) fn gather(&self, first: &[u8]) -> Gathered {
        let mut gathered = Gathered { bytes: Vec::new(), counted: self.0.clone() };
        gathered.extend(first);
        gathered
    }

    /// Keeps a payload.
    pub(crate) fn keep(&self, payload: Bytes) -> Kept {
        let kept = Kept { payload, counted: self.0.clone() };
        self.0.bytes.fetch_add(wide(kept.bytes()), Ordering::Relaxed);
        kept
    }
}

fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}

/// A payload that waits; it is counted until it is dropped.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) payload: Bytes,
    counted: Arc<Waits>,
}

impl Kept {
    /// What it counts for.
    pub(crate) fn bytes(&self) -> usize {
        self.payload.len().saturating_add(OVERHEAD_BYTES)
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.counted.bytes.fetch_sub(wide(self.bytes()), Ordering::Relaxed);
    }
}

/// Pieces that were put together; they are counted until this is dropped.
#[derive(Debug)]
pub struct Gathered {
    bytes: Vec<u8>,
    counted: Arc<Waits>,
}

impl Gathered {
    pub(crate) fn extend(&mut self, piece: &[u8]) {
        self.bytes.extend_from_slice(piece);
        self.counted.bytes.fetch_add(wide(piece.len()), Ordering::Relaxed);
    }

    /// All of them.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl Drop for Gathered {
    fn drop(&mut self) {
        self.counted.bytes.fetch_sub(wide(self.bytes.len()), Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted_until_it_goes() {
        let buffered = Buffered::new(1000);
        let kept = buffered.keep(Bytes::from(vec![0; 1000]));
        assert!(buffered.is_full() && buffered.bytes() == wide(kept.bytes()));
        drop(kept);
        assert!(!buffered.is_full() && buffered.bytes() == 0);
        let _kept = buffered.keep(Bytes::from(vec![0; 500]));
        buffered.set_max(400);
        assert!(buffered.is_full());
    }
}
