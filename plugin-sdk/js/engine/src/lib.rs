//! Policy in JavaScript: QuickJS behind the exports of the policy ABI (`plugin-sdk/spec/ABI.md`), and `policy_script`, by which it gets
//! its script. What a script sees is told in `plugin-sdk/js/README.md`.

mod answer;
mod fault;
mod guest;
mod host;
mod request;
mod script;
mod wasi;

use crate::guest::enter;
use crate::script::{Entry, Script};

/// The minor version of the ABI.
#[unsafe(no_mangle)]
extern "C" fn policy_abi_v1() -> i32 {
    0
}

/// Where the next request may be written; 0 where there is no room.
#[unsafe(no_mangle)]
extern "C" fn policy_alloc(len: i32) -> i32 {
    guest::alloc(len)
}

/// Takes a script, once, before everything else: a map of `file`, its name, `script`, its text, and `granted`, words as in the request
/// of `policy_configure`. Answers as that does: the `hooks` that the script has functions for, and the `reads` that it declares.
#[unsafe(no_mangle)]
extern "C" fn policy_script(at: i32, len: i32) -> i64 {
    std::panic::set_hook(Box::new(|panic| wasi::fail(&panic.to_string())));
    enter(at, len, |guest, request| {
        let (script, answer) = Script::new(request)?;
        guest.script = Some(script);
        Ok(Some(answer))
    })
}

macro_rules! entries {
    ($($name:ident: $entry:ident),+ $(,)?) => {
        $(
            #[unsafe(no_mangle)]
            extern "C" fn $name(at: i32, len: i32) -> i64 {
                enter(at, len, |guest, request| match &guest.script {
                    Some(script) => script.call(Entry::$entry, request),
                    None => Err("asked before it has a script".to_owned()),
                })
            }
        )+
    };
}

entries! {
    policy_configure: Configure,
    on_failover: Failover,
    on_connection: Connection,
    on_session: Session,
    on_link: Link,
    on_address: Address,
}
