//! SASL of peers that somebody else decides about: an AMQP service, to which we are a client that says a peer's words. Source: the
//! reference, `remote_sasl.c`; AMQP 1.0 part 5, 5.3.
//!
//! ```text
//! Header -> Mechanisms -> Init -> Answer <-> Response
//!                                 Answer -> AmqpHeader -> Open -> Close -> Ended
//! ```

use std::fmt;

use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::performatives::{ChannelMax, Close, MaxFrameSize, Open};
use fe2o3_amqp_types::sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
use serde_amqp::primitives::{Array, Binary, Symbol};

use crate::connection;
use crate::fault::PeerFault;
use crate::frame::{self, Frame, Header, Kind};
use crate::handshake::{append, decode};
use crate::raw;
use crate::sasl::shows_secret;

/// Bytes of a frame of the service: it may name many addresses.
const FRAME_MAX_BYTES: u32 = 1 << 20;

/// Challenges of one exchange. No mechanism has so many.
const CHALLENGES_MAX: u32 = 16;

/// What we desire: the service may say which addresses a peer may use.
pub const ADDRESS_AUTHZ: &str = "ADDRESS-AUTHZ";

/// What a peer says, for the service.
#[derive(PartialEq, Eq)]
pub enum Words {
    /// It wants to know the mechanisms.
    Hello,
    /// It has chosen.
    Init {
        /// One that was offered.
        mechanism: String,
        /// Its initial response.
        said: Option<Vec<u8>>,
    },
    /// To a challenge.
    Response(Vec<u8>),
}

/// What a peer is told.
#[derive(PartialEq, Eq)]
pub enum Answer {
    /// Mechanisms that the service offers.
    Offers(Vec<String>),
    /// Another word is wanted.
    Challenge(Vec<u8>),
    /// It comes in.
    Admits {
        /// As whom, if that is known.
        user: Option<String>,
        /// The service's last word.
        said: Option<Vec<u8>>,
    },
    /// It does not come in.
    Refuses,
    /// Nobody knows.
    Fails,
}

/// What the service says.
pub enum Heard {
    /// Mechanisms, those left out that would tell secrets to whoever listens.
    Mechanisms(Vec<String>),
    /// A challenge.
    Challenge(Vec<u8>),
    /// The peer is not who it says, or the service cannot tell.
    Refused(SaslCode),
    /// The peer is let in, and the open says as whom; a close that follows may say otherwise.
    Opened(Box<Open>, Option<Vec<u8>>),
    /// The service has opened, and parts.
    Closed(Option<Error>),
}

impl fmt::Debug for Consultation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Consultation").field("state", &self.state).finish_non_exhaustive()
    }
}

// what peers and services say is secret
impl fmt::Debug for Words {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hello => "Hello",
            Self::Init { .. } => "Init",
            Self::Response(_) => "Response",
        })
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Offers(_) => "Offers",
            Self::Challenge(_) => "Challenge",
            Self::Admits { .. } => "Admits",
            Self::Refuses => "Refuses",
            Self::Fails => "Fails",
        })
    }
}

impl fmt::Debug for Heard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Mechanisms(_) => "Mechanisms",
            Self::Challenge(_) => "Challenge",
            Self::Refused(_) => "Refused",
            Self::Opened(..) => "Opened",
            Self::Closed(_) => "Closed",
        })
    }
}

/// Whose words come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Header,
    Mechanisms,
    /// The peer's.
    Init,
    /// A challenge or the outcome.
    Answer,
    /// The peer's.
    Response,
    AmqpHeader,
    Open,
    Close,
    Ended,
}

/// One connection to the service, for one peer.
pub struct Consultation {
    state: State,
    /// What we say once the peer is let in.
    open: Open,
    /// The hostname of our init.
    realm: Option<String>,
    /// Nobody else hears what is said.
    is_private: bool,
    challenges: u32,
    /// With the outcome.
    said: Option<Vec<u8>>,
    /// Bytes for the service.
    pub out: Vec<u8>,
}

impl Consultation {
    /// Its first bytes are in `out` at once. `is_private`: mechanisms that show a secret may be used.
    #[must_use]
    pub fn new((container_id, hostname): (&str, &str), realm: Option<String>, is_private: bool) -> Self {
        let open = Open {
            container_id: container_id.to_owned(),
            hostname: Some(hostname.to_owned()),
            max_frame_size: MaxFrameSize(FRAME_MAX_BYTES),
            channel_max: ChannelMax(0),
            idle_time_out: None,
            outgoing_locales: None,
            incoming_locales: None,
            offered_capabilities: None,
            desired_capabilities: Some(Array::from(vec![Symbol::from(ADDRESS_AUTHZ)])),
            properties: None,
        };
        let out = frame::SASL_HEADER.to_vec();
        Self { state: State::Header, open, realm, is_private, challenges: 0, said: None, out }
    }

    /// What our open will say.
    pub const fn open(&mut self) -> &mut Open {
        &mut self.open
    }

    /// Passes a peer's words on.
    pub fn say(&mut self, words: Words) {
        match words {
            Words::Init { mechanism, said } if self.state == State::Init => {
                let mechanism = Symbol::from(mechanism);
                let init =
                    SaslInit { mechanism, initial_response: said.map(Binary::from), hostname: self.realm.clone() };
                append(&mut self.out, &init);
                self.state = State::Answer;
            }
            Words::Response(said) if self.state == State::Response => {
                append(&mut self.out, &SaslResponse { response: Binary::from(said) });
                self.state = State::Answer;
            }
            // a peer's connection asks for one thing at a time
            Words::Hello | Words::Init { .. } | Words::Response(_) => {}
        }
    }

    /// Takes the service's bytes, until they say something for the peer; those of a frame that is not complete stay in `input`.
    ///
    /// # Errors
    ///
    /// What the service does wrong.
    pub fn handle_input(&mut self, input: &mut &[u8]) -> Result<Option<Heard>, PeerFault> {
        loop {
            let taken = match self.state {
                State::Header | State::AmqpHeader => self.take_header(input)?,
                _ => match frame::cut(input, FRAME_MAX_BYTES)? {
                    Some((frame, length)) => Some((self.take_frame(frame)?, length)),
                    None => None,
                },
            };
            let Some((heard, length)) = taken else { return Ok(None) };
            *input = input.get(length..).unwrap_or_default();
            if heard.is_some() {
                return Ok(heard);
            }
        }
    }

    fn take_header(&mut self, input: &[u8]) -> Result<Option<(Option<Heard>, usize)>, PeerFault> {
        let Some((header, length)) = frame::read_header(input).map_err(PeerFault::of_header)? else {
            return Ok(None);
        };
        self.state = match (self.state, header) {
            (State::Header, Header::Sasl) => State::Mechanisms,
            (State::AmqpHeader, Header::Amqp) => State::Open,
            _ => return Err(PeerFault::Header),
        };
        Ok(Some((None, length)))
    }

    fn take_frame(&mut self, frame: Frame<'_>) -> Result<Option<Heard>, PeerFault> {
        let kind = if matches!(self.state, State::Open | State::Close) { Kind::Amqp } else { Kind::Sasl };
        if frame.kind != kind {
            return Err(PeerFault::Kind);
        }
        let code = raw::code(frame.body).map(|(code, _)| code);
        match (self.state, code) {
            (State::Open, None) if frame.body.is_empty() => Ok(None),
            (State::Open, Some(0x10)) => {
                self.state = State::Close;
                let open = connection::decode(frame.body, "open")?;
                Ok(Some(Heard::Opened(Box::new(open), self.said.take())))
            }
            (State::Close, Some(0x18)) => {
                self.state = State::Ended;
                let close: Close = connection::decode(frame.body, "close")?;
                Ok(Some(Heard::Closed(close.error)))
            }
            // whatever it wants of us otherwise, we part
            (State::Close, _) => Ok(None),
            (State::Mechanisms, _) => self.take_mechanisms(frame.body).map(Some),
            (State::Answer, Some(0x42)) => self.take_challenge(frame.body).map(Some),
            (State::Answer, _) => self.take_outcome(frame.body),
            _ => Err(PeerFault::State("this frame")),
        }
    }

    fn take_mechanisms(&mut self, body: &[u8]) -> Result<Heard, PeerFault> {
        let offered: SaslMechanisms = decode(body, 0x40, "sasl-mechanisms")?;
        let names = offered.sasl_server_mechanisms.0.into_iter().map(|Symbol(name)| name);
        self.state = State::Init;
        Ok(Heard::Mechanisms(names.filter(|name| self.is_private || !shows_secret(name)).collect()))
    }

    fn take_challenge(&mut self, body: &[u8]) -> Result<Heard, PeerFault> {
        self.challenges = self.challenges.saturating_add(1);
        if self.challenges > CHALLENGES_MAX {
            return Err(PeerFault::Sasl("challenges without an end"));
        }
        let said: SaslChallenge = decode(body, 0x42, "sasl-challenge")?;
        self.state = State::Response;
        Ok(Heard::Challenge(said.challenge.into_vec()))
    }

    fn take_outcome(&mut self, body: &[u8]) -> Result<Option<Heard>, PeerFault> {
        let outcome: SaslOutcome = decode(body, 0x44, "sasl-outcome")?;
        if outcome.code != SaslCode::Ok {
            self.state = State::Ended;
            return Ok(Some(Heard::Refused(outcome.code)));
        }
        self.said = outcome.additional_data.map(Binary::into_vec);
        self.state = State::AmqpHeader;
        self.out.extend_from_slice(&frame::AMQP_HEADER);
        connection::append(&mut self.out, 0, &self.open);
        Ok(None)
    }

    /// Says goodbye to a service that has opened.
    pub fn close(&mut self) {
        connection::append(&mut self.out, 0, &Close { error: None });
    }
}
