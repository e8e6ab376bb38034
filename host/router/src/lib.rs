//! Many AMQP connections as one router, sans-IO: addresses, forwarding, settlement, auto-links and failover.

pub mod address;
pub mod attach;
mod auto_link;
pub mod buffered;
mod candidate;
pub mod counters;
pub mod credit;
mod deliver;
mod detach;
pub mod dynamic;
pub mod failover;
pub mod failover_list;
pub mod forward;
mod head;
mod lane;
mod link;
pub mod mail;
pub mod name;
mod node;
pub mod runs;
mod settlement;
pub mod shard;
pub mod survey;
mod tally;
mod terminus;
pub mod watch;
