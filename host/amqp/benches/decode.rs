//! What it costs to decode a transfer: by the reader of the hot path, and by serde_amqp.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench ends by panicking")]

use crosstie_amqp::raw::{Transfer, TransferHead};
use crosstie_amqp::{frame, guard};
use fe2o3_amqp_types::performatives::Transfer as Typed;

fn main() {
    divan::main();
}

/// The body of a frame with one transfer.
fn body(payload: usize) -> Vec<u8> {
    let head = TransferHead {
        handle: 3,
        delivery_id: Some(100_000),
        message_format: Some(0),
        settled: false,
        more: false,
        aborted: false,
    };
    let mut out = Vec::new();
    head.write(&mut out, 0, &vec![0; payload]);
    out.split_off(frame::HEADER_BYTES)
}

#[divan::bench(args = [100, 16_000])]
fn raw(bencher: divan::Bencher<'_, '_>, payload: usize) {
    let body = body(payload);
    bencher.bench(|| {
        let (transfer, payload) = Transfer::decode(divan::black_box(&body)).unwrap();
        (transfer.handle, payload.len())
    });
}

#[divan::bench]
fn serde_amqp(bencher: divan::Bencher<'_, '_>) {
    let body = body(0);
    bencher.bench(|| {
        let body = guard::pass(divan::black_box(&body)).unwrap();
        serde_amqp::from_slice::<Typed>(&body).unwrap()
    });
}
