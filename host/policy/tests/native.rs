//! Native policies: what the policy does for plugins and asks of them, whatever engine runs them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

mod common;

use std::cell::Cell;
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use crosstie_model::policy::{
    self, AddressRequest, AddressVerdict, Hook, LinkDirection, Occasion, SessionRequest, Verdict,
};
use crosstie_model::settings::{ConfigNode, Distribution, Grant, OnFailure, Plugin, PluginLimits, PluginPart, Plugins};
use crosstie_policy::native::{Deciding, Guest, Host, Natives, Policy};
use crosstie_policy::{Entry, LoadProblem, PolicyEngine, Setup, Trial, load, read_cases};
use serde_json::{Value, json};

use crate::common::{asks, connection, peer, run};

/// Where the answer comes from.
type Decide = dyn Fn(Entry, &[u8], &Host) -> Result<Option<Value>, String> + Send + Sync;

/// A policy that answers at once, in JSON.
#[derive(Clone)]
struct Says(Arc<Decide>);

impl Policy for Says {
    fn hooks(&self) -> Vec<Hook> {
        Hook::ALL.to_vec()
    }

    fn start(&self) -> Box<dyn Guest> {
        Box::new(self.clone())
    }
}

impl Guest for Says {
    fn enter<'g>(&'g mut self, entry: Entry, request: &'g [u8], host: Host) -> Deciding<'g> {
        Box::pin(async move { Ok((self.0)(entry, request, &host)?.as_ref().map(cbor)) })
    }
}

/// One that decides so when it is asked, and is configured without a word.
fn says(decide: impl Fn(&[u8], &Host) -> Result<Option<Value>, String> + Send + Sync + 'static) -> Says {
    Says(Arc::new(move |entry, request: &[u8], host: &Host| match entry {
        Entry::Configure => Ok(None),
        Entry::Hook(_) => decide(request, host),
    }))
}

fn always(answer: Value) -> Says {
    says(move |_, _| Ok(Some(answer.clone())))
}

fn deny() -> Value {
    json!({ "deny": { "condition": "amqp:not-allowed", "description": "no" } })
}

/// JSON in the form of the ABI.
fn cbor(value: &Value) -> Vec<u8> {
    fn write(value: &Value, out: &mut minicbor::Encoder<&mut Vec<u8>>) {
        match value {
            Value::Object(fields) => {
                out.map(fields.len().try_into().unwrap()).unwrap();
                for (key, value) in fields {
                    out.str(key).unwrap();
                    write(value, out);
                }
            }
            Value::Array(items) => {
                out.array(items.len().try_into().unwrap()).unwrap();
                items.iter().for_each(|item| write(item, out));
            }
            Value::String(text) => drop(out.str(text).unwrap()),
            Value::Number(number) => drop(out.u64(number.as_u64().unwrap()).unwrap()),
            Value::Bool(flag) => drop(out.bool(*flag).unwrap()),
            Value::Null => drop(out.null().unwrap()),
        }
    }
    let mut bytes = Vec::new();
    write(value, &mut minicbor::Encoder::new(&mut bytes));
    bytes
}

fn setup(natives: Natives) -> Setup {
    Setup { router_id: "r".to_owned(), natives, ..Setup::default() }
}

fn attempt(natives: Natives, named: Vec<Plugin>) -> Result<PolicyEngine, Vec<LoadProblem>> {
    load(&Plugins { directory: PathBuf::new(), named, record: None }, setup(natives))
}

fn engine(natives: Natives, named: Vec<Plugin>) -> PolicyEngine {
    attempt(natives, named).unwrap()
}

fn address(name: &str) -> AddressRequest {
    AddressRequest {
        address: name.to_owned(),
        occasion: Occasion::Attach,
        direction: LinkDirection::Inbound,
        peer: peer(None),
        capabilities: Vec::new(),
        configured: Distribution::Balanced,
        phase: 0,
    }
}

#[test]
fn a_chain_asks_all_and_merges_what_they_grant() {
    let quota = json!([{ "key": "u", "max": 2 }]);
    let gold = json!([{ "key": "tier", "val": "gold" }]);
    let silver = json!([{ "key": "tier", "val": "silver" }]);
    let natives = Natives::default()
        .with(
            "a",
            always(
                json!({ "allow": { "limits": { "links": 5, "sessions": 3 }, "quotas": quota, "attributes": gold } }),
            ),
        )
        .with("b", always(json!({ "allow": { "limits": { "links": 3 }, "attributes": silver, "note": "second" } })))
        .with("c", says(|_, _| Ok(None)));
    let named = || vec![Plugin::unnamed("b"), Plugin::unnamed("a")];
    let first = engine(natives.clone(), named());
    let last = engine(natives.with("d", always(deny())), named());
    run(async {
        let (verdict, trail) = first.worker().connection(connection(None)).await;
        let Verdict::Allow(grant) = verdict else { panic!("{verdict:?}") };
        assert_eq!((grant.limits.links, grant.limits.sessions), (Some(3), Some(3)));
        let quota = policy::Quota { plugin: "a".into(), key: "u".to_owned(), max: 2 };
        assert_eq!(grant.quotas, [quota]);
        assert_eq!(grant.attributes, [("tier".to_owned(), "silver".to_owned())]);
        let asked: Vec<_> = trail.steps().iter().map(|step| (&*step.plugin, step.note.as_deref())).collect();
        assert_eq!(asked, [("b", Some("second")), ("a", None), ("c", None)]);
        let (verdict, trail) = last.worker().session(SessionRequest { peer: peer(None), sessions_open: 1 }).await;
        let Verdict::Deny(denial) = verdict else { panic!("{verdict:?}") };
        assert_eq!((&*denial.plugin, &*denial.refusal.description), ("d", "no"));
        assert_eq!(trail.steps().len(), 4);
    });
}

#[test]
fn the_first_answer_about_an_address_ends_the_chain() {
    let rename = |to: &str| always(json!({ "apply": { "address": to, "ttl-ms": 500 } }));
    let natives =
        Natives::default().with("a", says(|_, _| Ok(None))).with("b", rename("new")).with("c", rename("other"));
    let engine = engine(natives, Vec::new());
    run(async {
        let (decision, trail) = engine.worker().address(address("old")).await;
        let AddressVerdict::Apply { ruling, .. } = decision.verdict else { panic!("{decision:?}") };
        assert_eq!((ruling.address.as_deref(), decision.ttl), (Some("new"), Some(Duration::from_millis(500))));
        assert_eq!(trail.steps().len(), 2);
    });
}

#[test]
fn configuration_comes_first_and_says_what_is_sent() {
    let node =
        |name: &str| ConfigNode { name: name.to_owned(), args: Vec::new(), props: Vec::new(), children: Vec::new() };
    let picky = Says(Arc::new(|entry, request: &[u8], _: &Host| {
        let has = |text: &str| request.windows(text.len()).any(|bytes| bytes == text.as_bytes());
        match entry {
            Entry::Configure if has("bad") => Ok(Some(json!({ "problems": [{ "message": "not that", "path": [1] }] }))),
            Entry::Configure => Ok(Some(json!({ "reads": ["peer.user"], "hooks": ["connection"] }))),
            // {"peer": {"user": "alice"}}
            Entry::Hook(_) if request == b"\xa1\x64peer\xa1\x64user\x65alice" => Ok(None),
            Entry::Hook(_) => Err(format!("{request:?}")),
        }
    }));
    let natives = Natives::default().with("p", picky);
    let settings = |config| Plugin { config, ..Plugin::unnamed("p") };
    let engine = engine(natives.clone(), vec![settings(vec![node("good")])]);
    assert_eq!(engine.names(), [("p".to_owned(), vec!["connection"])]);
    let log = run(async { assert!(asks(&engine.worker(), Some("alice")).await) });
    assert!(!log.contains("plugin failed"), "{log}");
    let problems = attempt(natives.clone(), vec![settings(vec![node("good"), node("bad")])]).unwrap_err();
    let [LoadProblem { plugin: Some(plugin), part, message, .. }] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((&**plugin, part, &**message), ("p", &PluginPart::Config(vec![1]), "not that"));
    let hooks = Plugin { hooks: Some(vec![Hook::Link]), ..Plugin::unnamed("p") };
    assert!(attempt(natives.clone(), vec![hooks]).is_ok(), "it has all of them");
    let unknown = attempt(natives, vec![Plugin::unnamed("q")]).unwrap_err();
    assert!(unknown[0].message.starts_with("there is no `q.wasm`"), "{unknown:?}");
}

#[test]
fn the_host_counts_remembers_and_logs_for_all_instances() {
    let busy = says(|_, host| {
        host.log(1, "seen");
        host.counter_add("asked", 2);
        let count = host.kv_add(b"n", 1, 0);
        if count == Some(1) {
            assert!(host.kv_put(b"k", b"v", 0));
        } else {
            assert_eq!((host.kv_get(b"k"), host.kv_get(b"n").map(|bytes| bytes[0])), (Some(b"v".to_vec()), Some(2)));
            host.kv_delete(b"k");
            assert_eq!(host.kv_get(b"k"), None);
        }
        Ok(None)
    });
    let grants = vec![Grant::Log, Grant::Counter, Grant::Kv];
    let engine = engine(Natives::default().with("p", busy), vec![Plugin { grants, ..Plugin::unnamed("p") }]);
    let log = run(async {
        // keys and values are those of the plugin, on whichever worker
        assert!(asks(&engine.worker(), None).await && asks(&engine.worker(), None).await);
        let facts = &engine.worker().plugins()[0];
        assert_eq!(facts.counters, [("asked".to_owned(), 4)]);
        assert_eq!((facts.decisions, facts.no_opinion, &*facts.hash), (2, 2, "native"));
    });
    assert_eq!(log.matches("plugin says plugin=\"p\" text=\"seen\"").count(), 2, "{log}");
}

/// A policy that does not do as it should.
#[derive(Clone, Copy)]
enum Wrong {
    Panics,
    /// It waits for ever.
    Waits,
    /// It holds its worker.
    Blocks,
    Answers(&'static [u8]),
    TakesMore,
    NotGranted,
}

impl Policy for Wrong {
    fn hooks(&self) -> Vec<Hook> {
        vec![Hook::Connection]
    }

    fn start(&self) -> Box<dyn Guest> {
        Box::new(*self)
    }
}

impl Guest for Wrong {
    fn enter<'g>(&'g mut self, entry: Entry, _: &'g [u8], host: Host) -> Deciding<'g> {
        Box::pin(async move {
            match self {
                _ if entry == Entry::Configure => return Ok(None),
                Self::Panics => panic!("out of {}", "roses"),
                Self::Waits => std::future::pending().await,
                Self::Blocks => std::thread::sleep(Duration::from_millis(60)),
                Self::Answers(bytes) => return Ok(Some(bytes.to_vec())),
                Self::TakesMore => return Ok(Some(vec![0; 65_537])),
                Self::NotGranted => drop(host.kv_get(b"k")),
            }
            Ok(None)
        })
    }
}

/// What a failure is called, and told.
fn failed(wrong: Wrong, on_failure: OnFailure) -> (bool, &'static str, String) {
    let engine = engine(Natives::default().with("p", wrong), vec![Plugin { on_failure, ..Plugin::unnamed("p") }]);
    let mut told = None;
    run(async {
        let worker = engine.worker();
        let is_let_in = asks(&worker, None).await;
        let facts = worker.plugins().remove(0);
        let [(cause, 1)] = facts.failures[..] else { panic!("{facts:?}") };
        told = Some((is_let_in, cause, facts.last_failure.unwrap()));
    });
    told.unwrap()
}

#[test]
fn failures_are_told_by_cause_and_on_failure_applies() {
    let late = "deadline: no answer within 50 ms";
    for (wrong, cause, why) in [
        (Wrong::Panics, "trap", "trap: panicked: out of roses"),
        (Wrong::Waits, "deadline", late),
        (Wrong::Blocks, "deadline", late),
        (Wrong::Answers(b""), "bad answer", "bad answer: an answer of 0 bytes"),
        (Wrong::Answers(b"\xa0"), "bad answer", "bad answer: "),
        (Wrong::TakesMore, "bad answer", "bad answer: an answer of 65537 bytes"),
        (Wrong::NotGranted, "trap", "trap: it calls `kv_get`, which needs the grant `kv`"),
    ] {
        let (is_let_in, found, told) = failed(wrong, OnFailure::default());
        assert!(!is_let_in && found == cause && told.starts_with(why), "{why}: {found}, {told}");
    }
    let allow = OnFailure { connection_allow: true, ..OnFailure::default() };
    assert!(failed(Wrong::Panics, allow).0);
}

#[test]
fn five_failures_of_distinct_peers_end_in_quarantine() {
    let engine = engine(Natives::default().with("p", Wrong::Panics), Vec::new());
    let log = run(async {
        let worker = engine.worker();
        for _ in 0..4 {
            assert!(!asks(&worker, None).await);
        }
        assert_eq!(worker.plugins()[0].state, "active");
        assert!(!asks(&worker, None).await && !asks(&worker, None).await);
        let facts = &worker.plugins()[0];
        assert_eq!((facts.state, &facts.failures[..]), ("quarantine", &[("trap", 5)][..]));
    });
    assert!(log.contains("plugin in quarantine plugin=\"p\" seconds=1 failures=5"), "{log}");
}

#[test]
fn a_thousand_calls_may_wait_for_an_instance_and_on_failure_applies_to_the_next() {
    for allows in [false, true] {
        let limits = PluginLimits { deadline: Duration::from_secs(100), ..PluginLimits::default() };
        let on_failure = OnFailure { connection_allow: allows, ..OnFailure::default() };
        let plugin = Plugin { on_failure, limits, ..Plugin::unnamed("p") };
        let engine = engine(Natives::default().with("p", Wrong::Waits), vec![plugin]);
        let log = run(async {
            let worker = engine.worker();
            let (mut waiting, begun) = (Vec::new(), Rc::new(Cell::new(0)));
            // as many as there are instances, and then the others
            for calls in [4, 1000] {
                for _ in 0..calls {
                    let (worker, begun) = (worker.clone(), begun.clone());
                    waiting.push(tokio::task::spawn_local(async move {
                        begun.set(begun.get() + 1);
                        asks(&worker, None).await
                    }));
                }
                // and a little longer: tasks of their own make the instances
                let mut turns = 0;
                while begun.get() < waiting.len() || turns < 20 {
                    tokio::task::yield_now().await;
                    turns += 1;
                }
            }
            assert_eq!(asks(&worker, None).await, allows);
            assert_eq!(worker.plugins()[0].failures, [("busy", 1)]);
            assert!(!waiting.iter().any(tokio::task::JoinHandle::is_finished));
            // one gives up, and there is room
            let gives_up = waiting.pop().unwrap();
            gives_up.abort();
            assert!(gives_up.await.is_err());
            let next = tokio::time::timeout(Duration::from_millis(20), asks(&worker, None)).await;
            assert!(next.is_err(), "{next:?}");
        });
        assert!(log.contains("cause=\"busy\" error=\"too many calls wait\""), "{log}");
    }
}

/// One that waits a little, and notes how many do so at once.
#[derive(Clone)]
struct Slow;

impl Policy for Slow {
    fn hooks(&self) -> Vec<Hook> {
        vec![Hook::Connection]
    }

    fn start(&self) -> Box<dyn Guest> {
        Box::new(Self)
    }
}

impl Guest for Slow {
    fn enter<'g>(&'g mut self, entry: Entry, _: &'g [u8], host: Host) -> Deciding<'g> {
        Box::pin(async move {
            if entry == Entry::Configure {
                return Ok(None);
            }
            let at_once = host.kv_add(b"in", 1, 0).unwrap();
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            assert!(host.kv_add(b"in", -1, 0).is_some() && host.kv_add(&at_once.to_be_bytes(), 1, 0).is_some());
            Ok((at_once > 4).then(|| cbor(&deny())))
        })
    }
}

#[test]
fn calls_that_overlap_have_instances_of_their_own_up_to_four() {
    let limits = PluginLimits { deadline: Duration::from_secs(100), ..PluginLimits::default() };
    let settings = Plugin { grants: vec![Grant::Kv], limits, ..Plugin::unnamed("p") };
    let engine = engine(Natives::default().with("p", Slow), vec![settings]);
    run(async {
        let worker = engine.worker();
        let all: Vec<_> = (0..8).map(|_| worker.connection(connection(None))).collect();
        let tasks: Vec<_> = all.into_iter().map(tokio::task::spawn_local).collect();
        for task in tasks {
            assert!(matches!(task.await.unwrap().0, Verdict::Allow(_)));
        }
        assert_eq!(worker.plugins()[0].decisions, 8);
    });
}

#[test]
fn cases_are_asked_of_native_policies() {
    let counts = says(|_, host| Ok((host.kv_add(b"n", 1, 0) > Some(1)).then(deny)));
    let grants = vec![Grant::Kv];
    let trial =
        Trial::native(Plugin { grants, ..Plugin::unnamed("p") }, setup(Natives::default().with("p", counts))).unwrap();
    let lines = [
        json!({ "hook": "connection", "request": {} }),
        json!({ "hook": "link", "request": {}, "answer": deny(), "kv": [{ "add": "n", "by": 1, "value": 9 }] }),
        json!({ "hook": "session", "request": {}, "answer": deny() }),
    ];
    let cases = read_cases(&lines.map(|line| line.to_string()).join("\n")).unwrap();
    let misses = trial.play(&cases);
    assert_eq!(misses.iter().map(|miss| miss.line).collect::<Vec<_>>(), [Some(3)], "{misses:?}");
}

#[test]
fn without_webassembly_a_directory_says_so_and_with_it_names_are_unique() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("native-names");
    std::fs::create_dir_all(&directory).unwrap();
    std::fs::write(directory.join("p.wasm"), b"\0asm\x01\0\0\0").unwrap();
    let natives = Natives::default().with("p", always(deny()));
    let plugins = Plugins { directory: directory.clone(), named: vec![Plugin::unnamed("p")], record: None };
    let problems = load(&plugins, setup(natives)).unwrap_err();
    std::fs::remove_dir_all(directory).unwrap();
    let [LoadProblem { message, hint: Some(hint), .. }] = &problems[..] else { panic!("{problems:?}") };
    if cfg!(feature = "wasm") {
        assert!(message.contains("p.wasm` has the name of a native policy"), "{message}");
    } else {
        assert!(
            message.contains("this build has no WebAssembly") && hint.contains("feature `wasm`"),
            "{message} {hint}"
        );
    }
}
