//! `receive`: messages from an address, each given the outcome that was asked for.

use std::num::{NonZeroU32, NonZeroU64};
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use crosstie_config::parse_duration;
use fe2o3_amqp::Receiver;
use fe2o3_amqp::link::CreditMode;
use fe2o3_amqp::link::delivery::Delivery;
use fe2o3_amqp::link::receiver::TerminalDeliveryState;
use fe2o3_amqp_types::messaging::{Accepted, Body, Modified, Rejected, Released};
use serde_amqp::Value;

use super::bus::{BusArgs, Client};
use super::fault::{self, Fault};
use super::tally::{Ending, Show, Tally, Way};
use super::{print, stamp};

/// How long the router may take to answer, where `--timeout` says nothing.
const ANSWER: Duration = Duration::from_secs(30);

/// What `receive` is told.
#[derive(Args)]
pub(crate) struct ReceiveArgs {
    /// The address to receive from.
    address: String,
    #[command(flatten)]
    bus: BusArgs,
    /// How many messages; without it until --timeout or a signal.
    #[arg(long, short = 'n', value_name = "N")]
    count: Option<NonZeroU64>,
    /// Messages that may be on their way here.
    #[arg(long, value_name = "N", default_value = "100")]
    credit: NonZeroU32,
    /// What each message is answered.
    #[arg(long, value_enum, default_value = "accept")]
    outcome: Answer,
    /// End when nothing comes for so long; an error when --count is not reached.
    #[arg(long, value_name = "DURATION", value_parser = parse_duration)]
    timeout: Option<Duration>,
    /// Print everything of each message, not its body alone.
    #[arg(long, conflicts_with = "quiet")]
    print: bool,
    /// Print neither messages nor a report; errors only.
    #[arg(long, short)]
    quiet: bool,
}

/// What a message is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Answer {
    Accept,
    Reject,
    Release,
    /// Modified with delivery-failed.
    Modify,
}

impl Answer {
    fn state(self) -> (Ending, TerminalDeliveryState) {
        match self {
            Self::Accept => (Ending::Accepted, TerminalDeliveryState::Accepted(Accepted {})),
            Self::Reject => (Ending::Rejected, TerminalDeliveryState::Rejected(Rejected { error: None })),
            Self::Release => (Ending::Released, TerminalDeliveryState::Released(Released {})),
            Self::Modify => {
                let modified =
                    Modified { delivery_failed: Some(true), undeliverable_here: None, message_annotations: None };
                (Ending::Modified, TerminalDeliveryState::Modified(modified))
            }
        }
    }
}

/// Receives until the count is reached, nothing comes any more, or a signal.
pub(crate) fn receive(args: &ReceiveArgs) -> ExitCode {
    // lines on a terminal show progress enough
    let show = match args.quiet {
        true => Show::Nothing,
        false if std::io::IsTerminal::is_terminal(&std::io::stdout()) => Show::Report,
        false => Show::Bar,
    };
    let tally = Tally::new(Way::Received, args.count.map(NonZeroU64::get), show);
    super::run(&tally, run(args, &tally))
}

async fn run(args: &ReceiveArgs, tally: &Tally) -> Result<(), Fault> {
    let mut client = args.bus.resolve()?.open(args.timeout.unwrap_or(ANSWER)).await?;
    let mut receiver = attach(args, &mut client).await?;
    let ended = pull(args, tally, &mut receiver).await;
    client.close().await;
    ended
}

async fn attach(args: &ReceiveArgs, client: &mut Client) -> Result<Receiver, Fault> {
    let name = format!("crosstie-receive-{}", std::process::id());
    let builder = Receiver::builder().name(name).source(args.address.as_str()).credit_mode(CreditMode::Manual);
    let address = args.address.clone();
    match tokio::time::timeout(args.timeout.unwrap_or(ANSWER), builder.attach(&mut client.session)).await {
        Ok(attached) => attached.map_err(|error| Fault::Attach { address, why: fault::attach_receiver(&error) }),
        Err(_) => Err(Fault::Attach { address, why: "no answer in time".to_owned() }),
    }
}

async fn pull(args: &ReceiveArgs, tally: &Tally, receiver: &mut Receiver) -> Result<(), Fault> {
    let mut credit = 0;
    loop {
        let left = args.count.map(|count| count.get().saturating_sub(tally.started()));
        if left == Some(0) {
            return Ok(());
        }
        credit = top_up(args.credit.get(), credit, left, receiver).await?;
        let next = receiver.recv::<Body<Value>>();
        let delivery = match args.timeout {
            Some(limit) => match tokio::time::timeout(limit, next).await {
                Ok(delivery) => delivery?,
                Err(_) if args.count.is_none() => return Ok(()),
                Err(_) => return Err(Fault::Timeout("nothing came within the timeout".to_owned())),
            },
            None => next.await?,
        };
        credit = credit.saturating_sub(1);
        take(args, tally, receiver, delivery).await?;
    }
}

/// Grants credit again when half of it is used, and never for more messages than are wanted.
async fn top_up(full: u32, credit: u32, left: Option<u64>, receiver: &mut Receiver) -> Result<u32, Fault> {
    let wanted = left.and_then(|left| u32::try_from(left).ok()).map_or(full, |left| left.min(full));
    if credit > full / 2 || credit >= wanted {
        return Ok(credit);
    }
    receiver.set_credit(wanted).await?;
    Ok(wanted)
}

async fn take(
    args: &ReceiveArgs,
    tally: &Tally,
    receiver: &Receiver,
    delivery: Delivery<Body<Value>>,
) -> Result<(), Fault> {
    tally.start();
    let age = stamp::age(delivery.message());
    let (info, message) = delivery.into_parts();
    if !args.quiet {
        let text = if args.print { print::message(&message) } else { format!("{}\n", print::body(&message.body)) };
        crate::print(&text);
    }
    let (ending, state) = args.outcome.state();
    receiver.dispose(info, state).await?;
    tally.end(ending, age, None);
    Ok(())
}
