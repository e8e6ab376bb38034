//! A pattern: text in which `*` stands for any run of characters.

use alloc::string::String;

use crate::config::{FromScalar, Scalar};

/// Text in which `*` stands for any run of characters, none included. Case matters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(String);

impl Pattern {
    /// The pattern that this text is.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// Whether the whole text is of this form. Takes time in proportion to the product of both lengths at most.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        let Some((first, rest)) = self.0.split_once('*') else {
            return self.0 == text;
        };
        let (middle, last) = rest.rsplit_once('*').unwrap_or(("", rest));
        let Some(mut text) = text.strip_prefix(first).and_then(|text| text.strip_suffix(last)) else {
            return false;
        };
        for part in middle.split('*') {
            let Some((_, after)) = text.split_once(part) else {
                return false;
            };
            text = after;
        }
        true
    }
}

impl<'n> FromScalar<'n> for Pattern {
    const WANTED: &'static str = "a text, `*` for any run of characters";

    fn from_scalar(scalar: &'n Scalar) -> Option<Self> {
        String::from_scalar(scalar).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::vec;
    use alloc::vec::Vec;

    use super::*;

    /// The definition, letter by letter.
    fn model(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, None) => true,
            (Some((b'*', rest)), _) => model(rest, text) || (!text.is_empty() && model(pattern, &text[1..])),
            (Some((a, rest)), Some((b, tail))) if a == b => model(rest, tail),
            _ => false,
        }
    }

    fn words(letters: &str, length_max: usize) -> Vec<String> {
        let mut all = vec![String::new()];
        let mut last = all.clone();
        for _ in 0..length_max {
            last =
                (last.iter()).flat_map(|word| letters.chars().map(move |letter| format!("{word}{letter}"))).collect();
            all.extend(last.iter().cloned());
        }
        all
    }

    #[test]
    fn every_short_pattern_matches_what_the_definition_says() {
        let texts = words("ab", 5);
        for pattern in words("ab*", 5) {
            for text in &texts {
                assert_eq!(
                    Pattern::new(&pattern).matches(text),
                    model(pattern.as_bytes(), text.as_bytes()),
                    "{pattern} {text}"
                );
            }
        }
    }
}
