//! The `router` and `policy` entities.

use crate::loading::{Fault, Loading};
use crate::reference::connection::{NO_USERS, mechanism_names};
use crate::reference::draft::Draft;
use crate::reference::entity::{Entity, Given};
use crate::reference::reader::Reader;
use crate::tree::{Node, Value};

const STANDALONE: &str = "a standalone router has no neighbours";

/// The node of the `router` entity.
pub(super) fn router<'t>(loading: &'t Loading<'t>, entity: &'t Entity, entities: &[Entity]) -> Node {
    let reader = Reader::new(loading, entity);
    let mut draft = Draft::new("router", entity.at);
    if let Some(id) = reader.text("id") {
        draft = Draft::with("router", entity.at, Value::Text(id.value), id.at);
    }
    if let Some(mode) = reader.text("mode") {
        draft.text("mode", mode);
    }
    if let Some(workers) = reader.integer("workerThreads") {
        draft.integer("workers", workers);
    }
    if let Some(distribution) = reader.text("defaultDistribution") {
        draft.text("default-distribution", distribution);
    }
    if let Some(metadata) = reader.text("metadata") {
        draft.text("metadata", metadata);
    }
    if let Some(allowed) = reader.flag("allowResumableLinkRoute") {
        draft.flag("allow-resumable-link-route", allowed);
    }
    reader.text("name");
    let hello = ["helloIntervalSeconds", "helloMaxAgeSeconds", "raIntervalSeconds", "raIntervalFluxSeconds"];
    reader.without_effect(&hello, STANDALONE);
    reader.without_effect(&["remoteLsMaxAgeSeconds", "area"], STANDALONE);
    reader.without_effect(&["allowUnsettledMulticast"], "unsettled multicast is always allowed");
    reader.without_effect(&["debugDumpFile"], "there is nothing to dump");
    if let Some(directory) = reader.text("saslConfigDir").filter(|_| entities.iter().any(takes_passwords)) {
        let fault = Fault::at(directory.key_at, "users of Cyrus SASL, which are not read");
        loading.report(fault.label("a listener asks for them").hint(NO_USERS));
    }
    reader.without_effect(&["saslConfigDir", "saslConfigName"], "users do not come from Cyrus SASL");
    reader
        .without_effect(&["timestampsInUTC", "timestampFormat"], "the log has the time in UTC, as RFC 3339 writes it");
    reader.finish();
    draft.into_node()
}

/// Whether peers may authenticate with passwords at a listener: without `saslMechanisms` it offers all that Cyrus SASL has.
fn takes_passwords(entity: &Entity) -> bool {
    let offers = entity.given("saslMechanisms").is_none_or(|mechanisms| {
        let Given::Text(text) = mechanisms else { return true };
        mechanism_names(text).any(|word| !["ANONYMOUS", "EXTERNAL"].contains(&&*word))
    });
    entity.kind == "listener" && offers
}

/// The `limits` that stand in the `policy` entity, if it has any.
pub(super) fn policy<'t>(loading: &'t Loading<'t>, entity: &'t Entity) -> Option<Node> {
    let reader = Reader::new(loading, entity);
    let connections = reader.integer("maxConnections").map(|connections| {
        let mut draft = Draft::new("limits", entity.at);
        draft.integer("connections", connections);
        draft.into_node()
    });
    reader.refuse_yes(&["enableVhostPolicy"]);
    let names = ["policyDir", "defaultVhost", "enableVhostNamePatterns", "maxMessageSize", "name"];
    reader.without_effect(&names, "`enableVhostPolicy` is not on");
    reader.finish();
    connections
}
