//! Asking policy: who may open a connection, and what the address of an attach stands for.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::fault::{condition, error};
use crosstie_model::policy::{
    AddressVerdict, ConnectionRequest, ConnectionVerdict, Counts, Denial, Hook, InfoValue, Peer as PolicyPeer,
};
use crosstie_model::settings::Management;
use crosstie_model::settings::Mechanism;
use crosstie_router::address::{ConnectionRef, LinkRef};
use crosstie_router::attach::Decision;
use crosstie_router::failover_list;
use fe2o3_amqp_types::definitions::{Error, Fields};
use fe2o3_amqp_types::performatives::Open;
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

use crate::socket::{Identity, Socket};
use crate::worker::Worker;

/// Properties of a peer's open that are kept for management.
const PROPERTIES_KEPT_MAX: usize = 32;

/// What a peer is told of a denial.
fn refusal(denial: Denial, explain: bool) -> Error {
    let Denial { plugin, refusal } = denial;
    let mut info = Fields::new();
    for (key, value) in refusal.info {
        info.insert(Symbol(key), tell(value));
    }
    if explain {
        info.insert(Symbol::from("plugin"), Value::String(plugin.to_string()));
        if let Some(note) = refusal.note {
            info.insert(Symbol::from("note"), Value::String(note));
        }
    }
    let mut told = error(&refusal.condition, refusal.description);
    told.info = (!info.is_empty()).then(|| Box::new(info));
    told
}

fn tell(value: InfoValue) -> Value {
    match value {
        InfoValue::Flag(flag) => Value::Bool(flag),
        InfoValue::Int(number) => Value::Long(number),
        InfoValue::Uint(number) => Value::Ulong(number),
        InfoValue::Float(number) => Value::Double(number.into()),
        InfoValue::Text(text) => Value::String(text),
        InfoValue::Bytes(bytes) => Value::Binary(bytes.into()),
    }
}

/// A property as a plugin is told it; `None` for what has no form there.
fn hear(value: &Value) -> Option<InfoValue> {
    Some(match value {
        Value::Bool(flag) => InfoValue::Flag(*flag),
        Value::Ubyte(number) => InfoValue::Uint((*number).into()),
        Value::Ushort(number) => InfoValue::Uint((*number).into()),
        Value::Uint(number) => InfoValue::Uint((*number).into()),
        Value::Ulong(number) => InfoValue::Uint(*number),
        Value::Byte(number) => InfoValue::Int((*number).into()),
        Value::Short(number) => InfoValue::Int((*number).into()),
        Value::Int(number) => InfoValue::Int((*number).into()),
        Value::Long(number) => InfoValue::Int(*number),
        Value::Float(number) => InfoValue::Float(f64::from(number.into_inner())),
        Value::Double(number) => InfoValue::Float(number.into_inner()),
        Value::String(text) => InfoValue::Text(text.clone()),
        Value::Symbol(text) => InfoValue::Text(text.0.clone()),
        Value::Binary(bytes) => InfoValue::Bytes(bytes.to_vec()),
        _ => return None,
    })
}

fn describe(identity: &Identity, open: &Open, user: Option<&str>, mechanism: Option<&str>) -> PolicyPeer {
    let name = |own: bool| (identity.owner.is_listener == own).then(|| identity.owner.name.clone());
    PolicyPeer {
        connection_id: identity.id,
        listener: name(true),
        connector: name(false),
        remote: identity.remote,
        local: identity.local,
        vhost: open.hostname.clone(),
        user: user.map(str::to_owned),
        mechanism: mechanism.and_then(Mechanism::parse).map(Mechanism::as_str),
        container_id: open.container_id.clone(),
        attributes: Vec::new(),
    }
}

/// The peer's open came: it is counted, policy is asked about an accepted one, and it is let in or not.
pub(crate) fn opened(worker: &Rc<Worker>, at: ConnectionRef, open: &Open) {
    let Some(socket) = worker.socket(at) else {
        return;
    };
    let peer = {
        let shard = worker.shard.borrow();
        let Some(peer) = shard.peer(at) else { return };
        describe(&socket.identity.borrow(), open, peer.amqp.user(), peer.amqp.mechanism())
    };
    let mut identity = socket.identity.borrow_mut();
    identity.peer = Some(peer.clone());
    let properties = open.properties.iter().flat_map(|fields| fields.iter());
    identity.properties =
        properties.filter_map(|(key, value)| Some((key.0.clone(), hear(value)?))).take(PROPERTIES_KEPT_MAX).collect();
    let (name, address) = (identity.owner.name.clone(), identity.remote);
    if !identity.owner.is_listener {
        drop(identity);
        // whoever reads that it is connected may use it
        admit(worker, at, &socket);
        return connected(worker, &socket, open);
    }
    let (counted, counts) = worker.shared.open.count(name.clone(), peer.user.clone(), address.ip());
    identity.counted = Some(counted);
    let limits = identity.owner.limits;
    let trusted = peer.user.is_some() || address.ip().to_canonical().is_loopback();
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
    let most = worker.shared.connections_max();
    if counts.total > most {
        let why = format!("the router has its {most} connections");
        return turn_away(worker, at, error("amqp:resource-limit-exceeded", why), None);
    }
    if !worker.policy.serves(Hook::Connection) {
        return admit(worker, at, &socket);
    }
    let request = request(peer, open, counts, limits);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let verdict = worker.policy.connection(request).await;
        let Some(socket) = worker.socket(at) else {
            return;
        };
        match verdict {
            ConnectionVerdict::Allow { attributes } => {
                if let Some(peer) = &mut socket.identity.borrow_mut().peer {
                    peer.attributes = attributes;
                }
                admit(&worker, at, &socket);
            }
            ConnectionVerdict::Deny(denial) => {
                let explain = socket.identity.borrow().owner.explain_refusals;
                let note = denial.refusal.note.clone();
                let plugin = Arc::clone(&denial.plugin);
                turn_away(&worker, at, refusal(denial, explain), Some((&plugin, note.as_deref())));
            }
        }
    });
}

/// A connector reached its peer.
fn connected(worker: &Worker, socket: &Socket, open: &Open) {
    let identity = socket.identity.borrow();
    let (connector, address) = (&*identity.owner.name, identity.remote);
    let advertisement = failover_list::read(open.properties.as_ref());
    if advertisement.skipped > 0 {
        let skipped = advertisement.skipped;
        tracing::warn!(target: "connector", connector, peer.addr = %address, skipped, "malformed items in the peer's failover-server-list");
    }
    tracing::info!(target: "connector", connector, peer.addr = %address, container.id = open.container_id, "connected");
    socket.opened.replace(Some((worker.clock(), advertisement)));
    socket.heard.notify_one();
}

fn request(
    peer: PolicyPeer,
    open: &Open,
    counts: Counts,
    limits: crosstie_model::settings::ConnectionLimits,
) -> ConnectionRequest {
    let words = |list: Option<&serde_amqp::primitives::Array<Symbol>>| {
        list.map(|list| list.0.iter().map(|symbol| symbol.0.clone()).collect()).unwrap_or_default()
    };
    let properties = open.properties.iter().flat_map(|fields| fields.iter());
    ConnectionRequest {
        peer,
        max_frame_size: open.max_frame_size.0,
        channel_max: open.channel_max.0,
        idle_timeout: open.idle_time_out.map(|ms| Duration::from_millis(ms.into())),
        offered_capabilities: words(open.offered_capabilities.as_ref()),
        desired_capabilities: words(open.desired_capabilities.as_ref()),
        properties: properties.filter_map(|(key, value)| Some((key.0.clone(), hear(value)?))).collect(),
        counts,
        limits,
    }
}

fn admit(worker: &Rc<Worker>, at: ConnectionRef, socket: &Socket) {
    worker.shard.borrow_mut().admit(worker.now(), at);
    resume(worker, socket);
}

/// `by`: the plugin that says so, and what it notes for the log.
fn turn_away(worker: &Rc<Worker>, at: ConnectionRef, why: Error, by: Option<(&str, Option<&str>)>) {
    let (plugin, note) = by.unzip();
    if let Some(socket) = worker.socket(at) {
        let identity = socket.identity.borrow();
        let (listener, connector) = identity.owner.names();
        tracing::info!(target: "connection", listener, connector, peer.addr = %identity.remote, connection = identity.id,
            condition = condition(&why.condition), error = why.description, plugin, note = note.flatten(), "connection refused");
    }
    worker.shard.borrow_mut().close(worker.now(), at, Some(why));
    if let Some(socket) = worker.socket(at) {
        // it does not stand in the way of those who are let in
        socket.identity.borrow_mut().counted = None;
        resume(worker, &socket);
    }
}

/// Lets input that waited for an answer go on.
fn resume(worker: &Rc<Worker>, socket: &Socket) {
    socket.is_resumed.set(true);
    socket.signal.say();
    worker.wake();
}

/// A peer wants a link.
pub(crate) fn attach(worker: &Rc<Worker>, at: LinkRef) {
    let Some(socket) = worker.socket(at.connection) else {
        return;
    };
    let peer = socket.identity.borrow().peer.clone();
    let request = peer.and_then(|peer| worker.shard.borrow().address_request(at, peer));
    let Some(request) = request.filter(|_| worker.policy.serves(Hook::Address)) else {
        worker.shard.borrow_mut().decide(worker.now(), at, Decision::BuiltIn);
        return resume(worker, &socket);
    };
    drop(socket);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        let asked = request.address.clone();
        let verdict = worker.policy.address(request).await;
        let Some(socket) = worker.socket(at.connection) else {
            return;
        };
        let decision = match verdict {
            AddressVerdict::BuiltIn => Decision::BuiltIn,
            AddressVerdict::Apply { plugin, ruling } => {
                tracing::debug!(
                    target: "address",
                    plugin = &*plugin,
                    asked,
                    address = ruling.address,
                    note = ruling.note,
                    "address ruled"
                );
                Decision::Apply(ruling)
            }
            AddressVerdict::Deny(denial) => {
                tracing::info!(target: "address", plugin = &*denial.plugin, address = asked, note = denial.refusal.note, "address denied");
                Decision::Refuse(refusal(denial, socket.identity.borrow().owner.explain_refusals))
            }
        };
        worker.shard.borrow_mut().decide(worker.now(), at, decision);
        worker.settle_events();
        resume(&worker, &socket);
    });
}
