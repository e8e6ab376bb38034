//! A plugin that orders a connector's endpoints by preference and priority, and leaves out those that are excluded.

use crosstie_plugin::config::Millis;
use crosstie_plugin::failover::{Answer, Candidate, Pick, Request};
use crosstie_plugin::{ConfigError, Node, Pattern, Plugin, Problems, plugin};

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
        config.expect_children(
            &["prefer", "exclude", "priority-first", "demote-after-failures", "delay", "retry-after"],
            &mut problems,
        );
        let mut choices = |name: &str| -> Vec<Choice> { problems.keep_all(config.named(name).map(Choice::read)) };
        let prefer = choices("prefer");
        let exclude = choices("exclude");
        let priority_first = problems.keep(flag(config, "priority-first"));
        let demote_after = problems.keep(config.child_argument("demote-after-failures"));
        let mut millis = |name| {
            let read = problems.keep(config.child_argument::<Millis>(name));
            read.flatten().map(|millis| millis.0)
        };
        let order = Self {
            prefer,
            exclude,
            priority_first: priority_first.unwrap_or_default(),
            demote_after: demote_after.flatten(),
            delay_ms: millis("delay"),
            retry_after_ms: millis("retry-after"),
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
            reconsider_after_ms: None,
            note: (left_out > 0).then(|| format!("{left_out} endpoints excluded")),
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
