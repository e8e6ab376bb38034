//! Entities: the reference's sections, with the attributes that stand in them.

use crate::source::Place;

/// One section of a file, or one request for a new entity.
#[derive(Debug, Clone)]
pub(super) struct Entity {
    /// The short name of its type, in camel case.
    pub(super) kind: String,
    pub(super) at: Place,
    /// Where its text ends, as far as it is known.
    pub(super) end: usize,
    /// In the order of the file.
    pub(super) attributes: Vec<Attribute>,
}

/// One attribute of an entity, or one entry of a map.
#[derive(Debug, Clone)]
pub(super) struct Attribute {
    /// Of an entity in camel case, of a map as written.
    pub(super) name: String,
    /// Its name.
    pub(super) at: Place,
    pub(super) value: Given,
    pub(super) value_at: Place,
}

/// A value as it was written.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Given {
    Text(String),
    Integer(i128),
    Float(f64),
    Bool(bool),
    Null,
    Map(Vec<Attribute>),
    /// Its entries are named as those of a list in KDL.
    List(Vec<Attribute>),
    /// Reported; says nothing.
    Broken,
}

impl PartialEq for Attribute {
    fn eq(&self, other: &Self) -> bool {
        self.name == other.name && self.value == other.value
    }
}

impl Entity {
    /// The name of a type may be long or short, and of its parts any may stand behind `-` or `_`.
    pub(super) fn new(kind: &str, at: Place) -> Self {
        let short = kind.strip_prefix("org.apache.qpid.dispatch.").unwrap_or(kind);
        let short = short.strip_prefix("router.config.").unwrap_or(short);
        Self { kind: camel_case(short), at, end: at.start + at.len, attributes: Vec::new() }
    }

    /// What an attribute says; of several of that name the last.
    pub(super) fn given(&self, name: &str) -> Option<&Given> {
        self.attributes.iter().rfind(|attribute| attribute.name == name).map(|attribute| &attribute.value)
    }
}

/// `max-frame-size` as `maxFrameSize`.
pub(super) fn camel_case(name: &str) -> String {
    let mut words = name.split([' ', '_', '-', '.']);
    let mut joined = words.next().unwrap_or("").to_owned();
    for word in words {
        let mut letters = word.chars();
        joined.extend(letters.next().into_iter().flat_map(char::to_uppercase));
        joined.extend(letters.flat_map(char::to_lowercase));
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_any_form_become_camel_case() {
        assert_eq!(camel_case("max-frame-size"), "maxFrameSize");
        assert_eq!(camel_case("ssl_profile"), "sslProfile");
        assert_eq!(camel_case("timestampsInUTC"), "timestampsInUTC");
        assert_eq!(camel_case(""), "");
    }
}
