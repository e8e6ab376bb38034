//! Deliveries that wait for each other, made by hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crosstie_amqp::connection::{Connection, Event};
use crosstie_amqp::raw::{ACCEPTED, Disposition, RELEASED};
use crosstie_amqp::sasl::Nonce;
use crosstie_amqp::session::{DeliveryId, LinkId, wire_id};
use crosstie_amqp::transfer::Outgoing;
use crosstie_model::settings::Distribution;
use crosstie_sim::conversation::rule;
use crosstie_sim::door;
use crosstie_sim::router::{Router, Shape, WireId};
use crosstie_sim::speech;

/// Of a message: more than a session's window.
const LONG_BYTES: usize = 1 << 20;

/// Of a frame's payload.
const PIECE_BYTES: usize = 16_000;

/// What the window of a session is made of.
const WINDOW_FRAMES: u32 = 30;

/// A delivery that a client sends.
struct Sending {
    left: usize,
    begun: bool,
    settled: bool,
    id: Option<DeliveryId>,
}

/// A client that takes whatever comes, and sends as far as it may.
struct Client {
    amqp: Connection,
    wire: WireId,
    sending: BTreeMap<LinkId, VecDeque<Sending>>,
    /// Whole deliveries that came.
    arrived: BTreeMap<LinkId, u32>,
    /// Outcomes of its own deliveries.
    outcomes: Vec<(DeliveryId, Vec<u8>)>,
    /// Credit that it gives once the delivery before is there.
    credit: u32,
}

/// A router, and its clients.
struct Scene {
    router: Router,
    clients: Vec<Client>,
}

impl Scene {
    fn new(workers: u16, clients: usize) -> Self {
        let shape = Shape {
            workers,
            rules: vec![rule("m", Distribution::Multicast)],
            distribution: Distribution::Balanced,
            auto_links: Vec::new(),
            link_routes: Vec::new(),
            asks: false,
            buffered_max_bytes: 32 << 20,
        };
        let mut scene = Self { router: Router::new(shape), clients: Vec::new() };
        for number in 0..clients {
            let mut setup = door::own(door::server());
            setup.window_frames = Some(WINDOW_FRAMES);
            let mut meta = door::meta("clients");
            meta.may_move = false;
            let wire = scene.router.connect(number % usize::from(workers), setup, meta, usize::MAX);
            let amqp = Connection::new(scene.router.now(), door::setup("client", door::client()), Nonce([9; 18]));
            let (sending, arrived) = (BTreeMap::new(), BTreeMap::new());
            scene.clients.push(Client { amqp, wire, sending, arrived, outcomes: Vec::new(), credit: 10 });
        }
        scene.run();
        scene
    }

    /// A client's link in a new session, or in that of another link.
    fn sender(&mut self, client: usize, beside: Option<LinkId>, address: &str) -> LinkId {
        let name = format!("s-{address}-{}", self.clients[client].sending.len());
        let link = self.attach(client, beside, speech::sender(&name, 0, Some(address)));
        self.clients[client].sending.insert(link, VecDeque::new());
        link
    }

    fn receiver(&mut self, client: usize, address: &str, credit: u32) -> LinkId {
        let link = self.attach(client, None, speech::receiver(&format!("r-{address}"), 0, Some(address)));
        self.clients[client].credit = credit;
        self.clients[client].amqp.grant(link, credit);
        self.run();
        link
    }

    fn attach(
        &mut self,
        client: usize,
        beside: Option<LinkId>,
        attach: fe2o3_amqp_types::performatives::Attach,
    ) -> LinkId {
        let amqp = &mut self.clients[client].amqp;
        let channel = beside.map_or_else(|| amqp.begin().expect("a session"), |link| link.channel);
        self.run();
        let link = self.clients[client].amqp.attach(channel, attach).expect("a link");
        self.run();
        link
    }

    /// Sends a message, `now` bytes of it at once, the rest when the clients go on.
    fn send(&mut self, client: usize, link: LinkId, size: (usize, usize), settled: bool) {
        self.begin(client, link, size, settled);
        self.run();
    }

    fn begin(&mut self, client: usize, link: LinkId, (bytes, now): (usize, usize), settled: bool) {
        let one = &mut self.clients[client];
        let queue = one.sending.get_mut(&link).unwrap();
        queue.push_back(Sending { left: bytes, begun: false, settled, id: None });
        one.speak(link, now);
    }

    /// All that was said is heard.
    fn run(&mut self) {
        loop {
            let mut goes = false;
            for client in &mut self.clients {
                let up = client.amqp.out.take();
                goes |= !up.is_empty();
                self.router.give(client.wire, &up);
            }
            self.router.run();
            for client in &mut self.clients {
                let bytes = self.router.read(client.wire, usize::MAX);
                goes |= !bytes.is_empty();
                client.hear(self.router.now(), &bytes);
            }
            if !goes {
                return;
            }
        }
    }

    /// The clients send all that they may, until nothing moves.
    fn go_on(&mut self) {
        for _ in 0..1000 {
            for client in &mut self.clients {
                for link in client.sending.keys().copied().collect::<Vec<_>>() {
                    client.speak(link, usize::MAX);
                }
            }
            self.run();
        }
    }

    /// Time for the router to find jams.
    fn wait(&mut self) {
        for _ in 0..4 {
            self.router.advance(Duration::from_secs(5));
            self.go_on();
        }
    }

    fn is_sending(&self) -> bool {
        self.clients.iter().any(|client| client.sending.values().any(|queue| !queue.is_empty()))
    }

    /// Deliveries with an outcome, of all clients: accepted ones, and released ones.
    fn outcomes(&self) -> (usize, usize) {
        let all = || self.clients.iter().flat_map(|client| &client.outcomes);
        let count = |state: &[u8]| all().filter(|(_, it)| it == state).count();
        assert_eq!(count(ACCEPTED) + count(RELEASED), all().count(), "another outcome");
        (count(ACCEPTED), count(RELEASED))
    }

    fn arrived(&self) -> u32 {
        self.clients.iter().flat_map(|client| client.arrived.values()).sum()
    }

    fn assert_stands_still(&mut self) {
        let before = (self.arrived(), self.outcomes());
        self.go_on();
        assert!(self.is_sending() && before == (self.arrived(), self.outcomes()), "nothing waits");
    }
}

impl Client {
    /// Sends frames of the first delivery of a link, `most` bytes at most.
    fn speak(&mut self, link: LinkId, mut most: usize) {
        let Some(queue) = self.sending.get_mut(&link) else {
            return;
        };
        while let Some(sending) = queue.front_mut() {
            if most == 0 || !self.amqp.window(link.channel) {
                return;
            }
            let size = sending.left.min(PIECE_BYTES).min(most);
            let more = size < sending.left;
            let mut payload = vec![7; size];
            if !sending.begun {
                payload.splice(..8.min(size), [0, 0x53, 0x75, 0xb0, 0, 0x10, 0, 0].into_iter().take(size));
            }
            let piece = Outgoing { settled: sending.settled, more, aborted: false, format: Some(0), payload: &payload };
            let sent = self.amqp.transfer(link, &piece).expect("a link");
            assert!(sent.whole, "a piece fits a frame");
            (sending.id, sending.begun) = (Some(sent.id), true);
            sending.left -= size;
            most = most.saturating_sub(size);
            if !more {
                queue.pop_front();
            }
        }
    }

    fn hear(&mut self, now: crosstie_amqp::time::Time, bytes: &[u8]) {
        let mut input = bytes;
        while let Some(event) = self.amqp.handle_input(now, &mut input) {
            match event {
                Event::Transfer(transfer) if !transfer.more => {
                    let link = transfer.link;
                    *self.arrived.entry(link).or_default() += 1;
                    let said = Disposition {
                        receiver: true,
                        first: wire_id(transfer.id),
                        settled: true,
                        state: Some(ACCEPTED),
                        ..Disposition::default()
                    };
                    let settled = transfer.settled;
                    if !settled {
                        self.amqp.disposition(link.channel, &said);
                    }
                    self.amqp.grant(link, self.credit);
                }
                Event::Disposition(said) if said.by_receiver => {
                    let state = said.state.unwrap_or_default().to_vec();
                    self.outcomes.extend((said.range.0..=said.range.1).map(|id| (id, state.clone())));
                }
                Event::Failed(fault) => panic!("the router broke the protocol: {fault}"),
                _ => {}
            }
        }
        assert!(input.is_empty(), "the router ends a turn inside a frame");
    }
}

/// So much of a message that its consumer begins to get it.
const SOME: (usize, usize) = (LONG_BYTES, 100);

/// So much that it holds up its session, and less than a window.
const MUCH: (usize, usize) = (LONG_BYTES, 300_000);

#[test]
fn two_links_of_a_session_that_wait_for_one_consumer() {
    for (workers, credit, settled) in [(1, 10, false), (2, 10, false), (1, 1, false), (2, 1, false), (2, 10, true)] {
        let mut scene = Scene::new(workers, 2);
        scene.receiver(0, "q", credit);
        let first = scene.sender(1, None, "q");
        let second = scene.sender(1, Some(first), "q");
        scene.send(1, first, SOME, false);
        scene.send(1, second, MUCH, settled);
        scene.assert_stands_still();
        scene.wait();
        assert!(!scene.is_sending(), "{workers} workers, credit {credit}");
        assert_eq!((scene.arrived(), scene.outcomes()), (1, (1, usize::from(!settled))));
        // who sends again is served
        scene.send(1, second, MUCH, false);
        scene.go_on();
        assert_eq!((scene.arrived(), scene.is_sending()), (2, false));
        assert_eq!(scene.router.common.buffered.bytes(), 0);
    }
}

#[test]
fn two_sessions_that_wait_for_each_others_consumer() {
    for (workers, credit) in [(1, 10), (1, 1), (3, 10), (3, 1)] {
        let mut scene = Scene::new(workers, 4);
        scene.receiver(0, "one", credit);
        scene.receiver(1, "two", credit);
        let links: Vec<[LinkId; 2]> = [2, 3]
            .map(|client| {
                let one = scene.sender(client, None, "one");
                [one, scene.sender(client, Some(one), "two")]
            })
            .to_vec();
        scene.send(2, links[0][0], SOME, false);
        scene.send(3, links[1][1], SOME, false);
        scene.send(2, links[0][1], MUCH, false);
        scene.send(3, links[1][0], MUCH, false);
        scene.assert_stands_still();
        scene.wait();
        assert!(!scene.is_sending(), "{workers} workers, credit {credit}");
        let (accepted, released) = scene.outcomes();
        assert!(accepted >= 2 && accepted + released == 4, "{accepted} accepted, {released} released");
        assert_eq!(scene.arrived() as usize, accepted);
    }
}

#[test]
fn two_multicast_deliveries_that_wait_for_each_others_consumer() {
    for settled in [false, true] {
        // each sender has a consumer on its worker, which sees its delivery before the other one
        let mut scene = Scene::new(2, 4);
        for client in [0, 1] {
            scene.receiver(client, "m", 10);
        }
        let links = [2, 3].map(|client| (client, scene.sender(client, None, "m")));
        for (client, link) in links {
            scene.begin(client, link, MUCH, settled);
        }
        scene.run();
        scene.assert_stands_still();
        scene.wait();
        assert!(!scene.is_sending());
        let accepted = if settled { 0 } else { 2 };
        assert_eq!(scene.outcomes(), (accepted, 0));
        // each consumer has one of them at least, and one of them both
        assert!((2..4).contains(&scene.arrived()), "{} arrived", scene.arrived());
        assert_eq!(scene.router.common.buffered.bytes(), 0);
    }
}

#[test]
fn a_session_that_nobody_waits_for_keeps_its_deliveries() {
    for (workers, credit) in [(1, 1), (1, 10), (2, 1), (2, 10)] {
        let mut scene = Scene::new(workers, 3);
        scene.receiver(0, "q", credit);
        let before = scene.sender(2, None, "q");
        scene.send(2, before, SOME, false);
        let first = scene.sender(1, None, "q");
        let second = scene.sender(1, Some(first), "q");
        scene.send(1, first, (MUCH.1, MUCH.1), false);
        scene.send(1, first, MUCH, false);
        scene.send(1, second, MUCH, false);
        for _ in 0..10 {
            scene.router.advance(Duration::from_secs(5));
            scene.run();
        }
        assert_eq!((scene.outcomes(), scene.arrived()), ((0, 0), 0));
    }
}
