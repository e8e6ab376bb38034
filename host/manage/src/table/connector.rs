//! Whom the router connects to.

use crosstie_model::facts::{CandidateFacts, ConnectorFacts, ConnectorStatus, Part};
use serde_amqp::Value;

use super::endpoint::{FAMILIES, ROLES, STRIPS, identity, nothing};
use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, default, formerly, setting};
use crate::value::{map, maybe, open_properties, or_null, text};

/// `connector`.
pub(crate) static CONNECTOR: Table<ConnectorFacts> = Table {
    head: Head {
        name: "connector",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "Keeps a connection to a host and port",
        singleton: false,
        local_identity: false,
        part: Some(Part::Connectors),
    },
    name: |connector| text(&connector.endpoint.name),
    identity: |connector| identity("connector", &connector.endpoint),
    attributes: &[
        default(Fallback::Text("127.0.0.1"), setting("host", Shape::Text, |connector| text(&connector.endpoint.host))),
        default(Fallback::Text("amqp"), setting("port", Shape::Text, |connector| text(&connector.endpoint.port))),
        setting("protocolFamily", Shape::Word(FAMILIES), |connector| or_null(connector.endpoint.address_family)),
        default(
            Fallback::Text("normal"),
            setting("role", Shape::Word(ROLES), |connector| text(connector.endpoint.role)),
        ),
        default(Fallback::Integer(1), setting("cost", Shape::Integer, |connector| connector.endpoint.cost.into())),
        setting("sslProfile", Shape::Text, |connector| maybe(&connector.endpoint.tls)),
        setting("saslMechanisms", Shape::Text, |connector| maybe(&connector.endpoint.sasl_mechanisms)),
        // nothing in the reference looks at it
        default(Fallback::Flag(true), setting("allowRedirect", Shape::Flag, nothing)),
        default(
            Fallback::Integer(16_384),
            setting("maxFrameSize", Shape::Integer, |connector| connector.endpoint.max_frame_size_bytes.into()),
        ),
        default(
            Fallback::Integer(32_768),
            setting("maxSessions", Shape::Integer, |connector| connector.endpoint.max_sessions.into()),
        ),
        setting("maxSessionFrames", Shape::Integer, |connector| or_null(connector.endpoint.max_session_frames)),
        default(
            Fallback::Integer(16),
            setting("idleTimeoutSeconds", Shape::Integer, |connector| connector.endpoint.idle_timeout_seconds.into()),
        ),
        default(
            Fallback::Text("both"),
            setting("stripAnnotations", Shape::Word(STRIPS), |connector| text(connector.endpoint.strip_annotations)),
        ),
        setting("linkCapacity", Shape::Integer, |connector| connector.endpoint.link_capacity.into()),
        formerly(
            "verifyHostName",
            default(
                Fallback::Flag(true),
                setting("verifyHostname", Shape::Flag, |connector| connector.verify_hostname.into()),
            ),
        ),
        setting("saslUsername", Shape::Text, |connector| maybe(&connector.sasl_username)),
        // set, and never told
        setting("saslPassword", Shape::Text, nothing),
        formerly(
            "logMessage",
            default(
                Fallback::Text("none"),
                setting("messageLoggingComponents", Shape::Text, |connector| {
                    text(connector.endpoint.message_parts_logged.as_deref().unwrap_or("none"))
                }),
            ),
        ),
        formerly("failoverList", attribute("failoverUrls", Shape::Text, |connector| maybe(&connector.failover_urls))),
        attribute("connectionStatus", Shape::Text, |connector| text(status(connector.status))),
        attribute("connectionMsg", Shape::Text, |connector| maybe(&connector.message)),
        setting("policyVhost", Shape::Text, nothing),
        setting("openProperties", Shape::Properties, |connector| open_properties(&connector.endpoint.open_properties)),
        // not of the reference: the endpoint in use
        attribute("connectedTo", Shape::Text, |connector| maybe(&connector.endpoint_in_use)),
        // not of the reference: dials since the start
        attribute("attempts", Shape::Integer, |connector| count(connector.attempts)),
        // not of the reference: how often another endpoint was in use than before
        attribute("failovers", Shape::Integer, |connector| count(connector.failovers)),
        // not of the reference: what is known of each endpoint, in the order in which they are tried
        attribute("endpoints", Shape::List, |connector| {
            Value::List(connector.candidates.iter().map(candidate).collect())
        }),
    ],
    rows: |facts| &facts.connectors,
};

fn count(number: u64) -> Value {
    Value::Long(i64::try_from(number).unwrap_or(i64::MAX))
}

fn candidate(candidate: &CandidateFacts) -> Value {
    map([
        ("url", text(&candidate.url)),
        ("origin", text(candidate.origin)),
        ("priority", i64::from(candidate.priority).into()),
        ("attempts", i64::from(candidate.attempts).into()),
        ("failuresInRow", i64::from(candidate.failures_in_row).into()),
        ("lastError", maybe(&candidate.last_error)),
        ("lastRttUs", candidate.last_rtt_us.map_or(Value::Null, |us| count(us.into()))),
        ("certificateNotAfterMs", candidate.certificate_not_after_ms.map_or(Value::Null, count)),
    ])
}

const fn status(status: ConnectorStatus) -> &'static str {
    match status {
        ConnectorStatus::Initializing => "INITIALIZING",
        ConnectorStatus::Connecting => "CONNECTING",
        ConnectorStatus::Success => "SUCCESS",
        ConnectorStatus::Failed => "FAILED",
    }
}
