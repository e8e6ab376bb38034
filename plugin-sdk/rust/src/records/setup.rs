//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::config::Node;
use crate::reader::{Read, Reader, is};
use crate::writer::{Write, Writer};

/// What an instance is told before any hook.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Request<'a> {
    /// Its name.
    pub(crate) plugin: &'a str,
    /// The router's name.
    pub(crate) router_id: &'a str,
    /// The minor version of the ABI that the router speaks.
    pub(crate) minor: u32,
    /// Milliseconds since 1970 by the router's clock.
    pub(crate) now_ms: u64,
    /// A random number below 2^53.
    pub(crate) seed: u64,
    /// The words of its grants.
    pub(crate) granted: Vec<&'a str>,
    /// The nodes of its `config` block.
    pub(crate) config: Node,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                4 if is(key, b"seed") => self.seed = from.u64(),
                5 if is(key, b"minor") => self.minor = from.u32(),
                6 if is(key, b"plugin") => self.plugin = from.text(),
                6 if is(key, b"now-ms") => self.now_ms = from.u64(),
                6 if is(key, b"config") => self.config = Node::read_block(from),
                7 if is(key, b"granted") => self.granted = from.texts(),
                9 if is(key, b"router-id") => self.router_id = from.text(),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Request<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x66plugin");
        self.plugin.write(out);
        out.key(map, b"\x69router-id");
        self.router_id.write(out);
        out.key(map, b"\x65minor");
        self.minor.write(out);
        out.key(map, b"\x66now-ms");
        self.now_ms.write(out);
        out.key(map, b"\x64seed");
        self.seed.write(out);
        out.key(map, b"\x67granted");
        self.granted.write(out);
        out.key(map, b"\x66config");
        self.config.children().write(out);
    }
}

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What, for people.
    pub(crate) message: String,
    /// The node, as indexes of children from the top.
    pub(crate) path: Vec<u32>,
}

impl Write for Problem {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x67message");
        self.message.write(out);
        if !self.path.is_empty() {
            out.key(map, b"\x64path");
            self.path.write(out);
        }
    }
}

/// What it answers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// What is wrong: with any it does not load.
    pub(crate) problems: Vec<Problem>,
    /// Which of those that are exported to ask; absent: all.
    pub(crate) hooks: Option<Vec<String>>,
    /// The only fields to send; absent: all.
    pub(crate) reads: Option<Vec<String>>,
}

impl Write for Answer {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        if !self.problems.is_empty() {
            out.key(map, b"\x68problems");
            self.problems.write(out);
        }
        if let Some(value) = &self.hooks {
            out.key(map, b"\x65hooks");
            value.write(out);
        }
        if let Some(value) = &self.reads {
            out.key(map, b"\x65reads");
            value.write(out);
        }
    }
}
