//! What lies between a socket and its connection: nothing, or TLS.

use std::io::{Error, ErrorKind, Result};
use std::sync::Arc;

use crosstie_model::settings::ListenerTls;
use crosstie_tls::Profile;

use crate::profiles::Profiles;
use crate::tls::Tls;

/// The first byte of a TLS connection: a record of a handshake. That of a protocol header is `A`.
const HANDSHAKE: u8 = 0x16;

/// How a listener speaks TLS.
#[derive(Debug)]
pub(crate) struct Entrance {
    /// Of which one is looked up by its name for each handshake: it may be another one by then.
    pub(crate) profiles: Profiles,
    pub(crate) tls: ListenerTls,
}

/// What a connection speaks through.
#[derive(Debug)]
pub(crate) enum Layer {
    Plain,
    /// The first byte tells.
    Unknown(Arc<Entrance>),
    Tls(Box<Tls>),
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
            Some(entrance) if entrance.tls.optional => Ok(Self::Unknown(entrance.clone())),
            Some(entrance) => entrance.accept(),
        }
    }

    /// For a peer at this host that a connector dialled.
    ///
    /// # Errors
    ///
    /// When the host cannot stand in a certificate.
    pub(crate) fn dialled(profile: Option<(Arc<Profile>, bool)>, host: &str) -> Result<Self> {
        match profile {
            None => Ok(Self::Plain),
            Some((profile, verify_hostname)) => {
                let tls = Tls::dial(profile, verify_hostname, host).map_err(|error| match error.kind() {
                    ErrorKind::InvalidInput => Error::new(
                        ErrorKind::InvalidInput,
                        format!(
                            "no certificate can be for {host:?}: TLS needs the name of a host, or an address in full"
                        ),
                    ),
                    _ => error,
                })?;
                Ok(Self::Tls(Box::new(tls)))
            }
        }
    }

    /// The session, if there is one.
    pub(crate) fn tls(&mut self) -> Option<&mut Tls> {
        match self {
            Self::Tls(tls) => Some(tls),
            Self::Plain | Self::Unknown(_) => None,
        }
    }

    /// Whether what comes next may take a handshake's work.
    pub(crate) fn is_handshaking(&self) -> bool {
        match self {
            Self::Plain => false,
            Self::Unknown(_) => true,
            Self::Tls(tls) => tls.is_handshaking(),
        }
    }

    /// Why nothing more comes, though the socket may be open; what came before that counts.
    pub(crate) fn over(&self) -> Option<Error> {
        match self {
            Self::Tls(tls) => tls.over(),
            Self::Plain | Self::Unknown(_) => None,
        }
    }

    /// Whether TLS is spoken, and its handshake has not come to an end.
    pub(crate) fn waits_for_tls(&self) -> bool {
        matches!(self, Self::Tls(tls) if tls.is_handshaking())
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
                HANDSHAKE => entrance.accept()?,
                _ => Self::Plain,
            };
        }
        Ok(())
    }
}

impl Entrance {
    fn accept(&self) -> Result<Layer> {
        // it stays while its listener does
        let profile = self.profiles.get(&self.tls.name).ok_or_else(|| Error::other("there is no such tls"))?;
        Tls::accept(profile, self.tls.requires_certificate).map(|tls| Layer::Tls(Box::new(tls)))
    }
}
