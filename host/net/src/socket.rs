//! One socket: bytes between it and its worker's shard, until one of them is done.

use std::cell::{Cell, RefCell};
use std::net::{Shutdown, SocketAddr};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::time::Time;
use crosstie_model::facts::ConnectionFacts;
use crosstie_model::policy::{InfoValue, Peer as PolicyPeer};
use crosstie_model::settings::Direction;
use crosstie_router::address::ConnectionRef;
use crosstie_router::failover::{Clock, Failure};
use crosstie_router::failover_list::Advertisement;
use crosstie_router::shard::Peer;
use tokio::net::TcpStream;
use tokio::sync::Notify;
use tokio::time::Sleep;

use crate::counts::Counted;
use crate::status::Watched;
use crate::worker::Worker;

/// Bytes of a partial frame that are copied before the next read; longer ones are read in place.
const PARTIAL_COPY_MAX_BYTES: usize = 16 << 10;

/// A peer that leaves more than this unread is not read either: what it asks for answers would pile up.
const UNREAD_MAX_BYTES: usize = 4 << 20;

/// Reads in one turn, so that one busy peer does not keep the others waiting.
const READS_MAX: usize = 4;

/// How long the bytes of a peer are read and dropped after our close, so that it reaches the peer.
const LINGER: Duration = Duration::from_secs(2);

/// What of a listener or connector its connections need.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) name: Arc<str>,
    pub(crate) is_listener: bool,
    pub(crate) explain_refusals: bool,
    pub(crate) limits: crosstie_model::settings::ConnectionLimits,
    /// As configured; absent: by who the peer is.
    pub(crate) management: Option<crosstie_model::settings::Management>,
}

impl Owner {
    /// As log lines name it: the listener, or the connector.
    pub(crate) fn names(&self) -> (Option<&str>, Option<&str>) {
        let name = Some(&*self.name);
        if self.is_listener { (name, None) } else { (None, name) }
    }
}

/// What goes along when a connection moves to another worker.
#[derive(Debug)]
pub(crate) struct Identity {
    pub(crate) id: u64,
    pub(crate) owner: Owner,
    pub(crate) remote: SocketAddr,
    pub(crate) local: SocketAddr,
    /// When it was accepted, or reached.
    pub(crate) since: Time,
    /// Once its open came.
    pub(crate) peer: Option<PolicyPeer>,
    /// Of its open.
    pub(crate) properties: Vec<(String, InfoValue)>,
    pub(crate) counted: Option<Counted>,
}

/// A connection's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    pub(crate) identity: RefCell<Identity>,
    /// The task has to look at the flags below, or at the shard.
    pub(crate) notify: Notify,
    /// The socket took less than there was.
    pub(crate) is_full: Cell<bool>,
    /// No more input is wanted.
    pub(crate) is_ended: Cell<bool>,
    /// The worker to go to.
    pub(crate) move_to: Cell<Option<u16>>,
    /// When the peer's open came, and what it advertised.
    pub(crate) opened: RefCell<Option<(Clock, Advertisement)>>,
    pub(crate) failure: RefCell<Failure>,
    /// Of a connector: told when the peer's open came; with the endpoint.
    pub(crate) watched: RefCell<Option<(Watched, String)>>,
    /// Policy has answered: bytes that came before may be looked at.
    pub(crate) is_resumed: Cell<bool>,
    is_broken: Cell<bool>,
}

impl Socket {
    pub(crate) fn new(stream: TcpStream, identity: Identity) -> Self {
        Self {
            stream,
            identity: RefCell::new(identity),
            notify: Notify::new(),
            is_full: Cell::new(false),
            is_ended: Cell::new(false),
            move_to: Cell::new(None),
            opened: RefCell::default(),
            failure: RefCell::default(),
            watched: RefCell::default(),
            is_resumed: Cell::new(false),
            is_broken: Cell::new(false),
        }
    }

    /// What management is told.
    pub(crate) fn facts(&self, peer: &Peer, now: Time) -> Option<ConnectionFacts> {
        let identity = self.identity.borrow();
        let seconds = |since: Time| u32::try_from(now.since(since).as_secs()).unwrap_or(u32::MAX);
        let mechanism = peer.amqp.mechanism().map(str::to_owned);
        let anonymous = mechanism.as_deref() == Some("ANONYMOUS");
        let user = peer.amqp.user().map(str::to_owned).or_else(|| anonymous.then(|| "anonymous".to_owned()));
        Some(ConnectionFacts {
            id: identity.id,
            host: identity.remote.to_string(),
            role: peer.meta.role.as_str(),
            direction: if identity.owner.is_listener { Direction::In } else { Direction::Out },
            container: identity.peer.as_ref().map(|peer| peer.container_id.clone()),
            is_authenticated: mechanism.is_some(),
            sasl_mechanism: mechanism,
            user,
            tls: None,
            properties: identity.properties.clone(),
            tenant: None,
            opened: peer.amqp.is_open(),
            closing: self.is_ended.get(),
            frames_logged: false,
            uptime_seconds: seconds(identity.since),
            last_delivery_seconds: peer.last_delivery().map(seconds),
        })
    }

    /// Writes what it takes of `out`.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        let mut written = 0;
        while let Some(rest) = out.get(written..).filter(|rest| !rest.is_empty()) {
            match self.stream.try_write(rest) {
                Ok(count) => written = written.saturating_add(count),
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    self.is_full.set(true);
                    self.notify.notify_one();
                    break;
                }
                Err(error) => {
                    self.break_off(&error);
                    written = out.len();
                    break;
                }
            }
        }
        out.drain(..written.min(out.len()));
        if out.is_empty() && out.capacity() > PARTIAL_COPY_MAX_BYTES * 16 {
            *out = Vec::new();
        }
    }

    fn break_off(&self, error: &std::io::Error) {
        self.is_broken.set(true);
        let mut failure = self.failure.borrow_mut();
        if failure.error.is_empty() {
            failure.error = error.to_string();
        }
        self.notify.notify_one();
    }
}

/// How a connection left its worker.
pub(crate) enum Left {
    /// It is over.
    Closed,
    /// It goes to another worker, with these bytes of its peer.
    Moved(u16, Vec<u8>),
}

/// Serves a connection until it leaves this worker. `partial`: bytes that the peer sent before.
pub(crate) async fn serve(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, mut partial: Vec<u8>) -> Left {
    let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    let mut armed: Option<Time> = None;
    if !partial.is_empty() {
        take(worker, at, &mut partial);
    }
    loop {
        if socket.is_broken.get() {
            return Left::Closed;
        }
        if let Some(to) = socket.move_to.get() {
            return Left::Moved(to, partial);
        }
        if socket.is_ended.get() && !socket.is_full.get() {
            worker.write(at);
            if !socket.is_full.get() {
                linger(socket).await;
                return Left::Closed;
            }
        }
        let asking = worker.shard.borrow().is_asking(at);
        if !asking && !partial.is_empty() && socket.is_resumed.replace(false) {
            take(worker, at, &mut partial);
            continue;
        }
        arm(worker, at, sleep.as_mut(), &mut armed);
        tokio::select! {
            _ = socket.stream.readable(), if !asking && !socket.is_ended.get() && worker.unread(at) <= UNREAD_MAX_BYTES => {
                if let Err(error) = read(worker, at, socket, &mut partial) {
                    socket.break_off(&error);
                }
            }
            _ = socket.stream.writable(), if socket.is_full.get() => {
                socket.is_full.set(false);
                worker.write(at);
                worker.settle_events();
            }
            () = sleep.as_mut(), if armed.is_some() => {
                armed = None;
                worker.shard.borrow_mut().handle_timeout(worker.now(), at);
                worker.settle_events();
            }
            () = socket.notify.notified() => {}
        }
    }
}

/// Sets the alarm to the connection's next timeout; one that goes off early is set again, so later ones are left alone.
fn arm(worker: &Worker, at: ConnectionRef, sleep: std::pin::Pin<&mut Sleep>, armed: &mut Option<Time>) {
    let Some(timeout) = worker.shard.borrow().poll_timeout(at) else {
        return;
    };
    if armed.is_none_or(|armed| timeout < armed) {
        *armed = Some(timeout);
        sleep.reset(worker.instant(timeout));
    }
}

/// Reads what is there and hands it to the shard.
fn read(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, partial: &mut Vec<u8>) -> std::io::Result<()> {
    for _ in 0..READS_MAX {
        let more = if partial.len() > PARTIAL_COPY_MAX_BYTES {
            read_in_place(worker, at, socket, partial)?
        } else {
            read_block(worker, at, socket, partial)?
        };
        if !more || socket.is_ended.get() || socket.move_to.get().is_some() || worker.shard.borrow().is_asking(at) {
            break;
        }
    }
    Ok(())
}

/// Reads behind a long partial frame.
fn read_in_place(
    worker: &Rc<Worker>,
    at: ConnectionRef,
    socket: &Socket,
    partial: &mut Vec<u8>,
) -> std::io::Result<bool> {
    let before = partial.len();
    partial.resize(before.saturating_add(worker.block_bytes()), 0);
    let result = socket.stream.try_read(partial.get_mut(before..).unwrap_or_default());
    partial.truncate(before.saturating_add(*result.as_ref().unwrap_or(&0)));
    let more = full(&result, worker.block_bytes())?;
    if partial.len() > before {
        take(worker, at, partial);
    }
    Ok(more)
}

/// Reads into the block that all connections of a worker share, behind the partial frame.
fn read_block(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, partial: &mut Vec<u8>) -> std::io::Result<bool> {
    let mut block = worker.block.take();
    let start = partial.len();
    if let Some(place) = block.get_mut(..start) {
        place.copy_from_slice(partial);
    }
    let room = block.len().saturating_sub(start);
    let result = socket.stream.try_read(block.get_mut(start..).unwrap_or_default());
    let count = *result.as_ref().unwrap_or(&0);
    if count > 0 {
        let mut input = block.get(..start.saturating_add(count)).unwrap_or_default();
        worker.input(at, &mut input);
        partial.clear();
        partial.extend_from_slice(input);
    }
    worker.block.replace(block);
    let more = full(&result, room);
    worker.settle_events();
    more
}

/// Whether another read is worth it.
fn full(result: &std::io::Result<usize>, room: usize) -> std::io::Result<bool> {
    match result {
        Ok(0) => Err(std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the peer closed the socket")),
        Ok(count) => Ok(*count == room),
        Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(false),
        Err(error) => Err(std::io::Error::new(error.kind(), error.to_string())),
    }
}

/// Shows the shard bytes that are there already.
fn take(worker: &Rc<Worker>, at: ConnectionRef, partial: &mut Vec<u8>) {
    let mut input = partial.as_slice();
    worker.input(at, &mut input);
    let rest = partial.len().saturating_sub(input.len());
    partial.drain(..rest);
    worker.settle_events();
}

/// Ends our side, and reads what the peer still sends: a reset would take the close away from it.
async fn linger(socket: &Socket) {
    let _ = socket2::SockRef::from(&socket.stream).shutdown(Shutdown::Write);
    let drain = async {
        let mut waste = [0; 4096];
        loop {
            if socket.stream.readable().await.is_err() {
                return;
            }
            match socket.stream.try_read(&mut waste) {
                Ok(0) => return,
                Err(error) if error.kind() != std::io::ErrorKind::WouldBlock => return,
                _ => {}
            }
        }
    };
    let _ = tokio::time::timeout(LINGER, drain).await;
}
