//! What a plugin has done, for management. It belongs to the plugin's name, and outlives its reload.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;

use crate::instance::Cause;

/// Differences of one shadow are told no more often.
const TOLD_EVERY: Duration = Duration::from_secs(1);

/// The longest latency that is told from others, in microseconds.
const LATENCY_MAX_US: u64 = 600_000_000;

/// Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Stats(Mutex<Counts>);

/// All since the start.
#[derive(Debug, Default, Clone)]
pub(crate) struct Counts {
    /// Calls that were answered, with an opinion or without.
    pub(crate) decisions: u64,
    /// Of these, the ones without.
    pub(crate) no_opinion: u64,
    /// Of these, the ones that refused.
    pub(crate) denials: u64,
    /// Treatments that were not followed: the address was in use, and treated otherwise.
    pub(crate) contradictions: u64,
    /// Of a shadow: those that were compared with the live plugin's.
    pub(crate) comparisons: u64,
    /// Of these, the ones that differ.
    pub(crate) differences: u64,
    /// Of a shadow: questions that it was not asked, since it was busy.
    pub(crate) dropped: u64,
    /// When a difference was told last, and how many there were since.
    told: Option<(Instant, u64)>,
    pub(crate) failures: BTreeMap<Cause, u64>,
    pub(crate) last_failure: Option<String>,
    /// Of calls that were answered, in microseconds, waiting for an instance included.
    latency: Option<Box<Histogram<u64>>>,
}

impl Stats {
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn answered(&self, took: Duration, has_opinion: bool) {
        let mut counts = self.counts();
        counts.decisions = counts.decisions.saturating_add(1);
        if !has_opinion {
            counts.no_opinion = counts.no_opinion.saturating_add(1);
        }
        if counts.latency.is_none() {
            // two digits are enough, and cost some kilobytes
            counts.latency = Histogram::new_with_bounds(1, LATENCY_MAX_US, 2).ok().map(Box::new);
        }
        if let Some(latency) = &mut counts.latency {
            latency.saturating_record(u64::try_from(took.as_micros()).unwrap_or(u64::MAX).max(1));
        }
    }

    pub(crate) fn denied(&self) {
        let mut counts = self.counts();
        counts.denials = counts.denials.saturating_add(1);
    }

    /// Counts a treatment that was not followed.
    pub(crate) fn contradicted(&self) {
        let mut counts = self.counts();
        counts.contradictions = counts.contradictions.saturating_add(1);
    }

    /// Counts a comparison. A difference that is to be told is given the number of those before it that were not.
    pub(crate) fn compared(&self, differs: bool) -> Option<u64> {
        let mut counts = self.counts();
        counts.comparisons = counts.comparisons.saturating_add(1);
        if !differs {
            return None;
        }
        counts.differences = counts.differences.saturating_add(1);
        match &mut counts.told {
            Some((at, unsaid)) if at.elapsed() < TOLD_EVERY => {
                *unsaid = unsaid.saturating_add(1);
                None
            }
            told => {
                let unsaid = told.map_or(0, |(_, unsaid)| unsaid);
                *told = Some((Instant::now(), 0));
                Some(unsaid)
            }
        }
    }

    /// Counts a question to a shadow that was not asked.
    pub(crate) fn dropped(&self) {
        let mut counts = self.counts();
        counts.dropped = counts.dropped.saturating_add(1);
    }

    pub(crate) fn failed(&self, cause: Cause, why: &str) {
        let mut counts = self.counts();
        let count = counts.failures.entry(cause).or_default();
        *count = count.saturating_add(1);
        counts.last_failure = Some(format!("{}: {}", cause.as_str(), why.lines().next().unwrap_or_default()));
    }

    /// As they are now.
    pub(crate) fn now(&self) -> Counts {
        self.counts().clone()
    }
}

impl Counts {
    /// The latency that this share of the calls did not exceed, in microseconds.
    pub(crate) fn latency_us(&self, share: f64) -> Option<u64> {
        self.latency.as_ref().map(|latency| latency.value_at_quantile(share))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn differences_are_counted_and_one_a_second_is_told() {
        let stats = Stats::default();
        assert_eq!((stats.compared(false), stats.compared(true), stats.compared(true)), (None, Some(0), None));
        stats.counts().told = Some((Instant::now().checked_sub(TOLD_EVERY).unwrap(), 1));
        assert_eq!(stats.compared(true), Some(1));
        stats.dropped();
        let counts = stats.now();
        assert_eq!((counts.comparisons, counts.differences, counts.dropped), (4, 3, 1));
    }

    #[test]
    fn calls_are_counted_and_timed() {
        let stats = Stats::default();
        assert_eq!(stats.now().latency_us(0.5), None);
        for ms in 1..=100 {
            stats.answered(Duration::from_millis(ms), ms % 2 == 0);
        }
        stats.denied();
        stats.failed(Cause::Trap, "unreachable\nbacktrace");
        let counts = stats.now();
        assert_eq!((counts.decisions, counts.no_opinion, counts.denials), (100, 50, 1));
        assert_eq!(counts.failures, BTreeMap::from([(Cause::Trap, 1)]));
        assert_eq!(counts.last_failure.as_deref(), Some("trap: unreachable"));
        let (median, most) = (counts.latency_us(0.5).unwrap(), counts.latency_us(1.0).unwrap());
        assert!((49_000..51_000).contains(&median) && (99_000..102_000).contains(&most), "{median} {most}");
    }
}
