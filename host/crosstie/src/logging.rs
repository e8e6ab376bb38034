//! Logging as the configuration says.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

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

    /// Why lines are lost, while they are.
    pub(crate) fn fault(&self) -> Option<String> {
        self.file.as_ref()?.lock().lost.as_ref().map(|lost| lost.why.clone())
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
            let opened = LogFile::open(path)?;
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

/// Has what plugins log, from a level on, written to standard error: where there is no router, and no time that matters.
pub(crate) fn hear_plugins(level: LevelFilter) {
    let layer = tracing_subscriber::fmt::layer().with_writer(io::stderr).without_time().with_target(false);
    let layer = layer.with_ansi(io::IsTerminal::is_terminal(&io::stderr()));
    tracing_subscriber::registry().with(layer.with_filter(Targets::new().with_target("plugin", level))).init();
}

/// How often a file of the log is looked for: one that is gone is opened anew.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// A file of the log; each line is one write. Lines that cannot be written are lost, and standard error hears of the first of them.
#[derive(Clone)]
struct LogFile {
    path: PathBuf,
    state: Arc<Mutex<State>>,
}

struct State {
    /// `Err`: it is gone, and why there is no other.
    file: Result<File, String>,
    looked: Instant,
    lost: Option<Lost>,
}

/// Lines in a row that could not be written.
struct Lost {
    why: String,
    lines: u64,
}

impl LogFile {
    fn open(path: &Path) -> Result<Self, String> {
        let state = State { file: Ok(append_to(path)?), looked: Instant::now(), lost: None };
        Ok(Self { path: path.to_owned(), state: Arc::new(Mutex::new(state)) })
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reopen(&self) -> Result<(), String> {
        let file = append_to(&self.path)?;
        self.lock().file = Ok(file);
        Ok(())
    }

    /// Writes a line, or loses it. Says what standard error is to hear.
    fn put(&self, line: &[u8], now: Instant) -> Option<String> {
        let mut state = self.lock();
        match (state.write(&self.path, line, now), &mut state.lost) {
            (Ok(()), None) => None,
            (Ok(()), lost) => {
                let lines = lost.take().map_or(0, |lost| lost.lines);
                Some(format!("the log `{}` is written again, without {lines} lines", self.path.display()))
            }
            (Err(why), lost @ None) => {
                *lost = Some(Lost { why: why.clone(), lines: 1 });
                Some(format!("{why}: its lines are lost"))
            }
            (Err(why), Some(lost)) => {
                (lost.why, lost.lines) = (why, lost.lines.saturating_add(1));
                None
            }
        }
    }
}

impl State {
    fn write(&mut self, path: &Path, line: &[u8], now: Instant) -> Result<(), String> {
        if now.duration_since(self.looked) >= LOOK_EVERY {
            self.looked = now;
            let is_there = |file: &File| file.metadata().is_ok_and(|found| found.nlink() > 0);
            if !self.file.as_ref().is_ok_and(is_there) {
                self.file = append_to(path);
            }
        }
        let file = self.file.as_mut().map_err(|why| why.clone())?;
        file.write_all(line).map_err(|error| format!("cannot write the log `{}`: {error}", path.display()))
    }
}

impl Write for LogFile {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if let Some(said) = self.put(line, Instant::now()) {
            // whoever has closed it does not want to know
            let _ = writeln!(io::stderr(), "crosstie: {said}");
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
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
    fn a_file_that_takes_no_lines_is_told_of_once_and_so_is_its_end() {
        let log = LogFile::open(Path::new("/dev/full")).unwrap();
        let start = Instant::now();
        let said = log.put(b"1\n", start).unwrap();
        assert!(said.starts_with("cannot write the log `/dev/full`: "), "{said}");
        assert!((2..100).all(|_| log.put(b"n\n", start + LOOK_EVERY * 2).is_none()));
        log.lock().file = Ok(append_to(Path::new("/dev/null")).unwrap());
        let said = log.put(b"100\n", start).unwrap();
        assert_eq!(said, "the log `/dev/full` is written again, without 99 lines");
        assert_eq!(log.put(b"101\n", start), None);
    }

    #[test]
    fn a_file_whose_directory_is_gone_is_opened_anew_when_that_is_back() {
        let place = std::env::temp_dir().join(format!("crosstie-log-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        let path = place.join("router.log");
        let log = LogFile::open(&path).unwrap();
        let start = log.lock().looked;
        assert_eq!(log.put(b"1\n", start), None);
        std::fs::remove_dir_all(&place).unwrap();
        let said = log.put(b"2\n", start + LOOK_EVERY).unwrap();
        assert!(said.starts_with("cannot open the log `") && said.ends_with(": its lines are lost"), "{said}");
        std::fs::create_dir_all(&place).unwrap();
        // it is not looked for at every line
        assert_eq!(log.put(b"3\n", start + LOOK_EVERY), None);
        let said = log.put(b"4\n", start + LOOK_EVERY * 2).unwrap();
        assert!(said.ends_with("is written again, without 2 lines"), "{said}");
        // one that is deleted alone loses nothing
        std::fs::remove_file(&path).unwrap();
        assert_eq!(log.put(b"5\n", start + LOOK_EVERY * 3), None);
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "5\n");
        std::fs::remove_dir_all(&place).unwrap();
    }

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
