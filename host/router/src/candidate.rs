//! Candidates: the endpoints that a connector may dial, each under a key that stays its own.

use crosstie_model::policy::{Candidate, CandidateOrigin};
use crosstie_model::settings::{Connector, Endpoint, Scheme};

use crate::failover_list::Advertised;

/// Tells a candidate from all others that a connector knows or knew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key(u64);

/// What a connector knows: the configured candidates by priority and file order, then the advertised.
#[derive(Debug)]
pub(crate) struct Candidates {
    known: Vec<(Key, Candidate)>,
    configured: usize,
    next: u64,
    /// Hosts that may be advertised, and that credentials may be shown to.
    allow: Vec<String>,
    /// As which those are dialled that are advertised without a scheme, and the only one that is.
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

    /// Takes those of another configuration, and keeps what was advertised and is allowed there. Who is known already stays who
    /// it is.
    pub(crate) fn change(&mut self, connector: &Connector) {
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
        for (key, known) in old.into_iter().filter(|(_, known)| known.origin == CandidateOrigin::Advertised) {
            let allowed = self.allow.is_empty() || self.is_listed(&known.host);
            let follows = connector.failover.follow_advertised && allowed && known.scheme == self.scheme;
            if follows && !self.known.iter().any(|(_, other)| is_at(other, (&known.host, known.port))) {
                self.known.push((key, known));
            }
        }
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

    /// Keeps the configured candidates and the one in use, then takes what is advertised and allowed. Who is known
    /// already stays who it is. Answers how many are left out because they are not allowed or not served.
    pub(crate) fn advertise(&mut self, items: Vec<Advertised>, current: Option<Key>) -> usize {
        let mut left_out: usize = 0;
        let old = self.known.split_off(self.configured);
        self.known.extend(old.iter().filter(|(key, _)| Some(*key) == current).cloned());
        for item in items {
            let allowed = self.allow.is_empty() || self.is_listed(&item.host);
            // nobody is dialled without TLS where it is configured, nor with it where it is not
            let served = item.scheme.is_none_or(|scheme| scheme == self.scheme);
            if !allowed || !served {
                left_out = left_out.saturating_add(1);
                continue;
            }
            let place = (item.host.as_str(), item.port);
            if self.known.iter().any(|(_, known)| is_at(known, place)) {
                continue;
            }
            match old.iter().find(|(_, known)| is_at(known, place)) {
                Some(before) => self.known.push(before.clone()),
                None => self.add(from_advertised(&item, self.scheme)),
            }
        }
        left_out
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
    }
}

fn from_advertised(item: &Advertised, scheme: Scheme) -> Candidate {
    let endpoint = Endpoint { scheme, host: item.host.clone(), port: item.port, priority: u8::MAX, labels: Vec::new() };
    Candidate { hostname: item.hostname.clone(), origin: CandidateOrigin::Advertised, ..from_endpoint(&endpoint) }
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
