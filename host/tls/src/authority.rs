//! Whose certificates are believed: roots of a file, of a directory or of the system.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crosstie_model::settings::Authorities;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

use crate::expiry::{self, Expiry};
use crate::fault::{Blame, Fault};
use crate::file;

/// The certificates of a file in PEM; at least one.
///
/// # Errors
///
/// [`Fault`] when it cannot be read, or has none.
pub(crate) fn certificates(path: &Path, blame: Blame) -> Result<Vec<CertificateDer<'static>>, Fault> {
    let name = path.display();
    let text = file::read(path, blame)?;
    let read: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&text).collect();
    let found = read.map_err(|error| Fault::new(blame, format!("`{name}` is no PEM: {}", file::explain(&error))))?;
    if found.is_empty() {
        let fault = Fault::new(blame, format!("there is no certificate in `{name}`"));
        return Err(fault.hint("it has lines like `-----BEGIN CERTIFICATE-----`"));
    }
    Ok(found)
}

/// Files of a directory of authorities. A system that believes every authority that there is has a tenth of that.
const FILES_MAX: usize = 1500;

/// Where the certificates of authorities are: the file itself, or of a directory those that OpenSSL looks at, whose names are a digest
/// of the subject and a number (`1a2b3c4d.0`), in their order.
pub(crate) fn files(path: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(path) else {
        return vec![path.to_owned()];
    };
    let is_found = |name: &str| {
        let digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        let split = name.split_once('.');
        split.is_some_and(|(digest, number)| {
            digest.len() == 8
                && digest.bytes().all(digit)
                && !number.is_empty()
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
    };
    let found = entries.filter_map(|entry| entry.ok().filter(|entry| entry.file_name().to_str().is_some_and(is_found)));
    let mut files: Vec<_> = found.map(|entry| entry.path()).take(FILES_MAX + 1).collect();
    files.sort();
    files
}

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    pub(crate) store: Arc<RootCertStore>,
    /// Those of a file, which a peer may show as its own, too.
    pub(crate) named: Arc<[CertificateDer<'static>]>,
}

/// That a directory has files, and not too many.
fn check(path: &Path, files: &[PathBuf]) -> Result<(), Fault> {
    let name = path.display();
    if files.is_empty() {
        let fault =
            Fault::new(Blame::Ca, format!("there is no certificate in the directory `{name}` that OpenSSL would find"));
        return Err(fault.hint("`openssl rehash DIRECTORY` names them as it looks for them; or name a file"));
    }
    if files.len() > FILES_MAX {
        return Err(Fault::new(Blame::Ca, format!("there are more than {FILES_MAX} certificates in `{name}`")));
    }
    Ok(())
}

/// The roots, and when those of a file end.
///
/// # Errors
///
/// [`Fault`] when there are none.
pub(crate) fn roots(ca: &Authorities) -> Result<(Roots, Option<Expiry>), Fault> {
    let mut roots = RootCertStore::empty();
    let (mut named, mut expiry) = (Vec::new(), None);
    match ca {
        Authorities::File(path) => {
            let files = files(path);
            check(path, &files)?;
            let mut found = Vec::new();
            for file in &files {
                found.extend(certificates(file, Blame::Ca)?);
            }
            expiry = expiry::of(Blame::Ca, path, &found);
            for certificate in &found {
                let name = path.display();
                let bad = |error| Fault::new(Blame::Ca, format!("a certificate in `{name}` cannot be used: {error}"));
                roots.add(certificate.clone()).map_err(bad)?;
            }
            named = found;
        }
        Authorities::System => {
            let found = rustls_native_certs::load_native_certs();
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                // the first one says enough: where one file cannot be read, there may be a thousand
                let what = match found.errors.first() {
                    Some(error) => format!("this system's certificates of authorities cannot be read: {error}"),
                    None => "this system has no certificates of authorities".to_owned(),
                };
                let hint = "install the package `ca-certificates`, or name a file in `ca`";
                return Err(Fault::new(Blame::Ca, what).hint(hint));
            }
        }
    }
    Ok((Roots { store: Arc::new(roots), named: named.into() }, expiry))
}
