//! EXPLAIN and RECORD: what is asked of them, and who may.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, dead_code, reason = "a test ends by panicking")]

mod sample;

use crosstie_manage::{Access, Agent, Change, Step};
use crosstie_model::facts::{AddressFindings, Facts, PluginFacts, RecordFacts};
use crosstie_model::policy::{Hook, RecordOrder};
use crosstie_model::settings::Only;
use crosstie_model::trail::{self, Refused, Said, Trail};
use sample::{Answer, ask, decode, facts, items, request, word};
use serde_amqp::Value;

fn step(hook: Hook, said: Said) -> trail::Step {
    let (note, effect) = (Some("rule 7".to_owned()), Some("sessions=2".to_owned()));
    trail::Step { hook, plugin: "rules".into(), sequence: 12, at_ms: 1000, said, note, effect }
}

fn trail_of(hook: Hook, said: Said) -> Trail {
    let mut trail = Trail::default();
    trail.push(step(hook, said));
    trail
}

/// A router whose first connection and link were let in by a plugin, which refused connection 99 and a link of it.
fn known() -> Facts {
    let mut known = facts();
    known.connections[0].trail = trail_of(Hook::Connection, Said::Allow);
    known.links[0].trail = trail_of(Hook::Link, Said::Allow);
    let only = Only { listeners: vec!["elsewhere".to_owned()], connectors: Vec::new() };
    let rules = PluginFacts {
        name: "rules".into(),
        state: "active",
        hooks: vec!["connection", "address"],
        ..PluginFacts::default()
    };
    known.plugins = vec![PluginFacts { name: "scoped".into(), only, ..rules.clone() }, rules];
    let refused = Refused {
        what: "link",
        connection_id: 99,
        link: Some("lost".into()),
        address: Some("/q/".into()),
        ..Refused::default()
    };
    known.refusals = vec![Refused { trail: trail_of(Hook::Link, Said::Deny), ..refused }];
    known
}

fn explained(what: &str, given: &str, more: &[(&'static str, &str)], facts: &Facts) -> Answer {
    let mut properties = vec![word("operation", "EXPLAIN"), word("what", what), word("identity", given)];
    properties.extend(more.iter().map(|(key, value)| word(key, value)));
    let step = Agent::new(1 << 16).begin(&request(&properties, Value::Null), Access::Read);
    let Step::Gather(pending) = step else { panic!("no question") };
    let Step::Reply(reply) = pending.facts(facts) else { panic!("no reply") };
    decode(&reply)
}

fn get(of: &Value, key: &str) -> Value {
    let Value::Map(map) = of else { panic!("no map: {of:?}") };
    map.get(&Value::from(key)).cloned().unwrap_or_else(|| panic!("no {key}"))
}

#[test]
fn a_connection_is_explained_by_what_plugins_said() {
    let known = known();
    let id = known.connections[0].id.to_string();
    let answer = explained("connection", &id, &[], &known);
    assert_eq!(answer.status, 200, "{answer:?}");
    let said = items(&get(&get(&answer.body, "open"), "decisions"))[0].clone();
    for (key, value) in [("plugin", "rules"), ("said", "allow"), ("note", "rule 7"), ("effect", "sessions=2")] {
        assert_eq!(get(&said, key), Value::from(value));
    }
    assert_eq!(get(&said, "sequence"), Value::Long(12));
    let asked: Vec<_> = items(&get(&answer.body, "plugins")).iter().map(|plugin| get(plugin, "isAsked")).collect();
    assert_eq!(asked, [Value::Bool(false), Value::Bool(true)], "`only` leaves one out");
    // one that was refused, and one that never was
    let answer = explained("connection", "99", &[], &known);
    assert_eq!((answer.status, get(&answer.body, "open")), (200, Value::Null));
    assert_eq!(items(&get(&answer.body, "refusals")).len(), 1);
    let answer = explained("connection", "98", &[], &known);
    assert!(answer.status == 404 && answer.description.contains("connection '98' is not open"), "{answer:?}");
}

#[test]
fn a_link_is_known_by_identity_or_name_and_after_its_refusal() {
    let known = known();
    let by_name = explained("link", "orders-link", &[], &known);
    assert_eq!(items(&get(&by_name.body, "links")).len(), known.links.len(), "all have that name");
    let by_id = explained("link", &known.links[0].id.to_string(), &[], &known);
    let found = items(&get(&by_id.body, "links")).to_vec();
    assert_eq!((found.len(), items(&get(&found[0], "decisions")).len()), (1, 1));
    let refused = explained("link", "lost", &[], &known);
    assert_eq!((items(&get(&refused.body, "links")).len(), items(&get(&refused.body, "refusals")).len()), (0, 1));
    assert_eq!(explained("link", "never", &[], &known).status, 404);
}

#[test]
fn an_address_is_explained_by_its_findings() {
    let mut known = known();
    let rule = known.address_rules[0].id;
    known.findings = Some(AddressFindings {
        name: "q".into(),
        rule: Some(rule),
        phases: [0, 1],
        distribution: "closest",
        ..Default::default()
    });
    let answer = explained("address", "q", &[("direction", "out")], &known);
    assert_eq!(answer.status, 200, "{answer:?}");
    let ways = items(&get(&answer.body, "ways")).to_vec();
    assert_eq!((ways.len(), get(&ways[0], "phase")), (1, Value::Uint(1)));
    assert_eq!(get(&answer.body, "distribution"), Value::from("closest"));
    assert_ne!(get(&answer.body, "rule"), Value::Null);
    assert_eq!(items(&get(&answer.body, "refusals")).len(), 1, "written another way it is the same");
    known.findings = None;
    assert_eq!(explained("address", "q", &[("connection", "98")], &known).status, 404);
}

#[test]
fn a_question_that_makes_no_sense_is_told_so() {
    let long = "x".repeat(3000);
    for (what, name, more) in
        [("door", "1", None), ("address", "/", None), ("address", &*long, None), ("address", "q", Some("sideways"))]
    {
        let mut properties = vec![word("operation", "EXPLAIN"), word("what", what), word("name", name)];
        properties.extend(more.map(|way| word("direction", way)));
        assert_eq!(ask(&properties, Value::Null).status, 400, "{what} {name}");
    }
    assert_eq!(ask(&[word("operation", "EXPLAIN"), word("what", "link")], Value::Null).status, 400);
}

#[test]
fn the_record_is_put_on_and_off_by_whoever_may_change() {
    let record = |access: Access, more: &[(&'static str, &str)]| {
        let mut properties = vec![word("operation", "RECORD")];
        properties.extend(more.iter().map(|(key, value)| word(key, value)));
        let mut orders = Vec::new();
        let answer = sample::run(&request(&properties, Value::Null), access, |change, facts| {
            facts.record = Some(RecordFacts { is_on: true, file: "d.jsonl".into(), ..RecordFacts::default() });
            orders.push(change);
        });
        (answer.expect("a reply"), orders)
    };
    let (answer, orders) = record(Access::Full, &[("action", "on"), ("sample", "0.5"), ("maxSize", "65536")]);
    assert_eq!(orders, [Change::Record(RecordOrder::On { sample: Some(0.5), max_bytes: Some(65_536) })]);
    assert_eq!(
        (answer.status, get(&answer.body, "state"), get(&answer.body, "file")),
        (200, "on".into(), "d.jsonl".into())
    );
    assert_eq!(record(Access::Full, &[("action", "off")]).1, [Change::Record(RecordOrder::Off)]);
    for bad in [("sample", "2"), ("sample", "0"), ("sample", "x"), ("maxSize", "1")] {
        let (answer, orders) = record(Access::Full, &[("action", "on"), bad]);
        assert_eq!((answer.status, orders), (400, Vec::new()), "{bad:?}");
    }
    assert_eq!(record(Access::Full, &[("action", "sideways")]).0.status, 400);
    for of_on in [("sample", "0.5"), ("maxSize", "65536")] {
        let (answer, orders) = record(Access::Full, &[("action", "off"), of_on]);
        assert_eq!((answer.status, orders.len()), (400, 0), "{of_on:?}");
        assert_eq!(record(Access::Full, &[("action", "status"), of_on]).0.status, 400, "{of_on:?}");
    }
    assert_eq!(record(Access::Full, &[("action", "status")]).0.status, 404, "there are no plugins in the sample");
    assert_eq!(record(Access::Read, &[("action", "off")]).0.status, 403);
}
