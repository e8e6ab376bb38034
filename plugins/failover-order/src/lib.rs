//! A plugin that orders a connector's endpoints by preference and priority, and leaves out those that are excluded.
#![doc = include_str!("../README.md")]

use crosstie_plugin::config::Millis;
use crosstie_plugin::failover::{Answer, Candidate, Pick, Request};
use crosstie_plugin::{Node, Pattern, Plugin, Problems, plugin};

/// The nodes of its configuration.
const NODES: [&str; 6] = ["prefer", "exclude", "priority-first", "demote-after-failures", "delay", "retry-after"];

/// The order, as configured.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FailoverOrder {
    prefer: Vec<Choice>,
    exclude: Vec<Choice>,
    priority_first: bool,
    demote_after: Option<u32>,
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
    const READS: &'static [&'static str] = &["candidates"];

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&NODES, &mut problems);
        let delay: Option<Millis> = problems.optional(config.child_argument("delay"));
        let retry_after: Option<Millis> = problems.optional(config.child_argument("retry-after"));
        let order = Self {
            prefer: problems.keep_all(config.named("prefer").map(Choice::read)),
            exclude: problems.keep_all(config.named("exclude").map(Choice::read)),
            priority_first: (problems.keep(config.child_flag("priority-first"))).unwrap_or(false),
            demote_after: problems.optional(config.child_argument("demote-after-failures")),
            delay_ms: delay.map(|delay| delay.0),
            retry_after_ms: retry_after.map(|retry_after| retry_after.0),
        };
        problems.or(order)
    }

    fn on_failover(&mut self, request: &Request<'_>) -> Option<Answer> {
        let mut order: Vec<_> = (0u32..)
            .zip(&request.candidates)
            .filter(|(_, candidate)| !self.exclude.iter().any(|choice| choice.takes(candidate)))
            .map(|(index, candidate)| (self.rank(candidate), index))
            .collect();
        // The indexes stand in the router's own order, so they decide among equals.
        order.sort_unstable();
        let picks = (order.iter().enumerate())
            .map(|(place, (_, index))| Pick { index: *index, delay_ms: self.delay_ms.filter(|_| place > 0) });
        let left_out = request.candidates.len().saturating_sub(order.len());
        Some(Answer {
            order: picks.collect(),
            retry_after_ms: self.retry_after_ms,
            note: (left_out > 0).then(|| format!("{left_out} excluded")),
            ..Answer::default()
        })
    }
}

impl FailoverOrder {
    /// Smaller goes first.
    fn rank(&self, candidate: &Candidate<'_>) -> (bool, usize, usize) {
        let failing = (self.demote_after).is_some_and(|limit| candidate.failures_in_row >= limit);
        let preferred = (self.prefer.iter()).position(|choice| choice.takes(candidate)).unwrap_or(self.prefer.len());
        let priority = usize::from(candidate.priority);
        if self.priority_first { (failing, priority, preferred) } else { (failing, preferred, priority) }
    }
}

impl Choice {
    fn read(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_leaf(&["label"], &mut problems);
        let choice = Self {
            label: problems.optional(node.property("label")),
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

    fn answer(config: &str, candidates: Vec<Candidate<'_>>) -> Answer {
        let config = Node::from_kdl(config).unwrap();
        let request = Request { candidates, ..Request::default() };
        let mut order = FailoverOrder::configure(&config).unwrap();
        order.on_failover(&request).unwrap()
    }

    fn indexes(answer: &Answer) -> Vec<u32> {
        answer.order.iter().map(|pick| pick.index).collect()
    }

    #[test]
    fn without_configuration_priority_decides_and_then_the_routers_order() {
        let endpoints = vec![endpoint("a", 1), endpoint("b", 0), endpoint("c", 1), endpoint("d", 0)];
        assert_eq!(indexes(&answer("", endpoints)), [1, 3, 0, 2]);
    }

    #[test]
    fn preference_goes_before_priority_unless_it_is_said_otherwise() {
        let endpoints = || vec![endpoint("a", 0), endpoint("b", 1), endpoint("c", 1)];
        for (flag, expected) in [("", [2, 1, 0]), ("priority-first #false", [2, 1, 0]), ("priority-first", [0, 2, 1])] {
            let config = format!("prefer \"c\"\nprefer \"b\"\n{flag}");
            assert_eq!(indexes(&answer(&config, endpoints())), expected, "{flag}");
        }
    }

    #[test]
    fn labels_are_preferred_and_excluded_by_value() {
        let endpoints = vec![
            in_zone("a", endpoint("one", 0)),
            in_zone("b", endpoint("two", 0)),
            endpoint("three", 0),
            in_zone("c", endpoint("four", 0)),
        ];
        let config = "prefer \"b\" \"c\" label=\"zone\"\nexclude \"a\" label=\"zone\"";
        let answer = answer(config, endpoints);
        assert_eq!(indexes(&answer), [1, 3, 2]);
        assert_eq!(answer.note.as_deref(), Some("1 excluded"));
    }

    #[test]
    fn what_excludes_all_leaves_nothing_to_try() {
        assert!(answer("exclude \"*\"", vec![endpoint("a", 0)]).order.is_empty());
    }

    #[test]
    fn an_endpoint_that_keeps_failing_goes_last() {
        let failing = |failures_in_row| Candidate { failures_in_row, ..endpoint("a", 0) };
        for (failures, expected) in [(2, [0, 1]), (3, [1, 0])] {
            let endpoints = vec![failing(failures), endpoint("b", 9)];
            let answer = answer("demote-after-failures 3", endpoints);
            assert_eq!(indexes(&answer), expected, "{failures} failures");
        }
    }

    #[test]
    fn the_first_pick_is_not_delayed() {
        let config = "delay \"200ms\"\nretry-after \"5s\"";
        let answer = answer(config, vec![endpoint("a", 0), endpoint("b", 0)]);
        let delays: Vec<_> = answer.order.iter().map(|pick| pick.delay_ms).collect();
        assert_eq!(delays, [None, Some(200)]);
        assert_eq!(answer.retry_after_ms, Some(5000));
    }

    #[test]
    fn the_documented_configuration_does_what_it_says() {
        let example = include_str!("../README.md").split("```").nth(1).unwrap();
        let file = Node::from_kdl(example.strip_prefix("kdl").unwrap()).unwrap();
        let config = file.children()[0].child("config").unwrap().unwrap();
        assert_eq!(config.children().len(), NODES.len() + 1, "`prefer` stands twice");
        let request = Request {
            candidates: vec![
                endpoint("a.example.com", 0),
                in_zone("b", endpoint("b.example.com", 0)),
                endpoint("c.berlin.example.com", 0),
                endpoint("d.test.example.com", 0),
            ],
            ..Request::default()
        };
        let mut order = FailoverOrder::configure(config).unwrap();
        let answer = order.on_failover(&request).unwrap();
        assert_eq!(indexes(&answer), [2, 1, 0]);
    }

    #[test]
    fn every_problem_stands_at_its_node() {
        let config = "
            prefer \"a\"
            prefer
            perfer \"b\"
            exclude \"c\" lable=\"zone\"
            delay \"200\"
            priority-first 1
        ";
        let problems = FailoverOrder::configure(&Node::from_kdl(config).unwrap()).unwrap_err();
        let mut found: Vec<_> =
            (problems.errors().iter()).map(|error| (error.path.as_slice(), error.to_string())).collect();
        found.sort();
        let expected: [(&[u32], &str); 5] = [
            (&[1], "`prefer` takes a text, `*` for any run of characters, or several"),
            (&[2], "unknown node `perfer` (did you mean `prefer`?)"),
            (&[3], "unknown property `lable` of `exclude` (did you mean `label`?)"),
            (&[4], "`delay` takes a duration with its unit (ms, s, m, h) of 49 days at most, not \"200\""),
            (&[5], "`priority-first` takes #true or #false, not 1"),
        ];
        assert_eq!(found, expected.map(|(path, text)| (path, text.to_owned())));
    }
}
