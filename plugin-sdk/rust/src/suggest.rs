//! A suggestion: the word that was probably meant.

use alloc::vec;
use alloc::vec::Vec;

/// The nearest of the known words, where it is near enough to be a slip: at most a third of its letters differ.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    known
        .iter()
        .map(|candidate| (distance(word, candidate), *candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Insertions, deletions, replacements and swaps of two neighbours that make one word of the other.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or_default();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, from) in a.iter().enumerate() {
        let mut next = vec![i + 1];
        for (j, to) in b.iter().enumerate() {
            let replaced = at(&row, j) + usize::from(from != to);
            let mut least = replaced.min(at(&next, j) + 1).min(at(&row, j + 1) + 1);
            if let (Some(i), Some(j)) = (i.checked_sub(1), j.checked_sub(1))
                && a.get(i) == Some(to)
                && b.get(j) == Some(from)
            {
                least = least.min(at(&before, j) + 1);
            }
            next.push(least);
        }
        before = core::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_word_and_another_word_finds_none() {
        let known = ["prefer", "exclude", "retry-after"];
        assert_eq!(nearest("perfer", &known), Some("prefer"));
        assert_eq!(nearest("lable", &["label"]), Some("label"));
        assert_eq!(nearest("exclud", &known), Some("exclude"));
        assert_eq!(nearest("retry_after", &known), Some("retry-after"));
        assert_eq!(nearest("weight", &known), None);
        assert_eq!(nearest("", &known), None);
    }
}
