//! The `authServicePlugin` entity. Source: features 1.5.

use crate::loading::{Fault, Loading};
use crate::reference::connection::port;
use crate::reference::draft::Draft;
use crate::reference::entity::Entity;
use crate::reference::reader::{Placed, Reader};
use crate::tree::{Node, Value};

/// The node of an `authServicePlugin` entity.
pub(super) fn auth_service<'t>(loading: &'t Loading<'t>, entity: &'t Entity) -> Node {
    let reader = Reader::new(loading, entity);
    let name = reader.text("name").unwrap_or_else(|| {
        reader.missing("name");
        reader.default(String::new())
    });
    // it is said already
    let written = if name.value.is_empty() { Value::Broken } else { Value::Text(name.value) };
    let mut draft = Draft::with("auth-service", entity.at, written, name.at);
    address(&reader, &mut draft);
    if let Some(realm) = reader.text("realm") {
        draft.text("realm", realm);
    }
    if let Some(profile) = reader.text("sslProfile") {
        draft.text("tls", profile);
        // The reference believes the certificate, whomever it is for.
        draft.flag("verify-hostname", reader.default(false));
    }
    // The reference never asks whether a password may go over plain TCP.
    draft.flag("allow-plain-without-tls", reader.default(true));
    reader.finish();
    draft.into_node()
}

/// `host` and `port`, or the older `authService` with both.
fn address(reader: &Reader<'_>, draft: &mut Draft) {
    let host = reader.text("host");
    let written = reader.text("port").unwrap_or_else(|| reader.default("amqp".to_owned()));
    let both = reader.text("authService");
    match (host, both) {
        (Some(host), both) => {
            if let Some(both) = both {
                reader.warn(both.key_at, "`authService` has no effect beside `host`");
            }
            draft.text("host", host);
            draft.set("port", port(&written));
        }
        (None, Some(both)) => {
            reader.warn(both.key_at, "`authService` is deprecated: write `host` and `port`");
            let Placed { key_at, at, value } = both;
            let (host, number) = match value.rsplit_once(':') {
                Some((host, number)) if !number.ends_with(']') => (host.to_owned(), number.to_owned()),
                _ => (value, written.value),
            };
            draft.text("host", Placed { value: host, key_at, at });
            draft.set("port", port(&Placed { value: number, key_at, at }));
        }
        (None, None) => {
            reader.stand_in(("host", "host"), draft);
            let fault = Fault::at(reader.entity.at, "authServicePlugin needs `host`");
            reader.loading.report(fault.label("it is missing here"));
        }
    }
}
