//! The crosstie program.

mod logging;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use clap::{Parser, Subcommand};
use crosstie_config::{EMBEDDED, Loaded, Problems};
use crosstie_net::MakePolicy;
use crosstie_policy::{PolicyEngine, Setup};
use tokio::signal::unix::{SignalKind, signal};

/// The exit status for a configuration that is wrong. Source: sysexits, `EX_CONFIG`.
const EXIT_CONFIG: u8 = 78;

/// An AMQP 1.0 message router with policy in WebAssembly.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs a router until SIGTERM or SIGINT.
    Run {
        /// The configuration; without one: clients on 127.0.0.1:5672.
        file: Option<PathBuf>,
    },
    /// Checks a configuration and its plugins, and opens no socket. Exit status 78: there are problems.
    Check {
        /// The configuration.
        file: PathBuf,
        /// Prints the whole configuration with every default filled in, secrets as their references.
        #[arg(long)]
        show: bool,
    },
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run { file } => run(file.as_deref()),
        Command::Check { file, show } => check(&file, show),
    }
}

fn check(file: &Path, show: bool) -> ExitCode {
    match prepare(Some(file)) {
        Ok((loaded, _engine)) => {
            let text = if show { loaded.show() } else { format!("{} is good\n", file.display()) };
            print(&text);
            ExitCode::SUCCESS
        }
        Err(problems) => complain(&problems),
    }
}

/// Writes to standard output; one that is closed wants nothing.
fn print(text: &str) {
    let _ = std::io::stdout().write_all(text.as_bytes());
}

fn complain(problems: &Problems) -> ExitCode {
    eprintln!("{}", problems.render(std::io::stderr().is_terminal()));
    ExitCode::from(EXIT_CONFIG)
}

/// Loads the configuration and its plugins.
fn prepare(file: Option<&Path>) -> Result<(Loaded, Option<PolicyEngine>), Problems> {
    let loaded = match file {
        Some(file) => crosstie_config::load(file)?,
        None => crosstie_config::load_text("embedded", EMBEDDED)?,
    };
    let Some(plugins) = &loaded.settings.plugins else {
        return Ok((loaded, None));
    };
    let setup = Setup { router_id: loaded.settings.router.id.clone(), state_dir: loaded.settings.state.clone() };
    match crosstie_policy::load(plugins, setup) {
        Ok(engine) => Ok((loaded, Some(engine))),
        Err(found) => {
            let mut problems = Problems::default();
            for problem in found {
                let plugin = problem.plugin.as_deref();
                problems.push(loaded.plugin_problem(plugin, &problem.path, &problem.message, problem.hint.as_deref()));
            }
            Err(problems)
        }
    }
}

fn run(file: Option<&Path>) -> ExitCode {
    let (loaded, engine) = match prepare(file) {
        Ok(prepared) => prepared,
        Err(problems) => return complain(&problems),
    };
    if let Err(error) = logging::start(&loaded.settings.log) {
        eprintln!("error: cannot open the log: {error}");
        return ExitCode::from(EXIT_CONFIG);
    }
    tracing::info!(router = loaded.settings.router.id, version = env!("CARGO_PKG_VERSION"), "starting");
    let policy: MakePolicy = match engine {
        Some(engine) => {
            for (plugin, hooks) in engine.names() {
                tracing::info!(plugin, ?hooks, "plugin loaded");
            }
            Arc::new(move || engine.worker())
        }
        None => Arc::new(|| std::rc::Rc::new(crosstie_model::policy::BuiltIn)),
    };
    match serve(loaded, policy) {
        Ok(()) => {
            tracing::info!("stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn serve(loaded: Loaded, policy: MakePolicy) -> Result<(), crosstie_net::NetError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (mut term, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        let shutdown = async {
            tokio::select! {
                _ = term.recv() => {}
                _ = interrupt.recv() => {}
            }
            tracing::info!("shutting down");
        };
        crosstie_net::run(loaded.settings, policy, shutdown).await
    })
}
