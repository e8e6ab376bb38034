//! When certificates end.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::fault::Blame;
use crate::subject;

/// From so many days before its end on a certificate is warned of.
pub const WARN_DAYS: u64 = 30;

/// The end of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
    /// Our own, or that of an authority.
    pub blame: Blame,
    /// Its file.
    pub file: PathBuf,
    /// Its subject.
    pub subject: String,
    /// Seconds since 1970.
    pub ends_unix: i64,
}

impl Expiry {
    /// Whole days that are left; negative when it has ended.
    #[must_use]
    pub fn days_left(&self, now: SystemTime) -> i64 {
        let now = now.duration_since(SystemTime::UNIX_EPOCH).unwrap_or(Duration::ZERO).as_secs();
        let seconds = self.ends_unix.saturating_sub(i64::try_from(now).unwrap_or(i64::MAX));
        seconds.div_euclid(86_400)
    }
}

/// Of our own chain the first that ends; of authorities the last, since a bundle outlives each of its certificates.
pub(crate) fn of(blame: Blame, file: &Path, chain: &[CertificateDer<'_>]) -> Option<Expiry> {
    let ends = chain.iter().filter_map(|certificate| {
        let (_, read) = X509Certificate::from_der(certificate).ok()?;
        let subject = subject::text(read.subject());
        Some(Expiry { blame, file: file.to_owned(), subject, ends_unix: read.validity().not_after.timestamp() })
    });
    match blame {
        Blame::Ca => ends.max_by_key(|expiry| expiry.ends_unix),
        _ => ends.min_by_key(|expiry| expiry.ends_unix),
    }
}

/// Whether a certificate is for some host or address.
pub(crate) fn names_hosts(certificate: &CertificateDer<'_>) -> bool {
    let Ok((_, read)) = X509Certificate::from_der(certificate) else { return false };
    let names = read.subject_alternative_name().ok().flatten();
    names.is_some_and(|names| !names.value.general_names.is_empty())
}
