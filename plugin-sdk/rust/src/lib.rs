//! Policy plugins for Crosstie in Rust: a type that decides, and one line that exports it.
//!
//! ```
//! use crosstie_plugin::{Node, Plugin, Problems, Refusal, connection, plugin, reads};
//!
//! struct NoGuests {
//!     denial: Refusal,
//! }
//!
//! impl Plugin for NoGuests {
//!     const READS: &'static [&'static str] = reads!(connection: peer.user);
//!
//!     fn configure(config: &Node) -> Result<Self, Problems> {
//!         let mut problems = Problems::default();
//!         config.expect_children(&["description"], &mut problems);
//!         let description = problems.optional(config.child_argument::<String>("description"));
//!         problems.or(Self {
//!             denial: Refusal::new(
//!                 "amqp:unauthorized-access",
//!                 description.unwrap_or_else(|| "no guests".to_owned()),
//!             ),
//!         })
//!     }
//!
//!     fn on_connection(&mut self, request: &connection::Request<'_>) -> Option<connection::Answer> {
//!         match request.peer.user {
//!             Some("guest") => Some(connection::Answer::Deny(self.denial.clone())),
//!             _ => None,
//!         }
//!     }
//! }
//!
//! plugin!(NoGuests: connection);
//! ```
//!
//! Without its feature `std` this crate needs `alloc` alone, so that a plugin may be `#![no_std]`. The feature `runtime` then brings an
//! allocator and a handler of panics, unless the plugin has its own.
//!
//! What the bytes look like is said in `plugin-sdk/spec/ABI.md`; a plugin's author need not read it. Everything here also runs
//! natively, where [`host`] keeps what it is told in the [`native`] module, so that a plugin is tested by `cargo test`.

#![no_std]

extern crate alloc;
// natively there is always one: for tests
#[cfg(any(feature = "std", not(target_family = "wasm")))]
extern crate std;

pub mod address;
pub mod config;
pub mod connection;
mod export;
pub mod failover;
#[cfg(test)]
mod golden;
#[doc(hidden)]
pub mod guest;
pub mod host;
#[cfg(target_family = "wasm")]
mod import;
#[cfg(feature = "kdl")]
mod kdl;
pub mod link;
#[cfg(not(target_family = "wasm"))]
pub mod native;
mod pattern;
pub mod peer;
mod policy;
mod problem;
mod reader;
#[doc(hidden)]
pub mod reads;
mod records;
mod refusal;
#[cfg(all(target_family = "wasm", feature = "runtime", not(feature = "std")))]
mod runtime;
pub mod session;
mod suggest;
mod writer;

pub use config::{Node, Scalar};
pub use pattern::Pattern;
pub use policy::Plugin;
pub use problem::{ConfigError, Problems};
pub use refusal::{InfoValue, Refusal};
