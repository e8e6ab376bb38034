//! Links come: where a terminus leads, who is refused, and what the address learns of it.

use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::policy::{AddressRequest, LinkDirection, Peer as PolicyPeer, Ruling, Treatment};
use crosstie_model::settings::Distribution;
use fe2o3_amqp_types::definitions::{AmqpError, Error, Role};
use fe2o3_amqp_types::messaging::TargetArchetype;
use fe2o3_amqp_types::performatives::Attach;

use crate::address::{ConnectionRef, Consumer, Key, home, normalise, shards};
use crate::credit::Credit;
use crate::link::{AutoLinkId, Incoming, Link, Outgoing};
use crate::mail::Mail;
use crate::shard::{Local, Request, Shard};

/// Bytes of the longest address.
const ADDRESS_MAX_BYTES: usize = 2048;

/// What policy says about an attach.
#[derive(Debug, Clone)]
pub enum Decision {
    /// As configured.
    BuiltIn,
    /// Other than configured.
    Apply(Ruling),
    /// The link is detached with this.
    Refuse(Error),
}

/// What a terminus asks for.
struct Wanted<'a> {
    address: &'a str,
    capabilities: Vec<String>,
}

/// Reads the terminus on our side of a peer's attach.
fn wanted(attach: &Attach) -> Result<Wanted<'_>, Error> {
    let (address, dynamic, capabilities) = if attach.role == Role::Sender {
        match attach.target.as_deref() {
            Some(TargetArchetype::Target(target)) => {
                (target.address.as_ref(), target.dynamic, target.capabilities.as_ref())
            }
            None => {
                return Err(not_implemented("the attach names no target that is served: transactions are not"));
            }
        }
    } else {
        match attach.source.as_deref() {
            Some(source) => (source.address.as_ref(), source.dynamic, source.capabilities.as_ref()),
            None => return Err(invalid("the attach names no source")),
        }
    };
    if dynamic {
        return Err(not_implemented("dynamic addresses are not served"));
    }
    let address = address.map(|address| normalise(address)).unwrap_or_default();
    if address.is_empty() {
        return Err(if attach.role == Role::Sender {
            not_implemented("senders without a target address are not served")
        } else {
            invalid("the source has no address")
        });
    }
    if address.len() > ADDRESS_MAX_BYTES {
        return Err(invalid("the address is longer than 2048 bytes"));
    }
    if address.starts_with(['$', '_']) {
        return Err(not_found(address, "no such node on this router"));
    }
    let capabilities =
        capabilities.map(|list| list.0.iter().map(|symbol| symbol.0.clone()).collect()).unwrap_or_default();
    Ok(Wanted { address, capabilities })
}

fn refusal(condition: AmqpError, description: String) -> Error {
    Error { condition: condition.into(), description: Some(description), info: None }
}

fn not_implemented(description: &str) -> Error {
    refusal(AmqpError::NotImplemented, description.to_owned())
}

fn invalid(description: &str) -> Error {
    refusal(AmqpError::InvalidField, description.to_owned())
}

fn not_found(address: &str, why: &str) -> Error {
    refusal(AmqpError::NotFound, format!("{address:?}: {why}"))
}

impl Shard {
    pub(crate) fn handle_attach(&mut self, at: ConnectionRef, link: LinkId, ours: bool, attach: Box<Attach>) {
        if !ours {
            return self.ask_attach(at, link, attach);
        }
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        let Some(Link::Attaching(auto_link)) = session.link(link.handle) else {
            return;
        };
        let auto_link = *auto_link;
        let refused = if attach.role == Role::Sender { attach.source.is_none() } else { attach.target.is_none() };
        if refused {
            // the peer's detach is on its way, and says why
            return;
        }
        let Some(configured) = self.common.auto_links.get(auto_link) else {
            return;
        };
        let key = Key { phase: configured.phase, name: normalise(&configured.address).to_owned() };
        tracing::info!(auto_link = configured.name, address = key.name, "auto-link attached");
        self.open_link(at, link, key, Some(auto_link));
    }

    /// Takes a peer's attach: it decides where its connection lives, then policy is asked, then it is answered.
    pub(crate) fn ask_attach(&mut self, at: ConnectionRef, link: LinkId, attach: Box<Attach>) {
        let workers = self.common.post.workers();
        let ask = self.common.ask_address;
        let own = self.id;
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let name = match wanted(&attach) {
            Ok(wanted) => wanted.address.to_owned(),
            Err(error) => return self.refuse(at, link, *attach, error),
        };
        let to = home(&name, workers);
        if std::mem::replace(&mut peer.meta.may_move, false) && to != own {
            peer.first_attach = Some((link, attach));
            self.events.push_back(Request::Move(at, to));
            return;
        }
        let Some(session) = peer.session(link.channel) else {
            return;
        };
        session.set(link.handle, Link::Asking(attach));
        if ask {
            peer.asking = peer.asking.saturating_add(1);
            self.events.push_back(Request::Attach(at, link));
        } else {
            self.answer(at, link, Decision::BuiltIn);
        }
    }

    /// The question that a [`Request::Attach`] stands for.
    #[must_use]
    pub fn address_request(&self, connection: ConnectionRef, link: LinkId, peer: PolicyPeer) -> Option<AddressRequest> {
        let session = self.peer(connection)?.sessions.get(usize::from(link.channel))?.as_ref()?;
        let Some(Link::Asking(attach)) = session.link(link.handle) else {
            return None;
        };
        let wanted = wanted(attach).ok()?;
        let addresses = &self.common.addresses;
        let consumer = attach.role == Role::Receiver;
        Some(AddressRequest {
            address: wanted.address.to_owned(),
            direction: if consumer { LinkDirection::Outbound } else { LinkDirection::Inbound },
            peer,
            capabilities: wanted.capabilities,
            configured: match addresses.distribution(wanted.address) {
                Distribution::Balanced => Treatment::Balanced,
                Distribution::Unavailable => Treatment::Unavailable,
            },
            phase: addresses.key(wanted.address, consumer).phase,
        })
    }

    /// Answers a [`Request::Attach`].
    pub fn decide(&mut self, now: Time, connection: ConnectionRef, link: LinkId, decision: Decision) {
        self.now = now;
        if let Some(peer) = self.peer_mut(connection) {
            peer.asking = peer.asking.saturating_sub(1);
        }
        self.answer(connection, link, decision);
    }

    fn answer(&mut self, at: ConnectionRef, link: LinkId, decision: Decision) {
        let Some(session) = self.peer_mut(at).and_then(|peer| peer.session(link.channel)) else {
            return;
        };
        let Some(Link::Asking(attach)) = session.remove(link.handle) else {
            return;
        };
        let ruling = match decision {
            Decision::Refuse(error) => return self.refuse(at, link, *attach, error),
            Decision::Apply(ruling) => ruling,
            Decision::BuiltIn => Ruling::default(),
        };
        let name = match (&ruling.address, wanted(&attach)) {
            (Some(address), _) => normalise(address).to_owned(),
            (None, Ok(wanted)) => wanted.address.to_owned(),
            (None, Err(error)) => return self.refuse(at, link, *attach, error),
        };
        let configured = self.common.addresses.distribution(&name);
        let unavailable = match ruling.treatment {
            Some(treatment) => treatment == Treatment::Unavailable,
            None => configured == Distribution::Unavailable,
        };
        if unavailable {
            return self.refuse(at, link, *attach, not_found(&name, "the address is unavailable"));
        }
        let mut key = self.common.addresses.key(&name, attach.role == Role::Receiver);
        if let Some(phase) = ruling.phase {
            key.phase = phase;
        }
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        let answer = Attach { unsettled: None, max_message_size: None, properties: None, ..*attach };
        peer.amqp.accept(link, answer);
        tracing::debug!(container = peer.meta.container_id, address = name, phase = key.phase, "link attached");
        self.open_link(at, link, key, None);
    }

    fn refuse(&mut self, at: ConnectionRef, link: LinkId, attach: Attach, error: Error) {
        let Some(peer) = self.peer_mut(at) else {
            return;
        };
        tracing::warn!(
            container = peer.meta.container_id,
            peer = peer.meta.peer_addr,
            link = attach.name,
            condition = ?error.condition,
            description = error.description.as_deref().unwrap_or_default(),
            "link refused"
        );
        let answer = Attach { unsettled: None, max_message_size: None, properties: None, ..attach };
        peer.amqp.refuse(link, answer, error);
        self.mark(at);
    }

    /// Connects an attached link with its address.
    fn open_link(&mut self, at: ConnectionRef, link: LinkId, key: Key, auto_link: Option<AutoLinkId>) {
        let Some(receives) = self.peer(at).and_then(|peer| peer.amqp.is_receiver(link)) else {
            return;
        };
        let address = self.common.addresses.get(key);
        let place = Self::reference(at, link);
        let own = self.id;
        if receives {
            // the worker's bit comes first: who adds a consumer after it tells us
            address.set_producer(own, true);
            let local = self.locals.entry(address.id).or_insert_with(|| Local::new(address.clone()));
            local.producers.push((at, link));
            let id = address.id;
            let Some(peer) = self.peer_mut(at) else {
                return;
            };
            let incoming = Incoming::new(address, peer.meta.capacity, auto_link);
            let Some(session) = peer.session(link.channel) else {
                return;
            };
            session.set(link.handle, Link::Incoming(Box::new(incoming)));
            self.handle_changed(id);
        } else {
            let Some(peer) = self.peer_mut(at) else {
                return;
            };
            let credit = std::sync::Arc::new(Credit::new(peer.blocked.clone()));
            let Some(session) = peer.session(link.channel) else {
                return;
            };
            let outgoing = Outgoing::new(address.clone(), credit.clone(), auto_link);
            session.set(link.handle, Link::Outgoing(Box::new(outgoing)));
            address.add(Consumer { at: place, credit });
            self.announce(&address);
        }
        self.mark(at);
    }

    /// Tells all workers with producers that the consumers of an address are others now.
    pub(crate) fn announce(&mut self, address: &crate::address::Address) {
        for shard in shards(address.producers()) {
            if shard == self.id {
                self.handle_changed(address.id);
            } else {
                self.post(shard, Mail::Changed(address.id));
            }
        }
    }

    /// Opens the credit of an address's producers when its first consumer comes, and takes it back when the last goes.
    pub(crate) fn handle_changed(&mut self, address: u32) {
        let Some(local) = self.locals.get(&address) else {
            return;
        };
        let producers = local.producers.clone();
        for (at, link) in producers {
            let Some(peer) = self.peer_mut(at) else {
                continue;
            };
            let session = peer.sessions.get_mut(usize::from(link.channel)).and_then(Option::as_mut);
            let Some(incoming) = session.and_then(|session| session.incoming(link.handle)) else {
                continue;
            };
            incoming.refresh();
            let open = !incoming.consumers.is_empty();
            if open == incoming.is_open {
                continue;
            }
            incoming.is_open = open;
            let credit = if open { incoming.capacity.initial.saturating_sub(incoming.held) } else { 0 };
            peer.amqp.grant(link, credit);
            self.mark(at);
            if !open {
                self.release_waiting(at, link);
            }
        }
        // a new consumer may have credit that nobody waited for when it came
        self.kicked.push(address);
    }
}
