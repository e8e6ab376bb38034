//! What the host does for a plugin while it decides, whatever engine runs it: log lines, counters, keys and values.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::kv::Kv;
use crate::stats::Stats;
use crate::tape::{Tape, Use};

/// Bytes of one log call.
pub(crate) const LOG_MAX_BYTES: usize = 8 << 10;

/// Log lines of one plugin in one second.
const LOG_LINES_MAX: u32 = 100;

/// Names of counters of one plugin.
const COUNTERS_MAX: usize = 64;

/// Counts calls without a name that can be taken; no name of a plugin.
const NAMELESS: &str = "?";

/// Bytes of a counter's name.
pub(crate) const COUNTER_MAX_BYTES: usize = 64;

/// What all instances of a plugin share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    kv: Mutex<Kv>,
    counters: Mutex<BTreeMap<String, u64>>,
    pub(crate) stats: Stats,
    /// When the second began that is being counted, and its lines.
    lines: Mutex<(Option<Instant>, u32)>,
}

impl Shared {
    pub(crate) fn new(name: Arc<str>, kv_bytes: u64) -> Self {
        Self {
            name,
            kv: Mutex::new(Kv::new(kv_bytes)),
            counters: Mutex::default(),
            stats: Stats::default(),
            lines: Mutex::default(),
        }
    }

    /// Bytes of keys and values from here on.
    pub(crate) fn limit(&self, kv_bytes: u64) {
        self.kv().set_limit(kv_bytes);
    }

    /// Forgets keys and values.
    pub(crate) fn forget(&self) {
        self.kv().clear();
    }

    /// What it counts itself.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(name, count)| (name.clone(), *count)).collect()
    }

    fn kv(&self) -> MutexGuard<'_, Kv> {
        self.kv.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn log(&self, level: i32, text: &str) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        // the time of requests is none: it stands still for each, and each has its own
        if lines.0.is_none_or(|began| began.elapsed() >= Duration::from_secs(1)) {
            *lines = (Some(Instant::now()), 0);
        }
        lines.1 = lines.1.saturating_add(1);
        if lines.1 > LOG_LINES_MAX {
            return;
        }
        let plugin = &*self.name;
        match level {
            0 => tracing::error!(target: "plugin", plugin, text, "plugin says"),
            1 => tracing::warn!(target: "plugin", plugin, text, "plugin says"),
            2 => tracing::info!(target: "plugin", plugin, text, "plugin says"),
            3 => tracing::debug!(target: "plugin", plugin, text, "plugin says"),
            _ => tracing::trace!(target: "plugin", plugin, text, "plugin says"),
        }
    }

    fn count(&self, name: &[u8], by: u64) {
        let sound = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let mut counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        let known = std::str::from_utf8(name).ok();
        if let Some(counter) = known.filter(|name| *name != NAMELESS).and_then(|name| counters.get_mut(name)) {
            *counter = counter.saturating_add(by);
            return;
        }
        let known = known.filter(|_| (1..=COUNTER_MAX_BYTES).contains(&name.len()) && name.iter().all(sound));
        let names = counters.len().saturating_sub(usize::from(counters.contains_key(NAMELESS)));
        let known = known.filter(|_| names < COUNTERS_MAX);
        // of what is no name, or one too many, the calls are counted
        let (name, by) = known.map_or((NAMELESS, 1), |name| (name, by));
        let counter = counters.entry(name.to_owned()).or_default();
        *counter = counter.saturating_add(by);
    }
}

/// What one guest has of the host. Its time is that of its request.
#[derive(Debug)]
pub(crate) struct Host {
    shared: Arc<Shared>,
    tape: Tape,
    now_ms: u64,
}

impl Host {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self { shared, tape: Tape::Off, now_ms: 0 }
    }

    /// An entry begins.
    pub(crate) fn begin(&mut self, now_ms: u64) {
        self.now_ms = now_ms;
    }

    #[cfg(feature = "wasm")]
    pub(crate) const fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// What becomes of keys and values from here on; gives what was kept of those before.
    pub(crate) fn set_tape(&mut self, tape: Tape) -> Tape {
        std::mem::replace(&mut self.tape, tape)
    }

    /// Writes a line: `level` from 0, an error, to 4.
    pub(crate) fn log(&self, level: i32, text: &[u8]) {
        let text = text.get(..LOG_MAX_BYTES).unwrap_or(text);
        self.shared.log(level, &String::from_utf8_lossy(text));
    }

    /// Adds to a counter.
    pub(crate) fn count(&self, name: &[u8], by: u64) {
        self.shared.count(name, by);
    }

    pub(crate) fn get(&mut self, key: Vec<u8>) -> Option<Vec<u8>> {
        match self.answer(Use::Get { key, value: None }) {
            Use::Get { value, .. } => value,
            _ => None,
        }
    }

    /// Whether there was room.
    pub(crate) fn put(&mut self, key: Vec<u8>, value: Vec<u8>, ttl_ms: u32) -> bool {
        matches!(self.answer(Use::Put { key, value, ttl_ms, stored: false }), Use::Put { stored: true, .. })
    }

    /// The new value; `None` without room, or where no counter stands.
    pub(crate) fn add(&mut self, key: Vec<u8>, by: i64, ttl_ms: u32) -> Option<i64> {
        match self.answer(Use::Add { key, by, ttl_ms, value: None }) {
            Use::Add { value, .. } => value,
            _ => None,
        }
    }

    pub(crate) fn delete(&mut self, key: Vec<u8>) {
        self.answer(Use::Delete { key });
    }

    /// What a use of keys and values gives.
    fn answer(&mut self, wanted: Use) -> Use {
        let now_ms = self.now_ms;
        if let Tape::Playing(playing) = &mut self.tape {
            return playing.answer(wanted, now_ms);
        }
        let mut answer = wanted;
        match &mut answer {
            Use::Get { key, value } => *value = self.shared.kv().get(key, now_ms),
            Use::Put { key, value, ttl_ms, stored } => *stored = self.shared.kv().put(key, value, *ttl_ms, now_ms),
            Use::Add { key, by, ttl_ms, value } => *value = self.shared.kv().add(key, *by, *ttl_ms, now_ms),
            Use::Delete { key } => self.shared.kv().delete(key),
        }
        if let Tape::Keeping(kept) = &mut self.tape {
            kept.keep(answer.clone());
        }
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_beyond_those_that_are_kept_are_calls_without_a_name() {
        let shared = Shared::new("p".into(), 0);
        shared.count(b"Not a name", 9);
        for index in 0..COUNTERS_MAX + 2 {
            shared.count(format!("c{index}").as_bytes(), 7);
        }
        shared.count(b"c0", 7);
        let counters = shared.counters.lock().unwrap();
        let of = |name: &str| counters.get(name).copied();
        assert_eq!((of("c0"), of("c63"), of("c64"), of(NAMELESS)), (Some(14), Some(7), None, Some(3)));
    }
}
