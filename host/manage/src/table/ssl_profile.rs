//! What listeners and connectors name for TLS.

use crosstie_model::facts::{Part, TlsProfileFacts};

use super::endpoint::nothing;
use crate::entity::{Base, Head, Shape, Table, attribute, formerly, setting};
use crate::value::{maybe, or_null, text};

/// `sslProfile`. No answer holds a password.
pub(crate) static SSL_PROFILE: Table<TlsProfileFacts> = Table {
    head: Head {
        name: "sslProfile",
        base: Base::Configuration,
        operations: &["CREATE", "DELETE", "READ"],
        description: "Certificates, keys and whom to trust",
        singleton: false,
        local_identity: false,
        part: Some(Part::TlsProfiles),
    },
    name: |profile| text(&profile.name),
    identity: |profile| text(format!("sslProfile/{}", profile.name)),
    attributes: &[
        setting("ciphers", Shape::Text, |profile| maybe(&profile.ciphers)),
        setting("protocols", Shape::Text, |profile| text(&profile.protocols)),
        formerly("certDb", setting("caCertFile", Shape::Path, |profile| maybe(&profile.ca_file))),
        setting("certFile", Shape::Path, |profile| maybe(&profile.certificate_file)),
        formerly("keyFile", setting("privateKeyFile", Shape::Path, |profile| maybe(&profile.private_key_file))),
        setting("passwordFile", Shape::Path, nothing),
        setting("password", Shape::Text, nothing),
        setting("uidFormat", Shape::Text, |profile| maybe(&profile.user_name_format)),
        formerly(
            "displayNameFile",
            setting("uidNameMappingFile", Shape::Path, |profile| maybe(&profile.user_names_file)),
        ),
        // not of the reference: of the certificate that expires first
        attribute("certSubject", Shape::Text, |profile| maybe(&profile.certificate_subject)),
        // not of the reference: in seconds since 1970
        attribute("certExpirySeconds", Shape::Integer, |profile| {
            or_null(profile.expires_at_seconds.map(|seconds| i64::try_from(seconds).unwrap_or(i64::MAX)))
        }),
        // not of the reference: why the files as they are now are not in use
        attribute("fileFault", Shape::Text, |profile| maybe(&profile.fault)),
    ],
    rows: |facts| &facts.tls_profiles,
};
