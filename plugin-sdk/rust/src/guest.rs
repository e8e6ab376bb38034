//! The guest's side of the ABI: buffers, the configured policy, and what each export does. Used by [`plugin!`](crate::plugin).

use alloc::format;
use alloc::string::ToString;
use alloc::vec::Vec;
use core::cell::RefCell;

use crate::policy::Plugin;
use crate::problem::ConfigError;
use crate::reader::{Read, whole};
use crate::records::{address, connection, failover, link, session, setup};
use crate::writer::{Write, Writer};

/// The minor version of the ABI that this SDK speaks.
pub const ABI_MINOR: i32 = 0;

/// One instance of a plugin.
///
/// The host writes a request where [`alloc`](Self::alloc) says and then enters; the answer stays until the next entry. Both buffers
/// are kept between calls, so a decision allocates only what reading it and the policy allocate.
#[derive(Debug)]
pub struct Guest<P> {
    policy: RefCell<Option<P>>,
    request: RefCell<Vec<u8>>,
    answer: RefCell<Writer>,
}

#[cfg(all(target_family = "wasm", not(target_feature = "atomics")))]
#[expect(unsafe_code, reason = "a static of a module that has one thread")]
// SAFETY: the ABI has no threads, and a module without atomics has one: nothing is shared.
unsafe impl<P> Sync for Guest<P> {}

/// What an export does with the bytes of its request; true where it leaves an answer.
pub type Entry<P> = fn(&Guest<P>, &[u8]) -> bool;

impl<P: Plugin> Guest<P> {
    /// An instance that is not configured.
    #[must_use]
    #[expect(clippy::new_without_default, reason = "made in one place, the macro")]
    pub const fn new() -> Self {
        Self { policy: RefCell::new(None), request: RefCell::new(Vec::new()), answer: RefCell::new(Writer::new()) }
    }

    /// Where the next request may be written; 0 where there is no room.
    pub fn alloc(&self, len: i32) -> i32 {
        let mut buffer = self.request.borrow_mut();
        let Some(len) = size(len).filter(|len| *len > 0) else {
            return 0;
        };
        let more = len.saturating_sub(buffer.len());
        if more > 0 {
            if buffer.try_reserve_exact(more).is_err() {
                return 0;
            }
            buffer.resize(len, 0);
        }
        // Exposed, because the host writes there.
        word(buffer.as_mut_ptr().expose_provenance())
    }

    /// Runs an entry on the request that was written; the place of the answer as ABI.md packs it, 0 where there is none.
    pub fn enter(&self, at: i32, len: i32, entry: Entry<P>) -> i64 {
        crate::host::report_panics();
        let request = self.request.borrow();
        let bytes =
            size(len).filter(|_| at == word(request.as_ptr().expose_provenance())).and_then(|len| request.get(..len));
        let answered = match bytes {
            Some(bytes) => entry(self, bytes),
            None => fail("the request does not lie where it was to be written"),
        };
        if !answered {
            return 0;
        }
        let answer = self.answer.borrow();
        let answer = answer.as_slice();
        let at = u64::from(word(answer.as_ptr().expose_provenance()).cast_unsigned());
        let len = u64::from(word(answer.len()).cast_unsigned());
        (at << 32 | len).cast_signed()
    }

    /// Runs an entry natively; the bytes of the answer where there is one.
    pub fn call(&self, entry: Entry<P>, request: &[u8]) -> Option<Vec<u8>> {
        entry(self, request).then(|| self.answer.borrow().as_slice().to_vec())
    }

    /// `policy_configure`.
    pub fn configure(&self, bytes: &[u8]) -> bool {
        let mut request = setup::Request::default();
        read(bytes, &mut request);
        match P::configure(&request.config) {
            Ok(policy) => {
                self.policy.replace(Some(policy));
                // as the schema writes the names that Rust has
                let reads = P::READS.iter().map(|path| path.replace('_', "-")).collect();
                let answer = setup::Answer { reads: Some(reads), ..setup::Answer::default() };
                self.put((!P::READS.is_empty()).then_some(answer))
            }
            Err(problems) => {
                let problems = problems.errors().iter().map(problem).collect();
                self.put(Some(setup::Answer { problems, ..setup::Answer::default() }))
            }
        }
    }

    /// `on_failover`.
    pub fn failover(&self, bytes: &[u8]) -> bool {
        let mut request = failover::Request::default();
        read(bytes, &mut request);
        self.ask(|policy| policy.on_failover(&request))
    }

    /// `on_connection`.
    pub fn connection(&self, bytes: &[u8]) -> bool {
        let mut request = connection::Request::default();
        read(bytes, &mut request);
        self.ask(|policy| policy.on_connection(&request))
    }

    /// `on_session`.
    pub fn session(&self, bytes: &[u8]) -> bool {
        let mut request = session::Request::default();
        read(bytes, &mut request);
        self.ask(|policy| policy.on_session(&request))
    }

    /// `on_link`.
    pub fn link(&self, bytes: &[u8]) -> bool {
        let mut request = link::Request::default();
        read(bytes, &mut request);
        self.ask(|policy| policy.on_link(&request))
    }

    /// `on_address`.
    pub fn address(&self, bytes: &[u8]) -> bool {
        let mut request = address::Request::default();
        read(bytes, &mut request);
        self.ask(|policy| policy.on_address(&request))
    }

    fn ask<A: Write>(&self, hook: impl FnOnce(&mut P) -> Option<A>) -> bool {
        match self.policy.borrow_mut().as_mut() {
            Some(policy) => self.put(hook(policy)),
            None => fail("asked before it was configured"),
        }
    }

    fn put(&self, answer: Option<impl Write>) -> bool {
        let mut out = self.answer.borrow_mut();
        out.clear();
        if let Some(answer) = &answer {
            answer.write(&mut out);
        }
        answer.is_some()
    }
}

/// The schema has no field for a hint, so it travels in the message.
fn problem(error: &ConfigError) -> setup::Problem {
    setup::Problem { message: error.to_string(), path: error.path.clone() }
}

/// A request that cannot be read must not pass for one without an opinion.
fn read<'b>(bytes: &'b [u8], into: &mut impl Read<'b>) {
    if let Err(fault) = whole(bytes, into) {
        fail(&format!("unreadable request: {fault}"));
    }
}

#[expect(clippy::panic, reason = "a trap is how a guest fails: only its own instance ends")]
fn fail(reason: &str) -> ! {
    panic!("{reason}")
}

fn size(len: i32) -> Option<usize> {
    usize::try_from(len.cast_unsigned()).ok()
}

/// An address or a length as the host sees it. In wasm every one fits; a native address that does not fit counts as none.
fn word(value: usize) -> i32 {
    u32::try_from(value).map_or(0, u32::cast_signed)
}
