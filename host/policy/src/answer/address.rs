//! Answers about addresses.

use std::sync::Arc;
use std::time::Duration;

use crosstie_model::address::{ADDRESS_MAX_BYTES, is_reserved, normalise};
use crosstie_model::policy::{AddressDecision, AddressVerdict, Denial, Occasion, Ruling};
use crosstie_model::settings::Distribution;

use crate::answer::refusal::refusal;
use crate::answer::{TEXT_MAX_BYTES, millis, number, text, unknown};
use crate::input::{self, Input, Item};

/// The answer of `on_address`; a denial does not know its question's sequence.
///
/// # Errors
///
/// Why it is a bad answer.
pub(crate) fn address(plugin: &Arc<str>, occasion: Occasion, bytes: &[u8]) -> Result<AddressDecision, String> {
    input::whole(bytes, |from| {
        from.variant("the answer", |case, from| match case {
            "apply" => ruling(plugin, occasion, from),
            "deny" => denial(plugin, from),
            _ => Err(unknown("answer", case)),
        })
    })
}

fn ruling(plugin: &Arc<str>, occasion: Occasion, from: &mut Input<'_>) -> Result<AddressDecision, String> {
    let (mut ruling, mut ttl) = (Ruling::default(), Duration::ZERO);
    from.record("the ruling", |key, from| {
        match key {
            "address" => ruling.address = Some(text(key, from)?),
            "treatment" => (ruling.treatment, ruling.link_route) = treatment(from)?,
            "phase" => ruling.phase = u8::try_from(number(key, from, 9)?).ok(),
            "priority" => ruling.priority = u8::try_from(number(key, from, 9)?).ok(),
            "note" => ruling.note = Some(text(key, from)?),
            "ttl-ms" => ttl = millis(key, from)?,
            "shared-by" => check_scope(&text(key, from)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    if let Some(text) = &ruling.address {
        check_address(text)?;
    }
    if ruling.link_route.is_some() && occasion == Occasion::Anonymous {
        return Err("treatment `link-route` is for links, not for messages of a link without an address".to_owned());
    }
    Ok(AddressDecision { verdict: AddressVerdict::Apply { plugin: plugin.clone(), ruling }, ttl: Some(ttl) })
}

fn denial(plugin: &Arc<str>, from: &mut Input<'_>) -> Result<AddressDecision, String> {
    let (mut why, mut ttl) = (None, Duration::ZERO);
    from.record("the denial", |key, from| {
        match key {
            "refusal" => why = Some(refusal(from)?),
            "ttl-ms" => ttl = millis(key, from)?,
            "shared-by" => check_scope(&text(key, from)?)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let denial = Denial { plugin: plugin.clone(), sequence: 0, refusal: why.ok_or("no `refusal`")? };
    Ok(AddressDecision { verdict: AddressVerdict::Deny(denial), ttl: Some(ttl) })
}

/// For whom an answer may be remembered. Each link remembers for itself, whoever else might share it.
fn check_scope(word: &str) -> Result<(), String> {
    match word {
        "connection" | "attributes" | "everyone" => Ok(()),
        other => Err(unknown("scope", other)),
    }
}

/// How messages are spread here, or the connection that the link is carried to.
fn treatment(from: &mut Input<'_>) -> Result<(Option<Distribution>, Option<String>), String> {
    let here = |distribution| Ok((Some(distribution), None));
    if !from.text_comes() {
        return from.variant("the treatment", |case, from| match (case, from.item()?) {
            ("link-route", Item::Text(name)) if (1..=TEXT_MAX_BYTES).contains(&name.len()) => {
                Ok((None, Some(name.to_owned())))
            }
            ("link-route", _) => Err("`link-route` has no name of a connection".to_owned()),
            _ => Err(unknown("treatment", case)),
        });
    }
    match &*text("treatment", from)? {
        "balanced" => here(Distribution::Balanced),
        "closest" => here(Distribution::Closest),
        "multicast" => here(Distribution::Multicast),
        "unavailable" => here(Distribution::Unavailable),
        word => Err(unknown("treatment", word)),
    }
}

/// An address instead of the one that was asked for: never one of the router's own.
fn check_address(text: &str) -> Result<(), String> {
    if text.is_empty() || text.len() > ADDRESS_MAX_BYTES || text.chars().any(char::is_control) {
        return Err(format!("`address` is not 1 to {ADDRESS_MAX_BYTES} bytes without control characters"));
    }
    let name = normalise(text);
    if name.is_empty() {
        return Err("`address` names nothing".to_owned());
    }
    if is_reserved(name) {
        return Err("`address` is one of the router's own".to_owned());
    }
    Ok(())
}
