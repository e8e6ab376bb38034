//! The `auth-service` node, and the listeners that name one.

use crosstie_amqp::sasl::shows_secret;
use crosstie_model::settings::{AuthService, Delegation};

use crate::block::{Block, Item, Text, name_of};
use crate::listener::{host_of, port};
use crate::loading::{Fault, Loading};
use crate::source::Place;
use crate::suggest;
use crate::tree::Node;

/// As SASL names them. Source: RFC 4422, section 3.1.
const MECHANISM_MAX_BYTES: usize = 20;

/// What would show the service our certificate, and not the peer's.
const EXTERNAL: &str = "EXTERNAL";

/// A service and what the check of the whole needs of its text.
pub(crate) struct AuthServiceDraft {
    pub(crate) service: AuthService,
    pub(crate) name_at: Place,
    pub(crate) tls_at: Option<Place>,
}

/// What a listener says of its service: its name, and mechanisms.
pub(crate) struct DelegationDraft<'t> {
    pub(crate) service: Text<'t>,
    pub(crate) mechanisms: Vec<Text<'t>>,
}

/// Reads an `auth-service` node.
pub(crate) fn read<'t>(loading: &'t Loading<'t>, node: &'t Node) -> AuthServiceDraft {
    let example = "auth-service \"sso\" { host \"sso.example.com\"; tls \"sso\" }";
    let name = name_of(loading, node, example);
    let block = Block::with_qualifiers(loading, "auth-service", Item::of_node(node), &[]);
    block.require("host", example);
    let host = block.text("host").and_then(|text| host_of(loading, text));
    let port = port(&block, 1);
    let tls = block.text("tls");
    let default = if tls.is_some() { 5671 } else { 5672 };
    let verify_hostname = block.flag("verify-hostname").unwrap_or(true);
    if let (Some(at), None) = (block.has("verify-hostname"), tls) {
        let fault = Fault::at(at, "`verify-hostname` without `tls`");
        loading.report(fault.hint("without TLS there is no certificate: remove it"));
    }
    let service = AuthService {
        name: name.map_or(String::new(), |name| name.text.to_owned()),
        host: host.unwrap_or_default(),
        port: port.unwrap_or(default),
        realm: block.text("realm").map(|realm| realm.text.to_owned()),
        tls: tls.map(|tls| tls.text.to_owned()),
        verify_hostname,
        allow_plain_without_tls: block.flag("allow-plain-without-tls").unwrap_or(false),
    };
    block.finish(&[]);
    AuthServiceDraft { service, name_at: name.map_or(node.at, |name| name.at), tls_at: tls.map(|tls| tls.at) }
}

/// Reads `auth-service` of a listener, and `sasl` beside it, which may name mechanisms that this router does not know.
pub(crate) fn delegation<'t>(block: &Block<'t>) -> Option<DelegationDraft<'t>> {
    let service = block.text("auth-service")?;
    let mut mechanisms: Vec<Text<'t>> = Vec::new();
    for text in block.texts("sasl").unwrap_or_default() {
        let allowed = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
        let is_name = (1..=MECHANISM_MAX_BYTES).contains(&text.text.len()) && text.text.chars().all(allowed);
        if let Some(first) = mechanisms.iter().find(|known| known.text == text.text) {
            block.loading.report_again(first.at, text.at, format!("`{}` is named twice", text.text.escape_debug()));
        } else if text.text == EXTERNAL {
            let hint = "the service would see the certificate of this router, and not that of the peer";
            block.loading.report(Fault::at(text.at, "EXTERNAL beside `auth-service`").hint(hint));
        } else if !is_name {
            let hint = "as in `SCRAM-SHA-256`: 1 to 20 of the capitals, digits, `-` and `_`";
            block.loading.report(Fault::at(text.at, "not the name of a mechanism").hint(hint));
        }
        mechanisms.push(text);
    }
    Some(DelegationDraft { service, mechanisms })
}

/// The service that a listener names. `authenticates`: `authenticate-peer`. `is_private`: peers come by TLS, or may show secrets without.
pub(crate) fn resolve(
    loading: &Loading<'_>,
    draft: &DelegationDraft<'_>,
    services: &[AuthService],
    (authenticates, is_private): (bool, bool),
) -> Option<Delegation> {
    let Text { text: name, at } = draft.service;
    let Some(service) = services.iter().find(|service| service.name == name) else {
        let fault = Fault::at(at, format!("no `{}` is named `{}`", loading.word("auth-service"), name.escape_debug()));
        loading.report(match suggest::nearest(name, services.iter().map(|service| service.name.as_str())) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None if loading.is_of_reference => fault,
            None => fault.hint("add `auth-service \"sso\" { host \"sso.example.com\"; tls \"sso\" }`"),
        });
        return None;
    };
    let reaches_privately = service.tls.is_some() || service.allow_plain_without_tls;
    for Text { text: mechanism, at } in &draft.mechanisms {
        if *mechanism == "ANONYMOUS" && authenticates {
            let fault = Fault::at(*at, "ANONYMOUS on a listener that authenticates its peers");
            loading.report(fault.label("offers ANONYMOUS").hint("remove it, or write `authenticate-peer #false`"));
        }
        if !shows_secret(mechanism) {
            continue;
        }
        if !is_private {
            let fault = Fault::at(*at, format!("{mechanism} would take secrets over plain TCP"));
            let hint = "write `allow-plain-without-tls` if the way to the peers is trusted";
            loading.report(fault.label(format!("offers {mechanism}")).hint(hint));
        }
        if !reaches_privately {
            let fault = Fault::at(*at, format!("{mechanism} would send secrets to the auth service over plain TCP"));
            let hint = "add `tls` to the `auth-service`, or `allow-plain-without-tls` if the way to it is trusted";
            loading.report(fault.label(format!("offers {mechanism}")).hint(hint));
        }
    }
    let mechanisms = draft.mechanisms.iter().map(|text| text.text.to_owned()).collect();
    Some(Delegation { service: service.clone(), mechanisms })
}
