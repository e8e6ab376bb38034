//! The directory of plugins: which files are there, and whether one has changed.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::plugin::Fault;

/// The plugin files of a directory by their stems.
///
/// # Errors
///
/// When it cannot be read.
pub(crate) fn list(directory: &Path) -> Result<BTreeMap<String, PathBuf>, Fault> {
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| Fault::new(format!("cannot read `{}`: {error}", directory.display())))?;
    let word = |part: Option<&std::ffi::OsStr>| part.and_then(|part| part.to_str()).map(str::to_owned);
    let plugin = |path: PathBuf| match word(path.extension()).as_deref() {
        Some("wasm" | "js") => word(path.file_stem()).map(|stem| (stem, path)),
        _ => None,
    };
    Ok(entries.into_iter().filter_map(|entry| plugin(entry.path())).collect())
}

/// The bytes of a plugin.
///
/// # Errors
///
/// When it cannot be read, is longer than `limit`, or of a kind that is not served.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    if path.extension().is_some_and(|extension| extension == "js") {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        return Err(
            Fault::new(format!("this build does not serve `{name}`")).hint("remove it, or compile it to a .wasm file")
        );
    }
    read_whole(path, limit)
}

/// The bytes of a file.
///
/// # Errors
///
/// When it cannot be read, is longer than `limit`, or is none: a pipe has no end.
pub(crate) fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    let unreadable = |error: &dyn std::fmt::Display| Fault::new(format!("cannot read `{}`: {error}", path.display()));
    if !fs::metadata(path).map_err(|error| unreadable(&error))?.is_file() {
        return Err(unreadable(&"it is no regular file"));
    }
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Fault::new(format!("its file is longer than {limit} bytes")));
    }
    Ok(bytes)
}
