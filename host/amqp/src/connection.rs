//! One connection: from the protocol header to close. Bytes and time go in, events and bytes come out.
//!
//! ```text
//! Header -> [Sasl] -> AmqpHeader -> Opening -> Open -> Closing -> Ended
//! ```
//! Source: AMQP 1.0 part 2, 2.4. Sessions and links are in `links.rs`, transfers, flows
//! and dispositions in `transfer.rs`.

use std::time::Duration;

use fe2o3_amqp_types::definitions::{Error, Fields};
use fe2o3_amqp_types::performatives::{Attach, ChannelMax, Close, MaxFrameSize, Open};
use fe2o3_amqp_types::sasl::SaslCode;
use serde_amqp::Value;
use serde_amqp::primitives::{Array, Symbol};

use crate::delegation::{Answer, Words};
use crate::fault::{Limit, PeerFault};
use crate::frame::{self, Frame, FrameFault, Header, Kind};
use crate::handshake::{self, Exchange, Progress, Secure, Side};
use crate::output::Output;
use crate::sasl::Nonce;
use crate::session::{DeliveryId, Link, LinkId, Session};
use crate::time::Time;
use crate::{guard, raw};

/// Of an error's description where the peer's frames are too small for all of it.
const DESCRIPTION_KEPT_CHARS: usize = 64;

/// Bytes of a text that stands in an error's info map where the whole does not fit: who refused, and where else there is a way, has fewer.
const TEXT_KEPT_BYTES: usize = 64;

/// Cuts what an error has beside its condition to what is short.
fn shorten(error: &mut Error) {
    error.description = error.description.take().map(|text| text.chars().take(DESCRIPTION_KEPT_CHARS).collect());
    if let Some(info) = &mut error.info {
        let is_long = |value: &Value| match value {
            Value::String(text) => text.len() > TEXT_KEPT_BYTES,
            Value::Symbol(symbol) => symbol.0.len() > TEXT_KEPT_BYTES,
            Value::Binary(bytes) => bytes.len() > TEXT_KEPT_BYTES,
            Value::Described(_) | Value::List(_) | Value::Map(_) | Value::Array(_) => true,
            _ => false,
        };
        let kept = info.iter().filter(|(key, value)| key.0.len() <= TEXT_KEPT_BYTES && !is_long(value));
        **info = kept.map(|(key, value)| (key.clone(), value.clone())).collect();
    }
}

/// The code of an end.
const END: u64 = 0x17;

/// The code of a close.
const CLOSE: u64 = 0x18;

/// For the peer's answer to our close.
const CLOSE_TIMEOUT_MAX: Duration = Duration::from_secs(10);

/// What a listener or connector decides for all its connections.
#[derive(Debug, Clone)]
pub struct Setup {
    /// In our open.
    pub container_id: String,
    /// In our open; only connectors send one.
    pub hostname: Option<String>,
    /// Bytes, at least 512.
    pub max_frame_size: u32,
    /// One less than the sessions that a peer may have.
    pub channel_max: u16,
    /// Links that a peer may have, on all its sessions together.
    pub links_max: u32,
    /// Transfer frames of a session's window at most, where that is configured.
    pub window_frames: Option<u32>,
    /// Bytes that the window of the first session lets a peer send before it has to wait; those of all together, twice as many.
    pub buffered_bytes: u64,
    /// Offered and desired in our open.
    pub capabilities: Vec<String>,
    /// A peer that is silent for longer is gone; zero: never. Half of it is announced.
    pub idle_timeout: Duration,
    /// From the first byte to the peer's open.
    pub handshake_timeout: Duration,
    /// In our open.
    pub properties: Vec<(String, serde_amqp::Value)>,
    /// How to authenticate.
    pub side: Side,
}

/// What a peer did.
#[derive(Debug)]
pub enum Event<'b> {
    /// Somebody else decides about its SASL exchange, and it has said this: answer with [`Connection::answer`]. Its input waits.
    Asks(Words),
    /// Its open came. A server answers with [`Connection::open`] or [`Connection::close`].
    Opened(Box<Open>),
    /// Its session began, and ours with it.
    Begun(u16),
    /// It attached a link. When it began it: answer with [`Connection::accept`] or [`Connection::refuse`].
    Attached {
        /// The link.
        link: LinkId,
        /// Whether we had attached first.
        ours: bool,
        /// What it said.
        attach: Box<Attach>,
        /// All that it said.
        body: &'b [u8],
    },
    /// One frame of a delivery.
    Transfer(Transfer<'b>),
    /// A receiver's credit, or that a sender wants to know its own.
    Flow(LinkFlow),
    /// Deliveries that waited for the session's window can go on.
    Window(u16),
    /// It settled deliveries, or said their state.
    Disposition(Settled<'b>),
    /// It detached a link; ours is detached too.
    Detached {
        /// The link, which is gone.
        link: LinkId,
        /// For good.
        closed: bool,
        /// Why, if it says.
        error: Option<Error>,
    },
    /// It detached a relayed link, which waits for [`Connection::answer_detach`] unless we detached it first.
    RelayDetached {
        /// The link.
        link: LinkId,
        /// We had; it is gone.
        answers: bool,
        /// For good.
        closed: bool,
        /// Why, if it says.
        error: Option<Error>,
    },
    /// It ended a session; ours is ended too.
    Ended(u16),
    /// It closed the connection; ours is closed too.
    Closed(Option<Error>),
    /// It did not answer our close in time.
    Unanswered,
    /// It did something wrong; the close that says so is written.
    Failed(PeerFault),
}

/// One transfer frame from a peer.
#[derive(Debug, Clone, Copy)]
pub struct Transfer<'b> {
    /// The link.
    pub link: LinkId,
    /// Of the delivery.
    pub id: DeliveryId,
    /// The delivery begins.
    pub first: bool,
    /// It took the last of the sender's credit.
    pub spent: bool,
    /// It goes on in another frame.
    pub more: bool,
    /// Settled by the sender.
    pub settled: bool,
    /// The sender gave it up.
    pub aborted: bool,
    /// Of the message, on the first frame.
    pub format: Option<u32>,
    /// A piece of the message.
    pub payload: &'b [u8],
    /// Of the delivery, on the first frame.
    pub tag: Option<&'b [u8]>,
    /// It says nothing that has no field here.
    pub plain: bool,
    /// The whole performative, and the payload behind it.
    pub body: &'b [u8],
}

/// The link part of a flow.
#[derive(Debug, Clone, Copy)]
pub struct LinkFlow {
    /// The link.
    pub link: LinkId,
    /// How far the receiver counted; absent where it has not heard of the first.
    pub delivery_count: Option<u32>,
    /// Granted from there; absent where nothing is said.
    pub credit: Option<u32>,
    /// Use it or lose it.
    pub drain: bool,
    /// Deliveries that wait at a sender, if it says.
    pub available: Option<u32>,
    /// What waited for the session's window can go on too.
    pub opened: bool,
}

/// A disposition from a peer.
#[derive(Debug, Clone, Copy)]
pub struct Settled<'b> {
    /// Our channel.
    pub channel: u16,
    /// The peer is the receiver: these are deliveries that we sent.
    pub by_receiver: bool,
    /// First and last delivery.
    pub range: (DeliveryId, DeliveryId),
    /// The peer has forgotten them.
    pub settled: bool,
    /// An encoded delivery state.
    pub state: Option<&'b [u8]>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// The peer's protocol header comes first (server), or the answer to our SASL header (client).
    Header,
    Sasl,
    AmqpHeader,
    /// The peer's open is still to come.
    Opening,
    Open,
    /// We sent close, and wait for the peer's.
    Closing,
    Ended,
}

/// One AMQP connection.
#[derive(Debug)]
pub struct Connection {
    pub(crate) setup: Setup,
    state: State,
    /// Bytes for the peer.
    pub out: Output,
    opened: bool,
    /// Absent once it is over.
    exchange: Option<Box<Exchange>>,
    user: Option<String>,
    mechanism: Option<String>,
    pub(crate) sessions: Vec<Option<Session>>,
    /// Peer's channel to ours.
    pub(crate) channels: Vec<Option<u16>>,
    pub(crate) remote_max_frame: u32,
    pub(crate) remote_channel_max: u16,
    /// Sessions so far.
    pub(crate) epochs: u64,
    /// Links of all sessions.
    pub(crate) links: u32,
    /// Sessions that we have ended and the peer has not.
    pub(crate) endings: u32,
    remote_idle: Duration,
    started: Time,
    heard: Time,
    wrote: Time,
    /// When our close was sent.
    closed: Time,
    /// What the peer is told besides when it goes beyond a limit.
    reasons: Vec<(Limit, Fields)>,
}

impl Connection {
    /// A connection whose socket has just been connected. A client's first bytes are in `out` at once. `nonce`: random bytes of its
    /// own, for SCRAM.
    #[must_use]
    pub fn new(now: Time, setup: Setup, nonce: Nonce) -> Self {
        let mut out = Output::default();
        if matches!(setup.side, Side::Client(_)) {
            out.end().extend_from_slice(&frame::SASL_HEADER);
        }
        Self {
            setup,
            state: State::Header,
            out,
            opened: false,
            exchange: Some(Box::new(Exchange::Fresh(nonce))),
            user: None,
            mechanism: None,
            sessions: Vec::new(),
            channels: Vec::new(),
            remote_max_frame: frame::MAX_FRAME_MIN_BYTES,
            remote_channel_max: u16::MAX,
            epochs: 0,
            links: 0,
            endings: 0,
            remote_idle: Duration::ZERO,
            started: now,
            heard: now,
            wrote: now,
            closed: now,
            reasons: Vec::new(),
        }
    }

    /// The user whom SASL found, or as whom this client came in; `None` for ANONYMOUS, without SASL, and for a client's EXTERNAL.
    #[must_use]
    pub fn user(&self) -> Option<&str> {
        self.user.as_deref()
    }

    /// The SASL mechanism; `None` without SASL.
    #[must_use]
    pub fn mechanism(&self) -> Option<&str> {
        self.mechanism.as_deref()
    }

    /// The peer speaks through TLS: to be said before its first byte.
    pub fn secure(&mut self, secure: Secure) {
        if let Side::Server(server) = &mut self.setup.side {
            server.secure = Some(secure);
        }
    }

    /// Nothing more is read or written once `out` is empty.
    #[must_use]
    pub const fn is_ended(&self) -> bool {
        matches!(self.state, State::Ended)
    }

    /// Both opens are exchanged and neither close.
    #[must_use]
    pub const fn is_open(&self) -> bool {
        matches!(self.state, State::Open) && self.opened
    }

    /// The peer is alive as far as anybody knows: nobody listens to it, or it takes what it is told.
    pub const fn excuse(&mut self, now: Time) {
        self.heard = now;
    }

    /// Takes bytes until one of them makes an event; bytes of a frame that is not complete stay in `input`.
    /// Call it until it returns `None`.
    pub fn handle_input<'b>(&mut self, now: Time, input: &mut &'b [u8]) -> Option<Event<'b>> {
        self.heard = now;
        loop {
            match self.step(input) {
                Ok(Step::Event(event)) => return Some(event),
                Ok(Step::Again) => {}
                Ok(Step::Starved) => return None,
                Err(fault) => {
                    *input = &[];
                    self.fail(&fault);
                    return Some(Event::Failed(fault));
                }
            }
        }
    }

    fn step<'b>(&mut self, input: &mut &'b [u8]) -> Result<Step<'b>, PeerFault> {
        match self.state {
            State::Ended => {
                *input = &[];
                Ok(Step::Starved)
            }
            State::Header | State::AmqpHeader => self.step_header(input),
            State::Sasl if self.is_consulting() => Ok(Step::Starved),
            _ => {
                let Some((frame, length)) = frame::cut(input, self.setup.max_frame_size)? else {
                    return Ok(Step::Starved);
                };
                *input = input.get(length..).unwrap_or_default();
                self.handle_frame(frame)
            }
        }
    }

    fn step_header(&mut self, input: &mut &[u8]) -> Result<Step<'static>, PeerFault> {
        let Some((header, length)) = frame::read_header(input).map_err(PeerFault::of_header)? else {
            return Ok(Step::Starved);
        };
        *input = input.get(length..).unwrap_or_default();
        match (&self.setup.side, self.state, header) {
            (Side::Server(server), State::Header, Header::Sasl) => {
                self.out.end().extend_from_slice(&frame::SASL_HEADER);
                self.state = State::Sasl;
                if server.delegates {
                    self.exchange = Some(Box::new(Exchange::Consults(None)));
                    return Ok(Step::Event(Event::Asks(Words::Hello)));
                }
                handshake::offer(self.out.end(), server);
            }
            (Side::Server(server), State::Header, Header::Amqp) => {
                let allowed = server.without_sasl;
                self.out.end().extend_from_slice(&frame::AMQP_HEADER);
                self.state = State::Opening;
                if !allowed {
                    return Err(PeerFault::Unauthenticated);
                }
            }
            (Side::Server(_), State::AmqpHeader, Header::Amqp) => {
                self.out.end().extend_from_slice(&frame::AMQP_HEADER);
                self.state = State::Opening;
            }
            (Side::Client(_), State::Header, Header::Sasl) => self.state = State::Sasl,
            (Side::Client(_), State::AmqpHeader, Header::Amqp) => self.state = State::Opening,
            _ => return Err(PeerFault::Header),
        }
        Ok(Step::Again)
    }

    fn handle_frame<'b>(&mut self, frame: Frame<'b>) -> Result<Step<'b>, PeerFault> {
        let sasl = self.state == State::Sasl;
        if sasl != (frame.kind == Kind::Sasl) {
            return Err(PeerFault::Kind);
        }
        if sasl {
            return self.handle_sasl(frame.body);
        }
        if frame.body.is_empty() {
            return Ok(Step::Again);
        }
        let (code, _) = raw::code(frame.body).ok_or(PeerFault::Unknown)?;
        let is_void =
            self.endings > 0 && code != END && self.local(frame.channel).is_some_and(|ours| self.is_ending(ours));
        match (self.state, code) {
            (State::Open, _) if is_void && code != CLOSE => Ok(Step::Again),
            (State::Opening, 0x10) => self.handle_open(frame.body).map(Step::Event),
            (State::Opening, 0x18) => self.handle_close(frame.body).map(Step::Event),
            (State::Opening, _) => Err(PeerFault::State("a performative before open")),
            (State::Closing, 0x18) => self.handle_close(frame.body).map(Step::Event),
            (State::Closing, _) => Ok(Step::Again),
            (State::Open, 0x14) => self.handle_transfer(frame.channel, frame.body),
            (State::Open, 0x15) => self.handle_disposition(frame.channel, frame.body),
            (State::Open, 0x13) => self.handle_flow(frame.channel, frame.body),
            (State::Open, 0x11) => self.handle_begin(frame.channel, frame.body),
            (State::Open, 0x12) => self.handle_attach(frame.channel, frame.body),
            (State::Open, 0x16) => self.handle_detach(frame.channel, frame.body),
            (State::Open, END) => self.handle_end(frame.channel, frame.body),
            (State::Open, CLOSE) => self.handle_close(frame.body).map(Step::Event),
            (State::Open, 0x10) => Err(PeerFault::State("a second open")),
            _ => Err(PeerFault::Unknown),
        }
    }

    fn handle_sasl(&mut self, body: &[u8]) -> Result<Step<'static>, PeerFault> {
        let exchange = *self.exchange.take().ok_or(PeerFault::State("this SASL frame"))?;
        let progress = match &self.setup.side {
            Side::Server(server) => handshake::serve(self.out.end(), server, exchange, body),
            Side::Client(client) => handshake::dial(self.out.end(), client, exchange, body),
        };
        let words = self.progress(progress)?;
        Ok(words.map_or(Step::Again, |words| Step::Event(Event::Asks(words))))
    }

    /// Takes a SASL exchange on; gives what somebody else is to be asked.
    fn progress(&mut self, progress: Result<Progress, PeerFault>) -> Result<Option<Words>, PeerFault> {
        match progress {
            Ok(Progress::Goes(exchange)) => self.exchange = Some(Box::new(exchange)),
            Ok(Progress::Asks(exchange, words)) => {
                self.exchange = Some(Box::new(exchange));
                return Ok(Some(words));
            }
            Ok(Progress::Done { mechanism, user }) => {
                (self.mechanism, self.user) = (Some(mechanism), user);
                self.state = State::AmqpHeader;
                if matches!(self.setup.side, Side::Client(_)) {
                    self.out.end().extend_from_slice(&frame::AMQP_HEADER);
                    self.open();
                }
            }
            Err(fault) => {
                // the outcome has said it; a close has no place before an AMQP header
                self.state = State::Ended;
                return Err(fault);
            }
        }
        Ok(None)
    }

    /// Whether an [`Event::Asks`] has no answer yet.
    #[must_use]
    pub fn is_consulting(&self) -> bool {
        self.state == State::Sasl && matches!(self.exchange.as_deref(), Some(Exchange::Consults(_)))
    }

    /// Answers an [`Event::Asks`].
    ///
    /// # Errors
    ///
    /// Why the connection is over: the outcome is written.
    pub fn answer(&mut self, answer: Answer) -> Result<(), PeerFault> {
        if !self.is_consulting() {
            return Ok(());
        }
        if let (Side::Server(server), Some(Exchange::Consults(mechanism))) =
            (&self.setup.side, self.exchange.take().map(|exchange| *exchange))
        {
            let progress = handshake::answer(self.out.end(), server, mechanism, answer);
            self.progress(progress)?;
        }
        Ok(())
    }

    fn handle_open(&mut self, body: &[u8]) -> Result<Event<'static>, PeerFault> {
        let open: Open = decode(body, "open")?;
        if open.max_frame_size.0 < frame::MAX_FRAME_MIN_BYTES {
            return Err(PeerFault::MaxFrameSize(open.max_frame_size.0));
        }
        self.exchange = None;
        self.remote_max_frame = open.max_frame_size.0;
        self.remote_channel_max = open.channel_max.0;
        self.remote_idle = Duration::from_millis(open.idle_time_out.unwrap_or(0).into());
        self.state = State::Open;
        Ok(Event::Opened(Box::new(open)))
    }

    fn handle_close(&mut self, body: &[u8]) -> Result<Event<'static>, PeerFault> {
        let close: Close = decode(body, "close")?;
        if self.state != State::Closing {
            self.open();
            append(self.out.end(), 0, &Close { error: None });
            self.end_sessions();
        }
        self.state = State::Ended;
        Ok(Event::Closed(close.error))
    }

    /// What our open will say; nothing once it has.
    pub fn unsaid(&mut self) -> Option<&mut Setup> {
        (!self.opened).then_some(&mut self.setup)
    }

    /// Why a limit is as it is: for the info map of the error of a peer that goes beyond it.
    pub fn explain(&mut self, limit: Limit, info: Fields) {
        self.reasons.retain(|(of, _)| *of != limit);
        self.reasons.push((limit, info));
    }

    /// The limit that a fault went beyond, where it is one of those that a peer is told.
    #[must_use]
    pub fn limit_of(&self, fault: &PeerFault) -> Option<Limit> {
        let max = self.setup.links_max;
        match fault {
            PeerFault::ChannelMax(_) => Some(Limit::Sessions),
            // a handle may also be beyond what the peer itself takes
            PeerFault::HandleMax(handle) if *handle >= max || self.links >= max => Some(Limit::Links),
            PeerFault::Frame(FrameFault::Large { .. }) => Some(Limit::FrameSize),
            PeerFault::Idle => Some(Limit::IdleTimeout),
            _ => None,
        }
    }

    /// What was configured, or granted since.
    #[must_use]
    pub const fn setup(&self) -> &Setup {
        &self.setup
    }

    /// Sends our open, once.
    pub fn open(&mut self) {
        if self.opened {
            return;
        }
        self.opened = true;
        let setup = &self.setup;
        let mut properties = Fields::new();
        for (key, value) in &setup.properties {
            properties.insert(Symbol::from(key.as_str()), value.clone());
        }
        let half = u32::try_from(setup.idle_timeout.as_millis().div_ceil(2)).unwrap_or(u32::MAX);
        let open = Open {
            container_id: setup.container_id.clone(),
            hostname: setup.hostname.clone(),
            max_frame_size: MaxFrameSize(setup.max_frame_size),
            channel_max: ChannelMax(setup.channel_max),
            idle_time_out: (half > 0).then_some(half),
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: capabilities(&setup.capabilities),
            desired_capabilities: capabilities(&setup.capabilities),
            properties: (!setup.properties.is_empty()).then_some(properties),
        };
        append(self.out.end(), 0, &open);
    }

    /// Sends close, after an open where there was none yet. Before the headers it is no use; the peer's is not waited for
    /// where its header has not come.
    pub fn close(&mut self, error: Option<Error>) {
        let next = match self.state {
            State::Ended | State::Closing => return,
            State::Header | State::Sasl | State::AmqpHeader if !self.opened => {
                self.state = State::Ended;
                return;
            }
            State::Header | State::Sasl | State::AmqpHeader => State::Ended,
            State::Opening | State::Open => State::Closing,
        };
        self.open();
        self.append_error(0, error, |error| Close { error });
        self.end_sessions();
        self.closed = self.heard.max(self.wrote);
        self.state = next;
    }

    /// Nothing may follow our close: what is still asked of a session is void.
    fn end_sessions(&mut self) {
        self.sessions.clear();
        self.channels.clear();
    }

    /// Appends a performative with an error, which loses its details where they do not fit the peer's frames.
    pub(crate) fn append_error<T: serde::Serialize>(
        &mut self,
        channel: u16,
        mut error: Option<Error>,
        performative: impl Fn(Option<Error>) -> T,
    ) {
        let room = self.room();
        let start = self.out.end().len();
        let cut: [fn(&mut Error); 3] = [|_| {}, shorten, |error| error.info = None];
        for cut in cut {
            error.iter_mut().for_each(cut);
            self.out.end().truncate(start);
            append(self.out.end(), channel, &performative(error.clone()));
            if self.out.end().len().saturating_sub(start) <= room {
                return;
            }
        }
    }

    /// A fault's close: nothing more is read.
    fn fail(&mut self, fault: &PeerFault) {
        let server = matches!(self.setup.side, Side::Server(_));
        if self.is_consulting()
            && let Some(Exchange::Consults(mechanism)) = self.exchange.as_deref()
        {
            handshake::give_up(self.out.end(), mechanism.as_deref(), SaslCode::SysTemp);
        } else if self.state == State::Header && server {
            self.out.end().extend_from_slice(&frame::AMQP_HEADER);
        } else {
            let mut error = fault.error();
            let limit = self.limit_of(fault);
            let reason = self.reasons.iter().find(|(of, _)| Some(*of) == limit);
            error.info = reason.map(|(_, info)| Box::new(info.clone()));
            self.close(Some(error));
        }
        self.state = State::Ended;
    }

    /// When [`Self::handle_timeout`] wants to be called next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        match self.state {
            State::Ended => None,
            State::Open => {
                let silent = (!self.setup.idle_timeout.is_zero()).then(|| self.heard + self.setup.idle_timeout);
                let beat = (self.beats()).then(|| self.wrote + self.remote_idle / 2);
                [silent, beat].into_iter().flatten().min()
            }
            State::Closing => Some(self.closed + self.close_timeout()),
            _ => Some(self.started + self.setup.handshake_timeout),
        }
    }

    /// Sends a heartbeat, or gives up a silent peer, when it is time.
    pub fn handle_timeout(&mut self, now: Time) -> Option<Event<'static>> {
        let fault = match self.state {
            State::Ended => return None,
            State::Open => {
                if self.beats() && now >= self.wrote + self.remote_idle / 2 {
                    frame::write_empty(self.out.end(), 0);
                    self.wrote = now;
                }
                let limit = self.setup.idle_timeout;
                if limit.is_zero() || now < self.heard + limit {
                    return None;
                }
                PeerFault::Idle
            }
            State::Closing if now >= self.closed + self.close_timeout() => {
                self.state = State::Ended;
                return Some(Event::Unanswered);
            }
            State::Closing => return None,
            _ if now < self.started + self.setup.handshake_timeout => return None,
            _ => PeerFault::Handshake,
        };
        self.fail(&fault);
        Some(Event::Failed(fault))
    }

    fn close_timeout(&self) -> Duration {
        self.setup.handshake_timeout.min(CLOSE_TIMEOUT_MAX)
    }

    /// Whether the peer waits for heartbeats, which come after our open.
    const fn beats(&self) -> bool {
        self.opened && !self.remote_idle.is_zero()
    }

    /// Remembers that `out` went to the socket.
    pub const fn wrote(&mut self, now: Time) {
        self.wrote = now;
    }

    /// Bytes of a frame that the peer takes.
    pub(crate) fn room(&self) -> usize {
        usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX)
    }

    pub(crate) fn local(&self, remote: u16) -> Option<u16> {
        *self.channels.get(usize::from(remote))?
    }

    pub(crate) fn expect_local(&self, performative: &'static str, channel: u16) -> Result<u16, PeerFault> {
        self.local(channel).ok_or(PeerFault::Channel { performative, channel, why: "has no session" })
    }

    pub(crate) fn session(&self, channel: u16) -> Option<&Session> {
        self.sessions.get(usize::from(channel))?.as_ref()
    }

    pub(crate) fn session_mut(&mut self, channel: u16) -> Option<&mut Session> {
        self.sessions.get_mut(usize::from(channel))?.as_mut()
    }

    pub(crate) fn link_mut(&mut self, link: LinkId) -> Option<&mut Link> {
        self.session_mut(link.channel)?.link_mut(link.handle)
    }
}

/// What one step through the input gave.
pub(crate) enum Step<'b> {
    Event(Event<'b>),
    Again,
    Starved,
}

fn capabilities(words: &[String]) -> Option<Array<Symbol>> {
    let symbols: Vec<Symbol> = words.iter().map(|word| Symbol::from(word.as_str())).collect();
    (!symbols.is_empty()).then(|| Array::from(symbols))
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(body: &[u8], performative: &'static str) -> Result<T, PeerFault> {
    let body = guard::pass(body)?;
    serde_amqp::from_slice(&body).map_err(|error| PeerFault::Decode { performative, reason: error.to_string() })
}

pub(crate) fn append<T: serde::Serialize>(out: &mut Vec<u8>, channel: u16, body: &T) {
    frame::write(out, Kind::Amqp, channel, |out| encode(out, body));
}

/// Appends one encoded value. What we encode is our own, so that the codec cannot refuse it.
pub(crate) fn encode<T: serde::Serialize>(out: &mut Vec<u8>, body: &T) {
    match serde_amqp::to_vec(body) {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(error) => debug_assert!(false, "{error}"),
    }
}
