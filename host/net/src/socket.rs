//! One socket: bytes between it and its worker's shard, until one of them is done.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::io::{IoSlice, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use crosstie_amqp::delegation::Words;
use crosstie_amqp::handshake::Secure;
use crosstie_amqp::output::Output;
use crosstie_amqp::time::Time;
use crosstie_model::facts::ConnectionFacts;
use crosstie_model::policy::{InfoValue, Peer as PolicyPeer};
use crosstie_model::quota::Held;
use crosstie_model::settings::Direction;
use crosstie_router::address::ConnectionRef;
use crosstie_router::failover::{Clock, Failure, Opened};
use crosstie_router::shard::Peer;
use tokio::io::Interest;
use tokio::net::TcpStream;
use tokio::sync::mpsc::UnboundedSender;
use tokio::sync::{Notify, Semaphore};
use tokio::time::Sleep;

use crate::auth_service::Service;
use crate::counts::Counted;
use crate::input::{Blocks, Input};
use crate::layer::Layer;
use crate::policy::{self, Recheck};
use crate::signal::Signal;
use crate::tls::Tls;
use crate::worker::Worker;

/// A peer that leaves more than this unread is not read either: what it asks for answers would pile up.
pub(crate) const UNREAD_MAX_BYTES: usize = 4 << 20;

/// Reads in one turn, so that one busy peer does not keep the others waiting.
const READS_MAX: usize = 2;

/// How long a peer may take for the last bytes that it is sent.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How long the bytes of a peer are read and dropped after our close, so that it reaches the peer.
const LINGER: Duration = Duration::from_secs(2);

/// What of a listener or connector its connections need.
#[derive(Debug, Clone)]
pub(crate) struct Owner {
    pub(crate) name: Arc<str>,
    /// Tells its connections from those of others, also of those that had its name before.
    pub(crate) edition: u64,
    pub(crate) is_listener: bool,
    pub(crate) explain_refusals: bool,
    pub(crate) limits: crosstie_model::settings::ConnectionLimits,
    /// As configured; absent: by who the peer is.
    pub(crate) management: Option<crosstie_model::settings::Management>,
    /// Says who the peers of a listener are.
    pub(crate) service: Option<Arc<Service>>,
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
    /// What policy counts while it is there.
    pub(crate) held: Held,
    /// When policy is asked again.
    pub(crate) recheck: Option<Recheck>,
}

/// Questions of one connection that are asked at a time: as many as a plugin has instances on a worker, so that those of others are never far
/// behind.
const QUESTIONS_MAX: usize = 4;

/// A connection's socket.
#[derive(Debug)]
pub(crate) struct Socket {
    pub(crate) stream: TcpStream,
    pub(crate) layer: RefCell<Layer>,
    pub(crate) identity: RefCell<Identity>,
    /// The task has to look at the flags below, or at the shard.
    pub(crate) signal: Signal,
    /// The socket took less than there was.
    pub(crate) is_full: Cell<bool>,
    /// No more input is wanted.
    pub(crate) is_ended: Cell<bool>,
    /// The worker to go to.
    pub(crate) move_to: Cell<Option<u16>>,
    /// When a connector's peer opened, and what it said.
    pub(crate) opened: RefCell<Option<(Clock, Opened)>>,
    /// It is over: the peer may be given the time to hear that.
    pub(crate) is_over: Cell<bool>,
    /// One of the two is new.
    pub(crate) heard: Notify,
    pub(crate) failure: RefCell<Failure>,
    /// To the task that asks the auth service.
    pub(crate) asked: RefCell<Option<UnboundedSender<Words>>>,
    /// Held by those of its questions about sessions and links that are asked; the others wait for theirs.
    pub(crate) turns: Rc<Semaphore>,
    /// Policy has answered: bytes that came before may be looked at.
    pub(crate) is_resumed: Cell<bool>,
    is_broken: Cell<bool>,
}

impl Socket {
    pub(crate) fn new((stream, layer): (TcpStream, Layer), identity: Identity) -> Self {
        Self {
            stream,
            layer: RefCell::new(layer),
            identity: RefCell::new(identity),
            signal: Signal::default(),
            is_full: Cell::new(false),
            is_ended: Cell::new(false),
            move_to: Cell::new(None),
            opened: RefCell::default(),
            is_over: Cell::new(false),
            heard: Notify::new(),
            failure: RefCell::default(),
            asked: RefCell::default(),
            turns: Rc::new(Semaphore::new(QUESTIONS_MAX)),
            is_resumed: Cell::new(false),
            is_broken: Cell::new(false),
        }
    }

    /// What management is told.
    pub(crate) fn facts(&self, peer: &Peer, now: Time) -> Option<ConnectionFacts> {
        let identity = self.identity.borrow();
        let seconds = |since: Time| u32::try_from(now.since(since).as_secs()).unwrap_or(u32::MAX);
        // as in the reference, a connection is one when the peer's Open has come
        let container = identity.peer.as_ref().map(|peer| peer.container_id.clone())?;
        let mechanism = peer.amqp.mechanism().map(str::to_owned);
        let tls = self.layer.borrow_mut().tls().and_then(|tls| tls.facts());
        // nor is it told apart here who says that nobody is there, and who says nothing
        let is_nobody = identity.owner.is_listener
            && mechanism.as_deref().map_or_else(|| tls.is_none(), |mechanism| mechanism == "ANONYMOUS");
        let user = peer.amqp.user().map(str::to_owned).or_else(|| is_nobody.then(|| "anonymous".to_owned()));
        Some(ConnectionFacts {
            id: identity.id,
            host: identity.remote.to_string(),
            role: peer.meta.role.as_str(),
            owner: identity.owner.name.to_string(),
            direction: if identity.owner.is_listener { Direction::In } else { Direction::Out },
            container: Some(container),
            is_authenticated: mechanism.is_some(),
            sasl_mechanism: mechanism,
            user,
            tls,
            properties: identity.properties.clone(),
            tenant: peer.meta.space.prefix().map(str::to_owned),
            opened: peer.amqp.is_open(),
            closing: self.is_ended.get(),
            frames_logged: false,
            uptime_seconds: seconds(identity.since),
            last_delivery_seconds: peer.last_delivery().map(seconds),
            trail: identity.held.trail.clone(),
        })
    }

    /// Reads what is there. Less than there is room for is all: the next look at the socket waits, without another read that finds
    /// nothing.
    fn try_read(&self, into: &mut [u8]) -> std::io::Result<usize> {
        let room = into.len();
        let layer = &mut *self.layer.borrow_mut();
        if matches!(layer, Layer::Plain) {
            return self.try_once(Interest::READABLE, room, |mut socket| socket.read(into));
        }
        self.read_sealed(layer, into)
    }

    /// Reads what is there behind what came of a record before, and opens it.
    fn read_sealed(&self, layer: &mut Layer, into: &mut [u8]) -> std::io::Result<usize> {
        let partial = layer.tls().map_or(0, |tls| {
            let partial = tls.partial();
            if let Some(front) = into.get_mut(..partial.len()) {
                front.copy_from_slice(partial);
            }
            partial.len()
        });
        let Some(block) = into.get_mut(partial..).filter(|block| !block.is_empty()) else {
            if let Some(tls) = layer.tls() {
                tls.fail(crosstie_tls::TOO_LONG.to_owned());
            }
            return Err(std::io::ErrorKind::WouldBlock.into());
        };
        let count = self.try_once(Interest::READABLE, block.len(), |mut socket| socket.read(block))?;
        let came = into.get_mut(..partial.saturating_add(count)).unwrap_or_default();
        layer.decide(came)?;
        let Some(tls) = layer.tls().filter(|_| count > 0) else { return Ok(count) };
        let opened = tls.open(came);
        // what the handshake answers, or why it fails
        let told = self.write_sealed(tls);
        if opened > 0 {
            return Ok(opened);
        }
        told?;
        // that it is over is looked at when what came is taken
        Err(std::io::ErrorKind::WouldBlock.into())
    }

    /// Writes the encrypted bytes that wait, as far as the socket takes them.
    fn write_sealed(&self, tls: &mut Tls) -> std::io::Result<()> {
        tls.say_owed()?;
        while !tls.waiting().is_empty() {
            let count = self.try_sealed(&[IoSlice::new(tls.waiting())])?;
            if count == 0 {
                return Ok(());
            }
            tls.written(count);
            tls.say_owed()?;
        }
        Ok(())
    }

    /// Writes what it takes of encrypted bytes; none when the socket is full.
    fn try_sealed(&self, records: &[IoSlice<'_>]) -> std::io::Result<usize> {
        let count = records.iter().map(|record| record.len()).sum();
        match self.try_once(Interest::WRITABLE, count, |mut socket| socket.write_vectored(records)) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                self.is_full.set(true);
                self.signal.say();
                Ok(0)
            }
            result => result,
        }
    }

    /// Encrypted bytes that wait for the socket.
    pub(crate) fn sealed_bytes(&self) -> usize {
        self.layer.borrow_mut().tls().map_or(0, |tls| tls.waiting().len())
    }

    /// Encrypts and writes what it takes of `out`: nothing before the handshake is done.
    fn seal(&self, tls: &mut Tls, records: &mut Vec<Vec<u8>>, out: &mut Output) -> std::io::Result<()> {
        loop {
            // what the session itself had to say goes first
            self.write_sealed(tls)?;
            if self.is_full.get() || out.is_empty() {
                return Ok(());
            }
            records.clear();
            let Some(taken) = tls.seal(out, records)? else { return Ok(()) };
            out.consume(taken);
            let slices: Vec<_> = records.iter().map(|record| IoSlice::new(record)).collect();
            let mut written = self.try_sealed(&slices)?;
            for record in records.iter() {
                tls.wait(record.get(written..).unwrap_or_default());
                written = written.saturating_sub(record.len());
            }
        }
    }

    /// Once, when a TLS handshake is done: whom the router speaks with. What waited for that is written.
    fn take_secure(&self) -> Option<Secure> {
        let secure = self.layer.borrow_mut().tls()?.take_secure()?;
        self.is_full.set(true);
        self.signal.say();
        Some(secure)
    }

    /// Writes what it takes of `out`.
    pub(crate) fn write(&self, blocks: &Blocks, out: &mut Output) {
        let count = out.len();
        if let Some(tls) = self.layer.borrow_mut().tls() {
            if let Err(error) = self.seal(tls, &mut blocks.sealed.borrow_mut(), out) {
                self.break_off(&error);
                out.consume(count);
            }
            return;
        }
        match self.try_once(Interest::WRITABLE, count, |mut socket| socket.write(out)) {
            Ok(taken) => out.consume(taken),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(error) => {
                self.break_off(&error);
                out.consume(count);
            }
        }
        if !out.is_empty() {
            self.is_full.set(true);
            self.signal.say();
        }
    }

    /// One call of the system. A count between nothing and `all` means that the socket is done for now, as much as an error that
    /// says so.
    fn try_once(
        &self,
        interest: Interest,
        all: usize,
        call: impl FnOnce(&socket2::Socket) -> std::io::Result<usize>,
    ) -> std::io::Result<usize> {
        let mut done = None;
        let result = self.stream.try_io(interest, || {
            let count = call(&socket2::SockRef::from(&self.stream))?;
            done = Some(count);
            if 0 < count && count < all { Err(std::io::ErrorKind::WouldBlock.into()) } else { Ok(count) }
        });
        done.map_or(result, Ok)
    }

    /// Says that the connection is over.
    pub(crate) fn end(&self) {
        self.is_over.set(true);
        self.heard.notify_one();
    }

    /// Gives up the socket without a word to the peer.
    pub(crate) fn give_up(&self, why: &str) {
        self.break_off(&std::io::Error::other(why));
    }

    /// A handshake that fails is the peer's affair, or the operator's: a connector says so by itself.
    fn log_tls(&self, error: &std::io::Error) {
        if self.is_refused(error) {
            let identity = self.identity.borrow();
            let (listener, _) = identity.owner.names();
            tracing::info!(target: "connection", listener, peer.addr = %identity.remote, connection = identity.id, %error, "TLS failed");
        }
    }

    /// Whether a peer that came in is told by TLS why it is refused.
    fn is_refused(&self, error: &std::io::Error) -> bool {
        error.kind() == std::io::ErrorKind::InvalidData && self.identity.borrow().owner.is_listener
    }

    /// Says by TLS that no more comes from us, once.
    fn end_sealed(&self) {
        if let Some(tls) = self.layer.borrow_mut().tls() {
            tls.close();
            // the peer may be gone
            let _ = self.write_sealed(tls);
        }
    }

    /// Gives a peer that is refused the time to hear why, after everything else of it has ended.
    pub(crate) async fn take_leave(&self) {
        let refused = self.layer.borrow().over().is_some_and(|error| self.is_refused(&error));
        if refused {
            linger(self).await;
        }
    }

    fn break_off(&self, error: &std::io::Error) {
        self.is_broken.set(true);
        let mut failure = self.failure.borrow_mut();
        if failure.error.is_empty() {
            failure.error = error.to_string();
        }
        self.signal.say();
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
pub(crate) async fn serve(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, partial: Vec<u8>) -> Left {
    policy::recheck_later(worker, at, socket);
    let mut input = Input::new(worker.blocks.clone(), partial);
    let mut sleep = std::pin::pin!(tokio::time::sleep(Duration::ZERO));
    let mut armed: Option<Time> = None;
    if !input.is_empty() {
        take(worker, at, &mut input);
    }
    loop {
        if socket.is_broken.get() {
            return Left::Closed;
        }
        if let Some(to) = socket.move_to.get() {
            return Left::Moved(to, input.take());
        }
        if socket.is_ended.get() {
            // not part of the task, which every idle connection has
            Box::pin(finish(worker, at, socket)).await;
            return Left::Closed;
        }
        let asking = worker.shard.borrow().is_asking(at);
        if !asking && !input.is_empty() && socket.is_resumed.replace(false) {
            take(worker, at, &mut input);
            continue;
        }
        let over = socket.layer.borrow().over();
        if let Some(error) = over.filter(|_| !asking) {
            socket.log_tls(&error);
            socket.end_sealed();
            socket.break_off(&error);
            continue;
        }
        arm(worker, at, sleep.as_mut(), &mut armed);
        let unread = worker.unread(at).saturating_add(socket.sealed_bytes());
        let reads = !asking && unread <= UNREAD_MAX_BYTES;
        let ready = poll_fn(|context| poll(socket, reads, armed.map(|_| sleep.as_mut()), context)).await;
        match ready {
            Ready::Told => {}
            Ready::Late => {
                armed = None;
                worker.shard.borrow_mut().handle_timeout(worker.now(), at);
                worker.settle_events();
            }
            Ready::Writes => {
                socket.is_full.set(false);
                worker.write(at);
                worker.settle_events();
            }
            Ready::Reads => {
                let turn =
                    if socket.layer.borrow().is_handshaking() { worker.handshakes.acquire().await.ok() } else { None };
                let done = read(worker, at, socket, &mut input);
                if turn.is_some() {
                    tokio::task::yield_now().await;
                    // whoever is refused keeps nobody else waiting
                    drop(turn);
                }
                if let Err(error) = done {
                    socket.break_off(&error);
                }
            }
        }
    }
}

/// What a connection has to do next.
enum Ready {
    /// It was told that something is new.
    Told,
    /// Its alarm went off.
    Late,
    /// The socket takes bytes.
    Writes,
    /// The socket has bytes.
    Reads,
}

/// Waits without registering anew each time: a socket of one task needs no list of those who wait.
fn poll(socket: &Socket, reads: bool, alarm: Option<Pin<&mut Sleep>>, context: &mut Context<'_>) -> Poll<Ready> {
    // an error is found by whoever reads or writes
    if socket.signal.poll(context).is_ready() {
        return Poll::Ready(Ready::Told);
    }
    if alarm.is_some_and(|alarm| alarm.poll(context).is_ready()) {
        return Poll::Ready(Ready::Late);
    }
    if socket.is_full.get() && socket.stream.poll_write_ready(context).is_ready() {
        return Poll::Ready(Ready::Writes);
    }
    if reads && socket.stream.poll_read_ready(context).is_ready() {
        return Poll::Ready(Ready::Reads);
    }
    Poll::Pending
}

/// Sets the alarm to the connection's next timeout; one that goes off early is set again, so later ones are left alone.
fn arm(worker: &Worker, at: ConnectionRef, sleep: Pin<&mut Sleep>, armed: &mut Option<Time>) {
    let Some(timeout) = worker.shard.borrow().poll_timeout(at) else {
        return;
    };
    if armed.is_none_or(|armed| timeout < armed) {
        *armed = Some(timeout);
        sleep.reset(worker.instant(timeout));
    }
}

/// Reads what is there and hands it to the shard.
fn read(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, input: &mut Input) -> std::io::Result<()> {
    for _ in 0..READS_MAX {
        let room = input.room();
        let wanted = room.len();
        let came = socket.try_read(room);
        if let Some(secure) = socket.take_secure()
            && let Some(peer) = worker.shard.borrow_mut().peer_mut(at)
        {
            peer.amqp.secure(secure);
        }
        let count = match came {
            Ok(0) => return Err(closed()),
            Ok(count) => count,
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                input.leave(input.pending().len());
                break;
            }
            Err(error) => return Err(error),
        };
        input.came(count);
        take(worker, at, input);
        if count < wanted
            || socket.is_ended.get()
            || socket.move_to.get().is_some()
            || worker.shard.borrow().is_asking(at)
        {
            break;
        }
    }
    Ok(())
}

fn closed() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "the peer closed the socket")
}

/// Shows the shard the bytes that are there.
fn take(worker: &Rc<Worker>, at: ConnectionRef, input: &mut Input) {
    let mut pending = input.pending();
    if !pending.is_empty() {
        worker.input(at, &mut pending);
    }
    let left = pending.len();
    input.leave(left);
    worker.settle_events();
}

/// Writes what is left, and ends our side. A peer that does not take it is left.
async fn finish(worker: &Worker, at: ConnectionRef, socket: &Socket) {
    let write = async {
        while !socket.is_broken.get() {
            worker.write(at);
            if !socket.is_full.get() || socket.stream.writable().await.is_err() {
                return;
            }
            socket.is_full.set(false);
        }
    };
    let in_time = tokio::time::timeout(LAST_WORDS, write).await.is_ok();
    socket.end();
    if in_time && !socket.is_broken.get() {
        linger(socket).await;
    }
}

/// Ends our side, and reads what the peer still sends: a reset would take the close away from it.
async fn linger(socket: &Socket) {
    socket.end_sealed();
    let _ = socket2::SockRef::from(&socket.stream).shutdown(Shutdown::Write);
    let drain = async {
        let mut waste = vec![0; 4096];
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
