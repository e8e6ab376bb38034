//! Multicast: what became of the copies of a delivery. Source: the reference, 1.7: rejected beats accepted beats modified beats
//! released, and the delivery ends with its last copy.

use std::collections::VecDeque;

use crosstie_amqp::session::DeliveryId;

use crate::confirmation::Unconfirmed;
use crate::mail::Outcome;

/// The multicast deliveries of a session that are not settled, by id.
#[derive(Debug, Default)]
pub(crate) struct Tallies {
    open: VecDeque<Tally>,
    /// Of these, the ones that have ended: they go when they are at an end, or when they are most of them.
    ended: usize,
}

/// Fewer deliveries that have ended are left where they are.
const ENDED_MIN: usize = 64;

#[derive(Debug)]
pub(crate) struct Tally {
    id: DeliveryId,
    /// Copies that have not ended; 0: the delivery has.
    left: usize,
    outcome: Option<Outcome>,
    /// Receivers of copies that ended, who wait for us to settle them: one for each of these at most.
    pub(crate) waiting: Vec<Unconfirmed>,
}

impl Tallies {
    /// A delivery went out in so many copies. Its id is after all others, as a rule: one whose head came in pieces may have been
    /// overtaken by that of another link.
    pub(crate) fn push(&mut self, id: DeliveryId, copies: usize) {
        let tally = Tally { id, left: copies, outcome: None, waiting: Vec::new() };
        if self.open.back().is_none_or(|last| last.id < id) {
            return self.open.push_back(tally);
        }
        let at = self.open.partition_point(|tally| tally.id < id);
        self.open.insert(at, tally);
    }

    /// A delivery that has not ended.
    pub(crate) fn open(&mut self, id: DeliveryId) -> Option<&mut Tally> {
        // where nothing but multicast came in between, ids follow each other
        let steps = usize::try_from(id.checked_sub(self.open.front()?.id)?).ok()?;
        let at = match self.open.get(steps) {
            Some(tally) if tally.id == id => steps,
            _ => self.open.binary_search_by_key(&id, |tally| tally.id).ok()?,
        };
        self.open.get_mut(at).filter(|tally| tally.left > 0)
    }

    /// One copy ended. Returns how the delivery does, and who waited for that, when it was the last.
    pub(crate) fn settle(&mut self, id: DeliveryId, outcome: &Outcome) -> Option<(Outcome, Vec<Unconfirmed>)> {
        let tally = self.open(id)?;
        tally.left -= 1;
        if tally.outcome.as_ref().is_none_or(|known| known.verdict() < outcome.verdict()) {
            tally.outcome = Some(outcome.clone());
        }
        if tally.left > 0 {
            return None;
        }
        let (outcome, waiting) = (tally.outcome.take()?, std::mem::take(&mut tally.waiting));
        self.ended = self.ended.saturating_add(1);
        self.shrink();
        Some((outcome, waiting))
    }

    /// Forgets deliveries whose sender does not care any more. Returns who waited for their end.
    #[must_use]
    pub(crate) fn forget(&mut self, (first, last): (DeliveryId, DeliveryId)) -> Vec<Unconfirmed> {
        let mut waiting = Vec::new();
        let from = self.open.partition_point(|tally| tally.id < first);
        for tally in self.open.iter_mut().skip(from).take_while(|tally| tally.id <= last) {
            self.ended = self.ended.saturating_add(usize::from(tally.left > 0));
            tally.left = 0;
            waiting.append(&mut tally.waiting);
        }
        self.shrink();
        waiting
    }

    fn shrink(&mut self) {
        while self.open.pop_front_if(|tally| tally.left == 0).is_some() {
            self.ended = self.ended.saturating_sub(1);
        }
        while self.open.pop_back_if(|tally| tally.left == 0).is_some() {
            self.ended = self.ended.saturating_sub(1);
        }
        if self.ended > ENDED_MIN && self.ended > self.open.len() / 2 {
            self.open.retain(|tally| tally.left > 0);
            self.ended = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use crosstie_amqp::raw;

    use super::*;

    #[test]
    fn the_worst_outcome_of_the_copies_is_that_of_the_delivery() {
        let rejected = Outcome::read(Some(raw::REJECTED));
        let table = [
            (vec![Outcome::Released, Outcome::Accepted], Outcome::Accepted),
            (vec![Outcome::Failed, Outcome::Released], Outcome::Failed),
            (vec![Outcome::Accepted, Outcome::Failed], Outcome::Accepted),
            (vec![rejected.clone(), Outcome::Accepted, Outcome::Released], rejected),
            (vec![Outcome::Released, Outcome::Released], Outcome::Released),
        ];
        for (copies, wanted) in table {
            let mut tallies = Tallies::default();
            tallies.push(5, copies.len());
            let ends: Vec<_> = copies.iter().filter_map(|outcome| tallies.settle(5, outcome)).collect();
            assert_eq!(ends, [(wanted, Vec::new())]);
            assert!(tallies.settle(5, &Outcome::Accepted).is_none());
        }
    }

    #[test]
    fn a_delivery_that_was_overtaken_ends_too() {
        let mut tallies = Tallies::default();
        for id in [6, 5, 8, 7] {
            tallies.push(id, 1);
        }
        assert!((5..9).all(|id| tallies.settle(id, &Outcome::Accepted).is_some()));
        assert!(tallies.open.is_empty());
    }

    #[test]
    fn one_that_stays_open_keeps_few_of_those_that_end_behind_it() {
        let mut tallies = Tallies::default();
        tallies.push(0, 1);
        for id in 1..10_000 {
            tallies.push(id, 1);
            if id > 1 {
                assert!(tallies.settle(id - 1, &Outcome::Accepted).is_some());
            }
            assert!(tallies.open.len() <= 2 * ENDED_MIN + 4, "{}", tallies.open.len());
        }
        assert!(tallies.settle(0, &Outcome::Accepted).is_some() && tallies.settle(9999, &Outcome::Accepted).is_some());
        assert!(tallies.open.is_empty() && tallies.ended == 0);
    }

    #[test]
    fn what_the_sender_forgot_ends_no_more() {
        let mut tallies = Tallies::default();
        for id in [3, 4, 9] {
            tallies.push(id, 1);
        }
        assert_eq!(tallies.forget((4, 8)), []);
        assert!(tallies.settle(4, &Outcome::Accepted).is_none());
        assert!(tallies.settle(9, &Outcome::Accepted).is_some() && tallies.settle(3, &Outcome::Accepted).is_some());
        assert!(tallies.open.is_empty());
    }
}
