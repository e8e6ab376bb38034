//! `crosstie reload`: has a running router apply its changed configuration.

use std::process::ExitCode;
use std::time::Duration;

use clap::Args;

use crate::client::{BusArgs, Fault};
use crate::configuration::{EXIT_CONFIG, say};
use crate::stat::StatFault;
use crate::stat::ask::Node;

/// For reading the configuration and applying it.
const DEADLINE: Duration = Duration::from_secs(60);

/// Which router. No `Debug`: the password is a secret.
#[derive(Args)]
pub(crate) struct ReloadArgs {
    #[command(flatten)]
    bus: BusArgs,
    /// Only prints what would be done.
    #[arg(long)]
    dry_run: bool,
}

/// Asks for it, and prints the plan. Exit status 78: the configuration has problems; 1: the router could not be asked, or refuses.
pub(crate) fn reload(args: &ReloadArgs) -> ExitCode {
    match ask(args) {
        Ok(Ok(lines)) => {
            crate::print(
                &lines.iter().map(|line| format!("{}\n", line.replace(char::is_control, ""))).collect::<String>(),
            );
            ExitCode::SUCCESS
        }
        Ok(Err(problems)) => {
            // what a router says is not to move the cursor
            let problems = problems.replace(|char: char| char.is_control() && char != '\n', "");
            say(&format!("{problems}\nnothing was changed\n"));
            ExitCode::from(EXIT_CONFIG)
        }
        Err(fault) => {
            say(&format!("error: {fault}\n"));
            ExitCode::from(fault.exit_status())
        }
    }
}

fn ask(args: &ReloadArgs) -> Result<Result<Vec<String>, String>, StatFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::System)?;
    let late = |_| Fault::Timeout(format!("no answer within {} s", DEADLINE.as_secs()));
    runtime.block_on(async { tokio::time::timeout(DEADLINE, connected(args)).await.map_err(late)? })
}

async fn connected(args: &ReloadArgs) -> Result<Result<Vec<String>, String>, StatFault> {
    let mut client = args.bus.resolve()?.open(DEADLINE).await?;
    let mut node = Node::attach(&mut client.session).await?;
    let reloaded = node.reload(args.dry_run).await;
    // the reload may end this connection too: nothing of it is waited for
    client.close().await;
    reloaded
}
