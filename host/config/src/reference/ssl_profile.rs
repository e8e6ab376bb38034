//! The `sslProfile` entity. Source: features 1.4.

use crosstie_model::cipher_suite::CipherSuite;
use crosstie_model::settings::TlsVersion;

use crate::loading::{Fault, Loading};
use crate::reference::connection::mechanism_names;
use crate::reference::connector::reference_of;
use crate::reference::draft::Draft;
use crate::reference::entity::{Entity, Given};
use crate::reference::reader::{Placed, Reader};
use crate::suggest;
use crate::tree::{Node, Value};

/// Letters of a `uidFormat` that the reference reads. Source: features 1.4.
const LETTERS_MAX: usize = 7;

/// Letters of `uidFormat`.
const PARTS: [(char, &str); 9] = [
    ('c', "country"),
    ('s', "state"),
    ('l', "locality"),
    ('o', "organization"),
    ('u', "unit"),
    ('n', "common-name"),
    ('1', "sha1"),
    ('2', "sha256"),
    ('5', "sha512"),
];

/// The node of an `sslProfile` entity; `entities`: all of them, which tell what it is used for. Absent: nobody knows yet.
pub(super) fn ssl_profile<'t>(loading: &'t Loading<'t>, entity: &'t Entity, entities: Option<&[Entity]>) -> Node {
    let reader = Reader::new(loading, entity);
    let name = reader.text("name").unwrap_or_else(|| {
        reader.missing("name");
        reader.default(String::new())
    });
    let may_ask = entity.attributes.iter().any(|attribute| attribute.name == "certFile")
        && entity.attributes.iter().any(|attribute| ["caCertFile", "certDb"].contains(&attribute.name.as_str()));
    // a listener with EXTERNAL requires what others with the same profile are only asked for
    let asks = entities.map_or(may_ask, |entities| is_for_external(entities, &name.value));
    // it is said already
    let written = if name.value.is_empty() { Value::Broken } else { Value::Text(name.value) };
    let mut draft = Draft::with("tls", entity.at, written, name.at);
    if let Some(file) = reader.text("certFile") {
        draft.text("certificate", file);
    }
    private_key(&reader, &mut draft);
    let has_ca = reader.text("caCertFile").map(|file| draft.text("ca", file)).is_some();
    if asks && has_ca {
        draft.text("client-certificate", reader.default("request".to_owned()));
    } else if asks {
        let fault = Fault::at(entity.at, "a listener asks for EXTERNAL, and this sslProfile has no `caCertFile`");
        loading.report(fault.hint("name the authority of the clients"));
    }
    let has_1_3 = protocols(&reader, &mut draft);
    ciphers(&reader, &mut draft, has_1_3);
    user_name(&reader, &mut draft);
    if let Some(file) = reader.text("uidNameMappingFile") {
        draft.text("user-names", file);
    }
    reader.finish();
    draft.into_node()
}

/// Whether a listener with this profile has EXTERNAL among its mechanisms.
fn is_for_external(entities: &[Entity], profile: &str) -> bool {
    let mut users = entities.iter().filter(|entity| entity.kind == "listener" && text(entity, "sslProfile") == profile);
    users.any(asks_external)
}

/// Whether EXTERNAL is among the mechanisms of a listener.
pub(super) fn asks_external(listener: &Entity) -> bool {
    mechanism_names(text(listener, "saslMechanisms")).any(|word| word == "EXTERNAL")
}

fn text<'e>(entity: &'e Entity, name: &str) -> &'e str {
    match entity.given(name) {
        Some(Given::Text(text)) => text.trim(),
        _ => "",
    }
}

fn private_key(reader: &Reader<'_>, draft: &mut Draft) {
    let file = reader.text("privateKeyFile");
    // `literal:` is a form of this password alone
    let plain = |text: String| text.strip_prefix("literal:").map_or(text.clone(), |rest| format!("pass:{rest}"));
    let password = reader.text("password").map(|password| reference_of(reader, password.map(plain)));
    let password_file = reader.text("passwordFile");
    if let (Some(file), Some(_)) = (&password_file, &password) {
        reader.warn(file.key_at, "`passwordFile` has no effect beside `password`");
    }
    let password = password.or_else(|| {
        let file = password_file?;
        reader.warn(file.key_at, "`passwordFile` is deprecated: write `password: file:…`");
        Some(file.map(|file| format!("file:{file}")))
    });
    let Some(file) = file else {
        return;
    };
    let is_plain = crosstie_tls::is_plain_key(&reader.loading.resolve(file.at, &file.value));
    let password = password.filter(|password| {
        if is_plain {
            reader.warn(password.at, "the password has no effect: the key is not encrypted");
        }
        !is_plain
    });
    let mut node = Draft::with("private-key", file.key_at, Value::Text(file.value), file.at);
    if let Some(password) = password {
        node.property("password", Value::Text(password.value), password.at);
    }
    draft.push(node);
}

/// As in the reference, what is not named is not spoken. Says whether TLS 1.3 is.
fn protocols(reader: &Reader<'_>, draft: &mut Draft) -> bool {
    let Some(Placed { value, key_at, at }) = reader.text("protocols") else {
        return true;
    };
    let mut node = Draft::new("versions", key_at);
    let mut served = Vec::new();
    for word in value.split([' ', ',']).filter(|word| !word.is_empty()) {
        match word {
            "TLSv1.2" => served.push("1.2"),
            "TLSv1.3" => served.push("1.3"),
            "TLSv1" | "TLSv1.1" => reader.warn(at, format!("`{word}` is not spoken: it is broken")),
            other => {
                let message = format!("`{}` is no version of TLS", other.escape_debug());
                reader.loading.report(Fault::at(at, message).hint("write `TLSv1.2`, `TLSv1.3` or both"));
            }
        }
    }
    if served.is_empty() {
        let fault = Fault::at(at, "none of these versions is spoken").label("too old, or not known");
        reader.loading.report(fault.hint("write `TLSv1.2`, or leave `protocols` out for TLS 1.2 and 1.3"));
        return true;
    }
    for word in &served {
        node.argument(Value::Text((*word).to_owned()), at);
    }
    draft.push(node);
    served.contains(&"1.3")
}

/// Suites by their names; as in OpenSSL, they say nothing of TLS 1.3. What chooses suites otherwise is not read.
fn ciphers(reader: &Reader<'_>, draft: &mut Draft, has_1_3: bool) {
    let Some(Placed { value, key_at, at }) = reader.text("ciphers") else {
        return;
    };
    let mut suites: Vec<CipherSuite> = Vec::new();
    let (mut unserved, mut is_list) = (Vec::new(), true);
    for word in value.split([':', ',', ' ', ';']).filter(|word| !word.is_empty()) {
        match CipherSuite::ALL.into_iter().find(|suite| [suite.openssl_name(), suite.as_str()].contains(&word)) {
            Some(suite) if suites.contains(&suite) => {}
            Some(suite) => suites.push(suite),
            None => {
                unserved.push(word);
                // every name of a suite has three parts or more
                is_list &= word.split('-').count() >= 3 && !word.starts_with(['!', '-', '+', '@']);
            }
        }
    }
    let of_1_3 = |suite: &CipherSuite| suite.version() == TlsVersion::V1_3;
    if !is_list || suites.iter().all(of_1_3) {
        let fault =
            Fault::at(key_at, "cipher strings of OpenSSL are not read, but for names of suites that are spoken");
        let names = CipherSuite::ALL.into_iter().filter(|suite| !of_1_3(suite)).map(CipherSuite::openssl_name);
        let hint = format!("leave it out for all of them, or name some with colons between: {}", suggest::list(names));
        reader
            .loading
            .report(fault.hint(format!("{hint}; all of them have forward secrecy and authenticated encryption")));
        return;
    }
    for word in unserved {
        reader.warn(at, format!("the cipher suite `{}` is not spoken", word.escape_debug()));
    }
    if has_1_3 && !suites.iter().any(of_1_3) {
        suites.splice(0..0, CipherSuite::ALL.into_iter().filter(of_1_3));
    }
    suites.retain(|suite| has_1_3 || !of_1_3(suite));
    let mut node = Draft::new("cipher-suites", key_at);
    for suite in suites {
        node.argument(Value::Text(suite.as_str().to_owned()), at);
    }
    draft.push(node);
}

fn user_name(reader: &Reader<'_>, draft: &mut Draft) {
    let Some(Placed { value, key_at, at }) = reader.text("uidFormat") else {
        return;
    };
    let mut node = Draft::new("user-name", key_at);
    let unread: String = value.chars().skip(LETTERS_MAX).collect();
    if !unread.is_empty() {
        let message =
            format!("the reference reads {LETTERS_MAX} letters, and here `{}` is left out", unread.escape_debug());
        reader.warn(at, message);
    }
    for letter in value.chars().take(LETTERS_MAX) {
        match PARTS.iter().find(|(known, _)| *known == letter) {
            Some((_, word)) => node.argument(Value::Text((*word).to_owned()), at),
            None => {
                let message = format!("`{}` is no letter of a uidFormat", letter.escape_debug());
                reader.loading.report(Fault::at(at, message).hint("they are c, s, l, o, u, n, 1, 2 and 5"));
            }
        }
    }
    draft.push(node);
}
