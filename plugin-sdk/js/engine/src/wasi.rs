//! Time, chance and the report of a failure: functions of WASI preview 1, which the host answers from the request.

/// Bytes of a report; the host keeps 4 KiB.
const REPORT_MAX_BYTES: usize = 3 << 10;

/// Bytes of memory, as WASI writes them.
#[repr(C)]
struct Piece {
    at: *const u8,
    len: usize,
}

#[link(wasm_import_module = "wasi_snapshot_preview1")]
unsafe extern "C" {
    fn clock_time_get(clock: i32, precision: i64, ns: *mut u64) -> i32;
    fn random_get(at: *mut u8, len: usize) -> i32;
    fn fd_write(fd: i32, pieces: *const Piece, count: usize, written: *mut usize) -> i32;
}

/// QuickJS asks for the time here: microseconds since 1970.
#[unsafe(no_mangle)]
extern "C" fn __rquickjs_host_now_us() -> f64 {
    let mut ns = 0;
    // SAFETY: the host writes 8 bytes before it returns.
    unsafe { clock_time_get(0, 0, &raw mut ns) };
    (ns / 1000) as f64
}

/// Evenly distributed in [0, 1): of the request's seed, another one each time.
pub(crate) fn random() -> f64 {
    let mut bytes = [0; 8];
    // SAFETY: the host writes as many bytes as there are before it returns.
    unsafe { random_get(bytes.as_mut_ptr(), bytes.len()) };
    (u64::from_le_bytes(bytes) >> 11) as f64 / (1_u64 << 53) as f64
}

/// Ends the instance: the host has the report beside the trap.
pub(crate) fn fail(report: &str) -> ! {
    let mut report = report.trim_end();
    if report.len() > REPORT_MAX_BYTES {
        let end = (0..=REPORT_MAX_BYTES).rev().find(|end| report.is_char_boundary(*end));
        report = report.get(..end.unwrap_or(0)).unwrap_or_default();
    }
    let pieces = [report, "\n"].map(|text| Piece { at: text.as_ptr(), len: text.len() });
    let mut written = 0;
    // SAFETY: the host reads both pieces within their lengths, and writes 4 bytes, before it returns.
    unsafe { fd_write(2, pieces.as_ptr(), pieces.len(), &raw mut written) };
    core::arch::wasm32::unreachable()
}
