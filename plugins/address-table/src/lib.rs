//! A plugin that rewrites addresses, denies them or carries their links to a container, by a table: exact entries first, then the
//! longest prefix.

use std::collections::BTreeMap;
use std::ops::Bound;

use crosstie_plugin::address::{Answer, Denial, Occasion, Request, Ruling, Scope, Treatment};
use crosstie_plugin::config::Millis;
use crosstie_plugin::{Node, Plugin, Problems, Refusal, plugin};

/// The table, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressTable {
    exact: BTreeMap<String, Action>,
    prefixes: BTreeMap<String, Action>,
    ttl_ms: u32,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    /// To this address, or with this in place of the prefix.
    Rewrite(String),
    /// The link to a connection of this name.
    Carry(String),
    Deny(Refusal),
}

/// One node of the table.
struct Entry {
    is_prefix: bool,
    from: String,
    action: Action,
}

impl Plugin for AddressTable {
    const READS: &'static [&'static str] = &["address", "occasion"];

    fn configure(config: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        config.expect_children(&["rewrite", "carry", "deny", "denial", "ttl"], &mut problems);
        let built_in = Refusal::new("amqp:not-allowed", "address not allowed");
        let denial = (problems.keep(denial(config, &built_in))).unwrap_or(built_in);
        let ttl = problems.keep(config.child_argument::<Millis>("ttl"));
        let mut table = Self {
            exact: BTreeMap::new(),
            prefixes: BTreeMap::new(),
            ttl_ms: ttl.flatten().map_or(60_000, |ttl| ttl.0),
        };
        for node in config.children() {
            let read = match node.name() {
                "rewrite" => Entry::rewrite(node),
                "carry" => Entry::carry(node),
                "deny" => Entry::deny(node, &denial),
                _ => continue,
            };
            if let Some(entry) = problems.keep(read) {
                let of_its_kind = if entry.is_prefix { &mut table.prefixes } else { &mut table.exact };
                if of_its_kind.contains_key(&entry.from) {
                    problems.push(node.error(format!("a second entry for `{}`", entry.from)));
                }
                of_its_kind.insert(entry.from, entry.action);
            }
        }
        problems.or(table)
    }

    fn on_address(&mut self, request: &Request<'_>) -> Option<Answer> {
        let (action, rest) = self.find(request.address)?;
        // What the table says holds for every peer, so the router need not ask again for the next.
        let (ttl_ms, shared_by) = (Some(self.ttl_ms), Some(Scope::Everyone));
        Some(match action {
            Action::Rewrite(to) => {
                Answer::Apply(Ruling { address: Some(format!("{to}{rest}")), ttl_ms, shared_by, ..Ruling::default() })
            }
            // a message is carried nowhere
            Action::Carry(_) if request.occasion == Some(Occasion::Anonymous) => return None,
            Action::Carry(to) => {
                let treatment = Some(Treatment::LinkRoute(to.clone()));
                Answer::Apply(Ruling { treatment, ttl_ms, shared_by, ..Ruling::default() })
            }
            Action::Deny(refusal) => Answer::Deny(Denial { refusal: refusal.clone(), ttl_ms, shared_by }),
        })
    }
}

impl AddressTable {
    /// What to do with an address, and what of it stays.
    fn find<'a>(&self, address: &'a str) -> Option<(&Action, &'a str)> {
        if let Some(action) = self.exact.get(address) {
            return Some((action, ""));
        }
        // What sorts between a prefix and the address begins with that prefix too, so where the nearest entry is no prefix, one can
        // only be found among what that entry and the address have in common.
        let mut bound = address;
        loop {
            let up_to = (Bound::Unbounded, Bound::Included(bound));
            let (prefix, action) = self.prefixes.range::<str, _>(up_to).next_back()?;
            if let Some(rest) = address.strip_prefix(prefix.as_str()) {
                return Some((action, rest));
            }
            bound = common(bound, prefix);
        }
    }
}

impl Entry {
    fn rewrite(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_properties(&["prefix", "to"], &mut problems);
        node.expect_children(&[], &mut problems);
        let from = problems.keep(Self::from(node));
        let to = problems.keep(node.property::<String>("to"));
        if let Some(None) = &to {
            let error = node.error("`rewrite` needs `to`");
            problems.push(error.with_hint("as in `rewrite \"orders\" to=\"eu/orders\"`"));
        }
        let (is_prefix, from) = from.unwrap_or_default();
        let to = to.flatten().unwrap_or_default();
        if to.is_empty() && !is_prefix && problems.errors().is_empty() {
            problems.push(node.error("an address cannot become an empty one"));
        }
        problems.or(Self { is_prefix, from, action: Action::Rewrite(to) })
    }

    fn carry(node: &Node) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_properties(&["prefix", "to"], &mut problems);
        node.expect_children(&[], &mut problems);
        let from = problems.keep(Self::from(node));
        let to = problems.keep(node.property::<String>("to"));
        if to.as_ref().is_some_and(|to| to.as_ref().is_none_or(String::is_empty)) {
            let error = node.error("`carry` needs `to`, the name of a listener or connector");
            problems.push(error.with_hint("as in `carry prefix=\"jobs/\" to=\"broker\"`"));
        }
        let (is_prefix, from) = from.unwrap_or_default();
        problems.or(Self { is_prefix, from, action: Action::Carry(to.flatten().unwrap_or_default()) })
    }

    fn deny(node: &Node, denial: &Refusal) -> Result<Self, Problems> {
        let mut problems = Problems::default();
        node.expect_properties(&["prefix", "condition", "description"], &mut problems);
        node.expect_children(&[], &mut problems);
        let from = problems.keep(Self::from(node));
        let refusal = problems.keep(Refusal::from_node(node, denial));
        let (is_prefix, from) = from.unwrap_or_default();
        let refusal = refusal.unwrap_or_else(|| denial.clone());
        let note = format!("{} `{from}`", if is_prefix { "prefix" } else { "address" });
        problems.or(Self { is_prefix, from, action: Action::Deny(refusal.with_note(note)) })
    }

    /// The address that a node is about, or the prefix of addresses.
    fn from(node: &Node) -> Result<(bool, String), Problems> {
        let prefix: Option<String> = node.property("prefix")?;
        match (prefix, node.args()) {
            (Some(prefix), []) if !prefix.is_empty() => Ok((true, prefix)),
            (None, [_]) => match node.argument::<String>()? {
                address if !address.is_empty() => Ok((false, address)),
                _ => Err(node.error("an address is not empty").into()),
            },
            _ => {
                let error = node.error(format!("`{}` takes an address or a prefix", node.name()));
                let hint = format!("`{0} \"orders\"` or `{0} prefix=\"orders/\"`", node.name());
                Err(error.with_hint(hint).into())
            }
        }
    }
}

/// What two texts begin with.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let end = (a.char_indices().zip(b.chars()))
        .find(|((_, one), other)| one != other)
        .map_or(a.len().min(b.len()), |((at, _), _)| at);
    a.get(..end).unwrap_or_default()
}

fn denial(config: &Node, built_in: &Refusal) -> Result<Refusal, Problems> {
    let Some(node) = config.child("denial")? else {
        return Ok(built_in.clone());
    };
    let mut problems = Problems::default();
    node.expect_no_arguments(&mut problems);
    node.expect_properties(&["condition", "description"], &mut problems);
    node.expect_children(&[], &mut problems);
    let refusal = problems.keep(Refusal::from_node(node, built_in));
    problems.or(refusal.unwrap_or_else(|| built_in.clone()))
}

plugin!(AddressTable: address);

#[cfg(test)]
mod tests {
    use super::*;

    fn table(nodes: impl IntoIterator<Item = Node>) -> AddressTable {
        AddressTable::configure(&Node::config(nodes)).unwrap()
    }

    fn ask(table: &AddressTable, address: &str) -> Option<Answer> {
        table.clone().on_address(&Request { address, ..Request::default() })
    }

    fn rewritten(table: &AddressTable, address: &str) -> Option<String> {
        match ask(table, address)? {
            Answer::Apply(ruling) => ruling.address,
            Answer::Deny(denial) => Some(format!("denied: {}", denial.refusal.description)),
        }
    }

    fn rewrite(from: &str, to: &str) -> Node {
        Node::new("rewrite").with_argument(from).with_property("to", to)
    }

    fn rewrite_prefix(prefix: &str, to: &str) -> Node {
        Node::new("rewrite").with_property("prefix", prefix).with_property("to", to)
    }

    fn deny_prefix(prefix: &str) -> Node {
        Node::new("deny").with_property("prefix", prefix)
    }

    #[test]
    fn an_exact_entry_goes_before_prefixes_and_the_longest_prefix_before_others() {
        let table = table([
            rewrite_prefix("a", "1:"),
            rewrite_prefix("a/b/", "2:"),
            rewrite_prefix("a/c", "3:"),
            rewrite("a/b/c", "exact"),
            deny_prefix("a/b/secret"),
        ]);
        for (address, expected) in [
            ("a/b/c", Some("exact")),
            ("a/b/c/d", Some("2:c/d")),
            ("a/b/", Some("2:")),
            ("a/b", Some("1:/b")),
            ("a/bb", Some("1:/bb")),
            ("a/b/secrets", Some("denied: address not allowed")),
            ("a/z", Some("1:/z")),
            ("b", None),
            ("", None),
        ] {
            assert_eq!(rewritten(&table, address).as_deref(), expected, "{address}");
        }
    }

    #[test]
    fn links_are_carried_and_messages_are_not() {
        let mut table = table([Node::new("carry").with_property("prefix", "jobs/").with_property("to", "broker")]);
        let mut on = |occasion| table.on_address(&Request { address: "jobs/a", occasion, ..Request::default() });
        let Some(Answer::Apply(ruling)) = on(Some(Occasion::Attach)) else { panic!() };
        assert_eq!((ruling.treatment, ruling.address), (Some(Treatment::LinkRoute("broker".to_owned())), None));
        assert_eq!(on(Some(Occasion::Anonymous)), None);
        let without = Node::new("carry").with_argument("jobs");
        let problems = AddressTable::configure(&Node::config([without])).unwrap_err();
        assert!(problems.errors()[0].message.starts_with("`carry` needs `to`"));
    }

    #[test]
    fn the_longest_prefix_is_found_among_any_others() {
        // Every text of up to 3 letters, of two where one begins with the bytes of none: each third one is a prefix of the table.
        let mut texts = vec![String::new()];
        for length in 1..=3 {
            for text in texts.clone().iter().filter(|text| text.chars().count() == length - 1) {
                texts.extend(["a", "é", "b"].map(|letter| format!("{text}{letter}")));
            }
        }
        for seed in 0..3 {
            let prefixes: Vec<_> = (texts.iter().skip(1)).skip(seed).step_by(3).collect();
            let table = table(prefixes.iter().map(|prefix| rewrite_prefix(prefix, prefix)));
            for address in &texts {
                let longest = (prefixes.iter())
                    .filter(|prefix| address.starts_with(prefix.as_str()))
                    .max_by_key(|prefix| prefix.len());
                let found = table.find(address).map(|(action, _)| action.clone());
                let expected = longest.map(|prefix| Action::Rewrite((*prefix).clone()));
                assert_eq!(found, expected, "{address} among {prefixes:?}");
            }
        }
    }

    #[test]
    fn a_prefix_may_be_taken_away() {
        let table = table([rewrite_prefix("legacy/", "")]);
        assert_eq!(rewritten(&table, "legacy/orders").as_deref(), Some("orders"));
    }

    #[test]
    fn an_answer_holds_for_everyone_for_a_while() {
        let nodes = |ttl: Option<&str>| {
            let ttl = ttl.map(|ttl| Node::new("ttl").with_argument(ttl));
            ttl.into_iter().chain([rewrite("a", "b")])
        };
        for (ttl, expected) in [(None, 60_000), (Some("5s"), 5000), (Some("0s"), 0)] {
            let Some(Answer::Apply(ruling)) = ask(&table(nodes(ttl)), "a") else { panic!("not rewritten") };
            assert_eq!(ruling.ttl_ms, Some(expected));
            assert_eq!(ruling.shared_by, Some(Scope::Everyone));
        }
    }

    #[test]
    fn a_refusal_says_what_the_entry_says_and_else_what_denial_says() {
        let table = table([
            Node::new("denial").with_property("description", "ask the operator"),
            Node::new("deny").with_argument("a").with_property("condition", "acme:no"),
            deny_prefix("b/"),
        ]);
        for (address, condition, note) in [("a", "acme:no", "address `a`"), ("b/c", "amqp:not-allowed", "prefix `b/`")]
        {
            let Some(Answer::Deny(denial)) = ask(&table, address) else { panic!("{address} is not denied") };
            let expected = Refusal::new(condition, "ask the operator").with_note(note);
            assert_eq!(denial.refusal, expected);
        }
    }

    #[test]
    fn every_problem_stands_at_its_node() {
        let config = Node::config([
            rewrite("a", "b"),
            rewrite("a", "c"),
            Node::new("rewrite").with_argument("d"),
            rewrite("e", ""),
            deny_prefix(""),
            Node::new("deny").with_argument("f").with_property("prefix", "f"),
            Node::new("dney").with_argument("g"),
            Node::new("ttl").with_argument(60),
            Node::new("deny").with_argument(1),
        ]);
        let problems = AddressTable::configure(&config).unwrap_err();
        let mut paths: Vec<_> = (problems.errors().iter()).map(|error| error.path.clone()).collect();
        paths.sort();
        let expected: [&[u32]; 8] = [&[1], &[2], &[3], &[4], &[5], &[6], &[7], &[8]];
        assert_eq!(paths, expected);
    }
}
