//! What the attributes of listeners and connectors do on the wire. Which are read at all, and which are refused, is the affair of
//! `host/config/tests/attributes.rs`. Source: features 1.2.

use std::time::{Duration, Instant};

use crosstie_tests::frame::{AMQP_HEADER, Performative, data_message};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::{begin, open, transfer};
use crosstie_tests::router::{DEADLINE, Router, plain_kdl};
use crosstie_tests::server::Server;
use fe2o3_amqp_types::performatives::{Begin, Open};
use fe2o3_amqp_types::primitives::{Symbol, Value};

const SHARED: &str = "max-frame-size \"8KiB\"\n    max-sessions 12\n    max-session-frames 40\n    idle-timeout \"5s\"\n    link-capacity 33\n    \
                      properties {\n        site \"berlin\"\n        number 7\n        \
                      tags {\n            - \"a\"\n            - 2\n        }\n        place {\n            hall #true\n        }\n    }";

/// A router whose listener and connector have these attributes, and a listener and connector without any.
fn router(server: &Server, other: &Server) -> Router {
    let (port, bare) = (server.port(), other.port());
    Router::start(&plain_kdl(&format!(
        "listener \"set\" {{\n    host \"127.0.0.1\"\n    port 0\n    {SHARED}\n    handshake-timeout \"1s\"\n}}\n\
         connector \"dials\" {{\n    host \"localhost\"\n    port {port}\n    socket-address-family \"IPv4\"\n    {SHARED}\n}}\n\
         connector \"bare\" {{\n    host \"127.0.0.1\"\n    port {bare}\n}}\n"
    )))
}

fn property(open: &Open, name: &str) -> Option<Value> {
    open.properties.as_ref()?.get(&Symbol::from(name)).cloned()
}

fn assert_set(open: &Open) {
    assert_eq!(open.container_id, "hub");
    assert_eq!((open.max_frame_size.0, open.channel_max.0), (8192, 11), "{open:?}");
    assert_eq!(open.idle_time_out, Some(2500), "half of what is waited for");
    assert_eq!(property(open, "site"), Some(Value::String("berlin".into())));
    assert_eq!(property(open, "number"), Some(Value::Long(7)));
    assert_eq!(property(open, "tags"), Some(Value::List(vec![Value::String("a".into()), Value::Long(2)])));
    let hall = [(Value::String("hall".into()), Value::Bool(true))].into_iter().collect();
    assert_eq!(property(open, "place"), Some(Value::Map(hall)));
    assert_eq!(property(open, "product"), Some(Value::String("crosstie".into())));
}

fn assert_bare(open: &Open) {
    assert_eq!((open.max_frame_size.0, open.channel_max.0, open.idle_time_out), (16384, 255, Some(8000)), "{open:?}");
    let words = |list: &Option<fe2o3_amqp_types::primitives::Array<Symbol>>| {
        list.iter().flat_map(|list| list.0.iter().map(|word| word.0.clone())).collect::<Vec<_>>()
    };
    for capabilities in [&open.offered_capabilities, &open.desired_capabilities] {
        assert_eq!(words(capabilities), ["ANONYMOUS-RELAY", "qd.streaming-links"]);
    }
    assert_eq!(property(open, "failover-server-list"), None);
    assert!(matches!(property(open, "qd.conn-id"), Some(Value::Long(_))), "{open:?}");
}

fn begun(peer: &mut Peer) -> Begin {
    peer.send(0, &begin(None));
    peer.expect("begin", |frame| match &frame.performative {
        Performative::Begin(begin) => Some((**begin).clone()),
        _ => None,
    })
}

#[test]
fn attributes_stand_in_our_open_and_are_kept_to() {
    let (server, other) = (Server::new(), Server::new());
    let mut router = router(&server, &other);
    let (mut up, theirs) = server.accept_open(&open("up"));
    assert_set(&theirs);
    assert_eq!(theirs.hostname.as_deref(), Some("localhost"), "the host that is dialled");
    let (_bare, theirs) = other.accept_open(&open("bare"));
    assert_bare(&theirs);
    assert_eq!(theirs.hostname.as_deref(), Some("127.0.0.1"));

    let (mut client, theirs) = Peer::open_with(router.addr("set"), &open("client"));
    assert_set(&theirs);
    assert_eq!(theirs.hostname, None);
    assert_bare(&Peer::open_with(router.clients(), &open("client")).1);

    // whoever dialled, the peer of a normal role attaches; windows and capacity are as written
    for peer in [&mut up, &mut client] {
        assert_eq!(begun(peer).incoming_window, 40);
        peer.attach_receiver(0, 0, "a", 1);
        peer.attach_sender(0, 1, "a");
        assert_eq!(peer.expect_credit(), 33);
    }
    // the eleventh channel is the last
    client.send(11, &begin(None));
    client.expect("begin", |frame| {
        matches!(&frame.performative, Performative::Begin(begin) if begin.remote_channel == Some(11)).then_some(())
    });
    client.send(12, &begin(None));
    assert!(client.fault(DEADLINE).expect("a Close").is_some());
    router.assert_healthy();
}

#[test]
fn times_are_kept_to() {
    let (server, other) = (Server::new(), Server::new());
    let mut router = router(&server, &other);
    let (_up, _) = server.accept_open(&open("up"));
    let since = Instant::now();
    let (mut idle, _) = Peer::open_with(router.addr("set"), &open("idle"));
    // neither a header without an Open nor nothing at all
    let mut late = [Peer::dial(router.addr("set")), Peer::dial(router.addr("set"))];
    late[1].send_bytes(&AMQP_HEADER);
    for late in &mut late {
        assert!(late.drain(DEADLINE), "it has had its time");
    }
    assert!((1.0..4.0).contains(&since.elapsed().as_secs_f64()), "{:?}", since.elapsed());
    // a heartbeat in each half of the idle-timeout at least, until the peer's own silence ends it
    let mut heartbeats = 0;
    loop {
        match idle.next(Duration::from_secs(10)) {
            Arrival::Frame(frame) if matches!(frame.performative, Performative::Close(_)) => break,
            Arrival::Frame(_) | Arrival::Header(_) => heartbeats += 1,
            other => panic!("{other:?}"),
        }
    }
    assert!((5.0..9.0).contains(&since.elapsed().as_secs_f64()), "{:?} and {heartbeats} frames", since.elapsed());
    router.assert_healthy();
}

/// A message with these annotations, all of them texts.
fn annotated(annotations: &[(&str, &str)]) -> Vec<u8> {
    let length = |text: &str| u8::try_from(text.len()).expect("short");
    let mut map = vec![u8::try_from(2 * annotations.len()).expect("few")];
    for (key, value) in annotations {
        map.extend(
            [0xa3, length(key)].iter().chain(key.as_bytes()).chain(&[0xa1, length(value)]).chain(value.as_bytes()),
        );
    }
    let head = [0x00, 0x53, 0x72, 0xc1, u8::try_from(map.len()).expect("short")];
    [&head[..], &map, &data_message(b"body")].concat()
}

/// Source: features 1.2, `stripAnnotations`: what comes in loses the annotations of routers, what goes out gets none.
#[test]
fn annotations_of_routers_are_stripped_as_each_side_says() {
    const WORDS: [&str; 4] = ["no", "in", "out", "both"];
    let listener = |word| {
        format!(
            "listener \"{word}\" {{\n    host \"127.0.0.1\"\n    port 0\n    strip-annotations \"{word}\"\n    idle-timeout \"0s\"\n}}\n"
        )
    };
    let mut router = Router::start(&plain_kdl(&WORDS.map(listener).concat()));
    let message = annotated(&[("x-opt-qd.ingress", "0/other"), ("mine", "kept")]);
    for sends in WORDS {
        let (_, theirs) = Peer::open_with(router.addr(sends), &open("idle"));
        assert_eq!(theirs.idle_time_out, None, "none is announced");
        let mut from = Peer::session(router.addr(sends), "from");
        for (handle, receives) in (0..).zip(WORDS) {
            let address = format!("{sends}-{receives}");
            let mut to = Peer::session(router.addr(receives), "to");
            to.attach_receiver(0, 0, &address, 1);
            from.attach_sender(0, handle, &address);
            from.expect_credit();
            from.send_with(0, &transfer(handle, handle), &message);
            let (_, payload) = to.expect_transfer();
            let has = |part: &[u8]| payload.windows(part.len()).any(|found| found == part);
            // as it came, or as the router writes a text
            let ingress = |router: &str| {
                let length = u8::try_from(router.len()).expect("short");
                let written = [&[0xa1, length][..], &[0xb1, 0, 0, 0, length]];
                written.iter().any(|head| has(&[b"x-opt-qd.ingress", *head, router.as_bytes()].concat()))
            };
            let strips = |word: &str, way: &str| word == "both" || word == way;
            let (dropped, bare) = (strips(sends, "in"), strips(receives, "out"));
            assert_eq!(ingress("0/other"), !dropped && !bare, "{address}: {payload:x?}");
            assert_eq!(ingress("0/hub"), dropped && !bare, "{address}: {payload:x?}");
            assert_eq!(has(b"x-opt-qd.trace"), !bare, "{address}: {payload:x?}");
            assert!(has(b"mine\xa1\x04kept") && has(b"body"), "{address}: {payload:x?}");
        }
    }
    router.assert_healthy();
}
