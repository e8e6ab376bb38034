//! Memory that nobody uses goes back to the system: the allocator keeps what a load needed long after it is gone.

use std::time::Duration;

/// Between looks.
const INTERVAL: Duration = Duration::from_secs(5);

/// A process that used less CPU time than this since the last look has time to tidy up.
const IDLE: Duration = Duration::from_millis(250);

/// A process that used less than this since it tidied up last has freed nothing to speak of.
const WORTH: Duration = Duration::from_millis(20);

/// Looks now and then, for as long as it is polled.
pub(crate) async fn give_back() {
    let mut tidied = cpu_time();
    let mut used = tidied;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let before = std::mem::replace(&mut used, cpu_time());
        if used.saturating_sub(before) < IDLE && used.saturating_sub(tidied) > WORTH {
            trim();
            tidied = cpu_time();
        }
    }
}

/// What all threads used.
fn cpu_time() -> Duration {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::try_from(used).unwrap_or_default()
}

#[cfg(target_env = "gnu")]
#[expect(unsafe_code, reason = "a function of the C library that takes no pointer")]
fn trim() {
    // SAFETY: it may be called at any time, from any thread.
    unsafe { libc::malloc_trim(0) };
}

#[cfg(not(target_env = "gnu"))]
const fn trim() {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes of this process that are in memory.
    fn resident() -> Option<u64> {
        let pages = std::fs::read_to_string("/proc/self/statm").ok()?;
        let pages: u64 = pages.split(' ').nth(1)?.parse().ok()?;
        Some(pages * u64::try_from(rustix::param::page_size()).ok()?)
    }

    #[test]
    fn what_was_freed_is_given_back() {
        // pieces too small to be mapped on their own, with one at the end that keeps the heap from shrinking by itself
        let mut pieces: Vec<Vec<u8>> = (0..2000).map(|_| vec![1; 32 << 10]).collect();
        let keeps = pieces.pop();
        let full = resident().expect("Linux says it");
        drop(pieces);
        trim();
        let left = resident().expect("Linux says it");
        assert!(left + (48 << 20) < full, "{full} bytes before, {left} after");
        drop(keeps);
    }
}
