//! A plugin outside a router: its cases are asked, and decisions are measured.

use std::path::Path;
use std::time::{Duration, Instant};

use crosstie_model::policy::Occasion;
use crosstie_model::settings;
use serde_json::Value;

use crate::cases::{Case, Miss, fault};
use crate::instance::{Failure, Instance};
use crate::json::{plain, shown};
use crate::plugin::{Fault, Plugin, export};
use crate::reads::Reads;
use crate::tape::{Playing, Tape, Use};
use crate::tree::Tree;
use crate::{LoadProblem, Loader, Setup, answer, directory, problem};

/// How long a plugin may take for the cases beside it.
const PASS_MAX: Duration = Duration::from_secs(10);

/// Fields of a request that a hint names.
const UNREAD_TOLD: usize = 3;

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
        (Ok(said), Ok(())) => Ok(plain(&said)),
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
    use crate::cases::read_cases;

    use super::*;

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
}
