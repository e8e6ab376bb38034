//! Routed links: how a peer asks for them, and how a container answers.

use crosstie_amqp::raw::Disposition;
use crosstie_amqp::serial::Serial;
use fe2o3_amqp_types::definitions::{AmqpError, Error, Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::{DeliveryState, Received, TargetArchetype, TerminusExpiryPolicy};
use fe2o3_amqp_types::performatives::{Attach, Begin, Detach};
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

use crate::acting::{STARTS, Turn};
use crate::ledger::{Ledger, LinkNumber};
use crate::message::MessageId;
use crate::pairs::Side;
use crate::peer::Peer;

use crate::session::{End, Link, Receiver, Routed, Sender, Session, Stage, Unsettled};
use crate::speech;

/// The property of an attach that tells the container whose link it continues.
const PAIR: &str = "pair";

/// Links of a peer's session at a time that have the same name.
const NAMES: u8 = 3;

fn error(rng: &mut fastrand::Rng) -> Option<Box<Error>> {
    let why = format!("because {}", rng.u16(..));
    let error = Error { condition: AmqpError::ResourceDeleted.into(), description: Some(why), info: None };
    rng.bool().then(|| Box::new(error))
}

impl Turn<'_> {
    /// Marks a message for a routed link; at times it is one that no container takes.
    pub(crate) fn mark(&mut self, id: MessageId, pair: LinkNumber) {
        let mut tag = id.to_be_bytes().to_vec();
        tag.resize(self.rng.usize(4..=32), 0x5a);
        let what = self.rng.u8(..60);
        if what == 0 {
            tag.resize(33, 0x5a);
        }
        if what <= 1 {
            self.ledger.make_improper(id, what == 1);
            self.ledger.pairs.improper(pair);
        }
        let format = self.one(&[0, 0, 7, u32::MAX]);
        self.ledger.mark(id, (tag, format));
    }
}

impl Peer {
    /// Does what only those do that have routed links.
    pub(crate) fn act_routed(&mut self, turn: &mut Turn<'_>, channel: u16) {
        match turn.rng.u8(..4) {
            _ if self.kind.is_some() && turn.rng.bool() => self.answer(turn, channel),
            0 => self.settle_awaited(channel),
            1 => {
                if let Some(handle) = self.pick(turn, channel, |link| matches!(link.end, End::Sender(_))) {
                    self.give_back(channel, handle);
                }
            }
            2 => self.tell_progress(turn, channel),
            _ if self.kind.is_some() => self.make_routes(turn.ledger),
            _ => {}
        }
    }

    /// Says how much of a delivery has come by a routed link.
    fn tell_progress(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let Some(session) = self.sessions.get(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        let routed = |handle| session.links.get(&handle).is_some_and(|link| link.routed.is_some());
        let known =
            |(id, it): (&u32, &Unsettled)| it.message.filter(|_| routed(it.handle)).map(|message| (*id, message));
        let known: Vec<_> = session.received.iter().filter_map(known).collect();
        if known.is_empty() {
            return;
        }
        let (first, message) = turn.one(&known);
        let received = Received { section_number: turn.rng.u32(..4), section_offset: turn.rng.u64(..) };
        let state = DeliveryState::Received(received);
        let encoded = serde_amqp::to_vec(&state).expect("a state encodes");
        turn.ledger.progresses(message, state);
        let said = Disposition { receiver: true, first, state: Some(&encoded), ..Disposition::default() };
        said.write(&mut self.up, channel);
    }

    /// Asks for a link that is carried to a container.
    pub(crate) fn attach_routed(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let sends = turn.rng.bool();
        let name = format!("routed-{sends}-{channel}-{}", turn.rng.u8(..NAMES));
        let Some(session) = self.sessions.get_mut(&channel) else {
            return;
        };
        let Some(free) = session.free_handles(&name) else {
            return;
        };
        let (number, handle) = (turn.ledger.number(), turn.one(&free));
        let address = turn.one(&turn.habits.routed.clone());
        let survives = turn.rng.u8(..4) == 0;
        let step = turn.ledger.step;
        turn.ledger.pairs.ask((number, (self.number, channel)), address, survives, step);
        let second = turn.rng.u8(..4) == 0;
        let mut link = Link::new(name.clone(), number, Some(own_address(number)));
        link.routed = Some(Routed { pair: number, side: Side::Client, asked: None });
        let mut attach = if sends {
            let count = turn.one(&STARTS);
            let presettles = turn.rng.u32(..100) < turn.habits.presettled / 2;
            link.end = End::Sender(Sender::new(count, presettles));
            let mut attach = speech::sender(&name, handle, Some(address));
            attach.initial_delivery_count = Some(count);
            if presettles {
                attach.snd_settle_mode = SenderSettleMode::Settled;
            }
            if let Some(TargetArchetype::Target(target)) = attach.target.as_deref_mut().filter(|_| survives) {
                target.expiry_policy = TerminusExpiryPolicy::Never;
            }
            attach
        } else {
            link.end = End::Receiver(Receiver { second, ..Receiver::unheard() });
            let mut attach = speech::receiver(&name, handle, Some(address));
            if let Some(source) = attach.source.as_deref_mut().filter(|_| survives) {
                source.expiry_policy = TerminusExpiryPolicy::Never;
            }
            attach
        };
        if second {
            attach.rcv_settle_mode = ReceiverSettleMode::Second;
        }
        attach.properties = Some([(Symbol::from(PAIR), Value::Uint(number))].into_iter().collect());
        session.links.insert(handle, link);
        self.say(channel, &attach);
        self.credit_at_once(turn, channel, handle);
    }

    /// Half of the receivers give credit as soon as they attach.
    fn credit_at_once(&mut self, turn: &mut Turn<'_>, channel: u16, handle: u32) {
        let session = self.sessions.get(&channel);
        let receives = session
            .and_then(|session| session.links.get(&handle))
            .is_some_and(|link| matches!(link.end, End::Receiver(_)));
        if receives && turn.rng.bool() {
            let credit = turn.rng.u32(0..=turn.habits.credit_max);
            self.flow(channel, handle, credit, false);
        }
    }

    /// Detaches a routed link, which need not be attached yet, perhaps with an error.
    pub(crate) fn detach_routed(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let Some(session) = self.sessions.get(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        let fits = |link: &Link| link.routed.is_some() && matches!(link.stage, Stage::Attached | Stage::Asked);
        let handles: Vec<u32> =
            session.links.iter().filter(|(_, link)| fits(link)).map(|(handle, _)| *handle).collect();
        if handles.is_empty() {
            return;
        }
        let (handle, closed) = (turn.one(&handles), turn.rng.bool());
        let error = error(turn.rng).map(|error| *error);
        self.detach_as(turn.ledger, channel, &Detach { handle: Handle(handle), closed, error });
    }

    /// Routes for our own connection are wanted.
    pub(crate) fn make_routes(&mut self, ledger: &mut Ledger) {
        let step = ledger.step;
        self.wants_routes |= ledger.pairs.own(self.number, step);
    }

    /// The router begins a session.
    ///
    /// # Panics
    ///
    /// When we are no container.
    pub(crate) fn hear_asked_begin(&mut self, channel: u16, begin: &Begin) {
        assert!(self.kind.is_some(), "the router begins a session with a peer that it carries no links to");
        let ours = (0..).find(|ours| !self.sessions.contains_key(ours)).expect("a free channel");
        assert!(self.channels.insert(channel, ours).is_none(), "channel {channel} is in use");
        let next = STARTS[usize::from(channel) % STARTS.len()];
        let mut session = Session::new(next, STARTS[usize::from(channel + 1) % STARTS.len()], self.window);
        session.begun = true;
        session.outgoing_limit = session.next_outgoing.add(begin.incoming_window);
        session.next_incoming = Serial(begin.next_outgoing_id);
        session.incoming_limit = session.next_incoming.add(self.window);
        self.sessions.insert(ours, session);
        self.say(ours, &speech::begin(Some(channel), next, self.window));
    }

    /// The router asks for a link.
    ///
    /// # Panics
    ///
    /// When it is not that of a peer.
    pub(crate) fn hear_asked(&mut self, ledger: &mut Ledger, ours: u16, attach: &Attach) {
        let pair = attach.properties.as_ref().and_then(|all| all.get(&Symbol::from(PAIR)));
        let Some(Value::Uint(pair)) = pair else {
            panic!("the router asks for a link of its own: {attach:?}");
        };
        let (address, policy) = if attach.role == Role::Sender {
            let Some(TargetArchetype::Target(target)) = attach.target.as_deref() else {
                panic!("another target: {attach:?}");
            };
            (target.address.as_deref(), &target.expiry_policy)
        } else {
            let source = attach.source.as_deref().expect("a source");
            (source.address.as_deref(), &source.expiry_policy)
        };
        let address = address.expect("an address");
        ledger.pairs.came(*pair, (self.number, ours));
        ledger.pairs.heard(*pair, Side::Container, Some(address));
        assert_eq!(ledger.pairs.survives(*pair), *policy == TerminusExpiryPolicy::Never, "another policy");
        let number = ledger.number();
        let mut link = Link::new(attach.name.clone(), number, Some(own_address(*pair)));
        (link.stage, link.remote) = (Stage::Pending, Some(attach.handle.0));
        link.routed = Some(Routed { pair: *pair, side: Side::Container, asked: Some(Box::new(attach.clone())) });
        let session = self.sessions.get_mut(&ours).expect("a session");
        if session.ending {
            ledger.pairs.loses(self.number, Some(ours));
        }
        let handle = (0..).find(|handle| !session.links.contains_key(handle)).expect("a free handle");
        assert!(session.remote.insert(attach.handle.0, handle).is_none(), "handle {:?} is in use", attach.handle);
        session.links.insert(handle, link);
    }

    /// Answers one of the links that the router asks for.
    fn answer(&mut self, turn: &mut Turn<'_>, channel: u16) {
        let handles = self.pending(channel);
        if handles.is_empty() {
            return;
        }
        let handle = turn.one(&handles);
        let refuses = turn.rng.u8(..8) == 0;
        let (count, error) = (turn.one(&STARTS), error(turn.rng).filter(|_| refuses));
        self.answer_with(turn.ledger, (channel, handle), count, refuses);
        if !refuses {
            self.credit_at_once(turn, channel, handle);
        } else {
            let detach = Detach { handle: Handle(handle), closed: true, error: error.map(|error| *error) };
            self.detach_as(turn.ledger, channel, &detach);
        }
    }

    /// Answers all links that the router asks for.
    pub(crate) fn answer_all(&mut self, turn: &mut Turn<'_>, channel: u16) {
        for handle in self.pending(channel) {
            self.answer_with(turn.ledger, (channel, handle), 0, false);
        }
    }

    fn pending(&self, channel: u16) -> Vec<u32> {
        let Some(session) = self.sessions.get(&channel).filter(|session| !session.ending) else {
            return Vec::new();
        };
        let pending = session.links.iter().filter(|(_, link)| link.stage == Stage::Pending);
        pending.map(|(handle, _)| *handle).collect()
    }

    /// Answers a link; `refuses`: without the terminus that was asked for, and a detach follows.
    pub(crate) fn answer_with(
        &mut self,
        ledger: &mut Ledger,
        (channel, handle): (u16, u32),
        count: u32,
        refuses: bool,
    ) {
        let session = self.sessions.get_mut(&channel).expect("a session");
        let link = session.links.get_mut(&handle).expect("a link");
        let routed = link.routed.as_mut().expect("a routed link");
        let mut attach = *routed.asked.take().expect("what was asked for");
        attach.handle = Handle(handle);
        link.stage = Stage::Attached;
        if attach.role == Role::Sender {
            attach.role = Role::Receiver;
            let mut receiver = Receiver::unheard();
            receiver.second = attach.rcv_settle_mode == ReceiverSettleMode::Second;
            receiver.start(attach.initial_delivery_count.expect("a delivery-count"));
            link.end = End::Receiver(receiver);
            attach.initial_delivery_count = None;
            if refuses {
                attach.target = None;
            }
            ledger.consumer_came(&own_address(routed.pair), link.number, false);
        } else {
            attach.role = Role::Sender;
            attach.initial_delivery_count = Some(count);
            link.end = End::Sender(Sender::new(count, false));
            if refuses {
                attach.source = None;
            }
        }
        self.say(channel, &attach);
    }

    /// Gives credit back that the receiver of a routed link wants to have.
    pub(crate) fn give_back(&mut self, channel: u16, handle: u32) {
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| session.begun && !session.ending) else {
            return;
        };
        let Some(Link { end: End::Sender(sender), stage: Stage::Attached, .. }) = session.links.get_mut(&handle) else {
            return;
        };
        if !sender.drains || sender.sending.is_some() {
            return;
        }
        sender.drains = false;
        if sender.count.before(sender.limit) {
            sender.count = sender.limit;
        }
        let answer = session.link_flow(handle, 0, false).expect("a link");
        answer.write(&mut self.up, channel);
    }

    /// Settles deliveries of ours whose receiver waits for it.
    pub(crate) fn settle_awaited(&mut self, channel: u16) {
        let Some(session) = self.sessions.get_mut(&channel).filter(|session| !session.ending) else {
            return;
        };
        let under_way = |link: &Link, id: u32| match &link.end {
            End::Sender(sender) => sender.sending.is_some_and(|sending| sending.delivery == id),
            End::Receiver(_) => false,
        };
        let links = &session.links;
        let ready: Vec<u32> =
            session.awaited.iter().copied().filter(|id| !links.values().any(|link| under_way(link, *id))).collect();
        for id in ready {
            session.awaited.remove(&id);
            let said = Disposition { first: id, settled: true, ..Disposition::default() };
            said.write(&mut self.up, channel);
        }
    }
}

/// What both ends of a routed link have as their address in the ledger.
fn own_address(pair: LinkNumber) -> String {
    format!("~{pair}")
}
