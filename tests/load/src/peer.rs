//! A client that is open, with a session and one link on channel and handle 0; or a container that a link was routed to.

use std::io::{Error, Result};

use crosstie_amqp::frame::{self, AMQP_HEADER, Frame, Kind, SASL_HEADER};
use crosstie_amqp::raw;
use crosstie_tests::performative::{begin, open, receiver, sender};
use fe2o3_amqp_types::definitions::{Handle, Role, SenderSettleMode};
use fe2o3_amqp_types::performatives::{Attach, Begin, Open};
use fe2o3_amqp_types::sasl::SaslInit;
use serde::{Serialize, de};

use crate::wire::{Door, Wire};

/// Transfer frames that either side may send at once.
pub(crate) const WINDOW_FRAMES: u32 = i32::MAX.unsigned_abs();

/// Codes of SASL. Source: AMQP 1.0 part 5, 5.3.3.
const MECHANISMS: u64 = 0x40;
const OUTCOME: u64 = 0x44;

/// An open connection.
pub(crate) struct Peer {
    pub(crate) wire: Wire,
    /// Bytes of a frame that the router takes.
    pub(crate) frame_max_bytes: usize,
    /// Transfer frames that the router takes.
    pub(crate) window: u32,
}

/// Which way the messages of a link go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToRouter,
    FromRouter,
}

impl Peer {
    /// Connects, authenticates as ANONYMOUS, and opens.
    pub(crate) fn open(door: &Door, container: &str) -> Result<Self> {
        let mut wire = door.dial()?;
        wire.out.extend_from_slice(&SASL_HEADER);
        wire.expect_header(SASL_HEADER)?;
        wire.expect(|frame| coded(frame, MECHANISMS))?;
        let init = SaslInit { mechanism: "ANONYMOUS".into(), initial_response: None, hostname: None };
        put(&mut wire.out, Kind::Sasl, &init)?;
        wire.expect(|frame| coded(frame, OUTCOME))?;
        wire.out.extend_from_slice(&AMQP_HEADER);
        put(&mut wire.out, Kind::Amqp, &open(container))?;
        wire.expect_header(AMQP_HEADER)?;
        let theirs: Open = wire.expect(|frame| decoded(frame, raw::OPEN))?;
        let frame_max_bytes = usize::try_from(theirs.max_frame_size.0).unwrap_or(usize::MAX).min(64 << 10);
        Ok(Self { wire, frame_max_bytes, window: 0 })
    }

    /// Begins a session and attaches a link.
    pub(crate) fn attach(&mut self, way: Way, address: &str, settled: bool) -> Result<()> {
        put(&mut self.wire.out, Kind::Amqp, &wide_begin(None))?;
        let mut attach = match way {
            Way::ToRouter => sender(0, address),
            Way::FromRouter => receiver(0, address),
        };
        attach.snd_settle_mode = if settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
        put(&mut self.wire.out, Kind::Amqp, &attach)?;
        let theirs: Begin = self.wire.expect(|frame| decoded(frame, raw::BEGIN))?;
        self.window = theirs.incoming_window;
        let answer: Attach = self.wire.expect(|frame| decoded(frame, raw::ATTACH))?;
        let refused = answer.source.is_none() || answer.target.is_none();
        if refused { Err(Error::other(format!("the link to {address:?} is refused"))) } else { Ok(()) }
    }

    /// Answers the session and the link that the router brings.
    pub(crate) fn accept(&mut self) -> Result<()> {
        let (channel, theirs): (u16, Begin) = self.wire.expect(|frame| {
            let begin = decoded(frame, raw::BEGIN)?;
            Ok(begin.map(|begin| (frame.channel, begin)))
        })?;
        self.window = theirs.incoming_window;
        put(&mut self.wire.out, Kind::Amqp, &wide_begin(Some(channel)))?;
        let mut attach: Attach = self.wire.expect(|frame| decoded(frame, raw::ATTACH))?;
        attach.handle = Handle(0);
        attach.role = match attach.role {
            Role::Sender => Role::Receiver,
            Role::Receiver => Role::Sender,
        };
        attach.initial_delivery_count = matches!(attach.role, Role::Sender).then_some(0);
        put(&mut self.wire.out, Kind::Amqp, &attach)
    }
}

fn wide_begin(remote_channel: Option<u16>) -> Begin {
    let mut begin = begin(remote_channel);
    (begin.incoming_window, begin.outgoing_window) = (WINDOW_FRAMES, WINDOW_FRAMES);
    begin
}

/// Appends a frame on channel 0.
fn put(out: &mut Vec<u8>, kind: Kind, performative: &impl Serialize) -> Result<()> {
    let body = serde_amqp::to_vec(performative).map_err(Error::other)?;
    frame::write(out, kind, 0, |out| out.extend_from_slice(&body));
    Ok(())
}

/// Whether a frame is the one with this code. What ends a link, a session or a connection is an error.
fn coded(frame: &Frame<'_>, wanted: u64) -> Result<Option<()>> {
    let code = raw::code(frame.body).map(|(code, _)| code);
    if frame.kind == Kind::Amqp && matches!(code, Some(raw::DETACH | raw::END | raw::CLOSE)) {
        return Err(Error::other(format!("the router ends it: {}", String::from_utf8_lossy(frame.body))));
    }
    Ok((code == Some(wanted)).then_some(()))
}

fn decoded<T: de::DeserializeOwned>(frame: &Frame<'_>, wanted: u64) -> Result<Option<T>> {
    let decode = |()| serde_amqp::from_slice(frame.body).map_err(Error::other);
    coded(frame, wanted)?.map(decode).transpose()
}
