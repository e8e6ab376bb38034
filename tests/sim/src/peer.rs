//! A scripted peer: one connection that keeps to the protocol, and blames the router when it does not.

use std::collections::BTreeMap;

use crosstie_amqp::frame::{self, Kind};
use fe2o3_amqp_types::performatives::{Close, End as EndSession};
use serde::Serialize;

use crate::ledger::Ledger;
use crate::router::WireId;
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
}

impl Peer {
    /// A peer that has just connected and opens.
    #[must_use]
    pub fn new(number: usize, wire: WireId, max_frame: u32, strips: bool) -> Self {
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
        };
        peer.say(0, &speech::open(&format!("peer-{number}"), max_frame));
        peer
    }

    /// Sends a performative.
    pub fn say(&mut self, channel: u16, performative: &impl Serialize) {
        let body = speech::body(performative);
        frame::write(&mut self.up, Kind::Amqp, channel, |out| out.extend_from_slice(&body));
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
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let Some(link) = session.links.get_mut(&handle).filter(|link| link.stage == Stage::Attached) else {
            return;
        };
        link.stage = Stage::Detaching;
        going(ledger, link);
        session.received.retain(|_, unsettled| unsettled.handle != handle);
        self.say(channel, &speech::detach(handle, closed));
    }

    /// Ends a session.
    pub fn end(&mut self, ledger: &mut Ledger, channel: u16) {
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        session.ending = true;
        session.links.values().for_each(|link| going(ledger, link));
        self.say(channel, &EndSession { error: None });
    }

    /// Closes the connection.
    pub fn close(&mut self, ledger: &mut Ledger) {
        if self.state != State::Open {
            return;
        }
        self.state = State::Closing;
        self.links().for_each(|link| going(ledger, link));
        self.say(0, &Close { error: None });
    }

    /// The connection is gone.
    pub fn lost(&mut self, ledger: &mut Ledger) {
        self.state = State::Closed;
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
