//! One AMQP 1.0 connection as a state machine: bytes and time in, events and bytes out.
