//! Patterns in a tree by their parts: which of many cover an address is found without a look at each.

use std::collections::BTreeMap;

use crosstie_model::pattern::{Part, Pattern, words};

/// Where all patterns begin.
const ROOT: usize = 0;

/// Ids by the patterns that they stand under.
#[derive(Debug)]
pub(crate) struct Patterns {
    branches: Vec<Branch>,
    /// Places that are to be used again.
    free: Vec<usize>,
}

/// What stands behind one part.
#[derive(Debug, Default)]
struct Branch {
    parent: usize,
    /// It is entered by `#`, and stands for any number of words.
    is_any: bool,
    /// Of those whose pattern ends here, in the order in which they came.
    here: Vec<u64>,
    next: BTreeMap<Part, usize>,
}

impl Default for Patterns {
    fn default() -> Self {
        Self { branches: vec![Branch::default()], free: Vec::new() }
    }
}

impl Patterns {
    pub(crate) fn insert(&mut self, pattern: &Pattern, id: u64) {
        let mut at = ROOT;
        for part in pattern.parts() {
            at = self.grow(at, part);
        }
        if let Some(branch) = self.branches.get_mut(at) {
            branch.here.push(id);
        }
    }

    /// Takes one out; branches that end nowhere go.
    pub(crate) fn remove(&mut self, pattern: &Pattern, id: u64) {
        let Some(mut at) = self.find(pattern) else {
            return;
        };
        if let Some(branch) = self.branches.get_mut(at) {
            branch.here.retain(|known| *known != id);
        }
        for part in pattern.parts().iter().rev() {
            let Some(branch) = self.branches.get_mut(at).filter(|one| one.here.is_empty() && one.next.is_empty())
            else {
                return;
            };
            let parent = std::mem::take(branch).parent;
            self.free.push(at);
            if let Some(branch) = self.branches.get_mut(parent) {
                branch.next.remove(part);
            }
            at = parent;
        }
    }

    /// Those with just this pattern, in the order in which they came.
    pub(crate) fn under(&self, pattern: &Pattern) -> &[u64] {
        self.find(pattern).and_then(|at| self.branches.get(at)).map_or(&[], |branch| &branch.here)
    }

    /// Those whose pattern covers an address, by their ids.
    pub(crate) fn covering(&self, address: &str) -> Vec<u64> {
        let mut active = Vec::new();
        self.enter(ROOT, &mut active);
        for word in words(address) {
            let ways = [Part::Word(word.to_owned()), Part::One];
            let mut next = Vec::new();
            for (at, branch) in active.iter().filter_map(|at| Some((*at, self.branches.get(*at)?))) {
                if branch.is_any {
                    next.push(at);
                }
                ways.iter().filter_map(|part| branch.next.get(part)).for_each(|to| self.enter(*to, &mut next));
            }
            // several ways may lead to one branch
            next.sort_unstable();
            next.dedup();
            active = next;
        }
        let ends = active.iter().filter_map(|at| self.branches.get(*at));
        let mut found: Vec<u64> = ends.flat_map(|branch| branch.here.iter().copied()).collect();
        found.sort_unstable();
        found
    }

    /// A branch is reached, and with it the `#` behind it, which may stand for no word.
    fn enter(&self, at: usize, reached: &mut Vec<usize>) {
        reached.push(at);
        reached.extend(self.branches.get(at).and_then(|branch| branch.next.get(&Part::Any)));
    }

    fn find(&self, pattern: &Pattern) -> Option<usize> {
        pattern.parts().iter().try_fold(ROOT, |at, part| self.branches.get(at)?.next.get(part).copied())
    }

    /// The branch behind a part, which is made where there is none.
    fn grow(&mut self, parent: usize, part: &Part) -> usize {
        if let Some(known) = self.branches.get(parent).and_then(|branch| branch.next.get(part)) {
            return *known;
        }
        let branch = Branch { parent, is_any: *part == Part::Any, ..Branch::default() };
        let at = match self.free.pop().and_then(|at| Some((at, self.branches.get_mut(at)?))) {
            Some((at, place)) => {
                *place = branch;
                at
            }
            None => {
                self.branches.push(branch);
                self.branches.len().saturating_sub(1)
            }
        };
        if let Some(branch) = self.branches.get_mut(parent) {
            branch.next.insert(part.clone(), at);
        }
        at
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(parts: &'static [&'static str]) -> impl Strategy<Value = String> {
        prop::collection::vec(prop::sample::select(parts), 1..6).prop_map(|parts| parts.join("."))
    }

    proptest! {
        #[test]
        fn the_tree_finds_what_a_look_at_each_finds(
            patterns in prop::collection::vec((text(&["a", "b", "*", "#", "#"]), any::<bool>()), 0..30),
            addresses in prop::collection::vec(text(&["a", "b", "c", ""]), 1..10),
        ) {
            let mut tree = Patterns::default();
            let mut all: BTreeMap<u64, Pattern> = BTreeMap::new();
            for (id, (text, removes)) in (0..).zip(&patterns) {
                let pattern = Pattern::new(text);
                tree.insert(&pattern, id);
                all.insert(id, pattern);
                if *removes {
                    // the oldest, so that branches go while others stay
                    let (id, pattern) = all.pop_first().unwrap();
                    tree.remove(&pattern, id);
                    prop_assert!(!tree.under(&pattern).contains(&id));
                }
            }
            for address in &addresses {
                let wanted: Vec<u64> = all.iter().filter(|(_, one)| one.matches(address)).map(|(id, _)| *id).collect();
                prop_assert_eq!(tree.covering(address), wanted, "{}", address);
            }
            for (id, pattern) in &all {
                prop_assert!(tree.under(pattern).contains(id));
            }
            all.iter().for_each(|(id, pattern)| tree.remove(pattern, *id));
            prop_assert_eq!(tree.branches.len(), tree.free.len() + 1, "branches stay behind");
        }
    }
}
