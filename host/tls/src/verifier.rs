//! Whether a peer's certificate is believed: as rustls decides, and what it cannot tell apart told apart.

use std::sync::Arc;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::{WebPkiServerVerifier, verify_server_name};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, OtherError, SignatureScheme};
use thiserror::Error as ThisError;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::algorithm;
use crate::fault::CA_AS_END_ENTITY;

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
    /// Certificates of the file of authorities.
    pub(crate) named: Arc<[CertificateDer<'static>]>,
    /// A certificate is believed for whatever host it is.
    pub(crate) any_host: bool,
}

/// Of those who connect.
#[derive(Debug)]
pub(crate) struct OfClients {
    pub(crate) inner: Arc<dyn ClientCertVerifier>,
    /// Certificates of the file of authorities.
    pub(crate) named: Arc<[CertificateDer<'static>]>,
}

type Signed = Result<HandshakeSignatureValid, Error>;

/// To rustls a signature by a key that is too short is one by another key.
fn told(signed: Signed, certificate: &CertificateDer<'_>) -> Signed {
    let Err(Error::InvalidCertificate(CertificateError::BadSignature)) = signed else { return signed };
    let Some(bits) = algorithm::short_rsa(certificate) else { return signed };
    Err(CertificateError::Other(OtherError(Arc::new(ShortKey { bits }))).into())
}

/// A certificate that its own holder has signed is often marked as that of an authority (`openssl req -x509` makes such). It is
/// believed where that very one is named; rustls takes it for the signature of others alone.
///
/// # Errors
///
/// Why it is not believed: `error`, or that its time has not come or is over.
fn shows_named(
    named: &[CertificateDer<'_>],
    (shown, now): (&CertificateDer<'_>, UnixTime),
    error: Error,
) -> Result<(), Error> {
    let is_of_authority = match &error {
        Error::InvalidCertificate(CertificateError::Other(OtherError(why))) => why.to_string() == CA_AS_END_ENTITY,
        _ => false,
    };
    let read = X509Certificate::from_der(shown).ok().filter(|_| is_of_authority && named.contains(shown));
    let Some((_, read)) = read else { return Err(error) };
    let (validity, now) = (read.validity(), i64::try_from(now.as_secs()).unwrap_or(i64::MAX));
    if now < validity.not_before.timestamp() {
        return Err(CertificateError::NotValidYet.into());
    }
    if now > validity.not_after.timestamp() { Err(CertificateError::Expired.into()) } else { Ok(()) }
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
        let verified = verified.or_else(|error| {
            shows_named(&self.named, (end_entity, now), error)?;
            verify_server_name(&ParsedCertificate::try_from(end_entity)?, server_name)?;
            Ok(ServerCertVerified::assertion())
        });
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
        self.inner.offer_client_auth()
    }

    fn client_auth_mandatory(&self) -> bool {
        self.inner.client_auth_mandatory()
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        self.inner.verify_client_cert(end_entity, intermediates, now).or_else(|error| {
            shows_named(&self.named, (end_entity, now), error)?;
            Ok(ClientCertVerified::assertion())
        })
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
