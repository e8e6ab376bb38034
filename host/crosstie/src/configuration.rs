//! Configuration: which file a command is given, and what is said when it is not good.

use std::io::{IsTerminal, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use crosstie_config::{EMBEDDED, Loaded, Problems, reference};

/// The exit status for a configuration that is wrong. Source: sysexits, `EX_CONFIG`.
pub(crate) const EXIT_CONFIG: u8 = 78;

/// The configuration of a router.
#[derive(Debug, Args)]
pub(crate) struct Configuration {
    /// The configuration; a router without one serves clients on 127.0.0.1:5672.
    file: Option<PathBuf>,
    /// A configuration of Qpid Dispatch in place of FILE: as `qdrouterd -c` takes it, JSON where it is named so.
    #[arg(long, value_name = "FILE", conflicts_with = "file")]
    qdrouterd_conf: Option<PathBuf>,
}

impl Configuration {
    /// Reads it.
    ///
    /// # Errors
    ///
    /// Every problem that was found.
    pub(crate) fn load(&self) -> Result<Loaded, Problems> {
        match (&self.qdrouterd_conf, &self.file) {
            (Some(file), _) => reference::load(file),
            (None, Some(file)) => crosstie_config::load(file),
            (None, None) => crosstie_config::load_text("embedded", EMBEDDED),
        }
    }

    /// The file as a person named it.
    pub(crate) fn name(&self) -> String {
        let file = self.qdrouterd_conf.as_ref().or(self.file.as_ref());
        file.map_or_else(|| "embedded".to_owned(), |file| file.display().to_string())
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
fn say(text: &str) {
    let _ = std::io::stderr().write_all(text.as_bytes());
}
