//! Before the first performative: protocol headers and the SASL exchange, as server and as client.
//! Source: AMQP 1.0 part 2, 2.2, and part 5, 5.3.

use std::sync::Arc;

use fe2o3_amqp_types::sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
use serde_amqp::primitives::{Array, Binary, Symbol};

use crate::delegation::{Answer, Words};
use crate::fault::PeerFault;
use crate::frame::{self, Kind};
use crate::sasl::{self, ClientExchange, Hash, Nonce, Proof, ServerExchange, Users};
use crate::{guard, raw};

/// What a client with credentials takes of the peer's mechanisms, strongest first.
const STRENGTH: [&str; 4] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "ANONYMOUS"];

/// What a listener asks of its peers.
#[derive(Debug, Clone)]
pub struct Server {
    /// Offered in this order.
    pub mechanisms: Vec<String>,
    /// Connections without a SASL layer are taken.
    pub without_sasl: bool,
    /// For PLAIN and SCRAM.
    pub users: Arc<Users>,
    /// PLAIN is offered without TLS.
    pub plain_without_tls: bool,
    /// What the TLS layer knows of the peer; absent without TLS.
    pub secure: Option<Secure>,
    /// Somebody else decides who the peers are. Of the mechanisms that are offered there, peers may use `mechanisms`, or any where
    /// there are none.
    pub delegates: bool,
}

/// A TLS layer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Secure {
    /// Whom the peer's certificate names, if it showed one.
    pub user: Option<String>,
}

impl Server {
    /// Whether this peer may use a mechanism: PLAIN where nobody listens, EXTERNAL with a certificate.
    fn takes(&self, name: &str) -> bool {
        if self.delegates {
            return self.passes_on(name);
        }
        let known = self.mechanisms.iter().any(|offered| offered == name);
        known
            && match name {
                "PLAIN" => self.plain_without_tls || self.secure.is_some(),
                "EXTERNAL" => self.secure.as_ref().is_some_and(|secure| secure.user.is_some()),
                _ => true,
            }
    }

    /// Whether a peer may use a mechanism of whoever decides. EXTERNAL would be about our certificate, and not the peer's.
    fn passes_on(&self, name: &str) -> bool {
        let is_named = self.mechanisms.is_empty() || self.mechanisms.iter().any(|allowed| allowed == name);
        let is_private = self.plain_without_tls || self.secure.is_some() || !sasl::shows_secret(name);
        is_named && is_private && name != "EXTERNAL" && (name != "ANONYMOUS" || self.without_sasl)
    }
}

/// What a connector shows its peer.
#[derive(Clone, Default)]
pub struct Client {
    /// User and password; without them ANONYMOUS, where it is allowed.
    pub credentials: Option<(String, String)>,
    /// The strongest of these that the peer offers is used.
    pub mechanisms: Vec<String>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let credentials = self.credentials.is_some();
        f.debug_struct("Client").field("credentials", &credentials).field("mechanisms", &self.mechanisms).finish()
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

/// Where a SASL exchange stands: whose frame comes next.
#[derive(Debug)]
pub(crate) enum Exchange {
    /// The mechanisms (client), or the peer's init (server).
    Fresh(Nonce),
    /// Server: the first message of SCRAM, where init had none.
    Asked(Nonce, Hash),
    /// Server: the peer's proof.
    Challenged(Hash, ServerExchange),
    /// Server: what somebody else says to the peer's words; absent before the peer has chosen a mechanism.
    Consults(Option<String>),
    /// Server: the peer's init, in one of these mechanisms.
    Offered(Vec<String>),
    /// Server: the peer's response, for somebody else.
    Passes(String),
    /// Client: the server's first message.
    First(Chosen, ClientExchange),
    /// Client: the server's proof, in a challenge or in the outcome.
    Unproven(Chosen, Proof),
    /// Client: the outcome alone.
    Shown(Chosen),
}

/// The mechanism that a client has chosen.
type Chosen = &'static str;

/// What one frame led to.
#[derive(Debug)]
pub(crate) enum Progress {
    /// Another frame comes.
    Goes(Exchange),
    /// Somebody else is asked.
    Asks(Exchange, Words),
    /// The outcome is good.
    Done {
        /// The mechanism.
        mechanism: String,
        /// Whom a server has let in, or as whom a client came in by a password; `None` for ANONYMOUS, and for a client's EXTERNAL.
        user: Option<String>,
    },
}

/// Appends the frame in which a server names its mechanisms.
pub(crate) fn offer(out: &mut Vec<u8>, server: &Server) {
    let offered = server.mechanisms.iter().filter(|name| server.takes(name));
    let mut list = offered.map(|name| Symbol::from(name.as_str())).collect::<Vec<_>>();
    if list.is_empty() {
        // there has to be one: this lets nobody in, and gives no secret away
        list.push(Symbol::from("EXTERNAL"));
    }
    append(out, &SaslMechanisms { sasl_server_mechanisms: Array::from(list) });
}

/// Appends what the peer of a delegated exchange is told, or the outcome.
///
/// # Errors
///
/// [`PeerFault::Sasl`] when it is refused, [`PeerFault::Unanswered`] when nobody says whether it is, or no mechanism is left.
pub(crate) fn answer(
    out: &mut Vec<u8>,
    server: &Server,
    mechanism: Option<String>,
    answer: Answer,
) -> Result<Progress, PeerFault> {
    let fault = match (answer, mechanism) {
        (Answer::Offers(names), None) => {
            let offered: Vec<String> = names.into_iter().filter(|name| server.takes(name)).collect();
            if !offered.is_empty() {
                let list = offered.iter().map(|name| Symbol::from(name.as_str())).collect::<Vec<_>>();
                append(out, &SaslMechanisms { sasl_server_mechanisms: Array::from(list) });
                return Ok(Progress::Goes(Exchange::Offered(offered)));
            }
            give_up(out, None, SaslCode::SysPerm);
            PeerFault::Unanswered
        }
        (Answer::Challenge(said), Some(mechanism)) => {
            append(out, &SaslChallenge { challenge: Binary::from(said) });
            return Ok(Progress::Goes(Exchange::Passes(mechanism)));
        }
        (Answer::Admits { user, said }, Some(mechanism)) => {
            append(out, &SaslOutcome { code: SaslCode::Ok, additional_data: said.map(Binary::from) });
            return Ok(Progress::Done { mechanism, user });
        }
        (Answer::Refuses, mechanism) => {
            give_up(out, mechanism.as_deref(), SaslCode::Auth);
            PeerFault::Sasl("the auth service does not accept these credentials")
        }
        // nobody comes in by an answer to what was not asked
        (Answer::Fails | Answer::Offers(_) | Answer::Challenge(_) | Answer::Admits { .. }, mechanism) => {
            give_up(out, mechanism.as_deref(), SaslCode::SysTemp);
            PeerFault::Unanswered
        }
    };
    Err(fault)
}

/// Appends an outcome that refuses the peer of a delegated exchange. Mechanisms come first, and this one gives no secret away.
pub(crate) fn give_up(out: &mut Vec<u8>, mechanism: Option<&str>, code: SaslCode) {
    if mechanism.is_none() {
        append(out, &SaslMechanisms { sasl_server_mechanisms: Array::from(vec![Symbol::from("ANONYMOUS")]) });
    }
    append(out, &SaslOutcome { code, additional_data: None });
}

/// Takes a peer's init or response as its server, and appends the challenge or the outcome.
///
/// # Errors
///
/// [`PeerFault::Sasl`] when the peer is not who it says, another fault when its frame is malformed; the outcome says `auth` to both.
pub(crate) fn serve(
    out: &mut Vec<u8>,
    server: &Server,
    exchange: Exchange,
    body: &[u8],
) -> Result<Progress, PeerFault> {
    let answered = match exchange {
        Exchange::Fresh(nonce) => take_init(out, server, nonce, body),
        Exchange::Asked(nonce, hash) => response(body).and_then(|said| challenge(out, server, (hash, nonce), &said)),
        Exchange::Challenged(hash, exchange) => response(body).and_then(|said| take_proof(out, hash, exchange, &said)),
        Exchange::Offered(names) => pass_init(&names, body),
        Exchange::Passes(mechanism) => response(body)
            .map(|said| Progress::Asks(Exchange::Consults(Some(mechanism)), Words::Response(said.into_vec()))),
        Exchange::First(..) | Exchange::Unproven(..) | Exchange::Shown(_) | Exchange::Consults(_) => {
            Err(PeerFault::State("this SASL frame"))
        }
    };
    if answered.is_err() {
        append(out, &SaslOutcome { code: SaslCode::Auth, additional_data: None });
    }
    answered
}

fn take_init(out: &mut Vec<u8>, server: &Server, nonce: Nonce, body: &[u8]) -> Result<Progress, PeerFault> {
    let init: SaslInit = decode(body, 0x41, "sasl-init")?;
    let name = init.mechanism.as_str();
    if !server.takes(name) {
        return Err(PeerFault::Sasl("a mechanism that was not offered"));
    }
    let said = init.initial_response.as_ref();
    if let Some(hash) = Hash::of_mechanism(name) {
        return match said {
            Some(said) => challenge(out, server, (hash, nonce), said),
            None => {
                append(out, &SaslChallenge { challenge: Binary::from(Vec::new()) });
                Ok(Progress::Goes(Exchange::Asked(nonce, hash)))
            }
        };
    }
    let user = match name {
        "ANONYMOUS" => None,
        "EXTERNAL" => {
            let user = server.secure.as_ref().and_then(|secure| secure.user.clone());
            judge_external(user.as_deref(), said.map(|said| said.as_slice())).map_err(PeerFault::Sasl)?;
            user
        }
        _ => Some(judge_plain(&server.users, said.map(|said| said.as_slice())).map_err(PeerFault::Sasl)?),
    };
    append(out, &SaslOutcome { code: SaslCode::Ok, additional_data: None });
    Ok(Progress::Done { mechanism: init.mechanism.0, user })
}

/// Takes the init of a delegated exchange.
fn pass_init(offered: &[String], body: &[u8]) -> Result<Progress, PeerFault> {
    let SaslInit { mechanism: Symbol(mechanism), initial_response, .. } = decode(body, 0x41, "sasl-init")?;
    if !offered.contains(&mechanism) {
        return Err(PeerFault::Sasl("a mechanism that was not offered"));
    }
    let said = initial_response.map(Binary::into_vec);
    Ok(Progress::Asks(Exchange::Consults(Some(mechanism.clone())), Words::Init { mechanism, said }))
}

fn judge_plain(users: &Users, said: Option<&[u8]>) -> Result<String, &'static str> {
    let plain = sasl::parse_plain(said.ok_or("no initial response")?).ok_or("a malformed PLAIN response")?;
    let known = users.verify(plain.authcid, plain.password);
    let same = plain.authzid.is_empty() || plain.authzid == plain.authcid;
    known.filter(|_| same).map(str::to_owned).ok_or("unknown user or wrong password")
}

/// Whom a certificate names may act as itself alone. Source: RFC 4422, appendix A; the reference, by Cyrus SASL.
fn judge_external(user: Option<&str>, said: Option<&[u8]>) -> Result<(), &'static str> {
    let authzid = said.unwrap_or_default();
    let same = authzid.is_empty() || user.is_some_and(|user| user.as_bytes() == authzid);
    same.then_some(()).ok_or("the authorization identity is not whom the certificate names")
}

fn challenge(
    out: &mut Vec<u8>,
    server: &Server,
    (hash, nonce): (Hash, Nonce),
    said: &[u8],
) -> Result<Progress, PeerFault> {
    let (exchange, ours) = ServerExchange::start(&server.users, hash, nonce, said).map_err(PeerFault::Sasl)?;
    append(out, &SaslChallenge { challenge: Binary::from(ours) });
    Ok(Progress::Goes(Exchange::Challenged(hash, exchange)))
}

fn take_proof(out: &mut Vec<u8>, hash: Hash, exchange: ServerExchange, said: &[u8]) -> Result<Progress, PeerFault> {
    let (user, ours) = exchange.finish(said).map_err(PeerFault::Sasl)?;
    append(out, &SaslOutcome { code: SaslCode::Ok, additional_data: Some(Binary::from(ours)) });
    Ok(Progress::Done { mechanism: hash.mechanism().to_owned(), user: Some(user) })
}

fn response(body: &[u8]) -> Result<Binary, PeerFault> {
    decode::<SaslResponse>(body, 0x43, "sasl-response").map(|response| response.response)
}

/// Takes a server's mechanisms, challenge or outcome as its client, and appends what answers it.
///
/// # Errors
///
/// [`PeerFault::Sasl`] when the server offers nothing that we can use, does not let us in, or does not prove itself.
pub(crate) fn dial(out: &mut Vec<u8>, client: &Client, exchange: Exchange, body: &[u8]) -> Result<Progress, PeerFault> {
    let is_challenge = raw::code(body).map(|(code, _)| code) == Some(0x42);
    let next = match exchange {
        Exchange::Fresh(nonce) => take_mechanisms(out, client, nonce, body)?,
        Exchange::First(chosen, exchange) if is_challenge => {
            let (proof, ours) = exchange.answer(&take_challenge(body)?).map_err(PeerFault::Sasl)?;
            append(out, &SaslResponse { response: Binary::from(ours) });
            Exchange::Unproven(chosen, proof)
        }
        // some servers send their last message before the outcome
        Exchange::Unproven(chosen, proof) if is_challenge => {
            proof.verify(&take_challenge(body)?).map_err(PeerFault::Sasl)?;
            append(out, &SaslResponse { response: Binary::from(Vec::new()) });
            Exchange::Shown(chosen)
        }
        Exchange::Unproven(chosen, proof) => {
            let said = take_outcome(body)?.ok_or(UNPROVEN)?;
            proof.verify(&said).map_err(PeerFault::Sasl)?;
            return Ok(let_in(client, chosen));
        }
        Exchange::First(..) => {
            take_outcome(body)?;
            return Err(UNPROVEN);
        }
        Exchange::Shown(chosen) => {
            take_outcome(body)?;
            return Ok(let_in(client, chosen));
        }
        Exchange::Asked(..)
        | Exchange::Challenged(..)
        | Exchange::Consults(_)
        | Exchange::Offered(_)
        | Exchange::Passes(_) => return Err(PeerFault::State("this SASL frame")),
    };
    Ok(Progress::Goes(next))
}

/// A server's outcome is good: as whom the client came in.
fn let_in(client: &Client, chosen: Chosen) -> Progress {
    let by_password = !matches!(chosen, "ANONYMOUS" | "EXTERNAL");
    let user = client.credentials.as_ref().filter(|_| by_password).map(|(user, _)| user.clone());
    Progress::Done { mechanism: chosen.to_owned(), user }
}

const UNPROVEN: PeerFault = PeerFault::Sasl("the peer did not prove that it knows the password");

fn take_mechanisms(out: &mut Vec<u8>, client: &Client, nonce: Nonce, body: &[u8]) -> Result<Exchange, PeerFault> {
    let offered: SaslMechanisms = decode(body, 0x40, "sasl-mechanisms")?;
    let has = |name: &str| offered.sasl_server_mechanisms.0.iter().any(|symbol| symbol.as_str() == name);
    let external = client.mechanisms.iter().any(|allowed| allowed == "EXTERNAL");
    if external && has("EXTERNAL") {
        init(out, "EXTERNAL", Vec::new());
        return Ok(Exchange::Shown("EXTERNAL"));
    }
    if external && client.mechanisms.len() == 1 {
        return Err(PeerFault::Sasl(
            "the peer does not offer EXTERNAL: it asked for no certificate, or does not take it",
        ));
    }
    let allowed = |name: &str| client.mechanisms.iter().any(|allowed| allowed == name);
    let Some((user, password)) = &client.credentials else {
        if !allowed("ANONYMOUS") {
            return Err(PeerFault::Sasl("no username is used with this peer, and ANONYMOUS is not allowed"));
        }
        if !has("ANONYMOUS") {
            return Err(PeerFault::Sasl("the peer does not offer ANONYMOUS, and no username is used with it"));
        }
        init(out, "ANONYMOUS", b"anonymous".to_vec());
        return Ok(Exchange::Shown("ANONYMOUS"));
    };
    let chosen = STRENGTH.into_iter().find(|name| has(name) && allowed(name));
    let name = chosen.ok_or_else(|| PeerFault::Sasl(nothing_usable(has("PLAIN") && !allowed("PLAIN"))))?;
    if let Some(hash) = Hash::of_mechanism(name) {
        let (exchange, ours) = ClientExchange::start(hash, (user, password), nonce);
        init(out, name, ours);
        return Ok(Exchange::First(name, exchange));
    }
    let said = if name == "PLAIN" { format!("\0{user}\0{password}").into_bytes() } else { b"anonymous".to_vec() };
    init(out, name, said);
    Ok(Exchange::Shown(name))
}

const fn nothing_usable(plain_is_offered: bool) -> &'static str {
    if plain_is_offered {
        "the peer offers PLAIN and no SCRAM that the connector may use, and PLAIN is not allowed here"
    } else {
        "the peer offers no mechanism that the connector may use"
    }
}

fn init(out: &mut Vec<u8>, mechanism: &str, said: Vec<u8>) {
    let initial_response = Some(Binary::from(said));
    append(out, &SaslInit { mechanism: Symbol::from(mechanism), initial_response, hostname: None });
}

fn take_challenge(body: &[u8]) -> Result<Binary, PeerFault> {
    decode::<SaslChallenge>(body, 0x42, "sasl-challenge").map(|challenge| challenge.challenge)
}

/// The additional data of an outcome that lets us in.
fn take_outcome(body: &[u8]) -> Result<Option<Binary>, PeerFault> {
    let outcome: SaslOutcome = decode(body, 0x44, "sasl-outcome")?;
    match outcome.code {
        SaslCode::Ok => Ok(outcome.additional_data),
        SaslCode::Auth => Err(PeerFault::Sasl("the peer does not accept these credentials")),
        _ => Err(PeerFault::Sasl("the peer could not authenticate us")),
    }
}

pub(crate) fn decode<T: serde::de::DeserializeOwned>(
    body: &[u8],
    code: u64,
    name: &'static str,
) -> Result<T, PeerFault> {
    if raw::code(body).map(|(found, _)| found) != Some(code) {
        return Err(PeerFault::State("this SASL frame"));
    }
    let body = guard::pass(body)?;
    serde_amqp::from_slice(&body).map_err(|error| PeerFault::Decode { performative: name, reason: error.to_string() })
}

pub(crate) fn append<T: serde::Serialize>(out: &mut Vec<u8>, body: &T) {
    frame::write(out, Kind::Sasl, 0, |out| crate::connection::encode(out, body));
}
