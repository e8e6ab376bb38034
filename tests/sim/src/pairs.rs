//! Routed links, as both of their ends saw them: a peer's link and its continuation at a container.

use std::collections::BTreeMap;

use fe2o3_amqp_types::definitions::{Error, ErrorCondition};
use fe2o3_amqp_types::performatives::Detach;

use crate::ledger::LinkNumber;
use crate::routes::{self, Kind};

/// Which end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The peer that asked.
    Client = 0,
    /// The container.
    Container = 1,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::Client => Self::Container,
            Self::Container => Self::Client,
        }
    }
}

/// What became of an end.
#[derive(Debug, Clone, Default)]
struct Fate {
    /// How it detached.
    said: Option<(bool, Option<Error>)>,
    /// Its connection, by the number of the peer, and its session.
    place: Option<(usize, u16)>,
    /// That ended.
    lost: bool,
    /// It heard the attach, or the answer to its own.
    heard: bool,
}

#[derive(Debug)]
struct Pair {
    address: &'static str,
    asked: u64,
    /// The terminus outlives a connection.
    survives: bool,
    ends: [Fate; 2],
    /// Deliveries that the receiver allowed at most.
    granted: u32,
    /// Deliveries of the sender that no container takes.
    improper: u32,
}

/// A container that is connected.
#[derive(Debug)]
struct Container {
    kind: Kind,
    since: u64,
    own: Option<u64>,
}

/// All of them, each by the number of the peer's link.
#[derive(Debug, Default)]
pub struct Pairs {
    all: BTreeMap<LinkNumber, Pair>,
    containers: BTreeMap<usize, Container>,
    /// When one was leaving last.
    left: Option<u64>,
}

/// The condition of an error.
fn condition(error: Option<&Error>) -> Option<String> {
    error.map(|error| match &error.condition {
        ErrorCondition::Custom(symbol) => symbol.0.clone(),
        other => format!("{other:?}"),
    })
}

impl Pairs {
    /// Links that were attached at both of their ends.
    #[must_use]
    pub fn count(&self) -> usize {
        self.all.values().filter(|pair| pair.ends.iter().all(|end| end.heard)).count()
    }

    /// A container's connection is open.
    pub fn opened(&mut self, peer: usize, kind: Kind, step: u64) {
        self.containers.insert(peer, Container { kind, since: step, own: None });
    }

    /// A container wants routes for its connection; `false` when it has them.
    pub fn own(&mut self, peer: usize, step: u64) -> bool {
        let container = self.containers.get_mut(&peer).filter(|container| container.own.is_none());
        container.is_some_and(|container| container.own.replace(step).is_none())
    }

    /// A container's connection goes.
    pub fn closes(&mut self, peer: usize) {
        self.containers.remove(&peer);
    }

    /// A container's connection, or a session of it, is going, or was a moment ago.
    pub const fn leaves(&mut self, step: u64) {
        self.left = Some(step);
    }

    /// A peer asks for a routed link, on a session of it.
    pub fn ask(&mut self, (link, place): (LinkNumber, (usize, u16)), address: &'static str, survives: bool, step: u64) {
        let client = Fate { place: Some(place), ..Fate::default() };
        let ends = [client, Fate::default()];
        self.all.insert(link, Pair { address, asked: step, survives, ends, granted: 0, improper: 0 });
    }

    /// A container was asked for a link, on a session of it.
    pub fn came(&mut self, link: LinkNumber, place: (usize, u16)) {
        self.pair(link).ends[Side::Container as usize].place = Some(place);
    }

    fn pair(&mut self, link: LinkNumber) -> &mut Pair {
        self.all.get_mut(&link).expect("a routed link")
    }

    /// An end heard the attach of the other one. At the container it names the address, as it is called there.
    ///
    /// # Panics
    ///
    /// When it comes twice, or to the wrong place.
    pub fn heard(&mut self, link: LinkNumber, side: Side, address: Option<&str>) {
        let pair = self.pair(link);
        let first = !std::mem::replace(&mut pair.ends[side as usize].heard, true);
        assert!(first, "link {link} is attached twice at its {side:?}");
        let named = if side == Side::Container { routes::outside(pair.address) } else { pair.address };
        assert!(address.is_none_or(|address| address == named), "{named} is called {address:?} at the {side:?}");
    }

    /// Whether the terminus of a link outlives its connection.
    #[must_use]
    pub fn survives(&self, link: LinkNumber) -> bool {
        self.all.get(&link).is_some_and(|pair| pair.survives)
    }

    /// The receiver allows so many deliveries, counted from the first.
    pub fn grant(&mut self, link: LinkNumber, count: u32) {
        let pair = self.pair(link);
        pair.granted = pair.granted.max(count);
    }

    /// The sender sends what no container takes.
    pub fn improper(&mut self, link: LinkNumber) {
        self.pair(link).improper += 1;
    }

    /// The sender hears of its credit.
    ///
    /// # Panics
    ///
    /// When the receiver did not grant it.
    pub fn credit(&mut self, link: LinkNumber, count: u32) {
        let pair = self.pair(link);
        let most = pair.granted + pair.improper;
        assert!(count <= most, "link {link} has credit for {count} deliveries, of which {most} were granted");
    }

    /// An end detaches.
    pub fn says(&mut self, link: LinkNumber, side: Side, detach: &Detach) {
        self.pair(link).ends[side as usize].said = Some((detach.closed, detach.error.clone()));
    }

    /// A connection ends, or a session of it.
    pub fn loses(&mut self, peer: usize, channel: Option<u16>) {
        for end in self.all.values_mut().flat_map(|pair| &mut pair.ends) {
            end.lost |= end.place.is_some_and(|(of, at)| of == peer && channel.is_none_or(|channel| at == channel));
        }
    }

    /// Whether the other end of a link than this detached, and is not lost.
    #[must_use]
    pub fn is_detached_in_order(&self, link: LinkNumber, side: Side) -> bool {
        self.all.get(&link).is_some_and(|pair| {
            let end = &pair.ends[side.other() as usize];
            end.said.is_some() && !end.lost
        })
    }

    /// An end that was attached is detached, or its detach is answered.
    ///
    /// # Panics
    ///
    /// When that is not what the other end did.
    pub fn detached(&mut self, link: LinkNumber, side: Side, detach: &Detach) {
        if side == Side::Client && !self.pair(link).ends[0].heard {
            return self.refused(link, detach);
        }
        let pair = self.pair(link);
        let other = &pair.ends[side.other() as usize];
        let Detach { closed, error, .. } = detach;
        // an end that closes is answered by a detach that does, whatever the other end's says
        let closes = pair.ends[side as usize].said.as_ref().is_some_and(|said| said.0);
        let fits = |wanted: bool| *closed == wanted || (closes && *closed);
        let as_said = other.said.as_ref().is_some_and(|said| fits(said.0) && said.1 == *error);
        let lost = condition(error.as_ref()).as_deref() == Some("qd:routed-link-lost");
        let as_lost = other.lost && lost && fits(!pair.survives);
        // the peer did not wait for the container's answer
        let as_it_went = other.said.as_ref().is_some_and(|said| fits(said.0));
        let as_it_was_lost = other.lost && fits(!pair.survives);
        let unwanted = side == Side::Container && error.is_none() && (as_it_went || as_it_was_lost);
        assert!(as_said || as_lost || unwanted, "link {link} is detached at its {side:?} by {detach:?}: {pair:?}");
    }

    /// A peer's attach is refused, by the router or by the container.
    ///
    /// # Panics
    ///
    /// When there is no reason for it.
    fn refused(&self, link: LinkNumber, detach: &Detach) {
        let containers = &self.containers;
        let Some(pair) = self.all.get(&link) else {
            return;
        };
        let there = |container: &Container| {
            let own = pair.address == routes::OWN && container.own.is_some_and(|since| since < pair.asked);
            own || (routes::serves(container.kind, pair.address) && container.since < pair.asked)
        };
        let steady = containers.values().any(there);
        let far = &pair.ends[Side::Container as usize];
        let why = match condition(detach.error.as_ref()).as_deref() {
            Some("qd:no-route-to-dest") => !steady,
            Some("qd:routed-link-lost") => far.lost || self.left.is_some_and(|left| left >= pair.asked),
            // it did not wait
            None if pair.ends[0].said.is_some() => true,
            _ => far.said.as_ref().is_some_and(|said| *said == (detach.closed, detach.error.clone())),
        };
        assert!(why, "link {link} is refused by {detach:?}: {pair:?}, {containers:?}");
    }
}
