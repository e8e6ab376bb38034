//! Address patterns: which addresses a rule is for, and which of two rules is the closer one. Source: the reference, 1.7.

use std::cmp::Ordering;

/// One part of a pattern; parts stand between `.` or `/`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Part {
    /// This part.
    Word(String),
    /// Any one part: `*`.
    One,
    /// Any number of parts, also none: `#`.
    Any,
}

/// A pattern, in its normal form: `*` stands before `#`, and never two `#` together.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pattern {
    parts: Vec<Part>,
}

/// The parts of an address.
pub fn words(address: &str) -> impl Iterator<Item = &str> {
    address.split(['.', '/'])
}

impl Pattern {
    /// Reads a pattern.
    #[must_use]
    pub fn new(text: &str) -> Self {
        let read = |part: &str| match part {
            "*" => Part::One,
            "#" => Part::Any,
            word => Part::Word(word.to_owned()),
        };
        let mut parts: Vec<Part> = words(text).map(read).collect();
        for run in parts.chunk_by_mut(|a, b| !matches!(a, Part::Word(_)) && !matches!(b, Part::Word(_))) {
            run.sort();
        }
        parts.dedup_by(|next, before| *next == Part::Any && *before == Part::Any);
        Self { parts }
    }

    /// These parts and all that stands behind them.
    #[must_use]
    pub fn prefix(text: &str) -> Self {
        let mut prefix = Self::new(text);
        prefix.parts.push(Part::Any);
        prefix
    }

    /// Its parts.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// Whether it is for this address.
    #[must_use]
    pub fn matches(&self, address: &str) -> bool {
        let words: Vec<&str> = words(address).collect();
        let (mut at, mut word) = (0_usize, 0_usize);
        // where the last `#` stands, and how many words it has taken
        let mut any: Option<(usize, usize)> = None;
        loop {
            match (self.parts.get(at), words.get(word)) {
                (None, None) => return true,
                (Some(Part::Any), _) => {
                    any = Some((at, word));
                    at = at.saturating_add(1);
                    continue;
                }
                (Some(Part::One), Some(_)) => {}
                (Some(Part::Word(part)), Some(text)) if part == text => {}
                _ => {
                    // that `#` takes one word more
                    let Some((start, taken)) = any.filter(|(_, taken)| *taken < words.len()) else {
                        return false;
                    };
                    any = Some((start, taken.saturating_add(1)));
                    at = start.saturating_add(1);
                    word = taken.saturating_add(1);
                    continue;
                }
            }
            at = at.saturating_add(1);
            word = word.saturating_add(1);
        }
    }

    /// Of two patterns for one address, which is closer (`Less`): at the first part that differs a word beats `*` beats `#`.
    #[must_use]
    pub fn closeness(&self, other: &Self) -> Ordering {
        let rank = |part: Option<&Part>| match part {
            None | Some(Part::Word(_)) => 0,
            Some(Part::One) => 1,
            Some(Part::Any) => 2,
        };
        let length = self.parts.len().max(other.parts.len());
        let ranks = |pattern: &Self| (0..length).map(|at| rank(pattern.parts.get(at))).collect::<Vec<_>>();
        ranks(self).cmp(&ranks(other))
    }
}

impl std::fmt::Display for Pattern {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (at, part) in self.parts.iter().enumerate() {
            if at > 0 {
                f.write_str("/")?;
            }
            f.write_str(match part {
                Part::Word(word) => word,
                Part::One => "*",
                Part::Any => "#",
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Source: S18 of the reference's scenarios and its user guide.
    #[test]
    fn patterns_match_as_the_reference_documents() {
        let table = [
            ("a/*/c", &["a/b/c", "a.b.c"][..], &["a/c", "a/b/b/c", "a/b"][..]),
            ("a/#", &["a", "a/b", "a.b.c.d"], &["ab", "b/a"]),
            ("#/c", &["c", "a/c", "a/b/c"], &["c/a", "a/c/b"]),
            ("a.*", &["a.b", "a/b"], &["a", "a.b.c"]),
            ("*.*.c", &["a/b/c"], &["b/c", "c"]),
            ("a/#/c/#", &["a/c", "a/b/c/d", "a/c/c/c"], &["a/b", "a"]),
            ("#", &["a", "a/b/c"], &[]),
            ("a/#/*", &["a/b", "a/b/c"], &["a"]),
        ];
        for (pattern, inside, outside) in table {
            for address in inside {
                assert!(Pattern::new(pattern).matches(address), "{pattern} {address}");
            }
            for address in outside {
                assert!(!Pattern::new(pattern).matches(address), "{pattern} {address}");
            }
        }
    }

    #[test]
    fn a_word_beats_one_part_beats_any() {
        let sorted = ["a/b/c", "a/b/*", "a/b/#", "a/*/c", "a/*/#", "a/#/c", "*/b/c", "#"];
        let mut patterns: Vec<Pattern> = sorted.iter().rev().map(|text| Pattern::new(text)).collect();
        patterns.sort_by(Pattern::closeness);
        assert_eq!(patterns.iter().map(ToString::to_string).collect::<Vec<_>>(), sorted);
        assert_eq!(Pattern::new("a").closeness(&Pattern::prefix("a")), Ordering::Less);
    }

    #[test]
    fn wildcards_have_one_normal_form() {
        for (text, normal) in [("#.*", "*/#"), ("a.#.#.b", "a/#/b"), ("#/*/#", "*/#"), ("a.b/c", "a/b/c")] {
            assert_eq!(Pattern::new(text).to_string(), normal);
        }
        assert_eq!(Pattern::prefix("a.b").to_string(), "a/b/#");
    }
}
