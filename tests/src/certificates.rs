//! Certificates for tests, made on the spot.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair, KeyUsagePurpose,
    date_time_ymd,
};

use crate::place::TestDir;

/// An authority that signs certificates.
pub struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// The files of a certificate.
#[derive(Debug, Clone)]
pub struct Files {
    /// In PEM.
    pub certificate: PathBuf,
    /// In PEM.
    pub key: PathBuf,
}

/// What stands in a certificate.
#[derive(Debug, Clone, Default)]
pub struct Subject<'a> {
    /// Common name and the other parts, by their short names: `("CN", "alice")`.
    pub names: &'a [(&'a str, &'a str)],
    /// Hosts and addresses.
    pub hosts: &'a [&'a str],
    /// It ended years ago.
    pub expired: bool,
}

impl Authority {
    /// A new one.
    ///
    /// # Panics
    ///
    /// When no key can be made.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).expect("no names");
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        Self { issuer: CertifiedIssuer::self_signed(params, key).expect("a certificate") }
    }

    /// Its certificate, in a file.
    #[must_use]
    pub fn write(&self, dir: &TestDir, name: &str) -> PathBuf {
        dir.write(&format!("{name}.pem"), self.issuer.pem())
    }

    /// A certificate of this authority, in files `NAME.pem` and `NAME.key`.
    ///
    /// # Panics
    ///
    /// When the subject is none.
    #[must_use]
    pub fn issue(&self, dir: &TestDir, name: &str, subject: &Subject<'_>) -> Files {
        let hosts: Vec<String> = subject.hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("hosts");
        params.distinguished_name = DistinguishedName::new();
        for (kind, value) in subject.names {
            let kind = match *kind {
                "C" => DnType::CountryName,
                "ST" => DnType::StateOrProvinceName,
                "L" => DnType::LocalityName,
                "O" => DnType::OrganizationName,
                "OU" => DnType::OrganizationalUnitName,
                _ => DnType::CommonName,
            };
            params.distinguished_name.push(kind, *value);
        }
        if subject.expired {
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(2021, 1, 1);
        }
        self.sign(dir, name, params)
    }

    /// The same for these hosts, but its time is still to come.
    ///
    /// # Panics
    ///
    /// As [`Authority::issue`].
    #[must_use]
    pub fn issue_early(&self, dir: &TestDir, name: &str, hosts: &[&str]) -> Files {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("hosts");
        params.not_before = date_time_ymd(2200, 1, 1);
        params.not_after = date_time_ymd(2201, 1, 1);
        self.sign(dir, name, params)
    }

    /// The same for these hosts, which ends in so many days.
    ///
    /// # Panics
    ///
    /// As [`Authority::issue`].
    #[must_use]
    pub fn issue_for_days(&self, dir: &TestDir, name: &str, hosts: &[&str], days: u64) -> Files {
        let hosts: Vec<String> = hosts.iter().map(|host| (*host).to_owned()).collect();
        let mut params = CertificateParams::new(hosts).expect("hosts");
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a clock after 1970");
        params.not_after = date_time_ymd(1970, 1, 1) + now + Duration::from_secs(days * 86_400);
        self.sign(dir, name, params)
    }

    fn sign(&self, dir: &TestDir, name: &str, params: CertificateParams) -> Files {
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        Files {
            certificate: dir.write(&format!("{name}.pem"), certificate.pem()),
            key: dir.write(&format!("{name}.key"), key.serialize_pem()),
        }
    }
}
