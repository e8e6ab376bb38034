//! QUERY: attributes of many entities, in pages.

use crosstie_model::facts::{Facts, Part};
use serde_amqp::Value;

use crate::entity::{COMMON, EntityType, IDENTITY, NAME};
use crate::refused::Refused;
use crate::request::Request;
use crate::schema::{self, Named};
use crate::table::TYPES;
use crate::value::{as_text, list, map, text};

/// Attribute names that one request may ask for; the whole schema has fewer.
const NAMES_MAX: usize = 256;

/// What is asked for.
pub(crate) struct Query {
    types: Vec<Asked>,
    /// Of one type, so that identities are those of its own kind.
    single: bool,
    names: Vec<String>,
    /// Rows that are left out at the beginning; `None`: more than there can be.
    offset: Option<usize>,
    /// Rows at most; `None`: all.
    count: Option<usize>,
}

/// A type, and where in it each of the names stands.
struct Asked {
    kind: &'static dyn EntityType,
    positions: Vec<Option<usize>>,
}

impl Query {
    /// Reads what a request asks for; `of` is its entity type.
    ///
    /// # Errors
    ///
    /// [`Refused::NotFound`] for attributes that the type does not have, [`Refused::BadRequest`] for a malformed body.
    pub(crate) fn read(request: &Request, of: Option<&Named>) -> Result<Self, Refused> {
        let all = match of {
            None => schema::all_attributes(),
            Some(named) => match named.single() {
                Some(kind) => kind.metas().map(|meta| meta.name).collect(),
                None => COMMON.iter().map(|meta| meta.name).collect(),
            },
        };
        let asked = names(&request.body)?;
        let unknown: Vec<&str> = asked.iter().map(String::as_str).filter(|name| !all.contains(name)).collect();
        if !unknown.is_empty() {
            let of = of.map_or_else(String::new, |named| format!(" for type {}", named.head.full_name()));
            return Err(Refused::NotFound(format!("unknown attributes {unknown:?}{of}")));
        }
        let names = if asked.is_empty() { all.into_iter().map(str::to_owned).collect() } else { asked };
        let types = of.map_or(TYPES.as_slice(), |named| named.types.as_slice());
        let positions = |kind: &'static dyn EntityType| names.iter().map(|name| kind.position(name)).collect();
        Ok(Self {
            types: types.iter().map(|kind| Asked { kind: *kind, positions: positions(*kind) }).collect(),
            single: of.is_some_and(|named| named.single().is_some()),
            names,
            offset: usize::try_from(request.integer("offset")?.unwrap_or(0)).ok(),
            // the reference takes a count of nought, or below, for no limit
            count: request.integer("count")?.and_then(|count| usize::try_from(count).ok()).filter(|count| *count > 0),
        })
    }

    /// Whether it needs these facts.
    pub(crate) fn wants(&self, part: Part) -> bool {
        self.types.iter().any(|asked| asked.kind.head().part == Some(part))
    }

    /// The body of the reply.
    pub(crate) fn answer(&self, facts: &Facts) -> Value {
        let rows = self.types.iter().flat_map(|asked| (0..asked.kind.len(facts)).map(move |row| (asked, row)));
        let (offset, count) = (self.offset.unwrap_or(usize::MAX), self.count.unwrap_or(usize::MAX));
        let results: Vec<Value> = if self.single {
            rows.skip(offset).take(count).map(|(asked, row)| Value::List(self.row(facts, asked, row))).collect()
        } else {
            // as in the reference, entities that have none of the attributes are left out
            rows.map(|(asked, row)| self.row(facts, asked, row))
                .filter(|row| row.iter().any(|value| *value != Value::Null))
                .skip(offset)
                .take(count)
                .map(Value::List)
                .collect()
        };
        map([("attributeNames", list(&self.names)), ("results", Value::List(results))])
    }

    fn row(&self, facts: &Facts, asked: &Asked, row: usize) -> Vec<Value> {
        let value = |position: &Option<usize>| match *position {
            Some(index @ (NAME | IDENTITY)) if !self.single => asked.kind.global(facts, row, index),
            Some(index) => asked.kind.value(facts, row, index),
            None => Value::Null,
        };
        asked.positions.iter().map(value).collect()
    }
}

/// The attribute names of a body; none where it names none, as for all.
fn names(body: &Value) -> Result<Vec<String>, Refused> {
    let asked = match body {
        Value::Map(map) => map.get(&text("attributeNames")).unwrap_or(&Value::Null),
        Value::Null => &Value::Null,
        // `qdmanage` sends an empty list where it has no body
        Value::List(items) if items.is_empty() => &Value::Null,
        _ => return Err(Refused::BadRequest("the body is no map".into())),
    };
    let items: &[Value] = match asked {
        Value::Null => &[],
        Value::List(items) => items,
        Value::Array(items) => &items.0,
        _ => return Err(Refused::BadRequest("'attributeNames' is no list".into())),
    };
    if items.len() > NAMES_MAX {
        return Err(Refused::BadRequest(format!("more than {NAMES_MAX} attribute names")));
    }
    let wrong = || Refused::BadRequest("an attribute name is no string".into());
    items.iter().map(|item| as_text(item).map(str::to_owned).ok_or_else(wrong)).collect()
}
