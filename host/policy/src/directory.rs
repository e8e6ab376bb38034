//! The directory of plugins: which files are there, and whether one has changed.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fmt::Display;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::plugin::Fault;

/// The plugin files of a directory by their stems: more than one of a stem, and a name that is no text, are mistakes, which [`only`] tells. An
/// empty path is no directory.
///
/// # Errors
///
/// When it cannot be read, or nobody could run what is in it.
pub(crate) fn list(directory: &Path) -> Result<BTreeMap<String, Vec<PathBuf>>, Fault> {
    if directory.as_os_str().is_empty() {
        return Ok(BTreeMap::new());
    }
    if cfg!(not(feature = "wasm")) {
        return Err(without_wasm());
    }
    let entries = fs::read_dir(directory).and_then(Iterator::collect::<std::io::Result<Vec<_>>>);
    let entries = entries.map_err(|error| unreadable(directory, &error))?;
    let mut files = BTreeMap::<String, Vec<PathBuf>>::new();
    // editors and copying programs keep what is half done under such names
    let is_hidden = |path: &PathBuf| path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
    for path in entries.into_iter().map(|entry| entry.path()).filter(|path| !is_hidden(path)) {
        if let (Some("wasm" | "js"), Some(stem)) = (path.extension().and_then(OsStr::to_str), path.file_stem()) {
            files.entry(stem.to_string_lossy().into_owned()).or_default().push(path);
        }
    }
    files.values_mut().for_each(|paths| paths.sort());
    Ok(files)
}

/// Why files are no plugins in a build that cannot run them.
pub(crate) fn without_wasm() -> Fault {
    Fault::new("this build has no WebAssembly: it cannot run plugins").hint(
        "leave them out of the configuration, or take a build that has the feature `wasm`, which is on by default",
    )
}

/// The one file of a stem.
///
/// # Errors
///
/// When there are more, or no configuration could name it.
pub(crate) fn only(paths: &[PathBuf]) -> Result<&Path, Fault> {
    let is_no_text = |path: &&PathBuf| path.file_name().is_some_and(|name| name.to_str().is_none());
    if let Some(path) = paths.iter().find(is_no_text) {
        let name = path.file_name().unwrap_or_default().as_encoded_bytes().escape_ascii();
        return Err(
            Fault::new(format!("the name of `{name}` is no text in UTF-8")).hint("rename the file, or remove it")
        );
    }
    let has_no_name = |path: &&PathBuf| {
        let stem = path.file_stem().and_then(OsStr::to_str).unwrap_or_default();
        stem.contains(char::is_control) || stem.ends_with(".wasm") || stem.ends_with(".js")
    };
    if let Some(path) = paths.iter().find(has_no_name) {
        let name = name(path).escape_debug().to_string();
        return Err(Fault::new(format!("no configuration could name `{name}`")).hint("rename the file, or remove it"));
    }
    match paths {
        [path] => Ok(path),
        paths => {
            let names: Vec<_> = paths.iter().map(|path| format!("`{}`", name(path))).collect();
            Err(Fault::new(format!("{} are plugins of one name", names.join(" and "))).hint("remove all but one"))
        }
    }
}

/// What a plugin is made of.
#[derive(Debug)]
pub(crate) enum Code {
    /// WebAssembly.
    Module(Vec<u8>),
    /// JavaScript.
    Script {
        /// The file's name.
        #[cfg_attr(not(feature = "wasm"), expect(dead_code, reason = "nobody runs it"))]
        file: String,
        text: String,
    },
}

impl Code {
    pub(crate) fn bytes(&self) -> &[u8] {
        match self {
            Self::Module(bytes) => bytes,
            Self::Script { text, .. } => text.as_bytes(),
        }
    }
}

/// The code of a plugin.
///
/// # Errors
///
/// When it cannot be read, is longer than `limit`, or a script that is no text.
pub(crate) fn read(path: &Path, limit: u64) -> Result<Code, Fault> {
    let bytes = read_whole(path, limit)?;
    if path.extension().is_none_or(|extension| extension != "js") {
        return Ok(Code::Module(bytes));
    }
    let file = name(path);
    match String::from_utf8(bytes) {
        Ok(text) => Ok(Code::Script { file, text }),
        Err(error) => {
            let valid = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
            let line = valid.iter().filter(|byte| **byte == b'\n').count().saturating_add(1);
            Err(Fault::new(format!("{file}:{line}: it is no text in UTF-8")))
        }
    }
}

pub(crate) fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Why a path leads to nothing.
pub(crate) fn unreadable(path: &Path, error: &dyn Display) -> Fault {
    Fault::new(format!("cannot read `{}`: {error}", path.display()))
}

/// The bytes of a file.
///
/// # Errors
///
/// When it cannot be read, is longer than `limit`, or is none: a pipe has no end.
pub(crate) fn read_whole(path: &Path, limit: u64) -> Result<Vec<u8>, Fault> {
    if !fs::metadata(path).map_err(|error| unreadable(path, &error))?.is_file() {
        return Err(unreadable(path, &"it is no regular file"));
    }
    let file = fs::File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| unreadable(path, &error))?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        return Err(Fault::new(format!("its file is longer than {limit} bytes")));
    }
    Ok(bytes)
}
