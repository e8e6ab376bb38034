//! What the host does for a plugin while it decides: log lines, counters, and memory that survives a call.

use alloc::vec::Vec;
#[cfg(target_family = "wasm")]
use core::fmt;

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
    #[cfg(all(target_family = "wasm", feature = "std"))]
    {
        static SET: std::sync::Once = std::sync::Once::new();
        SET.call_once(|| std::panic::set_hook(std::boxed::Box::new(|panic| log_panic(panic))));
    }
}

/// Logs what a panic says. Allocates nothing, since memory may have run out.
#[cfg(target_family = "wasm")]
#[cfg_attr(
    not(any(feature = "std", feature = "runtime")),
    expect(dead_code, reason = "the plugin has its own handler")
)]
pub(crate) fn log_panic(panic: &dyn fmt::Display) {
    let mut line = Line { bytes: [0; Line::MAX_BYTES], len: 0 };
    let _ = fmt::Write::write_fmt(&mut line, format_args!("{panic}"));
    if let Some(bytes) = line.bytes.get(..line.len) {
        log(Level::Error, core::str::from_utf8(bytes).unwrap_or("a panic"));
    }
}

/// A text that is cut where it becomes too long.
#[cfg(target_family = "wasm")]
struct Line {
    bytes: [u8; Self::MAX_BYTES],
    len: usize,
}

#[cfg(target_family = "wasm")]
impl Line {
    const MAX_BYTES: usize = 1024;
}

#[cfg(target_family = "wasm")]
impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            let end = self.len + letter.len_utf8();
            letter.encode_utf8(self.bytes.get_mut(self.len..end).ok_or(fmt::Error)?);
            self.len = end;
        }
        Ok(())
    }
}
