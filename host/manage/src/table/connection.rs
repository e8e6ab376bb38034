//! Connections.

use crosstie_model::facts::{ConnectionFacts, Part};
use serde_amqp::Value;

use crate::entity::{Base, Fallback, Head, Shape, Table, attribute, changing, counter, default};
use crate::table::DIRECTIONS;
use crate::value::{direction, maybe, or_null, properties, text};

/// `connection`.
pub(super) static CONNECTION: Table<ConnectionFacts> = Table {
    head: Head {
        name: "connection",
        base: Base::Operational,
        operations: &["READ", "UPDATE"],
        description: "A connection, accepted or dialled",
        singleton: false,
        local_identity: true,
        part: Some(Part::Connections),
    },
    name: |connection| text(format!("connection/{}", connection.host)),
    identity: |connection| text(connection.id.to_string()),
    attributes: &[
        attribute("host", Shape::Text, |connection| text(&connection.host)),
        attribute("role", Shape::Text, |connection| text(connection.role)),
        attribute("protocol", Shape::Text, |_| text("amqp")),
        attribute("dir", Shape::Word(DIRECTIONS), |connection| direction(connection.direction)),
        attribute("container", Shape::Text, |connection| maybe(&connection.container)),
        attribute("sasl", Shape::Text, |connection| maybe(&connection.sasl_mechanism)),
        attribute("isAuthenticated", Shape::Flag, |connection| connection.is_authenticated.into()),
        attribute("user", Shape::Text, |connection| maybe(&connection.user)),
        attribute("isEncrypted", Shape::Flag, |connection| connection.tls.is_some().into()),
        attribute("sslProto", Shape::Text, |connection| {
            connection.tls.as_ref().map_or(Value::Null, |tls| text(&tls.protocol))
        }),
        attribute("sslCipher", Shape::Text, |connection| {
            connection.tls.as_ref().map_or(Value::Null, |tls| text(&tls.cipher))
        }),
        attribute("properties", Shape::Map, |connection| properties(&connection.properties)),
        attribute("sslSsf", Shape::Integer, |connection| {
            connection.tls.as_ref().map_or(0, |tls| i64::from(tls.strength_bits)).into()
        }),
        attribute("tenant", Shape::Text, |connection| maybe(&connection.tenant)),
        attribute("ssl", Shape::Flag, |connection| connection.tls.is_some().into()),
        attribute("opened", Shape::Flag, |connection| connection.opened.into()),
        // false only for an uplink that an edge router holds in reserve
        attribute("active", Shape::Flag, |_| true.into()),
        default(
            Fallback::Text("enabled"),
            changing("adminStatus", Shape::Word(&["enabled", "deleted"]), |connection| {
                text(if connection.closing { "deleted" } else { "enabled" })
            }),
        ),
        attribute("operStatus", Shape::Word(&["up", "closing"]), |connection| {
            text(if connection.closing { "closing" } else { "up" })
        }),
        counter("uptimeSeconds", |connection| connection.uptime_seconds.into()),
        counter("lastDlvSeconds", |connection| or_null(connection.last_delivery_seconds)),
        default(
            Fallback::Flag(false),
            changing("enableProtocolTrace", Shape::Flag, |connection| connection.frames_logged.into()),
        ),
    ],
    rows: |facts| &facts.connections,
};
