//! Scripts that a peer could mean: what the fuzzer of connections starts from.

use crosstie_amqp::frame::{AMQP_HEADER, HEADER_BYTES, SASL_HEADER};
use crosstie_amqp::raw::{ACCEPTED, Disposition, Flow, REJECTED, Transfer};
use fe2o3_amqp_types::definitions::{ReceiverSettleMode, SenderSettleMode};
use fe2o3_amqp_types::performatives::{Close, End};
use fe2o3_amqp_types::sasl::{SaslCode, SaslInit, SaslMechanisms, SaslOutcome};
use serde::Serialize;
use serde_amqp::primitives::{Array, Symbol};

use crate::script::{Item, Kind, Script};
use crate::speech::{begin, body, detach, open, receiver, sender};

/// All scripts, each with its name.
#[must_use]
pub fn scripts() -> Vec<(String, Script)> {
    let mut all = Vec::new();
    // the bits of the side: dialled, route container with tight limits, small frames, attaches wait, slow socket
    for side in [0_u8, 2, 4, 8, 16, 22] {
        all.push((format!("exchange-{side}"), Script { side, items: exchange("a") }));
        all.push((format!("multicast-{side}"), Script { side, items: exchange("m") }));
        all.push((format!("anonymous-{side}"), Script { side, items: anonymous() }));
        all.push((format!("routed-{side}"), Script { side, items: exchange("container/three") }));
        all.push((format!("ends-{side}"), Script { side, items: ends() }));
        all.push((format!("sasl-{side}"), Script { side, items: sasl() }));
        all.push((format!("container-{side}"), Script { side: side | 3, items: container() }));
    }
    all
}

fn item(kind: Kind, content: Vec<u8>) -> Item {
    Item { kind, content }
}

fn run() -> Item {
    item(Kind::Run, Vec::new())
}

fn send() -> Item {
    item(Kind::Send, Vec::new())
}

fn said(channel: u8, performative: &impl Serialize) -> Item {
    let mut content = vec![channel];
    content.extend(body(performative));
    item(Kind::Frame, content)
}

/// A frame that the raw codec wrote.
fn raw(write: impl FnOnce(&mut Vec<u8>)) -> Item {
    let mut frame = Vec::new();
    write(&mut frame);
    frame.drain(..HEADER_BYTES - 1);
    item(Kind::Frame, frame)
}

fn flow(handle: Option<u32>, credit: u32, drain: bool) -> Item {
    let flow = Flow {
        next_incoming_id: Some(0),
        incoming_window: 100,
        next_outgoing_id: 0,
        outgoing_window: 100,
        handle,
        delivery_count: handle.map(|_| 0),
        link_credit: handle.map(|_| credit),
        available: None,
        drain,
        echo: true,
    };
    raw(|out| flow.write(out, 0))
}

fn transfer(transfer: Transfer<'_>, payload: &[u8]) -> Item {
    raw(|out| transfer.write(out, 0, payload))
}

fn delivery(handle: u32, id: u32) -> Transfer<'static> {
    Transfer {
        handle,
        delivery_id: Some(id),
        delivery_tag: Some(b"tag"),
        message_format: Some(0),
        settled: Some(false),
        ..Transfer::default()
    }
}

fn disposition(receiver: bool, first: u32, last: u32, settled: bool, state: Option<&[u8]>) -> Item {
    let said = Disposition { receiver, first, last: Some(last), settled, state, batchable: false };
    raw(|out| said.write(out, 0))
}

fn opening() -> Vec<Item> {
    vec![item(Kind::Raw, AMQP_HEADER.to_vec()), said(0, &open("hostile", 4096)), run(), said(0, &begin(None, 0, 100))]
}

fn exchange(address: &str) -> Vec<Item> {
    let mut items = opening();
    let second = receiver("r", 0, Some(address));
    items.extend([
        said(0, &second),
        said(0, &sender("s", 1, Some(address))),
        run(),
        flow(Some(0), 5, false),
        send(),
        transfer(delivery(1, 0), b"\x00\x53\x75\xa0\x02hi"),
        transfer(Transfer { more: true, ..delivery(1, 1) }, b"\x00\x53\x70\x45\x00\x53\x75\xa0\x04hi"),
        run(),
        item(Kind::Flush, vec![1]),
        transfer(Transfer { handle: 1, ..Transfer::default() }, b"!!"),
        transfer(Transfer { settled: Some(true), more: true, ..delivery(1, 2) }, b"\x00\x53\x75"),
        transfer(Transfer { handle: 1, aborted: true, ..Transfer::default() }, b""),
        disposition(true, 0, 3, true, Some(ACCEPTED)),
        run(),
        send(),
        flow(Some(0), 9, true),
        disposition(true, 1, 1, false, Some(REJECTED)),
        disposition(false, 0, 9, true, None),
        flow(None, 0, false),
        run(),
        item(Kind::Read, vec![200]),
        said(0, &detach(0, true)),
        said(0, &detach(1, false)),
        said(0, &End { error: None }),
        said(0, &Close { error: None }),
        run(),
    ]);
    items
}

fn anonymous() -> Vec<Item> {
    let mut items = opening();
    let mut presettled = sender("s", 1, None);
    presettled.snd_settle_mode = SenderSettleMode::Settled;
    let mut second = receiver("r", 0, None);
    second.rcv_settle_mode = ReceiverSettleMode::Second;
    // properties with `to` as their third field
    let to =
        |name: &str| [b"\x00\x53\x73\xc0\x06\x03\x40\x40\xa1\x01", name.as_bytes(), b"\x00\x53\x75\xa0\x02hi"].concat();
    items.extend([
        said(0, &second),
        said(0, &presettled),
        said(0, &sender("node", 2, Some("$management"))),
        run(),
        flow(Some(0), 5, false),
        transfer(Transfer { settled: Some(true), ..delivery(1, 0) }, &to("a")),
        transfer(delivery(1, 1), &to("m")),
        transfer(delivery(1, 2), &to("u")),
        transfer(Transfer { more: true, ..delivery(1, 3) }, b"\x00\x53\x72\xc1\x13\x02\xa3\x0ex-opt-qd.trace"),
        transfer(Transfer { handle: 1, ..Transfer::default() }, b"\xa1\x00\x00\x53\x75\xa0\x02hi"),
        transfer(delivery(2, 4), b"\x00\x53\x77\x40"),
        run(),
        run(),
        said(0, &Close { error: None }),
    ]);
    items
}

fn ends() -> Vec<Item> {
    let mut items = opening();
    items.extend([
        said(0, &sender("s", 0, Some("h"))),
        said(1, &begin(None, 7, 1)),
        said(1, &receiver("r", 3, Some("a"))),
        run(),
        raw(|out| Flow { incoming_window: 1, handle: Some(3), link_credit: Some(9), ..Flow::default() }.write(out, 1)),
        send(),
        send(),
        transfer(Transfer { more: true, ..delivery(0, 0) }, b"\x00\x53\x75\xa0\x09part"),
        run(),
        said(1, &End { error: None }),
        said(0, &detach(0, true)),
        said(1, &begin(None, 0, 2)),
        said(1, &receiver("r", 0, Some("m"))),
        run(),
        item(Kind::Wait, vec![9]),
        send(),
        said(0, &End { error: None }),
        item(Kind::Wait, vec![20]),
        run(),
    ]);
    items
}

fn sasl() -> Vec<Item> {
    let init = SaslInit { mechanism: Symbol::from("ANONYMOUS"), initial_response: None, hostname: None };
    let mut items = vec![item(Kind::Raw, SASL_HEADER.to_vec()), item(Kind::Sasl, body(&init))];
    items.extend(exchange("a").into_iter().take(14));
    items
}

/// What a container says that was dialled: it answers the router's begin and its attaches.
fn container() -> Vec<Item> {
    let mechanisms = SaslMechanisms { sasl_server_mechanisms: Array::from(vec![Symbol::from("ANONYMOUS")]) };
    let outcome = SaslOutcome { code: SaslCode::Ok, additional_data: None };
    vec![
        item(Kind::Raw, SASL_HEADER.to_vec()),
        item(Kind::Sasl, body(&mechanisms)),
        item(Kind::Sasl, body(&outcome)),
        item(Kind::Raw, AMQP_HEADER.to_vec()),
        said(0, &open("container", 4096)),
        run(),
        said(0, &begin(Some(0), 0, 100)),
        said(0, &sender("auto-link.in", 0, Some("a"))),
        said(0, &receiver("auto-link.out", 1, Some("a"))),
        run(),
        flow(Some(1), 5, false),
        send(),
        transfer(delivery(0, 0), b"\x00\x53\x75\xa0\x02hi"),
        disposition(true, 0, 0, true, Some(ACCEPTED)),
        run(),
        said(0, &detach(1, true)),
        item(Kind::Wait, vec![3]),
        run(),
        said(0, &detach(0, true)),
        said(0, &Close { error: None }),
        run(),
    ]
}
