//! The way back: while a connector is connected to an endpoint, those that come before it are tried.
//!
//! ```text
//! Waiting (hold-down) -> Ask -> Asking -> Round -> Dialing -> the better one is in use
//!    ^                                     ^          |
//!    +------- nobody is left --------------+- failed -+
//! ```

use std::collections::VecDeque;

use crosstie_amqp::time::Time;
use crosstie_model::policy::FailoverCause;

use crate::candidate::Key;
use crate::failover::Turn;

/// How far the way back is.
#[derive(Debug)]
pub(crate) enum Back {
    /// Nobody comes before the one in use, or it is to stay.
    Never,
    /// Nothing before this.
    Waiting { until: Time },
    /// Policy is asked at once.
    Ask(FailoverCause),
    /// Why, and with the candidates of the request, in its order.
    Asking(FailoverCause, Vec<Key>),
    /// Nobody is dialled before this.
    Round { left: VecDeque<Turn>, next: Time },
    /// One is dialled beside the connection.
    Dialing { key: Key, left: VecDeque<Turn> },
}
