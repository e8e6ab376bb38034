//! When certificates end.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rustls::pki_types::CertificateDer;
use x509_parser::prelude::{FromDer, X509Certificate};

/// From so many days before its end on a certificate is warned of.
pub const WARN_DAYS: u64 = 30;

/// The end of a certificate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expiry {
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

/// Of the certificate that ends first.
pub(crate) fn first(file: &std::path::Path, chain: &[CertificateDer<'_>]) -> Option<Expiry> {
    let ends = chain.iter().filter_map(|certificate| {
        let (_, read) = X509Certificate::from_der(certificate).ok()?;
        let subject = read.subject().to_string();
        Some(Expiry { file: file.to_owned(), subject, ends_unix: read.validity().not_after.timestamp() })
    });
    ends.min_by_key(|expiry| expiry.ends_unix)
}
