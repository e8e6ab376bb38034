//! Listeners: sockets that accept, and hand what they accept to the workers in turn.

use std::sync::Arc;
use std::time::Duration;

use crosstie_model::settings::{Listener, Settings};
use crosstie_router::shard::Meta;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::opening;
use crate::socket::Owner;
use crate::worker::{Command, Door};
use crate::{NetError, dial_text};

/// After an accept that failed, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// A listener that has its socket.
pub(crate) struct Bound {
    socket: TcpListener,
    door: Arc<Door>,
}

/// Opens the socket of a listener.
///
/// # Errors
///
/// [`NetError::Bind`].
pub(crate) async fn bind(settings: &Settings, listener: &Listener) -> Result<Bound, NetError> {
    let host = listener.host.as_deref().unwrap_or("::");
    let failed =
        |source| NetError::Bind { listener: listener.name.clone(), address: dial_text(host, listener.port), source };
    let any = listener.host.is_none();
    let socket = match TcpListener::bind((host, listener.port)).await {
        // a machine without IPv6
        Err(_) if any => TcpListener::bind(("0.0.0.0", listener.port)).await.map_err(failed)?,
        bound => bound.map_err(failed)?,
    };
    let local = socket.local_addr().map_err(failed)?;
    tracing::info!(listener = listener.name, local.addr = %local, "listening");
    let name: Arc<str> = listener.name.as_str().into();
    let door = Door {
        owner: Owner {
            name: name.clone(),
            is_listener: true,
            explain_refusals: listener.explain_refusals,
            limits: listener.connection.limits,
        },
        setup: opening::accepted(&settings.router.id, listener, &settings.users),
        meta: Meta {
            name,
            role: listener.role,
            outgoing: false,
            peer_addr: String::new(),
            capacity: listener.connection.link_capacity,
            container_id: String::new(),
            may_move: true,
        },
    };
    Ok(Bound { socket, door: Arc::new(door) })
}

/// Accepts until it is dropped.
pub(crate) async fn accept(bound: Bound, workers: Vec<mpsc::UnboundedSender<Command>>) {
    let mut turn = 0_usize;
    loop {
        let stream = bound.socket.accept().await.and_then(|(stream, _)| stream.into_std());
        match stream {
            Ok(stream) => {
                turn = turn.wrapping_add(1);
                let worker = turn.checked_rem(workers.len()).and_then(|at| workers.get(at));
                if worker.is_none_or(|worker| worker.send(Command::Accepted(stream, bound.door.clone())).is_err()) {
                    return;
                }
            }
            Err(error) => {
                tracing::warn!(listener = &*bound.door.owner.name, %error, "cannot accept");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
