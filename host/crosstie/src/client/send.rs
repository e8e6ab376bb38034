//! `send`: messages to an address, many on their way at once.

use std::num::NonZeroU64;
use std::process::ExitCode;
use std::time::Duration;

use clap::Args;
use crosstie_config::parse_duration;
use fe2o3_amqp::Sender;
use fe2o3_amqp::link::SendError;
use fe2o3_amqp::link::delivery::{DeliveryFut, Sendable};
use fe2o3_amqp_types::definitions::SenderSettleMode;
use fe2o3_amqp_types::messaging::{Body, MESSAGE_FORMAT, Outcome, Target};
use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_amqp::Value;
use tokio::sync::{Semaphore, SemaphorePermit, mpsc};
use tokio::time::Instant;

use super::bus::{BusArgs, Client};
use super::fault::{self, Fault};
use super::message::MessageArgs;
use super::stamp;
use super::tally::{Ending, Show, Tally, Way};

/// Messages without an outcome; credit is usually less.
const IN_FLIGHT_MAX: usize = 10_000;

/// What `send` is told.
#[derive(Args)]
pub(crate) struct SendArgs {
    /// The address to send to; without it each message goes where --to says.
    #[arg(required_unless_present = "to")]
    address: Option<String>,
    #[command(flatten)]
    bus: BusArgs,
    /// How many messages.
    #[arg(long, short = 'n', value_name = "N", default_value = "1")]
    count: NonZeroU64,
    /// Messages a second at most; as fast as it goes without.
    #[arg(long, value_name = "PER_SECOND")]
    rate: Option<NonZeroU64>,
    /// Send settled: no outcome comes back.
    #[arg(long)]
    presettled: bool,
    /// Give up when nothing happens for so long.
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = parse_duration)]
    timeout: Duration,
    /// No progress bar, no report; errors only.
    #[arg(long, short)]
    quiet: bool,
    #[command(flatten)]
    message: MessageArgs,
}

/// A message that waits for its outcome.
type Waiting = (DeliveryFut<Result<Outcome, SendError>>, Instant);

/// Sends, and waits for the outcomes.
pub(crate) fn send(args: &SendArgs) -> ExitCode {
    let show = if args.quiet { Show::Nothing } else { Show::Bar };
    let tally = Tally::new(Way::Sent, Some(args.count.get()), show);
    super::run(&tally, run(args, &tally))
}

async fn run(args: &SendArgs, tally: &Tally) -> Result<(), Fault> {
    let message = Sendable { message: args.message.build()?, message_format: MESSAGE_FORMAT, settled: None };
    let mut client = args.bus.resolve()?.open(args.timeout).await?;
    let mut sender = attach(args, &mut client).await?;
    let in_flight = Semaphore::new(IN_FLIGHT_MAX);
    let (queue, outcomes) = mpsc::channel(IN_FLIGHT_MAX);
    let sending = push(args, tally, &mut sender, message, (&in_flight, queue));
    tokio::try_join!(sending, collect(args, tally, outcomes))?;
    client.close().await;
    Ok(())
}

async fn attach(args: &SendArgs, client: &mut Client) -> Result<Sender, Fault> {
    let address = args.address.clone().or_else(|| args.message.to.clone()).unwrap_or_default();
    let target = Target { address: args.address.clone(), ..Target::default() };
    let mode = if args.presettled { SenderSettleMode::Settled } else { SenderSettleMode::Unsettled };
    let name = format!("crosstie-send-{}", std::process::id());
    let attach = Sender::builder().name(name).target(target).sender_settle_mode(mode).attach(&mut client.session);
    match tokio::time::timeout(args.timeout, attach).await {
        Ok(attached) => attached.map_err(|error| Fault::Attach { address, why: fault::attach_sender(&error) }),
        Err(_) => Err(Fault::Attach { address, why: "no answer in time".to_owned() }),
    }
}

/// Sends all messages, as credit and rate allow, and queues what waits for its outcome.
async fn push<'s>(
    args: &SendArgs,
    tally: &Tally,
    sender: &mut Sender,
    mut message: Sendable<Body<Value>>,
    (in_flight, queue): (&'s Semaphore, mpsc::Sender<(Waiting, SemaphorePermit<'s>)>),
) -> Result<(), Fault> {
    let began = Instant::now();
    for index in 0..args.count.get() {
        if let Some(rate) = args.rate {
            tokio::time::sleep_until(began + due(index, rate)).await;
        }
        let Ok(permit) = in_flight.acquire().await else {
            return Ok(());
        };
        stamp::write(&mut message.message);
        let sent = Instant::now();
        let Ok(delivery) = tokio::time::timeout(args.timeout, sender.send_batchable_ref(&message)).await else {
            let why = "no credit came within the timeout: nobody receives there, or nobody keeps up";
            return Err(Fault::Timeout(why.to_owned()));
        };
        let delivery = delivery?;
        tally.start();
        if args.presettled {
            tally.end(Ending::Presettled, None, None);
        } else if queue.send(((delivery, sent), permit)).await.is_err() {
            return Ok(());
        }
    }
    Ok(())
}

/// When a message leaves after the first one.
fn due(index: u64, rate: NonZeroU64) -> Duration {
    let seconds = index.checked_div(rate.get()).unwrap_or(0);
    let rest = index.checked_rem(rate.get()).unwrap_or(0);
    let nanos = u128::from(rest).saturating_mul(1_000_000_000).checked_div(rate.get().into()).unwrap_or(0);
    Duration::from_secs(seconds) + Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

/// Waits for the outcome of all that was queued.
async fn collect(
    args: &SendArgs,
    tally: &Tally,
    mut queue: mpsc::Receiver<(Waiting, SemaphorePermit<'_>)>,
) -> Result<(), Fault> {
    let mut waiting = FuturesUnordered::new();
    let mut is_open = true;
    while is_open || !waiting.is_empty() {
        tokio::select! {
            next = queue.recv(), if is_open => match next {
                Some(((delivery, sent), permit)) => waiting.push(async move {
                    let outcome = delivery.await;
                    drop(permit);
                    (outcome, sent.elapsed())
                }),
                None => is_open = false,
            },
            settled = tokio::time::timeout(args.timeout, waiting.next()), if !waiting.is_empty() => match settled {
                Ok(Some((Ok(outcome), time))) => record(tally, &outcome, time),
                Ok(Some((Err(error), _))) => {
                    // what came before the end still counts
                    while let Some(Some((settled, time))) = waiting.next().now_or_never() {
                        if let Ok(outcome) = settled {
                            record(tally, &outcome, time);
                        }
                    }
                    return Err(error.into());
                }
                Ok(None) => {}
                Err(_) => return Err(Fault::Timeout("no outcome came within the timeout".to_owned())),
            },
        }
    }
    Ok(())
}

fn record(tally: &Tally, outcome: &Outcome, time: Duration) {
    let (ending, error) = match outcome {
        Outcome::Accepted(_) => (Ending::Accepted, None),
        Outcome::Rejected(rejected) => (Ending::Rejected, rejected.error.as_ref()),
        Outcome::Released(_) => (Ending::Released, None),
        Outcome::Modified(_) => (Ending::Modified, None),
    };
    tally.end(ending, Some(time), error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_spreads_messages_evenly() {
        let rate = NonZeroU64::new(3).expect("not zero");
        assert_eq!(due(0, rate), Duration::ZERO);
        assert_eq!(due(1, rate), Duration::from_nanos(333_333_333));
        assert_eq!(due(7, rate), Duration::new(2, 333_333_333));
    }
}
