//! What listeners and connectors have in common.

use crosstie_model::facts::EndpointFacts;
use serde_amqp::Value;

use crate::value::text;

pub(super) const ROLES: &[&str] = &["normal", "inter-router", "route-container", "edge"];
pub(super) const FAMILIES: &[&str] = &["IPv4", "IPv6"];
pub(super) const STRIPS: &[&str] = &["in", "out", "both", "no"];

/// `TYPE/host:port:name`.
pub(super) fn identity(kind: &str, endpoint: &EndpointFacts) -> Value {
    text(format!("{kind}/{}:{}:{}", endpoint.host, endpoint.port, endpoint.name))
}

/// An attribute that this router has no such thing for.
pub(super) fn nothing<F>(_: &F) -> Value {
    Value::Null
}
