//! Replay: what a candidate would have decided. Each recorded request is asked again, with the time, the chance, and what keys and values
//! gave then.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use serde_json::Value;

use crate::cases::case;
use crate::instance::Instance;
use crate::plugin::Plugin;
use crate::tape::Tape;
use crate::trial::{self, ask};
use crate::{Case, Miss, Trial};

/// Bytes of a line of a record.
const LINE_MAX_BYTES: u64 = 64 << 20;

/// What a replay came to.
#[derive(Debug, Default)]
pub struct Replay {
    /// Decisions that were asked again.
    pub asked: usize,
    /// Those that are other ones now.
    pub differences: Vec<Difference>,
    /// Lines of other plugins.
    pub others: usize,
    /// Whose those are.
    pub names: BTreeSet<String>,
}

/// A decision that is another one now.
#[derive(Debug, Clone, PartialEq)]
pub struct Difference {
    /// Counted from 1.
    pub line: usize,
    /// The word of what was asked.
    pub hook: &'static str,
    /// Of the decision that was recorded.
    pub sequence: u64,
    /// The answer, null for no opinion; or why there was none.
    pub recorded: Result<Value, String>,
    /// The candidate's.
    pub candidate: Result<Value, String>,
    /// The candidate used keys and values in a way that was not recorded.
    pub beyond: Option<String>,
}

impl Trial {
    /// Asks what a record says that a plugin was asked; `of`: whose lines are meant. `tell` hears of each difference as it is found.
    ///
    /// # Errors
    ///
    /// That the record cannot be read, or a line of it is none.
    pub fn replay(&self, record: &Path, of: &str, mut tell: impl FnMut(&Difference)) -> Result<Replay, Miss> {
        let failed = |message: String| Miss { line: None, message };
        let cannot = |error: std::io::Error| failed(format!("cannot read `{}`: {error}", record.display()));
        let mut lines = BufReader::new(File::open(record).map_err(cannot)?);
        let (mut replay, mut reused, mut number) = (Replay::default(), None, 0);
        self.loader.runtime.block_on(async {
            loop {
                let mut text = String::new();
                number += 1;
                if (&mut lines).take(LINE_MAX_BYTES).read_line(&mut text).map_err(cannot)? == 0 {
                    return Ok(replay);
                }
                if text.trim().is_empty() {
                    continue;
                }
                let case = case(number, &text).map_err(|message| Miss { line: Some(number), message })?;
                if let Some(name) = case.plugin.as_ref().filter(|name| *name != of) {
                    replay.others += 1;
                    replay.names.insert(name.clone());
                    continue;
                }
                replay.asked += 1;
                if let Some(difference) = compare(&self.plugin, &mut reused, &case).await {
                    tell(&difference);
                    replay.differences.push(difference);
                }
            }
        })
    }
}

/// A hook that the candidate does not have is one without an opinion.
async fn compare(plugin: &Plugin, reused: &mut Option<Instance>, case: &Case) -> Option<Difference> {
    let (candidate, beyond) = if plugin.hooks.iter().any(|hook| hook.as_str() == case.hook()) {
        decide(plugin, reused, case).await
    } else {
        (Ok(Value::Null), None)
    };
    let recorded = case.failure.clone().map_or_else(|| Ok(case.answer.clone()), Err);
    let is_same = match (&recorded, &candidate) {
        (Ok(recorded), Ok(candidate)) => recorded == candidate,
        // how it failed may be told in other words
        (Err(_), Err(_)) => true,
        _ => false,
    };
    let (line, hook, sequence) = (case.line, case.hook(), case.sequence());
    (!is_same).then_some(Difference { line, hook, sequence, recorded, candidate, beyond })
}

async fn decide(
    plugin: &Plugin,
    reused: &mut Option<Instance>,
    case: &Case,
) -> (Result<Value, String>, Option<String>) {
    let instance = match reused.take() {
        Some(instance) => Ok(instance),
        None => trial::fresh(plugin).await,
    };
    let mut instance = match instance {
        Ok(instance) => instance,
        Err(why) => return (Err(why), None),
    };
    let candidate = ask(plugin, &mut instance, case).await;
    let beyond = match instance.set_tape(Tape::Off) {
        Tape::Playing(playing) => playing.beyond,
        Tape::Off | Tape::Keeping(_) => None,
    };
    if candidate.is_ok() {
        *reused = Some(instance);
    }
    (candidate, beyond)
}
