//! The policy that a plugin is: how it is configured and what it answers.

use crate::config::Node;
use crate::problem::Problems;
use crate::{address, connection, failover, link, session};

/// A policy. Each hook that is implemented must also be named in [`plugin!`](crate::plugin), or it is never asked.
///
/// `None` is no opinion: the next plugin of the chain is asked, and the router's own rule in the end. A panic is logged and fails
/// the call: the instance is dropped and what `on-failure` says applies.
///
/// The router runs several instances side by side and may replace one at any time, so what must outlast a call belongs into
/// [`host::kv_put`](crate::host::kv_put) and its companions, not into `self`.
pub trait Plugin: Sized {
    /// The request fields that the hooks look at, as [`reads!`](crate::reads!) lists them: no others are sent, which makes the
    /// question several times cheaper. Fields that are not sent read as absent: `None`, 0, empty; `crosstie plugin test` tells where a case fails for lack of one.
    /// An empty list: all are sent.
    const READS: &'static [&'static str] = &[];

    /// Reads the `config` block of the plugin's node; `config` is a node whose children are those of the block, and which has none
    /// where the block is absent.
    ///
    /// # Errors
    ///
    /// All that is wrong, each at its node: the router shows them in the file and does not start, or keeps what it has on a reload.
    fn configure(config: &Node) -> Result<Self, Problems>;

    /// Which endpoints a connector tries next, and in which order.
    fn on_failover(&mut self, request: &failover::Request<'_>) -> Option<failover::Answer> {
        let _ = request;
        None
    }

    /// Whether a peer that has authenticated and opened may stay.
    fn on_connection(&mut self, request: &connection::Request<'_>) -> Option<connection::Answer> {
        let _ = request;
        None
    }

    /// Whether a session that a peer has begun may stay.
    fn on_session(&mut self, request: &session::Request<'_>) -> Option<session::Answer> {
        let _ = request;
        None
    }

    /// Whether a link that a peer attaches may stay.
    fn on_link(&mut self, request: &link::Request<'_>) -> Option<link::Answer> {
        let _ = request;
        None
    }

    /// What becomes of an address that a peer attaches to, or uses on an anonymous link.
    fn on_address(&mut self, request: &address::Request<'_>) -> Option<address::Answer> {
        let _ = request;
        None
    }
}
