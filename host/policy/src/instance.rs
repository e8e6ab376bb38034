//! One instance of a plugin, and how a call enters it.

use crosstie_model::policy::Hook;
use crosstie_model::settings::PluginLimits;

use crate::engine::{AnyGuest, Entry, Guest};
use crate::request::Context;
use crate::tape::Tape;

/// Calls after which an instance is replaced.
pub(crate) const CALLS_MAX: u64 = 1_000_000;

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
}

/// One instance.
pub(crate) struct Instance {
    guest: AnyGuest,
    calls: u64,
}

impl Instance {
    /// One that is initialised and was never asked.
    pub(crate) const fn new(guest: AnyGuest) -> Self {
        Self { guest, calls: 0 }
    }

    /// Asks a hook; `None` is no opinion. After a failure the instance is of no use.
    pub(crate) async fn ask(
        &mut self,
        hook: Hook,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<&[u8]>, Failure> {
        self.calls = self.calls.saturating_add(1);
        self.enter(Entry::Hook(hook), request, limits, context).await
    }

    /// What becomes of keys and values of the calls from here on; gives what was kept of those before.
    pub(crate) fn set_tape(&mut self, tape: Tape) -> Tape {
        self.guest.set_tape(tape)
    }

    /// Fuel that is left, where it is counted.
    pub(crate) fn fuel(&self) -> Option<u64> {
        self.guest.fuel()
    }

    /// Whether it may be asked again.
    pub(crate) fn is_worn(&self, limits: &PluginLimits) -> bool {
        self.calls >= CALLS_MAX || self.guest.memory_bytes() > limits.memory_bytes / 4 * 3
    }

    /// As if it had been asked so often.
    #[cfg(test)]
    #[cfg(feature = "wasm")]
    pub(crate) fn age(&mut self, calls: u64) {
        self.calls = calls;
    }

    /// Enters the guest once; gives what it answers, in bytes that are not looked at.
    pub(crate) async fn enter(
        &mut self,
        entry: Entry,
        request: &[u8],
        limits: &PluginLimits,
        context: Context,
    ) -> Result<Option<&[u8]>, Failure> {
        if u32::try_from(request.len()).is_ok_and(|length| length <= limits.request_bytes) {
            within(self.guest.enter(entry, request, context).await?, limits)
        } else {
            Err(Failure::new(Cause::Refused, "the request is longer than the plugin's limit"))
        }
    }
}

/// An answer that is one, and no longer than its limit.
pub(crate) fn within<'a>(answer: Option<&'a [u8]>, limits: &PluginLimits) -> Result<Option<&'a [u8]>, Failure> {
    let fits = |length| length > 0 && u32::try_from(length).is_ok_and(|length| length <= limits.answer_bytes);
    match answer.map(<[u8]>::len).filter(|length| !fits(*length)) {
        Some(length) => Err(Failure::bad_answer(format!("an answer of {length} bytes"))),
        None => Ok(answer),
    }
}
