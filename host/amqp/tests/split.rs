//! Frames that arrive in pieces: wherever the network cuts them, the same happens.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use std::sync::Arc;
use std::time::Duration;

use crosstie_amqp::connection::{Connection, Event, Setup};
use crosstie_amqp::frame::{self, AMQP_HEADER, Kind, SASL_HEADER};
use crosstie_amqp::handshake::{Server, Side};
use crosstie_amqp::raw::{ACCEPTED, Disposition, Flow, Transfer};
use crosstie_amqp::sasl::{Nonce, Users};
use crosstie_amqp::time::Time;
use fe2o3_amqp_types::definitions::{Handle, ReceiverSettleMode, Role, SenderSettleMode};
use fe2o3_amqp_types::messaging::{Source, Target, TargetArchetype};
use fe2o3_amqp_types::performatives::{Attach, Begin, Close, Detach, End, Open};
use fe2o3_amqp_types::sasl::SaslInit;
use proptest::prelude::*;
use serde::Serialize;
use serde_amqp::primitives::Symbol;

fn server() -> Connection {
    let users = Arc::new(Users::new([1; 32], []));
    let server = Server {
        mechanisms: vec!["ANONYMOUS".to_owned()],
        without_sasl: true,
        users,
        plain_without_tls: true,
        secure: None,
        delegates: false,
    };
    let setup = Setup {
        container_id: "router".to_owned(),
        hostname: None,
        max_frame_size: 1024,
        channel_max: 3,
        links_max: 8,
        window_frames: Some(4),
        buffered_bytes: 1 << 20,
        capabilities: Vec::new(),
        idle_timeout: Duration::ZERO,
        handshake_timeout: Duration::from_secs(10),
        properties: Vec::new(),
        side: Side::Server(server),
    };
    Connection::new(Time(0), setup, Nonce([2; 18]))
}

fn said(performative: &impl Serialize) -> Vec<u8> {
    let body = serde_amqp::to_vec(performative).unwrap();
    let mut out = Vec::new();
    frame::write(&mut out, Kind::Amqp, 0, |out| out.extend_from_slice(&body));
    out
}

fn written(write: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut out);
    out
}

fn attach(name: &str, handle: u32, role: Role) -> Attach {
    Attach {
        name: name.to_owned(),
        handle: Handle(handle),
        initial_delivery_count: (role == Role::Sender).then_some(0),
        role,
        snd_settle_mode: SenderSettleMode::Mixed,
        rcv_settle_mode: ReceiverSettleMode::First,
        source: Some(Box::new(Source { address: Some("a".to_owned()), ..Source::default() })),
        target: Some(Box::new(TargetArchetype::Target(Target { address: Some("a".to_owned()), ..Target::default() }))),
        unsettled: None,
        incomplete_unsettled: false,
        max_message_size: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    }
}

/// What a peer can say; in this order, or with single ones left out, doubled or damaged.
fn conversation() -> Vec<Vec<u8>> {
    let open = Open {
        container_id: "peer".to_owned(),
        hostname: None,
        max_frame_size: 512.into(),
        channel_max: 9.into(),
        idle_time_out: None,
        outgoing_locales: None,
        incoming_locales: None,
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    };
    let begin = Begin {
        remote_channel: None,
        next_outgoing_id: u32::MAX,
        incoming_window: 9,
        outgoing_window: 9,
        handle_max: Handle(9),
        offered_capabilities: None,
        desired_capabilities: None,
        properties: None,
    };
    let init = SaslInit { mechanism: Symbol::from("ANONYMOUS"), initial_response: None, hostname: None };
    let init = serde_amqp::to_vec(&init).unwrap();
    let transfer = |more, payload: &[u8]| {
        let transfer = Transfer {
            handle: 1,
            delivery_id: Some(5),
            delivery_tag: Some(b"t"),
            message_format: Some(0),
            more,
            ..Transfer::default()
        };
        written(|out| transfer.write(out, 0, payload))
    };
    let flow = Flow { incoming_window: 9, handle: Some(2), link_credit: Some(3), echo: true, ..Flow::default() };
    let settled =
        Disposition { receiver: true, first: 0, settled: true, state: Some(ACCEPTED), ..Disposition::default() };
    vec![
        SASL_HEADER.to_vec(),
        written(|out| frame::write(out, Kind::Sasl, 0, |out| out.extend_from_slice(&init))),
        AMQP_HEADER.to_vec(),
        said(&open),
        said(&begin),
        said(&attach("s", 1, Role::Sender)),
        said(&attach("r", 2, Role::Receiver)),
        written(|out| flow.write(out, 0)),
        transfer(true, b"one "),
        written(|out| frame::write_empty(out, 0)),
        transfer(false, &[7; 200]),
        written(|out| settled.write(out, 0)),
        said(&Detach { handle: Handle(1), closed: true, error: None }),
        said(&End { error: None }),
        said(&Close { error: None }),
    ]
}

/// What happens, and what is answered, when the bytes come cut at these places.
fn happens(bytes: &[u8], cuts: &[usize]) -> (Vec<String>, Vec<u8>) {
    let mut connection = server();
    let (mut events, mut pending, mut start) = (Vec::new(), Vec::new(), 0);
    for end in cuts.iter().copied().chain([bytes.len()]) {
        pending.extend_from_slice(&bytes[start..end]);
        start = end;
        let mut input = pending.as_slice();
        while let Some(event) = connection.handle_input(Time(1), &mut input) {
            events.push(format!("{event:?}"));
            match event {
                Event::Opened(_) => connection.open(),
                Event::Attached { link, attach, .. } => {
                    connection.accept(link, *attach);
                    if connection.is_receiver(link) == Some(true) {
                        connection.grant(link, 1);
                    }
                }
                _ => {}
            }
        }
        let left = input.to_vec();
        pending = left;
    }
    (events, connection.out.take())
}

#[test]
fn a_conversation_cut_at_any_byte_is_the_same_conversation() {
    let bytes = conversation().concat();
    let whole = happens(&bytes, &[]);
    assert!(whole.0.last().is_some_and(|event| event.starts_with("Closed")), "{:?}", whole.0);
    for cut in 1..bytes.len() {
        assert_eq!(happens(&bytes, &[cut]), whole, "cut at {cut}");
    }
    let every: Vec<usize> = (1..bytes.len()).collect();
    assert_eq!(happens(&bytes, &every), whole);
}

proptest! {
    #[test]
    fn what_is_wrong_is_found_wherever_it_is_cut(
        frames in prop::sample::subsequence(conversation(), 4..15),
        doubled in any::<prop::sample::Index>(),
        damage in prop::option::of((any::<prop::sample::Index>(), any::<u8>())),
        mut cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
    ) {
        let mut frames = frames;
        frames.push(frames[doubled.index(frames.len())].clone());
        let mut bytes = frames.concat();
        if let Some((at, byte)) = damage {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let mut cuts: Vec<usize> = cuts.drain(..).map(|cut| cut.index(bytes.len())).collect();
        cuts.sort_unstable();
        cuts.dedup();
        prop_assert_eq!(happens(&bytes, &cuts), happens(&bytes, &[]));
    }
}
