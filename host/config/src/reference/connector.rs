//! The `connector` entity. Source: features 1.2.

use crate::loading::Loading;
use crate::reference::connection::{Around, NO_CREDENTIALS, family, mechanisms, port, shared};
use crate::reference::draft::Draft;
use crate::reference::entity::Entity;
use crate::reference::reader::{Placed, Reader};
use crate::tree::{Node, Value};

/// The node of a `connector` entity.
pub(super) fn connector<'t>(loading: &'t Loading<'t>, entity: &'t Entity, around: Around<'_>) -> Node {
    let reader = Reader::new(loading, entity);
    let host = reader.text("host").unwrap_or_else(|| reader.default("127.0.0.1".to_owned()));
    let host_text = host.value.clone();
    let written = reader.text("port").unwrap_or_else(|| reader.default("amqp".to_owned()));
    let name = reader.text("name");
    let name = name.unwrap_or_else(|| reader.default(format!("connector/{}:{}", host.value, written.value)));
    let mut draft = Draft::with("connector", entity.at, Value::Text(name.value), name.at);
    draft.text("host", host);
    draft.set("port", port(&written));
    shared(&reader, around, &mut draft);
    let username = reader.text("saslUsername");
    let has_user = username.is_some();
    if let Some(username) = username {
        draft.text("sasl-username", username);
    }
    if let Some(password) = reader.text("saslPassword") {
        draft.text("sasl-password", reference_of(&reader, password));
    }
    let profile = reader.text("sslProfile");
    let has_profile = profile.is_some();
    if let Some(profile) = profile {
        draft.text("tls", profile);
    }
    let usable = |mechanism: &str| match mechanism {
        "ANONYMOUS" => Ok(()),
        "EXTERNAL" if has_profile => Ok(()),
        "EXTERNAL" => Err("there is no `sslProfile`"),
        _ if has_user => Ok(()),
        _ => Err("there is no `saslUsername`"),
    };
    let written = reader.text("saslMechanisms");
    if let Some(sasl) = written.and_then(|written| mechanisms(&reader, &written, &usable, NO_CREDENTIALS)) {
        draft.push(sasl);
    }
    family(&reader, "protocolFamily", &host_text, &mut draft);
    reader.without_effect(&["allowRedirect"], "the reference does not use it either");
    match reader.flag("verifyHostname") {
        Some(verify) if has_profile => draft.flag("verify-hostname", verify),
        Some(verify) => reader.warn(verify.key_at, "`verifyHostname` has no effect: there is no `sslProfile`"),
        None => {}
    }
    reader.finish();
    draft.into_node()
}

/// The password as the configuration refers to it. Source: features 1.2, `saslPassword`.
pub(super) fn reference_of(reader: &Reader<'_>, password: Placed<String>) -> Placed<String> {
    let text = password.value.as_str();
    if let Some(name) = text.strip_prefix("env:") {
        let name = name.trim_start_matches(' ').to_owned();
        return password.map(|_| format!("env:{name}"));
    }
    if text.starts_with("file:") {
        return password;
    }
    reader.warn(password.key_at, "a password stands plainly in this file: `env:NAME` and `file:PATH` are safer");
    let plain = text.strip_prefix("pass:").unwrap_or(text).to_owned();
    password.map(|_| format!("literal:{plain}"))
}
