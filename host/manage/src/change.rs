//! Changes that a request asks of the running router.

use crosstie_model::policy::RecordOrder;
use crosstie_model::settings::Direction;

/// What the router is asked to change. Names, types, roles and what excludes what have been checked; values against the
/// world (ports, hosts, what this build serves) have not.
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    /// A listener, to be opened; `name` is always there.
    CreateListener(Attributes),
    /// A connector, to be started; `name` is always there.
    CreateConnector(Attributes),
    /// A rule for addresses, to be put behind the others; `name` may be absent.
    CreateAddress(Attributes),
    /// A link route; `name` may be absent.
    CreateLinkRoute(Attributes),
    /// A link route to the connection that asks, which ends with it.
    CreateConnectionRoute {
        /// No other one of this connection has it.
        name: Option<String>,
        /// The addresses that it is for.
        pattern: String,
        /// Of the links that it is for.
        direction: Direction,
    },
    /// An auto-link, to be attached where it belongs; `name` is always there.
    CreateAutoLink(Attributes),
    /// A TLS profile, to be read from its files; `name` is always there.
    CreateTls(Attributes),
    /// An auth service; `name` is always there.
    CreateAuthService(Attributes),
    /// The listener of that name; its connections stay.
    DeleteListener(String),
    /// The connector of that name, and its connection.
    DeleteConnector(String),
    /// The address rule of that id.
    DeleteAddress(u64),
    /// The link route of that id; its links stay.
    DeleteLinkRoute(u64),
    /// The link route of that id to the connection that asks; its links stay.
    DeleteConnectionRoute(u64),
    /// The auto-link of that id, and its link.
    DeleteAutoLink(u64),
    /// The TLS profile of that name; whoever uses it keeps it.
    DeleteTls(String),
    /// The auth service of that name; listeners that use it keep it.
    DeleteAuthService(String),
    /// The connection of that id: its socket, without a word to the peer.
    DropConnection(u64),
    /// The record of what plugins decide is put on or off.
    Record(RecordOrder),
    /// What a module of the reference logs.
    UpdateLog {
        /// Its name.
        module: &'static str,
        /// Levels, separated by commas, `none`, or `default` for what holds for all modules.
        enable: String,
    },
}

/// The attributes that a request gives, by the names of the schema; what it gives as null is absent.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Attributes {
    pairs: Vec<(&'static str, AttributeValue)>,
}

/// A value that fits the type of its attribute.
#[derive(Debug, Clone, PartialEq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum AttributeValue {
    Null,
    Text(String),
    Integer(i64),
    Flag(bool),
    Float(f64),
    List(Vec<AttributeValue>),
    Map(Vec<(String, AttributeValue)>),
}

impl Attributes {
    /// In the order of the request.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &AttributeValue)> {
        self.pairs.iter().map(|(name, value)| (*name, value))
    }

    /// The value of one.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The value of one that is a text or a word.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.get(name)? {
            AttributeValue::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of one that is a number.
    #[must_use]
    pub fn integer(&self, name: &str) -> Option<i64> {
        match self.get(name)? {
            AttributeValue::Integer(number) => Some(*number),
            _ => None,
        }
    }

    /// The value of one that is a flag.
    #[must_use]
    pub fn flag(&self, name: &str) -> Option<bool> {
        match self.get(name)? {
            AttributeValue::Flag(flag) => Some(*flag),
            _ => None,
        }
    }

    /// Sets one, in place of what it was.
    pub(crate) fn set(&mut self, name: &'static str, value: AttributeValue) {
        self.pairs.retain(|(known, _)| *known != name);
        self.pairs.push((name, value));
    }
}
