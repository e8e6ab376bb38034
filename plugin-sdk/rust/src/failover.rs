//! The hook `failover`: which endpoints does a connector try, and in which order?

pub use crate::records::failover::*;

use crate::peer::value;

impl Candidate<'_> {
    /// The value of a label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        value(&self.labels, key)
    }
}
