//! Entity types: their attributes, and how each is read from the facts.

use crosstie_model::facts::{Facts, Part};
use serde_amqp::Value;

use crate::value::text;

/// What the short name of a type gets in front. Source: the reference's schema.
pub(crate) const PREFIX: &str = "org.apache.qpid.dispatch.";

/// The type of an attribute's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    Text,
    Path,
    EntityId,
    Integer,
    Flag,
    List,
    Map,
    /// A map with ASCII keys.
    Properties,
    /// One of these words.
    Word(&'static [&'static str]),
}

/// What an attribute is when nobody says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fallback {
    Text(&'static str),
    Integer(i64),
    Flag(bool),
}

/// What the schema says about an attribute.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Meta {
    pub(crate) name: &'static str,
    /// A name that the reference still takes for it.
    pub(crate) formerly: Option<&'static str>,
    pub(crate) shape: Shape,
    pub(crate) fallback: Option<Fallback>,
    pub(crate) required: bool,
    pub(crate) unique: bool,
    /// CREATE may set it.
    pub(crate) create: bool,
    /// UPDATE may set it.
    pub(crate) update: bool,
    /// A console may draw it over time.
    pub(crate) graph: bool,
}

impl Meta {
    const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            formerly: None,
            shape,
            fallback: None,
            required: false,
            unique: false,
            create: false,
            update: false,
            graph: false,
        }
    }
}

/// The attributes that every entity has, first and in this order.
pub(crate) const COMMON: [Meta; 3] = [
    Meta { unique: true, create: true, ..Meta::new("name", Shape::Text) },
    Meta { unique: true, ..Meta::new("identity", Shape::Text) },
    Meta { required: true, create: true, ..Meta::new("type", Shape::Text) },
];

/// Where `name` stands in [`COMMON`].
pub(crate) const NAME: usize = 0;
/// Where `identity` stands in [`COMMON`].
pub(crate) const IDENTITY: usize = 1;
const TYPE: usize = 2;

/// An attribute of entities with facts `F`.
pub(crate) struct Attribute<F: 'static> {
    meta: Meta,
    get: fn(&F) -> Value,
}

/// An attribute that is read.
pub(crate) const fn attribute<F>(name: &'static str, shape: Shape, get: fn(&F) -> Value) -> Attribute<F> {
    Attribute { meta: Meta::new(name, shape), get }
}

/// A number that a console may draw over time.
pub(crate) const fn counter<F>(name: &'static str, get: fn(&F) -> Value) -> Attribute<F> {
    Attribute { meta: Meta { graph: true, ..Meta::new(name, Shape::Integer) }, get }
}

/// An attribute that CREATE may set.
pub(crate) const fn setting<F>(name: &'static str, shape: Shape, get: fn(&F) -> Value) -> Attribute<F> {
    Attribute { meta: Meta { create: true, ..Meta::new(name, shape) }, get }
}

/// An attribute that UPDATE may set.
pub(crate) const fn changing<F>(name: &'static str, shape: Shape, get: fn(&F) -> Value) -> Attribute<F> {
    Attribute { meta: Meta { update: true, ..Meta::new(name, shape) }, get }
}

/// The same, with a default.
pub(crate) const fn default<F>(fallback: Fallback, of: Attribute<F>) -> Attribute<F> {
    Attribute { meta: Meta { fallback: Some(fallback), ..of.meta }, get: of.get }
}

/// The same, with a former name.
pub(crate) const fn formerly<F>(name: &'static str, of: Attribute<F>) -> Attribute<F> {
    Attribute { meta: Meta { formerly: Some(name), ..of.meta }, get: of.get }
}

/// The same, and an entity must have it.
pub(crate) const fn required<F>(of: Attribute<F>) -> Attribute<F> {
    Attribute { meta: Meta { required: true, ..of.meta }, get: of.get }
}

/// What a type extends, directly or not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Base {
    /// Nothing.
    Root,
    Entity,
    Configuration,
    Operational,
    AmqpManagement,
}

impl Base {
    /// The short names of what is extended, the nearest first.
    pub(crate) const fn names(self) -> &'static [&'static str] {
        match self {
            Self::Root => &[],
            Self::Entity => &["entity"],
            Self::Configuration => &["configurationEntity", "entity"],
            Self::Operational => &["operationalEntity", "entity"],
            Self::AmqpManagement => &["org.amqp.management", "operationalEntity", "entity"],
        }
    }
}

/// What the schema says about a type.
#[derive(Debug)]
pub(crate) struct Head {
    /// Without [`PREFIX`].
    pub(crate) name: &'static str,
    pub(crate) base: Base,
    /// Those that are served, what comes from the bases included.
    pub(crate) operations: &'static [&'static str],
    pub(crate) description: &'static str,
    /// There is one of it.
    pub(crate) singleton: bool,
    /// Its identities are unique among its own kind only; among all, the type stands before them.
    pub(crate) local_identity: bool,
    /// The facts that it is read from; absent: they are always there.
    pub(crate) part: Option<Part>,
}

impl Head {
    /// The whole name.
    pub(crate) fn full_name(&self) -> String {
        format!("{PREFIX}{}", self.name)
    }

    /// Whether it is the type of that short name, or extends it.
    pub(crate) fn is_a(&self, name: &str) -> bool {
        self.name == name || self.base.names().contains(&name)
    }
}

/// A type, its attributes, and where its rows are.
pub(crate) struct Table<F: 'static> {
    pub(crate) head: Head,
    pub(crate) name: fn(&F) -> Value,
    pub(crate) identity: fn(&F) -> Value,
    /// Beside those of [`COMMON`].
    pub(crate) attributes: &'static [Attribute<F>],
    pub(crate) rows: fn(&Facts) -> &[F],
}

/// A [`Table`] of any facts.
pub(crate) trait EntityType: Sync {
    /// What the schema says about it.
    fn head(&self) -> &Head;
    /// What the schema says about an attribute.
    fn meta(&self, index: usize) -> Option<&Meta>;
    /// How many entities there are.
    fn len(&self, facts: &Facts) -> usize;
    /// An attribute of an entity; null where there is none.
    fn value(&self, facts: &Facts, row: usize, index: usize) -> Value;
}

impl<F> EntityType for Table<F> {
    fn head(&self) -> &Head {
        &self.head
    }

    fn meta(&self, index: usize) -> Option<&Meta> {
        COMMON.get(index).or_else(|| Some(&self.attributes.get(index.checked_sub(COMMON.len())?)?.meta))
    }

    fn len(&self, facts: &Facts) -> usize {
        (self.rows)(facts).len()
    }

    fn value(&self, facts: &Facts, row: usize, index: usize) -> Value {
        let Some(entity) = (self.rows)(facts).get(row) else { return Value::Null };
        match index {
            NAME => (self.name)(entity),
            IDENTITY => (self.identity)(entity),
            TYPE => text(self.head.full_name()),
            _ => {
                let own = index.checked_sub(COMMON.len()).and_then(|index| self.attributes.get(index));
                own.map_or(Value::Null, |attribute| (attribute.get)(entity))
            }
        }
    }
}

impl dyn EntityType {
    /// Every attribute, in order.
    pub(crate) fn metas(&self) -> impl Iterator<Item = &Meta> {
        (0..).map_while(|index| self.meta(index))
    }

    /// Where an attribute stands.
    pub(crate) fn position(&self, name: &str) -> Option<usize> {
        self.metas().position(|meta| meta.name == name)
    }

    /// A whole entity, as READ gives it.
    pub(crate) fn entity(&self, facts: &Facts, row: usize) -> Value {
        let pairs = self.metas().enumerate().map(|(index, meta)| (meta.name, self.value(facts, row, index)));
        crate::value::map(pairs)
    }

    /// The name or identity ([`NAME`], [`IDENTITY`]) of an entity as it is among all types.
    pub(crate) fn global(&self, facts: &Facts, row: usize, index: usize) -> Value {
        let value = self.value(facts, row, index);
        match value {
            Value::String(local) if self.head().local_identity => text(format!("{}/{local}", self.head().name)),
            value => value,
        }
    }
}
