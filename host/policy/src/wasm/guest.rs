//! One guest in wasmtime, and what a call of it takes and gives.

use std::sync::Arc;

use crosstie_model::policy::Hook;
use wasmtime::{Memory, Store};

use crate::engine::{self, Entry};
use crate::instance::{Cause, Failure};
use crate::request::Context;
use crate::tape::Tape;
use crate::wasm::clock::Clock;
use crate::wasm::entrance::Entrance;
use crate::wasm::imports::State;

/// What an instance of a module exports, and how it is entered.
pub(crate) struct Exports {
    pub(crate) memory: Memory,
    pub(crate) configure: Option<Entrance>,
    pub(crate) hooks: Vec<(Hook, Entrance)>,
}

/// One instance of a module, which is initialised.
pub(crate) struct Guest {
    store: Store<State>,
    exports: Exports,
    clock: Arc<Clock>,
}

impl Guest {
    pub(crate) const fn new(store: Store<State>, exports: Exports, clock: Arc<Clock>) -> Self {
        Self { store, exports, clock }
    }

    /// Enters a function; what it answers.
    pub(crate) async fn call(
        &mut self,
        function: &Entrance,
        request: &[u8],
        context: Context,
    ) -> Result<Option<&[u8]>, Failure> {
        call(&mut self.store, (&self.exports, function), &self.clock, request, context).await
    }
}

async fn call<'s>(
    store: &'s mut Store<State>,
    (exports, function): (&Exports, &Entrance),
    clock: &Clock,
    request: &[u8],
    context: Context,
) -> Result<Option<&'s [u8]>, Failure> {
    let _running = clock.run();
    let length = i32::try_from(request.len());
    let length = length.map_err(|_| Failure::new(Cause::Refused, "the request is longer than any memory"))?;
    // the clock has gone on since the last call: what is to yield is one that runs while it ticks
    store.set_epoch_deadline(1);
    store.data_mut().begin(context.now_ms, context.seed);
    store.data_mut().request.extend_from_slice(request);
    let packed = match function.call_async(&mut *store, length).await {
        Ok(0) => return Ok(None),
        Ok(packed) => packed,
        Err(error) => return Err(store.data().trap(&error)),
    };
    let [a, b, c, d, e, f, g, h] = packed.to_be_bytes();
    let at = wide(u32::from_be_bytes([a, b, c, d]));
    let answer = match wide(u32::from_be_bytes([e, f, g, h])) {
        // wherever that lies
        0 => Some(&[][..]),
        length => exports.memory.data(&*store).get(at..at.saturating_add(length)),
    };
    answer.map(Some).ok_or_else(|| Failure::bad_answer("the answer lies outside memory"))
}

fn wide(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl engine::Guest for Guest {
    async fn enter(&mut self, entry: Entry, request: &[u8], context: Context) -> Result<Option<&[u8]>, Failure> {
        let Self { store, exports, clock } = self;
        let function = match entry {
            Entry::Configure => exports.configure.as_ref(),
            Entry::Hook(hook) => exports.hooks.iter().find(|(known, _)| *known == hook).map(|(_, function)| function),
        };
        match function {
            Some(function) => call(store, (exports, function), clock, request, context).await,
            None => Ok(None),
        }
    }

    fn set_tape(&mut self, tape: Tape) -> Tape {
        self.store.data_mut().host.set_tape(tape)
    }

    fn fuel(&self) -> Option<u64> {
        self.store.get_fuel().ok()
    }

    fn memory_bytes(&self) -> u64 {
        u64::try_from(self.exports.memory.data_size(&self.store)).unwrap_or(u64::MAX)
    }
}
