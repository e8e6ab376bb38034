//! Shards and peers.

use std::sync::Arc;

use crosstie_amqp::connection::Connection;
use crosstie_amqp::frame::{self, Kind};
use crosstie_amqp::raw::{self, Disposition, Flow, TransferHead};
use crosstie_amqp::sasl::Nonce;
use crosstie_amqp::time::Time;
use crosstie_model::policy::Grant;
use crosstie_model::settings::{AutoLink, Distribution, LinkCapacity, Role};
use crosstie_router::address::{Addresses, ConnectionRef};
use crosstie_router::auto_links::AutoLinks;
use crosstie_router::buffered::Buffered;
use crosstie_router::dynamic::Names;
use crosstie_router::identity::Identities;
use crosstie_router::link_route::LinkRoutes;
use crosstie_router::mail::Post;
use crosstie_router::shard::{Common, Meta, Peer, Request, Shard};
use crosstie_sim::{door, speech};
use fe2o3_amqp_types::definitions::ReceiverSettleMode;
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use serde::Serialize;

/// Of every incoming link.
pub(crate) const CAPACITY: u32 = 100;

/// Of every session.
const WINDOW: u32 = 100_000;

/// One peer.
pub(crate) type Who = usize;

/// What a peer heard, as far as it matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Heard {
    Credit {
        handle: u32,
        left: u32,
        drain: bool,
    },
    /// About what it sent.
    Outcome {
        ids: (u32, u32),
        code: u64,
    },
    /// About what it received.
    Settled {
        ids: (u32, u32),
    },
    Transfer {
        handle: u32,
    },
}

/// A router of some shards.
pub(crate) struct Scene {
    shards: Vec<Shard>,
    peers: Vec<ConnectionRef>,
    heard: Vec<(Who, Heard)>,
    capacity: LinkCapacity,
}

impl Scene {
    pub(crate) fn new(shards: u16, distribution: Distribution, auto_links: Vec<AutoLink>) -> Self {
        Self::with_capacity(LinkCapacity { initial: CAPACITY, max: CAPACITY }, shards, distribution, auto_links)
    }

    /// With another capacity of incoming links.
    pub(crate) fn with_capacity(
        capacity: LinkCapacity,
        shards: u16,
        distribution: Distribution,
        auto_links: Vec<AutoLink>,
    ) -> Self {
        let wake = (0..shards).map(|_| Arc::new(|| {}) as Arc<dyn Fn() + Send + Sync>).collect();
        let identities = Identities::default();
        let common = Arc::new(Common {
            router_id: "router".to_owned(),
            addresses: Addresses::new(Vec::new(), distribution, &identities),
            post: Post::new(wake),
            auto_links: AutoLinks::new(auto_links, &identities),
            link_routes: LinkRoutes::default(),
            asks: Arc::default(),
            buffered: Buffered::new(1 << 30),
            names: Names::new([0; 32]),
            identities,
        });
        let shards = (0..shards).map(|id| Shard::new(id, common.clone())).collect();
        Self { shards, peers: Vec::new(), heard: Vec::new(), capacity }
    }

    /// A peer of a shard, with a session.
    pub(crate) fn join(&mut self, shard: usize) -> Who {
        self.join_as(shard, Role::Normal)
    }

    /// A peer of a role; one of `route-container` has the name `container`.
    pub(crate) fn join_as(&mut self, shard: usize, role: Role) -> Who {
        let amqp = Connection::new(Time(1), door::own(door::server()), Nonce([0; 18]));
        let at = self.shards[shard].insert(Time(1), Box::new(Peer::new(amqp, meta(role, self.capacity))));
        self.peers.push(at);
        let who = self.peers.len() - 1;
        let mut hello = frame::AMQP_HEADER.to_vec();
        perform(&mut hello, &speech::open("peer", 65_536));
        self.feed(who, &hello);
        let remote_channel = (role == Role::RouteContainer).then_some(0);
        self.say(who, &speech::begin(remote_channel, 0, WINDOW));
        who
    }

    pub(crate) fn sender(&mut self, who: Who, handle: u32, address: &str) {
        self.say(who, &speech::sender(&format!("sender-{handle}"), handle, Some(address)));
    }

    /// A receiver with credit for 100; `second`: it waits for the router to settle.
    pub(crate) fn receiver(&mut self, who: Who, handle: u32, address: &str, second: bool) {
        let mut link = speech::receiver(&format!("receiver-{handle}"), handle, Some(address));
        if second {
            link.rcv_settle_mode = ReceiverSettleMode::Second;
        }
        self.say(who, &link);
        self.grant(who, handle, 100);
    }

    /// A container answers an attach of the router.
    pub(crate) fn answer_receiving(&mut self, who: Who, handle: u32, name: &str, address: &str) {
        let mut link = speech::receiver(name, handle, Some(address));
        let target = Target { address: Some(address.to_owned()), ..Target::default() };
        link.target = Some(Box::new(TargetArchetype::Target(target)));
        self.say(who, &link);
        self.grant(who, handle, 100);
    }

    /// A container answers an attach of the router by which it sends.
    pub(crate) fn answer_sending(&mut self, who: Who, handle: u32, name: &str, address: &str) {
        let mut link = speech::sender(name, handle, Some(address));
        link.source = Some(Box::new(Source { address: Some(address.to_owned()), ..Source::default() }));
        self.say(who, &link);
    }

    /// The router looks at all links.
    pub(crate) fn look(&mut self) {
        self.shards.iter_mut().for_each(|shard| shard.look(Time(1)));
        self.settle_down();
    }

    /// A receiver that has had nothing yet gives credit.
    pub(crate) fn grant(&mut self, who: Who, handle: u32, credit: u32) {
        let mut out = Vec::new();
        let flow = Flow { handle: Some(handle), delivery_count: Some(0), link_credit: Some(credit), ..window() };
        flow.write(&mut out, 0);
        self.feed(who, &out);
    }

    /// A receiver's session takes no transfers.
    pub(crate) fn shut_window(&mut self, who: Who) {
        let mut out = Vec::new();
        Flow { incoming_window: 0, ..window() }.write(&mut out, 0);
        self.feed(who, &out);
    }

    /// What a sender answers that gives its credit back.
    pub(crate) fn give_back(&mut self, who: Who, handle: u32, delivery_count: u32) {
        let mut out = Vec::new();
        let flow = Flow {
            handle: Some(handle),
            delivery_count: Some(delivery_count),
            link_credit: Some(0),
            drain: true,
            ..window()
        };
        flow.write(&mut out, 0);
        self.feed(who, &out);
    }

    pub(crate) fn send(&mut self, who: Who, handle: u32, id: u32, settled: bool) {
        let head = TransferHead {
            handle,
            delivery_id: Some(id),
            message_format: Some(0),
            settled,
            more: false,
            aborted: false,
        };
        let mut out = Vec::new();
        head.write(&mut out, 0, b"\x00\x53\x75\xa0\x02hi");
        self.feed(who, &out);
    }

    /// A receiver says what became of deliveries, and settles them or waits for the router to do so.
    pub(crate) fn answer(&mut self, who: Who, (first, last): (u32, u32), state: &[u8], settled: bool) {
        let mut out = Vec::new();
        let said =
            Disposition { receiver: true, first, last: Some(last), settled, state: Some(state), batchable: false };
        said.write(&mut out, 0);
        self.feed(who, &out);
    }

    /// A sender settles what it sent.
    pub(crate) fn forget(&mut self, who: Who, id: u32) {
        let mut out = Vec::new();
        Disposition { first: id, settled: true, ..Disposition::default() }.write(&mut out, 0);
        self.feed(who, &out);
    }

    pub(crate) fn detach(&mut self, who: Who, handle: u32) {
        self.say(who, &speech::detach(handle, true));
    }

    /// The socket of a peer is gone.
    pub(crate) fn lose(&mut self, who: Who) {
        let at = self.peers[who];
        self.shards[usize::from(at.shard)].lost(Time(1), at);
        self.settle_down();
    }

    /// Presettled deliveries that incoming links dropped.
    pub(crate) fn dropped(&self) -> u64 {
        let links = self.shards.iter().flat_map(|shard| shard.survey().links);
        links.map(|row| row.facts.outcomes.dropped_presettled).sum()
    }

    /// What was heard since this was asked last, in the order in which it was written.
    pub(crate) fn heard(&mut self) -> Vec<(Who, Heard)> {
        std::mem::take(&mut self.heard)
    }

    fn say(&mut self, who: Who, performative: &impl Serialize) {
        let mut out = Vec::new();
        perform(&mut out, performative);
        self.feed(who, &out);
    }

    fn feed(&mut self, who: Who, mut input: &[u8]) {
        let at = self.peers[who];
        while !input.is_empty() {
            let before = input.len();
            self.shards[usize::from(at.shard)].handle_input(Time(1), at, &mut input);
            assert!(self.settle_down() || input.len() < before, "nobody reads on");
        }
    }

    /// Does what the net layer does, with sockets that take everything, until nothing is left to do.
    fn settle_down(&mut self) -> bool {
        let mut active = false;
        loop {
            let mut again = false;
            for shard in 0..self.shards.len() {
                self.shards[shard].handle_mail(Time(1));
                self.shards[shard].flush();
                while let Some(request) = self.shards[shard].poll_event() {
                    again = true;
                    self.serve(shard, request);
                }
            }
            active |= again;
            if !again && self.shards.iter().all(Shard::is_idle) {
                return active;
            }
        }
    }

    fn serve(&mut self, shard: usize, request: Request) {
        match request {
            Request::Opened(at, _) => self.shards[shard].admit(Time(1), at, &Grant::default()),
            Request::Dirty(at) => {
                let Some(peer) = self.shards[shard].peer_mut(at) else {
                    return;
                };
                let bytes = peer.amqp.out.take();
                let who = self.peers.iter().position(|peer| *peer == at).unwrap();
                self.heard.extend(read(&bytes).into_iter().map(|heard| (who, heard)));
                self.shards[shard].handle_written(Time(1), at);
            }
            Request::Ended(_, why) => panic!("{why:?}"),
            other => panic!("{other:?}"),
        }
    }
}

/// The frames that matter.
fn read(mut bytes: &[u8]) -> Vec<Heard> {
    let mut all = Vec::new();
    bytes = bytes.strip_prefix(&frame::AMQP_HEADER).unwrap_or(bytes);
    while let Some(size) = bytes.first_chunk() {
        let (frame, after) = bytes.split_at(u32::from_be_bytes(*size) as usize);
        bytes = after;
        let body = &frame[8..];
        match raw::code(body).unwrap().0 {
            raw::FLOW => {
                let flow = Flow::decode(body).unwrap();
                all.extend(flow.handle.map(|handle| Heard::Credit {
                    handle,
                    left: flow.link_credit.unwrap(),
                    drain: flow.drain,
                }));
            }
            raw::DISPOSITION => {
                let said = Disposition::decode(body).unwrap();
                assert!(said.settled);
                let ids = (said.first, said.last.unwrap_or(said.first));
                all.push(match said.receiver {
                    true => Heard::Outcome { ids, code: raw::state_code(said.state.unwrap()).unwrap() },
                    false => Heard::Settled { ids },
                });
            }
            raw::TRANSFER => {
                let (transfer, _) = raw::Transfer::decode(body).unwrap();
                all.push(Heard::Transfer { handle: transfer.handle });
            }
            _ => {}
        }
    }
    all
}

fn perform(out: &mut Vec<u8>, body: &impl Serialize) {
    frame::write(out, Kind::Amqp, 0, |out| out.extend_from_slice(&speech::body(body)));
}

fn window() -> Flow {
    Flow { next_incoming_id: Some(0), incoming_window: WINDOW, outgoing_window: WINDOW, ..Flow::default() }
}

fn meta(role: Role, capacity: LinkCapacity) -> Meta {
    Meta { role, capacity, may_move: false, ..door::meta("container") }
}
