//! The `listener` entity. Source: features 1.2, 1.3.1.

use std::net::IpAddr;

use crosstie_model::settings::Scheme;

use crate::listener::REQUIRES_CERTIFICATE;
use crate::loading::{Fault, Loading};
use crate::quantity::DURATION_MAX;
use crate::reference::connection::{Around, NO_PROFILE, NO_USERS, family, mechanism_names, mechanisms, port, shared};
use crate::reference::draft::Draft;
use crate::reference::entity::Entity;
use crate::reference::reader::{Placed, Reader};
use crate::reference::ssl_profile;
use crate::source::Place;
use crate::tree::{Node, Value};

/// What an item of `failoverUrls` without a port stands for, whatever its scheme. Source: features 1.3.1.
const FAILOVER_PORT: u16 = 5672;

/// The node of a `listener` entity.
pub(super) fn listener<'t>(loading: &'t Loading<'t>, entity: &'t Entity, around: Around<'_>) -> Node {
    let reader = Reader::new(loading, entity);
    let host = reader.text("host");
    let host_text = host.as_ref().map_or(String::new(), |host| host.value.clone());
    let written = reader.text("port").unwrap_or_else(|| reader.default("amqp".to_owned()));
    let name = reader.text("name").unwrap_or_else(|| {
        let host = host.as_ref().map_or("", |host| &host.value);
        reader.default(format!("listener/{host}:{}", written.value))
    });
    let mut draft = Draft::with("listener", entity.at, Value::Text(name.value), name.at);
    let is_open = host.as_ref().is_none_or(|host| !is_loopback(&host.value));
    if let Some(host) = host {
        draft.text("host", host);
    }
    draft.set("port", port(&written));
    shared(&reader, around, &mut draft);
    let has_profile = tls(&reader, &mut draft);
    let is_authenticated = match reader.text("saslPlugin") {
        Some(plugin) => delegation(&reader, plugin, &mut draft),
        None => authentication(&reader, (around, has_profile), &mut draft),
    };
    if let Some(management) = around.management {
        draft.text("management", reader.default(management.to_owned()));
        if is_open && !is_authenticated {
            let fault =
                Fault::at(entity.at, "whoever reaches this listener may manage the router, as in the reference");
            loading.warn(fault.label("`authenticatePeer` is not on").hint("in KDL, `management` says who may"));
        }
    }
    let timeout = reader.integer("initialHandshakeTimeoutSeconds").filter(|timeout| timeout.value != 0);
    let never = i128::from(DURATION_MAX.as_secs());
    draft.seconds("handshake-timeout", timeout.unwrap_or_else(|| reader.default(never)));
    failover_urls(&reader, &mut draft);
    family(&reader, "socketAddressFamily", &host_text, &mut draft);
    if let Some(multi_tenant) = reader.flag("multiTenant") {
        draft.flag("multi-tenant", multi_tenant);
    }
    rest(&reader);
    reader.finish();
    draft.into_node()
}

fn rest(reader: &Reader<'_>) {
    reader.refuse(&["httpRootDir"]);
    reader.refuse_yes(&["http"]);
    reader.without_effect(&["healthz", "metrics", "websockets"], "`http` is not on");
    reader.without_effect(&["trustedCertsFile"], "the reference does not use it either");
}

/// Reads `sslProfile` and what goes with it, and tells whether there is one. Without `requireSsl` plain AMQP is taken on the same port.
fn tls(reader: &Reader<'_>, draft: &mut Draft) -> bool {
    let required = ["requireSsl", "requireEncryption"].map(|name| reader.flag(name).filter(|required| required.value));
    let Some(profile) = reader.text("sslProfile") else {
        for required in required.into_iter().flatten() {
            let fault = Fault::at(required.key_at, "encryption without an `sslProfile`");
            reader.loading.report(fault.hint("add `sslProfile: NAME`"));
        }
        return false;
    };
    let mut node = Draft::with("tls", profile.key_at, Value::Text(profile.value), profile.at);
    if required.iter().all(Option::is_none) {
        node.argument(Value::Text("optional".to_owned()), profile.at);
    }
    // as in the reference, on this listener alone
    if ssl_profile::asks_external(reader.entity) {
        node.argument(Value::Text(REQUIRES_CERTIFICATE.to_owned()), profile.at);
    }
    draft.push(node);
    true
}

/// Reads what goes with `saslPlugin`, and tells whether peers must authenticate. The service may have mechanisms that are not ours.
fn delegation(reader: &Reader<'_>, plugin: Placed<String>, draft: &mut Draft) -> bool {
    draft.text("auth-service", plugin);
    let authenticate = reader.flag("authenticatePeer").unwrap_or_else(|| reader.default(false));
    let is_required = authenticate.value;
    if !is_required {
        reader.warn(authenticate.at, "peers without a SASL layer come in past the auth service, as in the reference");
    }
    draft.flag("authenticate-peer", authenticate);
    let Some(written) = reader.text("saslMechanisms") else { return is_required };
    let mut sasl = Draft::new("sasl", written.key_at);
    let mut used: Vec<String> = Vec::new();
    for word in mechanism_names(&written.value) {
        let why = match word.as_str() {
            "EXTERNAL" => "the service would see the certificate of this router",
            "ANONYMOUS" if is_required => "`authenticatePeer` is on",
            _ if used.contains(&word) => continue,
            _ => {
                sasl.argument(Value::Text(word.clone()), written.at);
                used.push(word);
                continue;
            }
        };
        reader.warn(written.at, format!("`{word}` is not used: {why}"));
    }
    if used.is_empty() {
        reader
            .loading
            .report(Fault::at(written.at, "none of these mechanisms can be used").label("nobody could authenticate"));
        return is_required;
    }
    draft.push(sasl);
    is_required
}

/// Reads `authenticatePeer` and `saslMechanisms`, and tells whether peers must authenticate.
fn authentication(reader: &Reader<'_>, (around, has_profile): (Around<'_>, bool), draft: &mut Draft) -> bool {
    let authenticate = reader.flag("authenticatePeer").filter(|authenticate| authenticate.value);
    let is_required = authenticate.is_some();
    let written = reader.text("saslMechanisms");
    if let (Some(authenticate), None, true) = (authenticate, &written, around.users.is_empty()) {
        let fault = Fault::at(authenticate.key_at, "nobody could authenticate here");
        reader.loading.report(fault.hint(NO_USERS));
        return true;
    }
    let usable = |mechanism: &str| match mechanism {
        "ANONYMOUS" if is_required => Err("`authenticatePeer` is on"),
        "ANONYMOUS" => Ok(()),
        "EXTERNAL" if has_profile => Ok(()),
        "EXTERNAL" => Err("there is no `sslProfile`"),
        _ if around.users.is_empty() => Err("there are no users"),
        _ => Ok(()),
    };
    let wants_profile = !has_profile && ssl_profile::asks_external(reader.entity);
    let help = if wants_profile { NO_PROFILE } else { NO_USERS };
    let sasl = written.as_ref().map(|written| mechanisms(reader, written, &usable, help));
    if let (Some(authenticate), false) = (authenticate, matches!(sasl, Some(None))) {
        draft.flag("authenticate-peer", authenticate);
    }
    if let Some(sasl) = sasl.flatten() {
        draft.push(sasl);
    }
    is_required
}

/// Items between commas, white space dropped, each with a port.
fn failover_urls(reader: &Reader<'_>, draft: &mut Draft) {
    let Some(urls) = reader.text_or_empty("failoverUrls") else { return };
    if urls.value.is_empty() {
        let fault = Fault::at(urls.key_at, "an empty list of failover URLs");
        return reader.loading.report(fault.hint("leave it out where there are none"));
    }
    let mut node = Draft::new("failover-urls", urls.key_at);
    let mut start = urls.at.start;
    let mut items: Vec<(String, Place)> = Vec::new();
    for item in urls.value.split(',') {
        let text: String = item.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect();
        // Escapes make a value shorter than what was written; such places end where the value does.
        let blank = item.len() - item.trim_start().len();
        let from = (start + blank).min(urls.at.start + urls.at.len);
        let len = item.trim().len().max(1).min((urls.at.start + urls.at.len).saturating_sub(from));
        items.push((text, Place { start: from, len, ..urls.at }));
        start += item.len() + 1;
    }
    if items.len() > 1 && items.last().is_some_and(|(text, _)| text.is_empty()) {
        items.pop();
    }
    for (text, at) in items {
        if text.is_empty() {
            let fault = Fault::at(at, "no host between two commas");
            reader.loading.report(fault.hint("as in `amqp://second-host:25000, third-host`"));
            continue;
        }
        node.argument(Value::Text(with_port(reader, &text, at)), at);
    }
    draft.push(node);
}

/// A URL with its port, and a warning where it means something else to the reference or in KDL.
fn with_port(reader: &Reader<'_>, url: &str, at: Place) -> String {
    let (scheme, rest) = url.split_once("://").map_or((None, url), |(word, rest)| (Scheme::parse(word), rest));
    if let Some((host, _)) = rest.split_once(':').filter(|_| rest.starts_with('[')) {
        reader.warn(at, format!("the reference ends a host at its first `:`, and would hand out `{host}`"));
    }
    let behind_host = rest.rsplit_once(']').map_or(rest, |(_, behind)| behind);
    if behind_host.contains(':') {
        return url.to_owned();
    }
    if let Some(port) = scheme.map(Scheme::default_port).filter(|port| *port != FAILOVER_PORT) {
        let message = format!("without a port this stands for {FAILOVER_PORT}, as in the reference; in KDL for {port}");
        reader.warn(at, message);
    }
    format!("{url}:{FAILOVER_PORT}")
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
