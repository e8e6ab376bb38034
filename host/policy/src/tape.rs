//! The tape of one call: what keys and values answered. It is kept for a record, and played again to a candidate, so that a decision is the
//! same outside its router.

use std::collections::VecDeque;

use crate::kv::Kv;

/// Bytes of keys and values that are kept of one call.
const KEPT_MAX_BYTES: usize = 64 << 10;

/// One use of keys and values, and what it gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Use {
    Get { key: Vec<u8>, value: Option<Vec<u8>> },
    Put { key: Vec<u8>, value: Vec<u8>, ttl_ms: u32, stored: bool },
    Add { key: Vec<u8>, by: i64, ttl_ms: u32, value: Option<i64> },
    Delete { key: Vec<u8> },
}

impl Use {
    pub(crate) fn key(&self) -> &[u8] {
        match self {
            Self::Get { key, .. } | Self::Put { key, .. } | Self::Add { key, .. } | Self::Delete { key } => key,
        }
    }

    fn bytes(&self) -> usize {
        let more = match self {
            Self::Get { value, .. } => value.as_ref().map_or(0, Vec::len),
            Self::Put { value, .. } => value.len(),
            Self::Add { .. } | Self::Delete { .. } => 8,
        };
        self.key().len().saturating_add(more)
    }

    /// Whether it is the same call.
    fn asks_as(&self, other: &Self) -> bool {
        let same = match (self, other) {
            (Self::Get { .. }, Self::Get { .. }) | (Self::Delete { .. }, Self::Delete { .. }) => true,
            (Self::Put { value, .. }, Self::Put { value: theirs, .. }) => value == theirs,
            (Self::Add { by, .. }, Self::Add { by: theirs, .. }) => by == theirs,
            _ => false,
        };
        same && self.key() == other.key()
    }
}

/// What becomes of a call's keys and values.
#[derive(Debug, Default)]
pub(crate) enum Tape {
    /// They are the plugin's, and nothing is kept.
    #[default]
    Off,
    /// They are the plugin's, and what they answer is kept.
    Keeping(Kept),
    /// They answer as they did before.
    Playing(Playing),
}

/// What was kept.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    pub(crate) uses: Vec<Use>,
    bytes: usize,
    /// There was more than is kept.
    pub(crate) is_cut: bool,
}

impl Kept {
    pub(crate) fn keep(&mut self, one: Use) {
        self.bytes = self.bytes.saturating_add(one.bytes());
        if self.bytes > KEPT_MAX_BYTES {
            self.is_cut = true;
        } else {
            self.uses.push(one);
        }
    }
}

/// What is played. A call that was not recorded is answered by keys and values of its own, which are empty at first, and have what was
/// written since.
#[derive(Debug)]
pub(crate) struct Playing {
    left: VecDeque<Use>,
    own: Kv,
    /// The first call that was not recorded.
    pub(crate) beyond: Option<String>,
}

impl Playing {
    pub(crate) fn new(uses: &[Use], kv_bytes: u64) -> Self {
        Self { left: uses.iter().cloned().collect(), own: Kv::new(kv_bytes), beyond: None }
    }

    /// The answer of the earliest such call that is left.
    fn recorded(&mut self, wanted: &Use) -> Option<Use> {
        let at = self.left.iter().position(|known| known.asks_as(wanted))?;
        self.left.remove(at)
    }

    /// What a use gives; it is given with what it would give if nobody knew.
    pub(crate) fn answer(&mut self, wanted: Use, now_ms: u64) -> Use {
        if let Some(recorded) = self.recorded(&wanted) {
            match &recorded {
                Use::Put { key, value, ttl_ms, .. } => drop(self.own.put(key, value, *ttl_ms, now_ms)),
                Use::Delete { key } => self.own.delete(key),
                Use::Get { .. } | Use::Add { .. } => {}
            }
            return recorded;
        }
        let mut answer = wanted;
        let word = match &mut answer {
            Use::Get { key, value } => {
                *value = self.own.get(key, now_ms);
                // it was written in this call
                (value.is_none()).then_some("get")
            }
            Use::Put { key, value, ttl_ms, stored } => {
                *stored = self.own.put(key, value, *ttl_ms, now_ms);
                Some("put")
            }
            Use::Add { key, by, ttl_ms, value } => {
                *value = self.own.add(key, *by, *ttl_ms, now_ms);
                Some("add")
            }
            Use::Delete { key } => {
                self.own.delete(key);
                Some("delete")
            }
        };
        if let Some(word) = word {
            let key = String::from_utf8_lossy(answer.key()).into_owned();
            self.beyond.get_or_insert(format!("{word} {key:?}"));
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(value: Option<&[u8]>) -> Use {
        Use::Get { key: b"k".to_vec(), value: value.map(<[u8]>::to_vec) }
    }

    fn add(by: i64, value: Option<i64>) -> Use {
        Use::Add { key: b"n".to_vec(), by, ttl_ms: 0, value }
    }

    #[test]
    fn calls_are_answered_as_they_were_each_once_and_in_any_order() {
        let mut playing = Playing::new(&[get(Some(b"1")), add(1, Some(5)), get(Some(b"2"))], 1000);
        assert_eq!(playing.answer(add(1, None), 0), add(1, Some(5)));
        assert_eq!(playing.answer(get(None), 0), get(Some(b"1")));
        assert_eq!(playing.answer(get(None), 0), get(Some(b"2")));
        assert_eq!(playing.beyond, None);
        // another amount is another call
        assert_eq!(playing.answer(add(2, None), 0), add(2, Some(2)));
        assert_eq!(playing.answer(get(None), 0), get(None));
        assert_eq!(playing.beyond.as_deref(), Some("add \"n\""));
    }

    #[test]
    fn what_was_written_in_the_call_is_read_in_it() {
        let put = |stored| Use::Put { key: b"k".to_vec(), value: b"v".to_vec(), ttl_ms: 0, stored };
        let mut playing = Playing::new(&[put(true)], 1000);
        assert_eq!(playing.answer(put(false), 0), put(true));
        assert_eq!(playing.answer(get(None), 0), get(Some(b"v")));
        assert_eq!(playing.beyond, None);
    }

    #[test]
    fn what_is_kept_has_a_limit() {
        let mut kept = Kept::default();
        kept.keep(get(Some(&[0; 100])));
        kept.keep(get(Some(&[0; KEPT_MAX_BYTES])));
        assert!(kept.is_cut && kept.uses.len() == 1);
    }
}
