//! Secrets: `env:NAME`, `file:PATH` and `literal:TEXT`; no other form is taken for one.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use crosstie_amqp::sasl::{Password, Salted};
use crosstie_model::settings::Secret;

use crate::expand::is_variable_name;
use crate::loading::{Fault, Loading};
use crate::source::Place;

/// The first line of a file with a secret is at most this long.
const SECRET_BYTES_MAX: u64 = 4096;

const FORMS: &str = "write `env:NAME`, `file:PATH` (its first line) or `literal:TEXT`";

/// Why a reference gives no secret, and what helps.
#[derive(Debug)]
pub struct SecretFault {
    /// What is wrong. The secret itself is never part of it.
    pub message: String,
    /// What to write or do instead.
    pub hint: &'static str,
    /// The reference may be a secret that stands there plainly: it is not to be shown.
    pub is_plain: bool,
    /// The reference is good, and this machine does not have what it leads to.
    is_missing: bool,
}

impl SecretFault {
    fn new(message: impl Into<String>, hint: &'static str) -> Self {
        Self { message: message.into(), hint, is_plain: false, is_missing: false }
    }

    fn missing(message: String, hint: &'static str) -> Self {
        Self { is_missing: true, ..Self::new(message, hint) }
    }
}

/// Reads the secret that `env:NAME`, `file:PATH` (first line, relative to the working directory) or `literal:TEXT` refers to.
///
/// # Errors
///
/// When the reference has another form, or leads to nothing.
pub fn read_secret(reference: &str) -> Result<String, SecretFault> {
    read(reference, &|name| std::env::var(name).ok(), &|path| PathBuf::from(path))
}

/// Resolves a reference, or reports why it cannot be.
pub(crate) fn resolve(loading: &Loading<'_>, reference: &str, at: Place) -> Option<Secret> {
    match read(reference, loading.environment, &|path| loading.resolve(at, path)) {
        Ok(text) => {
            let reference = if reference.starts_with("literal:") { "literal:***" } else { reference };
            Some(Secret { text, reference: reference.to_owned() })
        }
        Err(SecretFault { message, hint, is_plain, is_missing }) => {
            let fault = Fault::at(at, message).hint(hint);
            if is_missing && loading.is_for_elsewhere {
                loading.warn(fault);
                return Some(Secret { text: String::new(), reference: reference.to_owned() });
            }
            loading.report(if is_plain { fault.secret() } else { fault });
            None
        }
    }
}

/// The password of a user: plain, or in the salted form, which is checked.
pub(crate) fn resolve_user(loading: &Loading<'_>, reference: &str, at: Place) -> Option<Secret> {
    let secret = resolve(loading, reference, at)?;
    if let Err(fault) = Password::read(&secret.text) {
        let hint = "write the one line that `crosstie password` prints";
        loading.report(Fault::at(at, format!("malformed salted password: {fault}")).secret().hint(hint));
    }
    Some(secret)
}

/// The password that is shown to a peer: the salted form, which only proves one, is no use.
pub(crate) fn resolve_plain(loading: &Loading<'_>, reference: &str, at: Place) -> Option<Secret> {
    let secret = resolve(loading, reference, at)?;
    if Salted::read(&secret.text).is_some() {
        let hint = "the salted form belongs in a `user` node";
        loading.report(Fault::at(at, "a connector needs the password itself").secret().hint(hint));
    }
    Some(secret)
}

fn read(
    reference: &str,
    environment: &dyn Fn(&str) -> Option<String>,
    locate: &dyn Fn(&str) -> PathBuf,
) -> Result<String, SecretFault> {
    let text = match reference.split_once(':') {
        Some(("env", name)) => from_environment(environment, name)?,
        Some(("file", "")) => return Err(SecretFault::new("the path is missing", FORMS)),
        Some(("file", path)) => from_file(&locate(path))?,
        Some(("literal", text)) => text.to_owned(),
        _ => return Err(SecretFault { is_plain: true, ..SecretFault::new("a secret is not written plainly", FORMS) }),
    };
    if text.is_empty() { Err(SecretFault::new("this secret is empty", FORMS)) } else { Ok(text) }
}

fn from_environment(environment: &dyn Fn(&str) -> Option<String>, name: &str) -> Result<String, SecretFault> {
    if !is_variable_name(name) {
        return Err(SecretFault::new("not the name of an environment variable", FORMS));
    }
    environment(name).ok_or_else(|| {
        SecretFault::missing(format!("environment variable `{name}` is not set"), "set it where crosstie is started")
    })
}

fn from_file(path: &Path) -> Result<String, SecretFault> {
    let unreadable = |why: String| {
        SecretFault::missing(
            format!("cannot read `{}`: {why}", path.display()),
            "a relative path starts at the directory of the configuration, on a command line at the working directory",
        )
    };
    let regular = std::fs::metadata(path).map_err(|error| unreadable(error.to_string()))?.is_file();
    if !regular {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    let file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    let mut text = String::new();
    let read = file.take(SECRET_BYTES_MAX).read_to_string(&mut text);
    read.map_err(|error| unreadable(error.to_string()))?;
    Ok(text.lines().next().unwrap_or("").to_owned())
}
