//! Clients on the command line: what `send` and `receive` have in common.

mod bus;
mod external;
mod fault;
mod message;
mod print;
mod receive;
mod send;
mod stamp;
mod tally;

use std::future::Future;
use std::process::ExitCode;

use tokio::signal::unix::{SignalKind, signal};

pub(crate) use self::bus::BusArgs;
pub(crate) use self::fault::{Fault, attach_receiver, attach_sender};
pub(crate) use self::receive::{ReceiveArgs, receive};
pub(crate) use self::send::{SendArgs, send};

use self::tally::Tally;
use crate::configuration::say;

/// Runs a client to its end, or until a signal stops it, and reports.
fn run(tally: &Tally, client: impl Future<Output = Result<(), Fault>>) -> ExitCode {
    let ended = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime.block_on(async {
            tokio::select! {
                ended = client => ended,
                stopped = stopped() => Err(stopped),
            }
        }),
        Err(error) => Err(Fault::System(error)),
    };
    tally.report();
    match ended {
        Ok(()) if tally.is_clean() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::FAILURE,
        Err(fault) => {
            say(&format!("error: {fault}{}\n", tally.so_far()));
            ExitCode::from(fault.exit_status())
        }
    }
}

async fn stopped() -> Fault {
    let (mut term, mut interrupt) = match (signal(SignalKind::terminate()), signal(SignalKind::interrupt())) {
        (Ok(term), Ok(interrupt)) => (term, interrupt),
        (Err(error), _) | (_, Err(error)) => return Fault::System(error),
    };
    tokio::select! {
        _ = term.recv() => Fault::Stopped(SignalKind::terminate()),
        _ = interrupt.recv() => Fault::Stopped(SignalKind::interrupt()),
    }
}
