//! Auto-links: links that this router attaches by itself on the connections that they name. Source: the reference, 1.8.

use std::time::Duration;

use crosstie_amqp::fault::condition;
use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::settings::{AutoLink, Direction, Role as PeerRole};
use fe2o3_amqp_types::definitions::{Error, Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::Attach;

use crate::address::ConnectionRef;
use crate::auto_links::AutoLinkId;
use crate::link::Link;
use crate::shard::{Meta, Peer, Shard};

/// After the first refusal.
const RETRY_FIRST: Duration = Duration::from_secs(2);

/// After each further one.
const RETRY_NEXT: Duration = Duration::from_secs(5);

/// An auto-link that is to be attached.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Retry {
    pub(crate) auto_link: AutoLinkId,
    pub(crate) at: Time,
}

fn belongs(auto_link: &AutoLink, meta: &Meta) -> bool {
    meta.role == PeerRole::RouteContainer && auto_link.container.means(&meta.name, &meta.container_id)
}

/// What we send: our end has the local address, the container's end its own.
fn attach(auto_link: &AutoLink) -> Attach {
    let outside = auto_link.external_address.as_deref().unwrap_or(&auto_link.address);
    let (source, target) = match auto_link.direction {
        Direction::In => (outside, auto_link.address.as_str()),
        Direction::Out => (auto_link.address.as_str(), outside),
    };
    Attach {
        name: format!("auto-link.{}", auto_link.name),
        handle: Handle(0),
        role: if auto_link.direction == Direction::In { Role::Receiver } else { Role::Sender },
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Box::new(Source::builder().address(source).build())),
        target: Some(Box::new(TargetArchetype::Target(Target::builder().address(target).build()))),
        unsettled: None,
        incomplete_unsettled: false,
        initial_delivery_count: None,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// Characters of a peer's words that are kept.
const WORDS_MAX: usize = 500;

/// What a detach says, as management shows it. Source: the reference, 1.8.
fn words(error: &Error) -> String {
    let said = error.description.clone().unwrap_or_else(|| condition(&error.condition));
    said.chars().take(WORDS_MAX).collect()
}

impl Peer {
    /// Whether an auto-link has its link here, or is to get one.
    fn has_auto_link(&self, id: AutoLinkId) -> bool {
        self.auto_links.iter().any(|retry| retry.auto_link == id) || self.links_of(id).next().is_some()
    }

    /// The links of an auto-link.
    fn links_of(&self, id: AutoLinkId) -> impl Iterator<Item = LinkId> {
        let sessions =
            (0_u16..).zip(&self.sessions).filter_map(|(channel, session)| Some((channel, session.as_ref()?)));
        sessions.flat_map(move |(channel, session)| {
            let links = (0_u32..).zip(&session.links);
            let mine = links.filter(move |(_, link)| link.as_ref().and_then(Link::auto_link) == Some(id));
            mine.map(move |(handle, _)| LinkId { channel, handle })
        })
    }
}

impl Shard {
    /// Attaches an auto-link that came while connections are open, on those that it is for.
    pub fn add_auto_link(&mut self, now: Time, id: AutoLinkId) {
        self.now = now;
        let Some(auto_link) = self.common.auto_links.get(id) else {
            return;
        };
        for connection in self.connections() {
            let Some(peer) = self.peer_mut(connection).filter(|peer| peer.amqp.is_open() && !peer.retires) else {
                continue;
            };
            if belongs(&auto_link, &peer.meta) && !peer.has_auto_link(id) {
                peer.auto_links.push(Retry { auto_link: id, at: now });
                self.retry_auto_links(connection);
                self.mark(connection);
            }
        }
    }

    /// Detaches an auto-link that is configured no more.
    pub fn remove_auto_link(&mut self, now: Time, id: AutoLinkId) {
        self.now = now;
        for connection in self.connections() {
            let Some(peer) = self.peer_mut(connection) else {
                continue;
            };
            peer.auto_links.retain(|retry| retry.auto_link != id);
            peer.auto_failed.retain(|failed| *failed != id);
            let links: Vec<LinkId> = peer.links_of(id).collect();
            for link in links {
                if let Some(peer) = self.peer_mut(connection) {
                    peer.amqp.detach(link, None);
                }
                self.drop_link(connection, link);
                self.mark(connection);
            }
        }
    }

    /// Attaches the auto-links of a connection that has just opened.
    pub(crate) fn start_auto_links(&mut self, connection: ConnectionRef) {
        let common = self.common.clone();
        let now = self.now;
        let Some(peer) = self.peer_mut(connection) else {
            return;
        };
        let mine = common.auto_links.all().into_iter().filter(|(_, auto_link, _)| belongs(auto_link, &peer.meta));
        peer.auto_links = mine.map(|(auto_link, ..)| Retry { auto_link, at: now }).collect();
        // whoever has links stays
        peer.meta.may_move &= peer.auto_links.is_empty();
        self.retry_auto_links(connection);
    }

    /// Attaches those whose time has come.
    pub(crate) fn retry_auto_links(&mut self, connection: ConnectionRef) {
        let common = self.common.clone();
        let now = self.now;
        let Some(peer) = self.peer_mut(connection).filter(|peer| peer.amqp.is_open()) else {
            return;
        };
        let due = peer.auto_links.extract_if(.., |retry| retry.at <= now).collect::<Vec<_>>();
        for Retry { auto_link, .. } in due {
            let Some(configured) = common.auto_links.get(auto_link) else {
                continue;
            };
            if peer.auto_session.is_none() {
                peer.auto_session = peer.amqp.begin();
                if let Some(channel) = peer.auto_session {
                    peer.set_session(channel);
                }
            }
            let link = peer.auto_session.and_then(|channel| peer.amqp.attach(channel, attach(&configured)));
            let Some(link) = link else {
                tracing::warn!(
                    target: "link",
                    auto_link = configured.name,
                    connector = peer.meta.outgoing.then_some(&*peer.meta.name),
                    listener = (!peer.meta.outgoing).then_some(&*peer.meta.name),
                    "no session left for the auto-link"
                );
                peer.auto_links.push(Retry { auto_link, at: now + RETRY_NEXT });
                continue;
            };
            if let Some(session) = peer.session(link.channel) {
                session.set(link.handle, Link::Attaching(auto_link));
            }
        }
    }

    /// Plans another attempt after the peer detached an auto-link.
    pub(crate) fn retry_later(&mut self, connection: ConnectionRef, auto_link: AutoLinkId, error: Option<&Error>) {
        let common = self.common.clone();
        let now = self.now;
        let Some(peer) = self.peer_mut(connection).filter(|peer| peer.amqp.is_open() && !peer.retires) else {
            return;
        };
        let Some(configured) = common.auto_links.get(auto_link) else {
            return;
        };
        let again = peer.auto_failed.contains(&auto_link);
        if !again {
            peer.auto_failed.push(auto_link);
        }
        let wait = if again { RETRY_NEXT } else { RETRY_FIRST };
        common.auto_links.set_error(auto_link, error.map(words));
        tracing::warn!(
            target: "link",
            auto_link = configured.name,
            connector = peer.meta.outgoing.then_some(&*peer.meta.name),
            listener = (!peer.meta.outgoing).then_some(&*peer.meta.name),
            condition = error.map(|error| condition(&error.condition)),
            error = error.filter(|error| error.description.is_some()).map(words),
            retry_seconds = wait.as_secs(),
            "auto-link detached by the peer"
        );
        peer.auto_links.push(Retry { auto_link, at: now + wait });
    }
}
