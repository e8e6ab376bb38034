//! Buffers, and what is kept from one entry to the next.

use std::cell::RefCell;

use crate::script::Script;
use crate::wasi;

/// One instance.
#[derive(Default)]
pub(crate) struct Guest {
    request: Vec<u8>,
    answer: Vec<u8>,
    pub(crate) script: Option<Script>,
}

thread_local! {
    static GUEST: RefCell<Guest> = RefCell::default();
}

/// See `policy_alloc`.
pub(crate) fn alloc(len: i32) -> i32 {
    let Some(len) = size(len).filter(|len| *len > 0) else { return 0 };
    GUEST.with_borrow_mut(|guest| {
        let more = len.saturating_sub(guest.request.len());
        if more > 0 {
            if guest.request.try_reserve_exact(more).is_err() {
                return 0;
            }
            guest.request.resize(len, 0);
        }
        // exposed, because the host writes there
        word(guest.request.as_mut_ptr().expose_provenance())
    })
}

/// Runs an entry on the request that was written. A failure is told to the host, and traps.
pub(crate) fn enter(
    at: i32,
    len: i32,
    entry: impl FnOnce(&mut Guest, &[u8]) -> Result<Option<Vec<u8>>, String>,
) -> i64 {
    GUEST.with_borrow_mut(|guest| {
        let request = std::mem::take(&mut guest.request);
        let bytes =
            size(len).filter(|_| at == word(request.as_ptr().expose_provenance())).and_then(|len| request.get(..len));
        let answered = match bytes {
            Some(bytes) => entry(guest, bytes),
            None => Err("the request does not lie where it was to be written".to_owned()),
        };
        guest.request = request;
        match answered {
            Ok(None) => 0,
            Ok(Some(answer)) => {
                guest.answer = answer;
                let at = u64::from(word(guest.answer.as_ptr().expose_provenance()).cast_unsigned());
                let len = u64::from(word(guest.answer.len()).cast_unsigned());
                (at << 32 | len).cast_signed()
            }
            Err(report) => wasi::fail(&report),
        }
    })
}

fn size(len: i32) -> Option<usize> {
    usize::try_from(len.cast_unsigned()).ok()
}

/// An address or a length as the host sees it.
fn word(value: usize) -> i32 {
    u32::try_from(value).map_or(0, u32::cast_signed)
}
