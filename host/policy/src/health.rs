//! Quarantine: a plugin that keeps failing is left alone for a while. Shared by all workers.

use std::collections::{BTreeMap, VecDeque};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::instance::Cause;

/// This many failures within [`SPAN`] end in quarantine.
const FAILURES_MAX: usize = 5;
const SPAN: Duration = Duration::from_secs(60);
const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LAST: Duration = Duration::from_secs(300);

/// How a plugin does.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: VecDeque<(Instant, Option<IpAddr>)>,
    /// Until when nothing is asked, and how long that was.
    quarantine: Option<(Instant, Duration)>,
    /// All failures since it was well.
    counts: BTreeMap<Cause, u64>,
    last: Option<Instant>,
}

/// What a failure means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Counted {
    /// The first of its cause since the plugin was well.
    pub(crate) is_first: bool,
    /// All failures since then.
    pub(crate) failures: u64,
    /// How long the quarantine is that begins.
    pub(crate) quarantine: Option<Duration>,
}

impl Health {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether it may be asked now. After a quarantine one failure is enough for the next.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        self.state().quarantine.is_none_or(|(until, _)| now >= until)
    }

    /// How long nothing is asked yet.
    pub(crate) fn quarantine(&self, now: Instant) -> Option<Duration> {
        let (until, _) = self.state().quarantine?;
        Some(until.saturating_duration_since(now)).filter(|left| !left.is_zero())
    }

    /// Counts a success. The first after a quarantine, or after a span without failures, ends the trouble: says how many
    /// failures there were.
    pub(crate) fn succeeded(&self, now: Instant) -> Option<u64> {
        let mut state = self.state();
        let last = state.last?;
        let is_over = match state.quarantine {
            Some((until, _)) => now >= until,
            None => now.duration_since(last) >= SPAN,
        };
        is_over.then(|| std::mem::take(&mut *state).counts.values().sum())
    }

    /// Counts a failure; failures of admission count once for each peer, so that no peer alone can have a plugin
    /// quarantined, and calls without an instance not at all.
    pub(crate) fn failed(&self, now: Instant, cause: Cause, peer: Option<IpAddr>) -> Counted {
        let mut state = self.state();
        state.last = Some(now);
        let count = state.counts.entry(cause).or_default();
        *count = count.saturating_add(1);
        let is_first = *count == 1;
        let failures = state.counts.values().sum();
        let quarantine = if cause == Cause::Busy { None } else { state.quarantine(now, peer) };
        Counted { is_first, failures, quarantine }
    }
}

impl State {
    fn quarantine(&mut self, now: Instant, peer: Option<IpAddr>) -> Option<Duration> {
        let wait = match self.quarantine {
            Some((until, _)) if now < until => return None,
            Some((_, before)) => before.saturating_mul(2).min(RETRY_LAST),
            None => {
                self.failures.retain(|(at, from)| now.duration_since(*at) < SPAN && (peer.is_none() || *from != peer));
                self.failures.push_back((now, peer));
                if self.failures.len() < FAILURES_MAX {
                    return None;
                }
                self.failures.clear();
                RETRY_FIRST
            }
        };
        self.quarantine = Some((now + wait, wait));
        Some(wait)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_end_in_quarantine_which_doubles() {
        let (health, now) = (Health::default(), Instant::now());
        let failed = |at| health.failed(at, Cause::Trap, None);
        for count in 1..=4 {
            assert_eq!(failed(now), Counted { is_first: count == 1, failures: count, quarantine: None });
        }
        assert_eq!(failed(now), Counted { is_first: false, failures: 5, quarantine: Some(RETRY_FIRST) });
        assert!(!health.may_ask(now) && health.quarantine(now) == Some(RETRY_FIRST));
        let later = now + RETRY_FIRST;
        assert!(health.may_ask(later));
        assert_eq!(failed(later).quarantine, Some(RETRY_FIRST * 2));
        // a call that began before says nothing
        assert_eq!(health.succeeded(later), None);
        assert_eq!(health.succeeded(later + RETRY_FIRST * 2), Some(6));
        assert!(health.may_ask(later) && health.failed(later, Cause::Trap, None).is_first);
    }

    #[test]
    fn no_quarantine_is_longer_than_five_minutes() {
        let (health, mut now) = (Health::default(), Instant::now());
        assert!((0..4).all(|_| health.failed(now, Cause::Trap, None).quarantine.is_none()));
        let mut waits = Vec::new();
        for _ in 0..12 {
            let wait = health.failed(now, Cause::Trap, None).quarantine.unwrap();
            waits.push(wait.as_secs());
            now += wait;
        }
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]);
    }

    #[test]
    fn one_peer_alone_counts_once() {
        let (health, now) = (Health::default(), Instant::now());
        let peer = Some(IpAddr::from([127, 0, 0, 1]));
        assert!((0..20).all(|_| health.failed(now, Cause::Trap, peer).quarantine.is_none()));
    }

    #[test]
    fn calls_without_an_instance_do_not_count() {
        let (health, now) = (Health::default(), Instant::now());
        assert!((0..20).all(|_| health.failed(now, Cause::Busy, None).quarantine.is_none()));
    }

    #[test]
    fn a_plugin_is_well_after_a_span_without_failures() {
        let (health, now) = (Health::default(), Instant::now());
        health.failed(now, Cause::Trap, None);
        assert_eq!(health.succeeded(now), None);
        let other = health.failed(now, Cause::BadAnswer, None);
        assert!(other.is_first && !health.failed(now, Cause::Trap, None).is_first);
        assert_eq!((health.succeeded(now + SPAN), health.succeeded(now + SPAN)), (Some(3), None));
    }
}
