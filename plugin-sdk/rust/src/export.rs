//! The exports of a plugin: the macro that makes a policy a module of the ABI.

/// Exports a policy as a plugin: `plugin!(Type: hook, …);` with the hooks that it implements, of `failover`, `connection`, `session`,
/// `link` and `address`. Once in a crate of type `cdylib`. Built for anything but wasm it only checks the type.
///
/// The exported symbols need no allowance for `unsafe` code in the plugin's crate.
#[macro_export]
macro_rules! plugin {
    ($policy:ty: $($hook:ident),+ $(,)?) => {
        #[cfg(target_family = "wasm")]
        const _: () = {
            static GUEST: $crate::guest::Guest<$policy> = $crate::guest::Guest::new();

            #[unsafe(no_mangle)]
            extern "C" fn policy_abi_v1() -> i32 {
                $crate::guest::ABI_MINOR
            }

            #[unsafe(no_mangle)]
            extern "C" fn policy_alloc(len: i32) -> i32 {
                GUEST.alloc(len)
            }

            #[unsafe(no_mangle)]
            extern "C" fn policy_configure(at: i32, len: i32) -> i64 {
                GUEST.enter(at, len, $crate::guest::Guest::configure)
            }

            $($crate::__export_hook!($hook);)+
        };

        #[cfg(not(target_family = "wasm"))]
        const _: () = {
            $(let _: $crate::guest::Entry<$policy> = $crate::__entry!($hook);)+
        };
    };
}

/// The export of one hook.
#[doc(hidden)]
#[macro_export]
macro_rules! __export_hook {
    (failover) => {
        #[unsafe(no_mangle)]
        extern "C" fn on_failover(at: i32, len: i32) -> i64 {
            GUEST.enter(at, len, $crate::guest::Guest::failover)
        }
    };
    (connection) => {
        #[unsafe(no_mangle)]
        extern "C" fn on_connection(at: i32, len: i32) -> i64 {
            GUEST.enter(at, len, $crate::guest::Guest::connection)
        }
    };
    (session) => {
        #[unsafe(no_mangle)]
        extern "C" fn on_session(at: i32, len: i32) -> i64 {
            GUEST.enter(at, len, $crate::guest::Guest::session)
        }
    };
    (link) => {
        #[unsafe(no_mangle)]
        extern "C" fn on_link(at: i32, len: i32) -> i64 {
            GUEST.enter(at, len, $crate::guest::Guest::link)
        }
    };
    (address) => {
        #[unsafe(no_mangle)]
        extern "C" fn on_address(at: i32, len: i32) -> i64 {
            GUEST.enter(at, len, $crate::guest::Guest::address)
        }
    };
    ($other:ident) => {
        ::core::compile_error!("the hooks are `failover`, `connection`, `session`, `link` and `address`");
    };
}

/// The entry of one hook.
#[doc(hidden)]
#[macro_export]
macro_rules! __entry {
    (failover) => {
        $crate::guest::Guest::failover
    };
    (connection) => {
        $crate::guest::Guest::connection
    };
    (session) => {
        $crate::guest::Guest::session
    };
    (link) => {
        $crate::guest::Guest::link
    };
    (address) => {
        $crate::guest::Guest::address
    };
    ($other:ident) => {
        ::core::compile_error!("the hooks are `failover`, `connection`, `session`, `link` and `address`")
    };
}
