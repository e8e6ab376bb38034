//! What listeners and connectors speak TLS with: read from files, and read again when they change.

use std::borrow::Cow;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use crosstie_model::cipher_suite::CipherSuite;
use crosstie_model::settings::{Authorities, ClientCertificate, Tls, TlsVersion};
use crosstie_model::stamp::{Stamp, stamp};
use rustls::client::WebPkiServerVerifier;
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{ClientConfig, Error, ServerConfig, SupportedCipherSuite, SupportedProtocolVersion};

use crate::authority::{self, Roots, certificates, roots};
use crate::expiry::{self, Expiry};
use crate::fault::{Blame, Fault, Faults, explain};
use crate::identity::Names;
use crate::key;
use crate::verifier::{OfClients, OfServers};

/// A `tls` node in use.
#[derive(Debug)]
pub struct Profile {
    settings: Tls,
    read: RwLock<Read>,
    /// Files that could not be used.
    broken: Mutex<Option<Broken>>,
}

/// Stamps of files, why these cannot be used, and whether that was said.
#[derive(Debug)]
struct Broken {
    stamps: Vec<Option<Stamp>>,
    faults: Faults,
    said: bool,
}

/// What the files say.
#[derive(Debug, Clone)]
struct Read {
    servers: Option<Servers>,
    /// With a look at host names, and without; absent where the system believes nobody, which a listener need not mind.
    clients: Option<[Arc<ClientConfig>; 2]>,
    names: Arc<Names>,
    expiries: Vec<Expiry>,
    names_no_host: bool,
    suits_1_2: bool,
    stamps: Vec<Option<Stamp>>,
}

/// For listeners.
#[derive(Debug, Clone)]
struct Servers {
    configured: Arc<ServerConfig>,
    /// With a certificate required of each peer; absent where none is asked for.
    requiring: Option<Arc<ServerConfig>>,
}

impl Profile {
    /// Reads the files.
    ///
    /// # Errors
    ///
    /// All [`Faults`].
    pub fn load(settings: &Tls) -> Result<Self, Faults> {
        Ok(Self { read: RwLock::new(read(settings)?), settings: settings.clone(), broken: Mutex::default() })
    }

    /// As configured.
    #[must_use]
    pub const fn settings(&self) -> &Tls {
        &self.settings
    }

    fn now(&self) -> Read {
        self.read.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// For a connection that was accepted; absent without a certificate, and where one is required of peers though the profile asks
    /// for none.
    #[must_use]
    pub fn server(&self, requires_certificate: bool) -> Option<Arc<ServerConfig>> {
        let Servers { configured, requiring } = self.now().servers?;
        if requires_certificate { requiring } else { Some(configured) }
    }

    /// For a connection that is dialled; absent where the system has no authorities, and the profile names none.
    #[must_use]
    pub fn client(&self, verify_hostname: bool) -> Option<Arc<ClientConfig>> {
        let [strict, any_host] = self.now().clients?;
        Some(if verify_hostname { strict } else { any_host })
    }

    /// Makes the names of peers.
    #[must_use]
    pub fn names(&self) -> Arc<Names> {
        self.now().names
    }

    /// When our own certificate ends, or the first of those above it.
    #[must_use]
    pub fn expiry(&self) -> Option<Expiry> {
        self.now().expiries.into_iter().find(|expiry| expiry.blame == Blame::Certificate)
    }

    /// The same, and when the authorities of a file end.
    #[must_use]
    pub fn expiries(&self) -> Vec<Expiry> {
        self.now().expiries
    }

    /// Our own certificate is for no host: it has no subject alternative name, and most peers look at nothing else.
    #[must_use]
    pub fn names_no_host(&self) -> bool {
        self.now().names_no_host
    }

    /// Some cipher suite of TLS 1.2 among those named can be used with our own certificate; without one there is nothing to say.
    #[must_use]
    pub fn suits_1_2(&self) -> bool {
        self.now().suits_1_2
    }

    /// Why the files as they are now cannot be used; what was read before is in use.
    #[must_use]
    pub fn fault(&self) -> Option<String> {
        self.broken().as_ref().filter(|broken| broken.said).map(|broken| broken.faults.to_string())
    }

    /// Reads the files again where one of them has changed; says whether it did. Connections that are open keep what they have.
    ///
    /// # Errors
    ///
    /// [`Faults`], once, when a second look finds it still so: files that are written one after the other do not fit together in
    /// between. What was read before stays in use.
    pub fn refresh(&self) -> Result<bool, Faults> {
        self.refresh_by(read)
    }

    /// Whoever asks for what was read before, or for the fault, does not wait while it is read.
    fn refresh_by(&self, read: impl FnOnce(&Tls) -> Result<Read, Faults>) -> Result<bool, Faults> {
        let stamps = stamps(&self.settings);
        if self.now().stamps == stamps {
            *self.broken() = None;
            return Ok(false);
        }
        let seen = self.broken().as_ref().filter(|broken| broken.stamps == stamps).map(|broken| broken.said);
        if seen == Some(true) {
            return Ok(false);
        }
        match read(&self.settings) {
            Ok(fresh) => {
                *self.read.write().unwrap_or_else(PoisonError::into_inner) = fresh;
                *self.broken() = None;
                Ok(true)
            }
            Err(faults) => {
                let said = seen.is_some();
                *self.broken() = Some(Broken { stamps, faults: faults.clone(), said });
                if said { Err(faults) } else { Ok(false) }
            }
        }
    }

    fn broken(&self) -> MutexGuard<'_, Option<Broken>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn files(settings: &Tls) -> impl Iterator<Item = Cow<'_, Path>> {
    let authorities = match &settings.ca {
        Authorities::File(path) => authority::files(path),
        Authorities::System => Vec::new(),
    };
    let own = [settings.certificate.as_deref(), settings.private_key.as_deref(), settings.user_names.as_deref()];
    own.into_iter().flatten().map(Cow::Borrowed).chain(authorities.into_iter().map(Cow::Owned))
}

fn stamps(settings: &Tls) -> Vec<Option<Stamp>> {
    files(settings).map(|path| stamp(&path).ok()).collect()
}

/// Our certificate and those above it, and its key.
type Own = (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>);

/// What the files hold, or all that is wrong with them.
fn read(settings: &Tls) -> Result<Read, Faults> {
    let stamps = stamps(settings);
    let mut faults = Vec::new();
    let mut expiries = Vec::new();
    let names = Names::load(settings.user_name.clone(), settings.user_names.as_deref());
    let names = names.map_err(|fault| faults.push(fault)).ok();
    let own = own(settings, &mut expiries, &mut faults);
    let roots = match roots(&settings.ca) {
        Ok((roots, expiry)) => {
            expiries.extend(expiry);
            Some(roots)
        }
        // a listener need not mind
        Err(_) if settings.ca == Authorities::System && settings.certificate.is_some() => None,
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    let Some(names) = names.filter(|_| faults.is_empty()) else { return Err(Faults(faults)) };
    let names_no_host =
        own.as_ref().and_then(|(chain, _)| chain.first()).is_some_and(|first| !expiry::names_hosts(first));
    let making = Making { settings, provider: Arc::new(provider(&settings.cipher_suites)), own, roots };
    let suits_1_2 = making.suits_1_2();
    Ok(Read {
        servers: making.servers()?,
        clients: making.clients()?,
        names: Arc::new(names),
        expiries,
        names_no_host,
        suits_1_2,
        stamps,
    })
}

fn own(settings: &Tls, expiries: &mut Vec<Expiry>, faults: &mut Vec<Fault>) -> Option<Own> {
    let (certificate, private_key) = settings.certificate.as_ref().zip(settings.private_key.as_ref())?;
    let chain = certificates(certificate, Blame::Certificate);
    if let Ok(chain) = &chain {
        expiries.extend(expiry::of(Blame::Certificate, certificate, chain));
    }
    let key = key::read(private_key, settings.password.as_ref().map(|secret| secret.text.as_str()));
    let chain = chain.map_err(|fault| faults.push(fault)).ok();
    chain.zip(key.map_err(|fault| faults.push(fault)).ok())
}

/// What files held, to be made use of.
struct Making<'s> {
    settings: &'s Tls,
    provider: Arc<CryptoProvider>,
    own: Option<Own>,
    roots: Option<Roots>,
}

impl Making<'_> {
    fn versions(&self) -> Vec<&'static SupportedProtocolVersion> {
        self.settings.versions.iter().map(version).collect()
    }

    /// A suite of TLS 1.2 says by which kind of key it is signed.
    fn suits_1_2(&self) -> bool {
        let Some((_, key)) = &self.own else { return true };
        // what cannot be used is told elsewhere
        let Ok(key) = self.provider.key_provider.load_private_key(key.clone_key()) else { return true };
        let suites = self.provider.cipher_suites.iter();
        let mut of_1_2 =
            suites.filter_map(|suite| if let SupportedCipherSuite::Tls12(suite) = suite { Some(suite) } else { None });
        of_1_2.any(|suite| key.choose_scheme(suite.sign).is_some())
    }

    fn clients(&self) -> Result<Option<[Arc<ClientConfig>; 2]>, Fault> {
        let Some(Roots { store, named }) = self.roots.clone() else { return Ok(None) };
        let inner = WebPkiServerVerifier::builder_with_provider(store, self.provider.clone())
            .build()
            .map_err(|error| Fault::new(Blame::Ca, error.to_string()))?;
        let client = |any_host| self.client(OfServers { inner: inner.clone(), named: named.clone(), any_host });
        Ok(Some([Arc::new(client(false)?), Arc::new(client(true)?)]))
    }

    fn client(&self, verifier: OfServers) -> Result<ClientConfig, Fault> {
        let builder = ClientConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions())
            .map_err(|error| Fault::new(Blame::Versions, error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut config = match &self.own {
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain.clone(), key.clone_key()).map_err(|error| mismatch(&error))?
            }
            None => builder.with_no_client_auth(),
        };
        // for `Records`
        config.enable_secret_extraction = true;
        Ok(config)
    }

    fn servers(&self) -> Result<Option<Servers>, Fault> {
        let Some(own) = &self.own else { return Ok(None) };
        let asked = self.settings.client_certificate;
        let configured = self.server(own, asked)?;
        let requiring = match asked {
            ClientCertificate::Off => None,
            ClientCertificate::Request => Some(self.server(own, ClientCertificate::Require)?),
            ClientCertificate::Require => Some(configured.clone()),
        };
        Ok(Some(Servers { configured, requiring }))
    }

    fn server(&self, (chain, key): &Own, asked: ClientCertificate) -> Result<Arc<ServerConfig>, Fault> {
        let builder = ServerConfig::builder_with_provider(self.provider.clone())
            .with_protocol_versions(&self.versions())
            .map_err(|error| Fault::new(Blame::Versions, error.to_string()))?;
        let builder = match asked {
            ClientCertificate::Off => builder.with_no_client_auth(),
            asked => {
                let nobody = || Fault::new(Blame::Ca, "nobody's certificates are believed".to_owned());
                let Roots { store, named } = self.roots.clone().ok_or_else(nobody)?;
                let verifier = WebPkiClientVerifier::builder_with_provider(store, self.provider.clone());
                let verifier = match asked {
                    ClientCertificate::Request => verifier.allow_unauthenticated(),
                    _ => verifier,
                };
                let verifier = verifier.build().map_err(|error| Fault::new(Blame::Ca, error.to_string()))?;
                builder.with_client_cert_verifier(Arc::new(OfClients { inner: verifier, named }))
            }
        };
        let mut config = builder.with_single_cert(chain.clone(), key.clone_key()).map_err(|error| mismatch(&error))?;
        // for `Records`
        config.enable_secret_extraction = true;
        Ok(Arc::new(config))
    }
}

/// With these suites alone, in their order; none: with all.
fn provider(suites: &[CipherSuite]) -> CryptoProvider {
    let mut provider = ring::default_provider();
    if !suites.is_empty() {
        let all = std::mem::take(&mut provider.cipher_suites);
        let found = |wanted: &CipherSuite| all.iter().find(|known| known.suite() == suite(*wanted)).copied();
        provider.cipher_suites = suites.iter().filter_map(found).collect();
    }
    provider
}

const fn suite(suite: CipherSuite) -> rustls::CipherSuite {
    use rustls::CipherSuite as Suite;
    match suite {
        CipherSuite::Aes256Gcm => Suite::TLS13_AES_256_GCM_SHA384,
        CipherSuite::Aes128Gcm => Suite::TLS13_AES_128_GCM_SHA256,
        CipherSuite::ChaCha20 => Suite::TLS13_CHACHA20_POLY1305_SHA256,
        CipherSuite::EcdsaAes256Gcm => Suite::TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::EcdsaAes128Gcm => Suite::TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::EcdsaChaCha20 => Suite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256,
        CipherSuite::RsaAes256Gcm => Suite::TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
        CipherSuite::RsaAes128Gcm => Suite::TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
        CipherSuite::RsaChaCha20 => Suite::TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
    }
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
        Error::InvalidCertificate(_) => Fault::new(Blame::Certificate, explain(error)),
        other => Fault::new(Blame::PrivateKey, format!("certificate and key cannot be used: {other}")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test ends by panicking")]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn nobody_waits_for_files_that_are_read() {
        let path = std::env::temp_dir().join(format!("crosstie-tls-read-{}.pem", std::process::id()));
        let authority = rcgen::generate_simple_self_signed(Vec::new()).unwrap().cert.pem();
        std::fs::write(&path, &authority).unwrap();
        let settings = Tls {
            name: "t".to_owned(),
            certificate: None,
            private_key: None,
            password: None,
            ca: Authorities::File(path.clone()),
            client_certificate: ClientCertificate::Off,
            versions: vec![TlsVersion::V1_3],
            cipher_suites: Vec::new(),
            user_name: Vec::new(),
            user_names: None,
        };
        let profile = Arc::new(Profile::load(&settings).unwrap());
        std::fs::write(&path, authority.repeat(2)).unwrap();
        let (asking, (say, said)) = (profile.clone(), std::sync::mpsc::channel());
        let refreshed = profile.refresh_by(|settings| {
            std::thread::spawn(move || say.send((asking.fault(), asking.client(true).is_some())));
            assert_eq!(said.recv_timeout(Duration::from_secs(20)).unwrap(), (None, true));
            read(settings)
        });
        assert_eq!(refreshed, Ok(true));
        std::fs::remove_file(&path).unwrap();
    }
}
