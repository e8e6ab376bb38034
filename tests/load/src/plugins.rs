//! What plugins cost whoever they decide about, and what a plugin that fails costs everybody else.

use std::io::{Error, Result};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crosstie_tests::place::TestDir;

use crate::house::House;
use crate::messages::{self, Receiver, Sender, Task};
use crate::peer::{Peer, Way};
use crate::wire::Door;

/// Every hook is asked, and answers: admission of connections, what addresses stand for, which endpoint is next; and in text what has
/// no opinion of sessions and links.
const EVERY_HOOK: &str = r#"plugin "admission" {
    config {
        deny container-id="intruder-*"
        allow network="127.0.0.0/8" {
            attribute "tenant" "acme"
        }
    }
}
plugin "address-table" {
    config {
        rewrite prefix="old/" to="new/"
    }
}
plugin "failover-order"
plugin "nothing"
"#;

/// Admission alone.
const ADMISSION: &str = r#"plugin "admission" {
    config {
        deny container-id="intruder-*"
        allow network="127.0.0.0/8" {
            attribute "tenant" "acme"
        }
    }
}
"#;

/// Fails at each connection of one listener, from one host: it is never in quarantine.
const FAILS: &str = "plugin \"fails\" {\n    only listener=\"container\"\n}\n";

/// Answers nothing when sessions and links are asked about.
const NOTHING: &str = r#"(module (memory (export "memory") 2)
    (func (export "policy_abi_v1") (result i32) (i32.const 0))
    (func (export "policy_alloc") (param i32) (result i32) (i32.const 65536))
    (func (export "on_session") (param i32 i32) (result i64) (i64.const 0))
    (func (export "on_link") (param i32 i32) (result i64) (i64.const 0)))"#;

/// Traps.
const TRAPS: &str = r#"(module (memory (export "memory") 2)
    (func (export "policy_abi_v1") (result i32) (i32.const 0))
    (func (export "policy_alloc") (param i32) (result i32) (i32.const 65536))
    (func (export "on_connection") (param i32 i32) (result i64) unreachable))"#;

/// A router without plugins, and two with.
pub(crate) struct Houses {
    pub(crate) without: House,
    pub(crate) admission: House,
    pub(crate) every_hook: House,
}

impl Houses {
    /// `built`: where the ready-made plugins lie.
    pub(crate) fn open(built: &Path) -> Result<Self> {
        Ok(Self {
            without: House::open()?,
            admission: house(&[("admission", &read(built, "admission")?)], ADMISSION)?,
            every_hook: house(
                &[
                    ("admission", &read(built, "admission")?),
                    ("address-table", &read(built, "address-table")?),
                    ("failover-order", &read(built, "failover-order")?),
                    ("nothing", &text(NOTHING)?),
                ],
                EVERY_HOOK,
            )?,
        })
    }
}

fn read(built: &Path, name: &str) -> Result<Vec<u8>> {
    let path = built.join(format!("{name}.wasm"));
    std::fs::read(&path).map_err(|error| Error::other(format!("{}: {error}; tests/run builds it", path.display())))
}

fn text(wat: &str) -> Result<Vec<u8>> {
    wat::parse_str(wat).map_err(Error::other)
}

fn house(modules: &[(&str, &[u8])], nodes: &str) -> Result<House> {
    let dir = TestDir::new("load-plugins");
    for (name, module) in modules {
        std::fs::write(dir.path().join(format!("{name}.wasm")), module)?;
    }
    let kdl = format!("plugins \"{}\"\n{nodes}", dir.path().display());
    House::open_in(dir, &kdl)
}

/// Lets `count` clients in, one after the other: connections a second, and CPU of the router for each in microseconds.
pub(crate) fn set_up(house: &House, count: u32) -> Result<(f64, f64)> {
    let (before, began) = (house.cpu_micros()?, Instant::now());
    for number in 0..count {
        Peer::open(&house.plain, &format!("load-{number}"))?;
    }
    let seconds = began.elapsed().as_secs_f64();
    thread::sleep(Duration::from_millis(100));
    let micros = house.cpu_micros()?.saturating_sub(before);
    Ok((f64::from(count) / seconds, Duration::from_micros(micros).as_secs_f64() * 1e6 / f64::from(count)))
}

/// What messages that have nothing to do with a plugin meet while it fails.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Beside {
    pub(crate) failures: u32,
    /// From the sender's write to the receiver's read, median.
    pub(crate) latency: Duration,
    /// CPU of the router for each message, in microseconds; that of as many failures with nothing beside them is not in it.
    pub(crate) cpu_micros: f64,
}

/// Messages one by one without failures, and while `failures` connections of another listener fail, paced. The first is the quiet run.
pub(crate) fn beside(failures: u32, messages: u32, pace: Duration) -> Result<[Beside; 2]> {
    let house = house(&[("fails", &text(TRAPS)?)], FAILS)?;
    let quiet = ping(&house, messages, &AtomicBool::new(false))?;
    let before = house.cpu_micros()?;
    fail(&house.container_plain, failures, pace)?;
    let alone = Duration::from_micros(house.cpu_micros()?.saturating_sub(before)).as_secs_f64() * 1e6;
    let over = Arc::new(AtomicBool::new(false));
    let (door, told) = (house.container_plain.clone(), over.clone());
    let before = house.cpu_micros()?;
    let failing = thread::spawn(move || {
        let failed = fail(&door, failures, pace);
        told.store(true, Ordering::Relaxed);
        failed
    });
    let (latency, _, count) = ping(&house, u32::MAX, &over)?;
    failing.join().map_err(|_| Error::other("the failing clients panicked"))??;
    let all = Duration::from_micros(house.cpu_micros()?.saturating_sub(before)).as_secs_f64() * 1e6;
    let loud = Beside { failures, latency, cpu_micros: (all - alone) / f64::from(count) };
    let (latency, cpu_micros, _) = quiet;
    Ok([Beside { failures: 0, latency, cpu_micros }, loud])
}

/// Connects so often, `pace` apart, and is refused each time.
fn fail(door: &Door, count: u32, pace: Duration) -> Result<()> {
    let mut next = Instant::now();
    for number in 0..count {
        let mut peer = Peer::open(door, &format!("refused-{number}"))?;
        if peer.attach(Way::ToRouter, "refused", true).is_ok() {
            return Err(Error::other("a connection was let in that is to be refused"));
        }
        next += pace;
        thread::sleep(next.saturating_duration_since(Instant::now()));
    }
    Ok(())
}

/// One message after the other, each received and accepted before the next: median latency, CPU of the router for each in microseconds,
/// and how many there were.
fn ping(house: &House, most: u32, until: &AtomicBool) -> Result<(Duration, f64, u32)> {
    let task = Task { count: most, size_bytes: 100, settled: false };
    let mut receiving = Peer::open(&house.plain, "load-receiver")?;
    receiving.attach(Way::FromRouter, "ping", false)?;
    let mut receiver = Receiver::new(task);
    receiver.grant(&mut receiving.wire);
    receiving.wire.write()?;
    let mut sending = Peer::open(&house.plain, "load-sender")?;
    sending.attach(Way::ToRouter, "ping", false)?;
    let mut sender = Sender::new(&sending, task)?;
    let (mut latencies, mut count, before) = (Vec::new(), 0_u32, house.cpu_micros()?);
    while count < most && !until.load(Ordering::Relaxed) {
        count = count.saturating_add(1);
        let began = Instant::now();
        sender.set_count(count);
        messages::run_until(&mut sending, &mut sender, Sender::has_sent)?;
        messages::run_until(&mut receiving, &mut receiver, |receiver| receiver.received() == count)?;
        latencies.push(began.elapsed());
        messages::run(&mut sending, &mut sender)?;
    }
    let micros = Duration::from_micros(house.cpu_micros()?.saturating_sub(before)).as_secs_f64() * 1e6;
    latencies.sort_unstable();
    let median = latencies.get(latencies.len() / 2).copied().unwrap_or_default();
    Ok((median, micros / f64::from(count.max(1)), count))
}
