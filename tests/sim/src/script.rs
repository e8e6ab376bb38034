//! A hostile peer's script as bytes: one for the side it is on, then items, each a kind, a length and a content.
//!
//! Any bytes are a script, so that a fuzzer can make them up; a script is also a list of items, so that it can change one and
//! leave the sizes of the frames right.

/// What one item does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The content is sent as it is.
    Raw,
    /// The content is a channel (a byte), and the body of an AMQP frame.
    Frame,
    /// The content is the body of a SASL frame.
    Sasl,
    /// Shards and the peers beside it get their turn.
    Run,
    /// Time passes: a second for each number in the content's first byte.
    Wait,
    /// The peer reads up to this many bytes.
    Read,
    /// The peers beside it send a message.
    Send,
    /// One shard flushes.
    Flush,
}

const KINDS: [Kind; 8] =
    [Kind::Raw, Kind::Frame, Kind::Sasl, Kind::Run, Kind::Wait, Kind::Read, Kind::Send, Kind::Flush];

/// One item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// What it does.
    pub kind: Kind,
    /// With what.
    pub content: Vec<u8>,
}

/// A script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Script {
    /// Chooses the side of the peer, and how slow its socket is.
    pub side: u8,
    /// In order.
    pub items: Vec<Item>,
}

impl Script {
    /// Reads any bytes; a length that leads beyond the end stops there.
    #[must_use]
    pub fn read(bytes: &[u8]) -> Self {
        let (side, mut rest) = bytes.split_first().map_or((0, bytes), |(side, rest)| (*side, rest));
        let mut items = Vec::new();
        while let [kind, high, low, after @ ..] = rest {
            let length = usize::from(u16::from_be_bytes([*high, *low])).min(after.len());
            let (content, after) = after.split_at(length);
            let kind = KINDS[usize::from(*kind) % KINDS.len()];
            items.push(Item { kind, content: content.to_vec() });
            rest = after;
        }
        Self { side, items }
    }

    /// Writes it; contents of more than 65,535 bytes are cut.
    #[must_use]
    pub fn write(&self) -> Vec<u8> {
        let mut out = vec![self.side];
        for Item { kind, content } in &self.items {
            let length = u16::try_from(content.len()).unwrap_or(u16::MAX);
            out.push(KINDS.iter().position(|known| known == kind).and_then(|at| u8::try_from(at).ok()).unwrap_or(0));
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(&content[..usize::from(length)]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_script_reads_as_it_was_written_and_any_bytes_are_one() {
        let items =
            vec![Item { kind: Kind::Frame, content: vec![0, 1, 2] }, Item { kind: Kind::Flush, content: Vec::new() }];
        let script = Script { side: 9, items };
        assert_eq!(Script::read(&script.write()), script);
        assert_eq!(Script::read(&[1, 0, 0xff, 0xff, 5]).items[0].content, [5]);
        assert!(Script::read(&[]).items.is_empty() && Script::read(&[1, 2, 3]).items.is_empty());
    }
}
