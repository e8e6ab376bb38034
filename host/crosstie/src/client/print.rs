//! A received message as text, safe for a terminal.

use std::fmt::{Debug, Write};

use fe2o3_amqp_types::messaging::{Body, Message};
use serde_amqp::Value;

/// The body in one line.
pub(crate) fn body(body: &Body<Value>) -> String {
    match body {
        Body::Value(value) => self::value(&value.0),
        Body::Data(sections) => {
            let bytes: Vec<u8> = sections.iter().flat_map(|data| data.0.iter().copied()).collect();
            self::bytes(&bytes)
        }
        Body::Sequence(sections) => {
            let items = sections.iter().flat_map(|sequence| sequence.0.iter()).map(value).collect::<Vec<_>>();
            format!("[{}]", items.join(", "))
        }
        Body::Empty => String::new(),
    }
}

/// Everything, a line for each field that is set.
pub(crate) fn message(message: &Message<Body<Value>>) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: String| {
        // writing to a string does not fail
        let _ = writeln!(text, "{name}: {value}");
    };
    if let Some(header) = &message.header {
        line("durable", header.durable.to_string());
        line("priority", header.priority.0.to_string());
        if let Some(ttl) = header.ttl {
            line("ttl", format!("{ttl}ms"));
        }
        line("first-acquirer", header.first_acquirer.to_string());
        line("delivery-count", header.delivery_count.to_string());
    }
    for (key, value) in message.message_annotations.iter().flat_map(|annotations| annotations.0.iter()) {
        line(&format!("annotation {}", escaped(&key_text(key))), self::value(value));
    }
    if let Some(properties) = &message.properties {
        for (name, value) in [
            ("message-id", properties.message_id.as_ref().map(plain)),
            ("user-id", properties.user_id.as_ref().map(|user| bytes(user))),
            ("to", properties.to.as_deref().map(escaped)),
            ("subject", properties.subject.as_deref().map(escaped)),
            ("reply-to", properties.reply_to.as_deref().map(escaped)),
            ("correlation-id", properties.correlation_id.as_ref().map(plain)),
            ("content-type", properties.content_type.as_ref().map(|symbol| escaped(&symbol.0))),
            ("content-encoding", properties.content_encoding.as_ref().map(|symbol| escaped(&symbol.0))),
            ("absolute-expiry-time", properties.absolute_expiry_time.clone().map(|at| at.into_inner().to_string())),
            ("creation-time", properties.creation_time.clone().map(|at| at.into_inner().to_string())),
            ("group-id", properties.group_id.as_deref().map(escaped)),
            ("group-sequence", properties.group_sequence.map(|sequence| sequence.to_string())),
            ("reply-to-group-id", properties.reply_to_group_id.as_deref().map(escaped)),
        ] {
            if let Some(value) = value {
                line(name, value);
            }
        }
    }
    for (key, value) in message.application_properties.iter().flat_map(|properties| properties.0.iter()) {
        line(&format!("property {}", escaped(key)), self::value(&value.clone().into()));
    }
    line("body", body(&message.body));
    text
}

fn key_text(key: &fe2o3_amqp_types::messaging::annotations::OwnedKey) -> String {
    use fe2o3_amqp_types::messaging::annotations::OwnedKey;
    match key {
        OwnedKey::Symbol(symbol) => symbol.0.clone(),
        OwnedKey::Ulong(number) => number.to_string(),
    }
}

fn value(value: &Value) -> String {
    match value {
        Value::String(text) => escaped(text),
        Value::Symbol(symbol) => escaped(&symbol.0),
        Value::Binary(binary) => bytes(binary),
        Value::Null => "null".to_owned(),
        Value::Bool(flag) => flag.to_string(),
        Value::Ubyte(number) => number.to_string(),
        Value::Ushort(number) => number.to_string(),
        Value::Uint(number) => number.to_string(),
        Value::Ulong(number) => number.to_string(),
        Value::Byte(number) => number.to_string(),
        Value::Short(number) => number.to_string(),
        Value::Int(number) => number.to_string(),
        Value::Long(number) => number.to_string(),
        Value::Float(number) => number.to_string(),
        Value::Double(number) => number.to_string(),
        other => plain(other),
    }
}

fn bytes(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| format!("<{} bytes>", bytes.len()), escaped)
}

fn plain(value: &impl Debug) -> String {
    escaped(&format!("{value:?}"))
}

/// Without what would steer a terminal or break the line.
fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for char in text.chars() {
        if char.is_control() && char != '\t' {
            safe.extend(char.escape_default());
        } else {
            safe.push(char);
        }
    }
    safe
}

#[cfg(test)]
mod tests {
    use fe2o3_amqp_types::messaging::{AmqpValue, Batch, Data};
    use fe2o3_amqp_types::primitives::Binary;

    use super::*;

    #[test]
    fn a_body_is_one_line_that_steers_no_terminal() {
        let text = Body::Value(AmqpValue(Value::String("a\n\u{1b}[2Jé".to_owned())));
        assert_eq!(body(&text), "a\\n\\u{1b}[2Jé");
        let data = |bytes: &[u8]| Body::Data(Batch::new(vec![Data(Binary::from(bytes.to_vec()))]));
        assert_eq!(body(&data(b"plain")), "plain");
        assert_eq!(body(&data(&[0xff, 0xfe, 0xfd])), "<3 bytes>");
        assert_eq!(body(&Body::Value(AmqpValue(Value::Uint(7)))), "7");
    }
}
