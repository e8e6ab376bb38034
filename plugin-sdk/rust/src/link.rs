//! The hook `link`: may this peer attach this link? Asked before `address`.

use alloc::vec::Vec;

use crate::cbor::{Decoder, Error, Known, Read, record, set, words};
use crate::peer::{Context, Entry, Peer, Value};

pub use crate::connection::{Answer, Grant, Limits, Quota};

words! {
    /// What the peer does on the link.
    Role {
        /// It sends.
        Sender = "sender",
        /// It receives.
        Receiver = "receiver",
    }
}

words! {
    /// When a terminus expires.
    #[expect(missing_docs, reason = "the words say it")]
    Expiry {
        LinkDetach = "link-detach",
        SessionEnd = "session-end",
        ConnectionClose = "connection-close",
        Never = "never",
    }
}

words! {
    /// How the sender settles.
    #[expect(missing_docs, reason = "the words say it")]
    Settle { Unsettled = "unsettled", Settled = "settled", Mixed = "mixed" }
}

/// The question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// Who asks.
    pub peer: Peer<'a>,
    /// Of the link.
    pub name: &'a str,
    /// What the peer does on it.
    pub role: Option<Role>,
    /// Where messages come from; absent when the peer names none.
    pub source: Option<Terminus<'a>>,
    /// Where they go; absent when the peer names none.
    pub target: Option<Terminus<'a>>,
    /// How the sender settles.
    pub settle: Option<Settle>,
    /// Bytes, as the peer takes them.
    pub max_message_size: Option<u64>,
    /// As the peer's attach says.
    pub desired_capabilities: Vec<&'a str>,
    /// As the peer's attach says.
    pub properties: Vec<Entry<'a>>,
    /// Links of the connection, this one included.
    pub links_open: u32,
    /// Names of the fields that were cut because they were too large.
    pub truncated: Vec<&'a str>,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut request = Self::default();
        record(from, &mut |key, from| match key {
            "ctx" => set(&mut request.ctx, from),
            "peer" => set(&mut request.peer, from),
            "name" => set(&mut request.name, from),
            "role" => {
                request.role = Role::read(from)?;
                Ok(true)
            }
            "source" => set(&mut request.source, from),
            "target" => set(&mut request.target, from),
            "settle" => {
                request.settle = Settle::read(from)?;
                Ok(true)
            }
            "max-message-size" => set(&mut request.max_message_size, from),
            "desired-capabilities" => set(&mut request.desired_capabilities, from),
            "properties" => set(&mut request.properties, from),
            "links-open" => set(&mut request.links_open, from),
            "truncated" => set(&mut request.truncated, from),
            _ => Ok(false),
        })?;
        Ok(request)
    }
}

/// An end of a link, as the peer asks for it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Terminus<'a> {
    /// Absent for an anonymous sender, a dynamic terminus and a coordinator.
    pub address: Option<&'a str>,
    /// 0: nothing, 1: its configuration, 2: the state of deliveries too.
    pub durable: u8,
    /// When it expires.
    pub expiry: Option<Expiry>,
    /// Seconds from then on.
    pub timeout_s: u32,
    /// A node of its own is wanted.
    pub dynamic: bool,
    /// Transactions are wanted.
    pub coordinator: bool,
    /// `move` or `copy`, of a source.
    pub distribution: Option<&'a str>,
    /// Of a source.
    pub filters: Vec<Filter<'a>>,
    /// As asked for.
    pub capabilities: Vec<&'a str>,
}

impl<'b> Read<'b> for Terminus<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut terminus = Self::default();
        record(from, &mut |key, from| match key {
            "address" => set(&mut terminus.address, from),
            "durable" => set(&mut terminus.durable, from),
            "expiry" => {
                terminus.expiry = Expiry::read(from)?;
                Ok(true)
            }
            "timeout-s" => set(&mut terminus.timeout_s, from),
            "dynamic" => set(&mut terminus.dynamic, from),
            "coordinator" => set(&mut terminus.coordinator, from),
            "distribution" => set(&mut terminus.distribution, from),
            "filters" => set(&mut terminus.filters, from),
            "capabilities" => set(&mut terminus.capabilities, from),
            _ => Ok(false),
        })?;
        Ok(terminus)
    }
}

/// A filter of a source.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filter<'a> {
    /// Its name.
    pub name: &'a str,
    /// Its value; none where it is of a kind that plugins are not told, or that this SDK does not know.
    pub val: Option<Value<'a>>,
}

impl<'b> Read<'b> for Filter<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut filter = Self { name: "", val: None };
        record(from, &mut |key, from| -> Known {
            match key {
                "name" => set(&mut filter.name, from),
                "val" => {
                    filter.val = Value::read_known(from)?;
                    Ok(true)
                }
                _ => Ok(false),
            }
        })?;
        Ok(filter)
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::vec;

    use super::*;
    use crate::cbor::{Map, Write, whole};
    use crate::peer::Attribute;

    struct Source;

    impl Write for Source {
        fn write(&self, out: &mut Vec<u8>) {
            Map::new(out)
                .field("address", "q")
                .field("durable", &2_u32)
                .field("expiry", "never")
                .field("dynamic", &true);
        }
    }

    #[test]
    fn a_question_is_read() {
        let mut bytes = Vec::new();
        Map::new(&mut bytes)
            .field("name", "l")
            .field("role", "receiver")
            .field("source", &Source)
            .field("settle", "of tomorrow")
            .field("links-open", &3_u32)
            .field("unknown", "field");
        let request: Request<'_> = whole(&bytes).unwrap();
        assert_eq!(
            (request.name, request.role, request.settle, request.links_open),
            ("l", Some(Role::Receiver), None, 3)
        );
        let source = request.source.unwrap();
        assert_eq!((source.address, source.durable, source.expiry), (Some("q"), 2, Some(Expiry::Never)));
        assert!(source.dynamic && request.target.is_none());
    }

    #[test]
    fn an_answer_is_written_in_the_order_of_the_schema() {
        let grant = Grant {
            limits: Some(Limits { link_credit: Some(7), ..Limits::default() }),
            quotas: vec![Quota { key: "k".to_owned(), max: 2 }],
            recheck_after_ms: Some(100),
            ..Grant::default()
        };
        let mut written = Vec::new();
        Answer::Allow(grant).write(&mut written);
        let mut wanted = Vec::new();
        struct Limit;
        impl Write for Limit {
            fn write(&self, out: &mut Vec<u8>) {
                Map::new(out).field("link-credit", &7_u32);
            }
        }
        struct Counted;
        impl Write for Counted {
            fn write(&self, out: &mut Vec<u8>) {
                Map::new(out).field("key", "k").field("max", &2_u32);
            }
        }
        struct Granted;
        impl Write for Granted {
            fn write(&self, out: &mut Vec<u8>) {
                Map::new(out)
                    .field("limits", &Limit)
                    .list("quotas", &[Counted])
                    .list::<Attribute<'_>>("attributes", &[])
                    .field("recheck-after-ms", &100_u32);
            }
        }
        Map::new(&mut wanted).field("allow", &Granted);
        assert_eq!(written, wanted);
    }
}
