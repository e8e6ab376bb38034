//! A child process whose output lines are kept, waited for, and shown when a test fails.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Lines that are kept of one stream of one process.
const LINES_MAX: usize = 200_000;

/// Lines as they arrive.
#[derive(Debug, Default)]
struct Lines {
    seen: Mutex<(Vec<String>, bool)>,
    changed: Condvar,
}

impl Lines {
    fn lock(&self) -> MutexGuard<'_, (Vec<String>, bool)> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read_from(self: &Arc<Self>, stream: impl Read + Send + 'static) -> JoinHandle<()> {
        let lines = Arc::clone(self);
        std::thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut bytes = Vec::new();
            while reader.read_until(b'\n', &mut bytes).is_ok_and(|count| count > 0) {
                let line = String::from_utf8_lossy(&bytes).trim_end().to_owned();
                bytes.clear();
                let mut seen = lines.lock();
                if seen.0.len() < LINES_MAX {
                    seen.0.push(line);
                }
                lines.changed.notify_all();
            }
            lines.lock().1 = true;
            lines.changed.notify_all();
        })
    }
}

/// Which stream of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Out,
    /// Standard error.
    Err,
}

/// A running child; killed when dropped, and its last lines shown when that happens in a failing test.
#[derive(Debug)]
pub struct Process {
    name: String,
    child: Child,
    out: Arc<Lines>,
    err: Arc<Lines>,
    status: Option<ExitStatus>,
}

impl Process {
    /// Starts `command` with its output piped and nothing to read.
    ///
    /// # Panics
    ///
    /// When it does not start.
    #[must_use]
    pub fn start(name: &str, command: &mut Command) -> Self {
        let mut child = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{name} did not start ({command:?}): {error}"));
        let (out, err) = (Arc::new(Lines::default()), Arc::new(Lines::default()));
        out.read_from(child.stdout.take().expect("piped"));
        err.read_from(child.stderr.take().expect("piped"));
        Self { name: name.to_owned(), child, out, err, status: None }
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its name in failures.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    fn stream(&self, stream: Stream) -> &Arc<Lines> {
        match stream {
            Stream::Out => &self.out,
            Stream::Err => &self.err,
        }
    }

    /// All lines so far.
    #[must_use]
    pub fn lines(&self, stream: Stream) -> Vec<String> {
        self.stream(stream).lock().0.clone()
    }

    /// How many lines there are so far: a place to wait from.
    #[must_use]
    pub fn mark(&self, stream: Stream) -> usize {
        self.stream(stream).lock().0.len()
    }

    /// Waits until `pick` takes a line that stands at `from` or after it, and says where the next one stands.
    ///
    /// # Errors
    ///
    /// What happened instead: the deadline, or the end of the stream.
    pub fn wait_line<T>(
        &self,
        stream: Stream,
        from: usize,
        deadline: Duration,
        mut pick: impl FnMut(&str) -> Option<T>,
    ) -> Result<(T, usize), String> {
        let end = Instant::now() + deadline;
        let lines = self.stream(stream);
        let mut seen = lines.lock();
        let mut next = from;
        loop {
            while let Some(line) = seen.0.get(next) {
                next += 1;
                if let Some(value) = pick(line) {
                    return Ok((value, next));
                }
            }
            if seen.1 {
                return Err(format!("{}: its output ended", self.name));
            }
            let left = end.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(format!("{}: not seen within {deadline:?}", self.name));
            }
            seen = lines.changed.wait_timeout(seen, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Sends a signal by its name (`TERM`, `KILL`, `HUP`).
    ///
    /// # Panics
    ///
    /// When `kill` cannot be run.
    pub fn signal(&self, signal: &str) {
        let status = Command::new("kill").arg(format!("-{signal}")).arg(self.id().to_string()).status();
        assert!(status.expect("kill runs").success(), "kill -{signal} {} ({})", self.id(), self.name);
    }

    /// Waits for the end.
    ///
    /// # Panics
    ///
    /// When it has not ended by the deadline.
    pub fn wait_exit(&mut self, deadline: Duration) -> ExitStatus {
        let end = Instant::now() + deadline;
        loop {
            if let Some(status) = self.exited() {
                return status;
            }
            assert!(Instant::now() < end, "{} still runs after {deadline:?}\n{}", self.name, self.tail(40));
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// The exit status, where it has ended.
    pub fn exited(&mut self) -> Option<ExitStatus> {
        if self.status.is_none() {
            self.status = self.child.try_wait().ok().flatten();
        }
        self.status
    }

    /// Ends it by SIGKILL and reaps it.
    pub fn kill(&mut self) {
        if self.exited().is_none() {
            let _ = self.child.kill();
            self.status = self.child.wait().ok();
        }
    }

    /// The last `count` lines of both streams, for a failure's text.
    #[must_use]
    pub fn tail(&self, count: usize) -> String {
        let mut text = format!("--- {} (process {})\n", self.name, self.id());
        for (label, stream) in [("out", Stream::Out), ("err", Stream::Err)] {
            let lines = self.lines(stream);
            for line in lines.iter().skip(lines.len().saturating_sub(count)) {
                text.push_str(&format!("{label}| {}\n", line.chars().take(600).collect::<String>()));
            }
        }
        text
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("{}", self.tail(60));
        }
    }
}
