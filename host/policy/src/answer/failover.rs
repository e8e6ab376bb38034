//! Answers about the order in which a connector tries its candidates.

use std::sync::Arc;
use std::time::Duration;

use crosstie_model::policy::{FailoverAnswer, Pick};

use crate::answer::{again_after, list, millis, small, text};
use crate::input::{self, Input};

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
