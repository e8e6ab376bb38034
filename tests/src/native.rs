//! Clients in Rust: fe2o3-amqp, a whole implementation that is not under test.

use std::net::SocketAddr;
use std::time::Duration;

use fe2o3_amqp::connection::ConnectionHandle;
use fe2o3_amqp::link::delivery::Delivery;
use fe2o3_amqp::sasl_profile::SaslProfile;
use fe2o3_amqp::session::SessionHandle;
use fe2o3_amqp::{Connection, Receiver, Sender, Session};
use fe2o3_amqp_types::definitions::SenderSettleMode;
use fe2o3_amqp_types::messaging::{Body, Data, Message, Outcome};
use tokio::runtime::Runtime;

/// A runtime for one test.
///
/// # Panics
///
/// When there are no threads left.
#[must_use]
pub fn runtime() -> Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().expect("a runtime")
}

/// Ends a step that takes longer than anything should.
///
/// # Panics
///
/// After a minute.
pub async fn within<T>(what: &str, step: impl Future<Output = T>) -> T {
    match tokio::time::timeout(Duration::from_secs(60), step).await {
        Ok(value) => value,
        Err(_) => panic!("{what}: not done within a minute"),
    }
}

/// A connection with one session.
#[derive(Debug)]
pub struct Client {
    connection: ConnectionHandle<()>,
    session: SessionHandle<()>,
}

impl Client {
    /// Without a SASL layer.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn open(addr: SocketAddr, container: &str) -> Self {
        Self::open_with(addr, container, None).await.unwrap_or_else(|error| panic!("open: {error}"))
    }

    /// With a SASL profile or without.
    ///
    /// # Errors
    ///
    /// The text of what refused it.
    pub async fn open_with(addr: SocketAddr, container: &str, sasl: Option<SaslProfile>) -> Result<Self, String> {
        let url = format!("amqp://{addr}");
        let mut builder = Connection::builder().container_id(container);
        if let Some(profile) = sasl {
            builder = builder.sasl_profile(profile);
        }
        let opened = within("open", builder.open(url.as_str())).await;
        let mut connection = opened.map_err(|error| format!("{error:?}"))?;
        let session = within("begin", Session::begin(&mut connection)).await.map_err(|error| format!("{error:?}"))?;
        Ok(Self { connection, session })
    }

    /// Its session, for links with terms of their own.
    pub const fn session(&mut self) -> &mut SessionHandle<()> {
        &mut self.session
    }

    /// A sender; `settled` decides about every message.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn sender(&mut self, name: &str, address: &str, settled: bool) -> Sender {
        let mode = if settled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
        let builder = Sender::builder().name(name).target(address).sender_settle_mode(mode);
        within("attach", builder.attach(&mut self.session)).await.unwrap_or_else(|error| panic!("attach: {error:?}"))
    }

    /// A receiver that keeps `credit` deliveries coming.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub async fn receiver(&mut self, name: &str, address: &str, credit: u32) -> Receiver {
        let mode = fe2o3_amqp::link::receiver::CreditMode::Auto(credit);
        let builder = Receiver::builder().name(name).source(address).credit_mode(mode);
        within("attach", builder.attach(&mut self.session)).await.unwrap_or_else(|error| panic!("attach: {error:?}"))
    }

    /// Ends the session and closes.
    ///
    /// # Panics
    ///
    /// When the router answers with an error.
    pub async fn close(mut self) {
        within("end", self.session.end()).await.unwrap_or_else(|error| panic!("end: {error:?}"));
        within("close", self.connection.close()).await.unwrap_or_else(|error| panic!("close: {error:?}"));
    }
}

/// A message of one data section.
#[must_use]
pub fn message(body: Vec<u8>) -> Message<Data> {
    Message::builder().data(body).build()
}

/// The bytes of a delivery's data sections.
///
/// # Panics
///
/// When it is no data.
#[must_use]
pub fn bytes(delivery: &Delivery<Body<serde_amqp::Value>>) -> Vec<u8> {
    match delivery.body() {
        Body::Data(sections) => sections.iter().flat_map(|data| data.0.iter().copied()).collect(),
        other => panic!("no data: {other:?}"),
    }
}

/// The next delivery.
///
/// # Panics
///
/// When none comes within a minute.
pub async fn receive(receiver: &mut Receiver) -> Delivery<Body<serde_amqp::Value>> {
    within("receive", receiver.recv()).await.unwrap_or_else(|error| panic!("receive: {error:?}"))
}

/// An outcome as the client programs call it.
#[must_use]
pub const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Rejected(_) => "rejected",
        Outcome::Released(_) => "released",
        Outcome::Modified(_) => "modified",
    }
}
