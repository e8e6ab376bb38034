//! Answers about connections, sessions and links.

use std::sync::Arc;
use std::time::Duration;

use crosstie_model::policy::{Denial, Grant, Limits, Quota, Verdict};

use crate::answer::refusal::refusal;
use crate::answer::{again_after, list, millis, number, small, text, unknown};
use crate::input::{self, Input};

/// Bytes of a quota's key.
const QUOTA_KEY_MAX_BYTES: usize = 256;

/// Quotas of one grant.
const QUOTAS_MAX: usize = 16;

/// Attributes of one grant.
pub(super) const ATTRIBUTES_MAX: usize = 256;

/// The answer of `on_connection`, `on_session` and `on_link`; a denial does not know its question's sequence.
///
/// # Errors
///
/// Why it is a bad answer.
pub(crate) fn admission(plugin: &Arc<str>, bytes: &[u8]) -> Result<Verdict, String> {
    input::whole(bytes, |from| {
        from.variant("the answer", |case, from| match case {
            "allow" => grant(plugin, from).map(Verdict::Allow),
            "deny" => Ok(Verdict::Deny(Denial { plugin: plugin.clone(), sequence: 0, refusal: refusal(from)? })),
            _ => Err(unknown("answer", case)),
        })
    })
}

fn grant(plugin: &Arc<str>, from: &mut Input<'_>) -> Result<Grant, String> {
    let mut grant = Grant::default();
    from.record("the grant", |key, from| {
        match key {
            "limits" => grant.limits = limits(from)?,
            "quotas" => grant.quotas = list(key, from, |from| quota(plugin, from))?,
            "attributes" => grant.attributes = list(key, from, attribute)?,
            "recheck-after-ms" => grant.recheck_after = Some(again_after(key, from)?),
            "note" => grant.note = Some(text(key, from)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if grant.quotas.len() > QUOTAS_MAX {
        return Err(format!("a grant has at most {QUOTAS_MAX} quotas"));
    }
    if grant.attributes.len() > ATTRIBUTES_MAX {
        return Err(format!("a grant has at most {ATTRIBUTES_MAX} attributes"));
    }
    keep_first(&mut grant.attributes);
    Ok(grant)
}

/// Of equal keys the first holds.
fn keep_first(attributes: &mut Vec<(String, String)>) {
    let mut at = 0_usize;
    while let Some((key, _)) = attributes.get(at) {
        if attributes.iter().take(at).any(|(known, _)| known == key) {
            attributes.remove(at);
        } else {
            at = at.saturating_add(1);
        }
    }
}

fn attribute(from: &mut Input<'_>) -> Result<(String, String), String> {
    let (mut name, mut val) = (None, None);
    from.record("an attribute", |key, from| {
        match key {
            "key" => name = Some(text(key, from)?),
            "val" => val = Some(text(key, from)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((name.ok_or("an attribute without `key`")?, val.ok_or("an attribute without `val`")?))
}

fn quota(plugin: &Arc<str>, from: &mut Input<'_>) -> Result<Quota, String> {
    let (mut name, mut max) = (None, None);
    from.record("a quota", |key, from| {
        match key {
            "key" => name = Some(text(key, from)?),
            "max" => max = Some(small(key, from)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let key = name.ok_or("a quota without `key`")?;
    if !(1..=QUOTA_KEY_MAX_BYTES).contains(&key.len()) {
        return Err(format!("the key of a quota is not 1 to {QUOTA_KEY_MAX_BYTES} bytes long"));
    }
    Ok(Quota { plugin: plugin.clone(), key, max: max.ok_or("a quota without `max`")? })
}

fn limits(from: &mut Input<'_>) -> Result<Limits, String> {
    let mut limits = Limits::default();
    from.record("`limits`", |key, from| {
        match key {
            "sessions" => limits.sessions = Some(small(key, from)?),
            "links" => limits.links = Some(small(key, from)?),
            "senders" => limits.senders = Some(small(key, from)?),
            "receivers" => limits.receivers = Some(small(key, from)?),
            "unsettled" => limits.unsettled = Some(small(key, from)?),
            "max-frame-size" => limits.max_frame_size = Some(small(key, from)?),
            "link-credit" => limits.link_credit = Some(small(key, from)?),
            "buffered-bytes" => limits.buffered_bytes = Some(number(key, from, u64::MAX)?),
            "max-message-size" => limits.max_message_size = Some(number(key, from, u64::MAX)?),
            "idle-timeout-ms" => limits.idle_timeout = Some(millis(key, from)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    // AMQP has no words for none
    for (key, zero) in [
        ("sessions", limits.sessions == Some(0)),
        ("idle-timeout-ms", limits.idle_timeout == Some(Duration::ZERO)),
        ("link-credit", limits.link_credit == Some(0)),
        ("max-message-size", limits.max_message_size == Some(0)),
    ] {
        if zero {
            return Err(format!("`limits.{key}` is at least 1"));
        }
    }
    Ok(limits)
}
