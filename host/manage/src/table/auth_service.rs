//! Who says who the peers of listeners are.

use crosstie_model::facts::{AuthServiceFacts, Part};

use super::endpoint::nothing;
use crate::entity::{Base, Fallback, Head, Shape, Table, default, formerly, setting};
use crate::value::{maybe, text};

/// `authServicePlugin`.
pub(crate) static AUTH_SERVICE: Table<AuthServiceFacts> = Table {
    head: Head {
        name: "authServicePlugin",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "A service that decides about SASL",
        singleton: false,
        local_identity: false,
        part: Some(Part::AuthServices),
    },
    name: |service| text(&service.name),
    identity: |service| text(format!("authServicePlugin/{}", service.name)),
    attributes: &[
        setting("authService", Shape::Text, nothing),
        default(Fallback::Text(""), setting("host", Shape::Text, |service| text(&service.host))),
        default(Fallback::Text("amqp"), setting("port", Shape::Text, |service| text(&service.port))),
        formerly("saslInitHostname", setting("realm", Shape::Text, |service| maybe(&service.realm))),
        formerly("authSslProfile", setting("sslProfile", Shape::Text, |service| maybe(&service.tls))),
    ],
    rows: |facts| &facts.auth_services,
};
