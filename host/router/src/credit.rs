//! The credit of one consumer, shared by all workers that send to it. Source: AMQP 1.0 part 2, 2.6.7.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crosstie_amqp::serial::Serial;

/// Credit beyond this counts as this much: serial numbers are ordered over half their range.
const CREDIT_MAX: u32 = u32::MAX / 2;

/// Where deliveries for a consumer are counted before they are on their way.
#[derive(Debug, Default)]
pub struct Credit {
    /// High half: the delivery-count that the credit reaches to. Low half: deliveries claimed so far.
    state: AtomicU64,
    /// Claimed and not settled.
    outstanding: AtomicU32,
    /// Set while the consumer's connection has too much to write.
    pub blocked: Arc<AtomicBool>,
}

const fn pack(limit: u32, claimed: u32) -> u64 {
    ((limit as u64) << 32) | claimed as u64
}

const fn unpack(state: u64) -> (Serial, Serial) {
    let [a, b, c, d, e, f, g, h] = state.to_be_bytes();
    (Serial(u32::from_be_bytes([a, b, c, d])), Serial(u32::from_be_bytes([e, f, g, h])))
}

impl Credit {
    /// No credit yet; `blocked` belongs to the consumer's connection.
    #[must_use]
    pub fn new(blocked: Arc<AtomicBool>) -> Self {
        Self { blocked, ..Self::default() }
    }

    /// Whether a claim would succeed now.
    #[must_use]
    pub fn is_available(&self) -> bool {
        let (limit, claimed) = unpack(self.state.load(Ordering::SeqCst));
        claimed.before(limit) && !self.blocked.load(Ordering::Relaxed)
    }

    /// Deliveries that the consumer has not settled.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// Takes one delivery's worth.
    pub fn claim(&self) -> bool {
        if self.blocked.load(Ordering::Relaxed) {
            return false;
        }
        let taken = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let (limit, claimed) = unpack(state);
            claimed.before(limit).then(|| pack(limit.0, claimed.add(1).0))
        });
        if taken.is_ok() {
            self.outstanding.fetch_add(1, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    /// Counts settled deliveries.
    pub fn settle(&self, count: u64) {
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        // only the consumer's worker subtracts, and never more than was claimed
        self.outstanding.fetch_sub(count.min(self.outstanding()), Ordering::Relaxed);
    }

    /// Takes the consumer's flow: credit from where it had counted to. Says whether there is some.
    pub fn handle_flow(&self, delivery_count: u32, credit: u32) -> bool {
        let limit = Serial(delivery_count).add(credit.min(CREDIT_MAX));
        let mut open = false;
        // in one order with the looks of those who wait: see `Address::wait`
        let _ = self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| {
            let (_, claimed) = unpack(state);
            open = claimed.before(limit);
            Some(pack(limit.0, claimed.0))
        });
        open
    }

    /// Gives up what credit is left; returns the delivery-count that it reached to, if any was left.
    pub fn drain(&self) -> Option<Serial> {
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, |state| {
            let (limit, claimed) = unpack(state);
            claimed.before(limit).then(|| pack(limit.0, limit.0))
        });
        before.ok().map(|state| unpack(state).0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn claims_end_where_credit_ends() {
        let credit = Credit::default();
        assert!(!credit.claim());
        assert!(credit.handle_flow(0, 2));
        assert!(credit.claim() && credit.claim() && !credit.claim());
        assert!(!credit.handle_flow(0, 2));
        assert!(credit.handle_flow(1, 2));
        assert_eq!(credit.drain(), Some(Serial(3)));
        assert!(!credit.is_available());
        assert_eq!(credit.outstanding(), 2);
    }

    #[test]
    fn all_of_a_peers_credit_range_counts_as_credit() {
        let credit = Credit::default();
        assert!(credit.handle_flow(u32::MAX, u32::MAX));
    }

    #[test]
    fn a_blocked_consumer_has_no_credit() {
        let credit = Credit::default();
        credit.handle_flow(0, 5);
        credit.blocked.store(true, Ordering::Relaxed);
        assert!(!credit.is_available() && !credit.claim());
    }
}
