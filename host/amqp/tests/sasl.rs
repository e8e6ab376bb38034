//! SASL on whole connections: both roles against each other byte by byte, and servers and clients that break off.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;

use crosstie_amqp::connection::{Connection, Event};
use crosstie_amqp::fault::PeerFault;
use crosstie_amqp::frame::{self, AMQP_HEADER, Kind, SASL_HEADER};
use crosstie_amqp::handshake::{Client, Secure, Server, Side};
use crosstie_amqp::sasl::{Hash, Nonce, ServerExchange};
use crosstie_amqp::time::Time;
use fe2o3_amqp_types::sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome, SaslResponse};
use proptest::prelude::*;
use serde_amqp::primitives::{Array, Binary, Symbol};

use common::{setup, users, words};

fn server(mechanisms: &[&str]) -> Connection {
    let server = Server {
        mechanisms: words(mechanisms),
        without_sasl: false,
        users: users(),
        plain_without_tls: true,
        secure: None,
        delegates: false,
    };
    Connection::new(Time(0), setup(Side::Server(server)), Nonce([1; 18]))
}

fn client(password: &str, mechanisms: &[&str]) -> Connection {
    let credentials = Some(("alice".to_owned(), password.to_owned()));
    let client = Client { credentials, mechanisms: words(mechanisms) };
    Connection::new(Time(0), setup(Side::Client(client)), Nonce([2; 18]))
}

/// Hands over what one has for the other; gives what the other said of it last.
fn carry(from: &mut Connection, to: &mut Connection) -> Option<Result<(), PeerFault>> {
    let bytes = from.out.take();
    feed(to, &bytes)
}

fn feed(to: &mut Connection, bytes: &[u8]) -> Option<Result<(), PeerFault>> {
    let mut input = bytes;
    let mut last = None;
    while let Some(event) = to.handle_input(Time(0), &mut input) {
        match event {
            Event::Opened(_) => last = Some(Ok(())),
            Event::Failed(fault) => last = Some(Err(fault)),
            other => panic!("{other:?}"),
        }
    }
    last
}

/// Talks until neither has anything to say; gives what the server and the client made of it.
#[expect(clippy::type_complexity, reason = "one use")]
fn talk(
    server: &mut Connection,
    client: &mut Connection,
) -> (Option<Result<(), PeerFault>>, Option<Result<(), PeerFault>>) {
    let mut said = (None, None);
    while !server.out.is_empty() || !client.out.is_empty() {
        said.0 = carry(client, server).or(said.0);
        said.1 = carry(server, client).or(said.1);
    }
    said
}

fn sasl(body: &impl serde::Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, Kind::Sasl, 0, |out| out.extend_from_slice(&serde_amqp::to_vec(body).unwrap()));
    out
}

fn offer(mechanisms: &[&str]) -> Vec<u8> {
    let list = mechanisms.iter().map(|name| Symbol::from(*name)).collect::<Vec<_>>();
    let mechanisms = sasl(&SaslMechanisms { sasl_server_mechanisms: Array::from(list) });
    [SASL_HEADER.as_slice(), &mechanisms].concat()
}

fn init(mechanism: &str, said: Option<&[u8]>) -> Vec<u8> {
    let initial_response = said.map(|said| Binary::from(said.to_vec()));
    sasl(&SaslInit { mechanism: Symbol::from(mechanism), initial_response, hostname: None })
}

/// The body of the only frame after `skip` bytes.
fn body<T: serde::de::DeserializeOwned>(bytes: &[u8]) -> T {
    let (frame, _) = frame::cut(bytes, 16 << 10).unwrap().unwrap();
    assert_eq!(frame.kind, Kind::Sasl);
    serde_amqp::from_slice(frame.body).unwrap()
}

const ALL: [&str; 4] = ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN", "ANONYMOUS"];

#[test]
fn the_strongest_mechanism_that_both_have_is_used() {
    for (offered, allowed, used) in [
        (&["ANONYMOUS", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"][..], &ALL[..], "SCRAM-SHA-512"),
        (&["PLAIN", "SCRAM-SHA-256"], &ALL, "SCRAM-SHA-256"),
        (&ALL, &["PLAIN", "SCRAM-SHA-256"], "SCRAM-SHA-256"),
        (&ALL, &["PLAIN"], "PLAIN"),
        (&["PLAIN", "ANONYMOUS"], &ALL, "PLAIN"),
        (&["ANONYMOUS"], &ALL, "ANONYMOUS"),
    ] {
        let (mut server, mut client) = (server(offered), client("wonder", allowed));
        let (at_server, _) = talk(&mut server, &mut client);
        assert_eq!(at_server, Some(Ok(())), "{used}");
        assert_eq!(server.mechanism(), Some(used));
        assert_eq!(server.user(), (used != "ANONYMOUS").then_some("alice"));
        assert_eq!((client.mechanism(), client.user()), (server.mechanism(), server.user()), "{used}");
    }
}

#[test]
fn nothing_in_common_ends_the_connection_before_anything_is_shown() {
    for (offered, allowed) in [(&["PLAIN"][..], &["SCRAM-SHA-512", "SCRAM-SHA-256"][..]), (&["ANONYMOUS"], &["PLAIN"])]
    {
        let mut client = client("wonder", allowed);
        drop(client.out.take());
        let said = feed(&mut client, &offer(offered));
        assert!(matches!(said, Some(Err(PeerFault::Sasl(_)))), "{said:?}");
        assert!(client.out.is_empty() && client.is_ended());
    }
}

#[test]
fn a_wrong_password_ends_with_the_outcome_auth() {
    for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] {
        let (mut server, mut client) = (server(&[mechanism]), client("wander", &ALL));
        let (at_server, at_client) = talk(&mut server, &mut client);
        assert_eq!(at_server, Some(Err(PeerFault::Sasl("unknown user or wrong password"))));
        assert_eq!(at_client, Some(Err(PeerFault::Sasl("the peer does not accept these credentials"))));
        assert!(server.is_ended() && server.user().is_none());
    }
}

#[test]
fn whom_a_certificate_names_acts_as_itself_alone() {
    for (said, comes_in) in [
        (None, true),
        (Some(&b""[..]), true),
        (Some(b"CN=bob"), true),
        (Some(b"CN=eve"), false),
        (Some(b"CN=bo"), false),
        (Some(b"cn=bob"), false),
        (Some(b"CN=bob\0"), false),
        (Some(b"\xff"), false),
    ] {
        let mut server = server(&["EXTERNAL", "ANONYMOUS"]);
        server.secure(Secure { user: Some("CN=bob".to_owned()) });
        let fault = feed(&mut server, &[SASL_HEADER.as_slice(), &init("EXTERNAL", said)].concat());
        let out = server.out.take();
        let outcome: SaslOutcome = body(&out[offer(&["EXTERNAL", "ANONYMOUS"]).len()..]);
        if comes_in {
            assert_eq!((fault, outcome.code, server.user()), (None, SaslCode::Ok, Some("CN=bob")), "{said:?}");
        } else {
            let why = PeerFault::Sasl("the authorization identity is not whom the certificate names");
            assert_eq!((fault, outcome.code, server.user()), (Some(Err(why)), SaslCode::Auth, None), "{said:?}");
            assert!(server.is_ended());
        }
    }
}

#[test]
fn a_first_message_may_come_after_an_empty_challenge() {
    let mut server = server(&["SCRAM-SHA-256"]);
    feed(&mut server, &[SASL_HEADER.as_slice(), &init("SCRAM-SHA-256", None)].concat());
    let out = server.out.take();
    let challenge: SaslChallenge = body(&out[offer(&["SCRAM-SHA-256"]).len()..]);
    assert!(challenge.challenge.is_empty());
    feed(&mut server, &sasl(&SaslResponse { response: Binary::from(b"n,,n=alice,r=x".to_vec()) }));
    let challenge: SaslChallenge = body(&server.out);
    assert!(challenge.challenge.starts_with(b"r=x"));
}

/// Talks SCRAM to a client as a server whose outcome `last` makes of the right signature.
fn end(last: impl FnOnce(Vec<u8>) -> Vec<Vec<u8>>) -> (Connection, Option<Result<(), PeerFault>>) {
    let mut client = client("wonder", &ALL);
    drop(client.out.take());
    feed(&mut client, &offer(&["SCRAM-SHA-256"]));
    let first: SaslInit = body(&client.out.take());
    let first = first.initial_response.unwrap();
    let (exchange, challenge) = ServerExchange::start(&users(), Hash::Sha256, Nonce([1; 18]), &first).unwrap();
    feed(&mut client, &sasl(&SaslChallenge { challenge: Binary::from(challenge) }));
    let proof: SaslResponse = body(&client.out.take());
    let (_, signature) = exchange.finish(&proof.response).unwrap();
    let said = last(signature).iter().fold(None, |said, bytes| feed(&mut client, bytes).or(said));
    (client, said)
}

fn outcome(said: Option<Vec<u8>>) -> Vec<u8> {
    sasl(&SaslOutcome { code: SaslCode::Ok, additional_data: said.map(Binary::from) })
}

#[test]
fn a_server_may_prove_itself_in_the_outcome_or_before_it() {
    let (client, said) = end(|signature| vec![outcome(Some(signature))]);
    assert!(said.is_none() && client.out.starts_with(&AMQP_HEADER));
    let challenge = |signature| sasl(&SaslChallenge { challenge: Binary::from(signature) });
    let (client, said) = end(|signature| vec![challenge(signature), outcome(None)]);
    assert!(said.is_none());
    let answer: SaslResponse = body(&client.out);
    assert!(answer.response.is_empty());
    let rest = sasl(&answer).len();
    assert!(client.out[rest..].starts_with(&AMQP_HEADER));
}

#[test]
fn a_server_that_does_not_prove_itself_is_left() {
    let unproven = PeerFault::Sasl("the peer did not prove that it knows the password");
    let wrong = PeerFault::Sasl("the peer's signature is wrong: it does not know the password");
    let other = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=".to_vec();
    let challenge = |said: Vec<u8>| sasl(&SaslChallenge { challenge: Binary::from(said) });
    assert_eq!(end(|_| vec![outcome(None)]).1, Some(Err(unproven.clone())));
    assert_eq!(end(|_| vec![outcome(Some(other.clone()))]).1, Some(Err(wrong.clone())));
    assert_eq!(end(|_| vec![challenge(other.clone())]).1, Some(Err(wrong)));
    let mut client = client("wonder", &ALL);
    drop(client.out.take());
    feed(&mut client, &offer(&["SCRAM-SHA-256"]));
    assert_eq!(feed(&mut client, &outcome(None)), Some(Err(unproven)), "an outcome without an exchange");
    assert!(client.is_ended());
}

/// Frames of a peer that begins SCRAM: any bytes in init and response, or any bytes for a body.
fn hostile() -> impl Strategy<Value = Vec<u8>> {
    let bytes = || prop::collection::vec(any::<u8>(), 0..200);
    let raw = |body: &Vec<u8>| {
        let mut out = Vec::new();
        frame::write(&mut out, Kind::Sasl, 0, |out| out.extend_from_slice(body));
        out
    };
    let response = |said: Vec<u8>| sasl(&SaslResponse { response: Binary::from(said) });
    let begun = move |said: Vec<u8>| [init("SCRAM-SHA-512", Some(b"n,,n=alice,r=x")), response(said)].concat();
    prop_oneof![
        bytes().prop_map(|said| init("SCRAM-SHA-512", Some(&said))),
        bytes().prop_map(|said| init("PLAIN", Some(&said))),
        bytes().prop_map(begun),
        bytes().prop_map(move |said| [init("SCRAM-SHA-256", None), response(said)].concat()),
        bytes().prop_map(move |body| raw(&body)),
        bytes().prop_map(move |body| [init("SCRAM-SHA-512", Some(b"n,,n=eve,r=x")), raw(&body)].concat()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn any_bytes_in_an_exchange_end_it_with_the_outcome_auth(frames in hostile()) {
        let mut server = server(&ALL);
        let said = feed(&mut server, &[SASL_HEADER.as_slice(), &frames].concat());
        prop_assert!(matches!(said, Some(Err(_))), "{said:?}");
        prop_assert!(server.is_ended() && server.user().is_none());
        let auth = sasl(&SaslOutcome { code: SaslCode::Auth, additional_data: None });
        prop_assert!(server.out.ends_with(&auth));
    }
}

#[test]
fn who_has_opened_says_close_also_before_the_peers_header() {
    let (mut server, mut client) = (server(&["PLAIN"]), client("wonder", &["PLAIN"]));
    // until the client has sent its open, which the server has not seen
    while !client.out.is_empty() || !server.out.is_empty() {
        carry(&mut client, &mut server);
        carry(&mut server, &mut client);
        if client.mechanism().is_some() {
            break;
        }
    }
    client.close(None);
    assert!(client.is_ended());
    let said = client.out.take();
    let (open, length) = frame::cut(&said[AMQP_HEADER.len()..], 16 << 10).unwrap().unwrap();
    assert_eq!(open.body[..3], [0x00, 0x53, 0x10]);
    let (close, _) = frame::cut(&said[AMQP_HEADER.len() + length..], 16 << 10).unwrap().unwrap();
    assert_eq!(close.body[..3], [0x00, 0x53, 0x18]);
}
