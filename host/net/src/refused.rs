//! Refusals: who asked, and what is remembered of it for whoever asks why.

use crosstie_model::policy::Denial;
use crosstie_model::trail::{Refused, Trail};
use crosstie_router::address::ConnectionRef;
use fe2o3_amqp_types::definitions::Error;

use crate::question::refusal;
use crate::socket::Identity;
use crate::worker::Worker;

/// A denial, and what plugins said, it included.
pub(crate) type Denied = Box<(Denial, Trail)>;

/// Who asks for a link or an address: for the log, and for who is told why it was refused.
pub(crate) struct Asks {
    explain: bool,
    pub(crate) at: ConnectionRef,
    /// All of a refusal but why.
    pub(crate) refused: Refused,
}

impl Asks {
    pub(crate) fn of(worker: &Worker, (at, identity): (ConnectionRef, &Identity), link: Option<String>) -> Self {
        let refused = Refused { link, ..refused(worker, identity, "link", ("", ""), Trail::default()) };
        Self { explain: identity.owner.explain_refusals, at, refused }
    }

    /// Remembers a refusal, and says what the peer is told.
    pub(crate) fn refuse(
        &self,
        worker: &Worker,
        (what, address): (&'static str, Option<String>),
        (denial, trail): (&Denial, Trail),
    ) -> Error {
        let (condition, description) = told(denial);
        worker.shared.refusals.push(Refused {
            what,
            address,
            at_ms: worker.clock().unix_ms,
            condition: condition.to_owned(),
            description: description.to_owned(),
            trail,
            ..self.refused.clone()
        });
        refusal(denial, self.explain)
    }
}

/// A refusal, to be remembered; `told`: condition and description.
pub(crate) fn refused(
    worker: &Worker,
    identity: &Identity,
    what: &'static str,
    told: (&str, &str),
    trail: Trail,
) -> Refused {
    Refused {
        what,
        connection_id: identity.id,
        host: identity.remote.to_string(),
        container: identity.peer.as_ref().map(|peer| peer.container_id.clone()).unwrap_or_default(),
        user: identity.peer.as_ref().and_then(|peer| peer.user.clone()),
        link: None,
        address: None,
        at_ms: worker.clock().unix_ms,
        condition: told.0.to_owned(),
        description: told.1.to_owned(),
        trail,
    }
}

pub(crate) fn told(denial: &Denial) -> (&str, &str) {
    (&denial.refusal.condition, &denial.refusal.description)
}
