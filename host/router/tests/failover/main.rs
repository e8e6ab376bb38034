//! Failover under a virtual clock. What the reference does wrong is listed in its features, 1.3.3, as nine points: each test of one
//! names it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends by panicking"
)]

mod fail_back;
mod lists;
mod model;
mod order;
mod points;
mod reconsider;
mod redirect;

use std::time::Duration;

use crosstie_amqp::time::Time;
use crosstie_model::settings::{
    Backoff, ConnectionLimits, ConnectionSettings, Connector, Endpoint, LinkCapacity, MessageParts, Role, Scheme,
    StripAnnotations,
};
use crosstie_router::failover::{Clock, Dial, Failover, Failure, Opened, Step};
use crosstie_router::failover_list::{Advertised, Advertisement};

/// A connector to `b`, `a` and `c`, of which `a` comes first.
fn connector(allow: &[&str]) -> Connector {
    let mut connector = with_endpoints(&[("b", 1), ("a", 0), ("c", 1)]);
    connector.failover.allow = allow.iter().map(|host| (*host).to_owned()).collect();
    connector
}

/// A connector to hosts with their priorities.
fn with_endpoints(endpoints: &[(&str, u8)]) -> Connector {
    let endpoint = |(host, priority): &(&str, u8)| Endpoint {
        scheme: Scheme::Amqp,
        host: (*host).to_owned(),
        port: 5672,
        priority: *priority,
        labels: Vec::new(),
    };
    Connector {
        name: "broker".to_owned(),
        role: Role::RouteContainer,
        endpoints: endpoints.iter().map(endpoint).collect(),
        username: None,
        password: None,
        tls: None,
        verify_hostname: true,
        failover: crosstie_model::settings::Failover {
            follow_advertised: true,
            allow: Vec::new(),
            backoff: Backoff { base: Duration::from_secs(1), cap: Duration::from_secs(8), jitter: 0.0 },
            fail_back: None,
        },
        connection: ConnectionSettings {
            sasl: Vec::new(),
            allow_plain_without_tls: false,
            handshake_timeout: Duration::from_secs(10),
            idle_timeout: Duration::ZERO,
            max_frame_size: 16384,
            max_sessions: 1,
            max_session_frames: None,
            address_family: None,
            link_capacity: LinkCapacity { initial: 1, max: 1 },
            properties: Vec::new(),
            strip_annotations: StripAnnotations::default(),
            log_messages: MessageParts::default(),
            limits: ConnectionLimits::default(),
        },
    }
}

fn clock(seconds: u64) -> Clock {
    Clock { now: Time(seconds * 1_000_000), unix_ms: seconds * 1000 }
}

fn dialled(failover: &mut Failover, at: Clock) -> Dial {
    loop {
        match failover.poll(at) {
            Step::Ask(_) => failover.handle_answer(at, None),
            Step::Dial(dial) => return dial,
            other => panic!("{other:?}"),
        }
    }
}

/// The hosts that are tried at one moment, each failing.
fn round(failover: &mut Failover, at: Clock) -> (String, Time) {
    let mut hosts = String::new();
    loop {
        match failover.poll(at) {
            Step::Ask(_) => failover.handle_answer(at, None),
            Step::Dial(dial) => {
                hosts.push_str(&dial.host);
                failover.handle_failed(at, Failure::default());
            }
            Step::Wait(until) => return (hosts, until),
            Step::Idle => panic!("idle"),
        }
    }
}

fn at(host: &str) -> Advertised {
    Advertised { host: host.to_owned(), port: 5672, scheme: None, hostname: None }
}

fn said(advertisement: Advertisement) -> Opened {
    Opened { advertisement, ..Opened::default() }
}

fn advertise(hosts: &[&str]) -> Opened {
    said(Advertisement { items: Some(hosts.iter().map(|host| at(host)).collect()), skipped: 0 })
}
