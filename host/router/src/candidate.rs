//! Candidates: the endpoints that a connector may dial, each under a key that stays its own.

use crosstie_model::policy::{Candidate, CandidateOrigin};
use crosstie_model::settings::{Connector, Endpoint, Scheme};

use crate::failover_list::Advertised;

/// Tells a candidate from all others that a connector knows or knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// What a connector knows: the configured candidates by priority and file order, then those that peers have named.
#[derive(Debug)]
pub(crate) struct Candidates {
    known: Vec<(Key, Candidate)>,
    configured: usize,
    next: u64,
    /// Hosts that a peer may name, and that credentials may be shown to.
    allow: Vec<String>,
    /// As which those are dialled that a peer names without a scheme, and the only one that is.
    scheme: Scheme,
}

impl Candidates {
    /// Those of the configuration.
    pub(crate) fn new(connector: &Connector) -> Self {
        let mut candidates =
            Self { known: Vec::new(), configured: 0, next: 0, allow: Vec::new(), scheme: Scheme::Amqp };
        candidates.change(connector);
        candidates
    }

    /// Takes those of another configuration, and keeps what a peer has named and is allowed there. Who is known already stays who
    /// it is. Answers whether others may be dialled than before, or in another order.
    pub(crate) fn change(&mut self, connector: &Connector) -> bool {
        let old = std::mem::take(&mut self.known);
        let mut configured: Vec<Candidate> = connector.endpoints.iter().map(from_endpoint).collect();
        configured.sort_by_key(|candidate| candidate.priority);
        self.configured = configured.len();
        self.allow.clone_from(&connector.failover.allow);
        self.scheme = if connector.tls.is_some() { Scheme::Amqps } else { Scheme::Amqp };
        for candidate in configured {
            let before = old
                .iter()
                .find(|(key, known)| is_at(known, (&candidate.host, candidate.port)) && self.get(*key).is_none());
            match before {
                Some((key, known)) => self.known.push((*key, configured_as(known, candidate))),
                None => self.add(candidate),
            }
        }
        for (key, known) in old.iter().filter(|(_, known)| known.origin != CandidateOrigin::Configured) {
            let follows = connector.failover.follow_advertised && self.takes(&known.host, Some(known.scheme));
            if follows && self.at((&known.host, known.port)).is_none() {
                self.known.push((*key, known.clone()));
            }
        }
        self.known != old
    }

    fn add(&mut self, candidate: Candidate) {
        self.known.push((Key(self.next), candidate));
        self.next = self.next.saturating_add(1);
    }

    /// All keys, in order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = Key> {
        self.known.iter().map(|(key, _)| *key)
    }

    /// `None`: the peer's list names it no longer.
    pub(crate) fn get(&self, key: Key) -> Option<&Candidate> {
        self.known.iter().find(|(known, _)| *known == key).map(|(_, candidate)| candidate)
    }

    /// As [`Self::get`].
    pub(crate) fn get_mut(&mut self, key: Key) -> Option<&mut Candidate> {
        self.known.iter_mut().find(|(known, _)| *known == key).map(|(_, candidate)| candidate)
    }

    /// Whether the connector's credentials may be shown to it: the operator named its host.
    pub(crate) fn is_trusted(&self, candidate: &Candidate) -> bool {
        candidate.origin == CandidateOrigin::Configured || self.is_listed(&candidate.host)
    }

    fn is_listed(&self, host: &str) -> bool {
        self.allow.iter().any(|pattern| matches(pattern, host))
    }

    /// Whether a host that a peer has named may be dialled: nobody is without TLS where it is configured, nor with it where it is not.
    fn takes(&self, host: &str, scheme: Option<Scheme>) -> bool {
        (self.allow.is_empty() || self.is_listed(host)) && scheme.is_none_or(|scheme| scheme == self.scheme)
    }

    fn at(&self, place: (&str, u16)) -> Option<Key> {
        self.known.iter().find(|(_, known)| is_at(known, place)).map(|(key, _)| *key)
    }

    /// Keeps the configured candidates and the one in use, then takes what is advertised and allowed. Who is known
    /// already stays who it is. Answers how many are left out because they are not allowed or not served.
    pub(crate) fn advertise(&mut self, items: Vec<Advertised>, current: Option<Key>) -> usize {
        let mut left_out: usize = 0;
        let old = self.known.split_off(self.configured);
        self.known.extend(old.iter().filter(|(key, _)| Some(*key) == current).cloned());
        for item in items {
            if !self.takes(&item.host, item.scheme) {
                left_out = left_out.saturating_add(1);
                continue;
            }
            let place = (item.host.as_str(), item.port);
            if self.at(place).is_some() {
                continue;
            }
            let found = named(&item, CandidateOrigin::Advertised, self.scheme);
            match old.iter().find(|(_, known)| is_at(known, place)) {
                Some((key, known)) => self.known.push((*key, configured_as(known, found))),
                None => self.add(found),
            }
        }
        left_out
    }

    /// Takes the one that a peer sends the router to, in the place of another one that came so before, unless that is in use.
    /// `None`: it is not allowed, or not served.
    pub(crate) fn redirect(&mut self, item: &Advertised, current: Option<Key>) -> Option<Key> {
        if !self.takes(&item.host, item.scheme) {
            return None;
        }
        let place = (item.host.as_str(), item.port);
        let stays = |key: Key, known: &Candidate| Some(key) == current || is_at(known, place);
        self.known.retain(|(key, known)| known.origin != CandidateOrigin::Redirected || stays(*key, known));
        if self.at(place).is_none() {
            self.add(named(item, CandidateOrigin::Redirected, self.scheme));
        }
        self.at(place)
    }
}

fn from_endpoint(endpoint: &Endpoint) -> Candidate {
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
        last_rtt_us: None,
        certificate_not_after_ms: None,
    }
}

/// One that a peer has named.
fn named(item: &Advertised, origin: CandidateOrigin, scheme: Scheme) -> Candidate {
    let endpoint = Endpoint { scheme, host: item.host.clone(), port: item.port, priority: u8::MAX, labels: Vec::new() };
    Candidate { hostname: item.hostname.clone(), origin, ..from_endpoint(&endpoint) }
}

/// What is known of a candidate, which is configured otherwise from here on.
fn configured_as(known: &Candidate, configured: Candidate) -> Candidate {
    Candidate {
        attempts: known.attempts,
        failures_in_row: known.failures_in_row,
        last_error: known.last_error.clone(),
        last_condition: known.last_condition.clone(),
        last_attempt_at_ms: known.last_attempt_at_ms,
        last_success_at_ms: known.last_success_at_ms,
        last_rtt_us: known.last_rtt_us,
        certificate_not_after_ms: known.certificate_not_after_ms,
        ..configured
    }
}

fn is_at(candidate: &Candidate, (host, port): (&str, u16)) -> bool {
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
