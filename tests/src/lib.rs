//! Scripted peer, interop with real clients and brokers.
