//! What a plugin remembers between calls: one store for each plugin name, shared by its instances on all workers.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Bytes of a key, which has one at least.
pub(crate) const KEY_MAX_BYTES: usize = 256;

/// Bytes of a value.
pub(crate) const VALUE_MAX_BYTES: usize = 1 << 20;

/// Bytes that an entry takes beside key and value.
const ENTRY_BYTES: u64 = 64;

/// Key and value pairs with an expiry.
#[derive(Debug, Default)]
pub(crate) struct Kv {
    entries: BTreeMap<Arc<[u8]>, Entry>,
    /// What expires, and when.
    ends: BTreeSet<(u64, Arc<[u8]>)>,
    used: u64,
    limit: u64,
}

#[derive(Debug)]
struct Entry {
    value: Value,
    ends_at_ms: Option<u64>,
}

#[derive(Debug)]
enum Value {
    Bytes(Vec<u8>),
    Counter(i64),
}

impl Value {
    fn bytes(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Counter(_) => 8,
        }
    }
}

fn size(key: &[u8], value: &Value) -> u64 {
    u64::try_from(key.len()).unwrap_or(u64::MAX).saturating_add(value.bytes()).saturating_add(ENTRY_BYTES)
}

/// When what is stored now expires.
fn end(ttl_ms: u32, now_ms: u64) -> Option<u64> {
    (ttl_ms > 0).then(|| now_ms.saturating_add(ttl_ms.into()))
}

impl Kv {
    pub(crate) fn new(limit: u64) -> Self {
        Self { limit, ..Self::default() }
    }

    /// What is there beyond it stays, and nothing comes.
    pub(crate) fn set_limit(&mut self, limit: u64) {
        self.limit = limit;
    }

    pub(crate) fn clear(&mut self) {
        *self = Self::new(self.limit);
    }

    fn live(&mut self, key: &[u8], now_ms: u64) -> Option<&Value> {
        if self.entries.get(key)?.ends_at_ms.is_some_and(|end| end <= now_ms) {
            self.delete(key);
        }
        self.entries.get(key).map(|entry| &entry.value)
    }

    /// A counter reads as 8 bytes, little endian.
    pub(crate) fn get(&mut self, key: &[u8], now_ms: u64) -> Option<Vec<u8>> {
        Some(match self.live(key, now_ms)? {
            Value::Bytes(bytes) => bytes.clone(),
            Value::Counter(number) => number.to_le_bytes().to_vec(),
        })
    }

    /// Says whether there was room.
    pub(crate) fn put(&mut self, key: &[u8], value: &[u8], ttl_ms: u32, now_ms: u64) -> bool {
        value.len() <= VALUE_MAX_BYTES && self.store(key, Value::Bytes(value.to_vec()), ttl_ms, now_ms)
    }

    /// The new value; `None` without room, or where no counter stands.
    pub(crate) fn add(&mut self, key: &[u8], by: i64, ttl_ms: u32, now_ms: u64) -> Option<i64> {
        // the least number says that there is no room
        let counter = |number: i64| number.max(i64::MIN + 1);
        let value = match self.live(key, now_ms) {
            None => {
                let value = counter(by);
                return self.store(key, Value::Counter(value), ttl_ms, now_ms).then_some(value);
            }
            Some(Value::Counter(number)) => counter(number.saturating_add(by)),
            Some(Value::Bytes(_)) => return None,
        };
        let entry = self.entries.get_mut(key)?;
        entry.value = Value::Counter(value);
        let end = end(ttl_ms, now_ms);
        let before = std::mem::replace(&mut entry.ends_at_ms, end);
        if before != end {
            let (key, _) = self.entries.get_key_value(key)?;
            if let Some(before) = before {
                self.ends.remove(&(before, key.clone()));
            }
            self.ends.extend(end.map(|end| (end, key.clone())));
        }
        Some(value)
    }

    pub(crate) fn delete(&mut self, key: &[u8]) {
        if let Some((key, entry)) = self.entries.remove_entry(key) {
            self.used = self.used.saturating_sub(size(&key, &entry.value));
            if let Some(end) = entry.ends_at_ms {
                self.ends.remove(&(end, key));
            }
        }
    }

    fn store(&mut self, key: &[u8], value: Value, ttl_ms: u32, now_ms: u64) -> bool {
        if key.is_empty() || key.len() > KEY_MAX_BYTES {
            return false;
        }
        let new = size(key, &value);
        while self.used_without(key).saturating_add(new) > self.limit {
            if !self.expire_one(now_ms) {
                return false;
            }
        }
        self.delete(key);
        let key: Arc<[u8]> = key.into();
        let ends_at_ms = end(ttl_ms, now_ms);
        self.ends.extend(ends_at_ms.map(|end| (end, key.clone())));
        self.entries.insert(key, Entry { value, ends_at_ms });
        self.used = self.used.saturating_add(new);
        true
    }

    fn used_without(&self, key: &[u8]) -> u64 {
        self.used.saturating_sub(self.entries.get(key).map_or(0, |entry| size(key, &entry.value)))
    }

    /// Forgets the entry that expired first; says whether there was one.
    fn expire_one(&mut self, now_ms: u64) -> bool {
        let Some((_, key)) = self.ends.first().filter(|(end, _)| *end <= now_ms).cloned() else {
            return false;
        };
        self.delete(&key);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_count_and_expire() {
        let mut kv = Kv::new(1000);
        assert_eq!((kv.add(b"a", 2, 100, 0), kv.add(b"a", 3, 100, 50)), (Some(2), Some(5)));
        assert_eq!(kv.get(b"a", 149), Some(5_i64.to_le_bytes().to_vec()));
        assert_eq!(kv.get(b"a", 150), None);
        assert_eq!(kv.add(b"a", i64::MIN, 0, 200), Some(i64::MIN + 1));
    }

    #[test]
    fn room_is_limited_and_comes_back() {
        let mut kv = Kv::new(200);
        assert!(kv.put(b"a", &[0; 100], 10, 0));
        assert!(!kv.put(b"b", &[0; 100], 0, 5));
        assert!(kv.put(b"b", &[0; 100], 0, 10));
        kv.delete(b"b");
        assert!(kv.put(b"c", &[0; 100], 0, 10) && !kv.put(b"", b"", 0, 10));
        kv.set_limit(100);
        assert!(kv.get(b"c", 10).is_some() && !kv.put(b"d", &[0; 10], 0, 10));
        kv.set_limit(300);
        assert!(kv.put(b"d", &[0; 10], 0, 10));
        kv.delete(b"d");
        kv.set_limit(200);
        assert_eq!(kv.add(b"c", 1, 0, 10), None);
        assert!(!Kv::new(u64::MAX).put(b"d", &vec![0; VALUE_MAX_BYTES + 1], 0, 10));
    }

    #[test]
    fn an_entry_that_was_set_anew_lives_as_long_as_it_was_last_told() {
        let mut kv = Kv::new(300);
        assert!(kv.put(b"a", &[0; 100], 10, 0) && kv.put(b"a", &[0; 100], 100, 5));
        // room is wanted, and the first of both ends is past
        assert!(!kv.put(b"b", &[0; 200], 0, 50));
        assert!(kv.get(b"a", 50).is_some());
        assert!(kv.put(b"b", &[0; 200], 0, 105));
        assert!(kv.get(b"a", 105).is_none());
        let mut kv = Kv::new(100);
        assert_eq!((kv.add(b"a", 1, 10, 0), kv.add(b"a", 1, 100, 5)), (Some(1), Some(2)));
        assert!(!kv.put(b"b", &[0; 10], 0, 50) && kv.get(b"a", 50).is_some());
        // none is never
        assert_eq!(kv.add(b"a", 1, 0, 50), Some(3));
        assert!(!kv.put(b"b", &[0; 10], 0, u64::MAX) && kv.get(b"a", u64::MAX).is_some());
    }
}
