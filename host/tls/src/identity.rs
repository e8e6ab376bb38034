//! Who a certificate says that a peer is. Source: the reference, `uidFormat` and `uidNameMappingFile`.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;

use crosstie_model::settings::NamePart;
use sha1::Digest;
use x509_parser::der_parser::asn1_rs::Oid;
use x509_parser::objects::{oid_registry, oid2abbrev};
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use crate::fault::{Blame, Fault};

/// Makes the user names of peers.
#[derive(Debug, Clone, Default)]
pub struct Names {
    parts: Vec<NamePart>,
    shown: BTreeMap<String, String>,
}

impl Names {
    /// With these parts, and the map in a file of JSON.
    ///
    /// # Errors
    ///
    /// [`Fault`] when the file cannot be read, or is no map of texts.
    pub(crate) fn load(parts: Vec<NamePart>, file: Option<&Path>) -> Result<Self, Fault> {
        let Some(file) = file else {
            return Ok(Self { parts, shown: BTreeMap::new() });
        };
        let name = file.display();
        let fault = |what: String| Fault::new(Blame::UserNames, what);
        let text = std::fs::read(file).map_err(|error| fault(format!("cannot read `{name}`: {error}")))?;
        let shown = serde_json::from_slice(&text).map_err(|error| {
            fault(format!("`{name}` is no map of names: {error}")).hint("as in `{ \"CN=alice\": \"alice\" }`")
        })?;
        Ok(Self { parts, shown })
    }

    /// The name of the peer with this certificate (DER); absent when nothing can be read from it.
    #[must_use]
    pub fn of(&self, certificate: &[u8]) -> Option<String> {
        let (_, read) = X509Certificate::from_der(certificate).ok()?;
        let name = if self.parts.is_empty() {
            distinguished(read.subject())
        } else {
            let parts = self.parts.iter().filter_map(|part| value(*part, read.subject(), certificate));
            parts.collect::<Vec<_>>().join(";")
        };
        if name.is_empty() { None } else { Some(self.shown.get(&name).cloned().unwrap_or(name)) }
    }
}

fn value(part: NamePart, subject: &X509Name<'_>, certificate: &[u8]) -> Option<String> {
    let hex = |digest: &[u8]| {
        digest.iter().fold(String::new(), |mut text, byte| {
            // writing to a text does not fail
            let _ = write!(text, "{byte:02x}");
            text
        })
    };
    let first = |mut found: Box<dyn Iterator<Item = &x509_parser::x509::AttributeTypeAndValue<'_>> + '_>| {
        found.next().and_then(|found| found.as_str().ok()).map(str::to_owned)
    };
    match part {
        NamePart::Country => first(Box::new(subject.iter_country())),
        NamePart::State => first(Box::new(subject.iter_state_or_province())),
        NamePart::Locality => first(Box::new(subject.iter_locality())),
        NamePart::Organization => first(Box::new(subject.iter_organization())),
        NamePart::Unit => first(Box::new(subject.iter_organizational_unit())),
        NamePart::CommonName => first(Box::new(subject.iter_common_name())),
        NamePart::Sha1 => Some(hex(&sha1::Sha1::digest(certificate))),
        NamePart::Sha256 => Some(hex(&sha2::Sha256::digest(certificate))),
        NamePart::Sha512 => Some(hex(&sha2::Sha512::digest(certificate))),
    }
}

/// The whole subject as RFC 2253 writes it, the last part first, which is what the reference shows.
fn distinguished(subject: &X509Name<'_>) -> String {
    let mut sets: Vec<String> = Vec::new();
    for set in subject.iter_rdn() {
        let parts = set.iter().filter_map(|part| {
            let value = part.as_str().ok()?;
            Some(format!("{}={}", abbreviation(part.attr_type()), escaped(value)))
        });
        sets.push(parts.collect::<Vec<_>>().join("+"));
    }
    sets.reverse();
    sets.join(",")
}

fn abbreviation(oid: &Oid<'_>) -> String {
    oid2abbrev(oid, oid_registry()).map_or_else(|_| oid.to_id_string(), str::to_owned)
}

fn escaped(value: &str) -> String {
    let mut text = String::new();
    let last = value.chars().count().saturating_sub(1);
    for (at, letter) in value.chars().enumerate() {
        let special = matches!(letter, ',' | '+' | '"' | '\\' | '<' | '>' | ';');
        let edge = (letter == ' ' && (at == 0 || at == last)) || (letter == '#' && at == 0);
        if special || edge {
            text.push('\\');
        }
        text.push(letter);
    }
    text
}
