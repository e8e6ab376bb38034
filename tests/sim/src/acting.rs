//! What a scripted peer does when it is its turn: by chance, within the protocol.

use crosstie_amqp::raw::{self, Disposition, Transfer};
use fastrand::Rng;
use fe2o3_amqp_types::definitions::{AmqpError, Error, ReceiverSettleMode, SenderSettleMode};
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Modified, Rejected, Released};

use crate::habits::Habits;
use crate::ledger::Ledger;
use crate::message::{self, FORMS};
use crate::peer::{Peer, State};
use crate::session::{End, Link, Receiver, Routed, Sender, Sending, Session, Stage};
use crate::speech;

/// Sessions of a peer.
const SESSIONS_MAX: usize = 3;

/// Where counters start, so that some wrap.
pub(crate) const STARTS: [u32; 4] = [0, 1, u32::MAX - 2, u32::MAX / 2 - 1];

/// A turn: what a peer looks at and writes to.
#[derive(Debug)]
pub struct Turn<'a> {
    /// What is known of all messages.
    pub ledger: &'a mut Ledger,
    /// Chance.
    pub rng: &'a mut Rng,
    /// What the run is like.
    pub habits: &'a Habits,
    /// Addresses that were given to dynamic sources.
    pub given: &'a [String],
}

impl Turn<'_> {
    pub(crate) fn one<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.rng.usize(..all.len())]
    }

    fn address(&mut self) -> String {
        if !self.given.is_empty() && self.rng.u8(..6) == 0 {
            return self.given[self.rng.usize(..self.given.len())].clone();
        }
        self.one(&self.habits.addresses.clone()).to_owned()
    }

    fn outcome(&mut self) -> Option<DeliveryState> {
        // so that the states of routed deliveries tell them apart
        let why = if self.habits.containers.is_some() { format!("no {}", self.rng.u16(..)) } else { "no".to_owned() };
        let error = Error { condition: AmqpError::NotAllowed.into(), description: Some(why), info: None };
        match self.rng.u8(..12) {
            0 => Some(DeliveryState::Rejected(Rejected { error: Some(error) })),
            1 => Some(DeliveryState::Rejected(Rejected { error: None })),
            2 => Some(DeliveryState::Released(Released {})),
            3 => Some(modified(Some(true), None)),
            4 => Some(modified(None, Some(true))),
            5 => None,
            _ => Some(DeliveryState::Accepted(Accepted {})),
        }
    }
}

const fn modified(delivery_failed: Option<bool>, undeliverable_here: Option<bool>) -> DeliveryState {
    DeliveryState::Modified(Modified { delivery_failed, undeliverable_here, message_annotations: None })
}

impl Peer {
    /// Does one thing.
    pub fn act(&mut self, turn: &mut Turn<'_>) {
        // what is pipelined before the router's open must fit its smallest frame; the rest waits
        if self.state != State::Open {
            return;
        }
        let what = turn.habits.peer.pick(turn.rng);
        if what == 0 || self.sessions.is_empty() {
            if self.kind.is_none() {
                self.begin(turn);
            }
            return;
        }
        let channels: Vec<u16> = self.sessions.keys().copied().collect();
        let channel = turn.one(&channels);
        if turn.habits.containers.is_some() {
            self.act_routed(turn, channel);
        }
        match what {
            1 if self.kind.is_some() => {}
            1 if turn.habits.containers.is_some() && turn.rng.u8(..4) > 0 => self.attach_routed(turn, channel),
            1 => self.attach(turn, channel),
            2 => self.send(turn, channel, false),
            3 => self.send(turn, channel, true),
            4 => self.give_credit(turn, channel, false),
            5 => self.give_credit(turn, channel, true),
            6 => self.settle(turn, channel),
            7 | 12 => self.announce(turn, channel, what == 12),
            8 => {
                if turn.habits.containers.is_some() && turn.rng.bool() {
                    self.detach_routed(turn, channel);
                } else if let Some(handle) = self.pick(turn, channel, |_| true) {
                    let closed = turn.rng.bool();
                    self.detach(turn.ledger, channel, (handle, closed));
                }
            }
            9 => self.end(turn.ledger, channel),
            10 => self.close(turn.ledger),
            _ => self.give_up(turn, channel),
        }
    }

    /// Begins a session and attaches links.
    pub fn prepare(&mut self, turn: &mut Turn<'_>) {
        if self.kind.is_some() {
            return;
        }
        self.begin(turn);
        for at in 0..turn.habits.prepared {
            if turn.habits.containers.is_some() && at % 3 > 0 {
                self.attach_routed(turn, 0);
            } else {
                self.attach(turn, 0);
            }
        }
    }

    /// An attached link of a session that goes on.
    pub(crate) fn pick(&self, turn: &mut Turn<'_>, channel: u16, wanted: impl Fn(&Link) -> bool) -> Option<u32> {
        let session = self.sessions.get(&channel).filter(|session| session.begun && !session.ending)?;
        let fits = session.links.iter().filter(|(_, link)| link.stage == Stage::Attached && wanted(link));
        let handles: Vec<u32> = fits.map(|(handle, _)| *handle).collect();
        (!handles.is_empty()).then(|| turn.one(&handles))
    }

    fn begin(&mut self, turn: &mut Turn<'_>) {
        if self.sessions.len() >= SESSIONS_MAX {
            return;
        }
        let Some(channel) = (0..9).find(|channel| !self.sessions.contains_key(channel)) else {
            return;
        };
        let (next, delivery) = (turn.one(&STARTS), turn.one(&STARTS));
        let window = turn.one(&turn.habits.windows.clone());
        self.sessions.insert(channel, Session::new(next, delivery, window));
        self.say(channel, &speech::begin(None, next, window));
    }

    fn attach(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let sends = turn.rng.bool();
        let name = format!("{}-{channel}-{}", if sends { "s" } else { "r" }, turn.rng.u8(..4));
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let Some(free) = session.free_handles(&name) else {
            return;
        };
        let (number, handle) = (turn.ledger.number(), turn.one(&free));
        let (link, attach) = if sends {
            let anonymous = turn.rng.u8(..4) == 0;
            let address = (!anonymous).then(|| turn.address());
            let mut attach = speech::sender(&name, handle, address.as_deref());
            let count = turn.one(&STARTS);
            attach.initial_delivery_count = Some(count);
            let presettles = turn.rng.u32(..100) < turn.habits.presettled / 2;
            if presettles {
                attach.snd_settle_mode = SenderSettleMode::Settled;
            }
            let end = Sender::new(count, presettles);
            (Link { end: End::Sender(end), ..Link::new(name, number, address) }, attach)
        } else {
            let address = (turn.rng.u8(..12) > 0).then(|| turn.address());
            let mut attach = speech::receiver(&name, handle, address.as_deref());
            let (second, settles) = (turn.rng.u8(..4) == 0, turn.rng.u8(..8) == 0);
            if second {
                attach.rcv_settle_mode = ReceiverSettleMode::Second;
            }
            if settles {
                attach.snd_settle_mode = SenderSettleMode::Settled;
            }
            (
                Link {
                    end: End::Receiver(Receiver { second, settles, ..Receiver::unheard() }),
                    ..Link::new(name, number, address)
                },
                attach,
            )
        };
        session.links.insert(handle, link);
        self.say(channel, &attach);
    }

    /// Sends a frame of a delivery, or all of it.
    fn send(&mut self, turn: &mut Turn<'_>, channel: u16, whole: bool) {
        let Some(handle) = self.pick(turn, channel, |link| matches!(link.end, End::Sender(_))) else {
            return;
        };
        self.start(turn, channel, handle);
        loop {
            let most = if whole { usize::MAX } else { turn.rng.usize(0..=turn.habits.size_max + 40) };
            if !self.send_frame(turn, (channel, handle), most) || !whole {
                return;
            }
        }
    }

    /// Begins a delivery where there is none and credit for one.
    pub(crate) fn start(&mut self, turn: &mut Turn<'_>, channel: u16, handle: u32) {
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| session.may_send()) else {
            return;
        };
        let Some(link) = session.links.get_mut(&handle) else {
            return;
        };
        let (number, known, pair) = (link.number, link.address.clone(), link.routed.as_ref().map(|routed| routed.pair));
        let End::Sender(sender) = &mut link.end else {
            return;
        };
        if sender.sending.is_some() || !sender.count.before(sender.limit) {
            return;
        }
        let address = known.clone().unwrap_or_else(|| turn.address());
        let id = turn.ledger.next_message();
        let presettled = sender.presettles || turn.rng.u32(..100) < turn.habits.presettled;
        let size = turn.rng.usize(0..=turn.habits.size_max);
        let to = known.is_none().then_some(address.as_str());
        let form = turn.one(&FORMS);
        turn.ledger.send(number, &address, message::write(id, form, to, size), presettled);
        if let Some(pair) = pair {
            turn.mark(id, pair);
        }
        sender.count = sender.count.add(1);
        sender.sending =
            Some(Sending { message: id, at: 0, begun: false, delivery: session.next_delivery, settled: presettled });
        if !presettled {
            session.sent.insert(session.next_delivery, (handle, id));
        }
        session.next_delivery = session.next_delivery.wrapping_add(1);
    }

    /// Sends `most` bytes of the delivery under way, as one frame. Says whether more is to be sent.
    pub(crate) fn send_frame(&mut self, turn: &mut Turn<'_>, (channel, handle): (u16, u32), most: usize) -> bool {
        let room = usize::try_from(self.router_max_frame).expect("a size") - 100;
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| session.may_send()) else {
            return false;
        };
        let Some(Link { end: End::Sender(sender), stage: Stage::Attached, .. }) = session.links.get_mut(&handle) else {
            return false;
        };
        let Some(sending) = &mut sender.sending else {
            return false;
        };
        let bytes = turn.ledger.bytes(sending.message);
        let end = bytes.len().min(sending.at + most.min(room));
        let payload = &bytes[sending.at..end];
        let (first, more) = (!std::mem::replace(&mut sending.begun, true), end < bytes.len());
        let marks = turn.ledger.marks(sending.message);
        let (tag, format) = marks.unwrap_or_else(|| (sending.delivery.to_be_bytes().to_vec(), 0));
        let repeats = first || turn.rng.u8(..4) == 0;
        // a later frame may settle what the first did not
        let settles = !first && !sending.settled && turn.rng.u8(..40) == 0;
        sending.settled |= settles;
        let transfer = Transfer {
            handle,
            delivery_id: repeats.then_some(sending.delivery),
            delivery_tag: first.then_some(tag.as_slice()),
            message_format: first.then_some(format),
            settled: (first || settles || turn.rng.bool()).then_some(sending.settled),
            more,
            batchable: turn.rng.u8(..8) == 0,
            ..Transfer::default()
        };
        transfer.write(&mut self.up, channel, payload);
        session.next_outgoing = session.next_outgoing.add(1);
        sending.at = end;
        let (message, delivery) = (sending.message, sending.delivery);
        if !more {
            sender.sending = None;
            turn.ledger.sent_all(message);
        }
        if settles {
            turn.ledger.forget(message);
            session.awaited.remove(&delivery);
        }
        more
    }

    /// Gives a delivery up that is under way, or settles one without waiting.
    fn give_up(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let Some(handle) = self.pick(turn, channel, |link| matches!(link.end, End::Sender(_))) else {
            return;
        };
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        if turn.rng.u8(..3) == 0 {
            let mine: Vec<_> =
                session.sent.iter().filter(|(_, (of, _))| *of == handle).map(|(id, at)| (*id, at.1)).collect();
            if let Some((id, message)) = mine.get(turn.rng.usize(..mine.len().max(1))) {
                let under_way = session.links.get(&handle).is_some_and(|link| match &link.end {
                    End::Sender(sender) => sender.sending.is_some_and(|sending| sending.delivery == *id),
                    End::Receiver(_) => false,
                });
                if !under_way {
                    turn.ledger.forget(*message);
                    let said = Disposition { first: *id, settled: true, ..Disposition::default() };
                    said.write(&mut self.up, channel);
                }
            }
            return;
        }
        let may_send = session.may_send();
        let Some(Link { end: End::Sender(sender), routed, .. }) = session.links.get_mut(&handle) else {
            return;
        };
        if may_send && let Some(sending) = sender.sending.take() {
            turn.ledger.abort(sending.message);
            if let Some(Routed { pair, .. }) = routed
                && sending.begun
                && sending.at == 0
                && !turn.ledger.is_improper(sending.message)
            {
                // nothing of it was there to be handed on
                turn.ledger.pairs.improper(*pair);
            }
            session.next_outgoing = session.next_outgoing.add(1);
            let aborted = Transfer { handle, aborted: true, more: turn.rng.bool(), ..Transfer::default() };
            aborted.write(&mut self.up, channel, &[]);
        }
    }

    fn give_credit(&mut self, turn: &mut Turn<'_>, channel: u16, drain: bool) {
        if let Some(handle) = self.pick(turn, channel, |link| matches!(link.end, End::Receiver(_))) {
            let credit = turn.rng.u32(0..=turn.habits.credit_max);
            self.flow(channel, handle, credit, drain);
        }
    }

    /// Announces the session's window, another one at times; `echo`: and wants to hear the router's.
    fn announce(&mut self, turn: &mut Turn<'_>, channel: u16, echo: bool) {
        let window = turn.one(&turn.habits.windows.clone());
        if let Some(session) = self.sessions.get_mut(&channel).filter(|session| !session.ending) {
            session.window = window;
            let mut flow = session.flow();
            flow.echo = echo;
            flow.write(&mut self.up, channel);
        }
    }

    /// Settles a range of what came.
    fn settle(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let Some(session) = self.sessions.get(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        let ids: Vec<u32> = session.received.iter().filter(|(_, it)| it.message.is_some()).map(|(id, _)| *id).collect();
        if ids.is_empty() {
            return;
        }
        let at = turn.rng.usize(..ids.len());
        let state = turn.outcome();
        let count = turn.rng.usize(1..=ids.len());
        // those that follow each other
        let run = ids[at..].iter().enumerate().take_while(|(step, id)| {
            u32::try_from(*step).is_ok_and(|step| ids[at].wrapping_add(step) == **id) && *step < count
        });
        let last = run.last().map_or(ids[at], |(_, id)| *id);
        self.dispose(turn.ledger, channel, (ids[at], last), state);
    }

    /// Says what became of deliveries that came.
    pub(crate) fn dispose(
        &mut self,
        ledger: &mut Ledger,
        channel: u16,
        (first, last): (u32, u32),
        state: Option<DeliveryState>,
    ) {
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let (mut settled, mut ended) = (true, Vec::new());
        for step in 0..=last.wrapping_sub(first) {
            let id = first.wrapping_add(step);
            let Some(unsettled) = session.received.remove(&id) else {
                continue;
            };
            let Some(link) = session.links.get(&unsettled.handle) else {
                continue;
            };
            if let Some(message) = unsettled.message {
                ledger.settles(message, link.number, state.clone());
            }
            if matches!(link.end, End::Receiver(Receiver { second: true, .. })) && state.is_some() {
                settled = false;
            }
            ended.push((id, (unsettled.handle, unsettled.message)));
        }
        if !settled {
            session.awaiting.extend(ended);
        }
        let encoded = state.map(|state| serde_amqp::to_vec(&state).expect("a state encodes"));
        let said = Disposition {
            receiver: true,
            first,
            last: (last != first).then_some(last),
            settled,
            state: encoded.as_deref(),
            batchable: false,
        };
        said.write(&mut self.up, channel);
        debug_assert!(encoded.is_none_or(|state| raw::state_code(&state).is_some()));
    }
}
