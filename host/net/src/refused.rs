//! Refusals: who asked, and what is remembered of it for whoever asks why.

use std::rc::Rc;

use crosstie_model::policy::Denial;
use crosstie_model::trail::{Refused, Step, Trail};
use crosstie_router::address::ConnectionRef;
use crosstie_router::consequence::{self, Contradiction};
use crosstie_router::repeats::Line;
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

/// The router refused something because of what a plugin had answered.
pub(crate) fn followed(worker: &Rc<Worker>, at: ConnectionRef, what: consequence::Refused) {
    let Some(socket) = worker.socket(at) else {
        return;
    };
    let identity = socket.identity.borrow();
    let consequence::Refused { phrase, link, address, condition, description, by } = &what;
    if let Some(Line { left_out }) = line(worker, at) {
        tracing::info!(target: "link", connection = identity.id, peer.addr = %identity.remote, link.name = link,
            address, condition, error = description, plugin = &*by.plugin, note = by.note, sequence = by.sequence,
            left_out, "{phrase}");
    }
    let refused = refused(worker, &identity, what.what(), (condition, description), of(by));
    worker.shared.refusals.push(Refused { link: link.clone(), address: address.clone(), ..refused });
}

/// A connection that ended at a limit of this answer.
pub(crate) fn by_limit(worker: &Worker, identity: &Identity, told: (&str, &str), by: &Step) -> Refused {
    refused(worker, identity, "connection", told, of(by))
}

fn of(by: &Step) -> Trail {
    let mut trail = Trail::default();
    trail.push(by.clone());
    trail
}

/// A plugin's treatment of an address was not followed.
pub(crate) fn contradicted(worker: &Rc<Worker>, at: ConnectionRef, what: &Contradiction) {
    let Contradiction { address, treatment, live, by } = what;
    worker.policy.contradicted(&by.plugin);
    // who comes later has nothing new to say
    if !address.is_contradicted()
        && let Some(Line { left_out }) = line(worker, at)
    {
        address.set_contradicted();
        tracing::warn!(target: "address", address = address.key.name, treatment = treatment.as_str(), live = live.as_str(),
            plugin = &*by.plugin, note = by.note, sequence = by.sequence, left_out,
            "a treatment is ignored: the address is in use, and treated otherwise");
    }
}

/// Asks for a line of the log about what a peer of this worker did.
pub(crate) fn line(worker: &Worker, at: ConnectionRef) -> Option<Line> {
    worker.shard.borrow_mut().line(worker.now(), at)
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
