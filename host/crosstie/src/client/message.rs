//! The message that `send` sends.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use crosstie_config::{parse_duration, parse_size};
use fe2o3_amqp_types::messaging::{
    AmqpValue, ApplicationProperties, Batch, Body, Data, Header, Message, MessageId, Priority, Properties,
};
use fe2o3_amqp_types::primitives::{Binary, SimpleValue, Symbol};
use serde_amqp::Value;

use super::fault::Fault;

/// The longest body.
const BODY_BYTES_MAX: u64 = 1 << 30;

/// What a message is made of.
#[derive(Debug, Args)]
pub(crate) struct MessageArgs {
    /// The body, as a string.
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["body_file", "size"])]
    body: Option<String>,
    /// The body from a file, as data; - is standard input.
    #[arg(long, value_name = "PATH", conflicts_with = "size")]
    body_file: Option<PathBuf>,
    /// A body of so many bytes (KiB and MiB are units), as data.
    #[arg(long, value_name = "BYTES", value_parser = body_size)]
    size: Option<u64>,
    /// An application property, a string; may be repeated.
    #[arg(long, value_name = "KEY=VALUE", value_parser = pair)]
    property: Vec<(String, String)>,
    /// Ask that it be stored durably.
    #[arg(long)]
    durable: bool,
    /// Its priority; 4 is the usual.
    #[arg(long, value_name = "0..255")]
    priority: Option<u8>,
    /// How long it is of use, as in 30s.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    ttl: Option<Duration>,
    /// The address of the node that it is meant for; with it ADDRESS may be left out.
    #[arg(long, value_name = "ADDRESS")]
    pub(crate) to: Option<String>,
    /// What it is about.
    #[arg(long, value_name = "TEXT")]
    subject: Option<String>,
    /// Where answers go.
    #[arg(long, value_name = "ADDRESS")]
    reply_to: Option<String>,
    /// What it belongs to.
    #[arg(long, value_name = "ID")]
    correlation_id: Option<String>,
    /// The MIME type of its body.
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
}

fn pair(text: &str) -> Result<(String, String), &'static str> {
    let (key, value) = text.split_once('=').filter(|(key, _)| !key.is_empty()).ok_or("write KEY=VALUE")?;
    Ok((key.to_owned(), value.to_owned()))
}

fn body_size(text: &str) -> Result<u64, &'static str> {
    parse_size(text).and_then(|bytes| if bytes <= BODY_BYTES_MAX { Ok(bytes) } else { Err("at most 1024MiB") })
}

impl MessageArgs {
    /// The message.
    ///
    /// # Errors
    ///
    /// [`Fault::Usage`] when the body cannot be read.
    pub(crate) fn build(&self) -> Result<Message<Body<Value>>, Fault> {
        Ok(Message {
            header: self.header(),
            delivery_annotations: None,
            message_annotations: None,
            properties: self.properties(),
            application_properties: self.application_properties(),
            body: self.body()?,
            footer: None,
        })
    }

    fn header(&self) -> Option<Header> {
        if !self.durable && self.priority.is_none() && self.ttl.is_none() {
            return None;
        }
        let usual = Header::default();
        Some(Header {
            durable: self.durable,
            priority: self.priority.map_or(usual.priority, Priority),
            ttl: self.ttl.map(|ttl| u32::try_from(ttl.as_millis()).unwrap_or(u32::MAX)),
            ..Header::default()
        })
    }

    fn properties(&self) -> Option<Properties> {
        let properties = Properties {
            to: self.to.clone(),
            subject: self.subject.clone(),
            reply_to: self.reply_to.clone(),
            correlation_id: self.correlation_id.clone().map(MessageId::String),
            content_type: self.content_type.clone().map(Symbol),
            ..Properties::default()
        };
        (properties != Properties::default()).then_some(properties)
    }

    fn application_properties(&self) -> Option<ApplicationProperties> {
        let mut properties = ApplicationProperties::default();
        for (key, value) in &self.property {
            properties.0.insert(key.clone(), SimpleValue::String(value.clone()));
        }
        (!self.property.is_empty()).then_some(properties)
    }

    fn body(&self) -> Result<Body<Value>, Fault> {
        let data = match (&self.body, &self.body_file, self.size) {
            (Some(text), ..) => return Ok(Body::Value(AmqpValue(Value::String(text.clone())))),
            (None, Some(path), _) => {
                read(path).map_err(|error| Fault::Usage(format!("--body-file: {}: {error}", path.display())))?
            }
            (None, None, Some(size)) => vec![b'x'; usize::try_from(size).unwrap_or(usize::MAX)],
            (None, None, None) => return Ok(Body::Value(AmqpValue(Value::String("hello".to_owned())))),
        };
        Ok(Body::Data(Batch::new(vec![Data(Binary::from(data))])))
    }
}

fn read(path: &Path) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let limit = BODY_BYTES_MAX.saturating_add(1);
    if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)?;
    } else {
        File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    }
    if u64::try_from(bytes.len()).is_ok_and(|length| length <= BODY_BYTES_MAX) {
        Ok(bytes)
    } else {
        Err(std::io::Error::other("a body has at most 1024 MiB"))
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        message: MessageArgs,
    }

    fn build(line: &[&str]) -> Message<Body<Value>> {
        let line = Line::try_parse_from([&["send"], line].concat()).expect("a good line");
        line.message.build().expect("a message")
    }

    #[test]
    fn what_is_not_asked_for_is_not_sent() {
        let message = build(&[]);
        assert!(message.header.is_none() && message.properties.is_none() && message.application_properties.is_none());
    }

    #[test]
    fn options_become_sections() {
        let message = build(&[
            "--durable",
            "--ttl",
            "30s",
            "--subject",
            "s",
            "--property",
            "a=b=c",
            "--content-type",
            "text/plain",
            "--size",
            "2KiB",
        ]);
        let header = message.header.expect("a header");
        assert_eq!((header.durable, header.priority, header.ttl), (true, Priority(4), Some(30_000)));
        let properties = message.properties.expect("properties");
        assert_eq!(properties.subject.as_deref(), Some("s"));
        assert_eq!(properties.content_type, Some(Symbol::from("text/plain")));
        let application = message.application_properties.expect("application properties");
        assert_eq!(application.0.get("a"), Some(&SimpleValue::String("b=c".to_owned())));
        assert!(
            matches!(message.body, Body::Data(batch) if batch.iter().map(|data| data.0.len()).sum::<usize>() == 2048)
        );
    }

    #[test]
    fn two_bodies_are_one_too_many() {
        for line in [["send", "--body", "a", "--size", "1"], ["send", "--body-file", "a", "--body", "b"]] {
            assert!(Line::try_parse_from(line).is_err(), "{line:?}");
        }
        assert!(Line::try_parse_from(["send", "--property", "=b"]).is_err());
    }
}
