//! The entity that a request names.

use crosstie_model::facts::{Facts, Part};
use serde_amqp::Value;

use crate::entity::{EntityType, IDENTITY, NAME};
use crate::refused::Refused;
use crate::request::Request;
use crate::schema::{self, Named};
use crate::table::{MANAGEMENT, TYPES};

/// Names an entity: by its identity or its name, among a type or among all.
pub(crate) struct Selector {
    of: Option<Named>,
    name: Option<String>,
    identity: Option<String>,
}

/// An entity that is there.
#[derive(Clone, Copy)]
pub(crate) struct Selected {
    pub(crate) kind: &'static dyn EntityType,
    pub(crate) row: usize,
}

impl Selector {
    /// Reads it from the properties of a request.
    ///
    /// # Errors
    ///
    /// [`Refused::BadRequest`] for an unknown type, or where neither name nor identity is given, unless the management
    /// node itself is meant.
    pub(crate) fn read(request: &Request) -> Result<Self, Refused> {
        let of = request.text("type")?.map(schema::named).transpose()?;
        let name = request.text("name")?.map(str::to_owned);
        let identity = request.text("identity")?.map(str::to_owned);
        let management = of.as_ref().is_none_or(Named::is_management);
        if name.is_none() && identity.is_none() && !management {
            return Err(Refused::BadRequest("No name or identity provided".into()));
        }
        Ok(Self { of, name, identity })
    }

    /// Whether it needs these facts.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.scope().iter().any(|kind| kind.head().part == Some(part))
    }

    /// Whether entities of this type are meant.
    pub(crate) fn means(&self, name: &str) -> bool {
        self.of.as_ref().is_some_and(|named| named.head.name == name)
    }

    /// Types to look in: where identities are unique among all, also those that the request does not mean, so that a wrong
    /// type is told from a wrong name.
    fn scope(&self) -> Vec<&'static dyn EntityType> {
        match &self.of {
            Some(named) if named.types.iter().all(|kind| kind.head().local_identity) => named.types.clone(),
            Some(named) => {
                let also = |kind: &&dyn EntityType| !kind.head().local_identity || kind.head().is_a(named.head.name);
                TYPES.iter().copied().filter(also).collect()
            }
            None => TYPES.to_vec(),
        }
    }

    /// Finds it.
    ///
    /// # Errors
    ///
    /// [`Refused::NotFound`]; [`Refused::BadRequest`] where name, identity and type do not belong together;
    /// [`Refused::Failed`] where several entities have the name.
    pub(crate) fn find(&self, facts: &Facts) -> Result<Selected, Refused> {
        let (index, wanted) = match (&self.identity, &self.name) {
            (Some(identity), _) => (IDENTITY, identity.as_str()),
            (None, Some(name)) => (NAME, name.as_str()),
            (None, None) => return Ok(Selected { kind: &MANAGEMENT, row: 0 }),
        };
        let all = self.scope().into_iter().flat_map(|kind| (0..kind.len(facts)).map(move |row| Selected { kind, row }));
        let found = all.filter(|one| self.is(facts, one, index, wanted));
        let (fit, other): (Vec<_>, Vec<_>) = found.partition(|one| self.fits(one.kind));
        let first = match (fit.as_slice(), other.first()) {
            ([], None) => return Err(Refused::NotFound(self.missing())),
            ([], Some(other)) => return Err(self.wrong_type(other)),
            ([first, _, ..], _) if !first.kind.head().local_identity => {
                return Err(Refused::Failed(format!("several entities {}", self.words())));
            }
            ([first, ..], _) => *first,
        };
        match &self.name {
            Some(name) if index == IDENTITY && !self.is(facts, &first, NAME, name) => {
                Err(Refused::BadRequest(format!("conflicting {}", self.words())))
            }
            _ => Ok(first),
        }
    }

    /// In the words of the reference for what its core keeps.
    fn missing(&self) -> String {
        match &self.of {
            Some(named) if named.types.iter().all(|kind| kind.head().local_identity) => "Not Found".to_owned(),
            _ => format!("no entity {}", self.words()),
        }
    }

    fn fits(&self, kind: &dyn EntityType) -> bool {
        self.of.as_ref().is_none_or(|named| kind.head().is_a(named.head.name))
    }

    fn wrong_type(&self, other: &Selected) -> Refused {
        let asked = self.of.as_ref().map(|named| named.head.full_name()).unwrap_or_default();
        let is = other.kind.head().full_name();
        Refused::BadRequest(format!("entity type '{is}' does not extend requested type '{asked}'"))
    }

    /// Whether an entity has this name or identity: its own, or where no type is given that among all types.
    fn is(&self, facts: &Facts, one: &Selected, index: usize, wanted: &str) -> bool {
        let value = match self.of {
            Some(_) => one.kind.value(facts, one.row, index),
            None => one.kind.global(facts, one.row, index),
        };
        matches!(value, Value::String(value) if value == wanted)
    }

    fn words(&self) -> String {
        match (&self.identity, &self.name) {
            (Some(identity), None) => format!("with identity={identity}"),
            (None, Some(name)) => format!("with name={name}"),
            (Some(identity), Some(name)) => format!("with identity={identity} name={name}"),
            (None, None) => String::new(),
        }
    }
}
