//! Real processes for end-to-end tests: the router, brokers, clients, and a peer that speaks frame by frame.
//!
//! Everything panics with what it saw: this crate is used by tests alone.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "a test ends by panicking")]

pub mod artemis;
pub mod body;
pub mod broker;
pub mod certificates;
pub mod classic;
pub mod driver;
pub mod frame;
pub mod java;
pub mod management;
pub mod names;
pub mod native;
pub mod peer;
pub mod performative;
pub mod place;
pub mod plugin;
pub mod process;
pub mod proton;
pub mod proxy;
pub mod rabbit;
pub mod router;
pub mod server;
