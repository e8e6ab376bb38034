//! The nouns that two crates need: validated settings, facts of a running router, policy questions and decisions.

pub mod address;
pub mod bounds;
pub mod cipher_suite;
pub mod facts;
mod host_port;
pub mod pattern;
pub mod permissions;
pub mod plan;
pub mod policy;
pub mod quota;
pub mod random;
pub mod settings;
pub mod stamp;
pub mod trail;

pub use host_port::host_port;
