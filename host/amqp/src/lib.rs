//! One AMQP 1.0 connection as a state machine: bytes and time in, events and bytes out.

pub mod connection;
pub mod delegation;
pub mod fault;
pub mod frame;
pub mod guard;
mod handles;
pub mod handshake;
mod links;
pub mod output;
pub mod raw;
pub mod relay;
pub mod sasl;
pub mod serial;
pub mod session;
pub mod time;
pub mod transfer;
