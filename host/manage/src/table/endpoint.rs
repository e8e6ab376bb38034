//! What listeners and connectors have in common.

use crosstie_model::facts::EndpointFacts;
use serde_amqp::Value;

use crate::value::text;

pub(super) const ROLES: &[&str] = &["normal", "inter-router", "route-container", "edge"];
pub(super) const FAMILIES: &[&str] = &["IPv4", "IPv6"];
pub(super) const STRIPS: &[&str] = &["in", "out", "both", "no"];

/// `TYPE/host:port:name`; of one that has no name but that by default, its name.
pub(super) fn identity(kind: &str, endpoint: &EndpointFacts) -> Value {
    let EndpointFacts { host, port, name, .. } = endpoint;
    let unnamed = format!("{kind}/{host}:{port}");
    if *name == unnamed { text(unnamed) } else { text(format!("{unnamed}:{name}")) }
}

/// An attribute that this router has no such thing for.
pub(super) fn nothing<F>(_: &F) -> Value {
    Value::Null
}
