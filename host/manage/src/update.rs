//! UPDATE: what of an entity that is there may be changed. Source: the reference, `EntityType.update_check`,
//! `qdra_connection_update_CT`.

use crosstie_model::facts::{ConnectionFacts, Facts, Part};
use serde_amqp::Value;

use crate::change::{AttributeValue, Change};
use crate::create::shaped;
use crate::entity::{Meta, PREFIX};
use crate::refused::Refused;
use crate::request::Request;
use crate::select::{Selected, Selector};
use crate::value::{as_text, text};

/// Roles of connections that nobody may drop.
const LASTING: [&str; 2] = ["inter-router", "edge"];

/// What is to be changed.
pub(crate) struct Update {
    selector: Selector,
    given: Vec<(String, Value)>,
}

/// What an update comes to.
pub(crate) enum Updating {
    /// Nothing is to be done: the body of the reply.
    Done(Value),
    /// A change; then this is the body of the reply.
    Change(Change, Value),
    /// A change; then the entity is read again.
    Reread(Change, Selector),
}

impl Update {
    /// Reads it from a request.
    ///
    /// # Errors
    ///
    /// [`Refused::BadRequest`].
    pub(crate) fn read(request: &Request) -> Result<Self, Refused> {
        let Value::Map(body) = &request.body else { return Err(Refused::BadRequest("the body is no map".into())) };
        let pair = |(key, value): (&Value, &Value)| Some((as_text(key)?.to_owned(), value.clone()));
        let given: Option<Vec<_>> = body.iter().map(pair).collect();
        let given = given.ok_or_else(|| Refused::BadRequest("an attribute name is no string".into()))?;
        Ok(Self { selector: Selector::read(request)?, given })
    }

    /// Whether it needs these facts.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.selector.wants(part)
    }

    /// Checks it against what is there.
    ///
    /// # Errors
    ///
    /// [`Refused`]: there is no such entity, or it cannot be changed so.
    pub(crate) fn check(self, facts: &Facts) -> Result<Updating, Refused> {
        let found = self.selector.find(facts).map_err(|refused| self.missing(refused))?;
        match found.kind.head().name {
            "log" => self.log(facts, found),
            "connection" => self.connection(facts, found),
            _ => {
                let of = found.kind.head().full_name();
                let why = "what is configured changes by DELETE and CREATE, or in the file";
                Err(Refused::NotImplemented(format!("operation 'UPDATE' is not implemented for '{of}': {why}")))
            }
        }
    }

    /// To the reference a connection that is not there is a bad request.
    fn missing(&self, refused: Refused) -> Refused {
        match refused {
            Refused::NotFound(why) if self.selector.means("connection") => Refused::BadRequest(why),
            refused => refused,
        }
    }

    /// What is given and differs from what is there.
    ///
    /// # Errors
    ///
    /// [`Refused::BadRequest`] for an attribute that there is not, or that cannot be changed.
    fn changes(&self, facts: &Facts, found: Selected) -> Result<Vec<(&'static str, AttributeValue)>, Refused> {
        let mut changes = Vec::new();
        let of = found.kind.head().full_name();
        for (name, value) in &self.given {
            let known =
                found.kind.metas().enumerate().find(|(_, meta)| meta.name == name || meta.formerly == Some(name));
            let Some((index, meta)) = known else {
                return Err(Refused::BadRequest(format!("unknown attribute '{name}' for '{of}'")));
            };
            let Meta { name, shape, update, .. } = *meta;
            let wrong = || Refused::BadRequest(format!("wrong value for attribute '{name}' of '{of}'"));
            let is_same = *value == found.kind.value(facts, found.row, index);
            if is_same
                || (name == "type"
                    && as_text(value)
                        .is_some_and(|word| word.strip_prefix(PREFIX).unwrap_or(word) == found.kind.head().name))
            {
                continue;
            }
            if !update {
                return Err(Refused::BadRequest(format!("cannot update attribute '{name}' in UPDATE")));
            }
            changes.push((name, shaped(shape, value).ok_or_else(wrong)?));
        }
        Ok(changes)
    }

    fn log(self, facts: &Facts, found: Selected) -> Result<Updating, Refused> {
        let mut enable = None;
        for (name, value) in self.changes(facts, found)? {
            match (name, value) {
                ("enable", AttributeValue::Text(levels)) => enable = Some(levels),
                ("enable", _) => enable = Some("default".to_owned()),
                _ => {
                    return Err(Refused::NotImplemented(format!("attribute '{name}' cannot be changed while it runs")));
                }
            }
        }
        let Some(enable) = enable else { return Ok(Updating::Done(found.kind.entity(facts, found.row))) };
        let log = facts.log.get(found.row).ok_or_else(|| Refused::NotFound("no such log".into()))?;
        Ok(Updating::Reread(Change::UpdateLog { module: log.module, enable }, self.selector))
    }

    fn connection(&self, facts: &Facts, found: Selected) -> Result<Updating, Refused> {
        let gone = || Refused::BadRequest("no such connection".into());
        let connection: &ConnectionFacts = facts.connections.get(found.row).ok_or_else(gone)?;
        let is_given = |wanted: &str| self.given.iter().find(|(name, _)| name == wanted);
        let status = is_given("adminStatus");
        // what else is given is checked too
        let changes = self.changes(facts, found)?;
        if changes.contains(&("enableProtocolTrace", AttributeValue::Flag(true))) {
            let why = "'enableProtocolTrace' stays false: this router does not log frames; capture them on the network, \
                       or have the peer log them (Qpid Proton: PN_TRACE_FRM=1)";
            return Err(Refused::NotImplemented(why.into()));
        }
        match status.map(|(_, value)| as_text(value).unwrap_or_default()) {
            None if is_given("enableProtocolTrace").is_some() => {
                Ok(Updating::Done(found.kind.entity(facts, found.row)))
            }
            Some("deleted") if LASTING.contains(&connection.role) => {
                Err(Refused::Forbidden(format!("connections of role '{}' are not dropped", connection.role)))
            }
            Some("deleted") => {
                let mut entity = found.kind.entity(facts, found.row);
                if let Value::Map(attributes) = &mut entity {
                    attributes.insert(text("adminStatus"), text("deleted"));
                    attributes.insert(text("operStatus"), text("closing"));
                }
                Ok(Updating::Change(Change::DropConnection(connection.id), entity))
            }
            Some("enabled") => Ok(Updating::Done(found.kind.entity(facts, found.row))),
            _ => {
                Err(Refused::BadRequest("'adminStatus' is 'deleted', which drops the connection, or 'enabled'".into()))
            }
        }
    }
}
