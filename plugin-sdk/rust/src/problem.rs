//! Problems of a plugin's configuration, each at its KDL node.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;

/// One thing that is wrong with the configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// The node, as indexes of children from the top of the `config` block; empty: the block itself.
    pub path: Vec<u32>,
    /// What is wrong, lower case without a full stop.
    pub message: String,
    /// What would be right.
    pub hint: Option<String>,
}

impl ConfigError {
    /// The same with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(out, " ({hint})"),
            None => Ok(()),
        }
    }
}

impl core::error::Error for ConfigError {}

/// All that is wrong: an operator shall see every problem at once.
///
/// Collects while a configuration is read; [`or`](Self::or) at the end gives the value or the problems.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use]
pub struct Problems(Vec<ConfigError>);

impl Problems {
    /// Adds a problem.
    pub fn push(&mut self, error: ConfigError) {
        self.0.push(error);
    }

    /// The value of a part that could be read; the problems of one that could not are added.
    pub fn keep<T, E: Into<Self>>(&mut self, part: Result<T, E>) -> Option<T> {
        match part {
            Ok(value) => Some(value),
            Err(errors) => {
                self.0.extend(errors.into().0);
                None
            }
        }
    }

    /// The same for a part that may be absent.
    pub fn optional<T, E: Into<Self>>(&mut self, part: Result<Option<T>, E>) -> Option<T> {
        self.keep(part).flatten()
    }

    /// The values of the parts that could be read; the problems of the others are added.
    pub fn keep_all<T, E: Into<Self>>(&mut self, parts: impl Iterator<Item = Result<T, E>>) -> Vec<T> {
        parts.filter_map(|part| self.keep(part)).collect()
    }

    /// The value where there is no problem.
    ///
    /// # Errors
    ///
    /// The problems, where there is one.
    pub fn or<T>(self, value: T) -> Result<T, Self> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }

    /// What was found, in the order in which it was found.
    #[must_use]
    pub fn errors(&self) -> &[ConfigError] {
        &self.0
    }
}

impl From<ConfigError> for Problems {
    fn from(error: ConfigError) -> Self {
        Self(vec![error])
    }
}
