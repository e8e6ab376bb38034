//! What the host does for a plugin while it decides: log lines, counters, and memory that survives a call.

#[cfg(target_family = "wasm")]
use crate::import as host;
#[cfg(not(target_family = "wasm"))]
use crate::native as host;

/// How much a log line matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Level {
    Error = 0,
    Warn = 1,
    Info = 2,
    Debug = 3,
    Trace = 4,
}

/// Writes to the router's log: 8 KiB a call, and the router limits the rate.
pub fn log(level: Level, text: &str) {
    host::log(level, text);
}

/// Adds to a counter of the plugin, seen in the router's metrics. Names are `[a-z0-9_]{1,64}`, 64 a plugin; others are ignored.
pub fn counter_add(name: &str, by: u64) {
    host::counter_add(name, by);
}

/// The value under a key of 1 to 256 bytes. A counter reads as 8 bytes, little endian.
///
/// This function and the others of its name need `grant "kv"` in the plugin's node: a module that uses one without does not load.
/// Keys and values belong to the plugin's name; they survive reloads and failures, and end with the process.
#[must_use]
pub fn kv_get(key: &[u8]) -> Option<Vec<u8>> {
    host::kv_get(key)
}

/// Stores a value for `ttl_ms` milliseconds, 0 for ever; false where there is no room.
pub fn kv_put(key: &[u8], value: &[u8], ttl_ms: u32) -> bool {
    host::kv_put(key, value, ttl_ms)
}

/// Adds to a counter and gives its value, which saturates. Absent counts as 0. None where there is no room, or where the value is
/// not a counter.
pub fn kv_add(key: &[u8], by: i64, ttl_ms: u32) -> Option<i64> {
    host::kv_add(key, by, ttl_ms)
}

/// Removes a value.
pub fn kv_delete(key: &[u8]) {
    host::kv_delete(key);
}

/// From here on, a panic is logged before it traps.
pub(crate) fn report_panics() {
    #[cfg(target_family = "wasm")]
    {
        static SET: std::sync::Once = std::sync::Once::new();
        SET.call_once(|| {
            std::panic::set_hook(Box::new(|panic| log(Level::Error, &panic.to_string())));
        });
    }
}
