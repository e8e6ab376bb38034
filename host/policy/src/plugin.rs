//! One plugin: its code, what it may be asked, and its instances.

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use crosstie_model::facts::PluginFacts;
use crosstie_model::policy::Hook;
use crosstie_model::settings::{Grant, Plugin as Settings, PluginPart};

use crate::answer::{self, Configured};
use crate::engine::{self, AnyModule, Declared, Entry, Module};
use crate::form::is_path;
use crate::health::Health;
use crate::host::Shared;
use crate::instance::{Cause, Failure, Instance};
use crate::reads::Reads;
use crate::request::{self, Context};

static SEQUENCE: AtomicU64 = AtomicU64::new(0);

/// Time and chance for one request.
pub(crate) fn context() -> Context {
    use std::hash::BuildHasher;
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let sequence = SEQUENCE.fetch_add(1, Ordering::Relaxed);
    let random = std::hash::RandomState::new().hash_one(sequence);
    let now_ms = u64::try_from(now.as_millis()).unwrap_or(u64::MAX);
    Context { now_ms, seed: random >> 11, sequence }
}

/// The export of a hook.
pub(crate) const fn export(hook: Hook) -> &'static str {
    match hook {
        Hook::Failover => "on_failover",
        Hook::Connection => "on_connection",
        Hook::Session => "on_session",
        Hook::Link => "on_link",
        Hook::Address => "on_address",
    }
}

/// What does not let a plugin load.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) message: String,
    pub(crate) part: PluginPart,
    pub(crate) hint: Option<String>,
}

impl Fault {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), part: PluginPart::Node, hint: None }
    }

    pub(crate) fn at(mut self, part: PluginPart) -> Self {
        self.part = part;
        self
    }

    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// On one line, for the log.
    pub(crate) fn text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{} ({hint})", self.message),
            None => self.message.clone(),
        }
    }
}

/// A plugin that loaded.
pub(crate) struct Plugin {
    pub(crate) settings: Settings,
    /// Of its file, SHA-256 in hexadecimal digits; or `native`.
    pub(crate) hash: String,
    pub(crate) shared: Arc<Shared>,
    pub(crate) health: Health,
    /// Those that are asked.
    pub(crate) hooks: Vec<Hook>,
    pub(crate) reads: Option<Vec<String>>,
    /// The same, for writing requests.
    pub(crate) wanted: Reads,
    router_id: String,
    module: AnyModule,
    /// Made at load, until a call needs it.
    first: Mutex<Option<Instance>>,
    /// Its file is gone, though the configuration names it.
    is_gone: AtomicBool,
}

/// A fresh instance, and what it said of itself.
struct Started {
    instance: Instance,
    configured: Configured,
    declared: Option<Declared>,
}

/// Configures code once. `hash`: of what it was made of.
pub(crate) async fn load(
    settings: Settings,
    (module, hash): (AnyModule, String),
    router_id: &str,
) -> Result<Plugin, Vec<Fault>> {
    let mut plugin = Plugin {
        health: Health::default(),
        hooks: module.hooks(),
        reads: None,
        wanted: Reads::All,
        router_id: router_id.to_owned(),
        module,
        first: Mutex::default(),
        is_gone: AtomicBool::new(false),
        shared: Arc::new(Shared::new(settings.name.as_str().into(), settings.limits.kv_bytes)),
        settings,
        hash,
    };
    let started = plugin.instance().await.map_err(|failure| vec![plugin.unconfigurable(failure)])?;
    let Started { instance, configured, declared } = started;
    if let Some(Declared { hooks, .. }) = declared {
        if hooks.is_empty() {
            let hint = "at least one of `onFailover`, `onConnection`, `onSession`, `onLink`, `onAddress`";
            return Err(vec![Fault::new("it has no function of a hook").hint(hint)]);
        }
        plugin.hooks = hooks;
    }
    let problems: Vec<Fault> = (configured.problems.iter())
        .map(|(message, path)| Fault::new(printable(message)).at(PluginPart::Config(path.clone())))
        .collect();
    if !problems.is_empty() {
        return Err(problems);
    }
    plugin.choose(configured).map_err(|fault| vec![fault])?;
    plugin.first = Mutex::new(Some(instance));
    Ok(plugin)
}

/// What a guest says, for a terminal: what would not be seen there is written out.
fn printable(text: &str) -> String {
    let shown = |letter: char| match letter {
        '"' | '\'' | '\\' => letter.to_string(),
        letter => letter.escape_debug().to_string(),
    };
    text.chars().map(shown).collect()
}

/// Without line breaks.
pub(crate) fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The words of what a plugin may use.
pub(crate) fn granted(settings: &Settings) -> Vec<&'static str> {
    settings.grants.iter().map(|grant| word(*grant)).collect()
}

/// The word of a grant.
pub(crate) const fn word(grant: Grant) -> &'static str {
    match grant {
        Grant::Log => "log",
        Grant::Counter => "counter",
        Grant::Kv => "kv",
    }
}

impl Plugin {
    /// Whether it has no file.
    pub(crate) const fn is_native(&self) -> bool {
        matches!(self.module, AnyModule::Native(_))
    }

    /// What it would call that nobody has, named for people; absent where there is nothing.
    pub(crate) fn unknown_imports(&self) -> Option<&str> {
        self.module.unknown_imports()
    }

    /// Says that it is asked from now on.
    pub(crate) fn announce(&self) {
        let plugin = &*self.shared.name;
        let hooks: Vec<_> = self.hooks.iter().map(|hook| hook.as_str()).collect();
        tracing::info!(target: "plugin", plugin, ?hooks, "plugin loaded");
        if let Some(imports) = self.unknown_imports() {
            tracing::warn!(target: "plugin", plugin, imports, "what it imports and no host has traps when it is called");
        }
    }

    /// What management shows.
    pub(crate) fn facts(&self) -> PluginFacts {
        let counts = self.shared.stats.now();
        let quarantine = self.health.quarantine(Instant::now());
        let state = match (self.is_gone(), quarantine) {
            (true, _) => "gone",
            (false, Some(_)) => "quarantine",
            (false, None) => "active",
        };
        PluginFacts {
            name: self.shared.name.to_string(),
            state,
            hash: self.hash.clone(),
            hooks: self.hooks.iter().map(|hook| hook.as_str()).collect(),
            only: self.settings.only.clone(),
            shadow_of: self.settings.shadow.clone(),
            comparisons: counts.comparisons,
            differences: counts.differences,
            dropped: counts.dropped,
            decisions: counts.decisions,
            no_opinion: counts.no_opinion,
            denials: counts.denials,
            contradictions: counts.contradictions,
            failures: counts.failures.iter().map(|(cause, count)| (cause.as_str(), *count)).collect(),
            last_failure: counts.last_failure.clone(),
            quarantine,
            latency_us: [0.5, 0.99, 1.0].map(|share| counts.latency_us(share)),
            counters: self.shared.counters(),
        }
    }

    /// Has the keys, values and counts of the one that it replaces.
    pub(crate) fn take_over(&mut self, before: &Self) {
        self.shared = before.shared.clone();
        self.shared.limit(self.settings.limits.kv_bytes);
        // made with others
        self.first = Mutex::default();
    }

    /// From now on every call fails: says whether that is new.
    pub(crate) fn leave(&self) -> bool {
        !self.is_gone.swap(true, Ordering::Relaxed)
    }

    /// Whether every call fails, since its file is gone.
    pub(crate) fn is_gone(&self) -> bool {
        self.is_gone.load(Ordering::Relaxed)
    }

    /// Whether it may be asked now.
    pub(crate) fn may_ask(&self, now: Instant) -> bool {
        !self.is_gone() && self.health.may_ask(now)
    }

    /// Which hooks are asked: exported, named by the configuration, chosen by the plugin itself.
    fn choose(&mut self, configured: Configured) -> Result<(), Fault> {
        if let Some(named) = &self.settings.hooks {
            if let Some(missing) = named.iter().find(|hook| !self.hooks.contains(hook)) {
                return Err(Fault::new(self.module.lacks(*missing)).hint("see its `hooks`"));
            }
            self.hooks.retain(|hook| named.contains(hook));
        }
        if let Some(chosen) = configured.hooks {
            let known = |word: &String| self.hooks.iter().any(|hook| hook.as_str() == word);
            if let Some(word) = chosen.iter().find(|word| !Hook::ALL.iter().any(|hook| hook.as_str() == *word)) {
                return Err(Fault::new(format!("it chooses the hook `{}`, which is none", word.escape_debug())));
            }
            if let (Some(word), None) = (chosen.iter().find(|word| !known(word)), &self.settings.hooks) {
                return Err(Fault::new(format!("it chooses the hook `{word}`, which it does not export")));
            }
            self.hooks.retain(|hook| chosen.iter().any(|word| word == hook.as_str()));
        }
        if let Some(path) = configured.reads.iter().flatten().find(|path| !is_path(path)) {
            return Err(Fault::new(format!("it reads `{}`, which no request has", path.escape_debug())));
        }
        self.wanted = configured.reads.as_deref().map_or(Reads::All, Reads::of);
        self.reads = configured.reads;
        Ok(())
    }

    /// A fresh instance, initialised and configured.
    async fn instance(&self) -> Result<Started, Failure> {
        let deadline = self.settings.limits.configure_deadline;
        tokio::time::timeout(deadline, self.start()).await.unwrap_or_else(|_| {
            Err(Failure::new(Cause::Deadline, format!("not configured within {} ms", deadline.as_millis())))
        })
    }

    /// Why it is not configured. What a script says of its fault needs no words before it.
    fn unconfigurable(&self, failure: Failure) -> Fault {
        let Failure { cause, detail } = failure;
        match (self.module.is_script(), cause) {
            (true, Cause::Trap) => Fault::new(one_line(&detail)),
            _ => Fault::new(format!("it cannot be configured ({}): {detail}", cause.as_str())),
        }
    }

    /// A fresh instance for calls.
    pub(crate) async fn ready(&self) -> Result<Instance, Failure> {
        let Started { instance, configured, .. } = self.instance().await?;
        match configured.problems.first() {
            Some((message, _)) => Err(Failure::bad_answer(format!("a problem that it had not at load: {message}"))),
            None => Ok(instance),
        }
    }

    /// The instance that was made at load, for who asks first.
    pub(crate) fn take_first(&self) -> Option<Instance> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Counts a failure; the first of each kind stands in the log. `peer` is who caused it, where it was admission.
    pub(crate) fn failed(&self, entry: &str, failure: Failure, peer: Option<IpAddr>) {
        let Failure { cause, detail: error } = failure;
        let (plugin, word) = (&*self.shared.name, cause.as_str());
        self.shared.stats.failed(cause, &error);
        let found = self.health.failed(Instant::now(), cause, peer);
        if found.is_first {
            tracing::warn!(target: "plugin", plugin, entry, cause = word, error, "plugin failed");
        } else {
            tracing::debug!(target: "plugin", plugin, entry, cause = word, error, "plugin failed again");
        }
        if let Some(wait) = found.quarantine {
            let (seconds, failures) = (wait.as_secs(), found.failures);
            tracing::warn!(target: "plugin", plugin, seconds, failures, "plugin in quarantine");
        }
    }

    /// Counts an answer.
    pub(crate) fn succeeded(&self, now: Instant) {
        if let Some(failures) = self.health.succeeded(now) {
            tracing::info!(target: "plugin", plugin = &*self.shared.name, failures, "plugin recovered");
        }
    }

    async fn start(&self) -> Result<Started, Failure> {
        let (context, limits) = (context(), &self.settings.limits);
        let engine::Started { guest, mut declared } = self.module.start(&self.shared, &self.settings, context).await?;
        let mut instance = Instance::new(guest);
        let granted = granted(&self.settings);
        let request = request::setup(&self.settings.name, &self.router_id, context, &granted, &self.settings.config);
        let mut configured = match instance.enter(Entry::Configure, &request, limits, context).await? {
            Some(answer) => answer::configured(answer).map_err(Failure::bad_answer)?,
            None => Configured::default(),
        };
        if let Some(declared) = &mut declared {
            configured.reads = configured.reads.or(declared.reads.take());
        }
        Ok(Started { instance, configured, declared })
    }
}
