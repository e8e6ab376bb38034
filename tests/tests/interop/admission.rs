//! Policy about connections, sessions and links: denials, limits, quotas, and grants that run out.

use std::time::Duration;

use crosstie_tests::frame::{Performative, condition};
use crosstie_tests::peer::{Arrival, DEADLINE, Peer};
use crosstie_tests::performative::{begin, flow, open, receiver, sender, transfer};
use crosstie_tests::place::TestDir;
use crosstie_tests::plugin::{Cbor, Hook, module, refusal};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::{Router, check, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::definitions::Error;
use fe2o3_amqp_types::messaging::Accepted;
use fe2o3_amqp_types::performatives::{Detach, End, Transfer};

use crate::plugins_live::refused;
use crate::tls::{Place, comes_in, listener};

/// A router with one plugin named `rules`; `node` is what its `plugin` node holds.
fn router_with(plugin: Vec<u8>, node: &str, more: &str) -> Router {
    let dir = TestDir::new("admission");
    dir.write("plugins/rules.wasm", plugin);
    Router::start_in(dir, &plain_kdl(&format!("plugins \"plugins\"\nplugin \"rules\" {{\n    {node}\n}}\n{more}")))
}

fn denying(hook: &str) -> Vec<u8> {
    let refusal = refusal("amqp:unauthorized-access", "not here", "rule 9");
    module(&[(hook, Hook::Answer(Cbor::Map(vec![("deny", refusal)]).bytes()))])
}

fn granting(hook: &str, field: &str, value: Cbor<'_>) -> Vec<u8> {
    module(&[(hook, Hook::Answer(Cbor::Map(vec![("allow", Cbor::Map(vec![(field, value)]))]).bytes()))])
}

fn limits(hook: &str, limits: &[(&'static str, u64)]) -> Vec<u8> {
    granting(hook, "limits", Cbor::Map(limits.iter().map(|(key, limit)| (*key, Cbor::Uint(*limit))).collect()))
}

fn quota(hook: &str, max: u64) -> Vec<u8> {
    let quota = Cbor::Map(vec![("key", Cbor::Text("all")), ("max", Cbor::Uint(max))]);
    granting(hook, "quotas", Cbor::Array(vec![quota]))
}

fn text(error: &Error) -> String {
    format!("{}: {} {:?}", condition(&error.condition), error.description.as_deref().unwrap_or(""), error.info)
}

/// The error that the router ends this session with; the peer answers.
fn ended(peer: &mut Peer, channel: u16) -> String {
    let error = peer.expect("end", |frame| match &frame.performative {
        Performative::End(end) if frame.channel == channel => Some(end.error.clone()),
        _ => None,
    });
    peer.send(channel, &End { error: None });
    text(&error.expect("the reason"))
}

/// The error that the router detaches the latest link with, which has this handle; the peer answers.
fn detached(peer: &mut Peer, handle: u32) -> String {
    let error = peer.expect("detach", |frame| match &frame.performative {
        Performative::Detach(detach) => Some(detach.error.clone()),
        _ => None,
    });
    peer.send(0, &Detach { handle: handle.into(), closed: true, error: None });
    text(&error.expect("the reason"))
}

fn closed(peer: &mut Peer) -> String {
    let error = peer.expect("close", |frame| match &frame.performative {
        Performative::Close(close) => Some(close.error.clone()),
        _ => None,
    });
    text(&error.expect("the reason"))
}

#[test]
fn a_denied_session_ends_and_its_connection_goes_on() {
    let mut router = router_with(denying("on_session"), "", "");
    let mut peer = Peer::open(router.clients(), "c");
    // an attach that does not wait is void with its session
    peer.send(0, &begin(None));
    peer.send(0, &sender(0, "a"));
    let why = ended(&mut peer, 0);
    assert!(why.starts_with("amqp:unauthorized-access: not here") && why.contains("rule 9"), "{why}");
    peer.send(0, &begin(None));
    assert!(ended(&mut peer, 0).contains("rules"));
    peer.close();
    router.assert_healthy();
}

#[test]
fn a_denied_link_is_detached_and_its_session_goes_on() {
    let mut router = router_with(denying("on_link"), "", "");
    let mut peer = Peer::session(router.clients(), "c");
    for (handle, attach) in [(0, sender(0, "a")), (1, receiver(1, "a")), (2, sender(2, "$management"))] {
        peer.send(0, &attach);
        let why = detached(&mut peer, handle);
        assert!(why.starts_with("amqp:unauthorized-access: not here") && why.contains("rule 9"), "{why}");
    }
    peer.begin(1);
    peer.close();
    router.assert_healthy();
}

#[test]
fn a_failure_denies_unless_it_is_written_to_allow() {
    for hook in ["session", "link"] {
        let plugin = module(&[(&format!("on_{hook}"), Hook::Trap)]);
        let router = router_with(plugin.clone(), "", "");
        let mut peer = Peer::open(router.clients(), "c");
        peer.send(0, &begin(None));
        let why = if hook == "session" {
            ended(&mut peer, 0)
        } else {
            peer.send(0, &sender(0, "a"));
            detached(&mut peer, 0)
        };
        assert!(why.starts_with("amqp:internal-error: policy failed"), "{why}");
        let router = router_with(plugin, &format!("on-failure {hook}=\"allow\""), "");
        let mut peer = Peer::session(router.clients(), "c");
        assert!(peer.attach_sender(0, 0, "a").target.is_some());
    }
}

#[test]
fn limits_of_a_connection_are_in_its_open_and_in_force() {
    let plugin = limits(
        "on_connection",
        &[
            ("sessions", 2),
            ("max-frame-size", 4096),
            ("idle-timeout-ms", 10_000),
            ("senders", 1),
            ("receivers", 2),
            ("max-message-size", 5000),
            ("link-credit", 7),
        ],
    );
    let router = router_with(plugin, "", "");
    let (mut peer, theirs) = Peer::open_with(router.clients(), &open("c"));
    assert_eq!((theirs.channel_max.0, theirs.max_frame_size.0, theirs.idle_time_out), (1, 4096, Some(5000)));
    peer.begin(0);
    peer.attach_receiver(0, 0, "a", 1);
    assert_eq!(peer.attach_sender(0, 1, "a").max_message_size, Some(5000));
    assert_eq!(peer.expect_credit(), 7);
    peer.send(0, &sender(2, "a"));
    assert!(detached(&mut peer, 2).starts_with("amqp:resource-limit-exceeded"), "a second sender");
    assert!(peer.attach_receiver(0, 3, "a", 0).source.is_some());
    peer.send(0, &receiver(4, "a"));
    assert!(detached(&mut peer, 4).starts_with("amqp:resource-limit-exceeded"), "a third receiver");
    // a limit only lowers
    let router = router_with(limits("on_connection", &[("sessions", 60_000), ("max-frame-size", 1 << 30)]), "", "");
    let usual = Peer::open_with(Router::plain().clients(), &open("c")).1;
    let theirs = Peer::open_with(router.clients(), &open("c")).1;
    assert_eq!((theirs.channel_max.0, theirs.max_frame_size.0), (usual.channel_max.0, usual.max_frame_size.0));
}

#[test]
fn limits_of_a_link_are_its_own() {
    let router = router_with(limits("on_link", &[("max-message-size", 5000), ("link-credit", 7)]), "", "");
    let mut peer = Peer::session(router.clients(), "c");
    peer.attach_receiver(0, 0, "a", 1);
    assert_eq!(peer.attach_sender(0, 1, "a").max_message_size, Some(5000));
    assert_eq!(peer.expect_credit(), 7);
}

#[test]
fn a_quota_counts_what_is_open() {
    // connections
    let mut router = router_with(quota("on_connection", 2), "", "");
    let one = Peer::session(router.clients(), "one");
    let mut two = Peer::session(router.clients(), "two");
    let mut three = Peer::dial(router.clients());
    three.send_bytes(&crosstie_tests::frame::AMQP_HEADER);
    three.send(0, &open("three"));
    three.expect_header(crosstie_tests::frame::AMQP_HEADER);
    let why = closed(&mut three);
    assert!(why.starts_with("amqp:resource-limit-exceeded: policy allows 2") && why.contains("rules"), "{why}");
    two.close();
    drop(await_room(&router));
    assert!(router.stat("plugins")[0]["denials"].as_u64() >= Some(1));
    drop(one);
    router.assert_healthy();
    // sessions, and links
    let router = router_with(quota("on_session", 1), "", "");
    let mut peer = Peer::session(router.clients(), "c");
    peer.send(1, &begin(None));
    assert!(ended(&mut peer, 1).starts_with("amqp:resource-limit-exceeded"));
    peer.send(0, &End { error: None });
    peer.expect("end", |frame| matches!(frame.performative, Performative::End(_)).then_some(()));
    peer.begin(2);
    let router = router_with(quota("on_link", 1), "", "");
    let mut peer = Peer::session(router.clients(), "c");
    assert!(peer.attach_sender(0, 0, "a").target.is_some());
    peer.send(0, &receiver(1, "a"));
    assert!(detached(&mut peer, 1).starts_with("amqp:resource-limit-exceeded"));
    peer.send(0, &Detach { handle: 0.into(), closed: true, error: None });
    peer.expect("detach", |frame| matches!(frame.performative, Performative::Detach(_)).then_some(()));
    assert!(peer.attach_receiver(0, 2, "a", 0).source.is_some());
}

#[test]
fn what_a_quota_counts_outlives_versions_of_its_plugin_and_is_let_go() {
    let mut router = router_with(quota("on_connection", 1), "", "");
    let replace = |router: &mut Router, plugin: Vec<u8>| {
        let mark = router.log_mark();
        let next = router.dir().write("plugins/.next", plugin);
        std::fs::rename(&next, next.with_file_name("rules.wasm")).expect("renamed");
        router.wait_log(mark, DEADLINE, &["plugin loaded", "rules"]);
    };
    let is_full = |router: &Router| {
        let why = refused(router).unwrap_or_default();
        assert!(why.starts_with("policy allows 1"), "{why}");
    };
    let mut one = Peer::session(router.clients(), "one");
    is_full(&router);
    let quotas = Cbor::Array(vec![Cbor::Map(vec![("key", Cbor::Text("all")), ("max", Cbor::Uint(1))])]);
    let allow = Cbor::Map(vec![("note", Cbor::Text("again")), ("quotas", quotas)]);
    replace(&mut router, module(&[("on_connection", Hook::Answer(Cbor::Map(vec![("allow", allow)]).bytes()))]));
    is_full(&router);
    one.close();
    let mut two = await_room(&router);
    // while nobody has a quota
    replace(&mut router, module(&[("on_connection", Hook::Answer(Vec::new()))]));
    two.close();
    let three = Peer::session(router.clients(), "three");
    replace(&mut router, quota("on_connection", 1));
    drop(await_room(&router));
    drop(three);
    router.assert_healthy();
}

/// Waits until a connection is let in again, and gives it.
fn await_room(router: &Router) -> Peer {
    let end = std::time::Instant::now() + DEADLINE;
    loop {
        let mut peer = Peer::dial(router.clients());
        peer.send_bytes(&crosstie_tests::frame::AMQP_HEADER);
        peer.send(0, &open("again"));
        peer.expect_header(crosstie_tests::frame::AMQP_HEADER);
        peer.send(0, &begin(None));
        let came = peer.expect("begin or close", |frame| match &frame.performative {
            Performative::Begin(_) => Some(true),
            Performative::Close(_) => Some(false),
            _ => None,
        });
        if came {
            return peer;
        }
        assert!(std::time::Instant::now() < end, "no room was made");
    }
}

/// Lets a connection in for 300 ms, and denies it when it is asked again. Its request is `{recheck: bool}`.
fn for_a_while() -> Vec<u8> {
    let reads = Cbor::Map(vec![("reads", Cbor::Array(vec![Cbor::Text("recheck")]))]).bytes();
    let allow = Cbor::Map(vec![("allow", Cbor::Map(vec![("recheck-after-ms", Cbor::Uint(300))]))]).bytes();
    let deny = Cbor::Map(vec![("deny", refusal("amqp:not-allowed", "time is up", "rule 10"))]).bytes();
    let data = |at: usize, bytes: &[u8]| {
        let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!("(data (i32.const {at}) \"{text}\")")
    };
    let packed = |at: u64, bytes: &[u8]| (at << 32) | u64::try_from(bytes.len()).expect("a length");
    let text = format!(
        "(module (memory (export \"memory\") 4) {} {} {}
           (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"policy_configure\") (param i32 i32) (result i64) (i64.const {}))
           (func (export \"on_connection\") (param i32 i32) (result i64)
             (if (result i64) (i32.eq (i32.load8_u offset=9 (local.get 0)) (i32.const 0xf5))
               (then (i64.const {})) (else (i64.const {})))))",
        data(0, &reads),
        data(256, &allow),
        data(512, &deny),
        packed(0, &reads),
        packed(512, &deny),
        packed(256, &allow),
    );
    wat::parse_str(text).expect("it assembles")
}

#[test]
fn a_grant_that_runs_out_is_asked_for_again() {
    let mut router = router_with(for_a_while(), "", "");
    let mut peer = Peer::session(router.clients(), "c");
    assert!(peer.attach_sender(0, 0, "a").target.is_some());
    let why = closed(&mut peer);
    assert!(why.starts_with("amqp:not-allowed: time is up") && why.contains("rule 10"), "{why}");
    // one that goes before is not asked about
    let mark = router.log_mark();
    Peer::session(router.clients(), "short").close();
    let mut stays = Peer::session(router.clients(), "long");
    assert!(closed(&mut stays).contains("time is up"));
    assert!(matches!(stays.next(Duration::from_secs(1)), Arrival::End | Arrival::Nothing));
    router.wait_log(mark, DEADLINE, &["connection refused", "rules"]);
    router.assert_healthy();
}

#[test]
fn a_plugin_is_asked_about_those_whom_only_names() {
    let more = "listener \"inside\" {\n    host \"127.0.0.1\"\n    port 0\n    authenticate-peer #false\n}\n";
    let router = router_with(denying("on_session"), "only listener=\"inside\"", more);
    Peer::session(router.clients(), "outside").close();
    let mut peer = Peer::open(router.addr("inside"), "inside");
    peer.send(0, &begin(None));
    assert!(ended(&mut peer, 0).contains("rule 9"));
}

/// Those whom a connector dials begin sessions and attach links too, and are asked about where `only` names it.
#[test]
fn a_plugin_is_asked_about_the_peer_of_a_connector_that_only_names() {
    for hook in ["session", "link", "address"] {
        let refusal = refusal("amqp:unauthorized-access", "not here", "rule 9");
        let denial = if hook == "address" { Cbor::Map(vec![("refusal", refusal)]) } else { refusal };
        let plugin = module(&[(&format!("on_{hook}"), Hook::Answer(Cbor::Map(vec![("deny", denial)]).bytes()))]);
        let (named, other) = (Server::new(), Server::new());
        let connector =
            |name: &str, port| format!("connector \"{name}\" {{\n    host \"127.0.0.1\"\n    port {port}\n}}\n");
        let more = [connector("named", named.port()), connector("other", other.port())].concat();
        let mut router = router_with(plugin, "only connector=\"named\"", &more);
        let (mut peer, _) = named.accept_open(&open("named"));
        peer.send(0, &begin(None));
        let why = if hook == "session" {
            ended(&mut peer, 0)
        } else {
            peer.send(0, &sender(0, "a"));
            detached(&mut peer, 0)
        };
        assert!(why.starts_with("amqp:unauthorized-access: not here"), "{hook}: {why}");
        let (mut peer, _) = other.accept_open(&open("other"));
        peer.begin(0);
        assert!(peer.attach_sender(0, 0, "a").target.is_some(), "{hook}: another connector");
        let mut peer = Peer::session(router.clients(), "c");
        assert!(peer.attach_sender(0, 0, "a").target.is_some(), "{hook}: a listener");
        assert_eq!(router.stat("plugins")[0]["denials"], 1, "{hook}");
        router.assert_healthy();
    }
}

/// A peer that keeps to its window sends what was granted, and what the router takes before it holds a session up (256 KiB).
#[test]
fn granted_buffered_bytes_hold() {
    const GRANTED: u32 = 128 << 10;
    const FRAME: u32 = 4096;
    let granted = [("buffered-bytes", u64::from(GRANTED)), ("max-frame-size", u64::from(FRAME))];
    let router = router_with(limits("on_connection", &granted), "", "");
    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "a", 0);
    let mut peer = Peer::open(router.clients(), "c");
    peer.send(0, &begin(None));
    let window = peer.expect("begin", |frame| match &frame.performative {
        Performative::Begin(begin) => Some(begin.incoming_window),
        _ => None,
    });
    assert_eq!(window, GRANTED / FRAME);
    peer.attach_sender(0, 0, "a");
    let (mut sent, mut end) = (0, window);
    let held = loop {
        while sent < end {
            peer.send_with(0, &Transfer { more: true, ..transfer(0, 0) }, &[7; 4000]);
            sent += 1;
        }
        assert!(sent < 1000, "nothing holds it up");
        match peer.next(Duration::from_secs(1)) {
            Arrival::Frame(frame) => {
                if let Performative::Flow(flow) = frame.performative {
                    end = flow.next_incoming_id.expect("its count") + flow.incoming_window;
                }
            }
            Arrival::Nothing => break sent * 4000,
            other => panic!("{other:?}"),
        }
    };
    assert!((GRANTED - FRAME..=GRANTED + (256 << 10) + 2 * FRAME).contains(&held), "{held}");
    // it goes on when somebody takes it
    consumer.send(0, &flow(0, 0, 1));
    let mut taken = 0;
    while taken < held {
        taken += u32::try_from(consumer.expect_transfer().1.len()).expect("a length");
    }
    peer.expect("flow", |frame| match &frame.performative {
        Performative::Flow(flow) => (flow.incoming_window > 0).then_some(()),
        _ => None,
    });
}

/// A peer has no more deliveries that it has not settled, and is given credit for no more.
#[test]
fn granted_unsettled_holds() {
    let guests = "listener \"guests\" {\n    host \"127.0.0.1\"\n    port 0\n}\n";
    let router = router_with(limits("on_connection", &[("unsettled", 3)]), "only listener=\"guests\"", guests);
    let mut guest = Peer::session(router.addr("guests"), "guest");
    guest.attach_receiver(0, 0, "to-guest", 100);
    let mut producer = Peer::session(router.clients(), "producer");
    producer.attach_sender(0, 0, "to-guest");
    assert!(producer.expect_credit() >= 5);
    for id in 0..5 {
        producer.send_message(0, 0, id, b"x");
    }
    let mut held: Vec<_> = (0..3).map(|_| guest.expect_transfer().0.delivery_id.expect("an id")).collect();
    for _ in 0..2 {
        assert!(matches!(guest.next(Duration::from_millis(300)), Arrival::Nothing), "more than three");
        guest.settle(0, held.pop().expect("one of them"), Accepted {}.into());
        held.push(guest.expect_transfer().0.delivery_id.expect("an id"));
    }

    let mut consumer = Peer::session(router.clients(), "consumer");
    consumer.attach_receiver(0, 0, "from-guest", 100);
    guest.attach_sender(0, 1, "from-guest");
    let (mut sent, mut end) = (0, guest.expect_credit());
    while sent < end {
        guest.send_message(0, 1, sent, b"x");
        sent += 1;
        consumer.expect_transfer();
        while let Arrival::Frame(frame) = guest.next(Duration::from_millis(300)) {
            if let Performative::Flow(flow) = frame.performative {
                end = flow.delivery_count.zip(flow.link_credit).map_or(end, |(count, credit)| count + credit);
            }
        }
    }
    assert_eq!(sent, 3, "while nobody settles");
}

#[test]
fn only_names_what_there_is() {
    let dir = TestDir::new("only");
    dir.write("plugins/rules.wasm", denying("on_session"));
    let node = "only listener=\"client\" connector=\"x\"\n    only\n    on-failure session=\"maybe\"";
    let kdl = plain_kdl(&format!("plugins \"plugins\"\nplugin \"rules\" {{\n    {node}\n}}\n"));
    let checked = check(&dir, &kdl);
    for part in ["there is no listener `client`", "did you mean `clients`", "there is no connector `x`", "names nobody"]
    {
        assert!(checked.stderr.contains(part), "{part}: {}", checked.stderr);
    }
}

/// Lets in whom the request names by a certificate: it is `{peer: {tls: {subject: text}}}` then, and empty maps otherwise.
fn for_subjects() -> Vec<u8> {
    let reads = Cbor::Map(vec![("reads", Cbor::Array(vec![Cbor::Text("peer.tls.subject")]))]).bytes();
    let deny = Cbor::Map(vec![("deny", refusal("amqp:not-allowed", "no certificate", "rule 11"))]).bytes();
    let data = |at: usize, bytes: &[u8]| {
        let text: String = bytes.iter().map(|byte| format!("\\{byte:02x}")).collect();
        format!("(data (i32.const {at}) \"{text}\")")
    };
    let packed = |at: u64, bytes: &[u8]| (at << 32) | u64::try_from(bytes.len()).expect("a length");
    let text = format!(
        "(module (memory (export \"memory\") 4) {} {}
           (func (export \"policy_abi_v1\") (result i32) (i32.const 0))
           (func (export \"policy_alloc\") (param i32) (result i32) (i32.const 65536))
           (func (export \"policy_configure\") (param i32 i32) (result i64) (i64.const {}))
           (func (export \"on_connection\") (param i32 i32) (result i64)
             (if (result i64) (i32.gt_u (local.get 1) (i32.const 40)) (then (i64.const 0)) (else (i64.const {})))))",
        data(0, &reads),
        data(512, &deny),
        packed(0, &reads),
        packed(512, &deny),
    );
    wat::parse_str(text).expect("it assembles")
}

#[test]
fn a_plugin_is_told_what_a_certificate_says() {
    let place = Place::new();
    let more = [place.tls("t", "client-certificate \"request\""), listener("secure", "tls \"t\"")].concat();
    let mut router = router_with(for_subjects(), "", &more);
    let addr = router.addr("secure");
    assert!(comes_in(addr, &place.showing(&place.client)), "CN=alice,OU=Ops,O=Bank,C=DE");
    let mut nobody = Proton::start("receive", addr, &format!("--address a --keep {}", place.trusting("ca.pem")));
    assert_eq!(nobody.event("closed")["description"], "no certificate");
    router.wait_log(0, DEADLINE, &["connection refused", "rule 11"]);
    router.assert_healthy();
}
