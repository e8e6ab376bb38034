//! Many AMQP connections as one router, sans-IO: addresses, forwarding, settlement, auto-links and failover.

pub mod address;
pub mod attach;
mod auto_link;
pub mod credit;
mod detach;
pub mod failover;
pub mod failover_list;
mod forward;
mod link;
pub mod mail;
pub mod runs;
mod settlement;
pub mod shard;
