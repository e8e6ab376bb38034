//! `crosstie plugin record`: the record of what plugins of a running router decide.

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::client::{BusArgs, Fault};
use crate::configuration::say;
use crate::stat::StatFault;
use crate::stat::ask::Node;

/// For the order and its answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is to become of it, and where. No `Debug`: the password is a secret.
#[derive(Args)]
pub(crate) struct RecordArgs {
    /// What is to become of it.
    #[arg(value_enum)]
    action: Action,
    /// The share of the decisions that is written, above 0 and up to 1; without it as before.
    #[arg(long)]
    sample: Option<f64>,
    /// Of its two files together, such as 10MiB; without it as before.
    #[arg(long, value_name = "SIZE", value_parser = crosstie_config::parse_size)]
    max_size: Option<u64>,
    #[command(flatten)]
    bus: BusArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Action {
    /// Decisions are written to the file that `record` in the configuration names, or else to one in its `state` directory.
    On,
    /// None is.
    Off,
    /// As it is.
    Status,
}

impl RecordArgs {
    /// An option that means nothing but with `on`.
    fn of_on(&self) -> Option<&'static str> {
        self.sample.map(|_| "--sample").or(self.max_size.map(|_| "--max-size"))
    }
}

/// Asks, and prints. Exit status 1: the router could not be asked, or refuses; 2: wrong options.
pub(crate) fn record(args: &RecordArgs) -> ExitCode {
    if let (Action::Off | Action::Status, Some(option)) = (args.action, args.of_on()) {
        say(&format!("error: `{option}` goes with `on`: it says what is written from then on\n"));
        return ExitCode::from(2);
    }
    match ask(args) {
        Ok(found) => {
            crate::print(&told(&found));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            say(&format!("error: {fault}\n"));
            ExitCode::from(fault.exit_status())
        }
    }
}

/// `on: 12 written to /var/lib/crosstie/decisions.jsonl, 0 dropped; sample 0.5, 100 MiB at most`
fn told(found: &Value) -> String {
    let text = |key: &str| found[key].as_str().unwrap_or_default().replace(char::is_control, "\u{fffd}");
    let fault = found["fault"].as_str().map_or(String::new(), |_| format!("; it stopped: {}", text("fault")));
    let (state, file) = (text("state"), text("file"));
    let [written, dropped, sample, most] = ["written", "dropped", "sample", "maxSize"].map(|key| &found[key]);
    format!("{state}: {written} written to {file}, {dropped} dropped; sample {sample}, {most} bytes at most{fault}\n")
}

fn ask(args: &RecordArgs) -> Result<Value, StatFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::System)?;
    let late = |_| Fault::Timeout(format!("no answer within {} s", DEADLINE.as_secs()));
    runtime.block_on(async { tokio::time::timeout(DEADLINE, connected(args)).await.map_err(late)? })
}

async fn connected(args: &RecordArgs) -> Result<Value, StatFault> {
    let action = match args.action {
        Action::On => "on",
        Action::Off => "off",
        Action::Status => "status",
    };
    let (sample, most) = (args.sample.map(|sample| sample.to_string()), args.max_size.map(|most| most.to_string()));
    let mut request = vec![("action", action)];
    request.extend(sample.as_deref().map(|sample| ("sample", sample)));
    request.extend(most.as_deref().map(|most| ("maxSize", most)));
    let mut client = args.bus.resolve()?.open(DEADLINE).await?;
    let mut node = Node::attach(&mut client.session).await?;
    let found = node.call("RECORD", &request).await;
    node.detach().await;
    client.close().await;
    found
}
