//! The log settings in the words of the reference's management.

use crosstie_model::facts::LogFacts;
use crosstie_model::settings::{Log, LogLevel, LogOutput};

/// The modules of the reference, in its order.
pub(crate) const MODULES: &[&str] = &[
    "ROUTER",
    "ROUTER_CORE",
    "ROUTER_HELLO",
    "ROUTER_LS",
    "ROUTER_MA",
    "MESSAGE",
    "SERVER",
    "AGENT",
    "AUTHSERVICE",
    "CONTAINER",
    "ERROR",
    "POLICY",
    "HTTP",
    "CONN_MGR",
    "PYTHON",
    "PROTOCOL",
    "DEFAULT",
];

/// The rows of `log`, from the settings. `fault`: why lines are lost.
#[must_use]
pub fn log_facts(log: &Log, fault: Option<String>) -> Vec<LogFacts> {
    let areas = |module| log.of.iter().find(|(area, _)| module_of(area) == Some(module)).map(|(_, level)| *level);
    let facts = MODULES.iter().map(|&module| match module {
        "DEFAULT" => LogFacts {
            module,
            enable: Some(enable(log.level)),
            include_timestamp: Some(true),
            include_source: Some(false),
            output: Some(output(&log.output)),
            fault: fault.clone(),
        },
        _ => LogFacts { module, enable: areas(module).map(enable), ..LogFacts::default() },
    });
    facts.collect()
}

/// The module that an area of the configuration comes nearest to.
fn module_of(area: &str) -> Option<&'static str> {
    Some(match area {
        "router" => "ROUTER",
        "address" | "link" => "ROUTER_CORE",
        "message" => "MESSAGE",
        "connection" | "network" => "SERVER",
        "management" => "AGENT",
        "plugin" => "POLICY",
        "listener" | "connector" => "CONN_MGR",
        _ => return None,
    })
}

/// A level and all that are graver.
fn enable(level: LogLevel) -> String {
    let word = match level {
        LogLevel::Error => "error+",
        LogLevel::Warn => "warning+",
        LogLevel::Info => "info+",
        LogLevel::Debug => "debug+",
        LogLevel::Trace => "trace+",
    };
    word.to_owned()
}

fn output(output: &LogOutput) -> String {
    match output {
        LogOutput::Stderr => "stderr".to_owned(),
        LogOutput::Stdout => "stdout".to_owned(),
        LogOutput::File(path) => path.display().to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crosstie_model::settings::LogFormat;

    #[test]
    fn an_area_sets_its_module_and_the_others_follow_default() {
        let log = Log {
            level: LogLevel::Warn,
            of: vec![("connector".into(), LogLevel::Debug)],
            format: LogFormat::Text,
            output: LogOutput::File("/var/log/crosstie".into()),
        };
        let facts = log_facts(&log, Some("it is full".into()));
        let of = |module: &str| facts.iter().find(|log| log.module == module).unwrap();
        assert_eq!(of("DEFAULT").enable.as_deref(), Some("warning+"));
        assert_eq!(of("DEFAULT").output.as_deref(), Some("/var/log/crosstie"));
        assert_eq!((of("DEFAULT").fault.as_deref(), &of("SERVER").fault), (Some("it is full"), &None));
        assert_eq!(of("CONN_MGR").enable.as_deref(), Some("debug+"));
        assert_eq!(of("SERVER").enable, None);
        assert_eq!(facts.len(), 17);
    }
}
