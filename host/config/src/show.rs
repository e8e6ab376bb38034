//! Settings back to KDL, every default filled in.

use crosstie_model::settings::{
    AddressRule, AuthService, Authorities, AutoLink, ConfigNode, ConnectionSettings, Connector, ContainerRef, Covers,
    Delegation, Direction, Endpoint, Grant, LinkRoute, Listener, LogFormat, LogLevel, LogOutput, Plugin, PropertyValue,
    Record, Settings, Tls,
};
use kdl::{KdlDocument, KdlEntry, KdlNode, KdlValue};

use crate::address::UNAVAILABLE;
use crate::connection::LIST_ITEM;
use crate::endpoint;
use crate::expand;
use crate::listener::{MANAGEMENT, REQUIRES_CERTIFICATE};
use crate::quantity::{show_duration, show_size};
use crate::tls::{CLIENT_CERTIFICATE, NAME_PARTS, VERSIONS};

/// The whole configuration.
pub(crate) fn show(settings: &Settings) -> String {
    let mut document = KdlDocument::new();
    document.nodes_mut().extend(nodes(settings));
    escape(&mut document);
    document.autoformat();
    document.to_string()
}

/// Each of its nodes.
pub(crate) fn nodes(settings: &Settings) -> Vec<KdlNode> {
    let mut nodes = vec![router(settings), log(settings), limits(settings)];
    nodes.extend(settings.state.iter().map(|path| word("state", path.display().to_string())));
    nodes.extend(settings.tls.iter().map(tls));
    nodes.extend(settings.users.iter().map(|user| {
        let mut node = word("user", &user.name);
        node.push(KdlEntry::new_prop("password", user.password.reference.as_str()));
        node
    }));
    nodes.extend(settings.auth_services.iter().map(auth_service));
    nodes.extend(settings.listeners.iter().map(listener));
    nodes.extend(settings.connectors.iter().map(connector));
    nodes.extend(settings.addresses.iter().map(address));
    nodes.extend(settings.auto_links.iter().map(auto_link));
    nodes.extend(settings.link_routes.iter().map(link_route));
    if let Some(plugins) = &settings.plugins {
        let directory = word("plugins", plugins.directory.display().to_string());
        nodes.push(match &plugins.record {
            Some(record) => block(directory, [self::record(record)]),
            None => directory,
        });
        nodes.extend(plugins.named.iter().map(plugin));
    }
    nodes
}

pub(crate) fn limits(settings: &Settings) -> KdlNode {
    let limits = [number("connections", settings.limits.connections), size("buffered", settings.limits.buffered_bytes)];
    block(KdlNode::new("limits"), limits)
}

/// Doubles the dollars of texts that would be read as variables.
fn escape(document: &mut KdlDocument) {
    for node in document.nodes_mut() {
        for entry in node.entries_mut() {
            if let KdlValue::String(text) = entry.value() {
                let escaped = expand::escape(text);
                entry.set_value(escaped);
            }
        }
        if let Some(children) = node.children_mut() {
            escape(children);
        }
    }
}

/// A node with one argument.
fn word(name: &str, value: impl Into<String>) -> KdlNode {
    with(name, [KdlValue::String(value.into())])
}

fn with(name: &str, values: impl IntoIterator<Item = KdlValue>) -> KdlNode {
    let mut node = KdlNode::new(name);
    for value in values {
        node.push(KdlEntry::new(value));
    }
    node
}

fn flag(name: &str, value: bool) -> KdlNode {
    with(name, [KdlValue::Bool(value)])
}

fn number(name: &str, value: impl Into<i128>) -> KdlNode {
    with(name, [KdlValue::Integer(value.into())])
}

fn size(name: &str, bytes: u64) -> KdlNode {
    show_size(bytes).map_or_else(|| number(name, bytes), |text| word(name, text))
}

fn block(mut node: KdlNode, children: impl IntoIterator<Item = KdlNode>) -> KdlNode {
    let mut inside = KdlDocument::new();
    inside.nodes_mut().extend(children);
    node.set_children(inside);
    node
}

pub(crate) fn router(settings: &Settings) -> KdlNode {
    let router = &settings.router;
    let workers = i128::try_from(router.workers.get()).unwrap_or(i128::MAX);
    let mut children = vec![
        word("mode", "standalone"),
        number("workers", workers),
        word("default-distribution", router.default_distribution.as_str()),
        flag("allow-resumable-link-route", router.allow_resumable_link_route),
        word("shutdown-deadline", show_duration(router.shutdown_deadline)),
    ];
    children.extend(router.metadata.iter().map(|text| word("metadata", text)));
    block(word("router", &router.id), children)
}

const fn level(level: LogLevel) -> &'static str {
    match level {
        LogLevel::Error => "error",
        LogLevel::Warn => "warn",
        LogLevel::Info => "info",
        LogLevel::Debug => "debug",
        LogLevel::Trace => "trace",
    }
}

pub(crate) fn log(settings: &Settings) -> KdlNode {
    let log = &settings.log;
    let mut children = vec![word("level", level(log.level))];
    for (area, chosen) in &log.of {
        let mut node = word("level", level(*chosen));
        node.push(KdlEntry::new_prop("of", area.as_str()));
        children.push(node);
    }
    let format = match log.format {
        LogFormat::Text => "text",
        LogFormat::Json => "json",
    };
    children.push(word("format", format));
    let output = match &log.output {
        LogOutput::Stderr => "stderr".to_owned(),
        LogOutput::Stdout => "stdout".to_owned(),
        LogOutput::File(path) => format!("file:{}", path.display()),
    };
    children.push(word("output", output));
    block(KdlNode::new("log"), children)
}

fn value(value: &PropertyValue) -> KdlValue {
    match value {
        PropertyValue::Text(text) => KdlValue::String(text.clone()),
        PropertyValue::Integer(number) => KdlValue::Integer((*number).into()),
        PropertyValue::Float(number) => KdlValue::Float(*number),
        PropertyValue::Bool(flag) => KdlValue::Bool(*flag),
        // blocks where they can stand
        PropertyValue::Null | PropertyValue::List(_) | PropertyValue::Map(_) => KdlValue::Null,
        PropertyValue::Secret(secret) => KdlValue::String(secret.reference.clone()),
    }
}

fn property(name: &str, of: &PropertyValue) -> KdlNode {
    match of {
        PropertyValue::List(items) if items.is_empty() => block(KdlNode::new(name), [KdlNode::new(LIST_ITEM)]),
        PropertyValue::List(items) => block(KdlNode::new(name), items.iter().map(|item| property(LIST_ITEM, item))),
        PropertyValue::Map(entries) => {
            block(KdlNode::new(name), entries.iter().map(|(key, value)| property(key, value)))
        }
        of => with(name, [value(of)]),
    }
}

fn connection(settings: &ConnectionSettings) -> Vec<KdlNode> {
    let mechanisms = settings.sasl.iter().map(|mechanism| KdlValue::String(mechanism.as_str().to_owned()));
    let mut nodes = Vec::new();
    if !settings.sasl.is_empty() {
        nodes.push(with("sasl", mechanisms));
    }
    nodes.push(flag("allow-plain-without-tls", settings.allow_plain_without_tls));
    nodes.push(word("handshake-timeout", show_duration(settings.handshake_timeout)));
    nodes.push(word("idle-timeout", show_duration(settings.idle_timeout)));
    nodes.push(size("max-frame-size", settings.max_frame_size.into()));
    nodes.push(number("max-sessions", settings.max_sessions));
    nodes.extend(settings.max_session_frames.map(|frames| number("max-session-frames", frames)));
    let capacity = settings.link_capacity;
    if capacity.initial == capacity.max {
        nodes.push(number("link-capacity", capacity.initial));
    }
    if !settings.properties.is_empty() {
        let properties = settings.properties.iter().map(|(key, value)| property(key, value));
        nodes.push(block(KdlNode::new("properties"), properties));
    }
    nodes.extend(settings.address_family.map(|family| word("socket-address-family", family.as_str())));
    nodes.push(word("strip-annotations", settings.strip_annotations.as_str()));
    if !settings.log_messages.is_empty() {
        let parts = settings.log_messages.words().into_iter();
        nodes.push(with("log-messages", parts.map(|part| KdlValue::String(part.to_owned()))));
    }
    let limits = settings.limits;
    let mut inside: Vec<KdlNode> = limits.connections.map(|most| number("connections", most)).into_iter().collect();
    inside.push(number("sessions", limits.sessions));
    inside.push(number("links", limits.links));
    inside.push(number("unsettled", limits.unsettled));
    inside.push(size("buffered", limits.buffered_bytes));
    inside.extend(limits.max_message_size_bytes.map(|most| size("max-message-size", most)));
    nodes.push(block(KdlNode::new("limits"), inside));
    nodes
}

pub(crate) fn listener(listener: &Listener) -> KdlNode {
    let mut children = vec![word("role", listener.role.as_str())];
    children.extend(listener.host.iter().map(|host| word("host", host)));
    children.push(number("port", listener.port));
    children.extend(listener.tls.iter().map(|tls| {
        let mut node = word("tls", &tls.name);
        if tls.optional {
            node.push(KdlEntry::new("optional"));
        }
        if tls.requires_certificate {
            node.push(KdlEntry::new(REQUIRES_CERTIFICATE));
        }
        node
    }));
    if let Some(Delegation { service, mechanisms }) = &listener.delegation {
        children.push(word("auth-service", &service.name));
        if !mechanisms.is_empty() {
            children.push(with("sasl", mechanisms.iter().map(|name| KdlValue::String(name.clone()))));
        }
    }
    children.push(flag("authenticate-peer", listener.authenticate_peer));
    children.push(flag("explain-refusals", listener.explain_refusals));
    children.push(flag("multi-tenant", listener.multi_tenant));
    let management = MANAGEMENT.iter().find(|(_, management)| Some(*management) == listener.management);
    children.extend(management.map(|(text, _)| word("management", *text)));
    if !listener.failover_urls.is_empty() {
        let urls = listener.failover_urls.iter();
        let urls = urls.map(|url| KdlValue::String(endpoint::show(url.scheme, &url.host, url.port)));
        children.push(with("failover-urls", urls));
    }
    children.extend(connection(&listener.connection));
    block(word("listener", &listener.name), children)
}

pub(crate) fn auth_service(service: &AuthService) -> KdlNode {
    let mut children = vec![word("host", &service.host), number("port", service.port)];
    children.extend(service.realm.iter().map(|realm| word("realm", realm)));
    if let Some(tls) = &service.tls {
        children.extend([word("tls", tls), flag("verify-hostname", service.verify_hostname)]);
    }
    children.push(flag("allow-plain-without-tls", service.allow_plain_without_tls));
    block(word("auth-service", &service.name), children)
}

pub(crate) fn tls(tls: &Tls) -> KdlNode {
    let path = |name: &str, path: &std::path::Path| word(name, path.display().to_string());
    let mut children: Vec<KdlNode> = tls.certificate.iter().map(|file| path("certificate", file)).collect();
    if let Some(file) = &tls.private_key {
        let mut node = path("private-key", file);
        if let Some(secret) = &tls.password {
            node.push(KdlEntry::new_prop("password", secret.reference.as_str()));
        }
        children.push(node);
    }
    children.push(match &tls.ca {
        Authorities::System => word("ca", "system"),
        Authorities::File(file) => path("ca", file),
    });
    let asked = CLIENT_CERTIFICATE.iter().find(|(_, asked)| *asked == tls.client_certificate);
    children.extend(asked.map(|(text, _)| word("client-certificate", *text)));
    let text_of = |text: &str| KdlValue::String(text.to_owned());
    let versions = VERSIONS.iter().filter(|(_, version)| tls.versions.contains(version));
    children.push(with("versions", versions.map(|(text, _)| text_of(text))));
    if !tls.cipher_suites.is_empty() {
        children.push(with("cipher-suites", tls.cipher_suites.iter().map(|suite| text_of(suite.as_str()))));
    }
    let parts: Vec<_> = tls
        .user_name
        .iter()
        .filter_map(|part| NAME_PARTS.iter().find(|(_, known)| known == part))
        .map(|(text, _)| text_of(text))
        .collect();
    if !parts.is_empty() {
        children.push(with("user-name", parts));
    }
    children.extend(tls.user_names.iter().map(|file| path("user-names", file)));
    block(word("tls", &tls.name), children)
}

pub(crate) fn connector(connector: &Connector) -> KdlNode {
    let mut children = vec![word("role", connector.role.as_str())];
    children.extend(connector.endpoints.iter().map(show_endpoint));
    children.extend(connector.tls.iter().map(|name| word("tls", name)));
    if connector.tls.is_some() {
        children.push(flag("verify-hostname", connector.verify_hostname));
    }
    children.extend(connector.username.iter().map(|name| word("sasl-username", name)));
    children.extend(connector.password.iter().map(|secret| word("sasl-password", &secret.reference)));
    let failover = &connector.failover;
    let mut inside = vec![word("advertised", if failover.follow_advertised { "follow" } else { "ignore" })];
    if !failover.allow.is_empty() {
        inside.push(with("allow", failover.allow.iter().map(|host| KdlValue::String(host.clone()))));
    }
    let mut backoff = KdlNode::new("backoff");
    backoff.push(KdlEntry::new_prop("base", show_duration(failover.backoff.base)));
    backoff.push(KdlEntry::new_prop("cap", show_duration(failover.backoff.cap)));
    backoff.push(KdlEntry::new_prop("jitter", failover.backoff.jitter));
    inside.push(backoff);
    if let Some(after) = failover.fail_back {
        let mut node = KdlNode::new("fail-back");
        node.push(KdlEntry::new_prop("after", show_duration(after)));
        inside.push(node);
    }
    children.push(block(KdlNode::new("failover"), inside));
    children.extend(connection(&connector.connection));
    block(word("connector", &connector.name), children)
}

fn show_endpoint(written: &Endpoint) -> KdlNode {
    let mut node = word("endpoint", endpoint::show(Some(written.scheme), &written.host, written.port));
    node.push(KdlEntry::new_prop("priority", i128::from(written.priority)));
    if written.labels.is_empty() {
        return node;
    }
    let labels = written
        .labels
        .iter()
        .map(|(key, label)| with("label", [KdlValue::String(key.clone()), KdlValue::String(label.clone())]));
    block(node, labels)
}

pub(crate) fn address(rule: &AddressRule) -> KdlNode {
    let node = rule.name.as_ref().map_or_else(|| KdlNode::new("address"), |name| word("address", name));
    let mut children =
        vec![covers(&rule.covers), word("distribution", rule.distribution.as_str()), flag("waypoint", rule.waypoint)];
    let numbers =
        [("ingress-phase", rule.ingress_phase), ("egress-phase", rule.egress_phase), ("priority", rule.priority)];
    children.extend(numbers.into_iter().filter_map(|(name, value)| Some(number(name, value?))));
    block(node, children)
}

fn covers(covers: &Covers) -> KdlNode {
    match covers {
        Covers::Prefix(text) => word("prefix", text),
        Covers::Pattern(text) => word("pattern", text),
    }
}

fn direction(direction: Direction) -> KdlNode {
    word("direction", if direction == Direction::In { "in" } else { "out" })
}

fn container(container: &ContainerRef) -> KdlNode {
    match container {
        ContainerRef::Connection(name) => word("connection", name),
        ContainerRef::ContainerId(id) => word("container", id),
        ContainerRef::Nobody => word("distribution", UNAVAILABLE),
    }
}

pub(crate) fn link_route(route: &LinkRoute) -> KdlNode {
    let node = route.name.as_ref().map_or_else(|| KdlNode::new("link-route"), |name| word("link-route", name));
    let mut children = vec![covers(&route.covers), direction(route.direction), container(&route.container)];
    let prefixes =
        [("add-external-prefix", &route.add_external_prefix), ("del-external-prefix", &route.del_external_prefix)];
    children.extend(prefixes.into_iter().filter_map(|(name, prefix)| Some(word(name, prefix.as_ref()?))));
    block(node, children)
}

pub(crate) fn auto_link(auto_link: &AutoLink) -> KdlNode {
    let mut children =
        vec![word("address", &auto_link.address), direction(auto_link.direction), container(&auto_link.container)];
    children.extend(auto_link.external_address.iter().map(|address| word("external-address", address)));
    children.push(number("phase", auto_link.phase));
    block(word("auto-link", &auto_link.name), children)
}

fn record(record: &Record) -> KdlNode {
    let mut node = word("record", record.file.display().to_string());
    node.push(KdlEntry::new_prop("sample", record.sample));
    let bytes = show_size(record.max_bytes).map_or_else(|| i128::from(record.max_bytes).into(), KdlValue::String);
    node.push(KdlEntry::new_prop("max-size", bytes));
    if record.redact.is_empty() {
        return node;
    }
    block(node, [with("redact", record.redact.iter().map(|path| KdlValue::String(path.clone())))])
}

pub(crate) fn plugin(plugin: &Plugin) -> KdlNode {
    let limits = &plugin.limits;
    let mut children = vec![flag("disabled", plugin.disabled)];
    if let Some(hooks) = &plugin.hooks {
        children.push(with("hooks", hooks.iter().map(|hook| KdlValue::String(hook.as_str().to_owned()))));
    }
    let allows = |key, allows: bool| word(key, if allows { "allow" } else { "deny" });
    let on_failure = [
        word("failover", "builtin"),
        allows("connection", plugin.on_failure.connection_allow),
        allows("session", plugin.on_failure.session_allow),
        allows("link", plugin.on_failure.link_allow),
        word("address", if plugin.on_failure.address_deny { "deny" } else { "builtin" }),
    ];
    children.push(block(KdlNode::new("on-failure"), on_failure));
    let only = |key, name: &String| block(KdlNode::new("only"), [word(key, name)]);
    children.extend(plugin.only.listeners.iter().map(|name| only("listener", name)));
    children.extend(plugin.only.connectors.iter().map(|name| only("connector", name)));
    children.push(word("deadline", show_duration(limits.deadline)));
    children.push(word("configure-deadline", show_duration(limits.configure_deadline)));
    children.push(size("memory", limits.memory_bytes));
    children.push(number("table", limits.table_elements));
    children.push(size("request", limits.request_bytes.into()));
    children.push(size("answer", limits.answer_bytes.into()));
    children.push(size("module", limits.module_bytes));
    children.push(size("kv", limits.kv_bytes));
    let granted = plugin.grants.iter().map(|grant| match grant {
        Grant::Log => "log",
        Grant::Counter => "counter",
        Grant::Kv => "kv",
    });
    let words = ["none"].into_iter().chain(granted);
    children.push(with("grant", words.map(|word| KdlValue::String(word.to_owned()))));
    if let Some(of) = &plugin.shadow {
        children.push(block(KdlNode::new("shadow"), [word("of", of)]));
    }
    if !plugin.config.is_empty() {
        children.push(block(KdlNode::new("config"), plugin.config.iter().map(config)));
    }
    block(word("plugin", &plugin.name), children)
}

/// Its depth is that of a configuration that was loaded.
fn config(written: &ConfigNode) -> KdlNode {
    let mut node = KdlNode::new(written.name.as_str());
    for argument in &written.args {
        let mut entry = KdlEntry::new(value(argument));
        if matches!(argument, PropertyValue::Secret(_)) {
            entry.set_ty("secret");
        }
        node.push(entry);
    }
    for (key, property) in &written.props {
        let mut entry = KdlEntry::new_prop(key.as_str(), value(property));
        if matches!(property, PropertyValue::Secret(_)) {
            entry.set_ty("secret");
        }
        node.push(entry);
    }
    if written.children.is_empty() { node } else { block(node, written.children.iter().map(config)) }
}
