//! Why something is refused.

use crosstie_model::policy::{InfoValue, Refusal};

use crate::answer::{integer, integral, list, text};
use crate::input::{Input, Item};

/// Bytes of a symbol.
const SYMBOL_MAX_BYTES: usize = 128;

/// What may be a condition, or a key of an error's info map.
fn is_symbol(text: &str) -> bool {
    (1..=SYMBOL_MAX_BYTES).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
}

pub(super) fn refusal(from: &mut Input<'_>) -> Result<Refusal, String> {
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

/// An integer that a float holds exactly.
#[expect(clippy::cast_precision_loss, reason = "checked to be in range")]
fn exact(number: i128) -> Option<f64> {
    (number.unsigned_abs() <= 1 << 53).then_some(number as f64)
}
