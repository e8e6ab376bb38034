//! The salted form of a password: what a server keeps of it. It proves a peer's password and ours, and is not the password.
//! Source: RFC 5802, section 3.
//!
//! ```text
//! scram:ITERATIONS:SALT:STORED-256:SERVER-256:STORED-512:SERVER-512
//! ```
//! Everything after the count is base64. One salt and one count serve both hashes.

use std::fmt;

use subtle::ConstantTimeEq;
use thiserror::Error;

use super::hash::Hash;
use super::{decode_base64, encode_base64, prepare};

/// The least that RFC 7677 allows.
pub const ITERATIONS_MIN: u32 = 4096;
/// About 1 s of CPU with SHA-256 and 2 to 4 s with SHA-512: more would let a server keep its clients busy.
pub const ITERATIONS_MAX: u32 = 1_000_000;
/// About 1 ms of CPU, which SCRAM asks of the client and PLAIN of the server.
pub const ITERATIONS_DEFAULT: u32 = ITERATIONS_MIN;
/// Bytes of a salt that is made here.
pub const SALT_BYTES: usize = 16;

const SALT_MAX_BYTES: usize = 64;
const PREFIX: &str = "scram:";

/// A password in its salted form.
#[derive(Clone, PartialEq, Eq)]
pub struct Salted {
    pub(super) salt: Vec<u8>,
    pub(super) iterations: u32,
    sha256: Keys,
    sha512: Keys,
}

/// What one hash made of a password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Keys {
    /// Proves the client.
    pub(super) stored: Vec<u8>,
    /// Proves the server.
    pub(super) server: Vec<u8>,
}

/// What is wrong with a text that should be the salted form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum SaltedFault {
    /// Not seven fields.
    #[error("it has {0} fields, not 7")]
    Fields(usize),
    /// No number, or out of range.
    #[error("its iteration count is not from {ITERATIONS_MIN} to {ITERATIONS_MAX}")]
    Iterations,
    /// No base64, or of the wrong length.
    #[error("its {0} is not base64 of the right length")]
    Bytes(&'static str),
}

impl Salted {
    /// Derives it from a password. `iterations`: [`ITERATIONS_MIN`] to [`ITERATIONS_MAX`].
    #[must_use]
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Self {
        let password = prepare(password);
        let keys = |hash: Hash| Keys::of(hash, &hash.stretch(password.as_bytes(), salt, iterations));
        Self { salt: salt.to_vec(), iterations, sha256: keys(Hash::Sha256), sha512: keys(Hash::Sha512) }
    }

    /// Reads the one-line form; `None`: the text is something else, a plain password for example.
    ///
    /// # Errors
    ///
    /// [`SaltedFault`] when it begins like one and is not.
    pub fn read(text: &str) -> Option<Result<Self, SaltedFault>> {
        text.strip_prefix(PREFIX).map(Self::read_fields)
    }

    fn read_fields(text: &str) -> Result<Self, SaltedFault> {
        let fields: Vec<&str> = text.trim_end().split(':').collect();
        let &[iterations, salt, stored256, server256, stored512, server512] = fields.as_slice() else {
            return Err(SaltedFault::Fields(fields.len().saturating_add(1)));
        };
        let iterations = iterations.parse().ok().filter(|count| (ITERATIONS_MIN..=ITERATIONS_MAX).contains(count));
        let bytes = |text: &str, what, low: usize, high: usize| {
            let bytes = decode_base64(text).filter(|bytes| (low..=high).contains(&bytes.len()));
            bytes.ok_or(SaltedFault::Bytes(what))
        };
        Ok(Self {
            iterations: iterations.ok_or(SaltedFault::Iterations)?,
            salt: bytes(salt, "salt", 1, SALT_MAX_BYTES)?,
            sha256: Keys {
                stored: bytes(stored256, "stored key for SHA-256", 32, 32)?,
                server: bytes(server256, "server key for SHA-256", 32, 32)?,
            },
            sha512: Keys {
                stored: bytes(stored512, "stored key for SHA-512", 64, 64)?,
                server: bytes(server512, "server key for SHA-512", 64, 64)?,
            },
        })
    }

    /// One that belongs to no password, made of bytes that `random` gives for a label.
    pub(super) fn made_up(salt: Vec<u8>, iterations: u32, random: impl Fn(Hash, &str) -> Vec<u8>) -> Self {
        let keys = |hash| Keys { stored: random(hash, "stored key"), server: random(hash, "server key") };
        Self { salt, iterations, sha256: keys(Hash::Sha256), sha512: keys(Hash::Sha512) }
    }

    /// Whether it was derived from this password. Costs one derivation.
    #[must_use]
    pub fn is(&self, password: &str) -> bool {
        let stretched = Hash::Sha256.stretch(prepare(password).as_bytes(), &self.salt, self.iterations);
        Keys::of(Hash::Sha256, &stretched).stored.ct_eq(&self.sha256.stored).into()
    }

    pub(super) const fn keys(&self, hash: Hash) -> &Keys {
        match hash {
            Hash::Sha256 => &self.sha256,
            Hash::Sha512 => &self.sha512,
        }
    }
}

impl fmt::Display for Salted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{PREFIX}{}", self.iterations)?;
        let keys = [&self.sha256.stored, &self.sha256.server, &self.sha512.stored, &self.sha512.server];
        [&self.salt].into_iter().chain(keys).try_for_each(|bytes| write!(f, ":{}", encode_base64(bytes)))
    }
}

impl fmt::Debug for Salted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Salted").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl Keys {
    fn of(hash: Hash, stretched: &[u8]) -> Self {
        let client = hash.mac(stretched, b"Client Key");
        Self { stored: hash.digest(&client), server: hash.mac(stretched, b"Server Key") }
    }
}
