//! What a connection may hold: as configured, and lower where policy says so.

use std::time::Duration;

use crosstie_amqp::fault::Limit;
use crosstie_model::policy::{Grant, Limits, lowest};
use fe2o3_amqp_types::definitions::Role;

use crate::consequence::{bound, reason};
use crate::link::Link;
use crate::shard::Peer;

/// Of a frame: AMQP 1.0 part 2, 2.8.19.
const FRAME_MIN_BYTES: u32 = 512;

/// A limit that is there, lowered.
fn lowered<T: Ord>(limit: T, to: Option<T>) -> T {
    match to {
        Some(to) => limit.min(to),
        None => limit,
    }
}

/// Limits that were granted beyond what holds.
fn higher(granted: &Limits, holds: &Limits) -> Vec<&'static str> {
    let wide = |limit: Option<u32>| limit.map(u64::from);
    let millis = |time: Option<Duration>| time.map(|time| u64::try_from(time.as_millis()).unwrap_or(u64::MAX));
    let [granted, holds] = [granted, holds].map(|limits| {
        [
            ("sessions", wide(limits.sessions)),
            ("links", wide(limits.links)),
            ("senders", wide(limits.senders)),
            ("receivers", wide(limits.receivers)),
            ("unsettled", wide(limits.unsettled)),
            ("buffered-bytes", limits.buffered_bytes),
            ("max-frame-size", wide(limits.max_frame_size)),
            ("max-message-size", limits.max_message_size),
            ("idle-timeout-ms", millis(limits.idle_timeout)),
            ("link-credit", wide(limits.link_credit)),
        ]
    });
    let is_higher = |granted: Option<u64>, holds: Option<u64>| granted.zip(holds).is_some_and(|(a, b)| a > b);
    let pairs = granted.into_iter().zip(holds).filter(|((_, granted), (_, holds))| is_higher(*granted, *holds));
    pairs.map(|((name, _), _)| name).collect()
}

impl Peer {
    /// Lowers limits to what was granted. What our open says stays once it has been said.
    pub fn limit(&mut self, grant: &Grant) {
        let before = self.limits();
        self.lower(&grant.limits);
        let after = self.limits();
        self.bounds.lower((&before, &after), &grant.bounds);
        let higher = higher(&grant.limits, &after);
        if !higher.is_empty() {
            let (container_id, limits) = (&self.meta.container_id, higher.join(", "));
            tracing::debug!(target: "connection", limits, container.id = container_id, "what was granted is more than holds, which stays");
        }
        for limit in Limit::ALL.into_iter().filter(|_| self.meta.explains) {
            if let Some(by) = self.bounds.by(bound(limit)) {
                self.amqp.explain(limit, reason(by));
            }
        }
    }

    fn lower(&mut self, limits: &Limits) {
        if let Some(setup) = self.amqp.unsaid() {
            let channel_max = limits.sessions.map(|sessions| u16::try_from(sessions.saturating_sub(1)));
            setup.channel_max = lowered(setup.channel_max, channel_max.map(|max| max.unwrap_or(u16::MAX)));
            setup.links_max = lowered(setup.links_max, limits.links);
            setup.buffered_bytes = lowered(setup.buffered_bytes, limits.buffered_bytes);
            setup.max_frame_size = lowered(setup.max_frame_size, limits.max_frame_size).max(FRAME_MIN_BYTES);
            if let Some(timeout) = limits.idle_timeout {
                let is_never = setup.idle_timeout.is_zero();
                setup.idle_timeout = if is_never { timeout } else { setup.idle_timeout.min(timeout) };
            }
        }
        let meta = &mut self.meta;
        meta.unsettled_max = lowered(meta.unsettled_max, limits.unsettled);
        meta.message_max_bytes = lowest(meta.message_max_bytes, limits.max_message_size);
        meta.senders_max = lowest(meta.senders_max, limits.senders);
        meta.receivers_max = lowest(meta.receivers_max, limits.receivers);
        meta.capacity.initial = lowered(meta.capacity.initial, limits.link_credit);
        meta.capacity.max = lowered(meta.capacity.max, limits.link_credit);
    }

    /// The limits in force.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let (setup, meta) = (self.amqp.setup(), &self.meta);
        Limits {
            sessions: Some(u32::from(setup.channel_max).saturating_add(1)),
            links: Some(setup.links_max),
            senders: meta.senders_max,
            receivers: meta.receivers_max,
            unsettled: Some(meta.unsettled_max),
            buffered_bytes: Some(setup.buffered_bytes),
            max_frame_size: Some(setup.max_frame_size),
            max_message_size: meta.message_max_bytes,
            idle_timeout: Some(setup.idle_timeout).filter(|timeout| *timeout > Duration::ZERO),
            link_credit: Some(meta.capacity.max),
        }
    }

    /// Whether one link more of this kind, as the peer sees it, would be too many: of how many.
    pub(crate) fn is_full_of(&self, role: &Role) -> Option<u32> {
        let sends = *role == Role::Sender;
        let max = if sends { self.meta.senders_max } else { self.meta.receivers_max }?;
        let alike = self.links().filter(|(_, link)| match link {
            Link::Asking(asking) => (asking.attach.role == Role::Sender) == sends,
            Link::Incoming(incoming) => sends && incoming.auto_link.is_none(),
            Link::Outgoing(outgoing) => !sends && outgoing.auto_link.is_none(),
            Link::Routed(end) => end.is_of_peer() && end.receives == sends,
            Link::Attaching(_) => false,
        });
        let is_full = u32::try_from(alike.count()).unwrap_or(u32::MAX) >= max;
        is_full.then_some(max)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn granted_limits_beyond_those_that_hold_are_named() {
        let holds = Limits { links: Some(10), unsettled: Some(5), idle_timeout: None, ..Limits::default() };
        let minute = Some(Duration::from_secs(60));
        let granted =
            Limits { links: Some(11), unsettled: Some(5), idle_timeout: minute, senders: Some(1), ..Limits::default() };
        assert_eq!(higher(&granted, &holds), ["links"]);
        assert!(higher(&Limits::default(), &holds).is_empty());
    }
}
