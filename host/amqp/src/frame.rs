//! Frames and protocol headers: where one ends, what it carries. Source: AMQP 1.0 part 2, 2.2 and 2.3.

use thiserror::Error;

/// Bytes of a frame header without an extended header, and the smallest legal frame.
pub const HEADER_BYTES: usize = 8;

/// The smallest max-frame-size a peer may announce, in bytes. Source: AMQP 1.0 part 2, 2.4.1.
pub const MAX_FRAME_MIN_BYTES: u32 = 512;

/// Bytes of a protocol header.
pub const PROTOCOL_BYTES: usize = 8;

/// The protocol header of AMQP 1.0.0. Source: AMQP 1.0 part 2, 2.2.
pub const AMQP_HEADER: [u8; PROTOCOL_BYTES] = *b"AMQP\x00\x01\x00\x00";

/// The protocol header of the TLS layer. Source: AMQP 1.0 part 5, 5.2.
pub const TLS_HEADER: [u8; PROTOCOL_BYTES] = *b"AMQP\x02\x01\x00\x00";

/// The protocol header of the SASL layer. Source: AMQP 1.0 part 5, 5.3.
pub const SASL_HEADER: [u8; PROTOCOL_BYTES] = *b"AMQP\x03\x01\x00\x00";

/// The type byte of a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Type 0: performatives.
    Amqp,
    /// Type 1: the SASL exchange.
    Sasl,
}

impl Kind {
    const fn byte(self) -> u8 {
        match self {
            Self::Amqp => 0,
            Self::Sasl => 1,
        }
    }
}

/// One frame as it lies in the input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'b> {
    /// What the body is.
    pub kind: Kind,
    /// The channel; of no meaning (and not checked) in a SASL frame.
    pub channel: u16,
    /// The bytes after the extended header; empty for a heartbeat.
    pub body: &'b [u8],
}

/// How a peer can get a frame header wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum FrameFault {
    /// The size field is below the 8 bytes of the header.
    #[error("frame size {size} is below 8")]
    Small {
        /// The size field.
        size: u32,
    },
    /// The size field is over what was announced as max-frame-size.
    #[error("frame size {size} is over the maximum of {max}")]
    Large {
        /// The size field.
        size: u32,
        /// The announced maximum, bytes.
        max: u32,
    },
    /// The data offset lies inside the header or beyond the frame.
    #[error("data offset {doff} does not fit a frame of {size} bytes")]
    Offset {
        /// The data offset, in words of 4 bytes.
        doff: u8,
        /// The size field.
        size: u32,
    },
    /// The type byte is neither AMQP nor SASL.
    #[error("unknown frame type {0:#04x}")]
    Kind(u8),
}

/// Cuts the first frame from `input`. `max_frame` (bytes) bounds its size and is checked as soon as the
/// size field is there, so that nobody waits for a frame that will be refused.
///
/// Returns the frame and the bytes it takes, or `None` while bytes are missing.
///
/// # Errors
///
/// A [`FrameFault`]; the connection cannot be read further.
pub fn cut(input: &[u8], max_frame: u32) -> Result<Option<(Frame<'_>, usize)>, FrameFault> {
    let Some(size) = input.first_chunk::<4>().map(|bytes| u32::from_be_bytes(*bytes)) else {
        return Ok(None);
    };
    if size < 8 {
        return Err(FrameFault::Small { size });
    }
    if size > max_frame {
        return Err(FrameFault::Large { size, max: max_frame });
    }
    let Some(&[_, _, _, _, doff, kind, channel_high, channel_low]) = input.first_chunk() else {
        return Ok(None);
    };
    let start = usize::from(doff) * 4;
    let length = usize::try_from(size).unwrap_or(usize::MAX);
    if start < HEADER_BYTES || start > length {
        return Err(FrameFault::Offset { doff, size });
    }
    let kind = match kind {
        0 => Kind::Amqp,
        1 => Kind::Sasl,
        other => return Err(FrameFault::Kind(other)),
    };
    let channel = u16::from_be_bytes([channel_high, channel_low]);
    Ok(input.get(start..length).map(|body| (Frame { kind, channel, body }, length)))
}

/// Appends a frame whose body `body` writes; the size is filled in afterwards.
pub fn write(out: &mut Vec<u8>, kind: Kind, channel: u16, body: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    let [high, low] = channel.to_be_bytes();
    out.extend_from_slice(&[0, 0, 0, 0, 2, kind.byte(), high, low]);
    body(out);
    patch_size(out, start);
}

/// Appends an empty frame, the heartbeat. Source: AMQP 1.0 part 2, 2.4.5.
pub fn write_empty(out: &mut Vec<u8>, channel: u16) {
    write(out, Kind::Amqp, channel, |_| {});
}

/// Writes the length of what stands from `start` on into the 4 bytes there.
pub(crate) fn patch_size(out: &mut [u8], start: usize) {
    let size = u32::try_from(out.len().saturating_sub(start)).unwrap_or(u32::MAX);
    if let Some(field) = out.get_mut(start..).and_then(<[u8]>::first_chunk_mut) {
        *field = size.to_be_bytes();
    }
}

/// The layer that a protocol header asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Header {
    /// AMQP 1.0 itself.
    Amqp,
    /// SASL first.
    Sasl,
    /// TLS first.
    Tls,
}

impl Header {
    /// The eight bytes on the wire.
    #[must_use]
    pub const fn bytes(self) -> [u8; PROTOCOL_BYTES] {
        match self {
            Self::Amqp => AMQP_HEADER,
            Self::Sasl => SASL_HEADER,
            Self::Tls => TLS_HEADER,
        }
    }
}

/// First bytes of TLS records: an alert, a handshake.
pub(crate) const TLS_RECORDS: [u8; 2] = [0x15, 0x16];

/// The peer does not begin with a protocol header this side speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("byte {at} of the protocol header is {byte:#04x}")]
pub struct HeaderFault {
    /// The place of the first wrong byte, 0 to 7.
    pub at: usize,
    /// That byte.
    pub byte: u8,
}

/// Reads a protocol header. Returns it and the bytes it takes, or `None` while bytes are missing.
///
/// # Errors
///
/// At the first byte that none of the known headers has there, even before all eight have come.
pub fn read_header(input: &[u8]) -> Result<Option<(Header, usize)>, HeaderFault> {
    let mut candidates = [Header::Amqp, Header::Sasl, Header::Tls].map(Some);
    for (at, &byte) in input.iter().take(PROTOCOL_BYTES).enumerate() {
        for candidate in &mut candidates {
            *candidate = candidate.filter(|header| header.bytes().get(at) == Some(&byte));
        }
        if candidates.iter().all(Option::is_none) {
            return Err(HeaderFault { at, byte });
        }
    }
    if input.len() < PROTOCOL_BYTES {
        return Ok(None);
    }
    Ok(candidates.into_iter().flatten().next().map(|header| (header, PROTOCOL_BYTES)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_cut_once_all_of_it_is_there() {
        let mut bytes = Vec::new();
        write(&mut bytes, Kind::Amqp, 0x0102, |out| out.extend_from_slice(b"body"));
        assert_eq!(bytes, b"\x00\x00\x00\x0c\x02\x00\x01\x02body");
        for end in 0..bytes.len() {
            assert_eq!(cut(&bytes[..end], 512), Ok(None));
        }
        bytes.push(0xff);
        let frame = Frame { kind: Kind::Amqp, channel: 0x0102, body: b"body" };
        assert_eq!(cut(&bytes, 512), Ok(Some((frame, 12))));
    }

    #[test]
    fn a_heartbeat_has_no_body() {
        let mut bytes = Vec::new();
        write_empty(&mut bytes, 0);
        assert_eq!(bytes, [0, 0, 0, 8, 2, 0, 0, 0]);
        assert!(matches!(cut(&bytes, 512), Ok(Some((frame, 8))) if frame.body.is_empty()));
    }

    #[test]
    fn an_extended_header_is_skipped() {
        let bytes = [0, 0, 0, 13, 3, 1, 0, 0, 9, 9, 9, 9, 7];
        let frame = Frame { kind: Kind::Sasl, channel: 0, body: &[7] };
        assert_eq!(cut(&bytes, 512), Ok(Some((frame, 13))));
    }

    #[test]
    fn bad_frame_headers_are_the_peers_fault() {
        let large = FrameFault::Large { size: 513, max: 512 };
        assert_eq!(cut(&[0, 0, 2, 1], 512), Err(large));
        assert_eq!(cut(&[0, 0, 0, 7], 512), Err(FrameFault::Small { size: 7 }));
        let offset = |doff| Err(FrameFault::Offset { doff, size: 11 });
        assert_eq!(cut(&[0, 0, 0, 11, 1, 0, 0, 0], 512), offset(1));
        assert_eq!(cut(&[0, 0, 0, 11, 3, 0, 0, 0], 512), offset(3));
        assert_eq!(cut(&[0, 0, 0, 8, 2, 2, 0, 0], 512), Err(FrameFault::Kind(2)));
    }

    #[test]
    fn headers_are_told_apart() {
        for header in [Header::Amqp, Header::Sasl, Header::Tls] {
            let bytes = header.bytes();
            assert_eq!(read_header(&bytes), Ok(Some((header, 8))));
            assert_eq!(read_header(&bytes[..7]), Ok(None));
        }
        assert_eq!(read_header(b""), Ok(None));
    }

    #[test]
    fn garbage_is_refused_at_its_first_wrong_byte() {
        let fault = |at, byte| Err(HeaderFault { at, byte });
        assert_eq!(read_header(b"GET"), fault(0, b'G'));
        assert_eq!(read_header(b"\x16\x03\x01"), fault(0, 0x16));
        assert_eq!(read_header(b"AMQP\x01"), fault(4, 1));
        assert_eq!(read_header(b"AMQP\x00\x00\x09\x01"), fault(5, 0));
        assert_eq!(read_header(b"AMQP\x03\x01\x00\x01"), fault(7, 1));
    }
}
