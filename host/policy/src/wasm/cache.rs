//! Compiled modules kept on disk: compiling a module of some megabytes takes seconds, loading it less than a millisecond.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::Read as _;
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};
use std::{fs, io};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

use crate::wasm::compiler;

/// What the files of a directory have together, bytes.
const KEPT_BYTES_MAX: u64 = 256 << 20;

/// Nobody still writes a file that long after its last byte.
const WRITING_MAX: Duration = Duration::from_secs(3600);

/// Where compiled modules lie, in the directory for what the router keeps; `None`: nowhere, each start compiles.
pub(crate) fn directory(of: &Path) -> Option<PathBuf> {
    let directory = of.join("compiled");
    if let Err(error) = fs::DirBuilder::new().recursive(true).mode(0o700).create(&directory) {
        tracing::warn!(target: "plugin", directory = %directory.display(), %error, "compiled plugins are not kept");
        return None;
    }
    // native code is loaded from here: nobody else may have put it there
    let found = fs::symlink_metadata(&directory).ok()?;
    let own = fs::metadata("/proc/self").ok()?.uid();
    let private = found.is_dir() && found.uid() == own && found.mode() & 0o077 == 0;
    if !private {
        tracing::warn!(target: "plugin", directory = %directory.display(), "not a directory of ours alone: compiled plugins are not kept");
    }
    private.then_some(directory)
}

/// The compiled module of these bytes.
///
/// # Errors
///
/// Why the module does not compile.
pub(crate) fn compile(engine: &Engine, bytes: &[u8], directory: Option<&Path>) -> wasmtime::Result<Module> {
    let path = directory.map(|directory| directory.join(name(engine, bytes)));
    if let Some(module) = path.as_ref().and_then(|path| load(engine, path)) {
        return Ok(module);
    }
    let module = compiler::compile(engine, bytes)?;
    if let Some(path) = path {
        match store(&module, &path) {
            Ok(()) => drop(trim(&path, KEPT_BYTES_MAX)),
            Err(error) => tracing::debug!(target: "plugin", %error, "the compiled plugin is not kept"),
        }
    }
    Ok(module)
}

fn name(engine: &Engine, bytes: &[u8]) -> String {
    let mut hasher = DefaultHasher::new();
    engine.precompile_compatibility_hash().hash(&mut hasher);
    let digest = HEXLOWER.encode(&Sha256::digest(bytes));
    format!("{digest}-{:016x}", hasher.finish())
}

/// A file is the digest of what follows it, then that.
fn store(module: &Module, path: &Path) -> wasmtime::Result<()> {
    let compiled = module.serialize()?;
    let mut file = Sha256::digest(&compiled).to_vec();
    file.extend_from_slice(&compiled);
    let temporary = path.with_extension(format!("{}", std::process::id()));
    let stored = fs::write(&temporary, file).and_then(|()| fs::rename(&temporary, path));
    if stored.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    Ok(stored?)
}

/// Removes what was used longest ago while all has more than `bytes_max`, but never `stored`, and what a process that died had begun
/// to write. Other processes may do the same.
fn trim(stored: &Path, bytes_max: u64) -> io::Result<()> {
    let mut kept = Vec::new();
    for entry in fs::read_dir(stored.parent().unwrap_or(stored))? {
        let path = entry?.path();
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        let used = found.modified()?;
        if path.extension().is_none() {
            kept.push((used, found.len(), path));
        } else if used.elapsed().is_ok_and(|age| age > WRITING_MAX) {
            let _ = fs::remove_file(path);
        }
    }
    kept.sort_unstable();
    let mut bytes: u64 = kept.iter().map(|(_, length, _)| length).sum();
    for (_, length, path) in kept.iter().filter(|(.., path)| path != stored) {
        if bytes <= bytes_max {
            break;
        }
        let _ = fs::remove_file(path);
        bytes = bytes.saturating_sub(*length);
    }
    Ok(())
}

#[expect(unsafe_code, reason = "native code is loaded from a directory that only this user can write, digest checked")]
fn load(engine: &Engine, path: &Path) -> Option<Module> {
    let mut opened = fs::File::open(path).ok()?;
    let mut file = Vec::new();
    opened.read_to_end(&mut file).ok()?;
    let (digest, compiled) = file.split_at_checked(32)?;
    if Sha256::digest(compiled).as_slice() != digest {
        return None;
    }
    // its time says when it was used last
    let _ = opened.set_modified(SystemTime::now());
    // SAFETY: these bytes are what `store` wrote for this engine: the directory is private, the digest fits, and
    // wasmtime itself refuses what another version or configuration made.
    unsafe { Module::deserialize(engine, compiled) }.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    /// A directory of files, each with a name, a length and how long ago it was used.
    fn directory_with(name: &str, files: &[(&str, usize, Duration)]) -> PathBuf {
        let home = std::env::temp_dir().join(format!("crosstie-cache-{name}-{}", std::process::id()));
        let directory = directory(&home).expect("a directory");
        for (name, length, age) in files {
            let path = directory.join(name);
            fs::write(&path, vec![0; *length]).expect("a file");
            used(&path, *age);
        }
        directory
    }

    fn used(path: &Path, ago: Duration) {
        let file = fs::File::open(path).expect("a file");
        file.set_modified(SystemTime::now() - ago).expect("a time");
    }

    /// Removes the directory; the names in it, sorted.
    fn emptied(directory: &Path) -> Vec<String> {
        let name = |entry: io::Result<fs::DirEntry>| entry.expect("an entry").file_name().into_string().expect("text");
        let mut names: Vec<String> = fs::read_dir(directory).expect("a directory").map(name).collect();
        names.sort();
        fs::remove_dir_all(directory.parent().expect("a home")).expect("gone");
        names
    }

    #[test]
    fn what_was_used_longest_ago_goes_until_the_rest_fits() {
        let files = [("a", 10, HOUR * 2), ("b", 10, HOUR * 4), ("c", 10, HOUR * 3), ("d", 10, HOUR)];
        let directory = directory_with("longest", &files);
        trim(&directory.join("d"), 40).expect("trimmed");
        trim(&directory.join("d"), 39).expect("trimmed");
        trim(&directory.join("d"), 20).expect("trimmed");
        assert_eq!(emptied(&directory), ["a", "d"]);
    }

    #[test]
    fn the_one_just_stored_stays_however_long_it_is() {
        let directory = directory_with("stored", &[("a", 10, HOUR), ("b", 10, HOUR), ("long", 90, HOUR * 2)]);
        trim(&directory.join("long"), 20).expect("trimmed");
        assert_eq!(emptied(&directory), ["long"]);
    }

    #[test]
    fn what_a_process_that_died_was_writing_goes_after_an_hour() {
        let files = [("a", 10, HOUR * 9), ("b.17", 90, HOUR * 2), ("c.18", 90, HOUR / 2)];
        let directory = directory_with("died", &files);
        trim(&directory.join("a"), 20).expect("trimmed");
        assert_eq!(emptied(&directory), ["a", "c.18"]);
    }

    #[test]
    fn a_module_that_is_loaded_was_used_by_that() {
        let (engine, directory) = (Engine::default(), directory_with("used", &[("other", 10, HOUR)]));
        let module = b"\0asm\x01\0\0\0";
        compile(&engine, module, Some(&directory)).expect("a module");
        let path = directory.join(name(&engine, module));
        used(&path, HOUR * 2);
        assert!(load(&engine, &path).is_some());
        let age = fs::metadata(&path).expect("a file").modified().expect("a time").elapsed();
        assert!(age.is_ok_and(|age| age < HOUR));
        trim(&directory.join("no such file"), fs::metadata(&path).expect("a file").len()).expect("trimmed");
        assert_eq!(emptied(&directory), [name(&engine, module)]);
    }

    #[test]
    fn a_module_that_cannot_be_stored_leaves_nothing_half_written() {
        let (engine, directory) = (Engine::default(), directory_with("half", &[]));
        let module = b"\0asm\x01\0\0\0";
        let name = name(&engine, module);
        fs::create_dir_all(directory.join(&name).join("in the way")).expect("a directory");
        compile(&engine, module, Some(&directory)).expect("a module");
        assert_eq!(emptied(&directory), [name]);
    }
}
