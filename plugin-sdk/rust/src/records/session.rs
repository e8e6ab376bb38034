//! Written by plugin-sdk/generate from policy.wit: change its src/rust.rs and src/rust/docs.txt.

use crate::reader::{Read, Reader, is};
use crate::records::peer::{Context, Peer};
#[cfg(test)]
use crate::writer::{Write, Writer};

/// The question.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request<'a> {
    /// Time, seed and number of the decision.
    pub ctx: Context,
    /// Who asks.
    pub peer: Peer<'a>,
    /// Sessions of the connection, this one included.
    pub sessions_open: u32,
}

impl<'b> Read<'b> for Request<'b> {
    fn read(&mut self, from: &mut Reader<'b>) {
        for _ in 0..from.map() {
            let key = from.word();
            if from.null() {
                continue;
            }
            match key.len() {
                3 if is(key, b"ctx") => self.ctx.read(from),
                4 if is(key, b"peer") => self.peer.read(from),
                13 if is(key, b"sessions-open") => self.sessions_open = from.u32(),
                _ => from.skip(),
            }
        }
    }
}

#[cfg(test)]
impl Write for Request<'_> {
    fn write(&self, out: &mut Writer) {
        let map = out.map();
        out.key(map, b"\x63ctx");
        self.ctx.write(out);
        out.key(map, b"\x64peer");
        self.peer.write(out);
        out.key(map, b"\x6dsessions-open");
        self.sessions_open.write(out);
    }
}
