//! The management node `$management`, sans-IO: an encoded request in, an encoded reply out, and in between the
//! questions and changes that only the running router can answer.
//!
//! Source: the management model of the reference; AMQP Management working draft 9.

mod agent;
mod change;
mod create;
mod entity;
mod explain;
mod log;
mod query;
mod record;
mod refused;
mod request;
mod schema;
mod select;
mod table;
mod update;
mod value;

pub use agent::{Access, Agent, Changing, Pending, Reload, Reloading, Reply, Step};
pub use change::{AttributeValue, Attributes, Change};
pub use log::log_facts;
pub use refused::Refused;
