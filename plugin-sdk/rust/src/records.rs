//! The records of `policy.wit`: types, readers of requests, writers of answers. All of it is made by `plugin-sdk/generate`.

pub(crate) mod address;
pub(crate) mod connection;
pub(crate) mod failover;
pub(crate) mod link;
pub(crate) mod peer;
pub(crate) mod refusal;
pub(crate) mod session;
pub(crate) mod setup;
