//! Connections with one link each on which nothing happens, held by processes of their own: one process has too few descriptors.

use std::io::{BufRead, BufReader, Error, Read, Result, Write};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use crate::house::House;
use crate::peer::{Peer, Way};
use crate::wire::{Door, trusting};

/// What a process that holds connections says when it has them.
const READY: &str = "ready";

/// Memory of the router for each connection, in KiB. It is looked at when nothing has happened for `settling`: then the router has
/// given back what it does not need.
pub(crate) fn measure(
    house: &House,
    (connections, processes): (u32, u32),
    plain: bool,
    settling: Duration,
) -> Result<f64> {
    // the first ones bring what the router keeps
    drop(hold_here(&if plain { house.plain.clone() } else { house.tls.clone() }, 0, 10)?);
    thread::sleep(settling);
    let before = house.resident_bytes();
    let each = connections.div_ceil(processes.max(1));
    let addr = if plain { house.plain.addr } else { house.tls.addr };
    let ca = (!plain).then_some(&house.ca);
    let holders = (0..processes).map(|number| start(addr, ca, number.saturating_mul(each), each));
    let mut holders = holders.collect::<Result<Vec<_>>>()?;
    for holder in &mut holders {
        let stdout = holder.stdout.as_mut().ok_or_else(|| Error::other("no output"))?;
        let mut line = String::new();
        BufReader::new(stdout).read_line(&mut line)?;
        if line.trim() != READY {
            return Err(Error::other(format!("a process that holds connections said {line:?}")));
        }
    }
    thread::sleep(settling);
    let after = house.resident_bytes();
    for mut holder in holders {
        drop(holder.stdin.take());
        if !holder.wait()?.success() {
            return Err(Error::other("connections were lost"));
        }
    }
    let kib = u32::try_from(after.saturating_sub(before) / 1024).map_err(Error::other)?;
    Ok(f64::from(kib) / f64::from(each.saturating_mul(processes)))
}

fn start(addr: SocketAddr, ca: Option<&PathBuf>, first: u32, count: u32) -> Result<Child> {
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("hold").arg(addr.to_string()).args([first, count].map(|number| number.to_string()));
    command.args(ca).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()
}

/// The process that [`measure`] starts: connects, says so, and goes when its input ends.
pub(crate) fn hold(addr: SocketAddr, ca: Option<&Path>, first: u32, count: u32) -> Result<()> {
    rlimit::increase_nofile_limit(u64::MAX)?;
    let door = Door { addr, tls: ca.map(trusting).transpose()? };
    let mut peers = hold_here(&door, first, count)?;
    writeln!(std::io::stdout(), "{READY}")?;
    std::io::stdin().read_to_end(&mut Vec::new())?;
    // the router has closed none of them
    for peer in &mut peers {
        while peer.wire.read()? {}
    }
    Ok(())
}

fn hold_here(door: &Door, first: u32, count: u32) -> Result<Vec<Peer>> {
    let numbers = first..first.saturating_add(count);
    let open = |number| {
        let mut peer = Peer::open(door, &format!("idle-{number}"))?;
        peer.attach(Way::FromRouter, &format!("idle.{number}"), false)?;
        peer.wire.shrink();
        Ok(peer)
    };
    numbers.map(open).collect()
}
