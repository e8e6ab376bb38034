//! The nouns that two crates need: validated settings, policy questions and decisions.

pub mod policy;
pub mod settings;
