//! A plugin that orders a connector's endpoints by preference, priority and latency, leaves out those that are excluded, and has a
//! connection move to a better one.

use std::time::Duration;

use crosstie_plugin::config::Millis;
use crosstie_plugin::failover::{Answer, Candidate, Cause, Pick, Request};
use crosstie_plugin::{ConfigError, Node, Pattern, Plugin, Problems, plugin, reads};

/// The order, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailoverOrder {
    prefer: Vec<Choice>,
    exclude: Vec<Choice>,
    priority_first: bool,
    demote_after: Option<u32>,
    /// Of a certificate that ends so soon.
    demote_within: Option<Duration>,
    /// By latency, where another one has to be faster by so much.
    margin_us: Option<u32>,
    reconsider_after_ms: Option<u32>,
    hold_down: Duration,
    delay_ms: Option<u32>,
    retry_after_ms: Option<u32>,
}

/// What one `prefer` or `exclude` chooses: endpoints by host, or by a label's value.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Choice {
    label: Option<String>,
    patterns: Vec<Pattern>,
}

impl Plugin for FailoverOrder {
    const READS: &'static [&'static str] = reads!(failover: ctx.now_ms, cause, current, candidates);

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(
            &[
                "prefer",
                "exclude",
                "priority-first",
                "demote-after-failures",
                "demote-certificate-within",
                "by-latency",
                "reconsider-after",
                "hold-down",
                "delay",
                "retry-after",
            ],
            &mut problems,
        );
        let mut choices = |name: &str| -> Vec<Choice> { problems.keep_all(config.named(name).map(Choice::read)) };
        let prefer = choices("prefer");
        let exclude = choices("exclude");
        let priority_first = problems.keep(flag(config, "priority-first"));
        let demote_after = problems.keep(config.child_argument("demote-after-failures"));
        let demote_within = problems.keep(config.child_argument("demote-certificate-within"));
        let hold_down = problems.keep(config.child_argument("hold-down"));
        let latency = problems.keep(config.child("by-latency")).flatten().map(read_latency);
        let margin_us = problems.keep(latency.transpose()).flatten();
        let mut millis = |name| {
            let read = problems.keep(config.child_argument::<Millis>(name));
            read.flatten().map(|millis| millis.0)
        };
        let order = Self {
            prefer,
            exclude,
            priority_first: priority_first.unwrap_or_default(),
            demote_after: demote_after.flatten(),
            demote_within: demote_within.flatten(),
            margin_us,
            reconsider_after_ms: millis("reconsider-after"),
            hold_down: hold_down.flatten().unwrap_or_default(),
            delay_ms: millis("delay"),
            retry_after_ms: millis("retry-after"),
        };
        let again = config.named("reconsider-after").next();
        if let Some(node) = again.filter(|_| order.reconsider_after_ms.is_some_and(|ms| ms < AGAIN_MIN_MS)) {
            problems.push(node.error(format!("`reconsider-after` is {AGAIN_MIN_MS} ms at least")));
        }
        if let (Some(node), None) = (config.named("hold-down").next(), again) {
            problems.push(node.error("`hold-down` needs `reconsider-after`: without it nobody moves while connected"));
        }
        problems.or(order)
    }

    fn on_failover(&mut self, request: &Request<'_>) -> Option<Answer> {
        let in_use = in_use(request);
        let mut order: Vec<_> = (0u32..)
            .zip(&request.candidates)
            .filter(|(_, candidate)| !self.exclude.iter().any(|choice| choice.takes(candidate)))
            .map(|(index, candidate)| (self.rank(candidate, request.ctx.now_ms, in_use == Some(index)), index))
            .collect();
        // The indexes stand in the router's own order, so they decide among equals; but nobody moves to an equal.
        order.sort_unstable_by_key(|(rank, index)| (*rank, in_use != Some(*index), *index));
        let left_out = request.candidates.len().saturating_sub(order.len());
        let mut order: Vec<u32> = order.into_iter().map(|(_, index)| index).collect();
        if let Some(current) = in_use {
            self.hold(&mut order, current, request);
        }
        let picks = (order.iter().enumerate())
            .map(|(place, index)| Pick { index: *index, delay_ms: self.delay_ms.filter(|_| place > 0) });
        Some(Answer {
            order: picks.collect(),
            retry_after_ms: self.retry_after_ms,
            reconsider_after_ms: self.reconsider_after_ms,
            note: (left_out > 0).then(|| format!("{left_out} endpoints excluded")),
        })
    }
}

/// The router asks again no sooner.
const AGAIN_MIN_MS: u32 = 100;

/// Smaller goes first: who fails, whose certificate ends, by preference and priority, by latency.
type Rank = (bool, bool, usize, usize, u32);

/// The endpoint that the connector is connected to.
fn in_use(request: &Request<'_>) -> Option<u32> {
    let connected = matches!(request.cause, Some(Cause::Reconsider | Cause::Reload));
    request.current.filter(|_| connected)
}

/// In microseconds.
fn read_latency(node: &Node) -> Result<u32, Problems> {
    let mut problems = Problems::default();
    node.expect_leaf(&["margin"], &mut problems);
    node.expect_no_arguments(&mut problems);
    let margin = problems.keep(node.property::<Millis>("margin")).flatten();
    problems.or(margin.map_or(0, |margin| margin.0.saturating_mul(1000)))
}

impl FailoverOrder {
    /// `is_used`: it is connected.
    fn rank(&self, candidate: &Candidate<'_>, now_ms: u64, is_used: bool) -> Rank {
        let failing = (self.demote_after).is_some_and(|limit| candidate.failures_in_row >= limit);
        let ends = |within: Duration| candidate.certificate_not_after_ms.map(|end| since(end, now_ms) < within);
        let ending = self.demote_within.and_then(ends).unwrap_or(false);
        let latency = self.margin_us.map_or(0, |margin| match candidate.last_rtt_us {
            Some(us) if is_used => us.saturating_sub(margin),
            Some(us) => us,
            // whoever has not been measured is, once
            None if candidate.failures_in_row == 0 => 0,
            None => u32::MAX,
        });
        let preferred = (self.prefer.iter()).position(|choice| choice.takes(candidate)).unwrap_or(self.prefer.len());
        let priority = usize::from(candidate.priority);
        let (one, other) = if self.priority_first { (priority, preferred) } else { (preferred, priority) };
        (failing, ending, one, other, latency)
    }

    /// Leaves those out that the connection is not to move to now.
    fn hold(&self, order: &mut Vec<u32>, current: u32, request: &Request<'_>) {
        let now_ms = request.ctx.now_ms;
        let candidate = |index: u32| usize::try_from(index).ok().and_then(|index| request.candidates.get(index));
        let recently = |at: Option<u64>| at.is_some_and(|at| since(now_ms, at) < self.hold_down);
        let is_new = candidate(current).is_some_and(|used| recently(used.last_success_at_ms));
        let has_failed = |index: u32| {
            candidate(index).is_some_and(|one| one.failures_in_row > 0 && recently(one.last_attempt_at_ms))
        };
        if is_new && order.contains(&current) {
            order.retain(|index| *index == current);
        } else {
            order.retain(|index| *index == current || !has_failed(*index));
        }
    }
}

/// What is left from one time, in milliseconds, to a later one.
fn since(later_ms: u64, earlier_ms: u64) -> Duration {
    Duration::from_millis(later_ms.saturating_sub(earlier_ms))
}

impl Choice {
    fn read(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_properties(&["label"], &mut problems);
        node.expect_children(&[], &mut problems);
        let choice = Self {
            label: problems.keep(node.property("label")).flatten(),
            patterns: problems.keep(node.arguments()).unwrap_or_default(),
        };
        problems.or(choice)
    }

    fn takes(&self, candidate: &Candidate<'_>) -> bool {
        let text = match &self.label {
            None => Some(candidate.host),
            Some(label) => candidate.label(label),
        };
        text.is_some_and(|text| self.patterns.iter().any(|pattern| pattern.matches(text)))
    }
}

fn flag(config: &Node, name: &str) -> Result<bool, ConfigError> {
    config.child(name)?.map_or(Ok(false), Node::flag)
}

plugin!(FailoverOrder: failover);

#[cfg(test)]
mod tests {
    use crosstie_plugin::peer::Attribute;

    use super::*;

    fn endpoint(host: &str, priority: u8) -> Candidate<'_> {
        Candidate { host, priority, ..Candidate::default() }
    }

    fn in_zone<'a>(zone: &'a str, mut candidate: Candidate<'a>) -> Candidate<'a> {
        candidate.labels.push(Attribute { key: "zone", val: zone });
        candidate
    }

    fn answer(nodes: impl IntoIterator<Item = Node>, candidates: Vec<Candidate<'_>>) -> Answer {
        let mut order = FailoverOrder::configure(&Node::config(nodes)).unwrap();
        let request = Request { candidates, ..Request::default() };
        order.on_failover(&request).unwrap()
    }

    fn indexes(answer: &Answer) -> Vec<u32> {
        answer.order.iter().map(|pick| pick.index).collect()
    }

    fn prefer(host: &str) -> Node {
        Node::new("prefer").with_argument(host)
    }

    #[test]
    fn without_configuration_priority_decides_and_then_the_routers_order() {
        let endpoints = vec![endpoint("a", 1), endpoint("b", 0), endpoint("c", 1), endpoint("d", 0)];
        assert_eq!(indexes(&answer([], endpoints)), [1, 3, 0, 2]);
    }

    #[test]
    fn preference_goes_before_priority_unless_it_is_said_otherwise() {
        let endpoints = || vec![endpoint("a", 0), endpoint("b", 1), endpoint("c", 1)];
        let wish = || [prefer("c"), prefer("b")];
        assert_eq!(indexes(&answer(wish(), endpoints())), [2, 1, 0]);
        let nodes = wish().into_iter().chain([Node::new("priority-first")]);
        assert_eq!(indexes(&answer(nodes, endpoints())), [0, 2, 1]);
    }

    #[test]
    fn labels_are_preferred_and_excluded_by_value() {
        let endpoints = vec![
            in_zone("a", endpoint("one", 0)),
            in_zone("b", endpoint("two", 0)),
            endpoint("three", 0),
            in_zone("c", endpoint("four", 0)),
        ];
        let of_zone = |name, zone| Node::new(name).with_argument(zone).with_property("label", "zone");
        let answer = answer([of_zone("prefer", "b"), of_zone("exclude", "a")], endpoints);
        assert_eq!(indexes(&answer), [1, 2, 3]);
        assert_eq!(answer.note.as_deref(), Some("1 endpoints excluded"));
    }

    /// Connected to `current`, ten minutes after 1970.
    fn reconsidered(nodes: &[Node], current: u32, candidates: Vec<Candidate<'_>>) -> Answer {
        let again = Node::new("reconsider-after").with_argument("30s");
        let nodes = [again].into_iter().chain(nodes.iter().cloned());
        let mut order = FailoverOrder::configure(&Node::config(nodes)).unwrap();
        let mut request =
            Request { candidates, current: Some(current), cause: Some(Cause::Reconsider), ..Request::default() };
        request.ctx.now_ms = 600_000;
        order.on_failover(&request).unwrap()
    }

    #[test]
    fn a_connection_moves_to_a_better_group_and_not_to_an_equal() {
        let endpoints = || vec![endpoint("a", 0), endpoint("b", 1), endpoint("c", 1)];
        let answer = reconsidered(&[], 2, endpoints());
        assert_eq!((indexes(&answer), answer.reconsider_after_ms), (vec![0, 2, 1], Some(30_000)));
        assert_eq!(indexes(&reconsidered(&[], 0, endpoints())), [0, 1, 2]);
        // excluded while it is in use: all others are better
        assert_eq!(indexes(&reconsidered(&[Node::new("exclude").with_argument("c")], 2, endpoints())), [0, 1]);
    }

    #[test]
    fn a_hold_down_keeps_what_is_new_and_leaves_out_what_has_failed() {
        let hold = [Node::new("hold-down").with_argument("5m")];
        let endpoints = |success, attempt| {
            let mut endpoints = vec![endpoint("a", 0), endpoint("b", 1), endpoint("c", 2)];
            endpoints[0].failures_in_row = 1;
            endpoints[0].last_attempt_at_ms = Some(attempt);
            endpoints[2].last_success_at_ms = Some(success);
            endpoints
        };
        assert_eq!(indexes(&reconsidered(&hold, 2, endpoints(300_001, 0))), [2]);
        assert_eq!(indexes(&reconsidered(&hold, 2, endpoints(300_000, 300_001))), [1, 2]);
        assert_eq!(indexes(&reconsidered(&hold, 2, endpoints(300_000, 300_000))), [0, 1, 2]);
        // without a connection all are tried
        assert_eq!(
            indexes(&answer([Node::new("reconsider-after").with_argument("1s")], endpoints(0, 600_000))),
            [0, 1, 2]
        );
    }

    #[test]
    fn the_fastest_of_a_group_goes_first_and_whoever_is_not_measured_before_it() {
        let rtt = |host, us| Candidate { last_rtt_us: us, ..endpoint(host, 0) };
        let mut endpoints =
            vec![rtt("a", Some(9000)), rtt("b", Some(2000)), rtt("c", None), rtt("d", None), rtt("e", Some(1))];
        endpoints[3].failures_in_row = 1;
        endpoints[4].priority = 1;
        let latency = Node::new("by-latency").with_property("margin", "5ms");
        assert_eq!(indexes(&answer([latency.clone()], endpoints)), [2, 1, 0, 3, 4]);
        let two = |us| vec![rtt("a", Some(us)), rtt("b", Some(2000))];
        assert_eq!(indexes(&reconsidered(std::slice::from_ref(&latency), 0, two(7000))), [0, 1]);
        assert_eq!(indexes(&reconsidered(&[latency], 0, two(7001))), [1, 0]);
        assert_eq!(indexes(&reconsidered(&[Node::new("by-latency")], 0, two(2001))), [1, 0]);
    }

    #[test]
    fn a_certificate_that_ends_soon_is_demoted() {
        let node = [Node::new("demote-certificate-within").with_argument("720h")];
        let ending = |end| {
            let mut endpoints = vec![endpoint("a", 0), endpoint("b", 9)];
            endpoints[0].certificate_not_after_ms = Some(end);
            endpoints
        };
        let month_ms = 720 * 3_600_000;
        assert_eq!(indexes(&reconsidered(&node, 0, ending(600_000 + month_ms))), [0, 1]);
        for end in [0, 599_999 + month_ms] {
            assert_eq!(indexes(&reconsidered(&node, 0, ending(end))), [1, 0]);
        }
    }

    #[test]
    fn what_makes_no_sense_together_is_a_problem() {
        let message =
            |nodes: Vec<Node>| FailoverOrder::configure(&Node::config(nodes)).unwrap_err().errors()[0].to_string();
        let hold = Node::new("hold-down").with_argument("5m");
        assert!(message(vec![hold]).starts_with("`hold-down` needs `reconsider-after`"));
        let soon = Node::new("reconsider-after").with_argument("99ms");
        assert_eq!(message(vec![soon]), "`reconsider-after` is 100 ms at least");
        let latency = Node::new("by-latency").with_property("margim", "5ms");
        assert!(message(vec![latency]).contains("did you mean `margin`"));
    }

    #[test]
    fn what_excludes_all_leaves_nothing_to_try() {
        let exclude = Node::new("exclude").with_argument("*");
        assert!(answer([exclude], vec![endpoint("a", 0)]).order.is_empty());
    }

    #[test]
    fn an_endpoint_that_keeps_failing_goes_last() {
        let mut failing = endpoint("a", 0);
        failing.failures_in_row = 3;
        let node = Node::new("demote-after-failures").with_argument(3);
        let answer = answer([node], vec![failing, endpoint("b", 9)]);
        assert_eq!(indexes(&answer), [1, 0]);
    }

    #[test]
    fn the_first_pick_is_not_delayed() {
        let nodes = [Node::new("delay").with_argument("200ms"), Node::new("retry-after").with_argument("5s")];
        let answer = answer(nodes, vec![endpoint("a", 0), endpoint("b", 0)]);
        let delays: Vec<_> = answer.order.iter().map(|pick| pick.delay_ms).collect();
        assert_eq!(delays, [None, Some(200)]);
        assert_eq!(answer.retry_after_ms, Some(5000));
    }

    #[test]
    fn every_problem_stands_at_its_node() {
        let config = Node::config([
            prefer("a"),
            Node::new("prefer"),
            Node::new("perfer").with_argument("b"),
            Node::new("exclude").with_argument("c").with_property("lable", "zone"),
            Node::new("delay").with_argument("200"),
        ]);
        let problems = FailoverOrder::configure(&config).unwrap_err();
        let mut found: Vec<_> =
            (problems.errors().iter()).map(|error| (error.path.as_slice(), error.to_string())).collect();
        found.sort();
        let expected: [(&[u32], &str); 4] = [
            (&[1], "`prefer` takes a text, `*` for any run of characters, or several"),
            (&[2], "unknown node `perfer` (did you mean `prefer`?)"),
            (&[3], "unknown property `lable` of `exclude` (did you mean `label`?)"),
            (&[4], "`delay` takes a duration with its unit (ms, s, m, h) of 49 days at most, not \"200\""),
        ];
        assert_eq!(found, expected.map(|(path, text)| (path, text.to_owned())));
    }
}
