//! Load on a router that is started for it, and what the router spends on it.

mod handshakes;
mod house;
mod idle;
mod messages;
mod peer;
mod plugins;
mod wire;

use std::io::{Error, Result};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use clap::{Parser, Subcommand, ValueEnum};

use crate::house::{CONTAINER, House, ROUTED};
use crate::messages::{Receiver, Sender, Task};
use crate::peer::{Peer, Way};
use crate::plugins::{Beside, Houses};
use crate::wire::Door;

/// Puts load on the router at CROSSTIE_BIN, and says what it spends.
#[derive(Debug, Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// CPU of the router for a message, by each way in turn.
    Messages(Load),
    /// CPU of the router for a client that comes in, and of rustls alone for a full handshake.
    Handshakes {
        /// Connections of each kind in a run.
        #[arg(long, default_value_t = 2000)]
        count: u32,
        #[arg(long, default_value_t = 5)]
        runs: u32,
    },
    /// Memory of the router for a connection with one link.
    Idle {
        #[arg(long, default_value_t = 10_000)]
        connections: u32,
        /// Processes that hold them.
        #[arg(long, default_value_t = 2)]
        processes: u32,
        /// Without TLS.
        #[arg(long)]
        plain: bool,
        /// Seconds in which nothing happens before memory is looked at.
        #[arg(long, default_value_t = 8)]
        settling: u64,
    },
    /// What plugins cost those whom they decide about, and what one that fails costs the others.
    Plugins {
        /// Where the ready-made ones lie: `tests/run` builds them.
        #[arg(long, default_value = "target/plugins")]
        built: PathBuf,
        /// Connections in a run.
        #[arg(long, default_value_t = 3000)]
        count: u32,
        /// Messages of 100 bytes in a run.
        #[arg(long, default_value_t = 1_000_000)]
        messages: u32,
        /// Failures of a plugin.
        #[arg(long, default_value_t = 10_000)]
        failures: u32,
        #[arg(long, default_value_t = 5)]
        runs: u32,
    },
    /// Holds connections; started by `idle`.
    #[command(hide = true)]
    Hold { addr: SocketAddr, first: u32, count: u32, ca: Option<PathBuf> },
}

#[derive(Debug, clap::Args)]
struct Load {
    /// Messages of a sender.
    #[arg(long, default_value_t = 1_000_000)]
    count: u32,
    /// Bytes of a message.
    #[arg(long, default_value_t = 1024)]
    size: usize,
    /// Senders, each with a receiver.
    #[arg(long, default_value_t = 1)]
    pairs: u32,
    /// Sends what is settled already.
    #[arg(long)]
    settled: bool,
    #[arg(long, default_value_t = 5)]
    runs: u32,
    /// The first is what the others are compared with.
    #[arg(long, value_delimiter = ',', default_value = "plain,tls,routed,routed-tls")]
    ways: Vec<Through>,
}

/// How messages go from senders to receivers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Through {
    Plain,
    Tls,
    /// By a link route to a container.
    Routed,
    RoutedTls,
}

impl Through {
    /// As it is written on the command line.
    const fn name(self) -> &'static str {
        match self {
            Self::Plain => "plain",
            Self::Tls => "tls",
            Self::Routed => "routed",
            Self::RoutedTls => "routed-tls",
        }
    }
}

fn main() -> Result<()> {
    match Arguments::parse().what {
        What::Messages(load) => report_messages(&House::open()?, &load),
        What::Handshakes { count, runs } => report_handshakes(&House::open()?, count, runs),
        What::Idle { connections, processes, plain, settling } => {
            let kib = idle::measure(&House::open()?, (connections, processes), plain, Duration::from_secs(settling))?;
            say(&format!("connections={connections} plain={plain} router_kib_each={kib:.1}"));
            Ok(())
        }
        What::Plugins { built, count, messages, failures, runs } => {
            report_plugins(&Houses::open(&built)?, (count, messages), runs)?;
            report_failures(failures)
        }
        What::Hold { addr, first, count, ca } => idle::hold(addr, ca.as_deref(), first, count),
    }
}

fn report_messages(house: &House, load: &Load) -> Result<()> {
    let mut costs = vec![Vec::new(); load.ways.len()];
    for run in 1..=load.runs {
        for (way, costs) in load.ways.iter().zip(&mut costs) {
            let name = way.name();
            let (micros, per_second) = through(house, load, *way)?;
            say(&format!("run={run} way={name} router_cpu_us={micros:.3} per_second={per_second:.0}"));
            costs.push(micros);
        }
    }
    let medians: Vec<f64> = costs.into_iter().map(median).collect();
    let first = medians.first().copied().unwrap_or(f64::NAN);
    for (way, median) in load.ways.iter().zip(medians) {
        let name = way.name();
        say(&format!("median way={name} size={} router_cpu_us={median:.3} ratio={:.2}", load.size, median / first));
    }
    Ok(())
}

/// CPU of the router for a message, in microseconds, and messages a second.
fn through(house: &House, load: &Load, way: Through) -> Result<(f64, f64)> {
    let task = Task { count: load.count, size_bytes: load.size, settled: load.settled };
    let (door, container) = match way {
        Through::Plain => (&house.plain, None),
        Through::Tls => (&house.tls, None),
        Through::Routed => (&house.plain, Some(&house.container_plain)),
        Through::RoutedTls => (&house.tls, Some(&house.container_tls)),
    };
    if container.is_some() && load.pairs > 1 {
        return Err(Error::other("a container has one link here: --pairs 1"));
    }
    let start =
        Arc::new(Barrier::new(usize::try_from(load.pairs.saturating_mul(2)).map_err(Error::other)?.saturating_add(1)));
    let mut ends = Vec::new();
    for pair in 0..load.pairs {
        let address = if container.is_some() { format!("{ROUTED}.{pair}") } else { format!("load.{pair}") };
        let mut receiving = open_receiver(door, container, &address, task)?;
        let mut sending = Peer::open(door, &format!("load-sender-{pair}"))?;
        let taking = start.clone();
        let is_container = container.is_some();
        ends.push(thread::spawn(move || {
            if is_container {
                receiving.accept()?;
            }
            let mut receiver = Receiver::new(task);
            receiver.grant(&mut receiving.wire);
            receiving.wire.write()?;
            taking.wait();
            messages::run(&mut receiving, &mut receiver).map(|()| receiving)
        }));
        sending.attach(Way::ToRouter, &address, task.settled)?;
        let sends = start.clone();
        ends.push(thread::spawn(move || {
            let mut sender = Sender::new(&sending, task)?;
            sends.wait();
            messages::run(&mut sending, &mut sender).map(|()| sending)
        }));
    }
    let before = house.cpu_micros()?;
    let began = Instant::now();
    start.wait();
    // whoever is done first stays connected
    let ends: Vec<_> = ends.into_iter().map(|end| end.join().map_err(|_| Error::other("an end panicked"))).collect();
    let seconds = began.elapsed().as_secs_f64();
    let peers = ends.into_iter().map(|end| end.and_then(|end| end)).collect::<Result<Vec<_>>>()?;
    thread::sleep(Duration::from_millis(50));
    let micros = house.cpu_micros()?.saturating_sub(before);
    drop(peers);
    let messages = f64::from(load.count) * f64::from(load.pairs);
    Ok((Duration::from_micros(micros).as_secs_f64() * 1e6 / messages, messages / seconds))
}

/// A client that receives, or the container, whose link comes when the sender attaches.
fn open_receiver(door: &Door, container: Option<&Door>, address: &str, task: Task) -> Result<Peer> {
    if let Some(door) = container {
        return Peer::open(door, CONTAINER);
    }
    let mut peer = Peer::open(door, &format!("load-receiver-{address}"))?;
    peer.attach(Way::FromRouter, address, task.settled)?;
    Ok(peer)
}

fn report_handshakes(house: &House, count: u32, runs: u32) -> Result<()> {
    let mut costs = [Vec::new(), Vec::new(), Vec::new()];
    for run in 1..=runs {
        let cost = handshakes::measure(house, count)?;
        let handshakes::Cost { tls, plain, rustls } = cost;
        say(&format!("run={run} tls_and_open_us={tls:.0} plain_open_us={plain:.0} rustls_alone_us={rustls:.0}"));
        for (costs, cost) in costs.iter_mut().zip([tls, plain, rustls]) {
            costs.push(cost);
        }
    }
    let [tls, plain, rustls] = costs.map(median);
    say(&format!(
        "median tls_and_open_us={tls:.0} plain_open_us={plain:.0} rustls_alone_us={rustls:.0} \
         handshake_ratio={:.2} whole_ratio={:.2}",
        (tls - plain) / rustls,
        tls / rustls
    ));
    Ok(())
}

fn report_plugins(houses: &Houses, (connections, messages): (u32, u32), runs: u32) -> Result<()> {
    let load = Load { count: messages, size: 100, pairs: 1, settled: false, runs, ways: vec![Through::Plain] };
    let [mut rates, mut set_ups, mut costs] = [(); 3].map(|()| [Vec::new(), Vec::new()]);
    for run in 1..=runs {
        for (index, house) in [&houses.without, &houses.admission].into_iter().enumerate() {
            let (rate, micros) = plugins::set_up(house, connections)?;
            say(&format!(
                "run={run} admission={} connections_per_second={rate:.0} router_cpu_us={micros:.0}",
                index > 0
            ));
            rates[index].push(rate);
            set_ups[index].push(micros);
        }
        for (index, house) in [&houses.without, &houses.every_hook].into_iter().enumerate() {
            let (micros, _) = through(house, &load, Through::Plain)?;
            say(&format!("run={run} every_hook={} message_cpu_us={micros:.3}", index > 0));
            costs[index].push(micros);
        }
    }
    let ratio = |values: [Vec<f64>; 2]| {
        let [without, with] = values.map(median);
        with / without
    };
    let [rate, set_up, cost] = [ratio(rates), ratio(set_ups), ratio(costs)];
    say(&format!(
        "median with_admission connections_per_second_ratio={rate:.3} router_cpu_ratio={set_up:.3} every_hook message_cpu_ratio={cost:.3}"
    ));
    Ok(())
}

/// Two milliseconds lie between two failures.
fn report_failures(failures: u32) -> Result<()> {
    let [quiet, loud] = plugins::beside(failures, failures, Duration::from_millis(2))?;
    for Beside { failures, latency, cpu_micros } in [quiet, loud] {
        let latency = latency.as_secs_f64() * 1e6;
        say(&format!("failures={failures} latency_us={latency:.0} message_cpu_us={cpu_micros:.1}"));
    }
    let latency = loud.latency.as_secs_f64() / quiet.latency.as_secs_f64();
    say(&format!("latency_ratio={latency:.2} message_cpu_ratio={:.2}", loud.cpu_micros / quiet.cpu_micros));
    Ok(())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

#[expect(clippy::print_stdout, reason = "what the program is for")]
fn say(line: &str) {
    println!("{line}");
}
