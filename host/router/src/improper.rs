//! Deliveries on routed links that break the protocol, so that no container can take them: their tag is too long, or they are empty.
//! The router rejects them, and the link goes on. Source: the reference, 1.9, `AMQP_rx_handler`.

use crosstie_amqp::connection::Transfer;
use crosstie_amqp::raw::TAG_MAX_BYTES;
use fe2o3_amqp_types::definitions::AmqpError;

use crate::address::ConnectionRef;
use crate::mail::{Origin, Outcome, PieceHead};
use crate::repeats::Line;
use crate::shard::Shard;

/// What is known of the delivery that is arriving at an end.
#[derive(Debug, Default)]
pub(crate) enum Arriving {
    /// It is handed on.
    #[default]
    Proper,
    /// Nothing of its message has come; its first frame.
    Empty(Box<[u8]>),
    /// It is rejected when all of it has come.
    LongTag,
}

impl Arriving {
    /// Whether a frame needs a closer look.
    #[inline]
    pub(crate) fn suspects(&self, transfer: &Transfer<'_>) -> bool {
        transfer.payload.is_empty()
            || !matches!(self, Self::Proper)
            || transfer.tag.is_some_and(|tag| tag.len() > TAG_MAX_BYTES)
    }

    /// Takes a frame. When it is handed on, with a first frame that was kept.
    fn take(&mut self, transfer: &Transfer<'_>) -> Option<Option<Box<[u8]>>> {
        if transfer.first {
            *self = match transfer.tag {
                Some(tag) if tag.len() > TAG_MAX_BYTES => Self::LongTag,
                _ if transfer.payload.is_empty() => Self::Empty(transfer.body.into()),
                _ => Self::Proper,
            };
        }
        match self {
            Self::Proper => Some(None),
            Self::Empty(first) if !transfer.payload.is_empty() => {
                let first = std::mem::take(first);
                *self = Self::Proper;
                Some(Some(first))
            }
            Self::Empty(_) | Self::LongTag => None,
        }
    }

    /// Why it is rejected. In the words of the reference.
    const fn refusal(&self) -> Option<(AmqpError, &'static str)> {
        match self {
            Self::Proper => None,
            Self::Empty(_) => Some((AmqpError::DecodeError, "invalid message format")),
            Self::LongTag => Some((AmqpError::InvalidField, "delivery tag length exceeded")),
        }
    }
}

impl Shard {
    /// Takes a frame of a routed link that may belong to an improper delivery.
    #[cold]
    pub(crate) fn relay_suspect(&mut self, at: ConnectionRef, transfer: &Transfer<'_>) {
        let Transfer { link, id, more, aborted, settled, .. } = *transfer;
        let Some(end) = self.routed_mut(at, link) else {
            return;
        };
        let handed_on = end.arriving.take(transfer);
        let Some(to) = end.partner else {
            return;
        };
        let from = Origin { connection: at, channel: link.channel, copy: false, id };
        if let Some(kept) = handed_on {
            let head =
                PieceHead { from, first: true, more: true, settled, aborted: false, annotated: false, format: None };
            if let Some(body) = kept {
                self.pass_on(to, &head, &body);
            }
            let head = PieceHead { first: transfer.first, more, aborted, ..head };
            return self.pass_on(to, &head, transfer.body);
        }
        if more {
            return;
        }
        let Some((condition, why)) = end.arriving.refusal() else {
            return;
        };
        end.arriving = Arriving::Proper;
        // the container does not count it
        end.skipped = end.skipped.wrapping_add(1);
        if !aborted {
            if let Some(Line { left_out }) = self.line(self.now, at) {
                tracing::info!(target: "link", handle = link.handle, delivery.id = id, error = why, left_out, "delivery rejected");
            }
            self.settle(from, 1, &Outcome::rejected(condition, why));
        }
        if let Some(peer) = self.peer_mut(at) {
            peer.amqp.grant_another(link);
        }
        self.mark(at);
    }
}
