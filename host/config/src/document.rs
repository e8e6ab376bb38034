//! The whole: top-level nodes, and what holds between them.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crosstie_model::settings::{
    AddressRule, AuthService, ClientCertificate, Connector, ContainerRef, Covers, LinkRoute, Listener, Mechanism,
    Plugins, Role, Settings, Tls, User,
};

use crate::auth_service::AuthServiceDraft;
use crate::block::{Block, Item, name_of, not_served};
use crate::connector::ConnectorDraft;
use crate::listener::{ListenerDraft, default_mechanisms};
use crate::loading::{Fault, Loading};
use crate::plugin::{DirectoryDraft, PluginDraft};
use crate::sockets::Sockets;
use crate::source::Place;
use crate::tls::TlsDraft;
use crate::tree::Node;
use crate::writable::{self, Hindrance};
use crate::{address, auth_service, connector, listener, plugin, router, suggest, tls};

const KNOWN: [&str; 15] = [
    "router",
    "log",
    "limits",
    "state",
    "tls",
    "user",
    "auth-service",
    "listener",
    "connector",
    "address",
    "auto-link",
    "link-route",
    "plugins",
    "plugin",
    "include",
];

/// Nodes of the language that this build does not serve.
const UNSERVED: [&str; 9] =
    ["management", "metrics", "http", "policy", "vhost", "websocket", "tracing", "exchange", "binding"];

/// Settings, and where plugins stand in the text.
pub(crate) struct Document {
    pub(crate) settings: Settings,
    pub(crate) plugins: Vec<PluginDraft>,
    pub(crate) directory: Option<DirectoryDraft>,
}

/// Names of one kind, each with the place of its first use.
struct Names {
    what: &'static str,
    seen: BTreeMap<String, Place>,
}

impl Names {
    const fn of(what: &'static str) -> Self {
        Self { what, seen: BTreeMap::new() }
    }

    fn add(&mut self, loading: &Loading<'_>, name: &str, at: Place) {
        if name.is_empty() {
            return;
        }
        if let Some(first) = self.seen.get(name) {
            loading.report(
                Fault::at(at, format!("a second {} `{}`", self.what, name.escape_debug()))
                    .label("again here")
                    .also(*first, "it stands first here")
                    .hint("names are unique"),
            );
        } else {
            self.seen.insert(name.to_owned(), at);
        }
    }
}

/// Reads all nodes and checks them against each other.
pub(crate) fn read<'t>(loading: &'t Loading<'t>, nodes: &'t [Node]) -> Document {
    report_unknown(loading, nodes);
    let all = |name: &'static str| nodes.iter().filter(move |node| node.name == name);
    let router = single(loading, nodes, "router").map(|node| router::read_router(loading, node));
    let log = single(loading, nodes, "log").map(|node| router::read_log(loading, node));
    let limits = single(loading, nodes, "limits").map(|node| router::read_limits(loading, node));
    let state = single(loading, nodes, "state").and_then(|node| read_state(loading, node));
    let directory = single(loading, nodes, "plugins").map(|node| plugin::read_directory(loading, node));
    let plugins: Vec<PluginDraft> = all("plugin").map(|node| plugin::read(loading, node)).collect();
    let mut names = Names::of("plugin");
    for draft in &plugins {
        names.add(loading, &draft.plugin.name, draft.name_at);
        if directory.is_none() {
            plugin::report_without_directory(loading, draft);
        }
    }
    let (users, users_at) = read_users(loading, nodes);
    let profiles = read_tls(loading, nodes);
    let tls: Vec<Tls> = profiles.iter().map(|draft| draft.tls.clone()).collect();
    let auth_services = read_auth_services(loading, nodes, &tls);
    let mut names = Names::of("listener or connector");
    let mut roles = BTreeMap::new();
    let mut listeners = Vec::new();
    let mut sockets = Sockets::default();
    for draft in all("listener").map(|node| listener::read_listener(loading, node)) {
        names.add(loading, &draft.listener.name, draft.name_at);
        roles.insert(draft.listener.name.clone(), draft.role);
        sockets.add(loading, &draft);
        listeners.push(with_mechanisms(loading, draft, (users.len(), &tls, &auth_services)));
    }
    tls::check_listeners(loading, &profiles, &listeners);
    let mut connectors = Vec::new();
    for draft in all("connector").map(|node| connector::read(loading, node)) {
        names.add(loading, &draft.connector.name, draft.name_at);
        roles.insert(draft.connector.name.clone(), draft.role);
        connectors.push(with_tls(loading, draft, &tls));
    }
    plugin::check_only(loading, &plugins, &listeners, &connectors);
    plugin::check_shadows(loading, &plugins);
    if listeners.is_empty() && connectors.is_empty() {
        warn_of_nothing(loading, nodes);
    }
    warn_of_idle_users(loading, &users_at, &listeners);
    let settings = Settings {
        router: router.unwrap_or_else(router::default_router),
        log: log.unwrap_or_else(router::default_log),
        limits: limits.unwrap_or_default(),
        tls,
        users,
        auth_services,
        listeners,
        connectors,
        addresses: read_addresses(loading, nodes),
        auto_links: read_auto_links(loading, nodes, &roles),
        link_routes: read_link_routes(loading, nodes, &roles),
        plugins: directory.as_ref().map(|draft| Plugins {
            directory: draft.directory.clone(),
            named: plugins.iter().map(|draft| draft.plugin.clone()).collect(),
            record: draft.record.as_ref().map(|draft| draft.record.clone()),
        }),
        state,
    };
    Document { settings, plugins, directory }
}

fn read_addresses(loading: &Loading<'_>, nodes: &[Node]) -> Vec<AddressRule> {
    let mut names = Names::of("address named");
    let mut covered = Names::of("address for");
    let mut addresses = Vec::new();
    for (rule, at) in
        nodes.iter().filter(|node| node.name == "address").map(|node| address::read_address(loading, node))
    {
        names.add(loading, rule.name.as_deref().unwrap_or_default(), at);
        if rule.covers != Covers::Prefix(String::new()) {
            covered.add(loading, &rule.covers.pattern().to_string(), at);
        }
        addresses.push(rule);
    }
    addresses
}

fn read_users(loading: &Loading<'_>, nodes: &[Node]) -> (Vec<User>, Vec<Place>) {
    let mut names = Names::of("user");
    let read = nodes.iter().filter(|node| node.name == "user").map(|node| listener::read_user(loading, node));
    read.inspect(|(user, at)| names.add(loading, &user.name, *at)).unzip()
}

fn read_auth_services(loading: &Loading<'_>, nodes: &[Node], tls: &[Tls]) -> Vec<AuthService> {
    let mut names = Names::of("auth-service");
    let read = nodes.iter().filter(|node| node.name == "auth-service");
    let read = read.map(|node| read_auth_service(loading, node, tls));
    read.inspect(|draft| names.add(loading, &draft.service.name, draft.name_at)).map(|draft| draft.service).collect()
}

/// Reads an `auth-service` node, its `tls` checked against those that there are.
pub(crate) fn read_auth_service<'t>(loading: &'t Loading<'t>, node: &'t Node, tls: &[Tls]) -> AuthServiceDraft {
    let draft = auth_service::read(loading, node);
    if let Some((name, at)) = draft.service.tls.as_ref().zip(draft.tls_at) {
        tls::find(loading, tls, name, at);
    }
    draft
}

fn read_tls(loading: &Loading<'_>, nodes: &[Node]) -> Vec<TlsDraft> {
    let mut names = Names::of("tls");
    let read = nodes.iter().filter(|node| node.name == "tls").map(|node| tls::read(loading, node));
    read.inspect(|draft| names.add(loading, &draft.tls.name, draft.name_at)).collect()
}

fn report_unknown(loading: &Loading<'_>, nodes: &[Node]) {
    for node in nodes {
        let name = node.name.as_str();
        if KNOWN.contains(&name) {
            continue;
        }
        if UNSERVED.contains(&name) {
            loading.report(not_served(node.at, name));
            continue;
        }
        let fault = Fault::at(node.at, format!("unknown node `{}`", name.escape_debug()));
        loading.report(match suggest::nearest(name, KNOWN.into_iter().chain(UNSERVED)) {
            Some(near) => fault.label(format!("did you mean `{near}`?")),
            None => fault.label("not known here").hint(format!("known are {}", suggest::list(KNOWN))),
        });
    }
}

fn warn_of_nothing(loading: &Loading<'_>, nodes: &[Node]) {
    let hint = "as in `listener \"clients\" { port 5672 }`";
    let at = nodes.first().map_or(Place { file: 0, start: 0, len: 0 }, |node| node.at);
    loading.warn(Fault::at(at, "neither listener nor connector: nothing can connect").hint(hint));
}

/// Users whom no listener could let in.
fn warn_of_idle_users(loading: &Loading<'_>, users: &[Place], listeners: &[Listener]) {
    let asks =
        |listener: &Listener| listener.connection.sasl.iter().any(|mechanism| *mechanism != Mechanism::Anonymous);
    if listeners.iter().any(asks) {
        return;
    }
    for at in users {
        let hint = "add `SCRAM-SHA-256` to the `sasl` of a listener";
        loading.warn(Fault::at(*at, "no listener takes passwords: this user cannot come in").hint(hint));
    }
}

/// The only node of its kind.
fn single<'t>(loading: &Loading<'_>, nodes: &'t [Node], name: &str) -> Option<&'t Node> {
    let mut found = nodes.iter().filter(|node| node.name == name);
    let first = found.next()?;
    for again in found {
        loading.report(
            Fault::at(again.at, format!("a second `{name}`"))
                .label("again here")
                .also(first.at, "it stands first here")
                .hint("there is one for the process"),
        );
    }
    Some(first)
}

fn read_state<'t>(loading: &'t Loading<'t>, node: &'t Node) -> Option<PathBuf> {
    let name = name_of(loading, node, "state \"/var/lib/crosstie\"");
    Block::with_qualifiers(loading, "state", Item::of_node(node), &[]).finish(&[]);
    let name = name?;
    let path = loading.resolve(name.at, name.text);
    let message = |why: String| format!("this directory cannot be used: {why}");
    match writable::directory(&path) {
        None => {}
        Some(Hindrance::Always(why)) => {
            let hint = "a relative path starts at the directory of this file";
            loading.report(Fault::at(name.at, message(why)).hint(hint));
        }
        Some(Hindrance::ForThisUser(why)) => {
            let hint = "without it compiled plugins are not kept, and each start compiles them";
            loading.warn(Fault::at(name.at, message(why)).hint(hint));
        }
    }
    Some(path)
}

/// Reads a `listener` node, its mechanisms checked against the users.
pub(crate) fn read_listener<'t>(
    loading: &'t Loading<'t>,
    node: &'t Node,
    (users, tls, services): (&[User], &[Tls], &[AuthService]),
) -> Listener {
    with_mechanisms(loading, listener::read_listener(loading, node), (users.len(), tls, services))
}

/// Reads a `connector` node, its `tls` checked against those that there are.
pub(crate) fn read_connector<'t>(loading: &'t Loading<'t>, node: &'t Node, tls: &[Tls]) -> Connector {
    with_tls(loading, connector::read(loading, node), tls)
}

fn with_tls(loading: &Loading<'_>, draft: ConnectorDraft, tls: &[Tls]) -> Connector {
    let mut connector = draft.connector;
    let named = connector.tls.as_deref().zip(draft.tls_at);
    let found = named.and_then(|(name, at)| tls::find(loading, tls, name, at));
    let shows = found.is_some_and(|tls| tls.certificate.is_some());
    let written = draft.sasl.iter().flat_map(|sasl| &sasl.mechanisms);
    for (_, at) in written.filter(|(mechanism, _)| *mechanism == Mechanism::External) {
        if !shows && found.is_some() == connector.tls.is_some() {
            let hint = "EXTERNAL shows the certificate of the connector's `tls`";
            loading.report(Fault::at(*at, "EXTERNAL without a certificate").hint(hint));
        }
    }
    if draft.sasl.is_none() && connector.username.is_none() && shows {
        connector.connection.sasl = vec![Mechanism::External, Mechanism::Anonymous];
    }
    connector
}

fn with_mechanisms(
    loading: &Loading<'_>,
    draft: ListenerDraft<'_>,
    (users, tls, services): (usize, &[Tls], &[AuthService]),
) -> Listener {
    let mut listener = draft.listener;
    let named = listener.tls.as_ref().zip(draft.tls_at);
    let found = named.and_then(|(used, at)| tls::find(loading, tls, &used.name, at));
    if let (Some(found), Some(at)) = (found, draft.tls_at)
        && found.certificate.is_none()
    {
        let hint = "a listener shows one: add `certificate` and `private-key` to it";
        loading.report(Fault::at(at, format!("`{}` has no certificate", found.name.escape_debug())).hint(hint));
    }
    let certificates = found.is_some_and(|tls| tls.client_certificate != ClientCertificate::Off);
    let unknown = listener.tls.is_some() && found.is_none();
    if let (Some(found), Some(at), false) = (found, draft.tls_at, certificates)
        && listener.tls.as_ref().is_some_and(|tls| tls.requires_certificate)
    {
        let fault = Fault::at(at, format!("`{}` asks peers for no certificate", found.name.escape_debug()));
        loading.report(fault.hint("add `client-certificate \"request\"` and `ca` to it"));
    }
    if let Some(delegation) = &draft.delegation {
        let is_private = listener.connection.allow_plain_without_tls || listener.tls.is_some();
        let asks = (listener.authenticate_peer, is_private);
        listener.delegation = auth_service::resolve(loading, delegation, services, asks);
        listener.connection.sasl.clear();
        return listener;
    }
    match &draft.sasl {
        Some(sasl) => {
            for (mechanism, at) in &sasl.mechanisms {
                if *mechanism == Mechanism::External && !certificates && !unknown {
                    let hint =
                        "peers show one where a `tls` asks for it: `client-certificate \"request\"` or `\"require\"`";
                    loading.report(Fault::at(*at, "EXTERNAL without certificates of peers").hint(hint));
                }
                check_mechanism(loading, &listener, *mechanism, *at, users);
            }
            listener.connection.sasl = sasl.mechanisms.iter().map(|(mechanism, _)| *mechanism).collect();
        }
        None => listener.connection.sasl = default_mechanisms(&listener, users, certificates),
    }
    if let (Some(at), true) = (draft.authenticate_at, listener.connection.sasl.is_empty() && listener.authenticate_peer)
    {
        loading.report(
            Fault::at(at, "nobody could authenticate here")
                .label("asks for authentication")
                .hint("add `user \"alice\" password=\"env:NAME\"`"),
        );
    }
    listener
}

fn check_mechanism(loading: &Loading<'_>, listener: &Listener, mechanism: Mechanism, at: Place, users: usize) {
    match mechanism {
        Mechanism::Plain | Mechanism::ScramSha256 | Mechanism::ScramSha512 if users == 0 => {
            let what = format!("{} without users", mechanism.as_str());
            loading.report(Fault::at(at, what).hint("add `user \"alice\" password=\"env:NAME\"`"));
        }
        Mechanism::Plain if !listener.connection.allow_plain_without_tls && listener.tls.is_none() => loading.report(
            Fault::at(at, "PLAIN would take passwords over plain TCP")
                .label("offers PLAIN")
                .hint("write `allow-plain-without-tls` if the way to the peers is trusted"),
        ),
        Mechanism::Anonymous if listener.authenticate_peer => loading.report(
            Fault::at(at, "ANONYMOUS on a listener that authenticates its peers")
                .label("offers ANONYMOUS")
                .hint("remove it, or `authenticate-peer`"),
        ),
        _ => {}
    }
}

fn read_auto_links(
    loading: &Loading<'_>,
    nodes: &[Node],
    roles: &BTreeMap<String, Option<Role>>,
) -> Vec<crosstie_model::settings::AutoLink> {
    let mut names = Names::of("auto-link");
    let mut auto_links = Vec::new();
    for node in nodes.iter().filter(|node| node.name == "auto-link") {
        let draft = address::read_auto_link(loading, node);
        names.add(loading, &draft.auto_link.name, draft.name_at);
        if let (ContainerRef::Connection(name), Some(at)) = (&draft.auto_link.container, draft.connection_at) {
            check_connection(loading, name, at, roles);
        }
        auto_links.push(draft.auto_link);
    }
    auto_links
}

fn read_link_routes(loading: &Loading<'_>, nodes: &[Node], roles: &BTreeMap<String, Option<Role>>) -> Vec<LinkRoute> {
    let mut names = Names::of("link-route");
    let mut link_routes: Vec<LinkRoute> = Vec::new();
    for node in nodes.iter().filter(|node| node.name == "link-route") {
        let draft = address::read_link_route(loading, node);
        names.add(loading, draft.link_route.name.as_deref().unwrap_or_default(), draft.name_at);
        if let (ContainerRef::Connection(name), Some(at)) = (&draft.link_route.container, draft.connection_at) {
            check_connection(loading, name, at, roles);
        }
        let is_second = link_routes.iter().any(|other| other.routes_as(&draft.link_route));
        // what the reference has of those that lead nowhere does no harm
        if is_second && draft.link_route.container != ContainerRef::Nobody {
            let hint = "it has the addresses, direction and container of one before";
            loading.report(Fault::at(node.at, "a second link-route for the same links").hint(hint));
        }
        link_routes.push(draft.link_route);
    }
    link_routes
}

fn check_connection(loading: &Loading<'_>, name: &str, at: Place, roles: &BTreeMap<String, Option<Role>>) {
    match roles.get(name) {
        None => {
            let containers = roles.iter().filter(|(_, role)| **role == Some(Role::RouteContainer));
            let known: Vec<&str> = containers.map(|(name, _)| name.as_str()).collect();
            let fault = Fault::at(at, format!("no connector or listener is named `{}`", name.escape_debug()));
            loading.doubt(match suggest::nearest(name, known.iter().copied()) {
                Some(near) => fault.label(format!("did you mean `{near}`?")),
                None if known.is_empty() => {
                    fault.hint(format!("add a connector with {}", loading.example("role", "route-container")))
                }
                None => fault.hint(format!("there are {}", suggest::list(known))),
            });
        }
        Some(Some(Role::Normal)) => loading.doubt(
            Fault::at(at, format!("`{}` is no route-container", name.escape_debug()))
                .hint(format!("write {} in its node", loading.example("role", "route-container"))),
        ),
        Some(_) => {}
    }
}
