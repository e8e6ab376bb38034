//! Answers of guests as the model's decisions. What the schema does not allow is a bad answer.

use std::sync::Arc;
use std::time::Duration;

use crosstie_model::address::{ADDRESS_MAX_BYTES, is_reserved, normalise};
use crosstie_model::policy::{
    AddressDecision, AddressVerdict, Denial, FailoverAnswer, Grant, Hook, InfoValue, Limits, Occasion, Pick, Quota,
    Refusal, Ruling, Verdict,
};

use crate::input::{self, Input, Item};
use crate::reads::Reads;
use crate::tree::Tree;
use crosstie_model::settings::Distribution;

/// Bytes of a description or note.
const TEXT_MAX_BYTES: usize = 4096;

/// Bytes of a symbol.
const SYMBOL_MAX_BYTES: usize = 128;

/// Bytes of a quota's key.
const QUOTA_KEY_MAX_BYTES: usize = 256;

/// Quotas of one grant.
const QUOTAS_MAX: usize = 16;

/// Attributes of one grant.
const ATTRIBUTES_MAX: usize = 256;

/// Before that nobody is asked about the same connection or connector again.
const AGAIN_MIN: Duration = Duration::from_millis(100);

/// A text that is no longer than texts may be.
fn text(key: &str, from: &mut Input<'_>) -> Result<String, String> {
    match from.item()? {
        Item::Text(text) if text.len() <= TEXT_MAX_BYTES => Ok(text.to_owned()),
        Item::Text(_) => Err(format!("`{key}` is longer than {TEXT_MAX_BYTES} bytes")),
        _ => Err(format!("`{key}` is no text")),
    }
}

fn number(key: &str, from: &mut Input<'_>, max: u64) -> Result<u64, String> {
    integer(from.item()?, max).ok_or_else(|| format!("`{key}` is no number up to {max}"))
}

fn small(key: &str, from: &mut Input<'_>) -> Result<u32, String> {
    number(key, from, u32::MAX.into()).map(narrow)
}

fn millis(key: &str, from: &mut Input<'_>) -> Result<Duration, String> {
    number(key, from, u32::MAX.into()).map(Duration::from_millis)
}

/// A list: `read` takes an item each time.
fn list<'t, T>(
    key: &str,
    from: &mut Input<'t>,
    read: impl FnMut(&mut Input<'t>) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    match from.item()? {
        Item::Array(count) => from.each(count, read),
        _ => Err(format!("`{key}` is no list")),
    }
}

/// An integer in any width, or a float that is one.
fn integer(item: Item<'_>, max: u64) -> Option<u64> {
    let number = match item {
        Item::Uint(number) => number,
        Item::Int(number) => u64::try_from(number).ok()?,
        Item::Float(number) => u64::try_from(integral(number)?).ok()?,
        _ => return None,
    };
    (number <= max).then_some(number)
}

/// A float that is an integer which a float holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
pub(crate) fn integral(number: f64) -> Option<i64> {
    const MAX: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && (-MAX..=MAX).contains(&number)).then_some(number as i64)
}

/// An integer that a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "checked to be in range")]
fn exact(number: i128) -> Option<f64> {
    (number.unsigned_abs() <= 1 << 53).then_some(number as f64)
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// What may be a condition, or a key of an error's info map.
fn is_symbol(text: &str) -> bool {
    (1..=SYMBOL_MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
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

fn refusal(from: &mut Input<'_>) -> Result<Refusal, String> {
    let (mut condition, mut description, mut note, mut info) = (None, None, None, Vec::new());
    from.record("the refusal", |key, from| {
        match key {
            "condition" => condition = Some(text(key, from)?),
            "description" => description = Some(text(key, from)?),
            "note" => note = Some(text(key, from)?),
            "info" => info = list(key, from, entry)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let condition = condition.ok_or("no `condition`")?;
    if !is_symbol(&condition) {
        return Err("`condition` is no symbol".to_owned());
    }
    Ok(Refusal { condition, description: description.ok_or("no `description`")?, note, info })
}

/// An entry of an error's info map.
fn entry(from: &mut Input<'_>) -> Result<(String, InfoValue), String> {
    let (mut name, mut val) = (None, None);
    from.record("an entry of `info`", |key, from| {
        match key {
            "key" => name = Some(text(key, from)?),
            "val" => val = Some(from.variant("a value", value)?),
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    let name = name.ok_or("an entry of `info` without `key`")?;
    if !is_symbol(&name) {
        return Err("a key of `info` is no symbol".to_owned());
    }
    Ok((name, val.ok_or("an entry of `info` without `val`")?))
}

fn value(case: &str, from: &mut Input<'_>) -> Result<InfoValue, String> {
    Ok(match (case, from.item()?) {
        ("flag", Item::Bool(flag)) => InfoValue::Flag(flag),
        ("int", Item::Int(number)) => InfoValue::Int(number),
        ("int", Item::Uint(number)) => InfoValue::Int(i64::try_from(number).map_err(|_| "`int` is out of range")?),
        ("int", Item::Float(number)) => InfoValue::Int(integral(number).ok_or("`int` is no whole number")?),
        ("uint", item) => InfoValue::Uint(integer(item, u64::MAX).ok_or("`uint` is no number")?),
        ("float", Item::Float(number)) => InfoValue::Float(number),
        // JavaScript knows no difference
        ("float", Item::Uint(number)) => InfoValue::Float(exact(number.into()).ok_or("`float` is out of range")?),
        ("float", Item::Int(number)) => InfoValue::Float(exact(number.into()).ok_or("`float` is out of range")?),
        ("text", Item::Text(text)) => InfoValue::Text(text.to_owned()),
        ("bytes", Item::Bytes(bytes)) => InfoValue::Bytes(bytes.to_owned()),
        (case, _) => {
            return Err(format!("a value of unknown case or type `{}`", case.escape_debug()));
        }
    })
}

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

fn unknown(what: &str, case: &str) -> String {
    format!("unknown {what} `{}`", case.escape_debug())
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

/// When somebody is asked about the same again.
fn again_after(key: &str, from: &mut Input<'_>) -> Result<Duration, String> {
    match millis(key, from)? {
        after if after < AGAIN_MIN => Err(format!("`{key}` is at least {}", AGAIN_MIN.as_millis())),
        after => Ok(after),
    }
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

/// Whether an answer to a hook is a good one, for a request with so many candidates, or of an address that was named on an occasion.
///
/// # Errors
///
/// Why it is a bad answer.
pub(crate) fn check(
    hook: Hook,
    plugin: &Arc<str>,
    (candidates, occasion): (usize, Occasion),
    bytes: &[u8],
) -> Result<(), String> {
    match hook {
        Hook::Failover => failover(plugin, candidates, bytes).map(drop),
        Hook::Address => address(plugin, occasion, bytes).map(drop),
        Hook::Connection | Hook::Session | Hook::Link => admission(plugin, bytes).map(drop),
    }
}

/// Reads what a plugin may say when a hook asks it, whatever the request was; none: when it is configured. Gives its shortest form, as a
/// guest would get it: numbers beyond 2^53 are cut.
///
/// # Errors
///
/// Why it is a bad answer.
pub fn read(hook: Option<Hook>, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match hook {
        Some(hook) => check(hook, &"".into(), (usize::MAX, Occasion::Attach), bytes)?,
        None => drop(configured(bytes)?),
    }
    // what is a good answer is good in all that it has
    Tree::decode(bytes).map(|tree| tree.encode(&Reads::All))
}

/// The answer of `on_failover`, for a request with so many candidates.
///
/// # Errors
///
/// Why it is a bad answer.
pub(crate) fn failover(plugin: &Arc<str>, candidates: usize, bytes: &[u8]) -> Result<FailoverAnswer, String> {
    let (mut order, mut retry_after, mut reconsider_after, mut note) = (None, None, None, None);
    input::whole(bytes, |from| {
        from.record("the answer", |key, from| {
            match key {
                "order" => order = Some(list(key, from, pick)?),
                "retry-after-ms" => retry_after = Some(millis(key, from)?),
                "reconsider-after-ms" => reconsider_after = Some(again_after(key, from)?),
                "note" => note = Some(text(key, from)?),
                _ => return Ok(false),
            }
            Ok(true)
        })
    })?;
    let order = order.ok_or("no `order`")?;
    for (at, Pick { index, .. }) in order.iter().enumerate() {
        if usize::try_from(*index).is_ok_and(|index| index >= candidates) {
            return Err(format!("there is no candidate {index}"));
        }
        if order.iter().take(at).any(|known| known.index == *index) {
            return Err(format!("candidate {index} is picked twice"));
        }
    }
    Ok(FailoverAnswer { plugin: plugin.clone(), order, retry_after, reconsider_after, note })
}

fn pick(from: &mut Input<'_>) -> Result<Pick, String> {
    let (mut index, mut delay) = (None, Duration::ZERO);
    from.record("a pick", |key, from| {
        match key {
            "index" => index = Some(small(key, from)?),
            "delay-ms" => delay = millis(key, from)?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok(Pick { index: index.ok_or("a pick without `index`")?, delay })
}

/// The answer of `policy_configure`.
#[derive(Debug, Default)]
pub(crate) struct Configured {
    /// Message and path of each.
    pub(crate) problems: Vec<(String, Vec<u32>)>,
    pub(crate) hooks: Option<Vec<String>>,
    pub(crate) reads: Option<Vec<String>>,
}

/// Reads it.
///
/// # Errors
///
/// Why it is a bad answer.
pub(crate) fn configured(bytes: &[u8]) -> Result<Configured, String> {
    let mut configured = Configured::default();
    input::whole(bytes, |from| {
        from.record("the answer", |key, from| {
            match key {
                "problems" => configured.problems = list(key, from, problem)?,
                "hooks" => configured.hooks = Some(list(key, from, |from| text(key, from))?),
                "reads" => configured.reads = Some(list(key, from, |from| text(key, from))?),
                _ => return Ok(false),
            }
            Ok(true)
        })
    })?;
    Ok(configured)
}

fn problem(from: &mut Input<'_>) -> Result<(String, Vec<u32>), String> {
    let (mut message, mut path) = (None, Vec::new());
    from.record("a problem", |key, from| {
        match key {
            "message" => message = Some(text(key, from)?),
            "path" => path = list(key, from, |from| small(key, from))?,
            _ => return Ok(false),
        }
        Ok(true)
    })?;
    Ok((message.ok_or("a problem without `message`")?, path))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made::Record;

    fn admission(tree: Tree<'_>) -> Result<Verdict, String> {
        super::admission(&plugin(), &tree.encode(&Reads::All))
    }

    fn address_on(occasion: Occasion, tree: Tree<'_>) -> Result<AddressDecision, String> {
        super::address(&plugin(), occasion, &tree.encode(&Reads::All))
    }

    fn address(tree: Tree<'_>) -> Result<AddressDecision, String> {
        address_on(Occasion::Attach, tree)
    }

    fn failover(candidates: usize, tree: Tree<'_>) -> Result<FailoverAnswer, String> {
        super::failover(&plugin(), candidates, &tree.encode(&Reads::All))
    }

    fn plugin() -> Arc<str> {
        "p".into()
    }

    #[test]
    fn what_is_not_served_is_a_bad_answer() {
        let allow = |field: &str, value: Tree<'static>| {
            Tree::from(Record::default().with("allow", Record::default().with(field, value)))
        };
        assert!(admission(allow("attributes", Tree::Array(Vec::new()))).is_ok());
        assert!(admission(allow("limits", Tree::Null)).is_ok());
        for key in ["limits", "recheck-after-ms"] {
            assert!(admission(allow(key, Tree::Array(Vec::new()))).is_err(), "{key}");
        }
        let apply = |field: &str, value: Tree<'static>| {
            Tree::from(Record::default().with("apply", Record::default().with(field, value)))
        };
        assert!(address(apply("treatment", "closest".into())).is_ok());
        for word in ["link-route", "strange"] {
            assert!(address(apply("treatment", word.into())).is_err(), "{word}");
        }
        let to = |case: &str, name: &str| apply("treatment", Record::default().with(case, name).into());
        let routed = address(to("link-route", "brk")).unwrap();
        let AddressVerdict::Apply { ruling, .. } = routed.verdict else { panic!() };
        assert_eq!((ruling.treatment, ruling.link_route.as_deref()), (None, Some("brk")));
        assert!(address(to("link-route", "")).is_err() && address(to("balanced", "x")).is_err());
        assert!(address_on(Occasion::Anonymous, to("link-route", "brk")).is_err());
        assert!(address(apply("phase", Tree::Uint(10))).is_err());
        assert!(address(apply("address", "".into())).is_err());
        assert!(address(apply("phase", Tree::Float(3.0))).is_ok());
    }

    fn granted(field: &str, value: impl Into<Tree<'static>>) -> Result<Grant, String> {
        let tree = Record::default().with("allow", Record::default().with(field, value)).into();
        match admission(tree)? {
            Verdict::Allow(grant) => Ok(grant),
            Verdict::Deny(denial) => Err(format!("{denial:?}")),
        }
    }

    #[test]
    fn a_grant_has_limits_quotas_and_a_time() {
        let limits = Record::default().with("sessions", 3_u32).with("idle-timeout-ms", 500_u32).with("unknown", 1_u32);
        let found = granted("limits", limits).unwrap().limits;
        let wanted = Limits { sessions: Some(3), idle_timeout: Some(Duration::from_millis(500)), ..Limits::default() };
        assert_eq!(found, wanted);
        for key in ["sessions", "idle-timeout-ms", "link-credit", "max-message-size"] {
            assert!(granted("limits", Record::default().with(key, 0_u32)).is_err(), "{key}");
        }
        assert!(granted("limits", Record::default().with("links", 1_u64 << 32)).is_err());
        let quota = |key: &str, max: u64| Tree::from(Record::default().with("key", key).with("max", max));
        let found = granted("quotas", Tree::Array(vec![quota("u", 0), quota("v", 7)])).unwrap().quotas;
        let of = |key: &str, max| Quota { plugin: plugin(), key: key.to_owned(), max };
        assert_eq!(found, [of("u", 0), of("v", 7)]);
        for bad in [quota("", 1), quota(&"k".repeat(257), 1), quota("k", u64::MAX), Tree::Null] {
            assert!(granted("quotas", Tree::Array(vec![bad.clone()])).is_err(), "{bad:?}");
        }
        assert!(granted("quotas", Tree::Array(vec![quota("k", 1); 17])).is_err());
        let attribute = |key: usize| Tree::from(Record::default().with("key", &*format!("{key}")).with("val", "v"));
        let attributes = |count: usize, keys: usize| Tree::Array((0..count).map(|at| attribute(at % keys)).collect());
        assert_eq!(granted("attributes", attributes(ATTRIBUTES_MAX, 7)).unwrap().attributes.len(), 7);
        assert!(granted("attributes", attributes(ATTRIBUTES_MAX + 1, 7)).is_err());
        assert_eq!(granted("recheck-after-ms", 100_u32).unwrap().recheck_after, Some(AGAIN_MIN));
        assert!(granted("recheck-after-ms", 99_u32).is_err());
    }

    fn denied(condition: &str, key: &str, val: Record) -> Result<Verdict, String> {
        let entry = Record::default().with("key", key).with("val", val);
        let refusal = Record::default().with("condition", condition).with("description", "no");
        admission(Record::default().with("deny", refusal.list("info", [entry.into()])).into())
    }

    #[test]
    fn conditions_and_keys_of_info_are_symbols_of_at_most_128_bytes() {
        let flag = || Record::default().with("flag", true);
        let (longest, longer) = ("x".repeat(128), "x".repeat(129));
        for symbol in ["a", "amqp:redirect", &longest] {
            assert!(denied(symbol, "k", flag()).is_ok() && denied("a", symbol, flag()).is_ok(), "{symbol}");
        }
        for other in ["", "a b", "\u{e9}", "a\n", &longer] {
            assert!(denied(other, "k", flag()).is_err() && denied("a", other, flag()).is_err(), "{other:?}");
        }
    }

    #[test]
    fn a_float_that_is_whole_is_an_integer() {
        let told = |number| match denied("a", "k", Record::default().with("int", Tree::Float(number))) {
            Ok(Verdict::Deny(denial)) => denial.refusal.info.first().map(|(_, value)| value.clone()),
            _ => None,
        };
        assert_eq!(told(-3.0), Some(InfoValue::Int(-3)));
        assert_eq!(told(9_007_199_254_740_992.0), Some(InfoValue::Int(1 << 53)));
        assert_eq!((told(0.5), told(1e17)), (None, None));
    }

    #[test]
    fn an_address_names_something_that_is_not_the_routers_own() {
        let apply = |to: &str| address(Record::default().with("apply", Record::default().with("address", to)).into());
        for good in ["q", "/q", "a/$b", "amqp://host/q/", "q."] {
            assert!(apply(good).is_ok(), "{good}");
        }
        for bad in ["", "/", ".", "amqp:", "amqp://host", "amqp://host/", "$management", "/$management", "_topo/0/r/q"]
        {
            assert!(apply(bad).is_err(), "{bad}");
        }
        assert!(apply("amqp://host/_local/q").is_err());
    }

    #[test]
    fn picks_are_candidates_once_each() {
        let order = |indexes: &[u64]| {
            let picks = indexes.iter().map(|index| Record::default().with("index", *index).into());
            failover(2, Record::default().list("order", picks).into())
        };
        assert_eq!(order(&[1, 0]).unwrap().order.len(), 2);
        assert!(order(&[]).unwrap().order.is_empty());
        assert!(order(&[2]).is_err() && order(&[0, 0]).is_err());
        assert!(failover(2, Tree::Map(Vec::new())).is_err());
        let again = |ms: u32| {
            let nobody = Record::default().list("order", []);
            failover(2, nobody.with("reconsider-after-ms", ms).into()).map(|answer| answer.reconsider_after)
        };
        assert_eq!(again(100), Ok(Some(AGAIN_MIN)));
        assert!(again(99).is_err());
    }
}
