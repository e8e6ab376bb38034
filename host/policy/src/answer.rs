//! Answers of guests as the model's decisions. What the schema does not allow, or this build does not serve, is a bad answer.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

use crosstie_model::address::{is_reserved, normalise};
use crosstie_model::policy::{
    AddressDecision, AddressVerdict, Denial, FailoverAnswer, Grant, Hook, InfoValue, Limits, Occasion, Pick, Quota,
    Refusal, Ruling, Verdict,
};

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

/// Before that nobody is asked about the same connection or connector again.
const AGAIN_MIN: Duration = Duration::from_millis(100);

/// Bytes of an address.
const ADDRESS_MAX_BYTES: usize = 2048;

/// Takes fields out of a record; nulls count as absent, and unknown keys stay.
struct Reader<'t>(Vec<(Cow<'t, str>, Tree<'t>)>);

impl<'t> Reader<'t> {
    fn of(tree: Tree<'t>, what: &str) -> Result<Self, String> {
        match tree {
            Tree::Map(fields) => Ok(Self(fields)),
            _ => Err(format!("{what} is no record")),
        }
    }

    fn take(&mut self, key: &str) -> Option<Tree<'t>> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        let (_, value) = self.0.swap_remove(at);
        (value != Tree::Null).then_some(value)
    }

    fn text(&mut self, key: &str) -> Result<Option<String>, String> {
        match self.take(key) {
            None => Ok(None),
            Some(Tree::Text(text)) if text.len() <= TEXT_MAX_BYTES => Ok(Some(text.into_owned())),
            Some(Tree::Text(_)) => Err(format!("`{key}` is longer than {TEXT_MAX_BYTES} bytes")),
            Some(_) => Err(format!("`{key}` is no text")),
        }
    }

    fn number(&mut self, key: &str, max: u64) -> Result<Option<u64>, String> {
        self.take(key)
            .map(|value| number(&value, max).ok_or_else(|| format!("`{key}` is no number up to {max}")))
            .transpose()
    }

    fn list(&mut self, key: &str) -> Result<Vec<Tree<'t>>, String> {
        match self.take(key) {
            None => Ok(Vec::new()),
            Some(Tree::Array(items)) => Ok(items),
            Some(_) => Err(format!("`{key}` is no list")),
        }
    }

    fn not_served(&mut self, key: &str) -> Result<(), String> {
        match self.take(key) {
            None => Ok(()),
            Some(_) => Err(format!("`{key}` is not served by this build")),
        }
    }
}

/// An integer in any width, or a float that is one.
fn number(value: &Tree<'_>, max: u64) -> Option<u64> {
    let number = match value {
        Tree::Uint(number) => *number,
        Tree::Int(number) => u64::try_from(*number).ok()?,
        Tree::Float(number) => u64::try_from(whole(*number)?).ok()?,
        _ => return None,
    };
    (number <= max).then_some(number)
}

/// A float that is an integer which a float holds exactly.
#[expect(clippy::cast_possible_truncation, reason = "checked to be a whole number in range")]
fn whole(number: f64) -> Option<i64> {
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

/// A variant with a payload: a map of one entry.
fn variant(tree: Tree<'_>) -> Result<(Cow<'_, str>, Tree<'_>), String> {
    let fields = Reader::of(tree, "the answer")?.0;
    match <[_; 1]>::try_from(fields) {
        Ok([entry]) => Ok(entry),
        Err(_) => Err("a variant has one case".to_owned()),
    }
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

fn refusal(tree: Tree<'_>) -> Result<Refusal, String> {
    let mut record = Reader::of(tree, "the refusal")?;
    let condition = record.text("condition")?.ok_or("no `condition`")?;
    if !is_symbol(&condition) {
        return Err("`condition` is no symbol".to_owned());
    }
    let description = record.text("description")?.ok_or("no `description`")?;
    let note = record.text("note")?;
    let mut info = Vec::new();
    for item in record.list("info")? {
        let mut entry = Reader::of(item, "an entry of `info`")?;
        let key = entry.text("key")?.ok_or("an entry of `info` without `key`")?;
        if !is_symbol(&key) {
            return Err("a key of `info` is no symbol".to_owned());
        }
        info.push((key, value(entry.take("val").ok_or("an entry of `info` without `val`")?)?));
    }
    Ok(Refusal { condition, description, note, info })
}

fn value(tree: Tree<'_>) -> Result<InfoValue, String> {
    let (case, payload) = variant(tree)?;
    Ok(match (&*case, payload) {
        ("flag", Tree::Bool(flag)) => InfoValue::Flag(flag),
        ("int", Tree::Int(number)) => InfoValue::Int(number),
        ("int", Tree::Uint(number)) => InfoValue::Int(i64::try_from(number).map_err(|_| "`int` is out of range")?),
        ("int", Tree::Float(number)) => InfoValue::Int(whole(number).ok_or("`int` is no whole number")?),
        ("uint", payload) => InfoValue::Uint(number(&payload, u64::MAX).ok_or("`uint` is no number")?),
        ("float", Tree::Float(number)) => InfoValue::Float(number),
        // JavaScript knows no difference
        ("float", Tree::Uint(number)) => InfoValue::Float(exact(number.into()).ok_or("`float` is out of range")?),
        ("float", Tree::Int(number)) => InfoValue::Float(exact(number.into()).ok_or("`float` is out of range")?),
        ("text", Tree::Text(text)) => InfoValue::Text(text.into_owned()),
        ("bytes", Tree::Bytes(bytes)) => InfoValue::Bytes(bytes.into_owned()),
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
pub(crate) fn admission(plugin: &Arc<str>, tree: Tree<'_>) -> Result<Verdict, String> {
    match variant(tree)? {
        (case, payload) if case == "allow" => grant(plugin, payload).map(Verdict::Allow),
        (case, payload) if case == "deny" => {
            Ok(Verdict::Deny(Denial { plugin: plugin.clone(), sequence: 0, refusal: refusal(payload)? }))
        }
        (case, _) => Err(format!("unknown answer `{}`", case.escape_debug())),
    }
}

fn grant(plugin: &Arc<str>, tree: Tree<'_>) -> Result<Grant, String> {
    let mut record = Reader::of(tree, "the grant")?;
    let note = record.text("note")?;
    let mut attributes: Vec<(String, String)> = Vec::new();
    for item in record.list("attributes")? {
        let mut entry = Reader::of(item, "an attribute")?;
        let key = entry.text("key")?.ok_or("an attribute without `key`")?;
        let val = entry.text("val")?.ok_or("an attribute without `val`")?;
        if !attributes.iter().any(|(known, _)| *known == key) {
            attributes.push((key, val));
        }
    }
    let mut quotas = Vec::new();
    for item in record.list("quotas")? {
        let mut quota = Reader::of(item, "a quota")?;
        let key = quota.text("key")?.ok_or("a quota without `key`")?;
        if !(1..=QUOTA_KEY_MAX_BYTES).contains(&key.len()) {
            return Err(format!("the key of a quota is not 1 to {QUOTA_KEY_MAX_BYTES} bytes long"));
        }
        let max = narrow(quota.number("max", u32::MAX.into())?.ok_or("a quota without `max`")?);
        quotas.push(Quota { plugin: plugin.clone(), key, max });
    }
    if quotas.len() > QUOTAS_MAX {
        return Err(format!("a grant has at most {QUOTAS_MAX} quotas"));
    }
    let limits = record.take("limits").map(limits).transpose()?.unwrap_or_default();
    let recheck_after = again_after(&mut record, "recheck-after-ms")?;
    Ok(Grant { limits, quotas, attributes, recheck_after, note })
}

/// When somebody is asked about the same again.
fn again_after(record: &mut Reader<'_>, key: &str) -> Result<Option<Duration>, String> {
    let after = record.number(key, u32::MAX.into())?.map(Duration::from_millis);
    match after {
        Some(after) if after < AGAIN_MIN => Err(format!("`{key}` is at least {}", AGAIN_MIN.as_millis())),
        after => Ok(after),
    }
}

fn limits(tree: Tree<'_>) -> Result<Limits, String> {
    let mut record = Reader::of(tree, "`limits`")?;
    let mut small = |key: &str| Ok::<_, String>(record.number(key, u32::MAX.into())?.map(narrow));
    let limits = Limits {
        sessions: small("sessions")?,
        links: small("links")?,
        senders: small("senders")?,
        receivers: small("receivers")?,
        unsettled: small("unsettled")?,
        max_frame_size: small("max-frame-size")?,
        link_credit: small("link-credit")?,
        buffered_bytes: record.number("buffered-bytes", u64::MAX)?,
        max_message_size: record.number("max-message-size", u64::MAX)?,
        idle_timeout: record.number("idle-timeout-ms", u32::MAX.into())?.map(Duration::from_millis),
    };
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
pub(crate) fn address(plugin: &Arc<str>, occasion: Occasion, tree: Tree<'_>) -> Result<AddressDecision, String> {
    match variant(tree)? {
        (case, payload) if case == "apply" => {
            let mut record = Reader::of(payload, "the ruling")?;
            let ttl = Some(caching(&mut record)?);
            record.not_served("priority")?;
            let address = record.text("address")?;
            if let Some(text) = &address {
                check_address(text)?;
            }
            let (treatment, link_route) = record.take("treatment").map(treatment).transpose()?.unwrap_or_default();
            if link_route.is_some() && occasion == Occasion::Anonymous {
                return Err(
                    "treatment `link-route` is for links, not for messages of a link without an address".to_owned()
                );
            }
            let phase = record.number("phase", 9)?.and_then(|phase| u8::try_from(phase).ok());
            let ruling = Ruling { address, treatment, link_route, phase, note: record.text("note")? };
            Ok(AddressDecision { verdict: AddressVerdict::Apply { plugin: plugin.clone(), ruling }, ttl })
        }
        (case, payload) if case == "deny" => {
            let mut record = Reader::of(payload, "the denial")?;
            let ttl = Some(caching(&mut record)?);
            let refusal = refusal(record.take("refusal").ok_or("no `refusal`")?)?;
            let denial = Denial { plugin: plugin.clone(), sequence: 0, refusal };
            Ok(AddressDecision { verdict: AddressVerdict::Deny(denial), ttl })
        }
        (case, _) => Err(format!("unknown answer `{}`", case.escape_debug())),
    }
}

/// For how long it may be remembered. Each link remembers for itself, whoever else might share it.
fn caching(record: &mut Reader<'_>) -> Result<Duration, String> {
    let ttl = Duration::from_millis(record.number("ttl-ms", u32::MAX.into())?.unwrap_or(0));
    match record.text("shared-by")?.as_deref() {
        None | Some("connection" | "attributes" | "everyone") => Ok(ttl),
        Some(other) => Err(format!("unknown scope `{}`", other.escape_debug())),
    }
}

/// How messages are spread here, or the connection that the link is carried to.
fn treatment(tree: Tree<'_>) -> Result<(Option<Distribution>, Option<String>), String> {
    let unknown = |case: &str| Err(format!("unknown treatment `{}`", case.escape_debug()));
    let here = |distribution| Ok((Some(distribution), None));
    match tree {
        Tree::Text(word) => match &*word {
            "balanced" => here(Distribution::Balanced),
            "closest" => here(Distribution::Closest),
            "multicast" => here(Distribution::Multicast),
            "unavailable" => here(Distribution::Unavailable),
            _ => unknown(&word),
        },
        tree => match variant(tree)? {
            (case, payload) if case == "link-route" => match payload {
                Tree::Text(name) if (1..=TEXT_MAX_BYTES).contains(&name.len()) => Ok((None, Some(name.into_owned()))),
                _ => Err("`link-route` has no name of a connection".to_owned()),
            },
            (case, _) => unknown(&case),
        },
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
    tree: Tree<'_>,
) -> Result<(), String> {
    match hook {
        Hook::Failover => failover(plugin, candidates, tree).map(drop),
        Hook::Address => address(plugin, occasion, tree).map(drop),
        Hook::Connection | Hook::Session | Hook::Link => admission(plugin, tree).map(drop),
    }
}

/// Reads what a plugin may say when a hook asks it, whatever the request was; none: when it is configured. Gives its shortest form, as a
/// guest would get it: numbers beyond 2^53 are cut.
///
/// # Errors
///
/// Why it is a bad answer.
pub fn read(hook: Option<Hook>, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let tree = Tree::decode(bytes)?;
    let short = tree.encode(&Reads::All);
    match hook {
        Some(hook) => check(hook, &"".into(), (usize::MAX, Occasion::Attach), tree)?,
        None => drop(configured(tree)?),
    }
    Ok(short)
}

/// The answer of `on_failover`, for a request with so many candidates.
///
/// # Errors
///
/// Why it is a bad answer.
pub(crate) fn failover(plugin: &Arc<str>, candidates: usize, tree: Tree<'_>) -> Result<FailoverAnswer, String> {
    let mut record = Reader::of(tree, "the answer")?;
    let Some(Tree::Array(picks)) = record.take("order") else {
        return Err("`order` is no list".to_owned());
    };
    let mut order: Vec<Pick> = Vec::new();
    for item in picks {
        let mut pick = Reader::of(item, "a pick")?;
        let index = narrow(pick.number("index", u32::MAX.into())?.ok_or("a pick without `index`")?);
        if usize::try_from(index).is_ok_and(|index| index >= candidates) {
            return Err(format!("there is no candidate {index}"));
        }
        if order.iter().any(|known| known.index == index) {
            return Err(format!("candidate {index} is picked twice"));
        }
        let delay = pick.number("delay-ms", u32::MAX.into())?.unwrap_or(0);
        order.push(Pick { index, delay: Duration::from_millis(delay) });
    }
    let retry_after = record.number("retry-after-ms", u32::MAX.into())?.map(Duration::from_millis);
    let reconsider_after = again_after(&mut record, "reconsider-after-ms")?;
    Ok(FailoverAnswer { plugin: plugin.clone(), order, retry_after, reconsider_after, note: record.text("note")? })
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
pub(crate) fn configured(tree: Tree<'_>) -> Result<Configured, String> {
    let mut record = Reader::of(tree, "the answer")?;
    let mut problems = Vec::new();
    for item in record.list("problems")? {
        let mut problem = Reader::of(item, "a problem")?;
        let message = problem.text("message")?.ok_or("a problem without `message`")?;
        let path = problem.list("path")?.iter().map(|index| number(index, u32::MAX.into()).map(narrow)).collect();
        problems.push((message, Option::<Vec<u32>>::ok_or(path, "a `path` is no list of indexes")?));
    }
    let mut words = |key: &str| {
        let Some(value) = record.take(key) else {
            return Ok(None);
        };
        let Tree::Array(items) = value else {
            return Err(format!("`{key}` is no list"));
        };
        let texts = items.into_iter().map(|item| match item {
            Tree::Text(text) => Ok(text.into_owned()),
            _ => Err(format!("`{key}` is no list of texts")),
        });
        texts.collect::<Result<Vec<String>, String>>().map(Some)
    };
    Ok(Configured { problems, hooks: words("hooks")?, reads: words("reads")? })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::made::Record;

    fn address(plugin: &Arc<str>, tree: Tree<'_>) -> Result<AddressDecision, String> {
        super::address(plugin, Occasion::Attach, tree)
    }

    fn plugin() -> Arc<str> {
        "p".into()
    }

    #[test]
    fn what_is_not_served_is_a_bad_answer() {
        let allow = |field: &str, value: Tree<'static>| {
            Tree::from(Record::default().with("allow", Record::default().with(field, value)))
        };
        assert!(admission(&plugin(), allow("attributes", Tree::Array(Vec::new()))).is_ok());
        assert!(admission(&plugin(), allow("limits", Tree::Null)).is_ok());
        for key in ["limits", "recheck-after-ms"] {
            assert!(admission(&plugin(), allow(key, Tree::Array(Vec::new()))).is_err(), "{key}");
        }
        let apply = |field: &str, value: Tree<'static>| {
            Tree::from(Record::default().with("apply", Record::default().with(field, value)))
        };
        assert!(address(&plugin(), apply("treatment", "closest".into())).is_ok());
        for word in ["link-route", "strange"] {
            assert!(address(&plugin(), apply("treatment", word.into())).is_err(), "{word}");
        }
        let to = |case: &str, name: &str| apply("treatment", Record::default().with(case, name).into());
        let routed = address(&plugin(), to("link-route", "brk")).unwrap();
        let AddressVerdict::Apply { ruling, .. } = routed.verdict else { panic!() };
        assert_eq!((ruling.treatment, ruling.link_route.as_deref()), (None, Some("brk")));
        assert!(address(&plugin(), to("link-route", "")).is_err() && address(&plugin(), to("balanced", "x")).is_err());
        assert!(super::address(&plugin(), Occasion::Anonymous, to("link-route", "brk")).is_err());
        assert!(address(&plugin(), apply("phase", Tree::Uint(10))).is_err());
        assert!(address(&plugin(), apply("address", "".into())).is_err());
        assert!(address(&plugin(), apply("phase", Tree::Float(3.0))).is_ok());
    }

    fn granted(field: &str, value: impl Into<Tree<'static>>) -> Result<Grant, String> {
        let tree = Record::default().with("allow", Record::default().with(field, value)).into();
        match admission(&plugin(), tree)? {
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
        assert_eq!(granted("recheck-after-ms", 100_u32).unwrap().recheck_after, Some(AGAIN_MIN));
        assert!(granted("recheck-after-ms", 99_u32).is_err());
    }

    fn denied(condition: &str, key: &str, val: Record) -> Result<Verdict, String> {
        let entry = Record::default().with("key", key).with("val", val);
        let refusal = Record::default().with("condition", condition).with("description", "no");
        admission(&plugin(), Record::default().with("deny", refusal.list("info", [entry.into()])).into())
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
        let apply = |to: &str| {
            address(&plugin(), Record::default().with("apply", Record::default().with("address", to)).into())
        };
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
            failover(&plugin(), 2, Record::default().list("order", picks).into())
        };
        assert_eq!(order(&[1, 0]).unwrap().order.len(), 2);
        assert!(order(&[]).unwrap().order.is_empty());
        assert!(order(&[2]).is_err() && order(&[0, 0]).is_err());
        assert!(failover(&plugin(), 2, Tree::Map(Vec::new())).is_err());
        let again = |ms: u32| {
            let nobody = Record::default().list("order", []);
            failover(&plugin(), 2, nobody.with("reconsider-after-ms", ms).into()).map(|answer| answer.reconsider_after)
        };
        assert_eq!(again(100), Ok(Some(AGAIN_MIN)));
        assert!(again(99).is_err());
    }
}
