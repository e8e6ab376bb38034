//! The setup of an instance: asked once, before any hook.

use alloc::vec::Vec;

use crate::cbor::{Decoder, Error, Map, Read, Write, record, set};
use crate::config::{Node, read_block};
use crate::problem::ConfigError;

/// What an instance is told about itself. Of the rest of the request a plugin has no use: clock and seed come with each question.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Request<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) config: Node,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut request = Self::default();
        record(from, &mut |key, from| match key {
            "plugin" => set(&mut request.plugin, from),
            "config" => {
                request.config = read_block(from)?;
                Ok(true)
            }
            _ => Ok(false),
        })?;
        Ok(request)
    }
}

#[derive(Debug, Default)]
pub(crate) struct Answer<'a> {
    pub(crate) problems: &'a [ConfigError],
    pub(crate) reads: &'a [&'a str],
}

impl Write for Answer<'_> {
    fn write(&self, out: &mut Vec<u8>) {
        // as the schema writes the names that Rust has
        let reads: Vec<_> = self.reads.iter().map(|path| path.replace('_', "-")).collect();
        Map::new(out).list("problems", self.problems).list("reads", &reads);
    }
}
