//! SASL of peers that a service decides about: a peer, the router between, and the service, hand in hand.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;

use std::sync::Arc;

use crosstie_amqp::connection::{Connection, Event};
use crosstie_amqp::delegation::{ADDRESS_AUTHZ, Answer, Consultation, Heard, Words};
use crosstie_amqp::fault::PeerFault;
use crosstie_amqp::frame::{self, AMQP_HEADER, Kind, SASL_HEADER};
use crosstie_amqp::handshake::{Client, Secure, Server, Side};
use crosstie_amqp::sasl::{Nonce, Users};
use crosstie_amqp::time::Time;
use fe2o3_amqp_types::definitions::{AmqpError, Error};
use fe2o3_amqp_types::performatives::Close;
use fe2o3_amqp_types::sasl::{SaslChallenge, SaslCode, SaslInit, SaslMechanisms, SaslOutcome};
use proptest::prelude::*;
use serde_amqp::primitives::{Array, Binary, Symbol};

use common::{setup, users, words};

fn server(mechanisms: &[&str], delegates: bool, plain_without_tls: bool) -> Connection {
    let users = if delegates { Arc::new(Users::new([1; 32], [])) } else { users() };
    let mechanisms = words(mechanisms);
    let server = Server { mechanisms, without_sasl: false, users, plain_without_tls, secure: None, delegates };
    Connection::new(Time(0), setup(Side::Server(server)), Nonce([1; 18]))
}

fn client(password: &str, mechanism: &str) -> Connection {
    let credentials = Some(("alice".to_owned(), password.to_owned()));
    let client = Client { credentials, mechanisms: words(&[mechanism]) };
    Connection::new(Time(0), setup(Side::Client(client)), Nonce([2; 18]))
}

/// What an end makes of bytes: what it asks for, or how it ended.
fn feed(to: &mut Connection, bytes: &[u8], left: &mut Vec<u8>) -> Vec<Event<'static>> {
    left.extend_from_slice(bytes);
    let all = std::mem::take(left);
    let mut input = all.as_slice();
    let mut said = Vec::new();
    while let Some(event) = to.handle_input(Time(0), &mut input) {
        said.push(match event {
            Event::Opened(open) => Event::Opened(open),
            Event::Failed(fault) => Event::Failed(fault),
            Event::Asks(words) => Event::Asks(words),
            other => panic!("{other:?}"),
        });
    }
    left.extend_from_slice(input);
    said
}

/// A peer, the router and a service: gives who came in, or why nobody did, and what the peer made of it.
fn talk(mut peer: Connection, mut service: Connection, step: usize) -> (Result<Option<String>, PeerFault>, bool) {
    let mut door = server(&[], true, true);
    let mut consultation = Consultation::new(("hub", "sso"), Some("realm".to_owned()), true);
    let (mut at_door, mut at_peer, mut at_service, mut heard) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut outcome, mut is_in, mut asked) = (None, false, None);
    for _ in 0..100 {
        for part in peer.out.take().chunks(step) {
            for event in feed(&mut door, part, &mut at_door) {
                match event {
                    Event::Asks(words) => {
                        assert!(door.is_consulting() && asked.is_none());
                        asked = Some(words);
                    }
                    Event::Opened(_) => door.open(),
                    other => panic!("{other:?}"),
                }
            }
        }
        if let Some(words) = asked.take() {
            consultation.say(words);
        }
        for part in std::mem::take(&mut consultation.out).chunks(step) {
            for event in feed(&mut service, part, &mut at_service) {
                match event {
                    Event::Opened(open) => {
                        let desired = open.desired_capabilities.unwrap();
                        assert_eq!(desired.0, [Symbol::from(ADDRESS_AUTHZ)]);
                        service.open();
                    }
                    // the peer is told by the outcome
                    Event::Failed(_) => {}
                    other => panic!("{other:?}"),
                }
            }
        }
        for part in service.out.take().chunks(step) {
            heard.extend_from_slice(part);
            let all = std::mem::take(&mut heard);
            let mut input = all.as_slice();
            let found = consultation.handle_input(&mut input).unwrap();
            heard.extend_from_slice(input);
            let answer = match found {
                None => continue,
                Some(Heard::Mechanisms(names)) => Answer::Offers(names),
                Some(Heard::Challenge(said)) => Answer::Challenge(said),
                Some(Heard::Refused(SaslCode::Auth)) => Answer::Refuses,
                Some(Heard::Opened(_, said)) => Answer::Admits { user: Some("Alice".to_owned()), said },
                Some(other) => panic!("{other:?}"),
            };
            match door.answer(answer) {
                Err(fault) => outcome = Some(Err(fault)),
                Ok(()) if door.mechanism().is_some() => outcome = Some(Ok(door.user().map(str::to_owned))),
                Ok(()) => {}
            }
        }
        for part in door.out.take().chunks(step) {
            is_in |= feed(&mut peer, part, &mut at_peer).iter().any(|event| matches!(event, Event::Opened(_)));
        }
    }
    (outcome.expect("an end"), is_in)
}

#[test]
fn a_peer_comes_in_as_whom_the_service_says_and_not_with_a_wrong_password() {
    for mechanism in ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] {
        for step in [1, 1 << 20] {
            let service = || server(&["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"], false, true);
            assert_eq!(talk(client("wonder", mechanism), service(), step), (Ok(Some("Alice".to_owned())), true));
            let (refused, is_in) = talk(client("wrong", mechanism), service(), step);
            assert!(matches!(refused, Err(PeerFault::Sasl(_))) && !is_in, "{refused:?}");
        }
    }
}

/// What the server has said after its SASL header: mechanisms, if any, and the outcome, if any.
fn told(bytes: &[u8]) -> (Vec<String>, Option<SaslCode>) {
    let mut rest = bytes.strip_prefix(&SASL_HEADER).unwrap_or(bytes);
    let mut told = (Vec::new(), None);
    while let Some((frame, length)) = frame::cut(rest, 16 << 10).unwrap() {
        rest = &rest[length..];
        if let Ok(outcome) = serde_amqp::from_slice::<SaslOutcome>(frame.body) {
            told.1 = Some(outcome.code);
        } else if let Ok(offered) = serde_amqp::from_slice::<SaslMechanisms>(frame.body) {
            told.0 = offered.sasl_server_mechanisms.0.into_iter().map(|name| name.0).collect();
        }
    }
    told
}

fn hello(door: &mut Connection) {
    let events = feed(door, &SASL_HEADER, &mut Vec::new());
    assert!(matches!(events.as_slice(), [Event::Asks(Words::Hello)]), "{events:?}");
}

fn sasl(body: &impl serde::Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, Kind::Sasl, 0, |out| out.extend_from_slice(&serde_amqp::to_vec(body).unwrap()));
    out
}

fn init(mechanism: &str) -> Vec<u8> {
    let initial_response = Some(Binary::from(b"\0alice\0wonder".to_vec()));
    sasl(&SaslInit { mechanism: Symbol::from(mechanism), initial_response, hostname: None })
}

#[test]
fn mechanisms_that_show_a_secret_or_somebody_else_are_not_passed_on() {
    let offers = ["EXTERNAL", "PLAIN", "OAUTHBEARER", "SCRAM-SHA-1", "ANONYMOUS"];
    for (own, plain, secure, passed) in [
        (&[][..], false, false, &["SCRAM-SHA-1"][..]),
        (&[], true, false, &["PLAIN", "OAUTHBEARER", "SCRAM-SHA-1"]),
        (&[], false, true, &["PLAIN", "OAUTHBEARER", "SCRAM-SHA-1"]),
        (&["PLAIN", "SCRAM-SHA-256", "EXTERNAL"], true, false, &["PLAIN"]),
    ] {
        let mut door = server(own, true, plain);
        if secure {
            door.secure(Secure { user: Some("a certificate".to_owned()) });
        }
        hello(&mut door);
        door.answer(Answer::Offers(words(&offers))).unwrap();
        assert_eq!(told(&door.out.take()), (words(passed), None));
        let name = offers.iter().find(|name| !passed.contains(name)).unwrap();
        let events = feed(&mut door, &init(name), &mut Vec::new());
        assert!(matches!(events.as_slice(), [Event::Failed(PeerFault::Sasl(_))]), "{name}: {events:?}");
        assert_eq!(told(&door.out.take()).1, Some(SaslCode::Auth));
    }
    // nothing is left: the peer hears so
    let mut door = server(&["GSSAPI"], true, true);
    hello(&mut door);
    assert_eq!(door.answer(Answer::Offers(words(&offers))), Err(PeerFault::Unanswered));
    assert_eq!(told(&door.out.take()).1, Some(SaslCode::SysPerm));
}

#[test]
fn a_peer_whose_service_fails_hears_so_at_each_step() {
    for step in 0..3 {
        for late in [false, true] {
            let mut door = server(&[], true, true);
            hello(&mut door);
            if step > 0 {
                door.answer(Answer::Offers(words(&["PLAIN"]))).unwrap();
                assert!(matches!(feed(&mut door, &init("PLAIN"), &mut Vec::new()).as_slice(), [Event::Asks(_)]));
            }
            if step > 1 {
                door.answer(Answer::Challenge(b"more".to_vec())).unwrap();
                let said = sasl(&fe2o3_amqp_types::sasl::SaslResponse { response: Binary::from(b"x".to_vec()) });
                assert!(matches!(feed(&mut door, &said, &mut Vec::new()).as_slice(), [Event::Asks(_)]));
            }
            // what the peer says meanwhile waits
            let mut waits = Vec::new();
            assert!(feed(&mut door, &AMQP_HEADER, &mut waits).is_empty() && waits == AMQP_HEADER);
            if late {
                let said = door.handle_timeout(Time(10_000_000));
                assert!(matches!(said, Some(Event::Failed(PeerFault::Handshake))), "{said:?}");
            } else {
                assert_eq!(door.answer(Answer::Fails), Err(PeerFault::Unanswered));
            }
            let (offered, outcome) = told(&door.out.take());
            assert_eq!(outcome, Some(SaslCode::SysTemp));
            assert!(!offered.contains(&"EXTERNAL".to_owned()));
            assert!(door.is_ended() && door.mechanism().is_none());
            // it is over, whatever comes
            assert!(door.answer(Answer::Admits { user: None, said: None }).is_ok());
            assert!(door.out.is_empty() && door.mechanism().is_none());
        }
    }
}

#[test]
fn an_answer_to_what_was_not_asked_lets_nobody_in() {
    let admits = || Answer::Admits { user: Some("root".to_owned()), said: None };
    let mut door = server(&[], true, true);
    assert!(door.answer(admits()).is_ok() && door.mechanism().is_none());
    hello(&mut door);
    assert_eq!(door.answer(admits()), Err(PeerFault::Unanswered));
    assert!(door.is_ended() && door.mechanism().is_none());
    let mut door = server(&[], true, true);
    hello(&mut door);
    door.answer(Answer::Offers(words(&["PLAIN"]))).unwrap();
    // the peer has chosen nothing yet
    assert!(door.answer(admits()).is_ok() && door.mechanism().is_none());
    assert!(matches!(feed(&mut door, &init("PLAIN"), &mut Vec::new()).as_slice(), [Event::Asks(_)]));
    assert_eq!(door.answer(Answer::Offers(words(&["PLAIN"]))), Err(PeerFault::Unanswered));
}

fn offer() -> Vec<u8> {
    let names = Array::from(vec![Symbol::from("PLAIN"), Symbol::from("SCRAM-SHA-1")]);
    [SASL_HEADER.as_slice(), &sasl(&SaslMechanisms { sasl_server_mechanisms: names })].concat()
}

fn outcome(code: SaslCode) -> Vec<u8> {
    sasl(&SaslOutcome { code, additional_data: None })
}

/// One that has passed on an init.
fn asked() -> Consultation {
    let mut consultation = Consultation::new(("hub", "sso"), Some("realm".to_owned()), false);
    consultation.out.clear();
    let heard = consultation.handle_input(&mut offer().as_slice());
    // the service is reached by plain TCP
    assert!(matches!(heard, Ok(Some(Heard::Mechanisms(names))) if names == ["SCRAM-SHA-1"]));
    consultation.say(Words::Init { mechanism: "SCRAM-SHA-1".to_owned(), said: None });
    let (frame, _) = frame::cut(&consultation.out, 512).unwrap().unwrap();
    let init: SaslInit = serde_amqp::from_slice(frame.body).unwrap();
    assert_eq!((init.hostname.as_deref(), init.initial_response), (Some("realm"), None));
    consultation.out.clear();
    consultation
}

#[test]
fn challenges_have_an_end() {
    let mut consultation = asked();
    let challenge = sasl(&SaslChallenge { challenge: Binary::from(b"more".to_vec()) });
    let mut count = 0;
    let fault = loop {
        match consultation.handle_input(&mut challenge.as_slice()) {
            Ok(Some(Heard::Challenge(_))) => consultation.say(Words::Response(b"x".to_vec())),
            Ok(other) => panic!("{other:?}"),
            Err(fault) => break fault,
        }
        count += 1;
        assert!(count < 100, "no end");
    };
    assert_eq!((count, fault), (16, PeerFault::Sasl("challenges without an end")));
}

#[test]
fn a_service_that_speaks_out_of_turn_is_at_fault() {
    let challenge = sasl(&SaslChallenge { challenge: Binary::from(b"more".to_vec()) });
    // before the init, twice, or by AMQP before the outcome
    for (bytes, begins) in [
        ([offer(), outcome(SaslCode::Ok)].concat(), false),
        ([challenge.clone(), challenge.clone()].concat(), true),
        ([challenge, outcome(SaslCode::Ok)].concat(), true),
        (AMQP_HEADER.to_vec(), true),
        (AMQP_HEADER.to_vec(), false),
        ([outcome(SaslCode::Ok), SASL_HEADER.to_vec()].concat(), true),
        (vec![0xff; 8], true),
    ] {
        let mut consultation = if begins { asked() } else { Consultation::new(("hub", "sso"), None, true) };
        let mut input = bytes.as_slice();
        let fault = loop {
            match consultation.handle_input(&mut input) {
                Ok(Some(Heard::Opened(..)) | None) => panic!("{bytes:?}"),
                Ok(Some(_)) => {}
                Err(fault) => break fault,
            }
        };
        assert!(!fault.to_string().is_empty());
    }
}

fn amqp(body: &impl serde::Serialize) -> Vec<u8> {
    let mut out = Vec::new();
    frame::write(&mut out, Kind::Amqp, 0, |out| out.extend_from_slice(&serde_amqp::to_vec(body).unwrap()));
    out
}

#[test]
fn a_service_that_has_opened_may_still_close_with_an_error() {
    let error = Error { condition: AmqpError::UnauthorizedAccess.into(), description: None, info: None };
    for error in [Some(error), None] {
        let mut consultation = asked();
        let open = amqp(consultation.open());
        let begin = amqp(&serde_amqp::described::Described {
            descriptor: serde_amqp::descriptor::Descriptor::Code(0x11),
            value: serde_amqp::Value::List(Vec::new()),
        });
        let close = amqp(&Close { error: error.clone() });
        let bytes = [outcome(SaslCode::Ok), AMQP_HEADER.to_vec(), open, begin, close.clone()].concat();
        let mut input = bytes.as_slice();
        assert!(matches!(consultation.handle_input(&mut input), Ok(Some(Heard::Opened(..)))));
        let heard = consultation.handle_input(&mut input);
        assert!(matches!(&heard, Ok(Some(Heard::Closed(said))) if *said == error), "{heard:?}");
        assert!(input.is_empty() && consultation.handle_input(&mut close.as_slice()).is_err(), "it has ended");
    }
}

#[test]
fn nothing_that_is_said_is_shown() {
    let secret = || b"hunter2".to_vec();
    let shown = format!(
        "{:?}{:?}{:?}{:?}{:?}",
        Words::Init { mechanism: "PLAIN".to_owned(), said: Some(secret()) },
        Words::Response(secret()),
        Answer::Challenge(secret()),
        Answer::Admits { user: None, said: Some(secret()) },
        Heard::Challenge(secret()),
    );
    assert!(!shown.contains("104") && !shown.contains("hunter"), "{shown}");
}

proptest! {
    /// Without an outcome that says so, and an open behind it, nobody is let in.
    #[test]
    fn any_bytes_of_a_service_end_or_wait(bytes in proptest::collection::vec(any::<u8>(), 0..200), begins in any::<bool>()) {
        let mut consultation = if begins { asked() } else { Consultation::new(("hub", "sso"), None, true) };
        let mut input = bytes.as_slice();
        for _ in 0..100 {
            match consultation.handle_input(&mut input) {
                Ok(Some(Heard::Opened(..))) => panic!("{bytes:?}"),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
    }
}
