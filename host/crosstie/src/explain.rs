//! `crosstie explain`: who decided about a connection, a link or an address of a running router, and why.

mod told;

use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::Value;

use crate::client::{BusArgs, Fault};
use crate::configuration::say;
use crate::stat::StatFault;
use crate::stat::ask::Node;

/// For the question and its answer.
const DEADLINE: Duration = Duration::from_secs(10);

/// What is to be explained, and by whom. No `Debug`: the password is a secret.
#[derive(Args)]
pub(crate) struct ExplainArgs {
    #[command(subcommand)]
    what: What,
}

/// Which router, and how its answer is printed.
#[derive(Args)]
struct Asking {
    #[command(flatten)]
    bus: BusArgs,
    /// JSON instead of text.
    #[arg(long)]
    json: bool,
}

#[derive(Subcommand)]
enum What {
    /// Who let a connection in, or refused it.
    Connection {
        /// Its identity: `crosstie stat connections` has it, and the log (`connection=`).
        identity: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// Who let a link in, or refused it.
    Link {
        /// Its identity (`crosstie stat links`), or its name.
        identity: String,
        #[command(flatten)]
        asking: Asking,
    },
    /// What an address stands for: its rule, link routes, the plugins that are asked about it and what they said.
    Address {
        /// As a peer writes it.
        name: String,
        /// For links on which peers send (`in`), or receive (`out`); without it both.
        #[arg(long)]
        direction: Option<Way>,
        /// As the peer of this connection writes it: with its tenant, and for the plugins that are asked about it.
        #[arg(long, value_name = "IDENTITY")]
        connection: Option<String>,
        #[command(flatten)]
        asking: Asking,
    },
}

/// As in `dir` of management: seen from the router.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Way {
    In,
    Out,
}

/// Asks, and prints. Exit status 1: the router could not be asked, or does not know; 2: wrong options.
pub(crate) fn explain(args: &ExplainArgs) -> ExitCode {
    match ask(args) {
        Ok(found) if args.what.asking().json => {
            crate::print(&format!("{found:#}\n"));
            ExitCode::SUCCESS
        }
        Ok(found) => {
            crate::print(&told::told(&found));
            ExitCode::SUCCESS
        }
        Err(fault) => {
            say(&format!("error: {fault}\n"));
            if let (StatFault::Refused { status: 404, .. }, Some(hint)) = (&fault, args.what.hint()) {
                say(&format!("  hint: {hint}\n"));
            }
            ExitCode::from(fault.exit_status())
        }
    }
}

impl What {
    /// The properties of the request.
    fn request(&self) -> Vec<(&str, &str)> {
        match self {
            Self::Connection { identity, .. } => vec![("what", "connection"), ("identity", identity)],
            Self::Link { identity, .. } => vec![("what", "link"), ("identity", identity)],
            Self::Address { name, direction, connection, .. } => {
                let mut request = vec![("what", "address"), ("name", name.as_str())];
                request.extend(direction.map(|way| ("direction", if matches!(way, Way::In) { "in" } else { "out" })));
                request.extend(connection.as_deref().map(|id| ("connection", id)));
                request
            }
        }
    }

    const fn asking(&self) -> &Asking {
        match self {
            Self::Connection { asking, .. } | Self::Link { asking, .. } | Self::Address { asking, .. } => asking,
        }
    }

    /// Where an identity is to be found.
    const fn hint(&self) -> Option<&'static str> {
        match self {
            Self::Connection { .. } | Self::Address { connection: Some(_), .. } => {
                Some("`crosstie stat connections` shows the identities of those that are open")
            }
            Self::Link { .. } => Some("`crosstie stat links` shows identities and names of those that are attached"),
            Self::Address { .. } => None,
        }
    }
}

fn ask(args: &ExplainArgs) -> Result<Value, StatFault> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Fault::System)?;
    let late = |_| Fault::Timeout(format!("no answer within {} s", DEADLINE.as_secs()));
    runtime.block_on(async { tokio::time::timeout(DEADLINE, connected(args)).await.map_err(late)? })
}

async fn connected(args: &ExplainArgs) -> Result<Value, StatFault> {
    let mut client = args.what.asking().bus.resolve()?.open(DEADLINE).await?;
    let mut node = Node::attach(&mut client.session).await?;
    let found = node.call("EXPLAIN", &args.what.request()).await;
    node.detach().await;
    client.close().await;
    found
}
