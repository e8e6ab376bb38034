//! `crosstie plugin`: a plugin outside a router.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crosstie_config::{EMBEDDED, Problems};
use crosstie_model::settings::Plugin;
use crosstie_policy::{Case, Difference, Miss, Replay, Setup, Trial};
use tracing::level_filters::LevelFilter;

use crate::configuration::{complain, say};
use crate::new::{self, NewArgs};
use crate::record::{RecordArgs, record};
use crate::{logging, plugin_problems, print};

#[derive(Subcommand)]
pub(crate) enum PluginCommand {
    /// Writes a plugin to begin with into a new directory: it builds, and decides its cases as they say. Exit status 1: that cannot be; 2: wrong
    /// language or name.
    New(NewArgs),
    /// Loads and configures a plugin, and says what it is asked. Exit status 78: it does not load.
    Check {
        #[command(flatten)]
        plugin: PluginArgs,
    },
    /// Asks a plugin its cases, and says which are decided otherwise: each in a fresh instance, and twice in one that was asked others
    /// before. Exit status 1: some are.
    Test {
        #[command(flatten)]
        plugin: PluginArgs,
        /// One JSON object in each line: `hook`, `request`, and `answer`, which is absent for no opinion.
        cases: PathBuf,
    },
    /// Takes the time of the decisions of cases: the median and the slowest, in microseconds, and their fuel, which is wasmtime's measure
    /// of instructions.
    Bench {
        #[command(flatten)]
        plugin: PluginArgs,
        /// As `test` takes them.
        cases: PathBuf,
        /// How often each is asked.
        #[arg(long, default_value_t = 10_000)]
        count: u32,
    },
    /// Asks a plugin what a record says that it, or the one before it, was asked, and shows where it decides otherwise now. Exit status 1: it
    /// does somewhere; 2: there is nothing to compare.
    Replay {
        /// Lines as `record` writes them.
        log: PathBuf,
        /// The plugin, a .wasm or .js file.
        #[arg(long)]
        plugin: PathBuf,
        /// Whose lines are meant; without it those of the name of the plugin's file.
        #[arg(long, value_name = "NAME")]
        of: Option<String>,
        /// A configuration whose `plugin` node of the file's stem is the plugin's: its `config`, grants and limits.
        #[arg(short, long, value_name = "KDL")]
        config: Option<PathBuf>,
    },
    /// Puts the record of decisions of a running router on or off, and says how it is. Exit status 1: that cannot be.
    Record(Box<RecordArgs>),
}

#[derive(Args)]
pub(crate) struct PluginArgs {
    /// The plugin, a .wasm or .js file.
    file: PathBuf,
    /// A configuration whose `plugin` node of the file's stem is the plugin's: its `config`, grants and limits.
    #[arg(short, long, value_name = "KDL")]
    config: Option<PathBuf>,
    /// What it logs goes to standard error from this level on: off, error, warn, info, debug or trace.
    #[arg(long, value_name = "LEVEL", default_value = "warn")]
    log: LevelFilter,
}

pub(crate) fn plugin(command: &PluginCommand) -> ExitCode {
    match command {
        PluginCommand::Check { plugin } | PluginCommand::Test { plugin, .. } | PluginCommand::Bench { plugin, .. } => {
            logging::hear_plugins(plugin.log);
            plugin.load(false).map_or_else(|problems| complain(&problems), |trial| tried(command, plugin, &trial))
        }
        PluginCommand::Replay { log, plugin, of, config } => {
            let args = PluginArgs { file: plugin.clone(), config: config.clone(), log: LevelFilter::WARN };
            let of = of.clone().unwrap_or_else(|| args.name());
            logging::hear_plugins(args.log);
            args.load(false).map_or_else(|problems| complain(&problems), |trial| replay(&trial, log, &of))
        }
        PluginCommand::Record(args) => record(args),
        PluginCommand::New(args) => new::begin(args),
    }
}

/// Does with a plugin that is loaded what a command says.
fn tried(command: &PluginCommand, plugin: &PluginArgs, trial: &Trial) -> ExitCode {
    match command {
        PluginCommand::Check { .. } => {
            let (hooks, reads) = trial.describe();
            let reads = reads.map_or_else(|| "everything".to_owned(), |reads| reads.join(", "));
            let hooks = if hooks.is_empty() { "none, so that it is never asked".to_owned() } else { hooks.join(", ") };
            print(&format!("{} is good\nhooks: {hooks}\nreads: {reads}\n", plugin.file.display()));
            if let Some(imports) = trial.unknown_imports() {
                say(&format!("warning: it imports what no host has, which traps when it is called: {imports}\n"));
            }
            ExitCode::SUCCESS
        }
        PluginCommand::Test { cases, .. } => match crosstie_policy::read_case_file(cases) {
            Ok(cases) => {
                let misses = trial.play(&cases);
                let asked = cases.iter().filter(|case| case.is_asked()).count();
                let left_out = match cases.len() - asked {
                    0 => String::new(),
                    count => format!("; {count} recorded failures are passed over"),
                };
                print(&format!("{} of {asked} cases are decided as they say{left_out}\n", asked - misses.len()));
                tell(&misses)
            }
            Err(misses) => tell(&misses),
        },
        PluginCommand::Bench { cases, count, .. } => {
            let cases = match crosstie_policy::read_case_file(cases) {
                Ok(cases) => cases,
                Err(misses) => return tell(&misses),
            };
            match plugin.load(true).map(|counting| bench((trial, &counting), &cases, *count)) {
                Ok(Ok(())) => ExitCode::SUCCESS,
                Ok(Err(miss)) => tell(&[miss]),
                Err(problems) => complain(&problems),
            }
        }
        PluginCommand::New(_) | PluginCommand::Replay { .. } | PluginCommand::Record(_) => ExitCode::SUCCESS,
    }
}

/// Shows what is decided otherwise now.
fn replay(trial: &Trial, log: &Path, of: &str) -> ExitCode {
    let said = |answer: &Result<serde_json::Value, String>| match answer {
        Ok(serde_json::Value::Null) => "no opinion".to_owned(),
        Ok(answer) => answer.to_string(),
        Err(why) => format!("failed: {}", why.lines().next().unwrap_or_default()),
    };
    let tell = |found: &Difference| {
        let Difference { line, hook, sequence, recorded, candidate, beyond } = found;
        let beyond = beyond
            .as_ref()
            .map_or(String::new(), |what| format!("  (its `{what}` was not recorded: it found nothing)\n"));
        let (recorded, candidate) = (said(recorded), said(candidate));
        print(&format!("line {line}, {hook}, sequence {sequence}:\n- {recorded}\n+ {candidate}\n{beyond}"));
    };
    match trial.replay(log, of, tell) {
        Err(miss) => self::tell(&[miss]),
        Ok(Replay { asked: 0, names, .. }) => {
            let names = names.into_iter().collect::<Vec<_>>().join(", ");
            let hint = if names.is_empty() {
                "it has none at all".to_owned()
            } else {
                format!("--of says whose; it has those of: {names}")
            };
            say(&format!("error: `{}` has no decisions of `{of}`; {hint}\n", log.display()));
            ExitCode::from(2)
        }
        Ok(Replay { asked, differences, others, .. }) => {
            let others = if others == 0 { String::new() } else { format!("; {others} of other plugins are left out") };
            print(&format!("{} of {asked} decisions are the same{others}\n", asked - differences.len()));
            if differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
    }
}

/// `counting`: the same plugin with its fuel counted, which would take time.
fn bench((trial, counting): (&Trial, &Trial), cases: &[Case], count: u32) -> Result<(), Miss> {
    for case in cases.iter().filter(|case| case.is_asked()) {
        let (median, slowest) = trial.time(case, count)?;
        let us = |time: std::time::Duration| time.as_secs_f64() * 1e6;
        let fuel = counting.fuel(case)?.map_or(String::new(), |fuel| format!(" fuel={fuel}"));
        print(&format!("line={} median_us={:.2} slowest_us={:.0}{fuel}\n", case.line, us(median), us(slowest)));
    }
    Ok(())
}

/// Says what was decided otherwise.
fn tell(misses: &[Miss]) -> ExitCode {
    for miss in misses {
        say(&format!("error: {miss}\n"));
    }
    if misses.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl PluginArgs {
    fn name(&self) -> String {
        self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
    }

    fn load(&self, counts_fuel: bool) -> Result<Trial, Problems> {
        let name = self.name();
        let loaded = match &self.config {
            Some(file) => crosstie_config::load(file)?,
            None => crosstie_config::load_text("embedded", EMBEDDED)?,
        };
        let plugins = loaded.settings.plugins.iter().flat_map(|plugins| &plugins.named);
        let settings = match (plugins.into_iter().find(|plugin| plugin.name == name), &self.config) {
            (Some(named), _) => named.clone(),
            (None, Some(file)) => {
                return Err(Problems::of(&format!("`{}` has no node `plugin \"{name}\"`", file.display())));
            }
            (None, None) => Plugin::unnamed(&name),
        };
        let setup = Setup {
            router_id: loaded.settings.router.id.clone(),
            state_dir: loaded.settings.state.clone(),
            counts_fuel,
            ..Setup::default()
        };
        Trial::load(&self.file, settings, setup).map_err(|found| plugin_problems(&loaded, found))
    }
}
