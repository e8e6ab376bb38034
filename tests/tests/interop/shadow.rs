//! A candidate beside a live plugin: asked, compared, and never obeyed.

use std::time::Instant;

use crosstie_tests::peer::{DEADLINE, Peer};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::router::{Router, plain_kdl};

use crate::record::granting;

#[test]
fn a_shadow_is_shown_with_its_differences_and_decides_nothing() {
    let dir = TestDir::new("shadow");
    dir.write("plugins/rules.wasm", granting("rule 5"));
    let refusal = refusal("amqp:not-allowed", "not any more", "rule 6");
    dir.write("plugins/next.wasm", module(&[("on_link", Hook::Answer(Cbor::Map(vec![("deny", refusal)]).bytes()))]));
    let more = "plugins \"plugins\"\nplugin \"next\" {\n    shadow of=\"rules\"\n}";
    let mut router = Router::start_in(dir, &plain_kdl(more));
    let mut peer = Peer::session(router.clients(), "c");
    assert!(peer.attach_receiver(0, 0, "q", 1).source.is_some(), "the live one decides");
    let (line, _) =
        router.wait_log(0, DEADLINE, &["shadow differs", "plugin=\"next\"", "shadow_of=\"rules\"", "hook=\"link\""]);
    assert!(line.contains("rule 5") && line.contains("not any more") && line.contains("sequence="), "{line}");
    let begun = Instant::now();
    let row = loop {
        let rows = router.stat("plugins");
        let row = rows.into_iter().find(|row| row["name"] == "next").expect("the shadow");
        if row["comparisons"].as_u64() >= Some(3) {
            break row;
        }
        assert!(begun.elapsed() < DEADLINE, "{row}");
    };
    assert_eq!((&row["shadowOf"], &row["comparisons"]), (&"rules".into(), &row["differences"]), "{row}");
    let (_, table, _) = router.ask(&["stat", "plugins"]);
    assert!(table.contains("shadow of") && table.contains("differs"), "{table}");
    let (_, told, _) = router.ask(&["explain", "link", "receiver-0"]);
    assert!(told.contains("plugin \"rules\" (hook link): allow") && !told.contains("next"), "{told}");
    router.assert_healthy();
}
