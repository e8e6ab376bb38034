//! Many connections as one state machine: addresses, forwarding, settlement, connectors and failover, auto-links.
