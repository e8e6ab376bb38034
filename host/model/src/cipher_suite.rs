//! The cipher suites of TLS that are spoken: all with forward secrecy and authenticated encryption.

use crate::settings::TlsVersion;

/// A cipher suite.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "their names are in `as_str`")]
pub enum CipherSuite {
    Aes256Gcm,
    Aes128Gcm,
    ChaCha20,
    EcdsaAes256Gcm,
    EcdsaAes128Gcm,
    EcdsaChaCha20,
    RsaAes256Gcm,
    RsaAes128Gcm,
    RsaChaCha20,
}

impl CipherSuite {
    /// All, in the order in which they are preferred.
    pub const ALL: [Self; 9] = [
        Self::Aes256Gcm,
        Self::Aes128Gcm,
        Self::ChaCha20,
        Self::EcdsaAes256Gcm,
        Self::EcdsaAes128Gcm,
        Self::EcdsaChaCha20,
        Self::RsaAes256Gcm,
        Self::RsaAes128Gcm,
        Self::RsaChaCha20,
    ];

    /// As the standards name it, and files here.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Aes256Gcm => "TLS_AES_256_GCM_SHA384",
            Self::Aes128Gcm => "TLS_AES_128_GCM_SHA256",
            Self::ChaCha20 => "TLS_CHACHA20_POLY1305_SHA256",
            Self::EcdsaAes256Gcm => "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
            Self::EcdsaAes128Gcm => "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
            Self::EcdsaChaCha20 => "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
            Self::RsaAes256Gcm => "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
            Self::RsaAes128Gcm => "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
            Self::RsaChaCha20 => "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
        }
    }

    /// As OpenSSL names it.
    #[must_use]
    pub const fn openssl_name(self) -> &'static str {
        match self {
            Self::EcdsaAes256Gcm => "ECDHE-ECDSA-AES256-GCM-SHA384",
            Self::EcdsaAes128Gcm => "ECDHE-ECDSA-AES128-GCM-SHA256",
            Self::EcdsaChaCha20 => "ECDHE-ECDSA-CHACHA20-POLY1305",
            Self::RsaAes256Gcm => "ECDHE-RSA-AES256-GCM-SHA384",
            Self::RsaAes128Gcm => "ECDHE-RSA-AES128-GCM-SHA256",
            Self::RsaChaCha20 => "ECDHE-RSA-CHACHA20-POLY1305",
            of_1_3 => of_1_3.as_str(),
        }
    }

    /// The one version that it belongs to.
    #[must_use]
    pub const fn version(self) -> TlsVersion {
        match self {
            Self::Aes256Gcm | Self::Aes128Gcm | Self::ChaCha20 => TlsVersion::V1_3,
            _ => TlsVersion::V1_2,
        }
    }
}
