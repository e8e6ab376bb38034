//! What tests of SASL share.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use crosstie_amqp::connection::Setup;
use crosstie_amqp::handshake::Side;
use crosstie_amqp::sasl::{Password, Users};

pub(crate) fn setup(side: Side) -> Setup {
    Setup {
        container_id: "test".to_owned(),
        hostname: None,
        max_frame_size: 16 << 10,
        links_max: 10,
        window_frames: None,
        buffered_bytes: 1 << 20,
        capabilities: Vec::new(),
        channel_max: 7,
        idle_timeout: Duration::ZERO,
        handshake_timeout: Duration::from_secs(10),
        properties: Vec::new(),
        side,
    }
}

pub(crate) fn words(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn users() -> Arc<Users> {
    static USERS: LazyLock<Arc<Users>> = LazyLock::new(|| {
        let alice = ("alice".to_owned(), Password::Plain("wonder".to_owned()));
        Arc::new(Users::new([5; 32], [alice]))
    });
    USERS.clone()
}
