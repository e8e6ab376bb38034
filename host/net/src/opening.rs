//! From settings to what a connection says and asks of its peer.

use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::connection::Setup;
use crosstie_amqp::handshake::{Client, Server, Side};
use crosstie_amqp::sasl::{Nonce, Password, Users};
use crosstie_model::settings::{
    ConnectionSettings, Connector, LinkCapacity, Listener, Management, MessageParts, PropertyValue, Role, Secret,
    StripAnnotations, User,
};
use crosstie_router::failover::Dial;
use crosstie_router::failover_list;
use crosstie_router::shard::Meta;
use crosstie_router::tenant::Space;
use serde_amqp::Value;

/// Sent in every Open.
const PRODUCT: &str = "crosstie";

/// Offered and desired in every Open. Every link streams, so that a router may well open some for that.
const CAPABILITIES: [&str; 2] = ["ANONYMOUS-RELAY", "qd.streaming-links"];

fn mechanisms(settings: &ConnectionSettings) -> Vec<String> {
    settings.sasl.iter().map(|mechanism| mechanism.as_str().to_owned()).collect()
}

/// Random bytes for one connection.
///
/// # Errors
///
/// When the system has none.
pub(crate) fn nonce() -> std::io::Result<Nonce> {
    let mut bytes = [0; 18];
    getrandom::fill(&mut bytes)?;
    Ok(Nonce(bytes))
}

/// Everyone whom listeners let in. Plain passwords are derived here, once: some milliseconds for each.
///
/// # Errors
///
/// When the system has no random bytes.
pub(crate) fn users(users: &[User]) -> std::io::Result<Arc<Users>> {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret)?;
    let read = users.iter().filter_map(|user| match Password::read(&user.password.text) {
        Ok(password) => Some((user.name.clone(), password)),
        // the configuration was checked: nobody is better than somebody whose password is a damaged text
        Err(error) => {
            tracing::error!(target: "connection", user = user.name, %error, "a salted password cannot be read");
            None
        }
    });
    Ok(Arc::new(Users::new(secret, read)))
}

fn value(of: &PropertyValue) -> Value {
    match of {
        PropertyValue::Text(text) | PropertyValue::Secret(Secret { text, .. }) => Value::String(text.clone()),
        PropertyValue::Integer(number) => Value::Long(*number),
        PropertyValue::Float(number) => Value::Double((*number).into()),
        PropertyValue::Bool(flag) => Value::Bool(*flag),
        PropertyValue::Null => Value::Null,
        PropertyValue::List(items) => Value::List(items.iter().map(value).collect()),
        PropertyValue::Map(entries) => {
            Value::Map(entries.iter().map(|(key, of)| (Value::String(key.clone()), value(of))).collect())
        }
    }
}

/// What every Open says of us.
pub(crate) const fn product() -> [(&'static str, &'static str); 2] {
    [("product", PRODUCT), ("version", env!("CARGO_PKG_VERSION"))]
}

fn setup(container_id: &str, settings: &ConnectionSettings, side: Side) -> Setup {
    let own = product().map(|(key, text)| (key.to_owned(), Value::String(text.to_owned())));
    let more = settings.properties.iter().map(|(key, property)| (key.clone(), value(property)));
    Setup {
        container_id: container_id.to_owned(),
        hostname: None,
        max_frame_size: settings.max_frame_size,
        channel_max: u16::try_from(settings.max_sessions.saturating_sub(1)).unwrap_or(u16::MAX),
        idle_timeout: settings.idle_timeout,
        handshake_timeout: settings.handshake_timeout,
        links_max: settings.limits.links,
        window_frames: settings.max_session_frames,
        buffered_bytes: settings.limits.buffered_bytes,
        capabilities: CAPABILITIES.map(str::to_owned).to_vec(),
        properties: own.into_iter().chain(more).collect(),
        side,
    }
}

/// What the router knows of a connection before its peer's open.
pub(crate) fn meta(name: Arc<str>, role: Role, settings: &ConnectionSettings, may_move: bool) -> Meta {
    Meta {
        name,
        role,
        // who dialled stays where it is
        outgoing: !may_move,
        peer_addr: String::new(),
        capacity: settings.link_capacity,
        strip: settings.strip_annotations,
        log_messages: settings.log_messages,
        unsettled_max: settings.limits.unsettled,
        message_max_bytes: settings.limits.max_message_size_bytes,
        senders_max: None,
        receivers_max: None,
        management: Management::Off,
        container_id: String::new(),
        space: Space::default(),
        permissions: None,
        may_move,
        explains: false,
    }
}

/// For the router's own messages: a connection that nobody dialled.
pub(crate) fn voice() -> (Setup, Meta) {
    let side = Side::Client(Client { credentials: None, mechanisms: Vec::new() });
    let setup = Setup {
        container_id: String::new(),
        hostname: None,
        max_frame_size: u32::MAX,
        channel_max: 0,
        links_max: 1,
        window_frames: None,
        buffered_bytes: 0,
        capabilities: Vec::new(),
        idle_timeout: Duration::ZERO,
        handshake_timeout: Duration::MAX,
        properties: Vec::new(),
        side,
    };
    let meta = Meta {
        name: "router".into(),
        role: Role::Normal,
        outgoing: true,
        peer_addr: String::new(),
        capacity: LinkCapacity { initial: 1000, max: 1000 },
        strip: StripAnnotations::Both,
        log_messages: MessageParts::default(),
        unsettled_max: u32::MAX,
        message_max_bytes: None,
        senders_max: None,
        receivers_max: None,
        management: Management::Off,
        container_id: String::new(),
        space: Space::default(),
        permissions: None,
        may_move: false,
        explains: false,
    };
    (setup, meta)
}

/// Names a connection in our Open, as the reference does.
pub(crate) fn number(setup: &mut Setup, connection: u64) {
    let id = i64::try_from(connection).unwrap_or(i64::MAX);
    setup.properties.push(("qd.conn-id".to_owned(), Value::Long(id)));
}

/// For the peers of a listener.
pub(crate) fn accepted(container_id: &str, listener: &Listener, users: Arc<Users>) -> Setup {
    let delegation = listener.delegation.as_ref();
    let server = Server {
        mechanisms: delegation
            .map_or_else(|| mechanisms(&listener.connection), |delegation| delegation.mechanisms.clone()),
        delegates: delegation.is_some(),
        without_sasl: !listener.authenticate_peer,
        users,
        plain_without_tls: listener.connection.allow_plain_without_tls,
        secure: None,
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
    let client = Client { credentials, mechanisms: mechanisms(&connector.connection) };
    let mut setup = setup(container_id, &connector.connection, Side::Client(client));
    setup.hostname = Some(dial.hostname.clone());
    setup
}
