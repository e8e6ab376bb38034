//! The bytes of requests and answers that are fixed for good: `plugin-sdk/golden.jsonl`, which the host checks too.

use alloc::borrow::ToOwned;
use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use serde_json::{Value, json};

use crate::cbor::{Write, whole};
use crate::config::Node;
use crate::peer::Attribute;
use crate::problem::ConfigError;
use crate::refusal::{InfoValue, Refusal};
use crate::{address, connection, failover, link, session, setup};

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

/// Texts and numbers of a request, but for what a plugin has no use for.
fn leaves(json: &Value, found: &mut Vec<String>) {
    match json {
        Value::String(text) => found.push(text.clone()),
        Value::Number(number) => found.push(number.to_string()),
        Value::Array(items) => items.iter().for_each(|item| leaves(item, found)),
        Value::Object(fields) => {
            for (_, value) in fields.iter().filter(|(key, _)| *key != "$bytes") {
                leaves(value, found);
            }
        }
        Value::Bool(_) | Value::Null => {}
    }
}

#[test]
fn requests_are_read_whole() {
    let plain = |text: &str| text.to_lowercase().replace(['-', '_'], "");
    let mut count = 0;
    for (name, hex, mut json) in lines() {
        let Some(hook) = name.strip_prefix("request ") else { continue };
        let bytes = bytes(&hex);
        let shown = match hook {
            "setup" => {
                json = json!([json["plugin"], json["config"]]);
                format!("{:?}", whole::<setup::Request<'_>>(&bytes).unwrap())
            }
            "connection" => format!("{:?}", whole::<connection::Request<'_>>(&bytes).unwrap()),
            "session" | "session sni" => format!("{:?}", whole::<session::Request<'_>>(&bytes).unwrap()),
            "link" => format!("{:?}", whole::<link::Request<'_>>(&bytes).unwrap()),
            "address" => format!("{:?}", whole::<address::Request<'_>>(&bytes).unwrap()),
            "failover" | "failover redirected" => format!("{:?}", whole::<failover::Request<'_>>(&bytes).unwrap()),
            other => panic!("{other}"),
        };
        let mut wanted = Vec::new();
        leaves(&json, &mut wanted);
        for leaf in wanted {
            assert!(plain(&shown).contains(&plain(&leaf)), "{name} lacks {leaf}: {shown}");
        }
        count += 1;
    }
    assert_eq!(count, 8);
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
        ("answer configure", Box::new(Configured)),
    ]
}

struct Configured;

impl Write for Configured {
    fn write(&self, out: &mut Vec<u8>) {
        let node = Node::new("allow");
        let problems: [ConfigError; 1] = [node.error("`user` is missing")];
        setup::Answer { problems: &problems, reads: &["peer.user", "counts"] }.write(out);
    }
}

/// What is not there yet is printed as the bytes to add.
#[test]
fn answers_are_written_as_they_always_were() {
    let known = lines();
    let mut missing = String::new();
    for (name, answer) in answers() {
        let mut out = Vec::new();
        answer.write(&mut out);
        let is: String = out.iter().map(|byte| format!("{byte:02x}")).collect();
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
    let mut out = Vec::new();
    Attribute { key: "tenant", val: "acme" }.write(&mut out);
    let (_, hex, _) = lines().into_iter().find(|(name, ..)| name == "request session").unwrap();
    assert!(bytes(&hex).windows(out.len()).any(|part| part == out));
}
