//! What a scripted peer hears: every frame is read by the codec that is not under test, and has to be allowed where it stands.

use crosstie_amqp::raw;
use crosstie_amqp::serial::Serial;
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::{DeliveryState, TargetArchetype};
use fe2o3_amqp_types::performatives::{
    Attach, Begin, Close, Detach, Disposition, End as EndSession, Flow, Open, Transfer,
};
use serde::de::DeserializeOwned;

use crate::ledger::Ledger;
use crate::message;
use crate::pairs::Side;
use crate::peer::{Peer, State, gone};
use crate::session::{Arriving, End, Link, Receiver, Routed, Stage, Unsettled};
use crate::speech;

fn read<T: DeserializeOwned>(bytes: &[u8]) -> T {
    serde_amqp::from_slice(bytes).unwrap_or_else(|error| panic!("the router sent {bytes:02x?}: {error}"))
}

impl Peer {
    /// Takes bytes of the router.
    ///
    /// # Panics
    ///
    /// When they break the protocol.
    pub fn hear(&mut self, ledger: &mut Ledger, bytes: &[u8]) {
        self.down.extend_from_slice(bytes);
        let mut down = std::mem::take(&mut self.down);
        let mut at = 0;
        if !self.seen_header && down.len() >= 8 {
            assert_eq!(down[..8], crosstie_amqp::frame::AMQP_HEADER, "the router's header");
            (self.seen_header, at) = (true, 8);
        }
        while self.seen_header
            && let Some(size) = down.get(at..at + 4)
        {
            let size = usize::try_from(u32::from_be_bytes(size.try_into().expect("four bytes"))).expect("a size");
            let Some(frame) = down.get(at..at + size) else {
                break;
            };
            // before our open is read, a router may send 512 bytes
            assert!(size >= 8 && size <= usize::try_from(self.max_frame).expect("a size"), "a frame of {size} bytes");
            assert_eq!(frame[4..6], [2, 0], "a frame header");
            self.hear_frame(ledger, u16::from_be_bytes([frame[6], frame[7]]), &frame[8..]);
            at += size;
        }
        down.drain(..at);
        self.down = down;
    }

    fn hear_frame(&mut self, ledger: &mut Ledger, channel: u16, body: &[u8]) {
        assert!(self.state != State::Closed, "a frame after close: {body:02x?}");
        if body.is_empty() {
            return;
        }
        let (code, _) = raw::code(body).expect("a performative");
        let (said, payload) = body.split_at(raw::skip(body).expect("a whole performative"));
        assert!(code == raw::TRANSFER || payload.is_empty(), "bytes behind a performative");
        assert!((self.state == State::Opening) == (code == raw::OPEN), "performative {code:#x} in {:?}", self.state);
        match code {
            raw::OPEN => {
                let open: Open = read(said);
                self.router_max_frame = open.max_frame_size.0;
                self.state = State::Open;
                if let Some(kind) = self.kind {
                    let step = ledger.step;
                    ledger.pairs.opened(self.number, kind, step);
                }
            }
            raw::CLOSE => {
                let close: Close = read(said);
                assert_eq!(close.error, None, "the router blames a well-behaved peer");
                if self.state == State::Open {
                    self.say(0, &Close { error: None });
                }
                self.state = State::Closed;
            }
            raw::BEGIN => {
                let begin: Begin = read(said);
                match begin.remote_channel {
                    Some(ours) => self.hear_begin((channel, ours), &begin),
                    None => self.hear_asked_begin(channel, &begin),
                }
            }
            raw::ATTACH => self.hear_attach(ledger, channel, &read(said)),
            raw::FLOW => self.hear_flow(ledger, channel, &read(said)),
            raw::TRANSFER => self.hear_transfer(ledger, channel, (&read(said), payload)),
            raw::DISPOSITION => self.hear_disposition(ledger, channel, &read(said)),
            raw::DETACH => self.hear_detach(ledger, channel, &read(said)),
            raw::END => self.hear_end(ledger, channel, &read(said)),
            other => panic!("the router sent performative {other:#x}"),
        }
    }

    /// Our channel for the router's.
    fn ours(&self, channel: u16) -> u16 {
        *self.channels.get(&channel).unwrap_or_else(|| panic!("channel {channel} has no session"))
    }

    fn hear_begin(&mut self, (channel, ours): (u16, u16), begin: &Begin) {
        assert!(self.channels.insert(channel, ours).is_none(), "channel {channel} is in use");
        let session = self.sessions.get_mut(&ours).expect("a session of ours");
        assert!(!session.begun, "a second answer to our begin");
        session.begun = true;
        session.outgoing_limit = session.next_outgoing.add(begin.incoming_window);
        // windows that we announced before count from here
        let window = session.incoming_limit.0;
        session.next_incoming = Serial(begin.next_outgoing_id);
        session.incoming_limit = session.next_incoming.add(window);
    }

    fn hear_attach(&mut self, ledger: &mut Ledger, channel: u16, attach: &Attach) {
        let ours = self.ours(channel);
        if self.kind.is_some() {
            return self.hear_asked(ledger, ours, attach);
        }
        let session = self.sessions.get_mut(&ours).expect("a session");
        let receives = attach.role == Role::Sender;
        let found = session.links.iter_mut().find(|(_, link)| {
            link.name == attach.name && receives == matches!(link.end, End::Receiver(_)) && link.remote.is_none()
        });
        let (handle, link) = found.unwrap_or_else(|| panic!("an answer to no attach of ours: {attach:?}"));
        link.remote = Some(attach.handle.0);
        let refused = if receives { attach.source.is_none() } else { attach.target.is_none() };
        let detaching = link.stage == Stage::Detaching;
        if !detaching {
            link.stage = if refused { Stage::Refused } else { Stage::Attached };
        }
        if let Some(routed) = &link.routed
            && !refused
        {
            let terminus = match attach.target.as_deref() {
                Some(TargetArchetype::Target(target)) if !receives => target.address.as_deref(),
                _ => attach.source.as_deref().and_then(|source| source.address.as_deref()),
            };
            ledger.pairs.heard(routed.pair, Side::Client, Some(terminus.expect("an address")));
        }
        if let End::Receiver(receiver) = &mut link.end {
            receiver.start(attach.initial_delivery_count.expect("a delivery-count"));
            if !refused && !detaching {
                let named = attach.source.as_ref().and_then(|source| source.address.clone());
                let address = link.address.get_or_insert_with(|| named.expect("an address that we did not choose"));
                ledger.consumer_came(address, link.number, receiver.settles);
                if session.ending || self.state == State::Closing {
                    ledger.consumer_going(address, link.number);
                }
            }
        } else if let Some(target) = &attach.target {
            assert!(matches!(**target, TargetArchetype::Target(_)), "an answer with another target");
        }
        assert!(session.remote.insert(attach.handle.0, *handle).is_none(), "handle {:?} is in use", attach.handle);
    }

    fn hear_flow(&mut self, ledger: &mut Ledger, channel: u16, flow: &Flow) {
        let ours = self.ours(channel);
        let session = self.sessions.get_mut(&ours).expect("a session");
        let next = flow.next_incoming_id.expect("the router has seen our begin");
        let limit = Serial(next).add(flow.incoming_window);
        assert!(!limit.before(session.outgoing_limit), "the router takes its window back");
        session.outgoing_limit = limit;
        let Some(remote) = &flow.handle else {
            return;
        };
        let ending = session.ending || self.state == State::Closing;
        let (handle, link) = session.by_remote(remote.0, "flow");
        assert!(link.stage != Stage::Refused, "a flow for a link that was refused");
        let count = flow.delivery_count.map(Serial).expect("a delivery-count");
        let answers = link.number % 2 == 0 && link.stage == Stage::Attached && !ending;
        match &mut link.end {
            End::Sender(sender) if let Some(routed) = &link.routed => {
                sender.limit = count.add(flow.link_credit.expect("a credit"));
                sender.drains = flow.drain;
                // the receiver may take its credit back
                if !sender.limit.before(sender.start) {
                    ledger.pairs.credit(routed.pair, sender.limit.since(sender.start));
                }
            }
            End::Sender(sender) => {
                let limit = count.add(flow.link_credit.unwrap_or(0));
                assert!(!limit.before(sender.limit), "the router takes credit back: {flow:?}, {sender:?}");
                sender.limit = limit;
                // half of the senders know what a drain is; one that has not begun a delivery has no room for it afterwards
                let unbegun = sender.sending.is_some_and(|sending| !sending.begun);
                if flow.drain && answers && !unbegun {
                    sender.count = limit;
                    let answer = session.link_flow(handle, 0, false).expect("a link");
                    answer.write(&mut self.up, ours);
                }
            }
            End::Receiver(receiver) => {
                let fits = !count.before(receiver.count) && !receiver.limit.before(count);
                assert!(fits, "a flow moves the delivery-count to {count:?}: {receiver:?}");
                receiver.count = count;
                if receiver.draining.is_some_and(|end| !count.before(end)) {
                    receiver.draining = None;
                }
            }
        }
    }

    fn hear_transfer(&mut self, ledger: &mut Ledger, channel: u16, (transfer, payload): (&Transfer, &[u8])) {
        let (ours, strips) = (self.ours(channel), self.strips);
        let session = self.sessions.get_mut(&ours).expect("a session");
        assert!(session.next_incoming.before(session.incoming_limit), "a transfer beyond our window");
        session.next_incoming = session.next_incoming.add(1);
        let last = session.last_delivery;
        let ending = session.ending || self.state == State::Closing;
        let (handle, link) = session.by_remote(transfer.handle.0, "transfer");
        let (number, stage) = (link.number, link.stage);
        assert!(stage != Stage::Refused, "a transfer for a link that was refused");
        let void = ending || stage == Stage::Detaching;
        let address = link.address.clone().expect("a receiver has an address");
        let is_routed = link.routed.is_some();
        let End::Receiver(receiver) = &mut link.end else {
            panic!("a transfer for a sender of ours");
        };
        let begins = receiver.arriving.is_none();
        if begins {
            let delivery = transfer.delivery_id.expect("an id on the first frame");
            assert!(transfer.delivery_tag.is_some(), "no tag on the first frame");
            let marks = (transfer.delivery_tag.as_ref().map(|tag| tag.to_vec()), transfer.message_format);
            let marks = (marks.0.expect("a tag"), marks.1.expect("a message-format"));
            assert!(is_routed || marks.1 == 0, "the message-format changed");
            assert!(last.is_none_or(|last| last.wrapping_add(1) == delivery), "delivery {delivery} follows {last:?}");
            assert!(receiver.count.before(receiver.limit), "a delivery beyond our credit: {receiver:?}");
            receiver.count = receiver.count.add(1);
            receiver.arriving = Some(Arriving { delivery, bytes: Vec::new(), message: None, settled: false, marks });
        }
        let arriving = receiver.arriving.as_mut().expect("a delivery");
        assert!(transfer.delivery_id.is_none_or(|id| id == arriving.delivery), "another id inside a delivery");
        arriving.settled |= transfer.settled.unwrap_or(false);
        arriving.bytes.extend_from_slice(payload);
        if arriving.message.is_none() && !void {
            arriving.message = message::identity(&arriving.bytes);
            if let Some(message) = arriving.message {
                ledger.begins(message, &address, number);
                let sent = ledger.marks(message);
                assert!(sent.is_none_or(|sent| sent == arriving.marks), "message {message} has another tag or format");
            }
        }
        let ends = !transfer.more || transfer.aborted;
        let (delivery, settled, message) = (arriving.delivery, arriving.settled, arriving.message);
        if ends && !void {
            end_delivery(ledger, receiver, (number, strips), transfer.aborted);
        } else if ends {
            receiver.arriving = None;
        }
        session.last_delivery = last.filter(|_| !begins).or(Some(delivery));
        if settled || transfer.aborted || void {
            session.received.remove(&delivery);
            session.awaiting.remove(&delivery);
        } else {
            let known = Unsettled { handle, message, is_whole: ends };
            // one that was settled while it arrived stays settled
            if session.received.contains_key(&delivery) || begins {
                session.received.insert(delivery, known);
            }
        }
    }

    fn hear_disposition(&mut self, ledger: &mut Ledger, channel: u16, said: &Disposition) {
        let ours = self.ours(channel);
        let session = self.sessions.get_mut(&ours).expect("a session");
        let last = said.last.unwrap_or(said.first);
        assert!(last.wrapping_sub(said.first) < 1 << 20, "a disposition of {} to {last}", said.first);
        let mut id = said.first;
        loop {
            if said.role == Role::Receiver {
                let behind = session.next_delivery.wrapping_sub(id);
                assert!(behind > 0 && behind < 1 << 31, "a disposition of delivery {id}, which we have not sent");
                match session.sent.get(&id) {
                    Some((_, message)) if said.settled => {
                        session.awaited.remove(&id);
                        ledger.outcome(*message, said.state.as_ref());
                    }
                    Some((_, message)) if let Some(state @ DeliveryState::Received(_)) = &said.state => {
                        ledger.hears_progress(*message, state);
                    }
                    Some((handle, message)) => {
                        // on a link that is gone it is late
                        if let Some(link) = session.links.get(handle) {
                            assert!(link.routed.is_some(), "the router settles, or says nothing");
                            session.awaited.insert(id);
                        }
                        ledger.heard(*message, said.state.as_ref());
                    }
                    None => panic!("delivery {id} was never unsettled"),
                }
            } else if let Some((_, Some(message))) = session.awaiting.remove(&id) {
                ledger.confirmed(message);
            } else if let Some(Unsettled { message: Some(message), .. }) = session.received.remove(&id) {
                assert!(ledger.is_settled_by_sender(message), "message {message} is settled by nobody");
            }
            if id == last {
                return;
            }
            id = id.wrapping_add(1);
        }
    }

    fn hear_detach(&mut self, ledger: &mut Ledger, channel: u16, detach: &Detach) {
        let ours = self.ours(channel);
        let session = self.sessions.get_mut(&ours).expect("a session");
        let (handle, link) = session.by_remote(detach.handle.0, "detach");
        let (stage, address) = (link.stage, link.address.clone());
        if stage == Stage::Pending {
            // our answer crosses it
            self.answer_with(ledger, (ours, handle), 0, false);
            return self.hear_detach(ledger, channel, detach);
        }
        let pair = link.routed.as_ref().map(|routed| (routed.pair, routed.side));
        check_detach(ledger, link, detach);
        gone(ledger, link);
        session.remove(handle);
        let answers = !session.ending && self.state == State::Open;
        let answer = match stage {
            Stage::Refused if answers => {
                assert!(detach.error.is_some() || pair.is_some(), "a refusal without a reason");
                speech::detach(handle, true)
            }
            Stage::Attached if pair.is_some() && answers => speech::detach(handle, detach.closed),
            Stage::Attached if pair.is_none() => {
                panic!("the router detaches a link of {address:?}: {:?}", detach.error)
            }
            _ => return,
        };
        if let Some((pair, side)) = pair {
            ledger.pairs.says(pair, side, &answer);
        }
        self.say(ours, &answer);
    }

    fn hear_end(&mut self, ledger: &mut Ledger, channel: u16, end: &EndSession) {
        let ours = self.ours(channel);
        assert!(end.error.is_none(), "the router ends a session: {:?}", end.error);
        self.channels.remove(&channel);
        let session = self.sessions.remove(&ours).expect("a session");
        assert!(session.ending, "the router ends a session by itself");
        session.links.values().for_each(|link| gone(ledger, link));
    }
}

/// A routed link is detached as its other end was.
fn check_detach(ledger: &mut Ledger, link: &Link, detach: &Detach) {
    let Some(Routed { pair, side, .. }) = &link.routed else {
        return;
    };
    ledger.pairs.detached(*pair, *side, detach);
    if matches!(link.end, End::Sender(_)) && ledger.pairs.is_detached_in_order(*pair, *side) {
        ledger.check_told(link.number);
    }
}

/// The last frame of a delivery came.
fn end_delivery(ledger: &mut Ledger, receiver: &mut Receiver, (number, strips): (u32, bool), aborted: bool) {
    let Some(arriving) = receiver.arriving.take() else {
        return;
    };
    if aborted {
        return;
    }
    let message = arriving.message.unwrap_or_else(|| panic!("no message of ours arrived: {:02x?}", arriving.bytes));
    ledger.arrives(message, number, (&arriving.bytes, strips));
    if arriving.settled {
        ledger.settles(message, number, None);
    }
}
