//! One session: windows, handles, delivery-ids, and the links on it. Source: AMQP 1.0 part 2, 2.5 and 2.6.

use std::collections::BTreeMap;
use std::sync::Arc;

use fe2o3_amqp_types::definitions::Role;

use crate::fault::PeerFault;
use crate::handles::Handles;
use crate::serial::Serial;

/// Transfer frames of a session's window at most.
const WINDOW_FRAMES_MAX: u32 = 16_384;

/// Transfer frames of a session's window at least.
const WINDOW_FRAMES_MIN: u32 = 4;

/// A link, by our channel and our handle.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LinkId {
    /// Our channel.
    pub channel: u16,
    /// Our handle.
    pub handle: u32,
}

/// A delivery-id that does not wrap: its low 32 bits are on the wire, and those from [`EPOCH_SHIFT`] on tell the sessions
/// of a connection apart, so that what was said about a session that has ended never meets its successor.
pub type DeliveryId = u64;

/// Where the number of the session stands in a [`DeliveryId`]: below it a session has room for five years of 100,000 deliveries a second,
/// above it are a million sessions.
pub const EPOCH_SHIFT: u32 = 44;

/// The number of the session that a delivery belongs to.
#[must_use]
pub const fn epoch(id: DeliveryId) -> u64 {
    id >> EPOCH_SHIFT
}

/// Transfer frames that may be in flight where `buffered_bytes` are to hold them.
#[must_use]
pub(crate) fn window_frames(buffered_bytes: u64, max_frame_size: u32) -> u32 {
    let frames = buffered_bytes.checked_div(max_frame_size.into()).unwrap_or(0);
    u32::try_from(frames).unwrap_or(u32::MAX).clamp(WINDOW_FRAMES_MIN, WINDOW_FRAMES_MAX)
}

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
    /// The peer detached a relayed link, and waits for the answer of the other end.
    Detached,
}

/// One end of a link.
#[derive(Debug)]
pub(crate) struct Link {
    pub(crate) name: Arc<str>,
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
    /// As receiver: credit was taken back. Clients whose deliveries in flight are more than what is left were seen to take
    /// that for credit without an end (Proton-J, so Qpid JMS, and go-amqp), so that it is no fault to go on. Until the peer has
    /// all of it again without having gone on, or has drained; on a relayed link for good, since its ends decide.
    pub(crate) taken_back: bool,
    /// The peer's detach of a relayed link, which waits for an answer, closes it.
    pub(crate) closes: bool,
    /// We began it, so the peer is a broker, and may go beyond its credit: RabbitMQ was seen to count what is on its way twice when it is
    /// given more, and many share its connection. The session's window holds it back.
    pub(crate) ours: bool,
    /// As receiver: the peer was asked to use its credit or give it back.
    pub(crate) drains: bool,
    /// The delivery whose last frame is still to come.
    pub(crate) open_delivery: Option<DeliveryId>,
    /// One of its frames said that it is settled; later ones need not repeat it.
    pub(crate) open_settled: bool,
    /// Its other end is on another connection: see `relay.rs`.
    pub(crate) relayed: bool,
    /// Deliveries that wait at the sender of a relayed link, as far as it said.
    pub(crate) available: Option<u32>,
}

impl Link {
    pub(crate) fn new(name: &str, role: Role, stage: Stage) -> Self {
        Self {
            name: name.into(),
            role,
            remote: None,
            stage,
            delivery_count: Serial(0),
            limit: Serial(0),
            limit_max: Serial(0),
            taken_back: false,
            closes: false,
            ours: stage == Stage::Attaching,
            drains: false,
            open_delivery: None,
            open_settled: false,
            relayed: false,
            available: None,
        }
    }

    /// As receiver: our credit reaches to another delivery-count.
    pub(crate) fn reach(&mut self, limit: Serial) {
        if limit.before(self.limit) {
            self.taken_back = true;
        } else if !limit.before(self.limit_max) {
            self.make_whole();
        }
        self.limit = limit;
        if self.limit_max.before(limit) {
            self.limit_max = limit;
        }
    }

    /// As receiver: the peer has said that it used its credit or gave it back.
    pub(crate) fn handle_drained(&mut self, count: Serial) {
        if self.drains && count == self.limit {
            self.make_whole();
        }
    }

    /// Holds a peer to its credit that did not go beyond it after some was taken back.
    fn make_whole(&mut self) {
        self.taken_back &= self.relayed || self.overran();
    }

    /// As receiver: whether more came than was ever granted.
    pub(crate) const fn overran(&self) -> bool {
        self.limit_max.before(self.delivery_count)
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
    /// Counts the sessions of the connection.
    epoch: u64,
    /// The peer's channel, once its begin came.
    pub(crate) remote: Option<u16>,
    pub(crate) next_incoming: Serial,
    /// The transfer-id that the announced window reaches to. A window that was announced is never taken back.
    incoming_limit: Serial,
    /// Frames of a whole window.
    window: u32,
    /// While set no more window is announced.
    pub(crate) stalled: bool,
    /// We sent end, and the peer has not.
    pub(crate) is_ending: bool,
    pub(crate) next_outgoing: Serial,
    /// Transfers that the peer takes now.
    pub(crate) outgoing_window: u32,
    /// A delivery or a link waits for the window.
    pub(crate) outgoing_blocked: bool,
    pub(crate) next_delivery: DeliveryId,
    /// The delivery-id that the peer used last.
    pub(crate) last_delivery: Option<DeliveryId>,
    pub(crate) links: Vec<Option<Link>>,
    free: Vec<u32>,
    /// Whether we receive, and the name, to our handle.
    names: BTreeMap<(bool, Arc<str>), u32>,
    /// The highest handle that the peer takes from us.
    peer_handle_max: u32,
    /// Peer's handle to ours.
    handles: Handles,
}

impl Session {
    pub(crate) fn new(number: u64, window: u32) -> Self {
        let epoch = number & (u64::MAX >> EPOCH_SHIFT);
        Self {
            epoch,
            remote: None,
            next_incoming: Serial(0),
            incoming_limit: Serial(window),
            window,
            stalled: false,
            is_ending: false,
            next_outgoing: Serial(0),
            outgoing_window: 0,
            outgoing_blocked: false,
            next_delivery: epoch << EPOCH_SHIFT,
            last_delivery: None,
            links: Vec::new(),
            free: Vec::new(),
            names: BTreeMap::new(),
            peer_handle_max: u32::MAX,
            handles: Handles::default(),
        }
    }

    /// Takes what the peer's begin says; our own window counts from its next-outgoing-id.
    pub(crate) const fn handle_begin(
        &mut self,
        channel: u16,
        next_outgoing: u32,
        incoming_window: u32,
        handle_max: u32,
    ) {
        self.remote = Some(channel);
        self.next_incoming = Serial(next_outgoing);
        self.incoming_limit = Serial(next_outgoing).add(self.window);
        self.outgoing_window = incoming_window;
        self.peer_handle_max = handle_max;
    }

    pub(crate) const fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The window that is announced now.
    pub(crate) const fn incoming_window(&self) -> u32 {
        self.incoming_limit.since(self.next_incoming)
    }

    /// Opens the window for the flow that is about to leave.
    pub(crate) const fn open_window(&mut self) {
        if !self.stalled {
            self.incoming_limit = self.next_incoming.add(self.window);
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
        Ok(!self.stalled && left <= self.window.div_ceil(2))
    }

    /// Takes the session part of a flow: what the peer still takes from us.
    pub(crate) const fn handle_flow(&mut self, next_incoming: Option<u32>, window: u32) {
        let base = match next_incoming {
            Some(id) => Serial(id),
            None => Serial(0),
        };
        self.outgoing_window = window.saturating_sub(self.next_outgoing.since(base));
    }

    /// Widens an id of ours that the peer sent back; one that we have not used stands for the next.
    pub(crate) const fn own_delivery(&self, wire: u32) -> DeliveryId {
        let behind = wire_id(self.next_delivery).wrapping_sub(wire);
        if behind > u32::MAX / 2 { self.next_delivery } else { self.next_delivery.saturating_sub(behind as u64) }
    }

    /// Widens an id of the peer, which may leave the range of this session.
    pub(crate) const fn peer_delivery(&self, wire: u32) -> DeliveryId {
        match self.last_delivery {
            // room below for ids that are before the first one seen
            None => (self.epoch << EPOCH_SHIFT) | (1 << 32) | wire as u64,
            Some(last) => last.saturating_add_signed(wire.wrapping_sub(wire_id(last)).cast_signed() as i64),
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
        self.handles.get(remote)
    }

    /// Puts a link at a free handle; `None` when the peer takes no more.
    pub(crate) fn insert(&mut self, link: Link) -> Option<u32> {
        let fresh = u32::try_from(self.links.len()).ok()?;
        let handle = self.free.pop().unwrap_or(fresh);
        if handle > self.peer_handle_max {
            return None;
        }
        self.names.insert((link.role == Role::Receiver, link.name.clone()), handle);
        match usize::try_from(handle).ok().and_then(|at| self.links.get_mut(at)) {
            Some(slot) => *slot = Some(link),
            None => self.links.push(Some(link)),
        }
        Some(handle)
    }

    /// Makes the peer's handle mean ours.
    pub(crate) fn bind(&mut self, remote: u32, local: u32) {
        self.handles.set(remote, local);
        if let Some(link) = self.link_mut(local) {
            link.remote = Some(remote);
        }
    }

    /// Forgets a link and both its handles.
    pub(crate) fn remove(&mut self, handle: u32) {
        let Some(link) = usize::try_from(handle).ok().and_then(|at| self.links.get_mut(at)).and_then(Option::take)
        else {
            return;
        };
        self.free.push(handle);
        self.names.remove(&(link.role == Role::Receiver, link.name));
        if let Some(remote) = link.remote {
            self.handles.clear(remote);
        }
    }

    /// Our handle of the link with this name on which we have this role.
    pub(crate) fn named(&self, name: &str, role: &Role) -> Option<u32> {
        self.names.get(&(*role == Role::Receiver, Arc::from(name))).copied()
    }

    /// Links that are not gone.
    pub(crate) fn link_count(&self) -> usize {
        self.names.len()
    }
}

/// What stands on the wire for a delivery-id.
#[must_use]
pub const fn wire_id(id: DeliveryId) -> u32 {
    let [.., a, b, c, d] = id.to_be_bytes();
    u32::from_be_bytes([a, b, c, d])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A link on which the peer sent `sent` deliveries, of 10 that it had credit for until that was taken back.
    fn taken_back(sent: u32) -> Link {
        let mut link = Link::new("a", Role::Receiver, Stage::Attached);
        link.reach(Serial(10));
        link.reach(Serial(2));
        assert!(link.taken_back);
        link.delivery_count = Serial(sent);
        link
    }

    #[test]
    fn a_peer_that_has_all_its_credit_again_is_held_to_it() {
        let mut link = taken_back(5);
        link.reach(Serial(9));
        assert!(link.taken_back, "not all of it");
        link.reach(Serial(10));
        assert!(!link.taken_back);
    }

    #[test]
    fn a_peer_that_went_beyond_its_credit_is_held_to_it_when_it_has_counted_anew() {
        let mut link = taken_back(11);
        link.reach(Serial(20));
        assert!(link.taken_back, "it may be far beyond");
        link.reach(Serial(30));
        assert!(!link.taken_back);
    }

    #[test]
    fn a_peer_that_drained_is_held_to_its_credit() {
        let mut link = taken_back(2);
        link.handle_drained(Serial(2));
        assert!(link.taken_back, "it was not asked to");
        link.drains = true;
        link.handle_drained(Serial(1));
        assert!(link.taken_back, "it has some left");
        link.handle_drained(Serial(2));
        assert!(!link.taken_back);
    }

    #[test]
    fn the_ends_of_a_relayed_link_decide_about_its_credit() {
        let mut link = taken_back(5);
        link.relayed = true;
        link.reach(Serial(20));
        assert!(link.taken_back);
    }

    #[test]
    fn ids_of_two_sessions_never_meet() {
        let (mut one, mut two) = (Session::new(0, 1), Session::new(1, 1));
        one.last_delivery = Some(one.peer_delivery(u32::MAX));
        two.last_delivery = Some(two.peer_delivery(0));
        assert!(epoch(one.peer_delivery(u32::MAX / 2 - 1)) == 0 && epoch(two.peer_delivery(u32::MAX)) == 1);
        assert_eq!((epoch(one.own_delivery(0)), epoch(two.own_delivery(7))), (0, 1));
    }

    #[test]
    fn ids_widen_around_the_last_one() {
        let mut session = Session::new(3, 1);
        let first = session.peer_delivery(u32::MAX);
        session.last_delivery = Some(first);
        assert_eq!((session.peer_delivery(0), session.peer_delivery(u32::MAX - 2)), (first + 1, first - 2));
    }

    #[test]
    fn handles_are_used_again() {
        let mut session = Session::new(0, 1);
        let link = |name: &str| Link::new(name, Role::Sender, Stage::Attached);
        assert_eq!((session.insert(link("a")), session.insert(link("b"))), (Some(0), Some(1)));
        session.bind(4000, 0);
        session.remove(0);
        assert_eq!((session.local(4000), session.named("a", &Role::Sender)), (None, None));
        assert_eq!((session.insert(link("c")), session.named("c", &Role::Sender)), (Some(0), Some(0)));
        assert_eq!(session.named("c", &Role::Receiver), None);
    }

    #[test]
    fn a_window_fits_the_bytes_that_may_wait() {
        assert_eq!(window_frames(8 << 20, 16 << 10), 512);
        assert_eq!(window_frames(8 << 20, 512), WINDOW_FRAMES_MAX);
        assert_eq!(window_frames(8 << 20, u32::MAX), WINDOW_FRAMES_MIN);
    }
}
