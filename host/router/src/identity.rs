//! The numbers by which management knows links, address rules, link routes and auto-links: one row for all, as in the reference
//! (`qdr_identifier`), so that a number alone tells which one is meant.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Numbers given so far; a clone goes on in the same row.
#[derive(Debug, Clone, Default)]
pub struct Identities(Arc<AtomicU64>);

impl Identities {
    /// The next one; the first is 1.
    pub(crate) fn take(&self) -> u64 {
        self.0.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }
}
