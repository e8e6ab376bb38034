//! Frames by the bytes: AMQP 1.0 part 2, 2.3. Performatives are those of serde_amqp, which is not under test.

use fe2o3_amqp_types::definitions::{AmqpError, ErrorCondition};
use fe2o3_amqp_types::performatives::{Attach, Begin, Close, Detach, Disposition, End, Flow, Open, Transfer};
use fe2o3_amqp_types::sasl::{SaslChallenge, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
use serde::Serialize;

/// The protocol header that asks for AMQP without a security layer.
pub const AMQP_HEADER: [u8; 8] = *b"AMQP\x00\x01\x00\x00";
/// The protocol header that asks for the SASL layer.
pub const SASL_HEADER: [u8; 8] = *b"AMQP\x03\x01\x00\x00";

/// What a frame says.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names of the specification")]
pub enum Performative {
    Open(Box<Open>),
    Begin(Box<Begin>),
    Attach(Box<Attach>),
    Flow(Box<Flow>),
    Transfer(Box<Transfer>),
    Disposition(Box<Disposition>),
    Detach(Box<Detach>),
    End(End),
    Close(Close),
    SaslMechanisms(SaslMechanisms),
    SaslInit(Box<SaslInit>),
    SaslChallenge(SaslChallenge),
    SaslResponse(SaslResponse),
    SaslOutcome(SaslOutcome),
    /// An empty frame.
    Heartbeat,
}

/// A frame with its channel and what follows the performative.
#[derive(Debug, Clone)]
#[expect(missing_docs, reason = "the names of the specification")]
pub struct Frame {
    pub channel: u16,
    pub performative: Performative,
    pub payload: Vec<u8>,
    /// Of the whole frame.
    pub bytes: usize,
}

/// A frame around any body. `kind` is 0 for AMQP, 1 for SASL.
///
/// # Panics
///
/// When the body is longer than 4 GiB.
#[must_use]
pub fn frame(kind: u8, channel: u16, body: &[u8]) -> Vec<u8> {
    let size = u32::try_from(body.len() + 8).expect("a frame below 4 GiB");
    let mut bytes = Vec::with_capacity(body.len() + 8);
    bytes.extend_from_slice(&size.to_be_bytes());
    bytes.extend_from_slice(&[2, kind]);
    bytes.extend_from_slice(&channel.to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

/// An AMQP frame with this performative and payload.
///
/// # Panics
///
/// When it cannot be encoded.
#[must_use]
pub fn amqp(channel: u16, performative: &impl Serialize, payload: &[u8]) -> Vec<u8> {
    let mut body = serde_amqp::to_vec(performative).expect("a performative encodes");
    body.extend_from_slice(payload);
    frame(0, channel, &body)
}

/// A SASL frame with this body.
///
/// # Panics
///
/// When it cannot be encoded.
#[must_use]
pub fn sasl(performative: &impl Serialize) -> Vec<u8> {
    frame(1, 0, &serde_amqp::to_vec(performative).expect("a SASL frame encodes"))
}

/// A message of one data section (AMQP 1.0 part 3, 3.2.6).
///
/// # Panics
///
/// When the body is longer than 4 GiB.
#[must_use]
pub fn data_message(body: &[u8]) -> Vec<u8> {
    let mut message = vec![0x00, 0x53, 0x75, 0xb0];
    message.extend_from_slice(&u32::try_from(body.len()).expect("below 4 GiB").to_be_bytes());
    message.extend_from_slice(body);
    message
}

/// Reads one whole frame, its size included.
///
/// # Panics
///
/// When it is none: what the router sends must be right.
#[must_use]
pub fn read(bytes: &[u8]) -> Frame {
    let (header, rest) = bytes.split_at(8);
    let doff = usize::from(header[4]) * 4;
    let channel = u16::from_be_bytes([header[6], header[7]]);
    let body = &rest[doff - 8..];
    if body.is_empty() {
        return Frame { channel, performative: Performative::Heartbeat, payload: Vec::new(), bytes: bytes.len() };
    }
    let end = described_end(body);
    let (performative, payload) = body.split_at(end);
    let code = descriptor(body);
    let performative = match (header[5], code) {
        (0, 0x10) => Performative::Open(Box::new(decode(performative))),
        (0, 0x11) => Performative::Begin(Box::new(decode(performative))),
        (0, 0x12) => Performative::Attach(Box::new(decode(performative))),
        (0, 0x13) => Performative::Flow(Box::new(decode(performative))),
        (0, 0x14) => Performative::Transfer(Box::new(decode(performative))),
        (0, 0x15) => Performative::Disposition(Box::new(decode(performative))),
        (0, 0x16) => Performative::Detach(Box::new(decode(performative))),
        (0, 0x17) => Performative::End(decode(performative)),
        (0, 0x18) => Performative::Close(decode(performative)),
        (1, 0x40) => Performative::SaslMechanisms(decode(performative)),
        (1, 0x41) => Performative::SaslInit(Box::new(decode(performative))),
        (1, 0x42) => Performative::SaslChallenge(decode(performative)),
        (1, 0x43) => Performative::SaslResponse(decode(performative)),
        (1, 0x44) => Performative::SaslOutcome(decode(performative)),
        (kind, code) => panic!("frame of type {kind} with performative {code:#x}: {bytes:02x?}"),
    };
    Frame { channel, performative, payload: payload.to_vec(), bytes: bytes.len() }
}

/// The whole frames of a stream, without its protocol headers.
///
/// # Panics
///
/// When they are none.
#[must_use]
pub fn read_all(mut bytes: &[u8]) -> Vec<Frame> {
    let mut frames = Vec::new();
    while let Some(header) = bytes.first_chunk::<4>() {
        let size = if header == b"AMQP" { 8 } else { usize::try_from(u32::from_be_bytes(*header)).expect("a size") };
        let Some((whole, rest)) = bytes.split_at_checked(size) else { break };
        if header != b"AMQP" {
            frames.push(read(whole));
        }
        bytes = rest;
    }
    frames
}

fn decode<'a, T: serde::de::Deserialize<'a>>(bytes: &'a [u8]) -> T {
    serde_amqp::from_slice(bytes).unwrap_or_else(|error| panic!("{error}: {bytes:02x?}"))
}

fn descriptor(body: &[u8]) -> u64 {
    match body {
        [0, 0x53, code, ..] => u64::from(*code),
        [0, 0x80, code @ ..] if code.len() >= 8 => u64::from_be_bytes(code[..8].try_into().expect("8 bytes")),
        _ => panic!("no numeric descriptor: {body:02x?}"),
    }
}

/// Where a described list ends.
fn described_end(body: &[u8]) -> usize {
    let at = match body[1] {
        0x53 => 3,
        0x80 => 10,
        other => panic!("descriptor of type {other:#x}"),
    };
    match body[at] {
        0x45 => at + 1,
        0xc0 => at + 2 + usize::from(body[at + 1]),
        0xd0 => {
            let size = u32::from_be_bytes(body[at + 1..at + 5].try_into().expect("4 bytes"));
            at + 5 + usize::try_from(size).expect("a size in memory")
        }
        other => panic!("performative of type {other:#x}"),
    }
}

/// The symbol of a condition, as it stands on the wire.
#[must_use]
pub fn condition(condition: &ErrorCondition) -> String {
    if let ErrorCondition::AmqpError(AmqpError::FrameSizeTooSmall) = condition {
        return "amqp:frame-size-too-small".to_owned();
    }
    serde_amqp::to_vec(condition).map_or_else(
        |error| panic!("{error}"),
        |bytes| match bytes.as_slice() {
            [0xa3, _, text @ ..] => String::from_utf8_lossy(text).into_owned(),
            other => panic!("a condition is no short symbol: {other:02x?}"),
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transfer_is_cut_from_its_payload() {
        let transfer = Transfer {
            handle: 3.into(),
            delivery_id: Some(7),
            delivery_tag: None,
            message_format: Some(0),
            settled: None,
            more: true,
            rcv_settle_mode: None,
            state: None,
            resume: false,
            aborted: false,
            batchable: false,
        };
        let frame = read(&amqp(5, &transfer, b"payload"));
        assert_eq!(frame.channel, 5);
        assert_eq!(frame.payload, b"payload");
        assert!(matches!(frame.performative, Performative::Transfer(found) if *found == transfer));
    }

    #[test]
    fn a_condition_reads_as_on_the_wire() {
        let forced = fe2o3_amqp_types::definitions::ConnectionError::ConnectionForced;
        assert_eq!(condition(&ErrorCondition::ConnectionError(forced)), "amqp:connection:forced");
        assert_eq!(condition(&ErrorCondition::Custom("a:b".into())), "a:b");
    }
}
