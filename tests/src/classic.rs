//! ActiveMQ Classic, embedded in a program of ours.

use std::net::SocketAddr;

use crate::broker::{Broker, START};
use crate::java;
use crate::place::TestDir;
use crate::process::{Process, Stream};

/// A broker that lets in every user, also ANONYMOUS, but nobody without a SASL layer.
/// Queues are made on first use and keep what nobody has read.
#[derive(Debug)]
pub struct Classic {
    process: Process,
    dir: TestDir,
    port: u16,
}

impl Default for Classic {
    fn default() -> Self {
        Self::start()
    }
}

impl Classic {
    /// Starts an empty broker.
    ///
    /// # Panics
    ///
    /// When it is not installed or does not start.
    #[must_use]
    pub fn start() -> Self {
        let dir = TestDir::new("classic");
        let (process, port) = run(&dir, 0);
        Self { process, dir, port }
    }
}

impl Broker for Classic {
    fn addr(&self) -> SocketAddr {
        ([127, 0, 0, 1], self.port).into()
    }

    fn queue(&self, name: &str) -> String {
        name.to_owned()
    }

    fn kill(&mut self) {
        self.process.kill();
    }

    fn start_again(&mut self) {
        self.kill();
        self.process = run(&self.dir, self.port).0;
    }
}

/// Starts it on a port, 0 for any, and says which.
fn run(dir: &TestDir, port: u16) -> (Process, u16) {
    let mut command = java::program("classic", "Broker");
    command.arg(port.to_string()).arg(dir.path().join("data"));
    let process = Process::start("classic", &mut command);
    let listening = |line: &str| line.strip_prefix("listening ")?.parse().ok();
    match process.wait_line(Stream::Out, 0, START, listening) {
        Ok((port, _)) => (process, port),
        Err(reason) => panic!("classic does not listen: {reason}\n{}", process.tail(60)),
    }
}
