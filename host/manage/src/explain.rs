//! EXPLAIN: who decided about a connection, a link or an address, and why. Not of the reference.

use crosstie_model::address::{ADDRESS_MAX_BYTES, normalise};
use crosstie_model::facts::{
    AddressFindings, AddressRuleFacts, ConnectionFacts, Facts, LinkFacts, LinkRouteFacts, Part,
};
use crosstie_model::policy::Hook;
use crosstie_model::settings::{Direction, Only};
use crosstie_model::trail;
use serde_amqp::Value;

use crate::refused::Refused;
use crate::request::Request;
use crate::value::{direction, list, map, maybe, or_null, text};

/// Refusals that a reply tells; the latest.
const REFUSALS_TOLD_MAX: usize = 20;

/// What is to be explained.
pub(crate) enum Explain {
    /// By its identity.
    Connection(String),
    /// By its identity or its name.
    Link(String),
    Address {
        /// In its one form.
        name: String,
        /// Absent: both.
        direction: Option<Direction>,
        /// As the peer of that connection would write it.
        connection: Option<String>,
    },
}

impl Explain {
    /// Reads it from the properties of a request: `what` is `connection`, `link` or `address`; `identity` or `name` says which, for an
    /// address `direction` (`in`: peers send) and `connection` (by whose peer it is written) as well.
    ///
    /// # Errors
    ///
    /// [`Refused::BadRequest`].
    pub(crate) fn read(request: &Request) -> Result<Self, Refused> {
        let bad = |why: &str| Refused::BadRequest(why.to_owned());
        let given = request.text("identity")?.or(request.text("name")?).map(str::to_owned);
        let given = given.ok_or_else(|| bad("No name or identity provided"))?;
        match request.text("what")? {
            Some("connection") => Ok(Self::Connection(given)),
            Some("link") => Ok(Self::Link(given)),
            Some("address") => {
                if given.len() > ADDRESS_MAX_BYTES || normalise(&given).is_empty() {
                    return Err(bad("'name' is no address: it has 1 to 2048 bytes"));
                }
                let direction = match request.text("direction")? {
                    None => None,
                    Some("in") => Some(Direction::In),
                    Some("out") => Some(Direction::Out),
                    Some(_) => return Err(bad("'direction' is 'in' or 'out'")),
                };
                let connection = request.text("connection")?.map(str::to_owned);
                Ok(Self::Address { name: normalise(&given).to_owned(), direction, connection })
            }
            _ => Err(bad("'what' is 'connection', 'link' or 'address'")),
        }
    }

    pub(crate) fn wants(&self, part: Part) -> bool {
        let more = matches!(self, Self::Address { .. }) && matches!(part, Part::AddressRules | Part::LinkRoutes);
        more || matches!(part, Part::Connections | Part::Links | Part::Plugins | Part::Refusals)
    }

    /// The address that findings are needed for, and the connection whose peer writes it so.
    pub(crate) fn address(&self) -> Option<(&str, Option<&str>)> {
        match self {
            Self::Address { name, connection, .. } => Some((name, connection.as_deref())),
            Self::Connection(_) | Self::Link(_) => None,
        }
    }

    /// # Errors
    ///
    /// [`Refused::NotFound`].
    pub(crate) fn answer(self, facts: &Facts) -> Result<Value, Refused> {
        match self {
            Self::Connection(id) => connection(facts, &id),
            Self::Link(given) => link(facts, &given),
            Self::Address { direction, connection, .. } => address(facts, direction, connection.as_deref()),
        }
    }
}

fn connection(facts: &Facts, id: &str) -> Result<Value, Refused> {
    let open = facts.connections.iter().find(|connection| connection.id.to_string() == id);
    let refusals = told(facts, |refused| refused.connection_id.to_string() == id);
    if open.is_none() && refusals.is_empty() {
        let why = "is not open, and nothing of it was refused lately; QUERY 'connection' has those that are open";
        return Err(Refused::NotFound(format!("connection '{id}' {why}")));
    }
    let links = facts.links.iter().filter(|link| link.connection_id.to_string() == id);
    let links = links.filter(|link| !link.trail.steps().is_empty()).map(told_link);
    Ok(map([
        ("what", text("connection")),
        ("identity", text(id)),
        ("open", open.map_or(Value::Null, told_connection)),
        ("plugins", asked(facts, &[Hook::Connection], open)),
        ("links", Value::List(links.collect())),
        ("refusals", Value::List(refusals)),
    ]))
}

fn link(facts: &Facts, given: &str) -> Result<Value, Refused> {
    let by_id = facts.links.iter().find(|link| link.id.to_string() == given);
    let named = facts.links.iter().filter(|link| by_id.is_none() && link.name == given);
    let links: Vec<&LinkFacts> = by_id.into_iter().chain(named).collect();
    let refusals = told(facts, |refused| by_id.is_none() && refused.link.as_deref() == Some(given));
    if links.is_empty() && refusals.is_empty() {
        let why = "has neither this identity nor this name, and plugins refused none of that name lately; QUERY 'router.link' has those \
                   that are attached, and the log has what the router itself refused";
        return Err(Refused::NotFound(format!("link '{given}': none {why}")));
    }
    let of = |link: &LinkFacts| facts.connections.iter().find(|connection| connection.id == link.connection_id);
    let found = links.iter().map(|link| {
        let Value::Map(mut told) = told_link(link) else { return Value::Null };
        told.insert(text("connection"), of(link).map_or(Value::Null, told_connection));
        told.insert(text("plugins"), asked(facts, &[Hook::Link, Hook::Address], of(link)));
        Value::Map(told)
    });
    Ok(map([
        ("what", text("link")),
        ("given", text(given)),
        ("links", Value::List(found.collect())),
        ("refusals", Value::List(refusals)),
    ]))
}

fn address(facts: &Facts, only: Option<Direction>, by: Option<&str>) -> Result<Value, Refused> {
    let Some(findings) = &facts.findings else {
        return Err(Refused::NotFound(format!("connection '{}' is not open", by.unwrap_or_default())));
    };
    let connection = by.and_then(|id| facts.connections.iter().find(|connection| connection.id.to_string() == id));
    let AddressFindings { name, in_use, .. } = findings;
    let rule = findings.rule.and_then(|id| facts.address_rules.iter().find(|rule| rule.id == id));
    let wanted = |way: &Direction| only.is_none_or(|only| only == *way);
    let ways = [Direction::In, Direction::Out].into_iter().zip(findings.phases).zip(&findings.link_routes);
    let ways = ways.filter(|((way, _), _)| wanted(way)).map(|((way, phase), routes)| {
        let routes = facts.link_routes.iter().filter(|route| routes.contains(&route.id));
        map([
            ("direction", direction(way)),
            ("phase", u32::from(phase).into()),
            ("linkRoutes", Value::List(routes.map(told_route).collect())),
        ])
    });
    let in_use = in_use.iter().map(|(phase, distribution, consumers)| {
        map([
            ("phase", u32::from(*phase).into()),
            ("distribution", text(*distribution)),
            ("consumers", (*consumers).into()),
        ])
    });
    // what plugins said of it: the key has the class, of mobile addresses the phase, and the name
    let is_it = |link: &&LinkFacts| {
        wanted(&link.direction) && link.address_key.as_deref().is_some_and(|key| key.get(2..) == Some(name.as_str()))
    };
    let links = facts.links.iter().filter(is_it).filter(|link| !link.trail.steps().is_empty());
    let refusals = told(facts, |refused| refused.address.as_deref().map(normalise) == Some(name.as_str()));
    Ok(map([
        ("what", text("address")),
        ("address", text(name)),
        ("reserved", findings.reserved.into()),
        ("tenant", or_null(connection.and_then(|connection| connection.tenant.clone()))),
        ("multiTenant", list(&findings.multi_tenant)),
        ("rule", rule.map_or(Value::Null, told_rule)),
        ("distribution", text(findings.distribution)),
        ("ways", Value::List(ways.collect())),
        ("inUse", Value::List(in_use.collect())),
        ("plugins", asked(facts, &[Hook::Address], connection)),
        ("links", Value::List(links.take(REFUSALS_TOLD_MAX).map(told_link).collect())),
        ("refusals", Value::List(refusals)),
    ]))
}

/// The latest refusals of some kind.
fn told(facts: &Facts, is: impl Fn(&trail::Refused) -> bool) -> Vec<Value> {
    let refused = |refused: &trail::Refused| {
        map([
            ("what", text(refused.what)),
            ("connection", text(refused.connection_id.to_string())),
            ("host", text(&refused.host)),
            ("container", text(&refused.container)),
            ("user", maybe(&refused.user)),
            ("link", maybe(&refused.link)),
            ("address", maybe(&refused.address)),
            ("atMs", whole(refused.at_ms)),
            ("condition", text(&refused.condition)),
            ("description", text(&refused.description)),
            ("decisions", steps(&refused.trail)),
        ])
    };
    let mut latest: Vec<_> =
        facts.refusals.iter().rev().filter(|refused| is(refused)).take(REFUSALS_TOLD_MAX).collect();
    latest.reverse();
    latest.into_iter().map(refused).collect()
}

fn steps(trail: &trail::Trail) -> Value {
    let step = |step: &trail::Step| {
        map([
            ("hook", text(step.hook.as_str())),
            ("plugin", text(&*step.plugin)),
            ("said", text(step.said.as_str())),
            ("note", maybe(&step.note)),
            ("effect", maybe(&step.effect)),
            ("sequence", whole(step.sequence)),
            ("atMs", whole(step.at_ms)),
        ])
    };
    Value::List(trail.steps().iter().map(step).collect())
}

/// Plugins that are asked now, and whether about this connection.
fn asked(facts: &Facts, hooks: &[Hook], by: Option<&ConnectionFacts>) -> Value {
    let live = facts.plugins.iter().filter(|plugin| plugin.shadow_of.is_none());
    let asked = live.filter(|plugin| hooks.iter().any(|hook| plugin.hooks.contains(&hook.as_str())));
    let told = asked.map(|plugin| {
        let Only { listeners, connectors } = &plugin.only;
        let covers = by.map(|connection| match connection.direction {
            Direction::In => plugin.only.covers_listener(&connection.owner),
            Direction::Out => plugin.only.covers_connector(&connection.owner) && !hooks.contains(&Hook::Connection),
        });
        map([
            ("name", text(&plugin.name)),
            ("state", text(plugin.state)),
            ("onlyListeners", list(listeners)),
            ("onlyConnectors", list(connectors)),
            ("isAsked", or_null(covers)),
        ])
    });
    Value::List(told.collect())
}

fn told_connection(connection: &ConnectionFacts) -> Value {
    map([
        ("identity", text(connection.id.to_string())),
        ("host", text(&connection.host)),
        ("container", maybe(&connection.container)),
        ("user", maybe(&connection.user)),
        ("dir", direction(connection.direction)),
        ("role", text(connection.role)),
        ("owner", text(&connection.owner)),
        ("tenant", maybe(&connection.tenant)),
        ("decisions", steps(&connection.trail)),
    ])
}

fn told_link(link: &LinkFacts) -> Value {
    map([
        ("identity", text(link.id.to_string())),
        ("name", text(&link.name)),
        ("connectionId", text(link.connection_id.to_string())),
        ("dir", direction(link.direction)),
        ("owningAddr", maybe(&link.address_key)),
        ("decisions", steps(&link.trail)),
    ])
}

fn told_rule(rule: &AddressRuleFacts) -> Value {
    map([
        ("name", maybe(&rule.name)),
        ("prefix", maybe(&rule.prefix)),
        ("pattern", maybe(&rule.pattern)),
        ("distribution", text(rule.distribution)),
        ("priority", or_null(rule.priority.map(u32::from))),
    ])
}

fn told_route(route: &LinkRouteFacts) -> Value {
    map([
        ("name", maybe(&route.name)),
        ("prefix", maybe(&route.prefix)),
        ("pattern", maybe(&route.pattern)),
        ("connection", maybe(&route.connection)),
        ("container", maybe(&route.container_id)),
        ("active", route.active.into()),
    ])
}

fn whole(number: u64) -> Value {
    i64::try_from(number).unwrap_or(i64::MAX).into()
}
