//! `crosstie import`: a configuration of the reference as KDL.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::process::ExitCode;

use crosstie_config::reference;

use crate::configuration::{complain, say};
use crate::print;

/// Only what may be granted to a file: nothing that runs.
const MODE: u32 = 0o666;

pub(crate) fn import(file: &Path, output: Option<&Path>) -> ExitCode {
    let imported = match reference::import(file) {
        Ok(imported) => imported,
        Err(problems) => return complain(&problems),
    };
    match output {
        None => print(&imported.kdl),
        Some(path) => {
            if let Err(error) = write(file, path, &imported.kdl) {
                say(&format!("error: cannot write `{}`: {error}\n", path.display()));
                return ExitCode::FAILURE;
            }
        }
    }
    if !imported.flags.is_empty() {
        complain(&imported.flags);
    }
    ExitCode::SUCCESS
}

/// The new file may be read by those who may read the one that it is made from: it may hold the same passwords.
fn write(file: &Path, path: &Path, kdl: &str) -> io::Result<()> {
    let mode = fs::metadata(file)?.permissions().mode() & MODE;
    let mut out = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
    out.write_all(kdl.as_bytes())?;
    out.sync_all()
}
