//! Before the first performative: protocol headers and the SASL exchange, as server and as client.
//! Source: AMQP 1.0 part 2, 2.2, and part 5, 5.3.

use std::sync::Arc;

use fe2o3_amqp_types::sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome};
use serde_amqp::primitives::{Array, Binary, Symbol};

use crate::fault::PeerFault;
use crate::frame::{self, Kind};
use crate::{guard, raw, sasl};

/// Says whether a user exists and has this password.
pub type Verify = Arc<dyn Fn(&str, &str) -> bool + Send + Sync>;

/// What a listener asks of its peers.
#[derive(Clone)]
pub struct Server {
    /// Offered in this order.
    pub mechanisms: Vec<String>,
    /// Connections without a SASL layer are taken.
    pub without_sasl: bool,
    /// For PLAIN.
    pub verify: Verify,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("mechanisms", &self.mechanisms).finish_non_exhaustive()
    }
}

/// What a connector shows its peer.
#[derive(Clone, Default)]
pub struct Client {
    /// User and password; without them ANONYMOUS.
    pub credentials: Option<(String, String)>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").field("credentials", &self.credentials.is_some()).finish()
    }
}

/// Which end of the exchange we are.
#[derive(Debug, Clone)]
pub enum Side {
    /// The peer connected to us.
    Server(Server),
    /// We connected to the peer.
    Client(Client),
}

/// Appends the frame in which a server names its mechanisms.
pub(crate) fn offer(out: &mut Vec<u8>, server: &Server) {
    let list = server.mechanisms.iter().map(|name| Symbol::from(name.as_str())).collect::<Vec<_>>();
    append(out, &SaslMechanisms { sasl_server_mechanisms: Array::from(list) });
}

/// Takes the peer's init, and appends the outcome. Returns mechanism and user.
///
/// # Errors
///
/// [`PeerFault::Sasl`] when the peer is not who it says; the outcome frame says so too.
pub(crate) fn take_init(
    out: &mut Vec<u8>,
    server: &Server,
    body: &[u8],
) -> Result<(String, Option<String>), PeerFault> {
    let init: SaslInit = decode(body, 0x41, "sasl-init")?;
    let answer = judge(server, &init);
    let code = if answer.is_ok() { SaslCode::Ok } else { SaslCode::Auth };
    append(out, &SaslOutcome { code, additional_data: None });
    answer.map(|user| (init.mechanism.0, user)).map_err(PeerFault::Sasl)
}

fn judge(server: &Server, init: &SaslInit) -> Result<Option<String>, &'static str> {
    let name = init.mechanism.as_str();
    if !server.mechanisms.iter().any(|offered| offered == name) {
        return Err("a mechanism that was not offered");
    }
    if name == "ANONYMOUS" {
        return Ok(None);
    }
    let response = init.initial_response.as_ref().ok_or("no initial response")?;
    let plain = sasl::parse_plain(response).ok_or("a malformed PLAIN response")?;
    let known = (server.verify)(plain.authcid, plain.password);
    let same = plain.authzid.is_empty() || plain.authzid == plain.authcid;
    if known && same { Ok(Some(plain.authcid.to_owned())) } else { Err("unknown user or wrong password") }
}

/// Takes the mechanisms of a server, and appends our init.
///
/// # Errors
///
/// [`PeerFault::Sasl`] when the server offers nothing that we can use.
pub(crate) fn take_mechanisms(out: &mut Vec<u8>, client: &Client, body: &[u8]) -> Result<(), PeerFault> {
    let offered: SaslMechanisms = decode(body, 0x40, "sasl-mechanisms")?;
    let has = |name: &str| offered.sasl_server_mechanisms.0.iter().any(|symbol| symbol.as_str() == name);
    let (mechanism, response) = match &client.credentials {
        Some((user, password)) if has("PLAIN") => ("PLAIN", format!("\0{user}\0{password}").into_bytes()),
        None if has("ANONYMOUS") => ("ANONYMOUS", b"anonymous".to_vec()),
        Some(_) => return Err(PeerFault::Sasl("the peer does not offer PLAIN")),
        None => {
            return Err(PeerFault::Sasl("the peer does not offer ANONYMOUS, and no username is configured"));
        }
    };
    let init =
        SaslInit { mechanism: Symbol::from(mechanism), initial_response: Some(Binary::from(response)), hostname: None };
    append(out, &init);
    Ok(())
}

/// Takes a server's outcome.
///
/// # Errors
///
/// [`PeerFault::Sasl`] when we were not let in.
pub(crate) fn take_outcome(body: &[u8]) -> Result<(), PeerFault> {
    let outcome: SaslOutcome = decode(body, 0x44, "sasl-outcome")?;
    match outcome.code {
        SaslCode::Ok => Ok(()),
        SaslCode::Auth => Err(PeerFault::Sasl("the peer does not accept these credentials")),
        _ => Err(PeerFault::Sasl("the peer could not authenticate us")),
    }
}

fn decode<T: serde::de::DeserializeOwned>(body: &[u8], code: u64, name: &'static str) -> Result<T, PeerFault> {
    if raw::code(body).map(|(found, _)| found) != Some(code) {
        return Err(PeerFault::State("this SASL frame"));
    }
    let body = guard::pass(body)?;
    serde_amqp::from_slice(&body).map_err(|error| PeerFault::Decode { performative: name, reason: error.to_string() })
}

fn append<T: serde::Serialize>(out: &mut Vec<u8>, body: &T) {
    frame::write(out, Kind::Sasl, 0, |out| crate::connection::encode(out, body));
}
