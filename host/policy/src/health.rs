//! Quarantine: a plugin that keeps failing is left alone for a while. Shared by all workers.

use std::collections::VecDeque;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

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
}

impl Health {
    /// Whether it may be asked now. After a quarantine one failure is enough for the next.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.quarantine.is_none_or(|(until, _)| now >= until)
    }

    pub(crate) fn succeeded(&self) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.quarantine.is_some() {
            *state = State::default();
        }
    }

    /// Counts a failure; failures of admission count once for each peer, so that no peer alone can have a plugin quarantined.
    /// Says how long the quarantine is that begins.
    pub(crate) fn failed(&self, now: Instant, peer: Option<IpAddr>) -> Option<Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((until, before)) = state.quarantine {
            if now < until {
                return None;
            }
            let wait = before.saturating_mul(2).min(RETRY_LAST);
            state.quarantine = Some((now + wait, wait));
            return Some(wait);
        }
        state.failures.retain(|(at, from)| now.duration_since(*at) < SPAN && (peer.is_none() || *from != peer));
        state.failures.push_back((now, peer));
        if state.failures.len() < FAILURES_MAX {
            return None;
        }
        state.failures.clear();
        state.quarantine = Some((now + RETRY_FIRST, RETRY_FIRST));
        Some(RETRY_FIRST)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_failures_end_in_quarantine_which_doubles() {
        let (health, now) = (Health::default(), Instant::now());
        for _ in 0..4 {
            assert_eq!(health.failed(now, None), None);
        }
        assert_eq!(health.failed(now, None), Some(RETRY_FIRST));
        assert!(!health.may_ask(now));
        let later = now + RETRY_FIRST;
        assert!(health.may_ask(later));
        assert_eq!(health.failed(later, None), Some(RETRY_FIRST * 2));
        health.succeeded();
        assert!(health.may_ask(later));
    }

    #[test]
    fn one_peer_alone_counts_once() {
        let (health, now) = (Health::default(), Instant::now());
        let peer = Some(IpAddr::from([127, 0, 0, 1]));
        assert!((0..20).all(|_| health.failed(now, peer).is_none()));
    }
}
