//! The hook `connection`: may this peer stay? Asked after SASL and the peer's open, before ours.

pub use crate::records::connection::*;
