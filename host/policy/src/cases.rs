//! Decisions that a plugin is to make: one JSON line each, as a router records them. They are asked outside a router.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use crosstie_model::policy::{Hook, Occasion};
use crosstie_model::settings;
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::instance::{Failure, Instance};
use crate::plugin::{Fault, Plugin, export};
use crate::reads::{Reads, unknown_path};
use crate::request::Context;
use crate::tape::{Playing, Tape, Use};
use crate::tree::Tree;
use crate::uses::read_uses;
use crate::{LoadProblem, Loader, Setup, answer, directory, problem};

/// Bytes of a file of cases.
const CASES_MAX_BYTES: u64 = 4 << 20;

/// How long a plugin may take for the cases beside it.
const PASS_MAX: Duration = Duration::from_secs(10);

/// Lines that the log names.
const MISSES_TOLD: usize = 3;

/// How bytes stand in JSON: an object with this key alone.
pub(crate) const BYTES: &str = "$bytes";

/// Fields of a request that a hint names.
const UNREAD_TOLD: usize = 3;

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
    hook: Hook,
    request: Tree<'static>,
    context: Context,
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

/// Whether a plugin decides its cases as they say, and in a time that others can wait.
pub(crate) async fn pass(plugin: &Plugin, cases: &[Case]) -> Result<(), Fault> {
    let (begun, mut reused) = (Instant::now(), None);
    for case in cases {
        if let Err(message) = check(plugin, &mut reused, case).await {
            let fault = fault("its cases", &[Miss { line: Some(case.line), message }]);
            return Err(fault.hint("`crosstie plugin test` tells of all"));
        }
        if begun.elapsed() > PASS_MAX {
            return Err(Fault::new(format!("its cases take longer than {} s", PASS_MAX.as_secs())));
        }
    }
    plugin.shared.forget();
    Ok(())
}

fn fault(of: &str, misses: &[Miss]) -> Fault {
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
    if let Some(unknown) = unknown_path(hook.as_str(), &request) {
        return Err(format!("a request of `{word}` has no `{}`", unknown.escape_debug()));
    }
    let number = |key: &str| request.get("ctx").and_then(|ctx| ctx.get(key)).and_then(Value::as_u64).unwrap_or(0);
    let context = Context { now_ms: number("now-ms"), seed: number("seed"), sequence: number("sequence") };
    request
        .entry("ctx")
        .or_insert_with(|| json!({ "now-ms": context.now_ms, "seed": context.seed, "sequence": context.sequence }));
    // as an answer of a guest is shown: `1.0` and `1` are one number there
    let answer = shown(&tree(answer)?);
    let (request, uses) = (tree(Value::Object(request))?, kv.map(read_uses).transpose()?);
    Ok(Case { line, hook, request, context, answer, failure, uses, plugin })
}

/// What JSON stands for.
pub(crate) fn tree(value: Value) -> Result<Tree<'static>, String> {
    Ok(match value {
        Value::Null => Tree::Null,
        Value::Bool(flag) => Tree::Bool(flag),
        Value::String(text) => Tree::Text(text.into()),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), ..) => Tree::Uint(number),
            (None, Some(number), _) => Tree::Int(number),
            (None, None, number) => Tree::Float(number.unwrap_or(f64::MAX)),
        },
        Value::Array(items) => Tree::Array(items.into_iter().map(tree).collect::<Result<_, _>>()?),
        Value::Object(fields) => {
            if let (1, Some(bytes)) = (fields.len(), fields.get(BYTES)) {
                let text = bytes.as_str().ok_or_else(|| format!("`{BYTES}` is no text"))?;
                let bytes = BASE64_STANDARD.decode(text).map_err(|error| format!("`{BYTES}` is no base64: {error}"))?;
                return Ok(Tree::Bytes(bytes.into()));
            }
            let field = |(key, value): (String, Value)| Ok((key.into(), tree(value)?));
            Tree::Map(fields.into_iter().map(field).collect::<Result<_, String>>()?)
        }
    })
}

/// A tree as JSON.
pub(crate) fn shown(tree: &Tree<'_>) -> Value {
    match tree {
        Tree::Map(fields) => fields.iter().map(|(key, value)| ((**key).to_owned(), shown(value))).collect(),
        Tree::Array(items) => items.iter().map(shown).collect(),
        Tree::Text(text) => json!(text),
        Tree::Bytes(bytes) => json!({ BYTES: BASE64_STANDARD.encode(bytes) }),
        Tree::Uint(number) => json!(number),
        Tree::Int(number) => json!(number),
        Tree::Float(number) => json!(number),
        Tree::Bool(flag) => json!(flag),
        Tree::Null => Value::Null,
    }
}

/// The same of bytes of the host's, or of a good answer: they can be read.
pub(crate) fn shown_bytes(bytes: &[u8]) -> Value {
    Tree::decode(bytes).as_ref().map_or(Value::Null, shown)
}

/// A plugin outside a router.
pub struct Trial {
    pub(crate) loader: Loader,
    pub(crate) plugin: Plugin,
}

impl std::fmt::Debug for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Trial").field("plugin", &self.plugin.shared.name).finish_non_exhaustive()
    }
}

impl Trial {
    /// Loads and configures the plugin of a file.
    ///
    /// # Errors
    ///
    /// Why it does not load.
    pub fn load(path: &Path, settings: settings::Plugin, setup: Setup) -> Result<Self, Vec<LoadProblem>> {
        let name = settings.name.clone();
        let told = |faults: Vec<Fault>| faults.into_iter().map(|fault| problem(Some(&name), fault)).collect::<Vec<_>>();
        let loader = Loader::new(setup).map_err(|fault| told(vec![fault]))?;
        let code = directory::read(path, settings.limits.module_bytes).map_err(|fault| told(vec![fault]))?;
        let plugin = loader.load(settings, &code).map_err(told)?;
        Ok(Self { loader, plugin })
    }

    /// The hooks that it is asked, and the fields that it reads; absent: all.
    #[must_use]
    pub fn describe(&self) -> (Vec<&'static str>, Option<&[String]>) {
        (self.plugin.hooks.iter().map(|hook| hook.as_str()).collect(), self.plugin.reads.as_deref())
    }

    /// What it imports and no host has, named for people: it traps when it is called. Absent where there is nothing.
    #[must_use]
    pub fn unknown_imports(&self) -> Option<&str> {
        self.plugin.unknown_imports()
    }

    /// Asks every case: in a fresh instance, and twice in one that is asked all of them. Keys and values are empty each time, or give what they gave when the case was recorded. A recorded failure is no decision, and is not asked.
    #[must_use]
    pub fn play(&self, cases: &[Case]) -> Vec<Miss> {
        self.loader.runtime.block_on(play(&self.plugin, cases))
    }

    /// The fuel of a decision, which is that of its second call: wasmtime's measure of a guest's instructions. Absent where the
    /// setup has none counted, or the policy is a native one.
    ///
    /// # Errors
    ///
    /// Why it makes none.
    pub fn fuel(&self, case: &Case) -> Result<Option<u64>, Miss> {
        self.loader.runtime.block_on(async {
            let failed = |message| Miss { line: Some(case.line), message };
            let mut instance = fresh(&self.plugin).await.map_err(failed)?;
            call(&self.plugin, &mut instance, case, &self.plugin.wanted).await.map_err(failed)?;
            let before = instance.fuel();
            call(&self.plugin, &mut instance, case, &self.plugin.wanted).await.map_err(failed)?;
            Ok(before.zip(instance.fuel()).map(|(before, after)| before.saturating_sub(after)))
        })
    }

    /// The time of a decision, request encoded and answer checked: the median of so many, and the slowest.
    ///
    /// # Errors
    ///
    /// Why it makes none.
    pub fn time(&self, case: &Case, count: u32) -> Result<(Duration, Duration), Miss> {
        self.loader.runtime.block_on(async {
            let failed = |message| Miss { line: Some(case.line), message };
            let mut instance = fresh(&self.plugin).await.map_err(failed)?;
            let mut times = Vec::new();
            for _ in 0..count.max(1) {
                let begun = Instant::now();
                let said = call(&self.plugin, &mut instance, case, &self.plugin.wanted).await.map_err(failed)?;
                if let Some(answer) = said {
                    accept(&self.plugin, case, answer).map_err(failed)?;
                }
                times.push(begun.elapsed());
            }
            times.sort_unstable();
            let at = |index: usize| times.get(index).copied().unwrap_or_default();
            Ok((at(times.len() / 2), at(times.len().saturating_sub(1))))
        })
    }
}

/// Asks a plugin its cases; see [`Trial::play`].
pub(crate) async fn play(plugin: &Plugin, cases: &[Case]) -> Vec<Miss> {
    let mut misses = Vec::new();
    let mut reused = None;
    for case in cases {
        if let Err(message) = check(plugin, &mut reused, case).await {
            misses.push(Miss { line: Some(case.line), message });
        }
    }
    misses
}

async fn check(plugin: &Plugin, reused: &mut Option<Instance>, case: &Case) -> Result<(), String> {
    if !case.is_asked() {
        return Ok(());
    }
    if !plugin.hooks.contains(&case.hook) {
        let asked = plugin.hooks.iter().map(|hook| hook.as_str()).collect::<Vec<_>>().join(", ");
        let asked = if asked.is_empty() { "nothing" } else { &asked };
        return Err(format!("it is not asked by `{}`; its hooks: {asked}", export(case.hook)));
    }
    let said = match ask(plugin, &mut fresh(plugin).await?, case).await {
        Ok(said) if said == case.answer => said,
        other => {
            let why = other.map_or_else(|why| why, |said| differs(&said, &case.answer));
            if !decides_by_all(plugin, case).await {
                return Err(why);
            }
            return Err(format!("{why}; it does where all is sent{}", unread(&case.request, &plugin.wanted)));
        }
    };
    for _ in 0..2 {
        let mut instance = match reused.take() {
            Some(instance) => instance,
            None => fresh(plugin).await?,
        };
        let again = ask(plugin, &mut instance, case).await?;
        if again != said {
            return Err(format!(
                "keeps something from one call to the next: answers {again} where it was asked before, and {said} where not"
            ));
        }
        *reused = Some(instance);
    }
    Ok(())
}

fn differs(said: &Value, expected: &Value) -> String {
    match (said, expected) {
        (Value::Null, expected) => format!("has no opinion, and not {expected}"),
        (said, Value::Null) => format!("answers {said}, and should have no opinion"),
        (said, expected) => format!("answers {said}, and not {expected}"),
    }
}

/// Whether it decides a case as that says where all is sent, and not what it reads: then it reads more than it names.
async fn decides_by_all(plugin: &Plugin, case: &Case) -> bool {
    let Ok(mut instance) = fresh(plugin).await else { return false };
    plugin.reads.is_some()
        && ask_with(plugin, &mut instance, case, &Reads::All).await.is_ok_and(|said| said == case.answer)
}

/// What a case gives and its plugin does not read, as a hint.
fn unread(request: &Tree<'_>, reads: &Reads) -> String {
    let mut paths = Vec::new();
    add_unread(request, reads, "", &mut paths);
    let more = match paths.len().saturating_sub(UNREAD_TOLD) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    paths.truncate(UNREAD_TOLD);
    if paths.is_empty() { String::new() } else { format!(" (its `reads` leave out {}{more})", paths.join(", ")) }
}

fn add_unread(tree: &Tree<'_>, reads: &Reads, above: &str, paths: &mut Vec<String>) {
    let Tree::Map(fields) = tree else { return };
    // a context is in every case, whether it says so or not
    for (key, value) in fields.iter().filter(|(key, _)| !(above.is_empty() && key == "ctx")) {
        let path = if above.is_empty() { key.to_string() } else { format!("{above}.{key}") };
        match reads.inside(key) {
            Some(inside) => add_unread(value, inside, &path, paths),
            None => paths.push(path),
        }
    }
}

pub(crate) async fn fresh(plugin: &Plugin) -> Result<Instance, String> {
    plugin.ready().await.map_err(|failure| told(&failure))
}

/// The answer to a case as JSON, which is one that the router would take.
pub(crate) async fn ask(plugin: &Plugin, instance: &mut Instance, case: &Case) -> Result<Value, String> {
    ask_with(plugin, instance, case, &plugin.wanted).await
}

async fn ask_with(plugin: &Plugin, instance: &mut Instance, case: &Case, reads: &Reads) -> Result<Value, String> {
    plugin.shared.forget();
    let Some(answer) = call(plugin, instance, case, reads).await? else { return Ok(Value::Null) };
    match (Tree::decode(answer), accept(plugin, case, answer)) {
        (Ok(said), Ok(())) => Ok(shown(&said)),
        (Ok(said), Err(why)) => Err(format!("bad answer {}: {why}", shown(&said))),
        (Err(why), _) => Err(told(&Failure::bad_answer(why))),
    }
}

async fn call<'i>(
    plugin: &Plugin,
    instance: &'i mut Instance,
    case: &Case,
    reads: &Reads,
) -> Result<Option<&'i [u8]>, String> {
    let limits = &plugin.settings.limits;
    let request = case.request.encode(reads);
    let play = |uses: &Vec<Use>| Tape::Playing(Playing::new(uses, limits.kv_bytes));
    instance.set_tape(case.uses.as_ref().map_or(Tape::Off, play));
    let asking = instance.ask(case.hook, &request, limits, case.context);
    match tokio::time::timeout(limits.deadline, asking).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(failure)) => Err(told(&failure)),
        Err(_) => Err(format!("no answer within {} ms", limits.deadline.as_millis())),
    }
}

fn accept(plugin: &Plugin, case: &Case, answer: &[u8]) -> Result<(), String> {
    answer::check(case.hook, &plugin.shared.name, about(&case.request), answer)
}

/// What an answer is checked by: how many candidates a request has, and when its address was named.
pub(crate) fn about(request: &Tree<'_>) -> (usize, Occasion) {
    let field = |wanted: &str| match request {
        Tree::Map(fields) => fields.iter().find(|(key, _)| key == wanted).map(|(_, value)| value),
        _ => None,
    };
    let candidates = match field("candidates") {
        Some(Tree::Array(items)) => items.len(),
        _ => 0,
    };
    let is_anonymous = field("occasion") == Some(&Tree::Text("anonymous".into()));
    (candidates, if is_anonymous { Occasion::Anonymous } else { Occasion::Attach })
}

fn told(failure: &Failure) -> String {
    format!("{}: {}", failure.cause.as_str(), failure.detail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_stands_for_trees() {
        let text = r#"{"a":[1,-2,0.5,true,null,"x"],"b":{"$bytes":"AQI="},"c":{"$bytes":"AQI=","d":1}}"#;
        let value: Value = serde_json::from_str(text).expect("JSON");
        let read = tree(value.clone()).expect("a tree");
        let Tree::Map(fields) = &read else { panic!("{read:?}") };
        assert!(fields.contains(&("b".into(), Tree::Bytes(vec![1, 2].into()))), "{fields:?}");
        assert_eq!(shown(&read), value);
        assert!(tree(json!({ "$bytes": 1 })).is_err() && tree(json!({ "$bytes": "?" })).is_err());
    }

    #[test]
    fn what_is_no_case_is_named_with_its_line() {
        let bad = "\n{}\n{\"hook\":\"door\",\"request\":{}}\n \n{\"hook\":\"link\",\"request\":[]}\nx";
        let misses = read_cases(bad).expect_err("four are bad");
        assert_eq!(misses.iter().filter_map(|miss| miss.line).collect::<Vec<_>>(), [2, 3, 5, 6], "{misses:?}");
        let other = read_cases(r#"{"hook":"address","request":{"adress":"q"}}"#).expect_err("misspelled");
        assert_eq!(other[0].to_string(), "line 1: a request of `address` has no `adress`");
        let other = read_cases(r#"{"hook":"connection","request":{"peer":{"tls":{"subjct":"x"}}}}"#).expect_err("deep");
        assert_eq!(other[0].to_string(), "line 1: a request of `connection` has no `peer.tls.subjct`");
        assert!(misses[1].message.contains("no hook is called `door`: there are failover, "), "{misses:?}");
        let other = read_cases(r#"{"hook":"address","request":{},"answr":{}}"#).expect_err("misspelled");
        assert_eq!(other[0].to_string(), "line 1: no case has `answr`");
    }

    #[test]
    fn fields_that_a_case_gives_and_its_plugin_does_not_read_are_named() {
        let line = r#"{"hook":"connection","request":{"peer":{"user":"a","ip":"::1","tls":{"sni":"x"}},"recheck":true,"limits":{}}}"#;
        let request = &read_cases(line).expect("a case")[0].request;
        let unread = |paths: &[&str]| {
            super::unread(request, &Reads::of(&paths.iter().map(ToString::to_string).collect::<Vec<_>>()))
        };
        assert_eq!(unread(&["peer", "recheck", "limits"]), "");
        assert_eq!(unread(&["peer.user", "peer.ip", "recheck", "limits"]), " (its `reads` leave out peer.tls)");
        assert_eq!(unread(&["peer.ip"]), " (its `reads` leave out limits, peer.tls, peer.user and 1 more)");
        assert_eq!(super::unread(request, &Reads::All), "");
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
