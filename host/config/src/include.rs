//! Includes: reading files, and putting those in that `include` names.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::loading::{Fault, Loading};
use crate::source::Source;
use crate::tree::{self, Node, Value};

/// Bytes of one file.
pub(crate) const FILE_BYTES_MAX: u64 = 4 << 20;
/// Files of one configuration.
const FILES_MAX: usize = 256;
/// Files that include each other.
const INCLUDE_DEPTH_MAX: usize = 8;

/// Reads a text within the limits of one file.
///
/// # Errors
///
/// Why it cannot be read, for a person.
pub(crate) fn read(path: &Path) -> Result<String, String> {
    let regular = fs::metadata(path).map_err(|error| error.to_string())?.is_file();
    if !regular {
        return Err("it is not a regular file".to_owned());
    }
    let file = fs::File::open(path).map_err(|error| error.to_string())?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > FILE_BYTES_MAX {
        return Err("it is longer than 4 MiB".to_owned());
    }
    String::from_utf8(bytes).map_err(|error| {
        let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or(&[]);
        let line = valid.iter().filter(|byte| **byte == b'\n').count() + 1;
        format!("it is not UTF-8 in line {line}")
    })
}

/// The nodes of all files, includes put in where they stand.
pub(crate) struct Includer<'l, 'e> {
    loading: &'l Loading<'e>,
    nodes: Vec<Node>,
    /// Whether every node of every file could be read.
    whole: bool,
    files: usize,
    /// The files that are being read, outermost first.
    open: Vec<PathBuf>,
}

impl<'l, 'e> Includer<'l, 'e> {
    pub(crate) fn new(loading: &'l Loading<'e>) -> Self {
        Self { loading, nodes: Vec::new(), whole: true, files: 0, open: Vec::new() }
    }

    /// All nodes from one file on, and whether all could be read.
    pub(crate) fn run(mut self, file: usize, path: Option<PathBuf>) -> (Vec<Node>, bool) {
        self.file(file, path);
        (self.nodes, self.whole)
    }

    /// The depth of the recursion is limited by `INCLUDE_DEPTH_MAX`.
    fn file(&mut self, file: usize, path: Option<PathBuf>) {
        self.files += 1;
        let (nodes, whole) = tree::parse(self.loading, file);
        self.whole &= whole;
        self.open.push(path.unwrap_or_default());
        for node in nodes {
            if node.name == "include" {
                self.include(&node);
            } else {
                self.nodes.push(node);
            }
        }
        self.open.pop();
    }

    fn include(&mut self, node: &Node) {
        let hint = "as in `include \"conf.d/*.kdl\"`";
        if let Some(prop) = node.props.first() {
            self.fail(Fault::at(prop.at, "`include` takes no property").hint(hint));
        }
        if node.children.is_some() {
            self.fail(Fault::at(node.head, "`include` takes no block").hint(hint));
        }
        let ([arg], true) = (node.args.as_slice(), node.children.is_none()) else {
            if node.children.is_none() {
                self.fail(Fault::at(node.head, "`include` takes one path").hint(hint));
            }
            return;
        };
        match &arg.value {
            Value::Text(text) if !text.is_empty() => self.include_pattern(node, text),
            Value::Broken => self.whole = false,
            _ => self.fail(Fault::at(arg.at, "a path is a text").hint(hint)),
        }
    }

    fn include_pattern(&mut self, node: &Node, pattern: &str) {
        let path = self.loading.resolve(node.at, pattern);
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or("").to_owned();
        let parent = path.parent().unwrap_or(Path::new("")).to_path_buf();
        if parent.to_string_lossy().contains(['*', '?']) {
            return self.fail(
                Fault::at(node.head, "`*` and `?` stand only in the last part of a path").hint("name the directory"),
            );
        }
        if !name.contains(['*', '?']) {
            return self.include_path(node, &path);
        }
        let entries = match fs::read_dir(&parent) {
            Ok(entries) => entries,
            Err(error) => {
                let message = format!("cannot read directory `{}`: {error}", parent.display());
                return self
                    .fail(Fault::at(node.head, message).hint("a relative path starts at the directory of this file"));
            }
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut matching: Vec<String> =
            names.filter(|found| matches_pattern(&name, found)).take(FILES_MAX + 1).collect();
        matching.sort();
        for found in matching {
            self.include_path(node, &parent.join(found));
        }
    }

    fn include_path(&mut self, node: &Node, path: &Path) {
        let shown = path.display();
        let canonical = match fs::canonicalize(path) {
            Ok(canonical) => canonical,
            Err(error) => {
                let hint = "a relative path starts at the directory of this file";
                return self.fail(Fault::at(node.head, format!("cannot read `{shown}`: {error}")).hint(hint));
            }
        };
        if self.open.contains(&canonical) {
            let message = format!("`{shown}` includes itself");
            return self.fail(Fault::at(node.head, message).hint("remove one of the includes of this circle"));
        }
        if self.open.len() >= INCLUDE_DEPTH_MAX || self.files >= FILES_MAX {
            let hint = "at most 8 files include each other, and a configuration has at most 256";
            return self.fail(Fault::at(node.head, "too many includes").hint(hint));
        }
        match read(path) {
            Ok(text) => {
                let directory = path.parent().unwrap_or(Path::new(""));
                let file = self.loading.add_source(Source::new(shown.to_string(), directory, text));
                self.file(file, Some(canonical));
            }
            Err(why) => {
                let hint = "an included file is KDL text in UTF-8";
                self.fail(Fault::at(node.head, format!("cannot read `{shown}`: {why}")).hint(hint));
            }
        }
    }

    fn fail(&mut self, fault: Fault) {
        self.whole = false;
        self.loading.report(fault);
    }
}

/// `*` is any text, `?` any character; time is at most the product of the lengths.
fn matches_pattern(pattern: &str, text: &str) -> bool {
    let text: Vec<char> = text.chars().collect();
    // After each character of the pattern: which lengths of the text it can have taken.
    let mut reached = vec![false; text.len() + 1];
    if let Some(first) = reached.first_mut() {
        *first = true;
    }
    for wanted in pattern.chars() {
        let mut next = vec![false; text.len() + 1];
        let mut any_before = false;
        for (at, slot) in next.iter_mut().enumerate() {
            let here = reached.get(at).copied().unwrap_or(false);
            any_before |= here;
            let before = at.checked_sub(1);
            let came = before.and_then(|before| reached.get(before)).copied().unwrap_or(false);
            let same = before.and_then(|before| text.get(before)).is_some_and(|c| wanted == '?' || *c == wanted);
            *slot = if wanted == '*' { any_before } else { came && same };
        }
        reached = next;
    }
    reached.last().copied().unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_file_names() {
        assert!(matches_pattern("*.kdl", "a.kdl"));
        assert!(matches_pattern("1?-*.kdl", "10-users.kdl"));
        assert!(matches_pattern("*", ""));
        assert!(!matches_pattern("*.kdl", "a.kdl~"));
        assert!(!matches_pattern("?", ""));
        assert!(!matches_pattern("*a*a*a*a*b", &"a".repeat(200)));
    }
}
