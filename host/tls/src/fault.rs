//! What can be wrong with the files of a `tls` node, and with a peer's certificate, in an operator's words.

use std::fmt::Display;

use rustls::{AlertDescription, CertificateError, Error, InvalidMessage, OtherError, PeerIncompatible};
use thiserror::Error as ThisError;

use crate::algorithm;
use crate::verifier::ShortKey;

/// The attribute that a fault is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Blame {
    Certificate,
    PrivateKey,
    Password,
    Ca,
    UserNames,
    Versions,
}

/// Something wrong with the files of a `tls` node.
#[derive(Debug, Clone, PartialEq, Eq, ThisError)]
#[error("{what}")]
pub struct Fault {
    /// Where it stands.
    pub blame: Blame,
    /// What is wrong.
    pub what: String,
    /// The way out.
    pub hint: Option<&'static str>,
}

/// All that is wrong with the files of a `tls` node; at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Faults(pub Vec<Fault>);

impl Display for Faults {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, Fault { what, .. }) in self.0.iter().enumerate() {
            write!(f, "{}{what}", if index == 0 { "" } else { "; " })?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self(vec![fault])
    }
}

impl Fault {
    pub(crate) const fn new(blame: Blame, what: String) -> Self {
        Self { blame, what, hint: None }
    }

    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// What keys may be. Source: ring.
pub(crate) const KEYS: &str =
    "RSA of 2048 to 4096 bits with a public exponent of at least 65537, ECDSA P-256 or P-384, or Ed25519";

/// Why a handshake failed whose messages are too long.
pub const TOO_LONG: &str =
    "a message of the TLS handshake is longer than 64 KiB: the peer shows too many certificates, or too long ones";

/// Why a handshake failed.
#[must_use]
pub fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(fault) => certificate(fault),
        Error::NoCertificatesPresented => "the peer showed no certificate".to_owned(),
        Error::InvalidMessage(
            InvalidMessage::HandshakePayloadTooLarge | InvalidMessage::CertificatePayloadTooLarge,
        ) => TOO_LONG.to_owned(),
        Error::InvalidMessage(_) => "the peer does not speak TLS".to_owned(),
        Error::DecryptError => {
            "what the peer sent cannot be decrypted: it was changed on its way, or sent in the clear".to_owned()
        }
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } | Error::PeerMisbehaved(_) => {
            format!("the peer does not keep to TLS: {error}")
        }
        Error::AlertReceived(alert) => format!("the peer ended TLS: {}", alert_text(*alert)),
        Error::PeerIncompatible(
            PeerIncompatible::Tls12NotOffered
            | PeerIncompatible::Tls12NotOfferedOrEnabled
            | PeerIncompatible::SignatureAlgorithmsExtensionRequired
            | PeerIncompatible::SupportedVersionsExtensionRequired
            | PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        ) => "the peer speaks an older version of TLS than is spoken here: it needs TLS 1.2 or 1.3".to_owned(),
        Error::PeerIncompatible(why) => format!("the peer has no form of TLS in common with this router: {why:?}"),
        other => other.to_string(),
    }
}

/// Why a connection ended that had been secure.
#[must_use]
pub fn explain_later(error: &Error) -> String {
    match error {
        Error::InvalidMessage(_) => "what the peer sent is no TLS".to_owned(),
        Error::AlertReceived(AlertDescription::HandshakeFailure) => {
            "the peer ended TLS: after the handshake it found it wanting; it may want a certificate, or another handshake, which there is not"
                .to_owned()
        }
        other => explain(other),
    }
}

fn alert_text(alert: AlertDescription) -> String {
    match alert {
        AlertDescription::UnknownCA => "it does not know who signed our certificate".to_owned(),
        AlertDescription::BadCertificate => "it finds our certificate bad".to_owned(),
        AlertDescription::CertificateExpired => "it finds our certificate expired".to_owned(),
        AlertDescription::CertificateUnknown => "it does not accept our certificate".to_owned(),
        AlertDescription::CertificateRequired => "it wants a certificate".to_owned(),
        AlertDescription::ProtocolVersion => "it wants another version of TLS".to_owned(),
        AlertDescription::HandshakeFailure => {
            "it finds no cipher suite in common, wants a certificate, or has one whose key is of a kind that is not taken here (RSA of 2048 to 8192 bits, ECDSA P-256 or P-384, and Ed25519 are)".to_owned()
        }
        AlertDescription::UnrecognisedName => "it does not serve the name that was dialled".to_owned(),
        other => format!("{other:?}"),
    }
}

fn certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => UNKNOWN_ISSUER.to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "the certificate is for another host".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => format!(
            "the certificate names no host, while {:?} was dialled: it needs a subject alternative name, its common name is not looked at",
            expected.to_str()
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("the certificate is for {}, not for {:?}", presented.join(", "), expected.to_str())
        }
        CertificateError::BadSignature => {
            "the certificate is not signed by the authority of that name in `ca`: perhaps that one was made anew, or its RSA key has less than 2048 bits"
                .to_owned()
        }
        CertificateError::UnsupportedSignatureAlgorithmContext { signature_algorithm_id, .. } => format!(
            "the certificate, or one above it, is signed by {}, which is not taken: it is to be signed with SHA-256 or SHA-384",
            algorithm::called(signature_algorithm_id)
        ),
        CertificateError::UnsupportedSignatureAlgorithmForPublicKeyContext { .. } => {
            "the certificate, or one above it, is signed by a key of a kind that is not taken: RSA from 2048 bits, ECDSA P-256 and P-384, and Ed25519 are".to_owned()
        }
        CertificateError::UnhandledCriticalExtension => CRITICAL.to_owned(),
        CertificateError::Other(OtherError(why)) if let Some(key) = why.downcast_ref::<ShortKey>() => {
            format!("the key of the certificate is {key}, which is too short: it is to have 2048 bits at least")
        }
        // rustls has no names for these
        CertificateError::Other(OtherError(why)) => match why.to_string().as_str() {
            CA_AS_END_ENTITY => {
                "the certificate is that of an authority (`CA:TRUE`): a peer shows one that an authority has signed, or that very one is named in `ca`"
                    .to_owned()
            }
            "UnsupportedCertVersion" => {
                "the certificate, or one above it, is not of X.509 version 3: one that is made with extensions, such as a subject alternative name, is"
                    .to_owned()
            }
            "UnsupportedCriticalExtension" => CRITICAL.to_owned(),
            other => format!("the certificate is not good: {other}"),
        },
        other => format!("the certificate is not good: {other}"),
    }
}

/// rustls' word, which has no name of its own.
pub(crate) const CA_AS_END_ENTITY: &str = "CaUsedAsEndEntity";

const CRITICAL: &str = "the certificate, or one above it, has an extension that is marked critical and not known here: it is to be made without that, or with it not critical";

/// Whether there is a `ca` is not known here.
const UNKNOWN_ISSUER: &str = "the certificate is signed by nobody that `ca` names, or, without `ca`, that this system believes: name its authority in `ca` (`--ca` of a command)";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_often_goes_wrong_is_told_in_words() {
        let is_authority = rustls::OtherError(std::sync::Arc::new(std::io::Error::other("CaUsedAsEndEntity")));
        for (error, part) in [
            (Error::InvalidCertificate(CertificateError::Other(is_authority)), "that of an authority"),
            (Error::InvalidCertificate(CertificateError::BadSignature), "made anew"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "it wants a certificate"),
        ] {
            assert!(explain_later(&error).contains(part), "{}", explain_later(&error));
            assert!(explain(&error).contains(part), "{}", explain(&error));
        }
        let unknown = explain(&Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert!(unknown.contains("`ca`") && unknown.contains("this system") && unknown.contains("`--ca`"), "{unknown}");
        let later = explain_later(&Error::AlertReceived(AlertDescription::HandshakeFailure));
        assert!(later.contains("after the handshake") && !later.contains("cipher suite"), "{later}");
    }
}
