//! Peers that break the rules, while a healthy pair beside them must notice nothing.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod bytes;
mod churn;
mod deliveries;
mod excess;
mod flood;
mod fuzz;
mod reuse;
mod scene;
mod slow;
mod states;
