//! A well-behaved peer beside a hostile one: it answers all that comes, and says whether it is still served.

use crosstie_amqp::connection::{Connection, Event};
use crosstie_amqp::raw::{ACCEPTED, Disposition};
use crosstie_amqp::sasl::Nonce;
use crosstie_amqp::session::{LinkId, wire_id};
use crosstie_amqp::time::Time;
use crosstie_amqp::transfer::Outgoing;
use crosstie_model::settings::Role as MetaRole;
use crosstie_router::shard::Meta;
use fe2o3_amqp_types::definitions::{Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::Attach;

use crate::door;
use crate::router::{Router, WireId};

/// Links for which a peer calls at a time.
const CALLS_MAX: usize = 8;

/// A peer that sends to some addresses and receives from others.
#[derive(Debug)]
pub struct Partner {
    amqp: Connection,
    wire: WireId,
    pending: Vec<u8>,
    channel: Option<u16>,
    senders: Vec<(LinkId, u32)>,
    /// Calls so far.
    attached: u32,
    /// Deliveries that came.
    pub arrived: u32,
    /// Of its own, those that were accepted.
    pub accepted: u32,
}

impl Partner {
    /// Connects, and attaches its links.
    #[must_use]
    pub fn join(router: &mut Router, shard: usize, sends: &[&str], receives: &[&str]) -> Self {
        let mut opened = Self::connect(router, shard, door::meta("partners"));
        let Some(channel) = opened.amqp.begin() else {
            return opened;
        };
        opened.channel = Some(channel);
        for address in receives {
            opened.amqp.attach(channel, attach(address, Role::Receiver));
        }
        for address in sends {
            if let Some(link) = opened.amqp.attach(channel, attach(address, Role::Sender)) {
                opened.senders.push((link, 0));
            }
        }
        opened.talk(router);
        opened
    }

    /// Connects as a container that takes all links that are carried to it.
    #[must_use]
    pub fn container(router: &mut Router, shard: usize, name: &str) -> Self {
        let meta = Meta { role: MetaRole::RouteContainer, may_move: false, ..door::meta(name) };
        Self::connect(router, shard, meta)
    }

    fn connect(router: &mut Router, shard: usize, meta: Meta) -> Self {
        let wire = router.connect(shard, door::own(door::server()), meta, usize::MAX);
        let mut amqp = Connection::new(router.now(), door::setup("partner", door::client()), Nonce([9; 18]));
        let pending = amqp.out.take();
        let mut opened =
            Self { amqp, wire, pending, channel: None, senders: Vec::new(), attached: 0, arrived: 0, accepted: 0 };
        opened.talk(router);
        opened
    }

    /// Asks for two more links to an address, and lets the last two go when there are many.
    pub fn call(&mut self, router: &mut Router, address: &str) {
        let Some(channel) = self.channel else {
            return;
        };
        self.attached += 1;
        for role in [Role::Receiver, Role::Sender] {
            let mut attach = attach(address, role.clone());
            attach.name = format!("{}-{}", attach.name, self.attached);
            let link = self.amqp.attach(channel, attach).filter(|_| role == Role::Sender);
            self.senders.extend(link.map(|link| (link, 0)));
        }
        if self.senders.len() > CALLS_MAX {
            let (link, _) = self.senders.remove(0);
            self.amqp.detach(link, None);
        }
        self.talk(router);
    }

    /// Speaks with the router until both have nothing more to say.
    pub fn talk(&mut self, router: &mut Router) {
        loop {
            self.pending.append(&mut self.amqp.out.take());
            router.give(self.wire, &std::mem::take(&mut self.pending));
            router.run();
            let bytes = router.read(self.wire, usize::MAX);
            if bytes.is_empty() && self.amqp.out.is_empty() {
                return;
            }
            self.hear(router.now(), &bytes);
        }
    }

    fn hear(&mut self, now: Time, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(event) = self.amqp.handle_input(now, &mut input) {
            match event {
                Event::Transfer(transfer) => {
                    let (link, id, ends, settled) = (transfer.link, transfer.id, !transfer.more, transfer.settled);
                    if ends {
                        self.arrived += 1;
                        self.amqp.grant(link, 1000);
                    }
                    if ends && !settled {
                        let said = Disposition {
                            receiver: true,
                            first: wire_id(id),
                            settled: true,
                            state: Some(ACCEPTED),
                            ..Disposition::default()
                        };
                        self.amqp.disposition(link.channel, &said);
                    }
                }
                Event::Disposition(said) if said.state == Some(ACCEPTED) => {
                    self.accepted += u32::try_from(said.range.1 - said.range.0).unwrap_or(0) + 1;
                }
                // before it is answered, nothing is known of where its sender counts from
                Event::Attached { link, ours: true, .. } if self.amqp.is_receiver(link) == Some(true) => {
                    self.amqp.grant(link, 1000);
                }
                // carried here from a peer
                Event::Attached { link, ours: false, attach, .. } => {
                    self.amqp.accept(link, *attach);
                    match self.amqp.is_receiver(link) {
                        Some(true) => self.amqp.grant(link, 1000),
                        _ => self.senders.push((link, 0)),
                    }
                }
                Event::Detached { link, .. } => self.senders.retain(|(sender, _)| *sender != link),
                Event::Flow(flow) => {
                    let credit = flow.credit.unwrap_or(0);
                    if let Some((_, left)) = self.senders.iter_mut().find(|(link, _)| *link == flow.link) {
                        *left = credit;
                    }
                }
                Event::Failed(fault) => panic!("the router broke the protocol: {fault}"),
                _ => {}
            }
        }
        assert!(input.is_empty(), "the router ends a turn inside a frame");
    }

    /// Closes its connection.
    ///
    /// # Panics
    ///
    /// When the router does not answer.
    pub fn leave(mut self, router: &mut Router) {
        self.amqp.close(None);
        self.talk(router);
        assert!(self.amqp.is_ended(), "the router leaves a close unanswered");
        router.lose(self.wire);
    }

    /// Sends one message by each link that has credit; returns how many.
    pub fn send(&mut self, router: &mut Router, message: &[u8]) -> u32 {
        let mut sent = 0;
        for (link, credit) in &mut self.senders {
            if *credit > 0 {
                *credit -= 1;
                let piece = Outgoing { settled: false, more: false, aborted: false, format: Some(0), payload: message };
                sent += u32::from(self.amqp.transfer(*link, &piece).is_some_and(|sent| sent.whole));
            }
        }
        self.talk(router);
        sent
    }
}

fn attach(address: &str, role: Role) -> Attach {
    let source = Source { address: Some(address.to_owned()), ..Source::default() };
    let target = Target { address: Some(address.to_owned()), ..Target::default() };
    Attach {
        name: format!("{role:?}-{address}"),
        handle: Handle(0),
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Box::new(source)),
        target: Some(Box::new(TargetArchetype::Target(target))),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: None,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}
