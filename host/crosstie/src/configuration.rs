//! Configuration: which file a command is given, and what is said when it is not good.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crosstie_config::{EMBEDDED, Loaded, Problems, reference};

/// The exit status for a configuration that is wrong. Source: sysexits, `EX_CONFIG`.
pub(crate) const EXIT_CONFIG: u8 = 78;

/// The configuration of a router.
#[derive(Debug, Clone, Args)]
pub(crate) struct Configuration {
    /// The configuration; a router without one serves clients on 127.0.0.1:5672.
    file: Option<PathBuf>,
    /// A configuration of Qpid Dispatch in place of FILE: as `qdrouterd -c` takes it, text or JSON.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    qdrouterd_conf: Option<PathBuf>,
}

impl Configuration {
    /// Reads it: what of it can be used, for a router or at least to check its plugins, and every problem.
    pub(crate) fn survey(&self) -> (Option<Loaded>, Problems) {
        let all_or_nothing = match (&self.qdrouterd_conf, &self.file) {
            (Some(file), _) => reference::load(file),
            (None, Some(file)) => return crosstie_config::survey(file),
            (None, None) => crosstie_config::load_text("embedded", EMBEDDED),
        };
        match all_or_nothing {
            Ok(loaded) => (Some(loaded), Problems::default()),
            Err(problems) => (None, problems),
        }
    }

    /// Reads it once more.
    ///
    /// # Errors
    ///
    /// Every problem, or that there is no file.
    pub(crate) fn again(&self) -> Result<Loaded, Problems> {
        if self.file.is_none() && self.qdrouterd_conf.is_none() {
            return Err(Problems::of("the router runs without a file: there is nothing to reload"));
        }
        let (loaded, problems) = self.survey();
        loaded.filter(|_| problems.is_empty()).ok_or(problems)
    }

    /// The file as a person named it.
    pub(crate) fn name(&self) -> String {
        let file = self.qdrouterd_conf.as_ref().or(self.file.as_ref());
        file.map_or_else(|| "embedded".to_owned(), |file| file.display().to_string())
    }

    /// The line that whoever starts Qpid Dispatch waits for in its log.
    pub(crate) fn announcement(&self, workers: usize) -> Option<String> {
        let process = std::process::id();
        self.qdrouterd_conf.as_ref()?;
        Some(format!("SERVER (notice) Operational, {workers} Threads Running (process ID {process})"))
    }

    /// Says why a router does not start. Whoever started Qpid Dispatch may look for its words and its exit status.
    pub(crate) fn refuse(&self, problems: &Problems) -> ExitCode {
        let status = complain(problems);
        let Some(file) = &self.qdrouterd_conf else { return status };
        for problem in problems.iter() {
            say(&format!("Exception: Cannot load configuration file {}: {}\n", file.display(), problem.message()));
        }
        ExitCode::FAILURE
    }
}

/// Shows problems.
pub(crate) fn complain(problems: &Problems) -> ExitCode {
    say(&format!("{}\n", problems.render(std::io::stderr().is_terminal())));
    ExitCode::from(EXIT_CONFIG)
}

/// Puts the warnings of a configuration into the log.
pub(crate) fn log_warnings(loaded: &Loaded) {
    for warning in loaded.warnings.iter() {
        let (line, column) = warning.position().unwrap_or_default();
        let file = warning.file().unwrap_or_default();
        let more = warning.label().filter(|label| *label != "here").map_or(String::new(), |label| format!(": {label}"));
        tracing::warn!(target: "config", file, line, column, "configuration: {}{more}", warning.message());
    }
}

/// Writes to standard error; one that is closed wants nothing.
pub(crate) fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
