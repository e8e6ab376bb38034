//! The credit of one consumer, shared by all workers that send to it. Source: AMQP 1.0 part 2, 2.6.7.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};

use crosstie_amqp::serial::Serial;

/// Credit beyond this counts as this much: serial numbers are ordered over half their range.
const CREDIT_MAX: u32 = u32::MAX / 2;

/// Shut while a session takes no deliveries that have not begun: its window is used up, its socket has too much to write, or
/// its connection has too many unsettled. Shared by the session and the credit of its consumers.
#[derive(Debug, Default, Clone)]
pub struct Gate(Arc<AtomicBool>);

impl Gate {
    /// Shuts or opens it; says whether that changed it. In one order with the looks of those who wait: see `Address::wait`.
    pub fn shut(&self, shut: bool) -> bool {
        self.0.swap(shut, Ordering::SeqCst) != shut
    }

    /// Whether it is shut.
    #[must_use]
    pub fn is_shut(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Where deliveries for a consumer are counted before they are on their way.
#[derive(Debug, Default)]
pub struct Credit {
    /// High half: the delivery-count that the credit reaches to. Low half: deliveries claimed so far.
    state: AtomicU64,
    /// Claimed and not settled.
    outstanding: AtomicU32,
    gate: Gate,
}

const fn pack(limit: u32, claimed: u32) -> u64 {
    ((limit as u64) << 32) | claimed as u64
}

const fn unpack(state: u64) -> (Serial, Serial) {
    let [a, b, c, d, e, f, g, h] = state.to_be_bytes();
    (Serial(u32::from_be_bytes([a, b, c, d])), Serial(u32::from_be_bytes([e, f, g, h])))
}

impl Credit {
    /// No credit yet; the gate is that of the consumer's session.
    #[must_use]
    pub fn new(gate: Gate) -> Self {
        Self { gate, ..Self::default() }
    }

    /// Whether a claim would succeed now.
    #[must_use]
    pub fn is_available(&self) -> bool {
        let (limit, claimed) = unpack(self.state.load(Ordering::SeqCst));
        claimed.before(limit) && !self.gate.is_shut()
    }

    /// Deliveries that the consumer has not settled.
    #[must_use]
    pub fn outstanding(&self) -> u32 {
        self.outstanding.load(Ordering::Relaxed)
    }

    /// Takes one delivery's worth.
    pub fn claim(&self) -> bool {
        if self.gate.is_shut() {
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

    /// Gives a claim back whose delivery does not come.
    pub fn unclaim(&self) {
        let _ = self.state.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |state| {
            let (limit, claimed) = unpack(state);
            Some(pack(limit.0, claimed.0.wrapping_sub(1)))
        });
        self.settle(1);
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

    /// Credit that nobody has claimed.
    #[must_use]
    pub fn left(&self) -> u32 {
        let (limit, claimed) = unpack(self.state.load(Ordering::Relaxed));
        u32::try_from(limit.distance(claimed)).unwrap_or(0)
    }

    /// Ends claims; returns the delivery-count that the credit reached to, and the one that claims reached.
    pub fn stop(&self) -> (Serial, Serial) {
        let stop = |state| {
            let (_, claimed) = unpack(state);
            Some(pack(claimed.0, claimed.0))
        };
        let before = self.state.fetch_update(Ordering::AcqRel, Ordering::Acquire, stop).unwrap_or_else(|state| state);
        let (limit, claimed) = unpack(before);
        (if claimed.before(limit) { limit } else { claimed }, claimed)
    }

    /// Counts on to where credit was given up. Claims are stopped.
    pub fn skip_to(&self, count: Serial) {
        self.state.store(pack(count.0, count.0), Ordering::Release);
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
        assert_eq!(credit.left(), 1);
        credit.unclaim();
        assert_eq!((credit.left(), credit.outstanding()), (2, 1));
        assert!(credit.claim());
        assert_eq!(credit.stop(), (Serial(3), Serial(2)));
        assert!(!credit.is_available() && !credit.claim());
        credit.skip_to(Serial(3));
        assert!(credit.handle_flow(3, 1) && credit.claim() && !credit.claim());
        assert_eq!(credit.outstanding(), 3);
    }

    #[test]
    fn all_of_a_peers_credit_range_counts_as_credit() {
        let credit = Credit::default();
        assert!(credit.handle_flow(u32::MAX, u32::MAX));
    }

    #[test]
    fn behind_a_shut_gate_there_is_no_credit() {
        let gate = Gate::default();
        let credit = Credit::new(gate.clone());
        credit.handle_flow(0, 5);
        assert!(gate.shut(true) && !gate.shut(true));
        assert!(!credit.is_available() && !credit.claim());
    }
}
