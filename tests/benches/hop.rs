//! One hop over loopback: the built router between a scripted sender and receiver, one delivery at a time, until its outcome is back.
#![allow(missing_docs, clippy::unwrap_used, reason = "a bench ends by panicking")]

use crosstie_tests::peer::Peer;
use crosstie_tests::router::Router;
use fe2o3_amqp_types::messaging::Accepted;

fn main() {
    divan::main();
}

#[divan::bench(args = [100, 10_000])]
fn accepted(bencher: divan::Bencher<'_, '_>, size: usize) {
    let router = Router::plain();
    let mut receiver = Peer::session(router.clients(), "receiver");
    receiver.attach_receiver(0, 0, "bench", 1_000_000_000);
    let mut sender = Peer::session(router.clients(), "sender");
    sender.attach_sender(0, 0, "bench");
    sender.expect_credit();
    let body = vec![7; size];
    let mut count = 0;
    bencher.bench_local(|| {
        sender.send_message(0, 0, count, &body);
        let (transfer, _) = receiver.expect_transfer();
        receiver.settle(0, transfer.delivery_id.unwrap(), Accepted {}.into());
        sender.expect_outcome(count);
        count += 1;
    });
}
