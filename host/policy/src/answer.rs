//! Answers of guests as the model's decisions. What the schema does not allow is a bad answer.

mod address;
mod admission;
mod failover;
mod refusal;
mod setup;

use std::sync::Arc;
use std::time::Duration;

use crosstie_model::policy::{Hook, Occasion};

use crate::input::{Input, Item};
use crate::reads::Reads;
use crate::tree::Tree;

pub(crate) use crate::answer::address::address;
pub(crate) use crate::answer::admission::admission;
pub(crate) use crate::answer::failover::failover;
pub(crate) use crate::answer::setup::{Configured, configured};

/// Bytes of a description or note.
const TEXT_MAX_BYTES: usize = 4096;

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

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// When somebody is asked about the same again.
fn again_after(key: &str, from: &mut Input<'_>) -> Result<Duration, String> {
    match millis(key, from)? {
        after if after < AGAIN_MIN => Err(format!("`{key}` is at least {}", AGAIN_MIN.as_millis())),
        after => Ok(after),
    }
}

fn unknown(what: &str, case: &str) -> String {
    format!("unknown {what} `{}`", case.escape_debug())
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

#[cfg(test)]
mod tests {
    use crosstie_model::policy::{
        AddressDecision, AddressVerdict, FailoverAnswer, Grant, InfoValue, Limits, Quota, Verdict,
    };

    use super::admission::ATTRIBUTES_MAX;
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
