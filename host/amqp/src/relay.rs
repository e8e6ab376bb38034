//! Relayed links: the other end of the link is on another connection of this router, and what one peer says is handed on to the
//! other as it is. Credit, delivery-tags and states are those of the peers; windows, channels, handles and delivery-ids are ours.
//! Source: AMQP 1.0 part 2, 2.6.

use fe2o3_amqp_types::definitions::{Error, Handle, Role};
use fe2o3_amqp_types::performatives::Detach;

use crate::connection::Connection;
use crate::raw::{self, Side};
use crate::serial::Serial;
use crate::session::{Link, LinkId, Session, Stage, wire_id};
use crate::transfer::Sent;

/// Bytes that the frame header and performative of a relayed transfer take beside tag and state at most.
const HEAD_MAX_BYTES: usize = 64;

/// How the attach of one peer is put to another.
#[derive(Debug, Clone, Copy)]
pub struct Relay<'a> {
    /// The peer's attach.
    pub attach: &'a raw::Attach<'a>,
    /// Another address for one of the termini.
    pub address: Option<(Side, &'a str)>,
}

impl Connection {
    /// Whether a session has a link of that name on which we have that role, which may wait for the answer to its detach.
    #[must_use]
    pub fn has_link(&self, channel: u16, role: &Role, name: &str) -> bool {
        self.session(channel).is_some_and(|session| session.named(name, role).is_some())
    }

    /// Attaches a link that a peer of another connection asks for. `None` when the session is gone or full, or when the attach is
    /// longer than the frames of this peer.
    pub fn attach_relayed(&mut self, channel: u16, role: Role, name: &str, relay: &Relay<'_>) -> Option<LinkId> {
        let room = usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX);
        let session = self.session_mut(channel)?;
        let mut link = Link::new(name, role, Stage::Attaching);
        link.relayed = true;
        link.delivery_count = Serial(relay.attach.initial_delivery_count());
        let handle = session.insert(link)?;
        let start = self.out.end().len();
        relay.attach.write(self.out.end(), (channel, handle), name, relay.address);
        if self.out.end().len().saturating_sub(start) > room {
            self.out.end().truncate(start);
            self.session_mut(channel)?.remove(handle);
            return None;
        }
        self.count_link();
        Some(LinkId { channel, handle })
    }

    /// Answers a peer's attach as the peer at the other end did. Says whether the answer fits the frames of this peer.
    #[must_use]
    pub fn accept_relayed(&mut self, link: LinkId, relay: &Relay<'_>) -> bool {
        let room = usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX);
        let Some(state) = self.link_mut(link) else {
            return true;
        };
        if state.role == Role::Sender {
            state.delivery_count = Serial(relay.attach.initial_delivery_count());
        }
        let name = state.name.clone();
        let start = self.out.end().len();
        relay.attach.write(self.out.end(), (link.channel, link.handle), &name, relay.address);
        if self.out.end().len().saturating_sub(start) > room {
            self.out.end().truncate(start);
            return false;
        }
        if let Some(state) = self.link_mut(link) {
            (state.stage, state.relayed) = (Stage::Attached, true);
        }
        true
    }

    /// Sends a piece of a relayed delivery, in as many frames as the peer's frame size asks for and as its window allows. Handle,
    /// delivery-id and `more` of `head` are ours to say; `more`: pieces follow this one. `None` when the link is gone.
    pub fn relay(&mut self, link: LinkId, head: &raw::Transfer<'_>, payload: &[u8]) -> Option<Sent> {
        let variable = head.delivery_tag.map_or(0, <[u8]>::len).saturating_add(head.state.map_or(0, <[u8]>::len));
        let room = usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX);
        let room = room.saturating_sub(variable.saturating_add(HEAD_MAX_BYTES)).max(1);
        let Self { sessions, out, .. } = self;
        let session = sessions.get_mut(usize::from(link.channel))?.as_mut()?;
        let Session { links, next_outgoing, outgoing_window, outgoing_blocked, next_delivery, .. } = session;
        let state = links.get_mut(usize::try_from(link.handle).ok()?)?.as_mut()?;
        if matches!(state.stage, Stage::Detaching | Stage::Detached) {
            return None;
        }
        let mut left = payload;
        loop {
            let first = state.open_delivery.is_none();
            let id = state.open_delivery.unwrap_or(*next_delivery);
            if *outgoing_window == 0 {
                *outgoing_blocked = true;
                return Some(Sent { id, bytes: payload.len().saturating_sub(left.len()), whole: false });
            }
            let (piece, rest) = left.split_at_checked(room).unwrap_or((left, &[]));
            let more = head.more || !rest.is_empty();
            if first {
                *next_delivery = next_delivery.saturating_add(1);
                state.delivery_count = state.delivery_count.add(1);
            }
            // what began settled stays so, whatever its sender said of it when that was not known
            state.open_settled = head.settled == Some(true) || (!first && state.open_settled);
            let frame = raw::Transfer {
                handle: link.handle,
                delivery_id: first.then_some(wire_id(id)),
                delivery_tag: head.delivery_tag.filter(|_| first),
                message_format: head.message_format.filter(|_| first),
                settled: Some(state.open_settled),
                more: more && !head.aborted,
                ..*head
            };
            if !frame.write_common(out.end(), link.channel, piece) {
                frame.write(out.end(), link.channel, piece);
            }
            *outgoing_window = outgoing_window.saturating_sub(1);
            *next_outgoing = next_outgoing.add(1);
            state.open_delivery = (more && !head.aborted).then_some(id);
            left = rest;
            if left.is_empty() {
                return Some(Sent { id, bytes: payload.len(), whole: true });
            }
        }
    }

    /// Grants a sending peer credit up to a delivery-count, as the receiver at the other end did.
    pub fn grant_until(&mut self, link: LinkId, limit: Serial, drain: bool) {
        let Some(state) = self.link_mut(link) else {
            return;
        };
        state.reach(limit);
        state.drains = drain;
        self.write_link_flow(link, drain);
    }

    /// Grants a sending peer credit for one delivery more than the receiver at the other end did.
    pub fn grant_another(&mut self, link: LinkId) {
        if let Some(limit) = self.link_mut(link).map(|state| state.limit.add(1)) {
            let drains = self.link_mut(link).is_some_and(|state| state.drains);
            self.grant_until(link, limit, drains);
        }
    }

    /// Tells a receiving peer how far the sender at the other end counted, and of the deliveries that wait there.
    pub fn advance(&mut self, link: LinkId, count: Serial, drain: bool, available: Option<u32>) {
        if let Some(state) = self.link_mut(link) {
            if state.delivery_count.before(count) {
                state.delivery_count = count;
            }
            state.available = available;
        }
        self.write_link_flow(link, drain);
    }

    /// Detaches a relayed link as the peer at the other end did; the peer's answer comes as an event.
    pub fn detach_relayed(&mut self, link: LinkId, closed: bool, error: Option<Error>) {
        let Some(state) = self.link_mut(link).filter(|state| state.stage != Stage::Detaching) else {
            return;
        };
        state.stage = Stage::Detaching;
        self.append_error(link.channel, error, |error| Detach { handle: Handle(link.handle), closed, error });
    }

    /// Answers a peer's detach of a relayed link as the peer at the other end did; one that closes the link is answered by the same, also
    /// where the other end's does not (RabbitMQ's), since clients wait for it (go-amqp). The link is gone.
    pub fn answer_detach(&mut self, link: LinkId, closed: bool, error: Option<Error>) {
        let Some(state) = self.link_mut(link).filter(|state| state.stage == Stage::Detached) else {
            return;
        };
        let closed = closed || state.closes;
        self.append_error(link.channel, error, |error| Detach { handle: Handle(link.handle), closed, error });
        self.forget(link);
    }
}
