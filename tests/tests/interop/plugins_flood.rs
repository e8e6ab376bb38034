//! A peer that asks for more than a plugin can decide at once: it waits, and nobody else does.

use crosstie_tests::frame::Performative;
use crosstie_tests::peer::Peer;
use crosstie_tests::performative::sender;
use crosstie_tests::place::TestDir;
use crosstie_tests::router::{Router, plain_kdl};

/// Has no opinion of links, and takes a millisecond or more for that.
const SLOW: &str = r#"(module (memory (export "memory") 2)
    (func (export "policy_abi_v1") (result i32) (i32.const 0))
    (func (export "policy_alloc") (param i32) (result i32) (i32.const 65536))
    (func (export "on_link") (param i32 i32) (result i64) (local i32)
        (loop $again (local.set 2 (i32.add (local.get 2) (i32.const 1)))
            (br_if $again (i32.lt_u (local.get 2) (i32.const 3000000))))
        (i64.const 0)))"#;

/// As many take longer than the deadline of a call.
const LINKS: u32 = 300;

#[test]
fn links_beyond_what_a_plugin_can_decide_at_once_wait_for_their_turn() {
    let dir = TestDir::new("plugins-flood");
    dir.write("plugins/slow.wasm", wat::parse_str(SLOW).unwrap());
    let mut router = Router::start_in(dir, &plain_kdl("plugins \"plugins\""));
    let mut flood = Peer::session(router.clients(), "flood");
    (0..LINKS).for_each(|handle| flood.send(0, &sender(handle, "a")));
    let mut other = Peer::session(router.clients(), "other");
    assert!(other.attach_sender(0, 0, "a").target.is_some(), "somebody else's link");
    for number in 0..LINKS {
        let let_in = flood.expect("attach", |frame| match &frame.performative {
            Performative::Attach(attach) => Some(attach.target.is_some()),
            _ => None,
        });
        assert!(let_in, "link {number}");
    }
    let plugin = &router.stat("plugins")[0];
    assert_eq!((&plugin["state"], &plugin["failures"]), (&"active".into(), &serde_json::json!({})), "{plugin}");
    router.assert_healthy();
}
