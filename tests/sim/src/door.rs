//! What a listener or connector of the simulated router decides for its connections.

use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::connection::Setup;
use crosstie_amqp::handshake::{Client, Server, Side};
use crosstie_amqp::sasl::Users;
use crosstie_model::settings::{LinkCapacity, Management, MessageParts, Role, StripAnnotations};
use crosstie_router::shard::Meta;
use crosstie_router::tenant::Space;

use crate::router::ROUTER_ID;

/// A listener that takes everybody.
#[must_use]
pub fn server() -> Side {
    let users = Arc::new(Users::new([3; 32], []));
    Side::Server(Server {
        mechanisms: vec!["ANONYMOUS".to_owned()],
        without_sasl: true,
        users,
        plain_without_tls: true,
        secure: None,
        delegates: false,
    })
}

/// A connector without credentials.
#[must_use]
pub fn client() -> Side {
    Side::Client(Client { mechanisms: vec!["ANONYMOUS".to_owned()], ..Client::default() })
}

/// As configured by default, but for the idle timeout, which would need heartbeats.
#[must_use]
pub fn setup(container_id: &str, side: Side) -> Setup {
    Setup {
        container_id: container_id.to_owned(),
        hostname: None,
        max_frame_size: 16384,
        channel_max: 9,
        links_max: 64,
        window_frames: None,
        buffered_bytes: 8 << 20,
        capabilities: vec!["ANONYMOUS-RELAY".to_owned()],
        idle_timeout: Duration::ZERO,
        handshake_timeout: Duration::from_secs(10),
        properties: Vec::new(),
        side,
    }
}

/// For the router's own connections.
#[must_use]
pub fn own(side: Side) -> Setup {
    setup(ROUTER_ID, side)
}

/// As configured by default.
#[must_use]
pub fn meta(name: &str) -> Meta {
    Meta {
        name: name.into(),
        role: Role::Normal,
        outgoing: false,
        peer_addr: "127.0.0.1:1".to_owned(),
        capacity: LinkCapacity { initial: 250, max: 1000 },
        strip: StripAnnotations::Both,
        log_messages: MessageParts::default(),
        unsettled_max: 100_000,
        message_max_bytes: None,
        senders_max: None,
        receivers_max: None,
        management: Management::Off,
        container_id: String::new(),
        space: Space::default(),
        permissions: None,
        may_move: true,
        explains: false,
    }
}
