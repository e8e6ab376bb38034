//! Logging as the configuration says.

use std::fs::OpenOptions;
use std::io;
use std::sync::Mutex;

use crosstie_model::settings::{Log, LogFormat, LogLevel, LogOutput};
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::writer::BoxMakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

const fn filter(level: LogLevel) -> LevelFilter {
    match level {
        LogLevel::Error => LevelFilter::ERROR,
        LogLevel::Warn => LevelFilter::WARN,
        LogLevel::Info => LevelFilter::INFO,
        LogLevel::Debug => LevelFilter::DEBUG,
        LogLevel::Trace => LevelFilter::TRACE,
    }
}

/// Lets through what the configuration asks for. Every log line of ours has its area as its target.
fn targets(log: &Log) -> Targets {
    let of = log.of.iter().map(|(area, level)| (area.as_str(), filter(*level)));
    Targets::new().with_default(filter(log.level)).with_targets(of)
}

/// Starts logging.
///
/// # Errors
///
/// When the log file cannot be opened for appending, with its path.
pub(crate) fn start(log: &Log) -> Result<(), String> {
    let (writer, colour) = match &log.output {
        LogOutput::Stderr => (BoxMakeWriter::new(io::stderr), io::IsTerminal::is_terminal(&io::stderr())),
        LogOutput::Stdout => (BoxMakeWriter::new(io::stdout), io::IsTerminal::is_terminal(&io::stdout())),
        LogOutput::File(path) => {
            let file = OpenOptions::new().create(true).append(true).open(path);
            let file = file.map_err(|error| format!("cannot open the log `{}`: {error}", path.display()))?;
            (BoxMakeWriter::new(Mutex::new(file)), false)
        }
    };
    let layer = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(colour);
    let layer = match log.format {
        LogFormat::Text => layer.boxed(),
        LogFormat::Json => layer.json().boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(targets(log))).init();
    Ok(())
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
        ] {
            assert_eq!(targets.would_enable(area, &level), is_shown, "{area} {level}");
        }
    }
}
