//! A connection that a connector dials: from the look-up of its peer's name to its end.

use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::connection::Connection;
use crosstie_model::host_port;
use crosstie_model::settings::{Connector, Management, Mechanism};
use crosstie_router::address::ConnectionRef;
use crosstie_router::failover::{self, Clock, Dial, Failure};
use crosstie_router::retire::Readiness;
use crosstie_router::shard::Peer;
use tokio::net::TcpStream;

use crate::layer::Layer;
use crate::socket::{Owner, Socket};
use crate::status::Watched;
use crate::worker::Worker;
use crate::{opening, tcp};

/// Between looks at a connection that is to take the place of another, or has given its own up.
const LOOK: Duration = Duration::from_millis(20);

/// For the answers to the attaches of auto-links.
const READY_MAX: Duration = Duration::from_secs(10);

/// What was sent by a peer before it heard that its credit is gone arrives in this time.
const CALM: Duration = Duration::from_millis(500);

/// What has begun on a connection that retires has this time; links that are routed to it, too.
const RETIRE_MAX: Duration = Duration::from_secs(30);

/// A connection that is there, or was; dropped, it is closed. Its task is its own: whoever has this need not wait for the last
/// words of its peer.
pub(crate) struct Dialled {
    worker: Rc<Worker>,
    pub(crate) at: ConnectionRef,
    pub(crate) socket: Rc<Socket>,
    /// `host:port` as it was dialled.
    pub(crate) endpoint: String,
    /// Of the TCP connection.
    rtt: Duration,
    is_over: Cell<bool>,
}

/// When the peer's Open came, and what is known of it since.
pub(crate) type Opened = (Clock, failover::Opened);

/// What becomes of it.
pub(crate) enum News {
    /// The peer's Open came.
    Opened(Opened),
    /// It is over. What is left to say to the peer holds nobody up.
    Over(Failure),
}

impl Dialled {
    /// Dials. The time for that and for the handshake is one.
    ///
    /// # Errors
    ///
    /// Why the peer cannot be reached, or nothing can be said to it.
    pub(crate) async fn begin(
        worker: &Rc<Worker>,
        (connector, edition): (&Connector, u64),
        dial: &Dial,
    ) -> Result<Self, Failure> {
        let started = worker.now();
        let failed = Failure::from;
        if !dial.with_credentials && needs_credentials(connector) {
            let why = "only a peer has named this host, and the connector's credentials are for those in `allow`";
            return Err(failed(why.to_owned()));
        }
        let (stream, rtt) = reach(worker, connector, dial).await.map_err(failed)?;
        let name: Arc<str> = connector.name.as_str().into();
        let owner = Owner {
            name: name.clone(),
            edition,
            is_listener: false,
            explain_refusals: false,
            limits: connector.connection.limits,
            management: Some(Management::Off),
            service: None,
        };
        let profile = connector.tls.as_ref().map(|name| {
            let missing = || std::io::Error::other(format!("there is no tls {name:?}"));
            worker.shared.profiles.get(name).ok_or_else(missing).map(|profile| (profile, connector.verify_hostname))
        });
        let known = worker.identify(&stream, owner).and_then(|identity| {
            let layer = Layer::dialled(profile.transpose()?, &dial.host)?;
            Ok((identity, layer, opening::nonce()?))
        });
        let (identity, layer, nonce) = known.map_err(|error| failed(error.to_string()))?;
        let mut meta = opening::meta(name, connector.role, &connector.connection, false);
        meta.peer_addr = identity.remote.to_string();
        let mut setup = opening::dialled(&worker.shared.common.router_id, connector, dial);
        opening::number(&mut setup, identity.id);
        let amqp = Connection::new(started, setup, nonce);
        let (at, socket) = worker.adopt(Box::new(Peer::new(amqp, meta)), Socket::new((stream, layer), identity));
        let (driver, driven) = (worker.clone(), socket.clone());
        tokio::task::spawn_local(async move { driver.drive(at, driven, Vec::new()).await });
        let endpoint = host_port(&dial.host, dial.port);
        Ok(Self { worker: worker.clone(), at, socket, endpoint, rtt, is_over: Cell::new(false) })
    }

    /// The next thing that happens to it.
    pub(crate) async fn news(&self) -> News {
        loop {
            if let Some((clock, mut opened)) = self.socket.opened.take() {
                opened.rtt_us = Some(u32::try_from(self.rtt.as_micros()).unwrap_or(u32::MAX));
                return News::Opened((clock, opened));
            }
            if self.socket.is_over.get() {
                self.is_over.set(true);
                let mut failure = self.socket.failure.take();
                if failure.error.is_empty() {
                    failure.error = "the connection was lost".to_owned();
                }
                return News::Over(failure);
            }
            self.socket.heard.notified().await;
        }
    }

    /// Until its auto-links are attached, so that it can take the place of another one.
    ///
    /// # Errors
    ///
    /// That the peer does not attach them, or goes.
    pub(crate) async fn ready(&self) -> Result<(), Failure> {
        let failed = |error: &str| Failure::from(error.to_owned());
        let attached = async {
            loop {
                match self.worker.shard.borrow().readiness(self.at) {
                    Readiness::Ready => return Ok(()),
                    Readiness::Refused => return Err(failed("the peer refuses an auto-link")),
                    Readiness::Attaching => {}
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            attached = tokio::time::timeout(READY_MAX, attached) => {
                attached.unwrap_or_else(|_| Err(failed("the peer does not answer the attach of an auto-link")))
            }
            news = self.news() => match news {
                News::Over(failure) => Err(failure),
                News::Opened(_) => Err(failed("the peer has opened twice")),
            },
        }
    }

    /// Ends it when what has begun is over, after another one has taken its place, or when its connector is `watched` to end.
    pub(crate) async fn retire(self, watched: Watched) {
        let connector = self.socket.identity.borrow().owner.name.clone();
        let endpoint = self.endpoint.as_str();
        tracing::info!(target: "connector", connector = &*connector, endpoint, "retiring");
        self.worker.shard.borrow_mut().retire(self.worker.now(), self.at);
        self.worker.settle_events();
        let quiet = async {
            // what the peer sent before it heard that it has no credit is still to come
            tokio::time::sleep(CALM).await;
            while !self.worker.shard.borrow().is_quiet(self.at) {
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::select! {
            quiet = tokio::time::timeout(RETIRE_MAX, quiet) => {
                let complete = quiet.is_ok();
                tracing::info!(target: "connector", connector = &*connector, endpoint, complete, "retired");
                self.is_over.set(true);
                self.worker.close_clean(self.at);
            }
            () = watched.stopped() => self.close("the connector was deleted"),
            _ = self.news() => {}
        }
    }

    /// Its number in this process.
    pub(crate) fn id(&self) -> u64 {
        self.socket.identity.borrow().id
    }

    /// How it is shown while it is open. Source: the reference, 1.3.2, `connectionMsg`.
    pub(crate) fn text(&self) -> String {
        let identity = self.socket.identity.borrow();
        let shard = self.worker.shard.borrow();
        let amqp = shard.peer(self.at).map(|peer| &peer.amqp);
        let peer = identity.peer.as_ref();
        let tls = self.socket.layer.borrow_mut().tls().and_then(|tls| tls.facts());
        format!(
            "[C{}] Connection Opened: dir=out host={} vhost={} encrypted={} auth={} user={} container_id={}",
            identity.id,
            self.endpoint,
            peer.and_then(|peer| peer.vhost.as_deref()).unwrap_or_default(),
            tls.map_or("no".to_owned(), |tls| tls.protocol),
            amqp.and_then(|amqp| amqp.mechanism()).unwrap_or("no"),
            amqp.and_then(|amqp| amqp.user()).unwrap_or("(null)"),
            peer.map(|peer| peer.container_id.as_str()).unwrap_or_default(),
        )
    }

    /// Closes it.
    pub(crate) fn close(&self, why: &str) {
        self.is_over.set(true);
        self.worker.close_for(self.at, why);
    }
}

impl Drop for Dialled {
    fn drop(&mut self) {
        if !self.is_over.get() {
            self.worker.close_clean(self.at);
        }
    }
}

/// Whether a peer can learn who the router is by its user name alone.
fn needs_credentials(connector: &Connector) -> bool {
    let without = |mechanism: &Mechanism| matches!(mechanism, Mechanism::Anonymous | Mechanism::External);
    connector.username.is_some() && !connector.connection.sasl.iter().any(without)
}

async fn reach(worker: &Worker, connector: &Connector, dial: &Dial) -> Result<(TcpStream, Duration), String> {
    let limit = connector.connection.handshake_timeout;
    let resolver = &worker.shared.resolver;
    let connect = tcp::connect(resolver, (&dial.host, dial.port), connector.connection.address_family, limit);
    tokio::select! {
        reached = tokio::time::timeout(limit, connect) => match reached {
            Ok(reached) => reached.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
        },
        () = worker.closing.notified() => Err("the router is shutting down".to_owned()),
    }
}
