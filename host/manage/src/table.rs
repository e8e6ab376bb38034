//! The one table of the schema: every type that is served, attribute by attribute. Names, order and types are the
//! reference's (`qdrouter.json`, `router_core/agent_*.c`).

mod address;
mod address_rule;
mod auth_service;
mod auto_link;
mod connection;
mod connection_route;
mod connector;
mod endpoint;
mod link;
mod link_route;
mod listener;
mod log;
mod management;
mod node;
mod plugin;
mod router;
mod ssl_profile;

use crate::entity::EntityType;

pub(crate) use address_rule::ADDRESS_RULE;
pub(crate) use auth_service::AUTH_SERVICE;
pub(crate) use auto_link::AUTO_LINK;
pub(crate) use connection_route::CONNECTION_ROUTE;
pub(crate) use connector::CONNECTOR;
pub(crate) use link_route::LINK_ROUTE;
pub(crate) use listener::LISTENER;
pub(crate) use management::MANAGEMENT;
pub(crate) use ssl_profile::SSL_PROFILE;

/// Every type that has entities.
pub(crate) static TYPES: [&dyn EntityType; 16] = [
    &MANAGEMENT,
    &router::ROUTER,
    &LISTENER,
    &CONNECTOR,
    &SSL_PROFILE,
    &AUTH_SERVICE,
    &log::LOG,
    &ADDRESS_RULE,
    &LINK_ROUTE,
    &AUTO_LINK,
    &CONNECTION_ROUTE,
    &connection::CONNECTION,
    &link::LINK,
    &address::ADDRESS,
    &node::NODE,
    &plugin::PLUGIN,
];

const DISTRIBUTIONS: &[&str] = &["multicast", "closest", "balanced", "unavailable"];
const DIRECTIONS: &[&str] = &["in", "out"];
