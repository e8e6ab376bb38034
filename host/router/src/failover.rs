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
use crosstie_model::policy::{Candidate, CandidateOrigin, FailoverAnswer, FailoverCause, FailoverRequest, Pick};
use crosstie_model::settings::{Backoff, Connector, Endpoint, Role, Scheme};

use crate::failover_list::{Advertised, Advertisement};

/// A connection that ends sooner than this after its Open does not count as one that worked.
const STABLE: Duration = Duration::from_secs(1);

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

#[derive(Debug)]
enum State {
    Ask(FailoverCause),
    Asking,
    Round { left: VecDeque<Pick>, next: Time },
    Dialing { left: VecDeque<Pick> },
    Connected { since: Time, left: VecDeque<Pick> },
    Waiting { until: Time },
}

/// The failover of one connector.
#[derive(Debug)]
pub struct Failover {
    name: Arc<str>,
    role: Role,
    follow: bool,
    allow: Vec<String>,
    backoff: Backoff,
    /// Configured ones by priority and file order, then the advertised.
    known: Vec<Candidate>,
    configured: usize,
    /// The candidates of the last request, in its order: indexes into `known`.
    asked: Vec<usize>,
    /// Dialled, in use, or lost last.
    current: Option<usize>,
    state: State,
    /// Rounds since the last connection that worked.
    round: u32,
    /// Connections in a row that ended before they were stable.
    unstable: u32,
    retry_after: Option<Duration>,
    down_since_ms: Option<u64>,
    random: u64,
}

impl Failover {
    /// The failover of a connector that has not dialled yet. `seed` is for jitter.
    #[must_use]
    pub fn new(connector: &Connector, seed: u64) -> Self {
        let mut known: Vec<Candidate> = connector.endpoints.iter().map(configured).collect();
        known.sort_by_key(|candidate| candidate.priority);
        Self {
            name: connector.name.as_str().into(),
            role: connector.role,
            follow: connector.failover.follow_advertised,
            allow: connector.failover.allow.clone(),
            backoff: connector.failover.backoff,
            configured: known.len(),
            known,
            asked: Vec::new(),
            current: None,
            state: State::Ask(FailoverCause::Startup),
            round: 0,
            unstable: 0,
            retry_after: None,
            down_since_ms: None,
            random: seed,
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
                self.state = State::Asking;
                Step::Ask(self.request(cause))
            }
            State::Round { next, .. } if clock.now < *next => Step::Wait(*next),
            State::Round { left, .. } => {
                let mut left = std::mem::take(left);
                let pick = left.pop_front().and_then(|pick| self.asked.get(usize::try_from(pick.index).ok()?).copied());
                let Some(at) = pick else {
                    self.exhausted(clock.now);
                    return self.poll(clock);
                };
                self.state = State::Dialing { left };
                self.dial(at, clock.unix_ms)
            }
            State::Asking | State::Dialing { .. } | State::Connected { .. } | State::Waiting { .. } => Step::Idle,
        }
    }

    fn request(&mut self, cause: FailoverCause) -> FailoverRequest {
        let lost = self.current.filter(|_| cause == FailoverCause::Lost);
        let others = (0..self.known.len()).filter(|at| Some(*at) != lost);
        self.asked = lost.into_iter().chain(others).collect();
        FailoverRequest {
            connector: self.name.clone(),
            role: self.role,
            cause,
            round: self.round,
            current: lost.map(|_| 0),
            down_since_ms: self.down_since_ms,
            candidates: self.asked.iter().filter_map(|at| self.known.get(*at).cloned()).collect(),
        }
    }

    fn dial(&mut self, at: usize, unix_ms: u64) -> Step {
        self.current = Some(at);
        let Some(candidate) = self.known.get_mut(at) else {
            return Step::Idle;
        };
        candidate.attempts = candidate.attempts.saturating_add(1);
        candidate.last_attempt_at_ms = Some(unix_ms);
        let trusted = candidate.origin == CandidateOrigin::Configured
            || self.allow.iter().any(|pattern| matches(pattern, &candidate.host));
        Step::Dial(Dial {
            host: candidate.host.clone(),
            port: candidate.port,
            hostname: candidate.hostname.clone().unwrap_or_else(|| candidate.host.clone()),
            with_credentials: trusted,
        })
    }

    /// Takes what policy said to a [`Step::Ask`]; `None`: all candidates, in their order, without delays.
    pub fn handle_answer(&mut self, clock: Clock, answer: Option<FailoverAnswer>) {
        if !matches!(self.state, State::Asking) {
            return;
        }
        let all = (0_u32..).zip(&self.asked).map(|(index, _)| Pick { index, delay: Duration::ZERO });
        let left = match answer {
            Some(answer) => {
                self.retry_after = answer.retry_after;
                answer.order.into()
            }
            None => {
                self.retry_after = None;
                all.collect()
            }
        };
        self.start(clock.now, left);
    }

    fn start(&mut self, now: Time, left: VecDeque<Pick>) {
        match left.front() {
            Some(pick) => self.state = State::Round { next: now + pick.delay, left },
            None => self.exhausted(now),
        }
    }

    fn exhausted(&mut self, now: Time) {
        let wait = self.retry_after.take().unwrap_or_else(|| self.wait(self.round));
        self.round = self.round.saturating_add(1);
        self.state = State::Waiting { until: now + wait };
    }

    /// base * 2^n, at most the cap, with jitter.
    fn wait(&mut self, n: u32) -> Duration {
        let Backoff { base, cap, jitter } = self.backoff;
        let wait = base.saturating_mul(1_u32.checked_shl(n).unwrap_or(u32::MAX)).min(cap);
        // splitmix64, by Sebastiano Vigna
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        let share = f64::from(u32::try_from((z ^ (z >> 31)) >> 32).unwrap_or(0)) / f64::from(u32::MAX);
        wait.mul_f64((1.0 + jitter * (share * 2.0 - 1.0)).clamp(0.0, 2.0))
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
        let Some(candidate) = self.current.and_then(|at| self.known.get_mut(at)) else {
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
        self.down_since_ms = None;
        if let Some(candidate) = self.current.and_then(|at| self.known.get_mut(at)) {
            candidate.failures_in_row = 0;
            candidate.last_success_at_ms = Some(clock.unix_ms);
        }
        if let Some(items) = advertisement.items.filter(|_| self.follow) {
            self.advertised(items);
        }
    }

    /// Keeps the configured and the current candidate, then appends what is new.
    fn advertised(&mut self, items: Vec<Advertised>) {
        let current = self.current.and_then(|at| self.known.get(at)).cloned();
        let old = self.known.split_off(self.configured);
        if let Some(current) = current {
            let place = self.known.iter().position(|known| same(known, &current.host, current.port));
            self.current = Some(place.unwrap_or(self.known.len()));
            if place.is_none() {
                self.known.push(current);
            }
        }
        for item in items {
            let allowed = self.allow.is_empty() || self.allow.iter().any(|pattern| matches(pattern, &item.host));
            // only plain TCP is dialled; what wants TLS is never downgraded
            let served = item.scheme == Scheme::Amqp;
            if !allowed || !served || self.known.iter().any(|known| same(known, &item.host, item.port)) {
                continue;
            }
            let before = old.iter().find(|known| same(known, &item.host, item.port)).cloned();
            self.known.push(before.unwrap_or_else(|| candidate(&item)));
        }
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

fn configured(endpoint: &Endpoint) -> Candidate {
    Candidate {
        host: endpoint.host.clone(),
        port: endpoint.port,
        scheme: endpoint.scheme,
        hostname: None,
        origin: CandidateOrigin::Configured,
        priority: endpoint.priority,
        labels: endpoint.labels.clone(),
        attempts: 0,
        failures_in_row: 0,
        last_error: None,
        last_condition: None,
        last_attempt_at_ms: None,
        last_success_at_ms: None,
    }
}

fn candidate(item: &Advertised) -> Candidate {
    let endpoint = Endpoint {
        scheme: item.scheme,
        host: item.host.clone(),
        port: item.port,
        priority: u8::MAX,
        labels: Vec::new(),
    };
    Candidate { hostname: item.hostname.clone(), origin: CandidateOrigin::Advertised, ..configured(&endpoint) }
}

fn same(candidate: &Candidate, host: &str, port: u16) -> bool {
    candidate.port == port && candidate.host.eq_ignore_ascii_case(host)
}

/// Whether a pattern, in which `*` stands for any text, covers a host.
fn matches(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    let mut parts = pattern.split('*');
    let first = parts.next().unwrap_or_default();
    let Some(mut rest) = host.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.collect::<Vec<_>>();
    let Some(last) = parts.pop() else {
        return rest.is_empty();
    };
    for part in parts {
        let Some((_, after)) = rest.split_once(part) else {
            return false;
        };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    use crosstie_model::settings::{ConnectionLimits, ConnectionSettings, LinkCapacity};

    fn connector(allow: &[&str]) -> Connector {
        let endpoint = |host: &str, priority| Endpoint {
            scheme: Scheme::Amqp,
            host: host.to_owned(),
            port: 5672,
            priority,
            labels: Vec::new(),
        };
        Connector {
            name: "broker".to_owned(),
            role: Role::RouteContainer,
            endpoints: vec![endpoint("b", 1), endpoint("a", 0), endpoint("c", 1)],
            username: None,
            password: None,
            failover: crosstie_model::settings::Failover {
                follow_advertised: true,
                allow: allow.iter().map(|host| (*host).to_owned()).collect(),
                backoff: Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8), jitter: 0.0 },
            },
            connection: ConnectionSettings {
                sasl: Vec::new(),
                allow_plain_without_tls: false,
                handshake_timeout: Duration::from_secs(10),
                idle_timeout: Duration::ZERO,
                max_frame_size: 16384,
                max_sessions: 1,
                link_capacity: LinkCapacity { initial: 1, max: 1 },
                properties: Vec::new(),
                limits: ConnectionLimits::default(),
            },
        }
    }

    fn clock(seconds: u64) -> Clock {
        Clock { now: Time(seconds * 1_000_000), unix_ms: seconds * 1000 }
    }

    fn dialled(failover: &mut Failover, at: Clock) -> Dial {
        loop {
            match failover.poll(at) {
                Step::Ask(_) => failover.handle_answer(at, None),
                Step::Dial(dial) => return dial,
                other => panic!("{other:?}"),
            }
        }
    }

    /// The hosts that are tried at one moment, each failing.
    fn round(failover: &mut Failover, at: Clock) -> (String, Time) {
        let mut hosts = String::new();
        loop {
            match failover.poll(at) {
                Step::Ask(_) => failover.handle_answer(at, None),
                Step::Dial(dial) => {
                    hosts.push_str(&dial.host);
                    failover.handle_failed(at, Failure::default());
                }
                Step::Wait(until) => return (hosts, until),
                Step::Idle => panic!("idle"),
            }
        }
    }

    fn advertise(hosts: &[&str]) -> Advertisement {
        let item =
            |host: &&str| Advertised { host: (*host).to_owned(), port: 5672, scheme: Scheme::Amqp, hostname: None };
        Advertisement { items: Some(hosts.iter().map(item).collect()), skipped: 0 }
    }

    #[test]
    fn rounds_go_by_priority_and_back_off() {
        let mut failover = Failover::new(&connector(&[]), 1);
        let mut at = 0;
        for wait in [1, 2, 4, 8, 8] {
            assert_eq!(round(&mut failover, clock(at)), ("abc".to_owned(), clock(at + wait).now));
            at += wait;
        }
    }

    #[test]
    fn the_lost_one_comes_first_and_advertised_ones_last() {
        let mut failover = Failover::new(&connector(&[]), 1);
        assert_eq!(dialled(&mut failover, clock(0)).host, "a");
        failover.handle_failed(clock(0), Failure::default());
        assert_eq!(dialled(&mut failover, clock(0)).host, "b");
        failover.handle_opened(clock(0), advertise(&["x", "a", "y"]));
        failover.handle_lost(clock(9), Failure::default());
        assert_eq!(round(&mut failover, clock(9)).0, "bacxy");
    }

    #[test]
    fn an_advertised_peer_replaces_the_list_and_stays_itself() {
        let mut failover = Failover::new(&connector(&[]), 1);
        dialled(&mut failover, clock(0));
        failover.handle_opened(clock(0), advertise(&["x", "y"]));
        failover.handle_lost(clock(5), Failure::default());
        for host in ["a", "b", "c", "x"] {
            assert_eq!(dialled(&mut failover, clock(5)).host, host);
            if host != "x" {
                failover.handle_failed(clock(5), Failure::default());
            }
        }
        failover.handle_opened(clock(5), advertise(&[]));
        failover.handle_lost(clock(9), Failure::default());
        assert_eq!(round(&mut failover, clock(9)).0, "xabc");
    }

    #[test]
    fn credentials_go_only_to_hosts_that_the_operator_named() {
        let mut open = Failover::new(&connector(&[]), 1);
        assert!(dialled(&mut open, clock(0)).with_credentials);
        open.handle_opened(clock(0), advertise(&["x"]));
        open.handle_lost(clock(5), Failure::default());
        let mut listed = Failover::new(&connector(&["*.example.com"]), 1);
        dialled(&mut listed, clock(0));
        listed.handle_opened(clock(0), advertise(&["evil.example.org", "b2.example.com"]));
        listed.handle_lost(clock(5), Failure::default());
        for (failover, host, with_credentials) in [(&mut open, "x", false), (&mut listed, "b2.example.com", true)] {
            for _ in 0..3 {
                dialled(failover, clock(5));
                failover.handle_failed(clock(5), Failure::default());
            }
            let dial = dialled(failover, clock(5));
            assert_eq!((dial.host.as_str(), dial.with_credentials), (host, with_credentials));
        }
    }

    #[test]
    fn a_peer_that_opens_and_goes_is_not_dialled_in_a_loop() {
        let mut failover = Failover::new(&connector(&[]), 1);
        let mut hosts = String::new();
        let until = loop {
            match failover.poll(clock(0)) {
                Step::Ask(_) => failover.handle_answer(clock(0), None),
                Step::Dial(dial) => {
                    hosts.push_str(&dial.host);
                    failover.handle_opened(clock(0), Advertisement::default());
                    failover.handle_lost(clock(0), Failure::default());
                }
                Step::Wait(until) => break until,
                Step::Idle => panic!("idle"),
            }
        };
        assert_eq!((hosts.as_str(), until), ("aabc", clock(1).now));
    }

    #[test]
    fn a_plugins_order_delays_and_retry_hold() {
        let mut failover = Failover::new(&connector(&[]), 1);
        let Step::Ask(request) = failover.poll(clock(0)) else { panic!() };
        assert_eq!((request.cause, request.candidates.len()), (FailoverCause::Startup, 3));
        let pick = |index, delay| Pick { index, delay: Duration::from_secs(delay) };
        failover.handle_answer(
            clock(0),
            Some(FailoverAnswer {
                plugin: "p".into(),
                order: vec![pick(2, 0), pick(0, 3)],
                retry_after: Some(Duration::from_secs(60)),
                note: None,
            }),
        );
        assert_eq!(dialled(&mut failover, clock(0)).host, "c");
        failover.handle_failed(clock(0), Failure::default());
        assert!(matches!(failover.poll(clock(0)), Step::Wait(until) if until == clock(3).now));
        assert_eq!(dialled(&mut failover, clock(3)).host, "a");
        failover.handle_failed(clock(3), Failure::default());
        assert!(matches!(failover.poll(clock(3)), Step::Wait(until) if until == clock(63).now));
    }

    #[test]
    fn patterns() {
        for (pattern, host, fits) in [
            ("*", "a", true),
            ("a", "A", true),
            ("a", "ab", false),
            ("*.x", "b.x", true),
            ("*.x", "x", false),
            ("a*c*e", "abcde", true),
            ("a*c*e", "ace", true),
            ("a*a", "a", false),
        ] {
            assert_eq!(matches(pattern, host), fits, "{pattern} {host}");
        }
    }
}
