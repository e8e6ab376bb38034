//! Receivers that say an outcome and wait for us to settle: they hear that it is settled once the sender has heard of it.
//! Source: AMQP 1.0 part 2, 2.6.12, and the reference, which hands the outcome on first.

use crosstie_amqp::raw::Disposition;
use crosstie_amqp::session::{DeliveryId, epoch, wire_id};

use crate::address::ConnectionRef;
use crate::mail::{Mail, Origin};
use crate::shard::Shard;

/// Consecutive deliveries whose receiver waits until they are settled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unconfirmed {
    pub(crate) connection: ConnectionRef,
    pub(crate) channel: u16,
    /// As we number them for the receiver.
    pub(crate) first: DeliveryId,
    pub(crate) count: u64,
}

impl Shard {
    /// Keeps who waits for deliveries that came in at `from`. Their outcomes have been handed over.
    pub(crate) fn wait_for(&mut self, from: Origin, waiting: Unconfirmed) {
        if from.connection.shard != self.id {
            return self.post(from.connection.shard, Mail::Wait { from, waiting });
        }
        if !from.copy {
            return self.confirm(&waiting);
        }
        for step in 0..waiting.count {
            let one = Unconfirmed { first: waiting.first.saturating_add(step), count: 1, ..waiting };
            let session = self.peer_mut(from.connection).and_then(|peer| peer.session(from.channel));
            let open = session.and_then(|session| session.tallies.open(from.id.saturating_add(step)));
            match open {
                Some(tally) => tally.waiting.push(one),
                None => self.confirm(&one),
            }
        }
    }

    /// Plans to tell a receiver, at the end of the tick, after the senders.
    pub(crate) fn confirm(&mut self, next: &Unconfirmed) {
        if let Some(last) = self.unconfirmed.last_mut()
            && (last.connection, last.channel) == (next.connection, next.channel)
            && last.first.saturating_add(last.count) == next.first
        {
            last.count = last.count.saturating_add(next.count);
        } else {
            self.unconfirmed.push(*next);
        }
    }

    /// Tells all receivers whose senders have been told.
    pub(crate) fn write_confirmations(&mut self) {
        for waiting in std::mem::take(&mut self.unconfirmed) {
            self.write_confirmation(&waiting);
        }
    }

    /// Tells a receiver, or has its worker tell it.
    pub(crate) fn write_confirmation(&mut self, waiting: &Unconfirmed) {
        let Unconfirmed { connection, channel, first, count } = *waiting;
        if connection.shard != self.id {
            return self.post(connection.shard, Mail::Confirm(*waiting));
        }
        let peer = self.peer_mut(connection);
        let Some(peer) = peer.filter(|peer| peer.amqp.epoch(channel) == Some(epoch(first))) else {
            return;
        };
        let last = first.saturating_add(count.saturating_sub(1));
        let said = Disposition {
            receiver: false,
            first: wire_id(first),
            last: (last != first).then_some(wire_id(last)),
            settled: true,
            ..Disposition::default()
        };
        peer.amqp.disposition(channel, &said);
        self.mark(connection);
    }
}
