//! A plugin that limits how often peers connect: so many times within so long, for each user, for each host, or for all together.

use crosstie_plugin::config::Millis;
use crosstie_plugin::connection::{Answer, Request};
use crosstie_plugin::peer::Peer;
use crosstie_plugin::{Node, Pattern, Plugin, Problems, Refusal, host, plugin, reads};

/// The limits, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnectionRate {
    limits: Vec<Limit>,
}

/// Whose connections are counted together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Per {
    User,
    Host,
    All,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Limit {
    /// Its place among the limits, from 1.
    number: usize,
    per: Per,
    /// Only users like this; absent: everybody.
    user: Option<Pattern>,
    max: u32,
    within_ms: u32,
}

impl Plugin for ConnectionRate {
    const READS: &'static [&'static str] = reads!(connection: ctx.now_ms, recheck, peer.user, peer.ip);

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&["limit"], &mut problems);
        let limits =
            problems.keep_all((1..).zip(config.named("limit")).map(|(number, node)| Limit::read(number, node)));
        problems.or(Self { limits })
    }

    fn on_connection(&mut self, request: &Request<'_>) -> Option<Answer> {
        // it is open already, and was counted then
        if request.recheck {
            return None;
        }
        let mut counted: Vec<(String, u32)> = Vec::new();
        for limit in self.limits.iter().filter(|limit| limit.is_about(&request.peer)) {
            let whom = limit.whom(&request.peer);
            if !limit.count(&whom, request.ctx.now_ms, &mut counted) {
                // who stays out has not connected
                for (key, ttl_ms) in counted {
                    let _ = host::kv_add(key.as_bytes(), -1, ttl_ms);
                }
                host::counter_add("denied", 1);
                return Some(Answer::Deny(limit.refusal(&whom)));
            }
        }
        None
    }
}

impl Limit {
    fn read(number: usize, node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_no_arguments(&mut problems);
        node.expect_leaf(&["per", "user", "max", "within"], &mut problems);
        let per = match problems.keep(node.property::<&str>("per")).flatten() {
            Some("user") => Some(Per::User),
            Some("host") => Some(Per::Host),
            Some("all") => Some(Per::All),
            other => {
                let error = node.error(match other {
                    Some(other) => format!("`per` is `user`, `host` or `all`, not `{other}`"),
                    None => "`limit` needs `per`".to_owned(),
                });
                problems.push(error.with_hint("as in `limit per=\"host\" max=10 within=\"1s\"`"));
                None
            }
        };
        let max = problems.keep(node.property::<u32>("max"));
        let within = problems.keep(node.property::<Millis>("within"));
        for (name, is_missing) in [("max", max == Some(None)), ("within", within == Some(None))] {
            if is_missing {
                problems.push(node.error(format!("`limit` needs `{name}`")));
            }
        }
        let within_ms = within.flatten().map_or(1, |millis| millis.0);
        if within_ms == 0 {
            problems.push(node.error("`within` is longer than that"));
        }
        let user = problems.keep(node.property("user")).flatten();
        let max = max.flatten().unwrap_or_default();
        problems.or(Self { number, per: per.unwrap_or(Per::All), user, max, within_ms: within_ms.max(1) })
    }

    fn is_about(&self, peer: &Peer<'_>) -> bool {
        self.user.as_ref().is_none_or(|pattern| peer.user.is_some_and(|user| pattern.matches(user)))
    }

    fn whom(&self, peer: &Peer<'_>) -> String {
        match self.per {
            Per::User => peer.user.map_or_else(|| "nobody".to_owned(), |user| format!("user {}", begin(user))),
            Per::Host => format!("host {}", peer.ip),
            Per::All => "all".to_owned(),
        }
    }

    /// Counts one more, and says whether it is within the limit. Time is cut into windows; of the one before, the part counts that
    /// is within reach still. What cannot be counted is beyond the limit.
    fn count(&self, whom: &str, now_ms: u64, counted: &mut Vec<(String, u32)>) -> bool {
        let within = u64::from(self.within_ms);
        let (window, into) = (now_ms / within, now_ms % within);
        let key = |window: u64| format!("{}/{window}/{whom}", self.number);
        let before = window.checked_sub(1).and_then(|window| host::kv_get(key(window).as_bytes()));
        let before = before.and_then(|bytes| Some(i64::from_le_bytes(bytes.try_into().ok()?))).unwrap_or_default();
        let reach = u64::try_from(before).unwrap_or_default().saturating_mul(within - into).div_ceil(within);
        let ttl_ms = self.within_ms.saturating_mul(2);
        let key = key(window);
        let Some(count) = host::kv_add(key.as_bytes(), 1, ttl_ms) else { return false };
        counted.push((key, ttl_ms));
        u64::try_from(count).unwrap_or_default().saturating_add(reach) <= u64::from(self.max)
    }

    fn refusal(&self, whom: &str) -> Refusal {
        let note = format!("limit {}: more than {} within {} ms by {whom}", self.number, self.max, self.within_ms);
        Refusal::new("amqp:resource-limit-exceeded", "too many connections in a short time: try again later")
            .with_note(note)
    }
}

/// A key has at most 256 bytes: users that are alike for so long share one.
fn begin(user: &str) -> &str {
    const MAX_BYTES: usize = 200;
    let end = (0..=MAX_BYTES.min(user.len())).rev().find(|end| user.is_char_boundary(*end)).unwrap_or(0);
    &user[..end]
}

plugin!(ConnectionRate: connection);

#[cfg(test)]
mod tests {
    use crosstie_plugin::peer::Context;

    use super::*;

    fn limit(per: &str, max: i64, within: &str) -> Node {
        Node::new("limit").with_property("per", per).with_property("max", max).with_property("within", within)
    }

    fn rate(limits: impl IntoIterator<Item = Node>) -> ConnectionRate {
        ConnectionRate::configure(&Node::config(limits)).unwrap()
    }

    /// The note of its refusal; absent: it may connect.
    fn connect(rate: &mut ConnectionRate, now_ms: u64, user: Option<&str>, ip: &str) -> Option<String> {
        let peer = Peer { user, ip, ..Peer::default() };
        let request = Request { ctx: Context { now_ms, ..Context::default() }, peer, ..Request::default() };
        match rate.on_connection(&request)? {
            Answer::Deny(refusal) => refusal.note,
            Answer::Allow(_) => panic!("it allows nothing"),
        }
    }

    #[test]
    fn each_host_may_connect_so_often_within_a_time_that_moves_on() {
        let mut rate = rate([limit("host", 4, "1s")]);
        for _ in 0..4 {
            assert_eq!(connect(&mut rate, 10_900, None, "10.0.0.1"), None);
        }
        let note = "limit 1: more than 4 within 1000 ms by host 10.0.0.1";
        assert_eq!(connect(&mut rate, 10_999, None, "10.0.0.1").as_deref(), Some(note));
        assert_eq!(connect(&mut rate, 10_999, None, "10.0.0.2"), None);
        // the four of the window before fade as it goes by; who was refused does not count
        assert!(connect(&mut rate, 11_000, None, "10.0.0.1").is_some());
        assert_eq!(connect(&mut rate, 11_251, None, "10.0.0.1"), None);
        assert!(connect(&mut rate, 11_251, None, "10.0.0.1").is_some());
        for _ in 0..3 {
            assert_eq!(connect(&mut rate, 12_999, None, "10.0.0.1"), None);
        }
    }

    #[test]
    fn a_limit_that_refuses_takes_back_what_the_others_counted() {
        let mut rate = rate([limit("all", 3, "1m"), limit("user", 1, "1m").with_property("user", "svc-*")]);
        assert_eq!(connect(&mut rate, 0, Some("svc-a"), ""), None);
        for _ in 0..5 {
            let note = "limit 2: more than 1 within 60000 ms by user svc-a";
            assert_eq!(connect(&mut rate, 1, Some("svc-a"), "").as_deref(), Some(note));
        }
        // the second limit says nothing of them
        assert_eq!(connect(&mut rate, 2, Some("alice"), ""), None);
        assert_eq!(connect(&mut rate, 2, None, ""), None);
        let note = "limit 1: more than 3 within 60000 ms by all";
        assert_eq!(connect(&mut rate, 2, Some("alice"), "").as_deref(), Some(note));
    }

    #[test]
    fn a_connection_that_is_open_is_not_counted_again() {
        let mut rate = rate([limit("all", 0, "1s")]);
        let recheck = Request { recheck: true, ..Request::default() };
        assert_eq!(rate.on_connection(&recheck), None);
        assert!(connect(&mut rate, 0, None, "").is_some());
    }

    #[test]
    fn what_cannot_be_counted_stays_out() {
        let mut rate = rate([limit("all", 9, "1s")]);
        assert!(host::kv_put(b"1/0/all", b"no counter", 0));
        assert!(connect(&mut rate, 0, None, "").is_some());
    }

    #[test]
    fn every_problem_stands_at_its_node() {
        let config = Node::config([
            limit("host", 1, "1s"),
            Node::new("limit").with_property("max", 1).with_property("within", "1s"),
            limit("network", 1, "1s"),
            Node::new("limit").with_property("per", "all"),
            limit("all", -1, "soon"),
            limit("all", 1, "0s"),
            limit("all", 1, "1s").with_argument("x"),
            Node::new("limits"),
        ]);
        let problems = ConnectionRate::configure(&config).unwrap_err();
        let mut paths: Vec<_> = problems.errors().iter().map(|error| error.path.clone()).collect();
        paths.sort();
        let expected: [&[u32]; 9] = [&[1], &[2], &[3], &[3], &[4], &[4], &[5], &[6], &[7]];
        assert_eq!(paths, expected);
    }
}
