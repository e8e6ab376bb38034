//! Bounds: limits beyond which a peer is refused something, and the answers of plugins that have set them.

use std::sync::Arc;

use crate::policy::Limits;
use crate::trail::Step;

/// A limit that refuses. Credit and windows, which a peer is told and waits for, do not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the words say it")]
pub enum Bound {
    Sessions,
    Links,
    Senders,
    Receivers,
    MaxFrameSize,
    MaxMessageSize,
    IdleTimeout,
}

impl Bound {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::Sessions,
        Self::Links,
        Self::Senders,
        Self::Receivers,
        Self::MaxFrameSize,
        Self::MaxMessageSize,
        Self::IdleTimeout,
    ];

    /// As a number, to be compared; absent: no limit.
    fn of(self, limits: &Limits) -> Option<u64> {
        match self {
            Self::Sessions => limits.sessions.map(u64::from),
            Self::Links => limits.links.map(u64::from),
            Self::Senders => limits.senders.map(u64::from),
            Self::Receivers => limits.receivers.map(u64::from),
            Self::MaxFrameSize => limits.max_frame_size.map(u64::from),
            Self::MaxMessageSize => limits.max_message_size,
            Self::IdleTimeout => limits.idle_timeout.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX)),
        }
    }
}

/// Whose answers set the limits that are in force, each at most once; none: the configuration's own hold. Most have nothing, and cost nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Bounds(Vec<(Bound, Arc<Step>)>);

impl Bounds {
    /// All that these limits have, by one answer.
    #[must_use]
    pub fn of(limits: &Limits, by: &Step) -> Self {
        let set = Bound::ALL.into_iter().filter(|bound| bound.of(limits).is_some());
        let mut shared = None;
        Self(set.map(|bound| (bound, shared.get_or_insert_with(|| Arc::new(by.clone())).clone())).collect())
    }

    /// Whose answer set it.
    #[must_use]
    pub fn by(&self, bound: Bound) -> Option<&Arc<Step>> {
        self.0.iter().find(|(known, _)| *known == bound).map(|(_, by)| by)
    }

    /// Takes those of `by` whose limits have become lower.
    pub fn lower(&mut self, (before, after): (&Limits, &Limits), by: &Self) {
        for (bound, step) in &by.0 {
            let is_lower = match (bound.of(before), bound.of(after)) {
                (Some(before), Some(after)) => after < before,
                (before, after) => before.is_none() && after.is_some(),
            };
            if is_lower {
                self.0.retain(|(known, _)| known != bound);
                self.0.push((*bound, step.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::policy::{Grant, Hook};
    use crate::trail::Said;

    fn grant(plugin: &str, limits: Limits) -> Grant {
        let step = Step {
            hook: Hook::Connection,
            plugin: plugin.into(),
            sequence: 1,
            at_ms: 2,
            said: Said::Allow,
            note: None,
            effect: None,
        };
        Grant { limits, bounds: Bounds::of(&limits, &step), ..Grant::default() }
    }

    #[test]
    fn a_merged_limit_is_of_the_plugin_whose_is_lowest_and_of_the_first_of_equal_ones() {
        let mut all = grant("a", Limits { links: Some(5), senders: Some(3), ..Limits::default() });
        let idle_timeout = Some(Duration::from_secs(1));
        all.merge(grant("b", Limits { links: Some(4), senders: Some(3), idle_timeout, ..Limits::default() }));
        all.merge(grant("c", Limits { links: Some(9), ..Limits::default() }));
        let whose = |bound| all.bounds.by(bound).map(|step| step.plugin.to_string());
        assert_eq!(whose(Bound::Links).as_deref(), Some("b"));
        assert_eq!(whose(Bound::Senders).as_deref(), Some("a"));
        assert_eq!(whose(Bound::IdleTimeout).as_deref(), Some("b"));
        assert_eq!((whose(Bound::Sessions), all.limits.links), (None, Some(4)));
    }
}
