//! The records of a session whose handshake is done: opened where they were read, and sealed with one copy. The ciphers, the secrets and
//! the tickets are those of rustls (`rustls::kernel`); what stands here is RFC 8446 5 (records), 4.6 (tickets, fresh keys) and 6
//! (alerts), and the same of RFC 5246.

use std::fmt;
use std::ops::Range;

use rustls::client::{ClientConnectionData, UnbufferedClientConnection};
use rustls::crypto::cipher::{
    AeadKey, InboundOpaqueMessage, Iv, MessageDecrypter, MessageEncrypter, OutboundPlainMessage,
};
use rustls::kernel::KernelConnection;
use rustls::server::{ServerConnectionData, UnbufferedServerConnection};
use rustls::{
    AlertDescription, ConnectionTrafficSecrets, ContentType, Error, ExtractedSecrets, HandshakeType, InvalidMessage,
    PeerMisbehaved, ProtocolVersion, SupportedCipherSuite,
};

/// Type, version and length of a record.
const HEAD_BYTES: usize = 5;

/// What a record says at most, in the clear.
const FRAGMENT_BYTES: usize = 1 << 14;

/// And sealed: RFC 5246 6.2.3.
const SEALED_MAX_BYTES: usize = FRAGMENT_BYTES + 2048;

/// Longer messages of a handshake are refused; rustls draws the line there too.
const MESSAGE_MAX_BYTES: usize = 64 << 10;

/// What a record costs of what its keys may seal, beyond its bytes: a few blocks of the cipher.
const RECORD_COST_BYTES: u64 = 64;

/// What is left of it when the keys are changed, or the session is closed: words of the session itself need some.
const RESERVE_BYTES: u64 = 1 << 20;

/// Both directions of a session.
pub struct Records {
    kernel: Kernel,
    opener: Opener,
    sealer: Sealer,
    /// Of a message of a handshake, what came of it.
    message: Vec<u8>,
    patience: Patience,
    /// The peer wants us to change our keys.
    owes_keys: bool,
    has_ended: bool,
}

/// What is left of a handshake.
enum Kernel {
    Client(KernelConnection<ClientConnectionData>),
    Server(KernelConnection<ServerConnectionData>),
}

struct Opener {
    cipher: Box<dyn MessageDecrypter>,
    sequence: u64,
}

struct Sealer {
    cipher: Box<dyn MessageEncrypter>,
    sequence: u64,
    /// Bytes that these keys may still seal.
    left: u64,
}

/// What a peer may still do that serves nothing.
struct Patience {
    /// Records in a row that say nothing.
    empty: u8,
    warnings: u8,
    renegotiations: u8,
    /// Keys in a row, with no data in between.
    keys: u8,
}

/// What came of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Opened {
    /// So many bytes, at the front, are what the peer says.
    pub said: usize,
    /// From there on the bytes are of a record that is not all there yet.
    pub taken: usize,
}

impl fmt::Debug for Records {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Records").field("has_ended", &self.has_ended).finish_non_exhaustive()
    }
}

impl Patience {
    const EMPTY: u8 = 32;
    const KEYS: u8 = 32;

    const fn new() -> Self {
        Self { empty: Self::EMPTY, warnings: 4, renegotiations: 1, keys: Self::KEYS }
    }

    fn spend(left: &mut u8, else_it_is: PeerMisbehaved) -> Result<(), Error> {
        *left = left.checked_sub(1).ok_or(else_it_is)?;
        Ok(())
    }
}

/// The length of the record that these bytes begin with, if it is all there.
///
/// # Errors
///
/// When it is none.
fn record(bytes: &[u8]) -> Result<Option<usize>, Error> {
    let Some(&[kind, major, _, high, low]) = bytes.first_chunk() else { return Ok(None) };
    if !matches!(kind, 20..=23) {
        return Err(InvalidMessage::InvalidContentType.into());
    }
    if major != 3 {
        return Err(InvalidMessage::UnknownProtocolVersion.into());
    }
    let length = usize::from(u16::from_be_bytes([high, low]));
    if length > SEALED_MAX_BYTES {
        return Err(InvalidMessage::MessageTooLarge.into());
    }
    let length = length.saturating_add(HEAD_BYTES);
    Ok((length <= bytes.len()).then_some(length))
}

/// The bytes at the front that a handshake may be shown next: one record, for what follows the last one of the handshake is sealed
/// already; or what is there, when that is none. Nothing while a record is not all there.
#[must_use]
pub fn first_record(bytes: &[u8]) -> Option<usize> {
    record(bytes).unwrap_or(Some(bytes.len()))
}

/// Key and initialization vector.
fn parts(secrets: ConnectionTrafficSecrets) -> Result<(AeadKey, Iv), Error> {
    match secrets {
        ConnectionTrafficSecrets::Aes128Gcm { key, iv }
        | ConnectionTrafficSecrets::Aes256Gcm { key, iv }
        | ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } => Ok((key, iv)),
        _ => Err(Error::General("a cipher that is not known here".to_owned())),
    }
}

/// The parts of a vector that RFC 5246 derives, and that it sends in each record.
fn split(iv: &Iv, shape: &rustls::crypto::cipher::KeyBlockShape) -> (Vec<u8>, Vec<u8>) {
    let bytes = iv.as_ref();
    let (fixed, rest) = bytes.split_at(shape.fixed_iv_len.min(bytes.len()));
    (fixed.to_vec(), rest.iter().take(shape.explicit_nonce_len).copied().collect())
}

impl Opener {
    fn new(suite: SupportedCipherSuite, (sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Result<Self, Error> {
        let (key, iv) = parts(secrets)?;
        let cipher = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.decrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => {
                suite.aead_alg.decrypter(key, &split(&iv, &suite.aead_alg.key_block_shape()).0)
            }
        };
        Ok(Self { cipher, sequence })
    }
}

impl Sealer {
    fn new(suite: SupportedCipherSuite, (sequence, secrets): (u64, ConnectionTrafficSecrets)) -> Result<Self, Error> {
        let (key, iv) = parts(secrets)?;
        let (cipher, common) = match suite {
            SupportedCipherSuite::Tls13(suite) => (suite.aead_alg.encrypter(key, iv), &suite.common),
            SupportedCipherSuite::Tls12(suite) => {
                let (fixed, explicit) = split(&iv, &suite.aead_alg.key_block_shape());
                (suite.aead_alg.encrypter(key, &fixed, &explicit), &suite.common)
            }
        };
        // the limit is one of blocks of the cipher, told in records of full length (rustls, `confidentiality_limit`)
        let left = common.confidentiality_limit.saturating_mul(FRAGMENT_BYTES as u64);
        Ok(Self { cipher, sequence, left })
    }

    fn seal(&mut self, kind: ContentType, bytes: &[u8]) -> Result<Vec<u8>, Error> {
        // RFC 8446 5.1: what is sealed calls itself 1.2, whatever it is
        let plain = OutboundPlainMessage { typ: kind, version: ProtocolVersion::TLSv1_2, payload: bytes.into() };
        let sealed = self.cipher.encrypt(plain, self.sequence)?;
        self.sequence = self.sequence.checked_add(1).ok_or(Error::EncryptError)?;
        self.left = self.left.saturating_sub(RECORD_COST_BYTES.saturating_add(bytes.len() as u64));
        Ok(sealed.encode())
    }
}

impl Records {
    /// Of a client whose handshake is done and that has nothing of it to say any more.
    ///
    /// # Errors
    ///
    /// When it is not, or its configuration does not allow that its secrets are taken out.
    pub fn of_client(client: UnbufferedClientConnection) -> Result<Self, Error> {
        let (secrets, kernel) = client.dangerous_into_kernel_connection()?;
        Self::new(secrets, Kernel::Client(kernel))
    }

    /// The same of a server.
    ///
    /// # Errors
    ///
    /// As [`Records::of_client`].
    pub fn of_server(server: UnbufferedServerConnection) -> Result<Self, Error> {
        let (secrets, kernel) = server.dangerous_into_kernel_connection()?;
        Self::new(secrets, Kernel::Server(kernel))
    }

    fn new(secrets: ExtractedSecrets, kernel: Kernel) -> Result<Self, Error> {
        let suite = kernel.suite();
        Ok(Self {
            opener: Opener::new(suite, secrets.rx)?,
            sealer: Sealer::new(suite, secrets.tx)?,
            kernel,
            message: Vec::new(),
            patience: Patience::new(),
            owes_keys: false,
            has_ended: false,
        })
    }

    /// The version spoken.
    #[must_use]
    pub fn version(&self) -> ProtocolVersion {
        self.kernel.suite().version().version
    }

    /// The suite spoken.
    #[must_use]
    pub fn suite(&self) -> rustls::CipherSuite {
        self.kernel.suite().suite()
    }

    /// Whether the peer said that no more comes from it.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        self.has_ended
    }

    fn is_tls13(&self) -> bool {
        matches!(self.kernel.suite(), SupportedCipherSuite::Tls13(_))
    }

    /// Opens the records that are there, and moves what they say to the front. What the session itself answers at once is put behind
    /// `answer`, to be written before anything that is [sealed](Records::seal) later; then it may [owe](Records::owed) more.
    ///
    /// # Errors
    ///
    /// When the peer does not keep to the protocol, or gives up the session, beside what it said before; what it is told of it stands in
    /// `answer` then.
    pub fn open(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>) -> (Opened, Result<(), Error>) {
        let mut opened = Opened::default();
        let result = self.open_all(bytes, answer, &mut opened);
        if let Err(error) = &result
            && let Some(alert) = alert(error)
        {
            self.tell(alert, answer);
        }
        (opened, result)
    }

    fn open_all(&mut self, bytes: &mut [u8], answer: &mut Vec<u8>, opened: &mut Opened) -> Result<(), Error> {
        let Opened { said, taken } = opened;
        while let Some(length) = record(bytes.get(*taken..).unwrap_or_default())? {
            if self.has_ended {
                // nothing counts behind the end
                *taken = bytes.len();
                return Ok(());
            }
            let end = taken.saturating_add(length);
            let whole = bytes.get_mut(*taken..end).unwrap_or_default();
            let (kind, payload) = self.open_one(whole)?;
            if kind == ContentType::ApplicationData {
                let count = payload.len();
                self.hear(count)?;
                bytes.copy_within(taken.saturating_add(payload.start)..taken.saturating_add(payload.end), *said);
                *said = said.saturating_add(count);
            } else {
                self.control(kind, whole.get(payload).unwrap_or_default(), answer)?;
            }
            *taken = end;
        }
        Ok(())
    }

    /// Opens a record where it stands: what it is, and where in it stands what it says.
    fn open_one(&mut self, record: &mut [u8]) -> Result<(ContentType, Range<usize>), Error> {
        let kind = record.first().map_or(ContentType::Unknown(0), |kind| ContentType::from(*kind));
        if self.is_tls13() && kind != ContentType::ApplicationData {
            // all that is sealed calls itself data
            return Err(Error::InappropriateMessage {
                expect_types: vec![ContentType::ApplicationData],
                got_type: kind,
            });
        }
        self.opener.open(record)
    }

    /// Counts bytes of the connection.
    fn hear(&mut self, count: usize) -> Result<(), Error> {
        if !self.message.is_empty() {
            return Err(PeerMisbehaved::MessageInterleavedWithHandshakeMessage.into());
        }
        if count == 0 {
            return Patience::spend(&mut self.patience.empty, PeerMisbehaved::TooManyEmptyFragments);
        }
        (self.patience.empty, self.patience.keys) = (Patience::EMPTY, Patience::KEYS);
        Ok(())
    }

    /// Takes what the peer's session itself says.
    fn control(&mut self, kind: ContentType, payload: &[u8], answer: &mut Vec<u8>) -> Result<(), Error> {
        match kind {
            ContentType::Alert => self.take_alert(payload),
            ContentType::Handshake => {
                if payload.is_empty() {
                    return Err(InvalidMessage::InvalidEmptyPayload.into());
                }
                self.message.extend_from_slice(payload);
                self.take_messages(answer)
            }
            got_type => {
                let expect_types = vec![ContentType::ApplicationData, ContentType::Handshake, ContentType::Alert];
                Err(Error::InappropriateMessage { expect_types, got_type })
            }
        }
    }

    fn take_alert(&mut self, payload: &[u8]) -> Result<(), Error> {
        let &[level, code] = payload else { return Err(InvalidMessage::MessageTooShort.into()) };
        let alert = AlertDescription::from(code);
        if alert == AlertDescription::CloseNotify {
            self.has_ended = true;
            return Ok(());
        }
        // of 1.3 each of them ends the session, whatever it calls itself, but for one
        let is_warning = level == 1 && (!self.is_tls13() || alert == AlertDescription::UserCanceled);
        if !is_warning {
            return Err(Error::AlertReceived(alert));
        }
        Patience::spend(&mut self.patience.warnings, PeerMisbehaved::TooManyWarningAlertsReceived)
    }

    /// Takes the messages of a handshake that are all there.
    fn take_messages(&mut self, answer: &mut Vec<u8>) -> Result<(), Error> {
        let message = std::mem::take(&mut self.message);
        let mut rest = message.as_slice();
        while let Some((&[kind, high, middle, low], behind)) = rest.split_first_chunk() {
            let length = usize::try_from(u32::from_be_bytes([0, high, middle, low])).unwrap_or(usize::MAX);
            if length > MESSAGE_MAX_BYTES {
                return Err(InvalidMessage::HandshakePayloadTooLarge.into());
            }
            let Some((body, behind)) = behind.split_at_checked(length) else { break };
            rest = behind;
            self.take_message(HandshakeType::from(kind), body, rest.is_empty(), answer)?;
        }
        self.message = rest.to_vec();
        Ok(())
    }

    fn take_message(
        &mut self,
        kind: HandshakeType,
        body: &[u8],
        is_last: bool,
        answer: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let is_tls13 = self.is_tls13();
        match (&mut self.kernel, kind) {
            (Kernel::Client(client), HandshakeType::NewSessionTicket) if is_tls13 => {
                client.handle_new_session_ticket(body)
            }
            // what follows it in its record is sealed with keys that end with it
            (_, HandshakeType::KeyUpdate) if is_tls13 && is_last => self.change_keys(body),
            (Kernel::Client(_), HandshakeType::HelloRequest) | (Kernel::Server(_), HandshakeType::ClientHello)
                if !is_tls13 =>
            {
                Patience::spend(&mut self.patience.renegotiations, PeerMisbehaved::TooManyRenegotiationRequests)?;
                let refusal = [1, u8::from(AlertDescription::NoRenegotiation)];
                answer.extend(self.sealer.seal(ContentType::Alert, &refusal)?);
                Ok(())
            }
            (_, got_type) => {
                let expect_types = vec![HandshakeType::NewSessionTicket, HandshakeType::KeyUpdate];
                Err(Error::InappropriateHandshakeMessage { expect_types, got_type })
            }
        }
    }

    /// The peer has changed its keys, and may want us to change ours.
    fn change_keys(&mut self, body: &[u8]) -> Result<(), Error> {
        let &[wanted @ 0..=1] = body else { return Err(InvalidMessage::InvalidKeyUpdate.into()) };
        Patience::spend(&mut self.patience.keys, PeerMisbehaved::TooManyKeyUpdateRequests)?;
        let fresh = self.kernel.fresh_opening()?;
        self.opener = Opener::new(self.kernel.suite(), fresh)?;
        self.owes_keys |= wanted == 1;
        Ok(())
    }

    /// What the session has to say by itself, to be asked for when nothing waits to be written: however often the peer wants our keys
    /// changed, it is answered once (RFC 8446 4.6.3).
    ///
    /// # Errors
    ///
    /// When there are no other keys.
    pub fn owed(&mut self) -> Result<Option<Vec<u8>>, Error> {
        if !std::mem::take(&mut self.owes_keys) {
            return Ok(None);
        }
        self.change_own_keys().map(Some)
    }

    /// Changes the keys that we seal with: what tells the peer so, which is sealed with those before.
    fn change_own_keys(&mut self) -> Result<Vec<u8>, Error> {
        let told = self.sealer.seal(ContentType::Handshake, &[u8::from(HandshakeType::KeyUpdate), 0, 0, 1, 0])?;
        let fresh = self.kernel.fresh_sealing()?;
        self.sealer = Sealer::new(self.kernel.suite(), fresh)?;
        Ok(told)
    }

    /// Seals bytes of the connection: records are put behind `into`, in the order in which they are to be written.
    ///
    /// # Errors
    ///
    /// When a session of TLS 1.2 has sealed all that its keys may.
    pub fn seal(&mut self, bytes: &[u8], into: &mut Vec<Vec<u8>>) -> Result<(), Error> {
        for fragment in bytes.chunks(FRAGMENT_BYTES) {
            if self.sealer.left < RESERVE_BYTES {
                if !self.is_tls13() {
                    return Err(Error::General(
                        "the keys of this session have sealed all that they may, and TLS 1.2 cannot change them"
                            .to_owned(),
                    ));
                }
                into.push(self.change_own_keys()?);
            }
            into.push(self.sealer.seal(ContentType::ApplicationData, fragment)?);
        }
        Ok(())
    }

    /// Says that no more comes from us.
    pub fn close(&mut self, answer: &mut Vec<u8>) {
        self.tell(AlertDescription::CloseNotify, answer);
    }

    fn tell(&mut self, alert: AlertDescription, answer: &mut Vec<u8>) {
        let level = if alert == AlertDescription::CloseNotify { 1 } else { 2 };
        // who cannot be told hears that the socket ends
        answer.extend(self.sealer.seal(ContentType::Alert, &[level, u8::from(alert)]).unwrap_or_default());
    }
}

impl Opener {
    fn open(&mut self, record: &mut [u8]) -> Result<(ContentType, Range<usize>), Error> {
        let front = record.as_ptr().addr();
        let Some((&mut [kind, major, minor, _, _], payload)) = record.split_first_chunk_mut() else {
            return Err(InvalidMessage::MessageTooShort.into());
        };
        let version = ProtocolVersion::from(u16::from_be_bytes([major, minor]));
        let sealed = InboundOpaqueMessage::new(ContentType::from(kind), version, payload);
        let plain = self.cipher.decrypt(sealed, self.sequence)?;
        self.sequence = self.sequence.checked_add(1).ok_or(Error::DecryptError)?;
        let begin = plain.payload.as_ptr().addr().saturating_sub(front);
        Ok((plain.typ, begin..begin.saturating_add(plain.payload.len())))
    }
}

impl Kernel {
    fn suite(&self) -> SupportedCipherSuite {
        match self {
            Self::Client(client) => client.negotiated_cipher_suite(),
            Self::Server(server) => server.negotiated_cipher_suite(),
        }
    }

    fn fresh_opening(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Client(client) => client.update_rx_secret(),
            Self::Server(server) => server.update_rx_secret(),
        }
    }

    fn fresh_sealing(&mut self) -> Result<(u64, ConnectionTrafficSecrets), Error> {
        match self {
            Self::Client(client) => client.update_tx_secret(),
            Self::Server(server) => server.update_tx_secret(),
        }
    }
}

/// What the peer is told of a fault; nothing when it is the one that gave up.
const fn alert(error: &Error) -> Option<AlertDescription> {
    match error {
        Error::AlertReceived(_) => None,
        Error::DecryptError => Some(AlertDescription::BadRecordMac),
        Error::PeerSentOversizedRecord | Error::InvalidMessage(InvalidMessage::MessageTooLarge) => {
            Some(AlertDescription::RecordOverflow)
        }
        Error::InvalidMessage(_) => Some(AlertDescription::DecodeError),
        Error::InappropriateMessage { .. } | Error::InappropriateHandshakeMessage { .. } | Error::PeerMisbehaved(_) => {
            Some(AlertDescription::UnexpectedMessage)
        }
        _ => Some(AlertDescription::InternalError),
    }
}

#[cfg(test)]
mod tests;
