//! Logging as the configuration says.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crosstie_config::LOG_AREAS;
use crosstie_model::settings::{Log, LogFormat, LogLevel, LogOutput};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{Layer, Registry, reload};

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Lets through what the configuration asks for. Every log line of ours has its area as its target; libraries, which have others,
/// are heard from warnings on.
fn targets(log: &Log) -> Targets {
    let level = filter(log.level);
    let of = log.of.iter().map(|(area, level)| (area.as_str(), filter(*level)));
    let areas = LOG_AREAS.map(|area| (area, level));
    Targets::new().with_default(level.min(LevelFilter::WARN)).with_targets(areas).with_targets(of)
}

/// The log, whose levels may change while it is written, and whose file may be opened anew.
pub(crate) struct Logging {
    levels: reload::Handle<Targets, Registry>,
    file: Option<LogFile>,
}

impl Logging {
    /// Opens the file of the log anew, for whoever has put it aside. One that cannot be opened leaves the one that is open.
    pub(crate) fn reopen(&self) {
        if let Some(file) = &self.file
            && let Err(error) = file.reopen()
        {
            tracing::warn!(target: "config", error, "the log goes on in the file that is open");
        }
    }

    /// Has these levels written from here on.
    pub(crate) fn set(&self, log: &Log) {
        if let Err(error) = self.levels.reload(targets(log)) {
            // the subscriber lives as long as the process
            tracing::error!(target: "config", %error, "the levels of the log cannot be changed");
        }
    }
}

/// Starts logging.
///
/// # Errors
///
/// When the log file cannot be opened for appending, with its path.
pub(crate) fn start(log: &Log) -> Result<Logging, String> {
    let mut file = None;
    let (writer, colour) = match &log.output {
        LogOutput::Stderr => (BoxMakeWriter::new(io::stderr), io::IsTerminal::is_terminal(&io::stderr())),
        LogOutput::Stdout => (BoxMakeWriter::new(io::stdout), io::IsTerminal::is_terminal(&io::stdout())),
        LogOutput::File(path) => {
            let opened = LogFile { path: path.clone(), file: Arc::new(Mutex::new(append_to(path)?)) };
            file = Some(opened.clone());
            (BoxMakeWriter::new(move || opened.clone()), false)
        }
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour);
    let layer = match log.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    let (targets, handle) = reload::Layer::new(targets(log));
    tracing_subscriber::registry().with(layer.with_filter(targets)).init();
    Ok(Logging { levels: handle, file })
}

/// A file of the log; each line is one write.
#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    file: Arc<Mutex<File>>,
}

impl LogFile {
    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen(&self) -> Result<(), String> {
        let file = append_to(&self.path)?;
        *self.lock() = file;
        Ok(())
    }
}

impl io::Write for LogFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.lock().write(bytes)
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.lock().write_all(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.lock().flush()
    }
}

fn append_to(path: &Path) -> Result<File, String> {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.map_err(|error| format!("cannot open the log `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn an_area_has_its_own_level_and_the_others_keep_theirs() {
        let of = vec![("connector".to_owned(), LogLevel::Debug), ("link".to_owned(), LogLevel::Error)];
        let targets = targets(&Log { level: LogLevel::Info, of, format: LogFormat::Text, output: LogOutput::Stderr });
        for (area, level, is_shown) in [
            ("connector", Level::DEBUG, true),
            ("connector", Level::TRACE, false),
            ("connection", Level::DEBUG, false),
            ("listener", Level::DEBUG, false),
            ("listener", Level::INFO, true),
            ("link", Level::WARN, false),
            ("link", Level::ERROR, true),
            ("cranelift_codegen::context", Level::INFO, false),
            ("rustls::client", Level::WARN, true),
        ] {
            assert_eq!(targets.would_enable(area, &level), is_shown, "{area} {level}");
        }
    }
}
