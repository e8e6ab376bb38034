//! Consequences: what this router does by itself because of what a plugin has answered, which is told with that answer; and links that it
//! refuses, because of one or not.

use std::sync::Arc;

use crosstie_amqp::fault::{Limit, PeerFault, condition};
use crosstie_amqp::session::LinkId;
use crosstie_model::bounds::Bound;
use crosstie_model::policy::Hook;
use crosstie_model::settings::Distribution;
use crosstie_model::trail::Step;
use fe2o3_amqp_types::definitions::{Error, Fields};
use fe2o3_amqp_types::performatives::Attach;
use serde_amqp::Value;
use serde_amqp::primitives::Symbol;

use crate::address::{Address, ConnectionRef};
use crate::repeats::Line;
use crate::shard::{Peer, Request, Shard};
use crate::terminus::{self, Wanted};

/// An answer that something follows from; absent: it follows from none.
pub(crate) type By = Option<Arc<Step>>;

/// Why something is refused, and the answer that this follows from.
#[derive(Debug)]
pub(crate) struct Why {
    pub(crate) error: Error,
    pub(crate) by: By,
}

impl From<Error> for Why {
    fn from(error: Error) -> Self {
        Self { error, by: None }
    }
}

/// A refusal that follows from an answer.
#[derive(Debug)]
pub struct Refused {
    /// What happened, in a fixed phrase.
    pub phrase: &'static str,
    /// The link that it is about.
    pub link: Option<String>,
    /// The address that was asked for, where it is about one.
    pub address: Option<String>,
    /// An AMQP error condition.
    pub condition: String,
    /// For people.
    pub description: String,
    /// The answer.
    pub by: Arc<Step>,
}

impl Refused {
    /// What it is about: `link` or `address`.
    #[must_use]
    pub fn what(&self) -> &'static str {
        if self.by.hook == Hook::Address { "address" } else { "link" }
    }
}

/// A treatment that was not followed: the address is in use, and treated otherwise.
#[derive(Debug)]
pub struct Contradiction {
    /// It keeps whether the log has told of it.
    pub address: Arc<Address>,
    /// What the plugin says.
    pub treatment: Distribution,
    /// What stays.
    pub live: Distribution,
    /// The answer.
    pub by: Arc<Step>,
}

/// Adds to an error's info map whose answer it comes from.
pub fn explain(info: &mut Fields, plugin: &str, note: Option<&str>, sequence: u64) {
    info.insert(Symbol::from("plugin"), Value::String(plugin.to_owned()));
    if let Some(note) = note {
        info.insert(Symbol::from("note"), Value::String(note.to_owned()));
    }
    // by it the line of the log is found, and that of the record
    info.insert(Symbol::from("sequence"), Value::Ulong(sequence));
}

/// The info map of an error that comes from this answer.
pub(crate) fn reason(by: &Step) -> Fields {
    let mut info = Fields::new();
    explain(&mut info, &by.plugin, by.note.as_deref(), by.sequence);
    info
}

/// What a limit whose excess ends a connection is called in grants.
pub(crate) const fn bound(limit: Limit) -> Bound {
    match limit {
        Limit::Sessions => Bound::Sessions,
        Limit::Links => Bound::Links,
        Limit::FrameSize => Bound::MaxFrameSize,
        Limit::IdleTimeout => Bound::IdleTimeout,
    }
}

impl Peer {
    /// Whose answer set the limit that a fault went beyond.
    #[must_use]
    pub fn limited_by(&self, fault: &PeerFault) -> Option<&Arc<Step>> {
        self.bounds.by(bound(self.amqp.limit_of(fault)?))
    }
}

impl Shard {
    /// Refuses a link, and has it logged.
    pub(crate) fn refuse(&mut self, at: ConnectionRef, link: LinkId, attach: &Attach, why: impl Into<Why>) {
        let why = why.into();
        let address = || match terminus::wanted(attach, &self.peer(at)?.meta.space, &self.common.router_id) {
            Ok(Wanted::Address(_, name)) => Some(name),
            _ => None,
        };
        let about = ("link refused", Some(attach.name.clone()), why.by.as_ref().and_then(|_| address()));
        let is_told = self.follows(at, &why, about);
        let error = self.told(at, &why);
        if !is_told
            && let Some(Line { left_out }) = self.line(self.now, at)
            && let Some(peer) = self.peer(at)
        {
            tracing::info!(
                target: "link",
                condition = condition(&error.condition),
                container.id = peer.meta.container_id,
                peer.addr = peer.meta.peer_addr,
                link.name = attach.name,
                error = error.description.as_deref().unwrap_or_default(),
                left_out,
                "link refused"
            );
        }
        self.turn_down(at, link, attach, error);
    }

    /// Detaches a link with this.
    pub(crate) fn turn_down(&mut self, at: ConnectionRef, link: LinkId, attach: &Attach, error: Error) {
        if let Some(peer) = self.peer_mut(at) {
            peer.amqp.refuse(link, terminus::answer(attach, None, None), error);
        }
        self.mark(at);
    }

    /// What a peer is told.
    pub(crate) fn told(&self, at: ConnectionRef, why: &Why) -> Error {
        let explains = self.peer(at).is_some_and(|peer| peer.meta.explains);
        let info = why.by.as_ref().filter(|_| explains).map(|by| Box::new(reason(by)));
        Error { info, ..why.error.clone() }
    }

    /// Has a refusal logged and remembered where it follows from an answer. Says whether it does.
    pub(crate) fn follows(
        &mut self,
        at: ConnectionRef,
        why: &Why,
        (phrase, link, address): (&'static str, Option<String>, Option<String>),
    ) -> bool {
        let Some(by) = why.by.clone() else {
            return false;
        };
        let description = why.error.description.clone().unwrap_or_default();
        let condition = condition(&why.error.condition);
        self.events
            .push_back(Request::Refused(at, Box::new(Refused { phrase, link, address, condition, description, by })));
        true
    }

    /// Tells of a treatment that says otherwise of an address than those who use it. Says what stays, where it does.
    pub(crate) fn contradict(
        &mut self,
        at: ConnectionRef,
        address: &Arc<Address>,
        (treatment, by): (Option<Distribution>, Option<&Arc<Step>>),
    ) -> Option<Distribution> {
        let (treatment, by, live) = (treatment?, by?.clone(), address.distribution());
        if treatment == live {
            return None;
        }
        let contradiction = Contradiction { address: address.clone(), treatment, live, by };
        self.events.push_back(Request::Contradicted(at, Box::new(contradiction)));
        Some(live)
    }
}
