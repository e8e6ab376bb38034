//! The `address`, `autoLink` and `linkRoute` entities.

use crate::address::UNAVAILABLE;
use crate::loading::{Fault, Loading};
use crate::reference::draft::Draft;
use crate::reference::entity::{Attribute, Entity};
use crate::reference::reader::{Placed, Reader};
use crate::tree::{Node, Value};

/// The node of an `address` entity.
pub(super) fn address<'t>(loading: &'t Loading<'t>, entity: &'t Entity) -> Node {
    let reader = Reader::new(loading, entity);
    let mut draft = match reader.text("name") {
        Some(name) => Draft::with("address", entity.at, Value::Text(name.value), name.at),
        None => Draft::new("address", entity.at),
    };
    covers(&reader, &mut draft);
    if let Some(distribution) = reader.text("distribution") {
        draft.text("distribution", distribution);
    }
    if let Some(waypoint) = reader.flag("waypoint") {
        draft.flag("waypoint", waypoint);
    }
    let numbers = [("ingressPhase", "ingress-phase"), ("egressPhase", "egress-phase"), ("priority", "priority")];
    for (name, ours) in numbers {
        // In the reference -1 is none.
        if let Some(number) = reader.integer(name).filter(|number| number.value != -1) {
            draft.integer(ours, number);
        }
    }
    reader.refuse_yes(&["enableFallback"]);
    reader.finish();
    draft.into_node()
}

/// The node of an `autoLink` entity, the `index`-th; absent where it names nothing that it could attach to.
pub(super) fn auto_link<'t>(loading: &'t Loading<'t>, entity: &'t Entity, index: usize) -> Option<Node> {
    let reader = Reader::new(loading, entity);
    let name = reader.text("name").unwrap_or_else(|| reader.default(format!("autoLink/{index}")));
    let mut draft = Draft::with("auto-link", entity.at, Value::Text(name.value), name.at);
    let texts = [
        ("address", "address"),
        ("direction", "direction"),
        ("connection", "connection"),
        ("containerId", "container"),
        ("externalAddress", "external-address"),
    ];
    texts.into_iter().for_each(|names| reader.hand_on(names, &mut draft));
    if let Some(phase) = reader.integer("phase").filter(|phase: &Placed<i128>| phase.value != -1) {
        draft.integer("phase", phase);
    }
    reader.refuse_yes(&["fallback"]);
    let nobody = reader.default("nobody".to_owned());
    reader.finish();
    if is_somewhere(entity) {
        return Some(draft.into_node());
    }
    // what else is wrong with it is said all the same
    draft.text("container", nobody);
    let _ = crate::address::read_auto_link(loading, &draft.into_node());
    let fault = Fault::at(entity.at, "an autoLink without `connection` and `containerId` never attaches");
    loading.warn(fault.label("left out"));
    None
}

/// The node of a `linkRoute` entity. It leads to nobody where it names nothing that it could lead to.
pub(super) fn link_route<'t>(loading: &'t Loading<'t>, entity: &'t Entity) -> Node {
    let reader = Reader::new(loading, entity);
    let mut draft = match reader.text("name") {
        Some(name) => Draft::with("link-route", entity.at, Value::Text(name.value), name.at),
        None => Draft::new("link-route", entity.at),
    };
    covers(&reader, &mut draft);
    let texts = [("direction", "direction"), ("connection", "connection"), ("containerId", "container")];
    texts.into_iter().for_each(|names| reader.hand_on(names, &mut draft));
    for (name, ours) in [("addExternalPrefix", "add-external-prefix"), ("delExternalPrefix", "del-external-prefix")] {
        if let Some(text) = reader.text(name).filter(|text| !text.value.is_empty()) {
            draft.text(ours, text);
        }
    }
    if let Some(distribution) = reader.text("distribution")
        && !distribution.value.eq_ignore_ascii_case("linkBalanced")
    {
        let fault = Fault::at(distribution.at, "unknown distribution of a linkRoute");
        loading.report(fault.label("not known here").hint("it is `linkBalanced`"));
    }
    let unavailable = reader.default(UNAVAILABLE.to_owned());
    reader.finish();
    if is_somewhere(entity) {
        return draft.into_node();
    }
    let fault = Fault::at(entity.at, "a linkRoute without `connection` and `containerId` leads nowhere");
    loading.warn(fault.label("whoever attaches to its addresses is refused, as in the reference"));
    draft.text("distribution", unavailable);
    draft.into_node()
}

/// Whether it names what it could lead to.
fn is_somewhere(entity: &Entity) -> bool {
    let names = |attribute: &Attribute| matches!(attribute.name.as_str(), "connection" | "containerId");
    entity.attributes.iter().any(names)
}

/// Hands on the addresses that a rule or a route is for.
fn covers(reader: &Reader<'_>, draft: &mut Draft) {
    match reader.text("prefix").map(|prefix| prefix.map(without_separators)) {
        // In the reference a prefix may have wildcards: it is the pattern that it starts.
        Some(prefix) if prefix.value.split(['.', '/']).any(|part| matches!(part, "*" | "#")) => {
            draft.text("pattern", prefix.map(|prefix| format!("{prefix}/#")));
        }
        Some(prefix) => draft.text("prefix", prefix),
        None => reader.stand_in(("prefix", "prefix"), draft),
    }
    match reader.text("pattern") {
        Some(pattern) => draft.text("pattern", pattern.map(without_separators)),
        None => reader.stand_in(("pattern", "pattern"), draft),
    }
}

/// The reference drops separators around a prefix or a pattern.
fn without_separators(text: String) -> String {
    let trimmed = text.trim_matches(['.', '/']);
    if trimmed.is_empty() { text } else { trimmed.to_owned() }
}
