//! What is said of addresses by name: of one alone, or of all that begin alike.

use std::collections::BTreeMap;
use std::ops::Bound;

use crosstie_plugin::address::usable;
use crosstie_plugin::{Node, Problems};

/// Entries of addresses; an exact one goes before prefixes, and the longest prefix before others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names<T> {
    exact: BTreeMap<String, T>,
    prefixes: BTreeMap<String, T>,
}

impl<T> Default for Names<T> {
    fn default() -> Self {
        Self { exact: BTreeMap::new(), prefixes: BTreeMap::new() }
    }
}

/// Whom an entry is about.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) is_prefix: bool,
    pub(crate) text: String,
}

impl Name {
    /// The address that a node is about, or the prefix of addresses.
    pub(crate) fn read(node: &Node) -> Result<Self, Problems> {
        let prefix: Option<String> = node.property("prefix")?;
        let (name, sample) = match (prefix, node.args()) {
            (Some(prefix), []) if !prefix.is_empty() => {
                let sample = format!("{prefix}x");
                (Self { is_prefix: true, text: prefix }, sample)
            }
            (None, [_]) => {
                let address: String = node.argument()?;
                (Self { is_prefix: false, text: address.clone() }, address)
            }
            _ => {
                let error = node.error(format!("`{}` takes an address or a prefix", node.name()));
                let hint = format!("`{0} \"orders\"` or `{0} prefix=\"orders/\"`", node.name());
                return Err(error.with_hint(hint).into());
            }
        };
        if usable(&sample) != Some(&sample) {
            let error = node.error(format!("no address that is asked about is `{}`", name.text));
            let hint = "without scheme, host, leading and trailing `/`, control characters, and no `$` or `_` first";
            return Err(error.with_hint(hint).into());
        }
        Ok(name)
    }

    /// For a note: which entry it was.
    pub(crate) fn told(&self) -> String {
        format!("{} `{}`", if self.is_prefix { "prefix" } else { "address" }, self.text)
    }
}

impl<T> Names<T> {
    /// Adds an entry; a second one of a name is a problem at its node.
    pub(crate) fn add(&mut self, node: &Node, name: Name, entry: T, problems: &mut Problems) {
        let of_its_kind = if name.is_prefix { &mut self.prefixes } else { &mut self.exact };
        if of_its_kind.contains_key(&name.text) {
            problems.push(node.error(format!("a second entry for `{}`", name.text)));
        }
        of_its_kind.insert(name.text, entry);
    }

    /// What is said of an address, and what of it stands behind the prefix.
    pub(crate) fn find<'a>(&self, address: &'a str) -> Option<(&T, &'a str)> {
        if let Some(entry) = self.exact.get(address) {
            return Some((entry, ""));
        }
        // What sorts between a prefix and the address begins with that prefix too, so where the nearest entry is no prefix, one can
        // only be found among what that entry and the address have in common.
        let mut bound = address;
        loop {
            let up_to = (Bound::Unbounded, Bound::Included(bound));
            let (prefix, entry) = self.prefixes.range::<str, _>(up_to).next_back()?;
            if let Some(rest) = address.strip_prefix(prefix.as_str()) {
                return Some((entry, rest));
            }
            bound = common(bound, prefix);
        }
    }
}

/// What two texts begin with.
fn common<'a>(a: &'a str, b: &str) -> &'a str {
    let end = (a.char_indices().zip(b.chars()))
        .find(|((_, one), other)| one != other)
        .map_or(a.len().min(b.len()), |((at, _), _)| at);
    a.get(..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_prefix_is_found_among_any_others() {
        // Every text of up to 3 letters, of two where one begins with the bytes of none: each third one is a prefix of the table.
        let mut texts = vec![String::new()];
        for length in 1..=3 {
            for text in texts.clone().iter().filter(|text| text.chars().count() == length - 1) {
                texts.extend(["a", "é", "b"].map(|letter| format!("{text}{letter}")));
            }
        }
        for seed in 0..3 {
            let prefixes: Vec<_> = (texts.iter().skip(1)).skip(seed).step_by(3).collect();
            let mut names = Names::default();
            let mut problems = Problems::default();
            for prefix in &prefixes {
                let name = Name { is_prefix: true, text: (*prefix).clone() };
                names.add(&Node::new("deny"), name, (*prefix).clone(), &mut problems);
            }
            assert_eq!(problems.errors(), []);
            for address in &texts {
                let longest = (prefixes.iter())
                    .filter(|prefix| address.starts_with(prefix.as_str()))
                    .max_by_key(|prefix| prefix.len());
                let found = names.find(address).map(|(entry, _)| entry);
                assert_eq!(found, longest.copied(), "{address} among {prefixes:?}");
            }
        }
    }
}
