//! What the brokers have in common.

use std::fmt::Debug;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use crate::process::Process;

/// The longest that a broker may take to start on a busy machine.
pub(crate) const START: Duration = Duration::from_secs(90);

/// A broker with queues that outlive it.
pub trait Broker: Debug + Send {
    /// Where it listens for AMQP.
    fn addr(&self) -> SocketAddr;

    /// The address of a queue.
    fn queue(&self, name: &str) -> String;

    /// SIGKILL.
    fn kill(&mut self);

    /// Starts it again on the same data, killed or not.
    ///
    /// # Panics
    ///
    /// When it does not start.
    fn start_again(&mut self);
}

/// Waits until something listens.
///
/// # Panics
///
/// When the process ends first, or takes too long.
pub(crate) fn await_port(process: &mut Process, addr: SocketAddr) {
    let end = Instant::now() + START;
    while TcpStream::connect(addr).is_err() {
        assert!(process.exited().is_none(), "{} has ended\n{}", process.name(), process.tail(60));
        assert!(Instant::now() < end, "{} does not listen\n{}", process.name(), process.tail(60));
        std::thread::sleep(Duration::from_millis(50));
    }
}
