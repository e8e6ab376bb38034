//! Secrets: `env:NAME`, `file:PATH` and `literal:TEXT`; no other form is taken for one.

use std::fs::File;
use std::io::Read;

use crosstie_model::settings::Secret;

use crate::expand::is_variable_name;
use crate::loading::{Fault, Loading};
use crate::source::Place;

/// The first line of a file with a secret is at most this long.
const SECRET_BYTES_MAX: u64 = 4096;

const FORMS: &str = "write `env:NAME`, `file:PATH` (its first line) or `literal:TEXT`";

/// Resolves a reference, or reports why it cannot be.
pub(crate) fn resolve(loading: &Loading<'_>, reference: &str, at: Place) -> Option<Secret> {
    let read = match reference.split_once(':') {
        Some(("env", name)) => from_environment(loading, name, at),
        Some(("file", path)) => from_file(loading, path, at),
        Some(("literal", text)) => Ok(text.to_owned()),
        _ => Err(Fault::at(at, "a secret is not written plainly").secret().hint(FORMS)),
    };
    match read {
        Ok(text) if text.is_empty() => {
            loading.report(Fault::at(at, "this secret is empty").hint(FORMS));
            None
        }
        Ok(text) => {
            let reference = if reference.starts_with("literal:") { "literal:***" } else { reference };
            Some(Secret { text, reference: reference.to_owned() })
        }
        Err(fault) => {
            loading.report(fault);
            None
        }
    }
}

fn from_environment(loading: &Loading<'_>, name: &str, at: Place) -> Result<String, Fault> {
    if !is_variable_name(name) {
        return Err(Fault::at(at, "not the name of an environment variable").hint(FORMS));
    }
    (loading.environment)(name).ok_or_else(|| {
        Fault::at(at, format!("environment variable `{name}` is not set")).hint("set it where the router is started")
    })
}

fn from_file(loading: &Loading<'_>, path: &str, at: Place) -> Result<String, Fault> {
    if path.is_empty() {
        return Err(Fault::at(at, "the path is missing").hint(FORMS));
    }
    let path = loading.resolve(at, path);
    let unreadable = |why: String| {
        Fault::at(at, format!("cannot read `{}`: {why}", path.display()))
            .hint("a relative path starts at the directory of this file")
    };
    let regular = std::fs::metadata(&path).map_err(|error| unreadable(error.to_string()))?.is_file();
    if !regular {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let file = File::open(&path).map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(SECRET_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    Ok(text.lines().next().unwrap_or("").to_owned())
}
