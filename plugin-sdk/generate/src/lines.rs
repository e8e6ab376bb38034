//! Source text in the making.

use std::fmt::{Arguments, Write as _};

/// Adds a line.
pub(crate) fn line(out: &mut String, text: Arguments<'_>) {
    // writing to a string cannot fail
    let _ = writeln!(out, "{text}");
}

/// Words and what is done about each, those of equal length together and shorter ones first: a text is told by its length first.
pub(crate) fn by_length<'a>(arms: impl Iterator<Item = (&'a str, String)>) -> Vec<(usize, Vec<(&'a str, String)>)> {
    let mut groups: Vec<(usize, Vec<(&str, String)>)> = Vec::new();
    for (word, then) in arms {
        match groups.iter_mut().find(|(length, _)| *length == word.len()) {
            Some((_, same)) => same.push((word, then)),
            None => groups.push((word.len(), vec![(word, then)])),
        }
    }
    groups.sort_by_key(|(length, _)| *length);
    groups
}
