//! Reader: the attributes of one entity, with a problem for each that is wrong.

use std::cell::RefCell;

use crate::block::not_served;
use crate::loading::{Fault, Loading};
use crate::reference::draft::Draft;
use crate::reference::entity::{Attribute, Entity, Given};
use crate::source::Place;
use crate::suggest;
use crate::tree::Value;

/// Attributes that had an older name, which the reference takes with a warning: (name, older name).
const OLDER_NAMES: [(&str, &str); 24] = [
    ("realm", "saslInitHostname"),
    ("sslProfile", "authSslProfile"),
    ("helloIntervalSeconds", "helloInterval"),
    ("helloMaxAgeSeconds", "helloMaxAge"),
    ("raIntervalSeconds", "raInterval"),
    ("raIntervalFluxSeconds", "raIntervalFlux"),
    ("remoteLsMaxAgeSeconds", "remoteLsMaxAge"),
    ("debugDumpFile", "debugDump"),
    ("saslConfigDir", "saslConfigPath"),
    ("socketAddressFamily", "protocolFamily"),
    ("trustedCertsFile", "trustedCerts"),
    ("failoverUrls", "failoverList"),
    ("httpRootDir", "httpRoot"),
    ("messageLoggingComponents", "logMessage"),
    ("verifyHostname", "verifyHostName"),
    ("caCertFile", "certDb"),
    ("privateKeyFile", "keyFile"),
    ("uidNameMappingFile", "displayNameFile"),
    ("includeTimestamp", "timestamp"),
    ("includeSource", "source"),
    ("outputFile", "output"),
    ("address", "addr"),
    ("direction", "dir"),
    ("externalAddress", "externalAddr"),
];

/// A value and where it stands; where it is the reference's default, that of the entity.
#[derive(Debug, Clone, Copy)]
pub(super) struct Placed<T> {
    pub(super) value: T,
    pub(super) key_at: Place,
    pub(super) at: Place,
}

impl<T> Placed<T> {
    /// Another value at the same place.
    pub(super) fn map<U>(self, change: impl FnOnce(T) -> U) -> Placed<U> {
        Placed { value: change(self.value), key_at: self.key_at, at: self.at }
    }
}

/// Attributes of one entity. Reading one makes its name known; [`Reader::finish`] reports all others.
pub(super) struct Reader<'t> {
    pub(super) loading: &'t Loading<'t>,
    pub(super) entity: &'t Entity,
    known: RefCell<Vec<&'static str>>,
}

impl<'t> Reader<'t> {
    pub(super) fn new(loading: &'t Loading<'t>, entity: &'t Entity) -> Self {
        // Every entity may have these two; what they are is the router's.
        Self { loading, entity, known: RefCell::new(vec!["identity", "type"]) }
    }

    /// The attribute of a name, or of the older name that it had.
    fn one(&self, name: &'static str) -> Option<&'t Attribute> {
        let found = self.last(name);
        let older = OLDER_NAMES.iter().find(|(newer, _)| *newer == name).map(|(_, older)| *older);
        let Some((older, attribute)) = older.and_then(|older| Some((older, self.last(older)?))) else {
            return found;
        };
        let fault = Fault::at(attribute.at, format!("`{older}` is deprecated"));
        self.loading.warn(fault.label(format!("write `{name}`")));
        if let Some(both) = found {
            let fault = Fault::at(attribute.at, format!("`{older}` beside `{name}`"));
            self.loading.report(fault.also(both.at, format!("`{name}` stands here")).hint("keep the newer one"));
        }
        Some(attribute)
    }

    /// Of several attributes of one name the last holds, as in the reference.
    fn last(&self, name: &'static str) -> Option<&'t Attribute> {
        self.known.borrow_mut().push(name);
        let mut found = self.entity.attributes.iter().filter(|attribute| attribute.name == name);
        let mut last = found.next()?;
        for again in found {
            let fault = Fault::at(again.at, format!("`{name}` stands twice in {}", self.entity.kind));
            self.loading.warn(fault.label("this one holds").also(last.at, "it stands first here").hint("keep one"));
            last = again;
        }
        (last.value != Given::Null && last.value != Given::Broken).then_some(last)
    }

    /// A text that is not empty; numbers are texts too.
    pub(super) fn text(&self, name: &'static str) -> Option<Placed<String>> {
        self.text_or_empty(name).filter(|text| !text.value.is_empty())
    }

    /// The same where an empty text is no absent one.
    pub(super) fn text_or_empty(&self, name: &'static str) -> Option<Placed<String>> {
        let attribute = self.one(name)?;
        let text = match &attribute.value {
            Given::Text(text) => text.trim().to_owned(),
            Given::Integer(number) => number.to_string(),
            Given::Float(number) => number.to_string(),
            Given::Bool(true) => "true".to_owned(),
            Given::Bool(false) => "false".to_owned(),
            _ => return self.wrong_type(attribute, "a text"),
        };
        Some(Placed { value: text, key_at: attribute.at, at: attribute.value_at })
    }

    /// A whole number, in quotes or not.
    pub(super) fn integer(&self, name: &'static str) -> Option<Placed<i128>> {
        let attribute = self.one(name)?;
        let number = match &attribute.value {
            Given::Integer(number) => Some(*number),
            Given::Text(text) => text.trim().parse().ok(),
            _ => None,
        };
        match number {
            Some(value) => Some(Placed { value, key_at: attribute.at, at: attribute.value_at }),
            None => self.wrong_type(attribute, "a whole number"),
        }
    }

    /// Yes or no; absent: no.
    pub(super) fn flag(&self, name: &'static str) -> Option<Placed<bool>> {
        let attribute = self.one(name)?;
        let on = match &attribute.value {
            Given::Bool(on) => Some(*on),
            Given::Integer(number) => Some(*number != 0),
            Given::Text(text) => match text.trim().to_ascii_lowercase().as_str() {
                "yes" | "true" | "on" => Some(true),
                "no" | "false" | "off" => Some(false),
                _ => None,
            },
            _ => None,
        };
        match on {
            Some(value) => Some(Placed { value, key_at: attribute.at, at: attribute.value_at }),
            None => self.wrong_type(attribute, "`yes` or `no`"),
        }
    }

    /// A map.
    pub(super) fn map(&self, name: &'static str) -> Option<(&'t [Attribute], &'t Attribute)> {
        let attribute = self.one(name)?;
        match &attribute.value {
            Given::Map(map) => Some((map, attribute)),
            _ => self.wrong_type(attribute, "a map"),
        }
    }

    /// Hands a text on. One that was given and cannot be read stands in its place, so that nothing seems to be missing.
    pub(super) fn hand_on(&self, (name, ours): (&'static str, &str), draft: &mut Draft) {
        match self.text(name) {
            Some(text) => draft.text(ours, text),
            None => self.stand_in((name, ours), draft),
        }
    }

    /// What stands in the place of a text that cannot be read.
    pub(super) fn stand_in(&self, (name, ours): (&'static str, &str), draft: &mut Draft) {
        if let Some(attribute) = self.unreadable(name) {
            draft.set(ours, Placed { value: Value::Broken, key_at: attribute.at, at: attribute.value_at });
        }
    }

    /// An attribute that is reported, since it is no text.
    fn unreadable(&self, name: &'static str) -> Option<&'t Attribute> {
        let older = OLDER_NAMES.iter().find(|(newer, _)| *newer == name).map(|(_, older)| *older);
        let is_it = |attribute: &&Attribute| attribute.name == name || Some(attribute.name.as_str()) == older;
        let last = self.entity.attributes.iter().rfind(is_it)?;
        matches!(last.value, Given::Broken | Given::Map(_) | Given::List(_)).then_some(last)
    }

    fn wrong_type<T>(&self, attribute: &Attribute, wanted: &str) -> Option<T> {
        let message = format!("{wanted} is expected");
        let label = format!("this is the value of `{}`", attribute.name);
        self.loading.report(Fault::at(attribute.value_at, message).label(label));
        None
    }

    /// Reports that an attribute must be there.
    pub(super) fn missing(&self, name: &'static str) {
        if self.unreadable(name).is_some() {
            return;
        }
        let fault = Fault::at(self.entity.at, format!("{} needs `{name}`", self.entity.kind));
        self.loading.report(fault.label("it is missing here"));
    }

    /// What the reference takes where an attribute is absent, placed at the entity.
    pub(super) fn default<T>(&self, value: T) -> Placed<T> {
        Placed { value, key_at: self.entity.at, at: self.entity.at }
    }

    /// Attributes that this build does not serve.
    pub(super) fn refuse(&self, names: &[&'static str]) {
        for name in names {
            if let Some(attribute) = self.one(name) {
                self.loading.report(not_served(attribute.at, name));
            }
        }
    }

    /// A flag that this build does not serve when it is on.
    pub(super) fn refuse_yes(&self, names: &[&'static str]) {
        for name in names {
            if let Some(flag) = self.flag(name)
                && flag.value
            {
                self.loading.report(not_served(flag.key_at, name));
            }
        }
    }

    /// Attributes that change nothing here.
    pub(super) fn without_effect(&self, names: &[&'static str], why: &str) {
        for name in names {
            if let Some(attribute) = self.one(name) {
                self.warn(attribute.at, format!("`{name}` has no effect: {why}"));
            }
        }
    }

    pub(super) fn warn(&self, at: Place, message: impl Into<String>) {
        self.loading.warn(Fault::at(at, message));
    }

    /// Reports every attribute that was not read.
    pub(super) fn finish(self) {
        let known = self.known.borrow();
        for attribute in &self.entity.attributes {
            let name = attribute.name.as_str();
            if known.contains(&name) {
                continue;
            }
            let fault = Fault::at(attribute.at, format!("unknown attribute of {}", self.entity.kind));
            self.loading.report(match suggest::nearest(name, known.iter().copied()) {
                Some(near) => fault.label(format!("did you mean `{near}`?")),
                None => fault.label("not known here"),
            });
        }
    }
}
