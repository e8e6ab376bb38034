//! Back-pressure for what has no window: states of deliveries, flows, attaches and detaches that one peer has the router tell another
//! by routed links. Whoever has it told more than the other one takes is not read until that has taken most of it.

use crate::address::ConnectionRef;
use crate::mail::Mail;
use crate::shard::{Request, Shard};

/// Output of a peer beyond which those who add to it are held up. Less than the net layer lets wait before it stops reading the peer
/// itself, which may not read before it has written.
const HELD_BYTES: usize = 1 << 20;

/// Output of a container beyond which it is told of no more links.
const CROWDED_BYTES: usize = 4 * HELD_BYTES;

impl Shard {
    /// `by` has had something told to the peer at `at`.
    pub(crate) fn hold_up(&mut self, by: ConnectionRef, at: ConnectionRef) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        if peer.amqp.out.len() > HELD_BYTES && by != at && peer.holds.insert(by) {
            self.set_held(by, true);
        }
    }

    /// Lets those go on that a peer has held up, once it has taken enough, or is no more.
    pub(crate) fn release(&mut self, at: ConnectionRef, is_gone: bool) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        if !peer.holds.is_empty() && (is_gone || peer.amqp.out.len() <= HELD_BYTES / 4) {
            for by in std::mem::take(&mut peer.holds) {
                self.set_held(by, false);
            }
        }
    }

    /// One more peer holds this one up, or one fewer.
    pub(crate) fn set_held(&mut self, by: ConnectionRef, held: bool) {
        if by.shard != self.id {
            return self.post(by.shard, Mail::Hold { by, held });
        }
        let Some(peer) = self.peer_mut(by) else {
            return;
        };
        peer.held_up = if held { peer.held_up.saturating_add(1) } else { peer.held_up.saturating_sub(1) };
        if peer.held_up == 0 {
            self.events.push_back(Request::Resumed(by));
        }
    }

    /// Whether a container has so much to take that no more links are to be carried to it.
    pub(crate) fn is_crowded(&self, container: ConnectionRef) -> bool {
        self.peer(container).is_some_and(|peer| peer.amqp.out.len() > CROWDED_BYTES)
    }
}
