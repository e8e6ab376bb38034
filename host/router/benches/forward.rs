//! What it costs to forward a delivery in memory, from the sender's frame to the settlement that goes back: no sockets.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "a bench ends by panicking")]

use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::connection::{Connection, Setup};
use crosstie_amqp::frame::{self, Kind};
use crosstie_amqp::handshake::{Server, Side};
use crosstie_amqp::raw::{self, Disposition, Flow, TransferHead};
use crosstie_amqp::sasl::{Nonce, Users};
use crosstie_amqp::time::Time;
use crosstie_model::policy::Grant;
use crosstie_model::settings::{Distribution, LinkCapacity, Management, MessageParts, Role, StripAnnotations};
use crosstie_router::address::{Addresses, ConnectionRef};
use crosstie_router::auto_links::AutoLinks;
use crosstie_router::buffered::Buffered;
use crosstie_router::dynamic::Names;
use crosstie_router::identity::Identities;
use crosstie_router::link_route::LinkRoutes;
use crosstie_router::mail::Post;
use crosstie_router::shard::{Common, Meta, Peer, Request, Shard};
use crosstie_router::tenant::Space;
use fe2o3_amqp_types::definitions::{Handle, Role as LinkRole};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Begin, Open};

/// Deliveries in one turn.
const BATCH: u32 = 100;

fn main() {
    divan::main();
}

fn setup() -> Setup {
    let server = Server {
        mechanisms: Vec::new(),
        without_sasl: true,
        users: Arc::new(Users::new([0; 32], [])),
        plain_without_tls: true,
        secure: None,
        delegates: false,
    };
    Setup {
        container_id: "bench".to_owned(),
        hostname: None,
        max_frame_size: 65_536,
        channel_max: 7,
        links_max: 100,
        window_frames: None,
        buffered_bytes: 1 << 30,
        capabilities: Vec::new(),
        idle_timeout: Duration::ZERO,
        handshake_timeout: Duration::from_secs(10),
        properties: Vec::new(),
        side: Side::Server(server),
    }
}

fn meta() -> Meta {
    Meta {
        name: "bench".into(),
        role: Role::Normal,
        outgoing: false,
        peer_addr: String::new(),
        capacity: LinkCapacity { initial: 1000, max: 1000 },
        strip: StripAnnotations::Both,
        log_messages: MessageParts::default(),
        unsettled_max: 1_000_000,
        message_max_bytes: None,
        senders_max: None,
        receivers_max: None,
        management: Management::Off,
        container_id: String::new(),
        space: Space::default(),
        permissions: None,
        may_move: false,
        explains: false,
    }
}

fn performative(out: &mut Vec<u8>, body: &impl serde::Serialize) {
    frame::write(out, Kind::Amqp, 0, |out| out.extend_from_slice(&serde_amqp::to_vec(body).unwrap()));
}

/// What a peer sends to have one link.
fn hello(sends: bool) -> Vec<u8> {
    let mut out = frame::AMQP_HEADER.to_vec();
    performative(
        &mut out,
        &Open {
            container_id: "peer".to_owned(),
            hostname: None,
            max_frame_size: 65_536.into(),
            channel_max: 7.into(),
            idle_time_out: None,
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        },
    );
    performative(
        &mut out,
        &Begin {
            remote_channel: None,
            next_outgoing_id: 0,
            incoming_window: u32::MAX / 2,
            outgoing_window: u32::MAX / 2,
            handle_max: Handle(7),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        },
    );
    let target = TargetArchetype::Target(Target::builder().address("q").build());
    performative(
        &mut out,
        &Attach {
            name: "link".to_owned(),
            handle: Handle(0),
            role: if sends { LinkRole::Sender } else { LinkRole::Receiver },
            snd_settle_mode: Default::default(),
            rcv_settle_mode: Default::default(),
            source: Some(Box::new(Source::builder().address("q").build())),
            target: Some(Box::new(target)),
            unsettled: None,
            incomplete_unsettled: false,
            initial_delivery_count: sends.then_some(0),
            max_message_size: None,
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        },
    );
    out
}

/// Messages of a turn: no more than their consumer's connection takes without being written.
fn batch(size: usize) -> u32 {
    BATCH.min(u32::try_from((512 << 10) / size).unwrap())
}

/// A router with one sender and some receivers on an address.
struct Bench {
    shard: Shard,
    sender: ConnectionRef,
    receivers: Vec<ConnectionRef>,
    sent: u32,
}

impl Bench {
    fn new(distribution: Distribution, receivers: usize) -> Self {
        let common = Arc::new(Common {
            router_id: "bench".to_owned(),
            addresses: Addresses::new(Vec::new(), distribution, &Identities::default()),
            post: Post::new(vec![Arc::new(|| {})]),
            auto_links: AutoLinks::default(),
            link_routes: LinkRoutes::default(),
            asks: Arc::default(),
            buffered: Buffered::new(1 << 30),
            names: Names::new([0; 32]),
            identities: Identities::default(),
        });
        let mut shard = Shard::new(0, common);
        let receivers = (0..receivers).map(|_| connect(&mut shard, false)).collect();
        let sender = connect(&mut shard, true);
        Self { shard, sender, receivers, sent: 0 }
    }

    /// Sends a batch, and has every receiver accept it.
    fn turn(&mut self, payload: &[u8]) {
        let batch = batch(payload.len());
        let mut input = Vec::with_capacity(batch as usize * (payload.len() + 40));
        for id in self.sent..self.sent + batch {
            let head = TransferHead {
                handle: 0,
                delivery_id: Some(id),
                message_format: Some(0),
                settled: false,
                more: false,
                aborted: false,
            };
            head.write(&mut input, 0, payload);
        }
        let first = self.sent;
        self.sent += batch;
        self.feed(self.sender, &input);
        for at in self.receivers.clone() {
            let mut input = Vec::new();
            let said = Disposition {
                receiver: true,
                first,
                last: Some(self.sent - 1),
                settled: true,
                state: Some(raw::ACCEPTED),
                batchable: false,
            };
            said.write(&mut input, 0);
            credit(&mut input, self.sent);
            self.feed(at, &input);
        }
    }

    fn feed(&mut self, at: ConnectionRef, mut input: &[u8]) {
        self.shard.handle_input(Time(1), at, &mut input);
        assert!(input.is_empty());
        flush(&mut self.shard);
    }
}

fn credit(out: &mut Vec<u8>, count: u32) {
    let flow = Flow {
        next_incoming_id: Some(count),
        incoming_window: u32::MAX / 2,
        next_outgoing_id: 0,
        outgoing_window: u32::MAX / 2,
        handle: Some(0),
        delivery_count: Some(count),
        link_credit: Some(100_000),
        ..Flow::default()
    };
    flow.write(out, 0);
}

fn connect(shard: &mut Shard, sends: bool) -> ConnectionRef {
    let amqp = Connection::new(Time(1), setup(), Nonce([0; 18]));
    let at = shard.insert(Time(1), Box::new(Peer::new(amqp, meta())));
    let mut bytes = hello(sends);
    if !sends {
        credit(&mut bytes, 0);
    }
    let mut input = bytes.as_slice();
    while !input.is_empty() {
        shard.handle_input(Time(1), at, &mut input);
        flush(shard);
    }
    at
}

/// Does what the net layer does, with sockets that take everything.
fn flush(shard: &mut Shard) {
    shard.flush();
    while let Some(request) = shard.poll_event() {
        match request {
            Request::Opened(at, _) => shard.admit(Time(1), at, &Grant::default()),
            Request::Dirty(at) => {
                drop(shard.peer_mut(at).unwrap().amqp.out.take());
                shard.handle_written(Time(1), at);
            }
            Request::Ended(_, why) => panic!("{why:?}"),
            _ => {}
        }
    }
}

#[divan::bench(args = [100, 1024, 65_000])]
fn unsettled_by_bytes(bencher: divan::Bencher<'_, '_>, size: usize) {
    let mut bench = Bench::new(Distribution::Balanced, 1);
    let mut payload = vec![0; size];
    payload[..3].copy_from_slice(&[0x00, 0x53, 0x75]);
    bencher.counter(divan::counter::ItemsCount::new(batch(size))).bench_local(|| bench.turn(&payload));
}

#[divan::bench(args = [1, 10])]
fn multicast_by_receivers(bencher: divan::Bencher<'_, '_>, receivers: usize) {
    let mut bench = Bench::new(Distribution::Multicast, receivers);
    let mut payload = vec![0; 100];
    payload[..3].copy_from_slice(&[0x00, 0x53, 0x75]);
    bencher.counter(divan::counter::ItemsCount::new(BATCH as usize * receivers)).bench_local(|| bench.turn(&payload));
}
