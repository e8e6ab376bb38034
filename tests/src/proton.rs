//! Qpid Proton clients: the scripts of `tests/clients`, each a process that prints JSON lines.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::place::{cache_dir, tests_dir};
use crate::process::{Process, Stream};

/// A running script. Events are read in their order.
#[derive(Debug)]
pub struct Proton {
    process: Process,
    next: usize,
}

impl Proton {
    /// Starts `tests/clients/SCRIPT.py` against `addr` with more arguments, separated by blanks.
    ///
    /// # Panics
    ///
    /// When the Python environment is not installed.
    #[must_use]
    pub fn start(script: &str, addr: SocketAddr, args: &str) -> Self {
        let python = cache_dir().join("venv/bin/python");
        assert!(python.exists(), "no {}: run tests/install", python.display());
        let mut command = Command::new(python);
        command
            .arg("-u")
            .arg(tests_dir().join("clients").join(format!("{script}.py")))
            .arg("--url")
            .arg(addr.to_string())
            .args(args.split_whitespace());
        Self { process: Process::start(&format!("proton {script} {args}"), &mut command), next: 0 }
    }

    /// The next event named `name`; those before it are skipped.
    ///
    /// # Panics
    ///
    /// When there is none within a minute.
    pub fn event(&mut self, name: &str) -> Value {
        self.event_within(name, Duration::from_secs(60))
    }

    /// The next event named `name` within `deadline`.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn event_within(&mut self, name: &str, deadline: Duration) -> Value {
        self.any_of(&[name], deadline)
    }

    /// The next event with one of these names.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn any_of(&mut self, names: &[&str], deadline: Duration) -> Value {
        let found = self.process.wait_line(Stream::Out, self.next, deadline, |line| {
            let value: Value = serde_json::from_str(line).ok()?;
            names.contains(&value["event"].as_str()?).then_some(value)
        });
        match found {
            Ok((value, next)) => {
                self.next = next;
                value
            }
            Err(reason) => panic!("no event of {names:?}: {reason}\n{}", self.process.tail(40)),
        }
    }

    /// Every event with this name so far, also those read already.
    #[must_use]
    pub fn events_so_far(&self, name: &str) -> Vec<Value> {
        let lines = self.process.lines(Stream::Out);
        let values = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        values.filter(|value| value["event"] == name).collect()
    }

    /// Waits until the script has ended by itself.
    ///
    /// # Panics
    ///
    /// When it goes on, or fails.
    pub fn finish(&mut self) {
        let status = self.process.wait_exit(Duration::from_secs(60));
        assert!(status.success(), "{}: {status}\n{}", self.process.name(), self.process.tail(40));
    }

    /// SIGKILL: the connection ends without a Close.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
