//! The compiler: threads of its own for each module, one a processor. They have the priority of the thread that wants the module, so
//! that one which stepped back keeps nobody from work.

use rayon::ThreadPoolBuilder;
use wasmtime::{Engine, Module};

/// The module of these bytes.
///
/// # Errors
///
/// Why it does not compile.
pub(crate) fn compile(engine: &Engine, bytes: &[u8]) -> wasmtime::Result<Module> {
    apart(|| Module::from_binary(engine, bytes))?
}

/// Runs what wasmtime does in parallel. In the pool that a process has for all, threads would keep the priority of whoever was first.
fn apart<T: Send>(run: impl FnOnce() -> T + Send) -> wasmtime::Result<T> {
    let pool = ThreadPoolBuilder::new().thread_name(|_| "policy-compile".to_owned()).build()?;
    Ok(pool.install(run))
}

#[cfg(test)]
mod tests {
    use std::thread;

    use rustix::process::{getpriority_process, nice};

    use super::*;

    /// Name and priority of each thread of a pool.
    fn threads() -> Vec<(String, i32)> {
        let own = |_: rayon::BroadcastContext<'_>| {
            let name = thread::current().name().unwrap_or_default().to_owned();
            (name, getpriority_process(None).expect("a priority"))
        };
        apart(|| rayon::broadcast(own)).expect("a pool")
    }

    #[test]
    fn threads_that_compile_step_back_with_the_thread_that_wants_it() {
        let before = getpriority_process(None).expect("a priority");
        let all_have = |threads: &[(String, i32)], priority: i32| {
            assert!(!threads.is_empty());
            assert!(threads.iter().all(|thread| *thread == ("policy-compile".to_owned(), priority)), "{threads:?}");
        };
        all_have(&threads(), before);
        let stepped_back = thread::spawn(|| {
            nice(10).expect("whoever wants may step back");
            threads()
        });
        all_have(&stepped_back.join().expect("threads"), (before + 10).min(19));
        all_have(&threads(), before);
    }
}
