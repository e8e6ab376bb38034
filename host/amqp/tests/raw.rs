//! The raw codec against serde_amqp: whatever a peer may write reads the same in both, and what we write too.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test ends by panicking")]

use crosstie_amqp::frame::HEADER_BYTES;
use crosstie_amqp::guard;
use crosstie_amqp::raw::{self, Disposition, Flow, Transfer, TransferHead};
use fe2o3_amqp_types::definitions::Role;
use fe2o3_amqp_types::messaging::{Accepted, DeliveryState, Modified, Received, Rejected, Released};
use fe2o3_amqp_types::performatives;
use proptest::option;
use proptest::prelude::*;

/// How a value is written: the constructor that is taken of those that fit.
type Choice = u8;

fn null() -> Vec<u8> {
    vec![0x40]
}

fn uint(value: Option<u32>, choice: Choice) -> Vec<u8> {
    let Some(value) = value else {
        return null();
    };
    let mut forms = vec![[&[0x70][..], &value.to_be_bytes()].concat()];
    forms.extend(u8::try_from(value).map(|small| vec![0x52, small]));
    forms.extend((value == 0).then(|| vec![0x43]));
    forms.swap_remove(usize::from(choice) % forms.len())
}

fn boolean(value: Option<bool>, choice: Choice) -> Vec<u8> {
    match (value, choice % 2) {
        (None, _) => null(),
        (Some(value), 0) => vec![0x56, u8::from(value)],
        (Some(value), _) => vec![if value { 0x41 } else { 0x42 }],
    }
}

fn binary(value: Option<&[u8]>, choice: Choice) -> Vec<u8> {
    match (value, choice % 2) {
        (None, _) => null(),
        (Some(value), 0) => [&[0xa0, u8::try_from(value.len()).unwrap()], value].concat(),
        (Some(value), _) => [&[0xb0, 0, 0, 0, u8::try_from(value.len()).unwrap()], value].concat(),
    }
}

fn descriptor(code: u8, name: &str, choice: Choice) -> Vec<u8> {
    match choice % 3 {
        0 => vec![0x00, 0x53, code],
        1 => vec![0x00, 0x80, 0, 0, 0, 0, 0, 0, 0, code],
        _ => [&[0x00, 0xa3, u8::try_from(name.len()).unwrap()], name.as_bytes()].concat(),
    }
}

/// A list of these fields, without the last ones that are null where `choice` says so.
fn list(mut fields: Vec<Vec<u8>>, choice: Choice) -> Vec<u8> {
    if choice & 4 != 0 {
        while fields.last() == Some(&null()) {
            fields.pop();
        }
    }
    let items = fields.concat();
    let count = u8::try_from(fields.len()).unwrap();
    match choice % 3 {
        0 if fields.is_empty() => vec![0x45],
        1 | 0 if items.len() < 255 => [&[0xc0, u8::try_from(items.len() + 1).unwrap(), count][..], &items].concat(),
        _ => {
            let size = u32::try_from(items.len() + 4).unwrap();
            [&[0xd0][..], &size.to_be_bytes(), &[0, 0, 0, count], &items].concat()
        }
    }
}

fn states() -> impl Strategy<Value = DeliveryState> {
    prop_oneof![
        Just(DeliveryState::Accepted(Accepted {})),
        Just(DeliveryState::Released(Released {})),
        Just(DeliveryState::Rejected(Rejected { error: None })),
        (any::<u32>(), any::<u64>()).prop_map(|(section_number, section_offset)| DeliveryState::Received(Received {
            section_number,
            section_offset
        })),
        (option::of(any::<bool>()), option::of(any::<bool>())).prop_map(|(delivery_failed, undeliverable_here)| {
            DeliveryState::Modified(Modified { delivery_failed, undeliverable_here, message_annotations: None })
        }),
    ]
}

fn encoded(state: Option<&DeliveryState>) -> Vec<u8> {
    state.map_or_else(null, |state| serde_amqp::to_vec(state).unwrap())
}

fn decoded(state: Option<&[u8]>) -> Option<DeliveryState> {
    state.map(|state| serde_amqp::from_slice(state).unwrap())
}

/// One field for each that a performative has, and how each is written.
#[derive(Debug, Clone)]
struct Draft {
    numbers: [Option<u32>; 8],
    flags: [Option<bool>; 5],
    tag: Option<Vec<u8>>,
    mode: Option<u8>,
    state: Option<DeliveryState>,
    choices: [Choice; 16],
    payload: Vec<u8>,
}

/// Numbers of all sizes alike.
fn numbers() -> impl Strategy<Value = Option<u32>> {
    option::of(prop_oneof![Just(0), 1..256_u32, any::<u32>()])
}

fn drafts() -> impl Strategy<Value = Draft> {
    let tag = option::of(prop::collection::vec(any::<u8>(), 0..=32));
    let payload = prop::collection::vec(any::<u8>(), 0..40);
    let (numbers, flags) = (prop::array::uniform8(numbers()), prop::array::uniform5(option::of(any::<bool>())));
    (numbers, flags, tag, option::of(0..2_u8), option::of(states()), any::<[Choice; 16]>(), payload).prop_map(
        |(numbers, flags, tag, mode, state, choices, payload)| Draft {
            numbers,
            flags,
            tag,
            mode,
            state,
            choices,
            payload,
        },
    )
}

impl Draft {
    fn transfer(&self) -> Vec<u8> {
        let (n, f, c) = (&self.numbers, &self.flags, &self.choices);
        let fields = vec![
            uint(Some(n[0].unwrap_or(0)), c[0]),
            uint(n[1], c[1]),
            binary(self.tag.as_deref(), c[2]),
            uint(n[2], c[3]),
            boolean(f[0], c[4]),
            boolean(f[1], c[5]),
            self.mode.map_or_else(null, |mode| vec![0x50, mode]),
            encoded(self.state.as_ref()),
            boolean(f[2], c[6]),
            boolean(f[3], c[7]),
            boolean(f[4], c[8]),
        ];
        [descriptor(0x14, "amqp:transfer:list", c[9]), list(fields, c[10])].concat()
    }

    fn flow(&self) -> Vec<u8> {
        let (n, f, c) = (&self.numbers, &self.flags, &self.choices);
        let must = |at: usize| uint(Some(n[at].unwrap_or(0)), c[at]);
        let fields = vec![
            uint(n[0], c[0]),
            must(1),
            must(2),
            must(3),
            uint(n[4], c[4]),
            uint(n[5], c[5]),
            uint(n[6], c[6]),
            uint(n[7], c[7]),
            boolean(f[0], c[8]),
            boolean(f[1], c[9]),
            if f[2] == Some(true) { vec![0xc1, 5, 2, 0xa3, 1, b'x', 0x41] } else { null() },
        ];
        [descriptor(0x13, "amqp:flow:list", c[10]), list(fields, c[11])].concat()
    }

    fn disposition(&self) -> Vec<u8> {
        let (n, f, c) = (&self.numbers, &self.flags, &self.choices);
        let fields = vec![
            boolean(Some(f[0].unwrap_or(false)), c[0]),
            uint(Some(n[0].unwrap_or(0)), c[1]),
            uint(n[1], c[2]),
            boolean(f[1], c[3]),
            encoded(self.state.as_ref()),
            boolean(f[2], c[4]),
        ];
        [descriptor(0x15, "amqp:disposition:list", c[5]), list(fields, c[6])].concat()
    }
}

fn same_transfer(ours: &Transfer<'_>, theirs: &performatives::Transfer) {
    assert_eq!(ours.handle, theirs.handle.0);
    assert_eq!(ours.delivery_id, theirs.delivery_id);
    assert_eq!(ours.delivery_tag, theirs.delivery_tag.as_ref().map(|tag| tag.as_slice()));
    assert_eq!(ours.message_format, theirs.message_format);
    assert_eq!(ours.settled, theirs.settled);
    assert_eq!(ours.more, theirs.more);
    assert_eq!(ours.rcv_settle_mode, theirs.rcv_settle_mode.as_ref().map(u8::from));
    assert_eq!(decoded(ours.state), theirs.state);
    assert_eq!((ours.resume, ours.aborted, ours.batchable), (theirs.resume, theirs.aborted, theirs.batchable));
}

fn same_flow(ours: &Flow, theirs: &performatives::Flow) {
    assert_eq!(ours.next_incoming_id, theirs.next_incoming_id);
    assert_eq!(ours.incoming_window, theirs.incoming_window);
    assert_eq!(ours.next_outgoing_id, theirs.next_outgoing_id);
    assert_eq!(ours.outgoing_window, theirs.outgoing_window);
    assert_eq!(ours.handle, theirs.handle.as_ref().map(|handle| handle.0));
    assert_eq!(ours.delivery_count, theirs.delivery_count);
    assert_eq!(ours.link_credit, theirs.link_credit);
    assert_eq!(ours.available, theirs.available);
    assert_eq!((ours.drain, ours.echo), (theirs.drain, theirs.echo));
}

fn same_disposition(ours: &Disposition<'_>, theirs: &performatives::Disposition) {
    assert_eq!(ours.receiver, theirs.role == Role::Receiver);
    assert_eq!((ours.first, ours.last), (theirs.first, theirs.last));
    assert_eq!((ours.settled, ours.batchable), (theirs.settled, theirs.batchable));
    assert_eq!(decoded(ours.state), theirs.state);
}

/// The performative and the payload of a frame that we wrote, whose size is right.
fn body(frame: &[u8], channel: u16) -> (&[u8], &[u8]) {
    assert_eq!(frame[..4], u32::try_from(frame.len()).unwrap().to_be_bytes());
    assert_eq!((frame[4], frame[5], &frame[6..8]), (2, 0, channel.to_be_bytes().as_slice()));
    frame[HEADER_BYTES..].split_at(raw::skip(&frame[HEADER_BYTES..]).unwrap())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]

    #[test]
    fn every_encoding_of_a_transfer_reads_as_serde_amqp_reads_it(draft in drafts()) {
        let said = draft.transfer();
        let input = [said.as_slice(), &draft.payload].concat();
        let (ours, payload) = Transfer::decode(&input).unwrap();
        same_transfer(&ours, &serde_amqp::from_slice(&said).unwrap());
        prop_assert_eq!(payload, draft.payload.as_slice());
        let mut frame = Vec::new();
        ours.write(&mut frame, 7, payload);
        let (said, after) = body(&frame, 7);
        same_transfer(&ours, &serde_amqp::from_slice(said).unwrap());
        prop_assert_eq!(after, payload);
        let plain = Transfer { settled: Some(ours.settled.unwrap_or(false)), rcv_settle_mode: None, state: None, ..ours };
        for transfer in [ours, Transfer { resume: false, aborted: false, batchable: false, ..plain }] {
            let mut frame = Vec::new();
            if transfer.write_common(&mut frame, 7, payload) {
                let (said, after) = body(&frame, 7);
                let meant = Transfer { settled: Some(transfer.settled.unwrap_or(false)), ..transfer };
                same_transfer(&meant, &serde_amqp::from_slice(said).unwrap());
                prop_assert_eq!(after, payload);
            }
        }
    }

    #[test]
    fn every_encoding_of_a_flow_reads_as_serde_amqp_reads_it(draft in drafts()) {
        let said = draft.flow();
        let ours = Flow::decode(&said).unwrap();
        same_flow(&ours, &serde_amqp::from_slice(&said).unwrap());
        let mut frame = Vec::new();
        ours.write(&mut frame, 0xff01);
        same_flow(&ours, &serde_amqp::from_slice(body(&frame, 0xff01).0).unwrap());
    }

    #[test]
    fn every_encoding_of_a_disposition_reads_as_serde_amqp_reads_it(draft in drafts()) {
        let said = draft.disposition();
        let ours = Disposition::decode(&said).unwrap();
        same_disposition(&ours, &serde_amqp::from_slice(&said).unwrap());
        let mut frame = Vec::new();
        ours.write(&mut frame, 3);
        same_disposition(&ours, &serde_amqp::from_slice(body(&frame, 3).0).unwrap());
    }

    #[test]
    fn the_head_of_a_transfer_that_goes_out_reads_as_it_was_meant(draft in drafts()) {
        let [handle, delivery_id, message_format, ..] = draft.numbers;
        let [settled, more, aborted, ..] = draft.flags.map(|flag| flag == Some(true));
        let head = TransferHead { handle: handle.unwrap_or(0), delivery_id, message_format, settled, more, aborted };
        let mut frame = Vec::new();
        head.write(&mut frame, 9, &draft.payload);
        let (said, payload) = body(&frame, 9);
        let theirs: performatives::Transfer = serde_amqp::from_slice(said).unwrap();
        let tag = delivery_id.map(u32::to_be_bytes);
        let wanted = Transfer {
            handle: head.handle,
            delivery_id,
            delivery_tag: tag.as_ref().map(<[u8; 4]>::as_slice),
            message_format,
            settled: Some(settled),
            more: more && !aborted,
            aborted,
            ..Transfer::default()
        };
        same_transfer(&wanted, &theirs);
        prop_assert_eq!(payload, draft.payload.as_slice());
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_alike(draft in drafts(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        for mut said in [draft.transfer(), draft.flow(), draft.disposition()] {
            let at = at.index(said.len());
            said[at] = byte;
            let whole = raw::skip(&said) == Ok(said.len());
            // it panics on some of what the guard keeps from it
            let Ok(passed) = guard::pass(&said) else {
                continue;
            };
            if let (Ok((ours, [])), Ok(theirs), true) =
                (Transfer::decode(&said), serde_amqp::from_slice::<performatives::Transfer>(&passed), whole)
            {
                // what stands inside a state is not read, only its bounds
                if ours.state.is_none_or(|state| serde_amqp::from_slice::<DeliveryState>(state).is_ok()) {
                    same_transfer(&ours, &theirs);
                }
            }
            if let (Ok(ours), Ok(theirs), true) =
                (Flow::decode(&said), serde_amqp::from_slice::<performatives::Flow>(&passed), whole)
            {
                same_flow(&ours, &theirs);
            }
            if let (Ok(ours), Ok(theirs), true) =
                (Disposition::decode(&said), serde_amqp::from_slice::<performatives::Disposition>(&passed), whole)
                && ours.state.is_none_or(|state| serde_amqp::from_slice::<DeliveryState>(state).is_ok())
            {
                same_disposition(&ours, &theirs);
            }
        }
    }
}
