//! The peer that a question is about, and what comes with every question.

use alloc::vec::Vec;

use crate::cbor::{Decoder, Error, Known, Map, Read, Write, record, set, variant, words};

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
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut context = Self::default();
        record(from, &mut |key, from| match key {
            "now-ms" => set(&mut context.now_ms, from),
            "seed" => set(&mut context.seed, from),
            "sequence" => set(&mut context.sequence, from),
            _ => Ok(false),
        })?;
        Ok(context)
    }
}

words! {
    /// What the connection runs over.
    #[expect(missing_docs, reason = "the words say it")]
    Transport { Tcp = "tcp", Tls = "tls", Ws = "ws", Wss = "wss" }
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

impl Peer<'_> {
    /// The value of an attribute that was granted at admission.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        (self.attributes.iter().find(|attribute| attribute.key == key)).map(|found| found.val)
    }
}

impl<'b> Read<'b> for Peer<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut peer = Self::default();
        record(from, &mut |key, from| match key {
            "connection-id" => set(&mut peer.connection_id, from),
            "listener" => set(&mut peer.listener, from),
            "connector" => set(&mut peer.connector, from),
            "transport" => {
                peer.transport = Transport::read(from)?;
                Ok(true)
            }
            "ip" => set(&mut peer.ip, from),
            "port" => set(&mut peer.port, from),
            "local-ip" => set(&mut peer.local_ip, from),
            "local-port" => set(&mut peer.local_port, from),
            "vhost" => set(&mut peer.vhost, from),
            "user" => set(&mut peer.user, from),
            "mechanism" => set(&mut peer.mechanism, from),
            "container-id" => set(&mut peer.container_id, from),
            "tls" => set(&mut peer.tls, from),
            "attributes" => set(&mut peer.attributes, from),
            _ => Ok(false),
        })?;
        Ok(peer)
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
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut tls = Self::default();
        record(from, &mut |key, from| match key {
            "version" => set(&mut tls.version, from),
            "cipher" => set(&mut tls.cipher, from),
            "sni" => set(&mut tls.sni, from),
            "subject" => set(&mut tls.subject, from),
            "issuer" => set(&mut tls.issuer, from),
            "sans" => set(&mut tls.sans, from),
            "fingerprint-sha256" => set(&mut tls.fingerprint_sha256, from),
            "not-after-ms" => set(&mut tls.not_after_ms, from),
            _ => Ok(false),
        })?;
        Ok(tls)
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
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut attribute = Self::default();
        record(from, &mut |key, from| match key {
            "key" => set(&mut attribute.key, from),
            "val" => set(&mut attribute.val, from),
            _ => Ok(false),
        })?;
        Ok(attribute)
    }
}

impl Write for Attribute<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        Map::new(out).field("key", self.key).field("val", self.val);
    }
}

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
    pub(crate) fn read_known(from: &mut Decoder<'b>) -> Result<Option<Self>, Error> {
        variant(
            from,
            |_| None,
            |case, from| {
                Ok(Some(match case {
                    "flag" => Self::Flag(from.bool()?),
                    "int" => Self::Int(from.i64()?),
                    "uint" => Self::Uint(from.u64()?),
                    "float" => Self::Float(from.f64()?),
                    "text" => Self::Text(from.str()?),
                    "bytes" => Self::Bytes(from.bytes()?),
                    _ => return Ok(None),
                }))
            },
        )
    }
}

/// An entry of a peer's properties.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry<'a> {
    /// Its key.
    pub key: &'a str,
    /// Its value; none where this SDK does not know the kind.
    pub val: Option<Value<'a>>,
}

impl<'b> Read<'b> for Entry<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut entry = Self { key: "", val: None };
        record(from, &mut |key, from| -> Known {
            match key {
                "key" => set(&mut entry.key, from),
                "val" => {
                    entry.val = Value::read_known(from)?;
                    Ok(true)
                }
                _ => Ok(false),
            }
        })?;
        Ok(entry)
    }
}
