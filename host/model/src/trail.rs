//! The trail of a decision: what each plugin said that was asked. It is kept with what was let in, and with what was refused lately, so that
//! somebody can be told why.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use crate::policy::Hook;

/// Refusals that are remembered.
const REFUSALS_MAX: usize = 500;

/// Bytes of each text of a step and of a refusal: what a peer or a plugin says is cut.
const TEXT_MAX_BYTES: usize = 1024;

/// All that was said, in the order in which plugins were asked. Most have nothing, and cost nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Trail(Option<Arc<Vec<Step>>>);

impl Trail {
    /// Adds what was said last.
    pub fn push(&mut self, step: Step) {
        Arc::make_mut(self.0.get_or_insert_default()).push(step);
    }

    /// Adds what was said to a further question.
    pub fn extend(&mut self, other: &Self) {
        other.steps().iter().cloned().for_each(|step| self.push(step));
    }

    /// Says of the answer to a question what became of it.
    pub fn amend(&mut self, sequence: u64, what: &str) {
        let Some(steps) = &mut self.0 else {
            return;
        };
        if let Some(step) = Arc::make_mut(steps).iter_mut().find(|step| step.sequence == sequence) {
            let effect = step.effect.get_or_insert_default();
            effect.push_str(if effect.is_empty() { "" } else { " " });
            effect.push_str(what);
        }
    }

    /// All steps.
    #[must_use]
    pub fn steps(&self) -> &[Step] {
        self.0.as_deref().map_or(&[], Vec::as_slice)
    }
}

/// What a plugin said to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What was asked.
    pub hook: Hook,
    /// Who was asked.
    pub plugin: Arc<str>,
    /// Of the question: it stands in the log and in the record too.
    pub sequence: u64,
    /// Unix time in ms.
    pub at_ms: u64,
    /// In one word.
    pub said: Said,
    /// The plugin's own, for people.
    pub note: Option<String>,
    /// What follows of it; absent: nothing.
    pub effect: Option<String>,
}

/// What a plugin said, in one word.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Said {
    Allow,
    Deny,
    Apply,
    NoOpinion,
    Failed,
}

impl Said {
    /// For people and for records.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
            Self::Apply => "apply",
            Self::NoOpinion => "no opinion",
            Self::Failed => "failed",
        }
    }
}

/// What was refused, and why.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Refused {
    /// `connection`, `session`, `link` or `address`.
    pub what: &'static str,
    /// Of the connection.
    pub connection_id: u64,
    /// The peer's end, `host:port`.
    pub host: String,
    /// Of the peer's Open.
    pub container: String,
    /// The authenticated identity.
    pub user: Option<String>,
    /// Of the link, where it is about one.
    pub link: Option<String>,
    /// That was asked for, where it is about one.
    pub address: Option<String>,
    /// Unix time in ms.
    pub at_ms: u64,
    /// The AMQP error condition that the peer was told.
    pub condition: String,
    /// For people, as the peer was told.
    pub description: String,
    /// What plugins said; empty: the router itself refused.
    pub trail: Trail,
}

/// The latest refusals, for all workers.
#[derive(Debug, Default)]
pub struct Refusals(Mutex<VecDeque<Refused>>);

impl Refusals {
    /// Remembers one; the oldest is forgotten for it.
    pub fn push(&self, mut refused: Refused) {
        let texts = [&mut refused.container, &mut refused.condition, &mut refused.description];
        let options = [&mut refused.user, &mut refused.link, &mut refused.address];
        texts.into_iter().chain(options.into_iter().flatten()).for_each(cut);
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REFUSALS_MAX {
            all.pop_front();
        }
        all.push_back(refused);
    }

    /// The oldest first.
    #[must_use]
    pub fn all(&self) -> Vec<Refused> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }
}

/// Cuts a text that somebody else wrote to what is kept of it.
pub fn cut(text: &mut String) {
    if text.len() > TEXT_MAX_BYTES {
        let end = (0..=TEXT_MAX_BYTES).rev().find(|end| text.is_char_boundary(*end)).unwrap_or(0);
        text.truncate(end);
        text.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_refused_lately_is_known_and_has_a_limit() {
        let refusals = Refusals::default();
        for id in 0..600 {
            let description = "\u{e9}".repeat(TEXT_MAX_BYTES);
            refusals.push(Refused { connection_id: id, description, ..Refused::default() });
        }
        let all = refusals.all();
        assert_eq!((all.len(), all[0].connection_id, all[499].connection_id), (REFUSALS_MAX, 100, 599));
        assert!(all[0].description.len() <= TEXT_MAX_BYTES + '…'.len_utf8() && all[0].description.ends_with('…'));
    }

    #[test]
    fn a_trail_that_is_shared_grows_for_whoever_adds_to_it() {
        let step = |plugin: &str| Step {
            hook: Hook::Link,
            plugin: plugin.into(),
            sequence: 1,
            at_ms: 2,
            said: Said::NoOpinion,
            note: None,
            effect: None,
        };
        let mut one = Trail::default();
        one.push(step("a"));
        let mut two = one.clone();
        two.push(step("b"));
        one.extend(&two);
        let names = |trail: &Trail| trail.steps().iter().map(|step| step.plugin.to_string()).collect::<String>();
        assert_eq!((names(&one).as_str(), names(&two).as_str()), ("aab", "ab"));
    }
}
