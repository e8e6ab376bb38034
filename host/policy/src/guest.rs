//! What a guest may call: the host's functions, and as much of WASI as language runtimes need to start.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use crosstie_model::random::Random;
use crosstie_model::settings::Grant;
use wasmtime::{Caller, Extern, Linker, Memory, StoreLimits};

use crate::kv::{KEY_MAX_BYTES, Kv, VALUE_MAX_BYTES};
use crate::stats::Stats;
use crate::tape::{Tape, Use};

/// The module of the host's functions.
pub(crate) const HOST: &str = "policy_host_v1";

/// The module of the WASI shim.
const WASI: &str = "wasi_snapshot_preview1";

/// Bytes of one log call.
const LOG_MAX_BYTES: usize = 8 << 10;

/// Log lines of one plugin in one second.
const LOG_LINES_MAX: u32 = 100;

/// Names of counters of one plugin.
const COUNTERS_MAX: usize = 64;

/// Counts calls without a name that can be taken; no name of a plugin.
const NAMELESS: &str = "?";

/// Bytes of a counter's name.
const COUNTER_MAX_BYTES: usize = 64;

/// Bytes of one call that asks for random numbers.
const RANDOM_MAX_BYTES: usize = 64 << 10;

/// Pieces of one write.
const PIECES_MAX: i32 = 1024;

/// WASI's "invalid argument".
const EINVAL: i32 = 28;

/// Bytes of what a guest wrote last that stand in the report of its failure.
const OUTPUT_KEPT_BYTES: usize = 4 << 10;

/// WASI's "bad file descriptor".
const EBADF: i32 = 8;

/// What all instances of a plugin share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) name: Arc<str>,
    kv: Mutex<Kv>,
    counters: Mutex<BTreeMap<String, u64>>,
    pub(crate) stats: Stats,
    /// The second that is being counted, and its lines.
    lines: Mutex<(u64, u32)>,
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
        self.kv.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// What it counts itself.
    pub(crate) fn counters(&self) -> Vec<(String, u64)> {
        let counters = self.counters.lock().unwrap_or_else(PoisonError::into_inner);
        counters.iter().map(|(name, count)| (name.clone(), *count)).collect()
    }

    fn kv(&self) -> std::sync::MutexGuard<'_, Kv> {
        self.kv.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self, level: i32, text: &str, now_ms: u64) {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        let second = now_ms / 1000;
        if lines.0 != second {
            *lines = (second, 0);
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
        let known = std::str::from_utf8(name)
            .ok()
            .filter(|_| (1..=COUNTER_MAX_BYTES).contains(&name.len()) && name.iter().all(sound));
        let names = counters.len().saturating_sub(usize::from(counters.contains_key(NAMELESS)));
        let known = known.filter(|name| names < COUNTERS_MAX || counters.contains_key(*name));
        // of what is no name, or one too many, the calls are counted
        let (name, by) = known.map_or((NAMELESS, 1), |name| (name, by));
        let counter = counters.entry(name.to_owned()).or_default();
        *counter = counter.saturating_add(by);
    }
}

/// The data of one instance's store.
pub(crate) struct State {
    pub(crate) shared: Arc<Shared>,
    pub(crate) limits: StoreLimits,
    pub(crate) memory: Option<Memory>,
    /// What it writes is the report of its failure, and no line of the log.
    pub(crate) is_script: bool,
    /// Not in `policy_alloc` nor in `_initialize`.
    pub(crate) may_use_kv: bool,
    pub(crate) tape: Tape,
    now_ms: u64,
    random: Random,
    /// Nanoseconds that the guest believes to have slept.
    slept_ns: u64,
    /// The unfinished line, and the latest of all that was written.
    line: Vec<u8>,
    pub(crate) output: Vec<u8>,
}

impl State {
    pub(crate) fn new(shared: Arc<Shared>, limits: StoreLimits) -> Self {
        Self {
            shared,
            limits,
            memory: None,
            is_script: false,
            may_use_kv: false,
            tape: Tape::Off,
            now_ms: 0,
            random: Random::new(0),
            slept_ns: 0,
            line: Vec::new(),
            output: Vec::new(),
        }
    }

    /// An entry begins: its time and its chance are those of its request.
    pub(crate) fn begin(&mut self, now_ms: u64, seed: u64) {
        (self.now_ms, self.random, self.slept_ns) = (now_ms, Random::new(seed), 0);
        self.may_use_kv = false;
        self.output.clear();
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

    fn write(&mut self, bytes: &[u8]) {
        self.output.extend_from_slice(bytes);
        let over = self.output.len().saturating_sub(OUTPUT_KEPT_BYTES);
        self.output.drain(..over);
        if self.is_script {
            return;
        }
        for byte in bytes {
            if *byte == b'\n' || self.line.len() >= LOG_MAX_BYTES {
                let line = std::mem::take(&mut self.line);
                self.shared.log(2, &String::from_utf8_lossy(&line), self.now_ms);
            }
            if *byte != b'\n' {
                self.line.push(*byte);
            }
        }
    }
}

type Guest<'a> = Caller<'a, State>;

fn memory(guest: &mut Guest<'_>) -> wasmtime::Result<Memory> {
    if let Some(memory) = guest.data().memory {
        return Ok(memory);
    }
    guest.get_export("memory").and_then(Extern::into_memory).ok_or_else(|| wasmtime::Error::msg("no memory"))
}

fn range(at: i32, len: i32) -> (usize, usize) {
    let wide = |number: i32| usize::try_from(number.cast_unsigned()).unwrap_or(usize::MAX);
    (wide(at), wide(at).saturating_add(wide(len)))
}

/// Copies bytes out of a guest, at most `cap`; a range outside its memory traps all the same.
fn read(guest: &mut Guest<'_>, (at, len): (i32, i32), cap: usize) -> wasmtime::Result<Vec<u8>> {
    let (start, end) = range(at, len);
    let memory = memory(guest)?;
    let bytes = memory.data(&*guest).get(start..end).ok_or_else(|| wasmtime::Error::msg("a range outside memory"))?;
    Ok(bytes.get(..cap).unwrap_or(bytes).to_vec())
}

fn write(guest: &mut Guest<'_>, at: i32, bytes: &[u8]) -> wasmtime::Result<()> {
    let (start, _) = range(at, 0);
    memory(guest)?.write(guest, start, bytes).map_err(|_| wasmtime::Error::msg("a range outside memory"))
}

fn write_u32(guest: &mut Guest<'_>, at: i32, number: u32) -> wasmtime::Result<()> {
    write(guest, at, &number.to_le_bytes())
}

fn key(guest: &mut Guest<'_>, at: i32, len: i32) -> wasmtime::Result<Vec<u8>> {
    if !guest.data().may_use_kv {
        return Err(wasmtime::Error::msg("key and value calls are not allowed in policy_alloc and _initialize"));
    }
    // one byte too many is no key either
    read(guest, (at, len), KEY_MAX_BYTES.saturating_add(1))
}

/// The names of the host's functions and the grant that each needs.
pub(crate) fn grant_of(name: &str) -> Option<(Grant, &'static str)> {
    Some(match name {
        "log" => (Grant::Log, "log"),
        "counter_add" => (Grant::Counter, "counter"),
        "kv_get" | "kv_put" | "kv_add" | "kv_delete" => (Grant::Kv, "kv"),
        _ => return None,
    })
}

/// Offers to guests what is granted.
pub(crate) fn link(linker: &mut Linker<State>, grants: &[Grant]) -> wasmtime::Result<()> {
    if grants.contains(&Grant::Log) {
        linker.func_wrap(HOST, "log", |mut guest: Guest<'_>, level: i32, at: i32, len: i32| {
            let text = read(&mut guest, (at, len), LOG_MAX_BYTES)?;
            let state = guest.data();
            state.shared.log(level, &String::from_utf8_lossy(&text), state.now_ms);
            wasmtime::Result::Ok(())
        })?;
    }
    if grants.contains(&Grant::Counter) {
        linker.func_wrap(HOST, "counter_add", |mut guest: Guest<'_>, at: i32, len: i32, by: i64| {
            // one byte too many is no name either
            let name = read(&mut guest, (at, len), COUNTER_MAX_BYTES.saturating_add(1))?;
            guest.data().shared.count(&name, by.cast_unsigned());
            wasmtime::Result::Ok(())
        })?;
    }
    if grants.contains(&Grant::Kv) {
        link_kv(linker)?;
    }
    link_wasi(linker)
}

fn link_kv(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(HOST, "kv_get", |mut guest: Guest<'_>, at: i32, len: i32, out: i32, cap: i32| {
        let key = key(&mut guest, at, len)?;
        let Use::Get { value: Some(value), .. } = guest.data_mut().answer(Use::Get { key, value: None }) else {
            return wasmtime::Result::Ok(-1);
        };
        let length = u32::try_from(value.len()).unwrap_or(u32::MAX);
        if length <= cap.cast_unsigned() {
            write(&mut guest, out, &value)?;
        }
        Ok(length.cast_signed())
    })?;
    linker.func_wrap(
        HOST,
        "kv_put",
        |mut guest: Guest<'_>, at: i32, len: i32, value: i32, value_len: i32, ttl_ms: i32| {
            let key = key(&mut guest, at, len)?;
            let value = read(&mut guest, (value, value_len), VALUE_MAX_BYTES.saturating_add(1))?;
            let wanted = Use::Put { key, value, ttl_ms: ttl_ms.cast_unsigned(), stored: false };
            let is_stored = matches!(guest.data_mut().answer(wanted), Use::Put { stored: true, .. });
            wasmtime::Result::Ok(i32::from(is_stored))
        },
    )?;
    linker.func_wrap(HOST, "kv_add", |mut guest: Guest<'_>, at: i32, len: i32, by: i64, ttl_ms: i32| {
        let key = key(&mut guest, at, len)?;
        let wanted = Use::Add { key, by, ttl_ms: ttl_ms.cast_unsigned(), value: None };
        let Use::Add { value: Some(value), .. } = guest.data_mut().answer(wanted) else {
            return wasmtime::Result::Ok(i64::MIN);
        };
        wasmtime::Result::Ok(value)
    })?;
    linker.func_wrap(HOST, "kv_delete", |mut guest: Guest<'_>, at: i32, len: i32| {
        let key = key(&mut guest, at, len)?;
        guest.data_mut().answer(Use::Delete { key });
        wasmtime::Result::Ok(())
    })?;
    Ok(())
}

/// A shim, not WASI: no files, no arguments, virtual time, random numbers of the request's seed.
fn link_wasi(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    for name in ["args_sizes_get", "environ_sizes_get"] {
        linker.func_wrap(WASI, name, |mut guest: Guest<'_>, count: i32, bytes: i32| {
            write_u32(&mut guest, count, 0)?;
            write_u32(&mut guest, bytes, 0)?;
            wasmtime::Result::Ok(0_i32)
        })?;
    }
    for name in ["args_get", "environ_get"] {
        linker.func_wrap(WASI, name, |_: i32, _: i32| 0_i32)?;
    }
    linker.func_wrap(WASI, "clock_time_get", |mut guest: Guest<'_>, _: i32, _: i64, out: i32| {
        let state = guest.data();
        // to the runtime of Go 0 is a clock that does not work
        let ns = state.now_ms.saturating_mul(1_000_000).saturating_add(state.slept_ns).max(1);
        write(&mut guest, out, &ns.to_le_bytes())?;
        wasmtime::Result::Ok(0_i32)
    })?;
    linker.func_wrap(WASI, "random_get", |mut guest: Guest<'_>, at: i32, len: i32| {
        let mut bytes = read(&mut guest, (at, len), RANDOM_MAX_BYTES)?;
        if usize::try_from(len.cast_unsigned()).is_ok_and(|len| len > bytes.len()) {
            return wasmtime::Result::Ok(EINVAL);
        }
        for chunk in bytes.chunks_mut(8) {
            let number = guest.data_mut().random.draw().to_le_bytes();
            for (byte, random) in chunk.iter_mut().zip(number) {
                *byte = random;
            }
        }
        write(&mut guest, at, &bytes)?;
        Ok(0_i32)
    })?;
    link_output(linker)?;
    link_poll(linker)?;
    linker.func_wrap(WASI, "sched_yield", || 0_i32)?;
    linker.func_wrap(WASI, "proc_exit", |code: i32| -> wasmtime::Result<()> {
        Err(wasmtime::Error::msg(format!("the guest exited with {code}")))
    })?;
    linker.func_wrap(WASI, "fd_close", |_: i32| EBADF)?;
    for name in ["fd_fdstat_get", "fd_fdstat_set_flags", "fd_prestat_get"] {
        linker.func_wrap(WASI, name, |_: i32, _: i32| EBADF)?;
    }
    linker.func_wrap(WASI, "fd_prestat_dir_name", |_: i32, _: i32, _: i32| EBADF)?;
    linker.func_wrap(WASI, "fd_read", |_: i32, _: i32, _: i32, _: i32| EBADF)?;
    linker.func_wrap(WASI, "fd_seek", |_: i32, _: i64, _: i32, _: i32| EBADF)?;
    Ok(())
}

fn link_output(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(WASI, "fd_write", |mut guest: Guest<'_>, fd: i32, list: i32, count: i32, out: i32| {
        if fd != 1 && fd != 2 {
            return wasmtime::Result::Ok(EBADF);
        }
        // what is written at once is limited: a guest writes the rest with its next call
        let (mut left, mut written) = (LOG_MAX_BYTES, 0_u32);
        for index in 0..count.clamp(0, PIECES_MAX) {
            let piece = read(&mut guest, (list.wrapping_add(index.wrapping_mul(8)), 8), 8)?;
            let Some(&[a, b, c, d, e, f, g, h]) = piece.first_chunk::<8>() else {
                continue;
            };
            let piece = (i32::from_le_bytes([a, b, c, d]), i32::from_le_bytes([e, f, g, h]));
            let bytes = read(&mut guest, piece, left)?;
            left = left.saturating_sub(bytes.len());
            written = written.saturating_add(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            guest.data_mut().write(&bytes);
            if left == 0 {
                break;
            }
        }
        write_u32(&mut guest, out, written)?;
        Ok(0)
    })?;
    Ok(())
}

fn link_poll(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.func_wrap(
        WASI,
        "poll_oneoff",
        |mut guest: Guest<'_>, subscriptions: i32, events: i32, count: i32, out: i32| {
            let count = count.clamp(0, 64);
            for index in 0..count {
                let entry = read(&mut guest, (subscriptions.wrapping_add(index.wrapping_mul(48)), 48), 48)?;
                let (Some(user), Some(kind)) = (entry.first_chunk::<8>(), entry.get(8)) else {
                    continue;
                };
                let mut event = [0_u8; 32];
                for (byte, from) in event.iter_mut().zip(user.iter().chain([&0, &0, kind])) {
                    *byte = *from;
                }
                if let (0, Some(timeout)) = (*kind, entry.get(24..).and_then(|at| at.first_chunk::<8>())) {
                    let state = guest.data_mut();
                    state.slept_ns = state.slept_ns.saturating_add(u64::from_le_bytes(*timeout));
                }
                write(&mut guest, events.wrapping_add(index.wrapping_mul(32)), &event)?;
            }
            write_u32(&mut guest, out, count.cast_unsigned())?;
            wasmtime::Result::Ok(0_i32)
        },
    )?;
    Ok(())
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
