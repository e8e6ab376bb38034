//! What the configuration says, in the words of management.

use crosstie_model::facts::{
    AddressRuleFacts, AutoLinkFacts, ConnectorFacts, EndpointFacts, LinkRouteFacts, ListenerFacts,
};
use crosstie_model::policy::InfoValue;
use crosstie_model::settings::{
    AddressRule, AutoLink, ConnectionSettings, Connector, ContainerRef, Covers, LinkRoute, Listener, PropertyValue,
    Role,
};

use crate::dial_text;
use crate::status::State;

/// As long as `initialHandshakeTimeoutSeconds: 0` of the reference.
const NEVER_SECONDS: u32 = 31_536_000;

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn property(value: &PropertyValue) -> InfoValue {
    match value {
        PropertyValue::Text(text) => InfoValue::Text(text.clone()),
        PropertyValue::Secret(secret) => InfoValue::Text(secret.reference.clone()),
        PropertyValue::Integer(number) => InfoValue::Int(*number),
        PropertyValue::Float(number) => InfoValue::Float(*number),
        PropertyValue::Bool(flag) => InfoValue::Flag(*flag),
        PropertyValue::Null => InfoValue::Text(String::new()),
    }
}

fn endpoint(name: &str, (host, port): (&str, u16), role: Role, settings: &ConnectionSettings) -> EndpointFacts {
    let mechanisms: Vec<&str> = settings.sasl.iter().map(|mechanism| mechanism.as_str()).collect();
    EndpointFacts {
        name: name.to_owned(),
        host: host.to_owned(),
        port: port.to_string(),
        role: role.as_str(),
        cost: 1,
        tls: None,
        sasl_mechanisms: (!mechanisms.is_empty()).then(|| mechanisms.join(" ")),
        max_frame_size_bytes: settings.max_frame_size,
        max_sessions: settings.max_sessions,
        max_session_frames: settings.max_session_frames,
        idle_timeout_seconds: seconds(settings.idle_timeout),
        strip_annotations: settings.strip_annotations.as_str(),
        link_capacity: settings.link_capacity.initial,
        open_properties: settings.properties.iter().map(|(key, value)| (key.clone(), property(value))).collect(),
    }
}

/// A listener and the port that it got.
pub(crate) fn listener(listener: &Listener, bound_port: u16) -> ListenerFacts {
    let urls = listener.failover_urls.iter().map(|url| {
        let scheme = url.scheme.map(|scheme| format!("{}://", scheme.as_str())).unwrap_or_default();
        format!("{scheme}{}", dial_text(&url.host, url.port))
    });
    let host = listener.host.as_deref().unwrap_or_default();
    ListenerFacts {
        endpoint: endpoint(&listener.name, (host, listener.port), listener.role, &listener.connection),
        bound_port: Some(bound_port),
        authenticate_peer: listener.authenticate_peer,
        require_encryption: false,
        require_tls: false,
        // whoever writes 0 for "never" gets a time that nobody lives to see
        handshake_timeout_seconds: seconds(listener.connection.handshake_timeout) % NEVER_SECONDS,
        failover_urls: (!listener.failover_urls.is_empty()).then(|| urls.collect::<Vec<_>>().join(", ")),
        multi_tenant: false,
    }
}

/// A connector and how it fares.
pub(crate) fn connector(connector: &Connector, state: State) -> ConnectorFacts {
    let first = connector.endpoints.first().map(|endpoint| (endpoint.host.as_str(), endpoint.port));
    ConnectorFacts {
        endpoint: endpoint(&connector.name, first.unwrap_or_default(), connector.role, &connector.connection),
        sasl_username: connector.username.clone(),
        verify_hostname: true,
        failover_urls: (!state.urls.is_empty()).then(|| state.urls.join(", ")),
        status: state.status,
        message: state.message,
    }
}

/// A rule for addresses.
pub(crate) fn address_rule(id: u64, rule: &AddressRule) -> AddressRuleFacts {
    let (prefix, pattern) = covers(&rule.covers);
    AddressRuleFacts {
        id,
        name: rule.name.clone(),
        prefix,
        pattern,
        distribution: rule.distribution.as_str(),
        ingress_phase: rule.ingress_phase.unwrap_or(0),
        egress_phase: rule.egress_phase.unwrap_or(u8::from(rule.waypoint)),
        priority: rule.priority,
        fallback: false,
    }
}

/// A link route.
pub(crate) fn link_route(id: u64, route: &LinkRoute, active: bool) -> LinkRouteFacts {
    let (prefix, pattern) = covers(&route.covers);
    let (connection, container_id) = container(&route.container);
    LinkRouteFacts {
        id,
        name: route.name.clone(),
        prefix,
        pattern,
        direction: route.direction,
        connection,
        container_id,
        add_external_prefix: route.add_external_prefix.clone(),
        del_external_prefix: route.del_external_prefix.clone(),
        active,
    }
}

/// As prefix, or as pattern.
fn covers(covers: &Covers) -> (Option<String>, Option<String>) {
    match covers {
        Covers::Prefix(text) => (Some(text.clone()), None),
        Covers::Pattern(text) => (None, Some(text.clone())),
    }
}

/// The name of a connection, or a container-id.
fn container(container: &ContainerRef) -> (Option<String>, Option<String>) {
    match container {
        ContainerRef::Connection(name) => (Some(name.clone()), None),
        ContainerRef::ContainerId(id) => (None, Some(id.clone())),
    }
}

/// An auto-link and the id of its link.
pub(crate) fn auto_link(id: u64, auto_link: &AutoLink, link_id: Option<u64>) -> AutoLinkFacts {
    let (connection, container_id) = container(&auto_link.container);
    AutoLinkFacts {
        id,
        name: Some(auto_link.name.clone()),
        address: auto_link.address.clone(),
        direction: auto_link.direction,
        phase: auto_link.phase,
        connection,
        container_id,
        external_address: auto_link.external_address.clone(),
        fallback: false,
        link_id,
        status: if link_id.is_some() { "active" } else { "inactive" },
        last_error: None,
    }
}
