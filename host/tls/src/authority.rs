//! Whose certificates are believed: roots of a file or of the system.

use std::path::Path;
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

/// Whose certificates are believed.
#[derive(Debug, Clone)]
pub(crate) struct Roots {
    pub(crate) store: Arc<RootCertStore>,
    /// Those of a file, which a peer may show as its own, too.
    pub(crate) named: Arc<[CertificateDer<'static>]>,
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
            let found = certificates(path, Blame::Ca)?;
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
