//! The lanes of an incoming link: one for the address that it is attached to, or, on an anonymous link, one for each address
//! that its messages named last.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crosstie_amqp::time::Time;
use crosstie_model::settings::Distribution;

use crate::address::{Address, Choice, Consumer, LinkRef};
use crate::attach::Ruled;
use crate::link::{Route, Waiting};
use crate::mail::Outcome;

/// Lanes of an anonymous link that are kept when nothing waits on them.
const IDLE_LANES_MAX: usize = 64;

/// Names that a link remembers, with a lane or without.
const NAMES_MAX: usize = 128;

/// Tells the lanes of a link apart; never used twice on one link.
pub(crate) type LaneId = u32;

/// Where the messages of a link go.
#[derive(Debug)]
pub(crate) enum Lanes {
    /// To one address.
    One(Lane),
    /// Each to the address that it names.
    Anonymous(Box<Anonymous>),
    /// To the management node.
    Node,
}

/// The lanes of an anonymous link, and what its messages' addresses stand for.
#[derive(Debug, Default)]
pub(crate) struct Anonymous {
    /// Of its terminus.
    pub(crate) capabilities: Vec<String>,
    /// As messages write them.
    names: BTreeMap<String, Name>,
    lanes: BTreeMap<LaneId, Named>,
    next: LaneId,
    /// Counts uses.
    uses: u64,
}

#[derive(Debug, Default)]
struct Name {
    lane: Option<LaneId>,
    /// What policy said of it; absent where nobody was asked.
    ruling: Option<Remembered>,
    /// Of those who were asked, or would have been.
    edition: u32,
    used: u64,
}

/// What policy said of a name.
#[derive(Debug)]
pub(crate) struct Remembered {
    pub(crate) ruling: Result<Ruled, Outcome>,
    /// Then it is asked again; absent: not before plugins change.
    pub(crate) until: Option<Time>,
}

/// What is known of a name.
#[derive(Debug)]
pub(crate) enum Known {
    Lane(LaneId),
    /// It has no lane yet.
    As(Ruled),
    Refused(Outcome),
    Nothing,
}

#[derive(Debug)]
struct Named {
    name: String,
    used: u64,
    lane: Lane,
}

impl Lanes {
    pub(crate) fn get_mut(&mut self, id: LaneId) -> Option<&mut Lane> {
        match self {
            Self::One(lane) => Some(lane),
            Self::Anonymous(anonymous) => anonymous.lanes.get_mut(&id).map(|named| &mut named.lane),
            Self::Node => None,
        }
    }

    /// All lanes.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (LaneId, &Lane)> {
        let (one, many) = match self {
            Self::One(lane) => (Some((0, lane)), None),
            Self::Anonymous(anonymous) => (None, Some(anonymous.lanes.iter().map(|(id, named)| (*id, &named.lane)))),
            Self::Node => (None, None),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }
}

impl Anonymous {
    /// No lanes yet; `capabilities`: of the terminus.
    pub(crate) fn new(capabilities: Vec<String>) -> Self {
        Self { capabilities, ..Self::default() }
    }

    /// The lane for a name.
    pub(crate) fn named(&mut self, name: &str) -> Option<LaneId> {
        let id = self.names.get(name)?.lane?;
        self.touch(id);
        Some(id)
    }

    /// What is known of a name by now, by those who would be asked.
    pub(crate) fn look_up(&mut self, name: &str, (now, edition): (Time, u32)) -> Known {
        let Some(known) = self.names.get_mut(name).filter(|known| known.edition == edition) else {
            return Known::Nothing;
        };
        match &known.ruling {
            Some(Remembered { until: Some(until), .. }) if now >= *until => return Known::Nothing,
            Some(Remembered { ruling: Err(outcome), .. }) => {
                self.uses = self.uses.saturating_add(1);
                known.used = self.uses;
                return Known::Refused(outcome.clone());
            }
            Some(Remembered { ruling: Ok(ruled), .. }) if known.lane.is_none() => return Known::As(ruled.clone()),
            _ => {}
        }
        match known.lane {
            Some(lane) => {
                self.touch(lane);
                Known::Lane(lane)
            }
            None => Known::Nothing,
        }
    }

    fn touch(&mut self, lane: LaneId) {
        self.uses = self.uses.saturating_add(1);
        if let Some(named) = self.lanes.get_mut(&lane) {
            named.used = self.uses;
        }
    }

    /// Nobody is asked about a name any more.
    pub(crate) fn forget_ruling(&mut self, name: &str) {
        if let Some(known) = self.names.get_mut(name) {
            known.ruling = None;
        }
    }

    /// What policy says of a name from here on. Of the names that lead nowhere, the one that was not used for longest goes when
    /// there are too many.
    pub(crate) fn remember(&mut self, name: &str, ruling: Remembered, edition: u32) {
        self.uses = self.uses.saturating_add(1);
        let known = self.names.entry(name.to_owned()).or_default();
        (known.ruling, known.edition, known.used) = (Some(ruling), edition, self.uses);
        let idle = self.names.iter().filter(|(of, known)| known.lane.is_none() && *of != name);
        if self.names.len() > NAMES_MAX
            && let Some(oldest) = idle.min_by_key(|(_, known)| known.used).map(|(of, _)| of.clone())
        {
            self.names.remove(&oldest);
        }
    }

    /// The lane for a name, where it leads to that address.
    pub(crate) fn leads_to(&mut self, name: &str, address: u32, edition: u32) -> Option<LaneId> {
        let id = self.named(name)?;
        let there = self.lanes.get(&id)?.lane.address.id == address;
        if there && let Some(known) = self.names.get_mut(name) {
            known.edition = edition;
        }
        there.then_some(id)
    }

    /// Adds a lane for a name.
    pub(crate) fn add(&mut self, name: &str, lane: Lane, edition: u32) -> LaneId {
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        self.uses = self.uses.saturating_add(1);
        let known = self.names.entry(name.to_owned()).or_default();
        (known.lane, known.edition) = (Some(id), edition);
        self.lanes.insert(id, Named { name: name.to_owned(), used: self.uses, lane });
        id
    }

    /// Takes out all lanes.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = (LaneId, Lane)> {
        self.names.clear();
        std::mem::take(&mut self.lanes).into_iter().map(|(id, named)| (id, named.lane))
    }

    /// Takes out a lane.
    pub(crate) fn remove(&mut self, id: LaneId) -> Option<Lane> {
        let named = self.lanes.remove(&id)?;
        if let Some(known) = self.names.get_mut(&named.name).filter(|known| known.lane == Some(id)) {
            known.lane = None;
            if known.ruling.is_none() {
                self.names.remove(&named.name);
            }
        }
        Some(named.lane)
    }

    /// Takes out the lane that was not used for longest, when there are too many and nothing waits on it; never `keep`.
    pub(crate) fn retire(&mut self, keep: LaneId) -> Option<(LaneId, Lane)> {
        if self.lanes.len() <= IDLE_LANES_MAX {
            return None;
        }
        let idle = self.lanes.iter().filter(|(id, named)| **id != keep && named.lane.waiting.is_empty());
        let id = *idle.min_by_key(|(_, named)| named.used)?.0;
        Some((id, self.remove(id)?))
    }
}

/// The way of a link's messages to one address.
#[derive(Debug)]
pub(crate) struct Lane {
    pub(crate) address: Arc<Address>,
    version: u32,
    distribution: Distribution,
    pub(crate) consumers: Arc<[Consumer]>,
    /// Where the search for a consumer starts.
    turn: usize,
    pub(crate) waiting: VecDeque<Waiting>,
}

/// Who takes a delivery.
#[derive(Debug, Clone)]
pub(crate) enum Takers {
    One(LinkRef),
    All(Arc<[Consumer]>),
}

impl Takers {
    pub(crate) fn route(self) -> Route {
        match self {
            Self::One(to) => Route::To(to),
            Self::All(consumers) => Route::Fan(consumers),
        }
    }
}

impl Lane {
    pub(crate) fn new(address: Arc<Address>) -> Self {
        let Choice { version, consumers, distribution } = address.choice();
        Self { address, version, consumers, distribution, turn: 0, waiting: VecDeque::new() }
    }

    /// Brings the list of consumers up to date.
    #[inline]
    pub(crate) fn refresh(&mut self) {
        if self.address.version() != self.version {
            Choice { version: self.version, consumers: self.consumers, distribution: self.distribution } =
                self.address.choice();
        }
    }

    pub(crate) fn is_multicast(&self) -> bool {
        self.distribution == Distribution::Multicast
    }

    /// Whether some consumer takes no more deliveries for now.
    pub(crate) fn lacks_credit(&self) -> bool {
        self.consumers.iter().any(|consumer| !consumer.credit.is_available())
    }

    /// Where a delivery goes that begins to arrive.
    #[inline]
    pub(crate) fn route(&mut self) -> Route {
        self.refresh();
        if self.consumers.is_empty() {
            return Route::Void;
        }
        // what waits goes first, on an address too that was not multicast when that came
        if !self.waiting.is_empty() {
            return Route::Wait;
        }
        self.takers().map_or(Route::Wait, Takers::route)
    }

    /// Who takes the next delivery, if anybody does now.
    #[inline]
    pub(crate) fn takers(&mut self) -> Option<Takers> {
        if self.is_multicast() {
            return (!self.consumers.is_empty()).then(|| Takers::All(self.consumers.clone()));
        }
        self.pick().map(Takers::One)
    }

    /// Claims credit of a consumer: of the next one, or of the one with the fewest outstanding deliveries.
    #[inline]
    pub(crate) fn pick(&mut self) -> Option<LinkRef> {
        match &*self.consumers {
            [only] => only.credit.claim().then_some(only.at),
            _ if self.distribution == Distribution::Closest => self.pick_next(),
            _ => self.pick_least(),
        }
    }

    fn order(&self) -> impl Iterator<Item = (usize, &Consumer)> {
        let count = self.consumers.len();
        let start = self.turn.checked_rem(count).unwrap_or(0);
        (start..count).chain(0..start).filter_map(|at| Some((at, self.consumers.get(at)?)))
    }

    fn pick_next(&mut self) -> Option<LinkRef> {
        let (at, to) = self.order().find(|(_, consumer)| consumer.credit.claim()).map(|(at, found)| (at, found.at))?;
        self.turn = at.wrapping_add(1);
        Some(to)
    }

    fn pick_least(&mut self) -> Option<LinkRef> {
        // each failed claim is another worker's success, which leaves less to fail on
        for _ in 0..self.consumers.len() {
            let mut best: Option<(usize, &Consumer, u32)> = None;
            for (at, consumer) in self.order().filter(|(_, consumer)| consumer.credit.is_available()) {
                let outstanding = consumer.credit.outstanding();
                if best.is_none_or(|(_, _, least)| outstanding < least) {
                    best = Some((at, consumer, outstanding));
                }
                if outstanding == 0 {
                    break;
                }
            }
            let (at, consumer, _) = best?;
            if consumer.credit.claim() {
                let to = consumer.at;
                self.turn = at.wrapping_add(1);
                return Some(to);
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use crosstie_amqp::session::LinkId;
    use crosstie_model::policy::Ruling;

    use super::*;
    use crate::address::{Addresses, ConnectionRef};
    use crate::credit::Credit;
    use crate::identity::Identities;

    fn lane(distribution: Distribution, credits: &[u32]) -> (Lane, Vec<Arc<Credit>>) {
        let addresses = Addresses::new(Vec::new(), Distribution::Balanced, &Identities::default());
        let address = addresses.get(addresses.key("q", true), distribution);
        let credits: Vec<_> = (0..)
            .zip(credits)
            .map(|(handle, credit)| {
                let shared = Arc::new(Credit::default());
                shared.handle_flow(0, *credit);
                let connection = ConnectionRef { shard: 0, slot: 0, generation: 0 };
                let at = LinkRef { connection, link: LinkId { channel: 0, handle }, serial: 0 };
                address.add(Consumer { at, credit: shared.clone() });
                shared
            })
            .collect();
        (Lane::new(address), credits)
    }

    fn picks(lane: &mut Lane, count: usize) -> Vec<Option<u32>> {
        (0..count).map(|_| lane.pick().map(|to| to.link.handle)).collect()
    }

    #[test]
    fn closest_takes_consumers_with_credit_in_turn() {
        let (mut lane, _credits) = lane(Distribution::Closest, &[3, 0, 2]);
        assert_eq!(picks(&mut lane, 6), [Some(0), Some(2), Some(0), Some(2), Some(0), None]);
    }

    #[test]
    fn balanced_takes_the_consumer_with_the_fewest_outstanding() {
        let (mut lane, credits) = lane(Distribution::Balanced, &[10, 10]);
        assert_eq!(picks(&mut lane, 4), [Some(0), Some(1), Some(0), Some(1)]);
        credits[1].settle(2);
        assert_eq!(picks(&mut lane, 3), [Some(1), Some(1), Some(0)]);
    }

    #[test]
    fn what_policy_said_of_a_name_is_known_while_it_holds() {
        let mut anonymous = Anonymous::default();
        let ruling = |until: Option<u64>, ruling| Remembered { ruling, until: until.map(Time) };
        let third = Ruled { ruling: Ruling { phase: Some(3), ..Ruling::default() }, by: None };
        anonymous.remember("as", ruling(Some(10), Ok(third)), 1);
        anonymous.remember("never", ruling(None, Err(Outcome::Released)), 1);
        let phase = |known| match known {
            Known::As(ruled) => ruled.ruling.phase,
            Known::Lane(_) => Some(9),
            Known::Refused(_) | Known::Nothing => None,
        };
        assert_eq!(phase(anonymous.look_up("as", (Time(9), 1))), Some(3));
        assert!(matches!(anonymous.look_up("as", (Time(10), 1)), Known::Nothing));
        assert!(matches!(anonymous.look_up("as", (Time(9), 2)), Known::Nothing), "of other plugins");
        assert!(matches!(anonymous.look_up("never", (Time(u64::MAX), 1)), Known::Refused(Outcome::Released)));
        // with a lane too it holds no longer; the lane stays for what is asked again and means the same
        let (to, _) = lane(Distribution::Balanced, &[]);
        let address = to.address.id;
        let id = anonymous.add("as", to, 1);
        assert_eq!(phase(anonymous.look_up("as", (Time(9), 1))), Some(9));
        assert!(matches!(anonymous.look_up("as", (Time(10), 1)), Known::Nothing));
        assert_eq!((anonymous.leads_to("as", address, 2), anonymous.leads_to("as", address + 1, 2)), (Some(id), None));
        // what nobody is asked about any more has no ruling
        anonymous.remember("gone", ruling(None, Err(Outcome::Released)), 1);
        anonymous.forget_ruling("gone");
        anonymous.add("gone", lane(Distribution::Balanced, &[]).0, 2);
        assert!(matches!(anonymous.look_up("gone", (Time(0), 2)), Known::Lane(_)));
        // names without a lane are as many as there is room for
        for at in 0..NAMES_MAX {
            anonymous.remember(&at.to_string(), ruling(None, Err(Outcome::Released)), 1);
        }
        assert!(matches!(anonymous.look_up("never", (Time(0), 1)), Known::Nothing));
        assert_eq!((anonymous.names.len(), anonymous.named("as")), (NAMES_MAX, Some(id)));
        assert!(anonymous.remove(id).is_some() && anonymous.named("as").is_none());
    }

    #[test]
    fn lanes_retire_the_one_that_was_not_used_for_longest() {
        let mut anonymous = Anonymous::default();
        for at in 0..IDLE_LANES_MAX {
            anonymous.add(&at.to_string(), lane(Distribution::Balanced, &[]).0, 0);
        }
        assert!(anonymous.named("0").is_some() && anonymous.retire(0).is_none());
        let added = anonymous.add("more", lane(Distribution::Balanced, &[]).0, 0);
        assert!(anonymous.retire(added).is_some());
        assert!(
            anonymous.named("1").is_none() && anonymous.named("0").is_some() && anonymous.named("more") == Some(added)
        );
    }
}
