//! Policy plugins.

use std::time::Duration;

use crosstie_model::facts::{Part, PluginFacts};
use serde_amqp::Value;

use crate::entity::{Base, Head, Shape, Table, attribute, counter};
use crate::value::{list, map, maybe, text};

/// `plugin`, which the reference does not have.
pub(crate) static PLUGIN: Table<PluginFacts> = Table {
    head: Head {
        name: "plugin",
        base: Base::Operational,
        operations: &["READ"],
        description: "A policy plugin, and what it decided",
        singleton: false,
        local_identity: false,
        part: Some(Part::Plugins),
    },
    name: |plugin| text(&plugin.name),
    identity: |plugin| text(format!("plugin/{}", plugin.name)),
    attributes: &[
        attribute("state", Shape::Word(&["active", "quarantine", "gone"]), |plugin| text(plugin.state)),
        attribute("hash", Shape::Text, |plugin| text(&plugin.hash)),
        attribute("hooks", Shape::List, |plugin| list(&plugin.hooks)),
        attribute("shadowOf", Shape::Text, |plugin| maybe(&plugin.shadow_of)),
        counter("comparisons", |plugin| whole(plugin.comparisons)),
        counter("differences", |plugin| whole(plugin.differences)),
        counter("dropped", |plugin| whole(plugin.dropped)),
        counter("decisions", |plugin| whole(plugin.decisions)),
        counter("noOpinion", |plugin| whole(plugin.no_opinion)),
        counter("denials", |plugin| whole(plugin.denials)),
        counter("contradictions", |plugin| whole(plugin.contradictions)),
        attribute("failures", Shape::Map, |plugin| {
            map(plugin.failures.iter().map(|(cause, count)| (*cause, whole(*count))))
        }),
        attribute("lastFailure", Shape::Text, |plugin| maybe(&plugin.last_failure)),
        attribute("quarantineSeconds", Shape::Integer, |plugin| {
            // one of which less than a second is left is not over
            let ceil = |left: Duration| left.as_secs().saturating_add(u64::from(left.subsec_nanos() > 0));
            plugin.quarantine.map_or(Value::Null, |left| whole(ceil(left)))
        }),
        attribute("latencyMicrosP50", Shape::Integer, |plugin| micros(plugin, 0)),
        attribute("latencyMicrosP99", Shape::Integer, |plugin| micros(plugin, 1)),
        attribute("latencyMicrosMax", Shape::Integer, |plugin| micros(plugin, 2)),
        attribute("counters", Shape::Map, |plugin| {
            map(plugin.counters.iter().map(|(name, count)| (name.as_str(), whole(*count))))
        }),
    ],
    rows: |facts| &facts.plugins,
};

fn whole(count: u64) -> Value {
    Value::Long(i64::try_from(count).unwrap_or(i64::MAX))
}

fn micros(plugin: &PluginFacts, at: usize) -> Value {
    let micros = plugin.latency_us.get(at).copied().flatten();
    micros.map_or(Value::Null, whole)
}
