//! Policy: what the host asks, what may be answered, and the trait between them.

/// A question that plugins may answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Hook {
    Failover,
    Connection,
    Session,
    Link,
    Address,
}
