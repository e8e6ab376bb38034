//! Compiled modules kept on disk: compiling a module of some megabytes takes seconds, loading it less than a millisecond.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{DirBuilderExt, MetadataExt};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use wasmtime::{Engine, Module};

use crate::wasm::compiler;

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
    if let Some(path) = path
        && let Err(error) = store(&module, &path)
    {
        tracing::debug!(target: "plugin", %error, "the compiled plugin is not kept");
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
    fs::write(&temporary, file)?;
    fs::rename(&temporary, path)?;
    Ok(())
}

#[expect(unsafe_code, reason = "native code is loaded from a directory that only this user can write, digest checked")]
fn load(engine: &Engine, path: &Path) -> Option<Module> {
    let file = fs::read(path).ok()?;
    let (digest, compiled) = file.split_at_checked(32)?;
    if Sha256::digest(compiled).as_slice() != digest {
        return None;
    }
    // SAFETY: these bytes are what `store` wrote for this engine: the directory is private, the digest fits, and
    // wasmtime itself refuses what another version or configuration made.
    unsafe { Module::deserialize(engine, compiled) }.ok()
}
