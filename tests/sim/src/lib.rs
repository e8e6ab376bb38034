//! The router under a seeded clock: no sockets, no threads, no time but what a seed says.
//!
//! Everything panics with what it saw: this crate is used by tests and fuzzers alone.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "a test ends by panicking")]

pub mod acting;
pub mod answer;
pub mod calm;
pub mod configuration;
pub mod container;
pub mod conversation;
pub mod door;
pub mod failover_list;
pub mod habits;
pub mod hearing;
pub mod ledger;
pub mod message;
pub mod pairs;
pub mod partner;
pub mod peer;
pub mod router;
pub mod routes;
pub mod script;
pub mod seeds;
pub mod session;
pub mod speech;
pub mod world;
