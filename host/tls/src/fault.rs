//! What can be wrong with the files of a `tls` node, and with a peer's certificate, in an operator's words.

use rustls::{CertificateError, Error};
use thiserror::Error as ThisError;

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

impl Fault {
    pub(crate) const fn new(blame: Blame, what: String) -> Self {
        Self { blame, what, hint: None }
    }

    pub(crate) fn hint(self, hint: &'static str) -> Self {
        Self { hint: Some(hint), ..self }
    }
}

/// Why a handshake failed.
#[must_use]
pub fn explain(error: &Error) -> String {
    match error {
        Error::InvalidCertificate(fault) => certificate(fault),
        Error::NoCertificatesPresented => "the peer showed no certificate".to_owned(),
        Error::InvalidMessage(_) => "the peer does not speak TLS".to_owned(),
        Error::AlertReceived(alert) => format!("the peer ended the handshake: {alert:?}"),
        Error::PeerIncompatible(why) => format!("no version or cipher suite in common: {why:?}"),
        other => other.to_string(),
    }
}

fn certificate(fault: &CertificateError) -> String {
    match fault {
        CertificateError::UnknownIssuer => "the certificate is signed by nobody that `ca` names".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "the certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "the certificate is for another host".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } if presented.is_empty() => format!(
            "the certificate names no host, while {:?} was dialled: it needs a subject alternative name",
            expected.to_str()
        ),
        CertificateError::NotValidForNameContext { expected, presented } => {
            format!("the certificate is for {}, not for {:?}", presented.join(", "), expected.to_str())
        }
        other => format!("the certificate is not good: {other}"),
    }
}
