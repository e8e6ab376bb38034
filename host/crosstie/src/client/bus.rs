//! The bus: where a running router listens, and how a command gets there.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::{Args, ValueEnum};
use crosstie_config::read_secret;
use crosstie_model::host_port;
use crosstie_model::settings::{Authorities, ClientCertificate, Scheme, Secret, Tls, TlsVersion};
use crosstie_tls::{Blame, Profile};
use fe2o3_amqp::connection::{ConnectionHandle, OpenError};
use fe2o3_amqp::sasl_profile::{SaslProfile, SaslScramSha256, SaslScramSha512};
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection, Session};
use percent_encoding::percent_decode_str;
use rustls::pki_types::ServerName;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::external;
use super::fault::{self, Fault};

/// Without `--ca`.
const SYSTEM: &str = "system";

/// How long a polite end may take.
const CLOSE: Duration = Duration::from_secs(5);

/// How to reach a router, and as whom. No `Debug`: both URL and password may hold a secret.
#[derive(Args)]
pub(crate) struct BusArgs {
    /// Where the router listens: amqp://HOST:PORT, amqps://HOST:PORT for TLS, or with USER:PASSWORD@ before HOST.
    #[arg(long, value_name = "URL", default_value = "amqp://127.0.0.1:5672")]
    bus: String,
    /// The user; without one nobody in particular (SASL ANONYMOUS).
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The password: env:NAME, file:PATH (its first line) or literal:TEXT.
    #[arg(long, value_name = "SECRET")]
    password: Option<String>,
    /// For amqps: the PEM file of those who sign the router's certificate; without it the system's authorities.
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
    /// For amqps: the PEM file of the certificate that is shown to the router, with those above it.
    #[arg(long, value_name = "FILE")]
    certificate: Option<PathBuf>,
    /// For --certificate: the PEM file of its private key; encrypted with --key-password.
    #[arg(long, value_name = "FILE")]
    key: Option<PathBuf>,
    /// The password of an encrypted --key: env:NAME, file:PATH (its first line) or literal:TEXT.
    #[arg(long, value_name = "SECRET")]
    key_password: Option<String>,
    /// How to authenticate; with a user the strongest of scram-sha-512, scram-sha-256 and, by TLS, plain that the peer offers; anonymous
    /// without; external is what --certificate says.
    #[arg(long, value_name = "MECHANISM", ignore_case = true)]
    sasl: Option<Sasl>,
}

/// A SASL mechanism, or no SASL layer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Sasl {
    None,
    Anonymous,
    Plain,
    External,
    #[value(name = "scram-sha-256")]
    ScramSha256,
    #[value(name = "scram-sha-512")]
    ScramSha512,
}

/// A router to connect to.
pub(crate) struct Bus {
    host: String,
    port: u16,
    /// The first that the peer offers; none: no SASL layer.
    profiles: Vec<SaslProfile>,
    /// Absent: plain TCP.
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// A connection with one session.
pub(crate) struct Client {
    connection: ConnectionHandle<()>,
    pub(crate) session: SessionHandle<()>,
}

impl BusArgs {
    /// Makes sense of them.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`], which shows no password.
    pub(crate) fn resolve(&self) -> Result<Bus, Fault> {
        let usage = |why: &str| Fault::Usage(format!("--bus: {why}; it is amqp[s]://[USER:PASSWORD@]HOST[:PORT]"));
        let url = Url::parse(&self.bus).map_err(|error| usage(&error.to_string()))?;
        let scheme = Scheme::parse(url.scheme()).filter(|scheme| matches!(scheme, Scheme::Amqp | Scheme::Amqps));
        let scheme = scheme.ok_or_else(|| usage("the scheme is neither amqp nor amqps"))?;
        let host = url.host_str().filter(|host| !host.is_empty()).ok_or_else(|| usage("the host is missing"))?;
        Ok(Bus {
            host: host.trim_start_matches('[').trim_end_matches(']').to_owned(),
            port: url.port().unwrap_or(scheme.default_port()),
            profiles: self.profiles(&url, scheme)?,
            tls: self.tls(scheme)?,
        })
    }

    fn tls(&self, scheme: Scheme) -> Result<Option<Arc<rustls::ClientConfig>>, Fault> {
        let given = [("--ca", &self.ca), ("--certificate", &self.certificate), ("--key", &self.key)];
        if scheme == Scheme::Amqp {
            let unused = given.iter().find(|(_, path)| path.is_some());
            let fault = |name: &str| Err(Fault::Usage(format!("{name} is given, and --bus is not amqps")));
            return unused.map_or(Ok(None), |(name, _)| fault(name));
        }
        match (&self.certificate, &self.key, &self.key_password) {
            (Some(_), None, _) => return Err(Fault::Usage("--certificate is given without --key".to_owned())),
            (None, Some(_), _) => return Err(Fault::Usage("--key is given without --certificate".to_owned())),
            (None, None, Some(_)) => return Err(Fault::Usage("--key-password is given without --key".to_owned())),
            _ => {}
        }
        let profile = Tls {
            name: "client".to_owned(),
            certificate: self.certificate.clone(),
            private_key: self.key.clone(),
            password: self.key_password()?,
            ca: match &self.ca {
                Some(path) if path.as_os_str() != SYSTEM => Authorities::File(path.clone()),
                _ => Authorities::System,
            },
            client_certificate: ClientCertificate::Off,
            versions: vec![TlsVersion::V1_2, TlsVersion::V1_3],
            cipher_suites: Vec::new(),
            user_name: Vec::new(),
            user_names: None,
        };
        let loaded = Profile::load(&profile).map_err(|faults| {
            let said: Vec<String> = faults.0.iter().map(option).collect();
            Fault::Usage(said.join("; "))
        })?;
        let nobody = || Fault::Usage("--ca: this system believes nobody; name a file".to_owned());
        // never plain TCP where TLS was asked for
        loaded.client(true).map(Some).ok_or_else(nobody)
    }

    fn key_password(&self) -> Result<Option<Secret>, Fault> {
        let Some(reference) = &self.key_password else { return Ok(None) };
        let text = secret("--key-password", reference)?;
        Ok(Some(Secret { text, reference: "literal:***".to_owned() }))
    }

    fn profiles(&self, url: &Url, scheme: Scheme) -> Result<Vec<SaslProfile>, Fault> {
        let decoded = |text: &str| percent_decode_str(text).decode_utf8_lossy().into_owned();
        let user = self.user.clone().or_else(|| Some(decoded(url.username())).filter(|user| !user.is_empty()));
        let password = match &self.password {
            Some(reference) => Some(secret("--password", reference)?),
            None => url.password().map(decoded),
        };
        if self.sasl == Some(Sasl::External) && self.certificate.is_none() {
            return Err(Fault::Usage("--sasl external needs --certificate".to_owned()));
        }
        let usual: &[Sasl] = match (user.is_some(), self.certificate.is_some()) {
            (true, _) if scheme == Scheme::Amqps => &[Sasl::ScramSha512, Sasl::ScramSha256, Sasl::Plain],
            // plain would show the password to whoever listens
            (true, _) => &[Sasl::ScramSha512, Sasl::ScramSha256],
            (false, true) => &[Sasl::External],
            (false, false) => &[Sasl::Anonymous],
        };
        let wanted = self.sasl.as_ref().map_or(usual, std::slice::from_ref);
        let needs_user = |sasl: &Sasl| matches!(sasl, Sasl::Plain | Sasl::ScramSha256 | Sasl::ScramSha512);
        let (user, password) = match (wanted.iter().any(needs_user), user, password) {
            (true, Some(user), Some(password)) => (user, password),
            (true, Some(_), None) => return Err(Fault::Usage("--password is missing".to_owned())),
            (true, None, _) => return Err(Fault::Usage("--user is missing".to_owned())),
            (false, None, None) => (String::new(), String::new()),
            (false, ..) => return Err(Fault::Usage("a user or password is given, and not used".to_owned())),
        };
        let profile = |sasl: &Sasl| {
            let (username, password) = (user.clone(), password.clone());
            match sasl {
                Sasl::None => None,
                Sasl::Anonymous => Some(SaslProfile::Anonymous),
                Sasl::External => Some(SaslProfile::External),
                Sasl::Plain => Some(SaslProfile::Plain { username, password }),
                Sasl::ScramSha256 => Some(SaslScramSha256::new(username, password).into()),
                Sasl::ScramSha512 => Some(SaslScramSha512::new(username, password).into()),
            }
        };
        Ok(wanted.iter().filter_map(profile).collect())
    }
}

fn secret(option: &str, reference: &str) -> Result<String, Fault> {
    read_secret(reference).map_err(|fault| Fault::Usage(format!("{option}: {}; {}", fault.message, fault.hint)))
}

/// A fault of files, with the option that named them. Hints of a key's speak of configurations.
fn option(crosstie_tls::Fault { blame, what, hint }: &crosstie_tls::Fault) -> String {
    match (blame, hint) {
        (Blame::Certificate, _) => format!("--certificate: {what}"),
        (Blame::PrivateKey, _) => format!("--key: {what}"),
        (Blame::Password, _) => format!("--key-password: {what}"),
        (_, None) => format!("--ca: {what}"),
        (_, Some(hint)) => format!("--ca: {what}; {hint}"),
    }
}

impl Bus {
    /// Host and port, as errors name them.
    fn peer(&self) -> String {
        host_port(&self.host, self.port)
    }

    /// Connects, opens and begins a session.
    ///
    /// # Errors
    ///
    /// [`Fault::Connect`].
    pub(crate) async fn open(self, timeout: Duration) -> Result<Client, Fault> {
        let peer = self.peer();
        let opened = match tokio::time::timeout(timeout, self.dial()).await {
            Ok(opened) => opened,
            Err(_) => Err(format!("no answer within {} ms", timeout.as_millis())),
        };
        opened.map_err(|why| Fault::Connect { peer, why })
    }

    async fn dial(mut self) -> Result<Client, String> {
        let may_be_plain = self.tls.is_none() && self.profiles.len() > 1;
        while self.profiles.len() > 1 {
            let profile = self.profiles.remove(0);
            match self.dial_as(Some(profile)).await {
                Err(Undialled::NotOffered) => {}
                Err(Undialled::Other(why)) => return Err(why),
                Ok(client) => return Ok(client),
            }
        }
        let last = self.profiles.pop();
        self.dial_as(last).await.map_err(|error| match error {
            Undialled::Other(why) => why,
            Undialled::NotOffered if may_be_plain => {
                "the peer offers no SCRAM; --sasl plain sends the password as it is, to be read by whoever listens"
                    .to_owned()
            }
            Undialled::NotOffered => "the peer does not offer this SASL mechanism; --sasl names another".to_owned(),
        })
    }

    async fn dial_as(&self, profile: Option<SaslProfile>) -> Result<Client, Undialled> {
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await.map_err(|error| error.to_string())?;
        stream.set_nodelay(true).map_err(|error| error.to_string())?;
        let container = format!("crosstie-{}", std::process::id());
        let mut builder = Connection::builder().container_id(container).scheme("amqp").hostname(self.host.as_str());
        let is_external = matches!(profile, Some(SaslProfile::External));
        if let Some(profile) = profile.filter(|_| !is_external) {
            builder = builder.sasl_profile(profile);
        }
        let is_plain = self.tls.is_none();
        let opened = match self.tls.clone() {
            Some(config) => {
                let name = ServerName::try_from(self.host.clone());
                let name = name.map_err(|_| "the host is no name that a certificate can be for".to_owned())?;
                let secured = TlsConnector::from(config).connect(name, stream).await;
                let mut secured = secured.map_err(|error| explain(&error))?;
                if is_external {
                    external::authenticate(&mut secured).await?;
                }
                builder.open_with_stream(secured).await
            }
            None => builder.open_with_stream(stream).await,
        };
        let mut connection = opened.map_err(|error| {
            let said = match &error {
                OpenError::NotImplemented(Some(why)) if why.ends_with("is not supported") => {
                    return Undialled::NotOffered;
                }
                // what a peer of TLS 1.3 minds about a certificate comes when the handshake is done
                OpenError::Io(error) if !is_plain => explain(error),
                error => fault::open(error),
            };
            // an alert of TLS is no protocol header
            let is_strange = matches!(error, OpenError::Io(_) | OpenError::ProtocolHeaderMismatch(_));
            Undialled::Other(if is_plain && is_strange {
                format!("{said}; where the port speaks TLS, --bus is amqps://HOST:PORT")
            } else {
                said
            })
        })?;
        let session = Session::begin(&mut connection).await.map_err(|error| fault::begin(&error))?;
        Ok(Client { connection, session })
    }
}

/// Why there is no connection.
enum Undialled {
    /// The peer does not offer the mechanism.
    NotOffered,
    Other(String),
}

impl From<String> for Undialled {
    fn from(why: String) -> Self {
        Self::Other(why)
    }
}

pub(super) fn explain(error: &std::io::Error) -> String {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    inner.map_or_else(|| error.to_string(), crosstie_tls::explain)
}

impl Client {
    /// Ends the session and closes, so that all that was sent has arrived; a peer that does not answer is left.
    pub(crate) async fn close(mut self) {
        let close = async {
            // what matters has been said on the link
            let _ = self.session.end().await;
            let _ = self.connection.close().await;
        };
        let _ = tokio::time::timeout(CLOSE, close).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(bus: &str, user: Option<&str>, password: Option<&str>) -> BusArgs {
        BusArgs {
            bus: bus.to_owned(),
            user: user.map(str::to_owned),
            password: password.map(str::to_owned),
            ca: None,
            certificate: None,
            key: None,
            key_password: None,
            sasl: None,
        }
    }

    fn refused(args: &BusArgs) -> String {
        args.resolve().err().expect("refused").to_string()
    }

    #[test]
    fn a_url_gives_host_port_and_credentials() {
        let bus = args("amqp://al%40ice:s%3Ac@hub.example.com", None, None).resolve().expect("good");
        assert_eq!(bus.peer(), "hub.example.com:5672");
        assert!(matches!(bus.profiles[..], [SaslProfile::ScramSha512(_), SaslProfile::ScramSha256(_)]));
        let plain = BusArgs { sasl: Some(Sasl::Plain), ..args("amqp://al%40ice:s%3Ac@hub.example.com", None, None) };
        match plain.resolve().expect("good").profiles.as_slice() {
            [SaslProfile::Plain { username, password }] => {
                assert_eq!((username.as_str(), password.as_str()), ("al@ice", "s:c"));
            }
            other => panic!("{other:?}"),
        }
        let tls = BusArgs { ca: Some(SYSTEM.into()), ..args("amqps://a:b@hub.example.com", None, None) };
        assert!(matches!(tls.resolve().expect("good").profiles[..], [_, _, SaslProfile::Plain { .. }]));
        let bus = args("amqp://[::1]:5673", None, None).resolve().expect("good");
        assert_eq!((bus.host.as_str(), bus.peer().as_str()), ("::1", "[::1]:5673"));
        assert!(matches!(bus.profiles[..], [SaslProfile::Anonymous]));
    }

    #[test]
    fn no_error_shows_a_password() {
        for (bus, user, password) in [
            ("http://a:hunter2@host", None, None),
            ("amqp://a:hunter2@host:99999", None, None),
            ("amqp://a:hunter2@", None, None),
            ("amqp://host", Some("a"), Some("hunter2")),
            ("amqp://host", Some("a"), Some("env:hunter2 x")),
            ("amqp://host", None, Some("literal:hunter2")),
            ("wss://a:hunter2@host", None, None),
        ] {
            let text = refused(&args(bus, user, password));
            assert!(!text.contains("hunter2"), "{bus}: {text}");
        }
    }

    #[test]
    fn half_of_the_credentials_is_not_enough() {
        assert!(refused(&args("amqp://host", Some("a"), None)).contains("--password"));
        assert!(refused(&args("amqp://host", None, Some("literal:x"))).contains("not used"));
    }
}
