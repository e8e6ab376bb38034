//! `crosstie plugin`: a plugin outside a router.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Subcommand};
use crosstie_config::{EMBEDDED, Problems};
use crosstie_model::settings::Plugin;
use crosstie_policy::{Case, Miss, Setup, Trial};

use crate::configuration::{complain, say};
use crate::record::{RecordArgs, record};
use crate::{plugin_problems, print};

#[derive(Subcommand)]
pub(crate) enum PluginCommand {
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
    /// Takes the time of the decisions of cases: the median and the slowest, in microseconds.
    Bench {
        #[command(flatten)]
        plugin: PluginArgs,
        /// As `test` takes them.
        cases: PathBuf,
        /// How often each is asked.
        #[arg(long, default_value_t = 10_000)]
        count: u32,
    },
    /// Puts the record of decisions of a running router on or off, and says how it is. Exit status 1: that cannot be.
    Record(Box<RecordArgs>),
}

#[derive(Args)]
pub(crate) struct PluginArgs {
    /// The plugin, a .wasm file.
    file: PathBuf,
    /// A configuration whose `plugin` node of the file's stem is the plugin's: its `config`, grants and limits.
    #[arg(short, long, value_name = "KDL")]
    config: Option<PathBuf>,
}

pub(crate) fn plugin(command: &PluginCommand) -> ExitCode {
    match command {
        PluginCommand::Check { plugin } | PluginCommand::Test { plugin, .. } | PluginCommand::Bench { plugin, .. } => {
            plugin.load().map_or_else(|problems| complain(&problems), |trial| tried(command, plugin, &trial))
        }
        PluginCommand::Record(args) => record(args),
    }
}

/// Does with a plugin that is loaded what a command says.
fn tried(command: &PluginCommand, plugin: &PluginArgs, trial: &Trial) -> ExitCode {
    match command {
        PluginCommand::Check { .. } => {
            let (hooks, reads) = trial.describe();
            let reads = reads.map_or_else(|| "everything".to_owned(), |reads| reads.join(", "));
            print(&format!("{} is good\nhooks: {}\nreads: {reads}\n", plugin.file.display(), hooks.join(", ")));
            ExitCode::SUCCESS
        }
        PluginCommand::Test { cases, .. } => match crosstie_policy::read_case_file(cases) {
            Ok(cases) => {
                let misses = trial.play(&cases);
                print(&format!("{} of {} cases are decided as they say\n", cases.len() - misses.len(), cases.len()));
                tell(&misses)
            }
            Err(misses) => tell(&misses),
        },
        PluginCommand::Bench { cases, count, .. } => {
            let read = crosstie_policy::read_case_file(cases);
            let timed = read.and_then(|cases| bench(trial, &cases, *count).map_err(|miss| vec![miss]));
            timed.map_or_else(|misses| tell(&misses), |()| ExitCode::SUCCESS)
        }
        PluginCommand::Record(_) => ExitCode::SUCCESS,
    }
}

fn bench(trial: &Trial, cases: &[Case], count: u32) -> Result<(), Miss> {
    for case in cases {
        let (median, slowest) = trial.time(case, count)?;
        let us = |time: std::time::Duration| time.as_secs_f64() * 1e6;
        print(&format!("line={} median_us={:.2} slowest_us={:.0}\n", case.line, us(median), us(slowest)));
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
    fn load(&self) -> Result<Trial, Problems> {
        let name = self.file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
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
        let setup = Setup { router_id: loaded.settings.router.id.clone(), state_dir: loaded.settings.state.clone() };
        Trial::load(&self.file, settings, setup).map_err(|found| plugin_problems(&loaded, found))
    }
}
