//! Listeners: sockets that accept, and hand what they accept to the workers in turn.

use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::sasl::Users;
use crosstie_model::host_port;
use crosstie_model::settings::{AddressFamily, Listener};
use crosstie_router::shard::Meta;
use crosstie_router::tenant::Space;
use tokio::net::TcpListener;
use tokio::sync::mpsc;

use crate::auth_service::Service;
use crate::layer::Entrance;
use crate::opening;
use crate::profiles::Profiles;
use crate::resolver::Resolver;
use crate::socket::Owner;
use crate::tcp::Unbound;
use crate::worker::{Command, Door};
use crate::{NetError, tcp};

/// After an accept that failed, for example for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// What every listener needs.
#[derive(Debug, Clone)]
pub(crate) struct Doors {
    pub(crate) router_id: String,
    pub(crate) users: Arc<Users>,
    pub(crate) profiles: Profiles,
}

/// The sockets of one listener: its host may be a name of several addresses.
pub(crate) type Sockets = Vec<Arc<TcpListener>>;

/// Opens the sockets of a listener, all of them or none.
///
/// # Errors
///
/// [`NetError::Bind`].
pub(crate) async fn bind(listener: &Listener, resolver: &Resolver) -> Result<Sockets, NetError> {
    let family = listener.connection.address_family;
    let all = if family == Some(AddressFamily::V4) { "0.0.0.0" } else { "::" };
    let host = listener.host.as_deref().unwrap_or(all);
    let bound = match (&listener.host, family) {
        (None, None) => tcp::listen_everywhere(listener.port).map(|socket| vec![socket]).map_err(Unbound::from),
        _ => tcp::listen(resolver, (host, listener.port), family).await,
    };
    let name = host_port(host, listener.port);
    let failed = |Unbound { addr, source }| {
        let addr = addr.map(|addr| addr.to_string()).filter(|addr| *addr != name);
        let address = addr.map_or_else(|| name.clone(), |addr| format!("{addr} of {host:?}"));
        NetError::Bind { listener: listener.name.clone(), address, source }
    };
    Ok(bound.map_err(failed)?.into_iter().map(Arc::new).collect())
}

/// Says where a listener listens: once it accepts there, and not before, for what was bound may be given up again.
pub(crate) fn tell(listener: &str, sockets: &Sockets) {
    // a socket that is bound has an address
    for local in sockets.iter().filter_map(|socket| socket.local_addr().ok()) {
        tracing::info!(target: "listener", listener, local.addr = %local, "listening");
    }
}

impl Doors {
    /// What a listener hands to the workers with each socket.
    ///
    /// # Errors
    ///
    /// [`NetError::NoTls`]: it names a profile that there is not.
    pub(crate) fn door(&self, listener: &Listener, edition: u64) -> Result<Door, NetError> {
        let entrance = match &listener.tls {
            // a configuration names those that there are
            Some(tls) if self.profiles.get(&tls.name).is_none() => {
                return Err(NetError::NoTls { listener: listener.name.clone(), tls: tls.name.clone() });
            }
            Some(tls) => Some(Arc::new(Entrance { profiles: self.profiles.clone(), tls: tls.clone() })),
            None => None,
        };
        let name: Arc<str> = listener.name.as_str().into();
        Ok(Door {
            owner: Owner {
                name: name.clone(),
                edition,
                is_listener: true,
                explain_refusals: listener.explain_refusals,
                limits: listener.connection.limits,
                management: listener.management,
                service: listener
                    .delegation
                    .as_ref()
                    .map(|delegation| Arc::new(Service::new(self, listener, delegation))),
            },
            setup: opening::accepted(&self.router_id, listener, self.users.clone()),
            meta: Meta {
                space: Space::of_listener(listener.multi_tenant),
                explains: listener.explain_refusals,
                ..opening::meta(name, listener.role, &listener.connection, true)
            },
            entrance,
        })
    }
}

/// Accepts until it is dropped.
pub(crate) async fn accept(socket: Arc<TcpListener>, door: Arc<Door>, workers: Vec<mpsc::UnboundedSender<Command>>) {
    let (mut turn, mut failures) = (0_usize, 0_u64);
    loop {
        let stream = socket.accept().await.and_then(|(stream, _)| stream.into_std());
        match stream {
            Ok(stream) => {
                if failures > 0 {
                    tracing::info!(target: "listener", listener = &*door.owner.name, failures, "accepting again");
                    failures = 0;
                }
                turn = turn.wrapping_add(1);
                let worker = turn.checked_rem(workers.len()).and_then(|at| workers.get(at));
                if worker.is_none_or(|worker| worker.send(Command::Accepted(stream, door.clone())).is_err()) {
                    return;
                }
            }
            Err(error) => {
                if failures == 0 {
                    tracing::warn!(target: "listener", listener = &*door.owner.name, %error, "cannot accept");
                }
                failures = failures.saturating_add(1);
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}
