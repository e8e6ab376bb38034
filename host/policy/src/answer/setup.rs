//! What a plugin says when it is configured.

use crate::answer::{list, small, text};
use crate::input::{self, Input};

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
