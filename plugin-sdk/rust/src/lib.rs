//! Writing a policy plugin in Rust.
