//! What follows of a decision, in words for people: `sessions=2 attribute tier=gold`.

use crosstie_model::policy::{Grant, Limits, Refusal, Ruling};

/// What a grant limits, counts and tells; nothing where it only allows.
pub(crate) fn of_grant(grant: &Grant) -> Option<String> {
    let mut words = Words::default();
    let Limits { sessions, links, senders, receivers, unsettled, .. } = grant.limits;
    let Limits { buffered_bytes, max_frame_size, max_message_size, idle_timeout, link_credit, .. } = grant.limits;
    let wide = |limit: Option<u32>| limit.map(u64::from);
    for (name, limit) in [
        ("sessions", wide(sessions)),
        ("links", wide(links)),
        ("senders", wide(senders)),
        ("receivers", wide(receivers)),
        ("unsettled", wide(unsettled)),
        ("buffered-bytes", buffered_bytes),
        ("max-frame-size", wide(max_frame_size)),
        ("max-message-size", max_message_size),
        ("link-credit", wide(link_credit)),
    ] {
        words.add(limit.map(|limit| format!("{name}={limit}")));
    }
    words.add(idle_timeout.map(|time| format!("idle-timeout={time:?}")));
    grant.quotas.iter().for_each(|quota| words.add(Some(format!("quota {:?} max={}", quota.key, quota.max))));
    grant.attributes.iter().for_each(|(key, value)| words.add(Some(format!("attribute {key:?}={value:?}"))));
    words.add(grant.recheck_after.map(|after| format!("asked again after {after:?}")));
    words.into()
}

/// What the peer is told.
pub(crate) fn of_refusal(refusal: &Refusal) -> String {
    format!("{}: {}", refusal.condition, refusal.description)
}

/// What is other than configured.
pub(crate) fn of_ruling(ruling: &Ruling) -> Option<String> {
    let mut words = Words::default();
    words.add(ruling.address.as_ref().map(|address| format!("address={address:?}")));
    words.add(ruling.treatment.map(|treatment| format!("treatment={}", treatment.as_str())));
    words.add(ruling.link_route.as_ref().map(|name| format!("link-route={name:?}")));
    words.add(ruling.phase.map(|phase| format!("phase={phase}")));
    words.add(ruling.priority.map(|priority| format!("priority={priority}")));
    words.into()
}

#[derive(Default)]
struct Words(Vec<String>);

impl Words {
    fn add(&mut self, words: Option<String>) {
        self.0.extend(words);
    }
}

impl From<Words> for Option<String> {
    fn from(words: Words) -> Self {
        (!words.0.is_empty()).then(|| words.0.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crosstie_model::policy::Quota;
    use crosstie_model::settings::Distribution;

    use super::*;

    #[test]
    fn what_a_decision_brings_is_said_in_words() {
        assert_eq!(of_grant(&Grant::default()), None);
        let grant = Grant {
            limits: Limits { sessions: Some(2), idle_timeout: Some(Duration::from_secs(5)), ..Limits::default() },
            quotas: vec![Quota { plugin: "p".into(), key: "user bob".to_owned(), max: 3 }],
            attributes: vec![("tier".to_owned(), "gold".to_owned())],
            recheck_after: Some(Duration::from_secs(60)),
            note: Some("rule 2".to_owned()),
            ..Grant::default()
        };
        let words =
            "sessions=2 idle-timeout=5s quota \"user bob\" max=3 attribute \"tier\"=\"gold\" asked again after 60s";
        assert_eq!(of_grant(&grant).as_deref(), Some(words));
        let ruling = Ruling {
            address: Some("new".to_owned()),
            treatment: Some(Distribution::Multicast),
            link_route: Some("there".to_owned()),
            phase: Some(1),
            priority: Some(7),
            ..Ruling::default()
        };
        let words = "address=\"new\" treatment=multicast link-route=\"there\" phase=1 priority=7";
        assert_eq!(of_ruling(&ruling).as_deref(), Some(words));
        assert_eq!(of_ruling(&Ruling::default()), None);
    }
}
