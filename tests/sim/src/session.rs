//! A scripted peer's sessions and links, and what the router allows on them. Source: AMQP 1.0 part 2, 2.5 and 2.6.

use std::collections::{BTreeMap, BTreeSet};

use crosstie_amqp::raw::Flow;
use crosstie_amqp::serial::Serial;
use fe2o3_amqp_types::performatives::Attach;

use crate::ledger::LinkNumber;
use crate::message::MessageId;
use crate::pairs::Side;

/// How far a link is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// The router has not answered.
    Asked,
    /// Both ends are there.
    Attached,
    /// The router answered without a terminus: its detach follows.
    Refused,
    /// We sent detach.
    Detaching,
    /// The router asked for it, and we have not answered.
    Pending,
}

/// What a routed link has beside.
#[derive(Debug)]
pub struct Routed {
    /// The number of the link of the peer that asked for it.
    pub pair: LinkNumber,
    /// Where we are.
    pub side: Side,
    /// What the router asked for, until it is answered.
    pub asked: Option<Box<Attach>>,
}

/// A link of ours.
#[derive(Debug)]
pub struct Link {
    /// Its name.
    pub name: String,
    /// In the ledger.
    pub number: LinkNumber,
    /// Its address, once it is known; none on a link for any address. That of a routed link is its own.
    pub address: Option<String>,
    /// It is carried on to another peer.
    pub routed: Option<Routed>,
    /// How far it is.
    pub stage: Stage,
    /// The router's handle.
    pub remote: Option<u32>,
    /// Which end we are.
    pub end: End,
}

impl Link {
    /// A link that was asked for, of which we are the receiver; the end is still to be said.
    #[must_use]
    pub const fn new(name: String, number: LinkNumber, address: Option<String>) -> Self {
        let end = End::Receiver(Receiver::unheard());
        Self { name, number, address, routed: None, stage: Stage::Asked, remote: None, end }
    }
}

/// Which end of a link we are.
#[derive(Debug)]
pub enum End {
    /// We send.
    Sender(Sender),
    /// We receive.
    Receiver(Receiver),
}

/// The sending end.
#[derive(Debug)]
pub struct Sender {
    /// Where we began to count.
    pub start: Serial,
    /// Deliveries so far.
    pub count: Serial,
    /// Where the credit ends.
    pub limit: Serial,
    /// The delivery whose last frame is not sent.
    pub sending: Option<Sending>,
    /// Every delivery is settled.
    pub presettles: bool,
    /// The receiver of a routed link wants its credit back.
    pub drains: bool,
}

impl Sender {
    /// One that counts from here.
    #[must_use]
    pub const fn new(count: u32, presettles: bool) -> Self {
        let start = Serial(count);
        Self { start, count: start, limit: start, sending: None, presettles, drains: false }
    }
}

/// A delivery on its way out.
#[derive(Debug, Clone, Copy)]
pub struct Sending {
    /// What.
    pub message: MessageId,
    /// Bytes of it that are sent.
    pub at: usize,
    /// A frame of it is sent, though perhaps an empty one.
    pub begun: bool,
    /// As it is numbered on the session.
    pub delivery: u32,
    /// We settled it.
    pub settled: bool,
}

/// The receiving end.
#[derive(Debug)]
pub struct Receiver {
    /// We wait for the router to settle.
    pub second: bool,
    /// The router is asked to settle all.
    pub settles: bool,
    /// Where the router began to count.
    pub start: Serial,
    /// Deliveries so far, as the router counts.
    pub count: Serial,
    /// The furthest that our credit reached to.
    pub limit: Serial,
    /// Where it ends as we said last.
    pub granted: Serial,
    /// We want to have our credit back, and this was its end.
    pub draining: Option<Serial>,
    /// The delivery whose last frame has not come.
    pub arriving: Option<Arriving>,
}

impl Receiver {
    /// One that has not heard where the sender counts from.
    #[must_use]
    pub const fn unheard() -> Self {
        let none = Serial(0);
        Self {
            second: false,
            settles: false,
            start: none,
            count: none,
            limit: none,
            granted: none,
            draining: None,
            arriving: None,
        }
    }

    /// It has heard; the credit that it gave before counts from there.
    pub const fn start(&mut self, count: u32) {
        let granted = self.limit.since(self.count);
        (self.start, self.count) = (Serial(count), Serial(count));
        self.limit = self.count.add(granted);
        self.granted = self.limit;
    }
}

/// A delivery on its way in.
#[derive(Debug)]
pub struct Arriving {
    /// As the router numbers it.
    pub delivery: u32,
    /// So far.
    pub bytes: Vec<u8>,
    /// Once it is known.
    pub message: Option<MessageId>,
    /// The router settled it.
    pub settled: bool,
    /// Its tag and its format.
    pub marks: (Vec<u8>, u32),
}

/// A delivery that came and is not settled.
#[derive(Debug, Clone, Copy)]
pub struct Unsettled {
    /// Our handle.
    pub handle: u32,
    /// Which message, once it is known.
    pub message: Option<MessageId>,
    /// All of it came.
    pub is_whole: bool,
}

/// A session of ours.
#[derive(Debug)]
pub struct Session {
    /// The router has answered.
    pub begun: bool,
    /// We sent end.
    pub ending: bool,
    /// Of our next transfer.
    pub next_outgoing: Serial,
    /// Where the router's window ends.
    pub outgoing_limit: Serial,
    /// Of the router's next transfer.
    pub next_incoming: Serial,
    /// Where our window ends at most.
    pub incoming_limit: Serial,
    /// That we announce.
    pub window: u32,
    /// Of our next delivery.
    pub next_delivery: u32,
    /// Of the router's last delivery.
    pub last_delivery: Option<u32>,
    /// By our handle.
    pub links: BTreeMap<u32, Link>,
    /// The router's handles to ours.
    pub remote: BTreeMap<u32, u32>,
    /// Deliveries of ours whose outcome has not come.
    pub sent: BTreeMap<u32, (u32, MessageId)>,
    /// Deliveries of the router that we have not settled.
    pub received: BTreeMap<u32, Unsettled>,
    /// Those that the router is to settle, each with our handle.
    pub awaiting: BTreeMap<u32, (u32, Option<MessageId>)>,
    /// Deliveries of ours on routed links whose receiver waits until we settle.
    pub awaited: BTreeSet<u32>,
}

/// Links of a session.
const LINKS_MAX: usize = 6;

impl Session {
    /// Handles for another link of that name, if the session takes one.
    pub(crate) fn free_handles(&self, name: &str) -> Option<Vec<u32>> {
        let is_full = self.links.len() >= LINKS_MAX || self.links.values().any(|link| link.name == name);
        (!self.ending && !is_full).then(|| (0..20).filter(|handle| !self.links.contains_key(handle)).collect())
    }

    /// A session that we have begun.
    #[must_use]
    pub const fn new(next_outgoing: u32, next_delivery: u32, window: u32) -> Self {
        Self {
            begun: false,
            ending: false,
            next_outgoing: Serial(next_outgoing),
            outgoing_limit: Serial(next_outgoing),
            next_incoming: Serial(0),
            incoming_limit: Serial(window),
            window,
            next_delivery,
            last_delivery: None,
            links: BTreeMap::new(),
            remote: BTreeMap::new(),
            sent: BTreeMap::new(),
            received: BTreeMap::new(),
            awaiting: BTreeMap::new(),
            awaited: BTreeSet::new(),
        }
    }

    /// Whether the router takes a transfer.
    #[must_use]
    pub const fn may_send(&self) -> bool {
        self.begun && !self.ending && self.next_outgoing.before(self.outgoing_limit)
    }

    /// The session part of a flow, which announces the window anew.
    pub const fn flow(&mut self) -> Flow {
        let limit = self.next_incoming.add(self.window);
        if self.incoming_limit.before(limit) {
            self.incoming_limit = limit;
        }
        Flow {
            next_incoming_id: if self.begun { Some(self.next_incoming.0) } else { None },
            incoming_window: self.window,
            next_outgoing_id: self.next_outgoing.0,
            outgoing_window: 1000,
            handle: None,
            delivery_count: None,
            link_credit: None,
            available: None,
            drain: false,
            echo: false,
        }
    }

    /// A flow of a link, with more credit or less.
    pub fn link_flow(&mut self, handle: u32, credit: u32, drain: bool) -> Option<Flow> {
        let mut flow = self.flow();
        let link = self.links.get_mut(&handle)?;
        flow.handle = Some(handle);
        match &mut link.end {
            End::Receiver(receiver) => {
                let end = receiver.count.add(credit);
                if receiver.limit.before(end) {
                    receiver.limit = end;
                }
                receiver.granted = end;
                receiver.draining = drain.then_some(end);
                // before the router's attach its delivery-count is not known
                flow.delivery_count = (link.stage == Stage::Attached).then_some(receiver.count.0);
                flow.link_credit = Some(credit);
                flow.drain = drain;
            }
            End::Sender(sender) => {
                flow.delivery_count = Some(sender.count.0);
                flow.available = Some(credit);
            }
        }
        Some(flow)
    }

    /// The link with this handle of the router.
    ///
    /// # Panics
    ///
    /// When there is none: the router must know.
    pub fn by_remote(&mut self, remote: u32, what: &str) -> (u32, &mut Link) {
        let handle = *self.remote.get(&remote).unwrap_or_else(|| panic!("{what} for handle {remote} of nothing"));
        (handle, self.links.get_mut(&handle).expect("a link at a handle"))
    }

    /// Takes a link away, with its deliveries.
    pub fn remove(&mut self, handle: u32) -> Option<Link> {
        let link = self.links.remove(&handle)?;
        if let Some(remote) = link.remote {
            self.remote.remove(&remote);
        }
        self.received.retain(|_, unsettled| unsettled.handle != handle);
        if link.routed.is_some() {
            // nobody settles them any more
            self.awaiting.retain(|_, (of, _)| *of != handle);
            self.awaited.retain(|id| self.sent.get(id).is_none_or(|(of, _)| *of != handle));
        }
        Some(link)
    }
}
