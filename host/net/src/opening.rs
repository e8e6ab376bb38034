//! From settings to what a connection says and asks of its peer.

use std::sync::Arc;

use crosstie_amqp::connection::Setup;
use crosstie_amqp::handshake::{Client, Server, Side};
use crosstie_amqp::sasl;
use crosstie_model::settings::{ConnectionSettings, Connector, Listener, Mechanism, PropertyValue, Secret, User};
use crosstie_router::failover::Dial;
use crosstie_router::failover_list;
use serde_amqp::Value;

/// Sent in every Open.
const PRODUCT: &str = "crosstie";

fn mechanism(mechanism: Mechanism) -> String {
    match mechanism {
        Mechanism::Anonymous => "ANONYMOUS".to_owned(),
        Mechanism::Plain => "PLAIN".to_owned(),
    }
}

fn value(value: &PropertyValue) -> Value {
    match value {
        PropertyValue::Text(text) | PropertyValue::Secret(Secret { text, .. }) => Value::String(text.clone()),
        PropertyValue::Integer(number) => Value::Long(*number),
        PropertyValue::Float(number) => Value::Double((*number).into()),
        PropertyValue::Bool(flag) => Value::Bool(*flag),
        PropertyValue::Null => Value::Null,
    }
}

fn setup(container_id: &str, settings: &ConnectionSettings, side: Side) -> Setup {
    let own = [("product", PRODUCT), ("version", env!("CARGO_PKG_VERSION"))];
    let own = own.map(|(key, text)| (key.to_owned(), Value::String(text.to_owned())));
    let more = settings.properties.iter().map(|(key, property)| (key.clone(), value(property)));
    Setup {
        container_id: container_id.to_owned(),
        hostname: None,
        max_frame_size: settings.max_frame_size,
        channel_max: u16::try_from(settings.max_sessions.saturating_sub(1)).unwrap_or(u16::MAX),
        idle_timeout: settings.idle_timeout,
        handshake_timeout: settings.handshake_timeout,
        properties: own.into_iter().chain(more).collect(),
        side,
    }
}

/// For the peers of a listener.
pub(crate) fn accepted(container_id: &str, listener: &Listener, users: &[User]) -> Setup {
    let users: Vec<(String, String)> =
        users.iter().map(|user| (user.name.clone(), user.password.text.clone())).collect();
    let server = Server {
        mechanisms: listener.connection.sasl.iter().copied().map(mechanism).collect(),
        without_sasl: !listener.authenticate_peer,
        verify: Arc::new(move |user, password| {
            sasl::verify(users.iter().map(|(name, secret)| (name.as_str(), secret.as_str())), user, password)
        }),
    };
    let mut setup = setup(container_id, &listener.connection, Side::Server(server));
    if !listener.failover_urls.is_empty() {
        setup.properties.push((failover_list::NAME.to_owned(), failover_list::write(&listener.failover_urls)));
    }
    setup
}

/// For the peer that a connector dials.
pub(crate) fn dialled(container_id: &str, connector: &Connector, dial: &Dial) -> Setup {
    let password = connector.password.as_ref().map(|secret| secret.text.clone());
    let credentials = connector.username.clone().zip(password).filter(|_| dial.with_credentials);
    let mut setup = setup(container_id, &connector.connection, Side::Client(Client { credentials }));
    setup.hostname = Some(dial.hostname.clone());
    setup
}
