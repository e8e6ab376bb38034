//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use alloc::string::String;
use alloc::vec::Vec;

use crate::reader::{Read, Reader, is};
use crate::reads::Inside;
use crate::records::refusal::InfoValue;
use crate::writer::{Write, Writer};

/// A value whose kind the peer chose.
#[derive(Debug, Clone, Copy, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Value<'a> {
    Flag(bool),
    Int(i64),
    Uint(u64),
    Float(f64),
    Text(&'a str),
    Bytes(&'a [u8]),
}

impl<'b> Value<'b> {
    /// None where the case is unknown.
    pub(crate) fn read(from: &mut Reader<'b>) -> Option<Self> {
        let (bare, word) = from.case();
        match (bare, word.len()) {
            (false, 3) if is(word, b"int") => Some(Self::Int(from.i64())),
            (false, 4) if is(word, b"flag") => Some(Self::Flag(from.bool())),
            (false, 4) if is(word, b"uint") => Some(Self::Uint(from.u64())),
            (false, 4) if is(word, b"text") => Some(Self::Text(from.text())),
            (false, 5) if is(word, b"float") => Some(Self::Float(from.f64())),
            (false, 5) if is(word, b"bytes") => Some(Self::Bytes(from.bytes())),
            (true, _) => None,
            (false, _) => {
                from.skip();
                None
            }
        }
    }
}

#[cfg(test)]
impl Write for Value<'_> {
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

/// An entry of a peer's properties.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Entry<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value; none where this SDK does not know the kind.
    pub val: Option<Value<'a>>,
}

impl<'b> Read<'b> for Entry<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"key") => self.key = from.text(),
                3 if is(key, b"val") => self.val = Value::read(from),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Entry<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63key");
        self.key.write(out);
        if let Some(value) = &self.val {
            out.key(map, b"\x63val");
            value.write(out);
        }
    }
}

impl Write for (String, InfoValue) {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63key");
        self.0.write(out);
        out.key(map, b"\x63val");
        self.1.write(out);
    }
}

/// A key and its text: an attribute of a connection, a label of an endpoint.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub struct Attribute<'a> {
    pub key: &'a str,
    pub val: &'a str,
}

impl<'b> Read<'b> for Attribute<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"key") => self.key = from.text(),
                3 if is(key, b"val") => self.val = from.text(),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Attribute<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63key");
        self.key.write(out);
        out.key(map, b"\x63val");
        self.val.write(out);
    }
}

impl Write for (String, String) {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63key");
        self.0.write(out);
        out.key(map, b"\x63val");
        self.1.write(out);
    }
}

/// What comes with every request, so that a decision depends on nothing but its request and what it read from KV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Context {
    /// Milliseconds since 1970 by the router's clock.
    pub now_ms: u64,
    /// A random number below 2^53, another one for each request.
    pub seed: u64,
    /// Numbers the decisions of the router process; stands in its log.
    pub sequence: u64,
}

impl<'b> Read<'b> for Context {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                4 if is(key, b"seed") => self.seed = from.u64(),
                6 if is(key, b"now-ms") => self.now_ms = from.u64(),
                8 if is(key, b"sequence") => self.sequence = from.u64(),
                _ => from.skip(),
            }
        }
    }
}

impl Inside for Context {
    type Record = Self;

    fn inside(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl Write for Context {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x66now-ms");
        self.now_ms.write(out);
        out.key(map, b"\x64seed");
        self.seed.write(out);
        out.key(map, b"\x68sequence");
        self.sequence.write(out);
    }
}

/// A TLS session, and the certificate that the peer showed in it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub struct Tls<'a> {
    pub version: &'a str,
    pub cipher: &'a str,
    pub sni: Option<&'a str>,
    pub subject: Option<&'a str>,
    pub issuer: Option<&'a str>,
    pub sans: Vec<&'a str>,
    pub fingerprint_sha256: Option<&'a str>,
    pub not_after_ms: Option<u64>,
}

impl<'b> Read<'b> for Tls<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"sni") => self.sni = Some(from.text()),
                4 if is(key, b"sans") => self.sans = from.texts(),
                6 if is(key, b"cipher") => self.cipher = from.text(),
                6 if is(key, b"issuer") => self.issuer = Some(from.text()),
                7 if is(key, b"version") => self.version = from.text(),
                7 if is(key, b"subject") => self.subject = Some(from.text()),
                12 if is(key, b"not-after-ms") => self.not_after_ms = Some(from.u64()),
                18 if is(key, b"fingerprint-sha256") => self.fingerprint_sha256 = Some(from.text()),
                _ => from.skip(),
            }
        }
    }
}

impl Inside for Tls<'_> {
    type Record = Self;

    fn inside(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl Write for Tls<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x67version");
        self.version.write(out);
        out.key(map, b"\x66cipher");
        self.cipher.write(out);
        if let Some(value) = &self.sni {
            out.key(map, b"\x63sni");
            value.write(out);
        }
        if let Some(value) = &self.subject {
            out.key(map, b"\x67subject");
            value.write(out);
        }
        if let Some(value) = &self.issuer {
            out.key(map, b"\x66issuer");
            value.write(out);
        }
        out.key(map, b"\x64sans");
        self.sans.write(out);
        if let Some(value) = &self.fingerprint_sha256 {
            out.key(map, b"\x72fingerprint-sha256");
            value.write(out);
        }
        if let Some(value) = &self.not_after_ms {
            out.key(map, b"\x6cnot-after-ms");
            value.write(out);
        }
    }
}

/// What the connection runs over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Transport {
    Tcp,
    Tls,
    Ws,
    Wss,
}

impl Transport {
    /// The word that stands for it in requests and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Tls => "tls",
            Self::Ws => "ws",
            Self::Wss => "wss",
        }
    }

    pub(crate) fn named(word: &[u8]) -> Option<Self> {
        match word.len() {
            2 if is(word, b"ws") => Some(Self::Ws),
            3 if is(word, b"tcp") => Some(Self::Tcp),
            3 if is(word, b"tls") => Some(Self::Tls),
            3 if is(word, b"wss") => Some(Self::Wss),
            _ => None,
        }
    }
}

#[cfg(test)]
impl Write for Transport {
    fn write(&self, out: &mut Writer) {
        self.word().write(out);
    }
}

/// Who is talking.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Peer<'a> {
    /// The router's number for the connection.
    pub connection_id: u64,
    /// The listener that accepted it.
    pub listener: Option<&'a str>,
    /// The connector that dialled it.
    pub connector: Option<&'a str>,
    /// What it runs over.
    pub transport: Option<Transport>,
    /// The peer's IP address.
    pub ip: &'a str,
    /// The peer's port.
    pub port: u16,
    /// The router's IP address.
    pub local_ip: &'a str,
    /// The router's port.
    pub local_port: u16,
    /// The `hostname` of the peer's open.
    pub vhost: Option<&'a str>,
    /// The user that SASL or the certificate showed; absent: nobody in particular.
    pub user: Option<&'a str>,
    /// The SASL mechanism that was used.
    pub mechanism: Option<&'a str>,
    /// The `container-id` of the peer's open.
    pub container_id: &'a str,
    /// The TLS session.
    pub tls: Option<Tls<'a>>,
    /// What plugins granted at admission; empty there.
    pub attributes: Vec<Attribute<'a>>,
}

impl<'b> Read<'b> for Peer<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                2 if is(key, b"ip") => self.ip = from.text(),
                3 if is(key, b"tls") => self.tls.get_or_insert_default().read(from),
                4 if is(key, b"port") => self.port = from.u16(),
                4 if is(key, b"user") => self.user = Some(from.text()),
                5 if is(key, b"vhost") => self.vhost = Some(from.text()),
                8 if is(key, b"listener") => self.listener = Some(from.text()),
                8 if is(key, b"local-ip") => self.local_ip = from.text(),
                9 if is(key, b"connector") => self.connector = Some(from.text()),
                9 if is(key, b"transport") => self.transport = Transport::named(from.word()),
                9 if is(key, b"mechanism") => self.mechanism = Some(from.text()),
                10 if is(key, b"local-port") => self.local_port = from.u16(),
                10 if is(key, b"attributes") => self.attributes = from.records(),
                12 if is(key, b"container-id") => self.container_id = from.text(),
                13 if is(key, b"connection-id") => self.connection_id = from.u64(),
                _ => from.skip(),
            }
        }
    }
}

impl Inside for Peer<'_> {
    type Record = Self;

    fn inside(&self) -> &Self {
        self
    }
}

#[cfg(test)]
impl Write for Peer<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x6dconnection-id");
        self.connection_id.write(out);
        if let Some(value) = &self.listener {
            out.key(map, b"\x68listener");
            value.write(out);
        }
        if let Some(value) = &self.connector {
            out.key(map, b"\x69connector");
            value.write(out);
        }
        if let Some(value) = &self.transport {
            out.key(map, b"\x69transport");
            value.write(out);
        }
        out.key(map, b"\x62ip");
        self.ip.write(out);
        out.key(map, b"\x64port");
        self.port.write(out);
        out.key(map, b"\x68local-ip");
        self.local_ip.write(out);
        out.key(map, b"\x6alocal-port");
        self.local_port.write(out);
        if let Some(value) = &self.vhost {
            out.key(map, b"\x65vhost");
            value.write(out);
        }
        if let Some(value) = &self.user {
            out.key(map, b"\x64user");
            value.write(out);
        }
        if let Some(value) = &self.mechanism {
            out.key(map, b"\x69mechanism");
            value.write(out);
        }
        out.key(map, b"\x6ccontainer-id");
        self.container_id.write(out);
        if let Some(value) = &self.tls {
            out.key(map, b"\x63tls");
            value.write(out);
        }
        out.key(map, b"\x6aattributes");
        self.attributes.write(out);
    }
}
