//! Where peers may connect.

use crosstie_model::facts::{ListenerFacts, Part};

use super::endpoint::{FAMILIES, ROLES, STRIPS, identity, nothing};
use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, default, formerly, setting};
use crate::value::{maybe, open_properties, or_null, text};

/// `listener`.
pub(crate) static LISTENER: Table<ListenerFacts> = Table {
    head: Head {
        name: "listener",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "Takes connections on a host and port",
        singleton: false,
        local_identity: false,
        part: Some(Part::Listeners),
    },
    name: |listener| text(&listener.endpoint.name),
    identity: |listener| identity("listener", &listener.endpoint),
    attributes: &[
        default(Fallback::Text(""), setting("host", Shape::Text, |listener| text(&listener.endpoint.host))),
        default(Fallback::Text("amqp"), setting("port", Shape::Text, |listener| text(&listener.endpoint.port))),
        formerly(
            "protocolFamily",
            setting("socketAddressFamily", Shape::Word(FAMILIES), |listener| or_null(listener.endpoint.address_family)),
        ),
        default(Fallback::Text("normal"), setting("role", Shape::Word(ROLES), |listener| text(listener.endpoint.role))),
        default(Fallback::Integer(1), setting("cost", Shape::Integer, |listener| listener.endpoint.cost.into())),
        setting("sslProfile", Shape::Text, |listener| maybe(&listener.endpoint.tls)),
        setting("saslMechanisms", Shape::Text, |listener| maybe(&listener.endpoint.sasl_mechanisms)),
        default(
            Fallback::Flag(false),
            setting("authenticatePeer", Shape::Flag, |listener| listener.authenticate_peer.into()),
        ),
        setting("saslPlugin", Shape::Text, |listener| maybe(&listener.auth_service)),
        default(
            Fallback::Flag(false),
            setting("requireEncryption", Shape::Flag, |listener| listener.require_encryption.into()),
        ),
        default(Fallback::Flag(false), setting("requireSsl", Shape::Flag, |listener| listener.require_tls.into())),
        formerly("trustedCerts", setting("trustedCertsFile", Shape::Path, nothing)),
        default(
            Fallback::Integer(16_384),
            setting("maxFrameSize", Shape::Integer, |listener| listener.endpoint.max_frame_size_bytes.into()),
        ),
        default(
            Fallback::Integer(32_768),
            setting("maxSessions", Shape::Integer, |listener| listener.endpoint.max_sessions.into()),
        ),
        setting("maxSessionFrames", Shape::Integer, |listener| or_null(listener.endpoint.max_session_frames)),
        default(
            Fallback::Integer(16),
            setting("idleTimeoutSeconds", Shape::Integer, |listener| listener.endpoint.idle_timeout_seconds.into()),
        ),
        default(
            Fallback::Integer(0),
            setting("initialHandshakeTimeoutSeconds", Shape::Integer, |listener| {
                listener.handshake_timeout_seconds.into()
            }),
        ),
        default(
            Fallback::Text("both"),
            setting("stripAnnotations", Shape::Word(STRIPS), |listener| text(listener.endpoint.strip_annotations)),
        ),
        setting("linkCapacity", Shape::Integer, |listener| listener.endpoint.link_capacity.into()),
        default(Fallback::Flag(false), setting("multiTenant", Shape::Flag, |listener| listener.multi_tenant.into())),
        formerly("failoverList", setting("failoverUrls", Shape::Text, |listener| maybe(&listener.failover_urls))),
        default(Fallback::Flag(true), setting("healthz", Shape::Flag, nothing)),
        default(Fallback::Flag(true), setting("metrics", Shape::Flag, nothing)),
        default(Fallback::Flag(true), setting("websockets", Shape::Flag, nothing)),
        default(Fallback::Flag(false), setting("http", Shape::Flag, nothing)),
        formerly("httpRoot", setting("httpRootDir", Shape::Path, nothing)),
        formerly(
            "logMessage",
            default(
                Fallback::Text("none"),
                setting("messageLoggingComponents", Shape::Text, |listener| {
                    text(listener.endpoint.message_parts_logged.as_deref().unwrap_or("none"))
                }),
            ),
        ),
        setting("policyVhost", Shape::Text, nothing),
        setting("openProperties", Shape::Properties, |listener| open_properties(&listener.endpoint.open_properties)),
        // not of the reference: where `port` is 0 or a name
        attribute("boundPort", Shape::Integer, |listener| or_null(listener.bound_port)),
    ],
    rows: |facts| &facts.listeners,
};
