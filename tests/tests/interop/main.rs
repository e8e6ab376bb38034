//! The router between real clients, real brokers and peers that are scripted frame by frame.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod advertised;
mod attributes;
mod auto_links;
mod broker;
mod broker_killed;
mod broker_pair;
mod client;
mod command;
mod credit;
mod distribution;
mod exchange;
mod fail_back;
mod failover;
mod failover_lists;
mod jms_link_routes;
mod libraries;
mod link_routes;
mod log;
mod loss;
mod lost_peer;
mod management;
mod patterns;
mod plugins;
mod qdrouterd_conf;
mod readme;
mod ready_made;
mod reload;
mod sasl;
mod scram;
mod silence;
mod slow;
mod streaming;
mod tls;
mod tls_management;
mod waypoint;
