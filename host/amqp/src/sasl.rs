//! SASL mechanisms: PLAIN and SCRAM, as server and as client, and the passwords that a server checks against.

mod client;
mod hash;
mod message;
mod plain;
mod salted;
mod server;
#[cfg(test)]
mod tests;
mod users;

use std::borrow::Cow;

pub use client::{ClientExchange, Proof};
pub use hash::Hash;
pub use plain::{Plain, parse_plain};
pub use salted::{ITERATIONS_DEFAULT, ITERATIONS_MAX, ITERATIONS_MIN, SALT_BYTES, Salted, SaltedFault};
pub use server::ServerExchange;
pub use users::{Password, Users};

/// Bytes of the longest user name or password.
pub const PART_MAX_BYTES: usize = 1024;

/// Our part of the nonce of one SCRAM exchange: random bytes, used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce(pub [u8; 18]);

/// Whether whoever listens to the words of a mechanism learns what lets in.
#[must_use]
pub fn shows_secret(mechanism: &str) -> bool {
    matches!(mechanism, "PLAIN" | "LOGIN" | "OAUTHBEARER" | "XOAUTH2")
}

/// A user name or password in the form that is compared: SASLprep (RFC 4013). What that prohibits stays as it is, on both sides, so
/// that a password of other bytes still equals itself.
fn prepare(text: &str) -> Cow<'_, str> {
    stringprep::saslprep(text).unwrap_or(Cow::Borrowed(text))
}

fn encode_base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

fn decode_base64(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.decode(text).ok()
}
