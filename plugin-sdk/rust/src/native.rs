//! A host for native tests: remembers, for each thread, what a plugin logged, counted and stored. Another one may take its place.

use alloc::borrow::ToOwned;
use alloc::collections::BTreeMap;
use alloc::rc::Rc;
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
    static OTHER: RefCell<Option<Rc<dyn Functions>>> = RefCell::default();
}

/// What a host does for a plugin; see [`host`](crate::host).
#[expect(missing_docs, reason = "they are told there")]
pub trait Functions {
    fn log(&self, level: Level, text: &str);
    fn counter_add(&self, name: &str, by: u64);
    fn kv_get(&self, key: &[u8]) -> Option<Vec<u8>>;
    fn kv_put(&self, key: &[u8], value: &[u8], ttl_ms: u32) -> bool;
    fn kv_add(&self, key: &[u8], by: i64, ttl_ms: u32) -> Option<i64>;
    fn kv_delete(&self, key: &[u8]);
}

/// Runs with these functions in the place of this host, on this thread.
pub fn with<T>(functions: Rc<dyn Functions>, run: impl FnOnce() -> T) -> T {
    /// Puts back what was there before, also where a plugin panics.
    struct Before(Option<Rc<dyn Functions>>);
    impl Drop for Before {
        fn drop(&mut self) {
            OTHER.set(self.0.take());
        }
    }
    let _before = Before(OTHER.replace(Some(functions)));
    run()
}

fn other() -> Option<Rc<dyn Functions>> {
    OTHER.with_borrow(Clone::clone)
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
    if let Some(other) = other() {
        return other.log(level, text);
    }
    HOST.with_borrow_mut(|host| host.lines.push((level, text.to_owned())));
}

pub(crate) fn counter_add(name: &str, by: u64) {
    if let Some(other) = other() {
        return other.counter_add(name, by);
    }
    HOST.with_borrow_mut(|host| {
        let counter = host.counters.entry(name.to_owned()).or_default();
        *counter = counter.saturating_add(by);
    });
}

pub(crate) fn kv_get(key: &[u8]) -> Option<Vec<u8>> {
    if let Some(other) = other() {
        return other.kv_get(key);
    }
    HOST.with_borrow(|host| {
        host.values.get(key).map(|stored| match &stored.value {
            Kind::Bytes(bytes) => bytes.clone(),
            Kind::Counter(value) => value.to_le_bytes().to_vec(),
        })
    })
}

pub(crate) fn kv_put(key: &[u8], value: &[u8], ttl_ms: u32) -> bool {
    if let Some(other) = other() {
        return other.kv_put(key, value, ttl_ms);
    }
    HOST.with_borrow_mut(|host| host.store(key, Kind::Bytes(value.to_vec()), ttl_ms));
    true
}

pub(crate) fn kv_add(key: &[u8], by: i64, ttl_ms: u32) -> Option<i64> {
    if let Some(other) = other() {
        return other.kv_add(key, by, ttl_ms);
    }
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
    if let Some(other) = other() {
        return other.kv_delete(key);
    }
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

    /// Counts, and has nothing else.
    #[derive(Default)]
    struct Other(std::cell::Cell<u64>);

    impl Functions for Other {
        fn log(&self, _: Level, _: &str) {}

        fn counter_add(&self, _: &str, by: u64) {
            self.0.set(self.0.get() + by);
        }

        fn kv_get(&self, _: &[u8]) -> Option<Vec<u8>> {
            Some(b"theirs".to_vec())
        }

        fn kv_put(&self, _: &[u8], _: &[u8], _: u32) -> bool {
            false
        }

        fn kv_add(&self, _: &[u8], _: i64, _: u32) -> Option<i64> {
            None
        }

        fn kv_delete(&self, _: &[u8]) {}
    }

    #[test]
    fn another_host_takes_the_place_for_a_while() {
        let other = Rc::new(Other::default());
        with(other.clone(), || {
            crate::host::counter_add("asked", 3);
            assert!(!kv_put(b"name", b"value", 0));
            assert_eq!((kv_add(b"rate", 1, 0), kv_get(b"name")), (None, Some(b"theirs".to_vec())));
        });
        assert_eq!((other.0.get(), counter("asked"), kv_get(b"name")), (3, 0, None));
        let panicked = std::panic::catch_unwind(|| with(Rc::new(Other::default()), || panic!("no")));
        assert!(panicked.is_err() && kv_get(b"name").is_none());
    }
}
