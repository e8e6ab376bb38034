//! What a module without `std` lacks: memory, and what becomes of a panic.

use core::arch::wasm32;
use core::panic::PanicInfo;

use dlmalloc::GlobalDlmalloc;

use crate::host;

#[global_allocator]
static ALLOCATOR: GlobalDlmalloc = GlobalDlmalloc;

#[panic_handler]
fn panicked(panic: &PanicInfo<'_>) -> ! {
    host::log_panic(panic);
    wasm32::unreachable()
}
