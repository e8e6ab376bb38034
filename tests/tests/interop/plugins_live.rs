//! Plugins that come, change and go while the router runs.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crosstie_tests::frame::{AMQP_HEADER, Performative};
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{begin, open};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::router::{Router, plain_kdl};

/// From a file's appearance to its decisions; modules as small as these compile in no time.
const LIVE: Duration = Duration::from_secs(2);

pub(crate) fn denying(description: &str) -> Vec<u8> {
    let refusal = refusal("amqp:not-allowed", description, "rule");
    module(&[("on_connection", Hook::Answer(Cbor::Map(vec![("deny", refusal)]).bytes()))])
}

/// A router whose plugins lie in `plugins`, which is empty or holds `rules.wasm`.
fn router(first: Option<&[u8]>, node: &str) -> (Router, PathBuf) {
    let dir = TestDir::new("live");
    std::fs::create_dir_all(dir.path().join("plugins")).expect("a directory");
    if let Some(bytes) = first {
        dir.write("plugins/rules.wasm", bytes);
    }
    let path = dir.path().join("plugins");
    (Router::start_in(dir, &plain_kdl(&format!("plugins \"plugins\"\n{node}\n"))), path)
}

/// Why a client is refused; absent when it is let in.
pub(crate) fn refused(router: &Router) -> Option<String> {
    let mut peer = Peer::dial(router.clients());
    peer.send_bytes(&AMQP_HEADER);
    peer.send(0, &open("c"));
    peer.send(0, &begin(None));
    peer.expect_header(AMQP_HEADER);
    peer.expect("begin or close", |frame| match &frame.performative {
        Performative::Begin(_) => Some(None),
        Performative::Close(close) => {
            Some(Some(close.error.as_ref().and_then(|error| error.description.clone()).unwrap_or_default()))
        }
        _ => None,
    })
}

/// Waits until a client is refused for this, or let in; says how long that took.
pub(crate) fn await_decision(router: &Router, wanted: Option<&str>) -> Duration {
    let begun = Instant::now();
    while refused(router).as_deref() != wanted {
        assert!(begun.elapsed() < DEADLINE, "{wanted:?} is not decided");
        std::thread::sleep(Duration::from_millis(20));
    }
    begun.elapsed()
}

/// Drops a file, replaces it and removes it: each is so in the router in time, of three rounds at least once, since others use the machine too.
pub(crate) fn assert_live(router: &Router, plugins: &Path, name: &str, denying: impl Fn(&str) -> Vec<u8>) {
    let (file, temporary) = (plugins.join(name), plugins.join(format!("{name}.new")));
    let round = || {
        std::fs::write(&file, denying("one")).expect("written");
        let dropped = await_decision(router, Some("one"));
        // by a rename, as tools do
        std::fs::write(&temporary, denying("two")).expect("written");
        std::fs::rename(&temporary, &file).expect("renamed");
        let replaced = await_decision(router, Some("two"));
        std::fs::remove_file(&file).expect("removed");
        [dropped, replaced, await_decision(router, None)]
    };
    let mut best = round();
    for _ in 0..2 {
        if best.iter().any(|took| *took >= LIVE) {
            let again = round();
            best = std::array::from_fn(|at| best[at].min(again[at]));
        }
    }
    assert!(best.iter().all(|took| *took < LIVE), "dropped, replaced and removed {name}: {best:?}");
}

#[test]
fn a_plugin_that_is_dropped_changed_or_removed_is_so_in_the_router() {
    let (mut router, plugins) = router(None, "");
    assert_eq!(refused(&router), None);
    let mut stays = Peer::session(router.clients(), "stays");
    assert_live(&router, &plugins, "rules.wasm", denying);
    // who was there is not asked about
    stays.begin(1);
    router.wait_log(0, DEADLINE, &["plugin removed", "rules"]);
    router.assert_healthy();
}

#[test]
fn a_file_that_is_half_written_or_broken_changes_nothing() {
    let (mut router, plugins) = router(Some(&denying("one")), "");
    let file = plugins.join("rules.wasm");
    assert_eq!(refused(&router).as_deref(), Some("one"));
    let next = denying("two");
    let (half, rest) = next.split_at(next.len() / 2);
    std::fs::write(&file, half).expect("written");
    let mark = router.log_mark();
    router.wait_log(mark, DEADLINE, &["plugin does not load: the one before stays", "rules"]);
    assert_eq!(refused(&router).as_deref(), Some("one"));
    use std::io::Write;
    let mut appended = std::fs::OpenOptions::new().append(true).open(&file).expect("opened");
    appended.write_all(rest).expect("written");
    router.wait_log(mark, DEADLINE, &["a file is being written", "rules.wasm"]);
    assert_eq!(refused(&router).as_deref(), Some("one"));
    drop(appended);
    await_decision(&router, Some("two"));
    router.assert_healthy();
}

/// The cases that lie beside a file are decided before it takes its place.
#[test]
fn a_file_that_fails_its_cases_changes_nothing() {
    let (mut router, plugins) = router(Some(&denying("one")), "");
    let cases = |description: &str| {
        let denial =
            format!(r#"{{"condition":"amqp:not-allowed","description":"{description}","info":[],"note":"rule"}}"#);
        let line = format!(r#"{{"hook":"connection","request":{{}},"answer":{{"deny":{denial}}}}}"#);
        std::fs::write(plugins.join("rules.cases.jsonl"), line).expect("written");
    };
    cases("two");
    let mark = router.log_mark();
    std::fs::write(plugins.join("rules.wasm"), denying("three")).expect("written");
    let (line, _) = router.wait_log(mark, DEADLINE, &["plugin does not load: the one before stays", "rules"]);
    assert!(line.contains("its cases, line 1: answers") && line.contains("three"), "{line}");
    assert_eq!(refused(&router).as_deref(), Some("one"));
    // corrected without a new file
    cases("three");
    await_decision(&router, Some("three"));
    cases("two");
    std::fs::write(plugins.join("rules.wasm"), denying("two")).expect("written");
    await_decision(&router, Some("two"));
    router.assert_healthy();
}

#[test]
fn a_named_plugin_whose_file_is_gone_fails_until_it_comes_back() {
    let none = module(&[("on_connection", Hook::Answer(Vec::new()))]);
    let (mut router, plugins) = router(Some(&none), "plugin \"rules\"");
    assert_eq!(refused(&router), None);
    let (file, aside) = (plugins.join("rules.wasm"), plugins.join("rules.away"));
    std::fs::rename(&file, &aside).expect("renamed");
    await_decision(&router, Some("policy failed"));
    std::fs::rename(&aside, &file).expect("renamed");
    await_decision(&router, None);
    router.wait_log(0, DEADLINE, &["its file is gone", "rules"]);
    router.assert_healthy();
}

#[test]
fn management_shows_what_plugins_do() {
    let trap = module(&[("on_connection", Hook::Answer(Vec::new())), ("on_session", Hook::Trap)]);
    let (mut router, plugins) = router(Some(&trap), "plugin \"rules\" {\n    on-failure session=\"allow\"\n}");
    let row = |router: &Router| router.stat("plugins").into_iter().next().expect("one plugin");
    let before = row(&router);
    assert_eq!((&before["name"], &before["state"]), (&"rules".into(), &"active".into()), "{before}");
    assert_eq!(before["hooks"], serde_json::json!(["connection", "session"]));
    let hash = before["hash"].as_str().expect("a hash").to_owned();
    assert_eq!(hash.len(), 64);
    Peer::session(router.clients(), "c").close();
    let after = row(&router);
    let count = |row: &serde_json::Value, name: &str| row[name].as_u64().unwrap_or(0);
    assert!(count(&after, "decisions") > count(&before, "decisions"), "{after}");
    assert_eq!(count(&after, "decisions"), count(&after, "noOpinion"));
    assert!(after["failures"]["trap"].as_u64() >= Some(1), "{after}");
    let latency = ["P50", "P99", "Max"].map(|of| count(&after, &format!("latencyMicros{of}")));
    assert!(latency[0] >= 1 && latency.is_sorted(), "{after}");
    assert!(after["lastFailure"].as_str().is_some_and(|why| why.starts_with("trap: ")), "{after}");
    // counts outlive the file
    std::fs::write(plugins.join("rules.wasm"), denying("closed")).expect("written");
    await_decision(&router, Some("closed"));
    router.assert_healthy();
}

/// Failures of peers of distinct addresses count.
fn session_from(router: &Router, number: u8) -> Peer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let stream = runtime.block_on(async {
        let socket = tokio::net::TcpSocket::new_v4().expect("a socket");
        socket.bind(([127, 0, 1, number], 0).into()).expect("an address");
        socket.connect(router.clients()).await.expect("connected").into_std().expect("a socket")
    });
    stream.set_nonblocking(false).expect("a socket");
    let mut peer = Peer::over(stream);
    peer.send_bytes(&AMQP_HEADER);
    peer.send(0, &open("c"));
    peer.expect_header(AMQP_HEADER);
    peer.begin(0);
    peer
}

#[test]
fn management_shows_a_quarantine_and_how_long_it_lasts() {
    let trap = module(&[("on_session", Hook::Trap)]);
    let (mut router, _) = router(Some(&trap), "plugin \"rules\" {\n    on-failure session=\"allow\"\n}");
    let row = || router.stat("plugins").into_iter().next().expect("one plugin");
    assert!(row()["quarantineSeconds"].is_null(), "{}", row());
    for number in 1..=5 {
        session_from(&router, number).close();
    }
    // the first lasts a second, which a machine may need for the question; each failure after it doubles it
    let begun = Instant::now();
    let seen = loop {
        let row = row();
        if row["state"] == "quarantine" {
            break row;
        }
        assert!(begun.elapsed() < DEADLINE, "{row}");
        Peer::session(router.clients(), "c").close();
    };
    let seconds = seen["quarantineSeconds"].as_u64().expect("a number");
    assert!((1..=32).contains(&seconds) && seen["failures"]["trap"].as_u64() >= Some(5), "{seen}");
    router.wait_log(0, DEADLINE, &["plugin in quarantine", "plugin=\"rules\"", "seconds=1", "failures=5"]);
    router.assert_healthy();
}

#[test]
fn refusals_are_counted_for_their_plugin() {
    let refusal = refusal("amqp:not-allowed", "no", "rule");
    let deny = module(&[("on_session", Hook::Answer(Cbor::Map(vec![("deny", refusal)]).bytes()))]);
    let more = "listener \"inside\" {\n    host \"127.0.0.1\"\n    port 0\n    authenticate-peer #false\n}";
    let (router, _) = router(Some(&deny), &format!("plugin \"rules\" {{\n    only listener=\"inside\"\n}}\n{more}"));
    for _ in 0..3 {
        let mut peer = Peer::open(router.addr("inside"), "c");
        peer.send(0, &begin(None));
        peer.expect("end", |frame| matches!(frame.performative, Performative::End(_)).then_some(()));
    }
    let row = router.stat("plugins").into_iter().next().expect("one plugin");
    assert_eq!((&row["denials"], &row["decisions"]), (&3.into(), &3.into()), "{row}");
}
