//! The schema as a whole: types by their names, and what GET-TYPES and its like answer.

use serde_amqp::Value;
use serde_json::{Map, json};

use crate::entity::{Base, COMMON, EntityType, Fallback, Head, Meta, PREFIX, Shape};
use crate::refused::Refused;
use crate::table::{MANAGEMENT, TYPES};
use crate::value::{list, map, text};

/// The types that have no entities of their own.
static ABSTRACT: [Head; 4] = [
    base("entity", Base::Root, &[], "What every entity has"),
    base("configurationEntity", Base::Entity, &["READ"], "What can be configured"),
    base("operationalEntity", Base::Entity, &["READ"], "What comes and goes while the router runs"),
    base(
        "org.amqp.management",
        Base::Operational,
        &["QUERY", "GET-TYPES", "GET-ANNOTATIONS", "GET-OPERATIONS", "GET-ATTRIBUTES", "GET-MGMT-NODES", "READ"],
        "A management node",
    ),
];

const fn base(name: &'static str, base: Base, operations: &'static [&'static str], description: &'static str) -> Head {
    Head { name, base, operations, description, singleton: false, local_identity: false, part: None }
}

/// What a name of a type stands for: its short name, and the types with entities that are or extend it.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) head: &'static Head,
    pub(crate) types: Vec<&'static dyn EntityType>,
}

impl Named {
    /// Whether it is the management node, or what that extends.
    pub(crate) fn is_management(&self) -> bool {
        MANAGEMENT.head.is_a(self.head.name)
    }

    /// The one type, unless it is one that others extend.
    pub(crate) fn single(&self) -> Option<&'static dyn EntityType> {
        match self.types.as_slice() {
            [only] if only.head().name == self.head.name => Some(*only),
            _ => None,
        }
    }
}

/// Looks a type up by its short or full name.
///
/// # Errors
///
/// [`Refused::BadRequest`], as the reference answers.
pub(crate) fn named(name: &str) -> Result<Named, Refused> {
    let short = name.strip_prefix(PREFIX).unwrap_or(name);
    let unknown = || Refused::BadRequest(format!("no such entity type '{name}'"));
    let head = heads().map(|(head, _)| head).find(|head| head.name == short).ok_or_else(unknown)?;
    Ok(Named { head, types: TYPES.iter().copied().filter(|kind| kind.head().is_a(short)).collect() })
}

/// Every type, those without entities first, and its attributes.
fn heads() -> impl Iterator<Item = (&'static Head, Vec<&'static Meta>)> {
    let bare = ABSTRACT.iter().map(|head| (head, COMMON.iter().collect()));
    bare.chain(TYPES.iter().map(|kind| (kind.head(), kind.metas().collect())))
}

/// GET-TYPES: every type that is or extends `only`, and what it extends.
pub(crate) fn types(only: Option<&Named>) -> Value {
    let heads = heads().filter(|(head, _)| only.is_none_or(|only| head.is_a(only.head.name)));
    map(heads.map(|(head, _)| {
        let bases: Vec<String> = head.base.names().iter().map(|name| format!("{PREFIX}{name}")).collect();
        (head.full_name(), list(&bases))
    }))
}

/// GET-OPERATIONS: the operations of every type, or of `only`.
pub(crate) fn operations(only: Option<&Named>) -> Value {
    map(exactly(only).map(|(head, _)| (head.full_name(), list(head.operations))))
}

/// GET-ATTRIBUTES: the attributes of every type, or of `only`.
pub(crate) fn attributes(only: Option<&Named>) -> Value {
    map(exactly(only).map(|(head, metas)| {
        let names: Vec<&str> = metas.iter().map(|meta| meta.name).collect();
        (head.full_name(), list(&names))
    }))
}

fn exactly(only: Option<&Named>) -> impl Iterator<Item = (&'static Head, Vec<&'static Meta>)> {
    heads().filter(move |(head, _)| only.is_none_or(|only| head.name == only.head.name))
}

/// The names of all attributes of all types, each once.
pub(crate) fn all_attributes() -> Vec<&'static str> {
    let mut names = Vec::new();
    for (_, metas) in heads() {
        for meta in metas {
            if !names.contains(&meta.name) {
                names.push(meta.name);
            }
        }
    }
    names
}

/// GET-SCHEMA: the schema as a map.
pub(crate) fn whole() -> Value {
    from_json(&json())
}

/// GET-JSON-SCHEMA: the schema as a text.
pub(crate) fn whole_json() -> Value {
    text(json().to_string())
}

/// The form of the reference: what is false, empty or absent is left out, and so is the attribute `type`.
fn json() -> serde_json::Value {
    let types: Map<_, _> =
        heads().map(|(head, metas)| (short(head.name).to_owned(), type_json(head, &metas))).collect();
    json!({ "prefix": PREFIX.trim_end_matches('.'), "entityTypes": types })
}

/// The reference shortens `router.config.address` further in its schema.
fn short(name: &str) -> &str {
    name.strip_prefix("router.config.").unwrap_or(name)
}

fn type_json(head: &Head, metas: &[&Meta]) -> serde_json::Value {
    let attributes: Map<_, _> = metas
        .iter()
        .filter(|meta| meta.name != "type")
        .map(|meta| (meta.name.to_owned(), attribute_json(meta)))
        .collect();
    let mut type_json = Map::new();
    type_json.insert("attributes".into(), attributes.into());
    if !head.operations.is_empty() {
        type_json.insert("operations".into(), head.operations.into());
    }
    type_json.insert("description".into(), head.description.into());
    type_json.insert("fullyQualifiedType".into(), head.full_name().into());
    if head.singleton {
        type_json.insert("singleton".into(), true.into());
    }
    type_json.into()
}

fn attribute_json(meta: &Meta) -> serde_json::Value {
    let mut attribute = Map::new();
    attribute.insert("type".into(), shape_json(meta.shape));
    match meta.fallback {
        Some(Fallback::Text(words)) if !words.is_empty() => attribute.insert("default".into(), words.into()),
        Some(Fallback::Integer(number)) if number != 0 => attribute.insert("default".into(), number.into()),
        Some(Fallback::Flag(true)) => attribute.insert("default".into(), true.into()),
        _ => None,
    };
    for (flag, set) in [("required", meta.required), ("unique", meta.unique), ("graph", meta.graph)] {
        if set {
            attribute.insert(flag.into(), true.into());
        }
    }
    attribute.into()
}

fn shape_json(shape: Shape) -> serde_json::Value {
    match shape {
        Shape::Text => "string".into(),
        Shape::Path => "path".into(),
        Shape::EntityId => "entityId".into(),
        Shape::Integer => "integer".into(),
        Shape::Flag => "boolean".into(),
        Shape::List => "list".into(),
        Shape::Map => "map".into(),
        Shape::Properties => "properties".into(),
        Shape::Word(words) => words.into(),
    }
}

/// Its depth is that of our own schema.
fn from_json(json: &serde_json::Value) -> Value {
    match json {
        serde_json::Value::Null => Value::Null,
        serde_json::Value::Bool(flag) => (*flag).into(),
        serde_json::Value::Number(number) => number.as_i64().map_or(Value::Null, Into::into),
        serde_json::Value::String(words) => text(words),
        serde_json::Value::Array(items) => Value::List(items.iter().map(from_json).collect()),
        serde_json::Value::Object(members) => map(members.iter().map(|(key, value)| (key, from_json(value)))),
    }
}
