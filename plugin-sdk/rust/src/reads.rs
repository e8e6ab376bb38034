//! The fields of requests that a plugin looks at, as its code names them.

/// What a plugin's [`READS`](crate::Plugin::READS) lists: for each hook the fields that it looks at. A field that the request does not
/// have does not compile. A list is read whole.
///
/// ```
/// use crosstie_plugin::reads;
///
/// const READS: &[&str] = reads!(connection: peer.user, peer.tls.subject; failover: candidates);
/// assert_eq!(READS, ["peer.user", "peer.tls.subject", "candidates"]);
/// ```
///
/// ```compile_fail
/// const READS: &[&str] = crosstie_plugin::reads!(connection: peer.usr);
/// ```
///
/// ```compile_fail
/// const READS: &[&str] = crosstie_plugin::reads!(failover: candidates.host);
/// ```
#[macro_export]
macro_rules! reads {
    ($($hook:ident: $($first:ident $(. $rest:ident)*),+);+ $(;)?) => {{
        $($(
            // never called
            let _ = |request: &$crate::$hook::Request<'_>| $crate::__field!(request, $first $($rest)*);
        )+)+
        &[$($(::core::concat!(::core::stringify!($first) $(, ".", ::core::stringify!($rest))*)),+),+]
    }};
}

/// A field of a record, by its path.
#[doc(hidden)]
#[macro_export]
macro_rules! __field {
    ($record:expr, $field:ident) => {{
        let _ = &$record.$field;
    }};
    ($record:expr, $field:ident $($rest:ident)+) => {
        $crate::__field!($crate::reads::Inside::inside(&$record.$field), $($rest)+)
    };
}

/// The record in a field.
#[doc(hidden)]
pub trait Inside {
    /// It, where the field is optional.
    type Record;

    /// Only its type matters: nobody calls it.
    fn inside(&self) -> &Self::Record;
}

impl<T: Inside> Inside for Option<T> {
    type Record = T::Record;

    fn inside(&self) -> &Self::Record {
        unreachable!()
    }
}
