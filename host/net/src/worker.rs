//! One worker: a thread with its shard, the sockets of its connections, and the tasks between them.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use crosstie_amqp::connection::{Connection, Setup};
use crosstie_amqp::fault::{PeerFault, condition, error};
use crosstie_amqp::sasl::Nonce;
use crosstie_amqp::time::Time;
use crosstie_manage::Access;
use crosstie_model::facts::ConnectionFacts;
use crosstie_model::policy::Policy;
use crosstie_model::quota::{Held, Quotas};
use crosstie_model::settings::{Connector, LinkRoute, Management, Mechanism};
use crosstie_model::trail::Refusals;
use crosstie_router::address::ConnectionRef;
use crosstie_router::auto_links::AutoLinkId;
use crosstie_router::failover::{Clock, Failure};
use crosstie_router::failover_list;
use crosstie_router::shard::{Common, Ended, Managed, Meta, Peer, Request, Shard};
use crosstie_router::survey::Survey;
use crosstie_router::watch;
use tokio::sync::{Notify, Semaphore, mpsc, oneshot};

use crate::auth_service;
use crate::connector;
use crate::control::Asked;
use crate::counts::Open;
use crate::input::Blocks;
use crate::layer::{Entrance, Layer};
use crate::opening;
use crate::policy;
use crate::profiles::Profiles;
use crate::refused;
use crate::resolver::Resolver;
use crate::signal::Signal;
use crate::socket::{Identity, Left, Owner, Socket, UNREAD_MAX_BYTES, serve};
use crate::status::Watched;
use crate::tcp;

/// What all workers share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) common: Arc<Common>,
    pub(crate) open: Open,
    pub(crate) quotas: Quotas,
    pub(crate) refusals: Refusals,
    /// Connections so far.
    pub(crate) connections: AtomicU64,
    /// Listeners and connectors so far, each time that one is changed counted.
    pub(crate) editions: AtomicU64,
    /// That may be open.
    pub(crate) connections_max: AtomicU32,
    pub(crate) started: Instant,
    pub(crate) profiles: Profiles,
    pub(crate) resolver: Resolver,
}

/// What a listener hands to a worker with each socket.
#[derive(Debug, Clone)]
pub(crate) struct Door {
    pub(crate) owner: Owner,
    pub(crate) setup: Setup,
    pub(crate) meta: Meta,
    /// Absent: plain TCP.
    pub(crate) entrance: Option<Arc<Entrance>>,
}

/// A connection on its way between workers.
#[derive(Debug)]
pub(crate) struct Moved {
    peer: Box<Peer>,
    stream: std::net::TcpStream,
    layer: Layer,
    identity: Identity,
    partial: Vec<u8>,
}

/// What a worker is told.
#[derive(Debug)]
pub(crate) enum Command {
    Accepted(std::net::TcpStream, Arc<Door>),
    Moved(Box<Moved>),
    /// Keep a connector connected.
    Connect(Box<Connector>, Watched),
    /// An auto-link came: attach it where it belongs.
    AddAutoLink(AutoLinkId),
    /// An auto-link is configured no more: detach it.
    RemoveAutoLink(AutoLinkId),
    /// A peer makes a link route to its own connection: say whether that is still there.
    AddConnectionRoute(ConnectionRef, LinkRoute, oneshot::Sender<bool>),
    /// End connections, and say whether there was one.
    End(Ending, oneshot::Sender<bool>),
    /// Say what there is.
    Survey(oneshot::Sender<Surveyed>),
    /// The answer to a message to the management node, if there is one.
    Reply(Box<Managed>, Option<Vec<u8>>),
    /// Close all connections; be done when they are gone.
    Shutdown,
}

/// Which connections are to end, and how.
#[derive(Debug, Clone)]
pub(crate) enum Ending {
    /// That of this id: its socket, without a word to the peer.
    Drop(u64),
    /// Those of a listener as it was, politely.
    Listener { edition: u64, why: &'static str },
    /// Those that listeners let in as this user, or may still let in by the users as they were, politely.
    User(String),
}

/// What a worker says of itself.
#[derive(Debug)]
pub(crate) struct Surveyed {
    pub(crate) survey: Survey,
    pub(crate) connections: Vec<ConnectionFacts>,
}

/// TLS handshakes that are worked on in one turn. Each costs as much as a thousand messages: many peers that come at once would keep
/// those that are there waiting.
const HANDSHAKES_MAX: usize = 4;

/// Why a connection ended whose peer was to speak TLS.
const NO_TLS: &str =
    "no end of the TLS handshake within the handshake timeout: the peer stays silent, or speaks no TLS";

/// One worker.
pub(crate) struct Worker {
    id: u16,
    /// To the control task. What lies there is bounded by the credit of the links to the management node.
    control: mpsc::UnboundedSender<Asked>,
    pub(crate) shard: RefCell<Shard>,
    pub(crate) blocks: Rc<Blocks>,
    /// For TLS handshakes that are worked on in one turn.
    pub(crate) handshakes: Semaphore,
    pub(crate) policy: Rc<dyn Policy>,
    pub(crate) shared: Arc<Shared>,
    sockets: RefCell<BTreeMap<ConnectionRef, Rc<Socket>>>,
    others: Vec<mpsc::UnboundedSender<Command>>,
    tick: Signal,
    is_closing: Cell<bool>,
    /// Wakes the connectors, which wait for the end.
    pub(crate) closing: Notify,
    /// Said when the last connection goes.
    empty: Signal,
}

impl Shared {
    /// Connections that may be open.
    pub(crate) fn connections_max(&self) -> u32 {
        self.connections_max.load(Ordering::Relaxed)
    }

    /// Sets how many connections may be open; those that are stay.
    pub(crate) fn set_connections_max(&self, most: u32) {
        self.connections_max.store(most, Ordering::Relaxed);
    }

    /// Numbers a listener or connector.
    pub(crate) fn next_edition(&self) -> u64 {
        self.editions.fetch_add(1, Ordering::Relaxed)
    }
}

impl Worker {
    pub(crate) fn new(
        id: u16,
        shared: Arc<Shared>,
        policy: Rc<dyn Policy>,
        (others, control): (Vec<mpsc::UnboundedSender<Command>>, mpsc::UnboundedSender<Asked>),
    ) -> Rc<Self> {
        Rc::new(Self {
            id,
            control,
            shard: RefCell::new(Shard::new(id, shared.common.clone())),
            blocks: Rc::default(),
            handshakes: Semaphore::new(HANDSHAKES_MAX),
            policy,
            shared,
            sockets: RefCell::default(),
            others,
            tick: Signal::default(),
            is_closing: Cell::new(false),
            closing: Notify::new(),
            empty: Signal::default(),
        })
    }

    /// Runs until a shutdown is done.
    pub(crate) async fn run(self: Rc<Self>, mut commands: mpsc::UnboundedReceiver<Command>, mail: Arc<Notify>) {
        let (amqp, meta) = opening::voice();
        self.shard.borrow_mut().speak_through(self.now(), Connection::new(self.now(), amqp, Nonce([0; 18])), meta);
        let worker = self.clone();
        tokio::task::spawn_local(async move {
            loop {
                worker.tick.heard().await;
                worker.shard.borrow_mut().flush();
                worker.settle_events();
                // the sockets have their turn, however much there is to flush
                tokio::task::coop::consume_budget().await;
            }
        });
        let worker = self.clone();
        tokio::task::spawn_local(async move {
            loop {
                mail.notified().await;
                worker.shard.borrow_mut().handle_mail(worker.now());
                worker.settle_events();
            }
        });
        let mut look = tokio::time::interval(watch::INTERVAL);
        look.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = look.tick() => {
                    self.shard.borrow_mut().look(self.now());
                    self.wake();
                }
                command = commands.recv() => match command {
                    Some(Command::Accepted(stream, door)) => self.accept(stream, &door),
                    Some(Command::Moved(moved)) => self.arrive(*moved),
                    Some(Command::Connect(connector, watched)) => {
                        tokio::task::spawn_local(connector::run(self.clone(), *connector, watched));
                    }
                    Some(Command::AddAutoLink(id)) => {
                        self.shard.borrow_mut().add_auto_link(self.now(), id);
                        self.settle_events();
                    }
                    Some(Command::RemoveAutoLink(id)) => {
                        self.shard.borrow_mut().remove_auto_link(self.now(), id);
                        self.settle_events();
                    }
                    Some(Command::AddConnectionRoute(at, route, answer)) => {
                        let _ = answer.send(self.shard.borrow().add_connection_route(at, route));
                    }
                    // whoever asked may have gone
                    Some(Command::End(ending, answer)) => drop(answer.send(self.end(&ending))),
                    Some(Command::Survey(answer)) => drop(answer.send(self.survey())),
                    Some(Command::Reply(request, reply)) => self.reply(&request, reply),
                    Some(Command::Shutdown) => self.shut_down(),
                    None => return,
                },
                () = self.empty.heard(), if self.is_closing.get() => {}
            }
            if self.is_closing.get() && self.sockets.borrow().is_empty() {
                return;
            }
        }
    }

    fn survey(&self) -> Surveyed {
        let shard = self.shard.borrow();
        let mut survey = shard.survey();
        let sockets = self.sockets.borrow();
        for row in &mut survey.links {
            row.facts.connection_id = sockets.get(&row.connection).map_or(0, |socket| socket.identity.borrow().id);
        }
        let now = self.now();
        let connections = sockets.iter().filter_map(|(at, socket)| socket.facts(shard.peer(*at)?, now));
        Surveyed { survey, connections: connections.collect() }
    }

    fn reply(self: &Rc<Self>, request: &Managed, reply: Option<Vec<u8>>) {
        let mut shard = self.shard.borrow_mut();
        if let Some(message) = reply {
            shard.send(self.now(), &message);
        }
        shard.managed(self.now(), request);
        drop(shard);
        self.settle_events();
    }

    fn ask(&self, request: Managed) {
        let shard = self.shard.borrow();
        let meta = shard.peer(request.connection()).map(|peer| &peer.meta);
        let is_full = meta.is_some_and(|meta| meta.management == Management::Full);
        let access = if is_full { Access::Full } else { Access::Read };
        let is_restricted = meta.is_some_and(|meta| meta.permissions.is_some());
        if self.control.send(Asked { worker: self.id, access, is_restricted, request }).is_err() {
            tracing::debug!(target: "management", "the control task is done");
        }
    }

    pub(crate) fn now(&self) -> Time {
        Time(u64::try_from(self.shared.started.elapsed().as_micros()).unwrap_or(u64::MAX))
    }

    pub(crate) fn clock(&self) -> Clock {
        let unix = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Clock { now: self.now(), unix_ms: u64::try_from(unix.as_millis()).unwrap_or(u64::MAX) }
    }

    pub(crate) fn instant(&self, time: Time) -> tokio::time::Instant {
        tokio::time::Instant::from_std(self.shared.started) + Duration::from_micros(time.0)
    }

    pub(crate) fn is_closing(&self) -> bool {
        self.is_closing.get()
    }

    pub(crate) fn socket(&self, at: ConnectionRef) -> Option<Rc<Socket>> {
        self.sockets.borrow().get(&at).cloned()
    }

    fn accept(self: &Rc<Self>, stream: std::net::TcpStream, door: &Door) {
        let adopted = tokio::net::TcpStream::from_std(stream).and_then(|stream| {
            let identity = self.identify(&stream, door.owner.clone())?;
            let layer = Layer::accepted(door.entrance.as_ref())?;
            Ok(((stream, layer), identity, opening::nonce()?))
        });
        let (stream, identity, nonce) = match adopted {
            Ok(adopted) => adopted,
            Err(error) => {
                return tracing::debug!(target: "listener", %error, listener = &*door.owner.name, "a peer went before it was served");
            }
        };
        tracing::debug!(target: "listener", listener = &*door.owner.name, peer.addr = %identity.remote, connection = identity.id, "accepted");
        let mut meta = door.meta.clone();
        meta.peer_addr = identity.remote.to_string();
        let mut setup = door.setup.clone();
        opening::number(&mut setup, identity.id);
        let peer = Box::new(Peer::new(Connection::new(self.now(), setup, nonce), meta));
        let (at, socket) = self.adopt(peer, Socket::new(stream, identity));
        let worker = self.clone();
        tokio::task::spawn_local(async move { worker.drive(at, socket, Vec::new()).await });
    }

    /// Says who is at the other end.
    pub(crate) fn identify(&self, stream: &tokio::net::TcpStream, owner: Owner) -> std::io::Result<Identity> {
        Ok(Identity {
            id: self.shared.connections.fetch_add(1, Ordering::Relaxed).saturating_add(1),
            owner,
            remote: tcp::plain(stream.peer_addr()?),
            local: tcp::plain(stream.local_addr()?),
            since: self.now(),
            peer: None,
            properties: Vec::new(),
            counted: None,
            held: Held::default(),
            recheck: None,
        })
    }

    fn arrive(self: &Rc<Self>, moved: Moved) {
        let Moved { peer, stream, layer, identity, partial } = moved;
        match tokio::net::TcpStream::from_std(stream) {
            Ok(stream) => {
                let (at, socket) = self.adopt(peer, Socket::new((stream, layer), identity));
                let worker = self.clone();
                tokio::task::spawn_local(async move { worker.drive(at, socket, partial).await });
            }
            Err(error) => {
                tracing::error!(target: "connection", %error, "a connection could not move to another worker")
            }
        }
    }

    /// Takes a connection in. Whoever calls drives it.
    pub(crate) fn adopt(self: &Rc<Self>, peer: Box<Peer>, socket: Socket) -> (ConnectionRef, Rc<Socket>) {
        let socket = Rc::new(socket);
        let at = self.shard.borrow_mut().insert(self.now(), peer);
        self.sockets.borrow_mut().insert(at, socket.clone());
        self.settle_events();
        if self.is_closing.get() {
            self.close(at);
        }
        self.wake();
        (at, socket)
    }

    /// Serves a connection to its end on this worker.
    pub(crate) async fn drive(self: &Rc<Self>, at: ConnectionRef, socket: Rc<Socket>, partial: Vec<u8>) {
        let left = serve(self, at, &socket, partial).await;
        self.sockets.borrow_mut().remove(&at);
        let leaving = match left {
            Left::Closed => {
                self.shard.borrow_mut().lost(self.now(), at);
                socket.end();
                Some(socket)
            }
            Left::Moved(to, partial) => {
                self.send(at, socket, to, partial);
                None
            }
        };
        self.settle_events();
        if self.sockets.borrow().is_empty() {
            self.empty.say();
        }
        if let Some(socket) = leaving {
            Box::pin(socket.take_leave()).await;
        }
    }

    fn send(&self, at: ConnectionRef, socket: Rc<Socket>, to: u16, partial: Vec<u8>) {
        let Some(peer) = self.shard.borrow_mut().remove(at) else {
            return;
        };
        let Some(Socket { stream, layer, identity, .. }) = Rc::into_inner(socket) else {
            return tracing::error!(target: "connection", "a connection is still in use here and cannot move");
        };
        match (stream.into_std(), self.others.get(usize::from(to))) {
            (Ok(stream), Some(worker)) => {
                let (layer, identity) = (layer.into_inner(), identity.into_inner());
                let moved = Moved { peer, stream, layer, identity, partial };
                if worker.send(Command::Moved(Box::new(moved))).is_err() {
                    tracing::debug!(target: "connection", "the other worker is done");
                }
            }
            (Err(error), _) => {
                tracing::error!(target: "connection", %error, "a connection could not move to another worker")
            }
            (_, None) => {}
        }
    }

    fn shut_down(self: &Rc<Self>) {
        self.is_closing.set(true);
        self.closing.notify_waiters();
        let all: Vec<ConnectionRef> = self.sockets.borrow().keys().copied().collect();
        for at in all {
            self.close(at);
        }
        self.settle_events();
    }

    fn close(&self, at: ConnectionRef) {
        self.close_with(at, Some("the router is shutting down"));
    }

    /// Closes a connection for this reason.
    pub(crate) fn close_for(self: &Rc<Self>, at: ConnectionRef, why: &str) {
        self.close_with(at, Some(why));
        self.settle_events();
    }

    /// Closes a connection in which nothing is wrong.
    pub(crate) fn close_clean(self: &Rc<Self>, at: ConnectionRef) {
        self.close_with(at, None);
        self.settle_events();
    }

    /// Ends connections. Says whether there was one.
    fn end(self: &Rc<Self>, ending: &Ending) -> bool {
        let all: Vec<(ConnectionRef, Rc<Socket>)> =
            self.sockets.borrow().iter().map(|(at, socket)| (*at, socket.clone())).collect();
        let mut found = false;
        for (at, socket) in all {
            let identity = socket.identity.borrow();
            let owner = &identity.owner;
            let is_meant = match ending {
                Ending::Drop(id) => identity.id == *id,
                Ending::Listener { edition, .. } => owner.is_listener && owner.edition == *edition,
                Ending::User(name) => owner.is_listener && owner.service.is_none() && self.may_be(at, name),
            };
            drop(identity);
            if !is_meant || socket.is_ended.get() {
                continue;
            }
            found = true;
            match ending {
                Ending::Drop(_) => socket.give_up("the connection was deleted by management"),
                Ending::Listener { why, .. } => self.close_with(at, Some(why)),
                Ending::User(_) => self.close_with(at, Some("this user was removed")),
            }
        }
        self.settle_events();
        found
    }

    fn close_with(&self, at: ConnectionRef, why: Option<&str>) {
        let why = why.map(|why| error("amqp:connection:forced", why));
        let ended = {
            let mut shard = self.shard.borrow_mut();
            shard.close(self.now(), at, why);
            shard.peer(at).is_none_or(|peer| peer.amqp.is_ended())
        };
        if let Some(socket) = self.socket(at) {
            if ended {
                socket.is_ended.set(true);
            }
            // input that waited for policy is read again: the peer's close comes there
            socket.is_resumed.set(true);
            socket.signal.say();
        }
        self.wake();
    }

    /// Whether a peer came in as this user, or may still do so by the users as they were.
    fn may_be(&self, at: ConnectionRef, user: &str) -> bool {
        let shard = self.shard.borrow();
        shard.peer(at).is_some_and(|peer| match peer.amqp.user() {
            // the name of a certificate is no user's, though it may read so
            Some(name) => name == user && peer.amqp.mechanism() != Some(Mechanism::External.as_str()),
            None => peer.amqp.mechanism().is_none() && !peer.amqp.is_open(),
        })
    }

    /// Has what is new written at the end of this turn, if anything is.
    pub(crate) fn wake(&self) {
        if !self.shard.borrow().is_idle() {
            self.tick.say();
        }
    }

    /// Shows the shard what a peer sent.
    pub(crate) fn input(&self, at: ConnectionRef, input: &mut &[u8]) {
        self.shard.borrow_mut().handle_input(self.now(), at, input);
        self.wake();
    }

    /// Bytes that wait for a peer.
    pub(crate) fn unread(&self, at: ConnectionRef) -> usize {
        self.shard.borrow().peer(at).map_or(0, |peer| peer.amqp.out.len())
    }

    /// Writes what a connection has for its peer, as far as the socket takes it.
    pub(crate) fn write(&self, at: ConnectionRef) {
        let Some(socket) = self.socket(at).filter(|socket| !socket.is_full.get()) else {
            return;
        };
        let mut shard = self.shard.borrow_mut();
        let wanted = |peer: &&mut Peer| !peer.amqp.out.is_empty() || socket.sealed_bytes() > 0;
        let Some(peer) = shard.peer_mut(at).filter(wanted) else {
            return;
        };
        let unread = |peer: &Peer| peer.amqp.out.len().saturating_add(socket.sealed_bytes());
        let before = unread(peer);
        socket.write(&self.blocks, &mut peer.amqp.out);
        let left = unread(peer);
        let is_unread = before > UNREAD_MAX_BYTES;
        if left < before && (is_unread || peer.is_held_up()) {
            // it is not read, and alive
            peer.amqp.excuse(self.now());
        }
        if is_unread && left <= UNREAD_MAX_BYTES {
            socket.signal.say();
        }
        shard.handle_written(self.now(), at);
        drop(shard);
        self.wake();
    }

    /// Does what the shard asks for; what it has to write besides is written at the end of this turn.
    pub(crate) fn settle_events(self: &Rc<Self>) {
        loop {
            let Some(request) = self.shard.borrow_mut().poll_event() else {
                return self.wake();
            };
            match request {
                Request::Dirty(at) => self.write(at),
                Request::Asks(at, words) => auth_service::ask(self, at, words),
                Request::Opened(at, open) => policy::opened(self, at, &open),
                Request::Begun(at, channel) => policy::begun(self, at, channel),
                Request::Attach(at) => policy::attach(self, at),
                Request::Name(at) => policy::name(self, at),
                Request::Refused(at, what) => refused::followed(self, at, *what),
                Request::Contradicted(at, what) => refused::contradicted(self, at, &what),
                Request::Manage(request) => self.ask(*request),
                Request::Resumed(at) => {
                    if let Some(socket) = self.socket(at) {
                        socket.is_resumed.set(true);
                        socket.signal.say();
                    }
                }
                Request::Move(at, to) => {
                    if let Some(socket) = self.socket(at) {
                        socket.move_to.set(Some(to));
                        socket.signal.say();
                    }
                }
                Request::Ended(at, why) => self.ended(at, &why),
            }
        }
    }

    fn ended(&self, at: ConnectionRef, why: &Ended) {
        let Some(socket) = self.socket(at) else {
            return;
        };
        let identity = socket.identity.borrow();
        let by = match why {
            Ended::Fault(fault) => {
                let shard = self.shard.borrow();
                shard.peer(at).and_then(|peer| peer.limited_by(fault)).cloned()
            }
            Ended::ByPeer(_) | Ended::Unanswered => None,
        };
        let (error, by_peer) = match why {
            Ended::ByPeer(error) => (error.clone(), true),
            Ended::Fault(fault) => (Some(fault.error()), false),
            Ended::Unanswered => (Some(error("amqp:connection:forced", "no answer to our close")), false),
        };
        let condition = error.as_ref().map(|error| condition(&error.condition));
        let redirect = error.as_ref().filter(|_| by_peer).and_then(failover_list::read_redirect).map(Box::new);
        let is_silent = matches!(why, Ended::Fault(PeerFault::Handshake)) && socket.layer.borrow().waits_for_tls();
        let said = if is_silent { Some(NO_TLS.to_owned()) } else { None };
        let description = said.or_else(|| error.and_then(|error| error.description));
        let (peer, id) = (identity.remote, identity.id);
        let (listener, connector) = identity.owner.names();
        match (&condition, by_peer) {
            // whoever asked the auth service has said why
            _ if matches!(why, Ended::Fault(PeerFault::Unanswered)) => {}
            (None, _) => {
                tracing::debug!(target: "connection", listener, connector, peer.addr = %peer, connection = id, "closed by the peer");
            }
            (Some(condition), true) => {
                tracing::info!(target: "connection", listener, connector, peer.addr = %peer, connection = id, condition,
                    error = description, "closed by the peer");
            }
            (Some(condition), false) => {
                let (plugin, note) = by.as_ref().map(|by| (&*by.plugin, by.note.as_deref())).unzip();
                tracing::info!(target: "connection", listener, connector, peer.addr = %peer, connection = id, condition,
                    error = description, plugin, note = note.flatten(), sequence = by.as_ref().map(|by| by.sequence),
                    "closed: the peer is at fault");
            }
        }
        if let Some(by) = by {
            let told = (condition.as_deref().unwrap_or_default(), description.as_deref().unwrap_or_default());
            self.shared.refusals.push(refused::by_limit(self, &identity, told, &by));
        }
        drop(identity);
        *socket.failure.borrow_mut() =
            Failure { error: description.unwrap_or_else(|| "closed by the peer".to_owned()), condition, redirect };
        socket.is_ended.set(true);
        socket.signal.say();
    }
}
