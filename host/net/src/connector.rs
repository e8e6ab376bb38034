//! Connectors: one task for each, which dials what failover says and serves what it reached.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::rc::Rc;
use std::sync::Arc;

use crosstie_amqp::connection::Connection;
use crosstie_amqp::time::Time;
use crosstie_model::facts::ConnectorStatus;
use crosstie_model::policy::Hook;
use crosstie_model::settings::{Connector, Management};
use crosstie_router::failover::{Dial, Failover, Failure, Step};
use crosstie_router::shard::Peer;
use tokio::net::TcpStream;

use crate::layer::Layer;
use crate::opening;
use crate::socket::{Owner, Socket};
use crate::status::Watched;
use crate::worker::Worker;
use crate::{dial_text, tcp};

/// Keeps a connector connected until it is stopped, or the worker closes.
pub(crate) async fn run(worker: Rc<Worker>, mut connector: Connector, watched: Watched) {
    loop {
        keep(&worker, &connector, &watched).await;
        match watched.take_other() {
            Some(other) if !worker.is_closing() => connector = other,
            _ => return,
        }
    }
}

/// Keeps it connected as it is configured now.
async fn keep(worker: &Rc<Worker>, connector: &Connector, watched: &Watched) {
    let container_id = &worker.shared.common.router_id;
    let mut failover = Failover::new(connector, RandomState::new().hash_one(&connector.name));
    let name: Arc<str> = connector.name.as_str().into();
    while !worker.is_closing() && !watched.is_ordered() {
        match failover.poll(worker.clock()) {
            Step::Ask(request) => {
                let answer =
                    if worker.policy.serves(Hook::Failover) { worker.policy.failover(request).await } else { None };
                if let Some(answer) = &answer {
                    let picks = answer.order.len();
                    tracing::info!(
                        target: "connector",
                        connector = &*name,
                        plugin = &*answer.plugin,
                        picks,
                        note = answer.note,
                        "failover ordered"
                    );
                }
                failover.handle_answer(worker.clock(), answer);
            }
            Step::Wait(until) => {
                tokio::select! {
                    () = tokio::time::sleep_until(worker.instant(until)) => {}
                    () = worker.closing.notified() => {}
                    () = watched.ordered() => {}
                }
            }
            Step::Dial(dial) => {
                let endpoint = dial_text(&dial.host, dial.port);
                tracing::debug!(target: "connector", connector = &*name, endpoint, "dialling");
                watched.set(ConnectorStatus::Connecting, Some(format!("dialling {endpoint}")));
                watched.set_urls(failover.urls());
                let started = worker.now();
                match reach(worker, (connector, watched), &dial).await {
                    Ok(stream) => {
                        let reached = (&dial, started, stream);
                        serve(worker, container_id, (connector, watched), reached, &mut failover).await
                    }
                    Err(error) => {
                        watched.set(ConnectorStatus::Failed, Some(format!("{endpoint}: {error}")));
                        tracing::warn!(target: "connector", connector = &*name, endpoint, error, "cannot connect");
                        failover.handle_failed(worker.clock(), Failure { error, condition: None });
                    }
                }
            }
            // every step of this loop ends in an answer, a failure or a loss
            Step::Idle => {
                tracing::error!(target: "connector", connector = &*name, "failover is idle without a connection");
                failover.give_up(worker.clock());
            }
        }
    }
}

async fn reach(
    worker: &Worker,
    (connector, watched): (&Connector, &Watched),
    dial: &Dial,
) -> Result<TcpStream, String> {
    let limit = connector.connection.handshake_timeout;
    let connect = tcp::connect(&dial.host, dial.port, connector.connection.address_family, limit);
    tokio::select! {
        reached = tokio::time::timeout(limit, connect) => match reached {
            Ok(stream) => stream.map_err(|error| error.to_string()),
            Err(_) => Err(format!("no answer within {} s", limit.as_secs())),
        },
        () = worker.closing.notified() => Err("the router is shutting down".to_owned()),
        () = watched.ordered() => Err("the connector was changed".to_owned()),
    }
}

async fn serve(
    worker: &Rc<Worker>,
    container_id: &str,
    (connector, watched): (&Connector, &Watched),
    (dial, started, stream): (&Dial, Time, TcpStream),
    failover: &mut Failover,
) {
    let name: Arc<str> = connector.name.as_str().into();
    let endpoint = dial_text(&dial.host, dial.port);
    let owner = Owner {
        name: name.clone(),
        edition: watched.edition(),
        is_listener: false,
        explain_refusals: false,
        limits: connector.connection.limits,
        management: Some(Management::Off),
    };
    let profile = connector.tls.as_ref().map(|name| {
        let missing = || std::io::Error::other(format!("there is no tls {name:?}"));
        worker.shared.profiles.get(name).ok_or_else(missing).map(|profile| (profile, connector.verify_hostname))
    });
    let known = worker.identify(&stream, owner).and_then(|identity| {
        let layer = Layer::dialled(profile.transpose()?, &dial.host)?;
        Ok((identity, layer, opening::nonce()?))
    });
    let (identity, layer, nonce) = match known {
        Ok(known) => known,
        Err(error) => {
            return failover.handle_failed(worker.clock(), Failure { error: error.to_string(), condition: None });
        }
    };
    let mut meta = opening::meta(name.clone(), connector.role, &connector.connection, false);
    meta.peer_addr = identity.remote.to_string();
    // the time for dialling and for the handshake is one
    let mut setup = opening::dialled(container_id, connector, dial);
    opening::number(&mut setup, identity.id);
    let amqp = Connection::new(started, setup, nonce);
    let (at, socket) = worker.adopt(Box::new(Peer::new(amqp, meta)), Socket::new((stream, layer), identity));
    *socket.watched.borrow_mut() = Some((watched.clone(), endpoint.clone()));
    let mut driven = std::pin::pin!(worker.drive(at, socket.clone(), Vec::new()));
    let stopped = tokio::select! {
        biased;
        () = &mut driven => false,
        () = hear(&socket, watched, failover) => false,
        () = watched.stopped() => true,
    };
    if stopped {
        worker.close_for(at, "the connector was deleted");
        driven.await;
    }
    take_open(&socket, watched, failover);
    let mut failure = socket.failure.take();
    if failure.error.is_empty() {
        failure.error = "the connection was lost".to_owned();
    }
    if watched.is_stopped() {
        return tracing::info!(target: "connector", connector = &*name, endpoint, "connection closed");
    }
    let (error, condition) = (failure.error.clone(), failure.condition.clone());
    watched.set(ConnectorStatus::Failed, Some(format!("{endpoint}: {error}")));
    if failover.is_connected() {
        tracing::warn!(target: "connector", connector = &*name, endpoint, error, condition, "connection lost");
        failover.handle_lost(worker.clock(), failure);
    } else {
        tracing::warn!(target: "connector", connector = &*name, endpoint, error, condition, "cannot connect");
        failover.handle_failed(worker.clock(), failure);
    }
}

/// Tells failover of the peer's Open when it comes; does not end.
async fn hear(socket: &Socket, watched: &Watched, failover: &mut Failover) {
    loop {
        socket.heard.notified().await;
        take_open(socket, watched, failover);
    }
}

fn take_open(socket: &Socket, watched: &Watched, failover: &mut Failover) {
    if let Some((clock, advertisement)) = socket.opened.take() {
        failover.handle_opened(clock, advertisement);
        watched.set_urls(failover.urls());
    }
}
