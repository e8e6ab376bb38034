//! The record: decisions as JSON lines in a file of limited size. Workers hand lines over and never wait; a thread writes them.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crosstie_model::facts::RecordFacts;
use crosstie_model::policy::{Hook, RecordOrder};
use crosstie_model::random::Random;
use crosstie_model::settings::{PluginPart, Record as Settings};
use crosstie_model::trail::Said;
use serde_json::{Map, Value, json};

use crate::form::is_path_into;
use crate::json::{shown_answer, shown_request};
use crate::plugin::{Fault, Plugin};
use crate::request::Context;
use crate::tape::Kept;
use crate::uses::shown_uses;
use crate::{LoadProblem, problem};

/// Lines that wait to be written; those beyond are dropped and counted.
const WAITING_MAX: usize = 256;

/// All decisions, in the unit of [`Recorder::share`].
const ALL: u64 = 1 << 53;

/// One decision.
pub(crate) struct Line {
    pub(crate) hook: Hook,
    pub(crate) context: Context,
    /// The whole of it, whatever the plugin reads.
    pub(crate) request: Vec<u8>,
    /// As the guest gave it, a good one; `Err`: why it failed.
    pub(crate) answer: Result<Option<Vec<u8>>, String>,
    /// Of what kind that was.
    pub(crate) failure: Option<&'static str>,
    pub(crate) took: Duration,
    pub(crate) kept: Kept,
    pub(crate) plugin: Arc<Plugin>,
}

/// Shared by all workers.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    /// How many of 2^53 decisions are recorded; 0: it is off.
    share: AtomicU64,
    written: Arc<AtomicU64>,
    dropped: Arc<AtomicU64>,
    /// Held by whoever has it put on or off: the file is opened before the state is touched, which calls of plugins wait for.
    orders: Mutex<()>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    settings: Settings,
    lines: Option<SyncSender<Box<Line>>>,
    /// Why it stopped by itself.
    fault: Arc<Mutex<Option<String>>>,
}

impl Recorder {
    /// One that is off; with these it is put on.
    pub(crate) fn new(settings: Settings) -> Self {
        Self { state: Mutex::new(State { settings, ..State::default() }), ..Self::default() }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the decision about a request is to be recorded.
    pub(crate) fn wants(&self, context: Context) -> bool {
        // of the seed, but not by its size: a plugin may decide by that, and both of its ways are to be recorded
        let chance = Random::new(!context.seed).draw() >> 11;
        chance < self.share.load(Ordering::Relaxed)
    }

    /// Takes a line, if there is room.
    pub(crate) fn add(&self, line: Line) {
        let Some(lines) = self.state().lines.clone() else {
            return;
        };
        match lines.try_send(Box::new(line)) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => drop(self.dropped.fetch_add(1, Ordering::Relaxed)),
            // the file could not be written
            Err(TrySendError::Disconnected(_)) => self.share.store(0, Ordering::Relaxed),
        }
    }

    /// Goes by another configuration, which has it on or off.
    pub(crate) fn configure(&self, settings: Settings, is_on: bool) {
        let is_off = self.order(&RecordOrder::Off);
        self.state().settings = settings;
        let on = RecordOrder::On { sample: None, max_bytes: None };
        if let Err(error) = if is_on { self.order(&on) } else { is_off } {
            tracing::warn!(target: "plugin", error, "decisions are not recorded");
            self.state().fault = Arc::new(Mutex::new(Some(error)));
        }
    }

    /// Does what it is told.
    ///
    /// # Errors
    ///
    /// Why the file cannot be written.
    pub(crate) fn order(&self, order: &RecordOrder) -> Result<(), String> {
        let _one_at_a_time = self.orders.lock().unwrap_or_else(PoisonError::into_inner);
        match order {
            RecordOrder::Off => {
                self.share.store(0, Ordering::Relaxed);
                // the thread writes what it has, and ends
                if self.state().lines.take().is_some() {
                    tracing::info!(target: "plugin", "decisions are recorded no more");
                }
                Ok(())
            }
            RecordOrder::On { sample, max_bytes } => {
                let settings = {
                    let settings = &mut self.state().settings;
                    settings.sample = sample.unwrap_or(settings.sample);
                    settings.max_bytes = max_bytes.unwrap_or(settings.max_bytes);
                    settings.clone()
                };
                if settings.file.as_os_str().is_empty() {
                    return Err("there are no plugins, or there is no place for a file".to_owned());
                }
                let mut file = Rotating::open(&settings.file, settings.max_bytes)
                    .map_err(|error| format!("`{}` cannot be written: {error}", settings.file.display()))?;
                let (sender, lines) = sync_channel(WAITING_MAX);
                let (written, dropped, redact) = (self.written.clone(), self.dropped.clone(), settings.redact.clone());
                let fault = Arc::<Mutex<Option<String>>>::default();
                let told = fault.clone();
                let run = move || {
                    if let Err(error) = write_all(&lines, &mut file, &redact, (&written, &dropped)) {
                        tracing::warn!(target: "plugin", %error, "decisions are recorded no more: the file cannot be written");
                        *told.lock().unwrap_or_else(PoisonError::into_inner) = Some(error.to_string());
                    }
                };
                let thread = std::thread::Builder::new().name("policy-record".to_owned()).spawn(run);
                thread.map_err(|error| format!("no thread for it: {error}"))?;
                {
                    let mut state = self.state();
                    (state.lines, state.fault) = (Some(sender), fault);
                }
                self.share.store(share(settings.sample), Ordering::Relaxed);
                let (file, sample) = (settings.file.display(), settings.sample);
                tracing::info!(target: "plugin", %file, sample, max_bytes = settings.max_bytes, "decisions are recorded");
                Ok(())
            }
        }
    }

    /// Absent: there is no place for it.
    pub(crate) fn facts(&self) -> Option<RecordFacts> {
        let state = self.state();
        if state.settings.file.as_os_str().is_empty() {
            return None;
        }
        let fault = state.fault.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Some(RecordFacts {
            is_on: state.lines.is_some() && fault.is_none(),
            file: state.settings.file.display().to_string(),
            sample: state.settings.sample,
            max_bytes: state.settings.max_bytes,
            written: self.written.load(Ordering::Relaxed),
            dropped: self.dropped.load(Ordering::Relaxed),
            fault,
        })
    }
}

/// What is not redacted because no request has it: nothing is to be left in by a slip of the pen.
pub(crate) fn check(settings: &Settings) -> impl Iterator<Item = LoadProblem> + use<'_> {
    let redact = settings.redact.iter().enumerate();
    let unknown = redact.filter(|(_, path)| *path != "kv" && !is_path_into(path)).map(|(index, path)| {
        let fault = Fault::new(format!("no request has `{}`, which `record` is to redact", path.escape_debug()));
        let fault = fault.hint("a field as in policy.wit, such as `peer.user`, or `kv`");
        problem(None, fault.at(PluginPart::Redacted(index)))
    });
    let unfit = unfit(&settings.file).map(|why| {
        let fault = Fault::new(format!("decisions cannot be recorded in `{}`: {why}", settings.file.display()));
        let fault = fault.hint("a file of its own, such as `decisions.jsonl`");
        problem(None, fault.at(PluginPart::RecordFile))
    });
    unknown.chain(unfit)
}

/// Why a file is not for records.
fn unfit(path: &Path) -> Option<&'static str> {
    let found = path.metadata().ok();
    if path.extension().is_some_and(|extension| extension == "wasm" || extension == "js") {
        return Some("its name is that of a plugin");
    }
    if found.as_ref().is_some_and(|found| !found.is_file()) {
        return Some("it is no regular file");
    }
    let mut first = [b'{'];
    let is_other = File::open(path).and_then(|mut file| file.read(&mut first)).is_ok() && first != [b'{'];
    is_other.then_some("it holds something else")
}

/// A share of all in units of 2^-53.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "0 to 2^53")]
fn share(sample: f64) -> u64 {
    (sample.clamp(0.0, 1.0) * ALL as f64) as u64
}

fn write_all(
    lines: &Receiver<Box<Line>>,
    file: &mut Rotating,
    redact: &[String],
    (written, dropped): (&AtomicU64, &AtomicU64),
) -> io::Result<()> {
    while let Ok(line) = lines.recv() {
        let mut text = json(*line, redact).to_string();
        text.push('\n');
        let count = if file.write(text.as_bytes())? { written } else { dropped };
        count.fetch_add(1, Ordering::Relaxed);
    }
    Ok(())
}

/// As it stands in the file: a case, with what else is known.
fn json(line: Line, redact: &[String]) -> Value {
    let Line { hook, context, request, answer, failure, took, kept, plugin } = line;
    let answer = answer.map(|said| said.map(|bytes| shown_answer(&bytes)));
    let outcome = failure.unwrap_or_else(|| outcome(answer.as_ref().ok().and_then(Option::as_ref)));
    let mut request = shown_request(&request);
    let (kv_path, paths): (Vec<&String>, Vec<&String>) = redact.iter().partition(|path| *path == "kv");
    paths.iter().for_each(|path| take_out(&mut request, path));
    let mut fields = Map::new();
    let mut add = |key: &str, value: Value| drop(fields.insert(key.to_owned(), value));
    add("hook", json!(hook.as_str()));
    add("request", request);
    match answer {
        Ok(Some(answer)) => add("answer", answer),
        Ok(None) => {}
        Err(why) => add("failure", json!(why)),
    }
    add("outcome", json!(outcome));
    add("plugin", json!(&*plugin.shared.name));
    add("hash", json!(plugin.hash));
    if let Some(of) = &plugin.settings.shadow {
        add("shadow-of", json!(of));
    }
    add("sequence", json!(context.sequence));
    add("us", json!(u64::try_from(took.as_micros()).unwrap_or(u64::MAX)));
    if kv_path.is_empty() {
        if !kept.uses.is_empty() {
            add("kv", shown_uses(&kept.uses));
        }
        if kept.is_cut {
            add("kv-cut", json!(true));
        }
    }
    if !redact.is_empty() {
        add("redacted", json!(redact));
    }
    Value::Object(fields)
}

/// An answer in one word.
fn outcome(answer: Option<&Value>) -> &'static str {
    let Some(answer) = answer else { return Said::NoOpinion.as_str() };
    let cases = [("allow", Said::Allow), ("deny", Said::Deny), ("apply", Said::Apply)];
    cases.iter().find(|(case, _)| answer.get(case).is_some()).map_or("order", |(_, said)| said.as_str())
}

/// Takes the field of a path out of a request: `peer.user`; of lists, out of each item.
fn take_out(value: &mut Value, path: &str) {
    let (first, rest) = path.split_once('.').map_or((path, None), |(first, rest)| (first, Some(rest)));
    match (value, rest) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| take_out(item, path)),
        (Value::Object(fields), None) => drop(fields.remove(first)),
        (Value::Object(fields), Some(rest)) => {
            if let Some(inner) = fields.get_mut(first) {
                take_out(inner, rest);
            }
        }
        _ => {}
    }
}

/// A file, and the one before it: together they have at most so many bytes.
#[derive(Debug)]
struct Rotating {
    path: PathBuf,
    file: File,
    used: u64,
    half_max_bytes: u64,
}

impl Rotating {
    /// Goes on behind what is there.
    fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        if let Some(why) = unfit(path) {
            return Err(io::Error::other(why));
        }
        // what peers say is nobody else's business
        let file = OpenOptions::new().append(true).create(true).mode(0o600).open(path)?;
        let used = file.metadata()?.len();
        Ok(Self { path: path.to_path_buf(), file, used, half_max_bytes: max_bytes / 2 })
    }

    /// Writes a line. One that finds no room is the first of another file; `false`: it would find none there either.
    fn write(&mut self, line: &[u8]) -> io::Result<bool> {
        let bytes = u64::try_from(line.len()).unwrap_or(u64::MAX);
        if bytes > self.half_max_bytes {
            return Ok(false);
        }
        if self.used.saturating_add(bytes) > self.half_max_bytes {
            std::fs::rename(&self.path, before(&self.path))?;
            *self = Self::open(&self.path, self.half_max_bytes.saturating_mul(2))?;
        }
        self.file.write_all(line)?;
        self.used = self.used.saturating_add(bytes);
        Ok(true)
    }
}

/// Where the lines before those of a file are: `decisions.jsonl.1`.
fn before(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_have_a_limit_together_and_the_latest_lines() {
        let place = std::env::temp_dir().join(format!("crosstie-record-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let path = place.join("d.jsonl");
        let mut file = Rotating::open(&path, 100).unwrap();
        for number in 0..40 {
            file.write(format!("{{\"n\":{number:02}}}\n").as_bytes()).unwrap();
        }
        // one that never fits is left out
        assert!(!file.write(&[b'x'; 60]).unwrap());
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        let (old, new) = (read(&before(&path)), read(&path));
        assert!(old.len() + new.len() <= 100, "{old}{new}");
        assert!(new.ends_with("{\"n\":39}\n") && format!("{old}{new}").lines().count() >= 6, "{old}{new}");
        // it goes on behind what is there
        let used = Rotating::open(&path, 100).unwrap().used;
        assert_eq!(used, u64::try_from(new.len()).unwrap());
        assert!(Rotating::open(&place, 100).is_err());
        // nor behind what is something else
        let other = place.join("crosstie.kdl");
        std::fs::write(&other, "router\n").unwrap();
        assert!(Rotating::open(&other, 100).is_err() && Rotating::open(&place.join("rec.js"), 100).is_err());
        std::fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn what_is_redacted_is_taken_out() {
        let mut request =
            json!({ "peer": { "user": "bob", "ip": "::1", "attributes": [{ "key": "a", "val": "b" }] }, "name": "l" });
        for path in ["peer.user", "peer.attributes.val", "name", "nothing.there"] {
            take_out(&mut request, path);
        }
        assert_eq!(request, json!({ "peer": { "ip": "::1", "attributes": [{ "key": "a" }] } }));
    }

    #[test]
    fn orders_of_many_take_turns() {
        let place = std::env::temp_dir().join(format!("crosstie-record-orders-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let recorder = Recorder::new(Settings { file: place.join("d.jsonl"), ..Settings::default() });
        let on = |sample| RecordOrder::On { sample: Some(sample), max_bytes: None };
        std::thread::scope(|scope| {
            for sample in [0.25, 0.5, 0.75] {
                let recorder = &recorder;
                scope.spawn(move || {
                    for _ in 0..50 {
                        recorder.order(&on(sample)).unwrap();
                        recorder.order(&RecordOrder::Off).unwrap();
                        recorder.order(&on(sample)).unwrap();
                    }
                });
            }
        });
        // whoever came last has it go by one order as a whole
        let facts = recorder.facts().unwrap();
        assert!(facts.is_on && recorder.share.load(Ordering::Relaxed) == share(facts.sample), "{facts:?}");
        recorder.order(&RecordOrder::Off).unwrap();
        assert!(!recorder.facts().unwrap().is_on && recorder.share.load(Ordering::Relaxed) == 0);
        std::fs::remove_dir_all(&place).unwrap();
    }

    #[test]
    fn a_share_of_all_is_recorded() {
        let recorder = Recorder::default();
        let context = |seed| Context { now_ms: 0, seed, sequence: 0 };
        assert!(!recorder.wants(context(0)));
        recorder.share.store(share(0.25), Ordering::Relaxed);
        // of those by whom a plugin may decide one thing, and the other
        for from in [0, ALL / 2] {
            let wanted = (0..10_000).filter(|step| recorder.wants(context(from + step * (ALL / 20_000)))).count();
            assert!((2_300..2_700).contains(&wanted), "{from} {wanted}");
        }
        recorder.share.store(share(1.0), Ordering::Relaxed);
        assert!(recorder.wants(context(ALL - 1)));
    }
}
