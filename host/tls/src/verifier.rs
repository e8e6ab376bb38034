//! Whether a peer's certificate is believed: as rustls decides, and what it cannot tell apart told apart.

use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use thiserror::Error as ThisError;

use crate::algorithm;

/// Nothing that a key has signed counts.
#[derive(Debug, ThisError)]
#[error("RSA of {bits} bits")]
pub(crate) struct ShortKey {
    bits: usize,
}

/// Of those who are dialled.
#[derive(Debug)]
pub(crate) struct OfServers {
    pub(crate) inner: Arc<WebPkiServerVerifier>,
    /// A certificate is believed for whatever host it is.
    pub(crate) any_host: bool,
}

/// Of those who connect.
#[derive(Debug)]
pub(crate) struct OfClients(pub(crate) Arc<dyn ClientCertVerifier>);

type Signed = Result<HandshakeSignatureValid, Error>;

/// To rustls a signature by a key that is too short is one by another key.
fn told(signed: Signed, certificate: &CertificateDer<'_>) -> Signed {
    let Err(Error::InvalidCertificate(CertificateError::BadSignature)) = signed else { return signed };
    let Some(bits) = algorithm::short_rsa(certificate) else { return signed };
    Err(CertificateError::Other(OtherError(Arc::new(ShortKey { bits }))).into())
}

impl ServerCertVerifier for OfServers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.any_host => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signed {
        told(self.inner.verify_tls12_signature(message, cert, dss), cert)
    }

    fn verify_tls13_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signed {
        told(self.inner.verify_tls13_signature(message, cert, dss), cert)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

impl ClientCertVerifier for OfClients {
    fn offer_client_auth(&self) -> bool {
        self.0.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.0.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.0.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.0.verify_client_cert(end_entity, intermediates, now)
    }

    fn verify_tls12_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signed {
        told(self.0.verify_tls12_signature(message, cert, dss), cert)
    }

    fn verify_tls13_signature(&self, message: &[u8], cert: &CertificateDer<'_>, dss: &DigitallySignedStruct) -> Signed {
        told(self.0.verify_tls13_signature(message, cert, dss), cert)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
