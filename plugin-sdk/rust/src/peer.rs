//! The peer that a question is about, and what comes with every question.

pub use crate::records::peer::*;

impl Peer<'_> {
    /// The value of an attribute that was granted at admission.
    #[must_use]
    pub fn attribute(&self, key: &str) -> Option<&str> {
        value(&self.attributes, key)
    }
}

/// The value of the first of a key.
pub(crate) fn value<'a>(of: &[Attribute<'a>], key: &str) -> Option<&'a str> {
    of.iter().find(|attribute| attribute.key == key).map(|found| found.val)
}
