//! Lines of the log that a peer can have written as often as it likes: of one connection some in a minute, and how many the others were.

use std::time::Duration;

use crosstie_amqp::time::Time;

use crate::address::ConnectionRef;
use crate::shard::Shard;

/// Lines about one connection within [`SPAN`].
const LINES_MAX: u32 = 20;

const SPAN: Duration = Duration::from_secs(60);

/// What was written about a connection.
#[derive(Debug, Default)]
pub(crate) struct Repeats {
    since: Time,
    lines: u32,
    left_out: u64,
}

/// A line that may be written.
#[derive(Debug, PartialEq, Eq)]
pub struct Line {
    /// How many about the same connection were not, since one was; absent: none.
    pub left_out: Option<u64>,
}

impl Repeats {
    pub(crate) fn take(&mut self, now: Time) -> Option<Line> {
        if self.lines == 0 || now.since(self.since) >= SPAN {
            (self.since, self.lines) = (now, 0);
        }
        if self.lines >= LINES_MAX {
            self.left_out = self.left_out.saturating_add(1);
            return None;
        }
        self.lines = self.lines.saturating_add(1);
        Some(Line { left_out: self.take_left_out() })
    }

    fn take_left_out(&mut self) -> Option<u64> {
        Some(std::mem::take(&mut self.left_out)).filter(|count| *count > 0)
    }
}

impl Shard {
    /// Asks for a line about what a peer did, which it can do again at once. `None`: it has had enough of them, or it is gone.
    pub fn line(&mut self, now: Time, at: ConnectionRef) -> Option<Line> {
        self.peer_mut(at)?.repeats.take(now)
    }

    /// Its last line: how many it did not have.
    pub(crate) fn tell_left_out(&mut self, at: ConnectionRef) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        if let Some(left_out) = peer.repeats.take_left_out() {
            let (container_id, peer_addr) = (&peer.meta.container_id, &peer.meta.peer_addr);
            tracing::info!(target: "connection", left_out, peer.addr = peer_addr, container.id = container_id,
                "further lines about what it did were left out");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_minute_has_some_lines_and_the_next_one_says_how_many_there_were_besides() {
        let mut repeats = Repeats::default();
        let start = Time(5_000_000);
        for round in 0..3_u64 {
            let now = start + SPAN * u32::try_from(round).unwrap();
            let first = repeats.take(now);
            assert_eq!(first, Some(Line { left_out: (round > 0).then_some(100) }), "{round}");
            let written = (1..LINES_MAX).filter(|_| repeats.take(now) == Some(Line { left_out: None })).count();
            assert_eq!(written, usize::try_from(LINES_MAX - 1).unwrap());
            let later = now + (SPAN - Duration::from_micros(1));
            assert!((0..100).all(|_| repeats.take(later).is_none()), "{round}");
        }
        assert_eq!((repeats.take_left_out(), repeats.take_left_out()), (Some(100), None));
    }
}
