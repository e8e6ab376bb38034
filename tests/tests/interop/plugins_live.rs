//! Plugins that come, change and go while the router runs.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use crosstie_tests::frame::{AMQP_HEADER, Performative};
use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::performative::{begin, open};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::router::{Router, plain_kdl};

/// Compile time aside, and a loaded machine's.
const LIVE: Duration = Duration::from_secs(2);

fn denying(description: &str) -> Vec<u8> {
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
fn refused(router: &Router) -> Option<String> {
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

/// Waits until a client is refused for this, or let in.
fn await_decision(router: &Router, wanted: Option<&str>) {
    let begun = Instant::now();
    while refused(router).as_deref() != wanted {
        assert!(begun.elapsed() < DEADLINE, "{wanted:?} is not decided");
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(begun.elapsed() < 2 * LIVE, "{wanted:?} took {:?}", begun.elapsed());
}

#[test]
fn a_plugin_that_is_dropped_changed_or_removed_is_so_in_the_router() {
    let (mut router, plugins) = router(None, "");
    assert_eq!(refused(&router), None);
    let mut stays = Peer::session(router.clients(), "stays");
    let file = plugins.join("rules.wasm");
    std::fs::write(&file, denying("one")).expect("written");
    await_decision(&router, Some("one"));
    // by a rename, as tools do
    let temporary = plugins.join("rules.wasm.new");
    std::fs::write(&temporary, denying("two")).expect("written");
    std::fs::rename(&temporary, &file).expect("renamed");
    await_decision(&router, Some("two"));
    std::fs::remove_file(&file).expect("removed");
    await_decision(&router, None);
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
