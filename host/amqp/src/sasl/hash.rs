//! The hash of a SCRAM mechanism, and what is computed with it. Source: RFC 5802, 2.2; RFC 7677.

use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256, Sha512};

/// Which hash a SCRAM mechanism is built on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Hash {
    Sha256,
    Sha512,
}

impl Hash {
    /// The name of its mechanism.
    #[must_use]
    pub const fn mechanism(self) -> &'static str {
        match self {
            Self::Sha256 => "SCRAM-SHA-256",
            Self::Sha512 => "SCRAM-SHA-512",
        }
    }

    /// The hash of a mechanism; `None` when it is not a SCRAM mechanism that is served.
    #[must_use]
    pub fn of_mechanism(name: &str) -> Option<Self> {
        [Self::Sha256, Self::Sha512].into_iter().find(|hash| hash.mechanism() == name)
    }

    /// Bytes of its digests and keys.
    pub(super) const fn bytes(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        }
    }

    /// `H(text)`.
    pub(super) fn digest(self, text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => Sha256::digest(text).to_vec(),
            Self::Sha512 => Sha512::digest(text).to_vec(),
        }
    }

    /// `HMAC(key, text)`.
    pub(super) fn mac(self, key: &[u8], text: &[u8]) -> Vec<u8> {
        match self {
            Self::Sha256 => mac::<Hmac<Sha256>>(key, text),
            Self::Sha512 => mac::<Hmac<Sha512>>(key, text),
        }
    }

    /// `Hi(password, salt, iterations)`, which is PBKDF2.
    pub(super) fn stretch(self, password: &[u8], salt: &[u8], iterations: u32) -> Vec<u8> {
        let mut stretched = vec![0; self.bytes()];
        let done = match self {
            Self::Sha256 => pbkdf2::pbkdf2::<Hmac<Sha256>>(password, salt, iterations, &mut stretched),
            Self::Sha512 => pbkdf2::pbkdf2::<Hmac<Sha512>>(password, salt, iterations, &mut stretched),
        };
        key_length(done);
        stretched
    }
}

fn mac<M: KeyInit + Mac>(key: &[u8], text: &[u8]) -> Vec<u8> {
    let mut mac = key_length(<M as KeyInit>::new_from_slice(key));
    mac.update(text);
    mac.finalize().into_bytes().to_vec()
}

#[expect(
    clippy::expect_used,
    reason = "HMAC takes keys of any length; a stand-in value would compare equal to another"
)]
fn key_length<T>(made: Result<T, hmac::digest::InvalidLength>) -> T {
    made.expect("HMAC takes a key of any length")
}
