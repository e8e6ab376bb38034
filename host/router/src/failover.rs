//! Failover: which endpoint a connector dials next, and when.
//!
//! ```text
//! Ask -> Asking -> Round -> Dialing -> Connected -> Ask (lost, redirected)
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
use crate::failover_list::{Advertised, Advertisement};

/// A connection that ends sooner than this after its Open does not count as one that worked.
const STABLE: Duration = Duration::from_secs(1);

/// Between rounds, whatever policy says: a round without candidates takes no time.
const RETRY_MIN: Duration = Duration::from_millis(100);

/// So often in a row a connector goes where a peer sends it; then it goes on in its round as if it had lost the peer.
const REDIRECTS_MAX: u32 = 4;

/// Why an attempt or a connection ended.
#[derive(Debug, Clone, Default)]
pub struct Failure {
    /// For people.
    pub error: String,
    /// The AMQP condition, where the peer gave one.
    pub condition: Option<String>,
    /// Where the peer sends the router.
    pub redirect: Option<Box<Advertised>>,
}

impl From<String> for Failure {
    fn from(error: String) -> Self {
        Self { error, ..Self::default() }
    }
}

/// What is known of a peer when its Open has come.
#[derive(Debug, Clone, Default)]
pub struct Opened {
    /// What its Open says about others.
    pub advertisement: Advertisement,
    /// µs that the TCP connection took.
    pub rtt_us: Option<u32>,
    /// Unix time in ms: the end of its certificate, where it showed one.
    pub certificate_not_after_ms: Option<u64>,
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
    /// One may go first: that which was lost, or to which a peer sends the router.
    Ask {
        cause: FailoverCause,
        first: Option<Key>,
    },
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
    /// How often it went where a peer sent it, since a connection was stable or a round was exhausted.
    redirects: u32,
    /// Where the last connection led.
    used: Option<String>,
    attempts: u64,
    failovers: u64,
    retry_after: Option<Duration>,
    /// What policy wanted last.
    reconsider_after: Option<Duration>,
    down_since_ms: Option<u64>,
    random: Random,
}

impl Failover {
    /// What may be dialled, as URLs: the one in use or next to try first, then those that follow it in order.
    #[must_use]
    pub fn urls(&self) -> Vec<String> {
        let keys: Vec<Key> = self.candidates.keys().collect();
        let first = match &self.state {
            State::Dialing { .. } | State::Connected { .. } => self.current,
            State::Ask { first, .. } => *first,
            State::Asking(asked) => asked.first().copied(),
            State::Round { left, .. } => left.front().map(|turn| turn.key),
            State::Waiting { .. } => None,
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
            state: State::Ask { cause: FailoverCause::Startup, first: None },
            round: 0,
            unstable: 0,
            redirects: 0,
            used: None,
            attempts: 0,
            failovers: 0,
            retry_after: None,
            reconsider_after: None,
            down_since_ms: None,
            random: Random::new(seed),
        }
    }

    /// Goes on as it is configured now: a connection stays, and what was dialled beside it is to be left; where others may be dialled
    /// than before, policy is asked whether one of them is to take its place. Without one it starts again. What was counted stays.
    pub fn change(&mut self, clock: Clock, connector: &Connector) {
        self.role = connector.role;
        self.follow = connector.failover.follow_advertised;
        self.backoff = connector.failover.backoff;
        self.hold_down = connector.failover.fail_back;
        let others = self.candidates.change(connector);
        if !self.is_connected() {
            (self.round, self.unstable, self.redirects, self.retry_after) = (0, 0, 0, None);
            self.state = State::Ask { cause: FailoverCause::Reload, first: None };
        } else if others {
            self.set_back(Back::Ask(FailoverCause::Reload));
        } else {
            self.hold_down(clock.now);
        }
    }

    /// What to do now.
    pub fn poll(&mut self, clock: Clock) -> Step {
        if let State::Waiting { until } = self.state {
            if clock.now < until {
                return Step::Wait(until);
            }
            self.state = State::Ask { cause: FailoverCause::Exhausted, first: None };
        }
        match &mut self.state {
            State::Ask { cause, first } => {
                let (cause, first) = (*cause, *first);
                Step::Ask(self.ask(cause, first))
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
            Back::Waiting { .. } => self.ask_back(FailoverCause::Reconsider),
            Back::Ask(cause) => {
                let cause = *cause;
                self.ask_back(cause)
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
            Back::Never | Back::Asking(..) | Back::Dialing { .. } => Step::Idle,
        }
    }

    fn ask_back(&mut self, cause: FailoverCause) -> Step {
        let asked: Vec<Key> = self.candidates.keys().collect();
        self.set_back(Back::Asking(cause, asked.clone()));
        Step::Ask(self.request(cause, self.current, &asked))
    }

    fn set_back(&mut self, to: Back) {
        if let State::Connected { back, .. } = &mut self.state {
            *back = to;
        }
    }

    /// Waits before anything is tried beside the connection, where policy wants to be asked, or somebody comes before the one in use.
    fn hold_down(&mut self, now: Time) {
        let wait = self.reconsider_after.or_else(|| self.hold_down.filter(|_| !self.better().is_empty()));
        let back = match wait {
            Some(wait) => Back::Waiting { until: now + wait },
            None => Back::Never,
        };
        self.set_back(back);
    }

    /// Those with a lower priority than the one in use, in their order; none where nobody is to go back to them.
    fn better(&self) -> Vec<Key> {
        if self.hold_down.is_none() {
            return Vec::new();
        }
        let priority = |key: Key| self.candidates.get(key).map(|candidate| candidate.priority);
        let current = self.current.and_then(priority);
        self.candidates.keys().filter(|key| priority(*key) < current).collect()
    }

    fn ask(&mut self, cause: FailoverCause, first: Option<Key>) -> FailoverRequest {
        let first = first.filter(|key| self.candidates.get(*key).is_some());
        let others = self.candidates.keys().filter(|key| Some(*key) != first);
        let asked: Vec<Key> = first.into_iter().chain(others).collect();
        let lost = self.current.filter(|_| matches!(cause, FailoverCause::Lost | FailoverCause::Redirected));
        let request = self.request(cause, lost, &asked);
        self.state = State::Asking(asked);
        request
    }

    fn request(&self, cause: FailoverCause, current: Option<Key>, asked: &[Key]) -> FailoverRequest {
        let current = asked.iter().position(|key| Some(*key) == current).and_then(|at| u32::try_from(at).ok());
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
            State::Connected { back: Back::Asking(..), .. } => return self.handle_back_answer(clock, answer),
            _ => return,
        };
        let left = match answer {
            Some(answer) => {
                (self.retry_after, self.reconsider_after) = (answer.retry_after, answer.reconsider_after);
                turns(asked, answer.order).collect()
            }
            None => {
                (self.retry_after, self.reconsider_after) = (None, None);
                asked.iter().copied().map(at_once).collect()
            }
        };
        self.start(clock.now, left);
    }

    /// Those who come before the one in use are tried. Who has no opinion any more is asked again all the same.
    fn handle_back_answer(&mut self, clock: Clock, answer: Option<FailoverAnswer>) {
        let State::Connected { back: Back::Asking(cause, asked), .. } = &self.state else {
            return;
        };
        let left = match answer {
            Some(answer) => {
                self.reconsider_after = answer.reconsider_after;
                turns(asked, answer.order).take_while(|turn| Some(turn.key) != self.current).collect()
            }
            None if *cause == FailoverCause::Reconsider => self.better().into_iter().map(at_once).collect(),
            None => VecDeque::new(),
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
        self.redirects = 0;
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
    pub fn handle_opened(&mut self, clock: Clock, opened: Opened) {
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
            candidate.last_rtt_us = opened.rtt_us;
            candidate.certificate_not_after_ms = opened.certificate_not_after_ms;
        }
        if let Some(items) = opened.advertisement.items.filter(|_| self.follow) {
            let left_out = self.candidates.advertise(items, self.current);
            if left_out > 0 {
                tracing::info!(target: "connector", connector = &*self.name, left_out, "advertised endpoints are left out: `allow` does not name them, or they differ in TLS from the configured ones");
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

    /// The connection was lost after the peer's Open, or its peer sends the router elsewhere.
    pub fn handle_lost(&mut self, clock: Clock, mut failure: Failure) {
        let State::Connected { since, left, .. } = &mut self.state else {
            return;
        };
        let (since, left) = (*since, std::mem::take(left));
        self.down_since_ms = Some(clock.unix_ms);
        let redirect = failure.redirect.take();
        self.record(self.current, failure);
        if clock.now.since(since) >= STABLE {
            (self.unstable, self.round, self.redirects) = (0, 0, 0);
        }
        if let Some(key) = redirect.and_then(|to| self.redirected(&to)) {
            self.state = State::Ask { cause: FailoverCause::Redirected, first: Some(key) };
            return;
        }
        if clock.now.since(since) < STABLE {
            self.unstable = self.unstable.saturating_add(1);
        }
        if self.unstable < 2 {
            self.state = State::Ask { cause: FailoverCause::Lost, first: self.current };
        } else {
            // a peer that opens and goes again and again counts as one that cannot be reached
            self.start(clock.now, left);
        }
    }

    /// Where the peer sends the router; `None` where it is not to go there, or has gone too often.
    fn redirected(&mut self, to: &Advertised) -> Option<Key> {
        self.redirects = self.redirects.saturating_add(1);
        let follows = self.follow && self.redirects <= REDIRECTS_MAX;
        let found = follows.then(|| self.candidates.redirect(to, self.current)).flatten();
        if found.is_none() {
            let (to, in_row) = (host_port(&to.host, to.port), self.redirects);
            tracing::info!(target: "connector", connector = &*self.name, to, in_row, "a redirect is not followed");
        }
        found
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
