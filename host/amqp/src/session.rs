//! One session: windows, handles, delivery-ids, and the links on it. Source: AMQP 1.0 part 2, 2.5 and 2.6.

use fe2o3_amqp_types::definitions::Role;

use crate::fault::PeerFault;
use crate::serial::Serial;

/// The highest handle that a peer may use: handles index a table.
pub const HANDLE_MAX: u32 = 4095;

/// Transfer frames that a peer may send before it hears of more window. A window that was announced is never taken back,
/// and few clients run out of one this wide: some mix up what they hold back with what they send next.
const WINDOW_FRAMES: u32 = 2048;

/// A link, by our channel and our handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId {
    /// Our channel.
    pub channel: u16,
    /// Our handle.
    pub handle: u32,
}

/// A delivery-id that does not wrap: its low 32 bits are on the wire.
pub type DeliveryId = u64;

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stage {
    /// We sent attach, the peer has not.
    Attaching,
    /// The peer sent attach, we have not answered.
    Asked,
    /// Both did.
    Attached,
    /// We sent detach; what the peer says on it until its own detach is void.
    Detaching,
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) name: String,
    /// Ours.
    pub(crate) role: Role,
    pub(crate) remote: Option<u32>,
    pub(crate) stage: Stage,
    /// Of the sender, whoever that is.
    pub(crate) delivery_count: Serial,
    /// As receiver: the delivery-count that our credit reaches to.
    pub(crate) limit: Serial,
    /// As receiver: the furthest that any credit reached to; the peer may not have seen that it was taken back.
    pub(crate) limit_max: Serial,
    /// The delivery whose last frame is still to come.
    pub(crate) open_delivery: Option<DeliveryId>,
    /// One of its frames said that it is settled; later ones need not repeat it.
    pub(crate) open_settled: bool,
}

impl Link {
    pub(crate) const fn new(name: String, role: Role, stage: Stage) -> Self {
        Self {
            name,
            role,
            remote: None,
            stage,
            delivery_count: Serial(0),
            limit: Serial(0),
            limit_max: Serial(0),
            open_delivery: None,
            open_settled: false,
        }
    }

    /// Adopts the peer's initial delivery-count.
    pub(crate) const fn start_count(&mut self, count: u32) {
        self.delivery_count = Serial(count);
        self.limit = Serial(count);
        self.limit_max = Serial(count);
    }
}

/// One session.
#[derive(Debug)]
pub(crate) struct Session {
    /// The peer's channel, once its begin came.
    pub(crate) remote: Option<u16>,
    pub(crate) next_incoming: Serial,
    /// The transfer-id that the announced window reaches to.
    incoming_limit: Serial,
    /// While set no more window is announced.
    pub(crate) stalled: bool,
    pub(crate) next_outgoing: Serial,
    /// Transfers that the peer takes now.
    pub(crate) outgoing_window: u32,
    /// A delivery or a link waits for the window.
    pub(crate) outgoing_blocked: bool,
    pub(crate) next_delivery: DeliveryId,
    /// The delivery-id that the peer used last.
    pub(crate) last_delivery: Option<DeliveryId>,
    pub(crate) links: Vec<Option<Link>>,
    /// Peer's handle to ours.
    handles: Vec<Option<u32>>,
}

impl Session {
    pub(crate) fn new() -> Self {
        Self {
            remote: None,
            next_incoming: Serial(0),
            incoming_limit: Serial(WINDOW_FRAMES),
            stalled: false,
            next_outgoing: Serial(0),
            outgoing_window: 0,
            outgoing_blocked: false,
            next_delivery: 0,
            last_delivery: None,
            links: Vec::new(),
            handles: Vec::new(),
        }
    }

    /// Takes what the peer's begin says; our own window counts from its next-outgoing-id.
    pub(crate) const fn handle_begin(&mut self, channel: u16, next_outgoing: u32, incoming_window: u32) {
        self.remote = Some(channel);
        self.next_incoming = Serial(next_outgoing);
        self.incoming_limit = Serial(next_outgoing).add(WINDOW_FRAMES);
        self.outgoing_window = incoming_window;
    }

    /// The window that is announced now.
    pub(crate) const fn incoming_window(&self) -> u32 {
        self.incoming_limit.since(self.next_incoming)
    }

    /// Opens the window for the flow that is about to leave.
    pub(crate) const fn open_window(&mut self) {
        if !self.stalled {
            self.incoming_limit = self.next_incoming.add(WINDOW_FRAMES);
        }
    }

    /// Counts one transfer; says whether the peer should hear of more window.
    ///
    /// # Errors
    ///
    /// [`PeerFault::Window`] beyond the window that was announced.
    pub(crate) const fn handle_transfer(&mut self) -> Result<bool, PeerFault> {
        let left = self.incoming_window();
        if left == 0 {
            return Err(PeerFault::Window);
        }
        self.next_incoming = self.next_incoming.add(1);
        Ok(!self.stalled && left <= WINDOW_FRAMES / 2)
    }

    /// Takes the session part of a flow: what the peer still takes from us.
    pub(crate) const fn handle_flow(&mut self, next_incoming: Option<u32>, window: u32) {
        let base = match next_incoming {
            Some(id) => Serial(id),
            None => Serial(0),
        };
        self.outgoing_window = window.saturating_sub(self.next_outgoing.since(base));
    }

    /// Widens an id of ours that the peer sent back.
    pub(crate) fn own_delivery(&self, wire: u32) -> DeliveryId {
        let [.., a, b, c, d] = self.next_delivery.to_be_bytes();
        let behind = u32::from_be_bytes([a, b, c, d]).wrapping_sub(wire);
        if behind > u32::MAX / 2 { self.next_delivery } else { self.next_delivery.saturating_sub(u64::from(behind)) }
    }

    /// Widens an id of the peer.
    pub(crate) fn peer_delivery(&self, wire: u32) -> DeliveryId {
        match self.last_delivery {
            // room below for ids that are before the first one seen
            None => (1 << 32) | u64::from(wire),
            Some(last) => last.saturating_add_signed(i64::from(wire.wrapping_sub(wire_id(last)).cast_signed())),
        }
    }

    pub(crate) fn link(&self, handle: u32) -> Option<&Link> {
        self.links.get(usize::try_from(handle).ok()?)?.as_ref()
    }

    pub(crate) fn link_mut(&mut self, handle: u32) -> Option<&mut Link> {
        self.links.get_mut(usize::try_from(handle).ok()?)?.as_mut()
    }

    /// Our handle for the peer's.
    pub(crate) fn local(&self, remote: u32) -> Option<u32> {
        *self.handles.get(usize::try_from(remote).ok()?)?
    }

    /// Puts a link at the lowest free handle; `None` when all are taken.
    pub(crate) fn insert(&mut self, link: Link) -> Option<u32> {
        let at = self.links.iter().position(Option::is_none).unwrap_or(self.links.len());
        let handle = u32::try_from(at).ok().filter(|handle| *handle <= HANDLE_MAX)?;
        match self.links.get_mut(at) {
            Some(slot) => *slot = Some(link),
            None => self.links.push(Some(link)),
        }
        Some(handle)
    }

    /// Makes the peer's handle mean ours.
    ///
    /// # Errors
    ///
    /// [`PeerFault::HandleMax`], or [`PeerFault::HandleInUse`].
    pub(crate) fn bind(&mut self, remote: u32, local: u32) -> Result<(), PeerFault> {
        let at = usize::try_from(remote).ok().filter(|_| remote <= HANDLE_MAX).ok_or(PeerFault::HandleMax(remote))?;
        if self.handles.len() <= at {
            self.handles.resize(at.saturating_add(1), None);
        }
        if let Some(slot) = self.handles.get_mut(at) {
            *slot = Some(local);
        }
        if let Some(link) = self.link_mut(local) {
            link.remote = Some(remote);
        }
        Ok(())
    }

    /// Frees the peer's handle.
    pub(crate) fn unbind(&mut self, remote: u32) {
        if let Some(slot) = usize::try_from(remote).ok().and_then(|at| self.handles.get_mut(at)) {
            *slot = None;
        }
    }

    /// Forgets a link and both its handles.
    pub(crate) fn remove(&mut self, handle: u32) {
        let Some(link) = usize::try_from(handle).ok().and_then(|at| self.links.get_mut(at)).and_then(Option::take)
        else {
            return;
        };
        if let Some(remote) = link.remote {
            self.unbind(remote);
        }
    }

    /// Our handle of the link with this name on which we have this role.
    pub(crate) fn named(&self, name: &str, role: &Role) -> Option<u32> {
        let at = self
            .links
            .iter()
            .position(|link| link.as_ref().is_some_and(|link| link.name == name && link.role == *role))?;
        u32::try_from(at).ok()
    }
}

/// What stands on the wire for a delivery-id.
#[must_use]
pub const fn wire_id(id: DeliveryId) -> u32 {
    let [.., a, b, c, d] = id.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}
