//! What peers hear of credit and of outcomes: shards without sockets, and peers that write and read raw frames.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod credit;
mod outcomes;
mod scene;
