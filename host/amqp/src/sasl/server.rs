//! SCRAM as a server. Source: RFC 5802, section 3 and 5.
//!
//! ```text
//! client-first -> server-first -> client-final -> server-final
//! ```

use subtle::ConstantTimeEq;

use super::hash::Hash;
use super::salted::Keys;
use super::users::Users;
use super::{Nonce, encode_base64, message};

/// The server's end of one exchange, after the peer's first message.
pub struct ServerExchange {
    hash: Hash,
    user: Option<String>,
    keys: Keys,
    gs2: String,
    nonce: String,
    /// Both first messages, as they are signed.
    said: String,
}

impl ServerExchange {
    /// Takes the peer's first message, and returns ours. An unknown user is told nothing yet.
    ///
    /// # Errors
    ///
    /// What is wrong with the message.
    pub fn start(users: &Users, hash: Hash, nonce: Nonce, message: &[u8]) -> Result<(Self, Vec<u8>), &'static str> {
        Self::start_as(users, hash, &encode_base64(&nonce.0), message)
    }

    pub(super) fn start_as(
        users: &Users,
        hash: Hash,
        nonce: &str,
        message: &[u8],
    ) -> Result<(Self, Vec<u8>), &'static str> {
        let first = message::client_first(message)?;
        let found = users.find(&first.user);
        let nonce = format!("{}{nonce}", first.nonce);
        let ours = format!("r={nonce},s={},i={}", encode_base64(&found.salted.salt), found.salted.iterations);
        let exchange = Self {
            hash,
            user: found.name.map(str::to_owned),
            keys: found.salted.keys(hash).clone(),
            gs2: first.gs2.to_owned(),
            nonce,
            said: format!("{},{ours}", first.bare),
        };
        Ok((exchange, ours.into_bytes()))
    }

    /// Takes the peer's proof, and returns who it is and the message that proves us.
    ///
    /// # Errors
    ///
    /// Why it is not let in.
    pub fn finish(self, message: &[u8]) -> Result<(String, Vec<u8>), &'static str> {
        let last = message::client_final(message)?;
        if last.gs2 != self.gs2.as_bytes() || last.nonce != self.nonce {
            return Err("a SCRAM message of another exchange");
        }
        if last.proof.len() != self.hash.bytes() {
            return Err("a malformed SCRAM message");
        }
        let signed = format!("{},{}", self.said, last.without_proof);
        let signature = self.hash.mac(&self.keys.stored, signed.as_bytes());
        let client_key: Vec<u8> = signature.iter().zip(&last.proof).map(|(one, other)| one ^ other).collect();
        let right: bool = self.hash.digest(&client_key).ct_eq(&self.keys.stored).into();
        let ours = format!("v={}", encode_base64(&self.hash.mac(&self.keys.server, signed.as_bytes())));
        match self.user {
            Some(user) if right => Ok((user, ours.into_bytes())),
            _ => Err("unknown user or wrong password"),
        }
    }
}

impl std::fmt::Debug for ServerExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ServerExchange").field("hash", &self.hash).finish_non_exhaustive()
    }
}
