//! Entities that management creates: its attributes to settings, by the readers of the configuration.

use crosstie_config::reference::{self, AttributeValue};
use crosstie_manage::{AttributeValue as Asked, Attributes};
use crosstie_model::settings::{AddressRule, Connector, LinkRoute, Listener, Settings, Tls, User};
use crosstie_net::Entities;

/// Those of a router with these users.
#[derive(Debug)]
pub(crate) struct FromAttributes {
    users: Vec<User>,
    tls: Vec<Tls>,
}

impl FromAttributes {
    pub(crate) fn new(settings: &Settings) -> Self {
        Self { users: settings.users.clone(), tls: settings.tls.clone() }
    }
}

impl Entities for FromAttributes {
    fn listener(&self, attributes: &Attributes) -> Result<Listener, String> {
        reference::listener(&convert(attributes), (&self.users, &self.tls))
    }

    fn connector(&self, attributes: &Attributes) -> Result<Connector, String> {
        reference::connector(&convert(attributes), &self.tls)
    }

    fn address(&self, attributes: &Attributes) -> Result<AddressRule, String> {
        reference::address(&convert(attributes))
    }

    fn link_route(&self, attributes: &Attributes) -> Result<LinkRoute, String> {
        reference::link_route(&convert(attributes))
    }
}

fn convert(attributes: &Attributes) -> Vec<(String, AttributeValue)> {
    attributes.iter().map(|(name, asked)| (name.to_owned(), value(asked))).collect()
}

fn value(asked: &Asked) -> AttributeValue {
    match asked {
        Asked::Null => AttributeValue::Null,
        Asked::Text(text) => AttributeValue::Text(text.clone()),
        Asked::Integer(number) => AttributeValue::Integer(*number),
        Asked::Flag(flag) => AttributeValue::Bool(*flag),
        Asked::Float(number) => AttributeValue::Float(*number),
        Asked::List(items) => AttributeValue::List(items.iter().map(value).collect()),
        Asked::Map(pairs) => {
            AttributeValue::Map(pairs.iter().map(|(key, asked)| (key.clone(), value(asked))).collect())
        }
    }
}
