//! Two configurations compared: what a reload does about each difference, and what it cannot do.

use std::collections::BTreeMap;

use crosstie_model::plan::{Changed, Created, Difference, Plan, UserChange};
use crosstie_model::settings::{
    AuthService, ConnectionSettings, Connector, Covers, Direction, Endpoint, LinkRoute, Listener, Management, Plugin,
    Settings, Tls, User,
};
use kdl::KdlNode;

use crate::Loaded;
use crate::loading::Fault;
use crate::problem::{Problem, Problems};
use crate::show;
use crate::tree::{Node, Value};

/// Nodes that are compared one by one; any other one that differs needs a restart.
const COMPARED: [&str; 13] = [
    "router",
    "log",
    "limits",
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
];

/// Attributes of a listener that its open connections keep as they were.
const LISTENER_LATER: [&str; 15] = [
    "host",
    "port",
    "explain-refusals",
    "failover-urls",
    "handshake-timeout",
    "idle-timeout",
    "max-frame-size",
    "max-sessions",
    "max-session-frames",
    "link-capacity",
    "properties",
    "socket-address-family",
    "strip-annotations",
    "log-messages",
    "limits",
];

/// Attributes of a connector that its open connection keeps as they were.
const CONNECTOR_LATER: [&str; 12] = [
    "sasl-password",
    "failover",
    "handshake-timeout",
    "idle-timeout",
    "max-frame-size",
    "max-sessions",
    "max-session-frames",
    "link-capacity",
    "properties",
    "strip-annotations",
    "log-messages",
    "limits",
];

/// What needs a restart: of a node, an attribute of it.
const RESTART: [(&str, &str); 4] = [("router", "id"), ("router", "workers"), ("log", "format"), ("log", "output")];

/// The comparison.
struct Comparing<'c> {
    loaded: &'c Loaded,
    created: &'c Created,
    lines: Vec<String>,
    problems: Problems,
}

impl Loaded {
    /// Compares with the configuration that a router runs, and with what was created in that router through management.
    ///
    /// # Errors
    ///
    /// Everything that needs a restart, or has the name of what was created.
    pub fn plan(mut self, running: &Settings, created: &Created) -> Result<Plan, Problems> {
        if !self.nodes.iter().any(|node| node.name == "router" && !node.args.is_empty()) {
            // nobody names it, and a generated one differs each time
            self.settings.router.id.clone_from(&running.router.id);
        }
        let mut comparing = Comparing { loaded: &self, created, lines: Vec::new(), problems: Problems::default() };
        let log = comparing.process(running);
        comparing.tls(running);
        let users = comparing.users(running);
        comparing.auth_services(running);
        let listeners = comparing.listeners(running);
        let connectors = comparing.connectors(running);
        let addresses = comparing.addresses(running);
        let auto_links = comparing.auto_links(running);
        let link_routes = comparing.link_routes(running);
        comparing.plugins(running);
        comparing.rest(running);
        let Comparing { lines, problems, .. } = comparing;
        if !problems.is_empty() {
            return Err(problems);
        }
        let warnings = self.warnings.lines();
        let settings = self.settings;
        Ok(Plan { lines, warnings, listeners, connectors, addresses, auto_links, link_routes, users, log, settings })
    }

    /// A problem of a node, or of an attribute of it, at its place where it has one.
    fn problem(&self, is_it: impl Fn(&Node) -> bool, attribute: Option<&str>, message: String, hint: &str) -> Problem {
        let Some(node) = self.nodes.iter().find(|node| is_it(node)) else {
            return Problem::new(message).with_hint(hint);
        };
        let mut inside = node.children.iter().flatten();
        let child = attribute.and_then(|attribute| inside.find(|child| child.name == attribute));
        let place = child.map_or(node.head, |child| child.head);
        Fault::at(place, message).hint(hint).into_problem(&self.sources)
    }
}

impl Comparing<'_> {
    /// `router`, `log` and `limits`. Says whether the levels of the log have changed.
    fn process(&mut self, running: &Settings) -> bool {
        let new = &self.loaded.settings;
        let mut log = false;
        for (kind, was, is) in [
            ("router", show::router(running), show::router(new)),
            ("log", show::log(running), show::log(new)),
            ("limits", show::limits(running), show::limits(new)),
        ] {
            let changed = differing(&was, &is);
            for name in &changed {
                if RESTART.contains(&(kind, name)) {
                    let message = format!("`{name}` of `{kind}` cannot change while the router runs");
                    self.refuse(kind, Some(name), message, RESTART_HINT);
                }
            }
            log |= kind == "log" && !changed.is_empty();
            if !changed.is_empty() {
                self.lines.push(format!("change {kind} ({})", changed.join(", ")));
            }
        }
        log
    }

    fn refuse(&mut self, kind: &str, attribute: Option<&str>, message: String, hint: &str) {
        self.problems.push(self.loaded.problem(|node| node.name == kind, attribute, message, hint));
    }

    /// What has the name of something that management created.
    fn clash(&mut self, kind: &str, name: &str, is_it: impl Fn(&Node) -> bool) {
        let message = format!("{kind} {name} was created through management");
        let hint = "delete it there, or name this one otherwise";
        self.problems.push(self.loaded.problem(|node| node.name == kind && is_it(node), None, message, hint));
    }

    /// `tls` nodes; what that means for open connections stands with the listeners and connectors that use them.
    fn tls(&mut self, running: &Settings) {
        let new = &self.loaded.settings;
        let same = |one: &Tls, other: &Tls| one.name == other.name;
        let found = compare(&running.tls, &new.tls, same, |was, is| {
            let mut changed = differing(&show::tls(was), &show::tls(is));
            add(&mut changed, "private-key", was.password != is.password);
            (changed, false)
        });
        for tls in found.difference.coming() {
            if self.created.tls.contains(&tls.name) {
                self.clash("tls", &quoted(&tls.name), |node| first_text(node) == Some(tls.name.as_str()));
            }
        }
        let words = Words { kind: "tls", removed: "", stays: "", closes: "" };
        self.tell(found, &words, |tls| quoted(&tls.name));
    }

    /// `auth-service` nodes; what that means for open connections stands with the listeners that use them.
    fn auth_services(&mut self, running: &Settings) {
        let new = &self.loaded.settings;
        let same = |one: &AuthService, other: &AuthService| one.name == other.name;
        let found = compare(&running.auth_services, &new.auth_services, same, |was, is| {
            (differing(&show::auth_service(was), &show::auth_service(is)), false)
        });
        for service in found.difference.coming() {
            if self.created.auth_services.contains(&service.name) {
                self.clash("auth-service", &quoted(&service.name), |node| first_text(node) == Some(&service.name));
            }
        }
        let words = Words { kind: "auth-service", removed: "", stays: "", closes: "" };
        self.tell(found, &words, |service| quoted(&service.name));
    }

    fn users(&mut self, running: &Settings) -> Option<UserChange> {
        let loaded = self.loaded;
        let new = &loaded.settings.users;
        let named = |users: &[User], name: &str| users.iter().find(|user| user.name == name).cloned();
        let mut removed = Vec::new();
        let before = self.lines.len();
        for user in &running.users {
            let name = quoted(&user.name);
            match named(new, &user.name) {
                None => {
                    self.lines.push(format!("remove user {name}: its connections close"));
                    removed.push(user.name.clone());
                }
                Some(is) if is.password.text != user.password.text => {
                    self.lines.push(format!("change user {name} (password): its connections stay"));
                }
                Some(_) => {}
            }
        }
        for user in new.iter().filter(|user| named(&running.users, &user.name).is_none()) {
            self.lines.push(format!("add user {}", quoted(&user.name)));
        }
        (self.lines.len() > before).then_some(UserChange { removed })
    }

    fn listeners(&mut self, running: &Settings) -> Difference<Listener> {
        let new = &self.loaded.settings;
        let difference = compare(
            &running.listeners,
            &new.listeners,
            |one, other| one.name == other.name,
            |was, is| {
                let mut changed = differing(&show::listener(was), &show::listener(is));
                add_secrets(&mut changed, &was.connection, &is.connection);
                let named = |listener: &Listener| listener.tls.as_ref().map(|tls| tls.name.clone());
                let profiles = [profile(running, named(was)), profile(new, named(is))];
                add(&mut changed, "tls", profiles[0] != profiles[1]);
                add(&mut changed, "auth-service", was.delegation != is.delegation);
                let closes = changed.iter().any(|name| match name.as_str() {
                    "tls" => was.tls != is.tls || concerns_peers(profiles),
                    name => concerns_listener(name, was, is),
                });
                (changed, closes)
            },
        );
        let words = Words {
            kind: "listener",
            removed: ": its connections close",
            stays: ": open connections stay as they are",
            closes: ": its connections close",
        };
        let name = |listener: &Listener| quoted(&listener.name);
        for listener in difference.difference.coming() {
            self.clash_of_names("listener", &listener.name);
        }
        self.tell(difference, &words, name)
    }

    fn connectors(&mut self, running: &Settings) -> Difference<Connector> {
        let new = &self.loaded.settings;
        let same = |one: &Connector, other: &Connector| one.name == other.name;
        let difference = compare(&running.connectors, &new.connectors, same, |was, is| {
            let mut changed = differing(&show::connector(was), &show::connector(is));
            add_secrets(&mut changed, &was.connection, &is.connection);
            let secret = |connector: &Connector| connector.password.as_ref().map(|secret| secret.text.clone());
            add(&mut changed, "sasl-password", secret(was) != secret(is));
            let profiles = [profile(running, was.tls.clone()), profile(new, is.tls.clone())];
            add(&mut changed, "tls", profiles[0] != profiles[1]);
            let closes = changed.iter().any(|name| match name.as_str() {
                // whom it believes
                "tls" => was.tls != is.tls || profiles[0].map(|tls| &tls.ca) != profiles[1].map(|tls| &tls.ca),
                name => concerns_connector(name, was, is),
            });
            (changed, closes)
        });
        let words = Words {
            kind: "connector",
            removed: ": its connection closes",
            stays: ": an open connection stays; the next attempt goes by it",
            closes: ": its connection closes, and it connects anew",
        };
        for connector in difference.difference.coming() {
            self.clash_of_names("connector", &connector.name);
        }
        self.tell(difference, &words, |connector| quoted(&connector.name))
    }

    fn clash_of_names(&mut self, kind: &str, name: &str) {
        if self.created.names.iter().any(|created| created == name) {
            self.clash(kind, &quoted(name), |node| first_text(node) == Some(name));
        }
    }

    fn addresses(&mut self, running: &Settings) -> Difference<crosstie_model::settings::AddressRule> {
        let new = &self.loaded.settings;
        let difference = compare(
            &running.addresses,
            &new.addresses,
            |one, other| one.covers.pattern() == other.covers.pattern(),
            |was, is| (differing(&show::address(was), &show::address(is)), false),
        );
        let words = Words {
            kind: "address",
            removed: ": its links stay",
            stays: ": its links stay; phases hold for links from here on",
            closes: "",
        };
        for rule in difference.difference.coming() {
            let covers = &rule.covers;
            let created = self.created.addresses.iter();
            if created.clone().any(|(pattern, _)| *pattern == covers.pattern()) {
                self.clash("address", &covered(covers), |node| covers_this(node, covers));
            } else if let Some(name) = &rule.name
                && created.clone().any(|(_, created)| created.as_ref() == Some(name))
            {
                self.clash("address", &quoted(name), |node| first_text(node) == Some(name));
            }
        }
        self.tell(difference, &words, |rule| covered(&rule.covers))
    }

    fn auto_links(&mut self, running: &Settings) -> Difference<crosstie_model::settings::AutoLink> {
        let new = &self.loaded.settings;
        let difference = compare(
            &running.auto_links,
            &new.auto_links,
            |one, other| one.name == other.name,
            |was, is| (differing(&show::auto_link(was), &show::auto_link(is)), true),
        );
        let words = Words {
            kind: "auto-link",
            removed: ": its link is detached",
            stays: "",
            closes: ": its link is detached and attached anew",
        };
        for auto_link in difference.difference.coming() {
            let name = auto_link.name.as_str();
            if self.created.auto_links.iter().any(|created| created == name) {
                self.clash("auto-link", &quoted(name), |node| first_text(node) == Some(name));
            }
        }
        self.tell(difference, &words, |auto_link| quoted(&auto_link.name))
    }

    fn link_routes(&mut self, running: &Settings) -> Difference<LinkRoute> {
        let new = &self.loaded.settings;
        let difference = compare(&running.link_routes, &new.link_routes, LinkRoute::routes_as, |was, is| {
            (differing(&show::link_route(was), &show::link_route(is)), false)
        });
        let words = Words {
            kind: "link-route",
            removed: ": its links stay",
            stays: ": its links stay; links from here on go by it",
            closes: "",
        };
        for route in difference.difference.coming() {
            let created = self.created.link_routes.iter();
            if created.clone().any(|created| created.routes_as(route)) {
                self.clash("link-route", &routed(route), |node| covers_this(node, &route.covers));
            } else if let Some(name) = &route.name
                && created.clone().any(|created| created.name.as_ref() == Some(name))
            {
                self.clash("link-route", &quoted(name), |node| first_text(node) == Some(name));
            }
        }
        self.tell(difference, &words, routed)
    }

    /// `plugins` and `plugin` nodes. Whether what they name loads is seen by whoever loads it.
    fn plugins(&mut self, running: &Settings) {
        let new = &self.loaded.settings;
        let directory = |settings: &Settings| settings.plugins.as_ref().map(|plugins| plugins.directory.clone());
        let named = |settings: &Settings| settings.plugins.clone().map(|plugins| plugins.named).unwrap_or_default();
        match (directory(running), directory(new)) {
            (None, Some(to)) => self.lines.push(format!("add plugins {}", quoted(&to.display().to_string()))),
            (Some(from), None) => {
                let from = quoted(&from.display().to_string());
                self.lines.push(format!("remove plugins {from}: nobody is asked; what was decided stays"));
            }
            (Some(from), Some(to)) => {
                let record = |settings: &Settings| settings.plugins.clone().and_then(|plugins| plugins.record);
                let mut changed = Vec::new();
                add(&mut changed, "directory", from != to);
                add(&mut changed, "record", record(running) != record(new));
                if !changed.is_empty() {
                    let (to, changed) = (quoted(&to.display().to_string()), changed.join(", "));
                    self.lines.push(format!("change plugins {to} ({changed}): what was decided stays"));
                }
            }
            (None, None) => {}
        }
        let (was, is) = (named(running), named(new));
        let same = |one: &Plugin, other: &Plugin| one.name == other.name;
        let found = compare(&was, &is, same, |was, is| {
            let mut changed = differing(&show::plugin(was), &show::plugin(is));
            // secrets are shown by what they are read from
            add(&mut changed, "config", was.config != is.config);
            (changed, false)
        });
        let stay = |all: &[Plugin], of: &[Plugin]| -> Vec<String> {
            let known = all.iter().filter(|one| of.iter().any(|other| same(one, other)));
            known.map(|plugin| plugin.name.clone()).collect()
        };
        if stay(&was, &is) != stay(&is, &was) {
            self.lines.push("change plugins (order): what was decided stays".to_owned());
        }
        let words = Words {
            kind: "plugin",
            removed: ": a file of its name is asked as one that no node names",
            stays: ": what it has decided stays",
            closes: "",
        };
        self.tell(found, &words, |plugin| quoted(&plugin.name));
    }

    /// Whatever else differs needs a restart.
    fn rest(&mut self, running: &Settings) {
        let (was, is) = (by_name(show::nodes(running)), by_name(show::nodes(&self.loaded.settings)));
        let mut kinds: Vec<&String> = was.keys().chain(is.keys().filter(|kind| !was.contains_key(*kind))).collect();
        kinds.retain(|kind| !COMPARED.contains(&kind.as_str()));
        for kind in kinds {
            if was.get(kind) != is.get(kind) {
                self.refuse(kind, None, format!("`{kind}` cannot change while the router runs"), RESTART_HINT);
            }
        }
    }

    /// Adds the lines of a difference.
    fn tell<T>(&mut self, found: Compared<T>, words: &Words, name: impl Fn(&T) -> String) -> Difference<T> {
        let Compared { difference, attributes } = found;
        let kind = words.kind;
        let removed = difference.removed.iter().map(|one| format!("remove {kind} {}{}", name(one), words.removed));
        let changed = difference.changed.iter().zip(attributes).map(|(changed, attributes)| {
            let what = if changed.closes { words.closes } else { words.stays };
            format!("change {kind} {} ({}){what}", name(&changed.to), attributes.join(", "))
        });
        let added = difference.added.iter().map(|one| format!("add {kind} {}", name(one)));
        self.lines.extend(removed.chain(changed).chain(added));
        difference
    }
}

const RESTART_HINT: &str = "put it back, or restart the router";

/// How the lines of one kind read.
struct Words {
    kind: &'static str,
    removed: &'static str,
    stays: &'static str,
    closes: &'static str,
}

/// A difference, and the attributes that differ of what has changed.
struct Compared<T> {
    difference: Difference<T>,
    attributes: Vec<Vec<String>>,
}

/// Compares nodes of one kind. `attributes`: what differs between two, and whether what is open has to close.
fn compare<T: Clone>(
    was: &[T],
    is: &[T],
    same: impl Fn(&T, &T) -> bool,
    attributes: impl Fn(&T, &T) -> (Vec<String>, bool),
) -> Compared<T> {
    let lacks = |all: &[T], one: &T| !all.iter().any(|other| same(one, other));
    let removed = was.iter().filter(|one| lacks(is, one)).cloned().collect();
    let added = is.iter().filter(|one| lacks(was, one)).cloned().collect();
    let (mut changed, mut names) = (Vec::new(), Vec::new());
    for to in is {
        let Some(from) = was.iter().find(|from| same(from, to)) else { continue };
        let (attributes, closes) = attributes(from, to);
        if !attributes.is_empty() {
            changed.push(Changed { from: from.clone(), to: to.clone(), closes });
            names.push(attributes);
        }
    }
    Compared { difference: Difference { removed, added, changed }, attributes: names }
}

/// The attributes that differ between two nodes of one kind.
fn differing(was: &KdlNode, is: &KdlNode) -> Vec<String> {
    let inside = |node: &KdlNode| node.children().map(|inside| by_name(inside.nodes().to_vec())).unwrap_or_default();
    let arguments = |node: &KdlNode| node.entries().iter().map(ToString::to_string).collect::<Vec<_>>();
    let mut names = Vec::new();
    add(&mut names, if is.name().value() == "router" { "id" } else { "name" }, arguments(was) != arguments(is));
    let (was, is) = (inside(was), inside(is));
    for name in was.keys().chain(is.keys()) {
        add(&mut names, name, was.get(name) != is.get(name));
    }
    names
}

/// The text of nodes, by their names.
fn by_name(nodes: Vec<KdlNode>) -> BTreeMap<String, Vec<String>> {
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for node in nodes {
        texts.entry(node.name().value().to_owned()).or_default().push(node.to_string());
    }
    texts
}

fn add(names: &mut Vec<String>, name: &str, differs: bool) {
    if differs && !names.iter().any(|known| known == name) {
        names.push(name.to_owned());
    }
}

/// Secrets are shown by what they are read from; what was read may differ nevertheless.
fn add_secrets(names: &mut Vec<String>, was: &ConnectionSettings, is: &ConnectionSettings) {
    add(names, "properties", was.properties != is.properties);
}

fn profile(settings: &Settings, name: Option<String>) -> Option<&Tls> {
    settings.tls.iter().find(|tls| Some(&tls.name) == name.as_ref())
}

/// Whether connections of a listener cannot stay.
fn concerns_peers([was, is]: [Option<&Tls>; 2]) -> bool {
    let (Some(was), Some(is)) = (was, is) else { return was.is_some() || is.is_some() };
    was.concerns_peers(is)
}

/// Whether open connections cannot stay: they were let in by what is so no more.
fn concerns_listener(attribute: &str, was: &Listener, is: &Listener) -> bool {
    let rank = |management: Option<Management>| match management {
        Some(Management::Off) => 0,
        Some(Management::Read) => 1,
        None => 2,
        Some(Management::Full) => 3,
    };
    match attribute {
        "sasl" => was.connection.sasl.iter().any(|mechanism| !is.connection.sasl.contains(mechanism)),
        "authenticate-peer" => is.authenticate_peer,
        "allow-plain-without-tls" => was.connection.allow_plain_without_tls,
        "management" => rank(is.management) < rank(was.management),
        other => !LISTENER_LATER.contains(&other),
    }
}

fn concerns_connector(attribute: &str, was: &Connector, is: &Connector) -> bool {
    let same =
        |one: &Endpoint, other: &Endpoint| (one.scheme, &one.host, one.port) == (other.scheme, &other.host, other.port);
    match attribute {
        "endpoint" => was.endpoints.iter().any(|old| !is.endpoints.iter().any(|new| same(old, new))),
        "sasl" => was.connection.sasl.iter().any(|mechanism| !is.connection.sasl.contains(mechanism)),
        "allow-plain-without-tls" => was.connection.allow_plain_without_tls,
        other => !CONNECTOR_LATER.contains(&other),
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.escape_debug())
}

fn covered(covers: &Covers) -> String {
    match covers {
        Covers::Prefix(prefix) => format!("prefix {}", quoted(prefix)),
        Covers::Pattern(pattern) => format!("pattern {}", quoted(pattern)),
    }
}

fn routed(route: &LinkRoute) -> String {
    format!("{} {}", covered(&route.covers), if route.direction == Direction::In { "in" } else { "out" })
}

/// The first argument of a node.
fn first_text(node: &Node) -> Option<&str> {
    match node.args.first().map(|arg| &arg.value) {
        Some(Value::Text(text)) => Some(text),
        _ => None,
    }
}

/// Whether a node is for these addresses.
fn covers_this(node: &Node, covers: &Covers) -> bool {
    let (name, text) = match covers {
        Covers::Prefix(text) => ("prefix", text),
        Covers::Pattern(text) => ("pattern", text),
    };
    node.children.iter().flatten().any(|child| child.name == name && first_text(child) == Some(text))
}
