//! A scripted peer: one connection that keeps to the protocol, and blames the router when it does not.

use std::collections::BTreeMap;

use crosstie_amqp::frame;
use fe2o3_amqp_types::performatives::{Close, Detach, End as EndSession};
use serde::Serialize;

use crate::ledger::Ledger;
use crate::router::WireId;
use crate::routes::Kind;
use crate::session::{End, Link, Session, Stage};
use crate::speech;

/// How far a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// The router's header and open are to come.
    Opening,
    /// Both have opened.
    Open,
    /// We sent close.
    Closing,
    /// The router has closed.
    Closed,
}

/// A peer.
#[derive(Debug)]
pub struct Peer {
    /// Of all peers of the run.
    pub number: usize,
    /// Its connection.
    pub wire: WireId,
    /// How far it is.
    pub state: State,
    /// Bytes that the network has not brought to the router.
    pub up: Vec<u8>,
    /// Bytes of a frame that is not complete.
    pub(crate) down: Vec<u8>,
    pub(crate) seen_header: bool,
    /// That we announced.
    pub max_frame: u32,
    /// That the router announced.
    pub router_max_frame: u32,
    /// By our channel.
    pub sessions: BTreeMap<u16, Session>,
    /// The router's channels to ours.
    pub(crate) channels: BTreeMap<u16, u16>,
    /// Annotations of routers are kept from us.
    pub strips: bool,
    /// We are a container that links are carried to.
    pub kind: Option<Kind>,
    /// Of sessions that the router begins.
    pub window: u32,
    /// Link routes for our own connection that the router is to be asked for.
    pub(crate) wants_routes: bool,
}

impl Peer {
    /// A peer that has just connected and opens.
    #[must_use]
    pub fn new(
        (number, wire): (usize, WireId),
        (max_frame, window): (u32, u32),
        strips: bool,
        kind: Option<Kind>,
    ) -> Self {
        let mut peer = Self {
            number,
            wire,
            state: State::Opening,
            up: frame::AMQP_HEADER.to_vec(),
            down: Vec::new(),
            seen_header: false,
            max_frame,
            router_max_frame: frame::MAX_FRAME_MIN_BYTES,
            sessions: BTreeMap::new(),
            channels: BTreeMap::new(),
            strips,
            kind,
            window,
            wants_routes: false,
        };
        let container_id = kind.map_or_else(|| format!("peer-{number}"), |kind| kind.container_id.to_owned());
        peer.say(0, &speech::open(&container_id, max_frame));
        peer
    }

    /// Sends a performative.
    pub fn say(&mut self, channel: u16, performative: &impl Serialize) {
        let body = speech::body(performative);
        frame::write(&mut self.up, frame::Kind::Amqp, channel, |out| out.extend_from_slice(&body));
    }

    /// Sends a flow for a link: a receiver's credit, or a sender's question.
    pub fn flow(&mut self, channel: u16, handle: u32, credit: u32, drain: bool) {
        let flow = self.sessions.get_mut(&channel).and_then(|session| session.link_flow(handle, credit, drain));
        if let Some(flow) = flow {
            flow.write(&mut self.up, channel);
        }
    }

    /// Detaches a link.
    pub fn detach(&mut self, ledger: &mut Ledger, channel: u16, (handle, closed): (u32, bool)) {
        self.detach_as(ledger, channel, &Detach { handle: handle.into(), closed, error: None });
    }

    /// Detaches a link, and says why. A routed one need not be attached.
    pub(crate) fn detach_as(&mut self, ledger: &mut Ledger, channel: u16, detach: &Detach) {
        let handle = detach.handle.0;
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let Some(link) = session
            .links
            .get_mut(&handle)
            .filter(|link| link.stage == Stage::Attached || (link.routed.is_some() && link.stage == Stage::Asked))
        else {
            return;
        };
        link.stage = Stage::Detaching;
        if let Some(routed) = &link.routed {
            ledger.pairs.says(routed.pair, routed.side, detach);
        }
        going(ledger, link);
        session.received.retain(|_, unsettled| unsettled.handle != handle);
        self.say(channel, detach);
    }

    /// Ends a session.
    pub fn end(&mut self, ledger: &mut Ledger, channel: u16) {
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        session.ending = true;
        ledger.pairs.loses(self.number, Some(channel));
        session.links.values().for_each(|link| going(ledger, link));
        self.say(channel, &EndSession { error: None });
    }

    /// Closes the connection.
    pub fn close(&mut self, ledger: &mut Ledger) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Closing;
        self.going(ledger);
        self.say(0, &Close { error: None });
    }

    /// The connection is about to go.
    pub fn going(&self, ledger: &mut Ledger) {
        let step = ledger.step;
        ledger.pairs.closes(self.number);
        if self.kind.is_some() {
            ledger.pairs.leaves(step);
        }
        ledger.pairs.loses(self.number, None);
        self.links().for_each(|link| going(ledger, link));
    }

    /// The connection is gone.
    pub fn lost(&mut self, ledger: &mut Ledger) {
        self.state = State::Closed;
        self.going(ledger);
        for (_, session) in std::mem::take(&mut self.sessions) {
            session.links.values().for_each(|link| gone(ledger, link));
        }
    }

    /// All links.
    pub fn links(&self) -> impl Iterator<Item = &Link> {
        self.sessions.values().flat_map(|session| session.links.values())
    }
}

/// A link is about to go.
pub(crate) fn going(ledger: &mut Ledger, link: &Link) {
    match (&link.end, &link.address) {
        (End::Receiver(_), Some(address)) => ledger.consumer_going(address, link.number),
        // what it has under way ends when its link does
        _ => ledger.sender_gone(link.number),
    }
}

/// A link is gone.
pub(crate) fn gone(ledger: &mut Ledger, link: &Link) {
    match (&link.end, &link.address) {
        (End::Receiver(_), Some(address)) => ledger.consumer_gone(address, link.number),
        _ => ledger.sender_gone(link.number),
    }
}
