//! Asking policy: who may open a connection, begin a session and attach a link, and what the address of an attach stands for.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::fault::{condition, error};
use crosstie_model::policy::{
    AddressDecision, AddressRequest, AddressVerdict, ConnectionRequest, Denial, Grant, Hook, LinkRequest, Refusal,
    SessionRequest, Verdict,
};
use crosstie_model::quota::Held;
use crosstie_model::settings::Management;
use crosstie_model::trail::{Said, Step, Trail};
use crosstie_router::address::{ConnectionRef, LinkRef};
use crosstie_router::attach::{Decision, Granted, Ruled};
use crosstie_router::failover::Opened;
use crosstie_router::failover_list;
use crosstie_router::repeats::Line;
use crosstie_router::shard::Peer;
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::performatives::Open;
use tokio::time::Instant;

use crate::question::{self, describe, properties, refusal};
use crate::refused::{Asks, Denied, line, refused, told};
use crate::socket::Socket;
use crate::tls::Tls;
use crate::worker::Worker;

/// Properties of a peer's open that are kept for management.
const PROPERTIES_KEPT_MAX: usize = 32;

/// The peer's open came: it is counted, policy is asked about an accepted one, and it is let in or not.
pub(crate) fn opened(worker: &Rc<Worker>, at: ConnectionRef, open: &Open) {
    let Some(socket) = worker.socket(at) else {
        return;
    };
    let mut peer = {
        let shard = worker.shard.borrow();
        let Some(peer) = shard.peer(at) else { return };
        describe(&socket.identity.borrow(), open, peer.amqp.user(), peer.amqp.mechanism())
    };
    let tls = socket.layer.borrow_mut().tls().and_then(Tls::take_peer);
    let certificate_not_after_ms = tls.as_ref().and_then(|tls| tls.not_after_ms);
    let asks = [Hook::Connection, Hook::Session, Hook::Link, Hook::Address];
    if asks.into_iter().any(|hook| worker.policy.serves(hook)) {
        peer.tls = tls.map(Arc::new);
    }
    let mut identity = socket.identity.borrow_mut();
    identity.peer = Some(peer.clone());
    identity.properties = properties(open.properties.as_ref()).take(PROPERTIES_KEPT_MAX).collect();
    let (name, address) = (identity.owner.name.clone(), identity.remote);
    if !identity.owner.is_listener {
        drop(identity);
        // whoever reads that it is connected may use it
        admit(worker, at, &socket, &Grant::default());
        return connected(worker, &socket, open, certificate_not_after_ms);
    }
    let (counted, counts) = worker.shared.open.count(name.clone(), peer.user.clone(), address.ip());
    identity.counted = Some(counted);
    let limits = identity.owner.limits;
    let trusted = peer.user.is_some() || address.ip().is_loopback();
    let management = identity.owner.management;
    drop(identity);
    if let Some(peer) = worker.shard.borrow_mut().peer_mut(at) {
        peer.meta.management = management.unwrap_or(if trusted { Management::Full } else { Management::Off });
    }
    tracing::debug!(target: "connection", listener = &*name, peer.addr = %address, container.id = open.container_id, user = peer.user, "opened");
    if limits.connections.is_some_and(|limit| counts.listener > limit) {
        let why = format!("listener {name} has its {} connections", limits.connections.unwrap_or_default());
        return turn_away(worker, at, error("amqp:resource-limit-exceeded", why), None);
    }
    if worker.shard.borrow().peer(at).is_some_and(|peer| !peer.meta.space.takes(open.hostname.as_deref())) {
        let why = "the hostname of the open is longer than 255 bytes, and no tenant's".to_owned();
        return turn_away(worker, at, error("amqp:invalid-field", why), None);
    }
    let most = worker.shared.connections_max();
    if counts.total > most {
        let why = format!("the router has its {most} connections");
        return turn_away(worker, at, error("amqp:resource-limit-exceeded", why), None);
    }
    if !worker.policy.serves(Hook::Connection) {
        return admit(worker, at, &socket, &Grant::default());
    }
    let limits = worker.shard.borrow().peer(at).map(Peer::limits).unwrap_or_default();
    let request = question::connection(peer, open, counts, limits);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let judged = worker.policy.connection(request.clone()).await;
        let Some(socket) = worker.socket(at) else {
            return;
        };
        match take(&worker, judged) {
            Ok((grant, held)) => {
                admit(&worker, at, &socket, &grant);
                hold(&socket, grant, held, request);
                recheck_later(&worker, at, &socket);
            }
            Err(denied) => deny(&worker, at, &socket, *denied),
        }
    });
}

/// Counts what a grant has counted.
fn take(worker: &Worker, (verdict, mut trail): (Verdict, Trail)) -> Result<(Grant, Held), Denied> {
    match verdict {
        Verdict::Deny(denial) => Err(Box::new((denial, trail))),
        Verdict::Allow(mut grant) => match worker.shared.quotas.take(std::mem::take(&mut grant.quotas)) {
            Ok(mut held) => {
                held.trail = trail;
                Ok((grant, held))
            }
            Err(quota) => {
                worker.policy.denied(&quota.plugin);
                let refusal = Refusal {
                    condition: "amqp:resource-limit-exceeded".to_owned(),
                    description: format!("policy allows {} of this kind, which are open", quota.max),
                    note: Some(format!("quota {:?}", quota.key)),
                    info: Vec::new(),
                };
                // the same answer says both: come in, and that there is no room
                let granted = trail.steps().iter().find(|step| step.plugin == quota.plugin).cloned();
                let sequence = granted.as_ref().map_or(0, |step| step.sequence);
                if let Some(step) = granted {
                    let effect = Some(format!("{}: {}", refusal.condition, refusal.description));
                    trail.push(Step { said: Said::Deny, note: refusal.note.clone(), effect, ..step });
                }
                Err(Box::new((Denial { plugin: quota.plugin, sequence, refusal }, trail)))
            }
        },
    }
}

/// Keeps what a connection was granted.
fn hold(socket: &Socket, grant: Grant, held: Held, request: ConnectionRequest) {
    let mut identity = socket.identity.borrow_mut();
    identity.held = held;
    if let Some(peer) = &mut identity.peer {
        peer.attributes = grant.attributes;
    }
    identity.recheck =
        grant.recheck_after.map(|after| Recheck { at: Instant::now() + after, request: Box::new(request) });
}

/// A connection is asked about again.
#[derive(Debug)]
pub(crate) struct Recheck {
    at: Instant,
    /// As it was asked about first.
    request: Box<ConnectionRequest>,
}

/// Asks about a connection again when its grant runs out. To be called on each worker that it comes to.
pub(crate) fn recheck_later(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket) {
    let Some(until) = socket.identity.borrow().recheck.as_ref().map(|recheck| recheck.at) else {
        return;
    };
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        tokio::time::sleep_until(until).await;
        let request = worker.socket(at).and_then(|socket| {
            let mut identity = socket.identity.borrow_mut();
            let mut request = *identity.recheck.take_if(|recheck| recheck.at == until)?.request;
            if let Some(counted) = &identity.counted {
                request.counts = counted.counts();
            }
            request.limits = worker.shard.borrow().peer(at).map(Peer::limits).unwrap_or_default();
            request.recheck = true;
            Some(request)
        });
        let Some(request) = request else {
            return;
        };
        let judged = worker.policy.connection(request.clone()).await;
        let Some(socket) = worker.socket(at) else {
            return;
        };
        // what it holds makes room for what it is to hold
        drop(std::mem::take(&mut socket.identity.borrow_mut().held));
        match take(&worker, judged) {
            Ok((grant, held)) => {
                if let Some(peer) = worker.shard.borrow_mut().peer_mut(at) {
                    peer.limit(&grant);
                }
                hold(&socket, grant, held, request);
                recheck_later(&worker, at, &socket);
            }
            Err(denied) => deny(&worker, at, &socket, *denied),
        }
    });
}

/// Closes a connection that policy does not want.
fn deny(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, (denial, trail): (Denial, Trail)) {
    let explain = socket.identity.borrow().owner.explain_refusals;
    turn_away(worker, at, refusal(&denial, explain), Some((&denial, trail)));
}

/// A connector reached its peer.
fn connected(worker: &Worker, socket: &Socket, open: &Open, certificate_not_after_ms: Option<u64>) {
    let identity = socket.identity.borrow();
    let (connector, address) = (&*identity.owner.name, identity.remote);
    let advertisement = failover_list::read(open.properties.as_ref());
    if advertisement.skipped > 0 {
        let skipped = advertisement.skipped;
        tracing::warn!(target: "connector", connector, peer.addr = %address, skipped, "malformed items in the peer's failover-server-list");
    }
    tracing::info!(target: "connector", connector, peer.addr = %address, container.id = open.container_id, "connected");
    let opened = Opened { advertisement, certificate_not_after_ms, rtt_us: None };
    socket.opened.replace(Some((worker.clock(), opened)));
    socket.heard.notify_one();
}

fn admit(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket, grant: &Grant) {
    worker.shard.borrow_mut().admit(worker.now(), at, grant);
    resume(worker, socket);
}

/// `by`: what a plugin says, where it is one that does not want it.
fn turn_away(worker: &Rc<Worker>, at: ConnectionRef, why: Error, by: Option<(&Denial, Trail)>) {
    let (denial, trail) = by.unzip();
    if let Some(socket) = worker.socket(at) {
        let identity = socket.identity.borrow();
        let (listener, connector) = identity.owner.names();
        let (plugin, note) = denial.map(|denial| (&*denial.plugin, denial.refusal.note.as_deref())).unzip();
        tracing::info!(target: "connection", listener, connector, peer.addr = %identity.remote, connection = identity.id,
            condition = condition(&why.condition), error = why.description, plugin, note = note.flatten(),
            sequence = denial.map(|denial| denial.sequence), "connection refused");
        let condition = condition(&why.condition);
        let told = (&*condition, why.description.as_deref().unwrap_or_default());
        worker.shared.refusals.push(refused(worker, &identity, "connection", told, trail.unwrap_or_default()));
    }
    worker.shard.borrow_mut().close(worker.now(), at, Some(why));
    if let Some(socket) = worker.socket(at) {
        // it does not stand in the way of those who are let in
        socket.identity.borrow_mut().counted = None;
        resume(worker, &socket);
    }
}

/// Lets input that waited for an answer go on.
pub(crate) fn resume(worker: &Rc<Worker>, socket: &Socket) {
    socket.is_resumed.set(true);
    socket.signal.say();
    worker.wake();
}

/// A peer began a session.
pub(crate) fn begun(worker: &Rc<Worker>, at: ConnectionRef, channel: u16) {
    let Some(socket) = worker.socket(at) else {
        return;
    };
    let peer = socket.identity.borrow().peer.clone().filter(|_| worker.policy.serves(Hook::Session));
    let Some(peer) = peer else {
        worker.shard.borrow_mut().decide_session(worker.now(), at, channel, Ok(Held::default()));
        return resume(worker, &socket);
    };
    let turns = socket.turns.clone();
    drop(socket);
    let sessions_open = worker.shard.borrow().peer(at).map_or(0, |peer| peer.amqp.session_count());
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let _turn = turns.acquire().await;
        if worker.socket(at).is_none() {
            return;
        }
        let judged = worker.policy.session(SessionRequest { peer, sessions_open }).await;
        let Some(socket) = worker.socket(at) else {
            return;
        };
        let decision = match take(&worker, judged) {
            Ok((_, held)) => Ok(held),
            Err(denied) => {
                let (denial, trail) = *denied;
                let identity = socket.identity.borrow();
                let (listener, connector) = identity.owner.names();
                if let Some(Line { left_out }) = line(&worker, at) {
                    tracing::info!(target: "connection", listener, connector, peer.addr = %identity.remote, connection = identity.id,
                        condition = denial.refusal.condition, error = denial.refusal.description,
                        plugin = &*denial.plugin, note = denial.refusal.note, sequence = denial.sequence, left_out, "session denied");
                }
                worker.shared.refusals.push(refused(&worker, &identity, "session", told(&denial), trail));
                Err(refusal(&denial, identity.owner.explain_refusals))
            }
        };
        worker.shard.borrow_mut().decide_session(worker.now(), at, channel, decision);
        worker.settle_events();
        resume(&worker, &socket);
    });
}

/// A peer wants a link.
pub(crate) fn attach(worker: &Rc<Worker>, at: LinkRef) {
    let Some(socket) = worker.socket(at.connection) else {
        return;
    };
    let (link, address) = {
        let (identity, shard) = (socket.identity.borrow(), worker.shard.borrow());
        let peer = |hook| identity.peer.clone().filter(|_| worker.policy.serves(hook));
        let links_open = shard.peer(at.connection).map_or(0, |peer| peer.amqp.link_count());
        let attach = shard.asked(at);
        let link = peer(Hook::Link).zip(attach).map(|(peer, attach)| question::link(peer, attach, links_open));
        (link, peer(Hook::Address).and_then(|peer| shard.address_request(at, peer)))
    };
    if link.is_none() && address.is_none() {
        worker.shard.borrow_mut().decide(worker.now(), at, Decision::BuiltIn, Granted::default());
        return resume(worker, &socket);
    }
    let asks = Asks::of(
        worker,
        (at.connection, &socket.identity.borrow()),
        worker.shard.borrow().asked(at).map(|attach| attach.name.clone()),
    );
    let turns = socket.turns.clone();
    drop(socket);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let _turn = turns.acquire().await;
        if worker.socket(at.connection).is_none() {
            return;
        }
        let admitted = match link {
            Some(request) => admit_link(&worker, request, &asks).await,
            None => Ok(Granted::default()),
        };
        let (decision, granted) = match (admitted, address) {
            (Err(error), _) => (Decision::Refuse(error), Granted::default()),
            (Ok(granted), None) => (Decision::BuiltIn, granted),
            (Ok(mut granted), Some(request)) => {
                let (decision, _, trail) = rule(&worker, request, &asks).await;
                granted.held.trail.extend(&trail);
                (decision, granted)
            }
        };
        let Some(socket) = worker.socket(at.connection) else {
            return;
        };
        worker.shard.borrow_mut().decide(worker.now(), at, decision, granted);
        worker.settle_events();
        resume(&worker, &socket);
    });
}

/// Whether a link is let in, and on which terms.
async fn admit_link(worker: &Worker, request: LinkRequest, asks: &Asks) -> Result<Granted, Error> {
    let (name, wanted) = (request.name.clone(), if request.sends { &request.target } else { &request.source });
    let address = wanted.as_ref().and_then(|terminus| terminus.address.clone());
    match take(worker, worker.policy.link(request).await) {
        Ok((grant, held)) => Ok(Granted { limits: grant.limits, bounds: grant.bounds, held }),
        Err(denied) => {
            let (denial, trail) = *denied;
            let Denial { plugin, sequence, refusal } = &denial;
            let (host, connection) = (&asks.refused.host, asks.refused.connection_id);
            if let Some(Line { left_out }) = line(worker, asks.at) {
                tracing::info!(target: "link", connection, peer.addr = %host, link.name = name, address,
                    condition = refusal.condition, error = refusal.description, plugin = &**plugin, note = refusal.note,
                    sequence, left_out, "link denied");
            }
            Err(asks.refuse(worker, ("link", address), (&denial, trail)))
        }
    }
}

/// A message on a link without an address names one.
pub(crate) fn name(worker: &Rc<Worker>, at: LinkRef) {
    let Some(socket) = worker.socket(at.connection) else {
        return;
    };
    let peer = socket.identity.borrow().peer.clone();
    let request = peer.and_then(|peer| worker.shard.borrow().name_request(at, peer));
    let asks = Asks::of(
        worker,
        (at.connection, &socket.identity.borrow()),
        worker.shard.borrow().link_name(at).map(str::to_owned),
    );
    drop(socket);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let (decision, ttl) = match request {
            Some(request) => {
                let (decision, ttl, _) = rule(&worker, request, &asks).await;
                (decision, ttl)
            }
            None => (Decision::BuiltIn, Some(Duration::ZERO)),
        };
        let Some(socket) = worker.socket(at.connection) else {
            return;
        };
        worker.shard.borrow_mut().decide_name(worker.now(), at, decision, ttl);
        worker.settle_events();
        resume(&worker, &socket);
    });
}

/// What an address stands for, for how long messages of the same link may go by it, and what plugins said.
async fn rule(worker: &Worker, request: AddressRequest, asks: &Asks) -> (Decision, Option<Duration>, Trail) {
    let asked = request.address.clone();
    let (AddressDecision { verdict, ttl }, trail) = worker.policy.address(request).await;
    let decision = match verdict {
        AddressVerdict::BuiltIn => Decision::BuiltIn,
        AddressVerdict::Apply { plugin, ruling } => {
            let by = trail.steps().last().cloned().map(Arc::new);
            let sequence = by.as_ref().map(|by| by.sequence);
            tracing::debug!(target: "address", connection = asks.refused.connection_id, plugin = &*plugin, asked,
                address = ruling.address, note = ruling.note, sequence, "address ruled");
            Decision::Apply(Ruled { ruling, by })
        }
        AddressVerdict::Deny(denial) => {
            let Denial { plugin, sequence, refusal } = &denial;
            let (host, connection, link) = (&asks.refused.host, asks.refused.connection_id, &asks.refused.link);
            if let Some(Line { left_out }) = line(worker, asks.at) {
                tracing::info!(target: "address", connection, peer.addr = %host, link.name = link.as_deref(), address = asked,
                    condition = refusal.condition, error = refusal.description,
                    plugin = &**plugin, note = refusal.note, sequence, left_out, "address denied");
            }
            Decision::Refuse(asks.refuse(worker, ("address", Some(asked)), (&denial, trail.clone())))
        }
    };
    (decision, ttl, trail)
}
