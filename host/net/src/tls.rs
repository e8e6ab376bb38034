//! A TLS session by rustls' interface without buffers: records are opened where they were read, and sealed into a block that is written
//! at once. What is kept is a record that has not come whole, and what the socket did not take.

use std::fmt;
use std::io::{Error, ErrorKind, Result};
use std::net::IpAddr;
use std::sync::Arc;

use bytes::{Buf, BytesMut};
use crosstie_amqp::handshake::Secure;
use crosstie_model::facts::TlsFacts;
use crosstie_tls::{Profile, explain, explain_later};
use rustls::client::UnbufferedClientConnection;
use rustls::pki_types::ServerName;
use rustls::server::UnbufferedServerConnection;
use rustls::unbuffered::{ConnectionState, EncodeError, EncodeTlsData, EncryptError, UnbufferedStatus, WriteTraffic};
use rustls::{CommonState, ProtocolVersion};

/// Bytes that are sealed at a time.
const CHUNK_BYTES: usize = 128 << 10;

/// What records add to a chunk, and more.
const RECORDS_BYTES: usize = 2 << 10;

/// A TLS session.
#[derive(Debug)]
pub(crate) struct Tls {
    end: End,
    /// Until the router knows whom it speaks with.
    profile: Option<Arc<Profile>>,
    /// What came of a record, or of messages of a handshake, that is not all there yet.
    partial: Vec<u8>,
    /// Encrypted bytes that the socket has not taken yet.
    waiting: BytesMut,
    has_failed: bool,
    /// The peer said that there is no more.
    has_ended: bool,
}

/// Which end of the session is ours.
enum End {
    Client(UnbufferedClientConnection),
    Server(UnbufferedServerConnection),
}

/// What is wanted of a session.
enum Wish<'a> {
    /// Put what the peer says here.
    Open(&'a mut [u8], usize),
    /// Encrypt the one to the other; until that is done there is no count.
    Seal(&'a [u8], &'a mut Vec<u8>, Option<usize>),
    /// Say that no more comes from us.
    Close,
}

/// Whether a session can go on by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    More,
    /// The same, and the peer said that no more comes from it.
    Ended,
    Done,
}

impl fmt::Debug for End {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Client(_) => "Client",
            Self::Server(_) => "Server",
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
        let session = UnbufferedServerConnection::new(config).map_err(Error::other)?;
        Ok(Self::new(End::Server(session), profile))
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
        tls.open(&mut [], &mut [])?;
        Ok(tls)
    }

    fn new(end: End, profile: Arc<Profile>) -> Self {
        Self {
            end,
            profile: Some(profile),
            partial: Vec::new(),
            waiting: BytesMut::new(),
            has_failed: false,
            has_ended: false,
        }
    }

    fn state(&self) -> &CommonState {
        match &self.end {
            End::Client(client) => client,
            End::Server(server) => server,
        }
    }

    /// Has the session look at bytes that came, once; returns how many of them are done with.
    fn step(&mut self, came: &mut [u8], wish: &mut Wish<'_>) -> (usize, std::result::Result<Step, rustls::Error>) {
        let (done, step) = match &mut self.end {
            End::Client(client) => act(client.process_tls_records(came), &mut self.waiting, wish),
            End::Server(server) => act(server.process_tls_records(came), &mut self.waiting, wish),
        };
        self.has_ended |= step == Ok(Step::Ended);
        (done, step)
    }

    /// What came before and has to stand in front of what is opened next.
    pub(crate) fn partial(&self) -> &[u8] {
        &self.partial
    }

    /// Takes encrypted bytes, [`Tls::partial`] first, and puts what they say into `into`, which has room for as many.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] with what is wrong, in an operator's words; what the peer is told of it is to be written.
    pub(crate) fn open(&mut self, mut sealed: &mut [u8], into: &mut [u8]) -> Result<usize> {
        let mut wish = Wish::Open(into, 0);
        loop {
            let (done, step) = self.step(sealed, &mut wish);
            sealed = sealed.get_mut(done..).unwrap_or_default();
            match step {
                Ok(Step::More | Step::Ended) => {}
                Ok(Step::Done) => break,
                Err(error) => return Err(self.fail(&error, sealed)),
            }
        }
        if sealed.is_empty() {
            // an idle connection holds nothing
            self.partial = Vec::new();
        } else {
            self.partial.clear();
            self.partial.extend_from_slice(sealed);
        }
        match wish {
            Wish::Open(_, count) => Ok(count),
            Wish::Seal(..) | Wish::Close => Ok(0),
        }
    }

    /// Notes that the session is over, with what the peer is told of it. `sealed`: what is left of the bytes that came.
    fn fail(&mut self, error: &rustls::Error, sealed: &mut [u8]) -> Error {
        while self.state().wants_write() {
            // as long as it has words of its own, it does not look at the bytes again
            let (_, step) = self.step(sealed, &mut Wish::Open(&mut [], 0));
            if step.is_err() {
                break;
            }
        }
        self.has_failed = true;
        let why = if self.is_handshaking() { explain(error) } else { explain_later(error) };
        Error::new(ErrorKind::InvalidData, why)
    }

    /// Asks a thing of the session that no arrived bytes are needed for.
    fn ask(&mut self, wish: &mut Wish<'_>) -> Result<()> {
        if self.has_failed {
            return Err(Error::other("the TLS session has failed"));
        }
        // the session remembers where in them it is
        let mut partial = std::mem::take(&mut self.partial);
        let result = loop {
            let (done, step) = self.step(&mut partial, wish);
            partial.drain(..done.min(partial.len()));
            match step {
                Ok(Step::More | Step::Ended) => {}
                Ok(Step::Done) => break Ok(()),
                Err(error) => break Err(Error::other(error)),
            }
        };
        self.partial = partial;
        result
    }

    /// Encrypts bytes of the connection: how many of them, and how many encrypted ones stand in `block` then, which wait for nothing but
    /// what already [waits](Tls::waiting). None before the handshake is done.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub(crate) fn seal(&mut self, bytes: &[u8], block: &mut Vec<u8>) -> Result<Option<(usize, usize)>> {
        let chunk = bytes.get(..CHUNK_BYTES.min(bytes.len())).unwrap_or_default();
        if block.is_empty() {
            block.resize(CHUNK_BYTES.saturating_add(RECORDS_BYTES), 0);
        }
        let mut wish = Wish::Seal(chunk, block, None);
        self.ask(&mut wish)?;
        match wish {
            Wish::Seal(_, _, Some(count)) => Ok(Some((chunk.len(), count))),
            Wish::Open(..) | Wish::Seal(..) | Wish::Close => Ok(None),
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

    /// Says that no more comes from us.
    pub(crate) fn close(&mut self) {
        // a session that has failed has said so
        let _ = self.ask(&mut Wish::Close);
    }

    /// Whether the peer said that no more comes from it.
    pub(crate) const fn has_ended(&self) -> bool {
        self.has_ended
    }

    /// Whether the two ends do not know each other yet.
    pub(crate) fn is_handshaking(&self) -> bool {
        self.profile.is_some()
    }

    /// Once, when the handshake is done: whom the router speaks with.
    pub(crate) fn take_secure(&mut self) -> Option<Secure> {
        if self.state().is_handshaking() {
            return None;
        }
        let profile = self.profile.take()?;
        let certificate = self.state().peer_certificates().and_then(<[_]>::first);
        Some(Secure { user: certificate.and_then(|certificate| profile.names().of(certificate)) })
    }

    /// What management shows.
    pub(crate) fn facts(&self) -> Option<TlsFacts> {
        let protocol = match self.state().protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
            ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        };
        let suite = self.state().negotiated_cipher_suite()?.suite();
        let cipher = suite.as_str().map_or_else(|| format!("{suite:?}"), |name| name.replace("TLS13_", "TLS_"));
        let strength_bits = if cipher.contains("AES_128") { 128 } else { 256 };
        Some(TlsFacts { protocol, cipher, strength_bits })
    }
}

/// Does what a session's state asks for: bytes of the connection by the wish, words of the session itself to those that wait.
fn act<Data>(
    status: UnbufferedStatus<'_, '_, Data>,
    waiting: &mut BytesMut,
    wish: &mut Wish<'_>,
) -> (usize, std::result::Result<Step, rustls::Error>) {
    let UnbufferedStatus { mut discard, state } = status;
    let state = match state {
        Ok(state) => state,
        Err(error) => return (discard, Err(error)),
    };
    let step = match state {
        ConnectionState::ReadTraffic(mut traffic) => loop {
            match traffic.next_record() {
                None => break Ok(Step::More),
                Some(Ok(record)) => {
                    discard = discard.saturating_add(record.discard);
                    if let Err(error) = wish.take(record.payload) {
                        break Err(error);
                    }
                }
                Some(Err(error)) => break Err(error),
            }
        },
        ConnectionState::EncodeTlsData(mut data) => encode(&mut data, waiting).map(|()| Step::More),
        ConnectionState::TransmitTlsData(data) => {
            data.done();
            Ok(Step::More)
        }
        ConnectionState::PeerClosed => Ok(Step::Ended),
        ConnectionState::WriteTraffic(mut traffic) => wish.write(&mut traffic, waiting).map(|()| Step::Done),
        _ => Ok(Step::Done),
    };
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

impl Wish<'_> {
    fn take(&mut self, payload: &[u8]) -> std::result::Result<(), rustls::Error> {
        if let Self::Open(into, count) = self
            && let Some(place) = into.get_mut(*count..).and_then(|room| room.get_mut(..payload.len()))
        {
            place.copy_from_slice(payload);
            *count = count.saturating_add(payload.len());
            return Ok(());
        }
        Err(rustls::Error::General("there is no room for what the peer says".to_owned()))
    }

    fn write<Data>(
        &mut self,
        traffic: &mut WriteTraffic<'_, Data>,
        waiting: &mut BytesMut,
    ) -> std::result::Result<(), rustls::Error> {
        match self {
            Self::Open(..) => Ok(()),
            Self::Seal(bytes, block, count) => {
                *count = Some(grown(block, |block| traffic.encrypt(bytes, block))?);
                Ok(())
            }
            Self::Close => {
                let mut block = Vec::new();
                let count = grown(&mut block, |block| traffic.queue_close_notify(block))?;
                waiting.extend_from_slice(block.get(..count).unwrap_or_default());
                Ok(())
            }
        }
    }
}

/// Calls with as much room as it takes.
fn grown(
    block: &mut Vec<u8>,
    mut call: impl FnMut(&mut [u8]) -> std::result::Result<usize, EncryptError>,
) -> std::result::Result<usize, rustls::Error> {
    let mut result = call(block);
    if let Err(EncryptError::InsufficientSize(size)) = result {
        block.resize(size.required_size, 0);
        result = call(block);
    }
    result.map_err(|error| rustls::Error::General(error.to_string()))
}

#[cfg(test)]
mod tests {
    use crosstie_model::settings::{Authorities, ClientCertificate, Tls as Settings, TlsVersion};

    use super::*;

    /// A client and a server of one certificate, whose bytes go from one to the other by hand.
    struct Pair {
        client: Tls,
        server: Tls,
        block: Vec<u8>,
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
        let mut into = vec![0; came.len()];
        let count = tls.open(&mut came, &mut into)?;
        said.extend_from_slice(&into[..count]);
        Ok(tls.has_ended())
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
            Self { client, server: Tls::accept(profile, false).unwrap(), block: Vec::new() }
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
                let (taken, count) = self.client.seal(bytes, &mut self.block).unwrap().unwrap();
                bytes = &bytes[taken..];
                for part in self.block[..count].chunks(step) {
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
            assert!(pair.client.seal(b"before", &mut pair.block).unwrap().is_none());
            pair.shake(step);
            let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
            for length in [1, 100, 16_384, 16_385, 65_536, 200_000] {
                assert!(pair.say(&bytes[..length], step.max(100)) == bytes[..length], "{length} by {step}");
            }
            assert_eq!(pair.server.partial.capacity(), 0);
            assert_eq!(pair.server.facts().unwrap().protocol, "TLSv1.3");
        }
    }

    #[test]
    fn the_end_is_told_from_a_socket_that_is_gone() {
        let mut pair = Pair::new("end");
        pair.shake(1 << 20);
        // also behind its last words
        let (_, count) = pair.client.seal(b"last", &mut pair.block).unwrap().unwrap();
        pair.client.close();
        let bytes = [&pair.block[..count], pair.client.waiting()].concat();
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
        assert!(pair.server.seal(b"more", &mut pair.block).is_err());
        pair.server.close();
        let mut pair = Pair::new("later");
        pair.shake(1 << 20);
        let (_, count) = pair.client.seal(b"said", &mut pair.block).unwrap().unwrap();
        *pair.block[..count].last_mut().unwrap() ^= 1;
        let bytes = pair.block[..count].to_vec();
        assert!(show(&mut pair.server, &bytes, &mut Vec::new()).is_err());
        assert!(!pair.server.waiting().is_empty());
    }
}
