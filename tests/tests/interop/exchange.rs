//! Messages between Qpid Proton and fe2o3-amqp: every body arrives as it was sent, every outcome travels back.

use std::net::SocketAddr;
use std::thread::JoinHandle;

use crosstie_tests::body::{body, digest};
use crosstie_tests::native::{Client, bytes, message, receive, runtime, within};
use crosstie_tests::proton::Proton;
use crosstie_tests::router::Router;
use fe2o3_amqp_types::definitions::{Error, ErrorCondition};
use fe2o3_amqp_types::messaging::{Modified, Outcome};

const SIZES: [usize; 6] = [0, 1, 1 << 10, 70 << 10, 1_000_000, 10_000_000];
const ADDRESS: &str = "exchange/of/bodies";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Library {
    Proton,
    Native,
}

/// Digests as sent, and the outcome of each where it was not settled.
type Sent = Vec<(String, Option<String>)>;
/// Digests as received, and whether Proton saw the delivery settled already.
type Received = Vec<(String, Option<bool>)>;

fn sizes_text() -> String {
    SIZES.map(|size| size.to_string()).join(",")
}

fn proton_sends(addr: SocketAddr, settled: bool) -> Sent {
    let (count, sizes) = (SIZES.len(), sizes_text());
    let settled = if settled { "--settled" } else { "" };
    let args = format!("--address {ADDRESS} --count {count} --sizes {sizes} --seed 7 {settled}");
    let mut sender = Proton::start("send", addr, &args);
    sender.event("done");
    sender.finish();
    let outcomes = sender.events_so_far("outcome");
    let sent = sender.events_so_far("sent").into_iter().map(|sent| {
        let outcome = outcomes.iter().find(|outcome| outcome["index"] == sent["index"]);
        (text(&sent["sha256"]), outcome.map(|outcome| text(&outcome["state"])))
    });
    sent.collect()
}

fn text(value: &serde_json::Value) -> String {
    value.as_str().expect("text").to_owned()
}

fn native_sends(addr: SocketAddr, settled: bool) -> Sent {
    runtime().block_on(async {
        let mut client = Client::open(addr, "native-sender").await;
        let mut sender = client.sender("bodies", ADDRESS, settled).await;
        let mut sent = Vec::new();
        for (seed, size) in (100..).zip(SIZES) {
            let body = body(seed, size);
            let digest = digest(&body);
            let outcome = within("send", sender.send(message(body))).await.expect("sent");
            sent.push((digest, (!settled).then(|| outcome_name(&outcome).to_owned())));
        }
        within("detach", sender.close()).await.expect("detached");
        client.close().await;
        sent
    })
}

const fn outcome_name(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Accepted(_) => "accepted",
        Outcome::Rejected(_) => "rejected",
        Outcome::Released(_) => "released",
        Outcome::Modified(_) => "modified",
    }
}

fn proton_receives(addr: SocketAddr) -> JoinHandle<Received> {
    let count = SIZES.len();
    let mut receiver = Proton::start("receive", addr, &format!("--address {ADDRESS} --count {count}"));
    receiver.event("attached");
    std::thread::spawn(move || {
        receiver.event("done");
        receiver.finish();
        let messages = receiver.events_so_far("message");
        messages.iter().map(|message| (text(&message["sha256"]), message["settled"].as_bool())).collect()
    })
}

fn native_receives(addr: SocketAddr) -> JoinHandle<Received> {
    std::thread::spawn(move || {
        runtime().block_on(async {
            let mut client = Client::open(addr, "native-receiver").await;
            let mut receiver = client.receiver("bodies", ADDRESS, 10).await;
            let mut received = Vec::new();
            for _ in SIZES {
                let delivery = receive(&mut receiver).await;
                received.push((digest(&bytes(&delivery)), None));
                receiver.accept(&delivery).await.expect("accepted");
            }
            within("detach", receiver.close()).await.expect("detached");
            client.close().await;
            received
        })
    })
}

fn exchange(from: Library, to: Library, settled: bool) {
    let mut router = Router::plain();
    let addr = router.clients();
    let receiver = match to {
        Library::Proton => proton_receives(addr),
        Library::Native => native_receives(addr),
    };
    let sent = match from {
        Library::Proton => proton_sends(addr, settled),
        Library::Native => native_sends(addr, settled),
    };
    let received = receiver.join().expect("the receiver has all");
    assert_eq!(sent.len(), SIZES.len());
    let digests: Vec<_> = received.iter().map(|(digest, _)| digest).collect();
    assert_eq!(
        sent.iter().map(|(digest, _)| digest).collect::<Vec<_>>(),
        digests,
        "bodies as they were sent, in order"
    );
    for (_, seen_settled) in &received {
        assert!(
            seen_settled.is_none_or(|seen| seen == settled),
            "a settled delivery stays settled, an unsettled unsettled"
        );
    }
    for (_, outcome) in &sent {
        assert_eq!(outcome.as_deref(), (!settled).then_some("accepted"));
    }
    router.assert_healthy();
}

#[test]
fn proton_to_proton_unsettled() {
    exchange(Library::Proton, Library::Proton, false);
}

#[test]
fn proton_to_proton_settled() {
    exchange(Library::Proton, Library::Proton, true);
}

#[test]
fn proton_to_fe2o3_unsettled() {
    exchange(Library::Proton, Library::Native, false);
}

#[test]
fn proton_to_fe2o3_settled() {
    exchange(Library::Proton, Library::Native, true);
}

#[test]
fn fe2o3_to_proton_unsettled() {
    exchange(Library::Native, Library::Proton, false);
}

#[test]
fn fe2o3_to_proton_settled() {
    exchange(Library::Native, Library::Proton, true);
}

#[test]
fn fe2o3_to_fe2o3_unsettled() {
    exchange(Library::Native, Library::Native, false);
}

#[test]
fn fe2o3_to_fe2o3_settled() {
    exchange(Library::Native, Library::Native, true);
}

#[test]
fn protons_outcomes_reach_protons_sender() {
    let router = Router::plain();
    let addr = router.clients();
    for outcome in ["accepted", "rejected", "released", "modified"] {
        let address = format!("outcome.{outcome}");
        let mut receiver = Proton::start("receive", addr, &format!("--address {address} --outcome {outcome} --keep"));
        receiver.event("attached");
        let mut sender = Proton::start("send", addr, &format!("--address {address} --count 1"));
        let seen = sender.event("outcome");
        assert_eq!(seen["state"], outcome);
        match outcome {
            "rejected" => {
                assert_eq!(seen["condition"], "test:refused");
                assert_eq!(seen["description"], "not today");
            }
            "modified" => {
                assert_eq!(seen["failed"], true);
                assert_eq!(seen["undeliverable"], true);
                assert_eq!(seen["annotations"]["why"], "test");
            }
            _ => {}
        }
        sender.finish();
    }
}

#[test]
fn fe2o3s_outcomes_reach_fe2o3s_sender() {
    let router = Router::plain();
    let addr = router.clients();
    runtime().block_on(async {
        let mut consumer = Client::open(addr, "consumer").await;
        let mut producer = Client::open(addr, "producer").await;
        let mut receiver = consumer.receiver("in", "outcomes", 10).await;
        let mut sender = producer.sender("out", "outcomes", false).await;
        let receiving = tokio::spawn(async move {
            let error = Error::new(ErrorCondition::Custom("test:refused".into()), Some("not today".into()), None);
            let delivery = receive(&mut receiver).await;
            receiver.reject(&delivery, error).await.expect("rejected");
            let delivery = receive(&mut receiver).await;
            receiver.release(&delivery).await.expect("released");
            let delivery = receive(&mut receiver).await;
            let modified =
                Modified { delivery_failed: Some(true), undeliverable_here: Some(true), message_annotations: None };
            receiver.modify(&delivery, modified).await.expect("modified");
            receiver
        });
        let outcome = within("send", sender.send(message(vec![1]))).await.expect("settled");
        let Outcome::Rejected(rejected) = outcome else { panic!("{outcome:?}") };
        let error = rejected.error.expect("the receiver's error");
        assert_eq!(error.condition, ErrorCondition::Custom("test:refused".into()));
        assert_eq!(error.description.as_deref(), Some("not today"));
        let outcome = within("send", sender.send(message(vec![2]))).await.expect("settled");
        assert!(matches!(outcome, Outcome::Released(_)), "{outcome:?}");
        let outcome = within("send", sender.send(message(vec![3]))).await.expect("settled");
        let Outcome::Modified(modified) = outcome else { panic!("{outcome:?}") };
        assert_eq!((modified.delivery_failed, modified.undeliverable_here), (Some(true), Some(true)));
        drop(receiving.await.expect("the receiver"));
    });
}
