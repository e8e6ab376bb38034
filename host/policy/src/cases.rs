//! Decisions that a plugin is to make: one JSON line each, as a router records them. They are asked outside a router.

use std::io;
use std::path::{Path, PathBuf};

use crosstie_model::policy::Hook;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::directory;
use crate::form;
use crate::json::{plain, tree};
use crate::plugin::Fault;
use crate::request::Context;
use crate::tape::Use;
use crate::tree::Tree;
use crate::uses::read_uses;

/// Bytes of a file of cases.
const CASES_MAX_BYTES: u64 = 4 << 20;

/// Lines that the log names.
const MISSES_TOLD: usize = 3;

/// What else a line of a record has, and a case may have.
const OF_RECORDS: [&str; 8] = ["hash", "kv-cut", "note", "outcome", "redacted", "sequence", "shadow-of", "us"];

/// A line of a file of cases.
#[derive(Deserialize)]
struct Line {
    hook: String,
    request: Map<String, Value>,
    /// Absent or null: no opinion.
    #[serde(default)]
    answer: Value,
    /// Of a record: why there was no answer.
    failure: Option<String>,
    /// Of a record: what keys and values gave.
    kv: Option<Value>,
    /// Of a record: who was asked.
    plugin: Option<String>,
    #[serde(flatten)]
    more: Map<String, Value>,
}

/// A decision that is to be made.
#[derive(Debug, Clone)]
pub struct Case {
    /// Counted from 1.
    pub line: usize,
    pub(crate) hook: Hook,
    pub(crate) request: Tree<'static>,
    pub(crate) context: Context,
    pub(crate) answer: Value,
    /// It was no decision: why.
    pub(crate) failure: Option<String>,
    /// What keys and values give; absent: they are empty.
    pub(crate) uses: Option<Vec<Use>>,
    /// Who decided, where that is known.
    pub(crate) plugin: Option<String>,
}

impl Case {
    /// The word of what is asked.
    #[must_use]
    pub const fn hook(&self) -> &'static str {
        self.hook.as_str()
    }

    /// Whether it is to be decided: a failure that was recorded is not.
    #[must_use]
    pub const fn is_asked(&self) -> bool {
        self.failure.is_none()
    }

    /// Of the decision that was recorded.
    #[must_use]
    pub const fn sequence(&self) -> u64 {
        self.context.sequence
    }
}

/// A decision that was made otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Miss {
    /// Of the case, counted from 1; absent: of all of them.
    pub line: Option<usize>,
    /// What was wrong.
    pub message: String,
}

impl std::fmt::Display for Miss {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.line {
            Some(line) => write!(f, "line {line}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

/// Where the cases of a plugin's file lie: `name.cases.jsonl`.
pub(crate) fn path(plugin: &Path) -> PathBuf {
    plugin.with_extension("cases.jsonl")
}

/// The cases that lie beside a plugin's file.
pub(crate) fn beside(plugin: &Path) -> Result<Option<Vec<Case>>, Fault> {
    let path = path(plugin);
    // a link that leads nowhere is a gate, too
    if path.symlink_metadata().is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
        return Ok(None);
    }
    let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    read_case_file(&path).map(Some).map_err(|misses| fault(&name, &misses))
}

/// Reads a file of cases.
///
/// # Errors
///
/// That it cannot be read, or has none, without a line; and every line that is no case.
pub fn read_case_file(path: &Path) -> Result<Vec<Case>, Vec<Miss>> {
    let failed = |message| vec![Miss { line: None, message }];
    let bytes = directory::read_whole(path, CASES_MAX_BYTES).map_err(|fault| failed(fault.message))?;
    let text = String::from_utf8(bytes).map_err(|_| failed("it is no text in UTF-8".to_owned()))?;
    let cases = read_cases(&text)?;
    match cases.iter().any(Case::is_asked) {
        true => Ok(cases),
        false if cases.is_empty() => Err(failed("there are no cases in it".to_owned())),
        false => Err(failed("there are no cases in it but failures that were recorded".to_owned())),
    }
}

pub(crate) fn fault(of: &str, misses: &[Miss]) -> Fault {
    let all: Vec<_> = misses.iter().take(MISSES_TOLD).map(ToString::to_string).collect();
    Fault::new(format!("{of}, {}", all.join("; ")))
}

/// Reads cases, one in each line; empty lines count for nothing.
///
/// # Errors
///
/// Every line that is no case.
pub fn read_cases(text: &str) -> Result<Vec<Case>, Vec<Miss>> {
    let lines = text.lines().zip(1..).filter(|(text, _)| !text.trim().is_empty());
    let (mut cases, mut misses) = (Vec::new(), Vec::new());
    for (text, line) in lines {
        match case(line, text) {
            Ok(case) => cases.push(case),
            Err(message) => misses.push(Miss { line: Some(line), message }),
        }
    }
    if misses.is_empty() { Ok(cases) } else { Err(misses) }
}

pub(crate) fn case(line: usize, text: &str) -> Result<Case, String> {
    let Line { hook: word, mut request, answer, failure, kv, plugin, more } =
        serde_json::from_str(text).map_err(|error| format!("no case: {error}"))?;
    let hook = Hook::ALL.into_iter().find(|hook| hook.as_str() == word);
    let hook = hook.ok_or_else(|| {
        let known = Hook::ALL.map(Hook::as_str).join(", ");
        format!("no hook is called `{}`: there are {known}", word.escape_debug())
    })?;
    // a misspelled `answer` would be no opinion
    if let Some(unknown) = more.keys().find(|key| !OF_RECORDS.contains(&key.as_str())) {
        return Err(format!("no case has `{}`", unknown.escape_debug()));
    }
    form::check(hook.as_str(), &request)?;
    let number = |key: &str| request.get("ctx").and_then(|ctx| ctx.get(key)).and_then(Value::as_u64).unwrap_or(0);
    let context = Context { now_ms: number("now-ms"), seed: number("seed"), sequence: number("sequence") };
    request
        .entry("ctx")
        .or_insert_with(|| json!({ "now-ms": context.now_ms, "seed": context.seed, "sequence": context.sequence }));
    let answer = plain(&tree(answer)?);
    let (request, uses) = (tree(Value::Object(request))?, kv.map(read_uses).transpose()?);
    Ok(Case { line, hook, request, context, answer, failure, uses, plugin })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_case_is_named_with_its_line() {
        let bad = "\n{}\n{\"hook\":\"door\",\"request\":{}}\n \n{\"hook\":\"link\",\"request\":[]}\nx";
        let misses = read_cases(bad).expect_err("four are bad");
        assert_eq!(misses.iter().filter_map(|miss| miss.line).collect::<Vec<_>>(), [2, 3, 5, 6], "{misses:?}");
        let other = read_cases(r#"{"hook":"address","request":{"adress":"q"}}"#).expect_err("misspelled");
        assert_eq!(other[0].to_string(), "line 1: a request of `address` has no `adress`");
        let other =
            read_cases("\n{\"hook\":\"connection\",\"request\":{\"peer\":{\"user\":5}}}").expect_err("a number");
        let told = "line 2: `peer.user` of a request of `connection`: a text is expected, this is `5`";
        assert_eq!(other[0].to_string(), told);
        let other = read_cases(r#"{"hook":"connection","request":{"peer":{"tls":{"subjct":"x"}}}}"#).expect_err("deep");
        assert_eq!(other[0].to_string(), "line 1: a request of `connection` has no `peer.tls.subjct`");
        assert!(misses[1].message.contains("no hook is called `door`: there are failover, "), "{misses:?}");
        let other = read_cases(r#"{"hook":"address","request":{},"answr":{}}"#).expect_err("misspelled");
        assert_eq!(other[0].to_string(), "line 1: no case has `answr`");
    }

    #[test]
    fn a_case_has_a_context_and_more_than_is_read_does_no_harm() {
        let line = r#"{"hook":"session","request":{"ctx":{"now-ms":5}},"us":3,"plugin":"x","outcome":"ok"}"#;
        let cases = read_cases(line).expect("a case");
        assert_eq!((cases[0].context.now_ms, &cases[0].answer), (5, &Value::Null));
        let none = read_cases(r#"{"hook":"session","request":{}}"#).expect("a case");
        let Tree::Map(fields) = &none[0].request else { panic!("{none:?}") };
        assert_eq!(fields.first().map(|(key, _)| &**key), Some("ctx"));
    }
}
