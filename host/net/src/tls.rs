//! A TLS session: rustls shakes hands, one record at a time, by its interface without buffers; what comes after that is
//! [`Records`], opened where they were read. What is kept is a record that has not come whole, and what the socket did not take.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use crosstie_amqp::handshake::Secure;
use crosstie_model::cipher_suite::CipherSuite;
use crosstie_model::facts::TlsFacts;
use crosstie_model::policy::PeerTls;
use crosstie_tls::{AskedName, Described, Opened, Profile, Records, describe, explain, explain_later, first_record};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, UnbufferedStatus};
use rustls::{CommonState, ProtocolVersion};

/// Bytes that are sealed at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// A TLS session.
#[derive(Debug)]
pub(crate) struct Tls {
    session: Session,
    /// Once, when the handshake is done.
    secure: Option<Secure>,
    /// The peer's certificate, until somebody has looked at it.
    certificate: Option<CertificateDer<'static>>,
    /// The server name that the client asked for, until somebody has looked at it.
    asked: Option<String>,
    /// What came of a record, or of messages of a handshake, that is not all there yet.
    partial: Vec<u8>,
    /// Of these, what the handshake has been shown.
    shown: usize,
    /// Encrypted bytes that the socket has not taken yet.
    waiting: BytesMut,
    /// We said that there is no more.
    is_closed: bool,
    /// The peer said that there is no more.
    has_ended: bool,
    /// What the peer did wrong, in an operator's words.
    fault: Option<String>,
}

#[derive(Debug)]
enum Session {
    Handshake(Box<Handshake>),
    Records(Box<Records>),
    /// It has failed.
    Over,
}

#[derive(Debug)]
struct Handshake {
    end: End,
    profile: Arc<Profile>,
}

/// Which end of the session is ours.
enum End {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection, Arc<AskedName>),
}

/// How a handshake goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// By itself.
    More,
    /// By itself, and the peer said that no more comes from it.
    Ended,
    /// With the peer's next words.
    Waits,
    /// It is done.
    Done,
}

impl fmt::Debug for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Client(_) => "Client",
            Self::Server(..) => "Server",
        })
    }
}

impl Tls {
    /// Of a listener: the peer begins.
    ///
    /// # Errors
    ///
    /// When the profile has no certificate, or asks for none where one is required.
    pub(crate) fn accept(profile: Arc<Profile>, requires_certificate: bool) -> Result<Self> {
        // no configuration is without, but the profile of a listener that management created may come to be
        let config = profile.server(requires_certificate);
        let config =
            config.ok_or_else(|| Error::other("the TLS profile has no certificate, or asks peers for none"))?;
        let (config, asked) = AskedName::listen(&config);
        let session = UnbufferedServerConnection::new(config).map_err(Error::other)?;
        Ok(Self::new(End::Server(session, asked), profile))
    }

    /// Of a connector to this host: the first words wait to be written.
    ///
    /// # Errors
    ///
    /// When the host cannot stand in a certificate, or there are no authorities.
    pub(crate) fn dial(profile: Arc<Profile>, verify_hostname: bool, host: &str) -> Result<Self> {
        let name = match host.parse::<IpAddr>() {
            Ok(address) => ServerName::from(address),
            Err(_) => {
                ServerName::try_from(host.to_owned()).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?
            }
        };
        let config = profile.client(verify_hostname);
        let config = config
            .ok_or_else(|| Error::other("this system has no certificates of authorities: name a file in `ca`"))?;
        let session = UnbufferedClientConnection::new(config, name).map_err(Error::other)?;
        let mut tls = Self::new(End::Client(session), profile);
        tls.open(&mut []);
        tls.over().map_or(Ok(tls), Err)
    }

    fn new(end: End, profile: Arc<Profile>) -> Self {
        Self {
            session: Session::Handshake(Box::new(Handshake { end, profile })),
            secure: None,
            certificate: None,
            asked: None,
            partial: Vec::new(),
            shown: 0,
            waiting: BytesMut::new(),
            is_closed: false,
            has_ended: false,
            fault: None,
        }
    }

    /// What came before and has to stand in front of what is opened next.
    pub(crate) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Opens encrypted bytes, [`Tls::partial`] first, where they stand: so many bytes at the front are what the peer says then. After
    /// that it may be [over](Tls::over); what the peer is told of it is to be written.
    pub(crate) fn open(&mut self, bytes: &mut [u8]) -> usize {
        let begin = self.shake(bytes);
        let sealed = bytes.get_mut(begin..).unwrap_or_default();
        let Opened { said, taken } = self.open_records(sealed);
        let rest = sealed.get(taken..).unwrap_or_default();
        if rest.is_empty() {
            // an idle connection holds nothing
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.extend_from_slice(rest);
        }
        bytes.copy_within(begin..begin.saturating_add(said), 0);
        said
    }

    /// Why nothing more comes, once what came is taken: [`ErrorKind::InvalidData`] when the peer is at fault, and
    /// [`ErrorKind::UnexpectedEof`] when it said so.
    pub(crate) fn over(&self) -> Option<Error> {
        let fault = self.fault.as_ref().map(|fault| Error::new(ErrorKind::InvalidData, fault.as_str()));
        fault.or_else(|| self.has_ended.then(|| Error::new(ErrorKind::UnexpectedEof, "the peer closed the socket")))
    }

    fn open_records(&mut self, sealed: &mut [u8]) -> Opened {
        let Session::Records(records) = &mut self.session else { return Opened::default() };
        let mut answer = Vec::new();
        let (opened, result) = records.open(sealed, &mut answer);
        self.waiting.extend_from_slice(&answer);
        self.has_ended |= records.has_ended();
        if let Err(error) = result {
            self.fail(explain_later(&error));
        }
        opened
    }

    /// Shows the handshake one record after the other, until it is done: how many bytes that took.
    fn shake(&mut self, bytes: &mut [u8]) -> usize {
        let (mut taken, mut shown) = (0_usize, std::mem::take(&mut self.shown));
        while let Session::Handshake(handshake) = &mut self.session {
            let end = taken.saturating_add(shown);
            let (done, step) = handshake.step(bytes.get_mut(taken..end).unwrap_or_default(), &mut self.waiting);
            taken = taken.saturating_add(done);
            shown = shown.saturating_sub(done);
            match step {
                Ok(Step::More) => {}
                Ok(Step::Ended) => self.has_ended = true,
                Ok(Step::Done) if shown == 0 => {
                    if let Err(error) = self.begin_records() {
                        self.fail(explain(&error));
                    }
                }
                Ok(Step::Waits | Step::Done) => match first_record(bytes.get(end..).unwrap_or_default()) {
                    Some(length) => shown = shown.saturating_add(length),
                    None => break,
                },
                Err(error) => {
                    let end = taken.saturating_add(shown);
                    handshake.last_words(bytes.get_mut(taken..end).unwrap_or_default(), &mut self.waiting);
                    self.fail(explain(&error));
                }
            }
        }
        self.shown = shown;
        taken
    }

    /// The handshake is done.
    fn begin_records(&mut self) -> std::result::Result<(), rustls::Error> {
        let session = std::mem::replace(&mut self.session, Session::Over);
        let Session::Handshake(handshake) = session else { return Ok(()) };
        let Handshake { end, profile } = *handshake;
        let certificate = end.state().peer_certificates().and_then(<[_]>::first);
        self.secure = Some(Secure { user: certificate.and_then(|certificate| profile.names().of(certificate)) });
        self.certificate = certificate.map(|certificate| certificate.clone().into_owned());
        let records = match end {
            End::Client(client) => Records::of_client(client),
            End::Server(server, asked) => {
                self.asked = asked.get().map(str::to_owned);
                Records::of_server(server)
            }
        };
        self.session = Session::Records(Box::new(records?));
        Ok(())
    }

    /// Ends the session, in an operator's words.
    pub(crate) fn fail(&mut self, why: String) {
        self.session = Session::Over;
        self.fault = Some(why);
    }

    /// Encrypts bytes of the connection into records that wait for nothing but what already [waits](Tls::waiting): of how many. None
    /// before the handshake is done.
    ///
    /// # Errors
    ///
    /// When the session is over.
    pub(crate) fn seal(&mut self, bytes: &[u8], into: &mut Vec<Vec<u8>>) -> Result<Option<usize>> {
        match &mut self.session {
            Session::Handshake(_) => Ok(None),
            Session::Records(records) => {
                let chunk = bytes.get(..CHUNK_BYTES.min(bytes.len())).unwrap_or_default();
                records.seal(chunk, into).map_err(Error::other)?;
                Ok(Some(chunk.len()))
            }
            Session::Over => Err(Error::other("the TLS session has failed")),
        }
    }

    /// Encrypted bytes to be written first.
    pub(crate) fn waiting(&self) -> &[u8] {
        &self.waiting
    }

    /// Keeps encrypted bytes that the socket did not take.
    pub(crate) fn wait(&mut self, bytes: &[u8]) {
        self.waiting.extend_from_slice(bytes);
    }

    /// Forgets encrypted bytes that the socket took.
    pub(crate) fn written(&mut self, count: usize) {
        self.waiting.advance(count.min(self.waiting.len()));
        if self.waiting.is_empty() {
            self.waiting = BytesMut::new();
        }
    }

    /// Has wait what the session says by itself, where nothing waits.
    ///
    /// # Errors
    ///
    /// When it has no more to say, though it should.
    pub(crate) fn say_owed(&mut self) -> Result<()> {
        if let Session::Records(records) = &mut self.session
            && self.waiting.is_empty()
            && let Some(owed) = records.owed().map_err(Error::other)?
        {
            self.waiting.extend_from_slice(&owed);
        }
        Ok(())
    }

    /// Says that no more comes from us, once. A session that has failed has said so.
    pub(crate) fn close(&mut self) {
        if let Session::Records(records) = &mut self.session
            && !std::mem::replace(&mut self.is_closed, true)
        {
            let mut answer = Vec::new();
            records.close(&mut answer);
            self.waiting.extend_from_slice(&answer);
        }
    }

    /// Whether the two ends do not know each other yet.
    pub(crate) const fn is_handshaking(&self) -> bool {
        matches!(self.session, Session::Handshake(_))
    }

    /// Once, when the handshake is done: whom the router speaks with.
    pub(crate) const fn take_secure(&mut self) -> Option<Secure> {
        self.secure.take()
    }

    /// What policy is told, once: the certificate is forgotten then.
    pub(crate) fn take_peer(&mut self) -> Option<PeerTls> {
        let described = self.certificate.take().and_then(|certificate| describe(&certificate));
        let TlsFacts { protocol, cipher, .. } = self.facts()?;
        let session = PeerTls { version: protocol, cipher, sni: self.asked.take(), ..PeerTls::default() };
        Some(match described {
            None => session,
            Some(Described { subject, issuer, names, fingerprint, not_after_ms }) => PeerTls {
                subject: Some(subject),
                issuer: Some(issuer),
                names,
                fingerprint_sha256: Some(fingerprint),
                not_after_ms: Some(not_after_ms),
                ..session
            },
        })
    }

    /// What management shows, once the handshake is done.
    pub(crate) fn facts(&self) -> Option<TlsFacts> {
        let Session::Records(records) = &self.session else { return None };
        let protocol = match records.version() {
            ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
            ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        };
        let suite = records.suite();
        let cipher = suite.as_str().map_or_else(|| format!("{suite:?}"), |name| name.replace("TLS13_", "TLS_"));
        let strength_bits = if cipher.contains("AES_128") { 128 } else { 256 };
        let known = CipherSuite::ALL.into_iter().find(|suite| suite.as_str() == cipher);
        Some(TlsFacts {
            protocol,
            cipher: known.map_or(cipher, |suite| suite.openssl_name().to_owned()),
            strength_bits,
        })
    }
}

impl Handshake {
    /// Looks at bytes that came, once: how many of them are done with. Words of its own go to those that wait.
    fn step(&mut self, bytes: &mut [u8], waiting: &mut BytesMut) -> (usize, std::result::Result<Step, rustls::Error>) {
        match &mut self.end {
            End::Client(client) => act(client.process_tls_records(bytes), waiting),
            End::Server(server, _) => act(server.process_tls_records(bytes), waiting),
        }
    }

    /// Says what the peer is told of a fault.
    fn last_words(&mut self, bytes: &mut [u8], waiting: &mut BytesMut) {
        while self.end.state().wants_write() {
            // as long as it has words of its own, it does not look at the bytes again
            if self.step(bytes, waiting).1.is_err() {
                return;
            }
        }
    }
}

impl End {
    fn state(&self) -> &CommonState {
        match self {
            Self::Client(client) => client,
            Self::Server(server, _) => server,
        }
    }
}

/// Does what a handshake asks for.
fn act<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    waiting: &mut BytesMut,
) -> (usize, std::result::Result<Step, rustls::Error>) {
    let UnbufferedStatus { discard, state } = status;
    let step = state.and_then(|state| match state {
        ConnectionState::EncodeTlsData(mut data) => encode(&mut data, waiting).map(|()| Step::More),
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Step::More)
        }
        ConnectionState::PeerClosed => Ok(Step::Ended),
        ConnectionState::WriteTraffic(_) => Ok(Step::Done),
        _ => Ok(Step::Waits),
    });
    (discard, step)
}

/// Puts words of the session to those that wait.
fn encode<Data>(data: &mut EncodeTlsData<'_, Data>, waiting: &mut BytesMut) -> std::result::Result<(), rustls::Error> {
    let before = waiting.len();
    // it says how much room it needs
    if let Err(EncodeError::InsufficientSize(size)) = data.encode(&mut []) {
        waiting.resize(before.saturating_add(size.required_size), 0);
        data.encode(waiting.get_mut(before..).unwrap_or_default())
            .map_err(|error| rustls::Error::General(error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crosstie_model::settings::{Authorities, ClientCertificate, Tls as Settings, TlsVersion};

    use super::*;

    /// A client and a server of one certificate, whose bytes go from one to the other by hand.
    struct Pair {
        client: Tls,
        server: Tls,
    }

    fn profile(name: &str) -> Arc<Profile> {
        let directory = std::env::temp_dir().join(format!("crosstie-tls-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let (certificate, key) = (directory.join("certificate.pem"), directory.join("key.pem"));
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let settings = Settings {
            name: name.to_owned(),
            certificate: Some(certificate.clone()),
            private_key: Some(key),
            password: None,
            ca: Authorities::File(certificate),
            client_certificate: ClientCertificate::Off,
            versions: vec![TlsVersion::V1_2, TlsVersion::V1_3],
            cipher_suites: Vec::new(),
            user_name: Vec::new(),
            user_names: None,
        };
        let profile = Profile::load(&settings).unwrap();
        std::fs::remove_dir_all(directory).unwrap();
        Arc::new(profile)
    }

    /// Shows one end what stands in front of it and `bytes`, as its socket does.
    fn show(tls: &mut Tls, bytes: &[u8], said: &mut Vec<u8>) -> Result<bool> {
        let mut came = tls.partial().to_vec();
        came.extend_from_slice(bytes);
        let count = tls.open(&mut came);
        said.extend_from_slice(&came[..count]);
        match tls.over() {
            Some(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(true),
            Some(error) => Err(error),
            None => Ok(false),
        }
    }

    /// Passes on what waits, so many bytes of it; nothing of the connection is said yet.
    fn pass(from: &mut Tls, to: &mut Tls, step: usize) {
        let count = from.waiting().len().min(step);
        let bytes = from.waiting()[..count].to_vec();
        from.written(count);
        let mut said = Vec::new();
        assert!(!show(to, &bytes, &mut said).unwrap() && said.is_empty());
    }

    impl Pair {
        fn new(name: &str) -> Self {
            let profile = profile(name);
            let client = Tls::dial(profile.clone(), true, "localhost").unwrap();
            Self { client, server: Tls::accept(profile, false).unwrap() }
        }

        /// Takes the handshake to its end, so many bytes at a time.
        fn shake(&mut self, step: usize) {
            while !self.client.waiting().is_empty() || !self.server.waiting().is_empty() {
                pass(&mut self.client, &mut self.server, step);
                pass(&mut self.server, &mut self.client, step);
            }
            assert!(self.client.take_secure().is_some() && self.server.take_secure().is_some());
            assert!(self.client.take_secure().is_none() && !self.server.is_handshaking());
        }

        /// What the server hears when the client says `bytes`, and they come so many at a time.
        fn say(&mut self, mut bytes: &[u8], step: usize) -> Vec<u8> {
            let mut said = Vec::new();
            while !bytes.is_empty() {
                let mut records = Vec::new();
                let taken = self.client.seal(bytes, &mut records).unwrap().unwrap();
                bytes = &bytes[taken..];
                for part in records.concat().chunks(step) {
                    assert!(!show(&mut self.server, part, &mut said).unwrap());
                }
            }
            said
        }
    }

    #[test]
    fn what_is_sealed_is_opened_however_it_comes() {
        for (at, step) in [1, 7, 1000, 16 << 10, 1 << 20].into_iter().enumerate() {
            let mut pair = Pair::new(&format!("opened-{at}"));
            assert!(pair.client.seal(b"before", &mut Vec::new()).unwrap().is_none());
            pair.shake(step);
            let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
            for length in [1, 100, 16_384, 16_385, 65_536, 200_000] {
                assert!(pair.say(&bytes[..length], step.max(100)) == bytes[..length], "{length} by {step}");
            }
            assert_eq!(pair.server.partial.capacity(), 0);
            assert_eq!(pair.server.facts().unwrap().protocol, "TLSv1.3");
            assert_eq!(pair.server.take_peer().unwrap().sni.as_deref(), Some("localhost"));
            assert_eq!(pair.client.take_peer().unwrap().sni, None);
        }
    }

    #[test]
    fn the_end_is_told_from_a_socket_that_is_gone() {
        let mut pair = Pair::new("end");
        pair.shake(1 << 20);
        // also behind its last words
        let mut records = Vec::new();
        pair.client.seal(b"last", &mut records).unwrap();
        pair.client.close();
        let bytes = [&records.concat(), pair.client.waiting()].concat();
        let mut said = Vec::new();
        assert!(show(&mut pair.server, &bytes, &mut said).unwrap() && said == b"last");
    }

    #[test]
    fn a_session_that_fails_tells_its_peer_once_and_is_over() {
        let mut pair = Pair::new("fails");
        let error = show(&mut pair.server, b"AMQP\x00\x01\x00\x00", &mut Vec::new()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidData);
        // an alert of seven bytes
        assert_eq!((pair.server.waiting().len(), pair.server.waiting().first()), (7, Some(&0x15)));
        assert!(pair.server.seal(b"more", &mut Vec::new()).is_err());
        pair.server.close();
        let mut pair = Pair::new("later");
        pair.shake(1 << 20);
        let mut records = Vec::new();
        pair.client.seal(b"said", &mut records).unwrap();
        let mut bytes = records.concat();
        *bytes.last_mut().unwrap() ^= 1;
        assert!(show(&mut pair.server, &bytes, &mut Vec::new()).is_err());
        assert!(!pair.server.waiting().is_empty());
    }
}
