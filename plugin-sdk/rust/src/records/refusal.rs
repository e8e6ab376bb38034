//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::writer::{Write, Writer};

/// A value of the error's info map.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum InfoValue {
    Flag(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
}

impl Write for InfoValue {
    fn write(&self, out: &mut Writer) {
        match self {
            Self::Flag(value) => {
                let map = out.map();
                out.key(map, b"\x64flag");
                value.write(out);
            }
            Self::Int(value) => {
                let map = out.map();
                out.key(map, b"\x63int");
                value.write(out);
            }
            Self::Uint(value) => {
                let map = out.map();
                out.key(map, b"\x64uint");
                value.write(out);
            }
            Self::Float(value) => {
                let map = out.map();
                out.key(map, b"\x65float");
                value.write(out);
            }
            Self::Text(value) => {
                let map = out.map();
                out.key(map, b"\x64text");
                value.write(out);
            }
            Self::Bytes(value) => {
                let map = out.map();
                out.key(map, b"\x65bytes");
                crate::writer::Bytes(value).write(out);
            }
        }
    }
}

/// What the peer that is turned away is told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Refusal {
    /// An AMQP error condition, or any ASCII symbol of 1 to 128 bytes.
    pub condition: String,
    /// The error's description, for the people at the other end.
    pub description: String,
    /// Goes to the router's log, and to the peer where the listener explains refusals.
    pub note: Option<String>,
    /// Goes into the error's info map; a redirect needs it.
    pub info: Vec<(String, InfoValue)>,
}

impl Write for Refusal {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x69condition");
        self.condition.write(out);
        out.key(map, b"\x6bdescription");
        self.description.write(out);
        if let Some(value) = &self.note {
            out.key(map, b"\x64note");
            value.write(out);
        }
        if !self.info.is_empty() {
            out.key(map, b"\x64info");
            self.info.write(out);
        }
    }
}
