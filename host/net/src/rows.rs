//! What the configuration says, in the words of management.

use std::path::PathBuf;

use crosstie_model::facts::{
    AddressRuleFacts, AuthServiceFacts, AutoLinkFacts, CandidateFacts, ConnectionRouteFacts, ConnectorFacts,
    EndpointFacts, LinkRouteFacts, ListenerFacts, TlsProfileFacts,
};
use crosstie_model::host_port;
use crosstie_model::policy::Candidate;
use crosstie_model::settings::{
    AddressFamily, AddressRule, AuthService, Authorities, AutoLink, ConnectionSettings, Connector, ContainerRef,
    Covers, Delegation, LinkRoute, Listener, NamePart, Role, TlsVersion,
};
use crosstie_router::failover;
use crosstie_router::survey::Unattached;
use crosstie_tls::Profile;

use crate::status::State;

/// As long as `initialHandshakeTimeoutSeconds: 0` of the reference.
const NEVER_SECONDS: u32 = 31_536_000;

fn seconds(duration: std::time::Duration) -> u32 {
    u32::try_from(duration.as_secs()).unwrap_or(u32::MAX)
}

fn endpoint(
    (name, tls): (&str, Option<&str>),
    (host, port): (&str, u16),
    role: Role,
    settings: &ConnectionSettings,
) -> EndpointFacts {
    let parts = settings.log_messages.words();
    let mechanisms: Vec<&str> = settings.sasl.iter().map(|mechanism| mechanism.as_str()).collect();
    EndpointFacts {
        name: name.to_owned(),
        host: host.to_owned(),
        port: port.to_string(),
        address_family: settings.address_family.map(AddressFamily::as_str),
        role: role.as_str(),
        cost: 1,
        tls: tls.map(str::to_owned),
        sasl_mechanisms: (!mechanisms.is_empty()).then(|| mechanisms.join(" ")),
        max_frame_size_bytes: settings.max_frame_size,
        max_sessions: settings.max_sessions,
        max_session_frames: settings.max_session_frames,
        idle_timeout_seconds: seconds(settings.idle_timeout),
        strip_annotations: settings.strip_annotations.as_str(),
        link_capacity: settings.link_capacity.initial,
        message_parts_logged: (!parts.is_empty()).then(|| parts.join(",")),
        open_properties: settings.properties.clone(),
    }
}

/// A listener and the port that it got.
pub(crate) fn listener(listener: &Listener, bound_port: u16) -> ListenerFacts {
    let urls = listener.failover_urls.iter().map(|url| {
        let scheme = url.scheme.map(|scheme| format!("{}://", scheme.as_str())).unwrap_or_default();
        format!("{scheme}{}", host_port(&url.host, url.port))
    });
    let host = listener.host.as_deref().unwrap_or_default();
    let tls = listener.tls.as_ref();
    let is_required = tls.is_some_and(|tls| !tls.optional);
    let mut endpoint = endpoint(
        (&listener.name, tls.map(|tls| tls.name.as_str())),
        (host, listener.port),
        listener.role,
        &listener.connection,
    );
    if let Some(Delegation { mechanisms, .. }) = &listener.delegation {
        endpoint.sasl_mechanisms = (!mechanisms.is_empty()).then(|| mechanisms.join(" "));
    }
    ListenerFacts {
        endpoint,
        bound_port: Some(bound_port),
        authenticate_peer: listener.authenticate_peer,
        require_encryption: is_required,
        require_tls: is_required,
        // whoever writes 0 for "never" gets a time that nobody lives to see
        handshake_timeout_seconds: seconds(listener.connection.handshake_timeout) % NEVER_SECONDS,
        failover_urls: (!listener.failover_urls.is_empty()).then(|| urls.collect::<Vec<_>>().join(", ")),
        multi_tenant: listener.multi_tenant,
        auth_service: listener.delegation.as_ref().map(|delegation| delegation.service.name.clone()),
    }
}

pub(crate) fn auth_service(service: &AuthService) -> AuthServiceFacts {
    AuthServiceFacts {
        name: service.name.clone(),
        host: service.host.clone(),
        port: service.port.to_string(),
        realm: service.realm.clone(),
        tls: service.tls.clone(),
    }
}

/// A connector and how it fares.
pub(crate) fn connector(connector: &Connector, state: State) -> ConnectorFacts {
    let first = connector.endpoints.first().map(|endpoint| (endpoint.host.as_str(), endpoint.port));
    ConnectorFacts {
        endpoint: endpoint(
            (&connector.name, connector.tls.as_deref()),
            first.unwrap_or_default(),
            connector.role,
            &connector.connection,
        ),
        sasl_username: connector.username.clone(),
        verify_hostname: connector.verify_hostname,
        failover_urls: (!state.urls.is_empty()).then(|| state.urls.join(", ")),
        endpoint_in_use: state.used,
        attempts: state.attempts,
        failovers: state.failovers,
        candidates: state.candidates.into_iter().map(candidate).collect(),
        status: state.status,
        message: state.message,
    }
}

fn candidate(candidate: Candidate) -> CandidateFacts {
    CandidateFacts {
        url: failover::url(&candidate),
        origin: candidate.origin.as_str(),
        priority: candidate.priority,
        attempts: candidate.attempts,
        failures_in_row: candidate.failures_in_row,
        last_error: candidate.last_error,
        last_rtt_us: candidate.last_rtt_us,
        certificate_not_after_ms: candidate.certificate_not_after_ms,
    }
}

/// A TLS profile, as its files were read last.
pub(crate) fn tls_profile(profile: &Profile) -> TlsProfileFacts {
    let settings = profile.settings();
    let text = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
    let versions = settings.versions.iter().map(|version| match version {
        TlsVersion::V1_2 => "TLSv1.2",
        TlsVersion::V1_3 => "TLSv1.3",
    });
    let expiry = profile.expiry();
    TlsProfileFacts {
        name: settings.name.clone(),
        protocols: versions.collect::<Vec<_>>().join(" "),
        ciphers: (!settings.cipher_suites.is_empty())
            .then(|| settings.cipher_suites.iter().map(|suite| suite.openssl_name()).collect::<Vec<_>>().join(":")),
        ca_file: match &settings.ca {
            Authorities::System => None,
            Authorities::File(path) => Some(path.display().to_string()),
        },
        certificate_file: text(&settings.certificate),
        private_key_file: text(&settings.private_key),
        user_name_format: (!settings.user_name.is_empty())
            .then(|| settings.user_name.iter().map(|part| letter(*part)).collect()),
        user_names_file: text(&settings.user_names),
        certificate_subject: expiry.as_ref().map(|expiry| expiry.subject.clone()),
        expires_at_seconds: expiry.and_then(|expiry| u64::try_from(expiry.ends_unix).ok()),
        fault: profile.fault(),
    }
}

/// The letter of the reference. Source: features 1.4, `uidFormat`.
const fn letter(part: NamePart) -> char {
    match part {
        NamePart::Country => 'c',
        NamePart::State => 's',
        NamePart::Locality => 'l',
        NamePart::Organization => 'o',
        NamePart::Unit => 'u',
        NamePart::CommonName => 'n',
        NamePart::Sha1 => '1',
        NamePart::Sha256 => '2',
        NamePart::Sha512 => '5',
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

/// A link route that a peer made for its own connection.
pub(crate) fn connection_route(id: u64, route: &LinkRoute) -> ConnectionRouteFacts {
    let (_, container_id) = container(&route.container);
    ConnectionRouteFacts {
        id,
        name: route.name.clone(),
        pattern: covers(&route.covers).1.unwrap_or_default(),
        direction: route.direction,
        container_id: container_id.unwrap_or_default(),
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
        ContainerRef::Nobody => (None, None),
    }
}

/// An auto-link: the id of its link, why it has none on a connection that is there, and why it was last detached.
pub(crate) fn auto_link(
    id: u64,
    auto_link: &AutoLink,
    (link_id, unattached): (Option<u64>, Option<Unattached>),
    last_error: Option<String>,
) -> AutoLinkFacts {
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
        status: match (link_id, unattached) {
            (Some(_), _) => "active",
            (None, Some(Unattached::Attaching)) => "attaching",
            (None, Some(Unattached::Failed)) => "failed",
            (None, None) => "inactive",
        },
        last_error,
    }
}
