//! Sources: the files of a configuration, and places in them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

/// A range of bytes in one file of a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) file: usize,
    pub(crate) start: usize,
    pub(crate) len: usize,
}

impl Place {
    /// The smallest place that holds both; the first alone where they stand in different files.
    pub(crate) fn to(self, end: Self) -> Self {
        if self.file != end.file {
            return self;
        }
        let stop = (end.start + end.len).max(self.start + self.len);
        let start = self.start.min(end.start);
        Self { file: self.file, start, len: stop - start }
    }
}

/// One file and what is needed to speak of it.
#[derive(Debug)]
pub(crate) struct Source {
    /// As a person names it.
    pub(crate) name: String,
    /// What relative paths in it are relative to.
    pub(crate) directory: PathBuf,
    pub(crate) text: String,
    /// Byte offsets at which lines start.
    lines: Vec<usize>,
}

impl Source {
    /// A source without an own directory takes the working directory.
    pub(crate) fn new(name: String, directory: &Path, text: String) -> Self {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        let lines = std::iter::once(0).chain(starts).collect();
        Self { name, directory: directory.to_path_buf(), text, lines }
    }

    /// Line and column (in characters) of a byte offset, both from 0.
    pub(crate) fn position(&self, offset: usize) -> (usize, usize) {
        let line = self.lines.partition_point(|start| *start <= offset).saturating_sub(1);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let column = self.text.get(start..offset).map_or(0, |before| before.chars().count());
        (line, column)
    }

    /// The line that an offset stands in, without its end, and where it starts.
    pub(crate) fn line_at(&self, offset: usize) -> (usize, &str) {
        let (line, _) = self.position(offset);
        let start = self.lines.get(line).copied().unwrap_or(0);
        let stop = self.lines.get(line + 1).copied().unwrap_or(self.text.len());
        let text = self.text.get(start..stop).unwrap_or("");
        (start, text.trim_end_matches(['\n', '\r']))
    }

    /// A path as written in this file.
    pub(crate) fn resolve(&self, path: &str) -> PathBuf {
        self.directory.join(path)
    }
}

/// All files of one configuration; a [`Place`] is an index into it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources(Vec<Arc<Source>>);

impl Sources {
    pub(crate) fn add(&mut self, source: Source) -> usize {
        self.0.push(Arc::new(source));
        self.0.len() - 1
    }

    pub(crate) fn get(&self, file: usize) -> Option<&Arc<Source>> {
        self.0.get(file)
    }
}
