//! Failover: which endpoint a connector dials next, and when.
//!
//! ```text
//! Ask -> Asking -> Round -> Dialing -> Connected -> Ask (lost)
//!                    ^         |
//!                    +- failed +--> Waiting (round exhausted) -> Ask
//! ```

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::time::Time;
use crosstie_model::policy::{Candidate, FailoverAnswer, FailoverCause, FailoverRequest};
use crosstie_model::random::Random;
use crosstie_model::settings::{Backoff, Connector, Role};

use crate::candidate::{Candidates, Key};
use crate::failover_list::Advertisement;

/// A connection that ends sooner than this after its Open does not count as one that worked.
const STABLE: Duration = Duration::from_secs(1);

/// Between rounds, whatever policy says: a round without candidates takes no time.
const RETRY_MIN: Duration = Duration::from_millis(100);

/// Why an attempt or a connection ended.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// For people.
    pub error: String,
    /// The AMQP condition, where the peer gave one.
    pub condition: Option<String>,
}

/// The two clocks: one that never goes back, and Unix time in ms for plugins.
#[derive(Debug, Clone, Copy)]
pub struct Clock {
    /// For waiting.
    pub now: Time,
    /// For plugins.
    pub unix_ms: u64,
}

/// What the connector does next.
#[derive(Debug)]
pub enum Step {
    /// Ask policy, then [`Failover::handle_answer`].
    Ask(FailoverRequest),
    /// Dial, then [`Failover::handle_opened`] or [`Failover::handle_failed`].
    Dial(Dial),
    /// Nothing before this.
    Wait(Time),
    /// Nothing until something happens.
    Idle,
}

/// An attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dial {
    /// A name or an address, IPv6 without brackets.
    pub host: String,
    /// 1 to 65,535.
    pub port: u16,
    /// For our Open.
    pub hostname: String,
    /// The connector's credentials may be shown to it.
    pub with_credentials: bool,
}

/// A candidate of a round, and how long is waited before it is dialled.
#[derive(Debug, Clone, Copy)]
struct Turn {
    key: Key,
    delay: Duration,
}

#[derive(Debug)]
enum State {
    Ask(FailoverCause),
    /// With the candidates of the request, in its order.
    Asking(Vec<Key>),
    Round {
        left: VecDeque<Turn>,
        next: Time,
    },
    Dialing {
        left: VecDeque<Turn>,
    },
    Connected {
        since: Time,
        left: VecDeque<Turn>,
    },
    Waiting {
        until: Time,
    },
}

/// The failover of one connector.
#[derive(Debug)]
pub struct Failover {
    name: Arc<str>,
    role: Role,
    follow: bool,
    backoff: Backoff,
    candidates: Candidates,
    /// Dialled, in use, or lost last.
    current: Option<Key>,
    state: State,
    /// Rounds since the last connection that worked.
    round: u32,
    /// Connections in a row that ended before they were stable.
    unstable: u32,
    /// Where the last connection led.
    used: Option<String>,
    retry_after: Option<Duration>,
    down_since_ms: Option<u64>,
    random: Random,
}

impl Failover {
    /// What may be dialled, as URLs: the one in use first, then those that follow it in order.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let keys: Vec<Key> = self.candidates.keys().collect();
        let start = keys.iter().position(|key| Some(*key) == self.current).unwrap_or(0);
        let (before, after) = keys.split_at_checked(start).unwrap_or_default();
        after.iter().chain(before).filter_map(|key| self.candidates.get(*key).map(url)).collect()
    }

    /// The failover of a connector that has not dialled yet. `seed` is for jitter.
    #[must_use]
    pub fn new(connector: &Connector, seed: u64) -> Self {
        Self {
            name: connector.name.as_str().into(),
            role: connector.role,
            follow: connector.failover.follow_advertised,
            backoff: connector.failover.backoff,
            candidates: Candidates::new(connector),
            current: None,
            state: State::Ask(FailoverCause::Startup),
            round: 0,
            unstable: 0,
            used: None,
            retry_after: None,
            down_since_ms: None,
            random: Random::new(seed),
        }
    }

    /// What to do now.
    pub fn poll(&mut self, clock: Clock) -> Step {
        if let State::Waiting { until } = self.state {
            if clock.now < until {
                return Step::Wait(until);
            }
            self.state = State::Ask(FailoverCause::Exhausted);
        }
        match &mut self.state {
            State::Ask(cause) => {
                let cause = *cause;
                Step::Ask(self.ask(cause))
            }
            State::Round { next, .. } if clock.now < *next => Step::Wait(*next),
            State::Round { left, .. } => {
                let mut left = std::mem::take(left);
                while let Some(turn) = left.pop_front() {
                    if let Some(dial) = self.dial(turn.key, clock.unix_ms) {
                        self.state = State::Dialing { left };
                        return Step::Dial(dial);
                    }
                }
                Step::Wait(self.exhausted(clock.now))
            }
            State::Asking(_) | State::Dialing { .. } | State::Connected { .. } | State::Waiting { .. } => Step::Idle,
        }
    }

    fn ask(&mut self, cause: FailoverCause) -> FailoverRequest {
        let lost = self.current.filter(|key| cause == FailoverCause::Lost && self.candidates.get(*key).is_some());
        let others = self.candidates.keys().filter(|key| Some(*key) != lost);
        let asked: Vec<Key> = lost.into_iter().chain(others).collect();
        let request = FailoverRequest {
            connector: self.name.clone(),
            role: self.role,
            cause,
            round: self.round,
            current: lost.map(|_| 0),
            down_since_ms: self.down_since_ms,
            candidates: asked.iter().filter_map(|key| self.candidates.get(*key).cloned()).collect(),
        };
        self.state = State::Asking(asked);
        request
    }

    /// `None` for a candidate that is known no longer.
    fn dial(&mut self, key: Key, unix_ms: u64) -> Option<Dial> {
        let candidate = self.candidates.get_mut(key)?;
        candidate.attempts = candidate.attempts.saturating_add(1);
        candidate.last_attempt_at_ms = Some(unix_ms);
        self.current = Some(key);
        let candidate = self.candidates.get(key)?;
        Some(Dial {
            host: candidate.host.clone(),
            port: candidate.port,
            hostname: candidate.hostname.clone().unwrap_or_else(|| candidate.host.clone()),
            with_credentials: self.candidates.is_trusted(candidate),
        })
    }

    /// Takes what policy said to a [`Step::Ask`]; `None`: all candidates, in their order, without delays.
    pub fn handle_answer(&mut self, clock: Clock, answer: Option<FailoverAnswer>) {
        let State::Asking(asked) = &self.state else {
            return;
        };
        let left = match answer {
            Some(answer) => {
                self.retry_after = answer.retry_after;
                let turn = |index, delay| Some(Turn { key: *asked.get(usize::try_from(index).ok()?)?, delay });
                answer.order.into_iter().filter_map(|pick| turn(pick.index, pick.delay)).collect()
            }
            None => {
                self.retry_after = None;
                asked.iter().map(|key| Turn { key: *key, delay: Duration::ZERO }).collect()
            }
        };
        self.start(clock.now, left);
    }

    /// Goes on with what is left of a round, those left out that are known no longer.
    fn start(&mut self, now: Time, mut left: VecDeque<Turn>) {
        left.retain(|turn| self.candidates.get(turn.key).is_some());
        match left.front() {
            Some(turn) => self.state = State::Round { next: now + turn.delay, left },
            None => drop(self.exhausted(now)),
        }
    }

    fn exhausted(&mut self, now: Time) -> Time {
        let wait = self.retry_after.take().unwrap_or_else(|| self.wait(self.round)).max(RETRY_MIN);
        let until = now + wait;
        self.round = self.round.saturating_add(1);
        self.state = State::Waiting { until };
        until
    }

    /// base * 2^n, at most the cap, with jitter.
    fn wait(&mut self, n: u32) -> Duration {
        let Backoff { base, cap, jitter } = self.backoff;
        let wait = base.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(cap);
        let share = f64::from(u32::try_from(self.random.draw() >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        wait.mul_f64((1.0 + jitter * (share * 2.0 - 1.0)).clamp(0.0, 2.0))
    }

    /// Leaves whatever is under way, and starts again after the connector's backoff.
    pub fn give_up(&mut self, clock: Clock) {
        self.exhausted(clock.now);
    }

    /// The attempt failed before the peer's Open.
    pub fn handle_failed(&mut self, clock: Clock, failure: Failure) {
        let State::Dialing { left } = &mut self.state else {
            return;
        };
        let left = std::mem::take(left);
        self.down_since_ms.get_or_insert(clock.unix_ms);
        self.record(failure);
        self.start(clock.now, left);
    }

    fn record(&mut self, failure: Failure) {
        let Some(candidate) = self.current.and_then(|key| self.candidates.get_mut(key)) else {
            return;
        };
        candidate.failures_in_row = candidate.failures_in_row.saturating_add(1);
        candidate.last_error = Some(failure.error);
        candidate.last_condition = failure.condition;
    }

    /// The peer's Open came.
    pub fn handle_opened(&mut self, clock: Clock, advertisement: Advertisement) {
        let State::Dialing { left } = &mut self.state else {
            return;
        };
        let left = std::mem::take(left);
        self.state = State::Connected { since: clock.now, left };
        self.tell_used(clock);
        self.down_since_ms = None;
        if let Some(candidate) = self.current.and_then(|key| self.candidates.get_mut(key)) {
            candidate.failures_in_row = 0;
            candidate.last_success_at_ms = Some(clock.unix_ms);
        }
        if let Some(items) = advertisement.items.filter(|_| self.follow) {
            let left_out = self.candidates.advertise(items, self.current);
            if left_out > 0 {
                tracing::info!(target: "connector", connector = &*self.name, left_out, "advertised endpoints are not allowed, or want TLS");
            }
        }
    }

    /// Says so when another endpoint is in use than before.
    fn tell_used(&mut self, clock: Clock) {
        let Some(to) = self.current.and_then(|key| self.candidates.get(key)).map(url) else {
            return;
        };
        if let Some(from) = self.used.as_ref().filter(|from| **from != to) {
            let down_ms = self.down_since_ms.map(|since| clock.unix_ms.saturating_sub(since));
            tracing::info!(target: "connector", connector = &*self.name, from, to, down_ms, "failed over");
        }
        self.used = Some(to);
    }

    /// The peer's Open came, and the connection is not lost.
    #[must_use]
    pub const fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected { .. })
    }

    /// The connection was lost after the peer's Open.
    pub fn handle_lost(&mut self, clock: Clock, failure: Failure) {
        let State::Connected { since, left } = &mut self.state else {
            return;
        };
        let (since, left) = (*since, std::mem::take(left));
        self.down_since_ms = Some(clock.unix_ms);
        self.record(failure);
        if clock.now.since(since) >= STABLE {
            self.unstable = 0;
            self.round = 0;
        } else {
            self.unstable = self.unstable.saturating_add(1);
        }
        if self.unstable < 2 {
            self.state = State::Ask(FailoverCause::Lost);
        } else {
            // a peer that opens and goes again and again counts as one that cannot be reached
            self.start(clock.now, left);
        }
    }
}

/// A candidate as it is written.
fn url(candidate: &Candidate) -> String {
    let host = &candidate.host;
    let host = if host.contains(':') { format!("[{host}]") } else { host.clone() };
    format!("{}://{host}:{}", candidate.scheme.as_str(), candidate.port)
}
