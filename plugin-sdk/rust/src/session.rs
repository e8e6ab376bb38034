//! The hook `session`: may this peer begin one more session? It has begun when this is asked: a denial ends it.

use crate::cbor::{Decoder, Error, Read, record, set};
use crate::peer::{Context, Peer};

pub use crate::connection::{Answer, Grant, Quota};

/// The question.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// Who asks.
    pub peer: Peer<'a>,
    /// Sessions of the connection, this one included.
    pub sessions_open: u32,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(from: &mut Decoder<'b>) -> Result<Self, Error> {
        let mut request = Self::default();
        record(from, &mut |key, from| match key {
            "ctx" => set(&mut request.ctx, from),
            "peer" => set(&mut request.peer, from),
            "sessions-open" => set(&mut request.sessions_open, from),
            _ => Ok(false),
        })?;
        Ok(request)
    }
}
