//! What the router itself sends: answers of the management node, and what waited for a consumer when its sender went.

use std::collections::VecDeque;
use std::sync::Arc;

use crosstie_amqp::connection::{Connection, Transfer};
use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::quota::Held;

use crate::address::{Address, ConnectionRef};
use crate::capacity::Capacity;
use crate::counters::Counters;
use crate::lane::{Lane, Lanes};
use crate::link::{Incoming, Link, Waiting};
use crate::shard::{Peer, Producer, Shard};
use crate::watch::Watch;

/// Deliveries that wait for a receiver's credit at most; more are dropped.
const WAITING_MAX: u32 = 10_000;

/// Bytes of them.
const WAITING_MAX_BYTES: usize = 32 << 20;

/// For answers of the management node.
const ANSWERS: LinkId = LinkId { channel: 0, handle: 0 };

/// For what was inherited.
const INHERITED: LinkId = LinkId { channel: 0, handle: 1 };

impl Shard {
    /// Gives the router itself a link to send by. Nothing is read from this connection, and what is written to it is lost.
    pub fn speak_through(&mut self, now: Time, amqp: Connection, meta: crate::shard::Meta) {
        let mut peer = Box::new(Peer::new(amqp, meta));
        peer.set_session(ANSWERS.channel);
        for link in [ANSWERS, INHERITED] {
            let incoming = Incoming {
                id: 0,
                serial: peer.next_serial(),
                name: Arc::from("router"),
                lanes: Lanes::Anonymous(Box::default()),
                auto_link: None,
                kept: Held::default(),
                capacity: Capacity::new(peer.meta.capacity),
                held: 0,
                is_open: false,
                touched: false,
                ran_dry: false,
                strips: true,
                message_max_bytes: None,
                message_max_by: None,
                arriving: None,
                naming: None,
                early: None,
                waiting_bytes: 0,
                stalls: false,
                counters: Counters::default(),
                watch: Watch::default(),
            };
            if let Some(session) = peer.session(link.channel) {
                session.set(link.handle, Link::Incoming(Box::new(incoming)));
            }
        }
        self.voice = Some(self.insert(now, peer));
    }

    /// The connection of the router itself.
    #[must_use]
    pub const fn voice(&self) -> Option<ConnectionRef> {
        self.voice
    }

    /// Sends a message, which names its address in its properties. It is presettled; one that nobody waits for is dropped.
    pub fn send(&mut self, now: Time, message: &[u8]) {
        self.now = now;
        let Some(at) = self.voice else {
            return;
        };
        let Some(incoming) = self.incoming_mut(at, ANSWERS) else {
            return;
        };
        let id = incoming.counters.deliveries;
        if incoming.held >= WAITING_MAX || incoming.waiting_bytes >= WAITING_MAX_BYTES {
            self.drop_longest(at);
        }
        let transfer = Transfer {
            link: ANSWERS,
            id,
            first: true,
            spent: false,
            more: false,
            settled: true,
            aborted: false,
            format: Some(0),
            payload: message,
            tag: None,
            plain: true,
            body: &[],
        };
        self.handle_transfer(at, &transfer);
    }

    /// Drops the answers that wait for the receiver who leaves most of them waiting, so that the others have theirs.
    fn drop_longest(&mut self, at: ConnectionRef) {
        let Some(incoming) = self.incoming_mut(at, ANSWERS) else {
            return;
        };
        let bytes = |lane: &Lane| lane.waiting.iter().map(Waiting::bytes).sum::<usize>();
        let Some(longest) = incoming.lanes.iter().max_by_key(|(_, lane)| bytes(lane)).map(|(lane, _)| lane) else {
            return;
        };
        if let Some(lane) = incoming.lane(longest) {
            let (address, count) = (lane.address.key.to_string(), lane.waiting.len());
            tracing::warn!(target: "management", address, count, "answers are dropped: nobody takes them");
        }
        self.release_waiting(at, ANSWERS, longest);
    }

    /// Takes over what waits on a lane whose sender has gone: nobody hears of an outcome, so that all of it is settled.
    pub(crate) fn inherit(&mut self, address: &Arc<Address>, waiting: VecDeque<Waiting>) {
        let Some(at) = self.voice else {
            return;
        };
        let whole = |waiting: &Waiting| waiting.pieces.last().is_some_and(|piece| !piece.head.more);
        for mut delivery in waiting.into_iter().filter(whole) {
            let Some(incoming) = self.incoming_mut(at, INHERITED) else {
                return;
            };
            if incoming.held >= WAITING_MAX || incoming.waiting_bytes >= WAITING_MAX_BYTES {
                self.drop_presettled(at, INHERITED, 1);
                continue;
            }
            let serial = incoming.serial;
            let Lanes::Anonymous(anonymous) = &mut incoming.lanes else {
                return;
            };
            let key = address.key.to_string();
            let lane = match anonymous.named(&key) {
                Some(lane) => lane,
                None => {
                    let Some(again) = self.common.addresses.find(&address.key) else {
                        return;
                    };
                    self.open_lane(at, INHERITED, (&key, 0), again)
                }
            };
            delivery.head.settled = true;
            delivery.pieces.iter_mut().for_each(|piece| piece.head.settled = true);
            let Some(incoming) = self.incoming_mut(at, INHERITED) else {
                return;
            };
            incoming.held = incoming.held.saturating_add(1);
            incoming.waiting_bytes = incoming.waiting_bytes.saturating_add(delivery.bytes());
            let Some(state) = incoming.lane(lane) else {
                return;
            };
            state.waiting.push_back(delivery);
            if state.waiting.len() == 1 {
                let producer = Producer { connection: at, link: INHERITED, serial, lane };
                if let Some(local) = self.locals.get_mut(&address.id) {
                    local.waiting.push_back(producer);
                }
                address.wait(self.id);
            }
            self.kicked.push(address.id);
        }
    }
}
