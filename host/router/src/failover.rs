//! Failover: which endpoint a connector dials next, and when.
//!
//! ```text
//! Ask -> Asking -> Round -> Dialing -> Connected -> Ask (lost)
//!                    ^         |
//!                    +- failed +--> Waiting (round exhausted) -> Ask
//! ```
//!
//! What happens beside a connection, on the way back to a better endpoint, stands in `fail_back.rs`.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::time::Time;
use crosstie_model::host_port;
use crosstie_model::policy::{Candidate, FailoverAnswer, FailoverCause, FailoverRequest, Pick};
use crosstie_model::random::Random;
use crosstie_model::settings::{Backoff, Connector, Role};

use crate::candidate::{Candidates, Key};
use crate::fail_back::Back;
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
    /// Dial, beside the connection where there is one, then [`Failover::handle_opened`] or [`Failover::handle_failed`].
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
pub(crate) struct Turn {
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
        back: Back,
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
    hold_down: Option<Duration>,
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
    attempts: u64,
    failovers: u64,
    retry_after: Option<Duration>,
    down_since_ms: Option<u64>,
    random: Random,
}

impl Failover {
    /// What may be dialled, as URLs: the one in use or next to try first, then those that follow it in order.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let keys: Vec<Key> = self.candidates.keys().collect();
        let first = match &self.state {
            State::Dialing { .. } | State::Connected { .. } | State::Ask(FailoverCause::Lost) => self.current,
            State::Asking(asked) => asked.first().copied(),
            State::Round { left, .. } => left.front().map(|turn| turn.key),
            State::Ask(_) | State::Waiting { .. } => None,
        };
        let start = keys.iter().position(|key| Some(*key) == first).unwrap_or(0);
        let (before, after) = keys.split_at_checked(start).unwrap_or_default();
        after.iter().chain(before).filter_map(|key| self.candidates.get(*key).map(url)).collect()
    }

    /// Dials since the start, and how often another endpoint was in use than before.
    #[must_use]
    pub const fn counts(&self) -> (u64, u64) {
        (self.attempts, self.failovers)
    }

    /// The endpoint in use.
    #[must_use]
    pub fn used(&self) -> Option<&str> {
        self.used.as_deref().filter(|_| self.is_connected())
    }

    /// What it knows of each endpoint, in the order in which they are tried.
    pub fn candidates(&self) -> impl Iterator<Item = &Candidate> {
        self.candidates.keys().filter_map(|key| self.candidates.get(key))
    }

    /// The failover of a connector that has not dialled yet. `seed` is for jitter.
    #[must_use]
    pub fn new(connector: &Connector, seed: u64) -> Self {
        Self {
            name: connector.name.as_str().into(),
            role: connector.role,
            follow: connector.failover.follow_advertised,
            backoff: connector.failover.backoff,
            hold_down: connector.failover.fail_back,
            candidates: Candidates::new(connector),
            current: None,
            state: State::Ask(FailoverCause::Startup),
            round: 0,
            unstable: 0,
            used: None,
            attempts: 0,
            failovers: 0,
            retry_after: None,
            down_since_ms: None,
            random: Random::new(seed),
        }
    }

    /// Goes on as it is configured now: a connection stays, and what was dialled beside it is to be left; without one it starts
    /// again. What was counted stays.
    pub fn change(&mut self, clock: Clock, connector: &Connector) {
        self.role = connector.role;
        self.follow = connector.failover.follow_advertised;
        self.backoff = connector.failover.backoff;
        self.hold_down = connector.failover.fail_back;
        self.candidates.change(connector);
        if self.is_connected() {
            self.hold_down(clock.now);
        } else {
            (self.round, self.unstable, self.retry_after) = (0, 0, None);
            self.state = State::Ask(FailoverCause::Startup);
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
                match self.dial_next(&mut left, clock.unix_ms) {
                    Some((_, dial)) => {
                        self.state = State::Dialing { left };
                        Step::Dial(dial)
                    }
                    None => Step::Wait(self.exhausted(clock.now)),
                }
            }
            State::Connected { .. } => self.poll_back(clock),
            State::Asking(_) | State::Dialing { .. } | State::Waiting { .. } => Step::Idle,
        }
    }

    /// What to do beside the connection.
    fn poll_back(&mut self, clock: Clock) -> Step {
        let State::Connected { back, .. } = &mut self.state else {
            return Step::Idle;
        };
        match back {
            Back::Waiting { until } if clock.now < *until => Step::Wait(*until),
            Back::Waiting { .. } => {
                let asked: Vec<Key> = self.candidates.keys().collect();
                let current = asked.iter().position(|key| Some(*key) == self.current);
                *back = Back::Asking(asked.clone());
                let current = current.and_then(|at| u32::try_from(at).ok());
                Step::Ask(self.request(FailoverCause::Reconsider, current, &asked))
            }
            Back::Round { next, .. } if clock.now < *next => Step::Wait(*next),
            Back::Round { left, .. } => {
                let mut left = std::mem::take(left);
                if let Some((key, dial)) = self.dial_next(&mut left, clock.unix_ms) {
                    self.set_back(Back::Dialing { key, left });
                    return Step::Dial(dial);
                }
                self.hold_down(clock.now);
                self.poll_back(clock)
            }
            Back::Never | Back::Asking(_) | Back::Dialing { .. } => Step::Idle,
        }
    }

    fn set_back(&mut self, to: Back) {
        if let State::Connected { back, .. } = &mut self.state {
            *back = to;
        }
    }

    /// Waits before anything is tried beside the connection, where somebody comes before the one in use.
    fn hold_down(&mut self, now: Time) {
        let back = match self.hold_down.filter(|_| !self.better().is_empty()) {
            Some(wait) => Back::Waiting { until: now + wait },
            None => Back::Never,
        };
        self.set_back(back);
    }

    /// Those with a lower priority than the one in use, in their order.
    fn better(&self) -> Vec<Key> {
        let priority = |key: Key| self.candidates.get(key).map(|candidate| candidate.priority);
        let current = self.current.and_then(priority);
        self.candidates.keys().filter(|key| priority(*key) < current).collect()
    }

    fn ask(&mut self, cause: FailoverCause) -> FailoverRequest {
        let lost = self.current.filter(|key| cause == FailoverCause::Lost && self.candidates.get(*key).is_some());
        let others = self.candidates.keys().filter(|key| Some(*key) != lost);
        let asked: Vec<Key> = lost.into_iter().chain(others).collect();
        let request = self.request(cause, lost.map(|_| 0), &asked);
        self.state = State::Asking(asked);
        request
    }

    fn request(&self, cause: FailoverCause, current: Option<u32>, asked: &[Key]) -> FailoverRequest {
        FailoverRequest {
            connector: self.name.clone(),
            role: self.role,
            cause,
            round: self.round,
            current,
            down_since_ms: self.down_since_ms,
            candidates: asked.iter().filter_map(|key| self.candidates.get(*key).cloned()).collect(),
        }
    }

    /// The first of those left that is still known.
    fn dial_next(&mut self, left: &mut VecDeque<Turn>, unix_ms: u64) -> Option<(Key, Dial)> {
        std::iter::from_fn(|| left.pop_front()).find_map(|turn| Some((turn.key, self.dial(turn.key, unix_ms)?)))
    }

    /// `None` for a candidate that is known no longer.
    fn dial(&mut self, key: Key, unix_ms: u64) -> Option<Dial> {
        let candidate = self.candidates.get_mut(key)?;
        candidate.attempts = candidate.attempts.saturating_add(1);
        candidate.last_attempt_at_ms = Some(unix_ms);
        self.attempts = self.attempts.saturating_add(1);
        if !self.is_connected() {
            self.current = Some(key);
        }
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
        let asked = match &self.state {
            State::Asking(asked) => asked,
            State::Connected { back: Back::Asking(_), .. } => return self.handle_back_answer(clock, answer),
            _ => return,
        };
        let left = match answer {
            Some(answer) => {
                self.retry_after = answer.retry_after;
                turns(asked, answer.order).collect()
            }
            None => {
                self.retry_after = None;
                asked.iter().copied().map(at_once).collect()
            }
        };
        self.start(clock.now, left);
    }

    /// Those who come before the one in use are tried.
    fn handle_back_answer(&mut self, clock: Clock, answer: Option<FailoverAnswer>) {
        let State::Connected { back: Back::Asking(asked), .. } = &self.state else {
            return;
        };
        let left = match answer {
            Some(answer) => turns(asked, answer.order).take_while(|turn| Some(turn.key) != self.current).collect(),
            None => self.better().into_iter().map(at_once).collect(),
        };
        self.go_back(clock.now, left);
    }

    /// Goes on with what is left of the way back.
    fn go_back(&mut self, now: Time, left: VecDeque<Turn>) {
        match left.front() {
            Some(turn) => self.set_back(Back::Round { next: now + turn.delay, left }),
            None => self.hold_down(now),
        }
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
        match &mut self.state {
            State::Dialing { left } => {
                let left = std::mem::take(left);
                self.down_since_ms.get_or_insert(clock.unix_ms);
                self.record(self.current, failure);
                self.start(clock.now, left);
            }
            State::Connected { back: Back::Dialing { key, left }, .. } => {
                let (key, left) = (*key, std::mem::take(left));
                self.record(Some(key), failure);
                self.go_back(clock.now, left);
            }
            _ => {}
        }
    }

    fn record(&mut self, key: Option<Key>, failure: Failure) {
        let Some(candidate) = key.and_then(|key| self.candidates.get_mut(key)) else {
            return;
        };
        candidate.failures_in_row = candidate.failures_in_row.saturating_add(1);
        candidate.last_error = Some(failure.error);
        candidate.last_condition = failure.condition;
    }

    /// The peer's Open came: of one that was dialled beside the connection, it is the connection from here on.
    pub fn handle_opened(&mut self, clock: Clock, advertisement: Advertisement) {
        let left = match &mut self.state {
            State::Dialing { left } => std::mem::take(left),
            State::Connected { back: Back::Dialing { key, .. }, .. } => {
                self.current = Some(*key);
                VecDeque::new()
            }
            _ => return,
        };
        self.state = State::Connected { since: clock.now, left, back: Back::Never };
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
        self.hold_down(clock.now);
    }

    /// Says so when another endpoint is in use than before.
    fn tell_used(&mut self, clock: Clock) {
        let Some(to) = self.current.and_then(|key| self.candidates.get(key)).map(url) else {
            return;
        };
        if let Some(from) = self.used.as_ref().filter(|from| **from != to) {
            let down_ms = self.down_since_ms.map(|since| clock.unix_ms.saturating_sub(since));
            tracing::info!(target: "connector", connector = &*self.name, from, to, down_ms, "failed over");
            self.failovers = self.failovers.saturating_add(1);
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
        let State::Connected { since, left, .. } = &mut self.state else {
            return;
        };
        let (since, left) = (*since, std::mem::take(left));
        self.down_since_ms = Some(clock.unix_ms);
        self.record(self.current, failure);
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

/// What policy picked of the candidates that it was asked about.
fn turns(asked: &[Key], order: Vec<Pick>) -> impl Iterator<Item = Turn> {
    let turn = |Pick { index, delay, .. }| Some(Turn { key: *asked.get(usize::try_from(index).ok()?)?, delay });
    order.into_iter().filter_map(turn)
}

const fn at_once(key: Key) -> Turn {
    Turn { key, delay: Duration::ZERO }
}

/// A candidate as it is written.
#[must_use]
pub fn url(candidate: &Candidate) -> String {
    format!("{}://{}", candidate.scheme.as_str(), host_port(&candidate.host, candidate.port))
}
