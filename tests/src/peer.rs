//! A peer that sends and expects single frames, on either side of a connection.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::messaging::DeliveryState;
use fe2o3_amqp_types::performatives::{Attach, Close, Open, Transfer};
use fe2o3_amqp_types::primitives::Symbol;
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit};
use serde::Serialize;

use crate::frame::{self, AMQP_HEADER, Frame, Performative, SASL_HEADER};
use crate::performative::{begin, disposition, flow, open, receiver, sender, transfer};

/// How long a peer waits for what must come.
pub const DEADLINE: Duration = Duration::from_secs(20);

/// What can come from the other side.
#[derive(Debug)]
pub enum Arrival {
    /// A frame.
    Frame(Frame),
    /// A protocol header.
    Header([u8; 8]),
    /// The end of the stream, or a reset.
    End,
    /// Nothing in time.
    Nothing,
}

/// One end of a connection.
#[derive(Debug)]
pub struct Peer {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Peer {
    /// A TCP connection and nothing more.
    ///
    /// # Panics
    ///
    /// When it is refused.
    #[must_use]
    pub fn dial(addr: SocketAddr) -> Self {
        Self::over(TcpStream::connect(addr).unwrap_or_else(|error| panic!("connect to {addr}: {error}")))
    }

    /// Over a connection that is there.
    ///
    /// # Panics
    ///
    /// When the socket has ended already.
    #[must_use]
    pub fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a socket");
        Self { stream, buffer: Vec::new() }
    }

    /// Another handle of its socket, to write by while this one reads.
    ///
    /// # Panics
    ///
    /// When there is none to be had.
    #[must_use]
    pub fn writer(&self) -> TcpStream {
        self.stream.try_clone().expect("another handle")
    }

    /// A client that has exchanged headers and Opens, without a SASL layer.
    #[must_use]
    pub fn open(addr: SocketAddr, container: &str) -> Self {
        Self::open_with(addr, &open(container)).0
    }

    /// A client with an Open of its own; gives the router's.
    #[must_use]
    pub fn open_with(addr: SocketAddr, ours: &Open) -> (Self, Open) {
        let mut peer = Self::dial(addr);
        let theirs = peer.exchange_opens(ours);
        (peer, theirs)
    }

    fn exchange_opens(&mut self, ours: &Open) -> Open {
        self.send_bytes(&AMQP_HEADER);
        self.send(0, ours);
        self.expect_header(AMQP_HEADER);
        self.expect("open", |frame| match &frame.performative {
            Performative::Open(open) => Some((**open).clone()),
            _ => None,
        })
    }

    /// Opens a connection behind a SASL layer, by ANONYMOUS, and a session on channel 0.
    ///
    /// # Panics
    ///
    /// When it is not let in.
    #[must_use]
    pub fn anonymous_session(addr: SocketAddr, container: &str) -> Self {
        let mut peer = Self::dial(addr);
        peer.send_bytes(&SASL_HEADER);
        let init = SaslInit { mechanism: Symbol::from("ANONYMOUS"), initial_response: None, hostname: None };
        peer.send_bytes(&frame::sasl(&init));
        peer.expect_header(SASL_HEADER);
        let code = peer.expect("outcome", |frame| match &frame.performative {
            Performative::SaslOutcome(outcome) => Some(outcome.code.clone()),
            _ => None,
        });
        assert_eq!(code, SaslCode::Ok, "ANONYMOUS at {addr}");
        peer.exchange_opens(&open(container));
        peer.begin(0);
        peer
    }

    /// Opens a connection and a session on channel 0.
    #[must_use]
    pub fn session(addr: SocketAddr, container: &str) -> Self {
        let mut peer = Self::open(addr, container);
        peer.begin(0);
        peer
    }

    /// Begins a session with large windows and waits for the answer.
    pub fn begin(&mut self, channel: u16) {
        self.send(channel, &begin(None));
        self.expect("begin", |frame| match &frame.performative {
            Performative::Begin(begin) if begin.remote_channel == Some(channel) => Some(()),
            _ => None,
        });
    }

    /// Attaches a sender and waits for the answer.
    pub fn attach_sender(&mut self, channel: u16, handle: u32, address: &str) -> Attach {
        self.send(channel, &sender(handle, address));
        self.expect_attach(&format!("sender-{handle}"))
    }

    /// Attaches a receiver, waits for the answer, and grants `credit`.
    pub fn attach_receiver(&mut self, channel: u16, handle: u32, address: &str, credit: u32) -> Attach {
        self.send(channel, &receiver(handle, address));
        let answer = self.expect_attach(&format!("receiver-{handle}"));
        if credit > 0 {
            self.send(channel, &flow(handle, 0, credit));
        }
        answer
    }

    /// The attach with this link name.
    pub fn expect_attach(&mut self, name: &str) -> Attach {
        self.expect("attach", |frame| match &frame.performative {
            Performative::Attach(attach) if attach.name == name => Some((**attach).clone()),
            _ => None,
        })
    }

    /// The first flow that grants credit; gives it.
    pub fn expect_credit(&mut self) -> u32 {
        self.expect("flow with credit", |frame| match &frame.performative {
            Performative::Flow(flow) if flow.handle.is_some() => flow.link_credit.filter(|credit| *credit > 0),
            _ => None,
        })
    }

    /// The next transfer and its payload.
    pub fn expect_transfer(&mut self) -> (Transfer, Vec<u8>) {
        self.expect("transfer", |frame| match &frame.performative {
            Performative::Transfer(transfer) => Some(((**transfer).clone(), frame.payload.clone())),
            _ => None,
        })
    }

    /// The next disposition that names this delivery with a state; gives the state.
    pub fn expect_outcome(&mut self, delivery_id: u32) -> DeliveryState {
        self.expect("disposition", |frame| match &frame.performative {
            Performative::Disposition(found)
                if (found.first..=found.last.unwrap_or(found.first)).contains(&delivery_id) =>
            {
                found.state.clone()
            }
            _ => None,
        })
    }

    /// Settles one delivery with this state.
    pub fn settle(&mut self, channel: u16, delivery_id: u32, state: DeliveryState) {
        self.send(channel, &disposition(delivery_id, state));
    }

    /// Sends one message in one frame.
    pub fn send_message(&mut self, channel: u16, handle: u32, delivery_id: u32, body: &[u8]) {
        self.send_with(channel, &transfer(handle, delivery_id), &frame::data_message(body));
    }

    /// A frame without a payload.
    pub fn send(&mut self, channel: u16, performative: &impl Serialize) {
        self.send_with(channel, performative, &[]);
    }

    /// A frame with a payload.
    pub fn send_with(&mut self, channel: u16, performative: &impl Serialize, payload: &[u8]) {
        self.send_bytes(&frame::amqp(channel, performative, payload));
    }

    /// Bytes as they are.
    ///
    /// # Panics
    ///
    /// When the connection is gone.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        self.try_send_bytes(bytes).unwrap_or_else(|error| panic!("send: {error}"));
    }

    /// Bytes as they are, to a router that may have hung up.
    ///
    /// # Errors
    ///
    /// What the socket says.
    pub fn try_send_bytes(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.stream.write_all(bytes)
    }

    /// Waits for frames until `pick` takes one; others are skipped.
    ///
    /// # Panics
    ///
    /// When the connection ends, the peer closes or the deadline passes first.
    pub fn expect<T>(&mut self, what: &str, mut pick: impl FnMut(&Frame) -> Option<T>) -> T {
        let end = Instant::now() + DEADLINE;
        loop {
            match self.next(end.saturating_duration_since(Instant::now())) {
                Arrival::Frame(frame) => {
                    if let Some(value) = pick(&frame) {
                        return value;
                    }
                    if let Performative::Close(_) | Performative::End(_) | Performative::Detach(_) = frame.performative
                    {
                        panic!("waiting for {what}, but got {:?}", frame.performative);
                    }
                }
                other => panic!("waiting for {what}, but got {other:?}"),
            }
        }
    }

    /// Waits for a protocol header.
    ///
    /// # Panics
    ///
    /// When another comes, or something else.
    pub fn expect_header(&mut self, header: [u8; 8]) {
        match self.next(DEADLINE) {
            Arrival::Header(found) => assert_eq!(found, header, "protocol header"),
            other => panic!("waiting for a protocol header, but got {other:?}"),
        }
    }

    /// Reads until the connection ends, and gives the condition of the Close or else of the End before it.
    /// After a Close it answers with its own, after an End it closes.
    ///
    /// # Errors
    ///
    /// What happened instead.
    pub fn fault(&mut self, deadline: Duration) -> Result<Option<String>, String> {
        let end = Instant::now() + deadline;
        let mut condition = None;
        let mut seen = false;
        loop {
            match self.next(end.saturating_duration_since(Instant::now())) {
                Arrival::Frame(Frame { performative: Performative::Close(close), .. }) => {
                    condition = condition.or_else(|| named(close.error.as_ref()));
                    seen = true;
                    let _ = self.try_send_bytes(&frame::amqp(0, &Close { error: None }, &[]));
                }
                Arrival::Frame(Frame { performative: Performative::End(ended), .. }) => {
                    condition = condition.or_else(|| named(ended.error.as_ref()));
                    seen = true;
                    let _ = self.try_send_bytes(&frame::amqp(0, &Close { error: None }, &[]));
                }
                Arrival::Frame(Frame { performative: Performative::Detach(detach), .. }) => {
                    condition = condition.or_else(|| named(detach.error.as_ref()));
                    if condition.is_some() {
                        seen = true;
                        let _ = self.try_send_bytes(&frame::amqp(0, &Close { error: None }, &[]));
                    }
                }
                Arrival::Frame(_) | Arrival::Header(_) => {}
                Arrival::End if seen => return Ok(condition),
                Arrival::End => return Err("the connection ended without a Close".to_owned()),
                Arrival::Nothing => {
                    return Err(format!("still connected after {deadline:?} (condition {condition:?})"));
                }
            }
        }
    }

    /// Begins another session and collects what comes before the answer: all that the router had to say until then.
    pub fn frames_until_begin(&mut self, channel: u16) -> Vec<Frame> {
        self.send(channel, &begin(None));
        let mut frames = Vec::new();
        self.expect("begin", |frame| {
            if matches!(&frame.performative, Performative::Begin(begin) if begin.remote_channel == Some(channel)) {
                return Some(());
            }
            frames.push(frame.clone());
            None
        });
        frames
    }

    /// The next thing that comes.
    ///
    /// # Panics
    ///
    /// When it is no AMQP at all.
    pub fn next(&mut self, deadline: Duration) -> Arrival {
        let end = Instant::now() + deadline;
        loop {
            if let Some(arrival) = self.cut() {
                return arrival;
            }
            let left = end.saturating_duration_since(Instant::now()).max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left)).expect("a timeout above zero");
            let mut block = [0; 65536];
            match self.stream.read(&mut block) {
                Ok(0) => return Arrival::End,
                Ok(count) => self.buffer.extend_from_slice(&block[..count]),
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {
                    return Arrival::Nothing;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return Arrival::End,
            }
        }
    }

    fn cut(&mut self) -> Option<Arrival> {
        let header: [u8; 8] = self.buffer.get(..8)?.try_into().ok()?;
        if header.starts_with(b"AMQP") {
            self.buffer.drain(..8);
            return Some(Arrival::Header(header));
        }
        let size = usize::try_from(u32::from_be_bytes([header[0], header[1], header[2], header[3]])).ok()?;
        assert!((8..64 << 20).contains(&size), "frame of {size} bytes: {header:02x?}");
        if self.buffer.len() < size {
            return None;
        }
        let bytes: Vec<u8> = self.buffer.drain(..size).collect();
        Some(Arrival::Frame(frame::read(&bytes)))
    }

    /// A clean Close of our own, answered.
    ///
    /// # Panics
    ///
    /// When it is not answered.
    pub fn close(&mut self) {
        self.send(0, &Close { error: None });
        self.expect("close", |frame| matches!(frame.performative, Performative::Close(_)).then_some(()));
    }

    /// Reads and forgets until the connection ends (true) or the deadline has passed.
    pub fn drain(&mut self, deadline: Duration) -> bool {
        let end = Instant::now() + deadline;
        let mut block = [0; 65536];
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            let _ = self.stream.set_read_timeout(Some(left));
            match self.stream.read(&mut block) {
                Ok(0) => return true,
                Ok(_) => {}
                Err(error) => match error.kind() {
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted => {}
                    _ => return true,
                },
            }
        }
    }

    /// Half a close: no more will be sent.
    pub fn shut_down_sending(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// How long a send may block before it fails.
    ///
    /// # Panics
    ///
    /// When it is zero.
    pub fn set_send_deadline(&mut self, deadline: Duration) {
        self.stream.set_write_timeout(Some(deadline)).expect("a timeout above zero");
    }
}

fn named(error: Option<&Error>) -> Option<String> {
    error.map(|error| frame::condition(&error.condition))
}
