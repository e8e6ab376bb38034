//! Files of a profile: regular ones, of a length that they may have.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use rustls::pki_types::pem::Error;

use crate::fault::{Blame, Fault};

/// The bundle of a system, with every authority that there is, has a tenth of that.
const BYTES_MAX: u64 = 4 << 20;

/// What is wrong with PEM, in words.
pub(crate) fn explain(error: &Error) -> String {
    match error {
        Error::MissingSectionEnd { end_marker } => {
            let label = String::from_utf8_lossy(end_marker);
            format!("it ends before the line `-----END {}-----`: perhaps it was cut off", label.escape_debug())
        }
        Error::IllegalSectionStart { line } => {
            let line = String::from_utf8_lossy(line);
            let line: String = line.trim_end().chars().take(80).collect();
            format!("the line `{}` is to end with `-----`", line.escape_debug())
        }
        Error::Base64Decode(_) => {
            "what stands between a line `-----BEGIN …-----` and its `-----END …-----` is damaged".to_owned()
        }
        Error::NoItemsFound => "no line begins it".to_owned(),
        other => other.to_string(),
    }
}

/// All bytes of a file.
///
/// # Errors
///
/// [`Fault`] when it cannot be read, is too long, or is no regular file: a pipe might keep its reader waiting for ever.
pub(crate) fn read(path: &Path, blame: Blame) -> Result<Vec<u8>, Fault> {
    let fault = |why: &str| Fault::new(blame, format!("cannot read `{}`: {why}", path.display()));
    let found = std::fs::metadata(path).map_err(|error| fault(&error.to_string()))?;
    if !found.is_file() {
        return Err(fault("it is no regular file"));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).and_then(|file| file.take(BYTES_MAX + 1).read_to_end(&mut bytes));
    let count = file.map_err(|error| fault(&error.to_string()))?;
    let is_long = u64::try_from(count).is_ok_and(|count| count > BYTES_MAX);
    if is_long { Err(fault("it is longer than 4 MiB")) } else { Ok(bytes) }
}
