//! Why a client command ends without having done what it was asked for, in one line.

use std::fmt;

use fe2o3_amqp::connection::{ConnectionStopReason, OpenError};
use fe2o3_amqp::link::{
    IllegalLinkStateError, LinkStateError, ReceiverAttachError, RecvError, SendError, SenderAttachError,
    SessionStopReason,
};
use fe2o3_amqp::session::BeginError;
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::sasl::SaslCode;
use serde_amqp::Value;
use tokio::signal::unix::SignalKind;

/// Why a client command ends.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Fault {
    /// What was asked for makes no sense.
    #[error("{0}")]
    Usage(String),
    /// There is no connection.
    #[error("cannot connect to {peer}: {why}")]
    Connect { peer: String, why: String },
    /// There is no link.
    #[error("cannot attach to {address}: {why}")]
    Attach { address: String, why: String },
    /// The link or its connection went.
    #[error("{0}")]
    Lost(String),
    /// Nothing happened for the time that `--timeout` gives.
    #[error("{0}")]
    Timeout(String),
    /// A signal came.
    #[error("stopped")]
    Stopped(SignalKind),
    /// This system does not give what is needed.
    #[error("{0}")]
    System(std::io::Error),
}

impl Fault {
    /// 2 for what was asked, as for any other mistake on the command line; 128 and the signal for a signal; else 1.
    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) => 2,
            Self::Stopped(signal) => u8::try_from(signal.as_raw_value()).unwrap_or(0).saturating_add(128),
            _ => 1,
        }
    }
}

/// A peer's error in one line.
pub(crate) struct Said<'e>(pub(crate) &'e Error);

impl fmt::Display for Said<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let condition = crosstie_amqp::fault::condition(&self.0.condition);
        match &self.0.description {
            Some(description) => write!(out, "{condition}: {}", description.escape_debug())?,
            None => write!(out, "{condition}")?,
        }
        let info = self.0.info.iter().flat_map(|info| info.iter());
        let explained: Vec<_> = info.filter_map(|(key, value)| explained(key.as_str(), value)).collect();
        if explained.is_empty() { Ok(()) } else { write!(out, " ({})", explained.join(", ")) }
    }
}

/// What a router that explains its refusals says of one, in its error's info.
fn explained(key: &str, value: &Value) -> Option<String> {
    match (key, value) {
        ("plugin" | "note", Value::String(text)) => Some(format!("{key} {}", text.escape_debug())),
        ("sequence", Value::Ulong(number)) => Some(format!("{key} {number}")),
        _ => None,
    }
}

/// Why a connection did not open.
pub(crate) fn open(error: &OpenError) -> String {
    match error {
        OpenError::Io(error) => error.to_string(),
        OpenError::SaslError { code: SaslCode::Auth, .. } => "authentication failed (SASL outcome auth)".to_owned(),
        OpenError::SaslError { code, .. } => format!("authentication failed (SASL outcome {code:?})").to_lowercase(),
        OpenError::ScramError(error) => format!("authentication failed: {error}"),
        OpenError::RemoteClosedWithError(error) => Said(error).to_string(),
        OpenError::RemoteClosed => "the peer closed the connection".to_owned(),
        OpenError::NotImplemented(Some(why)) => format!("the peer does not do what was asked: {why}"),
        OpenError::ProtocolHeaderMismatch(_) => "the peer wants another protocol, or speaks no AMQP 1.0".to_owned(),
        other => other.to_string(),
    }
}

/// Why a session did not begin.
pub(crate) fn begin(error: &BeginError) -> String {
    match error {
        BeginError::ConnectionStopped(reason) => connection(reason),
        BeginError::RemoteEndedWithError(error) => Said(error).to_string(),
        other => other.to_string(),
    }
}

/// Why a sender did not attach.
pub(crate) fn attach_sender(error: &SenderAttachError) -> String {
    match error {
        SenderAttachError::RemoteClosedWithError(error) => Said(error).to_string(),
        SenderAttachError::SessionStopped(reason) => session(reason),
        other => other.to_string(),
    }
}

/// Why a receiver did not attach.
pub(crate) fn attach_receiver(error: &ReceiverAttachError) -> String {
    match error {
        ReceiverAttachError::RemoteClosedWithError(error) => Said(error).to_string(),
        ReceiverAttachError::SessionStopped(reason) => session(reason),
        other => other.to_string(),
    }
}

impl From<SendError> for Fault {
    fn from(error: SendError) -> Self {
        Self::Lost(match &error {
            SendError::LinkStateError(state) => link(state),
            other => format!("cannot send: {other}"),
        })
    }
}

impl From<RecvError> for Fault {
    fn from(error: RecvError) -> Self {
        Self::Lost(match &error {
            RecvError::LinkStateError(state) => link(state),
            RecvError::MessageDecode(error) => format!("a message cannot be decoded: {}", error.source),
            other => format!("cannot receive: {other}"),
        })
    }
}

impl From<IllegalLinkStateError> for Fault {
    fn from(error: IllegalLinkStateError) -> Self {
        Self::Lost(match &error {
            IllegalLinkStateError::SessionStopped(reason) => session(reason),
            IllegalLinkStateError::IllegalState => "the link is gone".to_owned(),
        })
    }
}

fn link(state: &LinkStateError) -> String {
    match state {
        LinkStateError::SessionStopped(reason) => session(reason),
        LinkStateError::RemoteDetachedWithError(error) | LinkStateError::RemoteClosedWithError(error) => {
            format!("the peer closed the link: {}", Said(error))
        }
        LinkStateError::RemoteDetached | LinkStateError::RemoteClosed => "the peer closed the link".to_owned(),
        other => other.to_string(),
    }
}

fn session(reason: &SessionStopReason) -> String {
    match reason {
        SessionStopReason::RemoteEndedWithError(error) => format!("the peer ended the session: {}", Said(error)),
        SessionStopReason::RemoteEnded => "the peer ended the session".to_owned(),
        SessionStopReason::EndedWithError(error) => format!("the session ended: {}", Said(error)),
        SessionStopReason::Ended => "the session ended".to_owned(),
        SessionStopReason::ConnectionStopped(reason) => connection(reason),
    }
}

/// A connection that ended without the peer's word counts as lost: the engine below calls that closed.
fn connection(reason: &ConnectionStopReason) -> String {
    match reason {
        ConnectionStopReason::RemoteClosedWithError(error) => {
            format!("the peer closed the connection: {}", Said(error))
        }
        ConnectionStopReason::RemoteClosed => "the peer closed the connection".to_owned(),
        ConnectionStopReason::ClosedWithError(error) => format!("the connection was closed: {}", Said(error)),
        ConnectionStopReason::Closed => "the connection was lost".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::definitions::AmqpError;

    use super::*;

    #[test]
    fn a_peers_error_is_one_line_with_its_condition() {
        let error = Error::new(AmqpError::NotFound, "no such\naddress".to_owned(), None);
        assert_eq!(Said(&error).to_string(), "amqp:not-found: no such\\naddress");
        assert_eq!(Said(&Error::new(AmqpError::NotFound, None, None)).to_string(), "amqp:not-found");
    }

    #[test]
    fn usage_and_signals_have_their_exit_status() {
        assert_eq!(Fault::Usage(String::new()).exit_status(), 2);
        assert_eq!(Fault::Stopped(SignalKind::interrupt()).exit_status(), 130);
        assert_eq!(Fault::Stopped(SignalKind::terminate()).exit_status(), 143);
        assert_eq!(Fault::Lost(String::new()).exit_status(), 1);
    }
}
