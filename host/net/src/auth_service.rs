//! Auth services: a peer's SASL exchange is passed on to a connection of its own to the service that the listener names, and nobody
//! comes in unless that service says so. Source: the reference, `remote_sasl.c`.

use std::io::{Error, ErrorKind};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::delegation::{ADDRESS_AUTHZ, Answer, Consultation, Heard, Words};
use crosstie_amqp::fault::condition;
use crosstie_amqp::sasl::PART_MAX_BYTES;
use crosstie_model::host_port;
use crosstie_model::permissions::Permissions;
use crosstie_model::settings::{AuthService, Delegation, Listener};
use crosstie_router::address::ConnectionRef;
use fe2o3_amqp_types::definitions::Fields;
use fe2o3_amqp_types::performatives::Open;
use fe2o3_amqp_types::sasl::SaslCode;
use rustls::pki_types::ServerName;
use serde_amqp::Value;
use serde_amqp::primitives::{OrderedMap, Symbol};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{self, UnboundedReceiver};
use tokio::time::{Instant, timeout, timeout_at};
use tokio_rustls::TlsConnector;

use crate::listener::Doors;
use crate::profiles::Profiles;
use crate::socket::Socket;
use crate::worker::Worker;
use crate::{opening, policy, tcp};

/// For one answer of the service, however long its peer may take.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// Bytes that are read of the service at once.
const READ_BYTES: usize = 4096;

/// For the service's last words, which nobody waits for.
const GOODBYE: Duration = Duration::from_secs(1);

/// Says in an Open that a close follows. Source: AMQP Connection Establishment Failed, an extension of several brokers.
const FAILED: &str = "amqp:connection-establishment-failed";

/// The addresses of one peer.
const ADDRESSES_MAX: usize = 10_000;

/// What the connections of a listener need of its service.
#[derive(Debug)]
pub(crate) struct Service {
    settings: AuthService,
    profiles: Profiles,
    container_id: String,
    /// Of the listener.
    handshake_timeout: Duration,
}

/// Whom a service lets in.
#[derive(Debug, PartialEq, Eq)]
struct Claim {
    user: Option<String>,
    /// Absent: it says nothing of addresses.
    permissions: Option<Permissions>,
}

trait Stream: AsyncRead + AsyncWrite + Unpin {}

impl<S: AsyncRead + AsyncWrite + Unpin> Stream for S {}

/// A connection to the service, and what came of it.
struct Wire {
    stream: Box<dyn Stream>,
    input: Vec<u8>,
}

impl Service {
    pub(crate) fn new(doors: &Doors, listener: &Listener, delegation: &Delegation) -> Self {
        Self {
            settings: delegation.service.clone(),
            profiles: doors.profiles.clone(),
            container_id: doors.router_id.clone(),
            handshake_timeout: listener.connection.handshake_timeout,
        }
    }

    /// Until when the service has to answer a peer that came then, so that the peer hears of it in time.
    fn deadline(&self, since: Instant) -> Instant {
        let now = Instant::now();
        let last = since.checked_add(self.handshake_timeout / 10 * 9);
        last.into_iter().chain(now.checked_add(ANSWER_MAX)).min().unwrap_or(now)
    }

    async fn connect(&self, worker: &Worker) -> std::io::Result<Wire> {
        let AuthService { host, port, .. } = &self.settings;
        let (stream, _) = tcp::connect(&worker.shared.resolver, (host, *port), None, ANSWER_MAX).await?;
        let Some(name) = &self.settings.tls else { return Ok(Wire { stream: Box::new(stream), input: Vec::new() }) };
        let profile = self.profiles.get(name).ok_or_else(|| Error::other(format!("there is no tls {name:?}")))?;
        let config = profile.client(self.settings.verify_hostname);
        let config = config.ok_or_else(|| Error::other("this system has no certificates of authorities"))?;
        let host = ServerName::try_from(host.clone()).map_err(|error| Error::new(ErrorKind::InvalidInput, error))?;
        let stream = TlsConnector::from(config).connect(host, stream).await.map_err(|error| {
            let rustls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
            rustls.map(|fault| Error::other(crosstie_tls::explain(fault))).unwrap_or(error)
        })?;
        Ok(Wire { stream: Box::new(stream), input: Vec::new() })
    }
}

impl Wire {
    /// Says what is to be said, and hears what the service says to the peer.
    async fn ask(&mut self, consultation: &mut Consultation) -> std::io::Result<Heard> {
        loop {
            if !consultation.out.is_empty() {
                self.stream.write_all(&std::mem::take(&mut consultation.out)).await?;
                self.stream.flush().await?;
            }
            let mut input = self.input.as_slice();
            let heard = consultation.handle_input(&mut input).map_err(Error::other)?;
            let left = input.len();
            self.input.drain(..self.input.len().saturating_sub(left));
            match heard {
                Some(heard) => return Ok(heard),
                None if !consultation.out.is_empty() => {}
                None => {
                    // what it writes at once is read at once
                    self.input.reserve(READ_BYTES);
                    if self.stream.read_buf(&mut self.input).await? == 0 {
                        return Err(Error::new(ErrorKind::UnexpectedEof, "it closed the connection"));
                    }
                }
            }
        }
    }

    /// Leaves the service, which has been told so.
    async fn leave(mut self, consultation: Consultation) {
        let bye = async {
            self.stream.write_all(&consultation.out).await?;
            self.stream.shutdown().await?;
            let mut waste = [0; 512];
            while self.stream.read(&mut waste).await? > 0 {}
            Ok::<_, Error>(())
        };
        // nobody waits for that
        let _ = timeout(GOODBYE, bye).await;
    }
}

/// A peer said something to the service.
pub(crate) fn ask(worker: &Rc<Worker>, at: ConnectionRef, words: Words) {
    let Some(socket) = worker.socket(at) else { return };
    let asked = socket.asked.borrow().clone();
    if let Some(asked) = asked {
        // without anybody who takes it, the peer has been told
        let _ = asked.send(words);
        return;
    }
    let Some(service) = socket.identity.borrow().owner.service.clone() else { return };
    let (asked, words) = mpsc::unbounded_channel();
    socket.asked.replace(Some(asked));
    let since = worker.instant(socket.identity.borrow().since);
    let worker = worker.clone();
    tokio::task::spawn_local(async move {
        if let Err(error) = relay(&worker, at, (&service, since), words).await {
            fail(&worker, at, &service, &error);
        }
        // an idle connection holds nothing
        if let Some(socket) = worker.socket(at) {
            socket.asked.take();
        }
    });
}

/// Passes on what the peer and the service say to each other, to its end. A peer that goes takes its end of `words` with it.
async fn relay(
    worker: &Rc<Worker>,
    at: ConnectionRef,
    (service, since): (&Service, Instant),
    mut words: UnboundedReceiver<Words>,
) -> std::io::Result<()> {
    let settings = &service.settings;
    let is_private = settings.tls.is_some() || settings.allow_plain_without_tls;
    let names = (service.container_id.as_str(), settings.host.as_str());
    let mut consultation = Consultation::new(names, settings.realm.clone(), is_private);
    let product = opening::product().map(|(key, text)| (Symbol::from(key), Value::String(text.to_owned())));
    consultation.open().properties = Some(product.into_iter().collect());
    let silent = |_| Error::new(ErrorKind::TimedOut, "no answer in time");
    let mut wire = timeout_at(service.deadline(since), service.connect(worker)).await.map_err(silent)??;
    loop {
        let heard = timeout_at(service.deadline(since), wire.ask(&mut consultation)).await.map_err(silent)??;
        match heard {
            Heard::Mechanisms(names) => {
                if !answer(worker, at, Answer::Offers(names)) {
                    return Err(Error::other("it offers no mechanism that peers may use here"));
                }
            }
            Heard::Challenge(said) => {
                answer(worker, at, Answer::Challenge(said));
            }
            Heard::Refused(SaslCode::Auth) => {
                answer(worker, at, Answer::Refuses);
                return Ok(());
            }
            Heard::Refused(code) => return Err(Error::other(format!("it cannot tell who the peer is ({code:?})"))),
            Heard::Opened(open, said) => {
                let Claim { user, permissions } = Claim::read(&open).map_err(Error::other)?;
                consultation.close();
                // a service that names nobody may mean that, or its close says what it means; with a name, it would say so at once
                let last = if user.is_none() {
                    Some(timeout_at(service.deadline(since), wire.ask(&mut consultation)).await.map_err(silent)??)
                } else {
                    consultation.handle_input(&mut wire.input.as_slice()).map_err(Error::other)?
                };
                if let Some(Heard::Closed(Some(error))) = last {
                    let (condition, why) = (condition(&error.condition), error.description.unwrap_or_default());
                    return Err(Error::other(format!("it opens the connection and closes it: {condition} {why}")));
                }
                if let Some(peer) = worker.shard.borrow_mut().peer_mut(at) {
                    peer.meta.permissions = permissions.map(Arc::new);
                }
                answer(worker, at, Answer::Admits { user, said });
                wire.leave(consultation).await;
                return Ok(());
            }
            Heard::Closed(_) => return Err(Error::other("it closes the connection")),
        }
        match words.recv().await {
            Some(said) => consultation.say(said),
            None => return Ok(()),
        }
    }
}

/// Tells a peer. Says whether its connection goes on.
fn answer(worker: &Rc<Worker>, at: ConnectionRef, answer: Answer) -> bool {
    let goes_on = worker.shard.borrow_mut().answer_sasl(worker.now(), at, answer);
    worker.settle_events();
    if let Some(socket) = worker.socket(at) {
        policy::resume(worker, &socket);
    }
    goes_on
}

fn fail(worker: &Rc<Worker>, at: ConnectionRef, service: &Service, error: &Error) {
    let log = |socket: &Socket| {
        let identity = socket.identity.borrow();
        let (listener, _) = identity.owner.names();
        let AuthService { name, host, port, .. } = &service.settings;
        tracing::warn!(target: "connection", listener, peer.addr = %identity.remote, connection = identity.id,
            auth_service = name, endpoint = host_port(host, *port), %error, "no answer of the auth service: the peer is refused");
    };
    // a peer that has gone is not refused
    if let Some(socket) = worker.socket(at) {
        log(&socket);
    }
    answer(worker, at, Answer::Fails);
}

impl Claim {
    /// Reads what the service says of the peer that it lets in. What cannot be read lets nobody in.
    fn read(open: &Open) -> Result<Self, &'static str> {
        let none = Fields::default();
        let properties = open.properties.as_ref().unwrap_or(&none);
        let property = |name: &str| properties.get(&Symbol::from(name)).filter(|value| **value != Value::Null);
        if property(FAILED).is_some_and(|failed| *failed != Value::Bool(false)) {
            return Err("it opens a connection that it says has failed");
        }
        let user = match property("authenticated-identity") {
            None => None,
            Some(Value::Map(claims)) => claim(claims, "sub")?.or(claim(claims, "preferred_username")?),
            Some(value) => Some(text(value).ok_or("its `authenticated-identity` is no map")?),
        };
        let user = user.filter(|user| !user.is_empty());
        if user.is_some_and(|user| user.len() > PART_MAX_BYTES) {
            return Err("the name of its `authenticated-identity` is too long");
        }
        let user = user.map(str::to_owned);
        let offers =
            open.offered_capabilities.iter().flat_map(|offered| &offered.0).any(|word| word.0 == ADDRESS_AUTHZ);
        let permissions = match property("address-authz") {
            Some(Value::Map(addresses)) => Some(permissions(user.clone(), addresses)?),
            Some(_) => return Err("its `address-authz` is no map"),
            // it knows, and names no address
            None if offers => Some(Permissions::default()),
            None => None,
        };
        Ok(Self { user, permissions })
    }
}

fn text(value: &Value) -> Option<&str> {
    match value {
        Value::String(text) | Value::Symbol(Symbol(text)) => Some(text),
        _ => None,
    }
}

fn claim<'c>(claims: &'c OrderedMap<Value, Value>, name: &str) -> Result<Option<&'c str>, &'static str> {
    match claims.iter().find(|(key, _)| text(key) == Some(name)) {
        None | Some((_, Value::Null)) => Ok(None),
        Some((_, value)) => text(value).map(Some).ok_or("its `authenticated-identity` has a name that is no text"),
    }
}

fn permissions(user: Option<String>, addresses: &OrderedMap<Value, Value>) -> Result<Permissions, &'static str> {
    const BAD: &str = "its `address-authz` is no map from addresses to lists of `send` and `recv`";
    if addresses.len() > ADDRESSES_MAX {
        return Err("its `address-authz` has too many addresses");
    }
    let mut permissions = Permissions { user, ..Permissions::default() };
    for (address, words) in addresses.iter() {
        let address = text(address).ok_or(BAD)?;
        let words = match words {
            Value::Array(words) => &words.0,
            Value::List(words) => words,
            _ => return Err(BAD),
        };
        for word in words {
            match text(word).ok_or(BAD)? {
                "send" => permissions.send.push(address.to_owned()),
                "recv" => permissions.receive.push(address.to_owned()),
                // what there may be to allow besides
                _ => {}
            }
        }
    }
    Ok(permissions)
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::performatives::{ChannelMax, MaxFrameSize};
    use serde_amqp::primitives::Array;

    use super::*;

    fn open(properties: &[(&str, Value)], offers: bool) -> Open {
        let properties = properties.iter().map(|(key, value)| (Symbol::from(*key), value.clone())).collect();
        Open {
            container_id: "sso".to_owned(),
            hostname: None,
            max_frame_size: MaxFrameSize(512),
            channel_max: ChannelMax(0),
            idle_time_out: None,
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: offers.then(|| Array::from(vec![Symbol::from(ADDRESS_AUTHZ)])),
            desired_capabilities: None,
            properties: Some(properties),
        }
    }

    fn text(text: &str) -> Value {
        Value::String(text.to_owned())
    }

    fn map(pairs: &[(&str, Value)]) -> Value {
        Value::Map(pairs.iter().map(|(key, value)| (text(key), value.clone())).collect())
    }

    fn words(words: &[&str]) -> Value {
        Value::Array(Array::from(words.iter().map(|word| text(word)).collect::<Vec<_>>()))
    }

    #[test]
    fn a_user_has_the_first_of_the_names_that_the_service_gives() {
        for (identity, user) in [
            (map(&[("sub", text("1")), ("preferred_username", text("bob"))]), Some("1")),
            (map(&[("preferred_username", text("bob"))]), Some("bob")),
            (map(&[("sub", Value::Null), ("preferred_username", text("bob"))]), Some("bob")),
            (map(&[("email", text("bob@example.com"))]), None),
            (text("bob"), Some("bob")),
            (text(""), None),
            (Value::Null, None),
        ] {
            let claim = Claim::read(&open(&[("authenticated-identity", identity.clone())], false));
            let user = user.map(str::to_owned);
            assert_eq!(claim, Ok(Claim { user, permissions: None }), "{identity:?}");
        }
        assert_eq!(Claim::read(&open(&[], false)), Ok(Claim { user: None, permissions: None }));
    }

    #[test]
    fn addresses_are_those_that_the_service_names() {
        let identity = ("authenticated-identity", map(&[("sub", text("bob"))]));
        let addresses = map(&[
            ("a", words(&["send", "recv", "purge"])),
            ("b*", Value::List(vec![Value::Symbol(Symbol::from("send"))])),
            ("c", words(&["recv"])),
            ("d", words(&[])),
        ]);
        let claim = Claim::read(&open(&[identity.clone(), ("address-authz", addresses)], true));
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
        let user = Some("bob".to_owned());
        let permissions = Permissions { user: user.clone(), send: owned(&["a", "b*"]), receive: owned(&["a", "c"]) };
        assert_eq!(claim, Ok(Claim { user: user.clone(), permissions: Some(permissions) }));
        // it says that it knows, and then says nothing
        let claim = Claim::read(&open(&[identity], true));
        assert_eq!(claim, Ok(Claim { user, permissions: Some(Permissions::default()) }));
    }

    #[test]
    fn what_cannot_be_read_lets_nobody_in() {
        let list = Value::List(Vec::new());
        for (key, value) in [
            ("authenticated-identity", Value::Bool(true)),
            ("authenticated-identity", map(&[("sub", Value::Int(1))])),
            ("authenticated-identity", map(&[("sub", text(&"x".repeat(1025)))])),
            ("address-authz", list),
            ("address-authz", text("*")),
            ("address-authz", map(&[("a", text("send"))])),
            ("address-authz", map(&[("a", Value::Array(Array::from(vec![Value::Int(1)])))])),
            ("amqp:connection-establishment-failed", Value::Bool(true)),
        ] {
            assert!(Claim::read(&open(&[(key, value.clone())], false)).is_err(), "{key} {value:?}");
        }
        let number = Value::Map(std::iter::once((Value::Int(1), words(&["send"]))).collect());
        assert!(Claim::read(&open(&[("address-authz", number)], false)).is_err());
    }
}
