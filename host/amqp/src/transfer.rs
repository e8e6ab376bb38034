//! The hot path: transfers, flows and dispositions, in and out. Source: AMQP 1.0 part 2, 2.7.4 to 2.7.6.

use fe2o3_amqp_types::definitions::Role;

use crate::connection::{Connection, Event, LinkFlow, Settled, Step, Transfer};
use crate::fault::PeerFault;
use crate::raw;
use crate::serial::Serial;
use crate::session::{DeliveryId, LinkId, Session, Stage, epoch, wire_id};

/// Bytes that the frame header and performative of an outgoing transfer take at most.
const TRANSFER_HEAD_MAX_BYTES: usize = 48;

/// Bytes that everything but the state takes in a disposition's frame at most.
const DISPOSITION_HEAD_MAX_BYTES: usize = 64;

/// Deliveries that a peer which is brought back to a count may have in flight: a session's window, as connectors announce it.
const RECOVERY: u32 = 2048;

/// The outcome of a state alone.
fn bare(state: &[u8]) -> &'static [u8] {
    match raw::state_code(state) {
        Some(raw::STATE_ACCEPTED) => raw::ACCEPTED,
        Some(raw::STATE_REJECTED) => raw::REJECTED,
        Some(raw::STATE_RELEASED) => raw::RELEASED,
        _ => raw::MODIFIED_FAILED,
    }
}

/// A piece of a delivery for a peer.
#[derive(Debug, Clone, Copy)]
pub struct Outgoing<'a> {
    /// Settled by the sender.
    pub settled: bool,
    /// More pieces follow this one.
    pub more: bool,
    /// The delivery is given up.
    pub aborted: bool,
    /// Of the message, on the first piece.
    pub format: Option<u32>,
    /// The bytes.
    pub payload: &'a [u8],
}

/// How much of a piece went out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    /// Of the delivery that it belongs to.
    pub id: DeliveryId,
    /// Of its payload, bytes.
    pub bytes: usize,
    /// The whole piece; otherwise the window ran out.
    pub whole: bool,
}

impl Connection {
    pub(crate) fn handle_transfer<'b>(&mut self, channel: u16, body: &'b [u8]) -> Result<Step<'b>, PeerFault> {
        let (transfer, payload) = raw::Transfer::decode(body)?;
        let ours = self.expect_local("transfer", channel)?;
        let session = self.session_mut(ours).ok_or(PeerFault::State("transfer"))?;
        let announce = session.handle_transfer()?;
        let remote = transfer.handle;
        let unattached = PeerFault::UnattachedHandle { performative: "transfer", handle: remote };
        let handle = session.local(remote).ok_or(unattached)?;
        let widened = transfer.delivery_id.map(|id| session.peer_delivery(id));
        let (last, number) = (session.last_delivery, session.epoch());
        let link = session.link_mut(handle).ok_or(PeerFault::State("transfer"))?;
        if link.role != Role::Receiver {
            return Err(PeerFault::Role("transfer"));
        }
        let first = link.open_delivery.is_none();
        let id = match (link.open_delivery, widened) {
            (Some(open), None) => open,
            (Some(open), Some(same)) if open == same => open,
            (Some(_), Some(_)) => {
                return Err(PeerFault::Delivery("another id before the last frame of a delivery"));
            }
            (None, None) => return Err(PeerFault::Delivery("no id on the first frame")),
            (None, Some(id)) => {
                let tag = transfer.delivery_tag.ok_or(PeerFault::Delivery("no tag on the first frame"))?;
                // on a relayed link it is for the other end to say
                if tag.len() > raw::TAG_MAX_BYTES && !link.relayed {
                    return Err(PeerFault::Delivery("a tag of more than 32 bytes"));
                }
                if last.is_some_and(|last| id <= last) {
                    return Err(PeerFault::Delivery("an id that is not after the one before"));
                }
                if epoch(id) != number {
                    return Err(PeerFault::Delivery("an id beyond those that one session can have"));
                }
                let beyond = !link.delivery_count.before(link.limit_max) && link.stage != Stage::Detaching;
                if beyond && !link.taken_back && !link.ours {
                    return Err(PeerFault::Credit(remote));
                }
                link.delivery_count = link.delivery_count.add(1);
                id
            }
        };
        link.open_delivery = (transfer.more && !transfer.aborted).then_some(id);
        let spent = first && !link.delivery_count.before(link.limit);
        let settled = transfer.settled.unwrap_or(false) || (!first && link.open_settled);
        link.open_settled = settled;
        let void = matches!(link.stage, Stage::Detaching | Stage::Detached);
        if first {
            session.last_delivery = Some(id);
        }
        if announce {
            self.flow(ours);
        }
        if void {
            return Ok(Step::Again);
        }
        Ok(Step::Event(Event::Transfer(Transfer {
            link: LinkId { channel: ours, handle },
            id,
            first,
            spent,
            more: transfer.more && !transfer.aborted,
            settled,
            aborted: transfer.aborted,
            format: transfer.message_format,
            payload,
            tag: transfer.delivery_tag,
            plain: transfer.is_plain(),
            body,
        })))
    }

    pub(crate) fn handle_flow<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let flow = raw::Flow::decode(body)?;
        let ours = self.expect_local("flow", channel)?;
        let session = self.session_mut(ours).ok_or(PeerFault::State("flow"))?;
        session.handle_flow(flow.next_incoming_id, flow.incoming_window);
        let opened = session.outgoing_blocked && session.outgoing_window > 0;
        if opened {
            session.outgoing_blocked = false;
        }
        let Some(remote) = flow.handle else {
            if flow.echo {
                self.flow(ours);
            }
            return Ok(if opened { Step::Event(Event::Window(ours)) } else { Step::Again });
        };
        let unattached = PeerFault::UnattachedHandle { performative: "flow", handle: remote };
        let handle = session.local(remote).ok_or(unattached)?;
        let link = session.link_mut(handle).ok_or(PeerFault::State("flow"))?;
        if matches!(link.stage, Stage::Detaching | Stage::Detached) {
            return Ok(if opened { Step::Event(Event::Window(ours)) } else { Step::Again });
        }
        let (id, sender) = (LinkId { channel: ours, handle }, link.role == Role::Receiver);
        if sender {
            // a sender that drained, or that skipped deliveries, moves the count forward
            if let Some(count) = flow.delivery_count.map(Serial) {
                let until = if link.limit_max.before(count) { link.limit_max } else { count };
                if link.delivery_count.before(until) {
                    link.delivery_count = until;
                }
                link.handle_drained(count);
            }
        } else if link.relayed
            && let Some(credit) = flow.link_credit
        {
            link.limit = Serial(flow.delivery_count.unwrap_or(link.delivery_count.0)).add(credit);
        }
        if flow.echo {
            self.write_link_flow(id, false);
        }
        Ok(Step::Event(Event::Flow(LinkFlow {
            link: id,
            delivery_count: flow.delivery_count,
            credit: flow.link_credit.filter(|_| !sender),
            drain: flow.drain,
            available: flow.available,
            opened,
        })))
    }

    pub(crate) fn handle_disposition<'b>(&mut self, channel: u16, body: &'b [u8]) -> Result<Step<'b>, PeerFault> {
        let said = raw::Disposition::decode(body)?;
        let ours = self.expect_local("disposition", channel)?;
        let session = self.session(ours).ok_or(PeerFault::State("disposition"))?;
        let widen = |id| {
            if said.receiver { session.own_delivery(id) } else { session.peer_delivery(id) }
        };
        let first = widen(said.first);
        // an id of ours that is widened to the next one stands for "none yet"
        let last = said.last.unwrap_or(said.first);
        if Serial(last).before(Serial(said.first)) {
            return Err(PeerFault::Range { first: said.first, last });
        }
        let last = first.saturating_add(u64::from(last.wrapping_sub(said.first)));
        Ok(Step::Event(Event::Disposition(Settled {
            channel: ours,
            by_receiver: said.receiver,
            range: (first, last),
            settled: said.settled,
            state: said.state,
        })))
    }

    /// Sends a piece of a delivery, in as many frames as the peer's frame size asks for and as its window
    /// allows. The first piece of a delivery takes its delivery-id. `None` when the link is gone.
    pub fn transfer(&mut self, link: LinkId, piece: &Outgoing<'_>) -> Option<Sent> {
        let room = usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX).saturating_sub(TRANSFER_HEAD_MAX_BYTES);
        let Self { sessions, out, .. } = self;
        let session = sessions.get_mut(usize::from(link.channel))?.as_mut()?;
        let Session { links, next_outgoing, outgoing_window, outgoing_blocked, next_delivery, .. } = session;
        let state = links.get_mut(usize::try_from(link.handle).ok()?)?.as_mut()?;
        if matches!(state.stage, Stage::Detaching | Stage::Detached) {
            return None;
        }
        let mut left = piece.payload;
        loop {
            if *outgoing_window == 0 {
                *outgoing_blocked = true;
                let id = state.open_delivery.unwrap_or(*next_delivery);
                return Some(Sent { id, bytes: piece.payload.len().saturating_sub(left.len()), whole: false });
            }
            let (now, rest) = left.split_at_checked(room).unwrap_or((left, &[]));
            let more = piece.more || !rest.is_empty();
            let first = state.open_delivery.is_none();
            let id = state.open_delivery.unwrap_or(*next_delivery);
            if first {
                *next_delivery = next_delivery.saturating_add(1);
                state.delivery_count = state.delivery_count.add(1);
            }
            let head = raw::TransferHead {
                handle: link.handle,
                delivery_id: first.then_some(wire_id(id)),
                message_format: piece.format.filter(|_| first),
                settled: piece.settled,
                more,
                aborted: piece.aborted,
            };
            head.write(out.end(), link.channel, now);
            *outgoing_window = outgoing_window.saturating_sub(1);
            *next_outgoing = next_outgoing.add(1);
            state.open_delivery = (more && !piece.aborted).then_some(id);
            left = rest;
            if left.is_empty() {
                return Some(Sent { id, bytes: piece.payload.len(), whole: true });
            }
        }
    }

    /// Sends a delivery that fits one frame, where nothing stands in its way; `None`, and nothing is sent, where something does.
    #[inline]
    pub fn transfer_whole(&mut self, link: LinkId, settled: bool, format: u32, payload: &[u8]) -> Option<DeliveryId> {
        let Self { sessions, out, remote_max_frame, .. } = self;
        let fits = payload.len().saturating_add(TRANSFER_HEAD_MAX_BYTES) <= *remote_max_frame as usize;
        let session = sessions.get_mut(usize::from(link.channel))?.as_mut()?;
        let Session { links, next_outgoing, outgoing_window, next_delivery, .. } = session;
        let state = links.get_mut(link.handle as usize)?.as_mut()?;
        if !fits || *outgoing_window == 0 || state.open_delivery.is_some() || state.stage == Stage::Detaching {
            return None;
        }
        let id = *next_delivery;
        *next_delivery = id.saturating_add(1);
        state.delivery_count = state.delivery_count.add(1);
        *outgoing_window = outgoing_window.saturating_sub(1);
        *next_outgoing = next_outgoing.add(1);
        let head = raw::TransferHead {
            handle: link.handle,
            delivery_id: Some(wire_id(id)),
            message_format: Some(format),
            settled,
            more: false,
            aborted: false,
        };
        head.write(out.end(), link.channel, payload);
        Some(id)
    }

    /// Whether the session takes a transfer now; when not, an [`Event::Window`] says when it does.
    pub fn window(&mut self, channel: u16) -> bool {
        let Some(session) = self.session_mut(channel) else {
            return false;
        };
        session.outgoing_blocked |= session.outgoing_window == 0;
        session.outgoing_window > 0
    }

    /// Where a session's window ended, once the peer has used it up.
    #[must_use]
    pub fn used_up(&self, channel: u16) -> Option<Serial> {
        self.session(channel).filter(|session| session.incoming_window() == 0).map(|session| session.next_incoming)
    }

    /// The number of the session at this channel of ours.
    #[must_use]
    pub fn epoch(&self, channel: u16) -> Option<u64> {
        self.session(channel).map(Session::epoch)
    }

    /// The delivery-count of a link.
    #[must_use]
    pub fn delivery_count(&self, link: LinkId) -> Serial {
        self.session(link.channel)
            .and_then(|session| session.link(link.handle))
            .map_or(Serial(0), |link| link.delivery_count)
    }

    /// The credit that a sending peer has left.
    #[must_use]
    pub fn credit_left(&self, link: LinkId) -> u32 {
        let state = self.session(link.channel).and_then(|session| session.link(link.handle));
        state.map_or(0, |link| u32::try_from(link.limit.distance(link.delivery_count)).unwrap_or(0))
    }

    /// Whether the last frame of this delivery of a sending peer is still to come.
    #[must_use]
    pub fn is_arriving(&self, link: LinkId, id: DeliveryId) -> bool {
        let state = self.session(link.channel).and_then(|session| session.link(link.handle));
        state.is_some_and(|state| state.open_delivery == Some(id))
    }

    /// Grants a sending peer this much credit from where it is.
    pub fn grant(&mut self, link: LinkId, credit: u32) {
        let Some(state) = self.link_mut(link) else {
            return;
        };
        state.reach(state.delivery_count.add(credit));
        state.drains = false;
        self.write_link_flow(link, false);
    }

    /// Asks a sending peer to use its credit or give it back, once, and until it is granted more. Says whether that was news.
    pub fn drain(&mut self, link: LinkId) -> bool {
        let left = self.credit_left(link);
        let Some(state) = self.link_mut(link).filter(|state| left > 0 && !state.drains) else {
            return false;
        };
        state.drains = true;
        self.write_link_flow(link, false);
        true
    }

    /// Brings a sending peer that took too little credit for much back to a count, and has it drain that. Says whether it was
    /// one: whether credit was taken back, and more came than was ever granted.
    pub fn recover(&mut self, link: LinkId) -> bool {
        let Some(state) = self.link_mut(link).filter(|state| state.taken_back && state.overran()) else {
            return false;
        };
        state.limit = state.delivery_count.add(RECOVERY);
        state.limit_max = state.limit;
        state.drains = true;
        self.write_link_flow(link, false);
        true
    }

    /// Uses up what credit a draining receiver gave, and says so. `count` is where its credit ended.
    pub fn drained(&mut self, link: LinkId, count: Serial) {
        if let Some(state) = self.link_mut(link) {
            state.delivery_count = count;
        }
        self.write_link_flow(link, true);
    }

    /// Lets a session's window run out, or opens it again.
    pub fn stall(&mut self, channel: u16, stalled: bool) {
        let Some(session) = self.session_mut(channel) else {
            return;
        };
        if session.stalled != stalled {
            session.stalled = stalled;
            if !stalled {
                self.flow(channel);
            }
        }
    }

    /// Sends a disposition where there is a session. `state` is encoded; one that is too long for a frame of the peer loses its
    /// details.
    pub fn disposition(&mut self, channel: u16, said: &raw::Disposition<'_>) {
        if self.session(channel).is_none() {
            return;
        }
        let room =
            usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX).saturating_sub(DISPOSITION_HEAD_MAX_BYTES);
        let state = said.state.map(|state| if state.len() <= room { state } else { bare(state) });
        raw::Disposition { state, ..*said }.write(self.out.end(), channel);
    }

    fn flow(&mut self, channel: u16) {
        self.write_flow(channel, None);
    }

    pub(crate) fn write_link_flow(&mut self, link: LinkId, drain: bool) {
        self.write_flow(link.channel, Some((link.handle, drain)));
    }

    fn write_flow(&mut self, channel: u16, link: Option<(u32, bool)>) {
        let Self { sessions, out, .. } = self;
        let Some(session) = sessions.get_mut(usize::from(channel)).and_then(Option::as_mut) else {
            return;
        };
        session.open_window();
        let mut flow = raw::Flow {
            next_incoming_id: session.remote.map(|_| session.next_incoming.0),
            incoming_window: session.incoming_window(),
            next_outgoing_id: session.next_outgoing.0,
            outgoing_window: u32::MAX / 2,
            ..raw::Flow::default()
        };
        if let Some((handle, drain)) = link {
            let Some(state) = session.link(handle) else {
                return;
            };
            let ours = state.role == Role::Receiver;
            flow.handle = Some(handle);
            // a sender may count a delivery when its last frame is sent: where credit ends is the same either way
            let count = match ours && state.open_delivery.is_some() {
                true => Serial(state.delivery_count.0.wrapping_sub(1)),
                false => state.delivery_count,
            };
            flow.delivery_count = Some(count.0);
            let left = u32::try_from(state.limit.distance(count)).unwrap_or(0);
            flow.link_credit = Some(if ours || state.relayed { left } else { 0 });
            flow.available = state.available;
            flow.drain = drain || (ours && state.drains);
        }
        flow.write(out.end(), channel);
    }
}
