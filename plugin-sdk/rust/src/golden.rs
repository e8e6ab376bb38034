//! The bytes of requests and answers that are fixed for good: `plugin-sdk/golden.jsonl`, which the host checks too.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use serde_json::Value;

use crate::peer::Attribute;
use crate::reader::{Fault, Read, whole};
use crate::records::setup;
use crate::refusal::{InfoValue, Refusal};
use crate::writer::{Write, Writer};
use crate::{address, connection, failover, link, session};

fn lines() -> Vec<(String, String, Value)> {
    let read = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let text = |key: &str| line[key].as_str().unwrap().to_owned();
        (text("name"), text("hex"), line["json"].clone())
    };
    include_str!("../../golden.jsonl").lines().map(read).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap()).collect()
}

/// What a request of this name is read as, written again.
fn echo(name: &str, bytes: &[u8]) -> Result<Vec<u8>, Fault> {
    fn of<'b, R: Read<'b> + Write>(bytes: &'b [u8]) -> Result<Vec<u8>, Fault> {
        let (mut request, mut out) = (R::default(), Writer::new());
        whole(bytes, &mut request)?;
        request.write(&mut out);
        Ok(out.as_slice().to_vec())
    }
    match name.split(' ').next().unwrap() {
        "setup" => of::<setup::Request<'_>>(bytes),
        "connection" => of::<connection::Request<'_>>(bytes),
        "session" => of::<session::Request<'_>>(bytes),
        "link" => of::<link::Request<'_>>(bytes),
        "address" => of::<address::Request<'_>>(bytes),
        "failover" => of::<failover::Request<'_>>(bytes),
        other => panic!("{other}"),
    }
}

/// Their hooks and bytes.
fn requests() -> Vec<(String, Vec<u8>)> {
    let request = |(name, hex, _): (String, String, _)| Some((name.strip_prefix("request ")?.to_owned(), bytes(&hex)));
    let requests: Vec<_> = lines().into_iter().filter_map(request).collect();
    assert_eq!(requests.len(), 8);
    requests
}

#[test]
fn requests_are_read_whole() {
    for (name, bytes) in requests() {
        assert_eq!(echo(&name, &bytes).as_ref(), Ok(&bytes), "{name}");
    }
}

/// A field that nobody knows, of lists in lists.
#[test]
fn what_is_not_known_is_passed_over_however_deep() {
    const DEPTH: usize = 10_000;
    for (name, bytes) in requests() {
        let longer = [&[bytes[0] + 1], &bytes[1..], b"\x65later", &[0x81].repeat(DEPTH), &[0xf6]].concat();
        assert_eq!(echo(&name, &longer).as_ref(), Ok(&bytes), "{name}");
    }
}

#[test]
fn a_request_that_is_cut_or_goes_on_cannot_be_read() {
    for (name, bytes) in requests() {
        for end in 0..bytes.len() {
            assert!(echo(&name, &bytes[..end]).is_err(), "{name} is read though cut to {end} bytes");
        }
        assert!(echo(&name, &[&bytes[..], &[0]].concat()).is_err(), "{name} is read with a byte too many");
    }
}

/// A byte that claims much to follow, of each kind; and bytes that the ABI does not allow.
const BAD_BYTES: [u8; 13] = [0x1b, 0x3b, 0x5b, 0x7b, 0x9b, 0xbb, 0x9f, 0xbf, 0xc0, 0xf6, 0x18, 0xff, 0xfb];

/// Some bytes may stand in the place of others: what is read then is written as what reads the same.
#[test]
fn a_request_that_is_spoilt_is_read_otherwise_or_not_at_all() {
    let (mut read, mut not) = (0, 0);
    for (name, bytes) in requests() {
        for (at, bad) in (0..bytes.len()).flat_map(|at| BAD_BYTES.map(|bad| (at, bad))) {
            let mut spoilt = bytes.clone();
            spoilt[at] = bad;
            match echo(&name, &spoilt) {
                Ok(out) => {
                    assert_eq!(echo(&name, &out).as_ref(), Ok(&out), "{name}: byte {at} is {bad:02x}");
                    read += 1;
                }
                Err(_) => not += 1,
            }
        }
    }
    assert!(read > 0 && not > 0, "{read} are read, {not} are not");
}

fn refusal() -> Refusal {
    let info = [
        ("flag", InfoValue::Flag(true)),
        ("less", InfoValue::Int(-1)),
        ("more", InfoValue::Uint(1 << 40)),
        ("text", InfoValue::Text("t\u{e9}xt".to_owned())),
    ];
    Refusal {
        info: info.map(|(key, value)| (key.to_owned(), value)).into(),
        ..Refusal::new("amqp:not-allowed", "no").with_note("rule 1")
    }
}

fn grant() -> connection::Grant {
    connection::Grant {
        limits: Some(connection::Limits {
            sessions: Some(1),
            links: Some(2),
            senders: Some(3),
            receivers: Some(4),
            unsettled: Some(5),
            buffered_bytes: Some(6),
            max_frame_size: Some(512),
            max_message_size: Some(8),
            idle_timeout_ms: Some(9),
            link_credit: Some(10),
        }),
        quotas: vec![connection::Quota { key: "user/alice".to_owned(), max: 3 }],
        recheck_after_ms: Some(60_000),
        attributes: vec![("tenant".to_owned(), "acme".to_owned())],
        note: Some("rule 2".to_owned()),
    }
}

fn answers() -> Vec<(&'static str, Box<dyn Write>)> {
    let ruling = address::Ruling {
        address: Some("orders".to_owned()),
        treatment: Some(address::Treatment::Multicast),
        phase: Some(2),
        ttl_ms: Some(5000),
        shared_by: Some(address::Scope::Attributes),
        note: Some("rule 3".to_owned()),
        priority: None,
    };
    let routed = address::Ruling {
        treatment: Some(address::Treatment::LinkRoute("broker".to_owned())),
        ..address::Ruling::default()
    };
    let denial = address::Denial { refusal: refusal(), ttl_ms: Some(1), shared_by: None };
    let pick = |index, delay_ms| failover::Pick { index, delay_ms };
    let order = failover::Answer {
        order: vec![pick(1, None), pick(0, Some(250))],
        retry_after_ms: Some(10_000),
        reconsider_after_ms: None,
        note: Some("near first".to_owned()),
    };
    let again = failover::Answer {
        order: vec![pick(0, None)],
        reconsider_after_ms: Some(30_000),
        ..failover::Answer::default()
    };
    let problem = setup::Problem { message: "`user` is missing".to_owned(), path: Vec::new() };
    let reads = ["peer.user", "counts"].map(str::to_owned).into();
    let configured = setup::Answer { problems: vec![problem], hooks: None, reads: Some(reads) };
    vec![
        ("answer connection allow", Box::new(connection::Answer::Allow(grant()))),
        ("answer connection allow nothing more", Box::new(connection::Answer::Allow(connection::Grant::default()))),
        ("answer connection deny", Box::new(connection::Answer::Deny(refusal()))),
        ("answer session deny", Box::new(connection::Answer::Deny(Refusal::new("a:b", "no")))),
        ("answer link allow", Box::new(connection::Answer::Allow(grant()))),
        ("answer address apply", Box::new(address::Answer::Apply(ruling))),
        ("answer address link-route", Box::new(address::Answer::Apply(routed))),
        ("answer address deny", Box::new(address::Answer::Deny(denial))),
        ("answer failover", Box::new(order)),
        ("answer failover reconsider", Box::new(again)),
        ("answer failover nobody", Box::new(failover::Answer::default())),
        ("answer configure", Box::new(configured)),
    ]
}

/// What is not there yet is printed as the bytes to add.
#[test]
fn answers_are_written_as_they_always_were() {
    let known = lines();
    let mut missing = String::new();
    for (name, answer) in answers() {
        let mut out = Writer::new();
        answer.write(&mut out);
        let is: String = out.as_slice().iter().map(|byte| format!("{byte:02x}")).collect();
        match known.iter().find(|(known, ..)| known == name) {
            Some((_, hex, _)) => assert_eq!(&is, hex, "{name}"),
            None => missing.push_str(&format!("{name} {is}\n")),
        }
    }
    assert_eq!(missing, "");
}

/// What a plugin may write of its peer's attributes is what it reads of them.
#[test]
fn attributes_are_the_same_both_ways() {
    let (mut read, mut granted) = (Writer::new(), Writer::new());
    Attribute { key: "tenant", val: "acme" }.write(&mut read);
    ("tenant".to_owned(), "acme".to_owned()).write(&mut granted);
    assert_eq!(read.as_slice(), granted.as_slice());
}
