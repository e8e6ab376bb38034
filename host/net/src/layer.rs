//! What lies between a socket and its connection: nothing, or TLS.

use std::io::{Error, ErrorKind, Read, Result};
use std::net::IpAddr;
use std::sync::Arc;

use crosstie_amqp::handshake::Secure;
use crosstie_model::facts::TlsFacts;
use crosstie_tls::{Profile, explain, explain_later};
use rustls::pki_types::ServerName;
use rustls::{ClientConnection, Connection, ProtocolVersion, ServerConnection};

use crate::profiles::Profiles;

/// The first byte of a TLS connection: a record of a handshake. That of a protocol header is `A`.
const HANDSHAKE: u8 = 0x16;

/// Bytes that are encrypted at a time.
const CHUNK_BYTES: usize = 64 << 10;

/// How a listener speaks TLS.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Of which one is looked up by its name for each handshake: it may be another one by then.
    pub(crate) profiles: Profiles,
    pub(crate) tls: String,
    /// Plain AMQP is taken too.
    pub(crate) optional: bool,
}

/// What a connection speaks through.
#[derive(Debug)]
pub(crate) enum Layer {
    Plain,
    /// The first byte tells.
    Unknown(Arc<Entrance>),
    Tls(Box<Tls>),
}

/// A TLS session.
#[derive(Debug)]
pub(crate) struct Tls {
    session: Connection,
    /// Until the router knows whom it speaks with.
    profile: Option<Arc<Profile>>,
}

/// What a look at arrived bytes gave.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Opened {
    /// Bytes of the connection.
    pub(crate) count: usize,
    /// The peer said that there are no more.
    pub(crate) ended: bool,
}

impl Layer {
    /// For a peer that a listener accepted.
    ///
    /// # Errors
    ///
    /// When the session cannot begin.
    pub(crate) fn accepted(entrance: Option<&Arc<Entrance>>) -> Result<Self> {
        match entrance {
            None => Ok(Self::Plain),
            Some(entrance) if entrance.optional => Ok(Self::Unknown(entrance.clone())),
            Some(entrance) => Tls::accept(entrance).map(|tls| Self::Tls(Box::new(tls))),
        }
    }

    /// For a peer at this host that a connector dialled.
    ///
    /// # Errors
    ///
    /// When the host cannot stand in a certificate.
    pub(crate) fn dialled(profile: Option<(Arc<Profile>, bool)>, host: &str) -> Result<Self> {
        let Some((profile, verify_hostname)) = profile else {
            return Ok(Self::Plain);
        };
        let name = match host.parse::<IpAddr>() {
            Ok(address) => ServerName::from(address),
            Err(_) => {
                ServerName::try_from(host.to_owned()).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?
            }
        };
        let config = profile.client(verify_hostname);
        let config = config
            .ok_or_else(|| Error::other("this system has no certificates of authorities: name a file in `ca`"))?;
        let session = ClientConnection::new(config, name).map_err(Error::other)?;
        Ok(Self::Tls(Box::new(Tls { session: session.into(), profile: Some(profile) })))
    }

    /// The session, if there is one.
    pub(crate) fn tls(&mut self) -> Option<&mut Tls> {
        match self {
            Self::Tls(tls) => Some(tls),
            Self::Plain | Self::Unknown(_) => None,
        }
    }

    /// Decides by the first bytes of a peer what it speaks.
    ///
    /// # Errors
    ///
    /// When the session cannot begin.
    pub(crate) fn decide(&mut self, first: &[u8]) -> Result<()> {
        if let Self::Unknown(entrance) = self
            && let Some(byte) = first.first()
        {
            *self = match *byte {
                HANDSHAKE => Self::Tls(Box::new(Tls::accept(entrance)?)),
                _ => Self::Plain,
            };
        }
        Ok(())
    }

    /// What management shows.
    pub(crate) fn facts(&self) -> Option<TlsFacts> {
        let Self::Tls(tls) = self else {
            return None;
        };
        let protocol = match tls.session.protocol_version()? {
            ProtocolVersion::TLSv1_2 => "TLSv1.2".to_owned(),
            ProtocolVersion::TLSv1_3 => "TLSv1.3".to_owned(),
            other => format!("{other:?}"),
        };
        let suite = tls.session.negotiated_cipher_suite()?.suite();
        let cipher = suite.as_str().map_or_else(|| format!("{suite:?}"), |name| name.replace("TLS13_", "TLS_"));
        let strength_bits = if cipher.contains("AES_128") { 128 } else { 256 };
        Some(TlsFacts { protocol, cipher, strength_bits })
    }
}

impl Tls {
    fn accept(entrance: &Entrance) -> Result<Self> {
        // it stays while its listener does
        let profile = entrance.profiles.get(&entrance.tls).ok_or_else(|| Error::other("there is no such tls"))?;
        // no configuration is without, but the profile of a listener that management created may come to be
        let config = profile.server().ok_or_else(|| Error::other("there is no certificate"))?;
        let session = ServerConnection::new(config).map_err(Error::other)?;
        Ok(Self { session: session.into(), profile: Some(profile) })
    }

    /// Takes encrypted bytes, and puts what they say into `into`, which has room for as many.
    ///
    /// # Errors
    ///
    /// [`ErrorKind::InvalidData`] with what is wrong, in an operator's words; what the peer is told of it is to be written.
    pub(crate) fn open(&mut self, mut sealed: &[u8], into: &mut [u8]) -> Result<Opened> {
        let mut opened = Opened::default();
        while !sealed.is_empty() {
            if self.session.read_tls(&mut sealed)? == 0 {
                break;
            }
            let told = self.profile.is_none();
            let state = self.session.process_new_packets().map_err(|error| {
                let why = if told { explain_later(&error) } else { explain(&error) };
                Error::new(ErrorKind::InvalidData, why)
            })?;
            opened.ended |= state.peer_has_closed();
            while let Some(room) = into.get_mut(opened.count..).filter(|room| !room.is_empty()) {
                match self.session.reader().read(room) {
                    Ok(0) => break,
                    Ok(count) => opened.count = opened.count.saturating_add(count),
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(error) => return Err(error),
                }
            }
        }
        Ok(opened)
    }

    /// Takes bytes of the connection to be encrypted; returns how many.
    ///
    /// # Errors
    ///
    /// What the session says.
    pub(crate) fn seal(&mut self, bytes: &[u8]) -> Result<usize> {
        let chunk = bytes.get(..CHUNK_BYTES.min(bytes.len())).unwrap_or_default();
        std::io::Write::write(&mut self.session.writer(), chunk)
    }

    /// Whether there are encrypted bytes to write.
    pub(crate) fn wants_write(&self) -> bool {
        self.session.wants_write()
    }

    /// Writes encrypted bytes.
    ///
    /// # Errors
    ///
    /// What the socket says.
    pub(crate) fn write(&mut self, mut socket: &socket2::Socket) -> Result<usize> {
        self.session.write_tls(&mut socket)
    }

    /// Says that no more comes from us.
    pub(crate) fn close(&mut self) {
        self.session.send_close_notify();
    }

    /// Once, when the handshake is done: whom the router speaks with.
    pub(crate) fn take_secure(&mut self) -> Option<Secure> {
        if self.session.is_handshaking() {
            return None;
        }
        let profile = self.profile.take()?;
        let certificate = self.session.peer_certificates().and_then(<[_]>::first);
        Some(Secure { user: certificate.and_then(|certificate| profile.names().of(certificate)) })
    }
}
