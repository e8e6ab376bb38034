//! Private keys: plain, or encrypted as PKCS #8.

use std::path::Path;

use pkcs8::EncryptedPrivateKeyInfoRef;
use pkcs8::der::pem::decode_vec;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::algorithm;
use crate::fault::{Blame, Fault, KEYS};
use crate::file;

const ENCRYPTED: &str = "ENCRYPTED PRIVATE KEY";

/// Reads a key.
///
/// # Errors
///
/// [`Fault`] when it cannot be read or is of a kind that is not taken, or its password is wrong or missing.
pub(crate) fn read(path: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>, Fault> {
    let key = parse(path, password)?;
    if any_supported_type(&key).is_ok() {
        return Ok(key);
    }
    let kind = algorithm::kind(&key).unwrap_or_else(|| "no key that can be read".to_owned());
    let what = format!("`{}` is {kind}, which cannot be used: a key is {KEYS}", path.display());
    let hint = "`openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out NEW` makes one; it needs a new certificate";
    Err(Fault::new(Blame::PrivateKey, what).hint(hint))
}

/// Whether there is a key to be read that needs no password.
#[must_use]
pub fn is_plain(path: &Path) -> bool {
    parse(path, None).is_ok()
}

fn parse(path: &Path, password: Option<&str>) -> Result<PrivateKeyDer<'static>, Fault> {
    let name = path.display();
    let fault = |what: String| Fault::new(Blame::PrivateKey, what);
    let text = file::read(path, Blame::PrivateKey)?;
    let has = |word: &str| text.windows(word.len()).any(|part| part == word.as_bytes());
    if has(ENCRYPTED) {
        return decrypt(&text, &name.to_string(), password);
    }
    if has("Proc-Type: 4,ENCRYPTED") {
        let hint = "`openssl pkcs8 -topk8 -in OLD -out NEW` writes it in the form that is read";
        return Err(fault(format!("`{name}` is encrypted in the old form of OpenSSL")).hint(hint));
    }
    if password.is_some() {
        let what = format!("`{name}` is not encrypted");
        return Err(Fault::new(Blame::Password, what).hint("leave `password` out"));
    }
    PrivateKeyDer::from_pem_slice(&text).map_err(|error| {
        fault(format!("there is no private key in `{name}`: {}", file::explain(&error)))
            .hint("it has a line like `-----BEGIN PRIVATE KEY-----`")
    })
}

fn decrypt(text: &[u8], name: &str, password: Option<&str>) -> Result<PrivateKeyDer<'static>, Fault> {
    let Some(password) = password else {
        let fault = Fault::new(Blame::PrivateKey, format!("`{name}` is encrypted"));
        return Err(fault.hint("say its password, as in `private-key \"server.key\" password=\"file:server.pass\"`"));
    };
    let unserved = |what: String| {
        Fault::new(Blame::PrivateKey, what)
            .hint("`openssl pkcs8 -topk8 -in OLD -out NEW` writes it in the form that is read")
    };
    let bad = || unserved(format!("`{name}` is no encrypted key that can be read"));
    let (_, bytes) = decode_vec(block(text).ok_or_else(bad)?).map_err(|_| bad())?;
    let encrypted = EncryptedPrivateKeyInfoRef::try_from(bytes.as_slice()).map_err(|_| bad())?;
    let plain = encrypted.decrypt(password).map_err(|error| match error {
        // what a wrong password makes of it seldom ends as it should, and never reads as a key
        pkcs8::Error::EncryptedPrivateKey(pkcs8::pkcs5::Error::DecryptFailed) | pkcs8::Error::Asn1(_) => {
            Fault::new(Blame::Password, format!("this is not the password of `{name}`"))
        }
        error => unserved(format!("`{name}` is encrypted in a form that is not served: {error}")),
    })?;
    Ok(PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(plain.as_bytes().to_vec())))
}

/// The encrypted key in a file that may hold certificates too.
fn block(text: &[u8]) -> Option<&[u8]> {
    let find = |from: &[u8], word: &str| from.windows(word.len()).position(|part| part == word.as_bytes());
    let (begin, end) = (format!("-----BEGIN {ENCRYPTED}-----"), format!("-----END {ENCRYPTED}-----"));
    let rest = text.get(find(text, &begin)?..)?;
    rest.get(..find(rest, &end)?.checked_add(end.len())?)
}
