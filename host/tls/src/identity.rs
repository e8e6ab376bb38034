//! Who a certificate says that a peer is. Source: the reference, `uidFormat` and `uidNameMappingFile`.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::path::Path;

use crosstie_model::settings::NamePart;
use data_encoding::HEXLOWER;
use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use sha1::Digest;
use x509_parser::asn1_rs::Oid;
use x509_parser::oid_registry;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::x509::X509Name;

use crate::fault::{Blame, Fault};
use crate::file;
use crate::subject;

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
    /// [`Fault`] when the file cannot be read, or is no map of texts, each once and not empty.
    pub(crate) fn load(parts: Vec<NamePart>, path: Option<&Path>) -> Result<Self, Fault> {
        let Some(path) = path else {
            return Ok(Self { parts, shown: BTreeMap::new() });
        };
        let name = path.display();
        let fault = |what: String| Fault::new(Blame::UserNames, what);
        let text = file::read(path, Blame::UserNames)?;
        let Shown(shown) = serde_json::from_slice(&text).map_err(|error| {
            fault(format!("`{name}` is no map of names: {error}")).hint("as in `{ \"CN=alice\": \"alice\" }`")
        })?;
        Ok(Self { parts, shown })
    }

    /// The name of the peer with this certificate (DER); absent when nothing can be read from it.
    #[must_use]
    pub fn of(&self, certificate: &[u8]) -> Option<String> {
        let (_, read) = X509Certificate::from_der(certificate).ok()?;
        let name = if self.parts.is_empty() {
            subject::text(read.subject())
        } else {
            let parts = self.parts.iter().filter_map(|part| value(*part, read.subject(), certificate));
            parts.collect::<Vec<_>>().join(";")
        };
        if name.is_empty() { None } else { Some(self.shown.get(&name).cloned().unwrap_or(name)) }
    }
}

/// The map of a file.
struct Shown(BTreeMap<String, String>);

impl<'de> Deserialize<'de> for Shown {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ShownVisitor)
    }
}

struct ShownVisitor;

impl<'de> Visitor<'de> for ShownVisitor {
    type Value = Shown;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a map of texts")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shown, A::Error> {
        let mut shown = BTreeMap::new();
        while let Some((name, text)) = map.next_entry::<String, String>()? {
            if text.is_empty() {
                return Err(A::Error::custom(format!("the user of {name:?} has an empty name")));
            }
            match shown.entry(name) {
                Entry::Occupied(known) => return Err(A::Error::custom(format!("{:?} stands twice", known.key()))),
                Entry::Vacant(place) => place.insert(text),
            };
        }
        Ok(Shown(shown))
    }
}

fn value(part: NamePart, name: &X509Name<'_>, certificate: &[u8]) -> Option<String> {
    let first = |oid: &Oid<'_>| subject::first(name, oid).filter(|text| !text.is_empty());
    match part {
        NamePart::Country => first(&oid_registry::OID_X509_COUNTRY_NAME),
        NamePart::State => first(&oid_registry::OID_X509_STATE_OR_PROVINCE_NAME),
        NamePart::Locality => first(&oid_registry::OID_X509_LOCALITY_NAME),
        NamePart::Organization => first(&oid_registry::OID_X509_ORGANIZATION_NAME),
        NamePart::Unit => first(&oid_registry::OID_X509_ORGANIZATIONAL_UNIT),
        NamePart::CommonName => first(&oid_registry::OID_X509_COMMON_NAME),
        NamePart::Sha1 => Some(HEXLOWER.encode(&sha1::Sha1::digest(certificate))),
        NamePart::Sha256 => Some(HEXLOWER.encode(&sha2::Sha256::digest(certificate))),
        NamePart::Sha512 => Some(HEXLOWER.encode(&sha2::Sha512::digest(certificate))),
    }
}
