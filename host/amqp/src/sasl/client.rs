//! SCRAM as a client. Source: RFC 5802, section 3 and 5.

use subtle::ConstantTimeEq;

use super::hash::Hash;
use super::{Nonce, encode_base64, message, prepare};

/// Channel binding is not served by this client.
const GS2: &str = "n,,";

/// The client's end of one exchange, after its first message.
pub struct ClientExchange {
    hash: Hash,
    password: String,
    nonce: String,
    bare: String,
}

/// What the server has still to show: that it knows the password too.
pub struct Proof {
    signature: Vec<u8>,
}

impl ClientExchange {
    /// Returns our first message.
    #[must_use]
    pub fn start(hash: Hash, credentials: (&str, &str), nonce: Nonce) -> (Self, Vec<u8>) {
        Self::start_as(hash, credentials, encode_base64(&nonce.0))
    }

    pub(super) fn start_as(hash: Hash, (user, password): (&str, &str), nonce: String) -> (Self, Vec<u8>) {
        let bare = format!("n={},r={nonce}", message::escape(&prepare(user)));
        let message = format!("{GS2}{bare}").into_bytes();
        (Self { hash, password: prepare(password).into_owned(), nonce, bare }, message)
    }

    /// Takes the server's first message, and returns our proof. Costs one derivation with the server's iteration count.
    ///
    /// # Errors
    ///
    /// What is wrong with the message.
    pub fn answer(self, message: &[u8]) -> Result<(Proof, Vec<u8>), &'static str> {
        let first = message::server_first(message)?;
        if first.nonce.strip_prefix(&self.nonce).is_none_or(str::is_empty) {
            return Err("the peer's nonce does not continue ours");
        }
        let stretched = self.hash.stretch(self.password.as_bytes(), &first.salt, first.iterations);
        let client_key = self.hash.mac(&stretched, b"Client Key");
        let stored_key = self.hash.digest(&client_key);
        let without_proof = format!("c={},r={}", encode_base64(GS2.as_bytes()), first.nonce);
        let signed = format!("{},{},{without_proof}", self.bare, first.text);
        let signature = self.hash.mac(&stored_key, signed.as_bytes());
        let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(one, other)| one ^ other).collect();
        let server_key = self.hash.mac(&stretched, b"Server Key");
        let expected = Proof { signature: self.hash.mac(&server_key, signed.as_bytes()) };
        Ok((expected, format!("{without_proof},p={}", encode_base64(&proof)).into_bytes()))
    }
}

impl Proof {
    /// Takes the server's last message.
    ///
    /// # Errors
    ///
    /// Why it is no proof.
    pub fn verify(&self, message: &[u8]) -> Result<(), &'static str> {
        let right: bool = message::server_final(message)?.ct_eq(&self.signature).into();
        if right { Ok(()) } else { Err("the peer's signature is wrong: it does not know the password") }
    }
}

impl std::fmt::Debug for ClientExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientExchange").field("hash", &self.hash).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for Proof {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Proof").finish_non_exhaustive()
    }
}
