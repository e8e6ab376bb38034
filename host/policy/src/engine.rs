//! What runs guests. An engine makes guests of code that is loaded, and both speak the bytes of the ABI: WebAssembly (`wasm`), and
//! Rust in this process (`native`). Nothing else of the policy knows more of an engine than this.

use std::sync::Arc;

use crosstie_model::policy::Hook;
use crosstie_model::settings::Plugin as Settings;

use crate::host::Shared;
use crate::instance::Failure;
use crate::native;
use crate::request::Context;
use crate::tape::Tape;
#[cfg(feature = "wasm")]
use crate::wasm;

/// Where a guest is entered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// Once, before anything else: with what its node says.
    Configure,
    /// With what is to be decided.
    Hook(Hook),
}

/// One guest, which serves one call at a time. After a failure it is of no use.
pub(crate) trait Guest {
    /// Enters it with the bytes of a request, and gives those of its answer; `None` is no opinion.
    async fn enter(&mut self, entry: Entry, request: &[u8], context: Context) -> Result<Option<&[u8]>, Failure>;

    /// What becomes of keys and values of the calls from here on; gives what was kept of those before.
    fn set_tape(&mut self, tape: Tape) -> Tape;

    /// Fuel that it has left, a measure of instructions; absent where nobody counts.
    fn fuel(&self) -> Option<u64>;

    /// Bytes of its memory; 0 where nobody knows.
    fn memory_bytes(&self) -> u64;
}

/// Code of a plugin.
pub(crate) trait Module {
    /// What it can be asked.
    fn hooks(&self) -> Vec<Hook>;

    /// Why it cannot be asked a hook that is none of these.
    fn lacks(&self, hook: Hook) -> String;

    /// What it would call that nobody has, named for people; absent where there is nothing.
    fn unknown_imports(&self) -> Option<&str> {
        None
    }

    /// Whether what it says of its failures is told without words before it.
    fn is_script(&self) -> bool;

    /// A fresh guest, initialised and not configured.
    async fn start(&self, shared: &Arc<Shared>, settings: &Settings, context: Context) -> Result<Started, Failure>;
}

/// A fresh guest.
pub(crate) struct Started {
    pub(crate) guest: AnyGuest,
    /// What it says of itself before it is configured.
    pub(crate) declared: Option<Declared>,
}

/// What a script says of itself.
pub(crate) struct Declared {
    pub(crate) hooks: Vec<Hook>,
    pub(crate) reads: Option<Vec<String>>,
}

/// A guest of any engine.
pub(crate) enum AnyGuest {
    #[cfg(feature = "wasm")]
    Wasm(Box<wasm::Guest>),
    Native(native::Instance),
}

/// Code for any engine.
pub(crate) enum AnyModule {
    #[cfg(feature = "wasm")]
    Wasm(wasm::Module),
    Native(native::Module),
}

/// The same of whichever it is.
macro_rules! of {
    ($any:expr, $one:ident => $then:expr) => {
        match $any {
            #[cfg(feature = "wasm")]
            Self::Wasm($one) => $then,
            Self::Native($one) => $then,
        }
    };
}

impl Guest for AnyGuest {
    async fn enter(&mut self, entry: Entry, request: &[u8], context: Context) -> Result<Option<&[u8]>, Failure> {
        of!(self, guest => guest.enter(entry, request, context).await)
    }

    fn set_tape(&mut self, tape: Tape) -> Tape {
        of!(self, guest => guest.set_tape(tape))
    }

    fn fuel(&self) -> Option<u64> {
        of!(self, guest => guest.fuel())
    }

    fn memory_bytes(&self) -> u64 {
        of!(self, guest => guest.memory_bytes())
    }
}

impl Module for AnyModule {
    fn hooks(&self) -> Vec<Hook> {
        of!(self, module => module.hooks())
    }

    fn lacks(&self, hook: Hook) -> String {
        of!(self, module => module.lacks(hook))
    }

    fn unknown_imports(&self) -> Option<&str> {
        of!(self, module => module.unknown_imports())
    }

    fn is_script(&self) -> bool {
        of!(self, module => module.is_script())
    }

    async fn start(&self, shared: &Arc<Shared>, settings: &Settings, context: Context) -> Result<Started, Failure> {
        of!(self, module => module.start(shared, settings, context).await)
    }
}
