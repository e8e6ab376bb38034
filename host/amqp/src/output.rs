//! Bytes on their way to a peer.

use std::ops::Deref;

/// What is written to a peer's socket: new bytes come behind, those that the socket took go in front. Reads as the bytes that it has
/// not taken.
#[derive(Debug, Default)]
pub struct Output {
    bytes: Vec<u8>,
    /// Of these, what the socket took.
    taken: usize,
}

impl Output {
    /// Where new bytes are appended; what stands there already is not to be touched.
    pub(crate) const fn end(&mut self) -> &mut Vec<u8> {
        &mut self.bytes
    }

    /// Forgets what the socket took. Bytes move only when fewer are left than were taken, so that each moves once at most.
    pub fn consume(&mut self, count: usize) {
        self.taken = self.taken.saturating_add(count).min(self.bytes.len());
        if self.taken >= self.len() {
            self.bytes.drain(..self.taken);
            self.taken = 0;
        }
    }

    /// Gives memory back that an idle connection does not need.
    pub fn rest(&mut self) {
        if self.bytes.is_empty() {
            self.bytes = Vec::new();
        }
    }

    /// Takes everything out.
    pub fn take(&mut self) -> Vec<u8> {
        let Self { mut bytes, taken } = std::mem::take(self);
        bytes.drain(..taken);
        bytes
    }
}

impl Deref for Output {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.bytes.get(self.taken..).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_leave_in_the_order_in_which_they_came() {
        let mut out = Output::default();
        let (mut sent, mut came, mut total) = (Vec::new(), 0_u8, 0_usize);
        for step in 0..200_usize {
            for _ in 0..step % 7 {
                out.end().push(came);
                came = came.wrapping_add(1);
                total += 1;
            }
            let count = out.len().min(step % 5);
            sent.extend_from_slice(&out[..count]);
            out.consume(count);
            assert!(out.taken <= out.len());
        }
        sent.extend(out.take());
        assert!(out.is_empty() && sent.len() == total);
        assert!(sent.windows(2).all(|pair| pair[1] == pair[0].wrapping_add(1)));
    }
}
