//! A socket, plain or TLS, that never waits by itself: bytes to frames, and frames to bytes.

use std::io::{Error, ErrorKind, Read, Result, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crosstie_amqp::frame::{self, Frame, PROTOCOL_BYTES};
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// Bytes that are read or encrypted at once.
const CHUNK_BYTES: usize = 64 << 10;

/// How long to wait for what must come.
pub(crate) const DEADLINE: Duration = Duration::from_secs(20);

/// Where to connect, and how.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) addr: SocketAddr,
    pub(crate) tls: Option<Arc<ClientConfig>>,
}

/// One connection.
pub(crate) struct Wire {
    stream: TcpStream,
    tls: Option<Box<ClientConnection>>,
    /// Encrypted bytes that were just read; its length is its room.
    sealed: Vec<u8>,
    /// Initialised as far as its length; what was not looked at lies in `start..end`.
    input: Vec<u8>,
    start: usize,
    end: usize,
    /// What is to be written.
    pub(crate) out: Vec<u8>,
    written: usize,
}

/// Speaks TLS with whoever has a certificate of the authority in this file. Each handshake is a full one.
pub(crate) fn trusting(ca: &Path) -> Result<Arc<ClientConfig>> {
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(ca).map_err(Error::other)? {
        roots.add(certificate.map_err(Error::other)?).map_err(Error::other)?;
    }
    let mut config = ClientConfig::builder().with_root_certificates(roots).with_no_client_auth();
    config.resumption = rustls::client::Resumption::disabled();
    Ok(Arc::new(config))
}

impl Door {
    /// Connects; a TLS handshake is done by the first reads and writes.
    pub(crate) fn dial(&self) -> Result<Wire> {
        let stream = TcpStream::connect(self.addr)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let session = self.tls.clone().map(|config| ClientConnection::new(config, ServerName::from(self.addr.ip())));
        let tls = session.transpose().map_err(Error::other)?.map(Box::new);
        Ok(Wire { stream, tls, sealed: Vec::new(), input: Vec::new(), start: 0, end: 0, out: Vec::new(), written: 0 })
    }
}

impl Wire {
    /// Reads what is there; says whether that was anything.
    pub(crate) fn read(&mut self) -> Result<bool> {
        self.make_room();
        let Some(tls) = &mut self.tls else {
            let came = (&self.stream).read(self.input.get_mut(self.end..).unwrap_or_default());
            let count = some(came)?;
            self.end = self.end.saturating_add(count);
            return Ok(count > 0);
        };
        self.sealed.resize(CHUNK_BYTES, 0);
        let count = some((&self.stream).read(&mut self.sealed))?;
        let mut sealed = self.sealed.get(..count).unwrap_or_default();
        while !sealed.is_empty() {
            if tls.read_tls(&mut sealed)? == 0 {
                break;
            }
            let mut left = tls.process_new_packets().map_err(Error::other)?.plaintext_bytes_to_read();
            if self.input.len().saturating_sub(self.end) < left {
                self.input.resize(self.end.saturating_add(left), 0);
            }
            while left > 0 {
                let count = tls.reader().read(self.input.get_mut(self.end..).unwrap_or_default())?;
                self.end = self.end.saturating_add(count);
                left = left.saturating_sub(count);
            }
        }
        Ok(count > 0)
    }

    fn make_room(&mut self) {
        if self.start > 0 {
            self.input.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end.saturating_sub(self.start));
        }
        if self.input.len().saturating_sub(self.end) < CHUNK_BYTES / 2 {
            self.input.resize(self.end.saturating_add(CHUNK_BYTES), 0);
        }
    }

    /// Gives back the memory of an idle connection.
    pub(crate) fn shrink(&mut self) {
        self.make_room();
        self.input.truncate(self.end);
        self.input.shrink_to_fit();
        self.out.shrink_to_fit();
        self.sealed = Vec::new();
    }

    /// Writes as much as the socket takes; says whether that was anything.
    pub(crate) fn write(&mut self) -> Result<bool> {
        let mut any = false;
        loop {
            if let Some(tls) = &mut self.tls {
                while tls.wants_write() {
                    if some(tls.write_tls(&mut &self.stream))? == 0 {
                        return Ok(any);
                    }
                    any = true;
                }
            }
            let rest = self.out.get(self.written..).unwrap_or_default();
            if rest.is_empty() {
                self.out.clear();
                self.written = 0;
                return Ok(any);
            }
            let count = match &mut self.tls {
                // it would only keep them
                Some(tls) if tls.is_handshaking() => return Ok(any),
                Some(tls) => tls.writer().write(rest.get(..CHUNK_BYTES.min(rest.len())).unwrap_or_default())?,
                None => some((&self.stream).write(rest))?,
            };
            if count == 0 {
                return Ok(any);
            }
            any = true;
            self.written = self.written.saturating_add(count);
        }
    }

    /// Bytes of `out` that are not written yet.
    pub(crate) fn unwritten(&self) -> usize {
        self.out.len().saturating_sub(self.written)
    }

    /// The next whole frame that was read.
    pub(crate) fn next(&mut self) -> Result<Option<Frame<'_>>> {
        let have = self.input.get(self.start..self.end).unwrap_or_default();
        let Some((frame, length)) = frame::cut(have, u32::MAX).map_err(Error::other)? else {
            return Ok(None);
        };
        self.start = self.start.saturating_add(length);
        Ok(Some(frame))
    }

    /// Waits until something can be read, or written when there is something to write.
    pub(crate) fn wait(&self, longest: Duration) -> Result<()> {
        let writes = self
            .tls
            .as_ref()
            .map_or(self.unwritten() > 0, |tls| tls.wants_write() || (self.unwritten() > 0 && !tls.is_handshaking()));
        let flags = if writes { PollFlags::IN | PollFlags::OUT } else { PollFlags::IN };
        let longest = Timespec::try_from(longest).map_err(Error::other)?;
        poll(&mut [PollFd::new(&self.stream, flags)], Some(&longest))?;
        Ok(())
    }

    /// One turn of whoever has nothing else to do: writes, and waits until something comes.
    fn turn(&mut self, until: Instant) -> Result<()> {
        while Instant::now() < until {
            self.write()?;
            if self.read()? {
                return Ok(());
            }
            self.wait(until.saturating_duration_since(Instant::now()))?;
        }
        Err(ErrorKind::TimedOut.into())
    }

    /// Waits for a protocol header.
    pub(crate) fn expect_header(&mut self, header: [u8; PROTOCOL_BYTES]) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        loop {
            let have = self.input.get(self.start..self.end).unwrap_or_default();
            if let Some(came) = have.first_chunk() {
                self.start = self.start.saturating_add(PROTOCOL_BYTES);
                return if *came == header { Ok(()) } else { Err(Error::other(format!("header {came:02x?}"))) };
            }
            self.turn(until)?;
        }
    }

    /// Waits for the first frame that `look` makes something of.
    pub(crate) fn expect<T>(&mut self, mut look: impl FnMut(&Frame<'_>) -> Result<Option<T>>) -> Result<T> {
        let until = Instant::now() + DEADLINE;
        loop {
            while let Some(frame) = self.next()? {
                if let Some(found) = look(&frame)? {
                    return Ok(found);
                }
            }
            self.turn(until)?;
        }
    }

    /// Does the TLS handshake, if there is one, and nothing else.
    pub(crate) fn shake_hands(&mut self) -> Result<()> {
        let until = Instant::now() + DEADLINE;
        while self.tls.as_ref().is_some_and(|tls| tls.is_handshaking()) {
            self.turn(until)?;
        }
        self.write().map(|_| ())
    }
}

/// A count of zero means that there is nothing now; the end of the stream is an error.
fn some(count: Result<usize>) -> Result<usize> {
    match count {
        Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}
