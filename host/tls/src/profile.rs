//! What listeners and connectors speak TLS with: read from files, and read again when they change.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use crosstie_model::settings::{Authorities, ClientCertificate, Tls, TlsVersion};
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, Error, ServerConfig, SignatureScheme,
    SupportedProtocolVersion,
};

use crate::authority::{certificates, roots};
use crate::expiry::{self, Expiry};
use crate::fault::{Blame, Fault};
use crate::identity::Names;
use crate::key;

/// A `tls` node in use.
#[derive(Debug)]
pub struct Profile {
    settings: Tls,
    read: RwLock<Read>,
}

/// What the files say.
#[derive(Debug, Clone)]
struct Read {
    server: Option<Arc<ServerConfig>>,
    client: Arc<ClientConfig>,
    /// The same without a look at host names.
    any_host: Arc<ClientConfig>,
    names: Arc<Names>,
    expiry: Option<Expiry>,
    stamps: Vec<Option<(SystemTime, u64)>>,
}

impl Profile {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// The first [`Fault`].
    pub fn load(settings: &Tls) -> Result<Self, Fault> {
        Ok(Self { read: RwLock::new(read(settings)?), settings: settings.clone() })
    }

    /// As configured.
    #[must_use]
    pub const fn settings(&self) -> &Tls {
        &self.settings
    }

    fn now(&self) -> Read {
        self.read.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For a connection that was accepted; absent without a certificate.
    #[must_use]
    pub fn server(&self) -> Option<Arc<ServerConfig>> {
        self.now().server
    }

    /// For a connection that is dialled.
    #[must_use]
    pub fn client(&self, verify_hostname: bool) -> Arc<ClientConfig> {
        let read = self.now();
        if verify_hostname { read.client } else { read.any_host }
    }

    /// Makes the names of peers.
    #[must_use]
    pub fn names(&self) -> Arc<Names> {
        self.now().names
    }

    /// When our own certificate ends, or the first of those above it.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        self.now().expiry
    }

    /// Reads the files again where one of them has changed; says whether it did. Connections that are open keep what they have.
    ///
    /// # Errors
    ///
    /// [`Fault`]; what was read before stays in use, and the same files are not tried again.
    pub fn refresh(&self) -> Result<bool, Fault> {
        let stamps = stamps(&self.settings);
        if self.now().stamps == stamps {
            return Ok(false);
        }
        let fresh = read(&self.settings);
        let mut kept = self.read.write().unwrap_or_else(PoisonError::into_inner);
        kept.stamps = stamps;
        *kept = fresh?;
        Ok(true)
    }
}

fn files(settings: &Tls) -> impl Iterator<Item = &PathBuf> {
    let ca = match &settings.ca {
        Authorities::File(path) => Some(path),
        Authorities::System => None,
    };
    [settings.certificate.as_ref(), settings.private_key.as_ref(), ca, settings.user_names.as_ref()]
        .into_iter()
        .flatten()
}

/// When each file was written, and how long it is.
fn stamps(settings: &Tls) -> Vec<Option<(SystemTime, u64)>> {
    let stamp = |path: &PathBuf| {
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.modified().ok()?, metadata.len()))
    };
    files(settings).map(stamp).collect()
}

fn read(settings: &Tls) -> Result<Read, Fault> {
    let stamps = stamps(settings);
    let provider = Arc::new(ring::default_provider());
    let versions: Vec<&'static SupportedProtocolVersion> = settings.versions.iter().map(version).collect();
    let names = Names::load(settings.user_name.clone(), settings.user_names.as_deref())?;
    let mut expiry = None;
    let mut own = None;
    if let (Some(certificate), Some(private_key)) = (&settings.certificate, &settings.private_key) {
        let chain = certificates(certificate, Blame::Certificate)?;
        expiry = expiry::first(certificate, &chain);
        let key = key::read(private_key, settings.password.as_ref().map(|secret| secret.text.as_str()))?;
        own = Some((chain, key));
    }
    let server = match &own {
        Some((chain, key)) => Some(Arc::new(server(settings, &provider, &versions, (chain.clone(), key.clone_key()))?)),
        None => None,
    };
    let client = |verifier: Arc<dyn ServerCertVerifier>| {
        let builder = ClientConfig::builder_with_provider(provider.clone())
            .with_protocol_versions(&versions)
            .map_err(|error| Fault::new(Blame::Versions, error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(verifier);
        match &own {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| mismatch(&error))
            }
            None => Ok(builder.with_no_client_auth()),
        }
    };
    let strict = WebPkiServerVerifier::builder_with_provider(Arc::new(roots(&settings.ca)?), provider.clone())
        .build()
        .map_err(|error| Fault::new(Blame::Ca, error.to_string()))?;
    let any_host = client(Arc::new(AnyHost(strict.clone())))?;
    let client = client(strict)?;
    Ok(Read { server, client: Arc::new(client), any_host: Arc::new(any_host), names: Arc::new(names), expiry, stamps })
}

const fn version(version: &TlsVersion) -> &'static SupportedProtocolVersion {
    match version {
        TlsVersion::V1_2 => &rustls::version::TLS12,
        TlsVersion::V1_3 => &rustls::version::TLS13,
    }
}

fn mismatch(error: &Error) -> Fault {
    match error {
        Error::InconsistentKeys(_) => {
            let what = "this key is not that of the certificate".to_owned();
            Fault::new(Blame::PrivateKey, what).hint("the first certificate of the file is our own")
        }
        other => Fault::new(Blame::PrivateKey, format!("certificate and key cannot be used: {other}")),
    }
}

fn server(
    settings: &Tls,
    provider: &Arc<CryptoProvider>,
    versions: &[&'static SupportedProtocolVersion],
    (chain, key): (Vec<CertificateDer<'static>>, rustls::pki_types::PrivateKeyDer<'static>),
) -> Result<ServerConfig, Fault> {
    let builder = ServerConfig::builder_with_provider(provider.clone())
        .with_protocol_versions(versions)
        .map_err(|error| Fault::new(Blame::Versions, error.to_string()))?;
    let builder = match settings.client_certificate {
        ClientCertificate::Off => builder.with_no_client_auth(),
        asked => {
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots(&settings.ca)?), provider.clone());
            let verifier = match asked {
                ClientCertificate::Request => verifier.allow_unauthenticated(),
                _ => verifier,
            };
            let verifier = verifier.build().map_err(|error| Fault::new(Blame::Ca, error.to_string()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    builder.with_single_cert(chain, key).map_err(|error| mismatch(&error))
}

/// Believes a certificate for whatever host it is.
#[derive(Debug)]
struct AnyHost(Arc<WebPkiServerVerifier>);

impl ServerCertVerifier for AnyHost {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.0.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) => Ok(ServerCertVerified::assertion()),
            verified => verified,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.0.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_verify_schemes()
    }
}
