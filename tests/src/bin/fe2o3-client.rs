//! A fe2o3-amqp client: `fe2o3-client send|receive` with the options of the Python scripts; one JSON line for each thing that happens.
#![allow(clippy::panic, clippy::expect_used, clippy::unwrap_used, reason = "a test ends by panicking")]

use std::collections::HashMap;
use std::time::Duration;

use crosstie_tests::body::{body, digest};
use crosstie_tests::native::{bytes, message, outcome_name, runtime};
use fe2o3_amqp::link::delivery::{Delivery, DeliveryFut};
use fe2o3_amqp::link::receiver::CreditMode;
use fe2o3_amqp::link::{SendError, Sender};
use fe2o3_amqp::{Connection, Receiver, Session};
use fe2o3_amqp_types::definitions::{Error, ErrorCondition, SenderSettleMode};
use fe2o3_amqp_types::messaging::{Body, Modified, Outcome};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;
type Pending = (usize, DeliveryFut<Result<Outcome, SendError>>);

/// The options, and how far the client has come over all its connections.
struct Client {
    options: HashMap<String, String>,
    done: usize,
}

impl Client {
    fn text<'a>(&'a self, name: &str, default: &'a str) -> &'a str {
        self.options.get(name).map_or(default, String::as_str)
    }

    fn number(&self, name: &str, default: usize) -> usize {
        self.options.get(name).map_or(default, |text| text.parse().expect("a number"))
    }

    fn is_set(&self, name: &str) -> bool {
        self.options.contains_key(name)
    }

    async fn connect(&mut self, mode: &str) -> Result<(), Failure> {
        let url = format!("amqp://{}", self.text("url", ""));
        let mut connection = Connection::builder().container_id(format!("fe2o3-{mode}")).open(url.as_str()).await?;
        let mut session = Session::begin(&mut connection).await?;
        let address = self.text("address", "").to_owned();
        if mode == "send" {
            let wanted = if self.is_set("settled") { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
            let builder = Sender::builder().name("send").target(address).sender_settle_mode(wanted);
            let sender = builder.attach(&mut session).await?;
            tokio::select! {
                sent = self.send(sender) => sent?,
                lost = session.on_end() => lost?,
            }
        } else {
            let builder = Receiver::builder().name("receive").source(address).credit_mode(CreditMode::Manual);
            let receiver = builder.attach(&mut session).await?;
            tokio::select! {
                received = self.receive(receiver) => received?,
                lost = session.on_end() => lost?,
            }
        }
        emit("done", json!({}));
        while self.is_set("keep") {
            tokio::time::sleep(Duration::from_secs(3600)).await;
        }
        session.end().await?;
        connection.close().await?;
        Ok(())
    }

    async fn send(&mut self, mut sender: Sender) -> Result<(), Failure> {
        emit("attached", json!({}));
        let sizes: Vec<usize> = self.text("sizes", "10").split(',').map(|size| size.parse().expect("a size")).collect();
        let mut waiting: Vec<Pending> = Vec::new();
        while self.done < self.number("count", 1) {
            let index = self.done;
            let body = body(u64::try_from(index)?, sizes[index % sizes.len()]);
            emit("sent", json!({ "index": index, "size": body.len(), "sha256": digest(&body) }));
            let sent = sender.send_batchable(message(body)).await;
            self.done += 1;
            if self.is_set("settled") {
                sent?.await?;
                continue;
            }
            waiting.push((index, sent?));
            if waiting.len() == self.number("window", 0) {
                report(waiting.remove(0)).await?;
            }
        }
        for one in waiting {
            report(one).await?;
        }
        Ok(sender.close().await?)
    }

    async fn receive(&mut self, mut receiver: Receiver) -> Result<(), Failure> {
        emit("attached", json!({}));
        let credit = u32::try_from(self.number("credit", 50))?;
        let outcomes: Vec<String> = self.text("outcome", "accepted").split(',').map(str::to_owned).collect();
        receiver.set_credit(credit).await?;
        while self.done < self.number("count", 1) {
            let delivery = receiver.recv::<Body<serde_amqp::Value>>().await?;
            let body = bytes(&delivery);
            emit(
                "message",
                json!({ "index": self.done, "size": body.len(), "sha256": digest(&body), "settled": null }),
            );
            give(&receiver, &delivery, &outcomes[self.done % outcomes.len()]).await?;
            self.done += 1;
            if receiver.credit() * 2 < credit {
                receiver.set_credit(credit).await?;
            }
        }
        Ok(receiver.close().await?)
    }
}

async fn report((index, pending): Pending) -> Result<(), Failure> {
    let outcome = pending.await?;
    let mut line = json!({
        "index": index, "state": outcome_name(&outcome),
        "condition": null, "description": null, "failed": false, "undeliverable": false,
    });
    match outcome {
        Outcome::Rejected(rejected) => {
            if let Some(error) = rejected.error {
                line["condition"] = json!(crosstie_tests::frame::condition(&error.condition));
                line["description"] = json!(error.description);
            }
        }
        Outcome::Modified(modified) => {
            line["failed"] = json!(modified.delivery_failed == Some(true));
            line["undeliverable"] = json!(modified.undeliverable_here == Some(true));
        }
        Outcome::Accepted(_) | Outcome::Released(_) => {}
    }
    emit("outcome", line);
    Ok(())
}

async fn give(receiver: &Receiver, delivery: &Delivery<Body<serde_amqp::Value>>, outcome: &str) -> Result<(), Failure> {
    let refused = || Error::new(ErrorCondition::Custom("test:refused".into()), Some("not today".into()), None);
    let modified = Modified { delivery_failed: Some(true), undeliverable_here: Some(true), message_annotations: None };
    match outcome {
        "accepted" => receiver.accept(delivery).await?,
        "rejected" => receiver.reject(delivery, refused()).await?,
        "released" => receiver.release(delivery).await?,
        "modified" => receiver.modify(delivery, modified).await?,
        other => panic!("no such outcome: {other}"),
    }
    Ok(())
}

fn emit(event: &str, mut fields: Value) {
    fields["event"] = json!(event);
    println!("{fields}");
}

fn main() {
    let mut words = std::env::args().skip(1).peekable();
    let mode = words.next().expect("send or receive");
    let mut options = HashMap::new();
    while let Some(name) = words.next() {
        let value = words.next_if(|word| !word.starts_with("--")).unwrap_or_default();
        options.insert(name.trim_start_matches('-').to_owned(), value);
    }
    let mut client = Client { options, done: 0 };
    runtime().block_on(async {
        while let Err(error) = client.connect(&mode).await {
            emit("disconnected", json!({ "error": error.to_string() }));
            if !client.is_set("reconnect") {
                std::process::exit(1);
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    });
}
