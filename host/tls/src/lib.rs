//! TLS by rustls: the files of a `tls` node as what a listener or a connector speaks with, and what a peer's certificate says.

mod algorithm;
mod authority;
mod certificate;
mod expiry;
mod fault;
mod file;
mod identity;
mod key;
mod profile;
mod records;
mod server_name;
mod subject;
mod verifier;

pub use certificate::{Described, describe};
pub use expiry::{Expiry, WARN_DAYS};
pub use fault::{Blame, Fault, Faults, TOO_LONG, explain, explain_later};
pub use identity::Names;
pub use key::is_plain as is_plain_key;
pub use profile::Profile;
pub use records::{Opened, Records, first_record};
pub use server_name::AskedName;
