//! What a peer can do wrong, and the condition that each fault closes its connection with.

use fe2o3_amqp_types::definitions::{AmqpError, ConnectionError, Error, ErrorCondition, LinkError, SessionError};
use serde_amqp::primitives::Symbol;
use thiserror::Error as ThisError;

use crate::frame::{FrameFault, HeaderFault, TLS_RECORDS};
use crate::guard::GuardFault;
use crate::raw::RawFault;

/// A condition's symbol.
#[must_use]
pub fn condition(condition: &ErrorCondition) -> String {
    let symbol = match condition {
        ErrorCondition::Custom(symbol) => symbol.clone(),
        ErrorCondition::AmqpError(known) => Symbol::from(known),
        ErrorCondition::ConnectionError(known) => Symbol::from(known),
        ErrorCondition::SessionError(known) => Symbol::from(known),
        ErrorCondition::LinkError(known) => Symbol::from(known),
    };
    symbol.0
}

/// A limit of ours that a peer is told and that ends its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Limit {
    Sessions,
    Links,
    FrameSize,
    IdleTimeout,
}

impl Limit {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Sessions, Self::Links, Self::FrameSize, Self::IdleTimeout];
}

/// A fault of the peer. Each ends its connection: after one, nothing that it says can be trusted.
#[derive(Debug, Clone, PartialEq, ThisError)]
pub enum PeerFault {
    /// The first bytes are no protocol header that is served.
    #[error("no AMQP 1.0 protocol header")]
    Header,
    /// The first byte is that of a TLS record.
    #[error("the peer speaks TLS, and AMQP without TLS is spoken here")]
    Tls,
    /// A frame header is wrong.
    #[error(transparent)]
    Frame(#[from] FrameFault),
    /// A SASL frame where AMQP is spoken, or the other way round.
    #[error("a frame of the wrong kind")]
    Kind,
    /// A performative failed the guard.
    #[error("malformed performative: {0}")]
    Guard(#[from] GuardFault),
    /// A transfer, flow or disposition is malformed.
    #[error("malformed performative: {0}")]
    Raw(#[from] RawFault),
    /// A performative does not decode.
    #[error("malformed {performative}: {reason}")]
    Decode {
        /// Its name.
        performative: &'static str,
        /// What the codec said.
        reason: String,
    },
    /// No performative has this descriptor.
    #[error("unknown performative")]
    Unknown,
    /// A performative that the state of the connection does not allow.
    #[error("{0} is not allowed here")]
    State(&'static str),
    /// max-frame-size below 512.
    #[error("max-frame-size {0} is below 512")]
    MaxFrameSize(u32),
    /// A channel beyond channel-max.
    #[error("channel {0} is beyond the channel-max")]
    ChannelMax(u16),
    /// A channel on which no session has begun, or on which one has already.
    #[error("{performative} on channel {channel}, which {why}")]
    Channel {
        /// Its name.
        performative: &'static str,
        /// As the peer numbers it.
        channel: u16,
        /// What is wrong with it.
        why: &'static str,
    },
    /// A handle that no link is attached to.
    #[error("{performative} for handle {handle}, which is not attached")]
    UnattachedHandle {
        /// Its name.
        performative: &'static str,
        /// As the peer numbers it.
        handle: u32,
    },
    /// A handle beyond handle-max.
    #[error("handle {0} is beyond the handle-max")]
    HandleMax(u32),
    /// An attach for a handle, or a name, that is in use.
    #[error("handle {handle} or link name {name:?} is in use")]
    HandleInUse {
        /// As the peer numbers it.
        handle: u32,
        /// The link name.
        name: String,
    },
    /// A link name so long that an attach with it fits no frame that the peer takes.
    #[error("an attach with a link name of {bytes} bytes fits no frame of {max}")]
    LinkName {
        /// Of the name.
        bytes: usize,
        /// The peer's max-frame-size.
        max: u32,
    },
    /// A transfer beyond the incoming window.
    #[error("transfer beyond the session's incoming window")]
    Window,
    /// A transfer beyond the link credit that was granted.
    #[error("transfer beyond the link credit of handle {0}")]
    Credit(u32),
    /// The first transfer of a delivery without its id or tag, or a later one with another.
    #[error("transfer with a wrong delivery-id or delivery-tag: {0}")]
    Delivery(&'static str),
    /// A disposition whose last delivery comes before its first.
    #[error("disposition of deliveries {first} to {last}, which is no range")]
    Range {
        /// As the peer numbers them.
        first: u32,
        /// As the peer numbers them.
        last: u32,
    },
    /// A transfer on a link on which the peer is the receiver, or the like.
    #[error("{0} on a link of the other role")]
    Role(&'static str),
    /// No frame for too long.
    #[error("no frame within the idle timeout")]
    Idle,
    /// The handshake took too long.
    #[error("no open within the handshake timeout")]
    Handshake,
    /// No SASL layer, where authentication is required.
    #[error("authentication is required")]
    Unauthenticated,
    /// The SASL exchange failed.
    #[error("authentication failed: {0}")]
    Sasl(&'static str),
    /// Nobody said whether the peer is who it says. It is not to blame.
    #[error("no answer of the auth service")]
    Unanswered,
}

impl PeerFault {
    /// Of first bytes that are no header.
    pub(crate) fn of_header(fault: HeaderFault) -> Self {
        if fault.at == 0 && TLS_RECORDS.contains(&fault.byte) { Self::Tls } else { Self::Header }
    }

    /// The condition that the Close carries.
    #[must_use]
    pub fn condition(&self) -> ErrorCondition {
        match self {
            Self::Header | Self::Tls | Self::Frame(_) | Self::Kind => ConnectionError::FramingError.into(),
            Self::Guard(_) | Self::Raw(_) | Self::Decode { .. } | Self::Unknown => AmqpError::DecodeError.into(),
            Self::State(_) | Self::Role(_) | Self::Delivery(_) => AmqpError::NotAllowed.into(),
            Self::MaxFrameSize(_) | Self::Range { .. } => AmqpError::InvalidField.into(),
            Self::ChannelMax(_) | Self::Channel { .. } | Self::HandleMax(_) => ConnectionError::FramingError.into(),
            Self::UnattachedHandle { .. } => SessionError::UnattachedHandle.into(),
            Self::HandleInUse { .. } => SessionError::HandleInUse.into(),
            Self::LinkName { .. } => error(FRAME_SIZE_TOO_SMALL, "").condition,
            Self::Window => SessionError::WindowViolation.into(),
            Self::Credit(_) => LinkError::TransferLimitExceeded.into(),
            Self::Idle | Self::Handshake => AmqpError::ResourceLimitExceeded.into(),
            Self::Unauthenticated | Self::Sasl(_) | Self::Unanswered => AmqpError::UnauthorizedAccess.into(),
        }
    }

    /// The error that the Close carries.
    #[must_use]
    pub fn error(&self) -> Error {
        Error { condition: self.condition(), description: Some(self.to_string()), info: None }
    }
}

/// What we would have to say fits no frame that the peer takes.
pub(crate) const FRAME_SIZE_TOO_SMALL: &str = "amqp:frame-size-too-small";

/// Builds an error from any condition symbol.
#[must_use]
pub fn error(condition: &str, description: impl Into<String>) -> Error {
    Error {
        condition: ErrorCondition::Custom(Symbol::from(condition)),
        description: Some(description.into()),
        info: None,
    }
}
