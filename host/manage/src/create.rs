//! CREATE: the attributes of a request against the schema and what is there already.

use crosstie_model::facts::{AddressRuleFacts, AutoLinkFacts, ConnectionRouteFacts, Facts, LinkRouteFacts, Part};
use crosstie_model::settings::Direction;
use serde_amqp::Value;

use crate::change::{AttributeValue, Attributes, Change};
use crate::entity::{EntityType, Meta, Shape};
use crate::refused::Refused;
use crate::request::Request;
use crate::schema;
use crate::table::{
    ADDRESS_RULE, AUTH_SERVICE, AUTO_LINK, CONNECTION_ROUTE, CONNECTOR, LINK_ROUTE, LISTENER, SSL_PROFILE,
};
use crate::value::{as_integer, as_text};

/// How deep a value may nest that is not read by name.
const DEPTH_MAX: usize = 8;
/// In the words of the reference.
const NAME_TAKEN: &str = "Name conflicts with an existing entity";

/// Link routes that a peer may make for its connection.
const CONNECTION_ROUTES_MAX: usize = 1000;

const PHASE_MAX: i64 = 9;
const PRIORITY_MAX: i64 = 9;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Listener,
    Connector,
    Address,
    LinkRoute,
    ConnectionRoute,
    AutoLink,
    Tls,
    AuthService,
}

impl Kind {
    /// Where entities of this kind stand.
    const fn part(self) -> Part {
        match self {
            Self::Listener => Part::Listeners,
            Self::Connector => Part::Connectors,
            Self::Address => Part::AddressRules,
            Self::LinkRoute => Part::LinkRoutes,
            Self::ConnectionRoute => Part::ConnectionRoutes,
            Self::AutoLink => Part::AutoLinks,
            Self::Tls => Part::TlsProfiles,
            Self::AuthService => Part::AuthServices,
        }
    }
}

/// What is to be created.
#[derive(Debug)]
pub(crate) struct Creation {
    kind: Kind,
    attributes: Attributes,
}

impl Creation {
    /// Reads it from a request.
    ///
    /// # Errors
    ///
    /// [`Refused::BadRequest`] for what the schema does not allow, [`Refused::NotImplemented`] for types that cannot be
    /// created.
    pub(crate) fn read(request: &Request) -> Result<Self, Refused> {
        let given = match &request.body {
            Value::Map(map) => map,
            _ => return Err(Refused::BadRequest("the body is no map".into())),
        };
        let in_body = |name: &str| given.iter().find(|(key, _)| as_text(key) == Some(name)).map(|(_, value)| value);
        let both = |name: &str| -> Result<Option<String>, Refused> {
            let property = request.text(name)?;
            match (property, in_body(name).and_then(as_text)) {
                (Some(property), Some(body)) if property != body => {
                    Err(Refused::BadRequest(format!("conflicting values for '{name}'")))
                }
                (property, body) => Ok(property.or(body).map(str::to_owned)),
            }
        };
        let type_name = both("type")?.ok_or_else(|| Refused::BadRequest("no 'type' attribute".into()))?;
        let named = schema::named(&type_name)?;
        let (kind, of): (Kind, &'static dyn EntityType) = match named.head.name {
            "listener" => (Kind::Listener, &LISTENER),
            "connector" => (Kind::Connector, &CONNECTOR),
            "router.config.address" => (Kind::Address, &ADDRESS_RULE),
            "router.config.linkRoute" => (Kind::LinkRoute, &LINK_ROUTE),
            "router.connection.linkRoute" => (Kind::ConnectionRoute, &CONNECTION_ROUTE),
            "router.config.autoLink" => (Kind::AutoLink, &AUTO_LINK),
            "sslProfile" => (Kind::Tls, &SSL_PROFILE),
            "authServicePlugin" => (Kind::AuthService, &AUTH_SERVICE),
            _ => {
                let of = named.head.full_name();
                return Err(Refused::NotImplemented(format!("operation 'CREATE' is not implemented for '{of}'")));
            }
        };
        let mut attributes = Attributes::default();
        for (key, value) in given.iter().filter(|(key, _)| !matches!(as_text(key), Some("type" | "name"))) {
            let (meta, value) = read_attribute(of, key, value)?;
            if value != AttributeValue::Null {
                attributes.set(meta.name, value);
            }
        }
        if let Some(name) = both("name")? {
            attributes.set("name", AttributeValue::Text(name));
        }
        Ok(Self { kind, attributes })
    }

    /// Whether it needs these facts.
    pub(crate) fn wants(&self, part: Part) -> bool {
        match self.kind {
            // they share their names
            Kind::Listener | Kind::Connector => matches!(part, Part::Listeners | Part::Connectors),
            kind => part == kind.part(),
        }
    }

    /// Checks it against what is there.
    ///
    /// # Errors
    ///
    /// [`Refused::BadRequest`].
    pub(crate) fn check(mut self, facts: &Facts) -> Result<(Change, Created), Refused> {
        let change: fn(Attributes) -> Change = match self.kind {
            Kind::Address => {
                check_rule(&self.attributes, &facts.address_rules)?;
                Change::CreateAddress
            }
            Kind::LinkRoute => {
                check_route(&self.attributes, &facts.link_routes)?;
                Change::CreateLinkRoute
            }
            Kind::ConnectionRoute => return self.check_connection_route(&facts.connection_routes),
            Kind::AutoLink => {
                self.check_auto_link(&facts.auto_links)?;
                Change::CreateAutoLink
            }
            Kind::Tls => {
                self.check_name("sslProfile", |name| facts.tls_profiles.iter().any(|one| one.name == name))?;
                Change::CreateTls
            }
            Kind::AuthService => {
                self.check_name("authServicePlugin", |name| facts.auth_services.iter().any(|one| one.name == name))?;
                Change::CreateAuthService
            }
            Kind::Listener => {
                self.check_endpoint(facts)?;
                Change::CreateListener
            }
            Kind::Connector => {
                self.check_endpoint(facts)?;
                Change::CreateConnector
            }
        };
        let created = Created { kind: self.kind, name: self.attributes.text("name").map(str::to_owned) };
        Ok((change(self.attributes), created))
    }

    /// An auto-link: gives it a name, and checks it. Source: the reference, `qdra_config_auto_link_create_CT`.
    fn check_auto_link(&mut self, auto_links: &[AutoLinkFacts]) -> Result<(), Refused> {
        let bad = |text: &str| Err(Refused::BadRequest(text.into()));
        let attributes = &self.attributes;
        let is_used = |name: &str| auto_links.iter().any(|one| one.name.as_deref() == Some(name));
        if attributes.text("name").is_some_and(is_used) {
            return bad(NAME_TAKEN);
        }
        if attributes.text("address").is_none() || attributes.text("direction").is_none() {
            return bad("'address' and 'direction' are needed");
        }
        if attributes.text("connection").or(attributes.text("containerId")).is_none() {
            return bad("one of 'connection' and 'containerId' is needed: an auto-link without never attaches");
        }
        not_both_containers(attributes)?;
        if attributes.integer("phase").is_some_and(|phase| !(0..=PHASE_MAX).contains(&phase)) {
            return bad("phases are 0 to 9");
        }
        if attributes.text("name").is_none() {
            let mut names = (0_u64..).map(|number| format!("autoLink/{number}"));
            let name = names.find(|name| !is_used(name)).unwrap_or_default();
            self.attributes.set("name", AttributeValue::Text(name));
        }
        Ok(())
    }

    /// A link route to the connection that asks. Source: the reference, `qdra_conn_link_route_create_CT`.
    fn check_connection_route(self, routes: &[ConnectionRouteFacts]) -> Result<(Change, Created), Refused> {
        let bad = |text: &str| Err(Refused::BadRequest(text.into()));
        let name = self.attributes.text("name").map(str::to_owned);
        if name.is_some() && routes.iter().any(|route| route.name == name) {
            return bad(NAME_TAKEN);
        }
        if routes.len() >= CONNECTION_ROUTES_MAX {
            return Err(Refused::BadRequest(format!("a connection has {CONNECTION_ROUTES_MAX} link routes at most")));
        }
        let Some(pattern) = self.attributes.text("pattern").map(str::to_owned) else {
            return bad("Pattern field is required");
        };
        if trimmed(&pattern).is_empty() {
            return bad("Pattern must be a non-empty string type");
        }
        let direction = match self.attributes.text("direction") {
            Some("in") => Direction::In,
            Some("out") => Direction::Out,
            _ => return bad("Missing value for 'direction'"),
        };
        let created = Created { kind: self.kind, name: name.clone() };
        Ok((Change::CreateConnectionRoute { name, pattern, direction }, created))
    }

    /// A TLS profile or an auth service: gives it a name.
    fn check_name(&mut self, kind: &str, is_used: impl Fn(&str) -> bool) -> Result<(), Refused> {
        match self.attributes.text("name") {
            Some(name) if is_used(name) => return Err(Refused::BadRequest(NAME_TAKEN.into())),
            Some(_) => {}
            None => {
                let mut names = (0_u64..).map(|number| format!("{kind}/{number}"));
                let name = names.find(|name| !is_used(name)).unwrap_or_default();
                self.attributes.set("name", AttributeValue::Text(name));
            }
        }
        Ok(())
    }

    /// A listener or connector: gives it a name, and checks name and role.
    fn check_endpoint(&mut self, facts: &Facts) -> Result<(), Refused> {
        let attributes = &self.attributes;
        let role = attributes.text("role").unwrap_or("normal");
        if facts.router.mode == "standalone" && matches!(role, "inter-router" | "edge") {
            // what tools look for
            let text = "role='standalone' not allowed to connect to or accept connections from other routers.";
            return Err(Refused::BadRequest(text.into()));
        }
        let (kind, host) = match self.kind {
            Kind::Connector => ("connector", "127.0.0.1"),
            _ => ("listener", ""),
        };
        let (host, port) = (attributes.text("host").unwrap_or(host), attributes.text("port").unwrap_or("amqp"));
        let name = attributes.text("name").map_or_else(|| format!("{kind}/{host}:{port}"), str::to_owned);
        let listeners = facts.listeners.iter().map(|listener| &listener.endpoint.name);
        if listeners.chain(facts.connectors.iter().map(|connector| &connector.endpoint.name)).any(|used| *used == name)
        {
            return Err(Refused::BadRequest(format!("there is a listener or connector named '{name}' already")));
        }
        self.attributes.set("name", AttributeValue::Text(name));
        Ok(())
    }
}

/// An entity that was asked for, to be found once it is there.
#[derive(Debug)]
pub(crate) struct Created {
    kind: Kind,
    name: Option<String>,
}

impl Created {
    /// Whether it needs these facts.
    pub(crate) fn wants(&self, part: Part) -> bool {
        part == self.kind.part()
    }

    /// The body of the reply.
    ///
    /// # Errors
    ///
    /// [`Refused::Failed`] where it is not there.
    pub(crate) fn answer(&self, facts: &Facts) -> Result<Value, Refused> {
        let name = self.name.as_deref();
        let (kind, row): (&'static dyn EntityType, _) = match self.kind {
            Kind::Listener => {
                (&LISTENER, facts.listeners.iter().position(|one| Some(one.endpoint.name.as_str()) == name))
            }
            Kind::Connector => {
                (&CONNECTOR, facts.connectors.iter().position(|one| Some(one.endpoint.name.as_str()) == name))
            }
            // rules without a name are found by their place: a new one stands behind the others
            Kind::Address => (&ADDRESS_RULE, facts.address_rules.iter().rposition(|one| one.name.as_deref() == name)),
            Kind::LinkRoute => (&LINK_ROUTE, facts.link_routes.iter().rposition(|one| one.name.as_deref() == name)),
            Kind::ConnectionRoute => {
                (&CONNECTION_ROUTE, facts.connection_routes.iter().rposition(|one| one.name.as_deref() == name))
            }
            Kind::Tls => (&SSL_PROFILE, facts.tls_profiles.iter().position(|one| Some(one.name.as_str()) == name)),
            Kind::AuthService => {
                (&AUTH_SERVICE, facts.auth_services.iter().position(|one| Some(one.name.as_str()) == name))
            }
            Kind::AutoLink => (&AUTO_LINK, facts.auto_links.iter().rposition(|one| one.name.as_deref() == name)),
        };
        let row = row.ok_or_else(|| Refused::Failed("created, and gone already".into()))?;
        Ok(kind.entity(facts, row))
    }
}

/// Source: the reference, `qdra_config_address_create_CT`.
fn check_rule(attributes: &Attributes, rules: &[AddressRuleFacts]) -> Result<(), Refused> {
    let bad = |text: String| Err(Refused::BadRequest(text));
    if attributes.text("name").is_some_and(|name| rules.iter().any(|rule| rule.name.as_deref() == Some(name))) {
        return bad(NAME_TAKEN.into());
    }
    let (word, covers) = covers(attributes)?;
    let same = |rule: &AddressRuleFacts| {
        let other = if word == "prefix" { &rule.prefix } else { &rule.pattern };
        other.as_deref().is_some_and(|other| trimmed(other) == trimmed(covers))
    };
    if rules.iter().any(same) {
        return bad(format!("there is a rule for {word} '{covers}' already"));
    }
    let phases = [attributes.integer("ingressPhase"), attributes.integer("egressPhase")];
    if phases.iter().flatten().any(|phase| !(0..=PHASE_MAX).contains(phase)) {
        return bad("phases are 0 to 9".into());
    }
    if attributes.integer("priority").is_some_and(|priority| priority > PRIORITY_MAX) {
        return bad("priorities are 0 to 9".into());
    }
    let phased = attributes.flag("waypoint") == Some(true) || phases.iter().flatten().any(|phase| *phase > 0);
    if attributes.flag("enableFallback") == Some(true) && phased {
        return bad("'enableFallback' excludes a waypoint and phases other than 0".into());
    }
    Ok(())
}

/// Source: the reference, `qdra_config_link_route_create_CT`.
fn check_route(attributes: &Attributes, routes: &[LinkRouteFacts]) -> Result<(), Refused> {
    let bad = |text: &str| Err(Refused::BadRequest(text.into()));
    if attributes.text("name").is_some_and(|name| routes.iter().any(|route| route.name.as_deref() == Some(name))) {
        return bad(NAME_TAKEN);
    }
    covers(attributes)?;
    if attributes.text("direction").is_none() {
        return bad("'direction' is needed");
    }
    not_both_containers(attributes)
}

/// Checks that it does not say in two ways which connections are meant. A link route that does not say so leads to nobody.
fn not_both_containers(attributes: &Attributes) -> Result<(), Refused> {
    match (attributes.text("connection"), attributes.text("containerId")) {
        (Some(_), Some(_)) => Err(Refused::BadRequest("'connection' and 'containerId' exclude one another".into())),
        _ => Ok(()),
    }
}

/// The one of `prefix` and `pattern` that is given.
fn covers(attributes: &Attributes) -> Result<(&'static str, &str), Refused> {
    let bad = |text: String| Err(Refused::BadRequest(text));
    let (word, covers) = match (attributes.text("prefix"), attributes.text("pattern")) {
        (Some(prefix), None) => ("prefix", prefix),
        (None, Some(pattern)) => ("pattern", pattern),
        (None, None) => return bad("one of 'prefix' and 'pattern' is needed".into()),
        (Some(_), Some(_)) => return bad("'prefix' and 'pattern' exclude one another".into()),
    };
    if trimmed(covers).is_empty() { bad(format!("'{word}' has no token")) } else { Ok((word, covers)) }
}

/// Without separators at its ends.
fn trimmed(covers: &str) -> &str {
    covers.trim_matches(['.', '/'])
}

/// Reads one attribute of a body.
fn read_attribute<'s>(
    of: &'s (dyn EntityType + 'static),
    key: &Value,
    value: &Value,
) -> Result<(&'s Meta, AttributeValue), Refused> {
    let full_name = || of.head().full_name();
    let Some(name) = as_text(key) else { return Err(Refused::BadRequest("an attribute name is no string".into())) };
    let Some(meta) = of.metas().find(|meta| meta.name == name || meta.formerly == Some(name)) else {
        return Err(Refused::BadRequest(format!("unknown attribute '{name}' for '{}'", full_name())));
    };
    if !meta.create {
        return Err(Refused::BadRequest(format!("cannot set attribute '{name}' in CREATE")));
    }
    let wrong = || Refused::BadRequest(format!("wrong value for attribute '{name}' of '{}'", full_name()));
    if matches!(meta.name, "prefix" | "pattern") && *value != Value::Null && as_text(value).is_none() {
        // no number stands for these
        return Err(wrong());
    }
    Ok((meta, shaped(meta.shape, value).ok_or_else(wrong)?))
}

/// A value as its attribute wants it. As in the reference, texts stand for numbers and flags, and numbers for texts and words.
pub(crate) fn shaped(shape: Shape, value: &Value) -> Option<AttributeValue> {
    if *value == Value::Null {
        return Some(AttributeValue::Null);
    }
    match shape {
        Shape::Text | Shape::Path | Shape::EntityId => {
            let text = as_text(value).map(str::to_owned).or_else(|| as_integer(value).map(|number| number.to_string()));
            text.map(AttributeValue::Text)
        }
        Shape::Integer => {
            let number = as_integer(value).or_else(|| as_text(value)?.trim().parse().ok());
            number.map(AttributeValue::Integer)
        }
        Shape::Flag => flag(value).map(AttributeValue::Flag),
        Shape::Word(words) => word(words, value).map(|word| AttributeValue::Text(word.to_owned())),
        Shape::List => matches!(value, Value::List(_)).then(|| plain(value, DEPTH_MAX))?,
        Shape::Map | Shape::Properties => matches!(value, Value::Map(_)).then(|| plain(value, DEPTH_MAX))?,
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        _ => match as_text(value).map(str::to_lowercase).as_deref() {
            Some("yes" | "true" | "on") => Some(true),
            Some("no" | "false" | "off") => Some(false),
            Some(_) => None,
            None => as_integer(value).map(|number| number != 0),
        },
    }
}

fn word(words: &'static [&'static str], value: &Value) -> Option<&'static str> {
    match as_text(value) {
        Some(text) => words.iter().find(|word| **word == text).copied(),
        None => words.get(usize::try_from(as_integer(value)?).ok()?).copied(),
    }
}

fn plain(value: &Value, depth_left: usize) -> Option<AttributeValue> {
    let deeper = depth_left.checked_sub(1)?;
    Some(match value {
        Value::Null => AttributeValue::Null,
        Value::Bool(flag) => AttributeValue::Flag(*flag),
        Value::Float(number) => AttributeValue::Float(number.0.into()),
        Value::Double(number) => AttributeValue::Float(number.0),
        Value::List(items) => {
            AttributeValue::List(items.iter().map(|item| plain(item, deeper)).collect::<Option<_>>()?)
        }
        Value::Map(pairs) => {
            let pair = |(key, value): (&Value, &Value)| Some((as_text(key)?.to_owned(), plain(value, deeper)?));
            AttributeValue::Map(pairs.iter().map(pair).collect::<Option<_>>()?)
        }
        value => match as_integer(value) {
            Some(number) => AttributeValue::Integer(number),
            None => AttributeValue::Text(as_text(value)?.to_owned()),
        },
    })
}
