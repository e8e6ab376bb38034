//! Requests: entities that management asks for, with the reference's attributes. Source: features 1.2, 1.12.

use std::path::Path;

use crosstie_model::settings::{AddressRule, AuthService, AutoLink, Connector, LinkRoute, Listener, Log, Tls, User};

use crate::connection::LIST_ITEM;
use crate::document;
use crate::loading::Loading;
use crate::reference::connection::Around;
use crate::reference::entity::{Attribute, Entity, Given, camel_case};
use crate::source::{Place, Source};

/// The value of an attribute in a request.
#[derive(Debug, Clone, PartialEq)]
pub enum AttributeValue {
    /// A text or a symbol.
    Text(String),
    /// A whole number of any width.
    Integer(i64),
    /// A fraction.
    Float(f64),
    /// A flag.
    Bool(bool),
    /// As if the attribute were absent.
    Null,
    /// A map whose keys are texts or symbols.
    Map(Vec<(String, AttributeValue)>),
    /// A list or an array.
    List(Vec<AttributeValue>),
}

/// What a request makes.
#[derive(Debug, Clone, PartialEq)]
pub struct Made<T> {
    /// Its settings.
    pub made: T,
    /// What is taken and has no effect here, or another one than it says, each with the name of its attribute.
    pub remarks: Vec<String>,
}

impl<T> Made<Option<T>> {
    fn ok_or(self, why: &str) -> Result<Made<T>, String> {
        let made = self.made.ok_or_else(|| why.to_owned())?;
        Ok(Made { made, remarks: self.remarks })
    }
}

/// A new listener. Whether its name is free is for the caller to know.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn listener(
    attributes: &[(String, AttributeValue)],
    (users, tls, services): (&[User], &[Tls], &[AuthService]),
) -> Result<Made<Listener>, String> {
    let around = Around { mode: "standalone", users, management: None };
    read("listener", attributes, |loading, entity| {
        let node = super::listener::listener(loading, entity, around);
        document::read_listener(loading, &node, (users, tls, services))
    })
}

/// A new connector. Whether its name is free is for the caller to know. A password is taken as it is: what names an
/// environment variable or a file of the router's machine is refused.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn connector(attributes: &[(String, AttributeValue)], tls: &[Tls]) -> Result<Made<Connector>, String> {
    if attributes.iter().any(|(name, value)| camel_case(name) == "saslPassword" && is_elsewhere(value)) {
        return Err("saslPassword: only a configuration file may name an environment variable or a file".to_owned());
    }
    let around = Around { mode: "standalone", users: &[], management: None };
    read("connector", attributes, |loading, entity| {
        let node = super::connector::connector(loading, entity, around);
        document::read_connector(loading, &node, tls)
    })
}

/// A new rule for addresses. Whether its name is free and no other rule is for the same addresses is for the caller to know.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn address(attributes: &[(String, AttributeValue)]) -> Result<Made<AddressRule>, String> {
    read("address", attributes, |loading, entity| {
        let node = super::address::address(loading, entity);
        crate::address::read_address(loading, &node).0
    })
}

/// A new link route. Whether its name is free is for the caller to know.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn link_route(attributes: &[(String, AttributeValue)]) -> Result<Made<LinkRoute>, String> {
    read("linkRoute", attributes, |loading, entity| {
        let node = super::address::link_route(loading, entity);
        crate::address::read_link_route(loading, &node).link_route
    })
}

/// A new auto-link. Whether its name is free is for the caller to know.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn auto_link(attributes: &[(String, AttributeValue)]) -> Result<Made<AutoLink>, String> {
    let made = read("autoLink", attributes, |loading, entity| {
        let node = super::address::auto_link(loading, entity, 0)?;
        Some(crate::address::read_auto_link(loading, &node).auto_link)
    })?;
    made.ok_or("one of connection and containerId is needed")
}

/// A new TLS profile, its files read. Whether its name is free is for the caller to know. A password is taken as it is: what
/// names an environment variable or another file of the router's machine is refused.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn ssl_profile(attributes: &[(String, AttributeValue)]) -> Result<Made<Tls>, String> {
    let is_given = |(name, value): &(String, AttributeValue)| match (camel_case(name).as_str(), value) {
        ("password", value) => is_elsewhere(value),
        ("passwordFile", value) => *value != AttributeValue::Null,
        _ => false,
    };
    if let Some((name, _)) = attributes.iter().find(|attribute| is_given(attribute)) {
        return Err(format!("{name}: only a configuration file may name an environment variable or a file"));
    }
    read("sslProfile", attributes, |loading, entity| {
        let node = super::ssl_profile::ssl_profile(loading, entity, None);
        crate::tls::read(loading, &node).tls
    })
}

/// A new auth service. Whether its name is free is for the caller to know.
///
/// # Errors
///
/// The first problem, with the name of its attribute.
pub fn auth_service(attributes: &[(String, AttributeValue)], tls: &[Tls]) -> Result<Made<AuthService>, String> {
    read("authServicePlugin", attributes, |loading, entity| {
        let node = super::auth_service::auth_service(loading, entity);
        document::read_auth_service(loading, &node, tls).service
    })
}

/// Whether a password is the name of where it is.
fn is_elsewhere(value: &AttributeValue) -> bool {
    match value {
        AttributeValue::Text(text) => ["env:", "file:"].iter().any(|form| text.trim_start().starts_with(form)),
        _ => false,
    }
}

/// Log settings in which a module has these levels, as `enable` of a `log` entity writes them.
///
/// # Errors
///
/// What is wrong with the levels, or with the name of the module.
pub fn log(log: &Log, module: &str, enable: &str) -> Result<Log, String> {
    let text = |name: &str, text: &str| (name.to_owned(), AttributeValue::Text(text.to_owned()));
    let attributes = [text("module", module), text("enable", enable)];
    let made = read("log", &attributes, |loading, entity| {
        let node = super::log::log(loading, &[entity])?;
        Some(crate::router::read_log(loading, &node))
    })?;
    let made = made.made.unwrap_or_else(crate::router::default_log);
    let mut log = log.clone();
    if module == "DEFAULT" {
        log.level = made.level;
    } else {
        log.of.retain(|(area, _)| !super::log::areas(module).contains(&area.as_str()));
        log.of.extend(made.of);
    }
    Ok(log)
}

fn read<T>(
    kind: &str,
    attributes: &[(String, AttributeValue)],
    read: impl FnOnce(&Loading<'_>, &Entity) -> T,
) -> Result<Made<T>, String> {
    let environment = |_: &str| None;
    let mut loading = Loading::new(&environment);
    loading.is_of_reference = true;
    let entity = entity(&loading, kind, attributes);
    let made = read(&loading, &entity);
    if !loading.is_clean() {
        return Err(first_problem(loading, kind, attributes));
    }
    Ok(Made { made, remarks: remarks(&loading, kind, attributes) })
}

/// The entity, each attribute in a line of its own below that of the entity.
fn entity(loading: &Loading<'_>, kind: &str, attributes: &[(String, AttributeValue)]) -> Entity {
    let lines = "\n".repeat(attributes.len() + 1);
    let file = loading.add_source(Source::new(kind.to_owned(), Path::new(""), lines));
    let mut entity = Entity::new(kind, Place { file, start: 0, len: 0 });
    for (index, (name, value)) in attributes.iter().enumerate() {
        let at = Place { file, start: index + 1, len: 0 };
        entity.attributes.push(attribute(camel_case(name), value, at));
    }
    entity
}

/// The depth of the recursion is limited by whoever read the request.
fn attribute(name: String, value: &AttributeValue, at: Place) -> Attribute {
    let value = match value {
        AttributeValue::Text(text) => Given::Text(text.clone()),
        AttributeValue::Integer(number) => Given::Integer((*number).into()),
        AttributeValue::Float(number) => Given::Float(*number),
        AttributeValue::Bool(on) => Given::Bool(*on),
        AttributeValue::Null => Given::Null,
        AttributeValue::List(list) => {
            Given::List(list.iter().map(|value| attribute(LIST_ITEM.to_owned(), value, at)).collect())
        }
        AttributeValue::Map(map) => {
            Given::Map(map.iter().map(|(name, value)| attribute(name.clone(), value, at)).collect())
        }
    };
    Attribute { name, at, value, value_at: at }
}

/// Warnings of attributes. That a password stands plainly in a file is none: a request has no other way.
fn remarks(loading: &Loading<'_>, kind: &str, attributes: &[(String, AttributeValue)]) -> Vec<String> {
    let named = loading.placed_warnings().into_iter().filter_map(|(at, problem)| {
        let name = match at.start.checked_sub(1) {
            Some(index) => &attributes.get(index)?.0,
            None => kind,
        };
        let is_password = matches!(camel_case(name).as_str(), "password" | "saslPassword");
        (!is_password).then(|| format!("{name}: {}", problem.sentence()))
    });
    named.collect()
}

/// What is wrong with the role comes first, as in the reference; then the order is that of the attributes.
fn first_problem(loading: Loading<'_>, kind: &str, attributes: &[(String, AttributeValue)]) -> String {
    let problems = loading.into_problems();
    let named = problems.iter().map(|problem| {
        let line = problem.position().map_or(1, |(line, _)| line);
        let attribute = line.checked_sub(2).and_then(|index| attributes.get(index));
        (attribute.map_or(kind, |(name, _)| name.as_str()), problem)
    });
    let Some((name, problem)) = named.min_by_key(|(name, _)| *name != "role") else {
        return format!("{kind}: not good");
    };
    // The rules of roles name the attribute themselves.
    let message = problem.message();
    let message = if message.starts_with(name) { message.to_owned() } else { format!("{name}: {message}") };
    match problem.label() {
        None | Some("here" | "it is missing here") => message,
        Some(label) => format!("{message}: {label}"),
    }
}
