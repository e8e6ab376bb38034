//! What a peer's certificate says, for policy.

use std::net::IpAddr;

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};

use crate::subject;

/// Names of one certificate that are told.
const NAMES_MAX: usize = 64;

/// A certificate, in words.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Described {
    /// As OpenSSL prints it (RFC 2253).
    pub subject: String,
    /// The same of whoever signed it.
    pub issuer: String,
    /// Subject alternative names: hosts, addresses, mail addresses and URIs, at most 64.
    pub names: Vec<String>,
    /// SHA-256 of the whole, in hexadecimal digits.
    pub fingerprint: String,
    /// Unix time in ms.
    pub not_after_ms: u64,
}

/// Reads a certificate (DER); absent when nothing can be read from it.
#[must_use]
pub fn describe(certificate: &[u8]) -> Option<Described> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    let alternatives = read.subject_alternative_name().ok().flatten();
    let names = alternatives.iter().flat_map(|found| &found.value.general_names).filter_map(name).take(NAMES_MAX);
    let seconds = u64::try_from(read.validity().not_after.timestamp()).unwrap_or(0);
    Some(Described {
        subject: subject::text(read.subject()),
        issuer: subject::text(read.issuer()),
        names: names.collect(),
        fingerprint: HEXLOWER.encode(&Sha256::digest(certificate)),
        not_after_ms: seconds.saturating_mul(1000),
    })
}

fn name(name: &GeneralName<'_>) -> Option<String> {
    match name {
        GeneralName::DNSName(text) | GeneralName::RFC822Name(text) | GeneralName::URI(text) => Some((*text).to_owned()),
        GeneralName::IPAddress(bytes) => {
            let four = <[u8; 4]>::try_from(*bytes).ok().map(IpAddr::from);
            let address = four.or_else(|| <[u8; 16]>::try_from(*bytes).ok().map(IpAddr::from))?;
            Some(address.to_string())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_told_in_words() {
        let names = ["a.example", "127.0.0.1"].map(str::to_owned);
        let mut params = rcgen::CertificateParams::new(names.to_vec()).unwrap();
        params.distinguished_name = rcgen::DistinguishedName::new();
        params.distinguished_name.push(rcgen::DnType::CommonName, "alice");
        params.not_after = rcgen::date_time_ymd(2040, 1, 1);
        let certificate = params.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
        let found = describe(certificate.der()).unwrap();
        assert_eq!((found.subject.as_str(), found.issuer.as_str()), ("CN=alice", "CN=alice"));
        assert_eq!((found.names, found.not_after_ms), (names.to_vec(), 2_208_988_800_000));
        assert_eq!(found.fingerprint.len(), 64);
        assert_eq!(describe(b"none"), None);
    }
}
