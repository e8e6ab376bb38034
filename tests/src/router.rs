//! The router as a process of its own.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Command, ExitStatus};
use std::time::Duration;

pub use crate::peer::DEADLINE;
use crate::place::{TestDir, router_binary};
use crate::process::{Process, Stream};

/// A running `crosstie run FILE`.
#[derive(Debug)]
pub struct Router {
    process: Process,
    dir: TestDir,
}

impl Router {
    /// Writes `kdl` to a file and starts a router on it, which is ready when each of its listeners listens.
    ///
    /// # Panics
    ///
    /// When it ends first, or is not ready in time.
    #[must_use]
    pub fn start(kdl: &str) -> Self {
        Self::start_in(TestDir::new("router"), kdl)
    }

    /// The same in a directory that holds more (plugins).
    ///
    /// # Panics
    ///
    /// As [`Router::start`].
    #[must_use]
    pub fn start_in(dir: TestDir, kdl: &str) -> Self {
        Self::start_changed(dir, kdl, |_| {})
    }

    /// The same with a changed environment.
    ///
    /// # Panics
    ///
    /// As [`Router::start`].
    #[must_use]
    pub fn start_changed(dir: TestDir, kdl: &str, change: impl FnOnce(&mut Command)) -> Self {
        let file = dir.write("crosstie.kdl", kdl);
        let mut command = command(&dir);
        command.arg("run").arg(&file);
        change(&mut command);
        let process = Process::start("crosstie", &mut command);
        let mut router = Self { process, dir };
        for name in listener_names(kdl) {
            router.await_listening(&name);
        }
        router
    }

    /// Starts a router on a configuration of the reference, with `listeners` in it.
    ///
    /// # Panics
    ///
    /// As [`Router::start`].
    #[must_use]
    pub fn start_qdrouterd_conf(conf: &str, listeners: &[&str]) -> Self {
        let dir = TestDir::new("router");
        let file = dir.write("qdrouterd.conf", conf);
        let process = Process::start("crosstie", command(&dir).arg("run").arg("--qdrouterd-conf").arg(&file));
        let mut router = Self { process, dir };
        for name in listeners {
            router.await_listening(name);
        }
        router
    }

    /// One listener named `clients` on a free port, ANONYMOUS or no SASL layer.
    #[must_use]
    pub fn plain() -> Self {
        Self::start(&plain_kdl(""))
    }

    fn await_listening(&mut self, name: &str) {
        let found = self.process.wait_line(Stream::Err, 0, DEADLINE, |line| listening(line, name));
        if let Err(reason) = found {
            let ended = self.process.exited();
            panic!("listener {name:?} does not listen ({reason}; exit {ended:?})\n{}", self.process.tail(40));
        }
    }

    /// Where a listener listens.
    ///
    /// # Panics
    ///
    /// When the log does not say.
    #[must_use]
    pub fn addr(&self, listener: &str) -> SocketAddr {
        let lines = self.process.lines(Stream::Err);
        lines
            .iter()
            .find_map(|line| self::listening(line, listener))
            .unwrap_or_else(|| panic!("no listener {listener:?}\n{}", self.process.tail(40)))
    }

    /// Where the listener `clients` listens.
    #[must_use]
    pub fn clients(&self) -> SocketAddr {
        self.addr("clients")
    }

    /// The process itself.
    #[must_use]
    pub const fn process(&self) -> &Process {
        &self.process
    }

    /// The directory that its configuration lies in.
    #[must_use]
    pub const fn dir(&self) -> &TestDir {
        &self.dir
    }

    /// A place in the log to wait from.
    #[must_use]
    pub fn log_mark(&self) -> usize {
        self.process.mark(Stream::Err)
    }

    /// Waits for a log line after `from` that contains all of `parts`; gives the line and where the next one stands.
    ///
    /// # Panics
    ///
    /// When there is none in time.
    pub fn wait_log(&self, from: usize, deadline: Duration, parts: &[&str]) -> (String, usize) {
        let found = self.process.wait_line(Stream::Err, from, deadline, |line| {
            let line = plain_text(line);
            parts.iter().all(|part| line.contains(part)).then_some(line)
        });
        found.unwrap_or_else(|reason| panic!("no log line with {parts:?}: {reason}\n{}", self.process.tail(60)))
    }

    /// The most memory that it ever had resident (VmHWM), in bytes.
    ///
    /// # Panics
    ///
    /// When the process has ended.
    #[must_use]
    pub fn peak_memory_bytes(&self) -> u64 {
        self.memory_bytes("VmHWM:")
    }

    /// The memory that it has resident (VmRSS), in bytes.
    ///
    /// # Panics
    ///
    /// When the process has ended.
    #[must_use]
    pub fn resident_memory_bytes(&self) -> u64 {
        self.memory_bytes("VmRSS:")
    }

    fn memory_bytes(&self, name: &str) -> u64 {
        let path = format!("/proc/{}/status", self.process.id());
        let text = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        let line = text.lines().find(|line| line.starts_with(name)).unwrap_or_else(|| panic!("no {name} in {path}"));
        let kib: u64 = line.split_whitespace().nth(1).and_then(|word| word.parse().ok()).expect("a number of kB");
        kib * 1024
    }

    /// What `crosstie stat WHAT --json` says of it: a list of entities with every attribute.
    ///
    /// # Panics
    ///
    /// When it cannot be asked.
    #[must_use]
    pub fn stat(&self, what: &str) -> Vec<serde_json::Value> {
        let mut command = command(&self.dir);
        command.args(["stat", what, "--json", "--bus"]).arg(format!("amqp://{}", self.clients()));
        let output = command.output().expect("crosstie runs");
        let said = String::from_utf8_lossy(&output.stdout);
        serde_json::from_str(&said)
            .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)))
    }

    /// What another `crosstie` says that asks it: exit status, standard output, standard error.
    ///
    /// # Panics
    ///
    /// When it cannot be run.
    #[must_use]
    pub fn ask(&self, arguments: &[&str]) -> (Option<i32>, String, String) {
        let mut command = command(&self.dir);
        command.args(arguments).arg("--bus").arg(format!("amqp://{}", self.clients()));
        let output = command.output().expect("crosstie runs");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        (output.status.code(), text(&output.stdout), text(&output.stderr))
    }

    /// The files that it has open, sockets among them.
    ///
    /// # Panics
    ///
    /// When the process has ended.
    #[must_use]
    pub fn open_files(&self) -> Vec<String> {
        let path = format!("/proc/{}/fd", self.process.id());
        let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        // one may have been closed in the meantime
        let links = entries.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
        links.map(|link| link.display().to_string()).collect()
    }

    /// The names of its threads.
    ///
    /// # Panics
    ///
    /// When the process has ended.
    #[must_use]
    pub fn thread_names(&self) -> Vec<String> {
        let path = format!("/proc/{}/task", self.process.id());
        let entries = std::fs::read_dir(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        // one may have ended in the meantime
        let names = entries.filter_map(|entry| std::fs::read_to_string(entry.ok()?.path().join("comm")).ok());
        names.map(|name| name.trim_end().to_owned()).collect()
    }

    /// Whether it still runs; a test that provokes it asks at its end.
    ///
    /// # Panics
    ///
    /// When it has ended, or has logged a panic.
    pub fn assert_healthy(&mut self) {
        if let Some(status) = self.process.exited() {
            panic!("the router has ended: {status}\n{}", self.process.tail(60));
        }
        let panicked = self.process.lines(Stream::Err).into_iter().find(|line| line.contains("panicked at"));
        assert!(panicked.is_none(), "the router has panicked: {panicked:?}\n{}", self.process.tail(60));
    }

    /// Ends it by SIGTERM.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn terminate(&mut self) -> ExitStatus {
        self.process.signal("TERM");
        self.wait_exit(DEADLINE)
    }

    /// Waits for its end.
    ///
    /// # Panics
    ///
    /// When it does not end in time.
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        self.process.wait_exit(deadline)
    }
}

/// What `crosstie check FILE` said.
#[derive(Debug)]
pub struct Check {
    /// The exit status; absent when a signal ended it.
    pub code: Option<i32>,
    /// Standard error.
    pub stderr: String,
    /// The file that was checked.
    pub file: PathBuf,
}

/// Runs `crosstie check` on a file with this text.
///
/// # Panics
///
/// When it cannot be run.
#[must_use]
pub fn check(dir: &TestDir, kdl: &str) -> Check {
    let file = dir.write("check.kdl", kdl);
    let output = command(dir).arg("check").arg(&file).output().expect("crosstie runs");
    Check { code: output.status.code(), stderr: plain_text(&String::from_utf8_lossy(&output.stderr)), file }
}

/// A router with one listener `clients` and whatever else a test needs.
#[must_use]
pub fn plain_kdl(more: &str) -> String {
    format!(
        "router \"hub\" {{\n    workers 2\n}}\nlog {{\n    level \"debug\"\n}}\n\
         listener \"clients\" {{\n    host \"127.0.0.1\"\n    port 0\n}}\n{more}\n"
    )
}

fn command(dir: &TestDir) -> Command {
    let mut command = Command::new(router_binary());
    command
        .current_dir(dir.path())
        .env("XDG_CACHE_HOME", dir.path().join("cache"))
        .env("RUST_BACKTRACE", "1")
        .env("NO_COLOR", "1");
    command
}

fn listener_names(kdl: &str) -> Vec<String> {
    let names = kdl.lines().filter_map(|line| line.strip_prefix("listener \"")?.split('"').next());
    names.map(str::to_owned).collect()
}

fn listening(line: &str, name: &str) -> Option<SocketAddr> {
    let line = plain_text(line);
    if !line.contains("listening") || field(&line, "listener")? != name {
        return None;
    }
    field(&line, "local.addr")?.parse().ok()
}

/// The value of a field of a log line, with or without quotes.
#[must_use]
pub fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let mut rest = line;
    loop {
        let at = rest.find(name)?;
        let (before, from) = rest.split_at(at);
        let after = from.strip_prefix(name)?;
        match after.strip_prefix('=') {
            Some(value) if before.is_empty() || before.ends_with([' ', '{', ',']) => {
                return match value.strip_prefix('"') {
                    Some(quoted) => quoted.split('"').next(),
                    None => value.split([' ', '}', ',']).next(),
                };
            }
            _ => rest = after,
        }
    }
}

/// The line without terminal colours.
fn plain_text(line: &str) -> String {
    let mut text = String::with_capacity(line.len());
    let mut chars = line.chars();
    while let Some(char) = chars.next() {
        if char == '\u{1b}' {
            chars.by_ref().find(char::is_ascii_alphabetic);
        } else {
            text.push(char);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listening_line_gives_the_address() {
        let line = "2026-01-01T00:00:00Z INFO \u{1b}[1mlistening\u{1b}[0m listener=clients local.addr=127.0.0.1:4711";
        assert_eq!(listening(line, "clients"), Some(([127, 0, 0, 1], 4711).into()));
        assert_eq!(listening(line, "other"), None);
        assert_eq!(field("a listener=\"two words\" b=1", "listener"), Some("two words"));
    }
}
