//! One connection: from the protocol header to close. Bytes and time go in, events and bytes come out.
//!
//! ```text
//! Header -> [Sasl] -> AmqpHeader -> Opening -> Open -> Closing -> Ended
//! ```
//! Source: AMQP 1.0 part 2, 2.4. Transfers, flows and dispositions are in `transfer.rs`.

use std::time::Duration;

use fe2o3_amqp_types::definitions::{Error, Fields, Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::performatives::{Attach, Begin, ChannelMax, Close, Detach, End, MaxFrameSize, Open};
use serde_amqp::primitives::{Array, Symbol};

use crate::fault::{self, PeerFault};
use crate::frame::{self, Frame, Header, Kind};
use crate::handshake::{self, Exchange, Progress, Secure, Side};
use crate::output::Output;
use crate::sasl::Nonce;
use crate::session::{DeliveryId, Link, LinkId, Session, Stage, window_frames};
use crate::time::Time;
use crate::{guard, raw};

/// Of an error's description where the peer's frames are too small for all of it.
const DESCRIPTION_KEPT_CHARS: usize = 64;

/// An attach that says no more than the link's name, beside that name.
const BARE_ATTACH_MAX_BYTES: usize = 128;

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
    channels: Vec<Option<u16>>,
    pub(crate) remote_max_frame: u32,
    remote_channel_max: u16,
    /// Sessions so far.
    epochs: u64,
    /// Links of all sessions.
    links: u32,
    remote_idle: Duration,
    started: Time,
    heard: Time,
    wrote: Time,
    /// When our close was sent.
    closed: Time,
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
            remote_idle: Duration::ZERO,
            started: now,
            heard: now,
            wrote: now,
            closed: now,
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
                handshake::offer(self.out.end(), server);
                self.state = State::Sasl;
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
            return self.handle_sasl(frame.body).map(|()| Step::Again);
        }
        if frame.body.is_empty() {
            return Ok(Step::Again);
        }
        let (code, _) = raw::code(frame.body).ok_or(PeerFault::Unknown)?;
        match (self.state, code) {
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
            (State::Open, 0x17) => self.handle_end(frame.channel, frame.body),
            (State::Open, 0x18) => self.handle_close(frame.body).map(Step::Event),
            (State::Open, 0x10) => Err(PeerFault::State("a second open")),
            _ => Err(PeerFault::Unknown),
        }
    }

    fn handle_sasl(&mut self, body: &[u8]) -> Result<(), PeerFault> {
        let exchange = *self.exchange.take().ok_or(PeerFault::State("this SASL frame"))?;
        let progress = match &self.setup.side {
            Side::Server(server) => handshake::serve(self.out.end(), server, exchange, body),
            Side::Client(client) => handshake::dial(self.out.end(), client, exchange, body),
        };
        match progress {
            Ok(Progress::Goes(exchange)) => self.exchange = Some(Box::new(exchange)),
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
        let half = u32::try_from(setup.idle_timeout.as_millis() / 2).unwrap_or(u32::MAX);
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

    /// Sends close, after an open where there was none yet.
    pub fn close(&mut self, error: Option<Error>) {
        match self.state {
            State::Ended | State::Closing => return,
            State::Header | State::Sasl | State::AmqpHeader => {
                self.state = State::Ended;
                return;
            }
            State::Opening | State::Open => {}
        }
        self.open();
        self.append_error(0, error, |error| Close { error });
        self.end_sessions();
        self.closed = self.heard.max(self.wrote);
        self.state = State::Closing;
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
        append(self.out.end(), channel, &performative(error.clone()));
        if self.out.end().len().saturating_sub(start) <= room {
            return;
        }
        if let Some(error) = &mut error {
            error.info = None;
            error.description =
                error.description.take().map(|text| text.chars().take(DESCRIPTION_KEPT_CHARS).collect());
        }
        self.out.end().truncate(start);
        append(self.out.end(), channel, &performative(error));
    }

    /// A fault's close: nothing more is read.
    fn fail(&mut self, fault: &PeerFault) {
        let server = matches!(self.setup.side, Side::Server(_));
        if self.state == State::Header && server {
            self.out.end().extend_from_slice(&frame::AMQP_HEADER);
        } else {
            self.close(Some(fault.error()));
        }
        self.state = State::Ended;
    }

    /// Begins a session, and returns its channel; `None` when the limit is reached.
    pub fn begin(&mut self) -> Option<u16> {
        let channel = self.insert_session(None)?;
        self.write_begin(channel, None);
        Some(channel)
    }

    /// Begins a session for relayed links, whose window has this many bytes, and returns its channel; `None` when the limit is reached.
    pub fn begin_relay(&mut self, window_bytes: u64) -> Option<u16> {
        let channel = self.insert_session(Some(window_bytes))?;
        self.write_begin(channel, None);
        Some(channel)
    }

    /// A session at the lowest free channel. The first has all that may wait here as its window, each further one half as much
    /// as the one before, unless it is told.
    fn insert_session(&mut self, window_bytes: Option<u64>) -> Option<u16> {
        let at = self.sessions.iter().position(Option::is_none).unwrap_or(self.sessions.len());
        let most = self.setup.channel_max.min(self.remote_channel_max);
        let channel = u16::try_from(at).ok().filter(|channel| *channel <= most)?;
        let share = self.setup.buffered_bytes.checked_shr(channel.into()).unwrap_or(0);
        let bytes = window_bytes.unwrap_or(share);
        let window = window_frames(bytes, self.setup.max_frame_size);
        let session = Session::new(self.epochs, self.setup.window_frames.map_or(window, |frames| window.min(frames)));
        self.epochs = self.epochs.saturating_add(1);
        match self.sessions.get_mut(at) {
            Some(slot) => *slot = Some(session),
            None => self.sessions.push(Some(session)),
        }
        Some(channel)
    }

    fn write_begin(&mut self, channel: u16, remote: Option<u16>) {
        let window = self.session(channel).map_or(0, Session::incoming_window);
        let begin = Begin {
            remote_channel: remote,
            next_outgoing_id: 0,
            incoming_window: window,
            outgoing_window: u32::MAX / 2,
            handle_max: Handle(self.setup.links_max.saturating_sub(1)),
            offered_capabilities: None,
            desired_capabilities: None,
            properties: None,
        };
        append(self.out.end(), channel, &begin);
    }

    fn handle_begin<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let begin: Begin = decode(body, "begin")?;
        if channel > self.setup.channel_max {
            return Err(PeerFault::ChannelMax(channel));
        }
        let fault = |why| PeerFault::Channel { performative: "begin", channel, why };
        if self.local(channel).is_some() {
            return Err(fault("has a session"));
        }
        let ours = match begin.remote_channel {
            Some(ours) if self.session(ours).is_some_and(|session| session.remote.is_none()) => ours,
            Some(_) => return Err(fault("answers no begin of ours")),
            None => self.insert_session(None).ok_or(PeerFault::ChannelMax(channel))?,
        };
        let at = usize::from(channel);
        if self.channels.len() <= at {
            self.channels.resize(at.saturating_add(1), None);
        }
        if let Some(slot) = self.channels.get_mut(at) {
            *slot = Some(ours);
        }
        if let Some(session) = self.session_mut(ours) {
            session.handle_begin(channel, begin.next_outgoing_id, begin.incoming_window, begin.handle_max.0);
        }
        if begin.remote_channel.is_none() {
            self.write_begin(ours, Some(channel));
            return Ok(Step::Event(Event::Begun(ours)));
        }
        // what was attached before the peer's begin may go on
        Ok(Step::Event(Event::Window(ours)))
    }

    fn handle_end<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let _end: End = decode(body, "end")?;
        let ours = self.expect_local("end", channel)?;
        append(self.out.end(), ours, &End { error: None });
        if let Some(slot) = self.channels.get_mut(usize::from(channel)) {
            *slot = None;
        }
        if let Some(session) = self.sessions.get_mut(usize::from(ours)).and_then(Option::take) {
            self.links = self.links.saturating_sub(u32::try_from(session.link_count()).unwrap_or(u32::MAX));
        }
        Ok(Step::Event(Event::Ended(ours)))
    }

    fn handle_attach<'b>(&mut self, channel: u16, body: &'b [u8]) -> Result<Step<'b>, PeerFault> {
        let attach: Attach = decode(body, "attach")?;
        let ours = self.expect_local("attach", channel)?;
        let bytes = attach.name.len();
        if bytes.saturating_add(BARE_ATTACH_MAX_BYTES) > self.room() {
            return Err(PeerFault::LinkName { bytes, max: self.remote_max_frame });
        }
        let remote = attach.handle.0;
        let role = if attach.role == Role::Sender { Role::Receiver } else { Role::Sender };
        if remote >= self.setup.links_max {
            return Err(PeerFault::HandleMax(remote));
        }
        let full = self.links >= self.setup.links_max;
        let session = self.session_mut(ours).ok_or(PeerFault::State("attach"))?;
        let in_use = || PeerFault::HandleInUse { handle: remote, name: attach.name.clone() };
        if session.local(remote).is_some() {
            return Err(in_use());
        }
        let known = session.named(&attach.name, &role);
        let (handle, was_ours) = match known {
            Some(handle) if session.link(handle).is_some_and(|link| link.remote.is_none()) => (handle, true),
            Some(_) => return Err(in_use()),
            None if full => return Err(PeerFault::HandleMax(remote)),
            None => {
                let link = Link::new(&attach.name, role.clone(), Stage::Asked);
                (session.insert(link).ok_or(PeerFault::HandleMax(remote))?, false)
            }
        };
        session.bind(remote, handle);
        if let Some(link) = session.link_mut(handle) {
            if role == Role::Receiver {
                link.start_count(attach.initial_delivery_count.unwrap_or(0));
            }
            if link.stage == Stage::Attaching {
                link.stage = Stage::Attached;
            }
        }
        if !was_ours {
            self.links = self.links.saturating_add(1);
        }
        let link = LinkId { channel: ours, handle };
        Ok(Step::Event(Event::Attached { link, ours: was_ours, attach: Box::new(attach), body }))
    }

    /// Answers a peer's attach. `attach.name`, `handle` and `role` are filled in.
    pub fn accept(&mut self, link: LinkId, mut attach: Attach) {
        let Some(state) = self.link_mut(link) else {
            return;
        };
        state.stage = Stage::Attached;
        attach.name = state.name.as_ref().to_owned();
        attach.handle = Handle(link.handle);
        attach.role = state.role.clone();
        attach.initial_delivery_count = (state.role == Role::Sender).then_some(state.delivery_count.0);
        let start = self.out.end().len();
        append(self.out.end(), link.channel, &attach);
        if self.out.end().len().saturating_sub(start) > self.room() {
            self.out.end().truncate(start);
            (attach.source, attach.target) = (None, None);
            (attach.properties, attach.offered_capabilities, attach.desired_capabilities) = (None, None, None);
            append(self.out.end(), link.channel, &attach);
            let why = "the answer to the attach is longer than max-frame-size";
            self.detach(link, Some(fault::error(fault::FRAME_SIZE_TOO_SMALL, why)));
        }
    }

    /// Bytes of a frame that the peer takes.
    fn room(&self) -> usize {
        usize::try_from(self.remote_max_frame).unwrap_or(usize::MAX)
    }

    /// Refuses a peer's attach: an attach without the terminus it asked for, then a detach that says why.
    pub fn refuse(&mut self, link: LinkId, mut attach: Attach, error: Error) {
        if attach.role == Role::Sender {
            attach.target = None
        } else {
            attach.source = None
        }
        self.accept(link, attach);
        self.detach(link, Some(error));
    }

    /// Attaches a link by ourselves. `attach.handle` is filled in. `None` when the session is gone or full.
    pub fn attach(&mut self, channel: u16, mut attach: Attach) -> Option<LinkId> {
        let session = self.session_mut(channel)?;
        let handle = session.insert(Link::new(&attach.name, attach.role.clone(), Stage::Attaching))?;
        self.count_link();
        attach.handle = Handle(handle);
        attach.initial_delivery_count = (attach.role == Role::Sender).then_some(0);
        append(self.out.end(), channel, &attach);
        Some(LinkId { channel, handle })
    }

    /// Detaches a link of ours. What still comes on it is void.
    pub fn detach(&mut self, link: LinkId, error: Option<Error>) {
        let Some(state) = self.link_mut(link) else {
            return;
        };
        if state.stage == Stage::Detaching {
            return;
        }
        state.stage = Stage::Detaching;
        self.append_error(link.channel, error, |error| Detach { handle: Handle(link.handle), closed: true, error });
    }

    /// Whether we receive on a link.
    #[must_use]
    pub fn is_receiver(&self, link: LinkId) -> Option<bool> {
        Some(self.session(link.channel)?.link(link.handle)?.role == Role::Receiver)
    }

    fn handle_detach<'b>(&mut self, channel: u16, body: &[u8]) -> Result<Step<'b>, PeerFault> {
        let detach: Detach = decode(body, "detach")?;
        let ours = self.expect_local("detach", channel)?;
        let remote = detach.handle.0;
        let session = self.session_mut(ours).ok_or(PeerFault::State("detach"))?;
        let unattached = PeerFault::UnattachedHandle { performative: "detach", handle: remote };
        let handle = session.local(remote).ok_or(unattached)?;
        let state = session.link_mut(handle).ok_or(PeerFault::State("detach"))?;
        let (stage, relayed, role) = (state.stage, state.relayed, state.role.clone());
        let link = LinkId { channel: ours, handle };
        let Detach { closed, error, .. } = detach;
        if relayed && stage != Stage::Detaching {
            (state.stage, state.closes) = (Stage::Detached, closed);
            return Ok(Step::Event(Event::RelayDetached { link, answers: false, closed, error }));
        }
        let name = state.name.clone();
        self.forget(link);
        match stage {
            Stage::Detaching if relayed => {
                return Ok(Step::Event(Event::RelayDetached { link, answers: true, closed, error }));
            }
            Stage::Detaching => return Ok(Step::Again),
            // nothing can be detached that was not attached
            Stage::Asked => append(self.out.end(), ours, &bare_attach(&name, handle, role)),
            Stage::Attaching | Stage::Attached | Stage::Detached => {}
        }
        append(self.out.end(), ours, &Detach { handle: Handle(handle), closed, error: None });
        Ok(Step::Event(Event::Detached { link, closed, error }))
    }

    /// Counts a link that we attach.
    pub(crate) const fn count_link(&mut self) {
        self.links = self.links.saturating_add(1);
    }

    /// Forgets a link.
    pub(crate) fn forget(&mut self, link: LinkId) {
        if let Some(session) = self.session_mut(link.channel) {
            session.remove(link.handle);
            self.links = self.links.saturating_sub(1);
        }
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

    fn local(&self, remote: u16) -> Option<u16> {
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

/// The answer to an attach that its peer did not wait for.
fn bare_attach(name: &str, handle: u32, role: Role) -> Attach {
    Attach {
        name: name.to_owned(),
        handle: Handle(handle),
        initial_delivery_count: (role == Role::Sender).then_some(0),
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: None,
        target: None,
        unsettled: None,
        incomplete_unsettled: false,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

fn capabilities(words: &[String]) -> Option<Array<Symbol>> {
    let symbols: Vec<Symbol> = words.iter().map(|word| Symbol::from(word.as_str())).collect();
    (!symbols.is_empty()).then(|| Array::from(symbols))
}

fn decode<T: serde::de::DeserializeOwned>(body: &[u8], performative: &'static str) -> Result<T, PeerFault> {
    let body = guard::pass(body)?;
    serde_amqp::from_slice(&body).map_err(|error| PeerFault::Decode { performative, reason: error.to_string() })
}

fn append<T: serde::Serialize>(out: &mut Vec<u8>, channel: u16, body: &T) {
    frame::write(out, Kind::Amqp, channel, |out| encode(out, body));
}

/// Appends one encoded value. What we encode is our own, so that the codec cannot refuse it.
pub(crate) fn encode<T: serde::Serialize>(out: &mut Vec<u8>, body: &T) {
    match serde_amqp::to_vec(body) {
        Ok(bytes) => out.extend_from_slice(&bytes),
        Err(error) => debug_assert!(false, "{error}"),
    }
}
