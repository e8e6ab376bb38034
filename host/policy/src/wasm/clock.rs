//! The clock that makes guests yield. It stands still while no guest runs: a thread that wakes every millisecond costs an
//! idle router, or one with little to do, more than all else.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, Thread};
use std::time::Duration;

use wasmtime::Engine;

/// How often a guest that computes lets others run.
const TICK: Duration = Duration::from_millis(1);

/// The same while none was found running: the first tick of one that begins to compute then.
const SLOW_TICK: Duration = Duration::from_millis(4);

/// Ticks without a guest after which the clock stops, so that calls which follow each other do not wake it each time.
const IDLE_TICKS_MAX: u32 = 8;

/// The clock of one engine. Its thread ends with it.
#[derive(Debug)]
pub(crate) struct Clock {
    state: Arc<State>,
    thread: Thread,
}

#[derive(Debug, Default)]
struct State {
    /// Guests that run.
    running: AtomicU32,
    is_stopped: AtomicBool,
    is_over: AtomicBool,
}

/// While it is there, a guest may run.
#[derive(Debug)]
pub(crate) struct Running<'c>(&'c State);

impl Clock {
    pub(crate) fn new(engine: &Engine) -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let (engine, shared) = (engine.clone(), state.clone());
        let run = move || shared.run(|| engine.increment_epoch());
        let thread = thread::Builder::new().name("policy-clock".to_owned()).spawn(run)?.thread().clone();
        Ok(Self { state, thread })
    }

    /// Lets the clock run until the answer is dropped.
    pub(crate) fn run(&self) -> Running<'_> {
        self.state.running.fetch_add(1, Ordering::SeqCst);
        if self.state.is_stopped.swap(false, Ordering::SeqCst) {
            self.thread.unpark();
        }
        Running(&self.state)
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        self.state.is_over.store(true, Ordering::SeqCst);
        self.thread.unpark();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        self.0.running.fetch_sub(1, Ordering::SeqCst);
    }
}

impl State {
    fn run(&self, tick: impl Fn()) {
        let mut idle = 0_u32;
        while !self.is_over.load(Ordering::SeqCst) {
            if idle < IDLE_TICKS_MAX {
                thread::sleep(if idle == 0 { TICK } else { SLOW_TICK });
                tick();
                idle = if self.is_needed() { 0 } else { idle.saturating_add(1) };
                continue;
            }
            self.is_stopped.store(true, Ordering::SeqCst);
            // who came before that did not see it
            if !self.is_needed() && !self.is_over.load(Ordering::SeqCst) {
                thread::park();
            }
            self.is_stopped.store(false, Ordering::SeqCst);
            idle = 0;
        }
    }

    fn is_needed(&self) -> bool {
        self.running.load(Ordering::SeqCst) > 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_ticks_while_a_guest_runs_and_then_stops() {
        let (state, ticks) = (Arc::new(State::default()), Arc::new(AtomicU32::new(0)));
        let (shared, counted) = (state.clone(), ticks.clone());
        let thread = thread::spawn(move || {
            shared.run(|| {
                counted.fetch_add(1, Ordering::SeqCst);
            });
        });
        let clock = Clock { state: state.clone(), thread: thread.thread().clone() };
        let wait = |until: &dyn Fn() -> bool| {
            for _ in 0..5000 {
                if until() {
                    return;
                }
                thread::sleep(TICK);
            }
            panic!("nothing happened for five seconds");
        };
        let stopped = || state.is_stopped.load(Ordering::SeqCst);
        wait(&stopped);
        let before = ticks.load(Ordering::SeqCst);
        thread::sleep(TICK * 20);
        assert_eq!(ticks.load(Ordering::SeqCst), before);
        let running = clock.run();
        wait(&|| ticks.load(Ordering::SeqCst) > before + 2 * IDLE_TICKS_MAX);
        assert!(!stopped());
        drop(running);
        wait(&stopped);
        drop(clock);
        assert!(thread.join().is_ok());
    }
}
