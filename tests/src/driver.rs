//! Client programs in several languages, which take the same options and print one JSON line for each thing that happens.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use serde_json::Value;

use crate::java;
use crate::place::{built_binary, cache_dir, tests_dir};
use crate::process::{Process, Stream};

/// Until the output of a program that has ended is read.
const STREAM_END: Duration = Duration::from_secs(10);

/// Whose implementation of AMQP a program uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Library {
    /// Qpid Proton, by Python.
    Proton,
    /// rhea, by Node.
    Rhea,
    /// go-amqp.
    GoAmqp,
    /// fe2o3-amqp.
    Fe2o3,
    /// Qpid JMS.
    Jms,
}

impl Library {
    /// Each of them but Qpid JMS, whose start takes a second.
    pub const ALL: [Self; 4] = [Self::Proton, Self::Rhea, Self::GoAmqp, Self::Fe2o3];

    fn command(self, mode: &str) -> Command {
        match self {
            Self::Proton => {
                let mut command = Command::new(installed("venv/bin/python"));
                command.arg("-u").arg(tests_dir().join("clients").join(format!("{mode}.py")));
                command
            }
            Self::Rhea => {
                let mut command = Command::new("node");
                command.env("NODE_PATH", installed("node/node_modules"));
                command.arg(tests_dir().join("clients/node/client.js")).arg(mode);
                command
            }
            Self::GoAmqp => with_mode(&installed("go/client"), mode),
            Self::Fe2o3 => with_mode(&built_binary("fe2o3-client"), mode),
            Self::Jms => {
                let mut command = java::program("jms", "Client");
                command.arg(mode);
                command
            }
        }
    }
}

fn with_mode(program: &Path, mode: &str) -> Command {
    let mut command = Command::new(program);
    command.arg(mode);
    command
}

fn installed(name: &str) -> std::path::PathBuf {
    let path = cache_dir().join(name);
    assert!(path.exists(), "no {}: run tests/install", path.display());
    path
}

/// A running program. Events are read in their order.
#[derive(Debug)]
pub struct Driver {
    process: Process,
    next: usize,
}

impl Driver {
    /// Starts the library's program as `mode` (`send`, `receive`) against `addr` with more options, separated by blanks.
    ///
    /// # Panics
    ///
    /// When it is not installed.
    #[must_use]
    pub fn start(library: Library, mode: &str, addr: SocketAddr, args: &str) -> Self {
        let mut command = library.command(mode);
        command.arg("--url").arg(addr.to_string()).args(args.split_whitespace());
        Self { process: Process::start(&format!("{library:?} {mode} {args}"), &mut command), next: 0 }
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

    /// Skips every event so far.
    pub fn skip(&mut self) {
        self.next = self.process.mark(Stream::Out);
    }

    /// Every event with this name so far, also those read already.
    #[must_use]
    pub fn events_so_far(&self, name: &str) -> Vec<Value> {
        let lines = self.process.lines(Stream::Out);
        let values = lines.iter().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        values.filter(|value| value["event"] == name).collect()
    }

    /// Waits until the program has ended by itself.
    ///
    /// # Panics
    ///
    /// When it goes on, or fails.
    pub fn finish(&mut self) {
        let status = self.process.wait_exit(Duration::from_secs(60));
        // what it said last is read when its output has ended
        let _ = self.process.wait_line(Stream::Out, self.process.mark(Stream::Out), STREAM_END, |_| None::<()>);
        assert!(status.success(), "{}: {status}\n{}", self.process.name(), self.process.tail(40));
    }

    /// Waits until the program has ended by an error, and gives its last lines.
    ///
    /// # Panics
    ///
    /// When it does not end, or all went well.
    pub fn fail(&mut self) -> String {
        let status = self.process.wait_exit(Duration::from_secs(60));
        let _ = self.process.wait_line(Stream::Err, self.process.mark(Stream::Err), STREAM_END, |_| None::<()>);
        assert!(!status.success(), "{}: {status}\n{}", self.process.name(), self.process.tail(40));
        self.process.tail(40)
    }

    /// Sends it a signal, by its name.
    pub fn signal(&self, signal: &str) {
        self.process.signal(signal);
    }

    /// SIGKILL: the connection ends without a Close.
    pub fn kill(&mut self) {
        self.process.kill();
    }
}
