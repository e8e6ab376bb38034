//! Sockets and timers: the only place that knows tokio beside the binary.
