//! Names for dynamic termini, which nobody can guess. Source: the reference, 1.7.

use std::sync::atomic::{AtomicU64, Ordering};

use sha2::{Digest, Sha256};

const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+_";

/// Letters of a name: 90 bits.
const LENGTH: usize = 15;

/// Makes names, each once.
#[derive(Debug)]
pub struct Names {
    secret: [u8; 32],
    made: AtomicU64,
}

impl Names {
    /// Two with one secret make the same names.
    #[must_use]
    pub const fn new(secret: [u8; 32]) -> Self {
        Self { secret, made: AtomicU64::new(0) }
    }

    /// 15 letters, digits, `+` or `_`.
    #[must_use]
    pub fn next(&self) -> String {
        let count = self.made.fetch_add(1, Ordering::Relaxed);
        let digest = Sha256::new().chain_update(self.secret).chain_update(count.to_be_bytes()).finalize();
        let letter = |byte: &u8| LETTERS.get(usize::from(byte % 64)).copied().map_or('A', char::from);
        digest.iter().take(LENGTH).map(letter).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_differ_and_belong_to_their_secret() {
        let (one, other) = (Names::new([1; 32]), Names::new([2; 32]));
        let names = [one.next(), one.next(), other.next()];
        assert!(names.iter().all(|name| name.len() == LENGTH));
        assert!(names[0] != names[1] && names[0] != names[2]);
        assert_eq!(Names::new([1; 32]).next(), names[0]);
    }
}
