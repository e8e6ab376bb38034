//! What a link has carried so far. Source: the reference, 1.12, `router.link`.

use crate::mail::{Outcome, Verdict};

/// Deliveries of one link, or of many together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub struct Counters {
    pub deliveries: u64,
    pub presettled: u64,
    /// Presettled, and not passed on.
    pub dropped_presettled: u64,
    pub accepted: u64,
    pub rejected: u64,
    pub released: u64,
    pub modified: u64,
    /// Settled between one and ten seconds after they came.
    pub delayed_1_s: u64,
    /// Settled later than that.
    pub delayed_10_s: u64,
    /// Found unsettled for more than ten seconds.
    pub stuck: u64,
}

/// What links that are gone have carried.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Past {
    /// What became of deliveries that came in by them, and the presettled ones that were dropped on their way out.
    pub outcomes: Counters,
    /// Deliveries that came in, and of these the ones of route containers.
    pub came: [u64; 2],
    /// Deliveries that went out, and of these the ones to route containers.
    pub went: [u64; 2],
}

impl Past {
    /// Adds a link that goes.
    pub(crate) fn add_link(&mut self, outgoing: bool, container: bool, counters: &Counters) {
        let [all, containers] = if outgoing { &mut self.went } else { &mut self.came };
        *all = all.saturating_add(counters.deliveries);
        *containers = containers.saturating_add(if container { counters.deliveries } else { 0 });
        if outgoing {
            let dropped = &mut self.outcomes.dropped_presettled;
            *dropped = dropped.saturating_add(counters.dropped_presettled);
        } else {
            self.outcomes.add(counters);
        }
    }

    /// Counts a presettled delivery whose consumer went before it came.
    pub(crate) const fn count_dropped(&mut self) {
        self.outcomes.dropped_presettled = self.outcomes.dropped_presettled.saturating_add(1);
    }

    /// Adds what another worker knows.
    pub fn add(&mut self, other: &Self) {
        self.outcomes.add(&other.outcomes);
        for (mine, more) in [(&mut self.came, other.came), (&mut self.went, other.went)] {
            for (mine, more) in mine.iter_mut().zip(more) {
                *mine = mine.saturating_add(more);
            }
        }
    }
}

impl Counters {
    /// Counts a delivery that begins.
    pub(crate) const fn begin(&mut self, presettled: bool) {
        self.deliveries = self.deliveries.saturating_add(1);
        self.presettled = self.presettled.saturating_add(presettled as u64);
    }

    /// Counts deliveries that ended, `seconds` after they came.
    pub(crate) fn end(&mut self, outcome: &Outcome, count: u64, seconds: u32) {
        let of_verdict = match outcome.verdict() {
            Verdict::Accepted => &mut self.accepted,
            Verdict::Rejected => &mut self.rejected,
            Verdict::Released => &mut self.released,
            Verdict::Modified => &mut self.modified,
        };
        *of_verdict = of_verdict.saturating_add(count);
        if seconds > 10 {
            self.delayed_10_s = self.delayed_10_s.saturating_add(count);
        } else if seconds > 1 {
            self.delayed_1_s = self.delayed_1_s.saturating_add(count);
        }
    }

    /// Adds those of another link.
    pub fn add(&mut self, other: &Self) {
        self.deliveries = self.deliveries.saturating_add(other.deliveries);
        self.presettled = self.presettled.saturating_add(other.presettled);
        self.dropped_presettled = self.dropped_presettled.saturating_add(other.dropped_presettled);
        self.accepted = self.accepted.saturating_add(other.accepted);
        self.rejected = self.rejected.saturating_add(other.rejected);
        self.released = self.released.saturating_add(other.released);
        self.modified = self.modified.saturating_add(other.modified);
        self.delayed_1_s = self.delayed_1_s.saturating_add(other.delayed_1_s);
        self.delayed_10_s = self.delayed_10_s.saturating_add(other.delayed_10_s);
        self.stuck = self.stuck.saturating_add(other.stuck);
    }
}
