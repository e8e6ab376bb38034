//! The crosstie program.

mod client;
mod configuration;
mod descriptors;
mod entities;
mod explain;
mod import;
mod logging;
mod memory;
mod new;
mod password;
mod plugin;
mod record;
mod reload;
mod stat;

use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use clap::{ArgGroup, CommandFactory, Parser, Subcommand};
use clap_complete::Shell;
use crosstie_amqp::sasl::ITERATIONS_DEFAULT;
use crosstie_config::{Loaded, Problems};
use crosstie_model::settings::LogOutput;
use crosstie_net::MakePolicy;
use crosstie_policy::{LoadProblem, PolicyEngine, Setup};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::client::{ReceiveArgs, SendArgs};
use crate::entities::FromAttributes;

use crate::logging::Logging;

use crate::configuration::{Configuration, EXIT_CONFIG, complain, log_warnings, say};

/// An AMQP 1.0 message router with policy in WebAssembly.
#[derive(Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs a router until SIGTERM or SIGINT.
    Run {
        #[command(flatten)]
        configuration: Configuration,
    },
    /// Checks a configuration and its plugins, and opens no socket. Exit status 78: there are problems.
    #[command(group(ArgGroup::new("given").required(true).args(["file", "qdrouterd_conf"])))]
    Check {
        #[command(flatten)]
        configuration: Configuration,
        /// Prints the whole configuration with every default filled in, secrets as their references.
        #[arg(long)]
        show: bool,
    },
    /// Writes a configuration of Qpid Dispatch as KDL that means the same, JSON where it is named so. What differs is flagged, in the
    /// KDL and on standard error. Exit status 78: there are problems, and nothing was written.
    Import {
        /// The configuration of Qpid Dispatch.
        file: PathBuf,
        /// Where the KDL goes, which is not to exist yet; without it to standard output.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Prints the salted form of a password, for a `user` node. Asks for it twice, or reads the first line of standard input.
    Password {
        /// What a guess at the password costs, and what a peer pays for SCRAM and the router for PLAIN: about 1 ms of CPU for 4096.
        #[arg(long, default_value_t = ITERATIONS_DEFAULT, value_parser = password::iterations)]
        iterations: u32,
    },
    /// Sends messages. Exit status 0: all were accepted, 1: not all, or a fault; 2: wrong options.
    Send(Box<SendArgs>),
    /// Receives messages and prints them. Exit status 0: all came, 1: not all, or a fault; 2: wrong options.
    Receive(Box<ReceiveArgs>),
    /// Prints the version, and the commit that it was built from where the build knew it.
    Version,
    /// Prints a completion script for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Has a running router apply its changed configuration, and prints what that does. Exit status 78: it has problems, and nothing
    /// was changed. SIGHUP does the same, and says so in the log.
    Reload(Box<reload::ReloadArgs>),
    /// Asks a running router about itself, and prints tables.
    Stat(Box<stat::StatArgs>),
    /// Says who decided about a connection, a link or an address of a running router, and why: plugins, with their notes, and rules of the
    /// configuration. What was refused lately is known too. Exit status 1: it is not known.
    Explain(Box<explain::ExplainArgs>),
    /// Begins a plugin, tries it outside a router, and records what plugins of a running one decide.
    #[command(subcommand)]
    Plugin(plugin::PluginCommand),
}

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Run { configuration } => run(&configuration),
        Command::Check { configuration, show } => check(&configuration, show),
        Command::Import { file, output } => import::import(&file, output.as_deref()),
        Command::Password { iterations } => match password::salt(iterations) {
            Ok(salted) => {
                print(&format!("{salted}\n"));
                ExitCode::SUCCESS
            }
            Err(error) => {
                say(&format!("error: {error}\n"));
                ExitCode::FAILURE
            }
        },
        Command::Send(args) => client::send(&args),
        Command::Receive(args) => client::receive(&args),
        Command::Version => {
            print(&version());
            ExitCode::SUCCESS
        }
        Command::Completions { shell } => {
            let mut script = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "crosstie", &mut script);
            print(&String::from_utf8_lossy(&script));
            ExitCode::SUCCESS
        }
        Command::Reload(args) => reload::reload(&args),
        Command::Stat(args) => stat::stat(&args),
        Command::Explain(args) => explain::explain(&args),
        Command::Plugin(command) => plugin::plugin(&command),
    }
}

/// The commit is what `CROSSTIE_COMMIT` said when this was built.
fn version() -> String {
    let commit = option_env!("CROSSTIE_COMMIT").map(|commit| format!(" ({commit})")).unwrap_or_default();
    format!("crosstie {}{commit}\n", env!("CARGO_PKG_VERSION"))
}

fn check(configuration: &Configuration, show: bool) -> ExitCode {
    let (loaded, problems) = configuration.survey();
    let Some(loaded) = loaded else { return complain(&problems) };
    if let Err(problems) = load_plugins(&loaded, problems) {
        return complain(&problems);
    }
    if !loaded.warnings.is_empty() {
        complain(&loaded.warnings);
    }
    let text = if show { loaded.show() } else { format!("{} is good\n", configuration.name()) };
    print(&text);
    ExitCode::SUCCESS
}

/// Writes to standard output. One that is closed wants nothing; one that cannot be written, as on a full disk, ends it all with status 1.
fn print(text: &str) {
    let mut out = std::io::stdout();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            eprintln!("error: cannot write the output: {error}");
            std::process::exit(1);
        }
        _ => {}
    }
}

/// Loads the plugins of a configuration; to `problems`, those of the configuration itself, it adds theirs.
fn load_plugins(loaded: &Loaded, mut problems: Problems) -> Result<Option<PolicyEngine>, Problems> {
    let loading = loaded.settings.plugins.as_ref().map(|plugins| crosstie_policy::load(plugins, setup(loaded)));
    match loading.transpose() {
        Ok(engine) if problems.is_empty() => return Ok(engine),
        Ok(_) => {}
        Err(found) => plugin_problems(loaded, found).iter().cloned().for_each(|problem| problems.push(problem)),
    }
    Err(problems)
}

/// What loading plugins needs to know of the process.
fn setup(loaded: &Loaded) -> Setup {
    Setup { router_id: loaded.settings.router.id.clone(), state_dir: loaded.settings.state.clone(), ..Setup::default() }
}

/// Problems of plugins at their places in a configuration.
fn plugin_problems(loaded: &Loaded, found: Vec<LoadProblem>) -> Problems {
    let mut problems = Problems::default();
    for LoadProblem { plugin, part, message, hint } in found {
        problems.push(loaded.plugin_problem(plugin.as_deref(), &part, &message, hint.as_deref()));
    }
    problems
}

fn run(configuration: &Configuration) -> ExitCode {
    let (loaded, problems) = configuration.survey();
    let Some(loaded) = loaded else { return configuration.refuse(&problems) };
    // a plugin may log while it is configured; with problems nothing of ours is to stand where a log was asked for
    let logging = match problems.is_empty().then(|| logging::start(&loaded.settings.log)).transpose() {
        Ok(logging) => logging,
        Err(fault) => {
            say(&format!("error: {fault}\n"));
            return ExitCode::from(EXIT_CONFIG);
        }
    };
    tracing::info!(target: "router", router = loaded.settings.router.id, version = env!("CARGO_PKG_VERSION"), "starting");
    tracing::debug!(target: "config", file = configuration.name(), "configuration read");
    log_warnings(&loaded);
    let (engine, logging) = match (load_plugins(&loaded, problems), logging) {
        (Ok(engine), Some(logging)) => (engine, logging),
        (Err(problems), _) => return configuration.refuse(&problems),
        // without problems there is a log
        (Ok(_), None) => return ExitCode::from(EXIT_CONFIG),
    };
    descriptors::raise(loaded.settings.limits.connections);
    let plugins = match engine.map_or_else(crosstie_policy::Shared::empty, PolicyEngine::watch) {
        Ok(plugins) => plugins,
        Err(error) => {
            say(&format!("error: plugins cannot be served: {error}\n"));
            return ExitCode::FAILURE;
        }
    };
    let elsewhere = loaded.settings.log.output != LogOutput::Stderr;
    let announcement = configuration.announcement(loaded.settings.router.workers.get());
    match serve(loaded, (plugins, logging, configuration.clone()), announcement) {
        Ok(()) => {
            tracing::info!(target: "router", "stopped");
            ExitCode::SUCCESS
        }
        Err(error) => {
            // whoever started it sees why it did not start, wherever the log goes and whatever its level
            say(&format!("error: {error}\n"));
            if elsewhere {
                tracing::warn!(target: "router", %error, "cannot start");
            }
            ExitCode::FAILURE
        }
    }
}

/// `announcement`: what is logged once everything is served.
fn serve(
    loaded: Loaded,
    (plugins, logging, configuration): (crosstie_policy::Shared, Logging, Configuration),
    announcement: Option<String>,
) -> Result<(), crosstie_net::NetError> {
    // it has a runtime of its own, which is not to end within this one
    let _last = plugins.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut signals = Signals::new()?;
        let mut hangup = signal(SignalKind::hangup())?;
        // one that waits stands for all that come before it is served
        let (again, reload) = tokio::sync::mpsc::channel(1);
        tokio::spawn(async move {
            while hangup.recv().await.is_some() {
                let _ = again.try_send(());
            }
        });
        // looked at for the first time when the router runs
        let shutdown = async move {
            if let Some(announcement) = announcement {
                tracing::info!(target: "router", "{announcement}");
            }
            signals.next().await;
            tracing::info!(target: "router", "shutting down");
            tokio::spawn(end_at_once(signals));
        };
        let entities = Arc::new(FromAttributes::new(&loaded.settings, (logging, plugins.clone()), configuration));
        let policy: MakePolicy = Arc::new(move || plugins.worker());
        tokio::spawn(memory::give_back());
        let signals = crosstie_net::Signals { shutdown, reload };
        crosstie_net::run(loaded.settings, (policy, entities), signals).await
    })
}

/// A second signal does not wait for peers to close. Exit status: 128 and the signal, as if it had not been caught.
async fn end_at_once(mut signals: Signals) {
    let kind = signals.next().await;
    tracing::warn!(target: "router", "a second signal: ending at once");
    std::process::exit(kind.as_raw_value().saturating_add(128));
}

/// SIGTERM and SIGINT.
struct Signals {
    term: Signal,
    interrupt: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self { term: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn next(&mut self) -> SignalKind {
        tokio::select! {
            _ = self.term.recv() => SignalKind::terminate(),
            _ = self.interrupt.recv() => SignalKind::interrupt(),
        }
    }
}
