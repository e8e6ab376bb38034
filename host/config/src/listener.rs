//! The `user` and `listener` nodes.

use std::net::IpAddr;

use crosstie_model::settings::{
    FAILOVER_URLS_MAX, FailoverUrl, Listener, ListenerTls, Management, Mechanism, Role, User,
};

use crate::auth_service::{self, DelegationDraft};
use crate::block::{Block, Item, Text, name_of};
use crate::connection::{self, Sasl};
use crate::endpoint;
use crate::loading::{Fault, Loading};
use crate::secret;
use crate::service;
use crate::source::Place;
use crate::tree::{Node, Value};

const UNSERVED: [&str; 14] = [
    "cost",
    "http",
    "http-root-dir",
    "websockets",
    "healthz",
    "metrics",
    "policy-vhost",
    "require-encryption",
    "require-ssl",
    "require-tls",
    "protocol-family",
    "ssl-profile",
    "trusted-certs-file",
    "client-certificate",
];

/// Words for what peers may do at `$management`.
pub(crate) const MANAGEMENT: [(&str, Management); 3] =
    [("off", Management::Off), ("read", Management::Read), ("full", Management::Full)];

/// A listener and what the check of the whole needs of its text.
pub(crate) struct ListenerDraft<'t> {
    pub(crate) listener: Listener,
    /// Instead of `sasl`.
    pub(crate) delegation: Option<DelegationDraft<'t>>,
    pub(crate) name_at: Place,
    /// Absent when it is written but cannot be read.
    pub(crate) role: Option<Role>,
    pub(crate) sasl: Option<Sasl>,
    pub(crate) authenticate_at: Option<Place>,
    pub(crate) tls_at: Option<Place>,
    /// Host and port could be read.
    pub(crate) has_address: bool,
}

/// Reads a `user` node.
pub(crate) fn read_user<'t>(loading: &'t Loading<'t>, node: &'t Node) -> (User, Place) {
    let example = "user \"alice\" password=\"file:users/alice\"";
    let name = name_of(loading, node, example);
    let block = Block::with_qualifiers(loading, "user", Item::of_node(node), &["password"]);
    block.require("password", example);
    let password = block.text("password").and_then(|text| secret::resolve_user(loading, text.text, text.at));
    block.finish(&[]);
    let password =
        password.unwrap_or_else(|| crosstie_model::settings::Secret { text: String::new(), reference: String::new() });
    let user = User { name: name.map_or(String::new(), |name| name.text.to_owned()), password };
    (user, name.map_or(node.at, |name| name.at))
}

/// Reads a `listener` node.
pub(crate) fn read_listener<'t>(loading: &'t Loading<'t>, node: &'t Node) -> ListenerDraft<'t> {
    let name = name_of(loading, node, "listener \"clients\" { port 5672 }");
    let block = Block::with_qualifiers(loading, "listener", Item::of_node(node), &[]);
    let role = connection::role(&block);
    let host = block.text("host").and_then(|text| host_of(loading, text));
    let port = port(&block, 0);
    let has_address = block.has("host").is_some() == host.is_some() && block.has("port").is_some() == port.is_some();
    let failover_urls = failover_urls(&block);
    let tls = tls(&block);
    let authenticate_at = block.has("authenticate-peer");
    let delegation = auth_service::delegation(&block);
    let authenticate_peer = block.flag("authenticate-peer").unwrap_or(delegation.is_some());
    let explain_refusals = block.flag("explain-refusals").unwrap_or(true);
    let multi_tenant = block.flag("multi-tenant").unwrap_or(false);
    let management = block.word("management", &MANAGEMENT, &[]);
    let sasl = if delegation.is_some() { None } else { connection::sasl(&block) };
    let mut connection = connection::read(&block);
    if let Some(sasl) = &sasl {
        connection.sasl = sasl.mechanisms.iter().map(|(mechanism, _)| *mechanism).collect();
    }
    block.finish(&UNSERVED);
    let listener = Listener {
        name: name.map_or(String::new(), |name| name.text.to_owned()),
        role: role.unwrap_or_default(),
        host,
        port: port.unwrap_or(5672),
        failover_urls,
        tls: tls.as_ref().map(|(tls, _)| tls.clone()),
        delegation: None,
        authenticate_peer,
        management,
        explain_refusals,
        multi_tenant,
        connection,
    };
    let name_at = name.map_or(node.at, |name| name.at);
    let tls_at = tls.map(|(_, at)| at);
    ListenerDraft { listener, delegation, name_at, role, sasl, authenticate_at, tls_at, has_address }
}

/// What may stand behind the name of a `tls` node.
const TLS_WORDS: [(&str, TlsWord); 2] =
    [("optional", TlsWord::Optional), (REQUIRES_CERTIFICATE, TlsWord::RequiresCertificate)];

/// Refuses peers without a certificate.
pub(crate) const REQUIRES_CERTIFICATE: &str = "require-client-certificate";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TlsWord {
    Optional,
    RequiresCertificate,
}

/// The `tls` node that it names, and where, with the words behind it.
fn tls(block: &Block<'_>) -> Option<(ListenerTls, Place)> {
    let item = block.one("tls")?;
    let named = Item { args: item.args.get(..1).unwrap_or_default(), ..item };
    let name = block.text_of(block.single(named)?)?;
    let mut tls = ListenerTls { name: name.text.to_owned(), optional: false, requires_certificate: false };
    for arg in item.args.get(1..).unwrap_or_default() {
        let said = match block.text_of(arg).and_then(|text| block.word_of(text, &TLS_WORDS, &[])) {
            Some(TlsWord::Optional) => &mut tls.optional,
            Some(TlsWord::RequiresCertificate) => &mut tls.requires_certificate,
            None => continue,
        };
        if std::mem::replace(said, true) {
            block.loading.report(Fault::at(arg.at, "this stands here already").hint("remove it"));
        }
    }
    Some((tls, name.at))
}

/// What an absent `sasl` stands for: all that is served and has something to check against.
pub(crate) fn default_mechanisms(listener: &Listener, users: usize, certificates: bool) -> Vec<Mechanism> {
    let secure = listener.connection.allow_plain_without_tls || listener.tls.is_some();
    let (has_users, plain) = (users > 0, users > 0 && secure);
    let offered = [
        (Mechanism::External, certificates),
        (Mechanism::ScramSha512, has_users),
        (Mechanism::ScramSha256, has_users),
        (Mechanism::Plain, plain),
        (Mechanism::Anonymous, !listener.authenticate_peer),
    ];
    offered.into_iter().filter(|(_, is_offered)| *is_offered).map(|(mechanism, _)| mechanism).collect()
}

/// A host name or an address, IPv6 with or without brackets.
pub(crate) fn host_of(loading: &Loading<'_>, text: Text<'_>) -> Option<String> {
    let inner = text.text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text.text);
    if inner.parse::<IpAddr>().is_ok() {
        return Some(inner.to_owned());
    }
    match endpoint::check_host(text.text) {
        Ok(()) => Some(text.text.to_owned()),
        Err(why) => {
            let hint = "a name or an address alone; the port stands in `port`";
            loading.report(endpoint::fault(loading, text, ("not a host", why, hint)));
            None
        }
    }
}

/// A port number from `low` on, or the name of a service.
pub(crate) fn port(block: &Block<'_>, low: u16) -> Option<u16> {
    let arg = block.single(block.one("port")?)?;
    match &arg.value {
        Value::Text(text) => {
            let port = service::port(text);
            if port.is_none() {
                let plain = if block.loading.is_of_reference { "" } else { " without quotes" };
                let hint = format!(
                    "it is a number from {low} to 65535{plain}, or the name of a service: `amqp`, `amqps`, `http`, `https`, or one of /etc/services"
                );
                block.loading.report(Fault::at(arg.at, "not a port").hint(hint));
            }
            port
        }
        _ => block.integer_of(arg, low..=u16::MAX),
    }
}

fn failover_urls(block: &Block<'_>) -> Vec<FailoverUrl> {
    let mut urls: Vec<(FailoverUrl, Place)> = Vec::new();
    for text in block.texts("failover-urls").unwrap_or_default() {
        let url = match endpoint::parse(text.text) {
            Ok(url) => FailoverUrl { scheme: url.scheme, host: url.host, port: url.port },
            Err(why) => {
                let hint = "as in `amqps://broker.example.com:5671`, one text for each";
                block.loading.report(endpoint::fault(block.loading, text, ("not a failover URL", why, hint)));
                continue;
            }
        };
        if let Some((_, first)) = urls.iter().find(|(known, _)| *known == url) {
            block.loading.doubt(Fault::again(*first, text.at, "this failover URL stands twice"));
        }
        if urls.len() == FAILOVER_URLS_MAX {
            let hint = format!("a list has at most {FAILOVER_URLS_MAX}");
            block.loading.report(Fault::at(text.at, "too many failover URLs").hint(hint));
            break;
        }
        urls.push((url, text.at));
    }
    urls.into_iter().map(|(url, _)| url).collect()
}
