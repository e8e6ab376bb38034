//! Messages on a link without an address, where policy decides about addresses: the first that names one waits for the answer, and with
//! it all of its connection's input, so that a peer with ever other names has one question on its way. What was answered is remembered
//! with the link's lanes.

use std::time::Duration;

use crosstie_amqp::session::LinkId;
use crosstie_amqp::time::Time;
use crosstie_model::address::ADDRESS_MAX_BYTES;
use crosstie_model::policy::{AddressRequest, LinkDirection, Occasion, Peer as PolicyPeer};
use fe2o3_amqp_types::definitions::AmqpError;

use crate::address::{Class, ConnectionRef, LinkRef};
use crate::attach::{Decision, Ruled};
use crate::buffered::Gathered;
use crate::forward::Way;
use crate::lane::{Lanes, Remembered};
use crate::link::{Incoming, Link};
use crate::mail::{Outcome, PieceHead};
use crate::shard::{Request, Shard};

/// A delivery whose address policy is asked about.
#[derive(Debug)]
pub(crate) struct Naming {
    head: PieceHead,
    /// As the message writes it.
    to: String,
    /// What it stands for without policy.
    name: String,
    /// As far as it has come.
    message: Gathered,
    /// Of the plugins that are asked.
    edition: u32,
}

impl Shard {
    /// Asks policy what the address of a message stands for.
    pub(crate) fn ask_name(
        &mut self,
        (at, link): (ConnectionRef, LinkId),
        head: &PieceHead,
        (to, name): (String, String),
        message: &[u8],
    ) {
        if to.len() > ADDRESS_MAX_BYTES {
            let outcome = Outcome::rejected(AmqpError::InvalidField, "the address is longer than 2048 bytes");
            return self.turn_back(at, link, head, &outcome);
        }
        let (message, edition) = (self.common.buffered.gather(message), self.common.asks.edition());
        let Some(incoming) = self.incoming_mut(at, link) else {
            return;
        };
        incoming.naming = Some(Box::new(Naming { head: *head, to, name, message, edition }));
        let place = LinkRef { connection: at, link, serial: incoming.serial };
        if let Some(peer) = self.peer_mut(at) {
            peer.naming = Some(place);
        }
        self.events.push_back(Request::Name(place));
    }

    /// What is asked by a [`Request::Name`].
    #[must_use]
    pub fn name_request(&self, at: LinkRef, peer: PolicyPeer) -> Option<AddressRequest> {
        let Incoming { naming, lanes, .. } = self.incoming(at)?;
        let (Some(Naming { name, .. }), Lanes::Anonymous(anonymous)) = (naming.as_deref(), lanes) else {
            return None;
        };
        let addresses = &self.common.addresses;
        Some(AddressRequest {
            address: name.clone(),
            occasion: Occasion::Anonymous,
            direction: LinkDirection::Inbound,
            peer,
            capabilities: anonymous.capabilities.clone(),
            configured: addresses.distribution(name),
            phase: addresses.key_for(Class::Mobile, name, false).phase,
        })
    }

    /// The name of a link that is there.
    #[must_use]
    pub fn link_name(&self, at: LinkRef) -> Option<&str> {
        self.incoming(at).map(|incoming| &*incoming.name)
    }

    /// Answers a [`Request::Name`]. `ttl`: for how long the answer holds for other messages; absent: until plugins change.
    pub fn decide_name(&mut self, now: Time, at: LinkRef, decision: Decision, ttl: Option<Duration>) {
        self.now = now;
        let LinkRef { connection, link, serial } = at;
        let Some(peer) = self.peer_mut(connection).filter(|peer| peer.naming == Some(at)) else {
            return;
        };
        peer.naming = None;
        let Some(incoming) = self.incoming_mut(connection, link).filter(|incoming| incoming.serial == serial) else {
            return;
        };
        let Some(Naming { mut head, to, name, message, edition }) = incoming.naming.take().map(|naming| *naming) else {
            return;
        };
        let ruled = match decision {
            Decision::BuiltIn => Ok(Ruled::default()),
            Decision::Apply(ruled) => Ok(ruled),
            Decision::Refuse(error) => Err(Outcome::refused(error)),
        };
        if let Lanes::Anonymous(anonymous) = &mut incoming.lanes {
            let until = ttl.map(|ttl| now + ttl);
            anonymous.remember(&to, Remembered { ruling: ruled.clone(), until }, edition);
        }
        let way = match ruled {
            Ok(ruled) => self.lane_by((connection, link), &to, (Class::Mobile, name.clone()), (&ruled, edition)),
            Err(outcome) => Way::Refuse(outcome),
        };
        match way {
            Way::Lane(lane, route) => self.begin((connection, link), (lane, route), &mut head, message.bytes()),
            Way::Refuse(outcome) => self.turn_back(connection, link, &head, &outcome),
            Way::Unavailable(why) => {
                let link_name = self.incoming_mut(connection, link).map(|incoming| incoming.name.to_string());
                self.follows(connection, &why, ("message rejected", link_name, Some(name)));
                let outcome = Outcome::refused(self.told(connection, &why));
                self.turn_back(connection, link, &head, &outcome);
            }
            // a name that policy is asked about stands for an address
            Way::Node | Way::Ask(_) => self.turn_back(connection, link, &head, &Outcome::Released),
        }
        self.mark(connection);
    }

    fn incoming(&self, at: LinkRef) -> Option<&Incoming> {
        match self.link(at.connection, at.link)? {
            Link::Incoming(incoming) if incoming.serial == at.serial => Some(incoming),
            _ => None,
        }
    }
}
