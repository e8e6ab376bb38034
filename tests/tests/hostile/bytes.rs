//! Bytes that are no frames, and frames that are no performatives.

use crosstie_tests::frame::{self, AMQP_HEADER, Performative, SASL_HEADER};
use crosstie_tests::peer::{Arrival, Peer};
use crosstie_tests::performative::begin;
use crosstie_tests::router::plain_kdl;

use crate::scene::{DEADLINE, Scene, assert_fault};

const FRAMING: &str = "amqp:connection:framing-error";
/// What a body that cannot be decoded may be called.
const UNDECODABLE: [&str; 3] = ["amqp:decode-error", "amqp:invalid-field", FRAMING];

/// A described list whose items are encoded already.
fn composite(code: u8, items: &[&[u8]]) -> Vec<u8> {
    let content = items.concat();
    let mut bytes = vec![0x00, 0x53, code, 0xd0];
    bytes.extend_from_slice(&u32::try_from(content.len() + 4).unwrap().to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(items.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(&content);
    bytes
}

const NULL: &[u8] = &[0x40];

/// An Open with these bytes as offered-capabilities and properties.
fn raw_open(capabilities: &[u8], properties: &[u8]) -> Vec<u8> {
    let container = [&[0xa1, 3][..], b"raw"].concat();
    frame::frame(
        0,
        0,
        &composite(0x10, &[&container, NULL, NULL, NULL, NULL, NULL, NULL, capabilities, NULL, properties]),
    )
}

fn opened(scene: &Scene) -> Peer {
    Peer::session(scene.router.clients(), "hostile")
}

#[test]
fn garbage_instead_of_a_header_is_answered_with_a_header() {
    let scene = Scene::new();
    let wrong: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"AMQP\x00\x00\x09\x01",
        b"AMQP\x09\x01\x00\x00",
        &[0; 8],
        &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc],
    ];
    for bytes in wrong {
        let mut peer = Peer::dial(scene.router.clients());
        peer.send_bytes(bytes);
        match peer.next(DEADLINE) {
            Arrival::Header(header) => assert!([AMQP_HEADER, SASL_HEADER].contains(&header), "{header:02x?}"),
            other => panic!("{bytes:02x?} was answered with {other:?}"),
        }
        assert!(peer.drain(DEADLINE), "still connected after {bytes:02x?}");
    }
    scene.finish();
}

#[test]
fn a_frame_cut_short_ends_its_connection_alone() {
    let scene = Scene::new();
    let whole = frame::amqp(1, &begin(None), &[]);
    for length in [1, 4, 7, 8, 11, whole.len() - 1] {
        let mut peer = opened(&scene);
        peer.send_bytes(&whole[..length]);
        peer.shut_down_sending();
        assert!(peer.drain(DEADLINE), "still connected with {length} bytes of a frame");
    }
    scene.finish();
}

#[test]
fn sizes_that_no_frame_has_are_framing_errors() {
    let scene = Scene::new();
    let too_long = frame::frame(0, 0, &vec![0; 20_000]);
    let wrong: [(&str, &[u8]); 6] = [
        ("longer than max-frame-size", &too_long),
        ("4 GiB", &[0xff, 0xff, 0xff, 0xff, 2, 0, 0, 0]),
        ("shorter than its header", &[0, 0, 0, 7, 2, 0, 0, 0]),
        ("size 0", &[0, 0, 0, 0, 2, 0, 0, 0]),
        ("data offset of 1", &[0, 0, 0, 12, 1, 0, 0, 0, 0, 0x53, 0x17, 0x45]),
        ("data offset beyond the frame", &[0, 0, 0, 12, 200, 0, 0, 0, 0, 0x53, 0x17, 0x45]),
    ];
    for (what, bytes) in wrong {
        let mut peer = opened(&scene);
        let _ = peer.try_send_bytes(bytes);
        assert_fault(&mut peer, what, &[FRAMING]);
    }
    scene.finish();
}

#[test]
fn bodies_that_are_no_performatives_are_refused() {
    let scene = Scene::new();
    let unknown = composite(0x77, &[NULL]);
    let lying_size = [0x00, 0x53, 0x12, 0xd0, 0x00, 0xff, 0xff, 0xff, 0, 0, 0, 1, 0x40];
    let lying_count = [0x00, 0x53, 0x12, 0xd0, 0, 0, 0, 5, 0xff, 0xff, 0xff, 0xff, 0x40];
    let no_mandatory = composite(0x12, &[]);
    let wrong_type = composite(0x12, &[&[0x43], &[0x43], &[0x41]]);
    let not_utf8 = composite(0x12, &[&[0xa1, 2, 0xff, 0xfe], &[0x43], &[0x42]]);
    let short_transfer = [0x00, 0x53, 0x14, 0xc0, 0x20, 0x05, 0x43];
    let undescribed = [0xc0, 0x01, 0x00];
    let wrong: [(&str, &[u8]); 8] = [
        ("an unknown performative", &unknown),
        ("a list longer than its frame", &lying_size),
        ("more items than bytes", &lying_count),
        ("an attach without fields", &no_mandatory),
        ("an attach with a number for its name", &wrong_type),
        ("a name that is no UTF-8", &not_utf8),
        ("a transfer cut short", &short_transfer),
        ("a list without a descriptor", &undescribed),
    ];
    for (what, body) in wrong {
        let mut peer = opened(&scene);
        peer.send_bytes(&frame::frame(0, 0, body));
        assert_fault(&mut peer, what, &[&UNDECODABLE[..], &["amqp:not-implemented", "amqp:not-allowed"]].concat());
    }
    scene.finish();
}

/// A map with a value 10,000 lists deep, and performatives that hold as much.
fn nested_bodies() -> (Vec<u8>, Vec<Vec<u8>>) {
    let mut nested = NULL.to_vec();
    for _ in 0..10_000 {
        let mut outer = vec![0xd0];
        outer.extend_from_slice(&u32::try_from(nested.len() + 4).unwrap().to_be_bytes());
        outer.extend_from_slice(&1u32.to_be_bytes());
        outer.extend_from_slice(&nested);
        nested = outer;
    }
    let described = [vec![0x00; 100_000], vec![0x40]].concat();
    let symbol = [0xa3, 1, b'k'];
    let mut map = vec![0xd1];
    map.extend_from_slice(&u32::try_from(nested.len() + 7).unwrap().to_be_bytes());
    map.extend_from_slice(&2u32.to_be_bytes());
    map.extend_from_slice(&symbol);
    map.extend_from_slice(&nested);
    let bodies = vec![
        composite(0x12, &[&nested]),
        composite(0x12, &[&described]),
        described.clone(),
        composite(0x13, &[NULL, &[0x43], &[0x43], &[0x43], NULL, NULL, NULL, NULL, NULL, NULL, &map]),
        composite(0x14, &[&[0x43], &[0x43], &[0xa0, 1, 1], &[0x43], &[0x42], &[0x42], NULL, &nested]),
        composite(0x15, &[&[0x41], &[0x43], &[0x43], &[0x41], &nested]),
    ];
    (map, bodies)
}

#[test]
fn lists_nested_ten_thousand_deep_are_refused() {
    let kdl = plain_kdl("").replace("port 0\n", "port 0\n    max-frame-size \"256KiB\"\n");
    let scene = Scene::with(&kdl);
    let (map, bodies) = nested_bodies();
    for (number, body) in bodies.iter().enumerate() {
        let mut peer = opened(&scene);
        let _ = peer.try_send_bytes(&frame::frame(0, 0, body));
        let conditions =
            [&UNDECODABLE[..], &["amqp:resource-limit-exceeded", "amqp:session:unattached-handle"]].concat();
        assert_fault(&mut peer, &format!("nested body {number}"), &conditions);
    }
    // The first frame of a connection is not yet bound by the agreed size.
    let mut peer = Peer::dial(scene.router.clients());
    peer.send_bytes(&AMQP_HEADER);
    let _ = peer.try_send_bytes(&raw_open(NULL, &map));
    assert!(peer.drain(DEADLINE), "still connected after an Open nested 10,000 deep");
    scene.finish();
}

#[test]
fn an_empty_array_is_legal() {
    let scene = Scene::new();
    let mut peer = Peer::dial(scene.router.clients());
    peer.send_bytes(&AMQP_HEADER);
    peer.send_bytes(&raw_open(&[0xe0, 0x02, 0x00, 0xa3], NULL));
    peer.expect_header(AMQP_HEADER);
    peer.expect("open", |frame| matches!(frame.performative, Performative::Open(_)).then_some(()));
    peer.begin(0);
    peer.close();
    scene.finish();
}

#[test]
fn string_keys_where_symbols_belong_are_borne() {
    let scene = Scene::new();
    let text = |word: &str| [&[0xa1, u8::try_from(word.len()).unwrap()][..], word.as_bytes()].concat();
    let (key, value) = (text("product"), text("a client that errs"));
    let mut map = vec![0xc1, u8::try_from(key.len() + value.len() + 1).unwrap(), 2];
    map.extend_from_slice(&key);
    map.extend_from_slice(&value);
    let mut peer = Peer::dial(scene.router.clients());
    peer.send_bytes(&AMQP_HEADER);
    peer.send_bytes(&raw_open(NULL, &map));
    peer.expect_header(AMQP_HEADER);
    peer.expect("open", |frame| matches!(frame.performative, Performative::Open(_)).then_some(()));
    peer.begin(0);
    peer.close();
    scene.finish();
}

#[test]
fn an_unknown_outcome_ends_a_delivery_all_the_same() {
    let scene = Scene::new();
    let mut sender = opened(&scene);
    let mut receiver = opened(&scene);
    receiver.attach_receiver(0, 0, "odd", 10);
    sender.attach_sender(0, 0, "odd");
    sender.expect_credit();
    sender.send_message(0, 0, 0, b"x");
    let (transfer, _) = receiver.expect_transfer();
    let id = u8::try_from(transfer.delivery_id.unwrap()).unwrap();
    let state = [0x00, 0x53, 0x99, 0x45];
    let body = composite(0x15, &[&[0x41], &[0x52, id], NULL, &[0x41], &state]);
    receiver.send_bytes(&frame::frame(0, 0, &body));
    sender.expect_outcome(0);
    scene.finish();
}

#[test]
fn an_unknown_terminus_is_answered() {
    let scene = Scene::new();
    let mut peer = opened(&scene);
    let name = [&[0xa1, 3][..], b"odd"].concat();
    let terminus = [0x00, 0x53, 0x99, 0x45];
    let body = composite(0x12, &[&name, &[0x43], &[0x41], NULL, NULL, &terminus, &terminus]);
    peer.send_bytes(&frame::frame(0, 0, &body));
    match peer.next(DEADLINE) {
        Arrival::Frame(frame) => assert!(
            matches!(
                frame.performative,
                Performative::Attach(_) | Performative::Detach(_) | Performative::End(_) | Performative::Close(_)
            ),
            "{frame:?}"
        ),
        other => panic!("{other:?}"),
    }
    scene.finish();
}

#[test]
fn sasl_that_makes_no_sense_ends_the_connection() {
    let scene = Scene::new();
    let bodies = [
        composite(0x41, &[]),
        composite(0x41, &[&[0xa3, 5, b'M', b'A', b'G', b'I', b'C']]),
        composite(0x43, &[&[0xa0, 1, 0]]),
        composite(0x10, &[&[0xa1, 1, b'x']]),
        vec![0x00; 300],
    ];
    for body in bodies {
        let mut peer = Peer::dial(scene.router.clients());
        peer.send_bytes(&SASL_HEADER);
        peer.send_bytes(&frame::frame(1, 0, &body));
        assert!(peer.drain(DEADLINE), "still connected after SASL frame {body:02x?}");
    }
    scene.finish();
}
