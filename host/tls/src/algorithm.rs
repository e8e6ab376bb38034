//! What keys and signatures are made by, in an operator's words.

use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::asn1_rs::Oid;
use x509_parser::der_parser::ber::BerObject;
use x509_parser::der_parser::der::parse_der;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::public_key::PublicKey;

/// Source: RFC 3279, 4055, 5480, 5758, 8410; SEC 2. OpenSSL's names for the rest.
const CALLED: [(&str, &str); 20] = [
    (RSA, "RSA"),
    ("1.2.840.113549.1.1.2", "md2WithRSAEncryption"),
    ("1.2.840.113549.1.1.4", "md5WithRSAEncryption"),
    ("1.2.840.113549.1.1.5", "sha1WithRSAEncryption"),
    ("1.2.840.113549.1.1.10", "RSA-PSS"),
    ("1.2.840.113549.1.1.14", "sha224WithRSAEncryption"),
    ("1.2.840.10040.4.1", "DSA"),
    ("1.2.840.10040.4.3", "dsa-with-SHA1"),
    ("2.16.840.1.101.3.4.3.2", "dsa-with-SHA256"),
    ("1.2.840.10045.4.1", "ecdsa-with-SHA1"),
    ("1.2.840.10045.4.3.1", "ecdsa-with-SHA224"),
    ("1.2.840.10045.4.3.4", "ecdsa-with-SHA512"),
    ("1.2.840.10045.3.1.7", "ECDSA P-256"),
    ("1.3.132.0.33", "ECDSA P-224"),
    ("1.3.132.0.34", "ECDSA P-384"),
    ("1.3.132.0.35", "ECDSA P-521"),
    ("1.3.132.0.10", "ECDSA secp256k1"),
    ("1.3.36.3.3.2.8.1.1.7", "ECDSA brainpoolP256r1"),
    ("1.3.101.112", "Ed25519"),
    ("1.3.101.113", "Ed448"),
];
const RSA: &str = "1.2.840.113549.1.1.1";
const ELLIPTIC: &str = "1.2.840.10045.2.1";

/// Shorter ones verify nothing. Source: ring.
const RSA_BITS_MIN: usize = 2048;

/// An algorithm, by the content of its `AlgorithmIdentifier`.
pub(crate) fn called(identifier: &[u8]) -> String {
    let read = parse_der(identifier).ok().and_then(|(_, object)| object.as_oid().ok().map(name));
    read.unwrap_or_else(|| "an unknown algorithm".to_owned())
}

/// What kind of key this is; absent when it cannot be told.
pub(crate) fn kind(key: &PrivateKeyDer<'_>) -> Option<String> {
    let (_, read) = parse_der(key.secret_der()).ok()?;
    let parts = read.as_sequence().ok()?;
    match key {
        PrivateKeyDer::Pkcs1(_) => rsa(parts),
        PrivateKeyDer::Sec1(_) => parts.iter().skip(2).find_map(|part| curve(part.as_slice().ok()?)),
        _ => {
            let algorithm = parts.get(1)?.as_sequence().ok()?;
            let oid = algorithm.first()?.as_oid().ok()?;
            match oid.to_id_string().as_str() {
                RSA => rsa(parse_der(parts.get(2)?.as_slice().ok()?).ok()?.1.as_sequence().ok()?),
                ELLIPTIC => Some(name(algorithm.get(1)?.as_oid().ok()?)),
                _ => Some(name(oid)),
            }
        }
    }
}

/// The bits of a certificate's RSA key, where they are too few for any signature of it to count.
pub(crate) fn short_rsa(certificate: &CertificateDer<'_>) -> Option<usize> {
    let (_, read) = X509Certificate::from_der(certificate).ok()?;
    match read.public_key().parsed().ok()? {
        PublicKey::RSA(key) => Some(key.key_size()).filter(|bits| *bits < RSA_BITS_MIN),
        _ => None,
    }
}

fn curve(oid: &[u8]) -> Option<String> {
    parse_der(oid).ok()?.1.as_oid().ok().map(name)
}

/// Of a version and a modulus.
fn rsa(parts: &[BerObject<'_>]) -> Option<String> {
    let modulus = parts.get(1)?.as_slice().ok()?;
    let zeros = modulus.iter().take_while(|byte| **byte == 0).count();
    let bits = modulus.len().saturating_sub(zeros).saturating_mul(8);
    let unused = modulus.get(zeros).map_or(0, |byte| byte.leading_zeros());
    Some(format!("RSA of {} bits", bits.saturating_sub(usize::try_from(unused).unwrap_or(0))))
}

fn name(oid: &Oid<'_>) -> String {
    let id = oid.to_id_string();
    let known = CALLED.iter().find(|(known, _)| *known == id);
    known.map_or_else(|| format!("the algorithm {id}"), |(_, name)| (*name).to_owned())
}
