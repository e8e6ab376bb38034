//! The way into a guest. A call from outside takes a stack and a watch for traps, so that an entry is one such call: it has
//! `policy_alloc` name a place, the host write the request there, and the function decide. That is a module of four instructions.

use std::path::Path;

use wasmtime::{Caller, Engine, Func, Instance, Module, Store, TypedFunc};

use crate::wasm::cache;
use crate::wasm::imports::State;

/// Enters a function with a request of so many bytes, which the state holds: `ptr << 32 | len` of the answer.
pub(crate) type Entrance = TypedFunc<i32, i64>;

/// The place of its frame in backtraces.
pub(crate) const FRAME: &str = "crosstie!enter";

/// The module, in text:
///
/// ```text
/// (module $crosstie
///   (import "" "alloc" (func (param i32) (result i32)))
///   (import "" "write" (func (param i32)))
///   (import "" "entry" (func (param i32 i32) (result i64)))
///   (func $enter (export "enter") (param i32) (result i64) (local i32)
///     (call 1 (local.tee 1 (call 0 (local.get 0))))
///     (call 2 (local.get 1) (local.get 0))))
/// ```
const MODULE: &[u8] = b"\0asm\x01\0\0\0\
    \x01\x15\x04\x60\x01\x7f\x01\x7f\x60\x01\x7f\0\x60\x02\x7f\x7f\x01\x7e\x60\x01\x7f\x01\x7e\
    \x02\x1c\x03\0\x05alloc\0\0\0\x05write\0\x01\0\x05entry\0\x02\
    \x03\x02\x01\x03\
    \x07\x09\x01\x05enter\0\x03\
    \x0a\x14\x01\x12\x01\x01\x7f\x20\0\x10\0\x22\x01\x10\x01\x20\x01\x20\0\x10\x02\x0b\
    \0\x1a\x04name\0\x09\x08crosstie\x01\x08\x01\x03\x05enter";

/// Makes entrances.
#[derive(Clone)]
pub(crate) struct Entrances(Module);

impl Entrances {
    /// `cache`: where compiled modules are kept.
    pub(crate) fn new(engine: &Engine, cache: Option<&Path>) -> wasmtime::Result<Self> {
        cache::compile(engine, MODULE, cache).map(Self)
    }

    /// The entrance to a function of an instance whose memory its state knows.
    pub(crate) async fn to(&self, store: &mut Store<State>, alloc: Func, entry: Func) -> wasmtime::Result<Entrance> {
        let write = Func::wrap(&mut *store, write);
        let instance = Instance::new_async(&mut *store, &self.0, &[alloc.into(), write.into(), entry.into()]).await?;
        instance.get_typed_func(&mut *store, "enter")
    }
}

/// Writes the request where the guest says.
fn write(mut guest: Caller<'_, State>, at: i32) -> wasmtime::Result<()> {
    let Some(memory) = guest.data().memory.filter(|_| at != 0) else {
        return guest.data_mut().refuse("policy_alloc answers 0");
    };
    let (bytes, state) = memory.data_and_store_mut(&mut guest);
    let start = usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX);
    match bytes.get_mut(start..).and_then(|rest| rest.get_mut(..state.request.len())) {
        Some(room) => room.copy_from_slice(&state.request),
        None => return state.refuse("policy_alloc answers a range outside memory"),
    }
    state.may_use_kv = true;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_module_is_what_its_text_says() {
        let text = r#"(module $crosstie
            (import "" "alloc" (func (param i32) (result i32)))
            (import "" "write" (func (param i32)))
            (import "" "entry" (func (param i32 i32) (result i64)))
            (func $enter (export "enter") (param i32) (result i64) (local i32)
              (call 1 (local.tee 1 (call 0 (local.get 0))))
              (call 2 (local.get 1) (local.get 0))))"#;
        assert_eq!(MODULE, wat::parse_str(text).expect("a module"));
    }
}
