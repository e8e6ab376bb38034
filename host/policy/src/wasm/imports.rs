//! What a guest may call: the host's functions, and as much of WASI as language runtimes need to start.

use crosstie_model::random::Random;
use crosstie_model::settings::Grant;
use wasmtime::{Caller, Extern, Linker, Memory, StoreLimits};

use crate::host::{COUNTER_MAX_BYTES, Host, LOG_MAX_BYTES};
use crate::instance::{Cause, Failure};
use crate::kv::{KEY_MAX_BYTES, VALUE_MAX_BYTES};
use crate::wasm::entrance::FRAME;

/// The module of the host's functions.
pub(crate) const HOST: &str = "policy_host_v1";

/// The module of the WASI shim.
const WASI: &str = "wasi_snapshot_preview1";

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

/// The data of one guest's store.
pub(crate) struct State {
    pub(crate) host: Host,
    pub(crate) limits: StoreLimits,
    pub(crate) memory: Option<Memory>,
    /// What it is entered with.
    pub(crate) request: Vec<u8>,
    /// Why it does not take that.
    refused: Option<&'static str>,
    /// What it writes is the report of its failure, and no line of the log.
    is_script: bool,
    /// Not in `policy_alloc` nor in `_initialize`.
    pub(crate) may_use_kv: bool,
    random: Random,
    /// Nanoseconds that the guest believes to have slept.
    slept_ns: u64,
    /// The unfinished line, and the latest of all that was written.
    line: Vec<u8>,
    output: Vec<u8>,
}

impl State {
    pub(crate) fn new(host: Host, limits: StoreLimits, is_script: bool) -> Self {
        Self {
            host,
            limits,
            memory: None,
            request: Vec::new(),
            refused: None,
            is_script,
            may_use_kv: false,
            random: Random::new(0),
            slept_ns: 0,
            line: Vec::new(),
            output: Vec::new(),
        }
    }

    /// An entry begins: its time and its chance are those of its request.
    pub(crate) fn begin(&mut self, now_ms: u64, seed: u64) {
        self.host.begin(now_ms);
        (self.random, self.slept_ns) = (Random::new(seed), 0);
        self.may_use_kv = false;
        self.refused = None;
        self.request.clear();
        self.output.clear();
    }

    /// Ends the call: the guest has no place for its request.
    pub(crate) fn refuse(&mut self, why: &'static str) -> wasmtime::Result<()> {
        self.refused = Some(why);
        Err(wasmtime::Error::msg(why))
    }

    /// The failure that is told where the guest trapped.
    pub(crate) fn trap(&self, error: &wasmtime::Error) -> Failure {
        if let Some(why) = self.refused {
            return Failure::new(Cause::Refused, why);
        }
        if self.is_script {
            // where in the engine it was says nothing of the script
            let report = String::from_utf8_lossy(&self.output).trim_end().to_owned();
            let detail = if report.is_empty() { error.root_cause().to_string() } else { report };
            return Failure::new(Cause::Trap, detail);
        }
        // what it was, which is what a line has room for, before where
        let (cause, place) = (error.root_cause().to_string(), error.to_string());
        let mut detail = cause.strip_prefix("wasm trap: ").unwrap_or(&cause).to_owned();
        if place != cause {
            place.trim_end().lines().filter(|line| !line.ends_with(FRAME)).for_each(|line| {
                detail.push('\n');
                detail.push_str(line);
            });
        }
        if !self.output.is_empty() {
            detail.push_str("\nlatest output of the guest:\n");
            detail.push_str(&String::from_utf8_lossy(&self.output));
        }
        Failure::new(Cause::Trap, detail)
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
                self.host.log(2, &line);
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

/// The grant that a function of the host needs.
pub(crate) fn grant_of(name: &str) -> Option<Grant> {
    Some(match name {
        "log" => Grant::Log,
        "counter_add" => Grant::Counter,
        "kv_get" | "kv_put" | "kv_add" | "kv_delete" => Grant::Kv,
        _ => return None,
    })
}

/// Offers to guests what is granted.
pub(crate) fn link(linker: &mut Linker<State>, grants: &[Grant]) -> wasmtime::Result<()> {
    if grants.contains(&Grant::Log) {
        linker.func_wrap(HOST, "log", |mut guest: Guest<'_>, level: i32, at: i32, len: i32| {
            let text = read(&mut guest, (at, len), LOG_MAX_BYTES)?;
            guest.data().host.log(level, &text);
            wasmtime::Result::Ok(())
        })?;
    }
    if grants.contains(&Grant::Counter) {
        linker.func_wrap(HOST, "counter_add", |mut guest: Guest<'_>, at: i32, len: i32, by: i64| {
            // one byte too many is no name either
            let name = read(&mut guest, (at, len), COUNTER_MAX_BYTES.saturating_add(1))?;
            guest.data().host.count(&name, by.cast_unsigned());
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
        let Some(value) = guest.data_mut().host.get(key) else { return wasmtime::Result::Ok(-1) };
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
            let is_stored = guest.data_mut().host.put(key, value, ttl_ms.cast_unsigned());
            wasmtime::Result::Ok(i32::from(is_stored))
        },
    )?;
    linker.func_wrap(HOST, "kv_add", |mut guest: Guest<'_>, at: i32, len: i32, by: i64, ttl_ms: i32| {
        let key = key(&mut guest, at, len)?;
        let value = guest.data_mut().host.add(key, by, ttl_ms.cast_unsigned());
        wasmtime::Result::Ok(value.unwrap_or(i64::MIN))
    })?;
    linker.func_wrap(HOST, "kv_delete", |mut guest: Guest<'_>, at: i32, len: i32| {
        let key = key(&mut guest, at, len)?;
        guest.data_mut().host.delete(key);
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
        let ns = state.host.now_ms().saturating_mul(1_000_000).saturating_add(state.slept_ns).max(1);
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
