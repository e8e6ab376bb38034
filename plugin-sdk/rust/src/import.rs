//! The functions that the host lends a wasm module: module `policy_host_v1` of the ABI.
#![expect(unsafe_code, reason = "calls into the host")]

use alloc::vec;
use alloc::vec::Vec;

use crate::host::Level;

#[link(wasm_import_module = "policy_host_v1")]
unsafe extern "C" {
    #[link_name = "log"]
    fn host_log(level: i32, text: *const u8, text_len: usize);
    #[link_name = "counter_add"]
    fn host_counter_add(name: *const u8, name_len: usize, by: u64);
    #[link_name = "kv_get"]
    fn host_kv_get(key: *const u8, key_len: usize, out: *mut u8, cap: usize) -> i32;
    #[link_name = "kv_put"]
    fn host_kv_put(key: *const u8, key_len: usize, val: *const u8, val_len: usize, ttl_ms: u32) -> i32;
    #[link_name = "kv_add"]
    fn host_kv_add(key: *const u8, key_len: usize, by: i64, ttl_ms: u32) -> i64;
    #[link_name = "kv_delete"]
    fn host_kv_delete(key: *const u8, key_len: usize);
}

pub(crate) fn log(level: Level, text: &str) {
    // SAFETY: the host reads `text` within its length before it returns.
    unsafe { host_log(level as i32, text.as_ptr(), text.len()) }
}

pub(crate) fn counter_add(name: &str, by: u64) {
    // SAFETY: the host reads `name` within its length before it returns.
    unsafe { host_counter_add(name.as_ptr(), name.len(), by) }
}

pub(crate) fn kv_get(key: &[u8]) -> Option<Vec<u8>> {
    let mut value = vec![0; 64];
    loop {
        // SAFETY: the host reads `key` within its length, and writes to `value` within its length, before it returns.
        let len = unsafe { host_kv_get(key.as_ptr(), key.len(), value.as_mut_ptr(), value.len()) };
        let len = usize::try_from(len).ok()?;
        let fits = len <= value.len();
        value.resize(len, 0);
        if fits {
            return Some(value);
        }
    }
}

pub(crate) fn kv_put(key: &[u8], value: &[u8], ttl_ms: u32) -> bool {
    // SAFETY: the host reads `key` and `value` within their lengths before it returns.
    unsafe { host_kv_put(key.as_ptr(), key.len(), value.as_ptr(), value.len(), ttl_ms) == 1 }
}

pub(crate) fn kv_add(key: &[u8], by: i64, ttl_ms: u32) -> Option<i64> {
    // SAFETY: the host reads `key` within its length before it returns.
    let value = unsafe { host_kv_add(key.as_ptr(), key.len(), by, ttl_ms) };
    (value != i64::MIN).then_some(value)
}

pub(crate) fn kv_delete(key: &[u8]) {
    // SAFETY: the host reads `key` within its length before it returns.
    unsafe { host_kv_delete(key.as_ptr(), key.len()) }
}
