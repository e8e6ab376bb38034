//! One instance of a plugin, and how a call enters it.

use crosstie_model::policy::Hook;
use crosstie_model::settings::PluginLimits;
use wasmtime::{Memory, Store, TypedFunc};

use crate::guest::State;
use crate::request::Context;
use crate::tape::Tape;
use crate::tree::Tree;

/// Calls after which an instance is replaced.
const CALLS_MAX: u64 = 1_000_000;

/// What kind of failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// The guest trapped.
    Trap,
    /// It did not answer, or was not configured, in time.
    Deadline,
    /// What it answered is not what the ABI allows.
    BadAnswer,
    /// It gave no place for the request.
    Refused,
    /// The call got no instance: all are in use or in the making. No fault of the plugin.
    Busy,
}

impl Cause {
    /// The word for the log.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Trap => "trap",
            Self::Deadline => "deadline",
            Self::BadAnswer => "bad answer",
            Self::Refused => "refused",
            Self::Busy => "busy",
        }
    }
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    /// For counting.
    pub(crate) cause: Cause,
    /// The whole story, with the guest's backtrace where there is one.
    pub(crate) detail: String,
}

impl Failure {
    pub(crate) fn bad_answer(detail: impl Into<String>) -> Self {
        Self { cause: Cause::BadAnswer, detail: detail.into() }
    }

    pub(crate) fn new(cause: Cause, detail: impl Into<String>) -> Self {
        Self { cause, detail: detail.into() }
    }

    /// Its cause and the first line of its story.
    pub(crate) fn brief(&self) -> String {
        format!("{}: {}", self.cause.as_str(), self.detail.lines().next().unwrap_or_default())
    }

    pub(crate) fn trap(error: &wasmtime::Error, state: &State) -> Self {
        let output = &state.output;
        if state.is_script {
            // where in the engine it was says nothing of the script
            let report = String::from_utf8_lossy(output).trim_end().to_owned();
            let detail = if report.is_empty() { error.root_cause().to_string() } else { report };
            return Self { cause: Cause::Trap, detail };
        }
        let mut detail = format!("{error:?}");
        if !output.is_empty() {
            detail.push_str("\nlatest output of the guest:\n");
            detail.push_str(&String::from_utf8_lossy(output));
        }
        Self { cause: Cause::Trap, detail }
    }
}

/// An entry of a guest: `(ptr, len) -> ptr << 32 | len`.
pub(crate) type Entry = TypedFunc<(i32, i32), i64>;

/// One instance.
pub(crate) struct Instance {
    store: Store<State>,
    memory: Memory,
    alloc: TypedFunc<i32, i32>,
    hooks: Vec<(Hook, Entry)>,
    calls: u64,
}

impl Instance {
    /// One that is initialised and was never asked.
    pub(crate) fn new(
        store: Store<State>,
        memory: Memory,
        alloc: TypedFunc<i32, i32>,
        hooks: Vec<(Hook, Entry)>,
    ) -> Self {
        Self { store, memory, alloc, hooks, calls: 0 }
    }

    /// Asks a hook; `None` is no opinion. After a failure the instance is of no use.
    pub(crate) async fn ask(
        &mut self,
        hook: Hook,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<Tree<'_>>, Failure> {
        let Some(entry) = self.entry(hook) else { return Ok(None) };
        self.calls = self.calls.saturating_add(1);
        self.enter(&entry, request, limits, context).await
    }

    /// What becomes of keys and values of the calls from here on; gives what was kept of those before.
    pub(crate) fn set_tape(&mut self, tape: Tape) -> Tape {
        std::mem::replace(&mut self.store.data_mut().tape, tape)
    }

    /// Where a hook is entered.
    pub(crate) fn entry(&self, hook: Hook) -> Option<Entry> {
        self.hooks.iter().find(|(known, _)| *known == hook).map(|(_, entry)| entry.clone())
    }

    /// Whether it may be asked again.
    pub(crate) fn is_worn(&self, limits: &PluginLimits) -> bool {
        let used = u64::try_from(self.memory.data_size(&self.store)).unwrap_or(u64::MAX);
        self.calls >= CALLS_MAX || used > limits.memory_bytes / 4 * 3
    }

    /// Enters the guest once: `policy_alloc`, the request, the entry.
    pub(crate) async fn enter(
        &mut self,
        entry: &Entry,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<Tree<'_>>, Failure> {
        let answer = self.exchange(entry, request, limits, context).await?;
        answer.map(Tree::decode).transpose().map_err(Failure::bad_answer)
    }

    /// As [`enter`](Self::enter), without a look at the answer.
    pub(crate) async fn exchange(
        &mut self,
        entry: &Entry,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<&[u8]>, Failure> {
        let refused = |detail: &str| Failure::new(Cause::Refused, detail);
        let length = u32::try_from(request.len()).ok().filter(|length| *length <= limits.request_bytes);
        let length = length.ok_or_else(|| refused("the request is longer than the plugin's limit"))?;
        // the clock has gone on since the last call: what is to yield is one that runs while it ticks
        self.store.set_epoch_deadline(1);
        let state = self.store.data_mut();
        state.begin(context.now_ms, context.seed);
        state.output.clear();
        let at = match self.alloc.call_async(&mut self.store, length.cast_signed()).await {
            Ok(0) => return Err(refused("policy_alloc answers 0")),
            Ok(at) => at,
            Err(error) => return Err(Failure::trap(&error, self.store.data())),
        };
        let start = usize::try_from(at.cast_unsigned()).unwrap_or(usize::MAX);
        if self.memory.write(&mut self.store, start, request).is_err() {
            return Err(refused("policy_alloc answers a range outside memory"));
        }
        self.store.data_mut().may_use_kv = true;
        match entry.call_async(&mut self.store, (at, length.cast_signed())).await {
            Ok(0) => Ok(None),
            Ok(packed) => self.answer(packed, limits).map(Some),
            Err(error) => Err(Failure::trap(&error, self.store.data())),
        }
    }

    /// The answer that `ptr << 32 | len` stands for.
    fn answer(&self, packed: i64, limits: &PluginLimits) -> Result<&[u8], Failure> {
        let [a, b, c, d, e, f, g, h] = packed.to_be_bytes();
        let wide = |bytes| usize::try_from(u32::from_be_bytes(bytes)).unwrap_or(usize::MAX);
        let (at, length) = (wide([a, b, c, d]), wide([e, f, g, h]));
        let cap = usize::try_from(limits.answer_bytes).unwrap_or(usize::MAX);
        if length == 0 || length > cap {
            return Err(Failure::bad_answer(format!("an answer of {length} bytes")));
        }
        let bytes = self.memory.data(&self.store).get(at..at.saturating_add(length));
        bytes.ok_or_else(|| Failure::bad_answer("the answer lies outside memory"))
    }
}
