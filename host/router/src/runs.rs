//! Unsettled deliveries as runs: neighbours with one origin share an entry, however many they are.

use std::collections::BTreeMap;

use crosstie_amqp::session::DeliveryId;

/// What stands beside a run: where its deliveries come from or go to.
pub trait Origin: Copy {
    /// The origin of the delivery `steps` after the one that this belongs to.
    #[must_use]
    fn after(self, steps: u64) -> Self;

    /// Whether `next` is the origin right after this one.
    fn is_followed_by(self, next: Self) -> bool;
}

/// Consecutive deliveries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Run<T> {
    /// The id of the first.
    pub first: DeliveryId,
    /// How many, at least 1.
    pub count: u64,
    /// Of the first.
    pub origin: T,
}

impl<T: Origin> Run<T> {
    const fn end(&self) -> DeliveryId {
        self.first.saturating_add(self.count)
    }

    /// The part from `first` up to and without `end`, which must overlap.
    fn part(&self, first: DeliveryId, end: DeliveryId) -> Self {
        let (first, end) = (first.max(self.first), end.min(self.end()));
        let origin = self.origin.after(first.saturating_sub(self.first));
        Self { first, count: end.saturating_sub(first), origin }
    }
}

/// A set of deliveries by id. The newest run stands apart: nearly everything happens there.
#[derive(Debug)]
pub struct Runs<T> {
    newest: Option<Run<T>>,
    older: BTreeMap<DeliveryId, Run<T>>,
}

impl<T> Default for Runs<T> {
    fn default() -> Self {
        Self { newest: None, older: BTreeMap::new() }
    }
}

impl<T: Origin> Runs<T> {
    /// Adds one delivery. Its id is after all that were added before.
    pub fn push(&mut self, id: DeliveryId, origin: T) {
        if let Some(run) = &mut self.newest
            && run.end() == id
            && run.origin.after(run.count.saturating_sub(1)).is_followed_by(origin)
        {
            run.count = run.count.saturating_add(1);
            return;
        }
        if let Some(run) = self.newest.replace(Run { first: id, count: 1, origin }) {
            self.older.insert(run.first, run);
        }
    }

    /// The lowest id.
    #[must_use]
    pub fn first(&self) -> Option<DeliveryId> {
        let older = self.older.first_key_value().map(|(first, _)| *first);
        older.or(self.newest.as_ref().map(|run| run.first))
    }

    /// Whether it holds nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.newest.is_none() && self.older.is_empty()
    }

    /// Takes out every delivery from `first` to `last`; each run of them goes to `taken`.
    pub fn take(&mut self, (first, last): (DeliveryId, DeliveryId), mut taken: impl FnMut(Run<T>)) {
        let end = last.saturating_add(1);
        if !self.older.is_empty() {
            self.take_older(first, end, &mut taken);
        }
        let Some(run) = self.newest else { return };
        if run.end() <= first || end <= run.first {
            return;
        }
        taken(run.part(first, end));
        let before = (run.first < first).then(|| run.part(run.first, first));
        let after = (end < run.end()).then(|| run.part(end, run.end()));
        self.newest = match (before, after) {
            (Some(before), Some(after)) => {
                self.older.insert(before.first, before);
                Some(after)
            }
            (before, after) => before.or(after),
        };
    }

    fn take_older(&mut self, first: DeliveryId, end: DeliveryId, taken: &mut impl FnMut(Run<T>)) {
        // what begins before `first` and reaches beyond it
        if let Some((&at, &run)) = self.older.range(..first).next_back()
            && first < run.end()
        {
            self.older.insert(at, run.part(run.first, first));
            taken(run.part(first, end));
            if end < run.end() {
                self.older.insert(end, run.part(end, run.end()));
            }
        }
        while let Some((&at, &run)) = self.older.range(first..end).next() {
            self.older.remove(&at);
            taken(run.part(first, end));
            if end < run.end() {
                self.older.insert(end, run.part(end, run.end()));
                return;
            }
        }
    }

    /// Shows every delivery from `first` to `last`; each run of them goes to `seen`.
    pub fn within(&self, (first, last): (DeliveryId, DeliveryId), mut seen: impl FnMut(Run<T>)) {
        let end = last.saturating_add(1);
        let before = self.older.range(..first).next_back();
        let older = before.into_iter().chain(self.older.range(first..end)).map(|(_, run)| run);
        for run in older.chain(&self.newest).filter(|run| first < run.end() && run.first < end) {
            seen(run.part(first, end));
        }
    }

    /// All runs, the oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &Run<T>> {
        self.older.values().chain(&self.newest)
    }

    /// Takes out every run that `pick` chooses.
    pub fn extract(&mut self, mut pick: impl FnMut(&T) -> bool) -> Vec<Run<T>> {
        let mut taken = Vec::new();
        self.older.retain(|_, run| {
            let chosen = pick(&run.origin);
            if chosen {
                taken.push(*run);
            }
            !chosen
        });
        taken.extend(self.newest.take_if(|run| pick(&run.origin)));
        taken
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct From(u8, u64);

    impl Origin for From {
        fn after(self, steps: u64) -> Self {
            Self(self.0, self.1 + steps)
        }

        fn is_followed_by(self, next: Self) -> bool {
            self.0 == next.0 && self.1 + 1 == next.1
        }
    }

    #[derive(Debug, Clone)]
    enum Act {
        Push(u8, u8),
        Take(u8, u8),
        Extract(u8),
    }

    fn act() -> impl Strategy<Value = Act> {
        prop_oneof![
            6 => (0..3u8, 1..6u8).prop_map(|(who, n)| Act::Push(who, n)),
            4 => (any::<u8>(), 0..20u8).prop_map(|(at, n)| Act::Take(at, n)),
            1 => (0..3u8).prop_map(Act::Extract),
        ]
    }

    proptest! {
        #[test]
        fn runs_hold_what_a_map_of_single_deliveries_holds(acts in prop::collection::vec(act(), 0..80)) {
            let (mut runs, mut model) = (Runs::default(), BTreeMap::new());
            let (mut next, mut theirs) = (0, [0; 3]);
            for act in acts {
                match act {
                    Act::Push(who, n) => for _ in 0..n {
                        let origin = From(who, theirs[usize::from(who)]);
                        theirs[usize::from(who)] += 1;
                        runs.push(next, origin);
                        model.insert(next, origin);
                        next += 1;
                    },
                    Act::Take(at, n) => {
                        let range = (u64::from(at), u64::from(at) + u64::from(n));
                        let mut taken = BTreeMap::new();
                        runs.take(range, |run| for step in 0..run.count {
                            taken.insert(run.first + step, run.origin.after(step));
                        });
                        let expected = model.extract_if(range.0..=range.1, |_, _| true).collect::<BTreeMap<_, _>>();
                        prop_assert_eq!(taken, expected);
                    }
                    Act::Extract(who) => {
                        let taken: u64 = runs.extract(|origin| origin.0 == who).iter().map(|run| run.count).sum();
                        let before = model.len();
                        model.retain(|_, origin: &mut From| origin.0 != who);
                        prop_assert_eq!(taken as usize, before - model.len());
                    }
                }
                prop_assert_eq!(runs.is_empty(), model.is_empty());
            }
        }
    }
}
