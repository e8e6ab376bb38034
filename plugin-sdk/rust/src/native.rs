//! A host for native tests: remembers, for each thread, what a plugin logged, counted and stored.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::cell::RefCell;
use std::thread_local;

use crate::host::Level;

#[derive(Debug, Default)]
struct Host {
    now_ms: u64,
    lines: Vec<(Level, String)>,
    counters: BTreeMap<String, u64>,
    values: BTreeMap<Vec<u8>, Stored>,
}

#[derive(Debug)]
struct Stored {
    value: Kind,
    ends_at_ms: Option<u64>,
}

#[derive(Debug)]
enum Kind {
    Bytes(Vec<u8>),
    Counter(i64),
}

thread_local! {
    static HOST: RefCell<Host> = RefCell::default();
}

/// What was logged, in order.
#[must_use]
pub fn lines() -> Vec<(Level, String)> {
    HOST.with_borrow(|host| host.lines.clone())
}

/// The value of a counter, 0 where nothing was added.
#[must_use]
pub fn counter(name: &str) -> u64 {
    HOST.with_borrow(|host| host.counters.get(name).copied().unwrap_or_default())
}

/// Lets time pass for what is stored with an expiry.
pub fn pass_ms(ms: u64) {
    HOST.with_borrow_mut(|host| {
        host.now_ms = host.now_ms.saturating_add(ms);
        let now_ms = host.now_ms;
        (host.values).retain(|_, stored| stored.ends_at_ms.is_none_or(|end| end > now_ms));
    });
}

pub(crate) fn log(level: Level, text: &str) {
    HOST.with_borrow_mut(|host| host.lines.push((level, text.to_owned())));
}

pub(crate) fn counter_add(name: &str, by: u64) {
    HOST.with_borrow_mut(|host| {
        let counter = host.counters.entry(name.to_owned()).or_default();
        *counter = counter.saturating_add(by);
    });
}

pub(crate) fn kv_get(key: &[u8]) -> Option<Vec<u8>> {
    HOST.with_borrow(|host| {
        host.values.get(key).map(|stored| match &stored.value {
            Kind::Bytes(bytes) => bytes.clone(),
            Kind::Counter(value) => value.to_le_bytes().to_vec(),
        })
    })
}

pub(crate) fn kv_put(key: &[u8], value: &[u8], ttl_ms: u32) -> bool {
    HOST.with_borrow_mut(|host| host.store(key, Kind::Bytes(value.to_vec()), ttl_ms));
    true
}

pub(crate) fn kv_add(key: &[u8], by: i64, ttl_ms: u32) -> Option<i64> {
    HOST.with_borrow_mut(|host| {
        let value = match host.values.get(key).map(|stored| &stored.value) {
            None => by,
            Some(Kind::Counter(value)) => value.saturating_add(by),
            Some(Kind::Bytes(_)) => return None,
        };
        host.store(key, Kind::Counter(value), ttl_ms);
        Some(value)
    })
}

pub(crate) fn kv_delete(key: &[u8]) {
    HOST.with_borrow_mut(|host| drop(host.values.remove(key)));
}

impl Host {
    /// A time to live replaces the one before; 0 is none.
    fn store(&mut self, key: &[u8], value: Kind, ttl_ms: u32) {
        let ends_at_ms = (ttl_ms > 0).then(|| self.now_ms.saturating_add(u64::from(ttl_ms)));
        self.values.insert(key.to_vec(), Stored { value, ends_at_ms });
    }
}

#[cfg(test)]
mod tests {
    use crate::host::{kv_add, kv_delete, kv_get, kv_put};

    use super::*;

    #[test]
    fn a_counter_counts_until_its_time_is_over() {
        assert_eq!(kv_add(b"rate", 2, 1000), Some(2));
        pass_ms(900);
        assert_eq!(kv_add(b"rate", 3, 1000), Some(5));
        pass_ms(900);
        assert_eq!(kv_get(b"rate"), Some(5i64.to_le_bytes().to_vec()));
        pass_ms(100);
        assert_eq!(kv_get(b"rate"), None);
    }

    #[test]
    fn a_value_is_no_counter() {
        assert!(kv_put(b"name", b"value", 0));
        assert_eq!(kv_add(b"name", 1, 0), None);
        kv_delete(b"name");
        assert_eq!(kv_add(b"name", 1, 0), Some(1));
    }
}
